/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "segments.h"

#include <netinet/in.h>

#define USUAL_MTU 1500

/* The number of this size, taken if there is one left; 0: there is none. */
static uint8_t number_of(struct bh_segment_sizes *known, uint16_t size)
{
	for (uint8_t i = 1; i < BH_SEGMENT_SIZES; i++) {
		if (known->sizes[i] == 0)
			known->sizes[i] = size;
		if (known->sizes[i] == size)
			return i;
	}
	return 0;
}

uint8_t bh_segment_sizes_note(struct bh_segment_sizes *known, uint8_t number, uint16_t size)
{
	if (number != 0 && known->sizes[number] <= size)
		return number;
	return number_of(known, size);
}

/* Payload of one segment. Options come off the size that the handshake has (RFC 6691), and off what
 * the usual packet holds beside all headers. */
static uint32_t payload_of_one(const struct bh_packet *p, uint16_t size)
{
	uint32_t headers = p->ip_bytes - p->tcp_payload;

	if (size > p->tcp_options)
		return size - p->tcp_options;
	return headers < USUAL_MTU ? USUAL_MTU - headers : 1;
}

uint32_t bh_segments_of(const struct bh_packet *p, uint16_t size)
{
	if (p->proto != IPPROTO_TCP || p->fragment || p->tcp_payload <= BH_SEGMENT_LARGE)
		return 1;
	uint32_t one = payload_of_one(p, size);

	return p->tcp_payload / one + (p->tcp_payload % one != 0);
}
