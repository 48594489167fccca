/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libcurl's transfers on an event loop. */
#ifndef BH_CURL_LOOP_H
#define BH_CURL_LOOP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <uv.h>

struct bh_curl_loop;

/* Whoever owns it keeps it until it has ended, or was removed. */
struct bh_transfer {
	CURL *curl; /* whose CURLOPT_PRIVATE is taken; NULL: it could not be prepared */
	/* Never called from within _add. Without curl the result is CURLE_FAILED_INIT. */
	void (*ended)(struct bh_transfer *transfer, CURLcode result);
	TAILQ_ENTRY(bh_transfer) next;
	bool begun;
};

struct bh_curl_loop *bh_curl_loop_new(uv_loop_t *loop);
/* Transfers are still their owners', who removed them. It is gone when the loop has run once more.
 */
void bh_curl_loop_free(struct bh_curl_loop *loop);

void bh_curl_loop_add(struct bh_curl_loop *loop, struct bh_transfer *transfer);
/* Of one that has not ended, which then does not. Not from within libcurl's own callbacks. */
void bh_curl_loop_remove(struct bh_curl_loop *loop, struct bh_transfer *transfer);

#endif
