/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What connection tracking's answers make of flows: who opened them, and which of them are legs of
 * one connection. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core_fixture.h"
#include "grow.h"
#include "timefmt.h"

#define NOW CORE_FIXTURE_NOW

static int asked_fd; /* what the kernel process would read */

static void on_message(void *user, struct bh_channel *channel, const struct bh_message *message)
{
	(void)user;
	(void)channel;
	(void)message;
}

static void on_closed(void *user, struct bh_channel *channel, const char *why)
{
	(void)user;
	(void)channel;
	(void)why;
}

static int make_asking_core(void **state)
{
	struct bh_channel_handlers handlers = { NULL, on_message, on_closed };
	int fds[2];

	struct bh_core *core = core_fixture_new(BH_SECOND);

	*state = core;
	uv_loop_init(&core->loop);
	assert_int_equal(bh_channel_pair(fds), 0);
	core->kernel = bh_channel_new(&core->loop, fds[0], &handlers, 1 << 20);
	asked_fd = fds[1];
	return 0;
}

static int free_asking_core(void **state)
{
	struct bh_core *core = *state;

	bh_channel_free(core->kernel);
	uv_run(&core->loop, UV_RUN_NOWAIT);
	uv_loop_close(&core->loop);
	close(asked_fd);
	core_fixture_free(core);
	return 0;
}

static const struct bh_live_flow *find(const struct bh_core *core, const struct bh_flow_key *key)
{
	return bh_live_flows_newest(core->flows, key).there;
}

/* web:40000 → 192.0.2.1:8080, of which the rest of the host makes 10.0.2.1:41000 → db:80. */
static struct bh_flow leg_before(void)
{
	struct bh_flow f = { .id = 1, .first = NOW, .last = NOW, .src_ifindex = 7 };

	f.key = core_fixture_tuple("10.0.1.2", 40000, "192.0.2.1", 8080);
	f.direction = BH_DIRECTION_SYN;
	f.state = BH_FLOW_ESTABLISHED;
	f.answered = f.established = true;
	f.tx.sent = (struct bh_tally) { 5, 500 };
	f.rx.delivered = (struct bh_tally) { 3, 300 };
	return f;
}

static struct bh_flow leg_after(void)
{
	struct bh_flow f = leg_before();

	f.id = 2;
	f.key = core_fixture_tuple("10.0.2.1", 41000, "10.0.2.3", 80);
	f.src_ifindex = 0;
	f.dst_ifindex = 8;
	f.tx = (struct bh_flow_half) { .delivered = { 4, 400 } };
	f.rx = (struct bh_flow_half) { .sent = { 3, 310 } };
	return f;
}

static struct bh_msg_tracked answer_to(const struct bh_flow *f)
{
	return (struct bh_msg_tracked) {
		.asked = f->key,
		.found = true,
		.entry = { .original = core_fixture_tuple("10.0.1.2", 40000, "192.0.2.1", 8080),
			   .reply = core_fixture_tuple("10.0.2.3", 80, "10.0.2.1", 41000),
			   .id = 77,
			   .start = BH_TRACKED_START_SEEN,
			   .src_nat = true,
			   .dst_nat = true }
	};
}

static size_t shown(const struct bh_core *core)
{
	size_t count = 0;

	for (const struct bh_live_flow *f = core->oldest; f != NULL; f = f->newer)
		count += !bh_core_flow_is_hidden(f);
	return count;
}

static void take_edge(void *user, const struct bh_edge *edge)
{
	struct bh_edge *last = user;

	*last = *edge;
}

static void assert_joined(struct bh_core *core)
{
	struct bh_flow_key key = core_fixture_tuple("10.0.1.2", 40000, "10.0.2.3", 80);
	const struct bh_live_flow *live = find(core, &key);
	struct bh_edge edge;

	assert_int_equal(shown(core), 1);
	assert_non_null(live);
	assert_false(bh_core_flow_is_hidden(live));
	assert_string_equal(live->src->name, "netns:web");
	assert_string_equal(live->dst->name, "netns:db");
	assert_int_equal(live->flow.tx.sent.packets, 5);
	assert_int_equal(live->flow.tx.delivered.packets, 4);
	assert_int_equal(live->flow.rx.sent.bytes, 310);
	assert_int_equal(live->flow.rx.delivered.bytes, 300);
	assert_int_equal(bh_core_joined_named(live)->dport, 8080);
	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES), 1);
	bh_ledger_each(core->ledger, BH_EDGES, take_edge, &edge);
	assert_string_equal(edge.src->name, "netns:web");
	assert_string_equal(edge.dst->name, "netns:db");
	assert_int_equal(edge.port, 80);
	assert_int_equal(edge.connections, 1);
	assert_int_equal(edge.bytes, 810);
}

