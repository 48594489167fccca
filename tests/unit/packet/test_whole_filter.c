/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which packets are kept as a whole, and that none is lost over the question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pcap/pcap.h>

#include "build.h"
#include "whole_filter.h"

static struct bpf_program whole, others;

static int compile_both(void **state)
{
	pcap_t *dead = pcap_open_dead(DLT_RAW, 65535);

	(void)state;
	if (pcap_compile(dead, &whole, BH_WHOLE_FILTER, 1, PCAP_NETMASK_UNKNOWN) != 0 ||
	    pcap_compile(dead, &others, "not (" BH_WHOLE_FILTER ")", 1, PCAP_NETMASK_UNKNOWN) != 0)
		return -1;
	pcap_close(dead);
	return 0;
}

static int free_both(void **state)
{
	(void)state;
	pcap_freecode(&whole);
	pcap_freecode(&others);
	return 0;
}

static bool matches(const struct bpf_program *program, const struct bytes *b, size_t length)
{
	struct pcap_pkthdr head = { .caplen = (bpf_u_int32)length, .len = (bpf_u_int32)length };

	return pcap_offline_filter(program, &head, b->data) != 0;
}

/* ip_options, tcp_options: bytes. */
static struct bytes segment(bool ip6, size_t ip_options, size_t tcp_options, const char *payload,
			    size_t length)
{
	struct bytes b = { .length = 0 };
	size_t tcp = 20 + tcp_options + length;

	if (ip6)
		put_ipv6(&b, "fd00::1", "fd00::2", IPPROTO_TCP, tcp);
	else
		put_ipv4(&b, "10.0.0.1", "10.0.0.2", IPPROTO_TCP, ip_options + tcp);
	if (ip_options > 0)
		b.data[0] = (uint8_t)(0x45 + ip_options / 4);
	put_zeros(&b, ip_options);
	size_t at = b.length;
	put_tcp(&b, 40000, 8443, 0x18, 1, 1);
	b.data[at + 12] = (uint8_t)((20 + tcp_options) / 4 << 4);
	put_zeros(&b, tcp_options);
	put(&b, payload, length);
	return b;
}

#define HELLO "\x16\x03\x01\x02\x00\x01"

static void a_hello_is_kept_whole(void **state)
{
	static const size_t ip_options[] = { 0, 4, 40 }, tcp_options[] = { 0, 12, 40 };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < 3; j++) {
			struct bytes b = segment(false, ip_options[i], tcp_options[j], HELLO, 6);

			assert_true(matches(&whole, &b, b.length));
			b = segment(true, 0, tcp_options[j], HELLO, 6);
			assert_true(matches(&whole, &b, b.length));
		}
}

static void others_are_not(void **state)
{
	static const char *const payloads[] = { "\x17\x03\x01\x02\x00\x01",
						"\x16\x02\x01\x02\x00\x01",
						"\x16\x03\x01\x02\x00\x02", "GET / " };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (int ip6 = 0; ip6 <= 1; ip6++) {
			struct bytes b = segment(ip6, 0, 12, payloads[i], 6);

			assert_false(matches(&whole, &b, b.length));
			assert_true(matches(&others, &b, b.length));
		}
	struct bytes b = segment(false, 0, 0, HELLO, 6);
	b.data[7] = 1; /* a later fragment has no TCP header */
	assert_false(matches(&whole, &b, b.length));
	assert_true(matches(&others, &b, b.length));
}

/* What reads beyond a packet's end drops it: each one is either kept whole or not. */
static void no_packet_is_lost(void **state)
{
	(void)state;
	for (unsigned header = 0; header < 16; header++)
		for (unsigned offset = 0; offset < 16; offset++)
			for (size_t cut = 0; cut <= 6; cut++) {
				struct bytes b = segment(false, 0, 0, HELLO, 6);
				size_t length = b.length - cut;

				b.data[0] = (uint8_t)(0x40 + header);
				b.data[32] = (uint8_t)(offset << 4);
				/* Ports where the header says they are, for what asks for them. */
				if (header * 4 + 4 <= length)
					assert_int_equal(matches(&whole, &b, length) +
								 matches(&others, &b, length),
							 1);
				b = segment(true, 0, 0, HELLO, 6);
				length = b.length - cut;
				b.data[52] = (uint8_t)(offset << 4);
				assert_int_equal(matches(&whole, &b, length) +
							 matches(&others, &b, length),
						 1);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_is_kept_whole),
		cmocka_unit_test(others_are_not),
		cmocka_unit_test(no_packet_is_lost),
	};

	return cmocka_run_group_tests(tests, compile_both, free_both);
}
