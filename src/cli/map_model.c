/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "map_model.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "grow.h"
#include "map.h"

/* While it is made: nodes and groups by name; an index is stored as a pointer, from 1. */
struct maker {
	struct bh_map_model *model;
	struct bh_map *nodes;
	struct bh_map *groups;
};

static void put_index(struct bh_map *map, const char *name, size_t index)
{
	bh_map_put_text(map, name, (void *)(uintptr_t)(index + 1));
}

static bool get_index(const struct bh_map *map, const char *name, size_t *index)
{
	uintptr_t found = (uintptr_t)bh_map_get_text(map, name);

	*index = found - 1;
	return found != 0;
}

/* --- groups ----------------------------------------------------------------------------------- */

/* Compose's project and Kubernetes' namespace; of any other workload what says so ("image"). */
static void group_of_workload(const char *id, char out[BH_MAP_GROUP])
{
	bool parts = strncmp(id, "compose:", 8) == 0 || strncmp(id, "k8s:", 4) == 0;
	size_t length = strcspn(id, parts ? "/" : ":");

	if (id[length] == '\0' && !parts)
		bh_copy_text(out, BH_MAP_GROUP, "workloads");
	else
		snprintf(out, BH_MAP_GROUP, "%.*s", (int)(length < 255 ? length : 255), id);
}

static void group_of(const struct bh_map_node *node, char out[BH_MAP_GROUP])
{
	const char *given = bh_text(node->json, "group");

	if (given != NULL && given[0] != '\0')
		bh_copy_text(out, BH_MAP_GROUP, given);
	else if (strcmp(node->kind, "workload") == 0)
		group_of_workload(node->id, out);
	else if (strcmp(node->kind, "host") == 0 || strcmp(node->kind, "masked") == 0)
		bh_copy_text(out, BH_MAP_GROUP, "this host");
	else if (strcmp(node->kind, "unresolved") == 0 || strcmp(node->kind, "departed") == 0)
		bh_copy_text(out, BH_MAP_GROUP, "not known");
	else
		bh_copy_text(out, BH_MAP_GROUP, "outside");
}

static size_t add_group(struct maker *m, const struct bh_map_node *node)
{
	struct bh_map_model *model = m->model;
	struct bh_map_group group = { 0 };
	size_t index;

	group_of(node, group.name);
	if (get_index(m->groups, group.name, &index))
		return index;
	model->groups = bh_grow(model->groups, &model->group_capacity, model->group_count + 1,
				sizeof(*model->groups));
	index = model->group_count++;
	model->groups[index] = group;
	put_index(m->groups, group.name, index);
	return index;
}

/* --- nodes and edges -------------------------------------------------------------------------- */

static size_t add_node(struct maker *m, const char *id, const cJSON *json)
{
	struct bh_map_model *model = m->model;
	struct bh_map_node node = { .id = id, .json = json };
	size_t index;

	if (get_index(m->nodes, id, &index))
		return index;
	node.kind = json != NULL ? bh_word(json, "kind") : "unresolved";
	node.group = add_group(m, &node);
	model->nodes = bh_grow(model->nodes, &model->node_capacity, model->node_count + 1,
			       sizeof(*model->nodes));
	index = model->node_count++;
	model->nodes[index] = node;
	put_index(m->nodes, id, index);
	return index;
}

static double edge_weight(const struct bh_map_edge *edge)
{
	return edge->connections + edge->denied;
}

static void add_edge(struct maker *m, const cJSON *json)
{
	struct bh_map_model *model = m->model;
	struct bh_map_edge edge = { .json = json,
				    .connections = bh_number(json, "connections"),
				    .denied = bh_number(json, "denied"),
				    .bytes = bh_number(json, "bytes"),
				    .bytes_known = cJSON_IsNumber(bh_get(json, "bytes")) };

	edge.src = add_node(m, bh_word(json, "src"), NULL);
	edge.dst = add_node(m, bh_word(json, "dst"), NULL);
	model->nodes[edge.src].weight += edge_weight(&edge);
	model->nodes[edge.dst].weight += edge_weight(&edge);
	model->groups[model->nodes[edge.src].group].weight += edge_weight(&edge);
	model->groups[model->nodes[edge.dst].group].weight += edge_weight(&edge);
	model->edges = bh_grow(model->edges, &model->edge_capacity, model->edge_count + 1,
			       sizeof(*model->edges));
	model->edges[model->edge_count++] = edge;
}

/* --- order ------------------------------------------------------------------------------------ */

static int by_number(double a, double b)
{
	return (b > a) - (b < a);
}

