/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An edge is made by an answered connection of known direction between ends that somebody owns up
 * to, and by nothing else; so every edge has an answered connection. Whatever else happens is
 * counted by its reason, once a connection; what was tried between such ends and never answered is
 * kept apart, and so is what the policy denies. An edge's windows are counted forwards only: a
 * report that comes late, for a window before the newest, leaves their number too low rather than
 * too high.
 */
#include "ledger.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "ledger_parts.h"

#define SHARE 8 /* of what was tried or denied one workload's is no more than that part … */
#define LEAST_SHARE 100 /* … or so many */

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
	l->state.counted = INT64_MIN;
	l->state.length = config->window;
	l->peers = bh_peers_new();
	for (size_t i = 0; i < BH_LEDGER_LISTS; i++)
		l->lists[i] = bh_edge_table_new();
	l->owners = bh_map_new(free);
	l->users = bh_map_new(free);
	l->scanners = bh_scanners_new(config->max_contacts, config->saved);
	l->decisions = bh_decisions_new();
	STAILQ_INIT(&l->dirty_owners);
	return l;
}

void bh_ledger_free(struct bh_ledger *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < BH_LEDGER_LISTS; i++)
		bh_edge_table_free(l->lists[i]);
	bh_map_free(l->owners);
	bh_map_free(l->users);
	bh_scanners_free(l->scanners);
	bh_decisions_free(l->decisions);
	bh_peers_free(l->peers);
	free(l->gone);
	free(l);
}

const struct bh_ledger_config *bh_ledger_config(const struct bh_ledger *l)
{
	return &l->config;
}

uint64_t bh_ledger_lost_contacts(const struct bh_ledger *l)
{
	return bh_scanners_lost(l->scanners);
}

/* --- entries ---------------------------------------------------------------------------------- */

struct bh_edge bh_ledger_view(const struct bh_entry *e)
{
	return (struct bh_edge) { .src = e->src,
				  .dst = e->dst,
				  .proto = e->proto,
				  .port = e->port,
				  .first = e->first,
				  .last = e->last,
				  .connections = e->connections,
				  .answered = e->answered,
				  .bytes = e->bytes,
				  .replicas = e->replicas,
				  .windows = e->windows,
				  .last_window = bh_ledger_hours_window(e->last_hour),
				  .hours = e->hours,
				  .last_hour = e->last_hour,
				  .shared_hours = e->shared_hours,
				  .gap = e->gap,
				  .longest_gap = e->longest_gap,
				  .even_gaps = e->even_gaps,
				  .held = e->held,
				  .lossy = e->lossy,
				  .heard = e->heard };
}

struct bh_entry *bh_ledger_entry(const struct bh_ledger *l, enum bh_ledger_list list,
				 const struct bh_edge *like)
{
	const struct bh_peer *src = bh_peers_find(l->peers, like->src),
			     *dst = bh_peers_find(l->peers, like->dst);

	return src != NULL && dst != NULL
		       ? bh_edge_table_find(l->lists[list], src, dst, like->proto, like->port)
		       : NULL;
}

void bh_ledger_edge_dirty(struct bh_ledger *l, enum bh_ledger_list list, struct bh_entry *e)
{
	struct bh_dirty_list *dirty = &l->dirty[list];

	if (e->dirty || !l->config.saved)
		return;
	e->dirty = true;
	e->next_dirty = NULL;
	*(dirty->last != NULL ? &dirty->last->next_dirty : &dirty->first) = e;
	dirty->last = e;
}