static void both_legs_are_one_connection(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flows[] = { leg_before(), leg_after() };
	struct bh_msg_tracked answer = answer_to(&flows[0]);

	core_fixture_world(core);
	bh_core_flows(core, flows, 2);
	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES),
			 0); /* until the answer is there */
	bh_core_tracked(core, &answer, 1);
	bh_core_flows(core, flows, 2);
	assert_joined(core);
}

/* The answer comes with the second leg; the first follows when all of that is over. */
static void the_server_may_come_first(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow before = leg_before(), after = leg_after();
	struct bh_msg_tracked answer = answer_to(&after);

	core_fixture_world(core);
	bh_core_flows(core, &after, 1);
	bh_core_tracked(core, &answer, 1);
	assert_string_equal(core->newest->src->name, "netns:web");
	after.final = before.final = true;
	bh_core_flows(core, &after, 1);
	bh_core_flows(core, &before, 1);
	assert_joined(core);
	assert_true(core->oldest->flow.final);
}

/* Both legs begin and end between two reports. */
static void play_through(struct bh_core *core)
{
	struct bh_flow flows[] = { leg_before(), leg_after() };
	struct bh_msg_tracked answer = answer_to(&flows[0]);

	flows[0].final = flows[1].final = true;
	bh_core_flows(core, flows, 2);
	bh_core_tracked(core, &answer, 1);
}

/* The next connection from the same port is another one. */
static void a_port_that_comes_back_is_another_connection(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow again = leg_before();
	struct bh_msg_tracked answer = answer_to(&again);

	core_fixture_world(core);
	play_through(core);
	again.id = 3;
	again.first = again.last = NOW + 60 * BH_SECOND;
	bh_core_flows(core, &again, 1);
	answer.entry.id = 78;
	bh_core_tracked(core, &answer, 1);
	assert_int_equal(shown(core), 2);
	assert_int_equal(core->newest->flow.tx.delivered.packets, 0);
}

/* web opens 192.0.2.1:8080, which is refused as db's 80, so long after; nobody tracks that. */
static const struct bh_live_flow *refuse_behind(struct bh_core *core, int64_t after)
{
	struct bh_flow before = leg_before();
	struct bh_msg_tracked answer = { .asked = before.key };
	struct bh_denial d = { .kind = BH_DENIED,
			       .dropped = true,
			       .time = NOW + after,
			       .key = core_fixture_tuple("10.0.1.2", 40000, "10.0.2.3", 80) };

	before.state = BH_FLOW_REFUSED;
	before.answered = before.established = false;
	core_fixture_world(core);
	bh_core_denial(core, &d);
	bh_core_flows(core, &before, 1);
	bh_core_tracked(core, &answer, 1);
	return core->newest;
}

static void what_is_denied_behind_a_translation_is_shown_as_such(void **state)
{
	struct bh_core *core = *state;
	const struct bh_live_flow *live = refuse_behind(core, 100);

	assert_true(live->denied);
	assert_string_equal(live->src->name, "netns:web");
	assert_string_equal(live->dst->name, "netns:db");
	assert_int_equal(live->flow.key.dport, 80);
	assert_int_equal(bh_core_joined_named(live)->dport, 8080);
	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES), 0);
}

static void what_was_denied_at_another_time_is_another_connection(void **state)
{
	const struct bh_live_flow *live = refuse_behind(*state, -2 * BH_SECOND);

	assert_false(live->denied);
	assert_null(live->joined);
}

