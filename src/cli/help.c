/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help, from the command table. */
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "command.h"

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
		return bh_help_json(call);
	else if (call->argument_count == 0)
		bh_help_overview();
	else
		return bh_help_about((int)call->argument_count, (char *const *)call->arguments);
	return BH_EXIT_DONE;
}