/* What has the same weight goes by name, so that a map looks the same each time. */
static int compare_groups(const void *a, const void *b, void *model)
{
	const struct bh_map_group *groups = ((struct bh_map_model *)model)->groups;
	const struct bh_map_group *x = &groups[*(const size_t *)a],
				  *y = &groups[*(const size_t *)b];
	int order = by_number(x->weight, y->weight);

	return order != 0 ? order : strcmp(x->name, y->name);
}

static int compare_nodes(const void *a, const void *b, void *model)
{
	const struct bh_map_node *nodes = ((struct bh_map_model *)model)->nodes;
	const struct bh_map_node *x = &nodes[*(const size_t *)a], *y = &nodes[*(const size_t *)b];
	int order = by_number(x->weight, y->weight);

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return order != 0 ? order : strcmp(x->id, y->id);
}

static int compare_edges(const void *a, const void *b, void *model)
{
	const struct bh_map_node *nodes = ((struct bh_map_model *)model)->nodes;
	const struct bh_map_edge *x = a, *y = b;
	int order = (y->denied > 0) - (x->denied > 0);

	if (x->src != y->src)
		return x->src < y->src ? -1 : 1;
	if (order == 0)
		order = by_number(edge_weight(x), edge_weight(y));
	if (order == 0)
		order = by_number(x->bytes, y->bytes);
	if (order == 0 && x->dst != y->dst)
		order = strcmp(nodes[x->dst].id, nodes[y->dst].id);
	return order != 0 ? order
			  : by_number(bh_number(y->json, "port"), bh_number(x->json, "port"));
}

/* order: which one comes at each place; the caller frees both. new_place: the reverse of it. */
static size_t *sort(size_t count, int (*compare)(const void *, const void *, void *),
		    struct bh_map_model *model, size_t **new_place)
{
	size_t *order = bh_calloc(count + 1, sizeof(*order));

	*new_place = bh_calloc(count + 1, sizeof(**new_place));
	for (size_t i = 0; i < count; i++)
		order[i] = i;
	qsort_r(order, count, sizeof(*order), compare, model);
	for (size_t i = 0; i < count; i++)
		(*new_place)[order[i]] = i;
	return order;
}

static void sort_groups(struct bh_map_model *m)
{
	size_t *new_place, *order = sort(m->group_count, compare_groups, m, &new_place);
	struct bh_map_group *sorted = bh_calloc(m->group_count + 1, sizeof(*sorted));

	for (size_t i = 0; i < m->group_count; i++)
		sorted[i] = m->groups[order[i]];
	for (size_t i = 0; i < m->node_count; i++)
		m->nodes[i].group = new_place[m->nodes[i].group];
	free(m->groups);
	m->groups = sorted;
	free(order);
	free(new_place);
}

static void sort_nodes(struct bh_map_model *m)
{
	size_t *new_place, *order = sort(m->node_count, compare_nodes, m, &new_place);
	struct bh_map_node *sorted = bh_calloc(m->node_count + 1, sizeof(*sorted));

	for (size_t i = 0; i < m->node_count; i++)
		sorted[i] = m->nodes[order[i]];
	for (size_t i = 0; i < m->edge_count; i++) {
		m->edges[i].src = new_place[m->edges[i].src];
		m->edges[i].dst = new_place[m->edges[i].dst];
	}
	free(m->nodes);
	m->nodes = sorted;
	free(order);
	free(new_place);
}

static void note_ranges(struct bh_map_model *m)
{
	for (size_t i = m->node_count; i > 0; i--) {
		struct bh_map_group *group = &m->groups[m->nodes[i - 1].group];

		group->first = i - 1;
		group->end = group->end > 0 ? group->end : i;
	}
	for (size_t i = m->edge_count; i > 0; i--) {
		struct bh_map_node *node = &m->nodes[m->edges[i - 1].src];

		node->first = i - 1;
		node->end = node->end > 0 ? node->end : i;
	}
}

void bh_map_model_make(const cJSON *answer, struct bh_map_model *out)
{
	struct maker maker = { .model = out,
			       .nodes = bh_map_new(NULL),
			       .groups = bh_map_new(NULL) };
	const cJSON *item;

	*out = (struct bh_map_model) { 0 };
	cJSON_ArrayForEach (item, bh_get(answer, "nodes"))
		if (cJSON_IsObject(item))
			add_node(&maker, bh_word(item, "id"), item);
	cJSON_ArrayForEach (item, bh_get(answer, "edges"))
		if (cJSON_IsObject(item))
			add_edge(&maker, item);
	bh_map_free(maker.nodes);
	bh_map_free(maker.groups);
	sort_groups(out);
	sort_nodes(out);
	if (out->edge_count > 0)
		qsort_r(out->edges, out->edge_count, sizeof(*out->edges), compare_edges, out);
	note_ranges(out);
}

void bh_map_model_free(struct bh_map_model *model)
{
	free(model->groups);
	free(model->nodes);
	free(model->edges);
}
