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
#include "ruleset.h"
#include "timefmt.h"
#include "yaml_expect.h"

#define LARGEST (8u << 20) /* some 25,000 rules with their evidence */
#define MOST_ALLOWED 1000000
#define MOST_EXCEPTIONS 256 /* of a prefix */
#define LONGEST_KEY 255	    /* bytes; YAML itself ends a key at 1024 characters, escapes included */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct parser {
	struct bh_policy *policy;
	struct bh_yaml_reader reader;
	struct bh_comments *comments;
	struct bh_map *names;  /* of workloads → index + 1 */
	struct bh_map *groups; /* likewise */
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

static int refuse(const struct parser *p, const struct bh_yaml *at, const char *found,
		  const char *expected, const char *near)
{
	return bh_yaml_refuse(&p->reader, at, found, expected, near);
}

static int refuse_value(const struct parser *p, const struct bh_yaml *value, const char *what,
			const char *expected, const char *near)
{
	return bh_yaml_refuse_value(&p->reader, value, what, expected, near);
}

static int check_keys(const struct parser *p, const struct bh_yaml *map, const char *const *keys,
		      size_t count, const char *expected)
{
	return bh_yaml_check_keys(&p->reader, map, keys, count, expected);
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

/* --- workloads -------------------------------------------------------------------------------- */

static int read_value(const struct parser *p, const struct bh_yaml *node, size_t workload,
		      size_t label)
{
	if (node->kind != BH_YAML_SCALAR || bh_yaml_is_nothing(node))
		return refuse_value(p, node, p->policy->workloads[workload].labels[label].key,
				    "a value of the label, quoted where it is empty", NULL);
	bh_policy_add_value(p->policy, workload, label, node->text);
	return 0;
}

/* A value, or a list of them. */
static int read_values(const struct parser *p, const struct bh_yaml *node, const char *key,
		       size_t workload, uint8_t test)
{
	size_t label = bh_policy_add_test(p->policy, workload, key, test);
	int result = 0;

	if (node->kind == BH_YAML_SCALAR)
		return read_value(p, node, workload, label);
	if (node->kind != BH_YAML_LIST || node->count == 0)
		return refuse_value(p, node, node->key, "a value of the label, or a list of them",
				    NULL);
	for (size_t i = 0; result == 0 && i < node->count; i++)
		result = read_value(p, &node->items[i], workload, label);
	return result;
}

static int read_exists(const struct parser *p, const struct bh_yaml *node, const char *key,
		       size_t workload)
{
	bool scalar = node->kind == BH_YAML_SCALAR && !node->quoted;
	bool is_set = scalar && strcmp(node->text, "true") == 0;

	if (!is_set && !(scalar && strcmp(node->text, "false") == 0))
		return refuse_value(p, node, "exists", "true or false, without quotes", NULL);
	bh_policy_add_test(p->policy, workload, key, is_set ? BH_LABEL_EXISTS : BH_LABEL_ABSENT);
	return 0;
}

/* What is asked of a label besides one value. */
static int read_tests(const struct parser *p, const struct bh_yaml *label, size_t workload)
{
	static const char *const keys[] = { "in", "not", "exists" };
	static const char expected[] = "in, not and exists, one at least";
	int result = check_keys(p, label, keys, COUNT(keys), "in, not and exists");

	if (result == 0 && label->count == 0)
		return refuse_value(p, label, label->key, expected, NULL);
	for (size_t i = 0; result == 0 && i < label->count; i++) {
		const struct bh_yaml *item = &label->items[i];

		if (strcmp(item->key, "exists") == 0)
			result = read_exists(p, item, label->key, workload);
		else
			result = read_values(p, item, label->key, workload,
					     strcmp(item->key, "in") == 0 ? BH_LABEL_IN
									  : BH_LABEL_NOT_IN);
	}
	return result;
}

static int read_label(const struct parser *p, const struct bh_yaml *label, size_t workload)
{
	int result = check_length(p, label, "label");

	if (result != 0)
		return result;
	if (label->kind == BH_YAML_MAP)
		return read_tests(p, label, workload);
	if (label->kind != BH_YAML_SCALAR || bh_yaml_is_nothing(label))
		return refuse_value(p, label, label->key,
				    "the label's value, quoted where it is empty, or a map such as "
				    "{in: [a, b]}, {not: a} or {exists: true}",
				    NULL);
	bh_policy_add_label(p->policy, workload, label->key, label->text);
	return 0;
}

static int read_labels(const struct parser *p, const struct bh_yaml *node, size_t workload)
{
	int result = 0;

	if (node->kind != BH_YAML_MAP || node->count == 0)
		return refuse_value(p, node, node->key, "its labels, LABEL: VALUE, at least one",
				    NULL);
	for (size_t i = 0; result == 0 && i < node->count; i++)
		result = read_label(p, &node->items[i], workload);
	return result;
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

/* what: "workload" or "group". */
static int check_name(const struct parser *p, const struct bh_yaml *item, const char *what)
{
	char found[80];

	snprintf(found, sizeof(found), "%s's name", what);
	int result = check_length(p, item, found);
	if (result != 0 || !is_reserved(item->key))
		return result;
	snprintf(found, sizeof(found), "a %s named %.50s", what, item->key);
	return refuse(p, item, found,
		      "a name that is no address, none of host, world, metadata, multicast, and "
		      "does not begin with " DNS,
		      NULL);
}

static int read_workload(const struct parser *p, const struct bh_yaml *item)
{
	int result = check_name(p, item, "workload");

	if (result != 0)
		return result;
	size_t workload = bh_policy_add_workload(p->policy, item->key);
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

/* --- peers ------------------------------------------------------------------------------------ */

/* Of a prefix with bits behind its length, or a length that there is not, the prefix; NULL: it is
 * none. */
static const char *nearest_prefix(const char *text, char near[BH_PREFIX_TEXT])
{
	char address[BH_ADDR_TEXT] = "";
	unsigned length;
	struct bh_addr addr;

	if (sscanf(text, "%45[^/]/%3u", address, &length) != 2 || length > 128 ||
	    !bh_addr_parse(address, &addr))
		return NULL;
	struct bh_prefix prefix = bh_prefix_of(&addr, (uint8_t)length);
	return bh_prefix_format(&prefix, near);
}

/* The nearest workload, group or word; of a prefix with bits behind its length, the prefix. */
static const char *nearest_peer(const struct parser *p, const char *text,
				char prefix_text[BH_PREFIX_TEXT])
{
	size_t count = 0;

	if (nearest_prefix(text, prefix_text) != NULL)
		return prefix_text;
	const char **names = bh_calloc(
		p->policy->workload_count + p->policy->group_count + COUNT(words), sizeof(*names));
	for (size_t i = 0; i < p->policy->workload_count; i++)
		names[count++] = p->policy->workloads[i].name;
	for (size_t i = 0; i < p->policy->group_count; i++)
		names[count++] = p->policy->groups[i].name;
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

/* what: the key that it stands behind. */
static int read_prefix(const struct parser *p, const struct bh_yaml *node, const char *what,
		       struct bh_prefix *prefix)
{
	char near[BH_PREFIX_TEXT];

	if (node->kind == BH_YAML_SCALAR && bh_prefix_parse(node->text, prefix))
		return 0;
	return refuse_value(p, node, what, "an address, or a prefix such as 10.0.0.0/8",
			    node->kind == BH_YAML_SCALAR ? nearest_prefix(node->text, near) : NULL);
}

/* A part of the peer's prefix, and not all of it. */
static int read_exception(const struct parser *p, const struct bh_yaml *node,
			  const struct bh_prefix *whole, struct bh_prefix *out)
{
	char text[BH_PREFIX_TEXT], expected[80];
	int result = read_prefix(p, node, "except", out);

	if (result != 0 || (out->length > whole->length && bh_prefix_contains(whole, &out->addr)))
		return result;
	snprintf(expected, sizeof(expected), "a part of %s", bh_prefix_format(whole, text));
	return refuse_value(p, node, "except", expected, NULL);
}

static int read_exceptions(const struct parser *p, const struct bh_yaml *node,
			   struct bh_policy_peer *peer)
{
	char found[40], expected[40];
	int result = 0;

	if (node->kind != BH_YAML_LIST)
		return refuse_value(p, node, "except", "a list of prefixes", NULL);
	if (node->count > MOST_EXCEPTIONS) {
		snprintf(found, sizeof(found), "%zu exceptions", node->count);
		snprintf(expected, sizeof(expected), "at most %d", MOST_EXCEPTIONS);
		return refuse(p, node, found, expected, NULL);
	}
	struct bh_prefix *items = bh_calloc(node->count + 1, sizeof(*items));
	for (size_t i = 0; result == 0 && i < node->count; i++)
		result = read_exception(p, &node->items[i], &peer->prefix, &items[i]);
	if (result == 0)
		peer->except = bh_policy_except(p->policy, items, node->count);
	free(items);
	return result;
}

static int read_containers(const struct parser *p, const struct bh_yaml *node,
			   struct bh_policy_peer *peer)
{
	bool scalar = node->kind == BH_YAML_SCALAR && !node->quoted;

	peer->containers = scalar && strcmp(node->text, "true") == 0;
	if (peer->containers || (scalar && strcmp(node->text, "false") == 0))
		return 0;
	return refuse_value(p, node, "containers", "true or false, without quotes", NULL);
}

/* {cidr: 10.0.0.0/8, except: [10.1.0.0/16], containers: true} */
static int read_cidr(const struct parser *p, const struct bh_yaml *node,
		     struct bh_policy_peer *peer)
{
	static const char *const keys[] = { "cidr", "except", "containers" };
	const struct bh_yaml *containers = bh_yaml_get(node, "containers");
	const struct bh_yaml *cidr = bh_yaml_get(node, "cidr");
	const struct bh_yaml *except = bh_yaml_get(node, "except");
	int result = check_keys(p, node, keys, COUNT(keys), "cidr, except and containers");

	if (result == 0 && cidr == NULL)
		return refuse(p, node, "a peer without cidr",
			      "cidr, and perhaps except and containers", NULL);
	peer->kind = BH_POLICY_PREFIX;
	if (result == 0)
		result = read_prefix(p, cidr, "cidr", &peer->prefix);
	if (result == 0 && except != NULL)
		result = read_exceptions(p, except, peer);
	if (result == 0 && containers != NULL)
		result = read_containers(p, containers, peer);
	return result;
}

/* what: "from", "to" or a group's name. */
static int read_peer(const struct parser *p, const struct bh_yaml *node, const char *what,
		     struct bh_policy_peer *peer)
{
	static const char expected[] = "a workload of this file, a group above, host, world, "
				       "metadata, multicast, an address, a prefix such as "
				       "10.0.0.0/8, or a name such as dns:pay.example";
	char prefix[BH_PREFIX_TEXT];

	*peer = (struct bh_policy_peer) { 0 };
	if (node->kind == BH_YAML_MAP)
		return read_cidr(p, node, peer);
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
	uintptr_t group = (uintptr_t)bh_map_get_text(p->groups, node->text);
	peer->kind = workload != 0 ? BH_POLICY_WORKLOAD
		     : group != 0  ? BH_POLICY_GROUP
				   : BH_POLICY_PREFIX;
	if (workload != 0)
		peer->workload = workload - 1;
	else if (group != 0)
		peer->group = group - 1;
	else if (!bh_prefix_parse(node->text, &peer->prefix))
		return refuse_value(p, node, what, expected, nearest_peer(p, node->text, prefix));
	return 0;
}

/* Itself, or a group's members. */
static const struct bh_policy_peer *members_of(const struct parser *p,
					       const struct bh_policy_peer *peer, size_t *count)
{
	const struct bh_policy_peers *members;

	*count = 1;
	if (peer->kind != BH_POLICY_GROUP)
		return peer;
	members = &p->policy->groups[peer->group].peers;
	*count = members->count;
	return members->items;
}

/* Groups multiply: each of forty could name the one before twice. total: peers so far, a group's
 * members each. */
static int check_members(const struct parser *p, const struct bh_yaml *node,
			 const struct bh_policy_peer *peer, size_t *total)
{
	char found[80], expected[40];
	size_t count;

	members_of(p, peer, &count);
	*total += count;
	if (*total <= MOST_ALLOWED)
		return 0;
	snprintf(found, sizeof(found), "%zu peers, a group's members each", *total);
	snprintf(expected, sizeof(expected), "at most %d", MOST_ALLOWED);
	return refuse(p, node, found, expected, NULL);
}

/* An end of a rule, or a group: a peer, or a list of them. Those that could be read are to be
 * freed, whatever the answer is. */
static int read_peers(const struct parser *p, const struct bh_yaml *node,
		      struct bh_policy_peers *peers, size_t *total)
{
	bool list = node->kind == BH_YAML_LIST;
	size_t count = list ? node->count : 1;
	int result = 0;

	if (count == 0)
		return refuse_value(p, node, node->key,
				    "a peer such as a workload of this file, "
				    "or a list of peers",
				    NULL);
	peers->items = bh_calloc(count, sizeof(*peers->items));
	for (; result == 0 && peers->count < count; peers->count++) {
		const struct bh_yaml *item = list ? &node->items[peers->count] : node;
		struct bh_policy_peer *peer = &peers->items[peers->count];

		result = read_peer(p, item, node->key, peer);
		if (result == 0)
			result = check_members(p, item, peer, total);
	}
	return result;
}

/* --- groups ----------------------------------------------------------------------------------- */

/* total: of the groups before, see check_members. */
static int read_group(const struct parser *p, const struct bh_yaml *item, size_t *total)
{
	struct bh_policy_peers members = { 0 };
	char found[80];
	int result = check_name(p, item, "group");

	if (result == 0 && bh_map_get_text(p->names, item->key) != NULL) {
		snprintf(found, sizeof(found), "a group named %.50s", item->key);
		result = refuse(p, item, found, "a name that no workload has", NULL);
	}
	if (result == 0)
		result = read_peers(p, item, &members, total);
	if (result == 0) {
		size_t group = bh_policy_add_group(p->policy, item->key);

		for (size_t i = 0; i < members.count; i++)
			bh_policy_add_member(p->policy, group, &members.items[i]);
		bh_map_put_text(p->groups, item->key, (void *)(uintptr_t)(group + 1));
	}
	free(members.items);
	return result;
}

static int read_groups(const struct parser *p, const struct bh_yaml *node)
{
	size_t total = 0;
	int result = 0;

	if (node->kind != BH_YAML_MAP)
		return refuse_value(p, node, "groups", "a map of names, each with its peers", NULL);
	for (size_t i = 0; result == 0 && i < node->count; i++)
		result = read_group(p, &node->items[i], &total);
	return result;
}

/* --- rules ------------------------------------------------------------------------------------ */

static bool has_name(const struct parser *p, const struct bh_policy_peer *peer)
{
	size_t count;
	const struct bh_policy_peer *members = members_of(p, peer, &count);

	for (size_t i = 0; i < count; i++)
		if (members[i].kind == BH_POLICY_DNS)
			return true;
	return false;
}

static int check_sources(const struct parser *p, const struct bh_yaml *node,
			 const struct bh_policy_peers *from)
{
	for (size_t i = 0; i < from->count; i++)
		if (has_name(p, &from->items[i]))
			return refuse_value(
				p, node->kind == BH_YAML_LIST ? &node->items[i] : node, "from",
				"one who can open a connection: a name says where somebody "
				"goes, and stands behind to: alone",
				NULL);
	return 0;
}

/* The first of them that is no workload. NULL: all are. */
static const struct bh_policy_peer *first_other(const struct parser *p,
						const struct bh_policy_peers *peers)
{
	size_t count;

	for (size_t i = 0; i < peers->count; i++) {
		const struct bh_policy_peer *members = members_of(p, &peers->items[i], &count);

		for (size_t j = 0; j < count; j++)
			if (members[j].kind != BH_POLICY_WORKLOAD)
				return &members[j];
	}
	return NULL;
}

/* Whether each pair has a workload at one end. */
static int check_pairs(const struct parser *p, const struct bh_yaml *node,
		       const struct bh_policy_peers *from, const struct bh_policy_peers *to)
{
	const struct bh_policy_peer *source = first_other(p, from);
	const struct bh_policy_peer *destination = first_other(p, to);
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
		if (port.name != NULL)
			bh_policy_add_named_port(p->policy, rule, port.proto, port.name);
		else
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

enum { FROM, TO, PORTS, ACTION, TIER, ENDS, EXPIRES, COMMENT, EDGES, PARTS };

/* Whether the rule has from, to and ports, perhaps more, and nothing that is none of a rule's. */
static int read_parts(const struct parser *p, const struct bh_yaml *node,
		      const struct bh_yaml *parts[PARTS])
{
	static const char *const keys[PARTS] = { "from", "to",	    "ports",   "action", "tier",
						 "side", "expires", "comment", "edges" };
	static const char expected[] = "from, to and ports";
	char found[80];

	if (node->kind != BH_YAML_MAP)
		return refuse_value(p, node, "a rule", expected, NULL);
	int result = check_keys(p, node, keys, PARTS,
				"from, to, ports, action, tier, side, expires, comment and edges");
	for (size_t i = 0; result == 0 && i < PARTS; i++) {
		parts[i] = bh_yaml_get(node, keys[i]);
		if (parts[i] != NULL || i >= ACTION)
			continue;
		snprintf(found, sizeof(found), "a rule without %s", keys[i]);
		result = refuse(p, node, found, expected, NULL);
	}
	return result;
}

/* One of these words, as its index; NULL: the first. */
static int read_word(const struct parser *p, const struct bh_yaml *node, const char *const *known,
		     size_t count, size_t *out)
{
	char expected[80];
	const char *text;

	*out = 0;
	if (node == NULL)
		return 0;
	text = node->kind == BH_YAML_SCALAR ? node->text : "";
	for (; *out < count; (*out)++)
		if (strcmp(known[*out], text) == 0)
			return 0;
	snprintf(expected, sizeof(expected), "%s or %s", known[0], known[1]);
	return refuse_value(p, node, node->key, expected, bh_nearest(text, known, count));
}

/* Who knows an address need not ask for a name: such a rule would keep nobody from anything. */
static int check_denied(const struct parser *p, const struct bh_yaml *to, size_t rule)
{
	const struct bh_policy_rule *r = &p->policy->rules[rule];

	for (size_t i = 0; bh_rank_denies(r->rank) && i < r->to.count; i++)
		if (r->to.items[i].kind == BH_POLICY_DNS)
			return refuse(p, to, "a name in a rule that denies",
				      "addresses, world or workloads: who knows an address need "
				      "not ask for the name",
				      NULL);
	return 0;
}

static int read_rank(const struct parser *p, const struct bh_yaml *const parts[PARTS], size_t rule)
{
	static const char *const actions[] = { "allow", "deny" };
	static const char *const tiers[] = { "application", "platform" };
	size_t denies, platform;
	int result = read_word(p, parts[ACTION], actions, 2, &denies);

	if (result == 0)
		result = read_word(p, parts[TIER], tiers, 2, &platform);
	if (result == 0)
		bh_policy_set_rank(p->policy, rule, (uint8_t)(2 * platform + denies));
	return result != 0 ? result : check_denied(p, parts[TO], rule);
}

/* A day alone is over when it ends. Milliseconds are as fine as it is printed. */
static int read_expiry(const struct parser *p, const struct bh_yaml *node, size_t rule)
{
	int64_t time;

	bool scalar = node->kind == BH_YAML_SCALAR;
	bool day = scalar && strlen(node->text) == strlen("2026-12-31") && node->text[4] == '-';

	if (!scalar || !bh_time_parse(node->text, &time) || time > BH_LATEST_EXPIRY - BH_DAY ||
	    time + (day ? BH_DAY : 0) < 2 * BH_DAY)
		return refuse_value(p, node, "expires",
				    "a day such as 2026-12-31, which the rule still holds, or a "
				    "time such as 2026-12-31T18:00:00Z",
				    NULL);
	time += day ? BH_DAY : 0;
	p->policy->rules[rule].expires = time - time % 1000;
	return 0;
}

static int read_note(const struct parser *p, const struct bh_yaml *node, size_t rule)
{
	if (node->kind != BH_YAML_SCALAR || bh_yaml_is_nothing(node))
		return refuse_value(p, node, "comment", "a text", NULL);
	bh_policy_set_note(p->policy, rule, node->text);
	return 0;
}

/* A rule that is judged where no workload is would say nothing. */
static int read_ends(const struct parser *p, const struct bh_yaml *node, size_t rule)
{
	static const char *const sides[] = { "egress", "ingress" };
	const struct bh_policy_rule *r = &p->policy->rules[rule];
	char found[140], other_text[64];
	size_t side;
	int result = read_word(p, node, sides, 2, &side);

	if (result != 0)
		return result;
	const struct bh_policy_peer *other = first_other(p, side == 0 ? &r->from : &r->to);
	if (other != NULL) {
		bh_policy_peer_text(p->policy, other, other_text, sizeof(other_text));
		snprintf(found, sizeof(found), "side: %s of a rule %s %s", sides[side],
			 side == 0 ? "from" : "to", other_text);
		return refuse(p, node, found, "workloads alone at that end", NULL);
	}
	bh_policy_set_ends(p->policy, rule, side == 0 ? BH_AT_EGRESS : BH_AT_INGRESS);
	return 0;
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
	size_t sources = 0, destinations = 0;
	int result = read_parts(p, node, parts);

	if (result == 0)
		result = read_peers(p, parts[FROM], &from, &sources);
	if (result == 0)
		result = check_sources(p, parts[FROM], &from);
	if (result == 0)
		result = read_peers(p, parts[TO], &to, &destinations);
	if (result == 0)
		result = check_pairs(p, node, &from, &to);
	size_t rule = result == 0 ? add_rule(p, node, &from, &to) : 0;
	if (result == 0)
		result = read_ports(p, parts[PORTS], rule);
	if (result == 0)
		result = read_rank(p, parts, rule);
	if (result == 0 && parts[ENDS] != NULL)
		result = read_ends(p, parts[ENDS], rule);
	if (result == 0 && parts[EXPIRES] != NULL)
		result = read_expiry(p, parts[EXPIRES], rule);
	if (result == 0 && parts[COMMENT] != NULL)
		result = read_note(p, parts[COMMENT], rule);
	if (result == 0 && parts[EDGES] != NULL)
		result = read_edges(p, parts[EDGES], rule);
	free(from.items);
	free(to.items);
	return result;
}

/* A prefix falls apart around its exceptions, into as many parts as it has bits at most. Counted no
 * further than too many, so that no product overflows. */
static size_t weigh(const struct bh_policy_peers *peers)
{
	size_t weight = 0;

	for (size_t i = 0; i < peers->count && weight <= MOST_ALLOWED; i++) {
		const struct bh_policy_peer *peer = &peers->items[i];

		weight += peer->except == NULL ? 1
					       : peer->except->count *
							 bh_addr_size(peer->prefix.addr.family) * 8;
	}
	return weight;
}

/* Lists multiply: a small file could ask for more than any machine can compare or compile. total:
 * of the rules before; the last one's is added. */
static int check_total(const struct parser *p, const struct bh_yaml *node, size_t *total)
{
	const struct bh_policy_rule *rule = &p->policy->rules[p->policy->rule_count - 1];
	char found[120], expected[40];

	size_t pairs = weigh(&rule->from) * weigh(&rule->to);
	*total += pairs <= MOST_ALLOWED ? pairs * rule->port_count : pairs;
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
	size_t action;
	int result = read_word(p, node, actions, COUNT(actions), &action);

	if (result == 0)
		p->policy->deny = (uint8_t)action;
	return result;
}

static int read_posture(const struct parser *p, const struct bh_yaml *node)
{
	static const char *const postures[] = { "open", "audit", "closed" };
	const char *text = node->kind == BH_YAML_SCALAR ? node->text : "";

	p->policy->says_posture = bh_posture_parse(text, &p->policy->posture);
	return p->policy->says_posture ? 0
				       : refuse_value(p, node, "posture", "open, audit or closed",
						      bh_nearest(text, postures, COUNT(postures)));
}

/* egress and ingress, each allow or deny. */
static int read_sides(const struct parser *p, const struct bh_yaml *node, size_t workload)
{
	static const char *const actions[] = { "allow", "deny" };
	static const char *const sides[] = { [BH_EGRESS] = "egress", [BH_INGRESS] = "ingress" };
	size_t action;
	int result = 0;

	for (uint8_t side = BH_EGRESS; result == 0 && side <= BH_INGRESS; side++) {
		const struct bh_yaml *value = bh_yaml_get(node, sides[side]);

		if (value == NULL)
			continue;
		result = read_word(p, value, actions, COUNT(actions), &action);
		if (result == 0)
			bh_policy_set_default(p->policy, workload, side,
					      action == 0 ? BH_DEFAULT_ALLOW : BH_DEFAULT_DENY);
	}
	return result;
}

static int read_workload_defaults(const struct parser *p, const struct bh_yaml *item)
{
	static const char *const keys[] = { "egress", "ingress" };
	uintptr_t workload = (uintptr_t)bh_map_get_text(p->names, item->key);
	size_t count = p->policy->workload_count;
	char found[80];

	if (workload == 0) {
		const char **names = bh_calloc(count + 1, sizeof(*names));

		for (size_t i = 0; i < count; i++)
			names[i] = p->policy->workloads[i].name;
		snprintf(found, sizeof(found), "\"%.60s\"", item->key);
		refuse(p, item, found, "a workload of this file",
		       bh_nearest(item->key, names, count));
		free(names);
		return -EINVAL;
	}
	if (item->kind != BH_YAML_MAP || item->count == 0)
		return refuse_value(p, item, item->key,
				    "egress and ingress, each allow or deny, one at least", NULL);
	int result = check_keys(p, item, keys, COUNT(keys), "egress and ingress");
	return result != 0 ? result : read_sides(p, item, workload - 1);
}

static int read_defaults(const struct parser *p, const struct bh_yaml *node)
{
	static const char *const keys[] = { "egress", "ingress", "workloads" };
	static const char expected[] = "egress, ingress and workloads";
	int result;

	if (node->kind != BH_YAML_MAP)
		return refuse_value(p, node, "defaults", expected, NULL);
	result = check_keys(p, node, keys, COUNT(keys), expected);
	if (result == 0)
		result = read_sides(p, node, BH_ALL_WORKLOADS);
	const struct bh_yaml *workloads = bh_yaml_get(node, "workloads");
	if (result == 0 && workloads != NULL && workloads->kind != BH_YAML_MAP)
		result = refuse_value(p, workloads, "workloads",
				      "a map of workloads' names, each with egress and ingress",
				      NULL);
	for (size_t i = 0; result == 0 && workloads != NULL && i < workloads->count; i++)
		result = read_workload_defaults(p, &workloads->items[i]);
	return result;
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
	static const char *const keys[] = { "bulkhead-policy", "deny",	   "posture", "workloads",
					    "groups",	       "defaults", "rules" };
	static const char expected[] =
		"bulkhead-policy, deny, posture, workloads, groups, defaults and rules";
	int result = read_version(p, root);

	if (result == 0)
		result = check_keys(p, root, keys, COUNT(keys), expected);
	if (result != 0)
		return result;
	const struct bh_yaml *deny = bh_yaml_get(root, "deny");
	const struct bh_yaml *posture = bh_yaml_get(root, "posture");
	const struct bh_yaml *workloads = bh_yaml_get(root, "workloads");
	const struct bh_yaml *groups = bh_yaml_get(root, "groups");
	const struct bh_yaml *defaults = bh_yaml_get(root, "defaults");
	const struct bh_yaml *rules = bh_yaml_get(root, "rules");
	if (deny != NULL)
		result = read_deny(p, deny);
	if (result == 0 && posture != NULL)
		result = read_posture(p, posture);
	if (result == 0)
		result = workloads != NULL
				 ? read_workloads(p, workloads)
				 : refuse(p, root, "a policy without workloads", expected, NULL);
	if (result == 0 && groups != NULL)
		result = read_groups(p, groups);
	if (result == 0 && defaults != NULL)
		result = read_defaults(p, defaults);
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
			    .reader = { file, err },
			    .comments = bh_comments_new(text, length),
			    .names = bh_map_new(NULL),
			    .groups = bh_map_new(NULL) };
	p.policy->header = bh_comment_at_top(p.comments);
	int result = read_document(&p, root);
	bh_map_free(p.names);
	bh_map_free(p.groups);
	bh_comments_free(p.comments);
	bh_yaml_free(root);
	if (result == 0)
		return p.policy;
	bh_policy_free(p.policy);
	return NULL;
}
