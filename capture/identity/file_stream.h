/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a runtime keeps on disk, as the kernel process passes it on (BH_QUERY_FILES): first every
 * file that there is, then that this was all, then each change. The files themselves are unread.
 */
#ifndef BH_FILE_STREAM_H
#define BH_FILE_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "bulkhead/error.h"

#define BH_FILE_MOST (16u << 20) /* bytes of a file; larger ones are not passed on */
#define BH_FILE_PATH 1024

enum bh_file_news {
	BH_FILE_IS,	 /* path, then its content */
	BH_FILE_GONE,	 /* path: a file, or a folder with all that is in it */
	BH_FILES_LISTED, /* all that there is was told; data_length: how many of the places where
			    to look exist at all */
	BH_FILES_AGAIN,	 /* something was missed: everything is told once more */
	BH_FILE_LARGE,	 /* path: one of more than BH_FILE_MOST bytes, which is not passed on */
	BH_FILE_NEWS,
};

struct bh_file_head {
	uint32_t news; /* enum bh_file_news */
	uint32_t path_length;
	uint32_t data_length;
};

struct bh_file_events {
	void *user;
	/* The content is followed by a NUL that length does not count. */
	void (*file)(void *user, const char *path, const char *data, size_t length);
	void (*gone)(void *user, const char *path);
	void (*listed)(void *user, uint32_t places);
	void (*again)(void *user);
	void (*large)(void *user, const char *path);
};

/* Zero-initialise. */
struct bh_file_stream {
	struct bh_buffer raw;
};

/* Takes bytes as they come. 0, or −EPROTO: this is no such stream. */
int bh_file_stream_feed(struct bh_file_stream *stream, const void *bytes, size_t length,
			const struct bh_file_events *events, struct bh_error *err);
void bh_file_stream_free(struct bh_file_stream *stream);

#endif
