/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A policy of ours as Kubernetes' network policies (networking.k8s.io/v1 NetworkPolicy).
 *
 * Theirs can say less: who is selected by labels and a namespace's name is closed in one direction
 * or both, and what may pass all the same is a union without order. What they cannot say is listed,
 * never left out in silence and never made wider. What can be said has exactly the policy's
 * meaning, for the namespaces that it names.
 */
#ifndef BH_KUBERNETES_EXPORT_H
#define BH_KUBERNETES_EXPORT_H

#include "policy.h"

struct bh_kubernetes_export;

/* The policy has been told the time (bh_policy_set_time()): rules that are over say nothing. It has
 * to live as long as the export. */
struct bh_kubernetes_export *bh_kubernetes_export_new(const struct bh_policy *policy);
void bh_kubernetes_export_free(struct bh_kubernetes_export *export);

/* Something that the objects cannot say: of a rule (index), or −1 of the policy. line: the rule's;
 * 0: it has none. */
struct bh_kubernetes_unsaid {
	int rule;
	int line;
	const char *text; /* "web → 203.0.113.7/32: …", what to do included */
};

/* In order of the rules, those of the policy first. */
size_t bh_kubernetes_export_unsaid_count(const struct bh_kubernetes_export *export);
struct bh_kubernetes_unsaid bh_kubernetes_export_unsaid(const struct bh_kubernetes_export *export,
							size_t index);
/* Whether the objects, without what is unsaid, allow less than the policy and never more. */
bool bh_kubernetes_export_errs_safely(const struct bh_kubernetes_export *export);

/* What no object can change, and somebody who applies these has to know. */
size_t bh_kubernetes_export_note_count(const struct bh_kubernetes_export *export);
const char *bh_kubernetes_export_note(const struct bh_kubernetes_export *export, size_t index);

size_t bh_kubernetes_export_objects(const struct bh_kubernetes_export *export);

/* The objects, freed by the caller: documents of YAML, with what is unsaid and the notes as
 * comments at the top and whose rule it is above each; or as JSON a List, which has no comments.
 * file: whose lines these are; NULL: nobody's. The same policy gives the same bytes. */
char *bh_kubernetes_export_print(const struct bh_kubernetes_export *export, const char *file);
char *bh_kubernetes_export_print_json(const struct bh_kubernetes_export *export);

/* "policy.yaml:12: rule 3: …", freed by the caller. */
char *bh_kubernetes_unsaid_text(const struct bh_kubernetes_unsaid *unsaid, const char *file);

#endif
