/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Podman's state in SQLite, as the kernel process passes it on: what is taken from it, what is said
 * of one that cannot be read, and that a hostile one is no program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "address.h"
#include "podman_sqlite.h"
#include "runtime_fixture.h"
#include "timefmt.h"

#define DB "/storage/db.sql"
#define SECOND BH_SECOND

static void tell(struct runtime_host *h, const struct bh_buffer *database)
{
	runtime_tell_bytes(h, BH_FILE_IS, DB, database->data, database->length);
}

/* As the kernel process does: what lies beside it first, and it is told where nothing does. */
static void tell_quiet(struct runtime_host *h, const struct bh_buffer *database)
{
	runtime_tell(h, BH_FILE_GONE, DB "-wal", NULL, 0);
	runtime_tell(h, BH_FILE_GONE, DB "-journal", NULL, 0);
	tell(h, database);
}

static void start_without_service(struct runtime_host *h)
{
	runtime_start(h, &bh_podman_ops);
	runtime_tell(h, BH_FILES_LISTED, "", NULL, 1);
	bh_podman_ops.end(h->back_end, h->asked[BH_QUERY_EVENTS], -ENOENT, 1);
}

/* With the two containers read. */
static void start_on_disk(struct runtime_host *h, struct bh_buffer *database)
{
	start_without_service(h);
	make_state(PODMAN_TABLES PODMAN_ROWS, database);
	tell_quiet(h, database);
	assert_int_equal(h->state, BH_RUNTIME_CONNECTED);
	assert_int_equal(bh_map_count(h->containers), 2);
}

static void test_disk(void **state)
{
	struct bh_buffer database = { 0 };
	struct runtime_host h;
	struct bh_addr addr;

	(void)state;
	start_on_disk(&h, &database);
	assert_non_null(strstr(h.why, "on disk"));
	assert_null(strstr(h.why, "bolt"));
	const struct bh_container *infra = runtime_stated(&h, INFRA),
				  *member = runtime_stated(&h, MEMBER);
	assert_string_equal(infra->name, "3333-infra");
	assert_string_equal(infra->pod, "front");
	assert_string_equal(bh_container_label(infra, "team"), "pay");
	assert_string_equal(infra->netns_path, "/run/netns/netns-x");
	assert_string_equal(infra->network_mode, "bridge");
	assert_true(infra->running);
	assert_int_equal(infra->pid, 7);
	assert_int_equal(infra->net_count, 1);
	assert_string_equal(infra->nets[0].name, "shop");
	assert_true(bh_addr_parse("10.90.0.3", &addr) &&
		    bh_addr_equal(&infra->nets[0].addr4, &addr));
	assert_true(bh_addr_parse("fd90::3", &addr) && bh_addr_equal(&infra->nets[0].addr6, &addr));
	assert_string_equal(member->name, "one");
	assert_string_equal(member->image, "localhost/shop:1");
	assert_string_equal(member->network_mode, "container:" INFRA);
	assert_string_equal(member->pod, "");
	assert_string_equal(bh_container_label(member, "tier"), "web");
	/* The same once more says nothing new; a change says that one; a removal, that it is gone.
	 */
	int before = h.stated;
	tell_quiet(&h, &database);
	assert_int_equal(h.stated, before);
	make_state(PODMAN_TABLES PODMAN_ROWS
		   "UPDATE ContainerState SET JSON = '{\"state\":4}' WHERE ID = '" MEMBER "';",
		   &database);
	tell_quiet(&h, &database);
	assert_int_equal(h.stated, before + 1);
	assert_false(runtime_stated(&h, MEMBER)->running);
	make_state(PODMAN_TABLES PODMAN_ROWS PODMAN_REMOVE_MEMBER, &database);
	tell_quiet(&h, &database);
	assert_null(runtime_stated(&h, MEMBER));
	assert_non_null(runtime_stated(&h, INFRA));
	runtime_stop(&h);
	bh_buffer_free(&database);
}

