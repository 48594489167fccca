/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each folder on the way to a file has its inotify watch, set before the folder is read: what
 * appears in between is told twice, and never missed. A file that changes is read a moment later,
 * once for a burst of writes.
 */
#include "kernel_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bulkhead/endpoint.h"
#include "file_stream.h"
#include "grow.h"
#include "log.h"
#include "map.h"
#include "runtime.h"

#define CHUNK 32768
#define BURST_MS 20  /* how long a file is left alone after it changed */
#define SEEK_MS 1000 /* between two looks for places that do not exist */
#define FOLDER_NEWS (IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM)

/* A folder that is watched, as part of a place. */
struct folder {
	int descriptor;
	size_t place;
	unsigned depth; /* how many parts of the place's path lead to it */
	char path[BH_FILE_PATH];
};

struct bh_files {
	struct bh_files_events events;
	struct bh_file_place places[BH_FILE_PLACES];
	bool found[BH_FILE_PLACES]; /* the root exists, and is watched */
	size_t place_count;
	int notify;
	struct bh_map *folders; /* watch descriptor → struct folder */
	struct bh_map *changed; /* paths of files to be read again */
	bool ended;
	bool listed;	  /* what there was has been told */
	unsigned handles; /* that are not closed yet */
	uv_poll_t poll;
	uv_timer_t burst;
	uv_timer_t seek;
};

size_t bh_file_places(const struct bh_config *config, uint8_t runtime,
		      struct bh_file_place places[BH_FILE_PLACES])
{
	const struct {
		uint8_t runtime;
		struct bh_file_place place;
	} all[] = {
		{ BH_RUNTIME_PODMAN, { config->podman_storage, "libpod/bolt_state.db" } },
		{ BH_RUNTIME_CRI, { config->cni_results, "*" } },
		{ BH_RUNTIME_CRI, { config->containerd_bundles, "*/*/config.json" } },
		{ BH_RUNTIME_CRI, { config->crio_bundles, "*/userdata/config.json" } },
		{ BH_RUNTIME_LXC, { config->lxc_containers, "*/config" } },
		{ BH_RUNTIME_NSPAWN, { config->machines, "*" } },
	};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].runtime == runtime && all[i].place.root[0] != '\0')
			places[count++] = all[i].place;
	return count;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void end(struct bh_files *f, int error)
{
	if (f->ended)
		return;
	f->ended = true;
	f->events.end(f->events.user, error);
}

static void send_bytes(struct bh_files *f, const void *bytes, size_t length)
{
	if (!f->ended && !f->events.data(f->events.user, bytes, length))
		end(f, -ENOBUFS);
}

static void send_head(struct bh_files *f, enum bh_file_news news, const char *path, size_t length)
{
	struct bh_file_head head = { .news = news,
				     .path_length = (uint32_t)strlen(path),
				     .data_length = (uint32_t)length };
	char bytes[sizeof(head) + BH_FILE_PATH];

	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), path, head.path_length);
	send_bytes(f, bytes, sizeof(head) + head.path_length);
}

/* Reads a regular file whole. NULL: it is none, or is gone, or grew meanwhile beyond what is taken.
 */
static char *read_whole(const char *path, size_t *length)
{
	struct stat info;
	char *bytes = NULL;
	size_t room = 0;
	ssize_t got = 0;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	*length = 0;
	if (fd < 0)
		return NULL;
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= BH_FILE_MOST) {
		/* One more than it has: where that is filled, it has grown. */
		room = (size_t)info.st_size + 1;
		bytes = bh_calloc(1, room);
		while (*length < room && (got = read(fd, bytes + *length, room - *length)) > 0)
			*length += (size_t)got;
	} else if (info.st_size > BH_FILE_MOST) {
		bh_log(BH_LOG_WARNING, "%s is larger than %u MiB, and is not read", path,
		       BH_FILE_MOST >> 20);
	}
	close(fd);
	if (bytes != NULL && (got < 0 || *length == room)) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

