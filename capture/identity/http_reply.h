/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reply to an HTTP/1.0 GET, byte run by byte run (RFC 9112). Chunked bodies are understood,
 * because some servers send them whatever they were asked. */
#ifndef BH_HTTP_REPLY_H
#define BH_HTTP_REPLY_H

#include "buffer.h"
#include "bulkhead/error.h"

struct bh_http_reply {
	int status;	       /* 0 until the head is complete */
	struct bh_buffer body; /* what of it has come; the caller may consume from it */
	struct bh_buffer raw;  /* bytes that are not understood yet */
	int framing;	       /* internal */
	size_t chunk_left;
	size_t limit; /* bytes of head or body kept at most */
};

/* Zero-initialise but for limit. */
void bh_http_reply_free(struct bh_http_reply *reply);

/* 0, or negative errno with what is wrong: not HTTP, too large. */
int bh_http_reply_feed(struct bh_http_reply *reply, const void *bytes, size_t length,
		       struct bh_error *err);

#endif
