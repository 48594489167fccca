/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log records to syslog and to journald. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core_export_link.h"
#include "core_export_sink.h"
#include "grow.h"

#define QUEUE (8 << 20) /* bytes that wait */

struct stream;
typedef void writer(const struct stream *s, const struct bh_log_record *record,
		    struct bh_buffer *out);

struct stream {
	struct bh_core *core;
	struct bh_config_collector to;
	struct bh_export_link *link;
	struct bh_export_queue queue;
	writer *put;
};

/* RFC 6587, 3.4.1: over a connection each message has its length before it. */
static void put_syslog(const struct stream *s, const struct bh_log_record *record,
		       struct bh_buffer *out)
{
	const struct bh_config_exports *config = &s->core->config.exports;
	struct bh_buffer message = { 0 };

	bh_log_syslog(&message, (unsigned)config->syslog.facility,
		      (uint32_t)config->ipfix.enterprise, (long)getpid(),
		      (enum bh_log_format)config->syslog.log.format, record);
	if (s->to.transport == BH_TRANSPORT_TCP)
		bh_buffer_printf(out, "%zu ", message.length);
	bh_buffer_append(out, message.data, message.length);
	bh_buffer_free(&message);
}

static void put_journal(const struct stream *s, const struct bh_log_record *record,
			struct bh_buffer *out)
{
	(void)s;
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

static void add(void *to, const struct bh_log_record *record)
{
	struct stream *s = to;
	struct bh_buffer message = { 0 };

	s->put(s, record, &message);
	while (s->queue.count > 0 && !bh_export_queue_fits(&s->queue, message.length)) {
		bh_export_queue_drop(&s->queue);
		bh_export_link_lose(s->link, &one);
	}
	bh_export_queue_add(&s->queue, message.data, message.length, NULL, 0);
	bh_buffer_free(&message);
}

static void tick(void *to, int64_t now)
{
	bh_export_link_tick(((struct stream *)to)->link, now);
}

static bool is_done(const void *to)
{
	return bh_export_link_is_done(((const struct stream *)to)->link);
}

static void free_stream(void *to)
{
	struct stream *s = to;

	bh_export_link_free(s->link);
	bh_export_queue_free(&s->queue);
	free(s);
}

static cJSON *json(const void *to)
{
	return bh_export_link_json(((const struct stream *)to)->link);
}

static void say(const void *to, cJSON *list)
{
	bh_export_link_say(((const struct stream *)to)->link, list);
}

static void start(struct bh_core *core, const char *kind, writer *put,
		  const struct bh_config_collector *to, const struct bh_config_log *log,
		  struct bh_log_sink *sink)
{
	struct stream *s = bh_calloc(1, sizeof(*s));
	struct bh_export_link_user user = { .kind = kind,
					    .loss = BH_LOSS_LOGS,
					    .what = "log records",
					    .user = s,
					    .next = next_message,
					    .waiting = count_waiting };

	s->core = core;
	s->to = *to;
	s->put = put;
	s->queue.limit = QUEUE;
	s->link = bh_export_link_new(core, &s->to, &user);
	*sink = (struct bh_log_sink) { log, true, s, add, tick, is_done, free_stream, json, say };
}

bool bh_syslog_sink(struct bh_core *core, struct bh_log_sink *sink)
{
	const struct bh_config_syslog *config = &core->config.exports.syslog;

	if (config->to.host[0] == '\0')
		return false;
	start(core, "syslog", put_syslog, &config->to, &config->log, sink);
	return true;
}

bool bh_journal_sink(struct bh_core *core, struct bh_log_sink *sink)
{
	const struct bh_config_journal *config = &core->config.exports.journal;
	struct bh_config_collector to = { .transport = BH_TRANSPORT_UNIX };

	if (config->socket[0] == '\0')
		return false;
	bh_copy_text(to.host, sizeof(to.host), config->socket);
	start(core, "journal", put_journal, &to, &config->log, sink);
	return true;
}
