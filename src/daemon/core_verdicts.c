/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attempted against delivered. A packet that came in from one container's veth was tried; one that
 * went out by another's arrived, whatever stands in between. So it is known, connection by
 * connection, what got through, what did not, and – the loudest alarm there is – what got through
 * although our rules deny it: a leak.
 *
 * Connections are compared, never packets or bytes: the two sides cut and join segments as they
 * like. A connection is judged when its first packet arrives, by what was in force at that time
 * (core_force.h), and only where nothing else can explain it: both ends are known and were bound,
 * its opening was seen, and connection tracking cannot have known it from before.
 */
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "core_api.h"
#include "core_exceptions.h"
#include "grow.h"
#include "log.h"
#include "protocol.h"
#include "ruleset.h"
#include "timefmt.h"

#define IN_FLIGHT (2 * BH_SECOND)     /* reports of both sides are in by then */
#define LEAKS_LAST (60 * BH_SECOND)   /* how long enforcement is not called active after one */
#define SUM_UP_AFTER (10 * BH_SECOND) /* leaks of an edge after its first are told together */
#define MOST_LEAKS_SAID 50	      /* one by one, in that time */
#define KEEP_NOTES (3600 * BH_SECOND)

/* --- who is in force -------------------------------------------------------------------------- */

struct end {
	const struct bh_instance *instance;
	struct bh_bound bound;
};

/* The instance that holds this end, which the rules have known since. */
static bool find_end(const struct bh_core *core, const struct bh_peer *peer, uint32_t ifindex,
		     const struct bh_addr *addr, int64_t time, int64_t since, struct end *end)
{
	end->instance = ifindex != 0 ? bh_model_at(core->model, ifindex, time)
				     : bh_model_holder(core->model, addr, time);
	return end->instance != NULL && strcmp(end->instance->workload, peer->name) == 0 &&
	       bh_force_bound(core->force, end->instance->fact.l3_ifname, addr, &end->bound) &&
	       end->bound.since <= since && strcmp(end->bound.workload, peer->name) == 0;
}

/* False: the rules may not have known this end for all that time. */
static bool make_subject(const struct bh_core *core, const struct bh_peer *peer, uint32_t ifindex,
			 const struct bh_addr *addr, int64_t time, int64_t since,
			 struct bh_subject *subject)
{
	struct end end;

	bh_core_peer_subject(core, peer, subject);
	subject->addr = *addr;
	/* From behind an interface of ours that nobody knows it may be anybody. */
	if (peer->kind == BH_PEER_WORLD)
		return ifindex == 0;
	if (peer->kind != BH_PEER_WORKLOAD ||
	    !find_end(core, peer, ifindex, addr, time, since, &end))
		return false;
	bh_core_instance_subject(end.instance, subject);
	subject->mode = end.bound.mode;
	return true;
}

bool bh_core_is_dhcp(const struct bh_flow_key *key)
{
	uint16_t low = key->sport < key->dport ? key->sport : key->dport,
		 high = key->sport < key->dport ? key->dport : key->sport;

	return key->proto == IPPROTO_UDP &&
	       ((low == 67 && high == 68) || (low == 546 && high == 547));
}

/* Of connection tracking it is known what an error belongs to; on a stateless bridge it passes
 * between any two who may have to do with each other. */
