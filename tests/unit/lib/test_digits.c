/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>

#include "digits.h"

static void check(uint64_t number)
{
	char got[24], want[24];

	*bh_put_number(got, number) = '\0';
	snprintf(want, sizeof(want), "%" PRIu64, number);
	assert_string_equal(got, want);
}

/* Around powers of ten a digit is added; powers of two are where their number is estimated anew. */
static void numbers_have_as_many_digits_as_printf_gives_them(void **state)
{
	uint64_t ten = 1;

	(void)state;
	check(0);
	check(UINT64_MAX);
	for (int power = 0; power < 20; power++, ten *= 10)
		for (uint64_t beside = 0; beside < 3; beside++)
			check(ten - 1 + beside);
	for (int power = 0; power < 64; power++)
		for (uint64_t beside = 0; beside < 3; beside++)
			check((UINT64_C(1) << power) - 1 + beside);
}

static void zeros_stand_in_front_of_what_is_short(void **state)
{
	char text[8] = "";

	(void)state;
	assert_ptr_equal(bh_digits(text + 6, 17, 6), text);
	assert_string_equal(text, "000017");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_as_many_digits_as_printf_gives_them),
		cmocka_unit_test(zeros_stand_in_front_of_what_is_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
