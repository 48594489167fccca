/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages out of segments: in turn, out of it, twice, never; and what that may cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "build.h"
#include "dns_stream.h"
#include "timefmt.h"

#define START 1000 /* sequence number of the first byte */

struct fixture {
	struct bh_dns_streams *streams;
	struct bh_packet segment; /* what the next one is like */
	size_t count;		  /* messages so far, … */
	uint8_t last[65536];	  /* … the last one, … */
	size_t length;		  /* … and its length */
	bool refuse;		  /* this is no message */
	uint8_t content[200000];  /* of the stream: a message of 300 bytes, and 301, and 302 … */
};

static bool take(void *user, const struct bh_packet *packet, const uint8_t *data, size_t length)
{
	struct fixture *f = user;

	assert_non_null(packet);
	f->count++;
	f->length = length;
	memcpy(f->last, data, length);
	return !f->refuse;
}

static int open_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	size_t at = 0;

	for (size_t length = 300; at + length + 2 < sizeof(f->content); length++) {
		f->content[at] = (uint8_t)(length >> 8);
		f->content[at + 1] = (uint8_t)length;
		memset(f->content + at + 2, (int)length, length);
		at += 2 + length;
	}
	f->streams = bh_dns_streams_new(true, 1, take, f);
	f->segment = (struct bh_packet) { .time = 1000 * BH_SECOND,
					  .ifindex = 7,
					  .proto = IPPROTO_TCP,
					  .sport = BH_DNS_PORT,
					  .dport = 4000 };
	*state = f;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;

	bh_dns_streams_free(f->streams);
	free(f);
	return 0;
}

static void send_segment(struct fixture *f, size_t from, size_t to, uint8_t flags)
{
	struct bh_packet p = f->segment;

	p.tcp_flags = flags;
	p.tcp_seq = (uint32_t)(START + from) - ((flags & BH_TCP_SYN) != 0);
	p.tcp_payload = (uint32_t)(to - from);
	p.dns = f->content + from;
	p.dns_captured = to - from;
	bh_dns_streams_segment(f->streams, &p);
}

static void open_stream(struct fixture *f)
{
	send_segment(f, 0, 0, BH_TCP_SYN | BH_TCP_ACK);
}

static uint64_t given_up(const struct fixture *f)
{
	return bh_dns_streams_given_up(f->streams, f->segment.time);
}

/* The nth message of the stream was the last one to come. */
static void assert_last(const struct fixture *f, size_t n)
{
	assert_int_equal(f->count, n);
	assert_int_equal(f->length, 299 + n);
	assert_int_equal(f->last[0], (uint8_t)(299 + n));
	assert_int_equal(f->last[f->length - 1], (uint8_t)(299 + n));
}

static void a_message_comes_in_any_pieces(void **state)
{
	struct fixture *f = *state;

	open_stream(f);
	for (size_t at = 0; at < 302 + 303 + 304; at++)
		send_segment(f, at, at + 1, BH_TCP_ACK);
	assert_last(f, 3);
	assert_int_equal(given_up(f), 0);
}

static void a_segment_holds_several(void **state)
{
	struct fixture *f = *state;

	send_segment(f, 0, 302 + 303 + 10, BH_TCP_ACK); /* its beginning was not seen */
	assert_last(f, 2);
	send_segment(f, 302 + 303 + 10, 302 + 303 + 304, BH_TCP_ACK | BH_TCP_FIN);
	assert_last(f, 3);
	assert_int_equal(given_up(f), 0);
}

static void what_comes_too_early_waits(void **state)
{
	struct fixture *f = *state;

	open_stream(f);
	send_segment(f, 200, 300, BH_TCP_ACK);
	send_segment(f, 300, 605, BH_TCP_ACK);
	send_segment(f, 100, 200, BH_TCP_ACK);
	assert_int_equal(f->count, 0);
	send_segment(f, 0, 100, BH_TCP_ACK);
	assert_last(f, 2);
	assert_int_equal(given_up(f), 0);
}

static void what_comes_again_counts_once(void **state)
{
	struct fixture *f = *state;

	open_stream(f);
	open_stream(f);
	send_segment(f, 0, 200, BH_TCP_ACK);
	open_stream(f);
	send_segment(f, 0, 200, BH_TCP_ACK);
	send_segment(f, 250, 290, BH_TCP_ACK);
	send_segment(f, 250, 290, BH_TCP_ACK);
	send_segment(f, 150, 260, BH_TCP_ACK); /* overlaps on both sides */
	send_segment(f, 290, 302, BH_TCP_ACK);
	send_segment(f, 0, 302, BH_TCP_ACK);
	assert_last(f, 1);
	send_segment(f, 302, 605, BH_TCP_ACK);
	assert_last(f, 2);
	assert_int_equal(given_up(f), 0);
}

static void sequence_numbers_wrap(void **state)
{
	struct fixture *f = *state;
	struct bh_packet *p = &f->segment;

	p->dns = f->content;
	p->tcp_seq = 0xffffff9c;
	p->tcp_payload = p->dns_captured = 100;
	bh_dns_streams_segment(f->streams, p);
	p->dns += 200;
	p->tcp_seq = 100;
	p->tcp_payload = p->dns_captured = 102;
	bh_dns_streams_segment(f->streams, p);
	p->dns -= 100;
	p->tcp_seq = 0;
	p->tcp_payload = p->dns_captured = 100;
	bh_dns_streams_segment(f->streams, p);
	assert_last(f, 1);
}

