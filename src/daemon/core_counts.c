/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * With capture.mode: control nobody copies the packets of an answered TCP connection, but
 * connection tracking, where it sees them, counts them. It is asked about single connections: about
 * each when it is over – its entry stays for ten seconds at least – and about open ones at every
 * report interval; less and less often, up to 32 intervals, those that do not move. What is asked
 * in a second is bounded, connections that are over come first, and one that waits too long for its
 * turn counts as not counted.
 *
 * The same entry tells a connection from a scan where its end does not: somebody who probes for
 * open ports never takes an answer up, or leaves it at that.
 *
 * A translated connection has one entry, whichever leg it is found by; it is asked about as what is
 * shown.
 */
#include <netinet/in.h>
#include <stdlib.h>

#include "core.h"
#include "decode.h"
#include "grow.h"
#include "timefmt.h"

#define CLASSES 6		    /* waits of 1, 2, 4 … 32 report intervals */
#define LAST_WAIT (2 * BH_SECOND)   /* after a close, for what is still on its way */
#define ANSWER_WAIT (5 * BH_SECOND) /* then the question was lost */
#define PATIENCE (8 * BH_SECOND)    /* of a closed one: entries of reset ones go after ten */

TAILQ_HEAD(queue, bh_counting);

enum place { NOWHERE, DUE, LAST, ASKED };

/* What connection tracking counted of one connection, and when it is asked again. */
struct bh_counting {
	struct bh_live_flow *live;
	struct bh_tracked entry; /* as last found, if it is known */
	struct bh_flow_key asked;
	int64_t since;	       /* monotonic: in its queue */
	int64_t moved;	       /* µs: when the counts of the open connection last grew; 0: never */
	int64_t settled_until; /* µs: the last packet that the counts, or their absence, stand for
				*/
	uint8_t place;	       /* enum place */
	uint8_t class;	       /* it waits 2^class report intervals */
	bool known;
	bool partial; /* the counts are a floor */
	bool taken_up;
	bool last;    /* asked, or to be asked, for the last time */
	bool settled; /* it is over, and so is asking */
	TAILQ_ENTRY(bh_counting) next;
};

struct bh_counts {
	struct queue due[CLASSES]; /* all in one wait equally long: its head is due first */
	struct queue last;
	struct queue asked;
	struct bh_map *questions; /* tuple → whose open question it is */
	uint64_t missed;
};

struct bh_counts *bh_counts_new(void)
{
	struct bh_counts *counts = bh_calloc(1, sizeof(*counts));

	for (size_t i = 0; i < CLASSES; i++)
		TAILQ_INIT(&counts->due[i]);
	TAILQ_INIT(&counts->last);
	TAILQ_INIT(&counts->asked);
	counts->questions = bh_map_new(NULL);
	return counts;
}

void bh_counts_free(struct bh_counts *counts)
{
	if (counts == NULL)
		return;
	bh_map_free(counts->questions);
	free(counts);
}

uint64_t bh_core_counts_missed(const struct bh_core *core)
{
	return core->counts != NULL ? core->counts->missed : 0;
}

/* --- queues ----------------------------------------------------------------------------------- */

static struct queue *queue_of(struct bh_counts *counts, const struct bh_counting *c)
{
	switch (c->place) {
	case DUE:
		return &counts->due[c->class];
	case LAST:
		return &counts->last;
	case ASKED:
		return &counts->asked;
	}
	return NULL;
}

static void forget_question(struct bh_counts *counts, const struct bh_counting *c)
{
	struct bh_tuple t = bh_tuple_of(&c->asked);

	if (c->place == ASKED && bh_map_get(counts->questions, &t, sizeof(t)) == c)
		bh_map_remove(counts->questions, &t, sizeof(t));
}

static void move(struct bh_counts *counts, struct bh_counting *c, enum place place)
{
	forget_question(counts, c);
	if (c->place != NOWHERE)
		TAILQ_REMOVE(queue_of(counts, c), c, next);
	c->place = (uint8_t)place;
	c->since = bh_time_monotonic();
	if (place != NOWHERE)
		TAILQ_INSERT_TAIL(queue_of(counts, c), c, next);
}

/* moved: the counts grew since the question before. */
static void wait_again(struct bh_counts *counts, struct bh_counting *c, bool moved)
{
	move(counts, c, NOWHERE);
	if (moved)
		c->class = 0;
	else if (c->class + 1 < CLASSES)
		c->class ++;
	move(counts, c, DUE);
}

static void ask_last(struct bh_counts *counts, struct bh_counting *c)
{
	c->last = true;
	move(counts, c, LAST);
}

/* --- whose packets are not copied ---------------------------------------------------------------
 */

