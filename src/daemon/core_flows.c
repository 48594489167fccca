/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flow records meet identities. A flow is named by who held veth and address when it began; names
 * that come later repair it as long as it is kept. What was answered goes to the ledger; what was
 * denied is marked, and never trains anything.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "address.h"
#include "core_export.h"
#include "core_traffic.h"
#include "core_uses.h"
#include "grow.h"
#include "log.h"
#include "peer.h"
#include "probe_frame.h"
#include "protocol.h"
#include "timefmt.h"

#define KEEP_FINISHED 20000
#define AHEAD 4 /* reports, while what they need comes from memory */
#define SWEEP_SLACK (60 * BH_SECOND)

/* Neighbour discovery, router solicitation, multicast listeners, IGMP: what links need to work. The
 * rules always let it pass, and no edge comes of it. */
static bool is_link_control(const struct bh_flow_key *key)
{
	unsigned type = key->dport >> 8;

	if (key->proto == IPPROTO_IGMP)
		return true;
	return key->proto == IPPROTO_ICMPV6 && ((type >= 130 && type <= 137) || type == 143);
}

static bool is_carried(const struct bh_flow *flow)
{
	return flow->tunnel[0] != '\0';
}

/* What may have an opener: all but what links say to each other, and what tunnels carry. */
static bool is_of_applications(const struct bh_live_flow *live)
{
	return !live->link_control && !is_carried(&live->flow);
}

bool bh_core_flow_is_judged(const struct bh_live_flow *live)
{
	return is_of_applications(live) && !bh_core_flow_is_hidden(live);
}

static void append(struct bh_core *core, struct bh_live_flow *live)
{
	live->older = core->newest;
	if (core->newest != NULL)
		core->newest->newer = live;
	else
		core->oldest = live;
	core->newest = live;
}

static void set_stranger_of(struct bh_core *core, struct bh_live_flow *live,
			    const struct bh_peer *whose)
{
	const struct bh_peer *before = live->stranger_of;

	live->stranger_of = whose != NULL ? bh_peers_get(core->peers, whose) : NULL;
	if (before != NULL)
		bh_peers_release(core->peers, before);
}

static void forget(struct bh_core *core, struct bh_live_flow *live)
{
	bh_core_export_leave(core, live);
	*(live->older != NULL ? &live->older->newer : &core->oldest) = live->newer;
	*(live->newer != NULL ? &live->newer->older : &core->newest) = live->older;
	bh_core_traffic_forget(core, live);
	bh_core_flow_streams_forget(core, live);
	bh_core_count_leave(core, live);
	bh_core_tracking_drop(core, live);
	bh_core_proxy_leave(core, live);
	bh_core_attempt_over(core, live);
	bh_core_late_leave(core, live);
	if (live->learned_as != NULL)
		bh_peers_release(core->peers, live->learned_as);
	set_stranger_of(core, live, NULL);
	bh_peers_release(core->peers, live->src);
	bh_peers_release(core->peers, live->dst);
	bh_name_release(live->dns);
	bh_core_answer_leave(live);
	free(live->sni);
	bh_live_flows_remove(core->flows, live);
}

static int64_t last_seen(const struct bh_live_flow *live)
{
	return live != NULL ? live->flow.last : 0;
}

/* What was said of the tuple before its flow was known, either way. */
static void meet_denials(struct bh_core *core, struct bh_live_flow *live)
{
	const struct bh_flow_key *there = &live->flow.key, back = bh_flow_key_turned(there);

	live->denied = bh_core_denial_met(core, there) || live->denied;
	live->denied_back = bh_core_denial_met(core, &back) || live->denied_back;
}

/* A tuple within a tunnel is not the one that our rules judge. Of any other, what is known of it
 * from before its flow, either way. */
static void note_tuple(struct bh_core *core, struct bh_live_flow *live)
{
	if (is_carried(&live->flow))
		return;
	struct bh_newest past = bh_live_flows_note_tuple(core->flows, live);
	int64_t one = last_seen(past.there), other = last_seen(past.back);
	live->before = one > other ? one : other;
	meet_denials(core, live);
}

static const struct bh_peer unresolved = { .kind = BH_PEER_UNRESOLVED };

static struct bh_live_flow *make_live(struct bh_core *core, const struct bh_flow *flow)
{
	struct bh_live_flow *live = bh_live_flows_add(core->flows, flow);

