/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection is one entry, found by its tuple whichever way a packet goes. Entries live in slabs
 * that are never given back, hang in hash chains, and stand in one list a timeout, in order of
 * their last packet: whatever expires, or must make room, is at a list's head. Nothing is allocated
 * per packet, and no work is done for flows that stand still.
 *
 * The same packet is counted once a side. On its way in from an interface it was sent; on its way
 * out to one that holds its destination it was delivered; a copy that passes anywhere else is a
 * copy, and counts nowhere. So each direction of a flow has one interface that it comes in by and
 * one that it goes out by, and only the true holder of the address can take the place of another.
 *
 * What a packet says about the connection's state is believed where its sender sent it. A RST seen
 * only on its way out, in the name of a sender that is watched too, was made by somebody between
 * the two, and refuses nothing in the sender's name.
 */
#include "flow_table.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <xxhash.h>

#include "address.h"
#include "bindings.h"
#include "flow_state.h"
#include "fragments.h"
#include "grow.h"
#include "timefmt.h"

#define SLAB 1024
#define FRAGMENT_SWEEP BH_SECOND

/* In order of who has to go first when the table is full. */
enum list { SINGLE, HALF_OPEN, CLOSED, CONNECTIONLESS, ESTABLISHED, LISTS };

/* Where an entry waits to be reported: it changed, or it was reported so recently that a change
 * has to wait. */
enum queue { NOT_QUEUED, DUE, RECENT };

struct entry {
	struct bh_flow flow;
	struct bh_flow_tcp tcp;
	struct entry *chain; /* of its hash bucket */
	TAILQ_ENTRY(entry) by_age;
	TAILQ_ENTRY(entry) by_report;
	uint64_t hash;
	int64_t reported;
	uint32_t seen_on[2][2]; /* ifindex, by [going back][going out]; 0: not seen there */
	bool seen_incoming[2];	/* by [going back]; SLL names no interface, but the direction */
	bool opener_unseen;	/* opened by a delivery in the name of a sender that is watched */
	uint8_t list;
	uint8_t queue;
	bool changed;
};
TAILQ_HEAD(entry_list, entry);

struct bh_flow_table {
	struct bh_flow_table_config config;
	bh_flow_sink sink;
	void *user;
	uint64_t seed; /* keeps hostile tuples from meeting in one bucket */
	struct entry **buckets;
	size_t bucket_count; /* power of two */
	struct entry *free;
	struct entry **slabs;
	size_t slab_count, slab_capacity;
	struct entry_list lists[LISTS];
	int64_t timeouts[LISTS];
	struct entry_list due, recent; /* recent: in order of their last report */
	struct bh_fragments *fragments;
	int64_t fragments_swept;
	struct bh_bindings *bindings;
	struct bh_flow_table_stats stats;
	uint64_t next_id;
	bool watching;
	int64_t now;		/* of the last packet or tick */
	int64_t watching_since; /* without a gap in which an opening packet could be missed */
};

/* --- names ------------------------------------------------------------------------------------ */

const char *bh_flow_state_name(uint8_t state)
{
	static const char *const names[] = { "attempted", "answered", "established", "refused",
					     "closed" };

	return state <= BH_FLOW_CLOSED ? names[state] : "?";
}

const char *bh_direction_name(uint8_t direction)
{
	static const char *const names[] = { "unknown", "syn", "conntrack", "listener" };

	return direction <= BH_DIRECTION_LISTENER ? names[direction] : "?";
}

/* --- the table itself ------------------------------------------------------------------------- */

