/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From YAML or JSON to a policy. The first thing that is wrong ends it, with its place and what
 * would have been right; nothing is guessed. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "comments.h"
#include "dns_name.h"
#include "edge_id.h"
#include "grow.h"
#include "map.h"
#include "nearest.h"
#include "policy.h"
#include "port.h"
#include "yaml_tree.h"

#define LARGEST (8u << 20) /* some 25,000 rules with their evidence */
#define MOST_ALLOWED 1000000
#define LONGEST_KEY 255 /* bytes; YAML itself ends a key at 1024 characters, escapes included */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct parser {
	struct bh_policy *policy;
	const char *file;
	struct bh_comments *comments;
	struct bh_map *names; /* of workloads → index + 1 */
	struct bh_error *err;
};

/* What a peer may be besides a workload. */
static const struct {
	const char *word;
	uint8_t kind;
} words[] = { { "host", BH_POLICY_HOST },
	      { "world", BH_POLICY_WORLD },
	      { "metadata", BH_POLICY_METADATA },
	      { "multicast", BH_POLICY_MULTICAST } };

#define DNS "dns:"

/* --- messages --------------------------------------------------------------------------------- */

/* near: what was probably meant, or NULL. */
static int refuse(const struct parser *p, const struct bh_yaml *at, const char *found,
		  const char *expected, const char *near)
{
	return bh_error_set(p->err, -EINVAL, "%s:%d:%d: found %s, expected %s%s%s%s", p->file,
			    at->line, at->column, found, expected,
			    near != NULL ? "; did you mean " : "", near != NULL ? near : "",
			    near != NULL ? "?" : "");
}

/* what: the key that the value belongs to. */
static int refuse_value(const struct parser *p, const struct bh_yaml *value, const char *what,
			const char *expected, const char *near)
{
	char text[80], found[200];

	snprintf(found, sizeof(found), "%s for %.80s", bh_yaml_found(value, text, sizeof(text)),
		 what);
	if (value->kind != BH_YAML_SCALAR && value->count == 0)
		snprintf(found, sizeof(found), "an empty %s for %.80s",
			 value->kind == BH_YAML_LIST ? "list" : "map", what);
	return refuse(p, value, found, expected, near);
}

/* A key that is empty or too long to be printed again; what: whose. */
static int check_length(const struct parser *p, const struct bh_yaml *item, const char *what)
{
	char found[80], expected[80];
	size_t length = strlen(item->key);

	if (length > 0 && length <= LONGEST_KEY)
		return 0;
	snprintf(found, sizeof(found), "a %s of %zu bytes", what, length);
	snprintf(expected, sizeof(expected), "one of 1 to %d", LONGEST_KEY);
	return refuse(p, item, found, expected, NULL);
}

static int check_keys(const struct parser *p, const struct bh_yaml *map, const char *const *keys,
		      size_t count, const char *expected)
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
		return refuse(p, &map->items[i], found, expected, bh_nearest(key, keys, count));
	}
	return 0;
}

/* --- workloads -------------------------------------------------------------------------------- */

/* YAML's ways to say that there is no value. */
static bool is_nothing(const struct bh_yaml *node)
{
	return !node->quoted && (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
				 strcmp(node->text, "null") == 0);
}

static int read_labels(const struct parser *p, const struct bh_yaml *node, size_t workload)
{
	if (node->kind != BH_YAML_MAP || node->count == 0)
		return refuse_value(p, node, node->key, "its labels, LABEL: VALUE, at least one",
				    NULL);
	for (size_t i = 0; i < node->count; i++) {
		const struct bh_yaml *label = &node->items[i];
		int result = check_length(p, label, "label");

		if (result != 0)
			return result;
		if (label->kind != BH_YAML_SCALAR || is_nothing(label))
			return refuse_value(p, label, label->key,
					    "the label's value, quoted where it is empty", NULL);
		bh_policy_add_label(p->policy, workload, label->key, label->text);
	}
	return 0;
}

