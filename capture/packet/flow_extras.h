/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What only few flows have: errors about them, and packets that were several on the wire. It would
 * cost every flow's entry some sixty bytes, so it stands in a table beside, by the entry's number;
 * a bit of the entry says whether there is any. Memory is bounded: what finds no room is not noted,
 * and that is counted.
 */
#ifndef BH_FLOW_EXTRAS_H
#define BH_FLOW_EXTRAS_H

#include "bulkhead/flow.h"

struct bh_flow_extra {
	uint32_t entry;			   /* whose it is; while free: the next free one */
	uint32_t errors[2];		   /* by [on its way out to who caused it] */
	uint8_t type, code;		   /* of the last error */
	struct bh_flow_segments beyond[2]; /* packets, by [going back] */
};

struct bh_flow_extras;

struct bh_flow_extras *bh_flow_extras_new(size_t max_flows);
void bh_flow_extras_free(struct bh_flow_extras *extras);
void bh_flow_extras_clear(struct bh_flow_extras *extras);
size_t bh_flow_extras_most_bytes(size_t max_flows);

/* That of an entry which has one; of one that has none yet, NULL where there is no room. Good until
 * it is dropped. */
struct bh_flow_extra *bh_flow_extras_get(const struct bh_flow_extras *extras, uint32_t entry);
struct bh_flow_extra *bh_flow_extras_add(struct bh_flow_extras *extras, uint32_t entry);
void bh_flow_extras_drop(struct bh_flow_extras *extras, uint32_t entry);

/* Adds it to the flow's record, whose packets are counted already. */
void bh_flow_extra_record(const struct bh_flow_extra *extra, struct bh_flow *record);

#endif
