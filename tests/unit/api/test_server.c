/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The API server over a real unix socket. Both ends are driven from here, turn by turn: no thread,
 * no other process. */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "grow.h"
#include "server.h"

#define MAX_BODY 100000
#define MAX_STREAM 4096
#define SOMEBODY 65534 /* nobody, nogroup */

struct world {
	struct bh_api *api;
	struct sockaddr_un name;
	socklen_t name_size;
	struct bh_buffer lines; /* what the streams have to tell */
	unsigned produced;	/* lines ever put there */
	unsigned handled;
	unsigned streams_freed;
	bool ready;	   /* what a handler waits for */
	char changes[256]; /* "GET /path author status", … as they were told */
};

/* --- handlers --------------------------------------------------------------------------------- */

static void say_hello(void *user, const struct bh_api_request *request, struct bh_api_reply *reply)
{
	struct world *w = user;
	const char *name = bh_api_query(request, "name");

	w->handled++;
	reply->json = cJSON_CreateObject();
	cJSON_AddStringToObject(reply->json, "hello", name != NULL ? name : "nobody");
	cJSON_AddStringToObject(reply->json, "author", request->author);
	cJSON_AddNumberToObject(reply->json, "uid", request->uid);
	cJSON_AddBoolToObject(reply->json, "operator", request->operator_role);
}

static void say_text(void *user, const struct bh_api_request *request, struct bh_api_reply *reply)
{
	(void)user;
	(void)request;
	reply->text = bh_strdup("workloads: {}\n");
}

static void count_body(void *user, const struct bh_api_request *request, struct bh_api_reply *reply)
{
	struct world *w = user;

	w->handled++;
	assert_int_equal(strlen(request->body), request->body_length);
	reply->json = cJSON_CreateObject();
	cJSON_AddNumberToObject(reply->json, "length", (double)request->body_length);
	cJSON_AddStringToObject(reply->json, "end",
				request->body_length > 4 ? request->body + request->body_length - 4
							 : request->body);
}

static void refuse(void *user, const struct bh_api_request *request, struct bh_api_reply *reply)
{
	(void)user;
	(void)request;
	reply->text = bh_strdup("what it would have said");
	bh_api_fail(reply, 409, NULL, NULL, "revision %d is active already", 7);
}

static void stream_lines(void *state, struct bh_buffer *out)
{
	struct world *w = state;

	bh_buffer_append(out, w->lines.data != NULL ? w->lines.data : "", w->lines.length);
	bh_buffer_clear(&w->lines);
}

static void free_lines(void *state)
{
	((struct world *)state)->streams_freed++;
}

static void follow(void *user, const struct bh_api_request *request, struct bh_api_reply *reply)
{
	(void)request;
	reply->stream = stream_lines;
	reply->stream_state = user;
	reply->stream_free = free_lines;
	reply->stream_kind = "line";
}

static enum bh_api_role know_token(void *user, const char *token, char name[BH_API_NAME])
{
	(void)user;
	bh_copy_text(name, BH_API_NAME, token);
	return strcmp(token, "ada") == 0   ? BH_ROLE_OPERATOR
	       : strcmp(token, "bob") == 0 ? BH_ROLE_VIEWER
					   : BH_ROLE_NONE;
}

static void note_change(void *user, const struct bh_api_request *request, unsigned status)
{
	struct world *w = user;
	size_t used = strlen(w->changes);
	char *query = bh_api_query_text(request);

	snprintf(w->changes + used, sizeof(w->changes) - used, "%s %s?%s %s %u\n", request->method,
		 request->path, query, request->author, status);
	free(query);
}

static void put_line(struct world *w, const char *padding)
{
	bh_buffer_printf(&w->lines, "{\"n\":%u,\"pad\":\"%s\"}\n", w->produced++, padding);
}

/* As the daemon does: what a handler changes is an event for those who follow. */
static void change(void *user, const struct bh_api_request *request, struct bh_api_reply *reply)
{
	struct world *w = user;

	(void)request;
	w->handled++;
	put_line(w, "changed");
	bh_api_wake(w->api);
	reply->json = cJSON_CreateObject();
}

static void answer_later(void *user, const struct bh_api_request *request,
			 struct bh_api_reply *reply)
{
	struct world *w = user;

	w->handled++;
	if (w->ready)
		count_body(user, request, reply);
	else
		reply->wait = true;
}