/* Podman makes the file before it makes the tables, and these before it notes their version. */
#define IMAGE "4444444444444444444444444444444444444444444444444444444444444444"
#define IMAGE_FILE "/storage/overlay-images/" IMAGE "/=c2hhMjU2OjQ0"
#define LABELLED(label)                                                                            \
	"UPDATE ContainerConfig SET JSON = '{\"id\":\"" MEMBER "\",\"name\":\"one\","              \
	"\"rootfsImageName\":\"localhost/shop:1\",\"rootfsImageID\":\"" IMAGE                      \
	"\",\"labels\":{\"bulkhead.workload\":\"" label                                            \
	"\",\"tier\":\"web\"}}' WHERE ID = '" MEMBER "';"

static const char *workload_of(const struct runtime_host *h)
{
	assert_non_null(runtime_stated(h, MEMBER));
	assert_string_equal(bh_container_label(runtime_stated(h, MEMBER), "tier"), "web");
	return bh_container_label(runtime_stated(h, MEMBER), "bulkhead.workload");
}

/* Podman keeps the labels of image and container as one; the image's own are on disk, too. */
static void test_image_labels(void **state)
{
	static const char image[] = "{\"config\":{\"Labels\":{\"bulkhead.workload\":\"pay\"}}}";
	static const char *const rows[] = { PODMAN_TABLES PODMAN_ROWS LABELLED("pay"),
					    PODMAN_TABLES PODMAN_ROWS LABELLED("own") };
	struct runtime_host h;

	(void)state;
	for (int own = 0; own < 2; own++) {
		struct bh_buffer database = { 0 };

		/* Before all is listed, it is waited for. */
		runtime_start(&h, &bh_podman_ops);
		bh_podman_ops.end(h.back_end, h.asked[BH_QUERY_EVENTS], -ENOENT, 1);
		make_state(rows[own], &database);
		tell_quiet(&h, &database);
		assert_null(runtime_stated(&h, MEMBER));
		assert_non_null(runtime_stated(&h, INFRA));
		runtime_tell(&h, BH_FILE_IS, IMAGE_FILE, image, 0);
		if (own)
			assert_string_equal(workload_of(&h), "own");
		else
			assert_null(workload_of(&h));
		runtime_tell(&h, BH_FILES_LISTED, "", NULL, 2);
		assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
		runtime_stop(&h);
		bh_buffer_free(&database);
	}
}

/* Where its image is not on disk, nobody can tell whose its labels are. */
static void test_image_missing(void **state)
{
	struct bh_buffer database = { 0 };
	struct runtime_host h;

	(void)state;
	start_without_service(&h);
	make_state(PODMAN_TABLES PODMAN_ROWS LABELLED("own"), &database);
	tell_quiet(&h, &database);
	/* The image may be on its way. */
	bh_podman_ops.tick(h.back_end, 4 * SECOND);
	assert_null(runtime_stated(&h, MEMBER));
	bh_podman_ops.tick(h.back_end, 6 * SECOND);
	assert_null(workload_of(&h));
	runtime_tell(&h, BH_FILE_IS, IMAGE_FILE, "{}", 0);
	assert_string_equal(workload_of(&h), "own");
	runtime_stop(&h);
	bh_buffer_free(&database);
}

static void test_new(void **state)
{
	struct bh_buffer database = { 0 };
	struct runtime_host h;

	(void)state;
	start_without_service(&h);
	tell_quiet(&h, &database);
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	make_state(PODMAN_TABLES, &database);
	tell_quiet(&h, &database);
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_int_equal(bh_map_count(h.containers), 0);
	runtime_stop(&h);
	bh_buffer_free(&database);
}

/* Told what is wrong; what was known stays known, until it can be read again. */
static void assert_unreadable(struct runtime_host *h, const struct bh_buffer *database,
			      const char *why)
{
	struct bh_buffer whole = { 0 };

	tell_quiet(h, database);
	assert_int_equal(h->state, BH_RUNTIME_UNREACHABLE);
	if (strstr(h->why, "db.sql") == NULL || strstr(h->why, why) == NULL)
		fail_msg("said \"%s\" instead of \"%s\"", h->why, why);
	assert_int_equal(bh_map_count(h->containers), 2);
	make_state(PODMAN_TABLES PODMAN_ROWS, &whole);
	tell_quiet(h, &whole);
	assert_int_equal(h->state, BH_RUNTIME_CONNECTED);
	bh_buffer_free(&whole);
}

