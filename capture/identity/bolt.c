/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bolt.h"

#include <errno.h>
#include <string.h>

#define MAGIC 0xED0CDAEDu
#define VERSION 2
#define PAGE_HEAD 16
#define META_SIZE 64	    /* without the checksum */
#define META_SUM 56	    /* bytes before the checksum */
#define ELEMENT 16	    /* of branches and leaves alike */
#define BUCKET_HEAD 16	    /* what a bucket's value begins with */
#define MOST_LEVELS 24	    /* of a tree; more is a circle */
#define MOST_PAGES 1000000u /* looked at in one walk, likewise */

enum { BRANCH = 0x01, LEAF = 0x02 };
enum { IS_BUCKET = 0x01 };

/* The numbers are the machine's own; bolt's files do not travel either. */
static uint16_t u16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint32_t u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t u64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* FNV-1a, as bolt sums its meta pages. */
static uint64_t sum_of(const uint8_t *bytes, size_t size)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < size; i++)
		sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
	return sum;
}

/* The meta page at this offset; NULL where it is none, or half written. */
static const uint8_t *meta_at(const struct bh_bolt *db, size_t offset)
{
	if (offset > db->size || db->size - offset < PAGE_HEAD + META_SIZE)
		return NULL;
	const uint8_t *meta = db->bytes + offset + PAGE_HEAD;
	uint32_t page_size = u32(meta + 8);
	if (u32(meta) != MAGIC || u32(meta + 4) != VERSION ||
	    u64(meta + META_SUM) != sum_of(meta, META_SUM) || page_size < 1024 || page_size > 65536)
		return NULL;
	return meta;
}

int bh_bolt_open(struct bh_bolt *db, const void *bytes, size_t size, struct bh_error *err)
{
	*db = (struct bh_bolt) { .bytes = bytes, .size = size };
	const uint8_t *first = meta_at(db, 0);
	/* The second follows the first by a page, whose size the first knows, if it is whole. */
	const uint8_t *second = meta_at(db, first != NULL ? u32(first + 8) : 4096);
	const uint8_t *meta = first == NULL					     ? second
			      : second != NULL && u64(second + 48) > u64(first + 48) ? second
										     : first;
	if (meta == NULL)
		return bh_error_set(err, -EINVAL, "no bolt database, or a damaged one");
	db->page_size = u32(meta + 8);
	db->root = u64(meta + 16);
	return 0;
}

/* --- pages ------------------------------------------------------------------------------------ */

struct page {
	const uint8_t *bytes;
	size_t size;
	uint16_t flags;
	uint16_t count;
};

/* A page's own bytes, with those that overflow it. */
static bool take_page(const uint8_t *bytes, size_t size, struct page *page)
{
	if (size < PAGE_HEAD)
		return false;
	*page = (struct page) {
		.bytes = bytes, .size = size, .flags = u16(bytes + 8), .count = u16(bytes + 10)
	};
	return PAGE_HEAD + (size_t)page->count * ELEMENT <= size;
}

static bool page_at(const struct bh_bolt *db, uint64_t number, struct page *page)
{
	if (number >= db->size / db->page_size)
		return false;
	size_t offset = (size_t)number * db->page_size, left = db->size - offset;
	uint64_t whole = ((uint64_t)u32(db->bytes + offset + 12) + 1) * db->page_size;
	return take_page(db->bytes + offset, whole < left ? (size_t)whole : left, page);
}

/* What an element points to: `size` bytes, `position` bytes behind the element itself. */
static bool pointed(const struct page *page, size_t element, uint64_t position, uint64_t size,
		    struct bh_bolt_bytes *out)
{
	uint64_t start = PAGE_HEAD + (uint64_t)element * ELEMENT + position;

	if (start > page->size || size > page->size - start)
		return false;
	*out = (struct bh_bolt_bytes) { (const char *)page->bytes + start, (size_t)size };
	return true;
}

struct leaf {
	struct bh_bolt_bytes key;
	struct bh_bolt_bytes value;
	bool is_bucket;
};

static bool leaf_of(const struct page *page, size_t i, struct leaf *leaf)
{
	const uint8_t *element = page->bytes + PAGE_HEAD + i * ELEMENT;
	uint64_t position = u32(element + 4), key = u32(element + 8);

	leaf->is_bucket = (u32(element) & IS_BUCKET) != 0;
	return pointed(page, i, position, key, &leaf->key) &&
	       pointed(page, i, position + key, u32(element + 12), &leaf->value);
}

