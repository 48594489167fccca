/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A number that stands for all that is in our tables: the sum of the hashes of chains (with their
 * rules), sets and elements. So a transaction changes it by what it changes, and who finds the
 * tables later can tell whether they are as they were left, whatever is wanted of them by then. It
 * is no seal: who may change the tables may compute it, too.
 */
#ifndef BH_NFT_DIGEST_H
#define BH_NFT_DIGEST_H

#include <stdint.h>

#include "diff.h"

/* Of tables as they were scanned, elements and all; 0: there are none. */
uint64_t bh_digest_state(const struct bh_nft_state *state);

/* What it is after a transaction from have, where it was digest. */
uint64_t bh_digest_after(uint64_t digest, const struct bh_nft_state *have,
			 const struct bh_nft_state *want, const struct bh_diff *diff);

/* A file of two digests, before and after the last transaction: which of them is right only the
 * kernel knows if its writer was killed. Where it cannot be written it is removed. A missing file
 * reads as -ENOENT, one of another form as -EINVAL. 0 or negative errno and *err. */
int bh_digest_write(const char *path, const uint64_t digests[2], struct bh_error *err);
int bh_digest_read(const char *path, uint64_t digests[2], struct bh_error *err);

#endif
