/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "print.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "buffer.h"
#include "edge_id.h"
#include "port.h"
#include "ruleset.h"
#include "utf8.h"

#define LIST_WIDTH 80 /* bytes of a list after which it goes on in the next line */

static size_t decode(const char *text, uint32_t *code)
{
	return bh_utf8_decode(text, strnlen(text, 4), code);
}

/* Control characters, and what YAML does not print or reads as the end of a line. */
static bool needs_escape(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
	       code == 0xfeff || (code & 0xfffe) == 0xfffe;
}

static bool has_special_character(const char *text)
{
	uint32_t code;

	for (size_t length; *text != '\0'; text += length) {
		length = decode(text, &code);
		if (length == 0 || needs_escape(code) ||
		    (code < 0x80 && strchr(",[]{}\"\\", (int)code) != NULL))
			return true;
	}
	return false;
}

/* What YAML would read as something else than this text, plain. */
static bool needs_quotes(const char *text)
{
	static const char *const words[] = { "true", "false", "null", "yes", "no", "on", "off" };

	if (text[0] == '\0' || strchr("-?:#&*!|>'%@`~=< ", text[0]) != NULL ||
	    strchr(" :", text[strlen(text) - 1]) != NULL)
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(words[i], text) == 0)
			return true;
	return strstr(text, ": ") != NULL || strstr(text, " #") != NULL ||
	       has_special_character(text);
}

static void put_quoted(struct bh_buffer *out, const char *text)
{
	uint32_t code;

	bh_buffer_puts(out, "\"");
	for (size_t length; *text != '\0'; text += length) {
		length = decode(text, &code);
		if (length == 0) {
			/* No text in any file can say this byte: what it stands for is lost. */
			bh_buffer_puts(out, "\xef\xbf\xbd");
			length = 1;
		} else if (needs_escape(code)) {
			bh_buffer_printf(out, code < 0x100 ? "\\x%02x" : "\\U%08x", code);
		} else {
			if (code == '"' || code == '\\')
				bh_buffer_puts(out, "\\");
			bh_buffer_append(out, text, length);
		}
	}
	bh_buffer_puts(out, "\"");
}

static void put_text(struct bh_buffer *out, const char *text)
{
	if (needs_quotes(text))
		put_quoted(out, text);
	else
		bh_buffer_puts(out, text);
}

/* One line of a comment behind "#". What could end the line, or the document, becomes a "?". */
static void put_comment_line(struct bh_buffer *out, const char *text, const char *end)
{
	uint32_t code;

	bh_buffer_puts(out, text < end ? "# " : "#");
	while (text < end) {
		size_t length = decode(text, &code);

		if (length == 0 || (code != '\t' && needs_escape(code)))
			bh_buffer_puts(out, "?");
		else
			bh_buffer_append(out, text, length);
		text += length > 0 ? length : 1;
	}
	bh_buffer_puts(out, "\n");
}

void bh_policy_put_comment(struct bh_buffer *out, const char *indent, const char *comment)
{
	for (;;) {
		const char *end = strchrnul(comment, '\n');

		bh_buffer_puts(out, indent);
		put_comment_line(out, comment, end);
		if (*end == '\0')
			return;
		comment = end + 1;
	}
}

/* Between a list's items; a long list goes on in a line of its own. line: where the present one
 * begins; returns where the one after does. */
static size_t put_comma(struct bh_buffer *out, size_t line)
{
	if (out->length - line < LIST_WIDTH) {
		bh_buffer_puts(out, ", ");
		return line;
	}
	bh_buffer_puts(out, ",\n      ");
	return out->length;
}

/* How the values of a document are written. */
struct script {
	void (*put_text)(struct bh_buffer *out, const char *text);
	size_t (*put_comma)(struct bh_buffer *out, size_t line);
	const char *quote; /* around the keys that are ours */
};

/* One alone as it is, several as a list. */
static void put_values(struct bh_buffer *out, const struct script *script,
		       const struct bh_policy_label *label)
{
	size_t line = out->length;

	bh_buffer_puts(out, label->value_count != 1 ? "[" : "");
	for (size_t i = 0; i < label->value_count; i++) {
		if (i > 0)
			line = script->put_comma(out, line);
		script->put_text(out, label->values[i]);
	}
	bh_buffer_puts(out, label->value_count != 1 ? "]" : "");
}

