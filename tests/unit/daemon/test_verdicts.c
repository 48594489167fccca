/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What got through and what did not, and every reason for which a delivery is no leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "core_fixture.h"
#include "grow.h"
#include "ruleset.h"

#define NOW (INT64_C(1700000000) * BH_SECOND)
#define DENYING                                                                                    \
	"bulkhead-policy: 1\nworkloads:\n  a: {bulkhead.workload: \"netns:a\"}\n  b: "             \
	"{bulkhead.netns: "                                                                        \
	"b}\nrules: []\n"
#define ALLOWING                                                                                   \
	"bulkhead-policy: 1\nworkloads:\n  a: {bulkhead.workload: \"netns:a\"}\n  b: "             \
	"{bulkhead.workload: \"netns:b\"}\n"                                                       \
	"rules:\n  - from: a\n    to: b\n    ports: [80/tcp, 80/udp]\n"

enum { VETH_A = 7, VETH_B = 8, VETH_C = 9 };

static void add_endpoint(struct bh_core *core, uint32_t ifindex, const char *name,
			 const char *bridge, const char *address)
{
	struct bh_endpoint_fact fact;

	memset(&fact, 0, sizeof(fact));
	fact.ifindex = ifindex;
	fact.netns_inode = 70 + ifindex;
	fact.addr_count = 1;
	fact.since = NOW - 3600 * BH_SECOND;
	bh_copy_text(fact.ifname, sizeof(fact.ifname), name);
	bh_copy_text(fact.l3_ifname, sizeof(fact.l3_ifname), bridge);
	snprintf(fact.netns_name, sizeof(fact.netns_name), "/run/netns/%s", name);
	bh_addr_parse(address, &fact.addrs[0]);
	bh_model_endpoint(core->model, &fact, fact.since);
}

static struct bh_policy *parse(const char *text)
{
	struct bh_error err = { 0 };
	struct bh_policy *policy = bh_policy_parse(text, strlen(text), "test", &err);

	assert_non_null(policy);
	return policy;
}

static void bind_address(struct bh_ruleset *rules, const char *workload, const char *address,
			 uint8_t mode)
{
	uint32_t chain = (uint32_t)rules->chain_count;

	for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++) {
		struct bh_chain *c = bh_ruleset_add_chain(rules);

		bh_copy_text(c->workload, sizeof(c->workload), workload);
		c->side = side;
		c->mode = mode;
	}
	struct bh_binding *b = bh_ruleset_add_binding(rules);
	bh_copy_text(b->l3_ifname, sizeof(b->l3_ifname), "br0");
	bh_addr_parse(address, &b->addr);
	b->egress = chain;
	b->ingress = chain + 1;
}

static struct bh_ruleset *rules_of(uint8_t mode_a, uint8_t mode_b)
{
	struct bh_ruleset *rules = bh_ruleset_new();

	bind_address(rules, "netns:a", "10.0.0.1", mode_a);
	bind_address(rules, "netns:b", "10.0.0.2", mode_b);
	return rules;
}

static void set_mode(struct bh_core *core, const char *workload, uint8_t mode)
{
	uint8_t *value = bh_calloc(1, 1);

	*value = mode;
	bh_map_put_text(core->modes, workload, value);
}

static void use_policy(struct bh_core *core, const char *text)
{
	bh_force_retire(core->force, core->policy);
	core->policy = parse(text);
	core->revision_number++;
}

static void send_rules(struct bh_core *core, const struct bh_ruleset *rules)
{
	bh_force_sent(core->force, rules,
		      &(struct bh_stance) { core->policy, "r", core->revision_number });
}

/* Rules that deny everything between a and b, in those modes, since that time. */
static void enforce(struct bh_core *core, uint8_t mode_a, uint8_t mode_b, int64_t since)
{
	struct bh_ruleset *rules = rules_of(mode_a, mode_b);

	use_policy(core, DENYING);
	set_mode(core, "netns:a", mode_a);
	set_mode(core, "netns:b", mode_b);
	send_rules(core, rules);
	bh_force_confirmed(core->force, rules, since);
	bh_ruleset_free(rules);
}

