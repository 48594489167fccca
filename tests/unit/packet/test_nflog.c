/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What log rules report: prefixes, interfaces, payloads – and messages that are none of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <stdlib.h>

#include "build.h"
#include "nflog_decode.h"

#define HASH "0123456789abcdef"
#define NOW 42

/* The header; its length is put right by decode(). */
static struct bytes message(void)
{
	struct bytes b = { 0 };
	struct nlmsghdr head = { .nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET };

	put(&b, &head, sizeof(head));
	put_zeros(&b, sizeof(struct nfgenmsg));
	return b;
}

static void attribute(struct bytes *b, uint16_t type, const void *value, size_t length)
{
	struct nlattr head = { .nla_len = (uint16_t)(sizeof(head) + length), .nla_type = type };

	put(b, &head, sizeof(head));
	put(b, value, length);
	put_zeros(b, (4 - length % 4) % 4);
}

static void attribute_u32(struct bytes *b, uint16_t type, uint32_t value)
{
	uint32_t wire = htonl(value);

	attribute(b, type, &wire, sizeof(wire));
}

static void prefix(struct bytes *b, const char *text)
{
	attribute(b, NFULA_PREFIX, text, strlen(text) + 1);
}

static void hardware_protocol(struct bytes *b, unsigned ethertype)
{
	struct nfulnl_msg_packet_hdr head = { .hw_protocol = htons((uint16_t)ethertype) };

	attribute(b, NFULA_PACKET_HDR, &head, sizeof(head));
}

static void payload(struct bytes *b, const struct bytes *packet)
{
	attribute(b, NFULA_PAYLOAD, packet->data, packet->length);
}

/* In memory of exactly that size, so that a sanitizer sees each byte read too far. */
static bool decode_raw(const struct bytes *b, size_t length, struct bh_denial *out)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);

	assert_non_null(copy);
	memcpy(copy, b->data, length);
	bool ok = bh_nflog_decode(copy, length, NOW, out);
	free(copy);
	return ok;
}

static bool decode(struct bytes *b, struct bh_denial *out)
{
	uint32_t length = (uint32_t)b->length;

	memcpy(b->data, &length, sizeof(length));
	for (size_t cut = 0; cut < b->length; cut++)
		assert_false(decode_raw(b, cut, out)); /* shorter than it says */
	return decode_raw(b, b->length, out);
}

static struct bytes syn(void)
{
	struct bytes b = { 0 };

	put_ipv4(&b, "10.0.0.1", "10.0.0.2", IPPROTO_TCP, 20);
	put_tcp(&b, 40000, 5432, 2, 1, 0);
	return b;
}

static void assert_addr(const struct bh_addr *addr, const char *want)
{
	char text[BH_ADDR_TEXT];

	assert_string_equal(bh_addr_format(addr, text), want);
}

static void a_denied_packet_is_read_whole(void **state)
{
	const struct nfulnl_msg_packet_hw hardware = { .hw_addrlen = htons(6),
						       .hw_addr = { 2, 0, 0, 0, 0, 7 } };
	struct bytes b = message(), packet = syn();
	struct bh_denial d;

	(void)state;
	hardware_protocol(&b, 0x0800);
	attribute(&b, NFULA_HWADDR, &hardware, sizeof(hardware));
	prefix(&b, "bh:DENY:e:" HASH);
	attribute_u32(&b, NFULA_IFINDEX_INDEV, 3);
	attribute_u32(&b, NFULA_IFINDEX_OUTDEV, 3);
	attribute_u32(&b, NFULA_IFINDEX_PHYSINDEV, 11);
	attribute(&b, 999, "a newer kernel's", 16);
	payload(&b, &packet);
	assert_true(decode(&b, &d));
	assert_int_equal(d.kind, BH_DENIED);
	assert_true(d.dropped);
	assert_int_equal(d.side, BH_EGRESS);
	assert_string_equal(d.hash, HASH);
	assert_int_equal(d.time, NOW);
	assert_int_equal(d.ethertype, 0x0800);
	assert_int_equal(d.in_ifindex, 11); /* the port, not its bridge */
	assert_int_equal(d.out_ifindex, 3);
	assert_memory_equal(d.mac.bytes, hardware.hw_addr, 6);
	assert_addr(&d.key.src, "10.0.0.1");
	assert_addr(&d.key.dst, "10.0.0.2");
	assert_int_equal(d.key.sport, 40000);
	assert_int_equal(d.key.dport, 5432);
	assert_int_equal(d.key.proto, IPPROTO_TCP);
}

