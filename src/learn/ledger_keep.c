/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ledger_keep.h"

#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "ledger_parts.h"

#define MINUTE (60 * INT64_C(1000000))

bool bh_ledger_has_news(const struct bh_ledger *l)
{
	int64_t often = l->config.window / 100 < MINUTE ? l->config.window / 100 : MINUTE;

	for (size_t i = 0; i < BH_LEDGER_LISTS; i++)
		if (l->dirty[i].first != NULL)
			return true;
	return !STAILQ_EMPTY(&l->dirty_owners) || l->gone_count > l->gone_told ||
	       bh_scanners_has_news(l->scanners) ||
	       memcmp(l->state.unlearned, l->saved.unlearned, sizeof(l->saved.unlearned)) != 0 ||
	       l->state.watched - l->saved.watched >= often;
}

static size_t count_dirty(const struct bh_dirty_list *dirty)
{
	size_t count = 0;

	for (const struct bh_entry *e = dirty->first; e != NULL; e = e->next_dirty)
		count++;
	return count;
}

/* In order of their keys: that is how a store that keeps them so writes them fastest. */
static void tell_edges(struct bh_ledger *l, enum bh_ledger_list list,
		       const struct bh_ledger_news *news)
{
	size_t room = count_dirty(&l->dirty[list]), count = 0;
	const struct bh_entry **all = bh_calloc(room, sizeof(*all));

	for (struct bh_entry *e = l->dirty[list].first; e != NULL; e = e->next_dirty) {
		e->dirty = false;
		all[count++] = e;
	}
	l->dirty[list] = (struct bh_dirty_list) { 0 };
	bh_ledger_sort(l, all, count);
	for (size_t i = 0; i < count; i++) {
		struct bh_edge view = bh_ledger_view(all[i]);

		news->edge(news->user, list, &view);
	}
	free(all);
}

static void tell_gone(struct bh_ledger *l, const struct bh_ledger_news *news)
{
	l->gone_count -= l->gone_told;
	if (l->gone_told > 0)
		memmove(l->gone, l->gone + l->gone_told, l->gone_count * sizeof(*l->gone));
	for (size_t i = 0; i < l->gone_count; i++)
		news->gone(news->user, l->gone[i].list, &l->gone[i].edge);
	l->gone_told = l->gone_count;
}

void bh_ledger_each_news(struct bh_ledger *l, const struct bh_ledger_news *news)
{
	struct bh_ledger_owner *o;

	tell_gone(l, news);
	for (enum bh_ledger_list list = BH_EDGES; list < BH_LEDGER_LISTS; list++)
		tell_edges(l, list, news);
	while ((o = STAILQ_FIRST(&l->dirty_owners)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->dirty_owners, next_dirty);
		o->dirty = false;
		news->owner(news->user, &o->state);
	}
	bh_scanners_each_news(l->scanners, &news->scanners);
	news->whole(news->user, &l->state);
	l->saved = l->state;
}

void bh_ledger_mark_dirty(struct bh_ledger *l)
{
	struct bh_entry *e;
	struct bh_ledger_owner *o;

	for (enum bh_ledger_list list = BH_EDGES; list < BH_LEDGER_LISTS; list++)
		for (size_t at = 0; (e = bh_edge_table_next(l->lists[list], &at)) != NULL;)
			bh_ledger_edge_dirty(l, list, e);
	for (size_t at = 0; (o = bh_map_next(l->owners, &at)) != NULL;)
		bh_ledger_owner_dirty(l, o);
	bh_scanners_mark_dirty(l->scanners);
	l->gone_told = 0;
	l->saved = (struct bh_ledger_state) { 0 };
}

/* --- putting back ----------------------------------------------------------------------------- */

/* The window in which the clock is now is not whole. */
static void count_anew(struct bh_ledger *l)
{
	struct bh_ledger_state *s = &l->state;

	s->first = s->now;
	s->window = bh_ledger_window_of(l, s->now);
	s->counted = INT64_MIN;
	s->watched_before = s->watched;
	s->captured = s->lost = 0;
	s->windows = s->unwatched = s->lossy = 0;
	s->phases = 0;
}

void bh_ledger_restore_whole(struct bh_ledger *l, const struct bh_ledger_state *state)
{
	l->state = *state;
	l->anew = state->length != 0 && state->length != l->config.window;
	if (l->anew)
		count_anew(l);
	l->state.length = l->config.window;
}

bool bh_ledger_counts_anew(const struct bh_ledger *l)
{
	return l->anew;
}

static void count_owner_anew(const struct bh_ledger *l, struct bh_owner_state *s)
{
	s->window = l->state.window;
	s->replicas = s->replicas_before = 0;
	s->windows = s->idle = s->runs = 0;
	s->phases = 0;
	s->lately = 0;
	s->ran = 0;
	if (bh_strangers_latest(&s->strangers) != 0)
		s->strangers = (struct bh_strangers) { .before = l->state.window };
}

void bh_ledger_restore_owner(struct bh_ledger *l, const struct bh_owner_state *state)
{
	struct bh_ledger_owner *o = bh_ledger_owner_of(l, state->who, state->first);
	const struct bh_peer *who = o->state.who;

	o->state = *state;
	o->state.who = who;
	/* Whoever is here still will be told of. */
	if (o->state.instances > 0)
		o->state.ran += l->state.watched - o->state.mark;
	o->state.mark = l->state.watched;
	o->state.instances = 0;
	if (l->anew)
		count_owner_anew(l, &o->state);
}

static uint16_t within(uint32_t value)
{
	return value < UINT16_MAX ? (uint16_t)value : UINT16_MAX;
}

/* It was seen; in how many of the new windows nobody knows. */
static void count_edge_anew(const struct bh_ledger *l, struct bh_entry *e)
{
	e->windows = e->hours = e->windows > 0;
	e->last_hour = bh_ledger_hour_of(l, e->last);
	e->gap = e->longest_gap = 0;
	e->even_gaps = 0;
}

void bh_ledger_restore_edge(struct bh_ledger *l, enum bh_ledger_list list,
			    const struct bh_edge *edge)
{
	struct bh_entry *e = bh_ledger_entry(l, list, edge);

	/* It became an edge, and the store missed that. */
	if (list == BH_ATTEMPTS && bh_ledger_entry(l, BH_EDGES, edge) != NULL)
		return;
	if (e == NULL)
		e = bh_ledger_add(l, list, edge);
	e->first = edge->first;
	e->last = edge->last;
	e->connections = edge->connections;
	e->answered = edge->answered;
	e->bytes = edge->bytes;
	e->replicas = edge->replicas;
	e->windows = within(edge->windows);
	e->hours = within(edge->hours);
	e->last_hour = edge->last_hour;
	e->shared_hours = within(edge->shared_hours);
	e->gap = within(edge->gap);
	e->longest_gap = within(edge->longest_gap);
	e->even_gaps = edge->even_gaps < UINT8_MAX ? (uint8_t)edge->even_gaps : UINT8_MAX;
	e->held = edge->held;
	e->lossy = edge->lossy;
	e->heard = edge->heard;
	if (l->anew)
		count_edge_anew(l, e);
}

struct bh_scanners *bh_ledger_scanners(struct bh_ledger *l)
{
	return l->scanners;
}
