/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table bridge bulkhead, its second half: who may talk to whom on one bridge, where the ruleset
 * says that this is judged without connection tracking. What this host routes, sends or receives
 * never comes here; table inet judges it.
 *
 *   forward, behind the check of addresses
 *           ─► jump egress ─► (sender's port, source) ─► goto e_HASH: may it send this?
 *           ─► jump ingress ─► (receiver's port, destination) ─► goto i_HASH: may it receive this?
 *
 * as in table inet, and by the same permissions; but every frame is judged, not the first of a
 * connection alone (desired_workload.c). An end is known by its own port and not by the bridge.
 *
 * Before either, while there are any, single connections pass that were open when rules began to
 * refuse them, and are to go on (src/daemon/core_exceptions.h). Each is known by its whole tuple
 * and the port that its sender is behind; that the sender is no impostor the check of addresses has
 * seen to. A TCP SYN and an SCTP INIT open another connection, and are judged.
 *
 * A rule here does not see which bridge a port belongs to (not every kernel tells it), so the
 * members of managed bridges are listed. Who is so new that he is not yet among them meets the
 * posture all the same, as soon as the other end is a member; two such newcomers do not.
 */
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_bridge.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "desired_traffic.h"
#include "map.h"
#include "probe.h"
#include "protocol.h"
#include "ruleset.h"

#define PRIORITY (-390) /* behind the check of addresses, before br_netfilter */
#define BROADCAST 1	/* PACKET_BROADCAST, PACKET_MULTICAST */
#define MULTICAST 2
#define OTHERHOST 3
#define SCTP_INIT 1

static const uint8_t tcp = IPPROTO_TCP, unicast = OTHERHOST;
static const uint8_t families[2] = { BH_IPV4, BH_IPV6 };
static const uint8_t broadcast4[4] = { 255, 255, 255, 255 };
/* Kinds of connections that may go on; the bits of bh_desired_scope.exceptions. */
static const struct kind {
	uint8_t proto;
	uint8_t family;
} kinds[] = {
	{ IPPROTO_TCP, BH_IPV4 }, { IPPROTO_TCP, BH_IPV6 },  { IPPROTO_UDP, BH_IPV4 },
	{ IPPROTO_UDP, BH_IPV6 }, { IPPROTO_SCTP, BH_IPV4 }, { IPPROTO_SCTP, BH_IPV6 },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
static const uint16_t judged[] = { 0x0800, 0x86dd };

/* --- sets ------------------------------------------------------------------------------------- */

static void add_judged(const struct bh_traffic *t)
{
	struct bh_nft_set *set = bh_desired_set(t->table, "judged", BH_KEY(BH_FIELD_ETHER_TYPE), 0);

	for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++) {
		struct bh_key_bytes key = { 0 };

		bh_key_put_u16(&key, judged[i]);
		bh_nft_set_add(set, key.bytes, NULL, NULL);
	}
}

/* (port, address) → chain, from the bindings. */
static void add_maps(const struct bh_traffic *t, uint8_t side)
{
	bool out = side == BH_EGRESS;
	enum bh_field ifname = out ? BH_FIELD_IIFNAME : BH_FIELD_OIFNAME;
	struct bh_nft_set *maps[] = {
		bh_desired_set(t->table, out ? "egress4" : "ingress4",
			       BH_KEY(ifname, out ? BH_FIELD_IP_SADDR : BH_FIELD_IP_DADDR),
			       BH_SET_MAP),
		bh_desired_set(t->table, out ? "egress6" : "ingress6",
			       BH_KEY(ifname, out ? BH_FIELD_IP6_SADDR : BH_FIELD_IP6_DADDR),
			       BH_SET_MAP),
	};

	bh_desired_probe_bind(maps, side, out ? BH_PROBE_SENDER : BH_PROBE_RECEIVER);
	for (size_t i = 0; i < t->rules->binding_count; i++) {
		const struct bh_binding *binding = &t->rules->bindings[i];
		uint32_t chain = out ? binding->egress : binding->ingress;
		struct bh_key_bytes key = { 0 };
		char target[BH_NFT_NAME];

		if (!bh_binding_is_bridged(binding))
			continue;
		bh_desired_name(target, side, false, t->rules->chains[chain].hash, "");
		bh_key_put_ifname(&key, binding->ifname);
		bh_key_put_addr(&key, &binding->addr);
		bh_desired_add_first(maps[binding->addr.family == BH_IPV6], &key, target);
	}
}

/* Addresses of which it is known behind which port they are. */
static void add_bound(const struct bh_traffic *t)
{
	struct bh_nft_set *bound[] = {
		bh_desired_set(t->table, "bound4", BH_KEY(BH_FIELD_IP_DADDR), 0),
		bh_desired_set(t->table, "bound6", BH_KEY(BH_FIELD_IP6_DADDR), 0),
	};

	for (size_t i = 0; i < t->rules->binding_count; i++) {
		const struct bh_binding *binding = &t->rules->bindings[i];
		struct bh_key_bytes key = { 0 };

		if (!bh_binding_is_bridged(binding))
			continue;
		bh_key_put_addr(&key, &binding->addr);
		bh_desired_add_first(bound[binding->addr.family == BH_IPV6], &key, NULL);
	}
}

/* By the interface as a whole. */
static uint8_t posture_of(const struct bh_ruleset *rules, const char *bridge)
{
	for (size_t i = 0; i < rules->posture_count; i++)
		if (rules->postures[i].addr.family == BH_NO_FAMILY &&
		    strcmp(rules->postures[i].l3_ifname, bridge) == 0)
			return rules->postures[i].posture;
	return rules->posture;
}

bool bh_stateless_has_uplinks(const struct bh_ruleset *rules)
{
	for (size_t i = 0; i < rules->member_count; i++)
		if (rules->members[i].uplink)
			return true;
	return false;
}

void bh_stateless_match_uplink(struct bh_nft_rule *rule, uint8_t side)
{
	bh_rule_in(rule, BH_KEY(side == BH_INGRESS ? BH_FIELD_IIFNAME : BH_FIELD_OIFNAME),
		   "uplinks");
}

void bh_stateless_match_no_group(struct bh_nft_rule *rule, uint8_t family)
{
	if (family == BH_IPV6) {
		bh_rule_not_prefix(rule, BH_FIELD_IP6_DADDR, bh_multicast6, 8);
		return;
	}
	bh_rule_not_prefix(rule, BH_FIELD_IP_DADDR, bh_multicast4, 4);
	bh_rule_not(rule, BH_FIELD_IP_DADDR, broadcast4);
}

void bh_stateless_match_unicast(struct bh_nft_rule *rule)
{
	bh_rule_equal(rule, BH_FIELD_PKTTYPE, &unicast);
}

/* Ports of managed bridges, and where postures differ the chain of their bridge's. */
static void add_members(const struct bh_traffic *t)
{
	struct bh_nft_set *members =
		bh_desired_set(t->table, "members", BH_KEY(BH_FIELD_IIFNAME), 0);
	struct bh_nft_set *uplinks =
		bh_desired_set(t->table, "uplinks", BH_KEY(BH_FIELD_IIFNAME), 0);
	struct bh_nft_set *postures[2] = { 0 };

	if (t->scope->postures) {
		postures[BH_EGRESS] = bh_desired_set(t->table, "postures_egress",
						     BH_KEY(BH_FIELD_IIFNAME), BH_SET_MAP);
		postures[BH_INGRESS] = bh_desired_set(t->table, "postures_ingress",
						      BH_KEY(BH_FIELD_OIFNAME), BH_SET_MAP);
	}
	for (size_t i = 0; i < t->rules->member_count; i++) {
		const struct bh_bridge_member *member = &t->rules->members[i];
		uint8_t posture = posture_of(t->rules, member->bridge);
		struct bh_key_bytes key = { 0 };

		bh_key_put_ifname(&key, member->ifname);
		bh_desired_add_first(members, &key, NULL);
		if (member->uplink)
			bh_desired_add_first(uplinks, &key, NULL);
		for (uint8_t side = BH_EGRESS; postures[0] != NULL && side <= BH_INGRESS; side++)
			bh_desired_add_first(postures[side], &key,
					     bh_traffic_posture_chain(posture, side));
	}
}

/* Addresses with a posture of their own. Of one that has several, on several bridges, the strictest
 * holds: the bridge is not told. */
static void add_address_postures(const struct bh_traffic *t, uint8_t side)
{
	bool out = side == BH_EGRESS;
	struct bh_nft_set *maps[] = {
		bh_desired_set(t->table, out ? "address_egress4" : "address_ingress4",
			       BH_KEY(out ? BH_FIELD_IP_SADDR : BH_FIELD_IP_DADDR), BH_SET_MAP),
		bh_desired_set(t->table, out ? "address_egress6" : "address_ingress6",
			       BH_KEY(out ? BH_FIELD_IP6_SADDR : BH_FIELD_IP6_DADDR), BH_SET_MAP),
	};

	for (int posture = BH_POSTURE_CLOSED; posture >= BH_POSTURE_OPEN; posture--)
		for (size_t i = 0; i < t->rules->posture_count; i++) {
			const struct bh_address_posture *p = &t->rules->postures[i];
			struct bh_key_bytes key = { 0 };

			if (p->addr.family == BH_NO_FAMILY || p->posture != posture)
				continue;
			bh_key_put_addr(&key, &p->addr);
			bh_desired_add_first(maps[p->addr.family == BH_IPV6], &key,
					     bh_traffic_posture_chain(p->posture, side));
		}
}

/* --- connections that go on ------------------------------------------------------------------- */

static bool is_of_kind(const struct bh_exception *e, const struct kind *kind)
{
	return e->key.proto == kind->proto && e->key.src.family == kind->family;
}

uint8_t bh_stateless_exceptions(const struct bh_ruleset *rules)
{
	uint8_t found = 0;

	for (size_t i = 0; i < rules->exception_count; i++)
		for (size_t j = 0; j < KINDS; j++)
			if (is_of_kind(&rules->exceptions[i], &kinds[j]))
				found |= (uint8_t)(1u << j);
	return found;
}

/* Those of one kind. */
struct exceptions {
	struct bh_key key, fragments_key;
	char set[BH_NFT_NAME];
	char fragments[BH_NFT_NAME]; /* the set of who may send whom later ones */
};

static struct exceptions exceptions_of(const struct kind *kind)
{
	bool four = kind->family == BH_IPV4;
	struct exceptions x = {
		.key = four ? BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_IP_SADDR, BH_FIELD_IP_DADDR,
				     BH_FIELD_TH_SPORT, BH_FIELD_TH_DPORT)
			    : BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_IP6_SADDR, BH_FIELD_IP6_DADDR,
				     BH_FIELD_TH_SPORT, BH_FIELD_TH_DPORT),
		.fragments_key =
			four ? BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_IP_SADDR, BH_FIELD_IP_DADDR)
			     : BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_IP6_SADDR, BH_FIELD_IP6_DADDR)
	};
	char word[BH_PROTOCOL_TEXT];

	bh_protocol_format(kind->proto, word);
	snprintf(x.set, sizeof(x.set), "exceptions_%s%c", word, four ? '4' : '6');
	snprintf(x.fragments, sizeof(x.fragments), "fragments_%s%c", word, four ? '4' : '6');
	return x;
}

