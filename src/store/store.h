/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What outlives the daemon, in one SQLite file: ledger, policy revisions, modes, who was where
 * when, what names stand for, events. */
#ifndef BH_STORE_H
#define BH_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkhead/edge.h"
#include "bulkhead/error.h"
#include "bulkhead/traffic.h"
#include "bulkhead/verdict.h"
#include "ledger_keep.h"

struct bh_store;

/* Opens or makes the file; its schema is versioned (PRAGMA user_version): an older one is brought
 * up to date, a newer one than ours is refused (-EPROTO). So is a file that is damaged or no
 * database at all (-EUCLEAN, with what to do), another program's database (-EINVAL), and one that
 * may not be written (-EACCES); none of them is changed or replaced. Here and below: -ENOSPC where
 * the disk is full; -EBUSY where another process writes to the file, which is waited for at most
 * two seconds. */
struct bh_store *bh_store_open(const char *path, struct bh_error *err);
void bh_store_close(struct bh_store *store);

/* 0; or -ESTALE where the file that is open does not stand under its name any more: what is written
 * goes with whoever has it open. */
int bh_store_in_place(struct bh_store *store, struct bh_error *err);

/* Everything between the two is one transaction. Where the commit fails nothing of it is kept. It
 * fails, too, where a write in between found the disk full: those that follow it fail likewise. */
int bh_store_begin(struct bh_store *store, struct bh_error *err);
int bh_store_commit(struct bh_store *store, struct bh_error *err);
/* Instead of the commit: nothing of it is kept. */
void bh_store_abort(struct bh_store *store);

/* What is news of the ledger. Where it fails, all of it is to be marked dirty. */
int bh_store_save_ledger(struct bh_store *store, struct bh_ledger *ledger, struct bh_error *err);
int bh_store_save_decision(struct bh_store *store, const struct bh_edge *edge,
			   const struct bh_decision *decision, struct bh_error *err);
/* All of it, into a ledger that is empty. */
int bh_store_load_ledger(struct bh_store *store, struct bh_ledger *ledger, struct bh_error *err);

/* What a workload's peers outside were called, as a text that the caller understands. */
int bh_store_save_called(struct bh_store *store, const char *src, const char *dst,
			 const char *names, struct bh_error *err);
int bh_store_load_called(struct bh_store *store,
			 void (*row)(void *user, const char *src, const char *dst,
				     const char *names),
			 void *user, struct bh_error *err);

/* A flow of an edge (edge_id.h), as JSON: the first one, or a newer one, which takes the place of
 * the one before. time: µs. */
int bh_store_save_sample(struct bh_store *store, uint64_t edge, bool newest, int64_t time,
			 const char *flow, struct bh_error *err);
/* Those of an edge, two at most, the first one first. */
int bh_store_samples(struct bh_store *store, uint64_t edge,
		     void (*row)(void *user, bool newest, const char *flow), void *user,
		     struct bh_error *err);
/* When the newer one of each edge was, where it has one. */
int bh_store_load_sampled(struct bh_store *store,
			  void (*row)(void *user, uint64_t edge, int64_t time), void *user,
			  struct bh_error *err);

/* A revision that was applied. text: the document as given, comments and all. */
struct bh_revision {
	int64_t number; /* 1, 2, 3 … */
	char revision[65];
	int64_t time;
	char author[128];
	char why[512];
	bool confirmed;	  /* or never on trial */
	const char *text; /* good for the callback; in bh_store_revision() the caller frees it */
};
int bh_store_add_revision(struct bh_store *store, const struct bh_revision *revision,
			  struct bh_error *err);
/* Newest first; at most `most` of them. */
int bh_store_revisions(struct bh_store *store, size_t most,
		       void (*row)(void *user, const struct bh_revision *), void *user,
		       struct bh_error *err);
/* number 0: the active one (the newest). -ENOENT: there is none. */
int bh_store_revision(struct bh_store *store, int64_t number, struct bh_revision *out,
		      struct bh_error *err);

