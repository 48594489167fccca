/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

#include "protocol.h"

/* Whatever is written reads back as the same protocol, in any case. */
static void every_protocol_reads_back(void **state)
{
	(void)state;
	for (unsigned number = 0; number <= 255; number++) {
		char text[BH_PROTOCOL_TEXT], upper[BH_PROTOCOL_TEXT];
		uint8_t proto = (uint8_t)~number;

		assert_ptr_equal(bh_protocol_format((uint8_t)number, text), text);
		assert_true(bh_protocol_parse(text, &proto));
		assert_int_equal(proto, number);
		for (size_t i = 0; i < sizeof(text); i++)
			upper[i] =
				text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 32) : text[i];
		proto = (uint8_t)~number;
		assert_true(bh_protocol_parse(upper, &proto));
		assert_int_equal(proto, number);
	}
}

static void names_are_those_people_use(void **state)
{
	static const struct {
		uint8_t number;
		const char *name;
	} cases[] = { { 1, "icmp" },	{ 2, "igmp" },	 { 6, "tcp" },	{ 17, "udp" },
		      { 33, "dccp" },	{ 47, "gre" },	 { 50, "esp" }, { 51, "ah" },
		      { 58, "icmpv6" }, { 132, "sctp" }, { 0, "0" },	{ 254, "254" } };
	char text[BH_PROTOCOL_TEXT];
	uint8_t proto;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(bh_protocol_format(cases[i].number, text), cases[i].name);
	assert_true(bh_protocol_parse("6", &proto));
	assert_int_equal(proto, IPPROTO_TCP);
}

static void what_is_no_protocol_is_refused(void **state)
{
	static const char *const texts[] = { "",   "256", "999",  "0256", "-1",	  "+6",	       " 6",
					     "6 ", "0x6", "tcp ", "tc",	  "tcpp", "4294967302" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint8_t proto = 77;

		if (bh_protocol_parse(texts[i], &proto))
			fail_msg("\"%s\" was read as protocol %u", texts[i], proto);
		assert_int_equal(proto, 77);
	}
}

static void ports_are_written_as_people_read_them(void **state)
{
	static const struct {
		uint8_t proto;
		uint16_t port;
		const char *text;
	} cases[] = {
		{ IPPROTO_TCP, 22, "22/tcp" },
		{ IPPROTO_UDP, 65535, "65535/udp" },
		{ IPPROTO_SCTP, 0, "0/sctp" },
		{ IPPROTO_ICMP, 8 * 256, "icmp/8:0" },
		{ IPPROTO_ICMP, 771, "icmp/3:3" },
		{ IPPROTO_ICMPV6, 0xffff, "icmpv6/255:255" },
		{ IPPROTO_GRE, 0, "gre" },
		{ IPPROTO_GRE, 5, "gre" },
		{ 253, 7, "253" },
		{ 136, 65535, "65535/udplite" },
	};
	char text[BH_PORT_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(bh_port_format(cases[i].proto, cases[i].port, text),
				    cases[i].text);
	for (unsigned proto = 0; proto <= 255; proto++)
		assert_int_equal(bh_protocol_has_ports((uint8_t)proto),
				 proto == 6 || proto == 17 || proto == 33 || proto == 132 ||
					 proto == 136);
}

static void icmp_errors_have_names(void **state)
{
	(void)state;
	assert_string_equal(bh_icmp_error_name(IPPROTO_ICMP, 3, 3), "port unreachable");
	assert_string_equal(bh_icmp_error_name(IPPROTO_ICMP, 3, 4), "fragmentation needed");
	assert_string_equal(bh_icmp_error_name(IPPROTO_ICMP, 3, 13), "administratively prohibited");
	assert_string_equal(bh_icmp_error_name(IPPROTO_ICMP, 3, 77), "destination unreachable");
	assert_string_equal(bh_icmp_error_name(IPPROTO_ICMPV6, 1, 4), "port unreachable");
	assert_string_equal(bh_icmp_error_name(IPPROTO_ICMPV6, 2, 0), "packet too big");
	assert_string_equal(bh_icmp_error_name(IPPROTO_ICMPV6, 3, 0), "time exceeded");
	assert_null(bh_icmp_error_name(IPPROTO_ICMP, 8, 0));
	assert_null(bh_icmp_error_name(IPPROTO_ICMPV6, 3 << 4, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_protocol_reads_back),
		cmocka_unit_test(names_are_those_people_use),
		cmocka_unit_test(what_is_no_protocol_is_refused),
		cmocka_unit_test(ports_are_written_as_people_read_them),
		cmocka_unit_test(icmp_errors_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
