/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libmicrohttpd parses HTTP; what is ours is who may call (caller.c), how much a body may hold,
 * what an error looks like, and streams (stream.c). It has a daemon for each socket that listens,
 * all of them driven by this one's caller.
 *
 * libmicrohttpd, driven from outside, forgets a resumed connection until it happens to be run.
 * Hence an epoll around its own, with an event beside it that makes the descriptor readable.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "grow.h"
#include "server_parts.h"

#define STREAM_ROOM (16u << 20)
#define SILENCE_SECONDS 60u /* how long a caller may say and take nothing */
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

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

enum MHD_Result bh_api_queue(struct MHD_Connection *connection, unsigned status,
			     struct MHD_Response *response, const char *type)
{
	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (MHD_get_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL) == NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

int bh_api_descriptor(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status, char *text,
				 const char *type)
{
	return bh_api_queue(
		connection, status,
		MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE), type);
}

static enum MHD_Result send_reply(struct bh_api *api, struct MHD_Connection *connection,
				  struct bh_api_reply *reply)
{
	unsigned status = reply->status != 0 ? reply->status : MHD_HTTP_OK;

	if (reply->stream != NULL)
		return bh_api_stream(api, connection, reply);
	if (reply->text != NULL)
		return send_text(connection, status, reply->text,
				 reply->type != NULL ? reply->type : "text/plain; charset=utf-8");
	char *text = reply->json != NULL ? cJSON_PrintUnformatted(reply->json) : NULL;
	cJSON_Delete(reply->json);
	return send_text(connection, status, text != NULL ? text : bh_strdup("{}"),
			 "application/json");
}

/* --- requests --------------------------------------------------------------------------------- */

const char *bh_api_query(const struct bh_api_request *request, const char *key)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, key);
}

const char *bh_api_header(const struct bh_api_request *request, const char *key)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, key);
}

static enum MHD_Result add_parameter(void *closure, enum MHD_ValueKind kind, const char *key,
				     const char *value)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "-._~:/,*";
	struct bh_buffer *out = closure;

	(void)kind;
	bh_buffer_printf(out, "%s%s=", out->length > 0 ? "&" : "", key);
	for (; value != NULL && *value != '\0'; value++)
		if (strchr(plain, *value) != NULL)
			bh_buffer_append(out, value, 1);
		else
			bh_buffer_printf(out, "%%%02X", (unsigned)(unsigned char)*value);
	return MHD_YES;
}

char *bh_api_query_text(const struct bh_api_request *request)
{
	struct bh_buffer text = { 0 };

	MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, add_parameter, &text);
	bh_buffer_append(&text, "", 0);
	return bh_buffer_steal(&text);
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

static const struct bh_api_route *find_route(const struct bh_api *api,
					     const struct bh_api_request *request)
{
	for (const struct bh_api_route *r = api->routes; r->method != NULL; r++)
		if (strcmp(r->method, request->method) == 0 && strcmp(r->path, request->path) == 0)
			return r;
	return NULL;
}

static void carry_out(struct bh_api *api, const struct bh_api_route *r,
		      const struct bh_api_request *request, struct bh_api_reply *reply)
{
	if (r->changes && !request->operator_role)
		bh_api_fail(reply, MHD_HTTP_FORBIDDEN, request->path,
			    request->via == BH_VIA_SOCKET
				    ? "call as root, or as a member of the operators' group"
				    : "it needs the operator's role: bulkhead token add NAME "
				      "--role operator",
			    "%s may only read", request->author);
	else
		r->handle(api->user, request, reply);
	if (r->changes && !reply->wait && api->config.changed != NULL)
		api->config.changed(api->user, request,
				    reply->status != 0 ? reply->status : MHD_HTTP_OK);
}

static void route(struct listener *l, struct bh_api_request *request,
		  const struct exchange *exchange, struct bh_api_reply *reply)
{
	struct bh_api *api = l->api;

	if (!bh_api_identify(l, request->connection, request, reply))
		return;
	const struct bh_api_route *r = find_route(api, request);
	if (exchange->too_large)
		bh_api_fail(reply, MHD_HTTP_CONTENT_TOO_LARGE, request->path, NULL,
			    "the body is larger than %zu bytes", api->config.max_body);
	else if (r == NULL)
		refuse_path(api, request, reply);
	else
		carry_out(api, r, request, reply);
}

/* What asks for the head alone is answered as if it had asked for all; libmicrohttpd leaves the
 * rest out. */
static enum MHD_Result answer(struct listener *l, struct MHD_Connection *connection,
			      const char *url, const char *method, struct exchange *exchange)
{
	struct bh_api *api = l->api;
	struct bh_api_request request = {
		.method = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0 ? MHD_HTTP_METHOD_GET : method,
		.path = url,
		.body = exchange->body.data != NULL ? exchange->body.data : "",
		.body_length = exchange->body.length,
		.connection = connection
	};
	struct bh_api_reply reply = { 0 };
	enum MHD_Result result;

	if (!l->config.trusts_peers && bh_api_file(api, connection, &request, &result))
		return result;
	route(l, &request, exchange, &reply);
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
	struct listener *l = closure;

	(void)version;
	if (*state == NULL) {
		*state = bh_calloc(1, sizeof(struct exchange));
		return MHD_YES;
	}
	if (*size > 0) {
		take_body(l->api, *state, data, *size);
		*size = 0;
		return MHD_YES;
	}
	return answer(l, connection, url, method, *state);
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

static struct MHD_Daemon *start(struct listener *l)
{
	bool tls = l->tls.certificate != NULL;
	struct MHD_OptionItem certificates[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, l->tls.certificate },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, l->tls.key },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)PRIORITIES },
		{ l->tls.client_ca != NULL ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0,
		  l->tls.client_ca },
		{ MHD_OPTION_END, 0, NULL },
	};

	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL,
		on_request, l, MHD_OPTION_LISTEN_SOCKET, l->config.fd, MHD_OPTION_CONNECTION_LIMIT,
		l->api->config.max_connections, MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_SECONDS,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_ARRAY,
		tls ? certificates : &certificates[4], MHD_OPTION_END);
}