/* The newest one before that number that was confirmed and says something else than this revision.
 * −ENOENT: there is none. */
int bh_store_earlier_revision(struct bh_store *store, int64_t number, const char *revision,
			      int64_t *earlier, struct bh_error *err);
int bh_store_confirm_revision(struct bh_store *store, int64_t number, struct bh_error *err);

/* A revision that is to be confirmed, or else the one before it returns. */
struct bh_trial {
	int64_t number;	  /* its own; 0: none is on trial */
	int64_t back;	  /* of the last one that was confirmed */
	int64_t deadline; /* µs */
	int64_t within;	  /* µs: how long that was when it began */
	uint32_t most;	  /* denials of what was allowed before that are borne … */
	uint32_t denied;  /* … and that there were */
};
/* NULL: none is on trial. */
int bh_store_set_trial(struct bh_store *store, const struct bh_trial *trial, struct bh_error *err);
/* −ENOENT: none is. */
int bh_store_trial(struct bh_store *store, struct bh_trial *out, struct bh_error *err);

/* By which rules open connections were judged, and which of them drain, as text that the caller
 * understands. */
int bh_store_set_existing(struct bh_store *store, const char *text, struct bh_error *err);
/* −ENOENT: there is none; *text is freed by the caller. */
int bh_store_existing(struct bh_store *store, char **text, struct bh_error *err);

int bh_store_set_mode(struct bh_store *store, const char *workload, uint8_t mode, int64_t time,
		      const char *author, struct bh_error *err);
int bh_store_load_modes(struct bh_store *store,
			/* time: when it was set, µs */
			void (*row)(void *user, const char *workload, uint8_t mode, int64_t time),
			void *user, struct bh_error *err);

/* So many of a workload's instances are in its mode, and the others in another one. */
struct bh_share {
	bool percent;	/* value is a hundredth of those that are there; else a number of them */
	uint32_t value; /* 1 at least */
	uint8_t rest;	/* enum bh_mode: of the others */
};
/* NULL: all of them are in its mode. */
int bh_store_set_share(struct bh_store *store, const char *workload, const struct bh_share *share,
		       struct bh_error *err);
int bh_store_load_shares(struct bh_store *store,
			 void (*row)(void *user, const char *workload,
				     const struct bh_share *share),
			 void *user, struct bh_error *err);

/* Containers as text that the caller understands, by id. */
int bh_store_save_container(struct bh_store *store, const char *id, const char *text,
			    struct bh_error *err);
int bh_store_drop_container(struct bh_store *store, const char *id, struct bh_error *err);
int bh_store_load_containers(struct bh_store *store,
			     void (*row)(void *user, const char *id, const char *text), void *user,
			     struct bh_error *err);

/* Who was attached to which interface from when to when (µs; until 0: still), as text that the
 * caller understands. An interface's number is good within one boot. */
struct bh_stored_instance {
	const char *boot;
	uint32_t ifindex;
	int64_t since;
	int64_t until;
	const char *text;
};
/* Replaces one of the same boot, interface and beginning. addrs: the addresses that it held at some
 * time, by which it is found. */
int bh_store_save_instance(struct bh_store *store, const struct bh_stored_instance *instance,
			   const char *const *addrs, size_t count, struct bh_error *err);
/* Those of other boots that were still there went at `until`, or when they came if that is later.
 */
int bh_store_close_instances(struct bh_store *store, const char *boot, int64_t until,
			     struct bh_error *err);
/* Those of this boot that are there still, or went at `oldest` or later; in the order in which they
 * were first saved. */
int bh_store_load_instances(struct bh_store *store, const char *boot, int64_t oldest,
			    void (*row)(void *user, const struct bh_stored_instance *instance),
			    void *user, struct bh_error *err);
/* Those that ever held the address, or (at not 0) were there at that time and held it sometime; the
 * `most` newest, in the order in which they were first saved. */
int bh_store_holders(struct bh_store *store, const char *addr, int64_t at, size_t most,
		     void (*row)(void *user, const struct bh_stored_instance *instance), void *user,
		     struct bh_error *err);
