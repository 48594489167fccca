/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has to go on, what cuts it off, and the rule that keeps it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "grow.h"
#include "guard.h"

static void what_has_to_go_on(void **state)
{
	static const struct {
		uint8_t src, dst, proto;
		uint16_t port;
		uint64_t answered;
		enum bh_vital vital;
	} cases[] = {
		{ BH_PEER_WORKLOAD, BH_PEER_ADDRESS, IPPROTO_UDP, 53, 1, BH_VITAL_DNS },
		{ BH_PEER_WORKLOAD, BH_PEER_HOST, IPPROTO_TCP, 53, 1, BH_VITAL_DNS },
		{ BH_PEER_WORKLOAD, BH_PEER_WORKLOAD, IPPROTO_TCP, 853, 1, BH_VITAL_DNS },
		{ BH_PEER_WORKLOAD, BH_PEER_METADATA, IPPROTO_UDP, 853, 1, BH_VITAL_DNS },
		{ BH_PEER_WORKLOAD, BH_PEER_ADDRESS, IPPROTO_UDP, 53, 0, BH_VITAL_NONE },
		{ BH_PEER_WORKLOAD, BH_PEER_ADDRESS, IPPROTO_SCTP, 53, 1, BH_VITAL_NONE },
		{ BH_PEER_WORKLOAD, BH_PEER_WORKLOAD, IPPROTO_TCP, 80, 9, BH_VITAL_NONE },
		{ BH_PEER_HOST, BH_PEER_WORKLOAD, IPPROTO_TCP, 80, BH_RECURS, BH_VITAL_HEALTH },
		{ BH_PEER_HOST, BH_PEER_WORKLOAD, IPPROTO_ICMP, 8 * 256, BH_RECURS,
		  BH_VITAL_HEALTH },
		{ BH_PEER_HOST, BH_PEER_WORKLOAD, IPPROTO_TCP, 80, BH_RECURS - 1, BH_VITAL_NONE },
		{ BH_PEER_HOST, BH_PEER_ADDRESS, IPPROTO_TCP, 80, 9, BH_VITAL_NONE },
		{ BH_PEER_MASKED, BH_PEER_WORKLOAD, IPPROTO_TCP, 80, 1, BH_VITAL_MASKED },
		{ BH_PEER_WORLD, BH_PEER_WORKLOAD, IPPROTO_TCP, 80, 9, BH_VITAL_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_peer src = { .kind = cases[i].src }, dst = { .kind = cases[i].dst };
		const struct bh_edge edge = { .src = &src,
					      .dst = &dst,
					      .proto = cases[i].proto,
					      .port = cases[i].port,
					      .answered = cases[i].answered };
		enum bh_vital vital = bh_vital_of(&edge);

		assert_int_equal(vital, cases[i].vital);
		if (vital != BH_VITAL_NONE)
			assert_ptr_equal(bh_vital_owner(&edge, vital),
					 vital == BH_VITAL_DNS ? &src : &dst);
	}
	assert_null(bh_vital_name(BH_VITAL_NONE));
	for (enum bh_vital vital = BH_VITAL_SESSION; vital < BH_VITALS; vital++)
		assert_non_null(bh_vital_name(vital));
}

#define HEAD                                                                                       \
	"bulkhead-policy: 1\n"                                                                     \
	"workloads: {web: {app: web}, names: {app: names}, netns:lone: {app: another}}\n"          \
	"rules:\n"

static const char *label(const void *labels, const char *key)
{
	if (strcmp(key, "bulkhead.workload") == 0)
		return labels;
	return strcmp(key, "app") == 0 ? (const char *)labels + strlen("netns:") : NULL;
}

static struct bh_peer peer_of(const char *name)
{
	struct bh_peer peer = { .kind = BH_PEER_WORKLOAD };
	struct bh_addr addr;

	if (strcmp(name, "host") == 0)
		peer.kind = BH_PEER_HOST;
	else if (strcmp(name, "masked") == 0)
		peer.kind = BH_PEER_MASKED;
	else if (strcmp(name, "world") == 0)
		peer.kind = BH_PEER_WORLD;
	else if (strcmp(name, "metadata") == 0)
		peer.kind = BH_PEER_METADATA;
	else if (strcmp(name, "?") == 0)
		peer.kind = BH_PEER_UNRESOLVED;
	else if (bh_addr_parse(name, &addr))
		peer.kind = BH_PEER_ADDRESS;
	bh_copy_text(peer.name, sizeof(peer.name), name);
	return peer;
}

static struct bh_subject subject_of(const struct bh_peer *peer)
{
	struct bh_subject subject = { .peer = peer };

	if (peer->kind == BH_PEER_ADDRESS)
		bh_addr_parse(peer->name, &subject.addr);
	if (peer->kind == BH_PEER_WORKLOAD) {
		subject.labels = peer->name;
		subject.label = label;
	}
	return subject;
}

static struct bh_policy *parse(const char *text)
{
	struct bh_error err = { 0 };
	struct bh_policy *policy = bh_policy_parse(text, strlen(text), "policy", &err);

	if (policy == NULL)
		fail_msg("%s", err.text);
	return policy;
}

static const char wide[] = HEAD "  - {from: web, to: [names, 192.0.2.53], ports: [53/udp]}\n";
static const char narrow[] = HEAD "  - {from: web, to: names, ports: [80/tcp]}\n";
static const char denied[] = HEAD "  - {from: web, to: [names, 192.0.2.53], ports: [53/udp]}\n"
				  "  - {from: web, to: names, ports: [any], action: deny}\n";

static void what_cuts_it_off(void **state)
{
	static const struct {
		const char *before, *after, *src, *dst;
		uint8_t modes_before[2], modes_after[2]; /* of source, destination */
		bool cuts;
	} cases[] = {
		/* Another policy. */
		{ wide, narrow, "netns:web", "netns:names", { BH_ENFORCE }, { BH_ENFORCE }, true },
		{ wide, denied, "netns:web", "netns:names", { BH_ENFORCE }, { BH_ENFORCE }, true },
		{ wide, narrow, "netns:web", "192.0.2.53", { BH_ENFORCE }, { BH_ENFORCE }, true },
		{ wide, denied, "netns:web", "192.0.2.53", { BH_ENFORCE }, { BH_ENFORCE }, false },
		{ wide, wide, "netns:web", "netns:names", { BH_ENFORCE }, { BH_ENFORCE }, false },
		{ NULL, narrow, "netns:web", "netns:names", { BH_ENFORCE }, { BH_ENFORCE }, true },
		{ wide, NULL, "netns:web", "netns:names", { BH_ENFORCE }, { BH_ENFORCE }, false },
		/* Refused already. */
		{ narrow,
		  denied,
		  "netns:web",
		  "netns:names",
		  { BH_ENFORCE },
		  { BH_ENFORCE },
		  false },
		/* Another mode, of either end. */
		{ narrow, narrow, "netns:web", "netns:names", { BH_AUDIT }, { BH_ENFORCE }, true },
		{ narrow,
		  narrow,
		  "netns:web",
		  "netns:names",
		  { BH_AUDIT, BH_LEARN },
		  { BH_AUDIT, BH_ENFORCE },
		  true },
		{ narrow, narrow, "netns:web", "netns:names", { BH_LEARN }, { BH_AUDIT }, false },
		{ narrow, narrow, "netns:web", "netns:names", { BH_ENFORCE }, { BH_LEARN }, false },
		/* Stage 1 refuses what goes outside, and this is no sensitive port. */
		{ narrow, narrow, "netns:web", "192.0.2.53", { BH_AUDIT }, { BH_STAGE1 }, true },
		{ narrow, narrow, "netns:web", "netns:names", { BH_AUDIT }, { BH_STAGE1 }, false },
		/* What nobody can judge. */
		{ narrow, narrow, "netns:web", "?", { BH_AUDIT }, { BH_ENFORCE }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_policy *policies[2] = {
			cases[i].before != NULL ? parse(cases[i].before) : NULL,
			cases[i].after != NULL ? parse(cases[i].after) : NULL
		};
		struct bh_guard_view before = { .policy = policies[0] },
				     after = { .policy = policies[1] };
		struct bh_peer src = peer_of(cases[i].src), dst = peer_of(cases[i].dst);
		const struct bh_question question = { .src = subject_of(&src),
						      .dst = subject_of(&dst),
						      .proto = IPPROTO_UDP,
						      .port = 53 };
		struct bh_answer answer;

		memcpy(before.modes, cases[i].modes_before, 2);
		memcpy(after.modes, cases[i].modes_after, 2);
		if (bh_guard_cuts(&before, &after, &question, &answer) != cases[i].cuts)
			fail_msg("case %zu", i);
		bh_policy_free(policies[0]);
		bh_policy_free(policies[1]);
	}
}

/* Asks, has a remedy written, and puts it into the policy. */
struct case_of_remedy {
	const char *rules, *src, *dst;
	uint8_t proto;
	uint16_t port;
	size_t entries[2];
	const char *rule, *entry; /* either may be NULL: there is none */
};

static void check_pasted(const struct case_of_remedy *c, const struct bh_question *question)
{
	char text[4096];
	struct bh_answer answer;

	snprintf(text, sizeof(text), "%s%s%s\n%s  %s\n",
		 "bulkhead-policy: 1\nworkloads:\n  web: {app: web}\n  names: {app: names}\n"
		 "  netns:lone: {app: another}\n  ",
		 c->entry != NULL ? c->entry : "", "\nrules:", c->rules, c->rule);
	struct bh_policy *policy = parse(text);
	bh_policy_evaluate(policy, question, &answer);
	assert_int_equal(answer.verdict, BH_ALLOW);
	bh_policy_free(policy);
}

static const struct case_of_remedy remedies[] = {
	{ "",
	  "netns:web",
	  "netns:names",
	  IPPROTO_UDP,
	  53,
	  { 0, 1 },
	  "- {from: web, to: names, ports: [53/udp]}",
	  NULL },
	{ "",
	  "netns:web",
	  "192.0.2.53",
	  IPPROTO_TCP,
	  53,
	  { 0, BH_NO_ENTRY },
	  "- {from: web, to: 192.0.2.53/32, ports: [53/tcp]}",
	  NULL },
	{ "",
	  "netns:web",
	  "2001:db8::",
	  IPPROTO_TCP,
	  53,
	  { 0, BH_NO_ENTRY },
	  "- {from: web, to: 2001:db8::/128, ports: [53/tcp]}",
	  NULL },
	{ "",
	  "netns:web",
	  "metadata",
	  IPPROTO_UDP,
	  53,
	  { 0, BH_NO_ENTRY },
	  "- {from: web, to: metadata, ports: [53/udp]}",
	  NULL },
	{ "",
	  "host",
	  "netns:web",
	  IPPROTO_ICMP,
	  8 * 256,
	  { BH_NO_ENTRY, 0 },
	  "- {from: host, to: web, ports: [icmp/8]}",
	  NULL },
	{ "",
	  "masked",
	  "netns:web",
	  IPPROTO_TCP,
	  80,
	  { BH_NO_ENTRY, 0 },
	  "- {from: host, to: web, ports: [80/tcp]}",
	  NULL },
	{ "",
	  "world",
	  "netns:web",
	  IPPROTO_TCP,
	  22,
	  { BH_NO_ENTRY, 0 },
	  "- {from: world, to: web, ports: [22/tcp]}",
	  NULL },
	/* The policy has no word for him; or it has his for somebody else. */
	{ "",
	  "netns:web",
	  "netns:it, he",
	  IPPROTO_UDP,
	  53,
	  { 0, BH_NO_ENTRY },
	  "- {from: web, to: \"netns:it, he\", ports: [53/udp]}",
	  "\"netns:it, he\": {bulkhead.workload: \"netns:it, he\"}" },
	{ "",
	  "netns:web",
	  "netns:lone",
	  IPPROTO_UDP,
	  53,
	  { 0, BH_NO_ENTRY },
	  "- {from: web, to: netns:lone-2, ports: [53/udp]}",
	  "netns:lone-2: {bulkhead.workload: netns:lone}" },
	/* A rule denies it. */
	{ "  - {from: web, to: names, ports: [any], action: deny}\n",
	  "netns:web",
	  "netns:names",
	  IPPROTO_UDP,
	  53,
	  { 0, 1 },
	  "- {from: web, to: names, ports: [53/udp], tier: platform}",
	  NULL },
	{ "  - {from: web, to: names, ports: [any], action: deny, tier: platform}\n",
	  "netns:web",
	  "netns:names",
	  IPPROTO_UDP,
	  53,
	  { 0, 1 },
	  NULL,
	  NULL },
	/* Nobody can speak of him. */
	{ "", "?", "netns:web", IPPROTO_TCP, 22, { BH_NO_ENTRY, 0 }, NULL, NULL },
};

static void check_text(const char *text, const char *wanted)
{
	if (wanted == NULL) {
		assert_null(text);
		return;
	}
	assert_non_null(text);
	assert_string_equal(text, wanted);
}

static void check_remedy(const struct case_of_remedy *c)
{
	struct bh_peer src = peer_of(c->src), dst = peer_of(c->dst);
	const struct bh_question question = {
		.src = subject_of(&src), .dst = subject_of(&dst), .proto = c->proto, .port = c->port
	};
	char text[2048];
	struct bh_answer answer;
	struct bh_remedy remedy;

	snprintf(text, sizeof(text), HEAD "%s  - {from: names, to: web, ports: [1/tcp]}\n",
		 c->rules);
	struct bh_policy *policy = parse(text);
	bh_policy_evaluate(policy, &question, &answer);
	assert_int_not_equal(answer.verdict, BH_ALLOW);
	bh_guard_remedy(policy, &question, &answer, c->entries, &remedy);
	check_text(remedy.rule, c->rule);
	if (c->rule != NULL)
		check_pasted(c, &question);
	assert_null(remedy.entries[BH_EGRESS]);
	check_text(remedy.entries[BH_INGRESS], c->entry);
	bh_remedy_free(&remedy);
	bh_policy_free(policy);
}

static void the_rule_that_keeps_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		check_remedy(&remedies[i]);
}

/* A client outside whose address is known is spoken of by it. */
static void a_client_by_his_address(void **state)
{
	const size_t entries[2] = { BH_NO_ENTRY, 0 };
	struct bh_peer src = peer_of("world"), dst = peer_of("netns:web");
	struct bh_question question = {
		.src = subject_of(&src), .dst = subject_of(&dst), .proto = IPPROTO_TCP, .port = 22
	};
	struct bh_policy *policy = parse(narrow);
	struct bh_answer answer;
	struct bh_remedy remedy;

	(void)state;
	bh_addr_parse("2001:db8::7", &question.src.addr);
	bh_policy_evaluate(policy, &question, &answer);
	bh_guard_remedy(policy, &question, &answer, entries, &remedy);
	assert_string_equal(remedy.rule, "- {from: 2001:db8::7/128, to: web, ports: [22/tcp]}");
	bh_remedy_free(&remedy);
	bh_policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_to_go_on),
		cmocka_unit_test(what_cuts_it_off),
		cmocka_unit_test(the_rule_that_keeps_it),
		cmocka_unit_test(a_client_by_his_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
