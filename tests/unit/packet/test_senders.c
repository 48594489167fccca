/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which frames come from another MAC than their interface's, and when that is news. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "senders.h"
#include "timefmt.h"

static const struct bh_mac own = { { 2, 0, 0, 0, 0, 1 } }, other = { { 2, 0, 0, 0, 0, 2 } },
			   third = { { 2, 0, 0, 0, 0, 3 } };

static bool is_foreign(struct bh_senders *s, uint32_t ifindex, const struct bh_mac *mac,
		       int64_t time)
{
	const struct bh_packet p = { .time = time, .ifindex = ifindex, .sender = mac->bytes };

	return bh_senders_foreign(s, &p);
}

static int make(void **state)
{
	*state = bh_senders_new();
	bh_senders_bind(*state, 7, &own, 0);
	return 0;
}

static int unmake(void **state)
{
	bh_senders_free(*state);
	return 0;
}

static void ones_own_is_not_foreign(void **state)
{
	assert_false(is_foreign(*state, 7, &own, 1));
	assert_false(is_foreign(*state, 7, &own, 2));
	assert_true(is_foreign(*state, 7, &other, 3));
	assert_false(is_foreign(*state, 7, &own, 4));
}

static void only_what_comes_in_from_a_watched_interface_counts(void **state)
{
	struct bh_packet p = { .time = 1, .ifindex = 7, .outgoing = true, .sender = other.bytes };

	assert_false(bh_senders_foreign(*state, &p));
	p.outgoing = false;
	p.sender = NULL;
	assert_false(bh_senders_foreign(*state, &p));
	assert_false(is_foreign(*state, 0, &other, 1));
	assert_false(is_foreign(*state, 8, &other, 1));
	bh_senders_unbind(*state, 7);
	assert_false(is_foreign(*state, 7, &other, 1));
}

static void it_is_news_once_a_minute(void **state)
{
	assert_true(is_foreign(*state, 7, &other, 0));
	assert_false(is_foreign(*state, 7, &other, 59 * BH_SECOND));
	assert_true(is_foreign(*state, 7, &third, 59 * BH_SECOND));
	assert_true(is_foreign(*state, 7, &other, 60 * BH_SECOND));
	bh_senders_bind(*state, 8, &own, 0);
	assert_true(is_foreign(*state, 8, &other, 60 * BH_SECOND)); /* another interface's */
}

static void a_clock_set_back_silences_nobody(void **state)
{
	assert_true(is_foreign(*state, 7, &other, 3600 * BH_SECOND));
	assert_true(is_foreign(*state, 7, &other, 0));
}

static void frames_on_their_way_have_the_mac_of_before(void **state)
{
	assert_false(is_foreign(*state, 7, &own, 1));
	bh_senders_bind(*state, 7, &other, 100 * BH_SECOND);
	assert_false(is_foreign(*state, 7, &own, 99 * BH_SECOND));
	assert_false(is_foreign(*state, 7, &own, 101 * BH_SECOND));
	assert_false(is_foreign(*state, 7, &other, 101 * BH_SECOND));
	assert_true(is_foreign(*state, 7, &own, 110 * BH_SECOND));
	/* The same fact again is no change. */
	bh_senders_bind(*state, 7, &other, 300 * BH_SECOND);
	assert_true(is_foreign(*state, 7, &own, 301 * BH_SECOND));
}

static void an_unknown_mac_says_nothing(void **state)
{
	static const struct bh_mac unknown;

	assert_false(is_foreign(*state, 7, &own, 1));
	bh_senders_bind(*state, 7, &unknown, 2);
	assert_false(is_foreign(*state, 7, &other, 3));
	bh_senders_bind(*state, 7, &other, 4); /* a first one: it had none before */
	assert_true(is_foreign(*state, 7, &own, 5));
	assert_false(is_foreign(*state, 7, &other, 5));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ones_own_is_not_foreign),
		TEST(only_what_comes_in_from_a_watched_interface_counts),
		TEST(it_is_news_once_a_minute),
		TEST(a_clock_set_back_silences_nobody),
		TEST(frames_on_their_way_have_the_mac_of_before),
		TEST(an_unknown_mac_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
