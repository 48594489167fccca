/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core makes of claims of addresses: whose they are, and when something is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "core_fixture.h"
#include "grow.h"
#include "timefmt.h"

#define BRIDGE 3
#define NOW begin

static int64_t begin; /* a while ago: what is long over is forgotten */

static int make_core(void **state)
{
	*state = core_fixture_new(3600 * BH_SECOND);
	begin = bh_time_now() - 1000 * BH_SECOND;
	return 0;
}

static int free_core(void **state)
{
	core_fixture_free(*state);
	return 0;
}

/* addr: NULL: none yet. The kernel's stamp of it is its holder's ifindex. */
static struct bh_endpoint_fact endpoint(uint32_t ifindex, const char *name, const char *addr,
					int64_t since)
{
	struct bh_endpoint_fact fact;

	memset(&fact, 0, sizeof(fact));
	fact.ifindex = ifindex;
	fact.master_ifindex = BRIDGE;
	fact.nsid = -1;
	bh_copy_text(fact.ifname, sizeof(fact.ifname), name);
	bh_copy_text(fact.netns_name, sizeof(fact.netns_name), name);
	fact.netns_inode = 1000 + ifindex;
	fact.since = since;
	fact.mac.bytes[5] = (uint8_t)ifindex;
	if (addr != NULL) {
		fact.addr_count = 1;
		bh_addr_parse(addr, &fact.addrs[0]);
		fact.addr_made[0] = ifindex;
	}
	return fact;
}

static void set(struct bh_core *core, uint32_t ifindex, const char *name, const char *addr,
		int64_t since, int64_t now)
{
	struct bh_endpoint_fact fact = endpoint(ifindex, name, addr, since);

	bh_model_endpoint(core->model, &fact, now);
}

static void claim_at(struct bh_core *core, uint32_t ifindex, const char *addr, int64_t time)
{
	struct bh_msg_neighbour claim;

	memset(&claim, 0, sizeof(claim));
	claim.time = time;
	claim.ifindex = ifindex;
	bh_addr_parse(addr, &claim.said.addr);
	claim.said.is_arp = claim.said.addr.family == BH_IPV4;
	claim.said.kind = BH_NEIGHBOUR_ANNOUNCES;
	claim.said.mac.bytes[5] = (uint8_t)ifindex;
	bh_core_neighbours(core, &claim, 1);
}

/* Frames of the interface come from a MAC that ends so; endpoints have their ifindex' one. */
static void send_at(struct bh_core *core, uint32_t ifindex, uint8_t mac, int64_t time)
{
	struct bh_msg_neighbour frame;

	memset(&frame, 0, sizeof(frame));
	frame.time = time;
	frame.ifindex = ifindex;
	frame.sends = true;
	frame.said.mac.bytes[5] = mac;
	bh_core_neighbours(core, &frame, 1);
}

static void wait_for_facts(struct bh_core *core)
{
	bh_core_neighbours_tick(core, bh_time_monotonic() + 3 * BH_SECOND);
}

/* expected: how many events of each kind there are by now. */
static void assert_told(struct bh_core *core, size_t spoofs, size_t conflicts, size_t moves,
			size_t unknown)
{
	assert_int_equal(core_fixture_events(core, "spoof"), spoofs);
	assert_int_equal(core_fixture_events(core, "address-conflict"), conflicts);
	assert_int_equal(core_fixture_events(core, "address-moved"), moves);
	assert_int_equal(core_fixture_events(core, "unknown-address"), unknown);
}

static void what_one_holds_one_may_claim(void **state)
{
	struct bh_core *core = *state;

	set(core, 5, "a", "10.0.0.5", NOW, NOW);
	set(core, 6, "b", "fd00::6", NOW, NOW);
	claim_at(core, 5, "10.0.0.5", NOW + 1);
	claim_at(core, 6, "fd00::6", NOW + 1);
	claim_at(core, 77, "10.0.0.5", NOW + 1); /* no endpoint's interface */
	wait_for_facts(core);
	assert_told(core, 0, 0, 0, 0);
}

