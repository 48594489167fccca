/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run in the making, for those that judge it. */
#ifndef BH_RUN_H
#define BH_RUN_H

#include "account.h"
#include "filters.h"

/* What is known of a habit. */
struct known {
	struct bh_peer end;
	bool seen;     /* by the ledger */
	unsigned runs; /* of a job */
	bool allowed[RULES], blocked[RULES];
};

struct run {
	struct habits *habits;
	struct bh_ledger *ledger;
	struct account *account;
	struct bh_peer services[SERVICES];
	struct known *known; /* by number of the habit */
	size_t known_count, known_capacity;
	bool opened[SERVICES];		   /* a connection, ever */
	int64_t enforced[RULES][SERVICES]; /* µs; 0: not yet */
	int64_t deployed[SERVICES];	   /* µs, last; 0: never */
	uint32_t day;			   /* windows that began since the first */
	unsigned fresh;			   /* edges that the current one brought */
	double predicted;		   /* for it; NaN: nothing was */
	uint32_t bound;
	uint64_t output; /* hash of what was printed after LEARNED windows */
};

/* The whole of it, into the account. */
void run_habits(const struct habit_config *config, struct account *account);

int service_of_peer(const struct bh_peer *peer); /* −1: none */

/* Poison, and what waits for a person. */
void judge_edges(struct run *run, enum scenario scenario);

/* The policy that follows: what it allows, and what it stops. */
void try_policy(struct run *run);
/* The same as text; the caller frees it. */
char *print_policy(struct run *run);

/* Of everything that learning says at this moment. */
uint64_t hash_output(struct run *run);

#endif
