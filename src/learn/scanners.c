/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanners.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "grow.h"
#include "map.h"

#define SUCCESS_OF_KNOWING 0.8 /* θ0 */
#define SUCCESS_OF_LOOKING 0.2 /* θ1 */
#define WRONGLY_FLAGGED 0.01   /* α */
#define RIGHTLY_FLAGGED 0.99   /* 1 − β */

#define LEAST_SLOTS 8

/* Destinations, each with protocol and port, by their hash, which is not 0. */
struct set {
	uint64_t *slots; /* a power of two of them; 0: free */
	size_t slot_count, count;
};

struct walk {
	struct bh_walk state;
	struct set contacts;
	bool dirty;
};

struct pair {
	uint64_t replica, contact;
};

struct bh_scanners {
	size_t most, count;   /* contacts of all */
	struct bh_map *walks; /* replica → struct walk */
	uint64_t lost;
	bool saved;
	struct pair *fresh; /* contacts that were not saved yet */
	size_t fresh_count, fresh_capacity;
	uint64_t *gone; /* replicas */
	size_t gone_count, gone_capacity;
};

/* --- sets ------------------------------------------------------------------------------------- */

static uint64_t *slot_for(const struct set *set, uint64_t item)
{
	size_t at = item & (set->slot_count - 1);

	while (set->slots[at] != 0 && set->slots[at] != item)
		at = (at + 1) & (set->slot_count - 1);
	return &set->slots[at];
}

static bool has(const struct set *set, uint64_t item)
{
	return set->slot_count > 0 && *slot_for(set, item) == item;
}

static void widen(struct set *set)
{
	struct set wide = { .slot_count = set->slot_count > 0 ? 2 * set->slot_count : LEAST_SLOTS,
			    .count = set->count };

	wide.slots = bh_calloc(wide.slot_count, sizeof(*wide.slots));
	for (size_t i = 0; i < set->slot_count; i++)
		if (set->slots[i] != 0)
			*slot_for(&wide, set->slots[i]) = set->slots[i];
	free(set->slots);
	*set = wide;
}

static void insert(struct set *set, uint64_t item)
{
	if ((set->count + 1) * 3 > set->slot_count * 2)
		widen(set);
	*slot_for(set, item) = item;
	set->count++;
}

/* --- walks ------------------------------------------------------------------------------------ */

static void free_walk(void *value)
{
	struct walk *walk = value;

	free(walk->contacts.slots);
	free(walk);
}

struct bh_scanners *bh_scanners_new(size_t most, bool saved)
{
	struct bh_scanners *s = bh_calloc(1, sizeof(*s));

	s->most = most;
	s->saved = saved;
	s->walks = bh_map_new(free_walk);
	return s;
}

void bh_scanners_free(struct bh_scanners *s)
{
	if (s == NULL)
		return;
	bh_map_free(s->walks);
	free(s->fresh);
	free(s->gone);
	free(s);
}

static struct walk *walk_of(struct bh_scanners *s, uint64_t replica)
{
	struct walk *walk = bh_map_get(s->walks, &replica, sizeof(replica));

	if (walk == NULL) {
		walk = bh_calloc(1, sizeof(*walk));
		walk->state.replica = replica;
		bh_map_put(s->walks, &replica, sizeof(replica), walk);
	}
	return walk;
}

static struct walk *idlest(const struct bh_scanners *s)
{
	struct walk *walk, *found = NULL;

	for (size_t position = 0; (walk = bh_map_next(s->walks, &position)) != NULL;)
		if (found == NULL || walk->state.last < found->state.last)
			found = walk;
	return found;
}

static void forget(struct bh_scanners *s, const struct walk *walk)
{
	uint64_t replica = walk->state.replica;

	s->count -= walk->contacts.count;
	if (s->saved) {
		s->gone = bh_grow(s->gone, &s->gone_capacity, s->gone_count + 1, sizeof(*s->gone));
		s->gone[s->gone_count++] = replica;
	}
	bh_map_remove(s->walks, &replica, sizeof(replica));
}

static bool make_room(struct bh_scanners *s, const struct walk *walk)
{
	while (s->count >= s->most) {
		const struct walk *out = idlest(s);

		if (out == NULL || out == walk)
			return false;
		forget(s, out);
	}
	return true;
}

/* --- contacts --------------------------------------------------------------------------------- */

static uint64_t contact_of(const struct bh_peer *dst, uint8_t proto, uint16_t port)
{
	uint64_t name = XXH3_64bits_withSeed(dst->name, strlen(dst->name), dst->kind);
	uint64_t hash = XXH3_64bits_withSeed(&name, sizeof(name), (uint64_t)proto << 16 | port);

	return hash != 0 ? hash : 1;
}

