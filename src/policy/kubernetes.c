/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The semantics are those of the API's reference (NetworkPolicySpec): a direction isolates where
 * policyTypes has it; without policyTypes ingress does, and egress where there is an egress. A rule
 * without peers, or with an empty list, is about everybody; without ports about all. A direction
 * without rules lets nothing pass. Policies add up: no order, no denials. The node always reaches
 * its pods.
 */
#include "kubernetes.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "address.h"
#include "buffer.h"
#include "grow.h"
#include "map.h"
#include "nearest.h"
#include "port.h"
#include "selector.h"
#include "yaml_expect.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MOST_KEYS 8
#define LONGEST_KEY 200
#define MOST_ASKED 1000
#define LONGEST_NAME 253 /* of objects: a DNS subdomain */
#define PREFIX "k8s:"
#define LONGEST_ENTRY                                                                              \
	200 /* bytes of an entry's name; a hash stands for the rest of a longer one                \
	     */
#define EVERYBODY PREFIX "everybody"

struct bh_kubernetes_import {
	struct bh_policy *policy;
	struct bh_map *entries; /* name → index + 1 */
	size_t objects, skipped;
};

struct reader {
	struct bh_kubernetes_import *import;
	struct bh_yaml_reader yaml;
	/* Of the object that is read. */
	char namespace[256];
	char name[256];
};

/* --- messages --------------------------------------------------------------------------------- */

static int refuse(const struct reader *r, const struct bh_yaml *at, const char *found,
		  const char *expected, const char *near)
{
	return bh_yaml_refuse(&r->yaml, at, found, expected, near);
}

static int refuse_value(const struct reader *r, const struct bh_yaml *value, const char *what,
			const char *expected, const char *near)
{
	return bh_yaml_refuse_value(&r->yaml, value, what, expected, near);
}

/* keys: what a map may have; ends with NULL. */
static int check_map(const struct reader *r, const struct bh_yaml *node, const char *what,
		     const char *const keys[MOST_KEYS])
{
	char expected[200] = "";
	size_t count = 0;

	for (; keys[count] != NULL; count++)
		snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%s%s",
			 count > 0 ? ", " : "", keys[count]);
	if (node->kind != BH_YAML_MAP)
		return refuse_value(r, node, what, expected, NULL);
	return bh_yaml_check_keys(&r->yaml, node, keys, count, expected);
}

/* Its item; NULL where it is missing, or null. */
static const struct bh_yaml *get(const struct bh_yaml *map, const char *key)
{
	const struct bh_yaml *item = bh_yaml_get(map, key);

	return item == NULL || bh_yaml_is_nothing(item) ? NULL : item;
}

/* A list, perhaps an empty one; *node is NULL where there is none. */
static int get_list(const struct reader *r, const struct bh_yaml *map, const char *key,
		    const struct bh_yaml **node)
{
	*node = get(map, key);
	if (*node == NULL || (*node)->kind == BH_YAML_LIST)
		return 0;
	return refuse_value(r, *node, key, "a list", NULL);
}

/* --- selectors -------------------------------------------------------------------------------- */

/* What an entry asks of labels, and what it is called by. */
struct asked {
	struct bh_selector labels;
	struct bh_buffer name;
};

static void free_asked(struct asked *a)
{
	bh_selector_free(&a->labels);
	bh_buffer_free(&a->name);
}

/* As long as the API lets them be, and as a policy has room for. */
static int check_key(const struct reader *r, const struct bh_yaml *at, const char *key)
{
	if (key[0] != '\0' && strlen(key) <= LONGEST_KEY)
		return 0;
	return refuse(r, at, key[0] == '\0' ? "an empty label" : "a label that is too long",
		      "one of 1 to 200 bytes", NULL);
}

/* Of labels, expressions or values: each is compared with each. */
static int check_count(const struct reader *r, const struct bh_yaml *node, const char *what)
{
	char found[80], expected[40];

	if (node->count <= MOST_ASKED)
		return 0;
	snprintf(found, sizeof(found), "%zu %s", node->count, what);
	snprintf(expected, sizeof(expected), "at most %d", MOST_ASKED);
	return refuse(r, node, found, expected, NULL);
}

