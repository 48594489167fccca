/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help, man page and completion: three views of the command table. */
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "nearest.h"

static const struct bh_option global_options[] = {
	{ "socket", "PATH",
	  "the daemon's socket (default /run/bulkhead/api.sock, or $BULKHEAD_SOCKET)" },
	{ "format", "table|json", "how to print; json is stable" },
	{ "no-color", NULL, "no colour, even on a terminal" },
	{ "help", NULL, "what the command does" },
	{ "version", NULL, "the program's version" },
	{ 0 },
};

void bh_help_overview(void)
{
	printf("bulkhead watches the traffic between the containers of this host, learns which of "
	       "it is\n"
	       "normal, and blocks the rest.\n\nusage: bulkhead COMMAND [OPTION …] [ARGUMENT "
	       "…]\n\n");
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++)
		if (!c->hidden)
			printf("  %-17s %s\n", c->name, c->help);
	printf("\nbulkhead help COMMAND tells more.  Exit status: 0 done, 1 the answer is no,\n"
	       "2 usage, 3 the daemon or a file cannot be reached.\n");
}

static void print_options(const struct bh_option *options)
{
	for (; options->name != NULL; options++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", options->name,
			 options->argument != NULL ? " " : "",
			 options->argument != NULL ? options->argument : "");
		printf("  %-22s %s\n", left, options->help);
	}
}

void bh_help_command(const struct bh_command *c)
{
	printf("usage: bulkhead %s%s%s%s\n\n%s\n", c->name,
	       c->options[0].name != NULL ? " [OPTION …]" : "", c->arguments[0] != '\0' ? " " : "",
	       c->arguments, c->help);
	if (c->details != NULL)
		printf("%s\n", c->details);
	printf("\noptions:\n");
	print_options(c->options);
	print_options(global_options);
	printf("\nexample:\n  %s\n", c->example);
}

/* --- man page --------------------------------------------------------------------------------- */

/* Text for roff: a leading dot or quote, backslashes and hyphens mean something there. */
static void put_roff(const char *text)
{
	bool start = true;

	for (; *text != '\0'; text++) {
		if (start && (*text == '.' || *text == '\''))
			fputs("\\&", stdout);
		start = *text == '\n';
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
}

static void man_option(const struct bh_option *option)
{
	printf(".TP\n.B \"");
	put_roff("--");
	put_roff(option->name);
	printf("\"%s%s\n", option->argument != NULL ? " " : "",
	       option->argument != NULL ? option->argument : "");
	put_roff(option->help);
	printf("\n");
}

static void man_command(const struct bh_command *c)
{
	printf(".SS \"");
	put_roff(c->name);
	printf(" %s\"\n", c->arguments);
	put_roff(c->help);
	printf("\n");
	if (c->details != NULL) {
		put_roff(c->details);
		printf("\n");
	}
	for (const struct bh_option *o = c->options; o->name != NULL; o++)
		man_option(o);
	printf(".PP\nExample:\n.PP\n.RS\n.nf\n");
	put_roff(c->example);
	printf("\n.fi\n.RE\n");
}

static void man_page(void)
{
	printf(".\\\" SPDX-License-Identifier: GPL-2.0-or-later\n"
	       ".TH BULKHEAD 8 \"\" \"bulkhead " BULKHEAD_VERSION "\" \"System administration\"\n"
	       ".SH NAME\nbulkhead \\- learned network policy between containers\n"
	       ".SH SYNOPSIS\n.B bulkhead\n.I COMMAND\n[OPTION ...] [ARGUMENT ...]\n.SH "
	       "DESCRIPTION\n"
	       "bulkhead watches the traffic between the containers of a Linux host, learns which "
	       "of it\n"
	       "is normal, and turns that into nftables rules that block the rest. It says what it "
	       "does\n"
	       "not know.\n.SH OPTIONS\nThese go with every command.\n");
	for (const struct bh_option *o = global_options; o->name != NULL; o++)
		man_option(o);
	printf(".SH COMMANDS\n");
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++)
		if (!c->hidden)
			man_command(c);
	printf(".SH \"EXIT STATUS\"\n0 done; 1 the answer is no (a check failed, a policy is "
	       "invalid);\n"
	       "2 usage; 3 the daemon or a file cannot be reached.\n"
	       ".SH FILES\n.TP\n/etc/bulkhead/bulkhead.yaml\nThe configuration; every key is "
	       "documented in "
	       "it.\n.TP\n/run/bulkhead/api.sock\nThe daemon's socket.\n.TP\n/var/lib/bulkhead\n"
	       "What was learned, policies, events.\n.SH \"SEE ALSO\"\n.BR nft (8)\n");
}

