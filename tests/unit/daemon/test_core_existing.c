/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open connections when the rules tighten: what core asks the kernel process, and has it cut. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_existing_parts.h"
#include "core_exceptions.h"
#include "core_fixture.h"
#include "core_share.h"
#include "grow.h"
#include "ruleset.h"

#define HEAD                                                                                       \
	"bulkhead-policy: 1\n"                                                                     \
	"workloads:\n"                                                                             \
	"  web: {bulkhead.workload: \"netns:web\"}\n"                                              \
	"  db: {bulkhead.workload: \"netns:db\"}\n"                                                \
	"rules:\n"

static const char wide[] = HEAD "  - {from: web, to: db, ports: [80/tcp, 5432/tcp]}\n";
static const char narrow[] = HEAD "  - {from: web, to: db, ports: [80/tcp]}\n";
static const char none[] = HEAD "  - {from: db, to: web, ports: [81/tcp]}\n";

#define MOST 16

static struct bh_core *core;
static struct bh_channel *kernel; /* its end */
static struct {
	unsigned asked;
	uint32_t cut[MOST]; /* ids */
	size_t cut_count;
	bool cut_ended;
	unsigned kept;
} heard;

static void on_message(void *user, struct bh_channel *channel, const struct bh_message *m)
{
	const struct bh_cut *cuts = m->data;

	(void)user;
	(void)channel;
	heard.asked += m->type == BH_MSG_ENTRIES_GET;
	heard.kept += m->type == BH_MSG_KEEP;
	heard.cut_ended = heard.cut_ended || m->type == BH_MSG_CUT_END;
	for (size_t i = 0; m->type == BH_MSG_CUT && i < m->length / sizeof(*cuts); i++)
		heard.cut[heard.cut_count++] = cuts[i].id;
}

static void on_closed(void *user, struct bh_channel *channel, const char *why)
{
	(void)user;
	(void)channel;
	(void)why;
}

static void turn(void)
{
	for (int i = 0; i < 4; i++)
		uv_run(&core->loop, UV_RUN_NOWAIT);
}

static void set_mode(const char *workload, uint8_t mode)
{
	uint8_t *value = bh_calloc(1, 1);

	*value = mode;
	bh_map_put_text(core->modes, workload, value);
}

/* As if compiled: who is treated how. */
static void set_rules(uint8_t mode)
{
	static const char *const names[] = { "netns:web", "netns:db" };

	bh_ruleset_free(core->rules);
	core->rules = bh_calloc(1, sizeof(*core->rules));
	core->rules->chains = bh_calloc(2, sizeof(*core->rules->chains));
	core->rules->chain_count = 2;
	core->enforcement = BH_ENFORCEMENT_ACTIVE;
	for (size_t i = 0; i < 2; i++) {
		bh_copy_text(core->rules->chains[i].workload, 256, names[i]);
		core->rules->chains[i].mode = mode;
		set_mode(names[i], mode);
	}
}

static int make(void **state)
{
	struct bh_channel_handlers handlers = { NULL, on_message, on_closed };
	int fds[2];

	(void)state;
	memset(&heard, 0, sizeof(heard));
	core = core_fixture_with_rules(BH_SECOND);
	core->config.bridge = BH_BRIDGE_STATEFUL; /* the others say that they are stateless */
	core_fixture_world(core);
	assert_int_equal(bh_channel_pair(fds), 0);
	core->kernel = bh_channel_new(&core->loop, fds[0], &handlers, 1 << 20);
	kernel = bh_channel_new(&core->loop, fds[1], &handlers, 1 << 20);
	assert_int_equal(bh_core_existing_load(core, NULL), 0);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	bh_channel_free(core->kernel);
	bh_channel_free(kernel);
	core->kernel = NULL;
	bh_ruleset_free(core->rules);
	core_fixture_free_with_rules(core);
	return 0;
}

static struct bh_tracked entry(uint32_t id, const char *src, const char *dst, uint16_t port)
{
	struct bh_flow_key key = core_fixture_tuple(src, (uint16_t)(40000 + id), dst, port);

	return (struct bh_tracked) { .original = key,
				     .reply = bh_flow_key_turned(&key),
				     .id = id,
				     .start = BH_TRACKED_START_SEEN,
				     .seen_reply = true };
}

static void apply(const char *text)
{
	struct bh_error err = { 0 };
	size_t changes;

	if (bh_core_policy_apply(core, text, "policy.yaml", "ann", "", &changes, &err) != 0)
		fail_msg("%s", err.text);
}

static void confirm(void)
{
	bh_core_existing_sent(core);
	bh_core_existing_confirmed(core);
	turn();
}

static void answer(const struct bh_tracked *entries, size_t count)
{
	struct bh_msg_entries_end end = { 0 };

	bh_core_entries(core, entries, count);
	bh_core_entries_end(core, &end);
	turn();
}

/* The kernel process deletes what it was told to; code: of all of them. */
static void cut(int32_t code)
{
	struct bh_cut cuts[MOST] = { { .code = code } };

	assert_true(heard.cut_ended);
	for (size_t i = 0; i < MOST; i++)
		cuts[i].code = code;
	bh_core_cut_of(core, cuts, heard.cut_count);
	heard.cut_count = 0;
	heard.cut_ended = false;
}

static void assert_cut(uint32_t id)
{
	for (size_t i = 0; i < heard.cut_count; i++)
		if (heard.cut[i] == id)
			return;
	fail_msg("%u was not cut", id);
}

/* The wide policy is in force, and somebody enforces. */
static void begin_wide(void)
{
	apply(wide);
	set_rules(BH_ENFORCE);
	confirm();
	answer(NULL, 0);
	memset(&heard, 0, sizeof(heard));
}