static void tell_file(struct bh_files *f, const char *path)
{
	size_t length;
	char *bytes = read_whole(path, &length);

	if (bytes == NULL)
		return;
	send_head(f, BH_FILE_IS, path, length);
	for (size_t at = 0; at < length; at += CHUNK)
		send_bytes(f, bytes + at, length - at < CHUNK ? length - at : CHUNK);
	free(bytes);
}

static void tell_listed(struct bh_files *f)
{
	size_t count = 0;

	for (size_t i = 0; i < f->place_count; i++)
		count += f->found[i];
	f->listed = true;
	send_head(f, BH_FILES_LISTED, "", count);
}

/* --- folders ---------------------------------------------------------------------------------- */

/* The part of a place's path that is looked for in a folder of this depth; *last: it is the file.
 */
static size_t part_of(const struct bh_files *f, size_t place, unsigned depth, const char **part,
		      bool *last)
{
	const char *at = f->places[place].below;

	for (; depth > 0; depth--)
		at = strchr(at, '/') + 1;
	size_t length = strcspn(at, "/");
	*part = at;
	*last = at[length] == '\0';
	return length;
}

static bool matches(const char *part, size_t length, const char *name)
{
	if (length == 1 && *part == '*')
		return name[0] != '.';
	return strlen(name) == length && memcmp(part, name, length) == 0;
}

static bool join(char out[BH_FILE_PATH], const char *folder, const char *name)
{
	int length = snprintf(out, BH_FILE_PATH, "%s/%s", folder, name);

	return length > 0 && length < BH_FILE_PATH;
}

static bool watch(struct bh_files *f, size_t place, unsigned depth, const char *path)
{
	int descriptor = inotify_add_watch(f->notify, path, FOLDER_NEWS | IN_ONLYDIR);

	if (descriptor < 0) {
		if (errno == ENOSPC)
			bh_log(BH_LOG_WARNING,
			       "%s cannot be watched: raise fs.inotify.max_user_watches", path);
		return false;
	}
	struct folder *folder = bh_calloc(1, sizeof(*folder));
	folder->descriptor = descriptor;
	folder->place = place;
	folder->depth = depth;
	bh_copy_text(folder->path, sizeof(folder->path), path);
	bh_map_put(f->folders, &descriptor, sizeof(descriptor), folder);
	return true;
}

/* Watches a folder and what lies on the way below it, and tells the files. As deep as the place's
 * path. */
static bool enter(struct bh_files *f, size_t place, unsigned depth, const char *path)
{
	const struct dirent *entry;
	const char *part;
	char below[BH_FILE_PATH];
	bool last;
	size_t length = part_of(f, place, depth, &part, &last);

	if (!watch(f, place, depth, path))
		return false;
	DIR *dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (!matches(part, length, entry->d_name) || !join(below, path, entry->d_name))
			continue;
		if (last)
			tell_file(f, below);
		else
			enter(f, place, depth + 1, below);
	}
	if (dir != NULL)
		closedir(dir);
	return true;
}

/* Places that there were not. */
static bool enter_missing(struct bh_files *f)
{
	bool any = false;

	for (size_t i = 0; i < f->place_count; i++) {
		if (f->found[i])
			continue;
		f->found[i] = enter(f, i, 0, f->places[i].root);
		any = any || f->found[i];
	}
	return any;
}

static void on_seek(uv_timer_t *timer)
{
	struct bh_files *f = timer->data;

	if (enter_missing(f) || !f->listed)
		tell_listed(f);
}

/* --- news ------------------------------------------------------------------------------------- */

static void on_burst_over(uv_timer_t *timer)
{
	struct bh_files *f = timer->data;
	const char *path;

	for (size_t position = 0; (path = bh_map_next(f->changed, &position)) != NULL;)
		tell_file(f, path);
	bh_map_free(f->changed);
	f->changed = bh_map_new(free);
}

static void note_change(struct bh_files *f, const char *path)
{
	bh_map_put_text(f->changed, path, bh_strdup(path));
	if (!uv_is_active((uv_handle_t *)&f->burst))
		uv_timer_start(&f->burst, on_burst_over, BURST_MS, 0);
}

/* Events were lost: everything is looked at again. */
static void start_over(struct bh_files *f)
{
	bh_map_free(f->folders);
	f->folders = bh_map_new(free);
	memset(f->found, 0, sizeof(f->found));
	send_head(f, BH_FILES_AGAIN, "", 0);
	enter_missing(f);
	tell_listed(f);
}

