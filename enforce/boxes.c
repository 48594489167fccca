/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Protocol by protocol, the addresses are cut wherever a box begins or ends. Within each piece the
 * ports are a plain union of ranges; neighbouring pieces with the same ports become one again.
 */
#include "boxes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"

struct range {
	uint16_t first;
	uint16_t last;
};

struct ranges {
	struct range *items;
	size_t count;
	size_t capacity;
};

void bh_boxes_add(struct bh_boxes *boxes, const struct bh_box *box)
{
	boxes->items =
		bh_grow(boxes->items, &boxes->capacity, boxes->count + 1, sizeof(*boxes->items));
	boxes->items[boxes->count++] = *box;
}

void bh_boxes_free(struct bh_boxes *boxes)
{
	free(boxes->items);
	*boxes = (struct bh_boxes) { 0 };
}

static int compare_boxes(const void *a, const void *b)
{
	const struct bh_box *x = a, *y = b;

	if (x->proto != y->proto)
		return x->proto < y->proto ? -1 : 1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return 0;
}

static int compare_numbers(const void *a, const void *b)
{
	const bh_u128 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int compare_ranges(const void *a, const void *b)
{
	return ((const struct range *)a)->first - ((const struct range *)b)->first;
}

/* Where pieces begin: at each first address, and behind each last one. Sorted, without repeats. */
static size_t find_cuts(const struct bh_box *boxes, size_t count, bh_u128 *cuts)
{
	size_t found = 0, kept = 0;

	for (size_t i = 0; i < count; i++) {
		cuts[found++] = boxes[i].first;
		if (boxes[i].last + 1 != 0)
			cuts[found++] = boxes[i].last + 1;
	}
	qsort(cuts, found, sizeof(*cuts), compare_numbers);
	for (size_t i = 1; i < found; i++)
		if (cuts[i] != cuts[kept])
			cuts[++kept] = cuts[i];
	return kept + 1;
}

static void merge_ranges(struct ranges *r)
{
	size_t kept = 0;

	if (r->count == 0)
		return;
	qsort(r->items, r->count, sizeof(*r->items), compare_ranges);
	for (size_t i = 1; i < r->count; i++) {
		struct range *last = &r->items[kept];

		if (r->items[i].first > last->last && r->items[i].first - last->last > 1)
			r->items[++kept] = r->items[i];
		else if (r->items[i].last > last->last)
			last->last = r->items[i].last;
	}
	r->count = kept + 1;
}

/* The ports that boxes covering this address open. */
static void ports_at(const struct bh_box *boxes, size_t count, bh_u128 address, struct ranges *r)
{
	r->count = 0;
	for (size_t i = 0; i < count && boxes[i].first <= address; i++) {
		if (boxes[i].last < address)
			continue;
		r->items = bh_grow(r->items, &r->capacity, r->count + 1, sizeof(*r->items));
		r->items[r->count++] = (struct range) { boxes[i].port_first, boxes[i].port_last };
	}
	merge_ranges(r);
}

static bool same_ranges(const struct ranges *a, const struct ranges *b)
{
	return a->count == b->count &&
	       (a->count == 0 || memcmp(a->items, b->items, a->count * sizeof(*a->items)) == 0);
}

static void emit(struct bh_boxes *out, uint8_t proto, bh_u128 first, bh_u128 last,
		 const struct ranges *r)
{
	for (size_t i = 0; i < r->count; i++)
		bh_boxes_add(out, &(struct bh_box) { .first = first,
						     .last = last,
						     .port_first = r->items[i].first,
						     .port_last = r->items[i].last,
						     .proto = proto });
}

/* One protocol's boxes, sorted by first address. */
static void split_group(const struct bh_box *boxes, size_t count, struct bh_boxes *out)
{
	bh_u128 *cuts = bh_calloc(count * 2, sizeof(*cuts));
	size_t cut_count = find_cuts(boxes, count, cuts);
	struct ranges open = { 0 }, here = { 0 };
	bh_u128 first = 0;

	for (size_t i = 0; i < cut_count; i++) {
		ports_at(boxes, count, cuts[i], &here);
		if (same_ranges(&open, &here))
			continue;
		emit(out, boxes[0].proto, first, cuts[i] - 1, &open);
		first = cuts[i];
		struct ranges swap = open;
		open = here;
		here = swap;
	}
	/* Something is still open only where a box reaches to the very last address. */
	emit(out, boxes[0].proto, first, ~(bh_u128)0, &open);
	free(open.items);
	free(here.items);
	free(cuts);
}

struct bh_boxes bh_boxes_split(const struct bh_boxes *boxes)
{
	struct bh_boxes out = { 0 }, sorted = { 0 };

	for (size_t i = 0; i < boxes->count; i++)
		bh_boxes_add(&sorted, &boxes->items[i]);
	if (sorted.count > 0)
		qsort(sorted.items, sorted.count, sizeof(*sorted.items), compare_boxes);
	for (size_t i = 0, end; i < sorted.count; i = end) {
		for (end = i;
		     end < sorted.count && sorted.items[end].proto == sorted.items[i].proto;)
			end++;
		split_group(sorted.items + i, end - i, &out);
	}
	bh_boxes_free(&sorted);
	return out;
}
