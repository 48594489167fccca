/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of a runtime: those that there are, those that come, change and go, places that come later.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bulkhead/endpoint.h"
#include "file_stream.h"
#include "grow.h"
#include "kernel_files.h"

#define PATIENCE_MS 5000

struct reader {
	uv_loop_t loop;
	struct bh_file_stream stream;
	char folder[64];
	struct bh_config config;
	struct bh_files *files;
	char log[4096]; /* what was told, a line each */
	int refuse;	/* data finds no room */
	int error;
	bool overdue;
};

static void on_file(void *user, const char *path, const char *data, size_t length)
{
	struct reader *r = user;
	size_t used = strlen(r->log);

	snprintf(r->log + used, sizeof(r->log) - used, "is %s %zu %.20s\n",
		 path + strlen(r->folder), length, data);
}

static void on_gone(void *user, const char *path)
{
	struct reader *r = user;
	size_t used = strlen(r->log);

	snprintf(r->log + used, sizeof(r->log) - used, "gone %s\n", path + strlen(r->folder));
}

static void on_listed(void *user, uint32_t places)
{
	struct reader *r = user;
	size_t used = strlen(r->log);

	snprintf(r->log + used, sizeof(r->log) - used, "listed %u\n", places);
}

static void on_again(void *user)
{
	struct reader *r = user;
	size_t used = strlen(r->log);

	snprintf(r->log + used, sizeof(r->log) - used, "again\n");
}

static void on_large(void *user, const char *path)
{
	struct reader *r = user;
	size_t used = strlen(r->log);

	snprintf(r->log + used, sizeof(r->log) - used, "large %s\n", path + strlen(r->folder));
}

static bool on_data(void *user, const void *bytes, size_t length)
{
	struct reader *r = user;
	struct bh_file_events events = { r, on_file, on_gone, on_listed, on_again, on_large };
	struct bh_error err = { 0 };

	if (r->refuse)
		return false;
	assert_int_equal(bh_file_stream_feed(&r->stream, bytes, length, &events, &err), 0);
	return true;
}

static void on_end(void *user, int error)
{
	((struct reader *)user)->error = error;
}

static void on_overdue(uv_timer_t *timer)
{
	((struct reader *)timer->data)->overdue = true;
}

/* Runs until the log has this line. */
static void await(struct reader *r, const char *line)
{
	uv_timer_t patience;

	uv_timer_init(&r->loop, &patience);
	patience.data = r;
	uv_timer_start(&patience, on_overdue, PATIENCE_MS, 0);
	while (strstr(r->log, line) == NULL && !r->overdue)
		uv_run(&r->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&patience, NULL);
	uv_run(&r->loop, UV_RUN_NOWAIT);
	if (r->overdue)
		fail_msg("nobody told \"%s\", but: %s", line, r->log);
}

static void write_file(const struct reader *r, const char *name, const char *text)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", r->folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void make_folder(const struct reader *r, const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", r->folder, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void remove_all(const struct reader *r)
{
	char command[200];

	snprintf(command, sizeof(command), "rm -rf '%s'", r->folder);
	assert_int_equal(system(command), 0);
}

static void start(struct reader *r)
{
	memset(r, 0, sizeof(*r));
	uv_loop_init(&r->loop);
	bh_copy_text(r->folder, sizeof(r->folder), "/tmp/bh-files-XXXXXX");
	assert_non_null(mkdtemp(r->folder));
	bh_config_defaults(&r->config);
	bh_copy_text(r->config.podman_storage, sizeof(r->config.podman_storage), r->folder);
}

static void watch(struct reader *r)
{
	struct bh_files_events events = { r, on_data, on_end };

	r->files = bh_files_watch(&r->loop, &r->config, BH_RUNTIME_PODMAN, &events);
}

static void stop(struct reader *r)
{
	bh_files_close(r->files);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	bh_file_stream_free(&r->stream);
	remove_all(r);
}