/* Forgets those that went before `oldest`, or are more than `keep` saved ones ago, and what was
 * watched before `oldest`; at most `most` of the former. *count: so many were. */
int bh_store_trim_instances(struct bh_store *store, int64_t oldest, int64_t keep, size_t most,
			    size_t *count, struct bh_error *err);

/* When somebody watched: from `since` until at least `until`. */
int bh_store_save_watched(struct bh_store *store, int64_t since, int64_t until,
			  struct bh_error *err);
/* The watch at that time, or (0) the last one; both 0: there is none. */
int bh_store_watched(struct bh_store *store, int64_t at, int64_t *since, int64_t *until,
		     struct bh_error *err);

/* For how long of that time (µs all of them) somebody watched, but for the watch that began at
 * `but`. */
int bh_store_watched_for(struct bh_store *store, int64_t since, int64_t until, int64_t but,
			 int64_t *watched, struct bh_error *err);

/* Workloads that go by another name now. */
int bh_store_save_renamed(struct bh_store *store, const char *was, const char *now,
			  struct bh_error *err);
int bh_store_drop_renamed(struct bh_store *store, const char *was, struct bh_error *err);
int bh_store_load_renamed(struct bh_store *store,
			  void (*row)(void *user, const char *was, const char *now), void *user,
			  struct bh_error *err);

/* What workloads were like when they were last there, as text that the caller understands. */
int bh_store_save_kept(struct bh_store *store, const char *workload, const char *text,
		       struct bh_error *err);
int bh_store_load_kept(struct bh_store *store,
		       void (*row)(void *user, const char *workload, const char *text), void *user,
		       struct bh_error *err);

/* Addresses that a workload was given when it asked for a name; times in µs. */
struct bh_stored_answer {
	const char *workload;
	const char *name;
	const char *addr;
	int64_t until;
	int64_t used;
};
int bh_store_save_answer(struct bh_store *store, const struct bh_stored_answer *answer,
			 struct bh_error *err);
/* By workload, name and address. */
int bh_store_drop_answer(struct bh_store *store, const struct bh_stored_answer *answer,
			 struct bh_error *err);
/* In order of their last use. */
int bh_store_load_answers(struct bh_store *store,
			  void (*row)(void *user, const struct bh_stored_answer *answer),
			  void *user, struct bh_error *err);

/* When a rule was used last, by what it says (bh_policy_rule_id()); times in µs. */
struct bh_stored_use {
	char rule[33];
	int64_t since; /* it is watched */
	int64_t seen;  /* when somebody whom it would let open something was last there; 0: never */
	int64_t watched;  /* for how long, all in all, while somebody was */
	int64_t used;	  /* 0: never, as far as is known */
	uint8_t told_by;  /* the caller's: by what that is known */
	bool shared;	  /* … which other rules have, too */
	uint64_t packets; /* what the kernel had counted of it when it was read last */
	int64_t kept;	  /* when it was last in the active policy */
};
int bh_store_save_use(struct bh_store *store, const struct bh_stored_use *row,
		      struct bh_error *err);
/* Forgets those that were in no policy since `oldest` first. */
int bh_store_load_uses(struct bh_store *store, int64_t oldest,
		       void (*row)(void *user, const struct bh_stored_use *use), void *user,
		       struct bh_error *err);

/* Who may call by a token; times in µs. */
struct bh_stored_token {
	const char *name;
	const char *hash; /* the token's own text is kept nowhere */
	uint8_t role;	  /* the caller's */
	int64_t created;
	int64_t expires; /* 0: never */
	int64_t used;	 /* 0: not yet, as far as is kept */
	const char *author;
};
/* Replaces one of that name. */
int bh_store_save_token(struct bh_store *store, const struct bh_stored_token *token,
			struct bh_error *err);
int bh_store_drop_token(struct bh_store *store, const char *name, struct bh_error *err);
int bh_store_load_tokens(struct bh_store *store,
			 void (*row)(void *user, const struct bh_stored_token *token), void *user,
			 struct bh_error *err);

