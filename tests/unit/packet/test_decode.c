/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decoder, packet by packet, and every packet again cut short at each of its bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pcap/dlt.h>
#include <stdlib.h>

#include "build.h"
#include "decode.h"

#define A4 "10.0.0.1"
#define B4 "10.0.0.2"
#define A6 "fd00::1"
#define B6 "fd00::2"

/* In memory of exactly that size, so that a sanitizer sees each byte read too far. */
static enum bh_undecoded decode_cut(int linktype, const struct bytes *b, size_t captured,
				    struct bh_packet *out)
{
	uint8_t *copy = malloc(captured > 0 ? captured : 1);

	assert_non_null(copy);
	memcpy(copy, b->data, captured);
	enum bh_undecoded kind = bh_decode(linktype, copy, captured, b->length, 7, out);
	free(copy);
	return kind;
}

static enum bh_undecoded decode(int linktype, const struct bytes *b, struct bh_packet *out)
{
	struct bh_packet cut;

	for (size_t captured = 0; captured < b->length; captured++)
		decode_cut(linktype, b, captured, &cut);
	return decode_cut(linktype, b, b->length, out);
}

static void assert_addr(const struct bh_addr *addr, const char *want)
{
	char text[BH_ADDR_TEXT];

	assert_string_equal(bh_addr_format(addr, text), want);
}

static void tcp_over_ethernet(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ethernet(&b, 0x0800);
	put_ipv4(&b, A4, B4, IPPROTO_TCP, 20 + 5);
	put_tcp(&b, 40000, 443, BH_TCP_SYN | BH_TCP_ACK, 0x01020304, 0x0a0b0c0d);
	put_zeros(&b, 5);
	assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_DECODED);
	assert_addr(&p.src, A4);
	assert_addr(&p.dst, B4);
	assert_int_equal(p.proto, IPPROTO_TCP);
	assert_int_equal(p.sport, 40000);
	assert_int_equal(p.dport, 443);
	assert_int_equal(p.tcp_flags, BH_TCP_SYN | BH_TCP_ACK);
	assert_int_equal(p.tcp_seq, 0x01020304);
	assert_int_equal(p.tcp_ack, 0x0a0b0c0d);
	assert_int_equal(p.tcp_payload, 5);
	assert_int_equal(p.ip_bytes, 45);
	assert_int_equal(p.time, 7);
	assert_false(p.fragment);
	assert_int_equal(p.ifindex, 0);
}

static void headers_alone_count_the_whole_packet(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ethernet(&b, 0x0800);
	put_ipv4(&b, A4, B4, IPPROTO_TCP, 20 + 1000);
	put_tcp(&b, 1, 2, BH_TCP_ACK, 1, 1);
	put_zeros(&b, 1000);
	assert_int_equal(decode_cut(DLT_EN10MB, &b, 14 + 20 + 20, &p), BH_DECODED);
	assert_int_equal(p.ip_bytes, 1040);
	assert_int_equal(p.tcp_payload, 1000);
	/* The ports are enough; flags are not known then. */
	assert_int_equal(decode_cut(DLT_EN10MB, &b, 14 + 20 + 4, &p), BH_DECODED);
	assert_int_equal(p.dport, 2);
	assert_int_equal(p.tcp_flags, 0);
	assert_int_equal(decode_cut(DLT_EN10MB, &b, 14 + 20 + 3, &p), BH_TRUNCATED);
	assert_int_equal(decode_cut(DLT_EN10MB, &b, 14 + 19, &p), BH_TRUNCATED);
	assert_int_equal(decode_cut(DLT_EN10MB, &b, 13, &p), BH_TRUNCATED);
	assert_int_equal(decode_cut(DLT_EN10MB, &b, 0, &p), BH_TRUNCATED);
}

