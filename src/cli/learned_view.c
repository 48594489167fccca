/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "learned_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/edge.h"
#include "client.h"
#include "grow.h"
#include "table.h"

/* --- edges ------------------------------------------------------------------------------------ */

enum { ACCEPTED, REVIEW, REJECTED, STATES };

struct bh_learned_table {
	struct bh_table *table;
	size_t states[STATES];
};

static int state_of(const char *word)
{
	return strcmp(word, "accepted") == 0 ? ACCEPTED
	       : strcmp(word, "review") == 0 ? REVIEW
					     : REJECTED;
}

struct bh_learned_table *bh_learned_table_new(const struct bh_call *call)
{
	static const char *const titles[] = { "EDGE", "STATE",	 "SOURCE",	"DESTINATION",
					      "PORT", "WINDOWS", "CONNECTIONS", "WHY" };
	struct bh_learned_table *t = bh_calloc(1, sizeof(*t));

	t->table = bh_table_new(titles, 8, call->color);
	bh_table_expendable(t->table, 6);
	bh_table_expendable(t->table, 5);
	return t;
}

/* A person's word goes before what the filters say. */
static void put_why(struct bh_buffer *out, const cJSON *edge)
{
	const cJSON *decision = bh_get(edge, "decision"), *reason;
	char expires[BH_TIME_TEXT];

	bh_buffer_puts(out, "");
	if (cJSON_IsObject(decision)) {
		bh_buffer_printf(out, "%s by %s",
				 cJSON_IsTrue(bh_get(decision, "accepted")) ? "accepted"
									    : "rejected",
				 bh_word(decision, "author"));
		if (cJSON_IsNumber(bh_get(decision, "expires")))
			bh_buffer_printf(out, " until %s",
					 bh_clock(bh_number(decision, "expires"), expires));
		if (*bh_word(decision, "why") != '\0')
			bh_buffer_printf(out, ": %s", bh_word(decision, "why"));
	}
	cJSON_ArrayForEach (reason, bh_get(edge, "reasons"))
		bh_buffer_printf(out, "%s%s", out->length > 0 ? "; " : "",
				 cJSON_GetStringValue(reason));
	if (cJSON_IsTrue(bh_get(edge, "ruled")))
		bh_buffer_puts(out, "; a rule of a person's allows it");
	if (cJSON_IsTrue(bh_get(edge, "provisional")))
		bh_buffer_puts(out, "; may pass for 35 windows");
	if (cJSON_IsTrue(bh_get(edge, "lossy")))
		bh_buffer_printf(out, "%ssomething was lost while it was learned",
				 out->length > 0 ? "; " : "");
}

void bh_learned_table_add(struct bh_learned_table *t, const cJSON *edge)
{
	static const enum bh_color colors[STATES] = { BH_PLAIN, BH_YELLOW, BH_DIM };
	char port[BH_PORT_TEXT], windows[16], connections[16];
	int state = state_of(bh_word(edge, "state"));
	struct bh_buffer why = { 0 };

	t->states[state]++;
	put_why(&why, edge);
	snprintf(windows, sizeof(windows), "%.0f", bh_number(edge, "windows"));
	bh_table_row(t->table, colors[state],
		     (const char *[]) {
			     bh_word(edge, "id"), bh_word(edge, "state"), bh_word(edge, "src"),
			     bh_word(edge, "dst"),
			     bh_answer_port(edge, bh_number(edge, "port"), port), windows,
			     bh_human(bh_number(edge, "connections"), connections), why.data });
	bh_buffer_free(&why);
}

void bh_learned_table_line(struct bh_learned_table *t, const char *json)
{
	cJSON *edge = bh_answer_parse(json);

	bh_learned_table_add(t, edge);
	cJSON_Delete(edge);
}

void bh_learned_table_print(struct bh_learned_table *t, const char *nothing, const char *before)
{
	bh_table_print(t->table, nothing);
	if (t->states[ACCEPTED] + t->states[REVIEW] + t->states[REJECTED] > 0)
		printf("\n%s: %zu accepted, %zu for a person to decide, %zu rejected.\n", before,
		       t->states[ACCEPTED], t->states[REVIEW], t->states[REJECTED]);
	free(t);
}

/* Rounded the way that promises less. */
static double at_least(double share, double steps)
{
	return floor(share * steps) / steps;
}