static void put_test(struct bh_buffer *out, const struct script *script,
		     const struct bh_policy_label *label)
{
	static const char *const words[] = { [BH_LABEL_IN] = "in",
					     [BH_LABEL_NOT_IN] = "not",
					     [BH_LABEL_EXISTS] = "exists",
					     [BH_LABEL_ABSENT] = "exists" };

	bh_buffer_printf(out, "%s%s%s: ", script->quote, words[label->test], script->quote);
	if (label->test == BH_LABEL_IN || label->test == BH_LABEL_NOT_IN)
		put_values(out, script, label);
	else
		bh_buffer_puts(out, label->test == BH_LABEL_EXISTS ? "true" : "false");
}

static bool is_value(const struct bh_policy_label *label)
{
	return label->test == BH_LABEL_IN && label->value_count == 1;
}

static bool is_of_key(const struct bh_policy_workload *w, size_t label, const char *key)
{
	return label < w->label_count && strcmp(w->labels[label].key, key) == 0;
}

static bool is_first_of_key(const struct bh_policy_workload *w, size_t label)
{
	return label == 0 || !is_of_key(w, label - 1, w->labels[label].key);
}

/* All that is asked of this label. */
static void put_tests(struct bh_buffer *out, const struct script *script,
		      const struct bh_policy_workload *w, size_t label)
{
	const char *key = w->labels[label].key;

	script->put_text(out, key);
	bh_buffer_puts(out, ": ");
	if (is_value(&w->labels[label]) && !is_of_key(w, label + 1, key)) {
		script->put_text(out, w->labels[label].values[0]);
		return;
	}
	for (size_t i = label; is_of_key(w, i, key); i++) {
		bh_buffer_puts(out, i > label ? ", " : "{");
		put_test(out, script, &w->labels[i]);
	}
	bh_buffer_puts(out, "}");
}

static const struct script yaml = { put_text, put_comma, "" };

static void put_label(struct bh_buffer *out, const struct bh_policy_workload *w, size_t label)
{
	bh_buffer_puts(out, "    ");
	put_tests(out, &yaml, w, label);
	bh_buffer_puts(out, "\n");
}

static void put_workloads(struct bh_buffer *out, const struct bh_policy *p)
{
	bh_buffer_puts(out, p->workload_count > 0 ? "workloads:\n" : "workloads: {}\n");
	for (size_t i = 0; i < p->workload_count; i++) {
		const struct bh_policy_workload *w = &p->workloads[i];

		bh_buffer_puts(out, "  ");
		put_text(out, w->name);
		bh_buffer_puts(out, ":\n");
		for (size_t j = 0; j < w->label_count; j++)
			if (is_first_of_key(w, j))
				put_label(out, w, j);
	}
}

static void put_cidr(struct bh_buffer *out, const struct script *script,
		     const struct bh_policy_peer *peer)
{
	char text[BH_PREFIX_TEXT];
	size_t line = out->length;

	bh_buffer_printf(out, "{%scidr%s: ", script->quote, script->quote);
	script->put_text(out, bh_prefix_format(&peer->prefix, text));
	if (peer->except != NULL)
		bh_buffer_printf(out, ", %sexcept%s: [", script->quote, script->quote);
	for (size_t i = 0; peer->except != NULL && i < peer->except->count; i++) {
		if (i > 0)
			line = script->put_comma(out, line);
		script->put_text(out, bh_prefix_format(&peer->except->items[i], text));
	}
	bh_buffer_puts(out, peer->except != NULL ? "]" : "");
	if (peer->containers)
		bh_buffer_printf(out, ", %scontainers%s: true", script->quote, script->quote);
	bh_buffer_puts(out, "}");
}

static void put_peer(struct bh_buffer *out, const struct script *script, const struct bh_policy *p,
		     const struct bh_policy_peer *peer)
{
	char text[BH_PEER_NAME + 8];

	if (peer->except != NULL || peer->containers) {
		put_cidr(out, script, peer);
		return;
	}
	bh_policy_peer_text(p, peer, text, sizeof(text));
	script->put_text(out, text);
}

