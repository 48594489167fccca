/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams of lines. A stream asks its source for more only when the client has taken what it had,
 * and is suspended when there is nothing (its descriptor is watched for a hang-up): a slow reader
 * costs one buffer of limited size, never a queue. What finds no room there is dropped, oldest
 * lines first, and the reader is told how many.
 *
 * Whoever accepts text/event-stream gets server-sent events (html.spec.whatwg.org, 9.2): lines are
 * framed as they are sent, so that what is dropped is whole lines in either form. Without news a
 * comment is sent now and then: what stands between, and the reader, can tell silence from absence.
 *
 * Handlers may wake the streams (a change is an event). So waking never runs the server: it would
 * be entered a second time, and serve the same request again. It marks the streams, and makes the
 * descriptor readable.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "grow.h"
#include "server_parts.h"
#include "timefmt.h"

#define STREAM_BLOCK 16384
#define BEAT (15 * BH_SECOND)

struct stream {
	TAILQ_ENTRY(stream) next;
	struct bh_api *api;
	struct MHD_Connection *connection;
	struct bh_api_reply source; /* stream, stream_state, stream_free */
	bool framed;		    /* server-sent events */
	struct bh_buffer waiting;   /* lines */
	struct bh_buffer frames;    /* what of them is being sent */
	int64_t said;		    /* monotonic µs: when something was last sent */
	bool suspended;
	bool left; /* the client hung up */
};

/* --- lines ------------------------------------------------------------------------------------ */

/* Drops whole lines from the front until the rest is no longer than room; returns how many. */
static size_t drop_lines(struct bh_buffer *lines, size_t room)
{
	const char *at = lines->data, *end = lines->data + lines->length, *newline;
	size_t count = 0;

	while ((size_t)(end - at) > room && (newline = memchr(at, '\n', (size_t)(end - at)))) {
		at = newline + 1;
		count++;
	}
	bh_buffer_consume(lines, (size_t)(at - lines->data));
	return count;
}

static void refill(struct stream *s)
{
	size_t room = s->api->config.max_stream;
	struct bh_buffer told = { 0 };

	s->source.stream(s->source.stream_state, &s->waiting);
	if (s->waiting.length <= room)
		return;
	bh_buffer_printf(&told, "{\"gap\":%zu}\n", drop_lines(&s->waiting, room));
	bh_buffer_append(&told, s->waiting.data, s->waiting.length);
	bh_buffer_free(&s->waiting);
	s->waiting = told;
}

static bool begins(const char *line, size_t length, const char *with)
{
	size_t size = strlen(with);

	return length >= size && memcmp(line, with, size) == 0;
}

/* One line as an event. */
static void frame(struct stream *s, const char *line, size_t length)
{
	static const char number[] = "{\"number\":";
	struct bh_buffer *out = &s->frames;
	size_t digits = 0;

	if (begins(line, length, number))
		digits = strspn(line + sizeof(number) - 1, "0123456789");
	if (digits > 0)
		bh_buffer_printf(out, "id: %.*s\n", (int)digits, line + sizeof(number) - 1);
	bh_buffer_printf(out, "event: %s\ndata: ",
			 begins(line, length, "{\"gap\":") || s->source.stream_kind == NULL
				 ? "gap"
				 : s->source.stream_kind);
	bh_buffer_append(out, line, length);
	bh_buffer_puts(out, "\n\n");
}

