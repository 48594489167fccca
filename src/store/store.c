/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One SQLite file in write-ahead mode. What was committed survives the process being killed, and
 * with synchronous=FULL the machine losing power too: a learner could bear to lose its last second,
 * but a policy that was answered with "applied" must be the one that is loaded at the next boot,
 * and the log is synced once a commit, which is once a second. A file that is damaged, newer than
 * us, or somebody else's is refused and left as it is.
 */
#include "store_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "grow.h"
#include "timefmt.h"

#define SCHEMA_VERSION 13
#define BUSY_SECONDS 2
/* "bkhd" in the file's header: whose it is, whatever its version. */
#define APPLICATION_ID "0x626b6864"
/* 1 MiB instead of 2, for as long as the daemon lives. The kernel has these pages too. */
#define PAGE_CACHE "PRAGMA cache_size=-1024;"

/* Each makes a schema of the next version. */
static const char *const schema[SCHEMA_VERSION] = {
	"CREATE TABLE edges (src_kind INTEGER NOT NULL, src TEXT NOT NULL, dst_kind INTEGER NOT "
	"NULL,"
	" dst TEXT NOT NULL, proto INTEGER NOT NULL, port INTEGER NOT NULL, first INTEGER NOT NULL,"
	" last INTEGER NOT NULL, connections INTEGER NOT NULL, answered INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL, replicas INTEGER NOT NULL, windows INTEGER NOT NULL,"
	" last_window INTEGER NOT NULL, lossy INTEGER NOT NULL,"
	" PRIMARY KEY (src_kind, src, dst_kind, dst, proto, port)) WITHOUT ROWID;"
	"CREATE TABLE revisions (number INTEGER PRIMARY KEY, revision TEXT NOT NULL,"
	" time INTEGER NOT NULL, author TEXT NOT NULL, why TEXT NOT NULL, text TEXT NOT NULL);"
	"CREATE TABLE modes (workload TEXT PRIMARY KEY, mode INTEGER NOT NULL, time INTEGER NOT "
	"NULL,"
	" author TEXT NOT NULL);"
	"CREATE TABLE containers (id TEXT PRIMARY KEY, text TEXT NOT NULL);"
	/* AUTOINCREMENT: a number never comes again, even when the newest events were dropped. */
	"CREATE TABLE events (number INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,"
	" kind TEXT NOT NULL, json TEXT NOT NULL);"
	"PRAGMA user_version = 1;"
	"PRAGMA application_id = " APPLICATION_ID ";",
	"CREATE TABLE called (src TEXT NOT NULL, dst TEXT NOT NULL, names TEXT NOT NULL,"
	" PRIMARY KEY (src, dst)) WITHOUT ROWID;"
	"PRAGMA user_version = 2;",
	"CREATE TABLE instances (number INTEGER PRIMARY KEY, boot TEXT NOT NULL, ifindex INTEGER "
	"NOT"
	" NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, text TEXT NOT NULL,"
	" UNIQUE (boot, ifindex, since));"
	"CREATE INDEX instances_until ON instances (until);"
	"CREATE TABLE holders (addr TEXT NOT NULL, instance INTEGER NOT NULL,"
	" PRIMARY KEY (addr, instance)) WITHOUT ROWID;"
	"CREATE INDEX holders_instance ON holders (instance);"
	"CREATE TRIGGER instances_gone AFTER DELETE ON instances BEGIN"
	" DELETE FROM holders WHERE instance = old.number; END;"
	"CREATE TABLE watched (since INTEGER PRIMARY KEY, until INTEGER NOT NULL);"
	"CREATE TABLE renamed (was TEXT PRIMARY KEY, now TEXT NOT NULL) WITHOUT ROWID;"
	"PRAGMA user_version = 3;",
	"CREATE TABLE kept (workload TEXT PRIMARY KEY, text TEXT NOT NULL)"
	" WITHOUT ROWID;"
	"PRAGMA user_version = 4;",
	"ALTER TABLE edges ADD COLUMN hours INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE edges ADD COLUMN last_hour INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE edges ADD COLUMN held INTEGER NOT NULL DEFAULT 0;"
	"PRAGMA user_version = 5;",
	/* list: edges, attempts, what the policy opposed. */
	"CREATE TABLE ledger (list INTEGER NOT NULL, src_kind INTEGER NOT NULL, src TEXT NOT NULL,"
	" dst_kind INTEGER NOT NULL, dst TEXT NOT NULL, proto INTEGER NOT NULL, port INTEGER NOT "
	"NULL,"
	" first INTEGER NOT NULL, last INTEGER NOT NULL, connections INTEGER NOT NULL,"
	" answered INTEGER NOT NULL, bytes INTEGER NOT NULL, replicas INTEGER NOT NULL,"
	" windows INTEGER NOT NULL, hours INTEGER NOT NULL, last_hour INTEGER NOT NULL,"
	" gap INTEGER NOT NULL, longest_gap INTEGER NOT NULL, even_gaps INTEGER NOT NULL,"
	" held INTEGER NOT NULL, lossy INTEGER NOT NULL, heard INTEGER NOT NULL,"
	" PRIMARY KEY (list, src_kind, src, dst_kind, dst, proto, port)) WITHOUT ROWID;"
	/* Before hours were kept there was one in each window. */
	"INSERT INTO ledger SELECT 0, src_kind, src, dst_kind, dst, proto, port, first, last,"
	" connections, answered, bytes, replicas, windows, CASE hours WHEN 0 THEN windows ELSE "
	"hours END,"
	" CASE hours WHEN 0 THEN 24 * last_window ELSE last_hour END, 0, 0, 0, held, lossy, 0 FROM "
	"edges;"
	"DROP TABLE edges;"
	"CREATE TABLE owners (kind INTEGER NOT NULL, name TEXT NOT NULL, first INTEGER NOT NULL,"
	" flagged INTEGER NOT NULL, audited INTEGER NOT NULL, deploys BLOB NOT NULL, versions BLOB "
	"NOT NULL,"
	" window INTEGER NOT NULL, replicas INTEGER NOT NULL, replicas_before INTEGER NOT NULL,"
	" slots BLOB NOT NULL, windows INTEGER NOT NULL, idle INTEGER NOT NULL,"
	" runs INTEGER NOT NULL, phases INTEGER NOT NULL, ran INTEGER NOT NULL,"
	" mark INTEGER NOT NULL, instances INTEGER NOT NULL, PRIMARY KEY (kind, name)) WITHOUT "
	"ROWID;"
	"CREATE TABLE walks (replica INTEGER PRIMARY KEY, likelihood REAL NOT NULL,"
	" last INTEGER NOT NULL);"
	"CREATE TABLE contacts (replica INTEGER NOT NULL, contact INTEGER NOT NULL,"
	" PRIMARY KEY (replica, contact)) WITHOUT ROWID;"
	"CREATE TABLE learning (id INTEGER PRIMARY KEY CHECK (id = 0), observed INTEGER NOT NULL,"
	" first INTEGER NOT NULL, now INTEGER NOT NULL, window INTEGER NOT NULL,"
	" counted INTEGER NOT NULL, watched INTEGER NOT NULL, watched_before INTEGER NOT NULL,"
	" captured INTEGER NOT NULL, lost INTEGER NOT NULL, windows INTEGER NOT NULL,"
	" phases INTEGER NOT NULL, unlearned BLOB NOT NULL);"
	"CREATE TABLE decisions (src_kind INTEGER NOT NULL, src TEXT NOT NULL,"
	" dst_kind INTEGER NOT NULL, dst TEXT NOT NULL, proto INTEGER NOT NULL, port INTEGER NOT "
	"NULL,"
	" accepted INTEGER NOT NULL, opposed INTEGER NOT NULL, time INTEGER NOT NULL,"
	" expires INTEGER NOT NULL, author TEXT NOT NULL, why TEXT NOT NULL,"
	" PRIMARY KEY (src_kind, src, dst_kind, dst, proto, port)) WITHOUT ROWID;"
	/* Stage 1 came between audit and enforce. */
	"UPDATE modes SET mode = 3 WHERE mode = 2;"
	"CREATE TABLE answers (workload TEXT NOT NULL, name TEXT NOT NULL, addr TEXT NOT NULL,"
	" until INTEGER NOT NULL, used INTEGER NOT NULL,"
	" PRIMARY KEY (workload, name, addr)) WITHOUT ROWID;"
	"CREATE TABLE samples (edge INTEGER NOT NULL, newest INTEGER NOT NULL, time INTEGER NOT "
	"NULL,"
	" flow TEXT NOT NULL, PRIMARY KEY (edge, newest)) WITHOUT ROWID;"
	"PRAGMA user_version = 6;",
	"ALTER TABLE ledger ADD COLUMN shared_hours INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE owners ADD COLUMN lately INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE learning ADD COLUMN length INTEGER NOT NULL DEFAULT 0;"
	"PRAGMA user_version = 7;",
	"ALTER TABLE learning ADD COLUMN unwatched INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE learning ADD COLUMN lossy INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE owners ADD COLUMN strangers INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE owners ADD COLUMN strangers_window INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE owners ADD COLUMN strangers_before INTEGER NOT NULL DEFAULT 0;"
	"PRAGMA user_version = 8;",
	"CREATE TABLE trial (id INTEGER PRIMARY KEY CHECK (id = 0), number INTEGER NOT NULL,"
	" back INTEGER NOT NULL, deadline INTEGER NOT NULL, within INTEGER NOT NULL,"
	" most INTEGER NOT NULL, denied INTEGER NOT NULL);"
	"ALTER TABLE revisions ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 1;"
	"PRAGMA user_version = 9;",
	"CREATE TABLE existing (id INTEGER PRIMARY KEY CHECK (id = 0), text TEXT NOT NULL);"
	"PRAGMA user_version = 10;",
	"CREATE TABLE uses (rule TEXT PRIMARY KEY, since INTEGER NOT NULL, seen INTEGER NOT NULL,"
	" watched INTEGER NOT NULL, used INTEGER NOT NULL, told_by INTEGER NOT NULL,"
	" shared INTEGER NOT NULL, packets INTEGER NOT NULL, kept INTEGER NOT NULL) WITHOUT ROWID;"
	"PRAGMA user_version = 11;",
	"CREATE TABLE shares (workload TEXT PRIMARY KEY, percent INTEGER NOT NULL,"
	" value INTEGER NOT NULL, rest INTEGER NOT NULL) WITHOUT ROWID;"
	"PRAGMA user_version = 12;",
	"CREATE TABLE tokens (name TEXT PRIMARY KEY, hash TEXT NOT NULL, role INTEGER NOT NULL,"
	" created INTEGER NOT NULL, expires INTEGER NOT NULL, used INTEGER NOT NULL,"
	" author TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE audit (number INTEGER PRIMARY KEY, time INTEGER NOT NULL, who TEXT NOT NULL,"
	" via TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, query TEXT NOT NULL,"
	" status INTEGER NOT NULL);"
	"CREATE TABLE traffic_edges (id INTEGER PRIMARY KEY, src_kind INTEGER NOT NULL,"
	" src TEXT NOT NULL, dst_kind INTEGER NOT NULL, dst TEXT NOT NULL, proto INTEGER NOT NULL,"
	" port INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,"
	" UNIQUE (src_kind, src, dst_kind, dst, proto, port));"
	"CREATE TABLE traffic (span INTEGER NOT NULL, start INTEGER NOT NULL, edge INTEGER NOT "
	"NULL,"
	" connections INTEGER NOT NULL, answered INTEGER NOT NULL, denied INTEGER NOT NULL,"
	" would_deny INTEGER NOT NULL, bytes INTEGER NOT NULL, uncounted INTEGER NOT NULL,"
	" PRIMARY KEY (span, start, edge))"
	" WITHOUT ROWID;"
	"CREATE TABLE past_flows (number INTEGER PRIMARY KEY, last INTEGER NOT NULL,"
	" flow TEXT NOT NULL);"
	"CREATE INDEX past_flows_by_time ON past_flows (last);"
	"PRAGMA user_version = 13;",
};

