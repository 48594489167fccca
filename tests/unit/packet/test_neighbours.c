/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who claims which address, and what changed hands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pcap/dlt.h>

#include "build.h"
#include "neighbours.h"

#define A "10.0.0.1"
#define B "10.0.0.2"
#define A6 "fd00::1"
#define B6 "fd00::2"
#define ANY6 "::"
enum { REQUEST = 1, REPLY = 2, SOLICITATION = 135, ADVERTISEMENT = 136 };
enum { SOURCE_LINK = 1, TARGET_LINK = 2, NO_LINK = 0 };

static void put_mac(struct bytes *b, unsigned last)
{
	put(b, "\x02\0\0\0\0", 5);
	put8(b, last);
}

static struct bytes arp(unsigned operation, unsigned mac, const char *sender, const char *target)
{
	struct bytes b = { 0 };

	put_ethernet(&b, 0x0806);
	put(&b, "\0\x01\x08\0\x06\x04", 6);
	put16(&b, operation);
	put_mac(&b, mac);
	put_addr(&b, sender);
	put_zeros(&b, 6);
	put_addr(&b, target);
	return b;
}

static struct bytes discovery(unsigned type, unsigned flags, const char *from, const char *target,
			      unsigned option, unsigned mac)
{
	struct bytes b = { 0 };

	put_ethernet(&b, 0x86dd);
	put_ipv6(&b, from, B6, IPPROTO_ICMPV6, 24 + (option != NO_LINK ? 8 : 0));
	put8(&b, type);
	put_zeros(&b, 3);
	put8(&b, flags);
	put_zeros(&b, 3);
	put_addr(&b, target);
	if (option == NO_LINK)
		return b;
	put8(&b, option);
	put8(&b, 1);
	put_mac(&b, mac);
	return b;
}

static struct bh_packet packet_of(const struct bytes *b)
{
	struct bh_packet p;

	bh_decode(DLT_EN10MB, b->data, b->length, b->length, 1, &p);
	assert_non_null(p.neighbour);
	return p;
}

/* claimed: NULL where nothing is. */
static void assert_says(struct bytes b, enum bh_neighbour_kind kind, const char *claimed)
{
	struct bh_packet p = packet_of(&b);
	struct bh_neighbour n;
	char text[BH_ADDR_TEXT];

	assert_true(bh_neighbour_decode(&p, &n));
	assert_int_equal(n.kind, kind);
	if (claimed == NULL) {
		assert_int_equal(n.addr.family, BH_NO_FAMILY);
		return;
	}
	assert_string_equal(bh_addr_format(&n.addr, text), claimed);
	assert_int_equal(n.mac.bytes[5], 7);
}

static void arp_claims_its_senders_address(void **state)
{
	(void)state;
	assert_says(arp(REQUEST, 7, A, B), BH_NEIGHBOUR_ASKS, A);
	assert_says(arp(REPLY, 7, A, B), BH_NEIGHBOUR_ANSWERS, A);
	assert_says(arp(REQUEST, 7, A, A), BH_NEIGHBOUR_ANNOUNCES, A);
	assert_says(arp(REPLY, 7, A, A), BH_NEIGHBOUR_ANNOUNCES, A);
	assert_says(arp(REQUEST, 7, "0.0.0.0", A), BH_NEIGHBOUR_ASKS, NULL); /* a probe */
}

static void discovery_claims_by_its_options(void **state)
{
	(void)state;
	assert_says(discovery(SOLICITATION, 0, A6, B6, SOURCE_LINK, 7), BH_NEIGHBOUR_ASKS, A6);
	assert_says(discovery(SOLICITATION, 0, ANY6, A6, NO_LINK, 0), BH_NEIGHBOUR_ASKS, NULL);
	assert_says(discovery(ADVERTISEMENT, 0x60, A6, A6, TARGET_LINK, 7), BH_NEIGHBOUR_ANSWERS,
		    A6);
	assert_says(discovery(ADVERTISEMENT, 0x20, A6, A6, TARGET_LINK, 7), BH_NEIGHBOUR_ANNOUNCES,
		    A6);
	assert_says(discovery(ADVERTISEMENT, 0x20, A6, A6, NO_LINK, 7), BH_NEIGHBOUR_ANNOUNCES,
		    NULL);
}

static void what_is_cut_short_is_counted(void **state)
{
	struct bh_neighbour_watch *watch = bh_neighbour_watch_new(10);
	struct bytes whole = arp(REQUEST, 7, A, B),
		     advertised = discovery(ADVERTISEMENT, 0, A6, A6, TARGET_LINK, 7);

	(void)state;
	whole.length -= 1;
	struct bh_packet p = packet_of(&whole);
	bh_neighbour_watch_packet(watch, &p);
	whole.length += 1;
	whole.data[14] = 9; /* of another link layer */
	p = packet_of(&whole);
	bh_neighbour_watch_packet(watch, &p);
	advertised.length -= 20;
	p = packet_of(&advertised);
	bh_neighbour_watch_packet(watch, &p);
	assert_int_equal(bh_neighbour_watch_counts(watch).unread, 3);
	bh_neighbour_watch_free(watch);
}

static void show(struct bh_neighbour_watch *watch, struct bytes b)
{
	struct bh_packet p = packet_of(&b);

	bh_neighbour_watch_packet(watch, &p);
}

static void what_changes_hands_is_told(void **state)
{
	struct bh_neighbour_watch *watch = bh_neighbour_watch_new(10);
	size_t position = 0;

	(void)state;
	show(watch, arp(REQUEST, 1, A, B));
	show(watch, arp(REPLY, 2, B, A));
	show(watch, arp(REQUEST, 1, A, A));
	assert_null(bh_neighbour_watch_next(watch, &position));
	show(watch, arp(REPLY, 3, A, B));
	position = 0;
	const struct bh_neighbour_claim *claim = bh_neighbour_watch_next(watch, &position);
	assert_non_null(claim);
	assert_int_equal(claim->turns, 1);
	assert_int_equal(claim->before.bytes[5], 1);
	assert_int_equal(claim->mac.bytes[5], 3);
	assert_null(bh_neighbour_watch_next(watch, &position));
	show(watch, arp(REPLY, 1, A, B));
	assert_int_equal(claim->turns, 2);
	struct bh_neighbour_counts counts = bh_neighbour_watch_counts(watch);
	assert_int_equal(counts.arp[BH_NEIGHBOUR_ASKS], 1);
	assert_int_equal(counts.arp[BH_NEIGHBOUR_ANSWERS], 3);
	assert_int_equal(counts.arp[BH_NEIGHBOUR_ANNOUNCES], 1);
	bh_neighbour_watch_free(watch);
}

static void memory_is_bounded(void **state)
{
	struct bh_neighbour_watch *watch = bh_neighbour_watch_new(1);

	(void)state;
	show(watch, arp(REQUEST, 1, A, B));
	show(watch, arp(REQUEST, 2, B, A));
	show(watch, arp(REQUEST, 1, A, B));
	assert_int_equal(bh_neighbour_watch_counts(watch).unremembered, 1);
	bh_neighbour_watch_free(watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp_claims_its_senders_address),
		cmocka_unit_test(discovery_claims_by_its_options),
		cmocka_unit_test(what_is_cut_short_is_counted),
		cmocka_unit_test(what_changes_hands_is_told),
		cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
