/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A field may be read only where the packet has it. In nft's language that is implied ("ip saddr"
 * means IPv4), in the kernel it is an expression of its own; they are put in here, the way nft does
 * it, so that what it lists reads as it would have been written. In the bridge family the network
 * protocol is taken from the link-layer header and not from the packet's metadata, because the
 * metadata look through a VLAN tag.
 */
#include "statement.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/address.h"
#include "grow.h"

#define LIMIT_RATE 100 /* a second */
#define LIMIT_BURST 200
#define TCP_SYN 0x02
#define TCP_ACK 0x10

/* --- writing ---------------------------------------------------------------------------------- */

static struct bh_statement *add(struct bh_nft_rule *rule, enum bh_statement_kind kind)
{
	/* No room in advance: rules are short, and there can be a hundred thousand of them. */
	rule->statements = bh_resize(rule->statements, rule->count + 1, sizeof(*rule->statements));
	struct bh_statement *s = &rule->statements[rule->count++];

	memset(s, 0, sizeof(*s));
	s->kind = (uint8_t)kind;
	return s;
}

static struct bh_statement *add_value(struct bh_nft_rule *rule, enum bh_statement_kind kind,
				      enum bh_field field, const void *value)
{
	struct bh_statement *s = add(rule, kind);

	s->field_count = 1;
	s->fields[0] = (uint8_t)field;
	memcpy(s->value, value, bh_field_info(field)->length);
	return s;
}

void bh_rule_equal(struct bh_nft_rule *rule, enum bh_field field, const void *value)
{
	add_value(rule, BH_STATEMENT_EQUAL, field, value);
}

void bh_rule_not(struct bh_nft_rule *rule, enum bh_field field, const void *value)
{
	add_value(rule, BH_STATEMENT_EQUAL, field, value)->inverted = true;
}

void bh_rule_number(struct bh_nft_rule *rule, enum bh_field field, uint32_t number)
{
	/* Only what comes out of a packet is in network order. */
	uint32_t value = bh_field_info(field)->source == BH_SOURCE_FIB
				 ? number
				 : htonl(number << (8 * (4 - bh_field_info(field)->length)));

	bh_rule_equal(rule, field, &value);
}

void bh_rule_prefix(struct bh_nft_rule *rule, enum bh_field field, const void *value, uint32_t bits)
{
	add_value(rule, BH_STATEMENT_PREFIX, field, value)->bits = bits;
}

void bh_rule_not_prefix(struct bh_nft_rule *rule, enum bh_field field, const void *value,
			uint32_t bits)
{
	struct bh_statement *s = add_value(rule, BH_STATEMENT_PREFIX, field, value);

	s->bits = bits;
	s->inverted = true;
}

static struct bh_statement *add_lookup(struct bh_nft_rule *rule, enum bh_statement_kind kind,
				       struct bh_key key, const char *set)
{
	struct bh_statement *s = add(rule, kind);

	s->field_count = key.count;
	memcpy(s->fields, key.fields, sizeof(s->fields));
	bh_copy_text(s->name, sizeof(s->name), set);
	return s;
}

void bh_rule_in(struct bh_nft_rule *rule, struct bh_key key, const char *set)
{
	add_lookup(rule, BH_STATEMENT_LOOKUP, key, set);
}

void bh_rule_not_in(struct bh_nft_rule *rule, struct bh_key key, const char *set)
{
	add_lookup(rule, BH_STATEMENT_LOOKUP, key, set)->inverted = true;
}

void bh_rule_vmap(struct bh_nft_rule *rule, struct bh_key key, const char *map)
{
	add_lookup(rule, BH_STATEMENT_VMAP, key, map);
}

void bh_rule_ct_state(struct bh_nft_rule *rule, uint32_t states)
{
	add(rule, BH_STATEMENT_CT_STATE)->bits = states;
}

void bh_rule_not_opening(struct bh_nft_rule *rule)
{
	add(rule, BH_STATEMENT_NOT_OPENING);
}

void bh_rule_later_fragment(struct bh_nft_rule *rule, uint8_t family)
{
	add(rule, BH_STATEMENT_LATER_FRAGMENT)->bits = family;
}