static double at_most(double share, double steps)
{
	return ceil(share * steps) / steps;
}

/* The API's words for why a connection taught nothing, in a person's. */
static const char *unlearned_words(const char *reason)
{
	static const char *const words[][2] = {
		{ "unanswered", "not answered" },
		{ "direction", "opened by nobody knows whom" },
		{ "unresolved", "with an end that nobody owns up to" },
		{ "blocked", "against the policy" },
		{ "overflow", "beyond learning.max_edges" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i][0], reason) == 0)
			return words[i][1];
	return reason;
}

void bh_unlearned_print(const cJSON *unlearned, FILE *out)
{
	const cJSON *reason;
	bool any = false;

	cJSON_ArrayForEach (reason, unlearned) {
		if (!cJSON_IsNumber(reason) || reason->valuedouble == 0)
			continue;
		fprintf(out, "%s %.0f %s", any ? "," : "\nNot learned:", reason->valuedouble,
			unlearned_words(reason->string));
		any = true;
	}
	if (any)
		fputs("\n", out);
}

/* --- readiness -------------------------------------------------------------------------------- */

static bool is_day(const cJSON *json)
{
	return bh_number(json, "window_seconds") == 86400;
}

static const char *windows_word(const cJSON *json)
{
	return is_day(json) ? "days" : "windows";
}

static void print_basis(const cJSON *json)
{
	if (strcmp(bh_word(json, "basis"), "recent") == 0)
		printf("There were deploys, or new workloads: that is what the last %.0f windows "
		       "brought, more than "
		       "those seen once tell.\n",
		       bh_number(json, "recent_windows"));
	else if (cJSON_IsTrue(bh_get(json, "deployed")))
		puts("There were deploys, or new workloads, of late: the next may bring new "
		     "edges.");
}

static void print_headline(const cJSON *json)
{
	double windows = bh_number(json, "windows");

	if (!cJSON_IsNumber(bh_get(json, "expected"))) {
		puts("No whole window has been seen yet: nobody can say what is missing, or how "
		     "long it takes.");
		return;
	}
	printf("Expected new blocked flows: %.2g in the next window (95 %%: at most %.0f); none at "
	       "all: %.0f %%.\n"
	       "%.0f of %.0f edges were seen in one window of %.0f only.\n",
	       bh_number(json, "expected"), bh_number(json, "bound"),
	       100 * at_least(bh_number(json, "quiet"), 100), bh_number(json, "seen_once"),
	       bh_number(json, "edges"), windows);
	print_basis(json);
	printf("Blind to schedules longer than %.0f %s; those longer than %.0f may have been seen "
	       "only once.\n",
	       windows, windows_word(json), bh_number(json, "longest_schedule_twice"));
	if (windows >= 7 && windows < 14)
		puts("In the second week weekly jobs were seen once: the figure is about three "
		     "times too high.");
}

/* Window 0 begins at 1970-01-01, a Thursday. */
static void print_weekdays(const cJSON *json)
{
	static const char *const days[] = { "Thursday", "Friday",  "Saturday", "Sunday",
					    "Monday",	"Tuesday", "Wednesday" };
	const cJSON *missing = bh_get(json, "weekdays_missing"), *day;
	const char *before = is_day(json)
				     ? "Weekdays not seen yet: "
				     : "Of seven windows that follow each other not seen yet: ";

	if (bh_number(json, "windows") == 0)
		return;
	cJSON_ArrayForEach (day, missing) {
		int number = (int)day->valuedouble;

		if (is_day(json) && number >= 0 && number < 7)
			printf("%s%s", before, days[number]);
		else
			printf("%s%d", before, number);
		before = ", ";
	}
	if (cJSON_GetArraySize(missing) > 0)
		puts(".");
}

static void print_for(const cJSON *json)
{
	const cJSON *answer = bh_get(json, "for");

	if (answer == NULL || bh_number(json, "windows") == 0)
		return;
	if (cJSON_IsNumber(bh_get(answer, "probability")))
		printf("A quiet window with a probability of %g: after at most %.0f windows in "
		       "all.\n",
		       bh_number(answer, "probability"), bh_number(answer, "windows"));
	else
		printf("By then, after %.0f windows, the next one is quiet with at least %.3f.\n",
		       bh_number(answer, "windows"), at_least(bh_number(answer, "quiet"), 1000));
	if (cJSON_IsTrue(bh_get(json, "deployed")))
		puts("That is if no other version, and no new workload, comes meanwhile.");
}