static void facts_may_come_after_the_claim(void **state)
{
	struct bh_core *core = *state;

	set(core, 5, "a", NULL, NOW, NOW);
	claim_at(core, 5, "10.0.0.5", NOW + 1);
	claim_at(core, 6, "10.0.0.6", NOW + 1);
	bh_core_neighbours_tick(core, bh_time_monotonic());
	assert_told(core, 0, 0, 0, 0);
	set(core, 5, "a", "10.0.0.5", NOW, NOW + BH_SECOND);
	set(core, 6, "b", "10.0.0.6", NOW + 2, NOW + BH_SECOND);
	wait_for_facts(core);
	assert_told(core, 0, 0, 0, 0);
	/* One that went before its addresses were read. */
	set(core, 7, "c", NULL, NOW, NOW);
	claim_at(core, 7, "10.0.0.7", NOW + 1);
	bh_model_endpoint_gone(core->model, 7, NOW + 2);
	wait_for_facts(core);
	assert_told(core, 0, 0, 0, 0);
}

static void anothers_address_is_a_spoof_told_once_a_minute(void **state)
{
	struct bh_core *core = *state;
	struct bh_host_addr gateway = { .ifindex = BRIDGE, .prefix_length = 24 };

	bh_addr_parse("10.0.0.1", &gateway.addr);
	bh_model_host_addr(core->model, &gateway);
	set(core, 5, "a", "10.0.0.5", NOW, NOW);
	set(core, 6, "b", "10.0.0.6", NOW, NOW);
	for (int i = 0; i < 5; i++)
		claim_at(core, 6, "10.0.0.5", NOW + i * BH_SECOND);
	wait_for_facts(core);
	assert_told(core, 1, 0, 0, 0);
	claim_at(core, 6, "10.0.0.1", NOW + 5 * BH_SECOND);
	wait_for_facts(core);
	assert_told(core, 2, 0, 0, 0);
	claim_at(core, 6, "10.0.0.5", NOW + 60 * BH_SECOND);
	wait_for_facts(core);
	assert_told(core, 3, 0, 0, 0);
}

static void who_sets_it_later_does_not_come_to_own_it(void **state)
{
	struct bh_core *core = *state;
	struct bh_host_addr gateway = { .ifindex = BRIDGE, .prefix_length = 24 };

	set(core, 5, "a", "10.0.0.5", NOW, NOW);
	set(core, 6, "b", "10.0.0.5", NOW, NOW);
	claim_at(core, 5, "10.0.0.5", NOW + 1);
	claim_at(core, 6, "10.0.0.5", NOW + 1);
	wait_for_facts(core);
	assert_told(core, 1, 0, 0, 0);
	/* Nor the gateway's; another network's is another address. */
	bh_addr_parse("10.0.0.7", &gateway.addr);
	bh_model_host_addr(core->model, &gateway);
	set(core, 7, "c", "10.0.0.7", NOW, NOW);
	claim_at(core, 7, "10.0.0.7", NOW + 1);
	wait_for_facts(core);
	assert_told(core, 2, 0, 0, 0);
	bh_model_host_addr_gone(core->model, &gateway);
	gateway.ifindex = BRIDGE + 1;
	bh_model_host_addr(core->model, &gateway);
	set(core, 8, "d", "10.0.0.7", NOW, NOW);
	bh_model_endpoint_gone(core->model, 7, NOW + 2);
	claim_at(core, 8, "10.0.0.7", NOW + 3);
	wait_for_facts(core);
	assert_int_equal(core_fixture_events(core, "spoof"), 2);
}