static void put_exception(struct bh_nft_set *set, struct bh_nft_set *fragments, const char *ifname,
			  const struct bh_flow_key *key, bool back)
{
	struct bh_key_bytes bytes = { 0 };

	bh_key_put_ifname(&bytes, ifname);
	bh_key_put_addr(&bytes, back ? &key->dst : &key->src);
	bh_key_put_addr(&bytes, back ? &key->src : &key->dst);
	bh_desired_add_first(fragments, &bytes, NULL);
	bh_key_put_u16(&bytes, back ? key->dport : key->sport);
	bh_key_put_u16(&bytes, back ? key->sport : key->dport);
	bh_desired_add_first(set, &bytes, NULL);
}

/* What opens nothing of this protocol. */
static void pass_exceptions(struct bh_nft_chain *chain, const struct kind *kind)
{
	struct exceptions x = exceptions_of(kind);
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_equal(rule, BH_FIELD_L4PROTO, &kind->proto);
	if (kind->proto == IPPROTO_TCP)
		bh_rule_not_opening(rule);
	if (kind->proto == IPPROTO_SCTP)
		bh_rule_not(rule, BH_FIELD_SCTP_CHUNK, &(const uint8_t) { SCTP_INIT });
	bh_rule_in(rule, x.key, x.set);
	bh_rule_verdict(rule, NF_ACCEPT);
	/* A datagram's later parts have no ports. */
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_equal(rule, BH_FIELD_L4PROTO, &kind->proto);
	bh_rule_later_fragment(rule, kind->family);
	bh_rule_in(rule, x.fragments_key, x.fragments);
	bh_rule_verdict(rule, NF_ACCEPT);
}

