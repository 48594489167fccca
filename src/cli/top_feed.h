/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where `bulkhead top` has its news from: the daemon's stream of flows, and its status and
 * workloads, asked for now and then. Nothing here waits for the daemon: it is one of the
 * descriptors that the loop waits for (libcurl's multi interface is the loop). A daemon that is
 * away is asked again until it is back, and the reader is told.
 */
#ifndef BH_TOP_FEED_H
#define BH_TOP_FEED_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "command.h"

/* What is told of, while bh_top_feed_wait() runs. JSON is harmless to a terminal (answer.h), and
 * the feed's. */
struct bh_top_news {
	void (*begun)(void *user);		     /* the stream: from now on flows come */
	void (*line)(void *user, const cJSON *line); /* of the stream */
	void (*away)(void *user, const char *why);   /* … has ended, or could not begin */
	void (*workloads)(void *user, const cJSON *answer);
	void (*status)(void *user, const cJSON *answer);
	void *user;
};

struct bh_top_feed;

/* call: for its socket; it and *news have to outlive the feed. */
struct bh_top_feed *bh_top_feed_new(const struct bh_call *call, const struct bh_top_news *news);
void bh_top_feed_free(struct bh_top_feed *feed);

/* The stream ends and begins anew with this filter; NULL: with none. */
void bh_top_feed_filter(struct bh_top_feed *feed, const char *filter);

/* Until something comes from the daemon, or to be read at one of these descriptors, or so many
 * milliseconds passed; then does what there is to do. */
void bh_top_feed_wait(struct bh_top_feed *feed, const int *fds, size_t count, int milliseconds);

#endif
