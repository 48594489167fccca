/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the connections of departed addresses are forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "kernel_departed.h"
#include "timefmt.h"

#define MOST 8

struct log {
	struct bh_departed *departed;
	int64_t times[MOST]; /* monotonic */
	size_t counts[MOST];
	struct bh_addr last;
	size_t walks;
};

static void on_forget(void *user, const struct bh_addr *addrs, size_t count)
{
	struct log *log = user;

	assert_in_range(log->walks, 0, MOST - 1);
	log->times[log->walks] = bh_time_monotonic();
	log->counts[log->walks++] = count;
	log->last = addrs[count - 1];
}

static void add(struct log *log, const char *text)
{
	struct bh_held held = { .ifindex = 7, .made = 100 };

	assert_true(bh_addr_parse(text, &held.addr));
	bh_departed_add(log->departed, &held);
}

static bool waits(const struct log *log, const char *text)
{
	struct bh_addr addr;

	assert_true(bh_addr_parse(text, &addr));
	return bh_departed_waits(log->departed, &addr);
}

static void begin(struct log *log, uv_loop_t *loop)
{
	memset(log, 0, sizeof(*log));
	assert_int_equal(uv_loop_init(loop), 0);
	log->departed = bh_departed_new(loop, &(struct bh_departed_handlers) { log, on_forget });
}

static void finish(struct log *log, uv_loop_t *loop)
{
	bh_departed_free(log->departed);
	uv_run(loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(loop), 0);
}

static void those_that_go_together_are_one_walk(void **state)
{
	struct log log;
	uv_loop_t loop;
	size_t waiting;

	(void)state;
	begin(&log, &loop);
	int64_t began = bh_time_monotonic();
	add(&log, "10.0.0.2");
	add(&log, "fd00::2");
	add(&log, "10.0.0.3");
	assert_int_equal(log.walks, 0);
	assert_int_equal(bh_departed_list(log.departed, &waiting)[1].ifindex, 7);
	assert_int_equal(waiting, 3);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(log.walks, 1);
	assert_int_equal(log.counts[0], 3);
	/* The first comes soon, the next after a second. */
	assert_true(log.times[0] - began < BH_SECOND / 2);
	bh_departed_list(log.departed, &waiting);
	assert_int_equal(waiting, 0);
	add(&log, "10.0.0.4");
	add(&log, "10.0.0.5");
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(log.walks, 2);
	assert_int_equal(log.counts[1], 2);
	assert_true(log.times[1] - log.times[0] >= BH_SECOND * 9 / 10);
	finish(&log, &loop);
}

static void who_cannot_wait_does_not(void **state)
{
	struct log log;
	uv_loop_t loop;

	(void)state;
	begin(&log, &loop);
	add(&log, "10.0.0.2");
	assert_true(waits(&log, "10.0.0.2"));
	assert_false(waits(&log, "10.0.0.3"));
	bh_departed_forget(log.departed);
	assert_int_equal(log.walks, 1);
	assert_int_equal(log.last.bytes[3], 2);
	assert_false(waits(&log, "10.0.0.2"));
	/* There is nothing left to do, neither now nor later. */
	bh_departed_forget(log.departed);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(log.walks, 1);
	finish(&log, &loop);
}

/* One who is killed before it is forgotten leaves it to the next. */
static void what_waits_is_noted(void **state)
{
	char directory[] = "/tmp/test-departed-XXXXXX", path[64];
	struct bh_held gone = { .ifindex = 7, .made = 100 };
	struct bh_map *facts = bh_map_new(NULL);
	struct bh_endpoint_fact fact = { .ifindex = 8, .addr_count = 1 };
	struct bh_error err = { 0 };
	size_t count;

	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_true(bh_addr_parse("10.0.0.2", &gone.addr));
	assert_true(bh_addr_parse("10.0.0.3", &fact.addrs[0]));
	bh_map_put(facts, &fact.ifindex, sizeof(fact.ifindex), &fact);
	assert_int_equal(bh_held_note_write(directory, facts, &gone, 1, &err), 0);
	struct bh_addr *found = bh_held_note_gone(directory, facts, &count);
	assert_int_equal(count, 1);
	assert_true(bh_addr_equal(&found[0], &gone.addr));
	free(found);
	assert_int_equal(bh_held_note_write(directory, facts, NULL, 0, &err), 0);
	assert_null(bh_held_note_gone(directory, facts, &count));
	assert_int_equal(count, 0);
	bh_map_free(facts);
	snprintf(path, sizeof(path), "rm -r %s", directory);
	assert_int_equal(system(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_that_go_together_are_one_walk),
		cmocka_unit_test(who_cannot_wait_does_not),
		cmocka_unit_test(what_waits_is_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
