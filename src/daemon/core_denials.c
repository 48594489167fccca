/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel denied, or would have: the packet that NFLOG copied becomes an event that names
 * both workloads and the rule that is missing, and a mark on its flow. */
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "core_api.h"
#include "core_share.h"
#include "core_traffic.h"
#include "core_trial.h"
#include "grow.h"
#include "protocol.h"
#include "ruleset.h"
#include "timefmt.h"

#define NOTE_LIFETIME (10 * BH_SECOND)
#define CROSSING (BH_SECOND / 10) /* a packet is through both ends' rules by then */

struct note {
	int64_t time;
	struct bh_tuple tuple; /* under which it is found */
	struct bh_flow_key key;
};

/* Of whoever sent it from that port, wherever to: its destination may have been translated. */
static struct bh_tuple opener_of(const struct bh_flow_key *key)
{
	struct bh_flow_key opener = { .src = key->src, .sport = key->sport, .proto = key->proto };

	opener.dst.family = key->src.family;
	return bh_tuple_of(&opener);
}

bool bh_core_denial_met(struct bh_core *core, const struct bh_flow_key *key)
{
	struct bh_tuple t = bh_tuple_of(key), opener = opener_of(key);

	if (!bh_map_remove(core->denials, &t, sizeof(t)))
		return false;
	bh_map_remove(core->denials, &opener, sizeof(opener));
	return true;
}

const struct bh_flow_key *bh_core_denial_behind(const struct bh_core *core,
						const struct bh_flow *flow)
{
	struct bh_tuple opener = opener_of(&flow->key);
	const struct note *note = bh_map_get(core->denials, &opener, sizeof(opener));

	if (note == NULL || flow->direction != BH_DIRECTION_SYN || flow->answered ||
	    note->time < flow->first - BH_SECOND || note->time > flow->last + BH_SECOND)
		return NULL;
	return &note->key;
}

static void remember(struct bh_core *core, struct bh_tuple tuple, const struct bh_denial *d)
{
	struct note *note = bh_calloc(1, sizeof(*note));

	*note = (struct note) { .time = d->time, .tuple = tuple, .key = d->key };
	bh_map_put(core->denials, &note->tuple, sizeof(note->tuple), note);
}

void bh_core_denials_tick(struct bh_core *core, int64_t now)
{
	struct note *note;

	for (size_t position = 0; (note = bh_map_next(core->denials, &position)) != NULL;) {
		struct bh_tuple tuple = note->tuple;

		if (now - note->time > NOTE_LIFETIME)
			bh_map_remove(core->denials, &tuple, sizeof(tuple));
	}
}

/* The flow that is shown for it, if it goes on. */
static struct bh_live_flow *shown(struct bh_live_flow *live)
{
	if (live != NULL && bh_core_flow_is_hidden(live))
		live = bh_core_joined_shown(live);
	return live != NULL && !live->flow.final ? live : NULL;
}

static void mark(struct bh_core *core, struct bh_live_flow *live, bool *denied)
{
	*denied = true;
	/* No other report of it may come for long. */
	if (!bh_core_tracking_waits(live))
		bh_core_traffic_note(core, live);
}

/* Marks the flow that the packet belongs to, whichever way it went, or remembers the packet until
 * its flow comes: the two travel by different roads. */
static void mark_flow(struct bh_core *core, const struct bh_denial *d)
{
	struct bh_newest newest = bh_live_flows_newest(core->flows, &d->key);
	struct bh_live_flow *there = shown(newest.there), *other = shown(newest.back);

	if (there != NULL)
		mark(core, there, &there->denied);
	else if (other != NULL)
		mark(core, other, &other->denied_back);
	if (there != NULL || other != NULL)
		return;
	remember(core, bh_tuple_of(&d->key), d);
	remember(core, opener_of(&d->key), d);
}

/* Bridged packets are logged with the bridge as interface, which is nobody's veth: then the address
 * says who, as it does for the rule. */
static void name_peer(const struct bh_core *core, uint32_t ifindex, const struct bh_addr *addr,
		      int64_t time, struct bh_peer *peer)
{
	bool veth = ifindex != 0 && bh_model_at(core->model, ifindex, time) != NULL, spoofed;

	bh_model_peer(core->model, veth ? ifindex : 0, addr, time, peer, NULL, &spoofed);
}

/* Which workload's chain spoke: its hash stands in the log prefix; of a chain about addresses, the
 * workload's own, though all of its instances may be in a share. */
static const char *chain_workload(const struct bh_core *core, const char *hash)
{
	for (size_t i = 0; core->rules != NULL && i < core->rules->chain_count; i++) {
		const struct bh_chain *chain = &core->rules->chains[i];
		char own[BH_CHAIN_HASH];

		bh_chain_hash(chain->workload, own);
		if (strcmp(chain->hash, hash) == 0 || strcmp(own, hash) == 0)
			return chain->workload;
	}
	return NULL;
}

