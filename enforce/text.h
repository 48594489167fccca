/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The objects in nft's language. */
#ifndef BH_NFT_TEXT_H
#define BH_NFT_TEXT_H

#include "model.h"

void bh_nft_print(struct bh_buffer *out, const struct bh_nft_state *state);

/* One rule, without indentation; for messages too. */
void bh_nft_print_rule(struct bh_buffer *out, const struct bh_nft_rule *rule);

#endif
