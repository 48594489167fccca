/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the rules about who may talk to whom have in common, in whichever table they land: what
 * passes always, what is sent to many, and whom nobody knows. */
#include "desired_traffic.h"

#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#define HOP_LIMIT_LOCAL 255 /* nothing that was routed has it (RFC 4861) */

static const uint8_t igmp = IPPROTO_IGMP;
const uint8_t bh_multicast4[4] = { 224 };
const uint8_t bh_multicast6[16] = { 0xff };
static const uint8_t link_multicast6[16] = { 0xff, 0x02 };
static const uint8_t broadcast4[4] = { 255, 255, 255, 255 };

static const uint8_t nd_types[] = { 133, 135, 136 }; /* router, neighbour solicitation; answer */
static const uint8_t mld_types[] = { 130, 131, 132, 143 };
/* Source and destination, IPv4 and IPv6. */
static const uint16_t dhcp_questions[][2] = { { 68, 67 }, { 546, 547 } };
static const uint16_t dhcp_answers[][2] = { { 67, 68 }, { 547, 546 } };

/* --- what passes always ----------------------------------------------------------------------- */

static void add_port_pairs(const struct bh_traffic *t, const char *name, const uint16_t pairs[2][2])
{
	struct bh_nft_set *set =
		bh_desired_set(t->table, name, BH_KEY(BH_FIELD_UDP_SPORT, BH_FIELD_UDP_DPORT), 0);

	for (size_t i = 0; i < 2; i++) {
		struct bh_key_bytes key = { 0 };

		bh_key_put_u16(&key, pairs[i][0]);
		bh_key_put_u16(&key, pairs[i][1]);
		bh_nft_set_add(set, key.bytes, NULL, NULL);
	}
}

void bh_traffic_add_constants(const struct bh_traffic *t)
{
	add_port_pairs(t, "dhcp_questions", dhcp_questions);
	add_port_pairs(t, "dhcp_answers", dhcp_answers);
	bh_desired_numbers(t->table, "nd_hosts", BH_FIELD_ICMPV6_TYPE, nd_types, sizeof(nd_types));
	bh_desired_numbers(t->table, "mld", BH_FIELD_ICMPV6_TYPE, mld_types, sizeof(mld_types));
	bh_urgent_add_set(t);
}

void bh_traffic_accept_basics(struct bh_nft_chain *chain, const char *discovery)
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
	bh_rule_prefix(rule, BH_FIELD_IP_DADDR, bh_multicast4, 4);
	bh_rule_number(rule, BH_FIELD_IP_TTL, 1);
	bh_rule_equal(rule, BH_FIELD_L4PROTO, &igmp);
	bh_rule_verdict(rule, NF_ACCEPT);
}

void bh_traffic_accept_dhcp(struct bh_nft_chain *chain, const char *set)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_in(rule, BH_KEY_UDP_PORTS, set);
	bh_rule_verdict(rule, NF_ACCEPT);
}

void bh_traffic_accept_dhcp_to_all(struct bh_nft_chain *chain)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_equal(rule, BH_FIELD_IP_DADDR, broadcast4);
	bh_rule_in(rule, BH_KEY_UDP_PORTS, "dhcp_questions");
	bh_rule_verdict(rule, NF_ACCEPT);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_prefix(rule, BH_FIELD_IP6_DADDR, link_multicast6, 16);
	bh_rule_in(rule, BH_KEY_UDP_PORTS, "dhcp_questions");
	bh_rule_verdict(rule, NF_ACCEPT);
}

void bh_traffic_pass_unopening(struct bh_nft_chain *chain)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_not_opening(rule);
	bh_rule_verdict(rule, NFT_RETURN);
}

void bh_traffic_end_rule(struct bh_nft_rule *rule, const char *to, int32_t verdict)
{
	if (to != NULL)
		bh_rule_goto(rule, to);
	else
		bh_rule_verdict(rule, verdict);
}

void bh_traffic_divert_groups(struct bh_nft_chain *chain, const char *to, int32_t verdict)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_prefix(rule, BH_FIELD_IP_DADDR, bh_multicast4, 4);
	bh_traffic_end_rule(rule, to, verdict);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_prefix(rule, BH_FIELD_IP6_DADDR, bh_multicast6, 8);
	bh_traffic_end_rule(rule, to, verdict);
}

