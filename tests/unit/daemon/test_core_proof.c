/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/netfilter.h>

#include "core_fixture.h"
#include "grow.h"
#include "probe_frame.h"

#define TAKEN CORE_FIXTURE_NOW

static const struct bh_probe_seen holds = { false, true, true, true, false },
				  none = { .off = true };

static void take(struct bh_core *core, const char *bridge, uint8_t state, const char *why)
{
	struct bh_proof proof = { .time = TAKEN,
				  .state = state,
				  .seen = { { holds, holds }, { none, none } } };

	bh_copy_text(proof.ifname, sizeof(proof.ifname), bridge);
	bh_copy_text(proof.why, sizeof(proof.why), why);
	proof.seen[0][0].deny_arrived = state == BH_PROOF_BYPASSED;
	proof.seen[0][0].pass_arrived = state != BH_PROOF_STOPPED && state != BH_PROOF_WITHHELD;
	bh_core_proof(core, &proof);
}

static uint8_t state_of(const struct bh_core *core, const char *says)
{
	struct bh_buffer why = { 0 };
	uint8_t state = bh_core_proofs_state(core, &why);

	if (says != NULL && (why.data == NULL || strstr(why.data, says) == NULL))
		fail_msg("\"%s\" is not in \"%s\"", says, why.data != NULL ? why.data : "");
	bh_buffer_free(&why);
	return state;
}

static void test_the_worst_bridge_decides(void **state)
{
	struct bh_core *core = core_fixture_new(BH_SECOND);

	(void)state;
	assert_int_equal(state_of(core, NULL), BH_PROOF_PROVED); /* nothing is managed */
	take(core, "br0", BH_PROOF_PENDING, "");
	assert_int_equal(state_of(core, "bridge br0: it is tested anew"), BH_PROOF_PENDING);
	take(core, "br0", BH_PROOF_PROVED, "");
	take(core, "br1", BH_PROOF_IDLE, "it is down");
	assert_int_equal(state_of(core, NULL), BH_PROOF_PROVED);
	take(core, "br2", BH_PROOF_UNTESTED, "no devices");
	assert_int_equal(state_of(core, "bridge br2: rules are in the kernel, and were not tested: "
					"no devices"),
			 BH_PROOF_UNTESTED);
	take(core, "br3", BH_PROOF_BYPASSED, "");
	assert_int_equal(state_of(core, "arrives there (IPv4)"), BH_PROOF_BYPASSED);
	state_of(core, "(and 1 more)");
	take(core, "br3", BH_PROOF_GONE, "");
	take(core, "br2", BH_PROOF_WITHHELD, "");
	assert_int_equal(state_of(core, "br2: not enforced"), BH_PROOF_WITHHELD);
	core_fixture_free(core);
}

static void test_switched_off_it_claims_nothing(void **state)
{
	struct bh_core *core = core_fixture_new(BH_SECOND);

	(void)state;
	core->config.self_test = 0;
	assert_int_equal(state_of(core, "not tested (enforcement.self_test: off)"),
			 BH_PROOF_PROVED);
	core_fixture_free(core);
}

static void test_changes_are_told_once(void **state)
{
	struct bh_core *core = core_fixture_new(BH_SECOND);

	(void)state;
	take(core, "br0", BH_PROOF_PENDING, "");
	take(core, "br0", BH_PROOF_PROVED, "");
	assert_int_equal(core_fixture_events(core, "enforcement"), 0);
	take(core, "br0", BH_PROOF_BYPASSED, "");
	take(core, "br0", BH_PROOF_BYPASSED, "");
	assert_int_equal(core_fixture_told(core, "arrives there"), 1);
	take(core, "br0", BH_PROOF_PROVED, "");
	assert_int_equal(core_fixture_told(core, "the rules hold"), 1);
	take(core, "br0", BH_PROOF_UNTESTED, "no devices");
	take(core, "br1", BH_PROOF_UNTESTED, "no devices");
	take(core, "br0", BH_PROOF_UNTESTED, "no devices");
	assert_int_equal(core_fixture_told(core, "no devices"), 1);
	take(core, "br0", BH_PROOF_PENDING, "somebody cleared a flag");
	assert_int_equal(core_fixture_told(core, "somebody cleared a flag"), 1);
	core_fixture_free(core);
}

/* Others' chains are read before; by the next tick they are known. */
static void test_who_may_have_stopped_it_is_named(void **state)
{
	struct bh_core *core = core_fixture_new(BH_SECOND);

	(void)state;
	take(core, "br0", BH_PROOF_STOPPED, "");
	assert_int_equal(core_fixture_events(core, "enforcement"), 0);
	core->foreign.count = 1;
	core->foreign.chains[0] = (struct bh_foreign_chain) { .family = NFPROTO_IPV4,
							      .hook = NF_INET_FORWARD,
							      .policy_drops = true,
							      .table = "filter",
							      .name = "FORWARD" };
	bh_core_proofs_tick(core);
	bh_core_proofs_tick(core);
	assert_int_equal(core_fixture_told(core, "suspected: table ip filter chain FORWARD"), 1);
	core_fixture_free(core);
}

