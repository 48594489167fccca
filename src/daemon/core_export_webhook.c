/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events to webhooks: each is a POST of its own, in order. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_export_post.h"
#include "core_export_sink.h"
#include "grow.h"
#include "queue.h"
#include "webhook.h"

#define QUEUE (4 << 20) /* bytes that wait */

struct hook {
	const struct bh_config_webhook *config;
	struct bh_export_post *post;
	struct bh_export_queue queue; /* of ids, which are of one length, each with its body */
	char id[BH_WEBHOOK_ID];	      /* of what is being sent */
};

static void add(void *to, const struct bh_log_record *record)
{
	struct hook *h = to;
	const struct bh_post_batch one = { 1, bh_post_is_quiet(record->kind), bh_time_monotonic() };
	struct bh_buffer message = { 0 };
	char id[BH_WEBHOOK_ID];

	if (!bh_webhook_id(id)) {
		bh_export_post_lose(h->post, &one);
		return;
	}
	bh_buffer_append(&message, id, sizeof(id));
	bh_webhook_body(&message, (enum bh_webhook_format)h->config->log.format, record);
	bh_export_post_queue(h->post, &h->queue, &one, message.data, message.length);
	bh_buffer_free(&message);
	bh_export_post_pump(h->post);
}

static struct bh_post_batch next(void *user, struct bh_buffer *body)
{
	struct hook *h = user;
	struct bh_post_batch one = { 0 };
	size_t length;
	const char *message = bh_export_post_first(h->post, &h->queue, &one, &length);

	if (message == NULL)
		return (struct bh_post_batch) { 0 };
	memcpy(h->id, message, sizeof(h->id));
	bh_buffer_append(body, message + sizeof(h->id), length - sizeof(h->id));
	bh_export_queue_drop(&h->queue);
	return one;
}

static void postpone(void *user, const struct bh_buffer *body, const struct bh_post_batch *one)
{
	struct hook *h = user;
	struct bh_buffer message = { 0 };

	bh_buffer_append(&message, h->id, sizeof(h->id));
	bh_buffer_append(&message, body->data, body->length);
	bh_export_post_queue(h->post, &h->queue, one, message.data, message.length);
	bh_buffer_free(&message);
}

static size_t count_waiting(const void *user)
{
	return ((const struct hook *)user)->queue.count;
}

static struct curl_slist *with(struct curl_slist *headers, const char *name, const char *value)
{
	struct bh_buffer text = { 0 };

	bh_buffer_printf(&text, "%s: %s", name, value);
	headers = curl_slist_append(headers, text.data);
	bh_buffer_free(&text);
	return headers;
}

static const char *sign(void *user, const char *secrets, const struct bh_buffer *body,
			struct curl_slist **headers)
{
	const struct hook *h = user;
	int64_t now = bh_time_now() / BH_SECOND;
	struct bh_buffer signature = { 0 };
	char time[32];

	snprintf(time, sizeof(time), "%" PRId64, now);
	*headers = with(*headers, "webhook-id", h->id);
	*headers = with(*headers, "webhook-timestamp", time);
	if (secrets == NULL)
		return NULL;
	const char *fault =
		bh_webhook_sign(&signature, secrets, h->id, now, body->data, body->length);
	if (fault == NULL)
		*headers = with(*headers, "webhook-signature", signature.data);
	bh_buffer_free(&signature);
	return fault;
}

/* 410: the receiver wants no more (Standard Webhooks, "Responding to webhooks"). */
static enum bh_post_answer judge(long status)
{
	if (status == 410)
		return BH_POST_GONE;
	if (bh_webhook_is_refused(status))
		return BH_POST_REFUSED;
	return status == 429 || (status >= 502 && status <= 504) ? BH_POST_AWAY : BH_POST_AGAIN;
}

static void tick(void *to, int64_t now)
{
	bh_export_post_tick(((struct hook *)to)->post, now);
}

static bool is_done(const void *to)
{
	return bh_export_post_is_done(((const struct hook *)to)->post);
}

static void free_hook(void *to)
{
	struct hook *h = to;

	bh_export_post_free(h->post);
	bh_export_queue_free(&h->queue);
	free(h);
}

static cJSON *json(const void *to)
{
	return bh_export_post_json(((const struct hook *)to)->post);
}

static void say(const void *to, cJSON *list)
{
	bh_export_post_say(((const struct hook *)to)->post, list);
}

bool bh_webhook_sink(struct bh_core *core, uint32_t number, struct bh_curl_loop *loop,
		     struct bh_log_sink *sink)
{
	const struct bh_config_webhook *config = &core->config.exports.webhooks.items[number];
	bool several = core->config.exports.webhooks.count > 1;
	struct hook *h = bh_calloc(1, sizeof(*h));
	struct bh_export_post_user user = { .kind = "webhook",
					    .what = "events",
					    .url = config->url,
					    .number = several ? number + 1 : 0,
					    .ca = config->ca,
					    .secrets = config->secret,
					    .is_loss = true,
					    .user = h,
					    .next = next,
					    .postpone = postpone,
					    .sign = sign,
					    .judge = judge,
					    .waiting = count_waiting };

	h->config = config;
	h->queue.limit = QUEUE;
	h->post = bh_export_post_new(core, loop, &user);
	*sink = (struct bh_log_sink) { &config->log, true,	h,    add, tick,
				       is_done,	     free_hook, json, say };
	return true;
}