static void add_exceptions_of(const struct bh_traffic *t, const struct kind *kind)
{
	struct exceptions x = exceptions_of(kind);
	struct bh_nft_set *set = bh_desired_set(t->table, x.set, x.key, 0);
	struct bh_nft_set *fragments = bh_desired_set(t->table, x.fragments, x.fragments_key, 0);

	for (size_t i = 0; i < t->rules->exception_count; i++) {
		const struct bh_exception *e = &t->rules->exceptions[i];

		if (!is_of_kind(e, kind))
			continue;
		put_exception(set, fragments, e->src_ifname, &e->key, false);
		put_exception(set, fragments, e->dst_ifname, &e->key, true);
	}
}

/* Without any of a kind there is nothing of it, and nobody pays. */
static bool has_exceptions(const struct bh_traffic *t, size_t kind)
{
	return t->scope->exceptions >> kind & 1;
}

static void add_exceptions(const struct bh_traffic *t)
{
	for (size_t i = 0; i < KINDS; i++)
		if (has_exceptions(t, i))
			add_exceptions_of(t, &kinds[i]);
}

/* --- chains ----------------------------------------------------------------------------------- */

static void pass_foreign_bridges(struct bh_nft_chain *chain)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_not_in(rule, BH_KEY(BH_FIELD_IIFNAME), "members");
	bh_rule_not_in(rule, BH_KEY(BH_FIELD_OIFNAME), "members");
	bh_rule_verdict(rule, NFT_RETURN);
}

