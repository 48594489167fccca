/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rule of ours that is judged at both ends is two of theirs: one in an object of whoever sends,
 * one of whoever receives. An object closes whom it selects. So a rule may only go into an object
 * that selects nobody who is open: of an entry that is not closed by itself it goes to those pods
 * which some closed entry selects, too – objects that ask for the labels of both.
 *
 * What would be denied by default everywhere is closed in each namespace that the policy names.
 *
 * Where something cannot be said the rest has to allow less. A permission that is left out does; a
 * denial that is left out takes with it whatever it may deny, and closes whom it is about.
 */
#include "kubernetes_export.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "address.h"
#include "buffer.h"
#include "grow.h"
#include "kubernetes.h"
#include "kubernetes_parts.h"
#include "map.h"
#include "port.h"

#define MOST_OBJECTS 100000
#define MOST_PARTS 1000000 /* rules in all of them */
#define LONGEST_LABEL 63
#define LONGEST_PREFIX 253
#define LONGEST_NAMESPACE 63
#define LONGEST_OBJECT 200 /* bytes of an object's name before what makes it the only one */
#define SHOWN_NAMES 5

/* --- what is told ----------------------------------------------------------------------------- */

/* Each once. rule: index, or −1. */
static void tell(struct bh_kubernetes_export *e, int rule, const char *what, const char *why)
{
	struct bh_buffer key = { 0 };
	size_t number;

	bh_buffer_printf(&key, "%d ", rule);
	number = key.length;
	bh_buffer_printf(&key, "%s%s%s", what, what[0] != '\0' ? ": " : "", why);
	if (bh_map_get_text(e->told, key.data) == NULL) {
		char *text = bh_strdup(key.data + number);

		bh_map_put_text(e->told, key.data, text);
		e->unsaid = bh_grow(e->unsaid, &e->unsaid_capacity, e->unsaid_count + 1,
				    sizeof(*e->unsaid));
		e->unsaid[e->unsaid_count++] = (struct bh_kubernetes_unsaid) {
			.rule = rule,
			.line = rule >= 0 ? e->policy->rules[rule].line : 0,
			.text = text,
		};
	}
	bh_buffer_free(&key);
}

static void tell_entry(struct bh_kubernetes_export *e, int rule, size_t workload, const char *why)
{
	struct bh_buffer what = { 0 };

	bh_buffer_printf(&what, "%s%s", rule < 0 ? "workload " : "",
			 e->policy->workloads[workload].name);
	tell(e, rule, what.data, why);
	bh_buffer_free(&what);
}

static void note(struct bh_kubernetes_export *e, char *text)
{
	e->notes = bh_grow(e->notes, &e->note_capacity, e->note_count + 1, sizeof(*e->notes));
	e->notes[e->note_count++] = text;
}

/* --- names ------------------------------------------------------------------------------------ */

static bool is_alphanumeric(char c, bool upper)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (upper && c >= 'A' && c <= 'Z');
}

/* Letters and digits, these others between them. */
static bool is_word(const char *text, size_t length, size_t most, const char *others, bool upper)
{
	if (length == 0 || length > most || !is_alphanumeric(text[0], upper) ||
	    !is_alphanumeric(text[length - 1], upper))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_alphanumeric(text[i], upper) && strchr(others, text[i]) == NULL)
			return false;
	return true;
}

/* "app", "app.kubernetes.io/name" */
static bool is_key(const char *key)
{
	const char *slash = strchr(key, '/'), *name = slash != NULL ? slash + 1 : key;

	return (slash == NULL ||
		is_word(key, (size_t)(slash - key), LONGEST_PREFIX, "-.", false)) &&
	       is_word(name, strlen(name), LONGEST_LABEL, "-_.", true);
}

static bool is_value(const char *value)
{
	return value[0] == '\0' || is_word(value, strlen(value), LONGEST_LABEL, "-_.", true);
}

static bool is_namespace(const char *name)
{
	return is_word(name, strlen(name), LONGEST_NAMESPACE, "-", false);
}

/* --- entries in Kubernetes' words ------------------------------------------------------------- */

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* The first is told. */
static void refuse_label(struct bh_kubernetes_selected *s, const char *key, const char *why)
{
	struct bh_buffer text = { 0 };

	if (s->unsaid != NULL)
		return;
	bh_buffer_printf(&text, "it asks for the label %s%s", key, why);
	s->unsaid = bh_buffer_steal(&text);
}

/* The label of pods, or of their namespaces. */
static void put_label(struct bh_kubernetes_selected *s, struct bh_selector *to, const char *key,
		      const struct bh_policy_label *label)
{
	struct bh_policy_label wanted = *label;

	if (!is_key(key)) {
		refuse_label(s, key, ", and Kubernetes has none of such a name");
		return;
	}
	for (size_t i = 0; i < label->value_count; i++)
		if (!is_value(label->values[i]))
			refuse_label(s, key, " with a value that Kubernetes takes for none");
	wanted.key = (char *)(uintptr_t)key;
	bh_selector_ask(to, &wanted);
}

static bool is_asked(uint8_t test)
{
	return test == BH_LABEL_IN || test == BH_LABEL_EXISTS;
}

