/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables that fit the terminal: columns as wide as they need; where there is not enough room, what
 * is least needed is left out, then the widest columns are cut, then those on the right are left
 * out. Colour on a terminal only. */
#ifndef BH_TABLE_H
#define BH_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

#define BH_TABLE_COLUMNS 12

enum bh_color { BH_PLAIN, BH_RED, BH_YELLOW, BH_GREEN, BH_DIM };

struct bh_table;

/* titles: one a column, copied. color: whether colours are wanted at all. */
struct bh_table *bh_table_new(const char *const *titles, size_t columns, bool color);

/* Adds a row of cells, made harmless; NULL is printed as "-". */
void bh_table_row(struct bh_table *table, enum bh_color color, const char *const *cells);

/* Columns from this one on are aligned right (numbers). */
void bh_table_numeric(struct bh_table *table, size_t column);

/* This column may be left out where there is not enough room; the first one named goes first. */
void bh_table_expendable(struct bh_table *table, size_t column);

/* Prints and frees it; `nothing` in its place where it has no row (NULL: not even a line). */
void bh_table_print(struct bh_table *table, const char *nothing);

/* The same into lines, the titles first, of at most `width` columns (0: any): rows from `first` on,
 * at most `count` of them. No codes of colour are in the text. */
struct bh_table_window {
	size_t width, first, count;
	void (*line)(void *user, enum bh_color color, const char *text);
	void *user;
};
void bh_table_render(struct bh_table *table, const struct bh_table_window *window);

/* Appends the text in exactly `width` columns, cut with "…" or with blanks behind it (right: before
 * it). */
void bh_table_fit(struct bh_buffer *out, const char *text, size_t width, bool right);

/* Columns of the terminal, or of $COLUMNS; 0: no terminal, nothing is cut. */
size_t bh_terminal_width(void);

const char *bh_color_on(enum bh_color color, bool wanted);
const char *bh_color_off(enum bh_color color, bool wanted);

/* "db.example (192.0.2.7)"; a name that is too long is cut. Returns out. */
#define BH_NAMED_TEXT 320
char *bh_named_format(const char *name, const char *address, char out[BH_NAMED_TEXT]);
/* 192.0.2.7 "db.example" (claimed) */
char *bh_claimed_format(const char *name, const char *address, char out[BH_NAMED_TEXT]);

/* "1.2 M", "340": counts and bytes for people. out: at least 16 bytes. */
char *bh_human(double number, char *out);

#endif
