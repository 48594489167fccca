/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "files.h"
#include "grow.h"
#include "namespace.h"
#include "timefmt.h"

#define READY_WITHIN (5 * BH_SECOND)
#define END_WITHIN 2000 /* ms, before it is ended the hard way */

/* Field 22 of /proc/PID/stat: clock ticks between boot and the process's start; 0 where there is no
 * such process, or only its shadow. Together with the id it names a process for good. */
static unsigned long long start_time(pid_t pid)
{
	char path[64], text[1024];
	unsigned long long ticks;
	char state;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	BH_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (length <= 0)
		return 0;
	text[length] = '\0';
	/* The second field is the program's name, which may hold anything. */
	const char *rest = strrchr(text, ')');

	if (rest == NULL || sscanf(rest + 1,
				   " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
				   "%*s %*s %*s %*s %llu",
				   &state, &ticks) != 2)
		return 0;
	return state == 'Z' || state == 'X' ? 0 : ticks;
}

/* What the process says goes to its log, the rest of ours stays closed to it. */
static void detach(const char *name)
{
	char path[BH_LAB_PATH];
	int log = open(bh_lab_path(path, name, "log"), O_WRONLY | O_CREAT | O_TRUNC, 0644);
	int null = open("/dev/null", O_RDWR);

	setsid();
	if (chdir("/") < 0 || log < 0 || null < 0)
		_exit(127);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	close_range(STDERR_FILENO + 1, ~0U, 0);
}

static _Noreturn void become_role(const char *name)
{
	char program[] = "bulkhead", lab[] = "lab", role[] = "role";
	char *argv[] = { program, lab, role, (char *)(uintptr_t)name, NULL };
	sigset_t none;

	if (bh_lab_namespace_enter(name, NULL) < 0)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	detach(name);
	execv("/proc/self/exe", argv);
	perror("/proc/self/exe");
	_exit(127);
}

static void pause_briefly(void)
{
	nanosleep(&(struct timespec) { .tv_nsec = 5000000 }, NULL);
}

static int died(const char *name, struct bh_error *err)
{
	char log[512] = "";

	bh_lab_read(name, "log", log, sizeof(log), NULL);
	log[strcspn(log, "\n")] = '\0';
	return bh_error_set(err, -ECHILD, "the process of %s ended at once: %s", name,
			    log[0] != '\0' ? log : "it left no word");
}

static int wait_ready(const char *name, pid_t pid, struct bh_error *err)
{
	int64_t until = bh_time_monotonic() + READY_WITHIN;

	while (!bh_lab_exists(name, "stat")) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return died(name, err);
		if (bh_time_monotonic() > until)
			return bh_error_set(err, -ETIMEDOUT,
					    "the process of %s is not ready after five seconds",
					    name);
		pause_briefly();
	}
	return 0;
}

int bh_lab_process_start(const char *name, struct bh_error *err)
{
	char record[64];
	pid_t pid = fork();

	if (pid < 0)
		return bh_error_set(err, -errno, "fork: %s", strerror(errno));
	if (pid == 0)
		become_role(name);
	snprintf(record, sizeof(record), "%d %llu\n", (int)pid, start_time(pid));
	int result = bh_lab_write(name, "process", record, err);

	if (result < 0) {
		kill(pid, SIGKILL);
		return result;
	}
	return wait_ready(name, pid, err);
}

static bool gone_within(int pidfd, int milliseconds)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, milliseconds) == 1;
}

static int end(int pidfd, const char *name, struct bh_error *err)
{
	if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) < 0 && errno != ESRCH)
		return bh_error_set(err, -errno, "the process of %s: %s", name, strerror(errno));
	if (gone_within(pidfd, END_WITHIN))
		return 0;
	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	if (gone_within(pidfd, END_WITHIN))
		return 0;
	return bh_error_set(err, -ETIMEDOUT, "the process of %s does not end", name);
}

int bh_lab_process_end(const char *name, struct bh_error *err)
{
	char text[64];
	int pid;
	unsigned long long started;
	int result = bh_lab_read(name, "process", text, sizeof(text), err);

	if (result < 0)
		return result;
	if (sscanf(text, "%d %llu", &pid, &started) != 2 || pid <= 1)
		return bh_error_set(err, -EINVAL, BH_LAB_DIRECTORY "/%s.process names no process",
				    name);
	BH_AUTO_CLOSE int pidfd = pidfd_open(pid, 0);

	/* The descriptor first: whoever it stands for now, it cannot change under us. */
	if (pidfd >= 0 && started != 0 && start_time(pid) == started)
		result = end(pidfd, name, err);
	while (waitpid(pid, NULL, WNOHANG) > 0)
		;
	if (result == 0)
		bh_lab_forget(name, "process");
	return result;
}
