/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_export_link.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config_exports.h"
#include "core_export_health.h"
#include "grow.h"
#include "timefmt.h"

#define FIRST_RETRY_MS 1000
#define LAST_RETRY_MS 60000
#define LOOK_UP_AGAIN (300 * BH_SECOND) /* what a name stands for may change */
#define BURST 32			/* datagrams at once … */
#define PACE_MS 5			/* … and how long the other side gets then to read them */
#define MOST_UNSENT (256 << 10)		/* bytes that libuv holds for a connection */
#define ALIVE_SECONDS 60
#define CONNECT_WITHIN (10 * BH_SECOND) /* its name's look-up included */
#define UNANSWERED_MS 30000		/* how long what was sent may stay unacknowledged */

/* A message that the other side has not acknowledged. */
struct unacked {
	STAILQ_ENTRY(unacked) next;
	uint64_t end; /* bytes of the connection, up to and with it */
	struct bh_export_sum sum;
};

/* libuv frees a closed one later. */
struct socket {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_udp_t udp; /* a unix socket, too */
	} of;
	uv_connect_t connect;
	struct bh_export_link *link; /* NULL: it is being closed */
	uint64_t written;	     /* bytes handed to libuv */
	STAILQ_HEAD(, unacked) unacked;
	char ignored[512]; /* the other side has nothing to say */
};

enum state {
	WAITS,	    /* until it is tried again */
	LOOKS_UP,   /* its name */
	CONNECTING, /* TCP */
	UP,
};

struct bh_export_link {
	struct bh_core *core;
	const struct bh_config_collector *to;
	struct bh_export_link_user user;
	char text[BH_COLLECTOR_TEXT];
	struct bh_export_totals totals;
	uint64_t in_vain; /* records that were sent, and are known to be lost */
	enum state state;
	struct socket *socket; /* CONNECTING and UP; NULL: none */
	uv_timer_t retry;
	uint64_t retry_ms;
	uv_getaddrinfo_t lookup;
	bool looking_up;
	int64_t looked_up; /* monotonic */
	struct sockaddr_storage address;
	uv_timer_t pace;
	struct bh_buffer message; /* not sent yet, where it holds anything */
	struct bh_export_sum in_message;
	struct bh_export_sum last_sent; /* of UDP */
	struct bh_export_health health;
};

static void retry_later(struct bh_export_link *l);

static bool is_tcp(const struct bh_export_link *l)
{
	return l->to->transport == BH_TRANSPORT_TCP;
}

/* --- what goes wrong -------------------------------------------------------------------------- */

void bh_export_link_lose(struct bh_export_link *l, const struct bh_export_sum *sum)
{
	bh_export_sum_add(&l->totals.not_sent, sum);
	bh_core_lost(l->core, l->user.loss, sum->records);
}

static void lose_sent(struct bh_export_link *l, const struct bh_export_sum *sum)
{
	l->in_vain += sum->records;
	bh_export_link_lose(l, sum);
}

static void blame(struct bh_export_link *l, const char *doing, int error)
{
	snprintf(l->health.why, sizeof(l->health.why), "%s: %s", doing, uv_strerror(error));
}

static void free_socket(uv_handle_t *handle)
{
	free(handle->data);
}

static void forget_first(struct socket *s)
{
	struct unacked *first = STAILQ_FIRST(&s->unacked);

	STAILQ_REMOVE_HEAD(&s->unacked, next);
	free(first);
}

static void close_socket(struct bh_export_link *l)
{
	struct socket *s = l->socket;

	while (!STAILQ_EMPTY(&s->unacked))
		forget_first(s);
	l->socket = NULL;
	s->link = NULL;
	uv_close(&s->of.handle, free_socket);
}

/* Bytes that the other side has acknowledged. */
static uint64_t acknowledged(const struct socket *s)
{
	int fd, in_kernel = 0;

	if (uv_fileno(&s->of.handle, &fd) != 0 || ioctl(fd, SIOCOUTQ, &in_kernel) != 0)
		return 0;
	return s->written - uv_stream_get_write_queue_size(&s->of.stream) - (uint64_t)in_kernel;
}

static void forget_acknowledged(struct socket *s)
{
	uint64_t until = acknowledged(s);
	const struct unacked *u;

	while ((u = STAILQ_FIRST(&s->unacked)) != NULL && u->end <= until)
		forget_first(s);
}

