/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers that count, and the many that must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pcap/dlt.h>

#include "build.h"
#include "dns_watch.h"
#include "timefmt.h"

#define CLIENT "10.0.0.2"
#define SERVER "10.0.0.53"
#define VETH 7

struct told {
	size_t calls, count;
	struct bh_named last;
};

static void note(void *user, const struct bh_packet *packet, const struct bh_named *names,
		 size_t count)
{
	struct told *told = user;

	(void)packet;
	told->calls++;
	told->count += count;
	told->last = names[count - 1];
}

/* What varies between a real answer and a false one. */
struct what {
	const char *src, *dst;
	unsigned sport, dport, proto, id;
	const char *label; /* the name asked for; one label */
	uint32_t ttl;	   /* 0: a query */
	uint32_t ifindex;
	bool outgoing, astray, fragment;
	unsigned before;  /* bytes of the message that other segments carry, in front … */
	unsigned cut;	  /* … or behind, or that are missing */
	unsigned garbage; /* bytes behind the datagram, within its packet */
	int64_t time;
};

static const struct what query = { .src = CLIENT,
				   .dst = SERVER,
				   .sport = 4000,
				   .dport = 53,
				   .proto = IPPROTO_UDP,
				   .id = 99,
				   .label = "db",
				   .ifindex = VETH,
				   .time = 1000 * BH_SECOND };

static struct what answer_to(struct what w)
{
	const char *client = w.src;
	unsigned port = w.sport;

	w.src = w.dst;
	w.dst = client;
	w.sport = w.dport;
	w.dport = port;
	w.ttl = 60;
	w.outgoing = true;
	w.time += 5000;
	return w;
}

static void put_message(struct bytes *b, const struct what *w)
{
	put16(b, w->id);
	put16(b, w->ttl != 0 ? 0x8180 : 0x0100);
	put16(b, 1);
	put16(b, w->ttl != 0);
	put32(b, 0);
	put8(b, (unsigned)strlen(w->label));
	put(b, w->label, strlen(w->label));
	put8(b, 0);
	put32(b, 1 << 16 | 1);
	if (w->ttl == 0)
		return;
	put16(b, 0xc00c);
	put32(b, 1 << 16 | 1);
	put32(b, w->ttl);
	put16(b, 4);
	put_addr(b, "192.0.2.1");
}

static void send_packet(struct bh_dns_watch *watch, const struct what *w, unsigned copies)
{
	struct bytes b = { .length = 0 }, payload = { .length = 0 };
	struct bh_packet packet;
	bool tcp = w->proto == IPPROTO_TCP;

	for (unsigned i = 0; i < copies; i++) {
		struct bytes m = { .length = 0 };

		put_message(&m, w);
		if (tcp)
			put16(&payload, (unsigned)m.length);
		put(&payload, m.data, m.length);
	}
	payload.length -= w->cut + w->before;
	memmove(payload.data, payload.data + w->before, payload.length);
	put_ipv4_fragment(&b, w->src, w->dst, w->proto,
			  (tcp ? 20 : 8) + payload.length + w->garbage, 1,
			  w->fragment ? 0x2000 : 0);
	if (tcp)
		put_tcp(&b, w->sport, w->dport, 0x18, 1 + w->before, 1);
	else
		put_udp(&b, w->sport, w->dport, payload.length);
	if (!tcp)
		b.length -= payload.length;
	put(&b, payload.data, payload.length);
	put_zeros(&b, w->garbage);
	assert_int_equal(bh_decode(DLT_RAW, b.data, b.length, b.length, w->time, &packet), 0);
	packet.ifindex = w->ifindex;
	packet.outgoing = w->outgoing;
	packet.astray = w->astray;
	if (packet.dns != NULL)
		bh_dns_watch_packet(watch, &packet);
}

static struct told exchange(const struct what *q, const struct what *a)
{
	struct told told = { 0 };
	struct bh_dns_watch *watch = bh_dns_watch_new(true, note, &told);

	if (q != NULL)
		send_packet(watch, q, 1);
	send_packet(watch, a, 1);
	send_packet(watch, a, 1); /* the same once more is one answer */
	bh_dns_watch_free(watch);
	return told;
}

