/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Metrics: what they count besides what the status says, and all of it as facts
 * (src/export/metrics.h). */
#ifndef BH_CORE_METRICS_H
#define BH_CORE_METRICS_H

#include "bulkhead/traffic.h"
#include "core.h"

struct bh_metrics *bh_core_metrics_new(void);
void bh_core_metrics_free(struct bh_metrics *metrics); /* may be NULL */

/* News of connections between the two. */
void bh_core_metrics_traffic(struct bh_core *core, const struct bh_peer *src,
			     const struct bh_peer *dst, const struct bh_traffic_counts *news);
void bh_core_metrics_event(struct bh_core *core, const char *kind);

/* The facts; the caller frees them. */
cJSON *bh_core_metrics_json(struct bh_core *core);

#endif
