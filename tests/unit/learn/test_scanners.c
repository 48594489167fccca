/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When somebody is taken for one who looks for others, and when not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>

#include "scanners.h"

static const struct bh_peer db = { BH_PEER_WORKLOAD, "db" };

/* Contacts of replica 1 with so many further ports. True: the last of them gives it away. */
static bool contact(struct bh_scanners *s, uint16_t *port, int count, bool answered)
{
	bool flagged = false;

	for (int i = 0; i < count; i++) {
		assert_false(flagged);
		flagged = bh_scanners_contact(s, 1, &db, IPPROTO_TCP, ++*port, answered, 5);
	}
	return flagged;
}

static void four_failures_on_end(void **state)
{
	struct bh_scanners *s = bh_scanners_new(100, true);
	uint16_t port = 0;

	(void)state;
	assert_true(contact(s, &port, 4, false));
	/* It begins anew. */
	assert_false(contact(s, &port, 3, false));
	assert_false(contact(s, &port, 1, true));
	assert_true(contact(s, &port, 2, false));
	bh_scanners_free(s);
}

static void a_good_history_excuses_three_more(void **state)
{
	struct bh_scanners *s = bh_scanners_new(100, true);
	uint16_t port = 0;

	(void)state;
	assert_false(contact(s, &port, 50, true));
	assert_true(contact(s, &port, 7, false));
	bh_scanners_free(s);
}

static void only_the_first_contact_counts(void **state)
{
	static const struct bh_peer other = { BH_PEER_ADDRESS, "db" };
	struct bh_scanners *s = bh_scanners_new(100, true);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_false(bh_scanners_contact(s, 1, &db, IPPROTO_TCP, 80, false, 5));
	/* Others are: another protocol, destination or replica. */
	assert_false(bh_scanners_contact(s, 1, &db, IPPROTO_UDP, 80, false, 5));
	assert_false(bh_scanners_contact(s, 2, &db, IPPROTO_TCP, 80, false, 5));
	assert_false(bh_scanners_contact(s, 1, &other, IPPROTO_TCP, 80, false, 5));
	assert_true(bh_scanners_contact(s, 1, &db, IPPROTO_TCP, 81, false, 5));
	bh_scanners_free(s);
}

static void what_finds_no_room_is_counted_and_not_judged(void **state)
{
	struct bh_scanners *s = bh_scanners_new(3, true);
	uint16_t port = 0;

	(void)state;
	assert_false(contact(s, &port, 10, false));
	assert_int_equal(bh_scanners_lost(s), 7);
	bh_scanners_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_failures_on_end),
		cmocka_unit_test(a_good_history_excuses_three_more),
		cmocka_unit_test(only_the_first_contact_counts),
		cmocka_unit_test(what_finds_no_room_is_counted_and_not_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
