/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recorded flows through the very ledger that the daemon keeps, in their own time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "filters.h"
#include "grow.h"
#include "learned.h"
#include "learned_policy.h"
#include "learned_view.h"
#include "readiness.h"
#include "progress.h"
#include "records.h"
#include "timefmt.h"

#define MOST_EDGES 10000000
#define LEAST_WINDOW (24 * BH_SECOND) /* an hour of it is a second */

/* A connection that is open, and when it is seen next. */
struct ongoing {
	int64_t due;
	const struct bh_record *record;
};

struct lesson {
	const struct bh_call *call;
	struct bh_ledger *ledger;
	struct bh_records records;
	struct ongoing *heap;
	size_t heap_count, heap_capacity;
	int64_t until;
	size_t deploys;
	bool names_replicas; /* of a source, once at least */
	struct bh_filter_config filters;
};

/* --- learning --------------------------------------------------------------------------------- */

/* A connection that stays open is evidence in every hour that it is open in. Those that are open
 * are kept in a heap, the one first that is due first, for everything is learned in its own time.
 */
static bool is_due_before(const struct ongoing *a, const struct ongoing *b)
{
	return a->due != b->due ? a->due < b->due : a->record->line < b->record->line;
}

static void swap(struct ongoing *a, struct ongoing *b)
{
	struct ongoing kept = *a;

	*a = *b;
	*b = kept;
}

static void push(struct lesson *l, const struct ongoing *o)
{
	l->heap = bh_grow(l->heap, &l->heap_capacity, l->heap_count + 1, sizeof(*l->heap));
	size_t at = l->heap_count++;
	l->heap[at] = *o;
	for (; at > 0 && is_due_before(&l->heap[at], &l->heap[(at - 1) / 2]); at = (at - 1) / 2)
		swap(&l->heap[at], &l->heap[(at - 1) / 2]);
}

static struct ongoing pop(struct lesson *l)
{
	struct ongoing first = l->heap[0];

	l->heap[0] = l->heap[--l->heap_count];
	for (size_t at = 0;;) {
		size_t least = at;

		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < l->heap_count &&
			    is_due_before(&l->heap[child], &l->heap[least]))
				least = child;
		if (least == at)
			return first;
		swap(&l->heap[at], &l->heap[least]);
		at = least;
	}
}

static void observe(struct lesson *l, const struct bh_record *r, int64_t time, bool opens)
{
	const struct bh_contact contact = { .src = r->src,
					    .dst = r->dst,
					    .proto = r->proto,
					    .port = r->port,
					    .replica = r->replica,
					    .time = time,
					    .count = r->count,
					    .direction = r->direction,
					    .answered = r->answered,
					    .teaches = r->answered && opens,
					    .ends = opens, /* it is counted once */
					    .bytes = opens ? r->bytes : 0,
					    .lossy = r->lossy,
					    .denied = r->denied };

	bh_ledger_observe(l->ledger, &contact);
}

/* When it is seen next: an hour later, and at its end. */
static void go_on(struct lesson *l, const struct bh_record *r, int64_t time)
{
	int64_t hour = bh_ledger_config(l->ledger)->window / BH_HOURS;
	int64_t last = r->last < l->until ? r->last : l->until - 1;

	if (r->answered && time < last)
		push(l, &(struct ongoing) { time + hour < last ? time + hour : last, r });
}

static void learn_ongoing(struct lesson *l, int64_t before)
{
	while (l->heap_count > 0 && l->heap[0].due < before) {
		struct ongoing o = pop(l);

		observe(l, o.record, o.due, false);
		go_on(l, o.record, o.due);
	}
}

static void learn_all(struct lesson *l)
{
	struct bh_progress progress = bh_progress_begin("learning", l->records.count);

	for (size_t i = 0; i < l->records.count && l->records.items[i].first < l->until; i++) {
		const struct bh_record *r = &l->records.items[i];

		bh_progress_show(&progress, i);
		learn_ongoing(l, r->first);
		if (r->deploy) {
			bh_ledger_deployed(l->ledger, r->src, r->first);
			l->deploys++;
			continue;
		}
		l->names_replicas = l->names_replicas || r->names_replica;
		observe(l, r, r->first, true);
		go_on(l, r, r->first);
	}
	bh_progress_end(&progress);
	learn_ongoing(l, INT64_MAX);
	if (l->until != INT64_MAX)
		bh_ledger_advance(l->ledger, l->until);
}