static void padding_is_not_payload(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ethernet(&b, 0x0800);
	put_ipv4(&b, A4, B4, IPPROTO_TCP, 20);
	put_tcp(&b, 1, 2, BH_TCP_ACK, 1, 1);
	put_zeros(&b, 6);
	assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_DECODED);
	assert_int_equal(p.ip_bytes, 40);
	assert_int_equal(p.tcp_payload, 0);
}

static void ipv4_options_are_stepped_over(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ethernet(&b, 0x0800);
	put_ipv4(&b, A4, B4, IPPROTO_UDP, 40 + 8);
	b.data[14] = 0x4f;
	put_zeros(&b, 40);
	put_udp(&b, 53, 5353, 0);
	assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_DECODED);
	assert_int_equal(p.sport, 53);
	assert_int_equal(p.dport, 5353);
	assert_int_equal(p.ip_bytes, 68);
}

static void lengths_that_contradict_are_malformed(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ethernet(&b, 0x0800);
	put_ipv4(&b, A4, B4, IPPROTO_UDP, 8);
	put_udp(&b, 1, 2, 0);
	struct bytes right = b;

	b.data[14] = 0x44; /* a header of 16 bytes */
	assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_MALFORMED);
	b = right;
	b.data[14] = 0x46;
	b.data[17] = 20; /* a total below the header's length */
	assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_MALFORMED);
	b = right;
	b.data[14] = 0x65; /* version 6 under the type of IPv4 */
	assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_MALFORMED);
	b = right;
	b.data[17] = 20 + 3; /* too short for the ports, though they follow */
	assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_MALFORMED);
	b = right;
	b.data[14] = 0x55;
	assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_MALFORMED);
	assert_int_equal(decode(DLT_EN10MB, &right, &p), BH_DECODED);
}

static void offloaded_lengths_come_from_the_wire(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ethernet(&b, 0x0800);
	put_ipv4(&b, A4, B4, IPPROTO_TCP, 20 + 900);
	b.data[16] = b.data[17] = 0;
	put_tcp(&b, 1, 2, BH_TCP_ACK, 1, 1);
	put_zeros(&b, 900);
	assert_int_equal(decode_cut(DLT_EN10MB, &b, 60, &p), BH_DECODED);
	assert_int_equal(p.ip_bytes, 940);
	assert_int_equal(p.tcp_payload, 900);

	b.length = 0;
	put_ethernet(&b, 0x86dd);
	put_ipv6(&b, A6, B6, IPPROTO_TCP, 0);
	put_tcp(&b, 1, 2, BH_TCP_ACK, 1, 1);
	put_zeros(&b, 900);
	assert_int_equal(decode_cut(DLT_EN10MB, &b, 80, &p), BH_DECODED);
	assert_int_equal(p.ip_bytes, 960);

	/* Really nothing behind the header, but padding. */
	b.length = 0;
	put_ethernet(&b, 0x86dd);
	put_ipv6(&b, A6, B6, IPPROTO_NONE, 0);
	put_zeros(&b, 6);
	assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_DECODED);
	assert_int_equal(p.ip_bytes, 40);
}

static void any_stack_of_vlan_tags_comes_off(void **state)
{
	static const unsigned tags[] = { 0x9100, 0x88a8, 0x8100, 0x8100 };
	struct bh_packet p;

	(void)state;
	for (size_t count = 1; count <= 4; count++) {
		struct bytes b = { 0 };

		put_ethernet(&b, tags[4 - count]);
		for (size_t i = 4 - count; i < 4; i++) {
			put16(&b, 0); /* VID 0 as well */
			put16(&b, i == 3 ? 0x86dd : tags[i + 1]);
		}
		put_ipv6(&b, A6, B6, IPPROTO_UDP, 0);
		put_udp(&b, 7, 8, 0);
		assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_DECODED);
		assert_int_equal(p.dport, 8);
		assert_int_equal(p.ip_bytes, 48); /* tags are not IP, on the wire neither */
	}
	struct bytes endless = { 0 };

	put_ethernet(&endless, 0x8100);
	while (endless.length < 1000)
		put32(&endless, 0x00008100);
	assert_int_equal(decode(DLT_EN10MB, &endless, &p), BH_MALFORMED);
}

