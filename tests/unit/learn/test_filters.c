/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each filter asks, on what evidence, and what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "contact.h"
#include "filters.h"

#define HOUR 1000
#define WINDOW (24 * HOUR)
#define START (10 * WINDOW)

static const struct bh_filter_config defaults;
static const struct bh_peer web = { BH_PEER_WORKLOAD, "web" }, api = { BH_PEER_WORKLOAD, "api" },
			    pay = { BH_PEER_DNS, "dns:pay.example" },
			    raw = { BH_PEER_ADDRESS, "203.0.113.9" },
			    metadata = { BH_PEER_METADATA, "metadata" },
			    world = { BH_PEER_WORLD, "world" };

static int make(void **state)
{
	const struct bh_ledger_config config = {
		.window = WINDOW, .max_edges = 100, .max_attempts = 100, .max_contacts = 100
	};

	*state = bh_ledger_new(&config);
	return 0;
}

static int unmake(void **state)
{
	bh_ledger_free(*state);
	return 0;
}

static void see(struct bh_ledger *l, const struct bh_peer *src, const struct bh_peer *dst,
		uint16_t port, uint64_t replica, int64_t time, bool answered)
{
	struct bh_contact c = contact_of(src, dst, port, time);

	c.replica = replica;
	c.answered = c.teaches = answered;
	bh_ledger_observe(l, &c);
}

/* In two windows: what F3 asks for. */
static void see_twice(struct bh_ledger *l, const struct bh_peer *src, const struct bh_peer *dst,
		      uint16_t port, int64_t time)
{
	see(l, src, dst, port, 1, time, true);
	see(l, src, dst, port, 1, time + WINDOW, true);
}

struct wanted {
	uint16_t port;
	const struct bh_peer *dst;
	struct bh_edge edge;
	bool found;
};

static void take(void *user, const struct bh_edge *edge)
{
	struct wanted *w = user;

	if (edge->port != w->port || strcmp(edge->dst->name, w->dst->name) != 0)
		return;
	w->edge = *edge;
	w->found = true;
}

static struct bh_edge edge_to(const struct bh_ledger *l, const struct bh_peer *dst, uint16_t port)
{
	struct wanted w = { .port = port, .dst = dst };

	bh_ledger_each(l, BH_EDGES, take, &w);
	bh_ledger_each(l, BH_ATTEMPTS, take, &w);
	assert_true(w.found);
	return w.edge;
}

static struct bh_judgement judge_edge(const struct bh_ledger *l,
				      const struct bh_filter_config *config,
				      const struct bh_edge *edge)
{
	return bh_judge(l, config, edge->answered > 0 ? BH_EDGES : BH_ATTEMPTS, edge);
}

static struct bh_judgement judge(const struct bh_ledger *l, const struct bh_peer *dst,
				 uint16_t port)
{
	struct bh_edge edge = edge_to(l, dst, port);

	return judge_edge(l, &defaults, &edge);
}

#define BIT(filter) (UINT32_C(1) << (filter))

static void assert_reasons(const struct bh_ledger *l, const struct bh_peer *dst, uint16_t port,
			   uint32_t reasons)
{
	struct bh_judgement judged = judge(l, dst, port);

	assert_int_equal(judged.reasons, reasons);
	assert_int_equal(judged.state, reasons != 0 ? BH_EDGE_REVIEW : BH_EDGE_ACCEPTED);
}

static void assert_words(const struct bh_ledger *l, const struct bh_peer *dst, uint16_t port,
			 enum bh_filter filter, const char *words)
{
	struct bh_edge edge = edge_to(l, dst, port);
	struct bh_buffer text = { 0 };

	bh_filter_explain(l, &edge, filter, &text);
	assert_string_equal(text.data, words);
	bh_buffer_free(&text);
}

static void what_is_denied_counts_when_it_has_ended(void **state)
{
	struct bh_edge edge = { .src = &web, .dst = &api, .proto = IPPROTO_TCP, .windows = 1 };
	struct bh_buffer text = { 0 };

	bh_filter_explain(*state, &edge, BH_FILTER_OPPOSED, &text);
	assert_string_equal(text.data, "the active policy does not allow it: the first attempt has "
				       "not ended yet");
	bh_buffer_clear(&text);
	edge.connections = 2;
	bh_filter_explain(*state, &edge, BH_FILTER_OPPOSED, &text);
	assert_string_equal(text.data,
			    "the active policy does not allow it: tried 2 times, in 1 window");
	bh_buffer_free(&text);
}

