/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Probes against a policy, without a daemon and without a cluster. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "grow.h"
#include "kubernetes.h"
#include "probes.h"
#include "table.h"
#include "timefmt.h"

static const char *const verdicts[] = { "allow", "deny", "uncertain" };

/* Ours, or Kubernetes'. */
struct rules {
	struct bh_policy *own;
	struct bh_kubernetes_import *import;
	const struct bh_policy *policy;
};

/* Of no policies at all everybody would be open. */
static const struct bh_policy *imported(struct bh_kubernetes_import *import, const char *path,
					struct bh_error *err)
{
	size_t skipped = bh_kubernetes_import_skipped(import);

	if (skipped > 0)
		fprintf(stderr, "bulkhead: %zu object%s of other kinds left out\n", skipped,
			skipped == 1 ? "" : "s");
	if (bh_kubernetes_import_objects(import) > 0)
		return bh_kubernetes_import_policy(import);
	bh_error_set(err, -EINVAL, "%s: no NetworkPolicy in it", path);
	return NULL;
}

static int read_rules(const char *path, struct rules *rules)
{
	struct bh_buffer text = { 0 };
	struct bh_error err = { 0 };
	int result = BH_EXIT_UNREACHABLE;

	if (bh_read_file(path, &text)) {
		result = BH_EXIT_DONE;
		if (bh_kubernetes_is_manifest(text.data, text.length)) {
			rules->import = bh_kubernetes_import_new();
			if (bh_kubernetes_import_add(rules->import, text.data, text.length, path,
						     &err) == 0)
				rules->policy = imported(rules->import, path, &err);
		} else {
			rules->own = bh_policy_parse(text.data, text.length, path, &err);
			if (rules->own != NULL)
				bh_policy_set_time(rules->own, bh_time_now());
			rules->policy = rules->own;
		}
		if (rules->policy == NULL)
			result = bh_complain(BH_EXIT_NO, "%s", err.text);
	}
	bh_buffer_free(&text);
	return result;
}

struct run {
	const struct bh_call *call;
	const struct bh_policy *policy;
	struct bh_probe_endpoints *endpoints;
	struct bh_table *table;
	size_t wrong; /* answers that are not the expected ones */
};

/* Whose rule it is where it was imported, else what it says; "": no rule decides. */
static void rule_text(const struct bh_policy *policy, int rule, char *out, size_t size)
{
	out[0] = '\0';
	if (rule < 0)
		return;
	if (policy->rules[rule].ends != BH_AT_BOTH && policy->rules[rule].note != NULL)
		bh_copy_text(out, size, policy->rules[rule].note);
	else
		bh_policy_rule_text(policy, (size_t)rule, out, size);
}

static bool is_expected(const cJSON *probe, const char *verdict)
{
	const cJSON *expected = cJSON_GetObjectItemCaseSensitive(probe, "expect");

	return !cJSON_IsString(expected) || strcmp(expected->valuestring, verdict) == 0;
}

static void print_row(struct run *r, const cJSON *probe, const char *verdict, const char *rule,
		      const char *reason, bool fine)
{
	const cJSON *protocol = cJSON_GetObjectItemCaseSensitive(probe, "protocol");
	const cJSON *port = cJSON_GetObjectItemCaseSensitive(probe, "port");
	char where[64];
	const char *cells[] = {
		cJSON_GetObjectItemCaseSensitive(probe, "from")->valuestring,
		cJSON_GetObjectItemCaseSensitive(probe, "to")->valuestring,
		where,
		verdict,
		fine ? "" : "not as expected",
		rule[0] != '\0' ? rule : reason,
	};

	snprintf(where, sizeof(where), "%.0f/%s", cJSON_IsNumber(port) ? port->valuedouble : 0,
		 cJSON_IsString(protocol) ? protocol->valuestring : "TCP");
	bh_table_row(r->table,
		     !fine				 ? BH_RED
		     : strcmp(verdict, "uncertain") == 0 ? BH_YELLOW
							 : BH_PLAIN,
		     cells);
}