static void raw_ip_is_known_by_every_number(void **state)
{
	static const int types[] = { DLT_RAW, 12, 14, 101, DLT_IPV4, DLT_IPV6 };
	struct bh_packet p;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct bytes b = { 0 };

		put_ipv6(&b, A6, B6, 132, 12);
		put16(&b, 2905);
		put16(&b, 2906);
		put_zeros(&b, 8);
		assert_int_equal(decode(types[i], &b, &p), BH_DECODED);
		assert_int_equal(p.proto, IPPROTO_SCTP);
		assert_int_equal(p.sport, 2905);
	}
	assert_int_equal(decode(DLT_USER0, &(struct bytes) { .length = 40 }, &p),
			 BH_UNKNOWN_LINKTYPE);
	assert_int_equal(decode(-1, &(struct bytes) { .length = 40 }, &p), BH_UNKNOWN_LINKTYPE);
}

/* direction: 0 to us, 3 to somebody else, 4 sent by this host. */
static void put_sll2(struct bytes *b, unsigned type, uint32_t ifindex, unsigned direction)
{
	put16(b, type);
	put16(b, 0);
	put32(b, ifindex);
	put16(b, 1);
	put8(b, direction);
	put8(b, 6);
	put_zeros(b, 8);
}

static void cooked_headers_name_interface_and_direction(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	for (unsigned direction = 0; direction <= 4; direction++) {
		b.length = 0;
		put_sll2(&b, 0x0800, 0x01020304, direction);
		put_ipv4(&b, A4, B4, 136, 8);
		put_udp(&b, 1, 2, 0);
		assert_int_equal(decode(DLT_LINUX_SLL2, &b, &p), BH_DECODED);
		assert_int_equal(p.ifindex, 0x01020304);
		assert_int_equal(p.outgoing, direction == 4);
		assert_int_equal(p.dport, 2); /* UDP-Lite */

		b.length = 0;
		put16(&b, direction);
		put_zeros(&b, 12);
		put16(&b, 0x8100);
		put16(&b, 5);
		put16(&b, 0x0800);
		put_ipv4(&b, A4, B4, IPPROTO_UDP, 8);
		put_udp(&b, 1, 3, 0);
		assert_int_equal(decode(DLT_LINUX_SLL, &b, &p), BH_DECODED);
		assert_int_equal(p.outgoing, direction == 4);
		assert_int_equal(p.dport, 3);
	}
	b.length = 0;
	put_sll2(&b, 0x0806, 5, 0);
	assert_int_equal(decode(DLT_LINUX_SLL2, &b, &p), BH_ARP);
	assert_non_null(p.sender);
	b.data[11] = 4; /* a tunnel's: an IPv4 address */
	assert_int_equal(decode(DLT_LINUX_SLL2, &b, &p), BH_ARP);
	assert_null(p.sender);
	b.data[11] = 6;
	b.data[8] = 1; /* not Ethernet's type of hardware */
	assert_int_equal(decode(DLT_LINUX_SLL2, &b, &p), BH_ARP);
	assert_null(p.sender);
}

static void cooked_offload_counts_without_the_cooked_header(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_sll2(&b, 0x0800, 5, 0);
	put_ipv4(&b, A4, B4, IPPROTO_UDP, 8 + 100);
	b.data[22] = b.data[23] = 0;
	put_udp(&b, 1, 2, 100);
	assert_int_equal(decode(DLT_LINUX_SLL2, &b, &p), BH_DECODED);
	assert_int_equal(p.ip_bytes, 128);
}

