/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which records are made of flows: read from the datagrams that a collector gets. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core_export.h"
#include "core_fixture.h"
#include "ipfix_reader.h"

#define NOW CORE_FIXTURE_NOW
#define MOST 64

struct seen {
	uint64_t id, there, back, first, last, reason, sport, event, not_sent;
	char source[128];
};

struct fixture {
	struct bh_core *core;
	int collector;
	struct reader reader;
	struct seen seen[MOST];
	size_t count;
	uint64_t not_sent;
	int64_t now; /* monotonic, as core's ticks have it */
};

static void take_record(void *user, uint16_t id, const struct reader_template *t,
			const uint8_t *const *v, const size_t *l)
{
	struct fixture *f = user;
	struct seen *s = &f->seen[f->count];
	size_t length;

	(void)id;
	if (t->scopes == 1)
		f->not_sent = reader_number(t, v, l, 0, 166);
	if (t->scopes > 0)
		return;
	assert_true(f->count++ < MOST);
	s->id = reader_number(t, v, l, 0, 148);
	s->there = reader_number(t, v, l, 0, 1);
	s->back = reader_number(t, v, l, 29305, 1);
	s->first = reader_number(t, v, l, 0, 152);
	s->last = reader_number(t, v, l, 0, 153);
	s->reason = reader_number(t, v, l, 0, 136);
	s->event = reader_number(t, v, l, 0, 233);
	s->sport = reader_number(t, v, l, 0, 7);
	const uint8_t *text = reader_value(t, v, l, 32473, 101, &length);
	memcpy(s->source, text, length);
}

