/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets larger than the wire takes: bytes are exact, packets those captured, segments estimated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "flow_table.h"
#include "segments.h"
#include "timefmt.h"

static void keep(void *user, const struct bh_flow *flow)
{
	*(struct bh_flow *)user = *flow;
}

static struct bh_flow_table *new_table(struct bh_flow *last)
{
	struct bh_flow_table_config config = { .max_flows = 4,
					       .idle_timeout = 60 * BH_SECOND,
					       .tcp_idle_timeout = 60 * BH_SECOND,
					       .closed_linger = BH_SECOND };

	return bh_flow_table_new(&config, keep, last);
}

/* A segment of A's (forward) or B's, with twelve bytes of options as Linux sends them. */
static struct bh_packet segment(bool forward, unsigned flags, uint32_t payload, uint16_t mss)
{
	struct bh_packet p = { .time = BH_SECOND,
			       .proto = IPPROTO_TCP,
			       .sport = forward ? 40000 : 80,
			       .dport = forward ? 80 : 40000,
			       .tcp_flags = (uint8_t)flags,
			       .tcp_payload = payload,
			       .tcp_options = 12,
			       .tcp_mss = mss,
			       .ip_bytes = 52 + payload };

	bh_addr_parse(forward ? "10.0.0.1" : "10.0.0.2", &p.src);
	bh_addr_parse(forward ? "10.0.0.2" : "10.0.0.1", &p.dst);
	return p;
}

static void pass(struct bh_flow_table *t, struct bh_packet p)
{
	bh_flow_table_packet(t, &p);
}

static void the_handshake_says_how_large_segments_are(void **state)
{
	struct bh_flow flow;
	struct bh_flow_table *t = new_table(&flow);

	(void)state;
	pass(t, segment(true, BH_TCP_SYN, 0, 1460));
	pass(t, segment(false, BH_TCP_SYN | BH_TCP_ACK, 0, 1360));
	pass(t, segment(true, BH_TCP_ACK, 0, 0));
	pass(t, segment(true, BH_TCP_ACK, 10 * 1348, 0));
	pass(t, segment(true, BH_TCP_ACK, 2 * 1348 + 1, 0));
	pass(t, segment(false, BH_TCP_ACK, 1348, 0));
	bh_flow_table_flush(t);
	assert_int_equal(flow.tx.sent.packets, 4);
	assert_int_equal(flow.tx.sent.bytes, 4 * 52 + 12 * 1348 + 1);
	assert_int_equal(flow.tx_segments.sent, 2 + 10 + 3);
	assert_int_equal(flow.tx_segments.delivered, 0);
	assert_int_equal(flow.rx_segments.sent, 0); /* nothing to estimate */
	bh_flow_table_free(t);
}

static void without_a_handshake_ethernet_is_assumed(void **state)
{
	struct bh_flow flow;
	struct bh_flow_table *t = new_table(&flow);

	(void)state;
	pass(t, segment(true, BH_TCP_ACK, 1448, 0));
	pass(t, segment(true, BH_TCP_ACK, 45 * 1448, 0));
	bh_flow_table_flush(t);
	assert_int_equal(flow.tx_segments.sent, 46);
	bh_flow_table_free(t);
}

static void jumbo_frames_are_no_super_packets(void **state)
{
	struct bh_flow flow;
	struct bh_flow_table *t = new_table(&flow);

	(void)state;
	pass(t, segment(true, BH_TCP_SYN, 0, 8960));
	pass(t, segment(true, BH_TCP_ACK, 8948, 0));
	bh_flow_table_flush(t);
	assert_int_equal(flow.tx_segments.sent, 0);
	bh_flow_table_free(t);
}

static void sizes_are_few(void **state)
{
	struct bh_segment_sizes known = { 0 };
	uint8_t first = bh_segment_sizes_note(&known, 0, 1460);

	(void)state;
	assert_int_equal(bh_segment_sizes_note(&known, 0, 1460), first);
	assert_int_equal(bh_segment_sizes_note(&known, first, 8960), first);
	for (uint16_t size = 1; size < BH_SEGMENT_SIZES - 1; size++)
		assert_int_not_equal(bh_segment_sizes_note(&known, 0, size), 0);
	assert_int_equal(bh_segment_sizes_note(&known, 0, 99), 0);
	assert_int_equal(bh_segment_sizes_note(&known, 0, 1460), first);
}

static void only_whole_tcp_segments_are_cut(void **state)
{
	struct bh_packet p = segment(true, BH_TCP_ACK, 60000, 0);

	(void)state;
	assert_int_equal(bh_segments_of(&p, 0), 42);
	assert_int_equal(bh_segments_of(&p, 5), 42); /* no room for a payload: not believed */
	p.fragment = true;
	assert_int_equal(bh_segments_of(&p, 0), 1);
	p.fragment = false;
	p.proto = IPPROTO_UDP;
	assert_int_equal(bh_segments_of(&p, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_handshake_says_how_large_segments_are),
		cmocka_unit_test(without_a_handshake_ethernet_is_assumed),
		cmocka_unit_test(jumbo_frames_are_no_super_packets),
		cmocka_unit_test(sizes_are_few),
		cmocka_unit_test(only_whole_tcp_segments_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
