/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flow_index.h"

#include "pages.h"

#define FIRST_SLOTS 1024

static void allocate(struct bh_flow_index *index, uint32_t slots)
{
	index->slots = bh_pages_new((size_t)slots * sizeof(*index->slots));
	index->mask = slots - 1;
}

void bh_flow_index_init(struct bh_flow_index *index)
{
	*index = (struct bh_flow_index) { 0 };
	allocate(index, FIRST_SLOTS);
}

void bh_flow_index_free(struct bh_flow_index *index)
{
	bh_pages_free(index->slots, ((size_t)index->mask + 1) * sizeof(*index->slots));
}

static void put(struct bh_flow_index *index, uint32_t hash, uint32_t number)
{
	uint32_t at = hash & index->mask;

	while (index->slots[at].number != 0)
		at = (at + 1) & index->mask;
	index->slots[at] = (struct bh_index_slot) { hash, number };
}

static void grow(struct bh_flow_index *index)
{
	struct bh_flow_index old = *index;

	allocate(index, (old.mask + 1) * 2);
	for (uint32_t i = 0; i <= old.mask; i++)
		if (old.slots[i].number != 0)
			put(index, old.slots[i].hash, old.slots[i].number);
	bh_flow_index_free(&old);
}

/* The last growth has the old one beside the new. */
size_t bh_flow_index_most_bytes(size_t entries)
{
	size_t slots = FIRST_SLOTS;

	while (entries >= slots / 5 * 4)
		slots *= 2;
	return (slots + slots / 2) * sizeof(struct bh_index_slot);
}

/* At most four fifths full: probes stay short, and 10 to 20 bytes a flow. */
void bh_flow_index_add(struct bh_flow_index *index, uint32_t hash, uint32_t number)
{
	if (index->count >= (index->mask + 1) / 5 * 4)
		grow(index);
	put(index, hash, number);
	index->count++;
}

/* Whether what stands at `at` may move to the hole: its own place is not between the two. */
static bool may_move(const struct bh_flow_index *index, uint32_t hole, uint32_t at)
{
	uint32_t home = index->slots[at].hash & index->mask;

	return ((at - home) & index->mask) >= ((at - hole) & index->mask);
}

void bh_flow_index_remove(struct bh_flow_index *index, uint32_t hash, uint32_t number)
{
	uint32_t at = hash & index->mask;

	while (index->slots[at].number != number)
		at = (at + 1) & index->mask;
	uint32_t hole = at;
	for (at = (at + 1) & index->mask; index->slots[at].number != 0;
	     at = (at + 1) & index->mask) {
		if (!may_move(index, hole, at))
			continue;
		index->slots[hole] = index->slots[at];
		hole = at;
	}
	index->slots[hole] = (struct bh_index_slot) { 0 };
	index->count--;
}