/* Both legs of many connections come and go; what joined them goes with them. */
static void what_is_forgotten_leaves_nothing(void **state)
{
	struct bh_core *core = *state;

	core_fixture_world(core);
	play_through(core);
	assert_int_equal(bh_map_count(core->joins), 2);
	for (uint64_t id = 10; id < 20020; id++) {
		struct bh_flow filler = { .id = id, .key.proto = IPPROTO_ICMP, .final = true };

		bh_core_flows(core, &filler, 1);
	}
	assert_int_equal(bh_map_count(core->joins), 0);
}

/* db:80 → web:40000, heard when the connection was long open. */
static struct bh_flow overheard(void)
{
	struct bh_flow f = leg_before();

	f.key = core_fixture_tuple("10.0.2.3", 80, "10.0.1.2", 40000);
	f.src_ifindex = 8;
	f.dst_ifindex = 7;
	f.direction = BH_DIRECTION_UNKNOWN;
	return f;
}

static struct bh_msg_tracked plain_answer(const struct bh_flow *f, enum bh_tracked_start start)
{
	return (struct bh_msg_tracked) {
		.asked = f->key,
		.found = true,
		.entry = { .original = core_fixture_tuple("10.0.1.2", 40000, "10.0.2.3", 80),
			   .reply = core_fixture_tuple("10.0.2.3", 80, "10.0.1.2", 40000),
			   .start = (uint8_t)start }
	};
}

static void who_opened_it_is_known(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = overheard();
	struct bh_msg_tracked answer = plain_answer(&flow, BH_TRACKED_START_SEEN);

	core_fixture_world(core);
	bh_core_flows(core, &flow, 1);
	bh_core_tracked(core, &answer, 1);
	assert_int_equal(core->newest->flow.direction, BH_DIRECTION_CONNTRACK);
	assert_int_equal(core->newest->flow.key.dport, 80);
	assert_int_equal(core->newest->flow.rx.sent.packets, 5);
	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES), 1);
}

static void what_was_picked_up_midstream_is_not_believed(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = overheard();
	struct bh_msg_tracked answer = plain_answer(&flow, BH_TRACKED_START_MISSED);

	core_fixture_world(core);
	bh_core_flows(core, &flow, 1);
	bh_core_tracked(core, &answer, 1);
	assert_int_equal(core->newest->flow.direction, BH_DIRECTION_UNKNOWN);
	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES), 0);
}

/* An answer that never comes holds nothing up for ever. */
static void who_is_not_answered_goes_on(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = leg_before();
	int64_t now = bh_time_monotonic();

	core_fixture_world(core);
	bh_core_flows(core, &flow, 1);
	assert_true(bh_core_tracking_waits(core->newest));
	for (int i = 1; i < 6; i++)
		bh_core_tracking_tick(core, now + i * 60 * BH_SECOND);
	assert_false(bh_core_tracking_waits(core->newest));
	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES), 1);
}

/* What ends after there is nobody to ask any more may be a leg, and is not learned for a
 * connection. */
static void the_last_second_teaches_no_leg(void **state)
{
	struct bh_core *core = *state;
	struct bh_channel *kernel = core->kernel;
	struct bh_flow flow = leg_before();

	core_fixture_world(core);
	core->tracks = true;
	core->kernel = NULL;
	flow.final = true;
	bh_core_flows(core, &flow, 1);
	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES), 0);
	core->kernel = kernel;
}

/* --- masked ----------------------------------------------------------------------------------- */

static const char *learned_client(struct bh_core *core, struct bh_edge *edge)
{
	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES), 1);
	bh_ledger_each(core->ledger, BH_EDGES, take_edge, edge);
	return edge->src->name;
}

static void nothing_tracked_is_nothing_translated(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = leg_after();
	struct bh_msg_tracked answer = { .asked = flow.key };
	struct bh_edge edge;

	core_fixture_world(core);
	bh_core_flows(core, &flow, 1);
	bh_core_tracked(core, &answer, 1);
	assert_string_equal(learned_client(core, &edge), "host");
}

static void what_was_forgotten_may_have_been_translated(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = leg_after();
	struct bh_msg_tracked answer = { .asked = flow.key };
	struct bh_edge edge;

	core_fixture_world(core);
	core->tracks = true;
	bh_core_flows(core, &flow, 1);
	bh_core_tracked(core, &answer, 1);
	assert_string_equal(learned_client(core, &edge), "connection tracking knows nothing of it");
	assert_int_equal(edge.src->kind, BH_PEER_MASKED);
}