/* As they were written: one alone as it is, several as a list. */
static void put_peers(struct bh_buffer *out, const struct script *script, const struct bh_policy *p,
		      const struct bh_policy_peers *peers)
{
	const struct bh_policy_peer *items = peers->written != NULL ? peers->written : peers->items;
	size_t count = peers->written != NULL ? peers->written_count : peers->count;
	size_t line = out->length;

	bh_buffer_puts(out, count != 1 ? "[" : "");
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			line = script->put_comma(out, line);
		put_peer(out, script, p, &items[i]);
	}
	bh_buffer_puts(out, count != 1 ? "]" : "");
}

static void put_groups(struct bh_buffer *out, const struct bh_policy *p)
{
	if (p->group_count > 0)
		bh_buffer_puts(out, "groups:\n");
	for (size_t i = 0; i < p->group_count; i++) {
		bh_buffer_puts(out, "  ");
		put_text(out, p->groups[i].name);
		bh_buffer_puts(out, ": ");
		put_peers(out, &yaml, p, &p->groups[i].peers);
		bh_buffer_puts(out, "\n");
	}
}

/* Other programs than ours would read 12 digits as a number, and 11 with an "e" among them. */
static bool looks_like_number(const char *id)
{
	size_t digits = strspn(id, "0123456789");

	return id[digits] == '\0' ||
	       (digits > 0 && id[digits] == 'e' &&
		id[digits + 1 + strspn(id + digits + 1, "0123456789")] == '\0');
}

static void put_edges(struct bh_buffer *out, const struct bh_policy_rule *r)
{
	size_t line = out->length;
	char id[BH_EDGE_ID_TEXT];

	bh_buffer_puts(out, "    edges: [");
	for (size_t i = 0; i < r->edge_count; i++) {
		if (i > 0)
			line = put_comma(out, line);
		bh_edge_id_format(r->edges[i], id);
		bh_buffer_printf(out, looks_like_number(id) ? "\"%s\"" : "%s", id);
	}
	bh_buffer_puts(out, "]\n");
}

static bool says_default(const uint8_t defaults[2])
{
	return defaults[BH_EGRESS] != BH_DEFAULT_UNSAID ||
	       defaults[BH_INGRESS] != BH_DEFAULT_UNSAID;
}

/* "egress: allow, ingress: deny", what is said of it, each behind `before` but the first. */
static void put_sides(struct bh_buffer *out, const struct script *script, const uint8_t defaults[2],
		      const char *before)
{
	static const char *const names[] = { [BH_EGRESS] = "egress", [BH_INGRESS] = "ingress" };
	static const char *const actions[] = {
		[BH_DEFAULT_ALLOW] = "allow", [BH_DEFAULT_DENY] = "deny"
	};
	bool any = false;

	for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++) {
		if (defaults[side] == BH_DEFAULT_UNSAID)
			continue;
		bh_buffer_printf(out, "%s%s%s%s: ", any ? before : "", script->quote, names[side],
				 script->quote);
		script->put_text(out, actions[defaults[side]]);
		any = true;
	}
}

static bool has_defaults(const struct bh_policy *p)
{
	for (size_t i = 0; i < p->workload_count; i++)
		if (says_default(p->workloads[i].defaults))
			return true;
	return false;
}

static void put_defaults(struct bh_buffer *out, const struct bh_policy *p)
{
	bool some = has_defaults(p), all = says_default(p->defaults);

	if (!some && !all)
		return;
	bh_buffer_puts(out, all ? "defaults:\n  " : "defaults:\n");
	put_sides(out, &yaml, p->defaults, "\n  ");
	bh_buffer_puts(out, all ? "\n" : "");
	bh_buffer_puts(out, some ? "  workloads:\n" : "");
	for (size_t i = 0; i < p->workload_count; i++) {
		if (!says_default(p->workloads[i].defaults))
			continue;
		bh_buffer_puts(out, "    ");
		put_text(out, p->workloads[i].name);
		bh_buffer_puts(out, ": {");
		put_sides(out, &yaml, p->workloads[i].defaults, ", ");
		bh_buffer_puts(out, "}\n");
	}
}

static const char *side_of(const struct bh_policy_rule *r)
{
	return r->ends == BH_AT_EGRESS ? "egress" : "ingress";
}

