/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flows that core keeps, found by what capture numbered them with and by their tuple. They lie
 * in pages of their own, as in capture's table: where every packet is a flow, what costs is memory
 * touched for the first time and looked for in vain.
 */
#ifndef BH_LIVE_FLOWS_H
#define BH_LIVE_FLOWS_H

#include "bulkhead/flow.h"

struct bh_live_flow;
struct bh_live_flows;

struct bh_live_flows *bh_live_flows_new(void);
void bh_live_flows_free(struct bh_live_flows *flows); /* and every flow; may be NULL */

/* A flow as reported, all else zero; found by its id until it ends. Stays where it is. */
struct bh_live_flow *bh_live_flows_add(struct bh_live_flows *flows, const struct bh_flow *report);
void bh_live_flows_end(struct bh_live_flows *flows, struct bh_live_flow *live);

/* Frees it; nothing finds it any more. */
void bh_live_flows_remove(struct bh_live_flows *flows, struct bh_live_flow *live);

/* NULL: none. */
struct bh_live_flow *bh_live_flows_find(const struct bh_live_flows *flows, uint64_t id);

/* Hints that this id and this tuple are looked for soon. */
void bh_live_flows_prefetch(const struct bh_live_flows *flows, const struct bh_flow *report);

/* The newest of a tuple, and of the same the other way round; each may be NULL. */
struct bh_newest {
	struct bh_live_flow *there;
	struct bh_live_flow *back;
};

/* From now on the flow is the newest of its tuple; what was that before, which this returns, is not
 * found by it again. */
struct bh_newest bh_live_flows_note_tuple(struct bh_live_flows *flows, struct bh_live_flow *live);
void bh_live_flows_forget_tuple(struct bh_live_flows *flows, struct bh_live_flow *live);
struct bh_newest bh_live_flows_newest(const struct bh_live_flows *flows,
				      const struct bh_flow_key *key);

size_t bh_live_flows_open(const struct bh_live_flows *flows); /* those that have not ended */

#endif
