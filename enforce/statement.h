/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing rules, one statement after the other, and turning them into the kernel's expressions. */
#ifndef BH_STATEMENT_H
#define BH_STATEMENT_H

#include "model.h"

struct nftnl_rule;

/* The fields of a concatenation, in order; what a set is keyed by, and what a lookup puts together.
 */
struct bh_key {
	uint8_t count;
	uint8_t fields[BH_NFT_FIELDS]; /* enum bh_field */
};

#define BH_KEY(...)                                                                                \
	(const struct bh_key)                                                                      \
	{                                                                                          \
		sizeof((const uint8_t[]) { __VA_ARGS__ }),                                         \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

/* value: as many bytes as the field has, network order. */
void bh_rule_equal(struct bh_nft_rule *rule, enum bh_field field, const void *value);
/* number: for fields of up to four bytes. */
void bh_rule_number(struct bh_nft_rule *rule, enum bh_field field, uint32_t number);
void bh_rule_not(struct bh_nft_rule *rule, enum bh_field field, const void *value);
void bh_rule_prefix(struct bh_nft_rule *rule, enum bh_field field, const void *value,
		    uint32_t bits);
void bh_rule_not_prefix(struct bh_nft_rule *rule, enum bh_field field, const void *value,
			uint32_t bits);
void bh_rule_in(struct bh_nft_rule *rule, struct bh_key key, const char *set);
void bh_rule_not_in(struct bh_nft_rule *rule, struct bh_key key, const char *set);
void bh_rule_vmap(struct bh_nft_rule *rule, struct bh_key key, const char *map);
/* BH_CT_ESTABLISHED | BH_CT_RELATED */
#define BH_CT_ESTABLISHED 0x2u
#define BH_CT_RELATED 0x4u
void bh_rule_ct_state(struct bh_nft_rule *rule, uint32_t states);
void bh_rule_not_opening(struct bh_nft_rule *rule);
/* A fragment, and not the first: what has no ports. family: BH_IPV4 or BH_IPV6. */
void bh_rule_later_fragment(struct bh_nft_rule *rule, uint8_t family);
void bh_rule_counter(struct bh_nft_rule *rule);
/* A limit and a log statement: at most 100 messages a second reach the group from this rule. */
void bh_rule_log(struct bh_nft_rule *rule, const char *prefix, uint16_t group);
void bh_rule_notrack(struct bh_nft_rule *rule);
void bh_rule_reset(struct bh_nft_rule *rule);
void bh_rule_reject(struct bh_nft_rule *rule);
/* verdict: NF_ACCEPT, NF_DROP, NFT_RETURN. */
void bh_rule_verdict(struct bh_nft_rule *rule, int32_t verdict);
void bh_rule_jump(struct bh_nft_rule *rule, const char *chain);
void bh_rule_goto(struct bh_nft_rule *rule, const char *chain);

/* The rule as libnftnl has it, with the expressions that fields depend on; the caller frees it. */
struct nftnl_rule *bh_rule_build(uint8_t family, const char *chain, const struct bh_nft_rule *rule);
/* The expressions as text, without the values of counters; the caller frees it. */
char *bh_rule_signature(struct nftnl_rule *rule);
/* The same of one that is wanted. */
char *bh_rule_sign(uint8_t family, const char *chain, const struct bh_nft_rule *rule);
/* Fills in the signature of every rule of the chain. */
void bh_chain_sign(uint8_t family, struct bh_nft_chain *chain);

#endif
