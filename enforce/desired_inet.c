/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table inet bulkhead: who may talk to whom.
 *
 *   forward ─► established? yes: accept
 *           ─► jump egress ─► (interface, source) ─► goto e_HASH: may it send this?
 *           ─► jump ingress ─► (interface, destination) ─► goto i_HASH: may it receive this?
 *   input and output do the same between containers and this host, with chains eh_ and ih_.
 *
 * A chain that was entered by goto returns to where egress or ingress were jumped to from, so both
 * sides always judge. What a managed interface carries and no map knows meets the posture. A
 * connection's first TCP segment is judged even where the connection tracker calls it established:
 * an entry that a mid-stream packet made, or that an earlier connection left for days, must not
 * open another.
 *
 * Permissions name addresses alone. So what claims a container's address and comes by another
 * interface than that container's is dropped where the claimed or the receiver refuses; within
 * one bridge the table bridge bulkhead sees to that.
 *
 * Where postures differ, an address that is known and nobody's leads to its own posture by the same
 * maps as a binding does, and the chain of the common posture looks the interface up first.
 *
 * DHCP passes where it is what it seems to be: a client's question to all, or to this host; an
 * answer from this host, or from somebody on the bridge who is no container. Anything else with its
 * ports is judged like any other traffic.
 */
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "desired_parts.h"
#include "grow.h"
#include "map.h"
#include "ruleset.h"

#define PRIORITY_FILTER (-5)
#define PRIORITY_RAW (-300)
#define HOP_LIMIT_LOCAL 255 /* nothing that was routed has it (RFC 4861) */

static const uint8_t tcp = IPPROTO_TCP, igmp = IPPROTO_IGMP;
static const uint8_t multicast4[4] = { 224 };
static const uint8_t multicast6[16] = { 0xff };
static const uint8_t link_multicast6[16] = { 0xff, 0x02 };
static const uint8_t broadcast4[4] = { 255, 255, 255, 255 };

static const uint8_t nd_types[] = { 133, 135, 136 }; /* router, neighbour solicitation; answer */
static const uint8_t nd_gateway_types[] = { 133, 134, 135, 136, 137 };
static const uint8_t mld_types[] = { 130, 131, 132, 143 };
/* Source and destination, IPv4 and IPv6. */
static const uint16_t dhcp_questions[][2] = { { 68, 67 }, { 546, 547 } };
static const uint16_t dhcp_answers[][2] = { { 67, 68 }, { 547, 546 } };

struct build {
	struct bh_nft_table *table;
	const struct bh_ruleset *rules;
	const struct bh_desired_scope *scope;
	const struct bh_nft_config *config;
	struct bh_map *sets; /* by the chains' hash: which sets the workload has */
};

/* --- sets that every chain uses --------------------------------------------------------------- */

static void add_managed(const struct build *b)
{
	struct bh_nft_set *set = bh_desired_set(b->table, "managed", BH_KEY(BH_FIELD_IIFNAME), 0);

	for (size_t i = 0; i < b->rules->bridge_count; i++) {
		struct bh_key_bytes key = { 0 };

		bh_key_put_ifname(&key, b->rules->bridges[i].ifname);
		bh_desired_add_first(set, &key, NULL);
	}
	for (size_t i = 0; i < b->rules->port_count; i++) {
		struct bh_key_bytes key = { 0 };

		if (b->rules->ports[i].bridged)
			continue;
		bh_key_put_ifname(&key, b->rules->ports[i].ifname);
		bh_desired_add_first(set, &key, NULL);
	}
}

static void add_port_pairs(const struct build *b, const char *name, const uint16_t pairs[2][2])
{
	struct bh_nft_set *set =
		bh_desired_set(b->table, name, BH_KEY(BH_FIELD_UDP_SPORT, BH_FIELD_UDP_DPORT), 0);

	for (size_t i = 0; i < 2; i++) {
		struct bh_key_bytes key = { 0 };

		bh_key_put_u16(&key, pairs[i][0]);
		bh_key_put_u16(&key, pairs[i][1]);
		bh_nft_set_add(set, key.bytes, NULL, NULL);
	}
}

