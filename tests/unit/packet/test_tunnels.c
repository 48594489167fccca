/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tunnels: the carrier is a flow, and what it carries is another, by the name of what carried it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pcap/dlt.h>
#include <string.h>

#include "build.h"
#include "flow_table.h"
#include "timefmt.h"

#define A "192.0.2.1"
#define B "192.0.2.2"
#define A6 "2001:db8::1"
#define B6 "2001:db8::2"
#define IN_A "10.1.0.1"
#define IN_B "10.1.0.2"
#define START (INT64_C(1795488000) * BH_SECOND)

struct result {
	struct bh_flow flows[16];
	size_t count;
};

static void collect(void *user, const struct bh_flow *flow)
{
	struct result *r = user;

	assert_true(r->count < sizeof(r->flows) / sizeof(r->flows[0]));
	r->flows[r->count++] = *flow;
}

static struct bh_flow_table *new_table(struct result *r, bool live)
{
	struct bh_flow_table_config config = { .max_flows = 16,
					       .idle_timeout = 60 * BH_SECOND,
					       .tcp_idle_timeout = 60 * BH_SECOND,
					       .closed_linger = BH_SECOND,
					       .live = live };

	return bh_flow_table_new(&config, collect, r);
}

/* The flows that one Ethernet frame makes. */
static struct bh_flow_table_stats take(const struct bytes *b, struct result *r)
{
	struct bh_flow_table *table = new_table(r, false);

	r->count = 0;
	bh_flow_table_frame(table, DLT_EN10MB, b->data, b->length, b->length, START);
	bh_flow_table_flush(table);
	struct bh_flow_table_stats stats = bh_flow_table_stats(table);
	bh_flow_table_free(table);
	return stats;
}

/* A TCP segment from IN_A to IN_B: 40 bytes. */
static void put_inner(struct bytes *b)
{
	put_ipv4(b, IN_A, IN_B, IPPROTO_TCP, 20);
	put_tcp(b, 1000, 80, BH_TCP_SYN, 1, 0);
}

#define INNER 40
#define ETHERNET 14

static void put_carrier(struct bytes *b, unsigned proto, size_t payload)
{
	put_ethernet(b, 0x0800);
	put_ipv4(b, A, B, proto, payload);
}

static void put_vxlan(struct bytes *b, unsigned port, unsigned flags, size_t payload)
{
	put_carrier(b, IPPROTO_UDP, 8 + 8 + payload);
	put_udp(b, 50000, port, 0);
	b->data[b->length - 4] = (uint8_t)((16 + payload) >> 8);
	b->data[b->length - 3] = (uint8_t)(16 + payload);
	put32(b, flags << 24);
	put32(b, 42 << 8);
}

static void assert_carried(const struct bh_flow *flow, const char *tunnel)
{
	struct bh_addr inner = { 0 };

	bh_addr_parse(IN_A, &inner);
	assert_string_equal(flow->tunnel, tunnel);
	assert_memory_equal(&flow->key.src, &inner, sizeof(inner));
	assert_int_equal(flow->key.dport, 80);
	assert_int_equal(flow->direction, BH_DIRECTION_SYN);
	assert_int_equal(flow->tx.sent.packets, 1);
	assert_int_equal(flow->tx.sent.bytes, INNER);
}

static void vxlan_carries_ethernet(void **state)
{
	static const unsigned ports[] = { 4789, 8472 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bytes b = { 0 };
		struct result r;

		put_vxlan(&b, ports[i], 0x08, ETHERNET + INNER);
		put_ethernet(&b, 0x0800);
		put_inner(&b);
		assert_int_equal(take(&b, &r).packets, 2);
		assert_int_equal(r.count, 2);
		assert_string_equal(r.flows[0].tunnel, "");
		assert_int_equal(r.flows[0].key.dport, ports[i]);
		assert_int_equal(r.flows[0].tx.sent.bytes, 20 + 16 + ETHERNET + INNER);
		assert_carried(&r.flows[1], "vxlan:42");
	}
}

struct case_of_tunnel {
	unsigned port; /* 0: GRE */
	const char *header;
	size_t length;
	bool ethernet;
	const char *tunnel;
};

static void put_tunnelled(struct bytes *b, const struct case_of_tunnel *c)
{
	size_t payload = c->length + (c->ethernet ? ETHERNET : 0) + INNER;

	put_carrier(b, c->port != 0 ? IPPROTO_UDP : IPPROTO_GRE, (c->port != 0 ? 8 : 0) + payload);
	if (c->port != 0)
		put_udp(b, 50000, c->port, 0);
	put(b, c->header, c->length);
	if (c->ethernet)
		put_ethernet(b, 0x0800);
	put_inner(b);
}