/* --- options ---------------------------------------------------------------------------------- */

static int read_options(struct lesson *l, struct bh_ledger_config *config)
{
	const char *window = bh_call_option(l->call, "window"),
		   *offset = bh_call_option(l->call, "offset"),
		   *until = bh_call_option(l->call, "until");

	if (window != NULL &&
	    (!bh_duration_parse(window, &config->window) || config->window < LEAST_WINDOW))
		return bh_complain(BH_EXIT_USAGE,
				   "--window %s: a duration such as 1d expected, at least 24s",
				   window);
	if (offset != NULL && !bh_duration_parse(offset, &config->offset))
		return bh_complain(BH_EXIT_USAGE, "--offset %s: a duration such as 4h expected",
				   offset);
	if (until != NULL && !bh_time_parse(until, &l->until))
		return bh_complain(
			BH_EXIT_USAGE,
			"--until %s: a day, RFC 3339, or seconds since the epoch expected", until);
	return BH_EXIT_DONE;
}

/* "F7,F4": the filters that are off. */
static int read_filters(struct lesson *l)
{
	const char *codes = bh_call_option(l->call, "filters-off");
	char code[16];

	for (const char *at = codes; at != NULL; at = *at == ',' ? at + 1 : NULL) {
		size_t length = strcspn(at, ",");
		uint32_t bits;

		snprintf(code, sizeof(code), "%.*s", (int)length, at);
		if (length >= sizeof(code) || !bh_filter_parse(code, &bits))
			return bh_complain(BH_EXIT_USAGE,
					   "--filters-off %s: filters such as F7,F4 expected; "
					   "docs/learning.md has them",
					   codes);
		if ((bits & BH_FILTERS_NEVER_OFF) != 0)
			return bh_complain(BH_EXIT_USAGE,
					   "--filters-off %s: what was never answered, or denied, "
					   "is no edge, and what is never accepted is a person's "
					   "to accept: that cannot be off",
					   code);
		l->filters.off |= bits;
		at += length;
	}
	return BH_EXIT_DONE;
}

static int begin(struct lesson *l)
{
	struct bh_ledger_config config = { .window = BH_DAY,
					   .max_edges = MOST_EDGES,
					   .max_attempts = MOST_EDGES,
					   .max_contacts = MOST_EDGES };

	int result = read_options(l, &config);
	if (result == BH_EXIT_DONE)
		result = read_filters(l);
	const struct bh_records_config reading = bh_records_default();
	if (result == BH_EXIT_DONE)
		result = bh_records_read(bh_call_option(l->call, "flows"), &reading, &l->records);
	if (result != BH_EXIT_DONE)
		return result;
	l->ledger = bh_ledger_new(&config);
	learn_all(l);
	return BH_EXIT_DONE;
}

static void end(struct lesson *l)
{
	bh_ledger_free(l->ledger);
	bh_records_free(&l->records);
	free(l->heap);
}

/* --- what comes of it ------------------------------------------------------------------------- */

struct printer {
	const struct lesson *lesson;
	struct bh_learned_table *table; /* NULL: as JSON */
	enum bh_ledger_list list;
};

static void print_edge(void *user, const struct bh_edge *e)
{
	struct printer *p = user;
	struct bh_buffer line = { 0 };

	bh_json_learned(&line, p->lesson->ledger, &p->lesson->filters, p->list, e);
	if (p->table == NULL)
		puts(line.data);
	else
		bh_learned_table_line(p->table, line.data);
	bh_buffer_free(&line);
}

/* Beside the edges: to people behind the table, to programs not among what they read. */
static void print_rest(const struct lesson *l, FILE *out)
{
	cJSON *unlearned = bh_json_unlearned(l->ledger);

	bh_unlearned_print(unlearned, out);
	cJSON_Delete(unlearned);
	if (bh_ledger_lost_contacts(l->ledger) > 0)
		fprintf(out,
			"%" PRIu64 " first contacts found no room: scanners among those that made "
			"them are not known\n",
			bh_ledger_lost_contacts(l->ledger));
}

