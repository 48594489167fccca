/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host of many containers, as bench/enforce.c and bench/rules.sh measure it: workloads of so many
 * replicas each, on one bridge, all enforced. Each workload calls the next ones around a circle; an
 * edge is one of these calls, to one port of one other workload, and counts once, however many
 * replicas either has.
 */
#ifndef BENCH_CLUSTER_H
#define BENCH_CLUSTER_H

#include <stdio.h>

#include "bulkhead/ruleset.h"

#define CLUSTER_CALLS 25 /* of one workload, where there are enough edges: as many call it */

struct cluster {
	unsigned workloads;
	unsigned calls; /* edges that begin at one workload */
	unsigned replicas;
	unsigned extra; /* containers besides: one more of each workload in turn */
	bool stateless; /* who talks to whom is judged on the bridge */
};

/* edges: at least 2; they are made up by as many workloads as have CLUSTER_CALLS of them each. */
struct cluster cluster_of(unsigned edges, unsigned replicas);

/* What the daemon would have enforced. The caller frees it. */
struct bh_ruleset *cluster_ruleset(const struct cluster *c);

/* The same for others, as input for `nft -f` (a rule for each edge, of one replica on either side),
 * iptables-restore (the same), or `ipset restore` (an element for each pair of replicas). The first
 * workload's call to the second is in the middle. False: there is no such kind. */
bool cluster_print(const struct cluster *c, const char *kind, FILE *out);

#endif
