/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grow.h"

static void an_array_grows_and_keeps_what_it_holds(void **state)
{
	size_t capacity = 0, before;
	uint32_t *items = NULL;

	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		before = capacity;
		items = bh_grow(items, &capacity, i + 1, sizeof(*items));
		assert_true(capacity >= i + 1);
		/* By doubling: appending n items moves them O(log n) times. */
		assert_true(capacity == before || capacity >= 2 * before);
		items[i] = i * 7;
	}
	for (uint32_t i = 0; i < 5000; i++)
		assert_int_equal(items[i], i * 7);
	before = capacity;
	items = bh_grow(items, &capacity, 10, sizeof(*items));
	assert_int_equal(capacity, before);
	items = bh_grow(items, &capacity, 100000, sizeof(*items));
	assert_true(capacity >= 100000);
	free(items);
}

static void memory_is_zeroed(void **state)
{
	unsigned char *memory = bh_calloc(300, 7);
	void *none = bh_calloc(0, 7);

	(void)state;
	for (size_t i = 0; i < 2100; i++)
		assert_int_equal(memory[i], 0);
	assert_non_null(none);
	free(memory);
	free(none);
}

static void text_is_copied_as_far_as_it_fits(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *copy;
	} cases[] = {
		{ "", 1, "" },
		{ "a", 1, "" },
		{ "abc", 4, "abc" },
		{ "abcd", 4, "abc" },
		/* é is two bytes, € three, 😀 four: none is cut in two. */
		{ "\xc3\xa9", 2, "" },
		{ "\xc3\xa9", 3, "\xc3\xa9" },
		{ "a\xc3\xa9", 3, "a" },
		{ "a\xe2\x82\xac", 4, "a" },
		{ "a\xe2\x82\xac", 5, "a\xe2\x82\xac" },
		{ "a\xe2\x82\xac"
		  "b",
		  5, "a\xe2\x82\xac" },
		{ "\xf0\x9f\x98\x80", 4, "" },
		{ "\xf0\x9f\x98\x80", 5, "\xf0\x9f\x98\x80" },
		/* What is no UTF-8 is still bounded. */
		{ "\x80\x80\x80\x80", 3, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[16];

		memset(out, '#', sizeof(out));
		int whole = bh_copy_text(out, cases[i].size, cases[i].text);
		assert_string_equal(out, cases[i].copy);
		assert_int_equal(whole != 0, strcmp(cases[i].text, cases[i].copy) == 0);
		for (size_t at = cases[i].size; at < sizeof(out); at++)
			assert_int_equal(out[at], '#');
	}
}

static void cleaning_up_twice_is_harmless(void **state)
{
	char *text = bh_strdup("text");
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), was = fd;

	(void)state;
	assert_string_equal(text, "text");
	bh_free_pointer(&text);
	assert_null(text);
	bh_free_pointer(&text);
	assert_true(fd >= 0);
	bh_close_fd(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(fcntl(was, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
	bh_close_fd(&fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_array_grows_and_keeps_what_it_holds),
		cmocka_unit_test(memory_is_zeroed),
		cmocka_unit_test(text_is_copied_as_far_as_it_fits),
		cmocka_unit_test(cleaning_up_twice_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
