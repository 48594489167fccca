/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one packet says about its flow: who opened it, and how far it got. Pure logic, no table. */
#ifndef BH_FLOW_STATE_H
#define BH_FLOW_STATE_H

#include <netinet/in.h>

#include "flow_entry.h"

/* What the watcher knows when a flow's first packet comes. */
struct bh_flow_watch {
	bool from_start;  /* an older flow of this tuple would have been seen, or be over */
	bool would_know;  /* the packet's receiver is watched: what it sends is seen first */
	bool from_sender; /* as in bh_flow_advance() */
};

/* Who opened the flow, from its first packet. backward: it goes from high to low. */
void bh_flow_orient(struct bh_flow_entry *flow, const struct bh_packet *packet, bool backward,
		    const struct bh_flow_watch *watch);

/* Whether the packet opens another connection on the tuple of this one. */
bool bh_flow_is_reopened(const struct bh_flow_entry *flow, const struct bh_packet *packet,
			 bool forward);

/* Moves the state. forward: initiator → responder. from_sender: false where the packet was seen on
 * its way out to its receiver while its sender is watched too; then somebody on the way may have
 * made it. */
void bh_flow_advance(struct bh_flow_entry *flow, const struct bh_packet *packet, bool forward,
		     bool from_sender);

static inline bool bh_is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

#endif
