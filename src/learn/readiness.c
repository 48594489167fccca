/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "readiness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "map.h"

struct gathering {
	const struct bh_ledger *ledger;
	const struct bh_filter_config *filters;
	struct bh_readiness *readiness;
	struct bh_map *workloads; /* by peer → struct bh_workload_readiness */
	size_t capacity, schedule_capacity;
	enum bh_ledger_list list;
};

/* Within the windows that are looked back at, or the current one. Whoever came in them is as new as
 * a version is. */
static bool has_deployed(const struct gathering *g, const struct bh_owner *owner)
{
	int64_t back = g->readiness->recent_windows * bh_ledger_config(g->ledger)->window;
	int64_t now = bh_ledger_now(g->ledger);

	return (owner->deploys[0] != 0 && now - owner->deploys[0] <= back) ||
	       (back > 0 && now - owner->first <= back);
}

static void take_baseline(void *user, const struct bh_baseline *b)
{
	struct gathering *g = user;
	struct bh_readiness *r = g->readiness;

	if (b->owner.who->kind != BH_PEER_WORKLOAD)
		return;
	r->workloads =
		bh_grow(r->workloads, &g->capacity, r->workload_count + 1, sizeof(*r->workloads));
	struct bh_workload_readiness *w = &r->workloads[r->workload_count++];
	*w = (struct bh_workload_readiness) { .baseline = *b };
	w->recent = bh_estimate_recent(b->windows, b->discovered);
	w->open_ended = w->recent >= BH_OPEN_ENDED;
	r->edges += b->edges;
	r->once += b->q1;
	for (uint32_t i = 0; i < r->recent_windows; i++)
		r->recent += b->discovered[i];
	r->deployed = r->deployed || has_deployed(g, &b->owner);
}

static int by_name(const void *a, const void *b)
{
	const struct bh_workload_readiness *x = a, *y = b;

	return strcmp(x->baseline.owner.who->name, y->baseline.owner.who->name);
}

/* Each by the peer that the ledger keeps of it. */
static struct bh_map *by_peer(const struct bh_readiness *r)
{
	struct bh_map *map = bh_map_new(NULL);

	for (size_t i = 0; i < r->workload_count; i++) {
		const struct bh_peer *who = r->workloads[i].baseline.owner.who;

		bh_map_put(map, &who, sizeof(who), &r->workloads[i]);
	}
	return map;
}

#define EVEN_LATELY 3

/* Three times at least, and every time after as many windows; or, however it was before, the last
 * five. */
static bool has_schedule(const struct bh_edge *e)
{
	return e->windows >= 3 && e->gap >= 2 &&
	       (e->even_gaps == e->windows - 2 || e->even_gaps >= EVEN_LATELY);
}

/* Of a month, whichever is the longest. */
static uint32_t gap_at_most(const struct bh_edge *e)
{
	return bh_is_month(e->gap) && bh_is_month(e->longest_gap) ? e->longest_gap : e->gap;
}

static void note_schedule(struct gathering *g, const struct bh_edge *e)
{
	struct bh_readiness *r = g->readiness;

	if (g->list != BH_EDGES || !has_schedule(e))
		return;
	r->schedules = bh_grow(r->schedules, &g->schedule_capacity, r->schedule_count + 1,
			       sizeof(*r->schedules));
	r->schedules[r->schedule_count++] =
		(struct bh_schedule) { *e, e->last_window + gap_at_most(e) };
}

static void count_edge(void *user, const struct bh_edge *edge)
{
	struct gathering *g = user;
	const struct bh_peer *owner = bh_ledger_owner(g->ledger, edge).who;
	struct bh_workload_readiness *w = bh_map_get(g->workloads, &owner, sizeof(owner));

	note_schedule(g, edge);
	if (w == NULL)
		return;
	struct bh_judgement judged = bh_judge(g->ledger, g->filters, g->list, edge);
	bool waits = judged.state == BH_EDGE_REVIEW && !judged.provisional;
	if (g->list == BH_EDGES)
		w->states[judged.state]++;
	w->masked += g->list != BH_ATTEMPTS && edge->src->kind == BH_PEER_MASKED;
	w->provisional += judged.provisional;
	w->waiting += waits;
	w->urgent += waits && bh_is_urgent(g->filters, edge);
	if (g->list == BH_OPPOSED && judged.state != BH_EDGE_REJECTED && edge->last > w->opposed)
		w->opposed = edge->last;
}

static uint32_t no_more_than(uint32_t windows, uint32_t most)
{
	return windows < most ? windows : most;
}

/* A job that runs each minute has a thousand runs a day, and does not speak for a thousand others.
 */
static void add_up(struct bh_readiness *r)
{
	struct bh_fleet fleet = { 0 };

	for (size_t i = 0; i < r->workload_count; i++) {
		const struct bh_baseline *b = &r->workloads[i].baseline;

		if (!r->workloads[i].open_ended)
			bh_fleet_add(&fleet, b->q1, no_more_than(b->windows, r->windows),
				     b->discovered);
	}
	r->rate = bh_fleet_rate(&fleet);
	for (size_t i = 0; i < r->workload_count; i++) {
		struct bh_workload_readiness *w = &r->workloads[i];

		w->risk = bh_estimate_risk(w->baseline.q1, w->baseline.windows, r->rate, 1);
	}
}

/* Those seen once tell of edges that are there and were not met yet. A deploy makes new ones, and
 * such an edge is seldom seen once only: as long as there are deploys, what the last windows
 * brought is asked as well, and the higher one is believed. */
static void expect(struct bh_readiness *r)
{
	uint32_t events = r->once, windows = r->windows;

	r->by_recent = r->deployed && bh_estimate_new(r->recent, r->recent_windows) >
					      bh_estimate_new(r->once, r->windows);
	if (r->by_recent) {
		events = r->recent;
		windows = r->recent_windows;
	}
	r->expected = bh_estimate_new(events, windows);
	r->bound = bh_estimate_bound(events, windows, 0.95);
	r->quiet = bh_estimate_quiet(events, windows, 1);
}

struct bh_readiness *bh_readiness_new(const struct bh_ledger *ledger,
				      const struct bh_filter_config *filters)
{
	struct bh_readiness *r = bh_calloc(1, sizeof(*r));
	struct gathering g = { .ledger = ledger, .filters = filters, .readiness = r };

	r->windows = bh_ledger_windows(ledger);
	r->recent_windows = bh_estimate_lookback(r->windows);
	bh_ledger_each_baseline(ledger, take_baseline, &g);
	if (r->workload_count > 0)
		qsort(r->workloads, r->workload_count, sizeof(*r->workloads), by_name);
	g.workloads = by_peer(r);
	for (g.list = BH_EDGES; g.list < BH_LEDGER_LISTS; g.list++)
		bh_ledger_each(ledger, g.list, count_edge, &g);
	bh_map_free(g.workloads);
	add_up(r);
	expect(r);
	return r;
}

static int compare_name(const void *name, const void *workload)
{
	const struct bh_workload_readiness *w = workload;

	return strcmp(name, w->baseline.owner.who->name);
}

struct bh_workload_readiness *bh_readiness_find(const struct bh_readiness *r, const char *workload)
{
	return r->workload_count > 0 ? bsearch(workload, r->workloads, r->workload_count,
					       sizeof(*r->workloads), compare_name)
				     : NULL;
}

void bh_readiness_free(struct bh_readiness *r)
{
	if (r == NULL)
		return;
	free(r->workloads);
	free(r->schedules);
	free(r);
}
