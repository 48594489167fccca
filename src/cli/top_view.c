/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "top_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "json.h"

/* How a column is printed. */
enum kind { TEXT, RATE, AMOUNT, COUNT, SECONDS, AGE };

struct column {
	const char *title, *name; /* name: in JSON, and for --sort */
	enum kind kind;
	unsigned needless; /* left out where there is no room, from 1 on; 0: never */
};

static const struct column edge_columns[] = {
	{ "SOURCE", "src", TEXT, 0 },
	{ "DESTINATION", "dst", TEXT, 0 },
	{ "PORT", "port", TEXT, 0 },
	{ "CONN/S", "connections_per_second", RATE, 0 },
	{ "BYTES/S", "bytes_per_second", AMOUNT, 0 },
	{ "DENIED/S", "denied_per_second", RATE, 4 }, /* they are red, too */
	{ "CONNS", "connections", COUNT, 2 },
	{ "BYTES", "bytes", AMOUNT, 3 },
	{ "LAST", "last", AGE, 1 },
	{ 0 },
};

static const struct column workload_columns[] = {
	{ "WORKLOAD", "workload", TEXT, 0 },
	{ "MODE", "mode", TEXT, 2 },
	{ "INSTANCES", "instances", COUNT, 3 },
	{ "IN/S", "connections_in_per_second", RATE, 0 },
	{ "OUT/S", "connections_out_per_second", RATE, 0 },
	{ "BYTES/S", "bytes_per_second", AMOUNT, 0 },
	{ "DENIED/S", "denied_per_second", RATE, 0 },
	{ "PEERS", "peers", COUNT, 4 },
	{ "LAST", "last", AGE, 1 },
	{ 0 },
};

static const struct column denial_columns[] = {
	{ "SOURCE", "src", TEXT, 0 },	  { "DESTINATION", "dst", TEXT, 0 },
	{ "PORT", "port", TEXT, 0 },	  { "DENIED/S", "denied_per_second", RATE, 0 },
	{ "DENIED", "denied", COUNT, 0 }, { "CONNS", "connections", COUNT, 1 },
	{ "LAST", "last", AGE, 2 },	  { 0 },
};

static const struct column flow_columns[] = {
	{ "SOURCE", "src", TEXT, 0 },
	{ "DESTINATION", "dst", TEXT, 0 },
	{ "STATE", "state", TEXT, 2 },
	{ "VERDICT", "verdict", TEXT, 0 },
	{ "BYTES", "bytes", AMOUNT, 0 },
	{ "PACKETS", "packets", COUNT, 1 },
	{ "DURATION", "duration", SECONDS, 3 },
	{ "LAST", "last", AGE, 0 },
	{ 0 },
};

static const struct {
	const char *name;
	const struct column *columns;
	size_t sort;
} kinds[BH_TOP_KINDS] = {
	[BH_TOP_EDGES_VIEW] = { "edges", edge_columns, 3 },
	[BH_TOP_WORKLOADS_VIEW] = { "workloads", workload_columns, 5 },
	[BH_TOP_DENIALS_VIEW] = { "denials", denial_columns, 3 },
	[BH_TOP_FLOWS_VIEW] = { "flows", flow_columns, 7 },
};

const char *bh_top_view_name(enum bh_top_kind kind)
{
	return kinds[kind].name;
}

bool bh_top_view_find(const char *name, enum bh_top_kind *kind)
{
	for (*kind = 0; *kind < BH_TOP_VIEWS; ++*kind)
		if (strcmp(kinds[*kind].name, name) == 0)
			return true;
	return false;
}

struct bh_top_view bh_top_view_of(enum bh_top_kind kind)
{
	return (struct bh_top_view) { .kind = kind, .sort = kinds[kind].sort };
}

size_t bh_top_column_count(enum bh_top_kind kind)
{
	size_t count = 0;

	while (kinds[kind].columns[count].title != NULL)
		count++;
	return count;
}

const char *bh_top_column_name(enum bh_top_kind kind, size_t column)
{
	return kinds[kind].columns[column].name;
}

bool bh_top_column_find(enum bh_top_kind kind, const char *name, size_t *column)
{
	for (*column = 0; kinds[kind].columns[*column].title != NULL; ++*column)
		if (strcmp(kinds[kind].columns[*column].name, name) == 0)
			return true;
	return false;
}

/* --- rows ------------------------------------------------------------------------------------- */

static double bytes_of(const struct bh_top_edge *edge, double bytes)
{
	return edge->uncounted ? NAN : bytes;
}

static void fill_edge(struct bh_top_row *row, const struct bh_top_edge *edge)
{
	row->texts[0] = edge->src;
	row->texts[1] = edge->dst;
	row->texts[2] = edge->port;
	row->numbers[3] = edge->rates.connections;
	row->numbers[4] = bytes_of(edge, edge->rates.bytes);
	row->numbers[5] = edge->rates.denied;
	row->numbers[6] = edge->sums.connections;
	row->numbers[7] = bytes_of(edge, edge->sums.bytes);
	row->numbers[8] = edge->shown_last;
	row->denied = edge->sums.denied > 0;
	row->lossy = edge->lossy;
}

