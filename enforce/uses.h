/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the counters of elements say: which permissions and refusals were used. */
#ifndef BH_NFT_USES_H
#define BH_NFT_USES_H

#include "bulkhead/ruleset.h"
#include "model.h"

struct nlattr;
struct nlmsghdr;

/* Owned by whoever asked for them: items is to be freed. */
struct bh_uses {
	struct bh_use *items;
	size_t count, capacity;
};

/* Adds the elements of one message (NFT_MSG_NEWSETELEM) whose counters are not 0; what does not
 * fit the set's layout is passed over. set: one that bh_uses_can_read(). */
void bh_uses_read(const struct nlmsghdr *message, const struct bh_nft_set *set,
		  struct bh_uses *uses);
/* An expression's packets, if it is a counter; else false. */
bool bh_counter_read(const struct nlattr *expression, uint64_t *packets);
/* Whether it holds a workload's permissions, in keys that are long enough. */
bool bh_uses_can_read(const struct bh_nft_set *set);

#endif
