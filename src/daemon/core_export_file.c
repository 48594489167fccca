/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_export_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core_export_health.h"
#include "grow.h"
#include "timefmt.h"

#define MOST_WAITING (8 << 20) /* bytes */

/* What the thread has while it works, and nobody else touches. */
struct batch {
	struct bh_buffer bytes;
	uint64_t lines;
	int fd;	       /* −1: to be opened */
	int64_t begun; /* µs: the file */
	int error;     /* negative errno of the last attempt */
	const char *doing;
};

struct bh_export_file {
	struct bh_core *core;
	const struct bh_config_log_file *config;
	struct bh_buffer waiting;
	uint64_t lines; /* that wait */
	uv_work_t work;
	bool working;
	struct batch batch;
	uint64_t sent, lost; /* lines */
	struct bh_export_health health;
};

/* --- in the thread ---------------------------------------------------------------------------- */

static int failed(struct batch *b, const char *doing)
{
	b->doing = doing;
	b->error = -errno;
	return -1;
}

static void old_name(const char *path, int64_t number, char out[BH_CONFIG_TEXT + 24])
{
	snprintf(out, BH_CONFIG_TEXT + 24, "%s.%lld", path, (long long)number);
}

/* path.1 becomes path.2 …, and the last one goes. */
static void move_old_ones(const char *path, int64_t keep)
{
	char from[BH_CONFIG_TEXT + 24], to[BH_CONFIG_TEXT + 24];

	if (keep == 0) {
		unlink(path);
		return;
	}
	for (int64_t i = keep - 1; i > 0; i--) {
		old_name(path, i, from);
		old_name(path, i + 1, to);
		rename(from, to);
	}
	old_name(path, 1, to);
	rename(path, to);
}

static void let_go(struct batch *b)
{
	bh_close_fd(&b->fd);
	b->fd = -1;
}

/* What is there is gone on with. Nobody but core reads it: its umask sees to that. */
static int open_file(struct batch *b, const char *path, struct stat *info)
{
	if (b->fd < 0) {
		b->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
		b->begun = bh_time_now();
	}
	if (b->fd < 0)
		return failed(b, "it cannot be opened");
	return fstat(b->fd, info) == 0 ? 0 : failed(b, "it cannot be read");
}

/* Somebody moved it away, or removed it. */
static bool is_elsewhere(const struct batch *b, const char *path)
{
	struct stat held, named;

	return b->fd >= 0 && (stat(path, &named) != 0 || fstat(b->fd, &held) != 0 ||
			      held.st_ino != named.st_ino || held.st_dev != named.st_dev);
}

static bool is_full(const struct batch *b, const struct bh_config_log_file *config, int64_t size)
{
	return size > 0 && (size + (int64_t)b->bytes.length > config->size ||
			    bh_time_now() - b->begun >= config->age);
}

static int prepare(struct batch *b, const struct bh_config_log_file *config, struct stat *info)
{
	if (is_elsewhere(b, config->path))
		let_go(b);
	if (open_file(b, config->path, info) != 0)
		return -1;
	if (!is_full(b, config, info->st_size))
		return 0;
	let_go(b);
	move_old_ones(config->path, config->keep);
	return open_file(b, config->path, info);
}

/* All of it, or nothing: of a line that did not fit the beginning goes again. */
static void write_batch(struct batch *b, const struct bh_config_log_file *config)
{
	size_t written = 0;
	struct stat info;

	b->error = 0;
	if (prepare(b, config, &info) != 0)
		return;
	while (written < b->bytes.length) {
		ssize_t count = write(b->fd, b->bytes.data + written, b->bytes.length - written);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0) {
			failed(b, "it cannot be written");
			if (written > 0 && ftruncate(b->fd, info.st_size) != 0)
				b->doing = "it ends in a part of a line";
			return;
		}
		written += (size_t)count;
	}
}

static void on_work(uv_work_t *work)
{
	struct bh_export_file *f = work->data;

	write_batch(&f->batch, f->config);
}

/* --- in core ---------------------------------------------------------------------------------- */

static void begin_batch(struct bh_export_file *f);

static void on_worked(uv_work_t *work, int status)
{
	struct bh_export_file *f = work->data;
	struct batch *b = &f->batch;

	(void)status;
	f->working = false;
	if (b->error != 0) {
		snprintf(f->health.why, sizeof(f->health.why), "%s: %s", b->doing,
			 strerror(-b->error));
		return; /* the next tick tries again */
	}
	f->health.why[0] = '\0';
	f->sent += b->lines;
	b->lines = 0;
	bh_buffer_clear(&b->bytes);
	begin_batch(f);
}

static void begin_batch(struct bh_export_file *f)
{
	if (f->working || (f->batch.lines == 0 && f->lines == 0))
		return;
	if (f->batch.lines == 0) {
		struct bh_buffer empty = f->batch.bytes;

		f->batch.bytes = f->waiting;
		f->batch.lines = f->lines;
		f->waiting = empty;
		f->lines = 0;
	}
	f->working = uv_queue_work(&f->core->loop, &f->work, on_work, on_worked) == 0;
}

void bh_export_file_add(struct bh_export_file *f, const char *line, size_t length)
{
	if (f->waiting.length + length + 1 > MOST_WAITING) {
		f->lost++;
		bh_core_lost(f->core, BH_LOSS_LOGS, 1);
		return;
	}
	bh_buffer_append(&f->waiting, line, length);
	bh_buffer_append(&f->waiting, "\n", 1);
	f->lines++;
}

void bh_export_file_tick(struct bh_export_file *f, int64_t now)
{
	begin_batch(f);
	bh_export_tell(f->core, &f->health, "log records", f->config->path, f->lost, now);
}

bool bh_export_file_is_done(const struct bh_export_file *f)
{
	return !f->working && ((f->lines == 0 && f->batch.lines == 0) || f->batch.error != 0);
}

cJSON *bh_export_file_json(const struct bh_export_file *f)
{
	return bh_export_json("file", f->config->path,
			      f->health.why[0] != '\0' ? "failing" : "writing", &f->health, f->sent,
			      f->lost, f->lines + f->batch.lines);
}

void bh_export_file_say(const struct bh_export_file *f, cJSON *list)
{
	bh_export_say(&f->health, "log records", f->config->path, f->lost,
		      f->lines + f->batch.lines, list);
}

struct bh_export_file *bh_export_file_new(struct bh_core *core,
					  const struct bh_config_log_file *config)
{
	struct bh_export_file *f = bh_calloc(1, sizeof(*f));

	f->core = core;
	f->config = config;
	f->batch.fd = -1;
	f->work.data = f;
	return f;
}

/* A thread that still waits for the disk keeps what it works with, until the process ends. */
void bh_export_file_free(struct bh_export_file *f)
{
	if (f->working)
		return;
	bh_close_fd(&f->batch.fd);
	bh_buffer_free(&f->batch.bytes);
	bh_buffer_free(&f->waiting);
	free(f);
}
