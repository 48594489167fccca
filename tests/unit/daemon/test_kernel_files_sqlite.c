/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An SQLite database that another process writes to all the time: what is told of it is always as
 * it was between two transactions, and the last one is never missed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulkhead/endpoint.h"
#include "file_stream.h"
#include "grow.h"
#include "kernel_files.h"
#include "sqlite_wal.h"

#define WRITE_MS 2000
#define SETTLE_MS 1000
#define ENOUGH 5 /* times that it was read */
#define TURNS 40 /* of either of these at most, where the machine is busy */

struct reader {
	uv_loop_t loop;
	struct bh_file_stream stream;
	char folder[32];
	struct bh_config config;
	struct bh_files *files;
	struct bh_buffer wal;
	bool journal;
	int64_t number; /* of the transaction that was read last */
	unsigned read, waited, broken;
	char first[300]; /* what was wrong first */
};

/* --- writing ---------------------------------------------------------------------------------- */

static void run_sql(sqlite3 *db, const char *text)
{
	char *error = NULL;

	if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", text, error);
		_exit(1);
	}
}

static sqlite3 *open_database(const char *path, const char *mode)
{
	sqlite3 *db;
	char text[100];

	if (sqlite3_open(path, &db) != SQLITE_OK)
		_exit(1);
	snprintf(text, sizeof(text), "PRAGMA journal_mode = %s; PRAGMA wal_autocheckpoint = 10",
		 mode);
	run_sql(db, text);
	return db;
}

/* The number of the transaction is written down near the beginning and at the end of a file that
 * takes longer to read than to write to. */
static void make_tables(const char *path, const char *mode)
{
	sqlite3 *db = open_database(path, mode);

	run_sql(db, "CREATE TABLE a (n INTEGER);"
		    "CREATE TABLE filler (t BLOB); INSERT INTO a VALUES (0);"
		    "WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i LIMIT 1000)"
		    " INSERT INTO filler SELECT zeroblob(3000) FROM i;"
		    "CREATE TABLE c (n INTEGER); INSERT INTO c VALUES (0);"
		    "CREATE TABLE d (n INTEGER); INSERT INTO d VALUES (0)");
	sqlite3_close(db);
}

/* As Podman's processes do: each opens it, and closes it after some transactions. Most of them
 * write elsewhere: the log may have neither number. */
static void write_until_killed(const char *path, const char *mode)
{
	for (unsigned turn = 0;; turn++) {
		sqlite3 *db = open_database(path, mode);

		run_sql(db, "PRAGMA synchronous = OFF");
		for (unsigned i = 0; i < 1 + turn % 40; i++) {
			run_sql(db, i % 5 > 0 ? "UPDATE d SET n = n + 1"
					      : "BEGIN EXCLUSIVE; UPDATE a SET n = n + 1;"
						"UPDATE c SET n = n + 1; COMMIT");

			usleep(100 * (turn % 7));
		}
		sqlite3_close(db);
		usleep(1000 * (turn % 31));
	}
}

/* --- reading ---------------------------------------------------------------------------------- */

static int take_row(void *user, int count, char **values, char **names)
{
	struct reader *r = user;

	(void)count;
	(void)names;
	if (strcmp(values[0], "ok") == 0)
		return 0;
	if (strcmp(values[0], values[1]) != 0)
		return 1;
	r->number = atoll(values[0]);
	return 0;
}

static void read_database(struct reader *r, struct bh_buffer *database)
{
	struct bh_error err = { 0 };
	sqlite3 *db = NULL;
	char *error = NULL;
	int result = bh_sqlite_add_wal(database, r->wal.data, r->wal.length, BH_FILE_MOST, &err);

	if (result == 0) {
		sqlite3_open(":memory:", &db);
		sqlite3_deserialize(db, "main", (unsigned char *)database->data,
				    (sqlite3_int64)database->length,
				    (sqlite3_int64)database->length, SQLITE_DESERIALIZE_READONLY);
		result = sqlite3_exec(
			db,
			"PRAGMA integrity_check;"
			"SELECT min(n), max(n) FROM (SELECT n FROM a UNION SELECT n FROM c)",
			take_row, r, &error);
		sqlite3_close(db);
	}
	r->read++;
	if (result != 0 && r->broken++ == 0)
		snprintf(r->first, sizeof(r->first), "%s", error != NULL ? error : err.text);
	sqlite3_free(error);
}

