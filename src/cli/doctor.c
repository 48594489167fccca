/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong, and who may be to blame: leaks, what does not arrive, losses, others' chains. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "client.h"
#include "command.h"
#include "table.h"

#define TRIES 30
#define PAUSE_MS 100
#define VETHS 4 /* that are tested within a pause, and one of five to spare */

static const char *const path = "/v1/doctor";

static void print_lines(const char *title, const cJSON *list, const char *key, enum bh_color shade,
			bool color)
{
	const cJSON *item;

	printf("%s:\n", title);
	cJSON_ArrayForEach (item, list)
		printf("%s  • %s%s\n", bh_color_on(shade, color),
		       key != NULL	      ? bh_word(item, key)
		       : cJSON_IsString(item) ? item->valuestring
					      : "-",
		       bh_color_off(shade, color));
	if (cJSON_GetArraySize(list) == 0)
		printf("  none\n");
	printf("\n");
}

static void print_leaks(const cJSON *leaks, bool color)
{
	const cJSON *leak;
	char port[BH_PORT_TEXT], last[BH_TIME_TEXT];

	printf("Delivered although it is denied, in the last hour:\n");
	cJSON_ArrayForEach (leak, leaks) {
		const cJSON *src = bh_get(leak, "src"), *dst = bh_get(leak, "dst");

		printf("%s  • %s → %s %s: %.0f connections, the last at %s: %s%s\n",
		       bh_color_on(BH_RED, color), bh_word(src, "workload"),
		       bh_word(dst, "workload"), bh_answer_port(leak, bh_number(dst, "port"), port),
		       bh_number(leak, "connections"), bh_clock(bh_number(leak, "last"), last),
		       bh_word(leak, "reason"), bh_color_off(BH_RED, color));
	}
	if (cJSON_GetArraySize(leaks) == 0)
		printf("  none\n");
	printf("\n");
}

static void print_chains(const cJSON *foreign, bool color)
{
	static const char *const titles[] = { "FAMILY",	  "TABLE",  "CHAIN",	 "HOOK",
					      "PRIORITY", "POLICY", "RULES DROP" };
	struct bh_table *table = bh_table_new(titles, 7, color);
	const cJSON *chain;

	printf("Chains of others, where packets pass:\n");
	cJSON_ArrayForEach (chain, bh_get(foreign, "chains")) {
		bool drops = cJSON_IsTrue(bh_get(chain, "rules_drop")),
		     policy = strcmp(bh_word(chain, "policy"), "drop") == 0;
		char priority[16];
		snprintf(priority, sizeof(priority), "%.0f", bh_number(chain, "priority"));
		const char *cells[] = { bh_text(chain, "family"),
					bh_text(chain, "table"),
					bh_text(chain, "chain"),
					bh_text(chain, "hook"),
					priority,
					bh_text(chain, "policy"),
					drops ? "yes" : "no" };

		bh_table_row(table, drops || policy ? BH_YELLOW : BH_PLAIN, cells);
	}
	bh_table_print(table, "  none");
	if (bh_text(foreign, "error") != NULL)
		printf("They cannot be read: %s\n", bh_text(foreign, "error"));
	if (bh_number(foreign, "left_off") > 0)
		printf("%.0f more are not shown.\n", bh_number(foreign, "left_off"));
	if (cJSON_IsTrue(bh_get(foreign, "legacy_iptables")))
		printf("Legacy iptables has tables, too; what they drop cannot be seen here.\n");
}

static void print_doctor(const struct bh_call *call, const cJSON *answer)
{
	print_lines("What keeps bulkhead from its work", bh_get(answer, "faults"), NULL, BH_RED,
		    call->color);
	print_lines("Where it is not proved that the rules hold", bh_get(answer, "unproven"), NULL,
		    BH_RED, call->color);
	print_leaks(bh_get(answer, "leaks"), call->color);
	print_lines("Neither delivered nor denied, in the last hour", bh_get(answer, "undelivered"),
		    "reason", BH_YELLOW, call->color);
	print_lines("Lost in the last hour", bh_get(answer, "losses"), NULL, BH_YELLOW,
		    call->color);
	print_lines("Worth to know of this host", bh_get(answer, "host"), NULL, BH_PLAIN,
		    call->color);
	print_chains(bh_get(answer, "foreign"), call->color);
}

static int judge_doctor(const cJSON *answer)
{
	static const char *const findings[] = { "faults", "unproven", "leaks", "undelivered",
						"losses" };

	for (size_t i = 0; i < sizeof(findings) / sizeof(findings[0]); i++)
		if (cJSON_GetArraySize(bh_get(answer, findings[i])) > 0)
			return BH_EXIT_NO;
	return BH_EXIT_DONE;
}

/* null where nothing is tested. */
static double checked_at(const cJSON *answer)
{
	const cJSON *tested = bh_get(bh_get(answer, "self_test"), "checked");
	double chains = bh_number(bh_get(answer, "foreign"), "checked");

	return cJSON_IsNumber(tested) && tested->valuedouble < chains ? tested->valuedouble
								      : chains;
}

static int tries_for(const cJSON *answer)
{
	return TRIES + cJSON_GetArraySize(bh_get(bh_get(answer, "self_test"), "routed")) / VETHS;
}

/* Asking makes the daemon read others' chains anew, and test every bridge and routed veth; it
 * answers with what it has. */
static int wait_for_reading(const struct bh_call *call, time_t since)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	double checked = 0;
	int most = TRIES;

	for (int tries = 0; tries < most && checked < (double)since; tries++) {
		struct bh_request request = { .path = path };
		struct bh_buffer text = { 0 };
		int result = bh_client_text(call, &request, &text);

		if (result != BH_EXIT_DONE) {
			bh_buffer_free(&text);
			return result;
		}
		cJSON *answer = bh_answer_parse(text.data);
		checked = checked_at(answer);
		most = tries_for(answer);
		cJSON_Delete(answer);
		bh_buffer_free(&text);
		if (checked < (double)since)
			nanosleep(&pause, NULL);
	}
	return BH_EXIT_DONE;
}

int bh_doctor_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = print_doctor, .judge = judge_doctor };
	struct bh_request request = { .path = path };

	if (bh_call_option(call, "trace") != NULL)
		return bh_trace_run(call);
	if (call->argument_count > 0 || bh_call_option(call, "for") != NULL)
		return bh_complain(BH_EXIT_USAGE, "SRC, DST, PORT and --for go with --trace");
	int result = wait_for_reading(call, time(NULL));

	return result == BH_EXIT_DONE ? bh_client_show(call, &request, &view) : result;
}
