/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of a ledger's edges a proposal is made of, and what it says of itself: the same whether
 * the daemon learned them or recorded flows were learned without one. */
#ifndef BH_PROPOSED_EDGES_H
#define BH_PROPOSED_EDGES_H

#include "buffer.h"
#include "filters.h"

/* Set to zeros before the first use. */
struct bh_proposed_edges {
	struct bh_edge *edges; /* their ends are the ledger's; the caller frees it */
	size_t count, capacity;
	size_t provisional; /* of them: seen in one window only */
	size_t waiting;	    /* left out: a person is to decide */
};

/* All that may pass, each once. */
void bh_proposed_edges_collect(struct bh_proposed_edges *proposed, const struct bh_ledger *ledger,
			       const struct bh_filter_config *filters);

/* Appends what a proposal of these begins with. No time of day: of the same edges the same document
 * comes. command: what shows those that wait. */
void bh_proposed_edges_describe(const struct bh_proposed_edges *proposed, const char *command,
				struct bh_buffer *out);

/* Appends the decisions that masked clients ask for. clients: whom an edge's source seems to have
 * stood for, or NULL; NULL as such: nobody knows. */
void bh_proposed_edges_undecided(
	const struct bh_ledger *ledger,
	const struct bh_edge_clients *(*clients)(const void *user, const struct bh_edge *edge),
	const void *user, struct bh_buffer *out);

#endif