/* The way is gone, or did not come about. */
static void break_off(struct bh_export_link *l, const char *doing, int error)
{
	const struct unacked *u;

	blame(l, doing, error);
	if (is_tcp(l)) {
		forget_acknowledged(l->socket);
		STAILQ_FOREACH (u, &l->socket->unacked, next)
			lose_sent(l, &u->sum);
	}
	close_socket(l);
	retry_later(l);
}

/* --- sending ---------------------------------------------------------------------------------- */

static bool next_message(struct bh_export_link *l)
{
	bh_buffer_clear(&l->message);
	if (l->user.next(l->user.user, &l->message, &l->in_message))
		return true;
	bh_buffer_clear(&l->message);
	return false;
}

static void count_sent(struct bh_export_link *l)
{
	l->totals.messages++;
	l->totals.octets += l->message.length;
	bh_export_sum_add(&l->totals.sent, &l->in_message);
}

static void on_pace(uv_timer_t *timer)
{
	bh_export_link_pump(timer->data);
}

static int try_send(struct bh_export_link *l)
{
	uv_buf_t bytes = uv_buf_init(l->message.data, (unsigned)l->message.length);

	return uv_udp_try_send(&l->socket->of.udp, &bytes, 1, NULL);
}

/* A refusal that comes with a datagram of UDP is of one before, and this one was not sent. */
static int send_udp(struct bh_export_link *l)
{
	int result = try_send(l);

	if (result >= 0)
		l->health.why[0] = '\0';
	if (result != UV_ECONNREFUSED)
		return result;
	blame(l, "it refuses datagrams", result);
	lose_sent(l, &l->last_sent);
	l->last_sent = (struct bh_export_sum) { 0 };
	return try_send(l);
}

/* False: later, if at all. */
static bool send_datagram(struct bh_export_link *l)
{
	bool udp = l->to->transport == BH_TRANSPORT_UDP;
	int result = udp ? send_udp(l) : try_send(l);

	if (result == UV_EAGAIN || result == UV_ENOBUFS)
		return false;
	if (result < 0 && !udp && result != UV_EMSGSIZE) {
		break_off(l, "whoever read there is gone", result);
		return false;
	}
	if (result >= 0) {
		count_sent(l);
		l->last_sent = l->in_message;
	} else {
		blame(l, "datagrams cannot be sent", result);
		bh_export_link_lose(l, &l->in_message);
	}
	bh_buffer_clear(&l->message);
	return true;
}

static void pump_datagrams(struct bh_export_link *l)
{
	for (int i = 0; i < BURST; i++) {
		if (l->message.length == 0 && !next_message(l))
			return;
		if (!send_datagram(l))
			break;
	}
	if (l->state == UP)
		uv_timer_start(&l->pace, on_pace, PACE_MS, 0);
}

struct writing {
	uv_write_t request;
	struct socket *socket;
	char bytes[];
};

static void on_written(uv_write_t *request, int status)
{
	struct writing *w = (struct writing *)(void *)request;
	struct bh_export_link *l = w->socket->link;

	free(w);
	if (l == NULL)
		return;
	if (status != 0)
		break_off(l, "the connection broke", status);
	else
		bh_export_link_pump(l);
}

static void write_message(struct bh_export_link *l)
{
	struct writing *w = bh_calloc(1, sizeof(*w) + l->message.length);
	struct unacked *u = bh_calloc(1, sizeof(*u));
	uv_buf_t bytes = uv_buf_init(w->bytes, (unsigned)l->message.length);

	memcpy(w->bytes, l->message.data, l->message.length);
	w->socket = l->socket;
	l->socket->written += l->message.length;
	u->end = l->socket->written;
	u->sum = l->in_message;
	STAILQ_INSERT_TAIL(&l->socket->unacked, u, next);
	count_sent(l);
	bh_buffer_clear(&l->message);
	if (uv_write(&w->request, &l->socket->of.stream, &bytes, 1, on_written) != 0)
		free(w); /* the connection is broken, which reading tells */
}

static void pump_connection(struct bh_export_link *l)
{
	while (uv_stream_get_write_queue_size(&l->socket->of.stream) < MOST_UNSENT &&
	       next_message(l))
		write_message(l);
}

void bh_export_link_pump(struct bh_export_link *l)
{
	if (l->state != UP)
		return;
	if (is_tcp(l))
		pump_connection(l);
	else
		pump_datagrams(l);
}

/* --- connecting ------------------------------------------------------------------------------- */

static void give_room(uv_handle_t *handle, size_t size, uv_buf_t *out)
{
	struct socket *s = handle->data;

	(void)size;
	*out = uv_buf_init(s->ignored, sizeof(s->ignored));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes)
{
	struct socket *s = stream->data;

	(void)bytes;
	if (got < 0 && s->link != NULL)
		break_off(s->link, "the connection broke", (int)got);
}

