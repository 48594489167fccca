/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help for programs: the command table; and what bulkhead tells other tools, by which the reference
 * is written (scripts/reference). */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "command.h"
#include "event_kinds.h"
#include "json.h"
#include "metrics.h"

/* --- commands --------------------------------------------------------------------------------- */

static void add_text(struct bh_buffer *out, const char *key, const char *text)
{
	bh_buffer_printf(out, "\"%s\":", key);
	if (text != NULL)
		bh_json_string(out, text);
	else
		bh_buffer_puts(out, "null");
}

static void add_option(struct bh_buffer *out, const struct bh_option *option, bool first)
{
	bh_buffer_puts(out, first ? "{" : ",{");
	add_text(out, "name", option->name);
	bh_buffer_puts(out, ",");
	add_text(out, "argument", option->argument);
	bh_buffer_puts(out, ",");
	add_text(out, "help", option->help);
	bh_buffer_puts(out, "}");
}

static void add_command(struct bh_buffer *out, const struct bh_command *c)
{
	bool first = true;

	bh_buffer_puts(out, "{");
	add_text(out, "name", c->name);
	bh_buffer_puts(out, ",");
	add_text(out, "arguments", c->arguments);
	bh_buffer_puts(out, ",");
	add_text(out, "help", c->help);
	bh_buffer_puts(out, ",");
	add_text(out, "details", c->details);
	bh_buffer_puts(out, ",");
	add_text(out, "example", c->example);
	bh_buffer_puts(out, ",");
	add_text(out, "formats", bh_command_formats(c));
	bh_buffer_puts(out, ",\"options\":[");
	for (const struct bh_option *o = c->options; o->name != NULL; o++, first = false)
		add_option(out, o, first);
	for (const struct bh_option *o = bh_global_options; o->name != NULL; o++) {
		if (!bh_command_takes(c, o))
			continue;
		add_option(out, o, first);
		first = false;
	}
	bh_buffer_puts(out, "]}");
}

/* --- what is told to other tools ------------------------------------------------------------ */

static void add_words(struct bh_buffer *out, const char *key, const char *const *words, size_t most)
{
	bh_buffer_printf(out, ",\"%s\":[", key);
	for (size_t i = 0; i < most && words[i] != NULL; i++) {
		bh_buffer_puts(out, i > 0 ? "," : "");
		bh_json_string(out, words[i]);
	}
	bh_buffer_puts(out, "]");
}

static void add_metric(struct bh_buffer *out, const struct bh_metric *m)
{
	bh_buffer_printf(out, "{\"name\":\"%s%s\",\"type\":\"%s\",\"unit\":\"%s\",", m->name,
			 bh_metric_suffix(m), bh_metric_type_name(m), m->unit);
	add_text(out, "help", m->help);
	add_words(out, "labels", m->labels, BH_METRIC_LABELS);
	if (m->words != NULL)
		add_words(out, "values", m->words, SIZE_MAX);
	bh_buffer_puts(out, "}");
}

static void add_kind(struct bh_buffer *out, const struct bh_event_kind *kind)
{
	bh_buffer_printf(out, "{\"kind\":\"%s\",\"severity\":%d,\"severity_name\":\"%s\",",
			 kind->name, kind->severity, bh_severity_name(kind->severity));
	add_text(out, "help", kind->help);
	bh_buffer_puts(out, "}");
}

static void add_told(struct bh_buffer *out)
{
	const struct bh_event_kind *kind;
	const struct bh_metric *metric;

	bh_buffer_puts(out, "],\n\"metrics\":[");
	for (size_t i = 0; (metric = bh_metric(i)) != NULL; i++) {
		bh_buffer_puts(out, i > 0 ? ",\n" : "\n");
		add_metric(out, metric);
	}
	bh_buffer_puts(out, "],\n\"events\":[");
	for (size_t i = 0; (kind = bh_event_kind(i)) != NULL; i++) {
		bh_buffer_puts(out, i > 0 ? ",\n" : "\n");
		add_kind(out, kind);
	}
}

/* --- all of it, or of one command ------------------------------------------------------------- */

/* Whether the words name this command, or the group that it belongs to. */
static bool is_meant(const struct bh_call *call, const struct bh_command *c)
{
	int used;
	const struct bh_command *one =
		bh_command_find((int)call->argument_count, (char *const *)call->arguments, &used);
	size_t length = strlen(call->arguments[0]);

	return one != NULL ? one == c
			   : call->argument_count == 1 &&
				     strncmp(c->name, call->arguments[0], length) == 0 &&
				     c->name[length] == ' ';
}

int bh_help_json(const struct bh_call *call)
{
	struct bh_buffer out = { 0 };
	bool any = false;

	for (const struct bh_command *c = bh_commands; c->name != NULL; c++) {
		if (call->argument_count > 0 && !is_meant(call, c))
			continue;
		bh_buffer_puts(&out, any ? ",\n" : "{\"commands\":[\n");
		add_command(&out, c);
		any = true;
	}
	if (!any)
		return bh_command_unknown((int)call->argument_count,
					  (char *const *)call->arguments);
	if (call->argument_count == 0)
		add_told(&out);
	printf("%s]}\n", out.data);
	bh_buffer_free(&out);
	return BH_EXIT_DONE;
}
