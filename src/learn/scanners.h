/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who looks for what there is. A sequential test over each replica's first contacts, after Jung,
 * Paxson, Berger, Balakrishnan: Fast Portscan Detection Using Sequential Hypothesis Testing (2004):
 * of one who knows whom he talks to four in five succeed, of one who tries, one in five. Wrongly
 * flagged is one in a hundred. A good history excuses three more failures, and no more.
 */
#ifndef BH_SCANNERS_H
#define BH_SCANNERS_H

#include "bulkhead/edge.h"

struct bh_scanners;

/* most: contacts that are remembered; what comes when there are as many is counted, and not judged.
 */
struct bh_scanners *bh_scanners_new(size_t most);
void bh_scanners_free(struct bh_scanners *scanners);

/* A contact of the replica and what came of it. True: with it the replica is one who looks; then
 * its test begins anew. Only the first contact with each destination, protocol and port counts. */
bool bh_scanners_contact(struct bh_scanners *scanners, uint64_t replica, const struct bh_peer *dst,
			 uint8_t proto, uint16_t port, bool answered);

uint64_t bh_scanners_lost(const struct bh_scanners *scanners);

#endif