void bh_rule_counter(struct bh_nft_rule *rule)
{
	add(rule, BH_STATEMENT_COUNTER);
}

void bh_rule_log(struct bh_nft_rule *rule, const char *prefix, uint16_t group)
{
	add(rule, BH_STATEMENT_LIMIT);
	struct bh_statement *s = add(rule, BH_STATEMENT_LOG);

	s->bits = group;
	bh_copy_text(s->name, sizeof(s->name), prefix);
}

void bh_rule_notrack(struct bh_nft_rule *rule)
{
	add(rule, BH_STATEMENT_NOTRACK);
}

void bh_rule_reset(struct bh_nft_rule *rule)
{
	add(rule, BH_STATEMENT_RESET);
}

void bh_rule_reject(struct bh_nft_rule *rule)
{
	add(rule, BH_STATEMENT_REJECT);
}

void bh_rule_verdict(struct bh_nft_rule *rule, int32_t verdict)
{
	add(rule, BH_STATEMENT_VERDICT)->verdict = verdict;
}

static void add_branch(struct bh_nft_rule *rule, int32_t verdict, const char *chain)
{
	struct bh_statement *s = add(rule, BH_STATEMENT_VERDICT);

	s->verdict = verdict;
	bh_copy_text(s->name, sizeof(s->name), chain);
}

void bh_rule_jump(struct bh_nft_rule *rule, const char *chain)
{
	add_branch(rule, NFT_JUMP, chain);
}

void bh_rule_goto(struct bh_nft_rule *rule, const char *chain)
{
	add_branch(rule, NFT_GOTO, chain);
}

/* --- building --------------------------------------------------------------------------------- */

/* What the expressions so far have established about the packet. */
struct builder {
	struct nftnl_rule *rule;
	uint8_t family;
	struct bh_field_needs known;
};

static struct nftnl_expr *expression(struct builder *b, const char *name)
{
	struct nftnl_expr *expr = nftnl_expr_alloc(name);

	if (expr == NULL)
		abort();
	nftnl_rule_add_expr(b->rule, expr);
	return expr;
}

/* The register `room` bytes behind the first, numbered as the kernel reports it. */
static uint32_t register_at(size_t room)
{
	size_t word = room / 4;

	return (uint32_t)(word % 4 == 0 ? NFT_REG_1 + word / 4 : NFT_REG32_00 + word);
}

static void load_meta(struct builder *b, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *e = expression(b, "meta");

	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, reg);
}

static void load_payload(struct builder *b, const struct bh_field_info *info, uint32_t reg)
{
	struct nftnl_expr *e = expression(b, "payload");

	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, info->key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, info->offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, info->length);
}

static void load_fib(struct builder *b, uint32_t reg)
{
	struct nftnl_expr *e = expression(b, "fib");

	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_DREG, reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
}

static void compare(struct builder *b, uint32_t op, const void *value, uint32_t length)
{
	struct nftnl_expr *e = expression(b, "cmp");

	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, value, length);
}

static void mask(struct builder *b, const void *bits, uint32_t length)
{
	static const uint8_t zero[16];
	struct nftnl_expr *e = expression(b, "bitwise");

	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, length);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, bits, length);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, length);
}

static void require_network(struct builder *b, uint16_t ethertype)
{
	if (b->known.ethertype == ethertype)
		return;
	b->known.ethertype = ethertype;
	if (b->family == NFPROTO_BRIDGE) {
		uint16_t wire = htons(ethertype);

		load_payload(b, bh_field_info(BH_FIELD_ETHER_TYPE), NFT_REG_1);
		compare(b, NFT_CMP_EQ, &wire, sizeof(wire));
	} else {
		uint8_t family = ethertype == ETHERTYPE_IPV6 ? NFPROTO_IPV6 : NFPROTO_IPV4;

		load_meta(b, NFT_META_NFPROTO, NFT_REG_1);
		compare(b, NFT_CMP_EQ, &family, sizeof(family));
	}
}

