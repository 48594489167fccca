/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose transaction it was, and what it did to our tables, from the kernel's notifications. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "netlink.h"
#include "news.h"

/* place_type 0: none. */
static void take(struct bh_nft_news *news, uint16_t type, uint16_t family, const char *table,
		 uint16_t place_type, const char *place)
{
	char buffer[1024] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = bh_netlink_request(buffer, type, family, 0);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, table);
	if (place_type != 0)
		mnl_attr_put_strz(nlh, place_type, place);
	assert_false(bh_news_take(news, nlh));
}

static void end(struct bh_nft_news *news, const char *process)
{
	char buffer[1024] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = bh_netlink_request(buffer, NFT_MSG_NEWGEN, AF_UNSPEC, 0);

	mnl_attr_put_u32(nlh, NFTA_GEN_ID, htonl(9));
	mnl_attr_put_u32(nlh, NFTA_GEN_PROC_PID, htonl(4711));
	mnl_attr_put_strz(nlh, NFTA_GEN_PROC_NAME, process);
	assert_true(bh_news_take(news, nlh));
}

static void test_who_and_what(void **state)
{
	struct bh_nft_news news = { 0 };
	char text[128];

	(void)state;
	take(&news, NFT_MSG_DELRULE, NFPROTO_INET, "bulkhead", NFTA_RULE_CHAIN, "forward");
	take(&news, NFT_MSG_DELRULE, NFPROTO_INET, "bulkhead", NFTA_RULE_CHAIN, "input");
	take(&news, NFT_MSG_NEWSETELEM, NFPROTO_INET, "bulkhead", NFTA_SET_ELEM_LIST_SET, "allow");
	end(&news, "n\033ft");
	assert_true(news.touches_us);
	assert_int_equal(news.pid, 4711);
	assert_int_equal(news.generation, 9);
	assert_string_equal(news.process, "n?ft");
	assert_string_equal(bh_news_text(&news, text, sizeof(text)),
			    "removed 2 rules and added 1 element in table inet bulkhead (forward)");
	assert_true(bh_nft_touches(&news.touched, "allow"));
	assert_false(bh_nft_touches(&news.touched, "other"));
	bh_news_text(&news, text, 20);
	assert_int_equal(strlen(text), 19);
}

static void test_what_is_not_ours(void **state)
{
	struct bh_nft_news news = { 0 };
	char text[128];

	(void)state;
	take(&news, NFT_MSG_DELTABLE, NFPROTO_IPV4, "bulkhead", 0, NULL);
	take(&news, NFT_MSG_DELTABLE, NFPROTO_INET, "bulkheads", 0, NULL);
	take(&news, NFT_MSG_NEWCHAIN, NFPROTO_INET, "other", NFTA_CHAIN_NAME, "bulkhead");
	end(&news, "nft");
	assert_false(news.touches_us);
	assert_string_equal(bh_news_text(&news, text, sizeof(text)), "");
}

static void test_many_sets_are_all(void **state)
{
	struct bh_nft_touched touched = { 0 }, both = { 0 };
	char name[8] = "s0";

	(void)state;
	for (int i = 0; i < BH_NFT_TOUCHED; i++) {
		name[1] = (char)('A' + i);
		bh_nft_touch(&touched, name);
		bh_nft_touch(&touched, name);
	}
	assert_false(touched.all);
	assert_int_equal(touched.count, BH_NFT_TOUCHED);
	bh_nft_touch_also(&both, &touched);
	assert_false(bh_nft_touches(&both, "other"));
	bh_nft_touch(&touched, "one more");
	assert_true(touched.all);
	bh_nft_touch_also(&both, &touched);
	assert_true(bh_nft_touches(&both, "other"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_and_what),
		cmocka_unit_test(test_what_is_not_ours),
		cmocka_unit_test(test_many_sets_are_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