static const char *label_key(bool of_namespace, const char *key, char out[600])
{
	if (of_namespace && strcmp(key, BH_NAMESPACE_NAME_LABEL) == 0)
		return BH_NAMESPACE;
	snprintf(out, 600, "%s%.512s", of_namespace ? BH_NAMESPACE_LABEL : "", key);
	return out;
}

static int read_match_labels(const struct reader *r, const struct bh_yaml *node, bool of_namespace,
			     struct asked *a)
{
	char key[600];

	if (node->kind != BH_YAML_MAP)
		return refuse_value(r, node, "matchLabels", "a map of labels", NULL);
	if (check_count(r, node, "labels") != 0)
		return -EINVAL;
	for (size_t i = 0; i < node->count; i++) {
		const struct bh_yaml *item = &node->items[i];

		if (item->kind != BH_YAML_SCALAR)
			return refuse_value(r, item, item->key, "the label's value", NULL);
		if (check_key(r, item, item->key) != 0)
			return -EINVAL;
		bh_selector_ask_value(&a->labels, label_key(of_namespace, item->key, key),
				      BH_LABEL_IN, item->text);
		bh_buffer_printf(&a->name, "%s%s=%s", a->name.length > 0 ? "," : "", item->key,
				 item->text);
	}
	return 0;
}

static const struct operator
{
	const char *word;
	uint8_t test;
	bool has_values;
	const char *shown;
}
operators[] = {
	{ "In", BH_LABEL_IN, true, " in " },
	{ "NotIn", BH_LABEL_NOT_IN, true, " not in " },
	{ "Exists", BH_LABEL_EXISTS, false, "" },
	{ "DoesNotExist", BH_LABEL_ABSENT, false, "" },
};

static const struct operator* read_operator(const struct reader *r, const struct bh_yaml *node,
					    const struct bh_yaml *expression)
{
	static const char *const words[] = { "In", "NotIn", "Exists", "DoesNotExist" };
	static const char expected[] = "In, NotIn, Exists or DoesNotExist";

	if (node == NULL) {
		refuse(r, expression, "an expression without operator", expected, NULL);
		return NULL;
	}
	for (size_t i = 0; node->kind == BH_YAML_SCALAR && i < COUNT(operators); i++)
		if (strcmp(operators[i].word, node->text) == 0)
			return &operators[i];
	refuse_value(r, node, "operator", expected,
		     node->kind == BH_YAML_SCALAR ? bh_nearest(node->text, words, COUNT(words))
						  : NULL);
	return NULL;
}

/* To be freed by the caller, whatever the answer is. */
static int read_values(const struct reader *r, const struct bh_yaml *values,
		       const struct operator* op, struct asked *a, struct bh_policy_label *wanted)
{
	if (check_count(r, values, "values of a label") != 0)
		return -EINVAL;
	wanted->values = bh_calloc(values->count, sizeof(*wanted->values));
	for (size_t i = 0; i < values->count; i++) {
		const struct bh_yaml *value = &values->items[i];

		if (value->kind != BH_YAML_SCALAR)
			return refuse_value(r, value, "values", "a label's value", NULL);
		bh_buffer_printf(&a->name, "%s%s", i > 0 ? " " : op->shown, value->text);
		wanted->values[wanted->value_count++] = value->text;
	}
	return 0;
}

static int read_expression(const struct reader *r, const struct bh_yaml *node, bool of_namespace,
			   struct asked *a)
{
	static const char *const keys[MOST_KEYS] = { "key", "operator", "values" };
	const struct bh_yaml *values;
	struct bh_policy_label wanted = { 0 };
	char key[600];
	int result = check_map(r, node, "matchExpressions", keys);