static void what_is_denied_now_is_cut_and_nothing_else(void **state)
{
	struct bh_tracked entries[] = {
		entry(1, "10.0.1.2", "10.0.2.3", 5432), entry(2, "10.0.1.2", "10.0.2.3", 80),
		entry(3, "10.0.1.2", "10.0.2.3", 9999),	   /* denied before */
		entry(4, "192.0.2.77", "192.0.2.1", 5432), /* nobody's */
		entry(5, "10.0.1.2", "10.0.2.3", 5432)	   /* read of by a helper */
	};

	(void)state;
	entries[4].expected = true;
	begin_wide();
	apply(narrow);
	bh_core_existing_tick(core); /* the rules do not stand yet */
	turn();
	assert_int_equal(heard.asked, 0);
	confirm();
	assert_int_equal(heard.asked, 1);
	answer(entries, 5);
	assert_int_equal(heard.cut_count, 1);
	assert_cut(1);
	cut(0);
	assert_int_equal(core_fixture_told(core, "netns:web → netns:db 5432/tcp: 1 open connection "
						 "cut: no rule lets netns:web open 5432/tcp"),
			 1);
	assert_int_equal(core_fixture_told(core, "1 open connection cannot be judged"), 1);
	/* And that is done once. */
	bh_core_existing_tick(core);
	confirm();
	assert_int_equal(heard.asked, 1);
}

static void a_published_port_is_judged_as_the_chains_see_it(void **state)
{
	struct bh_tracked e = entry(1, "10.0.1.2", "192.0.2.1", 8080);
	struct bh_flow_key after = core_fixture_tuple("10.0.1.2", 40001, "10.0.2.3", 5432);

	(void)state;
	e.reply = bh_flow_key_turned(&after);
	e.dst_nat = true;
	begin_wide();
	apply(narrow);
	confirm();
	answer(&e, 1);
	assert_cut(1);
}

/* What changed between the question and its answer waits until the kernel has it. */
static void another_change_meanwhile_is_waited_for(void **state)
{
	struct bh_tracked e = entry(1, "10.0.1.2", "10.0.2.3", 5432);

	(void)state;
	begin_wide();
	apply(narrow);
	confirm();
	apply(wide);
	answer(&e, 1);
	assert_int_equal(heard.cut_count, 0);
	confirm();
	assert_int_equal(heard.asked, 2);
	answer(&e, 1);
	assert_int_equal(heard.cut_count, 0);
	assert_int_equal(core_fixture_events(core, "cut"), 0);
}

static void a_mode_tightens_too(void **state)
{
	struct bh_tracked e = entry(1, "10.0.1.2", "10.0.2.3", 9999);

	(void)state;
	apply(wide);
	set_rules(BH_AUDIT);
	confirm();
	answer(&e, 1);
	assert_int_equal(heard.cut_count, 0);
	set_rules(BH_ENFORCE);
	bh_core_existing_touch(core);
	confirm();
	answer(&e, 1);
	assert_cut(1);
	cut(-ENOENT); /* it ended by itself */
	assert_int_equal(core_fixture_told(core, "could not be"), 0);
}

static void what_cannot_be_deleted_is_told(void **state)
{
	struct bh_tracked e = entry(1, "10.0.1.2", "10.0.2.3", 5432);

	(void)state;
	begin_wide();
	apply(narrow);
	confirm();
	answer(&e, 1);
	cut(-EBUSY);
	assert_int_equal(core_fixture_told(core, "1 of them could not be, and goes on"), 1);
}

static void what_cannot_be_read_is_told_and_tried_again(void **state)
{
	struct bh_tracked e = entry(1, "10.0.1.2", "10.0.2.3", 5432);
	struct bh_msg_entries_end failed = { .code = -ETIMEDOUT };

	(void)state;
	begin_wide();
	apply(narrow);
	confirm();
	for (unsigned i = 0; i < 3; i++) {
		bh_core_entries_end(core, &failed);
		bh_core_existing_tick(core);
		turn();
		assert_int_equal(heard.asked, 2 + i);
	}
	assert_int_equal(core_fixture_told(core, "open connections cannot be looked at"), 1);
	answer(&e, 1);
	assert_cut(1);
}

static const struct bh_existing keep_all = { BH_EXISTING_KEEP, 0 };

static void kept_ones_stay_kept(void **state)
{
	struct bh_tracked entries[] = { entry(1, "10.0.1.2", "10.0.2.3", 5432),
					entry(2, "10.0.1.2", "10.0.2.3", 80) };

	(void)state;
	begin_wide();
	bh_core_existing_want(core, &keep_all);
	apply(narrow);
	confirm();
	answer(entries, 2);
	assert_int_equal(heard.cut_count, 0);
	assert_int_equal(core_fixture_told(core, "goes on until it ends"), 1);
	/* What a person said counted once. */
	apply(none);
	confirm();
	answer(entries, 2);
	assert_int_equal(heard.cut_count, 1);
	assert_cut(2);
}

static size_t draining(void)
{
	cJSON *json = bh_core_existing_json(core);
	size_t count = 0;
	const cJSON *row;

	cJSON_ArrayForEach (row, json)
		count += (size_t)cJSON_GetObjectItem(row, "connections")->valuedouble;
	cJSON_Delete(json);
	return count;
}

/* As the next run finds it. */
static void restart(void)
{
	bh_core_existing_free(core);
	bh_core_existing_start(core);
	assert_int_equal(bh_core_existing_load(core, NULL), 0);
}

static void what_drains_is_cut_later_also_by_the_next_run(void **state)
{
	static const struct bh_existing drain = { BH_EXISTING_DRAIN, BH_SECOND };
	struct bh_tracked entries[] = { entry(1, "10.0.1.2", "10.0.2.3", 5432),
					entry(2, "10.0.1.2", "10.0.2.3", 80) };

	(void)state;
	begin_wide();
	bh_core_existing_want(core, &drain);
	apply(narrow);
	restart(); /* before anything was looked at: what was said is not forgotten */
	confirm();
	answer(entries, 2);
	assert_int_equal(heard.cut_count, 0);
	assert_int_equal(draining(), 1);
	restart();
	assert_int_equal(draining(), 1);
	confirm();
	answer(entries, 2);
	assert_int_equal(heard.cut_count, 0);
	/* Another change cuts what is its own. */
	apply(none);
	confirm();
	answer(entries, 2);
	assert_int_equal(heard.cut_count, 1);
	assert_cut(2);
	cut(0);
	uv_sleep(1100);
	bh_core_existing_tick(core);
	turn();
	answer(entries, 1);
	assert_int_equal(heard.cut_count, 1);
	assert_cut(1);
	cut(0);
	assert_int_equal(draining(), 0);
	assert_int_equal(core_fixture_told(core, "the time to drain is over"), 1);
}

