/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When a workload may be treated more strictly, and what is missing until then. Waiting is in
 * windows, as everything here: seven are a week, where a window is a day.
 */
#ifndef BH_PROMOTION_H
#define BH_PROMOTION_H

#include "buffer.h"
#include "bulkhead/verdict.h"
#include "readiness.h"

/* What may be missing. */
enum bh_lack {
	BH_LACK_WINDOWS,    /* too few that were watched */
	BH_LACK_RUNS,	    /* a job that ran too seldom */
	BH_LACK_WEEKDAYS,   /* not every one of seven was among them */
	BH_LACK_URGENT,	    /* edges wait for a person: outside, or to sensitive ports */
	BH_LACK_REVIEW,	    /* edges wait for a person */
	BH_LACK_QUIET,	    /* something new, or denied, of late; or nobody audits it yet */
	BH_LACK_RISK,	    /* too probable that something new comes */
	BH_LACK_OPEN_ENDED, /* something new comes all the time */
	BH_LACK_SCHEDULE,   /* it declares one that cannot have been seen twice */
	BH_LACK_ROOM,	    /* in the ledger, for its edges or for what it is denied */
	BH_LACK_POLICY,	    /* the active one does not name it */
	BH_LACK_MASKED,	    /* no rule decides about clients whom nobody knows */
	BH_LACK_STRANGERS,  /* of late it had connections whose other end nobody owns up to */
	BH_LACK_NAMES,	    /* rules by name, and no answer was seen that could fill them */
	BH_LACKS,
};

struct bh_standing {
	const struct bh_workload_readiness *readiness;
	int64_t now;	 /* µs */
	int64_t window;	 /* µs */
	int64_t offset;	 /* µs: as the ledger's */
	int64_t audited; /* µs: since when it is audited at least; 0: it is not, or nobody knows */
	int64_t schedule; /* µs: the longest that it declares; 0: none is known */
	int64_t watched;  /* µs: in whole windows, whoever ran */
	bool unselected;  /* there is an active policy, and it does not name it */
	uint8_t masked;	  /* bits 1 << mode: of those in which it would refuse masked clients */
	bool unnamed;	  /* its rules by name would let nothing through */
	bool must_audit;  /* it has to be, for seven windows, before it is enforced */
};

/* Bits of enum bh_lack, for that mode and those before it; 0: it may. Back to a milder mode one may
 * always. */
uint32_t bh_promotion_lacks(const struct bh_standing *standing, uint8_t mode);
/* One of them in words, with the figures: "3 of 14 windows were watched". */
void bh_promotion_explain(const struct bh_standing *standing, uint8_t mode, enum bh_lack lack,
			  struct bh_buffer *out);
/* "windows", "runs" … */
const char *bh_lack_name(enum bh_lack lack);

#endif
