/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When rules were used: by flows, by what the kernel counted, and as far as anybody could see. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "address.h"
#include "core_fixture.h"
#include "core_uses.h"
#include "ruleset.h"

static struct bh_core *core;
static int other_end;
static uint64_t last_id;

static void ignore_message(void *user, struct bh_channel *channel, const struct bh_message *m)
{
	(void)user;
	(void)channel;
	(void)m;
}

static void ignore_end(void *user, struct bh_channel *channel, const char *why)
{
	(void)user;
	(void)channel;
	(void)why;
}

static int setup(void **state)
{
	struct bh_channel_handlers handlers = { NULL, ignore_message, ignore_end };
	int fds[2];

	(void)state;
	core = core_fixture_with_rules(BH_SECOND);
	core_fixture_world(core);
	if (bh_channel_pair(fds) != 0)
		return -1;
	core->kernel = bh_channel_new(&core->loop, fds[0], &handlers, 1 << 20);
	other_end = fds[1];
	core->scanned = true;
	core->enforcement = BH_ENFORCEMENT_ACTIVE;
	last_id = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bh_channel_free(core->kernel);
	core->kernel = NULL;
	close(other_end);
	uv_run(&core->loop, UV_RUN_NOWAIT);
	bh_ruleset_free(core->rules);
	core->rules = NULL;
	core_fixture_free_with_rules(core);
	return 0;
}

static struct bh_policy *parse(const char *rules)
{
	char text[1024];
	struct bh_error err = { 0 };

	snprintf(text, sizeof(text),
		 "bulkhead-policy: 1\nworkloads:\n  web: {bulkhead.name: web}\n"
		 "  db: {bulkhead.name: db}\n  too: {bulkhead.name: web}\n"
		 "  gone: {bulkhead.name: gone}\nrules:\n%s",
		 rules);
	struct bh_policy *policy = bh_policy_parse(text, strlen(text), "test", &err);
	if (policy == NULL)
		fail_msg("%s", err.text);
	return policy;
}

static void apply(const char *rules)
{
	bh_force_retire(core->force, core->policy);
	core->policy = parse(rules);
	bh_policy_revision(core->policy, core->revision);
	bh_core_uses_policy(core);
}

static void connect_to(uint16_t port, int64_t time)
{
	struct bh_flow flow;

	memset(&flow, 0, sizeof(flow));
	flow.id = ++last_id;
	flow.key = core_fixture_tuple("10.0.1.2", (uint16_t)(1000 + last_id), "10.0.2.3", port);
	flow.first = flow.last = time;
	flow.src_ifindex = 7;
	flow.dst_ifindex = 8;
	flow.state = BH_FLOW_ATTEMPTED;
	flow.direction = BH_DIRECTION_SYN;
	flow.tx.sent.packets = 1;
	bh_core_flows(core, &flow, 1);
}

/* The rule's state, last use and by whom it is told, as text. */
static const char *use_of(size_t rule, int64_t since)
{
	static char text[128];
	cJSON *json = bh_core_uses_json(core, since);
	const cJSON *row = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "rules"), (int)rule);
	const cJSON *by = cJSON_GetObjectItem(row, "told_by");

	snprintf(text, sizeof(text), "%s %s%s", cJSON_GetObjectItem(row, "state")->valuestring,
		 cJSON_IsString(by) ? by->valuestring : "-",
		 cJSON_IsTrue(cJSON_GetObjectItem(row, "shared")) ? " shared" : "");
	cJSON_Delete(json);
	return text;
}

/* Seconds pass in which it is watched. */
static void watch(int64_t monotonic)
{
	core->watched_at = 1;
	bh_core_uses_tick(core, bh_time_now(), monotonic);
	bh_core_uses_tick(core, bh_time_now(), monotonic + BH_SECOND);
}

static const char rules[] = "  - {from: web, to: db, ports: [80/tcp]}\n"
			    "  - {from: too, to: db, ports: [80-90/tcp]}\n"
			    "  - {from: gone, to: db, ports: [80/tcp]}\n"
			    "  - {from: web, to: db, ports: [99/tcp], action: deny}\n";

static void a_flow_uses_the_rule_that_decides(void **state)
{
	(void)state;
	apply(rules);
	watch(100 * BH_SECOND);
	assert_string_equal(use_of(0, 0), "unused -");
	assert_string_equal(use_of(2, 0), "unknown -");
	connect_to(80, bh_time_now());
	connect_to(99, bh_time_now());
	assert_string_equal(use_of(0, 0), "used flow");
	assert_string_equal(use_of(1, 0), "unused -");
	assert_string_equal(use_of(3, 0), "used flow");
	/* From before the rule. */
	connect_to(85, bh_time_now() - 60 * BH_SECOND);
	assert_string_equal(use_of(1, 0), "unused -");
	assert_string_equal(use_of(0, bh_time_now() + BH_DAY), "unknown flow");
}

static void a_rule_keeps_its_record_as_long_as_it_says_the_same(void **state)
{
	(void)state;
	apply(rules);
	watch(100 * BH_SECOND);
	connect_to(80, bh_time_now());
	/* By another name, in another place, with an end and a comment. */
	apply("  - {from: web, to: db, ports: [81/tcp]}\n"
	      "  - {from: too, to: db, ports: [80/tcp], expires: 2099-01-01, comment: x}\n");
	assert_string_equal(use_of(1, 0), "used flow");
	assert_string_equal(use_of(0, 0), "unknown -");
	/* One that comes back is watched anew, and its last use is known still. */
	apply("  - {from: web, to: db, ports: [81/tcp]}\n");
	apply("  - {from: web, to: db, ports: [80/tcp]}\n");
	assert_string_equal(use_of(0, 0), "unknown flow");
}

