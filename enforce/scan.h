/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel has of our two tables. */
#ifndef BH_NFT_SCAN_H
#define BH_NFT_SCAN_H

#include "bulkhead/error.h"
#include "model.h"
#include "netlink.h"

/* The caller frees *state. *generation: the ruleset's, as it was before and after. 0 or negative
 * errno. */
int bh_nft_scan(struct bh_netlink *nl, struct bh_nft_state **state, uint32_t *generation,
		struct bh_error *err);

/* Which of the tables exist: 0 none, or how many. Negative errno. */
int bh_nft_scan_tables(struct bh_netlink *nl, struct bh_nft_state *state);

/* The elements of one message (NFT_MSG_NEWSETELEM) into the set; -EINVAL where they do not fit its
 * layout. */
int bh_nft_scan_elements(const struct nlmsghdr *message, struct bh_nft_set *set);

#endif