/* Every pod has a namespace, whose labels its cluster knows. */
static void put_presence(struct bh_kubernetes_selected *s, const struct bh_policy_label *label)
{
	s->is_pod = s->is_pod || label->test == BH_LABEL_EXISTS;
	if (label->test != BH_LABEL_EXISTS)
		refuse_label(s, label->key,
			     ", of which Kubernetes can ask no more than that it is set");
}

static void translate(struct bh_kubernetes_selected *s, const struct bh_policy_label *label)
{
	bool is_name = strcmp(label->key, BH_NAMESPACE) == 0;
	bool is_label = begins(label->key, BH_NAMESPACE_LABEL);
	bool is_given = strcmp(label->key, BH_WORKLOAD_LABEL) == 0;

	s->is_pod = s->is_pod || ((is_name || is_label) && is_asked(label->test));
	if ((is_name && label->value_count == 0) || strcmp(label->key, BH_NAMESPACE_KNOWN) == 0)
		put_presence(s, label);
	else if (is_name)
		put_label(s, &s->namespaces, BH_NAMESPACE_NAME_LABEL, label);
	else if (is_label)
		put_label(s, &s->namespaces, label->key + strlen(BH_NAMESPACE_LABEL), label);
	else if (is_given && label->test == BH_LABEL_EXISTS)
		return; /* everybody is a workload */
	else if (begins(label->key, "bulkhead.") || begins(label->key, "io.kubernetes."))
		refuse_label(s, label->key,
			     ", which is no label in Kubernetes: select by the pods' own");
	else
		put_label(s, &s->pods, label->key, label);
}

/* Of what is asked there, which is taken over. */
static void select_by(struct bh_kubernetes_selected *s, struct bh_selector *labels)
{
	const struct bh_selector asked = *labels;
	size_t given = 0;

	*s = (struct bh_kubernetes_selected) { .labels = asked,
					       .nobody = bh_selector_is_empty(&asked) };
	*labels = (struct bh_selector) { 0 };
	for (size_t i = 0; i < asked.count; i++) {
		translate(s, &asked.items[i]);
		given += strcmp(asked.items[i].key, BH_WORKLOAD_LABEL) == 0 &&
			 asked.items[i].test == BH_LABEL_EXISTS;
	}
	/* In Kubernetes' words two labels may be one. */
	s->nobody =
		s->nobody || bh_selector_is_empty(&s->pods) || bh_selector_is_empty(&s->namespaces);
	s->everybody = given == asked.count;
}

static void free_selected(struct bh_kubernetes_selected *s)
{
	bh_selector_free(&s->labels);
	bh_selector_free(&s->pods);
	bh_selector_free(&s->namespaces);
	free(s->unsaid);
}

static void read_entries(struct bh_kubernetes_export *e)
{
	e->entries = bh_calloc(e->policy->workload_count + 1, sizeof(*e->entries));
	for (size_t i = 0; i < e->policy->workload_count; i++) {
		const struct bh_policy_workload *w = &e->policy->workloads[i];
		struct bh_selector labels = { 0 };

		for (size_t j = 0; j < w->label_count; j++)
			bh_selector_ask(&labels, &w->labels[j]);
		select_by(&e->entries[i], &labels);
	}
}

/* --- namespaces ------------------------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_left_out(const struct bh_kubernetes_selected *s, const char *namespace)
{
	const struct bh_policy_label *not =
		bh_selector_find(&s->namespaces, BH_NAMESPACE_NAME_LABEL, BH_LABEL_NOT_IN);

	return not != NULL && bh_policy_label_has(not, namespace);
}

static void add_scope(struct bh_kubernetes_export *e, const char *namespace)
{
	for (size_t i = 0; i < e->scope_count; i++)
		if (strcmp(e->scope[i], namespace) == 0)
			return;
	e->scope = bh_grow(e->scope, &e->scope_capacity, e->scope_count + 1, sizeof(*e->scope));
	e->scope[e->scope_count++] = bh_strdup(namespace);
}

static void find_scope(struct bh_kubernetes_export *e)
{
	for (size_t i = 0; i < e->policy->workload_count; i++) {
		const struct bh_kubernetes_selected *s = &e->entries[i];
		const struct bh_policy_label *in =
			bh_selector_find(&s->namespaces, BH_NAMESPACE_NAME_LABEL, BH_LABEL_IN);

		for (size_t j = 0; in != NULL && !s->nobody && j < in->value_count; j++)
			if (is_namespace(in->values[j]) && !is_left_out(s, in->values[j]))
				add_scope(e, in->values[j]);
	}
	if (e->scope_count > 0)
		qsort(e->scope, e->scope_count, sizeof(*e->scope), compare_texts);
}

static bool is_closed_by_default(const struct bh_kubernetes_export *e, enum bh_side side)
{
	return e->policy->defaults[side] != BH_DEFAULT_ALLOW;
}

/* Why no objects can be of whom it selects; NULL: they can. What else would be selected in
 * namespaces that the policy does not name is out of reach of the objects. */