	if (result != 0)
		return result;
	const struct bh_yaml *name = get(node, "key");
	if (name == NULL || name->kind != BH_YAML_SCALAR)
		return refuse(r, node, "an expression without key", "a label's key", NULL);
	if (check_key(r, name, name->text) != 0)
		return -EINVAL;
	const struct operator* op = read_operator(r, get(node, "operator"), node);
	if (op == NULL)
		return -EINVAL;
	result = get_list(r, node, "values", &values);
	if (result == 0 && op->has_values != (values != NULL && values->count > 0))
		result = refuse(r, node, op->has_values ? "no values" : "values",
				op->has_values ? "values with In and NotIn"
					       : "none with Exists and DoesNotExist",
				NULL);
	if (result != 0)
		return result;
	wanted.key = (char *)(uintptr_t)label_key(of_namespace, name->text, key);
	wanted.test = op->test;
	bh_buffer_printf(&a->name, "%s%s%s", a->name.length > 0 ? "," : "",
			 op->test == BH_LABEL_ABSENT ? "!" : "", name->text);
	if (op->has_values)
		result = read_values(r, values, op, a, &wanted);
	if (result == 0)
		bh_selector_ask(&a->labels, &wanted);
	free(wanted.values);
	return result;
}

/* Of pods, or of namespaces; an empty one is of all. */
static int read_selector(const struct reader *r, const struct bh_yaml *node, const char *what,
			 bool of_namespace, struct asked *a)
{
	static const char *const keys[MOST_KEYS] = { "matchLabels", "matchExpressions" };
	const struct bh_yaml *labels, *expressions = NULL;
	int result = check_map(r, node, what, keys);

	labels = result == 0 ? get(node, "matchLabels") : NULL;
	if (labels != NULL)
		result = read_match_labels(r, labels, of_namespace, a);
	if (result == 0)
		result = get_list(r, node, "matchExpressions", &expressions);
	if (result == 0 && expressions != NULL)
		result = check_count(r, expressions, "expressions");
	for (size_t i = 0; result == 0 && expressions != NULL && i < expressions->count; i++)
		result = read_expression(r, &expressions->items[i], of_namespace, a);
	return result;
}

/* --- entries ---------------------------------------------------------------------------------- */

static void shorten(struct bh_buffer *name)
{
	char hash[24];

	if (name->length <= LONGEST_ENTRY)
		return;
	snprintf(hash, sizeof(hash), "…%016llx",
		 (unsigned long long)XXH3_64bits(name->data, name->length));
	name->length = LONGEST_ENTRY;
	/* Not within a character. */
	while (name->length > 0 && ((unsigned char)name->data[name->length] & 0xc0) == 0x80)
		name->length--;
	bh_buffer_puts(name, hash);
}

static size_t entry_of(struct bh_kubernetes_import *import, const char *name,
		       const struct bh_selector *a)
{
	uintptr_t known = (uintptr_t)bh_map_get_text(import->entries, name);

	if (known != 0)
		return known - 1;
	size_t workload = bh_policy_add_workload(import->policy, name);
	if (a->nobody) {
		size_t in = bh_policy_add_test(import->policy, workload, BH_NAMESPACE, BH_LABEL_IN);
		size_t not =
			bh_policy_add_test(import->policy, workload, BH_NAMESPACE, BH_LABEL_NOT_IN);

		bh_policy_add_value(import->policy, workload, in, "nobody");
		bh_policy_add_value(import->policy, workload, not, "nobody");
	}
	for (size_t i = 0; i < a->count && !a->nobody; i++) {
		size_t label = bh_policy_add_test(import->policy, workload, a->items[i].key,
						  a->items[i].test);

		for (size_t j = 0; j < a->items[i].value_count; j++)
			bh_policy_add_value(import->policy, workload, label, a->items[i].values[j]);
	}
	bh_map_put_text(import->entries, name, (void *)(uintptr_t)(workload + 1));
	return workload;
}

/* Whatever is asked of a namespace there has to be one, and what it is labelled with has to be
 * known: what is not known is not absent. */
static void ask_namespace(struct bh_selector *where)
{
	size_t count = where->count;

	for (size_t i = 0; i < count; i++)
		if (strncmp(where->items[i].key, BH_NAMESPACE_LABEL, strlen(BH_NAMESPACE_LABEL)) ==
		    0)
			bh_selector_ask_value(where, BH_NAMESPACE_KNOWN, BH_LABEL_EXISTS, NULL);
	bh_selector_ask_value(where, BH_NAMESPACE, BH_LABEL_EXISTS, NULL);
}

/* The entry for pods of the object's namespace (namespaces: NULL), or of those that are selected.
 */
