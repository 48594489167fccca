/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "probe.h"
#include "probe_counts.h"
#include "probe_frame.h"
#include "rulesets.h"
#include "text.h"

static const struct bh_mac from = { { 2, 0, 0, 0, 0, 1 } }, to = { { 2, 0, 0, 0, 0, 2 } };
static const uint8_t nonce[BH_PROBE_NONCE] = "0123456789abcdef";

/* What a receiver adds up: 0xffff where the checksum is right. */
static uint32_t sum(uint32_t start, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i += 2)
		start += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	while (start >> 16 != 0)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

static void test_frames_are_datagrams_that_a_receiver_takes(void **state)
{
	struct bh_probe_frame frame;

	(void)state;
	bh_probe_frame_make(&frame, &from, &to, &bh_probe_source[0], &bh_probe_passes[0], nonce);
	assert_int_equal(frame.length, 14 + 20 + 8 + BH_PROBE_NONCE);
	assert_memory_equal(frame.bytes, to.bytes, 6);
	assert_memory_equal(frame.bytes + 6, from.bytes, 6);
	assert_int_equal(sum(0, frame.bytes + 14, 20), 0xffff);
	assert_int_equal(sum(17 + 8 + BH_PROBE_NONCE, frame.bytes + 26, frame.length - 26), 0xffff);
	assert_memory_equal(frame.bytes + 30, bh_probe_passes[0].bytes, 4);
	bh_probe_frame_make(&frame, &from, &to, &bh_probe_source[1], &bh_probe_denied[1], nonce);
	assert_int_equal(frame.length, 14 + 40 + 8 + BH_PROBE_NONCE);
	assert_int_equal(sum(17 + 8 + BH_PROBE_NONCE, frame.bytes + 22, frame.length - 22), 0xffff);
	assert_memory_equal(frame.bytes + 38, bh_probe_denied[1].bytes, 16);
	assert_int_equal(frame.bytes[57], BH_PROBE_PORT);
}

static void test_a_frame_is_known_by_what_it_carries(void **state)
{
	struct bh_probe_frame frame, other;
	uint8_t bytes[BH_PROBE_FRAME_MOST];

	(void)state;
	bh_probe_frame_make(&frame, &from, &to, &bh_probe_source[0], &bh_probe_passes[0], nonce);
	bh_probe_frame_make(&other, &from, &to, &bh_probe_source[0], &bh_probe_denied[0], nonce);
	memcpy(bytes, frame.bytes, sizeof(bytes));
	assert_true(bh_probe_frame_is(&frame, bytes, frame.length));
	assert_false(bh_probe_frame_is(&other, bytes, frame.length));
	assert_false(bh_probe_frame_is(&frame, bytes, frame.length - 1));
	bytes[22]--; /* the hop limit */
	assert_true(bh_probe_frame_is(&frame, bytes, frame.length));
	bytes[frame.length - 1]++;
	assert_false(bh_probe_frame_is(&frame, bytes, frame.length));
}

static void test_addresses_are_its_own(void **state)
{
	struct bh_addr addr;

	(void)state;
	assert_true(bh_addr_parse("192.0.2.249", &addr) && bh_probe_has_address(&addr));
	assert_true(bh_addr_is_link_local(&bh_probe_source[1]) &&
		    bh_probe_has_address(&bh_probe_denied[1]));
	assert_true(bh_addr_parse("192.0.2.1", &addr) && !bh_probe_has_address(&addr));
	assert_true(bh_addr_parse("2001:db8:6275:6c6b:6865:6164:0:f7", &addr) &&
		    bh_addr_equal(&addr, &bh_probe_outside[BH_PROBE_DENIED][1]) &&
		    bh_probe_has_address(&addr));
	assert_true(bh_probe_has_address(&bh_probe_local));
}

static enum bh_proof_state judge(struct bh_probe_seen four, struct bh_probe_seen six)
{
	return bh_probe_judge((struct bh_probe_seen[]) { four, six, { .off = true } }, 3);
}

