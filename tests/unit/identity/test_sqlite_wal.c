/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log of SQLite's, added to its database: the same as SQLite itself makes of both, wherever the
 * log ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "sqlite_wal.h"

#define MOST (16u << 20)

/* Where SQLite works, and a second one, for what it makes of a copy. */
struct place {
	char folder[32];
	char path[64];
	char wal[64];
};

static void make_place(struct place *p)
{
	snprintf(p->folder, sizeof(p->folder), "/tmp/bh-wal-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->path, sizeof(p->path), "%s/db", p->folder);
	snprintf(p->wal, sizeof(p->wal), "%s/db-wal", p->folder);
}

static void remove_place(const struct place *p)
{
	char shared[64];

	snprintf(shared, sizeof(shared), "%s/db-shm", p->folder);
	unlink(p->path);
	unlink(p->wal);
	unlink(shared);
	assert_int_equal(rmdir(p->folder), 0);
}

static void read_file(const char *path, struct bh_buffer *out)
{
	char chunk[4096];
	FILE *file = fopen(path, "r");
	size_t got;

	bh_buffer_clear(out);
	bh_buffer_append(out, "", 0);
	while (file != NULL && (got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		bh_buffer_append(out, chunk, got);
	if (file != NULL)
		fclose(file);
}

static void write_file(const char *path, const struct bh_buffer *bytes, size_t length)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes->data, 1, length, file), length);
	fclose(file);
}

static void run_sql(sqlite3 *db, const char *text)
{
	char *error = NULL;

	if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", text, error);
}

static sqlite3 *open_logged(const struct place *p, const char *before)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
	run_sql(db, before);
	run_sql(db, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
		    "PRAGMA synchronous = OFF");
	return db;
}

static int add_row(void *user, int count, char **values, char **names)
{
	(void)count;
	(void)names;
	bh_buffer_printf(user, "%s\n", values[0]);
	return 0;
}

/* All that is in it; or what is wrong with it. */
static void dump(sqlite3 *db, struct bh_buffer *out)
{
	bh_buffer_clear(out);
	bh_buffer_append(out, "", 0);
	if (sqlite3_exec(db, "PRAGMA integrity_check; SELECT n || ':' || hex(t) FROM a", add_row,
			 out, NULL) != SQLITE_OK)
		bh_buffer_puts(out, sqlite3_errmsg(db));
}

static void dump_by_us(const struct bh_buffer *database, const struct bh_buffer *wal, size_t length,
		       struct bh_buffer *out)
{
	struct bh_buffer copy = { 0 };
	struct bh_error err = { 0 };
	sqlite3 *db;

	bh_buffer_append(&copy, database->data, database->length);
	assert_int_equal(bh_sqlite_add_wal(&copy, wal->data, length, MOST, &err), 0);
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(sqlite3_deserialize(db, "main", (unsigned char *)copy.data,
					     (sqlite3_int64)copy.length, (sqlite3_int64)copy.length,
					     SQLITE_DESERIALIZE_READONLY),
			 SQLITE_OK);
	dump(db, out);
	sqlite3_close(db);
	bh_buffer_free(&copy);
}

static void dump_by_sqlite(const struct bh_buffer *database, const struct bh_buffer *wal,
			   size_t length, struct bh_buffer *out)
{
	struct place p;
	sqlite3 *db;

	make_place(&p);
	write_file(p.path, database, database->length);
	write_file(p.wal, wal, length);
	assert_int_equal(sqlite3_open(p.path, &db), SQLITE_OK);
	dump(db, out);
	sqlite3_close(db);
	remove_place(&p);
}

static void assert_same(const struct bh_buffer *database, const struct bh_buffer *wal,
			size_t length)
{
	struct bh_buffer ours = { 0 }, theirs = { 0 };

	dump_by_us(database, wal, length, &ours);
	dump_by_sqlite(database, wal, length, &theirs);
	if (strcmp(ours.data, theirs.data) != 0)
		fail_msg("with %zu bytes of the log:\n%.300s\nbut SQLite has\n%.300s", length,
			 ours.data, theirs.data);
	bh_buffer_free(&ours);
	bh_buffer_free(&theirs);
}

/* The log cut anywhere: transactions that are whole count, and others do not. It grows and shrinks
 * the database, writes a page several times, and begins anew. */
