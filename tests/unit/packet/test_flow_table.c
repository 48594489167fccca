/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flow table: who opened what, how far it got, what each side saw, and what memory allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "bindings.h"
#include "build.h"
#include "bulkhead/name.h"
#include "flow_table.h"
#include "timefmt.h"

#define S BH_SECOND
#define START (INT64_C(1795488000) * S)
#define A "10.0.0.1"
#define B "10.0.0.2"
#define C "10.0.0.3"
#define WORLD "192.0.2.9"
#define SYN BH_TCP_SYN
#define ACK BH_TCP_ACK
#define FIN BH_TCP_FIN
#define RST BH_TCP_RST

enum { VETH_A = 11, VETH_B = 12, VETH_C = 13, BRIDGE = 5 };

struct fixture {
	struct bh_flow_table *table;
	struct bh_flow records[4096];
	size_t count;
	int64_t now;
};

static void collect(void *user, const struct bh_flow *flow)
{
	struct fixture *f = user;

	assert_true(f->count < sizeof(f->records) / sizeof(f->records[0]));
	f->records[f->count++] = *flow;
}

static struct bh_addr addr(const char *text)
{
	struct bh_addr out = { 0 };

	assert_true(bh_addr_parse(text, &out));
	return out;
}

static struct fixture *open_fixture(const struct bh_flow_table_config *config)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	f.table = bh_flow_table_new(config, collect, &f);
	f.now = START;
	return &f;
}

static const struct bh_flow_table_config file_config = { .max_flows = 1000,
							 .idle_timeout = 60 * S,
							 .tcp_idle_timeout = 3600 * S,
							 .closed_linger = 5 * S };

static struct fixture *open_file(void)
{
	return open_fixture(&file_config);
}

static struct fixture *open_live(void)
{
	struct bh_flow_table_config config = file_config;

	config.live = true;
	struct fixture *f = open_fixture(&config);
	bh_flow_table_bind(f->table, VETH_A, &(struct bh_addr) { BH_IPV4, { 10, 0, 0, 1 } });
	bh_flow_table_bind(f->table, VETH_B, &(struct bh_addr) { BH_IPV4, { 10, 0, 0, 2 } });
	return f;
}

static void close_fixture(struct fixture *f)
{
	bh_flow_table_free(f->table);
}

/* Ends every flow; the records are those of this flush alone. */
static void flush(struct fixture *f)
{
	f->count = 0;
	bh_flow_table_flush(f->table);
}

static struct bh_packet packet(uint8_t proto, const char *src, unsigned sport, const char *dst,
			       unsigned dport)
{
	return (struct bh_packet) { .src = addr(src),
				    .dst = addr(dst),
				    .proto = proto,
				    .sport = (uint16_t)sport,
				    .dport = (uint16_t)dport,
				    .ip_bytes = 100 };
}

/* A millisecond after the one before. */
static void pass(struct fixture *f, const struct bh_packet *p)
{
	struct bh_packet now = *p;

	now.time = f->now;
	bh_flow_table_packet(f->table, &now);
	f->now += 1000;
}

/* Comes in from one veth and goes out to the other; 0: not seen there. */
static void pass_by(struct fixture *f, struct bh_packet p, uint32_t in, uint32_t out)
{
	p.ifindex = in;
	if (in != 0)
		pass(f, &p);
	p.ifindex = out;
	p.outgoing = true;
	if (out != 0)
		pass(f, &p);
}

static struct bh_packet tcp(const char *src, unsigned sport, const char *dst, unsigned dport,
			    unsigned flags)
{
	struct bh_packet p = packet(IPPROTO_TCP, src, sport, dst, dport);

	p.tcp_flags = (uint8_t)flags;
	p.tcp_seq = (flags & SYN) != 0 && (flags & ACK) != 0 ? 9000 : 1000;
	p.tcp_ack = (flags & ACK) != 0 ? 1001 : 0;
	return p;
}

static void pass_tcp(struct fixture *f, const char *src, unsigned sport, const char *dst,
		     unsigned dport, unsigned flags)
{
	struct bh_packet p = tcp(src, sport, dst, dport, flags);

	pass(f, &p);
}

static void pass_udp(struct fixture *f, const char *src, unsigned sport, const char *dst,
		     unsigned dport)
{
	struct bh_packet p = packet(IPPROTO_UDP, src, sport, dst, dport);

	pass(f, &p);
}

static struct bh_packet icmp(const char *src, const char *dst, bool reply)
{
	struct bh_packet p = packet(IPPROTO_ICMP, src, 0, dst, 8 << 8);

	p.icmp_reply = reply;
	return p;
}

static void assert_key(const struct bh_flow *flow, const char *src, unsigned sport, const char *dst,
		       unsigned dport)
{
	char text[BH_ADDR_TEXT];

	assert_string_equal(bh_addr_format(&flow->key.src, text), src);
	assert_string_equal(bh_addr_format(&flow->key.dst, text), dst);
	assert_int_equal(flow->key.sport, sport);
	assert_int_equal(flow->key.dport, dport);
}

static void assert_half(const struct bh_flow_half *half, unsigned sent, unsigned delivered)
{
	assert_int_equal(half->sent.packets, sent);
	assert_int_equal(half->sent.bytes, 100 * sent);
	assert_int_equal(half->delivered.packets, delivered);
	assert_int_equal(half->delivered.bytes, 100 * delivered);
}

/* --- TCP states and directions ------------------------------------------------------------------
 */

static void connection_opens_and_closes(void **state)
{
	struct fixture *f = open_file();

	(void)state;
	pass_tcp(f, A, 40000, B, 80, SYN);
	pass_tcp(f, B, 80, A, 40000, SYN | ACK);
	pass_tcp(f, A, 40000, B, 80, ACK);
	pass_tcp(f, A, 40000, B, 80, ACK);
	pass_tcp(f, B, 80, A, 40000, ACK);
	pass_tcp(f, A, 40000, B, 80, ACK | FIN);
	pass_tcp(f, B, 80, A, 40000, ACK | FIN);
	pass_tcp(f, A, 40000, B, 80, ACK);
	flush(f);
	assert_int_equal(f->count, 1);
	assert_key(&f->records[0], A, 40000, B, 80);
	assert_int_equal(f->records[0].direction, BH_DIRECTION_SYN);
	assert_int_equal(f->records[0].state, BH_FLOW_CLOSED);
	assert_true(f->records[0].answered);
	assert_true(f->records[0].final);
	assert_int_equal(f->records[0].first, START);
	assert_int_equal(f->records[0].last, START + 7000);
	assert_half(&f->records[0].tx, 5, 0);
	assert_half(&f->records[0].rx, 3, 0);
	close_fixture(f);
}

