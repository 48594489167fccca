/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"

#include <netinet/in.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"

struct bh_nft_state *bh_nft_state_new(void)
{
	struct bh_nft_state *state = bh_calloc(1, sizeof(*state));

	state->tables[0].family = NFPROTO_INET;
	state->tables[1].family = NFPROTO_BRIDGE;
	for (size_t i = 0; i < BH_NFT_TABLES; i++)
		state->tables[i].by_name = bh_map_new(NULL);
	return state;
}

static void free_chain(struct bh_nft_chain *chain)
{
	for (size_t i = 0; i < chain->rule_count; i++) {
		free(chain->rules[i].signature);
		free(chain->rules[i].statements);
	}
	free(chain->rules);
	free(chain);
}

static void free_table(struct bh_nft_table *table)
{
	for (size_t i = 0; i < table->chain_count; i++)
		free_chain(table->chains[i]);
	for (size_t i = 0; i < table->set_count; i++) {
		free(table->sets[i]->records);
		bh_map_free(table->sets[i]->keys);
		free(table->sets[i]);
	}
	free(table->chains);
	free(table->sets);
	bh_map_free(table->by_name);
}

void bh_nft_state_free(struct bh_nft_state *state)
{
	if (state == NULL)
		return;
	for (size_t i = 0; i < BH_NFT_TABLES; i++)
		free_table(&state->tables[i]);
	free(state);
}

const char *bh_nft_family_name(uint8_t family)
{
	return family == NFPROTO_BRIDGE ? "bridge" : "inet";
}

/* The key under which by_name has an object; its length. */
static size_t key_of(char kind, const char *name, char key[BH_NFT_NAME + 1])
{
	size_t length = strnlen(name, BH_NFT_NAME);

	key[0] = kind;
	memcpy(key + 1, name, length);
	return length + 1;
}

static void index_name(struct bh_nft_table *table, char kind, const char *name, void *object)
{
	char key[BH_NFT_NAME + 1];

	bh_map_put(table->by_name, key, key_of(kind, name, key), object);
}

static void *find_name(const struct bh_nft_table *table, char kind, const char *name)
{
	char key[BH_NFT_NAME + 1];

	return bh_map_get(table->by_name, key, key_of(kind, name, key));
}

struct bh_nft_chain *bh_nft_table_add_chain(struct bh_nft_table *table, const char *name)
{
	struct bh_nft_chain *chain = bh_calloc(1, sizeof(*chain));

	bh_copy_text(chain->name, sizeof(chain->name), name);
	table->chains = bh_grow(table->chains, &table->chain_capacity, table->chain_count + 1,
				sizeof(struct bh_nft_chain *));
	table->chains[table->chain_count++] = chain;
	index_name(table, 'c', chain->name, chain);
	return chain;
}

struct bh_nft_set *bh_nft_table_add_set(struct bh_nft_table *table, const char *name)
{
	struct bh_nft_set *set = bh_calloc(1, sizeof(*set));

	bh_copy_text(set->name, sizeof(set->name), name);
	table->sets = bh_grow(table->sets, &table->set_capacity, table->set_count + 1,
			      sizeof(struct bh_nft_set *));
	table->sets[table->set_count++] = set;
	index_name(table, 's', set->name, set);
	return set;
}

struct bh_nft_chain *bh_nft_table_chain(const struct bh_nft_table *table, const char *name)
{
	return find_name(table, 'c', name);
}

struct bh_nft_set *bh_nft_table_set(const struct bh_nft_table *table, const char *name)
{
	return find_name(table, 's', name);
}

bool bh_nft_set_is_raw(const struct bh_nft_set *set)
{
	for (uint8_t i = 0; i < set->field_count; i++)
		if (bh_field_info(set->fields[i])->type == NULL)
			return true;
	return false;
}

void bh_nft_set_layout(struct bh_nft_set *set)
{
	set->stride = set->key_length * (set->interval ? 2 : 1) + (set->map ? BH_NFT_NAME : 0);
}

void bh_nft_set_add(struct bh_nft_set *set, const uint8_t *key, const uint8_t *end,
		    const char *target)
{
	set->records = bh_grow(set->records, &set->capacity, set->count + 1, set->stride);
	uint8_t *record = set->records + set->count++ * set->stride;

	memset(record, 0, set->stride);
	memcpy(record, key, set->key_length);
	if (set->interval)
		memcpy(record + set->key_length, end != NULL ? end : key, set->key_length);
	if (set->map && target != NULL)
		bh_copy_text((char *)record + set->stride - BH_NFT_NAME, BH_NFT_NAME, target);
}

const uint8_t *bh_nft_set_record(const struct bh_nft_set *set, size_t index)
{
	return index < set->count ? set->records + index * set->stride : NULL;
}

const uint8_t *bh_nft_record_end(const struct bh_nft_set *set, const uint8_t *record)
{
	return set->interval ? record + set->key_length : NULL;
}

const char *bh_nft_record_target(const struct bh_nft_set *set, const uint8_t *record)
{
	return set->map ? (const char *)record + set->stride - BH_NFT_NAME : NULL;
}

static int compare_records(const void *a, const void *b, void *stride)
{
	return memcmp(a, b, *(size_t *)stride);
}

void bh_nft_set_sort(struct bh_nft_set *set)
{
	size_t kept = 0;

	if (set->count == 0)
		return;
	qsort_r(set->records, set->count, set->stride, compare_records, &set->stride);
	for (size_t i = 1; i < set->count; i++) {
		const uint8_t *next = bh_nft_set_record(set, i);

		if (memcmp(bh_nft_set_record(set, kept), next, set->stride) != 0)
			memmove(set->records + ++kept * set->stride, next, set->stride);
	}
	set->count = kept + 1;
}

struct bh_nft_rule *bh_nft_chain_add_rule(struct bh_nft_chain *chain)
{
	chain->rules = bh_resize(chain->rules, chain->rule_count + 1, sizeof(*chain->rules));
	struct bh_nft_rule *rule = &chain->rules[chain->rule_count++];

	memset(rule, 0, sizeof(*rule));
	return rule;
}