/* A request that changed something, or was refused; time: µs. */
struct bh_stored_change {
	int64_t number; /* 1, 2, 3 …; given when it is added */
	int64_t time;
	const char *who, *via, *method, *path, *query;
	unsigned status;
};
/* Only the newest `keep` stay. */
int bh_store_add_change(struct bh_store *store, const struct bh_stored_change *change, int64_t keep,
			struct bh_error *err);
/* Newest first, at most `most`; before: a number, or 0 for the newest. */
int bh_store_changes(struct bh_store *store, int64_t before, size_t most,
		     void (*row)(void *user, const struct bh_stored_change *change), void *user,
		     struct bh_error *err);

/* What passed between two peers, in time: sums over spans of five minutes, an hour and a day, each
 * kept for as long as it takes the next one to be fine enough. */
struct bh_stored_traffic {
	const struct bh_peer *src, *dst;
	uint8_t proto;
	uint16_t port;
	int64_t first, last; /* µs: of all that is known of the edge */
	struct bh_traffic_counts counts;
};
/* Adds to what is there, in the spans in which `time` (µs) is. */
int bh_store_add_traffic(struct bh_store *store, int64_t time,
			 const struct bh_stored_traffic *traffic, struct bh_error *err);
/* Sums from `since` until `until` (µs), which become the times that the answer is of: as fine as
 * was kept. Each edge comes once. */
int bh_store_traffic(struct bh_store *store, int64_t *since, int64_t *until,
		     void (*row)(void *user, const struct bh_stored_traffic *traffic), void *user,
		     struct bh_error *err);
/* The same of what was denied, or would have been, and nothing else is counted: where one edge in a
 * hundred was, a third of the time. */
int bh_store_refused(struct bh_store *store, int64_t *since, int64_t *until,
		     void (*row)(void *user, const struct bh_stored_traffic *traffic), void *user,
		     struct bh_error *err);
/* From when on anything is kept; 0: nothing is. */
int bh_store_traffic_since(struct bh_store *store, int64_t *since, struct bh_error *err);
/* Forgets what is older than it is to be kept, `keep` µs for days; a span at a time. *more: there
 * is more to forget. */
int bh_store_trim_traffic(struct bh_store *store, int64_t now, int64_t keep, bool *more,
			  struct bh_error *err);

/* Flows that are over, as the JSON they are shown as; numbered from 1 on. */
int bh_store_add_flow(struct bh_store *store, int64_t last, const char *flow, struct bh_error *err);
int bh_store_trim_flows(struct bh_store *store, int64_t keep, struct bh_error *err);
/* Newest first, those before that number (0: the newest), that ended from `since` to `until`
 * (µs), at most `most`, and until flow() says that it is enough. */
int bh_store_flows(struct bh_store *store, int64_t before, int64_t since, int64_t until,
		   size_t most, bool (*flow)(void *user, int64_t number, const char *flow),
		   void *user, struct bh_error *err);
/* When the oldest of them ended; 0: there is none. */
int bh_store_flows_since(struct bh_store *store, int64_t *since, struct bh_error *err);

/* Events as the JSON they are shown as; numbered from 1 without gaps. Only the newest `keep` stay.
 */
int bh_store_add_event(struct bh_store *store, int64_t time, const char *kind, const char *json,
		       int64_t *number, struct bh_error *err);
int bh_store_trim_events(struct bh_store *store, int64_t keep, struct bh_error *err);
/* Those with a number above `after`, oldest first, at most `most`; after < 0: the newest `most`. */
int bh_store_events(struct bh_store *store, int64_t after, size_t most,
		    void (*row)(void *user, int64_t number, const char *json), void *user,
		    struct bh_error *err);
/* The `most` newest of those with a number below `before`, oldest first. */
int bh_store_events_before(struct bh_store *store, int64_t before, size_t most,
			   void (*row)(void *user, int64_t number, const char *json), void *user,
			   struct bh_error *err);

#endif
