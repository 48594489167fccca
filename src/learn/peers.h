/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Peers that many flows have in common, each kept once, as long as somebody has it. */
#ifndef BH_PEERS_H
#define BH_PEERS_H

#include "bulkhead/edge.h"

struct bh_peers;

struct bh_peers *bh_peers_new(void);
void bh_peers_free(struct bh_peers *peers); /* whoever still has some; may be NULL */

/* The one that equals it; to be released as often as it was got. */
const struct bh_peer *bh_peers_get(struct bh_peers *peers, const struct bh_peer *like);
/* NULL: nobody has it. */
const struct bh_peer *bh_peers_find(const struct bh_peers *peers, const struct bh_peer *like);
void bh_peers_release(struct bh_peers *peers, const struct bh_peer *peer);

/* By name, then by kind. */
int bh_peers_compare(const struct bh_peer *a, const struct bh_peer *b);
/* Numbers those there are, in that order; a number holds until another peer is kept. */
void bh_peers_number(struct bh_peers *peers);
uint32_t bh_peers_number_of(const struct bh_peer *kept);

size_t bh_peers_count(const struct bh_peers *peers);

#endif
