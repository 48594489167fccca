/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "session.h"

static void what_sshd_says_is_read(void **state)
{
	static const char *const cases[][2] = {
		{ "203.0.113.7 51022 192.0.2.1 22", "203.0.113.7 51022 192.0.2.1 22" },
		{ "2001:db8::7 51022 2001:db8::1 22", "2001:db8::7 51022 2001:db8::1 22" },
		{ "fe80::1%eth0 1 fe80::2%eth0 65535", "fe80::1 1 fe80::2 65535" },
		{ "::ffff:203.0.113.7 51022 ::ffff:192.0.2.1 22",
		  "203.0.113.7 51022 192.0.2.1 22" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[BH_SESSION_TEXT];
		struct bh_flow_key key;

		assert_true(bh_session_parse(cases[i][0], &key));
		assert_string_equal(bh_session_format(&key, text), cases[i][1]);
	}
}

static void anything_else_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"console",
		"203.0.113.7 51022 192.0.2.1",
		"203.0.113.7 51022 192.0.2.1 22 ",
		"203.0.113.7 51022 192.0.2.1 22 x",
		" 203.0.113.7 51022 192.0.2.1 22",
		"203.0.113.7  51022 192.0.2.1 22",
		"203.0.113.7 51022 192.0.2.1 65536",
		"203.0.113.7 0 192.0.2.1 22",
		"203.0.113.7 -1 192.0.2.1 22",
		"203.0.113.7 51022 192.0.2.1 22/tcp",
		"203.0.113.7 51022 2001:db8::1 22",
		"example 51022 192.0.2.1 22",
		"203.0.113.7\t51022 192.0.2.1 22",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_flow_key key;

		assert_false(bh_session_parse(cases[i], &key));
	}
}

#define ONE "203.0.113.7 51022 192.0.2.1 22"
#define OTHER "2001:db8::7 51022 2001:db8::1 22"

static void several_are_read(void **state)
{
	static const char *const good[] = { ONE, "any:" ONE, "any:" ONE "," OTHER };
	static const char *const bad[] = {
		"", "any:", ONE "," OTHER, "any:" ONE ",", "any:," ONE, "any:" ONE ", " OTHER
	};
	struct bh_sessions sessions;
	char text[BH_SESSIONS_TEXT], many[BH_SESSIONS_TEXT] = "any:" OTHER;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(bh_sessions_parse(good[i], &sessions));
		assert_int_equal(sessions.count, i == 2 ? 2 : 1);
		assert_int_equal(sessions.any, i > 0);
		assert_string_equal(bh_sessions_format(&sessions, text), good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(bh_sessions_parse(bad[i], &sessions));
	for (size_t i = 1; i < BH_SESSIONS; i++)
		strcat(many, "," OTHER);
	assert_true(bh_sessions_parse(many, &sessions));
	assert_int_equal(sessions.count, BH_SESSIONS);
	strcat(many, "," OTHER);
	assert_false(bh_sessions_parse(many, &sessions));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_sshd_says_is_read),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(several_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
