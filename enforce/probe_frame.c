/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe_frame.h"

#include <netinet/in.h>
#include <string.h>

#include "address.h"

#define ETHERNET 14
#define UDP 8
#define HOPS 64

/* "bulkhea" in the last bytes of the link-local ones. */
#define ADDRESSES(last)                                                                            \
	{                                                                                          \
		{ BH_IPV4, { 192, 0, 2, (last) } },                                                \
		{                                                                                  \
			BH_IPV6,                                                                   \
			{                                                                          \
				0xfe, 0x80, 0, 0, 0, 0, 0, 0, 'b', 'u', 'l', 'k', 'h', 'e', 'a',   \
					(last)                                                     \
			}                                                                          \
		}                                                                                  \
	}

const struct bh_addr bh_probe_source[2] = ADDRESSES(249);
const struct bh_addr bh_probe_passes[2] = ADDRESSES(250);
const struct bh_addr bh_probe_denied[2] = ADDRESSES(251);

/* "bulkhead" in them, too. */
#define ROUTED(last)                                                                               \
	{                                                                                          \
		{ BH_IPV4, { 192, 0, 2, (last) } },                                                \
		{                                                                                  \
			BH_IPV6,                                                                   \
			{                                                                          \
				0x20, 0x01, 0x0d, 0xb8, 'b', 'u', 'l', 'k', 'h', 'e', 'a', 'd', 0, \
					0, 0, (last)                                               \
			}                                                                          \
		}                                                                                  \
	}

const struct bh_addr bh_probe_inside[BH_PROBE_KINDS][2] = { ROUTED(244), ROUTED(245) };
const struct bh_addr bh_probe_outside[BH_PROBE_KINDS][2] = { ROUTED(246), ROUTED(247) };
const struct bh_addr bh_probe_local = { BH_IPV4, { 192, 0, 2, 243 } };

static bool is_in(const struct bh_addr *addr, const struct bh_addr *const *lists, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t six = 0; six < 2; six++)
			if (bh_addr_equal(addr, &lists[i][six]))
				return true;
	return false;
}

bool bh_probe_has_bridged_address(const struct bh_addr *addr)
{
	const struct bh_addr *const lists[] = { bh_probe_source, bh_probe_passes, bh_probe_denied };

	return is_in(addr, lists, sizeof(lists) / sizeof(lists[0]));
}

bool bh_probe_has_address(const struct bh_addr *addr)
{
	const struct bh_addr *const routed[] = { bh_probe_inside[0], bh_probe_inside[1],
						 bh_probe_outside[0], bh_probe_outside[1] };

	return bh_probe_has_bridged_address(addr) ||
	       is_in(addr, routed, sizeof(routed) / sizeof(routed[0])) ||
	       bh_addr_equal(addr, &bh_probe_local);
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t length)
{
	memcpy(at, bytes, length);
	return at + length;
}

static uint8_t *put_u16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

/* RFC 1071; length: even. */
static uint32_t add_words(uint32_t sum, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint8_t *put_ipv4(uint8_t *at, const struct bh_addr *src, const struct bh_addr *dst,
			 uint16_t payload)
{
	uint8_t *head = at;

	at = put_u16(at, 0x4500);
	at = put_u16(at, (uint16_t)(20 + payload));
	at = put_u16(at, 0);
	at = put_u16(at, 0x4000); /* not to be fragmented */
	at = put_u16(at, HOPS << 8 | IPPROTO_UDP);
	at = put_u16(at, 0);
	at = put(at, src->bytes, 4);
	at = put(at, dst->bytes, 4);
	put_u16(head + 10, fold(add_words(0, head, 20)));
	return at;
}

static uint8_t *put_ipv6(uint8_t *at, const struct bh_addr *src, const struct bh_addr *dst,
			 uint16_t payload)
{
	at = put_u16(at, 0x6000);
	at = put_u16(at, 0);
	at = put_u16(at, payload);
	at = put_u16(at, IPPROTO_UDP << 8 | HOPS);
	at = put(at, src->bytes, 16);
	return put(at, dst->bytes, 16);
}

static uint8_t *put_udp(uint8_t *at, const struct bh_addr *src, const struct bh_addr *dst,
			const uint8_t *nonce)
{
	const uint16_t length = UDP + BH_PROBE_NONCE;
	uint8_t *head = at;
	uint32_t sum = IPPROTO_UDP + length; /* the pseudo header's */

	/* From a port that differs each time: a connection of its own to whoever tracks them. */
	at = put_u16(at, (uint16_t)(0x8000 | nonce[0] << 8 | nonce[1]));
	at = put_u16(at, BH_PROBE_PORT);
	at = put_u16(at, length);
	at = put_u16(at, 0);
	at = put(at, nonce, BH_PROBE_NONCE);
	sum = add_words(sum, src->bytes, bh_addr_size(src->family));
	sum = add_words(sum, dst->bytes, bh_addr_size(dst->family));
	uint16_t checksum = fold(add_words(sum, head, length));
	put_u16(head + 6, checksum != 0 ? checksum : 0xffff);
	return at;
}

void bh_probe_frame_make(struct bh_probe_frame *frame, const struct bh_mac *from,
			 const struct bh_mac *to, const struct bh_addr *src,
			 const struct bh_addr *dst, const uint8_t nonce[BH_PROBE_NONCE])
{
	const bool six = src->family == BH_IPV6;
	uint8_t *at = frame->bytes;

	at = put(at, to->bytes, sizeof(to->bytes));
	at = put(at, from->bytes, sizeof(from->bytes));
	at = put_u16(at, six ? 0x86dd : 0x0800);
	at = six ? put_ipv6(at, src, dst, UDP + BH_PROBE_NONCE)
		 : put_ipv4(at, src, dst, UDP + BH_PROBE_NONCE);
	at = put_udp(at, src, dst, nonce);
	frame->length = (size_t)(at - frame->bytes);
}

bool bh_probe_frame_is(const struct bh_probe_frame *frame, const uint8_t *bytes, size_t length)
{
	const size_t udp = frame->length - UDP - BH_PROBE_NONCE;

	return length == frame->length &&
	       memcmp(bytes + ETHERNET - 2, frame->bytes + ETHERNET - 2, 2) == 0 &&
	       memcmp(bytes + udp, frame->bytes + udp, length - udp) == 0;
}