static void what_drains_and_is_allowed_again_goes_on(void **state)
{
	static const struct bh_existing drain = { BH_EXISTING_DRAIN, BH_SECOND };
	struct bh_tracked e = entry(1, "10.0.1.2", "10.0.2.3", 5432);

	(void)state;
	begin_wide();
	bh_core_existing_want(core, &drain);
	apply(narrow);
	confirm();
	answer(&e, 1);
	assert_int_equal(draining(), 1);
	apply(wide);
	confirm();
	answer(&e, 1);
	assert_int_equal(draining(), 0);
	assert_int_equal(heard.cut_count, 0);
}

/* The second one says nothing, and would be cut by what is configured. */
static void changes_that_are_looked_at_together_keep_what_either_keeps(void **state)
{
	struct bh_tracked entries[] = { entry(1, "10.0.1.2", "10.0.2.3", 5432),
					entry(2, "10.0.1.2", "10.0.2.3", 80) };

	(void)state;
	begin_wide();
	bh_core_existing_want(core, &keep_all);
	apply(narrow);
	bh_core_existing_want(core, NULL);
	apply(none);
	confirm();
	answer(entries, 2);
	assert_int_equal(heard.cut_count, 0);
	assert_int_equal(
		core_fixture_told(core, "2 open connections that the rules deny now go on"), 1);
}

static void killed_while_it_cuts_it_leaves_what_drains(void **state)
{
	static const struct bh_existing drain = { BH_EXISTING_DRAIN, BH_DAY };
	struct bh_tracked entries[] = { entry(1, "10.0.1.2", "10.0.2.3", 5432),
					entry(2, "10.0.1.2", "10.0.2.3", 80) };

	(void)state;
	begin_wide();
	bh_core_existing_want(core, &drain);
	apply(narrow);
	confirm();
	answer(entries, 2);
	bh_core_existing_want(core, NULL);
	apply(none);
	confirm();
	answer(entries, 2);
	assert_int_equal(heard.cut_count, 1);
	assert_cut(2);
	apply(none); /* which writes down how things are */
	heard.cut_count = 0;
	restart();
	confirm();
	answer(entries, 2);
	assert_int_equal(heard.cut_count, 1);
	assert_cut(2);
	assert_int_equal(draining(), 1);
}

static void what_could_not_be_judged_drains_as_well(void **state)
{
	static const struct bh_existing drain = { BH_EXISTING_DRAIN, BH_SECOND };
	struct bh_tracked e = entry(1, "10.0.1.2", "10.0.2.3", 5432);

	(void)state;
	e.expected = true;
	begin_wide();
	bh_core_existing_want(core, &drain);
	apply(narrow);
	confirm();
	answer(&e, 1);
	assert_int_equal(draining(), 0);
	uv_sleep(1100);
	bh_core_existing_tick(core);
	turn();
	e.expected = false;
	answer(&e, 1);
	assert_cut(1);
}

/* 10.0.2.9, a container of which nobody says what it is. */
static void come_stranger(uint32_t bridge)
{
	struct bh_endpoint_fact fact = {
		.ifindex = 9, .netns_inode = 9, .master_ifindex = bridge, .addr_count = 1
	};

	fact.addrs[0] = core_fixture_addr("10.0.2.9");
	bh_copy_text(fact.ifname, sizeof(fact.ifname), "veth9");
	bh_copy_text(fact.container_id, sizeof(fact.container_id), "2b1c0a8f3d52");
	fact.runtime = BH_RUNTIME_DOCKER;
	fact.since = CORE_FIXTURE_NOW;
	bh_model_endpoint(core->model, &fact, CORE_FIXTURE_NOW);
}

/* Whom nobody knows no rule is about, but for the posture. */
static void a_posture_that_closes_cuts_strangers(void **state)
{
	static const char closed[] = HEAD "  - {from: web, to: db, ports: [80/tcp, 5432/tcp]}\n"
					  "posture: closed\n";
	struct bh_tracked entries[] = { entry(1, "10.0.2.9", "10.0.2.3", 5432),
					entry(2, "10.0.1.2", "10.0.2.3", 5432) };

	(void)state;
	come_stranger(0);
	apply(wide);
	set_rules(BH_AUDIT);
	confirm();
	answer(entries, 2);
	assert_int_equal(heard.cut_count, 0);
	apply(closed);
	confirm();
	answer(entries, 2);
	assert_int_equal(heard.cut_count, 1);
	assert_cut(1);
	cut(0);
	assert_int_equal(core_fixture_told(core, "and the posture is closed"), 1);
}

/* An address that several names share is open as long as one of them is allowed. */
static void one_name_of_an_address_suffices(void **state)
{
	static const char both[] =
		HEAD "  - {from: web, to: [dns:a.example, dns:b.example], ports: [443/tcp]}\n";
	static const char first[] = HEAD "  - {from: web, to: dns:a.example, ports: [443/tcp]}\n";
	static const char *const told[] = { "a.example", "b.example" };
	struct bh_tracked e = entry(1, "10.0.1.2", "203.0.113.9", 443);

	(void)state;
	for (size_t i = 0; i < 2; i++)
		bh_answers_note(core->answers,
				&(struct bh_answer_row) { .workload = "netns:web",
							  .name = told[i],
							  .addr = e.original.dst,
							  .until = bh_time_now() + BH_DAY,
							  .used = bh_time_now() + (int64_t)i });
	apply(both);
	set_rules(BH_ENFORCE);
	confirm();
	answer(NULL, 0);
	apply(first);
	confirm();
	answer(&e, 1);
	assert_int_equal(heard.cut_count, 0);
	apply(none);
	confirm();
	answer(&e, 1);
	assert_cut(1);
}

static double counted(const cJSON *json, const char *key)
{
	return cJSON_GetObjectItem(json, key)->valuedouble;
}

