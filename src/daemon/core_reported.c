/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where nothing is tracked, the rules that only report (audit, stage 1, a posture) see every
 * datagram of an exchange, both ways, and an answer looks like somebody who opens something at a
 * high port. So an exchange is told of once: by the packet that was reported first, which is the
 * question.
 */
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "core.h"
#include "grow.h"
#include "timefmt.h"

#define REMEMBERED (120 * BH_SECOND) /* of silence, as connection tracking does of UDP */
#define MOST 20000		     /* exchanges; more are told of again and again */

/* Both ends, in an order of their own. */
struct exchange {
	struct bh_addr addrs[2];
	uint16_t ports[2];
	uint8_t proto;
};

struct note {
	int64_t last;
	struct exchange exchange;
};

static struct exchange exchange_of(const struct bh_flow_key *key)
{
	int order = bh_addr_compare(&key->src, &key->dst);
	size_t src = order > 0 || (order == 0 && key->sport > key->dport);
	struct exchange e;

	memset(&e, 0, sizeof(e)); /* it is compared as bytes */
	e.addrs[src] = key->src;
	e.addrs[!src] = key->dst;
	e.ports[src] = key->sport;
	e.ports[!src] = key->dport;
	e.proto = key->proto;
	return e;
}

bool bh_core_was_reported(struct bh_core *core, const struct bh_denial *d)
{
	if (d->dropped || d->kind == BH_SPOOFED || !bh_core_is_untracked(core, &d->key, d->time))
		return false;
	struct exchange exchange = exchange_of(&d->key);
	struct note *note = bh_map_get(core->reported, &exchange, sizeof(exchange));
	bool known = note != NULL && d->time - note->last < REMEMBERED;

	if (note == NULL) {
		if (bh_map_count(core->reported) >= MOST)
			return false;
		note = bh_calloc(1, sizeof(*note));
		note->exchange = exchange;
		bh_map_put(core->reported, &exchange, sizeof(exchange), note);
	}
	note->last = d->time;
	return known;
}

void bh_core_reported_tick(struct bh_core *core, int64_t now)
{
	struct note *note;

	for (size_t position = 0; (note = bh_map_next(core->reported, &position)) != NULL;) {
		struct exchange exchange = note->exchange;

		if (now - note->last >= REMEMBERED)
			bh_map_remove(core->reported, &exchange, sizeof(exchange));
	}
}
