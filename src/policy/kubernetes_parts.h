/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an export consists of, between the file that finds it (kubernetes_export.c) and the one that
 * writes it (kubernetes_write.c). Internal to this folder. */
#ifndef BH_KUBERNETES_PARTS_H
#define BH_KUBERNETES_PARTS_H

#include "kubernetes_export.h"
#include "selector.h"

#define BH_EVERYTHING (-1) /* in a rule's place: whatever there is passes */

/* An entry in Kubernetes' words: labels of pods, and of their namespaces. */
struct bh_kubernetes_selected {
	struct bh_selector labels; /* as the policy asks for them */
	struct bh_selector pods;
	struct bh_selector namespaces;
	bool is_pod;	/* it asks for something that pods alone have: a namespace */
	bool everybody; /* all that it asks for everybody has */
	bool nobody;
	char *unsaid; /* what Kubernetes has no word for; NULL: nothing */
};

struct bh_kubernetes_object {
	char *name, *namespace;
	struct bh_selector pods;
	bool closed[2]; /* by side: its policyTypes */
	int *rules[2];	/* by side: indices, or BH_EVERYTHING */
	size_t rule_count[2], rule_capacity[2];
};

struct bh_kubernetes_export {
	const struct bh_policy *policy;
	struct bh_kubernetes_selected *entries; /* by workload */
	struct bh_kubernetes_object *objects;	/* in the end in order of namespace and name */
	size_t object_count, object_capacity, part_count;
	struct bh_map *by_key; /* of objects → index + 1 */
	struct bh_map *names;  /* "NAMESPACE/NAME" that are taken */
	struct bh_kubernetes_unsaid *unsaid;
	size_t unsaid_count, unsaid_capacity;
	struct bh_map *told; /* what is unsaid, each once; owns the texts */
	char **notes;
	size_t note_count, note_capacity;
	char **scope; /* the namespaces that the policy names, in order */
	size_t scope_count, scope_capacity;
	bool *closed[2];   /* by side and workload */
	bool *has_node[2]; /* likewise: a rule says of the node what Kubernetes says of it */
	bool errs_unsafely;
};

/* Whether the other end's peers are everybody and everything; side: whose rule it is. */
bool bh_kubernetes_is_all(const struct bh_kubernetes_export *export,
			  const struct bh_policy_peers *peers, enum bh_side side);
/* Why Kubernetes cannot say this peer, at the other end of a rule; NULL: it can. */
const char *bh_kubernetes_peer_unsaid(const struct bh_kubernetes_export *export,
				      const struct bh_policy_peer *peer);
/* Whether there is something to write about it: the node reaches its pods without. */
bool bh_kubernetes_writes_peer(const struct bh_kubernetes_export *export,
			       const struct bh_policy_peer *peer);
bool bh_kubernetes_writes_port(const struct bh_policy_port *port);
bool bh_kubernetes_has_any_port(const struct bh_policy_rule *rule);

#endif
