/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The self-test (probe.h) is a workload of its own: its addresses lead to chain "probe" by the maps
 * that lead everybody to his. So a probe takes the way that all traffic takes, and no packet of
 * anybody else meets a rule more. What is not the two kinds of packets that it knows is dropped
 * there. Nobody else can speak as the probe: on a bridge its source address is owned as a
 * container's is, and no container's binding has one of its addresses.
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

void bh_desired_probe_bind(struct bh_nft_set *const maps[2], uint8_t side, const char *ifname)
{
	const struct bh_addr *addrs = side == BH_EGRESS ? bh_probe_source : bh_probe_passes;

	for (size_t six = 0; six < 2; six++) {
		struct bh_key_bytes key = { 0 };

		bh_key_put_ifname(&key, ifname);
		bh_key_put_addr(&key, &addrs[six]);
		bh_desired_add_first(maps[six], &key, BH_PROBE_CHAIN);
	}
}

void bh_desired_probe_own(struct bh_nft_set *const owned[2], const char *chain)
{
	for (size_t six = 0; six < 2; six++) {
		struct bh_key_bytes key = { 0 };

		bh_key_put_addr(&key, &bh_probe_source[six]);
		bh_desired_add_first(owned[six], &key, chain);
	}
}
