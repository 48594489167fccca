/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is next in a stream is put behind what there is of its current message; what comes ahead of
 * its turn waits, as it came, for the gap to be filled. Of bytes that come twice the first ones
 * that are next in turn count, which is what Linux' receiver does.
 */
#include "dns_stream.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "buffer.h"
#include "cursor.h"
#include "grow.h"
#include "timefmt.h"

#define PLACES 32
#define STREAMS 32 /* of one place */
#define PLACE_BYTES (256 * 1024u)
#define STREAM_BYTES (65535 + LENGTH_BYTES)
#define LENGTH_BYTES 2u
#define MOST_WAITING 4 /* segments */
#define PATIENCE (10 * BH_SECOND)

struct waiting {
	uint32_t seq;
	struct bh_buffer bytes; /* none: free */
};

struct stream {
	uint64_t key;		  /* hash of interface and ends; 0: free */
	int64_t time;		  /* of its last segment */
	uint32_t first;		  /* sequence number of its first byte, … */
	uint32_t next;		  /* … and of the next one to be read */
	size_t held;		  /* bytes, in message and waiting */
	struct bh_buffer message; /* as far as it came, its length before it */
	struct waiting waiting[MOST_WAITING];
};

struct place {
	size_t held;
	struct stream streams[STREAMS];
};

struct bh_dns_streams {
	bool live;
	uint64_t seed;
	bh_dns_stream_sink sink;
	void *user;
	uint64_t given_up;
	struct place places[PLACES];
};

size_t bh_dns_streams_most_bytes(void)
{
	/* A buffer that grew by doubling has up to twice the room that it needs. */
	return sizeof(struct bh_dns_streams) + PLACES * 2 * (size_t)PLACE_BYTES;
}

struct bh_dns_streams *bh_dns_streams_new(bool live, uint64_t seed, bh_dns_stream_sink sink,
					  void *user)
{
	struct bh_dns_streams *s = bh_calloc(1, sizeof(*s));

	s->live = live;
	s->seed = seed;
	s->sink = sink;
	s->user = user;
	return s;
}

/* --- bytes that are held ---------------------------------------------------------------------- */

static void count_held(struct place *place, struct stream *stream, size_t more)
{
	stream->held += more;
	place->held += more;
}

static void drop_bytes(struct place *place, struct stream *stream, struct bh_buffer *bytes)
{
	stream->held -= bytes->length;
	place->held -= bytes->length;
	bh_buffer_free(bytes);
}

static void forget(struct place *place, struct stream *stream)
{
	drop_bytes(place, stream, &stream->message);
	for (size_t i = 0; i < MOST_WAITING; i++)
		drop_bytes(place, stream, &stream->waiting[i].bytes);
	*stream = (struct stream) { 0 };
}

static void give_up(struct bh_dns_streams *s, struct place *place, struct stream *stream)
{
	s->given_up++;
	forget(place, stream);
}

/* Between two messages nothing is lost with a stream: it begins anew with its next segment. */
static void evict(struct bh_dns_streams *s, struct place *place, struct stream *stream)
{
	s->given_up += stream->held > 0;
	forget(place, stream);
}

void bh_dns_streams_free(struct bh_dns_streams *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < PLACES; i++)
		for (size_t j = 0; j < STREAMS; j++)
			forget(&s->places[i], &s->places[i].streams[j]);
	free(s);
}

/* Room for more bytes of this stream, at the cost of those that have been silent for longer. */
static void make_room(struct bh_dns_streams *s, struct place *place, const struct stream *keep,
		      size_t more)
{
	while (place->held + more > PLACE_BYTES) {
		struct stream *oldest = NULL;

		for (size_t i = 0; i < STREAMS; i++) {
			struct stream *other = &place->streams[i];

			if (other != keep && other->held > 0 &&
			    (oldest == NULL || other->time < oldest->time))
				oldest = other;
		}
		evict(s, place, oldest);
	}
}

/* --- finding ---------------------------------------------------------------------------------- */

/* Whose flood is whose: an interface's, in files two hosts'. The same for both directions. */
static struct place *place_of(struct bh_dns_streams *s, const struct bh_packet *p)
{
	uint64_t hash = s->live ? XXH3_64bits_withSeed(&p->ifindex, sizeof(p->ifindex), s->seed)
				: XXH3_64bits_withSeed(&p->src, sizeof(p->src), s->seed) ^
					  XXH3_64bits_withSeed(&p->dst, sizeof(p->dst), s->seed);

	return &s->places[hash % PLACES];
}

static uint64_t key_of(const struct bh_dns_streams *s, const struct bh_packet *p)
{
	uint32_t numbers[] = { s->live ? p->ifindex : 0, (uint32_t)p->sport << 16 | p->dport };
	uint64_t hash = XXH3_64bits_withSeed(numbers, sizeof(numbers), s->seed);

	hash = XXH3_64bits_withSeed(&p->src, sizeof(p->src), hash);
	hash = XXH3_64bits_withSeed(&p->dst, sizeof(p->dst), hash);
	return hash != 0 ? hash : 1;
}

static bool is_over(const struct stream *stream, int64_t now)
{
	return now - stream->time > PATIENCE || stream->time - now > PATIENCE;
}

/* The one of this key, or a free one; key 0: it is new. */
static struct stream *find(struct bh_dns_streams *s, struct place *place, uint64_t key, int64_t now)
{
	struct stream *oldest = &place->streams[0];

	for (size_t i = 0; i < STREAMS; i++) {
		struct stream *stream = &place->streams[i];

		if (stream->key != 0 && is_over(stream, now))
			evict(s, place, stream);
		if (stream->key == key)
			return stream;
		if (stream->key == 0 || (oldest->key != 0 && stream->time < oldest->time))
			oldest = stream;
	}
	if (oldest->key != 0)
		evict(s, place, oldest);
	return oldest;
}

