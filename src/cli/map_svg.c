/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The map as a picture that needs no other program. A group is a lane from left to right; whom a
 * node calls stands to the right of it, as far as calls go in no circle (layers by the longest way,
 * after the edges that close a circle are set aside); within a lane and a layer nodes stand near
 * those they talk to. All edges between two nodes are one line, which says the heaviest of them
 * and, when it is pointed at, all.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "buffer.h"
#include "grow.h"
#include "map_print.h"
#include "utf8.h"

/* In pixels. */
#define ROW 46
#define BOX 28
#define LANE_HEAD 26
#define LANE_GAP 14
#define MARGIN 16
#define GAP 190 /* between layers: a label's room */
#define CHARACTER 7.3
#define SWEEPS 6
#define MOST_CHARACTERS 34 /* of a name in its box */
#define MOST_TOLD 20	   /* edges of a line that are told one by one */
#define LABEL_CHARACTER 6.1
#define LABEL_HEIGHT 11
#define MOST_AVOIDED 2000 /* labels that another one keeps clear of: the last ones */

struct place {
	size_t layer, row; /* row: within its lane */
	double wish;	   /* where its neighbours stand, on average */
};

struct line {
	size_t src, dst;
	size_t first, count; /* in picture.order */
	double connections;
	bool denied;
};

struct label {
	double x, y, width; /* x: its middle */
};

struct picture {
	const struct bh_map_model *map;
	struct place *places; /* a node each */
	size_t layer_count;
	double *layer_x, *layer_width; /* a layer each */
	size_t *lane_rows;	       /* a group each */
	double *lane_y;
	size_t *order; /* edges, those between the same nodes side by side */
	struct line *lines;
	size_t line_count;
	double width, height;
	struct label *labels; /* those that were put so far: a line each */
	size_t label_count;
};

/* --- layers ----------------------------------------------------------------------------------- */

enum { UNSEEN, ENTERED, LEFT };

struct walk {
	const struct bh_map_model *map;
	struct picture *picture;
	unsigned char *state;
	size_t *order; /* edges, each node's heaviest first */
	size_t *next;  /* of each node: a place in there */
	size_t *stack; /* nodes that were entered */
	size_t depth;
	size_t *finished; /* nodes in the order in which they were left */
	size_t finished_count;
	bool *closes; /* of an edge: it leads back */
};

static void enter(struct walk *w, size_t node)
{
	w->state[node] = ENTERED;
	w->next[node] = w->map->nodes[node].first;
	w->stack[w->depth++] = node;
}

/* Depth first, without recursion: a chain may be as long as there are nodes. */
static void walk_from(struct walk *w, size_t start)
{
	enter(w, start);
	while (w->depth > 0) {
		size_t node = w->stack[w->depth - 1];

		if (w->next[node] == w->map->nodes[node].end) {
			w->state[node] = LEFT;
			w->finished[w->finished_count++] = node;
			w->depth--;
			continue;
		}
		size_t edge = w->order[w->next[node]++], dst = w->map->edges[edge].dst;
		w->closes[edge] = w->state[dst] == ENTERED;
		if (w->state[dst] == UNSEEN)
			enter(w, dst);
	}
}

/* Who is called by nobody comes first: the ways begin there. */
static void walk_all(struct walk *w)
{
	bool *called = bh_calloc(w->map->node_count + 1, sizeof(*called));

	for (size_t i = 0; i < w->map->edge_count; i++)
		called[w->map->edges[i].dst] = true;
	for (size_t i = 0; i < w->map->node_count; i++)
		if (!called[i])
			walk_from(w, i);
	for (size_t i = 0; i < w->map->node_count; i++)
		if (w->state[i] == UNSEEN)
			walk_from(w, i);
	free(called);
}

static void set_layers(struct walk *w)
{
	struct place *places = w->picture->places;

	for (size_t i = w->finished_count; i > 0; i--) {
		size_t src = w->finished[i - 1];

		for (size_t e = w->map->nodes[src].first; e < w->map->nodes[src].end; e++) {
			struct place *dst = &places[w->map->edges[e].dst];

			if (!w->closes[e] && dst->layer <= places[src].layer)
				dst->layer = places[src].layer + 1;
		}
		if (places[src].layer >= w->picture->layer_count)
			w->picture->layer_count = places[src].layer + 1;
	}
}

