/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From words to a call: which command, which options and arguments, and no word left over. What may
 * stand where is in the command table. */
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "nearest.h"
#include "words.h"

#define MOST_COMMANDS 64
#define MOST_GLOBAL 8
#define WORD_SIZE 32

const char *bh_command_formats(const struct bh_command *command)
{
	return command->formats != NULL ? command->formats : "table|json";
}

bool bh_command_takes(const struct bh_command *command, const struct bh_option *global)
{
	if (strcmp(global->name, "help") == 0 || strcmp(global->name, "version") == 0)
		return true;
	if (strcmp(global->name, "format") == 0)
		return bh_command_formats(command)[0] != '\0';
	return !command->raw;
}

const char *bh_call_option(const struct bh_call *call, const char *name)
{
	for (size_t i = 0; call->command->options[i].name != NULL; i++)
		if (strcmp(call->command->options[i].name, name) == 0)
			return call->values[i];
	return NULL;
}

/* --- the command ------------------------------------------------------------------------------ */

const struct bh_command *bh_command_find(int argc, char *const *argv, int *used)
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

bool bh_command_is_group(const char *word)
{
	size_t length = strlen(word);

	for (const struct bh_command *c = bh_commands; c->name != NULL; c++)
		if (strncmp(c->name, word, length) == 0 && c->name[length] == ' ')
			return true;
	return false;
}

/* The word that was probably meant in the place of `said`: behind `group`, or first where that is
 * "". It lives until the next call. */
static const char *nearest_word(const char *group, const char *said)
{
	static char words[MOST_COMMANDS][WORD_SIZE];
	const char *names[MOST_COMMANDS];
	size_t count = 0, length = strlen(group);

	for (const struct bh_command *c = bh_commands; c->name != NULL; c++) {
		const char *rest = c->name + length + (length > 0);

		if (length > 0 && (strncmp(c->name, group, length) != 0 || c->name[length] != ' '))
			continue;
		snprintf(words[count], WORD_SIZE, "%.*s", (int)strcspn(rest, " "), rest);
		names[count] = words[count];
		count++;
	}
	return bh_nearest(said, names, count);
}

int bh_command_unknown(int argc, char *const *argv)
{
	bool group = bh_command_is_group(argv[0]);
	const char *first = group ? argv[0] : "", *space = group ? " " : "";

	if (group && argc == 1)
		return bh_complain(BH_EXIT_USAGE, "%s needs another word; see: bulkhead help %s",
				   argv[0], argv[0]);
	const char *said = argv[group ? 1 : 0], *near = nearest_word(first, said);
	if (near != NULL)
		return bh_complain(BH_EXIT_USAGE,
				   "there is no command %s%s%s; did you mean %s%s%s?", first, space,
				   said, first, space, near);
	return bh_complain(BH_EXIT_USAGE, "there is no command %s%s%s; see: bulkhead help%s%s",
			   first, space, said, space, first);
}

/* --- options ---------------------------------------------------------------------------------- */

/* Stands for the command while the words before it are read. */
static const struct bh_command before_any = { .name = "", .arguments = "" };

static const struct bh_option *find_option(const struct bh_option *options, const char *name)
{
	for (; options->name != NULL; options++)
		if (strcmp(options->name, name) == 0)
			return options;
	return NULL;
}

static int unknown_option(const struct bh_command *command, const char *name)
{
	const char *names[BH_MOST_OPTIONS + MOST_GLOBAL];
	size_t count = 0;

	for (const struct bh_option *o = command->options; o->name != NULL; o++)
		names[count++] = o->name;
	for (const struct bh_option *o = bh_global_options; o->name != NULL; o++)
		names[count++] = o->name;
	const char *near = bh_nearest(name, names, count);
	if (command == &before_any)
		return bh_complain(BH_EXIT_USAGE,
				   "--%s does not stand before a command; see: bulkhead help",
				   name);
	if (near != NULL)
		return bh_complain(BH_EXIT_USAGE, "%s does not take --%s; did you mean --%s?",
				   command->name, name, near);
	return bh_complain(BH_EXIT_USAGE, "%s does not take --%s; see: bulkhead help %s",
			   command->name, name, command->name);
}

static int refuse_value(const char *where, const char *value, const char *spec,
			const char *expected)
{
	char words[BH_MOST_WORDS][BH_WORD];
	const char *near = bh_words_nearest(value, words, bh_words_of(spec, words));

	if (near != NULL)
		return bh_complain(BH_EXIT_USAGE, "%s takes %s, not \"%s\"; did you mean %s?",
				   where, expected, value, near);
	return bh_complain(BH_EXIT_USAGE, "%s takes %s, not \"%s\"", where, expected, value);
}

static int check_value(const char *where, const char *spec, const char *value)
{
	char room[160];
	const char *expected = bh_words_object(spec, value, room, sizeof(room));

	return expected == NULL ? 0 : refuse_value(where, value, spec, expected);
}