static void every_prefix_has_its_meaning(void **state)
{
	static const struct {
		const char *text;
		enum bh_denial_kind kind;
		bool dropped;
		enum bh_side side;
		const char *hash;
	} cases[] = {
		{ "bh:DENY:i:" HASH, BH_DENIED, true, BH_INGRESS, HASH },
		{ "bh:AUDIT:e:" HASH, BH_WOULD_DENY, false, BH_EGRESS, HASH },
		{ "bh:SPOOF:e:" HASH, BH_SPOOFED, true, BH_EGRESS, HASH },
		{ "bh:SPOOFAUDIT:e:-", BH_SPOOFED, false, BH_EGRESS, "-" },
		{ "bh:POSTURE:i:-", BH_UNCLAIMED, true, BH_INGRESS, "-" },
		{ "bh:POSTUREAUDIT:i:-", BH_UNCLAIMED, false, BH_INGRESS, "-" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes b = message();
		struct bh_denial d;

		prefix(&b, cases[i].text);
		assert_true(decode(&b, &d));
		assert_int_equal(d.kind, cases[i].kind);
		assert_int_equal(d.dropped, cases[i].dropped);
		assert_int_equal(d.side, cases[i].side);
		assert_string_equal(d.hash, cases[i].hash);
		assert_int_equal(d.key.src.family, BH_NO_FAMILY);
	}
}

static void other_prefixes_are_not_ours(void **state)
{
	static const char *const texts[] = { "",
					     "ufw",
					     "bh:",
					     "bh:DENY",
					     "bh:DENY:e",
					     "bh:DENY:e:",
					     "bh:DENY:x:" HASH,
					     "bh:DENY:e;" HASH,
					     "bh:DEN:e:" HASH,
					     "bh:DENYY:e:" HASH,
					     "bh:deny:e:" HASH,
					     "bh:DENY:e:0123456789abcde",
					     "bh:DENY:e:" HASH "0",
					     "bh:DENY:e:0123456789ABCDEF",
					     "bh:DENY:e:--",
					     "xbh:DENY:e:" HASH };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct bytes b = message();
		struct bh_denial d;

		prefix(&b, texts[i]);
		if (decode(&b, &d))
			fail_msg("\"%s\" was taken", texts[i]);
	}
	struct bytes b = message();
	struct bh_denial d;
	assert_false(decode(&b, &d));			/* none at all */
	attribute(&b, NFULA_PREFIX, "bh:DENY:e:-", 11); /* without its NUL */
	assert_false(decode(&b, &d));
}

static void other_messages_are_not_ours(void **state)
{
	static const uint16_t types[] = { NLMSG_ERROR, NLMSG_DONE, 0,
					  NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG,
					  NFNL_SUBSYS_CTNETLINK << 8 };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct bytes b = message();
		struct bh_denial d;

		prefix(&b, "bh:DENY:e:-");
		memcpy(b.data + offsetof(struct nlmsghdr, nlmsg_type), &types[i], sizeof(types[i]));
		assert_false(decode(&b, &d));
	}
}

