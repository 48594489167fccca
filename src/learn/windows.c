/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Windows, and which of them were watched. The watcher's clock is one that nobody sets; the wall
 * clock only says which window it is. If that jumps, the time until then is counted where it was
 * spent, and a window to which the clock comes back is not counted a second time, unless it was so
 * far ahead that it must have been wrong.
 */
#include "ledger_parts.h"

#define FAR 7		  /* windows: a clock that is set back by more was wrong before */
#define LONG_ABSENCE 1000 /* windows */
#define LOST_OF 1000	  /* packets: one of them lost, and the window does not count */

static int64_t floor_div(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

int64_t bh_ledger_window_of(const struct bh_ledger *l, int64_t time)
{
	return floor_div(time - l->config.offset, l->config.window);
}

int64_t bh_ledger_hour_of(const struct bh_ledger *l, int64_t time)
{
	int64_t window = bh_ledger_window_of(l, time), length = l->config.window / BH_HOURS;
	int64_t hour =
		length > 0 ? (time - l->config.offset - window * l->config.window) / length : 0;

	return window * BH_HOURS + (hour < BH_HOURS ? hour : BH_HOURS - 1);
}

int64_t bh_ledger_hours_window(int64_t hour)
{
	return floor_div(hour, BH_HOURS);
}

void bh_ledger_advance(struct bh_ledger *l, int64_t now)
{
	struct bh_ledger_state *s = &l->state;

	if (!s->observed || now < s->first)
		s->first = now;
	if (!s->observed || now > s->now)
		s->now = now;
	s->observed = true;
}

static bool is_whole(const struct bh_ledger *l)
{
	return l->state.window > bh_ledger_window_of(l, l->state.first) &&
	       l->state.window > l->state.counted;
}

static bool was_watched(const struct bh_ledger *l)
{
	return l->state.watched - l->state.watched_before >= l->config.window / 2;
}

static bool was_lossy(const struct bh_ledger *l)
{
	return l->state.lost > 0 && l->state.lost * LOST_OF >= l->state.captured + l->state.lost;
}

/* Why windows are over and do not count, those that nobody was there for among them; where a clock
 * was set far ahead there were none. */
static void note_uncounted(struct bh_ledger *l, int64_t next)
{
	struct bh_ledger_state *s = &l->state;
	int64_t missed = next - s->window - 1;

	if (is_whole(l) && !was_watched(l))
		s->unwatched++;
	else if (is_whole(l) && was_lossy(l))
		s->lossy++;
	if (missed > 0 && missed < LONG_ABSENCE)
		s->unwatched += (uint32_t)missed;
}

uint8_t bh_ledger_phase(int64_t window)
{
	return (uint8_t)(1u << (unsigned)(window - floor_div(window, 7) * 7));
}

static void settle(struct bh_ledger *l, int64_t next)
{
	struct bh_ledger_state *s = &l->state;
	bool counts = is_whole(l) && was_watched(l) && !was_lossy(l);

	note_uncounted(l, next);
	if (counts) {
		s->windows++;
		s->phases |= bh_ledger_phase(s->window);
		s->counted = s->window;
	}
	bh_ledger_settle_owners(l, counts, next);
	s->captured = s->lost = 0;
	s->watched_before = s->watched;
}

/* Windows that a clock made up which was far ahead are not to keep those from counting that come
 * now; nor is a beginning that has not been. */
static void set_back(struct bh_ledger *l, int64_t window)
{
	struct bh_ledger_state *s = &l->state;
	int64_t made_up = s->window - window - 1;

	s->first = s->now < s->first ? s->now : s->first;
	if (made_up > 0)
		s->unwatched -= s->unwatched < made_up ? s->unwatched : (uint32_t)made_up;
	if (s->counted != INT64_MIN && s->counted - window > FAR)
		s->counted = window;
}

void bh_ledger_watch(struct bh_ledger *l, int64_t now, int64_t elapsed)
{
	struct bh_ledger_state *s = &l->state;
	int64_t window = bh_ledger_window_of(l, now);

	if (!s->observed)
		*s = (struct bh_ledger_state) { .observed = true,
						.first = now,
						.window = window,
						.counted = INT64_MIN,
						.length = l->config.window };
	s->watched += elapsed;
	s->now = now;
	set_back(l, window);
	if (window != s->window)
		settle(l, window);
	s->window = window;
}

void bh_ledger_packets(struct bh_ledger *l, uint64_t captured, uint64_t lost)
{
	l->state.captured += captured;
	l->state.lost += lost;
}

uint32_t bh_ledger_windows(const struct bh_ledger *l)
{
	if (l->config.watched || !l->state.observed)
		return l->state.windows;
	int64_t between =
		bh_ledger_window_of(l, l->state.now) - bh_ledger_window_of(l, l->state.first) - 1;
	return between > 0 ? (uint32_t)between : 0;
}

struct bh_uncounted bh_ledger_uncounted(const struct bh_ledger *l)
{
	return (struct bh_uncounted) { l->state.unwatched, l->state.lossy };
}

uint8_t bh_ledger_phases_since(const struct bh_ledger *l, int64_t first)
{
	int64_t current = bh_ledger_window_of(l, l->state.now);
	uint8_t all = 0;

	for (int64_t w = bh_ledger_window_of(l, first) + 1; w < current && all != 0x7f; w++)
		all |= bh_ledger_phase(w);
	return all;
}

uint8_t bh_ledger_phases(const struct bh_ledger *l)
{
	return l->config.watched ? l->state.phases : bh_ledger_phases_since(l, l->state.first);
}

int64_t bh_ledger_now(const struct bh_ledger *l)
{
	return l->state.now;
}
