/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger, as its own files see it. Nothing here is for others. */
#ifndef BH_LEDGER_PARTS_H
#define BH_LEDGER_PARTS_H

#include <sys/queue.h>

#include "edge_table.h"
#include "ledger_keep.h"
#include "map.h"
#include "peers.h"

struct bh_ledger_owner {
	struct bh_owner_state state;
	struct bh_entry *first_edge, *last_edge; /* in order of their discovery */
	uint32_t edge_count;
	uint32_t kept[BH_LEDGER_LISTS]; /* of it in the other lists */
	bool dirty;
	STAILQ_ENTRY(bh_ledger_owner) next_dirty;
};

/* Entries that changed, oldest change first. */
struct bh_dirty_list {
	struct bh_entry *first, *last;
};

struct bh_ledger {
	struct bh_ledger_config config;
	struct bh_ledger_state state, saved; /* as it is, and was when it was last told of */
	bool anew;			     /* what is put back was counted in other windows */
	struct bh_peers *peers;		     /* every end of what follows; none is given back */
	struct bh_edge_table *lists[BH_LEDGER_LISTS];
	struct bh_map *owners; /* who → struct bh_ledger_owner */
	struct bh_map *users;  /* destination → size_t, number of edges */
	struct bh_scanners *scanners;
	struct bh_decisions *decisions;
	struct bh_dirty_list dirty[BH_LEDGER_LISTS];
	struct bh_gone {
		enum bh_ledger_list list;
		struct bh_edge edge;
	} * gone; /* those told of last first: until the next time nobody knows if it was saved */
	size_t gone_told, gone_count, gone_capacity;
	STAILQ_HEAD(, bh_ledger_owner) dirty_owners;
};

/* --- time: windows.c -------------------------------------------------------------------------- */

/* Of windows that do not divide evenly the hours are a little short, and the last is longer. */
int64_t bh_ledger_hour_of(const struct bh_ledger *ledger, int64_t time);
/* The window of an hour. */
int64_t bh_ledger_hours_window(int64_t hour);
/* The bit of a window among seven that follow each other. */
uint8_t bh_ledger_phase(int64_t window);
/* Those of the windows between the one of `first` and the current one. */
uint8_t bh_ledger_phases_since(const struct bh_ledger *ledger, int64_t first);

/* --- workloads: owners.c ---------------------------------------------------------------------- */

/* Whether there is none for another one of its in that list: NULL where it has none yet. */
bool bh_ledger_is_full(const struct bh_ledger *ledger, enum bh_ledger_list list,
		       const struct bh_ledger_owner *owner);
const struct bh_peer *bh_ledger_owner_peer(const struct bh_edge *edge);
/* Made where there is none. */
struct bh_ledger_owner *bh_ledger_owner_of(struct bh_ledger *ledger, const struct bh_peer *like,
					   int64_t time);
/* The bit of a replica in its bitmaps; none: 0. */
uint64_t bh_ledger_replica_bit(struct bh_ledger *ledger, struct bh_ledger_owner *owner,
			       uint64_t replica);
/* How many it has, by what is known; who: one of the ledger's peers. */
unsigned bh_ledger_replicas(const struct bh_ledger *ledger, const struct bh_peer *who);
/* The window, by index; 0: none. */
int64_t bh_strangers_latest(const struct bh_strangers *strangers);
/* It opened a connection. */
void bh_ledger_note_replica(struct bh_ledger *ledger, struct bh_ledger_owner *owner,
			    uint64_t replica, int64_t time);
void bh_ledger_owner_dirty(struct bh_ledger *ledger, struct bh_ledger_owner *owner);
/* The window that was current is over, and `next` is: whether it counts for the ledger as a whole.
 */
void bh_ledger_settle_owners(struct bh_ledger *ledger, bool counts, int64_t next);

/* --- edges: ledger.c -------------------------------------------------------------------------- */

void bh_ledger_edge_dirty(struct bh_ledger *ledger, enum bh_ledger_list list,
			  struct bh_entry *entry);
/* In order of source, destination, protocol, port. */
void bh_ledger_sort(const struct bh_ledger *ledger, const struct bh_entry **entries, size_t count);
struct bh_edge bh_ledger_view(const struct bh_entry *entry);
/* A new one, in its owner's list if it is an edge. */
struct bh_entry *bh_ledger_add(struct bh_ledger *ledger, enum bh_ledger_list list,
			       const struct bh_edge *edge);
struct bh_entry *bh_ledger_entry(const struct bh_ledger *ledger, enum bh_ledger_list list,
				 const struct bh_edge *like);

#endif
