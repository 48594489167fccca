/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel_relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "grow.h"
#include "kernel_files.h"
#include "runtime.h"

#define CHUNK 16384
#define MOST_REQUESTS 1024

struct request {
	TAILQ_ENTRY(request) next;
	struct bh_relay *relay;
	uint32_t id;
	uint8_t runtime;
	bool tells_news;
	struct bh_files *files; /* NULL: it is one to a socket */
	uv_pipe_t pipe;
	uv_connect_t connect;
	uv_write_t write;
	char text[1024];
	char chunk[CHUNK];
};

struct bh_relay {
	uv_loop_t *loop;
	const struct bh_config *config;
	struct bh_channel *core;
	void (*news)(void *user);
	void *user;
	size_t count;
	TAILQ_HEAD(, request) requests;
};

struct bh_relay *bh_relay_new(uv_loop_t *loop, const struct bh_config *config,
			      void (*news)(void *user), void *user)
{
	struct bh_relay *relay = bh_calloc(1, sizeof(*relay));

	relay->loop = loop;
	relay->config = config;
	relay->news = news;
	relay->user = user;
	TAILQ_INIT(&relay->requests);
	return relay;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void tell_end(struct bh_relay *relay, uint32_t id, uint8_t runtime, int error)
{
	struct bh_msg_runtime_end end = { .request = id, .runtime = runtime, .error = error };

	if (relay->core != NULL)
		bh_channel_send(relay->core, BH_MSG_RUNTIME_END, &end, sizeof(end), NULL, 0, -1);
}

/* libuv's error codes are negative errnos on Linux, but for its own. */
static int as_errno(ssize_t status)
{
	return status == UV_EOF ? 0 : status < -4000 ? -EIO : (int)status;
}

static void finish(struct request *r, ssize_t status, bool tell)
{
	if (r->files == NULL && uv_is_closing((uv_handle_t *)&r->pipe))
		return;
	TAILQ_REMOVE(&r->relay->requests, r, next);
	r->relay->count--;
	if (tell)
		tell_end(r->relay, r->id, r->runtime, as_errno(status));
	if (r->files == NULL) {
		uv_close((uv_handle_t *)&r->pipe, on_closed);
		return;
	}
	bh_files_close(r->files);
	free(r);
}

void bh_relay_attach(struct bh_relay *relay, struct bh_channel *core)
{
	while (!TAILQ_EMPTY(&relay->requests))
		finish(TAILQ_FIRST(&relay->requests), 0, false);
	relay->core = core;
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct request *r = handle->data;

	(void)suggested;
	*buf = uv_buf_init(r->chunk, sizeof(r->chunk));
}

/* A reply with a hole in it is worse than none: where one finds no room the back end starts over.
 */
static bool pass_on(const struct request *r, const void *bytes, size_t length)
{
	struct bh_msg_runtime_data head = { .request = r->id, .runtime = r->runtime };

	if (r->tells_news)
		r->relay->news(r->relay->user);
	return r->relay->core == NULL || bh_channel_send(r->relay->core, BH_MSG_RUNTIME_DATA, &head,
							 sizeof(head), bytes, length, -1) == 0;
}

static void on_reply(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
	struct request *r = stream->data;

	if (got < 0) {
		finish(r, got, true);
		return;
	}
	/* The runtime is never left waiting for us to read. */
	if (got > 0 && !pass_on(r, buf->base, (size_t)got))
		finish(r, -ENOBUFS, true);
}

static void on_written(uv_write_t *write, int status)
{
	struct request *r = write->data;

	if (status != 0)
		finish(r, status, true);
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct request *r = connect->data;

	if (status != 0) {
		finish(r, status, true);
		return;
	}
	uv_buf_t text = uv_buf_init(r->text, (unsigned)strlen(r->text));
	r->write.data = r;
	uv_read_start((uv_stream_t *)&r->pipe, on_room, on_reply);
	uv_write(&r->write, (uv_stream_t *)&r->pipe, &text, 1, on_written);
}

static const char *socket_of(const struct bh_relay *relay, uint8_t runtime)
{
	switch (runtime) {
	case BH_RUNTIME_DOCKER:
		return relay->config->docker_socket;
	case BH_RUNTIME_PODMAN:
		return relay->config->podman_socket;
	case BH_RUNTIME_LXD:
		return relay->config->lxd_socket;
	case BH_RUNTIME_INCUS:
		return relay->config->incus_socket;
	default:
		return "";
	}
}

static struct request *new_request(struct bh_relay *relay, const struct bh_msg_runtime_get *get)
{
	struct request *r = bh_calloc(1, sizeof(*r));

	r->relay = relay;
	r->id = get->request;
	r->runtime = get->runtime;
	r->tells_news = get->query == BH_QUERY_EVENTS || get->query == BH_QUERY_FILES;
	return r;
}

static void begin(struct request *r)
{
	TAILQ_INSERT_TAIL(&r->relay->requests, r, next);
	r->relay->count++;
}

/* --- files ------------------------------------------------------------------------------------ */

static bool on_file_data(void *user, const void *bytes, size_t length)
{
	return pass_on(user, bytes, length);
}

static void on_files_end(void *user, int error)
{
	finish(user, error, true);
}

static void get_files(struct bh_relay *relay, const struct bh_msg_runtime_get *get)
{
	struct request *r = new_request(relay, get);
	struct bh_files_events events = { r, on_file_data, on_files_end };

	r->files = bh_files_watch(relay->loop, relay->config, get->runtime, &events);
	begin(r);
}

/* --- sockets ---------------------------------------------------------------------------------- */

static void get_reply(struct bh_relay *relay, const struct bh_msg_runtime_get *get,
		      const char *socket)
{
	struct request *r = new_request(relay, get);

	if (!bh_runtime_request_text(get->runtime, get->query, get->argument, r->text,
				     sizeof(r->text))) {
		free(r);
		tell_end(relay, get->request, get->runtime, -EINVAL);
		return;
	}
	r->connect.data = r;
	uv_pipe_init(relay->loop, &r->pipe, 0);
	r->pipe.data = r;
	begin(r);
	uv_pipe_connect(&r->connect, &r->pipe, socket, on_connected);
}

void bh_relay_get(struct bh_relay *relay, const struct bh_msg_runtime_get *get)
{
	const char *socket = socket_of(relay, get->runtime);

	if (relay->count >= MOST_REQUESTS)
		tell_end(relay, get->request, get->runtime, -EBUSY);
	else if (get->query == BH_QUERY_FILES)
		get_files(relay, get);
	else if (*socket == '\0')
		tell_end(relay, get->request, get->runtime, -ENOENT);
	else
		get_reply(relay, get, socket);
}