static int make_core(void **state)
{
	struct bh_core *core = core_fixture_new(60 * BH_SECOND);

	add_endpoint(core, VETH_A, "a", "br0", "10.0.0.1");
	add_endpoint(core, VETH_B, "b", "br0", "10.0.0.2");
	add_endpoint(core, VETH_C, "c", "br1", "10.1.0.3");
	*state = core;
	return 0;
}

static int free_core(void **state)
{
	core_fixture_free(*state);
	return 0;
}

/* a → b, opened at that time, and delivered. */
static struct bh_flow delivered(uint64_t id, int64_t first)
{
	struct bh_flow flow;

	memset(&flow, 0, sizeof(flow));
	flow.id = id;
	flow.key.proto = IPPROTO_TCP;
	flow.key.sport = (uint16_t)(1000 + id);
	flow.key.dport = 80;
	bh_addr_parse("10.0.0.1", &flow.key.src);
	bh_addr_parse("10.0.0.2", &flow.key.dst);
	flow.first = flow.last = first;
	flow.src_ifindex = VETH_A;
	flow.dst_ifindex = VETH_B;
	flow.direction = BH_DIRECTION_SYN;
	flow.tx.sent = flow.tx.delivered = (struct bh_tally) { 1, 60 };
	return flow;
}

static struct bh_flow undelivered(uint64_t id, int64_t first)
{
	struct bh_flow flow = delivered(id, first);

	flow.dst_ifindex = 0;
	flow.tx.delivered = (struct bh_tally) { 0 };
	return flow;
}

static const struct bh_live_flow *report(struct bh_core *core, struct bh_flow flow)
{
	bh_core_flows(core, &flow, 1);
	const struct bh_live_flow *open = bh_live_flows_find(core->flows, flow.id);

	return open != NULL ? open : core->newest;
}

static bool leaks(struct bh_core *core, struct bh_flow flow)
{
	uint64_t before = core->leak_count;
	const struct bh_live_flow *live = report(core, flow);

	assert_int_equal(live->leaked, core->leak_count > before);
	return live->leaked;
}

static void what_is_denied_and_arrives_is_a_leak(void **state)
{
	struct bh_core *core = *state;

	enforce(core, BH_ENFORCE, BH_ENFORCE, NOW);
	assert_true(leaks(core, delivered(1, NOW + 1)));
	assert_int_equal(core_fixture_events(core, "leak"), 1);
	assert_true(bh_core_is_leaking(core));
	assert_int_equal(bh_core_flow_verdict(core, core->newest), BH_FLOW_DELIVERED);
	/* Once a connection, and an event once an edge; the others are summed up. */
	report(core, delivered(1, NOW + 1));
	assert_int_equal(core->leak_count, 1);
	for (uint64_t id = 2; id < 100; id++)
		assert_true(leaks(core, delivered(id, NOW + 2)));
	assert_int_equal(core_fixture_events(core, "leak"), 1);
	bh_core_leaks_tick(core, core->leaks_due + BH_SECOND);
	assert_int_equal(core_fixture_events(core, "leak"), 2);
	bh_core_leaks_tick(core, core->leaks_due + BH_SECOND);
	assert_int_equal(core_fixture_events(core, "leak"), 2);
}

static void one_end_in_enforcement_suffices_and_audit_does_not(void **state)
{
	struct bh_core *core = *state;

	enforce(core, BH_LEARN, BH_ENFORCE, NOW);
	assert_true(leaks(core, delivered(1, NOW + 1)));
	enforce(core, BH_ENFORCE, BH_LEARN, NOW + 10);
	assert_true(leaks(core, delivered(2, NOW + 11)));
	enforce(core, BH_AUDIT, BH_AUDIT, NOW + 20);
	assert_false(leaks(core, delivered(3, NOW + 21)));
	enforce(core, BH_AUDIT, BH_LEARN, NOW + 30);
	assert_false(leaks(core, delivered(4, NOW + 31)));
}

