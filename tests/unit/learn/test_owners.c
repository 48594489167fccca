/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which windows count for a workload, and what a deploy is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "contact.h"

#define WINDOW 1000

static const struct bh_peer web = { BH_PEER_WORKLOAD, "web" }, api = { BH_PEER_WORKLOAD, "api" };

static struct bh_ledger *watched(void)
{
	static const struct bh_ledger_config config = {
		.window = WINDOW, .max_edges = 100, .max_contacts = 100, .watched = true
	};

	return bh_ledger_new(&config);
}

static struct bh_baseline baseline(const struct bh_ledger *ledger, const struct bh_peer *who)
{
	struct bh_baseline b;

	assert_true(bh_ledger_baseline(ledger, who, &b));
	return b;
}

static void seen_from(struct bh_ledger *ledger, uint64_t replica, int64_t time)
{
	struct bh_contact c = contact_of(&web, &api, 80, time);

	c.replica = replica;
	assert_int_equal(bh_ledger_observe(ledger, &c), BH_LEARNED);
}

/* Watches from `from` on in steps of 100, up to and with `to`. */
static void watch(struct bh_ledger *ledger, int64_t from, int64_t to)
{
	for (int64_t now = from; now <= to; now += 100)
		bh_ledger_watch(ledger, now, now == from ? 0 : 100);
}

static void neither_the_first_window_nor_the_current_one_counts(void **state)
{
	struct bh_ledger *l = watched();

	(void)state;
	bh_ledger_watch(l, 300, 0);
	bh_ledger_present(l, &web, 1);
	watch(l, 300, 1900);
	assert_int_equal(bh_ledger_windows(l), 0);
	assert_int_equal(baseline(l, &web).windows, 0);
	bh_ledger_watch(l, 2000, 100);
	assert_int_equal(bh_ledger_windows(l), 1);
	assert_int_equal(baseline(l, &web).windows, 1);
	/* Who comes later has a first window of its own. */
	bh_ledger_present(l, &api, 1);
	bh_ledger_watch(l, 2100, 100);
	watch(l, 2100, 4000);
	assert_int_equal(bh_ledger_windows(l), 3);
	assert_int_equal(baseline(l, &web).windows, 3);
	assert_int_equal(baseline(l, &api).windows, 1);
	bh_ledger_free(l);
}

static void a_window_counts_that_was_watched_half_of_the_time(void **state)
{
	struct bh_ledger *l = watched();

	(void)state;
	bh_ledger_watch(l, 0, 0);
	bh_ledger_present(l, &web, 1);
	watch(l, 0, 1000);
	/* Of window 1 four tenths, of window 2 five. */
	watch(l, 1000, 1400);
	watch(l, 2500, 3000);
	assert_int_equal(bh_ledger_windows(l), 1);
	assert_int_equal(baseline(l, &web).windows, 1);
	bh_ledger_free(l);
}

static void a_workload_has_to_run_in_it(void **state)
{
	struct bh_ledger *l = watched();

	(void)state;
	bh_ledger_watch(l, 0, 0);
	bh_ledger_present(l, &web, 1);
	watch(l, 0, 1400);
	bh_ledger_present(l, &web, 0);
	watch(l, 1400, 2100);
	bh_ledger_present(l, &web, 1);
	watch(l, 2100, 2600);
	bh_ledger_present(l, &web, 0);
	watch(l, 2600, 4000);
	assert_int_equal(bh_ledger_windows(l), 3);
	assert_int_equal(baseline(l, &web).windows, 1);
	bh_ledger_free(l);
}

static void a_window_with_loss_does_not_count(void **state)
{
	struct bh_ledger *l = watched();

	(void)state;
	bh_ledger_watch(l, 0, 0);
	bh_ledger_present(l, &web, 1);
	watch(l, 0, 1000);
	bh_ledger_packets(l, 999, 1); /* one in a thousand */
	watch(l, 1000, 2000);
	assert_int_equal(bh_ledger_windows(l), 0);
	bh_ledger_packets(l, 1000, 1); /* less */
	watch(l, 2000, 3000);
	assert_int_equal(bh_ledger_windows(l), 1);
	assert_int_equal(baseline(l, &web).windows, 1);
	/* Why the others do not is known: nobody was there from the third one to the sixth. */
	assert_int_equal(bh_ledger_uncounted(l).lossy, 1);
	assert_int_equal(bh_ledger_uncounted(l).unwatched, 0);
	bh_ledger_watch(l, 6000, 0);
	assert_int_equal(bh_ledger_uncounted(l).lossy, 1);
	assert_int_equal(bh_ledger_uncounted(l).unwatched, 3);
	/* Those that a clock made up are none, be it that it comes back or that it is far ahead. */
	bh_ledger_watch(l, 36000, 0);
	assert_int_equal(bh_ledger_uncounted(l).unwatched, 3 + 1 + 29);
	bh_ledger_watch(l, 6100, 0);
	assert_int_equal(bh_ledger_uncounted(l).unwatched, 3 + 1 + 1);
	bh_ledger_watch(l, 6000000, 0);
	assert_int_equal(bh_ledger_uncounted(l).unwatched, 3 + 1 + 1 + 1);
	bh_ledger_free(l);
}