static void add_constants(const struct build *b)
{
	add_port_pairs(b, "dhcp_questions", dhcp_questions);
	add_port_pairs(b, "dhcp_answers", dhcp_answers);
	bh_desired_numbers(b->table, "nd_hosts", BH_FIELD_ICMPV6_TYPE, nd_types, sizeof(nd_types));
	bh_desired_numbers(b->table, "nd_gateway", BH_FIELD_ICMPV6_TYPE, nd_gateway_types,
			   sizeof(nd_gateway_types));
	bh_desired_numbers(b->table, "mld", BH_FIELD_ICMPV6_TYPE, mld_types, sizeof(mld_types));
	bh_urgent_add_set(b->table, b->rules);
}

/* The chain of one posture, where there are several. */
static const char *posture_chain(uint8_t posture, uint8_t side)
{
	static const char *const names[][2] = {
		[BH_POSTURE_OPEN] = { "open_egress", "open_ingress" },
		[BH_POSTURE_AUDIT] = { "audit_egress", "audit_ingress" },
		[BH_POSTURE_CLOSED] = { "closed_egress", "closed_ingress" },
	};

	return names[posture][side];
}

/* (interface, address) → chain, from the bindings. */
static void add_maps(const struct build *b, uint8_t side, bool host)
{
	const char *stem = host ? "host_" : "", *name = side == BH_EGRESS ? "egress" : "ingress";
	enum bh_field ifname = side == BH_EGRESS ? BH_FIELD_IIFNAME : BH_FIELD_OIFNAME;
	enum bh_field addr4 = side == BH_EGRESS ? BH_FIELD_IP_SADDR : BH_FIELD_IP_DADDR;
	enum bh_field addr6 = side == BH_EGRESS ? BH_FIELD_IP6_SADDR : BH_FIELD_IP6_DADDR;
	char name4[BH_NFT_NAME], name6[BH_NFT_NAME];

	snprintf(name4, sizeof(name4), "%s%s4", stem, name);
	snprintf(name6, sizeof(name6), "%s%s6", stem, name);
	struct bh_nft_set *map4 =
		bh_desired_set(b->table, name4, BH_KEY(ifname, addr4), BH_SET_MAP);
	struct bh_nft_set *map6 =
		bh_desired_set(b->table, name6, BH_KEY(ifname, addr6), BH_SET_MAP);
	for (size_t i = 0; i < b->rules->binding_count; i++) {
		const struct bh_binding *binding = &b->rules->bindings[i];
		uint32_t chain = side == BH_EGRESS ? binding->egress : binding->ingress;
		struct bh_key_bytes key = { 0 };
		char target[BH_NFT_NAME];

		bh_desired_name(target, side, host, b->rules->chains[chain].hash, "");
		bh_key_put_ifname(&key, binding->l3_ifname);
		bh_key_put_addr(&key, &binding->addr);
		bh_desired_add_first(binding->addr.family == BH_IPV4 ? map4 : map6, &key, target);
	}
	for (size_t i = 0; i < b->rules->posture_count; i++) {
		const struct bh_address_posture *p = &b->rules->postures[i];
		struct bh_key_bytes key = { 0 };

		if (p->addr.family == BH_NO_FAMILY)
			continue;
		bh_key_put_ifname(&key, p->l3_ifname);
		bh_key_put_addr(&key, &p->addr);
		bh_desired_add_first(p->addr.family == BH_IPV4 ? map4 : map6, &key,
				     posture_chain(p->posture, side));
	}
}

