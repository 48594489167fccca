/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger: which edges were seen, and on what evidence. Pure logic; time comes with each
 * contact. Learned is only what was answered and whose direction is known; what was not learned is
 * counted by reason, so that the ledger never looks more complete than it is.
 */
#ifndef BH_LEDGER_H
#define BH_LEDGER_H

#include "bulkhead/edge.h"
#include "bulkhead/flow.h"

struct bh_ledger;

struct bh_ledger_config {
	int64_t window;	  /* µs: length of a window */
	int64_t offset;	  /* µs: window 0 starts here; index = floor((t − offset) / window) */
	size_t max_edges; /* beyond it new edges are counted as overflow, not kept */
};

/* Why a connection was not learned. */
enum bh_unlearned {
	BH_LEARNED,
	BH_UNLEARNED_UNANSWERED,
	BH_UNLEARNED_DIRECTION,	 /* nobody knows who opened it */
	BH_UNLEARNED_UNRESOLVED, /* an end that no one owns up to, or a departed one */
	BH_UNLEARNED_BLOCKED, /* the policy denied it, or would have: that never trains the baseline
			       */
	BH_UNLEARNED_OVERFLOW,
	BH_UNLEARNED_KINDS,
};
const char *bh_unlearned_name(enum bh_unlearned reason);

/* One report of one connection. */
struct bh_contact {
	const struct bh_peer *src;
	const struct bh_peer *dst;
	uint8_t proto;
	uint16_t port;
	uint64_t replica; /* hash of the source instance's id; 0: no workload */
	int64_t time;
	uint8_t direction; /* enum bh_direction */
	bool answered;
	bool teaches;	/* answered, and no report before was learned: the connection counts now */
	bool ends;	/* its last report */
	uint64_t bytes; /* since the previous report, both directions */
	bool uncounted; /* nobody knows how many bytes it had */
	bool denied;	/* by the policy in force, even if it passed because it is only audited */
	bool lossy;
};

struct bh_ledger *bh_ledger_new(const struct bh_ledger_config *config);
void bh_ledger_free(struct bh_ledger *ledger);

/* Takes one report; answers whether it counts as learned, and if not, why. An unanswered connection
 * counts (as a connection, when it ends) on an edge that exists, and makes none. */
enum bh_unlearned bh_ledger_observe(struct bh_ledger *ledger, const struct bh_contact *contact);

/* One that was counted as unlearned, for this reason, is about to be observed again. */
void bh_ledger_take_back(struct bh_ledger *ledger, enum bh_unlearned reason);

/* Puts back an edge that was stored; replaces one of the same key. */
void bh_ledger_restore(struct bh_ledger *ledger, const struct bh_edge *edge);

size_t bh_ledger_count(const struct bh_ledger *ledger);
uint64_t bh_ledger_unlearned(const struct bh_ledger *ledger, enum bh_unlearned reason);

/* Every edge, in order of source, destination, protocol, port. */
void bh_ledger_each(const struct bh_ledger *ledger,
		    void (*edge)(void *user, const struct bh_edge *), void *user);
/* Those changed since the last call of this; they count as saved afterwards. */
void bh_ledger_each_dirty(struct bh_ledger *ledger,
			  void (*edge)(void *user, const struct bh_edge *), void *user);

/* Every edge counts as changed: what was saved is not to be relied upon. */
void bh_ledger_mark_dirty(struct bh_ledger *ledger);

/* Number of distinct replicas by an edge's bitmap of 64 hashes: a floor, since two may share a bit.
 */
unsigned bh_edge_replicas(const struct bh_edge *edge);

#endif
