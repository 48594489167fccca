/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "map.h"

static int destroyed;

static void destroy(void *value)
{
	destroyed++;
	free(value);
}

static int *number(int value)
{
	int *copy = bh_calloc(1, sizeof(*copy));

	*copy = value;
	return copy;
}

static void values_are_found_by_the_bytes_of_their_key(void **state)
{
	struct bh_map *map = bh_map_new(NULL);
	int a, b, c, d;
	char key[] = "key";

	(void)state;
	assert_null(bh_map_get_text(map, "key"));
	assert_false(bh_map_remove_text(map, "key"));
	bh_map_put_text(map, key, &a);
	/* The map has a copy. */
	key[0] = 'x';
	assert_ptr_equal(bh_map_get_text(map, "key"), &a);
	assert_null(bh_map_get_text(map, key));
	/* The NUL is no part of a text, but bytes may hold some. */
	bh_map_put(map, "key\0", 4, &b);
	bh_map_put(map, "key\0x", 5, &c);
	bh_map_put(map, "", 0, &d);
	assert_ptr_equal(bh_map_get(map, "key", 3), &a);
	assert_ptr_equal(bh_map_get(map, "key\0", 4), &b);
	assert_ptr_equal(bh_map_get(map, "key\0x", 5), &c);
	assert_ptr_equal(bh_map_get_text(map, ""), &d);
	assert_null(bh_map_get(map, "ke", 2));
	assert_int_equal(bh_map_count(map), 4);
	bh_map_free(map);
	bh_map_free(NULL);
}

static void values_are_destroyed_once(void **state)
{
	struct bh_map *map = bh_map_new(destroy);

	(void)state;
	destroyed = 0;
	bh_map_put_text(map, "a", number(1));
	bh_map_put_text(map, "b", number(2));
	bh_map_put_text(map, "c", number(3));
	bh_map_put_text(map, "a", number(4));
	assert_int_equal(destroyed, 1);
	assert_int_equal(bh_map_count(map), 3);
	assert_int_equal(*(int *)bh_map_get_text(map, "a"), 4);
	/* The same value again is not a value replaced. */
	bh_map_put_text(map, "a", bh_map_get_text(map, "a"));
	assert_int_equal(destroyed, 1);
	assert_true(bh_map_remove_text(map, "b"));
	assert_int_equal(destroyed, 2);
	assert_false(bh_map_remove_text(map, "b"));
	assert_int_equal(destroyed, 2);
	assert_null(bh_map_get_text(map, "b"));
	bh_map_free(map);
	assert_int_equal(destroyed, 4);
}

static void iteration_is_in_order_of_insertion(void **state)
{
	struct bh_map *map = bh_map_new(free);
	size_t position = 0;
	int *value, expected = 0;

	(void)state;
	assert_null(bh_map_next(map, &position));
	for (int i = 0; i < 1000; i++)
		bh_map_put(map, &i, sizeof(i), number(i));
	for (position = 0; (value = bh_map_next(map, &position)) != NULL; expected++)
		assert_int_equal(*value, expected);
	assert_int_equal(expected, 1000);
	assert_null(bh_map_next(map, &position));
	bh_map_free(map);
}

/* While one walks, the value just returned may go: the others come once each all the same. */
static void the_value_just_returned_may_be_removed(void **state)
{
	struct bh_map *map = bh_map_new(free);
	bool seen[500] = { false };
	int *value;

	(void)state;
	for (int i = 0; i < 500; i++)
		bh_map_put(map, &i, sizeof(i), number(i));
	for (size_t position = 0; (value = bh_map_next(map, &position)) != NULL;) {
		int key = *value;

		assert_false(seen[key]);
		seen[key] = true;
		if (key % 3 != 0)
			assert_true(bh_map_remove(map, &key, sizeof(key)));
	}
	for (int i = 0; i < 500; i++) {
		assert_true(seen[i]);
		assert_int_equal(bh_map_get(map, &i, sizeof(i)) != NULL, i % 3 == 0);
	}
	assert_int_equal(bh_map_count(map), 167);
	bh_map_free(map);
}

/* Against a plain array, through growth, replacement and removal; a fixed seed. */
static void it_agrees_with_an_array(void **state)
{
	enum { KEYS = 700, STEPS = 60000 };
	static int model[KEYS]; /* 0: not there */
	struct bh_map *map = bh_map_new(free);
	uint32_t random = 1;
	size_t count = 0;

	(void)state;
	for (int step = 1; step <= STEPS; step++) {
		random = random * 1664525 + 1013904223;
		int key = (int)(random >> 8) % KEYS;
		/* Times of growth and times of decline. */
		bool put = (random >> 4) % 10 < (step / 5000 % 2 == 0 ? 8u : 2u);

		if (put) {
			bh_map_put(map, &key, sizeof(key), number(step));
			count += model[key] == 0;
			model[key] = step;
		} else {
			assert_int_equal(bh_map_remove(map, &key, sizeof(key)), model[key] != 0);
			count -= model[key] != 0;
			model[key] = 0;
		}
		assert_int_equal(bh_map_count(map), count);
		key = (key + step) % KEYS;
		int *value = bh_map_get(map, &key, sizeof(key));
		assert_int_equal(value != NULL ? *value : 0, model[key]);
	}
	size_t walked = 0;
	for (size_t position = 0; bh_map_next(map, &position) != NULL;)
		walked++;
	assert_int_equal(walked, count);
	bh_map_free(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_found_by_the_bytes_of_their_key),
		cmocka_unit_test(values_are_destroyed_once),
		cmocka_unit_test(iteration_is_in_order_of_insertion),
		cmocka_unit_test(the_value_just_returned_may_be_removed),
		cmocka_unit_test(it_agrees_with_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