/* What a flow has come to after these packets: >: A to B, <: back; S, A, SA, F, R, D (data). */
static struct bh_flow play(const char *script)
{
	struct fixture *f = open_file();

	for (const char *at = script; *at != '\0';) {
		bool forward = *at++ == '>';
		unsigned flags = 0, payload = 0;

		for (; *at != '\0' && *at != '>' && *at != '<'; at++) {
			flags |= *at == 'S' ? SYN : *at == 'F' ? FIN : *at == 'R' ? RST : ACK;
			payload += *at == 'D' ? 10 : 0;
		}
		struct bh_packet p =
			forward ? tcp(A, 40000, B, 80, flags) : tcp(B, 80, A, 40000, flags);
		p.tcp_payload = payload;
		pass(f, &p);
	}
	flush(f);
	assert_int_equal(f->count, 1);
	struct bh_flow flow = f->records[0];
	close_fixture(f);
	return flow;
}

static void states_follow_the_handshake(void **state)
{
	static const struct {
		const char *script;
		enum bh_flow_state state;
		bool answered;
	} cases[] = {
		{ ">S", BH_FLOW_ATTEMPTED, false },
		{ ">S>S", BH_FLOW_ATTEMPTED, false },
		{ ">S<RA", BH_FLOW_REFUSED, false },
		{ ">S>R", BH_FLOW_ATTEMPTED, false },
		{ ">S<SA", BH_FLOW_ANSWERED, true },
		{ ">S<SA>R", BH_FLOW_CLOSED, true },
		{ ">S<SA>A", BH_FLOW_ESTABLISHED, true },
		{ ">S<SA>A>F", BH_FLOW_ESTABLISHED, true },
		{ ">S<SA>A>F<F", BH_FLOW_CLOSED, true },
		{ ">S<SA>A<R", BH_FLOW_CLOSED, true },
		{ "<SA", BH_FLOW_ANSWERED, true },
		{ "<SA>A", BH_FLOW_ESTABLISHED, true },
		{ "<SA>S", BH_FLOW_ANSWERED, true },	 /* the SYN comes late */
		{ ">S<A", BH_FLOW_ATTEMPTED, false },	 /* an older connection is in the way */
		{ ">S>A<A", BH_FLOW_ESTABLISHED, true }, /* the SYN+ACK was lost to us */
		{ ">S<D", BH_FLOW_ESTABLISHED, true },
		{ ">S<S<SA>SA>A", BH_FLOW_ESTABLISHED, true }, /* both open at once */
		{ ">S<RA>S<SA", BH_FLOW_ANSWERED, true },
		{ ">D", BH_FLOW_ATTEMPTED, false }, /* midstream, one side */
		{ ">D<A", BH_FLOW_ESTABLISHED, true },
		{ ">R", BH_FLOW_ATTEMPTED, false },
		{ ">D<R", BH_FLOW_REFUSED, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_flow flow = play(cases[i].script);

		if (flow.state != cases[i].state || flow.answered != cases[i].answered)
			fail_msg("%s: %s, answered %d", cases[i].script,
				 bh_flow_state_name(flow.state), flow.answered);
	}
}

/* A port scan gets its SYN+ACK and leaves it at that. */
static void half_open_is_not_established(void **state)
{
	(void)state;
	assert_false(play(">S<SA").established);
	assert_false(play(">S<SA>R").established);
	assert_true(play(">S<SA>A>R").established);
	assert_true(play(">S<SA>F<F").established);
}

static void initiator_is_who_sent_the_syn(void **state)
{
	(void)state;
	struct bh_flow flow = play("<SA>A");
	assert_key(&flow, A, 40000, B, 80);
	assert_int_equal(flow.direction, BH_DIRECTION_SYN);
	assert_int_equal(flow.tx.sent.packets, 1);

	flow = play("<D>A");
	assert_key(&flow, B, 80, A, 40000);			/* whoever was seen first … */
	assert_int_equal(flow.direction, BH_DIRECTION_UNKNOWN); /* … and nobody says more */
}

static void a_port_used_again_is_another_connection(void **state)
{
	struct fixture *f = open_file();

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct bh_packet p = tcp(A, 40000, B, 80, SYN);
		p.tcp_seq = 1000 + 5000 * (uint32_t)i;
		pass(f, &p);
		pass(f, &p); /* sent again: the same connection */
		pass_tcp(f, B, 80, A, 40000, SYN | ACK);
		pass_tcp(f, A, 40000, B, 80, ACK | FIN);
		pass_tcp(f, B, 80, A, 40000, ACK | FIN);
	}
	bh_flow_table_flush(f->table);
	assert_int_equal(f->count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(f->records[i].state, BH_FLOW_CLOSED);
		assert_int_equal(f->records[i].tx.sent.packets, 3);
		assert_int_equal(f->records[i].rx.sent.packets, 2);
		assert_int_equal(f->records[i].id, i + 1);
	}
	close_fixture(f);
}

static void a_new_attempt_is_another_connection(void **state)
{
	struct fixture *f = open_file();
	struct bh_packet p = tcp(A, 40000, B, 80, SYN);

	(void)state;
	pass(f, &p);
	p.tcp_seq = 77777;
	pass(f, &p);
	flush(f);
	assert_int_equal(f->count, 1); /* the first was reported when the second came */
	assert_int_equal(bh_flow_table_stats(f->table).flows, 2);
	close_fixture(f);
}

static void a_server_may_open_on_an_old_tuple(void **state)
{
	struct fixture *f = open_file();

	(void)state;
	pass_tcp(f, A, 40000, B, 80, SYN);
	pass_tcp(f, B, 80, A, 40000, SYN | ACK);
	pass_tcp(f, A, 40000, B, 80, ACK | RST);
	struct bh_packet p = tcp(B, 80, A, 40000, SYN);
	p.tcp_seq = 5;
	pass(f, &p);
	flush(f);
	assert_int_equal(f->count, 1);
	assert_key(&f->records[0], B, 80, A, 40000);
	close_fixture(f);
}

/* --- protocols without connections --------------------------------------------------------------
 */