/* Interface → posture of whoever is there and has no address that is known. */
static void add_posture_map(const struct build *b, uint8_t side)
{
	enum bh_field ifname = side == BH_EGRESS ? BH_FIELD_IIFNAME : BH_FIELD_OIFNAME;
	struct bh_nft_set *map =
		bh_desired_set(b->table, side == BH_EGRESS ? "postures_egress" : "postures_ingress",
			       BH_KEY(ifname), BH_SET_MAP);

	for (size_t i = 0; i < b->rules->posture_count; i++) {
		const struct bh_address_posture *p = &b->rules->postures[i];
		struct bh_key_bytes key = { 0 };

		if (p->addr.family != BH_NO_FAMILY)
			continue;
		bh_key_put_ifname(&key, p->l3_ifname);
		bh_desired_add_first(map, &key, posture_chain(p->posture, side));
	}
}

/* Address → chain for what this host sends. A connection of its own to a published port has the
 * container's address by the time it is judged, and still the interface that led to the published
 * one. Link-local addresses are never published. */
static void add_published(const struct build *b)
{
	struct bh_nft_set *maps[] = {
		bh_desired_set(b->table, "published4", BH_KEY(BH_FIELD_IP_DADDR), BH_SET_MAP),
		bh_desired_set(b->table, "published6", BH_KEY(BH_FIELD_IP6_DADDR), BH_SET_MAP),
	};

	for (size_t i = 0; i < b->rules->binding_count; i++) {
		const struct bh_binding *binding = &b->rules->bindings[i];
		struct bh_key_bytes key = { 0 };
		char target[BH_NFT_NAME];

		if (bh_addr_is_link_local(&binding->addr))
			continue;
		bh_desired_name(target, BH_INGRESS, true, b->rules->chains[binding->ingress].hash,
				"");
		bh_key_put_addr(&key, &binding->addr);
		bh_desired_add_first(maps[binding->addr.family == BH_IPV6], &key, target);
	}
}

static void own(const struct bh_port *port, struct bh_nft_set *owned[2], struct bh_nft_set *held[2])
{
	const char *chain = bh_mode_refuses(port->mode) ? "stranger" : "stranger_audit";
	bool governed = port->mode != BH_LEARN;

	for (size_t i = 0; i < port->addr_count; i++) {
		struct bh_nft_set **sets = governed ? owned : held;
		struct bh_key_bytes key = { 0 };

		if (bh_addr_is_link_local(&port->addrs[i]))
			continue;
		bh_key_put_addr(&key, &port->addrs[i]);
		bh_desired_add_first(sets[port->addrs[i].family == BH_IPV6], &key,
				     governed ? chain : NULL);
	}
}

/* Whose addresses nobody may claim, and the addresses that nobody may claim towards those. Without
 * the link-local ones: each link has its own. */
static void add_owners(const struct build *b)
{
	struct bh_nft_set *owned[] = {
		bh_desired_set(b->table, "owned4", BH_KEY(BH_FIELD_IP_SADDR), BH_SET_MAP),
		bh_desired_set(b->table, "owned6", BH_KEY(BH_FIELD_IP6_SADDR), BH_SET_MAP),
	};
	struct bh_nft_set *held[] = {
		bh_desired_set(b->table, "held4", BH_KEY(BH_FIELD_IP_SADDR), 0),
		bh_desired_set(b->table, "held6", BH_KEY(BH_FIELD_IP6_SADDR), 0),
	};

	/* The strictest owners first: who comes first keeps the element. */
	for (int mode = BH_ENFORCE; mode >= BH_LEARN; mode--)
		for (size_t i = 0; i < b->rules->port_count; i++)
			if (b->rules->ports[i].mode == mode)
				own(&b->rules->ports[i], owned, held);
}

/* --- a workload's chains ---------------------------------------------------------------------- */

static void refuse(struct bh_nft_chain *chain, uint8_t action)
{
	if (action == BH_DROP) {
		bh_desired_final(chain, NF_DROP);
		return;
	}
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);
	bh_rule_equal(rule, BH_FIELD_L4PROTO, &tcp);
	bh_rule_counter(rule);
	bh_rule_reset(rule);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_counter(rule);
	bh_rule_reject(rule);
}

static void deny(const struct build *b, struct bh_nft_chain *to, const struct bh_chain *chain)
{
	bh_desired_log(to, b->config, "DENY", chain->side, chain->hash);
	refuse(to, chain->deny);
}

