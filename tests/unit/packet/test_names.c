/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What addresses are called, when, and for whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "address.h"
#include "names.h"

static const struct bh_names_client web = { .ifindex = 7 }, db = { .ifindex = 8 };

static struct bh_addr address(unsigned last)
{
	return (struct bh_addr) { BH_IPV4, { 192, 0, (uint8_t)(last >> 8), (uint8_t)last } };
}

static void add(struct bh_names *names, const struct bh_names_client *who, unsigned last,
		const char *name, int64_t time, int64_t until)
{
	struct bh_named named = { .addr = address(last), .time = time, .until = until };

	strcpy(named.name, name);
	bh_names_add(names, who, &named);
}

static const char *at(struct bh_names *names, const struct bh_names_client *who, unsigned last,
		      int64_t time)
{
	struct bh_addr addr = address(last);
	const struct bh_name *name = bh_names_find(names, who, &addr, time);

	return name != NULL ? bh_name_text(name) : "-";
}

static void a_name_lives_from_answer_to_expiry(void **state)
{
	struct bh_names *names = bh_names_new(10, 10);

	(void)state;
	add(names, &web, 1, "a.example", 100, 200);
	assert_string_equal(at(names, &web, 1, 99), "-");
	assert_string_equal(at(names, &web, 1, 100), "a.example");
	assert_string_equal(at(names, &web, 1, 199), "a.example");
	assert_string_equal(at(names, &web, 1, 200), "-");
	add(names, &web, 1, "a.example", 150, 300);
	assert_string_equal(at(names, &web, 1, 120), "a.example");
	assert_string_equal(at(names, &web, 1, 299), "a.example");
	bh_names_free(names);
}

static void names_are_their_clients_own(void **state)
{
	struct bh_names *names = bh_names_new(10, 10);
	struct bh_names_client other = { .addr = address(9) };

	(void)state;
	add(names, &web, 1, "a.example", 100, 200);
	add(names, &other, 1, "b.example", 100, 200);
	assert_string_equal(at(names, &db, 1, 150), "-");
	assert_string_equal(at(names, &other, 1, 150), "b.example");
	bh_names_drop(names, &web);
	assert_string_equal(at(names, &web, 1, 150), "-");
	assert_string_equal(at(names, &other, 1, 150), "b.example");
	bh_names_drop(names, &web); /* twice is harmless */
	assert_int_equal(bh_names_count(names), 1);
	bh_names_free(names);
}

static void the_latest_answer_before_it_names_a_flow(void **state)
{
	struct bh_names *names = bh_names_new(10, 10);
	static const char *const texts[] = { "a", "b", "c", "d", "e" };

	(void)state;
	for (int i = 0; i < 5; i++)
		add(names, &web, 1, texts[i], 100 * (i + 1), 10000);
	for (int i = 1; i < 5; i++)
		assert_string_equal(at(names, &web, 1, 100 * (i + 1) + 50), texts[i]);
	assert_string_equal(at(names, &web, 1, 150), "-"); /* too many since */
	bh_names_free(names);
}

static void a_clock_that_is_set_back_loses_nothing_for_long(void **state)
{
	struct bh_names *names = bh_names_new(10, 10);

	(void)state;
	add(names, &web, 1, "a.example", 5000, 6000);
	add(names, &web, 2, "b.example", 5000, 6000);
	assert_string_equal(at(names, &web, 1, 150), "-");
	add(names, &web, 1, "a.example", 100, 200); /* the same answer again */
	assert_string_equal(at(names, &web, 1, 150), "a.example");
	add(names, &web, 2, "c.example", 100, 200); /* another one */
	assert_string_equal(at(names, &web, 2, 150), "c.example");
	bh_names_free(names);
}

static void a_living_flow_keeps_its_name(void **state)
{
	struct bh_names *names = bh_names_new(10, 10);
	struct bh_addr addr = address(1);

	(void)state;
	add(names, &web, 1, "a.example", 100, 200);
	struct bh_name *name = bh_names_find(names, &web, &addr, 150);
	bh_name_use(name);
	assert_string_equal(at(names, &web, 1, 5000), "a.example");
	bh_name_end(name);
	assert_string_equal(at(names, &web, 1, 5000), "-");
	bh_names_free(names);
	assert_string_equal(bh_name_text(name), "a.example"); /* still held */
	bh_name_release(name);
	bh_name_use(NULL);
	bh_name_end(NULL);
	bh_name_release(NULL);
}

static void memory_is_bounded(void **state)
{
	struct bh_names *names = bh_names_new(3, 5);

	(void)state;
	for (unsigned i = 1; i <= 3; i++)
		add(names, &web, i, "a.example", 100, 200);
	assert_string_equal(at(names, &web, 1, 150),
			    "a.example"); /* asked about: not first to go */
	add(names, &web, 4, "a.example", 100, 200);
	assert_int_equal(bh_names_count(names), 3);
	assert_string_equal(at(names, &web, 2, 150), "-");
	assert_string_equal(at(names, &web, 1, 150), "a.example");
	for (unsigned i = 1; i <= 3; i++)
		add(names, &db, i, "b.example", 100, 200);
	assert_int_equal(bh_names_count(names), 5);
	assert_string_equal(at(names, &web, 3, 150), "-"); /* of all the longest not asked about */
	for (unsigned i = 0; i < 1000; i++) {
		struct bh_names_client many = { .ifindex = 100 + i };

		add(names, &many, i, "c.example", 100, 200);
	}
	assert_int_equal(bh_names_count(names), 5);
	bh_names_free(names);
	bh_names_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_lives_from_answer_to_expiry),
		cmocka_unit_test(names_are_their_clients_own),
		cmocka_unit_test(the_latest_answer_before_it_names_a_flow),
		cmocka_unit_test(a_clock_that_is_set_back_loses_nothing_for_long),
		cmocka_unit_test(a_living_flow_keeps_its_name),
		cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
