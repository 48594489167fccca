/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is written of who was where when, and read again. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "address.h"
#include "core_fixture.h"
#include "core_history.h"
#include "grow.h"
#include "policy.h"

#define NOW CORE_FIXTURE_NOW

static int make_core(void **state)
{
	struct bh_core *core = core_fixture_new(BH_SECOND);

	strcpy(core->boot, "boot");
	*state = core;
	return 0;
}

static int free_core(void **state)
{
	core_fixture_free(*state);
	return 0;
}

static void attach(struct bh_core *core, const char *const *addrs, int64_t now)
{
	struct bh_endpoint_fact fact;

	memset(&fact, 0, sizeof(fact));
	fact.ifindex = 7;
	fact.master_ifindex = 100;
	fact.netns_inode = 77;
	fact.nsid = 3;
	fact.since = NOW;
	fact.runtime = BH_RUNTIME_DOCKER;
	strcpy(fact.container_id, "one");
	strcpy(fact.ifname, "veth7");
	strcpy(fact.l3_ifname, "br0");
	strcpy(fact.netns_name, "/run/docker/netns/x");
	bh_mac_parse("02:00:00:00:00:07", &fact.mac);
	for (; addrs[fact.addr_count] != NULL; fact.addr_count++) {
		fact.addrs[fact.addr_count] = core_fixture_addr(addrs[fact.addr_count]);
		fact.addr_made[fact.addr_count] = 100;
	}
	bh_model_endpoint(core->model, &fact, now);
}

static void name(struct bh_core *core, const char *label, int64_t now)
{
	struct bh_container *c = bh_container_new();

	c->runtime = BH_RUNTIME_DOCKER;
	strcpy(c->id, "one");
	strcpy(c->name, "web");
	bh_container_add_label(c, "bulkhead.workload", label);
	bh_model_container(core->model, c, now);
	bh_container_free(c);
}

static void save(struct bh_core *core)
{
	struct bh_error err = { 0 };

	if (bh_core_history_save(core, &err) != 0)
		fail_msg("%s", err.text);
}

struct found {
	size_t count;
	struct bh_past_read read;
};

static void take(void *user, const struct bh_stored_instance *stored)
{
	struct found *found = user;

	assert_string_equal(stored->boot, "boot");
	assert_true(bh_history_read(stored, &found->read));
	found->count++;
}

static struct found *find(struct bh_core *core, const char *addr)
{
	static struct found found;

	memset(&found, 0, sizeof(found));
	assert_int_equal(bh_store_holders(core->store, addr, 0, 9, take, &found, NULL), 0);
	return &found;
}

static void what_is_written_is_read(void **state)
{
	struct bh_core *core = *state;

	attach(core, (const char *const[]) { "10.0.0.2", "fd00::2", NULL }, NOW);
	name(core, "a", NOW + 1);
	name(core, "b", NOW + BH_SECOND);
	attach(core, (const char *const[]) { "fd00::2", NULL }, NOW + 2 * BH_SECOND);
	save(core);
	struct found *found = find(core, "10.0.0.2");
	const struct bh_past *past = &found->read.past;
	const struct bh_endpoint_fact *fact = &past->shown.fact;
	assert_int_equal(found->count, 1);
	assert_string_equal(past->shown.name, "web");
	assert_string_equal(past->shown.workload, "label:b");
	assert_string_equal(past->shown.named_by, "one");
	assert_string_equal(found->read.runtime, "docker");
	assert_int_equal(past->shown.until, 0);
	assert_int_equal(fact->since, NOW);
	assert_int_equal(fact->ifindex, 7);
	assert_int_equal(fact->master_ifindex, 100);
	assert_int_equal(fact->netns_inode, 77);
	assert_int_equal(fact->nsid, -1);
	assert_int_equal(fact->runtime, BH_RUNTIME_DOCKER);
	assert_int_equal(fact->mac.bytes[5], 7);
	assert_string_equal(fact->container_id, "one");
	assert_string_equal(fact->ifname, "veth7");
	assert_string_equal(fact->netns_name, "/run/docker/netns/x");
	assert_int_equal(past->former_count, 1);
	assert_string_equal(past->formers[0].workload, "label:a");
	assert_int_equal(past->formers[0].until, NOW + BH_SECOND);
	assert_int_equal(past->hold_count, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct bh_hold *hold = &past->holds[i];

		assert_int_equal(hold->from, NOW);
		assert_int_equal(hold->made, 100);
		assert_int_equal(hold->until,
				 hold->addr.family == BH_IPV4 ? NOW + 2 * BH_SECOND : BH_GOES_ON);
	}
	/* What it has still, it has. */
	assert_int_equal(fact->addr_count, 1);
	assert_int_equal(fact->addrs[0].family, BH_IPV6);
	/* Gone, and found by both addresses, as one. */
	bh_model_endpoint_gone(core->model, 7, NOW + 3 * BH_SECOND);
	save(core);
	found = find(core, "fd00::2");
	assert_int_equal(found->count, 1);
	assert_int_equal(past->shown.until, NOW + 3 * BH_SECOND);
	assert_int_equal(past->holds[1].until, NOW + 3 * BH_SECOND);
}

