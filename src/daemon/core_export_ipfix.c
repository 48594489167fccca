/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_export_ipfix.h"

#include <inttypes.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "config_exports.h"
#include "core_api.h"
#include "grow.h"
#include "ipfix.h"
#include "timefmt.h"

#define FIRST_RETRY_MS 1000
#define LAST_RETRY_MS 60000
#define LOOK_UP_AGAIN (300 * BH_SECOND) /* what a name stands for may change */
#define STATISTICS_EVERY (60 * BH_SECOND)
#define TELL_AFTER (3 * BH_SECOND) /* that something is wrong, or right again */
#define BURST 32		   /* datagrams at once … */
#define PACE_MS 5		   /* … and how long then the collector gets to read them */
#define MOST_UNSENT (256 << 10)	   /* bytes that libuv holds for a connection */
#define ALIVE_SECONDS 60
#define UNANSWERED_MS 30000 /* how long what was sent may stay unacknowledged */
#define END_MS 1000

/* A message that the collector's side has not acknowledged. */
struct unacked {
	STAILQ_ENTRY(unacked) next;
	uint64_t end; /* bytes of the connection, up to and with it */
	struct bh_ipfix_sum sum;
};

/* A socket; libuv frees a closed one later. */
struct link {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_udp_t udp;
	} of;
	uv_connect_t connect;
	struct collector *collector; /* NULL: it is being closed */
	uint64_t written;	     /* bytes handed to libuv */
	STAILQ_HEAD(, unacked) unacked;
	char ignored[512]; /* collectors have nothing to say */
};

enum state {
	WAITS,	    /* until it is tried again */
	LOOKS_UP,   /* its name */
	CONNECTING, /* TCP */
	UP,
};

struct collector {
	struct bh_ipfix_exporter *exporter;
	const struct bh_config_collector *config;
	char text[BH_COLLECTOR_TEXT];
	struct bh_ipfix_settings settings;
	struct bh_ipfix_session session;
	struct bh_ipfix_totals totals;
	uint64_t in_vain; /* records that were sent, and are known to be lost */
	struct bh_export_queue queue;
	enum state state;
	struct link *link; /* CONNECTING and UP; NULL: none */
	uv_timer_t retry;
	uint64_t retry_ms;
	uv_getaddrinfo_t lookup;
	bool looking_up;
	int64_t looked_up; /* monotonic */
	struct sockaddr_storage address;
	uv_timer_t pace;
	struct bh_buffer message; /* not sent yet, where it holds anything */
	struct bh_ipfix_sum in_message;
	struct bh_ipfix_sum last_sent; /* of UDP */
	int64_t statistics_due;
	char why[256];	      /* it takes nothing; "": nothing is known against it */
	bool told;	      /* so, by an event */
	int64_t why_since;    /* monotonic: since it is otherwise than was told; 0: it is not */
	uint64_t lost_before; /* records, when it was told */
};

struct bh_ipfix_exporter {
	struct bh_core *core;
	uv_timer_t end;
	size_t count;
	struct collector collectors[];
};

static void retry_later(struct collector *c);
static void pump(struct collector *c);

/* --- what goes wrong -------------------------------------------------------------------------- */

static void lose(struct collector *c, const struct bh_ipfix_sum *sum)
{
	bh_ipfix_sum_add(&c->totals.not_sent, sum);
	bh_core_lost(c->exporter->core, BH_LOSS_IPFIX, sum->records);
}

static void lose_sent(struct collector *c, const struct bh_ipfix_sum *sum)
{
	c->in_vain += sum->records;
	lose(c, sum);
}

static void blame(struct collector *c, const char *doing, const char *reason)
{
	snprintf(c->why, sizeof(c->why), "%s: %s", doing, reason);
}

