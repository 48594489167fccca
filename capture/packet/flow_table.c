/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection is one entry, found by its tuple whichever way a packet goes. Entries stand in one
 * list a timeout, in order of their last packet: whatever expires, or must make room, is at a
 * list's head. Nothing is allocated per packet, and no work is done for flows that stand still.
 *
 * What a table of this size costs is its cache misses. So packets are taken in batches, whose index
 * slots and entries are asked for before they are needed; and an entry that gets a packet keeps its
 * place in the list for a sixteenth of its timeout, because moving it touches two strangers. A flow
 * may therefore end, or be evicted, that much later than its turn.
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
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "address.h"
#include "bindings.h"
#include "flow_entry.h"
#include "flow_extras.h"
#include "flow_index.h"
#include "flow_state.h"
#include "fragments.h"
#include "grow.h"
#include "pages.h"
#include "segments.h"
#include "timefmt.h"
#include "tls.h"
#include "tunnels.h"

#define FRAGMENT_SWEEP BH_SECOND
#define BATCH 16
#define PLACE_SHARE 16 /* of a timeout: how long an entry keeps its place */

/* In order of who has to go first when the table is full. */
enum list { SINGLE, HALF_OPEN, CLOSED, CONNECTIONLESS, ESTABLISHED, LISTS };

struct entry_list {
	uint32_t oldest, newest;
};

/* A packet that waits for its batch. */
struct staged {
	struct bh_packet packet;
	struct bh_flow_tuple tuple;
	uint32_t hash;
	bool backward;
};

