/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kubernetes' network policies (networking.k8s.io/v1 NetworkPolicy) as rules of a policy of ours.
 *
 * Theirs say of the pods that they select that they are isolated, in one direction or both, and
 * what may pass all the same; who is not selected is open. So everybody is open by default, an
 * entry for each selected set of pods is closed in its directions, and each of their rules is one
 * at that end alone. Pods are selected by their labels, by their namespace (label
 * io.kubernetes.pod.namespace) and by the labels of that (BH_NAMESPACE_LABEL before each of them).
 */
#ifndef BH_KUBERNETES_POLICY_H
#define BH_KUBERNETES_POLICY_H

#include "policy.h"

/* Of every workload this is set. */
#define BH_WORKLOAD_LABEL "bulkhead.workload"
/* A namespace has its own name as this label of Kubernetes'. */
#define BH_NAMESPACE_NAME_LABEL "kubernetes.io/metadata.name"
#define BH_NAMESPACE "io.kubernetes.pod.namespace"
#define BH_NAMESPACE_LABEL "bulkhead.namespace/"
/* Is set where the labels of its namespace are known. */
#define BH_NAMESPACE_KNOWN "bulkhead.namespace-labels"

struct bh_kubernetes_import;

struct bh_kubernetes_import *bh_kubernetes_import_new(void);
void bh_kubernetes_import_free(struct bh_kubernetes_import *import);

/* Adds the NetworkPolicy objects of a file: YAML or JSON, any number of documents, Lists among
 * them. 0; or -EINVAL and *err ("file:line:column: found …, expected …") of the first that is
 * wrong. Objects of other kinds are counted, not read. */
int bh_kubernetes_import_add(struct bh_kubernetes_import *import, const char *text, size_t length,
			     const char *file, struct bh_error *err);

/* What came of it; it stays the import's. Its rules' notes say whose each is:
 * "NAMESPACE/NAME ingress 1". */
struct bh_policy *bh_kubernetes_import_policy(struct bh_kubernetes_import *import);
size_t bh_kubernetes_import_objects(const struct bh_kubernetes_import *import);
size_t bh_kubernetes_import_skipped(const struct bh_kubernetes_import *import);

/* Whether a document is one of Kubernetes', and no policy of ours. */
bool bh_kubernetes_is_manifest(const char *text, size_t length);

#endif
