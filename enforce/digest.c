/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "digest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "statement.h"

#define FORM 1 /* of the file, and of what is hashed */
#define PATH_ROOM 520

static uint64_t mix(uint64_t seed, const void *bytes, size_t length)
{
	return XXH3_64bits_withSeed(bytes, length, seed);
}

static uint64_t mix_text(uint64_t seed, const char *text)
{
	return mix(seed, text, strlen(text) + 1);
}

/* --- objects ---------------------------------------------------------------------------------- */

/* Signatures are not kept: there is one for each rule, and they are long. */
static uint64_t mix_rule(uint64_t hash, const struct bh_nft_table *table,
			 const struct bh_nft_chain *chain, const struct bh_nft_rule *rule)
{
	if (rule->signature != NULL)
		return mix_text(hash, rule->signature);
	char *signature = bh_rule_sign(table->family, chain->name, rule);

	hash = mix_text(hash, signature);
	free(signature);
	return hash;
}

static uint64_t chain_digest(const struct bh_nft_table *table, const struct bh_nft_chain *chain)
{
	const uint64_t head[] = { table->family, chain->base, chain->base ? chain->hook : 0,
				  chain->base ? (uint64_t)chain->priority : 0 };
	uint64_t hash = mix_text(mix(0, head, sizeof(head)), chain->name);

	for (size_t i = 0; i < chain->rule_count; i++)
		hash = mix_rule(hash, table, chain, &chain->rules[i]);
	return hash;
}

static uint64_t set_digest(const struct bh_nft_table *table, const struct bh_nft_set *set)
{
	const uint64_t head[] = { table->family, set->interval, set->counter,
				  set->map,	 set->key_type, set->key_length };

	return mix_text(mix(1, head, sizeof(head)), set->name);
}

static uint64_t set_seed(const struct bh_nft_table *table, const struct bh_nft_set *set)
{
	return mix_text(table->family, set->name);
}

static uint64_t elements_digest(const struct bh_nft_table *table, const struct bh_nft_set *set)
{
	uint64_t seed = set_seed(table, set), sum = set->catchall;

	for (size_t i = 0; i < set->count; i++)
		sum += mix(seed, bh_nft_set_record(set, i), set->stride);
	return sum;
}

static uint64_t table_digest(const struct bh_nft_table *table)
{
	uint64_t sum = table->present ? mix(2, &table->family, 1) : 0;

	for (size_t i = 0; i < table->chain_count; i++)
		sum += chain_digest(table, table->chains[i]);
	for (size_t i = 0; i < table->set_count; i++)
		sum += set_digest(table, table->sets[i]) + elements_digest(table, table->sets[i]);
	return sum;
}

uint64_t bh_digest_state(const struct bh_nft_state *state)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < BH_NFT_TABLES; i++)
		sum += table_digest(&state->tables[i]);
	return sum;
}

/* --- transactions ----------------------------------------------------------------------------- */

static const struct bh_nft_table *same_table(const struct bh_nft_state *state,
					     const struct bh_nft_table *table)
{
	return &state->tables[table->family == state->tables[0].family ? 0 : 1];
}

static uint64_t records_digest(const struct bh_step *step)
{
	uint64_t seed = set_seed(step->table, step->set), sum = 0;

	for (size_t i = 0; i < step->count; i++)
		sum += mix(seed, bh_step_record(step, i), step->set->stride);
	return sum;
}

static uint64_t old_chain(const struct bh_nft_state *have, const struct bh_step *step)
{
	const struct bh_nft_table *table = same_table(have, step->table);

	return chain_digest(table, bh_nft_table_chain(table, step->chain->name));
}

static uint64_t new_chain(const struct bh_nft_state *want, const struct bh_step *step)
{
	const struct bh_nft_table *table = same_table(want, step->table);

	return chain_digest(table, bh_nft_table_chain(table, step->chain->name));
}

/* Of a set that goes the kernel removes the elements itself. */
static uint64_t old_set(const struct bh_nft_state *have, const struct bh_step *step)
{
	const struct bh_nft_table *table = same_table(have, step->table);
	const struct bh_nft_set *set = bh_nft_table_set(table, step->set->name);

	return set_digest(table, set) + elements_digest(table, set);
}

/* What one step adds to the sum. A chain's rules are flushed and added as a whole. */
static uint64_t step_digest(const struct bh_nft_state *have, const struct bh_nft_state *want,
			    const struct bh_step *step)
{
	const struct bh_nft_table *old = same_table(have, step->table);

	switch (step->kind) {
	case BH_STEP_DELETE_TABLE:
		return -table_digest(old);
	case BH_STEP_FLUSH_CHAIN:
		return -old_chain(have, step);
	case BH_STEP_ADD_RULES:
		return new_chain(want, step);
	case BH_STEP_ADD_SET:
		return set_digest(step->table, step->set);
	case BH_STEP_DELETE_SET:
		return -old_set(have, step);
	case BH_STEP_ADD_ELEMENTS:
		return records_digest(step);
	case BH_STEP_DELETE_ELEMENTS:
		return -records_digest(step);
	}
	return 0;
}

static bool is_deleted(const struct bh_diff *diff, uint8_t family)
{
	for (size_t i = 0; i < diff->count; i++)
		if (diff->steps[i].kind == BH_STEP_DELETE_TABLE &&
		    diff->steps[i].table->family == family)
			return true;
	return false;
}

/* That there is a table counts, too: also an empty one is not none. */
static uint64_t presence(const struct bh_nft_state *have, const struct bh_nft_state *want,
			 const struct bh_diff *diff)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < BH_NFT_TABLES; i++) {
		const struct bh_nft_table *old = &have->tables[i], *new = &want->tables[i];

		if (new->present && (!old->present || is_deleted(diff, new->family)))
			sum += mix(2, &new->family, 1);
	}
	return sum;
}

uint64_t bh_digest_after(uint64_t digest, const struct bh_nft_state *have,
			 const struct bh_nft_state *want, const struct bh_diff *diff)
{
	digest += presence(have, want, diff);
	for (size_t i = 0; i < diff->count; i++)
		digest += step_digest(have, want, &diff->steps[i]);
	return digest;
}

/* --- the file --------------------------------------------------------------------------------- */

int bh_digest_write(const char *path, const uint64_t digests[2], struct bh_error *err)
{
	char fresh[PATH_ROOM];

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	FILE *file = fopen(fresh, "we");
	if (file != NULL)
		fprintf(file, "%d %016" PRIx64 " %016" PRIx64 "\n", FORM, digests[0], digests[1]);
	if (file != NULL && fclose(file) == 0 && rename(fresh, path) == 0)
		return 0;
	int code = -errno;
	remove(path); /* what it says is not true any more */
	return bh_error_set(err, code, "%s: %s", path, strerror(-code));
}

int bh_digest_read(const char *path, uint64_t digests[2], struct bh_error *err)
{
	FILE *file = fopen(path, "re");
	int form;

	if (file == NULL)
		return bh_error_set(err, -errno, "%s: %s", path, strerror(errno));
	int fields = fscanf(file, "%d %" SCNx64 " %" SCNx64, &form, &digests[0], &digests[1]);
	fclose(file);
	if (fields != 3 || form != FORM)
		return bh_error_set(err, -EINVAL, "%s: of another version", path);
	return 0;
}