static void question_of(const struct bh_core *core, const struct bh_denial *d,
			const struct bh_peer *src, const struct bh_peer *dst,
			struct bh_question *question)
{
	*question = (struct bh_question) { .proto = d->key.proto,
					   .port = d->key.dport,
					   .direction_unknown =
						   bh_core_is_untracked(core, &d->key, d->time),
					   .source_port = d->key.sport,
					   .sensitive = &core->config.sensitive };
	bh_core_address_subject(core, src, &d->key.src, d->time, &question->src);
	bh_core_address_subject(core, dst, &d->key.dst, d->time, &question->dst);
	bh_core_name_question(core, question);
}

static void explain(const struct bh_core *core, const struct bh_denial *d,
		    const struct bh_peer *src, const struct bh_peer *dst, char *out, size_t size)
{
	struct bh_question question;
	struct bh_answer answer = { .rule = -1 };

	if (d->kind == BH_SPOOFED || d->kind == BH_UNCLAIMED || core->policy == NULL) {
		bh_copy_text(
			out, size,
			d->kind == BH_SPOOFED
				? "the sender does not hold what it claims, or the frame is of a "
				  "kind that this port may not send"
				: "no workload claims this endpoint; the posture decides");
		return;
	}
	question_of(core, d, src, dst, &question);
	bh_policy_evaluate(core->policy, &question, &answer);
	bh_copy_text(out, size, answer.reason);
}

cJSON *bh_core_end_json(const struct bh_peer *peer, const struct bh_addr *addr, uint16_t port)
{
	cJSON *end = cJSON_CreateObject();
	char text[BH_ADDR_TEXT];

	cJSON_AddStringToObject(end, "ip", bh_addr_format(addr, text));
	cJSON_AddNumberToObject(end, "port", port);
	cJSON_AddItemToObject(end, "workload",
			      bh_core_peer_workload(peer) != NULL ? cJSON_CreateString(peer->name)
								  : cJSON_CreateNull());
	return end;
}

static const char *event_kind(const struct bh_denial *d)
{
	static const char *const kinds[] = { [BH_DENIED] = "denied",
					     [BH_WOULD_DENY] = "would-deny",
					     [BH_SPOOFED] = "spoof",
					     [BH_UNCLAIMED] = "unclaimed" };

	return kinds[d->kind];
}

/* Who sent a frame that lies: on the way in the port's own workload, whose chain spoke; on the way
 * out the chain is the receiver's, and only the interface says who sent it. NULL: not known. */
static const char *liar(const struct bh_core *core, const struct bh_denial *d, const char *workload)
{
	const struct bh_instance *sender =
		d->in_ifindex != 0 ? bh_model_at(core->model, d->in_ifindex, d->time) : NULL;

	if (sender != NULL)
		return sender->workload[0] != '\0' ? sender->workload : sender->name;
	return d->side == BH_EGRESS ? workload : NULL;
}

/* Whose the address is that it claims, IP's or else the MAC; NULL: its own, or nobody's. */
static const char *slandered(const struct bh_core *core, const struct bh_denial *d)
{
	const struct bh_instance *sender =
		d->in_ifindex != 0 ? bh_model_at(core->model, d->in_ifindex, d->time) : NULL;

	if (d->key.src.family == BH_NO_FAMILY ||
	    (sender != NULL && bh_model_held(sender, &d->key.src, d->time)))
		return bh_core_mac_owner(core, &d->mac, sender);
	return bh_core_owner(core, &d->key.src, d->time, sender);
}

/* The replica whose chain spoke; NULL: not known. */
static const struct bh_instance *replica_of(const struct bh_core *core, const struct bh_denial *d,
					    const char *workload)
{
	const struct bh_addr *own = d->side == BH_EGRESS ? &d->key.src : &d->key.dst;
	const struct bh_instance *instance = d->kind == BH_DENIED || d->kind == BH_WOULD_DENY
						     ? bh_model_holder(core->model, own, d->time)
						     : NULL;

	return instance != NULL && workload != NULL && strcmp(instance->workload, workload) == 0
		       ? instance
		       : NULL;
}

/* Where not all of the workload are treated alike: which one it was. One that is gone is in no
 * share any more, and nobody knows whether it was. */
static void name_replica(const struct bh_core *core, const struct bh_instance *replica,
			 char *reason, size_t size)
{
	char share[BH_SHARE_TEXT];
	size_t length = strlen(reason);

	if (replica == NULL || replica->until != 0 ||
	    bh_core_share(core, replica->workload) == NULL)
		return;
	snprintf(reason + length, size - length, "; %s is in %s (%s: %s)", replica->name,
		 bh_mode_name(bh_core_instance_mode(core, replica)), replica->workload,
		 bh_core_share_text(core, replica->workload, share));
}