/* Of what nobody answered every packet opens something, or refuses it, and is copied. */
bool bh_core_count_is_needed(const struct bh_core *core, const struct bh_flow *f)
{
	return core->config.mode == BH_CAPTURE_CONTROL && f->key.proto == IPPROTO_TCP &&
	       f->tunnel[0] == '\0' && f->key.sport != BH_DNS_PORT && f->key.dport != BH_DNS_PORT &&
	       (f->answered || f->direction != BH_DIRECTION_SYN);
}

static bool is_over(const struct bh_live_flow *live)
{
	return live->flow.final || live->flow.state == BH_FLOW_CLOSED;
}

void bh_core_count_news(struct bh_core *core, struct bh_live_flow *live)
{
	struct bh_counting *c = live->counting;

	if (core->counts == NULL || core->kernel == NULL || bh_core_flow_is_hidden(live) ||
	    !bh_core_count_is_needed(core, &live->flow))
		return;
	if (c == NULL) {
		c = live->counting = bh_calloc(1, sizeof(*c));
		c->live = live;
		move(core->counts, c, DUE);
	}
	/* A packet that came after it was settled. */
	if (c->settled && live->flow.last > c->settled_until)
		c->settled = false;
	if (is_over(live) && !c->settled && (c->place == DUE || c->place == NOWHERE))
		ask_last(core->counts, c);
}

bool bh_core_count_waits(const struct bh_core *core, const struct bh_live_flow *live)
{
	const struct bh_counting *c = live->counting;

	return core->kernel != NULL && c != NULL && live->flow.final && !c->settled;
}

/* --- what is known ---------------------------------------------------------------------------- */

static bool runs_back(const struct bh_live_flow *live, const struct bh_tracked *entry)
{
	const struct bh_flow_key *key = &bh_core_joined_report(live)->key;
	struct bh_flow_key turned = bh_flow_key_turned(key);

	return bh_flow_key_equal(&turned, &entry->original) ||
	       bh_flow_key_equal(key, &entry->reply);
}

bool bh_core_counted(const struct bh_live_flow *live, struct bh_tally *tx, struct bh_tally *rx)
{
	const struct bh_counting *c = live->counting;

	if (c == NULL || !c->known)
		return false;
	bool back = runs_back(live, &c->entry);

	*tx = back ? c->entry.rx : c->entry.tx;
	*rx = back ? c->entry.tx : c->entry.rx;
	return true;
}

bool bh_core_count_is_missing(const struct bh_core *core, const struct bh_live_flow *live)
{
	return live->flow.final && bh_core_count_is_needed(core, &live->flow) &&
	       (live->counting == NULL || !live->counting->known);
}

void bh_core_count_complete(struct bh_live_flow *live)
{
	const struct bh_counting *c = live->counting;
	struct bh_flow *f = &live->flow;

	if (c == NULL)
		return;
	f->lossy = f->lossy || c->partial;
	f->last = c->moved > f->last ? c->moved : f->last;
	if (!c->taken_up || !f->answered)
		return;
	f->established = true;
	if (f->state == BH_FLOW_ANSWERED)
		f->state = BH_FLOW_ESTABLISHED;
}

/* --- answers ---------------------------------------------------------------------------------- */

static uint64_t copied(const struct bh_flow_half *half)
{
	return half->sent.packets > half->delivered.packets ? half->sent.packets
							    : half->delivered.packets;
}

/* Whether the opener took the answer up, and the other went on from there: it sent more than the
 * packets that open and end a connection, all of which were copied. */
static bool is_taken_up(const struct bh_live_flow *live, const struct bh_tracked *entry)
{
	const struct bh_tally *rx = runs_back(live, entry) ? &entry->tx : &entry->rx;

	return entry->start == BH_TRACKED_START_SEEN && entry->seen_reply && entry->assured &&
	       rx->packets > copied(&live->flow.rx);
}

/* The kernel may give an entry's number again to the next one of the same tuple. */
static bool is_same(const struct bh_tracked *before, const struct bh_tracked *now)
{
	return now->id == before->id && now->tx.packets >= before->tx.packets &&
	       now->rx.packets >= before->rx.packets;
}

static bool has_grown(const struct bh_tracked *before, const struct bh_tracked *now)
{
	return now->tx.packets + now->rx.packets > before->tx.packets + before->rx.packets;
}

/* Answers whether it tells anything new. What an open connection's entry counted may hold a packet
 * that capture has yet to report; what the one before counted does not. */
static bool take(struct bh_counting *c, const struct bh_tracked *entry)
{
	bool fresh = !c->known;

	if (c->known && !is_same(&c->entry, entry)) {
		c->partial = true; /* another connection's: ours was not seen to its end */
		return true;
	}
	bool grown = fresh || has_grown(&c->entry, entry);
	bool taken_up = c->taken_up || (c->last ? is_taken_up(c->live, entry)
						: !fresh && is_taken_up(c->live, &c->entry));
	bool news = grown || taken_up != c->taken_up;

	if (!fresh && grown && !is_over(c->live))
		c->moved = bh_time_now();
	c->entry = *entry;
	c->known = true;
	c->taken_up = taken_up;
	c->partial = c->partial || entry->start == BH_TRACKED_START_MISSED;
	return news;
}

