/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An export's objects as YAML, or as a List in JSON. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "buffer.h"
#include "kubernetes.h"
#include "kubernetes_parts.h"
#include "print.h"

#define DEEPEST 64 /* columns of an indent */

/* --- documents -------------------------------------------------------------------------------- */

/* Maps and lists, as block YAML or as JSON. */
struct writer {
	struct bh_buffer out;
	bool json;
	size_t depth;
	bool dash; /* of YAML: what is written next begins a list's item */
};

static void put_indent(struct writer *w, size_t depth)
{
	for (size_t i = 0; i < depth; i++)
		bh_buffer_puts(&w->out, w->json ? "\t" : "  ");
}

/* What every reader of YAML takes for a text, and for this one. Quoted nothing has to be escaped:
 * labels, names and prefixes are made of letters, digits and a few others. */
static bool is_plain(const char *text)
{
	static const char *const words[] = { "true", "false", "null", "yes", "no",
					     "on",   "off",   "y",    "n" };

	if (!((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z')))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(words[i], text) == 0)
			return false;
	return strchr(text, ':') == NULL;
}

/* Up to the value; key: NULL in a list. */
static void begin(struct writer *w, const char *key)
{
	if (w->json) {
		char last = w->out.length > 0 ? w->out.data[w->out.length - 1] : '\0';

		if (last != '\0')
			bh_buffer_puts(&w->out, last == '{' || last == '[' ? "\n" : ",\n");
		put_indent(w, w->depth);
		if (key != NULL)
			bh_buffer_printf(&w->out, "\"%s\": ", key);
		return;
	}
	if (w->dash || key == NULL) {
		put_indent(w, w->depth - 1);
		bh_buffer_puts(&w->out, "- ");
	} else {
		put_indent(w, w->depth);
	}
	w->dash = false;
	/* Labels may be called as if they were none: 1_0, on. */
	if (key != NULL)
		bh_buffer_printf(&w->out, is_plain(key) ? "%s:" : "\"%s\":", key);
}

/* A map, or a list ("["), that has something in it. */
static void open_node(struct writer *w, const char *key, const char *bracket)
{
	if (w->json) {
		begin(w, key);
		bh_buffer_puts(&w->out, bracket);
	} else if (key != NULL) {
		begin(w, key);
		bh_buffer_puts(&w->out, "\n");
	} else {
		w->dash = true;
	}
	/* Of YAML the items of a list stand one deeper than the dash. */
	w->depth += !w->json && bracket[0] == '[' ? 2 : key == NULL && !w->json ? 0 : 1;
}

static void close_node(struct writer *w, const char *key, const char *bracket)
{
	w->depth -= !w->json && bracket[0] == ']' ? 2 : key == NULL && !w->json ? 0 : 1;
	if (!w->json)
		return;
	bh_buffer_puts(&w->out, "\n");
	put_indent(w, w->depth);
	bh_buffer_puts(&w->out, bracket);
}

/* As it stands: a number, "{}". */
static void put(struct writer *w, const char *key, const char *value)
{
	begin(w, key);
	if (!w->json)
		bh_buffer_printf(&w->out, "%s%s\n", key != NULL ? " " : "", value);
	else
		bh_buffer_puts(&w->out, value);
}

static void put_text(struct writer *w, const char *key, const char *text)
{
	struct bh_buffer quoted = { 0 };

	if (!w->json && is_plain(text)) {
		put(w, key, text);
		return;
	}
	bh_buffer_printf(&quoted, "\"%s\"", text);
	put(w, key, quoted.data);
	bh_buffer_free(&quoted);
}

static void put_number(struct writer *w, const char *key, unsigned number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	put(w, key, text);
}

/* Above an item of a list. */
static void put_comment(struct writer *w, const char *text)
{
	char indent[DEEPEST + 1];

	if (w->json)
		return;
	snprintf(indent, sizeof(indent), "%*s", (int)(2 * (w->depth - 1)), "");
	bh_policy_put_comment(&w->out, indent, text);
}

/* --- selectors -------------------------------------------------------------------------------- */

static bool is_one_value(const struct bh_policy_label *label)
{
	return label->test == BH_LABEL_IN && label->value_count == 1;
}

static size_t count_values(const struct bh_selector *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++)
		count += is_one_value(&s->items[i]);
	return count;
}

static void write_expression(struct writer *w, const struct bh_policy_label *label)
{
	static const char *const operators[] = { [BH_LABEL_IN] = "In",
						 [BH_LABEL_NOT_IN] = "NotIn",
						 [BH_LABEL_EXISTS] = "Exists",
						 [BH_LABEL_ABSENT] = "DoesNotExist" };

	open_node(w, NULL, "{");
	put_text(w, "key", label->key);
	put_text(w, "operator", operators[label->test]);
	if (label->value_count > 0) {
		open_node(w, "values", "[");
		for (size_t i = 0; i < label->value_count; i++)
			put_text(w, NULL, label->values[i]);
		close_node(w, "values", "]");
	}
	close_node(w, NULL, "}");
}

static void write_selector(struct writer *w, const char *key, const struct bh_selector *s)
{
	size_t values = count_values(s);

	if (s->count == 0) {
		put(w, key, "{}");
		return;
	}
	open_node(w, key, "{");
	if (values > 0)
		open_node(w, "matchLabels", "{");
	for (size_t i = 0; i < s->count; i++)
		if (is_one_value(&s->items[i]))
			put_text(w, s->items[i].key, s->items[i].values[0]);
	if (values > 0)
		close_node(w, "matchLabels", "}");
	if (values < s->count)
		open_node(w, "matchExpressions", "[");
	for (size_t i = 0; i < s->count; i++)
		if (!is_one_value(&s->items[i]))
			write_expression(w, &s->items[i]);
	if (values < s->count)
		close_node(w, "matchExpressions", "]");
	close_node(w, key, "}");
}

/* --- rules ------------------------------------------------------------------------------------ */

static void write_block(struct writer *w, const struct bh_policy_peer *peer)
{
	char text[BH_PREFIX_TEXT];

	open_node(w, "ipBlock", "{");
	put_text(w, "cidr", bh_prefix_format(&peer->prefix, text));
	if (peer->except != NULL) {
		open_node(w, "except", "[");
		for (size_t i = 0; i < peer->except->count; i++)
			put_text(w, NULL, bh_prefix_format(&peer->except->items[i], text));
		close_node(w, "except", "]");
	}
	close_node(w, "ipBlock", "}");
}

static bool is_of_namespace(const struct bh_selector *namespaces, const char *name)
{
	return namespaces->count == 1 && is_one_value(&namespaces->items[0]) &&
	       strcmp(namespaces->items[0].key, BH_NAMESPACE_NAME_LABEL) == 0 &&
	       strcmp(namespaces->items[0].values[0], name) == 0;
}

/* namespace: the object's, which goes without saying. */
static void write_pods(struct writer *w, const struct bh_kubernetes_selected *s,
		       const char *namespace)
{
	bool here = is_of_namespace(&s->namespaces, namespace);

	if (!here)
		write_selector(w, "namespaceSelector", &s->namespaces);
	if (here || s->pods.count > 0)
		write_selector(w, "podSelector", &s->pods);
}

static void write_peers(struct writer *w, const struct bh_kubernetes_export *e,
			const struct bh_kubernetes_object *o, const struct bh_policy_peers *peers,
			const char *key)
{
	open_node(w, key, "[");
	for (size_t i = 0; i < peers->count; i++) {
		const struct bh_policy_peer *peer = &peers->items[i];

		if (!bh_kubernetes_writes_peer(e, peer))
			continue;
		open_node(w, NULL, "{");
		if (peer->kind == BH_POLICY_PREFIX)
			write_block(w, peer);
		else
			write_pods(w, &e->entries[peer->workload], o->namespace);
		close_node(w, NULL, "}");
	}
	close_node(w, key, "]");
}

static void write_port(struct writer *w, const struct bh_policy_port *port)
{
	char name[40];

	open_node(w, NULL, "{");
	put_text(w, "protocol",
		 port->proto == IPPROTO_TCP   ? "TCP"
		 : port->proto == IPPROTO_UDP ? "UDP"
					      : "SCTP");
	if (port->name != NULL) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(port->name, "/"), port->name);
		put_text(w, "port", name);
	} else if (port->first > 1 || port->last < UINT16_MAX) {
		put_number(w, "port", port->first);
		if (port->last > port->first)
			put_number(w, "endPort", port->last);
	}
	close_node(w, NULL, "}");
}

