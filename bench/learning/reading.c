/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What learning from a record costs: reading FLOWS [ROUNDS]. In turns, ROUNDS (5) times each: lines
 * counted, lines parsed by cJSON and thrown away, records read by one thread and by as many as
 * there are processors, and `bulkhead learn` as a whole, which stands beside this program's folder.
 * Medians; ratios are of CPU seconds, to cJSON.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "records.h"

#define MOST_ROUNDS 99

struct taken {
	double cpu, wall; /* seconds */
};

struct bench {
	const char *flows, *bulkhead;
	size_t lines;
};

/* --- what is measured ------------------------------------------------------------------------- */

static _Noreturn void give_up(const char *what)
{
	perror(what);
	exit(3);
}

static void each_line(struct bench *b, void (*take)(const char *line))
{
	FILE *file = fopen(b->flows, "re");
	char *line = NULL;
	size_t room = 0;

	if (file == NULL)
		give_up(b->flows);
	for (b->lines = 0; getline(&line, &room, file) > 0; b->lines++)
		take(line);
	free(line);
	fclose(file);
}

static void ignore(const char *line)
{
	(void)line;
}

static void parse(const char *line)
{
	cJSON_Delete(cJSON_ParseWithOpts(line, NULL, true));
}

static void count_lines(struct bench *b)
{
	each_line(b, ignore);
}

static void parse_lines(struct bench *b)
{
	each_line(b, parse);
}

static void read_records(struct bench *b, size_t threads)
{
	struct bh_records_config config = bh_records_default();
	struct bh_records records;

	config.threads = threads > 0 ? threads : config.threads;
	if (bh_records_read(b->flows, &config, &records) != 0)
		exit(3);
	bh_records_free(&records);
}

static void read_by_one(struct bench *b)
{
	read_records(b, 1);
}

static void read_by_all(struct bench *b)
{
	read_records(b, 0);
}

static void learn(struct bench *b)
{
	int out = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (out < 0 || dup2(out, STDOUT_FILENO) < 0)
		give_up("/dev/null");
	execl(b->bulkhead, b->bulkhead, "learn", "--flows", b->flows, "--format", "json", NULL);
	give_up(b->bulkhead);
}

static const struct {
	const char *name;
	void (*run)(struct bench *b);
} steps[] = {
	{ "lines counted", count_lines },
	{ "cJSON, and nothing else", parse_lines },
	{ "records, one thread", read_by_one },
	{ "records, a thread for each processor", read_by_all },
	{ "bulkhead learn", learn },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* --- measuring -------------------------------------------------------------------------------- */

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* In a process of its own, so that none inherits what another one allocated. */
static struct taken take(struct bench *b, size_t step)
{
	struct rusage used;
	double begun = now();
	int status;
	pid_t pid = fork();

	if (pid < 0)
		give_up("fork");
	if (pid == 0) {
		steps[step].run(b);
		_exit(0);
	}
	if (wait4(pid, &status, 0, &used) != pid || status != 0)
		exit(3);
	return (struct taken) { .cpu = seconds(&used.ru_utime) + seconds(&used.ru_stime),
				.wall = now() - begun };
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_size);
	return values[count / 2];
}

static void print(const struct bench *b, double cpu[STEPS][MOST_ROUNDS],
		  double wall[STEPS][MOST_ROUNDS], size_t rounds)
{
	double lines = (double)b->lines / 1e6;

	printf("%.1f million lines, %ld processors, medians of %zu\n", lines,
	       sysconf(_SC_NPROCESSORS_ONLN), rounds);
	printf("%-38s %7s %6s %12s %7s %12s\n", "", "CPU-S", "x", "M/CPU-S", "WALL-S", "M/S");
	double whole = median(cpu[1], rounds);
	for (size_t i = 0; i < STEPS; i++) {
		double c = median(cpu[i], rounds), w = median(wall[i], rounds);

		printf("%-38s %7.2f %6.2f %12.2f %7.2f %12.2f\n", steps[i].name, c, c / whole,
		       lines / c, w, lines / w);
	}
}

int main(int argc, char **argv)
{
	static double cpu[STEPS][MOST_ROUNDS], wall[STEPS][MOST_ROUNDS];
	long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 5;
	char bulkhead[4096];

	if (argc < 2 || argc > 3 || rounds < 1 || rounds > MOST_ROUNDS) {
		fputs("reading FLOWS [ROUNDS]\n", stderr);
		return 2;
	}
	ssize_t length = readlink("/proc/self/exe", bulkhead, sizeof(bulkhead) - 64);
	if (length < 0)
		give_up("/proc/self/exe");
	bulkhead[length] = '\0';
	strcpy(strrchr(bulkhead, '/'), "/../../src/cli/bulkhead");
	struct bench b = { .flows = argv[1], .bulkhead = bulkhead };
	count_lines(&b);
	for (long round = 0; round < rounds; round++)
		for (size_t i = 0; i < STEPS; i++) {
			struct taken t = take(&b, i);

			cpu[i][round] = t.cpu;
			wall[i][round] = t.wall;
		}
	print(&b, cpu, wall, (size_t)rounds);
	return 0;
}
