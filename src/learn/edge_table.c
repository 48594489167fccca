/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Linear probing at two thirds load at most; what is removed is closed up by those behind it. */
#include "edge_table.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "grow.h"

#define LEAST_SLOTS 16

struct bh_edge_table {
	struct bh_entry **slots; /* a power of two of them; NULL: free */
	size_t slot_count, count;
};

struct bh_edge_table *bh_edge_table_new(void)
{
	struct bh_edge_table *t = bh_calloc(1, sizeof(*t));

	t->slot_count = LEAST_SLOTS;
	t->slots = bh_calloc(t->slot_count, sizeof(struct bh_entry *));
	return t;
}

void bh_edge_table_free(struct bh_edge_table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->slot_count; i++)
		free(t->slots[i]);
	free(t->slots);
	free(t);
}

static size_t home_of(const struct bh_edge_table *t, const struct bh_peer *src,
		      const struct bh_peer *dst, uint8_t proto, uint16_t port)
{
	const uint64_t key[] = { (uint64_t)(uintptr_t)src, (uint64_t)(uintptr_t)dst,
				 (uint64_t)proto << 16 | port };

	return XXH3_64bits(key, sizeof(key)) & (t->slot_count - 1);
}

static size_t home_of_entry(const struct bh_edge_table *t, const struct bh_entry *e)
{
	return home_of(t, e->src, e->dst, e->proto, e->port);
}

static size_t after(const struct bh_edge_table *t, size_t slot)
{
	return (slot + 1) & (t->slot_count - 1);
}

static void place(struct bh_edge_table *t, struct bh_entry *e)
{
	size_t slot = home_of_entry(t, e);

	while (t->slots[slot] != NULL)
		slot = after(t, slot);
	t->slots[slot] = e;
}

static void make_room(struct bh_edge_table *t)
{
	struct bh_entry **before = t->slots;
	size_t slots = t->slot_count;

	if ((t->count + 1) * 3 <= slots * 2)
		return;
	t->slot_count = slots * 2;
	t->slots = bh_calloc(t->slot_count, sizeof(struct bh_entry *));
	for (size_t i = 0; i < slots; i++)
		if (before[i] != NULL)
			place(t, before[i]);
	free(before);
}

static bool is_it(const struct bh_entry *e, const struct bh_peer *src, const struct bh_peer *dst,
		  uint8_t proto, uint16_t port)
{
	return e->src == src && e->dst == dst && e->proto == proto && e->port == port;
}

struct bh_entry *bh_edge_table_find(const struct bh_edge_table *t, const struct bh_peer *src,
				    const struct bh_peer *dst, uint8_t proto, uint16_t port)
{
	size_t slot = home_of(t, src, dst, proto, port);

	for (; t->slots[slot] != NULL; slot = after(t, slot))
		if (is_it(t->slots[slot], src, dst, proto, port))
			return t->slots[slot];
	return NULL;
}

struct bh_entry *bh_edge_table_add(struct bh_edge_table *t, const struct bh_peer *src,
				   const struct bh_peer *dst, uint8_t proto, uint16_t port)
{
	struct bh_entry *e = bh_calloc(1, sizeof(*e));

	e->src = src;
	e->dst = dst;
	e->proto = proto;
	e->port = port;
	make_room(t);
	place(t, e);
	t->count++;
	return e;
}

/* Whether the entry at `slot` would still be found if `hole`, before it, were free. */
static bool may_stay(const struct bh_edge_table *t, size_t hole, size_t slot)
{
	size_t home = home_of_entry(t, t->slots[slot]), mask = t->slot_count - 1;

	return ((slot - home) & mask) < ((slot - hole) & mask);
}

void bh_edge_table_remove(struct bh_edge_table *t, struct bh_entry *e)
{
	size_t hole = home_of_entry(t, e);

	while (t->slots[hole] != e)
		hole = after(t, hole);
	for (size_t slot = after(t, hole); t->slots[slot] != NULL; slot = after(t, slot)) {
		if (may_stay(t, hole, slot))
			continue;
		t->slots[hole] = t->slots[slot];
		hole = slot;
	}
	t->slots[hole] = NULL;
	t->count--;
	free(e);
}

size_t bh_edge_table_count(const struct bh_edge_table *t)
{
	return t->count;
}

struct bh_entry *bh_edge_table_next(const struct bh_edge_table *t, size_t *position)
{
	while (*position < t->slot_count)
		if (t->slots[(*position)++] != NULL)
			return t->slots[*position - 1];
	return NULL;
}