static void test_there(void **state)
{
	struct reader r;

	(void)state;
	start(&r);
	make_folder(&r, "libpod");
	write_file(&r, "libpod/bolt_state.db", "first");
	write_file(&r, "libpod/other", "nobody asked for it");
	watch(&r);
	await(&r, "listed 3\n");
	assert_string_equal(r.log, "is /libpod/bolt_state.db 5 first\nlisted 3\n");
	write_file(&r, "libpod/bolt_state.db", "second one");
	await(&r, "is /libpod/bolt_state.db 10 second one\n");
	char path[200];
	snprintf(path, sizeof(path), "%s/libpod/bolt_state.db", r.folder);
	unlink(path);
	await(&r, "gone /libpod/bolt_state.db\n");
	/* A link may lead anywhere. */
	assert_int_equal(symlink("/etc/passwd", path), 0);
	write_file(&r, "libpod/other", "nobody asked for it");
	unlink(path);
	snprintf(path, sizeof(path), "%s/libpod", r.folder);
	char away[200];
	snprintf(away, sizeof(away), "%s/away", r.folder);
	assert_int_equal(rename(path, away), 0);
	await(&r, "gone /libpod\n");
	/* What is written where it was moved to concerns nobody. */
	write_file(&r, "away/bolt_state.db", "elsewhere");
	make_folder(&r, "libpod");
	write_file(&r, "libpod/bolt_state.db", "new");
	await(&r, "is /libpod/bolt_state.db 3 new\n");
	assert_null(strstr(r.log, "9 elsewhere"));
	assert_null(strstr(r.log, "root:"));
	assert_null(strstr(r.log, "other"));
	stop(&r);
}

/* The storage, and what is in it, come after bulkhead. */
static void test_later(void **state)
{
	struct reader r;

	(void)state;
	start(&r);
	remove_all(&r);
	watch(&r);
	await(&r, "listed 0\n");
	assert_int_equal(mkdir(r.folder, 0700), 0);
	await(&r, "listed 3\n");
	make_folder(&r, "libpod");
	write_file(&r, "libpod/bolt_state.db", "late");
	await(&r, "is /libpod/bolt_state.db 4 late\n");
	/* And once more, from the ground up. */
	remove_all(&r);
	await(&r, "gone /libpod");
	assert_int_equal(mkdir(r.folder, 0700), 0);
	make_folder(&r, "libpod");
	write_file(&r, "libpod/bolt_state.db", "again");
	await(&r, "is /libpod/bolt_state.db 5 again\n");
	stop(&r);
}

static FILE *append_to(const struct reader *r, const char *name, const char *text)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", r->folder, name);
	FILE *file = fopen(path, "a");
	assert_non_null(file);
	fputs(text, file);
	fflush(file);
	return file;
}

#define NOTHING_BESIDE "gone /db.sql-wal\ngone /db.sql-journal\n"

/* The configuration of each image, and nothing else that is kept of it. */
static void test_images(void **state)
{
	struct reader r;

	(void)state;
	start(&r);
	make_folder(&r, "overlay-images");
	make_folder(&r, "overlay-layers");
	write_file(&r, "overlay-images/images.json", "[]");
	make_folder(&r, "overlay-images/1f");
	write_file(&r, "overlay-images/1f/=bWFuaWZlc3Q=", "manifest");
	write_file(&r, "overlay-images/1f/=c2hhMjU2OjFm", "config");
	make_folder(&r, "overlay-layers/2f");
	write_file(&r, "overlay-layers/2f/=c2hhMjU2OjFm", "layer");
	watch(&r);
	await(&r, "listed");
	assert_non_null(strstr(r.log, "is /overlay-images/1f/=c2hhMjU2OjFm 6 config\n"));
	assert_null(strstr(r.log, "manifest"));
	assert_null(strstr(r.log, "layer"));
	make_folder(&r, "overlay-images/3f");
	write_file(&r, "overlay-images/3f/=c2hhMjU2OjNm", "new");
	await(&r, "is /overlay-images/3f/=c2hhMjU2OjNm 3 new\n");
	stop(&r);
}

/* A database, its log and its journal are one: whichever changes, all are told, the database last.
 * Podman keeps it open as long as it runs, so that nothing is told by its closing. */