enum statement {
	SAVE_CALLED,
	LOAD_CALLED,
	SAVE_SAMPLE,
	GET_SAMPLES,
	LOAD_SAMPLED,
	ADD_REVISION,
	LIST_REVISIONS,
	GET_REVISION,
	EARLIER_REVISION,
	CONFIRM_REVISION,
	SET_TRIAL,
	DROP_TRIAL,
	GET_TRIAL,
	SET_EXISTING,
	GET_EXISTING,
	SET_MODE,
	LOAD_MODES,
	SET_SHARE,
	DROP_SHARE,
	LOAD_SHARES,
	SAVE_CONTAINER,
	DROP_CONTAINER,
	LOAD_CONTAINERS,
	SAVE_INSTANCE,
	ADD_HOLDER,
	LOAD_INSTANCES,
	CLOSE_INSTANCES,
	FIND_HOLDERS,
	FIND_HOLDERS_AT,
	TRIM_INSTANCES,
	SAVE_WATCHED,
	LAST_WATCHED,
	WATCHED_AT,
	SUM_WATCHED,
	TRIM_WATCHED,
	SAVE_RENAMED,
	DROP_RENAMED,
	LOAD_RENAMED,
	SAVE_KEPT,
	LOAD_KEPT,
	SAVE_ANSWER,
	DROP_ANSWER,
	LOAD_ANSWERS,
	SAVE_USE,
	LOAD_USES,
	TRIM_USES,
	ADD_EVENT,
	TRIM_EVENTS,
	EVENTS_AFTER,
	EVENTS_NEWEST,
	EVENTS_BEFORE,
	STATEMENTS,
};

_Static_assert(STATEMENTS <= BH_STORE_STATEMENTS, "each has its place");

