/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "query.h"

static void numbers_are_digits(void **state)
{
	static const char *const wrong[] = { "",    "-1",  "+1",
					     " 1",  "1 ",  "0x10",
					     "1e3", "abc", "1234567890123456" };
	int64_t number = -1;

	(void)state;
	assert_true(bh_query_number("0", &number));
	assert_int_equal(number, 0);
	assert_true(bh_query_number("999999999999999", &number));
	assert_int_equal(number, BH_QUERY_MOST);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		number = -1;
		if (bh_query_number(wrong[i], &number) || number != -1)
			fail_msg("\"%s\" is a number: %lld", wrong[i], (long long)number);
	}
}

static void ports_as_people_write_them(void **state)
{
	static const struct {
		const char *text;
		uint8_t proto;
		uint16_t port;
	} right[] = {
		{ "5432", IPPROTO_TCP, 5432 },
		{ "5432/tcp", IPPROTO_TCP, 5432 },
		{ "53/UDP", IPPROTO_UDP, 53 },
		{ "80/6", IPPROTO_TCP, 80 },
		{ "65535/sctp", IPPROTO_SCTP, 65535 },
		{ "icmp/8", IPPROTO_ICMP, 8 << 8 },
		{ "icmp/3:4", IPPROTO_ICMP, 3 << 8 | 4 },
		{ "icmpv6/128:0", IPPROTO_ICMPV6, 128 << 8 },
		{ "gre", IPPROTO_GRE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		uint8_t proto = 0;
		uint16_t port = 1;

		if (!bh_query_port(right[i].text, &proto, &port))
			fail_msg("\"%s\" is no port", right[i].text);
		assert_int_equal(proto, right[i].proto);
		assert_int_equal(port, right[i].port);
	}
}

static void what_is_no_port(void **state)
{
	static const char *const wrong[] = {
		"",
		"65536",
		"-1",
		"+80",
		" 80",
		"80 ",
		"80/",
		"80/tcpx",
		"80/icmp",
		"80/gre",
		"tcp",
		"tcp/80",
		"icmp",
		"icmp/",
		"icmp/256",
		"icmp/8:",
		"icmp/8:256",
		"icmp/8:0x",
		"icmp/abc",
		"gre/1",
		"80/tcp/udp",
		"99999999999999999999/tcp",
		"a-protocol-with-a-long-name",
		"/tcp",
	};
	uint8_t proto;
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (bh_query_port(wrong[i], &proto, &port))
			fail_msg("\"%s\" is port %u of protocol %u", wrong[i], port, proto);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_digits),
		cmocka_unit_test(ports_as_people_write_them),
		cmocka_unit_test(what_is_no_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
