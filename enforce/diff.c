/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diff.h"

#include <netinet/in.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"

static struct bh_step *add_step(struct bh_diff *diff, enum bh_step_kind kind,
				const struct bh_nft_table *table)
{
	diff->steps = bh_grow(diff->steps, &diff->capacity, diff->count + 1, sizeof(*diff->steps));
	struct bh_step *step = &diff->steps[diff->count++];

	*step = (struct bh_step) { .kind = (uint8_t)kind, .table = table };
	return step;
}

static void chain_step(struct bh_diff *diff, enum bh_step_kind kind,
		       const struct bh_nft_table *table, const struct bh_nft_chain *chain)
{
	add_step(diff, kind, table)->chain = chain;
}

static void set_step(struct bh_diff *diff, enum bh_step_kind kind, const struct bh_nft_table *table,
		     const struct bh_nft_set *set)
{
	add_step(diff, kind, table)->set = set;
}

void bh_diff_free(struct bh_diff *diff)
{
	for (size_t i = 0; i < diff->count; i++)
		free(diff->steps[i].records);
	free(diff->steps);
	*diff = (struct bh_diff) { 0 };
}

/* --- elements --------------------------------------------------------------------------------- */

static void add_record(struct bh_step *step, const uint8_t *record)
{
	step->records =
		bh_grow(step->records, &step->capacity, step->count + 1, sizeof(const uint8_t *));
	step->records[step->count++] = record;
}

static void keep_step(struct bh_diff *diff, const struct bh_step *step)
{
	if (step->count > 0)
		*add_step(diff, step->kind, step->table) = *step;
	diff->change.elements += step->count;
}

const uint8_t *bh_step_record(const struct bh_step *step, size_t index)
{
	return step->records != NULL ? step->records[index] : bh_nft_set_record(step->set, index);
}

/* Both are sorted. */
static void diff_elements(struct bh_diff *diff, const struct bh_nft_table *table,
			  const struct bh_nft_set *have, const struct bh_nft_set *want)
{
	struct bh_step gone = { .kind = BH_STEP_DELETE_ELEMENTS, .table = table, .set = want },
		       fresh = { .kind = BH_STEP_ADD_ELEMENTS, .table = table, .set = want };
	size_t i = 0, j = 0;

	if (have->unread)
		return;
	while (i < have->count || j < want->count) {
		const uint8_t *old = bh_nft_set_record(have, i), *new = bh_nft_set_record(want, j);
		int order = i == have->count   ? 1
			    : j == want->count ? -1
					       : memcmp(old, new, want->stride);

		if (order < 0)
			add_record(&gone, old);
		else if (order > 0)
			add_record(&fresh, new);
		i += order <= 0;
		j += order >= 0;
	}
	keep_step(diff, &gone);
	keep_step(diff, &fresh);
}

static void add_all_elements(struct bh_diff *diff, const struct bh_nft_table *table,
			     const struct bh_nft_set *set)
{
	const struct bh_step step = {
		.kind = BH_STEP_ADD_ELEMENTS, .table = table, .set = set, .count = set->count
	};

	keep_step(diff, &step);
}

/* --- chains and sets -------------------------------------------------------------------------- */

/* By what the kernel would have of them, where that is spelt out. */
static bool same_rule(const struct bh_nft_rule *a, const struct bh_nft_rule *b)
{
	if (a->signature != NULL && b->signature != NULL)
		return strcmp(a->signature, b->signature) == 0;
	return a->count == b->count &&
	       (a->count == 0 ||
		memcmp(a->statements, b->statements, a->count * sizeof(*a->statements)) == 0);
}

static bool same_rules(const struct bh_nft_chain *a, const struct bh_nft_chain *b)
{
	if (a->rule_count != b->rule_count)
		return false;
	for (size_t i = 0; i < a->rule_count; i++)
		if (!same_rule(&a->rules[i], &b->rules[i]))
			return false;
	return true;
}

static void diff_chains(struct bh_diff *diff, const struct bh_nft_table *have,
			const struct bh_nft_table *want)
{
	for (size_t i = 0; i < want->chain_count; i++) {
		const struct bh_nft_chain *chain = want->chains[i],
					  *old = bh_nft_table_chain(have, chain->name);

		if (old != NULL && same_rules(old, chain))
			continue;
		chain_step(diff, old == NULL ? BH_STEP_ADD_CHAIN : BH_STEP_FLUSH_CHAIN, want,
			   chain);
		chain_step(diff, BH_STEP_ADD_RULES, want, chain);
		diff->change.chains++;
	}
	for (size_t i = 0; i < have->chain_count; i++) {
		if (bh_nft_table_chain(want, have->chains[i]->name) != NULL)
			continue;
		chain_step(diff, BH_STEP_FLUSH_CHAIN, want, have->chains[i]);
		chain_step(diff, BH_STEP_DELETE_CHAIN, want, have->chains[i]);
		diff->change.chains++;
	}
}