static void fill_denial(struct bh_top_row *row, const struct bh_top_edge *edge)
{
	row->texts[0] = edge->src;
	row->texts[1] = edge->dst;
	row->texts[2] = edge->port;
	row->numbers[3] = edge->rates.denied;
	row->numbers[4] = edge->sums.denied;
	row->numbers[5] = edge->sums.connections;
	row->numbers[6] = edge->shown_last;
	row->denied = true;
}

static void fill_workload(struct bh_top_row *row, const struct bh_top_workload *w)
{
	row->texts[0] = w->name;
	row->texts[1] = w->mode != NULL ? w->mode : "-";
	row->numbers[2] = w->instances;
	row->numbers[3] = w->in.connections;
	row->numbers[4] = w->out.connections;
	row->numbers[5] = w->in.bytes + w->out.bytes;
	row->numbers[6] = w->in.denied + w->out.denied;
	row->numbers[7] = w->peers;
	row->numbers[8] = w->last;
	row->denied = w->denied > 0;
}

static void fill_flow(struct bh_top_row *row, const struct bh_top_flow *flow)
{
	row->texts[0] = flow->src;
	row->texts[1] = flow->dst;
	row->texts[2] = flow->state;
	row->texts[3] = flow->verdict;
	row->numbers[4] = flow->bytes_known ? flow->bytes : NAN;
	row->numbers[5] = flow->bytes_known ? flow->packets : NAN;
	row->numbers[6] = flow->last - flow->first;
	row->numbers[7] = flow->last;
	row->denied = flow->denied;
	row->lossy = flow->lossy;
}

static bool is_of(const struct bh_top_view *view, const struct bh_top_edge *edge)
{
	if (view->kind == BH_TOP_DENIALS_VIEW && edge->sums.denied == 0)
		return false;
	return view->workload[0] == '\0' || strcmp(view->workload, edge->src) == 0 ||
	       strcmp(view->workload, edge->dst) == 0;
}

static struct bh_top_rows edge_rows(const struct bh_top_view *view, struct bh_top_model *model)
{
	size_t count;
	const struct bh_top_edge **edges = bh_top_model_edges(model, &count);
	struct bh_top_rows rows = { .items = bh_calloc(count + 1, sizeof(*rows.items)) };

	for (size_t i = 0; i < count; i++) {
		if (!is_of(view, edges[i]))
			continue;
		if (view->kind == BH_TOP_EDGES_VIEW)
			fill_edge(&rows.items[rows.count++], edges[i]);
		else
			fill_denial(&rows.items[rows.count++], edges[i]);
	}
	free(edges);
	return rows;
}

static struct bh_top_rows workload_rows(struct bh_top_model *model)
{
	size_t count;
	const struct bh_top_workload **list = bh_top_model_list(model, &count);
	struct bh_top_rows rows = { .items = bh_calloc(count + 1, sizeof(*rows.items)),
				    .count = count };

	for (size_t i = 0; i < count; i++)
		fill_workload(&rows.items[i], list[i]);
	free(list);
	return rows;
}

static struct bh_top_rows flow_rows(const struct bh_top_view *view, struct bh_top_model *model)
{
	size_t count;
	const struct bh_top_flow **list =
		bh_top_model_flows(model, view->src, view->dst, view->port, &count);
	struct bh_top_rows rows = { .items = bh_calloc(count + 1, sizeof(*rows.items)),
				    .count = count };

	for (size_t i = 0; i < count; i++)
		fill_flow(&rows.items[i], list[i]);
	free(list);
	return rows;
}

/* What is not known stands below what is. */
static int by_number(double x, double y)
{
	if (isnan(x) || isnan(y))
		return isnan(x) - isnan(y);
	return (y > x) - (x < y ? 0 : x > y);
}

/* Numbers from the greatest on, texts in their order; then by all texts, so that rows of one rate
 * stay where they are. */
static int compare(const void *a, const void *b, void *user)
{
	const struct bh_top_view *view = user;
	const struct bh_top_row *x = a, *y = b;
	bool text = kinds[view->kind].columns[view->sort].kind == TEXT;
	int order = text ? strcmp(x->texts[view->sort], y->texts[view->sort])
			 : by_number(x->numbers[view->sort], y->numbers[view->sort]);

	if (view->denied_first && x->denied != y->denied)
		return x->denied ? -1 : 1;
	if (view->reversed)
		order = -order;
	for (size_t i = 0; x->texts[i] != NULL && order == 0; i++)
		order = strcmp(x->texts[i], y->texts[i]);
	return order;
}

struct bh_top_rows bh_top_view_rows(const struct bh_top_view *view, struct bh_top_model *model)
{
	struct bh_top_rows rows = view->kind == BH_TOP_WORKLOADS_VIEW ? workload_rows(model)
				  : view->kind == BH_TOP_FLOWS_VIEW   ? flow_rows(view, model)
								      : edge_rows(view, model);

