/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Claims of addresses on their way out of capture: which are taken, how many, and what is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "neighbour_queue.h"
#include "timefmt.h"

/* An ARP announcement of 10.0.0.7 by 02:00:00:00:00:07. */
static const uint8_t announcement[] = { 0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 7,
					10, 0, 0, 7, 0, 0, 0, 0, 0, 0, 10, 0, 0, 7 };

static struct bh_packet packet(const uint8_t *bytes, int64_t time)
{
	return (struct bh_packet) { .time = time,
				    .ifindex = 5,
				    .neighbour = bytes,
				    .neighbour_captured = sizeof(announcement) };
}

static void what_comes_in_is_taken(void **state)
{
	static struct bh_neighbour_queue q;
	struct bh_packet p = packet(announcement, 7);

	(void)state;
	bh_neighbour_queue_add(&q, &p);
	assert_int_equal(q.count, 1);
	assert_int_equal(q.claims[0].time, 7);
	assert_int_equal(q.claims[0].ifindex, 5);
	assert_int_equal(q.claims[0].said.kind, BH_NEIGHBOUR_ANNOUNCES);
	assert_int_equal(q.claims[0].said.addr.bytes[3], 7);
	assert_true(bh_message_check(BH_MSG_NEIGHBOURS, q.claims, sizeof(q.claims[0])));
	p.outgoing = true; /* what a bridge floods */
	bh_neighbour_queue_add(&q, &p);
	assert_int_equal(q.count, 1);
	assert_int_equal(q.seen.arp, 1);
	assert_int_equal(q.lost, 0);
}

static void a_probe_claims_nothing(void **state)
{
	static struct bh_neighbour_queue q;
	uint8_t probe[sizeof(announcement)];
	struct bh_packet p = packet(probe, 7);

	(void)state;
	memcpy(probe, announcement, sizeof(probe));
	memset(probe + 14, 0, 4);
	bh_neighbour_queue_add(&q, &p);
	assert_int_equal(q.count, 0);
	assert_int_equal(q.seen.arp, 1);
	p.neighbour_captured = 10; /* cut short */
	bh_neighbour_queue_add(&q, &p);
	assert_int_equal(q.seen.arp, 1);
}

static void a_frames_sender_is_a_claim_without_an_address(void **state)
{
	static struct bh_neighbour_queue q;
	struct bh_packet p = packet(announcement, 7);

	(void)state;
	p.neighbour = NULL;
	p.sender = announcement + 8;
	bh_neighbour_queue_add_sender(&q, &p);
	assert_int_equal(q.count, 1);
	assert_true(q.claims[0].sends);
	assert_int_equal(q.claims[0].time, 7);
	assert_int_equal(q.claims[0].ifindex, 5);
	assert_memory_equal(q.claims[0].said.mac.bytes, announcement + 8, 6);
	assert_true(bh_message_check(BH_MSG_NEIGHBOURS, q.claims, sizeof(q.claims[0])));
	assert_int_equal(q.seen.arp + q.seen.discovery, 0);
	for (int i = 0; i < BH_NEIGHBOURS_OF_ONE; i++)
		bh_neighbour_queue_add_sender(&q, &p);
	assert_int_equal(q.count, BH_NEIGHBOURS_OF_ONE);
	assert_int_equal(q.lost, 1);
}

static void so_many_a_second_and_no_more(void **state)
{
	static struct bh_neighbour_queue q;
	struct bh_packet p = packet(announcement, BH_SECOND);

	(void)state;
	for (int i = 0; i < BH_NEIGHBOURS_OF_ONE + 10; i++)
		bh_neighbour_queue_add(&q, &p);
	assert_int_equal(q.count, BH_NEIGHBOURS_OF_ONE);
	assert_int_equal(q.lost, 10);
	while (q.count < BH_NEIGHBOURS_A_SECOND) { /* others are heard */
		p.ifindex = 6 + (uint32_t)q.count % 10;
		bh_neighbour_queue_add(&q, &p);
	}
	assert_int_equal(q.lost, 10);
	bh_neighbour_queue_add(&q, &p);
	assert_int_equal(q.lost, 11);
	bh_neighbour_queue_send(&q, NULL); /* nobody hears */
	assert_int_equal(q.lost, BH_NEIGHBOURS_A_SECOND + 11);
	assert_int_equal(q.count, 0);
	bh_neighbour_queue_add(&q, &p);
	assert_int_equal(q.count, 0);
	p.time = 2 * BH_SECOND;
	bh_neighbour_queue_add(&q, &p);
	assert_int_equal(q.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_in_is_taken),
		cmocka_unit_test(a_probe_claims_nothing),
		cmocka_unit_test(a_frames_sender_is_a_claim_without_an_address),
		cmocka_unit_test(so_many_a_second_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