static const struct case_of_tunnel rarer[] = {
	{ 4790, "\x0c\0\0\x03\0\0\x2a\0", 8, true, "vxlan-gpe:42" },
	{ 4790, "\x0c\0\0\x01\0\0\x2a\0", 8, false, "vxlan-gpe:42" },
	{ 2152, "\x30\xff\0\x28\0\0\0\x07", 8, false, "gtp:7" },
	{ 2152, "\x32\xff\0\x28\0\0\0\x07\0\x01\0\0", 12, false, "gtp:7" },
	{ 2152, "\x34\xff\0\x28\0\0\0\x07\0\x01\0\x85\x01\0\0\0", 16, false, "gtp:7" },
	{ 0, "\0\0\x88\xbe", 4, true, "erspan" },
	{ 0, "\x10\0\x88\xbe\0\0\0\x01\x10\0\0\x09\0\0\0\0", 16, true, "erspan:9" },
	{ 0, "\x10\0\x22\xeb\0\0\0\x01\x20\0\0\x09\0\0\0\0\0\0\0\0", 20, true, "erspan:9" },
	{ 0, "\x10\0\x22\xeb\0\0\0\x01\x20\0\0\x09\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0", 28, true,
	  "erspan:9" },
};

static void rarer_tunnels_carry_too(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rarer) / sizeof(rarer[0]); i++) {
		struct bytes b = { 0 };
		struct result r;

		put_tunnelled(&b, &rarer[i]);
		take(&b, &r);
		assert_int_equal(r.count, 2);
		assert_carried(&r.flows[1], rarer[i].tunnel);
	}
}

/* Other messages of the same protocols, other versions, extensions without a length. */
static void what_is_none_of_their_headers_carries_nothing(void **state)
{
	static const struct case_of_tunnel none[] = {
		{ 4790, "\x08\0\0\x03\0\0\x2a\0", 8, true, NULL },
		{ 4790, "\x0c\0\0\x04\0\0\x2a\0", 8, true, NULL },
		{ 2152, "\x30\x01\0\x28\0\0\0\x07", 8, false, NULL },
		{ 2152, "\x50\xff\0\x28\0\0\0\x07", 8, false, NULL },
		{ 2152, "\x34\xff\0\x28\0\0\0\x07\0\x01\0\x85\0\0\0\0", 16, false, NULL },
		{ 2152, "\x30\xff\0\x28\0\0\0\x07\0\0", 10, false, NULL },
		{ 3544, "\0\0\0\0\0\0\0\0", 8, false, NULL }, /* IPv4 is no Teredo */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct bytes b = { 0 };
		struct result r;

		put_tunnelled(&b, &none[i]);
		take(&b, &r);
		assert_int_equal(r.count, 1);
	}
}

static void teredo_carries_ipv6_behind_its_indications(void **state)
{
	static const char *const headers[] = { "", "\0\0\x12\x34\1\2\3\4",
					       "\0\1\0\0\1\2\3\4\5\6\7\x08\0" };
	static const size_t lengths[] = { 0, 8, 13 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct bytes b = { 0 };
		struct result r;

		put_carrier(&b, IPPROTO_UDP, 8 + lengths[i] + 48);
		put_udp(&b, 3544, 50000, 0); /* an answer: from the relay */
		put(&b, headers[i], lengths[i]);
		put_ipv6(&b, A6, B6, IPPROTO_UDP, 8);
		put_udp(&b, 1, 2, 0);
		take(&b, &r);
		assert_int_equal(r.count, 2);
		assert_string_equal(r.flows[1].tunnel, "teredo");
		assert_int_equal(r.flows[1].tx.sent.bytes, 48);
	}
}

/* DNS from port 4789, or anything else that only happens to go there. */
static void what_is_no_vxlan_header_carries_nothing(void **state)
{
	struct bytes b = { 0 };
	struct result r;

	(void)state;
	put_vxlan(&b, 4789, 0, ETHERNET + INNER);
	put_ethernet(&b, 0x0800);
	put_inner(&b);
	take(&b, &r);
	assert_int_equal(r.count, 1);
}

static void arp_in_a_tunnel_is_counted(void **state)
{
	struct bytes b = { 0 };
	struct result r;

	(void)state;
	put_vxlan(&b, 4789, 0x08, ETHERNET + 28);
	put_ethernet(&b, 0x0806);
	put_zeros(&b, 28);
	assert_int_equal(take(&b, &r).undecoded[BH_ARP], 1);
	assert_int_equal(r.count, 1);
}

