/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map of who talks to whom: as a tree for people, as CSV for spreadsheets; pictures are drawn
 * elsewhere. */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "buffer.h"
#include "client.h"
#include "command.h"
#include "csv.h"
#include "map_print.h"
#include "table.h"

const char *bh_map_edge_port(const struct bh_map_edge *edge, char out[BH_PORT_TEXT])
{
	return bh_answer_port(edge->json, bh_number(edge->json, "port"), out);
}

const char *bh_map_edge_label(const struct bh_map_edge *edge, char out[BH_MAP_LABEL])
{
	char port[BH_PORT_TEXT], count[16], denied[16], refused[32] = "";

	if (edge->denied > 0)
		snprintf(refused, sizeof(refused), " · %s denied", bh_human(edge->denied, denied));
	if (edge->connections > 0 || edge->denied == 0)
		snprintf(out, BH_MAP_LABEL, "%s · %s%s", bh_map_edge_port(edge, port),
			 bh_human(edge->connections, count), refused);
	else
		snprintf(out, BH_MAP_LABEL, "%s%s", bh_map_edge_port(edge, port), refused);
	return out;
}

/* --- a tree for people ------------------------------------------------------------------------ */

#define TREE_COLUMNS 6

static void add_heading(struct bh_table *table, enum bh_color color, const char *text)
{
	const char *cells[TREE_COLUMNS] = { text, "", "", "", "", "" };

	bh_table_row(table, color, cells);
}

static void add_node(struct bh_table *table, const struct bh_map_node *node)
{
	const char *mode = bh_text(node->json, "mode");
	double instances = bh_number(node->json, "instances");
	struct bh_buffer text = { 0 };
	char room[BH_MODE_TEXT];

	bh_buffer_printf(&text, "  %s", node->id);
	if (mode != NULL)
		bh_buffer_printf(&text, "  (%s)",
				 bh_mode_text(mode, bh_get(node->json, "share"), room));
	if (instances > 1)
		bh_buffer_printf(&text, "  ×%.0f", instances);
	add_heading(table, BH_PLAIN, text.data);
	bh_buffer_free(&text);
}

static void add_branch(struct bh_table *table, const struct bh_map_model *m,
		       const struct bh_map_edge *edge)
{
	char port[BH_PORT_TEXT], numbers[3][16], last[BH_TIME_TEXT];
	struct bh_buffer peer = { 0 };
	const char *cells[TREE_COLUMNS] = {
		NULL,
		bh_map_edge_port(edge, port),
		bh_human(edge->connections, numbers[0]),
		edge->denied > 0 ? bh_human(edge->denied, numbers[1]) : "",
		edge->bytes_known ? bh_human(edge->bytes, numbers[2]) : "?",
		bh_clock(bh_number(edge->json, "last"), last)
	};

	bh_buffer_printf(&peer, "    %s %s", edge->denied > 0 ? "✗" : "→", m->nodes[edge->dst].id);
	cells[0] = peer.data;
	bh_table_row(table, edge->denied > 0 ? BH_RED : BH_PLAIN, cells);
	bh_buffer_free(&peer);
}

/* Who is no workload and only called stands at the edges that lead there: a thousand addresses'
 * lines would tell nothing more. */
static bool is_shown(const struct bh_map_node *node)
{
	return node->end > node->first || node->weight == 0 || strcmp(node->kind, "workload") == 0;
}

static void add_group(struct bh_table *table, const struct bh_map_model *m,
		      const struct bh_map_group *group)
{
	bool titled = false;

	for (size_t i = group->first; i < group->end; i++) {
		const struct bh_map_node *node = &m->nodes[i];

		if (!is_shown(node))
			continue;
		if (!titled)
			add_heading(table, BH_DIM, group->name);
		titled = true;
		add_node(table, node);
		for (size_t j = node->first; j < node->end; j++)
			add_branch(table, m, &m->edges[j]);
	}
}

static void print_tree(const struct bh_map_model *m, bool color)
{
	static const char *const titles[] = { "WHO",	"PORT",	 "CONNECTIONS",
					      "DENIED", "BYTES", "LAST" };
	struct bh_table *table = bh_table_new(titles, TREE_COLUMNS, color);

	bh_table_numeric(table, 2);
	bh_table_expendable(table, 5);
	bh_table_expendable(table, 4);
	for (size_t i = 0; i < m->group_count; i++)
		add_group(table, m, &m->groups[i]);
	bh_table_print(table, "Nobody is known yet.");
}

/* --- CSV -------------------------------------------------------------------------------------- */

static void print_csv(const struct bh_map_model *m)
{
	static const struct bh_csv_column columns[] = {
		{ .path = "proto" },
		{ .path = "port" },
		{ .path = "connections" },
		{ .path = "answered" },
		{ .path = "denied" },
		{ .path = "bytes" },
		{ .path = "last", .time = true },
		{ .path = NULL },
	};

	printf("src,src_group,dst,dst_group,");
	bh_csv_titles(columns);
	for (size_t i = 0; i < m->edge_count; i++) {
		const struct bh_map_node *src = &m->nodes[m->edges[i].src],
					 *dst = &m->nodes[m->edges[i].dst];

		bh_csv_text(src->id, ",");
		bh_csv_text(m->groups[src->group].name, ",");
		bh_csv_text(dst->id, ",");
		bh_csv_text(m->groups[dst->group].name, ",");
		bh_csv_row(columns, m->edges[i].json);
	}
}

/* --- all of it -------------------------------------------------------------------------------- */

static const struct {
	const char *format;
	void (*print)(const struct bh_map_model *model);
} drawings[] = {
	{ "dot", bh_map_print_dot },	     { "mermaid", bh_map_print_mermaid },
	{ "graphml", bh_map_print_graphml }, { "csv", print_csv },
	{ "svg", bh_map_print_svg },
};

void bh_map_print(const struct bh_call *call, const cJSON *map)
{
	struct bh_map_model model;
	bool drawn = false;

	bh_map_model_make(map, &model);
	for (size_t i = 0; i < sizeof(drawings) / sizeof(drawings[0]) && !drawn; i++) {
		drawn = strcmp(call->format, drawings[i].format) == 0;
		if (drawn)
			drawings[i].print(&model);
	}
	if (!drawn)
		print_tree(&model, call->color);
	bh_map_model_free(&model);
}

int bh_map_run(const struct bh_call *call)
{
	static const struct bh_view view = { .print = bh_map_print };
	struct bh_request request = { .path = "/v1/map" };

	return bh_client_show(call, &request, &view);
}
