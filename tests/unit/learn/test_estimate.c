/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Estimates at the edges, and against values worked out by hand. tests/learn compares the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "estimate.h"

#define CLOSE 1e-9

static void without_a_window_nobody_can_say(void **state)
{
	(void)state;
	assert_true(isnan(bh_estimate_new(3, 0)));
	assert_int_equal(bh_estimate_bound(3, 0, 0.95), UINT32_MAX);
	assert_float_equal(bh_estimate_quiet(3, 0, 1), 0, CLOSE);
	assert_true(isnan(bh_estimate_recent(1, (const uint32_t[7]) { 9 })));
}

static void expected_and_bound(void **state)
{
	(void)state;
	assert_float_equal(bh_estimate_new(7, 14), 0.5, CLOSE);
	/* P(N = 0) = (14 / 15)^0.5 = 0.966: that nothing comes is 95 % sure. */
	assert_int_equal(bh_estimate_bound(0, 14, 0.95), 0);
	assert_float_equal(bh_estimate_quiet(0, 14, 1), 0.966091783, 1e-8);
	/* (14 / 15)^7.5 = 0.596; with 7.5 / 15 of it for one: 0.894; for two: 0.979. */
	assert_float_equal(bh_estimate_quiet(7, 14, 1), 0.596, 1e-3);
	assert_int_equal(bh_estimate_bound(7, 14, 0.89), 1);
	assert_int_equal(bh_estimate_bound(7, 14, 0.95), 2);
	assert_int_equal(bh_estimate_bound(UINT32_MAX, 1, 0.95), UINT32_MAX);
}

/* What is answered for a probability leads back to it. */
static void how_long_it_takes(void **state)
{
	(void)state;
	double windows = bh_estimate_windows_for_quiet(5, 0.98);
	assert_float_equal(pow(windows / (windows + 1), 5.5), 0.98, CLOSE);
}

static void looks_back_at_half_of_the_windows_and_at_seven_at_most(void **state)
{
	static const uint32_t discovered[7] = { 1, 2, 4, 8, 16, 32, 64 };

	(void)state;
	assert_int_equal(bh_estimate_lookback(5), 2);
	assert_int_equal(bh_estimate_lookback(400), 7);
	assert_float_equal(bh_estimate_recent(5, discovered), 1.5, CLOSE);
	assert_float_equal(bh_estimate_recent(400, discovered), 127.0 / 7, CLOSE);
}

static void the_fleet_lends_its_evidence(void **state)
{
	static const uint32_t none[7], one[7] = { 0, 7 };
	struct bh_fleet fleet = { 0 };

	(void)state;
	assert_float_equal(bh_fleet_rate(&fleet), 0, CLOSE);
	bh_fleet_add(&fleet, 2, 14, none);
	bh_fleet_add(&fleet, 0, 6, none);
	assert_float_equal(bh_fleet_rate(&fleet), 2.5 / 20, CLOSE);
	bh_fleet_add(&fleet, 0, 20, one); /* 7 new ones in 7 + 3 + 7 windows */
	assert_float_equal(bh_fleet_rate(&fleet), 7.0 / 17, CLOSE);
	/* 1 − (74 / 75)^(60 · 0.01 + 1) */
	assert_float_equal(bh_estimate_risk(1, 14, 0.01, 1), 1 - pow(74.0 / 75, 1.6), CLOSE);
	assert_true(bh_estimate_risk(1, 14, 0.01, 1) < bh_estimate_risk(2, 14, 0.01, 1));
	assert_true(bh_estimate_risk(1, 30, 0.01, 1) < bh_estimate_risk(1, 14, 0.01, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_window_nobody_can_say),
		cmocka_unit_test(expected_and_bound),
		cmocka_unit_test(how_long_it_takes),
		cmocka_unit_test(looks_back_at_half_of_the_windows_and_at_seven_at_most),
		cmocka_unit_test(the_fleet_lends_its_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
