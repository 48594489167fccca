/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICMP errors: what they say of the flows whose packets they quote, and who is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pcap/dlt.h>

#include "build.h"
#include "flow_table.h"
#include "timefmt.h"

#define A "10.0.0.1"
#define B "10.0.0.2"
#define C "10.0.0.3"
#define ROUTER "10.0.0.254"
#define A6 "fd00::1"
#define B6 "fd00::2"
enum { VETH_A = 1, VETH_B, VETH_C };
#define FROM_HOST 0

struct fixture {
	struct bh_flow_table *table;
	struct bh_flow flows[16];
	size_t count;
	int64_t now;
};

static void collect(void *user, const struct bh_flow *flow)
{
	struct fixture *f = user;

	assert_true(f->count < sizeof(f->flows) / sizeof(f->flows[0]));
	f->flows[f->count++] = *flow;
}

static void bind_address(struct fixture *f, uint32_t ifindex, const char *text)
{
	struct bh_addr address = { 0 };

	bh_addr_parse(text, &address);
	bh_flow_table_bind(f->table, ifindex, &address);
}

static void open_fixture(struct fixture *f, bool live)
{
	struct bh_flow_table_config config = { .max_flows = 16,
					       .idle_timeout = 60 * BH_SECOND,
					       .tcp_idle_timeout = 60 * BH_SECOND,
					       .closed_linger = 10 * BH_SECOND,
					       .live = live };

	*f = (struct fixture) { .now = INT64_C(1795488000) * BH_SECOND };
	f->table = bh_flow_table_new(&config, collect, f);
	if (!live)
		return;
	bind_address(f, VETH_A, A);
	bind_address(f, VETH_B, B);
	bind_address(f, VETH_C, C);
}

/* The flow opened first. */
static const struct bh_flow *first_flow(struct fixture *f)
{
	bh_flow_table_flush(f->table);
	assert_true(f->count > 0);
	return &f->flows[0];
}

static void close_fixture(struct fixture *f)
{
	bh_flow_table_free(f->table);
}

/* An IP packet, on its way in from or out to the interface; 0: the capture is of one wire. */
static void pass(struct fixture *f, const struct bytes *ip, uint32_t ifindex, bool outgoing)
{
	struct bytes b = { 0 };

	put16(&b, ip->data[0] >> 4 == 6 ? 0x86dd : 0x0800);
	put16(&b, 0);
	put32(&b, ifindex);
	put16(&b, 1);
	put8(&b, outgoing ? 4 : 0);
	put_zeros(&b, 9);
	put(&b, ip->data, ip->length);
	bh_flow_table_frame(f->table, DLT_LINUX_SLL2, b.data, b.length, b.length, f->now++);
}

static struct bytes udp(const char *src, unsigned sport, const char *dst, unsigned dport)
{
	struct bytes b = { 0 };

	put_ipv4(&b, src, dst, IPPROTO_UDP, 8);
	put_udp(&b, sport, dport, 0);
	return b;
}

static struct bytes syn(const char *src, unsigned sport, const char *dst, uint32_t seq)
{
	struct bytes b = { 0 };

	put_ipv4(&b, src, dst, IPPROTO_TCP, 20);
	put_tcp(&b, sport, 80, BH_TCP_SYN, seq, 0);
	return b;
}

static struct bytes echo(const char *src, const char *dst, unsigned type)
{
	struct bytes b = { 0 };

	put_ipv4(&b, src, dst, IPPROTO_ICMP, 8);
	put8(&b, type);
	put_zeros(&b, 7);
	return b;
}

static struct bytes error_about(const struct bytes *cause, const char *from, const char *to,
				unsigned type, unsigned code)
{
	struct bytes b = { 0 };

	put_ipv4(&b, from, to, IPPROTO_ICMP, 8 + cause->length);
	put8(&b, type);
	put8(&b, code);
	put_zeros(&b, 6);
	put(&b, cause->data, cause->length);
	return b;
}

static void assert_error(const struct bh_flow *flow, unsigned count, unsigned type, unsigned code)
{
	assert_int_equal(flow->icmp_error.count, count);
	assert_int_equal(flow->icmp_error.type, type);
	assert_int_equal(flow->icmp_error.code, code);
}

static void an_unanswered_flow_is_refused(void **state)
{
	struct bytes cause = udp(A, 5000, B, 53), error = error_about(&cause, B, A, 3, 3);
	struct fixture f;

	(void)state;
	open_fixture(&f, false);
	pass(&f, &cause, 0, false);
	pass(&f, &error, 0, false);
	assert_int_equal(first_flow(&f)->state, BH_FLOW_REFUSED);
	assert_error(&f.flows[0], 1, 3, 3);
	/* The error is a flow of its own. */
	assert_int_equal(f.count, 2);
	assert_int_equal(f.flows[1].key.dport, 3 << 8 | 3);
	assert_int_equal(f.flows[1].icmp_error.count, 0);
	close_fixture(&f);
}

