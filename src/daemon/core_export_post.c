/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_export_post.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core_export_health.h"
#include "config_webhooks.h"
#include "grow.h"
#include "log.h"
#include "timefmt.h"

#define CONNECT_SECONDS 10L
#define SECONDS 30L /* for all of a request */
#define FIRST_RETRY_MS 1000
#define LAST_RETRY_MS 300000
#define LONGEST_ASKED_MS 3600000 /* by Retry-After */
#define TOO_OLD (86400 * BH_SECOND)
#define MOST_TRIES 5	  /* of a message that may not be liked, while others wait */
#define MOST_ANSWER 65536 /* bytes of it that are kept */
#define MOST_SECRETS 16384

enum state {
	IDLE,
	SENDING,
	WAITS, /* until it is tried again */
	GONE,
};

struct bh_export_post {
	struct bh_transfer transfer; /* the first member */
	struct bh_core *core;
	struct bh_curl_loop *loop;
	struct bh_export_post_user user;
	char text[BH_URL_TEXT + 16]; /* where to, without what may be a secret */
	enum state state;
	struct bh_buffer body; /* not taken yet, where there are records in it: */
	struct bh_post_batch batch;
	unsigned tries; /* of it that were answered, and not by who is away */
	bool refused;	/* so was the last one */
	struct curl_slist *headers;
	struct bh_buffer answer;
	char reason[CURL_ERROR_SIZE];
	uv_timer_t retry;
	uint64_t retry_ms;
	uint64_t sent, lost;
	char warned[160]; /* what it remarked, as long as it is the same */
	struct bh_export_health health;
};

/* --- what waits ------------------------------------------------------------------------------- */

bool bh_post_is_quiet(const char *kind)
{
	return strcmp(kind, "loss") == 0 || strcmp(kind, "export") == 0;
}

void bh_export_post_lose(struct bh_export_post *p, const struct bh_post_batch *batch)
{
	p->lost += batch->records;
	if (p->user.is_loss)
		bh_core_lost(p->core, BH_LOSS_LOGS, batch->records - batch->quiet);
}

static void forget_body(struct bh_export_post *p)
{
	p->batch = (struct bh_post_batch) { 0 };
	p->tries = 0;
	bh_buffer_clear(&p->body);
}

static void lose_body(struct bh_export_post *p)
{
	bh_export_post_lose(p, &p->batch);
	forget_body(p);
}

static bool is_too_old(const struct bh_post_batch *batch)
{
	return bh_time_monotonic() - batch->time >= TOO_OLD;
}

static const char *first(const struct bh_export_queue *queue, struct bh_post_batch *one,
			 size_t *length)
{
	const char *item = bh_export_queue_first(queue, length);

	if (item == NULL)
		return NULL;
	memcpy(one, item, sizeof(*one));
	*length -= sizeof(*one);
	return item + sizeof(*one);
}

void bh_export_post_queue(struct bh_export_post *p, struct bh_export_queue *queue,
			  const struct bh_post_batch *one, const void *payload, size_t length)
{
	struct bh_post_batch oldest;
	size_t ignored;

	while (!bh_export_queue_fits(queue, sizeof(*one) + length) &&
	       first(queue, &oldest, &ignored) != NULL) {
		bh_export_queue_drop(queue);
		bh_export_post_lose(p, &oldest);
	}
	bh_export_queue_add(queue, one, sizeof(*one), payload, length);
}

const char *bh_export_post_first(struct bh_export_post *p, struct bh_export_queue *queue,
				 struct bh_post_batch *one, size_t *length)
{
	const char *payload;

	while ((payload = first(queue, one, length)) != NULL && is_too_old(one)) {
		bh_export_queue_drop(queue);
		bh_export_post_lose(p, one);
	}
	return payload;
}

/* --- what is answered ------------------------------------------------------------------------- */

static void end_try(struct bh_export_post *p)
{
	curl_easy_cleanup(p->transfer.curl);
	curl_slist_free_all(p->headers);
	p->transfer.curl = NULL;
	p->headers = NULL;
}

static void on_retry(uv_timer_t *timer)
{
	struct bh_export_post *p = timer->data;

	p->state = IDLE;
	bh_export_post_pump(p);
}

