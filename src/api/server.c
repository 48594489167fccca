/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libmicrohttpd parses HTTP; what is ours is who may call, how much a body may hold, what an error
 * looks like, and streams. A stream asks its source for more only when the client has taken what it
 * had, and is suspended when there is nothing (its descriptor is watched for a hang-up): a slow
 * reader costs one buffer of limited size, never a queue. What finds no room there is dropped,
 * oldest lines first, and the reader is told how many.
 *
 * Handlers may wake the streams (a change is an event). So waking never runs the server: it would
 * be entered a second time, and serve the same request again. It marks the streams, and makes the
 * descriptor readable. libmicrohttpd alone would not: driven from outside, it forgets a resumed
 * connection until it happens to be run. Hence an epoll around its own, with an event beside it.
 */
#include "server.h"

#include <errno.h>
#include <grp.h>
#include <microhttpd.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "grow.h"

#define STREAM_BLOCK 16384
#define STREAM_ROOM (16u << 20)
#define SILENCE_SECONDS 60u /* how long a caller may say and take nothing */
#define MOST_GROUPS 256

/* A request under way: its body so far. */
struct exchange {
	struct bh_buffer body;
	bool too_large;
	struct MHD_Connection *connection;
	TAILQ_ENTRY(exchange) next; /* while its handler waits */
};

struct stream {
	TAILQ_ENTRY(stream) next;
	struct bh_api *api;
	struct MHD_Connection *connection;
	struct bh_api_reply source; /* stream, stream_state, stream_free */
	struct bh_buffer waiting;
	bool suspended;
	bool left; /* the client hung up */
};

struct bh_api {
	struct MHD_Daemon *daemon;
	int poll_fd; /* epoll: libmicrohttpd's, and wake_fd */
	int wake_fd; /* eventfd: a stream was resumed */
	struct bh_api_config config;
	const struct bh_api_route *routes;
	void *user;
	TAILQ_HEAD(, stream) streams;
	TAILQ_HEAD(, exchange) waiting;
};

/* --- replies ---------------------------------------------------------------------------------- */

void bh_api_fail(struct bh_api_reply *reply, unsigned status, const char *where, const char *fix,
		 const char *format, ...)
{
	char what[1400];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	free(reply->text);
	reply->text = NULL;
	cJSON_Delete(reply->json);
	reply->json = cJSON_CreateObject();
	cJSON *error = cJSON_AddObjectToObject(reply->json, "error");
	cJSON_AddStringToObject(error, "what", what);
	cJSON_AddItemToObject(error, "where",
			      where != NULL ? cJSON_CreateString(where) : cJSON_CreateNull());
	cJSON_AddItemToObject(error, "do",
			      fix != NULL ? cJSON_CreateString(fix) : cJSON_CreateNull());
	reply->status = status;
}

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status,
			     struct MHD_Response *response, const char *type)
{
	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status, char *text,
				 const char *type)
{
	return queue(connection, status,
		     MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE),
		     type);
}

/* --- streams ---------------------------------------------------------------------------------- */

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

static int descriptor(const struct stream *s)
{
	return MHD_get_connection_info(s->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
		->connect_fd;
}

/* libmicrohttpd does not look at a suspended connection, so this does: clients that hung up would
 * use up all there are. No event is asked for; a hang-up is always told. */
static void suspend(struct stream *s)
{
	struct epoll_event event = { .data.ptr = s };

	s->suspended = true;
	MHD_suspend_connection(s->connection);
	epoll_ctl(s->api->poll_fd, EPOLL_CTL_ADD, descriptor(s), &event);
}

static void resume(struct stream *s)
{
	if (!s->suspended)
		return;
	s->suspended = false;
	epoll_ctl(s->api->poll_fd, EPOLL_CTL_DEL, descriptor(s), NULL);
	MHD_resume_connection(s->connection);
	eventfd_write(s->api->wake_fd, 1);
}

static ssize_t read_stream(void *closure, uint64_t position, char *out, size_t room)
{
	struct stream *s = closure;

	(void)position;
	if (s->left)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (s->waiting.length == 0)
		refill(s);
	size_t some = s->waiting.length < room ? s->waiting.length : room;
	if (some == 0) {
		suspend(s);
		return 0;
	}
	memcpy(out, s->waiting.data, some);
	bh_buffer_consume(&s->waiting, some);
	return (ssize_t)some;
}

static void free_stream(void *closure)
{
	struct stream *s = closure;

	TAILQ_REMOVE(&s->api->streams, s, next);
	if (s->source.stream_free != NULL)
		s->source.stream_free(s->source.stream_state);
	bh_buffer_free(&s->waiting);
	free(s);
}

static enum MHD_Result send_stream(struct bh_api *api, struct MHD_Connection *connection,
				   const struct bh_api_reply *reply)
{
	struct stream *s = bh_calloc(1, sizeof(*s));

	s->api = api;
	s->connection = connection;
	s->source = *reply;
	TAILQ_INSERT_TAIL(&api->streams, s, next);
	/* Who follows may wait for hours, and be slow to read. */
	MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
	return queue(connection, MHD_HTTP_OK,
		     MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream,
						       s, free_stream),
		     "application/x-ndjson");
}

