/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http_reply.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum framing { HEAD, PLAIN, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, DONE };

void bh_http_reply_free(struct bh_http_reply *r)
{
	bh_buffer_free(&r->body);
	bh_buffer_free(&r->raw);
}

/* Whether a header line says that the body is chunked. */
static bool says_chunked(const char *head)
{
	static const char name[] = "transfer-encoding:";

	for (const char *line = head; line != NULL; line = strstr(line, "\r\n")) {
		line += strncmp(line, "\r\n", 2) == 0 ? 2 : 0;
		if (strncasecmp(line, name, sizeof(name) - 1) == 0)
			return strncasecmp(line + sizeof(name) - 1 +
						   strspn(line + sizeof(name) - 1, " \t"),
					   "chunked", 7) == 0;
	}
	return false;
}

/* Takes the head off raw, once all of it is there. */
static int read_head(struct bh_http_reply *r, struct bh_error *err)
{
	/* bh_buffer keeps a NUL behind its bytes; a NUL among them ends the search, as it should.
	 */
	char *end = r->raw.length > 0 ? strstr(r->raw.data, "\r\n\r\n") : NULL;
	int minor;

	if (end == NULL)
		return r->raw.length > r->limit
			       ? bh_error_set(err, -E2BIG, "the reply's head has no end")
			       : -EAGAIN;
	*end = '\0';
	if (sscanf(r->raw.data, "HTTP/1.%1d %3d", &minor, &r->status) != 2)
		return bh_error_set(err, -EPROTO, "not an HTTP reply: %.40s", r->raw.data);
	r->framing = says_chunked(r->raw.data) ? CHUNK_SIZE : PLAIN;
	bh_buffer_consume(&r->raw, (size_t)(end - r->raw.data) + 4);
	return 0;
}

static int read_chunk_size(struct bh_http_reply *r, struct bh_error *err)
{
	char *end = r->raw.length > 0 ? strstr(r->raw.data, "\r\n") : NULL, *rest;

	if (end == NULL)
		return r->raw.length > 64 ? bh_error_set(err, -EPROTO, "a chunk without a size")
					  : -EAGAIN;
	unsigned long size = strtoul(r->raw.data, &rest, 16);
	if (rest == r->raw.data || size > r->limit)
		return bh_error_set(err, -EPROTO, "a chunk of no valid size");
	r->chunk_left = size;
	r->framing = size == 0 ? DONE : CHUNK_DATA;
	bh_buffer_consume(&r->raw, (size_t)(end - r->raw.data) + 2);
	return 0;
}

static int read_chunk_end(struct bh_http_reply *r, struct bh_error *err)
{
	if (r->raw.length < 2)
		return -EAGAIN;
	if (memcmp(r->raw.data, "\r\n", 2) != 0)
		return bh_error_set(err, -EPROTO, "a chunk that does not end where it should");
	bh_buffer_consume(&r->raw, 2);
	r->framing = CHUNK_SIZE;
	return 0;
}

static int read_body(struct bh_http_reply *r, size_t most, struct bh_error *err)
{
	size_t some = r->raw.length < most ? r->raw.length : most;

	if (some == 0)
		return -EAGAIN;
	if (r->body.length + some > r->limit)
		return bh_error_set(err, -E2BIG, "the reply is larger than %zu bytes", r->limit);
	bh_buffer_append(&r->body, r->raw.data, some);
	bh_buffer_consume(&r->raw, some);
	if (r->framing == CHUNK_DATA && (r->chunk_left -= some) == 0)
		r->framing = CHUNK_END;
	return 0;
}

/* One step; −EAGAIN: more bytes are needed. */
static int advance(struct bh_http_reply *r, struct bh_error *err)
{
	switch (r->framing) {
	case HEAD:
		return read_head(r, err);
	case PLAIN:
		return read_body(r, SIZE_MAX, err);
	case CHUNK_SIZE:
		return read_chunk_size(r, err);
	case CHUNK_DATA:
		return read_body(r, r->chunk_left, err);
	case CHUNK_END:
		return read_chunk_end(r, err);
	}
	bh_buffer_clear(&r->raw); /* trailers, which nobody needs */
	return -EAGAIN;
}

int bh_http_reply_feed(struct bh_http_reply *r, const void *bytes, size_t length,
		       struct bh_error *err)
{
	int result;

	bh_buffer_append(&r->raw, bytes, length);
	while ((result = advance(r, err)) == 0)
		;
	return result == -EAGAIN ? 0 : result;
}