static void an_answer_names_its_addresses(void **state)
{
	struct what q = query, a = answer_to(query);

	(void)state;
	struct told told = exchange(&q, &a);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.last.ifindex, VETH);
	assert_string_equal(told.last.name, "db");
	assert_int_equal(told.last.addr.bytes[3], 1);
	assert_int_equal(told.last.time, a.time);
	assert_int_equal(told.last.until, a.time + 3600 * BH_SECOND);
	a.ttl = 7200;
	told = exchange(&q, &a);
	assert_int_equal(told.last.until, a.time + 7200 * BH_SECOND);
	a.ttl = 0x7fffffff;
	told = exchange(&q, &a);
	assert_int_equal(told.last.until, a.time + 7 * 86400 * BH_SECOND);
}

static void the_case_of_letters_is_no_difference(void **state)
{
	struct what q = query, a = answer_to(query);

	(void)state;
	q.label = "dB";
	a.label = "Db";
	assert_int_equal(exchange(&q, &a).calls, 1);
}

static void what_nobody_asked_names_nothing(void **state)
{
	struct what q = query, good = answer_to(query);
	struct what bad[] = {
		good, good, good, good, good, good, good, good, good, good, good, good
	};
	const size_t count = sizeof(bad) / sizeof(bad[0]);

	(void)state;
	assert_int_equal(exchange(NULL, &good).calls, 0);
	bad[0].id = 98;
	bad[1].label = "dc";
	bad[2].src = "10.0.0.54";
	bad[3].dst = "10.0.0.3";
	bad[4].dport = 4001;
	bad[5].proto = IPPROTO_TCP;
	bad[6].ifindex = VETH + 1;
	bad[7].outgoing = false; /* sent by somebody there, not delivered */
	bad[8].astray = true;	 /* delivered to somebody else */
	bad[9].fragment = true;
	bad[10].time += 11 * BH_SECOND;
	bad[11].sport = 5353;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(exchange(&q, &bad[i]).calls, 0);
	assert_int_equal(exchange(&q, &good).calls, 1);
	q.outgoing = true; /* delivered to the interface, not sent there */
	assert_int_equal(exchange(&q, &good).calls, 0);
}

static void a_query_is_no_answer_to_itself(void **state)
{
	struct what q = query, a = answer_to(query);

	(void)state;
	a.ttl = 0; /* a query that comes from the port of answers */
	assert_int_equal(exchange(&q, &a).calls, 0);
	q.ttl = 60; /* and an answer that goes to it */
	a = answer_to(query);
	assert_int_equal(exchange(&q, &a).calls, 0);
}

static void a_datagram_ends_where_it_says(void **state)
{
	struct what q = query, a = answer_to(query);

	(void)state;
	a.cut = 1;
	a.garbage = 1;
	assert_int_equal(exchange(&q, &a).calls, 0);
}

static void segments_hold_whole_messages(void **state)
{
	struct told told = { 0 };
	struct bh_dns_watch *watch = bh_dns_watch_new(true, note, &told);
	struct what q = query, a;

	(void)state;
	q.proto = IPPROTO_TCP;
	a = answer_to(q);
	send_packet(watch, &q, 2);
	send_packet(watch, &a, 2);
	assert_int_equal(told.calls, 2);
	send_packet(watch, &q, 1);
	a.cut = 1; /* the last byte comes later */
	send_packet(watch, &a, 1);
	assert_int_equal(told.calls, 2);
	bh_dns_watch_free(watch);
}

static void messages_come_in_several_segments(void **state)
{
	struct told told = { 0 };
	struct bh_dns_watch *watch = bh_dns_watch_new(true, note, &told);
	struct what q = query, a, rest;

	(void)state;
	q.proto = IPPROTO_TCP;
	rest = q;
	q.cut = 22 - 2; /* the length comes alone, as some clients send it */
	rest.before = 2;
	send_packet(watch, &q, 1);
	send_packet(watch, &rest, 1);
	a = rest = answer_to(query);
	a.proto = rest.proto = IPPROTO_TCP;
	a.cut = 1;
	rest.before = 22 + 16 - 1;
	send_packet(watch, &rest, 1); /* ahead of its turn: where it begins nobody knows */
	send_packet(watch, &a, 1);    /* it begins further in front, it turns out */
	assert_int_equal(told.calls, 0);
	assert_int_equal(bh_dns_watch_unread(watch, a.time).streams, 1);
	send_packet(watch, &rest, 1);
	assert_int_equal(told.calls, 1);
	assert_string_equal(told.last.name, "db");
	assert_int_equal(bh_dns_watch_unread(watch, a.time).streams, 1);
	bh_dns_watch_free(watch);
}

