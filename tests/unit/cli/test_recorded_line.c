/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "lines.h"

#define WHOLE                                                                                      \
	"{\"first\":1764000000.123456,\"last\":1764000001.5,\"proto\":\"tcp\",\"src\":{\"ip\":"    \
	"\"172.18.0.4\",\"port\":40000,\"workload\":\"compose:shop/web\",\"replica\":\"w1\"},"     \
	"\"dst\":{\"ip\":\"172.18.0.9\",\"port\":5432,\"workload\":null},\"tx\":{\"packets\":10,"  \
	"\"bytes\":1200,\"delivered_packets\":null},\"rx\":{\"packets\":9,\"bytes\":1},\"state\":" \
	"\"closed\",\"direction\":\"syn\",\"dns\":null,\"tunnel\":null,\"verdict\":\"delivered\"," \
	"\"via\":{\"ip\":\"172.18.0.1\",\"port\":80,\"workload\":null,\"proxy\":true}}"

/* Both ways; whether the line was cut up where it stands. */
static bool is_cut(const char *text)
{
	struct bh_line line, tree;

	bh_line_read(text, &line);
	bh_line_read_tree(text, &tree);
	bool cut = line.tree == NULL && line.is_object;
	if (!is_same_line(&line, &tree))
		fail_msg("it means something else to cJSON: %s", text);
	bh_line_clear(&line);
	bh_line_clear(&tree);
	return cut;
}

static void all_that_is_asked_for(void **state)
{
	struct bh_line line;

	(void)state;
	bh_line_read(WHOLE "\n", &line);
	assert_true(line.is_object);
	assert_null(line.tree);
	assert_true(line.first.number == 1764000000.123456);
	assert_string_equal(line.proto.text, "tcp");
	assert_string_equal(line.src.ip.text, "172.18.0.4");
	assert_string_equal(line.src.replica.text, "w1");
	assert_int_equal(line.dst.workload.kind, BH_VALUE_NULL);
	assert_int_equal(line.dst.replica.kind, BH_VALUE_ABSENT);
	assert_true(line.dst.port.number == 5432 && line.tx.bytes.number == 1200);
	assert_true(line.rx.bytes.number == 1);
	assert_string_equal(line.verdict.text, "delivered");
	assert_int_equal(line.via.proxy.kind, BH_VALUE_TRUE);
	assert_int_equal(line.count.kind, BH_VALUE_ABSENT);
	bh_line_clear(&line);
}

static void what_is_cut(void **state)
{
	static const char *const lines[] = {
		WHOLE,
		WHOLE "\r\n",
		"{}",
		"{ }",
		"{ \"first\" : 1 ,\t\"last\": 2 }",
		"{\"first\":-0,\"last\":-12.50,\"time\":007,\"count\":1.}",
		"{\"first\":9007199254740991,\"last\":0.0000000000000000000001}",
		"{\"src\":{},\"dst\":5,\"tx\":\"x\",\"rx\":null}",
		"{\"src\":{\"ip\":{\"port\":7}},\"x\":{\"first\":1}}",
		/* The first counts. */
		"{\"first\":1,\"first\":2,\"src\":1,\"src\":{\"ip\":\"a\"}}",
		"{\"src\":{\"ip\":\"a\"},\"src\":{\"port\":1},\"dst\":{\"port\":1,\"port\":2}}",
		"{\"First\":1,\"firs\":1,\"firstt\":1,\"\":1,\"via\":{\"proxy\":false}}",
		"{\"dns\":\"\",\"state\":\"caf\xc3\xa9 \xff\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!is_cut(lines[i]))
			fail_msg("cJSON had to read %s", lines[i]);
}

static void what_is_not(void **state)
{
	static const char *const lines[] = {
		"",
		"\n",
		"x",
		"[]",
		"\"first\"",
		"{",
		"{}}",
		"{}{}",
		"{} x",
		" {}",
		"{,}",
		"{\"first\"}",
		"{\"first\":}",
		"{\"first\" 1}",
		"{\"first\":1,}",
		"{\"first\":1,,\"last\":2}",
		"{\"first\":1 \"last\":2}",
		"{\"first\":1,\"last\"}",
		"{\"first\"::1}",
		"{\"dns\",\"last\"}",
		"{\"dns\":\"a\":\"last\":2}",
		"{:1}",
		"{1:1}",
		"{\"first\":\"a\" \"b\"}",
		"{\"src\":{\"ip\":\"a\"}:1}",
		"{\"src\":{\"ip\":\"a\",}}",
		"{\"first\":1.2.3}",
		"{\"first\":1e3}",
		"{\"first\":-}",
		"{\"first\":.5}",
		"{\"first\":9007199254740993}",
		"{\"first\":0.00000000000000000000001}",
		"{\"first\":0000000000000000000000000000000000000000000000000000000000000000001}",
		"{\"first\":tru}",
		"{\"first\":nullx}",
		"{\"first\":[1,2]}",
		"{\"dns\":\"a\\\"b\"}",
		"{\"dns\":\"\\u00e9\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (is_cut(lines[i]))
			fail_msg("cut up as it stands: %s", lines[i]);
}

/* However long, and however many keys. */
static void what_finds_no_room(void **state)
{
	char text[2 * BH_LINE_ROOM];

	(void)state;
	for (size_t length = BH_LINE_ROOM - 4; length < BH_LINE_ROOM + 4; length++) {
		snprintf(text, sizeof(text), "{\"dns\":\"%0*d\"}", (int)length - 10, 0);
		assert_int_equal(strlen(text), length);
		assert_int_equal(is_cut(text), length < BH_LINE_ROOM);
	}
	strcpy(text, "{\"dns\":null");
	for (int i = 0; i < 70; i++)
		strcat(text, ",\"k\":{}");
	assert_false(is_cut(strcat(text, "}")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_is_asked_for),
		cmocka_unit_test(what_is_cut),
		cmocka_unit_test(what_is_not),
		cmocka_unit_test(what_finds_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