static const char *const sql[STATEMENTS] = {
	[SAVE_CALLED] = "INSERT OR REPLACE INTO called VALUES (?,?,?)",
	[LOAD_CALLED] = "SELECT src, dst, names FROM called",
	[SAVE_SAMPLE] = "INSERT OR REPLACE INTO samples VALUES (?,?,?,?)",
	[GET_SAMPLES] = "SELECT newest, flow FROM samples WHERE edge = ? ORDER BY newest",
	[LOAD_SAMPLED] = "SELECT edge, time FROM samples WHERE newest = 1",
	[ADD_REVISION] = "INSERT INTO revisions VALUES (?,?,?,?,?,?,?)",
	[LIST_REVISIONS] = "SELECT * FROM revisions ORDER BY number DESC LIMIT ?",
	[GET_REVISION] = "SELECT * FROM revisions WHERE number = ?1 OR (?1 = 0 AND number = "
			 "(SELECT max(number) FROM revisions))",
	[EARLIER_REVISION] = "SELECT max(number) FROM revisions WHERE number < ? AND confirmed"
			     " AND revision <> ?",
	[CONFIRM_REVISION] = "UPDATE revisions SET confirmed = 1 WHERE number = ?",
	[SET_TRIAL] = "INSERT OR REPLACE INTO trial VALUES (0,?,?,?,?,?,?)",
	[DROP_TRIAL] = "DELETE FROM trial",
	[GET_TRIAL] = "SELECT number, back, deadline, within, most, denied FROM trial",
	[SET_EXISTING] = "INSERT OR REPLACE INTO existing VALUES (0,?)",
	[GET_EXISTING] = "SELECT text FROM existing",
	[SET_MODE] = "INSERT OR REPLACE INTO modes VALUES (?,?,?,?)",
	[LOAD_MODES] = "SELECT workload, mode, time FROM modes ORDER BY workload",
	[SET_SHARE] = "INSERT OR REPLACE INTO shares VALUES (?,?,?,?)",
	[DROP_SHARE] = "DELETE FROM shares WHERE workload = ?",
	[LOAD_SHARES] = "SELECT * FROM shares",
	[SAVE_CONTAINER] = "INSERT OR REPLACE INTO containers VALUES (?,?)",
	[DROP_CONTAINER] = "DELETE FROM containers WHERE id = ?",
	[LOAD_CONTAINERS] = "SELECT id, text FROM containers",
	[SAVE_INSTANCE] = "INSERT INTO instances (boot, ifindex, since, until, text) VALUES "
			  "(?,?,?,?,?) ON CONFLICT (boot, ifindex, since) DO UPDATE SET"
			  " until = excluded.until, text = excluded.text RETURNING number",
	[ADD_HOLDER] = "INSERT OR IGNORE INTO holders VALUES (?,?)",
	/* +: not by the index of boots, for nearly all are of this one, and few are wanted. */
	[LOAD_INSTANCES] = "SELECT boot, ifindex, since, until, text FROM instances"
			   " WHERE +boot = ? AND (until = 0 OR until >= ?) ORDER BY number",
	[CLOSE_INSTANCES] =
		"UPDATE instances SET until = max(since, ?2) WHERE until = 0 AND boot <> ?1",
	/* By `instance`, the order in which they are stored: only those that are wanted are read.
	 */
	[FIND_HOLDERS] = "SELECT * FROM (SELECT boot, ifindex, since, until, text, number FROM"
			 " holders JOIN instances ON number = instance WHERE addr = ?1"
			 " ORDER BY instance DESC LIMIT ?2) ORDER BY number",
	[FIND_HOLDERS_AT] = "SELECT * FROM (SELECT boot, ifindex, since, until, text, number FROM"
			    " holders JOIN instances ON number = instance WHERE addr = ?1"
			    " AND since <= ?3 AND (until = 0 OR until > ?3)"
			    " ORDER BY instance DESC LIMIT ?2) ORDER BY number",
	/* Those that are present are kept, whatever their age. */
	[TRIM_INSTANCES] = "DELETE FROM instances WHERE number IN (SELECT number FROM instances"
			   " WHERE until <> 0 AND (until < ? OR number <="
			   " (SELECT max(number) FROM instances) - ?) LIMIT ?)",
	[SAVE_WATCHED] = "INSERT OR REPLACE INTO watched VALUES (?,?)",
	[LAST_WATCHED] = "SELECT since, until FROM watched ORDER BY since DESC LIMIT 1",
	[WATCHED_AT] = "SELECT since, until FROM watched WHERE since <= ?1 AND until >= ?1",
	[SUM_WATCHED] = "SELECT sum(min(until, ?2) - max(since, ?1)) FROM watched"
			" WHERE until > ?1 AND since < ?2 AND since <> ?3",
	[TRIM_WATCHED] = "DELETE FROM watched WHERE until < ?",
	[SAVE_RENAMED] = "INSERT OR REPLACE INTO renamed VALUES (?,?)",
	[DROP_RENAMED] = "DELETE FROM renamed WHERE was = ?",
	[LOAD_RENAMED] = "SELECT was, now FROM renamed ORDER BY was",
	[SAVE_KEPT] = "INSERT OR REPLACE INTO kept VALUES (?,?)",
	[LOAD_KEPT] = "SELECT workload, text FROM kept ORDER BY workload",
	[SAVE_ANSWER] = "INSERT OR REPLACE INTO answers VALUES (?,?,?,?,?)",
	[DROP_ANSWER] = "DELETE FROM answers WHERE workload = ? AND name = ? AND addr = ?",
	[LOAD_ANSWERS] = "SELECT workload, name, addr, until, used FROM answers ORDER BY used",
	[SAVE_USE] = "INSERT OR REPLACE INTO uses VALUES (?,?,?,?,?,?,?,?,?)",
	[LOAD_USES] = "SELECT * FROM uses",
	[TRIM_USES] = "DELETE FROM uses WHERE kept < ?",
	[ADD_EVENT] = "INSERT INTO events (time, kind, json) VALUES (?,?,?)",
	[TRIM_EVENTS] = "DELETE FROM events WHERE number <= (SELECT max(number) FROM events) - ?",
	[EVENTS_AFTER] = "SELECT number, json FROM events WHERE number > ? ORDER BY number LIMIT ?",
	[EVENTS_BEFORE] = "SELECT * FROM (SELECT number, json FROM events WHERE number < ?"
			  " ORDER BY number DESC LIMIT ?) ORDER BY number",
	[EVENTS_NEWEST] =
		"SELECT * FROM (SELECT number, json FROM events ORDER BY number DESC LIMIT ?)"
		" ORDER BY number",
};

/* --- opening ---------------------------------------------------------------------------------- */

static int report_damage(const struct bh_store *s, const char *what, struct bh_error *err)
{
	return bh_error_set(err, -EUCLEAN,
			    "%s is damaged (%s); it was left as it is: move it away to start anew, "
			    "or restore a copy",
			    s->path, what);
}

static int report_unopened(const struct bh_store *s, struct bh_error *err)
{
	int why = sqlite3_system_errno(s->db);

	return bh_error_set(err, why != 0 ? -why : -EIO,
			    "%s cannot be opened: %s; its folder must exist and be writable",
			    s->path, why != 0 ? strerror(why) : sqlite3_errmsg(s->db));
}

static int report_unwritable(const struct bh_store *s, struct bh_error *err)
{
	return bh_error_set(err, -EACCES,
			    "%s cannot be written; it must belong to the user that runs this",
			    s->path);
}

