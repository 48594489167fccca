/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store, as its own files see it. Nothing here is for others. */
#ifndef BH_STORE_PARTS_H
#define BH_STORE_PARTS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "store.h"

#define BH_STORE_STATEMENTS 64 /* at least as many as there are */
#define BH_STORE_LEDGER_STATEMENTS 24
#define BH_STORE_ACCESS_STATEMENTS 8
#define BH_STORE_TRAFFIC_STATEMENTS 16

struct bh_store {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *prepared[BH_STORE_STATEMENTS];
	sqlite3_stmt *ledger[BH_STORE_LEDGER_STATEMENTS];
	sqlite3_stmt *access[BH_STORE_ACCESS_STATEMENTS];
	sqlite3_stmt *traffic[BH_STORE_TRAFFIC_STATEMENTS];
	bool in_transaction;
	struct bh_error broken; /* why SQLite gave up the transaction; code 0: it did not */
};

/* What SQLite's last error means, and what to do about it. */
int bh_store_fail(const struct bh_store *store, struct bh_error *err);
/* The same of a statement that could not be prepared. */
int bh_store_fail_prepare(const struct bh_store *store, struct bh_error *err);
void bh_store_copy_column(sqlite3_stmt *statement, int at, char *out, size_t size);
void bh_store_bind_text(sqlite3_stmt *statement, int at, const char *text);
/* Steps a statement that has no rows, and resets it. */
int bh_store_run_once(struct bh_store *store, sqlite3_stmt *statement, struct bh_error *err);
/* Steps through a result; row() reads the current one. */
int bh_store_each_row(struct bh_store *store, sqlite3_stmt *statement,
		      void (*row)(sqlite3_stmt *statement, void *context), void *context,
		      struct bh_error *err);

/* store_ledger.c */
int bh_store_ledger_prepare(struct bh_store *store, struct bh_error *err);
void bh_store_ledger_finalize(struct bh_store *store);

/* store_access.c */
int bh_store_access_prepare(struct bh_store *store, struct bh_error *err);
void bh_store_access_finalize(struct bh_store *store);

/* store_traffic.c */
int bh_store_traffic_prepare(struct bh_store *store, struct bh_error *err);
void bh_store_traffic_finalize(struct bh_store *store);

#endif