struct searched {
	const char *text;
	bool found;
};

static void look_at_event(void *user, int64_t number, const char *json)
{
	struct searched *searched = user;

	(void)number;
	searched->found = strstr(json, searched->text) != NULL;
}

static bool newest_event_says(struct bh_core *core, const char *text)
{
	struct searched searched = { .text = text };
	struct bh_error err = { 0 };

	assert_int_equal(bh_store_events(core->store, -1, 1, look_at_event, &searched, &err), 0);
	return searched.found;
}

/* Of what the policy denies stage 1 refuses the urgent. */
static void in_stage_1_the_urgent_alone_leaks(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow ssh = delivered(2, NOW + 1), outside = delivered(3, NOW + 1),
		       later = delivered(5, NOW + 21);

	enforce(core, BH_STAGE1, BH_STAGE1, NOW);
	assert_false(leaks(core, delivered(1, NOW + 1)));
	ssh.key.dport = 22;
	assert_true(leaks(core, ssh));
	assert_true(newest_event_says(core, "\"mode\":\"stage1\""));
	bh_addr_parse("192.0.2.1", &outside.key.src);
	outside.src_ifindex = 0;
	assert_true(leaks(core, outside));
	/* Of the two ends the stricter counts. */
	enforce(core, BH_STAGE1, BH_ENFORCE, NOW + 10);
	assert_true(leaks(core, delivered(4, NOW + 11)));
	core->config.sensitive.count = 0;
	enforce(core, BH_STAGE1, BH_AUDIT, NOW + 20);
	later.key.dport = 22;
	assert_false(leaks(core, later));
}

/* What was sent is not what is in force. */
static void before_the_kernel_confirms_nothing_leaks(void **state)
{
	struct bh_core *core = *state;
	struct bh_ruleset *rules = rules_of(BH_ENFORCE, BH_ENFORCE);

	assert_false(leaks(core, delivered(1, NOW)));
	use_policy(core, DENYING);
	set_mode(core, "netns:a", BH_ENFORCE);
	send_rules(core, rules);
	assert_false(leaks(core, delivered(2, NOW)));
	bh_force_confirmed(core->force, rules, NOW + 10);
	/* It was opened before, and is told only now. */
	assert_false(leaks(core, delivered(3, NOW + 9)));
	assert_true(leaks(core, delivered(4, NOW + 10)));
	bh_ruleset_free(rules);
}

static void rules_on_their_way_out_excuse(void **state)
{
	struct bh_core *core = *state;
	struct bh_ruleset *relaxed = rules_of(BH_LEARN, BH_LEARN);

	enforce(core, BH_ENFORCE, BH_ENFORCE, NOW);
	send_rules(core, relaxed);
	assert_false(leaks(core, delivered(1, NOW + 1)));
	bh_ruleset_free(relaxed);
}

/* Any policy that may have been in force is asked; one that allows it suffices. */
static void while_policies_change_either_allows(void **state)
{
	struct bh_core *core = *state;
	struct bh_ruleset *rules = rules_of(BH_ENFORCE, BH_ENFORCE);

	enforce(core, BH_ENFORCE, BH_ENFORCE, NOW);
	use_policy(core, ALLOWING);
	assert_true(leaks(core, delivered(1, NOW + 1))); /* not even sent */
	send_rules(core, rules);
	assert_false(leaks(core, delivered(2, NOW + 2)));
	bh_force_confirmed(core->force, rules, NOW + 10);
	assert_false(leaks(core, delivered(3, NOW + 11)));
	use_policy(core, DENYING);
	send_rules(core, rules);
	assert_false(leaks(core, delivered(4, NOW + 12)));
	bh_force_confirmed(core->force, rules, NOW + 20);
	assert_false(leaks(core, delivered(5, NOW + 19)));
	assert_true(leaks(core, delivered(6, NOW + 21)));
	/* The policies of a minute ago are forgotten, the one in force is not. */
	bh_force_tick(core->force, NOW + 120 * BH_SECOND);
	assert_true(leaks(core, delivered(7, NOW + 120 * BH_SECOND)));
	bh_ruleset_free(rules);
}

