/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "words.h"

static void fixed_words_of_a_specification(void **state)
{
	char words[BH_MOST_WORDS][BH_WORD];

	(void)state;
	assert_int_equal(bh_words_of("learn|audit|enforce", words), 3);
	assert_string_equal(words[0], "learn");
	assert_string_equal(words[2], "enforce");
	assert_int_equal(bh_words_of("WORKLOAD|all", words), 1);
	assert_string_equal(words[0], "all");
	assert_int_equal(bh_words_of("FILE", words), 0);
	assert_int_equal(bh_words_of("", words), 0);
	assert_int_equal(bh_words_of("a|b|c|d|e|f|g|h|i|j", words), BH_MOST_WORDS);
}

static void what_is_closed_and_what_is_a_file(void **state)
{
	(void)state;
	assert_true(bh_words_are_closed("bash|zsh"));
	assert_false(bh_words_are_closed("WORKLOAD|all"));
	assert_false(bh_words_are_closed(""));
	assert_true(bh_words_name_a_file("FILE"));
	assert_true(bh_words_name_a_file("PCAP"));
	assert_true(bh_words_name_a_file("JSONL"));
	assert_true(bh_words_name_a_file("PATH"));
	assert_false(bh_words_name_a_file("WORKLOAD"));
	assert_false(bh_words_name_a_file("FILES"));
}

static void objections_say_what_may_stand_there(void **state)
{
	char room[160];

	(void)state;
	assert_null(bh_words_object("learn|audit|enforce", "audit", room, sizeof(room)));
	assert_string_equal(bh_words_object("learn|audit|enforce", "Audit", room, sizeof(room)),
			    "learn, audit or enforce");
	assert_string_equal(bh_words_object("bash|zsh", "", room, sizeof(room)), "bash or zsh");
	assert_null(bh_words_object("WORKLOAD|all", "anything at all", room, sizeof(room)));
	assert_null(bh_words_object("N", "10", room, sizeof(room)));
	assert_null(bh_words_object("NUMBER", "999999999999999", room, sizeof(room)));
	assert_string_equal(bh_words_object("N", "1234567890123456", room, sizeof(room)),
			    "a number");
	assert_string_equal(bh_words_object("N", "-1", room, sizeof(room)), "a number");
	assert_string_equal(bh_words_object("N", "", room, sizeof(room)), "a number");
	assert_string_equal(bh_words_object("N", "1 ", room, sizeof(room)), "a number");
}

static void enumerations_stay_in_their_room(void **state)
{
	char room[8];

	(void)state;
	memset(room, 'x', sizeof(room));
	bh_words_object("learn|audit|enforce", "no", room, sizeof(room));
	assert_memory_equal(room, "learn, ", sizeof(room));
}

static void a_slip_of_the_hand(void **state)
{
	char words[BH_MOST_WORDS][BH_WORD];
	size_t count = bh_words_of("learn|audit|enforce", words);

	(void)state;
	assert_string_equal(bh_words_nearest("enforec", words, count), "enforce");
	assert_null(bh_words_nearest("stop", words, count));
}

static void arguments_one_by_one(void **state)
{
	char spec[40];

	(void)state;
	assert_true(bh_words_argument("SRC DST PORT[/PROTO]", 0, spec, sizeof(spec)));
	assert_string_equal(spec, "SRC");
	assert_true(bh_words_argument("SRC DST PORT[/PROTO]", 2, spec, sizeof(spec)));
	assert_string_equal(spec, "PORT[/PROTO]");
	assert_false(bh_words_argument("SRC DST PORT[/PROTO]", 3, spec, sizeof(spec)));
	assert_true(bh_words_argument("[WORKLOAD]", 0, spec, sizeof(spec)));
	assert_string_equal(spec, "WORKLOAD");
	assert_false(bh_words_argument("", 0, spec, sizeof(spec)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_words_of_a_specification),
		cmocka_unit_test(what_is_closed_and_what_is_a_file),
		cmocka_unit_test(objections_say_what_may_stand_there),
		cmocka_unit_test(enumerations_stay_in_their_room),
		cmocka_unit_test(a_slip_of_the_hand),
		cmocka_unit_test(arguments_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
