/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A flow: one connection (or, without connections, one exchange), seen from both sides of the
 * host. A packet inbound on a veth was *sent* by the container behind it; a packet outbound on a
 * veth was *delivered* to the container behind it. The same packet is never counted twice, because
 * the two counts are kept apart.
 */
#ifndef BULKHEAD_FLOW_H
#define BULKHEAD_FLOW_H

#include "bulkhead/address.h"

/* Oriented: src is the initiator where the direction is known, else the sender of the first packet
 * seen. For ICMP and ICMPv6 sport is 0 and dport type * 256 + code of the request. */
struct bh_flow_key {
	struct bh_addr src;
	struct bh_addr dst;
	uint16_t sport; /* host order */
	uint16_t dport;
	uint8_t proto; /* IPPROTO_… */
};

#define BH_TUNNEL_TEXT 80

enum bh_flow_state {
	BH_FLOW_ATTEMPTED,   /* nothing came back */
	BH_FLOW_ANSWERED,    /* something came back (UDP, ICMP; TCP: a SYN+ACK) */
	BH_FLOW_ESTABLISHED, /* TCP: handshake complete, or data in both directions */
	BH_FLOW_REFUSED,     /* RST or an ICMP error instead of an answer */
	BH_FLOW_CLOSED,	     /* was answered, and ended by FIN, RST or idle timeout */
};

/* How we know who opened the flow. */
enum bh_direction {
	BH_DIRECTION_UNKNOWN, /* shown, never learned */
	BH_DIRECTION_SYN,     /* the opening packet was seen: a SYN, an ICMP request, or the first
			       * packet of a protocol that has none, after a long enough watch */
	BH_DIRECTION_CONNTRACK,
	BH_DIRECTION_LISTENER,
};

struct bh_tally {
	uint64_t packets;
	uint64_t bytes; /* IP layer: header and payload, as NetFlow counts octets */
};

/* One direction of a flow. In a capture file, where no interface tells the sides apart, `sent`
 * alone counts. */
struct bh_flow_half {
	struct bh_tally sent;
	struct bh_tally delivered;
};

/* What is to be counted of it: where the sender's side was not seen, what arrived. */
static inline const struct bh_tally *bh_flow_half_counted(const struct bh_flow_half *half)
{
	return half->sent.packets == 0 && half->delivered.packets > 0 ? &half->delivered
								      : &half->sent;
}

/* Packets on the wire, where some that were captured stand for several of them (segmentation
 * offload): an estimate. 0: none did, and there were as many as were captured. */
struct bh_flow_segments {
	uint64_t sent;
	uint64_t delivered;
};

/* ICMP or ICMPv6 (as the flow's addresses are) errors that quoted a packet of the flow, whichever
 * way that went. */
struct bh_icmp_error {
	uint32_t count; /* 0: none */
	uint8_t type;	/* of the last */
	uint8_t code;
};

struct bh_flow {
	uint64_t id; /* unique within one run of the flow table */
	struct bh_flow_key key;
	int64_t first; /* µs since the epoch */
	int64_t last;
	uint32_t src_ifindex; /* host veth of the initiator's side; 0: not seen there */
	uint32_t dst_ifindex;
	struct bh_flow_half tx; /* initiator → responder */
	struct bh_flow_half rx;
	struct bh_flow_segments tx_segments;
	struct bh_flow_segments rx_segments;
	struct bh_icmp_error icmp_error;
	uint8_t state;	   /* enum bh_flow_state */
	uint8_t direction; /* enum bh_direction */
	bool answered;	   /* stays true when the state moves on to closed */
	bool established;  /* TCP: the handshake was completed; stays true likewise */
	bool final;	   /* no further record of this flow follows */
	bool lossy;	   /* packets were lost while this flow was alive: the counts are a floor */
	char tunnel[BH_TUNNEL_TEXT]; /* what carried it: "vxlan:42", "ipip/gre"; "": nothing */
};

#endif