/* Frames a block's worth of lines. */
static void frame_some(struct stream *s)
{
	const char *at = s->waiting.data, *end, *newline;

	if (s->waiting.length == 0)
		return;
	end = at + s->waiting.length;
	while (at < end && s->frames.length < STREAM_BLOCK &&
	       (newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		frame(s, at, (size_t)(newline - at));
		at = newline + 1;
	}
	bh_buffer_consume(&s->waiting, (size_t)(at - s->waiting.data));
}

/* --- the connection --------------------------------------------------------------------------- */

/* libmicrohttpd does not look at a suspended connection, so this does: clients that hung up would
 * use up all there are. No event is asked for; a hang-up is always told. */
static void suspend(struct stream *s)
{
	struct epoll_event event = { .data.ptr = s };

	s->suspended = true;
	MHD_suspend_connection(s->connection);
	epoll_ctl(s->api->poll_fd, EPOLL_CTL_ADD, bh_api_descriptor(s->connection), &event);
}

static void resume(struct stream *s)
{
	if (!s->suspended)
		return;
	s->suspended = false;
	epoll_ctl(s->api->poll_fd, EPOLL_CTL_DEL, bh_api_descriptor(s->connection), NULL);
	MHD_resume_connection(s->connection);
	eventfd_write(s->api->wake_fd, 1);
}

static ssize_t read_stream(void *closure, uint64_t position, char *out, size_t room)
{
	struct stream *s = closure;
	struct bh_buffer *from = s->framed ? &s->frames : &s->waiting;

	(void)position;
	if (s->left)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (s->waiting.length == 0 && from->length == 0)
		refill(s);
	if (s->framed && s->frames.length == 0)
		frame_some(s);
	size_t some = from->length < room ? from->length : room;
	if (some == 0) {
		suspend(s);
		return 0;
	}
	memcpy(out, from->data, some);
	bh_buffer_consume(from, some);
	s->said = bh_time_monotonic();
	return (ssize_t)some;
}

static void free_stream(void *closure)
{
	struct stream *s = closure;

	TAILQ_REMOVE(&s->api->streams, s, next);
	if (s->source.stream_free != NULL)
		s->source.stream_free(s->source.stream_state);
	bh_buffer_free(&s->waiting);
	bh_buffer_free(&s->frames);
	free(s);
}

static bool wants_events(struct MHD_Connection *connection)
{
	const char *accept =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);

	return accept != NULL && strstr(accept, "text/event-stream") != NULL;
}

enum MHD_Result bh_api_stream(struct bh_api *api, struct MHD_Connection *connection,
			      const struct bh_api_reply *reply)
{
	struct stream *s = bh_calloc(1, sizeof(*s));

	s->api = api;
	s->connection = connection;
	s->source = *reply;
	s->framed = wants_events(connection);
	s->said = bh_time_monotonic();
	/* So that the head is sent, and the reader knows that it is heard. */
	if (s->framed)
		bh_buffer_puts(&s->frames, ": bulkhead\n\n");
	TAILQ_INSERT_TAIL(&api->streams, s, next);
	/* Who follows may wait for hours, and be slow to read. */
	MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
	return bh_api_queue(connection, MHD_HTTP_OK,
			    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK,
							      read_stream, s, free_stream),
			    s->framed ? "text/event-stream" : "application/x-ndjson");
}

void bh_api_stream_left(struct stream *s)
{
	s->left = true;
	resume(s);
}

void bh_api_wake(struct bh_api *api)
{
	struct stream *s;

	TAILQ_FOREACH (s, &api->streams, next)
		resume(s);
}

static int64_t beat_due(const struct stream *s, int64_t now)
{
	int64_t due = s->said + BEAT - now;

	return due > 0 ? due : 0;
}

void bh_api_streams_beat(struct bh_api *api)
{
	int64_t now = bh_time_monotonic();
	struct stream *s;

	TAILQ_FOREACH (s, &api->streams, next) {
		if (!s->framed || !s->suspended || beat_due(s, now) > 0)
			continue;
		bh_buffer_puts(&s->frames, ": still here\n\n");
		resume(s);
	}
}

int64_t bh_api_streams_wait(const struct bh_api *api)
{
	int64_t now = bh_time_monotonic(), least = -1;
	const struct stream *s;

	TAILQ_FOREACH (s, &api->streams, next)
		if (s->framed && s->suspended && (least < 0 || beat_due(s, now) < least))
			least = beat_due(s, now);
	return least;
}
