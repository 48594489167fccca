/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Endpoints are put into groups by workload; each policy peer is matched once against each group,
 * through the evaluator; a rule then spells itself out for the groups that its ends stand for.
 * Everything is sorted, so that the same input gives the same ruleset, byte for byte.
 */
#include "compile.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "grow.h"
#include "map.h"
#include "protocol.h"
#include "ruleset.h"

/* The present endpoints of one workload. */
struct group {
	const char *workload;
	uint8_t mode;
	const struct bh_compile_endpoint *first; /* whose labels speak for all */
	const struct bh_compile_endpoint **members;
	size_t member_count, member_capacity;
	bool *matches; /* by the policy's workloads */
};

struct compiler {
	const struct bh_compile_input *input;
	struct group *groups;
	size_t group_count;
	struct bh_ruleset *rules;
};

/* --- groups ----------------------------------------------------------------------------------- */

static int compare_endpoints(const void *a, const void *b)
{
	const struct bh_compile_endpoint *x = *(const struct bh_compile_endpoint *const *)a;
	const struct bh_compile_endpoint *y = *(const struct bh_compile_endpoint *const *)b;
	int order = strcmp(x->workload, y->workload);

	return order != 0 ? order
			  : (x->fact->ifindex > y->fact->ifindex) -
				    (x->fact->ifindex < y->fact->ifindex);
}

static const struct bh_compile_endpoint **sorted_endpoints(const struct bh_compile_input *in)
{
	const struct bh_compile_endpoint **all = bh_calloc(in->endpoint_count, sizeof(*all));

	for (size_t i = 0; i < in->endpoint_count; i++)
		all[i] = &in->endpoints[i];
	qsort(all, in->endpoint_count, sizeof(*all), compare_endpoints);
	return all;
}

static void match_peers(const struct bh_policy *policy, struct group *g)
{
	struct bh_peer peer = { .kind = BH_PEER_WORKLOAD };
	struct bh_subject subject = { .peer = &peer,
				      .labels = g->first->labels,
				      .label = g->first->label };

	bh_copy_text(peer.name, sizeof(peer.name), g->workload);
	g->matches = bh_calloc(policy->workload_count, sizeof(*g->matches));
	for (size_t i = 0; i < policy->workload_count; i++) {
		struct bh_policy_peer entry = { .kind = BH_POLICY_WORKLOAD, .workload = i };

		g->matches[i] = bh_policy_peer_matches(policy, &entry, &subject);
	}
}

static void make_groups(struct compiler *c, const struct bh_compile_endpoint **all)
{
	c->groups = bh_calloc(c->input->endpoint_count, sizeof(*c->groups));
	for (size_t i = 0; i < c->input->endpoint_count; i++) {
		const struct bh_compile_endpoint *e = all[i];
		struct group *g = c->group_count > 0 ? &c->groups[c->group_count - 1] : NULL;

		if (e->workload[0] == '\0')
			continue;
		if (g == NULL || strcmp(g->workload, e->workload) != 0) {
			g = &c->groups[c->group_count++];
			*g = (struct group) { .workload = e->workload,
					      .mode = e->mode,
					      .first = e };
		}
		g->members = bh_grow(g->members, &g->member_capacity, g->member_count + 1,
				     sizeof(*g->members));
		g->members[g->member_count++] = e;
	}
	for (size_t i = 0; c->input->policy != NULL && i < c->group_count; i++)
		match_peers(c->input->policy, &c->groups[i]);
}

static void free_groups(struct compiler *c)
{
	for (size_t i = 0; i < c->group_count; i++) {
		free(c->groups[i].members);
		free(c->groups[i].matches);
	}
	free(c->groups);
}

static bool stands_for(const struct group *g, const struct bh_policy_peer *peer)
{
	return peer->kind == BH_POLICY_WORKLOAD && g->matches[peer->workload];
}

/* --- permits ---------------------------------------------------------------------------------- */

static bool is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

/* ICMP is IPv4's alone, ICMPv6 IPv6's. */
static bool fits_family(uint8_t proto, uint8_t family)
{
	return !is_icmp(proto) || family == BH_NO_FAMILY ||
	       (proto == IPPROTO_ICMP) == (family == BH_IPV4);
}

