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
 * Of a veth in a VRF (l3mdev) the hooks forward and input see the VRF's device as the interface
 * that a packet came by, and the veth as sdifname, which is looked up next. Chains that the hook
 * output reaches, too, may not ask for it: whether a sender is outside they tell by its address.
 * Output sees what this host sends there twice, as going to the VRF's device first.
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
#include "desired_traffic.h"
#include "grow.h"
#include "map.h"
#include "probe_frame.h"
#include "ruleset.h"

#define PRIORITY_FILTER (-5)
#define PRIORITY_RAW (-300)

static const uint8_t tcp = IPPROTO_TCP;

static const uint8_t nd_gateway_types[] = { 133, 134, 135, 136, 137 };

/* A routed veth whose senders are checked. */
static bool is_checked(const struct bh_port *port)
{
	return !port->bridged && port->mode != BH_LEARN;
}

/* --- sets that every chain uses --------------------------------------------------------------- */

static void add_managed(const struct bh_traffic *t)
{
	struct bh_nft_set *set = bh_desired_set(t->table, "managed", BH_KEY(BH_FIELD_IIFNAME), 0);

	for (size_t i = 0; i < t->rules->bridge_count; i++) {
		struct bh_key_bytes key = { 0 };

		bh_key_put_ifname(&key, t->rules->bridges[i].ifname);
		bh_desired_add_first(set, &key, NULL);
	}
	for (size_t i = 0; i < t->rules->port_count; i++) {
		struct bh_key_bytes key = { 0 };

		if (t->rules->ports[i].bridged)
			continue;
		bh_key_put_ifname(&key, t->rules->ports[i].ifname);
		bh_desired_add_first(set, &key, NULL);
	}
}

bool bh_inet_has_vrf(const struct bh_ruleset *rules)
{
	for (size_t i = 0; i < rules->port_count; i++)
		if (rules->ports[i].vrf)
			return true;
	return false;
}

/* Addresses of whoever is in a VRF. */
static void add_vrf(const struct bh_traffic *t)
{
	if (!t->scope->vrf)
		return;
	struct bh_nft_set *sets[] = {
		bh_desired_set(t->table, "vrf4", BH_KEY(BH_FIELD_IP_SADDR), 0),
		bh_desired_set(t->table, "vrf6", BH_KEY(BH_FIELD_IP6_SADDR), 0),
	};
	for (size_t i = 0; i < t->rules->port_count; i++) {
		const struct bh_port *port = &t->rules->ports[i];

		for (size_t j = 0; port->vrf && j < port->addr_count; j++) {
			struct bh_key_bytes key = { 0 };

			bh_key_put_addr(&key, &port->addrs[j]);
			bh_desired_add_first(sets[port->addrs[j].family == BH_IPV6], &key, NULL);
		}
	}
}

void bh_inet_match_outside(struct bh_nft_rule *rule, bool vrf, uint8_t family)
{
	bh_rule_not_in(rule, BH_KEY(BH_FIELD_IIFNAME), "managed");
	if (vrf && family == BH_IPV4)
		bh_rule_not_in(rule, BH_KEY(BH_FIELD_IP_SADDR), "vrf4");
	else if (vrf && family == BH_IPV6)
		bh_rule_not_in(rule, BH_KEY(BH_FIELD_IP6_SADDR), "vrf6");
}

