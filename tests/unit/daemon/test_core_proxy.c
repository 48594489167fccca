/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two connections that a proxy makes of one: which are shown as one, and what they teach. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core_fixture.h"

#define NOW CORE_FIXTURE_NOW
#define MS (BH_SECOND / 1000)

static int make_core(void **state)
{
	struct bh_core *core = core_fixture_new(BH_SECOND);

	core_fixture_world(core);
	core_fixture_endpoint(core, 9, "api", "10.0.2.9");
	core_fixture_publish(core, "/run/netns/db", 80, 8080);
	*state = core;
	return 0;
}

static int free_core(void **state)
{
	core_fixture_free(*state);
	return 0;
}

static struct bh_flow connection(uint64_t id, int64_t first, struct bh_flow_key key)
{
	return (struct bh_flow) { .id = id,
				  .key = key,
				  .first = first,
				  .last = first,
				  .direction = BH_DIRECTION_SYN,
				  .state = BH_FLOW_ESTABLISHED,
				  .answered = true,
				  .established = true };
}

/* web or api → 192.0.2.1:8080 */
static struct bh_flow call(uint64_t id, uint32_t ifindex, int64_t first)
{
	struct bh_flow f =
		connection(id, first,
			   core_fixture_tuple(ifindex == 7 ? "10.0.1.2" : "10.0.2.9",
					      (uint16_t)(40000 + id), "192.0.2.1", 8080));

	f.src_ifindex = ifindex;
	f.tx.sent = (struct bh_tally) { 5, 500 };
	f.rx.delivered = (struct bh_tally) { 3, 300 };
	return f;
}

static struct bh_flow web_calls(uint64_t id, int64_t first)
{
	return call(id, 7, first);
}

static struct bh_flow api_calls(uint64_t id, int64_t first)
{
	return call(id, 9, first);
}

/* gateway → db:80 */
static struct bh_flow proxy_calls(uint64_t id, int64_t first)
{
	struct bh_flow f = connection(
		id, first, core_fixture_tuple("10.0.2.1", (uint16_t)(40000 + id), "10.0.2.3", 80));

	f.dst_ifindex = 8;
	f.tx.delivered = (struct bh_tally) { 4, 450 };
	f.rx.sent = (struct bh_tally) { 2, 250 };
	return f;
}

static void report(struct bh_core *core, struct bh_flow flow)
{
	bh_core_flows(core, &flow, 1);
}

/* All that waits is due. */
static void decide(struct bh_core *core)
{
	bh_core_proxy_tick(core,
			   bh_time_monotonic() + core->config.report_interval + 2 * BH_SECOND);
}

static const struct bh_live_flow *live(const struct bh_core *core, uint64_t id)
{
	return bh_live_flows_find(core->flows, id);
}

static void assert_shown(const struct bh_core *core, uint64_t id, const char *part)
{
	struct bh_buffer text = { 0 };

	bh_core_flow_json(core, live(core, id), &text);
	if (strstr(text.data, part) == NULL)
		fail_msg("no %s in %s", part, text.data);
	bh_buffer_free(&text);
}

static void assert_pair(const struct bh_core *core, uint64_t client, uint64_t server)
{
	assert_ptr_equal(bh_core_proxied_end(live(core, client)), live(core, server));
	assert_true(bh_core_proxy_shows_other(live(core, server)));
	assert_false(bh_core_proxy_shows_other(live(core, client)));
}

static void assert_alone(const struct bh_core *core, uint64_t id)
{
	assert_ptr_equal(bh_core_proxied_end(live(core, id)), live(core, id));
	assert_false(bh_core_proxy_shows_other(live(core, id)));
}

static void take_masked(void *user, const struct bh_edge *edge)
{
	if (edge->src->kind == BH_PEER_MASKED)
		*(struct bh_edge *)user = *edge;
}

static struct bh_edge masked_edge(const struct bh_core *core)
{
	struct bh_edge edge = { 0 };

	bh_ledger_each(core->ledger, BH_EDGES, take_masked, &edge);
	return edge;
}