static void test_version(void **state)
{
	struct bh_buffer database = { 0 };
	struct runtime_host h;

	(void)state;
	start_on_disk(&h, &database);
	make_state(PODMAN_TABLES PODMAN_ROWS "UPDATE DBConfig SET SchemaVersion = 2", &database);
	assert_unreadable(&h, &database, "version 2, and only 1 is known; its service");
	make_state(PODMAN_TABLES PODMAN_ROWS "DELETE FROM ContainerConfig;"
					     "UPDATE DBConfig SET SchemaVersion = 'x'",
		   &database);
	assert_unreadable(&h, &database, "version 0");
	make_state("CREATE TABLE other (a)", &database);
	assert_unreadable(&h, &database, "no such table: DBConfig");
	make_state(PODMAN_TABLES PODMAN_ROWS "ALTER TABLE ContainerState RENAME COLUMN JSON TO J",
		   &database);
	assert_unreadable(&h, &database, "no such column: s.JSON");
	runtime_stop(&h);
	bh_buffer_free(&database);
}

/* Puts there the page that it has in a database without rows. */
static void copy_index(struct bh_buffer *database, const char *name)
{
	struct bh_buffer empty = { 0 };
	sqlite3 *db = open_state(PODMAN_TABLES);
	sqlite3_stmt *statement;

	put_state(db, &empty);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name = ?",
					    -1, &statement, NULL),
			 SQLITE_OK);
	sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	size_t at = ((size_t)sqlite3_column_int(statement, 0) - 1) * 4096;
	sqlite3_finalize(statement);
	sqlite3_close(db);
	memcpy(database->data + at, empty.data + at, 4096);
	bh_buffer_free(&empty);
}

/* A copy of which some pages are newer than others, as if no journal had warned of it. */
static void test_torn(void **state)
{
	struct bh_buffer before = { 0 }, torn = { 0 };
	struct runtime_host h;
	sqlite3 *db = open_state(PODMAN_TABLES PODMAN_ROWS);
	int found = 0;

	(void)state;
	start_on_disk(&h, &before);
	put_state(db, &before);
	run_sql(db,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 40)"
		" INSERT INTO ContainerConfig SELECT 'c' || i, 'n' || i, NULL, hex(zeroblob(500))"
		" FROM n;" PODMAN_REMOVE_MEMBER);
	sqlite3_int64 size;
	unsigned char *after = sqlite3_serialize(db, "main", &size, 0);
	/* Up to some page as it was, from there as it is. */
	for (size_t at = 4096; at < before.length; at += 4096) {
		bh_buffer_clear(&torn);
		bh_buffer_append(&torn, before.data, at);
		bh_buffer_append(&torn, after + at, (size_t)size - at);
		tell_quiet(&h, &torn);
		found += h.state == BH_RUNTIME_UNREACHABLE;
		/* Where it looks whole, nobody has changed, or the one that was removed is gone. */
		assert_non_null(runtime_stated(&h, INFRA));
		tell_quiet(&h, &before);
	}
	assert_true(found >= 3);
	/* An index that knows of no row, while the table has them. */
	copy_index(&before, "sqlite_autoindex_ContainerState_1");
	assert_unreadable(&h, &before, "missing from index");
	make_state(PODMAN_TABLES PODMAN_ROWS, &before);
	bh_buffer_clear(&torn);
	bh_buffer_append(&torn, before.data, before.length / 2);
	assert_unreadable(&h, &torn, "malformed");
	bh_buffer_clear(&torn);
	bh_buffer_puts(&torn, "garbage");
	assert_unreadable(&h, &torn, "not a database");
	sqlite3_free(after);
	sqlite3_close(db);
	runtime_stop(&h);
	bh_buffer_free(&before);
	bh_buffer_free(&torn);
}

/* Beside a journal that can be undone it is half written: it is read when that is over. Who waits
 * long is told why. */
