/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is exported of a flow: its growth since the record before, or since it began. A flow that
 * goes on has a record at each active timeout, and one at its end; their times follow each other
 * without a gap, and their counts add up to the flow's.
 */
#ifndef BH_EXPORT_RECORD_H
#define BH_EXPORT_RECORD_H

#include "bulkhead/flow.h"
#include "bulkhead/verdict.h"

/* Why a record was made; the numbers are IPFIX's flowEndReason. */
enum bh_export_reason {
	BH_EXPORT_IDLE = 1,    /* the flow ended: no packet for its timeout */
	BH_EXPORT_GOES_ON = 2, /* active timeout */
	BH_EXPORT_CLOSED = 3,  /* by its ends */
	BH_EXPORT_FORCED = 4,  /* bulkhead stops, or lost sight of it */
	BH_EXPORT_NO_ROOM = 5, /* ended early to stay within capture.max_flows */
};

/* Which directions a record is of. Only the way back is turned: its source is the responder, and
 * its tx what that sent. */
enum bh_export_way {
	BH_EXPORT_BOTH_WAYS,
	BH_EXPORT_THERE,
	BH_EXPORT_BACK,
};

/* One direction. */
struct bh_export_half {
	struct bh_tally counted; /* IP layer, as the flow's JSON tells them */
	struct bh_tally delivered;
	bool delivered_known;
};

/* Texts: UTF-8 as they are known; "" where nothing is. They are the caller's, for the call. */
struct bh_export_flow {
	uint64_t id;
	struct bh_flow_key key;
	int64_t first; /* µs: of the flow in its first record, else the last of the record before */
	int64_t last;
	uint32_t src_ifindex;
	uint32_t dst_ifindex;
	bool counted;		  /* else nobody counted its packets and bytes */
	struct bh_export_half tx; /* initiator → responder */
	struct bh_export_half rx;
	bool begins;	 /* no record of it came before */
	uint8_t reason;	 /* enum bh_export_reason */
	uint8_t way;	 /* enum bh_export_way */
	uint8_t verdict; /* enum bh_flow_verdict */
	uint8_t verdict_back;
	bool initiator_known;
	bool lossy;
	const char *src_workload;
	const char *dst_workload;
	const char *src_container;
	const char *dst_container;
	const char *verdict_word;
	const char *verdict_back_word;
	const char *direction;
	const char *state;
	const char *dns;
	const char *sni;
	const char *tunnel;
	const char *via; /* "192.0.2.1:8080": what the client named, where that was translated */
};

/* The same of one direction. */
struct bh_export_flow bh_export_one_way(const struct bh_export_flow *flow, enum bh_export_way way);

#endif
