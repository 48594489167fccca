/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of the model stands on the screen, and in which order: a view's columns and rows, sorted. It
 * draws nothing itself, so that the screen, a frame of --batch and its JSON say the same.
 */
#ifndef BH_TOP_VIEW_H
#define BH_TOP_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"
#include "table.h"
#include "top_model.h"

enum bh_top_kind {
	BH_TOP_EDGES_VIEW,
	BH_TOP_WORKLOADS_VIEW,
	BH_TOP_DENIALS_VIEW,
	BH_TOP_VIEWS, /* that one switches between; flows are of an edge */
	BH_TOP_FLOWS_VIEW = BH_TOP_VIEWS,
	BH_TOP_KINDS,
};

struct bh_top_view {
	enum bh_top_kind kind;
	size_t sort; /* column */
	bool reversed;
	bool denied_first;
	char workload[BH_TOP_NAME]; /* edges: of this one alone; "": of all */
	char src[BH_TOP_NAME], dst[BH_TOP_NAME], port[BH_PORT_TEXT]; /* flows: of this edge */
};

#define BH_TOP_COLUMNS 9

/* A row's values: a text, which is the model's, or a number by column. Numbers that are not known
 * are NAN. */
struct bh_top_row {
	const char *texts[BH_TOP_COLUMNS]; /* NULL: a number */
	double numbers[BH_TOP_COLUMNS];
	bool denied, lossy;
};

struct bh_top_rows {
	struct bh_top_row *items;
	size_t count;
};

const char *bh_top_view_name(enum bh_top_kind kind); /* "edges" */
bool bh_top_view_find(const char *name, enum bh_top_kind *kind);

/* A view as it is first shown: sorted by what matters most there. */
struct bh_top_view bh_top_view_of(enum bh_top_kind kind);

size_t bh_top_column_count(enum bh_top_kind kind);
/* As --sort and JSON call it, "bytes_per_second"; and by its name. */
const char *bh_top_column_name(enum bh_top_kind kind, size_t column);
bool bh_top_column_find(enum bh_top_kind kind, const char *name, size_t *column);

/* Sorted; good as long as the model takes nothing; freed by bh_top_rows_free(). */
struct bh_top_rows bh_top_view_rows(const struct bh_top_view *view, struct bh_top_model *model);
void bh_top_rows_free(struct bh_top_rows *rows);

/* The rows as a table. now: seconds since the epoch, from which ages count. */
struct bh_table *bh_top_view_table(const struct bh_top_view *view, const struct bh_top_rows *rows,
				   double now, bool color, bool ascii);

/* The rows as a JSON array of objects. */
void bh_top_view_json(const struct bh_top_view *view, const struct bh_top_rows *rows,
		      struct bh_buffer *out);

#endif
