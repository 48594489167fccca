/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core tells the ledger of who runs, in which version, and whether anybody watched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core_fixture.h"
#include "grow.h"
#include "live_filter.h"
#include "version.h"

#define NOW CORE_FIXTURE_NOW
#define DAY (86400 * BH_SECOND)
#define HOUR (3600 * BH_SECOND)

static int make(void **state)
{
	const struct bh_ledger_config ledger = { .window = DAY, .max_edges = 100, .watched = true };
	struct bh_core *core = core_fixture_new(0);

	bh_ledger_free(core->ledger);
	core->ledger = bh_ledger_new(&ledger);
	core->config.window = DAY;
	core->scanned = true;
	core->capture_state = (struct bh_msg_capture_state) { .workers = 2, .running = 2 };
	*state = core;
	return 0;
}

static int unmake(void **state)
{
	core_fixture_free(*state);
	return 0;
}

/* Ticks once an hour, as if it did so each second. */
static int64_t pass(struct bh_core *core, int64_t from, int hours)
{
	for (int i = 0; i < hours; i++) {
		from += HOUR;
		bh_core_learning_tick(core, from, from);
	}
	return from;
}

static uint32_t windows_of(const struct bh_core *core, const char *workload)
{
	struct bh_peer who = { .kind = BH_PEER_WORKLOAD };
	struct bh_baseline b;

	bh_copy_text(who.name, sizeof(who.name), workload);
	return bh_ledger_baseline(core->ledger, &who, &b) ? b.windows : 0;
}

static void windows_count_while_somebody_watches(void **state)
{
	struct bh_core *core = *state;
	int64_t now;

	core_fixture_world(core);
	now = pass(core, NOW, 3 * 24);
	assert_in_range(windows_of(core, "netns:web"), 2, 3);
	uint32_t before = windows_of(core, "netns:web");
	/* One of two capture processes is away. */
	core->capture_state.running = 1;
	now = pass(core, now, 4 * 24);
	assert_in_range(windows_of(core, "netns:web"), before, before + 1);
	before = windows_of(core, "netns:web");
	core->capture_state.running = 2;
	now = pass(core, now, 3 * 24);
	assert_in_range(windows_of(core, "netns:web"), before + 2, before + 3);
	/* It goes; what is left goes on. */
	uint32_t others = windows_of(core, "netns:db");
	before = windows_of(core, "netns:web");
	bh_core_learning_gone(core, 7, now);
	bh_model_endpoint_gone(core->model, 7, now);
	pass(core, now, 3 * 24);
	assert_in_range(windows_of(core, "netns:web"), before, before + 1);
	assert_in_range(windows_of(core, "netns:db"), others + 2, others + 3);
}

/* Capture that has to stay within its budget may see one packet of many. */
static void of_a_sample_no_window_counts(void **state)
{
	struct bh_core *core = *state;

	core_fixture_world(core);
	core->capture_stats.copy = BH_COPY_CONTROL;
	int64_t now = pass(core, NOW, 3 * 24);
	uint32_t before = windows_of(core, "netns:web");
	assert_in_range(before, 2, 3);
	core->capture_stats.copy = BH_COPY_SAMPLE;
	pass(core, now, 4 * 24);
	assert_in_range(windows_of(core, "netns:web"), before, before + 1);
}

/* One hour of the same endpoint, which opens one connection, and a day without it. */
static int64_t run_for_an_hour(struct bh_core *core, uint64_t id, int64_t now)
{
	struct bh_endpoint_fact fact = { .ifindex = 7,
					 .netns_inode = 7,
					 .master_ifindex = 100,
					 .addr_count = 1,
					 .addrs = { core_fixture_addr("10.0.1.2") },
					 .since = now,
					 .ifname = "job",
					 .netns_name = "/run/netns/job" };
	struct bh_flow flow = { .id = id,
				.key = core_fixture_tuple("10.0.1.2", (uint16_t)id, "10.0.2.3", 80),
				.src_ifindex = 7,
				.dst_ifindex = 8,
				.first = now + BH_SECOND,
				.last = now + BH_SECOND,
				.direction = BH_DIRECTION_SYN,
				.state = BH_FLOW_CLOSED,
				.answered = true,
				.established = true,
				.final = true };

	bh_model_endpoint(core->model, &fact, now);
	bh_core_flows(core, &flow, 1);
	now = pass(core, now, 1);
	bh_core_learning_gone(core, 7, now);
	bh_model_endpoint_gone(core->model, 7, now);
	return pass(core, now, 23);
}

