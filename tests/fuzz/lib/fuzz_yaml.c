/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "utf8.h"
#include "yaml_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_DEPTH 32

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void check_text(const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t bytes = bh_utf8_length(text, left);

		must(bytes > 0);
		text += bytes;
		left -= bytes;
	}
}

/* lines: how many the document has at most. */
static void check_node(const struct bh_yaml *node, int lines, int depth)
{
	char found[100];

	must(depth <= MAX_DEPTH);
	must(node->line >= 1 && node->line <= lines && node->column >= 1);
	check_text(bh_yaml_found(node, found, sizeof(found)));
	must((node->kind == BH_YAML_SCALAR) == (node->text != NULL));
	must(node->kind != BH_YAML_SCALAR || node->count == 0);
	if (node->text != NULL)
		check_text(node->text);
	for (size_t i = 0; i < node->count; i++) {
		const struct bh_yaml *item = &node->items[i];

		must((item->key != NULL) == (node->kind == BH_YAML_MAP));
		if (item->key != NULL)
			check_text(item->key);
		/* The first ones only: looking each up would be quadratic. */
		must(item->key == NULL || i >= 50 || bh_yaml_get(node, item->key) == item);
		check_node(item, lines, depth + 1);
	}
}

/* What a document can say by an escape alone. */
static bool needs_escape(uint32_t c)
{
	return c == '"' || c == '\\' || c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 ||
	       c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

static void write_text(const char *text, struct bh_buffer *out)
{
	uint32_t c = 0;

	bh_buffer_puts(out, "\"");
	for (size_t bytes; *text != '\0'; text += bytes) {
		bytes = bh_utf8_decode(text, strlen(text), &c);
		must(bytes > 0);
		if (needs_escape(c))
			bh_buffer_printf(out, "\\u%04x", c);
		else
			bh_buffer_append(out, text, bytes);
	}
	bh_buffer_puts(out, "\"");
}

/* As JSON, one item a line. */
static void write_node(const struct bh_yaml *node, struct bh_buffer *out)
{
	if (node->key != NULL) {
		write_text(node->key, out);
		bh_buffer_puts(out, ": ");
	}
	if (node->kind == BH_YAML_SCALAR) {
		write_text(node->text, out);
		return;
	}
	bh_buffer_puts(out, node->kind == BH_YAML_LIST ? "[\n" : "{\n");
	for (size_t i = 0; i < node->count; i++) {
		bh_buffer_puts(out, i > 0 ? ",\n" : "");
		write_node(&node->items[i], out);
	}
	bh_buffer_puts(out, node->kind == BH_YAML_LIST ? "]" : "}");
}

static void compare(const struct bh_yaml *a, const struct bh_yaml *b)
{
	must(a->kind == b->kind && a->count == b->count);
	must((a->key == NULL) == (b->key == NULL));
	must(a->key == NULL || strcmp(a->key, b->key) == 0);
	must(a->text == NULL || strcmp(a->text, b->text) == 0);
	for (size_t i = 0; i < a->count; i++)
		compare(&a->items[i], &b->items[i]);
}

/* The tree, written as JSON, reads back as the same tree. YAML limits a key to 1024 characters
 * where no question mark announces it; a document with longer ones is left out. */
static bool has_long_key(const struct bh_yaml *node)
{
	if (node->key != NULL && strlen(node->key) > 100)
		return true;
	for (size_t i = 0; i < node->count; i++)
		if (has_long_key(&node->items[i]))
			return true;
	return false;
}

static void check_round_trip(const struct bh_yaml *yaml)
{
	struct bh_buffer json = { 0 };
	struct bh_error err = { 0 };

	if (has_long_key(yaml))
		return;
	write_node(yaml, &json);
	struct bh_yaml *again = bh_yaml_parse(json.data, json.length, "again", &err);
	must(again != NULL);
	compare(yaml, again);
	bh_yaml_free(again);
	bh_buffer_free(&json);
}

/* Any bytes are a tree that keeps the header's promises, or an error that says where. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_error err = { 0 };
	struct bh_yaml *yaml = bh_yaml_parse((const char *)data, size, "fuzz", &err);
	int lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n' || data[i] == '\r';
	if (yaml == NULL) {
		must(err.code < 0 && strncmp(err.text, "fuzz:", 5) == 0);
		/* What is missing at the end is missing on the line behind it. */
		must(atoi(err.text + 5) >= 1 && atoi(err.text + 5) <= lines + 1);
		check_text(err.text);
		return 0;
	}
	check_node(yaml, lines, 0);
	check_round_trip(yaml);
	bh_yaml_free(yaml);
	return 0;
}
