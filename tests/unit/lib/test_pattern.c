/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "pattern.h"

static void patterns_that_hold_together_are_taken(void **state)
{
	static const char *const sound[] = { "",       "web",  "*",	"web-?",	"[ab]",
					     "[!ab]*", "[]x]", "[^]x]", "[[:digit:]]*", "[a-c]b",
					     "\\[x",   "x]",   "[\\]]", "a\\\\" };

	(void)state;
	for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++)
		assert_null(bh_pattern_fault(sound[i]));
}

static void a_bracket_that_nothing_closes_is_a_fault(void **state)
{
	static const char *const open[] = { "[x",	  "web-[0-9",  "[",    "[]",  "[!]",
					    "[[:digit:]", "[[:digit:", "[\\]", "[a][" };

	(void)state;
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
		const char *fault = bh_pattern_fault(open[i]);

		assert_non_null(fault);
		assert_non_null(strstr(fault, "] after each ["));
	}
}

static void a_backslash_stands_before_something(void **state)
{
	(void)state;
	assert_non_null(bh_pattern_fault("web\\"));
	assert_non_null(bh_pattern_fault("\\\\\\"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_that_hold_together_are_taken),
		cmocka_unit_test(a_bracket_that_nothing_closes_is_a_fault),
		cmocka_unit_test(a_backslash_stands_before_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