static void print_line(cJSON *probe, const struct bh_probe_answer *answer, const char *rule)
{
	cJSON_AddStringToObject(probe, "verdict", verdicts[answer->verdict]);
	if (rule[0] != '\0')
		cJSON_AddStringToObject(probe, "rule", rule);
	else
		cJSON_AddNullToObject(probe, "rule");
	if (answer->rule >= 0)
		cJSON_AddNumberToObject(probe, "number", answer->rule + 1);
	else
		cJSON_AddNullToObject(probe, "number");
	cJSON_AddStringToObject(probe, "reason", answer->reason);
	char *line = cJSON_PrintUnformatted(probe);
	puts(line);
	free(line);
}

static int ask_one(struct run *r, cJSON *probe, const char *file, size_t number)
{
	struct bh_probe_answer answer;
	struct bh_error err = { 0 };
	char rule[512];

	if (bh_probe_ask(r->policy, r->endpoints, probe, &answer, &err) != 0)
		return bh_complain(BH_EXIT_NO, "%s: probe %zu: %s", file, number, err.text);
	rule_text(r->policy, answer.rule, rule, sizeof(rule));
	bool fine = is_expected(probe, verdicts[answer.verdict]);
	r->wrong += !fine;
	if (r->call->json)
		print_line(probe, &answer, rule);
	else
		print_row(r, probe, verdicts[answer.verdict], rule, answer.reason, fine);
	return BH_EXIT_DONE;
}

static int ask_all(struct run *r, const cJSON *probes, const char *file)
{
	static const char *const titles[] = { "FROM", "TO", "PORT", "VERDICT", "", "RULE" };
	cJSON *probe;
	size_t number = 0;
	int result = BH_EXIT_DONE;

	r->table = bh_table_new(titles, 6, r->call->color);
	cJSON_ArrayForEach (probe, probes) {
		if (result == BH_EXIT_DONE)
			result = ask_one(r, probe, file, ++number);
	}
	bh_table_print(r->table, r->call->json || result != BH_EXIT_DONE ? NULL : "No probes.");
	if (result == BH_EXIT_DONE && r->wrong > 0 && !r->call->json)
		printf("%zu of %zu not as expected\n", r->wrong, number);
	return result != BH_EXIT_DONE ? result : r->wrong > 0 ? BH_EXIT_NO : BH_EXIT_DONE;
}

static int ask_files(struct run *r, const char *endpoints, const char *probes)
{
	struct bh_buffer text = { 0 }, questions = { 0 };
	struct bh_error err = { 0 };
	cJSON *list = NULL;
	int result = BH_EXIT_UNREACHABLE;

	if (bh_read_file(endpoints, &text) && bh_read_file(probes, &questions)) {
		r->endpoints = bh_probe_endpoints_new(text.data, text.length, endpoints, &err);
		list = cJSON_ParseWithLength(questions.data, questions.length);
		if (r->endpoints == NULL)
			result = bh_complain(BH_EXIT_NO, "%s", err.text);
		else if (!cJSON_IsArray(list))
			result = bh_complain(BH_EXIT_NO, "%s: expected a JSON list of probes",
					     probes);
		else
			result = ask_all(r, list, probes);
	}
	bh_probe_endpoints_free(r->endpoints);
	cJSON_Delete(list);
	bh_buffer_free(&text);
	bh_buffer_free(&questions);
	return result;
}

int bh_probes_run(const struct bh_call *call)
{
	const char *policy = bh_call_option(call, "policy");
	const char *endpoints = bh_call_option(call, "endpoints");
	const char *probes = bh_call_option(call, "probes");
	struct rules rules = { 0 };

	if (policy == NULL || endpoints == NULL || probes == NULL || call->argument_count > 0 ||
	    bh_call_option(call, "flows") != NULL)
		return bh_complain(BH_EXIT_USAGE,
				   "probes are asked with --policy FILE, --endpoints "
				   "JSON and --probes JSON, all three, and no "
				   "further file");
	if (!call->json && strcmp(call->format, "table") != 0)
		return bh_complain(BH_EXIT_USAGE, "--format %s goes with --policy and --flows",
				   call->format);
	int result = read_rules(policy, &rules);
	if (result == BH_EXIT_DONE) {
		struct run run = { .call = call, .policy = rules.policy };

		result = ask_files(&run, endpoints, probes);
	}
	bh_policy_free(rules.own);
	bh_kubernetes_import_free(rules.import);
	return result;
}