static const struct bh_api_route routes[] = {
	{ "GET", "/v1/hello", false, say_hello },     { "GET", "/v1/text", false, say_text },
	{ "POST", "/v1/body", false, count_body },    { "GET", "/v1/refuse", false, refuse },
	{ "GET", "/v1/follow", false, follow },	      { "POST", "/v1/change", true, change },
	{ "POST", "/v1/later", false, answer_later }, { 0 },
};

/* --- both ends -------------------------------------------------------------------------------- */

static const unsigned char page[] = "compressed, says its head";
static const struct bh_api_file files[] = {
	{ "/", "text/html; charset=utf-8", false, page, sizeof(page) - 1 },
	{ "/assets/x-12345678.js", "text/javascript", true, page, sizeof(page) - 1 },
	{ 0 },
};

static void open_as(struct world *w, struct bh_api_listener listener, gid_t operators,
		    unsigned connections)
{
	static unsigned number;
	struct bh_api_config config = { .operator_group = operators,
					.files = files,
					.token = know_token,
					.changed = note_change,
					.max_body = MAX_BODY,
					.max_stream = MAX_STREAM,
					.max_connections = connections };
	struct bh_error err = { 0 };

	memset(w, 0, sizeof(*w));
	w->name.sun_family = AF_UNIX;
	/* An abstract name: nothing is left on disk. */
	int length = snprintf(w->name.sun_path + 1, sizeof(w->name.sun_path) - 1,
			      "bulkhead-test-%d-%u", getpid(), number++);
	w->name_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
	listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(listener.fd, (struct sockaddr *)&w->name, w->name_size), 0);
	assert_int_equal(listen(listener.fd, 64), 0);
	config.listeners[config.listener_count++] = listener;
	w->api = bh_api_new(&config, routes, w, &err);
	assert_non_null(w->api);
}

static void open_world(struct world *w, gid_t operators, unsigned connections)
{
	open_as(w, (struct bh_api_listener) { .trusts_peers = true }, operators, connections);
}

static void close_world(struct world *w)
{
	bh_api_free(w->api);
	bh_buffer_free(&w->lines);
}

static int open_world_setup(void **state)
{
	*state = bh_calloc(1, sizeof(struct world));
	open_world(*state, (gid_t)-1, 16);
	return 0;
}

static int open_web_setup(void **state)
{
	*state = bh_calloc(1, sizeof(struct world));
	open_as(*state, (struct bh_api_listener) { 0 }, (gid_t)-1, 16);
	return 0;
}

static int open_anonymous_setup(void **state)
{
	*state = bh_calloc(1, sizeof(struct world));
	open_as(*state, (struct bh_api_listener) { .anonymous = BH_ROLE_VIEWER }, (gid_t)-1, 16);
	return 0;
}

static int close_world_teardown(void **state)
{
	close_world(*state);
	free(*state);
	return 0;
}

static int call(const struct world *w)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&w->name, w->name_size), 0);
	return fd;
}

/* Lets the server do what there is to do, as an event loop would: only when its descriptor says so
 * or its time has come. */
static void turn(struct world *w)
{
	for (int i = 0; i < 50; i++) {
		struct pollfd p = { .fd = bh_api_fd(w->api), .events = POLLIN };

		if (poll(&p, 1, 0) == 0 && bh_api_wait(w->api) != 0)
			return;
		bh_api_run(w->api);
	}
}

static void send_some(struct world *w, int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

		assert_true(sent > 0 || errno == EAGAIN);
		data += sent > 0 ? sent : 0;
		length -= sent > 0 ? (size_t)sent : 0;
		turn(w);
	}
}

static void send_text(struct world *w, int fd, const char *text)
{
	send_some(w, fd, text, strlen(text));
}

/* Takes what has come; false: the other end has closed. */
static bool take(struct world *w, int fd, struct bh_buffer *in)
{
	char chunk[65536];
	ssize_t got;

	do {
		turn(w);
		got = recv(fd, chunk, sizeof(chunk), 0);
		if (got > 0)
			bh_buffer_append(in, chunk, (size_t)got);
	} while (got > 0);
	bh_buffer_append(in, "", 0);
	return got < 0 && errno == EAGAIN;
}

/* One answer: its status; its body in *out, its head in *head (either may be NULL). */
static int read_answer(struct world *w, int fd, char **head, char **out)
{
	struct bh_buffer in = { 0 };
	int status = 0;

	take(w, fd, &in);
	char *body = strstr(in.data, "\r\n\r\n");
	assert_non_null(body);
	assert_int_equal(sscanf(in.data, "HTTP/1.1 %d", &status), 1);
	if (out != NULL)
		*out = bh_strdup(body + 4);
	body[2] = '\0';
	if (head != NULL)
		*head = bh_strdup(in.data);
	bh_buffer_free(&in);
	return status;
}

