/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JSON that is a contract, to the letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "json.h"

static struct bh_flow a_flow(void)
{
	return (struct bh_flow) {
		.key = { .src = { BH_IPV4, { 10, 0, 0, 1 } },
			 .dst = { BH_IPV4, { 10, 0, 0, 2 } },
			 .sport = 40000,
			 .dport = 80,
			 .proto = IPPROTO_TCP },
		.first = INT64_C(1795488442000017),
		.last = INT64_C(1795488443500000),
		.tx = { .sent = { 5, 500 }, .delivered = { 4, 400 } },
		.rx = { .sent = { 3, 3000 }, .delivered = { 3, 3000 } },
		.src_ifindex = 11,
		.dst_ifindex = 12,
		.state = BH_FLOW_CLOSED,
		.direction = BH_DIRECTION_SYN,
	};
}

static void assert_flow(const struct bh_flow *flow, const struct bh_flow_names *names,
			const char *want)
{
	struct bh_buffer out = { 0 };

	bh_json_flow(&out, flow, names);
	assert_string_equal(out.data, want);
	bh_buffer_free(&out);
}

static void assert_has(const struct bh_flow *flow, uint8_t verdict, const char *part)
{
	struct bh_flow_names names = { .verdict = verdict };
	struct bh_buffer out = { 0 };

	bh_json_flow(&out, flow, &names);
	if (strstr(out.data, part) == NULL)
		fail_msg("no %s in %s", part, out.data);
	bh_buffer_free(&out);
}

static void what_is_not_counted_is_null(void **state)
{
	struct bh_flow flow = a_flow();
	struct bh_flow_names names = { .verdict = BH_FLOW_DELIVERED, .uncounted = true };

	(void)state;
	assert_flow(&flow, &names,
		    "{\"first\":1795488442.000017,\"last\":1795488443.500000,\"proto\":\"tcp\","
		    "\"src\":{\"ip\":\"10.0.0.1\",\"port\":40000,\"workload\":null},"
		    "\"dst\":{\"ip\":\"10.0.0.2\",\"port\":80,\"workload\":null},"
		    "\"tx\":{\"packets\":null,\"bytes\":null,"
		    "\"delivered_packets\":null,\"delivered_bytes\":null},"
		    "\"rx\":{\"packets\":null,\"bytes\":null,"
		    "\"delivered_packets\":null,\"delivered_bytes\":null},"
		    "\"state\":\"closed\",\"direction\":\"syn\",\"dns\":null,\"sni\":null,\"via\":"
		    "null,\"masked\":null,"
		    "\"tunnel\":null,\"icmp_error\":null,"
		    "\"verdict\":\"delivered\",\"verdict_back\":\"unknown\",\"lossy\":false,"
		    "\"counted_by\":null}");
}

static void what_connection_tracking_counted_is_told_so(void **state)
{
	const struct bh_tally tracked[] = { { 7, 700 }, { 6, 60000 } };
	struct bh_flow flow = a_flow();
	struct bh_flow_names names = { .uncounted = true, .tracked = tracked };
	struct bh_buffer out = { 0 };

	(void)state;
	bh_json_flow(&out, &flow, &names);
	assert_non_null(strstr(out.data, "\"tx\":{\"packets\":7,\"bytes\":700,"
					 "\"delivered_packets\":null,\"delivered_bytes\":null},"
					 "\"rx\":{\"packets\":6,\"bytes\":60000,"));
	assert_non_null(strstr(out.data, ",\"counted_by\":\"conntrack\"}"));
	bh_buffer_free(&out);
}

static void a_flow_is_one_line_in_the_contracts_order(void **state)
{
	struct bh_flow flow = a_flow();
	struct bh_flow_names names = { .src_workload = "compose:shop/web",
				       .dst_workload = "a \"b\"",
				       .dns = "db.example",
				       .verdict = BH_FLOW_DELIVERED };

	(void)state;
	assert_flow(
		&flow, &names,
		"{\"first\":1795488442.000017,\"last\":1795488443.500000,\"proto\":\"tcp\","
		"\"src\":{\"ip\":\"10.0.0.1\",\"port\":40000,\"workload\":\"compose:shop/web\"},"
		"\"dst\":{\"ip\":\"10.0.0.2\",\"port\":80,\"workload\":\"a \\\"b\\\"\"},"
		"\"tx\":{\"packets\":5,\"bytes\":500,\"delivered_packets\":4,"
		"\"delivered_bytes\":400},"
		"\"rx\":{\"packets\":3,\"bytes\":3000,\"delivered_packets\":3,"
		"\"delivered_bytes\":3000},"
		"\"state\":\"closed\",\"direction\":\"syn\",\"dns\":\"db.example\",\"sni\":null,"
		"\"via\":null,\"masked\":null,\"tunnel\":null,\"icmp_error\":null,\"verdict\":"
		"\"delivered\",\"verdict_back\":"
		"\"unknown\",\"lossy\":"
		"false,\"counted_by\":\"capture\"}");
}

