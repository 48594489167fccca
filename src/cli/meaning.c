/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "meaning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "existing.h"
#include "table.h"

#define MOST_SHOWN 20

void bh_meaning_print_verdicts(const cJSON *rows, bool red, const struct bh_call *call)
{
	static const char *const titles[] = { "SOURCE", "DESTINATION", "PORT",
					      "REASON", "LAST",	       "CONNECTIONS" };
	struct bh_table *table = bh_table_new(titles, 6, call->color);
	const cJSON *row;

	bh_table_numeric(table, 5);
	bh_table_expendable(table, 5);
	bh_table_expendable(table, 4);
	cJSON_ArrayForEach (row, rows) {
		char port[BH_PORT_TEXT], count[16], last[BH_TIME_TEXT];
		const char *cells[] = { bh_text(row, "src"),
					bh_text(row, "dst"),
					bh_answer_port(row, bh_number(row, "port"), port),
					bh_text(row, "reason"),
					bh_clock(bh_number(row, "last"), last),
					bh_human(bh_number(row, "connections"), count) };

		bh_table_row(table, red ? BH_RED : BH_YELLOW, cells);
	}
	bh_table_print(table, "");
}

static const char *plural(double count)
{
	return count == 1 ? "" : "s";
}

/* "netns:web", with the address where it has no name. */
static const char *end_of(const cJSON *row, const char *key)
{
	const char *name = bh_text(bh_get(row, key), "workload");

	return name != NULL ? name : bh_text(bh_get(row, key), "ip");
}

/* Those that end though they were to go on: why, of the first that is listed. */
static void print_not_kept(const cJSON *existing)
{
	double count = bh_number(existing, "not_kept_count");
	const char *why = NULL;
	const cJSON *row;

	cJSON_ArrayForEach (row, bh_get(existing, "connections"))
		if (why == NULL)
			why = bh_text(row, "not_kept");
	if (count > 0)
		printf("%.0f of them %s cut all the same%s%s.\n", count, count == 1 ? "is" : "are",
		       why != NULL ? "; " : "", why != NULL ? why : "");
}

static void print_rows(const cJSON *rows, double count, enum bh_color color,
		       const struct bh_call *call)
{
	static const char *const titles[] = { "SOURCE", "DESTINATION", "PORT",
					      "SINCE",	"BYTES",       "REASON" };
	struct bh_table *table = bh_table_new(titles, 6, call->color);
	const cJSON *row;
	int shown = 0;

	bh_table_expendable(table, 4);
	bh_table_expendable(table, 3);
	cJSON_ArrayForEach (row, rows) {
		char port[BH_PORT_TEXT], since[BH_TIME_TEXT], bytes[16];
		bool known = cJSON_IsNumber(bh_get(row, "bytes"));
		const char *cells[] = { end_of(row, "src"),
					end_of(row, "dst"),
					bh_answer_port(row, bh_number(row, "port"), port),
					bh_clock(bh_number(row, "since"), since),
					known ? bh_human(bh_number(row, "bytes"), bytes) : NULL,
					bh_text(row, "reason") };

		if (shown++ >= MOST_SHOWN)
			break;
		bh_table_row(table, color, cells);
	}
	bh_table_print(table, NULL);
	if (count > MOST_SHOWN)
		printf("… and %.0f more (--format json)\n", count - MOST_SHOWN);
}

/* What becomes of them. */
static void put_fate(const char *word, char *out, size_t size)
{
	struct bh_existing existing;
	char age[BH_TIME_TEXT];

	if (!bh_existing_parse(word, &existing) || existing.how == BH_EXISTING_CUT)
		snprintf(out, size, "cut");
	else if (existing.how == BH_EXISTING_KEEP)
		snprintf(out, size, "kept until they end");
	else
		snprintf(out, size, "cut after %s",
			 bh_age((double)existing.drain / BH_SECOND, age));
}

