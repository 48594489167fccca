/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Comma-separated values as RFC 4180 has them, of JSON objects: a row each, a column a value. A
 * text that a spreadsheet would take for a formula (it begins with = + - @) has a ' before it:
 * names come from containers' labels, DNS and packets, and a formula there would run with the
 * reader's rights.
 */
#ifndef BH_CSV_H
#define BH_CSV_H

#include <cjson/cJSON.h>
#include <stdbool.h>

struct bh_csv_column {
	const char *path; /* "src.ip", which is the title, too; NULL ends the columns */
	bool time;	  /* decimal seconds there, RFC 3339 here */
};

void bh_csv_titles(const struct bh_csv_column *columns);
/* Of a list its texts, with blanks between; what is not there, or null, is empty. */
void bh_csv_row(const struct bh_csv_column *columns, const cJSON *object);

/* One cell, and what ends it: "," or "\r\n". */
void bh_csv_text(const char *text, const char *end);

#endif
