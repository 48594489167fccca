/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of the policy's workloads an endpoint is, the evaluator says, once for each endpoint; rules
 * then spell themselves out for those. What the kernel cannot see is decided here: a prefix is cut
 * around every address that a container holds, because it speaks of the outside alone. Everything
 * is sorted, so that the same input gives the same ruleset, byte for byte.
 */
#include "compile.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "buffer.h"
#include "claims.h"
#include "dns_name.h"
#include "grow.h"
#include "protocol.h"
#include "ruleset.h"
#include "sensitive.h"

/* Indices, ascending. */
struct list {
	size_t *items;
	size_t count, capacity;
};

/* Endpoints of one workload that the policy does not tell apart, in one mode. They nearly always
 * are all of it; where labels differ between replicas, each kind gets the rights of its own labels.
 */
struct group {
	const char *workload;
	char hash[BH_CHAIN_HASH];
	uint8_t mode;
	bool apart;		 /* of the share that is treated otherwise */
	struct list selected_by; /* the policy's workloads that these endpoints are */
	char *ports;		 /* what the policy's named ports are to them, as text */
	const struct bh_compile_endpoint **members;
	size_t member_count, member_capacity;
};

struct addresses {
	struct bh_addr *items; /* sorted */
	size_t count;
};

struct compiler {
	const struct bh_compile_input *input;
	const struct bh_policy *policy;
	struct group *groups;
	size_t group_count;
	struct list *groups_of;	    /* by the policy's workloads */
	struct addresses held;	    /* every address of every endpoint */
	struct addresses strangers; /* of those that no workload claims */
	struct bh_ruleset *rules;
};

static void append(struct list *l, size_t item)
{
	l->items = bh_grow(l->items, &l->capacity, l->count + 1, sizeof(*l->items));
	l->items[l->count++] = item;
}

static bool same_list(const struct list *a, const struct list *b)
{
	return a->count == b->count &&
	       (a->count == 0 || memcmp(a->items, b->items, a->count * sizeof(*a->items)) == 0);
}

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

static struct list select_workloads(const struct bh_policy *policy,
				    const struct bh_compile_endpoint *e)
{
	struct bh_peer peer = { .kind = BH_PEER_WORKLOAD };
	struct bh_subject subject = { .peer = &peer, .labels = e->labels, .label = e->label };
	struct list selected = { 0 };

	bh_copy_text(peer.name, sizeof(peer.name), e->workload);
	for (size_t i = 0; i < policy->workload_count; i++) {
		struct bh_policy_peer entry = { .kind = BH_POLICY_WORKLOAD, .workload = i };

		if (bh_policy_peer_matches(policy, &entry, &subject))
			append(&selected, i);
	}
	return selected;
}

/* The workload's first group goes by its name alone, others by what tells them apart as well. Those
 * of a share say so: who is in it comes and goes, and the chains stay what they are. */
static void name_chain(const struct bh_policy *policy, struct group *g, bool first)
{
	struct bh_buffer text = { 0 };

	bh_buffer_printf(&text, "%s%s", g->workload, g->apart ? "\nshare" : "");
	for (size_t i = 0; !first && i < g->selected_by.count; i++)
		bh_buffer_printf(&text, "\n%s", policy->workloads[g->selected_by.items[i]].name);
	if (!first)
		bh_buffer_printf(&text, "\n%s", g->ports);
	bh_chain_hash(text.data, g->hash);
	bh_buffer_free(&text);
}

/* What each named port of the policy is to the endpoint, in the order of its rules. */
static char *named_ports(const struct bh_policy *policy, const struct bh_compile_endpoint *e)
{
	struct bh_buffer text = { 0 };

	bh_buffer_puts(&text, "");
	for (size_t i = 0; policy->names_ports && i < policy->rule_count; i++) {
		const struct bh_policy_rule *rule = &policy->rules[i];

		for (size_t j = 0; j < rule->port_count; j++)
			if (rule->ports[j].name != NULL)
				bh_buffer_printf(
					&text, "%u,",
					bh_policy_port_of(&rule->ports[j], e->labels, e->label));
	}
	return bh_buffer_steal(&text);
}