static void free_link(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_link(struct collector *c)
{
	struct link *link = c->link;

	c->link = NULL;
	link->collector = NULL;
	uv_close(&link->of.handle, free_link);
}

/* Bytes that the collector's side has acknowledged. */
static uint64_t acknowledged(const struct link *link)
{
	int fd, in_kernel = 0;

	if (uv_fileno(&link->of.handle, &fd) != 0 || ioctl(fd, SIOCOUTQ, &in_kernel) != 0)
		return 0;
	return link->written - uv_stream_get_write_queue_size(&link->of.stream) -
	       (uint64_t)in_kernel;
}

static void forget_first(struct link *link)
{
	struct unacked *first = STAILQ_FIRST(&link->unacked);

	STAILQ_REMOVE_HEAD(&link->unacked, next);
	free(first);
}

static void forget_acknowledged(struct link *link)
{
	uint64_t until = acknowledged(link);
	const struct unacked *u;

	while ((u = STAILQ_FIRST(&link->unacked)) != NULL && u->end <= until)
		forget_first(link);
}

static void lose_unacknowledged(struct collector *c)
{
	const struct unacked *u;

	forget_acknowledged(c->link);
	while ((u = STAILQ_FIRST(&c->link->unacked)) != NULL) {
		lose_sent(c, &u->sum);
		forget_first(c->link);
	}
}

/* The connection is over, or did not come about. */
static void break_off(struct collector *c, const char *doing, const char *reason)
{
	blame(c, doing, reason);
	lose_unacknowledged(c);
	close_link(c);
	retry_later(c);
}

/* --- sending ---------------------------------------------------------------------------------- */

static bool next_message(struct collector *c)
{
	bool made = bh_ipfix_next_message(&c->settings, &c->session, &c->queue, bh_time_monotonic(),
					  (uint32_t)(bh_time_now() / BH_SECOND), &c->message,
					  &c->in_message);

	if (!made)
		bh_buffer_clear(&c->message);
	return made;
}

static void count_sent(struct collector *c)
{
	c->totals.messages++;
	c->totals.octets += c->message.length;
	bh_ipfix_sum_add(&c->totals.sent, &c->in_message);
}

static void on_pace(uv_timer_t *timer)
{
	pump(timer->data);
}

/* A refusal that comes with this datagram is of one before, and this one was not sent. */
static int send_datagram(struct collector *c)
{
	uv_buf_t bytes = uv_buf_init(c->message.data, (unsigned)c->message.length);
	int result = uv_udp_try_send(&c->link->of.udp, &bytes, 1, NULL);

	if (result == UV_ECONNREFUSED) {
		blame(c, "it refuses datagrams", uv_strerror(result));
		lose_sent(c, &c->last_sent);
		c->last_sent = (struct bh_ipfix_sum) { 0 };
		return uv_udp_try_send(&c->link->of.udp, &bytes, 1, NULL);
	}
	if (result >= 0)
		c->why[0] = '\0';
	return result;
}

/* False: later, the socket is full. */
static bool send_held(struct collector *c)
{
	int result = send_datagram(c);

	if (result == UV_EAGAIN || result == UV_ENOBUFS)
		return false;
	if (result >= 0) {
		count_sent(c);
		c->last_sent = c->in_message;
	} else {
		blame(c, "datagrams cannot be sent", uv_strerror(result));
		lose(c, &c->in_message);
	}
	bh_buffer_clear(&c->message);
	return true;
}

static void pump_datagrams(struct collector *c)
{
	for (int i = 0; i < BURST; i++) {
		if (c->message.length == 0 && !next_message(c))
			return;
		if (!send_held(c))
			break;
	}
	uv_timer_start(&c->pace, on_pace, PACE_MS, 0);
}

struct writing {
	uv_write_t request;
	struct link *link;
	char bytes[];
};

static void on_written(uv_write_t *request, int status)
{
	struct writing *w = (struct writing *)(void *)request;
	struct collector *c = w->link->collector;

	free(w);
	if (c == NULL)
		return;
	if (status != 0)
		break_off(c, "the connection broke", uv_strerror(status));
	else
		pump(c);
}

static void write_message(struct collector *c)
{
	struct writing *w = bh_calloc(1, sizeof(*w) + c->message.length);
	struct unacked *u = bh_calloc(1, sizeof(*u));
	uv_buf_t bytes = uv_buf_init(w->bytes, (unsigned)c->message.length);

	memcpy(w->bytes, c->message.data, c->message.length);
	w->link = c->link;
	c->link->written += c->message.length;
	u->end = c->link->written;
	u->sum = c->in_message;
	STAILQ_INSERT_TAIL(&c->link->unacked, u, next);
	count_sent(c);
	bh_buffer_clear(&c->message);
	if (uv_write(&w->request, &c->link->of.stream, &bytes, 1, on_written) != 0)
		free(w); /* the connection is broken, which reading tells */
}

static void pump_connection(struct collector *c)
{
	while (uv_stream_get_write_queue_size(&c->link->of.stream) < MOST_UNSENT && next_message(c))
		write_message(c);
}

static void pump(struct collector *c)
{
	if (c->state != UP)
		return;
	if (c->config->transport == BH_TRANSPORT_UDP)
		pump_datagrams(c);
	else
		pump_connection(c);
}

/* A datagram that waits is sent before anything is told of what was sent. */
static void send_statistics(struct collector *c)
{
	if (c->state != UP || c->message.length > 0)
		return;
	c->totals.packets_ignored = c->exporter->core->losses.totals[BH_LOSS_PACKETS];
	c->in_message = (struct bh_ipfix_sum) { 0 };
	if (!bh_ipfix_statistics(&c->settings, &c->session, &c->totals,
				 (uint32_t)(bh_time_now() / BH_SECOND), &c->message))
		return;
	if (c->config->transport == BH_TRANSPORT_TCP)
		write_message(c);
	else if (!send_held(c))
		uv_timer_start(&c->pace, on_pace, PACE_MS, 0);
}

/* --- connecting ------------------------------------------------------------------------------- */

static void give_room(uv_handle_t *handle, size_t size, uv_buf_t *out)
{
	struct link *link = handle->data;

	(void)size;
	*out = uv_buf_init(link->ignored, sizeof(link->ignored));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes)
{
	struct link *link = stream->data;

	(void)bytes;
	if (got < 0 && link->collector != NULL)
		break_off(link->collector, "the connection broke", uv_strerror((int)got));
}

/* A message that could not be sent yet is one of the session before. */
static void begin_session(struct collector *c)
{
	if (c->message.length > 0)
		lose(c, &c->in_message);
	bh_buffer_clear(&c->message);
	c->state = UP;
	c->retry_ms = FIRST_RETRY_MS;
	c->session = (struct bh_ipfix_session) { 0 };
	c->last_sent = (struct bh_ipfix_sum) { 0 };
	c->why[0] = '\0';
	pump(c);
}

/* A peer that vanished is noticed. */
static void set_patience(const struct link *link)
{
	int fd, patience = UNANSWERED_MS;

	uv_tcp_keepalive((uv_tcp_t *)&link->of.tcp, 1, ALIVE_SECONDS);
	if (uv_fileno(&link->of.handle, &fd) == 0)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof(patience));
}

