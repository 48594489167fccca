/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is written of a flow is read back as it was: it is written again, and is the same text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "address.h"
#include "flow_filter.h"
#include "flow_read.h"
#include "grow.h"

static struct bh_flow make_flow(const char *src, const char *dst)
{
	struct bh_flow f = { .key = { .proto = IPPROTO_TCP, .sport = 40000, .dport = 5432 },
			     .first = 1795488442736517,
			     .last = 1795488450000001,
			     .tx = { { 10, 1000 }, { 9, 900 } },
			     .rx = { { 8, 123456789012 }, { 8, 123456789012 } },
			     .state = 4,
			     .direction = 0,
			     .icmp_error = { .count = 2, .type = 3, .code = 3 },
			     .final = true };

	assert_true(bh_addr_parse(src, &f.key.src) && bh_addr_parse(dst, &f.key.dst));
	return f;
}

static void assert_same_again(const struct bh_flow *flow, const struct bh_flow_names *names)
{
	struct bh_buffer once = { 0 }, again = { 0 };
	struct bh_flow_read read;

	bh_json_flow(&once, flow, names);
	assert_true(bh_flow_read(once.data, &read));
	bh_json_flow(&again, &read.flow, &read.names);
	assert_string_equal(again.data, once.data);
	bh_flow_read_clear(&read);
	bh_buffer_free(&once);
	bh_buffer_free(&again);
}

static void a_flow_is_read_as_it_was_written(void **state)
{
	const struct bh_flow_key via = { .dport = 8080, .dst = { .family = BH_IPV4 } };
	const struct bh_tally tracked[2] = { { 5, 500 }, { 6, 600 } };
	struct bh_flow four = make_flow("10.0.0.1", "192.0.2.7"),
		       six = make_flow("fd00::1", "2001:db8::7");
	struct bh_flow_names names = { .src_workload = "compose:shop/web \"x\" ü",
				       .src_replica = UINT64_C(0xfedcba9876543210),
				       .dst_why = "unheld",
				       .dns = "pay.example",
				       .sni = "pay.example",
				       .masked = "10.0.0.254",
				       .verdict = BH_FLOW_DENIED,
				       .verdict_back = BH_FLOW_DELIVERED };

	(void)state;
	assert_same_again(&four, &names);
	assert_same_again(&six, &names);
	names = (struct bh_flow_names) { .dst_workload = "db",
					 .dst_container = "sidecar",
					 .via = &via,
					 .proxied = true,
					 .uncounted = true,
					 .tracked = tracked };
	four.tx = (struct bh_flow_half) { { 5, 500 }, { 0, 0 } };
	four.rx = (struct bh_flow_half) { { 6, 600 }, { 0, 0 } };
	bh_copy_text(four.tunnel, sizeof(four.tunnel), "vxlan:42");
	four.lossy = true;
	assert_same_again(&four, &names);
	names.tracked = NULL;
	four.tx = four.rx = (struct bh_flow_half) { 0 };
	assert_same_again(&four, &names);
}

static void a_filter_says_the_same_of_it(void **state)
{
	struct bh_flow flow = make_flow("10.0.0.1", "192.0.2.7");
	const struct bh_flow_names names = { .src_workload = "compose:shop/web",
					     .verdict = BH_FLOW_DENIED,
					     .dns = "pay.example" };
	struct bh_buffer json = { 0 };
	struct bh_flow_read read;
	static const struct {
		const char *filter;
		bool matches;
	} cases[] = {
		{ "src compose:shop/web and port 5432/tcp", true },
		{ "denied and dns \"*.example\"", true },
		{ "net 192.0.2.0/24", true },
		{ "host 192.0.2.8", false },
		{ "bytes > 100G", true },
		{ "bytes > 200G", false },
		{ "duration > 7s and not duration > 8s", true },
	};

	(void)state;
	bh_json_flow(&json, &flow, &names);
	assert_true(bh_flow_read(json.data, &read));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t position;
		struct bh_flow_filter *filter =
			bh_flow_filter_parse(cases[i].filter, &position, NULL);

		assert_non_null(filter);
		assert_int_equal(bh_flow_filter_matches(filter, &read.flow, &read.names),
				 cases[i].matches);
		bh_flow_filter_free(filter);
	}
	bh_flow_read_clear(&read);
	bh_buffer_free(&json);
}

static void what_is_no_flow_is_none(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{}",
		"{\"proto\":\"tcp\"}",
		"{\"proto\":\"tcp\",\"src\":{\"ip\":\"x\",\"port\":1},\"dst\":{\"ip\":\"10.0.0.1\"}"
		"}",
		"{\"proto\":7,\"src\":{\"ip\":\"10.0.0.1\",\"port\":1},\"dst\":{\"ip\":\"10.0.0."
		"1\"}}",
	};
	struct bh_flow_read read;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(bh_flow_read(texts[i], &read));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_is_read_as_it_was_written),
		cmocka_unit_test(a_filter_says_the_same_of_it),
		cmocka_unit_test(what_is_no_flow_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
