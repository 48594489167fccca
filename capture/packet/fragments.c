/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fragments.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "grow.h"
#include "pages.h"
#include "timefmt.h"

#define LIFETIME (30 * BH_SECOND)
#define SETS 1024
#define WAYS 4 /* datagrams whose hashes meet in one set */

struct bh_fragments {
	uint64_t seed;
	size_t used;
	struct bh_fragment (*sets)[WAYS];
};

struct bh_fragments *bh_fragments_new(uint64_t seed)
{
	struct bh_fragments *f = bh_calloc(1, sizeof(*f));

	f->seed = seed;
	f->sets = bh_pages_new(SETS * sizeof(*f->sets));
	return f;
}

void bh_fragments_free(struct bh_fragments *f)
{
	if (f == NULL)
		return;
	bh_pages_free(f->sets, SETS * sizeof(*f->sets));
	free(f);
}

static uint64_t name_of(const struct bh_fragments *f, const struct bh_packet *p)
{
	struct {
		struct bh_addr src, dst;
		uint32_t id, ifindex;
		uint16_t proto, outgoing, tunnel;
	} name;

	memset(&name, 0, sizeof(name)); /* padding is hashed as well */
	name.src = p->src;
	name.dst = p->dst;
	name.id = p->fragment_id;
	name.ifindex = p->ifindex;
	name.proto = p->fragment_proto;
	name.outgoing = p->outgoing;
	name.tunnel = p->tunnel;
	uint64_t hash = XXH3_64bits_withSeed(&name, sizeof(name), f->seed);
	return hash != 0 ? hash : 1;
}

static bool is_over(const struct bh_fragment *slot, int64_t now)
{
	return now - slot->time > LIFETIME || slot->time - now > LIFETIME;
}

struct bh_fragment *bh_fragments_of(struct bh_fragments *f, const struct bh_packet *p,
				    uint64_t *orphans)
{
	uint64_t name = name_of(f, p);
	struct bh_fragment *set = f->sets[name % SETS], *oldest = &set[0];

	for (int i = 0; i < WAYS; i++) {
		if (set[i].key == name && !is_over(&set[i], p->time)) {
			set[i].time = p->time;
			return &set[i];
		}
		if (set[i].key == 0 || (oldest->key != 0 && set[i].time < oldest->time))
			oldest = &set[i];
	}
	*orphans += oldest->waiting.packets;
	f->used += oldest->key == 0;
	*oldest = (struct bh_fragment) { .key = name, .time = p->time };
	return oldest;
}

static uint64_t forget(struct bh_fragments *f, struct bh_fragment *slot)
{
	uint64_t orphans = slot->waiting.packets;

	*slot = (struct bh_fragment) { 0 };
	f->used--;
	return orphans;
}

/* Most of the time there are none, and the memory for them stays untouched. */
static uint64_t forget_if(struct bh_fragments *f, bool all, int64_t now)
{
	uint64_t orphans = 0;
	size_t left = f->used;

	for (size_t i = 0; left > 0 && i < SETS * WAYS; i++) {
		struct bh_fragment *slot = &f->sets[i / WAYS][i % WAYS];

		if (slot->key == 0)
			continue;
		left--;
		if (all || is_over(slot, now))
			orphans += forget(f, slot);
	}
	return orphans;
}

uint64_t bh_fragments_expire(struct bh_fragments *f, int64_t now)
{
	return forget_if(f, false, now);
}

uint64_t bh_fragments_clear(struct bh_fragments *f)
{
	return forget_if(f, true, 0);
}
