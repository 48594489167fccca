/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "yaml.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "grow.h"
#include "map.h"
#include "utf8.h"

#define MAX_DEPTH 32
/* Half a kilobyte each, libfyaml's share included: what 16 MiB of "[a,a,a…" would cost without a
 * limit is 4 GB. */
#define MAX_NODES 500000

struct reader {
	struct fy_parser *parser;
	struct fy_diag *diag;
	const char *file;
	struct bh_error *err;
	size_t nodes;
	int line; /* of the event that was read last */
	int column;
};

static void free_content(struct bh_yaml *node)
{
	for (size_t i = 0; i < node->count; i++)
		free_content(&node->items[i]);
	free(node->items);
	free(node->key);
	free(node->text);
}

void bh_yaml_free(struct bh_yaml *yaml)
{
	if (yaml == NULL)
		return;
	free_content(yaml);
	free(yaml);
}

static int fail_at(struct reader *r, int line, int column, const char *what)
{
	return bh_error_set(r->err, -EINVAL, "%s:%d:%d: %s", r->file, line, column, what);
}

/* libfyaml's own first complaint. */
static int fail_syntax(struct reader *r)
{
	void *position = NULL;
	const struct fy_diag_error *e = fy_diag_errors_iterate(r->diag, &position);

	if (e == NULL)
		return fail_at(r, 1, 1, "not a YAML document");
	return fail_at(r, e->line, e->column, e->msg);
}

/* NULL at the end or on a syntax error. What is not there ("a:", "-") has no mark: it stands where
 * the thing before it does. */
static struct fy_event *next_event(struct reader *r)
{
	struct fy_event *event = fy_parser_parse(r->parser);
	const struct fy_mark *mark = event != NULL ? fy_event_start_mark(event) : NULL;

	if (mark != NULL) {
		r->line = mark->line + 1;
		r->column = mark->column + 1;
	}
	return event;
}

static int read_node(struct reader *r, struct fy_event *event, struct bh_yaml *node, int depth);

static struct bh_yaml *add_item(struct bh_yaml *parent)
{
	parent->items = bh_grow(parent->items, &parent->capacity, parent->count + 1,
				sizeof(*parent->items));
	struct bh_yaml *item = &parent->items[parent->count++];
	*item = (struct bh_yaml) { 0 };
	return item;
}

/* The value that belongs to a key that was just read. keys: those before it. */
static int read_value(struct reader *r, struct bh_yaml *map, struct bh_yaml *key,
		      struct bh_map *keys, int depth)
{
	if (key->kind != BH_YAML_SCALAR)
		return fail_at(r, key->line, key->column, "a key must be a plain word");
	if (bh_map_get_text(keys, key->text) != NULL)
		return fail_at(r, key->line, key->column, "the same key twice");
	bh_map_put_text(keys, key->text, keys);
	struct fy_event *event = next_event(r);
	if (event == NULL)
		return fail_syntax(r);
	struct bh_yaml value = { 0 };
	int result = read_node(r, event, &value, depth + 1);
	value.key = key->text;
	key->text = NULL;
	value.line = key->line;
	value.column = key->column;
	*add_item(map) = value;
	return result;
}

static int read_item(struct reader *r, struct fy_event *event, struct bh_yaml *parent,
		     struct bh_map *keys, int depth)
{
	if (parent->kind == BH_YAML_LIST)
		return read_node(r, event, add_item(parent), depth + 1);
	struct bh_yaml key = { 0 };
	int result = read_node(r, event, &key, depth + 1);

	if (result == 0)
		result = read_value(r, parent, &key, keys, depth);
	free_content(&key);
	return result;
}