	if (rows.count > 0)
		qsort_r(rows.items, rows.count, sizeof(*rows.items), compare,
			(void *)(uintptr_t)view);
	return rows;
}

void bh_top_rows_free(struct bh_top_rows *rows)
{
	free(rows->items);
	*rows = (struct bh_top_rows) { 0 };
}

/* --- printing --------------------------------------------------------------------------------- */

static void print_rate(double rate, char out[32])
{
	if (rate > 0 && rate < 9.95)
		snprintf(out, 32, "%.1f", rate);
	else
		bh_human(rate, out);
}

static void print_age(double seconds, char out[32])
{
	if (seconds < 120)
		snprintf(out, 32, "%.0fs", fmax(seconds, 0));
	else if (seconds < 7200)
		snprintf(out, 32, "%.0fm", seconds / 60);
	else
		snprintf(out, 32, "%.0fh", seconds / 3600);
}

static void print_cell(const struct column *column, const struct bh_top_row *row, size_t at,
		       double now, char out[32])
{
	double number = row->numbers[at];

	if (isnan(number))
		strcpy(out, "?");
	else if (column->kind == RATE)
		print_rate(number, out);
	else if (column->kind == SECONDS)
		print_age(number, out);
	else if (column->kind == AGE && number > 0)
		print_age(now - number, out);
	else if (column->kind == AGE)
		strcpy(out, "-");
	else
		bh_human(number, out);
}

static void add_row(struct bh_table *table, const struct bh_top_view *view,
		    const struct bh_top_row *row, double now)
{
	char numbers[BH_TOP_COLUMNS][32];
	const char *cells[BH_TOP_COLUMNS];

	for (size_t i = 0; kinds[view->kind].columns[i].title != NULL; i++) {
		const struct column *column = &kinds[view->kind].columns[i];

		cells[i] = column->kind == TEXT ? row->texts[i] : numbers[i];
		if (column->kind != TEXT)
			print_cell(column, row, i, now, numbers[i]);
	}
	bh_table_row(table, row->denied ? BH_RED : row->lossy ? BH_YELLOW : BH_PLAIN, cells);
}

/* The column that rows are sorted by is marked. */
static void title_of(const struct bh_top_view *view, size_t at, bool ascii, char out[32])
{
	const struct column *column = &kinds[view->kind].columns[at];
	bool falling = (column->kind == TEXT) == view->reversed;

	snprintf(out, 32, "%s%s", column->title,
		 at != view->sort ? ""
		 : falling	  ? (ascii ? "v" : "↓")
				  : (ascii ? "^" : "↑"));
}

struct bh_table *bh_top_view_table(const struct bh_top_view *view, const struct bh_top_rows *rows,
				   double now, bool color, bool ascii)
{
	const struct column *columns = kinds[view->kind].columns;
	size_t count = bh_top_column_count(view->kind), first_number = count;
	char titles[BH_TOP_COLUMNS][32];
	const char *pointers[BH_TOP_COLUMNS];

	for (size_t i = 0; i < count; i++) {
		title_of(view, i, ascii, titles[i]);
		pointers[i] = titles[i];
		if (columns[i].kind != TEXT && first_number == count)
			first_number = i;
	}
	struct bh_table *table = bh_table_new(pointers, count, color);
	bh_table_numeric(table, first_number);
	for (unsigned rank = 1; rank <= count; rank++)
		for (size_t i = 0; i < count; i++)
			if (columns[i].needless == rank)
				bh_table_expendable(table, i);
	for (size_t i = 0; i < rows->count; i++)
		add_row(table, view, &rows->items[i], now);
	return table;
}

static void add_value(struct bh_buffer *out, const struct column *column,
		      const struct bh_top_row *row, size_t at)
{
	bh_buffer_printf(out, "\"%s\":", column->name);
	if (column->kind == TEXT)
		bh_json_string(out, row->texts[at]);
	else if (isnan(row->numbers[at]) || (column->kind == AGE && row->numbers[at] == 0))
		bh_buffer_puts(out, "null");
	else
		bh_buffer_printf(out, "%.*f", column->kind == COUNT ? 0 : 6, row->numbers[at]);
}

void bh_top_view_json(const struct bh_top_view *view, const struct bh_top_rows *rows,
		      struct bh_buffer *out)
{
	const struct column *columns = kinds[view->kind].columns;

	bh_buffer_puts(out, "[");
	for (size_t i = 0; i < rows->count; i++) {
		bh_buffer_puts(out, i > 0 ? ",{" : "{");
		for (size_t j = 0; columns[j].title != NULL; j++) {
			add_value(out, &columns[j], &rows->items[i], j);
			bh_buffer_puts(out, ",");
		}
		bh_buffer_printf(out, "\"lossy\":%s}", rows->items[i].lossy ? "true" : "false");
	}
	bh_buffer_puts(out, "]");
}
