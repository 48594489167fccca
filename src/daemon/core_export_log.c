/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_export_log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core_export_sink.h"
#include "grow.h"

#define MOST_SINKS (4 + BH_CONFIG_WEBHOOKS)

struct bh_log_exporter {
	struct bh_core *core;
	char host[256];
	size_t count;
	struct bh_log_sink sinks[MOST_SINKS];
};

/* --- what goes where -------------------------------------------------------------------------- */

static bool is_wanted(const struct bh_config_log *log, const char *kind)
{
	if (strcmp(kind, BH_LOG_KIND_FLOW) == 0)
		return log->flows;
	if (!log->events || log->kind_count == 0)
		return log->events;
	for (uint32_t i = 0; i < log->kind_count; i++)
		if (strcmp(log->kinds[i], kind) == 0)
			return true;
	return false;
}

/* reads: whether somebody wants more of it than the line that it is. */
static bool is_wanted_by_any(const struct bh_log_exporter *x, const char *kind, bool *reads)
{
	bool wanted = false;

	*reads = false;
	for (size_t i = 0; i < x->count; i++) {
		if (!is_wanted(x->sinks[i].log, kind))
			continue;
		wanted = true;
		*reads = *reads || x->sinks[i].reads;
	}
	return wanted;
}

static void add(struct bh_log_exporter *x, const char *kind, int64_t time, const char *line,
		bool reads)
{
	cJSON *json = reads ? cJSON_Parse(line) : NULL;
	struct bh_log_record record = {
		.kind = kind, .line = line, .json = json, .host = x->host, .time = time
	};

	for (size_t i = 0; i < x->count; i++)
		if (is_wanted(x->sinks[i].log, kind))
			x->sinks[i].add(x->sinks[i].to, &record);
	cJSON_Delete(json);
}

void bh_log_exporter_event(struct bh_log_exporter *x, const char *kind, int64_t time,
			   const char *line)
{
	bool reads;

	if (x != NULL && is_wanted_by_any(x, kind, &reads))
		add(x, kind, time, line, reads);
}

void bh_log_exporter_flow(struct bh_log_exporter *x, const struct bh_live_flow *flow)
{
	struct bh_buffer line = { 0 };
	bool reads;

	if (x == NULL || !is_wanted_by_any(x, BH_LOG_KIND_FLOW, &reads))
		return;
	bh_core_flow_json(x->core, flow, &line);
	add(x, BH_LOG_KIND_FLOW, flow->flow.last, line.data, reads);
	bh_buffer_free(&line);
}

/* --- the whole -------------------------------------------------------------------------------- */

struct bh_log_exporter *bh_log_exporter_new(struct bh_core *core, struct bh_curl_loop *loop)
{
	struct bh_log_exporter *x = bh_calloc(1, sizeof(*x));
	struct bh_log_sink *sinks = x->sinks;

	x->core = core;
	gethostname(x->host, sizeof(x->host) - 1);
	x->count += bh_file_sink(core, &sinks[x->count]);
	x->count += bh_syslog_sink(core, &sinks[x->count]);
	x->count += bh_journal_sink(core, &sinks[x->count]);
	for (uint32_t i = 0; i < core->config.exports.webhooks.count; i++)
		x->count += bh_webhook_sink(core, i, loop, &sinks[x->count]);
	x->count += bh_otlp_sink(core, x->host, loop, &sinks[x->count]);
	if (x->count > 0)
		return x;
	free(x);
	return NULL;
}

void bh_log_exporter_tick(struct bh_log_exporter *x, int64_t now)
{
	for (size_t i = 0; x != NULL && i < x->count; i++)
		x->sinks[i].tick(x->sinks[i].to, now);
}

bool bh_log_exporter_is_done(const struct bh_log_exporter *x)
{
	for (size_t i = 0; x != NULL && i < x->count; i++)
		if (!x->sinks[i].is_done(x->sinks[i].to))
			return false;
	return true;
}

void bh_log_exporter_free(struct bh_log_exporter *x)
{
	for (size_t i = 0; x != NULL && i < x->count; i++)
		x->sinks[i].free(x->sinks[i].to);
	free(x);
}

void bh_log_exporter_json(const struct bh_log_exporter *x, cJSON *list)
{
	for (size_t i = 0; x != NULL && i < x->count; i++)
		cJSON_AddItemToArray(list, x->sinks[i].json(x->sinks[i].to));
}

void bh_log_exporter_say(const struct bh_log_exporter *x, cJSON *list)
{
	for (size_t i = 0; x != NULL && i < x->count; i++)
		x->sinks[i].say(x->sinks[i].to, list);
}