static cJSON *denial_json(const struct bh_core *core, const struct bh_denial *d,
			  const struct bh_peer *src, const struct bh_peer *dst,
			  const char *workload, const char *reason)
{
	cJSON *json = cJSON_CreateObject();
	char proto[BH_PROTOCOL_TEXT];

	cJSON_AddStringToObject(json, "proto",
				d->ethertype == 0x0806 ? "arp"
						       : bh_protocol_format(d->key.proto, proto));
	cJSON_AddNumberToObject(json, "port", d->key.dport);
	cJSON_AddItemToObject(json, "src", bh_core_end_json(src, &d->key.src, d->key.sport));
	cJSON_AddItemToObject(json, "dst", bh_core_end_json(dst, &d->key.dst, d->key.dport));
	cJSON_AddStringToObject(json, "side", d->side == BH_EGRESS ? "egress" : "ingress");
	cJSON_AddItemToObject(json, "workload",
			      workload != NULL ? cJSON_CreateString(workload) : cJSON_CreateNull());
	if (d->kind == BH_SPOOFED) {
		cJSON_AddItemToObject(json, "sender", bh_core_text_json(liar(core, d, workload)));
		cJSON_AddItemToObject(json, "other", bh_core_text_json(slandered(core, d)));
	}
	const struct bh_instance *replica = replica_of(core, d, workload);
	bh_core_add_text(json, "replica", replica != NULL ? replica->name : NULL);
	cJSON_AddBoolToObject(json, "dropped", d->dropped);
	cJSON_AddStringToObject(json, "reason", reason);
	return json;
}

/* The line a person reads. */
static void denial_text(const struct bh_core *core, const struct bh_denial *d,
			const struct bh_peer *src, const struct bh_peer *dst, const char *workload,
			const char *reason, char *out, size_t size)
{
	char port[BH_PORT_TEXT], from[BH_ADDR_TEXT], to[BH_ADDR_TEXT];
	const char *who = liar(core, d, workload), *other = slandered(core, d);

	if (d->kind == BH_SPOOFED)
		snprintf(out, size, "%s sent a frame that claims %s%s%s%s → %s; it %s",
			 who != NULL ? who : "an endpoint", bh_addr_format(&d->key.src, from),
			 other != NULL ? " (" : "", other != NULL ? other : "",
			 other != NULL ? ")" : "", bh_addr_format(&d->key.dst, to),
			 d->dropped ? "was dropped" : "passed (audit)");
	else
		snprintf(out, size, "%s → %s %s %s: %s", src->name, dst->name,
			 d->ethertype == 0x0806 ? "arp"
						: bh_port_format(d->key.proto, d->key.dport, port),
			 d->dropped ? "refused" : "would be refused", reason);
}

/* Whether the packet's own way out was told already, as it passes the other end: one connection,
 * for one reason, is one event. */
static bool was_told(struct bh_leaving *l, const struct bh_denial *d)
{
	if (d->kind != BH_WOULD_DENY)
		return false;
	if (d->side == BH_EGRESS) {
		l->packets[l->next].time = d->time;
		l->packets[l->next].key = d->key;
		l->next = (l->next + 1) % BH_LEAVING;
		return false;
	}
	for (size_t i = 0; i < BH_LEAVING; i++)
		if (d->time - l->packets[i].time < CROSSING &&
		    bh_flow_key_equal(&l->packets[i].key, &d->key))
			return true;
	return false;
}

void bh_core_denial(struct bh_core *core, const struct bh_denial *d)
{
	const char *workload = chain_workload(core, d->hash);
	struct bh_peer src, dst;
	char reason[1024], text[1900];

	if (d->dropped && d->key.src.family != BH_NO_FAMILY)
		mark_flow(core, d);
	if (was_told(&core->leaving, d) || bh_core_was_reported(core, d))
		return;
	name_peer(core, d->in_ifindex, &d->key.src, d->time, &src);
	name_peer(core, d->out_ifindex, &d->key.dst, d->time, &dst);
	explain(core, d, &src, &dst, reason, sizeof(reason));
	name_replica(core, replica_of(core, d, workload), reason, sizeof(reason));
	denial_text(core, d, &src, &dst, workload, reason, text, sizeof(text));
	bh_core_event_json(core, event_kind(d), text,
			   denial_json(core, d, &src, &dst, workload, reason));
	if (d->kind == BH_DENIED && core->trial.stored.number != 0) {
		struct bh_question question;

		question_of(core, d, &src, &dst, &question);
		bh_core_trial_denied(core, &question);
	}
}