/* --- walking ---------------------------------------------------------------------------------- */

struct walk {
	const struct bh_bolt *db;
	void (*leaf)(void *user, const struct leaf *leaf);
	void *user;
	uint32_t pages;
};

static bool walk_page(struct walk *w, const struct page *page, unsigned level);

static bool walk_number(struct walk *w, uint64_t number, unsigned level)
{
	struct page page;

	return level < MOST_LEVELS && ++w->pages < MOST_PAGES && page_at(w->db, number, &page) &&
	       walk_page(w, &page, level);
}

/* Calls itself, at most MOST_LEVELS deep. */
static bool walk_page(struct walk *w, const struct page *page, unsigned level)
{
	struct leaf leaf;

	if ((page->flags & (BRANCH | LEAF)) == 0)
		return false;
	for (size_t i = 0; i < page->count; i++) {
		if ((page->flags & BRANCH) != 0) {
			if (!walk_number(w, u64(page->bytes + PAGE_HEAD + i * ELEMENT + 8),
					 level + 1))
				return false;
		} else if (leaf_of(page, i, &leaf)) {
			w->leaf(w->user, &leaf);
		} else {
			return false;
		}
	}
	return true;
}

static bool walk_bucket(const struct bh_bolt *db, const struct bh_bolt_bucket *bucket,
			void (*leaf)(void *user, const struct leaf *leaf), void *user)
{
	struct walk w = { db, leaf, user, 0 };
	struct page page;

	if (bucket != NULL && bucket->page == 0)
		return take_page(bucket->inside, bucket->inside_size, &page) &&
		       (page.flags & LEAF) != 0 && walk_page(&w, &page, 0);
	return walk_number(&w, bucket != NULL ? bucket->page : db->root, 0);
}

static bool is_key(const struct bh_bolt_bytes *key, const char *name)
{
	return key->size == strlen(name) && memcmp(key->bytes, name, key->size) == 0;
}

static bool bucket_of(const struct leaf *leaf, struct bh_bolt_bucket *out)
{
	const uint8_t *bytes = (const uint8_t *)leaf->value.bytes;

	if (!leaf->is_bucket || leaf->value.size < BUCKET_HEAD)
		return false;
	*out = (struct bh_bolt_bucket) { .page = u64(bytes),
					 .inside = bytes + BUCKET_HEAD,
					 .inside_size = leaf->value.size - BUCKET_HEAD };
	return true;
}

/* --- questions -------------------------------------------------------------------------------- */

struct search {
	const char *name;
	bool found;
	struct bh_bolt_bucket bucket;
	struct bh_bolt_bytes value;
};

static void match_bucket(void *user, const struct leaf *leaf)
{
	struct search *s = user;

	if (is_key(&leaf->key, s->name) && bucket_of(leaf, &s->bucket))
		s->found = true;
}

bool bh_bolt_find(const struct bh_bolt *db, const struct bh_bolt_bucket *parent, const char *name,
		  struct bh_bolt_bucket *out)
{
	struct search s = { .name = name };

	if (!walk_bucket(db, parent, match_bucket, &s) || !s.found)
		return false;
	*out = s.bucket;
	return true;
}

static void match_value(void *user, const struct leaf *leaf)
{
	struct search *s = user;

	if (!leaf->is_bucket && is_key(&leaf->key, s->name))
		s->value = leaf->value;
}

struct bh_bolt_bytes bh_bolt_value(const struct bh_bolt *db, const struct bh_bolt_bucket *bucket,
				   const char *key)
{
	struct search s = { .name = key };

	walk_bucket(db, bucket, match_value, &s);
	return s.value;
}

struct each {
	void (*found)(void *user, struct bh_bolt_bytes name, const struct bh_bolt_bucket *bucket);
	void *user;
};

static void hand_out(void *user, const struct leaf *leaf)
{
	const struct each *each = user;
	struct bh_bolt_bucket bucket;

	if (bucket_of(leaf, &bucket))
		each->found(each->user, leaf->key, &bucket);
}

bool bh_bolt_each_bucket(const struct bh_bolt *db, const struct bh_bolt_bucket *parent,
			 void (*found)(void *user, struct bh_bolt_bytes name,
				       const struct bh_bolt_bucket *bucket),
			 void *user)
{
	struct each each = { found, user };

	return walk_bucket(db, parent, hand_out, &each);
}
