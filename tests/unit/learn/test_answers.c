/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "answers.h"
#include "buffer.h"
#include "timefmt.h"

static const struct bh_answers_limits limits = { .per_name = 3, .per_workload = 5, .most = 7 };

static struct bh_addr address(const char *text)
{
	struct bh_addr addr;

	assert_true(bh_addr_parse(text, &addr));
	return addr;
}

/* Told at that second, good for ten more. */
static bool told(struct bh_answers *a, const char *workload, const char *name, const char *addr,
		 int64_t second)
{
	struct bh_answer_row row = { .workload = workload,
				     .name = name,
				     .addr = address(addr),
				     .until = (second + 10) * BH_SECOND,
				     .used = second * BH_SECOND };

	return bh_answers_note(a, &row);
}

static void put_row(void *user, const struct bh_answer_row *row)
{
	struct bh_buffer *out = user;
	char addr[BH_ADDR_TEXT];

	bh_buffer_printf(out, "%s %s %s\n", row->workload, row->name,
			 bh_addr_format(&row->addr, addr));
}

static void assert_holds(const struct bh_answers *a, const char *expected)
{
	struct bh_buffer out = { 0 };

	bh_buffer_puts(&out, "");
	bh_answers_each(a, NULL, put_row, &out);
	assert_string_equal(out.data, expected);
	bh_buffer_free(&out);
}

static struct bh_answer_use *use(struct bh_answers *a, const char *workload, const char *addr)
{
	struct bh_addr of = address(addr);

	return bh_answers_use(a, workload, &of);
}

static const char *name_of(const struct bh_answers *a, const char *workload, const char *addr)
{
	struct bh_addr of = address(addr);

	return bh_answers_name(a, workload, &of, INT64_MAX);
}

static void an_answer_is_its_workloads_alone(void **state)
{
	struct bh_answers *a = bh_answers_new(&limits);

	(void)state;
	assert_true(told(a, "web", "pay.example", "203.0.113.1", 1));
	assert_false(told(a, "web", "pay.example", "203.0.113.1", 2));
	assert_true(told(a, "web", "cdn.example", "203.0.113.1", 3));
	assert_string_equal(name_of(a, "web", "203.0.113.1"), "cdn.example");
	assert_false(told(a, "web", "pay.example", "203.0.113.1", 4));
	assert_string_equal(name_of(a, "web", "203.0.113.1"), "pay.example");
	assert_null(name_of(a, "web", "203.0.113.2"));
	assert_null(name_of(a, "job", "203.0.113.1"));
	assert_null(use(a, "job", "203.0.113.1"));
	assert_true(bh_answers_knows(a, "web"));
	assert_false(bh_answers_knows(a, "job"));
	assert_holds(a, "web cdn.example 203.0.113.1\nweb pay.example 203.0.113.1\n");
	bh_answers_free(a);
}

static void a_name_counts_from_when_it_was_told(void **state)
{
	struct bh_answers *a = bh_answers_new(&limits);
	struct bh_addr addr = address("203.0.113.1");
	struct bh_answer_row before = { "web", "old.example", addr, 5 * BH_SECOND, BH_SECOND };

	(void)state;
	told(a, "web", "pay.example", "203.0.113.1", 3);
	told(a, "web", "cdn.example", "203.0.113.1", 5);
	told(a, "web", "pay.example", "203.0.113.1", 7);
	assert_null(bh_answers_name(a, "web", &addr, 3 * BH_SECOND - 1));
	assert_string_equal(bh_answers_name(a, "web", &addr, 3 * BH_SECOND), "pay.example");
	assert_string_equal(bh_answers_other_name(a, "web", &addr, 0), "pay.example");
	assert_string_equal(bh_answers_other_name(a, "web", &addr, 1), "cdn.example");
	assert_null(bh_answers_other_name(a, "web", &addr, 2));
	assert_null(bh_answers_other_name(a, "db", &addr, 0));
	bh_answers_restore(a, &before);
	assert_string_equal(bh_answers_name(a, "web", &addr, 0), "old.example");
	bh_answers_free(a);
}

static bool is_pay(void *user, const char *name)
{
	(void)user;
	return strcmp(name, "pay.example") == 0;
}

static void wanted_names_alone_are_told(void **state)
{
	struct bh_answers *a = bh_answers_new(&limits);
	struct bh_buffer out = { 0 };

	(void)state;
	told(a, "web", "pay.example", "203.0.113.2", 1);
	told(a, "web", "cdn.example", "203.0.113.1", 1);
	told(a, "job", "pay.example", "203.0.113.1", 1);
	bh_answers_each(a, is_pay, put_row, &out);
	assert_string_equal(out.data, "job pay.example 203.0.113.1\nweb pay.example 203.0.113.2\n");
	bh_buffer_free(&out);
	bh_answers_free(a);
}