static void report(const struct build *b, struct bh_nft_chain *to, const struct bh_chain *chain)
{
	bh_desired_log(to, b->config, "AUDIT", chain->side, chain->hash);
	bh_desired_final(to, NFT_RETURN);
}

static const char *urgent_name(const struct bh_chain *chain, char name[BH_NFT_NAME])
{
	bh_desired_name(name, chain->side, false, chain->hash, "_urgent");
	return name;
}

/* What meets a packet that nothing allowed. */
static void add_end(const struct build *b, struct bh_nft_chain *to, const struct bh_chain *chain,
		    bool host)
{
	char name[BH_NFT_NAME];

	switch (chain->mode) {
	case BH_LEARN:
		break;
	case BH_AUDIT:
		report(b, to, chain);
		break;
	case BH_STAGE1:
		bh_urgent_add_rules(to, chain, host, urgent_name(chain, name));
		report(b, to, chain);
		break;
	case BH_ENFORCE:
		deny(b, to, chain);
		break;
	}
}

/* What forwarded packets and those of this host share. */
static void add_urgent(const struct build *b, const struct bh_chain *chain)
{
	char name[BH_NFT_NAME];

	if (chain->mode == BH_STAGE1)
		deny(b, bh_desired_chain(b->table, urgent_name(chain, name), chain->workload),
		     chain);
}

/* A segment that opens nothing passes where the other orientation's default lets it. */
static void pass_unopening(struct bh_nft_chain *to)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(to);

	bh_rule_not_opening(rule);
	bh_rule_verdict(rule, NFT_RETURN);
}

/* A chain of the workload beside its first. */
static struct bh_nft_chain *add_part(const struct build *b, const struct bh_chain *chain, bool host,
				     const char *suffix, char name[BH_NFT_NAME])
{
	bh_desired_name(name, chain->side, host, chain->hash, suffix);
	return bh_desired_chain(b->table, name, chain->workload);
}

static void add_back(struct bh_nft_chain *to, const char *back)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(to);

	bh_rule_not_opening(rule);
	bh_rule_goto(rule, back);
}

/* Where rules refuse, each orientation is judged whole: what one refuses the other may allow. */
static void add_judgements(const struct build *b, struct bh_nft_chain *to,
			   const struct bh_chain *chain, bool host)
{
	const struct bh_permits_sets *sets = bh_map_get_text(b->sets, chain->hash);
	uint8_t other = chain->side == BH_EGRESS ? BH_INGRESS : BH_EGRESS;
	char refuse[BH_NFT_NAME], back[BH_NFT_NAME];
	struct bh_nft_chain *backwards = add_part(b, chain, host, "_back", back);

	add_end(b, add_part(b, chain, host, "_deny", refuse), chain, host);
	bh_permits_add_rules(sets, to, chain, host,
			     &(struct bh_permits_way) { .refuse = refuse, .otherwise = back });
	if (!chain->open[chain->side]) {
		add_back(to, back);
		add_end(b, to, chain, host);
	}
	bh_permits_add_rules(sets, backwards, chain, host,
			     &(struct bh_permits_way) { .backwards = true, .refuse = refuse });
	if (!chain->open[other])
		add_end(b, backwards, chain, host);
}

/* Of a workload its two chains share a hash. */
static void add_sets(const struct build *b, const struct bh_chain *chain)
{
	struct bh_permits_sets *sets = bh_map_get_text(b->sets, chain->hash);

	if (sets == NULL) {
		sets = bh_calloc(1, sizeof(*sets));
		bh_map_put_text(b->sets, chain->hash, sets);
	}
	bh_permits_add_sets(b->table, chain, sets);
}

