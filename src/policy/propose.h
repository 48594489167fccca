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

/* What several workloads may be selected by at once: calls add(key, value, whole) once for each
 * label that an instance of this one has; whole: all of them have it. */
typedef void (*bh_propose_groups)(void *user, const char *workload,
				  void (*add)(void *to, const char *key, const char *value,
					      bool whole),
				  void *to);

struct bh_propose_input {
	const struct bh_edge *edges; /* in any order */
	size_t edge_count;
	/* Workloads that exist, with or without edges: each gets its entry. */
	const char *const *workloads;
	size_t workload_count;
	bh_propose_labels labels;
	/* What else an edge's destination outside was called; NULL: nothing is known. */
	void (*names)(void *user, const struct bh_edge *edge, struct bh_edge_names *out);
	bh_propose_groups groups; /* NULL: nothing is known */
	/* Whether a rule with this port (ICMP: type) is never to be widened; NULL: any may be. */
	bool (*sensitive)(void *user, uint8_t proto, uint16_t port);
	void *user;
	const char *header;
};

/* The fewest rules with lists of sources, destinations and ports that allow what the edges say and
 * nothing else: those with the same sources are put together, without a loss. Sources that are no
 * workloads, and destinations of different kinds, stay in rules of their own. Each rule names its
 * edges and has their evidence as comment, for each port or destination (at most 16 lines), and
 * what else a server outside was called by those who went there. Where nearly all who have a label
 * in common are a rule's sources, the comment says that the label could stand for them, and whom
 * else it would let in; it is never done. Everything is sorted, so that the same edges give the
 * same bytes, in whichever order they come. Servers outside go by the name that they were asked
 * for, and where nobody asked become their own /32 or /128, clients from outside the world; nothing
 * else is widened. Left out: edges with an end that is unresolved, departed, masked or no address.
 * The caller frees it. */
struct bh_policy *bh_propose(const struct bh_propose_input *input);

/* How a rule of the policy would speak of the peer, who is vouched for; workload: its index there,
 * where it is one; source: a client's address becomes the world. */
struct bh_policy_peer bh_propose_peer(struct bh_policy *policy, const struct bh_peer *peer,
				      size_t workload, bool source);

#endif