static void test_both_families_have_to_hold(void **state)
{
	const struct bh_probe_seen holds = { false, true, true, true, false },
				   passes = { false, true, true, false, true },
				   unmet = { false, false, true, false, false },
				   stopped = { false, true, false, true, false };

	(void)state;
	assert_int_equal(judge(holds, holds), BH_PROOF_PROVED);
	assert_int_equal(judge(holds, passes), BH_PROOF_BYPASSED);
	assert_int_equal(judge(stopped, passes), BH_PROOF_BYPASSED);
	assert_int_equal(judge(stopped, holds), BH_PROOF_STOPPED);
	assert_int_equal(judge(holds, unmet), BH_PROOF_STOPPED);
}

/* --- counters --------------------------------------------------------------------------------- */

static void put_expression(struct nlmsghdr *message, const char *name, uint64_t packets)
{
	struct nlattr *expression = mnl_attr_nest_start(message, NFTA_LIST_ELEM), *data;

	mnl_attr_put_strz(message, NFTA_EXPR_NAME, name);
	data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
	mnl_attr_put_u64(message, NFTA_COUNTER_PACKETS, __builtin_bswap64(packets));
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, expression);
}

static void test_counters_are_read_in_order(void **state)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	struct bh_probe_counts counts = { 0 };

	(void)state;
	for (uint64_t packets = 0; packets < 6; packets++) {
		struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

		mnl_nlmsg_put_extra_header(message, sizeof(struct nfgenmsg));
		struct nlattr *list = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
		put_expression(message, "payload", 77);
		if (packets != 2)
			put_expression(message, "counter", packets);
		mnl_attr_nest_end(message, list);
		bh_probe_count_rule(message, &counts);
	}
	assert_int_equal(counts.count, BH_PROBE_COUNTERS); /* what is beyond is left */
	assert_int_equal(counts.packets[1], 1);
	assert_int_equal(counts.packets[2], 3);
	assert_int_equal(counts.packets[3], 4);
}

/* --- rules ------------------------------------------------------------------------------------ */

static const char *find(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	if (at == NULL)
		fail_msg("\"%s\" is not in\n%s", line, text);
	return at;
}

static void test_rules_know_it_as_a_workload_of_its_own(void **state)
{
	const struct bh_nft_config config = { .log_group = 7 };
	struct bh_ruleset *rules = two_workloads(BH_ENFORCE);
	char *text = bh_nft_text(rules, &config);

	(void)state;
	find(text, "\"br0\" . 192.0.2.249 : goto probe");
	find(text, "\"br0\" . 192.0.2.250 : goto probe");
	find(text, "\"bhprobe0\" : goto probe_port");
	find(text, "192.0.2.249 : goto stranger");
	find(text, "ip saddr 192.0.2.249 ip daddr 192.0.2.250 udp dport 9 counter");
	find(text, "ip daddr 192.0.2.251 counter");
	assert_null(strstr(text, "goto probe_sent")); /* no routed veth */
	free(text);
	bh_ruleset_free(rules);
}

static void test_routed_veths_are_bound_to_chains_of_their_own(void **state)
{
	const struct bh_nft_config config = { .log_group = 7 };
	struct bh_ruleset *rules = two_workloads(BH_ENFORCE);

	(void)state;
	rules->ports[0].bridged = false;
	char *text = bh_nft_text(rules, &config);
	find(text, "192.0.2.244 : goto probe_sent");
	find(text, "192.0.2.244 : goto probe_received");
	find(text, "192.0.2.245 : goto probe_received");
	find(text, "2001:db8:6275:6c6b:6865:6164:0:f5 : goto probe_received");
	find(text,
	     "oifname \"bhprobe1\" ip saddr 192.0.2.244 ip daddr 192.0.2.246 udp dport 9 counter");
	find(text,
	     "oifname \"bhprobe1\" ip saddr 192.0.2.244 ip daddr 192.0.2.247 udp dport 9 counter");
	find(text,
	     "iifname \"bhprobe1\" ip saddr 192.0.2.246 ip daddr 192.0.2.245 udp dport 9 counter");
	free(text);
	bh_ruleset_free(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_are_datagrams_that_a_receiver_takes),
		cmocka_unit_test(test_a_frame_is_known_by_what_it_carries),
		cmocka_unit_test(test_addresses_are_its_own),
		cmocka_unit_test(test_both_families_have_to_hold),
		cmocka_unit_test(test_counters_are_read_in_order),
		cmocka_unit_test(test_rules_know_it_as_a_workload_of_its_own),
		cmocka_unit_test(test_routed_veths_are_bound_to_chains_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
