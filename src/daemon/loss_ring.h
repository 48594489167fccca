/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was lost, and when. Counts are kept by interval, for a while, and in total. Intervals in
 * which nothing was lost take no room. Pure bookkeeping: no clock of its own.
 */
#ifndef BH_LOSS_RING_H
#define BH_LOSS_RING_H

#include <stddef.h>
#include <stdint.h>

#include "timefmt.h"

#define BH_LOSS_INTERVAL (10 * BH_SECOND)
#define BH_LOSS_KEPT 1024 /* intervals with loss; more than an hour's, even if every one has */
#define BH_LOSS_TEXT 1024

enum bh_loss_kind {
	BH_LOSS_PACKETS,    /* the kernel's ring was full */
	BH_LOSS_EVICTIONS,  /* flows ended early to stay within capture.max_flows */
	BH_LOSS_FLOWS,	    /* reports that found no room between capture and core */
	BH_LOSS_NAMES,	    /* likewise of addresses' names */
	BH_LOSS_CLAIMS,	    /* of what TLS clients say whom they speak to */
	BH_LOSS_NEIGHBOURS, /* claims of addresses and MACs (neighbour_queue.h) */
	BH_LOSS_DENIALS,    /* on their way from the kernel to core */
	BH_LOSS_NETLINK,    /* overruns; each time everything was scanned again */
	BH_LOSS_CAPTURE,    /* times that a capture process was away, or hung */
	BH_LOSS_CORE,	    /* a core died before this one */
	BH_LOSS_EVENTS,	    /* that the store did not take */
	BH_LOSS_IPFIX,	    /* flow records that a collector was not sent */
	BH_LOSS_LOGS,	    /* flows and events that found no way into a log */
	BH_LOSS_KINDS,
};

struct bh_loss_interval {
	int64_t start; /* µs, a multiple of BH_LOSS_INTERVAL */
	uint64_t counts[BH_LOSS_KINDS];
};

struct bh_loss_ring {
	struct bh_loss_interval kept[BH_LOSS_KEPT]; /* use bh_loss_kept() */
	uint64_t made;				    /* intervals, those that were overwritten too */
	uint64_t totals[BH_LOSS_KINDS];
};

/* A time before the newest interval's counts as within that one: clocks are set back. */
void bh_loss_add(struct bh_loss_ring *ring, enum bh_loss_kind kind, uint64_t count, int64_t time);

/* The intervals with loss: 0 is the newest. NULL: that is all. */
const struct bh_loss_interval *bh_loss_kept(const struct bh_loss_ring *ring, size_t back);

/* Sums over the intervals that end after that time. */
void bh_loss_sum(const struct bh_loss_ring *ring, int64_t since, uint64_t sums[BH_LOSS_KINDS]);

/* The key in JSON: "packets". */
const char *bh_loss_name(enum bh_loss_kind kind);

/* "12 packets were lost before they were read; …": every kind that has a count. Returns out. */
char *bh_loss_text(const uint64_t counts[BH_LOSS_KINDS], char out[BH_LOSS_TEXT]);
/* One kind alone. */
char *bh_loss_kind_text(enum bh_loss_kind kind, uint64_t count, char out[BH_LOSS_TEXT]);

#endif