static void answers_in_fragments_are_counted(void **state)
{
	struct told told = { 0 };
	struct bh_dns_watch *watch = bh_dns_watch_new(true, note, &told);
	struct what q = query, a = answer_to(query);
	struct bh_packet first = { .ifindex = VETH,
				   .proto = IPPROTO_UDP,
				   .sport = 53,
				   .dport = 4000,
				   .outgoing = true,
				   .fragment = true,
				   .first_fragment = true };

	(void)state;
	send_packet(watch, &q, 1);
	bh_dns_watch_packet(watch, &first);
	assert_int_equal(bh_dns_watch_unread(watch, a.time).fragments, 1);
	first.astray = true; /* somebody else's */
	bh_dns_watch_packet(watch, &first);
	assert_int_equal(bh_dns_watch_unread(watch, a.time).fragments, 1);
	bh_dns_watch_free(watch);
}

static void doubtful_answers_to_what_was_asked_are_counted(void **state)
{
	struct told told = { 0 };
	struct bh_dns_watch *watch = bh_dns_watch_new(true, note, &told);
	struct what q = query, whole = answer_to(query), cut = whole, other = whole;

	(void)state;
	cut.cut = 1;
	other.cut = 1;
	other.id = 100;
	send_packet(watch, &q, 1);
	send_packet(watch, &other, 1); /* nobody's */
	assert_int_equal(bh_dns_watch_unread(watch, whole.time).refused, 0);
	send_packet(watch, &cut, 1);
	assert_int_equal(bh_dns_watch_unread(watch, whole.time).refused, 1);
	assert_int_equal(told.calls, 0);
	send_packet(watch, &whole, 1); /* what forged the other one does not keep it away */
	assert_int_equal(told.calls, 1);
	send_packet(watch, &cut, 1);
	assert_int_equal(bh_dns_watch_unread(watch, whole.time).refused, 1);
	bh_dns_watch_free(watch);
}

/* A container that asks without end forgets its own questions, not its neighbour's. */
static void floods_stay_at_home(void **state)
{
	struct told told = { 0 };
	struct bh_dns_watch *watch = bh_dns_watch_new(true, note, &told);
	struct what q = query, a = answer_to(query);
	unsigned lost = 0;

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		struct what flood = query;

		q.ifindex = a.ifindex = 100 + i;
		told.calls = 0;
		send_packet(watch, &q, 1);
		flood.ifindex = 1000;
		for (unsigned id = 0; id < 300; id++) {
			flood.id = id;
			send_packet(watch, &flood, 1);
		}
		send_packet(watch, &a, 1);
		lost += told.calls == 0;
	}
	/* One in 256 shares the ring with the flood. */
	assert_in_range(lost, 0, 3);
	q.ifindex = a.ifindex = 1000;
	q.id = a.id = 5000;
	told.calls = 0;
	send_packet(watch, &q, 1);
	for (unsigned id = 0; id < 128; id++) {
		struct what flood = query;

		flood.ifindex = 1000;
		flood.id = id;
		send_packet(watch, &flood, 1);
	}
	send_packet(watch, &a, 1);
	assert_int_equal(told.calls, 0);
	bh_dns_watch_free(watch);
}

/* A file may not say by which interface, or hold several sightings of each. */
static void files_need_no_interfaces(void **state)
{
	struct told told = { 0 };
	struct bh_dns_watch *watch = bh_dns_watch_new(false, note, &told);
	struct what q = query, a = answer_to(query);

	(void)state;
	q.outgoing = true;
	a.outgoing = false;
	a.ifindex = VETH + 1;
	send_packet(watch, &q, 1);
	send_packet(watch, &a, 1);
	send_packet(watch, &a, 1);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.last.ifindex, 0);
	bh_dns_watch_free(watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_names_its_addresses),
		cmocka_unit_test(the_case_of_letters_is_no_difference),
		cmocka_unit_test(what_nobody_asked_names_nothing),
		cmocka_unit_test(a_query_is_no_answer_to_itself),
		cmocka_unit_test(a_datagram_ends_where_it_says),
		cmocka_unit_test(segments_hold_whole_messages),
		cmocka_unit_test(messages_come_in_several_segments),
		cmocka_unit_test(answers_in_fragments_are_counted),
		cmocka_unit_test(doubtful_answers_to_what_was_asked_are_counted),
		cmocka_unit_test(floods_stay_at_home),
		cmocka_unit_test(files_need_no_interfaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