/* A name that would mean something else where a rule uses it. */
static bool is_reserved(const char *name)
{
	struct bh_prefix prefix;

	for (size_t i = 0; i < COUNT(words); i++)
		if (strcmp(words[i].word, name) == 0)
			return true;
	return bh_prefix_parse(name, &prefix) || strncmp(name, DNS, strlen(DNS)) == 0;
}

static int read_workload(const struct parser *p, const struct bh_yaml *item)
{
	char found[80];
	int result = check_length(p, item, "workload's name");

	if (result != 0)
		return result;
	if (is_reserved(item->key)) {
		snprintf(found, sizeof(found), "a workload named %.50s", item->key);
		return refuse(p, item, found,
			      "a name that is no address, none of host, world, metadata, "
			      "multicast, and does not begin with " DNS,
			      NULL);
	}
	size_t workload = bh_policy_add_workload(p->policy, item->key);
	p->policy->workloads[workload].line = item->line;
	bh_map_put_text(p->names, item->key, (void *)(uintptr_t)(workload + 1));
	return read_labels(p, item, workload);
}

static int read_workloads(const struct parser *p, const struct bh_yaml *node)
{
	int result = 0;

	if (node->kind != BH_YAML_MAP)
		return refuse_value(p, node, "workloads", "a map of names, each with its labels",
				    NULL);
	for (size_t i = 0; result == 0 && i < node->count; i++)
		result = read_workload(p, &node->items[i]);
	return result;
}

/* --- rules ------------------------------------------------------------------------------------ */

/* The nearest workload or word; of a prefix with bits behind its length, the prefix. */
static const char *nearest_peer(const struct parser *p, const char *text,
				char prefix_text[BH_PREFIX_TEXT])
{
	char address[BH_ADDR_TEXT] = "";
	unsigned length;
	struct bh_addr addr;

	if (sscanf(text, "%45[^/]/%3u", address, &length) == 2 && length <= 128 &&
	    bh_addr_parse(address, &addr)) {
		struct bh_prefix prefix = bh_prefix_of(&addr, (uint8_t)length);

		return bh_prefix_format(&prefix, prefix_text);
	}
	size_t count = 0;
	const char **names = bh_calloc(p->policy->workload_count + COUNT(words), sizeof(*names));
	for (size_t i = 0; i < p->policy->workload_count; i++)
		names[count++] = p->policy->workloads[i].name;
	for (size_t i = 0; i < COUNT(words); i++)
		names[count++] = words[i].word;
	const char *near = bh_nearest(text, names, count);
	free(names);
	return near;
}

static int read_dns(const struct parser *p, const struct bh_yaml *node, const char *what,
		    struct bh_policy_peer *peer)
{
	char name[BH_DNS_NAME_ROOM];

	if (!bh_dns_pattern_read(node->text + strlen(DNS), name))
		return refuse_value(p, node, what,
				    "a name such as dns:pay.example or dns:*.example", NULL);
	peer->kind = BH_POLICY_DNS;
	peer->name = bh_policy_name(p->policy, name);
	return 0;
}

/* what: "from" or "to". */
static int read_peer(const struct parser *p, const struct bh_yaml *node, const char *what,
		     struct bh_policy_peer *peer)
{
	static const char expected[] = "a workload of this file, host, world, metadata, multicast, "
				       "an address, a prefix such as 10.0.0.0/8, or a name "
				       "such as dns:pay.example";
	char prefix[BH_PREFIX_TEXT];

	*peer = (struct bh_policy_peer) { 0 };
	if (node->kind != BH_YAML_SCALAR)
		return refuse_value(p, node, what, expected, NULL);
	for (size_t i = 0; i < COUNT(words); i++) {
		if (strcmp(words[i].word, node->text) == 0) {
			peer->kind = words[i].kind;
			return 0;
		}
	}
	if (strncmp(node->text, DNS, strlen(DNS)) == 0)
		return read_dns(p, node, what, peer);
	uintptr_t workload = (uintptr_t)bh_map_get_text(p->names, node->text);
	peer->kind = workload != 0 ? BH_POLICY_WORKLOAD : BH_POLICY_PREFIX;
	if (workload != 0)
		peer->workload = workload - 1;
	else if (!bh_prefix_parse(node->text, &peer->prefix))
		return refuse_value(p, node, what, expected, nearest_peer(p, node->text, prefix));
	return 0;
}

