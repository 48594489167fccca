/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection as the kernel tracks it (nf_conntrack): how its opener named it, and how the answers
 * travel. The two differ where an address is translated on the way. */
#ifndef BULKHEAD_TRACKED_H
#define BULKHEAD_TRACKED_H

#include "bulkhead/flow.h"

enum bh_tracked_news {
	BH_TRACKED_FOUND, /* by a dump or a lookup */
	BH_TRACKED_MADE,
	BH_TRACKED_ENDED, /* its counts are final */
};

/* Whether the first packet that the entry knows opened the connection. */
enum bh_tracked_start {
	BH_TRACKED_START_UNSURE, /* a protocol without an opening, or the kernel did not say */
	BH_TRACKED_START_SEEN,	 /* TCP: the entry was made by a SYN */
	BH_TRACKED_START_MISSED, /* TCP: picked up mid-stream; whoever spoke first then is its src
				  */
};

/* For ICMP and ICMPv6 type * 256 + code of the request stands where the responder's port would:
 * original.dport, reply.sport. */
struct bh_tracked {
	struct bh_flow_key original; /* before any translation */
	struct bh_flow_key reply;    /* turned round: the connection after all translation */
	uint32_t id;		     /* the kernel's; the same tuples may come back under another */
	uint8_t news;		     /* enum bh_tracked_news */
	uint8_t start;		     /* enum bh_tracked_start */
	bool src_nat;
	bool dst_nat;
	bool seen_reply;
	bool assured;
	bool expected;	    /* it came with another connection, which a helper read of */
	bool over;	    /* TCP: its end was seen; it is remembered for a while */
	bool counted;	    /* tx and rx are; without nf_conntrack_acct nobody counts */
	struct bh_tally tx; /* as the original tuple goes; bytes as the IP layer counts them */
	struct bh_tally rx;
};

/* An entry that is to be deleted, alone. */
struct bh_cut {
	struct bh_flow_key original;
	uint32_t id;
	int32_t code; /* what came of it: 0; −ENOENT: it had ended by itself; another errno */
};

#endif
