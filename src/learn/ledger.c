/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One entry a (source, destination, protocol, port), in a hash map, with a list of those that
 * changed since they were last saved. Ends are kept once each.
 *
 * An edge is made by an answered connection of known direction between ends that somebody owns up
 * to, and by nothing else; so every edge has an answered connection. Whatever else happens is
 * counted by its reason, once a connection; what was tried between such ends and never answered is
 * kept apart. Windows are counted forwards only: a report that comes late, for a window before the
 * newest, leaves their number too low rather than too high.
 */
#include "ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "grow.h"
#include "map.h"
#include "peers.h"
#include "scanners.h"

/* Of a bitmap of replicas. */
#define REPLICA_BITS 64

struct entry {
	struct bh_edge edge;
	bool dirty;
	STAILQ_ENTRY(entry) next_dirty;
	TAILQ_ENTRY(entry) of_owner; /* in order of their discovery */
};

struct owner {
	const struct bh_peer *who;
	int64_t first;
	int64_t deploys[BH_DEPLOYS];  /* newest first */
	int64_t flagged;	      /* µs: when a replica was last found to look for others */
	int64_t window;		      /* in which a connection was last opened */
	uint64_t slots[REPLICA_BITS]; /* hashes of replicas, by their bit; 0: free */
	uint64_t replicas, replicas_before; /* bitmaps: in it, and in the one before */
	TAILQ_HEAD(owned, entry) edges;
	uint32_t edge_count;
};

struct bh_ledger {
	struct bh_ledger_config config;
	struct bh_peers *peers; /* every end of what follows; none is given back */
	struct bh_map *edges;	/* struct key → struct entry */
	struct bh_map *attempts;
	struct bh_map *owners; /* who → struct owner */
	struct bh_map *users;  /* destination → size_t, number of edges */
	struct bh_scanners *scanners;
	STAILQ_HEAD(, entry) dirty;
	int64_t first, now; /* µs */
	bool observed;
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
	l->peers = bh_peers_new();
	l->edges = bh_map_new(free);
	l->attempts = bh_map_new(free);
	l->owners = bh_map_new(free);
	l->users = bh_map_new(free);
	l->scanners = bh_scanners_new(config->max_contacts);
	STAILQ_INIT(&l->dirty);
	return l;
}

void bh_ledger_free(struct bh_ledger *l)
{
	if (l == NULL)
		return;
	bh_map_free(l->edges);
	bh_map_free(l->attempts);
	bh_map_free(l->owners);
	bh_map_free(l->users);
	bh_scanners_free(l->scanners);
	bh_peers_free(l->peers);
	free(l);
}

const struct bh_ledger_config *bh_ledger_config(const struct bh_ledger *l)
{
	return &l->config;
}

/* --- time ------------------------------------------------------------------------------------- */

