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

/* most: contacts that are remembered. Beyond it the replica goes that made none for the longest
 * time; where there is but one, what it does is counted, and not judged. saved: somebody asks for
 * news. */
struct bh_scanners *bh_scanners_new(size_t most, bool saved);
void bh_scanners_free(struct bh_scanners *scanners);

/* A contact of the replica and what came of it; time: µs. True: with it the replica is one who
 * looks; then its test begins anew. Only the first contact with each destination, protocol and port
 * counts. */
bool bh_scanners_contact(struct bh_scanners *scanners, uint64_t replica, const struct bh_peer *dst,
			 uint8_t proto, uint16_t port, bool answered, int64_t time);

uint64_t bh_scanners_lost(const struct bh_scanners *scanners);

/* --- what outlives a restart ------------------------------------------------------------------ */

/* How a replica's test stands. */
struct bh_walk {
	uint64_t replica;
	double likelihood; /* logarithm of the ratio */
	int64_t last;	   /* µs: of its last first contact */
};

struct bh_scanner_news {
	void (*gone)(void *user, uint64_t replica); /* with all its contacts */
	void (*walk)(void *user, const struct bh_walk *walk);
	void (*contact)(void *user, uint64_t replica, uint64_t contact);
	void *user;
};

bool bh_scanners_has_news(const struct bh_scanners *scanners);
/* What changed since the last call of this, in the order above. */
void bh_scanners_each_news(struct bh_scanners *scanners, const struct bh_scanner_news *news);
/* All of it is news: what was saved is not to be relied upon. What is gone may still be there. */
void bh_scanners_mark_dirty(struct bh_scanners *scanners);

/* Walks first, then their contacts. */
void bh_scanners_restore_walk(struct bh_scanners *scanners, const struct bh_walk *walk);
void bh_scanners_restore_contact(struct bh_scanners *scanners, uint64_t replica, uint64_t contact);

#endif
