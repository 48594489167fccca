/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an edge is called in policies, in the review queue, and wherever else it is spoken of: by
 * who its ends are and by its protocol and port, on every host and in every run. */
#ifndef BH_EDGE_ID_H
#define BH_EDGE_ID_H

#include <stdbool.h>

#include "bulkhead/edge.h"

#define BH_EDGE_ID_TEXT 13 /* 12 hexadecimal digits and the NUL */

/* 48 bits of a hash. Of a million edges two have the same one with a probability of 1 in 560. */
uint64_t bh_edge_id(const struct bh_edge *edge);

/* Writes to out, returns it. */
char *bh_edge_id_format(uint64_t id, char out[BH_EDGE_ID_TEXT]);
/* 12 digits, lower case; false: text is anything else. */
bool bh_edge_id_parse(const char *text, uint64_t *id);

#endif
