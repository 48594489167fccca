/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "recorded.h"

#define END(ip, port, workload) "{\"ip\":\"" ip "\",\"port\":" port ",\"workload\":" workload "}"
#define FLOW(proto, src, dst) "{\"proto\":\"" proto "\",\"src\":" src ",\"dst\":" dst "}"
#define WEB END("10.0.0.2", "40000", "\"compose:shop/web\"")

static void parse(const char *line, struct bh_recorded_flow *flow)
{
	struct bh_error err = { 0 };

	if (!bh_recorded_flow_parse(line, flow, &err))
		fail_msg("%s: %s", line, err.text);
}

static const char *label(const struct bh_subject *subject, const char *key)
{
	return subject->label(subject->labels, key);
}

static void a_flow_between_workloads(void **state)
{
	struct bh_recorded_flow flow;

	(void)state;
	parse(FLOW("tcp", WEB, END("10.0.0.3", "5432", "\"netns:db\"")) "\n", &flow);
	assert_int_equal(flow.question.proto, IPPROTO_TCP);
	assert_int_equal(flow.question.source_port, 40000);
	assert_int_equal(flow.question.port, 5432);
	assert_false(flow.question.direction_unknown);
	assert_int_equal(flow.src.kind, BH_PEER_WORKLOAD);
	assert_string_equal(flow.src.name, "compose:shop/web");
	assert_ptr_equal(flow.question.src.peer, &flow.src);
	assert_int_equal(flow.question.src.mode, BH_ENFORCE);
	assert_string_equal(label(&flow.question.src, "bulkhead.workload"), "compose:shop/web");
	assert_string_equal(label(&flow.question.src, "com.docker.compose.project"), "shop");
	assert_string_equal(label(&flow.question.src, "com.docker.compose.service"), "web");
	assert_null(label(&flow.question.src, "tier"));
	assert_string_equal(label(&flow.question.dst, "bulkhead.workload"), "netns:db");
	assert_null(label(&flow.question.dst, "com.docker.compose.service"));
}

/* An address without a name is what it can only be. */
static void ends_without_a_workload(void **state)
{
	static const struct {
		const char *end;
		uint8_t kind;
		const char *name;
	} ends[] = {
		{ END("203.0.113.9", "443", "null"), BH_PEER_ADDRESS, "203.0.113.9" },
		{ END("10.9.9.9", "443", "null"), BH_PEER_UNRESOLVED, "10.9.9.9" },
		{ END("fe80::1", "443", "null"), BH_PEER_UNRESOLVED, "fe80::1" },
		{ END("169.254.169.254", "80", "null"), BH_PEER_METADATA, "169.254.169.254" },
		{ END("ff02::fb", "5353", "null"), BH_PEER_MULTICAST, "ff02::fb" },
		{ END("10.0.0.1", "1", "\"host\""), BH_PEER_HOST, "host" },
		{ END("203.0.113.9", "1", "\"world\""), BH_PEER_WORLD, "world" },
		{ END("10.0.0.1", "1", "\"masked\""), BH_PEER_MASKED, "masked" },
	};
	struct bh_recorded_flow flow;
	char line[300];

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(line, sizeof(line), FLOW("udp", WEB, "%s"), ends[i].end);
		parse(line, &flow);
		assert_int_equal(flow.dst.kind, ends[i].kind);
		assert_string_equal(flow.dst.name, ends[i].name);
	}
}

static void unknown_direction(void **state)
{
	struct bh_recorded_flow flow;

	(void)state;
	parse("{\"direction\":\"unknown\",\"proto\":\"17\",\"src\":" WEB ",\"dst\":" WEB "}",
	      &flow);
	assert_true(flow.question.direction_unknown);
	assert_int_equal(flow.question.proto, IPPROTO_UDP);
}

static void odd_names_of_workloads(void **state)
{
	static const char *const names[] = { "compose:", "compose:/", "compose:a/", "/", "" };
	struct bh_recorded_flow flow;
	char line[300];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(line, sizeof(line), FLOW("tcp", WEB, END("10.0.0.3", "1", "\"%s\"")),
			 names[i]);
		parse(line, &flow);
		assert_string_equal(label(&flow.question.dst, "bulkhead.workload"), names[i]);
	}
	parse(FLOW("tcp", WEB, END("10.0.0.3", "1", "\"compose:/x\"")), &flow);
	assert_string_equal(label(&flow.question.dst, "com.docker.compose.project"), "");
}

