/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config_workloads.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nearest.h"
#include "pattern.h"

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

/* What rules may look at beside the labels of containers (docs/workloads.md): "bulkhead.name" … */
#define OWN "bulkhead."
static const char *const own_keys[] = { "workload", "name", "image", "runtime", "netns" };
#define OWN_KEYS (sizeof(own_keys) / sizeof(own_keys[0]))

static bool is_own(const char *key)
{
	return strncmp(key, OWN, sizeof(OWN) - 1) == 0;
}

static int check_own(const struct bh_yaml *node, const char *field, const char *key,
		     const struct place *place)
{
	const char *bare = key + sizeof(OWN) - 1;
	char advice[64] = "docs/workloads.md lists what is";

	for (size_t i = 0; i < OWN_KEYS; i++)
		if (strcmp(bare, own_keys[i]) == 0)
			return 0;
	const char *near = bh_nearest(bare, own_keys, OWN_KEYS);
	if (near != NULL)
		snprintf(advice, sizeof(advice), "did you mean " OWN "%s?", near);
	return bh_error_set(place->err, -EINVAL, "%s:%d:%d: %s.%s: nothing is called %.200s; %s",
			    place->file, node->line, node->column, place->path, field, key, advice);
}

static int read_match(struct bh_grouping *grouping, const struct bh_yaml *map,
		      const struct place *place)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct bh_yaml *item = &map->items[i];
		const char *fault;

		if (item->key[0] == '\0' || item->kind != BH_YAML_SCALAR || item->text[0] == '\0')
			return refuse(place, item, "match", "a label and a shell pattern");
		fault = bh_pattern_fault(item->text);
		if (fault != NULL)
			return refuse(place, item, "match", fault);
		int result = is_own(item->key) ? check_own(item, "match", item->key, place) : 0;
		if (result != 0)
			return result;
		if (!bh_grouping_add_match(grouping, item->key, item->text))
			return refuse_full(place, item);
	}
	return 0;
}

/* A label that match does not ask for may be a slip, and then the rule never names anybody. Of
 * bulkhead's own there is always one, or the rule is not for those without. */
static int check_placeholder(const struct bh_yaml *name, const char *key,
			     const struct bh_yaml *match, const struct place *place)
{
	char expected[400];

	if (is_own(key))
		return check_own(name, "name", key, place);
	if (bh_yaml_get(match, key) != NULL)
		return 0;
	snprintf(expected, sizeof(expected),
		 "in {} what match asks for; where any %.80s will do, match has %.80s: \"*\"", key,
		 key);
	return refuse(place, name, "name", expected);
}

static int check_name(const struct bh_yaml *name, const struct bh_yaml *match,
		      const struct place *place)
{
	const char *fault;

	if (name->kind != BH_YAML_SCALAR)
		return refuse(place, name, "name", "a name, with labels in {}");
	fault = bh_grouping_name_fault(name->text);
	if (fault != NULL)
		return refuse(place, name, "name", fault);
	for (const char *at = strchr(name->text, '{'); at != NULL; at = strchr(at, '{')) {
		char key[BH_GROUPING_NAME];
		int length = (int)strcspn(++at, "}");

		snprintf(key, sizeof(key), "%.*s", length, at);
		int result = check_placeholder(name, key, match, place);
		if (result != 0)
			return result;
	}
	return 0;
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
	/* A rule without any label would take everything. */
	if (match->kind != BH_YAML_MAP || match->count == 0)
		return refuse(place, match, "match", "a map of labels and shell patterns");
	int result = check_name(name, match, place);
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