/* A request on a connection of its own, answered as JSON. */
static int ask(struct world *w, const char *request, cJSON **json)
{
	char *body;
	int fd = call(w);

	send_text(w, fd, request);
	int status = read_answer(w, fd, NULL, &body);
	*json = cJSON_Parse(body);
	assert_non_null(*json);
	free(body);
	close(fd);
	turn(w);
	return status;
}

static const char *text_at(const cJSON *json, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));

	assert_non_null(text);
	return text;
}

/* The one shape of all errors; what it says about the three. */
static void assert_error(const cJSON *json, const char *what, const char *where, const char *fix)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");

	assert_int_equal(cJSON_GetArraySize(json), 1);
	assert_int_equal(cJSON_GetArraySize(error), 3);
	assert_string_equal(text_at(error, "what"), what);
	if (where != NULL)
		assert_string_equal(text_at(error, "where"), where);
	else
		assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(error, "where")));
	if (fix != NULL)
		assert_string_equal(text_at(error, "do"), fix);
	else
		assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(error, "do")));
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: bulkhead\r\n\r\n"
#define POST(path, length)                                                                         \
	"POST " path " HTTP/1.1\r\nHost: bulkhead\r\nContent-Length: " length "\r\n\r\n"

/* --- requests --------------------------------------------------------------------------------- */

