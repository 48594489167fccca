/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Podman's SQLite database (libpod/sqlite_state_internal.go: createSQLiteTables). SQLite is given a
 * copy in memory, and neither a path nor a lock of Podman's. Who can write that file is not trusted
 * with more than to name containers: nothing of a schema is run, no function is called, no other
 * table is read, and reading ends after a number of steps.
 */
#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

#include "file_stream.h"
#include "podman_state.h"
#include "sqlite_wal.h"

#define SCHEMA_VERSION 1 /* libpod/sqlite_state.go */
#define MOST_JSON (4 << 20)
#define STEPS 1000 /* of SQLite's, between two looks at … */
#define MOST_LOOKS 10000

/* --- opening ---------------------------------------------------------------------------------- */

static int permit(void *user, int action, const char *name, const char *column,
		  const char *database, const char *via)
{
	static const char *const tables[] = { "DBConfig", "ContainerConfig", "ContainerState",
					      "PodConfig" };

	(void)user;
	(void)column;
	(void)database;
	if (action == SQLITE_SELECT && via == NULL)
		return SQLITE_OK;
	if (action == SQLITE_PRAGMA && strcmp(name, "integrity_check") == 0)
		return SQLITE_OK;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (action == SQLITE_READ && via == NULL && strcmp(name, tables[i]) == 0)
			return SQLITE_OK;
	return SQLITE_DENY;
}

static int is_too_long(void *user)
{
	unsigned *looks = user;

	return ++*looks > MOST_LOOKS;
}

static void harden(sqlite3 *db, unsigned *looks)
{
	static const struct {
		int which, value;
	} configs[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
	}, limits[] = {
		{ SQLITE_LIMIT_LENGTH, MOST_JSON },
		{ SQLITE_LIMIT_SQL_LENGTH, 65536 },
		{ SQLITE_LIMIT_COLUMN, 64 },
		{ SQLITE_LIMIT_EXPR_DEPTH, 20 },
		{ SQLITE_LIMIT_COMPOUND_SELECT, 1 },
		/* A schema that calls functions, as for a generated column, is refused. */
		{ SQLITE_LIMIT_FUNCTION_ARG, 0 },
		{ SQLITE_LIMIT_ATTACHED, 0 },
		{ SQLITE_LIMIT_VARIABLE_NUMBER, 0 },
		{ SQLITE_LIMIT_TRIGGER_DEPTH, 0 },
	};

	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++)
		sqlite3_db_config(db, configs[i].which, configs[i].value, NULL);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		sqlite3_limit(db, limits[i].which, limits[i].value);
	sqlite3_exec(db, "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY", NULL, NULL,
		     NULL);
	sqlite3_drop_modules(db, NULL); /* no virtual tables */
	sqlite3_progress_handler(db, STEPS, is_too_long, looks);
	sqlite3_set_authorizer(db, permit, NULL);
}

static int fail(sqlite3 *db, struct bh_error *err)
{
	if (sqlite3_errcode(db) == SQLITE_INTERRUPT)
		return bh_error_set(err, -E2BIG, "it takes too long to read");
	return bh_error_set(err, -EINVAL, "%s", sqlite3_errmsg(db));
}

/* --- asking ----------------------------------------------------------------------------------- */

/* Calls row() for each row. 0, or what it returned, or a negative errno, with *err. */
static int each_row(sqlite3 *db, const char *query,
		    int (*row)(void *user, sqlite3_stmt *statement, struct bh_error *err),
		    void *user, struct bh_error *err)
{
	sqlite3_stmt *statement;
	int result = 0, step = SQLITE_DONE;

	if (sqlite3_prepare_v2(db, query, -1, &statement, NULL) != SQLITE_OK)
		return fail(db, err);
	while (result == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW)
		result = row(user, statement, err);
	if (result == 0 && step != SQLITE_DONE)
		result = fail(db, err);
	sqlite3_finalize(statement);
	return result;
}

static int check_whole(void *user, sqlite3_stmt *statement, struct bh_error *err)
{
	const char *found = (const char *)sqlite3_column_text(statement, 0);

	(void)user;
	if (found != NULL && strcmp(found, "ok") == 0)
		return 0;
	return bh_error_set(err, -EINVAL, "damaged (%.80s)", found != NULL ? found : "?");
}

static int check_version(void *user, sqlite3_stmt *statement, struct bh_error *err)
{
	sqlite3_int64 version = sqlite3_column_int64(statement, 0);

	(void)user;
	if (version == SCHEMA_VERSION)
		return 0;
	return bh_error_set(err, -EPROTO, "its schema has version %lld, and only %d is known",
			    (long long)version, SCHEMA_VERSION);
}

/* Podman writes JSON as text or as bytes, depending on what it does. */
static cJSON *column_json(sqlite3_stmt *statement, int at)
{
	const void *bytes = sqlite3_column_blob(statement, at);

	return bh_podman_json(bytes, (size_t)sqlite3_column_bytes(statement, at));
}

static int read_container(void *user, sqlite3_stmt *statement, struct bh_error *err)
{
	cJSON *config = column_json(statement, 0), *state = column_json(statement, 1);
	cJSON *pod = *bh_podman_pod_of(config) != '\0' ? column_json(statement, 2) : NULL;

	(void)err;
	bh_podman_add(user, config, state, pod);
	cJSON_Delete(config);
	cJSON_Delete(state);
	cJSON_Delete(pod);
	return 0;
}

static int read_all(sqlite3 *db, struct bh_map *found, struct bh_error *err)
{
	int result = each_row(db, "PRAGMA integrity_check(1)", check_whole, NULL, err);

	if (result == 0)
		result = each_row(db, "SELECT SchemaVersion FROM DBConfig", check_version, NULL,
				  err);
	if (result == 0)
		result = each_row(db,
				  "SELECT c.JSON, s.JSON, p.JSON FROM ContainerConfig AS c"
				  " JOIN ContainerState AS s ON s.ID = c.ID"
				  " LEFT JOIN PodConfig AS p ON p.ID = c.PodID",
				  read_container, found, err);
	return result;
}

struct bh_map *bh_podman_read_sqlite(struct bh_buffer *database, const struct bh_buffer *wal,
				     struct bh_error *err)
{
	struct bh_map *found = bh_podman_containers_new();
	sqlite3 *db = NULL;
	unsigned looks = 0;
	int result;

	if (database->length == 0) /* as it is before Podman's first transaction */
		return found;
	result = bh_sqlite_add_wal(database, wal->data, wal->length, BH_FILE_MOST * 2, err);
	if (result == 0 &&
	    (sqlite3_open(":memory:", &db) != SQLITE_OK ||
	     sqlite3_deserialize(db, "main", (unsigned char *)database->data,
				 (sqlite3_int64)database->length, (sqlite3_int64)database->length,
				 SQLITE_DESERIALIZE_READONLY) != SQLITE_OK))
		result = fail(db, err);
	if (result == 0) {
		harden(db, &looks);
		result = read_all(db, found, err);
	}
	sqlite3_close(db);
	if (result == 0)
		return found;
	bh_map_free(found);
	return NULL;
}