/* A message that could not be sent yet may belong to the session before. */
static void begin_session(struct bh_export_link *l)
{
	if (l->user.begin != NULL) {
		if (l->message.length > 0)
			bh_export_link_lose(l, &l->in_message);
		bh_buffer_clear(&l->message);
		l->user.begin(l->user.user);
	}
	l->state = UP;
	l->retry_ms = FIRST_RETRY_MS;
	l->last_sent = (struct bh_export_sum) { 0 };
	l->health.why[0] = '\0';
	bh_export_link_pump(l);
}

/* A peer that vanished is noticed. */
static void set_patience(struct socket *s)
{
	int fd, patience = UNANSWERED_MS;

	uv_tcp_keepalive(&s->of.tcp, 1, ALIVE_SECONDS);
	if (uv_fileno(&s->of.handle, &fd) == 0)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof(patience));
}

static void on_connected(uv_connect_t *request, int status)
{
	struct socket *s = request->data;

	if (s->link == NULL)
		return;
	if (status != 0) {
		break_off(s->link, "it cannot be connected to", status);
		return;
	}
	set_patience(s);
	uv_read_start(&s->of.stream, give_room, on_read);
	begin_session(s->link);
}

/* To the path that is its host. 0 or negative errno. */
static int open_unix(struct bh_export_link *l, uv_udp_t *handle)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, result;

	if (!bh_copy_text(address.sun_path, sizeof(address.sun_path), l->to->host))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	result = connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0
			 ? -errno
			 : uv_udp_open(handle, fd);
	if (result != 0)
		close(fd);
	return result;
}

static int open_socket(struct bh_export_link *l, struct socket *s)
{
	const struct sockaddr *address = (const struct sockaddr *)&l->address;

	if (is_tcp(l)) {
		uv_tcp_init(&l->core->loop, &s->of.tcp);
		s->of.handle.data = s;
		return uv_tcp_connect(&s->connect, &s->of.tcp, address, on_connected);
	}
	uv_udp_init(&l->core->loop, &s->of.udp);
	s->of.handle.data = s;
	return l->to->transport == BH_TRANSPORT_UDP ? uv_udp_connect(&s->of.udp, address)
						    : open_unix(l, &s->of.udp);
}

static void connect_link(struct bh_export_link *l)
{
	struct socket *s = bh_calloc(1, sizeof(*s));
	int result;

	STAILQ_INIT(&s->unacked);
	s->link = l;
	s->connect.data = s;
	l->socket = s;
	l->state = CONNECTING;
	result = open_socket(l, s);
	if (result != 0)
		break_off(l, "it cannot be reached", result);
	else if (!is_tcp(l))
		begin_session(l);
}

/* Whether it is where it was. */
static bool is_there_still(const struct bh_export_link *l, const struct addrinfo *found)
{
	for (; found != NULL; found = found->ai_next)
		if (memcmp(&l->address, found->ai_addr, found->ai_addrlen) == 0)
			return true;
	return false;
}

/* Of several addresses one after the other is tried: the one behind the last that was. */
static void choose_address(struct bh_export_link *l, const struct addrinfo *found)
{
	const struct addrinfo *chosen = found;

	for (const struct addrinfo *a = found; a->ai_next != NULL; a = a->ai_next)
		if (memcmp(&l->address, a->ai_addr, a->ai_addrlen) == 0)
			chosen = a->ai_next;
	memset(&l->address, 0, sizeof(l->address));
	memcpy(&l->address, chosen->ai_addr, chosen->ai_addrlen);
}

static void take_addresses(struct bh_export_link *l, const struct addrinfo *found)
{
	if (l->state == UP) {
		if (is_there_still(l, found))
			return;
		close_socket(l);
	}
	choose_address(l, found);
	connect_link(l);
}

static void blame_name(struct bh_export_link *l, int error)
{
	if (l->state == UP)
		return;
	blame(l, "its name cannot be looked up", error);
	retry_later(l);
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct bh_export_link *l = request->data;

	l->looking_up = false;
	if (status == 0 && found != NULL)
		take_addresses(l, found);
	else
		blame_name(l, status != 0 ? status : UV_EAI_NODATA);
	uv_freeaddrinfo(found);
}

