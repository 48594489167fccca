/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From YAML or JSON to a policy. The first thing that is wrong ends it, with its place and what
 * would have been right; nothing is guessed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "buffer.h"
#include "grow.h"
#include "nearest.h"
#include "policy.h"
#include "port.h"
#include "yaml.h"

#define LARGEST (16u << 20)

struct parser {
	struct bh_policy *policy;
	const char *file;
	const char **lines; /* starts of the text's lines, for comments */
	size_t line_count;
	const char *end;
	struct bh_error *err;
};

static int refuse(struct parser *p, const struct bh_yaml *node, const char *what,
		  const char *expected)
{
	char found[80];

	return bh_error_set(p->err, -EINVAL, "%s:%d:%d: %s: found %s, expected %s", p->file,
			    node->line, node->column, what,
			    bh_yaml_found(node, found, sizeof(found)), expected);
}

static int refuse_word(struct parser *p, const struct bh_yaml *node, const char *what,
		       const char *word, const char *const *words, size_t count)
{
	const char *near = bh_nearest(word, words, count);

	return bh_error_set(p->err, -EINVAL, "%s:%d:%d: unknown %s %s%s%s%s", p->file, node->line,
			    node->column, what, word, near != NULL ? "; did you mean " : "",
			    near != NULL ? near : "", near != NULL ? "?" : "");
}

/* --- comments --------------------------------------------------------------------------------- */

static void split_lines(struct parser *p, const char *text, size_t length)
{
	size_t capacity = 0;

	p->end = text + length;
	for (const char *at = text; at < p->end;) {
		const char *newline = memchr(at, '\n', (size_t)(p->end - at));

		p->lines = bh_grow(p->lines, &capacity, p->line_count + 1, sizeof(*p->lines));
		p->lines[p->line_count++] = at;
		at = newline != NULL ? newline + 1 : p->end;
	}
}

/* The comment on a line (counted from 1), behind "# "; NULL where the line is something else. */
static const char *comment_line(const struct parser *p, size_t line, size_t *length)
{
	if (line == 0 || line > p->line_count)
		return NULL;
	const char *at = p->lines[line - 1];
	const char *end = line < p->line_count ? p->lines[line] : p->end;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (at == end || *at != '#')
		return NULL;
	at++;
	at += at < end && *at == ' ';
	while (end > at && (end[-1] == '\n' || end[-1] == '\r'))
		end--;
	*length = (size_t)(end - at);
	return at;
}

/* The comment lines from first to last, as one text; NULL where there are none. */
static char *join_comments(const struct parser *p, size_t first, size_t last)
{
	struct bh_buffer text = { 0 };
	size_t length;

	for (size_t line = first; line <= last; line++) {
		const char *at = comment_line(p, line, &length);

		if (text.length > 0)
			bh_buffer_puts(&text, "\n");
		bh_buffer_append(&text, at, length);
	}
	return first <= last ? bh_buffer_steal(&text) : NULL;
}

/* The comment lines right above a line. */
static char *comment_above(const struct parser *p, int line)
{
	size_t first = (size_t)line, length;

	while (comment_line(p, first - 1, &length) != NULL)
		first--;
	return join_comments(p, first, (size_t)line - 1);
}

static char *header_comment(const struct parser *p)
{
	size_t last = 0, length;

	while (comment_line(p, last + 1, &length) != NULL)
		last++;
	return join_comments(p, 1, last);
}

/* --- the document ----------------------------------------------------------------------------- */

static int read_labels(struct parser *p, const struct bh_yaml *node, size_t workload)
{
	if (node->kind != BH_YAML_MAP || node->count == 0)
		return refuse(p, node, node->key, "a map of labels, at least one");
	for (size_t i = 0; i < node->count; i++) {
		const struct bh_yaml *label = &node->items[i];

		if (label->kind != BH_YAML_SCALAR)
			return refuse(p, label, label->key, "the label's value");
		bh_policy_add_label(p->policy, workload, label->key, label->text);
	}
	return 0;
}

static bool is_reserved(const char *name)
{
	static const char *const words[] = { "host", "world", "metadata", "multicast" };
	struct bh_prefix prefix;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], name) == 0)
			return true;
	return bh_prefix_parse(name, &prefix);
}

