/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPFIX messages: their bytes as RFC 7011 draws them, and what a reader of its own makes of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "ipfix.h"
#include "ipfix_elements.h"
#include "ipfix_reader.h"
#include "ipfix_record.h"

#define SECOND INT64_C(1000000)
#define PEN 32473

static const struct bh_ipfix_settings settings = { .domain = 7,
						   .enterprise = PEN,
						   .message_size = 1400,
						   .datagrams = true,
						   .template_interval = 60 * SECOND,
						   .template_messages = 100 };

static struct bh_export_flow make_flow(void)
{
	return (struct bh_export_flow) {
		.id = 258,
		.key = { .src = { BH_IPV4, { 192, 0, 2, 12 } },
			 .dst = { BH_IPV4, { 192, 0, 2, 254 } },
			 .sport = 40000,
			 .dport = 80,
			 .proto = IPPROTO_TCP },
		.first = INT64_C(1700000000123456),
		.last = INT64_C(1700000001999999),
		.src_ifindex = 3,
		.dst_ifindex = 4,
		.counted = true,
		.tx = { .counted = { 5, 500 }, .delivered = { 4, 400 }, .delivered_known = true },
		.rx = { .counted = { 7, 9000 } },
		.begins = true,
		.reason = BH_EXPORT_GOES_ON,
		.verdict = BH_FLOW_DELIVERED,
		.verdict_back = BH_FLOW_DENIED,
		.initiator_known = true,
		.src_workload = "compose:shop/web",
		.dst_workload = "compose:shop/db",
		.src_container = "c1",
		.dst_container = "c2",
		.verdict_word = "delivered",
		.verdict_back_word = "denied",
		.direction = "syn",
		.state = "established",
		.dns = "",
		.sni = "",
		.tunnel = "",
		.via = "",
	};
}

/* RFC 7011, 7: figures R and S. */
static void lengths_of_texts(void **state)
{
	struct bh_buffer out = { 0 };
	char text[301];

	(void)state;
	bh_ipfix_put_text(&out, "abc", 100);
	assert_int_equal(out.length, 4);
	assert_memory_equal(out.data,
			    "\x03"
			    "abc",
			    4);
	memset(text, 'a', 300);
	text[254] = '\0';
	bh_buffer_clear(&out);
	bh_ipfix_put_text(&out, text, 1000);
	assert_int_equal(out.length, 255);
	assert_int_equal((uint8_t)out.data[0], 254);
	text[254] = 'a';
	text[300] = '\0';
	bh_buffer_clear(&out);
	bh_ipfix_put_text(&out, text, 1000);
	assert_int_equal(out.length, 303);
	assert_memory_equal(out.data,
			    "\xff\x01\x2c"
			    "aaa",
			    6);
	bh_buffer_free(&out);
}

/* A string is UTF-8 (RFC 7011, 6.1.6), and is cut between characters. */
static void texts_are_utf8(void **state)
{
	struct bh_buffer out = { 0 };

	(void)state;
	bh_ipfix_put_text(&out, "a\xff\xc3\xa4", 100);
	assert_int_equal(out.length, 7);
	assert_memory_equal(out.data,
			    "\x06"
			    "a\xef\xbf\xbd\xc3\xa4",
			    7);
	bh_buffer_clear(&out);
	bh_ipfix_put_text(&out, "a\xc3\xa4", 2);
	assert_int_equal(out.length, 2);
	bh_buffer_free(&out);
}

/* RFC 7011, A.2.1 and 3.2: the fields of its example's template, and one of an enterprise's. */
static void fields_as_the_rfc_draws_them(void **state)
{
	static const struct bh_ipfix_element elements[] = { { BH_IPFIX_IANA, 8, 4 },
							    { BH_IPFIX_IANA, 12, 4 },
							    { BH_IPFIX_OWN, 15, 8 },
							    { BH_IPFIX_REVERSE, 1, 8 } };
	static const uint8_t expected[] = { 0x00, 0x08, 0x00, 0x04, 0x00, 0x0c, 0x00, 0x04,
					    0x80, 0x0f, 0x00, 0x08, 0x00, 0x00, 0x7e, 0xd9,
					    0x80, 0x01, 0x00, 0x08, 0x00, 0x00, 0x72, 0x79 };
	struct bh_buffer out = { 0 };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		bh_ipfix_put_field(&out, &elements[i], PEN);
	assert_int_equal(out.length, sizeof(expected));
	assert_memory_equal(out.data, expected, sizeof(expected));
	bh_buffer_free(&out);
}