static void add_workload(const struct build *b, const struct bh_chain *chain, bool host)
{
	const struct bh_permits_sets *sets = bh_map_get_text(b->sets, chain->hash);
	uint8_t other = chain->side == BH_EGRESS ? BH_INGRESS : BH_EGRESS;
	char name[BH_NFT_NAME];
	struct bh_nft_chain *to = add_part(b, chain, host, "", name);

	if (chain->mode != BH_LEARN && bh_permits_deny(sets, host)) {
		add_judgements(b, to, chain, host);
		return;
	}
	bh_permits_add_rules(sets, to, chain, host, &(struct bh_permits_way) { 0 });
	/* Where nothing is refused, the other orientation does not matter. */
	if (chain->mode == BH_LEARN || chain->open[chain->side])
		return;
	bh_permits_add_rules(sets, to, chain, host, &(struct bh_permits_way) { .backwards = true });
	if (chain->open[other])
		pass_unopening(to);
	add_end(b, to, chain, host);
}

static void apply_posture(const struct build *b, struct bh_nft_chain *chain, uint8_t posture,
			  uint8_t side)
{
	if (posture == BH_POSTURE_OPEN)
		return;
	bool closed = posture == BH_POSTURE_CLOSED;
	bh_desired_log(chain, b->config, closed ? "POSTURE" : "POSTUREAUDIT", side, "-");
	/* Dropped, not refused: who it is becomes known within milliseconds, and a connection that
	 * tries again then succeeds. */
	bh_desired_final(chain, closed ? NF_DROP : NFT_RETURN);
}

static void add_posture(const struct build *b, uint8_t side)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(
		b->table, side == BH_EGRESS ? "posture_egress" : "posture_ingress");

	if (b->rules->posture_count > 0)
		bh_rule_vmap(bh_nft_chain_add_rule(chain),
			     BH_KEY(side == BH_EGRESS ? BH_FIELD_IIFNAME : BH_FIELD_OIFNAME),
			     side == BH_EGRESS ? "postures_egress" : "postures_ingress");
	apply_posture(b, chain, b->rules->posture, side);
}

static void add_posture_chains(const struct build *b, uint8_t side)
{
	for (uint8_t posture = BH_POSTURE_OPEN; posture <= BH_POSTURE_CLOSED; posture++)
		apply_posture(b, bh_nft_table_add_chain(b->table, posture_chain(posture, side)),
			      posture, side);
}

/* --- base chains ------------------------------------------------------------------------------ */

static void accept_known(struct bh_nft_chain *chain)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_ct_state(rule, BH_CT_ESTABLISHED);
	bh_rule_not_opening(rule);
	bh_rule_verdict(rule, NF_ACCEPT);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_ct_state(rule, BH_CT_ESTABLISHED);
	bh_rule_not(rule, BH_FIELD_L4PROTO, &tcp);
	bh_rule_verdict(rule, NF_ACCEPT);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_ct_state(rule, BH_CT_RELATED);
	bh_rule_verdict(rule, NF_ACCEPT);
}

/* What a network cannot live without. */
static void accept_basics(struct bh_nft_chain *chain, const char *discovery)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_in(rule, BH_KEY(BH_FIELD_ICMPV6_TYPE), discovery);
	bh_rule_number(rule, BH_FIELD_IP6_HOPLIMIT, HOP_LIMIT_LOCAL);
	bh_rule_verdict(rule, NF_ACCEPT);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_in(rule, BH_KEY(BH_FIELD_ICMPV6_TYPE), "mld");
	bh_rule_number(rule, BH_FIELD_IP6_HOPLIMIT, 1);
	bh_rule_verdict(rule, NF_ACCEPT);
	/* IGMP is to IPv4 what MLD is to IPv6. */
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_prefix(rule, BH_FIELD_IP_DADDR, multicast4, 4);
	bh_rule_number(rule, BH_FIELD_IP_TTL, 1);
	bh_rule_equal(rule, BH_FIELD_L4PROTO, &igmp);
	bh_rule_verdict(rule, NF_ACCEPT);
}

#define KEY_UDP_PORTS BH_KEY(BH_FIELD_UDP_SPORT, BH_FIELD_UDP_DPORT)

static void accept_dhcp(struct bh_nft_chain *chain, const char *set)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_in(rule, KEY_UDP_PORTS, set);
	bh_rule_verdict(rule, NF_ACCEPT);
}