/* (interface, address) → chain, from the bindings. */
static void add_maps(const struct bh_traffic *t, uint8_t side, bool host)
{
	const char *stem = host ? "host_" : "", *name = side == BH_EGRESS ? "egress" : "ingress";
	enum bh_field ifname = side == BH_EGRESS ? BH_FIELD_IIFNAME : BH_FIELD_OIFNAME;
	enum bh_field addr4 = side == BH_EGRESS ? BH_FIELD_IP_SADDR : BH_FIELD_IP_DADDR;
	enum bh_field addr6 = side == BH_EGRESS ? BH_FIELD_IP6_SADDR : BH_FIELD_IP6_DADDR;
	char name4[BH_NFT_NAME], name6[BH_NFT_NAME];

	snprintf(name4, sizeof(name4), "%s%s4", stem, name);
	snprintf(name6, sizeof(name6), "%s%s6", stem, name);
	struct bh_nft_set *map4 =
		bh_desired_set(t->table, name4, BH_KEY(ifname, addr4), BH_SET_MAP);
	struct bh_nft_set *map6 =
		bh_desired_set(t->table, name6, BH_KEY(ifname, addr6), BH_SET_MAP);
	for (size_t i = 0; i < t->rules->binding_count; i++) {
		const struct bh_binding *binding = &t->rules->bindings[i];
		uint32_t chain = side == BH_EGRESS ? binding->egress : binding->ingress;
		struct bh_key_bytes key = { 0 };
		char target[BH_NFT_NAME];

		bh_desired_name(target, side, host, t->rules->chains[chain].hash, "");
		bh_key_put_ifname(&key, binding->l3_ifname);
		bh_key_put_addr(&key, &binding->addr);
		bh_desired_add_first(binding->addr.family == BH_IPV4 ? map4 : map6, &key, target);
	}
	/* Whoever has the self-test's addresses keeps them. */
	for (size_t i = 0; i < t->rules->bridge_count && !host; i++)
		bh_desired_probe_bind((struct bh_nft_set *[]) { map4, map6 }, side,
				      t->rules->bridges[i].ifname);
	/* Towards this host, too, where nothing of the test's goes. */
	for (size_t i = 0; i < t->rules->port_count; i++)
		if (is_checked(&t->rules->ports[i]))
			bh_desired_probe_bind_routed((struct bh_nft_set *[]) { map4, map6 }, side,
						     t->rules->ports[i].ifname);
	for (size_t i = 0; i < t->rules->posture_count; i++) {
		const struct bh_address_posture *p = &t->rules->postures[i];
		struct bh_key_bytes key = { 0 };

		if (p->addr.family == BH_NO_FAMILY)
			continue;
		bh_key_put_ifname(&key, p->l3_ifname);
		bh_key_put_addr(&key, &p->addr);
		bh_desired_add_first(p->addr.family == BH_IPV4 ? map4 : map6, &key,
				     bh_traffic_posture_chain(p->posture, side));
	}
}

/* Interface → posture of whoever is there and has no address that is known. */
static void add_posture_map(const struct bh_traffic *t, uint8_t side)
{
	enum bh_field ifname = side == BH_EGRESS ? BH_FIELD_IIFNAME : BH_FIELD_OIFNAME;
	struct bh_nft_set *map =
		bh_desired_set(t->table, side == BH_EGRESS ? "postures_egress" : "postures_ingress",
			       BH_KEY(ifname), BH_SET_MAP);

	for (size_t i = 0; i < t->rules->posture_count; i++) {
		const struct bh_address_posture *p = &t->rules->postures[i];
		struct bh_key_bytes key = { 0 };

		if (p->addr.family != BH_NO_FAMILY)
			continue;
		bh_key_put_ifname(&key, p->l3_ifname);
		bh_desired_add_first(map, &key, bh_traffic_posture_chain(p->posture, side));
	}
}

/* Address → chain for what this host sends. A connection of its own to a published port has the
 * container's address by the time it is judged, and still the interface that led to the published
 * one. Link-local addresses are never published. */