static int read_pods(const struct reader *r, const struct bh_yaml *pods,
		     const struct bh_yaml *namespaces, size_t *workload)
{
	struct asked where = { 0 }, who = { 0 };
	struct bh_buffer name = { 0 };
	int result = 0;

	bh_buffer_puts(&where.name, "");
	bh_buffer_puts(&who.name, "");
	if (namespaces != NULL)
		result = read_selector(r, namespaces, "namespaceSelector", true, &where);
	else
		bh_buffer_puts(&where.name, r->namespace);
	if (namespaces == NULL)
		bh_selector_ask_value(&where.labels, BH_NAMESPACE, BH_LABEL_IN, r->namespace);
	else
		ask_namespace(&where.labels);
	if (result == 0 && pods != NULL)
		result = read_selector(r, pods, "podSelector", false, &who);
	if (result == 0) {
		bh_buffer_printf(&name, PREFIX "%s%s%s/%s", namespaces != NULL ? "(" : "",
				 where.name.length > 0 ? where.name.data : "*",
				 namespaces != NULL ? ")" : "",
				 who.name.length > 0 ? who.name.data : "*");
		shorten(&name);
		bh_selector_ask_all(&where.labels, &who.labels);
		*workload = entry_of(r->import, name.data, &where.labels);
	}
	bh_buffer_free(&name);
	free_asked(&where);
	free_asked(&who);
	return result;
}

/* --- peers ------------------------------------------------------------------------------------ */

/* One end of a rule, to be added to it. */
struct peers {
	struct bh_policy_peer *items;
	size_t count, capacity;
};

static void add_peer(struct peers *peers, const struct bh_policy_peer *peer)
{
	peers->items =
		bh_grow(peers->items, &peers->capacity, peers->count + 1, sizeof(*peers->items));
	peers->items[peers->count++] = *peer;
}

static void add_everybody(const struct reader *r, bool egress, struct peers *peers)
{
	static const uint8_t others[] = { BH_POLICY_HOST, BH_POLICY_WORLD, BH_POLICY_METADATA,
					  BH_POLICY_MULTICAST };
	struct bh_selector anyone = { 0 };
	struct bh_policy_peer peer = { .kind = BH_POLICY_WORKLOAD };

	bh_selector_ask_value(&anyone, BH_WORKLOAD_LABEL, BH_LABEL_EXISTS, NULL);
	peer.workload = entry_of(r->import, EVERYBODY, &anyone);
	bh_selector_free(&anyone);
	add_peer(peers, &peer);
	/* Of the world the metadata service is a part where it sends. */
	for (size_t i = 0; i < (egress ? COUNT(others) : 2); i++) {
		peer = (struct bh_policy_peer) { .kind = others[i] };
		add_peer(peers, &peer);
	}
}

static int read_prefix(const struct reader *r, const struct bh_yaml *node, const char *what,
		       struct bh_prefix *prefix)
{
	/* Kubernetes takes bits behind the length, and means the network. */
	if (node->kind == BH_YAML_SCALAR && strchr(node->text, '/') != NULL &&
	    bh_prefix_around(node->text, prefix))
		return 0;
	return refuse_value(r, node, what, "a prefix such as 10.0.0.0/8", NULL);
}

static int read_exceptions(const struct reader *r, const struct bh_yaml *list,
			   struct bh_policy_peer *peer)
{
	struct bh_prefix *items = bh_calloc(list->count + 1, sizeof(*items));
	char text[BH_PREFIX_TEXT], expected[80];
	int result = 0;

	for (size_t i = 0; result == 0 && i < list->count; i++) {
		result = read_prefix(r, &list->items[i], "except", &items[i]);
		if (result == 0 && (items[i].length <= peer->prefix.length ||
				    !bh_prefix_contains(&peer->prefix, &items[i].addr))) {
			snprintf(expected, sizeof(expected), "a part of %s",
				 bh_prefix_format(&peer->prefix, text));
			result = refuse_value(r, &list->items[i], "except", expected, NULL);
		}
	}
	if (result == 0)
		peer->except = bh_policy_except(r->import->policy, items, list->count);
	free(items);
	return result;
}

