/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "printed.h"
#include "table.h"

static const char *const titles[] = { "NAME", "WHERE", "COUNT" };

/* Columns that a line takes on a terminal. */
static size_t width_of(const char *line, size_t length)
{
	wchar_t wide[512];
	char copy[512];

	assert_true(length < sizeof(copy));
	memcpy(copy, line, length);
	copy[length] = '\0';
	size_t count = mbstowcs(wide, copy, 512);
	assert_true(count < 512);
	int width = wcswidth(wide, count);
	assert_true(width >= 0);
	return (size_t)width;
}

static void set_columns(size_t columns)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", columns);
	setenv("COLUMNS", text, 1);
}

static struct bh_table *new_table(bool color)
{
	struct bh_table *table = bh_table_new(titles, 3, color);

	bh_table_numeric(table, 2);
	return table;
}

static void add(struct bh_table *table, const char *name, const char *where, const char *count)
{
	const char *cells[] = { name, where, count };

	bh_table_row(table, BH_PLAIN, cells);
}

static void assert_printed(struct bh_table *table, const char *nothing, const char *expected)
{
	catch_output(stdout);
	bh_table_print(table, nothing);
	char *text = caught_output();
	assert_string_equal(text, expected);
	free(text);
}

static void as_wide_as_needed(void **state)
{
	struct bh_table *table = new_table(false);

	(void)state;
	unsetenv("COLUMNS");
	add(table, "netns:web", NULL, "5");
	add(table, "db", "somewhere far away", "1234567");
	assert_printed(table, "nothing",
		       "NAME       WHERE                 COUNT\n"
		       "netns:web  -                         5\n"
		       "db         somewhere far away  1234567\n");
}

static void a_table_without_rows(void **state)
{
	(void)state;
	assert_printed(new_table(false), "Nothing yet.", "Nothing yet.\n");
	assert_printed(new_table(false), NULL, "");
}

static void wide_and_combining_characters(void **state)
{
	struct bh_table *table = new_table(false);

	(void)state;
	unsetenv("COLUMNS");
	add(table, "名前", "x", "1");
	add(table, "e\xcc\x81te", "x", "2"); /* é in two characters */
	assert_printed(table, "nothing",
		       "NAME  WHERE  COUNT\n"
		       "名前  x          1\n"
		       "e\xcc\x81te   x          2\n");
}

static void cut_at_a_character(void **state)
{
	struct bh_table *table = new_table(false);

	(void)state;
	set_columns(25);
	add(table, "名前名前名前名前", "elsewhere", "1");
	add(table, "abcdefgh", "e", "22");
	/* 8 + 8 + 5 columns and two gaps; a wide character that half fits is left out. */
	assert_printed(table, "nothing",
		       "NAME      WHERE     COUNT\n"
		       "名前名…   elsewhe…      1\n"
		       "abcdefgh  e            22\n");
}

static void harmful_cells(void **state)
{
	struct bh_table *table = new_table(false);

	(void)state;
	unsetenv("COLUMNS");
	add(table, "\033[2J", "a\nb", "\xff");
	assert_printed(table, "nothing", "NAME  WHERE  COUNT\n?[2J  a?b        ?\n");
}

/* Whatever the terminal's width, no line is wider. */
static void fits_every_width(void **state)
{
	(void)state;
	for (size_t columns = 1; columns <= 80; columns++) {
		struct bh_table *table = new_table(false);

		set_columns(columns);
		bh_table_expendable(table, 2);
		add(table, "compose:shop/web-with-a-long-name", "名前 in the middle of it", "12");
		add(table, "a\xcc\x81\xcc\x81", "🐳🐳🐳🐳🐳🐳🐳🐳", "1234567890");
		catch_output(stdout);
		bh_table_print(table, "nothing");
		char *text = caught_output();
		size_t lines = 0;
		for (char *line = text, *end; (end = strchr(line, '\n')) != NULL;
		     line = end + 1, lines++)
			if (width_of(line, (size_t)(end - line)) > columns)
				fail_msg("%zu columns: %.*s", columns, (int)(end - line), line);
		assert_int_equal(lines, 3);
		assert_non_null(strstr(text, columns > 8 ? "NAME" : ""));
		free(text);
	}
}

