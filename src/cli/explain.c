/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why something is allowed or not, and where a rule comes from. */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "client.h"
#include "command.h"
#include "table.h"

static bool is_allowed(const cJSON *answer)
{
	return strcmp(bh_word(answer, "verdict"), "allow") == 0;
}

/* What its workload does about it. */
static const char *reaction(const cJSON *answer)
{
	if (!cJSON_IsTrue(bh_get(answer, "blocked")))
		return cJSON_IsTrue(bh_get(answer, "audited")) ? "reports it, and it passes"
							       : "is learning: it passes";
	if (bh_text(answer, "refusal") == NULL)
		return "refuses it";
	return strcmp(bh_word(answer, "refusal"), "drop") == 0
		       ? "refuses it: it is dropped silently"
		       : "refuses it: who asks is told at once";
}

static void print_explanation(const struct bh_call *call, const cJSON *answer)
{
	const char *verdict = bh_word(answer, "verdict");
	const cJSON *unknown;
	enum bh_color color = is_allowed(answer)	     ? BH_GREEN
			      : strcmp(verdict, "deny") == 0 ? BH_RED
							     : BH_YELLOW;

	printf("%s → %s  %s: %s%s%s\n  %s\n", bh_word(answer, "src"), bh_word(answer, "dst"),
	       bh_word(answer, "port"), bh_color_on(color, call->color), verdict,
	       bh_color_off(color, call->color), bh_word(answer, "reason"));
	if (!is_allowed(answer) && bh_text(answer, "workload") != NULL)
		printf("  %s %s\n", bh_word(answer, "workload"), reaction(answer));
	cJSON_ArrayForEach (unknown, bh_get(answer, "unknown"))
		printf("  not known: %s\n", cJSON_IsString(unknown) ? unknown->valuestring : "?");
	bh_share_print("  ", bh_get(answer, "src_share"));
	if (strcmp(bh_word(answer, "src"), bh_word(answer, "dst")) != 0)
		bh_share_print("  ", bh_get(answer, "dst_share"));
}

static int judge_explanation(const cJSON *answer)
{
	return is_allowed(answer) ? BH_EXIT_DONE : BH_EXIT_NO;
}

static int explain_access(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_explanation,
					     .judge = judge_explanation };
	struct bh_request request = { .path = "/v1/explain" };

	bh_request_add(&request, "src", call->arguments[0]);
	bh_request_add(&request, "dst", call->arguments[1]);
	bh_request_add(&request, "port", call->arguments[2]);
	return bh_client_show(call, &request, &view);
}

/* "tcp 10.0.1.2:40000 → 10.0.2.3:5432  established  12 packets" */
static void print_sample(const char *what, const cJSON *flow)
{
	const cJSON *src = bh_get(flow, "src"), *dst = bh_get(flow, "dst");
	const cJSON *tx = bh_get(flow, "tx"), *rx = bh_get(flow, "rx");
	char time[BH_TIME_TEXT];

	if (!cJSON_IsObject(flow))
		return;
	printf("    %-7s %s  %s:%.0f → %s:%.0f  %s  %s, %.0f packets\n", what,
	       bh_clock(bh_number(flow, "first"), time), bh_word(src, "ip"), bh_number(src, "port"),
	       bh_word(dst, "ip"), bh_number(dst, "port"), bh_word(flow, "state"),
	       bh_word(flow, "verdict"), bh_number(tx, "packets") + bh_number(rx, "packets"));
}

/* What is not as it was when the rule was proposed. */
static void print_standing(const struct bh_call *call, const cJSON *row, double rule)
{
	const cJSON *now = bh_get(row, "rule");
	bool linked = cJSON_IsTrue(bh_get(row, "linked"));

	bool denied = strcmp(bh_word(row, "verdict"), "deny") == 0;

	if (linked && !denied && cJSON_IsNumber(now) && now->valuedouble == rule)
		return;
	printf("    %s", bh_color_on(BH_YELLOW, call->color));
	if (cJSON_IsNumber(now) && denied)
		printf("rule %.0f denies it", now->valuedouble);
	else if (!linked)
		printf("the rule allows it, and does not name it");
	else if (cJSON_IsNumber(now))
		printf("rule %.0f allows it already", now->valuedouble);
	else
		printf("no rule allows it any more");
	printf("%s\n", bh_color_off(BH_YELLOW, call->color));
}

static void print_origin(const struct bh_call *call, const cJSON *row, double rule)
{
	const cJSON *edge = bh_get(row, "edge"), *flow;
	char port[BH_PORT_TEXT], first[BH_TIME_TEXT], last[BH_TIME_TEXT];

	printf("\n  %s  %s → %s  %s\n", bh_word(edge, "id"), bh_word(edge, "src"),
	       bh_word(edge, "dst"), bh_answer_port(edge, bh_number(edge, "port"), port));
	printf("    %.0f connections, %.0f answered, in %.0f window%s, first %s, last %s%s\n",
	       bh_number(edge, "connections"), bh_number(edge, "answered"),
	       bh_number(edge, "windows"), bh_number(edge, "windows") == 1 ? "" : "s",
	       bh_clock(bh_number(edge, "first"), first), bh_clock(bh_number(edge, "last"), last),
	       cJSON_IsTrue(bh_get(edge, "lossy")) ? "; packets were lost meanwhile" : "");
	print_standing(call, row, rule);
	print_sample("first", bh_get(row, "first_flow"));
	print_sample("newest", bh_get(row, "newest_flow"));
	cJSON_ArrayForEach (flow, bh_get(row, "recent"))
		print_sample("recent", flow);
}

static void print_rule(const struct bh_call *call, const cJSON *answer)
{
	const cJSON *row, *missing = bh_get(answer, "missing");
	double rule = bh_number(answer, "rule"), left_off = bh_number(answer, "left_off");

	printf("rule %.0f of revision %.0f: %s\n", rule, bh_number(answer, "number"),
	       bh_word(answer, "text"));
	cJSON_ArrayForEach (row, bh_get(answer, "edges"))
		print_origin(call, row, rule);
	if (cJSON_GetArraySize(bh_get(answer, "edges")) == 0)
		printf("\nNothing that it decides about has been learned.\n");
	if (left_off > 0)
		printf("\n… and %.0f edges more.\n", left_off);
	if (cJSON_GetArraySize(missing) > 0)
		printf("\nNamed by the rule, and not in the ledger:");
	cJSON_ArrayForEach (row, missing)
		printf(" %s", cJSON_IsString(row) ? row->valuestring : "?");
	if (cJSON_GetArraySize(missing) > 0)
		printf("\n");
}

static int explain_rule(const struct bh_call *call, const char *rule)
{
	static const struct bh_view view = { .print = print_rule };
	struct bh_request request = { .path = "/v1/explain" };

	bh_request_add(&request, "rule", rule);
	return bh_client_show(call, &request, &view);
}

int bh_explain_run(const struct bh_call *call)
{
	const char *rule = bh_call_option(call, "rule");

	if (call->argument_count != (rule != NULL ? 0 : 3))
		return bh_complain(BH_EXIT_USAGE,
				   "explain takes SRC DST PORT[/PROTO], or --rule NUMBER alone");
	return rule != NULL ? explain_rule(call, rule) : explain_access(call);
}
