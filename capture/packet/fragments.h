/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Remembers, for a short time, which flow a fragmented datagram belongs to: only its first fragment
 * carries ports. Later fragments that come before it wait as counts. Memory is fixed. */
#ifndef BH_FRAGMENTS_H
#define BH_FRAGMENTS_H

#include "decode.h"

struct bh_fragments;

/* One datagram on one interface, in one direction. */
struct bh_fragment {
	uint64_t key;	  /* hash of what names the datagram; 0: free */
	int64_t time;	  /* of its last fragment */
	uint64_t flow_id; /* 0: the first fragment has not come yet */
	uint32_t owner;	  /* number of the flow's entry, as long as its id is flow_id */
	bool forward;	  /* which way the datagram goes in that flow */
	struct bh_tally waiting;
};

struct bh_fragments *bh_fragments_new(uint64_t seed);
void bh_fragments_free(struct bh_fragments *fragments);

/* The datagram that this fragment is part of, old or new. The pointer is good until the next call.
 * Counts that gave way to a new datagram are added to *orphans. */
struct bh_fragment *bh_fragments_of(struct bh_fragments *fragments, const struct bh_packet *packet,
				    uint64_t *orphans);

/* Forgets datagrams not heard of for 30 seconds (RFC 791 asks for 15 at least), or all of them;
 * returns how many fragments had waited in vain. */
uint64_t bh_fragments_expire(struct bh_fragments *fragments, int64_t now);
uint64_t bh_fragments_clear(struct bh_fragments *fragments);

#endif
