/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps of a diff as one transaction. */
#ifndef BH_NFT_COMMIT_H
#define BH_NFT_COMMIT_H

#include "diff.h"
#include "netlink.h"

/* generation: what the ruleset's must still be, 0: any. 0, or negative errno and *err, and nothing
 * changed. -ERESTART: the generation was another. */
int bh_nft_commit(struct bh_netlink *nl, const struct bh_diff *diff, uint32_t generation,
		  struct bh_error *err);

#endif
