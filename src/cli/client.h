/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Talking to the daemon: HTTP over its unix socket (libcurl), errors in words. */
#ifndef BH_CLIENT_H
#define BH_CLIENT_H

#include <cjson/cJSON.h>

#include "buffer.h"
#include "command.h"

/* A request's query, put together safely. Zero-initialise. */
struct bh_query {
	struct bh_buffer text;
};
void bh_query_add(struct bh_query *query, const char *key, const char *value); /* NULL: left out */

/* method: "GET" or "POST"; body: NULL for none. On success the answer's bytes are in *out (freed by
 * the caller). Otherwise the error was printed, and the exit status is returned. */
int bh_client_text(const struct bh_call *call, const char *method, const char *path,
		   const struct bh_query *query, const char *body, struct bh_buffer *out);

/* The same, parsed; with --format json it was printed already and *json is NULL. */
int bh_client_json(const struct bh_call *call, const char *method, const char *path,
		   const struct bh_query *query, const char *body, cJSON **json);

/* A stream of lines, handed on as they come, until the daemon ends it. */
int bh_client_follow(const struct bh_call *call, const char *path, const struct bh_query *query,
		     void (*line)(void *user, const char *line), void *user);

/* "bulkhead: what (where); do" on standard error; returns status. */
int bh_complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A file's contents; "-" is standard input. False: it was complained about. */
bool bh_read_file(const char *path, struct bh_buffer *out);

#endif
