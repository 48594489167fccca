/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From words to a call: which command, which options, and no word left over. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "command.h"
#include "daemon.h"
#include "lab.h"
#include "nearest.h"
#include "table.h"

#define DEFAULT_SOCKET "/run/bulkhead/api.sock"

int bh_daemon_run(const struct bh_call *call)
{
	return bh_daemon_main(call->argc, call->argv);
}

int bh_panic_run(const struct bh_call *call)
{
	struct bh_error err = { 0 };

	(void)call;
	if (bh_daemon_panic(&err) != 0)
		return bh_complain(BH_EXIT_UNREACHABLE, "%s", err.text);
	return BH_EXIT_DONE;
}

const char *bh_call_option(const struct bh_call *call, const char *name)
{
	for (size_t i = 0; call->command->options[i].name != NULL; i++)
		if (strcmp(call->command->options[i].name, name) == 0)
			return call->values[i];
	return NULL;
}

/* The command whose name the words begin with: one word or two. *used: how many. */
static const struct bh_command *find_command(int argc, char **argv, int *used)
{
	char two[128] = "";

	if (argc > 1)
		snprintf(two, sizeof(two), "%s %s", argv[0], argv[1]);
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++) {
		*used = strchr(c->name, ' ') != NULL ? 2 : 1;
		if (strcmp(c->name, *used == 2 ? two : argv[0]) == 0)
			return c;
	}
	return NULL;
}

static int unknown_command(int argc, char **argv)
{
	const char *names[64];
	size_t count = 0;
	char said[128];

	for (const struct bh_command *c = bh_commands; c->name != NULL; c++)
		names[count++] = c->name;
	bool group = strcmp(argv[0], "policy") == 0;
	snprintf(said, sizeof(said), "%s%s%s", argv[0], group && argc > 1 ? " " : "",
		 group && argc > 1 ? argv[1] : "");
	const char *near = bh_nearest(said, names, count);
	if (near != NULL)
		return bh_complain(BH_EXIT_USAGE, "there is no command %s; did you mean %s?", said,
				   near);
	return bh_complain(BH_EXIT_USAGE, "there is no command %s; see: bulkhead help", said);
}

static int unknown_option(const struct bh_command *command, const char *name)
{
	const char *names[BH_MOST_OPTIONS + 5] = { "socket", "format", "no-color", "help",
						   "version" };
	size_t count = 5;

	for (size_t i = 0; command->options[i].name != NULL; i++)
		names[count++] = command->options[i].name;
	const char *near = bh_nearest(name, names, count);
	return bh_complain(BH_EXIT_USAGE, "%s does not take --%s%s%s%s", command->name, name,
			   near != NULL ? "; did you mean --" : "", near != NULL ? near : "",
			   near != NULL ? "?" : "; see: bulkhead help");
}

static int set_format(struct bh_call *call, const char *value)
{
	bool map = strcmp(call->command->name, "map") == 0;

	call->format = value;
	call->json = strcmp(value, "json") == 0;
	if (call->json || strcmp(value, "table") == 0 ||
	    (map && (strcmp(value, "dot") == 0 || strcmp(value, "mermaid") == 0)))
		return 0;
	return bh_complain(BH_EXIT_USAGE, "--format takes %s, not %s",
			   map ? "table, json, dot or mermaid" : "table or json", value);
}

/* Reads one option; *at moves on to its value where that is a word of its own. */
static int read_option(struct bh_call *call, int argc, char **argv, int *at)
{
	char name[64];
	const char *word = argv[*at] + 2, *equals = strchr(word, '='), *value = NULL;
	const struct bh_option *o = call->command->options;
	size_t i = 0;

	snprintf(name, sizeof(name), "%.*s", (int)(equals != NULL ? equals - word : 63), word);
	while (o[i].name != NULL && strcmp(o[i].name, name) != 0)
		i++;
	bool global = strcmp(name, "socket") == 0 || strcmp(name, "format") == 0;
	bool takes = global || (o[i].name != NULL && o[i].argument != NULL);
	if (strcmp(name, "no-color") == 0) {
		call->color = false;
		return 0;
	}
	if (!global && o[i].name == NULL)
		return unknown_option(call->command, name);
	if (equals != NULL)
		value = equals + 1;
	else if (takes && *at + 1 < argc)
		value = argv[++*at];
	if (takes != (value != NULL))
		return bh_complain(BH_EXIT_USAGE, "--%s %s", name,
				   takes ? "needs a value" : "takes no value");
	if (strcmp(name, "socket") == 0)
		call->socket = value;
	else if (strcmp(name, "format") == 0)
		return set_format(call, value);
	else
		call->values[i] = value != NULL ? value : "";
	return 0;
}

static int read_words(struct bh_call *call, int argc, char **argv)
{
	bool options = true;

	for (int at = 0; at < argc; at++) {
		if (options && strcmp(argv[at], "--") == 0) {
			options = false;
		} else if (options && strncmp(argv[at], "--", 2) == 0) {
			int result = read_option(call, argc, argv, &at);

			if (result != 0)
				return result;
		} else if (call->argument_count < call->command->most) {
			call->arguments[call->argument_count++] = argv[at];
		} else {
			return bh_complain(BH_EXIT_USAGE, "%s: one word too many: %s",
					   call->command->name, argv[at]);
		}
	}
	if (call->argument_count < call->command->least)
		return bh_complain(BH_EXIT_USAGE, "usage: bulkhead %s %s", call->command->name,
				   call->command->arguments);
	return 0;
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static int run(struct bh_call *call, int argc, char **argv)
{
	int used;

	call->command = find_command(argc, argv, &used);
	if (call->command == NULL)
		return unknown_command(argc, argv);
	if (asks_for_help(argc, argv)) {
		bh_help_command(call->command);
		return BH_EXIT_DONE;
	}
	call->argc = argc;
	call->argv = argv;
	int result = call->command->raw ? 0 : read_words(call, argc - used, argv + used);
	return result != 0 ? result : call->command->run(call);
}

/* Options may stand before the command as well: `bulkhead --socket X status`. */
static int skip_leading(struct bh_call *call, int argc, char **argv)
{
	static const struct bh_command none = { .name = "bulkhead", .arguments = "" };
	int at = 1;

	call->command = &none;
	for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++)
		if (read_option(call, argc, argv, &at) != 0)
			return -1;
	return at;
}

int main(int argc, char **argv)
{
	const char *socket = getenv("BULKHEAD_SOCKET");
	struct bh_call call = { .socket = socket != NULL ? socket : DEFAULT_SOCKET,
				.format = "table",
				.color = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL };

	setlocale(LC_CTYPE, "C.UTF-8");
	if (argc > 1 && (strcmp(argv[1], "--version") == 0)) {
		puts("bulkhead " BULKHEAD_VERSION);
		return BH_EXIT_DONE;
	}
	/* The lab's own processes are this program too. */
	if (argc > 3 && strcmp(argv[1], "lab") == 0 && strcmp(argv[2], "role") == 0)
		return bh_lab_role(argc - 3, argv + 3);
	if (argc == 1 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		bh_help_overview();
		return argc == 1 ? BH_EXIT_USAGE : BH_EXIT_DONE;
	}
	int at = skip_leading(&call, argc, argv);
	if (at < 0)
		return BH_EXIT_USAGE;
	return at < argc ? run(&call, argc - at, argv + at)
			 : bh_complain(BH_EXIT_USAGE, "a command is missing; see: bulkhead help");
}
