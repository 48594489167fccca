/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log that an SQLite database in write-ahead mode has beside it (sqlite.org/fileformat2.html,
 * "The Write-Ahead Log"): what was committed last is there, and not in the database yet. SQLite
 * reads it through shared memory and locks of the folder that the database is in; who has but a
 * copy of both puts them together with this. Internal to this folder.
 */
#ifndef BH_SQLITE_WAL_H
#define BH_SQLITE_WAL_H

#include <stddef.h>

#include "buffer.h"
#include "bulkhead/error.h"

/* Makes of the copy of a database one that needs no log: adds what was committed to the log, up to
 * the first frame that is not of it, and marks it so. 0, or −EINVAL (the log is another
 * database's), −E2BIG (more than `most` bytes) with *err; then the copy is of no use any more. */
int bh_sqlite_add_wal(struct bh_buffer *database, const void *wal, size_t size, size_t most,
		      struct bh_error *err);

#endif
