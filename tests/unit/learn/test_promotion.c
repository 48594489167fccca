/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is missing until a workload may be treated more strictly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "promotion.h"
#include "timefmt.h"

#define NOW (100 * BH_DAY)
#define BIT(lack) (UINT32_C(1) << (lack))

/* One that lacks nothing. */
static struct bh_workload_readiness ready(void)
{
	return (struct bh_workload_readiness) { .baseline = { .windows = 14,
							      .phases = 0x7f,
							      .lately = UINT64_MAX,
							      .newest = NOW - 7 * BH_DAY },
						.recent = 0.1,
						.risk = 0.02 };
}

static uint32_t lacks(const struct bh_workload_readiness *w, uint8_t mode)
{
	const struct bh_standing s = { .readiness = w, .now = NOW, .window = BH_DAY };

	return bh_promotion_lacks(&s, mode);
}

static void assert_words(const struct bh_standing *s, enum bh_lack lack, const char *words)
{
	struct bh_buffer text = { 0 };

	bh_promotion_explain(s, BH_ENFORCE, lack, &text);
	assert_string_equal(text.data, words);
	bh_buffer_free(&text);
}

static void each_thing_may_be_missing(void **state)
{
	struct bh_workload_readiness w = ready();

	(void)state;
	assert_int_equal(lacks(&w, BH_ENFORCE), 0);
	w.baseline.windows = 13;
	assert_int_equal(lacks(&w, BH_ENFORCE), BIT(BH_LACK_WINDOWS));
	assert_int_equal(lacks(&w, BH_AUDIT), 0);
	w.baseline.windows = 6;
	assert_int_equal(lacks(&w, BH_AUDIT), BIT(BH_LACK_WINDOWS));
	assert_int_equal(lacks(&w, BH_LEARN), 0);
	w = ready();
	w.baseline.phases = 0x7e;
	assert_int_equal(lacks(&w, BH_AUDIT), BIT(BH_LACK_WEEKDAYS));
	w = ready();
	w.waiting = 2;
	assert_int_equal(lacks(&w, BH_ENFORCE), BIT(BH_LACK_REVIEW));
	w.urgent = 2;
	assert_int_equal(lacks(&w, BH_ENFORCE), BIT(BH_LACK_URGENT));
	assert_int_equal(lacks(&w, BH_AUDIT), 0);
	w.waiting = 3;
	assert_int_equal(lacks(&w, BH_ENFORCE), BIT(BH_LACK_URGENT) | BIT(BH_LACK_REVIEW));
	w = ready();
	w.baseline.newest++;
	assert_int_equal(lacks(&w, BH_ENFORCE), BIT(BH_LACK_QUIET));
	w = ready();
	w.opposed = NOW - 1;
	assert_int_equal(lacks(&w, BH_ENFORCE), BIT(BH_LACK_QUIET));
	w = ready();
	w.risk = 0.021;
	assert_int_equal(lacks(&w, BH_ENFORCE), BIT(BH_LACK_RISK));
	w = ready();
	w.open_ended = true;
	assert_int_equal(lacks(&w, BH_ENFORCE), BIT(BH_LACK_OPEN_ENDED));
	w = ready();
	w.baseline.crowded = true;
	assert_int_equal(lacks(&w, BH_AUDIT), BIT(BH_LACK_ROOM));
	w = ready();
	struct bh_standing s = { .readiness = &w,
				 .now = NOW,
				 .window = BH_DAY,
				 .schedule = 7 * BH_DAY,
				 .watched = 14 * BH_DAY };
	assert_int_equal(bh_promotion_lacks(&s, BH_ENFORCE), 0);
	s.masked = 1 << BH_STAGE1;
	assert_int_equal(bh_promotion_lacks(&s, BH_STAGE1), BIT(BH_LACK_MASKED));
	assert_int_equal(bh_promotion_lacks(&s, BH_ENFORCE), 0);
	s.masked = 0;
	s.unnamed = true;
	assert_int_equal(bh_promotion_lacks(&s, BH_STAGE1), BIT(BH_LACK_NAMES));
	assert_int_equal(bh_promotion_lacks(&s, BH_AUDIT), 0);
	s.unnamed = false;
	s.unselected = true;
	assert_int_equal(bh_promotion_lacks(&s, BH_AUDIT), BIT(BH_LACK_POLICY));
	s.unselected = false;
	w.baseline.stranger = 100 - 6;
	assert_int_equal(bh_promotion_lacks(&s, BH_ENFORCE), BIT(BH_LACK_STRANGERS));
	assert_int_equal(bh_promotion_lacks(&s, BH_STAGE1), 0);
	assert_words(&s, BH_LACK_STRANGERS,
		     "it had connections whose other end nobody owns up to, 6 windows ago; no rule "
		     "can allow them, and 7 windows without are wanted (bulkhead flows, bulkhead "
		     "coverage)");
	w.baseline.stranger = 100 - 7;
	assert_int_equal(bh_promotion_lacks(&s, BH_ENFORCE), 0);
	s.watched--;
	assert_int_equal(bh_promotion_lacks(&s, BH_ENFORCE), BIT(BH_LACK_SCHEDULE));
	assert_int_equal(bh_promotion_lacks(&s, BH_AUDIT), 0);
	assert_words(&s, BH_LACK_SCHEDULE,
		     "it declares a schedule with up to 7 days from one time to the next, and 13.9 "
		     "days were watched: two runs are wanted");
}