/* Of recorded flows alone. */
static void print_record(const cJSON *record)
{
	if (record == NULL)
		return;
	puts("");
	if (!cJSON_IsTrue(bh_get(record, "replicas")))
		puts("The record names no replicas: F4 was not asked, and to F2 each workload is "
		     "one.");
	if (bh_number(record, "deploys") == 0)
		puts("The record tells of no deploys: what a new version brought counts as late.");
	puts("What was audited, how long, and which windows were watched, no record tells.");
}

static void print_uncounted(const cJSON *windows)
{
	double unwatched = bh_number(windows, "unwatched"), lossy = bh_number(windows, "lossy");

	if (unwatched + lossy > 0)
		printf("%.0f windows are over and do not count: %.0f were watched for less than "
		       "half of the time, in %.0f one packet in a thousand was lost, or more.\n",
		       unwatched + lossy, unwatched, lossy);
}

static void print_lossy(const cJSON *workloads)
{
	const cJSON *workload;
	int count = 0;

	cJSON_ArrayForEach (workload, workloads) {
		if (!cJSON_IsTrue(bh_get(workload, "lossy")))
			continue;
		printf("%s%s", count++ > 0 ? ", " : "Something was lost while these were learned: ",
		       bh_word(workload, "workload"));
	}
	if (count > 0)
		puts(".");
}

static void print_losses(const cJSON *json)
{
	bh_unlearned_print(bh_get(json, "unlearned"), stdout);
	print_uncounted(bh_get(json, "uncounted"));
	print_lossy(bh_get(json, "workloads"));
	if (bh_number(json, "lost_contacts") > 0)
		printf("%.0f first contacts found no room: scanners among those that made them are "
		       "not known.\n",
		       bh_number(json, "lost_contacts"));
}

static void print_schedules(const struct bh_call *call, const cJSON *json)
{
	static const char *const titles[] = { "SOURCE", "DESTINATION", "PORT",
					      "EVERY",	"SEEN",	       "NEXT" };
	struct bh_table *table = bh_table_new(titles, 6, call->color);
	const cJSON *row, *all = bh_get(json, "schedules");

	if (cJSON_GetArraySize(all) > 0)
		puts("\nSchedules that the edges keep:");
	cJSON_ArrayForEach (row, all) {
		char port[BH_PORT_TEXT], every[40], seen[16], next[BH_TIME_TEXT];
		bool late = cJSON_IsTrue(bh_get(row, "overdue"));

		if (is_day(json) && bh_is_month((uint32_t)bh_number(row, "every")))
			snprintf(every, sizeof(every), "28 to 31 days");
		else
			snprintf(every, sizeof(every), "%.0f %s", bh_number(row, "every"),
				 windows_word(json));
		snprintf(seen, sizeof(seen), "%.0f", bh_number(row, "seen"));
		bh_clock(bh_number(row, "next"), next);
		bh_table_row(table, late ? BH_YELLOW : BH_PLAIN,
			     (const char *[]) { bh_word(row, "src"), bh_word(row, "dst"),
						bh_answer_port(row, bh_number(row, "port"), port),
						every, seen, late ? "overdue" : next });
	}
	bh_table_print(table, NULL);
}

static void print_declared(const cJSON *json)
{
	const cJSON *row;

	cJSON_ArrayForEach (row, bh_get(json, "declared"))
		printf("%s declares a schedule (%s: %s): %s\n", bh_word(row, "workload"),
		       bh_word(row, "label"), bh_word(row, "text"), bh_word(row, "why"));
}

/* The first stage that is not reached, and what stands against it. */
static const cJSON *next_stage(const cJSON *workload)
{
	const cJSON *stage;

	cJSON_ArrayForEach (stage, bh_get(workload, "stages"))
		if (!cJSON_IsTrue(bh_get(stage, "reached")))
			return stage;
	return NULL;
}

static void put_next(struct bh_buffer *out, const cJSON *workload)
{
	const cJSON *stage = next_stage(workload), *lack;
	const char *before = ": ";

	bh_buffer_puts(out, "");
	if (stage == NULL)
		return;
	if (cJSON_IsTrue(bh_get(stage, "ready"))) {
		bh_buffer_printf(out, "ready for %s", bh_word(stage, "mode"));
		return;
	}
	bh_buffer_printf(out, "%s", bh_word(stage, "mode"));
	cJSON_ArrayForEach (lack, bh_get(stage, "missing")) {
		bh_buffer_printf(out, "%s%s", before, bh_word(lack, "text"));
		before = "; ";
	}
}

