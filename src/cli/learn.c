/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recorded flows through the very ledger that the daemon keeps, in their own time. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "client.h"
#include "command.h"
#include "filters.h"
#include "grow.h"
#include "json.h"
#include "peers.h"
#include "protocol.h"
#include "readiness.h"
#include "recorded.h"
#include "table.h"
#include "timefmt.h"

#define MOST_EDGES 10000000
#define LEAST_WINDOW (24 * BH_SECOND) /* an hour of it is a second */

/* One line, as small as it gets: they are put in order before they are learned. */
struct record {
	int64_t first, last;
	const struct bh_peer *src, *dst;
	uint64_t count, replica, bytes;
	size_t line;
	uint16_t port;
	uint8_t proto, direction;
	bool answered, denied, deploy;
};

/* A connection that is open, and when it is seen next. */
struct ongoing {
	int64_t due;
	const struct record *record;
};

struct lesson {
	const struct bh_call *call;
	const char *file;
	struct bh_peers *peers;
	struct bh_ledger *ledger;
	struct record *records;
	size_t count, capacity;
	struct ongoing *heap;
	size_t heap_count, heap_capacity;
	int64_t until;
	struct bh_filter_config filters;
};

/* --- reading ---------------------------------------------------------------------------------- */

static void keep(struct lesson *l, const struct bh_recorded_evidence *e, size_t line)
{
	l->records = bh_grow(l->records, &l->capacity, l->count + 1, sizeof(*l->records));
	l->records[l->count++] = (struct record) { .first = e->first,
						   .last = e->last,
						   .src = bh_peers_get(l->peers, &e->flow.src),
						   .dst = bh_peers_get(l->peers, &e->flow.dst),
						   .count = e->count,
						   .replica = e->replica,
						   .bytes = e->bytes,
						   .line = line,
						   .port = e->flow.question.port,
						   .proto = e->flow.question.proto,
						   .direction = e->direction,
						   .answered = e->answered,
						   .denied = e->denied,
						   .deploy = e->deploy };
}

static bool read_line(void *user, const char *line, size_t number, struct bh_error *err)
{
	struct bh_recorded_evidence evidence;

	if (!bh_recorded_evidence_parse(line, &evidence, err))
		return false;
	keep(user, &evidence, number);
	return true;
}

static int by_time(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

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

static void observe(struct lesson *l, const struct record *r, int64_t time, bool opens)
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
					    .denied = r->denied };

	bh_ledger_observe(l->ledger, &contact);
}

/* When it is seen next: an hour later, and at its end. */
static void go_on(struct lesson *l, const struct record *r, int64_t time)
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
	qsort(l->records, l->count, sizeof(*l->records), by_time);
	for (size_t i = 0; i < l->count && l->records[i].first < l->until; i++) {
		const struct record *r = &l->records[i];

		learn_ongoing(l, r->first);
		if (r->deploy) {
			bh_ledger_deployed(l->ledger, r->src, r->first);
			continue;
		}
		observe(l, r, r->first, true);
		go_on(l, r, r->first);
	}
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
		return bh_complain(BH_EXIT_USAGE,
				   "--until %s: RFC 3339, or seconds since the epoch, expected",
				   until);
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
		result = bh_recorded_each(l->file, read_line, l);
	if (result != BH_EXIT_DONE)
		return result;
	l->ledger = bh_ledger_new(&config);
	learn_all(l);
	return BH_EXIT_DONE;
}

static void end(struct lesson *l)
{
	bh_ledger_free(l->ledger);
	bh_peers_free(l->peers);
	free(l->records);
	free(l->heap);
}

/* --- edges ------------------------------------------------------------------------------------ */

struct printer {
	const struct lesson *lesson;
	struct bh_table *table; /* NULL: as JSON */
	enum bh_ledger_list list;
	size_t states[BH_EDGE_REJECTED + 1];
};

/* Each on its own: "F3: seen in one window only". */
static void each_reason(const struct lesson *l, const struct bh_edge *e, uint32_t reasons,
			void (*reason)(struct bh_buffer *out, const char *before, const char *text),
			struct bh_buffer *out)
{
	struct bh_buffer text = { 0 };
	const char *before = "";

	for (enum bh_filter f = 0; f < BH_FILTERS; f++) {
		if ((reasons >> f & 1) == 0)
			continue;
		text.length = 0;
		bh_buffer_printf(&text, "%s: ", bh_filter_code(f));
		bh_filter_explain(l->ledger, e, f, &text);
		reason(out, before, text.data);
		before = ",";
	}
	bh_buffer_free(&text);
}

