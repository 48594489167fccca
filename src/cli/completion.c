/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Completion for bash and zsh, from the command table. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "flow_filter.h"
#include "words.h"

#define SPEC 80

/* The first words of what may stand behind `prefix` ("" or "policy "), each once. */
static void each_word(const char *prefix, void (*put)(const char *word, const struct bh_command *c))
{
	size_t length = strlen(prefix);
	char word[64], before[64] = "";

	for (const struct bh_command *c = bh_commands; c->name != NULL; c++) {
		if (strncmp(c->name, prefix, length) != 0)
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(c->name + length, " "),
			 c->name + length);
		if (strcmp(word, before) != 0)
			put(word, c);
		memcpy(before, word, sizeof(before));
	}
}

/* Calls put for the first word of every group: "policy". */
static void each_group(void (*put)(const char *group))
{
	char group[64], before[64] = "";

	for (const struct bh_command *c = bh_commands; c->name != NULL; c++) {
		if (strchr(c->name, ' ') == NULL)
			continue;
		snprintf(group, sizeof(group), "%.*s", (int)strcspn(c->name, " "), c->name);
		if (strcmp(group, before) != 0)
			put(group);
		memcpy(before, group, sizeof(before));
	}
}

/* The words of the filters' language, which go on for as many arguments as there are. */
static bool is_filter(const char *spec)
{
	return strcmp(spec, "FILTER") == 0;
}

static void put_filter_words(void)
{
	for (size_t i = 0; bh_flow_filter_word(i) != NULL; i++)
		printf("%s%s", i > 0 ? " " : "", bh_flow_filter_word(i));
}

static void put_fixed_words(const char *spec)
{
	char words[BH_MOST_WORDS][BH_WORD];
	size_t count = bh_words_of(spec, words);

	if (is_filter(spec))
		put_filter_words();

	for (size_t i = 0; i < count; i++)
		printf("%s%s", i > 0 ? " " : "", words[i]);
}

/* --- bash ------------------------------------------------------------------------------------- */

static void bash_word(const char *word, const struct bh_command *c)
{
	(void)c;
	printf("%s ", word);
}

/* "choices='learn audit stage1 enforce' ;;" for what may stand somewhere. */
static void bash_choices(const char *spec)
{
	if (bh_words_name_a_file(spec)) {
		printf("files=1 ;;\n");
		return;
	}
	printf("choices='");
	put_fixed_words(spec);
	printf("' ;;\n");
}

static void bash_options(const struct bh_option *options)
{
	for (; options->name != NULL; options++)
		printf("--%s ", options->name);
}

static void bash_global_options(const struct bh_command *c)
{
	for (const struct bh_option *o = bh_global_options; o->name != NULL; o++)
		if (bh_command_takes(c, o))
			printf("--%s ", o->name);
}

/* The options that take a value: the word behind them is no argument. */
static void bash_takers(const struct bh_option *options)
{
	for (; options->name != NULL; options++)
		if (options->argument != NULL)
			printf("--%s ", options->name);
}

static void bash_values(const struct bh_command *c)
{
	if (c->formats != NULL) {
		printf("\t'%s'*:--format) ", c->name);
		bash_choices(c->formats);
	}
	for (const struct bh_option *o = c->options; o->name != NULL; o++) {
		if (o->argument == NULL)
			continue;
		printf("\t'%s'*:--%s) ", c->name, o->name);
		bash_choices(o->argument);
	}
}

/* Behind "state" what a flow's state may be, and so on; else any word. */
static void bash_filter(const struct bh_command *c)
{
	const char *word, *value;

	for (size_t i = 0; (word = bh_flow_filter_word(i)) != NULL; i++) {
		if (bh_flow_filter_value(word, 0) == NULL)
			continue;
		printf("\t*' %s'*' %s') choices='", c->name, word);
		for (size_t j = 0; (value = bh_flow_filter_value(word, j)) != NULL; j++)
			printf("%s%s", j > 0 ? " " : "", value);
		printf("' ;;\n");
	}
	printf("\t[1-9]*' %s'*) ", c->name);
	bash_choices("FILTER");
}

static void bash_arguments(const struct bh_command *c)
{
	size_t words = strchr(c->name, ' ') != NULL ? 2 : 1;
	char spec[SPEC];

	for (size_t i = 0; bh_words_argument(c->arguments, i, spec, sizeof(spec)); i++) {
		if (is_filter(spec)) {
			bash_filter(c);
			continue;
		}
		printf("\t'%zu %s%s) ", words + i, c->name, i > 0 ? " '*" : "'");
		bash_choices(spec);
	}
}

static void bash_group(const char *group)
{
	char prefix[80];

	snprintf(prefix, sizeof(prefix), "%s ", group);
	printf("\t'1 %s' | '2 help %s') choices='", group, group);
	each_word(prefix, bash_word);
	printf("' ;;\n");
}

