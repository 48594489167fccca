/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line of recorded flows, taken apart: the values that somebody asks for, and no tree. Lines as
 * bulkhead prints them are cut up where they stand (jsmn); whatever jsmn would be too lenient with,
 * or would have to be rewritten, goes through cJSON, which has the last word: a line means what it
 * means to cJSON, and which way it went cannot be told from what comes out.
 */
#ifndef BH_RECORDED_LINE_H
#define BH_RECORDED_LINE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bh_value_kind {
	BH_VALUE_ABSENT,
	BH_VALUE_NULL,
	BH_VALUE_TEXT,
	BH_VALUE_NUMBER,
	BH_VALUE_TRUE,
	BH_VALUE_FALSE,
	BH_VALUE_OTHER, /* an object or an array */
};

struct bh_value {
	uint8_t kind;	  /* enum bh_value_kind */
	const char *text; /* BH_VALUE_TEXT; else NULL */
	double number;
};

/* What a key that should hold an object holds, and what is in there. */
struct bh_line_end {
	struct bh_value whole, ip, port, workload, replica, proxy;
};

struct bh_line_bytes {
	struct bh_value whole, bytes;
};

#define BH_LINE_ROOM 2048

/* Of a key that stands there twice the first counts. */
struct bh_line {
	bool is_object; /* else nothing below is set */
	struct bh_value first, last, proto, dns, state, direction, verdict, count, deploy, time,
		lossy, masked;
	struct bh_line_end src, dst, via;
	struct bh_line_bytes tx, rx;
	cJSON *tree;		 /* texts point in here … */
	char text[BH_LINE_ROOM]; /* … or in here */
};

/* Any text. To be cleared, whatever comes out. */
void bh_line_read(const char *text, struct bh_line *line);
/* The same, through cJSON in any case. */
void bh_line_read_tree(const char *text, struct bh_line *line);
void bh_line_clear(struct bh_line *line);

#endif