static void note_fresh(struct bh_scanners *s, uint64_t replica, uint64_t contact)
{
	if (!s->saved)
		return;
	s->fresh = bh_grow(s->fresh, &s->fresh_capacity, s->fresh_count + 1, sizeof(*s->fresh));
	s->fresh[s->fresh_count++] = (struct pair) { replica, contact };
}

/* Keeps the contact. NULL: it is not the first, or finds no room. */
static struct walk *keep_first(struct bh_scanners *s, uint64_t replica, uint64_t contact)
{
	struct walk *walk = bh_map_get(s->walks, &replica, sizeof(replica));

	if (walk != NULL && has(&walk->contacts, contact))
		return NULL;
	if (!make_room(s, walk)) {
		s->lost++;
		return NULL;
	}
	walk = walk_of(s, replica);
	insert(&walk->contacts, contact);
	s->count++;
	note_fresh(s, replica, contact);
	return walk;
}

/* One step, and whether the walk ends with it. */
static bool step(struct bh_walk *walk, bool answered)
{
	double looking = answered ? SUCCESS_OF_LOOKING : 1 - SUCCESS_OF_LOOKING;
	double knowing = answered ? SUCCESS_OF_KNOWING : 1 - SUCCESS_OF_KNOWING;
	double bound = log(RIGHTLY_FLAGGED / WRONGLY_FLAGGED);

	walk->likelihood = fmax(walk->likelihood + log(looking / knowing), -bound);
	if (walk->likelihood < bound)
		return false;
	walk->likelihood = 0;
	return true;
}

bool bh_scanners_contact(struct bh_scanners *s, uint64_t replica, const struct bh_peer *dst,
			 uint8_t proto, uint16_t port, bool answered, int64_t time)
{
	struct walk *walk = keep_first(s, replica, contact_of(dst, proto, port));

	if (walk == NULL)
		return false;
	walk->state.last = time;
	walk->dirty = true;
	return step(&walk->state, answered);
}

uint64_t bh_scanners_lost(const struct bh_scanners *s)
{
	return s->lost;
}

/* --- what outlives a restart ------------------------------------------------------------------ */

bool bh_scanners_has_news(const struct bh_scanners *s)
{
	return s->gone_count > 0 || s->fresh_count > 0;
}

static bool is_known(const struct bh_scanners *s, const struct pair *pair)
{
	const struct walk *walk = bh_map_get(s->walks, &pair->replica, sizeof(pair->replica));

	return walk != NULL && has(&walk->contacts, pair->contact);
}

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->replica != y->replica)
		return x->replica < y->replica ? -1 : 1;
	return (x->contact > y->contact) - (x->contact < y->contact);
}

void bh_scanners_each_news(struct bh_scanners *s, const struct bh_scanner_news *news)
{
	struct walk *walk;

	for (size_t i = 0; i < s->gone_count; i++)
		news->gone(news->user, s->gone[i]);
	if (s->fresh_count > 0)
		for (size_t position = 0; (walk = bh_map_next(s->walks, &position)) != NULL;) {
			if (walk->dirty)
				news->walk(news->user, &walk->state);
			walk->dirty = false;
		}
	/* In order, as a store keeps them. */
	if (s->fresh_count > 0)
		qsort(s->fresh, s->fresh_count, sizeof(*s->fresh), compare_pairs);
	for (size_t i = 0; i < s->fresh_count; i++)
		if (is_known(s, &s->fresh[i]))
			news->contact(news->user, s->fresh[i].replica, s->fresh[i].contact);
	s->gone_count = s->fresh_count = 0;
	free(s->fresh);
	s->fresh = NULL;
	s->fresh_capacity = 0;
}

void bh_scanners_mark_dirty(struct bh_scanners *s)
{
	struct walk *walk;

	s->fresh_count = 0;
	for (size_t position = 0; (walk = bh_map_next(s->walks, &position)) != NULL;) {
		walk->dirty = true;
		for (size_t i = 0; i < walk->contacts.slot_count; i++)
			if (walk->contacts.slots[i] != 0)
				note_fresh(s, walk->state.replica, walk->contacts.slots[i]);
	}
}

void bh_scanners_restore_walk(struct bh_scanners *s, const struct bh_walk *state)
{
	walk_of(s, state->replica)->state = *state;
}

void bh_scanners_restore_contact(struct bh_scanners *s, uint64_t replica, uint64_t contact)
{
	struct walk *walk = walk_of(s, replica);

	if (contact == 0 || has(&walk->contacts, contact))
		return;
	insert(&walk->contacts, contact);
	s->count++;
}