static void count_one(void *user, const struct bh_stored_instance *stored)
{
	(void)stored;
	++*(size_t *)user;
}

static size_t kept(struct bh_core *core)
{
	size_t count = 0;

	assert_int_equal(bh_store_load_instances(core->store, "boot", 0, count_one, &count, NULL),
			 0);
	return count;
}

/* A second's part at a time, and no more than a minute passes before the next look. */
static void what_is_too_much_is_forgotten_by_and_by(void **state)
{
	struct bh_core *core = *state;
	const struct bh_stored_instance present = { "boot", 1, NOW, 0, "x" };

	core->config.max_history = 100;
	assert_int_equal(bh_store_save_instance(core->store, &present, NULL, 0, NULL), 0);
	for (uint32_t i = 2; i <= 2500; i++)
		assert_int_equal(bh_store_save_instance(core->store,
							&(struct bh_stored_instance) {
								"boot", i, NOW, NOW + i, "x" },
							NULL, 0, NULL),
				 0);
	core->config.keep_history = bh_time_now(); /* none is too old */
	save(core);
	assert_int_equal(kept(core), 1500);
	save(core);
	save(core);
	assert_int_equal(kept(core), 101);
	assert_true(core->history_due > bh_time_monotonic() + 50 * BH_SECOND);
	assert_true(core->history_due <= bh_time_monotonic() + 60 * BH_SECOND);
}

static void other_texts_do_no_harm(void **state)
{
	static const char *const texts[] = {
		"",
		"no JSON",
		"[]",
		"7",
		"{\"holds\":7,\"formers\":\"x\",\"name\":[]}",
		/* Each of these members is something else than it should be. */
		("{\"holds\":[7,{},{\"addr\":\"x\"},{\"addr\":\"10.0.0.2\",\"from\":-1e300,"
		 "\"until\":1e300,\"made\":\"1\"}],\"runtime_number\":250,\"inode\":-1}"),
	};
	struct bh_past_read read;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct bh_stored_instance stored = { "boot", 7, 1, 2, texts[i] };

		if (!bh_history_read(&stored, &read))
			continue;
		assert_int_equal(read.past.shown.fact.runtime, BH_RUNTIME_NONE);
		assert_in_range(read.past.hold_count, 0, 1);
	}
	assert_int_equal(read.past.hold_count, 1);
	assert_int_equal(read.past.holds[0].from, 0);
	assert_int_equal(read.past.holds[0].until, 2); /* when its holder went */
}

/* The names of who held 10.0.0.2, in order; *result: of the question. */
static const char *who(const struct bh_core *core, int64_t at, int *result)
{
	static char names[256];
	struct bh_addr addr = core_fixture_addr("10.0.0.2");
	cJSON *rows = cJSON_CreateArray(), *row;
	struct bh_error err = { 0 };

	*result = bh_core_who(core, &addr, at, rows, &err);
	names[0] = '\0';
	cJSON_ArrayForEach (row, rows)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s ",
			 cJSON_GetObjectItem(row, "name")->valuestring,
			 cJSON_IsNull(cJSON_GetObjectItem(row, "until")) ? "" : "(gone)");
	cJSON_Delete(rows);
	return names;
}