/* Theirs speaks of pods that have such an address, too. */
static int read_block(const struct reader *r, const struct bh_yaml *node,
		      struct bh_policy_peer *peer)
{
	static const char *const keys[MOST_KEYS] = { "cidr", "except" };
	const struct bh_yaml *except = NULL, *cidr;
	int result = check_map(r, node, "ipBlock", keys);

	if (result != 0)
		return result;
	cidr = get(node, "cidr");
	if (cidr == NULL)
		return refuse(r, node, "an ipBlock without cidr", "cidr and except", NULL);
	*peer = (struct bh_policy_peer) { .kind = BH_POLICY_PREFIX, .containers = true };
	result = read_prefix(r, cidr, "cidr", &peer->prefix);
	if (result == 0)
		result = get_list(r, node, "except", &except);
	if (result == 0 && except != NULL)
		result = read_exceptions(r, except, peer);
	return result;
}

static int read_peer(const struct reader *r, const struct bh_yaml *node, struct peers *peers)
{
	static const char *const keys[MOST_KEYS] = { "podSelector", "namespaceSelector",
						     "ipBlock" };
	static const char expected[] = "podSelector, namespaceSelector, both, or ipBlock";
	struct bh_policy_peer peer = { .kind = BH_POLICY_WORKLOAD };
	int result = check_map(r, node, "a peer", keys);

	if (result != 0)
		return result;
	const struct bh_yaml *pods = get(node, "podSelector"), *block = get(node, "ipBlock");
	const struct bh_yaml *namespaces = get(node, "namespaceSelector");
	if (pods == NULL && namespaces == NULL && block == NULL)
		return refuse(r, node, "a peer that is nobody", expected, NULL);
	if (block != NULL && (pods != NULL || namespaces != NULL))
		return refuse(r, node, "ipBlock beside a selector", expected, NULL);
	if (block != NULL)
		result = read_block(r, block, &peer);
	else
		result = read_pods(r, pods, namespaces, &peer.workload);
	if (result == 0)
		add_peer(peers, &peer);
	return result;
}

static int read_peers(const struct reader *r, const struct bh_yaml *rule, bool egress,
		      struct peers *peers)
{
	const struct bh_yaml *list;
	int result = get_list(r, rule, egress ? "to" : "from", &list);

	if (result == 0 && (list == NULL || list->count == 0))
		add_everybody(r, egress, peers);
	for (size_t i = 0; result == 0 && list != NULL && i < list->count; i++)
		result = read_peer(r, &list->items[i], peers);
	return result;
}

/* --- ports ------------------------------------------------------------------------------------ */

static bool read_number(const struct bh_yaml *node, uint16_t *out)
{
	size_t digits = strspn(node->text, "0123456789");
	long number = strtol(node->text, NULL, 10);

	*out = (uint16_t)number;
	return digits > 0 && digits <= 5 && node->text[digits] == '\0' && number > 0 &&
	       number <= UINT16_MAX;
}

static int read_protocol(const struct reader *r, const struct bh_yaml *node, uint8_t *proto)
{
	static const char *const words[] = { "TCP", "UDP", "SCTP" };
	static const uint8_t numbers[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };

	*proto = IPPROTO_TCP;
	if (node == NULL)
		return 0;
	for (size_t i = 0; node->kind == BH_YAML_SCALAR && i < COUNT(words); i++) {
		if (strcmp(words[i], node->text) == 0) {
			*proto = numbers[i];
			return 0;
		}
	}
	return refuse_value(
		r, node, "protocol", "TCP, UDP or SCTP",
		node->kind == BH_YAML_SCALAR ? bh_nearest(node->text, words, COUNT(words)) : NULL);
}

static int add_named_port(const struct reader *r, const struct bh_yaml *node, uint8_t proto,
			  size_t rule)
{
	static const char *const protocols[] = {
		[IPPROTO_TCP] = "tcp", [IPPROTO_UDP] = "udp", [IPPROTO_SCTP] = "sctp"
	};
	struct bh_policy_port port;
	char text[BH_POLICY_PORT_TEXT];

	snprintf(text, sizeof(text), "%.30s/%s", node->text, protocols[proto]);
	if (!bh_policy_port_parse(text, &port) || port.name == NULL || strlen(node->text) > 15)
		return refuse_value(r, node, "port", "a number from 1 to 65535, or a port's name",
				    NULL);
	bh_policy_add_named_port(r->import->policy, rule, proto, text);
	return 0;
}

