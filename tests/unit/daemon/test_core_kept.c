/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is left of a workload whose containers are gone, and of a daemon that is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core_fixture.h"
#include "grow.h"
#include "policy.h"

#define NOW CORE_FIXTURE_NOW
#define MINUTE (60 * BH_SECOND)

static struct bh_core *core;

static int setup(void **state)
{
	(void)state;
	core = core_fixture_new(BH_SECOND);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_fixture_free(core);
	return 0;
}

static void set_mode(const char *workload, uint8_t mode)
{
	uint8_t *value = bh_calloc(1, 1);

	*value = mode;
	bh_map_put_text(core->modes, workload, value);
}

/* A container's interface on a bridge. */
static void attach(uint32_t ifindex, char container, const char *bridge)
{
	struct bh_endpoint_fact fact;

	memset(&fact, 0, sizeof(fact));
	fact.ifindex = ifindex;
	fact.master_ifindex = 100;
	fact.netns_inode = (uint64_t)container;
	fact.runtime = BH_RUNTIME_DOCKER;
	fact.since = NOW;
	memset(fact.container_id, container, 64);
	snprintf(fact.ifname, sizeof(fact.ifname), "veth%u", ifindex);
	bh_copy_text(fact.l3_ifname, sizeof(fact.l3_ifname), bridge);
	bh_model_endpoint(core->model, &fact, NOW);
}

static void name(char container, const char *workload, const char *tier)
{
	struct bh_container *c = bh_container_new();

	c->runtime = BH_RUNTIME_DOCKER;
	memset(c->id, container, 64);
	snprintf(c->name, sizeof(c->name), "name-%c", container);
	bh_container_add_label(c, "bulkhead.workload", workload);
	bh_container_add_label(c, "tier", tier);
	bh_model_container(core->model, c, NOW);
	bh_container_free(c);
}

/* Names of the bridges, in order. */
static const char *bridges(void)
{
	static const char *const all[] = { "br0", "br1", "br2" };
	static char text[64];
	struct bh_map *names = bh_core_kept_bridges(core);

	text[0] = '\0';
	for (size_t i = 0; i < 3; i++)
		if (bh_map_get_text(names, all[i]) != NULL)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", all[i]);
	bh_map_free(names);
	return text;
}

static const struct bh_instance *absent(void)
{
	size_t position = 0;

	return bh_core_kept_next(core, &position);
}

static void enforce_on_two_bridges(void)
{
	set_mode("label:web", BH_ENFORCE);
	name('a', "web", "front");
	attach(7, 'a', "br0");
	attach(8, 'a', "br1");
	bh_core_keep(core, NOW);
}

static void all_its_bridges_are_kept_when_it_goes(void **state)
{
	(void)state;
	set_mode("label:web", BH_ENFORCE);
	name('a', "web", "front");
	name('b', "web", "front");
	attach(7, 'a', "br0");
	attach(8, 'a', "br1");
	attach(9, 'b', "br2");
	bh_core_keep(core, NOW);
	assert_string_equal(bridges(), "br0 br1 br2 ");
	assert_null(absent());
	/* They go one by one, and the rules are compiled in between. */
	for (uint32_t ifindex = 7; ifindex <= 9; ifindex++) {
		bh_model_endpoint_gone(core->model, ifindex, NOW);
		bh_core_keep(core, NOW + ifindex);
	}
	assert_string_equal(bridges(), "br0 br1 br2 ");
	assert_string_equal(absent()->workload, "label:web");
	/* However long it is away, and though it comes to them one by one. */
	attach(10, 'a', "br0");
	bh_core_keep(core, NOW + 60 * MINUTE);
	assert_string_equal(bridges(), "br0 br1 br2 ");
	assert_null(absent());
}

static void a_bridge_that_it_has_left_is_forgotten(void **state)
{
	(void)state;
	enforce_on_two_bridges();
	bh_model_endpoint_gone(core->model, 7, NOW);
	bh_core_keep(core, NOW);
	bh_core_kept_tick(core, NOW + MINUTE);
	assert_false(core->rules_dirty);
	bh_core_keep(core, NOW + MINUTE);
	assert_string_equal(bridges(), "br0 br1 ");
	bh_core_kept_tick(core, NOW + MINUTE + 1);
	assert_true(core->rules_dirty);
	bh_core_keep(core, NOW + MINUTE + 1);
	assert_string_equal(bridges(), "br1 ");
}

static void who_only_learns_leaves_nothing(void **state)
{
	(void)state;
	name('a', "web", "front");
	attach(7, 'a', "br0");
	bh_core_keep(core, NOW);
	assert_string_equal(bridges(), "");
	set_mode("label:web", BH_AUDIT);
	bh_core_keep(core, NOW);
	assert_string_equal(bridges(), "br0 ");
	bh_model_endpoint_gone(core->model, 7, NOW);
	bh_core_keep(core, NOW);
	assert_non_null(absent());
	set_mode("label:web", BH_LEARN);
	assert_string_equal(bridges(), "");
	assert_null(absent());
	assert_null(bh_core_kept(core, "label:web"));
}

/* Another core with the same store, and nobody there. */
static void restart(void)
{
	struct bh_store *store = core->store;

	core->store = NULL;
	core_fixture_free(core);
	core = core_fixture_new(BH_SECOND);
	bh_store_close(core->store);
	core->store = store;
	assert_int_equal(bh_core_kept_load(core, NULL), 0);
}

static void save(void)
{
	assert_int_equal(bh_core_kept_save(core, NULL), 0);
	assert_int_equal(bh_core_store_flush(core, NULL), 0);
}

static void a_daemon_that_comes_back_knows_it_all(void **state)
{
	(void)state;
	enforce_on_two_bridges();
	save();
	assert_int_equal(bh_core_kept_save(core, NULL), 0);
	assert_false(core->store_dirty); /* nothing is written twice */
	restart();
	assert_null(absent()); /* as long as nobody knows that it is governed */
	set_mode("label:web", BH_ENFORCE);
	assert_string_equal(bridges(), "br0 br1 ");
	const struct bh_instance *last = absent();
	assert_non_null(last);
	assert_ptr_equal(last, bh_core_kept(core, "label:web"));
	assert_string_equal(last->workload, "label:web");
	assert_string_equal(bh_instance_label(last, "tier"), "front");
	assert_string_equal(bh_instance_label(last, "bulkhead.name"), "name-a");
	assert_string_equal(bh_instance_label(last, "bulkhead.runtime"), "docker");
	/* The next run's knowledge takes its place. */
	name('c', "web", "back");
	attach(9, 'c', "br0");
	bh_core_keep(core, NOW);
	save();
	restart();
	set_mode("label:web", BH_ENFORCE);
	assert_string_equal(bh_instance_label(absent(), "tier"), "back");
}

static void what_is_none_of_ours_is_left_alone(void **state)
{
	static const char *const texts[] = { "", "7", "[]",
					     "{\"bridges\":{\"a\":7},\"container\":[]}",
					     "{\"bridges\":[7,null,\"br0\"],\"runtime\":1e99}" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(bh_store_save_kept(core->store, "label:web", texts[i], NULL), 0);
		assert_int_equal(bh_core_kept_load(core, NULL), 0);
	}
	set_mode("label:web", BH_ENFORCE);
	assert_string_equal(bridges(), "br0 ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(all_its_bridges_are_kept_when_it_goes),
		TEST(a_bridge_that_it_has_left_is_forgotten),
		TEST(who_only_learns_leaves_nothing),
		TEST(a_daemon_that_comes_back_knows_it_all),
		TEST(what_is_none_of_ours_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