/* An end of a rule: a peer, or a list of them. Those that could be read are to be freed, whatever
 * the answer is. */
static int read_peers(const struct parser *p, const struct bh_yaml *node,
		      struct bh_policy_peers *peers)
{
	bool list = node->kind == BH_YAML_LIST;
	size_t count = list ? node->count : 1;
	int result = 0;

	if (count == 0 || node->kind == BH_YAML_MAP)
		return refuse_value(p, node, node->key,
				    "a peer such as a workload of this file, "
				    "or a list of peers",
				    NULL);
	peers->items = bh_calloc(count, sizeof(*peers->items));
	for (; result == 0 && peers->count < count; peers->count++)
		result = read_peer(p, list ? &node->items[peers->count] : node, node->key,
				   &peers->items[peers->count]);
	return result;
}

static int check_sources(const struct parser *p, const struct bh_yaml *node,
			 const struct bh_policy_peers *from)
{
	for (size_t i = 0; i < from->count; i++)
		if (from->items[i].kind == BH_POLICY_DNS)
			return refuse_value(
				p, node->kind == BH_YAML_LIST ? &node->items[i] : node, "from",
				"one who can open a connection: a name says where somebody "
				"goes, and stands behind to: alone",
				NULL);
	return 0;
}

/* The first of them that is no workload. NULL: all are. */
static const struct bh_policy_peer *first_other(const struct bh_policy_peers *peers)
{
	for (size_t i = 0; i < peers->count; i++)
		if (peers->items[i].kind != BH_POLICY_WORKLOAD)
			return &peers->items[i];
	return NULL;
}

/* Whether each pair has a workload at one end. */
static int check_pairs(const struct parser *p, const struct bh_yaml *node,
		       const struct bh_policy_peers *from, const struct bh_policy_peers *to)
{
	const struct bh_policy_peer *source = first_other(from), *destination = first_other(to);
	char source_text[64], destination_text[64], found[160];

	if (source == NULL || destination == NULL)
		return 0;
	bh_policy_peer_text(p->policy, source, source_text, sizeof(source_text));
	bh_policy_peer_text(p->policy, destination, destination_text, sizeof(destination_text));
	snprintf(found, sizeof(found), "a rule from %s to %s", source_text, destination_text);
	return refuse(p, node, found, "a workload at one end at least", NULL);
}

static int read_ports(const struct parser *p, const struct bh_yaml *node, size_t rule)
{
	if (node->kind != BH_YAML_LIST || node->count == 0)
		return refuse_value(p, node, "ports", "a list such as [8080/tcp]", NULL);
	for (size_t i = 0; i < node->count; i++) {
		const struct bh_yaml *item = &node->items[i];
		char near[BH_POLICY_PORT_TEXT];
		struct bh_policy_port port;

		if (item->kind != BH_YAML_SCALAR)
			return refuse_value(p, item, "ports", BH_POLICY_PORT_EXPECTED, NULL);
		if (!bh_policy_port_parse(item->text, &port))
			return refuse_value(p, item, "ports", BH_POLICY_PORT_EXPECTED,
					    bh_policy_port_nearest(item->text, near) ? near : NULL);
		bh_policy_add_port(p->policy, rule, port.proto, port.first, port.last);
	}
	return 0;
}

/* Lower case, where that is all that is wrong. */
static bool nearest_edge(const char *text, char near[BH_EDGE_ID_TEXT])
{
	uint64_t id;

	for (size_t i = 0; i < BH_EDGE_ID_TEXT; i++)
		near[i] = (char)tolower((unsigned char)text[i]);
	return bh_edge_id_parse(near, &id);
}

