/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How far long work is: a line on standard error where that is a terminal, and nothing at all where
 * it is none. It appears when the work has taken a while, and is gone when it is done; what is
 * printed never has a trace of it.
 */
#ifndef BH_PROGRESS_H
#define BH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bh_progress {
	const char *what;     /* is worked on: a file, whose folder is left out */
	uint64_t total;	      /* bytes, or what else is counted; 0: nobody knows */
	int64_t begun, drawn; /* monotonic µs; drawn: 0: it was not */
	bool wanted;
};

/* what has to outlive it. */
struct bh_progress bh_progress_begin(const char *what, uint64_t total);
/* The same of a file that is open; its size is the total, where it has one. */
struct bh_progress bh_progress_of_file(const char *what, int fd);

void bh_progress_show(struct bh_progress *progress, uint64_t done);
void bh_progress_end(struct bh_progress *progress); /* before anything else is printed */

/* The line, of at most `width` columns (and of bytes fewer than `size`); seconds: since the work
 * began. Returns out. */
char *bh_progress_format(const struct bh_progress *progress, uint64_t done, double seconds,
			 size_t width, char *out, size_t size);

#endif