static void udp_direction_needs_a_long_enough_watch(void **state)
{
	struct fixture *f = open_file();

	(void)state;
	pass_udp(f, A, 5000, B, 53);
	pass_udp(f, B, 53, A, 5000);
	f->now = START + 60 * S - 1;
	pass_udp(f, A, 5001, B, 53);
	f->now = START + 60 * S;
	pass_udp(f, A, 5002, B, 53);
	pass_udp(f, B, 53, A, 5002);
	flush(f);
	assert_int_equal(f->count, 3);
	assert_int_equal(f->records[0].direction, BH_DIRECTION_UNKNOWN);
	assert_int_equal(f->records[0].state, BH_FLOW_ANSWERED);
	assert_int_equal(f->records[1].direction, BH_DIRECTION_UNKNOWN);
	assert_int_equal(f->records[1].state, BH_FLOW_ATTEMPTED);
	assert_int_equal(f->records[2].direction, BH_DIRECTION_SYN);
	assert_key(&f->records[2], A, 5002, B, 53);
	close_fixture(f);
}

static void loss_starts_the_watch_anew(void **state)
{
	struct fixture *f = open_file();

	(void)state;
	bh_flow_table_tick(f->table, START);
	f->now += 100 * S;
	pass_udp(f, A, 5000, B, 53);
	bh_flow_table_mark_loss(f->table, 0);
	pass_udp(f, A, 5001, B, 53);
	f->now += 61 * S;
	pass_udp(f, A, 5002, B, 53);
	flush(f);
	assert_int_equal(f->count, 3);
	assert_int_equal(f->records[0].direction, BH_DIRECTION_SYN);
	assert_true(f->records[0].lossy);
	assert_int_equal(f->records[1].direction, BH_DIRECTION_UNKNOWN);
	assert_false(f->records[1].lossy);
	assert_int_equal(f->records[2].direction, BH_DIRECTION_SYN);
	close_fixture(f);
}

static void loss_does_not_touch_what_was_closed_before(void **state)
{
	struct fixture *f = open_file();

	(void)state;
	pass_tcp(f, A, 5000, B, 80, SYN);
	pass_tcp(f, B, 80, A, 5000, SYN | ACK);
	pass_tcp(f, A, 5000, B, 80, ACK | FIN);
	pass_tcp(f, B, 80, A, 5000, ACK | FIN);
	pass_tcp(f, A, 5001, B, 80, SYN);
	f->now += S;
	bh_flow_table_mark_loss(f->table, f->now);
	/* This one was closed after whatever was lost. */
	pass_tcp(f, A, 5002, B, 80, SYN);
	pass_tcp(f, B, 80, A, 5002, ACK | RST);
	bh_flow_table_mark_loss(f->table, f->now - S);
	flush(f);
	assert_int_equal(f->count, 3);
	assert_false(f->records[0].lossy);
	assert_true(f->records[1].lossy);
	assert_true(f->records[2].lossy);
	close_fixture(f);
}

static void echo_is_opened_by_its_request(void **state)
{
	struct fixture *f = open_file();
	struct bh_packet ask = icmp(A, B, false), answer = icmp(B, A, true);

	(void)state;
	pass(f, &ask);
	pass(f, &answer);
	/* B pings as well: another flow, though the addresses and types are the same. */
	ask = icmp(B, A, false);
	pass(f, &ask);
	flush(f);
	assert_int_equal(f->count, 2);
	assert_key(&f->records[0], A, 0, B, 8 << 8);
	assert_int_equal(f->records[0].direction, BH_DIRECTION_SYN);
	assert_int_equal(f->records[0].state, BH_FLOW_ANSWERED);
	assert_half(&f->records[0].tx, 1, 0);
	assert_half(&f->records[0].rx, 1, 0);
	assert_key(&f->records[1], B, 0, A, 8 << 8);
	assert_int_equal(f->records[1].state, BH_FLOW_ATTEMPTED);
	close_fixture(f);
}

/* --- two sides ----------------------------------------------------------------------------------
 */

static void each_side_is_counted_by_itself(void **state)
{
	struct fixture *f = open_live();

	(void)state;
	pass_by(f, tcp(A, 40000, B, 80, SYN), VETH_A, VETH_B);
	pass_by(f, tcp(B, 80, A, 40000, SYN | ACK), VETH_B, VETH_A);
	pass_by(f, tcp(A, 40000, B, 80, ACK), VETH_A, VETH_B);
	pass_by(f, tcp(A, 40000, B, 80, ACK), VETH_A, 0); /* B never got it */
	flush(f);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->records[0].src_ifindex, VETH_A);
	assert_int_equal(f->records[0].dst_ifindex, VETH_B);
	assert_half(&f->records[0].tx, 3, 2);
	assert_half(&f->records[0].rx, 1, 1);
	assert_int_equal(f->records[0].state, BH_FLOW_ESTABLISHED);
	close_fixture(f);
}

static void flooded_copies_reach_nobody(void **state)
{
	struct fixture *f = open_live();

	(void)state;
	pass_by(f, tcp(A, 40000, B, 80, SYN), VETH_A, VETH_C);
	pass_by(f, tcp(A, 40000, B, 80, SYN), 0, VETH_B);
	pass_by(f, packet(IPPROTO_UDP, A, 5353, "224.0.0.251", 5353), VETH_A, VETH_B);
	assert_int_equal(bh_flow_table_stats(f->table).undelivered_copies, 2);
	flush(f);
	assert_int_equal(f->count, 2);
	assert_half(&f->records[0].tx, 1, 1);
	assert_int_equal(f->records[0].dst_ifindex, VETH_B);
	assert_half(&f->records[1].tx, 1, 0);

	bh_flow_table_unbind(f->table, VETH_B);
	pass_by(f, tcp(A, 40001, B, 80, SYN), VETH_A, VETH_B);
	pass_by(f, tcp(B, 80, A, 40001, SYN | ACK), VETH_B, VETH_A); /* A's holds as before */
	flush(f);
	assert_half(&f->records[0].tx, 1, 0);
	assert_half(&f->records[0].rx, 1, 1);
	close_fixture(f);
}

/* That an interface is gone is heard before its last packets are read. */
static void what_passed_before_the_end_was_delivered(void **state)
{
	struct fixture *f = open_live();

	(void)state;
	bh_flow_table_leave(f->table, VETH_B);
	pass_by(f, tcp(A, 40000, B, 80, SYN), VETH_A, VETH_B);
	bh_flow_table_tick(f->table, f->now);
	pass_by(f, tcp(A, 40001, B, 80, SYN), VETH_A, VETH_B);
	bh_flow_table_tick(f->table, f->now);
	pass_by(f, tcp(A, 40002, B, 80, SYN), VETH_A, VETH_B);
	flush(f);
	assert_int_equal(f->count, 3);
	assert_half(&f->records[0].tx, 1, 1);
	assert_int_equal(f->records[0].dst_ifindex, VETH_B);
	assert_half(&f->records[1].tx, 1, 1);
	assert_half(&f->records[2].tx, 1, 0);
	close_fixture(f);
}

