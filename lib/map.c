/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open addressing over indices into a dense array of entries: lookups touch one cache line in the
 * index, iteration walks the array, and removal leaves a hole that the next growth closes. */
#include "map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "grow.h"

struct entry {
	uint64_t hash;
	size_t key_length;
	void *key; /* NULL: removed */
	void *value;
};

struct bh_map {
	void (*destroy)(void *value);
	struct entry *entries;
	size_t used; /* entries, holes included */
	size_t capacity;
	size_t count;
	uint32_t *index; /* position in entries plus one; 0: free; TOMB: was used */
	size_t slots;	 /* power of two */
};

#define TOMB UINT32_MAX

struct bh_map *bh_map_new(void (*destroy)(void *value))
{
	struct bh_map *map = bh_calloc(1, sizeof(*map));

	map->destroy = destroy;
	return map;
}

void bh_map_free(struct bh_map *map)
{
	if (map == NULL)
		return;
	for (size_t i = 0; i < map->used; i++) {
		if (map->entries[i].key == NULL)
			continue;
		free(map->entries[i].key);
		if (map->destroy != NULL)
			map->destroy(map->entries[i].value);
	}
	free(map->entries);
	free(map->index);
	free(map);
}

/* The slot that holds the key, or SIZE_MAX. */
static size_t find_slot(const struct bh_map *map, uint64_t hash, const void *key, size_t length)
{
	if (map->slots == 0)
		return SIZE_MAX;
	for (size_t slot = hash & (map->slots - 1);; slot = (slot + 1) & (map->slots - 1)) {
		uint32_t at = map->index[slot];

		if (at == 0)
			return SIZE_MAX;
		if (at == TOMB)
			continue;
		const struct entry *e = &map->entries[at - 1];
		if (e->hash == hash && e->key_length == length && memcmp(e->key, key, length) == 0)
			return slot;
	}
}

static void place(struct bh_map *map, uint64_t hash, size_t position)
{
	size_t slot = hash & (map->slots - 1);

	while (map->index[slot] != 0 && map->index[slot] != TOMB)
		slot = (slot + 1) & (map->slots - 1);
	map->index[slot] = (uint32_t)position + 1;
}

/* Closes the holes and rebuilds the index at half load or less. */
static void rebuild(struct bh_map *map)
{
	size_t kept = 0;

	for (size_t i = 0; i < map->used; i++)
		if (map->entries[i].key != NULL)
			map->entries[kept++] = map->entries[i];
	map->used = kept;
	size_t slots = 16;
	while (slots < (kept + 1) * 3)
		slots *= 2;
	free(map->index);
	map->index = bh_calloc(slots, sizeof(*map->index));
	map->slots = slots;
	for (size_t i = 0; i < kept; i++)
		place(map, map->entries[i].hash, i);
}

void bh_map_put(struct bh_map *map, const void *key, size_t key_length, void *value)
{
	uint64_t hash = XXH3_64bits(key, key_length);
	size_t slot = find_slot(map, hash, key, key_length);

	if (slot != SIZE_MAX) {
		struct entry *old = &map->entries[map->index[slot] - 1];

		if (map->destroy != NULL && old->value != value)
			map->destroy(old->value);
		old->value = value;
		return;
	}
	if ((map->used + 1) * 2 > map->slots)
		rebuild(map);
	map->entries = bh_grow(map->entries, &map->capacity, map->used + 1, sizeof(*map->entries));
	struct entry *e = &map->entries[map->used];
	*e = (struct entry) { .hash = hash,
			      .key_length = key_length,
			      .value = value,
			      .key = bh_calloc(1, key_length + 1) };
	if (key_length > 0)
		memcpy(e->key, key, key_length);
	place(map, hash, map->used++);
	map->count++;
}

void *bh_map_get(const struct bh_map *map, const void *key, size_t key_length)
{
	size_t slot = find_slot(map, XXH3_64bits(key, key_length), key, key_length);

	return slot == SIZE_MAX ? NULL : map->entries[map->index[slot] - 1].value;
}

bool bh_map_remove(struct bh_map *map, const void *key, size_t key_length)
{
	size_t slot = find_slot(map, XXH3_64bits(key, key_length), key, key_length);

	if (slot == SIZE_MAX)
		return false;
	struct entry *e = &map->entries[map->index[slot] - 1];
	void *value = e->value;

	free(e->key);
	*e = (struct entry) { 0 };
	map->index[slot] = TOMB;
	map->count--;
	if (map->destroy != NULL)
		map->destroy(value);
	return true;
}

size_t bh_map_count(const struct bh_map *map)
{
	return map->count;
}

void *bh_map_next(const struct bh_map *map, size_t *position)
{
	while (*position < map->used) {
		const struct entry *e = &map->entries[(*position)++];

		if (e->key != NULL)
			return e->value;
	}
	return NULL;
}

void bh_map_put_text(struct bh_map *map, const char *key, void *value)
{
	bh_map_put(map, key, strlen(key), value);
}

void *bh_map_get_text(const struct bh_map *map, const char *key)
{
	return bh_map_get(map, key, strlen(key));
}

bool bh_map_remove_text(struct bh_map *map, const char *key)
{
	return bh_map_remove(map, key, strlen(key));
}