static void write_ports(struct writer *w, const struct bh_policy_rule *r)
{
	if (bh_kubernetes_has_any_port(r))
		return;
	open_node(w, "ports", "[");
	for (size_t i = 0; i < r->port_count; i++)
		if (bh_kubernetes_writes_port(&r->ports[i]))
			write_port(w, &r->ports[i]);
	close_node(w, "ports", "]");
}

static void comment_rule(struct writer *w, const struct bh_kubernetes_export *e, int rule)
{
	const char *said = rule >= 0 ? e->policy->rules[rule].note : NULL;
	struct bh_buffer text = { 0 };

	if (rule == BH_EVERYTHING)
		bh_buffer_puts(&text, "open by default");
	else
		bh_buffer_printf(&text, "rule %d%s%s", rule + 1, said != NULL ? ": " : "",
				 said != NULL ? said : "");
	put_comment(w, text.data);
	bh_buffer_free(&text);
}

static void write_rule(struct writer *w, const struct bh_kubernetes_export *e,
		       const struct bh_kubernetes_object *o, enum bh_side side, int rule)
{
	const struct bh_policy_rule *r = rule >= 0 ? &e->policy->rules[rule] : NULL;
	const struct bh_policy_peers *others = r == NULL	   ? NULL
					       : side == BH_EGRESS ? &r->to
								   : &r->from;
	bool all = r == NULL || bh_kubernetes_is_all(e, others, side);

	comment_rule(w, e, rule);
	if (all && (r == NULL || bh_kubernetes_has_any_port(r))) {
		put(w, NULL, "{}");
		return;
	}
	open_node(w, NULL, "{");
	if (!all)
		write_peers(w, e, o, others, side == BH_EGRESS ? "to" : "from");
	write_ports(w, r);
	close_node(w, NULL, "}");
}