/* The group for an endpoint; groups of one workload stand side by side at the end. */
static struct group *group_for(struct compiler *c, const struct bh_compile_endpoint *e)
{
	struct list selected = select_workloads(c->policy, e);
	char *ports = named_ports(c->policy, e);
	bool first = true;

	for (size_t i = c->group_count;
	     i > 0 && strcmp(c->groups[i - 1].workload, e->workload) == 0; i--) {
		if (c->groups[i - 1].apart != e->apart)
			continue;
		first = false;
		if (same_list(&c->groups[i - 1].selected_by, &selected) &&
		    strcmp(c->groups[i - 1].ports, ports) == 0) {
			free(selected.items);
			free(ports);
			return &c->groups[i - 1];
		}
	}
	struct group *g = &c->groups[c->group_count];
	*g = (struct group) { .workload = e->workload,
			      .mode = e->mode,
			      .apart = e->apart,
			      .selected_by = selected,
			      .ports = ports };
	name_chain(c->policy, g, first);
	c->group_count++;
	return g;
}

static void make_groups(struct compiler *c, const struct bh_compile_endpoint **all)
{
	c->groups = bh_calloc(c->input->endpoint_count, sizeof(*c->groups));
	for (size_t i = 0; i < c->input->endpoint_count; i++) {
		if (all[i]->workload[0] == '\0')
			continue;
		struct group *g = group_for(c, all[i]);
		g->members = bh_grow(g->members, &g->member_capacity, g->member_count + 1,
				     sizeof(*g->members));
		g->members[g->member_count++] = all[i];
	}
}

static void index_groups(struct compiler *c)
{
	c->groups_of = bh_calloc(c->policy->workload_count, sizeof(*c->groups_of));
	for (size_t i = 0; i < c->group_count; i++)
		for (size_t j = 0; j < c->groups[i].selected_by.count; j++)
			append(&c->groups_of[c->groups[i].selected_by.items[j]], i);
}

static int compare_addrs(const void *a, const void *b)
{
	return bh_addr_compare(a, b);
}

static void collect_addresses(const struct bh_compile_input *in, bool strangers,
			      struct addresses *out)
{
	out->items = bh_calloc(in->endpoint_count * BH_ENDPOINT_ADDRS, sizeof(*out->items));
	for (size_t i = 0; i < in->endpoint_count; i++)
		for (uint8_t j = 0; j < in->endpoints[i].fact->addr_count; j++)
			if (!strangers || in->endpoints[i].workload[0] == '\0')
				out->items[out->count++] = in->endpoints[i].fact->addrs[j];
	qsort(out->items, out->count, sizeof(*out->items), compare_addrs);
}

static void free_compiler(struct compiler *c)
{
	for (size_t i = 0; i < c->group_count; i++) {
		free(c->groups[i].members);
		free(c->groups[i].selected_by.items);
		free(c->groups[i].ports);
	}
	for (size_t i = 0; i < c->policy->workload_count; i++)
		free(c->groups_of[i].items);
	free(c->groups);
	free(c->groups_of);
	free(c->held.items);
	free(c->strangers.items);
}

/* --- permits ---------------------------------------------------------------------------------- */

/* ICMP is IPv4's alone, ICMPv6 IPv6's. */
static bool fits_family(uint8_t proto, uint8_t family)
{
	if (family == BH_NO_FAMILY || (proto != IPPROTO_ICMP && proto != IPPROTO_ICMPV6))
		return true;
	return (proto == IPPROTO_ICMP) == (family == BH_IPV4);
}

/* What is spelt out in a chain. */
struct grant {
	struct bh_chain *chain;
	const struct bh_policy_rule *rule;
	/* Who says what named ports stand for; NULL: nobody does. */
	const struct bh_compile_endpoint *dst;
};