void bh_api_wake(struct bh_api *api)
{
	struct stream *s;

	TAILQ_FOREACH (s, &api->streams, next)
		resume(s);
}

static enum MHD_Result send_reply(struct bh_api *api, struct MHD_Connection *connection,
				  struct bh_api_reply *reply)
{
	unsigned status = reply->status != 0 ? reply->status : MHD_HTTP_OK;

	if (reply->stream != NULL)
		return send_stream(api, connection, reply);
	if (reply->text != NULL)
		return send_text(connection, status, reply->text, "text/plain; charset=utf-8");
	char *text = reply->json != NULL ? cJSON_PrintUnformatted(reply->json) : NULL;
	cJSON_Delete(reply->json);
	return send_text(connection, status, text != NULL ? text : bh_strdup("{}"),
			 "application/json");
}

/* --- callers ---------------------------------------------------------------------------------- */

static bool is_in_group(const struct passwd *user, gid_t primary, gid_t group)
{
	gid_t groups[MOST_GROUPS];
	int count = MOST_GROUPS;

	if (primary == group)
		return true;
	if (user == NULL || getgrouplist(user->pw_name, primary, groups, &count) < 0)
		return false;
	for (int i = 0; i < count; i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* False: nobody can say who calls, and then nobody is served. */
static bool identify(const struct bh_api *api, struct MHD_Connection *connection,
		     struct bh_api_request *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred caller;
	socklen_t size = sizeof(caller);

	if (info == NULL ||
	    getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &caller, &size) != 0)
		return false;
	const struct passwd *user = getpwuid(caller.uid);
	request->uid = caller.uid;
	request->operator_role =
		caller.uid == 0 || (api->config.operator_group != (gid_t)-1 &&
				    is_in_group(user, caller.gid, api->config.operator_group));
	if (user != NULL)
		bh_copy_text(request->author, sizeof(request->author), user->pw_name);
	else
		snprintf(request->author, sizeof(request->author), "uid %u", (unsigned)caller.uid);
	return true;
}

/* --- requests --------------------------------------------------------------------------------- */

const char *bh_api_query(const struct bh_api_request *request, const char *key)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, key);
}

/* "GET /v1/status, POST /v1/mode …": what there is; path NULL: all of it. */
static void list_routes(const struct bh_api *api, const char *path, struct bh_buffer *out)
{
	for (const struct bh_api_route *r = api->routes; r->method != NULL; r++)
		if (path == NULL || strcmp(r->path, path) == 0)
			bh_buffer_printf(out, "%s%s %s", out->length > 0 ? ", " : "", r->method,
					 r->path);
}

static void refuse_path(const struct bh_api *api, const struct bh_api_request *request,
			struct bh_api_reply *reply)
{
	struct bh_buffer paths = { 0 };

	list_routes(api, request->path, &paths);
	if (paths.length > 0) {
		bh_api_fail(reply, MHD_HTTP_METHOD_NOT_ALLOWED, request->path, paths.data,
			    "%s does not take %s", request->path, request->method);
	} else {
		list_routes(api, NULL, &paths);
		bh_api_fail(reply, MHD_HTTP_NOT_FOUND, request->path, paths.data, "there is no %s",
			    request->path);
	}
	bh_buffer_free(&paths);
}

static void route(struct bh_api *api, const struct bh_api_request *request,
		  struct bh_api_reply *reply)
{
	for (const struct bh_api_route *r = api->routes; r->method != NULL; r++) {
		if (strcmp(r->method, request->method) != 0 || strcmp(r->path, request->path) != 0)
			continue;
		if (r->changes && !request->operator_role)
			bh_api_fail(reply, MHD_HTTP_FORBIDDEN, request->path,
				    "call as root, or as a member of the operators' group",
				    "%s may only read", request->author);
		else
			r->handle(api->user, request, reply);
		return;
	}
	refuse_path(api, request, reply);
}

static enum MHD_Result answer(struct bh_api *api, struct MHD_Connection *connection,
			      const char *url, const char *method, struct exchange *exchange)
{
	struct bh_api_request request = { .method = method,
					  .path = url,
					  .body = exchange->body.data != NULL ? exchange->body.data
									      : "",
					  .body_length = exchange->body.length,
					  .connection = connection };
	struct bh_api_reply reply = { 0 };

	if (!identify(api, connection, &request))
		bh_api_fail(&reply, MHD_HTTP_FORBIDDEN, NULL, NULL,
			    "the caller cannot be identified");
	else if (exchange->too_large)
		bh_api_fail(&reply, MHD_HTTP_CONTENT_TOO_LARGE, url, NULL,
			    "the body is larger than %zu bytes", api->config.max_body);
	else
		route(api, &request, &reply);
	if (!reply.wait)
		return send_reply(api, connection, &reply);
	exchange->connection = connection;
	TAILQ_INSERT_TAIL(&api->waiting, exchange, next);
	MHD_suspend_connection(connection);
	return MHD_YES;
}