/* … and who gets its address does not go on with what it had. */
static void who_left_hands_his_flows_to_nobody(void **state)
{
	struct fixture *f = open_live();

	(void)state;
	pass_by(f, tcp(A, 40000, B, 80, ACK), VETH_A, VETH_B);
	bh_flow_table_leave(f->table, VETH_A);
	bh_flow_table_bind(f->table, VETH_C, &(struct bh_addr) { BH_IPV4, { 10, 0, 0, 1 } });
	pass_by(f, tcp(A, 40000, B, 80, ACK), VETH_C, VETH_B);
	bh_flow_table_flush(f->table);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->records[0].src_ifindex, VETH_A);
	assert_int_equal(f->records[1].src_ifindex, VETH_C);
	assert_half(&f->records[1].tx, 1, 1);
	close_fixture(f);
}

static void the_same_packet_on_a_bridge_is_a_copy(void **state)
{
	struct fixture *f = open_live();
	struct bh_packet p = tcp(A, 40000, B, 80, SYN);

	(void)state;
	pass_by(f, p, VETH_A, 0);
	pass_by(f, p, BRIDGE, 0);
	pass_by(f, p, 0, VETH_B);
	assert_int_equal(bh_flow_table_stats(f->table).undelivered_copies, 1);
	flush(f);
	assert_half(&f->records[0].tx, 1, 1);
	assert_int_equal(f->records[0].src_ifindex, VETH_A);
	close_fixture(f);
}

static void one_side_alone_is_one_side(void **state)
{
	struct fixture *f = open_live();

	(void)state;
	pass_by(f, tcp(WORLD, 40000, B, 80, SYN), 0, VETH_B);
	pass_by(f, tcp(B, 80, WORLD, 40000, SYN | ACK), VETH_B, 0);
	pass_by(f, tcp(WORLD, 40000, B, 80, ACK), 0, VETH_B);
	flush(f);
	assert_half(&f->records[0].tx, 0, 2);
	assert_half(&f->records[0].rx, 1, 0);
	assert_int_equal(f->records[0].src_ifindex, 0);
	assert_int_equal(f->records[0].dst_ifindex, VETH_B);
	assert_int_equal(f->records[0].direction, BH_DIRECTION_SYN);
	assert_int_equal(f->records[0].state, BH_FLOW_ESTABLISHED);
	close_fixture(f);
}

static void a_rst_that_the_peer_never_sent_refuses_nothing(void **state)
{
	struct fixture *f = open_live();

	(void)state;
	pass_by(f, tcp(A, 40000, B, 80, SYN), VETH_A, 0);
	pass_by(f, tcp(B, 80, A, 40000, RST | ACK), 0, VETH_A); /* a firewall's */
	pass_by(f, tcp(A, 40001, B, 80, SYN), VETH_A, VETH_B);
	pass_by(f, tcp(B, 80, A, 40001, RST | ACK), VETH_B, VETH_A); /* B's own */
	pass_by(f, tcp(A, 40002, WORLD, 80, SYN), VETH_A, 0);
	pass_by(f, tcp(WORLD, 80, A, 40002, RST | ACK), 0, VETH_A); /* not watched there */
	flush(f);
	assert_int_equal(f->count, 3);
	assert_int_equal(f->records[0].state, BH_FLOW_ATTEMPTED);
	assert_half(&f->records[0].rx, 0, 1);
	assert_int_equal(f->records[1].state, BH_FLOW_REFUSED);
	assert_int_equal(f->records[2].state, BH_FLOW_REFUSED);
	close_fixture(f);
}

/* The rules reset a connection to a published port in the server's name: the client asked the host.
 */
static void a_rst_that_nobody_sent_is_of_whom_it_goes_to(void **state)
{
	struct fixture *f = open_live();

	(void)state;
	pass_by(f, tcp(B, 80, A, 40000, RST | ACK), 0, VETH_A);
	pass_by(f, tcp(B, 80, A, 40001, RST | ACK), VETH_B, VETH_A); /* its own: nobody knows */
	flush(f);
	assert_int_equal(f->count, 2);
	assert_key(&f->records[0], A, 40000, B, 80);
	assert_int_equal(f->records[0].direction, BH_DIRECTION_UNKNOWN);
	assert_int_equal(f->records[0].state, BH_FLOW_ATTEMPTED);
	assert_half(&f->records[0].tx, 0, 0);
	assert_half(&f->records[0].rx, 0, 1);
	assert_key(&f->records[1], B, 80, A, 40001);
	close_fixture(f);
}

static void an_answer_that_nobody_asked_for_teaches_nothing(void **state)
{
	struct fixture *f = open_live();

	(void)state;
	pass_by(f, tcp(A, 80, B, 40000, SYN | ACK), VETH_A, VETH_B);
	pass_by(f, icmp(A, B, true), VETH_A, VETH_B);
	flush(f);
	assert_int_equal(f->count, 2);
	assert_key(&f->records[0], B, 40000, A, 80);
	assert_int_equal(f->records[0].direction, BH_DIRECTION_UNKNOWN);
	assert_int_equal(f->records[1].direction, BH_DIRECTION_UNKNOWN);

	/* Nobody would have seen the question of an address that is not watched. */
	pass_by(f, tcp(A, 80, WORLD, 40000, SYN | ACK), VETH_A, 0);
	/* And here it turns up after all. */
	pass_by(f, tcp(A, 80, B, 40001, SYN | ACK), VETH_A, VETH_B);
	pass_by(f, tcp(B, 40001, A, 80, SYN), VETH_B, VETH_A);
	flush(f);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->records[0].direction, BH_DIRECTION_SYN);
	assert_int_equal(f->records[1].direction, BH_DIRECTION_SYN);
	close_fixture(f);
}

static void a_stranger_cannot_touch_anothers_flow(void **state)
{
	struct fixture *f = open_live();

	(void)state;
	pass_by(f, tcp(A, 40000, B, 80, SYN), VETH_A, VETH_B);
	pass_by(f, tcp(B, 80, A, 40000, SYN | ACK), VETH_B, VETH_A);
	pass_by(f, tcp(A, 40000, B, 80, ACK), VETH_A, VETH_B);
	pass_by(f, tcp(A, 40000, B, 80, RST), VETH_C, 0);
	struct bh_packet p = tcp(A, 40000, B, 80, SYN);
	p.tcp_seq = 42;
	pass_by(f, p, VETH_C, 0);
	assert_int_equal(bh_flow_table_stats(f->table).undelivered_copies, 2);
	flush(f);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->records[0].state, BH_FLOW_ESTABLISHED);
	assert_half(&f->records[0].tx, 2, 2);
	close_fixture(f);
}