/* What SQLite's last error means, and what to do about it. */
int bh_store_fail(const struct bh_store *s, struct bh_error *err)
{
	int code = sqlite3_errcode(s->db);
	const char *text = sqlite3_errmsg(s->db);

	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		return report_damage(s, text, err);
	if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		return bh_error_set(err, -EBUSY,
				    "%s is in use by another process; stop it and try again (fuser "
				    "%s names it)",
				    s->path, s->path);
	if (code == SQLITE_FULL || sqlite3_extended_errcode(s->db) == SQLITE_IOERR_SHMSIZE)
		return bh_error_set(err, -ENOSPC, "%s: no space left; make room on its file system",
				    s->path);
	if (code == SQLITE_CANTOPEN)
		return report_unopened(s, err);
	if (code == SQLITE_READONLY)
		return report_unwritable(s, err);
	return bh_error_set(err, -EIO, "%s: %s", s->path, text);
}

static int run(struct bh_store *s, const char *text, struct bh_error *err)
{
	return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : bh_store_fail(s, err);
}

void bh_store_copy_column(sqlite3_stmt *statement, int at, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(statement, at);

	bh_copy_text(out, size, text != NULL ? text : "");
}

/* The first column of the first row. */
static int read_text(struct bh_store *s, const char *query, char *out, size_t size,
		     struct bh_error *err)
{
	sqlite3_stmt *statement;

	out[0] = '\0';
	if (sqlite3_prepare_v2(s->db, query, -1, &statement, NULL) != SQLITE_OK)
		return bh_store_fail(s, err);
	int step = sqlite3_step(statement);
	if (step == SQLITE_ROW)
		bh_store_copy_column(statement, 0, out, size);
	int result = step == SQLITE_ROW ? 0 : bh_store_fail(s, err);
	sqlite3_finalize(statement);
	return result;
}

static int check_damage(struct bh_store *s, struct bh_error *err)
{
	char found[256];
	int result = read_text(s, "PRAGMA quick_check(1)", found, sizeof(found), err);

	if (result != 0 || strcmp(found, "ok") == 0)
		return result;
	return report_damage(s, found, err);
}

static int read_number(struct bh_store *s, const char *query, int *number, struct bh_error *err)
{
	char text[24];
	int result = read_text(s, query, text, sizeof(text), err);

	*number = atoi(text);
	return result;
}

static int report_newer(const struct bh_store *s, int version, struct bh_error *err)
{
	return bh_error_set(err, -EPROTO,
			    "%s was written by a newer bulkhead (schema %d, this one knows %d); "
			    "install that version, or move the file away",
			    s->path, version, SCHEMA_VERSION);
}

static int report_foreign(const struct bh_store *s, struct bh_error *err)
{
	return bh_error_set(err, -EINVAL,
			    "%s is a database, but not bulkhead's; it was left as it is: "
			    "configure another state_directory",
			    s->path);
}

/* Whether the file is ours, or new (version 0); it is only looked at. */
static int check_owner(struct bh_store *s, int *version, struct bh_error *err)
{
	int ours = 0, tables = 0;
	int result = read_number(s, "PRAGMA user_version", version, err);

	if (result == 0)
		result = read_number(
			s, "SELECT application_id = " APPLICATION_ID " FROM pragma_application_id",
			&ours, err);
	if (result == 0)
		result = read_number(s, "SELECT count(*) FROM sqlite_master", &tables, err);
	if (result != 0)
		return result;
	if (!ours)
		return *version != 0 || tables > 0 ? report_foreign(s, err) : 0;
	if (*version > SCHEMA_VERSION)
		return report_newer(s, *version, err);
	return *version < 1 ? report_damage(s, "without a version", err) : 0;
}

static int check_file(struct bh_store *s, int *version, struct bh_error *err)
{
	/* One view of the file: another process may be making it this moment. */
	int result = run(s, "BEGIN", err);

	if (result == 0)
		result = check_damage(s, err);
	if (result == 0)
		result = check_owner(s, version, err);
	if (result == 0)
		result = run(s, "COMMIT", err);
	if (result == 0 && sqlite3_db_readonly(s->db, "main") == 1)
		result = report_unwritable(s, err);
	return result;
}

/* From nothing, or from what an older version of ours made. */
static int update_schema(struct bh_store *s, struct bh_error *err)
{
	int version = SCHEMA_VERSION, result = run(s, "BEGIN IMMEDIATE", err);

	/* Another process may have done it while we waited. */
	if (result == 0)
		result = read_number(s, "PRAGMA user_version", &version, err);
	while (result == 0 && version < SCHEMA_VERSION)
		result = run(s, schema[version++], err);
	return result == 0 ? run(s, "COMMIT", err) : result;
}

static int prepare_schema(struct bh_store *s, struct bh_error *err)
{
	int version, result = run(s, "PRAGMA busy_timeout=2000", err);

	if (result == 0)
		result = check_file(s, &version, err);
	if (result == 0)
		result = run(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; " PAGE_CACHE,
			     err);
	return result == 0 && version < SCHEMA_VERSION ? update_schema(s, err) : result;
}

int bh_store_fail_prepare(const struct bh_store *s, struct bh_error *err)
{
	return sqlite3_errcode(s->db) == SQLITE_ERROR ? report_damage(s, sqlite3_errmsg(s->db), err)
						      : bh_store_fail(s, err);
}

static int prepare_statements(struct bh_store *s, struct bh_error *err)
{
	for (int i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &s->prepared[i], NULL) != SQLITE_OK)
			return bh_store_fail_prepare(s, err);
	return 0;
}

/* A file that is refused is left as it is: its log, too, is not written back at closing. */
static void keep_log(struct bh_store *s, bool keep)
{
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, (int)keep, NULL);
}

static struct bh_store *try_open(const char *path, struct bh_error *err)
{
	struct bh_store *s = bh_calloc(1, sizeof(*s));
	int result;

	s->path = bh_strdup(path);
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
	    SQLITE_OK)
		result = bh_store_fail(s, err);
	else {
		keep_log(s, true);
		result = prepare_schema(s, err);
		if (result == 0)
			result = prepare_statements(s, err);
		if (result == 0)
			result = bh_store_ledger_prepare(s, err);
		if (result == 0)
			result = bh_store_access_prepare(s, err);
		if (result == 0)
			result = bh_store_traffic_prepare(s, err);
	}
	if (result == 0) {
		keep_log(s, false);
		return s;
	}
	bh_store_close(s);
	return NULL;
}

/* SQLite does not wait for its turn where several processes make a file, or the last one that
 * closes it takes the log away: the switch to WAL fails at once. */
struct bh_store *bh_store_open(const char *path, struct bh_error *err)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	int64_t deadline = bh_time_monotonic() + BUSY_SECONDS * BH_SECOND;
	struct bh_error why = { 0 };
	struct bh_store *s;

	while ((s = try_open(path, &why)) == NULL && (why.code == -EBUSY || why.code == -EIO) &&
	       bh_time_monotonic() < deadline)
		nanosleep(&pause, NULL);
	if (s == NULL)
		bh_error_set(err, why.code, "%s", why.text);
	return s;
}