/* Doubling, and not all at once: half of it is by chance. Not before what the other side asked. */
static void retry_later(struct bh_export_post *p, curl_off_t asked_seconds)
{
	uint64_t asked = asked_seconds < 0 ? 0 : (uint64_t)asked_seconds * 1000, wait;
	uint32_t chance = 0;

	uv_random(NULL, NULL, &chance, sizeof(chance), 0, NULL);
	wait = p->retry_ms / 2 + chance % (p->retry_ms / 2 + 1);
	asked = asked < LONGEST_ASKED_MS ? asked : LONGEST_ASKED_MS;
	p->state = WAITS;
	uv_timer_start(&p->retry, on_retry, wait > asked ? wait : asked, 0);
	p->retry_ms = p->retry_ms * 2 < LAST_RETRY_MS ? p->retry_ms * 2 : LAST_RETRY_MS;
}

/* Who does not like one message is sent the others in between. */
static void try_again(struct bh_export_post *p, bool away, curl_off_t asked_seconds)
{
	if (!away)
		p->tries++;
	if (is_too_old(&p->batch)) {
		lose_body(p);
	} else if (p->tries >= MOST_TRIES && p->user.postpone != NULL &&
		   p->user.waiting(p->user.user) > 0) {
		p->user.postpone(p->user.user, &p->body, &p->batch);
		forget_body(p);
	}
	retry_later(p, asked_seconds);
}

static void tell_rejected(struct bh_export_post *p, uint64_t rejected, const char *why)
{
	if (rejected > 0)
		snprintf(p->health.why, sizeof(p->health.why), "it rejects some%s%s",
			 *why != '\0' ? ": " : "", why);
	else if (*why != '\0' && strcmp(p->warned, why) != 0)
		bh_log(BH_LOG_WARNING, "%s: %s", p->text, why);
	bh_copy_text(p->warned, sizeof(p->warned), why);
}

static void take(struct bh_export_post *p)
{
	struct bh_post_batch rejected = { 0 };
	char why[160] = "";

	p->health.why[0] = '\0';
	if (p->user.rejected != NULL && p->answer.length > 0)
		rejected.records =
			p->user.rejected(p->answer.data, p->answer.length, why, sizeof(why));
	if (rejected.records > p->batch.records)
		rejected.records = p->batch.records;
	/* Which ones they were is not said. */
	if (p->batch.quiet == p->batch.records)
		rejected.quiet = rejected.records;
	tell_rejected(p, rejected.records, why);
	p->refused = rejected.records > 0;
	p->sent += p->batch.records - rejected.records;
	bh_export_post_lose(p, &rejected);
	p->retry_ms = FIRST_RETRY_MS;
	forget_body(p);
}

/* Nobody misses it there. */
static void drop_all(struct bh_export_post *p)
{
	do {
		p->batch.quiet = p->batch.records;
		lose_body(p);
		p->batch = p->user.next(p->user.user, &p->body);
	} while (p->batch.records > 0);
}

static void refuse(struct bh_export_post *p)
{
	p->refused = true;
	p->retry_ms = FIRST_RETRY_MS;
	lose_body(p);
}

static void take_status(struct bh_export_post *p, long status, curl_off_t asked_seconds)
{
	if (status >= 200 && status < 300) {
		take(p);
		return;
	}
	snprintf(p->health.why, sizeof(p->health.why), "it answers %ld", status);
	switch (p->user.judge(status)) {
	case BH_POST_AWAY:
		try_again(p, true, asked_seconds);
		break;
	case BH_POST_AGAIN:
		try_again(p, false, asked_seconds);
		break;
	case BH_POST_REFUSED:
		refuse(p);
		break;
	case BH_POST_GONE:
		snprintf(p->health.why, sizeof(p->health.why),
			 "it answers %ld: nothing is sent there until bulkhead is started again",
			 status);
		drop_all(p);
		p->state = GONE;
		break;
	}
}

static void on_ended(struct bh_transfer *transfer, CURLcode result)
{
	struct bh_export_post *p = (struct bh_export_post *)(void *)transfer;
	curl_off_t asked = 0;
	long status = 0;

	p->state = IDLE;
	p->refused = false;
	if (result == CURLE_OK) {
		curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(transfer->curl, CURLINFO_RETRY_AFTER, &asked);
		end_try(p);
		take_status(p, status, asked);
	} else {
		end_try(p);
		bh_copy_text(p->health.why, sizeof(p->health.why),
			     p->reason[0] != '\0' ? p->reason : curl_easy_strerror(result));
		try_again(p, true, 0);
	}
	bh_export_post_pump(p);
}

/* --- a try ------------------------------------------------------------------------------------ */

static size_t keep_answer(char *bytes, size_t size, size_t count, void *user)
{
	struct bh_export_post *p = user;
	size_t length = size * count, room = MOST_ANSWER - p->answer.length;

	bh_buffer_append(&p->answer, bytes, length < room ? length : room);
	return length;
}