static void geneve_skips_its_options(void **state)
{
	struct bytes b = { 0 };
	struct result r;

	(void)state;
	put_carrier(&b, IPPROTO_UDP, 8 + 16 + INNER);
	put_udp(&b, 50000, 6081, 0);
	put8(&b, 2); /* words of options */
	put8(&b, 0);
	put16(&b, 0x0800);
	put32(&b, 7 << 8);
	put_zeros(&b, 8);
	put_inner(&b);
	take(&b, &r);
	assert_int_equal(r.count, 2);
	assert_carried(&r.flows[1], "geneve:7");
}

static void gre_has_its_fields_where_its_flags_say(void **state)
{
	struct bytes b = { 0 };
	struct result r;

	(void)state;
	put_carrier(&b, IPPROTO_GRE, 16 + INNER);
	put16(&b, 0xb000); /* checksum, key, sequence number */
	put16(&b, 0x0800);
	put32(&b, 0);
	put32(&b, 5);
	put32(&b, 1);
	put_inner(&b);
	take(&b, &r);
	assert_int_equal(r.count, 2);
	assert_int_equal(r.flows[0].key.proto, IPPROTO_GRE);
	assert_carried(&r.flows[1], "gre:5");
	b.data[ETHERNET + 21] = 1; /* version 1 is PPTP's */
	take(&b, &r);
	assert_int_equal(r.count, 1);
}

static void tunnels_nest(void **state)
{
	struct bytes b = { 0 };
	struct result r;

	(void)state;
	put_carrier(&b, IPPROTO_IPIP, 20 + 4 + INNER);
	put_ipv4(&b, "198.51.100.1", "198.51.100.2", IPPROTO_GRE, 4 + INNER);
	put16(&b, 0);
	put16(&b, 0x0800);
	put_inner(&b);
	assert_int_equal(take(&b, &r).packets, 3);
	assert_int_equal(r.count, 3);
	assert_string_equal(r.flows[1].tunnel, "ipip");
	assert_carried(&r.flows[2], "ipip/gre");
}

static void families_have_names_of_their_own(void **state)
{
	struct bytes b = { 0 }, six = { 0 };
	struct result r;

	(void)state;
	put_ethernet(&b, 0x86dd);
	put_ipv6(&b, A6, B6, IPPROTO_IPIP, INNER);
	put_inner(&b);
	take(&b, &r);
	assert_carried(&r.flows[1], "ipip6");

	put_carrier(&six, IPPROTO_IPV6, 40 + 8);
	put_ipv6(&six, A6, B6, IPPROTO_UDP, 8);
	put_udp(&six, 1, 2, 0);
	take(&six, &r);
	assert_int_equal(r.count, 2);
	assert_string_equal(r.flows[1].tunnel, "sit");
	assert_int_equal(r.flows[1].key.src.family, BH_IPV6);
}

/* Each level costs work: a packet must not be able to ask for any amount of it. */
static void nesting_has_an_end(void **state)
{
	enum { LEVELS = 20 };
	struct bytes b = { 0 };
	struct result r;

	(void)state;
	put_ethernet(&b, 0x0800);
	for (size_t i = LEVELS; i > 0; i--)
		put_ipv4(&b, A, B, IPPROTO_IPIP, i * 20);
	put_ipv4(&b, IN_A, IN_B, IPPROTO_TCP, 0);
	struct bh_flow_table_stats stats = take(&b, &r);
	assert_int_equal(stats.undecoded[BH_TOO_NESTED], 1);
	assert_int_equal(r.count, 5);
}

static void a_cut_inner_packet_is_counted(void **state)
{
	struct bytes b = { 0 };
	struct result r;

	(void)state;
	put_carrier(&b, IPPROTO_IPIP, INNER);
	put_inner(&b);
	b.length -= 22; /* the capture ends within the inner header */
	assert_int_equal(take(&b, &r).undecoded[BH_TRUNCATED], 1);
	assert_int_equal(r.count, 1);
}

