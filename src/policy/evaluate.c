/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "evaluate.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "grow.h"
#include "protocol.h"

static bool has_labels(const struct bh_policy_workload *w, const struct bh_subject *s)
{
	for (size_t i = 0; i < w->label_count; i++) {
		const char *value = s->label != NULL ? s->label(s->labels, w->labels[i].key) : NULL;

		if (value == NULL || strcmp(value, w->labels[i].value) != 0)
			return false;
	}
	return w->label_count > 0;
}

/* A prefix stands for addresses outside: it never gives a right to or over a workload, or this
 * host. */
bool bh_policy_peer_matches(const struct bh_policy *policy, const struct bh_policy_peer *peer,
			    const struct bh_subject *s)
{
	uint8_t kind = s->peer->kind;

	switch (peer->kind) {
	case BH_POLICY_WORKLOAD:
		return kind == BH_PEER_WORKLOAD &&
		       has_labels(&policy->workloads[peer->workload], s);
	case BH_POLICY_HOST:
		return kind == BH_PEER_HOST;
	case BH_POLICY_WORLD:
		return kind == BH_PEER_WORLD || kind == BH_PEER_ADDRESS || kind == BH_PEER_METADATA;
	case BH_POLICY_PREFIX:
		return (kind == BH_PEER_ADDRESS || kind == BH_PEER_METADATA ||
			kind == BH_PEER_MULTICAST || kind == BH_PEER_WORLD) &&
		       bh_prefix_contains(&peer->prefix, &s->addr);
	case BH_POLICY_METADATA:
		return kind == BH_PEER_METADATA;
	case BH_POLICY_MULTICAST:
		return kind == BH_PEER_MULTICAST;
	}
	return false;
}

static bool port_matches(const struct bh_policy_port *p, uint8_t proto, uint16_t port)
{
	if (p->proto != proto)
		return false;
	/* ICMP's port is type * 256 + code; rules speak of types. */
	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		port = port >> 8;
	else if (!bh_protocol_has_ports(proto))
		return true;
	return port >= p->first && port <= p->last;
}

static int find_rule(const struct bh_policy *policy, const struct bh_subject *src,
		     const struct bh_subject *dst, uint8_t proto, uint16_t port)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct bh_policy_rule *r = &policy->rules[i];

		for (size_t j = 0; j < r->port_count; j++)
			if (port_matches(&r->ports[j], proto, port) &&
			    bh_policy_peer_matches(policy, &r->from, src) &&
			    bh_policy_peer_matches(policy, &r->to, dst))
				return (int)i;
	}
	return -1;
}

static bool is_workload(const struct bh_subject *s)
{
	return s->peer->kind == BH_PEER_WORKLOAD;
}

static bool is_unknown(const struct bh_subject *s)
{
	return s->peer->kind == BH_PEER_UNRESOLVED || s->peer->kind == BH_PEER_DEPARTED;
}

static void allow(const struct bh_policy *policy, int rule, struct bh_answer *a)
{
	char text[400];

	a->verdict = BH_ALLOW;
	a->rule = rule;
	bh_policy_rule_text(policy, (size_t)rule, text, sizeof(text));
	snprintf(a->reason, sizeof(a->reason), "rule %d: %.400s", rule + 1, text);
}

/* Who refuses: the strictest of the two ends, the sender's where both are alike. */
static void deny(const struct bh_question *q, struct bh_answer *a)
{
	bool egress = is_workload(&q->src) && (!is_workload(&q->dst) || q->src.mode >= q->dst.mode);
	const struct bh_subject *who = egress ? &q->src : &q->dst;
	char port[BH_PORT_TEXT];

	a->verdict = BH_DENY;
	a->side = egress ? BH_EGRESS : BH_INGRESS;
	a->workload = who->peer->name;
	a->blocked = who->mode == BH_ENFORCE;
	a->audited = !a->blocked && who->mode == BH_AUDIT;
	snprintf(a->reason, sizeof(a->reason), "no rule lets %.160s open %s to %.160s",
		 q->src.peer->name, bh_port_format(q->proto, q->port, port), q->dst.peer->name);
}

void bh_policy_evaluate(const struct bh_policy *policy, const struct bh_question *q,
			struct bh_answer *a)
{
	*a = (struct bh_answer) { .rule = -1 };
	if (!is_workload(&q->src) && !is_workload(&q->dst)) {
		a->verdict = is_unknown(&q->src) || is_unknown(&q->dst) ? BH_UNCERTAIN : BH_ALLOW;
		bh_copy_text(a->reason, sizeof(a->reason), "neither end is a workload");
		return;
	}
	int rule = find_rule(policy, &q->src, &q->dst, q->proto, q->port);
	if (rule < 0 && q->direction_unknown)
		rule = find_rule(policy, &q->dst, &q->src, q->proto, q->source_port);
	if (rule >= 0) {
		allow(policy, rule, a);
		return;
	}
	deny(q, a);
	/* Whoever it is has no right; but nobody knows who it is. */
	if (is_unknown(&q->src) || is_unknown(&q->dst)) {
		a->verdict = BH_UNCERTAIN;
		snprintf(a->reason, sizeof(a->reason), "%.200s is not known to be anybody's",
			 is_unknown(&q->src) ? q->src.peer->name : q->dst.peer->name);
	}
}