static void test_answers_json(void **state)
{
	char *head, *body;
	int fd = call(*state);

	send_text(*state, fd, GET("/v1/hello?name=compose%3Ashop%2Fweb+1"));
	assert_int_equal(read_answer(*state, fd, &head, &body), 200);
	assert_non_null(strstr(head, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(body, "\"hello\":\"compose:shop/web 1\""));
	free(head);
	free(body);
	close(fd);
}

static void test_answers_text(void **state)
{
	char *head, *body;
	int fd = call(*state);

	send_text(*state, fd, GET("/v1/text"));
	assert_int_equal(read_answer(*state, fd, &head, &body), 200);
	assert_non_null(strstr(head, "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
	assert_string_equal(body, "workloads: {}\n");
	free(head);
	free(body);
	close(fd);
}

static void test_connection_is_kept(void **state)
{
	int fd = call(*state);
	struct world *w = *state;

	for (unsigned i = 1; i <= 3; i++) {
		send_text(w, fd, GET("/v1/hello"));
		assert_int_equal(read_answer(w, fd, NULL, NULL), 200);
		assert_int_equal(w->handled, i);
	}
	close(fd);
}

static void test_request_in_pieces(void **state)
{
	static const char request[] = GET("/v1/hello?name=slow");
	int fd = call(*state);
	char *body;

	for (size_t i = 0; i + 1 < sizeof(request); i++)
		send_some(*state, fd, request + i, 1);
	assert_int_equal(read_answer(*state, fd, NULL, &body), 200);
	assert_non_null(strstr(body, "\"hello\":\"slow\""));
	free(body);
	close(fd);
}

static void test_what_is_no_http_harms_nobody(void **state)
{
	struct bh_buffer in = { 0 };
	struct world *w = *state;
	cJSON *json;
	int fd = call(w);

	send_text(w, fd, "\x16\x03\x01 this is not HTTP\r\n\r\n");
	take(w, fd, &in);
	assert_int_equal(w->handled, 0);
	assert_int_equal(ask(w, GET("/v1/hello"), &json), 200);
	cJSON_Delete(json);
	bh_buffer_free(&in);
	close(fd);
}

/* --- bodies ----------------------------------------------------------------------------------- */

static int post_body(struct world *w, size_t length, const char *pieces_of, cJSON **json)
{
	struct bh_buffer request = { 0 };
	char *body;
	int fd = call(w);

	bh_buffer_printf(&request,
			 "POST /v1/body HTTP/1.1\r\nHost: b\r\nContent-Length: %zu\r\n\r\n",
			 length);
	for (size_t i = 0; i < length; i++)
		bh_buffer_append(&request, &pieces_of[i % strlen(pieces_of)], 1);
	send_some(w, fd, request.data, request.length);
	int status = read_answer(w, fd, NULL, &body);
	*json = cJSON_Parse(body);
	free(body);
	bh_buffer_free(&request);
	close(fd);
	turn(w);
	return status;
}

static void test_body_arrives_whole(void **state)
{
	cJSON *json;

	assert_int_equal(post_body(*state, 0, "x", &json), 200);
	assert_int_equal(cJSON_GetObjectItem(json, "length")->valueint, 0);
	cJSON_Delete(json);
	assert_int_equal(post_body(*state, MAX_BODY, "abcde", &json), 200);
	assert_int_equal(cJSON_GetObjectItem(json, "length")->valueint, MAX_BODY);
	assert_string_equal(text_at(json, "end"), "bcde");
	cJSON_Delete(json);
}

static void test_body_too_large(void **state)
{
	struct world *w = *state;
	cJSON *json;

	assert_int_equal(post_body(w, MAX_BODY + 1, "x", &json), 413);
	assert_error(json, "the body is larger than 100000 bytes", "/v1/body", NULL);
	cJSON_Delete(json);
	assert_int_equal(post_body(w, 20 * MAX_BODY, "x", &json), 413);
	cJSON_Delete(json);
	assert_int_equal(w->handled, 0);
	/* The next one is served as ever. */
	assert_int_equal(post_body(w, 10, "x", &json), 200);
	cJSON_Delete(json);
}

/* --- errors ----------------------------------------------------------------------------------- */

static void test_unknown_path_lists_what_there_is(void **state)
{
	cJSON *json;

	assert_int_equal(ask(*state, GET("/v1/helo"), &json), 404);
	assert_error(json, "there is no /v1/helo", "/v1/helo",
		     "GET /v1/hello, GET /v1/text, POST /v1/body, GET /v1/refuse, GET /v1/follow, "
		     "POST /v1/change, POST /v1/later");
	cJSON_Delete(json);
}

static void test_wrong_method_names_the_right_one(void **state)
{
	cJSON *json;

	assert_int_equal(ask(*state, POST("/v1/hello", "0"), &json), 405);
	assert_error(json, "/v1/hello does not take POST", "/v1/hello", "GET /v1/hello");
	cJSON_Delete(json);
}

static void test_handler_fails(void **state)
{
	cJSON *json;

	assert_int_equal(ask(*state, GET("/v1/refuse"), &json), 409);
	assert_error(json, "revision 7 is active already", NULL, NULL);
	cJSON_Delete(json);
}

/* --- callers ---------------------------------------------------------------------------------- */

static void needs_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* The kernel keeps the credentials of the moment of connect(). */
static int call_as(const struct world *w, uid_t uid, gid_t gid)
{
	assert_int_equal(setegid(gid), 0);
	assert_int_equal(seteuid(uid), 0);
	int fd = call(w);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	return fd;
}

/* Tries to change something as somebody; returns the status. */
static int change_as(struct world *w, uid_t uid, gid_t gid)
{
	int fd = call_as(w, uid, gid);

	send_text(w, fd, POST("/v1/change", "0"));
	int status = read_answer(w, fd, NULL, NULL);
	close(fd);
	turn(w);
	return status;
}

static void test_root_may_change(void **state)
{
	struct world *w = *state;
	cJSON *json;

	needs_root();
	assert_int_equal(ask(w, POST("/v1/change", "0"), &json), 200);
	cJSON_Delete(json);
	assert_int_equal(w->handled, 1);
	assert_int_equal(ask(w, GET("/v1/hello"), &json), 200);
	assert_string_equal(text_at(json, "author"), "root");
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(json, "operator")));
	cJSON_Delete(json);
}

static void test_others_may_only_read(void **state)
{
	struct world *w = *state;
	char *body;

	needs_root();
	int fd = call_as(w, SOMEBODY, SOMEBODY);
	send_text(w, fd, GET("/v1/hello"));
	assert_int_equal(read_answer(w, fd, NULL, &body), 200);
	cJSON *json = cJSON_Parse(body);
	assert_int_equal(cJSON_GetObjectItem(json, "uid")->valueint, SOMEBODY);
	assert_string_equal(text_at(json, "author"), "nobody");
	assert_true(cJSON_IsFalse(cJSON_GetObjectItem(json, "operator")));
	cJSON_Delete(json);
	free(body);
	send_text(w, fd, POST("/v1/change", "0"));
	assert_int_equal(read_answer(w, fd, NULL, &body), 403);
	json = cJSON_Parse(body);
	assert_error(json, "nobody may only read", "/v1/change",
		     "call as root, or as a member of the operators' group");
	cJSON_Delete(json);
	free(body);
	close(fd);
	assert_int_equal(w->handled, 1);
}

static void test_caller_without_a_name(void **state)
{
	struct world *w = *state;
	char *body;

	needs_root();
	int fd = call_as(w, 1234567, 1234567);
	send_text(w, fd, GET("/v1/hello"));
	assert_int_equal(read_answer(w, fd, NULL, &body), 200);
	assert_non_null(strstr(body, "\"author\":\"uid 1234567\""));
	free(body);
	close(fd);
	assert_int_equal(change_as(w, 1234567, 1234567), 403);
}

static void test_operators_by_primary_group(void **state)
{
	struct world w;

	(void)state;
	needs_root();
	open_world(&w, SOMEBODY, 16);
	assert_int_equal(change_as(&w, SOMEBODY, SOMEBODY), 200);
	assert_int_equal(change_as(&w, 1234567, 1234567), 403);
	close_world(&w);
}

/* Somebody who is in a group beside his own, by this machine's user database. */
static const struct passwd *find_member(gid_t *group)
{
	const struct group *g;
	const struct passwd *p = NULL;

	setgrent();
	while (p == NULL && (g = getgrent()) != NULL) {
		*group = g->gr_gid;
		for (char **m = g->gr_mem; p == NULL && *m != NULL; m++) {
			p = getpwnam(*m);
			if (p != NULL && (p->pw_uid == 0 || p->pw_gid == *group))
				p = NULL;
		}
	}
	endgrent();
	return p;
}

static void test_operators_by_supplementary_group(void **state)
{
	struct world w;
	gid_t group = 0;

	(void)state;
	needs_root();
	const struct passwd *member = find_member(&group);
	if (member == NULL)
		skip();
	open_world(&w, group, 16);
	/* The process came without the group; the user database gives it. */
	assert_int_equal(change_as(&w, member->pw_uid, member->pw_gid), 200);
	assert_int_equal(change_as(&w, SOMEBODY, SOMEBODY), 403);
	close_world(&w);
}

/* --- streams ---------------------------------------------------------------------------------- */

/* What has come on a stream beyond the head and the chunks' lengths; the caller frees it. */
static char *dechunk(const char *text)
{
	struct bh_buffer out = { 0 };
	const char *at = strstr(text, "\r\n\r\n");
	unsigned length;
	int used;

	assert_non_null(at);
	for (at += 4; sscanf(at, "%x\r\n%n", &length, &used) == 1 && length > 0;
	     at += used + length + 2)
		bh_buffer_append(&out, at + used, length);
	return bh_buffer_steal(&out);
}

static int open_stream(struct world *w)
{
	int fd = call(w);

	send_text(w, fd, GET("/v1/follow"));
	return fd;
}

static void assert_stream(struct world *w, int fd, struct bh_buffer *in, const char *expected)
{
	assert_true(take(w, fd, in));
	char *lines = dechunk(in->data);
	assert_string_equal(lines, expected);
	free(lines);
}

static void test_stream_tells_as_it_happens(void **state)
{
	struct bh_buffer in = { 0 };
	struct world *w = *state;
	int fd = open_stream(w);

	assert_stream(w, fd, &in, "");
	assert_non_null(strstr(in.data, "\r\nContent-Type: application/x-ndjson\r\n"));
	put_line(w, "a");
	assert_stream(w, fd, &in, ""); /* nobody was woken */
	bh_api_wake(w->api);
	assert_stream(w, fd, &in, "{\"n\":0,\"pad\":\"a\"}\n");
	put_line(w, "b");
	put_line(w, "c");
	bh_api_wake(w->api);
	bh_api_wake(w->api);
	assert_stream(
		w, fd, &in,
		"{\"n\":0,\"pad\":\"a\"}\n{\"n\":1,\"pad\":\"b\"}\n{\"n\":2,\"pad\":\"c\"}\n");
	bh_buffer_free(&in);
	close(fd);
}

static void test_stream_ends_with_its_client(void **state)
{
	struct world *w = *state;

	close(open_stream(w));
	turn(w);
	/* What it would have said now goes nowhere. */
	put_line(w, "gone");
	bh_api_wake(w->api);
	turn(w);
	put_line(w, "gone");
	bh_api_wake(w->api);
	turn(w);
	assert_int_equal(w->streams_freed, 1);
}

/* Followers that hang up in a quiet hour must not use up the places of all who come later. */
static void test_stream_ends_with_its_client_in_silence(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 40; i++) {
		struct bh_buffer in = { 0 };
		int fd = open_stream(w);

		assert_stream(w, fd, &in, ""); /* it was answered, and sleeps */
		bh_buffer_free(&in);
		close(fd);
		turn(w);
	}
	assert_int_equal(w->streams_freed, 40);
}

