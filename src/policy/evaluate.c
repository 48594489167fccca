/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection between two workloads is two workloads' business: one rule allows it for both ends,
 * and where there is none either end refuses. Who is not known matches nothing, and the answer then
 * says that it is not known rather than that it is forbidden; refused it is all the same.
 */
#include "evaluate.h"

#include <stdio.h>
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

		if (value == NULL || strcmp(value, w->labels[i].value) != 0)
			return false;
	}
	return w->label_count > 0;
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
		return (outside || kind == BH_PEER_MULTICAST) &&
		       bh_prefix_contains(&peer->prefix, &s->addr);
	case BH_POLICY_METADATA:
		return kind == BH_PEER_METADATA;
	case BH_POLICY_MULTICAST:
		return kind == BH_PEER_MULTICAST;
	case BH_POLICY_DNS:
		return named && is_called(peer->name, s);
	}
	return false;
}

/* The metadata service hands out credentials: who may call the world may not call it. */
static bool is_destination(const struct bh_policy *policy, const struct bh_policy_peer *to,
			   const struct bh_subject *s)
{
	return !(to->kind == BH_POLICY_WORLD && s->peer->kind == BH_PEER_METADATA) &&
	       bh_policy_peer_matches(policy, to, s);
}

/* A rule, and which of its peers and ports. */
struct match {
	int rule; /* −1: none */
	const struct bh_policy_peer *from;
	const struct bh_policy_peer *to;
	const struct bh_policy_port *port;
};

static const struct bh_policy_peer *find_source(const struct bh_policy *policy,
						const struct bh_policy_peers *from,
						const struct bh_subject *s)
{
	for (size_t i = 0; i < from->count; i++)
		if (bh_policy_peer_matches(policy, &from->items[i], s))
			return &from->items[i];
	return NULL;
}

bool bh_policy_peers_match(const struct bh_policy *policy, const struct bh_policy_peers *peers,
			   const struct bh_subject *subject)
{
	return find_source(policy, peers, subject) != NULL;
}

static const struct bh_policy_peer *find_destination(const struct bh_policy *policy,
						     const struct bh_policy_peers *to,
						     const struct bh_subject *s)
{
	for (size_t i = 0; i < to->count; i++)
		if (is_destination(policy, &to->items[i], s))
			return &to->items[i];
	return NULL;
}

static const struct bh_policy_port *find_port(const struct bh_policy_rule *rule, uint8_t proto,
					      uint16_t port)
{
	for (size_t i = 0; i < rule->port_count; i++)
		if (bh_policy_port_matches(&rule->ports[i], proto, port))
			return &rule->ports[i];
	return NULL;
}

static bool match_rule(const struct bh_policy *policy, size_t rule, const struct bh_subject *src,
		       const struct bh_subject *dst, uint8_t proto, uint16_t port,
		       struct match *match)
{
	const struct bh_policy_rule *r = &policy->rules[rule];

	*match = (struct match) { .rule = (int)rule, .port = find_port(r, proto, port) };
	if (match->port != NULL)
		match->from = find_source(policy, &r->from, src);
	if (match->from != NULL)
		match->to = find_destination(policy, &r->to, dst);
	return match->to != NULL;
}

static struct match find_rule(const struct bh_policy *policy, const struct bh_subject *src,
			      const struct bh_subject *dst, uint8_t proto, uint16_t port)
{
	struct match match;

	for (size_t i = 0; i < policy->rule_count; i++)
		if (match_rule(policy, i, src, dst, proto, port, &match))
			return match;
	return (struct match) { .rule = -1 };
}

bool bh_policy_rule_allows(const struct bh_policy *policy, size_t rule, const struct bh_question *q)
{
	struct match match;

	return match_rule(policy, rule, &q->src, &q->dst, q->proto, q->port, &match);
}

static bool is_workload(const struct bh_subject *s)
{
	return s->peer->kind == BH_PEER_WORKLOAD;
}