static void both_legs_are_shown_as_one(void **state)
{
	struct bh_core *core = *state;

	report(core, web_calls(1, NOW));
	report(core, proxy_calls(2, NOW + MS));
	assert_alone(core, 2); /* until all of that moment is known */
	bh_core_proxy_tick(core, bh_time_monotonic());
	assert_alone(core, 2);
	uint64_t sequence = live(core, 1)->sequence;
	decide(core);
	assert_pair(core, 1, 2);
	assert_true(live(core, 1)->sequence > sequence); /* whoever follows is told */
	assert_shown(core, 1,
		     "\"src\":{\"ip\":\"10.0.1.2\",\"port\":40001,\"workload\":\"netns:web\","
		     "\"replica\":\"22fd8ad0bcfe2d1f\"},"
		     "\"dst\":{\"ip\":\"10.0.2.3\",\"port\":80,\"workload\":");
	assert_shown(core, 1,
		     "\"tx\":{\"packets\":5,\"bytes\":500,\"delivered_packets\":null,"
		     "\"delivered_bytes\":null},\"rx\":{\"packets\":3,\"bytes\":300,");
	assert_shown(core, 1, "\"via\":{\"ip\":\"192.0.2.1\",\"port\":8080,\"proxy\":true}");
	assert_shown(core, 1, "\"verdict\":\"delivered\"");
}

/* The rules meet two connections, and are to be proposed for these. */
static void both_legs_teach_what_they_are(void **state)
{
	struct bh_core *core = *state;
	struct bh_buffer comment = { 0 };
	struct bh_edge edge, undecided;

	report(core, web_calls(1, NOW));
	report(core, proxy_calls(2, NOW + MS));
	decide(core);
	report(core, web_calls(1, NOW));
	report(core, proxy_calls(2, NOW + MS));
	edge = masked_edge(core);
	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES), 2);
	assert_string_equal(edge.src->name, "docker-proxy of host:8080, or the host itself");
	assert_string_equal(live(core, 1)->dst->name, "host");
	assert_int_equal(bh_core_proxy_clients(core, &edge)->count, 1);
	assert_string_equal(bh_core_proxy_clients(core, &edge)->names[0], "netns:web");
	bh_core_describe_masked(core, &comment);
	assert_non_null(strstr(comment.data, "the proxy was called by netns:web"));
	bh_buffer_free(&comment);
	core->policy = bh_policy_new();
	assert_true(bh_core_undecided(core, edge.dst->name, BH_ENFORCE, &undecided));
	bh_policy_free(core->policy);
	core->policy = NULL;
}

static void several_clients_are_no_answer(void **state)
{
	struct bh_core *core = *state;
	struct bh_edge edge;

	report(core, web_calls(1, NOW));
	report(core, api_calls(2, NOW + MS));
	report(core, proxy_calls(3, NOW + 2 * MS));
	report(core, proxy_calls(4, NOW + 3 * MS));
	decide(core);
	for (uint64_t id = 1; id <= 4; id++)
		assert_alone(core, id);
	assert_shown(core, 3,
		     "\"masked\":\"docker-proxy of host:8080; clients at that moment: "
		     "netns:web, netns:api\"");
	edge = masked_edge(core);
	assert_int_equal(bh_core_proxy_clients(core, &edge)->count, 0);
}

/* As is only known with the last of the reports. */
static void a_late_client_is_one_of_several(void **state)
{
	struct bh_core *core = *state;

	report(core, web_calls(1, NOW));
	report(core, proxy_calls(3, NOW + 2 * MS));
	report(core, api_calls(2, NOW + MS));
	decide(core);
	assert_alone(core, 3);
}

static void one_clients_connections_are_served_in_turn(void **state)
{
	struct bh_core *core = *state;

	report(core, web_calls(1, NOW));
	report(core, web_calls(2, NOW + MS));
	report(core, proxy_calls(3, NOW + 2 * MS));
	report(core, proxy_calls(4, NOW + 3 * MS));
	report(core, proxy_calls(5, NOW + 4 * MS));
	decide(core);
	assert_pair(core, 1, 3);
	assert_pair(core, 2, 4);
	assert_alone(core, 5);
}

/* Whose connection is accounted for is nobody's candidate any more. */
static void who_is_served_is_no_candidate(void **state)
{
	struct bh_core *core = *state;

	report(core, web_calls(1, NOW));
	report(core, proxy_calls(2, NOW + MS));
	report(core, api_calls(3, NOW + 2 * MS));
	report(core, proxy_calls(4, NOW + 3 * MS));
	decide(core);
	assert_pair(core, 1, 2);
	assert_pair(core, 3, 4);
}

static void either_leg_may_be_reported_first(void **state)
{
	struct bh_core *core = *state;

	report(core, proxy_calls(2, NOW + MS));
	report(core, web_calls(1, NOW));
	decide(core);
	assert_pair(core, 1, 2);
}

/* A leg that cannot be the other's: too early, too late, refused, to a port of others, in the
 * middle of a connection (as all are for whoever has just started), or where something was lost. */
