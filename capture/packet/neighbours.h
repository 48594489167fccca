/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ARP (RFC 826, 5227) and IPv6 neighbour discovery (RFC 4861): who says that an address is his. A
 * watch counts them by kind and remembers who claimed each address last, so that an address which
 * changes hands is noticed: once is a move, back and forth is a conflict, or somebody who lies.
 * Addresses are those of one network: a watch must not be shown what tunnels carry, and takes the
 * networks of several VLANs for one.
 */
#ifndef BH_NEIGHBOURS_H
#define BH_NEIGHBOURS_H

#include "decode.h"

enum bh_neighbour_kind {
	BH_NEIGHBOUR_ASKS,
	BH_NEIGHBOUR_ANSWERS,
	BH_NEIGHBOUR_ANNOUNCES, /* unasked: gratuitous ARP, unsolicited advertisement */
	BH_NEIGHBOUR_KINDS,
};
const char *bh_neighbour_kind_name(enum bh_neighbour_kind kind);

/* What one packet says. */
struct bh_neighbour {
	uint8_t kind;	     /* enum bh_neighbour_kind */
	bool is_arp;	     /* else neighbour discovery */
	struct bh_addr addr; /* that the sender claims; no family: none (a probe) */
	struct bh_mac mac;   /* at which it claims it */
};

/* packet->neighbour, read; false: it is not what it says, or cut short. */
bool bh_neighbour_decode(const struct bh_packet *packet, struct bh_neighbour *out);

struct bh_neighbour_watch;

/* most: addresses; what comes when there are as many is counted, and not remembered. */
struct bh_neighbour_watch *bh_neighbour_watch_new(size_t most);
void bh_neighbour_watch_free(struct bh_neighbour_watch *watch);
void bh_neighbour_watch_packet(struct bh_neighbour_watch *watch, const struct bh_packet *packet);

struct bh_neighbour_counts {
	uint64_t arp[BH_NEIGHBOUR_KINDS];
	uint64_t discovery[BH_NEIGHBOUR_KINDS];
	uint64_t unread;
	uint64_t unremembered; /* claims, for want of room */
};
struct bh_neighbour_counts bh_neighbour_watch_counts(const struct bh_neighbour_watch *watch);

/* An address that changed hands. */
struct bh_neighbour_claim {
	struct bh_addr addr;
	struct bh_mac mac;    /* who claimed it last */
	struct bh_mac before; /* and who before that */
	uint64_t turns;	      /* how often it changed hands */
};

/* Iterates like bh_map_next(): NULL behind the last. */
const struct bh_neighbour_claim *bh_neighbour_watch_next(const struct bh_neighbour_watch *watch,
							 size_t *position);

#endif
