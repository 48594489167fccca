/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Written the way nft lists it, so that the two can be compared; what a field depends on is implied
 * here as it is there. */
#include "text.h"

#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "desired.h"
#include "statement.h"

/* --- rules ------------------------------------------------------------------------------------ */

static void print_fields(struct bh_buffer *out, const uint8_t *fields, uint8_t count)
{
	for (uint8_t i = 0; i < count; i++)
		bh_buffer_printf(out, "%s%s", i > 0 ? " . " : "", bh_field_info(fields[i])->text);
}

static void print_match(struct bh_buffer *out, const struct bh_statement *s)
{
	bh_buffer_printf(out, "%s %s", bh_field_info(s->fields[0])->text, s->inverted ? "!= " : "");
	bh_field_print(out, s->fields[0], s->value);
	if (s->kind == BH_STATEMENT_PREFIX)
		bh_buffer_printf(out, "/%u", s->bits);
}

static void print_lookup(struct bh_buffer *out, const struct bh_statement *s)
{
	print_fields(out, s->fields, s->field_count);
	bh_buffer_printf(out, " %s@%s",
			 s->kind == BH_STATEMENT_VMAP ? "vmap "
			 : s->inverted		      ? "!= "
						      : "",
			 s->name);
}

static void print_verdict(struct bh_buffer *out, const struct bh_statement *s)
{
	switch (s->verdict) {
	case NF_ACCEPT:
		bh_buffer_puts(out, "accept");
		break;
	case NF_DROP:
		bh_buffer_puts(out, "drop");
		break;
	case NFT_RETURN:
		bh_buffer_puts(out, "return");
		break;
	default:
		bh_buffer_printf(out, "%s %s", s->verdict == NFT_JUMP ? "jump" : "goto", s->name);
	}
}

static void print_statement(struct bh_buffer *out, const struct bh_statement *s)
{
	switch (s->kind) {
	case BH_STATEMENT_EQUAL:
	case BH_STATEMENT_PREFIX:
		print_match(out, s);
		break;
	case BH_STATEMENT_LOOKUP:
	case BH_STATEMENT_VMAP:
		print_lookup(out, s);
		break;
	case BH_STATEMENT_CT_STATE:
		bh_buffer_printf(out, "ct state %s",
				 s->bits == BH_CT_RELATED ? "related" : "established");
		break;
	case BH_STATEMENT_NOT_OPENING:
		bh_buffer_puts(out, "tcp flags & (syn | ack) != syn");
		break;
	case BH_STATEMENT_LATER_FRAGMENT:
		bh_buffer_puts(out, s->bits == BH_IPV4 ? "ip frag-off & 8191 != 0"
						       : "frag frag-off != 0");
		break;
	case BH_STATEMENT_COUNTER:
		bh_buffer_puts(out, "counter");
		break;
	case BH_STATEMENT_NOTRACK:
		bh_buffer_puts(out, "notrack");
		break;
	case BH_STATEMENT_LIMIT:
		bh_buffer_puts(out, "limit rate 100/second burst 200 packets");
		break;
	case BH_STATEMENT_LOG:
		bh_buffer_printf(out, "log prefix \"%s\" group %u", s->name, s->bits);
		break;
	case BH_STATEMENT_RESET:
		bh_buffer_puts(out, "reject with tcp reset");
		break;
	case BH_STATEMENT_REJECT:
		bh_buffer_puts(out, "reject with icmpx admin-prohibited");
		break;
	case BH_STATEMENT_VERDICT:
		print_verdict(out, s);
		break;
	}
}

void bh_nft_print_rule(struct bh_buffer *out, const struct bh_nft_rule *rule)
{
	for (size_t i = 0; i < rule->count; i++) {
		if (i > 0)
			bh_buffer_puts(out, " ");
		print_statement(out, &rule->statements[i]);
	}
}

/* --- chains ----------------------------------------------------------------------------------- */

static const char *hook_name(const struct bh_nft_chain *chain)
{
	static const char *const names[] = { "prerouting", "input", "forward", "output" };

	return names[chain->hook]; /* both families number these alike */
}