static void who_is_enforced_was_audited_before(void **state)
{
	struct bh_workload_readiness w = ready();
	struct bh_standing s = {
		.readiness = &w, .now = NOW, .window = BH_DAY, .must_audit = true
	};

	(void)state;
	assert_int_equal(bh_promotion_lacks(&s, BH_ENFORCE), BIT(BH_LACK_QUIET));
	assert_words(&s, BH_LACK_QUIET,
		     "it is not audited yet: 7 windows without a denial are wanted");
	s.audited = NOW - 7 * BH_DAY + 1;
	assert_int_equal(bh_promotion_lacks(&s, BH_ENFORCE), BIT(BH_LACK_QUIET));
	assert_words(&s, BH_LACK_QUIET,
		     "something new, or denied, 6.9 windows ago; 7 without are wanted");
	s.audited--;
	assert_int_equal(bh_promotion_lacks(&s, BH_ENFORCE), 0);
}

/* A week in which nobody looked is no quiet week. */
static void quiet_is_what_was_watched(void **state)
{
	struct bh_workload_readiness w = ready();
	struct bh_standing s = {
		.readiness = &w, .now = NOW + BH_DAY / 2, .window = BH_DAY, .offset = BH_DAY / 4
	};

	(void)state;
	w.baseline.newest = NOW - 9 * BH_DAY; /* nine whole windows since, and a half */
	w.baseline.lately = 0xfc;
	assert_int_equal(bh_promotion_lacks(&s, BH_ENFORCE), 0);
	w.baseline.lately = 0x1f8;
	assert_int_equal(bh_promotion_lacks(&s, BH_ENFORCE), 0);
	w.baseline.lately = ~UINT64_C(0x1ff) | 0x1f0;
	assert_int_equal(bh_promotion_lacks(&s, BH_ENFORCE), BIT(BH_LACK_QUIET));
	assert_words(&s, BH_LACK_QUIET,
		     "5 whole windows were watched since something new, or denied; 6 are wanted");
	w.baseline.newest = NOW - 90 * BH_DAY;
	assert_int_equal(bh_promotion_lacks(&s, BH_ENFORCE), 0);
}

static void a_job_needs_three_runs(void **state)
{
	struct bh_workload_readiness w = ready();

	(void)state;
	w.baseline.owner.job = true;
	w.baseline.phases = 0;
	w.baseline.windows = 3;
	assert_int_equal(lacks(&w, BH_ENFORCE), 0);
	w.baseline.windows = 2;
	assert_int_equal(lacks(&w, BH_AUDIT), BIT(BH_LACK_RUNS));
}

static void what_is_missing_is_said(void **state)
{
	struct bh_workload_readiness w = ready();
	struct bh_standing s = { .readiness = &w, .now = NOW, .window = BH_DAY };

	(void)state;
	w.baseline.windows = 3;
	w.baseline.phases = 0x7f & ~(1 << 2 | 1 << 3);
	w.waiting = 3;
	w.urgent = 1;
	w.risk = 0.0312;
	w.recent = 2.5;
	assert_words(&s, BH_LACK_WINDOWS, "3 of 14 windows were watched");
	assert_words(&s, BH_LACK_WEEKDAYS, "not seen yet: Saturday, Sunday");
	assert_words(&s, BH_LACK_URGENT, "1 edge to sensitive ports or outside waits for a person");
	assert_words(&s, BH_LACK_REVIEW, "2 more edges wait for a person");
	assert_words(&s, BH_LACK_RISK,
		     "a new edge in the next window with 3.2 %; at most 2 % is wanted");
	assert_words(&s, BH_LACK_OPEN_ENDED,
		     "it has 2.5 new edges a window of late, and while that goes on will never be "
		     "complete: send it through a proxy, or allow world:443");
	s.window = BH_SECOND;
	w.baseline.phases = 0;
	assert_words(&s, BH_LACK_WEEKDAYS,
		     "none of seven windows that follow each other was seen yet");
	s.window = BH_DAY;
	assert_words(&s, BH_LACK_WEEKDAYS, "no weekday was seen yet");
	s.window = BH_SECOND;
	w.baseline.phases = 0x7f & ~(1 << 2 | 1 << 3);
	assert_words(&s, BH_LACK_WEEKDAYS,
		     "of seven windows that follow each other not seen yet: number 2, 3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_thing_may_be_missing),
		cmocka_unit_test(who_is_enforced_was_audited_before),
		cmocka_unit_test(quiet_is_what_was_watched),
		cmocka_unit_test(a_job_needs_three_runs),
		cmocka_unit_test(what_is_missing_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