static void add_published(const struct bh_traffic *t)
{
	struct bh_nft_set *maps[] = {
		bh_desired_set(t->table, "published4", BH_KEY(BH_FIELD_IP_DADDR), BH_SET_MAP),
		bh_desired_set(t->table, "published6", BH_KEY(BH_FIELD_IP6_DADDR), BH_SET_MAP),
	};

	for (size_t i = 0; i < t->rules->binding_count; i++) {
		const struct bh_binding *binding = &t->rules->bindings[i];
		struct bh_key_bytes key = { 0 };
		char target[BH_NFT_NAME];

		if (bh_addr_is_link_local(&binding->addr))
			continue;
		bh_desired_name(target, BH_INGRESS, true, t->rules->chains[binding->ingress].hash,
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
static void add_owners(const struct bh_traffic *t)
{
	struct bh_nft_set *owned[] = {
		bh_desired_set(t->table, "owned4", BH_KEY(BH_FIELD_IP_SADDR), BH_SET_MAP),
		bh_desired_set(t->table, "owned6", BH_KEY(BH_FIELD_IP6_SADDR), BH_SET_MAP),
	};
	struct bh_nft_set *held[] = {
		bh_desired_set(t->table, "held4", BH_KEY(BH_FIELD_IP_SADDR), 0),
		bh_desired_set(t->table, "held6", BH_KEY(BH_FIELD_IP6_SADDR), 0),
	};

	/* The strictest owners first: who comes first keeps the element. */
	for (int mode = BH_ENFORCE; mode >= BH_LEARN; mode--)
		for (size_t i = 0; i < t->rules->port_count; i++)
			if (t->rules->ports[i].mode == mode)
				own(&t->rules->ports[i], owned, held);
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

static void pass_to_unmanaged(struct bh_nft_chain *chain, int32_t verdict)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_not_in(rule, BH_KEY(BH_FIELD_OIFNAME), "managed");
	bh_rule_verdict(rule, verdict);
}

static void pass_from_unmanaged(const struct bh_traffic *t, struct bh_nft_chain *chain,
				int32_t verdict)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_not_in(rule, BH_KEY(BH_FIELD_IIFNAME), "managed");
	if (t->scope->vrf)
		bh_rule_not_in(rule, BH_KEY(BH_FIELD_SDIFNAME), "managed");
	bh_rule_verdict(rule, verdict);
}

static void look_up_sender(const struct bh_traffic *t, struct bh_nft_chain *chain, const char *map4,
			   const char *map6)
{
	bh_traffic_look_up_workload(chain, BH_EGRESS, map4, map6);
	if (!t->scope->vrf)
		return;
	bh_rule_vmap(bh_nft_chain_add_rule(chain), BH_KEY(BH_FIELD_SDIFNAME, BH_FIELD_IP_SADDR),
		     map4);
	bh_rule_vmap(bh_nft_chain_add_rule(chain), BH_KEY(BH_FIELD_SDIFNAME, BH_FIELD_IP6_SADDR),
		     map6);
}

/* What goes to a VRF's device comes again, on its way to the interface behind. */
static void pass_to_vrf(const struct bh_traffic *t, struct bh_nft_chain *chain)
{
	static const char kind[BH_IFNAME] = "vrf";

	if (!t->scope->vrf)
		return;
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);
	bh_rule_equal(rule, BH_FIELD_OIFKIND, kind);
	bh_rule_verdict(rule, NF_ACCEPT);
}

/* What is addressed to many goes to chain `to`, or (NULL) meets the verdict. */
static void divert_many(struct bh_nft_chain *chain, const char *to, int32_t verdict)
{
	bh_traffic_divert_groups(chain, to, verdict);
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);
	bh_rule_number(rule, BH_FIELD_FIB_DADDR_TYPE, RTN_BROADCAST);
	bh_traffic_end_rule(rule, to, verdict);
}

/* At the metadata service's address whoever answers is that service, be it a proxy on this host:
 * what is addressed so, or comes from there, is judged as what is beyond this host. */
static void divert_metadata(struct bh_nft_chain *chain, uint8_t side)
{
	bool out = side == BH_EGRESS;
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_equal(rule, out ? BH_FIELD_IP_DADDR : BH_FIELD_IP_SADDR, bh_metadata4);
	bh_rule_goto(rule, out ? "egress" : "ingress");
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_equal(rule, out ? BH_FIELD_IP6_DADDR : BH_FIELD_IP6_SADDR, bh_metadata6);
	bh_rule_goto(rule, out ? "egress" : "ingress");
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

static void add_stranger(const struct bh_traffic *t, const char *name, bool enforce)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(t->table, name);

	bh_desired_log(chain, t->config, enforce ? "SPOOF" : "SPOOFAUDIT", BH_EGRESS, "-");
	bh_desired_final(chain, enforce ? NF_DROP : NFT_RETURN);
}

static void add_egress(const struct bh_traffic *t)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(t->table, "egress");

	look_up_sender(t, chain, "egress4", "egress6");
	catch_impostors(chain);
	pass_from_unmanaged(t, chain, NFT_RETURN);
	bh_traffic_accept_dhcp(chain, "dhcp_answers");
	bh_traffic_meet_posture(chain, BH_EGRESS);
}

