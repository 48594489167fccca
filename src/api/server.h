/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's API: HTTP and JSON over a unix socket (libmicrohttpd, driven by the caller's event
 * loop). It knows routes, bodies, callers and errors; what the answers say is the handlers' affair.
 * The caller is known by the socket's credentials (SO_PEERCRED): root and the operator group may
 * change things, whoever else may open the socket reads.
 */
#ifndef BH_API_SERVER_H
#define BH_API_SERVER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <sys/types.h>

#include "buffer.h"
#include "bulkhead/error.h"

struct bh_api_request {
	const char *method;
	const char *path;
	const char *body; /* NUL-terminated; "" where there is none */
	size_t body_length;
	uid_t uid;	    /* of the caller */
	bool operator_role; /* may change things */
	char author[128];   /* the caller's user name, for history */
	void *connection;   /* for bh_api_query() */
};

/* Query parameter or NULL. */
const char *bh_api_query(const struct bh_api_request *request, const char *key);

/* What a handler fills. json is taken over and freed; or text, for documents. status 0 means 200.
 */
struct bh_api_reply {
	unsigned status;
	cJSON *json;
	char *text; /* malloc'd; content type text/plain */
	/* Instead of anything else: what the answer needs is on its way. The handler is called
	 * again with the same request once bh_api_retry() was. */
	bool wait;
	/* Instead of both: keep the connection open and write lines as they come (events, flows
	 * with follow=1). Called whenever bh_api_wake() was; appends to *out what is new since its
	 * last call. stream_state is freed with stream_free when the client leaves. */
	void (*stream)(void *stream_state, struct bh_buffer *out);
	void *stream_state;
	void (*stream_free)(void *stream_state);
};

struct bh_api_route {
	const char *method;
	const char *path; /* exact, "/v1/status" */
	bool changes;	  /* needs the operator role */
	void (*handle)(void *user, const struct bh_api_request *request,
		       struct bh_api_reply *reply);
};

struct bh_api;

struct bh_api_config {
	int listen_fd;	      /* a bound, listening unix socket; taken over */
	gid_t operator_group; /* (gid_t)-1: none */
	size_t max_body;      /* bytes; a larger body is refused with 413 */
	size_t max_stream;    /* bytes that wait for one slow reader of a stream; 0: 16 MiB. Beyond
			       * it the oldest lines are dropped, and {"gap":N} tells how many */
	unsigned max_connections;
};

/* routes: ends with a NULL method. user is handed to every handler. */
struct bh_api *bh_api_new(const struct bh_api_config *config, const struct bh_api_route *routes,
			  void *user, struct bh_error *err);
void bh_api_free(struct bh_api *api);
int bh_api_fd(const struct bh_api *api); /* readable: call bh_api_run() */
void bh_api_run(struct bh_api *api);
int64_t bh_api_wait(const struct bh_api *api); /* µs until bh_api_run() is due anyway; −1: never */
/* Something new for the streams: makes the descriptor readable. May be called by a handler. */
void bh_api_wake(struct bh_api *api);

/* What requests waited for is there. May not be called by a handler. */
void bh_api_retry(struct bh_api *api);

/* {"error":{"what":…,"where":…,"do":…}}; every error is of this shape. where and fix may be NULL.
 */
void bh_api_fail(struct bh_api_reply *reply, unsigned status, const char *where, const char *fix,
		 const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
