/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A flow as the table keeps it: 176 bytes, what a lookup compares in the first cache line and the
 * counters in the second. Entries refer to each other by number, which is half a pointer; 0 is
 * none. Records for others (struct bh_flow) are made from it.
 */
#ifndef BH_FLOW_ENTRY_H
#define BH_FLOW_ENTRY_H

#include "decode.h"

/* A connection's name, the same whichever way a packet goes: the lower end comes first. ICMP's is
 * oriented instead, from who asks to who answers, with the request's type and code as high_port. No
 * padding: it is compared and hashed as bytes. */
struct bh_flow_tuple {
	uint8_t low[16];
	uint8_t high[16];
	uint16_t low_port;
	uint16_t high_port;
	uint8_t proto;
	uint8_t family;
	uint16_t tunnel; /* label of what carried it (tunnels.h); 0: nothing did */
};

struct bh_flow_entry {
	struct bh_flow_tuple tuple;
	uint32_t hash;
	uint32_t isn; /* the initiator's first sequence number, where isn_known */
	int64_t first;
	int64_t last;
	struct bh_flow_half tx; /* initiator → responder */
	struct bh_flow_half rx;
	uint64_t id;
	uint32_t seen_on[2][2]; /* ifindex, by [going back][going out]; 0: not seen there */
	uint32_t older, newer;	/* in its list by age; newer also links free entries */
	uint32_t due_before, due_after;
	uint32_t placed; /* wraps: when it took its place in the list by age */
	uint8_t state;	 /* enum bh_flow_state */
	uint8_t list : 3;
	uint8_t segment_size : 4; /* number of it (segments.h) */
	uint8_t has_extra : 1;	  /* flow_extras.h */
	uint16_t direction : 2;	  /* enum bh_direction */
	uint16_t answered : 1;
	uint16_t established : 1;
	uint16_t lossy : 1;
	uint16_t initiator_is_high : 1;
	uint16_t isn_known : 1;
	uint16_t past_syn : 1; /* the initiator sent more than SYNs */
	uint16_t fin_tx : 1, fin_rx : 1;
	uint16_t came_in_tx : 1, came_in_rx : 1; /* SLL names no interface, but the direction */
	uint16_t opener_unseen : 1; /* opened by a delivery in the name of a sender that is watched
				     */
	uint16_t is_due : 1;
	uint16_t was_reported : 1; /* and has not arrived anywhere since for the first time */
	uint16_t claimed : 1;	   /* its initiator's claim was shown */
};

_Static_assert(sizeof(struct bh_flow_tuple) == 40, "padding would be compared");
_Static_assert(sizeof(struct bh_flow_entry) == 176, "memory a flow");

/* The packet's tuple. True: it goes from high to low. */
bool bh_flow_tuple_of(const struct bh_packet *packet, struct bh_flow_tuple *out);

/* The record, whole; tunnel: text of what carried it, "" where nothing did. */
void bh_flow_entry_record(const struct bh_flow_entry *entry, const char *tunnel, bool final,
			  struct bh_flow *out);

#endif