static void test_its_packets_are_no_flows(void **state)
{
	struct bh_core *core = core_fixture_new(BH_SECOND);
	struct bh_flow flow = { .id = 1,
				.first = TAKEN,
				.last = TAKEN,
				.src_ifindex = 98,
				.dst_ifindex = 99,
				.key = { .src = bh_probe_source[0],
					 .dst = bh_probe_passes[0],
					 .proto = IPPROTO_UDP,
					 .dport = BH_PROBE_PORT } };

	(void)state;
	core_fixture_world(core);
	bh_core_flows(core, &flow, 1);
	assert_null(core->oldest);
	flow.src_ifindex = 7; /* a container says the same */
	bh_core_flows(core, &flow, 1);
	assert_non_null(core->oldest);
	core_fixture_free(core);
}

static void take_veth(struct bh_core *core, uint8_t state, struct bh_probe_seen sent,
		      struct bh_probe_seen received, const char *why)
{
	struct bh_proof proof = { .time = TAKEN,
				  .ifname = "veth7",
				  .workload = "compose:shop/web",
				  .state = state,
				  .seen = { { sent, none }, { received, none } } };

	bh_copy_text(proof.why, sizeof(proof.why), why);
	bh_core_proof(core, &proof);
}

static void test_a_routed_veth_is_named_with_its_workload_and_the_way(void **state)
{
	const struct bh_probe_seen arrives = { .pass_counted = true,
					       .pass_arrived = true,
					       .deny_arrived = true },
				   passed = { .pass_counted = true, .deny_counted = true };
	struct bh_core *core = core_fixture_new(BH_SECOND);

	(void)state;
	take_veth(core, BH_PROOF_BYPASSED, holds, arrives, "");
	assert_int_equal(state_of(core, "routed veth veth7 (compose:shop/web): what the rules "
					"refuse arrives (IPv4, to it)"),
			 BH_PROOF_BYPASSED);
	take_veth(core, BH_PROOF_STOPPED, passed, holds, "");
	assert_int_equal(state_of(core, "IPv4, from it: what bulkhead's rules let pass is stopped"),
			 BH_PROOF_STOPPED);
	state_of(core, "comes from interface bhprobe1");
	take_veth(core, BH_PROOF_PROVED, holds, holds, "IPv6 was not tested");
	assert_int_equal(state_of(core, NULL), BH_PROOF_PROVED);
	cJSON *json = bh_core_proofs_json(core);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "bridges")), 0);
	const cJSON *veth = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "routed"), 0);
	assert_string_equal(cJSON_GetObjectItem(veth, "workload")->valuestring, "compose:shop/web");
	assert_string_equal(cJSON_GetObjectItem(veth, "why")->valuestring,
			    "routed veth veth7 (compose:shop/web): IPv6 was not tested");
	cJSON_Delete(json);
	core_fixture_free(core);
}

static void test_its_packets_from_a_veth_are_no_flows_where_it_is_tested(void **state)
{
	struct bh_core *core = core_fixture_new(BH_SECOND);
	struct bh_flow flow = { .id = 1,
				.first = TAKEN,
				.last = TAKEN,
				.src_ifindex = 7,
				.key = { .src = bh_probe_inside[BH_PROBE_PASSES][1],
					 .dst = bh_probe_outside[BH_PROBE_DENIED][1],
					 .proto = IPPROTO_UDP,
					 .dport = BH_PROBE_PORT } };
	const struct bh_msg_probing probing = { .since = TAKEN };
	struct bh_proof proof = { .time = TAKEN, .ifname = "web", .workload = "w" };

	(void)state;
	core_fixture_world(core);
	bh_core_proof(core, &proof);
	bh_core_probing(core, &probing);
	bh_core_flows(core, &flow, 1);
	assert_null(core->oldest);
	flow.dst_ifindex = 8; /* it was delivered */
	bh_core_flows(core, &flow, 1);
	assert_non_null(core->oldest);
	core_fixture_free(core);
	core = core_fixture_new(BH_SECOND);
	core_fixture_world(core);
	bh_core_probing(core, &probing);
	flow.dst_ifindex = 0;
	bh_core_flows(core, &flow, 1);
	assert_non_null(core->oldest);
	core_fixture_free(core);
}