static const char *own_unsaid(const struct bh_kubernetes_export *e,
			      const struct bh_kubernetes_selected *s, enum bh_side side)
{
	const struct bh_policy_label *in =
		bh_selector_find(&s->namespaces, BH_NAMESPACE_NAME_LABEL, BH_LABEL_IN);

	if (s->unsaid != NULL)
		return s->unsaid;
	for (size_t i = 0; i < s->namespaces.count; i++)
		if (strcmp(s->namespaces.items[i].key, BH_NAMESPACE_NAME_LABEL) != 0)
			return "whom an object is about is said by its namespace's name, not by "
			       "labels of that";
	if (in == NULL && !(is_closed_by_default(e, side) && e->scope_count > 0))
		return "an object is of one namespace, and it names none: ask for " BH_NAMESPACE
		       ": NAME";
	for (size_t i = 0; in != NULL && i < in->value_count; i++)
		if (!is_namespace(in->values[i]))
			return "it names a namespace that Kubernetes takes for none";
	return NULL;
}

/* --- objects ---------------------------------------------------------------------------------- */

/* The text in lower case, with "-" for whatever is no letter or digit. */
static void put_clean(struct bh_buffer *out, const char *text)
{
	for (; *text != '\0' && out->length < LONGEST_OBJECT; text++) {
		char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;

		if (is_alphanumeric(c, false))
			bh_buffer_append(out, &c, 1);
		else if (out->length > 0 && out->data[out->length - 1] != '-')
			bh_buffer_puts(out, "-");
	}
	while (out->length > 0 && out->data[out->length - 1] == '-')
		out->data[--out->length] = '\0';
}

/* As it is called, where that can be an object's name; else what is left of it and a hash. */
static char *name_for(struct bh_kubernetes_export *e, const char *called, const char *namespace)
{
	struct bh_buffer name = { 0 }, taken = { 0 };
	const char *shown = begins(called, "k8s:") ? called + strlen("k8s:") : called;
	size_t own = strlen(namespace);

	if (strncmp(shown, namespace, own) == 0 && shown[own] == '/')
		shown += own + 1;
	bh_buffer_puts(&name, "");
	put_clean(&name, shown);
	if (strcmp(name.data, called) != 0)
		bh_buffer_printf(&name, "%s%08x", name.length > 0 ? "-" : "entry-",
				 (unsigned)XXH3_64bits(called, strlen(called)));
	size_t length = name.length;
	bh_buffer_printf(&taken, "%s/%s", namespace, name.data);
	for (unsigned number = 2; bh_map_get_text(e->names, taken.data) != NULL; number++) {
		name.length = length;
		bh_buffer_printf(&name, "-%u", number);
		bh_buffer_clear(&taken);
		bh_buffer_printf(&taken, "%s/%s", namespace, name.data);
	}
	bh_map_put_text(e->names, taken.data, e);
	bh_buffer_free(&taken);
	return bh_buffer_steal(&name);
}

static bool has_room(struct bh_kubernetes_export *e)
{
	if (e->object_count < MOST_OBJECTS && e->part_count < MOST_PARTS)
		return true;
	tell(e, -1, "", "more than 100000 objects, or 1000000 rules in them, would be needed");
	e->errs_unsafely = true;
	return false;
}

/* Whom an object is about. */
struct owner {
	const char *key;    /* of these pods, whatever the namespace */
	const char *called; /* after whom it is named */
	const struct bh_selector *pods;
};

/* NULL: there are too many. */
static struct bh_kubernetes_object *object_for(struct bh_kubernetes_export *e,
					       const struct owner *owner, const char *namespace)
{
	struct bh_buffer key = { 0 };
	struct bh_kubernetes_object *o = NULL;

	bh_buffer_printf(&key, "%s@%s", owner->key, namespace);
	uintptr_t known = (uintptr_t)bh_map_get_text(e->by_key, key.data);
	if (known != 0) {
		o = &e->objects[known - 1];
	} else if (has_room(e)) {
		e->objects = bh_grow(e->objects, &e->object_capacity, e->object_count + 1,
				     sizeof(*e->objects));
		o = &e->objects[e->object_count++];
		*o = (struct bh_kubernetes_object) { .name = name_for(e, owner->called, namespace),
						     .namespace = bh_strdup(namespace) };
		bh_selector_ask_all(&o->pods, owner->pods);
		bh_map_put_text(e->by_key, key.data, (void *)(uintptr_t)e->object_count);
	}
	bh_buffer_free(&key);
	return o;
}

#define NO_RULE (-2) /* it is closed, and no more */

static void add_to_object(struct bh_kubernetes_export *e, const struct owner *owner,
			  const char *namespace, enum bh_side side, int rule)
{
	struct bh_kubernetes_object *o = object_for(e, owner, namespace);

	if (o == NULL)
		return;
	o->closed[side] = true;
	if (rule == NO_RULE || !has_room(e))
		return;
	/* A rule may name an entry twice, by two groups. */
	if (o->rule_count[side] > 0 && o->rules[side][o->rule_count[side] - 1] == rule)
		return;
	o->rules[side] = bh_grow(o->rules[side], &o->rule_capacity[side], o->rule_count[side] + 1,
				 sizeof(*o->rules[side]));
	o->rules[side][o->rule_count[side]++] = rule;
	e->part_count++;
}

