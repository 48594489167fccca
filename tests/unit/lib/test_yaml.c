/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "yaml_tree.h"

static struct bh_yaml *parse_bytes(const char *text, size_t length)
{
	struct bh_error err = { 0 };
	struct bh_yaml *yaml = bh_yaml_parse(text, length, "t.yaml", &err);

	if (yaml == NULL)
		fail_msg("%s\n%s", err.text, text);
	return yaml;
}

static struct bh_yaml *parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

/* The tree as one line: "3:5 key=…"; list [ ], map { }, a quoted scalar in quotes. */
static void describe(const struct bh_yaml *node, struct bh_buffer *out)
{
	bh_buffer_printf(out, "%d:%d ", node->line, node->column);
	if (node->key != NULL)
		bh_buffer_printf(out, "%s=", node->key);
	if (node->kind == BH_YAML_SCALAR) {
		bh_buffer_printf(out, node->quoted ? "'%s'" : "%s", node->text);
		return;
	}
	bh_buffer_puts(out, node->kind == BH_YAML_LIST ? "[" : "{");
	for (size_t i = 0; i < node->count; i++) {
		bh_buffer_puts(out, i > 0 ? ", " : "");
		describe(&node->items[i], out);
	}
	bh_buffer_puts(out, node->kind == BH_YAML_LIST ? "]" : "}");
}