void bh_traffic_look_up_workload(struct bh_nft_chain *chain, uint8_t side, const char *map4,
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

/* --- whom nobody knows ------------------------------------------------------------------------ */

const char *bh_traffic_posture_chain(uint8_t posture, uint8_t side)
{
	static const char *const names[][2] = {
		[BH_POSTURE_OPEN] = { "open_egress", "open_ingress" },
		[BH_POSTURE_AUDIT] = { "audit_egress", "audit_ingress" },
		[BH_POSTURE_CLOSED] = { "closed_egress", "closed_ingress" },
	};

	return names[posture][side];
}

/* A bridge that does not know yet which port a MAC is behind sends to all of them: what is meant
 * for a neighbour is no news of whoever is here. */
static void pass_over_copies(struct bh_nft_chain *chain, int32_t verdict)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_in(rule, BH_KEY(BH_FIELD_IP_DADDR), "bound4");
	bh_rule_verdict(rule, verdict);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_in(rule, BH_KEY(BH_FIELD_IP6_DADDR), "bound6");
	bh_rule_verdict(rule, verdict);
}

static void pass_answers(struct bh_nft_chain *chain)
{
	static const struct {
		enum bh_field type;
		const char *set;
	} icmp[] = { { BH_FIELD_ICMP_TYPE, "icmp_backs" },
		     { BH_FIELD_ICMPV6_TYPE, "icmp6_backs" } };

	bh_traffic_pass_unopening(chain);
	for (size_t i = 0; i < 2; i++) {
		struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

		bh_rule_in(rule, BH_KEY(icmp[i].type), icmp[i].set);
		bh_rule_verdict(rule, NFT_RETURN);
	}
}

static void apply_posture(const struct bh_traffic *t, struct bh_nft_chain *chain, uint8_t posture,
			  uint8_t side)
{
	if (posture == BH_POSTURE_OPEN)
		return;
	bool closed = posture == BH_POSTURE_CLOSED;
	if (t->stateless && side == BH_INGRESS)
		pass_over_copies(chain, closed ? NF_DROP : NFT_RETURN);
	/* What is tracked comes here when it is opened. */
	if (t->stateless && !closed)
		pass_answers(chain);
	bh_desired_log(chain, t->config, closed ? "POSTURE" : "POSTUREAUDIT", side, "-");
	/* Dropped, not refused: who it is becomes known within milliseconds, and a connection that
	 * tries again then succeeds. */
	bh_desired_final(chain, closed ? NF_DROP : NFT_RETURN);
}

/* By the interface of the sender (by: BH_EGRESS) or of the receiver. */
static void look_up_posture(const struct bh_traffic *t, struct bh_nft_chain *chain, uint8_t side,
			    uint8_t by)
{
	const char *map = side == BH_EGRESS ? "postures_egress" : "postures_ingress";

	bh_rule_vmap(bh_nft_chain_add_rule(chain),
		     BH_KEY(by == BH_EGRESS ? BH_FIELD_IIFNAME : BH_FIELD_OIFNAME), map);
	if (t->scope->vrf && !t->stateless && by == BH_EGRESS)
		bh_rule_vmap(bh_nft_chain_add_rule(chain), BH_KEY(BH_FIELD_SDIFNAME), map);
}

static void add_posture(const struct bh_traffic *t, uint8_t side)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(
		t->table, side == BH_EGRESS ? "posture_egress" : "posture_ingress");

	if (t->scope->postures)
		look_up_posture(t, chain, side, side);
	/* Of a port that is not listed yet the other end says on which bridge it is. */
	if (t->scope->postures && t->stateless)
		look_up_posture(t, chain, side, side == BH_EGRESS ? BH_INGRESS : BH_EGRESS);
	apply_posture(t, chain, t->rules->posture, side);
}

static void add_posture_chains(const struct bh_traffic *t, uint8_t side)
{
	for (uint8_t posture = BH_POSTURE_OPEN; posture <= BH_POSTURE_CLOSED; posture++)
		apply_posture(
			t,
			bh_nft_table_add_chain(t->table, bh_traffic_posture_chain(posture, side)),
			posture, side);
}

void bh_traffic_add_postures(const struct bh_traffic *t)
{
	for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++) {
		add_posture(t, side);
		if (t->scope->postures)
			add_posture_chains(t, side);
	}
}

void bh_traffic_meet_posture(struct bh_nft_chain *chain, uint8_t side)
{
	bh_rule_goto(bh_nft_chain_add_rule(chain),
		     side == BH_EGRESS ? "posture_egress" : "posture_ingress");
}
