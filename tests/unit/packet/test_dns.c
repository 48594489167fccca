/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of the domain name system: what they say, and the ones that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "build.h"
#include "dns.h"

enum { A = 1, CNAME = 5, AAAA = 28, OPT = 41, SVCB = 64, HTTPS = 65 };
#define RESPONSE 0x8180
#define QUESTION 0xc00c /* a pointer to the first question's name */

static struct bh_dns_message got;

static struct bytes message(unsigned flags, unsigned questions, unsigned answers)
{
	struct bytes b = { .length = 0 };

	put16(&b, 0x1234);
	put16(&b, flags);
	put16(&b, questions);
	put16(&b, answers);
	put32(&b, 0);
	return b;
}

/* Dots part labels; no escapes. */
static void put_name(struct bytes *b, const char *name)
{
	while (*name != '\0') {
		size_t length = strcspn(name, ".");

		put8(b, (unsigned)length);
		put(b, name, length);
		name += length + (name[length] == '.');
	}
	put8(b, 0);
}

static void put_question(struct bytes *b, const char *name, unsigned type)
{
	put_name(b, name);
	put16(b, type);
	put16(b, 1);
}

/* Behind a record's owner. */
static void put_head(struct bytes *b, unsigned type, uint32_t ttl, unsigned length)
{
	put16(b, type);
	put16(b, 1);
	put32(b, ttl);
	put16(b, length);
}

static void put_a(struct bytes *b, const char *owner, uint32_t ttl, const char *address)
{
	put_name(b, owner);
	put_head(b, A, ttl, 4);
	put_addr(b, address);
}

static void put_cname(struct bytes *b, const char *owner, uint32_t ttl, const char *target)
{
	struct bytes name = { .length = 0 };

	put_name(&name, target);
	put_name(b, owner);
	put_head(b, CNAME, ttl, (unsigned)name.length);
	put(b, name.data, name.length);
}

/* From the heap and exactly as long, so that a sanitizer sees every byte too many. */
static bool reads(const struct bytes *b)
{
	uint8_t *exact = malloc(b->length > 0 ? b->length : 1);

	assert_non_null(exact);
	memcpy(exact, b->data, b->length);
	bool result = bh_dns_read(exact, b->length, &got);
	free(exact);
	return result;
}

static void assert_address(size_t i, const char *text, uint32_t ttl, const char *name)
{
	char printed[BH_ADDR_TEXT];

	assert_in_range(i, 0, got.address_count - 1);
	assert_string_equal(bh_addr_format(&got.addresses[i].addr, printed), text);
	assert_int_equal(got.addresses[i].ttl, ttl);
	assert_string_equal(got.questions[got.addresses[i].question].name, name);
}

static void a_query_is_read(void **state)
{
	struct bytes b = message(0x0100, 1, 0);

	(void)state;
	put_question(&b, "DB.Example", AAAA);
	assert_true(reads(&b));
	assert_false(got.response);
	assert_int_equal(got.id, 0x1234);
	assert_int_equal(got.question_count, 1);
	assert_int_equal(got.questions[0].type, AAAA);
	assert_string_equal(got.questions[0].name, "db.example");
}

static void addresses_answer_the_question(void **state)
{
	struct bytes b = message(RESPONSE, 1, 3);

	(void)state;
	put_question(&b, "db.example", A);
	put16(&b, QUESTION);
	put_head(&b, A, 300, 4);
	put_addr(&b, "192.0.2.1");
	put_a(&b, "DB.EXAMPLE", 60, "192.0.2.2");
	put16(&b, QUESTION);
	put_head(&b, AAAA, 30, 16);
	put_addr(&b, "2001:db8::1");
	assert_true(reads(&b));
	assert_true(got.response);
	assert_int_equal(got.address_count, 3);
	assert_address(0, "192.0.2.1", 300, "db.example");
	assert_address(1, "192.0.2.2", 60, "db.example");
	assert_address(2, "2001:db8::1", 30, "db.example");
}

