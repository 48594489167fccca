/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows that have ended, and events, as log records: a line of JSON, a syslog message (RFC 5424) or
 * an entry of journald's. They are made of the JSON that the command line prints, in that form or
 * in the names that Elastic's or OpenTelemetry's tools know.
 */
#ifndef BH_EXPORT_LOG_RECORD_H
#define BH_EXPORT_LOG_RECORD_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"

enum bh_log_format {
	BH_LOG_FORMAT_BULKHEAD, /* as it is */
	BH_LOG_FORMAT_ECS,	/* Elastic Common Schema */
	BH_LOG_FORMAT_OTEL,	/* OpenTelemetry's log data model and semantic conventions */
	BH_LOG_FORMATS,
	BH_LOG_FORMAT_TEXT = BH_LOG_FORMATS, /* a sentence */
};

#define BH_LOG_KIND_FLOW "flow" /* of flows; events have their own */

struct bh_log_record {
	const char *kind;
	const char *line;  /* the JSON, without a newline */
	const cJSON *json; /* the same, read */
	const char *host;  /* this one's name */
	int64_t time;	   /* µs: of the event, of the flow's last packet */
};

/* Syslog's severity: enum bh_severity (event_kinds.h). */
unsigned bh_log_severity(const struct bh_log_record *record);

/* A sentence about it. */
void bh_log_text(struct bh_buffer *out, const struct bh_log_record *record);

/* The record in that format, without a newline. */
void bh_log_body(struct bh_buffer *out, enum bh_log_format format,
		 const struct bh_log_record *record);

/* A message of RFC 5424, unframed. facility: 0 to 23; enterprise: of its structured data. */
void bh_log_syslog(struct bh_buffer *out, unsigned facility, uint32_t enterprise, long pid,
		   enum bh_log_format format, const struct bh_log_record *record);

/* A datagram of journald's native protocol. */
void bh_log_journal(struct bh_buffer *out, const struct bh_log_record *record);

#endif