/* Reads items up to the event that ends the list or map. */
static int read_items_with(struct reader *r, struct bh_yaml *parent, struct bh_map *keys, int depth)
{
	enum fy_event_type end =
		parent->kind == BH_YAML_LIST ? FYET_SEQUENCE_END : FYET_MAPPING_END;

	for (;;) {
		struct fy_event *event = next_event(r);

		if (event == NULL)
			return fail_syntax(r);
		if (event->type == end) {
			fy_parser_event_free(r->parser, event);
			return 0;
		}
		int result = read_item(r, event, parent, keys, depth);
		if (result != 0)
			return result;
	}
}

static int read_items(struct reader *r, struct bh_yaml *parent, int depth)
{
	if (depth >= MAX_DEPTH)
		return fail_at(r, parent->line, parent->column, "nested too deeply");
	struct bh_map *keys = bh_map_new(NULL);
	int result = read_items_with(r, parent, keys, depth);

	bh_map_free(keys);
	return result;
}

/* The text of a scalar, chunk by chunk: fy_token_get_text() of libfyaml 0.7.12 leaks 2 KiB where
 * there are more than a few escapes in it. Where there is nothing there is no token. */
static bool read_text(struct fy_token *token, struct bh_buffer *text)
{
	struct fy_token_iter *iterator = fy_token_iter_create(token);
	const struct fy_iter_chunk *chunk = NULL;
	int error = 0;

	while (token != NULL && (chunk = fy_token_iter_chunk_next(iterator, chunk, &error)) != NULL)
		bh_buffer_append(text, chunk->str, chunk->len);
	fy_token_iter_destroy(iterator);
	return error == 0;
}

static int read_scalar(struct reader *r, struct fy_event *event, struct bh_yaml *node)
{
	enum fy_scalar_style style = fy_token_scalar_style(event->scalar.value);
	struct bh_buffer text = { 0 };

	bool whole = read_text(event->scalar.value, &text);
	size_t length = text.length;
	node->quoted = style != FYSS_PLAIN && style != FYSS_ANY;
	/* The mark stands behind the quote. */
	node->column -= style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
	node->text = bh_buffer_steal(&text);
	if (!whole)
		return fail_at(r, node->line, node->column, "a text that cannot be read");
	if (style == FYSS_SINGLE_QUOTED && strstr(node->text, "''") != NULL)
		return fail_at(r, node->line, node->column,
			       "several quotes in a row in single quotes; use double quotes");
	if (strlen(node->text) != length)
		return fail_at(r, node->line, node->column, "a NUL byte in a text");
	return 0;
}

/* Consumes the event. */
static int read_node(struct reader *r, struct fy_event *event, struct bh_yaml *node, int depth)
{
	enum fy_event_type type = event->type;
	int result = 0;

	node->line = r->line;
	node->column = r->column;
	if (type == FYET_ALIAS || fy_event_get_anchor_token(event) != NULL)
		result = fail_at(r, node->line, node->column,
				 "anchors and aliases are not used here");
	else if (fy_event_get_tag_token(event) != NULL)
		result = fail_at(r, node->line, node->column, "tags are not used here");
	else if (++r->nodes > MAX_NODES)
		result = fail_at(r, node->line, node->column, "too many items");
	else if (type == FYET_SCALAR)
		result = read_scalar(r, event, node);
	fy_parser_event_free(r->parser, event);
	if (result != 0 || type == FYET_SCALAR)
		return result;
	node->kind = type == FYET_SEQUENCE_START ? BH_YAML_LIST : BH_YAML_MAP;
	return read_items(r, node, depth);
}

static int read_stream(struct reader *r, struct bh_yaml *root)
{
	bool seen = false;

	*root = (struct bh_yaml) { .kind = BH_YAML_MAP, .line = 1, .column = 1 };
	for (;;) {
		struct fy_event *event = next_event(r);

		if (event == NULL)
			return fy_diag_got_error(r->diag) ? fail_syntax(r) : 0;
		enum fy_event_type type = event->type;
		if (type == FYET_STREAM_START || type == FYET_STREAM_END ||
		    type == FYET_DOCUMENT_START || type == FYET_DOCUMENT_END) {
			fy_parser_event_free(r->parser, event);
			continue;
		}
		struct bh_yaml node = { 0 };
		int result = read_node(r, event, &node, 0);
		if (result == 0 && seen)
			result =
				fail_at(r, node.line, node.column, "a second document in the file");
		if (result != 0 || seen) {
			free_content(&node);
			return result;
		}
		/* A file of comments alone is one empty scalar. */
		if (node.kind == BH_YAML_SCALAR && node.text[0] == '\0' && !node.quoted)
			free_content(&node);
		else
			*root = node;
		seen = true;
	}
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}

