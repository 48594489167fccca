/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "touched.h"

#include <string.h>

#include "grow.h"

bool bh_nft_touches(const struct bh_nft_touched *touched, const char *set)
{
	if (touched == NULL || touched->all)
		return true;
	for (uint32_t i = 0; i < touched->count; i++)
		if (strcmp(touched->sets[i], set) == 0)
			return true;
	return false;
}

void bh_nft_touch(struct bh_nft_touched *touched, const char *set)
{
	if (bh_nft_touches(touched, set))
		return;
	/* A longer name is none of ours, and such a set goes whatever is in it. */
	if (touched->count == BH_NFT_TOUCHED ||
	    !bh_copy_text(touched->sets[touched->count], BH_NFT_NAME, set))
		touched->all = true;
	else
		touched->count++;
}

void bh_nft_touch_also(struct bh_nft_touched *touched, const struct bh_nft_touched *other)
{
	touched->all = touched->all || other->all;
	for (uint32_t i = 0; i < other->count; i++)
		bh_nft_touch(touched, other->sets[i]);
}
