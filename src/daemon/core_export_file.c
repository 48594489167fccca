/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log records to a file of lines that is begun anew when it is large or old. A thread of libuv's
 * does all that may wait for a disk, one batch after the other. A batch that cannot be written is
 * tried again, whole, every second; what then finds no room in memory is lost and counted. No line
 * is ever cut.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core_export_health.h"
#include "core_export_sink.h"
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

struct file {
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
	struct file *f = work->data;

	write_batch(&f->batch, f->config);
}

/* --- in core ---------------------------------------------------------------------------------- */

static void begin_batch(struct file *f);

static void on_worked(uv_work_t *work, int status)
{
	struct file *f = work->data;
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

static void begin_batch(struct file *f)
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

static void add(void *to, const struct bh_log_record *record)
{
	struct file *f = to;
	struct bh_buffer line = { 0 };

	bh_log_body(&line, (enum bh_log_format)f->config->log.format, record);
	if (f->waiting.length + line.length + 1 > MOST_WAITING) {
		f->lost++;
		bh_core_lost(f->core, BH_LOSS_LOGS, 1);
	} else {
		bh_buffer_append(&f->waiting, line.data, line.length);
		bh_buffer_append(&f->waiting, "\n", 1);
		f->lines++;
	}
	bh_buffer_free(&line);
}

static void tick(void *to, int64_t now)
{
	struct file *f = to;

	begin_batch(f);
	bh_export_tell(f->core, &f->health, "log records", f->config->path, f->lost, now);
}

static bool is_done(const void *to)
{
	const struct file *f = to;

	return !f->working && ((f->lines == 0 && f->batch.lines == 0) || f->batch.error != 0);
}

static cJSON *json(const void *to)
{
	const struct file *f = to;

	return bh_export_json("file", f->config->path,
			      f->health.why[0] != '\0' ? "failing" : "writing", &f->health, f->sent,
			      f->lost, f->lines + f->batch.lines);
}

static void say(const void *to, cJSON *list)
{
	const struct file *f = to;

	bh_export_say(&f->health, "log records", f->config->path, f->lost,
		      f->lines + f->batch.lines, list);
}

/* A thread that still waits for the disk keeps what it works with, until the process ends. */
static void free_file(void *to)
{
	struct file *f = to;

	if (f->working)
		return;
	bh_close_fd(&f->batch.fd);
	bh_buffer_free(&f->batch.bytes);
	bh_buffer_free(&f->waiting);
	free(f);
}

bool bh_file_sink(struct bh_core *core, struct bh_log_sink *sink)
{
	const struct bh_config_log_file *config = &core->config.exports.file;

	if (config->path[0] == '\0')
		return false;
	struct file *f = bh_calloc(1, sizeof(*f));
	f->core = core;
	f->config = config;
	f->batch.fd = -1;
	f->work.data = f;
	*sink = (struct bh_log_sink) { &config->log,
				       config->log.format != BH_LOG_FORMAT_BULKHEAD,
				       f,
				       add,
				       tick,
				       is_done,
				       free_file,
				       json,
				       say };
	return true;
}