static void diff_sets(struct bh_diff *diff, const struct bh_nft_table *have,
		      const struct bh_nft_table *want)
{
	for (size_t i = 0; i < want->set_count; i++) {
		const struct bh_nft_set *old = bh_nft_table_set(have, want->sets[i]->name);

		if (old == NULL) {
			set_step(diff, BH_STEP_ADD_SET, want, want->sets[i]);
			diff->change.sets++;
			add_all_elements(diff, want, want->sets[i]);
		} else {
			diff_elements(diff, want, old, want->sets[i]);
		}
	}
	for (size_t i = 0; i < have->set_count; i++) {
		if (bh_nft_table_set(want, have->sets[i]->name) != NULL)
			continue;
		set_step(diff, BH_STEP_DELETE_SET, want, have->sets[i]);
		diff->change.sets++;
	}
}

/* --- tables ----------------------------------------------------------------------------------- */

static bool same_chain_kind(const struct bh_nft_chain *a, const struct bh_nft_chain *b)
{
	return a->base == b->base &&
	       (!a->base ||
		(a->hook == b->hook && a->priority == b->priority && a->drops == b->drops));
}

static bool same_set_kind(const struct bh_nft_set *a, const struct bh_nft_set *b)
{
	return a->interval == b->interval && a->counter == b->counter && a->map == b->map &&
	       a->key_type == b->key_type && a->key_length == b->key_length &&
	       a->catchall == b->catchall;
}

/* Whether the table can be changed into what is wanted; the kernel converts neither flags other
 * than the owner's, nor the kind of a set or base chain. (A set that matches everything is so rare
 * that it is made anew, too.) */
static bool is_convertible(const struct bh_nft_table *have, const struct bh_nft_table *want)
{
	if ((have->flags & ~NFT_TABLE_F_OWNER) != (want->flags & ~NFT_TABLE_F_OWNER))
		return false;
	for (size_t i = 0; i < want->chain_count; i++) {
		const struct bh_nft_chain *old = bh_nft_table_chain(have, want->chains[i]->name);

		if (old != NULL && !same_chain_kind(old, want->chains[i]))
			return false;
	}
	for (size_t i = 0; i < want->set_count; i++) {
		const struct bh_nft_set *old = bh_nft_table_set(have, want->sets[i]->name);

		if (old != NULL && !same_set_kind(old, want->sets[i]))
			return false;
	}
	return true;
}

static void diff_table(struct bh_diff *diff, const struct bh_nft_table *have,
		       const struct bh_nft_table *want)
{
	struct bh_nft_state *nothing = NULL;

	if (have->present && (!want->present || !is_convertible(have, want))) {
		add_step(diff, BH_STEP_DELETE_TABLE, have);
		nothing = bh_nft_state_new();
	}
	if (want->present) {
		if (nothing != NULL || !have->present || have->flags != want->flags)
			add_step(diff, BH_STEP_ADD_TABLE, want);
		if (nothing != NULL)
			have = &nothing->tables[0];
		diff_chains(diff, have, want);
		diff_sets(diff, have, want);
	} else if (have->present) {
		diff->change.chains += have->chain_count;
		diff->change.sets += have->set_count;
	}
	bh_nft_state_free(nothing);
}

/* Stable: within one kind the order stays. */
static void order_steps(struct bh_diff *diff)
{
	struct bh_step *ordered = bh_calloc(diff->count, sizeof(*ordered));
	size_t count = 0;

	for (uint8_t kind = 0; kind < BH_STEPS; kind++)
		for (size_t i = 0; i < diff->count; i++)
			if (diff->steps[i].kind == kind)
				ordered[count++] = diff->steps[i];
	free(diff->steps);
	diff->steps = ordered;
	diff->capacity = diff->count;
}

void bh_nft_diff(const struct bh_nft_state *have, const struct bh_nft_state *want,
		 struct bh_diff *diff)
{
	*diff = (struct bh_diff) { 0 };
	for (size_t i = 0; i < BH_NFT_TABLES; i++)
		diff_table(diff, &have->tables[i], &want->tables[i]);
	order_steps(diff);
}

void bh_step_text(const struct bh_step *step, char *out, size_t size)
{
	static const char *const kinds[] = {
		[BH_STEP_DELETE_TABLE] = "removing it",
		[BH_STEP_ADD_TABLE] = "making or adopting it",
		[BH_STEP_ADD_CHAIN] = "new chain",
		[BH_STEP_ADD_SET] = "new set",
		[BH_STEP_FLUSH_CHAIN] = "emptying chain",
		[BH_STEP_DELETE_ELEMENTS] = "elements out of set",
		[BH_STEP_ADD_ELEMENTS] = "elements into set",
		[BH_STEP_ADD_RULES] = "rules of chain",
		[BH_STEP_DELETE_SET] = "removing set",
		[BH_STEP_DELETE_CHAIN] = "removing chain",
	};
	const char *name = step->chain != NULL ? step->chain->name
			   : step->set != NULL ? step->set->name
					       : "";

	snprintf(out, size, "table %s %s: %s%s%s", bh_nft_family_name(step->table->family),
		 BH_NFT_TABLE, kinds[step->kind], name[0] != '\0' ? " " : "", name);
}

#define STEPS_TOLD 3

void bh_diff_text(const struct bh_diff *diff, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < diff->count && i < STEPS_TOLD && used < size; i++) {
		char step[128];

		bh_step_text(&diff->steps[i], step, sizeof(step));
		used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? "; " : "", step);
	}
	if (diff->count > STEPS_TOLD && used < size)
		snprintf(out + used, size - used, "; and %zu more", diff->count - STEPS_TOLD);
}
