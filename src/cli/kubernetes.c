/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kubernetes' network policies as a policy of ours, and the other way round. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "client.h"
#include "command.h"
#include "json.h"
#include "kubernetes.h"
#include "kubernetes_export.h"
#include "policy.h"
#include "timefmt.h"

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

/* --- export ----------------------------------------------------------------------------------- */

/* The file's text, or the active policy's. */
static int read_policy(const struct bh_call *call, const char *file, struct bh_buffer *text)
{
	struct bh_request request = { .path = "/v1/policy/active" };

	if (file == NULL)
		return bh_client_text(call, &request, text);
	return bh_read_file(file, text) ? BH_EXIT_DONE : BH_EXIT_UNREACHABLE;
}

/* Workloads of which some instances are not enforced. */
static double count_lenient(const cJSON *status)
{
	const cJSON *modes = bh_get(status, "modes"), *share;
	double lenient =
		bh_number(modes, "learn") + bh_number(modes, "audit") + bh_number(modes, "stage1");

	cJSON_ArrayForEach (share, bh_get(status, "shares"))
		lenient += strcmp(bh_word(share, "mode"), "enforce") == 0;
	return lenient;
}

/* Objects refuse from the moment they are there; here it takes a mode. */
static int warn_of_modes(const struct bh_call *call)
{
	struct bh_request request = { .path = "/v1/status" };
	struct bh_buffer text = { 0 };
	int result = bh_client_text(call, &request, &text);
	cJSON *status =
		result == BH_EXIT_DONE ? cJSON_ParseWithLength(text.data, text.length) : NULL;
	double lenient = count_lenient(status);

	if (lenient > 0)
		bh_complain(BH_EXIT_DONE,
			    "modes are not exported: %.0f workload%s not enforced here, and "
			    "objects refuse from the moment that they are applied",
			    lenient, lenient == 1 ? " is" : "s are");
	cJSON_Delete(status);
	bh_buffer_free(&text);
	return result;
}

static void tell(const struct bh_kubernetes_export *export, const char *file)
{
	for (size_t i = 0; i < bh_kubernetes_export_unsaid_count(export); i++) {
		struct bh_kubernetes_unsaid unsaid = bh_kubernetes_export_unsaid(export, i);
		char *text = bh_kubernetes_unsaid_text(&unsaid, file);

		bh_complain(BH_EXIT_NO, "%s", text);
		free(text);
	}
	for (size_t i = 0; i < bh_kubernetes_export_note_count(export); i++)
		bh_complain(BH_EXIT_DONE, "%s", bh_kubernetes_export_note(export, i));
}

static int print_export(const struct bh_call *call, const struct bh_kubernetes_export *export,
			const char *file)
{
	size_t unsaid = bh_kubernetes_export_unsaid_count(export);
	bool partly = bh_call_option(call, "partly") != NULL;

	if (unsaid > 0 && !bh_kubernetes_export_errs_safely(export))
		return bh_complain(BH_EXIT_NO, "nothing is written: without that the objects would "
					       "allow more than the policy");
	if (unsaid > 0 && !partly)
		return bh_complain(BH_EXIT_NO,
				   "nothing is written: --partly writes the rest, which "
				   "allows less than the policy and never more");
	char *text = call->json ? bh_kubernetes_export_print_json(export)
				: bh_kubernetes_export_print(export, file);
	bh_print_document(text, "");
	free(text);
	return BH_EXIT_DONE;
}

static int export_text(const struct bh_call *call, const struct bh_buffer *text, const char *file)
{
	struct bh_error err = { 0 };
	struct bh_policy *policy =
		bh_policy_parse(text->data, text->length, file != NULL ? file : "policy", &err);

	if (policy == NULL && file != NULL)
		return bh_complain(BH_EXIT_NO, "%s", err.text);
	if (policy == NULL)
		return bh_complain(BH_EXIT_UNREACHABLE, "what the daemon sent is no policy: %s",
				   err.text);
	bh_policy_set_time(policy, bh_time_now());
	struct bh_kubernetes_export *export = bh_kubernetes_export_new(policy);
	tell(export, file);
	int result = print_export(call, export, file);
	bh_kubernetes_export_free(export);
	bh_policy_free(policy);
	return result;
}

int bh_export_run(const struct bh_call *call)
{
	const char *file = call->argument_count > 0 ? call->arguments[0] : NULL;
	struct bh_buffer text = { 0 };
	int result;

	if (bh_call_option(call, "kubernetes") == NULL)
		return bh_complain(BH_EXIT_USAGE,
				   "what is it to be exported as? --kubernetes [FILE]");
	result = read_policy(call, file, &text);
	if (result == BH_EXIT_DONE && file == NULL)
		result = warn_of_modes(call);
	if (result == BH_EXIT_DONE)
		result = export_text(call, &text, file);
	bh_buffer_free(&text);
	return result;
}