void bh_store_close(struct bh_store *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(s->prepared[i]);
	bh_store_ledger_finalize(s);
	bh_store_access_finalize(s);
	bh_store_traffic_finalize(s);
	sqlite3_close(s->db);
	free(s->path);
	free(s);
}

int bh_store_in_place(struct bh_store *s, struct bh_error *err)
{
	int moved = 0;

	sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	if (moved == 0)
		return 0;
	return bh_error_set(err, -ESTALE,
			    "%s was moved or removed while it is in use: move it back; or, while "
			    "the daemon still runs, bulkhead policy show > FILE, write down the "
			    "modes that bulkhead workloads shows, restart, and apply both",
			    s->path);
}

int bh_store_begin(struct bh_store *s, struct bh_error *err)
{
	/* IMMEDIATE: who cannot write learns it here, and not half-way. */
	int result = run(s, "BEGIN IMMEDIATE", err);

	if (result == 0)
		s->in_transaction = true;
	return result;
}

static int report_broken(const struct bh_store *s, struct bh_error *err)
{
	return bh_error_set(err, s->broken.code, "%s", s->broken.text);
}

void bh_store_abort(struct bh_store *s)
{
	/* Left open, it would make every later transaction fail. */
	if (!sqlite3_get_autocommit(s->db))
		run(s, "ROLLBACK", NULL);
	s->in_transaction = false;
	s->broken = (struct bh_error) { 0 };
}

int bh_store_commit(struct bh_store *s, struct bh_error *err)
{
	int result = s->broken.code != 0 ? report_broken(s, err) : run(s, "COMMIT", err);

	bh_store_abort(s);
	return result;
}

/* --- statements ------------------------------------------------------------------------------- */

static sqlite3_stmt *use(struct bh_store *s, enum statement which)
{
	sqlite3_reset(s->prepared[which]);
	return s->prepared[which];
}

void bh_store_bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT);
}

int bh_store_run_once(struct bh_store *s, sqlite3_stmt *statement, struct bh_error *err)
{
	if (s->broken.code != 0)
		return report_broken(s, err);
	int step = sqlite3_step(statement);
	int result = step == SQLITE_DONE ? 0 : bh_store_fail(s, err);

	/* A full disk makes SQLite take the whole transaction back; what follows must not be kept
	 * by itself. */
	if (result != 0 && s->in_transaction && sqlite3_get_autocommit(s->db))
		bh_store_fail(s, &s->broken);
	sqlite3_reset(statement);
	return result;
}

/* Steps through a result; row() reads the current one. */
int bh_store_each_row(struct bh_store *s, sqlite3_stmt *statement,
		      void (*row)(sqlite3_stmt *statement, void *context), void *context,
		      struct bh_error *err)
{
	int step;

	while ((step = sqlite3_step(statement)) == SQLITE_ROW)
		row(statement, context);
	int result = step == SQLITE_DONE ? 0 : bh_store_fail(s, err);
	sqlite3_reset(statement);
	return result;
}

/* --- names ---------------------------------------------------------------------------------------
 */

int bh_store_save_called(struct bh_store *s, const char *src, const char *dst, const char *names,
			 struct bh_error *err)
{
	sqlite3_stmt *q = use(s, SAVE_CALLED);

	bh_store_bind_text(q, 1, src);
	bh_store_bind_text(q, 2, dst);
	bh_store_bind_text(q, 3, names);
	return bh_store_run_once(s, q, err);
}

struct called_context {
	void (*row)(void *user, const char *src, const char *dst, const char *names);
	void *user;
};

static void read_called(sqlite3_stmt *q, void *context)
{
	const struct called_context *c = context;

	c->row(c->user, (const char *)sqlite3_column_text(q, 0),
	       (const char *)sqlite3_column_text(q, 1), (const char *)sqlite3_column_text(q, 2));
}

int bh_store_load_called(struct bh_store *s,
			 void (*row)(void *user, const char *src, const char *dst,
				     const char *names),
			 void *user, struct bh_error *err)
{
	struct called_context context = { row, user };

	return bh_store_each_row(s, use(s, LOAD_CALLED), read_called, &context, err);
}

int bh_store_save_sample(struct bh_store *s, uint64_t edge, bool newest, int64_t time,
			 const char *flow, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, SAVE_SAMPLE);

	sqlite3_bind_int64(q, 1, (sqlite3_int64)edge);
	sqlite3_bind_int64(q, 2, newest);
	sqlite3_bind_int64(q, 3, time);
	bh_store_bind_text(q, 4, flow);
	return bh_store_run_once(s, q, err);
}

struct sample_context {
	void (*row)(void *user, bool newest, const char *flow);
	void *user;
};

static void read_sample(sqlite3_stmt *q, void *context)
{
	const struct sample_context *c = context;

	c->row(c->user, sqlite3_column_int64(q, 0) != 0, (const char *)sqlite3_column_text(q, 1));
}

int bh_store_samples(struct bh_store *s, uint64_t edge,
		     void (*row)(void *user, bool newest, const char *flow), void *user,
		     struct bh_error *err)
{
	struct sample_context context = { row, user };
	sqlite3_stmt *q = use(s, GET_SAMPLES);

	sqlite3_bind_int64(q, 1, (sqlite3_int64)edge);
	return bh_store_each_row(s, q, read_sample, &context, err);
}

struct sampled_context {
	void (*row)(void *user, uint64_t edge, int64_t time);
	void *user;
};

static void read_sampled(sqlite3_stmt *q, void *context)
{
	const struct sampled_context *c = context;

	c->row(c->user, (uint64_t)sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1));
}

int bh_store_load_sampled(struct bh_store *s, void (*row)(void *user, uint64_t edge, int64_t time),
			  void *user, struct bh_error *err)
{
	struct sampled_context context = { row, user };

	return bh_store_each_row(s, use(s, LOAD_SAMPLED), read_sampled, &context, err);
}

/* --- revisions -------------------------------------------------------------------------------- */

int bh_store_add_revision(struct bh_store *s, const struct bh_revision *r, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, ADD_REVISION);

	sqlite3_bind_int64(q, 1, r->number);
	bh_store_bind_text(q, 2, r->revision);
	sqlite3_bind_int64(q, 3, r->time);
	bh_store_bind_text(q, 4, r->author);
	bh_store_bind_text(q, 5, r->why);
	bh_store_bind_text(q, 6, r->text);
	sqlite3_bind_int(q, 7, r->confirmed);
	return bh_store_run_once(s, q, err);
}

static void fill_revision(sqlite3_stmt *q, struct bh_revision *r)
{
	const char *text = (const char *)sqlite3_column_text(q, 5);

	*r = (struct bh_revision) { .number = sqlite3_column_int64(q, 0),
				    .time = sqlite3_column_int64(q, 2),
				    .confirmed = sqlite3_column_int(q, 6) != 0,
				    .text = text != NULL ? text : "" };
	bh_store_copy_column(q, 1, r->revision, sizeof(r->revision));
	bh_store_copy_column(q, 3, r->author, sizeof(r->author));
	bh_store_copy_column(q, 4, r->why, sizeof(r->why));
}

