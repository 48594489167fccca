/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told of packets that the rules denied, or would have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>

#include "core_fixture.h"
#include "core_traffic.h"

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

/* A datagram between the two, to db or (back) from it. */
static void datagram(uint8_t kind, bool back, int64_t after)
{
	struct bh_denial d = { .kind = kind,
			       .side = BH_EGRESS,
			       .dropped = kind == BH_DENIED,
			       .time = CORE_FIXTURE_NOW + after,
			       .key = back ? core_fixture_tuple("10.0.2.3", 53, "10.0.1.2", 40000)
					   : core_fixture_tuple("10.0.1.2", 40000, "10.0.2.3",
								53) };

	d.key.proto = IPPROTO_UDP;
	bh_core_denial(core, &d);
}

static void of_what_nobody_tracks_an_exchange_is_told_once(void **state)
{
	(void)state;
	core->config.bridge = BH_BRIDGE_STATELESS;
	datagram(BH_WOULD_DENY, false, 0);
	datagram(BH_WOULD_DENY, true, BH_SECOND);
	datagram(BH_WOULD_DENY, false, 100 * BH_SECOND);
	datagram(BH_WOULD_DENY, true, 200 * BH_SECOND);
	assert_int_equal(core_fixture_events(core, "would-deny"), 1);
	/* Silent for long, it is another one. */
	datagram(BH_WOULD_DENY, false, 400 * BH_SECOND);
	assert_int_equal(core_fixture_events(core, "would-deny"), 2);
	bh_core_reported_tick(core, CORE_FIXTURE_NOW + 600 * BH_SECOND);
	assert_int_equal(bh_map_count(core->reported), 0);
	/* What is refused is told each time. */
	datagram(BH_DENIED, false, 600 * BH_SECOND);
	datagram(BH_DENIED, false, 601 * BH_SECOND);
	assert_int_equal(core_fixture_events(core, "denied"), 2);
}

static void what_is_tracked_is_told_datagram_by_datagram(void **state)
{
	(void)state;
	core->config.bridge = BH_BRIDGE_STATEFUL;
	datagram(BH_WOULD_DENY, false, 0);
	datagram(BH_WOULD_DENY, false, BH_SECOND);
	assert_int_equal(core_fixture_events(core, "would-deny"), 2);
}

static void add_counts(void *user, const struct bh_stored_traffic *traffic)
{
	bh_traffic_add(user, &traffic->counts);
}

static struct bh_traffic_counts refused(void)
{
	struct bh_traffic_counts counts = { 0 };
	struct bh_traffic_range ever = { .since = 1, .until = bh_time_now() };

	assert_int_equal(bh_core_refused_sums(core, &ever, add_counts, &counts, NULL), 0);
	return counts;
}

/* A connection that began just now, and that the policy does not allow. */
static struct bh_live_flow *attempt(uint64_t id, uint16_t sport, bool answered)
{
	struct bh_flow flow = { .id = id,
				.key = core_fixture_tuple("10.0.1.2", sport, "10.0.2.3", 5432),
				.first = bh_time_now(),
				.direction = BH_DIRECTION_SYN,
				.answered = answered };

	flow.last = flow.first;
	bh_core_flows(core, &flow, 1);
	core->newest->tracking = BH_TRACKING_UNTRACKED;
	core->newest->against = true;
	bh_core_traffic_note(core, core->newest);
	return core->newest;
}

static void of_traffic_what_is_denied_after_its_flow_is_met_is_denied_and_nothing_else(void **state)
{
	(void)state;
	attempt(1, 40000, false);
	assert_int_equal(refused().would_deny, 0);
	deny(BH_DENIED, BH_EGRESS, 40000, 0);
	assert_int_equal(refused().denied, 1);
	attempt(2, 40001, true);
	struct bh_live_flow *silent = attempt(3, 40002, false);
	assert_int_equal(refused().would_deny, 1);
	silent->flow.final = true;
	bh_core_traffic_note(core, silent);
	assert_int_equal(refused().would_deny, 2);
	assert_int_equal(refused().denied, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_packet_that_both_ends_let_pass_is_told_once,
						setup, teardown),
		cmocka_unit_test_setup_teardown(of_what_nobody_tracks_an_exchange_is_told_once,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_tracked_is_told_datagram_by_datagram, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_only_one_end_denies_is_told_of_that_end, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			of_traffic_what_is_denied_after_its_flow_is_met_is_denied_and_nothing_else,
			setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
