/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stage 1 refuses part of what no permission allows: what goes to a sensitive port, and what comes
 * from or goes to the outside, which begins where the world of permissions does: behind an
 * interface that is not managed, or a bridge's uplink. A few rules for each workload, whatever the
 * number of ports and peers; a packet meets them only when no permission has.
 *
 * A TCP segment that opens nothing may belong to a connection of either direction: then either port
 * tells. What is sent to many stays on its link, and in the input hook, where this host receives
 * it, there is no interface that it leaves by.
 */
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "desired_parts.h"

#define SET "sensitive"

static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
static const uint8_t families[2] = { BH_IPV4, BH_IPV6 };
static const uint32_t broadcast = RTN_BROADCAST;

bool bh_urgent_is_asked(const struct bh_ruleset *rules)
{
	for (size_t i = 0; i < rules->chain_count; i++)
		if (rules->chains[i].mode == BH_STAGE1)
			return true;
	return false;
}

void bh_urgent_add_set(const struct bh_traffic *t)
{
	if (!t->scope->urgent)
		return;
	struct bh_nft_set *set =
		bh_desired_set(t->table, SET, BH_KEY(BH_FIELD_L4PROTO, BH_FIELD_TH_DPORT), 0);
	for (size_t i = 0; i < sizeof(protocols); i++) {
		for (uint32_t j = 0; j < t->rules->sensitive.count; j++) {
			struct bh_key_bytes key = { 0 };

			bh_key_put_u8(&key, protocols[i]);
			bh_key_put_u16(&key, t->rules->sensitive.ports[j]);
			bh_nft_set_add(set, key.bytes, NULL, NULL);
		}
	}
}

static void refuse_ports(const struct bh_traffic *t, struct bh_nft_chain *to, const char *refuse)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(to);

	bh_rule_in(rule, BH_KEY(BH_FIELD_L4PROTO, BH_FIELD_TH_DPORT), SET);
	bh_rule_goto(rule, refuse);
	rule = bh_nft_chain_add_rule(to);
	bh_rule_not_opening(rule);
	bh_rule_in(rule, BH_KEY(BH_FIELD_L4PROTO, BH_FIELD_TH_SPORT), SET);
	bh_rule_goto(rule, refuse);
	if (!t->stateless)
		return;
	/* So may any datagram. */
	rule = bh_nft_chain_add_rule(to);
	bh_rule_in(rule, BH_KEY(BH_FIELD_L4PROTO, BH_FIELD_UDP_SPORT), SET);
	bh_rule_goto(rule, refuse);
}

static void refuse_metadata(struct bh_nft_chain *to, const char *refuse)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(to);

	bh_rule_equal(rule, BH_FIELD_IP_DADDR, bh_metadata4);
	bh_rule_goto(rule, refuse);
	rule = bh_nft_chain_add_rule(to);
	bh_rule_equal(rule, BH_FIELD_IP6_DADDR, bh_metadata6);
	bh_rule_goto(rule, refuse);
}

static void refuse_to_uplinks(struct bh_nft_chain *to, const char *refuse)
{
	for (size_t i = 0; i < 2; i++) {
		struct bh_nft_rule *rule = bh_nft_chain_add_rule(to);

		bh_stateless_match_uplink(rule, BH_EGRESS);
		bh_stateless_match_no_group(rule, families[i]);
		bh_rule_goto(rule, refuse);
	}
}

static void refuse_from_uplinks(struct bh_nft_chain *to, const char *refuse)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(to);

	bh_stateless_match_uplink(rule, BH_INGRESS);
	bh_rule_goto(rule, refuse);
}

static void refuse_to_outside(struct bh_nft_chain *to, const char *refuse)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(to);

	bh_rule_not_in(rule, BH_KEY(BH_FIELD_OIFNAME), "managed");
	bh_rule_not_prefix(rule, BH_FIELD_IP_DADDR, bh_multicast4, 4);
	bh_rule_not(rule, BH_FIELD_FIB_DADDR_TYPE, &broadcast);
	bh_rule_goto(rule, refuse);
	rule = bh_nft_chain_add_rule(to);
	bh_rule_not_in(rule, BH_KEY(BH_FIELD_OIFNAME), "managed");
	bh_rule_not_prefix(rule, BH_FIELD_IP6_DADDR, bh_multicast6, 8);
	bh_rule_goto(rule, refuse);
}

static void refuse_from_outside(const struct bh_traffic *t, struct bh_nft_chain *to,
				const char *refuse)
{
	for (size_t i = 0; i < (t->scope->vrf ? 2 : 1); i++) {
		struct bh_nft_rule *rule = bh_nft_chain_add_rule(to);

		bh_inet_match_outside(rule, t->scope->vrf, families[i]);
		bh_rule_goto(rule, refuse);
	}
}

void bh_urgent_add_rules(const struct bh_traffic *t, struct bh_nft_chain *to,
			 const struct bh_chain *chain, bool host, const char *refuse)
{
	refuse_ports(t, to, refuse);
	/* This host is not outside: what it answers as the metadata service never comes here. */
	if (host)
		return;
	if (chain->side == BH_EGRESS)
		refuse_metadata(to, refuse);
	/* Nor is who shares a bridge, but behind an uplink. */
	if (t->stateless && !t->scope->uplinks)
		return;
	if (chain->side == BH_EGRESS)
		(t->stateless ? refuse_to_uplinks : refuse_to_outside)(to, refuse);
	else if (t->stateless)
		refuse_from_uplinks(to, refuse);
	else
		refuse_from_outside(t, to, refuse);
}
