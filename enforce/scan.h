/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel has of our two tables. */
#ifndef BH_NFT_SCAN_H
#define BH_NFT_SCAN_H

#include "bulkhead/error.h"
#include "model.h"
#include "netlink.h"
#include "touched.h"

struct nlattr;

/* The caller frees *state. *generation: the ruleset's, as it was before and after. touched: of
 * other sets than these no elements are read (bh_nft_set.unread); NULL: of all. 0 or negative
 * errno. */
int bh_nft_scan(struct bh_netlink *nl, const struct bh_nft_touched *touched,
		struct bh_nft_state **state, uint32_t *generation, struct bh_error *err);

/* The ruleset's generation as it is now, of all tables. 0 or negative errno. */
int bh_nft_generation(struct bh_netlink *nl, uint32_t *generation);

/* Which of the tables exist: 0 none, or how many. Negative errno. */
int bh_nft_scan_tables(struct bh_netlink *nl, struct bh_nft_state *state);

/* The elements of one message (NFT_MSG_NEWSETELEM) into the set; -EINVAL where they do not fit its
 * layout. */
int bh_nft_scan_elements(const struct nlmsghdr *message, struct bh_nft_set *set);

/* An element's parts, inside the message; NULL: it has none. key, end: as long as the set's keys;
 * target: the chain that it goes to; expression: NFTA_SET_ELEM_EXPR. */
struct bh_scanned_element {
	const uint8_t *key, *end;
	const char *target;
	const struct nlattr *expression;
	bool catchall; /* it has no key, and matches what no other element does */
};
void bh_nft_scan_element(const struct nlattr *element, const struct bh_nft_set *set,
			 struct bh_scanned_element *out);

/* Asks for a set's elements; take() gets each message with some of them. 0 or negative errno;
 * -EINTR: it changed meanwhile. */
int bh_nft_ask_elements(struct bh_netlink *nl, uint8_t family, const char *set,
			int (*take)(const struct nlmsghdr *nlh, void *user), void *user);

#endif
