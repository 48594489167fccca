/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All that a file of recorded flows teaches, in order of time. Most of learning from a record is
 * reading it, so several threads take blocks of lines in turns; what comes out, and which line is
 * complained about, does not depend on how many they are.
 */
#ifndef BH_RECORDS_H
#define BH_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/edge.h"

/* One line, as small as it gets (recorded.h says what it means). */
struct bh_record {
	int64_t first, last; /* µs */
	const struct bh_peer *src, *dst;
	uint64_t count, replica, bytes;
	size_t line; /* from 1 */
	uint16_t port;
	uint8_t proto, direction;
	bool answered, denied, deploy, lossy, names_replica;
};

struct bh_records {
	struct bh_record *items; /* by time, lines of the same time by number */
	size_t count;
	struct bh_peers **peers; /* the records' ends: each thread's */
	size_t thread_count;
};

struct bh_records_config {
	size_t threads;
	size_t block; /* bytes that a thread takes at once, and as many as its last line needs */
};

/* As many threads as there are processors, up to 8. */
struct bh_records_config bh_records_default(void);

/* path "-": standard input. The exit status; complains of the first line that is no flow. To be
 * freed, whatever comes out. */
int bh_records_read(const char *path, const struct bh_records_config *config,
		    struct bh_records *out);
void bh_records_free(struct bh_records *records);

#endif
