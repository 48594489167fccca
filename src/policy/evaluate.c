/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection between two workloads is two workloads' business: one rule allows it for both ends,
 * and where there is none either end refuses. Who is not known matches nothing, and the answer then
 * says that it is not known rather than that it is forbidden; refused it is all the same.
 */
#include "evaluate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "dns_name.h"
#include "grow.h"
#include "peer.h"
#include "port.h"
#include "protocol.h"
#include "sensitive.h"

#define NAME_SHOWN 200 /* bytes of a name that a reason has room for */

static bool has_labels(const struct bh_policy_workload *w, const struct bh_subject *s)
{
	for (size_t i = 0; i < w->label_count; i++) {
		const char *value = s->label != NULL ? s->label(s->labels, w->labels[i].key) : NULL;

		if (!bh_policy_label_holds(&w->labels[i], value))
			return false;
	}
	return w->label_count > 0;
}

static bool is_workload(const struct bh_subject *s)
{
	return s->peer->kind == BH_PEER_WORKLOAD;
}

static bool is_unknown(const struct bh_subject *s)
{
	return s->peer->kind == BH_PEER_UNRESOLVED || s->peer->kind == BH_PEER_DEPARTED;
}

static bool is_called(const char *pattern, const struct bh_subject *s)
{
	const char *name = s->dns != NULL ? s->dns : bh_peer_dns(s->peer);

	return name != NULL && bh_dns_pattern_matches(pattern, name);
}

bool bh_policy_peer_matches(const struct bh_policy *policy, const struct bh_policy_peer *peer,
			    const struct bh_subject *s)
{
	uint8_t kind = s->peer->kind;
	bool named = kind == BH_PEER_ADDRESS || kind == BH_PEER_DNS;
	bool outside = named || kind == BH_PEER_WORLD || kind == BH_PEER_METADATA;

	switch (peer->kind) {
	case BH_POLICY_WORKLOAD:
		return kind == BH_PEER_WORKLOAD &&
		       has_labels(&policy->workloads[peer->workload], s);
	case BH_POLICY_HOST:
		return kind == BH_PEER_HOST || kind == BH_PEER_MASKED;
	case BH_POLICY_WORLD:
		return outside;
	case BH_POLICY_PREFIX:
		return (outside || kind == BH_PEER_MULTICAST ||
			(peer->containers && kind == BH_PEER_WORKLOAD)) &&
		       bh_policy_prefix_holds(peer, &s->addr);
	case BH_POLICY_METADATA:
		return kind == BH_PEER_METADATA;
	case BH_POLICY_MULTICAST:
		return kind == BH_PEER_MULTICAST;
	case BH_POLICY_DNS:
		return named && is_called(peer->name, s);
	}
	return false;
}

/* Of containers whose address is denied it does not matter whether anybody knows whose they are. */
static bool is_denied_container(const struct bh_policy_rule *rule,
				const struct bh_policy_peer *peer, const struct bh_subject *s)
{
	return bh_rank_denies(rule->rank) && peer->kind == BH_POLICY_PREFIX && peer->containers &&
	       is_unknown(s) && bh_policy_prefix_holds(peer, &s->addr);
}

/* What is sent to many stays within: no denial of what is outside is about it. */
static bool is_group_within(const struct bh_policy_rule *rule, const struct bh_policy_peer *peer,
			    const struct bh_subject *s)
{
	return bh_rank_denies(rule->rank) && peer->kind == BH_POLICY_PREFIX && !peer->containers &&
	       s->peer->kind == BH_PEER_MULTICAST && !bh_addr_is_multicast(&peer->prefix.addr);
}

static bool speaks_of(const struct bh_policy *policy, const struct bh_policy_rule *rule,
		      const struct bh_policy_peer *peer, const struct bh_subject *s)
{
	if (is_group_within(rule, peer, s))
		return false;
	return bh_policy_peer_matches(policy, peer, s) || is_denied_container(rule, peer, s);
}

/* The metadata service hands out credentials: who may call the world may not call it. What is kept
 * from the world is kept from it as well. */
