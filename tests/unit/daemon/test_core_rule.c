/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rule leads to its edges, and they to flows. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_api.h"
#include "core_fixture.h"
#include "edge_id.h"

#define NOW CORE_FIXTURE_NOW
#define HOUR (3600 * BH_SECOND)

static struct bh_core *core;
static uint64_t last_id;

static int setup(void **state)
{
	(void)state;
	core = core_fixture_new(BH_SECOND);
	core_fixture_world(core);
	last_id = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_fixture_free(core);
	return 0;
}

/* From web to db, answered; its first report, and with `over` its last. */
static void connect_to(uint16_t port, uint16_t sport, int64_t time, bool over)
{
	struct bh_flow flow;

	memset(&flow, 0, sizeof(flow));
	flow.id = ++last_id;
	flow.key = core_fixture_tuple("10.0.1.2", sport, "10.0.2.3", port);
	flow.first = flow.last = time;
	flow.src_ifindex = 7;
	flow.dst_ifindex = 8;
	flow.state = BH_FLOW_ESTABLISHED;
	flow.direction = BH_DIRECTION_SYN;
	flow.answered = flow.established = true;
	flow.tx.sent.packets = flow.rx.sent.packets = 3;
	bh_core_flows(core, &flow, 1);
	if (!over)
		return;
	flow.final = true;
	flow.state = BH_FLOW_CLOSED;
	bh_core_flows(core, &flow, 1);
}

/* ID of the edge from web to db. */
static const char *id_of(uint16_t port)
{
	static const struct bh_peer web = { BH_PEER_WORKLOAD, "netns:web" },
				    db = { BH_PEER_WORKLOAD, "netns:db" };
	static char text[4][BH_EDGE_ID_TEXT];
	static int turn;
	struct bh_edge edge = { .src = &web, .dst = &db, .proto = IPPROTO_TCP, .port = port };

	turn = (turn + 1) % 4;
	return bh_edge_id_format(bh_edge_id(&edge), text[turn]);
}

static void read_policy(const char *rules)
{
	char text[1024];
	struct bh_error err = { 0 };

	snprintf(text, sizeof(text),
		 "bulkhead-policy: 1\nworkloads:\n  web: {bulkhead.name: web}\n"
		 "  db: {bulkhead.name: db}\nrules:\n%s",
		 rules);
	core->policy = bh_policy_parse(text, strlen(text), "test", &err);
	if (core->policy == NULL)
		fail_msg("%s", err.text);
}

/* As text, and read again; the caller deletes it. */
static cJSON *explain(int64_t rule)
{
	struct bh_api_reply reply = { 0 };

	bh_core_explain_rule(core, core->policy, rule, &reply);
	assert_non_null(reply.json);
	char *text = cJSON_PrintUnformatted(reply.json);
	cJSON *json = cJSON_Parse(text);
	assert_non_null(json);
	free(text);
	cJSON_Delete(reply.json);
	return json;
}

static const cJSON *row_of(const cJSON *json, uint16_t port)
{
	const cJSON *row;

	cJSON_ArrayForEach (row, cJSON_GetObjectItem(json, "edges"))
		if (strcmp(cJSON_GetStringValue(
				   cJSON_GetObjectItem(cJSON_GetObjectItem(row, "edge"), "id")),
			   id_of(port)) == 0)
			return row;
	return NULL;
}

static double sport_of(const cJSON *flow)
{
	return cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetObjectItem(flow, "src"), "port"));
}

static bool is_null(const cJSON *row, const char *key)
{
	return cJSON_IsNull(cJSON_GetObjectItem(row, key));
}

static void a_rule_has_edges_and_they_have_flows(void **state)
{
	char rules[512];

	(void)state;
	connect_to(5432, 1001, NOW, true);
	connect_to(5432, 1002, NOW + BH_SECOND, true);
	connect_to(5432, 1003, NOW + 2 * BH_SECOND, true);
	connect_to(80, 1004, NOW, true);
	snprintf(rules, sizeof(rules),
		 "  # why\n  - {from: web, to: db, ports: [5432/tcp], edges: [%s, 0123456789ab]}\n",
		 id_of(5432));
	read_policy(rules);
	cJSON *json = explain(1);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "text")),
			    "web → db  5432/tcp");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "comment")), "why");
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "edges")), 1);
	const cJSON *row = row_of(json, 5432), *missing = cJSON_GetObjectItem(json, "missing");
	assert_non_null(row);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(row, "linked")));
	assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(row, "rule")), 1);
	/* The first one, one more within the hour, and those that are remembered. */
	assert_int_equal(sport_of(cJSON_GetObjectItem(row, "first_flow")), 1001);
	assert_int_equal(sport_of(cJSON_GetObjectItem(row, "newest_flow")), 1002);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(
				    cJSON_GetObjectItem(row, "first_flow"), "state")),
			    "closed");
	const cJSON *recent = cJSON_GetObjectItem(row, "recent");
	assert_int_equal(cJSON_GetArraySize(recent), 3);
	assert_int_equal(sport_of(cJSON_GetArrayItem(recent, 0)), 1003);
	assert_int_equal(sport_of(cJSON_GetArrayItem(recent, 2)), 1001);
	assert_int_equal(cJSON_GetArraySize(missing), 1);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetArrayItem(missing, 0)), "0123456789ab");
	cJSON_Delete(json);
}