static void add_ingress(const struct bh_traffic *t)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(t->table, "ingress");

	pass_to_unmanaged(chain, NFT_RETURN);
	bh_traffic_look_up_workload(chain, BH_INGRESS, "ingress4", "ingress6");
	/* Whoever sends to many has been judged as a sender. */
	divert_many(chain, NULL, NFT_RETURN);
	bh_traffic_meet_posture(chain, BH_INGRESS);
}

static void add_forward(const struct bh_traffic *t)
{
	struct bh_nft_chain *chain =
		bh_desired_base(t->table, "forward", NF_INET_FORWARD, PRIORITY_FILTER);

	accept_known(chain);
	bh_traffic_accept_basics(chain, "nd_hosts");
	bh_traffic_accept_dhcp_to_all(chain);
	bh_rule_jump(bh_nft_chain_add_rule(chain), "egress");
	bh_rule_jump(bh_nft_chain_add_rule(chain), "ingress");
}

static void add_input(const struct bh_traffic *t)
{
	struct bh_nft_chain *chain =
		bh_desired_base(t->table, "input", NF_INET_LOCAL_IN, PRIORITY_FILTER);

	accept_known(chain);
	bh_traffic_accept_basics(chain, "nd_hosts");
	bh_traffic_accept_dhcp(chain, "dhcp_questions");
	pass_from_unmanaged(t, chain, NF_ACCEPT);
	/* The host is one of many receivers; that it may be sent to is the sender's egress. */
	divert_many(chain, "egress", 0);
	divert_metadata(chain, BH_EGRESS);
	look_up_sender(t, chain, "host_egress4", "host_egress6");
	bh_traffic_meet_posture(chain, BH_EGRESS);
}

static void add_output(const struct bh_traffic *t)
{
	struct bh_nft_chain *chain =
		bh_desired_base(t->table, "output", NF_INET_LOCAL_OUT, PRIORITY_FILTER);

	pass_to_vrf(t, chain);
	accept_known(chain);
	bh_traffic_accept_basics(chain, "nd_gateway");
	bh_traffic_accept_dhcp(chain, "dhcp_questions");
	bh_traffic_accept_dhcp(chain, "dhcp_answers");
	divert_metadata(chain, BH_INGRESS);
	bh_traffic_look_up_workload(chain, BH_INGRESS, "host_ingress4", "host_ingress6");
	bh_rule_vmap(bh_nft_chain_add_rule(chain), BH_KEY(BH_FIELD_IP_DADDR), "published4");
	bh_rule_vmap(bh_nft_chain_add_rule(chain), BH_KEY(BH_FIELD_IP6_DADDR), "published6");
	pass_to_unmanaged(chain, NF_ACCEPT);
	divert_many(chain, NULL, NF_ACCEPT);
	bh_traffic_meet_posture(chain, BH_INGRESS);
}

/* --- routed veths ----------------------------------------------------------------------------- */

/* The chain that checks the senders of a workload's routed veths. */
static void add_routed_chain(const struct bh_traffic *t, const struct bh_port *port,
			     const char *name, const char *hash)
{
	const uint8_t unspecified[16] = { 0 };
	bool enforce = bh_mode_refuses(port->mode);

	if (bh_nft_table_chain(t->table, name) != NULL)
		return;
	struct bh_nft_chain *chain = bh_desired_chain(t->table, name, port->workload);
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);
	bh_rule_in(rule, BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_IP_SADDR), "routed4");
	bh_rule_verdict(rule, NFT_RETURN);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_in(rule, BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_IP6_SADDR), "routed6");
	bh_rule_verdict(rule, NFT_RETURN);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_equal(rule, BH_FIELD_IP_SADDR, unspecified);
	bh_rule_in(rule, BH_KEY_UDP_PORTS, "dhcp_questions");
	bh_rule_verdict(rule, NFT_RETURN);
	static const char *const from_nobody[] = { "nd_hosts", "mld" };
	for (size_t i = 0; i < 2; i++) {
		rule = bh_nft_chain_add_rule(chain);
		bh_rule_equal(rule, BH_FIELD_IP6_SADDR, unspecified);
		bh_rule_in(rule, BH_KEY(BH_FIELD_ICMPV6_TYPE), from_nobody[i]);
		bh_rule_verdict(rule, NFT_RETURN);
	}
	bh_desired_log(chain, t->config, enforce ? "SPOOF" : "SPOOFAUDIT", BH_EGRESS, hash);
	bh_desired_final(chain, enforce ? NF_DROP : NFT_RETURN);
}

