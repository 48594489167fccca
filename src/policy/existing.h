/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy that refuses more than the one before means for connections that are open. */
#ifndef BH_EXISTING_H
#define BH_EXISTING_H

#include "evaluate.h"
#include "timefmt.h"

#define BH_DRAIN_SHORTEST BH_SECOND
#define BH_DRAIN_LONGEST (7 * BH_DAY)

enum bh_existing_how {
	BH_EXISTING_CUT,   /* at once, once the new rules stand */
	BH_EXISTING_DRAIN, /* after a while */
	BH_EXISTING_KEEP,  /* never: they go on until they end */
	BH_EXISTING_HOWS,
};

struct bh_existing {
	int64_t how;   /* enum bh_existing_how */
	int64_t drain; /* µs; 0 but for DRAIN */
};

/* "cut", "keep", "drain=5m". False: it is none of these, or the time is not within the bounds. */
bool bh_existing_parse(const char *text, struct bh_existing *out);
#define BH_EXISTING_WORDS "cut, keep, or drain=TIME with a time from 1s to 7d, such as drain=5m"

/* The one that leaves connections more time. */
struct bh_existing bh_existing_milder(const struct bh_existing *a, const struct bh_existing *b);

#define BH_EXISTING_TEXT 32
/* Parses to the same; returns out. */
char *bh_existing_format(const struct bh_existing *existing, char out[BH_EXISTING_TEXT]);

/* What becomes of an open connection whose next packet is judged as if none had come before. */
enum bh_fate {
	BH_FATE_PASSES, /* nobody refuses it */
	BH_FATE_EITHER, /* refused is to open it. As an open one's segments have no direction, and
			 * a rule lets the other end open what would look the same, it passes */
	BH_FATE_UNCERTAIN, /* refused, as nobody knows who an end is */
	BH_FATE_ENDS,	   /* refused */
};

/* policy NULL: there is none, and everything passes. The subjects' modes count. *answer: what the
 * policy says, where anything is refused. */
enum bh_fate bh_existing_fate(const struct bh_policy *policy, const struct bh_question *question,
			      struct bh_answer *answer);

/* Whether the new fate is news: what was refused before as it is now goes on for another reason.
 */
bool bh_existing_is_worse(enum bh_fate before, enum bh_fate now);

#endif