/* Written by the first flow, and at most once an hour by others that end. */
static void the_newest_flow_is_kept_once_an_hour(void **state)
{
	(void)state;
	connect_to(5432, 1001, NOW, false);
	read_policy("  - {from: web, to: db, ports: [5432/tcp]}\n");
	cJSON *json = explain(1);
	const cJSON *row = row_of(json, 5432);
	assert_int_equal(sport_of(cJSON_GetObjectItem(row, "first_flow")), 1001);
	assert_true(is_null(row, "newest_flow"));
	cJSON_Delete(json);
	connect_to(5432, 1002, NOW, true);
	connect_to(5432, 1003, NOW + 1, true);
	connect_to(5432, 1004, NOW + HOUR, true);
	connect_to(5432, 1005, NOW + HOUR + 1, true);
	json = explain(1);
	row = row_of(json, 5432);
	assert_int_equal(sport_of(cJSON_GetObjectItem(row, "first_flow")), 1001);
	assert_int_equal(sport_of(cJSON_GetObjectItem(row, "newest_flow")), 1004);
	cJSON_Delete(json);
	/* What an earlier run kept counts. */
	bh_sample_clock_free(core->samples);
	core->samples = bh_sample_clock_new(100);
	assert_int_equal(bh_core_samples_load(core, NULL), 0);
	connect_to(5432, 1006, NOW + HOUR + 2, true);
	json = explain(1);
	assert_int_equal(sport_of(cJSON_GetObjectItem(row_of(json, 5432), "newest_flow")), 1004);
	cJSON_Delete(json);
}

/* What a person changed since: an edge that another rule allows, one that none does, and one that
 * this rule allows though it does not name it. */
static void what_is_otherwise_than_proposed_is_said(void **state)
{
	char rules[512];

	(void)state;
	connect_to(5432, 1001, NOW, true);
	connect_to(80, 1002, NOW, true);
	connect_to(22, 1003, NOW, true);
	connect_to(443, 1004, NOW, true);
	snprintf(rules, sizeof(rules),
		 "  - {from: web, to: db, ports: [80/tcp]}\n"
		 "  - {from: web, to: db, ports: [5432/tcp, 80/tcp], edges: [%s, %s]}\n",
		 id_of(80), id_of(22));
	read_policy(rules);
	cJSON *json = explain(2);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "edges")), 3);
	assert_false(cJSON_IsTrue(cJSON_GetObjectItem(row_of(json, 5432), "linked")));
	assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(row_of(json, 5432), "rule")), 2);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(row_of(json, 80), "linked")));
	assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(row_of(json, 80), "rule")), 1);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(row_of(json, 22), "linked")));
	assert_true(is_null(row_of(json, 22), "rule"));
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "missing")), 0);
	cJSON_Delete(json);
}

static void rules_that_there_are_not(void **state)
{
	static const int64_t wrong[] = { 0, -1, 2, INT64_MAX };

	(void)state;
	read_policy("  - {from: web, to: db, ports: [5432/tcp]}\n");
	for (size_t i = 0; i < 4; i++) {
		struct bh_api_reply reply = { 0 };

		bh_core_explain_rule(core, core->policy, wrong[i], &reply);
		assert_int_equal(reply.status, 404);
		cJSON_Delete(reply.json);
		free(reply.text);
	}
	cJSON *json = explain(1);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "edges")), 0);
	cJSON_Delete(json);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_rule_has_edges_and_they_have_flows),
		TEST(the_newest_flow_is_kept_once_an_hour),
		TEST(what_is_otherwise_than_proposed_is_said),
		TEST(rules_that_there_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
