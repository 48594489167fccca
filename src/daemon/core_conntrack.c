/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connection tracking is asked about single flows, and only about those of which it may know more
 * than their packets said: nobody saw them open, or an end of them was not seen at a container's
 * interface, so that its address may be a translated one. Learning waits for the answer, which
 * comes within a second; so nothing that was learned has to be taken back.
 *
 * Who opened a connection, connection tracking knows where it saw it open. What it picked up
 * mid-stream it takes for opened by whoever spoke first then, as everybody would. Protocols without
 * an opening may have been picked up likewise, unnoticed; but an address that somebody named in
 * another's place (dst_nat) is only ever translated on its way from the client.
 */
#include <netinet/in.h>

#include "core.h"
#include "timefmt.h"

#define MOST_QUESTIONS 2000 /* a second */
#define ANSWER_WAIT (5 * BH_SECOND)
#define MOST_TRIES 2

void bh_core_tracking_start(struct bh_core *core)
{
	TAILQ_INIT(&core->to_ask);
	TAILQ_INIT(&core->asked);
	core->questions_left = MOST_QUESTIONS;
	core->joins = bh_map_new(NULL);
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_UDPLITE;
}

static bool may_know_more(const struct bh_live_flow *live)
{
	const struct bh_flow *f = &live->flow;

	return bh_core_flow_is_judged(live) && has_ports(f->key.proto) &&
	       (f->direction == BH_DIRECTION_UNKNOWN || f->src_ifindex == 0 || f->dst_ifindex == 0);
}

void bh_core_tracking_add(struct bh_core *core, struct bh_live_flow *live)
{
	/* Without anybody to ask, as in the last second of our life, what may be a leg is not
	 * learned.
	 */
	bool in_question = core->kernel != NULL || core->tracks;

	if (!in_question || live->joined != NULL || !may_know_more(live))
		return;
	live->tracking = BH_TRACKING_WANTED;
	TAILQ_INSERT_TAIL(&core->to_ask, live, next_question);
}

static void leave_queue(struct bh_core *core, struct bh_live_flow *live)
{
	if (live->tracking == BH_TRACKING_WANTED)
		TAILQ_REMOVE(&core->to_ask, live, next_question);
	else if (live->tracking == BH_TRACKING_ASKED)
		TAILQ_REMOVE(&core->asked, live, next_question);
}

void bh_core_tracking_drop(struct bh_core *core, struct bh_live_flow *live)
{
	leave_queue(core, live);
	bh_core_join_leave(core, live);
}

void bh_core_tracking_answered(struct bh_core *core, struct bh_live_flow *live)
{
	leave_queue(core, live);
	live->tracking = BH_TRACKING_TRACKED;
}

bool bh_core_tracking_waits(const struct bh_live_flow *live)
{
	return live->tracking == BH_TRACKING_WANTED || live->tracking == BH_TRACKING_ASKED;
}

void bh_core_tracking_ask(struct bh_core *core)
{
	struct bh_flow_key keys[BH_CHANNEL_ROOM(sizeof(struct bh_flow_key))];
	const size_t most = sizeof(keys) / sizeof(keys[0]);
	int64_t now = bh_time_monotonic();
	struct bh_live_flow *live;
	size_t count = 0;

	while (count < most && core->questions_left > 0 &&
	       (live = TAILQ_FIRST(&core->to_ask)) != NULL) {
		leave_queue(core, live);
		live->tracking = BH_TRACKING_ASKED;
		live->asked = now;
		TAILQ_INSERT_TAIL(&core->asked, live, next_question);
		keys[count++] = live->flow.key;
		core->questions_left--;
	}
	if (count > 0 && core->kernel != NULL)
		bh_channel_send(core->kernel, BH_MSG_TRACKED_GET, keys, count * sizeof(keys[0]),
				NULL, 0, -1);
}

static bool is_translated(const struct bh_tracked *entry)
{
	struct bh_flow_key after = bh_flow_key_turned(&entry->reply);

	return !bh_flow_key_equal(&entry->original, &after);
}

static bool knows_opener(const struct bh_tracked *entry)
{
	return entry->original.proto == IPPROTO_TCP ? entry->start == BH_TRACKED_START_SEEN
						    : entry->dst_nat;
}

/* Whether the flow, as it was reported, runs the way that the entry calls back. */
static bool runs_back(const struct bh_live_flow *live, const struct bh_tracked *entry)
{
	struct bh_flow_key turned = bh_flow_key_turned(&live->flow.key);

	return bh_flow_key_equal(&turned, &entry->original) ||
	       bh_flow_key_equal(&live->flow.key, &entry->reply);
}

static void take_entry(struct bh_core *core, struct bh_live_flow *live,
		       const struct bh_tracked *entry)
{
	bool back = runs_back(live, entry);

	core->tracks = true;
	if (live->flow.direction == BH_DIRECTION_UNKNOWN && knows_opener(entry)) {
		live->responder = back ? BH_RESPONDER_SRC : BH_RESPONDER_DST;
		live->told_by = BH_DIRECTION_CONNTRACK;
		back = false; /* it will be turned */
	}
	if (is_translated(entry) && !back)
		bh_core_join(core, live, entry);
}

/* What is refused behind a translation, as behind a published port, never becomes an entry; but the
 * denial has the tuple that the entry would have had. */
static bool is_denied_behind(const struct bh_core *core, struct bh_live_flow *live,
			     struct bh_tracked *entry)
{
	const struct bh_flow_key *denied = bh_core_denial_behind(core, &live->flow);

	if (denied == NULL)
		return false;
	*entry = (struct bh_tracked) { .original = live->flow.key,
				       .reply = bh_flow_key_turned(denied),
				       .start = BH_TRACKED_START_SEEN,
				       .dst_nat = true };
	live->denied = true;
	return true;
}

/* entry: NULL where nobody tracks the flow. */
static void settle(struct bh_core *core, struct bh_live_flow *live, const struct bh_tracked *entry)
{
	struct bh_tracked behind;

	bh_core_tracking_answered(core, live);
	if (entry == NULL && is_denied_behind(core, live, &behind))
		entry = &behind;
	if (entry != NULL)
		take_entry(core, live, entry);
	else
		live->tracking = BH_TRACKING_UNTRACKED;
	bh_core_flow_settled(core, live);
}

void bh_core_tracked(struct bh_core *core, const struct bh_msg_tracked *answers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct bh_live_flow *live =
			bh_live_flows_newest(core->flows, &answers[i].asked).there;

		bh_core_count_answer(core, &answers[i]);
		if (live != NULL && live->tracking == BH_TRACKING_ASKED)
			settle(core, live, answers[i].found ? &answers[i].entry : NULL);
	}
}

/* The tuple of a flow whose answer does not come belongs to a newer flow by now. */
static void ask_again(struct bh_core *core, struct bh_live_flow *live)
{
	if (++live->tries >= MOST_TRIES) {
		settle(core, live, NULL);
		return;
	}
	leave_queue(core, live);
	live->tracking = BH_TRACKING_WANTED;
	TAILQ_INSERT_TAIL(&core->to_ask, live, next_question);
}

void bh_core_tracking_tick(struct bh_core *core, int64_t now)
{
	struct bh_live_flow *live;

	core->questions_left = MOST_QUESTIONS;
	while ((live = TAILQ_FIRST(&core->asked)) != NULL && now - live->asked > ANSWER_WAIT)
		ask_again(core, live);
	bh_core_tracking_ask(core);
}