/* To each of the namespaces. own_unsaid() has nothing against it. */
static void add_part(struct bh_kubernetes_export *e, const struct owner *owner,
		     const struct bh_kubernetes_selected *s, enum bh_side side, int rule)
{
	const struct bh_policy_label *in =
		bh_selector_find(&s->namespaces, BH_NAMESPACE_NAME_LABEL, BH_LABEL_IN);
	size_t count = in != NULL ? in->value_count : e->scope_count;
	char **names = in != NULL ? in->values : e->scope;

	for (size_t i = 0; i < count; i++)
		if (!is_left_out(s, names[i]))
			add_to_object(e, owner, names[i], side, rule);
}

static void add_entry(struct bh_kubernetes_export *e, size_t workload, enum bh_side side, int rule)
{
	const struct bh_kubernetes_selected *s = &e->entries[workload];
	char key[32];
	struct owner owner = { key, e->policy->workloads[workload].name, &s->pods };

	snprintf(key, sizeof(key), "%zu", workload);
	add_part(e, &owner, s, side, rule);
}

/* --- who is closed ---------------------------------------------------------------------------- */

/* Which of a rule's ends a side is judged at, and the other one. */
static const struct bh_policy_peers *own_end(const struct bh_policy_rule *r, enum bh_side side)
{
	return side == BH_EGRESS ? &r->from : &r->to;
}

static const struct bh_policy_peers *other_end(const struct bh_policy_rule *r, enum bh_side side)
{
	return side == BH_EGRESS ? &r->to : &r->from;
}

static bool denies_at(const struct bh_policy_rule *r, enum bh_side side)
{
	return !r->over && bh_rank_denies(r->rank) && bh_policy_rule_is_at(r, side);
}

/* Whoever is denied something has to be closed, lest he be allowed more. */
static void mark_denied(struct bh_kubernetes_export *e, enum bh_side side)
{
	for (size_t i = 0; i < e->policy->rule_count; i++) {
		const struct bh_policy_rule *r = &e->policy->rules[i];
		const struct bh_policy_peers *own = own_end(r, side);

		for (size_t j = 0; denies_at(r, side) && j < own->count; j++)
			if (own->items[j].kind == BH_POLICY_WORKLOAD)
				e->closed[side][own->items[j].workload] = true;
	}
}

/* An entry that is open among others that are closed is closed, too, and everything passes: of
 * several objects the widest counts. With us it is the strictest. */
static bool can_be_open(struct bh_kubernetes_export *e, size_t workload, enum bh_side side)
{
	const struct bh_kubernetes_selected *s = &e->entries[workload];
	const char *why = own_unsaid(e, s, side);

	for (size_t i = 0; why == NULL && i < e->policy->workload_count; i++)
		if (i != workload && e->closed[side][i] &&
		    (e->policy->workloads[i].defaults[side] == BH_DEFAULT_DENY ||
		     e->policy->denies) &&
		    !bh_selectors_clash(&s->labels, &e->entries[i].labels))
			why = "it is open by default, and some of it may be closed by another "
			      "entry: in Kubernetes the widest of both would count";
	if (why != NULL)
		tell_entry(e, -1, workload, why);
	return why == NULL;
}

static void open_entry(struct bh_kubernetes_export *e, size_t workload, enum bh_side side)
{
	if (can_be_open(e, workload, side))
		add_entry(e, workload, side, BH_EVERYTHING);
	else
		e->closed[side][workload] = true;
}

static void close_entry(struct bh_kubernetes_export *e, size_t workload, enum bh_side side)
{
	const char *why = own_unsaid(e, &e->entries[workload], side);

	if (why == NULL) {
		add_entry(e, workload, side, NO_RULE);
		return;
	}
	tell_entry(e, -1, workload, why);
	e->errs_unsafely = true;
}

static void close_namespaces(struct bh_kubernetes_export *e, enum bh_side side)
{
	static const struct bh_selector all;
	const struct owner owner = { "", "default-deny", &all };

	for (size_t i = 0; i < e->scope_count; i++)
		add_to_object(e, &owner, e->scope[i], side, NO_RULE);
	if (e->scope_count > 0)
		return;
	tell(e, -1, "",
	     "what no rule speaks of is denied, and no workload names a namespace in which it "
	     "could be: ask for " BH_NAMESPACE ": NAME");
	e->errs_unsafely = true;
}

static void close_side(struct bh_kubernetes_export *e, enum bh_side side)
{
	bool closed = is_closed_by_default(e, side);
	size_t count = e->policy->workload_count;

	e->closed[side] = bh_calloc(count + 1, sizeof(bool));
	for (size_t i = 0; i < count; i++) {
		uint8_t said = e->policy->workloads[i].defaults[side];

		e->closed[side][i] =
			said == BH_DEFAULT_DENY || (closed && said != BH_DEFAULT_ALLOW);
	}
	mark_denied(e, side);
	if (closed)
		close_namespaces(e, side);
	for (size_t i = 0; i < count; i++) {
		bool open = !e->closed[side][i] && closed;

		if (e->entries[i].nobody)
			continue;
		if (open)
			open_entry(e, i, side);
		else if (e->closed[side][i] && !closed)
			close_entry(e, i, side);
	}
}

/* --- peers and ports -------------------------------------------------------------------------- */