/* bare: what it says, and no more. */
static void put_rule(struct bh_buffer *out, const struct bh_policy *p,
		     const struct bh_policy_rule *r, bool bare)
{
	char port[BH_POLICY_PORT_TEXT], expiry[BH_EXPIRY_TEXT];

	if (!bare && r->comment != NULL)
		bh_policy_put_comment(out, "  ", r->comment);
	bh_buffer_puts(out, "  - from: ");
	put_peers(out, &yaml, p, &r->from);
	bh_buffer_puts(out, "\n    to: ");
	put_peers(out, &yaml, p, &r->to);
	bh_buffer_puts(out, "\n    ports: [");
	for (size_t i = 0; i < r->port_count; i++)
		bh_buffer_printf(out, "%s%s", i > 0 ? ", " : "",
				 bh_policy_port_format(&r->ports[i], port));
	bh_buffer_puts(out, "]\n");
	if (bh_rank_denies(r->rank))
		bh_buffer_puts(out, "    action: deny\n");
	if (bh_rank_is_platform(r->rank))
		bh_buffer_puts(out, "    tier: platform\n");
	if (r->ends != BH_AT_BOTH)
		bh_buffer_printf(out, "    side: %s\n", side_of(r));
	if (r->expires != 0)
		bh_buffer_printf(out, "    expires: %s\n",
				 bh_policy_expiry_text(r->expires, expiry));
	if (!bare && r->note != NULL) {
		bh_buffer_puts(out, "    comment: ");
		put_text(out, r->note);
		bh_buffer_puts(out, "\n");
	}
	if (!bare && r->edge_count > 0)
		put_edges(out, r);
}

static char *print(const struct bh_policy *p, bool bare)
{
	struct bh_buffer out = { 0 };

	if (!bare && p->header != NULL)
		bh_policy_put_comment(&out, "", p->header);
	bh_buffer_printf(&out, "bulkhead-policy: 1\ndeny: %s\n",
			 p->deny == BH_DROP ? "drop" : "reject");
	if (p->says_posture)
		bh_buffer_printf(&out, "posture: %s\n", bh_posture_name(p->posture));
	put_workloads(&out, p);
	put_groups(&out, p);
	put_defaults(&out, p);
	bh_buffer_puts(&out, p->rule_count > 0 ? "rules:\n" : "rules: []\n");
	for (size_t i = 0; i < p->rule_count; i++)
		put_rule(&out, p, &p->rules[i], bare);
	return bh_buffer_steal(&out);
}

char *bh_policy_print(const struct bh_policy *p)
{
	return print(p, false);
}

