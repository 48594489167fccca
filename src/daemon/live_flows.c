/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "live_flows.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "core.h"
#include "flow_index.h"
#include "grow.h"
#include "pages.h"

#define CHUNK_BYTES ((size_t)8 << 20) /* huge pages pay from there on */
#define PER_CHUNK (CHUNK_BYTES / sizeof(struct bh_live_flow))

/* Flows have numbers from 1 on; of a freed one `number` is the next free one. */
struct bh_live_flows {
	struct bh_live_flow **chunks;
	size_t chunk_count, chunk_room;
	uint32_t fresh; /* the first number that was never used */
	uint32_t free;
	struct bh_flow_index by_id;
	struct bh_flow_index by_tuple; /* both ways of a tuple have one hash */
};

struct bh_live_flows *bh_live_flows_new(void)
{
	struct bh_live_flows *flows = bh_calloc(1, sizeof(*flows));

	flows->fresh = 1;
	bh_flow_index_init(&flows->by_id);
	bh_flow_index_init(&flows->by_tuple);
	return flows;
}

void bh_live_flows_free(struct bh_live_flows *flows)
{
	if (flows == NULL)
		return;
	for (size_t i = 0; i < flows->chunk_count; i++) {
		ASAN_UNPOISON_MEMORY_REGION(flows->chunks[i], CHUNK_BYTES);
		bh_pages_free(flows->chunks[i], CHUNK_BYTES);
	}
	free(flows->chunks);
	bh_flow_index_free(&flows->by_id);
	bh_flow_index_free(&flows->by_tuple);
	free(flows);
}

static struct bh_live_flow *at(const struct bh_live_flows *flows, uint32_t number)
{
	return &flows->chunks[(number - 1) / PER_CHUNK][(number - 1) % PER_CHUNK];
}

/* --- hashes ----------------------------------------------------------------------------------- */

/* Capture counts ids up: spread, for those of several workers not to lie in one row. */
static uint32_t id_hash(uint64_t id)
{
	return (uint32_t)((id * 0x9E3779B97F4A7C15) >> 32);
}

static uint8_t *put_end(uint8_t *to, const struct bh_addr *addr, uint16_t port)
{
	memcpy(to, addr, sizeof(*addr));
	memcpy(to + sizeof(*addr), &port, sizeof(port));
	return to + sizeof(*addr) + sizeof(port);
}

static uint32_t tuple_hash(const struct bh_flow_key *key)
{
	uint8_t bytes[2 * (sizeof(struct bh_addr) + sizeof(uint16_t)) + 1], *end = bytes;
	int order = memcmp(&key->src, &key->dst, sizeof(key->src));

	if (order < 0 || (order == 0 && key->sport <= key->dport)) {
		end = put_end(end, &key->src, key->sport);
		end = put_end(end, &key->dst, key->dport);
	} else {
		end = put_end(end, &key->dst, key->dport);
		end = put_end(end, &key->src, key->sport);
	}
	*end = key->proto;
	return (uint32_t)XXH3_64bits(bytes, sizeof(bytes));
}

/* --- flows ------------------------------------------------------------------------------------ */

static uint32_t take_number(struct bh_live_flows *flows)
{
	uint32_t number = flows->free;

	if (number != 0) {
		struct bh_live_flow *freed = at(flows, number);

		ASAN_UNPOISON_MEMORY_REGION(freed, sizeof(*freed));
		flows->free = freed->number;
		memset(freed, 0, sizeof(*freed));
		return number;
	}
	if ((flows->fresh - 1) / PER_CHUNK == flows->chunk_count) {
		flows->chunks = bh_grow(flows->chunks, &flows->chunk_room, flows->chunk_count + 1,
					sizeof(*flows->chunks));
		flows->chunks[flows->chunk_count++] = bh_pages_new(CHUNK_BYTES);
	}
	return flows->fresh++;
}

struct bh_live_flow *bh_live_flows_add(struct bh_live_flows *flows, const struct bh_flow *report)
{
	uint32_t number = take_number(flows);
	struct bh_live_flow *live = at(flows, number);

	live->number = number;
	live->flow = *report;
	live->found_by_id = true;
	bh_flow_index_add(&flows->by_id, id_hash(report->id), number);
	return live;
}

void bh_live_flows_end(struct bh_live_flows *flows, struct bh_live_flow *live)
{
	if (live->found_by_id)
		bh_flow_index_remove(&flows->by_id, id_hash(live->flow.id), live->number);
	live->found_by_id = false;
}

void bh_live_flows_remove(struct bh_live_flows *flows, struct bh_live_flow *live)
{
	uint32_t number = live->number;

	bh_live_flows_end(flows, live);
	bh_live_flows_forget_tuple(flows, live);
	live->number = flows->free;
	flows->free = number;
	ASAN_POISON_MEMORY_REGION(live, sizeof(*live));
}

struct bh_live_flow *bh_live_flows_find(const struct bh_live_flows *flows, uint64_t id)
{
	uint32_t hash = id_hash(id), step = hash, number;

	while ((number = bh_flow_index_next(&flows->by_id, hash, &step)) != 0)
		if (at(flows, number)->flow.id == id)
			return at(flows, number);
	return NULL;
}

void bh_live_flows_prefetch(const struct bh_live_flows *flows, const struct bh_flow *report)
{
	bh_flow_index_prefetch(&flows->by_id, id_hash(report->id));
	bh_flow_index_prefetch(&flows->by_tuple, tuple_hash(&report->key));
}

size_t bh_live_flows_open(const struct bh_live_flows *flows)
{
	return flows->by_id.count;
}

/* --- tuples ----------------------------------------------------------------------------------- */

static struct bh_newest newest(const struct bh_live_flows *flows, const struct bh_flow_key *key,
			       uint32_t hash)
{
	struct bh_flow_key turned = bh_flow_key_turned(key);
	struct bh_newest found = { 0 };
	uint32_t step = hash, number;

	while ((number = bh_flow_index_next(&flows->by_tuple, hash, &step)) != 0) {
		struct bh_live_flow *live = at(flows, number);

		if (bh_flow_key_equal(&live->flow.key, key))
			found.there = live;
		if (bh_flow_key_equal(&live->flow.key, &turned))
			found.back = live;
	}
	return found;
}

struct bh_newest bh_live_flows_newest(const struct bh_live_flows *flows,
				      const struct bh_flow_key *key)
{
	return newest(flows, key, tuple_hash(key));
}

struct bh_newest bh_live_flows_note_tuple(struct bh_live_flows *flows, struct bh_live_flow *live)
{
	uint32_t hash = tuple_hash(&live->flow.key);
	struct bh_newest before = newest(flows, &live->flow.key, hash);

	if (before.there != NULL)
		bh_live_flows_forget_tuple(flows, before.there);
	live->tuple_hash = hash;
	live->found_by_tuple = true;
	bh_flow_index_add(&flows->by_tuple, hash, live->number);
	return before;
}

void bh_live_flows_forget_tuple(struct bh_live_flows *flows, struct bh_live_flow *live)
{
	if (live->found_by_tuple)
		bh_flow_index_remove(&flows->by_tuple, live->tuple_hash, live->number);
	live->found_by_tuple = false;
}
