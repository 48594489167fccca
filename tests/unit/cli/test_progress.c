/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "printed.h"
#include "progress.h"

static void assert_line(const struct bh_progress *p, uint64_t done, double seconds, size_t width,
			const char *expected)
{
	char line[512];

	bh_progress_format(p, done, seconds, width, line, sizeof(line));
	for (size_t length = strlen(line); length > 0 && line[length - 1] == ' '; length--)
		line[length - 1] = '\0';
	assert_string_equal(line, expected);
}

static void done_of_all_with_rate_and_time(void **state)
{
	struct bh_progress p = { .what = "/var/tmp/flows.jsonl", .total = 400000 };

	(void)state;
	assert_line(&p, 0, 0, 100, "flows.jsonl  [....................]   0 %  0 of 400.0 k");
	assert_line(
		&p, 100000, 30, 100,
		"flows.jsonl  [#####...............]  25 %  1:30 left  100.0 k of 400.0 k  3333/s");
	assert_line(
		&p, 400000, 60, 100,
		"flows.jsonl  [####################] 100 %  0:00 left  400.0 k of 400.0 k  6667/s");
	assert_line(
		&p, 100, 3, 100,
		"flows.jsonl  [....................]   0 %  3 h 19 min left  100 of 400.0 k  33/s");
	/* A guess of months is none. */
	assert_line(&p, 1, 1000, 100,
		    "flows.jsonl  [....................]   0 %  1 of 400.0 k  0/s");
}

static void a_file_that_grew(void **state)
{
	struct bh_progress p = { .what = "x", .total = 10 };

	(void)state;
	assert_line(&p, 25, 1, 100, "x  [####################] 100 %  0:00 left  25 of 10  25/s");
}

static void nobody_knows_how_much_there_is(void **state)
{
	struct bh_progress p = { .what = "standard input" };

	(void)state;
	assert_line(&p, 5000000, 2, 100, "standard input  5000.0 k  2500.0 k/s");
}

static void fits_and_obeys_no_name(void **state)
{
	struct bh_progress p = { .what = "a\033[2J\xff\xe2\x80\xae", .total = 100 };
	char line[512];

	(void)state;
	assert_line(&p, 50, 1, 16, "a?[2J??  [#####…");
	assert_string_equal(bh_progress_format(&p, 50, 1, 0, line, sizeof(line)), "");
	bh_progress_format(&p, 50, 1, 400, line, 10);
	assert_int_equal(strlen(line), 9);
	p.what = "a-name-that-is-much-longer-than-there-is-room-for-it";
	assert_line(&p, 100, 1, 34, "a-name-that-is-much-longer-tha  […");
}

/* Standard error is a file here. */
static void nothing_where_there_is_no_terminal(void **state)
{
	(void)state;
	catch_output(stderr);
	struct bh_progress p = bh_progress_begin("x", 100);
	p.begun -= 10000000;
	bh_progress_show(&p, 50);
	bh_progress_end(&p);
	char *printed = caught_output();
	assert_string_equal(printed, "");
	free(printed);
}

static void a_line_that_is_removed(void **state)
{
	(void)state;
	catch_output(stderr);
	struct bh_progress p = bh_progress_begin("x", 100);
	p.wanted = true;
	bh_progress_show(&p, 10); /* not yet */
	p.begun -= 10000000;
	bh_progress_show(&p, 50);
	bh_progress_show(&p, 51); /* not so soon again */
	bh_progress_end(&p);
	bh_progress_end(&p);
	char *printed = caught_output();
	assert_null(strstr(printed, " 10 "));
	assert_null(strstr(printed, " 51 "));
	assert_non_null(strstr(printed, "\rx  [##########..........]  50 %"));
	assert_string_equal(strrchr(printed, '\r'), "\r");
	for (const char *c = printed; *c != '\0'; c++)
		assert_int_not_equal(*c, '\n');
	free(printed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(done_of_all_with_rate_and_time),
		cmocka_unit_test(a_file_that_grew),
		cmocka_unit_test(nobody_knows_how_much_there_is),
		cmocka_unit_test(fits_and_obeys_no_name),
		cmocka_unit_test(nothing_where_there_is_no_terminal),
		cmocka_unit_test(a_line_that_is_removed),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
