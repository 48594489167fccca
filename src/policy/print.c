/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "print.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "edge_id.h"
#include "port.h"
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

static void put_comment(struct bh_buffer *out, const char *indent, const char *comment)
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

static void put_workloads(struct bh_buffer *out, const struct bh_policy *p)
{
	bh_buffer_puts(out, p->workload_count > 0 ? "workloads:\n" : "workloads: {}\n");
	for (size_t i = 0; i < p->workload_count; i++) {
		const struct bh_policy_workload *w = &p->workloads[i];

		bh_buffer_puts(out, "  ");
		put_text(out, w->name);
		bh_buffer_puts(out, ":\n");
		for (size_t j = 0; j < w->label_count; j++) {
			bh_buffer_puts(out, "    ");
			put_text(out, w->labels[j].key);
			bh_buffer_puts(out, ": ");
			put_text(out, w->labels[j].value);
			bh_buffer_puts(out, "\n");
		}
	}
}

/* One alone as it is, several as a list. */
static void put_peers(struct bh_buffer *out, const struct bh_policy *p,
		      const struct bh_policy_peers *peers)
{
	size_t line = out->length;
	char peer[300];

	if (peers->count != 1)
		bh_buffer_puts(out, "[");
	for (size_t i = 0; i < peers->count; i++) {
		if (i > 0)
			line = put_comma(out, line);
		bh_policy_peer_text(p, &peers->items[i], peer, sizeof(peer));
		put_text(out, peer);
	}
	if (peers->count != 1)
		bh_buffer_puts(out, "]");
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

/* bare: what it says, and no more. */
static void put_rule(struct bh_buffer *out, const struct bh_policy *p,
		     const struct bh_policy_rule *r, bool bare)
{
	char port[BH_POLICY_PORT_TEXT];

	if (!bare && r->comment != NULL)
		put_comment(out, "  ", r->comment);
	bh_buffer_puts(out, "  - from: ");
	put_peers(out, p, &r->from);
	bh_buffer_puts(out, "\n    to: ");
	put_peers(out, p, &r->to);
	bh_buffer_puts(out, "\n    ports: [");
	for (size_t i = 0; i < r->port_count; i++)
		bh_buffer_printf(out, "%s%s", i > 0 ? ", " : "",
				 bh_policy_port_format(&r->ports[i], port));
	bh_buffer_puts(out, "]\n");
	if (!bare && r->edge_count > 0)
		put_edges(out, r);
}

static char *print(const struct bh_policy *p, bool bare)
{
	struct bh_buffer out = { 0 };

	if (!bare && p->header != NULL)
		put_comment(&out, "", p->header);
	bh_buffer_printf(&out, "bulkhead-policy: 1\ndeny: %s\n",
			 p->deny == BH_DROP ? "drop" : "reject");
	put_workloads(&out, p);
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

static void put_json_workload(struct bh_buffer *out, const struct bh_policy_workload *w)
{
	bh_buffer_puts(out, "\t\t");
	put_json(out, w->name);
	for (size_t i = 0; i < w->label_count; i++) {
		bh_buffer_puts(out, i > 0 ? ", " : ": {");
		put_json(out, w->labels[i].key);
		bh_buffer_puts(out, ": ");
		put_json(out, w->labels[i].value);
	}
	bh_buffer_puts(out, "}");
}

static void put_json_peers(struct bh_buffer *out, const struct bh_policy *p,
			   const struct bh_policy_peers *peers)
{
	char peer[300];

	bh_buffer_puts(out, peers->count != 1 ? "[" : "");
	for (size_t i = 0; i < peers->count; i++) {
		bh_policy_peer_text(p, &peers->items[i], peer, sizeof(peer));
		bh_buffer_puts(out, i > 0 ? ", " : "");
		put_json(out, peer);
	}
	bh_buffer_puts(out, peers->count != 1 ? "]" : "");
}

static void put_json_rule(struct bh_buffer *out, const struct bh_policy *p,
			  const struct bh_policy_rule *r)
{
	char port[BH_POLICY_PORT_TEXT], id[BH_EDGE_ID_TEXT];

	bh_buffer_puts(out, "\t\t{\"from\": ");
	put_json_peers(out, p, &r->from);
	bh_buffer_puts(out, ", \"to\": ");
	put_json_peers(out, p, &r->to);
	bh_buffer_puts(out, ", \"ports\": [");
	for (size_t i = 0; i < r->port_count; i++)
		bh_buffer_printf(out, "%s\"%s\"", i > 0 ? ", " : "",
				 bh_policy_port_format(&r->ports[i], port));
	bh_buffer_puts(out, "]");
	for (size_t i = 0; i < r->edge_count; i++)
		bh_buffer_printf(out, "%s\"%s\"", i > 0 ? ", " : ", \"edges\": [",
				 bh_edge_id_format(r->edges[i], id));
	bh_buffer_puts(out, r->edge_count > 0 ? "]}" : "}");
}

char *bh_policy_print_json(const struct bh_policy *p)
{
	struct bh_buffer out = { 0 };

	bh_buffer_printf(&out, "{\n\t\"bulkhead-policy\": 1,\n\t\"deny\": \"%s\",\n",
			 p->deny == BH_DROP ? "drop" : "reject");
	bh_buffer_puts(&out, "\t\"workloads\": {");
	for (size_t i = 0; i < p->workload_count; i++) {
		bh_buffer_puts(&out, i > 0 ? ",\n" : "\n");
		put_json_workload(&out, &p->workloads[i]);
	}
	bh_buffer_puts(&out, p->workload_count > 0 ? "\n\t},\n" : "},\n");
	bh_buffer_puts(&out, "\t\"rules\": [");
	for (size_t i = 0; i < p->rule_count; i++) {
		bh_buffer_puts(&out, i > 0 ? ",\n" : "\n");
		put_json_rule(&out, p, &p->rules[i]);
	}
	bh_buffer_puts(&out, p->rule_count > 0 ? "\n\t]\n}\n" : "]\n}\n");
	return bh_buffer_steal(&out);
}