static int read_edge(const struct parser *p, const struct bh_yaml *item, size_t rule)
{
	static const char expected[] = "an edge's ID, 12 hexadecimal digits";
	char near[BH_EDGE_ID_TEXT];
	uint64_t id;

	if (item->kind != BH_YAML_SCALAR)
		return refuse_value(p, item, "edges", expected, NULL);
	if (!bh_edge_id_parse(item->text, &id)) {
		bool is_near =
			strlen(item->text) == BH_EDGE_ID_TEXT - 1 && nearest_edge(item->text, near);

		return refuse_value(p, item, "edges", expected, is_near ? near : NULL);
	}
	bh_policy_add_edge(p->policy, rule, id);
	return 0;
}

/* Whoever takes out the last one may leave the list. */
static int read_edges(const struct parser *p, const struct bh_yaml *node, size_t rule)
{
	int result = 0;

	if (node->kind != BH_YAML_LIST)
		return refuse_value(p, node, "edges", "a list of edges' IDs", NULL);
	for (size_t i = 0; result == 0 && i < node->count; i++)
		result = read_edge(p, &node->items[i], rule);
	return result;
}

enum { FROM, TO, PORTS, EDGES, PARTS };

/* Whether the rule has from, to and ports, perhaps edges, and nothing else. */
static int read_parts(const struct parser *p, const struct bh_yaml *node,
		      const struct bh_yaml *parts[PARTS])
{
	static const char *const keys[PARTS] = { "from", "to", "ports", "edges" };
	static const char expected[] = "from, to and ports";
	char found[80];

	if (node->kind != BH_YAML_MAP)
		return refuse_value(p, node, "a rule", expected, NULL);
	int result = check_keys(p, node, keys, PARTS, "from, to, ports and edges");
	for (size_t i = 0; result == 0 && i < PARTS; i++) {
		parts[i] = bh_yaml_get(node, keys[i]);
		if (parts[i] != NULL || i == EDGES)
			continue;
		snprintf(found, sizeof(found), "a rule without %s", keys[i]);
		result = refuse(p, node, found, expected, NULL);
	}
	return result;
}

static size_t add_rule(const struct parser *p, const struct bh_yaml *node,
		       const struct bh_policy_peers *from, const struct bh_policy_peers *to)
{
	char *comment = bh_comment_above(p->comments, (size_t)node->line);
	size_t rule = bh_policy_add_rule(p->policy, &from->items[0], &to->items[0], comment);

	free(comment);
	p->policy->rules[rule].line = node->line;
	for (size_t i = 1; i < from->count; i++)
		bh_policy_add_from(p->policy, rule, &from->items[i]);
	for (size_t i = 1; i < to->count; i++)
		bh_policy_add_to(p->policy, rule, &to->items[i]);
	return rule;
}

static int read_rule(const struct parser *p, const struct bh_yaml *node)
{
	const struct bh_yaml *parts[PARTS];
	struct bh_policy_peers from = { 0 }, to = { 0 };
	int result = read_parts(p, node, parts);

	if (result == 0)
		result = read_peers(p, parts[FROM], &from);
	if (result == 0)
		result = check_sources(p, parts[FROM], &from);
	if (result == 0)
		result = read_peers(p, parts[TO], &to);
	if (result == 0)
		result = check_pairs(p, node, &from, &to);
	size_t rule = result == 0 ? add_rule(p, node, &from, &to) : 0;
	if (result == 0)
		result = read_ports(p, parts[PORTS], rule);
	if (result == 0 && parts[EDGES] != NULL)
		result = read_edges(p, parts[EDGES], rule);
	free(from.items);
	free(to.items);
	return result;
}

/* Lists multiply: a small file could ask for more than any machine can compare or compile. total:
 * of the rules before; the last one's is added. */
static int check_total(const struct parser *p, const struct bh_yaml *node, size_t *total)
{
	const struct bh_policy_rule *rule = &p->policy->rules[p->policy->rule_count - 1];
	char found[120], expected[40];

	/* A file has at most 250,000 items (yaml.c): no product of three overflows. */
	*total += rule->from.count * rule->to.count * rule->port_count;
	if (*total <= MOST_ALLOWED)
		return 0;
	snprintf(found, sizeof(found),
		 "a rule by which the policy allows %zu combinations of source, destination and "
		 "port",
		 *total);
	snprintf(expected, sizeof(expected), "at most %d", MOST_ALLOWED);
	return refuse(p, node, found, expected, NULL);
}

