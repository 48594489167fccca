/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A packet that the ruleset denied, or would have denied, as capture read it from NFLOG. */
#ifndef BULKHEAD_DENIAL_H
#define BULKHEAD_DENIAL_H

#include "bulkhead/flow.h"
#include "bulkhead/ruleset.h"

enum bh_denial_kind {
	BH_DENIED,     /* the packet was refused */
	BH_WOULD_DENY, /* audit: it passed */
	BH_SPOOFED,    /* a binding was contradicted; dropped where the port enforces */
	BH_UNCLAIMED,  /* the posture rule met an endpoint that no workload claims */
};

struct bh_denial {
	uint8_t kind; /* enum bh_denial_kind */
	uint8_t side; /* enum bh_side */
	bool dropped; /* false: it passed */
	char hash[BH_CHAIN_HASH];
	int64_t time; /* µs */
	struct bh_flow_key
		key; /* as in the packet: src sent it; all zero where not IP (see ethertype) */
	uint16_t ethertype;  /* of the frame where known, else 0; 0x0806: an ARP packet's addresses
			      * stand in key.src and key.dst */
	uint32_t in_ifindex; /* physical port where the kernel says it, else the logical device; 0:
				none */
	uint32_t out_ifindex;
	struct bh_mac mac; /* the frame's sender, as it says; all zero: not known */
};

#endif
