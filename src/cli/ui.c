/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The web interface for whoever is on the daemon's host, or comes there by ssh: a token of his own,
 * good for hours and for no more than he may do anyway, and a door on a loopback address for as
 * long as this runs. The daemon may be in another network namespace: its socket is a file.
 *
 * The door passes bytes on, and asks for more only when the other side has taken what there was.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "answer.h"
#include "client.h"
#include "command.h"
#include "grow.h"
#include "query.h"

#define USUAL_PORT 7480
#define CHUNK 65536

struct door {
	uv_loop_t loop;
	uv_tcp_t listener;
	uv_signal_t interrupts[2];
	char socket[256];
	uint16_t port;
};

/* One half of a passage. */
struct end {
	union {
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} handle;
	struct passage *passage;
	struct end *other;
	char chunk[CHUNK]; /* on its way to the other one */
	uv_write_t write;
	uv_shutdown_t shutdown;
	bool finished; /* it says nothing more, and the other one was told */
};

struct passage {
	struct end browser, daemon;
	uv_connect_t connect;
	unsigned open; /* ends that are not closed yet */
};

/* --- passing on ------------------------------------------------------------------------------- */

static void read_on(struct end *end);

static void on_closed(uv_handle_t *handle)
{
	struct passage *p = ((struct end *)handle->data)->passage;

	if (--p->open == 0)
		free(p);
}

static void close_end(struct end *end)
{
	uv_handle_t *handle = (uv_handle_t *)&end->handle.stream;

	if (!uv_is_closing(handle))
		uv_close(handle, on_closed);
}

static void close_both(struct passage *p)
{
	close_end(&p->browser);
	close_end(&p->daemon);
}

static void on_shut(uv_shutdown_t *request, int status)
{
	struct end *end = request->data;

	if (status != 0 || end->other->finished)
		close_both(end->passage);
}

static void finish(struct end *end)
{
	struct end *other = end->other;

	end->finished = true;
	other->shutdown.data = end;
	if (uv_shutdown(&other->shutdown, &other->handle.stream, on_shut) != 0)
		close_both(end->passage);
}