/* A runtime gave it to b, who was away while a took it. */
static void who_was_given_it_owns_it(void **state)
{
	struct bh_core *core = *state;
	struct bh_container *c = bh_container_new();
	struct bh_endpoint_fact b = endpoint(6, "b", "10.0.0.5", NOW + 5);

	c->runtime = b.runtime = BH_RUNTIME_DOCKER;
	memset(c->id, 'b', sizeof(c->id) - 1);
	memcpy(b.container_id, c->id, sizeof(c->id));
	bh_copy_text(c->name, sizeof(c->name), "b");
	c->running = true;
	bh_addr_parse("10.0.0.5", &bh_container_add_net(c)->addr4);
	bh_model_container(core->model, c, NOW);
	set(core, 5, "a", "10.0.0.5", NOW, NOW);
	bh_model_endpoint(core->model, &b, NOW + 5);
	claim_at(core, 6, "10.0.0.5", NOW + 6);
	wait_for_facts(core);
	assert_told(core, 0, 0, 0, 0);
	claim_at(core, 5, "10.0.0.5", NOW + 7);
	wait_for_facts(core);
	assert_told(core, 1, 0, 0, 0); /* a's, though it was there before */
	bh_container_free(c);
}

static void interfaces_of_one_namespace_share_their_addresses(void **state)
{
	struct bh_core *core = *state;
	struct bh_endpoint_fact one = endpoint(5, "a", "10.0.0.5", NOW),
				two = endpoint(6, "a", "10.1.0.5", NOW);

	two.netns_inode = one.netns_inode;
	one.nsid = two.nsid = 4;
	bh_model_endpoint(core->model, &one, NOW);
	bh_model_endpoint(core->model, &two, NOW);
	claim_at(core, 5, "10.1.0.5", NOW + 1);
	claim_at(core, 6, "10.1.0.5", NOW + 2);
	claim_at(core, 5, "10.1.0.5", NOW + 3);
	wait_for_facts(core);
	assert_told(core, 0, 0, 0, 0);
}

static void an_address_that_nobody_holds(void **state)
{
	struct bh_core *core = *state;

	set(core, 5, "a", "10.0.0.5", NOW, NOW);
	set(core, 6, "b", "10.0.0.6", NOW, NOW);
	claim_at(core, 5, "10.0.0.99", NOW + 1);
	claim_at(core, 5, "10.0.0.99", NOW + 70 * BH_SECOND);
	wait_for_facts(core);
	assert_told(core, 0, 0, 0, 1);
	/* Another one claims it within a minute: they contradict each other, which is told once. */
	claim_at(core, 6, "10.0.0.99", NOW + 80 * BH_SECOND);
	claim_at(core, 5, "10.0.0.99", NOW + 81 * BH_SECOND);
	wait_for_facts(core);
	assert_told(core, 0, 1, 0, 1);
	/* Not within a minute. */
	claim_at(core, 5, "10.0.0.98", NOW + 100 * BH_SECOND);
	wait_for_facts(core);
	claim_at(core, 6, "10.0.0.98", NOW + 200 * BH_SECOND);
	wait_for_facts(core);
	assert_told(core, 0, 1, 0, 3);
}

/* Between two that are there all the time, back and forth. */
static void an_address_moves(void **state)
{
	struct bh_core *core = *state;
	int64_t since = NOW - 600 * BH_SECOND;

	set(core, 5, "a", "10.0.0.50", since, since);
	set(core, 6, "b", "10.0.0.6", since, since);
	claim_at(core, 5, "10.0.0.50", NOW);
	set(core, 5, "a", "10.0.0.5", since, NOW + BH_SECOND);
	set(core, 6, "b", "10.0.0.50", since, NOW + BH_SECOND);
	claim_at(core, 6, "10.0.0.50", NOW + 2 * BH_SECOND);
	claim_at(core, 6, "10.0.0.50", NOW + 3 * BH_SECOND);
	wait_for_facts(core);
	assert_told(core, 0, 0, 1, 0);
	set(core, 6, "b", "10.0.0.6", since, NOW + 4 * BH_SECOND);
	set(core, 5, "a", "10.0.0.50", since, NOW + 4 * BH_SECOND);
	claim_at(core, 5, "10.0.0.50", NOW + 5 * BH_SECOND);
	wait_for_facts(core);
	assert_told(core, 0, 0, 2, 0);
	/* Whose former holder is gone for good. */
	bh_model_endpoint_gone(core->model, 5, NOW + 6 * BH_SECOND);
	set(core, 6, "b", "10.0.0.50", since, NOW + 7 * BH_SECOND);
	claim_at(core, 6, "10.0.0.50", NOW + 8 * BH_SECOND);
	wait_for_facts(core);
	assert_told(core, 0, 0, 3, 0);
}