static void every_node_knows_what_it_is_and_where(void **state)
{
	static const struct {
		const char *text, *tree;
	} cases[] = {
		{ "a: 1\nb:\n  - x\n  - y: 2\n    z: 3\nc: {d: 4, e: [5, 6]}\n",
		  "1:1 {1:1 a=1, 2:1 b=[3:5 x, 4:5 {4:5 y=2, 5:5 z=3}], "
		  "6:1 c={6:5 d=4, 6:11 e=[6:15 5, 6:18 6]}}" },
		{ "{\"a\": \"x\", \"b\": [true, null]}",
		  "1:1 {1:2 a='x', 1:12 b=[1:18 true, 1:24 null]}" },
		{ "# one\n\n# two\nkey: value # three\n", "4:1 {4:1 key=value}" },
		{ "- 1\n- - 2\n  - 3\n", "1:1 [1:3 1, 2:3 [2:5 2, 3:5 3]]" },
		{ "a: 'it''s'\nb: \"x\\ty\"\nc: |\n  one\n  two\nd: >\n  x\n  y\ne: p q\n",
		  "1:1 {1:1 a='it's', 2:1 b='x\ty', 3:1 c='one\ntwo\n', 6:1 d='x y\n', "
		  "9:1 e=p q}" },
		/* Lines, whichever way they end, and columns in characters. */
		{ "a: 1\r\nb: 2\r\n", "1:1 {1:1 a=1, 2:1 b=2}" },
		{ "a: 1\rb: 2\r", "1:1 {1:1 a=1, 2:1 b=2}" },
		{ "{\xc3\xa9\xe2\x82\xac: 1, b: 2}", "1:1 {1:2 \xc3\xa9\xe2\x82\xac=1, 1:9 b=2}" },
		{ "\xef\xbb\xbf"
		  "a: 1",
		  "1:1 {1:1 a=1}" },
		{ "a: \"\\U0001f600\\u2028\"", "1:1 {1:1 a='\xf0\x9f\x98\x80\xe2\x80\xa8'}" },
		/* What is not there has a place all the same. */
		{ "a:\nb: ~\nc: ''\n", "1:1 {1:1 a=, 2:1 b=~, 3:1 c=''}" },
		{ "-", "1:1 [1:2 ]" },
		{ "{a, b}", "1:1 {1:2 a=, 1:5 b=}" },
		/* A merge key is a key like any other. */
		{ "<<: {a: 1}", "1:1 {1:1 <<={1:6 a=1}}" },
		{ "{\n\t\"a\": [\n\t\t1\n\t]\n}\n", "1:1 {2:2 a=[3:3 1]}" },
		{ "word", "1:1 word" },
		{ "--- \"\"", "1:5 ''" },
		{ "---\na: 1\n...\n", "2:1 {2:1 a=1}" },
		{ "%YAML 1.2\n---\na: 1\n", "3:1 {3:1 a=1}" },
		{ "? a\n: 1\n", "1:1 {1:3 a=1}" },
		{ "a: 'b''''c'\n", "1:1 {1:1 a='b''c'}" },
		/* Nothing is an empty map. */
		{ "", "1:1 {}" },
		{ "\n\n", "1:1 {}" },
		{ "# a comment\n", "1:1 {}" },
		{ "---\n", "1:1 {}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_yaml *yaml = parse(cases[i].text);
		struct bh_buffer tree = { 0 };

		describe(yaml, &tree);
		assert_string_equal(tree.data, cases[i].tree);
		bh_buffer_free(&tree);
		bh_yaml_free(yaml);
	}
	bh_yaml_free(NULL);
}

#define BYTES(text) text, sizeof(text) - 1

static void what_is_refused_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		const char *message;
	} cases[] = {
		{ BYTES("a: 1\nb: &x 2\n"), "2:4: anchors and aliases are not used here" },
		{ BYTES("a: 1\nb: *x\n"), "2:4: anchors and aliases are not used here" },
		{ BYTES("a: 1\n&x b: 2\n"), "2:1: anchors and aliases are not used here" },
		{ BYTES("- &x\n"), "1:3: anchors and aliases are not used here" },
		{ BYTES("a: !!int 1\n"), "1:4: tags are not used here" },
		{ BYTES("!x {a: 1}"), "1:1: tags are not used here" },
		{ BYTES("a: 1\nb: 2\na: 3\n"), "3:1: the same key twice" },
		{ BYTES("\"a\": 1\n'a': 2\n"), "2:1: the same key twice" },
		{ BYTES("x: {a: 1, a: 2}"), "1:11: the same key twice" },
		{ BYTES("? [a]\n: 1\n"), "1:3: a key must be a plain word" },
		{ BYTES("{{a: 1}: 2}"), "1:2: a key must be a plain word" },
		{ BYTES("a: 1\n---\nb: 2\n"), "3:1: a second document in the file" },
		{ BYTES("a: 1\n---\n"), "3:1: a second document in the file" },
		{ BYTES("---\n---\na: 1\n"), "3:1: a second document in the file" },
		{ BYTES("%YAML 2.0\n---\n"), "1:1: found incompatible YAML document" },
		{ BYTES("a: 1\nb: x\xe2\x80\xa8y"), "2:5: a line separator; write \\u2028 for it" },
		{ BYTES("a: 1\r%TAG ! x\r"), "3:1: did not find expected <document start>" },
		{ BYTES("a: 1\n...\n%\xc3"), "3:2: not UTF-8" },
		{ BYTES("a: 1\nb: \xc3\xa9 \xff"), "2:6: not UTF-8" },
		{ BYTES("\xff\xfe"
			"a\0"),
		  "1:1: not UTF-8" },
		{ BYTES("a: \xed\xa0\x80"), "1:4: not UTF-8" },
		/* What follows a NUL must not vanish in silence. */
		{ BYTES("a: b\0\nc: d\n"), "1:5: a control character" },
		{ BYTES("a: 1\nb: x\x1b[2J"), "2:5: a control character" },
		{ BYTES("a: \x7f"), "1:4: a control character" },
		{ BYTES("a: \"x\\0y\""), "1:4: a NUL byte in a text" },
		{ BYTES("a: \"\\ud800\""), "1:7: while parsing a quoted scalar at 1:4, found "
					   "invalid Unicode character escape code" },
		{ BYTES("a: [1, 2\nb: 3\n"),
		  "2:2: while parsing a flow sequence at 1:4, did not find expected ',' or ']'" },
		{ BYTES("a: 1\nb: \"x\n"),
		  "3:1: while scanning a quoted scalar at 2:4, found unexpected end of stream" },
		{ BYTES("a:\n\tb: 1\n"), "2:1: a tab; YAML is indented with spaces" },
		{ BYTES("a: b: c\n"), "1:5: mapping values are not allowed in this context" },
		{ BYTES("{\"a\": 1} x"), "1:10: did not find expected <document start>" },
		{ BYTES("a: x\n]\n"),
		  "2:1: while parsing a block mapping at 1:1, did not find expected key" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_error err = { 0 };
		char message[200];

		if (bh_yaml_parse(cases[i].text, cases[i].length, "t.yaml", &err) != NULL)
			fail_msg("accepted: %s", cases[i].text);
		snprintf(message, sizeof(message), "t.yaml:%s", cases[i].message);
		assert_string_equal(err.text, message);
		assert_int_equal(err.code, -EINVAL);
		/* Who wants no reason gets none. */
		assert_null(bh_yaml_parse(cases[i].text, cases[i].length, "t.yaml", NULL));
	}
}

/* Only `length` bytes are the document; nothing says that a NUL follows. */
static void it_ends_where_its_length_says(void **state)
{
	char *bytes = malloc(4);

	(void)state;
	memcpy(bytes, "a: 1", 4);
	struct bh_yaml *yaml = parse_bytes(bytes, 4);
	assert_string_equal(bh_yaml_get(yaml, "a")->text, "1");
	bh_yaml_free(yaml);
	yaml = parse_bytes(bytes, 2);
	assert_string_equal(bh_yaml_get(yaml, "a")->text, "");
	bh_yaml_free(yaml);
	free(bytes);
}