static void meet_address_posture(const struct bh_traffic *t, struct bh_nft_chain *chain,
				 uint8_t side)
{
	bool out = side == BH_EGRESS;

	if (t->scope->postures) {
		bh_rule_vmap(bh_nft_chain_add_rule(chain),
			     BH_KEY(out ? BH_FIELD_IP_SADDR : BH_FIELD_IP_DADDR),
			     out ? "address_egress4" : "address_ingress4");
		bh_rule_vmap(bh_nft_chain_add_rule(chain),
			     BH_KEY(out ? BH_FIELD_IP6_SADDR : BH_FIELD_IP6_DADDR),
			     out ? "address_egress6" : "address_ingress6");
	}
	bh_traffic_meet_posture(chain, side);
}

/* The world meets no posture, unless it speaks to many: of those nobody is asked. */
static void pass_from_uplinks(struct bh_nft_chain *chain)
{
	for (size_t i = 0; i < 2; i++) {
		struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

		bh_stateless_match_uplink(rule, BH_INGRESS);
		bh_stateless_match_unicast(rule);
		bh_stateless_match_no_group(rule, families[i]);
		bh_rule_verdict(rule, NFT_RETURN);
	}
}

static void pass_to_uplinks(struct bh_nft_chain *chain)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_stateless_match_uplink(rule, BH_EGRESS);
	bh_rule_verdict(rule, NFT_RETURN);
}

/* A copy, as a bridge makes them that does not know a MAC, or a frame that was sent astray: whose
 * address it is he is not there. */
