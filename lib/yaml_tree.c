/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "yaml_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "buffer.h"
#include "grow.h"
#include "map.h"
#include "utf8.h"

#define MAX_DEPTH 32
/* What 16 MiB of "[a,a,a…" would cost without a limit is gigabytes. */
#define MAX_NODES 500000

struct reader {
	yaml_parser_t parser;
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

static bool is_at_tab(const yaml_parser_t *p)
{
	return p->error == YAML_SCANNER_ERROR && p->buffer.pointer < p->buffer.last &&
	       *p->buffer.pointer == '\t';
}

/* libyaml's own complaint. */
static int fail_syntax(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	int line = (int)p->problem_mark.line + 1, column = (int)p->problem_mark.column + 1;
	char what[200];

	if (p->problem == NULL)
		return fail_at(r, 1, 1, "out of memory");
	if (is_at_tab(p))
		return fail_at(r, line, column, "a tab; YAML is indented with spaces");
	if (p->context == NULL)
		return fail_at(r, line, column, p->problem);
	snprintf(what, sizeof(what), "%s at %zu:%zu, %s", p->context, p->context_mark.line + 1,
		 p->context_mark.column + 1, p->problem);
	return fail_at(r, line, column, what);
}

/* 0: *event is the caller's to yaml_event_delete(). */
static int next_event(struct reader *r, yaml_event_t *event)
{
	if (!yaml_parser_parse(&r->parser, event))
		return fail_syntax(r);
	r->line = (int)event->start_mark.line + 1;
	r->column = (int)event->start_mark.column + 1;
	return 0;
}

static int read_node(struct reader *r, yaml_event_t *event, struct bh_yaml *node, int depth);

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
	yaml_event_t event;
	int result = next_event(r, &event);
	if (result != 0)
		return result;
	struct bh_yaml value = { 0 };
	result = read_node(r, &event, &value, depth + 1);
	value.key = key->text;
	key->text = NULL;
	value.line = key->line;
	value.column = key->column;
	*add_item(map) = value;
	return result;
}

static int read_item(struct reader *r, yaml_event_t *event, struct bh_yaml *parent,
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
	yaml_event_type_t end =
		parent->kind == BH_YAML_LIST ? YAML_SEQUENCE_END_EVENT : YAML_MAPPING_END_EVENT;

	for (;;) {
		yaml_event_t event;
		int result = next_event(r, &event);

		if (result != 0)
			return result;
		if (event.type == end) {
			yaml_event_delete(&event);
			return 0;
		}
		result = read_item(r, &event, parent, keys, depth);
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

static int read_scalar(struct reader *r, const yaml_event_t *event, struct bh_yaml *node)
{
	const char *text = (const char *)event->data.scalar.value;

	node->text = bh_strdup(text);
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if (strlen(text) != event->data.scalar.length)
		return fail_at(r, node->line, node->column, "a NUL byte in a text");
	return 0;
}

/* Of a node what no file of ours needs; NULL: nothing of it. */
static const char *refusal(const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_ALIAS_EVENT) {
		anchor = event->data.alias.anchor;
	} else if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	return anchor != NULL ? "anchors and aliases are not used here"
	       : tag != NULL  ? "tags are not used here"
			      : NULL;
}

/* Consumes the event: an alias, a scalar, or the start of a list or map. */
static int read_node(struct reader *r, yaml_event_t *event, struct bh_yaml *node, int depth)
{
	const char *refused = refusal(event);
	yaml_event_type_t type = event->type;
	int result = 0;

	node->line = r->line;
	node->column = r->column;
	if (refused != NULL)
		result = fail_at(r, node->line, node->column, refused);
	else if (++r->nodes > MAX_NODES)
		result = fail_at(r, node->line, node->column, "too many items");
	else if (type == YAML_SCALAR_EVENT)
		result = read_scalar(r, event, node);
	yaml_event_delete(event);
	if (result != 0 || type == YAML_SCALAR_EVENT)
		return result;
	node->kind = type == YAML_SEQUENCE_START_EVENT ? BH_YAML_LIST : BH_YAML_MAP;
	return read_items(r, node, depth);
}

/* What becomes of a document. */
struct sink {
	int (*take)(void *user, struct bh_yaml *root); /* whose it is then; 0: go on */
	void *user;
};

static int read_document(struct reader *r, yaml_event_t *event, const struct sink *sink)
{
	struct bh_yaml *root = bh_calloc(1, sizeof(*root));
	int result = read_node(r, event, root, 0);

	if (result == 0)
		return sink->take(sink->user, root);
	bh_yaml_free(root);
	return result;
}

static int read_stream(struct reader *r, const struct sink *sink)
{
	for (;;) {
		yaml_event_t event;
		int result = next_event(r, &event);

		if (result != 0)
			return result;
		if (event.type == YAML_STREAM_END_EVENT) {
			yaml_event_delete(&event);
			return 0;
		}
		if (event.type == YAML_STREAM_START_EVENT ||
		    event.type == YAML_DOCUMENT_START_EVENT ||
		    event.type == YAML_DOCUMENT_END_EVENT) {
			yaml_event_delete(&event);
			continue;
		}
		result = read_document(r, &event, sink);
		if (result != 0)
			return result;
	}
}

static bool is_control(uint32_t c)
{
	return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7f && c < 0xa0) ||
	       c == 0xfffe || c == 0xffff;
}

