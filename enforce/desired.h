/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a bh_ruleset to the nftables objects that carry it out. Pure: the same ruleset gives the
 * same objects. */
#ifndef BH_DESIRED_H
#define BH_DESIRED_H

#include "bulkhead/error.h"
#include "bulkhead/ruleset.h"
#include "model.h"
#include "nft.h"

/* A ruleset without chains wants both tables gone. NULL and *err where the ruleset contradicts
 * itself; it comes from another process. The caller frees the result. */
struct bh_nft_state *bh_nft_desire(const struct bh_ruleset *rules,
				   const struct bh_nft_config *config, struct bh_error *err);

#endif
