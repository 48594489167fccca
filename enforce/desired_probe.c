/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The self-test (probe.h) is a workload of its own: its addresses lead to chain "probe" by the maps
 * that lead everybody to his. So a probe takes the way that all traffic takes, and no packet of
 * anybody else meets a rule more. What is not the two kinds of packets that it knows is dropped
 * there. Nobody else can speak as the probe: on a bridge its source address is owned as a
 * container's is; from a routed veth its packets pass but to and from an interface that is there
 * while it is tested. A container that has one of its addresses is judged by its own rules.
 */
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "desired_traffic.h"
#include "probe.h"
#include "probe_frame.h"

static const enum bh_field saddr[] = { BH_FIELD_IP_SADDR, BH_FIELD_IP6_SADDR };
static const enum bh_field daddr[] = { BH_FIELD_IP_DADDR, BH_FIELD_IP6_DADDR };

/* In this order the counters are read (probe_counts.c). */
void bh_desired_probe_chain(struct bh_nft_table *table)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(table, BH_PROBE_CHAIN);

	for (size_t six = 0; six < 2; six++) {
		struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

		bh_rule_equal(rule, saddr[six], bh_probe_source[six].bytes);
		bh_rule_equal(rule, daddr[six], bh_probe_passes[six].bytes);
		bh_rule_number(rule, BH_FIELD_UDP_DPORT, BH_PROBE_PORT);
		bh_rule_counter(rule);
		bh_rule_verdict(rule, NFT_RETURN);
	}
	for (size_t six = 0; six < 2; six++) {
		struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

		bh_rule_equal(rule, daddr[six], bh_probe_denied[six].bytes);
		bh_rule_counter(rule);
		bh_rule_verdict(rule, NF_DROP);
	}
	bh_rule_verdict(bh_nft_chain_add_rule(chain), NF_DROP);
}

/* What nobody but the test can send: by an interface that is there for as long. */
static void match_routed(struct bh_nft_rule *rule, uint8_t side, uint8_t kind, size_t six)
{
	bool out = side == BH_EGRESS;
	const struct bh_addr(*from)[2] = out ? bh_probe_inside : bh_probe_outside;
	const struct bh_addr(*to)[2] = out ? bh_probe_outside : bh_probe_inside;
	char ifname[BH_IFNAME] = BH_PROBE_RECEIVER;

	bh_rule_equal(rule, out ? BH_FIELD_OIFNAME : BH_FIELD_IIFNAME, ifname);
	bh_rule_equal(rule, saddr[six], from[BH_PROBE_PASSES][six].bytes);
	bh_rule_equal(rule, daddr[six], to[kind][six].bytes);
	bh_rule_number(rule, BH_FIELD_UDP_DPORT, BH_PROBE_PORT);
	bh_rule_counter(rule);
	bh_rule_verdict(rule, kind == BH_PROBE_PASSES ? NFT_RETURN : NF_DROP);
}

/* In this order the counters are read. What a container sends from the test's addresses is an
 * impostor's. */
void bh_desired_probe_routed_chain(const struct bh_traffic *t, uint8_t side)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(
		t->table, side == BH_EGRESS ? BH_PROBE_CHAIN_SENT : BH_PROBE_CHAIN_RECEIVED);

	for (uint8_t kind = BH_PROBE_PASSES; kind < BH_PROBE_KINDS; kind++)
		for (size_t six = 0; six < 2; six++)
			match_routed(bh_nft_chain_add_rule(chain), side, kind, six);
	if (side == BH_EGRESS)
		bh_desired_log(chain, t->config, "SPOOF", BH_EGRESS, "-");
	bh_rule_verdict(bh_nft_chain_add_rule(chain), NF_DROP);
}

static void bind_address(struct bh_nft_set *map, const char *ifname, const struct bh_addr *addr,
			 const char *chain)
{
	struct bh_key_bytes key = { 0 };

	bh_key_put_ifname(&key, ifname);
	bh_key_put_addr(&key, addr);
	bh_desired_add_first(map, &key, chain);
}

void bh_desired_probe_bind_routed(struct bh_nft_set *const maps[2], uint8_t side,
				  const char *ifname)
{
	const char *chain = side == BH_EGRESS ? BH_PROBE_CHAIN_SENT : BH_PROBE_CHAIN_RECEIVED;
	const uint8_t last = side == BH_EGRESS ? BH_PROBE_PASSES : BH_PROBE_DENIED;

	for (uint8_t kind = BH_PROBE_PASSES; kind <= last; kind++)
		for (size_t six = 0; six < 2; six++)
			bind_address(maps[six], ifname, &bh_probe_inside[kind][six], chain);
}

void bh_desired_probe_bind(struct bh_nft_set *const maps[2], uint8_t side, const char *ifname)
{
	const struct bh_addr *addrs = side == BH_EGRESS ? bh_probe_source : bh_probe_passes;

	for (size_t six = 0; six < 2; six++)
		bind_address(maps[six], ifname, &addrs[six], BH_PROBE_CHAIN);
}

void bh_desired_probe_own(struct bh_nft_set *const owned[2], const char *chain)
{
	for (size_t six = 0; six < 2; six++) {
		struct bh_key_bytes key = { 0 };

		bh_key_put_addr(&key, &bh_probe_source[six]);
		bh_desired_add_first(owned[six], &key, chain);
	}
}