static void a_strangers_flow_gives_way_to_the_true_holders(void **state)
{
	struct fixture *f = open_live();

	(void)state;
	pass_by(f, tcp(A, 40000, B, 80, SYN), VETH_C, VETH_B);
	pass_by(f, tcp(A, 40000, B, 80, SYN), VETH_A, VETH_B);
	bh_flow_table_flush(f->table);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->records[0].src_ifindex, VETH_C);
	assert_int_equal(f->records[1].src_ifindex, VETH_A);
	assert_half(&f->records[1].tx, 1, 1);
	close_fixture(f);
}

static void of_two_holders_the_first_one_counts(void **state)
{
	struct fixture *f = open_live();
	struct bh_addr shared = addr(A);

	(void)state;
	bh_flow_table_bind(f->table, VETH_C, &shared);
	pass_by(f, tcp(A, 40000, B, 80, SYN), VETH_A, VETH_B);
	pass_by(f, tcp(A, 40000, B, 80, ACK), VETH_C, VETH_B);
	flush(f);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->records[0].src_ifindex, VETH_A);
	assert_half(&f->records[0].tx, 1, 2);
	close_fixture(f);
}

static void behind_translation_the_delivery_speaks(void **state)
{
	struct fixture *f = open_live();

	(void)state;
	/* A asks the host's port 8080; what B gets is A → B:80, which A never sent. */
	pass_by(f, tcp(A, 40000, B, 80, SYN), 0, VETH_B);
	pass_by(f, tcp(B, 80, A, 40000, SYN | ACK), VETH_B, 0);
	pass_by(f, tcp(A, 40000, B, 80, ACK), 0, VETH_B);
	struct bh_packet again = tcp(A, 40000, B, 80, SYN);
	again.tcp_seq = 42;
	pass_by(f, again, 0, VETH_B);
	bh_flow_table_flush(f->table);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->records[0].state, BH_FLOW_ESTABLISHED);
	assert_half(&f->records[0].tx, 0, 2);
	assert_int_equal(f->records[1].state, BH_FLOW_ATTEMPTED);
	close_fixture(f);
}

static void what_is_opened_in_anothers_name_has_no_direction(void **state)
{
	struct fixture *f = open_live();

	(void)state;
	/* Somebody outside sends to B as A. B answers A, who knows of nothing. */
	pass_by(f, tcp(A, 40000, B, 80, SYN), 0, VETH_B);
	pass_by(f, tcp(B, 80, A, 40000, SYN | ACK), VETH_B, VETH_A);
	pass_by(f, tcp(A, 40000, B, 80, SYN), 0, VETH_B);
	pass_by(f, tcp(A, 40000, B, 80, RST), VETH_A, VETH_B);
	f->now += 61 * S;
	pass_by(f, packet(IPPROTO_UDP, A, 40000, B, 53), 0, VETH_B);
	pass_by(f, packet(IPPROTO_UDP, B, 53, A, 40000), VETH_B, VETH_A);
	pass_by(f, icmp(A, B, false), 0, VETH_B);
	pass_by(f, icmp(B, A, true), VETH_B, VETH_A);
	/* This one A opens after all. */
	pass_by(f, tcp(A, 40001, B, 80, SYN), 0, VETH_B);
	pass_by(f, tcp(A, 40001, B, 80, SYN), VETH_A, VETH_B);
	pass_by(f, tcp(B, 80, A, 40001, SYN | ACK), VETH_B, VETH_A);
	bh_flow_table_flush(f->table);
	assert_int_equal(f->count, 4);
	assert_int_equal(f->records[0].direction, BH_DIRECTION_UNKNOWN);
	assert_int_equal(f->records[1].direction, BH_DIRECTION_UNKNOWN);
	assert_int_equal(f->records[2].direction, BH_DIRECTION_UNKNOWN);
	assert_int_equal(f->records[f->count - 1].direction, BH_DIRECTION_SYN);
	close_fixture(f);
}

static void files_count_each_packet_once(void **state)
{
	struct fixture *f = open_file();

	(void)state;
	/* A capture of `any` on a router: in, over a bridge, out. */
	struct bh_packet p = tcp(A, 40000, B, 80, SYN);
	pass_by(f, p, VETH_A, VETH_B);
	pass_by(f, p, BRIDGE, BRIDGE);
	/* Sent by the host that captured: out only. */
	pass_by(f, tcp(B, 80, A, 40000, SYN | ACK), 0, VETH_C);
	flush(f);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->records[0].src_ifindex, VETH_A);
	assert_half(&f->records[0].tx, 1, 1);
	assert_half(&f->records[0].rx, 1, 0);
	assert_int_equal(bh_flow_table_stats(f->table).undelivered_copies, 2);
	close_fixture(f);
}

/* --- fragments ----------------------------------------------------------------------------------
 */

static struct bh_packet fragment(unsigned id, bool first)
{
	struct bh_packet p =
		first ? packet(IPPROTO_UDP, A, 5000, B, 53) : packet(IPPROTO_UDP, A, 0, B, 0);

	p.fragment = true;
	p.first_fragment = first;
	p.fragment_id = id;
	p.fragment_proto = IPPROTO_UDP;
	return p;
}

static void fragments_belong_to_their_first(void **state)
{
	(void)state;
	for (int order = 0; order < 3; order++) { /* the first comes first, second, last */
		struct fixture *f = open_file();

		for (int i = 0; i < 3; i++) {
			struct bh_packet p = fragment(7, i == order);
			pass(f, &p);
		}
		flush(f);
		assert_int_equal(f->count, 1);
		assert_key(&f->records[0], A, 5000, B, 53);
		assert_half(&f->records[0].tx, 3, 0);
		assert_int_equal(bh_flow_table_stats(f->table).orphan_fragments, 0);
		close_fixture(f);
	}
}

static void fragments_of_answers_go_back(void **state)
{
	struct fixture *f = open_file();
	struct bh_packet p = fragment(7, true);

	(void)state;
	pass_udp(f, B, 53, A, 5000);
	pass(f, &p);
	p = fragment(7, false);
	pass(f, &p);
	flush(f);
	assert_half(&f->records[0].tx, 1, 0);
	assert_half(&f->records[0].rx, 2, 0);
	close_fixture(f);
}