static int read_port(const struct reader *r, const struct bh_yaml *node, size_t rule)
{
	static const char *const keys[MOST_KEYS] = { "protocol", "port", "endPort" };
	uint16_t first = 1, last = UINT16_MAX;
	uint8_t proto;
	int result = check_map(r, node, "ports", keys);

	if (result == 0)
		result = read_protocol(r, get(node, "protocol"), &proto);
	if (result != 0)
		return result;
	const struct bh_yaml *port = get(node, "port"), *end = get(node, "endPort");
	if (port == NULL && end != NULL)
		return refuse_value(r, end, "endPort", "a port before it", NULL);
	if (port != NULL && port->kind != BH_YAML_SCALAR)
		return refuse_value(r, port, "port", "a number from 1 to 65535, or a port's name",
				    NULL);
	if (port != NULL && !read_number(port, &first)) {
		if (end != NULL)
			return refuse_value(r, end, "endPort", "a port before it that is a number",
					    NULL);
		return add_named_port(r, port, proto, rule);
	}
	if (port != NULL)
		last = first;
	if (end != NULL &&
	    (end->kind != BH_YAML_SCALAR || !read_number(end, &last) || last < first))
		return refuse_value(r, end, "endPort", "a number that is not below port", NULL);
	bh_policy_add_port(r->import->policy, rule, proto, first, last);
	return 0;
}

/* --- objects ---------------------------------------------------------------------------------- */

static int read_rule(const struct reader *r, const struct bh_yaml *node, size_t number,
		     size_t subject, bool egress)
{
	static const char *const in[MOST_KEYS] = { "from", "ports" }, *const out[MOST_KEYS] = {
		"to", "ports"
	};
	const struct bh_policy_peer self = { .kind = BH_POLICY_WORKLOAD, .workload = subject };
	const struct bh_yaml *ports = NULL;
	struct peers peers = { 0 };
	char note[600];
	int result = check_map(r, node, egress ? "egress" : "ingress", egress ? out : in);

	if (result == 0)
		result = read_peers(r, node, egress, &peers);
	if (result == 0)
		result = get_list(r, node, "ports", &ports);
	if (result == 0) {
		size_t rule =
			bh_policy_add_rule(r->import->policy, egress ? &self : &peers.items[0],
					   egress ? &peers.items[0] : &self, NULL);

		for (size_t i = 1; i < peers.count; i++)
			if (egress)
				bh_policy_add_to(r->import->policy, rule, &peers.items[i]);
			else
				bh_policy_add_from(r->import->policy, rule, &peers.items[i]);
		bh_policy_set_ends(r->import->policy, rule, egress ? BH_AT_EGRESS : BH_AT_INGRESS);
		snprintf(note, sizeof(note), "%s/%s %s %zu", r->namespace, r->name,
			 egress ? "egress" : "ingress", number);
		bh_policy_set_note(r->import->policy, rule, note);
		if (ports == NULL || ports->count == 0)
			bh_policy_add_port(r->import->policy, rule, BH_ANY_PROTOCOL, 0, 0);
		for (size_t i = 0; result == 0 && ports != NULL && i < ports->count; i++)
			result = read_port(r, &ports->items[i], rule);
	}
	free(peers.items);
	return result;
}

/* A node and its pods reach each other, whatever is isolated. */
static void let_node(const struct reader *r, size_t subject, bool egress)
{
	const struct bh_policy_peer host = { .kind = BH_POLICY_HOST };
	const struct bh_policy_peer self = { .kind = BH_POLICY_WORKLOAD, .workload = subject };
	size_t rule = bh_policy_add_rule(r->import->policy, egress ? &self : &host,
					 egress ? &host : &self, NULL);

	bh_policy_add_port(r->import->policy, rule, BH_ANY_PROTOCOL, 0, 0);
	bh_policy_set_ends(r->import->policy, rule, egress ? BH_AT_EGRESS : BH_AT_INGRESS);
	bh_policy_set_note(r->import->policy, rule,
			   egress ? "a pod reaches its node" : "a node reaches its pods");
}

