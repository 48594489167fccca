/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The runs are shared among processes: each takes the next one that nobody took, and leaves its
 * account in memory that they have in common. */
#include "evaluation.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

#define RUNS_A_SEED (2 * SCENARIOS)

struct board {
	atomic_uint taken, done;
	struct account accounts[];
};

static struct habit_config config_of(unsigned first, unsigned run)
{
	return (struct habit_config) { .seed = first + run / RUNS_A_SEED,
				       .scenario = run / 2 % SCENARIOS,
				       .attacked = run % 2 != 0,
				       .days = DAYS };
}

static void work(struct board *b, unsigned first, unsigned runs)
{
	unsigned run;

	while ((run = atomic_fetch_add(&b->taken, 1)) < runs) {
		const struct habit_config config = config_of(first, run);

		run_habits(&config, &b->accounts[run]);
		unsigned done = atomic_fetch_add(&b->done, 1) + 1;
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "\r%u of %u runs%s", done, runs, done == runs ? "\n" : "");
	}
}

/* The number of those that were started. */
static unsigned start(struct board *b, unsigned first, unsigned runs, unsigned jobs)
{
	for (unsigned i = 0; i < jobs; i++) {
		pid_t child = fork();

		if (child < 0)
			return i;
		if (child > 0)
			continue;
		work(b, first, runs);
		_exit(0);
	}
	return jobs;
}

static bool await(unsigned jobs)
{
	bool well = jobs > 0;
	int status;

	for (; jobs > 0; jobs--)
		well = wait(&status) > 0 && status == 0 && well;
	return well;
}

static void add_up(const struct board *b, unsigned runs, struct books *books)
{
	for (unsigned run = 0; run < runs; run++) {
		const struct habit_config config = config_of(0, run);

		account_add(&(config.attacked ? books->attacked : books->clean)[config.scenario],
			    &b->accounts[run]);
	}
}

bool evaluate(unsigned first, unsigned seeds, unsigned jobs, struct books *books)
{
	unsigned runs = seeds * RUNS_A_SEED;
	size_t size = sizeof(struct board) + runs * sizeof(struct account);
	struct board *b =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (b == MAP_FAILED) {
		perror("mmap");
		return false;
	}
	fflush(NULL);
	bool well = await(start(b, first, runs, jobs)) && atomic_load(&b->done) == runs;
	if (well)
		add_up(b, runs, books);
	else
		fputs("a run failed\n", stderr);
	munmap(b, size);
	return well;
}