/* A SYN that was refused is sent again: what counts is when one arrives. */
static void a_retransmission_is_judged_when_it_arrives(void **state)
{
	struct bh_core *core = *state;
	struct bh_ruleset *rules = rules_of(BH_ENFORCE, BH_ENFORCE);
	struct bh_flow again = delivered(1, NOW + 1), other = delivered(2, NOW + 1);

	enforce(core, BH_ENFORCE, BH_ENFORCE, NOW);
	report(core, undelivered(1, NOW + 1));
	report(core, undelivered(2, NOW + 1));
	assert_int_equal(bh_core_flow_verdict(core, core->newest), BH_FLOW_DENIED);
	again.last = NOW + BH_SECOND;
	assert_true(leaks(core, again));
	use_policy(core, ALLOWING);
	send_rules(core, rules);
	bh_force_confirmed(core->force, rules, NOW + 2 * BH_SECOND);
	other.last = NOW + 3 * BH_SECOND;
	assert_false(leaks(core, other));
	bh_ruleset_free(rules);
}

static void the_world_is_judged_at_the_receiver(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = delivered(1, NOW + 1);

	enforce(core, BH_LEARN, BH_ENFORCE, NOW);
	flow.src_ifindex = 0;
	bh_addr_parse("192.0.2.1", &flow.key.src);
	assert_true(leaks(core, flow));
	enforce(core, BH_ENFORCE, BH_LEARN, NOW + 10);
	flow.id = 2;
	flow.first = flow.last = NOW + 11;
	assert_false(leaks(core, flow));
}

static void what_was_open_before_is_no_leak(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow older = delivered(1, NOW + 1), heard = delivered(2, NOW + 1);

	enforce(core, BH_ENFORCE, BH_ENFORCE, NOW);
	older.direction = BH_DIRECTION_UNKNOWN;
	assert_false(leaks(core, older));
	heard.direction = BH_DIRECTION_CONNTRACK;
	assert_false(leaks(core, heard));
}

/* Of what has no handshake, the first packet seen may not be the first. */
static void what_conntrack_may_remember_is_no_leak(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow first = delivered(1, NOW + 1), back = delivered(2, NOW + 2);

	enforce(core, BH_ENFORCE, BH_ENFORCE, NOW);
	first.key.proto = back.key.proto = IPPROTO_UDP;
	/* The daemon, or its sight, is too young. */
	core->started = NOW;
	assert_false(leaks(core, first));
	core->started = 0;
	core->sight_lost = NOW;
	first.id = 3;
	assert_false(leaks(core, first));
	core->sight_lost = 0;
	core->forgotten = NOW;
	first.id = 4;
	assert_false(leaks(core, first));
	/* The same tuple was in use, the other way round. */
	core->forgotten = 0;
	back.key = bh_flow_key_turned(&first.key);
	back.src_ifindex = VETH_B;
	back.dst_ifindex = VETH_A;
	assert_false(leaks(core, back));
}

static void who_is_not_known_leaks_nothing(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow spoofed = delivered(1, NOW + 1), stranger = delivered(2, NOW + 1),
		       unbound = delivered(3, NOW + 1), other = delivered(4, NOW + 1);

	enforce(core, BH_ENFORCE, BH_ENFORCE, NOW);
	bh_addr_parse("10.0.0.99", &spoofed.key.src);
	assert_false(leaks(core, spoofed));
	/* An interface of this host that nobody knows yet. */
	stranger.src_ifindex = 55;
	bh_addr_parse("10.0.0.98", &stranger.key.src);
	assert_false(leaks(core, stranger));
	/* c is known, and the rules do not know it yet. */
	unbound.src_ifindex = VETH_C;
	bh_addr_parse("10.1.0.3", &unbound.key.src);
	assert_false(leaks(core, unbound));
	/* The address changed hands after the attempt. */
	other.dst_ifindex = VETH_C;
	assert_false(leaks(core, other));
}

