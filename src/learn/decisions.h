/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people decided about edges: it goes before what the filters say, until it expires. */
#ifndef BH_DECISIONS_H
#define BH_DECISIONS_H

#include "bulkhead/edge.h"

struct bh_decision {
	bool accepted;	 /* or rejected */
	bool opposed;	 /* it was about something that the policy had denied */
	int64_t time;	 /* µs */
	int64_t expires; /* µs; 0: never */
	char author[128];
	char why[512];
};

struct bh_decisions;

struct bh_decisions *bh_decisions_new(void);
void bh_decisions_free(struct bh_decisions *decisions); /* may be NULL */

/* Of the edge with this key; replaces an earlier one. */
void bh_decisions_put(struct bh_decisions *decisions, const struct bh_edge *like,
		      const struct bh_decision *decision);
/* NULL: nobody decided. Expired ones are there still. */
const struct bh_decision *bh_decisions_get(const struct bh_decisions *decisions,
					   const struct bh_edge *like);
/* In order of their first decision. */
void bh_decisions_each(const struct bh_decisions *decisions,
		       void (*decision)(void *user, const struct bh_edge *like,
					const struct bh_decision *decision),
		       void *user);

bool bh_decision_holds(const struct bh_decision *decision, int64_t now); /* NULL: no */

#endif
