/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was lost, by interval: the ring itself, and what core makes of the others' totals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core_fixture.h"
#include "grow.h"

#define NOW (INT64_C(1700000000) * BH_SECOND)

static void losses_are_kept_by_interval(void **state)
{
	struct bh_loss_ring *ring = *state;
	uint64_t sums[BH_LOSS_KINDS];

	assert_null(bh_loss_kept(ring, 0));
	bh_loss_add(ring, BH_LOSS_PACKETS, 0, NOW);
	assert_null(bh_loss_kept(ring, 0));
	bh_loss_add(ring, BH_LOSS_PACKETS, 5, NOW);
	bh_loss_add(ring, BH_LOSS_PACKETS, 2, NOW + BH_LOSS_INTERVAL - 1);
	bh_loss_add(ring, BH_LOSS_NAMES, 1, NOW + BH_LOSS_INTERVAL);
	assert_int_equal(bh_loss_kept(ring, 0)->start, NOW + BH_LOSS_INTERVAL);
	assert_int_equal(bh_loss_kept(ring, 1)->start, NOW);
	assert_int_equal(bh_loss_kept(ring, 1)->counts[BH_LOSS_PACKETS], 7);
	assert_null(bh_loss_kept(ring, 2));
	bh_loss_sum(ring, NOW, sums);
	assert_int_equal(sums[BH_LOSS_PACKETS], 7);
	assert_int_equal(sums[BH_LOSS_NAMES], 1);
	/* An interval that ends with the time asked about is over. */
	bh_loss_sum(ring, NOW + BH_LOSS_INTERVAL, sums);
	assert_int_equal(sums[BH_LOSS_PACKETS], 0);
	assert_int_equal(sums[BH_LOSS_NAMES], 1);
	assert_int_equal(ring->totals[BH_LOSS_PACKETS], 7);
}

static void the_ring_forgets_intervals_and_no_totals(void **state)
{
	struct bh_loss_ring *ring = *state;
	size_t back = 0;

	for (int64_t i = 0; i < BH_LOSS_KEPT + 10; i++)
		bh_loss_add(ring, BH_LOSS_FLOWS, 1, NOW + i * BH_LOSS_INTERVAL);
	while (bh_loss_kept(ring, back) != NULL)
		back++;
	assert_int_equal(back, BH_LOSS_KEPT);
	assert_int_equal(bh_loss_kept(ring, back - 1)->start, NOW + 10 * BH_LOSS_INTERVAL);
	assert_int_equal(ring->totals[BH_LOSS_FLOWS], BH_LOSS_KEPT + 10);
}

static void a_clock_that_is_set_back_changes_no_order(void **state)
{
	struct bh_loss_ring *ring = *state;

	bh_loss_add(ring, BH_LOSS_PACKETS, 1, NOW);
	bh_loss_add(ring, BH_LOSS_PACKETS, 1, NOW - 3600 * BH_SECOND);
	assert_int_equal(bh_loss_kept(ring, 0)->counts[BH_LOSS_PACKETS], 2);
	assert_null(bh_loss_kept(ring, 1));
}

static void every_kind_is_said(void **state)
{
	uint64_t counts[BH_LOSS_KINDS];
	char text[BH_LOSS_TEXT];

	(void)state;
	for (int kind = 0; kind < BH_LOSS_KINDS; kind++)
		counts[kind] = UINT64_MAX;
	bh_loss_text(counts, text);
	assert_non_null(strstr(text, "packets were lost"));
	assert_non_null(strstr(text, "events were not stored"));
	memset(counts, 0, sizeof(counts));
	counts[BH_LOSS_CAPTURE] = 1;
	assert_string_equal(bh_loss_text(counts, text),
			    "capture was away or hung 1 time; what passed was not seen");
}

static void report(struct bh_core *core, const struct bh_msg_capture_stats *stats)
{
	bh_core_loss_stats(core, &core->capture_stats, stats);
	core->capture_stats = *stats;
}

