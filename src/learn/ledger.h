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
 *
 * Windows that were watched, T, are counted in one of two ways. Where a watcher tells what was
 * there and for how long (bh_ledger_watch()), a workload's are those in which it ran, and was
 * watched, at least half of the time, with less than one packet in a thousand lost. Recorded flows
 * have no watcher: then every window counts between the first contact and the current one.
 */
#ifndef BH_LEDGER_H
#define BH_LEDGER_H

#include "bulkhead/edge.h"
#include "bulkhead/flow.h"
#include "decisions.h"

struct bh_ledger;

#define BH_HOURS 24 /* of a window */

struct bh_ledger_config {
	int64_t window;	     /* µs: length of a window */
	int64_t offset;	     /* µs: window 0 starts here; index = floor((t − offset) / window) */
	size_t max_edges;    /* beyond it new edges are counted as overflow, not kept */
	size_t max_attempts; /* the same of what nobody ever answered: not kept, nor counted … */
	size_t max_opposed;  /* … and of what the policy denies; of either, one workload's are an
				eighth, or a hundred */
	size_t max_contacts; /* first contacts that are remembered (scanners.h) */
	bool watched;	     /* there is a watcher */
	bool saved;	     /* somebody asks for news (ledger_keep.h) */
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
/* Whose connection with one that nobody owns up to that is: the workload at the other end; NULL: it
 * is none, or nobody's. bh_ledger_observe() notes it when it ends, if it was answered. */
const struct bh_peer *bh_met_stranger(const struct bh_peer *src, const struct bh_peer *dst);
/* It has such a one, which ended at that time; and that one turned out to be none. */
void bh_ledger_note_stranger(struct bh_ledger *ledger, const struct bh_peer *workload,
			     int64_t time);
void bh_ledger_forget_stranger(struct bh_ledger *ledger, const struct bh_peer *workload,
			       int64_t time);

/* --- edges ------------------------------------------------------------------------------------ */

enum bh_ledger_list {
	BH_EDGES,
	BH_ATTEMPTS, /* tried, and never answered: no edges */
	BH_OPPOSED,  /* denied by the policy, whether it passed or not; an edge may be there as well
		      */
	BH_LEDGER_LISTS,
};

size_t bh_ledger_count(const struct bh_ledger *ledger, enum bh_ledger_list list);
uint64_t bh_ledger_unlearned(const struct bh_ledger *ledger, enum bh_unlearned reason);

/* Every one of a list, in order of source, destination, protocol, port. What edge() is given is
 * good for that call, its ends as long as the ledger. */
void bh_ledger_each(const struct bh_ledger *ledger, enum bh_ledger_list list,
		    void (*edge)(void *user, const struct bh_edge *), void *user);

/* The one with this key, into *out; false: there is none. */
bool bh_ledger_find(const struct bh_ledger *ledger, enum bh_ledger_list list,
		    const struct bh_edge *like, struct bh_edge *out);

/* Takes it out of the list, which is not that of edges; within bh_ledger_each() only the one that
 * it is at. */
void bh_ledger_forget(struct bh_ledger *ledger, enum bh_ledger_list list,
		      const struct bh_edge *like);

/* Number of distinct replicas by an edge's bitmap: a floor, where a workload had more than 64 of
 * them. */
unsigned bh_edge_replicas(const struct bh_edge *edge);

/* What a person decides about the edge, and decided; NULL: nothing. Where there is little room for
 * what the policy denies, what is rejected is forgotten until it is tried again. */
void bh_ledger_decide(struct bh_ledger *ledger, const struct bh_edge *like,
		      const struct bh_decision *decision);
const struct bh_decision *bh_ledger_decision(const struct bh_ledger *ledger,
					     const struct bh_edge *like);
const struct bh_decisions *bh_ledger_decisions(const struct bh_ledger *ledger);

/* How many edges have this destination. */
size_t bh_ledger_users(const struct bh_ledger *ledger, const struct bh_peer *dst);

/* --- time ------------------------------------------------------------------------------------- */

/* What time it is, whatever is observed: windows that are over count. It never goes back. For those
 * that have no watcher. */
void bh_ledger_advance(struct bh_ledger *ledger, int64_t now);

/* It was watched for so long (µs, of a clock that nobody sets) up to now, which is what the wall
 * clock says: it may have been set, either way. */
void bh_ledger_watch(struct bh_ledger *ledger, int64_t now, int64_t elapsed);
/* Windows that are over and do not count, since windows are counted. */
struct bh_uncounted {
	uint32_t unwatched; /* for less than half of it somebody watched */
	uint32_t lossy;	    /* watched, and one packet in a thousand was lost, or more */
};
struct bh_uncounted bh_ledger_uncounted(const struct bh_ledger *ledger);
/* Packets that were captured and lost since the last call. */
void bh_ledger_packets(struct bh_ledger *ledger, uint64_t captured, uint64_t lost);

/* Windows that were watched, the first and the current one not counted. */
uint32_t bh_ledger_windows(const struct bh_ledger *ledger);
/* Which of seven that follow each other were among them (weekdays, where a window is a day): bit
 * index mod 7. */
uint8_t bh_ledger_phases(const struct bh_ledger *ledger);
int64_t bh_ledger_window_of(const struct bh_ledger *ledger, int64_t time); /* its index */
int64_t bh_ledger_now(const struct bh_ledger *ledger);			   /* µs */
/* First contacts that found no room among those remembered: who made them was not judged by them.
 */
uint64_t bh_ledger_lost_contacts(const struct bh_ledger *ledger);
const struct bh_ledger_config *bh_ledger_config(const struct bh_ledger *ledger);

/* --- workloads -------------------------------------------------------------------------------- */

#define BH_DISCOVERIES 7 /* windows */
#define BH_DEPLOYS 8	 /* the newest ones are kept */

/* Of whom an edge is evidence: the source, unless the destination alone is a workload. */
struct bh_owner {
	const struct bh_peer *who;
	int64_t first;		     /* µs: learning of it began */
	int64_t deploys[BH_DEPLOYS]; /* µs, the newest first; 0: none */
	unsigned replicas; /* that opened a connection in this window or the one before, a floor; or
			      that run, where there are more of them */
	bool job; /* it comes, does its work and goes: its windows are its runs (at most 64 are told
		     apart) */
};

/* What the ledger knows of a workload as a whole. An edge that was seen in one window alone is in
 * q1, in two of them in q2. */
struct bh_baseline {
	struct bh_owner owner;
	uint32_t windows; /* T */
	uint8_t phases;	  /* as bh_ledger_phases() */
	uint64_t lately;  /* of the last 64 windows those that were watched and in which it ran:
			     bit i is the one i + 1 before the current one */
	uint32_t edges;
	uint32_t q1, q2;
	uint32_t discovered[BH_DISCOVERIES]; /* new edges in each of the last whole windows, the
						newest first */
	int64_t newest;	  /* µs: when its newest edge was found; 0: it has none */
	int64_t stranger; /* the latest window in which it had answered connections whose other end
			     nobody owns up to; 0: none had */
	bool lossy;	  /* something was lost while one of its edges was learned */
	bool crowded;	  /* there is no room for another edge, or for more of what it is denied */
};

/* So many instances of the workload run; 0: it does no more. */
void bh_ledger_present(struct bh_ledger *ledger, const struct bh_peer *workload,
		       uint32_t instances);
/* One of its instances ended, after so many µs. */
void bh_ledger_ran(struct bh_ledger *ledger, const struct bh_peer *workload, int64_t lived);
/* One of its instances runs this version (a hash) at this time; to be told of again while it does.
 * True: it is another one than ran last, or within the last two windows, which is a deploy. Of more
 * than eight at once no other is told from them. */
bool bh_ledger_version(struct bh_ledger *ledger, const struct bh_peer *workload, uint64_t version,
		       int64_t time);
/* When it last was one, µs; 0: never. */
int64_t bh_ledger_last_deploy(const struct bh_ledger *ledger, const struct bh_peer *workload);
/* Since when it is audited at least, and nothing that it was denied came to be allowed; 0: it is
 * not. */
void bh_ledger_set_audited(struct bh_ledger *ledger, const struct bh_peer *workload, int64_t since);
int64_t bh_ledger_audited(const struct bh_ledger *ledger, const struct bh_peer *workload);
/* The workload runs another version from now on. */
void bh_ledger_deployed(struct bh_ledger *ledger, const struct bh_peer *workload, int64_t time);

/* All of them, in order of their discovery. */
void bh_ledger_each_baseline(const struct bh_ledger *ledger,
			     void (*baseline)(void *user, const struct bh_baseline *), void *user);
/* Of one; false: the ledger does not know it. */
bool bh_ledger_baseline(const struct bh_ledger *ledger, const struct bh_peer *workload,
			struct bh_baseline *out);

/* Of one of the ledger's edges. */
struct bh_owner bh_ledger_owner(const struct bh_ledger *ledger, const struct bh_edge *edge);
/* Whether it comes, does its work and goes, as far as that was seen. */
bool bh_ledger_is_job(const struct bh_ledger *ledger, const struct bh_peer *workload);
/* In how many of its owner's windows, or runs, it was seen. */
uint32_t bh_ledger_seen(const struct bh_ledger *ledger, const struct bh_edge *edge);

#endif