/* One that hung up meanwhile is found out when it is answered. */
void bh_api_retry(struct bh_api *api)
{
	struct exchange *e;

	while ((e = TAILQ_FIRST(&api->waiting)) != NULL) {
		TAILQ_REMOVE(&api->waiting, e, next);
		MHD_resume_connection(e->connection);
		eventfd_write(api->wake_fd, 1);
	}
}

static void take_body(const struct bh_api *api, struct exchange *e, const char *data, size_t size)
{
	if (e->body.length + size > api->config.max_body) {
		e->too_large = true;
		bh_buffer_free(&e->body);
	}
	if (!e->too_large)
		bh_buffer_append(&e->body, data, size);
}

/* Called once for the head, again for each piece of the body, and once more at its end. */
static enum MHD_Result on_request(void *closure, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **state)
{
	struct bh_api *api = closure;

	(void)version;
	if (*state == NULL) {
		*state = bh_calloc(1, sizeof(struct exchange));
		return MHD_YES;
	}
	if (*size > 0) {
		take_body(api, *state, data, *size);
		*size = 0;
		return MHD_YES;
	}
	return answer(api, connection, url, method, *state);
}

static void on_completed(void *closure, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	struct exchange *e = *state;

	(void)closure;
	(void)connection;
	(void)code;
	if (e == NULL)
		return;
	bh_buffer_free(&e->body);
	free(e);
	*state = NULL;
}

/* --- the server ------------------------------------------------------------------------------- */

static struct MHD_Daemon *start(struct bh_api *api)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request,
				api, MHD_OPTION_LISTEN_SOCKET, api->config.listen_fd,
				MHD_OPTION_CONNECTION_LIMIT, api->config.max_connections,
				MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_SECONDS,
				MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
}

/* One descriptor that is readable whenever there is something to do. */
static bool watch(struct bh_api *api)
{
	int inner = MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	struct epoll_event event = { .events = EPOLLIN };

	api->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	api->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return epoll_ctl(api->poll_fd, EPOLL_CTL_ADD, inner, &event) == 0 &&
	       epoll_ctl(api->poll_fd, EPOLL_CTL_ADD, api->wake_fd, &event) == 0;
}

struct bh_api *bh_api_new(const struct bh_api_config *config, const struct bh_api_route *routes,
			  void *user, struct bh_error *err)
{
	struct bh_api *api = bh_calloc(1, sizeof(*api));

	api->config = *config;
	if (api->config.max_stream == 0)
		api->config.max_stream = STREAM_ROOM;
	api->routes = routes;
	api->user = user;
	api->poll_fd = api->wake_fd = -1;
	TAILQ_INIT(&api->streams);
	TAILQ_INIT(&api->waiting);
	api->daemon = start(api);
	if (api->daemon == NULL) {
		close(config->listen_fd);
		free(api);
		bh_error_set(err, -EIO, "libmicrohttpd does not start on the API's socket");
		return NULL;
	}
	if (!watch(api)) {
		bh_error_set(err, -errno, "the API's descriptors cannot be watched: %s",
			     strerror(errno));
		bh_api_free(api);
		return NULL;
	}
	return api;
}

void bh_api_free(struct bh_api *api)
{
	struct stream *s;

	if (api == NULL)
		return;
	/* A suspended connection cannot be closed. */
	TAILQ_FOREACH (s, &api->streams, next)
		resume(s);
	bh_api_retry(api);
	MHD_stop_daemon(api->daemon);
	bh_close_fd(&api->wake_fd);
	bh_close_fd(&api->poll_fd);
	free(api);
}

int bh_api_fd(const struct bh_api *api)
{
	return api->poll_fd;
}

static unsigned connections(const struct bh_api *api)
{
	return MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)
		->num_connections;
}

/* Ends the streams of those who hung up while there was nothing to say. */
static void let_go(struct bh_api *api)
{
	struct epoll_event events[64];
	int count = epoll_wait(api->poll_fd, events, 64, 0);

	for (int i = 0; i < count; i++) {
		struct stream *s = events[i].data.ptr;

		if (s == NULL) /* libmicrohttpd's descriptor, or wake_fd */
			continue;
		s->left = true;
		resume(s);
	}
}

/* At its limit libmicrohttpd stops listening, and starts again only when it is run after a
 * connection has ended. Nothing else would tell the caller to. */
void bh_api_run(struct bh_api *api)
{
	unsigned before = connections(api);
	eventfd_t woken;

	let_go(api);
	eventfd_read(api->wake_fd, &woken);
	MHD_run(api->daemon);
	if (connections(api) < before)
		eventfd_write(api->wake_fd, 1);
}

int64_t bh_api_wait(const struct bh_api *api)
{
	MHD_UNSIGNED_LONG_LONG milliseconds;

	if (MHD_get_timeout(api->daemon, &milliseconds) != MHD_YES)
		return -1;
	return (int64_t)(milliseconds < 60000 ? milliseconds : 60000) * 1000;
}
