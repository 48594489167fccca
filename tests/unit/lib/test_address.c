/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "address.h"

static struct bh_addr addr(const char *text)
{
	struct bh_addr out;

	memset(&out, 0xaa, sizeof(out));
	if (!bh_addr_parse(text, &out))
		fail_msg("%s is not read", text);
	return out;
}

static struct bh_prefix prefix(const char *text)
{
	struct bh_prefix out;

	memset(&out, 0xaa, sizeof(out));
	if (!bh_prefix_parse(text, &out))
		fail_msg("%s is not read", text);
	return out;
}

static void addresses_are_read_and_written(void **state)
{
	static const struct {
		const char *text, *canonical;
	} cases[] = {
		{ "0.0.0.0", "0.0.0.0" },
		{ "10.1.2.3", "10.1.2.3" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::", "::" },
		{ "::1", "::1" },
		/* RFC 5952: lower case, no leading zeros, the longest run, the first of equals,
		 * and no "::" for a single group. */
		{ "2001:0DB8:0:0:0:0:0:00FF", "2001:db8::ff" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_addr a = addr(cases[i].text), again;
		char text[BH_ADDR_TEXT];

		assert_string_equal(bh_addr_format(&a, text), cases[i].canonical);
		again = addr(text);
		/* Equal addresses are equal bytes: hashing relies on it. */
		assert_memory_equal(&a, &again, sizeof(a));
	}
	struct bh_addr none = { 0 };
	char text[BH_ADDR_TEXT];
	assert_string_equal(bh_addr_format(&none, text), "-");
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const texts[] = {
		"",	    " ",	  "1",	      "1.2.3",	  "1.2.3.4.5",	"1.2.3.256",
		"1.2.3.-4", "01.2.3.4",	  "1.2.3.4 ", " 1.2.3.4", "0x1.2.3.4",	":",
		":::",	    "1::2::3",	  "12345::",  "::g",	  "fe80::1%lo", "1:2:3:4:5:6:7",
		"[::1]",    "1.2.3.4/32", "host",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct bh_addr out = { .family = 77 };

		if (bh_addr_parse(texts[i], &out))
			fail_msg("\"%s\" was read as an address", texts[i]);
		assert_int_equal(out.family, 77);
	}
}

static void bytes_become_addresses_without_a_trace_of_what_was_there(void **state)
{
	uint8_t bytes[16] = { 10, 0, 0, 1, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5 };
	struct bh_addr four = bh_addr_from_bytes(BH_IPV4, bytes), parsed = addr("10.0.0.1");

	(void)state;
	assert_memory_equal(&four, &parsed, sizeof(four));
	struct bh_addr six = bh_addr_from_bytes(BH_IPV6, bytes);
	assert_memory_equal(six.bytes, bytes, 16);
	assert_int_equal(bh_addr_size(BH_IPV4), 4);
	assert_int_equal(bh_addr_size(BH_IPV6), 16);
	assert_int_equal(bh_addr_size(BH_NO_FAMILY), 0);
	assert_int_equal(bh_addr_size(99), 0);
}

/* Family first, then bytes as unsigned numbers: a total order. */
static void addresses_are_ordered(void **state)
{
	static const char *const rising[] = { "0.0.0.0", "9.255.255.255", "10.0.0.0", "128.0.0.0",
					      "::",	 "::1",		  "fe80::1",  "fe80::2",
					      "ff02::1", "ffff::" };
	size_t count = sizeof(rising) / sizeof(rising[0]);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < count; j++) {
			struct bh_addr a = addr(rising[i]), b = addr(rising[j]);
			int order = bh_addr_compare(&a, &b);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
			assert_int_equal(bh_addr_equal(&a, &b), i == j);
		}
	}
}