void bh_meaning_print_open(const struct bh_call *call, const cJSON *existing)
{
	double ends = bh_number(existing, "count"),
	       either = bh_number(existing, "either_way_count"),
	       uncertain = bh_number(existing, "uncertain_count"),
	       refused = bh_number(existing, "uncertain_refused_count");
	const char *incomplete = bh_text(existing, "incomplete");
	char fate[64];

	put_fate(bh_word(existing, "existing"), fate, sizeof(fate));
	if (ends > 0) {
		printf("\n%.0f open connection%s that it denies and that passed until now (%s):\n",
		       ends, plural(ends), fate);
		print_rows(bh_get(existing, "connections"), ends, BH_RED, call);
		print_not_kept(existing);
	}
	if (either > 0) {
		printf("\n%.0f open connection%s that it does not let open anew, but cannot end: "
		       "the other end may\nopen what looks the same:\n",
		       either, plural(either));
		print_rows(bh_get(existing, "either_way"), either, BH_YELLOW, call);
	}
	if (uncertain > 0) {
		printf("\n%.0f open connection%s that cannot be judged, and %s not cut:\n",
		       uncertain, plural(uncertain), uncertain == 1 ? "is" : "are");
		print_rows(bh_get(existing, "uncertain"), uncertain, BH_YELLOW, call);
	}
	if (refused > 0) {
		printf("%.0f of them %s between ports of a stateless bridge, which refuses what "
		       "its rules do not let pass.\n",
		       refused, refused == 1 ? "is" : "are");
	}
	if (incomplete != NULL)
		printf("\nOf open connections that is not all: %s.\n", incomplete);
}

void bh_meaning_print_recorded(const struct bh_call *call, const cJSON *recorded)
{
	const cJSON *blocked = bh_get(recorded, "would_block"),
		    *uncertain = bh_get(recorded, "uncertain");
	int refused = cJSON_GetArraySize(blocked), doubtful = cJSON_GetArraySize(uncertain);
	char since[BH_TIME_TEXT];

	printf("\nOf %.0f edges and flows that were met since %s and pass now, %d would be "
	       "refused, "
	       "%d cannot be judged.\n",
	       bh_number(recorded, "checked"), bh_clock(bh_number(recorded, "since"), since),
	       refused, doubtful);
	if (refused > 0) {
		printf("\nWould be refused:\n");
		bh_meaning_print_verdicts(blocked, true, call);
	}
	if (doubtful > 0) {
		printf("\nCannot be judged:\n");
		bh_meaning_print_verdicts(uncertain, false, call);
	}
}

static void print_finding(FILE *out, const cJSON *row)
{
	const char *rule = bh_text(row, "add_rule");
	char port[BH_PORT_TEXT], last[BH_TIME_TEXT];
	const cJSON *entry;

	fprintf(out, "  %s: %s → %s %s", bh_word(row, "kind"), bh_word(row, "src"),
		bh_word(row, "dst"), bh_answer_port(row, bh_number(row, "port"), port));
	if (bh_number(row, "last") > 0)
		fprintf(out, ", last met %s", bh_clock(bh_number(row, "last"), last));
	fprintf(out, "\n    %s\n", bh_word(row, "reason"));
	cJSON_ArrayForEach (entry, bh_get(row, "add_workloads"))
		if (cJSON_IsString(entry))
			fprintf(out, "    below workloads:  %s\n", entry->valuestring);
	if (rule != NULL)
		fprintf(out, "    below rules:      %s\n", rule);
}

void bh_meaning_print_silence(const struct bh_call *call, const cJSON *answer)
{
	const char *silence = bh_text(answer, "silence");

	if (silence != NULL)
		printf("\n%s%s%s\n", bh_color_on(BH_YELLOW, call->color), silence,
		       bh_color_off(BH_YELLOW, call->color));
}

void bh_meaning_print_guard(FILE *out, const cJSON *guard)
{
	const char *unseen = bh_text(bh_get(guard, "session"), "text");
	const cJSON *row;

	if (cJSON_GetArraySize(bh_get(guard, "findings")) > 0)
		fprintf(out, cJSON_IsTrue(bh_get(guard, "overridden"))
				     ? "\nCut off, anyway:\n"
				     : "\nIt would cut off what has to go on and works now:\n");
	cJSON_ArrayForEach (row, bh_get(guard, "findings"))
		print_finding(out, row);
	if (unseen != NULL)
		fprintf(out, "\nbulkhead %s.\n", unseen);
}