/* Containers come and go, and engines give their addresses to the next. */
static void an_address_that_was_free_is_given_away(void **state)
{
	struct bh_core *core = *state;

	set(core, 5, "a", "10.0.0.50", NOW, NOW);
	claim_at(core, 5, "10.0.0.50", NOW + 1);
	bh_model_endpoint_gone(core->model, 5, NOW + BH_SECOND);
	set(core, 9, "a", "10.0.0.50", NOW + 2 * BH_SECOND, NOW + 2 * BH_SECOND);
	claim_at(core, 9, "10.0.0.50", NOW + 2 * BH_SECOND);
	bh_model_endpoint_gone(core->model, 9, NOW + 3 * BH_SECOND);
	set(core, 12, "c", "10.0.0.50", NOW + 4 * BH_SECOND, NOW + 4 * BH_SECOND);
	claim_at(core, 12, "10.0.0.50", NOW + 5 * BH_SECOND);
	wait_for_facts(core);
	assert_told(core, 0, 0, 0, 0);
}

static void a_flood_of_claims_is_summed_up(void **state)
{
	struct bh_core *core = *state;
	char addr[BH_ADDR_TEXT];
	struct bh_addr any;

	set(core, 5, "a", "10.0.0.5", NOW, NOW);
	bh_addr_parse("10.9.0.0", &any);
	for (int i = 0; i < 10000; i++) {
		any.bytes[2] = (uint8_t)(i >> 8);
		any.bytes[3] = (uint8_t)i;
		claim_at(core, 5, bh_addr_format(&any, addr), NOW + 1);
	}
	/* More than waits is counted as lost. */
	assert_in_range(core->losses.totals[BH_LOSS_NEIGHBOURS], 1, 9999);
	wait_for_facts(core);
	assert_in_range(core_fixture_events(core, "unknown-address"), 1, 50);
	assert_int_equal(core_fixture_events(core, "spoof"), 0);
	bh_core_neighbours_tick(core, bh_time_monotonic() + 60 * BH_SECOND);
	assert_int_equal(core_fixture_events(core, "spoof"), 1);
}

/* --- frames' senders -------------------------------------------------------------------------- */

static void ones_own_mac_and_a_changed_one_are_explained(void **state)
{
	struct bh_core *core = *state;
	struct bh_endpoint_fact beside = endpoint(6, "a-too", NULL, NOW), changed;

	set(core, 5, "a", "10.0.0.5", NOW, NOW);
	send_at(core, 77, 5, NOW + 1); /* no endpoint's interface */
	send_at(core, 5, 5, NOW + 1);
	/* The kernel's word comes after the first frame. */
	send_at(core, 5, 9, NOW + 2);
	changed = endpoint(5, "a", "10.0.0.5", NOW);
	changed.nsid = 3;
	changed.mac.bytes[5] = 9;
	bh_model_endpoint(core->model, &changed, NOW + 3);
	/* A second interface in its namespace. */
	beside.netns_inode = changed.netns_inode;
	beside.nsid = changed.nsid;
	bh_model_endpoint(core->model, &beside, NOW + 3);
	send_at(core, 5, 6, NOW + 4);
	wait_for_facts(core);
	assert_told(core, 0, 0, 0, 0);
}