static void drop_astray(const struct bh_traffic *t, struct bh_nft_chain *chain)
{
	for (size_t i = 0; t->scope->uplinks && i < 2; i++) {
		bool four = families[i] == BH_IPV4;
		struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

		bh_stateless_match_uplink(rule, BH_EGRESS);
		bh_rule_in(rule, BH_KEY(four ? BH_FIELD_IP_DADDR : BH_FIELD_IP6_DADDR),
			   four ? "bound4" : "bound6");
		bh_rule_verdict(rule, NF_DROP);
	}
}

static void add_egress(const struct bh_traffic *t)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(t->table, "egress");

	bh_traffic_look_up_workload(chain, BH_EGRESS, "egress4", "egress6");
	pass_foreign_bridges(chain);
	bh_traffic_accept_dhcp(chain, "dhcp_answers");
	pass_from_uplinks(chain);
	meet_address_posture(t, chain, BH_EGRESS);
}

static void return_many(struct bh_nft_chain *chain, uint8_t type)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_equal(rule, BH_FIELD_PKTTYPE, &type);
	bh_rule_verdict(rule, NFT_RETURN);
}

static void add_ingress(const struct bh_traffic *t)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(t->table, "ingress");

	bh_traffic_look_up_workload(chain, BH_INGRESS, "ingress4", "ingress6");
	/* Whoever sends to many has been judged as a sender. */
	bh_traffic_divert_groups(chain, NULL, NFT_RETURN);
	return_many(chain, BROADCAST);
	return_many(chain, MULTICAST);
	pass_foreign_bridges(chain);
	pass_to_uplinks(chain);
	meet_address_posture(t, chain, BH_INGRESS);
}

/* Nearly everything is TCP, and none of what passes always. */
static void add_forward(const struct bh_traffic *t)
{
	struct bh_nft_chain *chain = bh_desired_base(t->table, "traffic", NF_BR_FORWARD, PRIORITY);
	struct bh_nft_chain *judge = bh_nft_table_add_chain(t->table, "judge");
	struct bh_nft_rule *rule;

	for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++) {
		rule = bh_nft_chain_add_rule(chain);
		bh_rule_number(rule, BH_FIELD_ETHER_TYPE, judged[i]);
		bh_rule_equal(rule, BH_FIELD_L4PROTO, &tcp);
		bh_rule_goto(rule, "judge");
	}
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_not_in(rule, BH_KEY(BH_FIELD_ETHER_TYPE), "judged");
	bh_rule_verdict(rule, NF_ACCEPT);
	bh_traffic_accept_basics(chain, "nd_hosts");
	bh_traffic_accept_dhcp_to_all(chain);
	bh_rule_goto(bh_nft_chain_add_rule(chain), "judge");
	drop_astray(t, judge);
	for (size_t i = 0; i < KINDS; i++)
		if (has_exceptions(t, i))
			pass_exceptions(judge, &kinds[i]);
	bh_rule_jump(bh_nft_chain_add_rule(judge), "egress");
	bh_rule_jump(bh_nft_chain_add_rule(judge), "ingress");
}

static void add_frame(const struct bh_traffic *t)
{
	add_judged(t);
	bh_traffic_add_constants(t);
	add_forward(t);
	add_egress(t);
	add_ingress(t);
	bh_desired_probe_chain(t->table);
	bh_traffic_add_postures(t);
}

void bh_desire_stateless(struct bh_nft_table *table, const struct bh_ruleset *rules,
			 const struct bh_desired_scope *scope, const struct bh_nft_config *config)
{
	struct bh_traffic t = { .table = table,
				.rules = rules,
				.scope = scope,
				.config = config,
				.stateless = true,
				.sets = bh_map_new(free) };

	add_bound(&t);
	add_members(&t);
	for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++) {
		add_maps(&t, side);
		if (scope->postures)
			add_address_postures(&t, side);
	}
	add_exceptions(&t);
	bh_traffic_add_sets(&t);
	if (scope->frame)
		add_frame(&t);
	bh_traffic_add_workloads(&t);
	bh_map_free(t.sets);
}