static void require(struct builder *b, const struct bh_field_needs *needs)
{
	if (needs->ethertype != 0)
		require_network(b, needs->ethertype);
	if (needs->l4proto == 0 || needs->l4proto == b->known.l4proto)
		return;
	b->known.l4proto = needs->l4proto;
	load_meta(b, NFT_META_L4PROTO, NFT_REG_1);
	compare(b, NFT_CMP_EQ, &needs->l4proto, 1);
}

static void load_field(struct builder *b, enum bh_field field, uint32_t reg)
{
	const struct bh_field_info *info = bh_field_info(field);

	if (info->source == BH_SOURCE_META)
		load_meta(b, info->key, reg);
	else if (info->source == BH_SOURCE_FIB)
		load_fib(b, reg);
	else
		load_payload(b, info, reg);
}

static void build_equal(struct builder *b, const struct bh_statement *s)
{
	const struct bh_field_info *info = bh_field_info(s->fields[0]);

	require(b, &info->needs);
	load_field(b, s->fields[0], NFT_REG_1);
	compare(b, s->inverted ? NFT_CMP_NEQ : NFT_CMP_EQ, s->value, info->length);
	if (s->fields[0] == BH_FIELD_L4PROTO && !s->inverted)
		b->known.l4proto = s->value[0];
}

static void build_prefix(struct builder *b, const struct bh_statement *s)
{
	const struct bh_field_info *info = bh_field_info(s->fields[0]);
	uint8_t bits[16] = { 0 };

	for (uint32_t i = 0; i < s->bits; i++)
		bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
	require(b, &info->needs);
	load_field(b, s->fields[0], NFT_REG_1);
	mask(b, bits, info->length);
	compare(b, s->inverted ? NFT_CMP_NEQ : NFT_CMP_EQ, s->value, info->length);
}

static void build_lookup(struct builder *b, const struct bh_statement *s)
{
	size_t room = 0;

	for (uint8_t i = 0; i < s->field_count; i++)
		require(b, &bh_field_info(s->fields[i])->needs);
	for (uint8_t i = 0; i < s->field_count; i++) {
		load_field(b, s->fields[i], register_at(room));
		room += bh_field_room(s->fields[i]);
	}
	struct nftnl_expr *e = expression(b, "lookup");
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, s->name);
	/* Always there, as in what the kernel reports: else signatures would differ. */
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, s->inverted ? NFT_LOOKUP_F_INV : 0);
	if (s->kind == BH_STATEMENT_VMAP)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
}

static void build_ct_state(struct builder *b, const struct bh_statement *s)
{
	const uint32_t zero = 0;
	struct nftnl_expr *e = expression(b, "ct");

	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_STATE);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	mask(b, &s->bits, sizeof(s->bits));
	compare(b, NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void build_not_opening(struct builder *b)
{
	const struct bh_field_info *info = bh_field_info(BH_FIELD_TCP_FLAGS);
	const uint8_t both = TCP_SYN | TCP_ACK, syn = TCP_SYN;

	require(b, &info->needs);
	load_payload(b, info, NFT_REG_1);
	mask(b, &both, 1);
	compare(b, NFT_CMP_NEQ, &syn, 1);
}

/* Where the fragment begins in the whole packet, other than at its start. */
static void build_later_fragment(struct builder *b, const struct bh_statement *s)
{
	static const uint8_t offset4[] = { 0x1f, 0xff }, offset6[] = { 0xff, 0xf8 };
	static const uint8_t zero[2];
	bool four = s->bits == BH_IPV4;

	require_network(b, four ? ETHERTYPE_IP : ETHERTYPE_IPV6);
	if (four) {
		load_payload(b, bh_field_info(BH_FIELD_IP_FRAGMENT), NFT_REG_1);
	} else {
		struct nftnl_expr *e = expression(b, "exthdr");

		nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_DREG, NFT_REG_1);
		nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, IPPROTO_FRAGMENT);
		nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, 2);
		nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, sizeof(zero));
		nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
		nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_FLAGS, 0);
	}
	mask(b, four ? offset4 : offset6, sizeof(zero));
	compare(b, NFT_CMP_NEQ, zero, sizeof(zero));
}

static void build_limit(struct builder *b)
{
	struct nftnl_expr *e = expression(b, "limit");

	nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_RATE, LIMIT_RATE);
	nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_UNIT, 1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_BURST, LIMIT_BURST);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_FLAGS, 0);
}