static int read_direction(const struct reader *r, const struct bh_yaml *spec, size_t subject,
			  bool egress)
{
	enum bh_side side = egress ? BH_EGRESS : BH_INGRESS;
	const struct bh_yaml *rules;
	int result = get_list(r, spec, egress ? "egress" : "ingress", &rules);

	if (result != 0)
		return result;
	if (r->import->policy->workloads[subject].defaults[side] == BH_DEFAULT_UNSAID)
		let_node(r, subject, egress);
	bh_policy_set_default(r->import->policy, subject, side, BH_DEFAULT_DENY);
	for (size_t i = 0; result == 0 && rules != NULL && i < rules->count; i++)
		result = read_rule(r, &rules->items[i], i + 1, subject, egress);
	return result;
}

static bool has_rules(const struct bh_yaml *list)
{
	return list != NULL && list->kind == BH_YAML_LIST && list->count > 0;
}

/* Which directions are isolated. Of a list that is empty as of one that is missing: ingress is, and
 * egress where it has rules. */
static int read_types(const struct reader *r, const struct bh_yaml *spec, bool types[2])
{
	static const char *const words[] = { [BH_EGRESS] = "Egress", [BH_INGRESS] = "Ingress" };
	const struct bh_yaml *list;
	int result = get_list(r, spec, "policyTypes", &list);

	types[BH_EGRESS] = (list == NULL || list->count == 0) && has_rules(get(spec, "egress"));
	types[BH_INGRESS] = list == NULL || list->count == 0;
	for (size_t i = 0; result == 0 && list != NULL && i < list->count; i++) {
		const struct bh_yaml *item = &list->items[i];
		const char *text = item->kind == BH_YAML_SCALAR ? item->text : "";

		if (strcmp(text, "Egress") == 0)
			types[BH_EGRESS] = true;
		else if (strcmp(text, "Ingress") == 0)
			types[BH_INGRESS] = true;
		else
			result = refuse_value(r, item, "policyTypes", "Ingress or Egress",
					      bh_nearest(text, words, COUNT(words)));
	}
	return result;
}

static int read_spec(const struct reader *r, const struct bh_yaml *spec)
{
	static const char *const keys[MOST_KEYS] = { "podSelector", "policyTypes", "ingress",
						     "egress" };
	bool types[2];
	size_t subject;
	int result = check_map(r, spec, "spec", keys);

	if (result != 0)
		return result;
	const struct bh_yaml *pods = get(spec, "podSelector");
	if (pods == NULL)
		return refuse(r, spec, "a spec without podSelector",
			      "whom it is about; {} for all pods of its namespace", NULL);
	result = read_pods(r, pods, NULL, &subject);
	if (result == 0)
		result = read_types(r, spec, types);
	if (result == 0 && types[BH_INGRESS])
		result = read_direction(r, spec, subject, false);
	if (result == 0 && types[BH_EGRESS])
		result = read_direction(r, spec, subject, true);
	return result;
}

static const char *text_of(const struct bh_yaml *map, const char *key)
{
	const struct bh_yaml *item = map != NULL && map->kind == BH_YAML_MAP ? get(map, key) : NULL;

	return item != NULL && item->kind == BH_YAML_SCALAR ? item->text : "";
}

static int read_network_policy(struct reader *r, const struct bh_yaml *object)
{
	static const char *const keys[MOST_KEYS] = { "apiVersion", "kind", "metadata", "spec",
						     "status" };
	const struct bh_yaml *metadata = get(object, "metadata"), *spec;
	int result = check_map(r, object, "a NetworkPolicy", keys);

	if (result != 0)
		return result;
	if (get(object, "kind") != NULL &&
	    strcmp(text_of(object, "apiVersion"), "networking.k8s.io/v1") != 0)
		return refuse(r, object, "a NetworkPolicy of another API",
			      "apiVersion: networking.k8s.io/v1", NULL);
	if (strlen(text_of(metadata, "name")) > LONGEST_NAME ||
	    strlen(text_of(metadata, "namespace")) > LONGEST_NAME)
		return refuse(r, metadata, "a name that is too long", "253 bytes at most", NULL);
	bh_copy_text(r->name, sizeof(r->name), text_of(metadata, "name"));
	bh_copy_text(r->namespace, sizeof(r->namespace), text_of(metadata, "namespace"));
	if (r->name[0] == '\0')
		return refuse(r, object, "a NetworkPolicy without a name", "metadata: {name: …}",
			      NULL);
	if (r->namespace[0] == '\0')
		strcpy(r->namespace, "default");
	spec = get(object, "spec");
	if (spec == NULL)
		return refuse(r, object, "a NetworkPolicy without spec", "what it says", NULL);
	r->import->objects++;
	return read_spec(r, spec);
}

