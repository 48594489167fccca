/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The API's server from within: what its files say to one another. */
#ifndef BH_API_SERVER_PARTS_H
#define BH_API_SERVER_PARTS_H

#include <microhttpd.h>
#include <sys/queue.h>

#include "server.h"

struct stream;

/* What a listener's files held when they were read. */
struct tls_files {
	char *certificate, *key, *client_ca; /* PEM; NULL: there is none */
	char state[192];		     /* what tells that they are others now */
};

/* A request under way: its body so far. */
struct exchange {
	struct bh_buffer body;
	bool too_large;
	struct MHD_Connection *connection;
	TAILQ_ENTRY(exchange) next; /* while its handler waits */
};

/* A socket that listens. */
struct listener {
	struct bh_api *api;
	struct bh_api_listener config;
	struct tls_files tls;
	struct MHD_Daemon *daemon; /* NULL: it does not serve */
	struct bh_error fault;	   /* code 0: none */
};

struct bh_api {
	struct bh_api_config config;
	struct listener listeners[BH_API_LISTENERS];
	size_t listener_count;
	int poll_fd; /* epoll: libmicrohttpd's, and wake_fd */
	int wake_fd; /* eventfd: a connection was resumed */
	const struct bh_api_route *routes;
	void *user;
	TAILQ_HEAD(, stream) streams;
	TAILQ_HEAD(, exchange) waiting;
};

/* server.c */
enum MHD_Result bh_api_queue(struct MHD_Connection *connection, unsigned status,
			     struct MHD_Response *response, const char *type);
int bh_api_descriptor(struct MHD_Connection *connection);

/* caller.c: who calls, into *request. Otherwise *reply says what is missing. */
bool bh_api_identify(const struct listener *l, struct MHD_Connection *connection,
		     struct bh_api_request *request, struct bh_api_reply *reply);

/* stream.c */
enum MHD_Result bh_api_stream(struct bh_api *api, struct MHD_Connection *connection,
			      const struct bh_api_reply *reply);
void bh_api_stream_left(struct stream *s);    /* its client hung up */
void bh_api_streams_beat(struct bh_api *api); /* those that are silent say that they are there */
int64_t bh_api_streams_wait(const struct bh_api *api); /* µs until then; −1: never */

/* files.c: answers for one of the interface's files, or MHD_NO: there is none of that name. */
bool bh_api_file(const struct bh_api *api, struct MHD_Connection *connection,
		 const struct bh_api_request *request, enum MHD_Result *result);

/* tls.c */
/* Reads and checks a listener's files; none: nothing. 0, or negative errno, and *out as it was. */
int bh_tls_read(const struct bh_api_listener *config, struct tls_files *out, struct bh_error *err);
bool bh_tls_changed(const struct bh_api_listener *config, const struct tls_files *files);
void bh_tls_free(struct tls_files *files);
/* The common name of the client's certificate, if it shows one that is good; false: it does not. */
bool bh_tls_client(struct MHD_Connection *connection, char *name, size_t size);

#endif
