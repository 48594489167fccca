/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * OTLP's requests over HTTP, in JSON (opentelemetry.io/docs/specs/otlp, protocol 1.x): logs are
 * what bh_log_as_otel() makes of flows and events, metrics those of metrics.h.
 */
#ifndef BH_EXPORT_OTLP_H
#define BH_EXPORT_OTLP_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "log_record.h"

/* Appends a LogRecord. now: µs, when it became known here. */
void bh_otlp_log(struct bh_buffer *out, const struct bh_log_record *record, int64_t now);

/* Appends an ExportLogsServiceRequest: _begin, LogRecords with commas between them, _end. */
void bh_otlp_logs_begin(struct bh_buffer *out, const char *host);
void bh_otlp_logs_end(struct bh_buffer *out);

/* Appends an ExportMetricsServiceRequest; returns how many data points are in it. start, now: µs,
 * since when counters count, and when these facts were gathered. */
size_t bh_otlp_metrics(struct bh_buffer *out, const char *host, const cJSON *facts, int64_t start,
		       int64_t now);

/* Of the body of a response with status 200: how many records or points it did not take
 * (partialSuccess), and its words about it, "" where it has none. What is no such response rejects
 * nothing. */
uint64_t bh_otlp_rejected(const char *body, size_t length, char *why, size_t size);

/* Whether the same request may be sent again ("Retryable response codes"). */
bool bh_otlp_is_retryable(long status);

#endif
