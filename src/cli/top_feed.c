/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "top_feed.h"

#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "buffer.h"
#include "client_curl.h"
#include "grow.h"
#include "timefmt.h"

#define RETRY (1 * BH_SECOND) /* until a daemon that is away is asked again */
#define POLL (5 * BH_SECOND)  /* between two questions for the same */
#define POLL_SECONDS 10L      /* of silence, after which a question was not answered */
#define MOST_FDS 8

/* A stream, or a question that is asked again and again. One is under way at a time. */
struct asking {
	struct bh_top_feed *feed;
	const char *path;
	CURL *curl;  /* NULL: not under way */
	int64_t due; /* monotonic: when it is asked again */
	bool headed; /* its status came, and is 200 */
	struct bh_buffer text;
};

struct bh_top_feed {
	const struct bh_call *call;
	const struct bh_top_news *news;
	CURLM *multi;
	char *filter; /* NULL: none */
	struct asking flows, workloads, status;
};

/* --- one question ----------------------------------------------------------------------------- */

static bool is_stream(const struct asking *a)
{
	return a == &a->feed->flows;
}

static void stop(struct asking *a)
{
	if (a->curl == NULL)
		return;
	curl_multi_remove_handle(a->feed->multi, a->curl);
	curl_easy_cleanup(a->curl);
	a->curl = NULL;
	bh_buffer_clear(&a->text);
}

static void hand_on_lines(struct asking *a)
{
	char *at = a->text.data, *end = at + a->text.length, *newline;

	while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		*newline = '\0';
		cJSON *line = bh_answer_parse(at);
		a->feed->news->line(a->feed->news->user, line);
		cJSON_Delete(line);
		at = newline + 1;
	}
	bh_buffer_consume(&a->text, (size_t)(at - a->text.data));
}

/* The answer's head alone says that flows come from now on: a stream may be silent. */
static size_t on_header(char *data, size_t size, size_t count, void *user)
{
	struct asking *a = user;
	long status = 0;

	curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
	if (!a->headed && status == 200 && is_stream(a))
		a->feed->news->begun(a->feed->news->user);
	a->headed = status == 200;
	(void)data;
	return size * count;
}

static size_t on_data(char *data, size_t size, size_t count, void *user)
{
	struct asking *a = user;

	bh_buffer_append(&a->text, data, size * count);
	if (is_stream(a) && a->headed)
		hand_on_lines(a);
	return size * count;
}

static void ask(struct asking *a)
{
	struct bh_request request = { .path = a->path };

	if (is_stream(a)) {
		bh_request_add(&request, "follow", "1");
		bh_request_add(&request, "filter", a->feed->filter);
	}
	a->curl = bh_client_prepare(a->feed->call, &request);
	a->headed = false;
	curl_easy_setopt(a->curl, CURLOPT_PRIVATE, a);
	curl_easy_setopt(a->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(a->curl, CURLOPT_HEADERDATA, a);
	curl_easy_setopt(a->curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(a->curl, CURLOPT_WRITEDATA, a);
	if (!is_stream(a))
		curl_easy_setopt(a->curl, CURLOPT_TIMEOUT, POLL_SECONDS);
	curl_multi_add_handle(a->feed->multi, a->curl);
}

/* --- what came of it -------------------------------------------------------------------------- */

static void tell_away(const struct asking *a, CURLcode code)
{
	cJSON *answer = a->text.data != NULL ? bh_answer_parse(a->text.data) : NULL;
	const char *what = bh_text(bh_get(answer, "error"), "what");

	a->feed->news->away(a->feed->news->user, what != NULL	    ? what
						 : code == CURLE_OK ? "it ended the stream"
						 : code == CURLE_OPERATION_TIMEDOUT
							 ? "it does not answer"
							 : curl_easy_strerror(code));
	cJSON_Delete(answer);
}

static void tell_answer(const struct asking *a)
{
	const struct bh_top_news *news = a->feed->news;
	cJSON *answer = a->text.data != NULL ? bh_answer_parse(a->text.data) : NULL;

	if (a == &a->feed->status)
		news->status(news->user, answer);
	else
		news->workloads(news->user, answer);
	cJSON_Delete(answer);
}

/* A question that was not answered means that the stream is dead, too, though nobody closed it. */
static void take_end(struct asking *a, CURLcode code)
{
	struct bh_top_feed *feed = a->feed;
	bool answered = !is_stream(a) && code == CURLE_OK && a->headed;

	if (answered)
		tell_answer(a);
	else if (is_stream(a) || code == CURLE_OPERATION_TIMEDOUT)
		tell_away(a, code);
	a->due = bh_time_monotonic() + (answered ? POLL : RETRY);
	if (!answered && !is_stream(a) && code == CURLE_OPERATION_TIMEDOUT) {
		stop(&feed->flows);
		feed->flows.due = a->due;
	}
	stop(a);
}

static void take_ends(struct bh_top_feed *feed)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(feed->multi, &left)) != NULL) {
		CURLcode code = message->data.result;
		struct asking *a = NULL;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&a);
		take_end(a, code);
	}
}

/* --- the feed --------------------------------------------------------------------------------- */

struct bh_top_feed *bh_top_feed_new(const struct bh_call *call, const struct bh_top_news *news)
{
	struct bh_top_feed *feed = bh_calloc(1, sizeof(*feed));

	feed->call = call;
	feed->news = news;
	feed->multi = curl_multi_init();
	feed->flows = (struct asking) { .feed = feed, .path = "/v1/flows" };
	feed->workloads = (struct asking) { .feed = feed, .path = "/v1/workloads" };
	feed->status = (struct asking) { .feed = feed, .path = "/v1/status" };
	return feed;
}

void bh_top_feed_free(struct bh_top_feed *feed)
{
	struct asking *all[] = { &feed->flows, &feed->workloads, &feed->status };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		stop(all[i]);
		bh_buffer_free(&all[i]->text);
	}
	curl_multi_cleanup(feed->multi);
	free(feed->filter);
	free(feed);
}

void bh_top_feed_filter(struct bh_top_feed *feed, const char *filter)
{
	free(feed->filter);
	feed->filter = filter != NULL ? bh_strdup(filter) : NULL;
	stop(&feed->flows);
	feed->flows.due = 0;
}

static void ask_what_is_due(struct bh_top_feed *feed)
{
	struct asking *all[] = { &feed->flows, &feed->workloads, &feed->status };
	int64_t now = bh_time_monotonic();

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->curl == NULL && now >= all[i]->due)
			ask(all[i]);
}

void bh_top_feed_wait(struct bh_top_feed *feed, const int *fds, size_t count, int milliseconds)
{
	struct curl_waitfd waits[MOST_FDS];
	int running;

	for (size_t i = 0; i < count && i < MOST_FDS; i++)
		waits[i] = (struct curl_waitfd) { .fd = fds[i], .events = CURL_WAIT_POLLIN };
	ask_what_is_due(feed);
	curl_multi_perform(feed->multi, &running);
	take_ends(feed);
	curl_multi_poll(feed->multi, waits, (unsigned)count, milliseconds, NULL);
	curl_multi_perform(feed->multi, &running);
	take_ends(feed);
}