static int read_workloads(struct parser *p, const struct bh_yaml *node)
{
	if (node->kind != BH_YAML_MAP)
		return refuse(p, node, "workloads", "a map of names");
	for (size_t i = 0; i < node->count; i++) {
		const struct bh_yaml *item = &node->items[i];

		if (item->key[0] == '\0' || strlen(item->key) >= BH_PEER_NAME ||
		    is_reserved(item->key))
			return bh_error_set(
				p->err, -EINVAL,
				"%s:%d:%d: \"%.60s\" cannot name a workload: it is empty, too "
				"long, an address, or a word with a meaning of its own",
				p->file, item->line, item->column, item->key);
		size_t workload = bh_policy_add_workload(p->policy, item->key);
		p->policy->workloads[workload].line = item->line;
		int result = read_labels(p, item, workload);
		if (result != 0)
			return result;
	}
	return 0;
}

static int unknown_peer(struct parser *p, const struct bh_yaml *node)
{
	size_t count = 0;
	const char **words = bh_calloc(p->policy->workload_count + 4, sizeof(*words));

	for (size_t i = 0; i < p->policy->workload_count; i++)
		words[count++] = p->policy->workloads[i].name;
	words[count++] = "host";
	words[count++] = "world";
	words[count++] = "metadata";
	words[count++] = "multicast";
	const char *near = bh_nearest(node->text, words, count);
	int result = bh_error_set(
		p->err, -EINVAL,
		"%s:%d:%d: %s: found \"%.60s\", expected a workload of this file, host, world, "
		"metadata, multicast, or a prefix such as 10.0.0.0/8%s%s%s",
		p->file, node->line, node->column, node->key, node->text,
		near != NULL ? "; did you mean " : "", near != NULL ? near : "",
		near != NULL ? "?" : "");
	free(words);
	return result;
}

static int read_peer(struct parser *p, const struct bh_yaml *node, struct bh_policy_peer *peer)
{
	static const struct {
		const char *word;
		uint8_t kind;
	} words[] = { { "host", BH_POLICY_HOST },
		      { "world", BH_POLICY_WORLD },
		      { "metadata", BH_POLICY_METADATA },
		      { "multicast", BH_POLICY_MULTICAST } };

	*peer = (struct bh_policy_peer) { 0 };
	if (node->kind != BH_YAML_SCALAR)
		return refuse(p, node, node->key, "a workload, host, world, or a prefix");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, node->text) == 0) {
			peer->kind = words[i].kind;
			return 0;
		}
	}
	for (size_t i = 0; i < p->policy->workload_count; i++) {
		if (strcmp(p->policy->workloads[i].name, node->text) == 0) {
			*peer = (struct bh_policy_peer) { .kind = BH_POLICY_WORKLOAD,
							  .workload = i };
			return 0;
		}
	}
	peer->kind = BH_POLICY_PREFIX;
	return bh_prefix_parse(node->text, &peer->prefix) ? 0 : unknown_peer(p, node);
}

static int read_ports(struct parser *p, const struct bh_yaml *node, size_t rule)
{
	if (node->kind != BH_YAML_LIST || node->count == 0)
		return refuse(p, node, "ports", "a list such as [8080/tcp]");
	for (size_t i = 0; i < node->count; i++) {
		const struct bh_yaml *item = &node->items[i];
		struct bh_policy_port port;
		const char *expected = "a port such as 8080/tcp";

		if (item->kind != BH_YAML_SCALAR ||
		    !bh_policy_port_parse(item->text, &port, &expected))
			return refuse(p, item, "ports", expected);
		bh_policy_add_port(p->policy, rule, port.proto, port.first, port.last);
	}
	return 0;
}

static int check_keys(struct parser *p, const struct bh_yaml *map, const char *const *keys,
		      size_t count)
{
	for (size_t i = 0; i < map->count; i++) {
		bool known = false;

		for (size_t j = 0; j < count; j++)
			known = known || strcmp(map->items[i].key, keys[j]) == 0;
		if (!known)
			return refuse_word(p, &map->items[i], "key", map->items[i].key, keys,
					   count);
	}
	return 0;
}