static void on_written(uv_write_t *request, int status)
{
	struct end *end = request->data;

	if (status != 0)
		close_both(end->passage);
	else
		read_on(end);
}

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
	struct end *end = handle->data;

	(void)wanted;
	*buffer = uv_buf_init(end->chunk, sizeof(end->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
	struct end *end = stream->data;
	uv_buf_t data = uv_buf_init(buffer->base, got > 0 ? (unsigned)got : 0);

	if (got == 0)
		return;
	uv_read_stop(stream);
	if (got == UV_EOF)
		finish(end);
	else if (got < 0 ||
		 uv_write(&end->write, &end->other->handle.stream, &data, 1, on_written) != 0)
		close_both(end->passage);
}

static void read_on(struct end *end)
{
	if (!uv_is_closing((uv_handle_t *)&end->handle.stream) &&
	    uv_read_start(&end->handle.stream, give_room, on_read) != 0)
		close_both(end->passage);
}

/* --- the door --------------------------------------------------------------------------------- */

static void on_connected(uv_connect_t *request, int status)
{
	struct passage *p = request->data;

	if (status != 0) {
		bh_complain(0, "the daemon does not answer (%s)", uv_strerror(status));
		close_both(p);
		return;
	}
	read_on(&p->browser);
	read_on(&p->daemon);
}

static void set_up(struct end *end, struct passage *p, struct end *other)
{
	end->passage = p;
	end->other = other;
	end->handle.stream.data = end;
	end->write.data = end;
	p->open++;
}

static void on_caller(uv_stream_t *listener, int status)
{
	struct door *door = listener->data;
	struct passage *p;

	if (status != 0)
		return;
	p = bh_calloc(1, sizeof(*p));
	uv_tcp_init(&door->loop, &p->browser.handle.tcp);
	uv_pipe_init(&door->loop, &p->daemon.handle.pipe, 0);
	set_up(&p->browser, p, &p->daemon);
	set_up(&p->daemon, p, &p->browser);
	p->connect.data = p;
	if (uv_accept(listener, &p->browser.handle.stream) != 0) {
		close_both(p);
		return;
	}
	uv_tcp_nodelay(&p->browser.handle.tcp, 1);
	uv_pipe_connect(&p->connect, &p->daemon.handle.pipe, door->socket, on_connected);
}

static int listen_at(struct door *door, uint16_t port)
{
	struct sockaddr_storage at;
	int size = sizeof(at);
	int result;

	uv_ip4_addr("127.0.0.1", port, (struct sockaddr_in *)&at);
	uv_tcp_init(&door->loop, &door->listener);
	door->listener.data = door;
	result = uv_tcp_bind(&door->listener, (struct sockaddr *)&at, 0);
	if (result == 0)
		result = uv_listen((uv_stream_t *)&door->listener, 16, on_caller);
	if (result == 0)
		result = uv_tcp_getsockname(&door->listener, (struct sockaddr *)&at, &size);
	if (result != 0) {
		uv_close((uv_handle_t *)&door->listener, NULL);
		uv_run(&door->loop, UV_RUN_DEFAULT);
		return result;
	}
	door->port = ntohs(((struct sockaddr_in *)&at)->sin_port);
	return 0;
}

static void on_interrupt(uv_signal_t *handle, int number)
{
	(void)number;
	uv_stop(handle->loop);
}

static void watch_interrupts(struct door *door)
{
	static const int numbers[] = { SIGINT, SIGTERM };

	for (size_t i = 0; i < 2; i++) {
		uv_signal_init(&door->loop, &door->interrupts[i]);
		uv_signal_start(&door->interrupts[i], on_interrupt, numbers[i]);
	}
	signal(SIGPIPE, SIG_IGN);
}

/* The usual port, or any where somebody has it: who asked for one gets that one. */
static int open_door(struct door *door, const char *wanted)
{
	int64_t port = USUAL_PORT;

	if (wanted != NULL && (!bh_query_number(wanted, &port) || port < 1 || port > UINT16_MAX))
		return bh_complain(BH_EXIT_USAGE, "--port takes a number from 1 to 65535, not %s",
				   wanted);
	uv_loop_init(&door->loop);
	int result = listen_at(door, (uint16_t)port);
	if (result == UV_EADDRINUSE && wanted == NULL)
		result = listen_at(door, 0);
	if (result != 0)
		return bh_complain(BH_EXIT_UNREACHABLE, "127.0.0.1:%d: %s", (int)port,
				   uv_strerror(result));
	return BH_EXIT_DONE;
}

static void tell(const struct bh_call *call, const struct door *door, const cJSON *session)
{
	const char *token = bh_word(session, "token");

	if (call->json)
		printf("{\"url\":\"http://127.0.0.1:%d/\",\"token\":\"%s\",\"role\":\"%s\"}\n",
		       door->port, token, bh_word(session, "role"));
	else
		printf("Open this in a browser; whoever has it is %s for twelve hours:\n\n"
		       "  http://127.0.0.1:%d/#token=%s\n\n"
		       "It works for as long as this runs: Ctrl-C ends it. From another machine: "
		       "ssh "
		       "-L %d:127.0.0.1:%d THIS-HOST first.\n",
		       strcmp(bh_word(session, "role"), "operator") == 0 ? "an operator"
									 : "a viewer",
		       door->port, token, door->port, door->port);
	fflush(stdout);
}

static int serve(const struct bh_call *call, struct door *door, const cJSON *session)
{
	const char *socket = bh_text(session, "socket");

	if (socket == NULL)
		return bh_complain(BH_EXIT_NO,
				   "the web interface is at no socket: add web.sock to web.listen "
				   "in the configuration");
	if (!bh_copy_text(door->socket, sizeof(door->socket), socket))
		return bh_complain(BH_EXIT_UNREACHABLE, "%s is too long a name", socket);
	watch_interrupts(door);
	tell(call, door, session);
	uv_run(&door->loop, UV_RUN_DEFAULT);
	return BH_EXIT_DONE;
}

/* Once there is a door: nobody is to have a session that leads nowhere. */
static int begin_session(const struct bh_call *call, struct door *door)
{
	struct bh_request request = { .method = "POST", .path = "/v1/session" };
	struct bh_buffer text = { 0 };
	int result = bh_client_text(call, &request, &text);

	if (result == BH_EXIT_DONE) {
		cJSON *session = bh_answer_parse(text.data);

		result = serve(call, door, session);
		cJSON_Delete(session);
	}
	bh_buffer_free(&text);
	return result;
}

int bh_ui_run(const struct bh_call *call)
{
	struct door *door = bh_calloc(1, sizeof(*door));
	int result = open_door(door, bh_call_option(call, "port"));

	if (result == BH_EXIT_DONE)
		result = begin_session(call, door);
	free(door);
	return result;
}
