/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nftables did to single packets, rule by rule. */
#ifndef BULKHEAD_TRACE_H
#define BULKHEAD_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "bulkhead/address.h"

#define BH_TRACE_ADDRS 32
#define BH_TRACE_NAME 64 /* bytes; longer names of tables and chains are cut */

/* Which packets: those from src to dst, and their answers. */
struct bh_trace_filter {
	uint32_t src_count, dst_count; /* 0: any */
	struct bh_addr src[BH_TRACE_ADDRS], dst[BH_TRACE_ADDRS];
	uint8_t proto; /* IPPROTO_…; 0: any */
	uint16_t port; /* of dst, where the protocol has ports and it is not 0 */
};

enum bh_trace_kind {
	BH_TRACE_POLICY = 1, /* of the base chain: no rule decided */
	BH_TRACE_RETURN,
	BH_TRACE_RULE,
};

struct bh_trace_step {
	uint32_t id;	 /* the same for all steps of a packet, and of some later one */
	uint8_t family;	 /* NFPROTO_… */
	uint8_t kind;	 /* enum bh_trace_kind */
	int32_t verdict; /* NF_DROP, NF_ACCEPT, NFT_JUMP … */
	uint64_t handle; /* of the rule; 0: none */
	char table[BH_TRACE_NAME], chain[BH_TRACE_NAME];
	char target[BH_TRACE_NAME]; /* of a jump or goto */
	/* Bytes of the packet, from its IP and its transport header on; not every step has them. */
	uint8_t network_length, transport_length;
	uint8_t network[40];
	uint8_t transport[8];
};

/* A rule that dropped something, as the kernel spells it. */
struct bh_trace_rule {
	uint8_t family;
	uint64_t handle;
	char table[BH_TRACE_NAME], chain[BH_TRACE_NAME];
	char text[400];	   /* its expressions; cut */
	char comment[128]; /* what its author wrote to it; "": nothing */
};

#endif