/* However many escapes, folds and lines a text is made of; the sanitizer watches its memory. */
static void a_text_of_many_pieces_is_whole(void **state)
{
	(void)state;
	for (int pieces = 1; pieces < 200; pieces++) {
		struct bh_buffer text = { 0 }, apostrophes = { 0 }, lines = { 0 };

		bh_buffer_puts(&text, "'");
		for (int i = 0; i < pieces; i++) {
			bh_buffer_puts(&text, "x''");
			bh_buffer_puts(&apostrophes, "x'");
		}
		bh_buffer_puts(&text, "': \"");
		for (int i = 0; i < pieces; i++) {
			bh_buffer_puts(&text, "y\\n\\u20ac");
			bh_buffer_puts(&lines, "y\n\xe2\x82\xac");
		}
		bh_buffer_puts(&text, "\"");
		struct bh_yaml *yaml = parse(text.data);
		const struct bh_yaml *item = bh_yaml_get(yaml, apostrophes.data);
		assert_non_null(item);
		assert_string_equal(item->text, lines.data);
		bh_yaml_free(yaml);
		bh_buffer_free(&text);
		bh_buffer_free(&apostrophes);
		bh_buffer_free(&lines);
	}
}

static char *nested(const char *open, int depth)
{
	struct bh_buffer text = { 0 };

	for (int i = 0; i < depth; i++)
		bh_buffer_puts(&text, open);
	bh_buffer_puts(&text, "x");
	for (int i = 0; i < depth; i++)
		bh_buffer_puts(&text, open[0] == '[' ? "]" : "}");
	return bh_buffer_steal(&text);
}

static void depth_is_bounded(void **state)
{
	static const char *const opens[] = { "[", "{a: " };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bh_error err = { 0 };
		char *fits = nested(opens[i], 32), *deep = nested(opens[i], 33);

		bh_yaml_free(parse(fits));
		assert_null(bh_yaml_parse(deep, strlen(deep), "t.yaml", &err));
		assert_int_equal(err.code, -EINVAL);
		free(fits);
		free(deep);
		deep = nested(opens[i], 100000);
		assert_null(bh_yaml_parse(deep, strlen(deep), "t.yaml", &err));
		assert_int_equal(err.code, -EINVAL);
		assert_non_null(strstr(err.text, "t.yaml:1:"));
		free(deep);
	}
}

static void the_number_of_items_is_bounded(void **state)
{
	struct bh_buffer text = { 0 };
	struct bh_error err = { 0 };

	(void)state;
	bh_buffer_puts(&text, "[");
	for (int i = 0; i < 500001; i++)
		bh_buffer_puts(&text, "a,");
	bh_buffer_puts(&text, "]");
	assert_null(bh_yaml_parse(text.data, text.length, "t.yaml", &err));
	assert_non_null(strstr(err.text, ": too many items"));
	bh_buffer_free(&text);
}

static void items_are_found_by_their_key(void **state)
{
	struct bh_yaml *yaml = parse("a: 1\nb: {a: 2}\nlist: [a, b]\n'': 3\n");

	(void)state;
	assert_string_equal(bh_yaml_get(yaml, "a")->text, "1");
	assert_string_equal(bh_yaml_get(bh_yaml_get(yaml, "b"), "a")->text, "2");
	assert_string_equal(bh_yaml_get(yaml, "")->text, "3");
	assert_null(bh_yaml_get(yaml, "c"));
	assert_null(bh_yaml_get(yaml, "A"));
	/* A list and a scalar hold nothing by key. */
	assert_null(bh_yaml_get(bh_yaml_get(yaml, "list"), "a"));
	assert_null(bh_yaml_get(bh_yaml_get(yaml, "a"), "a"));
	bh_yaml_free(yaml);
}

static void what_was_found_is_said_in_words(void **state)
{
	struct bh_yaml *yaml = parse(
		"list: []\nmap: {}\ntext: some\nempty:\nlong: "
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa9\xc3\xa9\n");
	char out[100], small[4];

	(void)state;
	assert_string_equal(bh_yaml_found(yaml, out, sizeof(out)), "a map");
	assert_string_equal(bh_yaml_found(bh_yaml_get(yaml, "list"), out, sizeof(out)), "a list");
	assert_string_equal(bh_yaml_found(bh_yaml_get(yaml, "map"), out, sizeof(out)), "a map");
	assert_string_equal(bh_yaml_found(bh_yaml_get(yaml, "text"), out, sizeof(out)), "\"some\"");
	assert_string_equal(bh_yaml_found(bh_yaml_get(yaml, "empty"), out, sizeof(out)), "\"\"");
	/* A long one is cut, but not within a character. */
	assert_string_equal(bh_yaml_found(bh_yaml_get(yaml, "long"), out, sizeof(out)),
			    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"");
	assert_ptr_equal(bh_yaml_found(yaml, small, sizeof(small)), small);
	assert_string_equal(small, "a m");
	bh_yaml_free(yaml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_node_knows_what_it_is_and_where),
		cmocka_unit_test(what_is_refused_is_refused_with_its_place),
		cmocka_unit_test(it_ends_where_its_length_says),
		cmocka_unit_test(a_text_of_many_pieces_is_whole),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(the_number_of_items_is_bounded),
		cmocka_unit_test(items_are_found_by_their_key),
		cmocka_unit_test(what_was_found_is_said_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
