/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of /proc that tell where somebody calls from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "caller.h"

/* An address as the kernel writes it: the words of its bytes, as this machine reads them. */
static char *words_of(const char *address, char out[33])
{
	uint8_t bytes[16];
	bool six = strchr(address, ':') != NULL;

	assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, address, bytes), 1);
	for (size_t i = 0; i < (six ? 4u : 1u); i++) {
		uint32_t word;

		memcpy(&word, bytes + 4 * i, sizeof(word));
		snprintf(out + 8 * i, 9, "%08X", word);
	}
	return out;
}

static void sockets_are_read(void **state)
{
	static const struct {
		const char *local, *remote; /* addresses; behind them the rest of the line */
		const char *ports[2], *rest;
		const char *session;
		uint8_t state;
		uint64_t inode;
	} cases[] = {
		{ "192.0.2.1",
		  "203.0.113.7",
		  { "0016", "C74E" },
		  "01 00000000:00000000 02:000A7C2E 00000000     0        0 18446744073709551615 4 "
		  "ffff8f1c0 20 4 31 10 -1",
		  "203.0.113.7 51022 192.0.2.1 22",
		  BH_TCP_ESTABLISHED,
		  UINT64_MAX },
		{ "2001:db8::1",
		  "2001:db8::7",
		  { "0016", "C74E" },
		  "01 00000000:00000000 00:00000000 00000000  1000        0 2345 1 0 20 4 24 10 -1",
		  "2001:db8::7 51022 2001:db8::1 22",
		  BH_TCP_ESTABLISHED,
		  2345 },
		{ "::ffff:192.0.2.1",
		  "::ffff:203.0.113.7",
		  { "0016", "C74E" },
		  "01 00000000:00000000 00:00000000 00000000     0        0 77 1 0 20 4 24 10 -1",
		  "203.0.113.7 51022 192.0.2.1 22",
		  BH_TCP_ESTABLISHED,
		  77 },
		{ "0.0.0.0",
		  "0.0.0.0",
		  { "0016", "0000" },
		  "0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0 100 0 0 10 0",
		  "0.0.0.0 0 0.0.0.0 22",
		  BH_TCP_LISTEN,
		  99 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[256], local[33], remote[33], text[BH_SESSION_TEXT];
		struct bh_tcp_line read;

		snprintf(line, sizeof(line), "   1: %s:%s %s:%s %s\n",
			 words_of(cases[i].local, local), cases[i].ports[0],
			 words_of(cases[i].remote, remote), cases[i].ports[1], cases[i].rest);
		assert_true(bh_tcp_line_parse(line, &read));
		assert_string_equal(bh_session_format(&read.key, text), cases[i].session);
		assert_int_equal(read.state, cases[i].state);
		assert_true(read.inode == cases[i].inode);
	}
}

static void other_lines_are_none(void **state)
{
	static const char *const lines[] = {
		"",
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid "
		" "
		"timeout inode\n",
		"   1: 010200C0:0016",
		"   1: 010200C0:0016 077100CB:C74E 01",
		"   1: 010200C0:0016 077100CB:C74E 01 00000000:00000000 02:000A7C2E 00000000 0 0",
		"   1: 010200C0010200C0:0016 077100CB:C74E 01 0:0 0:0 0 0 0 5",
		"   1: 010200C0:00160 077100CB:C74E 01 0:0 0:0 0 0 0 5",
		"   1: 010200C:0016 077100CB:C74E 01 0:0 0:0 0 0 0 5",
		"   1: 010200C0:+016 077100CB:C74E 01 0:0 0:0 0 0 0 5",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct bh_tcp_line line;

		assert_false(bh_tcp_line_parse(lines[i], &line));
	}
}

static void processes_are_read(void **state)
{
	unsigned terminal = 0;
	pid_t parent = 0;

	(void)state;
	assert_true(bh_process_parse("412 (bash) S 410 412 412 34816 500 4194304 1", &parent,
				     &terminal));
	assert_int_equal(parent, 410);
	assert_int_equal(terminal, 34816);
	assert_true(bh_process_parse("7 (a) S 1 (b) R 5 6 7 -1 1", &parent, &terminal));
	assert_int_equal(parent, 5);
	assert_false(bh_process_parse("", &parent, &terminal));
	assert_false(bh_process_parse("412 (bash", &parent, &terminal));
	assert_false(bh_process_parse("412 (bash) S", &parent, &terminal));
	assert_false(bh_process_parse("412 (bash) S -4 1 1 0", &parent, &terminal));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_are_read),
		cmocka_unit_test(other_lines_are_none),
		cmocka_unit_test(processes_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