/* "? key", at the beginning of a line. */
static bool is_complex_key(const char *text, size_t length, size_t at)
{
	size_t before = at;

	while (before > 0 && (text[before - 1] == ' ' || text[before - 1] == '-'))
		before--;
	return text[at] == '?' && (at + 1 == length || strchr(" \t\r\n", text[at + 1]) != NULL) &&
	       (before == 0 || text[before - 1] == '\n' || text[before - 1] == '\r');
}

/* What libfyaml 0.7.12 must not be given: a directive ("%YAML", which no file of ours needs) with
 * broken UTF-8 in it keeps it busy for ever, a NUL is the end to it, whatever follows, and some
 * errors behind a complex key end the program. YAML allows no other control character either. */
static int check_text(struct reader *r, const char *text, size_t length)
{
	static const char mark[] = "\xef\xbb\xbf";
	int line = 1, column = 1;
	size_t at = length >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;

	while (at < length) {
		size_t bytes = bh_utf8_length(text + at, length - at);
		bool ends = text[at] == '\n' ||
			    (text[at] == '\r' && (at + 1 == length || text[at + 1] != '\n'));

		if (bytes == 0)
			return fail_at(r, line, column, "not UTF-8");
		if (is_control(text[at]))
			return fail_at(r, line, column, "a control character");
		if (text[at] == '%' && column == 1)
			return fail_at(r, line, column, "directives are not used here");
		if (is_complex_key(text, length, at))
			return fail_at(r, line, column, "complex keys are not used here");
		column = ends ? 1 : column + 1;
		line += ends;
		at += bytes;
	}
	return 0;
}

struct bh_yaml *bh_yaml_parse(const char *text, size_t length, const char *file,
			      struct bh_error *err)
{
	struct fy_diag_cfg quiet = { .level = FYET_ERROR, .module_mask = ~0u };
	struct fy_diag *diag = fy_diag_create(&quiet);
	struct reader r = { .file = file, .err = err, .diag = diag, .line = 1, .column = 1 };
	struct bh_yaml *root = bh_calloc(1, sizeof(*root));
	struct fy_parse_cfg config = { .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag };
	int result;

	fy_diag_set_collect_errors(diag, true);
	r.parser = fy_parser_create(&config);
	if (check_text(&r, text, length) != 0)
		result = -EINVAL;
	else if (r.parser == NULL || fy_parser_set_string(r.parser, text, length) != 0)
		result = bh_error_set(err, -ENOMEM, "%s: libfyaml did not start", file);
	else
		result = read_stream(&r, root);
	fy_parser_destroy(r.parser);
	fy_diag_destroy(diag);
	if (result == 0)
		return root;
	bh_yaml_free(root);
	return NULL;
}

const struct bh_yaml *bh_yaml_get(const struct bh_yaml *map, const char *key)
{
	for (size_t i = 0; i < map->count; i++)
		if (map->items[i].key != NULL && strcmp(map->items[i].key, key) == 0)
			return &map->items[i];
	return NULL;
}

const char *bh_yaml_found(const struct bh_yaml *node, char *out, size_t size)
{
	char text[61];

	if (node->kind == BH_YAML_SCALAR) {
		bh_copy_text(text, sizeof(text), node->text);
		snprintf(out, size, "\"%s\"", text);
	} else {
		snprintf(out, size, "%s", node->kind == BH_YAML_LIST ? "a list" : "a map");
	}
	return out;
}
