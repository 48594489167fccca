/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told of packets that the rules denied, or would have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core_fixture.h"

static struct bh_core *core;

static int setup(void **state)
{
	(void)state;
	core = core_fixture_new(BH_SECOND);
	core_fixture_world(core);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_fixture_free(core);
	return 0;
}

static void deny(uint8_t kind, uint8_t side, uint16_t sport, int64_t after)
{
	struct bh_denial d = { .kind = kind,
			       .side = side,
			       .dropped = kind == BH_DENIED,
			       .time = CORE_FIXTURE_NOW + after,
			       .key = core_fixture_tuple("10.0.1.2", sport, "10.0.2.3", 5432),
			       .in_ifindex = 7,
			       .out_ifindex = 8 };

	bh_core_denial(core, &d);
}

static void a_packet_that_both_ends_let_pass_is_told_once(void **state)
{
	(void)state;
	deny(BH_WOULD_DENY, BH_EGRESS, 40000, 0);
	deny(BH_WOULD_DENY, BH_EGRESS, 40001, 1);
	deny(BH_WOULD_DENY, BH_INGRESS, 40000, 2);
	deny(BH_WOULD_DENY, BH_INGRESS, 40001, 3);
	assert_int_equal(core_fixture_events(core, "would-deny"), 2);
	/* Sent again, it is another packet. */
	deny(BH_WOULD_DENY, BH_EGRESS, 40000, BH_SECOND);
	deny(BH_WOULD_DENY, BH_INGRESS, 40000, BH_SECOND + 1);
	assert_int_equal(core_fixture_events(core, "would-deny"), 3);
}

static void what_only_one_end_denies_is_told_of_that_end(void **state)
{
	(void)state;
	deny(BH_WOULD_DENY, BH_INGRESS, 40000, 0);
	deny(BH_WOULD_DENY, BH_INGRESS, 40000, BH_SECOND);
	assert_int_equal(core_fixture_events(core, "would-deny"), 2);
	/* The source lets it pass, the destination does not. */
	deny(BH_WOULD_DENY, BH_EGRESS, 40002, 2 * BH_SECOND);
	deny(BH_DENIED, BH_INGRESS, 40002, 2 * BH_SECOND + 1);
	assert_int_equal(core_fixture_events(core, "would-deny"), 3);
	assert_int_equal(core_fixture_events(core, "denied"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_packet_that_both_ends_let_pass_is_told_once,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_only_one_end_denies_is_told_of_that_end, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