static void add_workload(struct bh_table *table, const cJSON *w)
{
	char windows[24], edges[16], once[16], waiting[16], recent[16] = "?", risk[16] = "?";
	struct bh_buffer next = { 0 };

	snprintf(windows, sizeof(windows), "%.0f%s", bh_number(w, "windows"),
		 cJSON_IsTrue(bh_get(w, "job")) ? " runs" : "");
	snprintf(edges, sizeof(edges), "%.0f", bh_number(w, "edges"));
	snprintf(once, sizeof(once), "%.0f", bh_number(w, "seen_once"));
	snprintf(waiting, sizeof(waiting), "%.0f", bh_number(w, "waiting"));
	if (cJSON_IsNumber(bh_get(w, "recent")))
		snprintf(recent, sizeof(recent), "%.2g", bh_number(w, "recent"));
	if (bh_number(w, "windows") > 0)
		snprintf(risk, sizeof(risk), "%.1f %%", 100 * at_most(bh_number(w, "risk"), 1000));
	put_next(&next, w);
	bool yellow = cJSON_IsTrue(bh_get(w, "open_ended"));
	bool green = cJSON_IsTrue(bh_get(next_stage(w), "ready"));
	bh_table_row(table,
		     yellow  ? BH_YELLOW
		     : green ? BH_GREEN
			     : BH_PLAIN,
		     (const char *[]) { bh_word(w, "workload"), bh_word(w, "mode"), windows, edges,
					once, recent, risk, waiting, next.data });
	bh_buffer_free(&next);
}

static void print_workloads(const struct bh_call *call, const cJSON *json)
{
	static const char *const titles[] = { "WORKLOAD",     "MODE", "WINDOWS", "EDGES", "ONCE",
					      "NEW A WINDOW", "RISK", "WAIT",	 "NEXT" };
	struct bh_table *table = bh_table_new(titles, 9, call->color);
	const cJSON *workload;

	bh_table_expendable(table, 3);
	bh_table_expendable(table, 5);
	cJSON_ArrayForEach (workload, bh_get(json, "workloads"))
		add_workload(table, workload);
	puts("");
	bh_table_print(table, "No workload opened a connection.");
}

/* Of one that was asked for: every stage, a line for each thing that is missing until it is
 * reached. */
static void print_stages(const cJSON *workload)
{
	const cJSON *stage, *lack;

	cJSON_ArrayForEach (stage, bh_get(workload, "stages")) {
		bool reached = cJSON_IsTrue(bh_get(stage, "reached"));

		printf("\n%s: %s\n", bh_word(stage, "mode"),
		       reached				      ? "reached"
		       : cJSON_IsTrue(bh_get(stage, "ready")) ? "ready"
							      : "not yet");
		if (reached)
			continue;
		cJSON_ArrayForEach (lack, bh_get(stage, "missing"))
			printf("  - %s\n", bh_word(lack, "text"));
	}
}

void bh_readiness_print(const struct bh_call *call, const cJSON *json)
{
	print_headline(json);
	print_weekdays(json);
	print_for(json);
	print_losses(json);
	print_workloads(call, json);
	print_record(bh_get(json, "record"));
	if (call->argument_count > 0)
		print_stages(cJSON_GetArrayItem(bh_get(json, "workloads"), 0));
	print_schedules(call, json);
	print_declared(json);
}

void bh_readiness_show(const struct bh_call *call, const cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);
	cJSON *harmless;

	if (call->json) {
		puts(text);
	} else {
		harmless = bh_answer_parse(text);
		bh_readiness_print(call, harmless);
		cJSON_Delete(harmless);
	}
	free(text);
}

int bh_readiness_ask(const struct bh_call *call)
{
	static const struct bh_view view = { .print = bh_readiness_print };
	struct bh_request request = { .path = "/v1/readiness" };

	bh_request_add(&request, "workload", call->arguments[0]);
	bh_request_add(&request, "for", bh_call_option(call, "for"));
	return bh_client_show(call, &request, &view);
}
