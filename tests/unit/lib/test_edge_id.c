/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "edge_id.h"

static const struct bh_peer web = { BH_PEER_WORKLOAD, "compose:shop/web" };
static const struct bh_peer db = { BH_PEER_WORKLOAD, "compose:shop/db" };

static const char *id_of(const struct bh_edge *edge, char out[BH_EDGE_ID_TEXT])
{
	return bh_edge_id_format(bh_edge_id(edge), out);
}

/* Policies and stores keep it: it never changes.. */
static void an_id_is_for_ever(void **state)
{
	struct bh_edge edge = { .src = &web, .dst = &db, .proto = 6, .port = 5432 };
	char id[BH_EDGE_ID_TEXT];

	(void)state;
	assert_string_equal(id_of(&edge, id), "84b9e493c82f");
	edge.connections = 7;
	edge.lossy = true;
	assert_string_equal(id_of(&edge, id), "84b9e493c82f");
}

static void everything_that_is_of_its_key_is_in_it(void **state)
{
	static const struct bh_peer we = { BH_PEER_WORKLOAD, "we" }, bdb = { 1, "bdb" };
	static const struct bh_peer wb = { BH_PEER_WORKLOAD, "web" }, d = { 1, "db" };
	static const struct bh_peer host = { BH_PEER_HOST, "compose:shop/web" };
	const struct bh_edge edges[] = {
		{ .src = &web, .dst = &db, .proto = 6, .port = 5432 },
		{ .src = &db, .dst = &web, .proto = 6, .port = 5432 },
		{ .src = &host, .dst = &db, .proto = 6, .port = 5432 },
		{ .src = &web, .dst = &db, .proto = 17, .port = 5432 },
		{ .src = &web, .dst = &db, .proto = 6, .port = 5433 },
		{ .src = &web, .dst = &db, .proto = 6, .port = 5432 + 256 },
		{ .src = &we, .dst = &bdb, .proto = 6, .port = 1 },
		{ .src = &wb, .dst = &d, .proto = 6, .port = 1 },
	};
	const size_t count = sizeof(edges) / sizeof(edges[0]);

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(bh_edge_id(&edges[i]), bh_edge_id(&edges[j]));
}

static void texts(void **state)
{
	static const char *const wrong[] = { "",
					     "0123456789a",
					     "0123456789abc",
					     "0123456789aB",
					     "0x23456789ab",
					     " 123456789ab",
					     "-123456789ab" };
	char text[BH_EDGE_ID_TEXT];
	uint64_t id;

	(void)state;
	assert_true(bh_edge_id_parse("00e456789abc", &id));
	assert_int_equal(id, 0x00e456789abc);
	assert_string_equal(bh_edge_id_format(id, text), "00e456789abc");
	assert_true(bh_edge_id_parse("ffffffffffff", &id));
	assert_string_equal(bh_edge_id_format(id, text), "ffffffffffff");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(bh_edge_id_parse(wrong[i], &id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_for_ever),
		cmocka_unit_test(everything_that_is_of_its_key_is_in_it),
		cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
