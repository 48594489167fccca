/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "columns.h"
#include "csv.h"
#include "printed.h"

static void assert_text(const char *text, const char *expected)
{
	catch_output(stdout);
	bh_csv_text(text, "|");
	char *printed = caught_output();
	assert_string_equal(printed, expected);
	free(printed);
}

static void quotes_as_the_standard_says(void **state)
{
	(void)state;
	assert_text("", "|");
	assert_text("plain text", "plain text|");
	assert_text("a,b", "\"a,b\"|");
	assert_text("say \"x\"", "\"say \"\"x\"\"\"|");
	assert_text("two\nlines", "\"two\nlines\"|");
	assert_text("\xc3\xa4", "\xc3\xa4|");
}

static void formulas_are_texts(void **state)
{
	(void)state;
	assert_text("=1+1", "'=1+1|");
	assert_text("+1", "'+1|");
	assert_text("-1", "'-1|");
	assert_text("@SUM(A1)", "'@SUM(A1)|");
	assert_text("\t=1", "'\t=1|");
	assert_text("\r=1", "\"'\r=1\"|");
	assert_text("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"|");
	assert_text("a=b", "a=b|");
}

static void assert_row(const char *json, const char *expected)
{
	static const struct bh_csv_column columns[] = {
		{ .path = "src" },	   { .path = "src.ip" }, { .path = "time", .time = true },
		{ .path = "number" },	   { .path = "list" },	 { .path = "yes" },
		{ .path = "tx.deep.one" }, { .path = NULL },
	};
	cJSON *object = cJSON_Parse(json);

	catch_output(stdout);
	bh_csv_row(columns, object);
	char *printed = caught_output();
	assert_string_equal(printed, expected);
	free(printed);
	cJSON_Delete(object);
}

static void rows_of_values(void **state)
{
	(void)state;
	assert_row("{\"src\":{\"ip\":\"10.0.0.1\"},\"time\":1.5,\"number\":-3,\"list\":[\"a\",5,"
		   "\"b\"],"
		   "\"yes\":true,\"tx\":{\"deep\":{\"one\":0.25}}}",
		   ",10.0.0.1,1970-01-01T00:00:01.500Z,-3,a b,true,0.250000\r\n");
	assert_row("{\"src\":\"web\",\"time\":0,\"number\":1e300,\"list\":[],\"tx\":7}",
		   "web,,0,1e+300,,,\r\n");
	assert_row("null", ",,,,,,\r\n");
	assert_row("{\"number\":123456789012345,\"src\":null,\"list\":[\"=x\"]}",
		   ",,,123456789012345,'=x,,\r\n");
}

static void titles_are_paths(void **state)
{
	(void)state;
	catch_output(stdout);
	bh_csv_titles(bh_edge_columns);
	char *printed = caught_output();
	assert_string_equal(printed, "id,src,dst,proto,port,first,last,connections,answered,bytes,"
				     "replicas,windows,lossy,dns,sni,masked,clients\r\n");
	free(printed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotes_as_the_standard_says),
		cmocka_unit_test(formulas_are_texts),
		cmocka_unit_test(rows_of_values),
		cmocka_unit_test(titles_are_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