/* The packet within a carrier that was cut into fragments: its header stands in the first. */
static void a_carrier_in_fragments_carries_one_packet(void **state)
{
	const size_t there = 8 + 8 + ETHERNET + INNER, more = 400;
	struct result r = { 0 };
	struct bh_flow_table *table = new_table(&r, false);
	struct bytes b = { 0 }, rest = { 0 };

	(void)state;
	put_vxlan(&b, 4789, 0x08, ETHERNET + INNER);
	b.data[ETHERNET + 6] = 0x20; /* more fragments */
	put_ethernet(&b, 0x0800);
	put_ipv4(&b, IN_A, IN_B, IPPROTO_TCP, 20 + more);
	put_tcp(&b, 1000, 80, BH_TCP_SYN, 1, 0);
	put_carrier(&rest, IPPROTO_UDP, more);
	rest.data[ETHERNET + 7] = (uint8_t)(there / 8);
	put_zeros(&rest, more);
	bh_flow_table_frame(table, DLT_EN10MB, b.data, b.length, b.length, START);
	bh_flow_table_frame(table, DLT_EN10MB, rest.data, rest.length, rest.length, START);
	bh_flow_table_flush(table);
	bh_flow_table_free(table);
	assert_int_equal(r.count, 2);
	assert_int_equal(r.flows[0].tx.sent.packets, 2);
	assert_string_equal(r.flows[1].tunnel, "vxlan:42");
	assert_int_equal(r.flows[1].key.dport, 80);
	assert_int_equal(r.flows[1].tx.sent.packets, 1);
	assert_int_equal(r.flows[1].tx.sent.bytes, INNER + more);
}

/* The same addresses behind two tunnels are two pairs of hosts. */
static void tunnels_keep_their_flows_apart(void **state)
{
	struct result r = { 0 };
	struct bh_flow_table *table = new_table(&r, false);

	(void)state;
	for (uint32_t vni = 1; vni <= 2; vni++) {
		struct bytes b = { 0 };

		put_vxlan(&b, 4789, 0x08, ETHERNET + INNER);
		b.data[b.length - 2] = (uint8_t)vni;
		put_ethernet(&b, 0x0800);
		put_inner(&b);
		bh_flow_table_frame(table, DLT_EN10MB, b.data, b.length, b.length, START + vni);
	}
	bh_flow_table_flush(table);
	bh_flow_table_free(table);
	assert_int_equal(r.count, 3);
	assert_int_equal(r.flows[0].tx.sent.packets, 2);
	assert_carried(&r.flows[1], "vxlan:1");
	assert_carried(&r.flows[2], "vxlan:2");
}

/* SLL2's header; type 0 came in, 4 went out. */
static void put_sll2(struct bytes *b, uint32_t ifindex, unsigned packet_type)
{
	put16(b, 0x0800);
	put16(b, 0);
	put32(b, ifindex);
	put16(b, 1);
	put8(b, packet_type);
	put_zeros(b, 9);
}

/* Nobody here holds the inner address: the carrier's delivery is what there is to go by. */
static void what_is_carried_arrives_with_its_carrier(void **state)
{
	struct result r = { 0 };
	struct bh_flow_table *table = new_table(&r, true);
	struct bh_addr b_addr = { 0 };

	(void)state;
	bh_addr_parse(B, &b_addr);
	bh_flow_table_bind(table, 12, &b_addr);
	for (uint32_t ifindex = 11; ifindex <= 13; ifindex++) {
		struct bytes b = { 0 };

		put_sll2(&b, ifindex, ifindex == 11 ? 0 : 4);
		put_ipv4(&b, A, B, IPPROTO_IPIP, INNER);
		put_inner(&b);
		bh_flow_table_frame(table, DLT_LINUX_SLL2, b.data, b.length, b.length,
				    START + ifindex);
	}
	bh_flow_table_flush(table);
	struct bh_flow_table_stats stats = bh_flow_table_stats(table);
	bh_flow_table_free(table);
	assert_int_equal(r.count, 2);
	assert_carried(&r.flows[1], "ipip");
	assert_int_equal(r.flows[1].tx.delivered.packets, 1);
	assert_int_equal(stats.undelivered_copies, 2); /* flooded to 13 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vxlan_carries_ethernet),
		cmocka_unit_test(rarer_tunnels_carry_too),
		cmocka_unit_test(what_is_none_of_their_headers_carries_nothing),
		cmocka_unit_test(teredo_carries_ipv6_behind_its_indications),
		cmocka_unit_test(what_is_no_vxlan_header_carries_nothing),
		cmocka_unit_test(arp_in_a_tunnel_is_counted),
		cmocka_unit_test(geneve_skips_its_options),
		cmocka_unit_test(gre_has_its_fields_where_its_flags_say),
		cmocka_unit_test(tunnels_nest),
		cmocka_unit_test(families_have_names_of_their_own),
		cmocka_unit_test(nesting_has_an_end),
		cmocka_unit_test(a_cut_inner_packet_is_counted),
		cmocka_unit_test(a_carrier_in_fragments_carries_one_packet),
		cmocka_unit_test(tunnels_keep_their_flows_apart),
		cmocka_unit_test(what_is_carried_arrives_with_its_carrier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