static void test_stream_ends_with_the_server(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, (gid_t)-1, 16);
	int sleeping = open_stream(&w), busy = open_stream(&w);
	put_line(&w, "unread");
	bh_api_wake(w.api);
	close_world(&w);
	assert_int_equal(w.streams_freed, 2);
	close(sleeping);
	close(busy);
}

/* The change's own event goes to those who follow, and the change is made once. */
static void test_handler_wakes_streams(void **state)
{
	struct bh_buffer in = { 0 };
	struct world *w = *state;
	cJSON *json;

	needs_root();
	int fd = open_stream(w);
	take(w, fd, &in);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(ask(w, POST("/v1/change", "0"), &json), 200);
		cJSON_Delete(json);
		assert_int_equal(w->handled, i);
	}
	assert_stream(w, fd, &in,
		      "{\"n\":0,\"pad\":\"changed\"}\n{\"n\":1,\"pad\":\"changed\"}\n"
		      "{\"n\":2,\"pad\":\"changed\"}\n");
	bh_buffer_free(&in);
	close(fd);
}

static void test_handler_waits(void **state)
{
	struct world *w = *state;
	struct bh_buffer in = { 0 };
	char *body;
	int fd = call(w), gone = call(w);

	send_text(w, fd, POST("/v1/later", "5") "hello");
	send_text(w, gone, POST("/v1/later", "5") "hello");
	assert_true(take(w, fd, &in));
	assert_int_equal(in.length, 0);
	assert_int_equal(w->handled, 2);
	close(gone);	      /* nobody is waited for for ever */
	bh_api_retry(w->api); /* in vain */
	turn(w);
	assert_true(take(w, fd, &in));
	assert_int_equal(in.length, 0);
	w->ready = true;
	bh_api_retry(w->api);
	assert_int_equal(read_answer(w, fd, NULL, &body), 200);
	assert_non_null(strstr(body, "\"length\":5"));
	free(body);
	bh_buffer_free(&in);
	close(fd);
	turn(w);
}

