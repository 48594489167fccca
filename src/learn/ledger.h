/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger: which edges were seen, and on what evidence. Pure logic; time comes with each
 * contact. Learned is only what was answered and whose direction is known; what was not learned is
 * counted by reason, so that the ledger never looks more complete than it is.
 *
 * Time is cut into windows (a day, as a rule) and each window into 24 hours: an edge's evidence is
 * in how many of them it was seen, never in how many connections it had; a burst is one event.
 * Edges are kept in order of their discovery with the workload that they are of: the source, or the
 * destination where the source is none.
 */
#ifndef BH_LEDGER_H
#define BH_LEDGER_H

#include "bulkhead/edge.h"
#include "bulkhead/flow.h"

struct bh_ledger;

#define BH_HOURS 24 /* of a window */

struct bh_ledger_config {
	int64_t window;	     /* µs: length of a window */
	int64_t offset;	     /* µs: window 0 starts here; index = floor((t − offset) / window) */
	size_t max_edges;    /* beyond it new edges are counted as overflow, not kept */
	size_t max_attempts; /* the same of what nobody ever answered */
	size_t max_contacts; /* first contacts that are remembered (scanners.h) */
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
	uint64_t count;	   /* so many connections alike; 0 is as good as 1 */
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

/* Puts back an edge that was stored; replaces one of the same key. In order of `first`. */
void bh_ledger_restore(struct bh_ledger *ledger, const struct bh_edge *edge);

size_t bh_ledger_count(const struct bh_ledger *ledger);
uint64_t bh_ledger_unlearned(const struct bh_ledger *ledger, enum bh_unlearned reason);

/* Every edge, in order of source, destination, protocol, port. Its ends are good as long as the
 * ledger. */
void bh_ledger_each(const struct bh_ledger *ledger,
		    void (*edge)(void *user, const struct bh_edge *), void *user);
/* The same of what was tried and never answered: no edges. */
void bh_ledger_each_attempt(const struct bh_ledger *ledger,
			    void (*edge)(void *user, const struct bh_edge *), void *user);
/* Those changed since the last call of this; they count as saved afterwards. */
void bh_ledger_each_dirty(struct bh_ledger *ledger,
			  void (*edge)(void *user, const struct bh_edge *), void *user);

/* Every edge counts as changed: what was saved is not to be relied upon. */
void bh_ledger_mark_dirty(struct bh_ledger *ledger);

/* Number of distinct replicas by an edge's bitmap: a floor, where a workload had more than 64 of
 * them. */
unsigned bh_edge_replicas(const struct bh_edge *edge);

/* --- workloads -------------------------------------------------------------------------------- */

#define BH_DISCOVERIES 7 /* windows */
#define BH_DEPLOYS 8	 /* the newest ones are kept */

/* Of whom an edge is evidence: the source, unless the destination alone is a workload. */
struct bh_owner {
	const struct bh_peer *who;
	int64_t first;		     /* µs: learning of it began */
	int64_t deploys[BH_DEPLOYS]; /* µs, the newest first; 0: none */
	unsigned replicas; /* that opened a connection in this window or the one before; a floor */
};

/* What the ledger knows of a workload as a whole. An edge that was seen in one window alone is in
 * q1, in two of them in q2. */
struct bh_baseline {
	struct bh_owner owner;
	uint32_t windows; /* T: whole ones since; the first and the current one are none */
	uint32_t edges;
	uint32_t q1, q2;
	uint32_t discovered[BH_DISCOVERIES]; /* new edges in each of the last whole windows, the
						newest first */
};

/* What time it is, whatever is observed: windows that are over count. It never goes back. */
void bh_ledger_advance(struct bh_ledger *ledger, int64_t now);

/* The workload runs another version from now on. */
void bh_ledger_deployed(struct bh_ledger *ledger, const struct bh_peer *workload, int64_t time);

/* All of them, in order of their discovery. */
void bh_ledger_each_baseline(const struct bh_ledger *ledger,
			     void (*baseline)(void *user, const struct bh_baseline *), void *user);
/* How many edges have this destination. */
size_t bh_ledger_users(const struct bh_ledger *ledger, const struct bh_peer *dst);

/* Of one of the ledger's edges. */
struct bh_owner bh_ledger_owner(const struct bh_ledger *ledger, const struct bh_edge *edge);

/* Windows since the first observation, the first and the current one not counted. */
uint32_t bh_ledger_windows(const struct bh_ledger *ledger);
/* First contacts that found no room among those remembered: who made them was not judged by them.
 */
uint64_t bh_ledger_lost_contacts(const struct bh_ledger *ledger);
int64_t bh_ledger_now(const struct bh_ledger *ledger); /* µs */
const struct bh_ledger_config *bh_ledger_config(const struct bh_ledger *ledger);

#endif