/* --- messages --------------------------------------------------------------------------------- */

struct seen {
	size_t types, statistics, flows;
	uint64_t flow[64]; /* id of each */
	char workload[300];
	uint64_t there[4]; /* octets and packets, there and back */
	uint64_t delivered;
	bool back_is_delivered; /* its template has the element */
	uint64_t first, last, reason, biflow, forwarding, event, port, not_sent;
	size_t address_length;
};

static void take_flow(struct seen *s, const struct reader_template *t, const uint8_t *const *v,
		      const size_t *l)
{
	size_t length;
	const uint8_t *text = reader_value(t, v, l, PEN, BH_IPFIX_SOURCE_WORKLOAD, &length);

	memcpy(s->workload, text, length < 299 ? length : 299);
	s->workload[length < 299 ? length : 299] = '\0';
	s->flow[s->flows++ % 64] = reader_number(t, v, l, 0, 148);
	if (reader_value(t, v, l, 0, 1, &length) != NULL) {
		s->there[0] = reader_number(t, v, l, 0, 1);
		s->there[1] = reader_number(t, v, l, 0, 2);
	}
	if (reader_value(t, v, l, 29305, 1, &length) != NULL) {
		s->there[2] = reader_number(t, v, l, 29305, 1);
		s->there[3] = reader_number(t, v, l, 29305, 2);
	}
	if (reader_value(t, v, l, PEN, BH_IPFIX_DELIVERED_OCTETS, &length) != NULL)
		s->delivered = reader_number(t, v, l, PEN, BH_IPFIX_DELIVERED_OCTETS);
	s->back_is_delivered =
		reader_value(t, v, l, PEN, BH_IPFIX_REVERSE_DELIVERED_OCTETS, &length) != NULL;
	s->first = reader_number(t, v, l, 0, 152);
	s->last = reader_number(t, v, l, 0, 153);
	s->reason = reader_number(t, v, l, 0, 136);
	s->biflow = reader_number(t, v, l, 0, 239);
	s->forwarding = reader_number(t, v, l, 0, 89);
	s->event = reader_number(t, v, l, 0, 233);
	if (reader_value(t, v, l, 0, 11, &length) != NULL)
		s->port = reader_number(t, v, l, 0, 11);
	if (reader_value(t, v, l, 0, 32, &length) != NULL)
		s->port = reader_number(t, v, l, 0, 32);
	if (reader_value(t, v, l, 0, 139, &length) != NULL)
		s->port = reader_number(t, v, l, 0, 139);
	s->address_length = 0;
	if (reader_value(t, v, l, 0, 8, &s->address_length) == NULL)
		reader_value(t, v, l, 0, 27, &s->address_length);
}

static void take_record(void *user, uint16_t id, const struct reader_template *t,
			const uint8_t *const *v, const size_t *l)
{
	struct seen *s = user;

	(void)id;
	if (t->scopes == 2) {
		s->types++;
	} else if (t->scopes == 1) {
		s->statistics++;
		s->not_sent = reader_number(t, v, l, 0, 166);
	} else {
		take_flow(s, t, v, l);
	}
}

/* A session, and who reads what is sent in it. */
struct fixture {
	struct bh_ipfix_session session;
	struct bh_export_queue queue;
	struct bh_buffer message;
	struct bh_export_sum sum, sent, lost;
	struct reader reader;
	struct seen seen;
	int64_t now;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->queue.limit = 1 << 20;
	f->now = 1000 * SECOND;
	f->reader.record = take_record;
	f->reader.user = &f->seen;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	bh_export_queue_free(&f->queue);
	bh_buffer_free(&f->message);
	free(f);
	return 0;
}

static bool send_next(struct fixture *f, const struct bh_ipfix_settings *how)
{
	if (!bh_ipfix_next_message(how, &f->session, &f->queue, f->now, 1700000000, &f->message,
				   &f->sum))
		return false;
	assert_true(f->message.length <= how->message_size);
	reader_take(&f->reader, f->message.data, f->message.length);
	bh_export_sum_add(&f->sent, &f->sum);
	return true;
}