/* To everybody on the link: nothing that is addressed so is ever routed. */
static void accept_dhcp_to_all(struct bh_nft_chain *chain)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_equal(rule, BH_FIELD_IP_DADDR, broadcast4);
	bh_rule_in(rule, KEY_UDP_PORTS, "dhcp_questions");
	bh_rule_verdict(rule, NF_ACCEPT);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_prefix(rule, BH_FIELD_IP6_DADDR, link_multicast6, 16);
	bh_rule_in(rule, KEY_UDP_PORTS, "dhcp_questions");
	bh_rule_verdict(rule, NF_ACCEPT);
}

static void pass_unmanaged(struct bh_nft_chain *chain, enum bh_field ifname, int32_t verdict)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_not_in(rule, BH_KEY(ifname), "managed");
	bh_rule_verdict(rule, verdict);
}

static void end_rule(struct bh_nft_rule *rule, const char *to, int32_t verdict)
{
	if (to != NULL)
		bh_rule_goto(rule, to);
	else
		bh_rule_verdict(rule, verdict);
}

/* What is addressed to many goes to chain `to`, or (NULL) meets the verdict. */
static void divert_multicast(struct bh_nft_chain *chain, const char *to, int32_t verdict)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_prefix(rule, BH_FIELD_IP_DADDR, multicast4, 4);
	end_rule(rule, to, verdict);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_prefix(rule, BH_FIELD_IP6_DADDR, multicast6, 8);
	end_rule(rule, to, verdict);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_number(rule, BH_FIELD_FIB_DADDR_TYPE, RTN_BROADCAST);
	end_rule(rule, to, verdict);
}

static void look_up_workload(struct bh_nft_chain *chain, uint8_t side, const char *map4,
			     const char *map6)
{
	if (side == BH_EGRESS) {
		bh_rule_vmap(bh_nft_chain_add_rule(chain),
			     BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_IP_SADDR), map4);
		bh_rule_vmap(bh_nft_chain_add_rule(chain),
			     BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_IP6_SADDR), map6);
	} else {
		bh_rule_vmap(bh_nft_chain_add_rule(chain),
			     BH_KEY(BH_FIELD_OIFNAME, BH_FIELD_IP_DADDR), map4);
		bh_rule_vmap(bh_nft_chain_add_rule(chain),
			     BH_KEY(BH_FIELD_OIFNAME, BH_FIELD_IP6_DADDR), map6);
	}
}

static void meet_posture(struct bh_nft_chain *chain, uint8_t side)
{
	bh_rule_goto(bh_nft_chain_add_rule(chain),
		     side == BH_EGRESS ? "posture_egress" : "posture_ingress");
}

/* For what no binding has answered to. */
static void catch_impostors(struct bh_nft_chain *chain)
{
	bh_rule_vmap(bh_nft_chain_add_rule(chain), BH_KEY(BH_FIELD_IP_SADDR), "owned4");
	bh_rule_vmap(bh_nft_chain_add_rule(chain), BH_KEY(BH_FIELD_IP6_SADDR), "owned6");
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);
	bh_rule_in(rule, BH_KEY(BH_FIELD_IP_SADDR), "held4");
	bh_rule_vmap(rule, BH_KEY(BH_FIELD_IP_DADDR), "owned4");
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_in(rule, BH_KEY(BH_FIELD_IP6_SADDR), "held6");
	bh_rule_vmap(rule, BH_KEY(BH_FIELD_IP6_DADDR), "owned6");
}

static void add_stranger(const struct build *b, const char *name, bool enforce)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(b->table, name);

	bh_desired_log(chain, b->config, enforce ? "SPOOF" : "SPOOFAUDIT", BH_EGRESS, "-");
	bh_desired_final(chain, enforce ? NF_DROP : NFT_RETURN);
}

static void add_egress(const struct build *b)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(b->table, "egress");

	look_up_workload(chain, BH_EGRESS, "egress4", "egress6");
	catch_impostors(chain);
	pass_unmanaged(chain, BH_FIELD_IIFNAME, NFT_RETURN);
	accept_dhcp(chain, "dhcp_answers");
	meet_posture(chain, BH_EGRESS);
}