static void arp_names_both_addresses(void **state)
{
	struct bytes b = message(), arp = { 0 };
	struct bh_denial d;

	(void)state;
	put16(&arp, 1);
	put16(&arp, 0x0800);
	put8(&arp, 6);
	put8(&arp, 4);
	put16(&arp, 2);
	put_zeros(&arp, 6);
	put_addr(&arp, "10.0.0.7");
	put_zeros(&arp, 6);
	put_addr(&arp, "10.0.0.8");
	hardware_protocol(&b, 0x0806);
	prefix(&b, "bh:SPOOF:e:" HASH);
	struct bytes head = b;
	payload(&b, &arp);
	assert_true(decode(&b, &d));
	assert_int_equal(d.ethertype, 0x0806);
	assert_addr(&d.key.src, "10.0.0.7");
	assert_addr(&d.key.dst, "10.0.0.8");
	assert_int_equal(d.key.proto, 0);

	for (arp.length--; arp.length > 0; arp.length--) {
		b = head;
		payload(&b, &arp);
		assert_true(decode(&b, &d));
		assert_int_equal(d.key.src.family, BH_NO_FAMILY);
	}
}

static void ipv6_is_read_and_other_frames_are_not(void **state)
{
	struct bytes b = message(), packet = { 0 };
	struct bh_denial d;

	(void)state;
	put_ipv6(&packet, "fe80::1", "fe80::2", IPPROTO_UDP, 8);
	put_udp(&packet, 5, 6, 0);
	prefix(&b, "bh:POSTURE:i:-");
	payload(&b, &packet);
	assert_true(decode(&b, &d)); /* no hardware protocol: the packet says what it is */
	assert_addr(&d.key.dst, "fe80::2");
	assert_int_equal(d.key.dport, 6);

	b = message();
	hardware_protocol(&b, 0x8864);
	prefix(&b, "bh:SPOOF:e:" HASH);
	payload(&b, &packet); /* PPPoE, whatever its bytes look like */
	assert_true(decode(&b, &d));
	assert_int_equal(d.ethertype, 0x8864);
	assert_int_equal(d.key.src.family, BH_NO_FAMILY);
}

static void a_payload_cut_before_the_ports_still_names_the_ends(void **state)
{
	struct bytes b = message(), packet = syn();
	struct bh_denial d;

	(void)state;
	packet.length = 21;
	prefix(&b, "bh:DENY:e:-");
	payload(&b, &packet);
	assert_true(decode(&b, &d));
	assert_addr(&d.key.dst, "10.0.0.2");
	assert_int_equal(d.key.dport, 0);
}

static void the_kernels_time_counts(void **state)
{
	static const struct {
		uint32_t words[4];
		int64_t want;
	} cases[] = { { { 0, 1795488000, 0, 250000 }, INT64_C(1795488000250000) },
		      { { 1, 0, 0, 0 }, NOW },
		      { { 0, 5, 0, 1000000 }, NOW } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes b = message(), time = { 0 };
		struct bh_denial d;

		for (int j = 0; j < 4; j++)
			put32(&time, cases[i].words[j]);
		attribute(&b, NFULA_TIMESTAMP, time.data, time.length);
		prefix(&b, "bh:DENY:e:-");
		assert_true(decode(&b, &d));
		assert_int_equal(d.time, cases[i].want);
	}
}

static void broken_attributes_break_the_message(void **state)
{
	static const uint16_t lengths[] = { 0, 1, 3, 5000, 65535 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct bytes b = message();
		struct nlattr head = { .nla_len = lengths[i], .nla_type = NFULA_PAYLOAD };
		struct bh_denial d;

		prefix(&b, "bh:DENY:e:-");
		put(&b, &head, sizeof(head));
		put_zeros(&b, 16);
		assert_false(decode(&b, &d));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_denied_packet_is_read_whole),
		cmocka_unit_test(every_prefix_has_its_meaning),
		cmocka_unit_test(other_prefixes_are_not_ours),
		cmocka_unit_test(other_messages_are_not_ours),
		cmocka_unit_test(arp_names_both_addresses),
		cmocka_unit_test(ipv6_is_read_and_other_frames_are_not),
		cmocka_unit_test(a_payload_cut_before_the_ports_still_names_the_ends),
		cmocka_unit_test(the_kernels_time_counts),
		cmocka_unit_test(broken_attributes_break_the_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