static void add_permit(const struct compiler *c, const struct grant *g, enum bh_permit_kind kind,
		       const struct bh_prefix *peer)
{
	for (size_t i = 0; i < g->rule->port_count; i++) {
		const struct bh_policy_port *port = &g->rule->ports[i];
		uint16_t named = port->name != NULL && g->dst != NULL
					 ? bh_policy_port_of(port, g->dst->labels, g->dst->label)
					 : 0;

		if (!fits_family(port->proto, peer != NULL ? peer->addr.family : BH_NO_FAMILY) ||
		    (port->name != NULL && named == 0))
			continue;
		struct bh_permit *permit = bh_chain_add_permit(g->chain);
		permit->kind = (uint8_t)kind;
		permit->rank = g->rule->rank;
		permit->proto = port->proto;
		permit->port_first = port->name != NULL ? named : port->first;
		permit->port_last = port->name != NULL ? named : port->last;
		permit->rule = (uint32_t)(g->rule - c->policy->rules);
		if (peer != NULL)
			permit->peer = *peer;
	}
}

/* Whether any of them is in this prefix. */
static bool has_any(const struct addresses *addresses, const struct bh_prefix *prefix)
{
	size_t low = 0, high = addresses->count;

	/* The first address at or behind the prefix's own, which is its lowest. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (bh_addr_compare(&addresses->items[middle], &prefix->addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < addresses->count && bh_prefix_contains(prefix, &addresses->items[low]);
}

static bool is_within(const struct bh_prefix *inner, const struct bh_prefix *outer)
{
	return inner->length >= outer->length && bh_prefix_contains(outer, &inner->addr);
}

enum left_out { NOTHING, PART, ALL };

static enum left_out left_out(const struct bh_policy_except *except, const struct bh_prefix *prefix)
{
	enum left_out most = NOTHING;

	for (size_t i = 0; except != NULL && i < except->count; i++) {
		if (is_within(prefix, &except->items[i]))
			return ALL;
		if (is_within(&except->items[i], prefix))
			most = PART;
	}
	return most;
}

/* The prefix without the peer's exceptions and the addresses that containers hold, unless the peer
 * means them too and it is known whose they are, in halves of halves. peer: NULL: of no exceptions.
 */
static void add_prefix(const struct compiler *c, const struct grant *g,
		       const struct bh_prefix *prefix, const struct bh_policy_peer *peer)
{
	enum left_out out = peer != NULL ? left_out(peer->except, prefix) : NOTHING;
	bool containers = peer != NULL && peer->containers;
	/* A denial is whole: nobody undoes a part of it by taking an address. What is outside the
	 * kernel sees by the interface then. */
	bool whole = bh_rank_denies(g->rule->rank);
	const struct bh_addr *start = peer != NULL ? &peer->prefix.addr : &prefix->addr;
	bool outside = whole && !containers && !bh_addr_is_multicast(start);

	if (out == NOTHING && (whole || !has_any(containers ? &c->strangers : &c->held, prefix))) {
		add_permit(c, g, outside ? BH_PERMIT_OUTSIDE : BH_PERMIT_PREFIX, prefix);
		return;
	}
	if (out == ALL || prefix->length == bh_addr_size(prefix->addr.family) * 8)
		return;
	struct bh_prefix half = { .addr = prefix->addr, .length = (uint8_t)(prefix->length + 1) };
	add_prefix(c, g, &half, peer);
	half.addr.bytes[prefix->length / 8] |= (uint8_t)(0x80 >> prefix->length % 8);
	add_prefix(c, g, &half, peer);
}

static void add_prefixes(const struct compiler *c, const struct grant *g, const char *const *texts,
			 size_t count)
{
	struct bh_prefix prefix;

	for (size_t i = 0; i < count; i++)
		if (bh_prefix_parse(texts[i], &prefix))
			add_prefix(c, g, &prefix, NULL);
}

/* At egress each member says what named ports are to it. */
static void add_members(const struct compiler *c, const struct group *group,
			const struct grant *grant)
{
	struct grant g = *grant;

	for (size_t i = 0; i < group->member_count; i++) {
		const struct bh_endpoint_fact *fact = group->members[i]->fact;

		if (grant->chain->side == BH_EGRESS)
			g.dst = group->members[i];
		for (uint8_t j = 0; j < fact->addr_count; j++) {
			struct bh_prefix peer = bh_prefix_of(&fact->addrs[j], 128);

			add_permit(c, &g, BH_PERMIT_PEER, &peer);
		}
	}
}

/* A permission for a single port needs none: every chain has room for those. */
static void add_places(const struct grant *g)
{
	for (size_t i = 0; i < g->rule->port_count; i++) {
		const struct bh_policy_port *port = &g->rule->ports[i];

		if (g->rule->rank == BH_RANK_ALLOW && bh_protocol_has_ports(port->proto) &&
		    port->first == port->last)
			continue;
		*bh_chain_add_permit(g->chain) = (struct bh_permit) { .kind = BH_PERMIT_PLACE,
								      .rank = g->rule->rank,
								      .proto = port->proto,
								      .port_first = port->first,
								      .port_last = port->last };
	}
}

/* The first of those that the workload calls so, or later in the order. */
static size_t first_name(const struct bh_compile_input *in, const char *workload, const char *name)
{
	size_t low = 0, high = in->name_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(in->names[middle].workload, workload);

		if (order < 0 || (order == 0 && strcmp(in->names[middle].name, name) < 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* As endpoints' addresses: what comes and goes with the answers are elements. An answer gives no
 * right over a container, whatever address it names. */
static void add_named(const struct compiler *c, const struct grant *g, const char *pattern)
{
	const struct bh_compile_input *in = c->input;
	bool exact = pattern[0] != '*';

	for (size_t i = first_name(in, g->chain->workload, exact ? pattern : "");
	     i < in->name_count && strcmp(in->names[i].workload, g->chain->workload) == 0; i++) {
		struct bh_prefix peer = bh_prefix_of(&in->names[i].addr, 128);

		if (bh_dns_pattern_matches(pattern, in->names[i].name)) {
			if (!has_any(&c->held, &peer))
				add_permit(c, g, BH_PERMIT_PEER, &peer);
		} else if (exact) {
			break;
		}
	}
}

static bool has_named_port(const struct bh_policy_rule *rule)
{
	for (size_t i = 0; i < rule->port_count; i++)
		if (rule->ports[i].name != NULL)
			return true;
	return false;
}

/* Of containers in a prefix each says by itself what a named port is to it. */
static void add_held(const struct compiler *c, const struct grant *grant,
		     const struct bh_policy_peer *peer)
{
	struct grant g = *grant;

	for (size_t i = 0; i < c->input->endpoint_count; i++) {
		const struct bh_compile_endpoint *e = &c->input->endpoints[i];

		for (uint8_t j = 0; e->workload[0] != '\0' && j < e->fact->addr_count; j++) {
			struct bh_prefix held = bh_prefix_of(&e->fact->addrs[j], 128);

			g.dst = e;
			if (bh_policy_prefix_holds(peer, &e->fact->addrs[j]))
				add_permit(c, &g, BH_PERMIT_PEER, &held);
		}
	}
}

/* What a chain's workload may have to do with this peer. */
static void add_peer(const struct compiler *c, const struct grant *g,
		     const struct bh_policy_peer *peer)
{
	static const char *const metadata[] = { "169.254.169.254/32", "fd00:ec2::254/128" };
	static const char *const multicast[] = { "224.0.0.0/4", "255.255.255.255/32", "ff00::/8" };

	switch (peer->kind) {
	case BH_POLICY_WORKLOAD: {
		const struct list *groups = &c->groups_of[peer->workload];

		for (size_t i = 0; i < groups->count; i++)
			add_members(c, &c->groups[groups->items[i]], g);
		add_places(g);
		break;
	}
	case BH_POLICY_HOST:
		add_permit(c, g, BH_PERMIT_HOST, NULL);
		break;
	case BH_POLICY_WORLD:
		add_permit(c, g, BH_PERMIT_WORLD, NULL);
		break;
	case BH_POLICY_PREFIX:
		add_prefix(c, g, &peer->prefix, peer);
		if (peer->containers && g->chain->side == BH_EGRESS && has_named_port(g->rule))
			add_held(c, g, peer);
		break;
	case BH_POLICY_METADATA:
		add_prefixes(c, g, metadata, 2);
		break;
	case BH_POLICY_MULTICAST:
		add_prefixes(c, g, multicast, 3);
		break;
	case BH_POLICY_DNS:
		add_named(c, g, peer->name);
		add_places(g);
		break;
	}
}

/* What a rule lets this peer have to do with the other, in the chains of those that it stands for.
 */
static void add_pair(const struct compiler *c, const struct bh_policy_rule *rule, enum bh_side side,
		     const struct bh_policy_peer *self, const struct bh_policy_peer *other)
{
	if (self->kind != BH_POLICY_WORKLOAD)
		return;
	const struct list *groups = &c->groups_of[self->workload];
	for (size_t i = 0; i < groups->count; i++) {
		const struct group *group = &c->groups[groups->items[i]];
		const struct grant grant = { .chain =
						     &c->rules->chains[2 * groups->items[i] + side],
					     .rule = rule,
					     .dst = side == BH_INGRESS ? group->members[0] : NULL };

		add_peer(c, &grant, other);
	}
}

/* A rule, in the chains of those that one of its ends stands for. */
static void add_end(const struct compiler *c, const struct bh_policy_rule *rule, enum bh_side side)
{
	if (rule->over || !bh_policy_rule_is_at(rule, side))
		return;
	const struct bh_policy_peers *selves = side == BH_EGRESS ? &rule->from : &rule->to;
	const struct bh_policy_peers *others = side == BH_EGRESS ? &rule->to : &rule->from;

	for (size_t i = 0; i < selves->count; i++)
		for (size_t j = 0; j < others->count; j++)
			add_pair(c, rule, side, &selves->items[i], &others->items[j]);
}

static int compare_permits(const void *a, const void *b)
{
	const struct bh_permit *x = a, *y = b;
	int order = x->kind - y->kind;

	if (order == 0)
		order = x->rank - y->rank;
	if (order == 0)
		order = bh_addr_compare(&x->peer.addr, &y->peer.addr);
	if (order == 0)
		order = x->peer.length - y->peer.length;
	if (order == 0)
		order = x->proto - y->proto;
	if (order == 0)
		order = x->port_first - y->port_first;
	if (order == 0)
		order = x->port_last - y->port_last;
	return order != 0 ? order : (x->rule > y->rule) - (x->rule < y->rule);
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

/* All of a group are the same workloads of the policy. */
static bool is_open(const struct bh_policy *policy, const struct group *g, enum bh_side side)
{
	struct bh_peer peer = { .kind = BH_PEER_WORKLOAD };
	struct bh_subject subject = { .peer = &peer,
				      .labels = g->members[0]->labels,
				      .label = g->members[0]->label };

	return bh_policy_is_open(policy, &subject, side);
}

/* Chain 2n is group n's egress, 2n + 1 its ingress. */
static void add_chain(struct compiler *c, const struct group *g, enum bh_side side)
{
	struct bh_chain *chain = bh_ruleset_add_chain(c->rules);

	bh_copy_text(chain->workload, sizeof(chain->workload), g->workload);
	memcpy(chain->hash, g->hash, sizeof(chain->hash));
	chain->side = (uint8_t)side;
	chain->mode = g->mode;
	chain->deny = c->policy->deny;
	chain->open[BH_EGRESS] = is_open(c->policy, g, BH_EGRESS);
	chain->open[BH_INGRESS] = is_open(c->policy, g, BH_INGRESS);
}

static void add_chains(struct compiler *c)
{
	for (size_t i = 0; i < c->group_count; i++) {
		add_chain(c, &c->groups[i], BH_EGRESS);
		add_chain(c, &c->groups[i], BH_INGRESS);
	}
	for (size_t i = 0; i < c->policy->rule_count; i++) {
		add_end(c, &c->policy->rules[i], BH_EGRESS);
		add_end(c, &c->policy->rules[i], BH_INGRESS);
	}
	for (size_t i = 0; i < c->rules->chain_count; i++)
		sort_permits(&c->rules->chains[i]);
}

/* Who is elsewhere, or diverted, is somebody all the same that others' rules speak of. */
static bool is_judged(const struct bh_endpoint_fact *fact)
{
	return fact->ifname[0] != '\0' && !bh_endpoint_is_diverted(fact);
}

static void add_port(struct compiler *c, const struct bh_compile_endpoint *e)
{
	const struct bh_endpoint_fact *fact = e->fact;
	struct bh_port *port = bh_ruleset_add_port(c->rules, fact->addr_count);

	memcpy(port->ifname, fact->ifname, sizeof(port->ifname));
	bh_copy_text(port->workload, sizeof(port->workload), e->workload);
	port->bridged = fact->master_ifindex != 0;
	port->vrf = fact->upper == BH_UPPER_VRF;
	port->mode = e->workload[0] != '\0' ? e->mode : (uint8_t)BH_LEARN;
	port->mac = fact->mac;
	memcpy(port->addrs, fact->addrs, fact->addr_count * sizeof(fact->addrs[0]));
}

static void add_bindings(struct compiler *c, const struct bh_endpoint_fact *fact, uint32_t group)
{
	for (uint8_t i = 0; i < fact->addr_count && !bh_endpoint_is_diverted(fact); i++) {
		struct bh_binding *b = bh_ruleset_add_binding(c->rules);

		memcpy(b->l3_ifname, fact->l3_ifname, sizeof(b->l3_ifname));
		memcpy(b->ifname, fact->ifname, sizeof(b->ifname));
		b->addr = fact->addrs[i];
		b->egress = 2 * group;
		b->ingress = 2 * group + 1;
	}
}

static void add_endpoints(struct compiler *c, const struct bh_compile_endpoint **all)
{
	for (size_t i = 0; i < c->input->endpoint_count; i++)
		if (is_judged(all[i]->fact))
			add_port(c, all[i]);
	for (size_t i = 0; i < c->group_count; i++)
		for (size_t j = 0; j < c->groups[i].member_count; j++)
			add_bindings(c, c->groups[i].members[j]->fact, (uint32_t)i);
}

static bool is_governed(const struct bh_compile_endpoint *e)
{
	return e->workload[0] != '\0' && e->mode != BH_LEARN;
}

/* Whether anybody whom nobody knows there meets more than nothing. */
static bool is_guarded(const struct bh_compile_input *in, const struct bh_bridge *bridge)
{
	uint8_t whole = in->posture;
	bool any = false;

	for (size_t i = 0; i < in->posture_count; i++) {
		const struct bh_address_posture *p = &in->postures[i];

		if (strcmp(p->l3_ifname, bridge->ifname) != 0)
			continue;
		if (p->addr.family == BH_NO_FAMILY)
			whole = p->posture;
		else
			any = any || p->posture != BH_POSTURE_OPEN;
	}
	return any || whole != BH_POSTURE_OPEN;
}

static void add_bridge(struct compiler *c, const struct bh_bridge *bridge)
{
	bool guarded = is_guarded(c->input, bridge);
	bool managed = bridge->filtered && guarded, filtered = false;

	for (size_t i = 0; i < c->input->endpoint_count; i++) {
		const struct bh_compile_endpoint *e = &c->input->endpoints[i];

		if (e->fact->master_ifindex != bridge->ifindex || !is_judged(e->fact))
			continue;
		managed = true;
		filtered = filtered || is_governed(e);
	}
	if (!managed)
		return;
	/* Who is not known yet meets the posture there, too. */
	struct bh_bridge *out = bh_ruleset_add_bridge(c->rules);
	*out = *bridge;
	out->filtered = filtered || guarded;
}

static bool is_managed(const struct bh_ruleset *rules, const char *l3_ifname)
{
	for (size_t i = 0; i < rules->bridge_count; i++)
		if (strcmp(rules->bridges[i].ifname, l3_ifname) == 0)
			return true;
	for (size_t i = 0; i < rules->port_count; i++)
		if (!rules->ports[i].bridged && strcmp(rules->ports[i].ifname, l3_ifname) == 0)
			return true;
	return false;
}

static int compare_postures(const void *a, const void *b)
{
	const struct bh_address_posture *x = a, *y = b;
	int order = strcmp(x->l3_ifname, y->l3_ifname);

	return order != 0 ? order : bh_addr_compare(&x->addr, &y->addr);
}

static void add_postures(struct compiler *c)
{
	for (size_t i = 0; i < c->input->posture_count; i++)
		if (is_managed(c->rules, c->input->postures[i].l3_ifname))
			*bh_ruleset_add_posture(c->rules) = c->input->postures[i];
	if (c->rules->posture_count > 0)
		qsort(c->rules->postures, c->rules->posture_count, sizeof(*c->rules->postures),
		      compare_postures);
}

static int compare_bridges(const void *a, const void *b)
{
	const struct bh_bridge *x = a, *y = b;

	return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

static void add_bridges(struct compiler *c)
{
	for (size_t i = 0; i < c->input->bridge_count; i++)
		add_bridge(c, &c->input->bridges[i]);
	if (c->rules->bridge_count > 0)
		qsort(c->rules->bridges, c->rules->bridge_count, sizeof(struct bh_bridge),
		      compare_bridges);
}

static int compare_members(const void *a, const void *b)
{
	const struct bh_bridge_member *x = a, *y = b;

	return strcmp(x->ifname, y->ifname);
}

static void add_bridge_members(struct compiler *c)
{
	for (size_t i = 0; i < c->rules->bridge_count; i++) {
		const struct bh_bridge *bridge = &c->rules->bridges[i];

		for (size_t j = 0; j < c->input->member_count; j++) {
			const struct bh_compile_member *in = &c->input->members[j];

			if (in->bridge != bridge->ifindex)
				continue;
			struct bh_bridge_member *m = bh_ruleset_add_member(c->rules);
			bh_copy_text(m->ifname, sizeof(m->ifname), in->ifname);
			bh_copy_text(m->bridge, sizeof(m->bridge), bridge->ifname);
			m->uplink = in->uplink;
		}
	}
	if (c->rules->member_count > 0)
		qsort(c->rules->members, c->rules->member_count, sizeof(struct bh_bridge_member),
		      compare_members);
}

static bool is_needed(const struct bh_compile_input *in)
{
	if (in->policy == NULL)
		return false;
	for (size_t i = 0; i < in->endpoint_count; i++)
		if (is_governed(&in->endpoints[i]))
			return true;
	return false;
}

/* The endpoints again, each with the addresses that are its own. */
static struct bh_compile_endpoint *settle_claims(const struct bh_compile_input *in,
						 struct bh_endpoint_fact *facts)
{
	struct bh_compile_endpoint *settled = bh_calloc(in->endpoint_count, sizeof(*settled));

	for (size_t i = 0; i < in->endpoint_count; i++) {
		if (in->endpoints[i].fact != NULL)
			facts[i] = *in->endpoints[i].fact;
		settled[i] = in->endpoints[i];
		settled[i].fact = &facts[i];
	}
	bh_claims_settle(settled, facts, in->endpoint_count);
	return settled;
}

struct bh_ruleset *bh_compile(const struct bh_compile_input *input)
{
	struct bh_compile_input in = *input;
	struct compiler c = { .input = &in, .policy = in.policy, .rules = bh_ruleset_new() };

	c.rules->posture = in.posture;
	c.rules->stateless = in.stateless;
	c.rules->sensitive = in.sensitive != NULL ? *in.sensitive : bh_sensitive_default;
	if (!is_needed(&in))
		return c.rules;
	struct bh_endpoint_fact *facts = bh_calloc(in.endpoint_count, sizeof(*facts));
	struct bh_compile_endpoint *settled = settle_claims(&in, facts);
	in.endpoints = settled;
	const struct bh_compile_endpoint **all = sorted_endpoints(&in);
	make_groups(&c, all);
	index_groups(&c);
	collect_addresses(&in, false, &c.held);
	if (c.policy->has_containers)
		collect_addresses(&in, true, &c.strangers);
	add_chains(&c);
	add_endpoints(&c, all);
	add_bridges(&c);
	if (in.stateless)
		add_bridge_members(&c);
	add_postures(&c);
	free_compiler(&c);
	free(all);
	free(settled);
	free(facts);
	return c.rules;
}
