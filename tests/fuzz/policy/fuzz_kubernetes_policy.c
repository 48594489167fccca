/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "evaluate.h"
#include "kubernetes.h"
#include "kubernetes_export.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any bytes are manifests or an error with a place. What was read prints to a policy of ours that
 * says the same, and is exported to objects that are read again and answer the same; where some of
 * it cannot be said (labels that Kubernetes has none of) they allow no more. */

static void fail(const char *what, const char *text)
{
	fprintf(stderr, "%s:\n%s\n", what, text);
	abort();
}

static void check_policy(const struct bh_policy *policy)
{
	char *text = bh_policy_print(policy), before[65], after[65];
	struct bh_error err = { 0 };
	struct bh_policy *again = bh_policy_parse(text, strlen(text), "printed", &err);

	/* Lists multiply; that is the parser's to refuse. */
	if (again == NULL && strstr(err.text, " combinations ") == NULL) {
		fprintf(stderr, "%s\n", err.text);
		fail("what was printed does not parse", text);
	}
	if (again != NULL) {
		bh_policy_revision(policy, before);
		bh_policy_revision(again, after);
		if (strcmp(before, after) != 0)
			fail("what was printed is another policy", text);
	}
	bh_policy_free(again);
	free(text);
}

/* --- the same answers ------------------------------------------------------------------------- */

#define MOST_ENTRIES 8
#define MOST_RULES 16

/* Somebody whom an entry selects, if anybody can be: each label has a value that passes. */
static const char *label(const void *labels, const char *key)
{
	static const char *const others[] = { "?", "??", NULL };
	const struct bh_policy_workload *w = labels;
	const char *value = NULL;

	if (w == NULL)
		return strcmp(key, BH_NAMESPACE) == 0 ? "elsewhere" : NULL;
	for (size_t i = 0; i < w->label_count; i++) {
		const struct bh_policy_label *l = &w->labels[i];

		if (strcmp(l->key, key) != 0)
			continue;
		for (size_t j = 0; l->test == BH_LABEL_IN && j < l->value_count; j++)
			if (value == NULL || !bh_policy_label_holds(l, value))
				value = l->values[j];
		for (size_t j = 0; l->test != BH_LABEL_ABSENT && value == NULL; j++)
			if (others[j] == NULL || bh_policy_label_holds(l, others[j]))
				value = others[j] != NULL ? others[j] : "???";
	}
	return value != NULL || strcmp(key, BH_WORKLOAD_LABEL) != 0 ? value : "w";
}

struct end {
	struct bh_peer peer;
	struct bh_subject subject;
};

static void be(struct end *end, uint8_t kind, const char *address, const void *labels)
{
	*end = (struct end) { .peer = { .kind = kind } };
	end->subject =
		(struct bh_subject) { .peer = &end->peer, .labels = labels, .mode = BH_ENFORCE };
	end->subject.label = kind == BH_PEER_WORKLOAD ? label : NULL;
	bh_addr_parse(address, &end->subject.addr);
}

static uint8_t answer(const struct bh_policy *policy, const struct bh_question *q)
{
	struct bh_answer a;

	bh_policy_evaluate(policy, q, &a);
	return a.verdict;
}

/* Of the rule's first port, and of another one. */
static void compare_pair(const struct bh_policy *policy, const struct bh_policy *again, bool whole,
			 const struct end *src, const struct end *dst)
{
	for (size_t i = 0; i < policy->rule_count && i < MOST_RULES; i++) {
		const struct bh_policy_port *port = &policy->rules[i].ports[0];
		struct bh_question q = { .src = src->subject, .dst = dst->subject };

		q.proto = port->proto == BH_ANY_PROTOCOL ? 47 : port->proto;
		q.port = port->last;
		uint8_t before = answer(policy, &q), after = answer(again, &q);
		if (before != after && (whole || after == BH_ALLOW))
			fail("what was exported answers otherwise", whole ? "whole" : "partly");
	}
}

static void compare(const struct bh_policy *policy, const struct bh_policy *again, bool whole)
{
	struct end ends[MOST_ENTRIES + 3];
	size_t count = 0;

	for (size_t i = 0; i < policy->workload_count && i < MOST_ENTRIES; i++)
		be(&ends[count++], BH_PEER_WORKLOAD, i % 2 == 0 ? "10.0.0.1" : "fd00::1",
		   &policy->workloads[i]);
	be(&ends[count++], BH_PEER_WORKLOAD, "10.0.0.9", NULL);
	be(&ends[count++], BH_PEER_ADDRESS, "203.0.113.7", NULL);
	be(&ends[count++], BH_PEER_HOST, "10.0.0.254", NULL);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++)
			compare_pair(policy, again, whole, &ends[i], &ends[j]);
}

static void check_export(const struct bh_policy *policy)
{
	struct bh_kubernetes_export *export = bh_kubernetes_export_new(policy);
	struct bh_kubernetes_import *import = bh_kubernetes_import_new();
	char *yaml = bh_kubernetes_export_print(export, "f");
	char *json = bh_kubernetes_export_print_json(export);
	struct bh_error err = { 0 };

	if (bh_kubernetes_import_add(import, yaml, strlen(yaml), "yaml", &err) != 0 ||
	    bh_kubernetes_import_objects(import) != bh_kubernetes_export_objects(export))
		fail(err.text, yaml);
	if (bh_kubernetes_export_errs_safely(export))
		compare(policy, bh_kubernetes_import_policy(import),
			bh_kubernetes_export_unsaid_count(export) == 0);
	bh_kubernetes_import_free(import);
	import = bh_kubernetes_import_new();
	if (bh_kubernetes_import_add(import, json, strlen(json), "json", &err) != 0 ||
	    bh_kubernetes_import_objects(import) != bh_kubernetes_export_objects(export))
		fail(err.text, json);
	bh_kubernetes_import_free(import);
	bh_kubernetes_export_free(export);
	free(yaml);
	free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_kubernetes_import *import = bh_kubernetes_import_new();
	struct bh_error err = { 0 };
	int result = bh_kubernetes_import_add(import, (const char *)data, size, "f", &err);

	if (result != 0 && strncmp(err.text, "f:", 2) != 0)
		fail("an error without a place", err.text);
	if (result == 0 && bh_kubernetes_import_objects(import) > 0) {
		check_policy(bh_kubernetes_import_policy(import));
		check_export(bh_kubernetes_import_policy(import));
	}
	bh_kubernetes_is_manifest((const char *)data, size);
	bh_kubernetes_import_free(import);
	return 0;
}
