/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "cursor.h"

static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 0xff, 0xfe, 0xfd, 0xfc };

static void numbers_are_read_in_network_order(void **state)
{
	struct bh_cursor c = bh_cursor_over(bytes, sizeof(bytes));
	uint8_t u8 = 0;
	uint16_t u16 = 0;
	uint32_t u32 = 0;

	(void)state;
	assert_true(bh_cursor_u8(&c, &u8));
	assert_int_equal(u8, 1);
	assert_true(bh_cursor_u16(&c, &u16));
	assert_int_equal(u16, 0x0203);
	assert_true(bh_cursor_u32(&c, &u32));
	assert_int_equal(u32, 0x04050607);
	assert_true(bh_cursor_u32(&c, &u32));
	assert_true(u32 == 0xfffefdfc);
	assert_int_equal(c.left, 0);
}

/* A read that needs one byte more than there is moves nothing and writes nothing. */
static void a_failed_read_moves_nothing(void **state)
{
	struct bh_cursor inner = { 0 };
	uint8_t out[4] = { 9, 9, 9, 9 }, u8 = 9;
	uint16_t u16 = 9;
	uint32_t u32 = 9;

	(void)state;
	for (size_t left = 0; left < 4; left++) {
		struct bh_cursor c = bh_cursor_over(bytes, left);

		assert_false(bh_cursor_u32(&c, &u32));
		assert_false(bh_cursor_bytes(&c, out, left + 1));
		assert_false(bh_cursor_carve(&c, left + 1, &inner));
		assert_false(bh_cursor_skip(&c, left + 1));
		assert_false(bh_cursor_skip(&c, SIZE_MAX));
		if (left < 2)
			assert_false(bh_cursor_u16(&c, &u16));
		if (left < 1)
			assert_false(bh_cursor_u8(&c, &u8));
		assert_ptr_equal(c.at, bytes);
		assert_int_equal(c.left, left);
	}
	assert_int_equal(u8, 9);
	assert_int_equal(u16, 9);
	assert_int_equal(u32, 9);
	assert_int_equal(out[0], 9);
	assert_null(inner.at);
}

static void a_carved_cursor_keeps_to_its_bounds(void **state)
{
	struct bh_cursor c = bh_cursor_over(bytes, sizeof(bytes)), inner;
	uint8_t out[4];
	uint16_t next;

	(void)state;
	assert_true(bh_cursor_carve(&c, 3, &inner));
	assert_false(bh_cursor_bytes(&inner, out, 4));
	assert_true(bh_cursor_bytes(&inner, out, 3));
	assert_memory_equal(out, bytes, 3);
	assert_int_equal(inner.left, 0);
	/* The outer one goes on behind it. */
	assert_true(bh_cursor_u16(&c, &next));
	assert_int_equal(next, 0x0405);
}

static void a_header_is_taken_as_a_whole_or_not_at_all(void **state)
{
	struct bh_cursor c = bh_cursor_over(bytes, sizeof(bytes));
	const uint8_t *header = bh_cursor_take(&c, 6);

	(void)state;
	assert_ptr_equal(header, bytes);
	assert_int_equal(bh_read_u16(header), 0x0102);
	assert_int_equal(bh_read_u32(header + 2), 0x03040506);
	assert_ptr_equal(c.at, bytes + 6);
	assert_int_equal(c.left, sizeof(bytes) - 6);
	assert_null(bh_cursor_take(&c, sizeof(bytes) - 5));
	assert_ptr_equal(c.at, bytes + 6);
}

/* No bytes are no bytes, wherever they are not: the sanitizer watches the arithmetic. */
static void nothing_can_be_read_of_nothing(void **state)
{
	struct bh_cursor c = bh_cursor_over(NULL, 0), inner;
	uint8_t u8;

	(void)state;
	assert_true(bh_cursor_skip(&c, 0));
	assert_true(bh_cursor_bytes(&c, &u8, 0));
	assert_true(bh_cursor_carve(&c, 0, &inner));
	assert_int_equal(inner.left, 0);
	assert_false(bh_cursor_u8(&c, &u8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_in_network_order),
		cmocka_unit_test(a_failed_read_moves_nothing),
		cmocka_unit_test(a_carved_cursor_keeps_to_its_bounds),
		cmocka_unit_test(a_header_is_taken_as_a_whole_or_not_at_all),
		cmocka_unit_test(nothing_can_be_read_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
