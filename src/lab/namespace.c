/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "grow.h"

#define NETNS_DIRECTORY "/run/netns"
/* /proc/self names the process; the visiting thread need not be its first. */
#define OWN_NETNS "/proc/thread-self/ns/net"

static char *netns_path(char out[BH_LAB_PATH], const char *name)
{
	snprintf(out, BH_LAB_PATH, NETNS_DIRECTORY "/%s", name);
	return out;
}

static bool share_directory(void)
{
	return mount("", NETNS_DIRECTORY, "none", MS_SHARED | MS_REC, NULL) == 0;
}

/* A mount of its own that is shared, so that names made in any mount namespace show in all: what
 * iproute2 does before its first name. */
static int prepare_directory(struct bh_error *err)
{
	if (mkdir(NETNS_DIRECTORY, 0755) == 0)
		bh_lab_write("netns", "folder", "", NULL);
	else if (errno != EEXIST)
		return bh_error_set(err, -errno, NETNS_DIRECTORY ": %s", strerror(errno));
	if (share_directory())
		return 0;
	if (errno != EINVAL ||
	    mount(NETNS_DIRECTORY, NETNS_DIRECTORY, "none", MS_BIND | MS_REC, NULL) < 0)
		return bh_error_set(err, -errno, NETNS_DIRECTORY ": cannot be mounted: %s",
				    strerror(errno));
	bh_lab_write("netns", "mount", "", NULL);
	if (!share_directory())
		return bh_error_set(err, -errno, NETNS_DIRECTORY ": cannot be shared: %s",
				    strerror(errno));
	return 0;
}

void bh_lab_namespace_tidy(void)
{
	/* Both refuse by themselves where a name is left. */
	if (bh_lab_exists("netns", "mount"))
		umount2(NETNS_DIRECTORY, UMOUNT_NOFOLLOW);
	if (bh_lab_exists("netns", "folder"))
		rmdir(NETNS_DIRECTORY);
}

/* The file that the namespace is mounted on. */
static int take_name(const char *name, struct bh_error *err)
{
	char path[BH_LAB_PATH];
	int fd = open(netns_path(path, name), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);

	if (fd < 0 && errno == EEXIST)
		return bh_error_set(err, -EEXIST,
				    "the network namespace %s exists already and is not the "
				    "lab's; remove or rename it",
				    name);
	if (fd < 0)
		return bh_error_set(err, -errno, "%s: %s", path, strerror(errno));
	close(fd);
	int result = bh_lab_write(name, "netns", "", err);

	if (result < 0)
		unlink(path);
	return result;
}

int bh_lab_namespace_create(const char *name, struct bh_error *err)
{
	char path[BH_LAB_PATH];
	int result = prepare_directory(err);

	if (result == 0)
		result = take_name(name, err);
	if (result < 0)
		return result;
	BH_LAB_VISIT int home = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);

	if (home < 0)
		return bh_error_set(err, -errno, OWN_NETNS ": %s", strerror(errno));
	if (unshare(CLONE_NEWNET) < 0)
		return bh_error_set(err, -errno, "a network namespace cannot be made: %s",
				    strerror(errno));
	if (mount(OWN_NETNS, netns_path(path, name), "none", MS_BIND, NULL) < 0)
		return bh_error_set(err, -errno, "%s: cannot be mounted: %s", path,
				    strerror(errno));
	return 0;
}

int bh_lab_namespace_remove(const char *name, struct bh_error *err)
{
	char path[BH_LAB_PATH];

	netns_path(path, name);
	/* EINVAL: nothing is mounted there, up did not get that far. */
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
		return bh_error_set(err, -errno, "%s: %s", path, strerror(errno));
	if (unlink(path) < 0 && errno != ENOENT)
		return bh_error_set(err, -errno, "%s: %s", path, strerror(errno));
	bh_lab_forget(name, "netns");
	return 0;
}

int bh_lab_namespace_open(const char *name, struct bh_error *err)
{
	char path[BH_LAB_PATH];
	int fd = open(netns_path(path, name), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return bh_error_set(err, -errno, "%s: %s", path, strerror(errno));
	return fd;
}

int bh_lab_namespace_enter(const char *name, struct bh_error *err)
{
	BH_AUTO_CLOSE int there = bh_lab_namespace_open(name, err);

	if (there < 0)
		return there;
	int home = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);

	if (home < 0)
		return bh_error_set(err, -errno, OWN_NETNS ": %s", strerror(errno));
	if (setns(there, CLONE_NEWNET) < 0) {
		int result = bh_error_set(err, -errno, "namespace %s: %s", name, strerror(errno));

		close(home);
		return result;
	}
	return home;
}

void bh_lab_namespace_leave(int *home)
{
	if (*home < 0)
		return;
	/* Whatever came next would happen in the wrong network. */
	if (setns(*home, CLONE_NEWNET) < 0) {
		perror("bulkhead: cannot return to the own network namespace");
		abort();
	}
	bh_close_fd(home);
}

int bh_lab_namespace_socket(const char *name, int domain, int type, int protocol,
			    struct bh_error *err)
{
	BH_LAB_VISIT int home = bh_lab_namespace_enter(name, err);

	if (home < 0)
		return home;
	int fd = socket(domain, type | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return bh_error_set(err, -errno, "a socket in %s: %s", name, strerror(errno));
	return fd;
}

bool bh_lab_namespace_is_here(const char *name)
{
	char path[BH_LAB_PATH];
	struct stat named, own;

	return stat(netns_path(path, name), &named) == 0 && stat(OWN_NETNS, &own) == 0 &&
	       named.st_dev == own.st_dev && named.st_ino == own.st_ino;
}

int bh_lab_namespace_sysctl(const char *name, const char *file, const char *value,
			    struct bh_error *err)
{
	char path[BH_LAB_PATH];
	BH_LAB_VISIT int home = bh_lab_namespace_enter(name, err);

	if (home < 0)
		return home;
	snprintf(path, sizeof(path), "/proc/sys/%s", file);
	BH_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return bh_error_set(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}
