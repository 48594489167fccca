/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How complete the baseline is likely to be, for each workload and for all of them: never one
 * number without what it rests on. */
#ifndef BH_READINESS_H
#define BH_READINESS_H

#include "estimate.h"
#include "filters.h"

/* New edges a window from which on a workload counts as open-ended: it will never be complete. */
#define BH_OPEN_ENDED 0.5

struct bh_workload_readiness {
	struct bh_baseline baseline;
	uint32_t states[BH_EDGE_REJECTED + 1]; /* edges by enum bh_edge_state */
	uint32_t provisional;		       /* of those in review: they may pass for a while */
	/* What waits for a person, denials and one-way edges among it, provisional ones not; of
	 * these: what stage 1 would refuse (bh_is_urgent()). */
	uint32_t waiting, urgent;
	uint32_t masked; /* edges, learned or denied, from somebody who is not known */
	bool nameless; /* it goes outside, and no DNS answer for it was seen; the daemon's to say */
	int64_t opposed; /* µs: when something was last denied that nobody rejected; 0: never */
	double recent;	 /* new edges a window of late; NaN: too early to say */
	bool open_ended;
	double risk; /* probability of a new edge in the next window */
};

/* An edge that comes back after the same number of windows, two or more, each time, or the last
 * five times; 28 to 31 are one number, a month's. */
struct bh_schedule {
	struct bh_edge edge; /* its ends are the ledger's */
	int64_t next;	     /* window in which it is expected */
};

struct bh_readiness {
	uint32_t windows; /* T of all: what runs less often than that was not seen twice */
	uint32_t edges, once;
	uint32_t recent; /* new edges of late, in so many windows (bh_estimate_lookback()) … */
	uint32_t recent_windows;
	bool deployed; /* … in which, or in the current one, a workload came, or another version of
			  one */
	bool by_recent;	 /* whether expected, bound and quiet follow from these, not from once */
	double expected; /* new edges in the next window; NaN: no window is over */
	uint32_t bound;	 /* at most so many, 95 %; UINT32_MAX: nobody can say */
	double quiet;	 /* probability that the next window brings none */
	double rate;	 /* of the fleet: new edges a workload and window */
	struct bh_schedule *schedules; /* of edges, in order of source, destination, port */
	size_t schedule_count;
	struct bh_workload_readiness *workloads; /* in order of their names */
	size_t workload_count;
};

struct bh_readiness *bh_readiness_new(const struct bh_ledger *ledger,
				      const struct bh_filter_config *filters);
/* NULL: it is not among them. */
struct bh_workload_readiness *bh_readiness_find(const struct bh_readiness *readiness,
						const char *workload);
void bh_readiness_free(struct bh_readiness *readiness);

#endif
