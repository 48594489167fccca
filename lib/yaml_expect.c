/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "yaml_expect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nearest.h"

int bh_yaml_refuse(const struct bh_yaml_reader *reader, const struct bh_yaml *at, const char *found,
		   const char *expected, const char *near)
{
	return bh_error_set(reader->err, -EINVAL, "%s:%d:%d: found %s, expected %s%s%s%s",
			    reader->file, at->line, at->column, found, expected,
			    near != NULL ? "; did you mean " : "", near != NULL ? near : "",
			    near != NULL ? "?" : "");
}

int bh_yaml_refuse_value(const struct bh_yaml_reader *reader, const struct bh_yaml *value,
			 const char *what, const char *expected, const char *near)
{
	char text[80], found[200];

	snprintf(found, sizeof(found), "%s for %.80s", bh_yaml_found(value, text, sizeof(text)),
		 what);
	if (value->kind != BH_YAML_SCALAR && value->count == 0)
		snprintf(found, sizeof(found), "an empty %s for %.80s",
			 value->kind == BH_YAML_LIST ? "list" : "map", what);
	return bh_yaml_refuse(reader, value, found, expected, near);
}

int bh_yaml_check_keys(const struct bh_yaml_reader *reader, const struct bh_yaml *map,
		       const char *const *keys, size_t count, const char *expected)
{
	char found[80];

	for (size_t i = 0; i < map->count; i++) {
		const char *key = map->items[i].key;
		bool known = false;

		for (size_t j = 0; j < count; j++)
			known = known || strcmp(key, keys[j]) == 0;
		if (known)
			continue;
		snprintf(found, sizeof(found), "the key \"%.60s\"", key);
		return bh_yaml_refuse(reader, &map->items[i], found, expected,
				      bh_nearest(key, keys, count));
	}
	return 0;
}

bool bh_yaml_is_nothing(const struct bh_yaml *node)
{
	return node->kind == BH_YAML_SCALAR && !node->quoted &&
	       (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
		strcmp(node->text, "null") == 0);
}
