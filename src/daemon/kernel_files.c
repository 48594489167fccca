/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each folder on the way to a file has its inotify watch, set before the folder is read: what
 * appears in between is told twice, and never missed. A file that changes is read a moment later,
 * once for a burst of writes.
 *
 * Files that belong together, as a database and its log, are read in one go, without a lock of
 * their owner's. Where their heads are the same afterwards as before, what was read holds together;
 * otherwise it is left, since what changed them is news that is still to come.
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
#define HEAD 32	     /* bytes of a file's head */
#define FOLDER_NEWS (IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM)

/* A folder that is watched, as part of a place. Places may share it, and then its descriptor. */
struct folder_key {
	int descriptor;
	uint32_t place;
};

struct folder {
	struct folder_key key;
	unsigned depth; /* how many parts of the place's path lead to it */
	char path[BH_FILE_PATH];
};

/* A file to be read again. */
struct changed {
	uint32_t place;
	char path[BH_FILE_PATH];
};

struct bh_files {
	struct bh_files_events events;
	struct bh_file_place places[BH_FILE_PLACES];
	bool found[BH_FILE_PLACES]; /* the root exists, and is watched */
	size_t place_count;
	int notify;
	struct bh_map *folders; /* struct folder_key → struct folder */
	struct bh_map *changed; /* path → struct changed */
	bool ended;
	bool listed;	   /* what there was has been told */
	bool large_logged; /* of the first file that is too large */
	unsigned handles;  /* that are not closed yet */
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
		{ BH_RUNTIME_PODMAN, { config->podman_storage, "db.sql", { "-journal", "-wal" } } },
		/* The configuration of each image, "=" and base64 of "sha256:<id>"
		 * (containers/storage, makeBigDataBaseName()), whatever the storage's driver is. */
		{ BH_RUNTIME_PODMAN, { config->podman_storage, "*-images/*/=c2hhMjU2O*" } },
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

/* Reads a regular file whole. NULL: it is none, is gone, is too large, or grew meanwhile. */
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
	}
	close(fd);
	if (bytes != NULL && (got < 0 || *length == room)) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

static void send_file(struct bh_files *f, const char *path, const char *bytes, size_t length)
{
	send_head(f, BH_FILE_IS, path, length);
	for (size_t at = 0; at < length; at += CHUNK)
		send_bytes(f, bytes + at, length - at < CHUNK ? length - at : CHUNK);
}

/* Of a file that cannot be read whole it is told that it is too large; otherwise it is gone, or
 * there is more news of it to come. of: to which it belongs. */
static void tell_large(struct bh_files *f, const char *path, const char *of)
{
	struct stat info;

	if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size <= BH_FILE_MOST)
		return;
	if (!f->large_logged)
		bh_log(BH_LOG_WARNING, "%s is larger than %u MiB, and is not read", path,
		       BH_FILE_MOST >> 20);
	f->large_logged = true;
	send_head(f, BH_FILE_LARGE, of, 0);
}

static void tell_alone(struct bh_files *f, const char *path)
{
	size_t length;
	BH_AUTO_FREE char *bytes = read_whole(path, &length);

	if (bytes != NULL)
		send_file(f, path, bytes, length);
	else
		tell_large(f, path, path);
}

/* --- files that belong together --------------------------------------------------------------- */

#define TOGETHER (BH_FILE_BESIDE + 1)

struct together {
	char paths[TOGETHER][BH_FILE_PATH]; /* the file's, then those of the files beside it */
	size_t count;
	char *bytes[TOGETHER];
	size_t lengths[TOGETHER];
};

/* What shows that files were changed. SQLite's have in their heads what tells a transaction of the
 * database, a journal, or a log from the next. The size and the time are the first one's only: a
 * log that grew is as good as it was. */
struct heads {
	struct {
		bool there;
		char bytes[HEAD];
	} each[TOGETHER];
	int64_t size;
	int64_t seconds;
	int64_t nanoseconds;
};

