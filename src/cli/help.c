/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help, from the command table. */
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "client.h"
#include "command.h"
#include "json.h"

void bh_help_overview(void)
{
	printf("bulkhead watches the traffic between the containers of this host, learns which of "
	       "it is\n"
	       "normal, and blocks the rest.\n\nusage: bulkhead COMMAND [OPTION …] [ARGUMENT "
	       "…]\n\n");
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++)
		printf("  %-17s %s\n", c->name, c->help);
	printf("\nbulkhead help COMMAND tells more.  Exit status: 0 done, 1 the answer is no,\n"
	       "2 usage, 3 the daemon or a file cannot be reached.\n");
}

static void print_option(const struct bh_option *option)
{
	char left[64];

	snprintf(left, sizeof(left), "--%s%s%s", option->name, option->argument != NULL ? " " : "",
		 option->argument != NULL ? option->argument : "");
	printf("  %-22s %s\n", left, option->help);
}

static void help_command(const struct bh_command *c)
{
	printf("usage: bulkhead %s%s%s%s\n\n%s\n", c->name,
	       c->options[0].name != NULL ? " [OPTION …]" : "", c->arguments[0] != '\0' ? " " : "",
	       c->arguments, c->help);
	if (c->details != NULL)
		printf("%s\n", c->details);
	printf("\noptions:\n");
	for (const struct bh_option *o = c->options; o->name != NULL; o++)
		print_option(o);
	for (const struct bh_option *o = bh_global_options; o->name != NULL; o++)
		if (bh_command_takes(c, o))
			print_option(o);
	if (c->formats != NULL && c->formats[0] != '\0')
		printf("\n--format takes %s.\n", c->formats);
	printf("\nexample:\n  %s\n", c->example);
}

static void help_group(const char *group)
{
	size_t length = strlen(group);

	for (const struct bh_command *c = bh_commands; c->name != NULL; c++)
		if (strncmp(c->name, group, length) == 0 && c->name[length] == ' ')
			printf("  %-17s %s\n", c->name, c->help);
	printf("\nbulkhead help COMMAND tells more.\n");
}

int bh_help_about(int argc, char *const *argv)
{
	int used;
	const struct bh_command *command = bh_command_find(argc, argv, &used);

	if (command != NULL)
		help_command(command);
	else if (bh_command_is_group(argv[0]) && (argc == 1 || argv[1][0] == '-'))
		help_group(argv[0]);
	else
		return bh_command_unknown(argc, argv);
	return BH_EXIT_DONE;
}

/* --- JSON ------------------------------------------------------------------------------------- */

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

static int help_json(const struct bh_call *call)
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
	printf("%s]}\n", out.data);
	bh_buffer_free(&out);
	return BH_EXIT_DONE;
}

int bh_help_run(const struct bh_call *call)
{
	bool man = bh_call_option(call, "man") != NULL;
	int used;

	if (call->argument_count == 2 && !bh_command_is_group(call->arguments[0]) &&
	    bh_command_find(2, (char *const *)call->arguments, &used) != NULL)
		return bh_complain(BH_EXIT_USAGE, "help: one word too many: %s",
				   call->arguments[1]);
	if (man && call->json)
		return bh_complain(BH_EXIT_USAGE, "help --man prints roff, no JSON");
	if (man)
		bh_manual_print();
	else if (call->json)
		return help_json(call);
	else if (call->argument_count == 0)
		bh_help_overview();
	else
		return bh_help_about((int)call->argument_count, (char *const *)call->arguments);
	return BH_EXIT_DONE;
}