static void add_permit(struct bh_chain *chain, enum bh_permit_kind kind,
		       const struct bh_prefix *peer, const struct bh_policy_rule *rule)
{
	for (size_t i = 0; i < rule->port_count; i++) {
		const struct bh_policy_port *port = &rule->ports[i];
		bool numbered = is_icmp(port->proto) || bh_protocol_has_ports(port->proto);

		if (!fits_family(port->proto, peer != NULL ? peer->addr.family : BH_NO_FAMILY))
			continue;
		struct bh_permit *permit = bh_chain_add_permit(chain);
		permit->kind = (uint8_t)kind;
		permit->proto = port->proto;
		permit->port_first = numbered ? port->first : 0;
		permit->port_last = numbered ? port->last : 0;
		if (peer != NULL)
			permit->peer = *peer;
	}
}

static void add_text_prefixes(struct bh_chain *chain, const char *const *texts, size_t count,
			      const struct bh_policy_rule *rule)
{
	struct bh_prefix prefix;

	for (size_t i = 0; i < count; i++)
		if (bh_prefix_parse(texts[i], &prefix))
			add_permit(chain, BH_PERMIT_PREFIX, &prefix, rule);
}

static void add_group_permits(const struct group *g, struct bh_chain *chain,
			      const struct bh_policy_rule *rule)
{
	for (size_t i = 0; i < g->member_count; i++) {
		const struct bh_endpoint_fact *fact = g->members[i]->fact;

		for (uint8_t j = 0; j < fact->addr_count; j++) {
			struct bh_prefix peer = bh_prefix_of(&fact->addrs[j], 128);

			add_permit(chain, BH_PERMIT_PEER, &peer, rule);
		}
	}
}

/* What a chain's workload may have to do with this peer. */
static void add_peer_permits(const struct compiler *c, struct bh_chain *chain,
			     const struct bh_policy_peer *peer, const struct bh_policy_rule *rule)
{
	static const char *const metadata[] = { "169.254.169.254/32", "fd00:ec2::254/128" };
	static const char *const multicast[] = { "224.0.0.0/4", "255.255.255.255/32", "ff00::/8" };

	switch (peer->kind) {
	case BH_POLICY_WORKLOAD:
		for (size_t i = 0; i < c->group_count; i++)
			if (stands_for(&c->groups[i], peer))
				add_group_permits(&c->groups[i], chain, rule);
		break;
	case BH_POLICY_HOST:
		add_permit(chain, BH_PERMIT_HOST, NULL, rule);
		break;
	case BH_POLICY_WORLD:
		add_permit(chain, BH_PERMIT_WORLD, NULL, rule);
		break;
	case BH_POLICY_PREFIX:
		add_permit(chain, BH_PERMIT_PREFIX, &peer->prefix, rule);
		break;
	case BH_POLICY_METADATA:
		add_text_prefixes(chain, metadata, 2, rule);
		break;
	case BH_POLICY_MULTICAST:
		add_text_prefixes(chain, multicast, 3, rule);
		break;
	}
}

static int compare_permits(const void *a, const void *b)
{
	const struct bh_permit *x = a, *y = b;
	int order = x->kind - y->kind;

	if (order == 0)
		order = bh_addr_compare(&x->peer.addr, &y->peer.addr);
	if (order == 0)
		order = x->peer.length - y->peer.length;
	if (order == 0)
		order = x->proto - y->proto;
	if (order == 0)
		order = x->port_first - y->port_first;
	return order != 0 ? order : x->port_last - y->port_last;
}

static void sort_permits(struct bh_chain *chain)
{
	size_t kept = 0;

	if (chain->permit_count == 0)
		return;
	qsort(chain->permits, chain->permit_count, sizeof(*chain->permits), compare_permits);
	for (size_t i = 1; i < chain->permit_count; i++)
		if (compare_permits(&chain->permits[kept], &chain->permits[i]) != 0)
			chain->permits[++kept] = chain->permits[i];
	chain->permit_count = kept + 1;
}

/* --- chains, bindings, ports, bridges --------------------------------------------------------- */

