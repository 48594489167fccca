/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a bh_ruleset to the nftables objects that carry it out. Pure: the same ruleset gives the
 * same objects. */
#ifndef BH_DESIRED_H
#define BH_DESIRED_H

#include "bulkhead/error.h"
#include "bulkhead/ruleset.h"
#include "model.h"
#include "nft.h"

/* What is wanted of a ruleset. */
struct bh_desired_scope {
	bool frame; /* what stands whoever the workloads are: base chains, constants, postures */
	/* What there is of in the whole ruleset, though there be none in a part of it: */
	bool routed;	    /* routed veths that are checked */
	bool vrf;	    /* routed veths in VRFs */
	bool postures;	    /* postures that differ */
	bool urgent;	    /* chains in stage 1 */
	bool uplinks;	    /* ports of bridges behind which the world begins */
	uint8_t exceptions; /* kinds of connections that go on, a bit each */
	size_t whole;	    /* so many chains with all their rules */
	size_t ports; /* so many with those for their workloads' ports; of all others, elements */
};

/* All of it. */
struct bh_desired_scope bh_desired_scope(const struct bh_ruleset *rules);

/* A ruleset without chains wants both tables gone. NULL and *err where the ruleset contradicts
 * itself; it comes from another process. The caller frees the result. */
struct bh_nft_state *bh_nft_desire(const struct bh_ruleset *rules,
				   const struct bh_nft_config *config, struct bh_error *err);

/* The same for a part, and its rules are not spelt out (bh_nft_rule.signature is NULL). Here a
 * ruleset without chains wants the tables, too. */
struct bh_nft_state *bh_nft_desire_part(const struct bh_ruleset *rules,
					const struct bh_desired_scope *scope,
					const struct bh_nft_config *config, struct bh_error *err);
/* Spells out the rules of those chains that `have` has, too. */
void bh_nft_state_sign(struct bh_nft_state *state, const struct bh_nft_state *have);

/* Whether it goes into sets that every workload has, and into no others. */
bool bh_permit_is_common(const struct bh_permit *permit);

#endif