static void lose_folder(struct bh_files *f, int descriptor)
{
	const struct folder *folder = bh_map_get(f->folders, &descriptor, sizeof(descriptor));

	if (folder == NULL)
		return;
	if (folder->depth == 0)
		f->found[folder->place] = false;
	bh_map_remove(f->folders, &descriptor, sizeof(descriptor));
}

/* A folder that was moved away takes its watch along. */
static void leave(const struct bh_files *f, const char *path)
{
	const struct folder *folder;
	size_t length = strlen(path);

	for (size_t position = 0; (folder = bh_map_next(f->folders, &position)) != NULL;)
		if (strncmp(folder->path, path, length) == 0 &&
		    (folder->path[length] == '/' || folder->path[length] == '\0'))
			inotify_rm_watch(f->notify, folder->descriptor);
}

static void take_event(struct bh_files *f, const struct inotify_event *event)
{
	const struct folder *folder = bh_map_get(f->folders, &event->wd, sizeof(event->wd));
	const char *part;
	char path[BH_FILE_PATH];
	bool last;

	if ((event->mask & IN_Q_OVERFLOW) != 0) {
		start_over(f);
		return;
	}
	if ((event->mask & IN_IGNORED) != 0) {
		lose_folder(f, event->wd);
		return;
	}
	if (folder == NULL || event->len == 0)
		return;
	size_t length = part_of(f, folder->place, folder->depth, &part, &last);
	if (!matches(part, length, event->name) || !join(path, folder->path, event->name))
		return;
	if ((event->mask & IN_MOVED_FROM) != 0 && !last)
		leave(f, path);
	if ((event->mask & (IN_DELETE | IN_MOVED_FROM)) != 0)
		send_head(f, BH_FILE_GONE, path, 0);
	else if (last)
		note_change(f, path);
	else if ((event->mask & (IN_CREATE | IN_MOVED_TO)) != 0)
		enter(f, folder->place, folder->depth + 1, path);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct bh_files *f = poll->data;
	_Alignas(struct inotify_event) char buffer[8192];
	ssize_t got;

	(void)status;
	(void)events;
	while (!f->ended && (got = read(f->notify, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; at < got;) {
			const struct inotify_event *event = (const void *)(buffer + at);

			take_event(f, event);
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	}
}

/* --- beginning and end ------------------------------------------------------------------------ */

struct bh_files *bh_files_watch(uv_loop_t *loop, const struct bh_config *config, uint8_t runtime,
				const struct bh_files_events *events)
{
	struct bh_files *f = bh_calloc(1, sizeof(*f));

	f->events = *events;
	f->place_count = bh_file_places(config, runtime, f->places);
	f->folders = bh_map_new(free);
	f->changed = bh_map_new(free);
	f->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	uv_timer_init(loop, &f->burst);
	uv_timer_init(loop, &f->seek);
	f->burst.data = f->seek.data = f;
	f->handles = 2;
	if (f->notify >= 0) {
		uv_poll_init(loop, &f->poll, f->notify);
		f->poll.data = f;
		f->handles++;
		uv_poll_start(&f->poll, UV_READABLE, on_readable);
	} else {
		bh_log(BH_LOG_WARNING, "files of %s are not watched: %s", bh_runtime_name(runtime),
		       strerror(errno));
	}
	uv_timer_start(&f->seek, on_seek, 0, SEEK_MS);
	return f;
}

static void on_closed(uv_handle_t *handle)
{
	struct bh_files *f = handle->data;

	if (--f->handles > 0)
		return;
	bh_map_free(f->folders);
	bh_map_free(f->changed);
	free(f);
}

void bh_files_close(struct bh_files *f)
{
	bool polled = f->notify >= 0;

	f->ended = true;
	if (polled)
		uv_close((uv_handle_t *)&f->poll, on_closed);
	bh_close_fd(&f->notify);
	uv_close((uv_handle_t *)&f->burst, on_closed);
	uv_close((uv_handle_t *)&f->seek, on_closed);
}
