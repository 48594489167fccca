/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is put in is found, and what is taken out is not, in whatever order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "edge_table.h"

#define PEERS 7
#define PORTS 200

static struct bh_peer peers[PEERS];

static void it_holds_what_was_put_in(void **state)
{
	static bool in[PEERS][PEERS][PORTS];
	struct bh_edge_table *t = bh_edge_table_new();
	size_t count = 0, found = 0, position = 0;

	(void)state;
	srand(1);
	for (int i = 0; i < 100000; i++) {
		int src = rand() % PEERS, dst = rand() % PEERS, port = rand() % PORTS;
		struct bh_entry *e = bh_edge_table_find(t, &peers[src], &peers[dst],
							(uint8_t)(port % 3), (uint16_t)port);

		assert_int_equal(e != NULL, in[src][dst][port]);
		if (e == NULL) {
			e = bh_edge_table_add(t, &peers[src], &peers[dst], (uint8_t)(port % 3),
					      (uint16_t)port);
			assert_int_equal(e->port, port);
			count++;
		} else {
			bh_edge_table_remove(t, e);
			count--;
		}
		in[src][dst][port] = !in[src][dst][port];
		assert_int_equal(bh_edge_table_count(t), count);
	}
	for (const struct bh_entry *e; (e = bh_edge_table_next(t, &position)) != NULL; found++)
		assert_true(in[e->src - peers][e->dst - peers][e->port]);
	assert_int_equal(found, count);
	bh_edge_table_free(t);
	bh_edge_table_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_holds_what_was_put_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
