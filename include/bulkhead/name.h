/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a container was told that an address is called, and what it says itself. */
#ifndef BULKHEAD_NAME_H
#define BULKHEAD_NAME_H

#include "bulkhead/address.h"

#define BH_DNS_NAME 254 /* 253 characters; printable ones of ASCII only, and no space */

/* One address of a DNS answer that a container asked for and received. */
struct bh_named {
	uint32_t ifindex; /* host veth that the answer went out of; 0 in a capture file */
	struct bh_addr addr;
	int64_t time;		/* µs: when it was received */
	int64_t until;		/* how long it names flows that begin */
	char name[BH_DNS_NAME]; /* as it was asked for */
};

/* Whom a flow's initiator says it speaks to, in its TLS ClientHello: nobody has checked it. */
struct bh_claim {
	uint64_t flow; /* struct bh_flow's id */
	char name[BH_DNS_NAME];
};

#endif
