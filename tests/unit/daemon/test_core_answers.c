/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "compile.h"
#include "core_fixture.h"
#include "timefmt.h"

#define NOW CORE_FIXTURE_NOW
#define OUTSIDE "203.0.113.9"

/* web 10.0.1.2, db 10.0.2.3, this host 192.0.2.1; and a policy by name. */
static int make_core(void **state)
{
	static const char text[] = "bulkhead-policy: 1\n"
				   "workloads: {web: {bulkhead.workload: 'netns:web'}}\n"
				   "rules: [{from: web, to: dns:pay.example, ports: [443/tcp]}]\n";
	struct bh_core *core = core_fixture_with_rules(600 * BH_SECOND);
	struct bh_error err = { 0 };

	core_fixture_world(core);
	core->policy = bh_policy_parse(text, strlen(text), "t", &err);
	*state = core;
	return core->policy != NULL ? 0 : -1;
}

static int free_core(void **state)
{
	core_fixture_free_with_rules(*state);
	return 0;
}

static void told(struct bh_core *core, uint32_t ifindex, const char *name, const char *addr)
{
	struct bh_named named = { .ifindex = ifindex,
				  .addr = core_fixture_addr(addr),
				  .time = NOW,
				  .until = NOW + 3600 * BH_SECOND };

	strcpy(named.name, name);
	bh_core_names(core, &named, 1);
}

static const char *known(const struct bh_core *core, const char *workload, const char *addr)
{
	struct bh_addr of = core_fixture_addr(addr);

	return bh_answers_name(core->answers, workload, &of, INT64_MAX);
}

static void an_answer_touches_the_rules_that_speak_of_it(void **state)
{
	struct bh_core *core = *state;

	told(core, 7, "other.example", OUTSIDE);
	assert_string_equal(known(core, "netns:web", OUTSIDE), "other.example");
	assert_false(core->rules_dirty);
	told(core, 7, "pay.example", OUTSIDE);
	assert_true(core->rules_dirty);
	core->rules_dirty = false;
	told(core, 7, "pay.example", OUTSIDE);
	assert_false(core->rules_dirty);
}

/* Whoever speaks for a name server could give them away otherwise. */
static void only_what_is_outside_counts(void **state)
{
	static const char *const inside[] = { "10.0.1.2",	 "10.0.2.3",  "192.0.2.1",
					      "169.254.169.254", "224.0.0.1", "127.0.0.1" };
	struct bh_core *core = *state;

	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		told(core, 7, "pay.example", inside[i]);
		assert_null(known(core, "netns:web", inside[i]));
	}
	told(core, 7, "*.example", OUTSIDE);
	assert_null(known(core, "netns:web", OUTSIDE));
	assert_false(core->rules_dirty);
}

static void what_is_somebodys_by_now_is_not_compiled(void **state)
{
	struct bh_core *core = *state;
	size_t count;

	told(core, 7, "pay.example", OUTSIDE);
	free(bh_core_answers_compile(core, &count));
	assert_int_equal(count, 1);
	core_fixture_host_addr(core, 1, OUTSIDE);
	free(bh_core_answers_compile(core, &count));
	assert_int_equal(count, 0);
}

static void an_answer_waits_until_it_is_known_whose_it_is(void **state)
{
	struct bh_core *core = *state;

	told(core, 9, "pay.example", OUTSIDE);
	bh_core_answers_look(core);
	assert_null(known(core, "netns:late", OUTSIDE));
	bh_core_answers_tick(core, NOW + 60 * BH_SECOND);
	core_fixture_endpoint(core, 9, "late", "10.0.3.3");
	bh_core_answers_look(core);
	assert_string_equal(known(core, "netns:late", OUTSIDE), "pay.example");
	/* But not for ever. */
	told(core, 11, "pay.example", OUTSIDE);
	bh_core_answers_tick(core, NOW + 61 * BH_SECOND);
	core_fixture_endpoint(core, 11, "later", "10.0.3.4");
	bh_core_answers_look(core);
	assert_null(known(core, "netns:later", OUTSIDE));
}

