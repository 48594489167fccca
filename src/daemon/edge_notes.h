/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened to connections of an edge, folded: so that a thousand of a kind are one line with a
 * number. Bounded; the edge that was quiet for longest goes first. */
#ifndef BH_EDGE_NOTES_H
#define BH_EDGE_NOTES_H

#include "bulkhead/edge.h"
#include "bulkhead/flow.h"
#include "map.h"

struct bh_edge_note {
	struct bh_peer src;
	struct bh_peer dst;
	struct bh_flow_key key; /* of the latest connection */
	bool routed;		/* it goes from one network of this host to another */
	int64_t first;		/* µs: of the connections */
	int64_t last;
	uint64_t count;
	uint64_t unsaid; /* since the last event */
	int64_t said;	 /* monotonic; 0: never */
	char text[512];	 /* why, in words */
};

struct bh_map *bh_edge_notes_new(void); /* bh_map_free() frees it */

/* Counts one connection, and returns its edge's note. */
struct bh_edge_note *bh_edge_notes_count(struct bh_map *notes, const struct bh_peer *src,
					 const struct bh_peer *dst, const struct bh_flow *flow);
/* Forgets edges of which nothing was heard since. */
void bh_edge_notes_expire(struct bh_map *notes, int64_t since);

#endif
