/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Listens to the nftables transactions of everybody in this network namespace. While we change
 * rules ourselves the kernel is not to tell of it: a notification costs it a page for each element.
 * What somebody else commits in that moment is missed, and found by the ruleset's generation.
 */
#ifndef BH_NFT_WATCH_H
#define BH_NFT_WATCH_H

#include "bulkhead/error.h"
#include "news.h"

struct bh_nft_watch;

/* Does not listen yet. NULL and *err. */
struct bh_nft_watch *bh_nft_watch_open(struct bh_error *err);
void bh_nft_watch_close(struct bh_nft_watch *watch);
int bh_nft_watch_fd(const struct bh_nft_watch *watch);

/* Joins the kernel's group, or leaves it; what was told before can still be read. 0 or negative
 * errno. */
int bh_nft_watch_listen(struct bh_nft_watch *watch, bool on);

/* Reads what is there, so much at a time, and calls ended() for each transaction that came to its
 * end. How many that were; -ENOBUFS: the kernel dropped some, and nobody knows which; another
 * negative errno and *err. */
int bh_nft_watch_read(struct bh_nft_watch *watch,
		      void (*ended)(void *user, const struct bh_nft_news *news), void *user,
		      struct bh_error *err);

#endif