struct bh_flow_table {
	struct bh_flow_table_config config;
	bh_flow_sink sink;
	void *user;
	void (*show_dns)(void *user, const struct bh_packet *packet); /* NULL: nobody asks */
	void *dns_user;
	void (*show_neighbour)(void *user, const struct bh_packet *packet); /* likewise */
	void *neighbour_user;
	struct bh_senders *senders; /* the caller's; NULL: nobody asks */
	void (*show_foreign)(void *user, const struct bh_packet *packet); /* likewise */
	void *foreign_user;
	void (*show_claim)(void *user, uint64_t flow_id, const char *name); /* or NULL */
	void *claim_user;
	uint64_t seed; /* keeps hostile tuples from meeting in one place of the index */
	struct bh_flow_entry *entries; /* by number; the first is never used */
	struct bh_flow_index index;
	uint32_t fresh; /* the lowest number that was never used */
	uint32_t free;
	bool unordered;	  /* numbers are not in order of their flows' first packets */
	int64_t youngest; /* first packet of the flow opened last */
	struct entry_list lists[LISTS];
	int64_t timeouts[LISTS];
	uint32_t place_times[LISTS];  /* for so long an entry keeps its place */
	uint32_t due_first, due_last; /* changed, and not reported since */
	int64_t reported;	      /* when the last round of reports was */
	struct staged batch[BATCH];
	size_t staged;
	struct bh_flow_extras *extras;
	struct bh_segment_sizes segment_sizes;
	struct bh_fragments *fragments;
	int64_t fragments_swept;
	struct bh_bindings *bindings;
	struct bh_tunnels *tunnels;
	struct bh_flow_table_stats stats;
	uint64_t next_id;
	bool partial; /* packets are left out on purpose */
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

static size_t entry_bytes(const struct bh_flow_table_config *config)
{
	return (config->max_flows + 1) * sizeof(struct bh_flow_entry);
}

size_t bh_flow_table_most_bytes(const struct bh_flow_table_config *config)
{
	return entry_bytes(config) + bh_flow_index_most_bytes(config->max_flows) +
	       bh_flow_extras_most_bytes(config->max_flows) +
	       config->max_flows * sizeof(struct bh_flow_entry *); /* a flush sorts them */
}

/* A clock for places: 1,024 µs, wraps. */
static uint32_t place_time(int64_t now)
{
	return (uint32_t)(now >> 10);
}

struct bh_flow_table *bh_flow_table_new(const struct bh_flow_table_config *config,
					bh_flow_sink sink, void *user)
{
	struct bh_flow_table *t = bh_calloc(1, sizeof(*t));

	t->config = *config;
	t->sink = sink;
	t->user = user;
	t->next_id = config->first_id != 0 ? config->first_id : 1;
	t->fresh = 1;
	if (getrandom(&t->seed, sizeof(t->seed), 0) != sizeof(t->seed))
		t->seed = (uint64_t)bh_time_now();
	t->entries = bh_pages_new(entry_bytes(config));
	bh_flow_index_init(&t->index);
	t->timeouts[SINGLE] = t->timeouts[HALF_OPEN] = config->idle_timeout;
	t->timeouts[CONNECTIONLESS] = config->idle_timeout;
	t->timeouts[CLOSED] = config->closed_linger;
	t->timeouts[ESTABLISHED] = config->tcp_idle_timeout;
	for (int i = 0; i < LISTS; i++)
		t->place_times[i] = place_time(t->timeouts[i] / PLACE_SHARE);
	t->extras = bh_flow_extras_new(config->max_flows);
	t->fragments = bh_fragments_new(t->seed);
	t->bindings = bh_bindings_new();
	t->tunnels = bh_tunnels_new();
	return t;
}

void bh_flow_table_free(struct bh_flow_table *t)
{
	if (t == NULL)
		return;
	bh_pages_free(t->entries, entry_bytes(&t->config));
	bh_flow_index_free(&t->index);
	bh_flow_extras_free(t->extras);
	bh_fragments_free(t->fragments);
	bh_bindings_free(t->bindings);
	bh_tunnels_free(t->tunnels);
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

static struct bh_flow_entry *at(const struct bh_flow_table *t, uint32_t number)
{
	return number != 0 ? &t->entries[number] : NULL;
}

static uint32_t number_of(const struct bh_flow_table *t, const struct bh_flow_entry *e)
{
	return (uint32_t)(e - t->entries);
}

/* --- finding ---------------------------------------------------------------------------------- */

static uint32_t hash_tuple(const struct bh_flow_table *t, const struct bh_flow_tuple *tuple)
{
	return (uint32_t)XXH3_64bits_withSeed(tuple, sizeof(*tuple), t->seed);
}

static struct bh_flow_entry *find(const struct bh_flow_table *t, uint32_t hash,
				  const struct bh_flow_tuple *tuple)
{
	uint32_t place = hash, number;

	while ((number = bh_flow_index_next(&t->index, hash, &place)) != 0)
		if (memcmp(&t->entries[number].tuple, tuple, sizeof(*tuple)) == 0)
			return &t->entries[number];
	return NULL;
}

/* --- lists by age ----------------------------------------------------------------------------- */

static void unlink_entry(struct bh_flow_table *t, struct bh_flow_entry *e)
{
	struct entry_list *list = &t->lists[e->list];

	*(e->older != 0 ? &t->entries[e->older].newer : &list->oldest) = e->newer;
	*(e->newer != 0 ? &t->entries[e->newer].older : &list->newest) = e->older;
}

static void place(struct bh_flow_table *t, struct bh_flow_entry *e, enum list which)
{
	struct entry_list *list = &t->lists[which];
	uint32_t number = number_of(t, e);

	e->list = which & 7;
	e->placed = place_time(e->last);
	e->older = list->newest;
	e->newer = 0;
	*(list->newest != 0 ? &t->entries[list->newest].newer : &list->oldest) = number;
	list->newest = number;
}

/* --- reporting -------------------------------------------------------------------------------- */

static void make_due(struct bh_flow_table *t, struct bh_flow_entry *e)
{
	uint32_t number = number_of(t, e);

	if (e->is_due || t->config.report_interval == 0)
		return;
	e->is_due = true;
	e->due_before = t->due_last;
	e->due_after = 0;
	*(t->due_last != 0 ? &t->entries[t->due_last].due_after : &t->due_first) = number;
	t->due_last = number;
}

static void unlink_due(struct bh_flow_table *t, struct bh_flow_entry *e)
{
	if (!e->is_due)
		return;
	e->is_due = false;
	*(e->due_before != 0 ? &t->entries[e->due_before].due_after : &t->due_first) = e->due_after;
	*(e->due_after != 0 ? &t->entries[e->due_after].due_before : &t->due_last) = e->due_before;
}

static void report(struct bh_flow_table *t, struct bh_flow_entry *e, bool final)
{
	struct bh_flow record;

	bh_flow_entry_record(e, bh_tunnels_text(t->tunnels, e->tuple.tunnel), final, &record);
	if (e->has_extra)
		bh_flow_extra_record(bh_flow_extras_get(t->extras, number_of(t, e)), &record);
	e->was_reported = true;
	t->sink(t->user, &record);
}

/* What is new, a flow or that it arrives at last, goes out at once; changes go out together, once
 * an interval. */
static void report_changes(struct bh_flow_table *t, int64_t now)
{
	bool all = now - t->reported >= t->config.report_interval || now < t->reported;
	struct bh_flow_entry *e = at(t, t->due_first), *next;

	for (; e != NULL; e = next) {
		next = at(t, e->due_after);
		if (e->was_reported && !all)
			continue;
		unlink_due(t, e);
		report(t, e, false);
		if (all)
			t->reported = now;
	}
}

/* --- opening and ending ----------------------------------------------------------------------- */

/* Reports the flow for the last time and frees its entry. */
static void end(struct bh_flow_table *t, struct bh_flow_entry *e)
{
	uint32_t number = number_of(t, e);

	bh_flow_index_remove(&t->index, e->hash, number);
	unlink_entry(t, e);
	unlink_due(t, e);
	report(t, e, true);
	if (e->has_extra)
		bh_flow_extras_drop(t->extras, number);
	t->stats.active--;
	e->id = 0; /* fragments remember numbers, and look at the id */
	e->newer = t->free;
	t->free = number;
}

/* Whoever comes next on its tuple would pass for its opener. */
static void note_gap(struct bh_flow_table *t)
{
	t->watching_since = t->now;
}

static void evict_one(struct bh_flow_table *t)
{
	for (int i = 0; i < LISTS; i++) {
		struct bh_flow_entry *e = at(t, t->lists[i].oldest);

		if (e == NULL)
			continue;
		t->stats.evicted++;
		e->lossy = true;
		if (e->tuple.proto != IPPROTO_TCP && !bh_is_icmp(e->tuple.proto))
			note_gap(t);
		end(t, e);
		return;
	}
}

static struct bh_flow_entry *allocate(struct bh_flow_table *t)
{
	struct bh_flow_entry *e;

	if (t->stats.active >= t->config.max_flows)
		evict_one(t);
	if (t->free == 0)
		return &t->entries[t->fresh++];
	e = at(t, t->free);
	t->free = e->newer;
	memset(e, 0, sizeof(*e));
	return e;
}

/* Whether what the packet says comes from whom it names as its sender. */
static bool is_from_sender(const struct bh_flow_table *t, const struct bh_packet *p)
{
	return !t->config.live || !p->outgoing || !bh_bindings_local(t->bindings, &p->src);
}

/* The same where flow_state.c asks for it, which is of what asks, opens or resets. */
static bool is_from_sender_if_asked(const struct bh_flow_table *t, const struct bh_packet *p)
{
	bool asked = bh_is_icmp(p->proto) || (p->tcp_flags & (BH_TCP_SYN | BH_TCP_RST)) != 0;

	return !asked || is_from_sender(t, p);
}

static struct bh_flow_entry *open_flow(struct bh_flow_table *t, const struct staged *s)
{
	const struct bh_packet *p = &s->packet;
	struct bh_flow_entry *e = allocate(t);
	struct bh_flow_watch watch = {
		.from_start = !t->partial && p->time - t->watching_since >= t->config.idle_timeout,
		.would_know = t->config.live && bh_bindings_local(t->bindings, &p->dst),
		.from_sender = is_from_sender_if_asked(t, p)
	};

	t->unordered |= number_of(t, e) + 1 != t->fresh || p->time < t->youngest;
	t->youngest = p->time;
	e->tuple = s->tuple;
	e->hash = s->hash;
	e->id = t->next_id++;
	e->lossy = t->partial;
	e->first = p->time;
	e->last = p->time;
	bh_flow_orient(e, p, s->backward, &watch);
	bh_flow_index_add(&t->index, e->hash, number_of(t, e));
	place(t, e, SINGLE);
	t->stats.active++;
	t->stats.flows++;
	return e;
}

static enum list list_of(const struct bh_flow_entry *e)
{
	if (e->state == BH_FLOW_CLOSED || e->state == BH_FLOW_REFUSED)
		return CLOSED;
	if (!e->answered)
		return e->tx.sent.packets > 1 || e->tx.delivered.packets > 1 ? HALF_OPEN : SINGLE;
	return e->tuple.proto == IPPROTO_TCP ? ESTABLISHED : CONNECTIONLESS;
}

static void touch(struct bh_flow_table *t, struct bh_flow_entry *e, int64_t now)
{
	enum list list = list_of(e);

	if (now > e->last)
		e->last = now;
	if (list != e->list || place_time(e->last) - e->placed >= t->place_times[list]) {
		unlink_entry(t, e);
		place(t, e, list);
	}
	make_due(t, e);
}

static void time_out(struct bh_flow_table *t, struct bh_flow_entry *e)
{
	if (e->answered)
		e->state = BH_FLOW_CLOSED;
	end(t, e);
}

/* --- counting --------------------------------------------------------------------------------- */

enum sighting {
	SIGHTED,
	A_COPY, /* of a packet that was, or will be, counted elsewhere */
	MOVED,	/* the address has another holder now */
};

static enum sighting sight(const struct bh_flow_table *t, const struct bh_flow_entry *e,
			   const struct bh_packet *p, bool forward)
{
	uint32_t known = e->seen_on[!forward][p->outgoing];
	const struct bh_addr *holder = p->outgoing ? &p->dst : &p->src;

	if (known == 0 || p->ifindex == 0 || known == p->ifindex)
		return SIGHTED;
	if (t->config.live && bh_bindings_has(t->bindings, p->ifindex, holder) &&
	    (!bh_bindings_has(t->bindings, known, holder) ||
	     bh_bindings_is_leaving(t->bindings, known)))
		return MOVED;
	return A_COPY;
}

static void add(struct bh_tally *tally, uint64_t packets, uint64_t bytes)
{
	tally->packets += packets;
	tally->bytes += bytes;
}

/* What only few flows have; NULL where there is no room for it. */
static struct bh_flow_extra *extra_of(struct bh_flow_table *t, struct bh_flow_entry *e)
{
	if (e->has_extra)
		return bh_flow_extras_get(t->extras, number_of(t, e));
	struct bh_flow_extra *extra = bh_flow_extras_add(t->extras, number_of(t, e));
	e->has_extra = extra != NULL;
	t->stats.unnoted += extra == NULL;
	return extra;
}

/* A packet larger than the wire takes. */
static void count_segments(struct bh_flow_table *t, struct bh_flow_entry *e,
			   const struct bh_packet *p, bool forward, bool delivery)
{
	uint32_t segments = bh_segments_of(p, t->segment_sizes.sizes[e->segment_size]);
	struct bh_flow_extra *extra = segments > 1 ? extra_of(t, e) : NULL;

	if (extra == NULL)
		return;
	struct bh_flow_segments *beyond = &extra->beyond[!forward];
	*(delivery ? &beyond->delivered : &beyond->sent) += segments - 1;
}

/* Written once, for the reason that flow_state.c has. */
static void note_came_in(struct bh_flow_entry *e, bool forward)
{
	if (forward && !e->came_in_tx)
		e->came_in_tx = true;
	else if (!forward && !e->came_in_rx)
		e->came_in_rx = true;
}

/* In a file, what goes out was delivered only if it is seen coming in as well; else this host sent
 * it itself. */
static void count(struct bh_flow_table *t, struct bh_flow_entry *e, const struct bh_packet *p,
		  bool forward, const struct bh_tally *seen)
{
	struct bh_flow_half *half = forward ? &e->tx : &e->rx;

	if (!p->outgoing)
		note_came_in(e, forward);
	if (p->ifindex != 0)
		e->seen_on[!forward][p->outgoing] = p->ifindex;
	bool came_in = forward ? e->came_in_tx : e->came_in_rx;
	bool delivery = p->outgoing && (t->config.live || came_in);
	if (delivery && half->delivered.packets == 0)
		e->was_reported = false;
	add(delivery ? &half->delivered : &half->sent, seen->packets, seen->bytes);
	if (p->tcp_payload > BH_SEGMENT_LARGE)
		count_segments(t, e, p, forward, delivery);
}

/* --- fragments -------------------------------------------------------------------------------- */

static void later_fragment(struct bh_flow_table *t, const struct bh_packet *p)
{
	struct bh_fragment *datagram = bh_fragments_of(t->fragments, p, &t->stats.orphan_fragments);
	struct bh_flow_entry *e = at(t, datagram->owner);

	if (e == NULL || e->id != datagram->flow_id) {
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
static struct bh_tally claim_fragments(struct bh_flow_table *t, const struct bh_flow_entry *e,
				       const struct bh_packet *p, bool forward)
{
	struct bh_fragment *datagram = bh_fragments_of(t->fragments, p, &t->stats.orphan_fragments);
	struct bh_tally waited = datagram->waiting;

	datagram->owner = number_of(t, e);
	datagram->flow_id = e->id;
	datagram->forward = forward;
	datagram->waiting = (struct bh_tally) { 0 };
	return waited;
}

/* --- packets ---------------------------------------------------------------------------------- */

/* A flow whose opener was not seen to send is one behind address translation – or one that somebody
 * outside opened in the opener's name. Where the opener then turns up on this very tuple nothing
 * was translated: unless it asks now, it never did. */
static void doubt_opener(struct bh_flow_entry *e, const struct bh_packet *p, bool forward)
{
	bool at_opener = forward != p->outgoing;

	if (!e->opener_unseen || !at_opener)
		return;
	e->opener_unseen = false;
	e->direction = BH_DIRECTION_UNKNOWN;
}

static bool is_reopened(const struct bh_flow_table *t, const struct bh_flow_entry *e,
			const struct bh_packet *p, bool forward)
{
	const struct bh_flow_half *half = forward ? &e->tx : &e->rx;

	/* Where the sender's own side is seen, that is where it opens. Behind address translation
	 * only the delivery shows this tuple. */
	return bh_flow_is_reopened(e, p, forward) &&
	       (is_from_sender(t, p) || half->sent.packets == 0);
}

/* The flow that the packet belongs to, if there is one. What ended without our seeing it ends. */
static struct bh_flow_entry *find_current(struct bh_flow_table *t, const struct staged *s,
					  bool *copy)
{
	const struct bh_packet *p = &s->packet;
	struct bh_flow_entry *e = find(t, s->hash, &s->tuple);

	*copy = false;
	if (e == NULL)
		return NULL;
	if (p->time - e->last >= t->timeouts[e->list]) {
		time_out(t, e);
		return NULL;
	}
	bool forward = s->backward == e->initiator_is_high;
	enum sighting sighting = sight(t, e, p, forward);
	bool reopened = is_reopened(t, e, p, forward);
	*copy = sighting == A_COPY && (t->config.live || !reopened);
	if (*copy || (sighting != MOVED && !reopened))
		return e;
	end(t, e);
	return NULL;
}

static void take_hello(struct bh_flow_table *t, struct bh_flow_entry *e, const struct bh_packet *p)
{
	char name[BH_DNS_NAME];

	if (e->claimed || t->show_claim == NULL ||
	    !bh_tls_read_name(p->hello, p->hello_captured, name))
		return;
	e->claimed = true;
	t->show_claim(t->claim_user, e->id, name);
}

/* False: it was a copy of a packet that counts elsewhere. */
static bool take_packet(struct bh_flow_table *t, const struct staged *s)
{
	const struct bh_packet *p = &s->packet;
	bool copy;
	struct bh_flow_entry *e = find_current(t, s, &copy);

	bool fresh = e == NULL;

	if (fresh)
		e = open_flow(t, s);
	bool forward = s->backward == e->initiator_is_high;
	e->opener_unseen |= fresh && forward && !is_from_sender(t, p);
	struct bh_tally seen = { 1, p->ip_bytes };
	if (p->first_fragment) {
		struct bh_tally waited = claim_fragments(t, e, p, forward);

		add(&seen, waited.packets, waited.bytes);
	}
	if (copy) {
		t->stats.undelivered_copies += seen.packets;
		return false;
	}
	if (p->tcp_mss != 0)
		e->segment_size =
			bh_segment_sizes_note(&t->segment_sizes, e->segment_size, p->tcp_mss) & 15;
	count(t, e, p, forward, &seen);
	doubt_opener(e, p, forward);
	bh_flow_advance(e, p, forward, is_from_sender_if_asked(t, p));
	touch(t, e, p->time);
	if (p->hello != NULL && forward)
		take_hello(t, e, p);
	return true;
}

/* --- errors ----------------------------------------------------------------------------------- */

/* Whether an error could be true of what it quotes: see flow_table.h. */
static bool is_credible(const struct bh_flow_table *t, const struct bh_packet *error,
			const struct bh_packet *quoted)
{
	if (!bh_addr_equal(&error->dst, &quoted->src))
		return false;
	if (!t->config.live || bh_addr_equal(&error->src, &quoted->dst))
		return true;
	return error->outgoing ? !bh_bindings_local(t->bindings, &error->src)
			       : !bh_bindings_watched(t->bindings, error->ifindex);
}

/* A stranger who knows addresses and ports does not know what the SYN began with. */
static bool quotes_another_syn(const struct bh_flow_table *t, const struct bh_flow_entry *e,
			       const struct bh_packet *quoted, bool forward)
{
	return t->config.live && e->tuple.proto == IPPROTO_TCP && forward && e->isn_known &&
	       !e->past_syn && quoted->tcp_seq != e->isn;
}

static void note_error(struct bh_flow_table *t, struct bh_flow_entry *e,
		       const struct bh_packet *error)
{
	struct bh_flow_extra *extra = extra_of(t, e);

	if (extra == NULL)
		return;
	extra->errors[error->outgoing]++;
	extra->type = (uint8_t)(error->dport >> 8);
	extra->code = (uint8_t)error->dport;
	make_due(t, e);
}

/* An error instead of an answer. */
static void refuse(struct bh_flow_table *t, struct bh_flow_entry *e, int64_t now)
{
	if (e->answered || e->state == BH_FLOW_REFUSED)
		return;
	e->state = BH_FLOW_REFUSED;
	touch(t, e, now);
}

static bool take_error_about(struct bh_flow_table *t, const struct bh_packet *error,
			     const struct bh_packet *quoted)
{
	struct bh_flow_tuple tuple;
	bool backward = bh_flow_tuple_of(quoted, &tuple);
	struct bh_flow_entry *e = find(t, hash_tuple(t, &tuple), &tuple);
	bool forward = e != NULL && backward == e->initiator_is_high;

	/* A later fragment names no flow. */
	if (e == NULL || (quoted->fragment && !quoted->first_fragment) ||
	    quotes_another_syn(t, e, quoted, forward))
		return false;
	note_error(t, e, error);
	if (error->unreachable && forward && quoted->tunnel == error->tunnel)
		refuse(t, e, error->time);
	return true;
}

/* What a quoted carrier carried was lost with it. Labels are only looked up: a quotation is no
 * tunnel. */
static void take_error_about_inner(struct bh_flow_table *t, const struct bh_packet *error,
				   struct bh_packet carrier)
{
	struct bh_packet inner;

	while (carrier.inner.at != NULL) {
		uint16_t label = bh_tunnels_find(t->tunnels, carrier.tunnel, &carrier.inner);

		if (label == 0 || bh_decode_inner(&carrier, &inner) != BH_DECODED)
			return;
		inner.tunnel = label;
		take_error_about(t, error, &inner);
		carrier = inner;
	}
}

static void take_error(struct bh_flow_table *t, const struct bh_packet *error)
{
	struct bh_packet quoted;

	if (bh_decode_quoted(error, &quoted) != BH_DECODED || !is_credible(t, error, &quoted)) {
		t->stats.stray_errors++;
		return;
	}
	quoted.tunnel = error->tunnel;
	if (!take_error_about(t, error, &quoted))
		t->stats.stray_errors++;
	take_error_about_inner(t, error, quoted);
}

/* --- one packet ------------------------------------------------------------------------------- */

static void take(struct bh_flow_table *t, const struct staged *s)
{
	const struct bh_packet *p = &s->packet;

	note_time(t, p->time);
	/* A flooded copy, or multicast: it reaches a container that it is not meant for. */
	if (p->astray) {
		t->stats.undelivered_copies++;
		return;
	}
	if (p->fragment && !p->first_fragment) {
		later_fragment(t, p);
		return;
	}
	if (take_packet(t, s) && p->quoted != NULL)
		take_error(t, p);
}

/* --- batches ---------------------------------------------------------------------------------- */

/* Of the whole batch first, so that a tuple is not hashed while it is on its way to memory. */
static void name_flows(struct bh_flow_table *t)
{
	for (size_t i = 0; i < t->staged; i++)
		t->batch[i].backward = bh_flow_tuple_of(&t->batch[i].packet, &t->batch[i].tuple);
	for (size_t i = 0; i < t->staged; i++) {
		t->batch[i].hash = hash_tuple(t, &t->batch[i].tuple);
		bh_flow_index_prefetch(&t->index, t->batch[i].hash);
	}
}

/* The entries of the whole batch are on their way before the first is needed. */
static void prefetch_entries(const struct bh_flow_table *t)
{
	for (size_t i = 0; i < t->staged; i++) {
		uint32_t place = t->batch[i].hash,
			 number = bh_flow_index_next(&t->index, t->batch[i].hash, &place);
		const struct bh_flow_entry *e = &t->entries[number];

		__builtin_prefetch(&e->tuple);
		__builtin_prefetch(&e->last);
		__builtin_prefetch(&e->rx);
		__builtin_prefetch(&e->placed);
	}
}

static void drain(struct bh_flow_table *t)
{
	name_flows(t);
	prefetch_entries(t);
	for (size_t i = 0; i < t->staged; i++)
		take(t, &t->batch[i]);
	t->staged = 0;
}

static struct bh_packet *next_place(struct bh_flow_table *t)
{
	return &t->batch[t->staged].packet;
}

/* The packet in the next place of the batch is complete. */
static void stage(struct bh_flow_table *t)
{
	const struct bh_packet *p = next_place(t);

	t->stats.packets++;
	/* What it says has to be read before the packet's bytes are gone. */
	if (++t->staged == BATCH || p->hello != NULL || p->quoted != NULL)
		drain(t);
}

/* A flooded copy, or multicast. */
static bool is_astray(const struct bh_flow_table *t, const struct bh_packet *p)
{
	return t->config.live && p->outgoing && !bh_bindings_has(t->bindings, p->ifindex, &p->dst);
}

void bh_flow_table_packet(struct bh_flow_table *t, const struct bh_packet *p)
{
	struct bh_packet *place = next_place(t);

	*place = *p;
	place->astray = is_astray(t, p);
	stage(t);
	drain(t);
}

static void count_undecoded(struct bh_flow_table *t, enum bh_undecoded kind,
			    const struct bh_packet *p)
{
	bh_flow_table_undecoded(t, kind);
	if (kind == BH_UNKNOWN_ETHERTYPE)
		bh_ethertypes_count(t->stats.ethertypes, p->ethertype);
}

/* What the packet in the next place carries, level by level, each a packet of its own. It was
 * delivered where its carrier was. */
static void stage_with_inner(struct bh_flow_table *t)
{
	for (;;) {
		const struct bh_packet carrier = *next_place(t);

		stage(t);
		if (carrier.inner.at == NULL)
			return;
		uint16_t label = bh_tunnels_label(t->tunnels, carrier.tunnel, &carrier.inner);
		struct bh_packet *p = next_place(t);
		enum bh_undecoded kind = label != 0 ? bh_decode_inner(&carrier, p) : BH_TOO_NESTED;
		if (kind != BH_DECODED) {
			count_undecoded(t, kind, p);
			return;
		}
		p->tunnel = label;
		p->astray = carrier.astray;
	}
}

static bool is_dns_in_fragments(const struct bh_packet *p)
{
	return p->first_fragment && p->proto == IPPROTO_UDP && p->sport == BH_DNS_PORT;
}

void bh_flow_table_frame(struct bh_flow_table *t, int linktype, const uint8_t *data,
			 size_t captured, size_t wire, int64_t time)
{
	struct bh_packet *p = next_place(t);
	enum bh_undecoded kind = bh_decode(linktype, data, captured, wire, time, p);

	if (p->neighbour != NULL && t->show_neighbour != NULL)
		t->show_neighbour(t->neighbour_user, p);
	if (t->senders != NULL && bh_senders_foreign(t->senders, p))
		t->show_foreign(t->foreign_user, p);
	if (kind != BH_DECODED) {
		count_undecoded(t, kind, p);
		return;
	}
	p->astray = is_astray(t, p);
	if (t->show_dns != NULL && (p->dns != NULL || is_dns_in_fragments(p)))
		t->show_dns(t->dns_user, p);
	if (p->inner.at != NULL)
		stage_with_inner(t);
	else
		stage(t);
}

void bh_flow_table_show_dns(struct bh_flow_table *t,
			    void (*show)(void *user, const struct bh_packet *packet), void *user)
{
	t->show_dns = show;
	t->dns_user = user;
}

void bh_flow_table_show_claims(struct bh_flow_table *t,
			       void (*show)(void *user, uint64_t flow_id, const char *name),
			       void *user)
{
	t->show_claim = show;
	t->claim_user = user;
}

void bh_flow_table_show_neighbours(struct bh_flow_table *t,
				   void (*show)(void *user, const struct bh_packet *packet),
				   void *user)
{
	t->show_neighbour = show;
	t->neighbour_user = user;
}

void bh_flow_table_show_foreign(struct bh_flow_table *t, struct bh_senders *senders,
				void (*show)(void *user, const struct bh_packet *packet),
				void *user)
{
	t->senders = senders;
	t->show_foreign = show;
	t->foreign_user = user;
}

void bh_flow_table_undecoded(struct bh_flow_table *t, enum bh_undecoded kind)
{
	t->stats.packets++;
	t->stats.undecoded[kind]++;
}

/* --- time ------------------------------------------------------------------------------------- */

/* A last packet that lies far ahead is of a clock that has been set back since. */
static bool is_over(const struct bh_flow_entry *e, int64_t timeout, int64_t now)
{
	return now - e->last >= timeout || e->last - now > timeout;
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
	struct bh_flow_entry *e;

	drain(t);
	note_time(t, now);
	for (int i = 0; i < LISTS; i++)
		while ((e = at(t, t->lists[i].oldest)) != NULL && is_over(e, t->timeouts[i], now))
			time_out(t, e);
	sweep_fragments(t, now);
	bh_bindings_tick(t->bindings);
	if (t->config.report_interval > 0)
		report_changes(t, now);
}

static int by_first_packet(const void *a, const void *b, void *entries)
{
	const struct bh_flow_entry *x = (struct bh_flow_entry *)entries + *(const uint32_t *)a,
				   *y = (struct bh_flow_entry *)entries + *(const uint32_t *)b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->id < y->id ? -1 : 1;
}

static void report_sorted(struct bh_flow_table *t)
{
	uint32_t *all = bh_calloc(t->stats.active, sizeof(*all));
	size_t found = 0;

	for (uint32_t n = 1; n < t->fresh; n++)
		if (t->entries[n].id != 0)
			all[found++] = n;
	qsort_r(all, found, sizeof(*all), by_first_packet, t->entries);
	for (size_t i = 0; i < found; i++)
		report(t, &t->entries[all[i]], true);
	free(all);
}

/* All at once: taking millions of flows out of the index and the lists, one by one, costs as much
 * as they cost while they lived. */
static void forget_all(struct bh_flow_table *t)
{
	bh_pages_clear(t->entries, entry_bytes(&t->config));
	bh_flow_index_free(&t->index);
	bh_flow_index_init(&t->index);
	bh_flow_extras_clear(t->extras);
	memset(t->lists, 0, sizeof(t->lists));
	t->due_first = t->due_last = 0;
	t->fresh = 1;
	t->free = 0;
	t->unordered = false;
	t->stats.active = 0;
}

void bh_flow_table_flush(struct bh_flow_table *t)
{
	drain(t);
	if (t->unordered)
		report_sorted(t);
	else
		for (uint32_t n = 1; n < t->fresh; n++)
			if (t->entries[n].id != 0)
				report(t, &t->entries[n], true);
	forget_all(t);
	t->stats.orphan_fragments += bh_fragments_clear(t->fragments);
}

static bool was_over(const struct bh_flow_entry *e, int64_t when)
{
	return (e->state == BH_FLOW_CLOSED || e->state == BH_FLOW_REFUSED) && e->last < when;
}

void bh_flow_table_mark_loss(struct bh_flow_table *t, int64_t since)
{
	drain(t);
	for (int i = 0; i < LISTS; i++)
		for (uint32_t n = t->lists[i].oldest; n != 0; n = t->entries[n].newer)
			if (!was_over(&t->entries[n], since))
				t->entries[n].lossy = true;
	note_gap(t);
}

void bh_flow_table_partial(struct bh_flow_table *t, bool partial)
{
	bh_flow_table_mark_loss(t, t->now);
	t->partial = partial;
}

/* --- bindings --------------------------------------------------------------------------------- */

void bh_flow_table_bind(struct bh_flow_table *t, uint32_t ifindex, const struct bh_addr *addr)
{
	drain(t);
	bh_bindings_add(t->bindings, ifindex, addr);
}

void bh_flow_table_unbind(struct bh_flow_table *t, uint32_t ifindex)
{
	drain(t);
	bh_bindings_remove(t->bindings, ifindex);
}

void bh_flow_table_leave(struct bh_flow_table *t, uint32_t ifindex)
{
	drain(t);
	bh_bindings_leave(t->bindings, ifindex);
}

struct bh_flow_table_stats bh_flow_table_stats(struct bh_flow_table *t)
{
	drain(t);
	return t->stats;
}