static void test_only_while_it_sends_are_packets_its_own(void **state)
{
	struct bh_core *core = core_fixture_new(BH_SECOND);
	struct bh_msg_probing probing = { .since = TAKEN };

	(void)state;
	assert_false(bh_core_is_probing(core, TAKEN, TAKEN));
	bh_core_probing(core, &probing);
	assert_true(bh_core_is_probing(core, TAKEN, TAKEN + BH_SECOND));
	assert_false(bh_core_is_probing(core, TAKEN - 1, TAKEN));
	probing.until = TAKEN + BH_SECOND;
	bh_core_probing(core, &probing);
	assert_true(bh_core_is_probing(core, TAKEN, TAKEN + BH_SECOND));
	assert_false(bh_core_is_probing(core, TAKEN, TAKEN + BH_SECOND + 1));
	/* Of many tests the oldest is forgotten, and no other. */
	for (int i = 1; i < BH_PROBINGS; i++) {
		probing = (struct bh_msg_probing) { .since = TAKEN + 10 * i * BH_SECOND };
		bh_core_probing(core, &probing);
		probing.until = probing.since + BH_SECOND;
		bh_core_probing(core, &probing);
	}
	assert_true(bh_core_is_probing(core, TAKEN, TAKEN));
	probing = (struct bh_msg_probing) { .since = TAKEN + 1000 * BH_SECOND };
	bh_core_probing(core, &probing);
	assert_false(bh_core_is_probing(core, TAKEN, TAKEN));
	assert_true(bh_core_is_probing(core, TAKEN + 10 * BH_SECOND, TAKEN + 11 * BH_SECOND));
	core_fixture_free(core);
}

static void take_untested(struct bh_core *core, int number, const char *why)
{
	struct bh_proof proof = { .time = TAKEN,
				  .workload = "compose:shop/web",
				  .state = BH_PROOF_UNTESTED };

	snprintf(proof.ifname, sizeof(proof.ifname), "veth%d", number);
	bh_copy_text(proof.why, sizeof(proof.why), why);
	bh_core_proof(core, &proof);
}

static void test_what_is_the_same_of_many_veths_is_said_once(void **state)
{
	struct bh_core *core = core_fixture_new(BH_SECOND);

	(void)state;
	take(core, "br0", BH_PROOF_UNTESTED, "no devices");
	for (int i = 0; i < 300; i++) {
		cJSON *list = cJSON_CreateArray();

		take_untested(core, i, "no devices");
		bh_core_proofs_say(core, list);
		assert_int_equal(cJSON_GetArraySize(list), 2);
		const char *text = cJSON_GetArrayItem(list, 0)->valuestring;
		if (strncmp(text, "routed veth", 11) != 0)
			text = cJSON_GetArrayItem(list, 1)->valuestring;
		if (i == 0)
			assert_string_equal(text,
					    "routed veth veth0 (compose:shop/web): rules are in "
					    "the kernel, and were not tested: no devices");
		if (i == 1 || i == 2)
			assert_non_null(strstr(text, " and veth"));
		if (i > 2) {
			char more[64];

			snprintf(more, sizeof(more), " and %d more: rules are in the kernel",
				 i - 1);
			assert_non_null(strstr(text, more));
			assert_memory_equal(text, "routed veths veth", 17);
		}
		cJSON_Delete(list);
	}
	assert_int_equal(core_fixture_told(core, "no devices"), 1);
	core_fixture_free(core);
}

static void test_of_many_different_sentences_some_are_listed(void **state)
{
	struct bh_core *core = core_fixture_new(BH_SECOND);
	cJSON *list = cJSON_CreateArray();
	char why[16];

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(why, sizeof(why), "error %d", i);
		take_untested(core, i, why);
	}
	bh_core_proofs_say(core, list);
	assert_int_equal(cJSON_GetArraySize(list), 8 + 1);
	assert_string_equal(cJSON_GetArrayItem(list, 8)->valuestring,
			    "and of 292 routed veths more: bulkhead status --format json");
	cJSON_Delete(list);
	core_fixture_free(core);
}

static void test_what_became_of_both_ways_is_said_once(void **state)
{
	const struct bh_probe_seen passed = { .pass_counted = true, .deny_counted = true };
	struct bh_core *core = core_fixture_new(BH_SECOND);
	struct bh_buffer why = { 0 };

	(void)state;
	take_veth(core, BH_PROOF_STOPPED, passed, passed, "");
	bh_core_proofs_state(core, &why);
	const char *found = strstr(why.data, "IPv4, from it and to it: what bulkhead's rules let "
					     "pass is stopped by somebody else");
	assert_non_null(found);
	assert_null(strstr(strchr(found, ':'), "IPv4, "));
	bh_buffer_free(&why);
	core_fixture_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_worst_bridge_decides),
		cmocka_unit_test(test_switched_off_it_claims_nothing),
		cmocka_unit_test(test_changes_are_told_once),
		cmocka_unit_test(test_who_may_have_stopped_it_is_named),
		cmocka_unit_test(test_its_packets_are_no_flows),
		cmocka_unit_test(test_a_routed_veth_is_named_with_its_workload_and_the_way),
		cmocka_unit_test(test_its_packets_from_a_veth_are_no_flows_where_it_is_tested),
		cmocka_unit_test(test_only_while_it_sends_are_packets_its_own),
		cmocka_unit_test(test_what_is_the_same_of_many_veths_is_said_once),
		cmocka_unit_test(test_of_many_different_sentences_some_are_listed),
		cmocka_unit_test(test_what_became_of_both_ways_is_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
