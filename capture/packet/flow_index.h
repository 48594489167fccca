/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hash → entry numbers: open addressing with linear probing, the whole hash beside the number, so
 * that a lookup costs one cache line here and touches no entry but the one that it is after. It
 * grows by doubling; removing closes the gap, and leaves no tombstone.
 */
#ifndef BH_FLOW_INDEX_H
#define BH_FLOW_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bh_index_slot {
	uint32_t hash;
	uint32_t number; /* 0: empty */
};

struct bh_flow_index {
	struct bh_index_slot *slots;
	uint32_t mask; /* slots − 1, a power of two less one */
	uint32_t count;
};

void bh_flow_index_init(struct bh_flow_index *index);
void bh_flow_index_free(struct bh_flow_index *index);
size_t bh_flow_index_most_bytes(size_t entries); /* memory that so many take at most */

void bh_flow_index_add(struct bh_flow_index *index, uint32_t hash, uint32_t number);
void bh_flow_index_remove(struct bh_flow_index *index, uint32_t hash, uint32_t number);

static inline void bh_flow_index_prefetch(const struct bh_flow_index *index, uint32_t hash)
{
	__builtin_prefetch(&index->slots[hash & index->mask]);
}

/* Steps through the numbers that have this hash: *at starts at the hash itself. 0: no more. */
static inline uint32_t bh_flow_index_next(const struct bh_flow_index *index, uint32_t hash,
					  uint32_t *at)
{
	for (;; ++*at) {
		const struct bh_index_slot *slot = &index->slots[*at & index->mask];

		if (slot->number == 0)
			return 0;
		if (slot->hash == hash) {
			++*at;
			return slot->number;
		}
	}
}

#endif
