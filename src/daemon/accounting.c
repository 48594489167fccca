/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "accounting.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SWITCH "/proc/sys/net/netfilter/nf_conntrack_acct"
#define PATH_ROOM 520

static void note_path(const char *directory, char out[PATH_ROOM])
{
	snprintf(out, PATH_ROOM, "%s/conntrack-accounting", directory);
}

static int cannot(struct bh_error *err, const char *path, int code)
{
	return bh_error_set(err, -code, "%s: %s", path, strerror(code));
}

static int read_switch(bool *on, struct bh_error *err)
{
	char value = '0';
	int fd = open(SWITCH, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, &value, 1) : -1;
	int code = errno;

	if (fd >= 0)
		close(fd);
	*on = value != '0';
	return got == 1 ? 0 : cannot(err, SWITCH, got == 0 ? EIO : code);
}

static int write_switch(bool on, struct bh_error *err)
{
	int fd = open(SWITCH, O_WRONLY | O_CLOEXEC);
	ssize_t put = fd >= 0 ? write(fd, on ? "1" : "0", 1) : -1;
	int code = errno;

	if (fd >= 0)
		close(fd);
	return put == 1 ? 0 : cannot(err, SWITCH, code);
}

/* That there is such a file is all it says. */
static int write_note(const char *note, struct bh_error *err)
{
	int fd = open(note, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return cannot(err, note, errno);
	close(fd);
	return 0;
}

int bh_accounting_on(const char *directory, bool *changed, struct bh_error *err)
{
	char note[PATH_ROOM];
	bool on;
	int result = read_switch(&on, err);

	*changed = false;
	if (result != 0 || on)
		return result;
	note_path(directory, note);
	result = write_note(note, err);
	if (result != 0)
		return result;
	result = write_switch(true, err);
	if (result != 0)
		unlink(note);
	*changed = result == 0;
	return result;
}

int bh_accounting_restore(const char *directory, struct bh_error *err)
{
	char note[PATH_ROOM];

	note_path(directory, note);
	if (access(note, F_OK) != 0)
		return 0;
	int result = write_switch(false, err);
	/* Gone with connection tracking itself: there is nothing to put back. */
	if (result == 0 || result == -ENOENT)
		unlink(note);
	return result == -ENOENT ? 0 : result;
}