static void ipv6_extension_headers_are_followed(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ipv6(&b, A6, B6, IPPROTO_HOPOPTS, 8 + 24 + 8 + 16 + 8 + 20);
	put8(&b, IPPROTO_ROUTING);
	put8(&b, 0);
	put_zeros(&b, 6);
	put8(&b, IPPROTO_DSTOPTS);
	put8(&b, 2); /* (2 + 1) × 8 bytes */
	put_zeros(&b, 22);
	put8(&b, IPPROTO_AH);
	put8(&b, 0);
	put_zeros(&b, 6);
	put8(&b, IPPROTO_MH);
	put8(&b, 2); /* (2 + 2) × 4 bytes */
	put_zeros(&b, 14);
	put8(&b, IPPROTO_TCP);
	put8(&b, 0);
	put_zeros(&b, 6);
	put_tcp(&b, 9, 10, BH_TCP_FIN, 1, 1);
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_int_equal(p.proto, IPPROTO_TCP);
	assert_int_equal(p.dport, 10);
	assert_int_equal(p.tcp_flags, BH_TCP_FIN);
	assert_int_equal(p.tcp_payload, 0);
	assert_int_equal(p.ip_bytes, 124);
}

static void chains_of_headers_are_bounded(void **state)
{
	struct bh_packet p;

	(void)state;
	for (int count = 1; count <= 100; count++) {
		struct bytes b = { 0 };

		put_ipv6(&b, A6, B6, IPPROTO_DSTOPTS, (size_t)count * 8 + 8);
		for (int i = 1; i <= count; i++) {
			put8(&b, i == count ? IPPROTO_UDP : IPPROTO_DSTOPTS);
			put_zeros(&b, 7);
		}
		put_udp(&b, 1, 2, 0);
		assert_int_equal(decode_cut(DLT_RAW, &b, b.length, &p),
				 count <= 16 ? BH_DECODED : BH_MALFORMED);
	}
}

static void a_header_longer_than_the_packet_is_told(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ipv6(&b, A6, B6, IPPROTO_DSTOPTS, 16);
	put8(&b, IPPROTO_UDP);
	put8(&b, 255);
	put_zeros(&b, 14);
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_MALFORMED);
	assert_int_equal(decode_cut(DLT_RAW, &b, b.length - 1, &p), BH_TRUNCATED);
}

static void authenticated_ipv4_shows_its_ports(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ipv4(&b, A4, B4, IPPROTO_AH, 24 + 20);
	put8(&b, IPPROTO_TCP);
	put8(&b, 4); /* (4 + 2) × 4 bytes */
	put_zeros(&b, 22);
	put_tcp(&b, 5, 6, BH_TCP_SYN, 1, 0);
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_int_equal(p.proto, IPPROTO_TCP);
	assert_int_equal(p.dport, 6);
	/* IPv6's own extension headers mean nothing in IPv4. */
	b.length = 0;
	put_ipv4(&b, A4, B4, IPPROTO_DSTOPTS, 8);
	put8(&b, IPPROTO_TCP);
	put_zeros(&b, 7);
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_int_equal(p.proto, IPPROTO_DSTOPTS);
}

static void other_protocols_have_no_ports(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ipv4(&b, A4, B4, 47, 8);
	put32(&b, 0x11223344);
	put_zeros(&b, 4);
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_int_equal(p.proto, 47);
	assert_int_equal(p.sport, 0);
	assert_int_equal(p.dport, 0);
}

