/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bindings.h"

#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "map.h"

struct binding {
	uint32_t ifindex;
	struct bh_addr addr;
};

struct bh_bindings {
	struct bh_map *pairs;	   /* interface and address → struct binding */
	struct bh_map *holdings;   /* address → size_t: on how many interfaces */
	struct bh_map *interfaces; /* ifindex → this struct: it holds an address */
};

/* A key without the struct's padding. */
struct pair_key {
	uint8_t bytes[sizeof(uint32_t) + sizeof(struct bh_addr)];
};

static struct pair_key key_of(uint32_t ifindex, const struct bh_addr *addr)
{
	struct pair_key key;

	memcpy(key.bytes, &ifindex, sizeof(ifindex));
	memcpy(key.bytes + sizeof(ifindex), addr, sizeof(*addr));
	return key;
}

struct bh_bindings *bh_bindings_new(void)
{
	struct bh_bindings *b = bh_calloc(1, sizeof(*b));

	b->pairs = bh_map_new(free);
	b->holdings = bh_map_new(free);
	b->interfaces = bh_map_new(NULL);
	return b;
}

void bh_bindings_free(struct bh_bindings *b)
{
	if (b == NULL)
		return;
	bh_map_free(b->pairs);
	bh_map_free(b->holdings);
	bh_map_free(b->interfaces);
	free(b);
}

void bh_bindings_add(struct bh_bindings *b, uint32_t ifindex, const struct bh_addr *addr)
{
	struct pair_key key = key_of(ifindex, addr);

	if (bh_map_get(b->pairs, &key, sizeof(key)) != NULL)
		return;
	struct binding *binding = bh_calloc(1, sizeof(*binding));
	*binding = (struct binding) { ifindex, *addr };
	bh_map_put(b->pairs, &key, sizeof(key), binding);
	bh_map_put(b->interfaces, &ifindex, sizeof(ifindex), b);
	size_t *holders = bh_map_get(b->holdings, addr, sizeof(*addr));
	if (holders == NULL) {
		holders = bh_calloc(1, sizeof(*holders));
		bh_map_put(b->holdings, addr, sizeof(*addr), holders);
	}
	(*holders)++;
}

void bh_bindings_remove(struct bh_bindings *b, uint32_t ifindex)
{
	struct binding *binding;

	bh_map_remove(b->interfaces, &ifindex, sizeof(ifindex));
	for (size_t position = 0; (binding = bh_map_next(b->pairs, &position)) != NULL;) {
		if (binding->ifindex != ifindex)
			continue;
		struct pair_key key = key_of(ifindex, &binding->addr);
		size_t *holders = bh_map_get(b->holdings, &binding->addr, sizeof(binding->addr));
		if (--*holders == 0)
			bh_map_remove(b->holdings, &binding->addr, sizeof(binding->addr));
		bh_map_remove(b->pairs, &key, sizeof(key));
	}
}

bool bh_bindings_has(const struct bh_bindings *b, uint32_t ifindex, const struct bh_addr *addr)
{
	struct pair_key key = key_of(ifindex, addr);

	return bh_map_get(b->pairs, &key, sizeof(key)) != NULL;
}

bool bh_bindings_local(const struct bh_bindings *b, const struct bh_addr *addr)
{
	return bh_map_get(b->holdings, addr, sizeof(*addr)) != NULL;
}

bool bh_bindings_watched(const struct bh_bindings *b, uint32_t ifindex)
{
	return bh_map_get(b->interfaces, &ifindex, sizeof(ifindex)) != NULL;
}
