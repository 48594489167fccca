/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run RESULT COMMAND...: runs a command and appends "CPU-SECONDS PEAK-RSS-IN-KIB" to RESULT: user
 * and system time of all its processes, and the sum of their peaks. A small program, because a
 * child starts with the resident memory of the one that made it. Its end is the command's.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static pid_t start(char **command)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(command[0], command);
	perror(command[0]);
	_exit(127);
}

int main(int argc, char **argv)
{
	int status, result = 1;
	long peak = 0;
	double cpu = 0;
	struct rusage used;

	if (argc < 3) {
		fputs("usage: run RESULT COMMAND...\n", stderr);
		return 2;
	}
	/* Helpers that a command leaves behind come to us, and count. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid_t first = start(argv + 2);
	for (pid_t pid; (pid = wait4(-1, &status, 0, &used)) > 0 || errno == EINTR;) {
		if (pid <= 0)
			continue;
		cpu += seconds(&used.ru_utime) + seconds(&used.ru_stime);
		peak += used.ru_maxrss;
		if (pid == first)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	FILE *file = fopen(argv[1], "ae");
	if (file == NULL || fprintf(file, "%.3f %ld\n", cpu, peak) < 0 || fclose(file) != 0) {
		perror(argv[1]);
		return 1;
	}
	return result;
}