static void check_cuts(const char *before)
{
	struct bh_buffer database = { 0 }, wal = { 0 }, result = { 0 };
	struct place p;

	make_place(&p);
	sqlite3 *db = open_logged(&p, before);
	run_sql(db, "CREATE TABLE a (n INTEGER PRIMARY KEY, t BLOB);"
		    "INSERT INTO a VALUES (1, randomblob(300)); PRAGMA wal_checkpoint(FULL);");
	for (int i = 2; i < 12; i++) {
		char sql[200];

		snprintf(sql, sizeof(sql),
			 "BEGIN; INSERT INTO a VALUES (%d, randomblob(%d));"
			 "UPDATE a SET t = randomblob(200) WHERE n < 3; COMMIT",
			 i, i * 700);
		run_sql(db, sql);
	}
	run_sql(db, "DELETE FROM a WHERE n > 4; VACUUM");
	read_file(p.path, &database);
	read_file(p.wal, &wal);
	assert_true(wal.length > 20000);
	for (size_t length = 0; length <= wal.length; length += 1 + wal.length / 97)
		assert_same(&database, &wal, length);
	assert_same(&database, &wal, wal.length);
	dump_by_us(&database, &wal, wal.length, &result);
	assert_int_equal(strncmp(result.data, "ok\n1:", 5), 0);
	assert_null(strstr(result.data, "\n5:"));
	/* A byte that was not written as it should be ends it there. */
	wal.data[wal.length / 2] ^= 1;
	assert_same(&database, &wal, wal.length);
	wal.data[wal.length / 2] ^= 1;
	wal.data[20] ^= 1;
	assert_same(&database, &wal, wal.length);
	/* Emptied into the database, it is written from its beginning; what is behind is old. */
	run_sql(db, "PRAGMA wal_checkpoint(RESTART); INSERT INTO a VALUES (99, NULL)");
	read_file(p.path, &database);
	read_file(p.wal, &wal);
	assert_same(&database, &wal, wal.length);
	sqlite3_close(db);
	remove_place(&p);
	bh_buffer_free(&database);
	bh_buffer_free(&wal);
	bh_buffer_free(&result);
}

static void test_cuts(void **state)
{
	(void)state;
	check_cuts("PRAGMA page_size = 512");
	check_cuts("PRAGMA page_size = 4096");
	check_cuts("PRAGMA page_size = 65536");
}

/* Sums of either byte order. */
static void test_order(void **state)
{
	struct bh_buffer database = { 0 }, wal = { 0 };
	uint8_t *head;
	struct place p;

	(void)state;
	make_place(&p);
	sqlite3 *db = open_logged(&p, "PRAGMA page_size = 512");
	run_sql(db,
		"CREATE TABLE a (n INTEGER PRIMARY KEY, t BLOB); INSERT INTO a VALUES (7, NULL)");
	read_file(p.path, &database);
	read_file(p.wal, &wal);
	sqlite3_close(db);
	remove_place(&p);
	/* Written anew in the other order: the head and each frame get the sums of that one. */
	head = (uint8_t *)wal.data;
	head[3] ^= 1;
	uint32_t sum[2] = { 0, 0 };
	for (size_t at = 0; at < wal.length;) {
		size_t head_size = at == 0 ? 24 : 8, body = at == 0 ? 0 : 512;

		for (size_t i = 0; i < head_size + body; i += 4) {
			const uint8_t *b = head + at + i + (i < head_size ? 0 : 24 - head_size);
			uint32_t word = (head[3] & 1) != 0
						? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
							  (uint32_t)b[2] << 8 | b[3]
						: (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 |
							  (uint32_t)b[1] << 8 | b[0];
			unsigned half = i / 4 % 2;

			sum[half] += word + sum[1 - half];
		}
		for (size_t i = 0; i < 8; i++)
			head[at + (at == 0 ? 24 : 16) + i] =
				(uint8_t)(sum[i / 4] >> (24 - 8 * (i % 4)));
		at += at == 0 ? 32 : 24 + 512;
	}
	assert_same(&database, &wal, wal.length);
	struct bh_buffer result = { 0 };
	dump_by_us(&database, &wal, wal.length, &result);
	assert_string_equal(result.data, "ok\n7:\n");
	bh_buffer_free(&result);
	bh_buffer_free(&database);
	bh_buffer_free(&wal);
}

static void test_refused(void **state)
{
	struct bh_buffer database = { 0 }, wal = { 0 }, other = { 0 };
	struct bh_error err = { 0 };
	struct place p;

	(void)state;
	make_place(&p);
	sqlite3 *db = open_logged(&p, "PRAGMA page_size = 512");
	run_sql(db, "CREATE TABLE a (n INTEGER PRIMARY KEY, t BLOB);"
		    "INSERT INTO a VALUES (1, randomblob(9000))");
	read_file(p.path, &database);
	read_file(p.wal, &wal);
	sqlite3_close(db);
	remove_place(&p);
	/* Larger than what is taken. */
	bh_buffer_append(&other, database.data, database.length);
	assert_int_equal(bh_sqlite_add_wal(&other, wal.data, wal.length, 5000, &err), -E2BIG);
	/* Of another page size than the database. */
	bh_buffer_clear(&other);
	bh_buffer_append(&other, database.data, database.length);
	other.data[16] = 0x10;
	assert_int_equal(bh_sqlite_add_wal(&other, wal.data, wal.length, MOST, &err), -EINVAL);
	assert_non_null(strstr(err.text, "another database"));
	/* A database that has a journal is left as it is, and so is what is none. */
	bh_buffer_clear(&other);
	bh_buffer_append(&other, database.data, database.length);
	other.data[18] = other.data[19] = 1;
	assert_int_equal(bh_sqlite_add_wal(&other, wal.data, wal.length, MOST, &err), 0);
	assert_int_equal(other.length, database.length);
	other.length = 20;
	assert_int_equal(bh_sqlite_add_wal(&other, wal.data, wal.length, MOST, &err), 0);
	assert_int_equal(other.length, 20);
	bh_buffer_free(&database);
	bh_buffer_free(&wal);
	bh_buffer_free(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
