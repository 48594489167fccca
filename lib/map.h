/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hash map from byte strings to pointers. Keys are copied; values belong to the caller, unless a
 * destroy function is given. Iteration order is insertion order as long as nothing was removed.
 */
#ifndef BH_MAP_H
#define BH_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct bh_map;

/* destroy: called on a value that is removed, replaced, or left at bh_map_free(); may be NULL. */
struct bh_map *bh_map_new(void (*destroy)(void *value));
void bh_map_free(struct bh_map *map);

void bh_map_put(struct bh_map *map, const void *key, size_t key_length, void *value);
void *bh_map_get(const struct bh_map *map, const void *key, size_t key_length);
bool bh_map_remove(struct bh_map *map, const void *key, size_t key_length);
size_t bh_map_count(const struct bh_map *map);

/* Start with *position = 0; returns each value once and NULL at the end. Between calls the map may
 * change only by removing the value just returned. */
void *bh_map_next(const struct bh_map *map, size_t *position);

/* The same for string keys (the NUL is not part of the key). */
void bh_map_put_text(struct bh_map *map, const char *key, void *value);
void *bh_map_get_text(const struct bh_map *map, const char *key);
bool bh_map_remove_text(struct bh_map *map, const char *key);

#endif
