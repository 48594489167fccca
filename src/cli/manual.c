/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The man page, from the command table. */
#include <stdio.h>

#include "command.h"

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
		printf(".PP\n");
		put_roff(c->details);
		printf("\n");
	}
	for (const struct bh_option *o = c->options; o->name != NULL; o++)
		man_option(o);
	printf(".PP\nExample:\n.PP\n.RS\n.nf\n");
	put_roff(c->example);
	printf("\n.fi\n.RE\n");
}

void bh_manual_print(void)
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
	       "not know.\n.SH OPTIONS\nThese go with every command that they mean something "
	       "to.\n");
	for (const struct bh_option *o = bh_global_options; o->name != NULL; o++)
		man_option(o);
	printf(".SH COMMANDS\n");
	for (const struct bh_command *c = bh_commands; c->name != NULL; c++)
		man_command(c);
	printf(".SH \"EXIT STATUS\"\n0 done; 1 the answer is no (a check failed, a policy is "
	       "invalid);\n"
	       "2 usage; 3 the daemon or a file cannot be reached.\n"
	       ".SH FILES\n.TP\n/etc/bulkhead/bulkhead.yaml\nThe configuration; every key is "
	       "documented in "
	       "it.\n.TP\n/run/bulkhead/api.sock\nThe daemon's socket.\n.TP\n/var/lib/bulkhead\n"
	       "What was learned, policies, events.\n.SH \"SEE ALSO\"\n.BR bulkhead.yaml (5),\n"
	       ".BR nft (8)\n");
}