static int read_object(struct reader *r, const struct bh_yaml *object)
{
	const struct bh_yaml *items = NULL;
	const char *kind = text_of(object, "kind");
	int result = 0;

	if (object->kind != BH_YAML_MAP || kind[0] == '\0')
		return refuse(r, object, "no object of Kubernetes", "one with apiVersion and kind",
			      NULL);
	if (strcmp(kind, "NetworkPolicy") == 0)
		return read_network_policy(r, object);
	if (strcmp(kind, "List") != 0 && strcmp(kind, "NetworkPolicyList") != 0) {
		r->import->skipped++;
		return 0;
	}
	result = get_list(r, object, "items", &items);
	for (size_t i = 0; result == 0 && items != NULL && i < items->count; i++) {
		const struct bh_yaml *item = &items->items[i];

		/* As the API answers, a NetworkPolicyList's say neither kind nor apiVersion. A list
		 * within a list would be no object of theirs. */
		bool of_list = strcmp(kind, "NetworkPolicyList") == 0 &&
			       item->kind == BH_YAML_MAP && get(item, "kind") == NULL;
		if (of_list || strcmp(text_of(item, "kind"), "NetworkPolicy") == 0)
			result = read_network_policy(r, item);
		else
			r->import->skipped++;
	}
	return result;
}

static int take_document(void *user, struct bh_yaml *root)
{
	int result = bh_yaml_is_empty(root) ? 0 : read_object(user, root);

	bh_yaml_free(root);
	return result;
}

/* --- the import ------------------------------------------------------------------------------- */

struct bh_kubernetes_import *bh_kubernetes_import_new(void)
{
	struct bh_kubernetes_import *import = bh_calloc(1, sizeof(*import));

	import->policy = bh_policy_new();
	import->entries = bh_map_new(NULL);
	bh_policy_set_default(import->policy, BH_ALL_WORKLOADS, BH_EGRESS, BH_DEFAULT_ALLOW);
	bh_policy_set_default(import->policy, BH_ALL_WORKLOADS, BH_INGRESS, BH_DEFAULT_ALLOW);
	return import;
}

void bh_kubernetes_import_free(struct bh_kubernetes_import *import)
{
	if (import == NULL)
		return;
	bh_policy_free(import->policy);
	bh_map_free(import->entries);
	free(import);
}

int bh_kubernetes_import_add(struct bh_kubernetes_import *import, const char *text, size_t length,
			     const char *file, struct bh_error *err)
{
	struct reader r = { .import = import, .yaml = { file, err } };

	return bh_yaml_parse_each(text, length, file, take_document, &r, err);
}

struct bh_policy *bh_kubernetes_import_policy(struct bh_kubernetes_import *import)
{
	return import->policy;
}

size_t bh_kubernetes_import_objects(const struct bh_kubernetes_import *import)
{
	return import->objects;
}

size_t bh_kubernetes_import_skipped(const struct bh_kubernetes_import *import)
{
	return import->skipped;
}

static int look_at_document(void *user, struct bh_yaml *root)
{
	bool empty = bh_yaml_is_empty(root);

	*(bool *)user = text_of(root, "kind")[0] != '\0';
	bh_yaml_free(root);
	return empty ? 0 : 1; /* the first tells */
}

bool bh_kubernetes_is_manifest(const char *text, size_t length)
{
	bool manifest = false;

	bh_yaml_parse_each(text, length, "", look_at_document, &manifest, NULL);
	return manifest;
}
