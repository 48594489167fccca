/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "https.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "grow.h"
#include "log.h"

#define CONNECT_SECONDS 10L
#define ALIVE_SECONDS 30L /* of silence, after which the server is asked whether it is there */
#define TOKEN 16384	  /* bytes */

struct get {
	TAILQ_ENTRY(get) next;
	struct bh_https *https;
	uint32_t id;
	CURL *curl;
	struct curl_slist *headers;
	bool headed; /* the status was told */
	int error;   /* it could not even begin */
	char reason[CURL_ERROR_SIZE];
};

/* A descriptor of libcurl's, while libcurl waits for it. */
struct wait {
	uv_poll_t poll;
	struct bh_https *https;
	curl_socket_t fd;
};

struct bh_https {
	uv_loop_t *loop;
	const char *server;
	const char *ca;
	const char *token;
	struct bh_https_events events;
	CURLM *multi;
	uv_timer_t timer; /* libcurl's */
	uv_timer_t soon;
	char logged[CURL_ERROR_SIZE]; /* what is wrong, as long as the same is */
	TAILQ_HEAD(, get) new;	      /* libcurl takes none while it hands out what it received */
};

/* --- ends ------------------------------------------------------------------------------------- */

static int as_errno(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_COULDNT_RESOLVE_HOST:
		return -EADDRNOTAVAIL;
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		return -EKEYREJECTED;
	case CURLE_SSL_CACERT_BADFILE:
		return -ENOENT;
	case CURLE_SSL_CONNECT_ERROR:
		return -EPROTO;
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return -ECONNRESET;
	default:
		return -EIO;
	}
}

static void free_get(struct get *g)
{
	curl_easy_cleanup(g->curl);
	curl_slist_free_all(g->headers);
	free(g);
}

static void tell_head(struct get *g)
{
	char head[64];
	long status = 0;

	if (g->headed)
		return;
	g->headed = true;
	curl_easy_getinfo(g->curl, CURLINFO_RESPONSE_CODE, &status);
	int length = snprintf(head, sizeof(head), "HTTP/1.0 %ld\r\n\r\n", status);
	g->https->events.data(g->https->events.user, g->id, head, (size_t)length);
}

/* libcurl knows more of it than an errno says. */
static void log_reason(struct bh_https *h, const char *reason)
{
	if (strcmp(h->logged, reason) == 0)
		return;
	bh_copy_text(h->logged, sizeof(h->logged), reason);
	if (*reason != '\0')
		bh_log(BH_LOG_WARNING, "%s: %s", h->server, reason);
}

static void finish(struct get *g, CURLcode code)
{
	struct bh_https *h = g->https;
	int error = g->error != 0 ? g->error : as_errno(code);
	uint32_t id = g->id;

	log_reason(h, code == CURLE_OK	     ? ""
		      : g->reason[0] != '\0' ? g->reason
					     : curl_easy_strerror(code));
	if (error == 0)
		tell_head(g);
	free_get(g);
	h->events.end(h->events.user, id, error);
}

static void on_soon(uv_timer_t *timer)
{
	struct bh_https *h = timer->data;
	struct get *g;

	while ((g = TAILQ_FIRST(&h->new)) != NULL) {
		TAILQ_REMOVE(&h->new, g, next);
		if (g->error != 0)
			finish(g, CURLE_OK);
		else
			curl_multi_add_handle(h->multi, g->curl);
	}
}

/* What has ended since libcurl was last driven. */
static void finish_ended(struct bh_https *h)
{
	const CURLMsg *message;
	struct get *g;
	int left;

	while ((message = curl_multi_info_read(h->multi, &left)) != NULL) {
		CURLcode code = message->data.result;
		CURL *curl = message->easy_handle;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(curl, CURLINFO_PRIVATE, &g);
		curl_multi_remove_handle(h->multi, curl);
		finish(g, code);
	}
}

