/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One edge a (source, destination, protocol, port), in a hash map, with a list of those that
 * changed since they were last saved.
 *
 * An edge is made by an answered connection of known direction between ends that somebody owns up
 * to, and by nothing else; so every edge has an answered connection. Whatever else happens is
 * counted by its reason, once a connection. Windows are counted forwards only: a report that comes
 * late, for a window before the newest, leaves their number too low rather than too high.
 */
#include "ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "grow.h"
#include "map.h"

struct entry {
	struct bh_edge edge;
	bool dirty;
	STAILQ_ENTRY(entry) next_dirty;
};

struct bh_ledger {
	struct bh_ledger_config config;
	struct bh_map *edges;
	STAILQ_HEAD(, entry) dirty;
	uint64_t unlearned[BH_UNLEARNED_KINDS];
};

const char *bh_unlearned_name(enum bh_unlearned reason)
{
	static const char *const names[] = { [BH_LEARNED] = "learned",
					     [BH_UNLEARNED_UNANSWERED] = "unanswered",
					     [BH_UNLEARNED_DIRECTION] = "direction",
					     [BH_UNLEARNED_UNRESOLVED] = "unresolved",
					     [BH_UNLEARNED_BLOCKED] = "blocked",
					     [BH_UNLEARNED_OVERFLOW] = "overflow" };

	return reason < BH_UNLEARNED_KINDS ? names[reason] : "?";
}

struct bh_ledger *bh_ledger_new(const struct bh_ledger_config *config)
{
	struct bh_ledger *l = bh_calloc(1, sizeof(*l));

	l->config = *config;
	l->edges = bh_map_new(free);
	STAILQ_INIT(&l->dirty);
	return l;
}

void bh_ledger_free(struct bh_ledger *l)
{
	if (l == NULL)
		return;
	bh_map_free(l->edges);
	free(l);
}

/* An edge's key as bytes: kinds and numbers, then both names. */
struct key {
	char bytes[2 * BH_PEER_NAME + 8];
	size_t length;
};

static struct key make_key(const struct bh_peer *src, const struct bh_peer *dst, uint8_t proto,
			   uint16_t port)
{
	struct key key;
	size_t src_length = strlen(src->name) + 1, dst_length = strlen(dst->name);

	memcpy(key.bytes,
	       (const uint8_t[]) { src->kind, dst->kind, proto, (uint8_t)(port >> 8),
				   (uint8_t)port },
	       5);
	memcpy(key.bytes + 5, src->name, src_length);
	memcpy(key.bytes + 5 + src_length, dst->name, dst_length);
	key.length = 5 + src_length + dst_length;
	return key;
}

static int64_t window_of(const struct bh_ledger *l, int64_t time)
{
	int64_t since = time - l->config.offset, window = since / l->config.window;

	return since % l->config.window < 0 ? window - 1 : window;
}

static void mark_dirty(struct bh_ledger *l, struct entry *e)
{
	if (!e->dirty)
		STAILQ_INSERT_TAIL(&l->dirty, e, next_dirty);
	e->dirty = true;
}

static bool is_unresolved(const struct bh_peer *peer)
{
	return peer->kind == BH_PEER_UNRESOLVED || peer->kind == BH_PEER_DEPARTED;
}

/* Why this connection may not teach anything, whatever becomes of it. */
static enum bh_unlearned refusal(const struct bh_contact *c)
{
	if (c->denied)
		return BH_UNLEARNED_BLOCKED;
	if (is_unresolved(c->src) || is_unresolved(c->dst))
		return BH_UNLEARNED_UNRESOLVED;
	if (c->direction == BH_DIRECTION_UNKNOWN)
		return BH_UNLEARNED_DIRECTION;
	return BH_LEARNED;
}

static struct entry *new_entry(struct bh_ledger *l, const struct bh_contact *c,
			       const struct key *key)
{
	struct entry *e = bh_calloc(1, sizeof(*e));

	e->edge.src = *c->src;
	e->edge.dst = *c->dst;
	e->edge.proto = c->proto;
	e->edge.port = c->port;
	e->edge.first = c->time;
	e->edge.last = c->time;
	bh_map_put(l->edges, key->bytes, key->length, e);
	return e;
}