static void the_preview_says_what_would_end(void **state)
{
	static const struct bh_existing as_configured = { BH_EXISTING_CUT, 0 };
	struct bh_tracked entries[] = { entry(1, "10.0.1.2", "10.0.2.3", 5432),
					entry(2, "10.0.1.2", "10.0.2.3", 80),
					entry(3, "10.0.1.2", "10.0.2.9", 5432) };
	struct bh_api_reply reply = { 0 };
	struct bh_error err = { 0 };
	struct bh_policy *policy = bh_policy_parse(narrow, strlen(narrow), "policy", &err);

	(void)state;
	begin_wide();
	entries[0].counted = true;
	entries[0].tx.bytes = 5;
	uv_sleep(1100); /* what was read just now would do */
	assert_true(bh_core_existing_waits(core, &reply));
	assert_true(reply.wait);
	turn();
	assert_int_equal(heard.asked, 1);
	answer(entries, 3);
	assert_false(bh_core_existing_waits(core, &reply));
	cJSON *json = bh_core_existing_preview(core, policy, NULL, &as_configured);
	assert_int_equal(counted(json, "count"), 1);
	assert_int_equal(counted(json, "open"), 3);
	const cJSON *row = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "connections"), 0);
	assert_int_equal(counted(row, "port"), 5432);
	assert_int_equal(counted(row, "bytes"), 5);
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(row, "since")));
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "incomplete")));
	cJSON_Delete(json);
	assert_int_equal(heard.cut_count, 0);
	bh_policy_free(policy);
}

static struct bh_flow exchange(int64_t last)
{
	struct bh_flow f = { .id = 1,
			     .key = core_fixture_tuple("10.0.1.2", 4000, "10.0.2.3", 53),
			     .first = last,
			     .last = last,
			     .src_ifindex = 7,
			     .dst_ifindex = 8,
			     .state = BH_FLOW_ANSWERED,
			     .direction = BH_DIRECTION_SYN,
			     .answered = true };

	f.key.proto = IPPROTO_UDP;
	f.tx.sent.packets = f.rx.sent.packets = f.tx.delivered.packets = f.rx.delivered.packets = 1;
	return f;
}

/* How many are open: those that connection tracking has, and the exchange where it may be. */
static size_t open_beside(const struct bh_tracked *entries, size_t n, uint32_t left_out)
{
	const struct bh_msg_entries_end end = { .left_out = left_out };
	size_t count;

	bh_core_existing_waits(core, &(struct bh_api_reply) { 0 });
	core->existing->entry_count = 0;
	bh_core_entries(core, entries, n);
	bh_core_entries_end(core, &end);
	free(bh_open_connections(core, &count));
	return count;
}

/* Capture remembers it, and connection tracking, which has others of that way, does not. */
static void an_exchange_that_was_forgotten_is_not_open(void **state)
{
	struct bh_tracked other = entry(1, "10.0.1.2", "10.0.2.3", 80), translated = other,
			  elsewhere = entry(2, "10.0.1.2", "203.0.113.9", 80);
	struct bh_flow f = exchange(bh_time_now() - 40 * BH_SECOND);

	(void)state;
	translated.dst_nat = true;
	bh_core_flows(core, &f, 1);
	assert_int_equal(open_beside(NULL, 0, 0), 1); /* nobody tracks anything */
	assert_int_equal(open_beside(&other, 1, 0), 1);
	assert_int_equal(open_beside(&other, 1, 7), 2); /* it may be among those left out */
	assert_int_equal(open_beside(&translated, 1, 0), 2);
	assert_int_equal(open_beside(&elsewhere, 1, 0), 2);
	/* Where rules of ours stand they have it tracked. */
	set_rules(BH_ENFORCE);
	assert_int_equal(open_beside(NULL, 0, 0), 1);
	*bh_ruleset_add_bridge(core->rules) = (struct bh_bridge) { .filtered = true };
	assert_int_equal(open_beside(NULL, 0, 0), 0);
	core->config.bridge = BH_BRIDGE_STATELESS;
	assert_int_equal(open_beside(NULL, 0, 0), 1);
	core->config.bridge = BH_BRIDGE_STATEFUL;
	f.last = bh_time_now();
	bh_core_flows(core, &f, 1);
	assert_int_equal(open_beside(NULL, 0, 0), 1); /* it may have come just now */
}

/* --- of single replicas ----------------------------------------------------------------------- */

#define REPLICAS 3

/* "web-1", "web-2" … of workload netns:web, and db. */
static void come_replicas(void)
{
	const struct bh_model_config model = { .keep_departed = BH_SECOND, .netns_ordinals = true };
	char name[16], address[16];

	bh_model_free(core->model);
	core->model = bh_model_new(&model);
	core_fixture_endpoint(core, 8, "db", "10.0.2.3");
	for (uint32_t i = 1; i <= REPLICAS; i++) {
		snprintf(name, sizeof(name), "web-%u", i);
		snprintf(address, sizeof(address), "10.0.1.%u", i);
		core_fixture_endpoint(core, 10 + i, name, address);
	}
}

/* Of a connection to the port that each replica opened: the replica's number, with this added. */
static void open_of_each(struct bh_tracked entries[REPLICAS], uint32_t add, uint16_t port)
{
	char address[16];

	for (uint32_t i = 1; i <= REPLICAS; i++) {
		snprintf(address, sizeof(address), "10.0.1.%u", i);
		entries[i - 1] = entry(add + i, address, "10.0.2.3", port);
	}
}

static struct bh_share replicas(uint32_t count)
{
	return (struct bh_share) { .value = count, .rest = BH_AUDIT };
}

/* Chains and ports as if they were compiled, confirmed by the kernel. */
static void stand(void)
{
	const struct bh_instance *instance;

	bh_ruleset_free(core->rules);
	core->rules = bh_ruleset_new();
	core->enforcement = BH_ENFORCEMENT_ACTIVE;
	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;) {
		struct bh_chain *chain = bh_ruleset_add_chain(core->rules);
		struct bh_port *port = bh_ruleset_add_port(core->rules, 0);

		bh_copy_text(chain->workload, sizeof(chain->workload), instance->workload);
		bh_copy_text(port->workload, sizeof(port->workload), instance->workload);
		memcpy(port->ifname, instance->fact.ifname, sizeof(port->ifname));
		chain->mode = port->mode = bh_core_instance_mode(core, instance);
	}
	bh_force_confirmed(core->force, core->rules, bh_time_now());
	confirm();
}

/* So many of the replicas are enforced, and the others audited; 0: all are audited. */
static void enforce(uint32_t count)
{
	const struct bh_share share = replicas(count);

	set_mode("netns:web", count > 0 ? BH_ENFORCE : BH_AUDIT);
	bh_shares_set(core->shares, "netns:web", count > 0 ? &share : NULL);
	bh_core_existing_touch(core);
	bh_core_shares_look(core);
	stand();
}

