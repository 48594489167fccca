/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes Podman's SQLite state: the tables that are read, with the columns that Podman gives them.
 */
#ifndef BH_TEST_PODMAN_SQLITE_H
#define BH_TEST_PODMAN_SQLITE_H

#include <sqlite3.h>
#include <string.h>

#include "buffer.h"

#define INFRA "1111111111111111111111111111111111111111111111111111111111111111"
#define MEMBER "2222222222222222222222222222222222222222222222222222222222222222"
#define POD "3333333333333333333333333333333333333333333333333333333333333333"

static inline void run_sql(sqlite3 *db, const char *text)
{
	char *error = NULL;

	if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", text, error);
}

#define PODMAN_TABLES                                                                              \
	"CREATE TABLE DBConfig (ID INTEGER PRIMARY KEY NOT NULL, SchemaVersion INTEGER NOT NULL,"  \
	" OS TEXT NOT NULL, StaticDir TEXT NOT NULL, TmpDir TEXT NOT NULL, GraphRoot TEXT NOT"     \
	" NULL, RunRoot TEXT NOT NULL, GraphDriver TEXT NOT NULL, VolumeDir TEXT NOT NULL,"        \
	" CHECK (ID IN (1)));"                                                                     \
	"CREATE TABLE IDNamespace (ID TEXT PRIMARY KEY NOT NULL);"                                 \
	"CREATE TABLE ContainerConfig (ID TEXT PRIMARY KEY NOT NULL, Name TEXT UNIQUE NOT NULL,"   \
	" PodID TEXT, JSON TEXT NOT NULL,"                                                         \
	" FOREIGN KEY (ID) REFERENCES IDNamespace(ID) DEFERRABLE INITIALLY DEFERRED,"              \
	" FOREIGN KEY (ID) REFERENCES ContainerState(ID) DEFERRABLE INITIALLY DEFERRED,"           \
	" FOREIGN KEY (PodID) REFERENCES PodConfig(ID));"                                          \
	"CREATE TABLE ContainerState (ID TEXT PRIMARY KEY NOT NULL, State INTEGER NOT NULL,"       \
	" ExitCode INTEGER, JSON TEXT NOT NULL,"                                                   \
	" FOREIGN KEY (ID) REFERENCES ContainerConfig(ID) DEFERRABLE INITIALLY DEFERRED,"          \
	" CHECK (ExitCode BETWEEN -1 AND 255));"                                                   \
	"CREATE TABLE PodConfig (ID TEXT PRIMARY KEY NOT NULL, Name TEXT UNIQUE NOT NULL,"         \
	" JSON TEXT NOT NULL, FOREIGN KEY (ID) REFERENCES IDNamespace(ID)"                         \
	" DEFERRABLE INITIALLY DEFERRED);"

/* One pod, its infra container, and a member. JSON is written as text and as bytes: Podman does
 * both. */
#define PODMAN_ROWS                                                                                \
	"INSERT INTO DBConfig VALUES (1, 1, 'linux', '/s/libpod', '/t', '/s', '/r', 'vfs',"        \
	" '/s/volumes');"                                                                          \
	"INSERT INTO IDNamespace VALUES ('" INFRA "'), ('" MEMBER "'), ('" POD "');"               \
	"INSERT INTO PodConfig VALUES ('" POD "', 'front', CAST("                                  \
	"'{\"name\":\"front\",\"labels\":{\"team\":\"pay\"}}' AS BLOB));"                          \
	"INSERT INTO ContainerConfig VALUES ('" INFRA "', '3333-infra', '" POD "', CAST("          \
	"'{\"id\":\"" INFRA "\",\"name\":\"3333-infra\",\"isInfra\":true,\"pod\":\"" POD           \
	"\",\"createNetNS\":true}' AS BLOB));"                                                     \
	"INSERT INTO ContainerConfig VALUES ('" MEMBER "', 'one', '" POD "',"                      \
	"'{\"id\":\"" MEMBER "\",\"name\":\"one\",\"rootfsImageName\":\"localhost/shop:1\","       \
	"\"pod\":\"" POD "\",\"netNsCtr\":\"" INFRA "\",\"labels\":{\"tier\":\"web\"}}');"         \
	"INSERT INTO ContainerState VALUES ('" INFRA "', 3, 0, CAST("                              \
	"'{\"state\":3,\"pid\":7,\"netns\":\"/run/netns/netns-x\",\"networkStatus\":{\"shop\":"    \
	"{\"interfaces\":{\"eth0\":{\"mac_address\":\"0a:00:00:00:00:01\",\"subnets\":"            \
	"[{\"ipnet\":\"10.90.0.3/24\"},{\"ipnet\":\"fd90::3/64\"}]}}}}}' AS BLOB));"               \
	"INSERT INTO ContainerState VALUES ('" MEMBER "', 3, 0, '{\"state\":3,\"pid\":8}');"

#define PODMAN_REMOVE_MEMBER                                                                       \
	"DELETE FROM ContainerConfig WHERE ID = '" MEMBER                                          \
	"'; DELETE FROM ContainerState WHERE ID = '" MEMBER                                        \
	"'; DELETE FROM IDNamespace WHERE ID = '" MEMBER "';"

/* In memory. */
static inline sqlite3 *open_state(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	run_sql(db, sql);
	return db;
}

/* What its file would hold. */
static inline void put_state(sqlite3 *db, struct bh_buffer *out)
{
	sqlite3_int64 size;
	unsigned char *bytes = sqlite3_serialize(db, "main", &size, 0);

	assert_non_null(bytes);
	bh_buffer_clear(out);
	bh_buffer_append(out, bytes, (size_t)size);
	sqlite3_free(bytes);
}

static inline void make_state(const char *sql, struct bh_buffer *out)
{
	sqlite3 *db = open_state(sql);

	put_state(db, out);
	sqlite3_close(db);
}

#endif
