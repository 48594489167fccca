/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who of a workload is in its mode, where not all are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_existing_parts.h"
#include "core_fixture.h"
#include "core_share.h"
#include "grow.h"

#define WEB "netns:web"
#define MOST 10

static struct bh_core *core;

static int setup(void **state)
{
	struct bh_model_config model = { .keep_departed = BH_SECOND, .netns_ordinals = true };
	uint8_t *mode = bh_calloc(1, 1);

	(void)state;
	core = core_fixture_new(BH_SECOND);
	bh_model_free(core->model);
	core->model = bh_model_new(&model);
	*mode = BH_ENFORCE;
	bh_map_put_text(core->modes, WEB, mode);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_fixture_free(core);
	return 0;
}

static void come(unsigned number)
{
	char name[16], addr[16];

	snprintf(name, sizeof(name), "web-%u", number);
	snprintf(addr, sizeof(addr), "10.0.0.%u", number);
	core_fixture_endpoint(core, number, name, addr);
}

static void go(unsigned number)
{
	bh_model_endpoint_gone(core->model, number, CORE_FIXTURE_NOW);
}

static void share(bool percent, uint32_t value)
{
	bh_shares_set(core->shares, WEB,
		      &(struct bh_share) { .percent = percent, .value = value, .rest = BH_AUDIT });
}

/* Numbers of those that are enforced, as bits; each of the others is audited. */
static unsigned enforced(void)
{
	const struct bh_instance *instance;
	unsigned bits = 0;

	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;) {
		uint8_t mode = bh_core_instance_mode(core, instance);

		assert_string_equal(instance->workload, WEB);
		if (mode == BH_ENFORCE)
			bits |= 1u << instance->fact.ifindex;
		else
			assert_int_equal(mode, BH_AUDIT);
	}
	return bits;
}

static unsigned count(unsigned bits)
{
	return (unsigned)__builtin_popcount(bits);
}

static void a_share_is_rounded_up_and_never_none(void **state)
{
	static const struct {
		bool percent;
		uint32_t value;
		unsigned of, on;
	} cases[] = { { false, 1, 4, 1 }, { false, 4, 4, 4 },  { false, 9, 4, 4 },
		      { true, 25, 4, 1 }, { true, 26, 4, 2 },  { true, 1, 4, 1 },
		      { true, 99, 4, 4 }, { true, 50, 10, 5 }, { true, 33, 10, 4 },
		      { false, 3, 10, 3 } };

	(void)state;
	for (unsigned i = 1; i <= 4; i++)
		come(i);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned number = 5; number <= cases[i].of; number++)
			come(number);
		share(cases[i].percent, cases[i].value);
		assert_int_equal(count(enforced()), cases[i].on);
	}
	bh_shares_set(core->shares, WEB, NULL);
	assert_int_equal(count(enforced()), MOST);
}

static void a_wider_share_holds_the_narrower_one(void **state)
{
	unsigned before = 0;

	(void)state;
	for (unsigned i = 1; i <= MOST; i++)
		come(i);
	for (uint32_t on = 1; on <= MOST; on++) {
		share(false, on);
		unsigned now = enforced();
		assert_int_equal(count(now), on);
		assert_int_equal(now & before, before);
		before = now;
	}
}

/* The order of coming does not matter, and one that comes or goes moves one other at most. */
static void who_comes_and_goes_moves_one_other_at_most(void **state)
{
	(void)state;
	share(false, 3);
	for (unsigned i = MOST; i > 0; i--) {
		unsigned before = enforced();
		come(i);
		assert_true(count(before & ~enforced()) <= 1);
	}
	unsigned all = enforced();
	for (unsigned i = 1; i <= MOST; i++) {
		unsigned before = enforced();
		go(i);
		unsigned after = enforced();
		assert_int_equal(after & (1u << i), 0);
		assert_int_equal(after & before, before & ~(1u << i));
		come(i);
		assert_int_equal(enforced(), all);
	}
}

static void who_comes_when_nobody_is_there_is_the_first(void **state)
{
	struct bh_instance away = { .workload = WEB, .name = "web-1" };

	(void)state;
	share(true, 10);
	assert_true(bh_shares_include(core->shares, core->model, &away));
	come(2);
	assert_false(bh_shares_include(core->shares, core->model, &away));
	assert_int_equal(enforced(), 1u << 2);
}

static void the_others_are_the_floor_and_told_of(void **state)
{
	char text[BH_SHARE_TEXT];

	(void)state;
	come(1);
	come(2);
	assert_int_equal(bh_core_mode_floor(core, WEB), BH_ENFORCE);
	assert_string_equal(bh_core_share_text(core, WEB, text), "enforce");
	share(true, 50);
	assert_int_equal(bh_core_mode_floor(core, WEB), BH_AUDIT);
	assert_string_equal(bh_core_share_text(core, WEB, text), "enforce on 50%, 1 of 2");
	share(false, 3);
	assert_string_equal(bh_core_share_text(core, WEB, text), "enforce on 3, 2 of 2");
	share(false, 1);
	assert_string_equal(bh_core_share_text(core, WEB, text), "enforce on 1 of 2");
	share(true, 50);
	cJSON *json = bh_core_share_json(core, WEB);
	char *printed = cJSON_PrintUnformatted(json);
	assert_non_null(strstr(printed, "\"mode\":\"enforce\",\"replicas\":null,\"percent\":50,"
					"\"rest\":\"audit\",\"on\":1,\"of\":2,"
					"\"instances\":[\"web-"));
	free(printed);
	cJSON_Delete(json);
	/* A mode that is milder than the others' holds for all. */
	*(uint8_t *)bh_map_get_text(core->modes, WEB) = BH_LEARN;
	const struct bh_instance *one = bh_model_at(core->model, 1, CORE_FIXTURE_NOW);
	assert_int_equal(bh_core_instance_mode(core, one), BH_LEARN);
}

