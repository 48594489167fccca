/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "lab.h"

#define DEFAULT_SOCKET "/run/bulkhead/api.sock"

static bool is_said(const char *word, const char *name, int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], name) == 0 || strcmp(argv[i], word) == 0)
			return true;
	return false;
}

/* Help about the command among the words, whatever else was said. */
static int help_for(int argc, char **argv)
{
	int used, words = 0;
	char **first = NULL;

	for (int i = 0; i < argc; i++) {
		if (argv[i][0] == '-')
			continue;
		if (bh_command_find(argc - i, argv + i, &used) != NULL ||
		    bh_command_is_group(argv[i]))
			return bh_help_about(argc - i, argv + i);
		first = first != NULL ? first : argv + i;
		words++;
	}
	if (words > 0)
		return bh_command_unknown(1, first);
	bh_help_overview();
	return BH_EXIT_DONE;
}

int main(int argc, char **argv)
{
	const char *socket = getenv("BULKHEAD_SOCKET");
	struct bh_call call = { .socket = socket != NULL ? socket : DEFAULT_SOCKET,
				.format = "table",
				.color = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL };

	setlocale(LC_CTYPE, "C.UTF-8");
	/* The lab's own processes are this program too. */
	if (argc > 3 && strcmp(argv[1], "lab") == 0 && strcmp(argv[2], "role") == 0)
		return bh_lab_role(argc - 3, argv + 3);
	if (argc < 2) {
		bh_help_overview();
		return BH_EXIT_USAGE;
	}
	if (is_said("--version", "-V", argc - 1, argv + 1)) {
		puts("bulkhead " BULKHEAD_VERSION);
		return BH_EXIT_DONE;
	}
	if (is_said("--help", "-h", argc - 1, argv + 1))
		return help_for(argc - 1, argv + 1);
	int result = bh_call_parse(&call, argc - 1, argv + 1);
	return result != 0 ? result : call.command->run(&call);
}
