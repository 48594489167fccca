/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bolt's format: which meta page holds, buckets in pages and in leaves, branches, values that
 * overflow a page, and what does not hold together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "bolt.h"
#include "bolt_pages.h"

#define TEXT(text) (text), (uint32_t)strlen(text)

/* A bucket's value: its tree's page, or 0 and the page itself. */
static uint32_t bucket_value(uint8_t *out, uint64_t page, const struct item *items, uint16_t count)
{
	put64(out, page);
	put64(out + 8, 0);
	return 16 + (page == 0 ? (uint32_t)put_leaf(out + 16, 0, items, count, 0) : 0);
}

/* Two outermost buckets: "ctr" in page 4, "pod" within the leaf. */
static void build(struct pages *p)
{
	uint8_t ctr[16], pod[512], one[512];
	const struct item fields[] = { { TEXT("config"), TEXT("{\"id\":1}"), 0 },
				       { TEXT("state"), TEXT("up"), 0 } };
	uint32_t pod_size = bucket_value(pod, 0, fields, 1);
	uint32_t one_size = bucket_value(one, 0, fields, 2);

	memset(p, 0, sizeof(*p));
	const struct item root[] = {
		{ TEXT("ctr"), ctr, bucket_value(ctr, 4, NULL, 0), 1 },
		{ TEXT("pod"), pod, pod_size, 1 },
		{ TEXT("version"), TEXT("4"), 0 },
	};
	put_leaf(p->bytes + 3 * (size_t)PAGE, 3, root, 3, 0);
	/* A branch over two leaves. */
	const uint64_t leaves[] = { 5, 6 };
	put_branch(p->bytes + 4 * (size_t)PAGE, 4, leaves, 2);
	const struct item first[] = { { TEXT("aaa"), one, one_size, 1 } };
	put_leaf(p->bytes + 5 * (size_t)PAGE, 5, first, 1, 0);
	/* The second one's value overflows into the page behind it. */
	static char large[PAGE + 200];
	memset(large, 'x', sizeof(large));
	const struct item second[] = { { TEXT("bbb"), one, one_size, 1 },
				       { TEXT("large"), large, sizeof(large), 0 } };
	put_leaf(p->bytes + 6 * (size_t)PAGE, 6, second, 2, 1);
	put_meta(p, 0, 3, 7);
	put_meta(p, 1, 9, 6); /* older: where it leads nobody goes */
}

static void collect(void *user, struct bh_bolt_bytes name, const struct bh_bolt_bucket *bucket)
{
	char *names = user;

	(void)bucket;
	strncat(names, name.bytes, name.size);
}

static void assert_value(const struct bh_bolt *db, const struct bh_bolt_bucket *bucket,
			 const char *key, const char *expected)
{
	struct bh_bolt_bytes value = bh_bolt_value(db, bucket, key);

	assert_int_equal(value.size, strlen(expected));
	assert_memory_equal(value.bytes, expected, value.size);
}

static void test_reads(void **state)
{
	static struct pages p;
	struct bh_bolt db;
	struct bh_bolt_bucket ctr, pod, one;
	struct bh_error err = { 0 };
	char names[64] = "";

	(void)state;
	build(&p);
	assert_int_equal(bh_bolt_open(&db, &p, sizeof(p), &err), 0);
	assert_true(bh_bolt_find(&db, NULL, "ctr", &ctr));
	assert_true(bh_bolt_find(&db, NULL, "pod", &pod));
	assert_false(bh_bolt_find(&db, NULL, "vol", &one));
	assert_false(bh_bolt_find(&db, NULL, "version", &one)); /* a value, no bucket */
	assert_true(bh_bolt_each_bucket(&db, &ctr, collect, names));
	assert_string_equal(names, "aaabbb");
	assert_true(bh_bolt_find(&db, &ctr, "bbb", &one));
	assert_value(&db, &one, "config", "{\"id\":1}");
	assert_value(&db, &one, "state", "up");
	assert_value(&db, &one, "none", "");
	assert_value(&db, &pod, "config", "{\"id\":1}");
	struct bh_bolt_bytes large = bh_bolt_value(&db, &ctr, "large");
	assert_int_equal(large.size, PAGE + 200);
	assert_int_equal(large.bytes[large.size - 1], 'x');
}

/* The newer meta page holds; where it was being written, the older one does. */
static void test_meta(void **state)
{
	static struct pages p;
	struct bh_bolt db;
	struct bh_error err = { 0 };

	(void)state;
	build(&p);
	put_meta(&p, 1, 4, 8);
	assert_int_equal(bh_bolt_open(&db, &p, sizeof(p), &err), 0);
	assert_int_equal(db.root, 4);
	p.bytes[PAGE + 16 + 20] ^= 1;
	assert_int_equal(bh_bolt_open(&db, &p, sizeof(p), &err), 0);
	assert_int_equal(db.root, 3);
	p.bytes[16 + 20] ^= 1;
	assert_int_not_equal(bh_bolt_open(&db, &p, sizeof(p), &err), 0);
	assert_non_null(strstr(err.text, "no bolt database"));
}

/* What does not hold together is said, and never read beyond the end or for ever. */
static void test_damaged(void **state)
{
	static struct pages p;
	struct bh_bolt db;
	struct bh_bolt_bucket ctr, other;
	struct bh_error err = { 0 };
	char names[64] = "";

	(void)state;
	build(&p);
	assert_int_equal(bh_bolt_open(&db, &p, sizeof(p), &err), 0);
	assert_true(bh_bolt_find(&db, NULL, "ctr", &ctr));
	const uint64_t circle[] = { 4, 4 };
	put_branch(p.bytes + 4 * (size_t)PAGE, 4, circle, 2);
	assert_false(bh_bolt_each_bucket(&db, &ctr, collect, names));
	const uint64_t nowhere[] = { 5, 5000 };
	put_branch(p.bytes + 4 * (size_t)PAGE, 4, nowhere, 2);
	assert_false(bh_bolt_each_bucket(&db, &ctr, collect, names));
	build(&p);
	put32(p.bytes + 3 * (size_t)PAGE + 16 + 8, UINT32_MAX); /* a key's size */
	assert_false(bh_bolt_find(&db, NULL, "ctr", &other));
	assert_int_not_equal(bh_bolt_open(&db, &p, 79, &err), 0);
	assert_int_not_equal(bh_bolt_open(&db, &p, 0, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_meta),
		cmocka_unit_test(test_damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
