/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The index against a plain array: everything that was added and not removed is found, and nothing
 * else, however the hashes collide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow_index.h"

enum { NUMBERS = 3000, STEPS = 60000 };

static bool is_found(const struct bh_flow_index *index, uint32_t hash, uint32_t number)
{
	uint32_t place = hash, got;

	while ((got = bh_flow_index_next(index, hash, &place)) != 0)
		if (got == number)
			return true;
	return false;
}

/* Few hashes, at the end of the index and around its start: they meet, and wrap. */
static uint32_t hash_of(uint32_t number, uint32_t kinds)
{
	return UINT32_MAX - 20 + number % kinds;
}

static void churn(uint32_t kinds)
{
	static bool present[NUMBERS + 1];
	struct bh_flow_index index;
	uint32_t random = 1, count = 0;

	bh_flow_index_init(&index);
	for (uint32_t i = 1; i <= NUMBERS; i++)
		present[i] = false;
	for (int step = 0; step < STEPS; step++) {
		random = random * 1664525 + 1013904223;
		uint32_t number = 1 + (random >> 8) % NUMBERS;

		if (present[number])
			bh_flow_index_remove(&index, hash_of(number, kinds), number);
		else
			bh_flow_index_add(&index, hash_of(number, kinds), number);
		present[number] = !present[number];
		count += present[number] ? 1 : UINT32_MAX;
	}
	assert_int_equal(index.count, count);
	for (uint32_t i = 1; i <= NUMBERS; i++)
		assert_int_equal(is_found(&index, hash_of(i, kinds), i), present[i]);
	bh_flow_index_free(&index);
}

static void what_was_added_is_found(void **state)
{
	(void)state;
	churn(UINT32_MAX);
	churn(500);
	churn(40);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_was_added_is_found) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
