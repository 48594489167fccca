/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "grow.h"
#include "utf8.h"

static const struct {
	const char *given, *harmless;
} texts[] = {
	{ "netns:lab-web", "netns:lab-web" },
	{ "größe-名-🐳", "größe-名-🐳" },
	{ "\033]0;owned\007\033[31mred", "?]0;owned??[31mred" },
	{ "a\r\n\tb\x7f", "a???b?" },
	{ "\xc2\x9b"
	  "31m",
	  "?31m" }, /* C1: CSI in two bytes */
	{ "\x9b"
	  "31m",
	  "?31m" }, /* and in one */
	{ "\xe2\x80\xae"
	  "gpj.exe",
	  "?gpj.exe" }, /* override */
	{ "\xe2\x81\xa6"
	  "a\xe2\x81\xa9",
	  "?a?" }, /* isolates */
	{ "a\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c"
	  "b",
	  "a???b" }, /* marks */
	{ "a\xe2\x80\x8b\xef\xbb\xbf"
	  "b",
	  "a??b" }, /* nothing to see */
	{ "a\xe2\x80\xa8\xe2\x80\xa9"
	  "b",
	  "a??b" }, /* separators */
	{ "\xff\xfe", "??" },
	{ "\xc0\xaf", "??" },		/* overlong */
	{ "\xed\xa0\x80", "???" },	/* a surrogate */
	{ "\xf4\x90\x80\x80", "????" }, /* beyond Unicode */
	{ "cut \xe2\x82", "cut ??" },
	{ "", "" },
};

static void what_a_terminal_obeys(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *text = bh_strdup(texts[i].given);

		bh_harmless(text, "");
		assert_string_equal(text, texts[i].harmless);
		free(text);
	}
}

static void what_is_to_stay(void **state)
{
	char text[] = "a\n\tb\r\033\n";

	(void)state;
	bh_harmless(text, "\n\t");
	assert_string_equal(text, "a\n\tb??\n");
}

static void answers_are_harmless_throughout(void **state)
{
	cJSON *json = bh_answer_parse("{\"a\\u001b\":[{\"b\":\"\\u202ex\"},\"\\u009b\"],"
				      "\"c\":{\"d\":{\"e\":\"\\n\xff\"}}}");
	char *text = cJSON_PrintUnformatted(json);

	(void)state;
	assert_string_equal(text, "{\"a?\":[{\"b\":\"?x\"},\"?\"],\"c\":{\"d\":{\"e\":\"??\"}}}");
	free(text);
	cJSON_Delete(json);
}

static void what_is_no_json(void **state)
{
	static const char *const broken[] = { "", "{", "<html>", "{\"a\":}", "\xff" };

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_null(bh_answer_parse(broken[i]));
}

static void keys_that_are_missing_or_of_another_type(void **state)
{
	cJSON *json = bh_answer_parse("{\"text\":5,\"number\":\"x\",\"null\":null}");

	(void)state;
	assert_null(bh_get(NULL, "x"));
	assert_null(bh_text(NULL, "x"));
	assert_string_equal(bh_word(NULL, "x"), "-");
	assert_true(bh_number(NULL, "x") == 0);
	assert_null(bh_text(json, "text"));
	assert_string_equal(bh_word(json, "null"), "-");
	assert_true(bh_number(json, "number") == 0);
	assert_true(bh_number(json, "text") == 5);
	cJSON_Delete(json);
}

static void ports(void **state)
{
	cJSON *tcp = bh_answer_parse("{\"proto\":\"tcp\"}"),
	      *icmp = bh_answer_parse("{\"proto\":\"icmp\"}"),
	      *other = bh_answer_parse("{\"proto\":\"x\"}");
	char out[BH_PORT_TEXT];

	(void)state;
	assert_string_equal(bh_answer_port(tcp, 5432, out), "5432/tcp");
	assert_string_equal(bh_answer_port(icmp, 8 * 256, out), "icmp/8:0");
	assert_string_equal(bh_answer_port(tcp, 65536, out), "-");
	assert_string_equal(bh_answer_port(tcp, -1, out), "-");
	assert_string_equal(bh_answer_port(tcp, 0.0 / 0.0, out), "-");
	assert_string_equal(bh_answer_port(other, 1, out), "-");
	assert_string_equal(bh_answer_port(NULL, 1, out), "-");
	cJSON_Delete(tcp);
	cJSON_Delete(icmp);
	cJSON_Delete(other);
}

static void times_where_no_terminal_is(void **state)
{
	char out[BH_TIME_TEXT];

	(void)state;
	unsetenv("COLUMNS");
	assert_string_equal(bh_clock(1795488442.25, out), "2026-11-24T02:47:22.250Z");
	assert_string_equal(bh_clock(0, out), "-");
	assert_string_equal(bh_clock(-5, out), "-");
	assert_string_equal(bh_clock(1e300, out), "-");
	assert_string_equal(bh_clock(0.0 / 0.0, out), "-");
}

static void times_on_a_terminal(void **state)
{
	char out[BH_TIME_TEXT];

	(void)state;
	setenv("COLUMNS", "80", 1);
	setenv("TZ", "UTC", 1);
	tzset();
	assert_string_equal(bh_clock(1595488442, out), "2020-07-23 07:14");
	assert_int_equal(strlen(bh_clock((double)time(NULL), out)), strlen("12:34:56"));
	unsetenv("COLUMNS");
}

static void ages(void **state)
{
	char out[BH_TIME_TEXT];

	(void)state;
	assert_string_equal(bh_age(0, out), "0 s");
	assert_string_equal(bh_age(119, out), "119 s");
	assert_string_equal(bh_age(120, out), "2 min");
	assert_string_equal(bh_age(7200, out), "2 h");
	assert_string_equal(bh_age(3 * 86400, out), "3 days");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_terminal_obeys),
		cmocka_unit_test(what_is_to_stay),
		cmocka_unit_test(answers_are_harmless_throughout),
		cmocka_unit_test(what_is_no_json),
		cmocka_unit_test(keys_that_are_missing_or_of_another_type),
		cmocka_unit_test(ports),
		cmocka_unit_test(times_where_no_terminal_is),
		cmocka_unit_test(times_on_a_terminal),
		cmocka_unit_test(ages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
