/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds packets byte by byte, as the tests of the decoder want them: right, or wrong on purpose.
 */
#ifndef TEST_BUILD_H
#define TEST_BUILD_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "address.h"

struct bytes {
	uint8_t data[4096];
	size_t length;
};

static inline void put(struct bytes *b, const void *data, size_t length)
{
	memcpy(b->data + b->length, data, length);
	b->length += length;
}

static inline void put8(struct bytes *b, unsigned value)
{
	uint8_t byte = (uint8_t)value;

	put(b, &byte, 1);
}

static inline void put16(struct bytes *b, unsigned value)
{
	put8(b, value >> 8);
	put8(b, value);
}

static inline void put32(struct bytes *b, uint32_t value)
{
	put16(b, value >> 16);
	put16(b, value & 0xffff);
}

static inline void put_zeros(struct bytes *b, size_t count)
{
	memset(b->data + b->length, 0, count);
	b->length += count;
}

static inline void put_addr(struct bytes *b, const char *text)
{
	struct bh_addr addr = { 0 };

	bh_addr_parse(text, &addr);
	put(b, addr.bytes, bh_addr_size(addr.family));
}

static inline void put_ethernet(struct bytes *b, unsigned type)
{
	put(b, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
	put16(b, type);
}

/* payload: bytes behind the header by its length field; flags_offset: the fragment word. */
static inline void put_ipv4_fragment(struct bytes *b, const char *src, const char *dst,
				     unsigned proto, size_t payload, unsigned id,
				     unsigned flags_offset)
{
	put8(b, 0x45);
	put8(b, 0);
	put16(b, (unsigned)(20 + payload));
	put16(b, id);
	put16(b, flags_offset);
	put8(b, 64);
	put8(b, proto);
	put16(b, 0);
	put_addr(b, src);
	put_addr(b, dst);
}

static inline void put_ipv4(struct bytes *b, const char *src, const char *dst, unsigned proto,
			    size_t payload)
{
	put_ipv4_fragment(b, src, dst, proto, payload, 1, 0);
}

static inline void put_ipv6(struct bytes *b, const char *src, const char *dst, unsigned next,
			    size_t payload)
{
	put32(b, 0x60000000);
	put16(b, (unsigned)payload);
	put8(b, next);
	put8(b, 64);
	put_addr(b, src);
	put_addr(b, dst);
}

static inline void put_tcp(struct bytes *b, unsigned sport, unsigned dport, unsigned flags,
			   uint32_t seq, uint32_t ack)
{
	put16(b, sport);
	put16(b, dport);
	put32(b, seq);
	put32(b, ack);
	put8(b, 0x50);
	put8(b, flags);
	put_zeros(b, 6);
}

static inline void put_udp(struct bytes *b, unsigned sport, unsigned dport, size_t payload)
{
	put16(b, sport);
	put16(b, dport);
	put16(b, (unsigned)(8 + payload));
	put16(b, 0);
	put_zeros(b, payload);
}

#endif
