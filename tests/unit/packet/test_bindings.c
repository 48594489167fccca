/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers are kept, and must not outlive what they say: every answer against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bindings.h"

enum { INTERFACES = 5, ADDRESSES = 600, STEPS = 20000 };

/* More than answers are kept for, of both families. */
static struct bh_addr address(unsigned number)
{
	struct bh_addr addr = { .family = number % 2 == 0 ? BH_IPV4 : BH_IPV6 };
	size_t last = number % 2 == 0 ? 3 : 15;

	addr.bytes[0] = number % 2 == 0 ? 10 : 0xfd;
	addr.bytes[last] = (uint8_t)number;
	addr.bytes[last - 1] = (uint8_t)(number >> 8);
	return addr;
}

static bool is_anywhere(bool held[INTERFACES + 1][ADDRESSES], unsigned number)
{
	for (unsigned i = 1; i <= INTERFACES; i++)
		if (held[i][number])
			return true;
	return false;
}

static void every_answer_is_of_now(void **state)
{
	static bool held[INTERFACES + 1][ADDRESSES];
	struct bh_bindings *b = bh_bindings_new();
	uint32_t random = 1;

	(void)state;
	for (int step = 0; step < STEPS; step++) {
		random = random * 1664525 + 1013904223;
		uint32_t ifindex = 1 + (random >> 8) % INTERFACES, number = (random >> 16) % 32;
		struct bh_addr addr = address(number * 19 % ADDRESSES);

		if (random >> 28 == 0) {
			bh_bindings_remove(b, ifindex);
			for (unsigned i = 0; i < ADDRESSES; i++)
				held[ifindex][i] = false;
		} else if (random >> 28 < 4) {
			bh_bindings_add(b, ifindex, &addr);
			held[ifindex][number * 19 % ADDRESSES] = true;
		}
		assert_int_equal(bh_bindings_has(b, ifindex, &addr),
				 held[ifindex][number * 19 % ADDRESSES]);
		assert_int_equal(bh_bindings_local(b, &addr),
				 is_anywhere(held, number * 19 % ADDRESSES));
	}
	bh_bindings_free(b);
}

static void no_interface_holds_nothing(void **state)
{
	struct bh_bindings *b = bh_bindings_new();
	struct bh_addr addr = address(7);

	(void)state;
	bh_bindings_add(b, 3, &addr);
	assert_true(bh_bindings_local(b, &addr));
	assert_false(bh_bindings_has(b, 0, &addr));
	bh_bindings_free(b);
}

static void who_leaves_is_there_for_two_ticks(void **state)
{
	struct bh_bindings *b = bh_bindings_new();
	struct bh_addr addr = address(7);

	(void)state;
	bh_bindings_add(b, 3, &addr);
	bh_bindings_leave(b, 3);
	bh_bindings_leave(b, 4); /* nothing is known of it */
	bh_bindings_tick(b);
	bh_bindings_leave(b, 3); /* again: no sooner and no later */
	assert_true(bh_bindings_is_leaving(b, 3));
	assert_true(bh_bindings_has(b, 3, &addr));
	bh_bindings_tick(b);
	assert_false(bh_bindings_is_leaving(b, 3));
	assert_false(bh_bindings_has(b, 3, &addr));
	assert_false(bh_bindings_local(b, &addr));
	/* One that is bound anew stays. */
	bh_bindings_add(b, 3, &addr);
	bh_bindings_leave(b, 3);
	bh_bindings_add(b, 3, &addr);
	bh_bindings_tick(b);
	bh_bindings_tick(b);
	assert_true(bh_bindings_has(b, 3, &addr));
	bh_bindings_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_is_of_now),
		cmocka_unit_test(no_interface_holds_nothing),
		cmocka_unit_test(who_leaves_is_there_for_two_ticks),
	};
	return cmocka_run_group_tests_name("bindings", tests, NULL, NULL);
}