static bool is_kept_back(const struct bh_policy_rule *rule, const struct bh_policy_peer *to,
			 const struct bh_subject *s)
{
	return !bh_rank_denies(rule->rank) && to->kind == BH_POLICY_WORLD &&
	       s->peer->kind == BH_PEER_METADATA;
}

/* The first of one end's peers that speaks of the subject there. own_end: it is judged there. At
 * its own end a container is spoken of by a workload's entry alone: its chain does not know which
 * of the replicas' addresses a packet has. */
static const struct bh_policy_peer *find_peer(const struct bh_policy *policy,
					      const struct bh_policy_rule *rule,
					      const struct bh_policy_peers *end,
					      const struct bh_subject *s, bool own_end)
{
	for (size_t i = 0; i < end->count; i++) {
		const struct bh_policy_peer *peer = &end->items[i];

		if ((own_end && peer->kind != BH_POLICY_WORKLOAD) ||
		    (end == &rule->to && is_kept_back(rule, peer, s)))
			continue;
		if (speaks_of(policy, rule, peer, s))
			return peer;
	}
	return NULL;
}

/* A rule, and which of its peers and ports. */
struct match {
	int rule; /* −1: none */
	const struct bh_policy_peer *from;
	const struct bh_policy_peer *to;
	const struct bh_policy_port *port;
};

/* What is judged at one end, in one orientation: src opens port to dst. */
struct view {
	enum bh_side side;
	bool anywhere; /* at neither end in particular */
	const struct bh_subject *src;
	const struct bh_subject *dst;
	uint8_t proto;
	uint16_t port;
};

bool bh_policy_peers_match(const struct bh_policy *policy, const struct bh_policy_peers *peers,
			   const struct bh_subject *subject)
{
	for (size_t i = 0; i < peers->count; i++)
		if (bh_policy_peer_matches(policy, &peers->items[i], subject))
			return true;
	return false;
}

uint16_t bh_policy_port_of(const struct bh_policy_port *port, const void *labels,
			   const char *(*label)(const void *labels, const char *key))
{
	char key[sizeof(BH_PORT_LABEL) + BH_POLICY_PORT_TEXT];
	const char *value;

	snprintf(key, sizeof(key), BH_PORT_LABEL "%s", port->name);
	value = label != NULL ? label(labels, key) : NULL;
	long number = value != NULL ? strtol(value, NULL, 10) : 0;
	return number > 0 && number <= UINT16_MAX ? (uint16_t)number : 0;
}

/* What a name stands for its destination says. dst: NULL: nobody is asked. */
static const struct bh_policy_port *find_port(const struct bh_policy_rule *rule,
					      const struct bh_subject *dst, uint8_t proto,
					      uint16_t number)
{
	for (size_t i = 0; i < rule->port_count; i++) {
		const struct bh_policy_port *port = &rule->ports[i];

		if (!bh_policy_port_matches(port, proto, number))
			continue;
		if (port->name == NULL || dst == NULL ||
		    (number != 0 && number == bh_policy_port_of(port, dst->labels, dst->label)))
			return port;
	}
	return NULL;
}

static bool match_rule(const struct bh_policy *policy, size_t rule, const struct view *v,
		       struct match *match)
{
	const struct bh_policy_rule *r = &policy->rules[rule];
	bool at_egress = !v->anywhere && v->side == BH_EGRESS;
	bool at_ingress = !v->anywhere && v->side == BH_INGRESS;

	*match = (struct match) { .rule = (int)rule,
				  .port = find_port(r, v->dst, v->proto, v->port) };
	if (match->port != NULL)
		match->from = find_peer(policy, r, &r->from, v->src, at_egress);
	if (match->from != NULL)
		match->to = find_peer(policy, r, &r->to, v->dst, at_ingress);
	return match->to != NULL;
}

/* The first of the rules of the highest rank. */
static struct match find_rule(const struct bh_policy *policy, const struct view *v)
{
	struct match best = { .rule = -1 }, match;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct bh_policy_rule *r = &policy->rules[i];

		if (r->over || !bh_policy_rule_is_at(r, v->side) ||
		    (best.rule >= 0 && r->rank <= policy->rules[best.rule].rank))
			continue;
		if (match_rule(policy, i, v, &match))
			best = match;
		if (best.rule == (int)i && r->rank == policy->top_rank)
			break;
	}
	return best;
}