static void ipv4_fragments_name_their_datagram(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ipv4_fragment(&b, A4, B4, IPPROTO_UDP, 8, 0xbeef, 0x2000);
	put_udp(&b, 1, 2, 0);
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_true(p.fragment);
	assert_true(p.first_fragment);
	assert_int_equal(p.fragment_id, 0xbeef);
	assert_int_equal(p.fragment_proto, IPPROTO_UDP);
	assert_int_equal(p.dport, 2);

	b.length = 0;
	put_ipv4_fragment(&b, A4, B4, IPPROTO_UDP, 8, 0xbeef, 1); /* the last: no more follow */
	put_udp(&b, 1, 2, 0);
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_true(p.fragment);
	assert_false(p.first_fragment);
	assert_int_equal(p.dport, 0); /* its bytes are payload */
	assert_int_equal(p.ip_bytes, 28);

	b.length = 0;
	put_ipv4_fragment(&b, A4, B4, IPPROTO_UDP, 8, 0xbeef, 0x4000); /* only "don't fragment" */
	put_udp(&b, 1, 2, 0);
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_false(p.fragment);
}

static void put_ipv6_fragment(struct bytes *b, unsigned next, unsigned offset_more)
{
	put8(b, next);
	put8(b, 0);
	put16(b, offset_more);
	put32(b, 0xcafe0001);
}

static void ipv6_fragments_name_their_datagram(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ipv6(&b, A6, B6, IPPROTO_FRAGMENT, 8 + 8);
	put_ipv6_fragment(&b, IPPROTO_UDP, 1);
	put_udp(&b, 1, 2, 0);
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_true(p.first_fragment);
	assert_int_equal(p.fragment_id, 0xcafe0001);
	assert_int_equal(p.dport, 2);

	/* Behind a later fragment's header there is payload, whatever it looks like. */
	b.length = 0;
	put_ipv6(&b, A6, B6, IPPROTO_FRAGMENT, 8 + 8);
	put_ipv6_fragment(&b, IPPROTO_DSTOPTS, 8 | 1);
	put8(&b, IPPROTO_TCP);
	put8(&b, 255);
	put_zeros(&b, 6);
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_true(p.fragment);
	assert_false(p.first_fragment);
	assert_int_equal(p.fragment_proto, 0);

	/* An atomic fragment (RFC 6946) is whole. */
	b.length = 0;
	put_ipv6(&b, A6, B6, IPPROTO_FRAGMENT, 8 + 8);
	put_ipv6_fragment(&b, IPPROTO_UDP, 0);
	put_udp(&b, 1, 2, 0);
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_false(p.fragment);
	assert_int_equal(p.dport, 2);
}

static void put_icmp(struct bytes *b, unsigned type, unsigned code)
{
	put8(b, type);
	put8(b, code);
	put_zeros(b, 6);
}

static void icmp_replies_map_to_their_requests(void **state)
{
	static const struct {
		unsigned proto, type, request;
	} pairs[] = { { IPPROTO_ICMP, 0, 8 },
		      { IPPROTO_ICMP, 14, 13 },
		      { IPPROTO_ICMP, 16, 15 },
		      { IPPROTO_ICMP, 18, 17 },
		      { IPPROTO_ICMPV6, 129, 128 } };
	struct bh_packet p;

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		for (int reply = 0; reply < 2; reply++) {
			struct bytes b = { 0 };

			if (pairs[i].proto == IPPROTO_ICMP)
				put_ipv4(&b, A4, B4, IPPROTO_ICMP, 8);
			else
				put_ipv6(&b, A6, B6, IPPROTO_ICMPV6, 8);
			put_icmp(&b, reply ? pairs[i].type : pairs[i].request, 0);
			assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
			assert_int_equal(p.icmp_reply, reply);
			assert_int_equal(p.sport, 0);
			assert_int_equal(p.dport, pairs[i].request << 8);
			assert_false(p.icmp_error);
		}
	}
	/* Neighbour solicitation is no reply to anything; nor is a type of the other family. */
	struct bytes b = { 0 };

	put_ipv6(&b, A6, B6, IPPROTO_ICMPV6, 8);
	put_icmp(&b, 135, 2);
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_int_equal(p.dport, 135 * 256 + 2);
	assert_false(p.icmp_reply);
}

