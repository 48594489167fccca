/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log_file.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grow.h"
#include "log.h"

#define MOST (8 << 20) /* bytes */
#define MOST_BETWEEN_TRIMS (64 << 20)

struct names {
	char log[512];
	char old[516];
};

static struct names names_in(const char *directory)
{
	struct names n;

	snprintf(n.log, sizeof(n.log), "%s/bulkhead.log", directory);
	snprintf(n.old, sizeof(n.old), "%s.old", n.log);
	return n;
}

/* Appending, so that every process writes at the end wherever that is. */
static int open_fresh(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0640);
}

int bh_log_file_open(const char *directory)
{
	struct names n = names_in(directory);

	rename(n.log, n.old);
	return open_fresh(n.log);
}

/* The file stays the same one, because the others hold it open: its contents move. */
static void move_contents(const struct names *n, off_t size)
{
	int from = open(n->log, O_RDONLY | O_CLOEXEC);
	/* No O_APPEND: sendfile() refuses it. */
	int to = open(n->old, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	while (from >= 0 && to >= 0 && size > 0) {
		ssize_t sent = sendfile(to, from, NULL, (size_t)size);

		if (sent <= 0)
			break;
		size -= sent;
	}
	bh_close_fd(&from);
	bh_close_fd(&to);
}

/* Whether standard error is the log, and how long it is. */
static bool is_log(const struct names *n, off_t *size)
{
	struct stat held, named;

	if (fstat(STDERR_FILENO, &held) != 0 || !S_ISREG(held.st_mode) || stat(n->log, &named) != 0)
		return false;
	*size = held.st_size;
	return named.st_ino == held.st_ino && named.st_dev == held.st_dev;
}

size_t bh_log_file_most(const char *directory)
{
	struct names n = names_in(directory);
	off_t size;

	return is_log(&n, &size) ? MOST_BETWEEN_TRIMS : 0;
}

void bh_log_file_trim(const char *directory)
{
	struct names n = names_in(directory);
	off_t size;

	if (!is_log(&n, &size) || size <= MOST)
		return;
	move_contents(&n, size);
	if (ftruncate(STDERR_FILENO, 0) == 0)
		bh_log(BH_LOG_INFO, "the log was full; what it held is in %s", n.old);
}
