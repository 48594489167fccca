/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How good learning is, measured on made-up services (habits.h) whose truth is known.
 *
 *   learning generate [-s SEED] [-k SCENARIO] [-a] [-d DAYS]
 *       their flows, for `bulkhead learn --flows` and `bulkhead readiness --flows`; -a: with
 *       intruders, and whose a flow is stands beside it ("attack")
 *   learning evaluate [-s SEED] [-n SEEDS] [-j JOBS] [-c]
 *       a table beside the targets, for so many seeds from this one on; -c: ends with 1 where one
 * of the targets is missed that hold for any seed
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evaluation.h"
#include "timefmt.h"

struct options {
	struct habit_config habits;
	unsigned seeds, jobs;
	bool check;
};

/* --- as JSON ---------------------------------------------------------------------------------- */

/* Names go from address to address. */
static void print_end(const struct habit *habit, int64_t hour)
{
	switch (habit->to) {
	case TO_SERVICE:
		printf("{\"ip\":\"10.2.0.%d\",\"port\":%u,\"workload\":\"s%d\"},\"dns\":null",
		       habit->dst, habit->port, habit->dst);
		break;
	case TO_NAME:
		printf("{\"ip\":\"198.51.100.%d\",\"port\":%u,\"workload\":null},"
		       "\"dns\":\"n%d.example\"",
		       (int)((hour + habit->dst) % 250), habit->port, habit->dst);
		break;
	default:
		printf("{\"ip\":\"203.0.113.%d\",\"port\":%u,\"workload\":null},\"dns\":null",
		       habit->dst, habit->port);
	}
}

static void print_flow(const struct habit *habit, const struct happening *e)
{
	char first[BH_TIME_TEXT], last[BH_TIME_TEXT];

	printf("{\"first\":%s,\"last\":%s,\"proto\":\"tcp\",\"src\":{\"ip\":\"10.1.%u.%u\","
	       "\"port\":40000,\"workload\":\"s%u\",\"replica\":\"s%u-%u\"},\"dst\":",
	       bh_time_seconds(e->time, first), bh_time_seconds(e->time + BH_SECOND / 10, last),
	       e->service, e->replica % 250, e->service, e->service, e->replica);
	print_end(habit, e->time / BH_SECOND / 3600);
	printf(",\"state\":\"%s\",\"direction\":\"syn\",\"count\":%llu",
	       habit->answers ? "closed" : "refused", (unsigned long long)e->count);
	if (habit->attack != NO_ATTACK)
		printf(",\"attack\":\"%s\"", attack_names[habit->attack]);
	puts("}");
}

static int generate(const struct options *o)
{
	struct habits *habits = habits_new(&o->habits);
	char time[BH_TIME_TEXT];
	struct happening e;

	while (habits_next(habits, &e)) {
		if (e.deploy)
			printf("{\"deploy\":\"s%u\",\"time\":%s}\n", e.service,
			       bh_time_seconds(e.time, time));
		else
			print_flow(habits_at(habits, e.habit), &e);
	}
	habits_free(habits);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	perror("standard output");
	return 3;
}

/* --- as a table ------------------------------------------------------------------------------- */

static int print_evaluation(const struct options *o)
{
	struct books *books = calloc(1, sizeof(*books));

	if (books == NULL || !evaluate((unsigned)o->habits.seed, o->seeds, o->jobs, books))
		return 3;
	printf("%u seeds from %u on, %d services, %d days each.\n\n", o->seeds,
	       (unsigned)o->habits.seed, SERVICES, DAYS);
	print_table(books);
	printf("\nWhat intruders use and is accepted, %%, by filter (%s):\n\n",
	       scenario_names[BASE]);
	print_filters(&books->attacked[BASE]);
	puts("\nNew edges in the next window, in truth / expected:\n");
	print_days(books);
	int result = o->check && !check_firm_targets(books);
	free(books);
	return result;
}

/* --- options ---------------------------------------------------------------------------------- */

static int usage(void)
{
	fputs("learning generate [-s SEED] [-k base|heavy|drift|open-ended] [-a] [-d DAYS]\n"
	      "learning evaluate [-s SEED] [-n SEEDS] [-j JOBS] [-c]\n",
	      stderr);
	return 2;
}

static bool read_number(const char *text, unsigned long least, unsigned long most,
			unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 10);
	return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && *out >= least &&
	       *out <= most;
}

static bool read_scenario(const char *name, enum scenario *out)
{
	for (int i = 0; i < SCENARIOS; i++)
		if (strcmp(scenario_names[i], name) == 0) {
			*out = (enum scenario)i;
			return true;
		}
	return false;
}

static bool read_option(struct options *o, int option)
{
	unsigned long number = 0;

	switch (option) {
	case 'a':
		return o->habits.attacked = true;
	case 'c':
		return o->check = true;
	case 'k':
		return read_scenario(optarg, &o->habits.scenario);
	case 's':
		if (!read_number(optarg, 0, INT_MAX, &number))
			return false;
		o->habits.seed = number;
		return true;
	case 'd':
		if (!read_number(optarg, 1, 3660, &number))
			return false;
		o->habits.days = (unsigned)number;
		return true;
	case 'n':
		if (!read_number(optarg, 1, 10000, &number))
			return false;
		o->seeds = (unsigned)number;
		return true;
	case 'j':
		if (!read_number(optarg, 1, 1024, &number))
			return false;
		o->jobs = (unsigned)number;
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct options o = { .habits = { .seed = 1, .days = 28 },
			     .seeds = 100,
			     .jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN) };
	bool generates = argc > 1 && strcmp(argv[1], "generate") == 0;

	if (!generates && (argc < 2 || strcmp(argv[1], "evaluate") != 0))
		return usage();
	for (int c; (c = getopt(argc - 1, argv + 1, generates ? "s:k:ad:" : "s:n:j:c")) != -1;)
		if (!read_option(&o, c))
			return usage();
	if (optind != argc - 1)
		return usage();
	return generates ? generate(&o) : print_evaluation(&o);
}