struct bh_flow_table *bh_flow_table_new(const struct bh_flow_table_config *config,
					bh_flow_sink sink, void *user)
{
	struct bh_flow_table *t = bh_calloc(1, sizeof(*t));

	t->config = *config;
	t->sink = sink;
	t->user = user;
	t->next_id = 1;
	if (getrandom(&t->seed, sizeof(t->seed), 0) != sizeof(t->seed))
		t->seed = (uint64_t)bh_time_now();
	t->bucket_count = 1024;
	while (t->bucket_count < config->max_flows)
		t->bucket_count *= 2;
	t->buckets = bh_calloc(t->bucket_count, sizeof(*t->buckets));
	for (int i = 0; i < LISTS; i++)
		TAILQ_INIT(&t->lists[i]);
	TAILQ_INIT(&t->due);
	TAILQ_INIT(&t->recent);
	t->timeouts[SINGLE] = t->timeouts[HALF_OPEN] = config->idle_timeout;
	t->timeouts[CONNECTIONLESS] = config->idle_timeout;
	t->timeouts[CLOSED] = config->closed_linger;
	t->timeouts[ESTABLISHED] = config->tcp_idle_timeout;
	t->fragments = bh_fragments_new(t->seed);
	t->bindings = bh_bindings_new();
	return t;
}

void bh_flow_table_free(struct bh_flow_table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->slab_count; i++)
		free(t->slabs[i]);
	free(t->slabs);
	free(t->buckets);
	bh_fragments_free(t->fragments);
	bh_bindings_free(t->bindings);
	free(t);
}

/* Time may step back (a clock was set, a file was merged); then watching begins anew. */
static void note_time(struct bh_flow_table *t, int64_t now)
{
	if (!t->watching || t->watching_since - now > t->config.idle_timeout)
		t->watching_since = now;
	t->watching = true;
	t->now = now;
}

/* --- finding ---------------------------------------------------------------------------------- */

/* The same for both directions: the lower endpoint comes first. ICMP's key holds the request's type
 * on the responder's side, whoever sends, so there it goes with the pair. */
static uint64_t hash_packet(const struct bh_flow_table *t, const struct bh_packet *p)
{
	struct {
		struct bh_addr low, high;
		uint16_t low_port, high_port;
		uint16_t proto, icmp;
	} key;
	bool icmp = bh_is_icmp(p->proto);
	uint16_t sport = icmp ? 0 : p->sport, dport = icmp ? 0 : p->dport;
	int order = bh_addr_compare(&p->src, &p->dst);
	bool swap = order > 0 || (order == 0 && sport > dport);

	memset(&key, 0, sizeof(key)); /* padding is hashed as well */
	key.low = swap ? p->dst : p->src;
	key.high = swap ? p->src : p->dst;
	key.low_port = swap ? dport : sport;
	key.high_port = swap ? sport : dport;
	key.proto = p->proto;
	key.icmp = icmp ? p->dport : 0;
	return XXH3_64bits_withSeed(&key, sizeof(key), t->seed);
}

static bool goes(const struct bh_addr *from, const struct bh_addr *to, const struct bh_packet *p)
{
	return bh_addr_equal(from, &p->src) && bh_addr_equal(to, &p->dst);
}

/* Whether the packet is of this flow, and if so whether it goes its way. */
static bool matches(const struct bh_flow_key *k, const struct bh_packet *p, bool *forward)
{
	if (k->proto != p->proto)
		return false;
	if (bh_is_icmp(p->proto)) {
		/* Only a reply goes back; a request the other way is a flow of its own. */
		*forward = !p->icmp_reply;
		return k->dport == p->dport &&
		       (*forward ? goes(&k->src, &k->dst, p) : goes(&k->dst, &k->src, p));
	}
	*forward = k->sport == p->sport && k->dport == p->dport && goes(&k->src, &k->dst, p);
	return *forward ||
	       (k->sport == p->dport && k->dport == p->sport && goes(&k->dst, &k->src, p));
}

static struct entry *find(const struct bh_flow_table *t, uint64_t hash, const struct bh_packet *p,
			  bool *forward)
{
	for (struct entry *e = t->buckets[hash & (t->bucket_count - 1)]; e != NULL; e = e->chain)
		if (e->hash == hash && matches(&e->flow.key, p, forward))
			return e;
	return NULL;
}