	live->link_control = is_link_control(&flow->key);
	note_tuple(core, live);
	live->src = bh_peers_get(core->peers, &unresolved);
	live->dst = bh_peers_get(core->peers, &unresolved);
	append(core, live);
	bh_core_join_known(core, live);
	bh_core_tracking_add(core, live);
	return live;
}

/* A job's evidence is counted by its runs, and a container that is started again is the same one:
 * each start is a replica then. Of one that has run for long there is nothing to ask. */
static bool is_run_of_job(const struct bh_core *core, const struct bh_instance *i, int64_t time)
{
	if (time - i->fact.since >= core->config.window / 2)
		return false;
	struct bh_peer who = bh_peer_workload(i->workload);

	return bh_ledger_is_job(core->ledger, &who);
}

static uint64_t replica_hash(const struct bh_core *core, const struct bh_instance *i, int64_t time)
{
	if (i == NULL)
		return 0;
	const char *id = i->container != NULL ? i->container->id : i->name;
	uint64_t run = is_run_of_job(core, i, time) ? (uint64_t)i->fact.since : 0;
	uint64_t hash = XXH3_64bits_withSeed(id, strlen(id), run);

	return hash != 0 ? hash : 1;
}

static void name_by_address(const struct bh_addr *addr, struct bh_peer *peer)
{
	*peer = (struct bh_peer) { .kind = BH_PEER_ADDRESS };
	bh_addr_format(addr, peer->name);
}

static void set_peers(struct bh_core *core, struct bh_live_flow *live, const struct bh_peer *src,
		      const struct bh_peer *dst)
{
	const struct bh_peer *old_src = live->src, *old_dst = live->dst;

	live->src = bh_peers_get(core->peers, src);
	live->dst = bh_peers_get(core->peers, dst);
	if (live->src != old_src || live->dst != old_dst)
		bh_core_answer_leave(live);
	bh_peers_release(core->peers, old_src);
	bh_peers_release(core->peers, old_dst);
	bh_core_late_note(core, live);
}

/* Names both ends, as far as they are known by now. */
static void name_ends(struct bh_core *core, struct bh_live_flow *live)
{
	const struct bh_flow *f = &live->flow;
	const struct bh_instance *source = NULL, *target = NULL;
	bool src_spoofed = false, dst_spoofed = false, was_spoofed = live->spoofed;

	struct bh_peer src, dst;

	if (is_carried(f)) {
		name_by_address(&f->key.src, &src);
		name_by_address(&f->key.dst, &dst);
		set_peers(core, live, &src, &dst);
		return;
	}
	bh_model_peer_of_flow(core->model, f->src_ifindex, &f->key.src, f->first, f->last, &src,
			      &source, &src_spoofed);
	bh_model_peer_of_flow(core->model, f->dst_ifindex, &f->key.dst, f->first, f->last, &dst,
			      &target, &dst_spoofed);
	if (f->src_ifindex == 0)
		bh_core_name_beyond(core, &f->key.src, target, &src);
	if (f->dst_ifindex == 0)
		bh_core_name_beyond(core, &f->key.dst, source, &dst);
	live->replica = replica_hash(core, source, f->first);
	/* Clients from outside are one peer, whatever their number. */
	if (src.kind == BH_PEER_ADDRESS)
		src = (struct bh_peer) { .kind = BH_PEER_WORLD, .name = "world" };
	bh_core_mask(core, live, &src, &dst);
	set_peers(core, live, &src, &dst);
	bh_core_name_peer(core, live);
	live->spoofed = src_spoofed && f->src_ifindex != 0 && !live->link_control;
	if (live->spoofed && !was_spoofed)
		bh_core_spoof(core, f, live->dst);
}

uint64_t bh_core_flow_bytes(const struct bh_core *core, const struct bh_live_flow *live)
{
	struct bh_tally tx = { 0 }, rx = { 0 };

	if (!bh_core_count_is_needed(core, &live->flow))
		return bh_flow_half_counted(&live->flow.tx)->bytes +
		       bh_flow_half_counted(&live->flow.rx)->bytes;
	bh_core_counted(live, &tx, &rx);
	return tx.bytes + rx.bytes;
}

/* Answered in the sense of the ledger. Who probes for open ports, or in another's name, gets its
 * SYN+ACK and leaves it at that: a connection teaches once its initiator has taken the answer up.
 */
