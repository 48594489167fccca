/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sqlite_wal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAGIC 0x377f0682u /* the lowest bit: the words that are summed are big-endian */
#define VERSION 3007000
#define LOG_HEAD 32
#define LOG_SUMMED 24 /* of the head, by the sum that follows */
#define FRAME_HEAD 24
#define FRAME_SUMMED 8 /* of a frame's head, and then its page */

/* In a database's head. */
#define DATABASE_HEAD 100
#define PAGE_SIZE_AT 16
#define WRITE_VERSION_AT 18
#define READ_VERSION_AT 19
#define WITH_JOURNAL 1
#define WITH_LOG 2

struct log {
	const uint8_t *bytes;
	size_t size;
	uint32_t page_size;
	bool big; /* words are summed as big-endian */
	uint32_t sum[2];
};

static uint32_t word(const uint8_t *at, bool big)
{
	return big ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
		   : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

/* Sums go on from one frame to the next. */
static void add_to_sum(struct log *log, const uint8_t *at, size_t size)
{
	for (size_t i = 0; i < size; i += 8) {
		log->sum[0] += word(at + i, log->big) + log->sum[1];
		log->sum[1] += word(at + i + 4, log->big) + log->sum[0];
	}
}

static bool sum_is(const struct log *log, const uint8_t *at)
{
	return word(at, true) == log->sum[0] && word(at + 4, true) == log->sum[1];
}

static bool is_page_size(uint32_t size)
{
	return size >= 512 && size <= 65536 && (size & (size - 1)) == 0;
}

/* False: there is nothing in it, as SQLite sees it. */
static bool open_log(struct log *log, const uint8_t *bytes, size_t size)
{
	*log = (struct log) { .bytes = bytes, .size = size };
	if (size < LOG_HEAD || (word(bytes, true) & ~1u) != MAGIC ||
	    word(bytes + 4, true) != VERSION)
		return false;
	log->big = (bytes[3] & 1) != 0;
	log->page_size = word(bytes + 8, true);
	add_to_sum(log, bytes, LOG_SUMMED);
	return is_page_size(log->page_size) && sum_is(log, bytes + LOG_SUMMED);
}

static const uint8_t *frame_at(const struct log *log, size_t number)
{
	return log->bytes + LOG_HEAD + number * (FRAME_HEAD + (size_t)log->page_size);
}

/* The next one, in order: it is of this log (its salt), and whole. */
static bool frame_holds(struct log *log, const uint8_t *frame)
{
	add_to_sum(log, frame, FRAME_SUMMED);
	add_to_sum(log, frame + FRAME_HEAD, log->page_size);
	return memcmp(frame + 8, log->bytes + 16, 8) == 0 && sum_is(log, frame + 16);
}

/* How many frames are committed, and how many pages the database then has. */
static size_t committed(struct log *log, uint32_t *pages)
{
	size_t count = (log->size - LOG_HEAD) / (FRAME_HEAD + (size_t)log->page_size), result = 0;

	for (size_t i = 0; i < count && frame_holds(log, frame_at(log, i)); i++) {
		uint32_t after = word(frame_at(log, i) + 4, true);

		if (after != 0) {
			*pages = after;
			result = i + 1;
		}
	}
	return result;
}

static void resize(struct bh_buffer *database, size_t size)
{
	size_t had = database->length;

	if (size > had) {
		bh_buffer_reserve(database, size - had);
		memset(database->data + had, 0, size - had);
	}
	database->length = size;
	database->data[size] = '\0';
}

static int add_frames(struct bh_buffer *database, struct log *log, size_t most,
		      struct bh_error *err)
{
	uint32_t pages = 0;
	size_t count = committed(log, &pages);

	if (count == 0)
		return 0;
	if (pages > most / log->page_size)
		return bh_error_set(err, -E2BIG, "it has more than %zu MiB with its log",
				    most >> 20);
	resize(database, (size_t)pages * log->page_size);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *frame = frame_at(log, i);
		uint32_t page = word(frame, true);

		if (page >= 1 && page <= pages)
			memcpy(database->data + (size_t)(page - 1) * log->page_size,
			       frame + FRAME_HEAD, log->page_size);
	}
	return 0;
}

static uint32_t page_size_of(const struct bh_buffer *database)
{
	const uint8_t *at = (const uint8_t *)database->data + PAGE_SIZE_AT;
	uint32_t size = (uint32_t)at[0] << 8 | at[1];

	return size == 1 ? 65536 : size;
}

int bh_sqlite_add_wal(struct bh_buffer *database, const void *wal, size_t size, size_t most,
		      struct bh_error *err)
{
	struct log log;
	int result = 0;

	/* One that has a journal has no use for a log that lies beside it. */
	if (database->length < DATABASE_HEAD || database->data[READ_VERSION_AT] != WITH_LOG)
		return 0;
	if (open_log(&log, wal, size)) {
		if (log.page_size != page_size_of(database))
			return bh_error_set(err, -EINVAL,
					    "the log beside it is another database's");
		result = add_frames(database, &log, most, err);
	}
	if (result != 0)
		return result;
	database->data[WRITE_VERSION_AT] = database->data[READ_VERSION_AT] = WITH_JOURNAL;
	return 0;
}