/* The server ends while somebody waits. */
static void test_waiting_ends_with_the_server(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, (gid_t)-1, 16);
	int fd = call(&w);
	send_text(&w, fd, POST("/v1/later", "0"));
	assert_int_equal(w.handled, 1);
	close_world(&w);
	close(fd);
}

/* A reader that was too slow is told how much it missed, and then gets whole lines again. */
static void test_slow_reader_is_told_what_it_missed(void **state)
{
	static const char padding[] = "....................................................";
	struct bh_buffer in = { 0 };
	struct world *w = *state;
	unsigned gap, first, last = 0;
	int fd = open_stream(w), used;

	for (unsigned i = 0; i < 1000; i++)
		put_line(w, padding);
	assert_true(w->lines.length > 10 * MAX_STREAM);
	bh_api_wake(w->api);
	take(w, fd, &in);
	char *lines = dechunk(in.data), *at = lines;
	assert_int_equal(sscanf(at, "{\"gap\":%u}\n{\"n\":%u%n", &gap, &first, &used), 2);
	assert_int_equal(gap, first); /* those before it are what is missing */
	assert_true(strlen(lines) <= MAX_STREAM + 32);
	assert_true(strlen(lines) > MAX_STREAM - 100);
	for (at = strchr(at, '\n') + 1; *at != '\0'; at = strchr(at, '\n') + 1) {
		assert_int_equal(sscanf(at, "{\"n\":%u,", &last), 1);
		assert_int_equal(last, first++);
	}
	assert_int_equal(last, 999);
	free(lines);
	bh_buffer_free(&in);
	close(fd);
}

/* A reader that does not read at all costs what the socket takes and one batch, however much
 * happens. */
#define FOLLOW "GET /v1/follow HTTP/1.1\r\nHost: bulkhead\r\nAccept: text/event-stream\r\n\r\n"

static void test_events_are_framed(void **state)
{
	struct bh_buffer in = { 0 };
	struct world *w = *state;
	int fd = call(w);

	send_text(w, fd, FOLLOW);
	assert_stream(w, fd, &in, ": bulkhead\n\n");
	assert_non_null(strstr(in.data, "\r\nContent-Type: text/event-stream\r\n"));
	bh_buffer_puts(&w->lines, "{\"number\":41,\"text\":\"a\"}\n{\"n\":1}\n");
	bh_api_wake(w->api);
	assert_stream(w, fd, &in,
		      ": bulkhead\n\nid: 41\nevent: line\ndata: {\"number\":41,\"text\":\"a\"}\n\n"
		      "event: line\ndata: {\"n\":1}\n\n");
	bh_buffer_free(&in);
	close(fd);
}

/* What waits is bounded, whatever comes meanwhile, and its reader is told of the rest: each line
 * that was ever produced was sent, or is part of a gap. */