int bh_help_run(const struct bh_call *call)
{
	char name[64] = "";

	if (bh_call_option(call, "man") != NULL) {
		man_page();
		return BH_EXIT_DONE;
	}
	if (call->argument_count == 0) {
		bh_help_overview();
		return BH_EXIT_DONE;
	}
	snprintf(name, sizeof(name), "%.30s%s%.30s", call->arguments[0],
		 call->argument_count > 1 ? " " : "",
		 call->argument_count > 1 ? call->arguments[1] : "");
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++) {
		if (strcmp(c->name, name) == 0) {
			bh_help_command(c);
			return BH_EXIT_DONE;
		}
	}
	bool group = false;
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++) {
		if (strncmp(c->name, name, strlen(name)) == 0 && c->name[strlen(name)] == ' ') {
			printf("  %-17s %s\n", c->name, c->help);
			group = true;
		}
	}
	return group ? BH_EXIT_DONE
		     : bh_complain(BH_EXIT_USAGE, "there is no command %s; see: bulkhead help",
				   name);
}

/* --- completion ------------------------------------------------------------------------------- */

/* Words that may stand behind `prefix` ("" or "policy "): the first words of the rest of the names.
 */
static void put_words(const char *prefix)
{
	size_t length = strlen(prefix);
	char before[64] = "";

	for (const struct bh_command *c = bh_commands; c->name != NULL; c++) {
		if (c->hidden || strncmp(c->name, prefix, length) != 0)
			continue;
		char word[64];
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(c->name + length, " "),
			 c->name + length);
		if (strcmp(word, before) != 0)
			printf("%s ", word);
		memcpy(before, word, sizeof(before));
	}
}

static void put_options(const struct bh_command *c)
{
	for (const struct bh_option *o = c->options; o->name != NULL; o++)
		printf("--%s ", o->name);
	for (const struct bh_option *o = global_options; o->name != NULL; o++)
		printf("--%s ", o->name);
}

static void completion_bash(void)
{
	printf("# SPDX-License-Identifier: GPL-2.0-or-later\n"
	       "# bulkhead's completion for bash: bulkhead completion bash > "
	       "/etc/bash_completion.d/bulkhead\n"
	       "_bulkhead() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} words=()\n\tlocal word\n"
	       "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	       "\t\t[[ $word == -* ]] || words+=(\"$word\")\n\tdone\n"
	       "\tlocal said=\"${words[*]}\" choices=\n\tcase \"$said\" in\n\t'') choices='");
	put_words("");
	printf("' ;;\n\tpolicy) choices='");
	put_words("policy ");
	printf("' ;;\n\tlab) choices='up down attack report' ;;\n"
	       "\tcompletion) choices='bash zsh' ;;\n\thelp) choices='");
	put_words("");
	printf("' ;;\n\tesac\n\tif [[ $cur == -* ]]; then\n\t\tcase \"$said\" in\n");
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++) {
		if (c->hidden)
			continue;
		printf("\t\t'%s'*) choices='", c->name);
		put_options(c);
		printf("' ;;\n");
	}
	printf("\t\tesac\n\tfi\n"
	       "\tif [[ -n $choices ]]; then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$cur\")\n"
	       "\telse\n\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n\tfi\n}\n"
	       "complete -o filenames -F _bulkhead bulkhead\n");
}

/* Text inside single quotes, of the shell and of zsh's "word:description". */
static void put_zsh(const char *word, int length, const char *help)
{
	printf("'%.*s:", length, word);
	for (; *help != '\0'; help++) {
		if (*help == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*help);
	}
	printf("' ");
}

static void completion_zsh(void)
{
	printf("#compdef bulkhead\n# SPDX-License-Identifier: GPL-2.0-or-later\n"
	       "# bulkhead's completion for zsh: put it into a folder of $fpath, as _bulkhead\n"
	       "_bulkhead() {\n\tlocal -a commands\n\tcase ${words[2]} in\n"
	       "\tpolicy)\n\t\tcommands=(");
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++)
		if (strncmp(c->name, "policy ", 7) == 0)
			put_zsh(c->name + 7, (int)strlen(c->name + 7), c->help);
	printf(")\n\t\t(( CURRENT == 3 )) && _describe command commands || _files\n\t\t;;\n"
	       "\tlab)\n\t\tcommands=(up down attack report)\n\t\t_describe command "
	       "commands\n\t\t;;\n"
	       "\tcompletion)\n\t\tcommands=(bash zsh)\n\t\t_describe shell commands\n\t\t;;\n"
	       "\t*)\n\t\tcommands=(");
	const char *before = "";
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++) {
		size_t length = strcspn(c->name, " ");

		if (!c->hidden && strncmp(before, c->name, length) != 0)
			put_zsh(c->name, (int)length,
				c->name[length] == ' ' ? "propose, apply and check policies"
						       : c->help);
		before = c->name;
	}
	printf(")\n\t\t(( CURRENT == 2 )) && _describe command commands || "
	       "_files\n\t\t;;\n\tesac\n}\n"
	       "_bulkhead \"$@\"\n");
}

int bh_completion_run(const struct bh_call *call)
{
	if (strcmp(call->arguments[0], "bash") == 0)
		completion_bash();
	else if (strcmp(call->arguments[0], "zsh") == 0)
		completion_zsh();
	else
		return bh_complain(BH_EXIT_USAGE,
				   "completion is there for bash and zsh, not for %s",
				   call->arguments[0]);
	return BH_EXIT_DONE;
}