/* What moved by itself is told, and open connections are looked at then. */
static void what_moves_by_itself_is_told_once(void **state)
{
	uint64_t made = core->existing->made;

	(void)state;
	for (unsigned i = 1; i <= 3; i++)
		come(i);
	share(false, 1);
	bh_core_shares_look(core);
	unsigned first = enforced();
	unsigned other = first == 1u << 1 ? 2 : 1;
	go(other);
	bh_core_shares_look(core);
	assert_int_equal(core_fixture_events(core, "mode"), 0);
	assert_int_equal(core->existing->made, made);
	go((unsigned)__builtin_ctz(first));
	bh_core_shares_look(core);
	bh_core_shares_look(core);
	assert_int_equal(core_fixture_events(core, "mode"), 1);
	assert_int_equal(core_fixture_told(core, "netns:web: enforce on 1 of 1: in it now: web-"),
			 1);
	assert_int_equal(core_fixture_told(core, "; no longer: web-"), 1);
	assert_int_equal(core->existing->made, made + 1);
	/* What a person says is told as that. */
	come(other);
	share(false, 2);
	bh_core_shares_look(core);
	assert_int_equal(core_fixture_events(core, "mode"), 1);
}

static void what_is_stricter_for_nobody_needs_no_evidence(void **state)
{
	static const struct bh_share one = { .value = 1 }, two = { .value = 2 },
				     half = { .percent = true, .value = 50 };

	(void)state;
	assert_false(bh_core_share_is_stricter(core, WEB, BH_ENFORCE, NULL));
	assert_false(bh_core_share_is_stricter(core, WEB, BH_ENFORCE, &one));
	share(false, 2);
	assert_false(bh_core_share_is_stricter(core, WEB, BH_AUDIT, NULL));
	assert_false(bh_core_share_is_stricter(core, WEB, BH_ENFORCE, &one));
	assert_false(bh_core_share_is_stricter(core, WEB, BH_STAGE1, &two));
	assert_true(bh_core_share_is_stricter(core, WEB, BH_STAGE1, NULL));
	assert_true(bh_core_share_is_stricter(core, WEB, BH_ENFORCE, NULL));
	assert_true(bh_core_share_is_stricter(core, WEB, BH_ENFORCE, &half));
	share(true, 50);
	assert_true(bh_core_share_is_stricter(core, WEB, BH_ENFORCE, &one));
	*(uint8_t *)bh_map_get_text(core->modes, WEB) = BH_STAGE1;
	assert_true(bh_core_share_is_stricter(core, WEB, BH_ENFORCE, &half));
}

static void it_is_said_how_to_have_the_same(void **state)
{
	char text[BH_SHARE_TEXT];

	(void)state;
	assert_string_equal(bh_core_share_option(core, WEB, text), "");
	share(false, 2);
	assert_string_equal(bh_core_share_option(core, WEB, text), " --replicas 2");
	share(true, 25);
	assert_string_equal(bh_core_share_option(core, WEB, text), " --share 25%");
}

static void it_is_stored(void **state)
{
	struct bh_error err = { 0 };
	const struct bh_share stored = { .percent = true, .value = 25, .rest = BH_STAGE1 };

	(void)state;
	assert_int_equal(bh_store_set_share(core->store, WEB, &stored, &err), 0);
	assert_int_equal(bh_core_shares_load(core, &err), 0);
	const struct bh_share *loaded = bh_core_share(core, WEB);
	assert_non_null(loaded);
	assert_true(loaded->percent);
	assert_int_equal(loaded->value, 25);
	assert_int_equal(loaded->rest, BH_STAGE1);
	assert_int_equal(bh_store_set_share(core->store, WEB, NULL, &err), 0);
	bh_shares_set(core->shares, WEB, NULL);
	assert_int_equal(bh_core_shares_load(core, &err), 0);
	assert_null(bh_core_share(core, WEB));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_share_is_rounded_up_and_never_none),
		TEST(a_wider_share_holds_the_narrower_one),
		TEST(who_comes_and_goes_moves_one_other_at_most),
		TEST(who_comes_when_nobody_is_there_is_the_first),
		TEST(the_others_are_the_floor_and_told_of),
		TEST(what_moves_by_itself_is_told_once),
		TEST(what_is_stricter_for_nobody_needs_no_evidence),
		TEST(it_is_said_how_to_have_the_same),
		TEST(it_is_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
