/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules in the making, put together without a loss: the sources of each (destination, port) are a
 * set; ports of a destination with the same set make a column, and columns with the same set and
 * the same ports one rule. Everything in order, by what it is alone. Internal to this folder.
 */
#ifndef BH_POLICY_DRAFT_H
#define BH_POLICY_DRAFT_H

#include "buffer.h"
#include "policy.h"

/* An access as an edge states it. */
struct bh_item {
	struct bh_policy_peer from;
	struct bh_policy_peer to;
	struct bh_policy_port port;
	const struct bh_edge *edge;
};

/* One that is allowed, and the edges that it is allowed for. */
struct bh_access {
	const struct bh_item *items;
	size_t count;
};

/* Who may open one port of one destination: workloads, or one peer of another kind, which is not to
 * be overlooked among them. In order. */
struct bh_set {
	const struct bh_access *accesses;
	size_t count;
};

/* Ports of one destination that the same may open. */
struct bh_column {
	const struct bh_set *sets;
	size_t count;
};

/* Destinations of one kind of which the same may open the same ports. */
struct bh_draft {
	const struct bh_column *columns;
	size_t count;
	struct bh_buffer comment;
};

/* All of them; each level points into the one before. */
struct bh_drafts {
	struct bh_item *items;
	struct bh_access *accesses;
	struct bh_set *sets;
	struct bh_column *columns;
	struct bh_draft *drafts;
	size_t item_count, access_count, set_count, column_count, count;
};

/* items: taken over, and sorted. */
void bh_drafts_make(struct bh_drafts *drafts, struct bh_item *items, size_t count);
void bh_drafts_free(struct bh_drafts *drafts);

static inline const struct bh_policy_peer *bh_source_of(const struct bh_access *a)
{
	return &a->items->from;
}

static inline const struct bh_policy_peer *bh_destination_of(const struct bh_set *s)
{
	return &s->accesses->items->to;
}

static inline const struct bh_policy_port *bh_port_of(const struct bh_set *s)
{
	return &s->accesses->items->port;
}

#endif
