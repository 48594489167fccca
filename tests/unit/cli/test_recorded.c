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

/* --- evidence --------------------------------------------------------------------------------- */

#define TO_API "\"dst\":" END("10.0.0.3", "80", "\"api\"")
#define TO_PAY "\"dst\":" END("203.0.113.7", "443", "null")
#define FROM_WEB                                                                                   \
	"\"src\":{\"ip\":\"10.0.0.2\",\"port\":1,\"workload\":\"web\",\"replica\":\"web-7\"}"
#define SEEN "\"first\":100.25,\"last\":160.5,\"direction\":\"syn\","

static struct bh_recorded_evidence evidence(const char *line)
{
	struct bh_recorded_evidence e;
	struct bh_error err = { 0 };

	if (!bh_recorded_evidence_parse(line, &e, &err))
		fail_msg("%s: %s", line, err.text);
	return e;
}

static void a_flow_is_evidence(void **state)
{
	struct bh_recorded_evidence
		e = evidence("{" SEEN "\"proto\":\"tcp\",\"state\":\"closed\",\"count\":7," FROM_WEB
			     "," TO_API ",\"tx\":{\"bytes\":300},\"rx\":{\"bytes\":1000},"
			     "\"verdict\":\"denied\"}"),
		other = evidence("{" SEEN "\"proto\":\"tcp\",\"state\":\"refused\",\"src\":" WEB
				 "," TO_API "}");

	(void)state;
	assert_int_equal(e.first, 100250000);
	assert_int_equal(e.flow.last, 160500000);
	assert_int_equal(e.flow.count, 7);
	assert_int_equal(e.bytes, 1300);
	assert_int_equal(e.direction, BH_DIRECTION_SYN);
	assert_true(e.answered && e.denied && !e.flow.deploy);
	assert_int_equal(other.flow.count, 1);
	assert_false(other.answered || other.denied);
	/* Nobody says which replica: one of its own. */
	assert_true(e.replica != 0 && other.replica != 0 && e.replica != other.replica);
}

/* "1" of one workload is not "1" of another: what one looks for in vain is not the other's. */
static void replicas_are_their_workloads_own(void **state)
{
#define BY(workload, replica)                                                                      \
	evidence("{" SEEN "\"proto\":\"tcp\",\"state\":\"closed\",\"src\":{\"ip\":\"10.0.0.2\","   \
		 "\"port\":1,\"workload\":" workload replica "}," TO_API "}")
	struct bh_recorded_evidence web = BY("\"web\"", ",\"replica\":\"1\""),
				    again = BY("\"web\"", ",\"replica\":\"1\""),
				    job = BY("\"job\"", ",\"replica\":\"1\""),
				    unnamed = BY("\"web\"", ""), other = BY("\"job\"", "");

	(void)state;
	assert_true(web.replica == again.replica && web.names_replica);
	assert_true(web.replica != job.replica);
	assert_true(unnamed.replica != other.replica && !unnamed.names_replica);
#undef BY
}

static void what_the_daemon_says_of_it_is_kept(void **state)
{
	struct bh_recorded_evidence e =
		evidence("{" SEEN "\"proto\":\"tcp\",\"state\":\"closed\",\"src\":" END(
			"10.0.0.1", "1", "\"masked\"") "," TO_API
						       ",\"masked\":\"docker-proxy\",\"lossy\":"
						       "true}");

	(void)state;
	assert_int_equal(e.flow.src.kind, BH_PEER_MASKED);
	assert_string_equal(e.flow.src.name, "docker-proxy");
	assert_true(e.lossy);
}

static void a_handshake_alone_is_no_answer_but_a_datagram_is(void **state)
{
	(void)state;
	assert_false(evidence("{" SEEN "\"proto\":\"tcp\",\"state\":\"answered\"," FROM_WEB
			      "," TO_API "}")
			     .answered);
	assert_true(evidence("{" SEEN "\"proto\":\"udp\",\"state\":\"answered\"," FROM_WEB
			     "," TO_API "}")
			    .answered);
}

