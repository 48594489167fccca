/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

static void text_and_bytes_are_appended(void **state)
{
	struct bh_buffer b = { 0 };

	(void)state;
	bh_buffer_puts(&b, "one ");
	bh_buffer_printf(&b, "%s %d", "two", 3);
	assert_string_equal(b.data, "one two 3");
	bh_buffer_append(&b, "\0x", 2);
	assert_int_equal(b.length, 11);
	assert_memory_equal(b.data, "one two 3\0x", 12);
	bh_buffer_free(&b);
	assert_null(b.data);
	assert_int_equal(b.length, 0);
	assert_int_equal(b.capacity, 0);
	bh_buffer_free(&b);
}

/* Appending nothing is appending: there is a text behind it, whichever way it came. */
static void nothing_is_a_text_too(void **state)
{
	struct bh_buffer puts = { 0 }, printed = { 0 }, appended = { 0 };

	(void)state;
	bh_buffer_puts(&puts, "");
	bh_buffer_printf(&printed, "%s", "");
	bh_buffer_append(&appended, NULL, 0);
	assert_string_equal(puts.data, "");
	assert_non_null(printed.data);
	assert_string_equal(printed.data, "");
	assert_string_equal(appended.data, "");
	bh_buffer_free(&puts);
	bh_buffer_free(&printed);
	bh_buffer_free(&appended);
}

/* Past every size at which it moves, and past any fixed room of a printf. */
static void it_grows(void **state)
{
	struct bh_buffer b = { 0 };
	char long_text[5000];

	(void)state;
	for (size_t i = 0; i < 3000; i++) {
		char c = (char)('a' + i % 26);

		bh_buffer_append(&b, &c, 1);
		assert_int_equal(b.length, i + 1);
		assert_int_equal(b.data[i + 1], '\0');
		assert_true(b.capacity > b.length);
	}
	for (size_t i = 0; i < 3000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	bh_buffer_printf(&b, "%s!", long_text);
	assert_int_equal(b.length, 3000 + sizeof(long_text));
	assert_string_equal(b.data + 3000 + sizeof(long_text) - 2, "x!");
	bh_buffer_free(&b);
}

static void bytes_are_consumed_from_the_front(void **state)
{
	struct bh_buffer b = { 0 };

	(void)state;
	bh_buffer_consume(&b, 5);
	assert_int_equal(b.length, 0);
	bh_buffer_puts(&b, "abcdef");
	bh_buffer_consume(&b, 0);
	assert_string_equal(b.data, "abcdef");
	bh_buffer_consume(&b, 2);
	assert_string_equal(b.data, "cdef");
	assert_int_equal(b.length, 4);
	bh_buffer_consume(&b, 4);
	assert_string_equal(b.data, "");
	bh_buffer_puts(&b, "gh");
	bh_buffer_consume(&b, SIZE_MAX);
	assert_int_equal(b.length, 0);
	assert_string_equal(b.data, "");
	bh_buffer_free(&b);
}

static void it_is_emptied_and_keeps_its_memory(void **state)
{
	struct bh_buffer b = { 0 };

	(void)state;
	bh_buffer_clear(&b);
	bh_buffer_puts(&b, "text");
	char *data = b.data;
	size_t capacity = b.capacity;
	bh_buffer_clear(&b);
	assert_int_equal(b.length, 0);
	assert_string_equal(b.data, "");
	assert_ptr_equal(b.data, data);
	assert_int_equal(b.capacity, capacity);
	bh_buffer_free(&b);
}

static void a_stolen_text_is_the_callers(void **state)
{
	struct bh_buffer b = { 0 };

	(void)state;
	char *empty = bh_buffer_steal(&b);
	assert_string_equal(empty, "");
	free(empty);
	bh_buffer_puts(&b, "mine");
	char *text = bh_buffer_steal(&b);
	assert_null(b.data);
	assert_int_equal(b.length, 0);
	bh_buffer_puts(&b, "another");
	assert_string_equal(text, "mine");
	free(text);
	bh_buffer_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_and_bytes_are_appended),
		cmocka_unit_test(nothing_is_a_text_too),
		cmocka_unit_test(it_grows),
		cmocka_unit_test(bytes_are_consumed_from_the_front),
		cmocka_unit_test(it_is_emptied_and_keeps_its_memory),
		cmocka_unit_test(a_stolen_text_is_the_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