static void kinds_end_where_they_end(void **state)
{
	/* Which of: link-local, multicast, loopback, unspecified, private, metadata. */
	static const struct {
		const char *text, *kinds;
	} cases[] = {
		{ "169.253.255.255", "" },
		{ "169.254.0.0", "lp" },
		{ "169.254.255.255", "lp" },
		{ "169.255.0.0", "" },
		{ "169.254.169.254", "lpd" },
		{ "fd00:ec2::254", "pd" },
		{ "fd00:ec2::253", "p" },
		{ "fe80::", "lp" },
		{ "febf:ffff::1", "lp" },
		{ "fec0::", "" },
		{ "fe7f::1", "" },
		{ "223.255.255.255", "" },
		{ "224.0.0.0", "m" },
		{ "239.255.255.255", "m" },
		{ "240.0.0.0", "" },
		{ "255.255.255.254", "" },
		{ "255.255.255.255", "m" },
		{ "ff00::", "m" },
		{ "feff::", "" },
		{ "127.0.0.0", "o" },
		{ "127.255.255.255", "o" },
		{ "128.0.0.0", "" },
		{ "126.255.255.255", "" },
		{ "::1", "o" },
		{ "::2", "" },
		{ "0.0.0.0", "u" },
		{ "0.0.0.1", "" },
		{ "::", "u" },
		{ "9.255.255.255", "" },
		{ "10.0.0.0", "p" },
		{ "10.255.255.255", "p" },
		{ "11.0.0.0", "" },
		{ "172.15.255.255", "" },
		{ "172.16.0.0", "p" },
		{ "172.31.255.255", "p" },
		{ "172.32.0.0", "" },
		{ "192.167.255.255", "" },
		{ "192.168.0.0", "p" },
		{ "192.168.255.255", "p" },
		{ "192.169.0.0", "" },
		{ "100.63.255.255", "" },
		{ "100.64.0.0", "p" },
		{ "100.127.255.255", "p" },
		{ "100.128.0.0", "" },
		{ "fbff::", "" },
		{ "fc00::", "p" },
		{ "fdff:ffff::", "p" },
		{ "8.8.8.8", "" },
		{ "2001:db8::1", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_addr a = addr(cases[i].text);
		char kinds[8] = "", *end = kinds;

		*end = 'l', end += bh_addr_is_link_local(&a);
		*end = 'm', end += bh_addr_is_multicast(&a);
		*end = 'o', end += bh_addr_is_loopback(&a);
		*end = 'u', end += bh_addr_is_unspecified(&a);
		*end = 'p', end += bh_addr_is_private(&a);
		*end = 'd', end += bh_addr_is_metadata(&a);
		*end = '\0';
		if (strcmp(kinds, cases[i].kinds) != 0)
			fail_msg("%s: %s, expected %s", cases[i].text, kinds, cases[i].kinds);
	}
}

static void prefixes_are_read_and_written(void **state)
{
	static const char *const canonical[] = { "0.0.0.0/0",	"10.0.0.0/8",	  "10.1.2.3/32",
						 "128.0.0.0/1", "::/0",		  "fe80::/10",
						 "fc00::/7",	"2001:db8::1/128" };
	char text[BH_PREFIX_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(canonical) / sizeof(canonical[0]); i++) {
		struct bh_prefix p = prefix(canonical[i]);

		assert_string_equal(bh_prefix_format(&p, text), canonical[i]);
	}
	struct bh_prefix bare = prefix("10.1.2.3"), bare6 = prefix("2001:db8::");
	assert_string_equal(bh_prefix_format(&bare, text), "10.1.2.3/32");
	assert_string_equal(bh_prefix_format(&bare6, text), "2001:db8::/128");
}

static void what_is_no_prefix_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"/",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/+8",
		"10.0.0.0/ 8",
		"10.0.0.0/8 ",
		"10.0.0.0/8/8",
		"10.0.0.1/8",
		"10.0.0.1/31",
		"::1/127",
		"fe80::/8",
		"::/129",
		"::/256",
		"::/4294967296",
		"10.0.0.0/0x8",
		"10.0.0/8",
		"10.0.0.0/255.0.0.0",
		"aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa/64",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct bh_prefix out = { .length = 77 };

		if (bh_prefix_parse(texts[i], &out))
			fail_msg("\"%s\" was read as a prefix", texts[i]);
		assert_int_equal(out.length, 77);
	}
}

