/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core makes of connection tracking's counters, where capture copies too little to count. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core_fixture.h"
#include "timefmt.h"

#define LATER (bh_time_monotonic() + 7 * BH_SECOND) /* what was not asked four times is due */

static void ignore_message(void *user, struct bh_channel *channel, const struct bh_message *m)
{
	(void)user;
	(void)channel;
	(void)m;
}

static void ignore_end(void *user, struct bh_channel *channel, const char *why)
{
	(void)user;
	(void)channel;
	(void)why;
}

/* Somebody who can be asked, and whose answers are the tests'. */
static int make_core(void **state)
{
	struct bh_core *core = core_fixture_new(BH_SECOND);
	struct bh_channel_handlers handlers = { NULL, ignore_message, ignore_end };
	int fds[2];

	core_fixture_world(core);
	core->config.mode = BH_CAPTURE_CONTROL;
	core->counts = bh_counts_new();
	uv_loop_init(&core->loop);
	if (bh_channel_pair(fds) != 0)
		return -1;
	close(fds[1]);
	core->kernel = bh_channel_new(&core->loop, fds[0], &handlers, 1 << 20);
	*state = core;
	return 0;
}

static int free_core(void **state)
{
	struct bh_core *core = *state;

	bh_channel_free(core->kernel);
	core->kernel = NULL;
	uv_run(&core->loop, UV_RUN_NOWAIT);
	uv_loop_close(&core->loop);
	core_fixture_free(core);
	return 0;
}

/* From web to db: SYN, SYN+ACK, as capture reports them. */
static struct bh_flow answered_flow(void)
{
	struct bh_flow f;

	memset(&f, 0, sizeof(f));
	f.id = 1;
	f.key = core_fixture_tuple("10.0.1.2", 40000, "10.0.2.3", 80);
	f.src_ifindex = 7;
	f.dst_ifindex = 8;
	f.first = f.last = CORE_FIXTURE_NOW;
	f.tx.sent = f.tx.delivered = (struct bh_tally) { 1, 60 };
	f.rx.sent = f.rx.delivered = (struct bh_tally) { 1, 60 };
	f.state = BH_FLOW_ANSWERED;
	f.direction = BH_DIRECTION_SYN;
	f.answered = true;
	return f;
}

/* A reset by the client, and then nothing. */
static struct bh_flow reset_flow(void)
{
	struct bh_flow f = answered_flow();

	f.tx.sent = f.tx.delivered = (struct bh_tally) { 2, 100 };
	f.state = BH_FLOW_CLOSED;
	f.final = true;
	return f;
}

static struct bh_tracked entry_of(const struct bh_flow *f, struct bh_tally tx, struct bh_tally rx)
{
	return (struct bh_tracked) { .original = f->key,
				     .reply = bh_flow_key_turned(&f->key),
				     .id = 5,
				     .start = BH_TRACKED_START_SEEN,
				     .seen_reply = true,
				     .assured = true,
				     .counted = true,
				     .tx = tx,
				     .rx = rx };
}

/* Asks, and answers for the kernel; entry: NULL: not found. */
static void answer(struct bh_core *core, const struct bh_flow *f, const struct bh_tracked *entry)
{
	struct bh_msg_tracked message = { .asked = f->key, .found = entry != NULL };

	if (entry != NULL)
		message.entry = *entry;
	core->questions_left = 100;
	bh_core_counts_tick(core, LATER);
	bh_core_tracked(core, &message, 1);
}

static const struct bh_live_flow *only(const struct bh_core *core)
{
	assert_non_null(core->oldest);
	assert_null(core->oldest->newer);
	return core->oldest;
}

static void assert_counts(const struct bh_core *core, uint64_t tx_bytes, uint64_t rx_bytes)
{
	struct bh_tally tx, rx;

	assert_true(bh_core_counted(only(core), &tx, &rx));
	assert_int_equal(tx.bytes, tx_bytes);
	assert_int_equal(rx.bytes, rx_bytes);
}

static void keep_edge(void *user, const struct bh_edge *edge)
{
	*(struct bh_edge *)user = *edge;
}

static struct bh_edge only_edge(const struct bh_core *core)
{
	struct bh_edge edge;

	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES), 1);
	bh_ledger_each(core->ledger, BH_EDGES, keep_edge, &edge);
	return edge;
}

static void a_reset_after_data_teaches_once_it_is_counted(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow f = reset_flow();
	struct bh_tracked entry =
		entry_of(&f, (struct bh_tally) { 5, 500 }, (struct bh_tally) { 3, 4000 });

	bh_core_flows(core, &f, 1);
	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES), 0);
	assert_int_equal(bh_ledger_unlearned(core->ledger, BH_UNLEARNED_UNANSWERED), 0);
	answer(core, &f, &entry);
	assert_counts(core, 500, 4000);
	struct bh_edge edge = only_edge(core);
	assert_int_equal(edge.connections, 1);
	assert_int_equal(edge.answered, 1);
	assert_int_equal(edge.bytes, 4500);
	assert_false(edge.lossy);
	assert_int_equal(bh_core_counts_missed(core), 0);
}

