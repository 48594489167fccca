/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log records and metrics to whoever speaks OTLP over HTTP. */
#include "core_export_otlp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core_export_post.h"
#include "core_export_sink.h"
#include "core_metrics.h"
#include "grow.h"
#include "otlp.h"
#include "queue.h"

#define QUEUE (8 << 20)	     /* bytes of log records that wait */
#define MOST_RECORDS 512     /* of one request … */
#define MOST_BODY (1U << 20) /* … and its bytes, beyond which none is begun */

/* --- both ------------------------------------------------------------------------------------- */

/* Lines of "Name: value". */
static const char *add_headers(void *user, const char *lines, const struct bh_buffer *body,
			       struct curl_slist **headers)
{
	struct bh_buffer line = { 0 };
	const char *fault = NULL;

	(void)user;
	(void)body;
	while (lines != NULL && *lines != '\0' && fault == NULL) {
		size_t length = strcspn(lines, "\r\n");

		bh_buffer_clear(&line);
		bh_buffer_append(&line, lines, length);
		if (length > 0 && strchr(line.data, ':') == NULL)
			fault = "a line is no header (Name: value)";
		else if (length > 0)
			*headers = curl_slist_append(*headers, line.data);
		lines += length + (lines[length] != '\0');
	}
	if (line.data != NULL)
		explicit_bzero(line.data, line.capacity);
	bh_buffer_free(&line);
	return fault;
}

static enum bh_post_answer judge(long status)
{
	return bh_otlp_is_retryable(status) ? BH_POST_AWAY : BH_POST_REFUSED;
}

/* Returns url. */
static char *signal_url(const struct bh_config_otlp *config, const char *path,
			char url[BH_CONFIG_TEXT + 16])
{
	size_t length = strlen(config->url);

	while (length > 0 && config->url[length - 1] == '/')
		length--;
	snprintf(url, BH_CONFIG_TEXT + 16, "%.*s%s", (int)length, config->url, path);
	return url;
}

/* --- logs ------------------------------------------------------------------------------------- */

struct logs {
	const char *host;
	char url[BH_CONFIG_TEXT + 16];
	struct bh_export_post *post;
	struct bh_export_queue queue;
};

static void add(void *to, const struct bh_log_record *record)
{
	struct logs *l = to;
	const struct bh_post_batch one = { 1, bh_post_is_quiet(record->kind), bh_time_monotonic() };
	struct bh_buffer json = { 0 };

	bh_otlp_log(&json, record, bh_time_now());
	bh_export_post_queue(l->post, &l->queue, &one, json.data, json.length);
	bh_buffer_free(&json);
}

static void add_record(struct bh_buffer *body, struct bh_post_batch *batch,
		       const struct bh_post_batch *one, const char *record, size_t length)
{
	if (batch->records == 0)
		batch->time = one->time;
	else
		bh_buffer_puts(body, ",");
	bh_buffer_append(body, record, length);
	batch->records++;
	batch->quiet += one->quiet;
}

static struct bh_post_batch next_logs(void *user, struct bh_buffer *body)
{
	struct logs *l = user;
	struct bh_post_batch batch = { 0 }, one;
	const char *record;
	size_t length;

	bh_otlp_logs_begin(body, l->host);
	while (batch.records < MOST_RECORDS && body->length < MOST_BODY &&
	       (record = bh_export_post_first(l->post, &l->queue, &one, &length)) != NULL) {
		add_record(body, &batch, &one, record, length);
		bh_export_queue_drop(&l->queue);
	}
	bh_otlp_logs_end(body);
	if (batch.records == 0)
		bh_buffer_clear(body);
	return batch;
}

static size_t count_waiting(const void *user)
{
	return ((const struct logs *)user)->queue.count;
}

static void tick(void *to, int64_t now)
{
	bh_export_post_tick(((struct logs *)to)->post, now);
}

static bool is_done(const void *to)
{
	return bh_export_post_is_done(((const struct logs *)to)->post);
}

static void free_logs(void *to)
{
	struct logs *l = to;

	bh_export_post_free(l->post);
	bh_export_queue_free(&l->queue);
	free(l);
}