static struct bh_use use(uint16_t first, uint16_t last, uint64_t packets)
{
	struct bh_use use = { .packets = packets,
			      .side = BH_EGRESS,
			      .kind = BH_PERMIT_PREFIX,
			      .proto = IPPROTO_TCP,
			      .port_first = first,
			      .port_last = last };

	strcpy(use.hash, "0123456789abcdef");
	use.first = use.last = core_fixture_addr("10.0.2.3");
	return use;
}

static void add_permit(struct bh_chain *chain, uint16_t first, uint16_t last, uint32_t rule)
{
	struct bh_addr addr = core_fixture_addr("10.0.2.3");
	struct bh_permit *p = bh_chain_add_permit(chain);

	*p = (struct bh_permit) { .kind = BH_PERMIT_PEER,
				  .proto = IPPROTO_TCP,
				  .port_first = first,
				  .port_last = last,
				  .rule = rule };
	p->peer = bh_prefix_of(&addr, 128);
}

/* web's egress, as the kernel has it. */
static void rules_stand(void)
{
	bh_ruleset_free(core->rules);
	core->rules = bh_ruleset_new();
	strcpy(core->rules->revision, core->revision);
	struct bh_chain *chain = bh_ruleset_add_chain(core->rules);
	strcpy(chain->hash, "0123456789abcdef");
	chain->side = BH_EGRESS;
	chain->mode = BH_ENFORCE;
	add_permit(chain, 80, 80, 0);
	add_permit(chain, 80, 90, 1);
}

static void read_counters(int64_t monotonic, const struct bh_use *uses, size_t count)
{
	watch(monotonic);
	bh_core_uses_take(core, uses, count);
	bh_core_uses_end(core, 0);
}

static void what_the_kernel_counts_is_a_use_of_all_that_ask_for_it(void **state)
{
	struct bh_use uses[] = { use(80, 80, 7), use(80, 90, 3) };

	(void)state;
	apply(rules);
	rules_stand();
	read_counters(100 * BH_SECOND, uses, 2);
	assert_string_equal(use_of(0, 0), "unused -"); /* nobody knows when that was */
	read_counters(200 * BH_SECOND, uses, 2);
	assert_string_equal(use_of(0, 0), "unused -");
	uses[0].packets++;
	read_counters(300 * BH_SECOND, uses, 2);
	assert_string_equal(use_of(0, 0), "used counter shared");
	assert_string_equal(use_of(1, 0), "used counter shared");
	assert_string_equal(use_of(2, 0), "unknown -");
}

static void an_element_of_one_rule_is_its_own(void **state)
{
	struct bh_use uses[] = { use(81, 90, 3) };

	(void)state;
	apply(rules);
	rules_stand();
	read_counters(100 * BH_SECOND, uses, 0);
	read_counters(200 * BH_SECOND, uses, 1);
	assert_string_equal(use_of(0, 0), "unused -");
	assert_string_equal(use_of(1, 0), "used counter");
}

static void what_is_read_while_the_policy_changes_counts_for_nothing(void **state)
{
	struct bh_use uses[] = { use(80, 80, 7) };

	(void)state;
	apply(rules);
	rules_stand();
	read_counters(100 * BH_SECOND, uses, 0);
	watch(200 * BH_SECOND);
	apply("  - {from: gone, to: db, ports: [80/tcp]}\n"
	      "  - {from: web, to: db, ports: [80/tcp]}\n");
	bh_core_uses_take(core, uses, 1);
	bh_core_uses_end(core, 0);
	assert_string_equal(use_of(0, 0), "unknown -");
	assert_string_equal(use_of(1, 0), "unused -");
}

/* As another process that opens the same store. */
static void start_anew(void)
{
	struct bh_error err = { 0 };

	assert_int_equal(bh_core_uses_save(core, &err), 0);
	bh_rule_uses_free(core->uses);
	core->uses = bh_rule_uses_new();
	assert_int_equal(bh_core_uses_load(core, &err), 0);
}

static void it_outlives_the_daemon_with_what_was_counted_meanwhile(void **state)
{
	struct bh_use uses[] = { use(80, 80, 7), use(81, 90, 3) };

	(void)state;
	apply(rules);
	rules_stand();
	read_counters(100 * BH_SECOND, uses, 2);
	connect_to(99, bh_time_now());
	start_anew();
	assert_string_equal(use_of(3, 0), "used flow");
	assert_string_equal(use_of(1, 0), "unused -");
	uses[1].packets++;
	read_counters(100 * BH_SECOND, uses, 2);
	assert_string_equal(use_of(0, 0), "unused -");
	assert_string_equal(use_of(1, 0), "used counter shared"); /* perhaps */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_flow_uses_the_rule_that_decides),
		TEST(a_rule_keeps_its_record_as_long_as_it_says_the_same),
		TEST(what_the_kernel_counts_is_a_use_of_all_that_ask_for_it),
		TEST(an_element_of_one_rule_is_its_own),
		TEST(what_is_read_while_the_policy_changes_counts_for_nothing),
		TEST(it_outlives_the_daemon_with_what_was_counted_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
