/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what was learned to a policy a person can read. */
#ifndef BH_PROPOSE_H
#define BH_PROPOSE_H

#include "policy.h"

/* How a workload is to be selected: calls add(key, value) for each label that all its instances
 * share and that a policy should name it by; one at least. */
typedef void (*bh_propose_labels)(void *user, const char *workload,
				  void (*add)(void *to, const char *key, const char *value),
				  void *to);

struct bh_propose_input {
	const struct bh_edge *edges; /* in any order */
	size_t edge_count;
	/* Workloads that exist, with or without edges: each gets its entry. */
	const char *const *workloads;
	size_t workload_count;
	bh_propose_labels labels;
	/* What an edge's destination outside was called; NULL: nothing is known. */
	void (*names)(void *user, const struct bh_edge *edge, struct bh_edge_names *out);
	void *user;
	const char *header;
};

/* The fewest rules with lists of sources, destinations and ports that allow what the edges say and
 * nothing else: those with the same sources are put together, without a loss. Sources that are no
 * workloads, and destinations of different kinds, stay in rules of their own. Each rule names its
 * edges and has their evidence as comment, for each port or destination (at most 16 lines), and
 * what a server outside was called by those who went there: no selector, since a name is no
 * address. Everything is sorted, so that the same edges give the same bytes, in whichever order
 * they come. Servers outside become their own /32 or /128, clients from outside the world; nothing
 * else is widened. Left out: edges without an answer, and those with an end that is unresolved,
 * departed, masked or no address. The caller frees it. */
struct bh_policy *bh_propose(const struct bh_propose_input *input);

#endif