static bool is_unknown(const struct bh_subject *s)
{
	return s->peer->kind == BH_PEER_UNRESOLVED || s->peer->kind == BH_PEER_DEPARTED;
}

static void allow(const struct bh_policy *policy, const struct match *match, struct bh_answer *a)
{
	char from[NAME_SHOWN], to[NAME_SHOWN], port[BH_POLICY_PORT_TEXT];

	bh_policy_peer_text(policy, match->from, from, sizeof(from));
	bh_policy_peer_text(policy, match->to, to, sizeof(to));
	a->verdict = BH_ALLOW;
	a->rule = match->rule;
	snprintf(a->reason, sizeof(a->reason), "rule %d: %s → %s %s", match->rule + 1, from, to,
		 bh_policy_port_format(match->port, port));
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

/* Who refuses: the stricter of the two ends, the sender's where both are alike. */
static void deny(const struct bh_question *q, struct bh_answer *a)
{
	uint8_t src_mode = treatment(q, BH_EGRESS), dst_mode = treatment(q, BH_INGRESS);
	bool egress = is_workload(&q->src) && (!is_workload(&q->dst) || src_mode >= dst_mode);
	char from[NAME_SHOWN], to[NAME_SHOWN], port[BH_PORT_TEXT];

	a->verdict = BH_DENY;
	a->side = egress ? BH_EGRESS : BH_INGRESS;
	a->workload = egress ? q->src.peer->name : q->dst.peer->name;
	a->blocked = src_mode == BH_ENFORCE || dst_mode == BH_ENFORCE;
	a->audited = src_mode == BH_AUDIT || dst_mode == BH_AUDIT;
	bh_copy_text(from, sizeof(from), bh_peer_text(q->src.peer));
	destination_text(&q->dst, to);
	snprintf(a->reason, sizeof(a->reason), "no rule lets %s open %s to %s%s%s", from,
		 bh_port_format(q->proto, q->port, port), to,
		 q->direction_unknown ? ", nor the other way round" : "", stage_text(q, a->side));
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

static bool speaks_of_addresses(const struct bh_policy_peers *peers)
{
	for (size_t i = 0; i < peers->count; i++)
		if (peers->items[i].kind == BH_POLICY_PREFIX)
			return true;
	return false;
}

/* Whether a rule that speaks of addresses allows it, if the destination has one of those. */
static bool may_be_allowed(const struct bh_policy *policy, const struct bh_question *q)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct bh_policy_rule *r = &policy->rules[i];

		if (speaks_of_addresses(&r->to) && find_port(r, q->proto, q->port) != NULL &&
		    find_source(policy, &r->from, &q->src) != NULL)
			return true;
	}
	return false;
}

static void note_unaddressed(const struct bh_question *q, struct bh_answer *a)
{
	a->verdict = BH_UNCERTAIN;
	snprintf(a->reason, sizeof(a->reason),
		 "the rules speak of addresses, and nobody knows those of %.*s", NAME_SHOWN,
		 q->dst.peer->name);
}

void bh_policy_evaluate(const struct bh_policy *policy, const struct bh_question *q,
			struct bh_answer *a)
{
	*a = (struct bh_answer) { .verdict = BH_ALLOW, .rule = -1 };
	if (!is_workload(&q->src) && !is_workload(&q->dst)) {
		bh_copy_text(a->reason, sizeof(a->reason),
			     "neither end is a workload: not this policy's business");
		return;
	}
	struct match match = find_rule(policy, &q->src, &q->dst, q->proto, q->port);
	if (match.rule < 0 && q->direction_unknown)
		match = find_rule(policy, &q->dst, &q->src, q->proto, q->source_port);
	if (match.rule >= 0) {
		allow(policy, &match, a);
		return;
	}
	deny(q, a);
	if (is_unknown(&q->src) || is_unknown(&q->dst))
		note_unknown(q, a);
	else if (q->dst.peer->kind == BH_PEER_DNS && q->dst.addr.family == BH_NO_FAMILY &&
		 may_be_allowed(policy, q))
		note_unaddressed(q, a);
}
