/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's API: HTTP and JSON over sockets that somebody else has opened (libmicrohttpd, driven
 * by the caller's event loop), and the files of the web interface beside it. It knows routes,
 * bodies, callers and errors; what the answers say is the handlers' affair.
 *
 * Who calls is told by the socket's credentials (SO_PEERCRED) where it is one for programs of this
 * host: root and the operator group may change things, whoever else may open the socket reads. On
 * all other sockets it is told by a bearer token (RFC 6750) or a client certificate, and nobody may
 * do anything without. There are no cookies: no other site's page can call in a user's name.
 */
#ifndef BH_API_SERVER_H
#define BH_API_SERVER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <sys/types.h>

#include "buffer.h"
#include "bulkhead/error.h"

enum bh_api_role {
	BH_ROLE_NONE,
	BH_ROLE_VIEWER,
	BH_ROLE_OPERATOR,
};
/* "none", "viewer", "operator". */
const char *bh_api_role_name(enum bh_api_role role);

enum bh_api_via {
	BH_VIA_SOCKET, /* the socket's credentials */
	BH_VIA_TOKEN,
	BH_VIA_CERTIFICATE,
	BH_VIA_NOTHING, /* anonymous */
};
const char *
bh_api_via_name(enum bh_api_via via); /* "socket", "token", "certificate", "anonymous" */

#define BH_API_NAME 128

struct bh_api_request {
	const char *method;
	const char *path;
	const char *body; /* NUL-terminated; "" where there is none */
	size_t body_length;
	uid_t uid;		  /* of the caller; (uid_t)-1: not known */
	bool operator_role;	  /* may change things */
	enum bh_api_via via;	  /* how it is known who calls */
	char author[BH_API_NAME]; /* the caller, for history: a user's name, "token NAME", … */
	void *connection;	  /* for bh_api_query() */
};

/* Query parameter or NULL. */
const char *bh_api_query(const struct bh_api_request *request, const char *key);
/* Header or NULL. */
const char *bh_api_header(const struct bh_api_request *request, const char *key);
/* All parameters, "a=1&b=2", escaped as in a URL; to be freed. */
char *bh_api_query_text(const struct bh_api_request *request);

/* What a handler fills. json is taken over and freed; or text, for documents. status 0 means 200.
 */
struct bh_api_reply {
	unsigned status;
	cJSON *json;
	char *text;	  /* malloc'd */
	const char *type; /* of text, static; NULL: text/plain */
	/* Instead of anything else: what the answer needs is on its way. The handler is called
	 * again with the same request once bh_api_retry() was. */
	bool wait;
	/* Instead of both: keep the connection open and write lines as they come (events, flows
	 * with follow=1). Called whenever bh_api_wake() was; appends to *out what is new since its
	 * last call. stream_state is freed with stream_free when the client leaves. Who accepts
	 * text/event-stream gets each line as an event of that kind, with the line's "number", if
	 * it begins with one, as its id (stream.h). */
	void (*stream)(void *stream_state, struct bh_buffer *out);
	void *stream_state;
	void (*stream_free)(void *stream_state);
	const char *stream_kind; /* static: "flow" */
};

struct bh_api_route {
	const char *method;
	const char *path; /* exact, "/v1/status" */
	bool changes;	  /* needs the operator role */
	void (*handle)(void *user, const struct bh_api_request *request,
		       struct bh_api_reply *reply);
};

/* A file of the web interface, compressed (gzip): it asks for no token, and says nothing. */
struct bh_api_file {
	const char *path; /* "/", "/assets/index-1a2b3c.js" */
	const char *type;
	bool lasting; /* its name changes with what is in it */
	const unsigned char *data;
	size_t size;
};

struct bh_api;

#define BH_API_LISTENERS 17

struct bh_api_listener {
	int fd;			    /* bound and listening; taken over */
	bool trusts_peers;	    /* a unix socket whose credentials say who calls */
	enum bh_api_role anonymous; /* what who shows nothing may do */
	/* Files of a certificate chain and its key, in PEM: TLS; NULL: in the clear. client_ca: who
	 * is to have signed clients' certificates; NULL: none is asked for. */
	const char *certificate, *key, *client_ca;
};

struct bh_api_config {
	struct bh_api_listener listeners[BH_API_LISTENERS];
	size_t listener_count;
	gid_t operator_group; /* (gid_t)-1: none */
	size_t max_body;      /* bytes; a larger body is refused with 413 */
	size_t max_stream;    /* bytes that wait for one slow reader of a stream; 0: 16 MiB. Beyond
			       * it the oldest lines are dropped, and {"gap":N} tells how many */
	unsigned max_connections;	 /* of each listener */
	const struct bh_api_file *files; /* ends with a NULL path; NULL: none */
	/* What may a token, or a verified certificate of that common name, do, and what is its
	 * bearer called? NULL: neither is known. */
	enum bh_api_role (*token)(void *user, const char *token, char name[BH_API_NAME]);
	enum bh_api_role (*certificate)(void *user, const char *common_name);
	/* A request that changes something was answered, or refused. NULL: nobody wants to know. */
	void (*changed)(void *user, const struct bh_api_request *request, unsigned status);
};

/* routes: ends with a NULL method. user is handed to every handler. A listener whose certificate is
 * no good does not serve until it is (bh_api_fault()); all else that fails is an error. */
struct bh_api *bh_api_new(const struct bh_api_config *config, const struct bh_api_route *routes,
			  void *user, struct bh_error *err);
void bh_api_free(struct bh_api *api);
int bh_api_fd(const struct bh_api *api); /* readable: call bh_api_run() */
void bh_api_run(struct bh_api *api);
int64_t bh_api_wait(const struct bh_api *api); /* µs until bh_api_run() is due anyway; −1: never */
/* Something new for the streams: makes the descriptor readable. May be called by a handler. */
void bh_api_wake(struct bh_api *api);

/* Listeners whose certificates' files have changed begin anew with what is in them; those who are
 * connected there come again. Files that are no good change nothing. */
void bh_api_renew(struct bh_api *api);
/* Why a listener does not serve, or goes on with the certificate that it had; NULL: all is well.
 * Good until the next call of either. */
const char *bh_api_fault(const struct bh_api *api);

/* What requests waited for is there. May not be called by a handler. */
void bh_api_retry(struct bh_api *api);

/* {"error":{"what":…,"where":…,"do":…}}; every error is of this shape. where and fix may be NULL.
 */
void bh_api_fail(struct bh_api_reply *reply, unsigned status, const char *where, const char *fix,
		 const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
