/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config_postures.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config_workloads.h"
#include "grow.h"
#include "pattern.h"
#include "ruleset.h"

#define PATH "enforcement.postures"

/* What stands in front of the colon of all that a pattern is compared with (docs/rules.md); beside
 * these it is what the operator's own rules write there. */
static const char *const kinds[] = { "bridge", "interface", "label",  "k8s",	   "compose",
				     "swarm",  "pod",	    "image",  "container", "netns",
				     "group",  "docker",    "podman", "cri",	   "lxc",
				     "lxd",    "incus",	    "nspawn" };
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int refuse(const struct bh_yaml *node, size_t number, const char *key, const char *expected,
		  const char *file, struct bh_error *err)
{
	char path[64];

	snprintf(path, sizeof(path), PATH "[%zu]%s%.16s", number, *key != '\0' ? "." : "", key);
	return bh_config_refuse(err, file, node, path, expected);
}

/* {match: PATTERN, posture: WORD}, both of them and nothing else. */
static int read_posture(struct bh_config_posture *out, const struct bh_yaml *node, size_t number,
			const char *file, struct bh_error *err)
{
	const struct bh_yaml *match = bh_yaml_get(node, "match"),
			     *posture = bh_yaml_get(node, "posture");
	const char *fault;

	if (node->kind != BH_YAML_MAP || node->count != 2 || match == NULL || posture == NULL)
		return refuse(node, number, "",
			      "a map of match, a shell pattern, and posture, one of open, audit, "
			      "closed",
			      file, err);
	if (match->kind != BH_YAML_SCALAR || match->text[0] == '\0' ||
	    !bh_copy_text(out->match, sizeof(out->match), match->text))
		return refuse(match, number, "match", "a shell pattern of at most 255 bytes", file,
			      err);
	fault = bh_pattern_fault(match->text);
	if (fault != NULL)
		return refuse(match, number, "match", fault, file, err);
	if (posture->kind != BH_YAML_SCALAR || !bh_posture_parse(posture->text, &out->posture))
		return refuse(posture, number, "posture", "one of open, audit, closed", file, err);
	return 0;
}

int bh_config_read_postures(struct bh_config_postures *postures, const struct bh_yaml *list,
			    const char *file, struct bh_error *err)
{
	int result = 0;

	*postures = (struct bh_config_postures) { 0 };
	if (list->kind != BH_YAML_LIST || list->count > BH_CONFIG_POSTURES) {
		char expected[120];

		snprintf(expected, sizeof(expected),
			 "a list of at most %d like {match: \"compose:shop/*\", posture: closed}",
			 BH_CONFIG_POSTURES);
		return bh_config_refuse(err, file, list, PATH, expected);
	}
	for (size_t i = 0; result == 0 && i < list->count; i++)
		result = read_posture(&postures->items[postures->count++], &list->items[i], i, file,
				      err);
	return result;
}

/* Whether the pattern, as far as it is no wildcard, may be the beginning of "KIND:…". */
static bool may_be(const char *pattern, const char *kind, size_t length)
{
	size_t literal = strcspn(pattern, "*?[\\");
	size_t common = literal < length ? literal : length;

	if (strncmp(pattern, kind, common) != 0)
		return false;
	return literal > length ? pattern[length] == ':' : pattern[literal] != '\0';
}

static bool may_match(const struct bh_config *config, const char *pattern)
{
	const struct bh_grouping *g = &config->grouping;

	for (size_t i = 0; i < KINDS; i++)
		if (may_be(pattern, kinds[i], strlen(kinds[i])))
			return true;
	for (uint32_t i = 0; i < g->rule_count; i++) {
		size_t length = bh_grouping_kind(g->text + g->rules[i].name);

		if (length > 0 && may_be(pattern, g->text + g->rules[i].name, length))
			return true;
	}
	return false;
}

int bh_config_check_postures(const struct bh_config *config, const struct bh_yaml *root,
			     const char *file, struct bh_error *err)
{
	const struct bh_yaml *section = bh_yaml_get(root, "enforcement"),
			     *list = section != NULL ? bh_yaml_get(section, "postures") : NULL;

	for (size_t i = 0; list != NULL && i < list->count; i++)
		if (!may_match(config, config->postures.items[i].match))
			return refuse(bh_yaml_get(&list->items[i], "match"), i, "match",
				      "what something may be called: compose:…, k8s:…, bridge:… "
				      "(docs/rules.md lists all), or a wildcard at the beginning",
				      file, err);
	return 0;
}