static bool is_answered(const struct bh_flow *f)
{
	return f->key.proto == IPPROTO_TCP ? f->answered && f->established : f->answered;
}

struct bh_question bh_core_flow_question(const struct bh_core *core,
					 const struct bh_live_flow *live, struct bh_peer *room)
{
	const struct bh_flow_key *key = &live->flow.key;
	struct bh_question question = { .proto = key->proto,
					.port = key->dport,
					.source_port = key->sport,
					.direction_unknown =
						live->flow.direction == BH_DIRECTION_UNKNOWN };

	bh_core_address_subject(core, live->src, &key->src, live->flow.first, &question.src);
	bh_core_address_subject(core, bh_core_destination(core, live, room), &key->dst,
				live->flow.first, &question.dst);
	bh_core_name_question(core, &question);
	return question;
}

/* From audit on a workload's policy is decided: what it does not allow is reported, and does not
 * come to be allowed by happening. */
static bool is_against_policy(const struct bh_core *core, const struct bh_live_flow *live)
{
	struct bh_answer answer;
	struct bh_peer room;

	if (core->policy == NULL)
		return false;
	struct bh_question question = bh_core_flow_question(core, live, &room);
	if (question.src.mode == BH_LEARN && question.dst.mode == BH_LEARN)
		return false;
	bh_policy_evaluate(core->policy, &question, &answer);
	return answer.verdict != BH_ALLOW;
}

/* A connection that was learned before its workload was audited teaches no more than a new one
 * would: it is asked about again in each window, as it counts in each. */
static bool is_denied(struct bh_core *core, struct bh_live_flow *live)
{
	int64_t window = bh_ledger_window_of(core->ledger, live->flow.last);

	if (live->denied || live->denied_back)
		return true;
	if (!live->learned || live->against || window != live->judged)
		live->against = is_against_policy(core, live);
	live->judged = window;
	return live->against;
}

/* It has ended, and an end has a name now: what was noted of the other one moves, or was wrong. */
static void note_stranger(struct bh_core *core, struct bh_live_flow *live)
{
	const struct bh_peer *whose =
		is_answered(&live->flow) ? bh_met_stranger(live->src, live->dst) : NULL;

	if (whose == live->stranger_of)
		return;
	if (live->stranger_of != NULL)
		bh_ledger_forget_stranger(core->ledger, live->stranger_of, live->flow.last);
	if (whose != NULL)
		bh_ledger_note_stranger(core->ledger, whose, live->flow.last);
	set_stranger_of(core, live, whose);
}

static void learn(struct bh_core *core, struct bh_live_flow *live)
{
	const struct bh_flow *f = &live->flow;
	bool answered = is_answered(f);
	uint64_t bytes = bh_core_flow_bytes(core, live);
	struct bh_peer room;

	/* The answer may have been another capture process's to see, and have come later. */
	if (answered)
		bh_core_name_peer(core, live);
	const struct bh_peer *dst = bh_core_destination(core, live, &room);
	struct bh_contact contact = { .src = live->src,
				      .dst = dst,
				      .proto = f->key.proto,
				      .port = f->key.dport,
				      .replica = live->replica,
				      .time = f->last,
				      .direction = f->direction,
				      .answered = answered,
				      .teaches = answered && !live->learned,
				      .ends = f->final && !live->ended,
				      .bytes = bytes > live->counted_bytes
						       ? bytes - live->counted_bytes
						       : 0,
				      .uncounted = bh_core_count_is_missing(core, live),
				      .denied = is_denied(core, live),
				      .lossy = bh_core_flow_is_lossy(core, live) };

	size_t edges = bh_ledger_count(core->ledger, BH_EDGES);
	enum bh_unlearned result = bh_ledger_observe(core->ledger, &contact);
	if (result == BH_LEARNED && !live->learned && dst != live->dst)
		live->learned_as = bh_peers_get(core->peers, dst);
	if (result == BH_LEARNED) {
		live->learned = true;
		bh_core_sample(core, live, &contact,
			       bh_ledger_count(core->ledger, BH_EDGES) > edges);
	}
	if (contact.ends)
		live->unresolved_at_end = result == BH_UNLEARNED_UNRESOLVED;
	if (live->unresolved_at_end && contact.ends && answered)
		set_stranger_of(core, live, bh_met_stranger(live->src, dst));
	if (live->learned) {
		bh_core_keep_names(core, live, dst);
		live->counted_bytes = bytes;
	}
	live->ended = live->ended || f->final;
}