/* The address before the chain that leads to it, and the chain back to front. */
static void chains_are_followed_in_any_order(void **state)
{
	struct bytes b = message(RESPONSE, 1, 4);

	(void)state;
	put_question(&b, "www.example", A);
	put_a(&b, "edge.cdn.example", 100, "192.0.2.7");
	put_cname(&b, "cdn.example", 20, "edge.cdn.example");
	put_cname(&b, "www.example", 3600, "cdn.example");
	put_a(&b, "stranger.example", 100, "192.0.2.8"); /* nobody asked */
	assert_true(reads(&b));
	assert_int_equal(got.address_count, 1);
	assert_address(0, "192.0.2.7", 20, "www.example");
}

static void each_question_has_its_answers(void **state)
{
	struct bytes b = message(RESPONSE, 2, 3);

	(void)state;
	put_question(&b, "a.example", A);
	put_question(&b, "b.example", A);
	put_a(&b, "b.example", 1, "192.0.2.2");
	put_cname(&b, "a.example", 9, "c.example");
	put_a(&b, "c.example", 5, "192.0.2.1");
	assert_true(reads(&b));
	assert_int_equal(got.address_count, 2);
	assert_address(0, "192.0.2.2", 1, "b.example");
	assert_address(1, "192.0.2.1", 5, "a.example");
}

static void loops_are_refused(void **state)
{
	static const char *const ways[][3][2] = {
		{ { "q.example", "q.example" } },
		{ { "q.example", "a.example" }, { "a.example", "q.example" } },
		{ { "q.example", "a.example" },
		  { "b.example", "a.example" },
		  { "a.example", "b.example" } },
		{ { "q.example", "a.example" }, { "q.example", "b.example" } }, /* two ways on */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		unsigned count = 0;

		while (count < 3 && ways[i][count][0] != NULL)
			count++;
		struct bytes b = message(RESPONSE, 1, count + 1);
		put_question(&b, "q.example", A);
		for (unsigned j = 0; j < count; j++)
			put_cname(&b, ways[i][j][0], 5, ways[i][j][1]);
		put_a(&b, "a.example", 5, "192.0.2.1");
		assert_false(reads(&b));
	}
}

static void long_chains_are_refused(void **state)
{
	(void)state;
	for (unsigned count = 16; count <= 17; count++) {
		struct bytes b = message(RESPONSE, 1, count + 1);
		char owner[16] = "q", target[16];

		put_question(&b, "q", A);
		for (unsigned i = 0; i < count; i++) {
			snprintf(target, sizeof(target), "n%u", i);
			put_cname(&b, owner, 100 - i, target);
			strcpy(owner, target);
		}
		put_a(&b, owner, 1000, "192.0.2.1");
		assert_int_equal(reads(&b), count == 16);
		if (count == 16)
			assert_address(0, "192.0.2.1", 85, "q");
	}
}

/* priority, no target, alpn, both hints. */
static struct bytes service(unsigned type, unsigned priority)
{
	struct bytes b = message(RESPONSE, 1, 1);

	put_question(&b, "svc.example", type);
	put16(&b, QUESTION);
	put_head(&b, type, 40, 3 + 7 + 12 + 20);
	put16(&b, priority);
	put8(&b, 0);
	put32(&b, 1 << 16 | 3);
	put(&b, "\2h2", 3);
	put32(&b, 4 << 16 | 8);
	put_addr(&b, "192.0.2.1");
	put_addr(&b, "192.0.2.2");
	put32(&b, 6 << 16 | 16);
	put_addr(&b, "2001:db8::1");
	return b;
}

