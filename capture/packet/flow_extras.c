/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flow_extras.h"

#include <stdlib.h>

#include "flow_index.h"
#include "grow.h"
#include "pages.h"

#define FLOWS_A_PLACE 8 /* one flow in eight may have something to say */
#define LEAST_PLACES 64

struct bh_flow_extras {
	struct bh_flow_extra *all;  /* by place; the first is never used */
	struct bh_flow_index index; /* entry → place */
	size_t places;
	uint32_t fresh; /* the lowest place that was never used */
	uint32_t free;
};

static size_t places_for(size_t max_flows)
{
	return max_flows / FLOWS_A_PLACE + LEAST_PLACES;
}

static size_t bytes_for(size_t places)
{
	return (places + 1) * sizeof(struct bh_flow_extra);
}

size_t bh_flow_extras_most_bytes(size_t max_flows)
{
	size_t places = places_for(max_flows);

	return bytes_for(places) + bh_flow_index_most_bytes(places);
}

static void begin(struct bh_flow_extras *x)
{
	bh_flow_index_init(&x->index);
	x->fresh = 1;
	x->free = 0;
}

struct bh_flow_extras *bh_flow_extras_new(size_t max_flows)
{
	struct bh_flow_extras *x = bh_calloc(1, sizeof(*x));

	x->places = places_for(max_flows);
	x->all = bh_pages_new(bytes_for(x->places));
	begin(x);
	return x;
}

void bh_flow_extras_free(struct bh_flow_extras *x)
{
	if (x == NULL)
		return;
	bh_pages_free(x->all, bytes_for(x->places));
	bh_flow_index_free(&x->index);
	free(x);
}

void bh_flow_extras_clear(struct bh_flow_extras *x)
{
	if (x->fresh == 1)
		return;
	bh_flow_index_free(&x->index);
	begin(x);
}

/* Entries' numbers are our own: nobody can make them meet. Neighbours are spread. */
static uint32_t hash_of(uint32_t entry)
{
	return entry * UINT32_C(0x9e3779b1);
}

/* Of the entry's, or 0. */
static uint32_t place_of(const struct bh_flow_extras *x, uint32_t entry)
{
	uint32_t at = hash_of(entry), place;

	while ((place = bh_flow_index_next(&x->index, hash_of(entry), &at)) != 0)
		if (x->all[place].entry == entry)
			break;
	return place;
}

struct bh_flow_extra *bh_flow_extras_get(const struct bh_flow_extras *x, uint32_t entry)
{
	return &x->all[place_of(x, entry)];
}

struct bh_flow_extra *bh_flow_extras_add(struct bh_flow_extras *x, uint32_t entry)
{
	uint32_t place = x->free;

	if (place != 0)
		x->free = x->all[place].entry;
	else if (x->fresh <= x->places)
		place = x->fresh++;
	else
		return NULL;
	x->all[place] = (struct bh_flow_extra) { .entry = entry };
	bh_flow_index_add(&x->index, hash_of(entry), place);
	return &x->all[place];
}

void bh_flow_extras_drop(struct bh_flow_extras *x, uint32_t entry)
{
	uint32_t place = place_of(x, entry);

	bh_flow_index_remove(&x->index, hash_of(entry), place);
	x->all[place].entry = x->free;
	x->free = place;
}

static struct bh_flow_segments total(const struct bh_flow_half *half,
				     const struct bh_flow_segments *beyond)
{
	return (struct bh_flow_segments) {
		.sent = beyond->sent != 0 ? half->sent.packets + beyond->sent : 0,
		.delivered =
			beyond->delivered != 0 ? half->delivered.packets + beyond->delivered : 0
	};
}

void bh_flow_extra_record(const struct bh_flow_extra *extra, struct bh_flow *record)
{
	/* The same error on its way in and on its way out again is one. */
	bool out = extra->errors[true] > extra->errors[false];

	record->icmp_error = (struct bh_icmp_error) { .count = extra->errors[out],
						      .type = extra->type,
						      .code = extra->code };
	record->tx_segments = total(&record->tx, &extra->beyond[false]);
	record->rx_segments = total(&record->rx, &extra->beyond[true]);
}
