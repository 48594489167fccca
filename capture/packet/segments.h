/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segments that a packet larger than the wire takes stands for: network cards cut them (GSO), or
 * put them together (GRO), behind the capture's back. Their number is an estimate, by the least
 * segment size that the handshake named, else by what fits into Ethernet's usual 1,500 bytes.
 *
 * A flow has four bits for its segment size, so a table knows sizes by number, and no more than
 * fifteen of them: between containers there are two or three. Who sends SYNs with many others only
 * makes later flows' estimates the usual ones.
 */
#ifndef BH_SEGMENTS_H
#define BH_SEGMENTS_H

#include "decode.h"

#define BH_SEGMENT_SIZES 16

struct bh_segment_sizes {
	uint16_t sizes[BH_SEGMENT_SIZES]; /* by number; 0, and number 0: not known */
};

/* The number of the lesser of a flow's size by now (a number) and what a SYN says. */
uint8_t bh_segment_sizes_note(struct bh_segment_sizes *known, uint8_t number, uint16_t size);

/* More than any packet on Ethernet carries: such a payload is looked at more closely. */
#define BH_SEGMENT_LARGE 1460

/* size: as the handshake has it, 0: not known. 1 for what was one packet on the wire. */
uint32_t bh_segments_of(const struct bh_packet *packet, uint16_t size);

#endif