static void service_hints_are_addresses(void **state)
{
	struct bytes b = service(HTTPS, 1);

	(void)state;
	assert_true(reads(&b));
	assert_int_equal(got.address_count, 3);
	assert_address(1, "192.0.2.2", 40, "svc.example");
	assert_address(2, "2001:db8::1", 40, "svc.example");
	b = service(SVCB, 1);
	assert_true(reads(&b));
	assert_int_equal(got.address_count, 3);
	b = service(HTTPS, 0); /* an alias */
	assert_true(reads(&b));
	assert_int_equal(got.address_count, 0);
	b = service(HTTPS, 1);
	b.data[b.length - 17] = 15; /* a hint that is no address; the rest no parameter */
	assert_false(reads(&b));
	b = service(HTTPS, 1);
	b.data[b.length - 19] = 4; /* the same key twice */
	assert_false(reads(&b));
}

static void what_is_behind_the_answers_is_not_read(void **state)
{
	struct bytes b = message(RESPONSE, 1, 1);

	(void)state;
	b.data[11] = 1;
	put_question(&b, "db.example", A);
	put_a(&b, "db.example", 7, "192.0.2.1");
	put8(&b, 0); /* EDNS: the root's, with the payload size for a class */
	put16(&b, OPT);
	put16(&b, 1232);
	put32(&b, 0);
	put16(&b, 0);
	assert_true(reads(&b));
	assert_int_equal(got.address_count, 1);
}

static void errors_and_cut_answers_name_nothing(void **state)
{
	static const unsigned flags[] = { 0x8183, 0x8182, 0x8380 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct bytes b = message(flags[i], 1, 1);

		put_question(&b, "db.example", A);
		put_a(&b, "db.example", 7, "192.0.2.1");
		assert_true(reads(&b));
		assert_int_equal(got.address_count, 0);
	}
}

static void names_are_printable(void **state)
{
	struct bytes b = message(0, 1, 0);

	(void)state;
	put8(&b, 10);
	put(&b, "A.\\ \x1b\0\xff~\"-", 10);
	put8(&b, 2);
	put(&b, "Zz", 2);
	put8(&b, 0);
	put32(&b, A << 16 | 1);
	assert_true(reads(&b));
	assert_string_equal(got.questions[0].name, "a\\.\\\\\\032\\027\\000\\255~\"-.zz");
	b = message(0, 1, 0);
	put_question(&b, "", A);
	assert_true(reads(&b));
	assert_string_equal(got.questions[0].name, ".");
}

/* labels of 63 and the last one of `last`; octet: what they are made of. */
static struct bytes long_name(unsigned last, unsigned octet)
{
	struct bytes b = message(0, 1, 0);

	for (int i = 0; i < 4; i++) {
		unsigned length = i < 3 ? 63 : last;

		put8(&b, length);
		for (unsigned j = 0; j < length; j++)
			put8(&b, octet);
	}
	put8(&b, 0);
	put32(&b, A << 16 | 1);
	return b;
}

static void names_have_a_longest(void **state)
{
	struct bytes b = long_name(61, 'a');

	(void)state;
	assert_true(reads(&b));
	assert_int_equal(strlen(got.questions[0].name), 253);
	b = long_name(62, 'a');
	assert_false(reads(&b));
	b = long_name(61, 0); /* within its octets, but four times as long when it is printed */
	assert_false(reads(&b));
	b = long_name(64, 'a'); /* what begins so is no label */
	assert_false(reads(&b));
}

static void pointers_lead_back_or_nowhere(void **state)
{
	static const unsigned bad[] = { 0xc00c, 0xc00d, 0xc0ff, 0xffff };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct bytes b = message(0, 1, 0);

		put16(&b, bad[i]); /* at 12 */
		put32(&b, A << 16 | 1);
		assert_false(reads(&b));
	}
	struct bytes b = message(0, 2, 0);
	put_question(&b, "a.example", A);
	put(&b, "\1b\xc0\x0e", 4); /* b, then the "example" within the first */
	put32(&b, A << 16 | 1);
	assert_true(reads(&b));
	assert_string_equal(got.questions[1].name, "b.example");
	b.data[b.length - 5] = 0x1b; /* where it began */
	assert_false(reads(&b));
}