static cJSON *json(const void *to)
{
	return bh_export_post_json(((const struct logs *)to)->post);
}

static void say(const void *to, cJSON *list)
{
	bh_export_post_say(((const struct logs *)to)->post, list);
}

bool bh_otlp_sink(struct bh_core *core, const char *host, struct bh_curl_loop *loop,
		  struct bh_log_sink *sink)
{
	const struct bh_config_otlp *config = &core->config.exports.otlp;

	if (config->url[0] == '\0' || !(config->log.flows || config->log.events))
		return false;
	struct logs *l = bh_calloc(1, sizeof(*l));
	struct bh_export_post_user user = { .kind = "otlp-logs",
					    .what = "log records",
					    .url = signal_url(config, "/v1/logs", l->url),
					    .ca = config->ca,
					    .secrets = config->headers,
					    .is_loss = true,
					    .user = l,
					    .next = next_logs,
					    .sign = add_headers,
					    .judge = judge,
					    .rejected = bh_otlp_rejected,
					    .waiting = count_waiting };
	l->host = host;
	l->queue.limit = QUEUE;
	l->post = bh_export_post_new(core, loop, &user);
	*sink = (struct bh_log_sink) { &config->log, true,	l,    add, tick,
				       is_done,	     free_logs, json, say };
	return true;
}

/* --- metrics ---------------------------------------------------------------------------------- */

struct bh_otlp_metrics {
	struct bh_core *core;
	char host[256];
	char url[BH_CONFIG_TEXT + 16];
	struct bh_export_post *post;
	int64_t due; /* monotonic */
	bool is_due;
};

static struct bh_post_batch next_metrics(void *user, struct bh_buffer *body)
{
	struct bh_otlp_metrics *m = user;
	struct bh_post_batch batch = { .time = bh_time_monotonic() };

	if (!m->is_due)
		return batch;
	m->is_due = false;
	cJSON *facts = bh_core_metrics_json(m->core);
	batch.records = bh_otlp_metrics(body, m->host, facts, m->core->started, bh_time_now());
	cJSON_Delete(facts);
	return batch;
}

static size_t no_more(const void *user)
{
	(void)user;
	return 0;
}

void bh_otlp_metrics_tick(struct bh_otlp_metrics *m, int64_t now)
{
	if (m == NULL)
		return;
	if (now >= m->due) {
		m->due = now + m->core->config.exports.otlp.metrics;
		m->is_due = true;
		bh_export_post_replace(m->post);
	}
	bh_export_post_tick(m->post, now);
}

struct bh_otlp_metrics *bh_otlp_metrics_new(struct bh_core *core, struct bh_curl_loop *loop)
{
	const struct bh_config_otlp *config = &core->config.exports.otlp;

	if (config->url[0] == '\0' || config->metrics == 0)
		return NULL;
	struct bh_otlp_metrics *m = bh_calloc(1, sizeof(*m));
	struct bh_export_post_user user = { .kind = "otlp-metrics",
					    .what = "metrics",
					    .url = signal_url(config, "/v1/metrics", m->url),
					    .ca = config->ca,
					    .secrets = config->headers,
					    .user = m,
					    .next = next_metrics,
					    .sign = add_headers,
					    .judge = judge,
					    .rejected = bh_otlp_rejected,
					    .waiting = no_more };
	m->core = core;
	gethostname(m->host, sizeof(m->host) - 1);
	m->due = bh_time_monotonic() + config->metrics;
	m->post = bh_export_post_new(core, loop, &user);
	return m;
}

void bh_otlp_metrics_free(struct bh_otlp_metrics *m)
{
	if (m != NULL)
		bh_export_post_free(m->post);
	free(m);
}

void bh_otlp_metrics_json(const struct bh_otlp_metrics *m, cJSON *list)
{
	if (m != NULL)
		cJSON_AddItemToArray(list, bh_export_post_json(m->post));
}

void bh_otlp_metrics_say(const struct bh_otlp_metrics *m, cJSON *list)
{
	if (m != NULL)
		bh_export_post_say(m->post, list);
}
