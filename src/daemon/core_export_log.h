/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows that have ended, and events, to each that wants some of them (core_export_sink.h). */
#ifndef BH_CORE_EXPORT_LOG_H
#define BH_CORE_EXPORT_LOG_H

#include "core.h"
#include "curl_loop.h"

struct bh_log_exporter;

/* NULL: nothing is to be logged. */
struct bh_log_exporter *bh_log_exporter_new(struct bh_core *core, struct bh_curl_loop *loop);
/* These, and those that follow, take NULL as well. */
void bh_log_exporter_flow(struct bh_log_exporter *exporter, const struct bh_live_flow *flow);
/* line: the event's JSON. time: µs. */
void bh_log_exporter_event(struct bh_log_exporter *exporter, const char *kind, int64_t time,
			   const char *line);
void bh_log_exporter_tick(struct bh_log_exporter *exporter, int64_t now); /* monotonic */
/* Whether all that can be sent now is. */
bool bh_log_exporter_is_done(const struct bh_log_exporter *exporter);
void bh_log_exporter_free(struct bh_log_exporter *exporter);
/* Appends an object for each of them. */
void bh_log_exporter_json(const struct bh_log_exporter *exporter, cJSON *list);
/* Appends a sentence for each that takes nothing. */
void bh_log_exporter_say(const struct bh_log_exporter *exporter, cJSON *list);

#endif
