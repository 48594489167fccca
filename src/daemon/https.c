/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "https.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "curl_loop.h"
#include "grow.h"
#include "log.h"

#define CONNECT_SECONDS 10L
#define ALIVE_SECONDS 30L /* of silence, after which the server is asked whether it is there */
#define TOKEN 16384	  /* bytes */

struct get {
	struct bh_transfer transfer; /* the first member */
	struct bh_https *https;
	uint32_t id;
	struct curl_slist *headers;
	bool headed; /* the status was told */
	int error;   /* it could not even begin */
	char reason[CURL_ERROR_SIZE];
};

struct bh_https {
	const char *server;
	const char *ca;
	const char *token;
	struct bh_https_events events;
	struct bh_curl_loop *loop;
	char logged[CURL_ERROR_SIZE]; /* what is wrong, as long as the same is */
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
	curl_easy_cleanup(g->transfer.curl);
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
	curl_easy_getinfo(g->transfer.curl, CURLINFO_RESPONSE_CODE, &status);
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

static void on_ended(struct bh_transfer *transfer, CURLcode code)
{
	struct get *g = (struct get *)(void *)transfer;
	struct bh_https *h = g->https;
	int error = g->error != 0 ? g->error : as_errno(code);
	uint32_t id = g->id;

	log_reason(h, code == CURLE_OK || g->error != 0 ? ""
		      : g->reason[0] != '\0'		? g->reason
							: curl_easy_strerror(code));
	if (error == 0)
		tell_head(g);
	free_get(g);
	h->events.end(h->events.user, id, error);
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
	CURL *curl = g->transfer.curl;
	char text[TOKEN];

	if (!read_token(h->token, text, sizeof(text)))
		return false;
	add_header(g, text);
	explicit_bzero(text, sizeof(text));
	snprintf(text, sizeof(text), "Accept: %s", accept);
	add_header(g, text);
	snprintf(text, sizeof(text), "%s%s", h->server, path);
	curl_easy_setopt(curl, CURLOPT_URL, text);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, g->headers);
	curl_easy_setopt(curl, CURLOPT_CAINFO, h->ca);
	curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, seconds);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, ALIVE_SECONDS);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, ALIVE_SECONDS);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "bulkhead");
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, g->reason);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, g);
	return true;
}

/* Why it cannot begin, or 0. */
static int make(struct get *g, const char *path, const char *accept, long seconds)
{
	g->transfer.curl = curl_easy_init();
	if (g->transfer.curl == NULL)
		return -ENOMEM;
	if (prepare(g, path, accept, seconds))
		return 0;
	curl_easy_cleanup(g->transfer.curl);
	g->transfer.curl = NULL;
	return -ENOKEY;
}

void bh_https_get(struct bh_https *h, uint32_t request, const char *path, const char *accept,
		  long seconds)
{
	struct get *g = bh_calloc(1, sizeof(*g));

	g->https = h;
	g->id = request;
	g->transfer.ended = on_ended;
	g->error = make(g, path, accept, seconds);
	bh_curl_loop_add(h->loop, &g->transfer);
}

struct bh_https *bh_https_new(uv_loop_t *loop, const char *server, const char *ca,
			      const char *token, const struct bh_https_events *events)
{
	struct bh_https *h = bh_calloc(1, sizeof(*h));

	h->loop = bh_curl_loop_new(loop);
	h->server = server;
	h->ca = ca;
	h->token = token;
	h->events = *events;
	return h;
}