/* Whether a report is of this flow; learning who opened it may have turned it round. */
static bool is_of(const struct bh_live_flow *live, const struct bh_flow_key *reported)
{
	const struct bh_flow_key *key = &bh_core_joined_report(live)->key;
	struct bh_flow_key turned = bh_flow_key_turned(reported);

	return bh_flow_key_equal(key, reported) || bh_flow_key_equal(key, &turned);
}

static struct bh_flow turn(const struct bh_flow *f)
{
	struct bh_flow turned = *f;

	turned.key = bh_flow_key_turned(&f->key);
	turned.src_ifindex = f->dst_ifindex;
	turned.dst_ifindex = f->src_ifindex;
	turned.tx = f->rx;
	turned.rx = f->tx;
	turned.tx_segments = f->rx_segments;
	turned.rx_segments = f->tx_segments;
	return turned;
}

/* What the flow is from now on; where it runs otherwise than before it is named anew. */
static void replace(struct bh_core *core, struct bh_live_flow *live, const struct bh_flow *flow)
{
	bool turned = !bh_flow_key_equal(&flow->key, &live->flow.key);

	if (turned)
		bh_live_flows_forget_tuple(core->flows, live);
	live->flow = *flow;
	live->flow.lossy = flow->lossy || flow->first <= core->reports_lost;
	bh_core_count_complete(live);
	if (!turned)
		return;
	if (live->joined == NULL)
		bh_core_unname_peer(live);
	else
		meet_denials(core, live);
	if (!is_carried(flow))
		bh_live_flows_note_tuple(core->flows, live);
	name_ends(core, live);
}

/* Connection tracking comes before listeners: while it is being asked, nobody else is. */
static void find_opener(struct bh_core *core, struct bh_live_flow *live, const struct bh_flow *f)
{
	if (live->responder != BH_RESPONDER_UNKNOWN || bh_core_tracking_waits(live))
		return;
	live->responder = (uint8_t)bh_core_responder(core, f);
	live->told_by = BH_DIRECTION_LISTENER;
}

/* The flow is as reported, but for who opened it, where connection tracking or somebody's listening
 * told, and but for what another leg of the connection adds. */
static void adopt(struct bh_core *core, struct bh_live_flow *live, const struct bh_flow *reported)
{
	struct bh_flow flow = *reported;
	bool unknown = flow.direction == BH_DIRECTION_UNKNOWN && is_of_applications(live);

	if (unknown)
		find_opener(core, live, &flow);
	if (unknown && live->responder == BH_RESPONDER_SRC)
		flow = turn(&flow);
	if (unknown && live->responder != BH_RESPONDER_UNKNOWN)
		flow.direction = live->told_by;
	if (live->joined != NULL)
		bh_core_joined_take(live, &flow);
	if (live->joined != NULL && !bh_core_flow_is_hidden(live))
		flow = bh_core_joined_flow(live);
	replace(core, live, &flow);
}

static void teach(struct bh_core *core, struct bh_live_flow *live)
{
	if (!bh_core_flow_is_judged(live) || (live->unnamed && !live->flow.final))
		return;
	bh_core_use_flow(core, live);
	if (!bh_core_count_waits(core, live))
		learn(core, live);
}

static void take_news(struct bh_core *core, struct bh_live_flow *live)
{
	if (bh_core_tracking_waits(live))
		return;
	live->sequence = ++core->flow_sequence;
	bh_core_count_news(core, live);
	/* While an end has no name, learning waits for it; the last report cannot wait. */
	if (live->unnamed)
		name_ends(core, live);
	bh_core_answer_used(core, live);
	bh_core_verdict_observe(core, live);
	teach(core, live);
	bh_core_traffic_note(core, live);
}