/* The entry of a connection that nobody translated: the host's own, or its proxy's. */
static struct bh_msg_tracked untranslated(const struct bh_flow *f)
{
	return (struct bh_msg_tracked) { .asked = f->key,
					 .found = true,
					 .entry = { .original = f->key,
						    .reply = bh_flow_key_turned(&f->key),
						    .start = BH_TRACKED_START_SEEN } };
}

static void the_host_itself_is_known(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = leg_after();
	struct bh_msg_tracked answer = untranslated(&flow);
	struct bh_edge edge;

	core_fixture_world(core);
	bh_core_flows(core, &flow, 1);
	bh_core_tracked(core, &answer, 1);
	assert_string_equal(learned_client(core, &edge), "host");
}

static void a_proxy_masks_its_clients_until_that_is_decided(void **state)
{
	static const char rules[] = "bulkhead-policy: 1\nworkloads:\n  db:\n    "
				    "bulkhead.name: db\nrules:\n  - from: %s\n    to: db\n    "
				    "ports: [%d/tcp]\n";
	static const struct {
		const char *from;
		int port;
		bool undecided;
	} cases[] = { { "world", 80, true }, { "host", 81, true }, { "host", 80, false } };
	static const struct bh_sensitive http = { .count = 1, .ports = { 80 } };
	struct bh_core *core = *state;
	struct bh_flow flow = leg_after();
	struct bh_msg_tracked answer = untranslated(&flow);
	struct bh_buffer comment = { 0 };
	struct bh_edge edge, undecided;

	core_fixture_world(core);
	core_fixture_publish(core, "/run/netns/db", 80, 8080);
	bh_core_flows(core, &flow, 1);
	bh_core_tracked(core, &answer, 1);
	assert_string_equal(learned_client(core, &edge),
			    "docker-proxy of host:8080, or the host itself");
	bh_core_describe_masked(core, &comment);
	assert_non_null(strstr(comment.data, "To be decided"));
	bh_buffer_free(&comment);
	for (size_t i = 0; i < 3; i++) {
		struct bh_error err = { 0 };
		char text[512];

		snprintf(text, sizeof(text), rules, cases[i].from, cases[i].port);
		core->policy = bh_policy_parse(text, strlen(text), "test", &err);
		if (core->policy == NULL)
			fail_msg("%s", err.text);
		assert_int_equal(bh_core_undecided(core, edge.dst->name, BH_ENFORCE, &undecided),
				 cases[i].undecided);
		assert_int_equal(bh_core_mode_allowed(core, edge.dst->name, BH_ENFORCE, &err) != 0,
				 cases[i].undecided);
		assert_int_equal(bh_core_mode_allowed(core, edge.dst->name, BH_AUDIT, &err), 0);
		/* Stage 1 refuses the host's connections at sensitive ports alone. */
		core->config.sensitive = (struct bh_sensitive) { 0 };
		assert_int_equal(bh_core_mode_allowed(core, edge.dst->name, BH_STAGE1, &err), 0);
		core->config.sensitive = http;
		assert_int_equal(bh_core_mode_allowed(core, edge.dst->name, BH_STAGE1, &err) != 0,
				 cases[i].undecided);
		bh_policy_free(core->policy);
		core->policy = NULL;
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_asking_core, free_asking_core)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_legs_are_one_connection),
		TEST(the_server_may_come_first),
		TEST(a_port_that_comes_back_is_another_connection),
		TEST(what_is_denied_behind_a_translation_is_shown_as_such),
		TEST(what_was_denied_at_another_time_is_another_connection),
		TEST(what_is_forgotten_leaves_nothing),
		TEST(who_opened_it_is_known),
		TEST(what_was_picked_up_midstream_is_not_believed),
		TEST(who_is_not_answered_goes_on),
		TEST(the_last_second_teaches_no_leg),
		TEST(nothing_tracked_is_nothing_translated),
		TEST(what_was_forgotten_may_have_been_translated),
		TEST(the_host_itself_is_known),
		TEST(a_proxy_masks_its_clients_until_that_is_decided),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