static void update(struct bh_ledger *l, struct entry *e, const struct bh_contact *c)
{
	struct bh_edge *edge = &e->edge;
	int64_t window = window_of(l, c->time);

	if (c->uncounted)
		edge->bytes = BH_BYTES_UNKNOWN;
	else if (edge->bytes != BH_BYTES_UNKNOWN)
		edge->bytes += c->bytes;
	edge->lossy = edge->lossy || c->lossy;
	if (c->time < edge->first)
		edge->first = c->time;
	if (c->time > edge->last)
		edge->last = c->time;
	if (c->replica != 0)
		edge->replicas |= UINT64_C(1) << c->replica % 64;
	if (c->teaches) {
		edge->connections++;
		edge->answered++;
	}
	if (edge->windows == 0 || window > edge->last_window) {
		edge->windows++;
		edge->last_window = window;
	}
	mark_dirty(l, e);
}

static enum bh_unlearned count_once(struct bh_ledger *l, enum bh_unlearned reason, bool now)
{
	l->unlearned[reason] += now;
	return reason;
}

enum bh_unlearned bh_ledger_observe(struct bh_ledger *l, const struct bh_contact *c)
{
	struct key key = make_key(c->src, c->dst, c->proto, c->port);
	struct entry *e = bh_map_get(l->edges, key.bytes, key.length);
	enum bh_unlearned reason = refusal(c);

	/* A connection counts as unlearned once, when it is over. */
	if (reason != BH_LEARNED)
		return count_once(l, reason, c->ends);
	if (!c->answered) {
		if (c->ends && e != NULL) {
			e->edge.connections++;
			mark_dirty(l, e);
		}
		return count_once(l, BH_UNLEARNED_UNANSWERED, c->ends);
	}
	if (e == NULL && bh_map_count(l->edges) >= l->config.max_edges)
		return count_once(l, BH_UNLEARNED_OVERFLOW, c->ends);
	if (e == NULL)
		e = new_entry(l, c, &key);
	update(l, e, c);
	return BH_LEARNED;
}

void bh_ledger_take_back(struct bh_ledger *l, enum bh_unlearned reason)
{
	if (l->unlearned[reason] > 0)
		l->unlearned[reason]--;
}

void bh_ledger_restore(struct bh_ledger *l, const struct bh_edge *edge)
{
	struct key key = make_key(&edge->src, &edge->dst, edge->proto, edge->port);
	struct entry *e = bh_map_get(l->edges, key.bytes, key.length);

	if (e == NULL) {
		e = bh_calloc(1, sizeof(*e));
		bh_map_put(l->edges, key.bytes, key.length, e);
	}
	e->edge = *edge;
}

size_t bh_ledger_count(const struct bh_ledger *l)
{
	return bh_map_count(l->edges);
}

uint64_t bh_ledger_unlearned(const struct bh_ledger *l, enum bh_unlearned reason)
{
	return l->unlearned[reason];
}

static int compare_ends(const struct bh_peer *a, const struct bh_peer *b)
{
	int order = strcmp(a->name, b->name);

	return order != 0 ? order : a->kind - b->kind;
}

static int compare_edges(const void *a, const void *b)
{
	const struct bh_edge *x = *(const struct bh_edge *const *)a;
	const struct bh_edge *y = *(const struct bh_edge *const *)b;
	int order = compare_ends(&x->src, &y->src);

	if (order == 0)
		order = compare_ends(&x->dst, &y->dst);
	if (order == 0)
		order = x->proto - y->proto;
	return order != 0 ? order : x->port - y->port;
}

void bh_ledger_each(const struct bh_ledger *l, void (*edge)(void *user, const struct bh_edge *),
		    void *user)
{
	size_t count = 0, position = 0;
	const struct bh_edge **all = bh_calloc(bh_map_count(l->edges), sizeof(*all));
	const struct entry *e;

	while ((e = bh_map_next(l->edges, &position)) != NULL)
		all[count++] = &e->edge;
	qsort(all, count, sizeof(*all), compare_edges);
	for (size_t i = 0; i < count; i++)
		edge(user, all[i]);
	free(all);
}

void bh_ledger_mark_dirty(struct bh_ledger *l)
{
	struct entry *e;

	for (size_t position = 0; (e = bh_map_next(l->edges, &position)) != NULL;)
		mark_dirty(l, e);
}

void bh_ledger_each_dirty(struct bh_ledger *l, void (*edge)(void *user, const struct bh_edge *),
			  void *user)
{
	struct entry *e;

	while ((e = STAILQ_FIRST(&l->dirty)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->dirty, next_dirty);
		e->dirty = false;
		edge(user, &e->edge);
	}
}

unsigned bh_edge_replicas(const struct bh_edge *edge)
{
	return (unsigned)__builtin_popcountll(edge->replicas);
}
