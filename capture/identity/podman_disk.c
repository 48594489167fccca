/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "podman_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file_stream.h"
#include "grow.h"
#include "podman_state.h"
#include "timefmt.h"

/* A transaction takes some milliseconds. */
#define PATIENCE (5 * BH_SECOND)

/* A database, in either form. */
struct form {
	const char *name;
	bool there;
	struct bh_buffer bytes;	   /* as they came last, if … */
	bool unread;		   /* … nobody needed them yet */
	struct bh_map *containers; /* as it was read last */
	char why[220];		   /* it cannot be read */
};

struct bh_podman_disk {
	struct form bolt;
	struct form sqlite;
	bool bolt_last;	      /* it was told of after the other one */
	struct bh_buffer wal; /* what goes with the latter: its log, … */
	bool journal;	      /* … and whether a transaction can be undone, and so is not over */
	bool unfinished;      /* as it came last, it was amid one, … */
	int64_t unfinished_since; /* … 0: it is not known how long */
};

struct bh_podman_disk *bh_podman_disk_new(void)
{
	struct bh_podman_disk *d = bh_calloc(1, sizeof(*d));

	d->bolt.name = "libpod/bolt_state.db";
	d->sqlite.name = "db.sql";
	return d;
}

static void free_form(struct form *form)
{
	bh_buffer_free(&form->bytes);
	bh_map_free(form->containers);
}

void bh_podman_disk_free(struct bh_podman_disk *d)
{
	free_form(&d->bolt);
	free_form(&d->sqlite);
	bh_buffer_free(&d->wal);
	free(d);
}

static const struct form *used(const struct bh_podman_disk *d)
{
	return d->bolt.there && (d->bolt_last || !d->sqlite.there) ? &d->bolt : &d->sqlite;
}

/* --- files ------------------------------------------------------------------------------------ */

static bool ends_with(const char *path, const char *name)
{
	size_t length = strlen(path), end = strlen(name);

	return length >= end && strcmp(path + length - end, name) == 0;
}

static void take(struct form *form, const char *data, size_t length)
{
	form->there = form->unread = true;
	bh_buffer_clear(&form->bytes);
	bh_buffer_append(&form->bytes, data, length);
}

/* What was known of it goes with it: another one may come in its place. */
static void drop(struct form *form)
{
	const char *name = form->name;

	free_form(form);
	*form = (struct form) { .name = name };
}

/* What goes with the database is told before it: the one that came last is out of date. */
static void take_beside(struct bh_podman_disk *d, const char *path, const char *data, size_t length)
{
	d->sqlite.unread = false;
	if (ends_with(path, "-wal")) {
		bh_buffer_clear(&d->wal);
		bh_buffer_append(&d->wal, data, length);
	} else {
		/* As SQLite tells one that is to be undone from what is left of another. */
		d->journal = length > 0 && data[0] != '\0';
	}
}

void bh_podman_disk_file(struct bh_podman_disk *d, const char *path, const char *data,
			 size_t length)
{
	if (ends_with(path, "-wal") || ends_with(path, "-journal")) {
		take_beside(d, path, data, length);
	} else {
		d->bolt_last = !ends_with(path, d->sqlite.name);
		take(d->bolt_last ? &d->bolt : &d->sqlite, data, length);
	}
}

void bh_podman_disk_gone(struct bh_podman_disk *d, const char *path)
{
	if (ends_with(path, "-wal") || ends_with(path, "-journal"))
		take_beside(d, path, "", 0);
	else
		drop(ends_with(path, d->sqlite.name) ? &d->sqlite : &d->bolt);
}

static void say(struct form *form, const char *what)
{
	snprintf(form->why, sizeof(form->why),
		 "its state on disk, %s: %.120s; its service would tell: systemctl enable --now "
		 "podman.socket",
		 form->name, what);
}

void bh_podman_disk_large(struct bh_podman_disk *d, const char *path)
{
	struct form *form = ends_with(path, d->sqlite.name) ? &d->sqlite : &d->bolt;
	char what[64];

	d->bolt_last = form == &d->bolt;
	form->there = true;
	form->unread = false;
	snprintf(what, sizeof(what), "it has more than %u MiB", BH_FILE_MOST >> 20);
	say(form, what);
}

/* --- reading ---------------------------------------------------------------------------------- */

static struct bh_map *parse(struct bh_podman_disk *d, const struct form *form, struct bh_error *err)
{
	if (form == &d->bolt)
		return bh_podman_read_bolt(form->bytes.data, form->bytes.length, err);
	return bh_podman_read_sqlite(&d->sqlite.bytes, &d->wal, err);
}

static void say_unfinished(struct form *form)
{
	snprintf(form->why, sizeof(form->why),
		 "its state on disk: %s was left amid a change, which the next podman command "
		 "undoes: run podman ps",
		 form->name);
}

/* Amid a transaction it is half written: it comes again when that is over. */
static bool wait_for_end(struct bh_podman_disk *d, struct form *form)
{
	bool before = d->unfinished;

	d->unfinished = form == &d->sqlite && d->journal;
	if (!d->unfinished || !before)
		d->unfinished_since = 0;
	if (d->unfinished && form->containers == NULL)
		say_unfinished(form);
	return d->unfinished;
}

void bh_podman_disk_read(struct bh_podman_disk *d)
{
	struct form *form = used(d) == &d->bolt ? &d->bolt : &d->sqlite;
	struct bh_error err = { 0 };
	struct bh_map *found;

	if (!form->unread)
		return;
	form->unread = false;
	if (!wait_for_end(d, form)) {
		found = parse(d, form, &err);
		form->why[0] = '\0';
		if (found != NULL) {
			bh_map_free(form->containers);
			form->containers = found;
		} else {
			say(form, err.text);
		}
	}
	bh_buffer_free(&form->bytes);
}

bool bh_podman_disk_tick(struct bh_podman_disk *d, int64_t now)
{
	if (!d->sqlite.there || !d->unfinished || d->sqlite.why[0] != '\0')
		return false;
	if (d->unfinished_since == 0)
		d->unfinished_since = now;
	if (now - d->unfinished_since < PATIENCE)
		return false;
	say_unfinished(&d->sqlite);
	return true;
}

/* --- questions -------------------------------------------------------------------------------- */

bool bh_podman_disk_there(const struct bh_podman_disk *d)
{
	return d->bolt.there || d->sqlite.there;
}

const struct bh_map *bh_podman_disk_containers(const struct bh_podman_disk *d)
{
	return used(d)->containers;
}

const char *bh_podman_disk_why(const struct bh_podman_disk *d)
{
	return used(d)->why;
}

const char *bh_podman_disk_chosen(const struct bh_podman_disk *d)
{
	return d->bolt.there && d->sqlite.there ? used(d)->name : NULL;
}