static void totals_count_once_whichever_process_speaks(void **state)
{
	struct bh_core *core = core_fixture_new(0);
	struct bh_msg_capture_stats stats = { .started = NOW };
	uint64_t *totals = core->losses.totals;

	(void)state;
	core->started = NOW;
	report(core, &stats);
	assert_null(bh_loss_kept(&core->losses, 0));
	stats.dropped = 7;
	report(core, &stats);
	report(core, &stats);
	assert_int_equal(totals[BH_LOSS_PACKETS], 7);
	assert_true(core->sight_lost > 0);
	assert_int_equal(core->reports_lost, 0); /* capture knows which flows these touch */
	stats.dropped = 9;
	stats.unsent_flows = 1;
	report(core, &stats);
	assert_int_equal(totals[BH_LOSS_PACKETS], 9);
	assert_int_equal(totals[BH_LOSS_FLOWS], 1);
	assert_true(core->reports_lost > 0);
	/* Another capture begins at nothing, and says so first. */
	stats = (struct bh_msg_capture_stats) { .started = NOW + BH_SECOND };
	report(core, &stats);
	stats.dropped = 4;
	report(core, &stats);
	assert_int_equal(totals[BH_LOSS_PACKETS], 13);
	core_fixture_free(core);
}

/* Packets that capture saw, and of which core never heard, were not watched. */
static void a_window_without_its_reports_does_not_count(void **state)
{
	const struct bh_ledger_config ledger = { .window = 1000, .max_edges = 9, .watched = true };
	struct bh_core *core = core_fixture_new(0);
	struct bh_msg_capture_stats stats = { .started = NOW };

	(void)state;
	bh_ledger_free(core->ledger);
	core->ledger = bh_ledger_new(&ledger);
	for (int64_t now = 0; now <= 2000; now += 500)
		bh_ledger_watch(core->ledger, now, 500);
	assert_int_equal(bh_ledger_windows(core->ledger), 1);
	report(core, &stats);
	stats.received = 100;
	stats.unsent_flows = 1;
	report(core, &stats);
	bh_ledger_watch(core->ledger, 3000, 1000);
	assert_int_equal(bh_ledger_windows(core->ledger), 1);
	bh_ledger_watch(core->ledger, 4000, 1000);
	assert_int_equal(bh_ledger_windows(core->ledger), 2);
	core_fixture_free(core);
}

/* What was lost before this core is not its to tell. */
static void what_an_older_process_lost_is_no_news(void **state)
{
	struct bh_core *core = core_fixture_new(0);
	struct bh_msg_capture_stats stats = { .started = NOW - 60 * BH_SECOND, .dropped = 7 };
	struct bh_msg_loss loss = { .netlink_overruns = 3, .denials_lost = 2 };
	uint64_t *totals = core->losses.totals;

	(void)state;
	core->started = NOW;
	report(core, &stats);
	bh_core_loss_take(core, &loss);
	assert_int_equal(totals[BH_LOSS_PACKETS], 0);
	assert_int_equal(totals[BH_LOSS_NETLINK], 0);
	stats.dropped = 8;
	loss.netlink_overruns = 4;
	report(core, &stats);
	bh_core_loss_take(core, &loss);
	assert_int_equal(totals[BH_LOSS_PACKETS], 1);
	assert_int_equal(totals[BH_LOSS_NETLINK], 1);
	assert_int_equal(totals[BH_LOSS_DENIALS], 0);
	core_fixture_free(core);
}

static void flows_alive_in_a_loss_carry_it(void **state)
{
	struct bh_core core = { 0 };
	struct bh_live_flow live = { .flow = { .first = NOW } };

	(void)state;
	assert_false(bh_core_flow_is_lossy(&core, &live));
	core.sight_lost = NOW - 1;
	assert_false(bh_core_flow_is_lossy(&core, &live));
	core.sight_lost = NOW + 1;
	assert_true(bh_core_flow_is_lossy(&core, &live));
	/* Packets were lost after it was closed; but what was told of it may be lost all the same.
	 */
	live.flow.state = BH_FLOW_CLOSED;
	assert_false(bh_core_flow_is_lossy(&core, &live));
	core.reports_lost = NOW + 1;
	assert_true(bh_core_flow_is_lossy(&core, &live));
	/* It was over by then. */
	live.flow.final = true;
	assert_false(bh_core_flow_is_lossy(&core, &live));
	live.flow.lossy = true;
	assert_true(bh_core_flow_is_lossy(&core, &live));
}