static const struct {
	const char *line, *message;
} broken[] = {
	{ "", "a JSON object expected" },
	{ "[]", "a JSON object expected" },
	{ "{\"proto\":\"tcp\"", "a JSON object expected" },
	{ "{}", "proto: a protocol such as tcp expected" },
	{ "{\"proto\":6}", "proto: a protocol such as tcp expected" },
	{ "{\"proto\":\"tpc\"}", "proto: a protocol such as tcp expected" },
	{ "{\"proto\":\"tcp\"}", "src.ip: an address expected" },
	{ FLOW("tcp", "[]", WEB), "src.ip: an address expected" },
	{ FLOW("tcp", END("10.0.0.256", "1", "null"), WEB), "src.ip: an address expected" },
	{ FLOW("tcp", WEB, END("10.0.0.0/8", "1", "null")), "dst.ip: an address expected" },
	{ FLOW("tcp", END("10.0.0.1", "\"1\"", "null"), WEB),
	  "src.port: a number from 0 to 65535 expected" },
	{ FLOW("tcp", WEB, END("10.0.0.1", "65536", "null")),
	  "dst.port: a number from 0 to 65535 expected" },
	{ FLOW("tcp", WEB, END("10.0.0.1", "-1", "null")),
	  "dst.port: a number from 0 to 65535 expected" },
	{ FLOW("tcp", WEB, END("10.0.0.1", "80.5", "null")),
	  "dst.port: a number from 0 to 65535 expected" },
	{ FLOW("tcp", WEB, END("10.0.0.1", "80", "5")), "dst.workload: a name, or null, expected" },
	{ "{\"proto\":\"tcp\",\"direction\":1,\"src\":" WEB ",\"dst\":" WEB "}",
	  "direction: a word such as syn expected" },
	{ FLOW("tcp", WEB, WEB) " x", "a JSON object expected" },
};

static void what_is_no_flow(void **state)
{
	struct bh_recorded_flow flow;

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct bh_error err = { 0 };

		if (bh_recorded_flow_parse(broken[i].line, &flow, &err))
			fail_msg("a flow: %s", broken[i].line);
		assert_string_equal(err.text, broken[i].message);
	}
}

#define VIA(via)                                                                                   \
	"{\"proto\":\"tcp\",\"src\":" WEB                                                          \
	",\"dst\":" END("10.0.0.3", "80", "\"netns:db\"") ",\"via\":" via "}"

/* The rules meet a proxy's two connections; those of a translation they meet as one. */
static void a_proxy_is_two_questions(void **state)
{
	struct bh_recorded_flow flow;
	struct bh_error err = { 0 };

	(void)state;
	parse(VIA("{\"ip\":\"10.0.0.1\",\"port\":8080,\"proxy\":true}"), &flow);
	assert_true(flow.proxied);
	assert_ptr_equal(flow.question.src.peer, &flow.src);
	assert_int_equal(flow.question.dst.peer->kind, BH_PEER_HOST);
	assert_int_equal(flow.question.port, 8080);
	assert_int_equal(flow.onward.src.peer->kind, BH_PEER_HOST);
	assert_ptr_equal(flow.onward.dst.peer, &flow.dst);
	assert_int_equal(flow.onward.port, 80);
	parse(VIA("{\"ip\":\"10.0.0.1\",\"port\":8080}"), &flow);
	assert_false(flow.proxied);
	assert_int_equal(flow.question.port, 80);
	assert_false(bh_recorded_flow_parse(VIA("{\"ip\":\"x\",\"proxy\":true}"), &flow, &err));
	assert_string_equal(err.text, "via.ip: an address expected");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_between_workloads),
		cmocka_unit_test(ends_without_a_workload),
		cmocka_unit_test(unknown_direction),
		cmocka_unit_test(odd_names_of_workloads),
		cmocka_unit_test(what_is_no_flow),
		cmocka_unit_test(a_proxy_is_two_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
