/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel tells of somebody's nftables transaction: message by message what changed, and
 * at its end who committed it (NFNLGRP_NFTABLES). Only what concerns our two tables is kept. */
#ifndef BH_NFT_NEWS_H
#define BH_NFT_NEWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "touched.h"

struct nlmsghdr;

#define BH_PROCESS_NAME 32 /* the kernel's own are shorter */

enum bh_news_kind {
	BH_NEWS_TABLE,
	BH_NEWS_CHAIN,
	BH_NEWS_RULE,
	BH_NEWS_SET,
	BH_NEWS_ELEMENT,
	BH_NEWS_OTHER, /* objects and flow tables */
	BH_NEWS_KINDS,
};

struct bh_nft_news {
	uint32_t pid;		       /* as the initial namespace counts; 0: not told */
	char process[BH_PROCESS_NAME]; /* what is not printable ASCII is '?'; "": not told */
	uint32_t generation;	       /* that it made; 0: not told */
	bool touches_us;
	uint8_t family; /* of our table that was touched first */
	uint32_t made[BH_NEWS_KINDS], removed[BH_NEWS_KINDS];
	char place[BH_NFT_NAME]; /* the first chain or set of it; cut */
	struct bh_nft_touched touched;
};

/* Takes the next message. True: it ended the transaction, and *news is of all of it; the caller
 * zeroes it before the next. Messages that are none of nftables say nothing. */
bool bh_news_take(struct bh_nft_news *news, const struct nlmsghdr *message);

/* "removed 1 table, 5 chains in table inet bulkhead (forward)"; "" where it does not touch us. */
char *bh_news_text(const struct bh_nft_news *news, char *out, size_t size);

/* Copies bytes that strangers chose: what is not printable ASCII becomes '?'; cut to size. */
void bh_news_copy(char *out, size_t size, const char *bytes, size_t length);

#endif