static void outside_the_name_counts(void **state)
{
	struct bh_recorded_evidence
		named = evidence("{" SEEN "\"proto\":\"tcp\",\"state\":\"closed\"," FROM_WEB
				 "," TO_PAY ",\"dns\":\"pay.example\"}"),
		bare = evidence("{" SEEN "\"proto\":\"tcp\",\"state\":\"closed\"," FROM_WEB
				"," TO_PAY ",\"dns\":null}"),
		inside = evidence("{" SEEN "\"proto\":\"tcp\",\"state\":\"closed\"," FROM_WEB
				  "," TO_API ",\"dns\":\"api.shop\"}");

	(void)state;
	assert_int_equal(named.flow.dst.kind, BH_PEER_DNS);
	assert_string_equal(named.flow.dst.name, "dns:pay.example");
	assert_int_equal(bare.flow.dst.kind, BH_PEER_ADDRESS);
	assert_int_equal(inside.flow.dst.kind, BH_PEER_WORKLOAD);
}

static void a_policy_is_asked_by_that_name(void **state)
{
	static const char line[] = "{\"proto\":\"tcp\",\"dns\":\"%s\"," FROM_WEB "," TO_PAY "}";
	struct bh_recorded_flow flow;
	char text[512];

	(void)state;
	snprintf(text, sizeof(text), line, "Pay.Example");
	parse(text, &flow);
	assert_string_equal(flow.question.dst.dns, "pay.example");
	assert_int_equal(flow.dst.kind, BH_PEER_ADDRESS);
	/* What no policy could say is no name. */
	snprintf(text, sizeof(text), line, "*.example");
	parse(text, &flow);
	assert_null(flow.question.dst.dns);
}

static void a_deploy_is_a_line_of_its_own(void **state)
{
	struct bh_recorded_evidence e = evidence("{\"deploy\":\"web\",\"time\":12.5}");

	(void)state;
	assert_true(e.flow.deploy);
	assert_string_equal(e.flow.src.name, "web");
	assert_int_equal(e.first, 12500000);
}

static void what_is_no_evidence(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{ "{\"proto\":\"tcp\"," FROM_WEB "," TO_API "}", "first: seconds" },
		{ "{\"first\":2,\"last\":1,\"proto\":\"tcp\"," FROM_WEB "," TO_API "}",
		  "last: it is before" },
		{ "{\"first\":1e99,\"last\":1,\"proto\":\"tcp\"," FROM_WEB "," TO_API "}",
		  "first: seconds" },
		{ "{" SEEN "\"proto\":\"tcp\"," FROM_WEB "," TO_API "}", "state: attempted" },
		{ "{\"first\":1,\"last\":2,\"state\":\"closed\",\"proto\":\"tcp\"," FROM_WEB
		  "," TO_API "}",
		  "direction: syn" },
		{ "{" SEEN "\"count\":-1,\"proto\":\"tcp\",\"state\":\"closed\"," FROM_WEB
		  "," TO_API "}",
		  "count: a number" },
		{ "{" SEEN "\"dns\":7,\"proto\":\"tcp\",\"state\":\"closed\"," FROM_WEB "," TO_API
		  "}",
		  "dns: a name" },
		{ "{\"deploy\":\"web\"}", "time: seconds" },
		{ "{\"deploy\":\"\",\"time\":1}", "deploy: a workload's name" },
		{ "{" SEEN "\"proto\":\"tcp\",\"state\":\"closed\"," FROM_WEB
		  ",\"dst\":" END("10.0.0.3", "1", "\"\"") "}",
		  "workload: a name" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_recorded_evidence e;
		struct bh_error err = { 0 };

		assert_false(bh_recorded_evidence_parse(cases[i].line, &e, &err));
		if (strstr(err.text, cases[i].says) != err.text)
			fail_msg("%s: \"%s\"", cases[i].line, err.text);
	}
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
		cmocka_unit_test(a_flow_is_evidence),
		cmocka_unit_test(replicas_are_their_workloads_own),
		cmocka_unit_test(what_the_daemon_says_of_it_is_kept),
		cmocka_unit_test(a_handshake_alone_is_no_answer_but_a_datagram_is),
		cmocka_unit_test(outside_the_name_counts),
		cmocka_unit_test(a_policy_is_asked_by_that_name),
		cmocka_unit_test(a_deploy_is_a_line_of_its_own),
		cmocka_unit_test(what_is_no_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
