/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands before IP, and what stands in its place: each is named, none is silently gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pcap/dlt.h>

#include "build.h"
#include "decode.h"
#include "ethertypes.h"

static enum bh_undecoded decode(int linktype, const struct bytes *b, struct bh_packet *out)
{
	return bh_decode(linktype, b->data, b->length, b->length, 7, out);
}

static void put_datagram(struct bytes *b)
{
	put_ipv4(b, "192.0.2.1", "192.0.2.2", IPPROTO_UDP, 8);
	put_udp(b, 1, 3, 0);
}

static void what_is_not_ip_is_told_apart(void **state)
{
	static const struct {
		unsigned type;
		enum bh_undecoded kind;
	} cases[] = { { 0x0806, BH_ARP },
		      { 0x8035, BH_ARP },
		      { 0x88cc, BH_LLDP },
		      { 0x8809, BH_LACP },
		      { 0x888e, BH_EAPOL },
		      { 0x88e5, BH_MACSEC },
		      { 0x8863, BH_PPPOE },
		      { 0x8137, BH_IPX },
		      { 0x88f7, BH_PTP },
		      { 0x8902, BH_CFM },
		      { 0x9000, BH_LOOPBACK },
		      { 0x0026, BH_LLC },
		      { 0x894f, BH_UNKNOWN_ETHERTYPE } };
	struct bh_packet p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes b = { 0 };

		put_ethernet(&b, cases[i].type);
		put_datagram(&b);
		assert_int_equal(decode(DLT_EN10MB, &b, &p), cases[i].kind);
	}
	assert_int_equal(p.ethertype, 0x894f);
	for (int i = BH_DECODED; i < BH_UNDECODED_KINDS; i++)
		assert_string_not_equal(bh_undecoded_name((enum bh_undecoded)i), "?");
}

/* Ethernet with a length, then LLC. */
static enum bh_undecoded decode_llc(const char *llc, size_t length, struct bh_packet *out)
{
	struct bytes b = { 0 };

	put_ethernet(&b, (unsigned)length + 28);
	put(&b, llc, length);
	put_datagram(&b);
	return decode(DLT_EN10MB, &b, out);
}

static void frames_without_a_type_are_told_apart(void **state)
{
	struct bh_packet p;

	(void)state;
	assert_int_equal(decode_llc("\x42\x42\x03", 3, &p), BH_STP);
	assert_int_equal(decode_llc("\xe0\xe0\x03", 3, &p), BH_IPX);
	assert_int_equal(decode_llc("\xff\xff\x00", 3, &p), BH_IPX);
	assert_int_equal(decode_llc("\xfe\xfe\x03", 3, &p), BH_LLC);
	assert_int_equal(decode_llc("\xaa\xaa\x03\x00\x00\x0c\x20\x00", 8, &p), BH_CDP);
	assert_int_equal(decode_llc("\xaa\xaa\x03\x00\x00\x0c\x01\x0b", 8, &p), BH_STP);
	assert_int_equal(decode_llc("\xaa\xaa\x03\x08\x00\x07\x80\x9b", 8, &p), BH_LLC);
	/* RFC 1042: IP, after all. */
	assert_int_equal(decode_llc("\xaa\xaa\x03\x00\x00\x00\x08\x00", 8, &p), BH_DECODED);
	assert_int_equal(p.dport, 3);
}

static void cooked_headers_name_llc_by_numbers_of_their_own(void **state)
{
	static const struct {
		unsigned type;
		enum bh_undecoded kind;
	} cases[] = { { 0x0004, BH_STP }, { 0x0001, BH_IPX }, { 0x000c, BH_UNKNOWN_ETHERTYPE } };
	struct bh_packet p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes b = { 0 };

		put_zeros(&b, 14);
		put16(&b, cases[i].type);
		put(&b, "\x42\x42\x03", 3);
		assert_int_equal(decode(DLT_LINUX_SLL, &b, &p), cases[i].kind);
	}
}

static void ip_behind_labels_is_read(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ethernet(&b, 0x8847);
	put32(&b, 16 << 12 | 64);
	put32(&b, 17 << 12 | 0x100 | 64);
	put_datagram(&b);
	assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_DECODED);
	assert_int_equal(p.dport, 3);
	assert_int_equal(p.ip_bytes, 28);
	b.data[22] = 0; /* a pseudowire's control word */
	assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_MPLS);

	b.length = 0;
	put_ethernet(&b, 0x8847);
	for (int i = 0; i < 100; i++)
		put32(&b, 16 << 12);
	assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_MALFORMED);
}

static void ip_in_a_session_is_read(void **state)
{
	struct bytes b = { 0 };
	struct bh_packet p;

	(void)state;
	put_ethernet(&b, 0x8864);
	put(&b, "\x11\x00\x00\x01\x00\x1e\x00\x21", 8);
	put_datagram(&b);
	assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_DECODED);
	assert_int_equal(p.dport, 3);
	b.data[20] = 0xc0; /* LCP */
	assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_PPPOE);
	b.data[14] = 0x22; /* another version */
	assert_int_equal(decode(DLT_EN10MB, &b, &p), BH_MALFORMED);
}

static void the_most_frequent_types_stay(void **state)
{
	struct bh_ethertype_count counts[BH_ETHERTYPES] = { 0 };
	uint64_t total = 0, kept = 0;

	(void)state;
	for (uint16_t i = 0; i < 1000; i++) {
		bh_ethertypes_count(counts, 0x894f);
		bh_ethertypes_count(counts, i);
		total += 2;
	}
	for (size_t i = 0; i < BH_ETHERTYPES; i++) {
		kept += counts[i].count;
		if (counts[i].count > 0 && counts[i].type == 0x894f)
			assert_in_range(counts[i].count, 700, 1001);
	}
	assert_in_range(kept, 700, total); /* each is a floor */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_ip_is_told_apart),
		cmocka_unit_test(frames_without_a_type_are_told_apart),
		cmocka_unit_test(cooked_headers_name_llc_by_numbers_of_their_own),
		cmocka_unit_test(ip_behind_labels_is_read),
		cmocka_unit_test(ip_in_a_session_is_read),
		cmocka_unit_test(the_most_frequent_types_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