bool bh_policy_is_open(const struct bh_policy *policy, const struct bh_subject *s,
		       enum bh_side side)
{
	uint8_t strictest = BH_DEFAULT_UNSAID;

	for (size_t i = 0; policy->has_open && i < policy->workload_count; i++) {
		const struct bh_policy_workload *w = &policy->workloads[i];

		if (w->defaults[side] > strictest && has_labels(w, s))
			strictest = w->defaults[side];
	}
	if (strictest == BH_DEFAULT_UNSAID)
		strictest = policy->defaults[side];
	return strictest == BH_DEFAULT_ALLOW;
}

/* What an end's rules and its default say. */
struct ruling {
	bool judges; /* a workload is there */
	bool allowed;
	struct match match; /* rule −1: none, it is the default */
};

/* self: who is judged, one end of the view. */
static struct ruling rule_on(const struct bh_policy *policy, const struct view *v,
			     const struct bh_subject *self)
{
	struct ruling r = { .judges = true, .match = find_rule(policy, v) };

	r.allowed = r.match.rule >= 0 ? !bh_rank_denies(policy->rules[r.match.rule].rank)
				      : bh_policy_is_open(policy, self, v->side);
	return r;
}

/* Where nobody knows the direction either will do. */
static struct ruling judge(const struct bh_policy *policy, const struct bh_question *q,
			   enum bh_side side)
{
	const struct bh_subject *self = side == BH_EGRESS ? &q->src : &q->dst;
	struct view there = { side, false, &q->src, &q->dst, q->proto, q->port };
	struct view back = { side == BH_EGRESS ? BH_INGRESS : BH_EGRESS,
			     false,
			     &q->dst,
			     &q->src,
			     q->proto,
			     q->source_port };

	if (!is_workload(self))
		return (struct ruling) { .allowed = true, .match = { .rule = -1 } };
	struct ruling first = rule_on(policy, &there, self);
	if (first.allowed || !q->direction_unknown)
		return first;
	struct ruling second = rule_on(policy, &back, self);
	return second.allowed ? second : first;
}

bool bh_policy_rule_allows(const struct bh_policy *policy, size_t rule,
			   const struct bh_question *question)
{
	const struct view view = { .anywhere = true,
				   .src = &question->src,
				   .dst = &question->dst,
				   .proto = question->proto,
				   .port = question->port };
	struct match match;

	return !policy->rules[rule].over && !bh_rank_denies(policy->rules[rule].rank) &&
	       match_rule(policy, rule, &view, &match);
}

static void put_rule(const struct bh_policy *policy, const struct match *match, struct bh_answer *a)
{
	char from[NAME_SHOWN], to[NAME_SHOWN], port[BH_POLICY_PORT_TEXT];
	const struct bh_policy_rule *rule = &policy->rules[match->rule];

	bh_policy_peer_text(policy, match->from, from, sizeof(from));
	bh_policy_peer_text(policy, match->to, to, sizeof(to));
	snprintf(a->reason, sizeof(a->reason), "rule %d: %s%s → %s %s%s", match->rule + 1,
		 bh_policy_rank_text(rule), from, to, bh_policy_port_format(match->port, port),
		 bh_policy_ends_text(rule));
}

/* Told of is a rule that allows it, before a default that does. */
static void allow(const struct bh_policy *policy, const struct ruling ends[2], struct bh_answer *a)
{
	const struct match *match = &ends[BH_EGRESS].match;

	if (match->rule < 0)
		match = &ends[BH_INGRESS].match;
	a->verdict = BH_ALLOW;
	a->rule = match->rule;
	if (match->rule >= 0)
		put_rule(policy, match, a);
	else
		bh_copy_text(a->reason, sizeof(a->reason),
			     "no rule speaks of it, and what no rule speaks of passes there");
}

static uint8_t mode_of(const struct bh_subject *s)
{
	return is_workload(s) ? s->mode : (uint8_t)BH_LEARN;
}

/* In the words of whoever went there. */
static void destination_text(const struct bh_subject *s, char out[NAME_SHOWN])
{
	if (s->dns != NULL && s->peer->kind == BH_PEER_ADDRESS)
		snprintf(out, NAME_SHOWN, "%.*s (%s)", NAME_SHOWN - BH_ADDR_TEXT - 4, s->dns,
			 s->peer->name);
	else
		bh_copy_text(out, NAME_SHOWN, bh_peer_text(s->peer));
}