/* --- reporting -------------------------------------------------------------------------------- */

static void enqueue(struct bh_flow_table *t, struct entry *e, enum queue queue)
{
	if (e->queue != NOT_QUEUED)
		TAILQ_REMOVE(e->queue == DUE ? &t->due : &t->recent, e, by_report);
	e->queue = (uint8_t)queue;
	if (queue != NOT_QUEUED)
		TAILQ_INSERT_TAIL(queue == DUE ? &t->due : &t->recent, e, by_report);
}

static void report(struct bh_flow_table *t, struct entry *e)
{
	e->changed = false;
	t->sink(t->user, &e->flow);
}

static void note_change(struct bh_flow_table *t, struct entry *e)
{
	e->changed = true;
	if (e->queue == NOT_QUEUED && t->config.report_interval > 0)
		enqueue(t, e, DUE);
}

static void report_changes(struct bh_flow_table *t, int64_t now)
{
	struct entry *e;

	while ((e = TAILQ_FIRST(&t->recent)) != NULL &&
	       (now - e->reported >= t->config.report_interval || e->reported > now))
		enqueue(t, e, e->changed ? DUE : NOT_QUEUED);
	while ((e = TAILQ_FIRST(&t->due)) != NULL) {
		report(t, e);
		e->reported = now;
		enqueue(t, e, RECENT);
	}
}

/* --- opening and ending ----------------------------------------------------------------------- */

static void add_slab(struct bh_flow_table *t)
{
	struct entry *slab = bh_calloc(SLAB, sizeof(*slab));

	t->slabs = bh_grow(t->slabs, &t->slab_capacity, t->slab_count + 1, sizeof(struct entry *));
	t->slabs[t->slab_count++] = slab;
	for (size_t i = 0; i < SLAB; i++) {
		slab[i].chain = t->free;
		t->free = &slab[i];
	}
}

/* Reports the flow for the last time and frees its entry. */
static void end(struct bh_flow_table *t, struct entry *e)
{
	struct entry **link = &t->buckets[e->hash & (t->bucket_count - 1)];

	while (*link != e)
		link = &(*link)->chain;
	*link = e->chain;
	TAILQ_REMOVE(&t->lists[e->list], e, by_age);
	enqueue(t, e, NOT_QUEUED);
	e->flow.final = true;
	report(t, e);
	t->stats.active--;
	*e = (struct entry) { .chain = t->free };
	t->free = e;
}

/* Whoever comes next on its tuple would pass for its opener. */
static void note_gap(struct bh_flow_table *t)
{
	t->watching_since = t->now;
}

static void evict_one(struct bh_flow_table *t)
{
	for (int i = 0; i < LISTS; i++) {
		struct entry *e = TAILQ_FIRST(&t->lists[i]);

		if (e == NULL)
			continue;
		t->stats.evicted++;
		e->flow.lossy = true;
		if (e->flow.key.proto != IPPROTO_TCP && !bh_is_icmp(e->flow.key.proto))
			note_gap(t);
		end(t, e);
		return;
	}
}

static struct entry *open_flow(struct bh_flow_table *t, uint64_t hash, const struct bh_packet *p)
{
	if (t->stats.active >= t->config.max_flows)
		evict_one(t);
	if (t->free == NULL)
		add_slab(t);
	struct bh_flow_watch watch = {
		.from_start = p->time - t->watching_since >= t->config.idle_timeout,
		.would_know = t->config.live && bh_bindings_local(t->bindings, &p->dst)
	};
	struct entry *e = t->free;
	t->free = e->chain;
	*e = (struct entry) { .hash = hash, .list = SINGLE };
	e->flow.id = t->next_id++;
	e->flow.first = p->time;
	e->flow.last = p->time;
	bh_flow_orient(&e->flow, &e->tcp, p, &watch);
	struct entry **bucket = &t->buckets[hash & (t->bucket_count - 1)];
	e->chain = *bucket;
	*bucket = e;
	TAILQ_INSERT_TAIL(&t->lists[SINGLE], e, by_age);
	t->stats.active++;
	t->stats.flows++;
	return e;
}

