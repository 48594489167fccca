/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grow.h"

static void close_directory(DIR **directory)
{
	if (*directory != NULL)
		closedir(*directory);
}

#define AUTO_DIRECTORY __attribute__((cleanup(close_directory)))

char *bh_lab_path(char out[BH_LAB_PATH], const char *name, const char *kind)
{
	snprintf(out, BH_LAB_PATH, BH_LAB_DIRECTORY "/%s.%s", name, kind);
	return out;
}

int bh_lab_write(const char *name, const char *kind, const char *text, struct bh_error *err)
{
	char path[BH_LAB_PATH], fresh[BH_LAB_PATH + sizeof(".new")];

	snprintf(fresh, sizeof(fresh), "%s.new", bh_lab_path(path, name, kind));
	BH_AUTO_CLOSE int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return bh_error_set(err, -errno, "%s: %s", fresh, strerror(errno));
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return bh_error_set(err, -EIO, "%s: could not be written", fresh);
	if (rename(fresh, path) < 0)
		return bh_error_set(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

int bh_lab_read(const char *name, const char *kind, char *out, size_t size, struct bh_error *err)
{
	char path[BH_LAB_PATH];
	BH_AUTO_CLOSE int fd = open(bh_lab_path(path, name, kind), O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got;

	if (fd < 0)
		return bh_error_set(err, -errno, "%s: %s", path, strerror(errno));
	while (length < size && (got = read(fd, out + length, size - length)) != 0) {
		if (got < 0)
			return bh_error_set(err, -errno, "%s: %s", path, strerror(errno));
		length += (size_t)got;
	}
	if (length == size)
		return bh_error_set(err, -EFBIG, "%s: more than %zu bytes", path, size - 1);
	out[length] = '\0';
	return 0;
}

bool bh_lab_exists(const char *name, const char *kind)
{
	char path[BH_LAB_PATH];

	return access(bh_lab_path(path, name, kind), F_OK) == 0;
}

void bh_lab_forget(const char *name, const char *kind)
{
	char path[BH_LAB_PATH];

	unlink(bh_lab_path(path, name, kind));
}

static DIR *open_directory(struct bh_error *err)
{
	DIR *directory = opendir(BH_LAB_DIRECTORY);

	if (directory == NULL)
		bh_error_set(err, -errno, BH_LAB_DIRECTORY ": %s", strerror(errno));
	return directory;
}

/* The name in front of ".KIND"; false where the file is of another kind. */
static bool name_of(const char *file, const char *kind, char out[NAME_MAX + 1])
{
	const char *dot = strrchr(file, '.');

	if (dot == NULL || dot == file || strcmp(dot + 1, kind) != 0)
		return false;
	snprintf(out, NAME_MAX + 1, "%.*s", (int)(dot - file), file);
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

/* Sorted, and read to the end before anything is done: visit() may remove files. */
static ssize_t names_of(const char *kind, char ***names, struct bh_error *err)
{
	AUTO_DIRECTORY DIR *directory = open_directory(err);
	size_t count = 0, capacity = 0;
	const struct dirent *entry;
	char name[NAME_MAX + 1];

	*names = NULL;
	if (directory == NULL)
		return -errno;
	while ((entry = readdir(directory)) != NULL) {
		if (!name_of(entry->d_name, kind, name))
			continue;
		*names = bh_grow(*names, &capacity, count + 1, sizeof(**names));
		(*names)[count++] = bh_strdup(name);
	}
	if (count > 0)
		qsort(*names, count, sizeof(**names), by_name);
	return (ssize_t)count;
}

int bh_lab_each(const char *kind, int (*visit)(void *user, const char *name, struct bh_error *err),
		void *user, struct bh_error *err)
{
	char **names;
	ssize_t count = names_of(kind, &names, err);
	int result = count < 0 ? (int)count : 0;

	for (ssize_t i = 0; i < count; i++) {
		int one = visit(user, names[i], err);

		if (one < 0)
			result = one;
	}
	free_names(names, count > 0 ? (size_t)count : 0);
	return result;
}

int bh_lab_forget_all(struct bh_error *err)
{
	AUTO_DIRECTORY DIR *directory = opendir(BH_LAB_DIRECTORY);
	const struct dirent *entry;

	if (directory == NULL)
		return errno == ENOENT ? 0
				       : bh_error_set(err, -errno, BH_LAB_DIRECTORY ": %s",
						      strerror(errno));
	while ((entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(directory), entry->d_name, 0);
	if (rmdir(BH_LAB_DIRECTORY) < 0)
		return bh_error_set(err, -errno, BH_LAB_DIRECTORY ": %s", strerror(errno));
	return 0;
}