static void print_chain(struct bh_buffer *out, const struct bh_nft_chain *chain)
{
	bh_buffer_printf(out, "\tchain %s {\n", chain->name);
	if (chain->comment[0] != '\0')
		bh_buffer_printf(out, "\t\tcomment \"%s\"\n", chain->comment);
	if (chain->base)
		bh_buffer_printf(out, "\t\ttype filter hook %s priority %d; policy accept;\n",
				 hook_name(chain), chain->priority);
	for (size_t i = 0; i < chain->rule_count; i++) {
		bh_buffer_puts(out, "\t\t");
		bh_nft_print_rule(out, &chain->rules[i]);
		bh_buffer_puts(out, "\n");
	}
	bh_buffer_puts(out, "\t}\n\n");
}

/* --- sets ------------------------------------------------------------------------------------- */

static void print_type(struct bh_buffer *out, const struct bh_nft_set *set)
{
	if (bh_nft_set_is_raw(set)) {
		bh_buffer_puts(out, "\t\ttypeof ");
		print_fields(out, set->fields, set->field_count);
	} else {
		bh_buffer_puts(out, "\t\ttype ");
		for (uint8_t i = 0; i < set->field_count; i++)
			bh_buffer_printf(out, "%s%s", i > 0 ? " . " : "",
					 bh_field_info(set->fields[i])->type);
	}
	bh_buffer_puts(out, set->map ? " : verdict\n" : "\n");
}

static void print_record(struct bh_buffer *out, const struct bh_nft_set *set, const uint8_t *record)
{
	const uint8_t *end = bh_nft_record_end(set, record);
	size_t at = 0;

	for (uint8_t i = 0; i < set->field_count; i++) {
		enum bh_field field = set->fields[i];

		if (i > 0)
			bh_buffer_puts(out, " . ");
		bh_field_print(out, field, record + at);
		if (end != NULL && memcmp(record + at, end + at, bh_field_info(field)->length)) {
			bh_buffer_puts(out, "-");
			bh_field_print(out, field, end + at);
		}
		at += bh_field_room(field);
	}
	if (set->map)
		bh_buffer_printf(out, " : goto %s", bh_nft_record_target(set, record));
}

static void print_set(struct bh_buffer *out, const struct bh_nft_set *set)
{
	bh_buffer_printf(out, "\t%s %s {\n", set->map ? "map" : "set", set->name);
	print_type(out, set);
	if (set->interval)
		bh_buffer_puts(out, "\t\tflags interval\n");
	if (set->counter)
		bh_buffer_puts(out, "\t\tcounter\n");
	for (size_t i = 0; i < set->count; i++) {
		bh_buffer_puts(out, i == 0 ? "\t\telements = { " : ",\n\t\t\t     ");
		print_record(out, set, bh_nft_set_record(set, i));
	}
	bh_buffer_puts(out, set->count > 0 ? " }\n\t}\n\n" : "\t}\n\n");
}

/* --- the whole -------------------------------------------------------------------------------- */

void bh_nft_print(struct bh_buffer *out, const struct bh_nft_state *state)
{
	for (size_t i = 0; i < BH_NFT_TABLES; i++) {
		const struct bh_nft_table *table = &state->tables[i];

		if (!table->present)
			continue;
		bh_buffer_printf(out, "table %s %s {\n", bh_nft_family_name(table->family),
				 BH_NFT_TABLE);
		for (size_t j = 0; j < table->set_count; j++)
			print_set(out, table->sets[j]);
		for (size_t j = 0; j < table->chain_count; j++)
			print_chain(out, table->chains[j]);
		bh_buffer_puts(out, "}\n");
	}
}

char *bh_nft_text(const struct bh_ruleset *rules, const struct bh_nft_config *config)
{
	struct bh_error err = { 0 };
	struct bh_nft_state *state = bh_nft_desire(rules, config, &err);
	struct bh_buffer out = { 0 };

	if (state == NULL)
		bh_buffer_printf(&out, "# %s\n", err.text);
	else
		bh_nft_print(&out, state);
	bh_nft_state_free(state);
	return bh_buffer_steal(&out);
}
