/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "flow_filter.h"
#include "timefmt.h"

/* A connection of the shop's, and an attempt outside; what stands there is all that is asked. */
static struct bh_flow inner, outer;
static struct bh_flow_names inner_names, outer_names;
static struct bh_flow_key named;

static int set_up(void **state)
{
	(void)state;
	inner = (struct bh_flow) { .first = 1000 * BH_SECOND,
				   .last = 1031 * BH_SECOND,
				   .state = BH_FLOW_ESTABLISHED,
				   .direction = BH_DIRECTION_SYN,
				   .key = { .proto = IPPROTO_TCP, .sport = 40000, .dport = 5432 } };
	bh_addr_parse("10.0.0.3", &inner.key.src);
	bh_addr_parse("10.0.1.4", &inner.key.dst);
	inner.tx.sent = (struct bh_tally) { .packets = 6, .bytes = 600000 };
	inner.rx.delivered = (struct bh_tally) { .packets = 4, .bytes = 500000 };
	named = inner.key;
	named.dport = 15432;
	bh_addr_parse("10.96.0.1", &named.dst);
	inner_names = (struct bh_flow_names) { .src_workload = "compose:shop/web",
					       .dst_workload = "compose:shop/db",
					       .src_replica = 0x00ab00000000cdef,
					       .via = &named,
					       .verdict = BH_FLOW_DELIVERED,
					       .verdict_back = BH_FLOW_UNDELIVERED };
	outer = (struct bh_flow) { .first = 2000 * BH_SECOND,
				   .last = 2000 * BH_SECOND,
				   .state = BH_FLOW_ATTEMPTED,
				   .icmp_error = { .count = 1, .type = 1, .code = 4 },
				   .tunnel = "vxlan:42",
				   .lossy = true,
				   .key = { .proto = IPPROTO_ICMPV6, .dport = 128 << 8 } };
	bh_addr_parse("2001:db8::3", &outer.key.src);
	bh_addr_parse("2001:db8:1::4", &outer.key.dst);
	outer_names = (struct bh_flow_names) { .src_why = "departed:web-1",
					       .dns = "Pay.example.com",
					       .sni = "pay.example.com",
					       .masked = "gateway",
					       .uncounted = true,
					       .verdict = BH_FLOW_DENIED };
	return 0;
}

static bool fits(const char *text, const struct bh_flow *flow, const struct bh_flow_names *names)
{
	struct bh_error err = { 0 };
	size_t position;
	struct bh_flow_filter *filter = bh_flow_filter_parse(text, &position, &err);

	if (filter == NULL)
		fail_msg("%s: %s", text, err.text);
	bool result = bh_flow_filter_matches(filter, flow, names);
	bh_flow_filter_free(filter);
	return result;
}

