/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>

#include "http_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The same bytes at once and one by one are the same reply. */
static int feed(struct bh_http_reply *reply, const uint8_t *data, size_t size, size_t step)
{
	struct bh_error err = { 0 };
	int result = 0;

	for (size_t at = 0; at < size && result == 0; at += step)
		result = bh_http_reply_feed(reply, data + at, size - at < step ? size - at : step,
					    &err);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_http_reply whole = { .limit = 4096 }, pieces = { .limit = 4096 };
	int a = feed(&whole, data, size, size > 0 ? size : 1), b = feed(&pieces, data, size, 1);

	if (a == 0 && b == 0 &&
	    (whole.status != pieces.status || whole.body.length != pieces.body.length))
		abort();
	if (whole.body.length > 4096 || pieces.body.length > 4096)
		abort();
	bh_http_reply_free(&whole);
	bh_http_reply_free(&pieces);
	return 0;
}
