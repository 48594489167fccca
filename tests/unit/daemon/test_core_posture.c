/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom which posture meets, by what is known of him. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "core_fixture.h"
#include "core_posture.h"
#include "grow.h"

#define BRIDGE 100 /* of the fixture's endpoints */

static struct bh_core *core;

static void pattern(const char *match, uint8_t posture)
{
	struct bh_config_postures *list = &core->config.postures;

	bh_copy_text(list->items[list->count].match, BH_CONFIG_TEXT, match);
	list->items[list->count++].posture = posture;
}

static int setup(void **state)
{
	struct bh_host_link link = { .ifindex = BRIDGE, .ifname = "br-shop", .bridge = true };

	(void)state;
	core = core_fixture_new(BH_SECOND);
	core->config.posture = BH_POSTURE_AUDIT;
	core_fixture_world(core);
	bh_model_link(core->model, &link);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_fixture_free(core);
	return 0;
}

/* Of an address, or of the whole link (NULL); −1: none is told. */
static int posture(const char *l3_ifname, const char *address)
{
	struct bh_addr addr = { 0 };
	struct bh_postures postures;
	struct bh_announced announced;
	int found = -1;

	if (address != NULL)
		addr = core_fixture_addr(address);
	bh_core_announced(core, &announced);
	bh_core_postures(core, &announced, &postures);
	for (size_t i = 0; i < postures.count; i++)
		if (strcmp(postures.items[i].l3_ifname, l3_ifname) == 0 &&
		    bh_addr_equal(&postures.items[i].addr, &addr)) {
			assert_int_equal(found, -1);
			found = postures.items[i].posture;
		}
	free(postures.items);
	free(announced.items);
	return found;
}

static void announce(char digit, const char *workload, const char *address)
{
	struct bh_container *c = bh_container_new();

	memset(c->id, digit, 64);
	bh_copy_text(c->name, sizeof(c->name), "c");
	bh_container_add_label(c, "bulkhead.workload", workload);
	bh_container_add_net(c)->addr4 = core_fixture_addr(address);
	bh_model_container(core->model, c, CORE_FIXTURE_NOW);
	bh_container_free(c);
}

static void stranger(const char *container, const char *address)
{
	struct bh_endpoint_fact fact;

	memset(&fact, 0, sizeof(fact));
	fact.ifindex = 50;
	fact.nsid = 50;
	fact.master_ifindex = BRIDGE;
	bh_copy_text(fact.ifname, sizeof(fact.ifname), "veth50");
	bh_copy_text(fact.l3_ifname, sizeof(fact.l3_ifname), "br-shop");
	fact.runtime = BH_RUNTIME_DOCKER;
	bh_copy_text(fact.container_id, sizeof(fact.container_id), container);
	fact.addr_count = 1;
	fact.addrs[0] = core_fixture_addr(address);
	bh_model_endpoint(core->model, &fact, CORE_FIXTURE_NOW);
}

static void without_patterns_nothing_is_told(void **state)
{
	(void)state;
	announce('a', "bank", "10.0.2.9");
	assert_int_equal(posture("br-shop", NULL), -1);
	assert_int_equal(posture("br-shop", "10.0.2.9"), -1);
}

static void who_is_announced_meets_his_own(void **state)
{
	(void)state;
	pattern("label:bank*", BH_POSTURE_CLOSED);
	pattern("label:*", BH_POSTURE_OPEN);
	announce('a', "bank/db", "10.0.2.9");
	announce('b', "blog", "10.0.2.10");
	announce('c', "elsewhere", "203.0.113.4");
	assert_int_equal(posture("br-shop", "10.0.2.9"), BH_POSTURE_CLOSED);
	assert_int_equal(posture("br-shop", "10.0.2.10"), BH_POSTURE_OPEN);
	/* What they meet is nobody else's. */
	assert_int_equal(posture("br-shop", NULL), BH_POSTURE_AUDIT);
	assert_int_equal(posture("br-shop", "10.0.2.11"), -1);
}

static void of_two_for_one_address_the_stricter_counts(void **state)
{
	(void)state;
	pattern("label:bank", BH_POSTURE_CLOSED);
	pattern("label:blog", BH_POSTURE_OPEN);
	announce('a', "bank", "10.0.2.9");
	announce('b', "blog", "10.0.2.9");
	assert_int_equal(posture("br-shop", "10.0.2.9"), BH_POSTURE_CLOSED);
}

static void the_first_pattern_decides_whatever_it_matches(void **state)
{
	(void)state;
	pattern("bridge:br-*", BH_POSTURE_OPEN);
	pattern("label:bank", BH_POSTURE_CLOSED);
	announce('a', "bank", "10.0.2.9");
	assert_int_equal(posture("br-shop", "10.0.2.9"), BH_POSTURE_OPEN);
	assert_int_equal(posture("br-shop", NULL), BH_POSTURE_OPEN);
}

static void a_stranger_goes_by_what_there_is_of_a_name(void **state)
{
	(void)state;
	pattern("docker:dddd*", BH_POSTURE_CLOSED);
	stranger("dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd", "10.0.2.9");
	assert_int_equal(posture("br-shop", "10.0.2.9"), BH_POSTURE_CLOSED);
	core->config.postures.count = 0;
	pattern("interface:veth5*", BH_POSTURE_OPEN);
	assert_int_equal(posture("br-shop", "10.0.2.9"), BH_POSTURE_OPEN);
	assert_int_equal(posture("br-shop", NULL), BH_POSTURE_AUDIT);
	/* Who is known meets rules. */
	assert_int_equal(posture("br-shop", "10.0.2.3"), -1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* The policy's goes before the configuration's, and behind its patterns. */
static void a_policy_may_say_the_one_for_all(void **state)
{
	struct bh_policy policy = { .says_posture = true, .posture = BH_POSTURE_CLOSED };

	(void)state;
	core->config.posture = BH_POSTURE_AUDIT;
	assert_int_equal(bh_core_posture(core), BH_POSTURE_AUDIT);
	assert_int_equal(bh_core_posture_of_link(core, true, "br9"), BH_POSTURE_AUDIT);
	core->policy = &policy;
	assert_int_equal(bh_core_posture(core), BH_POSTURE_CLOSED);
	assert_int_equal(bh_core_posture_of_link(core, true, "br9"), BH_POSTURE_CLOSED);
	policy.says_posture = false;
	assert_int_equal(bh_core_posture(core), BH_POSTURE_AUDIT);
	core->policy = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_policy_may_say_the_one_for_all),
		TEST(without_patterns_nothing_is_told),
		TEST(who_is_announced_meets_his_own),
		TEST(of_two_for_one_address_the_stricter_counts),
		TEST(the_first_pattern_decides_whatever_it_matches),
		TEST(a_stranger_goes_by_what_there_is_of_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