static void too_big_refuses_nothing(void **state)
{
	struct bytes cause = udp(A, 5000, B, 53), error = error_about(&cause, ROUTER, A, 3, 4);
	struct fixture f;

	(void)state;
	open_fixture(&f, false);
	pass(&f, &cause, 0, false);
	pass(&f, &error, 0, false);
	pass(&f, &error, 0, false);
	assert_int_equal(first_flow(&f)->state, BH_FLOW_ATTEMPTED);
	assert_error(&f.flows[0], 2, 3, 4);
	close_fixture(&f);
}

static void an_answered_flow_keeps_its_state(void **state)
{
	struct bytes ask = udp(A, 5000, B, 53), answer = udp(B, 53, A, 5000),
		     error = error_about(&ask, B, A, 3, 3),
		     back = error_about(&answer, A, B, 3, 13);
	struct fixture f;

	(void)state;
	open_fixture(&f, false);
	pass(&f, &ask, 0, false);
	pass(&f, &answer, 0, false);
	pass(&f, &error, 0, false);
	pass(&f, &back, 0, false); /* about a packet that went back: told all the same */
	assert_int_equal(first_flow(&f)->state, BH_FLOW_ANSWERED);
	assert_error(&f.flows[0], 2, 3, 13);
	close_fixture(&f);
}

static void echoes_and_their_replies_are_quoted_too(void **state)
{
	struct bytes ask = echo(A, B, 8), reply = echo(B, A, 0),
		     expired = error_about(&ask, ROUTER, A, 11, 0),
		     lost = error_about(&reply, A, B, 3, 1);
	struct fixture f;

	(void)state;
	open_fixture(&f, false);
	pass(&f, &ask, 0, false);
	pass(&f, &expired, 0, false);
	pass(&f, &reply, 0, false);
	pass(&f, &lost, 0, false);
	assert_int_equal(first_flow(&f)->state, BH_FLOW_ANSWERED);
	assert_error(&f.flows[0], 2, 3, 1);
	close_fixture(&f);
}

static void errors_of_ipv6_are_told_as_well(void **state)
{
	struct bytes cause = { 0 }, error = { 0 };
	struct fixture f;

	(void)state;
	put_ipv6(&cause, A6, B6, IPPROTO_UDP, 8);
	put_udp(&cause, 5000, 53, 0);
	put_ipv6(&error, B6, A6, IPPROTO_ICMPV6, 8 + cause.length);
	put(&error, "\x02\0\0\0\0\0\x05\0", 8);
	put(&error, cause.data, cause.length);
	open_fixture(&f, false);
	pass(&f, &cause, 0, false);
	pass(&f, &error, 0, false);
	assert_int_equal(first_flow(&f)->state, BH_FLOW_ATTEMPTED);
	assert_error(&f.flows[0], 1, 2, 0);
	close_fixture(&f);
}

/* An IP-in-IP carrier around the packet. */
static struct bytes tunnelled(const struct bytes *inner)
{
	struct bytes b = { 0 };

	put_ipv4(&b, ROUTER, C, IPPROTO_IPIP, inner->length);
	put(&b, inner->data, inner->length);
	return b;
}

static void what_a_tunnel_carries_has_errors_within_and_about_it(void **state)
{
	struct bytes inner = udp(A, 5000, B, 53), carrier = tunnelled(&inner),
		     within = error_about(&inner, B, A, 3, 3), carried = tunnelled(&within),
		     about = error_about(&carrier, "10.9.9.9", ROUTER, 3, 4);
	struct fixture f;

	(void)state;
	open_fixture(&f, false);
	pass(&f, &carrier, 0, false);
	pass(&f, &about, 0, false);
	assert_int_equal(first_flow(&f)->icmp_error.count, 1);
	assert_string_equal(f.flows[1].tunnel, "ipip");
	assert_int_equal(f.flows[1].state, BH_FLOW_ATTEMPTED);
	assert_error(&f.flows[1], 1, 3, 4);

	f.count = 0;
	pass(&f, &carrier, 0, false);
	pass(&f, &carried, 0, false);
	assert_int_equal(first_flow(&f)->icmp_error.count, 0);
	assert_int_equal(f.flows[1].state, BH_FLOW_REFUSED);
	assert_error(&f.flows[1], 1, 3, 3);
	close_fixture(&f);
}