static void print_edges(const struct lesson *l)
{
	struct printer p = { .lesson = l };

	if (!l->call->json)
		p.table = bh_learned_table_new(l->call);
	for (p.list = BH_EDGES; p.list < BH_LEDGER_LISTS; p.list++)
		bh_ledger_each(l->ledger, p.list, print_edge, &p);
	if (p.table == NULL) {
		print_rest(l, stderr);
		return;
	}
	char before[64];
	snprintf(before, sizeof(before), "In %" PRIu32 " whole windows",
		 bh_ledger_windows(l->ledger));
	bh_learned_table_print(p.table, "The file teaches nothing.", before);
	print_rest(l, stdout);
}

/* --- commands --------------------------------------------------------------------------------- */

static int with_lesson(const struct bh_call *call, int (*run)(struct lesson *lesson))
{
	struct lesson l = { .call = call, .until = INT64_MAX };

	int result = begin(&l);

	if (result == BH_EXIT_DONE)
		result = run(&l);
	end(&l);
	return result;
}

/* --out, and --policy, which says the same. */
static const char *policy_file(const struct bh_call *call)
{
	const char *out = bh_call_option(call, "out");

	return out != NULL ? out : bh_call_option(call, "policy");
}

static int show_edges(struct lesson *l)
{
	const char *path = policy_file(l->call);
	int result = BH_EXIT_DONE;

	/* A policy of no rules would block all that there is. */
	if (path != NULL && bh_ledger_count(l->ledger, BH_EDGES) == 0)
		result = bh_complain(BH_EXIT_NO, "%s teaches nothing: %s is not written",
				     bh_call_option(l->call, "flows"), path);
	else if (path != NULL)
		result = bh_learned_policy_write(path, l->ledger, &l->filters);
	if (result == BH_EXIT_DONE)
		print_edges(l);
	return result;
}

static cJSON *record_json(const struct lesson *l)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddBoolToObject(json, "replicas", l->names_replicas);
	cJSON_AddNumberToObject(json, "deploys", (double)l->deploys);
	return json;
}

static int show_readiness(struct lesson *l)
{
	const char *workload = l->call->arguments[0];
	struct bh_readiness *r = bh_readiness_new(l->ledger, &l->filters);
	struct bh_error err = { 0 };
	const struct bh_readiness_view view = { .readiness = r,
						.ledger = l->ledger,
						.workload = workload,
						.asked = bh_call_option(l->call, "for") };
	cJSON *json = bh_json_readiness(&view, &err);
	int result = BH_EXIT_DONE;

	if (json == NULL) {
		result = bh_complain(BH_EXIT_USAGE, "--for %s", err.text);
	} else if (workload != NULL && bh_readiness_find(r, workload) == NULL) {
		result = bh_complain(BH_EXIT_NO, "%s: no workload of that name in the record",
				     workload);
	} else {
		cJSON_AddItemToObject(json, "record", record_json(l));
		bh_readiness_show(l->call, json);
	}
	cJSON_Delete(json);
	bh_readiness_free(r);
	return result;
}

int bh_learn_run(const struct bh_call *call)
{
	if (bh_call_option(call, "flows") == NULL)
		return bh_complain(BH_EXIT_USAGE, "learn takes --flows JSONL");
	if (bh_call_option(call, "out") != NULL && bh_call_option(call, "policy") != NULL)
		return bh_complain(BH_EXIT_USAGE, "--out and --policy are one: give one of them");
	if (policy_file(call) != NULL && strcmp(policy_file(call), "-") == 0)
		return bh_complain(
			BH_EXIT_USAGE,
			"the policy needs a file of its own: edges go to standard output");
	return with_lesson(call, show_edges);
}

/* What only recorded flows may be read by. */
static const char *offline_option(const struct bh_call *call)
{
	static const char *const names[] = { "window", "offset", "until", "filters-off" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (bh_call_option(call, names[i]) != NULL)
			return names[i];
	return NULL;
}

int bh_readiness_run(const struct bh_call *call)
{
	const char *option = offline_option(call);

	if (bh_call_option(call, "flows") != NULL)
		return with_lesson(call, show_readiness);
	if (option != NULL)
		return bh_complain(BH_EXIT_USAGE,
				   "--%s goes with --flows; the daemon's is in its configuration",
				   option);
	return bh_readiness_ask(call);
}