static void an_interval_is_told_once_when_it_is_over(void **state)
{
	struct bh_core *core = core_fixture_new(BH_SECOND);

	(void)state;
	bh_loss_add(&core->losses, BH_LOSS_PACKETS, 1, NOW);
	bh_loss_add(&core->losses, BH_LOSS_PACKETS, 1, NOW + BH_LOSS_INTERVAL);
	bh_core_loss_tick(core, NOW + BH_LOSS_INTERVAL);
	assert_int_equal(core_fixture_events(core, "loss"), 1);
	bh_loss_add(&core->losses, BH_LOSS_NAMES, 1, NOW + BH_LOSS_INTERVAL);
	for (int i = 0; i < 3; i++)
		bh_core_loss_tick(core, NOW + 2 * BH_LOSS_INTERVAL);
	assert_int_equal(core_fixture_events(core, "loss"), 2);
	core_fixture_free(core);
}

static int make_ring(void **state)
{
	*state = bh_calloc(1, sizeof(struct bh_loss_ring));
	return 0;
}

static int free_ring(void **state)
{
	free(*state);
	return 0;
}

static void on_nothing(void *user, struct bh_channel *channel, const struct bh_message *m)
{
	(void)user;
	(void)channel;
	(void)m;
}

static void on_closed(void *user, struct bh_channel *channel, const char *why)
{
	(void)user;
	(void)why;
	bh_channel_free(channel);
}

static void tick(struct bh_core *core, int times)
{
	for (int i = 0; i < times; i++)
		bh_core_capture_tick(core);
}

/* That it is there is no sign of life; that it speaks is. */
static void a_capture_that_says_nothing_is_told_of_once(void **state)
{
	struct bh_core *core = core_fixture_new(BH_SECOND);
	struct bh_channel_handlers handlers = { NULL, on_nothing, on_closed };
	struct bh_msg_capture_stats stats = { .started = NOW };
	uint64_t *totals = core->losses.totals;
	int64_t since, before = bh_time_now();
	int fds[2];

	(void)state;
	uv_loop_init(&core->loop);
	bh_core_capture_init(core);
	tick(core, 100); /* there is none, which is told of otherwise */
	assert_int_equal(bh_channel_pair(fds), 0);
	bh_core_meet_capture(core, 0, fds[0]);
	struct bh_channel *capture = bh_channel_new(&core->loop, fds[1], &handlers, 1 << 20);
	tick(core, 4);
	assert_int_equal(bh_core_capture_hangs(core, &since), 0);
	tick(core, 3);
	assert_int_equal(bh_core_capture_hangs(core, &since), 1);
	assert_in_range(since, before, bh_time_now());
	assert_int_equal(totals[BH_LOSS_CAPTURE], 1);
	assert_int_equal(core_fixture_events(core, "capture"), 1);
	assert_true(core->reports_lost > 0);
	bh_channel_send(capture, BH_MSG_CAPTURE_STATS, &stats, sizeof(stats), NULL, 0, -1);
	while (bh_core_capture_hangs(core, &since) > 0)
		uv_run(&core->loop, UV_RUN_ONCE);
	assert_int_equal(core_fixture_events(core, "capture"), 2);
	tick(core, 4);
	assert_int_equal(bh_core_capture_hangs(core, &since), 0);
	assert_int_equal(totals[BH_LOSS_CAPTURE], 1);
	bh_channel_free(core->workers[0].channel);
	bh_channel_free(capture);
	for (size_t i = 0; i < BH_MOST_WORKERS; i++)
		uv_close((uv_handle_t *)&core->workers[i].missing, NULL);
	uv_run(&core->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&core->loop), 0);
	core_fixture_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(losses_are_kept_by_interval, make_ring, free_ring),
		cmocka_unit_test_setup_teardown(the_ring_forgets_intervals_and_no_totals, make_ring,
						free_ring),
		cmocka_unit_test_setup_teardown(a_clock_that_is_set_back_changes_no_order,
						make_ring, free_ring),
		cmocka_unit_test(a_capture_that_says_nothing_is_told_of_once),
		cmocka_unit_test(every_kind_is_said),
		cmocka_unit_test(totals_count_once_whichever_process_speaks),
		cmocka_unit_test(a_window_without_its_reports_does_not_count),
		cmocka_unit_test(what_an_older_process_lost_is_no_news),
		cmocka_unit_test(flows_alive_in_a_loss_carry_it),
		cmocka_unit_test(an_interval_is_told_once_when_it_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
