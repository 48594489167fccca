/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "senders.h"

#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "map.h"
#include "timefmt.h"

#define RECENT 256 /* a power of two, as the next one */
#define TOLD 4096
#define TOLD_FOR (60 * BH_SECOND)
/* A frame may have been in the ring, and the news of a MAC on its way, for so long. */
#define UNDER_WAY (5 * BH_SECOND)

struct sender {
	struct bh_mac mac;
	struct bh_mac before;
	int64_t changed; /* µs */
};

/* A MAC at an interface. */
struct pair {
	uint32_t ifindex; /* 0: none */
	struct bh_mac mac;
};

struct told {
	struct pair pair;
	int64_t time; /* µs */
};

struct bh_senders {
	struct bh_map *interfaces;  /* ifindex → struct sender */
	struct pair recent[RECENT]; /* by ifindex: asked for lately, and its own */
	struct told told[TOLD];
};

struct bh_senders *bh_senders_new(void)
{
	struct bh_senders *s = bh_calloc(1, sizeof(*s));

	s->interfaces = bh_map_new(free);
	return s;
}

void bh_senders_free(struct bh_senders *s)
{
	if (s == NULL)
		return;
	bh_map_free(s->interfaces);
	free(s);
}

static bool is_same(const struct bh_mac *a, const struct bh_mac *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static struct pair *recent_of(struct bh_senders *s, uint32_t ifindex)
{
	return &s->recent[ifindex & (RECENT - 1)];
}

void bh_senders_bind(struct bh_senders *s, uint32_t ifindex, const struct bh_mac *mac, int64_t now)
{
	static const struct bh_mac unknown;
	struct sender *sender = bh_map_get(s->interfaces, &ifindex, sizeof(ifindex));

	if (is_same(mac, &unknown)) {
		bh_senders_unbind(s, ifindex);
		return;
	}
	if (sender == NULL) {
		sender = bh_calloc(1, sizeof(*sender));
		*sender = (struct sender) { *mac, *mac, now };
		bh_map_put(s->interfaces, &ifindex, sizeof(ifindex), sender);
		return;
	}
	if (is_same(mac, &sender->mac))
		return;
	*sender = (struct sender) { *mac, sender->mac, now };
	recent_of(s, ifindex)->ifindex = 0;
}

void bh_senders_unbind(struct bh_senders *s, uint32_t ifindex)
{
	bh_map_remove(s->interfaces, &ifindex, sizeof(ifindex));
	recent_of(s, ifindex)->ifindex = 0;
}

static bool may_have(const struct sender *sender, const struct bh_mac *mac, int64_t time)
{
	return is_same(mac, &sender->mac) ||
	       (is_same(mac, &sender->before) && time - sender->changed < UNDER_WAY);
}

static struct told *place_of(struct bh_senders *s, const struct pair *pair)
{
	uint32_t low;

	memcpy(&low, pair->mac.bytes + 2, sizeof(low));
	return &s->told[(low + pair->ifindex) * UINT32_C(2654435761) >> 20 & (TOLD - 1)];
}

static bool is_news(struct bh_senders *s, const struct pair *pair, int64_t time)
{
	struct told *told = place_of(s, pair);

	if (told->pair.ifindex == pair->ifindex && is_same(&told->pair.mac, &pair->mac) &&
	    time - told->time < TOLD_FOR && told->time - time < TOLD_FOR)
		return false;
	*told = (struct told) { *pair, time };
	return true;
}

bool bh_senders_foreign(struct bh_senders *s, const struct bh_packet *p)
{
	struct pair pair = { .ifindex = p->ifindex }, *recent;
	const struct sender *sender;

	if (p->sender == NULL || p->outgoing || p->ifindex == 0)
		return false;
	memcpy(pair.mac.bytes, p->sender, sizeof(pair.mac.bytes));
	recent = recent_of(s, pair.ifindex);
	if (recent->ifindex == pair.ifindex && is_same(&recent->mac, &pair.mac))
		return false;
	sender = bh_map_get(s->interfaces, &pair.ifindex, sizeof(pair.ifindex));
	if (sender == NULL)
		return false;
	if (is_same(&pair.mac, &sender->mac))
		*recent = pair;
	return !may_have(sender, &pair.mac, p->time) && is_news(s, &pair, p->time);
}