static void test_unfinished(void **state)
{
	static const char journal[] = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
	struct bh_buffer database = { 0 };
	struct runtime_host h;

	(void)state;
	start_on_disk(&h, &database);
	bh_podman_ops.tick(h.back_end, 10 * SECOND);
	make_state(PODMAN_TABLES PODMAN_ROWS PODMAN_REMOVE_MEMBER, &database);
	runtime_tell_bytes(&h, BH_FILE_IS, DB "-journal", journal, 8);
	tell(&h, &database);
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_non_null(runtime_stated(&h, MEMBER));
	bh_podman_ops.tick(h.back_end, 11 * SECOND);
	bh_podman_ops.tick(h.back_end, 15 * SECOND);
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	bh_podman_ops.tick(h.back_end, 16 * SECOND);
	assert_int_equal(h.state, BH_RUNTIME_UNREACHABLE);
	assert_non_null(strstr(h.why, "db.sql was left amid a change"));
	assert_non_null(strstr(h.why, "podman ps"));
	assert_non_null(runtime_stated(&h, MEMBER));
	/* One that is left over from a transaction that is done is none. */
	runtime_tell_bytes(&h, BH_FILE_IS, DB "-journal", "\0\0\0\0\0\0\0\0", 8);
	tell(&h, &database);
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_null(runtime_stated(&h, MEMBER));
	/* Too large a file is another that cannot be read. */
	runtime_tell(&h, BH_FILE_LARGE, DB, NULL, 0);
	assert_int_equal(h.state, BH_RUNTIME_UNREACHABLE);
	assert_non_null(strstr(h.why, "db.sql: it has more than 16 MiB; its service would tell"));
	assert_non_null(runtime_stated(&h, INFRA));
	tell_quiet(&h, &database);
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	runtime_stop(&h);
	/* Where nothing was read before, it is said at once. */
	start_without_service(&h);
	runtime_tell_bytes(&h, BH_FILE_IS, DB "-journal", journal, 8);
	tell(&h, &database);
	assert_int_equal(h.state, BH_RUNTIME_UNREACHABLE);
	tell_quiet(&h, &database);
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_non_null(runtime_stated(&h, INFRA));
	runtime_stop(&h);
	bh_buffer_free(&database);
}

static void read_file(const char *path, struct bh_buffer *out)
{
	char chunk[4096];
	FILE *file = fopen(path, "r");
	size_t got;

	assert_non_null(file);
	bh_buffer_clear(out);
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		bh_buffer_append(out, chunk, got);
	fclose(file);
}

