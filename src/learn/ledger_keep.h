/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of the ledger outlives a restart: everything. What changed goes out as news, in an order in
 * which it may be written as it comes; put back, it makes the ledger that it came from.
 */
#ifndef BH_LEDGER_KEEP_H
#define BH_LEDGER_KEEP_H

#include "ledger.h"
#include "scanners.h"

#define BH_REPLICA_BITS 64 /* of a bitmap of replicas */
#define BH_VERSIONS 8	   /* the latest ones */

struct bh_version {
	uint64_t hash; /* 0: none */
	int64_t seen;  /* µs: when it was last known to run */
};

/* Connections whose other end nobody owns up to: how many in the latest window that had any, and
 * which had some before it. Windows by index; 0: none. */
struct bh_strangers {
	uint32_t count;
	int64_t window, before;
};

/* A workload, or whoever else has edges. */
struct bh_owner_state {
	const struct bh_peer *who;
	int64_t first;	 /* µs */
	int64_t flagged; /* µs: when a replica was last found to look for others; 0: never */
	int64_t audited; /* µs: since when it is audited at least; 0: it is not */
	int64_t deploys[BH_DEPLOYS];
	struct bh_version versions[BH_VERSIONS];
	int64_t window;			    /* in which a connection was last opened */
	uint64_t replicas, replicas_before; /* bitmaps: in it, and in the one before */
	uint64_t slots[BH_REPLICA_BITS];    /* hashes of replicas, by their bit; 0: free */
	uint32_t windows;		    /* T, as the watcher counts */
	uint32_t idle; /* windows that were watched, and in which it hardly ran */
	uint32_t runs; /* of its instances, shorter than half a window */
	uint8_t phases;
	uint64_t lately; /* windows that counted: bit i is the one i + 1 before the current one */
	int64_t ran;	 /* µs in the current window, up to `mark` */
	int64_t mark;	 /* µs on the watch's clock */
	uint32_t instances; /* that run since then */
	struct bh_strangers strangers;
};

/* The ledger as a whole. */
struct bh_ledger_state {
	bool observed;
	int64_t first, now;	   /* µs */
	int64_t window;		   /* the current one, as the watcher counts */
	int64_t counted;	   /* the newest that was counted */
	int64_t watched;	   /* µs, in all: the watch's clock */
	int64_t watched_before;	   /* … when this window began */
	uint64_t captured, lost;   /* packets in this window */
	uint32_t windows;	   /* T of all */
	uint32_t unwatched, lossy; /* windows that are over and do not count */
	int64_t length;		   /* µs: of a window, when these were counted; 0: nobody knows */
	uint8_t phases;
	uint64_t unlearned[BH_UNLEARNED_KINDS];
};

/* user: of all of them. */
struct bh_ledger_news {
	void (*edge)(void *user, enum bh_ledger_list list, const struct bh_edge *edge);
	/* It is in that list no more: an attempt became an edge, or bh_ledger_forget(). */
	void (*gone)(void *user, enum bh_ledger_list list, const struct bh_edge *edge);
	void (*owner)(void *user, const struct bh_owner_state *owner);
	struct bh_scanner_news scanners;
	void (*whole)(void *user, const struct bh_ledger_state *state);
	void *user;
};

/* Whether there is any that is worth a write. That time goes on is, once a minute, or a hundredth
 * of a window. */
bool bh_ledger_has_news(const struct bh_ledger *ledger);
/* What changed since the last call of this; it counts as saved afterwards. */
void bh_ledger_each_news(struct bh_ledger *ledger, const struct bh_ledger_news *news);
/* All of it is news: what was saved is not to be relied upon. */
void bh_ledger_mark_dirty(struct bh_ledger *ledger);

/* Putting back, the whole first, then owners, then edges in order of `first`, then walks and
 * contacts. An edge replaces one of the same key. Nobody is present afterwards. What was counted in
 * windows of another length is counted anew: a thousand minutes are no thousand days. */
void bh_ledger_restore_whole(struct bh_ledger *ledger, const struct bh_ledger_state *state);
void bh_ledger_restore_owner(struct bh_ledger *ledger, const struct bh_owner_state *state);
void bh_ledger_restore_edge(struct bh_ledger *ledger, enum bh_ledger_list list,
			    const struct bh_edge *edge);
/* Whether that is so. */
bool bh_ledger_counts_anew(const struct bh_ledger *ledger);
struct bh_scanners *bh_ledger_scanners(struct bh_ledger *ledger);

#endif
