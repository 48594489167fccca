/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules that end: told of before, told of when, and what was judged by them stays as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core_fixture.h"
#include "core_force.h"
#include "ruleset.h"

static const char text[] =
	"bulkhead-policy: 1\n"
	"workloads:\n"
	"  web: {bulkhead.workload: \"netns:web\"}\n"
	"  db: {bulkhead.workload: \"netns:db\"}\n"
	"rules:\n"
	"  - {from: web, to: db, ports: [80/tcp]}\n"
	"  - {from: web, to: db, ports: [22/tcp], expires: 2098-12-30}\n"
	"  - {from: web, to: db, ports: [23/tcp], expires: 2098-12-31, comment: ticket 12}\n"
	"  - {from: web, to: db, ports: [24/tcp], expires: 2001-01-01}\n";

static struct bh_core *core;
static int64_t end; /* of the second rule; the third's is a day later */

static int make(void **state)
{
	struct bh_error err = { 0 };
	size_t changes;

	(void)state;
	core = core_fixture_with_rules(BH_SECOND);
	core_fixture_world(core);
	if (bh_core_policy_apply(core, text, "policy.yaml", "ann", "", &changes, &err) != 0)
		fail_msg("%s", err.text);
	end = core->policy->rules[1].expires;
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	core_fixture_free_with_rules(core);
	return 0;
}

static size_t told(const char *what)
{
	return core_fixture_told(core, what);
}

static void what_is_over_already_never_holds(void **state)
{
	(void)state;
	assert_true(core->policy->rules[3].over);
	assert_int_equal(core->expiry_due, end);
	bh_core_expiry_tick(core, end - 2 * BH_DAY);
	assert_int_equal(told("is over"), 0);
}

static void it_is_told_a_day_before_and_once(void **state)
{
	(void)state;
	bh_core_expiry_tick(core, end - BH_DAY + 1);
	bh_core_expiry_tick(core, end - BH_DAY + 2);
	assert_int_equal(told("rule 2 is over in less than a day"), 1);
	assert_int_equal(told("rule 3 is over"), 0);
	bh_core_expiry_tick(core, end - 1);
	assert_int_equal(told("rule 2 is over in less than a day"), 1);
	assert_false(core->policy->rules[1].over);
}

/* Who was judged by the policy before is judged by it as it was. */
static void another_policy_takes_its_place(void **state)
{
	const struct bh_policy *before = core->policy;
	struct bh_ruleset *rules = bh_ruleset_new();

	(void)state;
	bh_force_sent(core->force, rules,
		      &(struct bh_stance) { before, core->revision, core->revision_number });
	int64_t number = core->revision_number;
	bh_core_expiry_tick(core, end);
	assert_ptr_not_equal(core->policy, before);
	assert_false(before->rules[1].over);
	assert_true(core->policy->rules[1].over && !core->policy->rules[2].over);
	assert_int_equal(core->revision_number, number);
	assert_int_equal(told("rule 2 is over: web"), 1);
	assert_true(core->rules_dirty);
	assert_int_equal(core->expiry_due, end + BH_DAY);
	bh_core_expiry_tick(core, end + BH_DAY);
	assert_int_equal(told("(ticket 12)"), 2);
	assert_int_equal(core->expiry_due, INT64_MAX);
	bh_core_expiry_tick(core, end + 2 * BH_DAY);
	assert_int_equal(told("is over: "), 2);
	bh_ruleset_free(rules);
}

static void status_lists_what_ends_soon_and_what_is_over(void **state)
{
	cJSON *list = bh_core_expiry_json(core, end - 7 * BH_DAY);

	(void)state;
	assert_int_equal(cJSON_GetArraySize(list), 2);
	const cJSON *soon = cJSON_GetArrayItem(list, 0), *over = cJSON_GetArrayItem(list, 1);
	assert_int_equal(cJSON_GetObjectItem(soon, "rule")->valueint, 2);
	assert_false(cJSON_IsTrue(cJSON_GetObjectItem(soon, "over")));
	assert_int_equal(cJSON_GetObjectItem(over, "rule")->valueint, 4);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(over, "over")));
	cJSON_Delete(list);
	list = bh_core_expiry_json(core, end - 7 * BH_DAY - 1);
	assert_int_equal(cJSON_GetArraySize(list), 1);
	cJSON_Delete(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_over_already_never_holds, make, unmake),
		cmocka_unit_test_setup_teardown(it_is_told_a_day_before_and_once, make, unmake),
		cmocka_unit_test_setup_teardown(another_policy_takes_its_place, make, unmake),
		cmocka_unit_test_setup_teardown(status_lists_what_ends_soon_and_what_is_over, make,
						unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