/* --- libcurl on the loop ---------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
	struct bh_https *h = timer->data;
	int running;

	curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_ended(h);
}

static int set_timer(CURLM *multi, long milliseconds, void *user)
{
	struct bh_https *h = user;

	(void)multi;
	if (milliseconds < 0)
		uv_timer_stop(&h->timer);
	else
		uv_timer_start(&h->timer, on_timer, (uint64_t)milliseconds, 0);
	return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	const struct wait *w = poll->data;
	struct bh_https *h = w->https;
	int flags = status < 0 ? CURL_CSELECT_ERR : 0, running;

	flags |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
	flags |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
	curl_multi_socket_action(h->multi, w->fd, flags, &running);
	finish_ended(h);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static int watch_socket(CURL *curl, curl_socket_t fd, int what, void *user, void *of_socket)
{
	struct bh_https *h = user;
	struct wait *w = of_socket;

	(void)curl;
	if (what == CURL_POLL_REMOVE) {
		if (w == NULL)
			return 0;
		curl_multi_assign(h->multi, fd, NULL);
		uv_poll_stop(&w->poll);
		uv_close((uv_handle_t *)&w->poll, on_closed);
		return 0;
	}
	if (w == NULL) {
		w = bh_calloc(1, sizeof(*w));
		w->https = h;
		w->fd = fd;
		w->poll.data = w;
		uv_poll_init(h->loop, &w->poll, fd);
		curl_multi_assign(h->multi, fd, w);
	}
	uv_poll_start(&w->poll,
		      ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
			      ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0),
		      on_ready);
	return 0;
}

/* --- requests --------------------------------------------------------------------------------- */

static size_t take(char *bytes, size_t size, size_t count, void *user)
{
	struct get *g = user;

	tell_head(g);
	g->https->events.data(g->https->events.user, g->id, bytes, size * count);
	return size * count;
}

/* The header with the token, or false: there is none. */
static bool read_token(const char *path, char *out, size_t size)
{
	static const char start[] = "Authorization: Bearer ";
	size_t length = sizeof(start) - 1;
	BH_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	memcpy(out, start, sizeof(start));
	ssize_t got = fd < 0 ? -1 : read(fd, out + length, size - length - 1);
	if (got < 0)
		return false;
	out[length + (size_t)got] = '\0';
	size_t token = strcspn(out + length, "\r\n \t");
	out[length + token] = '\0';
	return token > 0;
}

static void add_header(struct get *g, const char *text)
{
	g->headers = curl_slist_append(g->headers, text);
}

static bool prepare(struct get *g, const char *path, const char *accept, long seconds)
{
	const struct bh_https *h = g->https;
	char text[TOKEN];

	if (!read_token(h->token, text, sizeof(text)))
		return false;
	add_header(g, text);
	explicit_bzero(text, sizeof(text));
	snprintf(text, sizeof(text), "Accept: %s", accept);
	add_header(g, text);
	snprintf(text, sizeof(text), "%s%s", h->server, path);
	curl_easy_setopt(g->curl, CURLOPT_URL, text);
	curl_easy_setopt(g->curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(g->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(g->curl, CURLOPT_HTTPHEADER, g->headers);
	curl_easy_setopt(g->curl, CURLOPT_CAINFO, h->ca);
	curl_easy_setopt(g->curl, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(g->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(g->curl, CURLOPT_TIMEOUT, seconds);
	curl_easy_setopt(g->curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(g->curl, CURLOPT_TCP_KEEPIDLE, ALIVE_SECONDS);
	curl_easy_setopt(g->curl, CURLOPT_TCP_KEEPINTVL, ALIVE_SECONDS);
	curl_easy_setopt(g->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(g->curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(g->curl, CURLOPT_USERAGENT, "bulkhead");
	curl_easy_setopt(g->curl, CURLOPT_ERRORBUFFER, g->reason);
	curl_easy_setopt(g->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(g->curl, CURLOPT_WRITEDATA, g);
	curl_easy_setopt(g->curl, CURLOPT_PRIVATE, g);
	return true;
}

void bh_https_get(struct bh_https *h, uint32_t request, const char *path, const char *accept,
		  long seconds)
{
	struct get *g = bh_calloc(1, sizeof(*g));

	g->https = h;
	g->id = request;
	g->curl = curl_easy_init();
	g->error = g->curl == NULL ? -ENOMEM : !prepare(g, path, accept, seconds) ? -ENOKEY : 0;
	TAILQ_INSERT_TAIL(&h->new, g, next);
	uv_timer_start(&h->soon, on_soon, 0, 0);
}

struct bh_https *bh_https_new(uv_loop_t *loop, const char *server, const char *ca,
			      const char *token, const struct bh_https_events *events)
{
	struct bh_https *h = bh_calloc(1, sizeof(*h));

	curl_global_init(CURL_GLOBAL_DEFAULT);
	h->loop = loop;
	h->server = server;
	h->ca = ca;
	h->token = token;
	h->events = *events;
	TAILQ_INIT(&h->new);
	h->multi = curl_multi_init();
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	uv_timer_init(loop, &h->timer);
	uv_timer_init(loop, &h->soon);
	h->timer.data = h->soon.data = h;
	return h;
}
