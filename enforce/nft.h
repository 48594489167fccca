/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps the kernel's `table inet bulkhead` and `table bridge bulkhead` equal to a bh_ruleset.
 * Desired and actual state are compared object by object, and the difference goes out as one
 * transaction: all of it or nothing. The tables are ours (flags owner and persist, nf_tables.h):
 * others cannot change them while this socket lives, and they outlive it; a later process adopts
 * them as they stand. Where they are not, whoever uses this watches them (watch.h) and has them
 * repaired.
 */
#ifndef BH_NFT_H
#define BH_NFT_H

#include "bulkhead/error.h"
#include "bulkhead/ruleset.h"
#include "touched.h"
#include "uses.h"

struct bh_nft;

struct bh_nft_config {
	bool owner;	    /* false: tables that others can change, for kernels before 6.9 */
	uint16_t log_group; /* NFLOG group of the log rules */
	char record[300];   /* file: what the tables were left as; "": nobody asks for it */
};

#define BH_NFT_DIFFERED 400 /* bytes: what differs, in words; the rest is counted */

/* What one apply changed. */
struct bh_nft_change {
	size_t chains; /* made, rewritten or removed */
	size_t sets;
	size_t elements; /* added and removed */
	bool adopted;	 /* the tables stood already, from an earlier process */
	bool tampered;	 /* they are not what was left, by it (config.record) or by us … */
	char differed[BH_NFT_DIFFERED]; /* … and what had to be done, which need not be all of it */
};

struct bh_nft_finding {
	uint32_t generation; /* at which it was read */
	size_t steps;	     /* that make it whole; 0: it is */
	char text[BH_NFT_DIFFERED];
	struct bh_nft_touched touched; /* sets whose elements differ */
};

/* Opens the netlink socket; touches nothing in the kernel yet. */
struct bh_nft *bh_nft_open(const struct bh_nft_config *config, struct bh_error *err);
void bh_nft_close(struct bh_nft *nft); /* the tables stay */

/* Whether the tables are owned, as config wanted it: a kernel that cannot is found at the first
 * apply. */
bool bh_nft_is_owner(const struct bh_nft *nft);

/* Makes the kernel equal to want, in one transaction. The first call reads what is there and adopts
 * it, so nothing that stays the same is touched, counters and all. Retries where the generation
 * changed underneath. 0, or negative errno and *err; then the kernel is as it was. change may be
 * NULL. What was applied is kept by reference: it must stay as it is until another was applied or
 * nft is closed. */
int bh_nft_apply(struct bh_nft *nft, const struct bh_ruleset *want, struct bh_nft_change *change,
		 struct bh_error *err);

/* Reads all of the tables and compares them with what was applied (NULL: nothing): 0 equal, 1
 * different (*finding says where), negative errno and *err. Needs no struct bh_nft, and may run in
 * another thread. */
int bh_nft_verify(const struct bh_ruleset *applied, const struct bh_nft_config *config,
		  struct bh_nft_finding *finding, struct bh_error *err);

/* Makes the tables again what was last applied, in one transaction; of sets that are not touched
 * the elements are taken to be right. 0: they were, 1: they are again, and *finding says what
 * differed; negative errno and *err. */
int bh_nft_repair(struct bh_nft *nft, const struct bh_nft_touched *touched,
		  struct bh_nft_finding *finding, struct bh_error *err);

/* Others' transaction made this generation, and did not touch our tables. */
void bh_nft_passed_over(struct bh_nft *nft, uint32_t generation);
/* At which generation the tables were known to be what was applied; and the one that is. */
uint32_t bh_nft_known_generation(const struct bh_nft *nft);
int bh_nft_current_generation(struct bh_nft *nft, uint32_t *generation);

/* Reads the counters of the elements that were last applied, and adds those that are not 0: what
 * was allowed, or refused, since the element was made. 0, or negative errno and *err. */
int bh_nft_uses(struct bh_nft *nft, struct bh_uses *uses, struct bh_error *err);

/* Whether our tables are in the kernel, whoever made them. */
bool bh_nft_present(void);

/* Removes both tables; needs no other state. -EBUSY or -EPERM where a living process owns them. */
int bh_nft_remove(struct bh_error *err);

/* The ruleset in nft's own language, without flags, so that `nft -f` loads it anywhere; a remark
 * where it contradicts itself. The caller frees it. */
char *bh_nft_text(const struct bh_ruleset *rules, const struct bh_nft_config *config);

#endif