static void a_files_flow_knows_one_side(void **state)
{
	struct bh_flow flow = { .key = { .src = { BH_IPV6, { 0xfd, [15] = 1 } },
					 .dst = { BH_IPV6, { 0xfd, [15] = 2 } },
					 .dport = 128 << 8,
					 .proto = IPPROTO_ICMPV6 },
				.first = 1,
				.tx.sent = { 1, 104 } };
	struct bh_flow_names names = { 0 };

	(void)state;
	assert_flow(&flow, &names,
		    "{\"first\":0.000001,\"last\":0.000000,\"proto\":\"icmpv6\","
		    "\"src\":{\"ip\":\"fd00::1\",\"port\":0,\"workload\":null},"
		    "\"dst\":{\"ip\":\"fd00::2\",\"port\":32768,\"workload\":null},"
		    "\"tx\":{\"packets\":1,\"bytes\":104,\"delivered_packets\":null,"
		    "\"delivered_bytes\":null},"
		    "\"rx\":{\"packets\":0,\"bytes\":0,\"delivered_packets\":null,"
		    "\"delivered_bytes\":null},"
		    "\"state\":\"attempted\",\"direction\":\"unknown\",\"dns\":null,\"sni\":null,"
		    "\"via\":null,\"masked\":null,\"tunnel\":null,\"icmp_error\":null,\"verdict\":"
		    "\"unknown\",\"verdict_back\":"
		    "\"unknown\","
		    "\"lossy\":false,\"counted_by\":\"capture\"}");
}

static void what_arrived_alone_is_what_is_counted(void **state)
{
	struct bh_flow flow = a_flow();

	(void)state;
	/* From outside into a container: the sender's side is not seen, nor the answers' arrival.
	 */
	flow.src_ifindex = 0;
	flow.tx = (struct bh_flow_half) { .delivered = { 4, 400 } };
	flow.rx = (struct bh_flow_half) { .sent = { 3, 300 } };
	assert_has(&flow, BH_FLOW_DELIVERED,
		   "\"tx\":{\"packets\":4,\"bytes\":400,\"delivered_packets\":null,"
		   "\"delivered_bytes\":null},\"rx\":{\"packets\":3,\"bytes\":300,"
		   "\"delivered_packets\":null,\"delivered_bytes\":null}");
}

static void nothing_arrived_is_zero_only_where_one_would_know(void **state)
{
	struct bh_flow flow = a_flow();

	(void)state;
	flow.dst_ifindex = 0;
	flow.tx = (struct bh_flow_half) { .sent = { 3, 300 } };
	flow.rx = (struct bh_flow_half) { 0 };
	assert_has(&flow, BH_FLOW_DENIED, "\"packets\":3,\"bytes\":300,\"delivered_packets\":0,");
	assert_has(&flow, BH_FLOW_UNDELIVERED, "\"bytes\":300,\"delivered_packets\":0,");
	assert_has(&flow, BH_FLOW_VERDICT_UNKNOWN, "\"bytes\":300,\"delivered_packets\":null,");
}

static void what_few_flows_have_is_told_where_they_have_it(void **state)
{
	struct bh_flow flow = a_flow();

	(void)state;
	flow.icmp_error = (struct bh_icmp_error) { .count = 2, .type = 3, .code = 4 };
	assert_has(&flow, BH_FLOW_DELIVERED,
		   "\"icmp_error\":{\"type\":3,\"code\":4,\"count\":2,"
		   "\"what\":\"fragmentation needed\"}");
	flow.icmp_error.type = 99;
	assert_has(&flow, BH_FLOW_DELIVERED, "\"what\":null}");
	flow.tx_segments = (struct bh_flow_segments) { .sent = 45, .delivered = 44 };
	assert_has(&flow, BH_FLOW_DELIVERED, "\"delivered_bytes\":400,\"estimated_segments\":45}");
	flow.tx.sent = (struct bh_tally) { 0 };
	assert_has(&flow, BH_FLOW_DELIVERED, "\"delivered_bytes\":null,\"estimated_segments\":44}");
}

