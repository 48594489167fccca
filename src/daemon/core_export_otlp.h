/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Metrics over OTLP. What is not taken is not tried for longer than until there are newer ones. */
#ifndef BH_CORE_EXPORT_OTLP_H
#define BH_CORE_EXPORT_OTLP_H

#include "core.h"
#include "curl_loop.h"

struct bh_otlp_metrics;

/* NULL: they are to go nowhere. */
struct bh_otlp_metrics *bh_otlp_metrics_new(struct bh_core *core, struct bh_curl_loop *loop);
/* These, and those that follow, take NULL as well. */
void bh_otlp_metrics_tick(struct bh_otlp_metrics *metrics, int64_t now); /* monotonic */
void bh_otlp_metrics_free(struct bh_otlp_metrics *metrics); /* the loop is run once more */
/* Appends an object. */
void bh_otlp_metrics_json(const struct bh_otlp_metrics *metrics, cJSON *list);
/* Appends a sentence if nothing takes them. */
void bh_otlp_metrics_say(const struct bh_otlp_metrics *metrics, cJSON *list);

#endif