static bool ends_with(const char *path, const char *end)
{
	return strlen(path) > strlen(end) && strcmp(path + strlen(path) - strlen(end), end) == 0;
}

static void on_file(void *user, const char *path, const char *data, size_t length)
{
	struct reader *r = user;
	struct bh_buffer database = { 0 };

	if (ends_with(path, "-wal")) {
		bh_buffer_clear(&r->wal);
		bh_buffer_append(&r->wal, data, length);
	} else if (ends_with(path, "-journal")) {
		r->journal = length > 0 && data[0] != '\0';
	} else if (r->journal) {
		r->waited++;
	} else {
		bh_buffer_append(&database, data, length);
		read_database(r, &database);
		bh_buffer_free(&database);
	}
}

static void on_gone(void *user, const char *path)
{
	struct reader *r = user;

	if (ends_with(path, "-wal"))
		bh_buffer_clear(&r->wal);
	else if (ends_with(path, "-journal"))
		r->journal = false;
}

static void on_listed(void *user, uint32_t places)
{
	(void)user;
	(void)places;
}

static void on_again(void *user)
{
	(void)user;
}

static void on_large(void *user, const char *path)
{
	(void)user;
	fail_msg("%s is too large", path);
}

static bool on_data(void *user, const void *bytes, size_t length)
{
	struct reader *r = user;
	struct bh_file_events events = { r, on_file, on_gone, on_listed, on_again, on_large };
	struct bh_error err = { 0 };

	return bh_file_stream_feed(&r->stream, bytes, length, &events, &err) == 0;
}

static void on_end(void *user, int error)
{
	(void)user;
	fail_msg("the stream ended: %s", strerror(-error));
}

static void on_over(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

static void run_for(struct reader *r, uint64_t milliseconds)
{
	uv_timer_t timer;

	uv_timer_init(&r->loop, &timer);
	uv_timer_start(&timer, on_over, milliseconds, 0);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&r->loop, UV_RUN_NOWAIT);
}

/* --- both ------------------------------------------------------------------------------------- */

static int64_t last_number(const char *path)
{
	sqlite3_stmt *statement;
	sqlite3 *db;

	/* It may be undone first: the writer was killed. */
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT max(n) FROM a", -1, &statement, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int64_t number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return number;
}

static void check_mode(const char *mode)
{
	struct reader r = { .number = -1 };
	struct bh_files_events events = { &r, on_data, on_end };
	char path[64], command[64];
	int status;

	uv_loop_init(&r.loop);
	bh_copy_text(r.folder, sizeof(r.folder), "/tmp/bh-files-XXXXXX");
	assert_non_null(mkdtemp(r.folder));
	snprintf(path, sizeof(path), "%s/db.sql", r.folder);
	bh_config_defaults(&r.config);
	bh_copy_text(r.config.podman_storage, sizeof(r.config.podman_storage), r.folder);
	make_tables(path, mode);
	r.files = bh_files_watch(&r.loop, &r.config, BH_RUNTIME_PODMAN, &events);
	pid_t writer = fork();
	assert_true(writer >= 0);
	if (writer == 0)
		write_until_killed(path, mode);
	for (int i = 0; i < TURNS && (i == 0 || r.read < ENOUGH); i++)
		run_for(&r, WRITE_MS);
	kill(writer, SIGKILL);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_true(WIFSIGNALED(status)); /* it wrote to the end */
	int64_t last = last_number(path);
	for (int i = 0; i < TURNS && (i == 0 || r.number != last); i++)
		run_for(&r, SETTLE_MS);
	print_message("%s: %lld transactions, read %u times, %u times amid one\n", mode,
		      (long long)last, r.read, r.waited);
	if (r.broken > 0)
		fail_msg("%s: %u of %u did not hold together: %s", mode, r.broken, r.read, r.first);
	assert_true(r.read >= ENOUGH);
	assert_int_equal(r.number, last);
	bh_files_close(r.files);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r.loop), 0);
	bh_file_stream_free(&r.stream);
	bh_buffer_free(&r.wal);
	snprintf(command, sizeof(command), "rm -rf '%s'", r.folder);
	assert_int_equal(system(command), 0);
}

static void test_journal(void **state)
{
	(void)state;
	check_mode("DELETE");
}

static void test_log(void **state)
{
	(void)state;
	check_mode("WAL");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_log),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