struct revision_context {
	void (*row)(void *user, const struct bh_revision *revision);
	void *user;
};

static void read_revision(sqlite3_stmt *q, void *context)
{
	const struct revision_context *c = context;
	struct bh_revision r;

	fill_revision(q, &r);
	c->row(c->user, &r);
}

int bh_store_revisions(struct bh_store *s, size_t most,
		       void (*row)(void *user, const struct bh_revision *), void *user,
		       struct bh_error *err)
{
	struct revision_context context = { row, user };
	sqlite3_stmt *q = use(s, LIST_REVISIONS);

	sqlite3_bind_int64(q, 1, (sqlite3_int64)most);
	return bh_store_each_row(s, q, read_revision, &context, err);
}

int bh_store_revision(struct bh_store *s, int64_t number, struct bh_revision *out,
		      struct bh_error *err)
{
	sqlite3_stmt *q = use(s, GET_REVISION);
	int result = 0;

	sqlite3_bind_int64(q, 1, number);
	int step = sqlite3_step(q);
	if (step == SQLITE_ROW) {
		fill_revision(q, out);
		out->text = bh_strdup(out->text);
	} else if (step == SQLITE_DONE) {
		result = bh_error_set(err, -ENOENT, "there is no such revision");
	} else {
		result = bh_store_fail(s, err);
	}
	sqlite3_reset(q);
	return result;
}

static void read_earlier(sqlite3_stmt *q, void *number)
{
	*(int64_t *)number = sqlite3_column_int64(q, 0);
}

int bh_store_earlier_revision(struct bh_store *s, int64_t number, const char *revision,
			      int64_t *earlier, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, EARLIER_REVISION);

	*earlier = 0;
	sqlite3_bind_int64(q, 1, number);
	bh_store_bind_text(q, 2, revision);
	int result = bh_store_each_row(s, q, read_earlier, earlier, err);
	return result == 0 && *earlier == 0 ? -ENOENT : result;
}

int bh_store_confirm_revision(struct bh_store *s, int64_t number, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, CONFIRM_REVISION);

	sqlite3_bind_int64(q, 1, number);
	return bh_store_run_once(s, q, err);
}

/* --- trials ----------------------------------------------------------------------------------- */

int bh_store_set_trial(struct bh_store *s, const struct bh_trial *trial, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, trial != NULL ? SET_TRIAL : DROP_TRIAL);

	if (trial != NULL) {
		sqlite3_bind_int64(q, 1, trial->number);
		sqlite3_bind_int64(q, 2, trial->back);
		sqlite3_bind_int64(q, 3, trial->deadline);
		sqlite3_bind_int64(q, 4, trial->within);
		sqlite3_bind_int64(q, 5, trial->most);
		sqlite3_bind_int64(q, 6, trial->denied);
	}
	return bh_store_run_once(s, q, err);
}

static void read_trial(sqlite3_stmt *q, void *out)
{
	*(struct bh_trial *)out = (struct bh_trial) {
		.number = sqlite3_column_int64(q, 0),
		.back = sqlite3_column_int64(q, 1),
		.deadline = sqlite3_column_int64(q, 2),
		.within = sqlite3_column_int64(q, 3),
		.most = (uint32_t)sqlite3_column_int64(q, 4),
		.denied = (uint32_t)sqlite3_column_int64(q, 5),
	};
}

int bh_store_trial(struct bh_store *s, struct bh_trial *out, struct bh_error *err)
{
	*out = (struct bh_trial) { 0 };
	int result = bh_store_each_row(s, use(s, GET_TRIAL), read_trial, out, err);

	return result == 0 && out->number == 0 ? -ENOENT : result;
}

/* --- open connections ------------------------------------------------------------------------- */

int bh_store_set_existing(struct bh_store *s, const char *text, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, SET_EXISTING);

	bh_store_bind_text(q, 1, text);
	return bh_store_run_once(s, q, err);
}

static void read_existing(sqlite3_stmt *q, void *out)
{
	const char *text = (const char *)sqlite3_column_text(q, 0);

	*(char **)out = text != NULL ? bh_strdup(text) : NULL;
}

int bh_store_existing(struct bh_store *s, char **text, struct bh_error *err)
{
	*text = NULL;
	int result = bh_store_each_row(s, use(s, GET_EXISTING), read_existing, text, err);

	return result == 0 && *text == NULL ? -ENOENT : result;
}

/* --- modes ------------------------------------------------------------------------------------ */

int bh_store_set_mode(struct bh_store *s, const char *workload, uint8_t mode, int64_t time,
		      const char *author, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, SET_MODE);

	bh_store_bind_text(q, 1, workload);
	sqlite3_bind_int(q, 2, mode);
	sqlite3_bind_int64(q, 3, time);
	bh_store_bind_text(q, 4, author);
	return bh_store_run_once(s, q, err);
}

struct mode_context {
	void (*row)(void *user, const char *workload, uint8_t mode, int64_t time);
	void *user;
};

static void read_mode(sqlite3_stmt *q, void *context)
{
	const struct mode_context *c = context;
	const char *workload = (const char *)sqlite3_column_text(q, 0);
	int mode = sqlite3_column_int(q, 1);

	if (workload != NULL && mode >= BH_LEARN && mode < BH_MODES)
		c->row(c->user, workload, (uint8_t)mode, sqlite3_column_int64(q, 2));
}

int bh_store_load_modes(struct bh_store *s,
			void (*row)(void *user, const char *workload, uint8_t mode, int64_t time),
			void *user, struct bh_error *err)
{
	struct mode_context context = { row, user };

	return bh_store_each_row(s, use(s, LOAD_MODES), read_mode, &context, err);
}

int bh_store_set_share(struct bh_store *s, const char *workload, const struct bh_share *share,
		       struct bh_error *err)
{
	sqlite3_stmt *q = use(s, share != NULL ? SET_SHARE : DROP_SHARE);

	bh_store_bind_text(q, 1, workload);
	if (share != NULL) {
		sqlite3_bind_int(q, 2, share->percent);
		sqlite3_bind_int64(q, 3, share->value);
		sqlite3_bind_int(q, 4, share->rest);
	}
	return bh_store_run_once(s, q, err);
}

struct share_context {
	void (*row)(void *user, const char *workload, const struct bh_share *share);
	void *user;
};

static void read_share(sqlite3_stmt *q, void *context)
{
	const struct share_context *c = context;
	const char *workload = (const char *)sqlite3_column_text(q, 0);
	int64_t value = sqlite3_column_int64(q, 2);
	int rest = sqlite3_column_int(q, 3);
	struct bh_share share = { .percent = sqlite3_column_int(q, 1) != 0,
				  .value = (uint32_t)value,
				  .rest = (uint8_t)rest };

	if (workload != NULL && value > 0 && value <= UINT32_MAX && rest >= BH_LEARN &&
	    rest < BH_MODES)
		c->row(c->user, workload, &share);
}

int bh_store_load_shares(struct bh_store *s,
			 void (*row)(void *user, const char *workload,
				     const struct bh_share *share),
			 void *user, struct bh_error *err)
{
	struct share_context context = { row, user };

	return bh_store_each_row(s, use(s, LOAD_SHARES), read_share, &context, err);
}

