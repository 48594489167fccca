/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection whose addresses are translated on its way is two flows to whoever counts packets at
 * interfaces: A → 192.0.2.1:8080 leaves A, and 10.0.2.1 → B:80 reaches B. Its entry in connection
 * tracking has both tuples: the one before all translation, and the one after. Each flow is a leg
 * of the connection, found under its tuple; whichever comes first shows the connection, the other
 * is hidden from then on. What is shown goes from the client before to the server after: that is
 * what the rules judge, too, behind the translation of the destination and before the source's.
 */
#include <stdlib.h>

#include "address.h"
#include "core.h"
#include "grow.h"
#include "timefmt.h"

#define LATE (5 * BH_SECOND) /* how long after a leg's end the other may still turn up */

enum leg { BEFORE, AFTER, LEGS };

struct bh_join {
	struct bh_flow_key keys[LEGS];
	uint32_t id;		    /* the entry's */
	struct bh_live_flow *shown; /* NULL: it was forgotten */
	struct bh_live_flow *legs[LEGS];
	struct bh_flow reports[LEGS]; /* the last of each */
};

static struct bh_join *find(const struct bh_core *core, const struct bh_flow_key *key)
{
	struct bh_tuple t = bh_tuple_of(key);

	return bh_map_get(core->joins, &t, sizeof(t));
}

static enum leg leg_of(const struct bh_join *j, const struct bh_flow_key *key)
{
	return bh_flow_key_equal(&j->keys[BEFORE], key) ? BEFORE : AFTER;
}

static enum leg leg_that_is(const struct bh_join *j, const struct bh_live_flow *live)
{
	return j->legs[BEFORE] == live ? BEFORE : AFTER;
}

static struct bh_join *make(struct bh_core *core, const struct bh_tracked *entry)
{
	struct bh_join *j = bh_calloc(1, sizeof(*j));

	j->keys[BEFORE] = entry->original;
	j->keys[AFTER] = bh_flow_key_turned(&entry->reply);
	j->id = entry->id;
	for (size_t i = 0; i < LEGS; i++) {
		struct bh_tuple t = bh_tuple_of(&j->keys[i]);

		bh_map_put(core->joins, &t, sizeof(t), j);
	}
	return j;
}

static void enter(struct bh_join *j, enum leg leg, struct bh_live_flow *live)
{
	j->legs[leg] = live;
	j->reports[leg] = live->flow;
	if (j->shown == NULL)
		j->shown = live;
	live->joined = j;
}

/* The other leg may wait for the same answer. */
static void enter_other(struct bh_core *core, struct bh_join *j, enum leg leg)
{
	struct bh_live_flow *live = bh_live_flows_newest(core->flows, &j->keys[leg]).there;

	if (live == NULL || j->legs[leg] != NULL || !bh_core_tracking_waits(live))
		return;
	bh_core_tracking_answered(core, live);
	enter(j, leg, live);
}

void bh_core_join(struct bh_core *core, struct bh_live_flow *live, const struct bh_tracked *entry)
{
	struct bh_flow_key turned = bh_flow_key_turned(&live->flow.key);
	const struct bh_flow_key *key =
		live->responder == BH_RESPONDER_SRC ? &turned : &live->flow.key;
	struct bh_join *j = find(core, key);

	if (j == NULL || j->id != entry->id || j->legs[leg_of(j, key)] != NULL)
		j = make(core, entry);
	enum leg leg = leg_of(j, key);
	enter(j, leg, live);
	enter_other(core, j, leg == BEFORE ? AFTER : BEFORE);
}

void bh_core_join_known(struct bh_core *core, struct bh_live_flow *live)
{
	struct bh_join *j = find(core, &live->flow.key);

	if (j == NULL || j->shown == NULL || live->flow.direction == BH_DIRECTION_UNKNOWN)
		return;
	enum leg leg = leg_of(j, &live->flow.key);
	const struct bh_flow *other = &j->reports[leg == BEFORE ? AFTER : BEFORE];
	bool over = other->final && live->flow.first - other->last > LATE;
	if (j->legs[leg] == NULL && !over)
		enter(j, leg, live);
}

void bh_core_join_leave(struct bh_core *core, struct bh_live_flow *live)
{
	struct bh_join *j = live->joined;

	if (j == NULL)
		return;
	j->legs[leg_that_is(j, live)] = NULL;
	if (j->shown == live)
		j->shown = NULL;
	live->joined = NULL;
	if (j->legs[BEFORE] != NULL || j->legs[AFTER] != NULL)
		return;
	for (size_t i = 0; i < LEGS; i++) {
		struct bh_tuple t = bh_tuple_of(&j->keys[i]);

		if (bh_map_get(core->joins, &t, sizeof(t)) == j)
			bh_map_remove(core->joins, &t, sizeof(t));
	}
	free(j);
}

const struct bh_flow *bh_core_joined_report(const struct bh_live_flow *live)
{
	return live->joined != NULL ? &live->joined->reports[leg_that_is(live->joined, live)]
				    : &live->flow;
}

void bh_core_joined_take(struct bh_live_flow *live, const struct bh_flow *report)
{
	live->joined->reports[leg_that_is(live->joined, live)] = *report;
}

bool bh_core_flow_is_hidden(const struct bh_live_flow *live)
{
	return live->joined != NULL && live->joined->shown != live;
}

struct bh_live_flow *bh_core_joined_shown(const struct bh_live_flow *live)
{
	return live->joined->shown;
}

/* Client and server each saw their own side of every packet; what is unknown at one is known at the
 * other. */
static struct bh_flow sum(const struct bh_flow *before, const struct bh_flow *after)
{
	struct bh_flow f = *before;

	f.first = before->first < after->first ? before->first : after->first;
	f.last = before->last > after->last ? before->last : after->last;
	f.dst_ifindex = after->dst_ifindex;
	f.tx.delivered = after->tx.delivered;
	f.rx.sent = after->rx.sent;
	f.tx_segments.delivered = after->tx_segments.delivered;
	f.rx_segments.sent = after->rx_segments.sent;
	if (f.icmp_error.count == 0)
		f.icmp_error = after->icmp_error;
	f.answered = before->answered || after->answered;
	f.established = before->established || after->established;
	f.final = before->final && after->final;
	f.lossy = before->lossy || after->lossy;
	if (f.direction == BH_DIRECTION_UNKNOWN)
		f.direction = after->direction;
	return f;
}

struct bh_flow bh_core_joined_flow(const struct bh_live_flow *live)
{
	const struct bh_join *j = live->joined;
	struct bh_flow f;

	if (j->legs[BEFORE] != NULL && j->legs[AFTER] != NULL)
		f = sum(&j->reports[BEFORE], &j->reports[AFTER]);
	else
		f = j->reports[leg_that_is(j, live)];
	f.id = live->flow.id;
	f.key = (struct bh_flow_key) { .src = j->keys[BEFORE].src,
				       .dst = j->keys[AFTER].dst,
				       .sport = j->keys[BEFORE].sport,
				       .dport = j->keys[AFTER].dport,
				       .proto = j->keys[BEFORE].proto };
	return f;
}

const struct bh_flow_key *bh_core_joined_named(const struct bh_live_flow *live)
{
	const struct bh_join *j = live->joined;

	if (j == NULL || (bh_addr_equal(&j->keys[BEFORE].dst, &j->keys[AFTER].dst) &&
			  j->keys[BEFORE].dport == j->keys[AFTER].dport))
		return NULL;
	return &j->keys[BEFORE];
}
