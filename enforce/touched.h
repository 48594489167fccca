/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of our sets somebody else may have changed. Tables, chains and rules are read whole each
 * time; it is elements of which there can be hundreds of thousands. */
#ifndef BH_NFT_TOUCHED_H
#define BH_NFT_TOUCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"

#define BH_NFT_TOUCHED 16

struct bh_nft_touched {
	bool all; /* more than there is room for, or it is not known which */
	uint32_t count;
	char sets[BH_NFT_TOUCHED][BH_NFT_NAME];
};

/* NULL touches all of them. */
bool bh_nft_touches(const struct bh_nft_touched *touched, const char *set);
void bh_nft_touch(struct bh_nft_touched *touched, const char *set);
/* Adds what the other one touches. */
void bh_nft_touch_also(struct bh_nft_touched *touched, const struct bh_nft_touched *other);

#endif
