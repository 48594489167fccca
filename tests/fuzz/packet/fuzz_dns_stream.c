/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segments of a few streams in any order, repeated, cut short, missing, with long breaks. What the
 * streams carry is known: as long as nothing was given up each of their messages comes out once,
 * in turn, byte for byte.
 */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>

#include "cursor.h"
#include "dns_stream.h"
#include "timefmt.h"

#define STREAMS 4
#define BYTES 200000		 /* of a stream */
#define SILENCE (10 * BH_SECOND) /* dns_stream.c's patience */

struct run {
	struct bh_dns_streams *streams;
	uint64_t given_up;
	enum { FRESH, FOLLOWED, ADRIFT } state[STREAMS]; /* followed: from its SYN on */
	size_t reached[STREAMS];			 /* what the messages so far took of it */
	int64_t last[STREAMS];
};

/* The same for all: messages of growing lengths, so that the last ones are the longest there are.
 */
static uint8_t content[BYTES];

static size_t length_at(size_t offset)
{
	return 12 + offset % 97 + (offset > 60000 ? 60000 : 0);
}

static void fill_content(void)
{
	size_t at = 0;

	if (content[1] != 0)
		return;
	while (at + 2 + length_at(at) <= BYTES) {
		size_t length = length_at(at);

		content[at] = (uint8_t)(length >> 8);
		content[at + 1] = (uint8_t)length;
		for (size_t i = 0; i < length; i++)
			content[at + 2 + i] = (uint8_t)((at + i) * 7);
		at += 2 + length;
	}
}

static bool take(void *user, const struct bh_packet *p, const uint8_t *data, size_t length)
{
	struct run *run = user;
	size_t stream = p->dport, *reached = &run->reached[stream];

	if (run->state[stream] != FOLLOWED)
		return length >= 12;
	if (length != length_at(*reached) || *reached + 2 + length > BYTES ||
	    memcmp(data, content + *reached + 2, length) != 0)
		abort();
	*reached += 2 + length;
	return true;
}

/* What was given up begins anew anywhere. */
static void lose_all(struct run *run)
{
	for (size_t i = 0; i < STREAMS; i++)
		run->state[i] = ADRIFT;
}

/* Seven bytes: which stream and what is odd about it, where it begins, length, flags, and how long
 * after the last one. */
static bool next_segment(struct bh_cursor *c, int64_t *now, struct run *run)
{
	uint8_t what, flags, wait;
	uint16_t place, length;

	if (!bh_cursor_u8(c, &what) || !bh_cursor_u16(c, &place) || !bh_cursor_u16(c, &length) ||
	    !bh_cursor_u8(c, &flags) || !bh_cursor_u8(c, &wait))
		return false;
	size_t at = (what & 8) != 0 ? place * 2u : place;
	bool cut = (what & 4) != 0, opens = (flags & BH_TCP_SYN) != 0;
	if (opens)
		at = 0;
	if (at + length > BYTES)
		length = 0;
	*now += (int64_t)wait * wait * 300;
	/* The numbers wrap in the middle of the stream. */
	const struct bh_packet p = { .time = *now,
				     .ifindex = 1,
				     .proto = IPPROTO_TCP,
				     .sport = BH_DNS_PORT,
				     .dport = what % STREAMS,
				     .tcp_flags = flags,
				     .tcp_seq = (uint32_t)(0xffffff00 + at - opens),
				     .tcp_payload = length,
				     .dns = content + at,
				     .dns_captured = cut ? length / 2 : length };
	if (run->state[p.dport] == FRESH)
		run->state[p.dport] = opens ? FOLLOWED : ADRIFT;
	/* What was silent for long begins anew, too. */
	if (run->last[p.dport] != 0 && *now - run->last[p.dport] > SILENCE)
		run->state[p.dport] = ADRIFT;
	run->last[p.dport] = *now;
	bh_dns_streams_segment(run->streams, &p);
	uint64_t given_up = bh_dns_streams_given_up(run->streams, *now);
	if (given_up != run->given_up)
		lose_all(run);
	run->given_up = given_up;
	if ((flags & (BH_TCP_FIN | BH_TCP_RST)) != 0)
		run->state[p.dport] = ADRIFT;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_cursor c = bh_cursor_over(data, size);
	struct run run = { 0 };
	int64_t now = 1000 * BH_SECOND;

	fill_content();
	run.streams = bh_dns_streams_new(true, 1, take, &run);
	while (next_segment(&c, &now, &run))
		;
	bh_dns_streams_free(run.streams);
	return 0;
}
