/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "dns_name.h"
#include "peer.h"

static void names_are_hosts_in_lower_case(void **state)
{
	static const char *const good[] = { "pay.example", "a", "_dmarc.x-1.Example", "10.0.0.1" };
	static const char *const bad[] = { "",	    ".",     "a.",     ".a",	 "a..b",  "a b",
					   "a\\.b", "*.a",   "a/b",    "a:1",	 "é.com", "a\n",
					   "*",	    "a.*.b", "a%lu.b", "a.b c.d" };
	char out[BH_DNS_NAME_ROOM];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(bh_dns_name_read(good[i], out));
		assert_int_equal(strcasecmp(out, good[i]), 0);
		assert_null(strpbrk(out, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (bh_dns_name_read(bad[i], out))
			fail_msg("%s", bad[i]);
}

/* count labels of that length. */
static const char *labels(size_t count, size_t length, char out[400])
{
	char *at = out;

	for (size_t i = 0; i < count; i++, at += length + 1) {
		memset(at, 'a', length);
		at[length] = '.';
	}
	at[-1] = '\0';
	return out;
}

static void lengths_are_bounded(void **state)
{
	char text[400], out[BH_DNS_NAME_ROOM];
	struct bh_peer peer;

	(void)state;
	assert_true(bh_dns_name_read(labels(1, 63, text), out));
	assert_false(bh_dns_name_read(labels(1, 64, text), out));
	assert_true(bh_dns_name_read(labels(42, 5, text), out));
	assert_int_equal(strlen(out), 251);
	assert_true(bh_peer_by_dns(text, &peer));
	assert_int_equal(strlen(peer.name), BH_PEER_NAME - 1);
	assert_string_equal(bh_peer_dns(&peer), text);
	strcat(text, "a");
	assert_false(bh_dns_name_read(text, out));
	assert_false(bh_peer_by_dns(text, &peer));
}

static void patterns_stand_for_what_is_below(void **state)
{
	char out[BH_DNS_NAME_ROOM];

	(void)state;
	assert_true(bh_dns_pattern_read("*.CDN.example", out));
	assert_string_equal(out, "*.cdn.example");
	assert_true(bh_dns_pattern_matches(out, "a.cdn.example"));
	assert_true(bh_dns_pattern_matches(out, "a.b.cdn.example"));
	assert_false(bh_dns_pattern_matches(out, "cdn.example"));
	assert_false(bh_dns_pattern_matches(out, "acdn.example"));
	assert_false(bh_dns_pattern_matches(out, "a.cdn.example.org"));
	assert_true(bh_dns_pattern_read("cdn.example", out));
	assert_true(bh_dns_pattern_matches(out, "cdn.example"));
	assert_false(bh_dns_pattern_matches(out, "a.cdn.example"));
	assert_false(bh_dns_pattern_read("*", out));
	assert_false(bh_dns_pattern_read("*.", out));
	assert_false(bh_dns_pattern_read("*cdn.example", out));
	assert_false(bh_dns_pattern_read("*.*.example", out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_hosts_in_lower_case),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(patterns_stand_for_what_is_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