static void forget_dirty(struct bh_dirty_list *dirty, struct bh_entry *e)
{
	struct bh_entry **at = &dirty->first, *before = NULL;

	if (!e->dirty)
		return;
	while (*at != e) {
		before = *at;
		at = &before->next_dirty;
	}
	*at = e->next_dirty;
	if (dirty->last == e)
		dirty->last = before;
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

static bool is_held(const struct bh_ledger *l, const struct bh_owner_state *o, int64_t time)
{
	return o->flagged != 0 && time - o->flagged <= l->config.window;
}

static void join_owner(struct bh_ledger *l, struct bh_entry *e, const struct bh_edge *edge)
{
	struct bh_ledger_owner *o = bh_ledger_owner_of(l, bh_ledger_owner_peer(edge), edge->first);

	*(o->last_edge != NULL ? &o->last_edge->next_of_owner : &o->first_edge) = e;
	o->last_edge = e;
	o->edge_count++;
	e->held = edge->held || is_held(l, &o->state, edge->first);
	count_user(l, e->dst);
}

/* NULL: whoever it is has no edges, and is no workload that was seen. */
static struct bh_ledger_owner *owner_of_edge(const struct bh_ledger *l, const struct bh_edge *edge)
{
	const struct bh_peer *who = bh_peers_find(l->peers, bh_ledger_owner_peer(edge));

	return who != NULL ? bh_map_get(l->owners, &who, sizeof(who)) : NULL;
}

struct bh_entry *bh_ledger_add(struct bh_ledger *l, enum bh_ledger_list list,
			       const struct bh_edge *edge)
{
	struct bh_entry *e =
		bh_edge_table_add(l->lists[list], bh_peers_get(l->peers, edge->src),
				  bh_peers_get(l->peers, edge->dst), edge->proto, edge->port);

	e->first = edge->first;
	e->last = edge->last;
	struct bh_ledger_owner *o = owner_of_edge(l, edge);
	if (list == BH_EDGES)
		join_owner(l, e, edge);
	else if (o != NULL)
		o->kept[list]++;
	return e;
}

/* Whoever knocks at every port fills his own part of what was tried and denied, and no other's. */
static bool is_full(const struct bh_ledger *l, enum bh_ledger_list list,
		    const struct bh_ledger_owner *o, size_t of)
{
	const size_t most[] = { [BH_EDGES] = l->config.max_edges,
				[BH_ATTEMPTS] = l->config.max_attempts,
				[BH_OPPOSED] = l->config.max_opposed };
	size_t share = most[list] / SHARE > LEAST_SHARE ? most[list] / SHARE : LEAST_SHARE;

	return of * bh_edge_table_count(l->lists[list]) >= most[list] ||
	       (list != BH_EDGES && o != NULL && of * o->kept[list] >= share);
}

bool bh_ledger_is_full(const struct bh_ledger *l, enum bh_ledger_list list,
		       const struct bh_ledger_owner *o)
{
	return is_full(l, list, o, 1);
}

static bool has_room(const struct bh_ledger *l, enum bh_ledger_list list,
		     const struct bh_edge *edge)
{
	return !bh_ledger_is_full(l, list, owner_of_edge(l, edge));
}

static struct bh_edge edge_of(const struct bh_contact *c)
{
	return (struct bh_edge) { .src = c->src,
				  .dst = c->dst,
				  .proto = c->proto,
				  .port = c->port,
				  .first = c->time,
				  .last = c->time };
}

/* --- observing -------------------------------------------------------------------------------- */

static bool is_unresolved(const struct bh_peer *peer)
{
	return peer->kind == BH_PEER_UNRESOLVED || peer->kind == BH_PEER_DEPARTED;
}

const struct bh_peer *bh_met_stranger(const struct bh_peer *src, const struct bh_peer *dst)
{
	if (src->kind == BH_PEER_UNRESOLVED && dst->kind == BH_PEER_WORKLOAD)
		return dst;
	return src->kind == BH_PEER_WORKLOAD && dst->kind == BH_PEER_UNRESOLVED ? src : NULL;
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

/* A scanner's finds are suspect: those of a day before, and of a day after. */
static void hold(struct bh_ledger *l, struct bh_ledger_owner *o, int64_t time)
{
	for (struct bh_entry *e = o->first_edge; e != NULL; e = e->next_of_owner) {
		if (time - e->first > l->config.window || e->held)
			continue;
		e->held = true;
		bh_ledger_edge_dirty(l, BH_EDGES, e);
	}
	o->state.flagged = time;
	bh_ledger_owner_dirty(l, o);
}

/* Whoever belongs to a workload and is seen to open connections is part of it, and is judged by
 * what comes of them; those that a policy denied are none of his failures. The workload; NULL: the
 * source is none. */
static struct bh_ledger_owner *watch_source(struct bh_ledger *l, const struct bh_contact *c)
{
	if (c->src->kind != BH_PEER_WORKLOAD)
		return NULL;
	struct bh_ledger_owner *o = bh_ledger_owner_of(l, c->src, c->time);
	bh_ledger_note_replica(l, o, c->replica, c->time);
	if (c->denied || c->direction == BH_DIRECTION_UNKNOWN || !(c->answered || c->ends))
		return o;
	if (bh_scanners_contact(l->scanners, c->replica, c->dst, c->proto, c->port, c->answered,
				c->time))
		hold(l, o, c->time);
	return o;
}

/* Of a list that owners have no part in. */
static void drop(struct bh_ledger *l, enum bh_ledger_list list, struct bh_entry *e)
{
	if (l->config.saved) {
		l->gone = bh_grow(l->gone, &l->gone_capacity, l->gone_count + 1, sizeof(*l->gone));
		l->gone[l->gone_count++] = (struct bh_gone) { list, bh_ledger_view(e) };
	}
	forget_dirty(&l->dirty[list], e);
	const struct bh_edge edge = bh_ledger_view(e);
	struct bh_ledger_owner *o = owner_of_edge(l, &edge);
	if (o != NULL && o->kept[list] > 0)
		o->kept[list]--;
	bh_edge_table_remove(l->lists[list], e);
}

/* What was tried in vain is part of what is known of the edge. */
static struct bh_entry *discover(struct bh_ledger *l, const struct bh_edge *edge)
{
	struct bh_entry *tried = bh_ledger_entry(l, BH_ATTEMPTS, edge);
	struct bh_entry *e = bh_ledger_add(l, BH_EDGES, edge);

	if (tried == NULL)
		return e;
	e->connections = tried->connections;
	drop(l, BH_ATTEMPTS, tried);
	return e;
}

void bh_ledger_forget(struct bh_ledger *l, enum bh_ledger_list list, const struct bh_edge *like)
{
	struct bh_entry *e = list != BH_EDGES ? bh_ledger_entry(l, list, like) : NULL;

	if (e != NULL)
		drop(l, list, e);
}

static uint64_t count_of(const struct bh_contact *c)
{
	return c->count > 0 ? c->count : 1;
}

static void stretch(struct bh_entry *e, int64_t time)
{
	if (time < e->first)
		e->first = time;
	if (time > e->last)
		e->last = time;
}

static void count_up(uint16_t *counter)
{
	*counter = *counter < UINT16_MAX ? (uint16_t)(*counter + 1) : *counter;
}

static void note_gap(struct bh_entry *e, int64_t windows)
{
	uint16_t gap = windows < UINT16_MAX ? (uint16_t)windows : UINT16_MAX;

	if (gap != e->gap && !(bh_is_month(gap) && bh_is_month(e->gap)))
		e->even_gaps = 0;
	else if (e->even_gaps < UINT8_MAX)
		e->even_gaps++;
	e->gap = gap;
	if (gap > e->longest_gap)
		e->longest_gap = gap;
}

/* Of one that was alone nobody else could have done it. Who learns from a record knows of replicas
 * by what they do alone, and takes those of the end for those of the whole time. */
static bool is_shared(const struct bh_ledger *l, const struct bh_entry *e)
{
	return !l->config.watched || bh_ledger_replicas(l, e->src) >= 2;
}

/* An hour that has not begun is one that a clock made up which was set back since. */
static void note_hour(const struct bh_ledger *l, struct bh_entry *e, int64_t time)
{
	int64_t hour = bh_ledger_hour_of(l, time);
	int64_t window = bh_ledger_hours_window(hour), last = bh_ledger_hours_window(e->last_hour);
	bool made_up = e->last_hour > bh_ledger_hour_of(l, l->state.now);

	if (e->windows > 0 && !made_up && hour <= e->last_hour)
		return;
	if (e->windows > 0 && window > last)
		note_gap(e, window - last);
	if (e->windows == 0 || window != last)
		count_up(&e->windows);
	count_up(&e->hours);
	if (is_shared(l, e))
		count_up(&e->shared_hours);
	e->last_hour = hour;
}

static void note_bytes(struct bh_entry *e, const struct bh_contact *c)
{
	if (c->uncounted)
		e->bytes = BH_BYTES_UNKNOWN;
	else if (e->bytes != BH_BYTES_UNKNOWN)
		e->bytes += c->bytes;
}

static void update(struct bh_ledger *l, struct bh_entry *e, struct bh_ledger_owner *source,
		   const struct bh_contact *c)
{
	note_bytes(e, c);
	e->lossy = e->lossy || c->lossy;
	stretch(e, c->time);
	if (source != NULL)
		e->replicas |= bh_ledger_replica_bit(l, source, c->replica);
	if (c->teaches) {
		e->connections += count_of(c);
		e->answered += count_of(c);
	}
	note_hour(l, e, c->time);
}

/* Nobody answered: evidence about an edge that there is, or an attempt. */
static void note_failure(struct bh_ledger *l, struct bh_entry *e, const struct bh_edge *edge,
			 const struct bh_contact *c)
{
	enum bh_ledger_list list = e != NULL ? BH_EDGES : BH_ATTEMPTS;

	if (e == NULL)
		e = bh_ledger_entry(l, BH_ATTEMPTS, edge);
	if (e == NULL && has_room(l, BH_ATTEMPTS, edge))
		e = bh_ledger_add(l, BH_ATTEMPTS, edge);
	if (e == NULL)
		return;
	if (list == BH_ATTEMPTS)
		stretch(e, c->time);
	e->heard = e->heard || (c->proto == IPPROTO_UDP && c->direction == BH_DIRECTION_LISTENER);
	e->connections += count_of(c);
	bh_ledger_edge_dirty(l, list, e);
}

/* Denied by the policy: a person may want to know, and nobody learns from it. */
static void note_opposed(struct bh_ledger *l, struct bh_ledger_owner *source,
			 const struct bh_contact *c)
{
	struct bh_edge edge = edge_of(c);
	struct bh_entry *e = bh_ledger_entry(l, BH_OPPOSED, &edge);

	if (e == NULL && has_room(l, BH_OPPOSED, &edge))
		e = bh_ledger_add(l, BH_OPPOSED, &edge);
	if (e == NULL)
		return;
	note_bytes(e, c);
	stretch(e, c->time);
	if (source != NULL)
		e->replicas |= bh_ledger_replica_bit(l, source, c->replica);
	if (c->ends)
		e->connections += count_of(c);
	if (c->ends && c->answered)
		e->answered += count_of(c);
	note_hour(l, e, c->time);
	bh_ledger_edge_dirty(l, BH_OPPOSED, e);
}

static enum bh_unlearned count_once(struct bh_ledger *l, enum bh_unlearned reason, bool now)
{
	l->state.unlearned[reason] += now;
	return reason;
}

enum bh_unlearned bh_ledger_observe(struct bh_ledger *l, const struct bh_contact *c)
{
	enum bh_unlearned reason = refusal(c);

	bh_ledger_advance(l, c->time);
	struct bh_ledger_owner *source = watch_source(l, c);
	if (reason == BH_UNLEARNED_BLOCKED && !is_unresolved(c->src) && !is_unresolved(c->dst) &&
	    c->direction != BH_DIRECTION_UNKNOWN)
		note_opposed(l, source, c);
	const struct bh_peer *whose = bh_met_stranger(c->src, c->dst);
	if (reason == BH_UNLEARNED_UNRESOLVED && whose != NULL && c->ends && c->answered)
		bh_ledger_note_stranger(l, whose, c->time);
	/* A connection counts as unlearned once, when it is over. */
	if (reason != BH_LEARNED)
		return count_once(l, reason, c->ends);
	struct bh_edge edge = edge_of(c);
	struct bh_entry *e = bh_ledger_entry(l, BH_EDGES, &edge);
	if (!c->answered) {
		if (c->ends)
			note_failure(l, e, &edge, c);
		return count_once(l, BH_UNLEARNED_UNANSWERED, c->ends);
	}
	if (e == NULL && !has_room(l, BH_EDGES, &edge))
		return count_once(l, BH_UNLEARNED_OVERFLOW, c->ends);
	if (e == NULL)
		e = discover(l, &edge);
	update(l, e, source, c);
	bh_ledger_edge_dirty(l, BH_EDGES, e);
	return BH_LEARNED;
}

void bh_ledger_take_back(struct bh_ledger *l, enum bh_unlearned reason)
{
	if (l->state.unlearned[reason] > 0)
		l->state.unlearned[reason]--;
}

/* --- what there is ---------------------------------------------------------------------------- */

size_t bh_ledger_count(const struct bh_ledger *l, enum bh_ledger_list list)
{
	return bh_edge_table_count(l->lists[list]);
}

uint64_t bh_ledger_unlearned(const struct bh_ledger *l, enum bh_unlearned reason)
{
	return l->state.unlearned[reason];
}

static int compare_entries(const void *a, const void *b)
{
	const struct bh_entry *x = *(const struct bh_entry *const *)a;
	const struct bh_entry *y = *(const struct bh_entry *const *)b;
	int order = bh_peers_compare(x->src, y->src);

	if (order == 0)
		order = bh_peers_compare(x->dst, y->dst);
	if (order == 0)
		order = x->proto - y->proto;
	return order != 0 ? order : x->port - y->port;
}

/* The same order, in numbers. */
struct numbered {
	uint64_t ends; /* the numbers of both */
	uint32_t port; /* behind its protocol */
	const struct bh_entry *entry;
};

static int compare_numbered(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;

	if (x->ends != y->ends)
		return x->ends < y->ends ? -1 : 1;
	return (x->port > y->port) - (x->port < y->port);
}

static void sort_by_number(const struct bh_ledger *l, const struct bh_entry **entries, size_t count)
{
	struct numbered *all = bh_calloc(count, sizeof(*all));

	bh_peers_number(l->peers);
	for (size_t i = 0; i < count; i++) {
		const struct bh_entry *e = entries[i];

		all[i] = (struct numbered) { .ends = (uint64_t)bh_peers_number_of(e->src) << 32 |
						     bh_peers_number_of(e->dst),
					     .port = (uint32_t)e->proto << 16 | e->port,
					     .entry = e };
	}
	qsort(all, count, sizeof(*all), compare_numbered);
	for (size_t i = 0; i < count; i++)
		entries[i] = all[i].entry;
	free(all);
}

/* Where there are more edges than names, names are compared once. */
void bh_ledger_sort(const struct bh_ledger *l, const struct bh_entry **entries, size_t count)
{
	if (count > bh_peers_count(l->peers))
		sort_by_number(l, entries, count);
	else if (count > 0)
		qsort(entries, count, sizeof(*entries), compare_entries);
}

void bh_ledger_each(const struct bh_ledger *l, enum bh_ledger_list list,
		    void (*edge)(void *user, const struct bh_edge *), void *user)
{
	size_t count = 0, position = 0;
	const struct bh_entry **all = bh_calloc(bh_ledger_count(l, list), sizeof(*all)), *e;

	while ((e = bh_edge_table_next(l->lists[list], &position)) != NULL)
		all[count++] = e;
	bh_ledger_sort(l, all, count);
	for (size_t i = 0; i < count; i++) {
		struct bh_edge view = bh_ledger_view(all[i]);

		edge(user, &view);
	}
	free(all);
}

bool bh_ledger_find(const struct bh_ledger *l, enum bh_ledger_list list, const struct bh_edge *like,
		    struct bh_edge *out)
{
	const struct bh_entry *e = bh_ledger_entry(l, list, like);

	if (e != NULL)
		*out = bh_ledger_view(e);
	return e != NULL;
}

void bh_ledger_decide(struct bh_ledger *l, const struct bh_edge *like,
		      const struct bh_decision *decision)
{
	bh_decisions_put(l->decisions, like, decision);
	if (!decision->accepted && is_full(l, BH_OPPOSED, owner_of_edge(l, like), 2))
		bh_ledger_forget(l, BH_OPPOSED, like);
}

const struct bh_decision *bh_ledger_decision(const struct bh_ledger *l, const struct bh_edge *like)
{
	return bh_decisions_get(l->decisions, like);
}

const struct bh_decisions *bh_ledger_decisions(const struct bh_ledger *l)
{
	return l->decisions;
}

unsigned bh_edge_replicas(const struct bh_edge *edge)
{
	return (unsigned)__builtin_popcountll(edge->replicas);
}

size_t bh_ledger_users(const struct bh_ledger *l, const struct bh_peer *dst)
{
	const struct bh_peer *kept = bh_peers_find(l->peers, dst);
	const size_t *users = kept != NULL ? bh_map_get(l->users, &kept, sizeof(kept)) : NULL;

	return users != NULL ? *users : 0;
}