static void anothers_mac_is_a_spoof_told_once_a_minute(void **state)
{
	struct bh_core *core = *state;
	struct bh_host_link bridge = { .ifindex = BRIDGE, .bridge = true, .mac = { { [5] = 99 } } };

	set(core, 5, "a", "10.0.0.5", NOW, NOW);
	set(core, 6, "b", "10.0.0.6", NOW, NOW);
	bh_model_link(core->model, &bridge);
	send_at(core, 5, 6, NOW + 1);
	assert_told(core, 0, 0, 0, 0); /* not before the facts had their time */
	wait_for_facts(core);
	assert_told(core, 1, 0, 0, 0);
	send_at(core, 5, 6, NOW + 59 * BH_SECOND);
	wait_for_facts(core);
	assert_told(core, 1, 0, 0, 0);
	send_at(core, 5, 6, NOW + 61 * BH_SECOND);
	wait_for_facts(core);
	assert_told(core, 2, 0, 0, 0);
	send_at(core, 5, 99, NOW + 61 * BH_SECOND); /* the bridge's own */
	wait_for_facts(core);
	assert_told(core, 3, 0, 0, 0);
}

static void nobodys_mac_is_told_once(void **state)
{
	struct bh_core *core = *state;
	struct bh_endpoint_fact far = endpoint(6, "b", "10.0.1.6", NOW);

	far.master_ifindex = BRIDGE + 1;
	set(core, 5, "a", "10.0.0.5", NOW, NOW);
	bh_model_endpoint(core->model, &far, NOW);
	send_at(core, 5, 6, NOW + 1); /* on its network it is nobody's */
	send_at(core, 5, 44, NOW + 1);
	wait_for_facts(core);
	assert_told(core, 0, 0, 0, 2);
	send_at(core, 5, 44, NOW + 200 * BH_SECOND);
	wait_for_facts(core);
	assert_told(core, 0, 0, 0, 2);
}

static void where_rules_meet_the_frames_they_tell(void **state)
{
	struct bh_core *core = *state;
	uint8_t *audit = bh_calloc(1, sizeof(*audit));

	set(core, 5, "/run/netns/a", "10.0.0.5", NOW, NOW);
	set(core, 6, "/run/netns/b", "10.0.0.6", NOW, NOW);
	*audit = BH_AUDIT;
	bh_map_put_text(core->modes, "netns:a", audit);
	send_at(core, 5, 6, NOW + 1);
	send_at(core, 6, 5, NOW + 1);
	wait_for_facts(core);
	assert_told(core, 1, 0, 0, 0); /* b's */
}

static void a_flood_of_senders_is_summed_up(void **state)
{
	struct bh_core *core = *state;

	set(core, 5, "a", "10.0.0.5", NOW, NOW);
	for (int i = 100; i < 200; i++)
		send_at(core, 5, (uint8_t)i, NOW + 1);
	wait_for_facts(core);
	assert_int_equal(core_fixture_events(core, "unknown-address"), 20);
	bh_core_spoofs_tick(core, bh_time_monotonic() + 60 * BH_SECOND);
	assert_int_equal(core_fixture_events(core, "spoof"), 1);
	bh_core_senders_tick(core, NOW + 2 * 3600 * BH_SECOND);
	assert_int_equal(bh_map_count(core->senders), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_core, free_core)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_one_holds_one_may_claim),
		TEST(facts_may_come_after_the_claim),
		TEST(anothers_address_is_a_spoof_told_once_a_minute),
		TEST(who_sets_it_later_does_not_come_to_own_it),
		TEST(who_was_given_it_owns_it),
		TEST(interfaces_of_one_namespace_share_their_addresses),
		TEST(an_address_that_nobody_holds),
		TEST(an_address_moves),
		TEST(an_address_that_was_free_is_given_away),
		TEST(a_flood_of_claims_is_summed_up),
		TEST(ones_own_mac_and_a_changed_one_are_explained),
		TEST(anothers_mac_is_a_spoof_told_once_a_minute),
		TEST(nobodys_mac_is_told_once),
		TEST(where_rules_meet_the_frames_they_tell),
		TEST(a_flood_of_senders_is_summed_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
