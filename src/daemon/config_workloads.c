/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config_workloads.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Where in the file, for messages. */
struct place {
	const char *file;
	struct bh_error *err;
	char path[64]; /* "workloads[0]" */
};

static int refuse(const struct place *place, const struct bh_yaml *node, const char *key,
		  const char *expected)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s%s", place->path, *key != '\0' ? "." : "", key);
	return bh_config_refuse(place->err, place->file, node, path, expected);
}

static int refuse_full(const struct place *place, const struct bh_yaml *node)
{
	return bh_error_set(place->err, -EINVAL,
			    "%s:%d:%d: %s: no room for it: at most %d rules, %d labels in each, "
			    "and %d bytes of text in all",
			    place->file, node->line, node->column, place->path, BH_GROUPING_RULES,
			    BH_GROUPING_MATCHES, BH_GROUPING_TEXT);
}

/* A rule without any label would take everything. */
static int read_match(struct bh_grouping *grouping, const struct bh_yaml *map,
		      const struct place *place)
{
	if (map->kind != BH_YAML_MAP || map->count == 0)
		return refuse(place, map, "match", "a map of labels and shell patterns");
	for (size_t i = 0; i < map->count; i++) {
		const struct bh_yaml *item = &map->items[i];

		if (item->key[0] == '\0' || item->kind != BH_YAML_SCALAR || item->text[0] == '\0')
			return refuse(place, item, "match", "a label and a shell pattern");
		if (!bh_grouping_add_match(grouping, item->key, item->text))
			return refuse_full(place, item);
	}
	return 0;
}

static int check_name(const struct bh_yaml *name, const struct place *place)
{
	const char *fault;

	if (name->kind != BH_YAML_SCALAR)
		return refuse(place, name, "name", "a name, with labels in {}");
	fault = bh_grouping_name_fault(name->text);
	return fault != NULL ? refuse(place, name, "name", fault) : 0;
}

static int read_rule(struct bh_grouping *grouping, const struct bh_yaml *rule,
		     const struct place *place)
{
	const struct bh_yaml *match = bh_yaml_get(rule, "match"), *name = bh_yaml_get(rule, "name");

	if (match == NULL || name == NULL)
		return refuse(place, rule, "", "both of match and name");
	for (size_t i = 0; i < rule->count; i++)
		if (&rule->items[i] != match && &rule->items[i] != name)
			return refuse(place, &rule->items[i], rule->items[i].key,
				      "nothing: a rule has match and name");
	int result = check_name(name, place);
	if (result != 0)
		return result;
	if (!bh_grouping_add_rule(grouping, name->text))
		return refuse_full(place, rule);
	return read_match(grouping, match, place);
}

int bh_config_read_workloads(struct bh_grouping *grouping, const struct bh_yaml *list,
			     const char *file, struct bh_error *err)
{
	struct place place = { .file = file, .err = err, .path = "workloads" };
	int result = 0;

	memset(grouping, 0, sizeof(*grouping));
	if (list->kind != BH_YAML_LIST)
		return refuse(&place, list, "", "a list of rules");
	for (size_t i = 0; result == 0 && i < list->count; i++) {
		snprintf(place.path, sizeof(place.path), "workloads[%zu]", i);
		result = list->items[i].kind == BH_YAML_MAP
				 ? read_rule(grouping, &list->items[i], &place)
				 : refuse(&place, &list->items[i], "", "a map with match and name");
	}
	return result;
}