static void a_stranger_is_remembered_until_he_has_a_name(void **state)
{
	const struct bh_peer stranger = { BH_PEER_UNRESOLVED, "10.9.9.9" };
	struct bh_ledger *l = watched();

	(void)state;
	for (int64_t time = 5100; time <= 7100; time += 1000) {
		struct bh_contact c = contact_of(&web, &stranger, 80, time);

		assert_int_equal(bh_ledger_observe(l, &c), BH_UNLEARNED_UNRESOLVED);
		assert_int_equal(baseline(l, &web).stranger, time / 1000);
	}
	bh_ledger_forget_stranger(l, &web, 7100);
	assert_int_equal(baseline(l, &web).stranger, 6);
	/* Nobody who was tried in vain, and nobody's between others. */
	struct bh_contact c = contact_of(&stranger, &web, 80, 8100);
	c.answered = false;
	bh_ledger_observe(l, &c);
	c = contact_of(&stranger, &(struct bh_peer) { BH_PEER_HOST, "host" }, 80, 8100);
	bh_ledger_observe(l, &c);
	assert_int_equal(baseline(l, &web).stranger, 6);
	c = contact_of(&stranger, &web, 80, 8200);
	bh_ledger_observe(l, &c);
	assert_int_equal(baseline(l, &web).stranger, 8);
	bh_ledger_free(l);
}

/* The clock jumps ahead for a moment: what time went by is known all the same. */
static void a_clock_that_is_set_makes_no_windows(void **state)
{
	struct bh_ledger *l = watched();

	(void)state;
	bh_ledger_watch(l, 0, 0);
	bh_ledger_present(l, &web, 1);
	seen_from(l, 1, 100);
	watch(l, 0, 1300);
	bh_ledger_watch(l, 900000, 100);
	seen_from(l, 1, 900000);
	bh_ledger_watch(l, 1500, 100);
	assert_int_equal(bh_ledger_windows(l), 0);
	watch(l, 1500, 4000);
	assert_in_range(bh_ledger_windows(l), 2, 3);
	assert_int_equal(bh_ledger_now(l), 4000);
	/* And what was seen meanwhile does not hide what is seen after it. */
	seen_from(l, 1, 3500);
	struct bh_edge like = { .src = &web, .dst = &api, .proto = IPPROTO_TCP, .port = 80 }, e;
	assert_true(bh_ledger_find(l, BH_EDGES, &like, &e));
	assert_int_equal(e.windows, 3);
	assert_int_equal(e.last_window, 3);
	bh_ledger_free(l);
}

static void a_window_that_comes_twice_counts_once(void **state)
{
	struct bh_ledger *l = watched();

	(void)state;
	bh_ledger_watch(l, 0, 0);
	bh_ledger_present(l, &web, 1);
	watch(l, 0, 3000);
	assert_int_equal(bh_ledger_windows(l), 2);
	watch(l, 1000, 3000);
	assert_int_equal(bh_ledger_windows(l), 2);
	assert_int_equal(baseline(l, &web).windows, 2);
	watch(l, 3100, 4000);
	assert_int_equal(bh_ledger_windows(l), 3);
	bh_ledger_free(l);
}

/* A host whose clock was a year ahead when the first daemon came, and is right since. */
static void a_clock_that_was_far_ahead_costs_no_year(void **state)
{
	struct bh_ledger *l = watched();
	int64_t ahead = 365000;

	(void)state;
	bh_ledger_watch(l, ahead, 0);
	bh_ledger_present(l, &web, 1);
	watch(l, ahead, ahead + 3000);
	assert_int_equal(bh_ledger_windows(l), 2);
	watch(l, 500, 3000);
	assert_int_equal(bh_ledger_windows(l), 4);
	assert_int_equal(baseline(l, &web).windows, 4);
	assert_int_equal(baseline(l, &web).lately, 3);
	bh_ledger_free(l);
}

