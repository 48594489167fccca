/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sample_clock.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define T0 (472222 * HOUR)

static void once_an_hour(void **state)
{
	struct bh_sample_clock *c = bh_sample_clock_new(10);

	(void)state;
	assert_true(bh_sample_clock_due(c, 7, T0));
	assert_false(bh_sample_clock_due(c, 7, T0));
	assert_false(bh_sample_clock_due(c, 7, T0 + HOUR - 1));
	assert_true(bh_sample_clock_due(c, 7, T0 + HOUR));
	assert_true(bh_sample_clock_due(c, 8, T0 + HOUR));
	/* A clock that is put back, even before 1970. */
	assert_true(bh_sample_clock_due(c, 7, T0));
	assert_true(bh_sample_clock_due(c, 7, -2 * HOUR));
	assert_false(bh_sample_clock_due(c, 7, -2 * HOUR));
	bh_sample_clock_set(c, 0, T0);
	assert_false(bh_sample_clock_due(c, 0, T0 + 1));
	bh_sample_clock_forget(c);
	assert_true(bh_sample_clock_due(c, 0, T0 + 1));
	bh_sample_clock_free(c);
	bh_sample_clock_free(NULL);
}

/* IDs of all kinds, those that fall into the same slots among them. */
static void many_edges(void **state)
{
	struct bh_sample_clock *c = bh_sample_clock_new(30000);

	(void)state;
	for (int round = 0; round < 2; round++)
		for (uint64_t i = 0; i < 10000; i++) {
			int64_t time = T0 + (round + (int64_t)i % 5) * HOUR;

			assert_true(bh_sample_clock_due(c, i, time));
			assert_true(bh_sample_clock_due(c, i << 20 | UINT64_C(1) << 47, time));
			assert_true(bh_sample_clock_due(c, UINT64_C(0xffffffffffff) - i, time));
			assert_false(bh_sample_clock_due(c, i << 20 | UINT64_C(1) << 47, time));
		}
	/* No room. */
	assert_false(bh_sample_clock_due(c, UINT64_C(0x123456789abc), T0));
	assert_true(bh_sample_clock_due(c, 5, T0 + 99 * HOUR));
	bh_sample_clock_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(once_an_hour),
		cmocka_unit_test(many_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