static void a_workload_by_another_name_knows_the_same(void **state)
{
	struct bh_answers *a = bh_answers_new(&limits);

	(void)state;
	told(a, "web", "pay.example", "203.0.113.1", 1);
	told(a, "web", "cdn.example", "203.0.113.1", 2);
	told(a, "front", "cdn.example", "203.0.113.1", 9);
	bh_answers_copy(a, "web", "front");
	bh_answers_copy(a, "nobody", "front");
	assert_holds(a, "front cdn.example 203.0.113.1\nfront pay.example 203.0.113.1\n"
			"web cdn.example 203.0.113.1\nweb pay.example 203.0.113.1\n");
	assert_true(bh_answers_expire(a, 15 * BH_SECOND));
	assert_holds(a, "front cdn.example 203.0.113.1\n");
	/* What has to go to make room is copied all the same. */
	told(a, "full", "a.example", "203.0.113.1", 20);
	told(a, "full", "b.example", "203.0.113.2", 20);
	told(a, "full", "c.example", "203.0.113.3", 20);
	told(a, "full", "d.example", "203.0.113.4", 20);
	bh_answers_copy(a, "full", "new");
	assert_int_equal(bh_answers_count(a), 7);
	assert_string_equal(name_of(a, "new", "203.0.113.4"), "d.example");
	bh_answers_free(a);
}

static void what_a_flow_uses_stays(void **state)
{
	struct bh_answers *a = bh_answers_new(&limits);

	(void)state;
	told(a, "web", "pay.example", "203.0.113.1", 1);
	told(a, "web", "pay.example", "203.0.113.2", 1);
	told(a, "job", "pay.example", "203.0.113.1", 1);
	struct bh_answer_use *flow = use(a, "web", "203.0.113.1"),
			     *other = use(a, "web", "203.0.113.1");
	assert_non_null(flow);
	assert_false(bh_answers_expire(a, 11 * BH_SECOND - 1));
	assert_true(bh_answers_expire(a, 11 * BH_SECOND));
	assert_holds(a, "web pay.example 203.0.113.1\n");
	bh_answers_end(flow);
	assert_false(bh_answers_expire(a, 100 * BH_SECOND));
	bh_answers_end(other);
	assert_true(bh_answers_expire(a, 100 * BH_SECOND));
	assert_holds(a, "");
	assert_false(bh_answers_knows(a, "web"));
	bh_answers_free(a);
}

static void an_answer_again_makes_it_last(void **state)
{
	struct bh_answers *a = bh_answers_new(&limits);

	(void)state;
	told(a, "web", "pay.example", "203.0.113.1", 1);
	told(a, "web", "pay.example", "203.0.113.1", 5);
	told(a, "web", "pay.example", "203.0.113.1", 3);
	assert_false(bh_answers_expire(a, 15 * BH_SECOND - 1));
	assert_true(bh_answers_expire(a, 15 * BH_SECOND));
	bh_answers_free(a);
}

/* A name's own addresses make room for its new one: whichever was not used for longest. */
static void a_name_has_so_many_addresses(void **state)
{
	struct bh_answers *a = bh_answers_new(&limits);

	(void)state;
	told(a, "web", "pay.example", "203.0.113.1", 1);
	told(a, "web", "pay.example", "203.0.113.2", 2);
	told(a, "web", "pay.example", "203.0.113.3", 3);
	told(a, "web", "other.example", "203.0.113.9", 0);
	struct bh_answer_use *first = use(a, "web", "203.0.113.1");
	bh_answers_touch(a, first, 4 * BH_SECOND);
	bh_answers_end(first);
	assert_true(told(a, "web", "pay.example", "203.0.113.4", 5));
	assert_holds(a, "web other.example 203.0.113.9\nweb pay.example 203.0.113.1\n"
			"web pay.example 203.0.113.3\nweb pay.example 203.0.113.4\n");
	/* 3 would go; a flow holds it, and it is 1's turn. The newest one never goes first. */
	struct bh_answer_use *third = use(a, "web", "203.0.113.3");
	assert_true(told(a, "web", "pay.example", "203.0.113.5", 6));
	assert_holds(a, "web other.example 203.0.113.9\nweb pay.example 203.0.113.3\n"
			"web pay.example 203.0.113.4\nweb pay.example 203.0.113.5\n");
	struct bh_answer_use *fourth = use(a, "web", "203.0.113.4"),
			     *fifth = use(a, "web", "203.0.113.5");
	assert_int_equal(bh_answers_refused(a), 0);
	assert_false(told(a, "web", "pay.example", "203.0.113.6", 7));
	assert_int_equal(bh_answers_refused(a), 1);
	bh_answers_end(third);
	bh_answers_end(fourth);
	bh_answers_end(fifth);
	bh_answers_free(a);
}