static void what_was_never_answered_is_no_edge(void **state)
{
	see(*state, &web, &api, 80, 1, START, false);
	see(*state, &web, &api, 80, 1, START, false);
	assert_int_equal(judge(*state, &api, 80).state, BH_EDGE_REJECTED);
	assert_int_equal(judge(*state, &api, 80).reasons, BIT(BH_FILTER_UNANSWERED));
	assert_words(*state, &api, 80, BH_FILTER_UNANSWERED, "tried 2 times, and never answered");
	see(*state, &web, &api, 80, 1, START, true);
	assert_int_equal(edge_to(*state, &api, 80).connections, 3);
	assert_reasons(*state, &api, 80, BIT(BH_FILTER_ONE_WINDOW));
	see(*state, &web, &api, 80, 1, START + WINDOW, true);
	assert_reasons(*state, &api, 80, 0);
}

static void a_scanners_finds_are_held(void **state)
{
	see_twice(*state, &web, &api, 80, START);		   /* long before */
	see_twice(*state, &web, &api, 81, START + 2 * WINDOW + 1); /* within a day of it */
	for (uint16_t port = 1000; port < 1010; port++)
		see(*state, &web, &api, port, 1, START + 3 * WINDOW + 1, false);
	see_twice(*state, &web, &api, 82, START + 4 * WINDOW); /* within a day after it */
	see_twice(*state, &web, &api, 83, START + 5 * WINDOW); /* later */
	see_twice(*state, &api, &web, 84, START + 3 * WINDOW); /* another's */
	assert_reasons(*state, &api, 80, 0);
	assert_reasons(*state, &api, 81, BIT(BH_FILTER_SCANNER));
	assert_reasons(*state, &api, 82, BIT(BH_FILTER_SCANNER));
	assert_reasons(*state, &api, 83, 0);
	assert_reasons(*state, &web, 84, 0);
}

/* (hours − 1) · ln 2 > ln 100: eight hours. */
static void one_replica_of_several(void **state)
{
	see_twice(*state, &web, &api, 80, START);
	for (int hour = 0; hour < 7; hour++)
		see(*state, &web, &api, 81, 2, START + WINDOW + hour * HOUR, true);
	see(*state, &web, &api, 82, 2, START + 8 * HOUR, true);
	assert_reasons(*state, &api, 81, BIT(BH_FILTER_ONE_WINDOW));
	see(*state, &web, &api, 81, 2, START + 2 * WINDOW, true);
	assert_reasons(*state, &api, 81, BIT(BH_FILTER_ONE_REPLICA));
	assert_words(*state, &api, 81, BH_FILTER_ONE_REPLICA,
		     "in all of its 8 hours only one of 2 replicas did it");
	see(*state, &web, &api, 81, 1, START + 2 * WINDOW, true);
	assert_reasons(*state, &api, 81, 0);
}

static void sensitive_ports_and_names_that_come_late(void **state)
{
	see_twice(*state, &web, &api, 5432, START);
	see_twice(*state, &web, &api, 22, START + 3 * WINDOW + 1);
	see_twice(*state, &web, &pay, 443, START + 3 * WINDOW + 1);
	assert_reasons(*state, &api, 5432, 0);
	assert_reasons(*state, &api, 22, BIT(BH_FILTER_LATE_SENSITIVE));
	assert_reasons(*state, &pay, 443, BIT(BH_FILTER_LATE_NAME) | BIT(BH_FILTER_NAME));
	assert_words(*state, &api, 22, BH_FILTER_LATE_SENSITIVE,
		     "a sensitive port, first seen 3.0 windows after learning began, and no deploy "
		     "explains it");
	/* Somebody else asks for it, too. */
	see_twice(*state, &api, &pay, 443, START);
	assert_reasons(*state, &pay, 443, BIT(BH_FILTER_NAME));
	bh_ledger_deployed(*state, &web, START + 2 * WINDOW);
	assert_reasons(*state, &api, 22, 0);
}

static void what_is_never_accepted_by_itself(void **state)
{
	see_twice(*state, &web, &raw, 443, START);
	see_twice(*state, &web, &metadata, 80, START);
	see_twice(*state, &web, &api, 10250, START);
	see_twice(*state, &world, &web, 443, START);
	assert_reasons(*state, &raw, 443, BIT(BH_FILTER_RAW_ADDRESS));
	assert_reasons(*state, &metadata, 80, BIT(BH_FILTER_NEVER));
	assert_reasons(*state, &api, 10250, BIT(BH_FILTER_NEVER));
	assert_reasons(*state, &web, 443, 0); /* clients from outside */
}

