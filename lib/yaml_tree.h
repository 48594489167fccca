/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A YAML or JSON document as a tree in which every node knows its line, so that whoever reads it
 * can say where something is wrong. Parsing is libyaml's. Anchors, aliases, tags, several
 * documents, duplicate keys and depth are refused: no file of ours needs them, and each has hurt
 * somebody.
 */
#ifndef BH_YAML_TREE_H
#define BH_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkhead/error.h"

enum bh_yaml_kind {
	BH_YAML_SCALAR,
	BH_YAML_LIST,
	BH_YAML_MAP,
};

struct bh_yaml {
	enum bh_yaml_kind kind;
	char *key;   /* in a map: this item's key; else NULL */
	char *text;  /* scalars: the value; never NULL there */
	bool quoted; /* "…", '…' or a block: a string whatever it looks like */
	int line;    /* 1 … of the key where there is one */
	int column;
	struct bh_yaml *items; /* of a list or map, in order */
	size_t count;
	size_t capacity;
};

/* NULL and *err ("file:line:column: …") where it does not parse. An empty document is an empty map.
 * The caller frees it. */
struct bh_yaml *bh_yaml_parse(const char *text, size_t length, const char *file,
			      struct bh_error *err);
void bh_yaml_free(struct bh_yaml *yaml);

/* The same of a file with any number of documents: each is handed on, to be freed by whom it is
 * handed to. A result other than 0 ends it, and is the answer. Else 0, or negative and
 * *err. */
int bh_yaml_parse_each(const char *text, size_t length, const char *file,
		       int (*document)(void *user, struct bh_yaml *root), void *user,
		       struct bh_error *err);

/* Whether a document has nothing but comments in it, or nothing at all. */
bool bh_yaml_is_empty(const struct bh_yaml *root);

/* The item of a map under this key, or NULL. */
const struct bh_yaml *bh_yaml_get(const struct bh_yaml *map, const char *key);

/* "a list", "a map", "\"text\"": what was found, for messages. Writes to out, returns it. */
const char *bh_yaml_found(const struct bh_yaml *node, char *out, size_t size);

#endif