static void weekdays_are_told_apart(void **state)
{
	struct bh_ledger *l = watched();

	(void)state;
	bh_ledger_watch(l, 0, 0);
	bh_ledger_present(l, &web, 1);
	watch(l, 0, 4000);
	assert_int_equal(bh_ledger_phases(l), 1 << 1 | 1 << 2 | 1 << 3);
	assert_int_equal(baseline(l, &web).phases, 1 << 1 | 1 << 2 | 1 << 3);
	watch(l, 4100, 9000);
	assert_int_equal(bh_ledger_phases(l), 127);
	bh_ledger_free(l);
}

/* Ten minutes each night: it hardly runs, and its windows are its runs. */
static void a_job_is_counted_by_runs(void **state)
{
	struct bh_ledger *l = watched();

	(void)state;
	bh_ledger_watch(l, 0, 0);
	for (int64_t day = 0; day < 4; day++) {
		int64_t begin = day * WINDOW;

		watch(l, begin + 100, begin + 200);
		bh_ledger_present(l, &web, 1);
		seen_from(l, (uint64_t)day + 1, begin + 200);
		watch(l, begin + 300, begin + 400);
		bh_ledger_present(l, &web, 0);
		bh_ledger_ran(l, &web, 200);
		watch(l, begin + 500, begin + 1000);
	}
	struct bh_baseline b = baseline(l, &web);
	assert_true(b.owner.job);
	assert_int_equal(b.windows, 4);
	assert_int_equal(b.q1, 0);
	struct bh_edge like = { .src = &web, .dst = &api, .proto = IPPROTO_TCP, .port = 80 }, e;
	assert_true(bh_ledger_find(l, BH_EDGES, &like, &e));
	assert_int_equal(bh_ledger_seen(l, &e), 4);
	assert_int_equal(b.lately, 7); /* it would have been seen */
	/* Who runs most of the time is none, though its instances come and go. */
	bh_ledger_present(l, &api, 1);
	for (int i = 0; i < 9; i++)
		bh_ledger_ran(l, &api, 200);
	watch(l, 4100, 7000);
	assert_false(baseline(l, &api).owner.job);
	assert_int_equal(baseline(l, &api).windows, 2);
	bh_ledger_free(l);
}

static void another_version_is_a_deploy(void **state)
{
	struct bh_ledger *l = watched();

	(void)state;
	bh_ledger_watch(l, 0, 0);
	assert_false(bh_ledger_version(l, &web, 11, 0)); /* so it was found */
	for (int64_t time = 1000; time < 6000; time += 1000)
		assert_false(bh_ledger_version(l, &web, 11, time));
	assert_true(bh_ledger_version(l, &web, 12, 5100));
	/* Its replicas follow one by one, and the older ones are still there. */
	assert_false(bh_ledger_version(l, &web, 11, 5200));
	assert_false(bh_ledger_version(l, &web, 12, 5300));
	assert_false(bh_ledger_version(l, &web, 11, 5400));
	for (int64_t time = 6000; time < 9000; time += 1000)
		assert_false(bh_ledger_version(l, &web, 12, time));
	/* Back to what has not run for long. */
	assert_true(bh_ledger_version(l, &web, 11, 9500));
	struct bh_owner owner = baseline(l, &web).owner;
	assert_int_equal(owner.deploys[0], 9500);
	assert_int_equal(owner.deploys[1], 5100);
	assert_int_equal(owner.deploys[2], 0);
	/* Nobody else's. */
	assert_false(bh_ledger_version(l, &api, 12, 9600));
	bh_ledger_free(l);
}

/* Who runs and opens nothing is a replica all the same. */
static void instances_are_replicas(void **state)
{
	struct bh_ledger *l = watched();

	(void)state;
	bh_ledger_watch(l, 0, 0);
	seen_from(l, 1, 0);
	seen_from(l, 2, 0);
	assert_int_equal(baseline(l, &web).owner.replicas, 2);
	bh_ledger_present(l, &web, 3);
	assert_int_equal(baseline(l, &web).owner.replicas, 3);
	bh_ledger_present(l, &web, 1);
	assert_int_equal(baseline(l, &web).owner.replicas, 2);
	bh_ledger_free(l);
}

