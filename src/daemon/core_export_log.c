/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_export_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core_export_file.h"
#include "core_export_link.h"
#include "grow.h"
#include "log_record.h"
#include "timefmt.h"

#define QUEUE (8 << 20) /* bytes that wait for syslog or journald */

/* Syslog, or journald. */
struct stream {
	const struct bh_config_log *log;
	struct bh_config_collector to;
	struct bh_export_link *link;
	struct bh_export_queue queue;
	void (*put)(const struct bh_log_exporter *x, const struct bh_log_record *record,
		    struct bh_buffer *out);
};

enum { SYSLOG, JOURNAL, STREAMS };

struct bh_log_exporter {
	struct bh_core *core;
	char host[256];
	struct bh_export_file *file;	/* NULL: none */
	struct stream streams[STREAMS]; /* whose link is NULL: none */
};

/* --- syslog, journald ------------------------------------------------------------------------- */

/* RFC 6587, 3.4.1: over a connection each message has its length before it. */
static void put_syslog(const struct bh_log_exporter *x, const struct bh_log_record *record,
		       struct bh_buffer *out)
{
	const struct bh_config_exports *config = &x->core->config.exports;
	struct bh_buffer message = { 0 };

	bh_log_syslog(&message, (unsigned)config->syslog.facility,
		      (uint32_t)config->ipfix.enterprise, (long)getpid(),
		      (enum bh_log_format)config->syslog.log.format, record);
	if (config->syslog.to.transport == BH_TRANSPORT_TCP)
		bh_buffer_printf(out, "%zu ", message.length);
	bh_buffer_append(out, message.data, message.length);
	bh_buffer_free(&message);
}

static void put_journal(const struct bh_log_exporter *x, const struct bh_log_record *record,
			struct bh_buffer *out)
{
	(void)x;
	bh_log_journal(out, record);
}

static const struct bh_export_sum one = { .records = 1 };

static bool next_message(void *user, struct bh_buffer *out, struct bh_export_sum *sum)
{
	struct stream *s = user;
	size_t length;
	const char *message = bh_export_queue_first(&s->queue, &length);

	if (message == NULL)
		return false;
	bh_buffer_append(out, message, length);
	bh_export_queue_drop(&s->queue);
	*sum = one;
	return true;
}

static size_t count_waiting(const void *user)
{
	return ((const struct stream *)user)->queue.count;
}

static void add_to_stream(struct bh_log_exporter *x, struct stream *s,
			  const struct bh_log_record *record)
{
	struct bh_buffer message = { 0 };

	s->put(x, record, &message);
	while (s->queue.count > 0 && !bh_export_queue_fits(&s->queue, message.length)) {
		bh_export_queue_drop(&s->queue);
		bh_export_link_lose(s->link, &one);
	}
	bh_export_queue_add(&s->queue, message.data, message.length, NULL, 0);
	bh_buffer_free(&message);
}

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

static bool wants_file(const struct bh_log_exporter *x, const char *kind)
{
	return x->file != NULL && is_wanted(&x->core->config.exports.file.log, kind);
}

static bool wants_stream(const struct bh_log_exporter *x, const char *kind)
{
	for (size_t i = 0; i < STREAMS; i++)
		if (x->streams[i].link != NULL && is_wanted(x->streams[i].log, kind))
			return true;
	return false;
}

static bool is_wanted_by_any(const struct bh_log_exporter *x, const char *kind)
{
	return wants_file(x, kind) || wants_stream(x, kind);
}

static void add_to_file(struct bh_log_exporter *x, const struct bh_log_record *record)
{
	const struct bh_config_log *log = &x->core->config.exports.file.log;
	struct bh_buffer line = { 0 };

	bh_log_body(&line, (enum bh_log_format)log->format, record);
	bh_export_file_add(x->file, line.data, line.length);
	bh_buffer_free(&line);
}

/* Whether somebody wants more of it than the line that it is. */
static bool is_to_be_read(const struct bh_log_exporter *x, const char *kind)
{
	return wants_stream(x, kind) ||
	       (wants_file(x, kind) &&
		x->core->config.exports.file.log.format != BH_LOG_FORMAT_BULKHEAD);
}

static void add(struct bh_log_exporter *x, const char *kind, int64_t time, const char *line)
{
	cJSON *json = is_to_be_read(x, kind) ? cJSON_Parse(line) : NULL;
	struct bh_log_record record = {
		.kind = kind, .line = line, .json = json, .host = x->host, .time = time
	};

	if (wants_file(x, kind))
		add_to_file(x, &record);
	for (size_t i = 0; i < STREAMS; i++)
		if (x->streams[i].link != NULL && is_wanted(x->streams[i].log, kind))
			add_to_stream(x, &x->streams[i], &record);
	cJSON_Delete(json);
}