static void what_does_not_fit_is_no_pair(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow clients[] = { web_calls(1, NOW + MS), web_calls(1, NOW - 3 * BH_SECOND),
				     web_calls(1, NOW),	     web_calls(1, NOW),
				     web_calls(1, NOW),	     web_calls(1, NOW),
				     web_calls(1, NOW) };
	struct bh_flow server = proxy_calls(2, NOW);

	clients[2].state = BH_FLOW_REFUSED;
	clients[3].key.dport = 8081;
	clients[4].direction = BH_DIRECTION_UNKNOWN;
	clients[5].key.proto = IPPROTO_UDP;
	clients[6].key.dst = core_fixture_addr("203.0.113.1");
	for (uint64_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		clients[i].id = 10 + 2 * i;
		server.id = clients[i].id + 1;
		server.key.sport++;
		clients[i].key.sport = server.key.sport;
		report(core, clients[i]);
		report(core, server);
		decide(core);
		assert_alone(core, server.id);
		bh_core_flows_orphaned(core, 0);
	}
}

static void where_something_was_lost_nothing_is_paired(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow server = proxy_calls(2, NOW + MS);

	server.lossy = true;
	report(core, web_calls(1, NOW));
	report(core, server);
	decide(core);
	assert_alone(core, 2);
}

/* It may have been a translation just as well. */
static void what_tracking_forgot_has_no_proxy(void **state)
{
	struct bh_core *core = *state;

	report(core, web_calls(1, NOW));
	report(core, proxy_calls(2, NOW + MS));
	core->tracks = true;
	core->newest->tracking = BH_TRACKING_UNTRACKED;
	decide(core);
	assert_alone(core, 2);
}

/* What connection tracking has yet to tell is waited for. */
static void the_undecided_waits(void **state)
{
	struct bh_core *core = *state;

	report(core, web_calls(1, NOW));
	report(core, proxy_calls(2, NOW + MS));
	core->oldest->tracking = BH_TRACKING_ASKED;
	decide(core);
	assert_alone(core, 2);
	core->oldest->tracking = BH_TRACKING_TRACKED;
	decide(core);
	assert_pair(core, 1, 2);
}

static void what_is_translated_has_no_proxy(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow server = proxy_calls(2, NOW + MS);
	struct bh_tracked entry = { .original = core_fixture_tuple("10.0.1.2", 41000, "192.0.2.1",
								   8080),
				    .reply = bh_flow_key_turned(&server.key),
				    .id = 77 };

	report(core, web_calls(1, NOW));
	report(core, server);
	bh_core_join(core, bh_live_flows_find(core->flows, server.id), &entry);
	decide(core);
	assert_alone(core, 2);
}

/* Which is how most of them are looked at. */
static void legs_that_end_stay_paired(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow client = web_calls(1, NOW), server = proxy_calls(2, NOW + MS);

	client.final = server.final = true;
	report(core, client);
	report(core, server);
	decide(core);
	assert_ptr_equal(bh_core_proxied_end(core->oldest), core->newest);
	assert_true(bh_core_proxy_shows_other(core->newest));
}

static void a_leg_that_is_forgotten_leaves_the_other(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow client = web_calls(1, NOW);

	client.final = true;
	report(core, client);
	report(core, proxy_calls(2, NOW + MS));
	decide(core);
	assert_true(bh_core_proxy_shows_other(live(core, 2)));
	for (uint64_t id = 10; id < 20010; id++)
		report(core,
		       (struct bh_flow) { .id = id, .key.proto = IPPROTO_ICMP, .final = true });
	assert_alone(core, 2);
	assert_shown(core, 2, "\"masked\":\"docker-proxy of host:8080, for netns:web\"");
}

/* A client that was not noted may be anybody. */
static void more_clients_than_can_be_noted_are_no_answer(void **state)
{
	struct bh_core *core = *state;

	for (uint64_t id = 10; id < 1011; id++)
		report(core, web_calls(id, NOW));
	report(core, proxy_calls(2, NOW + MS));
	decide(core);
	assert_alone(core, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_core, free_core)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_legs_are_shown_as_one),
		TEST(both_legs_teach_what_they_are),
		TEST(several_clients_are_no_answer),
		TEST(a_late_client_is_one_of_several),
		TEST(one_clients_connections_are_served_in_turn),
		TEST(who_is_served_is_no_candidate),
		TEST(either_leg_may_be_reported_first),
		TEST(what_does_not_fit_is_no_pair),
		TEST(where_something_was_lost_nothing_is_paired),
		TEST(what_tracking_forgot_has_no_proxy),
		TEST(the_undecided_waits),
		TEST(what_is_translated_has_no_proxy),
		TEST(legs_that_end_stay_paired),
		TEST(a_leg_that_is_forgotten_leaves_the_other),
		TEST(more_clients_than_can_be_noted_are_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