bool bh_core_flow_name_late(struct bh_core *core, struct bh_live_flow *live)
{
	if (bh_core_tracking_waits(live))
		return false;
	name_ends(core, live);
	if (live->unresolved_at_end)
		note_stranger(core, live);
	if (live->unnamed || bh_core_flow_is_hidden(live))
		return false;
	live->sequence = ++core->flow_sequence;
	if (!live->flow.final)
		bh_core_verdict_observe(core, live);
	/* It was counted among those of which nobody knew whose they are; now it is learned, as if
	 * it ended just now. */
	if (live->unresolved_at_end) {
		bh_ledger_take_back(core->ledger, BH_UNLEARNED_UNRESOLVED);
		live->unresolved_at_end = live->ended = false;
	}
	teach(core, live);
	bh_core_traffic_note(core, live);
	return true;
}

void bh_core_flow_counted(struct bh_core *core, struct bh_live_flow *live)
{
	bh_core_count_complete(live);
	if (bh_core_tracking_waits(live))
		return;
	live->sequence = ++core->flow_sequence;
	teach(core, live);
	bh_core_traffic_note(core, live);
	if (core->api != NULL)
		bh_api_wake(core->api);
}

/* What is news of one leg is news of the connection. */
static void take_news_of_leg(struct bh_core *core, struct bh_live_flow *live)
{
	struct bh_live_flow *shown =
		bh_core_flow_is_hidden(live) ? bh_core_joined_shown(live) : live;

	if (shown == NULL)
		return;
	if (shown != live) {
		struct bh_flow flow = bh_core_joined_flow(shown);

		replace(core, shown, &flow);
	}
	take_news(core, shown);
}

void bh_core_flow_settled(struct bh_core *core, struct bh_live_flow *live)
{
	const struct bh_flow flow = *bh_core_joined_report(live);

	adopt(core, live, &flow);
	name_ends(core, live);
	take_news_of_leg(core, live);
}

static void take_flow(struct bh_core *core, const struct bh_flow *flow)
{
	struct bh_live_flow *live = bh_live_flows_find(core->flows, flow->id);

	if (live == NULL) {
		live = make_live(core, flow);
		name_ends(core, live);
		if (is_of_applications(live))
			bh_core_window_flow(core, flow);
	}
	/* A flow keeps its tuple, under which it is found. */
	if (!is_of(live, &flow->key)) {
		bh_log(BH_LOG_WARNING, "capture reports another connection as one it reported");
		return;
	}
	adopt(core, live, flow);
	take_news_of_leg(core, live);
	bh_core_proxy_note(core, live);
	if (flow->final) {
		bh_core_attempt_over(core, live);
		bh_name_end(live->dns);
		bh_core_answer_leave(live);
		bh_live_flows_end(core->flows, live);
		STAILQ_INSERT_TAIL(&core->finished, live, next_finished);
		core->finished_count++;
		bh_core_traffic_ended(core, live);
	}
	bh_core_export_note(core, live);
}

void bh_core_flows_tick(struct bh_core *core)
{
	if (!core->listeners_new)
		return;
	core->listeners_new = false;
	for (struct bh_live_flow *live = core->oldest; live != NULL; live = live->newer) {
		if (live->flow.final || live->flow.direction != BH_DIRECTION_UNKNOWN)
			continue;
		const struct bh_flow flow = *bh_core_joined_report(live);
		adopt(core, live, &flow);
		if (live->responder != BH_RESPONDER_UNKNOWN)
			take_news_of_leg(core, live);
	}
}

/* Costs what it frees: flows that live on, however many, are not looked at. */
static void trim_finished(struct bh_core *core)
{
	while (core->finished_count > KEEP_FINISHED) {
		struct bh_live_flow *first = STAILQ_FIRST(&core->finished);

		if (first->flow.last > core->forgotten)
			core->forgotten = first->flow.last;
		STAILQ_REMOVE_HEAD(&core->finished, next_finished);
		core->finished_count--;
		forget(core, first);
	}
}

static bool is_tested_veth(const struct bh_core *core, uint32_t ifindex, int64_t time)
{
	const struct bh_instance *instance = bh_model_at(core->model, ifindex, time);

	return instance != NULL && bh_map_get_text(core->proofs, instance->fact.ifname) != NULL;
}

/* What seems to come in from a routed veth while it is tested, and is delivered to nobody. At any
 * other time it is the container's. */
