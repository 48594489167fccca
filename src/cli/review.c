/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Edges that wait for a person, and what that person says. */
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "learned_view.h"
#include "table.h"

static void print_rows(const struct bh_call *call, const cJSON *answer, const char *nothing)
{
	struct bh_learned_table *table = bh_learned_table_new(call);
	const cJSON *edge;

	cJSON_ArrayForEach (edge, bh_get(answer, "edges"))
		bh_learned_table_add(table, edge);
	bh_learned_table_print(table, nothing, "Shown here");
}

static void print_queue(const struct bh_call *call, const cJSON *answer)
{
	print_rows(call, answer, "No edge waits for a person.");
	if (cJSON_GetArraySize(bh_get(answer, "edges")) > 0)
		puts("bulkhead review accept|reject EDGE … [--expires DAYS] [--why TEXT]");
}

static void print_decided(const struct bh_call *call, const cJSON *answer)
{
	const cJSON *demoted;

	print_rows(call, answer,
		   "Nothing was decided; what was denied is accepted by its ID alone.");
	cJSON_ArrayForEach (demoted, bh_get(answer, "demoted"))
		printf("%s is audited again: it was denied too much that is legitimate.\n",
		       cJSON_GetStringValue(demoted));
	puts("The active policy is as it was; bulkhead policy diff says what a new proposal would "
	     "change.");
}

static int show_queue(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_queue };
	struct bh_request request = { .path = "/v1/review" };

	bh_request_add(&request, "workload", bh_call_option(call, "workload"));
	bh_request_add(&request, "all", bh_call_option(call, "all") != NULL ? "1" : NULL);
	return bh_client_show(call, &request, &view);
}

static int decide(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_decided };
	struct bh_request request = { .method = "POST", .path = "/v1/review", .body = "" };
	struct bh_buffer edges = { 0 };

	for (size_t i = 1; i < call->argument_count; i++)
		bh_buffer_printf(&edges, "%s%s", i > 1 ? "," : "", call->arguments[i]);
	bh_request_add(&request, "action", call->arguments[0]);
	bh_request_add(&request, "edges", edges.data);
	bh_request_add(&request, "workload", bh_call_option(call, "workload"));
	bh_request_add(&request, "expires", bh_call_option(call, "expires"));
	bh_request_add(&request, "why", bh_call_option(call, "why"));
	int result = bh_client_show(call, &request, &view);
	bh_buffer_free(&edges);
	return result;
}

int bh_review_run(const struct bh_call *call)
{
	static const char *const deciding[] = { "expires", "why" };

	if (call->argument_count == 1)
		return bh_complain(BH_EXIT_USAGE,
				   "review %s: which edges? Their ID, or all; see: "
				   "bulkhead review",
				   call->arguments[0]);
	if (call->argument_count > 1)
		return decide(call);
	for (size_t i = 0; i < 2; i++)
		if (bh_call_option(call, deciding[i]) != NULL)
			return bh_complain(BH_EXIT_USAGE,
					   "--%s goes with accept or reject, and an edge",
					   deciding[i]);
	return show_queue(call);
}