static int read_rules(const struct parser *p, const struct bh_yaml *node)
{
	size_t total = 0;
	int result = 0;

	if (node->kind != BH_YAML_LIST)
		return refuse_value(p, node, "rules", "a list of rules", NULL);
	for (size_t i = 0; result == 0 && i < node->count; i++) {
		result = read_rule(p, &node->items[i]);
		if (result == 0)
			result = check_total(p, &node->items[i], &total);
	}
	return result;
}

/* --- the document ----------------------------------------------------------------------------- */

static int read_deny(const struct parser *p, const struct bh_yaml *node)
{
	static const char *const actions[] = { [BH_REJECT] = "reject", [BH_DROP] = "drop" };
	const char *text = node->kind == BH_YAML_SCALAR ? node->text : "";

	for (size_t i = 0; i < COUNT(actions); i++) {
		if (strcmp(actions[i], text) == 0) {
			p->policy->deny = (uint8_t)i;
			return 0;
		}
	}
	return refuse_value(p, node, "deny", "reject or drop",
			    bh_nearest(text, actions, COUNT(actions)));
}

static int read_version(const struct parser *p, const struct bh_yaml *root)
{
	static const char key[] = "bulkhead-policy";
	const struct bh_yaml *version = root->kind == BH_YAML_MAP ? bh_yaml_get(root, key) : NULL;

	if (version == NULL)
		return refuse(p, root, "no version", "a policy, which says \"bulkhead-policy: 1\"",
			      NULL);
	if (version->kind != BH_YAML_SCALAR || strcmp(version->text, "1") != 0)
		return refuse_value(p, version, key, "1, the only version there is", NULL);
	return 0;
}

static int read_document(const struct parser *p, const struct bh_yaml *root)
{
	static const char *const keys[] = { "bulkhead-policy", "deny", "workloads", "rules" };
	static const char expected[] = "bulkhead-policy, deny, workloads and rules";
	int result = read_version(p, root);

	if (result == 0)
		result = check_keys(p, root, keys, COUNT(keys), expected);
	if (result != 0)
		return result;
	const struct bh_yaml *deny = bh_yaml_get(root, "deny");
	const struct bh_yaml *workloads = bh_yaml_get(root, "workloads");
	const struct bh_yaml *rules = bh_yaml_get(root, "rules");
	if (deny != NULL)
		result = read_deny(p, deny);
	if (result == 0)
		result = workloads != NULL
				 ? read_workloads(p, workloads)
				 : refuse(p, root, "a policy without workloads", expected, NULL);
	if (result == 0)
		result = rules != NULL ? read_rules(p, rules)
				       : refuse(p, root, "a policy without rules", expected, NULL);
	return result;
}

static bool is_acceptable(const char *text, size_t length, const char *file, struct bh_error *err)
{
	if (length > LARGEST)
		bh_error_set(err, -E2BIG, "%s: found %zu bytes, expected at most %u MiB", file,
			     length, LARGEST >> 20);
	else if (length > 0 && memchr(text, '\0', length) != NULL)
		bh_error_set(err, -EINVAL, "%s: found a NUL byte, expected text", file);
	else
		return true;
	return false;
}

struct bh_policy *bh_policy_parse(const char *text, size_t length, const char *file,
				  struct bh_error *err)
{
	if (!is_acceptable(text, length, file, err))
		return NULL;
	struct bh_yaml *root = bh_yaml_parse(text, length, file, err);
	if (root == NULL)
		return NULL;
	struct parser p = { .policy = bh_policy_new(),
			    .file = file,
			    .comments = bh_comments_new(text, length),
			    .names = bh_map_new(NULL),
			    .err = err };
	p.policy->header = bh_comment_at_top(p.comments);
	int result = read_document(&p, root);
	bh_map_free(p.names);
	bh_comments_free(p.comments);
	bh_yaml_free(root);
	if (result == 0)
		return p.policy;
	bh_policy_free(p.policy);
	return NULL;
}