static void on_connected(uv_connect_t *request, int status)
{
	struct link *link = request->data;
	struct collector *c = link->collector;

	if (c == NULL)
		return;
	if (status != 0) {
		break_off(c, "it cannot be connected to", uv_strerror(status));
		return;
	}
	set_patience(link);
	uv_read_start(&link->of.stream, give_room, on_read);
	begin_session(c);
}

static void open_link(struct collector *c)
{
	const struct sockaddr *address = (const struct sockaddr *)&c->address;
	struct link *link = bh_calloc(1, sizeof(*link));
	bool udp = c->config->transport == BH_TRANSPORT_UDP;
	int result;

	STAILQ_INIT(&link->unacked);
	link->collector = c;
	c->link = link;
	if (udp)
		uv_udp_init(&c->exporter->core->loop, &link->of.udp);
	else
		uv_tcp_init(&c->exporter->core->loop, &link->of.tcp);
	link->of.handle.data = link->connect.data = link;
	c->state = CONNECTING;
	result = udp ? uv_udp_connect(&link->of.udp, address)
		     : uv_tcp_connect(&link->connect, &link->of.tcp, address, on_connected);
	if (result != 0)
		break_off(c, "it cannot be reached", uv_strerror(result));
	else if (udp)
		begin_session(c);
}

/* Whether it is where it was. */
static bool is_there_still(const struct collector *c, const struct addrinfo *found)
{
	for (; found != NULL; found = found->ai_next)
		if (memcmp(&c->address, found->ai_addr, found->ai_addrlen) == 0)
			return true;
	return false;
}

/* Of several addresses one after the other is tried: the one behind the last that was. */
static void choose_address(struct collector *c, const struct addrinfo *found)
{
	const struct addrinfo *chosen = found;

	for (const struct addrinfo *a = found; a->ai_next != NULL; a = a->ai_next)
		if (memcmp(&c->address, a->ai_addr, a->ai_addrlen) == 0)
			chosen = a->ai_next;
	memset(&c->address, 0, sizeof(c->address));
	memcpy(&c->address, chosen->ai_addr, chosen->ai_addrlen);
}

static void take_addresses(struct collector *c, const struct addrinfo *found)
{
	if (c->state == UP) {
		if (is_there_still(c, found))
			return;
		close_link(c);
	}
	choose_address(c, found);
	open_link(c);
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct collector *c = request->data;

	c->looking_up = false;
	if (status == 0 && found != NULL) {
		take_addresses(c, found);
	} else if (c->state != UP) {
		blame(c, "its name cannot be looked up",
		      status != 0 ? uv_strerror(status) : "it has no address");
		retry_later(c);
	}
	uv_freeaddrinfo(found);
}

