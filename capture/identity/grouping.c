/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "grouping.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define LONGEST_KEY 256

const char *bh_grouping_name_fault(const char *name)
{
	const char *at = name;

	if (*name == '\0' || *name == ':')
		return "a name";
	if (strlen(name) >= BH_GROUPING_NAME)
		return "a name of at most 255 bytes";
	for (; *at != '\0'; at++) {
		if (*at == '}')
			return "{ before each }";
		if (*at != '{')
			continue;
		size_t length = strcspn(at + 1, "{}");
		if (at[1 + length] != '}')
			return "} after each {";
		if (length == 0)
			return "a label between { and }";
		at += 1 + length;
	}
	return NULL;
}

/* Where the text stands from now on; false: there is no room for it. */
static bool add_text(struct bh_grouping *g, const char *text, uint16_t *where)
{
	size_t size = strlen(text) + 1;

	if (size > sizeof(g->text) - g->used)
		return false;
	memcpy(g->text + g->used, text, size);
	*where = (uint16_t)g->used;
	g->used += (uint32_t)size;
	return true;
}

bool bh_grouping_add_rule(struct bh_grouping *g, const char *name)
{
	struct bh_grouping_rule *rule = &g->rules[g->rule_count];

	if (g->rule_count == BH_GROUPING_RULES || !add_text(g, name, &rule->name))
		return false;
	rule->match_count = 0;
	g->rule_count++;
	return true;
}

bool bh_grouping_add_match(struct bh_grouping *g, const char *key, const char *pattern)
{
	struct bh_grouping_rule *rule = &g->rules[g->rule_count - 1];
	uint32_t before = g->used;

	if (rule->match_count == BH_GROUPING_MATCHES)
		return false;
	struct bh_grouping_match *match = &rule->matches[rule->match_count];
	if (!add_text(g, key, &match->key) || !add_text(g, pattern, &match->pattern)) {
		g->used = before;
		return false;
	}
	rule->match_count++;
	return true;
}

bool bh_grouping_is_sound(const struct bh_grouping *g)
{
	if (g->rule_count > BH_GROUPING_RULES || g->used > sizeof(g->text) ||
	    (g->used > 0 && g->text[g->used - 1] != '\0'))
		return false;
	for (uint32_t i = 0; i < g->rule_count; i++) {
		const struct bh_grouping_rule *rule = &g->rules[i];

		if (rule->name >= g->used || rule->match_count > BH_GROUPING_MATCHES ||
		    bh_grouping_name_fault(g->text + rule->name) != NULL)
			return false;
		for (uint16_t m = 0; m < rule->match_count; m++)
			if (rule->matches[m].key >= g->used || rule->matches[m].pattern >= g->used)
				return false;
	}
	return true;
}

struct labels {
	const char *(*label)(const void *labels, const char *key);
	const void *of;
};

/* NULL where it is empty, too: a name that rests on it would group what has nothing in common. */
static const char *value_of(const struct labels *labels, const char *key)
{
	const char *value = labels->label(labels->of, key);

	return value != NULL && *value != '\0' ? value : NULL;
}

static bool matches(const struct bh_grouping *g, const struct bh_grouping_rule *rule,
		    const struct labels *labels)
{
	for (uint16_t i = 0; i < rule->match_count; i++) {
		const char *value = value_of(labels, g->text + rule->matches[i].key);

		if (value == NULL || fnmatch(g->text + rule->matches[i].pattern, value, 0) != 0)
			return false;
	}
	return true;
}

static bool append(char out[BH_GROUPING_NAME], size_t *length, const char *text, size_t size)
{
	if (size >= BH_GROUPING_NAME - *length)
		return false;
	memcpy(out + *length, text, size);
	*length += size;
	out[*length] = '\0';
	return true;
}

static bool append_label(char out[BH_GROUPING_NAME], size_t *length, const char *key, size_t size,
			 const struct labels *labels)
{
	char name[LONGEST_KEY];

	snprintf(name, sizeof(name), "%.*s", (int)size, key);
	const char *value = value_of(labels, name);
	return value != NULL && append(out, length, value, strlen(value));
}

/* Whoever writes a kind ("compose:shop/web") means that workload; all other names are of a kind of
 * their own, so that no label's value can make one of another kind. */
size_t bh_grouping_kind(const char *name)
{
	size_t length = strcspn(name, ":{");

	return name[length] == ':' ? length : 0;
}

static bool make_name(const char *name, const struct labels *labels, char out[BH_GROUPING_NAME])
{
	size_t length = 0;
	bool room = true;

	out[0] = '\0';
	if (bh_grouping_kind(name) == 0)
		room = append(out, &length, "group:", 6);
	while (room && *name != '\0') {
		size_t size = strcspn(name, "{");

		room = append(out, &length, name, size);
		name += size;
		if (!room || *name == '\0')
			break;
		size = strcspn(name, "}");
		room = append_label(out, &length, name + 1, size - 1, labels);
		name += size + 1;
	}
	return room;
}

unsigned bh_grouping_name(const struct bh_grouping *g,
			  const char *(*label)(const void *labels, const char *key),
			  const void *labels, char out[BH_GROUPING_NAME])
{
	const struct labels all = { label, labels };

	for (uint32_t i = 0; i < g->rule_count; i++)
		if (matches(g, &g->rules[i], &all) &&
		    make_name(g->text + g->rules[i].name, &all, out))
			return i + 1;
	return 0;
}