static void of_too_many_that_wait_the_oldest_go(void **state)
{
	struct bh_core *core = *state;

	told(core, 9, "pay.example", OUTSIDE);
	for (int i = 0; i < 1000; i++)
		told(core, 11, "pay.example", OUTSIDE);
	core_fixture_endpoint(core, 9, "late", "10.0.3.3");
	core_fixture_endpoint(core, 11, "later", "10.0.3.4");
	bh_core_answers_look(core);
	assert_null(known(core, "netns:late", OUTSIDE));
	assert_string_equal(known(core, "netns:later", OUTSIDE), "pay.example");
}

static struct bh_flow outward(uint64_t id, uint32_t ifindex)
{
	return (struct bh_flow) { .id = id,
				  .key = core_fixture_tuple(ifindex == 7 ? "10.0.1.2" : "10.0.2.3",
							    (uint16_t)(1000 + id), OUTSIDE, 443),
				  .first = NOW + 1,
				  .last = NOW + 1,
				  .src_ifindex = ifindex };
}

static void a_flow_keeps_its_answer(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = outward(1, 7), others = outward(2, 8);

	told(core, 7, "pay.example", OUTSIDE);
	core->rules_dirty = false;
	bh_core_flows(core, &flow, 1);
	bh_core_flows(core, &others, 1);
	bh_core_answers_tick(core, NOW + 9999 * BH_SECOND);
	assert_non_null(known(core, "netns:web", OUTSIDE));
	assert_false(core->rules_dirty);
	flow.final = true;
	bh_core_flows(core, &flow, 1);
	core->answers_due = 0;
	bh_core_answers_tick(core, NOW + 9999 * BH_SECOND);
	assert_null(known(core, "netns:web", OUTSIDE));
	assert_true(core->rules_dirty);
}

/* It turns out that the other end opened it. */
static void a_flow_that_is_turned_round_leaves_its_answer(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = outward(1, 7);

	told(core, 7, "pay.example", OUTSIDE);
	bh_core_flows(core, &flow, 1);
	assert_non_null(core->newest->answer);
	core->newest->responder = BH_RESPONDER_SRC;
	bh_core_flows(core, &flow, 1);
	assert_null(core->newest->answer);
	bh_core_answers_tick(core, NOW + 9999 * BH_SECOND);
	assert_null(known(core, "netns:web", OUTSIDE));
}

/* Of what its workload was told by then the flow's destination has its name; rules go by all that
 * it was told since. */
static void a_question_goes_by_what_the_workload_was_told(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = outward(1, 7), others = outward(2, 8);
	struct bh_answer_row row = { "netns:web", "pay.example", core_fixture_addr(OUTSIDE),
				     NOW + 9 * BH_SECOND, NOW + 2 };
	struct bh_answer answer;
	struct bh_peer room;

	bh_core_flows(core, &flow, 1);
	struct bh_live_flow *live = core->newest;
	bh_answers_note(core->answers, &row);
	struct bh_question question = bh_core_flow_question(core, live, &room);
	assert_int_equal(question.dst.peer->kind, BH_PEER_ADDRESS);
	bh_policy_evaluate(core->policy, &question, &answer);
	assert_int_equal(answer.verdict, BH_ALLOW);
	live->flow.first = NOW + 2;
	question = bh_core_flow_question(core, live, &room);
	assert_string_equal(question.dst.peer->name, "dns:pay.example");
	bh_policy_evaluate(core->policy, &question, &answer);
	assert_int_equal(answer.verdict, BH_ALLOW);
	bh_core_flows(core, &others, 1);
	question = bh_core_flow_question(core, core->newest, &room);
	assert_int_equal(question.dst.peer->kind, BH_PEER_ADDRESS);
	assert_null(question.dst.dns);
}

static void a_learned_flow_keeps_its_name(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = outward(1, 7);
	struct bh_buffer json = { 0 };
	struct bh_peer room;

	flow.direction = BH_DIRECTION_SYN;
	flow.answered = flow.established = true;
	told(core, 7, "pay.example", OUTSIDE);
	bh_core_names_gone(core, 7);
	bh_core_flows(core, &flow, 1);
	assert_null(core->newest->dns);
	bh_core_flow_json(core, core->newest, &json);
	assert_non_null(strstr(json.data, "\"dns\":\"pay.example\""));
	bh_buffer_free(&json);
	assert_string_equal(bh_core_destination(core, core->newest, &room)->name,
			    "dns:pay.example");
	told(core, 7, "cdn.example", OUTSIDE);
	assert_string_equal(bh_core_destination(core, core->newest, &room)->name,
			    "dns:pay.example");
}

