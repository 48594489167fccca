/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fleet as a whole is told to be missing. */
#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "contact.h"
#include "readiness.h"

#define WINDOW 1000

static const struct bh_peer web = { BH_PEER_WORKLOAD, "web" }, job = { BH_PEER_WORKLOAD, "job" },
			    db = { BH_PEER_WORKLOAD, "db" };
static const struct bh_filter_config filters;

static struct bh_ledger *watched(void)
{
	static const struct bh_ledger_config config = {
		.window = WINDOW, .max_edges = 100, .max_contacts = 100, .watched = true
	};
	struct bh_ledger *ledger = bh_ledger_new(&config);

	bh_ledger_watch(ledger, 0, 0);
	bh_ledger_present(ledger, &web, 1);
	return ledger;
}

static void watch(struct bh_ledger *ledger, int64_t from, int64_t to)
{
	for (int64_t now = from + 100; now <= to; now += 100)
		bh_ledger_watch(ledger, now, 100);
}

static void see(struct bh_ledger *ledger, const struct bh_peer *src, uint16_t port, int64_t time)
{
	const struct bh_contact c = contact_of(src, &db, port, time);

	assert_int_equal(bh_ledger_observe(ledger, &c), BH_LEARNED);
}

/* A thousand runs are no thousand windows of somebody else. */
static void a_job_counts_for_the_others_as_long_as_it_was_watched(void **state)
{
	struct bh_ledger *l = watched();

	(void)state;
	see(l, &web, 80, 0);
	bh_ledger_present(l, &job, 0);
	for (int i = 0; i < 1000; i++)
		bh_ledger_ran(l, &job, 1);
	watch(l, 0, 21000);
	struct bh_readiness *r = bh_readiness_new(l, &filters);
	assert_int_equal(r->workload_count, 2);
	assert_true(r->workloads[0].baseline.owner.job);
	assert_int_equal(r->workloads[0].baseline.windows, 1000);
	assert_int_equal(r->workloads[1].baseline.windows, 20);
	assert_true(fabs(r->rate - 1.5 / 40) < 1e-9);
	bh_readiness_free(r);
	bh_ledger_free(l);
}

/* What is new of one who came yesterday is not thinned by the others' hundred windows. */
static void who_came_of_late_is_as_new_as_a_version(void **state)
{
	struct bh_ledger *l = watched();

	(void)state;
	see(l, &web, 80, 0);
	watch(l, 0, 2000);
	see(l, &web, 80, 2000);
	watch(l, 2000, 20000);
	struct bh_readiness *r = bh_readiness_new(l, &filters);
	assert_false(r->deployed);
	bh_readiness_free(r);
	bh_ledger_present(l, &job, 1);
	for (uint16_t port = 1; port <= 14; port++)
		see(l, &job, port, 20100);
	watch(l, 20000, 21000);
	r = bh_readiness_new(l, &filters);
	assert_true(r->deployed);
	assert_true(r->by_recent);
	assert_true(fabs(r->expected - 2) < 1e-9);
	bh_readiness_free(r);
	bh_ledger_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_counts_for_the_others_as_long_as_it_was_watched),
		cmocka_unit_test(who_came_of_late_is_as_new_as_a_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
