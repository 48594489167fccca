/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The map, in the order in which it is shown: groups by weight, within them nodes, and each node's
 * edges. Whatever the daemon's answer looks like, each edge has both its nodes, and each node its
 * group: who stands at an edge and in no list of nodes is one all the same.
 */
#ifndef BH_MAP_MODEL_H
#define BH_MAP_MODEL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#define BH_MAP_GROUP 256

struct bh_map_node {
	const char *id;
	const char *kind;
	const cJSON *json; /* NULL: it stands at an edge only */
	size_t group;
	double weight;	   /* of its edges, either way */
	size_t first, end; /* its edges, as source */
};

struct bh_map_edge {
	size_t src, dst; /* nodes */
	const cJSON *json;
	double connections, denied, bytes;
	bool bytes_known;
};

struct bh_map_group {
	char name[BH_MAP_GROUP]; /* "compose:shop", "k8s:prod"; "outside" */
	double weight;
	size_t first, end; /* nodes */
};

struct bh_map_model {
	struct bh_map_group *groups;
	size_t group_count, group_capacity;
	struct bh_map_node *nodes; /* by group */
	size_t node_count, node_capacity;
	struct bh_map_edge *edges; /* by source; what is denied first, then by weight */
	size_t edge_count, edge_capacity;
};

/* Names point into the answer, which has to outlive it. */
void bh_map_model_make(const cJSON *answer, struct bh_map_model *out);
void bh_map_model_free(struct bh_map_model *model);

#endif