/* Of a circle it is then a light edge that leads back. */
static int by_weight(const void *a, const void *b, void *user)
{
	const struct bh_map_edge *edges = ((const struct bh_map_model *)user)->edges;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	if (edges[x].src != edges[y].src)
		return edges[x].src < edges[y].src ? -1 : 1;
	if (edges[x].connections != edges[y].connections)
		return edges[x].connections > edges[y].connections ? -1 : 1;
	return x < y ? -1 : 1;
}

static size_t *order_edges(const struct bh_map_model *map,
			   int (*compare)(const void *, const void *, void *))
{
	size_t *order = bh_calloc(map->edge_count + 1, sizeof(*order));

	for (size_t i = 0; i < map->edge_count; i++)
		order[i] = i;
	qsort_r(order, map->edge_count, sizeof(*order), compare, (void *)(uintptr_t)map);
	return order;
}

static void find_layers(struct picture *p)
{
	size_t nodes = p->map->node_count + 1;
	struct walk w = { .map = p->map,
			  .picture = p,
			  .state = bh_calloc(nodes, sizeof(*w.state)),
			  .order = order_edges(p->map, by_weight),
			  .next = bh_calloc(nodes, sizeof(*w.next)),
			  .stack = bh_calloc(nodes, sizeof(*w.stack)),
			  .finished = bh_calloc(nodes, sizeof(*w.finished)),
			  .closes = bh_calloc(p->map->edge_count + 1, sizeof(*w.closes)) };

	walk_all(&w);
	set_layers(&w);
	free(w.state);
	free(w.order);
	free(w.next);
	free(w.stack);
	free(w.finished);
	free(w.closes);
}

/* --- rows ------------------------------------------------------------------------------------- */

static int by_wish(const void *a, const void *b, void *user)
{
	const struct picture *p = user;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	const struct place *px = &p->places[x], *py = &p->places[y];

	if (p->map->nodes[x].group != p->map->nodes[y].group)
		return p->map->nodes[x].group < p->map->nodes[y].group ? -1 : 1;
	if (px->layer != py->layer)
		return px->layer < py->layer ? -1 : 1;
	if (px->wish != py->wish)
		return px->wish < py->wish ? -1 : 1;
	return x < y ? -1 : 1; /* by weight, as the map has them */
}

/* Rows from 0 on in each lane and layer, by what the nodes wish. */
static void set_rows(struct picture *p, size_t *nodes)
{
	qsort_r(nodes, p->map->node_count, sizeof(*nodes), by_wish, p);
	for (size_t i = 0; i < p->map->node_count; i++) {
		struct place *place = &p->places[nodes[i]];
		size_t group = p->map->nodes[nodes[i]].group;
		bool same = i > 0 && p->map->nodes[nodes[i - 1]].group == group &&
			    p->places[nodes[i - 1]].layer == place->layer;

		place->row = same ? p->places[nodes[i - 1]].row + 1 : 0;
		if (place->row >= p->lane_rows[group])
			p->lane_rows[group] = place->row + 1;
	}
}

static double lane_height(const struct picture *p, size_t group)
{
	return LANE_HEAD + ((double)p->lane_rows[group] + 0.5) * ROW;
}

static void set_lanes(struct picture *p)
{
	double y = MARGIN;

	for (size_t i = 0; i < p->map->group_count; i++) {
		p->lane_y[i] = y;
		y += lane_height(p, i) + LANE_GAP;
	}
	p->height = y - LANE_GAP + MARGIN;
}

/* Every other layer stands half a row lower: a line to the layer after next runs between boxes. */
static double middle_y(const struct picture *p, size_t node)
{
	const struct place *place = &p->places[node];
	double row = (double)place->row + (double)(place->layer % 2) / 2;

	return p->lane_y[p->map->nodes[node].group] + LANE_HEAD + row * ROW + BOX / 2.0;
}

static void wish_to_be_near(struct picture *p, double *sums, size_t *counts)
{
	memset(sums, 0, p->map->node_count * sizeof(*sums));
	memset(counts, 0, p->map->node_count * sizeof(*counts));
	for (size_t i = 0; i < p->line_count; i++) {
		size_t src = p->lines[i].src, dst = p->lines[i].dst;

		sums[src] += middle_y(p, dst);
		sums[dst] += middle_y(p, src);
		counts[src]++;
		counts[dst]++;
	}
	for (size_t i = 0; i < p->map->node_count; i++)
		p->places[i].wish = counts[i] > 0 ? sums[i] / (double)counts[i] : INFINITY;
}