static void a_workload_cannot_push_out_others(void **state)
{
	struct bh_answers *a = bh_answers_new(&limits);
	char name[32], addr[32];

	(void)state;
	told(a, "job", "pay.example", "203.0.113.1", 1);
	told(a, "job", "pay.example", "203.0.113.2", 1);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		snprintf(addr, sizeof(addr), "198.51.100.%d", i);
		assert_true(told(a, "web", name, addr, 2 + i));
	}
	assert_int_equal(bh_answers_count(a), 7);
	assert_string_equal(name_of(a, "job", "203.0.113.1"), "pay.example");
	assert_string_equal(name_of(a, "web", "198.51.100.45"), "n45.example");
	assert_null(name_of(a, "web", "198.51.100.44"));
	/* With no room at all it is the one of whichever workload that was used longest ago. */
	assert_true(told(a, "api", "pay.example", "203.0.113.1", 100));
	assert_int_equal(bh_answers_count(a), 7);
	assert_null(name_of(a, "job", "203.0.113.1"));
	bh_answers_free(a);
}

/* --- saving ----------------------------------------------------------------------------------- */

struct saved {
	struct bh_buffer saved, dropped;
	struct bh_answers *other; /* where what is saved is restored; or NULL */
};

static void save(void *user, const struct bh_answer_row *row)
{
	struct saved *s = user;

	put_row(&s->saved, row);
	if (s->other != NULL)
		bh_answers_restore(s->other, row);
}

static void drop(void *user, const struct bh_answer_row *row)
{
	put_row(&((struct saved *)user)->dropped, row);
}

static void assert_saves(struct bh_answers *a, struct bh_answers *other, const char *saved,
			 const char *dropped)
{
	struct saved s = { .other = other };

	bh_buffer_puts(&s.saved, "");
	bh_buffer_puts(&s.dropped, "");
	bh_answers_each_dirty(a, save, drop, &s);
	assert_string_equal(s.saved.data, saved);
	assert_string_equal(s.dropped.data, dropped);
	bh_buffer_free(&s.saved);
	bh_buffer_free(&s.dropped);
}

static void what_changed_is_saved_once(void **state)
{
	struct bh_answers *a = bh_answers_new(&limits), *b = bh_answers_new(&limits);

	(void)state;
	told(a, "web", "pay.example", "203.0.113.1", 1);
	assert_saves(a, b, "web pay.example 203.0.113.1\n", "");
	assert_saves(a, NULL, "", "");
	told(a, "web", "pay.example", "203.0.113.1", 600);
	assert_saves(a, NULL, "", "");
	told(a, "web", "pay.example", "203.0.113.1", 601);
	assert_saves(a, NULL, "web pay.example 203.0.113.1\n", "");
	bh_answers_expire(a, 10000 * BH_SECOND);
	told(a, "web", "pay.example", "203.0.113.1", 10001);
	assert_saves(a, NULL, "web pay.example 203.0.113.1\n", "web pay.example 203.0.113.1\n");
	bh_answers_mark_dirty(a);
	assert_saves(a, NULL, "web pay.example 203.0.113.1\n", "");
	/* What was put back is saved already, and holds as long. */
	assert_holds(b, "web pay.example 203.0.113.1\n");
	assert_saves(b, NULL, "", "");
	assert_false(bh_answers_expire(b, 11 * BH_SECOND - 1));
	assert_true(bh_answers_expire(b, 11 * BH_SECOND));
	bh_answers_free(a);
	bh_answers_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_its_workloads_alone),
		cmocka_unit_test(a_name_counts_from_when_it_was_told),
		cmocka_unit_test(wanted_names_alone_are_told),
		cmocka_unit_test(a_workload_by_another_name_knows_the_same),
		cmocka_unit_test(what_a_flow_uses_stays),
		cmocka_unit_test(an_answer_again_makes_it_last),
		cmocka_unit_test(a_name_has_so_many_addresses),
		cmocka_unit_test(a_workload_cannot_push_out_others),
		cmocka_unit_test(what_changed_is_saved_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