static void add_ingress(const struct build *b)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(b->table, "ingress");

	pass_unmanaged(chain, BH_FIELD_OIFNAME, NFT_RETURN);
	look_up_workload(chain, BH_INGRESS, "ingress4", "ingress6");
	/* Whoever sends to many has been judged as a sender. */
	divert_multicast(chain, NULL, NFT_RETURN);
	meet_posture(chain, BH_INGRESS);
}

static void add_forward(const struct build *b)
{
	struct bh_nft_chain *chain =
		bh_desired_base(b->table, "forward", NF_INET_FORWARD, PRIORITY_FILTER);

	accept_known(chain);
	accept_basics(chain, "nd_hosts");
	accept_dhcp_to_all(chain);
	bh_rule_jump(bh_nft_chain_add_rule(chain), "egress");
	bh_rule_jump(bh_nft_chain_add_rule(chain), "ingress");
}

static void add_input(const struct build *b)
{
	struct bh_nft_chain *chain =
		bh_desired_base(b->table, "input", NF_INET_LOCAL_IN, PRIORITY_FILTER);

	accept_known(chain);
	accept_basics(chain, "nd_hosts");
	accept_dhcp(chain, "dhcp_questions");
	pass_unmanaged(chain, BH_FIELD_IIFNAME, NF_ACCEPT);
	/* The host is one of many receivers; that it may be sent to is the sender's egress. */
	divert_multicast(chain, "egress", 0);
	look_up_workload(chain, BH_EGRESS, "host_egress4", "host_egress6");
	meet_posture(chain, BH_EGRESS);
}

static void add_output(const struct build *b)
{
	struct bh_nft_chain *chain =
		bh_desired_base(b->table, "output", NF_INET_LOCAL_OUT, PRIORITY_FILTER);

	accept_known(chain);
	accept_basics(chain, "nd_gateway");
	accept_dhcp(chain, "dhcp_questions");
	accept_dhcp(chain, "dhcp_answers");
	look_up_workload(chain, BH_INGRESS, "host_ingress4", "host_ingress6");
	bh_rule_vmap(bh_nft_chain_add_rule(chain), BH_KEY(BH_FIELD_IP_DADDR), "published4");
	bh_rule_vmap(bh_nft_chain_add_rule(chain), BH_KEY(BH_FIELD_IP6_DADDR), "published6");
	pass_unmanaged(chain, BH_FIELD_OIFNAME, NF_ACCEPT);
	divert_multicast(chain, NULL, NF_ACCEPT);
	meet_posture(chain, BH_INGRESS);
}

/* --- routed veths ----------------------------------------------------------------------------- */

static bool is_checked(const struct bh_port *port)
{
	return !port->bridged && port->mode != BH_LEARN;
}

/* The chain that checks the senders of a workload's routed veths. */
static void add_routed_chain(const struct build *b, const struct bh_port *port, const char *name,
			     const char *hash)
{
	const uint8_t unspecified[16] = { 0 };
	bool enforce = bh_mode_refuses(port->mode);

	if (bh_nft_table_chain(b->table, name) != NULL)
		return;
	struct bh_nft_chain *chain = bh_desired_chain(b->table, name, port->workload);
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);
	bh_rule_in(rule, BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_IP_SADDR), "routed4");
	bh_rule_verdict(rule, NFT_RETURN);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_in(rule, BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_IP6_SADDR), "routed6");
	bh_rule_verdict(rule, NFT_RETURN);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_equal(rule, BH_FIELD_IP_SADDR, unspecified);
	bh_rule_in(rule, KEY_UDP_PORTS, "dhcp_questions");
	bh_rule_verdict(rule, NFT_RETURN);
	static const char *const from_nobody[] = { "nd_hosts", "mld" };
	for (size_t i = 0; i < 2; i++) {
		rule = bh_nft_chain_add_rule(chain);
		bh_rule_equal(rule, BH_FIELD_IP6_SADDR, unspecified);
		bh_rule_in(rule, BH_KEY(BH_FIELD_ICMPV6_TYPE), from_nobody[i]);
		bh_rule_verdict(rule, NFT_RETURN);
	}
	bh_desired_log(chain, b->config, enforce ? "SPOOF" : "SPOOFAUDIT", BH_EGRESS, hash);
	bh_desired_final(chain, enforce ? NF_DROP : NFT_RETURN);
}