static void find_rows(struct picture *p)
{
	size_t room = p->map->node_count + 1;
	size_t *nodes = bh_calloc(room, sizeof(*nodes)), *counts = bh_calloc(room, sizeof(*counts));
	double *sums = bh_calloc(room, sizeof(*sums));

	for (size_t i = 0; i < p->map->node_count; i++)
		nodes[i] = i;
	set_rows(p, nodes);
	set_lanes(p);
	for (int sweep = 0; sweep < SWEEPS; sweep++) {
		wish_to_be_near(p, sums, counts);
		set_rows(p, nodes);
	}
	free(nodes);
	free(counts);
	free(sums);
}

/* --- columns ---------------------------------------------------------------------------------- */

static size_t characters(const char *text)
{
	size_t count = 0, left = strlen(text);

	for (; left > 0; count++) {
		size_t bytes = bh_utf8_length(text, left);

		text += bytes > 0 ? bytes : 1;
		left -= bytes > 0 ? bytes : 1;
	}
	return count;
}

static double box_width(const char *name)
{
	size_t count = characters(name);

	return 20 + CHARACTER * (double)(count < MOST_CHARACTERS ? count : MOST_CHARACTERS);
}

static void find_columns(struct picture *p)
{
	double x = 2 * MARGIN;

	for (size_t i = 0; i < p->map->node_count; i++) {
		double *width = &p->layer_width[p->places[i].layer];

		*width = fmax(*width, box_width(p->map->nodes[i].id));
	}
	for (size_t i = 0; i < p->layer_count; i++) {
		p->layer_x[i] = x;
		x += p->layer_width[i] + GAP;
	}
	p->width = fmax(x - GAP / 2.0, 320);
}

/* --- lines ------------------------------------------------------------------------------------ */

static int by_ends(const void *a, const void *b, void *user)
{
	const struct bh_map_edge *edges = ((const struct bh_map_model *)user)->edges;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	if (edges[x].src != edges[y].src)
		return edges[x].src < edges[y].src ? -1 : 1;
	if (edges[x].dst != edges[y].dst)
		return edges[x].dst < edges[y].dst ? -1 : 1;
	return x < y ? -1 : 1;
}

static void find_lines(struct picture *p)
{
	size_t count = p->map->edge_count;

	p->order = order_edges(p->map, by_ends);
	p->lines = bh_calloc(count + 1, sizeof(*p->lines));
	for (size_t i = 0; i < count; i++) {
		const struct bh_map_edge *edge = &p->map->edges[p->order[i]];
		struct line *line = &p->lines[p->line_count > 0 ? p->line_count - 1 : 0];

		if (p->line_count == 0 || line->src != edge->src || line->dst != edge->dst) {
			line = &p->lines[p->line_count++];
			*line = (struct line) { .src = edge->src, .dst = edge->dst, .first = i };
		}
		line->count++;
		line->connections += edge->connections;
		line->denied = line->denied || edge->denied > 0;
	}
}

/* --- drawing ---------------------------------------------------------------------------------- */

static const char style[] =
	"svg{--back:#fff;--ink:#1c2530;--dim:#5b6673;--lane:#f2f4f7;--box:#fff;--line:#7a8694;"
	"--bad:#c02626;background:var(--back);font:12px ui-monospace,'DejaVu Sans "
	"Mono',monospace}\n"
	"@media(prefers-color-scheme:dark){svg{--back:#14181d;--ink:#e4e8ee;--dim:#98a3b0;"
	"--lane:#1c222a;--box:#262e38;--line:#7d8997;--bad:#ff7b72}}\n"
	"text{fill:var(--ink)}.lane{fill:var(--lane)}.group{fill:var(--dim);font-weight:bold}"
	".box{fill:var(--box);stroke:var(--dim)}.out{stroke-dasharray:4 3}"
	".line{fill:none;stroke:var(--line)}.bad{stroke:var(--bad);stroke-dasharray:6 3}"
	".label{font-size:10px;fill:var(--dim);text-anchor:middle;paint-order:stroke;"
	"stroke:var(--back);stroke-width:3px}.refused{fill:var(--bad)}"
	".head{fill:var(--line)}.badhead{fill:var(--bad)}\n"
	"g:hover>.line{stroke:var(--ink)}";

