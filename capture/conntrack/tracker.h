/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connection tracking of this network namespace, followed: dumps, lookups by tuple, and, for those
 * who pay for it, news of each entry that is made or ends. Needs CAP_NET_ADMIN. Nothing blocks but
 * bh_tracker_find(), for the time that the kernel takes to look.
 *
 * News are dear: the kernel makes a message of each, and reading them takes 0.19 s of a processor a
 * second at 11,700 new connections a second; 1,000 lookups a second take 0.01 s (bench/tracking.sh,
 * medians of 7 rounds of a second, each of which begins with an empty table; what a dump of a full
 * one takes was not measured). An entry of TCP stays for 120 s after its end, 10 s after a reset;
 * one of UDP for 30 s after its last packet. So a dump every few seconds, or a lookup within them,
 * misses only what was deleted by hand: by dockerd, say, when a container goes.
 */
#ifndef BH_TRACKER_H
#define BH_TRACKER_H

#include "bulkhead/error.h"
#include "bulkhead/tracked.h"

struct bh_tracker;

struct bh_tracker_config {
	bool made;	    /* news of entries that are made … */
	bool ended;	    /* … and of those that end, with their final counts */
	int receive_buffer; /* bytes, for news; 0: the system's default */
};

struct bh_tracker_events {
	void *user;
	void (*entry)(void *user, const struct bh_tracked *entry);
	/* A dump is over: 0, or a negative errno where it is not whole. */
	void (*dumped)(void *user, int code);
	/* News were lost, `count` times so far; a dump of everything has begun by itself. */
	void (*overrun)(void *user, uint64_t count);
};

/* NULL with *err. events is copied. */
struct bh_tracker *bh_tracker_open(const struct bh_tracker_config *config,
				   const struct bh_tracker_events *events, struct bh_error *err);
void bh_tracker_close(struct bh_tracker *tracker);

/* The descriptors to wait on for reading; answers their number. */
#define BH_TRACKER_FDS 2
size_t bh_tracker_fds(const struct bh_tracker *tracker, int fds[BH_TRACKER_FDS]);
/* Takes what waits, a bounded amount: a large dump takes many calls. 0 or negative errno. */
int bh_tracker_read(struct bh_tracker *tracker);

/* Begins a dump of everything, both families; one that runs already is not begun again. */
int bh_tracker_dump(struct bh_tracker *tracker);

/* Looks the tuples up, each as it is: it is found as an entry's original or as its reply tuple,
 * which entry() is then told of. Answers how many were found, or a negative errno. ICMP is not
 * found this way: its tuple has a number that a flow's has not. */
int bh_tracker_find(struct bh_tracker *tracker, const struct bh_flow_key *keys, size_t count);

#endif