static bool is_untracked_error(const struct bh_core *core, const struct bh_flow_key *key)
{
	uint8_t type = (uint8_t)(key->dport >> 8);

	if (!bh_core_is_stateless(core))
		return false;
	if (key->proto == IPPROTO_ICMPV6)
		return type < 128;
	return key->proto == IPPROTO_ICMP &&
	       (type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
}

/* What a judgement rests on. */
struct basis {
	char reason[512];
	char workload[BH_PEER_NAME];
	uint8_t side; /* enum bh_side */
	uint8_t mode; /* of that workload */
	char revision[65];
	int64_t number;
};

enum judgement {
	UNCLEAR,   /* nobody can say */
	UNOPPOSED, /* nothing of ours stood in its way */
	OPPOSED,   /* our rules refused it, all the time since */
};

/* Every policy that may have been in force since is asked; the oldest one's answer is kept. */
static enum judgement ask(const struct bh_core *core, const struct bh_question *question,
			  int64_t since, struct basis *basis)
{
	struct bh_stance stance;
	bool opposed = false, unopposed = false;

	for (size_t position = 0; bh_force_stance(core->force, since, &position, &stance);) {
		struct bh_answer answer = { 0 };

		if (stance.policy != NULL)
			bh_policy_evaluate(stance.policy, question, &answer);
		bool blocks = answer.verdict == BH_DENY && answer.blocked;
		opposed = opposed || blocks;
		unopposed = unopposed || !blocks;
		if (!blocks)
			continue;
		bh_copy_text(basis->reason, sizeof(basis->reason), answer.reason);
		bh_copy_text(basis->revision, sizeof(basis->revision), stance.revision);
		bh_copy_text(basis->workload, sizeof(basis->workload), answer.workload);
		basis->side = answer.side;
		basis->mode = answer.side == BH_EGRESS ? question->src.mode : question->dst.mode;
		basis->number = stance.number;
	}
	if (opposed == unopposed)
		return UNCLEAR;
	return opposed ? OPPOSED : UNOPPOSED;
}

bool bh_core_is_stateless(const struct bh_core *core)
{
	return core->config.bridge == BH_BRIDGE_STATELESS;
}

const char *bh_core_shared_network(const struct bh_core *core, const struct bh_flow_key *key,
				   int64_t time)
{
	const struct bh_instance *src = bh_model_holder(core->model, &key->src, time);
	const struct bh_instance *dst = bh_model_holder(core->model, &key->dst, time);

	return src != NULL && dst != NULL && strcmp(src->fact.l3_ifname, dst->fact.l3_ifname) == 0
		       ? src->fact.l3_ifname
		       : NULL;
}

static bool is_on_one_network(const struct bh_core *core, const struct bh_flow_key *key,
			      int64_t time)
{
	return bh_core_shared_network(core, key, time) != NULL;
}

/* One end is on a bridge that leads out, and the other may be there. */
static bool may_go_by_an_uplink(const struct bh_core *core, const struct bh_addr *here,
				const struct bh_addr *there, int64_t time)
{
	const struct bh_instance *instance = bh_model_holder(core->model, here, time);

	return instance != NULL && bh_model_leads_out(core->model, instance->fact.master_ifindex) &&
	       bh_model_holder(core->model, there, time) == NULL &&
	       !bh_model_host_holds(core->model, there, 0);
}

bool bh_core_is_untracked(const struct bh_core *core, const struct bh_flow_key *key, int64_t time)
{
	if (!bh_core_is_stateless(core) || key->proto == IPPROTO_TCP ||
	    key->proto == IPPROTO_ICMP || key->proto == IPPROTO_ICMPV6)
		return false;
	return is_on_one_network(core, key, time) ||
	       may_go_by_an_uplink(core, &key->src, &key->dst, time) ||
	       may_go_by_an_uplink(core, &key->dst, &key->src, time);
}

/* What the rules in the kernel, since that time, made of a flow as it opened. */
static enum judgement judge(const struct bh_core *core, const struct bh_live_flow *live,
			    int64_t since, struct basis *basis)
{
	const struct bh_flow *f = &live->flow;
	bool opened = f->direction == BH_DIRECTION_SYN;
	struct bh_question question = {
		.proto = f->key.proto,
		.port = f->key.dport,
		.direction_unknown = !opened || bh_core_is_untracked(core, &f->key, f->first),
		.source_port = f->key.sport,
		.sensitive = &core->config.sensitive
	};

	if (!bh_core_flow_is_judged(live) || live->spoofed || live->dst->kind != BH_PEER_WORKLOAD ||
	    bh_core_is_dhcp(&f->key) || is_untracked_error(core, &f->key) ||
	    bh_core_exceptions_know(core, &f->key))
		return UNCLEAR;
	if (bh_force_none(core->force, since))
		return UNOPPOSED;
	if (!make_subject(core, live->src, f->src_ifindex, &f->key.src, f->last, since,
			  &question.src) ||
	    !make_subject(core, live->dst, f->dst_ifindex, &f->key.dst, f->last, since,
			  &question.dst))
		return UNCLEAR;
	enum judgement judgement = ask(core, &question, since, basis);
	/* What was open before the rules came is not theirs to refuse. */
	return judgement == OPPOSED && !opened ? UNCLEAR : judgement;
}

/* --- what connection tracking may remember ---------------------------------------------------- */

/* Its longest memory of an exchange without a close, µs; a kernel that does not say remembers for
 * ever. */
static int64_t conntrack_memory(uint8_t proto)
{
	const char *name = proto == IPPROTO_UDP	     ? "udp_timeout_stream"
			   : proto == IPPROTO_ICMP   ? "icmp_timeout"
			   : proto == IPPROTO_ICMPV6 ? "icmpv6_timeout"
			   : proto == IPPROTO_SCTP   ? "sctp_timeout_established"
						     : "generic_timeout";
	char path[128];
	long seconds = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/netfilter/nf_conntrack_%s", name);
	FILE *file = fopen(path, "re");
	bool read = file != NULL && fscanf(file, "%ld", &seconds) == 1 && seconds >= 0 &&
		    seconds < LONG_MAX / BH_SECOND;
	if (file != NULL)
		fclose(file);
	return read ? seconds * BH_SECOND : INT64_MAX;
}

/* A TCP connection is opened in the open. Of anything else the first packet may be the next one of
 * an exchange that was allowed, and of which connection tracking still knows. */
static bool is_opening(const struct bh_core *core, const struct bh_live_flow *live)
{
	const struct bh_flow *f = &live->flow;
	int64_t sight = core->sight_lost > core->forgotten ? core->sight_lost : core->forgotten;

	if (f->key.proto == IPPROTO_TCP)
		return true;
	int64_t memory = conntrack_memory(f->key.proto);
	if (memory >= f->first)
		return false;
	if (core->started > sight)
		sight = core->started;
	return sight < f->first - memory && live->before < f->first - memory;
}

/* --- leaks ------------------------------------------------------------------------------------ */

static cJSON *leak_json(const struct bh_live_flow *live, const struct basis *basis)
{
	const struct bh_flow *f = &live->flow;
	cJSON *json = cJSON_CreateObject();
	char proto[BH_PROTOCOL_TEXT];

	cJSON_AddStringToObject(json, "proto", bh_protocol_format(f->key.proto, proto));
	cJSON_AddNumberToObject(json, "port", f->key.dport);
	cJSON_AddItemToObject(json, "src", bh_core_end_json(live->src, &f->key.src, f->key.sport));
	cJSON_AddItemToObject(json, "dst", bh_core_end_json(live->dst, &f->key.dst, f->key.dport));
	cJSON_AddStringToObject(json, "side", basis->side == BH_EGRESS ? "egress" : "ingress");
	cJSON_AddStringToObject(json, "workload", basis->workload);
	cJSON_AddStringToObject(json, "mode", bh_mode_name(basis->mode));
	cJSON_AddBoolToObject(json, "dropped", false);
	cJSON_AddStringToObject(json, "reason", basis->reason);
	cJSON_AddStringToObject(json, "revision", basis->revision);
	cJSON_AddNumberToObject(json, "revision_number", (double)basis->number);
	bh_core_add_time(json, "first", f->first);
	return json;
}

static void say_leak(struct bh_core *core, const struct bh_live_flow *live,
		     const struct basis *basis)
{
	const struct bh_flow_key *key = &live->flow.key;
	char port[BH_PORT_TEXT], text[1400];

	snprintf(text, sizeof(text), "%s → %s %s was delivered, and is denied: %s", live->src->name,
		 live->dst->name, bh_port_format(key->proto, key->dport, port), basis->reason);
	bh_log(BH_LOG_ERROR, "leak: %s", text);
	bh_core_event_json(core, "leak", text, leak_json(live, basis));
}

static void note_leak(struct bh_core *core, struct bh_live_flow *live, const struct basis *basis)
{
	struct bh_edge_note *note =
		bh_edge_notes_count(core->leaks, live->src, live->dst, &live->flow);

	live->leaked = true;
	core->leak_count++;
	core->last_leak = bh_time_now();
	bh_copy_text(note->text, sizeof(note->text), basis->reason);
	/* The first of an edge at once; a flood of them must not bury everything else. */
	if (note->said != 0 || core->leaks_said >= MOST_LEAKS_SAID)
		return;
	core->leaks_said++;
	note->said = bh_time_monotonic();
	note->unsaid = 0;
	say_leak(core, live, basis);
}

static void sum_up_leaks(struct bh_core *core)
{
	const struct bh_edge_note *latest = NULL;
	struct bh_edge_note *note;
	uint64_t count = 0, edges = 0;
	char port[BH_PORT_TEXT];

	for (size_t position = 0; (note = bh_map_next(core->leaks, &position)) != NULL;) {
		if (note->unsaid == 0)
			continue;
		count += note->unsaid;
		edges++;
		note->unsaid = 0;
		if (latest == NULL || note->last > latest->last)
			latest = note;
	}
	core->leaks_said = 0;
	if (latest != NULL)
		bh_core_event(core, "leak",
			      "%" PRIu64 " more connections that are denied were delivered, over "
			      "%" PRIu64 " edges, the latest %s → %s %s",
			      count, edges, latest->src.name, latest->dst.name,
			      bh_port_format(latest->key.proto, latest->key.dport, port));
}

void bh_core_leaks_tick(struct bh_core *core, int64_t now)
{
	if (now < core->leaks_due)
		return;
	core->leaks_due = now + SUM_UP_AFTER;
	sum_up_leaks(core);
	bh_edge_notes_expire(core->leaks, bh_time_now() - KEEP_NOTES);
}

bool bh_core_is_leaking(const struct bh_core *core)
{
	return core->last_leak != 0 && bh_time_now() - core->last_leak < LEAKS_LAST;
}

/* --- one flow --------------------------------------------------------------------------------- */

/* When it is known last not to have arrived. */
static int64_t not_before(const struct bh_live_flow *live)
{
	return live->missing != 0 ? live->missing : live->flow.first;
}

static void arrive(struct bh_core *core, struct bh_live_flow *live)
{
	struct basis basis = { 0 };

	if (judge(core, live, not_before(live), &basis) == OPPOSED && is_opening(core, live))
		note_leak(core, live, &basis);
}

/* Notes whether it is our rules that it does not arrive for. */
static void expect(struct bh_core *core, struct bh_live_flow *live)
{
	struct basis basis = { 0 };
	enum judgement judgement = judge(core, live, live->flow.first, &basis);

	live->opposed = judgement == OPPOSED;
	live->unopposed = judgement == UNOPPOSED;
	if (live->unopposed)
		bh_core_attempt(core, live);
}

void bh_core_verdict_observe(struct bh_core *core, struct bh_live_flow *live)
{
	bool arrived = live->flow.tx.delivered.packets > 0, was = live->arrived;

	live->arrived = arrived;
	if (arrived && !was) {
		bh_core_attempt_over(core, live);
		arrive(core, live);
	}
	if (arrived)
		return;
	/* As long as an end has no name yet, nobody can say. */
	if (!live->opposed && !live->unopposed)
		expect(core, live);
	live->missing = live->flow.last;
}

bool bh_core_flow_is_routed(const struct bh_core *core, const struct bh_live_flow *live)
{
	return !is_on_one_network(core, &live->flow.key, live->flow.first);
}

/*
 * Whether this host may have given the connection another tuple on its way, so that its other side
 * is another flow. That is so where it goes to the host itself, to a gateway or a published port;
 * and between two networks of this host, where the sender may be masqueraded: then an answer comes
 * back, and nothing seems to arrive.
 */
static bool may_be_translated(const struct bh_core *core, const struct bh_live_flow *live)
{
	const struct bh_flow *f = &live->flow;

	if (live->src->kind != BH_PEER_WORKLOAD || live->dst->kind != BH_PEER_WORKLOAD)
		return true;
	return bh_core_flow_is_routed(core, live) &&
	       (f->key.proto != IPPROTO_TCP || f->rx.delivered.packets > 0);
}

/* Nothing of the flow may have been missed, and what is under way has arrived. */
static bool is_settled(const struct bh_core *core, const struct bh_live_flow *live)
{
	return !bh_core_flow_is_lossy(core, live) &&
	       (live->flow.final || bh_time_now() - live->flow.first > IN_FLIGHT);
}

/* Whoever holds the address was there all the time, and its veth is watched. */
static bool was_watched(const struct bh_core *core, const struct bh_addr *addr, int64_t first,
			int64_t last)
{
	const struct bh_instance *instance = bh_model_holder(core->model, addr, first);

	return instance != NULL && instance->fact.since <= first &&
	       (instance->until == 0 || instance->until > last);
}

static enum bh_flow_verdict undelivered(const struct bh_core *core, const struct bh_live_flow *live,
					const struct bh_addr *to)
{
	const struct bh_flow *f = &live->flow;

	return is_settled(core, live) && !live->spoofed && bh_core_flow_is_judged(live) &&
			       was_watched(core, to, f->first, f->last) &&
			       !may_be_translated(core, live)
		       ? BH_FLOW_UNDELIVERED
		       : BH_FLOW_VERDICT_UNKNOWN;
}

enum bh_flow_verdict bh_core_flow_verdict(const struct bh_core *core,
					  const struct bh_live_flow *live)
{
	const struct bh_flow *f = &live->flow;

	if (live->leaked)
		return BH_FLOW_DELIVERED;
	if (live->denied || (live->opposed && !live->arrived))
		return BH_FLOW_DENIED;
	if (f->tx.delivered.packets > 0)
		return BH_FLOW_DELIVERED;
	if (f->tx.sent.packets == 0 || !live->unopposed || (f->answered && f->rx.sent.packets == 0))
		return BH_FLOW_VERDICT_UNKNOWN;
	return undelivered(core, live, &f->key.dst);
}

enum bh_flow_verdict bh_core_flow_verdict_back(const struct bh_core *core,
					       const struct bh_live_flow *live)
{
	const struct bh_flow *f = &live->flow;

	if (live->denied_back)
		return BH_FLOW_DENIED;
	if (f->rx.delivered.packets > 0)
		return BH_FLOW_DELIVERED;
	/* Who never sent under this tuple has another one, and gets its answers there. */
	if (f->rx.sent.packets == 0 || f->tx.sent.packets == 0 ||
	    live->src->kind != BH_PEER_WORKLOAD)
		return BH_FLOW_VERDICT_UNKNOWN;
	return undelivered(core, live, &f->key.src);
}