/* Numbers of those that are, as bits. */
static unsigned enforced(void)
{
	const struct bh_instance *instance;
	unsigned bits = 0;

	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		if (bh_core_instance_mode(core, instance) == BH_ENFORCE)
			bits |= 1u << (instance->fact.ifindex - 10);
	return bits;
}

/* What is cut of them, as bits. */
static unsigned cut_of(const struct bh_tracked *entries, size_t count)
{
	unsigned bits = 0;

	answer(entries, count);
	for (size_t i = 0; i < heard.cut_count; i++)
		bits |= 1u << heard.cut[i];
	if (heard.cut_count > 0)
		cut(0);
	return bits;
}

static void a_share_that_grows_cuts_where_it_grows(void **state)
{
	struct bh_tracked entries[2 * REPLICAS];

	(void)state;
	come_replicas();
	open_of_each(entries, 0, 5432);
	open_of_each(entries + REPLICAS, 20, 80);
	apply(narrow);
	enforce(0);
	assert_int_equal(cut_of(entries, 2 * REPLICAS), 0);
	enforce(1);
	unsigned first = enforced();
	assert_int_equal(cut_of(entries, 2 * REPLICAS), first);
	restart();
	confirm();
	assert_int_equal(cut_of(entries, 2 * REPLICAS), 0);
	enforce(2);
	assert_int_equal(enforced() & first, first);
	assert_int_equal(cut_of(entries, 2 * REPLICAS), enforced() & ~first);
	/* One that goes is followed by the last. */
	unsigned both = enforced();
	bh_model_endpoint_gone(core->model, 10 + (uint32_t)__builtin_ctz(first), bh_time_now());
	bh_core_shares_look(core);
	stand();
	assert_int_equal(cut_of(entries, 2 * REPLICAS), enforced() & ~both);
	assert_int_equal(enforced() & both, both & ~first);
}

/* Who is in the share is known, also where there are no others whose mode would say so. */
static void who_was_not_there_yet_was_none_of_the_share(void **state)
{
	struct bh_tracked e = entry(4, "10.0.1.4", "10.0.2.3", 5432);

	(void)state;
	come_replicas();
	apply(narrow);
	enforce(REPLICAS);
	assert_int_equal(cut_of(NULL, 0), 0);
	core_fixture_endpoint(core, 14, "web-4", "10.0.1.4");
	bh_core_shares_look(core);
	stand();
	bh_model_endpoint_gone(core->model, 11, bh_time_now());
	bh_core_shares_look(core);
	stand();
	assert_int_equal(enforced(), 1u << 2 | 1u << 3 | 1u << 4);
	assert_int_equal(cut_of(&e, 1), 1u << 4);
}

static void kept_ones_stay_kept_where_a_share_grows(void **state)
{
	struct bh_tracked entries[REPLICAS];

	(void)state;
	come_replicas();
	open_of_each(entries, 0, 5432);
	apply(narrow);
	enforce(0);
	assert_int_equal(cut_of(entries, REPLICAS), 0);
	bh_core_existing_want(core, &keep_all);
	enforce(1);
	unsigned first = enforced();
	assert_int_equal(cut_of(entries, REPLICAS), 0);
	enforce(2);
	assert_int_equal(cut_of(entries, REPLICAS), enforced() & ~first);
}

static void the_preview_is_of_the_chosen_ones(void **state)
{
	static const struct bh_existing as_configured = { BH_EXISTING_CUT, 0 };
	const struct bh_share one = replicas(1);
	struct bh_tracked entries[REPLICAS];
	uint8_t mode = BH_ENFORCE;

	(void)state;
	come_replicas();
	open_of_each(entries, 0, 5432);
	apply(narrow);
	enforce(0);
	answer(entries, REPLICAS);
	struct bh_map *modes = bh_map_new(NULL);
	const struct bh_treatment then = { modes, bh_shares_copy(core->shares) };
	bh_map_put_text(modes, "netns:web", &mode);
	bh_shares_set(then.shares, "netns:web", &one);
	cJSON *json = bh_core_existing_preview(core, core->policy, &then, &as_configured);
	cJSON *share = bh_shares_json(then.shares, core->model, "netns:web", mode);
	assert_int_equal(counted(json, "open"), REPLICAS);
	assert_int_equal(counted(json, "count"), 1);
	const cJSON *row = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "connections"), 0);
	const char *ip =
		cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetObjectItem(row, "src"), "ip"));
	const char *name = cJSON_GetStringValue(
		cJSON_GetArrayItem(cJSON_GetObjectItem(share, "instances"), 0));
	assert_string_equal(ip + strlen("10.0.1."), name + strlen("web-"));
	assert_int_equal(enforced(), 0);
	cJSON_Delete(json);
	cJSON_Delete(share);
	bh_map_free(modes);
	bh_shares_free(then.shares);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

/* --- a stateless bridge ----------------------------------------------------------------------- */

/* Capture reports a connection from web to db, opened now. */
static struct bh_flow flow_of(uint64_t id, uint8_t proto, uint16_t sport, uint16_t dport)
{
	struct bh_flow flow;

	memset(&flow, 0, sizeof(flow));
	flow.id = id;
	flow.key = core_fixture_tuple("10.0.1.2", sport, "10.0.2.3", dport);
	flow.key.proto = proto;
	flow.first = flow.last = bh_time_now();
	flow.src_ifindex = 7;
	flow.dst_ifindex = 8;
	flow.state = proto == IPPROTO_TCP ? BH_FLOW_ESTABLISHED : BH_FLOW_ANSWERED;
	flow.answered = true;
	flow.established = proto == IPPROTO_TCP;
	flow.direction = BH_DIRECTION_SYN;
	flow.tx.sent = flow.tx.delivered = (struct bh_tally) { 3, 300 };
	flow.rx.sent = flow.rx.delivered = (struct bh_tally) { 3, 300 };
	return flow;
}

static struct bh_flow report(uint64_t id, uint8_t proto, uint16_t sport, uint16_t dport)
{
	struct bh_flow flow = flow_of(id, proto, sport, dport);

