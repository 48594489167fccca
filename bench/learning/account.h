/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What runs of one scenario came to: sums, so that runs can be added up. */
#ifndef BH_ACCOUNT_H
#define BH_ACCOUNT_H

#include "habits.h"

#define DAYS 63	    /* of a run */
#define AFTER 14    /* days of enforcement that are looked at */
#define LEARNED 14  /* whole windows after which edges are judged, and a policy is made of them */
#define EARLY 28    /* windows */
#define READY_BY 49 /* days */

/* When a workload is enforced; JOBS: and its jobs' schedules are known, and it waits for two runs
 * of each. CLOCK and STAGE1 have no target: they are there to compare with. */
enum rule { R1, R1_JOBS, R2, R2_JOBS, CLOCK, STAGE1, RULES };

/* The filters up to this one: level F1 is what was answered. */
enum level { F1, F2, F3, F4, F5, F6, F7, LEVELS };

/* What is tried against the policy that was learned. */
enum attempt { WORM, WEB_TO_DATA, NEW_HOST, OPEN_PORTS, ATTEMPTS };

/* Nothing but numbers of one type, which account_add() relies upon. */
struct account {
	double runs;
	/* By whole windows: runs, new edges in the next window, predicted and actual, and 95 %
	 * bounds that held. */
	double days[DAYS], predicted[DAYS], actual[DAYS], held[DAYS];
	double watched[RULES];	       /* workload-days of enforcement */
	double blocked[RULES];	       /* legitimate edges that were not known … */
	double broken[RULES];	       /* … and their connections */
	double blocked_by_kind[KINDS]; /* of R1 */
	double ready[RULES][DAYS + 1]; /* workloads, by the whole windows until they were */
	double workloads;	       /* not the open-ended ones */
	double open_ended, open_ended_ready;
	double tuples[ATTACKS];		  /* that intruders use */
	double poisoned[LEVELS][ATTACKS]; /* those that are accepted */
	double waiting[LEVELS];		  /* legitimate edges that wait for a person, but for … */
	double wandering[LEVELS];	  /* … those of an open-ended workload */
	double provisional[LEVELS];	  /* legitimate edges that may pass for a while */
	double services;
	double edges, rules;	     /* learned, and proposed for them */
	double allowed, used;	     /* tuples, by the policy proposed and in truth */
	double within, surface;	     /* the allowed ones between services, and all that could be */
	double stable_days, changes; /* workload-days in enforcement; new edges without a deploy */
	double tried[ATTEMPTS], stopped[ATTEMPTS];
	double repeated, differing; /* runs made twice, and those that came out otherwise */
};

void account_add(struct account *to, const struct account *from);

#endif
