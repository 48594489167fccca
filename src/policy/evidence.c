/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "evidence.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "port.h"
#include "timefmt.h"

#define MOST_LINES 16 /* of evidence, in one comment */
#define MOST_NAMES 8  /* of a server outside */

/* What it is told of. */
struct telling {
	const struct bh_policy *policy;
	const struct bh_propose_input *input;
};

/* Of all edges behind an access, or behind several accesses. */
struct evidence {
	uint64_t connections, answered, bytes, replicas;
	uint32_t windows;
	int64_t first, last;
	bool lossy;
	uint32_t fewest;		  /* windows, of several accesses … */
	const struct bh_access *thinnest; /* … and whose they are */
	size_t accesses;
};

static void add_numbers(struct evidence *v, uint64_t connections, uint64_t answered, uint64_t bytes)
{
	v->connections += connections;
	v->answered += answered;
	if (bytes == BH_BYTES_UNKNOWN || v->bytes == BH_BYTES_UNKNOWN)
		v->bytes = BH_BYTES_UNKNOWN;
	else
		v->bytes += bytes;
}

static void add_times(struct evidence *v, int64_t first, int64_t last, bool fresh)
{
	v->first = fresh || first < v->first ? first : v->first;
	v->last = fresh || last > v->last ? last : v->last;
}

static struct evidence evidence_of(const struct bh_access *access)
{
	struct evidence v = { 0 };
	uint64_t replicas = 0;

	for (size_t i = 0; i < access->count; i++) {
		const struct bh_edge *e = access->items[i].edge;

		add_numbers(&v, e->connections, e->answered, e->bytes);
		add_times(&v, e->first, e->last, i == 0);
		replicas |= e->replicas;
		v.windows = e->windows > v.windows ? e->windows : v.windows;
		v.lossy = v.lossy || e->lossy;
	}
	v.replicas = (uint64_t)__builtin_popcountll(replicas);
	return v;
}

static void add_access(struct evidence *v, const struct bh_access *access)
{
	const struct evidence e = evidence_of(access);
	bool fresh = v->accesses == 0;

	add_numbers(v, e.connections, e.answered, e.bytes);
	add_times(v, e.first, e.last, fresh);
	v->replicas += e.replicas;
	v->windows = e.windows > v->windows ? e.windows : v->windows;
	v->lossy = v->lossy || e.lossy;
	if (fresh || e.windows < v->fewest) {
		v->fewest = e.windows;
		v->thinnest = access;
	}
	v->accesses++;
}

static void put_count(struct bh_buffer *out, uint64_t count, const char *noun)
{
	bh_buffer_printf(out, "%" PRIu64 " %s%s, ", count, noun, count == 1 ? "" : "s");
}

static void put_bytes(struct bh_buffer *out, uint64_t bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	size_t unit = 0;

	if (bytes == BH_BYTES_UNKNOWN) {
		bh_buffer_puts(out, "bytes not counted");
		return;
	}
	if (bytes < 1000) {
		bh_buffer_printf(out, "%" PRIu64 " B", bytes);
		return;
	}
	for (value /= 1000; value >= 999.95; value /= 1000)
		unit++;
	bh_buffer_printf(out, "%.1f %s", value, units[unit]);
}

/* "1 to 14 windows (fewest: web), "; whole: not only who, but to whom and on what. */
static void put_windows(struct bh_buffer *out, const struct bh_policy *policy,
			const struct evidence *v, bool whole)
{
	char from[300], to[300], port[BH_POLICY_PORT_TEXT];

	if (v->fewest == v->windows) {
		put_count(out, v->windows, "window");
		return;
	}
	const struct bh_item *item = v->thinnest->items;
	bh_policy_peer_text(policy, &item->from, from, sizeof(from));
	bh_buffer_printf(out, "%" PRIu32 " to %" PRIu32 " windows (fewest: %s", v->fewest,
			 v->windows, from);
	if (whole) {
		bh_policy_peer_text(policy, &item->to, to, sizeof(to));
		bh_buffer_printf(out, " → %s %s", to, bh_policy_port_format(&item->port, port));
	}
	bh_buffer_puts(out, "), ");
}

static void put_evidence(struct bh_buffer *out, const struct bh_policy *policy,
			 const struct evidence *v, bool whole)
{
	char first[BH_TIME_TEXT], last[BH_TIME_TEXT];

	put_count(out, v->connections, "connection");
	if (v->answered == v->connections)
		bh_buffer_puts(out, "all answered, ");
	else
		bh_buffer_printf(out, "%" PRIu64 " answered, ", v->answered);
	if (v->replicas != 0)
		put_count(out, v->replicas, "replica");
	put_windows(out, policy, v, whole);
	bh_buffer_printf(out, "first %s, last %s, ", bh_time_format(v->first, first),
			 bh_time_format(v->last, last));
	put_bytes(out, v->bytes);
	if (v->lossy)
		bh_buffer_puts(out, "; packets were lost meanwhile: there was more");
}

/* --- lines ------------------------------------------------------------------------------------ */

static void add_set(struct evidence *v, const struct bh_set *s)
{
	for (size_t i = 0; i < s->count; i++)
		add_access(v, &s->accesses[i]);
}

static void begin_line(struct bh_buffer *comment)
{
	if (comment->length > 0)
		bh_buffer_puts(comment, "\n");
}