static bool is_to_sensitive_port(const struct bh_question *q)
{
	return bh_is_sensitive(q->sensitive, q->proto, q->port) ||
	       (q->direction_unknown && bh_is_sensitive(q->sensitive, q->proto, q->source_port));
}

/* From this side. Whoever holds the metadata service's address answers for it. */
static bool leads_outside(const struct bh_question *q, enum bh_side side)
{
	if (side == BH_INGRESS)
		return bh_peer_is_outside(q->src.peer);
	return bh_peer_is_outside(q->dst.peer) || bh_addr_is_metadata(&q->dst.addr);
}

static uint8_t mode_at(const struct bh_question *q, enum bh_side side)
{
	return mode_of(side == BH_EGRESS ? &q->src : &q->dst);
}

/* What a side's mode comes to for this flow. */
static uint8_t treatment(const struct bh_question *q, enum bh_side side)
{
	uint8_t mode = mode_at(q, side);

	if (mode != BH_STAGE1)
		return mode;
	return is_to_sensitive_port(q) || leads_outside(q, side) ? BH_ENFORCE : BH_AUDIT;
}

static const char *stage_text(const struct bh_question *q, enum bh_side side)
{
	if (mode_at(q, side) != BH_STAGE1)
		return "";
	if (is_to_sensitive_port(q))
		return "; stage 1: refused, as the port is sensitive";
	return leads_outside(q, side) ? "; stage 1: refused, as the other end is outside"
				      : "; stage 1: passes, as it is not urgent";
}

static bool refuses(const struct ruling *end)
{
	return end->judges && !end->allowed;
}

static void put_missing(const struct bh_question *q, struct bh_answer *a)
{
	char from[NAME_SHOWN], to[NAME_SHOWN], port[BH_PORT_TEXT];

	bh_copy_text(from, sizeof(from), bh_peer_text(q->src.peer));
	destination_text(&q->dst, to);
	snprintf(a->reason, sizeof(a->reason), "no rule lets %s open %s to %s%s", from,
		 bh_port_format(q->proto, q->port, port), to,
		 q->direction_unknown ? ", nor the other way round" : "");
}

/* Who refuses: the stricter of the ends that do, the sender where both are alike. */
static void deny(const struct bh_policy *policy, const struct bh_question *q,
		 const struct ruling ends[2], struct bh_answer *a)
{
	bool out = refuses(&ends[BH_EGRESS]), in = refuses(&ends[BH_INGRESS]);
	uint8_t src_mode = out ? treatment(q, BH_EGRESS) : (uint8_t)BH_LEARN;
	uint8_t dst_mode = in ? treatment(q, BH_INGRESS) : (uint8_t)BH_LEARN;
	bool egress = out && (!in || src_mode >= dst_mode);
	size_t length;

	a->verdict = BH_DENY;
	a->side = egress ? BH_EGRESS : BH_INGRESS;
	a->workload = egress ? q->src.peer->name : q->dst.peer->name;
	a->blocked = src_mode == BH_ENFORCE || dst_mode == BH_ENFORCE;
	a->audited = src_mode == BH_AUDIT || dst_mode == BH_AUDIT;
	a->rule = ends[a->side].match.rule;
	if (a->rule >= 0)
		put_rule(policy, &ends[a->side].match, a);
	else
		put_missing(q, a);
	length = strlen(a->reason);
	bh_copy_text(a->reason + length, sizeof(a->reason) - length, stage_text(q, a->side));
}

/* Nobody knows who it is, so nobody knows what a rule would say; it has no right until then. */
static void note_unknown(const struct bh_question *q, struct bh_answer *a)
{
	const struct bh_subject *who = is_unknown(&q->src) ? &q->src : &q->dst;
	char name[NAME_SHOWN];

	bh_copy_text(name, sizeof(name), who->peer->name);
	a->verdict = BH_UNCERTAIN;
	snprintf(a->reason, sizeof(a->reason),
		 who->peer->kind == BH_PEER_DEPARTED
			 ? "%s is gone: nobody knows who holds its address"
			 : "%s belongs to nobody that is known, and matches no rule",
		 name);
}

