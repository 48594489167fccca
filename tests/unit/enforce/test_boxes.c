/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>

#include "boxes.h"

#define ROUNDS 400
#define WORLD 24 /* addresses and ports from 0 to here */

static void add(struct bh_boxes *boxes, unsigned first, unsigned last, unsigned low, unsigned high,
		unsigned proto)
{
	bh_boxes_add(boxes, &(struct bh_box) { .first = first,
					       .last = last,
					       .port_first = (uint16_t)low,
					       .port_last = (uint16_t)high,
					       .proto = (uint8_t)proto });
}

static size_t covering(const struct bh_boxes *boxes, unsigned address, unsigned port,
		       unsigned proto)
{
	size_t count = 0;

	for (size_t i = 0; i < boxes->count; i++) {
		const struct bh_box *box = &boxes->items[i];

		count += box->proto == proto && box->first <= address && address <= box->last &&
			 box->port_first <= port && port <= box->port_last;
	}
	return count;
}

static void assert_same_points(const struct bh_boxes *boxes, const struct bh_boxes *apart)
{
	for (unsigned proto = 6; proto <= 8; proto++)
		for (unsigned address = 0; address <= WORLD; address++)
			for (unsigned port = 0; port <= WORLD; port++)
				assert_int_equal(covering(apart, address, port, proto),
						 covering(boxes, address, port, proto) > 0);
}

static void test_random_boxes_keep_their_points(void **state)
{
	(void)state;
	srand(7);
	for (int round = 0; round < ROUNDS; round++) {
		struct bh_boxes boxes = { 0 };

		for (int i = rand() % 12; i >= 0; i--) {
			unsigned first = (unsigned)rand() % WORLD, low = (unsigned)rand() % WORLD;

			add(&boxes, first, first + (unsigned)rand() % (WORLD - first + 1), low,
			    low + (unsigned)rand() % (WORLD - low + 1), 6 + (unsigned)rand() % 2);
		}
		struct bh_boxes apart = bh_boxes_split(&boxes);
		assert_same_points(&boxes, &apart);
		bh_boxes_free(&boxes);
		bh_boxes_free(&apart);
	}
}

static void test_what_touches_is_merged(void **state)
{
	struct bh_boxes boxes = { 0 };

	(void)state;
	add(&boxes, 0, 9, 80, 89, 6);
	add(&boxes, 10, 19, 80, 85, 6);
	add(&boxes, 10, 19, 86, 89, 6);
	struct bh_boxes apart = bh_boxes_split(&boxes);
	assert_int_equal(apart.count, 1);
	assert_true(apart.items[0].first == 0 && apart.items[0].last == 19);
	assert_true(apart.items[0].port_first == 80 && apart.items[0].port_last == 89);
	bh_boxes_free(&boxes);
	bh_boxes_free(&apart);
}

static void test_the_whole_space(void **state)
{
	const bh_u128 end = ~(bh_u128)0;
	struct bh_boxes boxes = { 0 };

	(void)state;
	bh_boxes_add(&boxes, &(struct bh_box) { .last = end, .port_last = 65535 });
	bh_boxes_add(&boxes, &(struct bh_box) { .first = end, .last = end, .port_last = 65535 });
	struct bh_boxes apart = bh_boxes_split(&boxes);
	assert_int_equal(apart.count, 1);
	assert_true(apart.items[0].first == 0 && apart.items[0].last == end);
	assert_int_equal(apart.items[0].port_last, 65535);
	bh_boxes_free(&boxes);
	bh_boxes_free(&apart);
}

static void test_nothing(void **state)
{
	struct bh_boxes boxes = { 0 }, apart = bh_boxes_split(&boxes);

	(void)state;
	assert_int_equal(apart.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_boxes_keep_their_points),
		cmocka_unit_test(test_what_touches_is_merged),
		cmocka_unit_test(test_the_whole_space),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
