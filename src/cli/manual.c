/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The man page, from the command table. */
#include <stdio.h>

#include "command.h"

/* What roff would obey, or print as another character of typography; NULL: neither. */
static const char *roff_of(char c)
{
	switch (c) {
	case '\\':
		return "\\e";
	case '-':
		return "\\-";
	case '\'':
		return "\\(aq";
	case '`':
		return "\\(ga";
	case '^':
		return "\\(ha";
	case '~':
		return "\\(ti";
	default:
		return NULL;
	}
}

static void put_roff(const char *text)
{
	bool start = true;

	for (; *text != '\0'; text++) {
		const char *instead = roff_of(*text);

		if (start && *text == '.')
			fputs("\\&", stdout);
		start = *text == '\n';
		if (instead != NULL)
			fputs(instead, stdout);
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
	if (c->formats != NULL && c->formats[0] != '\0')
		man_option(&(struct bh_option) { "format", c->formats, "how to print" });
	printf(".PP\nExample:\n.PP\n.RS\n.nf\n");
	put_roff(c->example);
	printf("\n.fi\n.RE\n");
}

static void man_end(void)
{
	fputs(".SH \"EXIT STATUS\"\n0 done; 1 the answer is no (a check failed, a policy is "
	      "invalid);\n2 usage; 3 the daemon or a file cannot be reached.\n"
	      ".SH ENVIRONMENT\n.TP\nBULKHEAD_SOCKET\nThe daemon\\(aqs socket, where "
	      "\\-\\-socket does not say it.\n"
	      ".TP\nNO_COLOR\nSet: no colour, as with \\-\\-no\\-color.\n"
	      ".SH FILES\n.TP\n/etc/bulkhead/bulkhead.yaml\nThe configuration; see\n"
	      ".BR bulkhead.yaml (5).\n"
	      ".TP\n/run/bulkhead/api.sock\nThe daemon\\(aqs socket.\n"
	      ".TP\n/run/bulkhead/web.sock\nThe web interface and the API, to who shows a token.\n"
	      ".TP\n/run/bulkhead/bulkhead.log\nThe daemon\\(aqs log, where it was not started in "
	      "the foreground.\n"
	      ".TP\n/var/lib/bulkhead/bulkhead.db\nWhat was learned, policies, modes, flows, "
	      "events.\n.SH \"SEE ALSO\"\n.BR bulkhead.yaml (5),\n"
	      ".BR bulkhead\\-filter (7),\n.BR bulkhead\\-api (7),\n"
	      ".BR bulkhead\\-exports (7),\n.BR nft (8)\n",
	      stdout);
}

void bh_manual_print(void)
{
	printf(".\\\" SPDX-License-Identifier: GPL-2.0-or-later\n"
	       ".TH BULKHEAD 8 \"\" \"bulkhead " BULKHEAD_VERSION
	       "\" \"System administration\"\n.nh\n.ad "
	       "l\n"
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
	man_end();
}
