/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DNS over TCP: segments in, messages out. Each direction of a connection is a stream of messages,
 * each behind its length (RFC 1035 4.2.2, 7766), in whatever segments: a message in several,
 * several in one, sent again, and a few ahead of their turn. A stream whose beginning was not seen
 * is taken to begin with a message where it is met first.
 *
 * Memory is bounded: 64 KiB + 2 bytes a stream, 256 KiB and 32 streams for the interfaces (in
 * files: pairs of hosts) that share one of 32 places. Who needs more pushes out the stream that was
 * silent for the longest time, of its own place.
 */
#ifndef BH_DNS_STREAM_H
#define BH_DNS_STREAM_H

#include "decode.h"

struct bh_dns_streams;

/* packet: the segment that made the message whole. False: this cannot be one; the stream is out of
 * step, and is given up. */
typedef bool (*bh_dns_stream_sink)(void *user, const struct bh_packet *packet, const uint8_t *data,
				   size_t length);

/* live: streams are of an interface; otherwise, in a file, of their ends alone. */
struct bh_dns_streams *bh_dns_streams_new(bool live, uint64_t seed, bh_dns_stream_sink sink,
					  void *user);
void bh_dns_streams_free(struct bh_dns_streams *streams);

/* Takes a segment whose packet->dns is not NULL. */
void bh_dns_streams_segment(struct bh_dns_streams *streams, const struct bh_packet *packet);

/* How many streams were given up in the middle of a message so far: for want of room, because a
 * segment was missing, cut short by the capture, or out of step. now: whoever has been silent for
 * ten seconds by then is given up as well. */
uint64_t bh_dns_streams_given_up(struct bh_dns_streams *streams, int64_t now);

/* What they take at most, all together. */
size_t bh_dns_streams_most_bytes(void);

#endif
