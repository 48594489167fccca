/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nftables objects, as we want them (desired.c) or as the kernel has them (scan.c), in one form, so
 * that the two can be compared. Objects are named, and names are unique within a table; an element
 * is a flat record of bytes, so that hundreds of thousands of them stay cheap.
 */
#ifndef BH_MODEL_NFT_H
#define BH_MODEL_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "field.h"
#include "map.h"

#define BH_NFT_NAME 40
#define BH_NFT_FIELDS 5 /* in one concatenation; nft knows no more */
#define BH_NFT_TABLE "bulkhead"
#define BH_NFT_COMMENT 100 /* nft takes 128 bytes */

/* The table outlives its owner (kernel 6.9); headers of older kernels do not have it. */
#define BH_NFT_F_PERSIST 0x4u

enum bh_statement_kind {
	BH_STATEMENT_EQUAL,	  /* field == value, or != where inverted */
	BH_STATEMENT_PREFIX,	  /* field's first `bits` bits == value's, or != */
	BH_STATEMENT_LOOKUP,	  /* concatenated fields in (inverted: not in) a set */
	BH_STATEMENT_VMAP,	  /* concatenated fields → verdict */
	BH_STATEMENT_CT_STATE,	  /* any of the states in bits */
	BH_STATEMENT_NOT_OPENING, /* a TCP segment, and not a connection's first: SYN without ACK */
	BH_STATEMENT_LATER_FRAGMENT, /* of the address family in bits */
	BH_STATEMENT_COUNTER,
	BH_STATEMENT_NOTRACK, /* connection tracking, and so NAT, is to take no notice of it */
	BH_STATEMENT_LIMIT,
	BH_STATEMENT_LOG,
	BH_STATEMENT_RESET, /* reject with tcp reset */
	BH_STATEMENT_REJECT,
	BH_STATEMENT_VERDICT,
};

struct bh_statement {
	uint8_t kind; /* enum bh_statement_kind */
	bool inverted;
	uint8_t field_count;
	uint8_t fields[BH_NFT_FIELDS]; /* enum bh_field */
	uint32_t bits;	 /* PREFIX: its length; CT_STATE: NF_CT_STATE_…; LOG: the group;
			  * LATER_FRAGMENT: the family */
	int32_t verdict; /* NF_ACCEPT, NF_DROP, NFT_RETURN, NFT_JUMP, NFT_GOTO */
	union {
		uint8_t value[16];	/* EQUAL, PREFIX */
		char name[BH_NFT_NAME]; /* others: set, chain, or log prefix */
	};
};

/* signature: the rule as the kernel's own expressions, spelt out; two rules are the same exactly
 * when these are. Rules that were read from the kernel have no statements, and those that are to be
 * compared with others that do no signature. */
struct bh_nft_rule {
	char *signature;
	struct bh_statement *statements;
	size_t count;
};

struct bh_nft_chain {
	char name[BH_NFT_NAME];
	char comment[BH_NFT_COMMENT];
	bool base;
	uint32_t hook; /* base chains: their hook and priority; type filter */
	int32_t priority;
	bool drops; /* base chains: what no rule decides; never where we want it */
	struct bh_nft_rule *rules;
	size_t rule_count;
};

struct bh_nft_set {
	char name[BH_NFT_NAME];
	bool interval; /* elements are ranges, in every field */
	bool counter;  /* one per element */
	bool map;      /* to verdicts, all of them `goto chain` */
	uint8_t field_count;
	uint8_t fields[BH_NFT_FIELDS]; /* desired sets only */
	uint32_t key_type;
	size_t key_length;
	/* Each record: key, then the range's end where interval, then the chain's name where map.
	 */
	size_t stride;
	uint8_t *records;
	size_t count;
	size_t capacity;
	struct bh_map *keys; /* while it is filled, where keys may be repeated; else NULL */
	bool catchall;	     /* an element matches what no other does; never where we want it */
	bool unread; /* its elements were not asked for, and count as those that are wanted */
};

struct bh_nft_table {
	uint8_t family; /* NFPROTO_INET or NFPROTO_BRIDGE */
	bool present;
	uint32_t flags;
	uint32_t owner; /* netlink port of the owner, 0: none */
	struct bh_nft_chain **chains;
	size_t chain_count;
	size_t chain_capacity;
	struct bh_nft_set **sets;
	size_t set_count;
	size_t set_capacity;
	struct bh_map *by_name; /* chains under "c…", sets under "s…" */
};

#define BH_NFT_TABLES 2

/* Both tables: inet, bridge. */
struct bh_nft_state {
	struct bh_nft_table tables[BH_NFT_TABLES];
};

/* Both absent and empty. */
struct bh_nft_state *bh_nft_state_new(void);
void bh_nft_state_free(struct bh_nft_state *state);
const char *bh_nft_family_name(uint8_t family);

/* The new chain or set belongs to the table and does not move. The name must not be taken. */
struct bh_nft_chain *bh_nft_table_add_chain(struct bh_nft_table *table, const char *name);
struct bh_nft_set *bh_nft_table_add_set(struct bh_nft_table *table, const char *name);
struct bh_nft_chain *bh_nft_table_chain(const struct bh_nft_table *table, const char *name);
struct bh_nft_set *bh_nft_table_set(const struct bh_nft_table *table, const char *name);

/* Whether a field in its key has no name in nft's language, so that typeof must declare it. */
bool bh_nft_set_is_raw(const struct bh_nft_set *set);

/* Sets stride from interval, map and key_length. */
void bh_nft_set_layout(struct bh_nft_set *set);
/* Adds a record; end: NULL where not interval (or where it equals key), target: NULL where no map.
 */
void bh_nft_set_add(struct bh_nft_set *set, const uint8_t *key, const uint8_t *end,
		    const char *target);
/* NULL behind the last. */
const uint8_t *bh_nft_set_record(const struct bh_nft_set *set, size_t index);
/* Of one record. */
const uint8_t *bh_nft_record_end(const struct bh_nft_set *set, const uint8_t *record);
const char *bh_nft_record_target(const struct bh_nft_set *set, const uint8_t *record);
/* Sorts the records and removes repeated ones. */
void bh_nft_set_sort(struct bh_nft_set *set);

/* The new rule, zeroed; pointers to the chain's earlier rules are invalid afterwards. */
struct bh_nft_rule *bh_nft_chain_add_rule(struct bh_nft_chain *chain);

#endif