/* At every length: the prefix around an address holds it, and not the one with the last bit that
 * counts turned. */
static void a_prefix_holds_what_shares_its_bits(void **state)
{
	static const char *const around[] = { "172.21.170.85",
					      "2001:db8:aaaa:5555:ff00:ff:1:8001" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bh_addr a = addr(around[i]);
		unsigned bits = (unsigned)bh_addr_size(a.family) * 8;

		for (unsigned length = 0; length <= bits; length++) {
			struct bh_prefix p = bh_prefix_of(&a, (uint8_t)length);
			struct bh_addr turned = a;
			char text[BH_PREFIX_TEXT];

			assert_int_equal(p.length, length);
			assert_true(bh_prefix_contains(&p, &a));
			/* Its host bits are zero: it reads as what it is. */
			struct bh_prefix again = prefix(bh_prefix_format(&p, text));
			assert_memory_equal(&p, &again, sizeof(p));
			if (length < bits) {
				turned.bytes[length / 8] ^= (uint8_t)(0x80 >> length % 8);
				assert_true(bh_prefix_contains(&p, &turned));
				turned = a;
			}
			if (length > 0) {
				turned.bytes[(length - 1) / 8] ^=
					(uint8_t)(0x80 >> (length - 1) % 8);
				assert_false(bh_prefix_contains(&p, &turned));
			}
		}
		struct bh_prefix capped = bh_prefix_of(&a, 255);
		assert_int_equal(capped.length, bits);
		assert_true(bh_addr_equal(&capped.addr, &a));
	}
}

static void a_prefix_holds_its_own_family_only(void **state)
{
	struct bh_prefix all4 = prefix("0.0.0.0/0"), all6 = prefix("::/0");
	struct bh_addr four = addr("0.0.0.0"), six = addr("::"), mapped = addr("::ffff:10.0.0.1");

	(void)state;
	assert_true(bh_prefix_contains(&all4, &four));
	assert_true(bh_prefix_contains(&all6, &six));
	assert_false(bh_prefix_contains(&all4, &six));
	assert_false(bh_prefix_contains(&all6, &four));
	assert_false(bh_prefix_contains(&all4, &mapped));
}

static void macs_are_read_and_written(void **state)
{
	static const char *const broken[] = {
		"",
		"02:42:ac:11:00",
		"02:42:ac:11:00:02:03",
		"02:42:ac:11:00:02 ",
		" 02:42:ac:11:00:02",
		"02: 42:ac:11:00:02",
		"-1:42:ac:11:00:02",
		"+2:42:ac:11:00:02",
		"0x:42:ac:11:00:02",
		"02:42:ac:11:00:",
		"02:42:ac:11:00:0g",
		"002:42:ac:11:00:02",
		"02-42-ac-11-00-02",
	};
	struct bh_mac mac;
	char text[BH_MAC_TEXT];

	(void)state;
	assert_true(bh_mac_parse("02:42:AC:11:00:fe", &mac));
	assert_string_equal(bh_mac_format(&mac, text), "02:42:ac:11:00:fe");
	assert_true(bh_mac_parse("2:0:a:b:c:d", &mac));
	assert_string_equal(bh_mac_format(&mac, text), "02:00:0a:0b:0c:0d");
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		if (bh_mac_parse(broken[i], &mac))
			fail_msg("\"%s\" was read as a MAC", broken[i]);
	assert_string_equal(bh_mac_format(&mac, text), "02:00:0a:0b:0c:0d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(bytes_become_addresses_without_a_trace_of_what_was_there),
		cmocka_unit_test(addresses_are_ordered),
		cmocka_unit_test(kinds_end_where_they_end),
		cmocka_unit_test(prefixes_are_read_and_written),
		cmocka_unit_test(what_is_no_prefix_is_refused),
		cmocka_unit_test(a_prefix_holds_what_shares_its_bits),
		cmocka_unit_test(a_prefix_holds_its_own_family_only),
		cmocka_unit_test(macs_are_read_and_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