	bh_core_flows(core, &flow, 1);
	return flow;
}

/* What would go to the kernel now. */
static struct bh_ruleset *compiled(void)
{
	struct bh_ruleset *rules = bh_ruleset_new();

	bh_core_exceptions_compile(core, rules);
	return rules;
}

static size_t exceptions(void)
{
	struct bh_ruleset *rules = compiled();
	size_t count = rules->exception_count;

	bh_ruleset_free(rules);
	return count;
}

/* The change goes to the kernel, stands there, and is looked at. */
static size_t change(const char *policy, const struct bh_existing *existing)
{
	bh_core_existing_want(core, existing);
	apply(policy);
	size_t count = exceptions();
	confirm();
	answer(NULL, 0);
	return count;
}

static void begin_stateless(void)
{
	core->config.bridge = BH_BRIDGE_STATELESS;
	begin_wide();
}

static void what_is_kept_on_a_stateless_bridge_comes_with_the_rules(void **state)
{
	(void)state;
	begin_stateless();
	report(1, IPPROTO_TCP, 40001, 5432);
	report(2, IPPROTO_TCP, 40002, 80);
	report(3, IPPROTO_TCP, 40003, 9999); /* denied before */
	assert_int_equal(exceptions(), 0);
	bh_core_existing_want(core, &keep_all);
	apply(narrow);
	struct bh_ruleset *rules = compiled();
	assert_int_equal(rules->exception_count, 1);
	assert_int_equal(rules->exceptions[0].key.sport, 40001);
	assert_int_equal(rules->exceptions[0].key.dport, 5432);
	assert_string_equal(rules->exceptions[0].src_ifname, "web");
	assert_string_equal(rules->exceptions[0].dst_ifname, "db");
	bh_ruleset_free(rules);
	confirm();
	answer(NULL, 0);
	assert_int_equal(core_fixture_told(core, "1 open connection that the rules deny now goes "
						 "on until it ends"),
			 1);
	/* Whatever is applied later, as long as that does not allow it. */
	assert_int_equal(change(none, NULL), 1);
	assert_int_equal(core_fixture_told(core, "netns:web → netns:db 80/tcp: 1 open connection "
						 "cut"),
			 1);
	assert_int_equal(change(wide, NULL), 0);
	assert_int_equal(change(narrow, NULL), 0);
	assert_int_equal(core_fixture_told(core, "netns:web → netns:db 5432/tcp: 1 open connection "
						 "cut"),
			 1);
}

static void a_stateless_bridge_passes_what_the_other_end_may_have_opened(void **state)
{
	static const char back[] = HEAD "  - {from: db, to: web, ports: [40001/tcp, 40002/udp]}\n";

	(void)state;
	begin_stateless();
	report(1, IPPROTO_TCP, 40001, 5432);
	assert_int_equal(change(back, &keep_all), 0);
	assert_int_equal(core_fixture_told(core, "1 open connection goes on, though no rule"), 1);
}

static void datagrams_are_kept_and_questions_are_not(void **state)
{
	static const char before[] = HEAD "  - {from: web, to: db, ports: [any]}\n";

	(void)state;
	core->config.bridge = BH_BRIDGE_STATELESS;
	apply(before);
	set_rules(BH_ENFORCE);
	confirm();
	answer(NULL, 0);
	report(1, IPPROTO_UDP, 40001, 53);
	report(2, IPPROTO_SCTP, 40001, 53);
	report(3, IPPROTO_ICMP, 0, 8 * 256);
	assert_int_equal(change(none, &keep_all), 2);
	assert_int_equal(core_fixture_told(core, "1 open connection on a stateless bridge is cut "
						 "all the same"),
			 1);
}

static void what_was_opened_a_moment_ago_is_open(void **state)
{
	struct bh_flow flow = flow_of(1, IPPROTO_TCP, 40001, 5432);

	(void)state;
	begin_stateless();
	flow.answered = flow.established = false;
	flow.state = BH_FLOW_ATTEMPTED;
	memset(&flow.rx, 0, sizeof(flow.rx));
	bh_core_flows(core, &flow, 1);
	flow = flow_of(2, IPPROTO_TCP, 40002, 5432);
	flow.answered = flow.established = false;
	flow.state = BH_FLOW_ATTEMPTED; /* and nothing of it arrived */
	memset(&flow.rx, 0, sizeof(flow.rx));
	memset(&flow.tx.delivered, 0, sizeof(flow.tx.delivered));
	bh_core_flows(core, &flow, 1);
	assert_int_equal(change(narrow, &keep_all), 1);
}

static void what_drains_on_a_stateless_bridge_is_cut_later(void **state)
{
	static const struct bh_existing drain = { BH_EXISTING_DRAIN, BH_SECOND };

	(void)state;
	begin_stateless();
	report(1, IPPROTO_TCP, 40001, 5432);
	assert_int_equal(change(narrow, &drain), 1);
	assert_int_equal(draining(), 1);
	restart(); /* the next run knows no flow yet */
	bh_core_exceptions_stand(core, true);
	assert_int_equal(draining(), 1);
	assert_int_equal(exceptions(), 1);
	uv_sleep(1100);
	assert_int_equal(exceptions(), 0);
	bh_core_existing_tick(core);
	assert_int_equal(core_fixture_told(core,
					   "5432/tcp: 1 open connection cut, the time to drain "
					   "is over"),
			 1);
	confirm();
	answer(NULL, 0);
	assert_int_equal(draining(), 0);
}

static void killed_before_the_kernel_had_them_they_are_known(void **state)
{
	(void)state;
	begin_stateless();
	report(1, IPPROTO_TCP, 40001, 5432);
	bh_core_existing_want(core, &keep_all);
	apply(narrow);
	assert_int_equal(exceptions(), 1);
	restart();
	assert_int_equal(exceptions(), 1);
	confirm();
	answer(NULL, 0);
	bh_core_exceptions_stand(core, true);
	assert_int_equal(exceptions(), 1);
}

static void where_no_rules_stood_nothing_is_kept(void **state)
{
	(void)state;
	begin_stateless();
	report(1, IPPROTO_TCP, 40001, 5432);
	assert_int_equal(change(narrow, &keep_all), 1);
	restart();
	core->capture_state.core_restarts = 1; /* the kernel process lived on */
	bh_core_exceptions_stand(core, false);
	assert_int_equal(exceptions(), 1);
	core->capture_state.core_restarts = 0;
	restart();
	bh_core_exceptions_stand(core, false);
	assert_int_equal(exceptions(), 0);
	assert_int_equal(core_fixture_told(core, "no rules of an earlier run stood"), 1);
}