static void what_always_passes_is_no_leak(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow dhcp = delivered(1, NOW + 1), carried = delivered(2, NOW + 1),
		       discovery = delivered(3, NOW + 1);

	enforce(core, BH_ENFORCE, BH_ENFORCE, NOW);
	dhcp.key.proto = IPPROTO_UDP;
	dhcp.key.sport = 68;
	dhcp.key.dport = 67;
	assert_false(leaks(core, dhcp));
	strcpy(carried.tunnel, "vxlan:1");
	assert_false(leaks(core, carried));
	discovery.key.proto = IPPROTO_ICMPV6;
	discovery.key.dport = 135 << 8;
	assert_false(leaks(core, discovery));
}

static uint8_t verdict_of(struct bh_core *core, struct bh_flow flow)
{
	return (uint8_t)bh_core_flow_verdict(core, report(core, flow));
}

static void no_rules(struct bh_core *core)
{
	struct bh_ruleset *rules = bh_ruleset_new();

	bh_force_confirmed(core->force, rules, NOW);
	bh_ruleset_free(rules);
}

static void what_never_arrives_is_undelivered_where_it_would_be_seen(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = undelivered(1, NOW + 1);

	/* Nobody knows yet what rules there are. */
	assert_int_equal(verdict_of(core, flow), BH_FLOW_VERDICT_UNKNOWN);
	no_rules(core);
	flow.id = 2;
	assert_int_equal(verdict_of(core, flow), BH_FLOW_UNDELIVERED);
	flow = undelivered(3, NOW + 1);
	flow.lossy = true;
	assert_int_equal(verdict_of(core, flow), BH_FLOW_VERDICT_UNKNOWN);
	flow = undelivered(4, bh_time_now()); /* in flight */
	assert_int_equal(verdict_of(core, flow), BH_FLOW_VERDICT_UNKNOWN);
	flow = undelivered(5, NOW + 1);
	bh_addr_parse("224.0.0.5", &flow.key.dst);
	assert_int_equal(verdict_of(core, flow), BH_FLOW_VERDICT_UNKNOWN);
	flow = undelivered(6, NOW + 1);
	bh_addr_parse("192.0.2.1", &flow.key.dst);
	assert_int_equal(verdict_of(core, flow), BH_FLOW_VERDICT_UNKNOWN);
	flow = undelivered(7, NOW + 1);
	bh_model_endpoint_gone(core->model, VETH_B, NOW);
	assert_int_equal(verdict_of(core, flow), BH_FLOW_VERDICT_UNKNOWN);
}

/* From one network of the host to another the sender may be masqueraded: then its other side is
 * another flow, and only an answer tells. */
static void what_may_be_translated_is_unknown(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = undelivered(1, NOW + 1);

	no_rules(core);
	bh_addr_parse("10.1.0.3", &flow.key.dst);
	assert_int_equal(verdict_of(core, flow), BH_FLOW_UNDELIVERED);
	flow.rx.delivered = (struct bh_tally) { 1, 60 };
	assert_int_equal(verdict_of(core, flow), BH_FLOW_VERDICT_UNKNOWN);
	flow = undelivered(2, NOW + 1);
	bh_addr_parse("10.1.0.3", &flow.key.dst);
	flow.key.proto = IPPROTO_UDP;
	assert_int_equal(verdict_of(core, flow), BH_FLOW_VERDICT_UNKNOWN);
}