/* --- objects ---------------------------------------------------------------------------------- */

static void write_spec(struct writer *w, const struct bh_kubernetes_export *e,
		       const struct bh_kubernetes_object *o)
{
	static const char *const types[] = { [BH_EGRESS] = "Egress", [BH_INGRESS] = "Ingress" };
	static const char *const keys[] = { [BH_EGRESS] = "egress", [BH_INGRESS] = "ingress" };

	open_node(w, "spec", "{");
	write_selector(w, "podSelector", &o->pods);
	open_node(w, "policyTypes", "[");
	for (enum bh_side side = BH_EGRESS; side <= BH_INGRESS; side++)
		if (o->closed[side])
			put_text(w, NULL, types[side]);
	close_node(w, "policyTypes", "]");
	for (enum bh_side side = BH_EGRESS; side <= BH_INGRESS; side++) {
		if (o->rule_count[side] == 0)
			continue;
		open_node(w, keys[side], "[");
		for (size_t i = 0; i < o->rule_count[side]; i++)
			write_rule(w, e, o, side, o->rules[side][i]);
		close_node(w, keys[side], "]");
	}
	close_node(w, "spec", "}");
}

static void write_object(struct writer *w, const struct bh_kubernetes_export *e,
			 const struct bh_kubernetes_object *o)
{
	put_text(w, "apiVersion", "networking.k8s.io/v1");
	put_text(w, "kind", "NetworkPolicy");
	open_node(w, "metadata", "{");
	put_text(w, "name", o->name);
	put_text(w, "namespace", o->namespace);
	close_node(w, "metadata", "}");
	write_spec(w, e, o);
}

char *bh_kubernetes_unsaid_text(const struct bh_kubernetes_unsaid *unsaid, const char *file)
{
	struct bh_buffer text = { 0 };

	if (file != NULL)
		bh_buffer_puts(&text, file);
	if (file != NULL && unsaid->line > 0)
		bh_buffer_printf(&text, ":%d", unsaid->line);
	bh_buffer_puts(&text, file != NULL ? ": " : "");
	if (unsaid->rule >= 0)
		bh_buffer_printf(&text, "rule %d: ", unsaid->rule + 1);
	bh_buffer_puts(&text, unsaid->text);
	return bh_buffer_steal(&text);
}

static void put_head(struct bh_buffer *out, const struct bh_kubernetes_export *e, const char *file)
{
	if (e->unsaid_count > 0)
		bh_policy_put_comment(
			out, "",
			"Not the whole policy: these objects allow less than it does, "
			"never more. They do not say:");
	for (size_t i = 0; i < e->unsaid_count; i++) {
		char *text = bh_kubernetes_unsaid_text(&e->unsaid[i], file);

		bh_policy_put_comment(out, "", text);
		free(text);
	}
	if (e->note_count > 0)
		bh_policy_put_comment(out, "", "What no object can change:");
	for (size_t i = 0; i < e->note_count; i++)
		bh_policy_put_comment(out, "", e->notes[i]);
}

char *bh_kubernetes_export_print(const struct bh_kubernetes_export *e, const char *file)
{
	struct writer w = { 0 };

	put_head(&w.out, e, file);
	if (e->object_count == 0)
		bh_policy_put_comment(&w.out, "", "Nobody is closed: there is nothing to say.");
	for (size_t i = 0; i < e->object_count; i++) {
		bh_buffer_puts(&w.out, i > 0 ? "---\n" : "");
		write_object(&w, e, &e->objects[i]);
	}
	return bh_buffer_steal(&w.out);
}

char *bh_kubernetes_export_print_json(const struct bh_kubernetes_export *e)
{
	struct writer w = { .json = true };

	open_node(&w, NULL, "{");
	put_text(&w, "apiVersion", "v1");
	put_text(&w, "kind", "List");
	if (e->object_count == 0)
		put(&w, "items", "[]");
	else
		open_node(&w, "items", "[");
	for (size_t i = 0; i < e->object_count; i++) {
		open_node(&w, NULL, "{");
		write_object(&w, e, &e->objects[i]);
		close_node(&w, NULL, "}");
	}
	if (e->object_count > 0)
		close_node(&w, "items", "]");
	close_node(&w, NULL, "}");
	bh_buffer_puts(&w.out, "\n");
	return bh_buffer_steal(&w.out);
}