bool bh_kubernetes_is_all(const struct bh_kubernetes_export *e, const struct bh_policy_peers *peers,
			  enum bh_side side)
{
	bool everybody = false, world = false, rest[2] = { false, false };

	for (size_t i = 0; i < peers->count; i++) {
		const struct bh_policy_peer *peer = &peers->items[i];

		everybody = everybody || (peer->kind == BH_POLICY_WORKLOAD &&
					  e->entries[peer->workload].everybody);
		world = world || peer->kind == BH_POLICY_WORLD;
		rest[0] = rest[0] || peer->kind == BH_POLICY_METADATA;
		rest[1] = rest[1] || peer->kind == BH_POLICY_MULTICAST;
	}
	/* Nothing is sent from a multicast address, and of the world the metadata service is a part
	 * where it sends. */
	return everybody && world && (side == BH_INGRESS || (rest[0] && rest[1]));
}

static const char *entry_unsaid(const struct bh_kubernetes_selected *s)
{
	if (s->nobody || s->unsaid != NULL)
		return s->nobody ? NULL : s->unsaid;
	return s->is_pod ? NULL
			 : "it may be who is no pod, and Kubernetes selects pods alone: ask for "
			   "" BH_NAMESPACE ": {exists: true}, too";
}

const char *bh_kubernetes_peer_unsaid(const struct bh_kubernetes_export *e,
				      const struct bh_policy_peer *peer)
{
	switch (peer->kind) {
	case BH_POLICY_WORKLOAD:
		return entry_unsaid(&e->entries[peer->workload]);
	case BH_POLICY_PREFIX:
		return peer->containers ? NULL
					: "it is of the outside alone, and an ipBlock of pods with "
					  "such an address, too: say containers: true where that "
					  "is meant";
	case BH_POLICY_WORLD:
		return "Kubernetes has no word for the outside alone, without pods: say {cidr: "
		       "0.0.0.0/0, containers: true}, and the same of ::/0, where those are meant, "
		       "too";
	case BH_POLICY_METADATA:
		return "Kubernetes has no word for the metadata service: say {cidr: "
		       "169.254.169.254/32, containers: true} where that address is meant";
	case BH_POLICY_MULTICAST:
		return "Kubernetes has no word for multicast and broadcast";
	case BH_POLICY_DNS:
		return "Kubernetes knows no names outside: say their addresses";
	}
	return NULL;
}

bool bh_kubernetes_writes_peer(const struct bh_kubernetes_export *e,
			       const struct bh_policy_peer *peer)
{
	if (peer->kind == BH_POLICY_HOST ||
	    (peer->kind == BH_POLICY_WORKLOAD && e->entries[peer->workload].nobody))
		return false;
	return bh_kubernetes_peer_unsaid(e, peer) == NULL;
}

bool bh_kubernetes_writes_port(const struct bh_policy_port *port)
{
	return port->proto == BH_ANY_PROTOCOL || port->proto == IPPROTO_TCP ||
	       port->proto == IPPROTO_UDP || port->proto == IPPROTO_SCTP;
}

bool bh_kubernetes_has_any_port(const struct bh_policy_rule *r)
{
	for (size_t i = 0; i < r->port_count; i++)
		if (r->ports[i].proto == BH_ANY_PROTOCOL)
			return true;
	return false;
}

/* --- the node --------------------------------------------------------------------------------- */

static bool has_host(const struct bh_policy_peers *peers)
{
	for (size_t i = 0; i < peers->count; i++)
		if (peers->items[i].kind == BH_POLICY_HOST)
			return true;
	return false;
}

static void mark_node(struct bh_kubernetes_export *e, enum bh_side side)
{
	bool denied = false;

	e->has_node[side] = bh_calloc(e->policy->workload_count + 1, sizeof(bool));
	for (size_t i = 0; i < e->policy->rule_count; i++) {
		const struct bh_policy_rule *r = &e->policy->rules[i];
		const struct bh_policy_peers *own = own_end(r, side);
		bool host = has_host(other_end(r, side));

		denied = denied || (host && denies_at(r, side));
		if (!host || r->over || r->rank != BH_RANK_ALLOW || r->expires != 0 ||
		    !bh_policy_rule_is_at(r, side) || !bh_kubernetes_has_any_port(r))
			continue;
		for (size_t j = 0; j < own->count; j++)
			if (own->items[j].kind == BH_POLICY_WORKLOAD)
				e->has_node[side][own->items[j].workload] = true;
	}
	for (size_t i = 0; denied && i < e->policy->workload_count; i++)
		e->has_node[side][i] = false;
}

/* --- denials ---------------------------------------------------------------------------------- */

/* Whether both may speak of the same. */
static bool peers_overlap(const struct bh_kubernetes_export *e, const struct bh_policy_peer *a,
			  const struct bh_policy_peer *b)
{
	bool prefixes = a->kind == BH_POLICY_PREFIX && b->kind == BH_POLICY_PREFIX;

	if (a->kind == BH_POLICY_WORKLOAD && b->kind == BH_POLICY_WORKLOAD)
		return !bh_selectors_clash(&e->entries[a->workload].labels,
					   &e->entries[b->workload].labels);
	if (a->kind == BH_POLICY_WORKLOAD || b->kind == BH_POLICY_WORKLOAD)
		return a->containers || b->containers;
	if (a->kind == BH_POLICY_HOST || b->kind == BH_POLICY_HOST)
		return a->kind == b->kind;
	if (!prefixes)
		return true;
	return bh_prefix_contains(&a->prefix, &b->prefix.addr) ||
	       bh_prefix_contains(&b->prefix, &a->prefix.addr);
}