static void a_port_used_again_begins_anew(void **state)
{
	struct fixture *f = *state;
	struct bh_packet opening = f->segment;

	open_stream(f);
	send_segment(f, 0, 100, BH_TCP_ACK);
	opening.tcp_flags = BH_TCP_SYN | BH_TCP_ACK;
	opening.tcp_seq = START + 50000 - 1;
	opening.dns = f->content;
	bh_dns_streams_segment(f->streams, &opening);
	assert_int_equal(given_up(f), 1);
	opening.tcp_flags = BH_TCP_ACK;
	opening.tcp_seq = START + 50000;
	opening.tcp_payload = (uint32_t)(opening.dns_captured = 302);
	bh_dns_streams_segment(f->streams, &opening);
	assert_last(f, 1);
}

static void what_is_missing_is_given_up(void **state)
{
	struct fixture *f = *state;

	open_stream(f);
	send_segment(f, 0, 100, BH_TCP_ACK);
	for (size_t at = 200; at < 200 + 5 * 10; at += 10) /* more than may wait */
		send_segment(f, at, at + 10, BH_TCP_ACK);
	assert_int_equal(given_up(f), 1);
	f->segment.dport++;
	open_stream(f);
	send_segment(f, 0, 100, BH_TCP_ACK);
	f->segment.time += 9 * BH_SECOND;
	assert_int_equal(given_up(f), 1);
	f->segment.time += 2 * BH_SECOND; /* silence */
	assert_int_equal(given_up(f), 2);
	f->segment.time -= 100 * BH_SECOND; /* the clock is set back */
	send_segment(f, 0, 100, BH_TCP_ACK);
	f->segment.time += 100 * BH_SECOND;
	assert_int_equal(given_up(f), 3);
	assert_int_equal(f->count, 0);
}

static void what_the_capture_cut_is_given_up(void **state)
{
	struct fixture *f = *state;
	struct bh_packet *p = &f->segment;

	p->dns = f->content;
	p->tcp_seq = START;
	p->tcp_payload = 302 + 303;
	p->dns_captured = 400;
	bh_dns_streams_segment(f->streams, p);
	assert_last(f, 1); /* the first one was whole */
	assert_int_equal(given_up(f), 1);
}

static void what_is_no_message_is_given_up(void **state)
{
	struct fixture *f = *state;

	f->refuse = true;
	send_segment(f, 0, 302 + 303, BH_TCP_ACK);
	assert_int_equal(f->count, 1);
	assert_int_equal(given_up(f), 1);
	f->refuse = false;
	send_segment(f, 302 + 303, 302 + 303 + 304, BH_TCP_ACK); /* a message begins here again */
	assert_int_equal(f->count, 2);
}

static void an_end_in_the_middle_is_one(void **state)
{
	struct fixture *f = *state;

	open_stream(f);
	send_segment(f, 0, 302, BH_TCP_ACK);
	send_segment(f, 302, 302, BH_TCP_ACK | BH_TCP_RST);
	assert_int_equal(given_up(f), 0);
	send_segment(f, 302, 400, BH_TCP_ACK);
	send_segment(f, 400, 400, BH_TCP_ACK | BH_TCP_RST);
	assert_int_equal(given_up(f), 1);
}

static void streams_do_not_mix(void **state)
{
	struct fixture *f = *state;

	send_segment(f, 0, 100, BH_TCP_ACK);
	f->segment.dport++;
	send_segment(f, 100, 302, BH_TCP_ACK);
	f->segment.dport--;
	f->segment.ifindex++;
	send_segment(f, 100, 302, BH_TCP_ACK);
	assert_int_equal(f->count, 0);
	f->segment.ifindex--;
	send_segment(f, 100, 302, BH_TCP_ACK);
	assert_last(f, 1);
}

/* A container that leaves thousands of messages unfinished pushes out its own alone. */
static void floods_stay_at_home(void **state)
{
	struct fixture *f = *state;
	unsigned lost = 0;

	f->content[0] = 0xff; /* a message of 65535 bytes that never ends */
	for (uint32_t neighbour = 0; neighbour < 20; neighbour++) {
		f->segment.ifindex = 100 + neighbour;
		f->content[0] = 300 >> 8;
		send_segment(f, 0, 100, BH_TCP_ACK);
		f->content[0] = 0xff;
		f->segment.ifindex = 7;
		for (unsigned i = 0; i < 100; i++) {
			f->segment.dport++;
			for (size_t at = 0; at < 60000; at += 20000)
				send_segment(f, at, at + 20000, BH_TCP_ACK);
		}
		f->segment.dport -= 100;
		f->segment.ifindex = 100 + neighbour;
		f->count = 0;
		send_segment(f, 100, 302, BH_TCP_ACK);
		lost += f->count == 0;
	}
	assert_in_range(lost, 0, 4); /* one in 32 shares the place with the flood */
	assert_in_range(given_up(f), 1900, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_message_comes_in_any_pieces, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(a_segment_holds_several, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(what_comes_too_early_waits, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(what_comes_again_counts_once, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(sequence_numbers_wrap, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(a_port_used_again_begins_anew, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(what_is_missing_is_given_up, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(what_the_capture_cut_is_given_up, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(what_is_no_message_is_given_up, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(an_end_in_the_middle_is_one, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(streams_do_not_mix, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(floods_stay_at_home, open_fixture, close_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