/* --- messages --------------------------------------------------------------------------------- */

/* How many bytes the message is to have by what is known of it: first those of its length. */
static size_t wanted(const struct bh_buffer *message)
{
	struct bh_cursor c = bh_cursor_over(message->data, message->length);
	uint16_t length;

	return bh_cursor_u16(&c, &length) ? LENGTH_BYTES + length : LENGTH_BYTES;
}

/* What is next in the stream. False: it is out of step. */
static bool feed(struct bh_dns_streams *s, struct place *place, struct stream *stream,
		 const struct bh_packet *p, struct bh_cursor c)
{
	struct bh_buffer *message = &stream->message;

	stream->next += (uint32_t)c.left;
	while (c.left > 0) {
		size_t missing = wanted(message) - message->length;
		size_t count = missing < c.left ? missing : c.left;

		make_room(s, place, stream, count);
		bh_buffer_append(message, c.at, count);
		count_held(place, stream, count);
		bh_cursor_skip(&c, count);
		if (message->length < LENGTH_BYTES || message->length < wanted(message))
			continue;
		bool read = s->sink(s->user, p, (const uint8_t *)message->data + LENGTH_BYTES,
				    message->length - LENGTH_BYTES);
		drop_bytes(place, stream, message);
		if (!read)
			return false;
	}
	return true;
}

/* --- segments --------------------------------------------------------------------------------- */

/* Sequence numbers wrap. */
static int32_t distance(uint32_t from, uint32_t to)
{
	return (int32_t)(to - from);
}

/* Keeps what is ahead of its turn. False: it is too much. */
static bool keep(struct bh_dns_streams *s, struct place *place, struct stream *stream, uint32_t seq,
		 const struct bh_cursor *c)
{
	struct waiting *room = NULL;

	for (size_t i = 0; i < MOST_WAITING; i++) {
		struct waiting *w = &stream->waiting[i];

		if (w->bytes.length == 0)
			room = w;
		else if (w->seq == seq && w->bytes.length >= c->left)
			return true; /* sent again */
	}
	if (room == NULL || stream->held + c->left > STREAM_BYTES)
		return false;
	make_room(s, place, stream, c->left);
	room->seq = seq;
	bh_buffer_append(&room->bytes, c->at, c->left);
	count_held(place, stream, c->left);
	return true;
}

/* One that waits and whose turn has come or is over, or NULL. */
static struct waiting *next_waiting(struct stream *stream)
{
	for (size_t i = 0; i < MOST_WAITING; i++) {
		struct waiting *w = &stream->waiting[i];

		if (w->bytes.length > 0 && distance(stream->next, w->seq) <= 0)
			return w;
	}
	return NULL;
}

/* The part of a segment that was not read yet. */
static bool feed_rest(struct bh_dns_streams *s, struct place *place, struct stream *stream,
		      const struct bh_packet *p, uint32_t seq, struct bh_cursor c)
{
	return !bh_cursor_skip(&c, stream->next - seq) || feed(s, place, stream, p, c);
}

static bool take(struct bh_dns_streams *s, struct place *place, struct stream *stream,
		 const struct bh_packet *p, uint32_t seq)
{
	struct bh_cursor c = bh_cursor_over(p->dns, p->dns_captured);
	struct waiting *w;
	bool in_step;

	if (c.left == 0)
		return true;
	if (distance(stream->next, seq) > 0)
		return keep(s, place, stream, seq, &c);
	in_step = feed_rest(s, place, stream, p, seq, c);
	while (in_step && (w = next_waiting(stream)) != NULL) {
		/* Out of the stream's sight while it is read: what it makes whole makes room. */
		struct bh_buffer bytes = w->bytes;

		w->bytes = (struct bh_buffer) { 0 };
		count_held(place, stream, -bytes.length);
		in_step = feed_rest(s, place, stream, p, w->seq,
				    bh_cursor_over(bytes.data, bytes.length));
		bh_buffer_free(&bytes);
	}
	return in_step;
}

/* seq: of the segment's first byte. */
static void begin(struct bh_dns_streams *s, struct place *place, struct stream *stream,
		  uint64_t key, uint32_t seq)
{
	if (stream->key != 0)
		evict(s, place, stream);
	stream->key = key;
	stream->first = stream->next = seq;
}

void bh_dns_streams_segment(struct bh_dns_streams *s, const struct bh_packet *p)
{
	struct place *place = place_of(s, p);
	uint64_t key = key_of(s, p);
	struct stream *stream = find(s, place, key, p->time);
	bool opens = (p->tcp_flags & BH_TCP_SYN) != 0;
	uint32_t seq = p->tcp_seq + opens; /* a SYN takes a number of its own */

	if (stream->key == 0 || (opens ? stream->first != seq : distance(stream->first, seq) < 0))
		begin(s, place, stream, key, seq);
	stream->time = p->time;
	if (!take(s, place, stream, p, seq) || p->dns_captured < p->tcp_payload)
		give_up(s, place, stream);
	else if ((p->tcp_flags & BH_TCP_RST) != 0 ||
		 ((p->tcp_flags & BH_TCP_FIN) != 0 && stream->held == 0))
		evict(s, place, stream);
}

uint64_t bh_dns_streams_given_up(struct bh_dns_streams *s, int64_t now)
{
	for (size_t i = 0; i < PLACES; i++) {
		struct place *place = &s->places[i];

		/* Streams between two messages count for nothing. */
		for (size_t j = 0; place->held > 0 && j < STREAMS; j++)
			if (place->streams[j].held > 0 && is_over(&place->streams[j], now))
				evict(s, place, &place->streams[j]);
	}
	return s->given_up;
}
