/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what the kernel has to what it is to have: the steps of one transaction. Pure. */
#ifndef BH_NFT_DIFF_H
#define BH_NFT_DIFF_H

#include "bulkhead/error.h"
#include "model.h"
#include "nft.h"

/* In the order in which a transaction must hold them: what is new exists before anything refers to
 * it, and nothing refers any more to what goes. */
enum bh_step_kind {
	BH_STEP_DELETE_TABLE,
	BH_STEP_ADD_TABLE, /* or takes it over */
	BH_STEP_ADD_CHAIN,
	BH_STEP_ADD_SET,
	BH_STEP_FLUSH_CHAIN,
	BH_STEP_DELETE_ELEMENTS,
	BH_STEP_ADD_ELEMENTS,
	BH_STEP_ADD_RULES,
	BH_STEP_DELETE_SET,
	BH_STEP_DELETE_CHAIN,
	BH_STEPS,
};

/* Refers to the two states, which must outlive it. */
struct bh_step {
	uint8_t kind; /* enum bh_step_kind */
	const struct bh_nft_table *table;
	const struct bh_nft_chain *chain;
	const struct bh_nft_set *set;
	const uint8_t **records; /* of set; NULL: its own, all of them */
	size_t count;
	size_t capacity;
};

struct bh_diff {
	struct bh_step *steps;
	size_t count;
	size_t capacity;
	struct bh_nft_change change;
};

/* have: as scanned, or as last applied. A table that cannot become what is wanted step by step
 * (other flags, a set of another type) is deleted and made anew within the transaction. */
void bh_nft_diff(const struct bh_nft_state *have, const struct bh_nft_state *want,
		 struct bh_diff *diff);
void bh_diff_free(struct bh_diff *diff);
/* The step's element of that index, below count. */
const uint8_t *bh_step_record(const struct bh_step *step, size_t index);

/* One step in words, as in "table inet bulkhead: elements into set egress4". */
void bh_step_text(const struct bh_step *step, char *out, size_t size);
/* The first of them, one after the other, and how many there are besides. */
void bh_diff_text(const struct bh_diff *diff, char *out, size_t size);

#endif