static void what_quotes_no_flow_is_counted(void **state)
{
	struct bytes cause = udp(A, 5000, B, 53), other = udp(A, 5001, B, 53),
		     unknown = error_about(&other, B, A, 3, 3),
		     elsewhere = error_about(&cause, B, C, 3, 3);
	struct fixture f;

	(void)state;
	open_fixture(&f, false);
	pass(&f, &cause, 0, false);
	pass(&f, &unknown, 0, false);
	pass(&f, &elsewhere, 0, false); /* not to who sent it */
	assert_int_equal(bh_flow_table_stats(f.table).stray_errors, 2);
	assert_error(first_flow(&f), 0, 0, 0);
	close_fixture(&f);
}

/* Live: A asks B; an error that comes in by `in` and goes out to A. What is noted on A's flow. */
static struct bh_flow after_error(const struct bytes *cause, const struct bytes *error, uint32_t in)
{
	struct fixture f;

	open_fixture(&f, true);
	pass(&f, cause, VETH_A, false);
	pass(&f, cause, VETH_B, true);
	if (in != FROM_HOST)
		pass(&f, error, in, false);
	pass(&f, error, VETH_A, true);
	struct bh_flow flow = *first_flow(&f);
	close_fixture(&f);
	return flow;
}

static void a_watched_interface_speaks_for_itself_alone(void **state)
{
	struct bytes cause = udp(A, 5000, B, 53), mine = error_about(&cause, B, A, 3, 3),
		     strangers = error_about(&cause, C, A, 3, 3),
		     routers = error_about(&cause, ROUTER, A, 3, 13);
	struct bh_flow flow;

	(void)state;
	/* In and out again is once. */
	flow = after_error(&cause, &mine, VETH_B);
	assert_error(&flow, 1, 3, 3);
	assert_int_equal(flow.state, BH_FLOW_REFUSED);
	flow = after_error(&cause, &strangers, VETH_C);
	assert_int_equal(flow.icmp_error.count, 0);
	assert_int_equal(flow.state, BH_FLOW_ATTEMPTED);
	/* The host's firewall, or a router outside. */
	flow = after_error(&cause, &routers, FROM_HOST);
	assert_error(&flow, 1, 3, 13);
	assert_int_equal(flow.state, BH_FLOW_REFUSED);
}

static void who_has_not_seen_the_syn_refuses_nothing(void **state)
{
	struct bytes cause = syn(A, 40000, B, 1000), guessed = syn(A, 40000, B, 1001),
		     true_one = error_about(&cause, ROUTER, A, 3, 1),
		     false_one = error_about(&guessed, ROUTER, A, 3, 1);
	struct bh_flow flow;

	(void)state;
	flow = after_error(&cause, &false_one, FROM_HOST);
	assert_int_equal(flow.state, BH_FLOW_ATTEMPTED);
	assert_int_equal(flow.icmp_error.count, 0);
	flow = after_error(&cause, &true_one, FROM_HOST);
	assert_int_equal(flow.state, BH_FLOW_REFUSED);
}

static void room_for_errors_is_bounded(void **state)
{
	struct bh_flow_table_config config = { .max_flows = 1000,
					       .idle_timeout = 60 * BH_SECOND,
					       .tcp_idle_timeout = 60 * BH_SECOND,
					       .closed_linger = 60 * BH_SECOND };
	struct fixture f = { .now = BH_SECOND };

	(void)state;
	f.table = bh_flow_table_new(&config, collect, &f);
	for (unsigned port = 1; port <= 400; port++) {
		struct bytes cause = udp(A, port, B, 53), error = error_about(&cause, B, A, 3, 3);

		pass(&f, &cause, 0, false);
		pass(&f, &error, 0, false);
	}
	assert_in_range(bh_flow_table_stats(f.table).unnoted, 1, 399);
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unanswered_flow_is_refused),
		cmocka_unit_test(too_big_refuses_nothing),
		cmocka_unit_test(an_answered_flow_keeps_its_state),
		cmocka_unit_test(echoes_and_their_replies_are_quoted_too),
		cmocka_unit_test(errors_of_ipv6_are_told_as_well),
		cmocka_unit_test(what_a_tunnel_carries_has_errors_within_and_about_it),
		cmocka_unit_test(what_quotes_no_flow_is_counted),
		cmocka_unit_test(a_watched_interface_speaks_for_itself_alone),
		cmocka_unit_test(who_has_not_seen_the_syn_refuses_nothing),
		cmocka_unit_test(room_for_errors_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