void bh_log_exporter_event(struct bh_log_exporter *x, const char *kind, int64_t time,
			   const char *line)
{
	if (x != NULL && is_wanted_by_any(x, kind))
		add(x, kind, time, line);
}

void bh_log_exporter_flow(struct bh_log_exporter *x, const struct bh_live_flow *flow)
{
	struct bh_buffer line = { 0 };

	if (x == NULL || !is_wanted_by_any(x, BH_LOG_KIND_FLOW))
		return;
	bh_core_flow_json(x->core, flow, &line);
	add(x, BH_LOG_KIND_FLOW, flow->flow.last, line.data);
	bh_buffer_free(&line);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void start_stream(struct bh_log_exporter *x, size_t which, const char *kind,
			 const struct bh_config_collector *to, const struct bh_config_log *log)
{
	struct stream *s = &x->streams[which];
	struct bh_export_link_user user = { .kind = kind,
					    .loss = BH_LOSS_LOGS,
					    .what = "log records",
					    .user = s,
					    .next = next_message,
					    .waiting = count_waiting };

	if (to->host[0] == '\0')
		return;
	s->to = *to;
	s->log = log;
	s->put = which == SYSLOG ? put_syslog : put_journal;
	s->queue.limit = QUEUE;
	s->link = bh_export_link_new(x->core, &s->to, &user);
}

struct bh_log_exporter *bh_log_exporter_new(struct bh_core *core)
{
	const struct bh_config_exports *config = &core->config.exports;
	struct bh_config_collector journal = { .transport = BH_TRANSPORT_UNIX };
	struct bh_log_exporter *x;

	if (config->file.path[0] == '\0' && config->syslog.to.host[0] == '\0' &&
	    config->journal.socket[0] == '\0')
		return NULL;
	x = bh_calloc(1, sizeof(*x));
	x->core = core;
	gethostname(x->host, sizeof(x->host) - 1);
	if (config->file.path[0] != '\0')
		x->file = bh_export_file_new(core, &config->file);
	start_stream(x, SYSLOG, "syslog", &config->syslog.to, &config->syslog.log);
	bh_copy_text(journal.host, sizeof(journal.host), config->journal.socket);
	start_stream(x, JOURNAL, "journal", &journal, &config->journal.log);
	return x;
}

void bh_log_exporter_tick(struct bh_log_exporter *x, int64_t now)
{
	if (x == NULL)
		return;
	if (x->file != NULL)
		bh_export_file_tick(x->file, now);
	for (size_t i = 0; i < STREAMS; i++)
		if (x->streams[i].link != NULL)
			bh_export_link_tick(x->streams[i].link, now);
}

bool bh_log_exporter_is_done(const struct bh_log_exporter *x)
{
	if (x == NULL)
		return true;
	for (size_t i = 0; i < STREAMS; i++)
		if (x->streams[i].link != NULL && !bh_export_link_is_done(x->streams[i].link))
			return false;
	return x->file == NULL || bh_export_file_is_done(x->file);
}

void bh_log_exporter_free(struct bh_log_exporter *x)
{
	if (x == NULL)
		return;
	for (size_t i = 0; i < STREAMS; i++) {
		if (x->streams[i].link != NULL)
			bh_export_link_free(x->streams[i].link);
		bh_export_queue_free(&x->streams[i].queue);
	}
	if (x->file != NULL)
		bh_export_file_free(x->file);
	free(x);
}

void bh_log_exporter_json(const struct bh_log_exporter *x, cJSON *list)
{
	if (x == NULL)
		return;
	if (x->file != NULL)
		cJSON_AddItemToArray(list, bh_export_file_json(x->file));
	for (size_t i = 0; i < STREAMS; i++)
		if (x->streams[i].link != NULL)
			cJSON_AddItemToArray(list, bh_export_link_json(x->streams[i].link));
}

void bh_log_exporter_say(const struct bh_log_exporter *x, cJSON *list)
{
	if (x == NULL)
		return;
	if (x->file != NULL)
		bh_export_file_say(x->file, list);
	for (size_t i = 0; i < STREAMS; i++)
		if (x->streams[i].link != NULL)
			bh_export_link_say(x->streams[i].link, list);
}
