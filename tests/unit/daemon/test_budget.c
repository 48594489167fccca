/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "budget.h"
#include "live_filter.h"
#include "timefmt.h"

struct clock {
	struct bh_budget budget;
	int64_t now;
	int64_t cpu;
};

static void begin(struct clock *c, int64_t percent, uint8_t least)
{
	*c = (struct clock) { .now = 1000 * BH_SECOND };
	bh_budget_init(&c->budget, BH_SECOND / 100 * percent, least);
	bh_budget_look(&c->budget, c->now, c->cpu);
}

/* So many seconds, each of which costs so many percent of a processor. */
static uint8_t pass(struct clock *c, int seconds, int64_t percent)
{
	uint8_t copy = c->budget.copy;

	for (int quarter = 0; quarter < seconds * 4; quarter++) {
		c->now += BH_SECOND / 4;
		c->cpu += BH_SECOND / 400 * percent;
		copy = bh_budget_look(&c->budget, c->now, c->cpu);
	}
	return copy;
}

static void without_a_limit_everything_is_seen(void **state)
{
	struct clock c;

	(void)state;
	begin(&c, 0, BH_COPY_ALL);
	assert_int_equal(pass(&c, 20, 100), BH_COPY_ALL);
	begin(&c, 25, BH_COPY_ALL);
	assert_int_equal(pass(&c, 20, 24), BH_COPY_ALL);
}

static void each_second_too_dear_is_a_step(void **state)
{
	struct clock c;

	(void)state;
	begin(&c, 25, BH_COPY_ALL);
	assert_int_equal(pass(&c, 1, 30), BH_COPY_CONTROL);
	assert_int_equal(pass(&c, 1, 30), BH_COPY_SAMPLE);
	assert_int_equal(pass(&c, 1, 30), BH_COPY_SAMPLE_ALL);
	assert_int_equal(pass(&c, 10, 30), BH_COPY_SAMPLE_ALL); /* there is no further one */
}

static void quiet_brings_back_what_was_given_up(void **state)
{
	struct clock c;

	(void)state;
	begin(&c, 25, BH_COPY_ALL);
	pass(&c, 2, 50);
	/* Not too dear, but not quiet either: nothing changes. */
	assert_int_equal(pass(&c, 60, 20), BH_COPY_SAMPLE);
	assert_int_equal(pass(&c, 5, 3), BH_COPY_SAMPLE);
	assert_int_equal(pass(&c, 2, 3), BH_COPY_CONTROL);
	assert_int_equal(pass(&c, 7, 3), BH_COPY_ALL);
	assert_int_equal(pass(&c, 60, 3), BH_COPY_ALL);
}

static void what_was_chosen_is_not_exceeded(void **state)
{
	struct clock c;

	(void)state;
	begin(&c, 25, BH_COPY_CONTROL);
	assert_int_equal(pass(&c, 1, 30), BH_COPY_SAMPLE);
	assert_int_equal(pass(&c, 60, 1), BH_COPY_CONTROL);
}

/* A load that is cheap when little of it is seen, and too dear else. */
static void it_does_not_swing(void **state)
{
	struct clock c;
	int changes = 0;

	(void)state;
	begin(&c, 25, BH_COPY_ALL);
	for (int second = 0; second < 600; second++) {
		uint8_t before = c.budget.copy;

		changes += pass(&c, 1, before == BH_COPY_ALL ? 60 : 2) != before;
	}
	assert_in_range(changes, 4, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_limit_everything_is_seen),
		cmocka_unit_test(each_second_too_dear_is_a_step),
		cmocka_unit_test(quiet_brings_back_what_was_given_up),
		cmocka_unit_test(what_was_chosen_is_not_exceeded),
		cmocka_unit_test(it_does_not_swing),
	};
	return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