static void set_option(struct bh_call *call, const struct bh_option *option, const char *value)
{
	const struct bh_option *own = call->command->options;

	if (option >= own && option < own + BH_MOST_OPTIONS) {
		call->values[option - own] = value;
	} else if (strcmp(option->name, "socket") == 0) {
		call->socket = value;
	} else if (strcmp(option->name, "format") == 0) {
		call->format = value;
		call->json = strcmp(value, "json") == 0;
	} else if (strcmp(option->name, "no-color") == 0) {
		call->color = false;
	}
}

/* Reads one option; *at moves on to its value where that is a word of its own. */
static int read_option(struct bh_call *call, int argc, char **argv, int *at)
{
	const char *word = argv[*at] + 2, *equals = strchr(word, '='), *value = NULL;
	const struct bh_command *command = call->command;
	char name[64], where[80];

	snprintf(name, sizeof(name), "%.*s", equals != NULL ? (int)(equals - word) : 63, word);
	const struct bh_option *option = find_option(command->options, name);
	if (option == NULL)
		option = find_option(bh_global_options, name);
	if (option == NULL)
		return unknown_option(command, name);
	bool takes = option->argument != NULL;
	if (equals != NULL)
		value = equals + 1;
	else if (takes && *at + 1 < argc)
		value = argv[++*at];
	if (takes != (value != NULL))
		return bh_complain(BH_EXIT_USAGE, "--%s %s%s", name,
				   takes ? "needs a value: " : "takes no value",
				   takes ? option->argument : "");
	snprintf(where, sizeof(where), "--%s", name);
	/* Which formats there are, the command knows, and it may stand behind. */
	bool format = strcmp(name, "format") == 0;
	int result = takes && !format ? check_value(where, option->argument, value) : 0;
	if (result == 0)
		set_option(call, option, takes ? value : "");
	return result;
}

/* --- arguments -------------------------------------------------------------------------------- */

static int add_argument(struct bh_call *call, const char *word)
{
	const struct bh_command *command = call->command;
	char spec[80];

	if (call->argument_count == command->most)
		return bh_complain(BH_EXIT_USAGE,
				   "%s: one word too many: %s; usage: bulkhead %s%s%s",
				   command->name, word, command->name, command->most > 0 ? " " : "",
				   command->arguments);
	if (bh_words_argument(command->arguments, call->argument_count, spec, sizeof(spec))) {
		int result = check_value(command->name, spec, word);

		if (result != 0)
			return result;
	}
	call->arguments[call->argument_count++] = word;
	return 0;
}

static int read_words(struct bh_call *call, int argc, char **argv)
{
	bool options = true;
	int result = 0;

	for (int at = 0; at < argc && result == 0; at++) {
		if (options && strcmp(argv[at], "--") == 0 && call->command->hands_on) {
			call->argc = argc - at - 1;
			call->argv = argv + at + 1;
			break;
		}
		if (options && strcmp(argv[at], "--") == 0)
			options = false;
		else if (options && strncmp(argv[at], "--", 2) == 0)
			result = read_option(call, argc, argv, &at);
		else
			result = add_argument(call, argv[at]);
	}
	if (result == 0 && call->argument_count < call->command->least)
		result = bh_complain(BH_EXIT_USAGE, "usage: bulkhead %s %s", call->command->name,
				     call->command->arguments);
	return result;
}

/* Options that go with every command may stand before it as well: `bulkhead --socket X status`. */
static int skip_leading(struct bh_call *call, int argc, char **argv, int *at)
{
	int result = 0;

	call->command = &before_any;
	for (*at = 0; *at < argc && result == 0 && strncmp(argv[*at], "--", 2) == 0; ++*at)
		result = read_option(call, argc, argv, at);
	return result;
}

static int check_format(const struct bh_call *call)
{
	const char *formats = bh_command_formats(call->command);

	if (formats[0] != '\0')
		return check_value("--format", formats, call->format);
	if (strcmp(call->format, "table") == 0)
		return 0;
	return bh_complain(BH_EXIT_USAGE, "%s takes no --format: it prints no table and no JSON",
			   call->command->name);
}

int bh_call_parse(struct bh_call *call, int argc, char **argv)
{
	int at, used, result = skip_leading(call, argc, argv, &at);

	if (result != 0)
		return result;
	if (at == argc)
		return bh_complain(BH_EXIT_USAGE, "a command is missing; see: bulkhead help");
	argc -= at;
	argv += at;
	call->command = bh_command_find(argc, argv, &used);
	if (call->command == NULL)
		return bh_command_unknown(argc, argv);
	call->argc = call->command->raw ? argc : 0;
	call->argv = argv;
	if (call->command->raw)
		return at == 0 ? 0
			       : bh_complain(BH_EXIT_USAGE,
					     "%s takes no option before it; see: bulkhead help %s",
					     call->command->name, call->command->name);
	result = read_words(call, argc - used, argv + used);
	return result != 0 ? result : check_format(call);
}
