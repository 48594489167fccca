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

/* A map key: no padding, nothing but its fields. Destinations by the hash of what they are. */
struct contact {
	uint8_t bytes[2 * sizeof(uint64_t) + sizeof(uint16_t) + sizeof(uint8_t)];
};

struct walk {
	double likelihood; /* logarithm of the ratio */
};

struct bh_scanners {
	size_t most;
	struct bh_map *contacts; /* struct contact → this struct */
	struct bh_map *walks;	 /* replica → struct walk */
	uint64_t lost;
};

struct bh_scanners *bh_scanners_new(size_t most)
{
	struct bh_scanners *s = bh_calloc(1, sizeof(*s));

	s->most = most;
	s->contacts = bh_map_new(NULL);
	s->walks = bh_map_new(free);
	return s;
}

void bh_scanners_free(struct bh_scanners *s)
{
	if (s == NULL)
		return;
	bh_map_free(s->contacts);
	bh_map_free(s->walks);
	free(s);
}

static struct contact contact_of(uint64_t replica, const struct bh_peer *dst, uint8_t proto,
				 uint16_t port)
{
	uint64_t hash = XXH3_64bits_withSeed(dst->name, strlen(dst->name), dst->kind);
	struct contact contact;
	void *at = contact.bytes;

	at = mempcpy(at, &replica, sizeof(replica));
	at = mempcpy(at, &hash, sizeof(hash));
	at = mempcpy(at, &port, sizeof(port));
	memcpy(at, &proto, sizeof(proto));
	return contact;
}

static bool is_first(struct bh_scanners *s, const struct contact *contact)
{
	if (bh_map_get(s->contacts, contact, sizeof(*contact)) != NULL)
		return false;
	if (bh_map_count(s->contacts) >= s->most) {
		s->lost++;
		return false;
	}
	bh_map_put(s->contacts, contact, sizeof(*contact), s);
	return true;
}

static struct walk *walk_of(struct bh_scanners *s, uint64_t replica)
{
	struct walk *walk = bh_map_get(s->walks, &replica, sizeof(replica));

	if (walk == NULL) {
		walk = bh_calloc(1, sizeof(*walk));
		bh_map_put(s->walks, &replica, sizeof(replica), walk);
	}
	return walk;
}

/* One step, and whether the walk ends with it. */
static bool step(struct walk *walk, bool answered)
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
			 uint8_t proto, uint16_t port, bool answered)
{
	const struct contact contact = contact_of(replica, dst, proto, port);

	return is_first(s, &contact) && step(walk_of(s, replica), answered);
}

uint64_t bh_scanners_lost(const struct bh_scanners *s)
{
	return s->lost;
}