/* Nothing more will be known of it. */
static void settle(struct bh_core *core, struct bh_counting *c, bool found)
{
	move(core->counts, c, NOWHERE);
	c->settled = true;
	c->settled_until = c->live->flow.last;
	c->partial = c->partial || (c->known && !found);
	core->counts->missed += !c->known;
	bh_core_flow_counted(core, c->live);
}

void bh_core_count_answer(struct bh_core *core, const struct bh_msg_tracked *answer)
{
	struct bh_tuple t = bh_tuple_of(&answer->asked);
	struct bh_counting *c =
		core->counts != NULL ? bh_map_get(core->counts->questions, &t, sizeof(t)) : NULL;

	if (c == NULL)
		return;
	bool found = answer->found && answer->entry.counted;
	bool news = found && take(c, &answer->entry);

	if (c->last) {
		settle(core, c, found);
		return;
	}
	if (is_over(c->live))
		ask_last(core->counts, c);
	else
		wait_again(core->counts, c, news);
	if (news)
		bh_core_flow_counted(core, c->live);
}

/* --- questions -------------------------------------------------------------------------------- */

struct questions {
	struct bh_flow_key keys[BH_CHANNEL_ROOM(sizeof(struct bh_flow_key))];
	size_t count;
};

static void hand_over(struct bh_core *core, struct questions *q)
{
	if (q->count > 0)
		bh_channel_send(core->kernel, BH_MSG_TRACKED_GET, q->keys,
				q->count * sizeof(q->keys[0]), NULL, 0, -1);
	q->count = 0;
}

/* Of two connections that had the same tuple one after the other, the later one waits. */
static void ask(struct bh_core *core, struct bh_counting *c, struct questions *q)
{
	const struct bh_flow_key *key = &bh_core_joined_report(c->live)->key;
	struct bh_tuple t = bh_tuple_of(key);

	if (bh_map_get(core->counts->questions, &t, sizeof(t)) != NULL) {
		move(core->counts, c, c->place == LAST ? LAST : DUE);
		return;
	}
	c->asked = *key;
	move(core->counts, c, ASKED);
	bh_map_put(core->counts->questions, &t, sizeof(t), c);
	q->keys[q->count++] = *key;
	core->questions_left--;
	if (q->count == sizeof(q->keys) / sizeof(q->keys[0]))
		hand_over(core, q);
}

/* A leg that another one shows has nothing of its own. */
static void ask_first(struct bh_core *core, struct bh_counting *c, struct questions *q)
{
	if (bh_core_flow_is_hidden(c->live))
		move(core->counts, c, NOWHERE);
	else
		ask(core, c, q);
}

static void ask_due(struct bh_core *core, struct queue *queue, int64_t until, struct questions *q)
{
	struct bh_counting *c;

	while (core->questions_left > 0 && (c = TAILQ_FIRST(queue)) != NULL && c->since <= until)
		ask_first(core, c, q);
}

/* Those whose turn or whose answer does not come. */
static void give_up(struct bh_core *core, int64_t now)
{
	struct bh_counts *counts = core->counts;
	struct bh_counting *c;

	while ((c = TAILQ_FIRST(&counts->asked)) != NULL && now - c->since > ANSWER_WAIT) {
		if (c->last)
			settle(core, c, false);
		else if (is_over(c->live))
			ask_last(counts, c);
		else
			wait_again(counts, c, false);
	}
	while ((c = TAILQ_FIRST(&counts->last)) != NULL && now - c->since > PATIENCE)
		settle(core, c, false);
}

void bh_core_counts_tick(struct bh_core *core, int64_t now)
{
	struct questions q;

	if (core->counts == NULL || core->kernel == NULL)
		return;
	q.count = 0;
	give_up(core, now);
	ask_due(core, &core->counts->last, now - LAST_WAIT, &q);
	for (size_t i = 0; i < CLASSES; i++)
		ask_due(core, &core->counts->due[i], now - (core->config.report_interval << i), &q);
	hand_over(core, &q);
}

/* --- ends ------------------------------------------------------------------------------------- */

void bh_core_counts_end(struct bh_core *core)
{
	struct bh_counting *c;

	if (core->counts == NULL)
		return;
	struct queue *waiting[] = { &core->counts->last, &core->counts->asked };

	for (size_t i = 0; i < 2; i++)
		while ((c = TAILQ_FIRST(waiting[i])) != NULL)
			settle(core, c, false);
}

void bh_core_count_leave(struct bh_core *core, struct bh_live_flow *live)
{
	if (live->counting == NULL)
		return;
	if (bh_core_count_waits(core, live))
		settle(core, live->counting, false);
	move(core->counts, live->counting, NOWHERE);
	free(live->counting);
	live->counting = NULL;
}