/* The destination and port in front, where there are several of them. */
static void put_set_line(struct bh_buffer *comment, const struct telling *t,
			 const struct bh_draft *d, const struct bh_set *s)
{
	struct evidence evidence = { 0 };
	char to[300] = "", port[BH_POLICY_PORT_TEXT] = "";
	bool several_to = d->count > 1, several_ports = d->columns->count > 1;

	add_set(&evidence, s);
	if (several_to)
		bh_policy_peer_text(t->policy, bh_destination_of(s), to, sizeof(to));
	if (several_ports)
		bh_policy_port_format(bh_port_of(s), port);
	begin_line(comment);
	bh_buffer_printf(comment, "%s%s%s%s", to, several_to && several_ports ? " " : "", port,
			 several_to || several_ports ? ": " : "");
	if (s->count > 1)
		put_count(comment, s->count, "source");
	put_evidence(comment, t->policy, &evidence, false);
}

/* The same of all ports of a destination. */
static void put_column_line(struct bh_buffer *comment, const struct telling *t,
			    const struct bh_draft *d, const struct bh_column *c)
{
	struct evidence evidence = { 0 };
	char to[300];

	for (size_t i = 0; i < c->count; i++)
		add_set(&evidence, &c->sets[i]);
	begin_line(comment);
	if (d->count > 1) {
		bh_policy_peer_text(t->policy, bh_destination_of(c->sets), to, sizeof(to));
		bh_buffer_printf(comment, "%s: ", to);
	}
	if (c->sets->count > 1)
		put_count(comment, c->sets->count, "source");
	put_count(comment, c->count, "port");
	put_evidence(comment, t->policy, &evidence, true);
}

/* The same of all destinations. */
static void put_draft_line(struct bh_buffer *comment, const struct telling *t,
			   const struct bh_draft *d)
{
	struct evidence evidence = { 0 };

	for (size_t i = 0; i < d->count; i++)
		for (size_t j = 0; j < d->columns[i].count; j++)
			add_set(&evidence, &d->columns[i].sets[j]);
	begin_line(comment);
	if (d->columns->sets->count > 1)
		put_count(comment, d->columns->sets->count, "source");
	put_count(comment, d->count, "destination");
	if (d->columns->count > 1)
		put_count(comment, d->columns->count, "port");
	put_evidence(comment, t->policy, &evidence, true);
}

/* Names of a kind, in order and each once, however many sources know them. */
struct name_list {
	const char **items;
	size_t count, capacity;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void collect_names(const struct telling *t, const struct bh_column *c, enum bh_calling how,
			  struct name_list *list)
{
	const struct bh_set *s = c->sets;

	for (size_t i = 0; i < s->count; i++) {
		struct bh_edge_names names = { 0 };

		t->input->names(t->input->user, s->accesses[i].items->edge, &names);
		for (size_t j = 0; j < names.counts[how]; j++) {
			list->items = bh_grow(list->items, &list->capacity, list->count + 1,
					      sizeof(*list->items));
			list->items[list->count++] = names.names[how][j];
		}
	}
	if (list->count > 0)
		qsort(list->items, list->count, sizeof(*list->items), compare_names);
}

static void put_list(struct bh_buffer *out, const char *to, const char *before, const char *quote,
		     const struct name_list *list)
{
	size_t shown = 0;

	for (size_t i = 0; i < list->count && shown <= MOST_NAMES; i++) {
		if (i > 0 && strcmp(list->items[i - 1], list->items[i]) == 0)
			continue;
		if (i == 0)
			bh_buffer_printf(out, "\n%s%s", to, before);
		if (shown < MOST_NAMES)
			bh_buffer_printf(out, "%s%s%s%s", i == 0 ? "" : ", ", quote, list->items[i],
					 quote);
		else
			bh_buffer_puts(out, " and others");
		shown++;
	}
}

/* What the server outside was called, on lines of their own. */
static void put_names(struct bh_buffer *comment, const struct telling *t, const struct bh_draft *d,
		      const struct bh_column *c)
{
	static const struct {
		const char *before, *quote;
	} words[BH_CALLINGS] = { [BH_CALLED_BY_DNS] = { "DNS called it: ", "" },
				 [BH_CALLED_BY_CLAIM] = {
					 "TLS clients claimed, and nobody checked: ", "\"" } };
	const struct bh_policy_peer *to = bh_destination_of(c->sets);
	char text[300] = "";

	if (t->input->names == NULL || (to->kind != BH_POLICY_PREFIX && to->kind != BH_POLICY_DNS))
		return;
	if (d->count > 1) {
		bh_policy_peer_text(t->policy, to, text, sizeof(text) - 2);
		strcat(text, ": ");
	}
	for (int how = 0; how < BH_CALLINGS; how++) {
		struct name_list list = { 0 };

		collect_names(t, c, how, &list);
		put_list(comment, text, words[how].before, words[how].quote, &list);
		free(list.items);
	}
}

void bh_evidence_put(struct bh_buffer *comment, const struct bh_policy *policy,
		     const struct bh_propose_input *input, const struct bh_draft *d)
{
	const struct telling telling = { policy, input }, *t = &telling;
	size_t ports = d->columns->count;

	if (d->count > MOST_LINES) {
		put_draft_line(comment, t, d);
		return;
	}
	for (size_t i = 0; i < d->count; i++) {
		const struct bh_column *c = &d->columns[i];

		if (d->count * ports > MOST_LINES)
			put_column_line(comment, t, d, c);
		for (size_t j = 0; d->count * ports <= MOST_LINES && j < ports; j++)
			put_set_line(comment, t, d, &c->sets[j]);
		put_names(comment, t, d, c);
	}
}