/* With a log beside it the newest is there, and the database may hold nothing yet. */
static void test_log(void **state)
{
	char folder[] = "/tmp/bh-podman-XXXXXX", path[64], wal_path[72];
	struct bh_buffer database = { 0 }, wal = { 0 };
	struct runtime_host h;
	sqlite3 *db;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/db.sql", folder);
	snprintf(wal_path, sizeof(wal_path), "%s-wal", path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	run_sql(db, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;" PODMAN_TABLES
			    PODMAN_ROWS);
	start_without_service(&h);
	read_file(path, &database);
	assert_int_equal(database.length, 4096);
	read_file(wal_path, &wal);
	runtime_tell_bytes(&h, BH_FILE_IS, DB "-wal", wal.data, wal.length);
	tell(&h, &database);
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_string_equal(runtime_stated(&h, INFRA)->pod, "front");
	assert_non_null(runtime_stated(&h, MEMBER));
	run_sql(db, PODMAN_REMOVE_MEMBER);
	read_file(wal_path, &wal);
	runtime_tell_bytes(&h, BH_FILE_IS, DB "-wal", wal.data, wal.length);
	tell(&h, &database);
	assert_null(runtime_stated(&h, MEMBER));
	/* The last one that closes it leaves no log. */
	sqlite3_close(db);
	read_file(path, &database);
	tell_quiet(&h, &database);
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_int_equal(bh_map_count(h.containers), 1);
	unlink(path);
	rmdir(folder);
	runtime_stop(&h);
	bh_buffer_free(&database);
	bh_buffer_free(&wal);
}

/* The file is Podman's user's: what its schema says is not carried out. */
static void test_hostile(void **state)
{
	static const struct {
		const char *sql, *why;
	} cases[] = {
		/* A view that never ends, one that makes up containers, one of another table. */
		{ "DROP TABLE ContainerConfig; CREATE VIEW ContainerConfig AS WITH RECURSIVE n(i) "
		  "AS"
		  " (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS ID, '' AS JSON, '' AS "
		  "PodID"
		  " FROM n",
		  "" },
		{ "DROP TABLE ContainerState; CREATE VIEW ContainerState AS SELECT '" INFRA
		  "' AS ID, '{\"state\":3}' AS JSON",
		  "" },
		{ "CREATE TABLE secret (JSON TEXT); DROP TABLE PodConfig; CREATE VIEW PodConfig AS"
		  " SELECT '" POD "' AS ID, JSON FROM secret",
		  "" },
		/* Functions: in a column, in a check, in an index. */
		{ "DROP TABLE PodConfig; CREATE TABLE PodConfig (ID TEXT, JSON TEXT AS"
		  " (hex(zeroblob(100000000))))",
		  "" },
		{ "CREATE TABLE more (a CHECK (length(a) < 3))", "too many arguments" },
		{ "CREATE INDEX more ON ContainerState (lower(JSON))", "too many arguments" },
		/* Another module's table, and a column that nobody can hold. */
		{ "DROP TABLE PodConfig; CREATE VIRTUAL TABLE PodConfig USING fts5(ID, JSON)",
		  "no such module" },
		{ "UPDATE ContainerState SET JSON = zeroblob(8000000)", "too big" },
		/* Each row of the one goes with each of the other. */
		{ "DROP TABLE ContainerConfig; DROP TABLE ContainerState;"
		  "CREATE TABLE ContainerConfig (ID TEXT, PodID TEXT, JSON TEXT);"
		  "CREATE TABLE ContainerState (ID TEXT, JSON TEXT);"
		  "WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i LIMIT 20000)"
		  " INSERT INTO ContainerState SELECT 'x', '' FROM i;"
		  "INSERT INTO ContainerConfig SELECT ID, '', '' FROM ContainerState",
		  "takes too long" },
	};
	struct bh_buffer database = { 0 };
	struct runtime_host h;

	(void)state;
	start_on_disk(&h, &database);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sqlite3 *db = open_state(PODMAN_TABLES PODMAN_ROWS);

		run_sql(db, cases[i].sql);
		put_state(db, &database);
		sqlite3_close(db);
		assert_unreadable(&h, &database, cases[i].why);
	}
	runtime_stop(&h);
	bh_buffer_free(&database);
}

/* Rows that are no containers are left, and the others are read. */
static void test_rows(void **state)
{
	struct bh_buffer database = { 0 };
	struct runtime_host h;

	(void)state;
	start_without_service(&h);
	make_state(PODMAN_TABLES PODMAN_ROWS
		   "INSERT INTO ContainerConfig VALUES ('a', 'a', NULL, '{\"id\":\"short\"}'),"
		   " ('b', 'b', NULL, 'no JSON'), ('c', 'c', 'nowhere', 7),"
		   " ('d', 'd', NULL, zeroblob(20)), ('e', 'e', NULL, '');"
		   "INSERT INTO ContainerState SELECT ID, 3, 0, '{}' FROM ContainerConfig"
		   " WHERE length(ID) = 1;"
		   "UPDATE ContainerState SET JSON = 'null' WHERE ID = '" MEMBER "';",
		   &database);
	tell_quiet(&h, &database);
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_int_equal(bh_map_count(h.containers), 2);
	assert_string_equal(runtime_stated(&h, INFRA)->name, "3333-infra");
	assert_false(runtime_stated(&h, MEMBER)->running);
	runtime_stop(&h);
	bh_buffer_free(&database);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_disk),	      cmocka_unit_test(test_image_labels),
		cmocka_unit_test(test_image_missing), cmocka_unit_test(test_new),
		cmocka_unit_test(test_version),	      cmocka_unit_test(test_torn),
		cmocka_unit_test(test_unfinished),    cmocka_unit_test(test_log),
		cmocka_unit_test(test_hostile),	      cmocka_unit_test(test_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