/* SYN, SYN+ACK, ACK, RST: every packet of the server was one that opens or ends. */
static void an_answer_that_was_left_at_that_teaches_nothing(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow f = reset_flow();
	struct bh_tracked entry =
		entry_of(&f, (struct bh_tally) { 3, 152 }, (struct bh_tally) { 1, 60 });

	bh_core_flows(core, &f, 1);
	answer(core, &f, &entry);
	assert_counts(core, 152, 60);
	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES), 0);
	assert_int_equal(bh_ledger_unlearned(core->ledger, BH_UNLEARNED_UNANSWERED), 1);
}

static void what_was_picked_up_midway_proves_nothing(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow f = reset_flow();
	struct bh_tracked entry =
		entry_of(&f, (struct bh_tally) { 5, 500 }, (struct bh_tally) { 3, 4000 });

	entry.start = BH_TRACKED_START_MISSED;
	bh_core_flows(core, &f, 1);
	answer(core, &f, &entry);
	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES), 0);
	assert_true(only(core)->flow.lossy);
}

static void an_open_connection_is_counted_and_learned_as_it_goes(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow f = answered_flow();
	struct bh_tracked entry =
		entry_of(&f, (struct bh_tally) { 5, 500 }, (struct bh_tally) { 3, 4000 });

	bh_core_flows(core, &f, 1);
	answer(core, &f, &entry);
	assert_counts(core, 500, 4000);
	/* Its reset may be among what was counted, and not reported yet. */
	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES), 0);
	entry.tx.bytes = 600;
	answer(core, &f, &entry);
	assert_int_equal(only(core)->flow.state, BH_FLOW_ESTABLISHED);
	assert_int_equal(only_edge(core).bytes, 4600);
	entry.rx = (struct bh_tally) { 4, 5000 };
	answer(core, &f, &entry);
	assert_int_equal(only_edge(core).bytes, 5600);
	assert_int_equal(only_edge(core).connections, 1);
}

static void counts_follow_the_flow_and_not_the_entry(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow f = answered_flow();
	struct bh_tracked entry =
		entry_of(&f, (struct bh_tally) { 5, 500 }, (struct bh_tally) { 3, 4000 });

	entry.original = bh_flow_key_turned(&f.key);
	entry.reply = f.key;
	bh_core_flows(core, &f, 1);
	answer(core, &f, &entry);
	assert_counts(core, 4000, 500);
}

/* Another connection took the tuple: what was counted of ours is a floor. */
static void an_entry_of_another_connection_is_not_taken(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow f = answered_flow();
	struct bh_tracked entry =
		entry_of(&f, (struct bh_tally) { 5, 500 }, (struct bh_tally) { 3, 4000 });

	bh_core_flows(core, &f, 1);
	answer(core, &f, &entry);
	entry.tx = (struct bh_tally) { 1, 60 };
	entry.rx = (struct bh_tally) { 9, 9000 };
	answer(core, &f, &entry);
	assert_counts(core, 500, 4000);
	assert_true(only(core)->flow.lossy);
}

static void what_nobody_tracks_is_learned_without_bytes(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow f = reset_flow();

	f.established = true; /* it ended by FIN before */
	bh_core_flows(core, &f, 1);
	answer(core, &f, NULL);
	assert_true(only_edge(core).bytes == BH_BYTES_UNKNOWN);
	assert_int_equal(only_edge(core).connections, 1);
	assert_int_equal(bh_core_counts_missed(core), 1);
}

/* The kernel process is gone: what is known has to do. */
static void nothing_waits_for_one_who_is_gone(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow f = reset_flow();
	struct bh_channel *gone = core->kernel;

	f.established = true;
	bh_core_flows(core, &f, 1);
	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES), 0);
	core->kernel = NULL;
	bh_core_counts_end(core);
	core->kernel = gone;
	assert_int_equal(only_edge(core).connections, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_reset_after_data_teaches_once_it_is_counted,
						make_core, free_core),
		cmocka_unit_test_setup_teardown(an_answer_that_was_left_at_that_teaches_nothing,
						make_core, free_core),
		cmocka_unit_test_setup_teardown(what_was_picked_up_midway_proves_nothing, make_core,
						free_core),
		cmocka_unit_test_setup_teardown(
			an_open_connection_is_counted_and_learned_as_it_goes, make_core, free_core),
		cmocka_unit_test_setup_teardown(counts_follow_the_flow_and_not_the_entry, make_core,
						free_core),
		cmocka_unit_test_setup_teardown(an_entry_of_another_connection_is_not_taken,
						make_core, free_core),
		cmocka_unit_test_setup_teardown(what_nobody_tracks_is_learned_without_bytes,
						make_core, free_core),
		cmocka_unit_test_setup_teardown(nothing_waits_for_one_who_is_gone, make_core,
						free_core),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
