/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BH_MAP_PRINT_H
#define BH_MAP_PRINT_H

#include <cjson/cJSON.h>

#include "command.h"
#include "map_model.h"
#include "protocol.h"

/* Prints the answer to /v1/map: a tree for people, or what call->format says: "dot", "mermaid",
 * "graphml", "csv", "svg". */
void bh_map_print(const struct bh_call *call, const cJSON *map);

/* map_graph.c: for programs that lay it out */
void bh_map_print_dot(const struct bh_map_model *model);
void bh_map_print_mermaid(const struct bh_map_model *model);
void bh_map_print_graphml(const struct bh_map_model *model);

/* map_svg.c: a picture */
void bh_map_print_svg(const struct bh_map_model *model);

/* "5432/tcp" */
const char *bh_map_edge_port(const struct bh_map_edge *edge, char out[BH_PORT_TEXT]);
/* "5432/tcp · 1.2 k · 3 denied" */
#define BH_MAP_LABEL 96
const char *bh_map_edge_label(const struct bh_map_edge *edge, char out[BH_MAP_LABEL]);

/* Text within an element or an attribute of XML; what XML cannot hold becomes "?". */
void bh_map_put_xml(const char *text);

#endif