static void a_filter_may_be_off_and_ports_be_others(void **state)
{
	const struct bh_sensitive ports = { .count = 1, .ports = { 8080 } };
	const struct bh_filter_config config = { .sensitive = &ports,
						 .off = BIT(BH_FILTER_ONE_WINDOW) };

	see_twice(*state, &web, &api, 80, START);
	see(*state, &web, &api, 22, 1, START + 4 * WINDOW, true);
	see(*state, &web, &api, 8080, 1, START + 4 * WINDOW, true);
	struct bh_edge ssh = edge_to(*state, &api, 22), http = edge_to(*state, &api, 8080);
	assert_int_equal(judge_edge(*state, &config, &ssh).state, BH_EDGE_ACCEPTED);
	assert_int_equal(judge_edge(*state, &config, &http).reasons, BIT(BH_FILTER_LATE_SENSITIVE));
	assert_true(bh_is_urgent(&config, &http));
	assert_false(bh_is_urgent(&config, &ssh));
}

/* Syslog, statsd: nobody ever answers, and somebody listens. */
static void one_way_to_a_listener_is_a_persons_to_decide(void **state)
{
	struct bh_contact c = { .src = &web,
				.dst = &api,
				.proto = IPPROTO_UDP,
				.port = 514,
				.replica = 1,
				.time = START,
				.direction = BH_DIRECTION_CONNTRACK,
				.ends = true };

	bh_ledger_observe(*state, &c);
	assert_int_equal(judge(*state, &api, 514).state, BH_EDGE_REJECTED);
	c.direction = BH_DIRECTION_LISTENER;
	bh_ledger_observe(*state, &c);
	assert_reasons(*state, &api, 514, BIT(BH_FILTER_UNANSWERED));
	assert_words(*state, &api, 514, BH_FILTER_UNANSWERED,
		     "sent 2 times to somebody who listens, and never answered: it may be meant to "
		     "go one way");
	/* Of TCP that is no excuse. */
	c.proto = IPPROTO_TCP;
	c.port = 515;
	bh_ledger_observe(*state, &c);
	assert_int_equal(judge(*state, &api, 515).state, BH_EDGE_REJECTED);
}

static void what_is_seen_no_more_goes_back_to_review(void **state)
{
	see_twice(*state, &web, &api, 80, START);
	see(*state, &web, &api, 81, 1, START, true);
	see(*state, &web, &api, 81, 1, START + 31 * WINDOW, true);
	see(*state, &web, &api, 81, 1, START + 36 * WINDOW, true);
	bh_ledger_advance(*state, START + 46 * WINDOW);
	assert_reasons(*state, &api, 80, 0);
	bh_ledger_advance(*state, START + 47 * WINDOW);
	assert_reasons(*state, &api, 80, BIT(BH_FILTER_UNUSED));
	assert_words(*state, &api, 80, BH_FILTER_UNUSED,
		     "not seen for 46 windows; its longest gap was 1");
	/* Who is seen once a month is given three of them. */
	bh_ledger_advance(*state, START + (36 + 93) * WINDOW);
	assert_reasons(*state, &api, 81, 0);
	bh_ledger_advance(*state, START + (36 + 94) * WINDOW);
	assert_reasons(*state, &api, 81, BIT(BH_FILTER_UNUSED));
}

/* Seen once, inside, and to no port that matters: it may pass for a while. */
static void what_was_seen_once_may_be_provisional(void **state)
{
	see(*state, &web, &api, 80, 1, START, true);
	see(*state, &web, &api, 22, 1, START, true);
	see(*state, &web, &pay, 443, 1, START, true);
	struct bh_judgement once = judge(*state, &api, 80);
	assert_int_equal(once.state, BH_EDGE_REVIEW);
	assert_true(once.provisional && bh_is_allowed(&once));
	assert_false(judge(*state, &api, 22).provisional);
	assert_false(judge(*state, &pay, 443).provisional);
	bh_ledger_advance(*state, START + 35 * WINDOW + 1);
	once = judge(*state, &api, 80);
	assert_false(once.provisional || bh_is_allowed(&once));
}

