/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes what bolt would (go.etcd.io/bbolt: page.go), as far as the tests need it. */
#ifndef BH_TEST_BOLT_PAGES_H
#define BH_TEST_BOLT_PAGES_H

#include <stdint.h>
#include <string.h>

#define PAGE 1024
#define PAGES 16

struct pages {
	_Alignas(8) uint8_t bytes[PAGE * PAGES];
};

struct item {
	const void *key;
	uint32_t key_size;
	const void *value;
	uint32_t value_size;
	uint32_t flags; /* 1: a bucket */
};

static inline void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static inline void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static inline void put_head(uint8_t *page, uint64_t id, uint16_t flags, uint16_t count,
			    uint32_t overflow)
{
	put64(page, id);
	memcpy(page + 8, &flags, sizeof(flags));
	memcpy(page + 10, &count, sizeof(count));
	put32(page + 12, overflow);
}

/* A leaf page, at `page`; returns its size. */
static inline size_t put_leaf(uint8_t *page, uint64_t id, const struct item *items, uint16_t count,
			      uint32_t overflow)
{
	size_t at = 16 + (size_t)count * 16;

	put_head(page, id, 2, count, overflow);
	for (uint16_t i = 0; i < count; i++) {
		uint8_t *element = page + 16 + (size_t)i * 16;

		put32(element, items[i].flags);
		put32(element + 4, (uint32_t)(at - (16 + (size_t)i * 16)));
		put32(element + 8, items[i].key_size);
		put32(element + 12, items[i].value_size);
		memcpy(page + at, items[i].key, items[i].key_size);
		at += items[i].key_size;
		if (items[i].value_size > 0)
			memcpy(page + at, items[i].value, items[i].value_size);
		at += items[i].value_size;
	}
	return at;
}

/* A branch page with children at these pages, and keys that nobody looks at. */
static inline void put_branch(uint8_t *page, uint64_t id, const uint64_t *children, uint16_t count)
{
	put_head(page, id, 1, count, 0);
	for (uint16_t i = 0; i < count; i++) {
		uint8_t *element = page + 16 + (size_t)i * 16;

		put32(element, (uint32_t)(count - i) * 16);
		put32(element + 4, 0);
		put64(element + 8, children[i]);
	}
}

static inline uint64_t meta_sum(const uint8_t *meta)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (int i = 0; i < 56; i++)
		sum = (sum ^ meta[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static inline void put_meta(struct pages *p, uint64_t which, uint64_t root, uint64_t transaction)
{
	uint8_t *page = p->bytes + which * PAGE, *meta = page + 16;

	put_head(page, which, 4, 0, 0);
	put32(meta, 0xED0CDAED);
	put32(meta + 4, 2);
	put32(meta + 8, PAGE);
	put64(meta + 16, root);
	put64(meta + 40, PAGES);
	put64(meta + 48, transaction);
	put64(meta + 56, meta_sum(meta));
}

#endif
