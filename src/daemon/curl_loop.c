/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "curl_loop.h"

#include <stdbool.h>
#include <stdlib.h>

#include "grow.h"

/* A descriptor of libcurl's, while libcurl waits for it. */
struct wait {
	uv_poll_t poll;
	struct bh_curl_loop *loop;
	curl_socket_t fd;
};

struct bh_curl_loop {
	uv_loop_t *uv;
	CURLM *multi;
	uv_timer_t timer; /* libcurl's */
	uv_timer_t soon;
	int closing;		       /* timers that are still to be closed */
	TAILQ_HEAD(, bh_transfer) new; /* libcurl takes none while it hands out what it received */
};

static void on_soon(uv_timer_t *timer)
{
	struct bh_curl_loop *l = timer->data;
	struct bh_transfer *t;

	while ((t = TAILQ_FIRST(&l->new)) != NULL) {
		TAILQ_REMOVE(&l->new, t, next);
		t->begun = true;
		if (t->curl == NULL)
			t->ended(t, CURLE_FAILED_INIT);
		else
			curl_multi_add_handle(l->multi, t->curl);
	}
}

/* What has ended since libcurl was last driven. */
static void tell_ended(struct bh_curl_loop *l)
{
	const CURLMsg *message;
	struct bh_transfer *t;
	int left;

	while ((message = curl_multi_info_read(l->multi, &left)) != NULL) {
		CURLcode result = message->data.result;
		CURL *curl = message->easy_handle;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(curl, CURLINFO_PRIVATE, &t);
		curl_multi_remove_handle(l->multi, curl);
		t->ended(t, result);
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct bh_curl_loop *l = timer->data;
	int running;

	curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	tell_ended(l);
}

static int set_timer(CURLM *multi, long milliseconds, void *user)
{
	struct bh_curl_loop *l = user;

	(void)multi;
	if (milliseconds < 0)
		uv_timer_stop(&l->timer);
	else if (l->closing == 0)
		uv_timer_start(&l->timer, on_timer, (uint64_t)milliseconds, 0);
	return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	const struct wait *w = poll->data;
	struct bh_curl_loop *l = w->loop;
	int flags = status < 0 ? CURL_CSELECT_ERR : 0, running;

	flags |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
	flags |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
	curl_multi_socket_action(l->multi, w->fd, flags, &running);
	tell_ended(l);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static int watch_socket(CURL *curl, curl_socket_t fd, int what, void *user, void *of_socket)
{
	struct bh_curl_loop *l = user;
	struct wait *w = of_socket;

	(void)curl;
	if (what == CURL_POLL_REMOVE) {
		if (w == NULL)
			return 0;
		curl_multi_assign(l->multi, fd, NULL);
		uv_poll_stop(&w->poll);
		uv_close((uv_handle_t *)&w->poll, on_closed);
		return 0;
	}
	if (w == NULL) {
		w = bh_calloc(1, sizeof(*w));
		w->loop = l;
		w->fd = fd;
		w->poll.data = w;
		uv_poll_init(l->uv, &w->poll, fd);
		curl_multi_assign(l->multi, fd, w);
	}
	uv_poll_start(&w->poll,
		      ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
			      ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0),
		      on_ready);
	return 0;
}

void bh_curl_loop_add(struct bh_curl_loop *l, struct bh_transfer *t)
{
	t->begun = false;
	if (t->curl != NULL) {
		curl_easy_setopt(t->curl, CURLOPT_PRIVATE, t);
		/* Whoever ends a transfer does not wait for the thread that looks its name up. */
		curl_easy_setopt(t->curl, CURLOPT_QUICK_EXIT, 1L);
	}
	TAILQ_INSERT_TAIL(&l->new, t, next);
	uv_timer_start(&l->soon, on_soon, 0, 0);
}

void bh_curl_loop_remove(struct bh_curl_loop *l, struct bh_transfer *t)
{
	if (!t->begun)
		TAILQ_REMOVE(&l->new, t, next);
	else if (t->curl != NULL)
		curl_multi_remove_handle(l->multi, t->curl);
}

struct bh_curl_loop *bh_curl_loop_new(uv_loop_t *uv)
{
	struct bh_curl_loop *l = bh_calloc(1, sizeof(*l));

	curl_global_init(CURL_GLOBAL_DEFAULT);
	l->uv = uv;
	TAILQ_INIT(&l->new);
	l->multi = curl_multi_init();
	curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
	curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
	uv_timer_init(uv, &l->timer);
	uv_timer_init(uv, &l->soon);
	l->timer.data = l->soon.data = l;
	return l;
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct bh_curl_loop *l = handle->data;

	if (--l->closing == 0)
		free(l);
}

void bh_curl_loop_free(struct bh_curl_loop *l)
{
	if (l == NULL)
		return;
	l->closing = 2;
	curl_multi_cleanup(l->multi);
	uv_close((uv_handle_t *)&l->timer, on_timer_closed);
	uv_close((uv_handle_t *)&l->soon, on_timer_closed);
}