static void look_up(struct bh_export_link *l)
{
	const struct addrinfo hints = { .ai_socktype = is_tcp(l) ? SOCK_STREAM : SOCK_DGRAM };
	char port[8];

	if (l->looking_up)
		return;
	snprintf(port, sizeof(port), "%u", l->to->port);
	l->looked_up = bh_time_monotonic();
	int result =
		uv_getaddrinfo(&l->core->loop, &l->lookup, on_looked_up, l->to->host, port, &hints);
	l->looking_up = result == 0;
	if (result != 0)
		blame_name(l, result);
}

static void reach(struct bh_export_link *l)
{
	l->state = LOOKS_UP;
	if (l->to->transport == BH_TRANSPORT_UNIX)
		connect_link(l);
	else
		look_up(l);
}

static void on_retry(uv_timer_t *timer)
{
	reach(timer->data);
}

/* Doubling, and not all at once: half of it is by chance. */
static void retry_later(struct bh_export_link *l)
{
	uint32_t chance = 0;

	uv_random(NULL, NULL, &chance, sizeof(chance), 0, NULL);
	l->state = WAITS;
	uv_timer_start(&l->retry, on_retry, l->retry_ms / 2 + chance % (l->retry_ms / 2 + 1), 0);
	l->retry_ms = l->retry_ms * 2 < LAST_RETRY_MS ? l->retry_ms * 2 : LAST_RETRY_MS;
}

/* --- telling ---------------------------------------------------------------------------------- */

void bh_export_link_tick(struct bh_export_link *l, int64_t now)
{
	if (l->state == CONNECTING && now - l->looked_up >= CONNECT_WITHIN)
		break_off(l, "it cannot be connected to", UV_ETIMEDOUT);
	if (l->state == UP && is_tcp(l))
		forget_acknowledged(l->socket);
	else if (l->state == UP && l->to->transport == BH_TRANSPORT_UDP &&
		 now - l->looked_up >= LOOK_UP_AGAIN)
		look_up(l);
	bh_export_link_pump(l);
	bh_export_tell(l->core, &l->health, l->user.what, l->text, l->totals.not_sent.records, now);
}

const struct bh_export_totals *bh_export_link_totals(const struct bh_export_link *l)
{
	return &l->totals;
}

static const char *state_word(const struct bh_export_link *l)
{
	static const char *const words[] = { [WAITS] = "waiting",
					     [LOOKS_UP] = "looking up",
					     [CONNECTING] = "connecting",
					     [UP] = "sending" };

	return l->state == UP && l->health.why[0] != '\0' ? "refused" : words[l->state];
}

cJSON *bh_export_link_json(const struct bh_export_link *l)
{
	return bh_export_json(l->user.kind, l->text, state_word(l), &l->health,
			      l->totals.sent.records - l->in_vain, l->totals.not_sent.records,
			      l->user.waiting(l->user.user));
}

void bh_export_link_say(const struct bh_export_link *l, cJSON *list)
{
	bh_export_say(&l->health, l->user.what, l->text, l->totals.not_sent.records,
		      l->user.waiting(l->user.user), list);
}

/* --- the whole -------------------------------------------------------------------------------- */

struct bh_export_link *bh_export_link_new(struct bh_core *core,
					  const struct bh_config_collector *to,
					  const struct bh_export_link_user *user)
{
	struct bh_export_link *l = bh_calloc(1, sizeof(*l));

	l->core = core;
	l->to = to;
	l->user = *user;
	bh_config_collector_text(to, l->text);
	l->retry_ms = FIRST_RETRY_MS;
	uv_timer_init(&core->loop, &l->retry);
	uv_timer_init(&core->loop, &l->pace);
	l->retry.data = l->pace.data = l->lookup.data = l;
	uv_timer_start(&l->retry, on_retry, 0, 0); /* the user may not know it yet */
	return l;
}

bool bh_export_link_is_done(const struct bh_export_link *l)
{
	if (l->state != UP)
		return true;
	return l->message.length == 0 && l->user.waiting(l->user.user) == 0 &&
	       (!is_tcp(l) || uv_stream_get_write_queue_size(&l->socket->of.stream) == 0);
}

/* While its name is looked up, that thread writes to it: then it is left to the process's end. */
void bh_export_link_free(struct bh_export_link *l)
{
	l->state = WAITS;
	if (l->socket != NULL)
		close_socket(l);
	uv_close((uv_handle_t *)&l->retry, NULL);
	uv_close((uv_handle_t *)&l->pace, NULL);
	uv_run(&l->core->loop, UV_RUN_NOWAIT);
	bh_buffer_free(&l->message);
	if (!l->looking_up)
		free(l);
}