static size_t send_all(struct fixture *f, const struct bh_ipfix_settings *how)
{
	size_t count = 0;

	while (send_next(f, how))
		count++;
	return count;
}

/* RFC 7011, 3.1: version, length, export time, sequence number, domain. */
static void header_as_the_rfc_draws_it(void **state)
{
	static const uint8_t expected[] = { 0x00, 0x0a, 0, 0, 0x65, 0x53, 0xf1, 0x00,
					    0,	  0,	0, 0, 0,    0,	  0,	7 };
	struct fixture *f = *state;
	struct bh_export_flow flow = make_flow();
	size_t options;

	assert_true(send_next(f, &settings));
	assert_memory_equal(f->message.data, expected, 2);
	assert_int_equal(bh_read_u16((const uint8_t *)f->message.data + 2), f->message.length);
	assert_memory_equal(f->message.data + 4, expected + 4, sizeof(expected) - 4);
	send_all(f, &settings);
	options = f->seen.types;
	bh_ipfix_add(&settings, &f->queue, &flow, &f->lost);
	assert_true(send_next(f, &settings));
	assert_int_equal(bh_read_u32((const uint8_t *)f->message.data + 8), options);
}

static void own_elements_are_described(void **state)
{
	struct fixture *f = *state;

	send_all(f, &settings);
	assert_int_equal(f->seen.types, BH_IPFIX_OWN_COUNT);
	assert_int_equal(f->seen.flows, 0);
	for (size_t i = 0; i < BH_IPFIX_OWN_COUNT; i++)
		assert_int_equal(bh_ipfix_own[i].id, 101 + i);
}

static void a_biflow_is_read_back(void **state)
{
	struct fixture *f = *state;
	struct bh_export_flow flow = make_flow();

	bh_ipfix_add(&settings, &f->queue, &flow, &f->lost);
	send_all(f, &settings);
	assert_int_equal(f->seen.flows, 1);
	assert_int_equal(f->seen.flow[0], 258);
	assert_string_equal(f->seen.workload, "compose:shop/web");
	assert_int_equal(f->seen.there[0], 500);
	assert_int_equal(f->seen.there[1], 5);
	assert_int_equal(f->seen.there[2], 9000);
	assert_int_equal(f->seen.there[3], 7);
	assert_int_equal(f->seen.delivered, 400);
	assert_false(f->seen.back_is_delivered);
	assert_int_equal(f->seen.first, INT64_C(1700000000123));
	assert_int_equal(f->seen.last, INT64_C(1700000001999));
	assert_int_equal(f->seen.reason, 2);
	assert_int_equal(f->seen.biflow, 1);
	assert_int_equal(f->seen.forwarding, 64);
	assert_int_equal(f->seen.event, 1);
	assert_int_equal(f->seen.port, 80);
	assert_int_equal(f->seen.address_length, 4);
	assert_int_equal(f->sent.records, 1);
	assert_int_equal(f->sent.packets, 12);
	assert_int_equal(f->sent.octets, 9500);
}

static void what_is_not_known_has_no_element(void **state)
{
	struct fixture *f = *state;
	struct bh_export_flow flow = make_flow();

	flow.counted = false;
	bh_ipfix_add(&settings, &f->queue, &flow, &f->lost);
	send_all(f, &settings);
	assert_int_equal(f->seen.flows, 1);
	assert_int_equal(f->seen.there[0] + f->seen.there[2] + f->seen.delivered, 0);
	assert_int_equal(bh_ipfix_form(&flow) & BH_IPFIX_COUNTED, 0);
}

static void icmp_and_ipv6_have_their_elements(void **state)
{
	struct fixture *f = *state;
	struct bh_export_flow flow = make_flow();

	flow.key.src = flow.key.dst = (struct bh_addr) { BH_IPV6, { 0x20, 0x01 } };
	flow.key.proto = IPPROTO_ICMPV6;
	flow.key.sport = 0;
	flow.key.dport = 128 << 8;
	flow.reason = BH_EXPORT_IDLE;
	bh_ipfix_add(&settings, &f->queue, &flow, &f->lost);
	send_all(f, &settings);
	assert_int_equal(f->seen.port, 128 << 8);
	assert_int_equal(f->seen.address_length, 16);
	assert_int_equal(f->seen.event, 2);
	flow.key.proto = IPPROTO_GRE;
	assert_int_equal(bh_ipfix_form(&flow) & (BH_IPFIX_PORTS | BH_IPFIX_ICMP), 0);
}