static void put_json_reason(struct bh_buffer *out, const char *before, const char *text)
{
	bh_buffer_puts(out, before);
	bh_json_string(out, text);
}

static void put_reason(struct bh_buffer *out, const char *before, const char *text)
{
	bh_buffer_printf(out, "%s%s", *before != '\0' ? "; " : "", text);
}

static void print_json(const struct lesson *l, const struct bh_edge *e, struct bh_judgement judged)
{
	char proto[BH_PROTOCOL_TEXT], first[BH_TIME_TEXT], last[BH_TIME_TEXT];
	struct bh_buffer line = { 0 };

	bh_buffer_puts(&line, "{\"src\":");
	bh_json_string(&line, e->src->name);
	bh_buffer_puts(&line, ",\"dst\":");
	bh_json_string(&line, e->dst->name);
	bh_buffer_printf(&line, ",\"proto\":\"%s\",\"port\":%u,\"state\":\"%s\",\"reasons\":[",
			 bh_protocol_format(e->proto, proto), e->port,
			 bh_edge_state_name(judged.state));
	each_reason(l, e, judged.reasons, put_json_reason, &line);
	bh_buffer_printf(&line,
			 "],\"windows\":%" PRIu32 ",\"hours\":%" PRIu32 ",\"replicas\":%u"
			 ",\"connections\":%" PRIu64 ",\"answered\":%" PRIu64
			 ",\"first\":%s,\"last\":%s}",
			 e->windows, e->hours, bh_edge_replicas(e), e->connections, e->answered,
			 bh_time_seconds(e->first, first), bh_time_seconds(e->last, last));
	puts(line.data);
	bh_buffer_free(&line);
}

static void add_row(const struct printer *p, const struct bh_edge *e, struct bh_judgement judged)
{
	static const enum bh_color colors[] = { [BH_EDGE_ACCEPTED] = BH_PLAIN,
						[BH_EDGE_REVIEW] = BH_YELLOW,
						[BH_EDGE_REJECTED] = BH_DIM };
	char port[BH_PORT_TEXT], windows[16], connections[16];
	struct bh_buffer why = { 0 };

	bh_buffer_puts(&why, "");
	each_reason(p->lesson, e, judged.reasons, put_reason, &why);
	snprintf(windows, sizeof(windows), "%" PRIu32, e->windows);
	bh_table_row(p->table, colors[judged.state],
		     (const char *[]) { bh_edge_state_name(judged.state), e->src->name,
					e->dst->name, bh_port_format(e->proto, e->port, port),
					windows, bh_human((double)e->connections, connections),
					why.data });
	bh_buffer_free(&why);
}

static void print_edge(void *user, const struct bh_edge *e)
{
	struct printer *p = user;
	struct bh_judgement judged = bh_judge(p->lesson->ledger, &p->lesson->filters, p->list, e);

	p->states[judged.state]++;
	if (p->table == NULL)
		print_json(p->lesson, e, judged);
	else
		add_row(p, e, judged);
}

static void print_edges(const struct lesson *l)
{
	static const char *const titles[] = { "STATE",	 "SOURCE",	"DESTINATION", "PORT",
					      "WINDOWS", "CONNECTIONS", "WHY" };
	struct printer p = { .lesson = l };

	if (!l->call->json) {
		p.table = bh_table_new(titles, 7, l->call->color);
		bh_table_expendable(p.table, 5);
		bh_table_expendable(p.table, 4);
	}
	bh_ledger_each(l->ledger, BH_EDGES, print_edge, &p);
	p.list = BH_ATTEMPTS;
	bh_ledger_each(l->ledger, BH_ATTEMPTS, print_edge, &p);
	if (p.table == NULL)
		return;
	bh_table_print(p.table, "The file teaches nothing.");
	puts("");
	printf("In %" PRIu32 " whole windows: %zu accepted, %zu for a person to decide, %zu "
	       "rejected.\n",
	       bh_ledger_windows(l->ledger), p.states[BH_EDGE_ACCEPTED], p.states[BH_EDGE_REVIEW],
	       p.states[BH_EDGE_REJECTED]);
	for (enum bh_unlearned why = BH_UNLEARNED_DIRECTION; why < BH_UNLEARNED_KINDS; why++)
		if (bh_ledger_unlearned(l->ledger, why) > 0)
			printf("%" PRIu64 " lines taught nothing: %s\n",
			       bh_ledger_unlearned(l->ledger, why), bh_unlearned_name(why));
	if (bh_ledger_lost_contacts(l->ledger) > 0)
		printf("%" PRIu64 " first contacts found no room: scanners among those that made "
		       "them are not known\n",
		       bh_ledger_lost_contacts(l->ledger));
}