static bool any_overlaps(const struct bh_kubernetes_export *e, const struct bh_policy_peers *a,
			 const struct bh_policy_peer *b)
{
	for (size_t i = 0; i < a->count; i++)
		if (peers_overlap(e, &a->items[i], b))
			return true;
	return false;
}

static bool ports_overlap(const struct bh_policy_rule *a, const struct bh_policy_rule *b)
{
	for (size_t i = 0; i < a->port_count; i++) {
		for (size_t j = 0; j < b->port_count; j++) {
			const struct bh_policy_port *p = &a->ports[i], *q = &b->ports[j];
			bool any = p->proto == BH_ANY_PROTOCOL || q->proto == BH_ANY_PROTOCOL;
			bool named = p->name != NULL || q->name != NULL;

			if (any || (p->proto == q->proto &&
				    (named || (p->first <= q->last && q->first <= p->last))))
				return true;
		}
	}
	return false;
}

/* Whether the denial may be of something that the rule allows at that side of the workload. */
static bool denies_some(const struct bh_kubernetes_export *e, const struct bh_policy_rule *denial,
			const struct bh_policy_rule *r, enum bh_side side,
			const struct bh_policy_peer *own)
{
	const struct bh_policy_peers *others = other_end(r, side);

	if (!denies_at(denial, side) || denial->rank <= r->rank || !ports_overlap(denial, r) ||
	    !any_overlaps(e, own_end(denial, side), own))
		return false;
	for (size_t i = 0; i < others->count; i++)
		if (any_overlaps(e, other_end(denial, side), &others->items[i]))
			return true;
	return false;
}

static bool is_denied(struct bh_kubernetes_export *e, size_t rule, enum bh_side side,
		      const struct bh_policy_peer *own)
{
	char why[80];

	for (size_t i = 0; e->policy->denies && i < e->policy->rule_count; i++) {
		if (!denies_some(e, &e->policy->rules[i], &e->policy->rules[rule], side, own))
			continue;
		snprintf(why, sizeof(why), "rule %zu may deny some of it", i + 1);
		tell(e, (int)rule, e->policy->workloads[own->workload].name, why);
		return true;
	}
	return false;
}

/* --- rules ------------------------------------------------------------------------------------ */

static void tell_peer(struct bh_kubernetes_export *e, size_t rule,
		      const struct bh_policy_peer *peer, const char *why)
{
	struct bh_buffer text = { 0 };

	bh_policy_put_peer(&text, e->policy, peer);
	tell(e, (int)rule, text.data, why);
	bh_buffer_free(&text);
}

/* Whether anything is left to be said of the other end; what cannot be is told. */
static bool word_peers(struct bh_kubernetes_export *e, size_t rule, enum bh_side side,
		       size_t workload)
{
	const struct bh_policy_rule *r = &e->policy->rules[rule];
	const struct bh_policy_peers *others = other_end(r, side);
	bool any = bh_kubernetes_is_all(e, others, side);
	bool node = bh_kubernetes_has_any_port(r) || e->has_node[side][workload];

	for (size_t i = 0; !any && i < others->count; i++) {
		const struct bh_policy_peer *peer = &others->items[i];
		const char *why = bh_kubernetes_peer_unsaid(e, peer);

		if (peer->kind == BH_POLICY_HOST && !node)
			why = "in Kubernetes a node and its pods reach each other on every port: "
			      "say ports: [any] where that is meant";
		if (why != NULL)
			tell_peer(e, rule, peer, why);
	}
	for (size_t i = 0; !any && i < others->count; i++)
		any = bh_kubernetes_writes_peer(e, &others->items[i]);
	return any;
}

static bool word_ports(struct bh_kubernetes_export *e, size_t rule)
{
	const struct bh_policy_rule *r = &e->policy->rules[rule];
	bool any = bh_kubernetes_has_any_port(r);
	char text[BH_POLICY_PORT_TEXT];

	for (size_t i = 0; !any && i < r->port_count; i++)
		if (!bh_kubernetes_writes_port(&r->ports[i]))
			tell(e, (int)rule, bh_policy_port_format(&r->ports[i], text),
			     "Kubernetes speaks of TCP, UDP and SCTP, or of everything");
	for (size_t i = 0; !any && i < r->port_count; i++)
		any = bh_kubernetes_writes_port(&r->ports[i]);
	return any;
}