static void bind_routed(const struct build *b, const struct bh_port *port)
{
	for (size_t i = 0; i < port->addr_count; i++) {
		struct bh_key_bytes key = { 0 };
		const char *set = port->addrs[i].family == BH_IPV4 ? "routed4" : "routed6";

		bh_key_put_ifname(&key, port->ifname);
		bh_key_put_addr(&key, &port->addrs[i]);
		bh_desired_add_first(bh_nft_table_set(b->table, set), &key, NULL);
	}
}

static void add_routed_port(const struct build *b, const struct bh_port *port)
{
	char hash[BH_CHAIN_HASH], name[BH_NFT_NAME];
	struct bh_key_bytes key = { 0 };

	bh_desired_port_name(port, "r", name, hash);
	add_routed_chain(b, port, name, hash);
	bind_routed(b, port);
	bh_key_put_ifname(&key, port->ifname);
	bh_desired_add_first(bh_nft_table_set(b->table, "routed"), &key, name);
}

bool bh_desired_is_routed(const struct bh_ruleset *rules)
{
	for (size_t i = 0; i < rules->port_count; i++)
		if (is_checked(&rules->ports[i]))
			return true;
	return false;
}

static void add_prerouting(const struct build *b)
{
	if (!b->scope->routed)
		return;
	bh_desired_set(b->table, "routed", BH_KEY(BH_FIELD_IIFNAME), BH_SET_MAP);
	bh_desired_set(b->table, "routed4", BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_IP_SADDR), 0);
	bh_desired_set(b->table, "routed6", BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_IP6_SADDR), 0);
	struct bh_nft_chain *chain =
		bh_desired_base(b->table, "prerouting", NF_INET_PRE_ROUTING, PRIORITY_RAW);
	bh_rule_vmap(bh_nft_chain_add_rule(chain), BH_KEY(BH_FIELD_IIFNAME), "routed");
	for (size_t i = 0; i < b->rules->port_count; i++)
		if (is_checked(&b->rules->ports[i]))
			add_routed_port(b, &b->rules->ports[i]);
}

static void add_frame(const struct build *b)
{
	add_constants(b);
	add_forward(b);
	add_input(b);
	add_output(b);
	add_egress(b);
	add_ingress(b);
	add_stranger(b, "stranger", true);
	add_stranger(b, "stranger_audit", false);
	for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++) {
		add_posture(b, side);
		if (b->rules->posture_count > 0)
			add_posture_chains(b, side);
	}
}

void bh_desire_inet(struct bh_nft_table *table, const struct bh_ruleset *rules,
		    const struct bh_desired_scope *scope, const struct bh_nft_config *config)
{
	struct build b = { table, rules, scope, config, bh_map_new(free) };

	add_managed(&b);
	add_owners(&b);
	add_published(&b);
	for (size_t i = 0; i < 4; i++)
		add_maps(&b, i % 2 == 0 ? BH_EGRESS : BH_INGRESS, i >= 2);
	for (uint8_t side = BH_EGRESS; side <= BH_INGRESS && rules->posture_count > 0; side++)
		add_posture_map(&b, side);
	for (size_t i = 0; i < rules->chain_count; i++)
		add_sets(&b, &rules->chains[i]);
	add_prerouting(&b);
	if (scope->frame)
		add_frame(&b);
	for (size_t i = 0; i < scope->whole; i++) {
		add_workload(&b, &rules->chains[i], false);
		add_workload(&b, &rules->chains[i], true);
		add_urgent(&b, &rules->chains[i]);
	}
	bh_map_free(b.sets);
}