static void add_chain(struct compiler *c, const struct group *g, enum bh_side side)
{
	const struct bh_policy *policy = c->input->policy;
	struct bh_chain *chain = bh_ruleset_add_chain(c->rules);

	bh_copy_text(chain->workload, sizeof(chain->workload), g->workload);
	bh_chain_hash(g->workload, chain->hash);
	chain->side = (uint8_t)side;
	chain->mode = g->mode;
	chain->deny = policy != NULL ? policy->deny : BH_REJECT;
	for (size_t i = 0; policy != NULL && i < policy->rule_count; i++) {
		const struct bh_policy_rule *rule = &policy->rules[i];
		const struct bh_policy_peer *self = side == BH_EGRESS ? &rule->from : &rule->to;
		const struct bh_policy_peer *other = side == BH_EGRESS ? &rule->to : &rule->from;

		if (stands_for(g, self))
			add_peer_permits(c, chain, other, rule);
	}
	sort_permits(chain);
}

static void add_endpoint(struct compiler *c, const struct group *g,
			 const struct bh_compile_endpoint *e, uint32_t egress)
{
	const struct bh_endpoint_fact *fact = e->fact;
	struct bh_port *port = bh_ruleset_add_port(c->rules, fact->addr_count);

	memcpy(port->ifname, fact->ifname, sizeof(port->ifname));
	bh_copy_text(port->workload, sizeof(port->workload), g->workload);
	port->bridged = fact->master_ifindex != 0;
	port->mode = g->mode;
	port->mac = fact->mac;
	memcpy(port->addrs, fact->addrs, fact->addr_count * sizeof(fact->addrs[0]));
	for (uint8_t i = 0; i < fact->addr_count; i++) {
		struct bh_binding *b = bh_ruleset_add_binding(c->rules);

		memcpy(b->l3_ifname, fact->l3_ifname, sizeof(b->l3_ifname));
		b->addr = fact->addrs[i];
		b->egress = egress;
		b->ingress = egress + 1;
	}
}

static void add_bridge(struct compiler *c, const struct bh_bridge *bridge)
{
	bool managed = false, filtered = false;

	for (size_t i = 0; i < c->input->endpoint_count; i++) {
		const struct bh_compile_endpoint *e = &c->input->endpoints[i];

		if (e->fact->master_ifindex != bridge->ifindex)
			continue;
		managed = true;
		filtered = filtered || (e->workload[0] != '\0' && e->mode != BH_LEARN);
	}
	if (!managed)
		return;
	struct bh_bridge *out = bh_ruleset_add_bridge(c->rules);
	*out = *bridge;
	out->filtered = filtered;
}

static int compare_bridges(const void *a, const void *b)
{
	const struct bh_bridge *x = a, *y = b;

	return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

static bool is_needed(const struct bh_compile_input *in)
{
	for (size_t i = 0; i < in->endpoint_count; i++)
		if (in->endpoints[i].workload[0] != '\0' && in->endpoints[i].mode != BH_LEARN)
			return true;
	return false;
}

struct bh_ruleset *bh_compile(const struct bh_compile_input *input)
{
	struct compiler c = { .input = input, .rules = bh_ruleset_new() };

	c.rules->posture = input->posture;
	if (!is_needed(input))
		return c.rules;
	const struct bh_compile_endpoint **all = sorted_endpoints(input);
	make_groups(&c, all);
	for (size_t i = 0; i < c.group_count; i++) {
		const struct group *g = &c.groups[i];
		uint32_t egress = (uint32_t)c.rules->chain_count;

		add_chain(&c, g, BH_EGRESS);
		add_chain(&c, g, BH_INGRESS);
		for (size_t j = 0; j < g->member_count; j++)
			add_endpoint(&c, g, g->members[j], egress);
	}
	for (size_t i = 0; i < input->bridge_count; i++)
		add_bridge(&c, &input->bridges[i]);
	if (c.rules->bridge_count > 0)
		qsort(c.rules->bridges, c.rules->bridge_count, sizeof(struct bh_bridge),
		      compare_bridges);
	free_groups(&c);
	free(all);
	return c.rules;
}