static void test_slow_reader_of_events_is_told_what_it_missed(void **state)
{
	static const char padding[] = "....................................................";
	struct bh_buffer in = { 0 };
	struct world *w = *state;
	unsigned told = 0, missed = 0, gap, n;
	int fd = call(w);

	send_text(w, fd, FOLLOW);
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 1000; i++)
			put_line(w, padding);
		bh_api_wake(w->api);
		turn(w);
	}
	take(w, fd, &in);
	char *text = dechunk(in.data);
	for (const char *at = text; (at = strstr(at, "event: ")) != NULL; at++) {
		if (sscanf(at, "event: gap\ndata: {\"gap\":%u}\n\n", &gap) == 1)
			missed += gap;
		else if (sscanf(at, "event: line\ndata: {\"n\":%u,", &n) == 1)
			assert_int_equal(n, told++ + missed);
	}
	assert_int_equal(told + missed, 50000);
	assert_true(missed > 0);
	free(text);
	bh_buffer_free(&in);
	close(fd);
}

static void test_reader_that_does_not_read(void **state)
{
	static const char padding[] = "....................................................";
	struct bh_buffer in = { 0 };
	struct world *w = *state;
	int fd = open_stream(w);
	unsigned passed = 0;

	for (unsigned i = 0; i < 40000; i++) {
		put_line(w, padding);
		if (w->lines.length > MAX_STREAM / 2) {
			bh_api_wake(w->api);
			turn(w);
			passed += w->lines.length == 0;
		}
	}
	/* The source was not asked once the socket was full: what waits, waits there. */
	assert_true(w->lines.length > 100 * MAX_STREAM);
	assert_true(passed > 0);
	take(w, fd, &in);
	bh_api_wake(w->api);
	take(w, fd, &in);
	char *lines = dechunk(in.data);
	assert_non_null(strstr(lines, "{\"gap\":"));
	assert_non_null(strstr(lines, "{\"n\":39999,"));
	free(lines);
	bh_buffer_free(&in);
	close(fd);
}

/* --- limits ----------------------------------------------------------------------------------- */

static void test_more_callers_than_places(void **state)
{
	struct world w;
	int idle[4];
	cJSON *json;

	(void)state;
	open_world(&w, (gid_t)-1, 4);
	for (size_t i = 0; i < 4; i++)
		idle[i] = call(&w);
	turn(&w);
	int late = call(&w);
	send_text(&w, late, GET("/v1/hello"));
	assert_int_equal(w.handled, 0);
	for (size_t i = 0; i < 4; i++)
		close(idle[i]);
	turn(&w);
	close(late);
	turn(&w);
	assert_int_equal(ask(&w, GET("/v1/hello"), &json), 200);
	cJSON_Delete(json);
	close_world(&w);
}

/* Who connects and says nothing is sent away: the loop is told when to look. */
static void test_silent_callers_run_out_of_time(void **state)
{
	struct world *w = *state;
	int fd;

	turn(w);
	assert_int_equal(bh_api_wait(w->api), -1);
	fd = call(w);
	turn(w);
	assert_in_range(bh_api_wait(w->api), 1, 60 * 1000000);
	close(fd);
	turn(w);
	assert_int_equal(bh_api_wait(w->api), -1);
	/* A stream has all the time there is. */
	fd = open_stream(w);
	assert_int_equal(bh_api_wait(w->api), -1);
	close(fd);
}

/* --- who comes by no trusted socket ----------------------------------------------------------- */

#define AS(method, path, token)                                                                    \
	method " " path " HTTP/1.1\r\nHost: bulkhead\r\nAuthorization: Bearer " token "\r\n"       \
	       "Content-Length: 0\r\n\r\n"

static void test_nobody_is_served_without_a_token(void **state)
{
	cJSON *json;
	char *head;
	int fd = call(*state);

	send_text(*state, fd, GET("/v1/hello"));
	assert_int_equal(read_answer(*state, fd, &head, NULL), 401);
	assert_non_null(strstr(head, "\r\nWWW-Authenticate: Bearer\r\n"));
	free(head);
	close(fd);
	assert_int_equal(ask(*state, AS("GET", "/v1/hello", "eve"), &json), 401);
	cJSON_Delete(json);
	/* Nor is he told what there is. */
	assert_int_equal(ask(*state, GET("/v1/nothing"), &json), 401);
	cJSON_Delete(json);
	assert_int_equal(((struct world *)*state)->handled, 0);
}

