/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kubernetes' network policies as a policy of ours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "kubernetes.h"

static int add_file(struct bh_kubernetes_import *import, const char *path)
{
	struct bh_buffer text = { 0 };
	struct bh_error err = { 0 };
	int result = BH_EXIT_UNREACHABLE;

	if (bh_read_file(path, &text))
		result = bh_kubernetes_import_add(import, text.data, text.length, path, &err) == 0
				 ? BH_EXIT_DONE
				 : bh_complain(BH_EXIT_NO, "%s", err.text);
	bh_buffer_free(&text);
	return result;
}

static bool asks_for_namespaces(const struct bh_policy *policy)
{
	for (size_t i = 0; i < policy->workload_count; i++)
		for (size_t j = 0; j < policy->workloads[i].label_count; j++)
			if (strncmp(policy->workloads[i].labels[j].key, BH_NAMESPACE_LABEL,
				    strlen(BH_NAMESPACE_LABEL)) == 0)
				return true;
	return false;
}

/* What only a cluster knows. */
static void warn(const struct bh_policy *policy)
{
	if (asks_for_namespaces(policy))
		fprintf(stderr,
			"bulkhead: it asks for labels of namespaces, which no runtime tells "
			"here: such an entry (" BH_NAMESPACE_LABEL
			"…) is nobody; a namespace's name "
			"(" BH_NAMESPACE ") is known\n");
	if (policy->names_ports)
		fprintf(stderr, "bulkhead: it names ports, which no runtime tells here: write the "
				"numbers, or set the label " BH_PORT_LABEL "NAME/PROTOCOL\n");
}

static int print(const struct bh_call *call, struct bh_kubernetes_import *import)
{
	size_t objects = bh_kubernetes_import_objects(import);
	size_t skipped = bh_kubernetes_import_skipped(import);
	struct bh_policy *policy = bh_kubernetes_import_policy(import);

	if (skipped > 0)
		fprintf(stderr, "bulkhead: %zu object%s of other kinds left out\n", skipped,
			skipped == 1 ? "" : "s");
	if (objects == 0)
		return bh_complain(BH_EXIT_NO, "no NetworkPolicy in what was given");
	warn(policy);
	char *text = call->json ? bh_policy_print_json(policy) : bh_policy_print(policy);
	bh_print_document(text, "");
	free(text);
	return BH_EXIT_DONE;
}

int bh_import_run(const struct bh_call *call)
{
	struct bh_kubernetes_import *import;
	int result = BH_EXIT_DONE;

	if (bh_call_option(call, "kubernetes") == NULL)
		return bh_complain(BH_EXIT_USAGE, "what is to be imported? --kubernetes FILE…");
	import = bh_kubernetes_import_new();
	for (size_t i = 0; result == BH_EXIT_DONE && i < call->argument_count; i++)
		result = add_file(import, call->arguments[i]);
	if (result == BH_EXIT_DONE)
		result = print(call, import);
	bh_kubernetes_import_free(import);
	return result;
}