static enum list list_of(const struct entry *e)
{
	const struct bh_flow *f = &e->flow;

	if (f->state == BH_FLOW_CLOSED || f->state == BH_FLOW_REFUSED)
		return CLOSED;
	if (!f->answered)
		return f->tx.sent.packets > 1 || f->tx.delivered.packets > 1 ? HALF_OPEN : SINGLE;
	return f->key.proto == IPPROTO_TCP ? ESTABLISHED : CONNECTIONLESS;
}

static void touch(struct bh_flow_table *t, struct entry *e, int64_t now)
{
	if (now > e->flow.last)
		e->flow.last = now;
	TAILQ_REMOVE(&t->lists[e->list], e, by_age);
	e->list = (uint8_t)list_of(e);
	TAILQ_INSERT_TAIL(&t->lists[e->list], e, by_age);
	note_change(t, e);
}

static void time_out(struct bh_flow_table *t, struct entry *e)
{
	if (e->flow.answered)
		e->flow.state = BH_FLOW_CLOSED;
	end(t, e);
}

/* --- counting --------------------------------------------------------------------------------- */

enum sighting {
	SIGHTED,
	A_COPY, /* of a packet that was, or will be, counted elsewhere */
	MOVED,	/* the address has another holder now */
};

static enum sighting sight(const struct bh_flow_table *t, const struct entry *e,
			   const struct bh_packet *p, bool forward)
{
	uint32_t known = e->seen_on[!forward][p->outgoing];
	const struct bh_addr *holder = p->outgoing ? &p->dst : &p->src;

	if (known == 0 || p->ifindex == 0 || known == p->ifindex)
		return SIGHTED;
	if (t->config.live && bh_bindings_has(t->bindings, p->ifindex, holder) &&
	    !bh_bindings_has(t->bindings, known, holder))
		return MOVED;
	return A_COPY;
}

static void note_interface(struct entry *e, const struct bh_packet *p, bool forward)
{
	uint32_t *end_ifindex =
		forward != p->outgoing ? &e->flow.src_ifindex : &e->flow.dst_ifindex;

	if (!p->outgoing)
		e->seen_incoming[!forward] = true;
	e->seen_on[!forward][p->outgoing] = p->ifindex;
	if (*end_ifindex == 0)
		*end_ifindex = p->ifindex;
}

static void add(struct bh_tally *tally, uint64_t packets, uint64_t bytes)
{
	tally->packets += packets;
	tally->bytes += bytes;
}

/* In a file, what goes out was delivered only if it is seen coming in as well; else this host sent
 * it itself. */
static void count(const struct bh_flow_table *t, struct entry *e, const struct bh_packet *p,
		  bool forward, const struct bh_tally *seen)
{
	struct bh_flow_half *half = forward ? &e->flow.tx : &e->flow.rx;
	bool delivery = p->outgoing && (t->config.live || e->seen_incoming[!forward]);

	note_interface(e, p, forward);
	add(delivery ? &half->delivered : &half->sent, seen->packets, seen->bytes);
}

/* --- fragments -------------------------------------------------------------------------------- */

static void later_fragment(struct bh_flow_table *t, const struct bh_packet *p)
{
	struct bh_fragment *datagram = bh_fragments_of(t->fragments, p, &t->stats.orphan_fragments);
	struct entry *e = datagram->owner;

	if (e == NULL || e->flow.id != datagram->flow_id) {
		add(&datagram->waiting, 1, p->ip_bytes);
		return;
	}
	if (sight(t, e, p, datagram->forward) != SIGHTED) {
		t->stats.undelivered_copies++;
		return;
	}
	count(t, e, p, datagram->forward, &(struct bh_tally) { 1, p->ip_bytes });
	touch(t, e, p->time);
}

