/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "window.h"

#define LINGER 100

static struct bh_windows *windows;
static struct bh_window_report report;

static int setup(void **state)
{
	(void)state;
	windows = bh_windows_new(LINGER);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bh_windows_free(windows);
	return 0;
}

static void an_ordinary_endpoint_is_measured_from_its_link_on(void **state)
{
	(void)state;
	bh_windows_open(windows, 7, 1000);
	bh_windows_known(windows, 7, true, 1030);
	bh_windows_known(windows, 7, true, 5000);
	bh_windows_addressed(windows, 7, 1041);
	bh_windows_addressed(windows, 7, 1045);
	bh_windows_report(windows, &report);
	assert_int_equal(report.unstood, 1);
	bh_windows_stood(windows, 7, 1050);
	bh_windows_stood(windows, 7, 9000);
	bh_windows_sent(windows, 7, 1051);
	bh_windows_report(windows, &report);
	assert_int_equal(report.known.count, 1);
	assert_int_equal(report.known.p50, 30);
	assert_int_equal(report.stood.count, 1);
	assert_int_equal(report.stood.p99, 50);
	assert_int_equal(report.bare.p50, 9);
	assert_int_equal(report.unstood, 0);
	assert_int_equal(report.early, 0);
}

static void percentiles_are_of_the_last_ones(void **state)
{
	(void)state;
	/* The first ones last a second, and are pushed out by those of 1, 2, 3 … µs. */
	for (uint32_t i = 1; i <= 10; i++) {
		bh_windows_open(windows, i, 1);
		bh_windows_known(windows, i, false, 1000001);
	}
	for (uint32_t i = 1; i <= BH_WINDOW_SAMPLES; i++) {
		bh_windows_open(windows, 100 + i, 1);
		bh_windows_known(windows, 100 + i, false, 1 + i);
	}
	bh_windows_report(windows, &report);
	assert_int_equal(report.known.count, BH_WINDOW_SAMPLES + 10);
	assert_int_equal(report.known.p50, BH_WINDOW_SAMPLES / 2);
	assert_int_equal(report.known.p99, BH_WINDOW_SAMPLES * 99 / 100);
	assert_int_equal(report.known.most, BH_WINDOW_SAMPLES);
	assert_int_equal(report.stood.count, 0);
}

static void who_sends_before_its_rules_stand_is_counted_once(void **state)
{
	(void)state;
	/* Reported before they stand, and after. */
	bh_windows_open(windows, 1, 1000);
	bh_windows_sent(windows, 1, 1010);
	bh_windows_known(windows, 1, true, 1020);
	bh_windows_stood(windows, 1, 1030);
	bh_windows_open(windows, 2, 1000);
	bh_windows_known(windows, 2, true, 1020);
	bh_windows_stood(windows, 2, 1030);
	bh_windows_sent(windows, 2, 1029);
	bh_windows_sent(windows, 2, 1028);
	bh_windows_report(windows, &report);
	assert_int_equal(report.early, 2);
	/* Nothing is to stand before who only learns. */
	bh_windows_open(windows, 3, 1000);
	bh_windows_sent(windows, 3, 1010);
	bh_windows_known(windows, 3, false, 1020);
	bh_windows_stood(windows, 3, 1030);
	bh_windows_gone(windows, 3, 1040);
	bh_windows_report(windows, &report);
	assert_int_equal(report.early, 2);
	assert_int_equal(report.stood.count, 2);
	assert_int_equal(report.left_unstood, 0);
}

static void who_leaves_before_is_counted(void **state)
{
	(void)state;
	bh_windows_open(windows, 1, 1000);
	bh_windows_gone(windows, 1, 1010);
	bh_windows_gone(windows, 1, 1011);
	bh_windows_open(windows, 2, 1000);
	bh_windows_known(windows, 2, true, 1005);
	bh_windows_gone(windows, 2, 1010);
	/* Its flow is reported later, and without rules any packet was early. */
	bh_windows_sent(windows, 2, 1007);
	bh_windows_report(windows, &report);
	assert_int_equal(report.left_unknown, 1);
	assert_int_equal(report.left_unstood, 1);
	assert_int_equal(report.early, 1);
	assert_int_equal(report.waiting, 0);
	assert_int_equal(report.unstood, 0);
}

static void what_is_gone_for_long_is_forgotten(void **state)
{
	(void)state;
	bh_windows_open(windows, 1, 1000);
	bh_windows_known(windows, 1, true, 1005);
	bh_windows_stood(windows, 1, 1006);
	bh_windows_gone(windows, 1, 1010);
	bh_windows_tick(windows, 1010 + LINGER + 1);
	bh_windows_sent(windows, 1, 1001);
	bh_windows_report(windows, &report);
	assert_int_equal(report.early, 0);
}

static void those_that_wait_are_listed(void **state)
{
	size_t position = 0;

	(void)state;
	bh_windows_open(windows, 1, 1000);
	bh_windows_open(windows, 2, 1000);
	bh_windows_open(windows, 3, 1000);
	bh_windows_known(windows, 2, true, 1005);
	bh_windows_known(windows, 3, false, 1005);
	assert_int_equal(bh_windows_next(windows, false, &position), 1);
	assert_int_equal(bh_windows_next(windows, false, &position), 0);
	position = 0;
	assert_int_equal(bh_windows_next(windows, true, &position), 2);
	bh_windows_stood(windows, 2, 1006);
	assert_int_equal(bh_windows_next(windows, true, &position), 0);
}

static void a_clock_that_is_set_back_makes_no_negative_time(void **state)
{
	(void)state;
	bh_windows_open(windows, 1, 1000);
	bh_windows_known(windows, 1, false, 10);
	bh_windows_report(windows, &report);
	assert_int_equal(report.known.most, 0);
	assert_int_equal(report.known.count, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_ordinary_endpoint_is_measured_from_its_link_on),
		TEST(percentiles_are_of_the_last_ones),
		TEST(who_sends_before_its_rules_stand_is_counted_once),
		TEST(who_leaves_before_is_counted),
		TEST(what_is_gone_for_long_is_forgotten),
		TEST(those_that_wait_are_listed),
		TEST(a_clock_that_is_set_back_makes_no_negative_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