static void another_boot_has_other_interfaces(void **state)
{
	(void)state;
	begin_stateless();
	bh_copy_text(core->boot, sizeof(core->boot), "one");
	report(1, IPPROTO_TCP, 40001, 5432);
	assert_int_equal(change(narrow, &keep_all), 1);
	restart();
	assert_int_equal(exceptions(), 1);
	bh_copy_text(core->boot, sizeof(core->boot), "two");
	restart();
	assert_int_equal(exceptions(), 0);
}

static void tick(void)
{
	bh_core_existing_tick(core);
	turn();
}

static void an_exception_ends_with_its_connection(void **state)
{
	struct bh_flow flows[3];

	(void)state;
	begin_stateless();
	for (uint16_t i = 0; i < 3; i++)
		flows[i] = report(i + 1u, IPPROTO_TCP, (uint16_t)(40001 + i), 5432);
	assert_int_equal(change(narrow, &keep_all), 3);
	tick();
	assert_int_equal(exceptions(), 3);
	flows[0].final = true;
	flows[0].state = BH_FLOW_CLOSED;
	flows[1].final = flows[1].lossy = true; /* capture died, and the connection did not */
	bh_core_flows(core, flows, 2);
	tick();
	assert_int_equal(exceptions(), 2);
	/* A SYN on the third's tuple: capture ended the old one, and reports another. */
	flows[2].final = true;
	flows[2].state = BH_FLOW_CLOSED;
	bh_core_flows(core, &flows[2], 1);
	flows[2] = flow_of(9, IPPROTO_TCP, 40003, 5432);
	bh_core_flows(core, &flows[2], 1);
	tick();
	assert_int_equal(exceptions(), 1);
}

static void silence_ends_an_exception_as_it_ends_a_flow(void **state)
{
	struct bh_flow flow;

	(void)state;
	core->config.idle_timeout = core->config.tcp_idle_timeout = -60 * BH_SECOND;
	begin_stateless();
	flow = report(1, IPPROTO_TCP, 40001, 5432);
	assert_int_equal(change(narrow, &keep_all), 1);
	uv_sleep(2);
	tick();
	assert_int_equal(exceptions(), 1); /* capture knows it */
	flow.final = flow.lossy = true;
	bh_core_flows(core, &flow, 1);
	uv_sleep(2);
	tick();
	assert_int_equal(exceptions(), 0);
}

static void an_exception_ends_with_its_ends(void **state)
{
	(void)state;
	begin_stateless();
	report(1, IPPROTO_TCP, 40001, 5432);
	assert_int_equal(change(narrow, &keep_all), 1);
	bh_model_endpoint_gone(core->model, 8, bh_time_now());
	core_fixture_endpoint(core, 9, "db2", "10.0.2.3"); /* another has its address now */
	assert_int_equal(exceptions(), 0);
}

static void whom_a_stateless_bridge_does_not_carry_is_no_exception(void **state)
{
	struct bh_endpoint_fact fact = { .ifindex = 8, .netns_inode = 8, .addr_count = 1 };

	(void)state;
	begin_stateless();
	fact.master_ifindex = 101;
	fact.addrs[0] = core_fixture_addr("10.0.2.3");
	fact.since = CORE_FIXTURE_NOW;
	bh_copy_text(fact.ifname, sizeof(fact.ifname), "db");
	bh_copy_text(fact.l3_ifname, sizeof(fact.l3_ifname), "br1");
	bh_copy_text(fact.netns_name, sizeof(fact.netns_name), "/run/netns/db");
	bh_model_endpoint(core->model, &fact, CORE_FIXTURE_NOW);
	report(1, IPPROTO_TCP, 40001, 5432);
	assert_int_equal(change(narrow, &keep_all), 0);
}

static void there_is_a_most(void **state)
{
	(void)state;
	begin_stateless();
	for (uint32_t i = 0; i < BH_EXCEPTIONS_MOST + 2; i++)
		report(i + 1, IPPROTO_TCP, (uint16_t)(20000 + i), 5432);
	assert_int_equal(change(narrow, &keep_all), BH_EXCEPTIONS_MOST);
	assert_int_equal(core_fixture_told(core, "2 open connections on a stateless bridge are cut "
						 "all the same"),
			 1);
	assert_int_equal(core_fixture_told(core, "5432/tcp: 2 open connections cut"), 1);
}

static void the_preview_says_what_cannot_be_kept(void **state)
{
	struct bh_error err = { 0 };
	struct bh_policy *policy = bh_policy_parse(none, strlen(none), "policy", &err);
	static const char before[] = HEAD "  - {from: web, to: db, ports: [any]}\n";
	static const struct bh_existing cuts = { BH_EXISTING_CUT, 0 };

	(void)state;
	core->config.bridge = BH_BRIDGE_STATELESS;
	apply(before);
	set_rules(BH_ENFORCE);
	confirm();
	answer(NULL, 0);
	report(1, IPPROTO_TCP, 40001, 5432);
	report(2, IPPROTO_ICMP, 0, 8 * 256);
	cJSON *json = bh_core_existing_preview(core, policy, NULL, &keep_all);
	assert_int_equal(counted(json, "count"), 2);
	assert_int_equal(counted(json, "not_kept_count"), 1);
	assert_non_null(strstr(cJSON_GetObjectItem(json, "incomplete")->valuestring,
			       "silent since bulkhead started"));
	cJSON_Delete(json);
	json = bh_core_existing_preview(core, policy, NULL, &cuts);
	assert_int_equal(counted(json, "count"), 2);
	assert_int_equal(counted(json, "not_kept_count"), 0);
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "incomplete")));
	cJSON_Delete(json);
	bh_policy_free(policy);
}

/* Nobody's container talks to db, over TCP: what the rules do not let pass a stateless bridge
 * refuses, unless it is told to let it go on. */