static void build_log(struct builder *b, const struct bh_statement *s)
{
	struct nftnl_expr *e = expression(b, "log");

	nftnl_expr_set_str(e, NFTNL_EXPR_LOG_PREFIX, s->name);
	nftnl_expr_set_u16(e, NFTNL_EXPR_LOG_GROUP, (uint16_t)s->bits);
}

static void build_reject(struct builder *b, uint32_t type, uint8_t code)
{
	struct nftnl_expr *e = expression(b, "reject");

	nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE, type);
	nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, code);
}

static void build_verdict(struct builder *b, const struct bh_statement *s)
{
	struct nftnl_expr *e = expression(b, "immediate");

	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)s->verdict);
	if (s->name[0] != '\0')
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, s->name);
}

static void build(struct builder *b, const struct bh_statement *s)
{
	static const uint8_t tcp = IPPROTO_TCP;

	switch (s->kind) {
	case BH_STATEMENT_EQUAL:
		build_equal(b, s);
		break;
	case BH_STATEMENT_PREFIX:
		build_prefix(b, s);
		break;
	case BH_STATEMENT_LOOKUP:
	case BH_STATEMENT_VMAP:
		build_lookup(b, s);
		break;
	case BH_STATEMENT_CT_STATE:
		build_ct_state(b, s);
		break;
	case BH_STATEMENT_NOT_OPENING:
		build_not_opening(b);
		break;
	case BH_STATEMENT_LATER_FRAGMENT:
		build_later_fragment(b, s);
		break;
	case BH_STATEMENT_COUNTER:
		expression(b, "counter");
		break;
	case BH_STATEMENT_NOTRACK:
		expression(b, "notrack");
		break;
	case BH_STATEMENT_LIMIT:
		build_limit(b);
		break;
	case BH_STATEMENT_LOG:
		build_log(b, s);
		break;
	case BH_STATEMENT_RESET:
		require(b, &(struct bh_field_needs) { .l4proto = tcp });
		build_reject(b, NFT_REJECT_TCP_RST, 0);
		break;
	case BH_STATEMENT_REJECT:
		build_reject(b, NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
		break;
	case BH_STATEMENT_VERDICT:
		build_verdict(b, s);
		break;
	}
}

struct nftnl_rule *bh_rule_build(uint8_t family, const char *chain, const struct bh_nft_rule *rule)
{
	struct builder b = { .rule = nftnl_rule_alloc(), .family = family };

	if (b.rule == NULL)
		abort();
	nftnl_rule_set_u32(b.rule, NFTNL_RULE_FAMILY, family);
	nftnl_rule_set_str(b.rule, NFTNL_RULE_TABLE, BH_NFT_TABLE);
	nftnl_rule_set_str(b.rule, NFTNL_RULE_CHAIN, chain);
	for (size_t i = 0; i < rule->count; i++)
		build(&b, &rule->statements[i]);
	return b.rule;
}

static int describe(struct nftnl_expr *expr, void *out)
{
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);
	char text[512] = "";

	if (strcmp(name, "counter") != 0)
		nftnl_expr_snprintf(text, sizeof(text), expr, NFTNL_OUTPUT_DEFAULT, 0);
	bh_buffer_printf(out, "[ %s %s]", name, text);
	return 0;
}

char *bh_rule_signature(struct nftnl_rule *rule)
{
	struct bh_buffer out = { 0 };

	nftnl_expr_foreach(rule, describe, &out);
	return bh_buffer_steal(&out);
}

char *bh_rule_sign(uint8_t family, const char *chain, const struct bh_nft_rule *rule)
{
	struct nftnl_rule *built = bh_rule_build(family, chain, rule);
	char *signature = bh_rule_signature(built);

	nftnl_rule_free(built);
	return signature;
}

void bh_chain_sign(uint8_t family, struct bh_nft_chain *chain)
{
	for (size_t i = 0; i < chain->rule_count; i++) {
		free(chain->rules[i].signature);
		chain->rules[i].signature = bh_rule_sign(family, chain->name, &chain->rules[i]);
	}
}