static void complete_bash(void)
{
	printf("# SPDX-License-Identifier: GPL-2.0-or-later\n"
	       "# bulkhead's completion for bash: bulkhead completion bash > "
	       "/etc/bash_completion.d/bulkhead\n"
	       "_bulkhead() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} word option= choices= files= said=()\n"
	       "\tlocal takers=' ");
	bash_takers(bh_global_options);
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++)
		bash_takers(c->options);
	printf("'\n"
	       "\t[[ $cur == = ]] && cur=\n"
	       "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	       "\t\tif [[ $word == = ]]; then\n\t\t\tcontinue\n"
	       "\t\telif [[ -n $option ]]; then\n\t\t\toption=\n"
	       "\t\telif [[ $takers == *\" $word \"* ]]; then\n\t\t\toption=$word\n"
	       "\t\telif [[ $word != -* ]]; then\n\t\t\tsaid+=(\"$word\")\n\t\tfi\n\tdone\n"
	       "\tif [[ -n $option ]]; then\n\tcase \"${said[*]}:$option\" in\n");
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++)
		bash_values(c);
	for (const struct bh_option *o = bh_global_options; o->name != NULL; o++) {
		if (o->argument == NULL)
			continue;
		printf("\t*:--%s) ", o->name);
		bash_choices(o->argument);
	}
	printf("\tesac\n\telif [[ $cur == -* ]]; then\n\tcase \"${said[*]}\" in\n");
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++) {
		printf("\t'%s' | '%s '*) choices='", c->name, c->name);
		bash_options(c->options);
		bash_global_options(c);
		printf("' ;;\n");
	}
	printf("\t*) choices='");
	bash_options(bh_global_options);
	printf("' ;;\n\tesac\n\telse\n\tcase \"${#said[@]} ${said[*]}\" in\n\t'0 ' | '1 help') "
	       "choices='");
	each_word("", bash_word);
	printf("' ;;\n");
	each_group(bash_group);
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++)
		if (strcmp(c->name, "help") != 0)
			bash_arguments(c);
	printf("\tesac\n\tfi\n"
	       "\tif [[ -n $files ]]; then\n"
	       /* Only of files: a folder called lab would turn the command into lab/. */
	       "\t\tcompopt -o filenames 2>/dev/null\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	       "\telse\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$cur\")\n\tfi\n}\n"
	       "complete -F _bulkhead bulkhead\n");
}

/* --- zsh -------------------------------------------------------------------------------------- */

/* Text inside single quotes; `special` characters mean something to zsh's helper there. */
static void zsh_text(const char *text, const char *special)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			printf("%s%c", strchr(special, *text) != NULL ? "\\" : "", *text);
	}
}

/* ":NAME:(a b)" of _arguments. */
static void zsh_action(const char *spec)
{
	printf(":");
	zsh_text(spec, ":\\[]");
	if (bh_words_name_a_file(spec)) {
		printf(":_files");
		return;
	}
	printf(":(");
	put_fixed_words(spec);
	printf(")");
}

static void zsh_option(const struct bh_option *option, const char *argument)
{
	printf(" \\\n\t\t\t'--%s[", option->name);
	zsh_text(option->help, ":\\[]");
	printf("]");
	if (argument != NULL)
		zsh_action(argument);
	printf("'");
}

static void zsh_options(const struct bh_command *c)
{
	for (const struct bh_option *o = c->options; o->name != NULL; o++)
		zsh_option(o, o->argument);
	for (const struct bh_option *o = bh_global_options; o->name != NULL; o++)
		if (bh_command_takes(c, o))
			zsh_option(o, strcmp(o->name, "format") == 0 ? bh_command_formats(c)
								     : o->argument);
}

static void zsh_command(const struct bh_command *c)
{
	const char *space = strchr(c->name, ' ');
	char spec[SPEC];

	printf("\t%s)\n\t\t_arguments", space != NULL ? space + 1 : c->name);
	zsh_options(c);
	for (size_t i = 0; bh_words_argument(c->arguments, i, spec, sizeof(spec)); i++) {
		printf(" \\\n\t\t\t'");
		if (is_filter(spec))
			printf("*");
		else
			printf("%zu", i + 1);
		zsh_action(spec);
		printf("'");
	}
	printf("\n\t\t;;\n");
}

static void zsh_word(const char *word, const struct bh_command *c)
{
	bool group = strlen(word) < strlen(c->name) && c->name[strlen(word)] == ' ';

	printf("\t\t'%s:", word);
	zsh_text(group ? "read, check, apply and roll back policies" : c->help, "");
	printf("'\n");
}

static void zsh_group(const char *group)
{
	char prefix[80];
	size_t length;

	snprintf(prefix, sizeof(prefix), "%s ", group);
	length = strlen(prefix);
	printf("_bulkhead_%s() {\n\tlocal -a commands\n\tcommands=(\n", group);
	each_word(prefix, zsh_word);
	printf("\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe command commands\n\t\treturn\n"
	       "\tfi\n\tshift words\n\t(( CURRENT-- ))\n\tcase ${words[1]} in\n");
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++)
		if (strncmp(c->name, prefix, length) == 0)
			zsh_command(c);
	printf("\tesac\n}\n\n");
}

static void zsh_group_case(const char *group)
{
	printf("\t%s) _bulkhead_%s ;;\n", group, group);
}

static void complete_zsh(void)
{
	printf("#compdef bulkhead\n# SPDX-License-Identifier: GPL-2.0-or-later\n"
	       "# bulkhead's completion for zsh: put it into a folder of $fpath, as _bulkhead\n\n");
	each_group(zsh_group);
	printf("_bulkhead() {\n\tlocal -a commands\n\tcommands=(\n");
	each_word("", zsh_word);
	printf("\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe command commands\n\t\treturn\n"
	       "\tfi\n\tshift words\n\t(( CURRENT-- ))\n\tcase ${words[1]} in\n");
	each_group(zsh_group_case);
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++)
		if (strchr(c->name, ' ') == NULL)
			zsh_command(c);
	printf("\tesac\n}\n\n_bulkhead \"$@\"\n");
}

int bh_completion_run(const struct bh_call *call)
{
	if (strcmp(call->arguments[0], "bash") == 0)
		complete_bash();
	else
		complete_zsh();
	return BH_EXIT_DONE;
}