static void fragments_on_both_sides_count_on_both(void **state)
{
	struct fixture *f = open_live();

	(void)state;
	pass_by(f, fragment(7, true), VETH_A, VETH_B);
	pass_by(f, fragment(7, false), VETH_A, VETH_B);
	pass_by(f, fragment(7, true), BRIDGE, VETH_C); /* copies, all four */
	pass_by(f, fragment(7, false), BRIDGE, VETH_C);
	assert_int_equal(bh_flow_table_stats(f->table).undelivered_copies, 4);
	flush(f);
	assert_int_equal(f->count, 1);
	assert_half(&f->records[0].tx, 2, 2);
	assert_int_equal(bh_flow_table_stats(f->table).orphan_fragments, 0);
	close_fixture(f);
}

static void fragments_without_a_first_are_orphans(void **state)
{
	struct fixture *f = open_file();
	struct bh_packet p = fragment(7, false);

	(void)state;
	pass(f, &p);
	pass(f, &p);
	assert_int_equal(bh_flow_table_stats(f->table).orphan_fragments, 0);
	bh_flow_table_tick(f->table, START + 40 * S);
	assert_int_equal(bh_flow_table_stats(f->table).orphan_fragments, 2);
	/* A first fragment after that time is of another datagram. */
	f->now = START + 41 * S;
	p = fragment(7, true);
	pass(f, &p);
	p = fragment(8, false);
	pass(f, &p);
	flush(f);
	assert_half(&f->records[0].tx, 1, 0);
	assert_int_equal(bh_flow_table_stats(f->table).orphan_fragments, 3);
	close_fixture(f);
}

static void fragments_of_an_evicted_flow_go_to_no_other(void **state)
{
	struct bh_flow_table_config config = file_config;
	config.max_flows = 1;
	struct fixture *f = open_fixture(&config);
	struct bh_packet p = fragment(7, true);

	(void)state;
	pass(f, &p);
	pass_tcp(f, A, 1, B, 80, SYN); /* takes its place */
	p = fragment(7, false);
	pass(f, &p);
	flush(f);
	assert_int_equal(f->count, 1);
	assert_half(&f->records[0].tx, 1, 0);
	assert_int_equal(bh_flow_table_stats(f->table).orphan_fragments, 1);
	close_fixture(f);
}

static void fragments_cannot_exhaust_memory(void **state)
{
	struct fixture *f = open_file();

	(void)state;
	for (unsigned id = 0; id < 100000; id++) {
		struct bh_packet p = fragment(id, false);
		pass(f, &p);
	}
	flush(f);
	assert_int_equal(f->count, 0);
	assert_int_equal(bh_flow_table_stats(f->table).orphan_fragments, 100000);
	close_fixture(f);
}

/* --- time and memory ----------------------------------------------------------------------------
 */

static void silence_ends_flows(void **state)
{
	struct fixture *f = open_file();

	(void)state;
	pass_udp(f, A, 1, B, 53);
	pass_tcp(f, A, 2, B, 80, SYN);
	pass_tcp(f, A, 3, B, 80, SYN);
	pass_tcp(f, B, 80, A, 3, SYN | ACK);
	pass_tcp(f, A, 4, B, 80, SYN);
	pass_tcp(f, B, 80, A, 4, RST | ACK);
	bh_flow_table_tick(f->table, START + 4 * S);
	assert_int_equal(f->count, 0);
	bh_flow_table_tick(f->table, START + 6 * S);
	assert_int_equal(f->count, 1); /* the refused one lingered */
	assert_int_equal(f->records[0].key.sport, 4);
	bh_flow_table_tick(f->table, START + 61 * S);
	assert_int_equal(f->count, 3);
	assert_int_equal(f->records[1].state, BH_FLOW_ATTEMPTED);
	assert_int_equal(f->records[2].state, BH_FLOW_ATTEMPTED);
	bh_flow_table_tick(f->table, START + 3601 * S);
	assert_int_equal(f->count, 4);
	assert_int_equal(f->records[3].state, BH_FLOW_CLOSED);
	assert_true(f->records[3].answered);
	assert_int_equal(bh_flow_table_stats(f->table).active, 0);
	close_fixture(f);
}

static void a_packet_after_the_timeout_opens_a_new_flow(void **state)
{
	struct fixture *f = open_file();

	(void)state;
	pass_udp(f, A, 1, B, 53);
	f->now += 60 * S; /* no tick came by in between */
	pass_udp(f, A, 1, B, 53);
	bh_flow_table_flush(f->table);
	assert_int_equal(f->count, 2);
	assert_true(f->records[0].id != f->records[1].id);
	close_fixture(f);
}

static void a_clock_set_back_blocks_nothing(void **state)
{
	struct fixture *f = open_file();

	(void)state;
	f->now = START + 1000000 * S;
	pass_udp(f, A, 1, B, 53);
	f->now = START;
	pass_udp(f, A, 2, B, 53);
	bh_flow_table_tick(f->table, START + 61 * S);
	assert_int_equal(f->count, 2);
	/* The watch began anew with it, and is long enough by now. */
	f->now = START + 62 * S;
	pass_udp(f, A, 3, B, 53);
	flush(f);
	assert_int_equal(f->records[0].direction, BH_DIRECTION_SYN);
	close_fixture(f);
}

static void changed_flows_are_reported_at_intervals(void **state)
{
	struct bh_flow_table_config config = file_config;
	config.report_interval = S;
	struct fixture *f = open_fixture(&config);

	(void)state;
	pass_tcp(f, A, 1, B, 80, SYN);
	pass_tcp(f, A, 2, B, 80, SYN);
	bh_flow_table_tick(f->table, START + 10000);
	assert_int_equal(f->count, 2);
	assert_false(f->records[0].final);
	f->now = START + 20000;
	pass_tcp(f, B, 80, A, 1, SYN | ACK);
	bh_flow_table_tick(f->table, START + 30000);
	assert_int_equal(f->count, 2); /* too soon */
	bh_flow_table_tick(f->table, START + 10000 + S);
	assert_int_equal(f->count, 3); /* the one that changed */
	assert_int_equal(f->records[2].key.sport, 1);
	assert_int_equal(f->records[2].state, BH_FLOW_ANSWERED);
	assert_int_equal(f->records[2].id, f->records[0].id);
	bh_flow_table_tick(f->table, START + 5 * S);
	assert_int_equal(f->count, 3); /* nothing new */
	f->now = START + 5 * S;
	pass_tcp(f, A, 1, B, 80, ACK);
	bh_flow_table_tick(f->table, f->now);
	assert_int_equal(f->count, 4); /* after a pause at once */
	close_fixture(f);
}

