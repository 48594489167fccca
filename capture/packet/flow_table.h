/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flow table: packets in, flow records out. It keeps both sides' counts, TCP states, timeouts
 * and a bound on its memory. Time is that of the packets (and of bh_flow_table_tick), never the
 * clock's, so that a file replays as it was.
 *
 * Direction. BH_DIRECTION_SYN says that the opening packet was seen: TCP's SYN, an ICMP request.
 * An answer (SYN+ACK, reply) that comes first names its receiver as the initiator, and counts as
 * knowledge unless that receiver is bound here: then its question would have been seen. For every
 * other protocol a flow's first packet is its opening one only if the table has watched for
 * idle_timeout by then, without loss and without evicting such a flow: an older flow of the same
 * tuple would be in the table, or have been silent for so long that it counts as another one.
 *
 * A connection's port may be used again: a SYN with another sequence number, or a packet after the
 * flow's timeout, ends the flow and opens a new one with an id of its own.
 *
 * ICMP errors. An error is a flow of its own, like any other packet, and is noted on the flow whose
 * packet it quotes, whichever way that went; also on the flow within a tunnel, where the error
 * quotes that far. "Unreachable" (but for "fragmentation needed") makes a flow `refused` that
 * nobody answered; an answered flow keeps its state: anyone may send an error. Live, an error is
 * believed where it could be true: it goes to who sent the quoted packet; a watched interface
 * speaks for nobody but the receiver of that packet; of a SYN it quotes the sequence number (RFC
 * 5927).
 *
 * Files (live false). Each packet counts once, as sent. Only where a capture of several interfaces
 * (SLL, SLL2) shows a direction of a flow coming in and going out again, what goes out counts as
 * delivered. With SLL2 each direction counts on the first interface it came in by, and on the first
 * it went out by; the same packet on a bridge or any other interface on its way is a copy. (A flow
 * that changes its interface in such a file is counted short.)
 */
#ifndef BH_FLOW_TABLE_H
#define BH_FLOW_TABLE_H

#include "decode.h"
#include "ethertypes.h"
#include "senders.h"

struct bh_flow_table;

struct bh_flow_table_config {
	size_t max_flows;	  /* beyond it half-open, single-packet flows are evicted first */
	int64_t idle_timeout;	  /* µs without a packet, for protocols without a close */
	int64_t tcp_idle_timeout; /* established TCP */
	int64_t closed_linger;	  /* after FIN/RST, for stragglers */
	uint64_t first_id;	  /* ids of flows count up from here; 0 is as good as 1 */
	int64_t report_interval;  /* a changed flow is reported at most this often (what is new,
				     and what a direction first delivers, with the next tick);
				     0: only when final */
	bool live;		  /* interfaces tell sides apart: count delivered too */
};

struct bh_flow_table_stats {
	uint64_t packets;	     /* what a tunnel carries counts beside its carrier */
	uint64_t flows;		     /* opened */
	uint64_t evicted;	     /* ended early to stay within max_flows */
	uint64_t orphan_fragments;   /* first fragment never seen: counted here, not in a flow */
	uint64_t undelivered_copies; /* flooded to veths that do not hold the destination, or seen
				      * once more on the way; in no flow */
	uint64_t stray_errors;	     /* ICMP errors about no flow that is known, or that could not
				      * be true */
	uint64_t unnoted;	     /* of errors and segments, for want of room (flow_extras.h) */
	uint64_t undecoded[BH_UNDECODED_KINDS];
	struct bh_ethertype_count ethertypes[BH_ETHERTYPES]; /* unknown ones, the most frequent */
	size_t active;
};

/* record: called with each report; the pointer is good for the call. */
typedef void (*bh_flow_sink)(void *user, const struct bh_flow *flow);

struct bh_flow_table *bh_flow_table_new(const struct bh_flow_table_config *config,
					bh_flow_sink sink, void *user);

/* What a table of this configuration maps at most, but for bindings and labels of tunnels. */
size_t bh_flow_table_most_bytes(const struct bh_flow_table_config *config);

void bh_flow_table_free(struct bh_flow_table *table); /* reports nothing */

/* Decodes a captured packet (see bh_decode()), takes it, and takes what it carries if it is a
 * tunnel's. Frames are taken in batches: flows may be reported some packets later. */
void bh_flow_table_frame(struct bh_flow_table *table, int linktype, const uint8_t *data,
			 size_t captured, size_t wire, int64_t time);

/* Shows each packet of bh_flow_table_frame() that has a payload from or to port 53 (packet->dns),
 * and each first fragment of a UDP datagram from there, as soon as it is decoded; not those within
 * tunnels, whose addresses are of another network. */
void bh_flow_table_show_dns(struct bh_flow_table *table,
			    void (*show)(void *user, const struct bh_packet *packet), void *user);

/* Shows the name that a flow's initiator claims to speak to (tls.h), once a flow and before any
 * report that tells of its packet. name: good for the call. */
void bh_flow_table_show_claims(struct bh_flow_table *table,
			       void (*show)(void *user, uint64_t flow_id, const char *name),
			       void *user);

/* Shows each packet of bh_flow_table_frame() that is ARP or neighbour discovery
 * (packet->neighbour); not those within tunnels, whose addresses are of another network. */
void bh_flow_table_show_neighbours(struct bh_flow_table *table,
				   void (*show)(void *user, const struct bh_packet *packet),
				   void *user);

/* Shows each packet of bh_flow_table_frame() of which bh_senders_foreign() says so. senders: the
 * caller's, for as long as the table lives. */
void bh_flow_table_show_foreign(struct bh_flow_table *table, struct bh_senders *senders,
				void (*show)(void *user, const struct bh_packet *packet),
				void *user);

/* Takes a decoded packet, at once. */
void bh_flow_table_packet(struct bh_flow_table *table, const struct bh_packet *packet);
void bh_flow_table_undecoded(struct bh_flow_table *table, enum bh_undecoded kind);

/* Reports what changed and is due, ends what timed out (up to a sixteenth of the timeout late).
 * Call about once a second of packet time. */
void bh_flow_table_tick(struct bh_flow_table *table, int64_t now);

/* Ends and reports every flow, in order of its first packet (end of a file, orderly stop). */
void bh_flow_table_flush(struct bh_flow_table *table);

/* Packets were lost at or after `since` (µs since the epoch): marks every flow as lossy that was
 * not closed or refused before, and starts the watch for opening packets anew (see Direction). */
void bh_flow_table_mark_loss(struct bh_flow_table *table, int64_t since);

/* Whether from now on packets are left out on purpose: flows that are open then, or open
 * meanwhile, are marked as lossy, and no packet passes for an opening one that might not be. */
void bh_flow_table_partial(struct bh_flow_table *table, bool partial);

/* Which addresses live behind which host interface; a packet outbound there counts as delivered
 * only where its destination is bound to it (multicast and broadcast count nowhere). */
void bh_flow_table_bind(struct bh_flow_table *table, uint32_t ifindex, const struct bh_addr *addr);
void bh_flow_table_unbind(struct bh_flow_table *table, uint32_t ifindex);
/* The interface is gone: what passed there until then may still be taken until the second
 * bh_flow_table_tick() from now. */
void bh_flow_table_leave(struct bh_flow_table *table, uint32_t ifindex);

struct bh_flow_table_stats bh_flow_table_stats(struct bh_flow_table *table);

/* Words for JSON and tables. */
const char *bh_flow_state_name(uint8_t state);
const char *bh_direction_name(uint8_t direction);

#endif
