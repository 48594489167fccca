/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "nearest.h"

static const char *const words[] = {
	"learning", "enforcement", "capture", "identity", "api", "to"
};

static void a_slip_of_the_hand_finds_its_word(void **state)
{
	static const struct {
		const char *text, *word;
	} cases[] = {
		{ "learning", "learning" },
		{ "laerning", "learning" }, /* swapped */
		{ "learnin", "learning" },
		{ "learnning", "learning" },
		{ "lezrning", "learning" },
		{ "enforcemen", "enforcement" },
		{ "enforcemnet", "enforcement" },
		{ "captur", "capture" },
		{ "apu", "api" },
		{ "too", "to" },
		{ "identify", "identity" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *found = bh_nearest(cases[i].text, words, 6);

		assert_non_null(found);
		assert_string_equal(found, cases[i].word);
	}
}

static void what_is_too_far_finds_none(void **state)
{
	static const char *const far[] = { "",		"wibble", "xyz", "lxxrxxng",
					   "captivity", "toast",  "appx" };
	char long_text[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		if (bh_nearest(far[i], words, 6) != NULL)
			fail_msg("%s is taken for %s", far[i], bh_nearest(far[i], words, 6));
	assert_null(bh_nearest("learning", words, 0));
	/* However long the text, no more is touched than there is room for. */
	memset(long_text, 'a', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_null(bh_nearest(long_text, words, 6));
	const char *const long_words[] = { long_text };
	assert_null(bh_nearest("aaa", long_words, 1));
}

/* Nearer is better, but a word that is out of reach does not hide one that is in reach. */
static void the_nearest_within_reach_wins(void **state)
{
	static const char *const near[] = { "snaplen", "snaplens" }, *const hidden[] = {
		"abc", "abcdefghi"
	};

	(void)state;
	assert_string_equal(bh_nearest("snapleens", near, 2), "snaplens");
	assert_string_equal(bh_nearest("snapln", near, 2), "snaplen");
	assert_string_equal(bh_nearest("abcdef", hidden, 2), "abcdefghi");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slip_of_the_hand_finds_its_word),
		cmocka_unit_test(what_is_too_far_finds_none),
		cmocka_unit_test(the_nearest_within_reach_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
