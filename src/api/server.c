/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libmicrohttpd parses HTTP; what is ours is who may call, how much a body may hold, what an error
 * looks like, and streams. A stream asks its source for more only when the client has taken what it
 * had, and is suspended when there is nothing: a slow reader costs a buffer, never a queue.
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
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "grow.h"

#define STREAM_BLOCK 16384
#define MOST_GROUPS 256

/* A request under way: its body so far. */
struct exchange {
	struct bh_buffer body;
	bool too_large;
};

struct stream {
	TAILQ_ENTRY(stream) next;
	struct bh_api *api;
	struct MHD_Connection *connection;
	struct bh_api_reply source; /* stream, stream_state, stream_free */
	struct bh_buffer waiting;
	bool suspended;
};

struct bh_api {
	struct MHD_Daemon *daemon;
	struct bh_api_config config;
	const struct bh_api_route *routes;
	void *user;
	TAILQ_HEAD(, stream) streams;
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

static ssize_t read_stream(void *closure, uint64_t position, char *out, size_t room)
{
	struct stream *s = closure;

	(void)position;
	if (s->waiting.length == 0)
		s->source.stream(s->source.stream_state, &s->waiting);
	size_t some = s->waiting.length < room ? s->waiting.length : room;
	if (some == 0) {
		s->suspended = true;
		MHD_suspend_connection(s->connection);
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
	return queue(connection, MHD_HTTP_OK,
		     MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream,
						       s, free_stream),
		     "application/x-ndjson");
}

void bh_api_wake(struct bh_api *api)
{
	struct stream *s;
	bool any = false;

	TAILQ_FOREACH (s, &api->streams, next) {
		if (!s->suspended)
			continue;
		s->suspended = false;
		MHD_resume_connection(s->connection);
		any = true;
	}
	if (any)
		MHD_run(api->daemon);
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

static void refuse_path(const struct bh_api *api, const struct bh_api_request *request,
			struct bh_api_reply *reply)
{
	struct bh_buffer paths = { 0 };
	bool known = false;

	for (const struct bh_api_route *r = api->routes; r->method != NULL; r++) {
		bool same = strcmp(r->path, request->path) == 0;

		known = known || same;
		bh_buffer_printf(&paths, "%s%s %s", paths.length > 0 ? ", " : "", r->method,
				 r->path);
	}
	if (known)
		bh_api_fail(reply, MHD_HTTP_METHOD_NOT_ALLOWED, request->path, paths.data,
			    "%s does not take %s", request->path, request->method);
	else
		bh_api_fail(reply, MHD_HTTP_NOT_FOUND, request->path, paths.data, "there is no %s",
			    request->path);
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
	return send_reply(api, connection, &reply);
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

struct bh_api *bh_api_new(const struct bh_api_config *config, const struct bh_api_route *routes,
			  void *user, struct bh_error *err)
{
	struct bh_api *api = bh_calloc(1, sizeof(*api));

	api->config = *config;
	api->routes = routes;
	api->user = user;
	TAILQ_INIT(&api->streams);
	api->daemon =
		MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
				 on_request, api, MHD_OPTION_LISTEN_SOCKET, config->listen_fd,
				 MHD_OPTION_CONNECTION_LIMIT, config->max_connections,
				 MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
	if (api->daemon != NULL)
		return api;
	free(api);
	close(config->listen_fd);
	bh_error_set(err, -EIO, "libmicrohttpd does not start on the API's socket");
	return NULL;
}

void bh_api_free(struct bh_api *api)
{
	struct stream *s;

	if (api == NULL)
		return;
	/* A suspended connection cannot be closed. */
	TAILQ_FOREACH (s, &api->streams, next)
		if (s->suspended)
			MHD_resume_connection(s->connection);
	MHD_stop_daemon(api->daemon);
	free(api);
}

int bh_api_fd(const struct bh_api *api)
{
	return MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

void bh_api_run(struct bh_api *api)
{
	MHD_run(api->daemon);
}

int64_t bh_api_wait(const struct bh_api *api)
{
	MHD_UNSIGNED_LONG_LONG milliseconds;

	if (MHD_get_timeout(api->daemon, &milliseconds) != MHD_YES)
		return -1;
	return (int64_t)(milliseconds < 60000 ? milliseconds : 60000) * 1000;
}