/* A workload of ten images is not deployed each time that one of them is looked at. */
static void too_many_versions_are_no_deploys(void **state)
{
	struct bh_ledger *l = watched();
	size_t deploys = 0;

	(void)state;
	bh_ledger_watch(l, 0, 0);
	for (int64_t time = 1000; time < 10000; time += 100)
		for (uint64_t version = 1; version <= 10; version++)
			deploys += bh_ledger_version(l, &web, version, time) && time > 1000;
	assert_int_equal(deploys, 0);
	/* As soon as there is a place. */
	assert_true(bh_ledger_version(l, &web, 11, 10200));
	bh_ledger_free(l);
}

static void lately_is_what_was_watched(void **state)
{
	struct bh_ledger *l = watched();

	(void)state;
	bh_ledger_watch(l, 0, 0);
	bh_ledger_present(l, &web, 1);
	watch(l, 0, 3000);
	assert_int_equal(baseline(l, &web).lately, 3);
	/* Nobody watched for two windows, then one; then it did not run. */
	watch(l, 5900, 7000);
	assert_int_equal(baseline(l, &web).lately, 3 << 4 | 1);
	bh_ledger_present(l, &web, 0);
	watch(l, 7000, 8000);
	assert_int_equal(baseline(l, &web).lately, 3 << 5 | 2);
	/* What a clock made up was not there. */
	bh_ledger_present(l, &web, 1);
	watch(l, 8000, 9000);
	assert_int_equal(baseline(l, &web).lately, 3 << 6 | 2 << 1 | 1);
	bh_ledger_watch(l, 7500, 0);
	assert_int_equal(baseline(l, &web).lately, 3 << 4 | 1);
	bh_ledger_watch(l, 1000000, 0);
	assert_int_equal(baseline(l, &web).lately, 0);
	bh_ledger_free(l);
}

/* A weekly job, and a host that was off for longer than a version lasts. */
static void who_comes_back_as_he_went_is_no_deploy(void **state)
{
	struct bh_ledger *l = watched();

	(void)state;
	bh_ledger_watch(l, 0, 0);
	assert_false(bh_ledger_version(l, &web, 11, 0));
	assert_false(bh_ledger_version(l, &web, 11, 7000));
	assert_false(bh_ledger_version(l, &web, 11, 90000));
	assert_true(bh_ledger_version(l, &web, 12, 97000));
	assert_false(bh_ledger_version(l, &web, 12, 104000));
	assert_true(bh_ledger_version(l, &web, 11, 111000));
	bh_ledger_free(l);
}

/* What one did while it was alone does not tell it from others that came later. */
static void hours_alone_are_nobodys_habit(void **state)
{
	struct bh_ledger *l = watched();
	struct bh_edge like = { .src = &web, .dst = &api, .proto = IPPROTO_TCP, .port = 80 }, e;

	(void)state;
	bh_ledger_watch(l, 0, 0);
	bh_ledger_present(l, &web, 1);
	for (int hour = 0; hour < 10; hour++)
		seen_from(l, 1, hour * WINDOW / BH_HOURS + 1);
	bh_ledger_present(l, &web, 3);
	for (int hour = 10; hour < 14; hour++)
		seen_from(l, 1, hour * WINDOW / BH_HOURS + 1);
	assert_true(bh_ledger_find(l, BH_EDGES, &like, &e));
	assert_int_equal(e.hours, 14);
	assert_int_equal(e.shared_hours, 4);
	bh_ledger_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neither_the_first_window_nor_the_current_one_counts),
		cmocka_unit_test(a_window_counts_that_was_watched_half_of_the_time),
		cmocka_unit_test(a_workload_has_to_run_in_it),
		cmocka_unit_test(a_window_with_loss_does_not_count),
		cmocka_unit_test(a_stranger_is_remembered_until_he_has_a_name),
		cmocka_unit_test(a_clock_that_is_set_makes_no_windows),
		cmocka_unit_test(a_window_that_comes_twice_counts_once),
		cmocka_unit_test(a_clock_that_was_far_ahead_costs_no_year),
		cmocka_unit_test(weekdays_are_told_apart),
		cmocka_unit_test(a_job_is_counted_by_runs),
		cmocka_unit_test(another_version_is_a_deploy),
		cmocka_unit_test(instances_are_replicas),
		cmocka_unit_test(hours_alone_are_nobodys_habit),
		cmocka_unit_test(too_many_versions_are_no_deploys),
		cmocka_unit_test(lately_is_what_was_watched),
		cmocka_unit_test(who_comes_back_as_he_went_is_no_deploy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