static void take_heads(const struct together *t, struct heads *heads)
{
	struct stat info;

	memset(heads, 0, sizeof(*heads));
	for (size_t i = 0; i < t->count; i++) {
		BH_AUTO_CLOSE int fd =
			open(t->paths[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

		heads->each[i].there = fd >= 0 && pread(fd, heads->each[i].bytes, HEAD, 0) >= 0;
		if (i == 0 && heads->each[i].there && fstat(fd, &info) == 0) {
			heads->size = info.st_size;
			heads->seconds = info.st_mtim.tv_sec;
			heads->nanoseconds = info.st_mtim.tv_nsec;
		}
	}
}

/* In this order: what leaves the log for the file while they are read is in the log still. False:
 * one is there, and cannot be read whole. */
static bool read_together(struct bh_files *f, struct together *t, const struct heads *heads)
{
	for (size_t i = 0; i < t->count; i++) {
		t->bytes[i] = read_whole(t->paths[i], &t->lengths[i]);
		if (t->bytes[i] == NULL && (i == 0 || heads->each[i].there)) {
			tell_large(f, t->paths[i], t->paths[0]);
			return false;
		}
	}
	return true;
}

static void send_together(struct bh_files *f, const struct together *t)
{
	for (size_t i = t->count - 1; i > 0; i--) {
		if (t->bytes[i] != NULL)
			send_file(f, t->paths[i], t->bytes[i], t->lengths[i]);
		else
			send_head(f, BH_FILE_GONE, t->paths[i], 0);
	}
	send_file(f, t->paths[0], t->bytes[0], t->lengths[0]);
}

static void tell_together(struct bh_files *f, const struct bh_file_place *p, const char *path)
{
	BH_AUTO_FREE struct together *t = bh_calloc(1, sizeof(*t));
	struct heads before, after;

	bh_copy_text(t->paths[t->count++], BH_FILE_PATH, path);
	for (size_t i = 0; i < BH_FILE_BESIDE && p->beside[i] != NULL; i++)
		snprintf(t->paths[t->count++], BH_FILE_PATH, "%s%s", path, p->beside[i]);
	take_heads(t, &before);
	if (read_together(f, t, &before)) {
		take_heads(t, &after);
		if (memcmp(&before, &after, sizeof(before)) == 0)
			send_together(f, t);
	}
	for (size_t i = 0; i < t->count; i++)
		free(t->bytes[i]);
}

static void tell_file(struct bh_files *f, uint32_t place, const char *path)
{
	if (f->places[place].beside[0] != NULL)
		tell_together(f, &f->places[place], path);
	else
		tell_alone(f, path);
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
static size_t part_of(const struct bh_files *f, uint32_t place, unsigned depth, const char **part,
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

/* "*" is any text, but for a dot at the beginning. */
static bool matches(const char *part, size_t length, const char *name)
{
	const char *star = memchr(part, '*', length);
	size_t before = star != NULL ? (size_t)(star - part) : length,
	       after = star != NULL ? length - before - 1 : 0, size = strlen(name);

	if (star == NULL ? size != length : size < before + after || name[0] == '.')
		return false;
	return memcmp(part, name, before) == 0 &&
	       memcmp(part + length - after, name + size - after, after) == 0;
}

static bool join(char out[BH_FILE_PATH], const char *folder, const char *name)
{
	int length = snprintf(out, BH_FILE_PATH, "%s/%s", folder, name);

	return length > 0 && length < BH_FILE_PATH;
}

/* What belongs together is written to for as long as its owner runs, and never closed. */
static bool watch(struct bh_files *f, uint32_t place, unsigned depth, const char *path)
{
	uint32_t writes = f->places[place].beside[0] != NULL ? IN_MODIFY : 0;
	int descriptor =
		inotify_add_watch(f->notify, path, FOLDER_NEWS | writes | IN_ONLYDIR | IN_MASK_ADD);

	if (descriptor < 0) {
		if (errno == ENOSPC)
			bh_log(BH_LOG_WARNING,
			       "%s cannot be watched: raise fs.inotify.max_user_watches", path);
		return false;
	}
	struct folder *folder = bh_calloc(1, sizeof(*folder));
	folder->key.descriptor = descriptor;
	folder->key.place = place;
	folder->depth = depth;
	bh_copy_text(folder->path, sizeof(folder->path), path);
	bh_map_put(f->folders, &folder->key, sizeof(folder->key), folder);
	return true;
}

/* Watches a folder and what lies on the way below it, and tells the files. As deep as the place's
 * path. */
static bool enter(struct bh_files *f, uint32_t place, unsigned depth, const char *path)
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
			tell_file(f, place, below);
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

	for (uint32_t i = 0; i < f->place_count; i++) {
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
	const struct changed *c;

	for (size_t position = 0; (c = bh_map_next(f->changed, &position)) != NULL;)
		tell_file(f, c->place, c->path);
	bh_map_free(f->changed);
	f->changed = bh_map_new(free);
}

static void note_change(struct bh_files *f, uint32_t place, const char *path)
{
	struct changed *c = bh_calloc(1, sizeof(*c));

	c->place = place;
	bh_copy_text(c->path, sizeof(c->path), path);
	bh_map_put_text(f->changed, path, c);
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

static const struct folder *folder_of(const struct bh_files *f, int descriptor, uint32_t place)
{
	struct folder_key key = { descriptor, place };

	return bh_map_get(f->folders, &key, sizeof(key));
}

static void lose_folder(struct bh_files *f, const struct folder *folder)
{
	struct folder_key key = folder->key;

	if (folder->depth == 0)
		f->found[key.place] = false;
	bh_map_remove(f->folders, &key, sizeof(key));
}

/* A folder that was moved away takes its watch along. */
static void leave(const struct bh_files *f, const char *path)
{
	const struct folder *folder;
	size_t length = strlen(path);

	for (size_t position = 0; (folder = bh_map_next(f->folders, &position)) != NULL;)
		if (strncmp(folder->path, path, length) == 0 &&
		    (folder->path[length] == '/' || folder->path[length] == '\0'))
			inotify_rm_watch(f->notify, folder->key.descriptor);
}

/* The file that this one lies beside, and belongs to. */
static bool beside_what(const struct bh_files *f, uint32_t place, const char *part, size_t length,
			const char *name, char *what)
{
	const char *const *beside = f->places[place].beside;

	if (strncmp(name, part, length) != 0)
		return false;
	for (size_t i = 0; i < BH_FILE_BESIDE && beside[i] != NULL; i++)
		if (strcmp(name + length, beside[i]) == 0) {
			memcpy(what, part, length);
			what[length] = '\0';
			return true;
		}
	return false;
}

static void take_news(struct bh_files *f, const struct folder *folder,
		      const struct inotify_event *event)
{
	uint32_t place = folder->key.place;
	const char *part;
	char path[BH_FILE_PATH], what[BH_FILE_PATH];
	bool last;
	size_t length = part_of(f, place, folder->depth, &part, &last);

	if (last && beside_what(f, place, part, length, event->name, what) &&
	    join(path, folder->path, what))
		note_change(f, place, path);
	if (!matches(part, length, event->name) || !join(path, folder->path, event->name))
		return;
	if ((event->mask & IN_MOVED_FROM) != 0 && !last)
		leave(f, path);
	if ((event->mask & (IN_DELETE | IN_MOVED_FROM)) != 0)
		send_head(f, BH_FILE_GONE, path, 0);
	else if (last && ((event->mask & IN_MODIFY) == 0 || f->places[place].beside[0] != NULL))
		note_change(f, place, path);
	else if (!last && (event->mask & (IN_CREATE | IN_MOVED_TO)) != 0)
		enter(f, place, folder->depth + 1, path);
}

static void take_event(struct bh_files *f, const struct inotify_event *event)
{
	const struct folder *folder;

	if ((event->mask & IN_Q_OVERFLOW) != 0) {
		start_over(f);
		return;
	}
	for (uint32_t place = 0; place < f->place_count; place++) {
		folder = folder_of(f, event->wd, place);
		if (folder == NULL)
			continue;
		if ((event->mask & IN_IGNORED) != 0)
			lose_folder(f, folder);
		else if (event->len > 0)
			take_news(f, folder, event);
	}
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