/* --- containers ------------------------------------------------------------------------------- */

int bh_store_save_container(struct bh_store *s, const char *id, const char *text,
			    struct bh_error *err)
{
	sqlite3_stmt *q = use(s, SAVE_CONTAINER);

	bh_store_bind_text(q, 1, id);
	bh_store_bind_text(q, 2, text);
	return bh_store_run_once(s, q, err);
}

int bh_store_drop_container(struct bh_store *s, const char *id, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, DROP_CONTAINER);

	bh_store_bind_text(q, 1, id);
	return bh_store_run_once(s, q, err);
}

struct container_context {
	void (*row)(void *user, const char *id, const char *text);
	void *user;
};

static void read_container(sqlite3_stmt *q, void *context)
{
	const struct container_context *c = context;
	const char *id = (const char *)sqlite3_column_text(q, 0);
	const char *text = (const char *)sqlite3_column_text(q, 1);

	if (id != NULL && text != NULL)
		c->row(c->user, id, text);
}

int bh_store_load_containers(struct bh_store *s,
			     void (*row)(void *user, const char *id, const char *text), void *user,
			     struct bh_error *err)
{
	struct container_context context = { row, user };

	return bh_store_each_row(s, use(s, LOAD_CONTAINERS), read_container, &context, err);
}

/* --- instances -------------------------------------------------------------------------------- */

/* One row that a statement gives back, or none: *number stays. */
static int run_for_number(struct bh_store *s, sqlite3_stmt *q, int64_t *number,
			  struct bh_error *err)
{
	if (s->broken.code != 0)
		return report_broken(s, err);
	if (sqlite3_step(q) == SQLITE_ROW)
		*number = sqlite3_column_int64(q, 0);
	return bh_store_run_once(s, q, err);
}

int bh_store_save_instance(struct bh_store *s, const struct bh_stored_instance *instance,
			   const char *const *addrs, size_t count, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, SAVE_INSTANCE);
	int64_t number = 0;

	bh_store_bind_text(q, 1, instance->boot);
	sqlite3_bind_int64(q, 2, instance->ifindex);
	sqlite3_bind_int64(q, 3, instance->since);
	sqlite3_bind_int64(q, 4, instance->until);
	bh_store_bind_text(q, 5, instance->text);
	int result = run_for_number(s, q, &number, err);
	for (size_t i = 0; result == 0 && i < count; i++) {
		q = use(s, ADD_HOLDER);
		bh_store_bind_text(q, 1, addrs[i]);
		sqlite3_bind_int64(q, 2, number);
		result = bh_store_run_once(s, q, err);
	}
	return result;
}

struct instance_context {
	void (*row)(void *user, const struct bh_stored_instance *instance);
	void *user;
};

static void read_instance(sqlite3_stmt *q, void *context)
{
	const struct instance_context *c = context;
	struct bh_stored_instance instance = {
		.boot = (const char *)sqlite3_column_text(q, 0),
		.ifindex = (uint32_t)sqlite3_column_int64(q, 1),
		.since = sqlite3_column_int64(q, 2),
		.until = sqlite3_column_int64(q, 3),
		.text = (const char *)sqlite3_column_text(q, 4),
	};

	if (instance.boot != NULL && instance.text != NULL)
		c->row(c->user, &instance);
}

int bh_store_close_instances(struct bh_store *s, const char *boot, int64_t until,
			     struct bh_error *err)
{
	sqlite3_stmt *q = use(s, CLOSE_INSTANCES);

	bh_store_bind_text(q, 1, boot);
	sqlite3_bind_int64(q, 2, until);
	return bh_store_run_once(s, q, err);
}

int bh_store_load_instances(struct bh_store *s, const char *boot, int64_t oldest,
			    void (*row)(void *user, const struct bh_stored_instance *instance),
			    void *user, struct bh_error *err)
{
	struct instance_context context = { row, user };
	sqlite3_stmt *q = use(s, LOAD_INSTANCES);

	bh_store_bind_text(q, 1, boot);
	sqlite3_bind_int64(q, 2, oldest);
	return bh_store_each_row(s, q, read_instance, &context, err);
}

int bh_store_holders(struct bh_store *s, const char *addr, int64_t at, size_t most,
		     void (*row)(void *user, const struct bh_stored_instance *instance), void *user,
		     struct bh_error *err)
{
	struct instance_context context = { row, user };
	sqlite3_stmt *q = use(s, at != 0 ? FIND_HOLDERS_AT : FIND_HOLDERS);

	bh_store_bind_text(q, 1, addr);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)most);
	if (at != 0)
		sqlite3_bind_int64(q, 3, at);
	return bh_store_each_row(s, q, read_instance, &context, err);
}

int bh_store_trim_instances(struct bh_store *s, int64_t oldest, int64_t keep, size_t most,
			    size_t *count, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, TRIM_INSTANCES);

	sqlite3_bind_int64(q, 1, oldest);
	sqlite3_bind_int64(q, 2, keep);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)most);
	int result = bh_store_run_once(s, q, err);
	if (result != 0)
		return result;
	*count = (size_t)sqlite3_changes(s->db);
	q = use(s, TRIM_WATCHED);
	sqlite3_bind_int64(q, 1, oldest);
	return bh_store_run_once(s, q, err);
}

int bh_store_save_watched(struct bh_store *s, int64_t since, int64_t until, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, SAVE_WATCHED);

	sqlite3_bind_int64(q, 1, since);
	sqlite3_bind_int64(q, 2, until);
	return bh_store_run_once(s, q, err);
}

static void read_watched(sqlite3_stmt *q, void *context)
{
	int64_t *times = context;

	times[0] = sqlite3_column_int64(q, 0);
	times[1] = sqlite3_column_int64(q, 1);
}

int bh_store_watched(struct bh_store *s, int64_t at, int64_t *since, int64_t *until,
		     struct bh_error *err)
{
	sqlite3_stmt *q = use(s, at != 0 ? WATCHED_AT : LAST_WATCHED);
	int64_t times[2] = { 0 };

	if (at != 0)
		sqlite3_bind_int64(q, 1, at);
	int result = bh_store_each_row(s, q, read_watched, times, err);
	*since = times[0];
	*until = times[1];
	return result;
}

static void read_sum(sqlite3_stmt *q, void *context)
{
	*(int64_t *)context = sqlite3_column_int64(q, 0);
}

int bh_store_watched_for(struct bh_store *s, int64_t since, int64_t until, int64_t but,
			 int64_t *watched, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, SUM_WATCHED);

	sqlite3_bind_int64(q, 1, since);
	sqlite3_bind_int64(q, 2, until);
	sqlite3_bind_int64(q, 3, but);
	*watched = 0;
	return bh_store_each_row(s, q, read_sum, watched, err);
}

int bh_store_save_renamed(struct bh_store *s, const char *was, const char *now,
			  struct bh_error *err)
{
	sqlite3_stmt *q = use(s, SAVE_RENAMED);

	bh_store_bind_text(q, 1, was);
	bh_store_bind_text(q, 2, now);
	return bh_store_run_once(s, q, err);
}