/* An ICMP error of A's about the packet that b holds from `at` on. */
static void put_error(struct bytes *b, unsigned type, unsigned code, const struct bytes *quoted,
		      size_t length)
{
	put_ipv4(b, "10.0.0.254", A4, IPPROTO_ICMP, 8 + length);
	put_icmp(b, type, code);
	put(b, quoted->data, length);
}

/* What the error that b holds quotes. */
static enum bh_undecoded decode_quoted(const struct bytes *b, struct bh_packet *quoted)
{
	struct bh_packet error;

	assert_int_equal(bh_decode(DLT_RAW, b->data, b->length, b->length, 7, &error), BH_DECODED);
	assert_true(error.icmp_error);
	assert_non_null(error.quoted);
	return bh_decode_quoted(&error, quoted);
}

static void icmp_errors_quote_what_caused_them(void **state)
{
	struct bytes cause = { 0 }, b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ipv4(&cause, A4, B4, IPPROTO_UDP, 8 + 1000);
	put_udp(&cause, 5000, 53, 1000);
	put_error(&b, 3, 3, &cause, 28); /* RFC 792: the header and eight bytes */
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_true(p.unreachable);
	assert_int_equal(p.dport, 3 * 256 + 3);
	assert_int_equal(p.ip_bytes, 56); /* its own, not the quoted packet's */
	assert_addr(&p.src, "10.0.0.254");
	assert_int_equal(decode_quoted(&b, &p), BH_DECODED);
	assert_addr(&p.src, A4);
	assert_addr(&p.dst, B4);
	assert_int_equal(p.sport, 5000);
	assert_int_equal(p.dport, 53);
	assert_int_equal(p.proto, IPPROTO_UDP);
	assert_null(p.dns); /* what is quoted is nobody's answer */

	b.length = 0;
	put_error(&b, 3, 4, &cause, 28); /* only too big */
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_true(p.icmp_error);
	assert_false(p.unreachable);

	b.length = 0;
	put_error(&b, 3, 3, &cause, 22); /* cut before the ports */
	assert_int_equal(decode_quoted(&b, &p), BH_TRUNCATED);
}

static void an_error_quotes_replies_fragments_and_errors(void **state)
{
	struct bytes cause = { 0 }, b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ipv4(&cause, A4, B4, IPPROTO_ICMP, 8);
	put_icmp(&cause, 0, 0);
	put_error(&b, 3, 1, &cause, 28);
	assert_int_equal(decode_quoted(&b, &p), BH_DECODED);
	assert_true(p.icmp_reply);
	assert_int_equal(p.dport, 8 << 8);

	cause.length = b.length = 0;
	put_ipv4_fragment(&cause, A4, B4, IPPROTO_UDP, 8, 1, 100);
	put_udp(&cause, 1, 2, 0);
	put_error(&b, 3, 3, &cause, 28);
	assert_int_equal(decode_quoted(&b, &p), BH_DECODED);
	assert_true(p.fragment && !p.first_fragment);

	/* An error about an error about …: one level is read. */
	cause.length = b.length = 0;
	put_ipv4(&cause, A4, B4, IPPROTO_UDP, 8);
	put_udp(&cause, 1, 2, 0);
	put_error(&b, 3, 3, &cause, 28);
	cause = b;
	b.length = 0;
	put_error(&b, 3, 3, &cause, cause.length);
	assert_int_equal(decode_quoted(&b, &p), BH_DECODED);
	assert_int_equal(p.proto, IPPROTO_ICMP);
	assert_null(p.quoted);
}

static void icmpv6_errors_quote_too(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ipv6(&b, B6, A6, IPPROTO_ICMPV6, 8 + 48);
	put_icmp(&b, 1, 4);
	put_ipv6(&b, A6, B6, IPPROTO_UDP, 8);
	put_udp(&b, 5000, 53, 0);
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_true(p.unreachable);
	assert_int_equal(decode_quoted(&b, &p), BH_DECODED);
	assert_addr(&p.dst, B6);
	assert_int_equal(p.dport, 53);
	b.data[40] = 2; /* packet too big */
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_true(p.icmp_error);
	assert_false(p.unreachable);
}