static bool is_test_of_veth(const struct bh_core *core, const struct bh_flow *flow)
{
	bool six = flow->key.src.family == BH_IPV6;

	return bh_addr_equal(&flow->key.src, &bh_probe_inside[BH_PROBE_PASSES][six]) &&
	       (bh_addr_equal(&flow->key.dst, &bh_probe_outside[BH_PROBE_PASSES][six]) ||
		bh_addr_equal(&flow->key.dst, &bh_probe_outside[BH_PROBE_DENIED][six])) &&
	       flow->key.proto == IPPROTO_UDP && flow->key.dport == BH_PROBE_PORT &&
	       bh_core_is_probing(core, flow->first, flow->last) &&
	       is_tested_veth(core, flow->src_ifindex, flow->last) &&
	       bh_model_at(core->model, flow->dst_ifindex, flow->last) == NULL;
}

/* capture is told to leave the self-test's interfaces out, and may be late. Whoever sends the like
 * from an endpoint is shown as anybody is. */
static bool is_test_elsewhere(const struct bh_core *core, const struct bh_flow *flow)
{
	bool six = flow->key.src.family == BH_IPV6;

	return (bh_addr_equal(&flow->key.src, &bh_probe_source[six]) ||
		bh_addr_equal(&flow->key.src, &bh_probe_outside[BH_PROBE_PASSES][six]) ||
		bh_addr_equal(&flow->key.src, &bh_probe_inside[BH_PROBE_PASSES][six])) &&
	       bh_probe_has_address(&flow->key.dst) &&
	       bh_model_at(core->model, flow->src_ifindex, flow->last) == NULL &&
	       bh_model_at(core->model, flow->dst_ifindex, flow->last) == NULL;
}

void bh_core_flows(struct bh_core *core, const struct bh_flow *flows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i + AHEAD < count)
			bh_live_flows_prefetch(core->flows, &flows[i + AHEAD]);
		if (!is_test_elsewhere(core, &flows[i]) && !is_test_of_veth(core, &flows[i]))
			take_flow(core, &flows[i]);
	}
	bh_core_tracking_ask(core);
	trim_finished(core);
	if (core->api != NULL)
		bh_api_wake(core->api);
}

/* Ends a flow without a last report of its own: what is known is a floor. */
static void end_unheard(struct bh_core *core, const struct bh_live_flow *live)
{
	struct bh_flow last = *bh_core_joined_report(live);

	last.final = true;
	last.lossy = true;
	take_flow(core, &last);
}

void bh_core_flows_orphaned(struct bh_core *core, uint32_t worker)
{
	for (struct bh_live_flow *live = core->oldest; live != NULL; live = live->newer)
		if (!bh_core_joined_report(live)->final &&
		    bh_core_joined_report(live)->id >> BH_WORKER_SHIFT == worker)
			end_unheard(core, live);
	trim_finished(core);
}

int64_t bh_core_longest_silence(const struct bh_core *core, uint8_t proto)
{
	int64_t most = core->config.idle_timeout;

	if (proto == IPPROTO_TCP && core->config.tcp_idle_timeout > most)
		most = core->config.tcp_idle_timeout;
	return most + SWEEP_SLACK;
}

void bh_core_flows_sweep(struct bh_core *core, int64_t now)
{
	for (struct bh_live_flow *live = core->oldest; live != NULL; live = live->newer) {
		const struct bh_flow *report = bh_core_joined_report(live);

		if (!report->final &&
		    now - report->last > bh_core_longest_silence(core, report->key.proto))
			end_unheard(core, live);
	}
	trim_finished(core);
}

bool bh_core_flow_is_open(const struct bh_live_flow *live)
{
	return !live->flow.final && !live->denied && !live->denied_back &&
	       is_answered(&live->flow) && live->joined == NULL &&
	       live->flow.state != BH_FLOW_CLOSED && bh_core_flow_is_judged(live);
}

void bh_core_flows_keep(const struct bh_core *core)
{
	struct bh_flow_key keys[BH_CHANNEL_ROOM(sizeof(struct bh_flow_key))];
	size_t count = 0, most = sizeof(keys) / sizeof(keys[0]);

	for (const struct bh_live_flow *live = core->oldest; live != NULL; live = live->newer) {
		if (!bh_core_flow_is_open(live))
			continue;
		keys[count++] = live->flow.key;
		if (count < most)
			continue;
		bh_channel_send(core->kernel, BH_MSG_KEEP, keys, sizeof(keys), NULL, 0, -1);
		count = 0;
	}
	if (count > 0)
		bh_channel_send(core->kernel, BH_MSG_KEEP, keys, count * sizeof(keys[0]), NULL, 0,
				-1);
}

