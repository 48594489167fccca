/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which chains of others can stop a packet, from the messages that nftables dumps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <stdio.h>
#include <string.h>

#include "foreign.h"
#include "model.h"
#include "netlink.h"

#define NO_HOOK UINT32_MAX

static void add_chain(struct bh_foreign_scan *scan, uint16_t family, const char *table,
		      const char *name, uint32_t hook, uint32_t policy)
{
	char buffer[1024] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = bh_netlink_request(buffer, NFT_MSG_NEWCHAIN, family, 0);

	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, name);
	if (hook != NO_HOOK) {
		struct nlattr *nest = mnl_attr_nest_start(nlh, NFTA_CHAIN_HOOK);

		mnl_attr_put_u32(nlh, NFTA_HOOK_HOOKNUM, htonl(hook));
		mnl_attr_put_u32(nlh, NFTA_HOOK_PRIORITY, htonl((uint32_t)-5));
		mnl_attr_nest_end(nlh, nest);
		mnl_attr_put_u32(nlh, NFTA_CHAIN_POLICY, htonl(policy));
	}
	bh_foreign_scan_message(scan, nlh);
}

/* A rule of one expression; to: where it jumps. */
static void add_rule(struct bh_foreign_scan *scan, const char *chain, const char *expression,
		     int32_t verdict, const char *to)
{
	char buffer[1024] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = bh_netlink_request(buffer, NFT_MSG_NEWRULE, NFPROTO_IPV4, 0);

	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, "t");
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, chain);
	struct nlattr *list = mnl_attr_nest_start(nlh, NFTA_RULE_EXPRESSIONS);
	struct nlattr *element = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, expression);
	struct nlattr *data = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
	if (strcmp(expression, "immediate") == 0) {
		struct nlattr *value = mnl_attr_nest_start(nlh, NFTA_IMMEDIATE_DATA);
		struct nlattr *nest = mnl_attr_nest_start(nlh, NFTA_DATA_VERDICT);

		mnl_attr_put_u32(nlh, NFTA_VERDICT_CODE, htonl((uint32_t)verdict));
		if (to != NULL)
			mnl_attr_put_strz(nlh, NFTA_VERDICT_CHAIN, to);
		mnl_attr_nest_end(nlh, nest);
		mnl_attr_nest_end(nlh, value);
	} else if (strcmp(expression, "target") == 0) {
		mnl_attr_put_strz(nlh, NFTA_TARGET_NAME, to);
	} else if (strcmp(expression, "lookup") == 0) {
		mnl_attr_put_u32(nlh, NFTA_LOOKUP_DREG, htonl((uint32_t)verdict));
	}
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, element);
	mnl_attr_nest_end(nlh, list);
	bh_foreign_scan_message(scan, nlh);
}

static const struct bh_foreign *result_of(struct bh_foreign_scan *scan)
{
	static struct bh_foreign result;

	bh_foreign_scan_result(scan, &result);
	bh_foreign_scan_free(scan);
	return &result;
}

/* One base chain with that rule: whether it may stop a packet. */
static bool stops(const char *expression, int32_t verdict, const char *to)
{
	struct bh_foreign_scan *scan = bh_foreign_scan_new();

	add_chain(scan, NFPROTO_IPV4, "t", "base", NF_INET_FORWARD, NF_ACCEPT);
	add_rule(scan, "base", expression, verdict, to);
	const struct bh_foreign *result = result_of(scan);
	assert_int_equal(result->count, 1);
	assert_false(result->chains[0].policy_drops);
	return result->chains[0].rules_drop;
}

