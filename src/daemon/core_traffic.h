/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traffic in time: what the map and historical flows are made of. */
#ifndef BH_CORE_TRAFFIC_H
#define BH_CORE_TRAFFIC_H

#include "core.h"
#include "timefmt.h"

struct bh_traffic *bh_traffic_new(void);
void bh_traffic_free(struct bh_traffic *traffic); /* may be NULL */

/* What is news of a flow since the last call. */
void bh_core_traffic_note(struct bh_core *core, struct bh_live_flow *live);
/* A flow is over, and in the list of those; and is forgotten. */
void bh_core_traffic_ended(struct bh_core *core, struct bh_live_flow *live);
void bh_core_traffic_forget(struct bh_core *core, struct bh_live_flow *live);
/* Those that are over go to the store, as somebody asks for them. */
void bh_core_traffic_keep_now(struct bh_core *core);
/* Flows that came too fast to be kept, since the start. */
uint64_t bh_core_flows_left_out(const struct bh_core *core);
/* Once a second: some of it to the store, in the transaction that is open. */
int bh_core_traffic_save(struct bh_core *core, struct bh_error *err);
/* The next time all of it is due, as at the end. */
void bh_core_traffic_save_all(struct bh_core *core);

/* µs all of them. since and until become the times that the answer is of. */
struct bh_traffic_range {
	int64_t since, until;
	int64_t known_since; /* nothing is known of before */
	int64_t unwatched;   /* for so long in between nobody watched */
	uint64_t left_out;   /* connections since the start for which there was no room */
};
/* How much of it nobody watched. */
int bh_core_traffic_count_unwatched(const struct bh_core *core, struct bh_traffic_range *range,
				    struct bh_error *err);
/* Nobody watched for longer than it takes to start anew. */
#define BH_GAP_WORTH_A_WORD (120 * BH_SECOND)
/* Sums in a range; an edge may come several times. */
int bh_core_traffic_sums(const struct bh_core *core, struct bh_traffic_range *range,
			 void (*row)(void *user, const struct bh_stored_traffic *traffic),
			 void *user, struct bh_error *err);
/* The same of what was denied, or would have been: nothing else is counted. */
int bh_core_refused_sums(const struct bh_core *core, struct bh_traffic_range *range,
			 void (*row)(void *user, const struct bh_stored_traffic *traffic),
			 void *user, struct bh_error *err);

#endif