static void a_person_decides_until_it_expires(void **state)
{
	const struct bh_edge like = { .src = &web, .dst = &api, .proto = IPPROTO_TCP, .port = 22 };
	struct bh_decision decision = { .accepted = true,
					.time = START,
					.expires = START + 3 * WINDOW,
					.author = "ann",
					.why = "backups" };

	see(*state, &web, &api, 22, 1, START, true);
	assert_reasons(*state, &api, 22, BIT(BH_FILTER_ONE_WINDOW));
	bh_ledger_decide(*state, &like, &decision);
	struct bh_judgement judged = judge(*state, &api, 22);
	assert_int_equal(judged.state, BH_EDGE_ACCEPTED);
	assert_true(bh_is_allowed(&judged));
	assert_string_equal(judged.decision->author, "ann");
	assert_int_equal(judged.reasons, BIT(BH_FILTER_ONE_WINDOW)); /* it is known what it was */
	decision.accepted = false;
	bh_ledger_decide(*state, &like, &decision);
	judged = judge(*state, &api, 22);
	assert_int_equal(judged.state, BH_EDGE_REJECTED);
	assert_false(bh_is_allowed(&judged));
	bh_ledger_advance(*state, START + 3 * WINDOW);
	judged = judge(*state, &api, 22);
	assert_null(judged.decision);
	assert_int_equal(judged.state, BH_EDGE_REVIEW);
}

static void what_stage_1_refuses_is_urgent(void **state)
{
	static const struct {
		const struct bh_peer *src, *dst;
		uint8_t proto;
		uint16_t port;
		bool urgent;
	} cases[] = {
		{ &web, &api, IPPROTO_TCP, 80, false },
		{ &web, &api, IPPROTO_TCP, 22, true },
		{ &web, &api, IPPROTO_UDP, 2049, true },
		{ &web, &api, IPPROTO_SCTP, 22, false },
		{ &web, &raw, IPPROTO_TCP, 443, true },
		{ &web, &pay, IPPROTO_TCP, 443, true },
		{ &world, &web, IPPROTO_TCP, 443, true },
		{ &web, &metadata, IPPROTO_TCP, 80, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_edge edge = { .src = cases[i].src,
					.dst = cases[i].dst,
					.proto = cases[i].proto,
					.port = cases[i].port };

		assert_int_equal(bh_is_urgent(&defaults, &edge), cases[i].urgent);
	}
}

/* To have been accepted once is not to be needed for ever. */
static void what_was_accepted_may_be_unused(void **state)
{
	const struct bh_edge like = { .src = &web, .dst = &api, .proto = IPPROTO_TCP, .port = 22 };
	struct bh_decision decision = { .accepted = true, .time = START };

	see_twice(*state, &web, &api, 22, START);
	bh_ledger_decide(*state, &like, &decision);
	bh_ledger_advance(*state, START + 60 * WINDOW);
	assert_reasons(*state, &api, 22, BIT(BH_FILTER_UNUSED));
	decision.time = START + 59 * WINDOW;
	bh_ledger_decide(*state, &like, &decision);
	assert_int_equal(judge(*state, &api, 22).state, BH_EDGE_ACCEPTED);
}

static bool to_api(void *user, const struct bh_edge *edge)
{
	(void)user;
	return strcmp(edge->dst->name, "api") == 0;
}

static void what_a_persons_rule_allows_waits_for_nobody(void **state)
{
	const struct bh_filter_config config = { .ruled = to_api };

	see(*state, &web, &api, 22, 1, START, true);
	see(*state, &api, &web, 22, 1, START, true);
	struct bh_edge there = edge_to(*state, &api, 22), back = edge_to(*state, &web, 22);
	struct bh_judgement judged = judge_edge(*state, &config, &there);
	assert_int_equal(judged.state, BH_EDGE_ACCEPTED);
	assert_true(judged.ruled);
	assert_int_equal(judged.reasons, BIT(BH_FILTER_ONE_WINDOW));
	judged = judge_edge(*state, &config, &back);
	assert_int_equal(judged.state, BH_EDGE_REVIEW);
	assert_false(judged.ruled);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_denied_counts_when_it_has_ended),
		TEST(what_was_never_answered_is_no_edge),
		TEST(a_scanners_finds_are_held),
		TEST(one_replica_of_several),
		TEST(sensitive_ports_and_names_that_come_late),
		TEST(what_is_never_accepted_by_itself),
		TEST(one_way_to_a_listener_is_a_persons_to_decide),
		TEST(what_is_seen_no_more_goes_back_to_review),
		TEST(what_was_seen_once_may_be_provisional),
		TEST(a_person_decides_until_it_expires),
		TEST(what_was_accepted_may_be_unused),
		TEST(what_a_persons_rule_allows_waits_for_nobody),
		TEST(a_filter_may_be_off_and_ports_be_others),
		TEST(what_stage_1_refuses_is_urgent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