/* That something arrives after all may be an alarm. */
static void a_first_delivery_is_reported_at_once(void **state)
{
	struct bh_flow_table_config config = file_config;
	config.report_interval = 10 * S;
	config.live = true;
	struct fixture *f = open_fixture(&config);

	(void)state;
	bh_flow_table_bind(f->table, VETH_B, &(struct bh_addr) { BH_IPV4, { 10, 0, 0, 2 } });
	pass_by(f, packet(IPPROTO_UDP, A, 1, B, 53), VETH_A, 0);
	bh_flow_table_tick(f->table, f->now);
	pass_by(f, packet(IPPROTO_UDP, A, 1, B, 53), VETH_A, 0);
	bh_flow_table_tick(f->table, f->now);
	assert_int_equal(f->count, 1);
	pass_by(f, packet(IPPROTO_UDP, A, 1, B, 53), VETH_A, VETH_B);
	bh_flow_table_tick(f->table, f->now);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->records[1].tx.delivered.packets, 1);
	pass_by(f, packet(IPPROTO_UDP, A, 1, B, 53), VETH_A, VETH_B);
	bh_flow_table_tick(f->table, f->now);
	assert_int_equal(f->count, 2);
	/* Each direction has a first of its own. */
	bh_flow_table_bind(f->table, VETH_A, &(struct bh_addr) { BH_IPV4, { 10, 0, 0, 1 } });
	pass_by(f, packet(IPPROTO_UDP, B, 53, A, 1), VETH_B, VETH_A);
	bh_flow_table_tick(f->table, f->now);
	assert_int_equal(f->count, 3);
	close_fixture(f);
}

static void a_flood_evicts_single_packets_first(void **state)
{
	struct bh_flow_table_config config = file_config;
	config.max_flows = 100;
	struct fixture *f = open_fixture(&config);

	(void)state;
	pass_tcp(f, A, 1, B, 80, SYN);
	pass_tcp(f, B, 80, A, 1, SYN | ACK);
	pass_tcp(f, A, 1, B, 80, ACK);
	pass_udp(f, A, 2, B, 514); /* nobody answers, but it goes on */
	pass_udp(f, A, 2, B, 514);
	for (unsigned port = 0; port < 3000; port++)
		pass_tcp(f, C, 10000 + port, B, 80, SYN);
	struct bh_flow_table_stats stats = bh_flow_table_stats(f->table);
	assert_int_equal(stats.active, 100);
	assert_int_equal(stats.evicted, 3002 - 100);
	assert_int_equal(f->count, stats.evicted);
	for (size_t i = 0; i < f->count; i++) {
		assert_int_equal(f->records[i].key.sport, 10000 + i); /* the oldest go first */
		assert_true(f->records[i].lossy);
		assert_true(f->records[i].final);
	}
	flush(f);
	assert_int_equal(f->records[0].state, BH_FLOW_ESTABLISHED);
	assert_int_equal(f->records[1].key.dport, 514);
	assert_false(f->records[1].lossy);
	close_fixture(f);
}

static void after_evicting_udp_its_next_packet_opens_nothing(void **state)
{
	struct bh_flow_table_config config = file_config;
	config.max_flows = 1;
	struct fixture *f = open_fixture(&config);

	(void)state;
	bh_flow_table_tick(f->table, START);
	f->now = START + 100 * S;
	pass_udp(f, A, 5000, B, 53);
	pass_tcp(f, A, 1, B, 80, SYN); /* takes its place */
	pass_udp(f, B, 53, A, 5000);   /* the answer */
	flush(f);
	assert_key(&f->records[0], B, 53, A, 5000);
	assert_int_equal(f->records[0].direction, BH_DIRECTION_UNKNOWN);
	close_fixture(f);
}

static void flush_goes_by_first_packet(void **state)
{
	struct fixture *f = open_file();

	(void)state;
	for (unsigned i = 0; i < 900; i++)
		pass_udp(f, A, 1000 + i, B, 53);
	for (unsigned i = 0; i < 900; i += 7)
		pass_udp(f, B, 53, A, 1000 + i);
	flush(f);
	assert_int_equal(f->count, 900);
	for (size_t i = 0; i < 900; i++)
		assert_int_equal(f->records[i].key.sport, 1000 + i);
	assert_int_equal(bh_flow_table_stats(f->table).active, 0);
	close_fixture(f);
}

