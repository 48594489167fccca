/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ethernet frames as an intruder writes them: with whatever addresses it likes. */
#ifndef BH_LAB_FRAME_H
#define BH_LAB_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/address.h"

#define BH_LAB_FRAME 256

struct bh_lab_frame {
	size_t length;
	uint8_t bytes[BH_LAB_FRAME];
};

/* From whom to whom, on both layers. */
struct bh_lab_ends {
	struct bh_mac src_mac;
	struct bh_mac dst_mac;
	struct bh_addr src;
	struct bh_addr dst;
	bool tagged; /* an 802.1Q tag with VLAN 0 in front: priority only, a host takes it off */
};

void bh_lab_frame_udp(struct bh_lab_frame *frame, const struct bh_lab_ends *ends, uint16_t src_port,
		      uint16_t dst_port, const char *text);
void bh_lab_frame_syn(struct bh_lab_frame *frame, const struct bh_lab_ends *ends, uint16_t src_port,
		      uint16_t dst_port, uint32_t sequence);

/* ends->src at ends->src_mac, told to ends->dst. Gratuitous: a reply that nobody asked for, about
 * itself; else a request in the name of src. */
void bh_lab_frame_arp(struct bh_lab_frame *frame, const struct bh_lab_ends *ends, bool gratuitous);

/* An unsolicited neighbour advertisement, with the override flag: target is at ends->src_mac. */
void bh_lab_frame_advertisement(struct bh_lab_frame *frame, const struct bh_lab_ends *ends,
				const struct bh_addr *target);
/* A neighbour solicitation for ends->dst: ends->src is at ends->src_mac. */
void bh_lab_frame_solicitation(struct bh_lab_frame *frame, const struct bh_lab_ends *ends);
/* A router advertisement: ends->src is a default router for so many seconds. */
void bh_lab_frame_router(struct bh_lab_frame *frame, const struct bh_lab_ends *ends,
			 uint16_t lifetime);

#endif