/* From memory and from the store, each once, whichever of them knows more. */
static void who_held_it_is_known_before_it_is_stored(void **state)
{
	struct bh_core *core = *state;
	int result;

	attach(core, (const char *const[]) { "10.0.0.2", NULL }, NOW);
	name(core, "a", NOW);
	assert_string_equal(who(core, 0, &result), "web ");
	save(core);
	assert_string_equal(who(core, 0, &result), "web ");
	bh_model_endpoint_gone(core->model, 7, NOW + 2 * BH_SECOND);
	assert_string_equal(who(core, 0, &result), "web(gone) ");
	save(core);
	/* The model forgets it, the store does not. */
	core_fixture_endpoint(core, 9, "other", "10.0.0.9");
	bh_model_endpoint_gone(core->model, 9, NOW + 90 * BH_SECOND);
	struct bh_addr addr = core_fixture_addr("10.0.0.2");
	assert_null(bh_model_holder(core->model, &addr, NOW + 1));
	assert_string_equal(who(core, 0, &result), "web(gone) ");
	core_fixture_endpoint(core, 8, "db", "10.0.0.2"); /* it came a second earlier */
	assert_string_equal(who(core, 0, &result), "db web(gone) ");
	assert_string_equal(who(core, NOW + 3 * BH_SECOND, &result), "db ");
	assert_int_equal(result, 0);
}

static void who_is_there_is_known_where_the_store_cannot_be_read(void **state)
{
	struct bh_core *core = *state;
	char folder[] = "/tmp/bh-history-XXXXXX", path[64];
	struct bh_error err = { 0 };
	sqlite3 *other;
	int result;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/x.db", folder);
	bh_store_close(core->store);
	core->store = bh_store_open(path, &err);
	assert_non_null(core->store);
	attach(core, (const char *const[]) { "10.0.0.2", NULL }, NOW);
	name(core, "a", NOW);
	save(core);
	assert_int_equal(bh_store_commit(core->store, &err), 0);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "DROP TABLE holders", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	assert_string_equal(who(core, 0, &result), "web ");
	assert_int_not_equal(result, 0);
	bh_store_close(core->store);
	core->store = bh_store_open(":memory:", &err);
	unlink(path);
	rmdir(folder);
}

static size_t said(const struct bh_core *core, const char *words)
{
	cJSON *list = cJSON_CreateArray(), *line;
	size_t count = 0;

	bh_core_renamed_say(core, list);
	cJSON_ArrayForEach (line, list)
		count += strstr(line->valuestring, words) != NULL;
	cJSON_Delete(list);
	return count;
}

static void set_mode(struct bh_core *core, const char *workload, uint8_t mode)
{
	uint8_t *value = bh_calloc(1, 1);

	*value = mode;
	bh_map_put_text(core->modes, workload, value);
}

/* Whoever decided something about the old name hears of it; nobody else does. */
static void a_name_that_leaves_a_decision_behind_is_told(void **state)
{
	struct bh_core *core = *state;
	struct bh_error err = { 0 };

	attach(core, (const char *const[]) { "10.0.0.2", NULL }, NOW);
	name(core, "a", NOW);
	name(core, "b", NOW + 1);
	assert_int_equal(said(core, ""), 0);
	set_mode(core, "label:b", BH_ENFORCE);
	name(core, "c", NOW + 2);
	assert_int_equal(said(core,
			      "nothing is called label:b any more (it is label:c now): its "
			      "mode, enforce, holds for nobody; bulkhead mode label:c enforce"),
			 1);
	name(core, "b", NOW + 3); /* it is called so again */
	assert_int_equal(said(core, ""), 0);
	name(core, "c", NOW + 4);
	assert_int_equal(said(core, ""), 1);
	/* The next daemon knows of it, too, until it is put right. */
	bh_map_free(core->renamed);
	core->renamed = bh_map_new(free);
	assert_int_equal(bh_core_renamed_load(core, &err), 0);
	assert_int_equal(said(core, "label:b"), 1);
	set_mode(core, "label:b", BH_LEARN);
	assert_int_equal(said(core, ""), 0);
	assert_int_equal(bh_core_renamed_load(core, &err), 0);
	set_mode(core, "label:b", BH_ENFORCE);
	assert_int_equal(said(core, ""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read, make_core, free_core),
		cmocka_unit_test_setup_teardown(what_is_too_much_is_forgotten_by_and_by, make_core,
						free_core),
		cmocka_unit_test(other_texts_do_no_harm),
		cmocka_unit_test_setup_teardown(who_held_it_is_known_before_it_is_stored, make_core,
						free_core),
		cmocka_unit_test_setup_teardown(
			who_is_there_is_known_where_the_store_cannot_be_read, make_core, free_core),
		cmocka_unit_test_setup_teardown(a_name_that_leaves_a_decision_behind_is_told,
						make_core, free_core),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