static void each_word_asks_for_its_value(void **state)
{
	/* Filters for the flow within; what they say is not so of the other one. */
	static const char *const within[] = {
		"src compose:shop/web",
		"dst compose:shop/db",
		"workload compose:shop/db",
		"workload \"compose:shop/*\"",
		"workload compose:shop/w?b",
		"src workload *web",
		"10.0.0.3",
		"src 10.0.0.3",
		"dst 10.0.1.0/24",
		"host 10.0.0.0/8",
		"net 10.0.0.5/8",
		"ip 10.0.1.4",
		"src host 10.0.0.3",
		"via 10.96.0.0/16",
		"via host 10.96.0.1",
		"via port 15432",
		"port 5432",
		"dst port 5432/tcp",
		"src port 40000",
		"port 5000-6000",
		"port 5432-5432/TCP",
		"port 40000",
		"tcp",
		"proto tcp",
		"proto 6",
		"TCP PORT 5432",
		"ipv4",
		"state established",
		"established",
		"verdict delivered",
		"delivered",
		"verdict_back undelivered",
		"direction syn",
		"replica 00ab*",
		"replica 00AB00000000CDEF",
		"bytes > 1M",
		"bytes>1M",
		"bytes >= 1.1M",
		"bytes = 1100000",
		"bytes == 1100k",
		"bytes != 5",
		"bytes < 1.1Mi",
		"packets >= 10",
		"packets <= 10",
		"packets<11",
		"duration > 30s",
		"duration = 31",
		"duration < 32s and duration > 0",
		"duration >= 0.5m",
		"duration > 250ms",
		"tcp duration < 1h30m",
		"tcp and duration < 1d",
	};
	static const char *const without[] = {
		"2001:db8::3",
		"dst 2001:db8:1::/48",
		"src net 2001:db8::/64",
		"ipv6",
		"ip6",
		"icmpv6",
		"icmp6",
		"proto icmpv6",
		"proto icmp6",
		"proto 58",
		"port icmpv6/128",
		"port icmpv6/128:0",
		"state attempted",
		"attempted",
		"verdict denied",
		"denied",
		"direction unknown",
		"verdict_back unknown",
		"dns \"*.example.com\"",
		"dns PAY.EXAMPLE.COM",
		"sni pay.*",
		"dst dns:pay.example.com",
		"dst 'dns:*'",
		"workload dns:pay.example.com",
		"tunnel vxlan:42",
		"tunnel vxlan*",
		"tunnel '*'",
		"lossy",
		"icmp_error",
		"masked",
		"uncounted",
		"why departed:*",
		"src why '*'",
		"duration = 0",
		"duration < 1ms",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(within) / sizeof(within[0]); i++)
		if (!fits(within[i], &inner, &inner_names) || fits(within[i], &outer, &outer_names))
			fail_msg("%s", within[i]);
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		if (fits(without[i], &inner, &inner_names) ||
		    !fits(without[i], &outer, &outer_names))
			fail_msg("%s", without[i]);
}