/* --- readiness -------------------------------------------------------------------------------- */

static void put_number(struct bh_buffer *out, const char *key, double number)
{
	bh_buffer_printf(out, isnan(number) ? "\"%s\":null" : "\"%s\":%.6g", key, number);
}

static void put_workload(struct bh_buffer *out, const struct bh_workload_readiness *w)
{
	const struct bh_baseline *b = &w->baseline;

	bh_buffer_puts(out, "{\"workload\":");
	bh_json_string(out, b->owner.who->name);
	bh_buffer_printf(out,
			 ",\"windows\":%" PRIu32 ",\"edges\":%" PRIu32 ",\"seen_once\":%" PRIu32
			 ",\"seen_twice\":%" PRIu32 ",\"accepted\":%" PRIu32 ",\"review\":%" PRIu32
			 ",\"urgent\":%" PRIu32 ",",
			 b->windows, b->edges, b->q1, b->q2, w->states[BH_EDGE_ACCEPTED],
			 w->states[BH_EDGE_REVIEW], w->urgent);
	put_number(out, "recent", w->recent);
	bh_buffer_printf(out, ",\"open_ended\":%s,", w->open_ended ? "true" : "false");
	put_number(out, "risk", w->risk);
	bh_buffer_puts(out, "}");
}

static void print_readiness_json(const struct bh_readiness *r, const char *answer)
{
	struct bh_buffer out = { 0 };

	bh_buffer_printf(
		&out, "{\"windows\":%" PRIu32 ",\"edges\":%" PRIu32 ",\"seen_once\":%" PRIu32 ",",
		r->windows, r->edges, r->once);
	put_number(&out, "recent", bh_estimate_new(r->recent, r->recent_windows));
	bh_buffer_printf(&out, ",\"recent_windows\":%" PRIu32 ",\"deployed\":%s,\"basis\":\"%s\",",
			 r->recent_windows, r->deployed ? "true" : "false",
			 r->by_recent ? "recent" : "seen_once");
	put_number(&out, "expected", r->expected);
	bh_buffer_puts(&out, ",");
	put_number(&out, "bound", r->bound == UINT32_MAX ? NAN : r->bound);
	bh_buffer_puts(&out, ",");
	put_number(&out, "quiet", r->quiet);
	bh_buffer_puts(&out, ",");
	put_number(&out, "rate", r->rate);
	bh_buffer_printf(&out, "%s,\"workloads\":[", answer);
	for (size_t i = 0; i < r->workload_count; i++) {
		bh_buffer_puts(&out, i > 0 ? "," : "");
		put_workload(&out, &r->workloads[i]);
	}
	printf("%s]}\n", out.data);
	bh_buffer_free(&out);
}

static void add_workload_row(struct bh_table *table, const struct bh_workload_readiness *w)
{
	char windows[16], edges[16], once[16], waiting[16], recent[16] = "?", risk[16];
	const struct bh_baseline *b = &w->baseline;

	snprintf(windows, sizeof(windows), "%" PRIu32, b->windows);
	snprintf(edges, sizeof(edges), "%" PRIu32, b->edges);
	snprintf(once, sizeof(once), "%" PRIu32, b->q1);
	snprintf(waiting, sizeof(waiting), "%" PRIu32, w->states[BH_EDGE_REVIEW]);
	if (!isnan(w->recent))
		snprintf(recent, sizeof(recent), "%.2g", w->recent);
	snprintf(risk, sizeof(risk), "%.1f %%", 100 * w->risk);
	bh_table_row(table, w->open_ended ? BH_YELLOW : BH_PLAIN,
		     (const char *[]) { b->owner.who->name, windows, edges, once, recent, risk,
					waiting, w->open_ended ? "open-ended" : "" });
}