/* Whether it is one that a rule may speak of by its address, which nobody knows. */
static bool is_unaddressed(const struct bh_policy *policy, const struct bh_subject *s)
{
	uint8_t kind = s->peer->kind;

	return s->addr.family == BH_NO_FAMILY &&
	       (kind == BH_PEER_DNS || kind == BH_PEER_WORLD ||
		(kind == BH_PEER_WORKLOAD && policy->has_containers));
}

/* Whether one of the peers speaks of addresses, one of which the subject may have. */
static bool any_may_be(const struct bh_policy *policy, const struct bh_policy_peers *peers,
		       const struct bh_subject *s)
{
	bool held = s->peer->kind == BH_PEER_WORKLOAD;

	for (size_t i = 0; is_unaddressed(policy, s) && i < peers->count; i++)
		if (peers->items[i].kind == BH_POLICY_PREFIX &&
		    (!held || peers->items[i].containers))
			return true;
	return false;
}

/* Whether a rule that speaks of addresses says otherwise, and counts more than the one that
 * decided, if an end has one of those; *who: that end. */
static bool may_be_otherwise(const struct bh_policy *policy, const struct bh_question *q,
			     const struct bh_answer *a, const struct bh_subject **who)
{
	int decided = a->rule >= 0 ? policy->rules[a->rule].rank : -1;

	if (!is_unaddressed(policy, &q->src) && !is_unaddressed(policy, &q->dst))
		return false;
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct bh_policy_rule *r = &policy->rules[i];

		if (r->over || r->rank <= decided ||
		    bh_rank_denies(r->rank) != (a->verdict == BH_ALLOW) ||
		    find_port(r, NULL, q->proto, q->port) == NULL)
			continue;
		bool from = any_may_be(policy, &r->from, &q->src),
		     to = any_may_be(policy, &r->to, &q->dst);
		*who = to ? &q->dst : &q->src;
		if ((from || to) &&
		    (from || find_peer(policy, r, &r->from, &q->src, false) != NULL) &&
		    (to || find_peer(policy, r, &r->to, &q->dst, false) != NULL))
			return true;
	}
	return false;
}

static void note_unaddressed(const struct bh_subject *who, struct bh_answer *a)
{
	a->verdict = BH_UNCERTAIN;
	snprintf(a->reason, sizeof(a->reason),
		 "the rules speak of addresses, and nobody knows those of %.*s", NAME_SHOWN,
		 bh_peer_text(who->peer));
}

/* Whether it is one of those that rules may speak of, if only it were known. */
static bool is_uncertain(const struct bh_policy *policy, const struct bh_question *q,
			 const struct bh_answer *a)
{
	return a->rule < 0 && (is_unknown(&q->src) || is_unknown(&q->dst)) &&
	       (a->verdict == BH_DENY || policy->denies);
}

void bh_policy_evaluate(const struct bh_policy *policy, const struct bh_question *q,
			struct bh_answer *a)
{
	const struct bh_subject *who;
	struct ruling ends[2];

	*a = (struct bh_answer) { .verdict = BH_ALLOW, .rule = -1 };
	if (!is_workload(&q->src) && !is_workload(&q->dst)) {
		bh_copy_text(a->reason, sizeof(a->reason),
			     "neither end is a workload: not this policy's business");
		return;
	}
	ends[BH_EGRESS] = judge(policy, q, BH_EGRESS);
	/* Most policies say the same at both ends. */
	bool alike = ends[BH_EGRESS].judges && is_workload(&q->dst) && !policy->one_sided &&
		     !policy->has_open && !policy->has_containers;
	ends[BH_INGRESS] = alike ? ends[BH_EGRESS] : judge(policy, q, BH_INGRESS);
	if (refuses(&ends[BH_EGRESS]) || refuses(&ends[BH_INGRESS]))
		deny(policy, q, ends, a);
	else
		allow(policy, ends, a);
	if (is_uncertain(policy, q, a))
		note_unknown(q, a);
	else if (may_be_otherwise(policy, q, a, &who))
		note_unaddressed(who, a);
}
