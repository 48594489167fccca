/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "window.h"

#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "map.h"

struct window {
	uint32_t ifindex;
	int64_t since;
	bool known;
	bool governed;
	int64_t addressed; /* 0: it has no address yet */
	int64_t stood;	   /* 0: not yet */
	int64_t first;	   /* its first flow began; 0: none was reported */
	bool early;
	int64_t gone; /* 0: present */
};

/* A ring of the last durations. */
struct samples {
	uint64_t count;
	int64_t items[BH_WINDOW_SAMPLES];
};

struct bh_windows {
	int64_t linger;
	struct bh_map *windows; /* ifindex → struct window; interface numbers are not reused */
	struct samples known, stood, bare;
	uint64_t left_unknown, left_unstood, early;
};

struct bh_windows *bh_windows_new(int64_t linger)
{
	struct bh_windows *w = bh_calloc(1, sizeof(*w));

	w->linger = linger;
	w->windows = bh_map_new(free);
	return w;
}

void bh_windows_free(struct bh_windows *w)
{
	if (w == NULL)
		return;
	bh_map_free(w->windows);
	free(w);
}

static struct window *get(const struct bh_windows *w, uint32_t ifindex)
{
	return bh_map_get(w->windows, &ifindex, sizeof(ifindex));
}

/* The clock may be set back in between. */
static void add(struct samples *samples, int64_t duration)
{
	samples->items[samples->count++ % BH_WINDOW_SAMPLES] = duration > 0 ? duration : 0;
}

/* Counted once, as soon as both are told: when it sent, and when its rules stood. */
static void judge(struct bh_windows *w, struct window *window)
{
	bool unprotected = window->stood != 0 ? window->first < window->stood : window->gone != 0;

	if (!window->governed || window->early || window->first == 0 || !unprotected)
		return;
	window->early = true;
	w->early++;
}

void bh_windows_open(struct bh_windows *w, uint32_t ifindex, int64_t since)
{
	struct window *window = bh_calloc(1, sizeof(*window));

	*window = (struct window) { .ifindex = ifindex, .since = since };
	bh_map_put(w->windows, &ifindex, sizeof(ifindex), window);
}

void bh_windows_addressed(struct bh_windows *w, uint32_t ifindex, int64_t now)
{
	struct window *window = get(w, ifindex);

	if (window != NULL && window->addressed == 0)
		window->addressed = now;
}

void bh_windows_known(struct bh_windows *w, uint32_t ifindex, bool governed, int64_t now)
{
	struct window *window = get(w, ifindex);

	if (window == NULL || window->known)
		return;
	window->known = true;
	window->governed = governed;
	add(&w->known, now - window->since);
}

void bh_windows_stood(struct bh_windows *w, uint32_t ifindex, int64_t now)
{
	struct window *window = get(w, ifindex);

	if (window == NULL || !window->governed || window->stood != 0)
		return;
	window->stood = now;
	add(&w->stood, now - window->since);
	if (window->addressed != 0)
		add(&w->bare, now - window->addressed);
	judge(w, window);
}

void bh_windows_sent(struct bh_windows *w, uint32_t ifindex, int64_t first)
{
	struct window *window = get(w, ifindex);

	if (window == NULL || (window->first != 0 && window->first <= first))
		return;
	window->first = first;
	judge(w, window);
}

void bh_windows_gone(struct bh_windows *w, uint32_t ifindex, int64_t now)
{
	struct window *window = get(w, ifindex);

	if (window == NULL || window->gone != 0)
		return;
	window->gone = now;
	w->left_unknown += !window->known;
	w->left_unstood += window->governed && window->stood == 0;
	judge(w, window);
}

void bh_windows_tick(struct bh_windows *w, int64_t now)
{
	const struct window *window;

	for (size_t position = 0; (window = bh_map_next(w->windows, &position)) != NULL;) {
		uint32_t ifindex = window->ifindex;

		if (window->gone != 0 && now - window->gone > w->linger)
			bh_map_remove(w->windows, &ifindex, sizeof(ifindex));
	}
}

uint32_t bh_windows_next(const struct bh_windows *w, bool known, size_t *position)
{
	const struct window *window;

	while ((window = bh_map_next(w->windows, position)) != NULL)
		if (window->gone == 0 && window->known == known &&
		    (!known || (window->governed && window->stood == 0)))
			return window->ifindex;
	return 0;
}

/* --- figures ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* By nearest rank: the least sample that so many percent of all do not exceed. */
static int64_t percentile(const int64_t *sorted, size_t count, size_t percent)
{
	return sorted[(count * percent + 99) / 100 - 1];
}

static void sum_up(const struct samples *samples, struct bh_window_figures *figures)
{
	size_t count = samples->count < BH_WINDOW_SAMPLES ? samples->count : BH_WINDOW_SAMPLES;
	int64_t sorted[BH_WINDOW_SAMPLES];

	*figures = (struct bh_window_figures) { .count = samples->count };
	if (count == 0)
		return;
	memcpy(sorted, samples->items, count * sizeof(sorted[0]));
	qsort(sorted, count, sizeof(sorted[0]), compare);
	figures->p50 = percentile(sorted, count, 50);
	figures->p99 = percentile(sorted, count, 99);
	figures->most = sorted[count - 1];
}

void bh_windows_report(const struct bh_windows *w, struct bh_window_report *report)
{
	const struct window *window;

	*report = (struct bh_window_report) { .left_unknown = w->left_unknown,
					      .left_unstood = w->left_unstood,
					      .early = w->early };
	sum_up(&w->known, &report->known);
	sum_up(&w->stood, &report->stood);
	sum_up(&w->bare, &report->bare);
	for (size_t position = 0; (window = bh_map_next(w->windows, &position)) != NULL;) {
		report->waiting += window->gone == 0 && !window->known;
		report->unstood += window->gone == 0 && window->governed && window->stood == 0;
	}
}