static void print_headline(const struct bh_readiness *r)
{
	if (isnan(r->expected)) {
		puts("No whole window has been seen yet: nobody can say what is missing.");
		return;
	}
	printf("Expected in the next window: %.2g new edges (95 %%: at most %" PRIu32
	       "); none at all: %.0f %%.\n%" PRIu32 " of %" PRIu32
	       " edges were seen in one window of %" PRIu32
	       " only. Blind to whatever runs less often than that.\n",
	       r->expected, r->bound, 100 * r->quiet, r->once, r->edges, r->windows);
	if (r->by_recent)
		printf("Expected is what came of late: %" PRIu32 " new edges in %" PRIu32
		       " windows, with deploys among them.\n",
		       r->recent, r->recent_windows);
	else if (r->deployed)
		puts("There were deploys of late; what the last windows brought is no more than "
		     "that.");
}

static void print_readiness(const struct lesson *l, const struct bh_readiness *r,
			    const char *answer)
{
	static const char *const titles[] = { "WORKLOAD",     "WINDOWS", "EDGES",  "ONCE",
					      "NEW A WINDOW", "RISK",	 "REVIEW", "" };

	print_headline(r);
	if (*answer != '\0')
		puts(answer);
	puts("");
	struct bh_table *table = bh_table_new(titles, 8, l->call->color);
	for (size_t i = 0; i < r->workload_count; i++)
		add_workload_row(table, &r->workloads[i]);
	bh_table_print(table, "No workload opened a connection.");
}

/* What --for asks: a probability, and then how long it takes; or a time, and then how probable. */
static int answer_for(const struct lesson *l, const struct bh_readiness *r, struct bh_buffer *out)
{
	const char *asked = bh_call_option(l->call, "for");
	char *end = NULL;
	int64_t time;

	bh_buffer_puts(out, "");
	if (asked == NULL)
		return BH_EXIT_DONE;
	double probability = strtod(asked, &end);
	if (*end == '\0' && probability > 0 && probability < 1) {
		double windows = bh_estimate_windows_for_quiet(r->once, probability);

		bh_buffer_printf(out,
				 l->call->json
					 ? ",\"for\":{\"probability\":%g,\"windows\":%.6g}"
					 : "A quiet window with a probability of %g: after at most "
					   "%.0f windows in all.",
				 probability, ceil(windows));
		return BH_EXIT_DONE;
	}
	if (!bh_time_parse(asked, &time) || time < bh_ledger_now(l->ledger))
		return bh_complain(
			BH_EXIT_USAGE,
			"--for %s: a probability such as 0.98, or a time after the record, "
			"expected",
			asked);
	double more = (double)(time - bh_ledger_now(l->ledger)) /
		      (double)bh_ledger_config(l->ledger)->window;
	uint32_t windows = r->windows + (uint32_t)fmin(more, UINT32_MAX / 2);
	bh_buffer_printf(out,
			 l->call->json ? ",\"for\":{\"windows\":%" PRIu32 ",\"quiet\":%.6g}"
				       : "By then, after %" PRIu32
					 " windows, the next one is quiet with at least %.2g.",
			 windows, bh_estimate_quiet(r->once, windows, 1));
	return BH_EXIT_DONE;
}

/* --- commands --------------------------------------------------------------------------------- */

static int with_lesson(const struct bh_call *call, int (*run)(struct lesson *lesson))
{
	struct lesson l = { .call = call,
			    .file = bh_call_option(call, "flows"),
			    .peers = bh_peers_new(),
			    .until = INT64_MAX };

	int result = l.file != NULL ? begin(&l)
				    : bh_complain(BH_EXIT_USAGE, "%s takes --flows JSONL",
						  call->command->name);
	if (result == BH_EXIT_DONE)
		result = run(&l);
	end(&l);
	return result;
}

static int show_edges(struct lesson *l)
{
	print_edges(l);
	return BH_EXIT_DONE;
}

static int show_readiness(struct lesson *l)
{
	struct bh_readiness *r = bh_readiness_new(l->ledger, &l->filters);
	struct bh_buffer answer = { 0 };

	int result = answer_for(l, r, &answer);
	if (result == BH_EXIT_DONE && l->call->json)
		print_readiness_json(r, answer.data);
	else if (result == BH_EXIT_DONE)
		print_readiness(l, r, answer.data);
	bh_buffer_free(&answer);
	bh_readiness_free(r);
	return result;
}

int bh_learn_run(const struct bh_call *call)
{
	return with_lesson(call, show_edges);
}

int bh_readiness_run(const struct bh_call *call)
{
	return with_lesson(call, show_readiness);
}