static int missing(struct parser *p, const struct bh_yaml *node, const char *key)
{
	return bh_error_set(p->err, -EINVAL, "%s:%d:%d: %s is missing", p->file, node->line,
			    node->column, key);
}

static int read_rule(struct parser *p, const struct bh_yaml *node)
{
	static const char *const keys[] = { "from", "to", "ports" };
	const struct bh_yaml *parts[3];
	struct bh_policy_peer from, to;

	if (node->kind != BH_YAML_MAP)
		return refuse(p, node, "rules", "a map with from, to and ports");
	int result = check_keys(p, node, keys, 3);
	for (size_t i = 0; result == 0 && i < 3; i++) {
		parts[i] = bh_yaml_get(node, keys[i]);
		if (parts[i] == NULL)
			result = missing(p, node, keys[i]);
	}
	if (result == 0)
		result = read_peer(p, parts[0], &from);
	if (result == 0)
		result = read_peer(p, parts[1], &to);
	if (result != 0)
		return result;
	if (from.kind != BH_POLICY_WORKLOAD && to.kind != BH_POLICY_WORKLOAD)
		return bh_error_set(
			p->err, -EINVAL,
			"%s:%d:%d: neither end is a workload: there is nothing to enforce", p->file,
			node->line, node->column);
	char *comment = comment_above(p, node->line);
	size_t rule = bh_policy_add_rule(p->policy, &from, &to, comment);
	free(comment);
	p->policy->rules[rule].line = node->line;
	return read_ports(p, parts[2], rule);
}

static int read_rules(struct parser *p, const struct bh_yaml *node)
{
	int result = 0;

	if (node->kind != BH_YAML_LIST)
		return refuse(p, node, "rules", "a list");
	for (size_t i = 0; result == 0 && i < node->count; i++)
		result = read_rule(p, &node->items[i]);
	return result;
}

static int read_deny(struct parser *p, const struct bh_yaml *node)
{
	if (node->kind == BH_YAML_SCALAR && strcmp(node->text, "drop") == 0)
		p->policy->deny = BH_DROP;
	else if (node->kind != BH_YAML_SCALAR || strcmp(node->text, "reject") != 0)
		return refuse(p, node, "deny", "reject or drop");
	return 0;
}

static int read_document(struct parser *p, const struct bh_yaml *root)
{
	static const char *const keys[] = { "bulkhead-policy", "deny", "workloads", "rules" };
	const struct bh_yaml *version, *deny, *workloads, *rules;

	if (root->kind != BH_YAML_MAP)
		return refuse(p, root, "the file", "a policy (bulkhead-policy: 1)");
	version = bh_yaml_get(root, keys[0]);
	if (version == NULL)
		return bh_error_set(p->err, -EINVAL,
				    "%s:1:1: not a policy: \"bulkhead-policy: 1\" is missing",
				    p->file);
	if (version->kind != BH_YAML_SCALAR || strcmp(version->text, "1") != 0)
		return refuse(p, version, keys[0], "1, the only version there is");
	int result = check_keys(p, root, keys, 4);
	deny = bh_yaml_get(root, "deny");
	workloads = bh_yaml_get(root, "workloads");
	rules = bh_yaml_get(root, "rules");
	if (result == 0 && deny != NULL)
		result = read_deny(p, deny);
	if (result == 0)
		result = workloads != NULL ? read_workloads(p, workloads)
					   : missing(p, root, "workloads");
	if (result == 0 && rules != NULL)
		result = read_rules(p, rules);
	return result;
}

struct bh_policy *bh_policy_parse(const char *text, size_t length, const char *file,
				  struct bh_error *err)
{
	struct parser p = { .file = file, .err = err };

	if (length > LARGEST) {
		bh_error_set(err, -E2BIG, "%s: larger than %u MiB", file, LARGEST >> 20);
		return NULL;
	}
	struct bh_yaml *root = bh_yaml_parse(text, length, file, err);
	if (root == NULL)
		return NULL;
	p.policy = bh_policy_new();
	split_lines(&p, text, length);
	p.policy->header = header_comment(&p);
	int result = read_document(&p, root);
	free(p.lines);
	bh_yaml_free(root);
	if (result == 0)
		return p.policy;
	bh_policy_free(p.policy);
	return NULL;
}