/* The same container may be started for each of them. */
static void each_run_of_a_job_is_evidence(void **state)
{
	struct bh_core *core = *state;
	struct bh_edge like = { .src = &(struct bh_peer) { .kind = BH_PEER_WORKLOAD,
							   .name = "netns:job" },
				.dst = &(struct bh_peer) { .kind = BH_PEER_WORKLOAD,
							   .name = "netns:db" },
				.proto = 6,
				.port = 80 },
		       edge;
	int64_t now = NOW;

	core_fixture_endpoint(core, 8, "db", "10.0.2.3");
	for (uint64_t id = 1; id <= 8; id++)
		now = run_for_an_hour(core, id, now);
	assert_true(bh_ledger_is_job(core->ledger, like.src));
	assert_true(bh_ledger_find(core->ledger, BH_EDGES, &like, &edge));
	/* But for those before it was known for one. */
	assert_in_range(bh_ledger_seen(core->ledger, &edge), 5, 8);
}

static struct bh_container *container_of(const char *image, const char *number)
{
	struct bh_container *c = bh_container_new();

	memset(c->id, 'a', 64);
	bh_copy_text(c->name, sizeof(c->name), "db");
	bh_copy_text(c->netns_path, sizeof(c->netns_path), "/run/netns/db");
	bh_copy_text(c->image_id, sizeof(c->image_id), image);
	bh_container_add_label(c, "tier", "data");
	bh_container_add_label(c, "com.docker.compose.container-number", number);
	return c;
}

static void run(struct bh_core *core, const char *image, const char *number)
{
	struct bh_container *c = container_of(image, number);

	bh_model_container(core->model, c, NOW);
	bh_container_free(c);
}

static void another_image_is_a_deploy(void **state)
{
	struct bh_core *core = *state;

	core_fixture_world(core);
	run(core, "aa", "1");
	int64_t now = pass(core, NOW, 2);
	assert_int_equal(core_fixture_events(core, "deploy"), 0);
	run(core, "aa", "2");
	now = pass(core, now, 30);
	assert_int_equal(core_fixture_events(core, "deploy"), 0);
	run(core, "bb", "2");
	pass(core, now, 30);
	assert_int_equal(core_fixture_events(core, "deploy"), 1);
}

static void a_deploy_is_known_before_the_next_tick(void **state)
{
	struct bh_core *core = *state;

	core_fixture_world(core);
	run(core, "aa", "1");
	int64_t now = pass(core, NOW, 1);
	bh_core_learning_look(core, now + DAY);
	assert_int_equal(core_fixture_events(core, "deploy"), 0);
	run(core, "bb", "1");
	core_fixture_endpoint(core, 9, "queue", "10.0.2.9");
	bh_core_learning_look(core, now + DAY);
	assert_int_equal(core_fixture_events(core, "deploy"), 1);
	pass(core, now + DAY, 1);
	assert_int_equal(core_fixture_events(core, "deploy"), 1);
}

static void a_version_is_image_and_labels_but_an_instances_own(void **state)
{
	struct bh_container *c = container_of("aa", "1"), *other = container_of("aa", "2"),
			    *turned = bh_container_new();

	(void)state;
	assert_true(bh_container_version(c) == bh_container_version(other));
	bh_copy_text(turned->image_id, sizeof(turned->image_id), "aa");
	bh_container_add_label(turned, "com.docker.swarm.task.id", "x");
	bh_container_add_label(turned, "tier", "data");
	assert_true(bh_container_version(c) == bh_container_version(turned));
	bh_container_add_label(turned, "com.docker.compose.config-hash", "1");
	assert_false(bh_container_version(c) == bh_container_version(turned));
	bh_copy_text(other->image_id, sizeof(other->image_id), "bb");
	assert_false(bh_container_version(c) == bh_container_version(other));
	bh_container_free(c);
	bh_container_free(other);
	bh_container_free(turned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(windows_count_while_somebody_watches, make, unmake),
		cmocka_unit_test_setup_teardown(of_a_sample_no_window_counts, make, unmake),
		cmocka_unit_test_setup_teardown(each_run_of_a_job_is_evidence, make, unmake),
		cmocka_unit_test_setup_teardown(another_image_is_a_deploy, make, unmake),
		cmocka_unit_test_setup_teardown(a_deploy_is_known_before_the_next_tick, make,
						unmake),
		cmocka_unit_test(a_version_is_image_and_labels_but_an_instances_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
