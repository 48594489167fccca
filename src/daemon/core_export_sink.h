/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where log records go to, of whatever kind. */
#ifndef BH_CORE_EXPORT_SINK_H
#define BH_CORE_EXPORT_SINK_H

#include "core.h"
#include "curl_loop.h"
#include "log_record.h"

struct bh_log_sink {
	const struct bh_config_log *log; /* what goes there */
	bool reads;			 /* its records have to have their json */
	void *to;			 /* which these are given: */
	void (*add)(void *to, const struct bh_log_record *record);
	void (*tick)(void *to, int64_t now); /* monotonic */
	bool (*is_done)(const void *to);     /* nothing is left to do that could be done now */
	void (*free)(void *to);		     /* the loop is run once more */
	cJSON *(*json)(const void *to);
	void (*say)(const void *to, cJSON *list);
};

/* Each is false where it is not configured. host: this one's name, kept as it is. */
bool bh_file_sink(struct bh_core *core, struct bh_log_sink *sink);
bool bh_syslog_sink(struct bh_core *core, struct bh_log_sink *sink);
bool bh_journal_sink(struct bh_core *core, struct bh_log_sink *sink);
bool bh_webhook_sink(struct bh_core *core, uint32_t number, struct bh_curl_loop *loop,
		     struct bh_log_sink *sink);
bool bh_otlp_sink(struct bh_core *core, const char *host, struct bh_curl_loop *loop,
		  struct bh_log_sink *sink);

#endif
