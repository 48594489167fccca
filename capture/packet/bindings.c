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

/* An interface that is gone, whose addresses are kept for a moment. */
struct leaving {
	uint32_t ifindex;
	bool ticked;
};

#define RECENT 256 /* a power of two */

/* An answer given lately: packets ask the same few questions again and again. */
struct answer {
	uint32_t ifindex; /* ANYWHERE: behind any interface */
	struct bh_addr addr;
	bool given;
	bool yes;
};

#define ANYWHERE 0 /* no interface's number */

struct bh_bindings {
	struct bh_map *pairs;	      /* interface and address → struct binding */
	struct bh_map *holdings;      /* address → size_t: on how many interfaces */
	struct bh_map *interfaces;    /* ifindex → this struct: it holds an address */
	struct bh_map *leaving;	      /* ifindex → struct leaving */
	struct answer recent[RECENT]; /* good until a binding comes or goes */
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
	b->leaving = bh_map_new(free);
	return b;
}

void bh_bindings_free(struct bh_bindings *b)
{
	if (b == NULL)
		return;
	bh_map_free(b->pairs);
	bh_map_free(b->holdings);
	bh_map_free(b->interfaces);
	bh_map_free(b->leaving);
	free(b);
}

static void forget_answers(struct bh_bindings *b)
{
	memset(b->recent, 0, sizeof(b->recent));
}

void bh_bindings_add(struct bh_bindings *b, uint32_t ifindex, const struct bh_addr *addr)
{
	struct pair_key key = key_of(ifindex, addr);

	forget_answers(b);
	bh_map_remove(b->leaving, &ifindex, sizeof(ifindex));
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
	bh_map_remove(b->leaving, &ifindex, sizeof(ifindex));
	forget_answers(b);
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

void bh_bindings_leave(struct bh_bindings *b, uint32_t ifindex)
{
	if (!bh_bindings_watched(b, ifindex) || bh_bindings_is_leaving(b, ifindex))
		return;
	struct leaving *leaving = bh_calloc(1, sizeof(*leaving));
	leaving->ifindex = ifindex;
	bh_map_put(b->leaving, &ifindex, sizeof(ifindex), leaving);
}

bool bh_bindings_is_leaving(const struct bh_bindings *b, uint32_t ifindex)
{
	return bh_map_get(b->leaving, &ifindex, sizeof(ifindex)) != NULL;
}

void bh_bindings_tick(struct bh_bindings *b)
{
	struct leaving *leaving;

	for (size_t position = 0; (leaving = bh_map_next(b->leaving, &position)) != NULL;) {
		if (leaving->ticked)
			bh_bindings_remove(b, leaving->ifindex);
		else
			leaving->ticked = true;
	}
}

/* Where the answer to this question stands, or would stand. Neighbours' addresses differ in their
 * last bytes. */
static struct answer *place_of(struct bh_bindings *b, uint32_t ifindex, const struct bh_addr *addr)
{
	const uint8_t *last = addr->bytes + (addr->family == BH_IPV6 ? 12 : 0);
	uint32_t low;

	memcpy(&low, last, sizeof(low));
	return &b->recent[(low + ifindex) * UINT32_C(2654435761) >> 24 & (RECENT - 1)];
}

static bool ask(const struct bh_bindings *b, uint32_t ifindex, const struct bh_addr *addr)
{
	struct pair_key key = key_of(ifindex, addr);

	if (ifindex == ANYWHERE)
		return bh_map_get(b->holdings, addr, sizeof(*addr)) != NULL;
	return bh_map_get(b->pairs, &key, sizeof(key)) != NULL;
}

static bool answer(struct bh_bindings *b, uint32_t ifindex, const struct bh_addr *addr)
{
	struct answer *a = place_of(b, ifindex, addr);

	if (!a->given || a->ifindex != ifindex || memcmp(&a->addr, addr, sizeof(*addr)) != 0)
		*a = (struct answer) { ifindex, *addr, true, ask(b, ifindex, addr) };
	return a->yes;
}

bool bh_bindings_has(struct bh_bindings *b, uint32_t ifindex, const struct bh_addr *addr)
{
	return ifindex != ANYWHERE && answer(b, ifindex, addr);
}

bool bh_bindings_local(struct bh_bindings *b, const struct bh_addr *addr)
{
	return answer(b, ANYWHERE, addr);
}

bool bh_bindings_watched(const struct bh_bindings *b, uint32_t ifindex)
{
	return bh_map_get(b->interfaces, &ifindex, sizeof(ifindex)) != NULL;
}