static void ends_are_told_apart(void **state)
{
	static const char *const wrong[] = {
		"src compose:shop/db",
		"dst compose:shop/web",
		"src 10.0.1.4",
		"dst 10.0.0.3",
		"src port 5432",
		"dst port 40000",
		"port 5432/udp",
		"port icmp/8",
		"port 80",
		"via 10.0.1.4",
		"via port 5432",
		"workload compose:shop",
		"dst workload *web",
		"src host",
		"workload host",
		"replica ab",
		"src dns:*",
		"port 5433-6000",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (fits(wrong[i], &inner, &inner_names))
			fail_msg("%s", wrong[i]);
	assert_false(fits("dst why '*'", &outer, &outer_names));
}

static void this_host_has_a_name(void **state)
{
	struct bh_flow_names names = { .src_workload = "host" };

	(void)state;
	assert_true(fits("src host", &inner, &names));
	assert_true(fits("src host and dst port 5432", &inner, &names));
	assert_true(fits("(src host)", &inner, &names));
	assert_false(fits("dst host", &inner, &names));
	assert_false(fits("src host 10.0.0.9", &inner, &names));
}

static void and_binds_before_or(void **state)
{
	static const struct {
		const char *text;
		bool result;
	} cases[] = {
		{ "", true },
		{ " \t\n", true },
		{ "tcp or udp and lossy", true },
		{ "udp and lossy or tcp", true },
		{ "(tcp or udp) and lossy", false },
		{ "tcp udp", false },
		{ "tcp port 5432", true },
		{ "tcp not udp", true },
		{ "not tcp or ipv4", true },
		{ "not (tcp or ipv4)", false },
		{ "not not tcp", true },
		{ "! udp && ! lossy || denied", true },
		{ "!udp", true },
		{ "!(udp||lossy)&&tcp", true },
		{ "tcp AND NOT udp OR lossy", true },
		{ "not udp and tcp", true },
		{ "not tcp and tcp", false },
		{ "port 80 or 5432", true },
		{ "port 80 or 443 or 8000-9000", false },
		{ "dst port 80 or 40000", false }, /* still the destination's */
		{ "tcp and (port 80 or 5432/tcp)", true },
		{ "src 10.0.0.1 or 10.0.0.3", true },
		{ "src 10.0.0.1 or 10.0.1.4", false },
		{ "host 10.0.0.1 or 10.0.1.4", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (fits(cases[i].text, &inner, &inner_names) != cases[i].result)
			fail_msg("%s", cases[i].text);
}

static void nothing_is_more_or_less_than_what_nobody_counted(void **state)
{
	struct bh_tally tracked[2] = { { .packets = 1, .bytes = 100 },
				       { .packets = 2, .bytes = 200 } };

	(void)state;
	assert_false(fits("bytes >= 0", &outer, &outer_names));
	assert_false(fits("packets < 5", &outer, &outer_names));
	assert_false(fits("bytes != 7", &outer, &outer_names));
	outer_names.tracked = tracked;
	assert_true(fits("bytes = 300 and packets = 3", &outer, &outer_names));
}

static void slips_are_told_with_their_place(void **state)
{
	static const struct {
		const char *text;
		size_t position;
		const char *says;
	} cases[] = {
		{ "src web and stat established", 12,
		  "character 13: there is no word stat; did "
		  "you mean state?" },
		{ "dens x", 0, "did you mean dns?" },
		{ "tcp and web", 8, "a name stands behind workload, src or dst" },
		{ "src compose:shop/web or compose:shop/api", 24, "a name stands behind" },
		{ "state establishd", 6, "did you mean established?" },
		{ "verdict", 7, "nothing follows" },
		{ "unknown", 0, "stands behind verdict" },
		{ "listener", 0, "stands behind direction" },
		{ "port http", 5, "port needs a port" },
		{ "port 70000", 5, "not \"70000\"" },
		{ "port 90-80", 5, "not \"90-80\"" },
		{ "port 53/icmp", 5, "not \"53/icmp\"" },
		{ "port", 4, "nothing follows" },
		{ "host web", 5, "an address" },
		{ "host 10.0.0.0/33", 5, "an address" },
		{ "proto tcpp", 6, "a protocol" },
		{ "bytes 5", 6, "a comparison" },
		{ "bytes > x", 8, "a number" },
		{ "bytes > 5s", 8, "a number" },
		{ "bytes > 1.", 8, "a number" },
		{ "duration > 5k", 11, "a time" },
		{ "duration >", 10, "nothing follows" },
		{ "dns", 3, "a name or a pattern" },
		{ "dns \"\"", 4, "a name or a pattern" },
		{ "dns [a", 4, "] after each [" },
		{ "(tcp", 0, "not closed" },
		{ "tcp)", 3, "never opened" },
		{ "tcp and", 7, "something is missing" },
		{ "or tcp", 0, "nothing to stand behind" },
		{ "tcp or and udp", 7, "nothing to stand behind" },
		{ "not", 3, "something is missing" },
		{ "()", 1, "nothing to stand behind" },
		{ "> 5", 0, "nothing to stand behind" },
		{ "src state", 4, "src workload state" },
		{ "src", 3, "nothing follows" },
		{ "via web", 4, "an address or a port" },
		{ "via why x", 4, "does not stand behind via" },
		{ "dns \"abc", 4, "has no end" },
		{ "\"tcp\"", 0, "workload \"tcp\"" },
		{ "src \xc3\xa4 and xx", 11, "character 11:" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_error err = { 0 };
		size_t position = 9999;

		if (bh_flow_filter_parse(cases[i].text, &position, &err) != NULL)
			fail_msg("%s is a filter", cases[i].text);
		if (position != cases[i].position || strstr(err.text, cases[i].says) == NULL)
			fail_msg("%s: at %zu: %s", cases[i].text, position, err.text);
	}
}

static char *repeated(const char *text, size_t count, const char *end)
{
	char *out = malloc(strlen(text) * count + strlen(end) + 1), *at = out;

	assert_non_null(out);
	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, text);
	strcpy(at, end);
	return out;
}

static void refuses(char *text, const char *says)
{
	struct bh_error err = { 0 };
	size_t position;

	if (bh_flow_filter_parse(text, &position, &err) != NULL || strstr(err.text, says) == NULL)
		fail_msg("%.40s…: %s", text, err.text);
	free(text);
}

static void length_depth_and_number_are_bounded(void **state)
{
	(void)state;
	refuses(repeated("(", BH_FLOW_FILTER_DEPTH + 1, "tcp"), "nested more than");
	refuses(repeated("!", BH_FLOW_FILTER_DEPTH, "tcp"), "nested more than");
	refuses(repeated("tcp ", BH_FLOW_FILTER_TESTS, "udp"), "at most 256 tests");
	refuses(repeated(" ", BH_FLOW_FILTER_LENGTH, "x"), "at most 4096 bytes");
	refuses(repeated("x", 300, ""), "at most 256 bytes");

	char *deepest = repeated("!", BH_FLOW_FILTER_DEPTH - 2, "tcp");
	assert_true(fits(deepest, &inner, &inner_names));
	free(deepest);
	char *most = repeated("tcp ", BH_FLOW_FILTER_TESTS, "");
	assert_true(fits(most, &inner, &inner_names));
	free(most);
}

static void a_capture_knows_no_workloads(void **state)
{
	static const struct {
		const char *text, *word;
	} cases[] = {
		{ "tcp and dst 10.0.0.0/8 and dns *.com and bytes > 5 and lossy", NULL },
		{ "", NULL },
		{ "tcp and src web", "workload" },
		{ "port 80 and not denied", "denied" },
		{ "verdict unknown", "verdict" },
		{ "via port 80", "via" },
		{ "replica a*", "replica" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_error err = { 0 };
		size_t position;
		struct bh_flow_filter *filter =
			bh_flow_filter_parse(cases[i].text, &position, &err);

		assert_non_null(filter);
		const char *word = bh_flow_filter_beyond_capture(filter);
		if (cases[i].word == NULL)
			assert_null(word);
		else
			assert_string_equal(word, cases[i].word);
		bh_flow_filter_free(filter);
	}
}

static void words_and_values_can_be_listed(void **state)
{
	bool has_port = false, has_not = false;

	(void)state;
	for (size_t i = 0; bh_flow_filter_word(i) != NULL; i++) {
		has_port = has_port || strcmp(bh_flow_filter_word(i), "port") == 0;
		has_not = has_not || strcmp(bh_flow_filter_word(i), "not") == 0;
	}
	assert_true(has_port && has_not);
	assert_string_equal(bh_flow_filter_value("verdict", 3), "denied");
	assert_null(bh_flow_filter_value("verdict", 4));
	assert_null(bh_flow_filter_value("port", 0));
	assert_null(bh_flow_filter_value("not", 0));
}

/* Between ```filter and ```: a filter a line, and behind "  # " what it is for. */
static void the_examples_of_the_documentation_are_filters(void **state)
{
	FILE *file = fopen(FILTERS_MD, "re");
	char line[512];
	bool within = false;
	size_t examples = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		char *comment = strstr(line, "  # ");

		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "```", 3) == 0) {
			within = strcmp(line, "```filter") == 0;
			continue;
		}
		if (comment != NULL)
			*comment = '\0';
		if (within) {
			(void)fits(line, &inner, &inner_names);
			examples++;
		}
	}
	fclose(file);
	assert_true(examples >= 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_word_asks_for_its_value, set_up),
		cmocka_unit_test_setup(ends_are_told_apart, set_up),
		cmocka_unit_test_setup(this_host_has_a_name, set_up),
		cmocka_unit_test_setup(and_binds_before_or, set_up),
		cmocka_unit_test_setup(nothing_is_more_or_less_than_what_nobody_counted, set_up),
		cmocka_unit_test(slips_are_told_with_their_place),
		cmocka_unit_test_setup(length_depth_and_number_are_bounded, set_up),
		cmocka_unit_test(a_capture_knows_no_workloads),
		cmocka_unit_test(words_and_values_can_be_listed),
		cmocka_unit_test_setup(the_examples_of_the_documentation_are_filters, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