const char *bh_core_peer_workload(const struct bh_peer *peer)
{
	return peer->kind == BH_PEER_WORKLOAD || peer->kind == BH_PEER_HOST ||
			       peer->kind == BH_PEER_WORLD || peer->kind == BH_PEER_MASKED
		       ? bh_peer_text(peer)
		       : NULL;
}

/* Why an end of our networks has no workload; NULL: it has, or is none of ours. */
static const char *why_unnamed(const struct bh_peer *peer, char room[BH_WHY_ROOM])
{
	if (peer->kind == BH_PEER_DEPARTED) {
		snprintf(room, BH_WHY_ROOM, "departed:%s", peer->name);
		return room;
	}
	if (peer->kind != BH_PEER_UNRESOLVED)
		return NULL;
	return strncmp(peer->name, "un", 2) == 0 ? peer->name : "unheld"; /* the address */
}

void bh_core_flow_view(const struct bh_core *core, const struct bh_live_flow *live,
		       struct bh_flow_view *view)
{
	const struct bh_live_flow *end = bh_core_proxied_end(live);
	bool needed = bh_core_count_is_needed(core, &live->flow);
	bool counted = needed && bh_core_counted(live, &view->tracked[0], &view->tracked[1]);

	view->names = (struct bh_flow_names) {
		.src_why = why_unnamed(live->src, view->src_why),
		.dst_why = why_unnamed(end->dst, view->dst_why),
		.dst_container = bh_core_listening_container(
			core, end->flow.dst_ifindex, end->flow.key.proto, end->flow.key.dport),
		.src_workload = bh_core_peer_workload(live->src),
		.src_replica = live->src->kind == BH_PEER_WORKLOAD ? live->replica : 0,
		.dst_workload = bh_core_peer_workload(end->dst),
		.dns = live->dns != NULL
			       ? bh_name_text(live->dns)
			       : bh_peer_dns(bh_core_destination(core, live, &view->room)),
		.sni = live->sni,
		.via = end != live ? &live->flow.key : bh_core_joined_named(live),
		.proxied = end != live,
		.masked = bh_core_masked_reason(live),
		.verdict = (uint8_t)bh_core_flow_verdict(core, end),
		.verdict_back = (uint8_t)bh_core_flow_verdict_back(core, live),
		.lossy = bh_core_flow_is_lossy(core, live) || bh_core_flow_is_lossy(core, end),
		.uncounted = needed,
		.tracked = counted ? view->tracked : NULL
	};
	view->flow = live->flow;
	view->flow.key.dst = end->flow.key.dst;
	view->flow.key.dport = end->flow.key.dport;
}

void bh_core_flow_json(const struct bh_core *core, const struct bh_live_flow *live,
		       struct bh_buffer *out)
{
	struct bh_flow_view view;

	bh_core_flow_view(core, live, &view);
	bh_json_flow(out, &view.flow, &view.names);
}

bool bh_core_flow_is_shown(const struct bh_live_flow *live)
{
	return !live->link_control && !bh_core_flow_is_hidden(live) &&
	       !bh_core_proxy_shows_other(live);
}

struct bh_flow_key bh_flow_key_turned(const struct bh_flow_key *key)
{
	return (struct bh_flow_key) { .src = key->dst,
				      .dst = key->src,
				      .sport = key->dport,
				      .dport = key->sport,
				      .proto = key->proto };
}

bool bh_flow_key_equal(const struct bh_flow_key *a, const struct bh_flow_key *b)
{
	return a->sport == b->sport && a->dport == b->dport && a->proto == b->proto &&
	       memcmp(&a->src, &b->src, sizeof(a->src)) == 0 &&
	       memcmp(&a->dst, &b->dst, sizeof(a->dst)) == 0;
}

struct bh_tuple bh_tuple_of(const struct bh_flow_key *key)
{
	struct bh_tuple t;
	uint8_t *at = t.bytes;

	memcpy(at, &key->src, sizeof(key->src));
	at += sizeof(key->src);
	memcpy(at, &key->dst, sizeof(key->dst));
	at += sizeof(key->dst);
	memcpy(at, &key->sport, 2);
	memcpy(at + 2, &key->dport, 2);
	at[4] = key->proto;
	return t;
}
