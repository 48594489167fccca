/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe_catch.h"

#include <errno.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <string.h>

#include "address.h"
#include "own_table.h"
#include "probe_frame.h"
#include "statement.h"

#define CHAIN "postrouting"
#define UNTRACKED "prerouting"
#define RAW (-300)	     /* before connection tracking */
#define LAST (INT32_MAX - 1) /* the last one is connection tracking, which notes what has left */

static const enum bh_field saddr[] = { BH_FIELD_IP_SADDR, BH_FIELD_IP6_SADDR };
static const enum bh_field daddr[] = { BH_FIELD_IP_DADDR, BH_FIELD_IP6_DADDR };
static const uint32_t prefix[] = { BH_PROBE_PREFIX4, BH_PROBE_PREFIX6 };

static void add_arrival(struct bh_own_table *own, uint8_t kind, size_t six)
{
	struct bh_nft_rule rule = { 0 };

	bh_rule_equal(&rule, saddr[six], bh_probe_outside[BH_PROBE_PASSES][six].bytes);
	bh_rule_equal(&rule, daddr[six], bh_probe_inside[kind][six].bytes);
	bh_rule_counter(&rule);
	bh_rule_verdict(&rule, NF_DROP);
	bh_own_table_add_rule(own, CHAIN, &rule);
}

static void add_strays(struct bh_own_table *own, const char *outside, size_t six)
{
	struct bh_nft_rule within = { 0 }, astray = { 0 };
	char ifname[BH_IFNAME] = { 0 };

	memcpy(ifname, outside, strnlen(outside, sizeof(ifname) - 1));
	bh_rule_prefix(&within, daddr[six], bh_probe_inside[BH_PROBE_PASSES][six].bytes,
		       prefix[six]);
	bh_rule_verdict(&within, NF_DROP);
	bh_own_table_add_rule(own, CHAIN, &within);
	bh_rule_prefix(&astray, daddr[six], bh_probe_outside[BH_PROBE_PASSES][six].bytes,
		       prefix[six]);
	bh_rule_not(&astray, BH_FIELD_OIFNAME, ifname);
	bh_rule_verdict(&astray, NF_DROP);
	bh_own_table_add_rule(own, CHAIN, &astray);
}

/* No NAT of others' is to change what is looked for, and no entry to stay behind. */
static void add_untracked(struct bh_own_table *own, size_t six)
{
	const struct bh_addr *const sources[] = { &bh_probe_inside[BH_PROBE_PASSES][six],
						  &bh_probe_outside[BH_PROBE_PASSES][six] };

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct bh_nft_rule rule = { 0 };

		bh_rule_prefix(&rule, saddr[six], sources[i]->bytes, prefix[six]);
		bh_rule_notrack(&rule);
		bh_own_table_add_rule(own, UNTRACKED, &rule);
	}
}

static int make_table(struct bh_netlink *nl, const char *outside, struct bh_error *err)
{
	struct bh_own_table own;

	bh_own_table_begin(&own, BH_PROBE_TABLE);
	bh_own_table_add(&own, NFPROTO_INET);
	bh_own_table_add_base(&own, CHAIN, NF_INET_POST_ROUTING, LAST);
	for (uint8_t kind = BH_PROBE_PASSES; kind < BH_PROBE_KINDS; kind++)
		for (size_t six = 0; six < 2; six++)
			add_arrival(&own, kind, six);
	bh_own_table_add_base(&own, UNTRACKED, NF_INET_PRE_ROUTING, RAW);
	for (size_t six = 0; six < 2; six++) {
		add_strays(&own, outside, six);
		add_untracked(&own, six);
	}
	int result = bh_own_table_send(&own, nl);
	return result == 0 ? 0
			   : bh_error_set(err, result, "table inet %s: %s%s", BH_PROBE_TABLE,
					  strerror(-result),
					  result == -EOPNOTSUPP
						  ? "; to test routed veths needs Linux 5.12"
						  : "");
}

struct bh_netlink *bh_probe_catch_open(const char *outside, struct bh_error *err)
{
	struct bh_netlink *nl = bh_netlink_open(err);

	if (nl == NULL || make_table(nl, outside, err) == 0)
		return nl;
	bh_netlink_close(nl);
	return NULL;
}

int bh_probe_catch_count(struct bh_probe_counts *counts, struct bh_error *err)
{
	return bh_probe_count(NFPROTO_INET, BH_PROBE_TABLE, CHAIN, counts, err);
}