static void look_up(struct collector *c)
{
	const struct addrinfo hints = { .ai_socktype = c->config->transport == BH_TRANSPORT_UDP
							       ? SOCK_DGRAM
							       : SOCK_STREAM };
	char port[8];

	if (c->looking_up)
		return;
	snprintf(port, sizeof(port), "%u", c->config->port);
	c->looked_up = bh_time_monotonic();
	int result = uv_getaddrinfo(&c->exporter->core->loop, &c->lookup, on_looked_up,
				    c->config->host, port, &hints);
	c->looking_up = result == 0;
	if (result != 0 && c->state != UP) {
		blame(c, "its name cannot be looked up", uv_strerror(result));
		retry_later(c);
	}
}

static void on_retry(uv_timer_t *timer)
{
	struct collector *c = timer->data;

	c->state = LOOKS_UP;
	look_up(c);
}

/* Doubling, and not all at once: half of it is by chance. */
static void retry_later(struct collector *c)
{
	uint32_t chance = 0;

	uv_random(NULL, NULL, &chance, sizeof(chance), 0, NULL);
	c->state = WAITS;
	uv_timer_start(&c->retry, on_retry, c->retry_ms / 2 + chance % (c->retry_ms / 2 + 1), 0);
	c->retry_ms = c->retry_ms * 2 < LAST_RETRY_MS ? c->retry_ms * 2 : LAST_RETRY_MS;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void tell_change(struct collector *c)
{
	struct bh_core *core = c->exporter->core;
	uint64_t lost = c->totals.not_sent.records - c->lost_before;

	c->told = c->why[0] != '\0';
	if (c->told) {
		c->lost_before = c->totals.not_sent.records;
		bh_core_event(core, "export", "flows do not reach %s: %s", c->text, c->why);
	} else {
		bh_core_event(core, "export",
			      "flows reach %s again; %" PRIu64 " record%s lost meanwhile", c->text,
			      lost, lost == 1 ? " was" : "s were");
	}
}

/* What lasts for a moment is no news. */
static void tell(struct collector *c, int64_t now)
{
	if (c->told == (c->why[0] != '\0'))
		c->why_since = 0;
	else if (c->why_since == 0)
		c->why_since = now;
	else if (now - c->why_since >= TELL_AFTER)
		tell_change(c);
}

void bh_ipfix_exporter_tick(struct bh_ipfix_exporter *x, int64_t now)
{
	for (size_t i = 0; i < x->count; i++) {
		struct collector *c = &x->collectors[i];

		if (c->state == UP && c->config->transport == BH_TRANSPORT_TCP)
			forget_acknowledged(c->link);
		else if (c->state == UP && now - c->looked_up >= LOOK_UP_AGAIN)
			look_up(c);
		pump(c);
		if (now >= c->statistics_due) {
			c->statistics_due = now + STATISTICS_EVERY;
			send_statistics(c);
		}
		tell(c, now);
	}
}

static const char *state_word(const struct collector *c)
{
	static const char *const words[] = { [WAITS] = "waiting",
					     [LOOKS_UP] = "looking up",
					     [CONNECTING] = "connecting",
					     [UP] = "sending" };

	return c->state == UP && c->why[0] != '\0' ? "refused" : words[c->state];
}

void bh_ipfix_exporter_json(const struct bh_ipfix_exporter *x, cJSON *list)
{
	for (size_t i = 0; i < x->count; i++) {
		const struct collector *c = &x->collectors[i];
		cJSON *json = cJSON_CreateObject();

		cJSON_AddStringToObject(json, "kind", "ipfix");
		cJSON_AddStringToObject(json, "to", c->text);
		cJSON_AddStringToObject(json, "state", state_word(c));
		bh_core_add_text(json, "why", c->why);
		cJSON_AddNumberToObject(json, "messages", (double)c->totals.messages);
		cJSON_AddNumberToObject(json, "sent",
					(double)(c->totals.sent.records - c->in_vain));
		cJSON_AddNumberToObject(json, "lost", (double)c->totals.not_sent.records);
		cJSON_AddNumberToObject(json, "waiting", (double)c->queue.count);
		cJSON_AddItemToArray(list, json);
	}
}

void bh_ipfix_exporter_say(const struct bh_ipfix_exporter *x, cJSON *list)
{
	for (size_t i = 0; i < x->count; i++) {
		const struct collector *c = &x->collectors[i];
		char text[BH_COLLECTOR_TEXT + sizeof(c->why) + 128];

		if (c->why[0] == '\0')
			continue;
		snprintf(text, sizeof(text),
			 "flows do not reach the collector %s (%s): %zu wait for it, %" PRIu64
			 " are lost",
			 c->text, c->why, c->queue.count, c->totals.not_sent.records);
		cJSON_AddItemToArray(list, cJSON_CreateString(text));
	}
}

/* --- the whole -------------------------------------------------------------------------------- */

void bh_ipfix_exporter_add(struct bh_ipfix_exporter *x, const struct bh_export_flow *flow)
{
	for (size_t i = 0; i < x->count; i++) {
		struct collector *c = &x->collectors[i];
		struct bh_ipfix_sum lost = { 0 };

		bh_ipfix_add(&c->settings, &c->queue, flow, &lost);
		if (lost.records > 0)
			lose(c, &lost);
	}
}

static void start(struct collector *c, struct bh_ipfix_exporter *x,
		  const struct bh_config_collector *config)
{
	const struct bh_config_ipfix *ipfix = &x->core->config.exports.ipfix;

	c->exporter = x;
	c->config = config;
	bh_config_collector_text(config, c->text);
	c->settings = (struct bh_ipfix_settings) {
		.domain = (uint32_t)ipfix->domain,
		.enterprise = (uint32_t)ipfix->enterprise,
		.message_size = (size_t)ipfix->message_size,
		.one_way = !ipfix->biflows,
		.datagrams = config->transport == BH_TRANSPORT_UDP,
		.template_interval = ipfix->template_interval,
		.template_messages = (uint32_t)ipfix->template_messages,
	};
	c->queue.limit = (size_t)ipfix->queue;
	c->retry_ms = FIRST_RETRY_MS;
	c->state = LOOKS_UP;
	uv_timer_init(&x->core->loop, &c->retry);
	uv_timer_init(&x->core->loop, &c->pace);
	c->retry.data = c->pace.data = c->lookup.data = c;
	c->statistics_due = bh_time_monotonic() + STATISTICS_EVERY;
	look_up(c);
}

struct bh_ipfix_exporter *bh_ipfix_exporter_new(struct bh_core *core)
{
	const struct bh_config_ipfix *config = &core->config.exports.ipfix;
	size_t count = config->collector_count;
	struct bh_ipfix_exporter *x = bh_calloc(1, sizeof(*x) + count * sizeof(struct collector));

	x->core = core;
	x->count = count;
	for (size_t i = 0; i < count; i++)
		start(&x->collectors[i], x, &config->collectors[i]);
	return x;
}

static bool has_more(const struct collector *c)
{
	if (c->state != UP)
		return false;
	return c->queue.count > 0 || c->message.length > 0 ||
	       (c->config->transport == BH_TRANSPORT_TCP &&
		uv_stream_get_write_queue_size(&c->link->of.stream) > 0);
}

static bool is_done(const struct bh_ipfix_exporter *x)
{
	for (size_t i = 0; i < x->count; i++)
		if (has_more(&x->collectors[i]))
			return false;
	return true;
}

/* The kernel goes on sending what it was given. False: a name is being looked up, whose thread
 * still writes to it. */
static bool let_go(struct collector *c)
{
	c->state = WAITS;
	if (c->link != NULL) {
		while (!STAILQ_EMPTY(&c->link->unacked))
			forget_first(c->link);
		close_link(c);
	}
	uv_close((uv_handle_t *)&c->retry, NULL);
	uv_close((uv_handle_t *)&c->pace, NULL);
	bh_export_queue_free(&c->queue);
	bh_buffer_free(&c->message);
	return !c->looking_up;
}

static void free_all(struct bh_ipfix_exporter *x)
{
	bool free_now = true;

	for (size_t i = 0; i < x->count; i++)
		free_now = let_go(&x->collectors[i]) && free_now;
	uv_close((uv_handle_t *)&x->end, NULL);
	uv_run(&x->core->loop, UV_RUN_NOWAIT);
	if (free_now)
		free(x);
}

static void on_end(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

void bh_ipfix_exporter_end(struct bh_ipfix_exporter *x)
{
	bool over = false;

	uv_timer_init(&x->core->loop, &x->end);
	x->end.data = &over;
	uv_timer_start(&x->end, on_end, END_MS, 0);
	for (size_t i = 0; i < x->count; i++)
		pump(&x->collectors[i]);
	while (!over && !is_done(x))
		uv_run(&x->core->loop, UV_RUN_ONCE);
	for (size_t i = 0; i < x->count; i++)
		send_statistics(&x->collectors[i]);
	uv_run(&x->core->loop, UV_RUN_NOWAIT);
	free_all(x);
}
