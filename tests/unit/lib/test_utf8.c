/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "utf8.h"

/* All of Unicode and what lies beyond it, surrogates aside: a character, and no shorter piece. */
static void every_code_is_judged(void **state)
{
	char bytes[4];

	(void)state;
	for (uint32_t code = 0; code < 0x200000; code++) {
		size_t count = bh_utf8_encode(code, bytes);
		bool surrogate = code >= 0xd800 && code < 0xe000;
		bool good = code <= 0x10ffff && !surrogate;

		if (bh_utf8_length(bytes, count) != (good ? count : 0))
			fail_msg("U+%04X", code);
		if (good && bh_utf8_length(bytes, count - 1) != 0)
			fail_msg("a piece of U+%04X", code);
	}
}

static void what_is_written_is_read_again(void **state)
{
	char bytes[4];
	uint32_t again;

	(void)state;
	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		if (code >= 0xd800 && code < 0xe000)
			continue;
		size_t count = bh_utf8_encode(code, bytes);

		if (bh_utf8_decode(bytes, count, &again) != count || again != code)
			fail_msg("U+%04X", code);
	}
}

static void what_is_no_character_is_refused(void **state)
{
	static const char *const broken[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf", /* overlong */
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xf0\x80\x80\x80", /* overlong */
		"\xf0\x8f\xbf\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf", /* surrogates */
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xfe",
		"\xff",
		"\xc3"
		"a",
		"\xe2\x82"
		"a",
		"\xe2"
		"a\xac",
		"\xf0\x9f\x98"
		"a",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		if (bh_utf8_length(broken[i], strlen(broken[i])) != 0)
			fail_msg("case %zu is taken for a character", i);
	assert_int_equal(bh_utf8_length("", 0), 0);
	assert_int_equal(bh_utf8_length("\0", 1), 1);
	/* Only the first one is looked at. */
	assert_int_equal(bh_utf8_length("a\xff", 2), 1);
	assert_int_equal(bh_utf8_length("\xc3\xa9\xff", 3), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_is_judged),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(what_is_no_character_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
