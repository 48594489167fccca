/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that decide: policies, modes, and why something is allowed or not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "protocol.h"
#include "table.h"
#include "timefmt.h"

static const cJSON *get(const cJSON *json, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(json, key);
}

static const char *text_of(const cJSON *json, const char *key)
{
	return cJSON_GetStringValue(get(json, key));
}

static double number_of(const cJSON *json, const char *key)
{
	const cJSON *item = get(json, key);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static int print_document(const struct bh_call *call, const char *path)
{
	struct bh_buffer text = { 0 };
	int result = bh_client_text(call, "GET", path, NULL, NULL, &text);

	if (result == BH_EXIT_DONE)
		fputs(text.data, stdout);
	bh_buffer_free(&text);
	return result;
}

int bh_propose_run(const struct bh_call *call)
{
	return print_document(call, "/v1/policy/proposal");
}

int bh_show_run(const struct bh_call *call)
{
	return print_document(call, bh_call_option(call, "nft") != NULL ? "/v1/policy/nft"
									: "/v1/policy/active");
}

/* POSTs the file named by the first argument, or nothing. */
static int post_file(const struct bh_call *call, const char *path, cJSON **json)
{
	const char *file = call->argument_count > 0 ? call->arguments[0] : NULL;
	struct bh_buffer text = { 0 };
	struct bh_query query = { 0 };

	*json = NULL;
	if (file != NULL && !bh_read_file(file, &text))
		return BH_EXIT_UNREACHABLE;
	bh_query_add(&query, "file", file);
	bh_query_add(&query, "why", bh_call_option(call, "why"));
	int result =
		bh_client_json(call, "POST", path, &query, file != NULL ? text.data : "", json);
	bh_buffer_free(&text);
	bh_buffer_free(&query.text);
	return result;
}

int bh_diff_run(const struct bh_call *call)
{
	const cJSON *line;
	cJSON *json;
	int result = post_file(call, "/v1/policy/diff", &json);

	cJSON_ArrayForEach (line, get(json, "lines")) {
		const char *sign = text_of(line, "sign");
		enum bh_color color = *sign == '+' ? BH_GREEN : BH_RED;

		printf("%s%s %s%s\n", bh_color_on(color, call->color), sign, text_of(line, "text"),
		       bh_color_off(color, call->color));
	}
	if (json != NULL && cJSON_GetArraySize(get(json, "lines")) == 0)
		printf("No difference.\n");
	cJSON_Delete(json);
	return result;
}

static void print_verdicts(const cJSON *rows, enum bh_color color, const struct bh_call *call)
{
	static const char *const titles[] = { "SOURCE", "DESTINATION", "PORT", "REASON",
					      "CONNECTIONS" };
	struct bh_table *table = bh_table_new(titles, 5, call->color);
	const cJSON *row;

	bh_table_numeric(table, 4);
	cJSON_ArrayForEach (row, rows) {
		char port[BH_PORT_TEXT] = "-", count[16];
		uint8_t proto;

		if (bh_protocol_parse(text_of(row, "proto"), &proto))
			bh_port_format(proto, (uint16_t)number_of(row, "port"), port);
		const char *cells[] = { text_of(row, "src"), text_of(row, "dst"), port,
					text_of(row, "reason"),
					bh_human(number_of(row, "connections"), count) };
		bh_table_row(table, color, cells);
	}
	bh_table_print(table, "");
}

int bh_check_run(const struct bh_call *call)
{
	cJSON *json;

	if (bh_call_option(call, "flows") != NULL || bh_call_option(call, "policy") != NULL)
		return bh_replay_run(call);
	int result = post_file(call, "/v1/policy/check", &json);
	if (json == NULL)
		return result;
	const cJSON *blocked = get(json, "would_block"), *uncertain = get(json, "uncertain");
	printf("%.0f edges and flows checked: %.0f allowed, %d would be refused, %d uncertain\n",
	       number_of(json, "checked"), number_of(json, "allowed"), cJSON_GetArraySize(blocked),
	       cJSON_GetArraySize(uncertain));
	if (cJSON_GetArraySize(blocked) > 0) {
		printf("\nWould be refused:\n");
		print_verdicts(blocked, BH_RED, call);
		result = BH_EXIT_NO;
	}
	if (cJSON_GetArraySize(uncertain) > 0) {
		printf("\nCannot be judged:\n");
		print_verdicts(uncertain, BH_YELLOW, call);
	}
	cJSON_Delete(json);
	return result;
}

static int print_applied(int result, cJSON *json)
{
	if (json != NULL)
		printf("revision %.0f (%.12s) is active; %.0f changes\n", number_of(json, "number"),
		       text_of(json, "revision"), number_of(json, "changes"));
	cJSON_Delete(json);
	return result;
}

int bh_apply_run(const struct bh_call *call)
{
	cJSON *json;
	int result = post_file(call, "/v1/policy/apply", &json);

	return print_applied(result, json);
}

int bh_rollback_run(const struct bh_call *call)
{
	struct bh_query query = { 0 };
	cJSON *json;

	bh_query_add(&query, "number", call->argument_count > 0 ? call->arguments[0] : NULL);
	bh_query_add(&query, "why", bh_call_option(call, "why"));
	int result = bh_client_json(call, "POST", "/v1/policy/rollback", &query, "", &json);
	bh_buffer_free(&query.text);
	return print_applied(result, json);
}

int bh_history_run(const struct bh_call *call)
{
	static const char *const titles[] = { "NUMBER", "REVISION", "TIME", "BY", "WHY", "" };
	const cJSON *row;
	cJSON *json;
	int result = bh_client_json(call, "GET", "/v1/policy/history", NULL, NULL, &json);

	if (json == NULL)
		return result;
	struct bh_table *table = bh_table_new(titles, 6, call->color);
	cJSON_ArrayForEach (row, get(json, "revisions")) {
		char number[16], revision[16], time[BH_TIME_TEXT];
		const char *cells[] = { bh_human(number_of(row, "number"), number),
					revision,
					bh_time_format((int64_t)(number_of(row, "time") * 1e6),
						       time),
					text_of(row, "author"),
					text_of(row, "why"),
					cJSON_IsTrue(get(row, "active")) ? "active" : "" };

		snprintf(revision, sizeof(revision), "%.12s", text_of(row, "revision"));
		bh_table_row(table, cJSON_IsTrue(get(row, "active")) ? BH_GREEN : BH_PLAIN, cells);
	}
	bh_table_print(table, "No policy has been applied yet.");
	cJSON_Delete(json);
	return result;
}

int bh_mode_run(const struct bh_call *call)
{
	struct bh_query query = { 0 };
	const cJSON *row;
	cJSON *json;

	bh_query_add(&query, "workload", call->arguments[0]);
	bh_query_add(&query, "mode", call->arguments[1]);
	int result = bh_client_json(call, "POST", "/v1/mode", &query, "", &json);
	bh_buffer_free(&query.text);
	cJSON_ArrayForEach (row, get(json, "rows"))
		printf("%s: %s → %s\n", text_of(row, "workload"), text_of(row, "was"),
		       text_of(row, "mode"));
	cJSON_Delete(json);
	return result;
}

int bh_explain_run(const struct bh_call *call)
{
	struct bh_query query = { 0 };
	cJSON *json;

	bh_query_add(&query, "src", call->arguments[0]);
	bh_query_add(&query, "dst", call->arguments[1]);
	bh_query_add(&query, "port", call->arguments[2]);
	int result = bh_client_json(call, "GET", "/v1/explain", &query, NULL, &json);
	bh_buffer_free(&query.text);
	if (json == NULL)
		return result;
	const char *verdict = text_of(json, "verdict");
	bool allowed = strcmp(verdict, "allow") == 0;
	enum bh_color color = allowed			     ? BH_GREEN
			      : strcmp(verdict, "deny") == 0 ? BH_RED
							     : BH_YELLOW;
	printf("%s → %s  %s: %s%s%s\n  %s\n", text_of(json, "src"), text_of(json, "dst"),
	       text_of(json, "port"), bh_color_on(color, call->color), verdict,
	       bh_color_off(color, call->color), text_of(json, "reason"));
	if (!allowed && text_of(json, "workload") != NULL)
		printf("  %s %s\n", text_of(json, "workload"),
		       cJSON_IsTrue(get(json, "blocked"))   ? "enforces: it is refused"
		       : cJSON_IsTrue(get(json, "audited")) ? "audits: it passes, and is reported"
							    : "is learning: it passes");
	cJSON_Delete(json);
	return allowed ? BH_EXIT_DONE : BH_EXIT_NO;
}
