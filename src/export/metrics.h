/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Metrics as one table: what each is called, what it means, and where in the daemon's facts it
 * stands. The facts are the JSON of /v1/status and what else core counts (core_metrics.c), so that
 * a metric never says anything else than the status does. What has a label has few values: kinds,
 * states, and so many workloads as are configured.
 */
#ifndef BH_EXPORT_METRICS_H
#define BH_EXPORT_METRICS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "buffer.h"

enum bh_metric_type {
	BH_METRIC_GAUGE,
	BH_METRIC_COUNTER,
	BH_METRIC_INFO, /* 1, and its labels */
};

#define BH_METRIC_LABELS 2

struct bh_metric {
	const char *name; /* without the suffix _total that counters have */
	enum bh_metric_type type;
	const char *unit; /* "seconds", "bytes", as in the name's end; "": none */
	const char *help;
	const char *labels[BH_METRIC_LABELS]; /* NULL: no more */
	const char *const *words; /* all that the first one can be; ends with NULL. NULL: others */
};

/* By number from 0 on; NULL behind the last. */
const struct bh_metric *bh_metric(size_t number);
/* What follows the name in a sample, "_total"; and its type, "counter". */
const char *bh_metric_suffix(const struct bh_metric *metric);
const char *bh_metric_type_name(const struct bh_metric *metric);

struct bh_sample {
	const struct bh_metric *metric;
	const char *values[BH_METRIC_LABELS]; /* of its labels; good for the call */
	double value;
};

/* Each that the facts have, family by family. What is null or absent there is no sample: nothing is
 * known of it, and that is not 0. */
void bh_metrics_each(const cJSON *facts, void (*sample)(void *user, const struct bh_sample *sample),
		     void *user);

/* Appends all of them, in OpenMetrics 1.0 text or, openmetrics false, in Prometheus' own 0.0.4. */
void bh_metrics_write(struct bh_buffer *out, const cJSON *facts, bool openmetrics);

#endif