static void words_beyond_the_list_are_not_read(void **state)
{
	struct bh_flow flow = a_flow();

	(void)state;
	flow.state = flow.direction = 255;
	assert_has(&flow, 255, "\"direction\":\"unknown\"");
	assert_has(&flow, 255, "\"verdict\":\"unknown\"");
}

static void strings_are_escaped(void **state)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
		{ "", "\"\"" },
		{ "a\"b\\c/d", "\"a\\\"b\\\\c/d\"" },
		{ "\x01\n\x7f", "\"\\u0001\\u000a\\u007f\"" },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8b",
		  "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8b\"" },
		{ "a\xff"
		  "b",
		  "\"a\xef\xbf\xbd"
		  "b\"" },
		{ "\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },			/* overlong NUL */
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* surrogate */
		{ "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"" }, /* cut short */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_buffer out = { 0 };

		bh_json_string(&out, cases[i].text);
		assert_string_equal(out.data, cases[i].json);
		bh_buffer_free(&out);
	}
}

static void an_edge_is_as_documented(void **state)
{
	struct bh_peer src = { BH_PEER_WORKLOAD, "netns:web" };
	const struct bh_peer dst = { BH_PEER_ADDRESS, "192.0.2.9" };
	struct bh_edge edge = { .src = &src,
				.dst = &dst,
				.proto = IPPROTO_UDP,
				.port = 53,
				.first = 1500000,
				.last = 2500000,
				.connections = 7,
				.answered = 6,
				.bytes = 700,
				.windows = 2,
				.lossy = true };
	struct bh_edge_names names = { .names = { { "a.example", "b.example" } }, .counts = { 2 } };
	struct bh_edge_clients clients = { .names = { "netns:web" }, .count = 1 };
	struct bh_buffer out = { 0 };

	(void)state;
	bh_json_edge(&out, &edge, 3, &names, &clients);
	assert_string_equal(
		out.data,
		"{\"id\":\"e70d8dabea03\",\"src\":\"netns:web\",\"dst\":\"192.0.2.9\","
		"\"proto\":\"udp\","
		"\"port\":53,\"first\":1.500000,\"last\":2.500000,\"connections\":7,"
		"\"answered\":6,\"bytes\":700,\"replicas\":3,\"windows\":2,"
		"\"lossy\":true,\"dns\":[\"a.example\",\"b.example\"],\"sni\":[],\"masked\":null,"
		"\"clients\":[\"netns:web\"]}");
	bh_buffer_free(&out);
}

/* Room is made once for everything but texts from outside: json.c's FLOW_ROOM. */
static void the_longest_flow_fits_into_its_room(void **state)
{
	const struct bh_tally most = { UINT64_MAX, UINT64_MAX };
	struct bh_flow flow = {
		.first = INT64_MIN,
		.last = INT64_MIN + 1,
		.tx = { most, most },
		.rx = { most, most },
		.tx_segments = { UINT64_MAX, UINT64_MAX },
		.rx_segments = { UINT64_MAX, UINT64_MAX },
		.icmp_error = { UINT32_MAX, 1, 1 },
		.state = BH_FLOW_ESTABLISHED,
		.direction = BH_DIRECTION_CONNTRACK,
	};
	struct bh_flow_names names = { .via = &flow.key,
				       .proxied = true,
				       .verdict = BH_FLOW_UNDELIVERED,
				       .verdict_back = BH_FLOW_UNDELIVERED };
	struct bh_buffer out = { 0 };

	(void)state;
	memset(&flow.key, 0xff, sizeof(flow.key));
	flow.key.src.family = flow.key.dst.family = BH_IPV6;
	bh_json_flow(&out, &flow, &names);
	assert_in_range(out.length, 900, 2047);
	assert_int_equal(out.length, strlen(out.data));
	bh_buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_counted_is_null),
		cmocka_unit_test(what_connection_tracking_counted_is_told_so),
		cmocka_unit_test(a_flow_is_one_line_in_the_contracts_order),
		cmocka_unit_test(a_files_flow_knows_one_side),
		cmocka_unit_test(what_arrived_alone_is_what_is_counted),
		cmocka_unit_test(nothing_arrived_is_zero_only_where_one_would_know),
		cmocka_unit_test(what_few_flows_have_is_told_where_they_have_it),
		cmocka_unit_test(words_beyond_the_list_are_not_read),
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(the_longest_flow_fits_into_its_room),
		cmocka_unit_test(an_edge_is_as_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