static bool watch_fd(const struct bh_api *api, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(api->poll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int open_listener(struct bh_api *api, struct listener *l, struct bh_error *err)
{
	l->daemon = start(l);
	if (l->daemon == NULL)
		return bh_error_set(err, -EIO, "libmicrohttpd does not start on the API's socket");
	if (!watch_fd(api, MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd))
		return bh_error_set(err, -errno, "the API's descriptors cannot be watched: %s",
				    strerror(errno));
	return 0;
}

static int open_all(struct bh_api *api, struct bh_error *err)
{
	api->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	api->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!watch_fd(api, api->wake_fd))
		return bh_error_set(err, -errno, "the API's descriptors cannot be watched: %s",
				    strerror(errno));
	for (size_t i = 0; i < api->listener_count; i++) {
		struct listener *l = &api->listeners[i];

		if (bh_tls_read(&l->config, &l->tls, &l->fault) == 0 &&
		    open_listener(api, l, err) != 0)
			return err->code;
	}
	return 0;
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
	TAILQ_INIT(&api->streams);
	TAILQ_INIT(&api->waiting);
	api->listener_count = config->listener_count;
	for (size_t i = 0; i < config->listener_count; i++) {
		api->listeners[i].api = api;
		api->listeners[i].config = config->listeners[i];
	}
	if (open_all(api, err) != 0) {
		bh_api_free(api);
		return NULL;
	}
	return api;
}

/* A suspended connection cannot be closed. */
static void resume_all(struct bh_api *api)
{
	bh_api_wake(api);
	bh_api_retry(api);
}

static void close_listener(struct listener *l)
{
	if (l->daemon != NULL)
		MHD_stop_daemon(l->daemon); /* closes the socket, too */
	else
		bh_close_fd(&l->config.fd);
	bh_tls_free(&l->tls);
}

void bh_api_free(struct bh_api *api)
{
	if (api == NULL)
		return;
	resume_all(api);
	for (size_t i = 0; i < api->listener_count; i++)
		close_listener(&api->listeners[i]);
	bh_close_fd(&api->wake_fd);
	bh_close_fd(&api->poll_fd);
	free(api);
}

/* The socket stays: who calls meanwhile waits in its queue. */
static void renew(struct listener *l)
{
	l->fault = (struct bh_error) { 0 };
	if (bh_tls_read(&l->config, &l->tls, &l->fault) != 0)
		return;
	if (l->daemon != NULL) {
		resume_all(l->api);
		l->config.fd = MHD_quiesce_daemon(l->daemon);
		MHD_stop_daemon(l->daemon);
		l->daemon = NULL;
	}
	open_listener(l->api, l, &l->fault);
}

void bh_api_renew(struct bh_api *api)
{
	for (size_t i = 0; i < api->listener_count; i++)
		if (api->listeners[i].fault.code != 0 ||
		    bh_tls_changed(&api->listeners[i].config, &api->listeners[i].tls))
			renew(&api->listeners[i]);
}

const char *bh_api_fault(const struct bh_api *api)
{
	for (size_t i = 0; i < api->listener_count; i++)
		if (api->listeners[i].fault.code != 0)
			return api->listeners[i].fault.text;
	return NULL;
}

int bh_api_fd(const struct bh_api *api)
{
	return api->poll_fd;
}

static unsigned connections(const struct listener *l)
{
	return MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

/* Ends the streams of those who hung up while there was nothing to say. */
static void let_go(struct bh_api *api)
{
	struct epoll_event events[64];
	int count = epoll_wait(api->poll_fd, events, 64, 0);

	for (int i = 0; i < count; i++)
		if (events[i].data.ptr != NULL) /* else libmicrohttpd's descriptor, or wake_fd */
			bh_api_stream_left(events[i].data.ptr);
}

/* At its limit libmicrohttpd stops listening, and starts again only when it is run after a
 * connection has ended. Nothing else would tell the caller to. */
static void run_listener(struct listener *l)
{
	unsigned before = connections(l);

	MHD_run(l->daemon);
	if (connections(l) < before)
		eventfd_write(l->api->wake_fd, 1);
}

void bh_api_run(struct bh_api *api)
{
	eventfd_t woken;

	let_go(api);
	bh_api_streams_beat(api);
	eventfd_read(api->wake_fd, &woken);
	for (size_t i = 0; i < api->listener_count; i++)
		if (api->listeners[i].daemon != NULL)
			run_listener(&api->listeners[i]);
}

int64_t bh_api_wait(const struct bh_api *api)
{
	int64_t least = bh_api_streams_wait(api);
	MHD_UNSIGNED_LONG_LONG milliseconds;

	for (size_t i = 0; i < api->listener_count; i++) {
		if (api->listeners[i].daemon == NULL ||
		    MHD_get_timeout(api->listeners[i].daemon, &milliseconds) != MHD_YES)
			continue;
		int64_t wait = (int64_t)(milliseconds < 60000 ? milliseconds : 60000) * 1000;
		least = least < 0 || wait < least ? wait : least;
	}
	return least;
}