/* Of an entry that is open those that another one closes. */
static void add_common(struct bh_kubernetes_export *e, size_t rule, enum bh_side side,
		       size_t workload, size_t closed)
{
	const struct bh_policy_workload *names = e->policy->workloads;
	struct bh_kubernetes_selected both;
	struct bh_selector labels = { 0 };
	struct bh_buffer called = { 0 };
	char key[64];

	bh_selector_ask_all(&labels, &e->entries[workload].labels);
	bh_selector_ask_all(&labels, &e->entries[closed].labels);
	select_by(&both, &labels);
	const char *why = both.nobody ? NULL : own_unsaid(e, &both, side);
	bh_buffer_printf(&called, "%s in %s", names[workload].name, names[closed].name);
	snprintf(key, sizeof(key), "%zu&%zu", workload, closed);
	if (why != NULL)
		tell_entry(e, (int)rule, workload, why);
	else if (!both.nobody)
		add_part(e, &(struct owner) { key, called.data, &both.pods }, &both, side,
			 (int)rule);
	bh_buffer_free(&called);
	free_selected(&both);
}

/* Whether what it allows there has to be written: no object closes who is open. */
static bool is_any_closed(const struct bh_kubernetes_export *e, size_t workload, enum bh_side side)
{
	if (e->entries[workload].nobody)
		return false;
	if (e->closed[side][workload] || is_closed_by_default(e, side))
		return e->closed[side][workload];
	for (size_t i = 0; i < e->policy->workload_count; i++)
		if (e->closed[side][i] &&
		    !bh_selectors_clash(&e->entries[workload].labels, &e->entries[i].labels))
			return true;
	return false;
}

static void add_to_common(struct bh_kubernetes_export *e, size_t rule, enum bh_side side,
			  size_t workload)
{
	for (size_t i = 0; i < e->policy->workload_count; i++)
		if (e->closed[side][i] &&
		    !bh_selectors_clash(&e->entries[workload].labels, &e->entries[i].labels))
			add_common(e, rule, side, workload, i);
}

static void add_own(struct bh_kubernetes_export *e, size_t rule, enum bh_side side,
		    const struct bh_policy_peer *own)
{
	size_t workload = own->workload;
	const char *why = own_unsaid(e, &e->entries[workload], side);

	if (!is_any_closed(e, workload, side) || is_denied(e, rule, side, own))
		return;
	bool closed = e->closed[side][workload];
	if (closed && why != NULL)
		tell_entry(e, (int)rule, workload, why);
	bool peers = word_peers(e, rule, side, workload), ports = word_ports(e, rule);
	if (!peers || !ports)
		return;
	if (!closed)
		add_to_common(e, rule, side, workload);
	else if (why == NULL)
		add_entry(e, workload, side, (int)rule);
}

/* What holds of all of the rule; NULL: nothing stands in the way. */
static const char *rule_unsaid(const struct bh_policy_rule *r)
{
	if (bh_rank_denies(r->rank))
		return "it denies, and Kubernetes' policies only allow";
	if (bh_rank_is_platform(r->rank))
		return "tier: platform: Kubernetes' policies have no order; where nothing is "
		       "denied the rule says the same without";
	return r->expires != 0 ? "it expires, and Kubernetes' policies do not" : NULL;
}

static void add_rule(struct bh_kubernetes_export *e, size_t rule)
{
	const struct bh_policy_rule *r = &e->policy->rules[rule];
	const char *why = rule_unsaid(r);

	if (r->over)
		return;
	if (why != NULL) {
		tell(e, (int)rule, "", why);
		return;
	}
	for (enum bh_side side = BH_EGRESS; side <= BH_INGRESS; side++) {
		const struct bh_policy_peers *own = own_end(r, side);

		for (size_t i = 0; bh_policy_rule_is_at(r, side) && i < own->count; i++)
			if (own->items[i].kind == BH_POLICY_WORKLOAD)
				add_own(e, rule, side, &own->items[i]);
	}
}

/* --- notes ------------------------------------------------------------------------------------ */

static void note_namespaces(struct bh_kubernetes_export *e)
{
	struct bh_buffer text = { 0 };

	if (e->scope_count == 0 ||
	    !(is_closed_by_default(e, BH_EGRESS) || is_closed_by_default(e, BH_INGRESS)))
		return;
	bh_buffer_puts(&text, "what no rule speaks of is denied in the namespaces that the policy "
			      "names alone: ");
	for (size_t i = 0; i < e->scope_count; i++)
		bh_buffer_printf(&text, "%s%s", i > 0 ? ", " : "", e->scope[i]);
	note(e, bh_buffer_steal(&text));
}

/* Whom a node would not reach, or who not the node, by the policy. */
static bool is_apart(const struct bh_kubernetes_export *e, size_t workload)
{
	for (enum bh_side side = BH_EGRESS; side <= BH_INGRESS; side++)
		if (e->closed[side][workload] && !e->has_node[side][workload])
			return !e->entries[workload].nobody;
	return false;
}

/* Whether a rule lets the node have all pods of the namespace, whoever they are. */
static bool has_all_of(const struct bh_kubernetes_export *e, const char *namespace,
		       enum bh_side side)
{
	for (size_t i = 0; i < e->policy->workload_count; i++) {
		const struct bh_kubernetes_selected *s = &e->entries[i];
		const struct bh_policy_label *in =
			bh_selector_find(&s->namespaces, BH_NAMESPACE_NAME_LABEL, BH_LABEL_IN);

		if (e->has_node[side][i] && s->pods.count == 0 && own_unsaid(e, s, side) == NULL &&
		    (in == NULL || bh_policy_label_has(in, namespace)) &&
		    !is_left_out(s, namespace))
			return true;
	}
	return false;
}