static void put_marker(const char *id, const char *class)
{
	printf("<marker id=\"%s\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" "
	       "markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">"
	       "<path class=\"%s\" d=\"M0,0L8,4L0,8z\"/></marker>\n",
	       id, class);
}

/* A name, cut in its middle: its beginning and its end tell most. */
static void put_name(const char *name)
{
	size_t count = characters(name), head = MOST_CHARACTERS / 2;
	size_t tail = MOST_CHARACTERS - head - 1, left = strlen(name);
	struct bh_buffer text = { 0 };

	for (size_t i = 0; left > 0; i++) {
		size_t bytes = bh_utf8_length(name, left);

		bytes = bytes > 0 ? bytes : 1;
		if (count <= MOST_CHARACTERS || i < head || i >= count - tail)
			bh_buffer_append(&text, name, bytes);
		else if (i == head)
			bh_buffer_puts(&text, "…");
		name += bytes;
		left -= bytes;
	}
	bh_map_put_xml(text.data != NULL ? text.data : "");
	bh_buffer_free(&text);
}

static void draw_lane(const struct picture *p, size_t group)
{
	printf("<rect class=\"lane\" x=\"%d\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" rx=\"6\"/>"
	       "<text class=\"group\" x=\"%d\" y=\"%.0f\">",
	       MARGIN, p->lane_y[group], p->width - 2 * MARGIN, lane_height(p, group), 2 * MARGIN,
	       p->lane_y[group] + 17);
	bh_map_put_xml(p->map->groups[group].name);
	printf("</text>\n");
}

static void draw_node(const struct picture *p, size_t number)
{
	const struct bh_map_node *node = &p->map->nodes[number];
	const char *mode = bh_text(node->json, "mode");
	double x = p->layer_x[p->places[number].layer], y = middle_y(p, number);

	printf("<g><title>");
	bh_map_put_xml(node->id);
	printf(" (");
	bh_map_put_xml(mode != NULL ? mode : node->kind);
	printf(")</title><rect class=\"box%s\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%d\" "
	       "rx=\"4\"/><text x=\"%.0f\" y=\"%.0f\">",
	       strcmp(node->kind, "workload") == 0 ? "" : " out", x, y - BOX / 2.0,
	       p->layer_width[p->places[number].layer], BOX, x + 10, y + 4);
	put_name(node->id);
	printf("</text></g>\n");
}

struct point {
	double x, y;
};

/* Forward from the right side to the left one; back the other way, a bit lower; between nodes of
 * one layer, and to the node itself, out to the right and in again. */
static void curve(const struct picture *p, const struct line *line, struct point c[4])
{
	size_t from = p->places[line->src].layer, to = p->places[line->dst].layer;
	double right = p->layer_x[from] + p->layer_width[from], left = p->layer_x[from];
	double y = middle_y(p, line->src), there = middle_y(p, line->dst);
	double start = from <= to ? right : left, out = from <= to ? 1 : -1;
	double end = from < to ? p->layer_x[to] : p->layer_x[to] + p->layer_width[to];
	double bend = from == to ? 60 : fabs(end - start) / 2, lower = from > to ? 7 : -3;

	c[0] = (struct point) { start, y + lower };
	c[3] = (struct point) { end, there + (line->src == line->dst ? 9 : lower) };
	c[1] = (struct point) { start + out * bend, c[0].y };
	c[2] = (struct point) { end + (from < to ? -bend : bend), c[3].y };
}

static double along(double a, double b, double c, double d, double t)
{
	double s = 1 - t;

	return s * s * s * a + 3 * s * s * t * b + 3 * s * t * t * c + t * t * t * d;
}

static void put_all_labels(const struct picture *p, const struct line *line)
{
	char label[BH_MAP_LABEL];

	printf("<title>");
	bh_map_put_xml(p->map->nodes[line->src].id);
	printf(" → ");
	bh_map_put_xml(p->map->nodes[line->dst].id);
	for (size_t i = 0; i < line->count && i < MOST_TOLD; i++) {
		printf("\n");
		bh_map_put_xml(bh_map_edge_label(&p->map->edges[p->order[line->first + i]], label));
	}
	if (line->count > MOST_TOLD)
		printf("\nand %zu more", line->count - MOST_TOLD);
	printf("</title>");
}

