/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decisions.h"

#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "map.h"
#include "peers.h"

struct kept {
	struct bh_edge edge; /* its key alone */
	struct bh_decision decision;
};

struct bh_decisions {
	struct bh_peers *peers; /* none is given back */
	struct bh_map *kept;	/* key → struct kept */
};

/* No padding, nothing but its fields. */
struct key {
	uint8_t bytes[2 * sizeof(void *) + sizeof(uint16_t) + sizeof(uint8_t)];
};

struct bh_decisions *bh_decisions_new(void)
{
	struct bh_decisions *d = bh_calloc(1, sizeof(*d));

	d->peers = bh_peers_new();
	d->kept = bh_map_new(free);
	return d;
}

void bh_decisions_free(struct bh_decisions *d)
{
	if (d == NULL)
		return;
	bh_map_free(d->kept);
	bh_peers_free(d->peers);
	free(d);
}

/* Of ends that are kept. */
static struct key key_of(const struct bh_edge *e)
{
	struct key key;
	void *at = key.bytes;

	at = mempcpy(at, &e->src, sizeof(e->src));
	at = mempcpy(at, &e->dst, sizeof(e->dst));
	at = mempcpy(at, &e->port, sizeof(e->port));
	memcpy(at, &e->proto, sizeof(e->proto));
	return key;
}

void bh_decisions_put(struct bh_decisions *d, const struct bh_edge *like,
		      const struct bh_decision *decision)
{
	struct kept *kept = bh_calloc(1, sizeof(*kept));

	kept->edge = (struct bh_edge) { .src = bh_peers_get(d->peers, like->src),
					.dst = bh_peers_get(d->peers, like->dst),
					.proto = like->proto,
					.port = like->port };
	kept->decision = *decision;
	struct key key = key_of(&kept->edge);
	bh_map_put(d->kept, &key, sizeof(key), kept);
}

const struct bh_decision *bh_decisions_get(const struct bh_decisions *d, const struct bh_edge *like)
{
	struct bh_edge edge = { .src = bh_peers_find(d->peers, like->src),
				.dst = bh_peers_find(d->peers, like->dst),
				.proto = like->proto,
				.port = like->port };

	if (edge.src == NULL || edge.dst == NULL)
		return NULL;
	struct key key = key_of(&edge);
	const struct kept *kept = bh_map_get(d->kept, &key, sizeof(key));
	return kept != NULL ? &kept->decision : NULL;
}

void bh_decisions_each(const struct bh_decisions *d,
		       void (*decision)(void *user, const struct bh_edge *like,
					const struct bh_decision *decision),
		       void *user)
{
	const struct kept *kept;

	for (size_t position = 0; (kept = bh_map_next(d->kept, &position)) != NULL;)
		decision(user, &kept->edge, &kept->decision);
}

bool bh_decision_holds(const struct bh_decision *decision, int64_t now)
{
	return decision != NULL && (decision->expires == 0 || now < decision->expires);
}
