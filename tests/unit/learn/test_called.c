/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What peers outside were called: kept, bounded, and the same after a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "called.h"
#include "timefmt.h"

#define NOW (INT64_C(1700000000) * BH_SECOND)

/* The names of web's peer 192.0.2.1, joined; good until the next call. */
static const char *names_of(const struct bh_called *called, enum bh_calling how)
{
	static char text[512];
	struct bh_edge_names names;

	bh_called_get(called, "web", "192.0.2.1", &names);
	text[0] = '\0';
	for (size_t i = 0; i < names.counts[how]; i++) {
		strcat(text, i > 0 ? " " : "");
		strcat(text, names.names[how][i]);
	}
	return text;
}

static void note(struct bh_called *called, enum bh_calling how, const char *name, int64_t time)
{
	bh_called_note(called, "web", "192.0.2.1", how, name, time);
}

static void each_pair_has_its_own(void **state)
{
	struct bh_called *called = bh_called_new(10);

	(void)state;
	note(called, BH_CALLED_BY_DNS, "pay.example", NOW);
	note(called, BH_CALLED_BY_DNS, "cdn.example", NOW + 1);
	note(called, BH_CALLED_BY_DNS, "pay.example", NOW + 2);
	note(called, BH_CALLED_BY_CLAIM, "claimed.example", NOW);
	bh_called_note(called, "web", "192.0.2.2", BH_CALLED_BY_DNS, "other.example", NOW);
	bh_called_note(called, "we", "b192.0.2.1", BH_CALLED_BY_DNS, "mixed.example", NOW);
	assert_string_equal(names_of(called, BH_CALLED_BY_DNS), "cdn.example pay.example");
	assert_string_equal(names_of(called, BH_CALLED_BY_CLAIM), "claimed.example");
	bh_called_free(called);
}

static void the_latest_few_stay(void **state)
{
	struct bh_called *called = bh_called_new(1);
	char name[16];

	(void)state;
	for (int i = 0; i < BH_EDGE_NAMES; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		note(called, BH_CALLED_BY_DNS, name, NOW + i);
	}
	note(called, BH_CALLED_BY_DNS, "n0", NOW + 100);
	note(called, BH_CALLED_BY_DNS, "a", NOW + 101);
	assert_string_equal(names_of(called, BH_CALLED_BY_DNS), "a n0 n2 n3");
	/* No further pair than was asked for. */
	struct bh_edge_names names;
	bh_called_note(called, "api", "192.0.2.1", BH_CALLED_BY_DNS, "pay.example", NOW);
	bh_called_get(called, "api", "192.0.2.1", &names);
	assert_int_equal(names.counts[BH_CALLED_BY_DNS], 0);
	bh_called_free(called);
}

struct saved {
	size_t count;
	char names[512];
};

static void save(void *user, const char *src, const char *dst, const char *names)
{
	struct saved *saved = user;

	assert_string_equal(src, "web");
	assert_string_equal(dst, "192.0.2.1");
	snprintf(saved->names, sizeof(saved->names), "%s", names);
	saved->count++;
}

static void what_was_saved_comes_back(void **state)
{
	struct bh_called *called = bh_called_new(10), *again = bh_called_new(10);
	struct saved saved = { 0 };

	(void)state;
	note(called, BH_CALLED_BY_DNS, "pay.example", NOW);
	note(called, BH_CALLED_BY_CLAIM, "claimed.example", NOW);
	bh_called_each_dirty(called, save, &saved);
	assert_int_equal(saved.count, 1);
	bh_called_restore(again, "web", "192.0.2.1", saved.names);
	assert_string_equal(names_of(again, BH_CALLED_BY_DNS), "pay.example");
	assert_string_equal(names_of(again, BH_CALLED_BY_CLAIM), "claimed.example");
	bh_called_each_dirty(again, save, &saved);
	assert_int_equal(saved.count, 1); /* what came from there need not go there */
	bh_called_restore(again, "web", "192.0.2.1", "quic x.example 5\ndns\nrubbish");
	assert_string_equal(names_of(again, BH_CALLED_BY_DNS), "pay.example");
	bh_called_mark_dirty(again);
	bh_called_each_dirty(again, save, &saved);
	assert_int_equal(saved.count, 2);
	bh_called_free(called);
	bh_called_free(again);
}

static void meeting_again_is_saved_once_an_hour(void **state)
{
	struct bh_called *called = bh_called_new(10);
	struct saved saved = { 0 };

	(void)state;
	note(called, BH_CALLED_BY_DNS, "pay.example", NOW);
	bh_called_each_dirty(called, save, &saved);
	note(called, BH_CALLED_BY_DNS, "pay.example", NOW + 1);
	bh_called_each_dirty(called, save, &saved);
	assert_int_equal(saved.count, 1);
	note(called, BH_CALLED_BY_DNS, "pay.example", NOW + 3600 * BH_SECOND);
	note(called, BH_CALLED_BY_DNS, "pay.example", NOW); /* the clock was set back */
	bh_called_each_dirty(called, save, &saved);
	assert_int_equal(saved.count, 2);
	bh_called_free(called);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_pair_has_its_own),
		cmocka_unit_test(the_latest_few_stay),
		cmocka_unit_test(what_was_saved_comes_back),
		cmocka_unit_test(meeting_again_is_saved_once_an_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