/* --- segments --------------------------------------------------------------------------------- */

static void a_syn_says_what_its_sender_takes(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ipv4(&b, A4, B4, IPPROTO_TCP, 28);
	put_tcp(&b, 1, 2, BH_TCP_SYN, 1, 0);
	b.data[32] = 0x70;
	put(&b, "\x01\x01\x02\x04\x05\xb4\x00\x00", 8);
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_int_equal(p.tcp_mss, 1460);
	assert_int_equal(p.tcp_options, 8);
	b.data[33] = BH_TCP_ACK; /* no SYN */
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_int_equal(p.tcp_mss, 0);
	b.data[33] = BH_TCP_SYN;
	b.data[43] = 0; /* an option without a length */
	assert_int_equal(decode(DLT_RAW, &b, &p), BH_DECODED);
	assert_int_equal(p.tcp_mss, 0);
}

/* Hop-by-hop options: two bytes of padding, then the length. */
static void put_jumbo(struct bytes *b, uint32_t length)
{
	put_ipv6(b, A6, B6, IPPROTO_HOPOPTS, 0);
	put(b, "\x06\x00\xc2\x04", 4);
	put32(b, length);
	put_tcp(b, 1, 2, BH_TCP_ACK, 1, 1);
}

static void a_jumbogram_says_its_length_in_an_option(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_jumbo(&b, 100000);
	assert_int_equal(bh_decode(DLT_RAW, b.data, b.length, 100040, 1, &p), BH_DECODED);
	assert_int_equal(p.ip_bytes, 100040);
	assert_int_equal(p.tcp_payload, 100000 - 8 - 20);
	/* It promises more than there was. */
	assert_int_equal(bh_decode(DLT_RAW, b.data, b.length, 100039, 1, &p), BH_MALFORMED);
	/* What fits into the header's own length needs no option, and is left for the card. */
	b.length = 0;
	put_jumbo(&b, 65535);
	assert_int_equal(bh_decode(DLT_RAW, b.data, b.length, 3040, 1, &p), BH_DECODED);
	assert_int_equal(p.ip_bytes, 3040);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_over_ethernet),
		cmocka_unit_test(headers_alone_count_the_whole_packet),
		cmocka_unit_test(padding_is_not_payload),
		cmocka_unit_test(ipv4_options_are_stepped_over),
		cmocka_unit_test(lengths_that_contradict_are_malformed),
		cmocka_unit_test(offloaded_lengths_come_from_the_wire),
		cmocka_unit_test(any_stack_of_vlan_tags_comes_off),
		cmocka_unit_test(raw_ip_is_known_by_every_number),
		cmocka_unit_test(cooked_headers_name_interface_and_direction),
		cmocka_unit_test(cooked_offload_counts_without_the_cooked_header),
		cmocka_unit_test(ipv6_extension_headers_are_followed),
		cmocka_unit_test(chains_of_headers_are_bounded),
		cmocka_unit_test(a_header_longer_than_the_packet_is_told),
		cmocka_unit_test(authenticated_ipv4_shows_its_ports),
		cmocka_unit_test(other_protocols_have_no_ports),
		cmocka_unit_test(ipv4_fragments_name_their_datagram),
		cmocka_unit_test(ipv6_fragments_name_their_datagram),
		cmocka_unit_test(icmp_replies_map_to_their_requests),
		cmocka_unit_test(icmp_errors_quote_what_caused_them),
		cmocka_unit_test(an_error_quotes_replies_fragments_and_errors),
		cmocka_unit_test(icmpv6_errors_quote_too),
		cmocka_unit_test(a_syn_says_what_its_sender_takes),
		cmocka_unit_test(a_jumbogram_says_its_length_in_an_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