/* Line breaks to YAML 1.1, and so to libyaml, but to nobody's editor: lines would be counted wrong.
 */
static bool is_separator(uint32_t c)
{
	return c == 0x2028 || c == 0x2029;
}

/* What no text of ours has in it, said with its place: libyaml says of bytes where they are, but
 * not on which line. */
static int check_text(struct reader *r, const char *text, size_t length)
{
	int line = 1, column = 1;

	for (size_t at = 0; at < length;) {
		uint32_t c = 0;
		size_t bytes = bh_utf8_decode(text + at, length - at, &c);
		bool ends = c == '\n' || (c == '\r' && (at + 1 == length || text[at + 1] != '\n'));

		if (bytes == 0)
			return fail_at(r, line, column, "not UTF-8");
		if (is_control(c))
			return fail_at(r, line, column, "a control character");
		if (is_separator(c))
			return fail_at(r, line, column, "a line separator; write \\u2028 for it");
		column = ends ? 1 : column + 1;
		line += ends;
		at += bytes;
	}
	return 0;
}

int bh_yaml_parse_each(const char *text, size_t length, const char *file,
		       int (*document)(void *user, struct bh_yaml *root), void *user,
		       struct bh_error *err)
{
	struct reader r = { .file = file, .err = err, .line = 1, .column = 1 };
	const struct sink sink = { document, user };
	size_t mark = length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	int result = check_text(&r, text + mark, length - mark);

	if (result == 0 && !yaml_parser_initialize(&r.parser))
		result = bh_error_set(err, -ENOMEM, "%s: libyaml did not start", file);
	if (result != 0)
		return result;
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text + mark, length - mark);
	result = read_stream(&r, &sink);
	yaml_parser_delete(&r.parser);
	return result;
}

bool bh_yaml_is_empty(const struct bh_yaml *root)
{
	return root->kind == BH_YAML_SCALAR && root->text[0] == '\0' && !root->quoted;
}

/* The one document of a file. */
struct only {
	struct bh_yaml *root;
	const char *file;
	struct bh_error *err;
};

static int take_only(void *user, struct bh_yaml *root)
{
	struct only *only = user;

	if (only->root == NULL) {
		only->root = root;
		return 0;
	}
	int result = bh_error_set(only->err, -EINVAL, "%s:%d:%d: a second document in the file",
				  only->file, root->line, root->column);
	bh_yaml_free(root);
	return result;
}

struct bh_yaml *bh_yaml_parse(const char *text, size_t length, const char *file,
			      struct bh_error *err)
{
	struct only only = { .file = file, .err = err };

	if (bh_yaml_parse_each(text, length, file, take_only, &only, err) != 0) {
		bh_yaml_free(only.root);
		return NULL;
	}
	if (only.root != NULL && bh_yaml_is_empty(only.root)) {
		bh_yaml_free(only.root);
		only.root = NULL;
	}
	if (only.root == NULL) {
		only.root = bh_calloc(1, sizeof(*only.root));
		*only.root = (struct bh_yaml) { .kind = BH_YAML_MAP, .line = 1, .column = 1 };
	}
	return only.root;
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