static void test_tokens_have_roles(void **state)
{
	struct world *w = *state;
	cJSON *json;

	assert_int_equal(ask(w, AS("GET", "/v1/hello", "bob"), &json), 200);
	assert_string_equal(text_at(json, "author"), "token bob");
	assert_true(cJSON_IsFalse(cJSON_GetObjectItem(json, "operator")));
	cJSON_Delete(json);
	assert_int_equal(ask(w, AS("POST", "/v1/change?why=a%20%26%20b&x", "bob"), &json), 403);
	cJSON_Delete(json);
	assert_int_equal(ask(w, AS("POST", "/v1/change", "ada"), &json), 200);
	cJSON_Delete(json);
	assert_string_equal(w->changes, "POST /v1/change?why=a%20%26%20b&x= token bob 403\n"
					"POST /v1/change? token ada 200\n");
}

static void test_the_page_needs_no_token(void **state)
{
	char *head, *body;
	int fd = call(*state);

	send_text(*state, fd, GET("/"));
	assert_int_equal(read_answer(*state, fd, &head, &body), 200);
	assert_string_equal(body, (const char *)page);
	assert_non_null(strstr(head, "\r\nContent-Encoding: gzip\r\n"));
	assert_non_null(strstr(head, "\r\nCache-Control: no-cache\r\n"));
	assert_non_null(strstr(head, "\r\nContent-Security-Policy: default-src 'self';"));
	assert_non_null(strstr(head, "\r\nX-Content-Type-Options: nosniff\r\n"));
	free(head);
	free(body);
	send_text(*state, fd, GET("/assets/x-12345678.js"));
	assert_int_equal(read_answer(*state, fd, &head, NULL), 200);
	assert_non_null(strstr(head, "immutable"));
	free(head);
	close(fd);
}

/* Where a name led here that a stranger gave (DNS rebinding), nobody is anonymous. */
static void test_who_shows_nothing_may_read_by_address(void **state)
{
	static const struct {
		const char *host;
		int status;
	} cases[] = {
		{ "127.0.0.1:7480", 200 }, { "localhost", 200 },
		{ "[::1]:7480", 200 },	   { "evil.example:7480", 401 },
		{ "bulkhead", 401 },	   { "127.0.0.1.evil.example", 401 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char request[256];
		cJSON *json;

		snprintf(request, sizeof(request), "GET /v1/hello HTTP/1.1\r\nHost: %s\r\n\r\n",
			 cases[i].host);
		assert_int_equal(ask(*state, request, &json), cases[i].status);
		cJSON_Delete(json);
	}
	cJSON *json;
	assert_int_equal(
		ask(*state,
		    "POST /v1/change HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n",
		    &json),
		403);
	cJSON_Delete(json);
	/* Who shows a token that is none is not somebody without. */
	assert_int_equal(ask(*state, AS("GET", "/v1/hello", "eve"), &json), 401);
	cJSON_Delete(json);
}

#define WEB(name) cmocka_unit_test_setup_teardown(name, open_web_setup, close_world_teardown)
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world_setup, close_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers_json),
		TEST(test_answers_text),
		TEST(test_connection_is_kept),
		TEST(test_request_in_pieces),
		TEST(test_what_is_no_http_harms_nobody),
		TEST(test_body_arrives_whole),
		TEST(test_body_too_large),
		TEST(test_unknown_path_lists_what_there_is),
		TEST(test_wrong_method_names_the_right_one),
		TEST(test_handler_fails),
		TEST(test_root_may_change),
		TEST(test_others_may_only_read),
		TEST(test_caller_without_a_name),
		cmocka_unit_test(test_operators_by_primary_group),
		cmocka_unit_test(test_operators_by_supplementary_group),
		TEST(test_stream_tells_as_it_happens),
		TEST(test_stream_ends_with_its_client),
		TEST(test_stream_ends_with_its_client_in_silence),
		cmocka_unit_test(test_stream_ends_with_the_server),
		TEST(test_handler_wakes_streams),
		TEST(test_handler_waits),
		cmocka_unit_test(test_waiting_ends_with_the_server),
		TEST(test_slow_reader_is_told_what_it_missed),
		TEST(test_events_are_framed),
		TEST(test_slow_reader_of_events_is_told_what_it_missed),
		WEB(test_nobody_is_served_without_a_token),
		WEB(test_tokens_have_roles),
		WEB(test_the_page_needs_no_token),
		cmocka_unit_test_setup_teardown(test_who_shows_nothing_may_read_by_address,
						open_anonymous_setup, close_world_teardown),
		TEST(test_reader_that_does_not_read),
		cmocka_unit_test(test_more_callers_than_places),
		TEST(test_silent_callers_run_out_of_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