static void expendable_columns_go_first_in_their_order(void **state)
{
	static const struct {
		size_t columns;
		const char *title_line;
	} steps[] = {
		{ 20, "NAME  WHERE    COUNT\n" }, /* 4 + 7 + 5 and two gaps */
		{ 19, "NAME  WHERE\n" },
		{ 13, "NAME  WHERE\n" },
		{ 12, "NAME\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct bh_table *table = new_table(false);

		set_columns(steps[i].columns);
		bh_table_expendable(table, 2);
		bh_table_expendable(table, 1);
		add(table, "web", "onhost1", "5");
		catch_output(stdout);
		bh_table_print(table, "nothing");
		char *text = caught_output();
		assert_true(strncmp(text, steps[i].title_line, strlen(steps[i].title_line)) == 0);
		free(text);
	}
}

static void one_column_stays_even_if_all_are_expendable(void **state)
{
	struct bh_table *table = new_table(false);

	(void)state;
	set_columns(3);
	for (size_t i = 0; i < 3; i++)
		bh_table_expendable(table, i);
	add(table, "web", "host", "123456");
	assert_printed(table, "nothing", "CO…\n12…\n");
}

static void colour_only_where_it_is_wanted(void **state)
{
	static const char *const cells[] = { "a", "b", "1" };
	struct bh_table *with = new_table(true), *without = new_table(false);

	(void)state;
	unsetenv("COLUMNS");
	bh_table_row(with, BH_RED, cells);
	bh_table_row(without, BH_RED, cells);
	assert_printed(with, "",
		       "\033[2mNAME  WHERE  COUNT\033[0m\n\033[31ma     b          1\033[0m\n");
	assert_printed(without, "", "NAME  WHERE  COUNT\na     b          1\n");
	assert_string_equal(bh_color_on(BH_GREEN, false), "");
	assert_string_equal(bh_color_off(BH_GREEN, false), "");
	assert_string_equal(bh_color_off(BH_PLAIN, true), "");
}

static void widths_of_the_environment(void **state)
{
	(void)state;
	setenv("COLUMNS", "132", 1);
	assert_int_equal(bh_terminal_width(), 132);
	setenv("COLUMNS", "0", 1);
	catch_output(stdout); /* a file: no terminal to ask */
	size_t zero = bh_terminal_width();
	setenv("COLUMNS", "-5", 1);
	size_t negative = bh_terminal_width();
	setenv("COLUMNS", "wide", 1);
	size_t word = bh_terminal_width();
	free(caught_output());
	assert_int_equal(zero, 0);
	assert_int_equal(negative, 0);
	assert_int_equal(word, 0);
}

static void numbers_for_people(void **state)
{
	char out[16];

	(void)state;
	assert_string_equal(bh_human(0, out), "0");
	assert_string_equal(bh_human(9999, out), "9999");
	assert_string_equal(bh_human(10000, out), "10.0 k");
	assert_string_equal(bh_human(33400000, out), "33.4 M");
	assert_string_equal(bh_human(9.9e15, out), "9900.0 T");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_wide_as_needed),
		cmocka_unit_test(a_table_without_rows),
		cmocka_unit_test(wide_and_combining_characters),
		cmocka_unit_test(cut_at_a_character),
		cmocka_unit_test(harmful_cells),
		cmocka_unit_test(fits_every_width),
		cmocka_unit_test(expendable_columns_go_first_in_their_order),
		cmocka_unit_test(one_column_stays_even_if_all_are_expendable),
		cmocka_unit_test(colour_only_where_it_is_wanted),
		cmocka_unit_test(widths_of_the_environment),
		cmocka_unit_test(numbers_for_people),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