static void a_rule_stops_or_does_not(void **state)
{
	(void)state;
	assert_true(stops("immediate", NF_DROP, NULL));
	assert_false(stops("immediate", NF_ACCEPT, NULL));
	assert_false(stops("immediate", NFT_RETURN, NULL));
	assert_true(stops("reject", 0, NULL));
	assert_true(stops("queue", 0, NULL));
	assert_true(stops("target", 0, "REJECT"));
	assert_false(stops("target", 0, "MASQUERADE"));
	assert_true(stops("lookup", NFT_REG_VERDICT, NULL));
	assert_false(stops("lookup", NFT_REG_1, NULL));
	assert_false(stops("counter", 0, NULL));
	assert_false(stops("immediate", NFT_JUMP, "nowhere"));
}

static void a_policy_is_told_and_ours_is_not(void **state)
{
	struct bh_foreign_scan *scan = bh_foreign_scan_new();
	char text[BH_FOREIGN_TEXT];

	(void)state;
	add_chain(scan, NFPROTO_INET, BH_NFT_TABLE, "forward", NF_INET_FORWARD, NF_DROP);
	add_chain(scan, NFPROTO_BRIDGE, BH_NFT_TABLE, "prerouting", 0, NF_DROP);
	add_chain(scan, NFPROTO_IPV4, "filter", "FORWARD", NF_INET_FORWARD, NF_DROP);
	add_chain(scan, NFPROTO_IPV6, "other", "out", NF_INET_LOCAL_OUT, NF_ACCEPT);
	add_chain(scan, NFPROTO_IPV4, "filter", "DOCKER", NO_HOOK, 0);
	const struct bh_foreign *result = result_of(scan);
	assert_int_equal(result->count, 2);
	assert_string_equal(bh_foreign_text(&result->chains[0], text),
			    "table ip filter chain FORWARD (hook forward, policy drop)");
	assert_string_equal(bh_foreign_text(&result->chains[1], text),
			    "table ip6 other chain out (hook output)");
	assert_int_equal(result->chains[0].priority, -5);
}

/* Rules may be told before their chains, and lead round in circles. */
static void jumps_are_followed(void **state)
{
	struct bh_foreign_scan *scan = bh_foreign_scan_new();

	(void)state;
	add_rule(scan, "base", "immediate", NFT_JUMP, "middle");
	add_rule(scan, "middle", "immediate", NFT_GOTO, "base");
	add_rule(scan, "middle", "immediate", NFT_JUMP, "end");
	add_rule(scan, "end", "immediate", NF_DROP, NULL);
	add_rule(scan, "aside", "immediate", NF_DROP, NULL);
	add_chain(scan, NFPROTO_IPV4, "t", "base", NF_INET_FORWARD, NF_ACCEPT);
	add_chain(scan, NFPROTO_IPV4, "t", "other", NF_INET_FORWARD, NF_ACCEPT);
	add_chain(scan, NFPROTO_IPV4, "u", "end", NO_HOOK, 0);
	const struct bh_foreign *result = result_of(scan);
	assert_int_equal(result->count, 2);
	assert_string_equal(result->chains[0].name, "base");
	assert_true(result->chains[0].rules_drop);
	assert_false(result->chains[1].rules_drop);
}

static void those_that_drop_come_first_and_the_rest_is_counted(void **state)
{
	struct bh_foreign_scan *scan = bh_foreign_scan_new();
	char name[16];

	(void)state;
	for (int i = 0; i < BH_FOREIGN_CHAINS + 5; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		add_chain(scan, NFPROTO_IPV4, "t", name, NF_INET_FORWARD, NF_ACCEPT);
	}
	add_chain(scan, NFPROTO_BRIDGE, "z", "z", NF_INET_FORWARD, NF_DROP);
	const struct bh_foreign *result = result_of(scan);
	assert_int_equal(result->count, BH_FOREIGN_CHAINS);
	assert_int_equal(result->left_off, 6);
	assert_string_equal(result->chains[0].name, "z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_stops_or_does_not),
		cmocka_unit_test(a_policy_is_told_and_ours_is_not),
		cmocka_unit_test(jumps_are_followed),
		cmocka_unit_test(those_that_drop_come_first_and_the_rest_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