static void the_preview_says_what_cannot_be_judged(void **state)
{
	static const struct bh_existing cuts = { BH_EXISTING_CUT, 0 };
	struct bh_flow flow = flow_of(1, IPPROTO_TCP, 40001, 5432);
	uint8_t mode = BH_ENFORCE;

	(void)state;
	core->config.bridge = BH_BRIDGE_STATELESS;
	come_stranger(100);
	apply(wide);
	set_rules(BH_LEARN);
	confirm();
	answer(NULL, 0);
	flow.key = core_fixture_tuple("10.0.2.9", 40001, "10.0.2.3", 5432);
	flow.src_ifindex = 9;
	bh_core_flows(core, &flow, 1);
	struct bh_map *modes = bh_map_new(NULL);
	const struct bh_treatment then = { modes, core->shares };
	bh_map_put_text(modes, "netns:db", &mode);
	cJSON *json = bh_core_existing_preview(core, core->policy, &then, &cuts);
	assert_int_equal(counted(json, "uncertain_count"), 1);
	assert_int_equal(counted(json, "uncertain_refused_count"), 1);
	cJSON_Delete(json);
	json = bh_core_existing_preview(core, core->policy, &then, &keep_all);
	assert_int_equal(counted(json, "uncertain_count"), 1);
	assert_int_equal(counted(json, "uncertain_refused_count"), 0);
	cJSON_Delete(json);
	bh_map_free(modes);
}

/* The other process of the same configuration. */
static void bridges_that_change_hands_are_told(void **state)
{
	struct bh_ruleset *rules;

	(void)state;
	begin_wide(); /* stateful, which is written down */
	apply(narrow);
	restart();
	core->config.bridge = BH_BRIDGE_STATELESS;
	rules = bh_ruleset_new();
	bh_ruleset_add_chain(rules);
	bh_core_exceptions_compile(core, rules);
	bh_ruleset_free(rules);
	assert_int_equal(core_fixture_told(core, "bridges are stateless from now on"), 1);
}

static void what_goes_on_is_handed_to_connection_tracking(void **state)
{
	(void)state;
	begin_stateless();
	report(1, IPPROTO_TCP, 40001, 5432);
	assert_int_equal(change(narrow, &keep_all), 1);
	restart();
	core->config.bridge = BH_BRIDGE_STATEFUL;
	assert_int_equal(exceptions(), 0);
	turn();
	assert_int_equal(heard.kept, 1);
	assert_int_equal(exceptions(), 0);
	turn();
	assert_int_equal(heard.kept, 1);
}

static void what_was_written_wrongly_is_left_out(void **state)
{
	static const char text[] =
		"{\"settled\":{},\"steps\":[],\"exceptions\":{\"stateless\":true,\"boot\":7,"
		"\"connections\":[7,{},{\"proto\":6,\"src\":\"10.0.1.2\",\"sport\":1,\"src_"
		"ifindex\":7,"
		"\"dst\":\"fd00::1\",\"dport\":2,\"dst_ifindex\":8},"
		"{\"proto\":1,\"src\":\"10.0.1.2\",\"sport\":1,\"src_ifindex\":7,\"dst\":\"10.0.2."
		"3\","
		"\"dport\":2,\"dst_ifindex\":8},"
		"{\"proto\":6,\"src\":\"10.0.1.2\",\"sport\":70000,\"src_ifindex\":7,"
		"\"dst\":\"10.0.2.3\",\"dport\":2,\"dst_ifindex\":8},"
		"{\"proto\":6,\"src\":\"10.0.1.2\",\"sport\":1,\"src_ifindex\":7,\"dst\":\"10.0.2."
		"3\","
		"\"dport\":9999,\"dst_ifindex\":8,\"made\":-1,\"until\":\"soon\"}]}}";
	struct bh_error err = { 0 };

	(void)state;
	begin_stateless();
	bh_store_begin(core->store, &err);
	assert_int_equal(bh_store_set_existing(core->store, text, &err), 0);
	bh_store_commit(core->store, &err);
	restart();
	assert_int_equal(exceptions(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_denied_now_is_cut_and_nothing_else),
		TEST(a_published_port_is_judged_as_the_chains_see_it),
		TEST(another_change_meanwhile_is_waited_for),
		TEST(a_mode_tightens_too),
		TEST(what_cannot_be_deleted_is_told),
		TEST(what_cannot_be_read_is_told_and_tried_again),
		TEST(kept_ones_stay_kept),
		TEST(what_drains_is_cut_later_also_by_the_next_run),
		TEST(what_drains_and_is_allowed_again_goes_on),
		TEST(changes_that_are_looked_at_together_keep_what_either_keeps),
		TEST(killed_while_it_cuts_it_leaves_what_drains),
		TEST(what_could_not_be_judged_drains_as_well),
		TEST(a_posture_that_closes_cuts_strangers),
		TEST(one_name_of_an_address_suffices),
		TEST(the_preview_says_what_would_end),
		TEST(an_exchange_that_was_forgotten_is_not_open),
		TEST(a_share_that_grows_cuts_where_it_grows),
		TEST(who_was_not_there_yet_was_none_of_the_share),
		TEST(kept_ones_stay_kept_where_a_share_grows),
		TEST(the_preview_is_of_the_chosen_ones),
		TEST(what_is_kept_on_a_stateless_bridge_comes_with_the_rules),
		TEST(a_stateless_bridge_passes_what_the_other_end_may_have_opened),
		TEST(datagrams_are_kept_and_questions_are_not),
		TEST(what_was_opened_a_moment_ago_is_open),
		TEST(what_drains_on_a_stateless_bridge_is_cut_later),
		TEST(killed_before_the_kernel_had_them_they_are_known),
		TEST(where_no_rules_stood_nothing_is_kept),
		TEST(another_boot_has_other_interfaces),
		TEST(an_exception_ends_with_its_connection),
		TEST(silence_ends_an_exception_as_it_ends_a_flow),
		TEST(an_exception_ends_with_its_ends),
		TEST(whom_a_stateless_bridge_does_not_carry_is_no_exception),
		TEST(there_is_a_most),
		TEST(the_preview_says_what_cannot_be_kept),
		TEST(the_preview_says_what_cannot_be_judged),
		TEST(bridges_that_change_hands_are_told),
		TEST(what_goes_on_is_handed_to_connection_tracking),
		TEST(what_was_written_wrongly_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