static void test_together(void **state)
{
	struct reader r;
	char path[200];

	(void)state;
	start(&r);
	write_file(&r, "db.sql", "one");
	write_file(&r, "db.sql-shm", "nobody asked for it");
	make_folder(&r, "libpod");
	write_file(&r, "libpod/bolt_state.db", "bolt");
	watch(&r);
	await(&r, "listed 3\n");
	assert_string_equal(r.log, "is /libpod/bolt_state.db 4 bolt\n" NOTHING_BESIDE
				   "is /db.sql 3 one\nlisted 3\n");
	r.log[0] = '\0';
	FILE *database = append_to(&r, "db.sql", " two");
	await(&r, NOTHING_BESIDE "is /db.sql 7 one two\n");
	FILE *log = append_to(&r, "db.sql-wal", "log");
	await(&r, "is /db.sql-wal 3 log\ngone /db.sql-journal\nis /db.sql 7 one two\n");
	write_file(&r, "db.sql-journal", "journal");
	await(&r, "is /db.sql-wal 3 log\nis /db.sql-journal 7 journal\nis /db.sql 7 one two\n");
	r.log[0] = '\0';
	for (const char *const *name =
		     (const char *const[]) { "db.sql-wal", "db.sql-journal", NULL };
	     *name != NULL; name++) {
		snprintf(path, sizeof(path), "%s/%s", r.folder, *name);
		unlink(path);
	}
	await(&r, NOTHING_BESIDE "is /db.sql 7 one two\n");
	/* A link is none of them. */
	assert_int_equal(symlink("/etc/passwd", path), 0);
	fputs(" three", database);
	fflush(database);
	await(&r, NOTHING_BESIDE "is /db.sql 13 one two three\n");
	snprintf(path, sizeof(path), "%s/db.sql", r.folder);
	unlink(path);
	await(&r, "\ngone /db.sql\n");
	/* What is written alone is not told before it is closed: it would be half. */
	FILE *alone = append_to(&r, "libpod/bolt_state.db", " more");
	write_file(&r, "db.sql", "four");
	await(&r, "is /db.sql 4 four\n");
	assert_null(strstr(r.log, "bolt"));
	fclose(alone);
	await(&r, "is /libpod/bolt_state.db 9 bolt more\n");
	assert_null(strstr(r.log, "shm"));
	fclose(database);
	fclose(log);
	stop(&r);
}

/* Nothing of a file that is too large is told but that, and nothing of one whose log is. */
static void test_large(void **state)
{
	struct reader r;
	char path[200];

	(void)state;
	start(&r);
	make_folder(&r, "libpod");
	write_file(&r, "libpod/bolt_state.db", "");
	snprintf(path, sizeof(path), "%s/libpod/bolt_state.db", r.folder);
	assert_int_equal(truncate(path, BH_FILE_MOST + 1), 0);
	write_file(&r, "db.sql", "small");
	watch(&r);
	await(&r, "listed 3\n");
	assert_string_equal(r.log, "large /libpod/bolt_state.db\n" NOTHING_BESIDE
				   "is /db.sql 5 small\nlisted 3\n");
	r.log[0] = '\0';
	write_file(&r, "db.sql-wal", "");
	snprintf(path, sizeof(path), "%s/db.sql-wal", r.folder);
	assert_int_equal(truncate(path, BH_FILE_MOST + 1), 0);
	await(&r, "large /db.sql\n");
	unlink(path);
	await(&r, NOTHING_BESIDE "is /db.sql 5 small\n");
	stop(&r);
}

/* A reader that has no room gets no stream with a hole. */
static void test_no_room(void **state)
{
	struct reader r;

	(void)state;
	start(&r);
	r.refuse = 1;
	watch(&r);
	while (r.error == 0)
		uv_run(&r.loop, UV_RUN_ONCE);
	assert_int_equal(r.error, -ENOBUFS);
	r.refuse = 0;
	for (int i = 0; i < 3; i++)
		uv_run(&r.loop, UV_RUN_NOWAIT);
	assert_string_equal(r.log, "");
	stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_images), cmocka_unit_test(test_there),
		cmocka_unit_test(test_later),  cmocka_unit_test(test_together),
		cmocka_unit_test(test_large),  cmocka_unit_test(test_no_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