int bh_store_drop_renamed(struct bh_store *s, const char *was, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, DROP_RENAMED);

	bh_store_bind_text(q, 1, was);
	return bh_store_run_once(s, q, err);
}

/* Its two columns are texts, as a container's are. */
int bh_store_load_renamed(struct bh_store *s,
			  void (*row)(void *user, const char *was, const char *now), void *user,
			  struct bh_error *err)
{
	struct container_context context = { row, user };

	return bh_store_each_row(s, use(s, LOAD_RENAMED), read_container, &context, err);
}

int bh_store_save_kept(struct bh_store *s, const char *workload, const char *text,
		       struct bh_error *err)
{
	sqlite3_stmt *q = use(s, SAVE_KEPT);

	bh_store_bind_text(q, 1, workload);
	bh_store_bind_text(q, 2, text);
	return bh_store_run_once(s, q, err);
}

int bh_store_load_kept(struct bh_store *s,
		       void (*row)(void *user, const char *workload, const char *text), void *user,
		       struct bh_error *err)
{
	struct container_context context = { row, user };

	return bh_store_each_row(s, use(s, LOAD_KEPT), read_container, &context, err);
}

/* --- uses of rules ---------------------------------------------------------------------------- */

int bh_store_save_use(struct bh_store *s, const struct bh_stored_use *row, struct bh_error *err)
{
	const int64_t numbers[] = { row->since,	  row->seen,   row->watched,	      row->used,
				    row->told_by, row->shared, (int64_t)row->packets, row->kept };
	sqlite3_stmt *q = use(s, SAVE_USE);

	bh_store_bind_text(q, 1, row->rule);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sqlite3_bind_int64(q, (int)i + 2, numbers[i]);
	return bh_store_run_once(s, q, err);
}

struct uses_context {
	void (*row)(void *user, const struct bh_stored_use *use);
	void *user;
};

static void read_use(sqlite3_stmt *q, void *context)
{
	const struct uses_context *c = context;
	struct bh_stored_use use = { .since = sqlite3_column_int64(q, 1),
				     .seen = sqlite3_column_int64(q, 2),
				     .watched = sqlite3_column_int64(q, 3),
				     .used = sqlite3_column_int64(q, 4),
				     .told_by = (uint8_t)sqlite3_column_int64(q, 5),
				     .shared = sqlite3_column_int64(q, 6) != 0,
				     .packets = (uint64_t)sqlite3_column_int64(q, 7),
				     .kept = sqlite3_column_int64(q, 8) };

	bh_copy_text(use.rule, sizeof(use.rule), (const char *)sqlite3_column_text(q, 0));
	c->row(c->user, &use);
}

int bh_store_load_uses(struct bh_store *s, int64_t oldest,
		       void (*row)(void *user, const struct bh_stored_use *use), void *user,
		       struct bh_error *err)
{
	struct uses_context context = { row, user };
	sqlite3_stmt *q = use(s, TRIM_USES);

	sqlite3_bind_int64(q, 1, oldest);
	int result = bh_store_run_once(s, q, err);
	return result != 0 ? result
			   : bh_store_each_row(s, use(s, LOAD_USES), read_use, &context, err);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void bind_answer(sqlite3_stmt *q, const struct bh_stored_answer *answer)
{
	bh_store_bind_text(q, 1, answer->workload);
	bh_store_bind_text(q, 2, answer->name);
	bh_store_bind_text(q, 3, answer->addr);
}

int bh_store_save_answer(struct bh_store *s, const struct bh_stored_answer *answer,
			 struct bh_error *err)
{
	sqlite3_stmt *q = use(s, SAVE_ANSWER);

	bind_answer(q, answer);
	sqlite3_bind_int64(q, 4, answer->until);
	sqlite3_bind_int64(q, 5, answer->used);
	return bh_store_run_once(s, q, err);
}

int bh_store_drop_answer(struct bh_store *s, const struct bh_stored_answer *answer,
			 struct bh_error *err)
{
	sqlite3_stmt *q = use(s, DROP_ANSWER);

	bind_answer(q, answer);
	return bh_store_run_once(s, q, err);
}

struct answer_context {
	void (*row)(void *user, const struct bh_stored_answer *answer);
	void *user;
};

static void read_answer(sqlite3_stmt *q, void *context)
{
	const struct answer_context *c = context;
	struct bh_stored_answer answer = {
		.workload = (const char *)sqlite3_column_text(q, 0),
		.name = (const char *)sqlite3_column_text(q, 1),
		.addr = (const char *)sqlite3_column_text(q, 2),
		.until = sqlite3_column_int64(q, 3),
		.used = sqlite3_column_int64(q, 4),
	};

	if (answer.workload != NULL && answer.name != NULL && answer.addr != NULL)
		c->row(c->user, &answer);
}

int bh_store_load_answers(struct bh_store *s,
			  void (*row)(void *user, const struct bh_stored_answer *answer),
			  void *user, struct bh_error *err)
{
	struct answer_context context = { row, user };

	return bh_store_each_row(s, use(s, LOAD_ANSWERS), read_answer, &context, err);
}

/* --- events ----------------------------------------------------------------------------------- */

int bh_store_add_event(struct bh_store *s, int64_t time, const char *kind, const char *json,
		       int64_t *number, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, ADD_EVENT);

	sqlite3_bind_int64(q, 1, time);
	bh_store_bind_text(q, 2, kind);
	bh_store_bind_text(q, 3, json);
	int result = bh_store_run_once(s, q, err);
	if (result == 0)
		*number = sqlite3_last_insert_rowid(s->db);
	return result;
}

int bh_store_trim_events(struct bh_store *s, int64_t keep, struct bh_error *err)
{
	sqlite3_stmt *q = use(s, TRIM_EVENTS);

	sqlite3_bind_int64(q, 1, keep);
	return bh_store_run_once(s, q, err);
}

struct event_context {
	void (*row)(void *user, int64_t number, const char *json);
	void *user;
};

static void read_event(sqlite3_stmt *q, void *context)
{
	const struct event_context *c = context;
	const char *json = (const char *)sqlite3_column_text(q, 1);

	if (json != NULL)
		c->row(c->user, sqlite3_column_int64(q, 0), json);
}

int bh_store_events(struct bh_store *s, int64_t after, size_t most,
		    void (*row)(void *user, int64_t number, const char *json), void *user,
		    struct bh_error *err)
{
	struct event_context context = { row, user };
	sqlite3_stmt *q = use(s, after < 0 ? EVENTS_NEWEST : EVENTS_AFTER);

	if (after >= 0)
		sqlite3_bind_int64(q, 1, after);
	sqlite3_bind_int64(q, after < 0 ? 1 : 2, (sqlite3_int64)most);
	return bh_store_each_row(s, q, read_event, &context, err);
}

int bh_store_events_before(struct bh_store *s, int64_t before, size_t most,
			   void (*row)(void *user, int64_t number, const char *json), void *user,
			   struct bh_error *err)
{
	struct event_context context = { row, user };
	sqlite3_stmt *q = use(s, EVENTS_BEFORE);

	sqlite3_bind_int64(q, 1, before);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)most);
	return bh_store_each_row(s, q, read_event, &context, err);
}