/* Pointers that lead to pointers, each legal alone. */
static void compression_bombs_are_refused(void **state)
{
	(void)state;
	for (unsigned hops = 64; hops <= 65; hops++) {
		struct bytes b = message(RESPONSE, 1, 2);

		put_question(&b, "q", A);
		put_name(&b, "x");
		put_head(&b, 16, 1, 2 * hops); /* some text, which nobody reads */
		unsigned at = (unsigned)b.length;
		for (unsigned i = 0; i < hops; i++)
			put16(&b, i == 0 ? QUESTION : 0xc000 | (at + 2 * (i - 1)));
		put16(&b, 0xc000 | (unsigned)(b.length - 4)); /* one more hop */
		put_head(&b, A, 1, 4);
		put_addr(&b, "192.0.2.1");
		assert_int_equal(reads(&b), hops == 64);
	}
}

static void a_record_ends_where_it_says(void **state)
{
	struct bytes b = message(RESPONSE, 1, 1);

	(void)state;
	put_question(&b, "db.example", A);
	put16(&b, QUESTION);
	put_head(&b, A, 7, 5);
	put_zeros(&b, 5);
	assert_false(reads(&b));
	b = message(RESPONSE, 1, 1);
	put_question(&b, "db.example", A);
	put16(&b, QUESTION);
	put_head(&b, CNAME, 7, 2);
	put(&b, "\3abc\0", 5); /* a target beyond the record's end */
	assert_false(reads(&b));
}

static void no_message_is_read_by_halves(void **state)
{
	struct bytes whole = service(HTTPS, 1);

	(void)state;
	for (size_t length = 0; length < whole.length; length++) {
		struct bytes b = whole;

		b.length = length;
		assert_false(reads(&b));
	}
	assert_true(reads(&whole));
}

static void other_kinds_are_none(void **state)
{
	struct bytes b = message(0x2800, 1, 0); /* an update */

	(void)state;
	put_question(&b, "db.example", A);
	assert_false(reads(&b));
	b = message(0, 0, 0);
	assert_false(reads(&b));
	b = message(0, 5, 0);
	for (int i = 0; i < 5; i++)
		put_question(&b, "q", A);
	assert_false(reads(&b));
	b = message(0, 1, 0);
	put_question(&b, "version.bind", 16);
	b.data[b.length - 1] = 3; /* CHAOS */
	assert_false(reads(&b));
}

static void many_addresses_are_bounded(void **state)
{
	(void)state;
	for (unsigned count = 65; count <= 257; count += 192) {
		struct bytes b = message(RESPONSE, 1, count);

		put_question(&b, "q", A);
		for (unsigned i = 0; i < count && b.length + 16 < sizeof(b.data); i++) {
			put16(&b, QUESTION);
			put_head(&b, A, 0x80000001, 4); /* counts as none */
			put32(&b, 0xc0000200 + i);
		}
		assert_int_equal(reads(&b), count == 65);
		if (count != 65)
			continue;
		assert_int_equal(got.address_count, BH_DNS_ADDRESSES);
		assert_address(63, "192.0.2.63", 0, "q");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_is_read),
		cmocka_unit_test(addresses_answer_the_question),
		cmocka_unit_test(chains_are_followed_in_any_order),
		cmocka_unit_test(each_question_has_its_answers),
		cmocka_unit_test(loops_are_refused),
		cmocka_unit_test(long_chains_are_refused),
		cmocka_unit_test(service_hints_are_addresses),
		cmocka_unit_test(what_is_behind_the_answers_is_not_read),
		cmocka_unit_test(errors_and_cut_answers_name_nothing),
		cmocka_unit_test(names_are_printable),
		cmocka_unit_test(names_have_a_longest),
		cmocka_unit_test(pointers_lead_back_or_nowhere),
		cmocka_unit_test(compression_bombs_are_refused),
		cmocka_unit_test(a_record_ends_where_it_says),
		cmocka_unit_test(no_message_is_read_by_halves),
		cmocka_unit_test(other_kinds_are_none),
		cmocka_unit_test(many_addresses_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
