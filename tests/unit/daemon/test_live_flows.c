/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "address.h"
#include "core.h"

static struct bh_flow report(uint64_t id, const char *src, uint16_t sport, const char *dst,
			     uint16_t dport)
{
	struct bh_flow flow = { .id = id,
				.key = { .sport = sport, .dport = dport, .proto = IPPROTO_UDP } };

	bh_addr_parse(src, &flow.key.src);
	bh_addr_parse(dst, &flow.key.dst);
	return flow;
}

static void a_flow_is_found_by_id_until_it_ends(void **state)
{
	struct bh_live_flows *flows = bh_live_flows_new();
	struct bh_flow one = report(7, "10.0.0.1", 1000, "10.0.0.2", 80);

	(void)state;
	assert_null(bh_live_flows_find(flows, 7));
	struct bh_live_flow *live = bh_live_flows_add(flows, &one);
	assert_ptr_equal(bh_live_flows_find(flows, 7), live);
	assert_int_equal(live->flow.key.sport, 1000);
	assert_int_equal(bh_live_flows_open(flows), 1);
	bh_live_flows_end(flows, live);
	assert_null(bh_live_flows_find(flows, 7));
	assert_int_equal(bh_live_flows_open(flows), 0);
	bh_live_flows_remove(flows, live);
	bh_live_flows_free(flows);
}

static void the_newest_of_a_tuple_is_found_from_both_ends(void **state)
{
	struct bh_live_flows *flows = bh_live_flows_new();
	struct bh_flow one = report(1, "fd00::1", 53, "fd00::1", 53),
		       two = report(2, "10.0.0.1", 1000, "10.0.0.2", 80),
		       three = report(3, "10.0.0.1", 1000, "10.0.0.2", 80),
		       back = report(4, "10.0.0.2", 80, "10.0.0.1", 1000);
	struct bh_live_flow *to_itself = bh_live_flows_add(flows, &one),
			    *older = bh_live_flows_add(flows, &two),
			    *newer = bh_live_flows_add(flows, &three),
			    *other = bh_live_flows_add(flows, &back);
	struct bh_newest found;

	(void)state;
	bh_live_flows_note_tuple(flows, to_itself);
	found = bh_live_flows_newest(flows, &one.key);
	assert_ptr_equal(found.there, to_itself);
	assert_ptr_equal(found.back, to_itself);

	assert_null(bh_live_flows_note_tuple(flows, older).there);
	assert_ptr_equal(bh_live_flows_note_tuple(flows, newer).there, older);
	found = bh_live_flows_note_tuple(flows, other);
	assert_null(found.there);
	assert_ptr_equal(found.back, newer);
	found = bh_live_flows_newest(flows, &two.key);
	assert_ptr_equal(found.there, newer);
	assert_ptr_equal(found.back, other);

	/* The older does not come back, nor does its end take the newer's place away. */
	bh_live_flows_remove(flows, older);
	assert_ptr_equal(bh_live_flows_newest(flows, &two.key).there, newer);
	bh_live_flows_remove(flows, newer);
	assert_null(bh_live_flows_newest(flows, &two.key).there);
	assert_ptr_equal(bh_live_flows_newest(flows, &two.key).back, other);
	bh_live_flows_free(flows);
}

/* More than one chunk holds, half of them freed and used again. */
static void many_stay_where_they_are(void **state)
{
	enum { MANY = 50000 };
	struct bh_live_flows *flows = bh_live_flows_new();
	struct bh_live_flow *first = NULL;

	(void)state;
	for (uint64_t id = 1; id <= MANY; id++) {
		struct bh_flow flow = report(id, "10.0.0.1", (uint16_t)id, "10.0.0.2", 80);
		struct bh_live_flow *live = bh_live_flows_add(flows, &flow);

		first = first == NULL ? live : first;
		live->denied = true;
	}
	assert_ptr_equal(bh_live_flows_find(flows, 1), first);
	for (uint64_t id = 2; id <= MANY; id += 2)
		bh_live_flows_remove(flows, bh_live_flows_find(flows, id));
	assert_int_equal(bh_live_flows_open(flows), MANY / 2);
	for (uint64_t id = MANY + 2; id <= 2 * MANY; id += 2) {
		struct bh_flow flow = report(id, "10.0.0.3", 1, "10.0.0.2", 80);
		struct bh_live_flow *live = bh_live_flows_add(flows, &flow);

		assert_false(live->denied);
		assert_null(live->src);
	}
	for (uint64_t id = 1; id <= MANY; id++)
		assert_true((bh_live_flows_find(flows, id) != NULL) == (id % 2 == 1));
	for (uint64_t id = MANY + 2; id <= 2 * MANY; id += 2)
		assert_int_equal(bh_live_flows_find(flows, id)->flow.id, id);
	bh_live_flows_free(flows);
}

static void a_peer_is_kept_once_as_long_as_somebody_has_it(void **state)
{
	struct bh_peers *peers = bh_peers_new();
	struct bh_peer web = { BH_PEER_WORKLOAD, "web" }, host = { BH_PEER_HOST, "web" };
	const struct bh_peer *one = bh_peers_get(peers, &web), *two = bh_peers_get(peers, &web),
			     *three = bh_peers_get(peers, &host);

	(void)state;
	assert_ptr_equal(one, two);
	assert_ptr_not_equal(one, three);
	assert_string_equal(one->name, "web");
	assert_int_equal(three->kind, BH_PEER_HOST);
	assert_int_equal(bh_peers_count(peers), 2);
	bh_peers_release(peers, one);
	assert_int_equal(bh_peers_count(peers), 2);
	bh_peers_release(peers, two);
	assert_int_equal(bh_peers_count(peers), 1);
	bh_peers_release(peers, three);
	assert_int_equal(bh_peers_count(peers), 0);
	bh_peers_free(peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_is_found_by_id_until_it_ends),
		cmocka_unit_test(the_newest_of_a_tuple_is_found_from_both_ends),
		cmocka_unit_test(many_stay_where_they_are),
		cmocka_unit_test(a_peer_is_kept_once_as_long_as_somebody_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