/* Its later fragments belong to this flow; those that waited for it are handed over. */
static struct bh_tally claim_fragments(struct bh_flow_table *t, struct entry *e,
				       const struct bh_packet *p, bool forward)
{
	struct bh_fragment *datagram = bh_fragments_of(t->fragments, p, &t->stats.orphan_fragments);
	struct bh_tally waited = datagram->waiting;

	datagram->owner = e;
	datagram->flow_id = e->flow.id;
	datagram->forward = forward;
	datagram->waiting = (struct bh_tally) { 0 };
	return waited;
}

/* --- packets ---------------------------------------------------------------------------------- */

/* An ICMP error instead of an answer. */
static void refuse_quoted(struct bh_flow_table *t, const struct bh_packet *error)
{
	const struct bh_flow_key *q = &error->quoted;
	struct bh_packet p = { .src = q->src,
			       .dst = q->dst,
			       .sport = q->sport,
			       .dport = q->dport,
			       .proto = q->proto };
	bool forward;

	if (q->src.family == BH_NO_FAMILY)
		return;
	struct entry *e = find(t, hash_packet(t, &p), &p, &forward);
	if (e == NULL || !forward || e->flow.answered || e->flow.state == BH_FLOW_REFUSED)
		return;
	e->flow.state = BH_FLOW_REFUSED;
	touch(t, e, error->time);
}

/* Whether what the packet says comes from whom it names as its sender. */
static bool is_from_sender(const struct bh_flow_table *t, const struct bh_packet *p)
{
	return !t->config.live || !p->outgoing || !bh_bindings_local(t->bindings, &p->src);
}

/* A flow whose opener was not seen to send is one behind address translation – or one that somebody
 * outside opened in the opener's name. Where the opener then turns up on this very tuple nothing
 * was translated: unless it asks now, it never did. */
static void doubt_opener(struct entry *e, const struct bh_packet *p, bool forward)
{
	bool at_opener = forward != p->outgoing;

	if (!e->opener_unseen || !at_opener)
		return;
	e->opener_unseen = false;
	e->flow.direction = BH_DIRECTION_UNKNOWN;
}

static bool is_reopened(const struct bh_flow_table *t, const struct entry *e,
			const struct bh_packet *p, bool forward)
{
	const struct bh_flow_half *half = forward ? &e->flow.tx : &e->flow.rx;

	/* Where the sender's own side is seen, that is where it opens. Behind address translation
	 * only the delivery shows this tuple. */
	return (is_from_sender(t, p) || half->sent.packets == 0) &&
	       bh_flow_is_reopened(&e->flow, &e->tcp, p, forward);
}

/* The flow that the packet belongs to, if there is one. What ended without our seeing it ends. */
static struct entry *find_current(struct bh_flow_table *t, uint64_t hash, const struct bh_packet *p,
				  bool *forward, bool *copy)
{
	struct entry *e = find(t, hash, p, forward);

	*copy = false;
	if (e == NULL)
		return NULL;
	if (p->time - e->flow.last >= t->timeouts[e->list]) {
		time_out(t, e);
		return NULL;
	}
	enum sighting sighting = sight(t, e, p, *forward);
	bool reopened = is_reopened(t, e, p, *forward);
	*copy = sighting == A_COPY && (t->config.live || !reopened);
	if (*copy || (sighting != MOVED && !reopened))
		return e;
	end(t, e);
	return NULL;
}