/* Of the pods that no entry selects. */
static bool are_others_apart(const struct bh_kubernetes_export *e)
{
	for (enum bh_side side = BH_EGRESS; side <= BH_INGRESS; side++)
		for (size_t i = 0; is_closed_by_default(e, side) && i < e->scope_count; i++)
			if (!has_all_of(e, e->scope[i], side))
				return true;
	return false;
}

static void note_node(struct bh_kubernetes_export *e)
{
	struct bh_buffer text = { 0 };
	size_t count = 0;

	bh_buffer_puts(&text, "a node and its pods reach each other in Kubernetes, whatever is "
			      "closed, and by the policy they do not: ");
	for (size_t i = 0; i < e->policy->workload_count; i++) {
		if (!is_apart(e, i))
			continue;
		if (count < SHOWN_NAMES)
			bh_buffer_printf(&text, "%s%s", count > 0 ? ", " : "",
					 e->policy->workloads[i].name);
		count++;
	}
	if (count > SHOWN_NAMES)
		bh_buffer_printf(&text, " and %zu more", count - SHOWN_NAMES);
	else if (count == 0)
		bh_buffer_puts(&text, "who is none of its workloads");
	if (count > 0 || are_others_apart(e))
		note(e, bh_buffer_steal(&text));
	bh_buffer_free(&text);
}

static void add_notes(struct bh_kubernetes_export *e)
{
	note_namespaces(e);
	note_node(e);
	if (e->policy->deny == BH_DROP)
		note(e, bh_strdup("deny: drop: how a packet is refused is the network plugin's "
				  "business"));
	if (e->policy->says_posture)
		note(e, bh_strdup("posture: to Kubernetes no pod is unknown: who is selected meets "
				  "the objects from the start, and who is not is open"));
}

/* --- the export ------------------------------------------------------------------------------- */

static int compare_objects(const void *a, const void *b)
{
	const struct bh_kubernetes_object *x = a, *y = b;
	int order = strcmp(x->namespace, y->namespace);

	return order != 0 ? order : strcmp(x->name, y->name);
}

static int compare_unsaid(const void *a, const void *b)
{
	const struct bh_kubernetes_unsaid *x = a, *y = b;

	return x->rule != y->rule ? (x->rule < y->rule ? -1 : 1) : strcmp(x->text, y->text);
}

struct bh_kubernetes_export *bh_kubernetes_export_new(const struct bh_policy *policy)
{
	struct bh_kubernetes_export *e = bh_calloc(1, sizeof(*e));

	e->policy = policy;
	e->by_key = bh_map_new(NULL);
	e->names = bh_map_new(NULL);
	e->told = bh_map_new(free);
	read_entries(e);
	find_scope(e);
	for (enum bh_side side = BH_EGRESS; side <= BH_INGRESS; side++) {
		mark_node(e, side);
		close_side(e, side);
	}
	for (size_t i = 0; i < policy->rule_count; i++)
		add_rule(e, i);
	add_notes(e);
	if (e->object_count > 0)
		qsort(e->objects, e->object_count, sizeof(*e->objects), compare_objects);
	if (e->unsaid_count > 0)
		qsort(e->unsaid, e->unsaid_count, sizeof(*e->unsaid), compare_unsaid);
	return e;
}

static void free_object(struct bh_kubernetes_object *o)
{
	free(o->name);
	free(o->namespace);
	bh_selector_free(&o->pods);
	free(o->rules[BH_EGRESS]);
	free(o->rules[BH_INGRESS]);
}

void bh_kubernetes_export_free(struct bh_kubernetes_export *e)
{
	if (e == NULL)
		return;
	for (size_t i = 0; i < e->policy->workload_count; i++)
		free_selected(&e->entries[i]);
	for (size_t i = 0; i < e->object_count; i++)
		free_object(&e->objects[i]);
	for (size_t i = 0; i < e->scope_count; i++)
		free(e->scope[i]);
	for (size_t i = 0; i < e->note_count; i++)
		free(e->notes[i]);
	for (enum bh_side side = BH_EGRESS; side <= BH_INGRESS; side++) {
		free(e->closed[side]);
		free(e->has_node[side]);
	}
	bh_map_free(e->by_key);
	bh_map_free(e->names);
	bh_map_free(e->told);
	free(e->entries);
	free(e->objects);
	free(e->unsaid);
	free(e->scope);
	free(e->notes);
	free(e);
}

size_t bh_kubernetes_export_unsaid_count(const struct bh_kubernetes_export *e)
{
	return e->unsaid_count;
}

struct bh_kubernetes_unsaid bh_kubernetes_export_unsaid(const struct bh_kubernetes_export *e,
							size_t index)
{
	return e->unsaid[index];
}

bool bh_kubernetes_export_errs_safely(const struct bh_kubernetes_export *e)
{
	return !e->errs_unsafely;
}

size_t bh_kubernetes_export_note_count(const struct bh_kubernetes_export *e)
{
	return e->note_count;
}

const char *bh_kubernetes_export_note(const struct bh_kubernetes_export *e, size_t index)
{
	return e->notes[index];
}

size_t bh_kubernetes_export_objects(const struct bh_kubernetes_export *e)
{
	return e->object_count;
}
