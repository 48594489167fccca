/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lab alone, without the rest of the program: up, down, attack, report, `lab role NAME`. Prints
 * one tab-separated line for each attempt or activity. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"

static void print_attempt(void *user, const struct bh_lab_attempt *attempt)
{
	(void)user;
	printf("%s\t%s\t%s\n", attempt->got_through ? "through" : "refused", attempt->name,
	       attempt->detail);
	fflush(stdout);
}

static void print_activity(void *user, const struct bh_lab_activity *a)
{
	(void)user;
	printf("%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRId64 "\t%s\n", a->host, a->name,
	       a->ok, a->failed, a->cut, a->longest_gap / 1000, a->failure);
}

static int run(const char *command, struct bh_error *err)
{
	if (strcmp(command, "up") == 0)
		return bh_lab_up(err);
	if (strcmp(command, "down") == 0)
		return bh_lab_down(err);
	if (strcmp(command, "attack") == 0)
		return bh_lab_attack(print_attempt, NULL, err);
	if (strcmp(command, "report") == 0)
		return bh_lab_report(print_activity, NULL, err);
	return bh_error_set(err, -1, "usage: labctl up|down|attack|report|lab role NAME");
}

int main(int argc, char **argv)
{
	struct bh_error err = { 0 };

	if (argc >= 3 && strcmp(argv[1], "lab") == 0 && strcmp(argv[2], "role") == 0)
		return bh_lab_role(argc - 3, argv + 3);
	if (run(argc == 2 ? argv[1] : "", &err) >= 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "labctl: %s\n", err.text);
	return EXIT_FAILURE;
}
