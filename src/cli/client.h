/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Talking to the daemon: HTTP over its unix socket (libcurl), errors in words. */
#ifndef BH_CLIENT_H
#define BH_CLIENT_H

#include <cjson/cJSON.h>

#include "buffer.h"
#include "command.h"

struct bh_request {
	const char *method; /* NULL: GET */
	const char *path;
	struct bh_buffer query; /* filled by bh_request_add(); freed with the request */
	const char *body;	/* NULL: none */
};

/* Adds a query parameter, escaped; a NULL value is left out. */
void bh_request_add(struct bh_request *request, const char *key, const char *value);

/* How an answer is told. */
struct bh_view {
	void (*print)(const struct bh_call *call, const cJSON *answer); /* --format table */
	int (*judge)(const cJSON *answer); /* the exit status, in any format; NULL: done */
};

/* Each of these makes the request and frees its query, and returns the exit status; what went wrong
 * was complained about. */

/* The answer's bytes as they are, in *out (freed by the caller). */
int bh_client_text(const struct bh_call *call, struct bh_request *request, struct bh_buffer *out);

/* Prints the answer: as it is with --format json, else by the view. */
int bh_client_show(const struct bh_call *call, struct bh_request *request,
		   const struct bh_view *view);

/* An answer of lines, handed on one by one: with "follow" as they come, until the daemon ends it.
 */
int bh_client_lines(const struct bh_call *call, struct bh_request *request,
		    void (*line)(void *user, char *line), void *user);

/* Prints what goes into files and pipes as it is; only a terminal must not obey it. */
void bh_print_document(char *text, const char *end);

/* "bulkhead: …" on standard error, harmless to a terminal; returns status. */
int bh_complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A file's contents; "-" is standard input. False: it was complained about. */
bool bh_read_file(const char *path, struct bh_buffer *out);

#endif
