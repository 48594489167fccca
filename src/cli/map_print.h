/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BH_MAP_PRINT_H
#define BH_MAP_PRINT_H

#include <cjson/cJSON.h>

#include "command.h"

/* Prints the answer to /v1/map: a tree for people, or what call->format says: "dot", "mermaid". */
void bh_map_print(const struct bh_call *call, const cJSON *map);

#endif