/* Entries that are used again, and clocks that step back, do not change the order. */
static void flush_goes_by_first_packet_however_entries_lie(void **state)
{
	struct fixture *f = open_file();

	(void)state;
	pass_udp(f, A, 1000, B, 53);
	f->now = START + 30 * S;
	pass_udp(f, A, 1002, B, 53);
	f->now = START + 60 * S;
	bh_flow_table_tick(f->table, f->now + S); /* ends the first, and frees its entry */
	pass_udp(f, A, 1003, B, 53);
	pass_udp(f, A, 1004, B, 53);
	f->now = START + 20 * S;
	pass_udp(f, A, 1001, B, 53);
	flush(f);
	assert_int_equal(f->count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(f->records[i].key.sport, 1001 + i);
	close_fixture(f);
}

static void a_flushed_table_begins_anew(void **state)
{
	struct fixture *f = open_file();

	(void)state;
	for (int round = 0; round < 3; round++) {
		pass_tcp(f, A, 40000, B, 80, SYN);
		pass_tcp(f, B, 80, A, 40000, SYN | ACK);
		pass_udp(f, A, 1000, B, 53);
		assert_int_equal(bh_flow_table_stats(f->table).active, 2);
		flush(f);
		assert_int_equal(f->count, 2);
		assert_key(&f->records[0], A, 40000, B, 80);
		assert_int_equal(f->records[0].id, 2 * round + 1);
		assert_half(&f->records[0].tx, 1, 0);
		assert_half(&f->records[0].rx, 1, 0);
		bh_flow_table_tick(f->table, f->now + 7200 * S); /* nothing is left to end */
		assert_int_equal(f->count, 2);
	}
	close_fixture(f);
}

static void bindings_are_by_interface(void **state)
{
	struct bh_bindings *b = bh_bindings_new();
	struct bh_addr one = addr(A), two = addr("fd00::1");

	(void)state;
	bh_bindings_add(b, 1, &one);
	bh_bindings_add(b, 1, &one);
	bh_bindings_add(b, 1, &two);
	bh_bindings_add(b, 2, &one);
	bh_bindings_remove(b, 2);
	bh_bindings_remove(b, 3);
	assert_true(bh_bindings_has(b, 1, &one));
	assert_false(bh_bindings_has(b, 2, &one));
	assert_true(bh_bindings_local(b, &one));
	assert_true(bh_bindings_local(b, &two));
	bh_bindings_remove(b, 1);
	assert_false(bh_bindings_has(b, 1, &one));
	assert_false(bh_bindings_local(b, &one));
	assert_false(bh_bindings_local(b, &two));
	bh_bindings_free(b);
	bh_bindings_free(NULL);
}

static void names_cover_every_value(void **state)
{
	(void)state;
	assert_string_equal(bh_flow_state_name(BH_FLOW_ATTEMPTED), "attempted");
	assert_string_equal(bh_flow_state_name(BH_FLOW_CLOSED), "closed");
	assert_string_equal(bh_flow_state_name(200), "?");
	assert_string_equal(bh_direction_name(BH_DIRECTION_SYN), "syn");
	assert_string_equal(bh_direction_name(BH_DIRECTION_LISTENER), "listener");
	assert_string_equal(bh_direction_name(200), "?");
	for (int i = 0; i < BH_UNDECODED_KINDS; i++)
		assert_true(strlen(bh_undecoded_name((enum bh_undecoded)i)) > 1);
	bh_flow_table_free(NULL);
}

/* --- claims ----------------------------------------------------------------------------------- */

struct claims {
	size_t count;
	uint64_t flow;
	char name[BH_DNS_NAME];
};

static void note_claim(void *user, uint64_t flow_id, const char *name)
{
	struct claims *claims = user;

	claims->count++;
	claims->flow = flow_id;
	strcpy(claims->name, name);
}

/* A ClientHello of nothing but a server name of eight letters. */
static struct bh_packet saying(struct bh_packet p, const char *name, struct bytes *hello)
{
	hello->length = 0;
	put(hello, "\x16\x03\x01\x00\x40\x01\x00\x00\x3c\x03\x03", 11);
	put_zeros(hello, 32 + 1);
	put(hello, "\x00\x02\x13\x01\x01\x00\x00\x11", 8);
	put(hello, "\x00\x00\x00\x0d\x00\x0b\x00\x00\x08", 9);
	put(hello, name, 8);
	p.hello = hello->data;
	p.hello_captured = hello->length;
	return p;
}

static void the_initiators_claim_is_shown_once(void **state)
{
	struct fixture *f = open_file();
	struct claims claims = { 0 };
	struct bytes hello;

	(void)state;
	bh_flow_table_show_claims(f->table, note_claim, &claims);
	struct bh_packet there = packet(IPPROTO_TCP, A, 4000, B, 443),
			 back = packet(IPPROTO_TCP, B, 443, A, 4000);
	there.tcp_flags = SYN;
	pass(f, &there);
	back.tcp_flags = SYN | ACK;
	pass(f, &back);
	there.tcp_flags = ACK;
	back.tcp_flags = ACK;
	struct bh_packet claim = saying(back, "b.theirs", &hello);
	pass(f, &claim); /* the responder's */
	assert_int_equal(claims.count, 0);
	claim = saying(there, "shop.one", &hello);
	claim.hello_captured--; /* cut short */
	pass(f, &claim);
	assert_int_equal(claims.count, 0);
	claim = saying(there, "shop.one", &hello);
	pass(f, &claim);
	assert_int_equal(claims.count, 1);
	assert_string_equal(claims.name, "shop.one");
	claim = saying(there, "shop.two", &hello);
	pass(f, &claim);
	assert_int_equal(claims.count, 1);
	flush(f);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->records[0].id, claims.flow);
	close_fixture(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connection_opens_and_closes),
		cmocka_unit_test(states_follow_the_handshake),
		cmocka_unit_test(half_open_is_not_established),
		cmocka_unit_test(initiator_is_who_sent_the_syn),
		cmocka_unit_test(a_port_used_again_is_another_connection),
		cmocka_unit_test(a_new_attempt_is_another_connection),
		cmocka_unit_test(a_server_may_open_on_an_old_tuple),
		cmocka_unit_test(udp_direction_needs_a_long_enough_watch),
		cmocka_unit_test(loss_starts_the_watch_anew),
		cmocka_unit_test(loss_does_not_touch_what_was_closed_before),
		cmocka_unit_test(echo_is_opened_by_its_request),
		cmocka_unit_test(each_side_is_counted_by_itself),
		cmocka_unit_test(flooded_copies_reach_nobody),
		cmocka_unit_test(what_passed_before_the_end_was_delivered),
		cmocka_unit_test(who_left_hands_his_flows_to_nobody),
		cmocka_unit_test(the_same_packet_on_a_bridge_is_a_copy),
		cmocka_unit_test(one_side_alone_is_one_side),
		cmocka_unit_test(a_rst_that_the_peer_never_sent_refuses_nothing),
		cmocka_unit_test(a_rst_that_nobody_sent_is_of_whom_it_goes_to),
		cmocka_unit_test(an_answer_that_nobody_asked_for_teaches_nothing),
		cmocka_unit_test(a_stranger_cannot_touch_anothers_flow),
		cmocka_unit_test(a_strangers_flow_gives_way_to_the_true_holders),
		cmocka_unit_test(of_two_holders_the_first_one_counts),
		cmocka_unit_test(behind_translation_the_delivery_speaks),
		cmocka_unit_test(what_is_opened_in_anothers_name_has_no_direction),
		cmocka_unit_test(files_count_each_packet_once),
		cmocka_unit_test(fragments_belong_to_their_first),
		cmocka_unit_test(fragments_of_answers_go_back),
		cmocka_unit_test(fragments_on_both_sides_count_on_both),
		cmocka_unit_test(fragments_without_a_first_are_orphans),
		cmocka_unit_test(fragments_of_an_evicted_flow_go_to_no_other),
		cmocka_unit_test(fragments_cannot_exhaust_memory),
		cmocka_unit_test(silence_ends_flows),
		cmocka_unit_test(a_packet_after_the_timeout_opens_a_new_flow),
		cmocka_unit_test(a_clock_set_back_blocks_nothing),
		cmocka_unit_test(changed_flows_are_reported_at_intervals),
		cmocka_unit_test(a_first_delivery_is_reported_at_once),
		cmocka_unit_test(a_flood_evicts_single_packets_first),
		cmocka_unit_test(after_evicting_udp_its_next_packet_opens_nothing),
		cmocka_unit_test(flush_goes_by_first_packet),
		cmocka_unit_test(flush_goes_by_first_packet_however_entries_lie),
		cmocka_unit_test(a_flushed_table_begins_anew),
		cmocka_unit_test(bindings_are_by_interface),
		cmocka_unit_test(names_cover_every_value),
		cmocka_unit_test(the_initiators_claim_is_shown_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
