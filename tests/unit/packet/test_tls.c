/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Server names in ClientHellos: right, cut short, and made to deceive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "build.h"
#include "tls.h"

/* What varies between ClientHellos. */
struct what {
	const char *name; /* NULL: no such extension */
	size_t name_length;
	size_t in_front;  /* bytes of another extension before it */
	unsigned version; /* the record's */
	unsigned type;	  /* of the handshake message */
	unsigned name_type;
	int list_length; /* wrong by so much */
	size_t record;	 /* bytes in the record's length; 0: all */
};

static const struct what plain = { .name = "Shop.Example", .version = 0x0301, .type = 1 };

static void put_name(struct bytes *b, const struct what *w)
{
	size_t length = w->name_length != 0 ? w->name_length : strlen(w->name);

	put16(b, 0);
	put16(b, (unsigned)length + 5);
	put16(b, (unsigned)((int)length + 3 + w->list_length));
	put8(b, w->name_type);
	put16(b, (unsigned)length);
	put(b, w->name, length);
}

static struct bytes hello(const struct what *w)
{
	struct bytes extensions = { .length = 0 }, b = { .length = 0 };

	put16(&extensions, 51);
	put16(&extensions, (unsigned)w->in_front);
	put_zeros(&extensions, w->in_front);
	if (w->name != NULL)
		put_name(&extensions, w);
	put32(&extensions, 43 << 16 | 3);
	put(&extensions, "\x02\x03\x04", 3);
	size_t body = 2 + 32 + 1 + 32 + 2 + 4 + 2 + 2 + extensions.length;
	put8(&b, 22);
	put16(&b, w->version);
	put16(&b, (unsigned)(w->record != 0 ? w->record : body + 4));
	put32(&b, (uint32_t)(w->type << 24 | body));
	put16(&b, 0x0303);
	put_zeros(&b, 32);
	put8(&b, 32);
	put_zeros(&b, 32);
	put16(&b, 4);
	put32(&b, 0x13011302);
	put16(&b, 0x0100);
	put16(&b, (unsigned)extensions.length);
	put(&b, extensions.data, extensions.length);
	return b;
}

static const char *name_in(const struct what *w)
{
	static char name[BH_DNS_NAME];
	struct bytes b = hello(w);

	return bh_tls_read_name(b.data, b.length, name) ? name : NULL;
}

static void assert_refused(const char *name, size_t length)
{
	struct what w = plain;

	w.name = name;
	w.name_length = length;
	assert_null(name_in(&w));
}

static void the_name_is_read(void **state)
{
	struct what w = plain;

	(void)state;
	assert_string_equal(name_in(&w), "shop.example");
	w.version = 0x0303;
	w.in_front = 1300;
	w.name = "xn--bcher-kva.example";
	assert_string_equal(name_in(&w), "xn--bcher-kva.example");
	w.name = "_service.1-a.0";
	assert_string_equal(name_in(&w), "_service.1-a.0");
	w.name = NULL;
	assert_null(name_in(&w));
}

static void what_is_no_hello_has_none(void **state)
{
	struct what w = plain;
	char name[BH_DNS_NAME];

	(void)state;
	w.type = 2; /* the server's */
	assert_null(name_in(&w));
	w = plain;
	w.version = 0x0200;
	assert_null(name_in(&w));
	w = plain;
	w.name_type = 1;
	assert_null(name_in(&w));
	assert_false(bh_tls_read_name((const uint8_t *)"GET / HTTP/1.0\r\n", 16, name));
	assert_false(bh_tls_read_name(NULL, 0, name));
	assert_false(bh_tls_is_hello((const uint8_t *)"\x16\x03\x01\0\0", 5));
	assert_true(bh_tls_is_hello((const uint8_t *)"\x16\x03\x01\0\0\x01", 6));
}

/* A segment that ends behind the name still tells it; one that ends within tells nothing. */
static void a_segment_may_end_anywhere(void **state)
{
	struct what w = plain;
	struct bytes b = hello(&w);
	size_t end = b.length - 7; /* of the name */
	char name[BH_DNS_NAME];

	(void)state;
	for (size_t length = 0; length <= b.length; length++)
		assert_int_equal(bh_tls_read_name(b.data, length, name), length >= end);
}

/* The rest of the message stands in a record of its own: its header is no part of it. */
static void a_record_may_end_within_the_message(void **state)
{
	struct what w = plain;
	struct bytes b = hello(&w);
	size_t end = b.length - 7 - 5; /* of the name, in the record */

	(void)state;
	w.record = end;
	assert_string_equal(name_in(&w), "shop.example");
	w.record = end - 1;
	assert_null(name_in(&w));
}

static void lengths_that_contradict_each_other_are_refused(void **state)
{
	struct what w = plain;

	(void)state;
	w.list_length = 1;
	assert_null(name_in(&w));
	w.list_length = -1;
	assert_null(name_in(&w));
}

static void what_is_no_host_name_is_refused(void **state)
{
	char label[66], all[260];

	(void)state;
	assert_refused("shop example", 0);
	assert_refused("shop\x1b[31m", 0);
	assert_refused("shop\nexample", 0);
	assert_refused("b\xc3\xbc"
		       "cher.example",
		       0);
	assert_refused("shop.example\0evil", 17);
	assert_refused(".", 0);
	assert_refused(".example", 0);
	assert_refused("shop..example", 0);
	assert_refused("shop.example.", 0);
	assert_refused("\"shop\"", 0);
	assert_refused("shop\\.example", 0);
	assert_refused("192.0.2.1", 0);
	assert_refused("2001:db8::1", 0);
	memset(label, 'a', sizeof(label));
	assert_refused(label, 64);
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = i % 50 == 49 ? '.' : 'a';
	assert_refused(all, 254);
	struct what w = plain;
	w.name = all;
	w.name_length = 253;
	assert_int_equal(strlen(name_in(&w)), 253);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_name_is_read),
		cmocka_unit_test(what_is_no_hello_has_none),
		cmocka_unit_test(a_segment_may_end_anywhere),
		cmocka_unit_test(a_record_may_end_within_the_message),
		cmocka_unit_test(lengths_that_contradict_each_other_are_refused),
		cmocka_unit_test(what_is_no_host_name_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