/* The headers that only whoever knows the secrets can make; false: p->reason says why not. */
static bool sign(struct bh_export_post *p)
{
	const char *path = p->user.secrets, *fault;
	char secrets[MOST_SECRETS];

	if (*path == '\0')
		return p->user.sign(p->user.user, NULL, &p->body, &p->headers) == NULL;
	BH_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got = fd < 0 ? -1 : read(fd, secrets, sizeof(secrets) - 1);
	if (got < 0) {
		snprintf(p->reason, sizeof(p->reason), "%.160s: %s", path, strerror(errno));
		return false;
	}
	secrets[got] = '\0';
	fault = p->user.sign(p->user.user, secrets, &p->body, &p->headers);
	explicit_bzero(secrets, sizeof(secrets));
	if (fault != NULL)
		snprintf(p->reason, sizeof(p->reason), "%.160s: %s", path, fault);
	return fault == NULL;
}

static void prepare(struct bh_export_post *p, CURL *curl)
{
	p->headers = curl_slist_append(p->headers, "Content-Type: application/json");
	p->headers = curl_slist_append(p->headers, "Expect:");
	curl_easy_setopt(curl, CURLOPT_URL, p->user.url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, p->headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, p->body.data);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)p->body.length);
	if (*p->user.ca != '\0') {
		curl_easy_setopt(curl, CURLOPT_CAINFO, p->user.ca);
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, SECONDS);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "bulkhead/" BULKHEAD_VERSION);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, p->reason);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, p);
}

static void send_body(struct bh_export_post *p)
{
	bh_buffer_clear(&p->answer);
	p->reason[0] = '\0';
	p->state = SENDING;
	p->transfer.curl = sign(p) ? curl_easy_init() : NULL;
	if (p->transfer.curl != NULL)
		prepare(p, p->transfer.curl);
	bh_curl_loop_add(p->loop, &p->transfer);
}

void bh_export_post_pump(struct bh_export_post *p)
{
	if (p->state == GONE)
		drop_all(p);
	if (p->state != IDLE)
		return;
	if (p->batch.records == 0)
		p->batch = p->user.next(p->user.user, &p->body);
	if (p->batch.records > 0)
		send_body(p);
}

void bh_export_post_replace(struct bh_export_post *p)
{
	if (p->state != SENDING)
		lose_body(p);
}

/* --- telling ---------------------------------------------------------------------------------- */

void bh_export_post_tick(struct bh_export_post *p, int64_t now)
{
	bh_export_post_pump(p);
	bh_export_tell(p->core, &p->health, p->user.what, p->text, p->lost, now);
}

static const char *state_word(const struct bh_export_post *p)
{
	if (p->state == GONE || p->refused)
		return "refused";
	return p->health.why[0] != '\0' ? "waiting" : "sending";
}

static size_t count_waiting(const struct bh_export_post *p)
{
	return p->batch.records + p->user.waiting(p->user.user);
}

cJSON *bh_export_post_json(const struct bh_export_post *p)
{
	return bh_export_json(p->user.kind, p->text, state_word(p), &p->health, p->sent, p->lost,
			      count_waiting(p));
}

void bh_export_post_say(const struct bh_export_post *p, cJSON *list)
{
	bh_export_say(&p->health, p->user.what, p->text, p->lost, count_waiting(p), list);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void name(struct bh_export_post *p)
{
	char url[BH_URL_TEXT];

	bh_config_url_text(p->user.url, url);
	if (p->user.number == 0)
		snprintf(p->text, sizeof(p->text), "%s", url);
	else
		snprintf(p->text, sizeof(p->text), "%s #%" PRIu32, url, p->user.number);
}

struct bh_export_post *bh_export_post_new(struct bh_core *core, struct bh_curl_loop *loop,
					  const struct bh_export_post_user *user)
{
	struct bh_export_post *p = bh_calloc(1, sizeof(*p));

	p->core = core;
	p->loop = loop;
	p->user = *user;
	p->transfer.ended = on_ended;
	p->retry_ms = FIRST_RETRY_MS;
	name(p);
	uv_timer_init(&core->loop, &p->retry);
	p->retry.data = p;
	return p;
}

bool bh_export_post_is_done(const struct bh_export_post *p)
{
	return p->state == WAITS || p->state == GONE || (p->state == IDLE && count_waiting(p) == 0);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void bh_export_post_free(struct bh_export_post *p)
{
	if (p->state == SENDING)
		bh_curl_loop_remove(p->loop, &p->transfer);
	end_try(p);
	bh_buffer_free(&p->body);
	bh_buffer_free(&p->answer);
	uv_close((uv_handle_t *)&p->retry, on_closed);
}