static bool coverage_says(const struct bh_core *core, const char *expected)
{
	cJSON *sentences = bh_core_nameless_json(core);
	char *text = cJSON_PrintUnformatted(sentences);
	bool result = strcmp(text, expected) == 0;

	if (!result)
		print_error("%s\n", text);
	free(text);
	cJSON_Delete(sentences);
	return result;
}

static void rules_by_name_need_answers_that_are_seen(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = outward(1, 7), others = outward(2, 8);
	struct bh_error err = { 0 };

	assert_true(coverage_says(core, "[\"no DNS answer for netns:web was seen yet; without one "
					"its rules by name (dns:pay.example) cannot be enforced: "
					"they let nothing through\"]"));
	assert_int_equal(bh_core_mode_allowed(core, "netns:web", BH_ENFORCE, &err), 0);
	flow.answered = others.answered = true;
	bh_core_flows(core, &flow, 1);
	bh_core_flows(core, &others, 1);
	assert_true(coverage_says(core, "[\"netns:web goes to servers outside, and no DNS answer "
					"for it was seen; without one its rules by name "
					"(dns:pay.example) cannot be enforced: they let nothing "
					"through\",\"netns:db goes to servers outside, and no DNS "
					"answer for it was seen\"]"));
	assert_int_equal(bh_core_mode_allowed(core, "netns:web", BH_ENFORCE, &err), -EPERM);
	assert_non_null(strstr(err.text, "by name (dns:pay.example) would let nothing through"));
	assert_int_equal(bh_core_mode_allowed(core, "netns:web", BH_AUDIT, &err), 0);
	told(core, 7, "other.example", OUTSIDE);
	told(core, 8, "other.example", OUTSIDE);
	assert_true(coverage_says(core, "[]"));
	assert_int_equal(bh_core_mode_allowed(core, "netns:web", BH_ENFORCE, &err), 0);
}

static void answers_outlive_a_restart(void **state)
{
	struct bh_core *core = *state;
	struct bh_error err = { 0 };

	told(core, 7, "pay.example", OUTSIDE);
	assert_int_equal(bh_core_answers_save(core, &err), 0);
	assert_int_equal(bh_core_store_flush(core, &err), 0);
	bh_core_answers_free(core);
	bh_core_answers_start(core);
	assert_int_equal(bh_core_answers_load(core, &err), 0);
	assert_string_equal(known(core, "netns:web", OUTSIDE), "pay.example");
	/* It ran out long ago; whoever uses it has some time to show that he does. */
	bh_core_answers_tick(core, bh_time_now() + 599 * BH_SECOND);
	assert_non_null(known(core, "netns:web", OUTSIDE));
	core->answers_due = 0;
	bh_core_answers_tick(core, bh_time_now() + 601 * BH_SECOND);
	assert_null(known(core, "netns:web", OUTSIDE));
	assert_int_equal(bh_core_answers_save(core, &err), 0);
	assert_int_equal(bh_core_answers_load(core, &err), 0);
	assert_null(known(core, "netns:web", OUTSIDE));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_core, free_core)
	const struct CMUnitTest tests[] = {
		TEST(an_answer_touches_the_rules_that_speak_of_it),
		TEST(only_what_is_outside_counts),
		TEST(what_is_somebodys_by_now_is_not_compiled),
		TEST(an_answer_waits_until_it_is_known_whose_it_is),
		TEST(of_too_many_that_wait_the_oldest_go),
		TEST(a_flow_keeps_its_answer),
		TEST(a_flow_that_is_turned_round_leaves_its_answer),
		TEST(a_question_goes_by_what_the_workload_was_told),
		TEST(a_learned_flow_keeps_its_name),
		TEST(rules_by_name_need_answers_that_are_seen),
		TEST(answers_outlive_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
