/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "print.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "port.h"

/* What YAML would read as something else than this text, plain. */
static bool needs_quotes(const char *text)
{
	static const char *const words[] = {
		"true", "false", "null", "yes", "no", "on", "off", "~"
	};

	if (text[0] == '\0' || strchr("-?:,[]{}#&*!|>'\"%@` ", text[0]) != NULL ||
	    text[strlen(text) - 1] == ' ' || text[strlen(text) - 1] == ':')
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(words[i], text) == 0)
			return true;
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c == 0x7f ||
		    strchr(",[]{}\"\\", *c) != NULL)
			return true;
	return strstr(text, ": ") != NULL || strstr(text, " #") != NULL;
}

static void put_text(struct bh_buffer *out, const char *text)
{
	if (!needs_quotes(text)) {
		bh_buffer_puts(out, text);
		return;
	}
	bh_buffer_puts(out, "\"");
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			bh_buffer_printf(out, "\\%c", *c);
		else if ((unsigned char)*c < 0x20 || (unsigned char)*c == 0x7f)
			bh_buffer_printf(out, "\\x%02x", (unsigned char)*c);
		else
			bh_buffer_append(out, c, 1);
	}
	bh_buffer_puts(out, "\"");
}

/* Each line of a comment behind its own "#". */
static void put_comment(struct bh_buffer *out, const char *indent, const char *comment)
{
	while (comment != NULL && *comment != '\0') {
		size_t length = strcspn(comment, "\n");

		bh_buffer_printf(out, "%s#%s%.*s\n", indent, length > 0 ? " " : "", (int)length,
				 comment);
		comment += length + (comment[length] == '\n');
	}
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

static void put_rule(struct bh_buffer *out, const struct bh_policy *p,
		     const struct bh_policy_rule *r, bool comments)
{
	char peer[300], port[BH_POLICY_PORT_TEXT];

	if (comments)
		put_comment(out, "  ", r->comment);
	bh_policy_peer_text(p, &r->from, peer, sizeof(peer));
	bh_buffer_puts(out, "  - from: ");
	put_text(out, peer);
	bh_policy_peer_text(p, &r->to, peer, sizeof(peer));
	bh_buffer_puts(out, "\n    to: ");
	put_text(out, peer);
	bh_buffer_puts(out, "\n    ports: [");
	for (size_t i = 0; i < r->port_count; i++)
		bh_buffer_printf(out, "%s%s", i > 0 ? ", " : "",
				 bh_policy_port_format(&r->ports[i], port));
	bh_buffer_puts(out, "]\n");
}

static char *print(const struct bh_policy *p, bool comments)
{
	struct bh_buffer out = { 0 };

	if (comments)
		put_comment(&out, "", p->header);
	bh_buffer_printf(&out, "bulkhead-policy: 1\ndeny: %s\n",
			 p->deny == BH_DROP ? "drop" : "reject");
	put_workloads(&out, p);
	bh_buffer_puts(&out, p->rule_count > 0 ? "rules:\n" : "rules: []\n");
	for (size_t i = 0; i < p->rule_count; i++)
		put_rule(&out, p, &p->rules[i], comments);
	return bh_buffer_steal(&out);
}

char *bh_policy_print(const struct bh_policy *p)
{
	return print(p, true);
}

char *bh_policy_print_bare(const struct bh_policy *p)
{
	return print(p, false);
}
