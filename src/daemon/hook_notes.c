/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hook_notes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grow.h"
#include "log.h"

#define MOST_NOTES 256

bool bh_hook_notes_name(const char *socket, struct bh_hook_notes *n)
{
	const char *slash = strrchr(socket, '/');
	int length = slash != NULL ? (int)(slash - socket) : 0;

	snprintf(n->folder, sizeof(n->folder), "%.*s", length, socket);
	snprintf(n->file, sizeof(n->file), "%.*s/hooks", length, socket);
	int whole = snprintf(n->taken, sizeof(n->taken), "%.*s/hooks.taken", length, socket);
	return length > 0 && whole < (int)sizeof(n->taken);
}

/* Nobody else can put something in the file's place. */
static bool is_roots(const char *folder)
{
	struct stat info;

	return lstat(folder, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == 0 &&
	       (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool has_room(int fd)
{
	struct stat info;

	return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
	       info.st_size < (off_t)(MOST_NOTES * sizeof(struct bh_msg_given_up));
}

/* One write each, at the end: the records of several hooks do not mix. */
void bh_hook_notes_write(const struct bh_hook_notes *n, const struct bh_msg_given_up *note)
{
	if (!is_roots(n->folder))
		return;
	int fd = open(n->file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	/* A part of one would spoil those that follow. */
	if (has_room(fd) && write(fd, note, sizeof(*note)) != (ssize_t)sizeof(*note))
		unlink(n->file);
	close(fd);
}

/* Records of another version are of no use to anybody. */
static bool hand_over(const struct bh_hook_notes *n,
		      bool (*give)(void *user, const struct bh_msg_given_up *note), void *user)
{
	BH_AUTO_CLOSE int fd = open(n->taken, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct bh_msg_given_up note;

	while (fd >= 0 && read(fd, &note, sizeof(note)) == (ssize_t)sizeof(note)) {
		if (!bh_message_check(BH_MSG_GIVEN_UP, &note, sizeof(note)))
			bh_log(BH_LOG_WARNING, "%s: a record that is none; ignored", n->taken);
		else if (!give(user, &note))
			return false;
	}
	return true;
}

void bh_hook_notes_take(const struct bh_hook_notes *n,
			bool (*give)(void *user, const struct bh_msg_given_up *note), void *user)
{
	/* Whoever had it open when it was renamed has written by now. */
	if (access(n->taken, F_OK) == 0) {
		if (!hand_over(n, give, user))
			return;
		unlink(n->taken);
	}
	if (rename(n->file, n->taken) != 0 && errno != ENOENT)
		bh_log(BH_LOG_WARNING, "%s: %s", n->file, strerror(errno));
}
