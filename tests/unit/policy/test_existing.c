/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of open connections when the rules tighten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "existing.h"
#include "grow.h"

static void words_are_read(void **state)
{
	static const struct {
		const char *text;
		bool good;
		struct bh_existing existing;
		const char *printed;
	} cases[] = {
		{ "cut", true, { BH_EXISTING_CUT, 0 }, "cut" },
		{ "keep", true, { BH_EXISTING_KEEP, 0 }, "keep" },
		{ "drain=5m", true, { BH_EXISTING_DRAIN, 300 * BH_SECOND }, "drain=300s" },
		{ "drain=1", true, { BH_EXISTING_DRAIN, BH_SECOND }, "drain=1s" },
		{ "drain=7d", true, { BH_EXISTING_DRAIN, 7 * BH_DAY }, "drain=604800s" },
		{ "drain=0s", false, { 0 }, NULL },
		{ "drain=8d", false, { 0 }, NULL },
		{ "drain=", false, { 0 }, NULL },
		{ "drain", false, { 0 }, NULL },
		{ "drain=soon", false, { 0 }, NULL },
		{ "drain=99999999999999999999d", false, { 0 }, NULL },
		{ "CUT", false, { 0 }, NULL },
		{ "cutt", false, { 0 }, NULL },
		{ "", false, { 0 }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_existing e = { 0 };
		char printed[BH_EXISTING_TEXT];

		assert_int_equal(bh_existing_parse(cases[i].text, &e), cases[i].good);
		if (!cases[i].good)
			continue;
		assert_int_equal(e.how, cases[i].existing.how);
		assert_int_equal(e.drain, cases[i].existing.drain);
		assert_string_equal(bh_existing_format(&e, printed), cases[i].printed);
	}
}

static const char document[] = "bulkhead-policy: 1\n"
			       "workloads: {web: {app: web}, db: {app: db}}\n"
			       "rules:\n"
			       "  - {from: web, to: db, ports: [80/tcp, 53/udp]}\n"
			       "  - {from: db, to: web, ports: [9000-9100/tcp, 9000-9100/udp]}\n";

static const char *label(const void *labels, const char *key)
{
	return strcmp(key, "app") == 0 ? labels : NULL;
}

struct ends {
	struct bh_peer src, dst;
	struct bh_question question;
};

static void set_subject(struct bh_subject *s, struct bh_peer *peer, const char *name, uint8_t mode)
{
	peer->kind = strcmp(name, "?") == 0 ? BH_PEER_UNRESOLVED : BH_PEER_WORKLOAD;
	bh_copy_text(peer->name, sizeof(peer->name), name);
	*s = (struct bh_subject) {
		.peer = peer, .labels = peer->name, .label = label, .mode = mode
	};
	bh_addr_parse("10.0.0.1", &s->addr);
}

static void fates(void **state)
{
	static const struct {
		const char *src, *dst;
		uint8_t src_mode, dst_mode, proto;
		uint16_t sport, port;
		bool unknown;
		enum bh_fate fate;
	} cases[] = {
		/* Allowed, as it is. */
		{ "web", "db", BH_ENFORCE, BH_ENFORCE, IPPROTO_TCP, 40000, 80, false,
		  BH_FATE_PASSES },
		{ "web", "db", BH_ENFORCE, BH_ENFORCE, IPPROTO_UDP, 40000, 53, false,
		  BH_FATE_PASSES },
		/* Denied, and somebody refuses. */
		{ "web", "db", BH_ENFORCE, BH_ENFORCE, IPPROTO_TCP, 40000, 5432, false,
		  BH_FATE_ENDS },
		{ "web", "db", BH_LEARN, BH_ENFORCE, IPPROTO_TCP, 40000, 5432, false,
		  BH_FATE_ENDS },
		{ "web", "db", BH_LEARN, BH_ENFORCE, IPPROTO_UDP, 40000, 54, false, BH_FATE_ENDS },
		{ "web", "db", BH_LEARN, BH_ENFORCE, IPPROTO_ICMP, 0, 8 * 256, false,
		  BH_FATE_ENDS },
		{ "web", "db", BH_ENFORCE, BH_ENFORCE, IPPROTO_GRE, 0, 0, true, BH_FATE_ENDS },
		/* Denied, and nobody does. */
		{ "web", "db", BH_LEARN, BH_LEARN, IPPROTO_TCP, 40000, 5432, false,
		  BH_FATE_PASSES },
		{ "web", "db", BH_AUDIT, BH_AUDIT, IPPROTO_TCP, 40000, 5432, false,
		  BH_FATE_PASSES },
		/* Stage 1: what goes to a sensitive port. */
		{ "web", "db", BH_STAGE1, BH_STAGE1, IPPROTO_TCP, 40000, 5432, false,
		  BH_FATE_ENDS },
		{ "web", "db", BH_STAGE1, BH_STAGE1, IPPROTO_TCP, 40000, 81, false,
		  BH_FATE_PASSES },
		/* The other end may open what looks the same: TCP goes on, UDP is judged anew. */
		{ "web", "db", BH_ENFORCE, BH_ENFORCE, IPPROTO_TCP, 9001, 5432, false,
		  BH_FATE_EITHER },
		{ "web", "db", BH_ENFORCE, BH_ENFORCE, IPPROTO_UDP, 9001, 54, false, BH_FATE_ENDS },
		/* Nobody knows who opened it: what either may open is not touched. */
		{ "db", "web", BH_ENFORCE, BH_ENFORCE, IPPROTO_TCP, 80, 40000, true,
		  BH_FATE_PASSES },
		{ "db", "web", BH_ENFORCE, BH_ENFORCE, IPPROTO_UDP, 53, 40000, true,
		  BH_FATE_PASSES },
		{ "db", "web", BH_ENFORCE, BH_ENFORCE, IPPROTO_TCP, 81, 40000, true, BH_FATE_ENDS },
		/* Nobody knows who it is. */
		{ "?", "db", BH_LEARN, BH_ENFORCE, IPPROTO_TCP, 40000, 80, false,
		  BH_FATE_UNCERTAIN },
		{ "?", "db", BH_LEARN, BH_AUDIT, IPPROTO_TCP, 40000, 80, false, BH_FATE_PASSES },
	};
	struct bh_error err = { 0 };
	struct bh_policy *policy = bh_policy_parse(document, strlen(document), "policy", &err);

	(void)state;
	assert_non_null(policy);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ends e = { 0 };
		struct bh_answer answer;

		set_subject(&e.question.src, &e.src, cases[i].src, cases[i].src_mode);
		set_subject(&e.question.dst, &e.dst, cases[i].dst, cases[i].dst_mode);
		e.question.proto = cases[i].proto;
		e.question.port = cases[i].port;
		e.question.source_port = cases[i].sport;
		e.question.direction_unknown = cases[i].unknown;
		enum bh_fate fate = bh_existing_fate(policy, &e.question, &answer);
		if (fate != cases[i].fate)
			fail_msg("case %zu: %d, not %d: %s", i, fate, cases[i].fate, answer.reason);
		assert_int_equal(bh_existing_fate(NULL, &e.question, &answer), BH_FATE_PASSES);
	}
	bh_policy_free(policy);
}

static void what_was_refused_before_is_no_news(void **state)
{
	/* By the fate before, and the one now. */
	static const bool worse[][4] = {
		[BH_FATE_PASSES] = { false, true, true, true },
		[BH_FATE_EITHER] = { false, false, false, true },
		[BH_FATE_UNCERTAIN] = { false, false, false, true },
		[BH_FATE_ENDS] = { false, false, false, false },
	};

	(void)state;
	for (unsigned before = BH_FATE_PASSES; before <= BH_FATE_ENDS; before++)
		for (unsigned now = BH_FATE_PASSES; now <= BH_FATE_ENDS; now++)
			assert_int_equal(bh_existing_is_worse(before, now), worse[before][now]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_read),
		cmocka_unit_test(fates),
		cmocka_unit_test(what_was_refused_before_is_no_news),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
