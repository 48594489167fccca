/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records by others' names. Internal to the export library. */
#ifndef BH_EXPORT_LOG_NAMES_H
#define BH_EXPORT_LOG_NAMES_H

#include "log_record.h"

/* Elastic Common Schema 8; what has no place there is below "bulkhead". The caller deletes it. */
cJSON *bh_log_as_ecs(const struct bh_log_record *record);

/* A record of OpenTelemetry's log data model, with the attributes of its semantic conventions; what
 * has none is "bulkhead.…". */
cJSON *bh_log_as_otel(const struct bh_log_record *record);

/* Appends it as text, and deletes it. */
void bh_log_put_json(struct bh_buffer *out, cJSON *json);

#endif
