/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queries that wait for their answer are kept as a keyed hash of everything that an answer has to
 * repeat, in rings: one for an interface (in files: for a client). Who floods a ring pushes its own
 * questions out of it, and at worst those of the few interfaces that share it.
 */
#include "dns_watch.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "dns.h"
#include "dns_stream.h"
#include "grow.h"
#include "timefmt.h"

#define HEADER 12 /* bytes of a message */
#define RINGS 256
#define RING_ROOM 128
#define PATIENCE (10 * BH_SECOND)
#define LEAST_LIFE 3600		 /* seconds that an answer names its addresses, … */
#define LONGEST_LIFE (7 * 86400) /* … whatever it says of its time to live */

struct query {
	uint64_t hash; /* 0: none */
	int64_t time;
};

struct ring {
	struct query queries[RING_ROOM];
	uint32_t next;
};

struct bh_dns_watch {
	bool live;
	bh_dns_sink sink;
	void *user;
	uint64_t seed;
	uint64_t fragments;
	uint64_t refused;
	struct bh_dns_streams *streams;
	struct bh_dns_message message;
	struct bh_named names[BH_DNS_ADDRESSES];
	struct ring rings[RINGS];
};

static bool take_streamed(void *user, const struct bh_packet *p, const uint8_t *data,
			  size_t length);

struct bh_dns_watch *bh_dns_watch_new(bool live, bh_dns_sink sink, void *user)
{
	struct bh_dns_watch *w = bh_calloc(1, sizeof(*w));

	w->live = live;
	w->sink = sink;
	w->user = user;
	if (getrandom(&w->seed, sizeof(w->seed), 0) != sizeof(w->seed))
		w->seed = (uint64_t)bh_time_now();
	w->streams = bh_dns_streams_new(live, w->seed, take_streamed, w);
	return w;
}

void bh_dns_watch_free(struct bh_dns_watch *w)
{
	if (w == NULL)
		return;
	bh_dns_streams_free(w->streams);
	free(w);
}

size_t bh_dns_watch_most_bytes(void)
{
	return sizeof(struct bh_dns_watch) + bh_dns_streams_most_bytes();
}

struct bh_dns_unread bh_dns_watch_unread(struct bh_dns_watch *w, int64_t now)
{
	return (struct bh_dns_unread) { bh_dns_streams_given_up(w->streams, now), w->fragments,
					w->refused };
}

/* --- queries ---------------------------------------------------------------------------------- */

/* The two ends of an exchange. */
struct exchange {
	uint32_t ifindex;
	const struct bh_addr *client, *server;
	uint16_t port; /* the client's */
	uint8_t proto;
};

static struct ring *ring_of(struct bh_dns_watch *w, const struct exchange *x)
{
	uint64_t hash = w->live ? XXH3_64bits_withSeed(&x->ifindex, sizeof(x->ifindex), w->seed)
				: XXH3_64bits_withSeed(x->client, sizeof(*x->client), w->seed);

	return &w->rings[hash % RINGS];
}

static uint64_t hash_of(const struct bh_dns_watch *w, const struct exchange *x,
			const struct bh_dns_message *m)
{
	uint64_t hash = w->seed;
	uint32_t numbers[] = { x->ifindex, x->port, x->proto, m->id, m->question_count };

	hash = XXH3_64bits_withSeed(numbers, sizeof(numbers), hash);
	hash = XXH3_64bits_withSeed(x->client, sizeof(*x->client), hash);
	hash = XXH3_64bits_withSeed(x->server, sizeof(*x->server), hash);
	for (uint8_t i = 0; i < m->question_count; i++) {
		const struct bh_dns_question *q = &m->questions[i];

		hash = XXH3_64bits_withSeed(&q->type, sizeof(q->type), hash);
		hash = XXH3_64bits_withSeed(q->name, strlen(q->name), hash);
	}
	return hash != 0 ? hash : 1;
}

static void note_query(struct bh_dns_watch *w, const struct exchange *x, int64_t time)
{
	struct ring *ring = ring_of(w, x);

	ring->queries[ring->next++ % RING_ROOM] =
		(struct query) { hash_of(w, x, &w->message), time };
}

/* The query that it answers, or NULL. */
static struct query *find_query(struct bh_dns_watch *w, const struct exchange *x, int64_t time)
{
	struct ring *ring = ring_of(w, x);
	uint64_t hash = hash_of(w, x, &w->message);

	for (size_t i = 0; i < RING_ROOM; i++) {
		struct query *q = &ring->queries[i];

		if (q->hash == hash && time - q->time <= PATIENCE && q->time - time <= PATIENCE)
			return q;
	}
	return NULL;
}

/* --- answers ---------------------------------------------------------------------------------- */

static int64_t life_of(uint32_t ttl)
{
	int64_t seconds = ttl > LEAST_LIFE ? ttl : LEAST_LIFE;

	return (seconds < LONGEST_LIFE ? seconds : LONGEST_LIFE) * BH_SECOND;
}

static void tell(struct bh_dns_watch *w, const struct bh_packet *p)
{
	const struct bh_dns_message *m = &w->message;

	for (uint8_t i = 0; i < m->address_count; i++) {
		const struct bh_dns_address *a = &m->addresses[i];
		struct bh_named *named = &w->names[i];

		*named = (struct bh_named) { .ifindex = w->live ? p->ifindex : 0,
					     .addr = a->addr,
					     .time = p->time,
					     .until = p->time + life_of(a->ttl) };
		memcpy(named->name, m->questions[a->question].name, sizeof(named->name));
	}
	if (m->address_count > 0)
		w->sink(w->user, p, w->names, m->address_count);
}

static void take_message(struct bh_dns_watch *w, const struct bh_packet *p, const uint8_t *data,
			 size_t length, bool response)
{
	struct exchange x = { .ifindex = w->live ? p->ifindex : 0,
			      .client = response ? &p->dst : &p->src,
			      .server = response ? &p->src : &p->dst,
			      .port = response ? p->dport : p->sport,
			      .proto = p->proto };

	bool read = bh_dns_read(data, length, &w->message);
	if (w->message.response != response || w->message.question_count == 0)
		return;
	if (!response) {
		if (read)
			note_query(w, &x, p->time);
		return;
	}
	struct query *query = find_query(w, &x, p->time);
	if (query == NULL)
		return;
	if (!read) {
		w->refused++; /* the true one may yet come */
		return;
	}
	query->hash = 0; /* it counts once */
	tell(w, p);
}

/* By the header's first bits alone: what else the protocol carries, updates and transfers of zones,
 * names nothing here but keeps the stream in step. */
static bool is_message(const uint8_t *data, size_t length, bool response)
{
	return length >= HEADER && (data[2] & 0x80) == (response ? 0x80 : 0);
}

static bool take_streamed(void *user, const struct bh_packet *p, const uint8_t *data, size_t length)
{
	bool response = p->sport == BH_DNS_PORT;

	if (!is_message(data, length, response))
		return false;
	take_message(user, p, data, length, response);
	return true;
}

void bh_dns_watch_packet(struct bh_dns_watch *w, const struct bh_packet *p)
{
	/* Between two servers that both use the port nobody knows who asks. */
	bool response = p->sport == BH_DNS_PORT;

	if (p->sport == p->dport || (w->live && (p->outgoing != response || p->astray)))
		return;
	if (p->fragment)
		w->fragments++;
	else if (p->proto == IPPROTO_TCP)
		bh_dns_streams_segment(w->streams, p);
	else
		take_message(w, p, p->dns, p->dns_captured, response);
}