char *bh_policy_print_bare(const struct bh_policy *p)
{
	return print(p, true);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void put_json(struct bh_buffer *out, const char *text)
{
	uint32_t code;

	bh_buffer_puts(out, "\"");
	for (size_t length; *text != '\0'; text += length) {
		length = decode(text, &code);
		if (length == 0) {
			bh_buffer_puts(out, "\xef\xbf\xbd");
			length = 1;
		} else if (needs_escape(code) && code <= 0xffff) {
			/* Beyond, JSON would need two of them, and YAML reads no such pair. */
			bh_buffer_printf(out, "\\u%04x", code);
		} else {
			if (code == '"' || code == '\\')
				bh_buffer_puts(out, "\\");
			bh_buffer_append(out, text, length);
		}
	}
	bh_buffer_puts(out, "\"");
}

static size_t put_json_comma(struct bh_buffer *out, size_t line)
{
	bh_buffer_puts(out, ", ");
	return line;
}

static const struct script json = { put_json, put_json_comma, "\"" };

static void put_json_workload(struct bh_buffer *out, const struct bh_policy_workload *w)
{
	bh_buffer_puts(out, "\t\t");
	put_json(out, w->name);
	for (size_t i = 0; i < w->label_count; i++) {
		if (!is_first_of_key(w, i))
			continue;
		bh_buffer_puts(out, i > 0 ? ", " : ": {");
		put_tests(out, &json, w, i);
	}
	bh_buffer_puts(out, "}");
}

static void put_json_groups(struct bh_buffer *out, const struct bh_policy *p)
{
	for (size_t i = 0; i < p->group_count; i++) {
		bh_buffer_puts(out, i > 0 ? ",\n\t\t" : "\t\"groups\": {\n\t\t");
		put_json(out, p->groups[i].name);
		bh_buffer_puts(out, ": ");
		put_peers(out, &json, p, &p->groups[i].peers);
	}
	bh_buffer_puts(out, p->group_count > 0 ? "\n\t},\n" : "");
}

static void put_json_rule(struct bh_buffer *out, const struct bh_policy *p,
			  const struct bh_policy_rule *r)
{
	char port[BH_POLICY_PORT_TEXT], id[BH_EDGE_ID_TEXT], expiry[BH_EXPIRY_TEXT];

	bh_buffer_puts(out, "\t\t{\"from\": ");
	put_peers(out, &json, p, &r->from);
	bh_buffer_puts(out, ", \"to\": ");
	put_peers(out, &json, p, &r->to);
	bh_buffer_puts(out, ", \"ports\": [");
	for (size_t i = 0; i < r->port_count; i++)
		bh_buffer_printf(out, "%s\"%s\"", i > 0 ? ", " : "",
				 bh_policy_port_format(&r->ports[i], port));
	bh_buffer_puts(out, "]");
	if (bh_rank_denies(r->rank))
		bh_buffer_puts(out, ", \"action\": \"deny\"");
	if (bh_rank_is_platform(r->rank))
		bh_buffer_puts(out, ", \"tier\": \"platform\"");
	if (r->ends != BH_AT_BOTH)
		bh_buffer_printf(out, ", \"side\": \"%s\"", side_of(r));
	if (r->expires != 0)
		bh_buffer_printf(out, ", \"expires\": \"%s\"",
				 bh_policy_expiry_text(r->expires, expiry));
	if (r->note != NULL) {
		bh_buffer_puts(out, ", \"comment\": ");
		put_json(out, r->note);
	}
	for (size_t i = 0; i < r->edge_count; i++)
		bh_buffer_printf(out, "%s\"%s\"", i > 0 ? ", " : ", \"edges\": [",
				 bh_edge_id_format(r->edges[i], id));
	bh_buffer_puts(out, r->edge_count > 0 ? "]}" : "}");
}

static void put_json_defaults(struct bh_buffer *out, const struct bh_policy *p)
{
	bool some = has_defaults(p), all = says_default(p->defaults), any = false;

	if (!some && !all)
		return;
	bh_buffer_puts(out, "\t\"defaults\": {");
	put_sides(out, &json, p->defaults, ", ");
	bh_buffer_puts(out, !some ? "" : all ? ", \"workloads\": {" : "\"workloads\": {");
	for (size_t i = 0; i < p->workload_count; i++) {
		if (!says_default(p->workloads[i].defaults))
			continue;
		bh_buffer_puts(out, any ? ", " : "");
		put_json(out, p->workloads[i].name);
		bh_buffer_puts(out, ": {");
		put_sides(out, &json, p->workloads[i].defaults, ", ");
		bh_buffer_puts(out, "}");
		any = true;
	}
	bh_buffer_puts(out, some ? "}},\n" : "},\n");
}

char *bh_policy_print_json(const struct bh_policy *p)
{
	struct bh_buffer out = { 0 };

	bh_buffer_printf(&out, "{\n\t\"bulkhead-policy\": 1,\n\t\"deny\": \"%s\",\n",
			 p->deny == BH_DROP ? "drop" : "reject");
	if (p->says_posture)
		bh_buffer_printf(&out, "\t\"posture\": \"%s\",\n", bh_posture_name(p->posture));
	bh_buffer_puts(&out, "\t\"workloads\": {");
	for (size_t i = 0; i < p->workload_count; i++) {
		bh_buffer_puts(&out, i > 0 ? ",\n" : "\n");
		put_json_workload(&out, &p->workloads[i]);
	}
	bh_buffer_puts(&out, p->workload_count > 0 ? "\n\t},\n" : "},\n");
	put_json_groups(&out, p);
	put_json_defaults(&out, p);
	bh_buffer_puts(&out, "\t\"rules\": [");
	for (size_t i = 0; i < p->rule_count; i++) {
		bh_buffer_puts(&out, i > 0 ? ",\n" : "\n");
		put_json_rule(&out, p, &p->rules[i]);
	}
	bh_buffer_puts(&out, p->rule_count > 0 ? "\n\t]\n}\n" : "]\n}\n");
	return bh_buffer_steal(&out);
}
