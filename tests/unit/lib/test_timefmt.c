/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "timefmt.h"

static void times_are_written(void **state)
{
	static const struct {
		int64_t time;
		const char *date, *seconds;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z", "0.000000" },
		{ INT64_C(1795523400250000), "2026-11-24T12:30:00.250Z", "1795523400.250000" },
		{ 999, "1970-01-01T00:00:00.000Z", "0.000999" },
		{ 999999, "1970-01-01T00:00:00.999Z", "0.999999" },
		{ -1, "1969-12-31T23:59:59.999Z", "-0.000001" },
		{ -1000000, "1969-12-31T23:59:59.000Z", "-1.000000" },
		{ -1500000, "1969-12-31T23:59:58.500Z", "-1.500000" },
		{ INT64_C(951782400000000), "2000-02-29T00:00:00.000Z", "951782400.000000" },
		{ INT64_MAX, "294247-01-10T04:00:54.775Z", "9223372036854.775807" },
		{ INT64_MIN, "-290308-12-21T19:59:05.224Z", "-9223372036854.775808" },
	};
	char text[BH_TIME_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(bh_time_format(cases[i].time, text), cases[i].date);
		assert_string_equal(bh_time_seconds(cases[i].time, text), cases[i].seconds);
	}
}

static void clocks_run(void **state)
{
	int64_t before = bh_time_monotonic(), wall = bh_time_now();

	(void)state;
	assert_true(bh_time_monotonic() >= before);
	/* 2020 … 2100: microseconds, and of the epoch. */
	assert_true(wall > INT64_C(1577836800) * BH_SECOND);
	assert_true(wall < INT64_C(4102444800) * BH_SECOND);
}

static void durations_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
		{ "0", 0 },
		{ "90", 90 },
		{ "90s", 90 },
		{ "15m", 900 },
		{ "1h30m", 5400 },
		{ "7d", 604800 },
		{ "1d2h3m4s", 93784 },
		{ "0s", 0 },
		{ "0h5m", 300 },
		{ "007", 7 },
		{ "106751991d", INT64_C(9223372022400) },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t found = -1;

		if (!bh_duration_parse(cases[i].text, &found))
			fail_msg("\"%s\" is not read", cases[i].text);
		assert_true(found == cases[i].seconds * BH_SECOND);
	}
}

static void what_is_no_duration_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"s",
		"-1",
		"-1s",
		"+1s",
		"1 s",
		" 1s",
		"1s ",
		"1.5h",
		"1w",
		"1S",
		"1h30",
		"0h30",
		"0s0",
		"1ms",
		"s1",
		"1hm",
		"0x10",
		"inf",
		"106751992d",
		"106751991d5h",
		"999999999999d",
		"9223372036855",
		"99999999999999999999s",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int64_t found = -77;

		if (bh_duration_parse(texts[i], &found))
			fail_msg("\"%s\" was read as %lld", texts[i], (long long)found);
		assert_true(found == -77);
	}
}

static const struct {
	const char *text;
	int64_t time; /* −1: it is none */
} times[] = {
	{ "0", 0 },
	{ "1795488442.736517", INT64_C(1795488442736517) },
	{ "1795488442.7365179", INT64_C(1795488442736517) },
	{ "12.5", 12500000 },
	{ "2026-11-24T12:30:00Z", INT64_C(1795523400) * BH_SECOND },
	{ "2026-11-24t12:30:00.250z", INT64_C(1795523400250000) },
	{ "2026-11-24 13:30:00+01:00", INT64_C(1795523400) * BH_SECOND },
	{ "2026-11-24T09:00:00.5-03:30", INT64_C(1795523400500000) },
	{ "2024-02-29T00:00:00Z", INT64_C(1709164800) * BH_SECOND },
	{ "2016-12-31T23:59:60Z", INT64_C(1483228800) * BH_SECOND },
	{ "", -1 },
	{ "12.", -1 },
	{ "-5", -1 },
	{ "12x", -1 },
	{ "9999999999999", -1 },
	{ "2026-11-24", INT64_C(1795478400) * BH_SECOND },
	{ "2026-11-2", -1 },
	{ "2026-11-31", -1 },
	{ "2026-11-24T", -1 },
	{ "2026-11-24T12:30:00", -1 },
	{ "2026-11-24T12:30:00.Z", -1 },
	{ "2026-11-24T12:30:00Zx", -1 },
	{ "2026-11-24T12:30:00+1:00", -1 },
	{ "2026-11-24T12:30:00+24:00", -1 },
	{ "2026-02-29T00:00:00Z", -1 },
	{ "2026-13-01T00:00:00Z", -1 },
	{ "2026-00-01T00:00:00Z", -1 },
	{ "2026-11-24T24:30:00Z", -1 },
	{ "2026-11-24T12:60:00Z", -1 },
	{ "2026-11-24T12:30:61Z", -1 },
	{ "2026-1-24T12:30:00Z", -1 },
};

static void times_are_parsed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		int64_t time = -1;

		assert_int_equal(bh_time_parse(times[i].text, &time), times[i].time >= 0);
		if (times[i].time >= 0)
			assert_int_equal(time, times[i].time);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_parsed),
		cmocka_unit_test(times_are_written),
		cmocka_unit_test(clocks_run),
		cmocka_unit_test(durations_are_read),
		cmocka_unit_test(what_is_no_duration_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
