/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a flow, an edge and an event stands in a row of --format csv (docs/api.md). Columns are
 * only added, at the end: people count on their places. */
#ifndef BH_COLUMNS_H
#define BH_COLUMNS_H

#include "csv.h"

extern const struct bh_csv_column bh_flow_columns[];
extern const struct bh_csv_column bh_edge_columns[];
extern const struct bh_csv_column bh_event_columns[];

#endif