static void verdicts_as_firewalls_tell_them(void **state)
{
	static const uint64_t forwarding[] = { [BH_FLOW_VERDICT_UNKNOWN] = 0,
					       [BH_FLOW_DELIVERED] = 64,
					       [BH_FLOW_UNDELIVERED] = 128,
					       [BH_FLOW_DENIED] = 129 };
	struct fixture *f = *state;
	struct bh_export_flow flow = make_flow();

	flow.begins = false;
	for (uint8_t verdict = 0; verdict < BH_FLOW_VERDICTS; verdict++) {
		flow.verdict = verdict;
		bh_ipfix_add(&settings, &f->queue, &flow, &f->lost);
		send_all(f, &settings);
		assert_int_equal(f->seen.forwarding, forwarding[verdict]);
		assert_int_equal(f->seen.event, verdict == BH_FLOW_DENIED ? 3 : 5);
	}
}

static void each_direction_by_itself(void **state)
{
	struct bh_ipfix_settings one_way = settings;
	struct fixture *f = *state;
	struct bh_export_flow flow = make_flow();

	one_way.one_way = true;
	bh_ipfix_add(&one_way, &f->queue, &flow, &f->lost);
	send_all(f, &one_way);
	assert_int_equal(f->seen.flows, 2);
	assert_string_equal(f->seen.workload, "compose:shop/db");
	assert_int_equal(f->seen.there[0], 9000);
	assert_int_equal(f->seen.there[2], 0);
	assert_int_equal(f->seen.port, 40000);
	assert_int_equal(f->seen.biflow, 2);
	assert_int_equal(f->seen.event, 3); /* the way back was denied */
	flow.rx.counted = (struct bh_tally) { 0 };
	bh_ipfix_add(&one_way, &f->queue, &flow, &f->lost);
	send_all(f, &one_way);
	assert_int_equal(f->seen.flows, 3);
	/* Both of a flow add up to what it had. */
	assert_int_equal(f->sent.octets, 9500 + 500);
}

static void templates_are_repeated_in_datagrams_alone(void **state)
{
	struct bh_ipfix_settings stream = settings;
	struct fixture *f = *state;

	assert_true(send_all(f, &settings) > 0);
	assert_int_equal(send_all(f, &settings), 0);
	f->now += settings.template_interval;
	assert_true(send_all(f, &settings) > 0);
	assert_int_equal(f->seen.types, 2 * BH_IPFIX_OWN_COUNT);
	f->now += settings.template_interval;
	stream.datagrams = false;
	assert_int_equal(send_all(f, &stream), 0);
}

/* Whoever begins to listen knows every template after so many messages. */
static void templates_are_repeated_by_messages(void **state)
{
	struct bh_ipfix_settings often = settings;
	struct fixture *f = *state;
	struct bh_export_flow flow = make_flow();
	size_t messages = 0;

	often.template_messages = 5;
	send_all(f, &often);
	memset(f->reader.templates, 0, sizeof(f->reader.templates));
	while (f->session.since_announced < often.template_messages) {
		bh_ipfix_add(&often, &f->queue, &flow, &f->lost);
		assert_true(bh_ipfix_next_message(&often, &f->session, &f->queue, f->now, 1,
						  &f->message, &f->sum));
		assert_true(++messages < 10);
	}
	f->reader.sequence = f->session.sequence;
	bh_ipfix_add(&often, &f->queue, &flow, &f->lost);
	send_all(f, &often); /* the reader aborts where it knows no template */
	assert_int_equal(f->seen.flows, 1);
}

