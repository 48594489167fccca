/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules that nobody used, and what is not known of that. */
#include "unused.h"

#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "client.h"
#include "table.h"
#include "timefmt.h"

static const char path[] = "/v1/policy/uses";

static bool has_state(const cJSON *rule, const char *state)
{
	return strcmp(bh_word(rule, "state"), state) == 0;
}

cJSON *bh_uses_ask(const struct bh_call *call, const struct bh_policy *policy)
{
	struct bh_request request = { .path = path };
	struct bh_buffer text = { 0 };
	cJSON *answer = bh_client_text(call, &request, &text) == BH_EXIT_DONE
				? bh_answer_parse(text.data)
				: NULL;
	char revision[65];

	bh_buffer_free(&text);
	bh_policy_revision(policy, revision);
	if (answer == NULL || strcmp(bh_word(answer, "revision"), revision) == 0)
		return answer;
	cJSON_Delete(answer);
	return NULL;
}

char *bh_use_text(const cJSON *rule, char out[BH_USE_TEXT])
{
	bool used = bh_number(rule, "last_used") > 0;
	char time[BH_TIME_TEXT];

	bh_time_format((int64_t)(bh_number(rule, used ? "last_used" : "watched_since") * BH_SECOND),
		       time);
	snprintf(out, BH_USE_TEXT, "%s %s",
		 used			      ? "last used"
		 : has_state(rule, "unknown") ? "nothing to be seen since"
					      : "not used since",
		 time);
	return out;
}

static size_t count_state(const cJSON *answer, const char *state)
{
	const cJSON *rule;
	size_t count = 0;

	cJSON_ArrayForEach (rule, bh_get(answer, "rules"))
		count += has_state(rule, state);
	return count;
}

static void print_rules(const struct bh_call *call, const cJSON *answer, const char *state,
			enum bh_color color)
{
	static const char *const titles[] = { "NO",  "RULE",  "LAST USED", "WATCHED SINCE",
					      "FOR", "REMARK" };
	struct bh_table *table = bh_table_new(titles, 6, call->color);
	const cJSON *rule;

	bh_table_expendable(table, 4);
	cJSON_ArrayForEach (rule, bh_get(answer, "rules")) {
		char number[16], used[BH_TIME_TEXT], since[BH_TIME_TEXT], age[BH_TIME_TEXT];
		const char *cells[] = {
			bh_human(bh_number(rule, "rule"), number),
			bh_text(rule, "text"),
			bh_clock(bh_number(rule, "last_used"), used),
			bh_clock(bh_number(rule, "watched_since"), since),
			bh_age(bh_number(rule, "watched_for"), age),
			bh_text(rule, "remark"),
		};

		if (has_state(rule, state))
			bh_table_row(table, color, cells);
	}
	bh_table_print(table, NULL);
}

static void print_unused(const struct bh_call *call, const cJSON *answer)
{
	size_t unused = count_state(answer, "unused"), unknown = count_state(answer, "unknown");
	char read[BH_TIME_TEXT];

	printf("%d rules of revision %.0f: %zu used, %zu not used, %zu of which nobody can say, "
	       "%zu "
	       "over; counters read %s\n",
	       cJSON_GetArraySize(bh_get(answer, "rules")), bh_number(answer, "number"),
	       count_state(answer, "used"), unused, unknown, count_state(answer, "over"),
	       bh_clock(bh_number(answer, "counters_read"), read));
	if (unused > 0) {
		printf("\nNot used:\n");
		print_rules(call, answer, "unused", BH_YELLOW);
	}
	if (unknown > 0) {
		printf("\nNobody can say:\n");
		print_rules(call, answer, "unknown", BH_DIM);
	}
}

static int judge_unused(const cJSON *answer)
{
	return count_state(answer, "unused") > 0 ? BH_EXIT_NO : BH_EXIT_DONE;
}

int bh_unused_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_unused, .judge = judge_unused };
	const char *since = bh_call_option(call, "since");
	struct bh_request request = { .path = path };
	char seconds[BH_TIME_TEXT];
	int64_t time, ago;

	if (since == NULL)
		return bh_client_show(call, &request, &view);
	if (!bh_time_parse(since, &time)) {
		if (!bh_duration_parse(since, &ago))
			return bh_complain(BH_EXIT_USAGE,
					   "--since %s: how long ago (30d), a day, RFC 3339, or "
					   "seconds since the epoch expected",
					   since);
		time = bh_time_now() - ago;
	}
	bh_request_add(&request, "since", bh_time_seconds(time, seconds));
	return bh_client_show(call, &request, &view);
}
