/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sample_clock.h"

#include <stdlib.h>
#include <string.h>

#include "grow.h"

#define HOUR (INT64_C(3600) * 1000000)
#define HOURS 65535 /* then they begin anew; the seven years between are not told apart */
#define LEAST_SLOTS 64

/* Open addressing. A slot has the ID in its upper 48 bits and the
 * hour, counted from 1, in its lower 16; 0: it is free. */
struct bh_sample_clock {
	uint64_t *slots;
	size_t size; /* a power of two */
	size_t count, most;
};

struct bh_sample_clock *bh_sample_clock_new(size_t most)
{
	struct bh_sample_clock *c = bh_calloc(1, sizeof(*c));

	c->most = most;
	c->size = LEAST_SLOTS;
	c->slots = bh_calloc(c->size, sizeof(*c->slots));
	return c;
}

void bh_sample_clock_free(struct bh_sample_clock *c)
{
	if (c == NULL)
		return;
	free(c->slots);
	free(c);
}

static uint64_t entry_of(uint64_t edge, int64_t time)
{
	int64_t hour = time / HOUR % HOURS;

	return edge << 16 | (uint64_t)((hour < 0 ? hour + HOURS : hour) + 1);
}

/* The edge's slot, or the free one where it belongs. */
static uint64_t *find(const struct bh_sample_clock *c, uint64_t edge)
{
	size_t at = edge * UINT64_C(0x9e3779b97f4a7c15) >> 24 & (c->size - 1);

	while (c->slots[at] != 0 && c->slots[at] >> 16 != edge)
		at = (at + 1) & (c->size - 1);
	return &c->slots[at];
}

static void grow(struct bh_sample_clock *c)
{
	struct bh_sample_clock larger = *c;

	larger.size = 2 * c->size;
	larger.slots = bh_calloc(larger.size, sizeof(*larger.slots));
	for (size_t i = 0; i < c->size; i++)
		if (c->slots[i] != 0)
			*find(&larger, c->slots[i] >> 16) = c->slots[i];
	free(c->slots);
	*c = larger;
}

/* False: there is no room. */
static bool put(struct bh_sample_clock *c, uint64_t edge, uint64_t entry)
{
	uint64_t *slot = find(c, edge);

	if (*slot == 0) {
		if (c->count == c->most)
			return false;
		if (4 * ++c->count > 3 * c->size) {
			grow(c);
			slot = find(c, edge);
		}
	}
	*slot = entry;
	return true;
}

void bh_sample_clock_set(struct bh_sample_clock *c, uint64_t edge, int64_t time)
{
	put(c, edge, entry_of(edge, time));
}

bool bh_sample_clock_due(struct bh_sample_clock *c, uint64_t edge, int64_t time)
{
	uint64_t entry = entry_of(edge, time);

	return *find(c, edge) != entry && put(c, edge, entry);
}

void bh_sample_clock_forget(struct bh_sample_clock *c)
{
	memset(c->slots, 0, c->size * sizeof(*c->slots));
	c->count = 0;
}