static void take_packet(struct bh_flow_table *t, const struct bh_packet *p)
{
	bool forward, copy;
	uint64_t hash = hash_packet(t, p);
	struct entry *e = find_current(t, hash, p, &forward, &copy);

	if (e == NULL) {
		e = open_flow(t, hash, p);
		matches(&e->flow.key, p, &forward);
		e->opener_unseen = forward && !is_from_sender(t, p);
	}
	struct bh_tally seen = { 1, p->ip_bytes };
	if (p->first_fragment) {
		struct bh_tally waited = claim_fragments(t, e, p, forward);

		add(&seen, waited.packets, waited.bytes);
	}
	if (copy) {
		t->stats.undelivered_copies += seen.packets;
		return;
	}
	count(t, e, p, forward, &seen);
	doubt_opener(e, p, forward);
	bh_flow_advance(&e->flow, &e->tcp, p, forward, is_from_sender(t, p));
	touch(t, e, p->time);
}

void bh_flow_table_packet(struct bh_flow_table *t, const struct bh_packet *p)
{
	t->stats.packets++;
	note_time(t, p->time);
	/* A flooded copy, or multicast: it reaches a container that it is not meant for. */
	if (t->config.live && p->outgoing && !bh_bindings_has(t->bindings, p->ifindex, &p->dst)) {
		t->stats.undelivered_copies++;
		return;
	}
	if (p->fragment && !p->first_fragment) {
		later_fragment(t, p);
		return;
	}
	if (p->unreachable)
		refuse_quoted(t, p);
	take_packet(t, p);
}

void bh_flow_table_undecoded(struct bh_flow_table *t, enum bh_undecoded kind)
{
	t->stats.packets++;
	t->stats.undecoded[kind]++;
}

/* --- time ------------------------------------------------------------------------------------- */

/* A last packet that lies far ahead is of a clock that has been set back since. */
static bool is_over(const struct entry *e, int64_t timeout, int64_t now)
{
	return now - e->flow.last >= timeout || e->flow.last - now > timeout;
}

static void sweep_fragments(struct bh_flow_table *t, int64_t now)
{
	if (now - t->fragments_swept < FRAGMENT_SWEEP && now >= t->fragments_swept)
		return;
	t->fragments_swept = now;
	t->stats.orphan_fragments += bh_fragments_expire(t->fragments, now);
}

void bh_flow_table_tick(struct bh_flow_table *t, int64_t now)
{
	struct entry *e;

	note_time(t, now);
	for (int i = 0; i < LISTS; i++)
		while ((e = TAILQ_FIRST(&t->lists[i])) != NULL && is_over(e, t->timeouts[i], now))
			time_out(t, e);
	sweep_fragments(t, now);
	if (t->config.report_interval > 0)
		report_changes(t, now);
}

static int by_first_packet(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

	if (x->flow.first != y->flow.first)
		return x->flow.first < y->flow.first ? -1 : 1;
	return x->flow.id < y->flow.id ? -1 : 1;
}

void bh_flow_table_flush(struct bh_flow_table *t)
{
	struct entry **all = bh_calloc(t->stats.active, sizeof(struct entry *)), *e;
	size_t found = 0;

	for (int i = 0; i < LISTS; i++)
		TAILQ_FOREACH (e, &t->lists[i], by_age)
			all[found++] = e;
	qsort(all, found, sizeof(struct entry *), by_first_packet);
	for (size_t i = 0; i < found; i++)
		end(t, all[i]);
	free(all);
	t->stats.orphan_fragments += bh_fragments_clear(t->fragments);
}

void bh_flow_table_mark_loss(struct bh_flow_table *t)
{
	struct entry *e;

	for (int i = 0; i < LISTS; i++)
		TAILQ_FOREACH (e, &t->lists[i], by_age)
			e->flow.lossy = true;
	note_gap(t);
}

/* --- bindings --------------------------------------------------------------------------------- */

void bh_flow_table_bind(struct bh_flow_table *t, uint32_t ifindex, const struct bh_addr *addr)
{
	bh_bindings_add(t->bindings, ifindex, addr);
}

void bh_flow_table_unbind(struct bh_flow_table *t, uint32_t ifindex)
{
	bh_bindings_remove(t->bindings, ifindex);
}

struct bh_flow_table_stats bh_flow_table_stats(const struct bh_flow_table *t)
{
	return t->stats;
}
