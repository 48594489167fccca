/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What two rulesets do not have in common, as two small rulesets: the difference of their tables is
 * that of the whole ones. So what an apply takes is as much as changes, not as much as there is.
 */
#ifndef BH_NFT_REDUCE_H
#define BH_NFT_REDUCE_H

#include "desired.h"

struct bh_reduced {
	struct bh_ruleset *old, *new;
	struct bh_desired_scope old_scope, new_scope;
};

/* *reduced owns copies of what it needs of the two. False: they differ in what every port of a
 * bridge has to do with (the posture, where they are judged), so that hardly anything could be left
 * out, or one of them makes no sense; *reduced is untouched. */
bool bh_reduce(const struct bh_ruleset *old, const struct bh_ruleset *new,
	       struct bh_reduced *reduced);
void bh_reduced_free(struct bh_reduced *reduced);

#endif