static int64_t floor_div(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

static int64_t window_of(const struct bh_ledger *l, int64_t time)
{
	return floor_div(time - l->config.offset, l->config.window);
}

/* Of windows that do not divide evenly the hours are a little short, and the last is longer. */
static int64_t hour_of(const struct bh_ledger *l, int64_t time)
{
	int64_t window = window_of(l, time), length = l->config.window / BH_HOURS;
	int64_t hour =
		length > 0 ? (time - l->config.offset - window * l->config.window) / length : 0;

	return window * BH_HOURS + (hour < BH_HOURS ? hour : BH_HOURS - 1);
}

static uint32_t whole_windows(const struct bh_ledger *l, int64_t first)
{
	int64_t between = window_of(l, l->now) - window_of(l, first) - 1;

	return between > 0 ? (uint32_t)between : 0;
}

void bh_ledger_advance(struct bh_ledger *l, int64_t now)
{
	if (!l->observed || now < l->first)
		l->first = now;
	if (!l->observed || now > l->now)
		l->now = now;
	l->observed = true;
}

uint64_t bh_ledger_lost_contacts(const struct bh_ledger *l)
{
	return bh_scanners_lost(l->scanners);
}

int64_t bh_ledger_now(const struct bh_ledger *l)
{
	return l->now;
}

uint32_t bh_ledger_windows(const struct bh_ledger *l)
{
	return l->observed ? whole_windows(l, l->first) : 0;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* A map key: no padding, nothing but its fields. */
struct key {
	uint8_t bytes[2 * sizeof(void *) + sizeof(uint16_t) + sizeof(uint8_t)];
};

/* Of ends that the ledger keeps. */
static struct key key_of(const struct bh_peer *src, const struct bh_peer *dst, uint8_t proto,
			 uint16_t port)
{
	struct key key;
	void *at = key.bytes;

	at = mempcpy(at, &src, sizeof(src));
	at = mempcpy(at, &dst, sizeof(dst));
	at = mempcpy(at, &port, sizeof(port));
	memcpy(at, &proto, sizeof(proto));
	return key;
}

static struct entry *find(const struct bh_ledger *l, const struct bh_map *among,
			  const struct bh_contact *c)
{
	const struct bh_peer *src = bh_peers_find(l->peers, c->src),
			     *dst = bh_peers_find(l->peers, c->dst);

	if (src == NULL || dst == NULL)
		return NULL;
	struct key key = key_of(src, dst, c->proto, c->port);
	return bh_map_get(among, &key, sizeof(key));
}

static struct entry *add(struct bh_ledger *l, struct bh_map *among, const struct bh_edge *edge)
{
	struct entry *e = bh_calloc(1, sizeof(*e));

	e->edge = *edge;
	e->edge.src = bh_peers_get(l->peers, edge->src);
	e->edge.dst = bh_peers_get(l->peers, edge->dst);
	struct key key = key_of(e->edge.src, e->edge.dst, edge->proto, edge->port);
	bh_map_put(among, &key, sizeof(key), e);
	return e;
}

static struct bh_edge first_of(const struct bh_contact *c)
{
	return (struct bh_edge) { .src = c->src,
				  .dst = c->dst,
				  .proto = c->proto,
				  .port = c->port,
				  .first = c->time,
				  .last = c->time };
}

/* --- workloads -------------------------------------------------------------------------------- */

static const struct bh_peer *owner_peer(const struct bh_edge *edge)
{
	return edge->src->kind != BH_PEER_WORKLOAD && edge->dst->kind == BH_PEER_WORKLOAD
		       ? edge->dst
		       : edge->src;
}

static struct owner *owner_of(struct bh_ledger *l, const struct bh_peer *like, int64_t time)
{
	const struct bh_peer *who = bh_peers_get(l->peers, like);
	struct owner *o = bh_map_get(l->owners, &who, sizeof(who));

	if (o == NULL) {
		o = bh_calloc(1, sizeof(*o));
		o->who = who;
		o->first = time;
		o->window = window_of(l, time);
		TAILQ_INIT(&o->edges);
		bh_map_put(l->owners, &who, sizeof(who), o);
	}
	if (time < o->first)
		o->first = time;
	return o;
}

/* The replica's own bit, while there is one for each; then some share. It is the same after a
 * restart, but for those that came to a taken one. */
static uint64_t replica_bit(struct owner *o, uint64_t replica)
{
	unsigned home = replica % REPLICA_BITS, at = home;

	if (replica == 0)
		return 0;
	do {
		if (o->slots[at] == 0)
			o->slots[at] = replica;
		if (o->slots[at] == replica)
			return UINT64_C(1) << at;
		at = (at + 1) % REPLICA_BITS;
	} while (at != home);
	return UINT64_C(1) << home;
}

static void note_replica(struct bh_ledger *l, struct owner *o, const struct bh_contact *c)
{
	int64_t window = window_of(l, c->time);

	if (window > o->window) {
		o->replicas_before = window == o->window + 1 ? o->replicas : 0;
		o->replicas = 0;
		o->window = window;
	}
	o->replicas |= replica_bit(o, c->replica);
}

static void mark_dirty(struct bh_ledger *l, struct entry *e)
{
	if (!e->dirty)
		STAILQ_INSERT_TAIL(&l->dirty, e, next_dirty);
	e->dirty = true;
}

static bool is_held(const struct bh_ledger *l, const struct owner *o, int64_t time)
{
	return o->flagged != 0 && time - o->flagged <= l->config.window;
}

/* A scanner's finds are suspect: those of a day before, and of a day after. */
static void hold(struct bh_ledger *l, struct owner *o, int64_t time)
{
	struct entry *e;

	TAILQ_FOREACH_REVERSE(e, &o->edges, owned, of_owner)
	{
		if (time - e->edge.first > l->config.window)
			break;
		if (!e->edge.held)
			mark_dirty(l, e);
		e->edge.held = true;
	}
	o->flagged = time;
}

void bh_ledger_deployed(struct bh_ledger *l, const struct bh_peer *workload, int64_t time)
{
	struct owner *o = owner_of(l, workload, time);

	memmove(o->deploys + 1, o->deploys, sizeof(o->deploys) - sizeof(o->deploys[0]));
	o->deploys[0] = time;
}

/* --- observing -------------------------------------------------------------------------------- */

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

/* Whoever belongs to a workload and is seen to open connections is part of it, and is judged by
 * what comes of them; those that a policy denied are none of his failures. */
static void watch_source(struct bh_ledger *l, const struct bh_contact *c)
{
	if (c->src->kind != BH_PEER_WORKLOAD)
		return;
	struct owner *o = owner_of(l, c->src, c->time);
	note_replica(l, o, c);
	if (c->denied || c->direction == BH_DIRECTION_UNKNOWN || !(c->answered || c->ends))
		return;
	if (bh_scanners_contact(l->scanners, c->replica, c->dst, c->proto, c->port, c->answered))
		hold(l, o, c->time);
}

static void count_user(struct bh_ledger *l, const struct bh_peer *dst)
{
	size_t *users = bh_map_get(l->users, &dst, sizeof(dst));

	if (users == NULL) {
		users = bh_calloc(1, sizeof(*users));
		bh_map_put(l->users, &dst, sizeof(dst), users);
	}
	(*users)++;
}

static struct entry *add_edge(struct bh_ledger *l, const struct bh_edge *edge)
{
	struct entry *e = add(l, l->edges, edge);
	struct owner *o = owner_of(l, owner_peer(edge), edge->first);

	TAILQ_INSERT_TAIL(&o->edges, e, of_owner);
	o->edge_count++;
	e->edge.held = edge->held || is_held(l, o, edge->first);
	count_user(l, e->edge.dst);
	return e;
}

/* What was tried in vain is part of what is known of the edge. */
static struct entry *discover(struct bh_ledger *l, const struct bh_contact *c)
{
	struct entry *tried = find(l, l->attempts, c);
	struct bh_edge edge = first_of(c);

	if (tried != NULL) {
		struct key key = key_of(tried->edge.src, tried->edge.dst, tried->edge.proto,
					tried->edge.port);

		edge.connections = tried->edge.connections;
		bh_map_remove(l->attempts, &key, sizeof(key));
	}
	return add_edge(l, &edge);
}

static uint64_t count_of(const struct bh_contact *c)
{
	return c->count > 0 ? c->count : 1;
}

static void stretch(struct bh_edge *edge, int64_t time)
{
	if (time < edge->first)
		edge->first = time;
	if (time > edge->last)
		edge->last = time;
}

static void update(struct bh_ledger *l, struct entry *e, const struct bh_contact *c)
{
	struct bh_edge *edge = &e->edge;
	int64_t window = window_of(l, c->time), hour = hour_of(l, c->time);

	if (c->uncounted)
		edge->bytes = BH_BYTES_UNKNOWN;
	else if (edge->bytes != BH_BYTES_UNKNOWN)
		edge->bytes += c->bytes;
	edge->lossy = edge->lossy || c->lossy;
	stretch(edge, c->time);
	if (edge->src->kind == BH_PEER_WORKLOAD)
		edge->replicas |= replica_bit(owner_of(l, edge->src, c->time), c->replica);
	if (c->teaches) {
		edge->connections += count_of(c);
		edge->answered += count_of(c);
	}
	if (edge->windows == 0 || window > edge->last_window) {
		edge->windows++;
		edge->last_window = window;
	}
	if (edge->hours == 0 || hour > edge->last_hour) {
		edge->hours++;
		edge->last_hour = hour;
	}
	mark_dirty(l, e);
}

/* Nobody answered: evidence about an edge that there is, or an attempt. */
static void note_failure(struct bh_ledger *l, struct entry *e, const struct bh_contact *c)
{
	struct bh_edge edge = first_of(c);

	if (e == NULL) {
		e = find(l, l->attempts, c);
		if (e == NULL && bh_map_count(l->attempts) < l->config.max_attempts)
			e = add(l, l->attempts, &edge);
		if (e != NULL)
			stretch(&e->edge, c->time);
	} else {
		mark_dirty(l, e);
	}
	if (e != NULL)
		e->edge.connections += count_of(c);
}

static enum bh_unlearned count_once(struct bh_ledger *l, enum bh_unlearned reason, bool now)
{
	l->unlearned[reason] += now;
	return reason;
}

enum bh_unlearned bh_ledger_observe(struct bh_ledger *l, const struct bh_contact *c)
{
	enum bh_unlearned reason = refusal(c);

	bh_ledger_advance(l, c->time);
	watch_source(l, c);
	/* A connection counts as unlearned once, when it is over. */
	if (reason != BH_LEARNED)
		return count_once(l, reason, c->ends);
	struct entry *e = find(l, l->edges, c);
	if (!c->answered) {
		if (c->ends)
			note_failure(l, e, c);
		return count_once(l, BH_UNLEARNED_UNANSWERED, c->ends);
	}
	if (e == NULL && bh_map_count(l->edges) >= l->config.max_edges)
		return count_once(l, BH_UNLEARNED_OVERFLOW, c->ends);
	if (e == NULL)
		e = discover(l, c);
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
	const struct bh_contact like = {
		.src = edge->src, .dst = edge->dst, .proto = edge->proto, .port = edge->port
	};
	struct entry *e = find(l, l->edges, &like);

	if (e == NULL)
		e = add_edge(l, edge);
	struct bh_edge ends = e->edge;
	e->edge = *edge;
	e->edge.src = ends.src;
	e->edge.dst = ends.dst;
}

/* --- what there is ---------------------------------------------------------------------------- */

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
	int order = a != b ? strcmp(a->name, b->name) : 0;

	return order != 0 ? order : a->kind - b->kind;
}

static int compare_edges(const void *a, const void *b)
{
	const struct bh_edge *x = *(const struct bh_edge *const *)a;
	const struct bh_edge *y = *(const struct bh_edge *const *)b;
	int order = compare_ends(x->src, y->src);

	if (order == 0)
		order = compare_ends(x->dst, y->dst);
	if (order == 0)
		order = x->proto - y->proto;
	return order != 0 ? order : x->port - y->port;
}

static void each(const struct bh_map *among, void (*edge)(void *user, const struct bh_edge *),
		 void *user)
{
	size_t count = 0, position = 0;
	const struct bh_edge **all = bh_calloc(bh_map_count(among), sizeof(*all));
	const struct entry *e;

	while ((e = bh_map_next(among, &position)) != NULL)
		all[count++] = &e->edge;
	qsort(all, count, sizeof(*all), compare_edges);
	for (size_t i = 0; i < count; i++)
		edge(user, all[i]);
	free(all);
}

void bh_ledger_each(const struct bh_ledger *l, void (*edge)(void *user, const struct bh_edge *),
		    void *user)
{
	each(l->edges, edge, user);
}

void bh_ledger_each_attempt(const struct bh_ledger *l,
			    void (*edge)(void *user, const struct bh_edge *), void *user)
{
	each(l->attempts, edge, user);
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

static struct bh_owner describe(const struct owner *o)
{
	struct bh_owner out = { .who = o->who,
				.first = o->first,
				.replicas = (unsigned)__builtin_popcountll(o->replicas |
									   o->replicas_before) };

	memcpy(out.deploys, o->deploys, sizeof(out.deploys));
	return out;
}

static struct bh_baseline sum_up(const struct bh_ledger *l, const struct owner *o)
{
	struct bh_baseline out = { .owner = describe(o),
				   .windows = whole_windows(l, o->first),
				   .edges = o->edge_count };
	int64_t current = window_of(l, l->now);
	const struct entry *e;

	TAILQ_FOREACH (e, &o->edges, of_owner) {
		int64_t age = current - window_of(l, e->edge.first);

		out.q1 += e->edge.windows == 1;
		out.q2 += e->edge.windows == 2;
		if (age >= 1 && age <= BH_DISCOVERIES)
			out.discovered[age - 1]++;
	}
	return out;
}

void bh_ledger_each_baseline(const struct bh_ledger *l,
			     void (*baseline)(void *user, const struct bh_baseline *), void *user)
{
	const struct owner *o;

	for (size_t position = 0; (o = bh_map_next(l->owners, &position)) != NULL;) {
		struct bh_baseline sum = sum_up(l, o);

		baseline(user, &sum);
	}
}

struct bh_owner bh_ledger_owner(const struct bh_ledger *l, const struct bh_edge *edge)
{
	const struct bh_peer *who = owner_peer(edge);

	return describe(bh_map_get(l->owners, &who, sizeof(who)));
}

size_t bh_ledger_users(const struct bh_ledger *l, const struct bh_peer *dst)
{
	const struct bh_peer *kept = bh_peers_find(l->peers, dst);
	const size_t *users = kept != NULL ? bh_map_get(l->users, &kept, sizeof(kept)) : NULL;

	return users != NULL ? *users : 0;
}