static int bind_collector(uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void receive(struct fixture *f)
{
	uint8_t message[65536];
	ssize_t got;

	while ((got = recv(f->collector, message, sizeof(message), 0)) > 0)
		reader_take(&f->reader, message, (size_t)got);
}

/* Its name is looked up by a thread. */
static void wait_for_session(struct fixture *f)
{
	for (int i = 0; i < 2000 && f->reader.sequence == 0; i++) {
		uv_run(&f->core->loop, UV_RUN_NOWAIT);
		usleep(1000);
		receive(f);
	}
	assert_true(f->reader.sequence > 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct bh_config_ipfix *ipfix;
	uint16_t port;

	f->collector = bind_collector(&port);
	f->core = core_fixture_with_rules(BH_SECOND);
	ipfix = &f->core->config.exports.ipfix;
	ipfix->collector_count = 1;
	ipfix->collectors[0] = (struct bh_config_collector) { .host = "127.0.0.1", .port = port };
	f->reader.record = take_record;
	f->reader.user = f;
	f->now = bh_time_monotonic();
	core_fixture_world(f->core);
	bh_core_exports_start(f->core);
	wait_for_session(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	bh_core_exports_end(f->core);
	core_fixture_free_with_rules(f->core);
	close(f->collector);
	free(f);
	return 0;
}

static void pass(struct fixture *f, int64_t how_long)
{
	f->now += how_long;
	bh_core_exports_tick(f->core, f->now);
	receive(f);
}

static struct bh_flow make_flow(uint64_t id)
{
	struct bh_flow flow;

	memset(&flow, 0, sizeof(flow));
	flow.id = id;
	flow.key = core_fixture_tuple("10.0.1.2", 40000, "10.0.2.3", 5432);
	flow.src_ifindex = 7;
	flow.dst_ifindex = 8;
	flow.first = NOW;
	flow.last = NOW + BH_SECOND;
	flow.direction = BH_DIRECTION_SYN;
	flow.state = BH_FLOW_ESTABLISHED;
	flow.answered = flow.established = true;
	flow.tx.sent = flow.tx.delivered = (struct bh_tally) { 2, 100 };
	flow.rx.sent = flow.rx.delivered = (struct bh_tally) { 1, 50 };
	return flow;
}

static void grow(struct bh_flow *flow, uint64_t there, uint64_t back)
{
	flow->tx.sent.bytes += there;
	flow->rx.sent.bytes += back;
	flow->last += 10 * BH_SECOND;
}

static void expect(const struct seen *s, uint64_t there, uint64_t back, uint64_t reason)
{
	assert_int_equal(s->there, there);
	assert_int_equal(s->back, back);
	assert_int_equal(s->reason, reason);
}

/* What goes on has a record at each active timeout, of what it grew; and one at its end. */
static void records_of_a_flow_add_up(void **state)
{
	struct fixture *f = *state;
	struct bh_flow flow = make_flow(1);
	int64_t active = f->core->config.exports.active_timeout;

	bh_core_flows(f->core, &flow, 1);
	pass(f, BH_SECOND);
	assert_int_equal(f->count, 0);
	pass(f, active);
	assert_int_equal(f->count, 1);
	expect(&f->seen[0], 100, 50, 2);
	assert_int_equal(f->seen[0].event, 1);
	assert_string_equal(f->seen[0].source, "netns:web");
	grow(&flow, 1000, 0);
	bh_core_flows(f->core, &flow, 1);
	pass(f, active);
	expect(&f->seen[1], 1000, 0, 2);
	assert_int_equal(f->seen[1].event, 5);
	grow(&flow, 5, 7);
	flow.state = BH_FLOW_CLOSED;
	flow.final = true;
	bh_core_flows(f->core, &flow, 1);
	pass(f, active);
	assert_int_equal(f->count, 3);
	expect(&f->seen[2], 5, 7, 1); /* of so long ago */
	assert_int_equal(f->seen[2].event, 2);
	assert_int_equal(f->seen[0].first, NOW / 1000);
	assert_int_equal(f->seen[1].first, f->seen[0].last);
	assert_int_equal(f->seen[2].first, f->seen[1].last);
	assert_int_equal(f->seen[2].last, flow.last / 1000);
	pass(f, active);
	assert_int_equal(f->count, 3);
}

static void silence_is_no_record(void **state)
{
	struct fixture *f = *state;
	struct bh_flow flow = make_flow(1);

	bh_core_flows(f->core, &flow, 1);
	for (int i = 0; i < 5; i++)
		pass(f, f->core->config.exports.active_timeout);
	assert_int_equal(f->count, 1);
}

/* Who opened it becomes known: what was told before was the other way round. */
static void a_turned_flow_goes_on_from_what_was_told(void **state)
{
	struct fixture *f = *state;
	struct bh_flow flow = make_flow(1), turned;

	flow.direction = BH_DIRECTION_UNKNOWN;
	bh_core_flows(f->core, &flow, 1);
	for (struct bh_live_flow *live = f->core->oldest; live != NULL; live = live->newer)
		bh_core_tracking_drop(f->core, live);
	pass(f, f->core->config.exports.active_timeout + BH_SECOND);
	assert_int_equal(f->count, 1);
	expect(&f->seen[0], 100, 50, 2);
	turned = flow;
	turned.key = bh_flow_key_turned(&flow.key);
	turned.direction = BH_DIRECTION_SYN;
	turned.src_ifindex = flow.dst_ifindex;
	turned.dst_ifindex = flow.src_ifindex;
	turned.tx = flow.rx;
	turned.rx = flow.tx;
	grow(&turned, 10, 20);
	bh_core_flows(f->core, &turned, 1);
	pass(f, f->core->config.exports.active_timeout);
	assert_int_equal(f->count, 2);
	expect(&f->seen[1], 10, 20, 2);
	assert_int_equal(f->seen[1].sport, 5432);
}

/* Connections that closed while they were reported, and what was cut short. */
static void reasons_are_told_apart(void **state)
{
	struct fixture *f = *state;
	struct bh_flow flow = make_flow(1);

	flow.first = flow.last = bh_time_now();
	flow.state = BH_FLOW_CLOSED;
	flow.final = true;
	bh_core_flows(f->core, &flow, 1);
	pass(f, 30 * BH_SECOND);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->seen[0].reason, 3);
	flow = make_flow(2);
	flow.key.sport++;
	flow.first = flow.last = bh_time_now();
	bh_core_flows(f->core, &flow, 1);
	bh_core_exports_end(f->core);
	receive(f);
	assert_int_equal(f->count, 2);
	expect(&f->seen[1], 100, 50, 4);
	assert_int_equal(f->not_sent, 0);
}

/* Nothing leaves core's memory without its record. */
static void what_is_forgotten_is_exported_before(void **state)
{
	struct fixture *f = *state;
	struct bh_flow flow = make_flow(1);
	struct bh_live_flow *live;

	flow.final = true;
	bh_core_flows(f->core, &flow, 1);
	live = bh_live_flows_newest(f->core->flows, &flow.key).there;
	assert_non_null(live);
	bh_core_export_leave(f->core, live);
	pass(f, BH_SECOND);
	assert_int_equal(f->count, 1);
	pass(f, 60 * BH_SECOND);
	assert_int_equal(f->count, 1);
}

static const char *state_of_exports(const struct bh_core *core, char out[256])
{
	cJSON *list = bh_core_exports_json(core);
	const cJSON *one = cJSON_GetArrayItem(list, 0);
	const char *why = cJSON_GetStringValue(cJSON_GetObjectItem(one, "why"));

	snprintf(out, 256, "%s: %s", cJSON_GetStringValue(cJSON_GetObjectItem(one, "state")),
		 why != NULL ? why : "");
	cJSON_Delete(list);
	return out;
}

/* A listener whose queue is full leaves those who come without an answer. */
static int listen_deaf(struct sockaddr_in *address, int callers[2])
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in) { .sin_family = AF_INET,
					  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)address, length), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &length), 0);
	for (int i = 0; i < 2; i++) {
		callers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(callers[i], (struct sockaddr *)address, length);
	}
	return fd;
}

static void who_never_answers_is_given_up(void **state)
{
	struct bh_core *core = core_fixture_with_rules(BH_SECOND);
	struct bh_config_ipfix *ipfix = &core->config.exports.ipfix;
	struct sockaddr_in address;
	int callers[2], deaf = listen_deaf(&address, callers);
	char text[256] = "";

	(void)state;
	ipfix->collector_count = 1;
	ipfix->collectors[0] = (struct bh_config_collector) { .host = "127.0.0.1",
							      .port = ntohs(address.sin_port),
							      .transport = BH_TRANSPORT_TCP };
	bh_core_exports_start(core);
	for (int i = 0; i < 2000 && strcmp(state_of_exports(core, text), "connecting: ") != 0;
	     i++) {
		uv_run(&core->loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
	assert_string_equal(text, "connecting: ");
	bh_core_exports_tick(core, bh_time_monotonic() + 11 * BH_SECOND);
	assert_string_equal(state_of_exports(core, text),
			    "waiting: it cannot be connected to: connection timed out");
	bh_core_exports_end(core);
	core_fixture_free_with_rules(core);
	close(deaf);
	close(callers[0]);
	close(callers[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_of_a_flow_add_up),
		TEST(silence_is_no_record),
		TEST(a_turned_flow_goes_on_from_what_was_told),
		TEST(reasons_are_told_apart),
		TEST(what_is_forgotten_is_exported_before),
		cmocka_unit_test(who_never_answers_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
