/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A revision that has to be confirmed, and what becomes of it otherwise. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core_fixture.h"
#include "core_trial.h"

#define HEAD                                                                                       \
	"bulkhead-policy: 1\n"                                                                     \
	"workloads:\n"                                                                             \
	"  web: {bulkhead.workload: \"netns:web\"}\n"                                              \
	"  db: {bulkhead.workload: \"netns:db\"}\n"                                                \
	"rules:\n"

static const char wide[] = HEAD "  - {from: web, to: db, ports: [80/tcp, 5432/tcp]}\n";
static const char narrow[] = HEAD "  - {from: web, to: db, ports: [80/tcp]}\n";
static const char other[] = HEAD "  - {from: web, to: db, ports: [81/tcp]}\n";

static struct bh_core *core;

static int make(void **state)
{
	(void)state;
	core = core_fixture_with_rules(BH_SECOND);
	core_fixture_world(core);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	core_fixture_free_with_rules(core);
	return 0;
}

static void apply(const char *text)
{
	struct bh_error err = { 0 };
	size_t changes;

	if (bh_core_policy_apply(core, text, "policy.yaml", "ann", "", &changes, &err) != 0)
		fail_msg("%s", err.text);
}

static void try(const char *text, uint32_t most)
{
	struct bh_error err = { 0 };
	size_t changes;

	if (bh_core_policy_try(core, text, "policy.yaml", "ann", "", 60 * BH_SECOND, most, &changes,
			       &err) != 0)
		fail_msg("%s", err.text);
}

static void pass(int64_t seconds)
{
	bh_core_trial_tick(core, bh_time_monotonic() + seconds * BH_SECOND);
}

/* What the store has: what another run would load. */
static int64_t stored_trial(void)
{
	struct bh_trial trial;

	return bh_store_trial(core->store, &trial, NULL) == 0 ? trial.number : 0;
}

static void assert_active(const char *text)
{
	struct bh_revision revision;

	assert_int_equal(bh_store_revision(core->store, 0, &revision, NULL), 0);
	assert_int_equal(revision.number, core->revision_number);
	assert_string_equal(revision.text, text);
	free((void *)(uintptr_t)revision.text);
}

static void unconfirmed_it_goes(void **state)
{
	(void)state;
	apply(wide);
	try(narrow, 10);
	assert_active(narrow);
	assert_int_equal(stored_trial(), 2);
	pass(59);
	assert_active(narrow);
	pass(61);
	assert_active(wide);
	assert_int_equal(core->revision_number, 3);
	assert_int_equal(stored_trial(), 0);
	pass(200);
	assert_int_equal(core->revision_number, 3);
}

static void confirmed_it_stays(void **state)
{
	struct bh_error err = { 0 };

	(void)state;
	apply(wide);
	assert_int_equal(bh_core_trial_confirm(core, "ann", "", &err), -ENOENT);
	try(narrow, 10);
	assert_int_equal(bh_core_trial_confirm(core, "ann", "", &err), 0);
	assert_int_equal(stored_trial(), 0);
	pass(200);
	assert_active(narrow);
}

static void what_is_applied_after_it_is_a_decision(void **state)
{
	(void)state;
	apply(wide);
	try(narrow, 10);
	apply(other);
	assert_int_equal(stored_trial(), 0);
	pass(200);
	assert_active(other);
}

static void another_trial_goes_back_to_what_was_confirmed(void **state)
{
	(void)state;
	apply(wide);
	try(narrow, 10);
	try(other, 10);
	pass(61);
	assert_active(wide);
}

static void the_first_one_is_not_tried(void **state)
{
	struct bh_error err = { 0 };
	size_t changes;

	(void)state;
	assert_int_equal(bh_core_policy_try(core, wide, "policy.yaml", "ann", "", BH_SECOND, 1,
					    &changes, &err),
			 -ENOENT);
	assert_null(core->policy);
}

/* Killed meanwhile, the next run goes on with it; the time that it was killed for has passed. */
static void being_killed_ends_no_trial(void **state)
{
	struct bh_trial trial;
	struct bh_error err = { 0 };

	(void)state;
	apply(wide);
	try(narrow, 10);
	bh_core_trial_free(core);
	assert_int_equal(bh_core_trial_load(core, &err), 0);
	pass(58);
	assert_active(narrow);
	bh_core_trial_free(core);
	assert_int_equal(bh_store_trial(core->store, &trial, &err), 0);
	trial.deadline = bh_time_now() - 1;
	assert_int_equal(bh_store_set_trial(core->store, &trial, &err), 0);
	assert_int_equal(bh_core_trial_load(core, &err), 0);
	pass(0);
	assert_active(wide);
}

/* A clock that was set back meanwhile makes it no longer. */
static void it_lasts_no_longer_than_it_was_to(void **state)
{
	struct bh_trial trial;
	struct bh_error err = { 0 };

	(void)state;
	apply(wide);
	try(narrow, 10);
	assert_int_equal(bh_store_trial(core->store, &trial, &err), 0);
	trial.deadline += INT64_C(86400) * BH_SECOND;
	assert_int_equal(bh_store_set_trial(core->store, &trial, &err), 0);
	assert_int_equal(bh_core_trial_load(core, &err), 0);
	pass(61);
	assert_active(wide);
}

static void rollback(void)
{
	struct bh_error err = { 0 };
	size_t changes;

	if (bh_core_policy_rollback(core, 0, "ann", "", &changes, &err) != 0)
		fail_msg("%s", err.text);
}

/* To what was confirmed, and not to what was tried in between. */
static void who_goes_back_goes_to_what_was_confirmed(void **state)
{
	(void)state;
	apply(narrow);
	apply(wide);
	try(other, 10);
	pass(61);
	assert_active(wide);
	rollback();
	assert_active(narrow);
	/* On trial it is its end. */
	try(other, 10);
	try(wide, 10);
	rollback();
	assert_active(narrow);
	assert_int_equal(stored_trial(), 0);
}

static void deny(uint16_t port, uint16_t sport)
{
	struct bh_denial d = { .kind = BH_DENIED,
			       .side = BH_EGRESS,
			       .dropped = true,
			       .time = CORE_FIXTURE_NOW,
			       .key = core_fixture_tuple("10.0.1.2", sport, "10.0.2.3", port),
			       .in_ifindex = 7,
			       .out_ifindex = 8 };

	bh_core_denial(core, &d);
}

static void what_was_allowed_before_is_refused_so_often_and_no_more(void **state)
{
	(void)state;
	apply(wide);
	try(narrow, 3);
	for (uint16_t i = 0; i < 20; i++)
		deny(22, 40000 + i); /* neither allows it */
	for (uint16_t i = 0; i < 3; i++)
		deny(5432, 41000 + i);
	assert_active(narrow);
	/* Killed, it goes on counting. */
	pass(0);
	bh_core_trial_free(core);
	assert_int_equal(bh_core_trial_load(core, NULL), 0);
	deny(5432, 42000);
	assert_active(wide);
	assert_int_equal(stored_trial(), 0);
	assert_int_equal(core->revision_number, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unconfirmed_it_goes),
		TEST(confirmed_it_stays),
		TEST(what_is_applied_after_it_is_a_decision),
		TEST(another_trial_goes_back_to_what_was_confirmed),
		TEST(the_first_one_is_not_tried),
		TEST(being_killed_ends_no_trial),
		TEST(it_lasts_no_longer_than_it_was_to),
		TEST(who_goes_back_goes_to_what_was_confirmed),
		TEST(what_was_allowed_before_is_refused_so_often_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