static void the_way_back_has_a_verdict_of_its_own(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = delivered(1, NOW + 1);
	const struct bh_live_flow *live;

	no_rules(core);
	live = report(core, flow);
	assert_int_equal(bh_core_flow_verdict_back(core, live), BH_FLOW_VERDICT_UNKNOWN);
	flow.rx.sent = (struct bh_tally) { 1, 60 };
	live = report(core, flow);
	assert_int_equal(bh_core_flow_verdict(core, live), BH_FLOW_DELIVERED);
	assert_int_equal(bh_core_flow_verdict_back(core, live), BH_FLOW_UNDELIVERED);
	flow.rx.delivered = flow.rx.sent;
	live = report(core, flow);
	assert_int_equal(bh_core_flow_verdict_back(core, live), BH_FLOW_DELIVERED);
}

/* Behind a published port, where nobody tracks the connection any more: the client knows the
 * host's address. */
static void an_answer_to_another_tuple_is_not_undelivered(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = delivered(1, NOW + 1);

	no_rules(core);
	flow.tx.sent = (struct bh_tally) { 0 };
	flow.rx.sent = (struct bh_tally) { 1, 40 };
	const struct bh_live_flow *live = report(core, flow);
	assert_int_equal(bh_core_flow_verdict(core, live), BH_FLOW_DELIVERED);
	assert_int_equal(bh_core_flow_verdict_back(core, live), BH_FLOW_VERDICT_UNKNOWN);
}

static void confirm_port(struct bh_core *core, const char *ifname, const char *workload)
{
	struct bh_ruleset *rules = rules_of(BH_ENFORCE, BH_ENFORCE);
	struct bh_port *port = bh_ruleset_add_port(rules, 0);

	bh_copy_text(port->ifname, sizeof(port->ifname), ifname);
	bh_copy_text(port->workload, sizeof(port->workload), workload);
	port->mode = BH_ENFORCE;
	send_rules(core, rules);
	bh_force_confirmed(core->force, rules, NOW);
	bh_ruleset_free(rules);
}

/* By its interface, and by every address that it has: none is as good as many. */
static void an_endpoint_stands_with_all_that_it_has(void **state)
{
	struct bh_core *core = *state;
	struct bh_instance a = *bh_model_at(core->model, VETH_A, NOW);

	enforce(core, BH_ENFORCE, BH_ENFORCE, NOW);
	assert_false(bh_core_stands(core, &a));
	a.fact.addr_count = 0;
	assert_false(bh_core_stands(core, &a));
	confirm_port(core, a.fact.ifname, "netns:b");
	assert_false(bh_core_stands(core, &a));
	confirm_port(core, a.fact.ifname, "netns:a");
	assert_true(bh_core_stands(core, &a));
	a.fact.addr_count = 1;
	assert_true(bh_core_stands(core, &a));
	bh_addr_parse("10.0.0.9", &a.fact.addrs[0]);
	assert_false(bh_core_stands(core, &a));
}

int main(void)
{
#define A_TEST(name) cmocka_unit_test_setup_teardown(name, make_core, free_core)
	const struct CMUnitTest tests[] = {
		A_TEST(what_is_denied_and_arrives_is_a_leak),
		A_TEST(one_end_in_enforcement_suffices_and_audit_does_not),
		A_TEST(in_stage_1_the_urgent_alone_leaks),
		A_TEST(before_the_kernel_confirms_nothing_leaks),
		A_TEST(rules_on_their_way_out_excuse),
		A_TEST(while_policies_change_either_allows),
		A_TEST(a_retransmission_is_judged_when_it_arrives),
		A_TEST(the_world_is_judged_at_the_receiver),
		A_TEST(what_was_open_before_is_no_leak),
		A_TEST(what_conntrack_may_remember_is_no_leak),
		A_TEST(who_is_not_known_leaks_nothing),
		A_TEST(what_always_passes_is_no_leak),
		A_TEST(what_never_arrives_is_undelivered_where_it_would_be_seen),
		A_TEST(what_may_be_translated_is_unknown),
		A_TEST(the_way_back_has_a_verdict_of_its_own),
		A_TEST(an_answer_to_another_tuple_is_not_undelivered),
		A_TEST(an_endpoint_stands_with_all_that_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