static void messages_keep_to_their_size(void **state)
{
	struct bh_ipfix_settings small = settings;
	struct fixture *f = *state;
	struct bh_export_flow flow = make_flow();
	char name[256];

	small.message_size = BH_IPFIX_LEAST_MESSAGE;
	memset(name, 'n', 255);
	name[255] = '\0';
	for (int i = 0; i < 20; i++) {
		flow.id = (uint64_t)i;
		flow.counted = i % 3 != 0;
		bh_ipfix_add(&small, &f->queue, &flow, &f->lost);
	}
	flow.id = 20;
	flow.src_workload = flow.dst_workload = flow.dns = flow.sni = flow.via = name;
	flow.src_container = flow.dst_container = flow.tunnel = name;
	flow.key.src.family = flow.key.dst.family = BH_IPV6;
	flow.rx.delivered_known = true;
	bh_ipfix_add(&small, &f->queue, &flow, &f->lost);
	send_all(f, &small);
	assert_int_equal(f->seen.flows, 21);
	assert_int_equal(f->lost.records, 0);
	for (uint64_t i = 0; i < 21; i++)
		assert_int_equal(f->seen.flow[i], i);
	/* What was too long is cut. */
	assert_in_range(strlen(f->seen.workload), 30, 100);
}

static void a_full_queue_loses_the_oldest(void **state)
{
	struct fixture *f = *state;
	struct bh_export_flow flow = make_flow();
	uint64_t count = 0;

	f->queue.limit = 4096;
	while (f->lost.records < 3) {
		flow.id = count++;
		bh_ipfix_add(&settings, &f->queue, &flow, &f->lost);
	}
	assert_int_equal(f->lost.octets, 3 * 9500);
	assert_int_equal(f->lost.packets, 3 * 12);
	send_all(f, &settings);
	assert_int_equal(f->seen.flow[0], 3);
	assert_int_equal(f->seen.flows, count - 3);
}

static void statistics_tell_what_was_not_sent(void **state)
{
	struct bh_export_totals totals = { .messages = 1, .not_sent = { 42, 0, 0 } };
	struct fixture *f = *state;

	assert_false(bh_ipfix_statistics(&settings, &f->session, &totals, 9, 1, &f->message));
	send_all(f, &settings);
	assert_true(bh_ipfix_statistics(&settings, &f->session, &totals, 9, 1, &f->message));
	reader_take(&f->reader, f->message.data, f->message.length);
	assert_int_equal(f->seen.statistics, 1);
	assert_int_equal(f->seen.not_sent, 42);
}

static void a_queue_keeps_its_order_and_its_bound(void **state)
{
	struct bh_export_queue queue = { .limit = 1000 };
	size_t length;
	uint32_t in = 0, out = 0, item;

	(void)state;
	assert_null(bh_export_queue_first(&queue, &length));
	for (int round = 0; round < 100000; round++) {
		if (bh_export_queue_fits(&queue, sizeof(in)) && round % 3 != 2) {
			bh_export_queue_add(&queue, &in, 2, (char *)&in + 2, 2);
			in++;
			continue;
		}
		memcpy(&item, bh_export_queue_first(&queue, &length), sizeof(item));
		assert_int_equal(length, sizeof(item));
		assert_int_equal(item, out++);
		bh_export_queue_drop(&queue);
	}
	assert_int_equal(queue.count, in - out);
	assert_false(bh_export_queue_fits(&queue, 1000));
	/* What is gone does not pile up. */
	assert_true(queue.bytes.capacity < 512 << 10);
	bh_export_queue_free(&queue);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_of_texts),
		cmocka_unit_test(texts_are_utf8),
		cmocka_unit_test(fields_as_the_rfc_draws_them),
		WITH_FIXTURE(header_as_the_rfc_draws_it),
		WITH_FIXTURE(own_elements_are_described),
		WITH_FIXTURE(a_biflow_is_read_back),
		WITH_FIXTURE(what_is_not_known_has_no_element),
		WITH_FIXTURE(icmp_and_ipv6_have_their_elements),
		WITH_FIXTURE(verdicts_as_firewalls_tell_them),
		WITH_FIXTURE(each_direction_by_itself),
		WITH_FIXTURE(templates_are_repeated_in_datagrams_alone),
		WITH_FIXTURE(templates_are_repeated_by_messages),
		WITH_FIXTURE(messages_keep_to_their_size),
		WITH_FIXTURE(a_full_queue_loses_the_oldest),
		WITH_FIXTURE(statistics_tell_what_was_not_sent),
		cmocka_unit_test(a_queue_keeps_its_order_and_its_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