static bool is_free(const struct picture *p, const struct label *wanted)
{
	size_t first = p->label_count > MOST_AVOIDED ? p->label_count - MOST_AVOIDED : 0;

	for (size_t i = first; i < p->label_count; i++) {
		const struct label *other = &p->labels[i];

		if (fabs(other->y - wanted->y) < LABEL_HEIGHT &&
		    fabs(other->x - wanted->x) < (other->width + wanted->width) / 2)
			return false;
	}
	return true;
}

/* Somewhere along the line, near its middle, where no other label is; else in the middle. */
static struct label place_label(struct picture *p, const struct point c[4], double width)
{
	static const double tries[] = { 0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.5 };
	struct label label = { .width = width };

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		label.x = along(c[0].x, c[1].x, c[2].x, c[3].x, tries[i]);
		label.y = along(c[0].y, c[1].y, c[2].y, c[3].y, tries[i]) +
			  (c[0].x > c[3].x ? LABEL_HEIGHT : -3);
		if (is_free(p, &label))
			break;
	}
	return p->labels[p->label_count++] = label;
}

static void put_label(struct picture *p, const struct line *line, const struct point c[4])
{
	char text[BH_MAP_LABEL], more[24] = "";

	bh_map_edge_label(&p->map->edges[p->order[line->first]], text);
	if (line->count > 1)
		snprintf(more, sizeof(more), " +%zu", line->count - 1);
	struct label label =
		place_label(p, c, LABEL_CHARACTER * (double)(characters(text) + characters(more)));
	printf("<text class=\"label%s\" x=\"%.0f\" y=\"%.0f\">", line->denied ? " refused" : "",
	       label.x, label.y);
	bh_map_put_xml(text);
	printf("%s</text>", more);
}

static void draw_line(struct picture *p, const struct line *line)
{
	struct point c[4];

	curve(p, line, c);
	printf("<g>");
	put_all_labels(p, line);
	printf("<path class=\"line%s\" stroke-width=\"%.1f\" marker-end=\"url(#%s)\" "
	       "d=\"M%.0f,%.0fC%.0f,%.0f %.0f,%.0f %.0f,%.0f\"/>",
	       line->denied ? " bad" : "", 1 + fmin(log10(1 + line->connections) / 2, 3),
	       line->denied ? "badhead" : "head", c[0].x, c[0].y, c[1].x, c[1].y, c[2].x, c[2].y,
	       c[3].x, c[3].y);
	put_label(p, line, c);
	printf("</g>\n");
}

static void draw(struct picture *p)
{
	printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	       "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%.0f\" "
	       "height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n<title>who talks to whom</title>\n"
	       "<style>%s</style>\n<defs>\n",
	       p->width, p->height, p->width, p->height, style);
	put_marker("head", "head");
	put_marker("badhead", "badhead");
	printf("</defs>\n");
	for (size_t i = 0; i < p->map->group_count; i++)
		draw_lane(p, i);
	for (size_t i = 0; i < p->line_count; i++)
		draw_line(p, &p->lines[i]);
	for (size_t i = 0; i < p->map->node_count; i++)
		draw_node(p, i);
	if (p->map->node_count == 0)
		printf("<text x=\"%d\" y=\"%d\">Nobody is known yet.</text>\n", MARGIN, MARGIN + 5);
	printf("</svg>\n");
}

void bh_map_print_svg(const struct bh_map_model *model)
{
	struct picture p = { .map = model,
			     .places = bh_calloc(model->node_count + 1, sizeof(*p.places)),
			     .lane_rows = bh_calloc(model->group_count + 1, sizeof(*p.lane_rows)),
			     .lane_y = bh_calloc(model->group_count + 1, sizeof(*p.lane_y)) };

	find_layers(&p);
	p.layer_x = bh_calloc(p.layer_count + 1, sizeof(*p.layer_x));
	p.layer_width = bh_calloc(p.layer_count + 1, sizeof(*p.layer_width));
	find_lines(&p);
	p.labels = bh_calloc(p.line_count + 1, sizeof(*p.labels));
	find_rows(&p);
	find_columns(&p);
	draw(&p);
	free(p.places);
	free(p.lane_rows);
	free(p.lane_y);
	free(p.layer_x);
	free(p.layer_width);
	free(p.order);
	free(p.lines);
	free(p.labels);
}