static void bind_routed(const struct bh_traffic *t, const char *ifname, const struct bh_addr *addr)
{
	struct bh_key_bytes key = { 0 };
	const char *set = addr->family == BH_IPV4 ? "routed4" : "routed6";

	bh_key_put_ifname(&key, ifname);
	bh_key_put_addr(&key, addr);
	bh_desired_add_first(bh_nft_table_set(t->table, set), &key, NULL);
}

static void add_routed_port(const struct bh_traffic *t, const struct bh_port *port)
{
	char hash[BH_CHAIN_HASH], name[BH_NFT_NAME];
	struct bh_key_bytes key = { 0 };

	bh_desired_port_name(port, "r", name, hash);
	add_routed_chain(t, port, name, hash);
	for (size_t six = 0; six < 2; six++)
		bind_routed(t, port->ifname, &bh_probe_inside[BH_PROBE_PASSES][six]);
	for (size_t i = 0; i < port->addr_count; i++)
		bind_routed(t, port->ifname, &port->addrs[i]);
	bh_key_put_ifname(&key, port->ifname);
	bh_desired_add_first(bh_nft_table_set(t->table, "routed"), &key, name);
}

bool bh_inet_is_routed(const struct bh_ruleset *rules)
{
	for (size_t i = 0; i < rules->port_count; i++)
		if (is_checked(&rules->ports[i]))
			return true;
	return false;
}

static void add_prerouting(const struct bh_traffic *t)
{
	if (!t->scope->routed)
		return;
	bh_desired_set(t->table, "routed", BH_KEY(BH_FIELD_IIFNAME), BH_SET_MAP);
	bh_desired_set(t->table, "routed4", BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_IP_SADDR), 0);
	bh_desired_set(t->table, "routed6", BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_IP6_SADDR), 0);
	struct bh_nft_chain *chain =
		bh_desired_base(t->table, "prerouting", NF_INET_PRE_ROUTING, PRIORITY_RAW);
	bh_rule_vmap(bh_nft_chain_add_rule(chain), BH_KEY(BH_FIELD_IIFNAME), "routed");
	for (size_t i = 0; i < t->rules->port_count; i++)
		if (is_checked(&t->rules->ports[i]))
			add_routed_port(t, &t->rules->ports[i]);
}

static void add_frame(const struct bh_traffic *t)
{
	bh_traffic_add_constants(t);
	bh_desired_numbers(t->table, "nd_gateway", BH_FIELD_ICMPV6_TYPE, nd_gateway_types,
			   sizeof(nd_gateway_types));
	add_forward(t);
	add_input(t);
	add_output(t);
	add_egress(t);
	add_ingress(t);
	add_stranger(t, "stranger", true);
	add_stranger(t, "stranger_audit", false);
	bh_desired_probe_chain(t->table);
	for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++)
		bh_desired_probe_routed_chain(t, side);
	bh_traffic_add_postures(t);
}

void bh_desire_inet(struct bh_nft_table *table, const struct bh_ruleset *rules,
		    const struct bh_desired_scope *scope, const struct bh_nft_config *config)
{
	struct bh_traffic t = { .table = table,
				.rules = rules,
				.scope = scope,
				.config = config,
				.sets = bh_map_new(free) };

	add_managed(&t);
	add_vrf(&t);
	add_owners(&t);
	add_published(&t);
	for (size_t i = 0; i < 4; i++)
		add_maps(&t, i % 2 == 0 ? BH_EGRESS : BH_INGRESS, i >= 2);
	for (uint8_t side = BH_EGRESS; side <= BH_INGRESS && scope->postures; side++)
		add_posture_map(&t, side);
	bh_traffic_add_sets(&t);
	add_prerouting(&t);
	if (scope->frame)
		add_frame(&t);
	bh_traffic_add_workloads(&t);
	bh_map_free(t.sets);
}
