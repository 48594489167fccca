/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "evaluate.h"
#include "grow.h"
#include "ruleset.h"
#include "timefmt.h"

static const char document[] =
	"bulkhead-policy: 1\n"
	"workloads:\n"
	"  web: {app: web}\n"
	"  api: {app: api, tier: back}\n"
	"  db: {app: db}\n"
	"  all: {owner: shop}\n"
	"rules:\n"
	"  - {from: world, to: web, ports: [443/tcp]}\n"		  /* 1 */
	"  - {from: web, to: api, ports: [80/tcp, 8000-8100/tcp]}\n"	  /* 2 */
	"  - {from: api, to: 203.0.113.0/24, ports: [443/tcp, icmp/8]}\n" /* 3 */
	"  - {from: api, to: world, ports: [80/tcp]}\n"			  /* 4 */
	"  - {from: host, to: db, ports: [5432/tcp]}\n"			  /* 5 */
	"  - {from: db, to: host, ports: [53/udp]}\n"			  /* 6 */
	"  - {from: db, to: metadata, ports: [80/tcp]}\n"		  /* 7 */
	"  - {from: db, to: multicast, ports: [5353/udp]}\n"		  /* 8 */
	"  - {from: 10.0.0.0/8, to: web, ports: [22/tcp]}\n"		  /* 9 */
	"  - {from: all, to: all, ports: [gre]}\n"			  /* 10 */
	"  - {from: web, to: 0.0.0.0/0, ports: [9/tcp]}\n"		  /* 11 */
	"  - {from: [web, db, 203.0.113.0/24], to: [api, db],\n"	  /* 12 */
	"     ports: [70/tcp, 71/tcp]}\n"
	"  - {from: [db, web], to: [world, host], ports: [70/udp]}\n"; /* 13 */

/* "W web", "A 203.0.113.7", "H", "*" (world), "M" (metadata), "m 224.0.0.251" (multicast),
 * "? 10.0.0.9" (unresolved), "- 10.0.0.8" (departed), "D dns:a.example" (a name), "k" (masked). Of
 * workloads: "web+audit", "web+stage1", "web+enforce". */
struct end {
	struct bh_peer peer;
	struct bh_subject subject;
};

static const char *label(const void *labels, const char *key)
{
	const char *name = labels;

	if (strcmp(key, "app") == 0)
		return strcmp(name, "stranger") != 0 ? name : NULL;
	if (strcmp(key, BH_PORT_LABEL "http/tcp") == 0 && strcmp(name, "api") == 0)
		return "8080";
	if (strcmp(key, "tier") == 0 && strcmp(name, "api") == 0)
		return "back";
	return strcmp(key, "owner") == 0 && strcmp(name, "web") != 0 ? "shop" : NULL;
}

static void read_workload(struct end *end, const char *text)
{
	const char *plus = strchr(text, '+');

	end->peer.kind = BH_PEER_WORKLOAD;
	bh_copy_text(end->peer.name, sizeof(end->peer.name), text);
	end->peer.name[strcspn(text, "+")] = '\0';
	end->subject.labels = end->peer.name;
	end->subject.label = label;
	/* What a workload holds may lie in any prefix. */
	bh_addr_parse("10.0.0.1", &end->subject.addr);
	if (plus != NULL)
		assert_true(bh_mode_parse(plus + 1, &end->subject.mode));
}

static void read_end(struct end *end, const char *text)
{
	static const struct {
		char letter;
		uint8_t kind;
		const char *name;
	} kinds[] = {
		{ 'A', BH_PEER_ADDRESS, NULL },		 { 'H', BH_PEER_HOST, "host" },
		{ '*', BH_PEER_WORLD, "world" },	 { 'M', BH_PEER_METADATA, "metadata" },
		{ 'm', BH_PEER_MULTICAST, "multicast" }, { '?', BH_PEER_UNRESOLVED, NULL },
		{ '-', BH_PEER_DEPARTED, NULL },	 { 'D', BH_PEER_DNS, NULL },
		{ 'k', BH_PEER_MASKED, "masked" }
	};

	*end = (struct end) { .subject = { .peer = &end->peer } };
	if (text[0] == 'W') {
		read_workload(end, text + 2);
		return;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].letter != text[0])
			continue;
		end->peer.kind = kinds[i].kind;
		bh_copy_text(end->peer.name, sizeof(end->peer.name),
			     kinds[i].name != NULL ? kinds[i].name : text + 2);
	}
	bh_addr_parse(text[0] == 'M'			  ? "169.254.169.254"
		      : text[0] == 'N'			  ? "203.0.113.8"
		      : text[0] == 'H' && text[1] == '\0' ? "10.0.0.254"
		      : text[1] == '\0'			  ? "192.0.2.1"
							  : text + 2,
		      &end->subject.addr);
}

static const uint8_t tcp = IPPROTO_TCP, udp = IPPROTO_UDP, icmp = IPPROTO_ICMP, gre = IPPROTO_GRE;

struct row {
	const char *src, *dst;
	uint8_t proto;
	uint16_t port;
	uint16_t source_port; /* 0: the direction is known */
	enum bh_verdict verdict;
	int rule;	   /* counted from 1; 0: none */
	const char *who;   /* denies; NULL: nobody */
	enum bh_side side; /* his */
	const char *flags; /* b: blocked, a: audited */
};

#define ALLOW(rule) BH_ALLOW, rule, NULL, BH_EGRESS, ""
#define NOBODYS BH_ALLOW, 0, NULL, BH_EGRESS, ""

static const struct row rows[] = {
	/* Both ends of a rule must match, and the port. */
	{ "W web", "W api", tcp, 80, 0, ALLOW(2) },
	{ "W web", "W api", tcp, 8000, 0, ALLOW(2) },
	{ "W web", "W api", tcp, 8100, 0, ALLOW(2) },
	{ "W web", "W api", tcp, 7999, 0, BH_DENY, 0, "web", BH_EGRESS, "" },
	{ "W web", "W api", tcp, 8101, 0, BH_DENY, 0, "web", BH_EGRESS, "" },
	{ "W web", "W api", udp, 80, 0, BH_DENY, 0, "web", BH_EGRESS, "" },
	{ "W api", "W web", tcp, 80, 0, BH_DENY, 0, "api", BH_EGRESS, "" },
	{ "W web", "W db", tcp, 5432, 0, BH_DENY, 0, "web", BH_EGRESS, "" },
	{ "W web", "W stranger", tcp, 80, 0, BH_DENY, 0, "web", BH_EGRESS, "" },
	{ "W stranger", "W api", tcp, 80, 0, BH_DENY, 0, "stranger", BH_EGRESS, "" },
	/* Any rule that names the workload by any of its labels. */
	{ "W api", "W db", gre, 0, 0, ALLOW(10) },
	{ "W api", "W api", gre, 0, 0, ALLOW(10) },
	{ "W web", "W api", gre, 0, 0, BH_DENY, 0, "web", BH_EGRESS, "" },
	/* Who denies, and what comes of it. */
	{ "W web+audit", "W db", tcp, 1, 0, BH_DENY, 0, "web", BH_EGRESS, "a" },
	{ "W web+enforce", "W db", tcp, 1, 0, BH_DENY, 0, "web", BH_EGRESS, "b" },
	{ "W web", "W db+audit", tcp, 1, 0, BH_DENY, 0, "db", BH_INGRESS, "a" },
	{ "W web", "W db+enforce", tcp, 1, 0, BH_DENY, 0, "db", BH_INGRESS, "b" },
	{ "W web+audit", "W db+enforce", tcp, 1, 0, BH_DENY, 0, "db", BH_INGRESS, "ab" },
	{ "W web+enforce", "W db+audit", tcp, 1, 0, BH_DENY, 0, "web", BH_EGRESS, "ab" },
	{ "W web+audit", "W db+audit", tcp, 1, 0, BH_DENY, 0, "web", BH_EGRESS, "a" },
	{ "W web+enforce", "W db+enforce", tcp, 1, 0, BH_DENY, 0, "web", BH_EGRESS, "b" },
	{ "W web+enforce", "W api+enforce", tcp, 80, 0, ALLOW(2) },
	/* The outside. */
	{ "*", "W web+enforce", tcp, 443, 0, ALLOW(1) },
	{ "A 198.51.100.1", "W web", tcp, 443, 0, ALLOW(1) },
	{ "A 198.51.100.1", "W web+enforce", tcp, 80, 0, BH_DENY, 0, "web", BH_INGRESS, "b" },
	{ "M", "W web", tcp, 443, 0, ALLOW(1) },
	{ "H", "W web+audit", tcp, 443, 0, BH_DENY, 0, "web", BH_INGRESS, "a" },
	{ "W db", "W web", tcp, 443, 0, BH_DENY, 0, "db", BH_EGRESS, "" },
	{ "W api", "A 203.0.113.7", tcp, 443, 0, ALLOW(3) },
	{ "W api", "A 203.0.114.7", tcp, 443, 0, BH_DENY, 0, "api", BH_EGRESS, "" },
	{ "W api", "A 203.0.114.7", tcp, 80, 0, ALLOW(4) },
	{ "W api", "*", tcp, 80, 0, ALLOW(4) },
	/* ICMP: the type counts, not the code. */
	{ "W api", "A 203.0.113.7", icmp, 8 << 8 | 3, 0, ALLOW(3) },
	{ "W api", "A 203.0.113.7", icmp, 13 << 8, 0, BH_DENY, 0, "api", BH_EGRESS, "" },
	/* World is not the metadata service, nor a group. */
	{ "W api", "M", tcp, 80, 0, BH_DENY, 0, "api", BH_EGRESS, "" },
	{ "W db", "M", tcp, 80, 0, ALLOW(7) },
	{ "W web", "M", tcp, 9, 0, ALLOW(11) },
	{ "W api", "m 224.0.0.251", tcp, 80, 0, BH_DENY, 0, "api", BH_EGRESS, "" },
	{ "W db", "m 224.0.0.251", udp, 5353, 0, ALLOW(8) },
	{ "W web", "m 224.0.0.251", tcp, 9, 0, ALLOW(11) },
	/* This host. */
	{ "H", "W db+enforce", tcp, 5432, 0, ALLOW(5) },
	{ "W db+enforce", "H", udp, 53, 0, ALLOW(6) },
	{ "W db+enforce", "H", tcp, 53, 0, BH_DENY, 0, "db", BH_EGRESS, "b" },
	/* A prefix gives no right over workloads or the host, whatever their addresses. */
	{ "A 10.9.9.9", "W web", tcp, 22, 0, ALLOW(9) },
	{ "W db", "W web+enforce", tcp, 22, 0, BH_DENY, 0, "web", BH_INGRESS, "b" },
	{ "H", "W web+enforce", tcp, 22, 0, BH_DENY, 0, "web", BH_INGRESS, "b" },
	{ "W web+enforce", "W db", tcp, 9, 0, BH_DENY, 0, "web", BH_EGRESS, "b" },
	{ "W web+enforce", "H", tcp, 9, 0, BH_DENY, 0, "web", BH_EGRESS, "b" },
	{ "W web", "A 8.8.8.8", tcp, 9, 0, ALLOW(11) },
	{ "W web", "A 2001:db8::1", tcp, 9, 0, BH_DENY, 0, "web", BH_EGRESS, "" },
	/* Who is not known matches nothing. */
	{ "W web+enforce", "? 10.0.0.9", tcp, 9, 0, BH_UNCERTAIN, 0, "web", BH_EGRESS, "b" },
	{ "W web+audit", "- 10.0.0.8", tcp, 9, 0, BH_UNCERTAIN, 0, "web", BH_EGRESS, "a" },
	{ "? 10.0.0.9", "W web+enforce", tcp, 22, 0, BH_UNCERTAIN, 0, "web", BH_INGRESS, "b" },
	{ "- 10.0.0.8", "W web", tcp, 443, 0, BH_UNCERTAIN, 0, "web", BH_INGRESS, "" },
	/* Of lists every pair, and no other. */
	{ "W web", "W db", tcp, 70, 0, ALLOW(12) },
	{ "W db", "W api", tcp, 71, 0, ALLOW(12) },
	{ "W db", "W db", tcp, 70, 0, ALLOW(12) },
	{ "A 203.0.113.7", "W db+enforce", tcp, 71, 0, ALLOW(12) },
	{ "W api", "W db", tcp, 70, 0, BH_DENY, 0, "api", BH_EGRESS, "" },
	{ "W db", "W web", tcp, 70, 0, BH_DENY, 0, "db", BH_EGRESS, "" },
	{ "W web", "A 198.51.100.1", udp, 70, 0, ALLOW(13) },
	{ "W web", "H", udp, 70, 0, ALLOW(13) },
	{ "W web", "M", udp, 70, 0, BH_DENY, 0, "web", BH_EGRESS, "" },
	/* Stage 1 refuses what goes to a sensitive port … */
	{ "W web+stage1", "W db", tcp, 1, 0, BH_DENY, 0, "web", BH_EGRESS, "a" },
	{ "W web+stage1", "W db", tcp, 5432, 0, BH_DENY, 0, "web", BH_EGRESS, "b" },
	{ "W web", "W db+stage1", udp, 11211, 0, BH_DENY, 0, "db", BH_INGRESS, "b" },
	{ "W web", "W db+stage1", IPPROTO_SCTP, 5432, 0, BH_DENY, 0, "db", BH_INGRESS, "a" },
	{ "W web", "W db+stage1", icmp, 22, 0, BH_DENY, 0, "db", BH_INGRESS, "a" },
	{ "H", "W web+stage1", tcp, 22, 0, BH_DENY, 0, "web", BH_INGRESS, "b" },
	{ "k", "W web+stage1", tcp, 80, 0, BH_DENY, 0, "web", BH_INGRESS, "a" },
	{ "H", "W db+stage1", tcp, 5432, 0, ALLOW(5) },
	/* … and what comes from or goes to the outside. */
	{ "W web+stage1", "A 203.0.113.7", tcp, 80, 0, BH_DENY, 0, "web", BH_EGRESS, "b" },
	{ "W web+stage1", "D dns:a.example", tcp, 80, 0, BH_DENY, 0, "web", BH_EGRESS, "b" },
	{ "W web+stage1", "M", tcp, 80, 0, BH_DENY, 0, "web", BH_EGRESS, "b" },
	{ "W web+stage1", "H 169.254.169.254", tcp, 80, 0, BH_DENY, 0, "web", BH_EGRESS, "b" },
	{ "*", "W web+stage1", tcp, 80, 0, BH_DENY, 0, "web", BH_INGRESS, "b" },
	{ "W web+stage1", "*", icmp, 8 << 8, 0, BH_DENY, 0, "web", BH_EGRESS, "b" },
	{ "W web+stage1", "H", tcp, 80, 0, BH_DENY, 0, "web", BH_EGRESS, "a" },
	{ "W web+stage1", "m 224.0.0.251", tcp, 80, 0, BH_DENY, 0, "web", BH_EGRESS, "a" },
	{ "W api+stage1", "A 203.0.113.7", tcp, 443, 0, ALLOW(3) },
	{ "W web+stage1", "? 10.0.0.9", tcp, 80, 0, BH_UNCERTAIN, 0, "web", BH_EGRESS, "a" },
	{ "W web+stage1", "? 10.0.0.9", tcp, 22, 0, BH_UNCERTAIN, 0, "web", BH_EGRESS, "b" },
	/* Each end does so by its own mode; the stricter answer is told. */
	{ "W web+stage1", "W db+enforce", tcp, 1, 0, BH_DENY, 0, "db", BH_INGRESS, "ab" },
	{ "W web+stage1", "W db+enforce", tcp, 22, 0, BH_DENY, 0, "web", BH_EGRESS, "b" },
	{ "W web+audit", "W db+stage1", tcp, 1, 0, BH_DENY, 0, "web", BH_EGRESS, "a" },
	{ "W web+audit", "W db+stage1", tcp, 22, 0, BH_DENY, 0, "db", BH_INGRESS, "ab" },
	{ "W web", "W db+stage1", tcp, 1, 0, BH_DENY, 0, "db", BH_INGRESS, "a" },
	/* Where nobody knows who opened it, either port tells. */
	{ "W web+stage1", "W db", tcp, 40000, 22, BH_DENY, 0, "web", BH_EGRESS, "b" },
	{ "W web+stage1", "W db", tcp, 40000, 23456, BH_DENY, 0, "web", BH_EGRESS, "a" },
	/* Not ours. */
	{ "H", "A 203.0.113.7", tcp, 443, 0, NOBODYS },
	{ "A 203.0.113.7", "H", tcp, 22, 0, NOBODYS },
	{ "? 10.0.0.9", "- 10.0.0.8", tcp, 22, 0, NOBODYS },
	/* Nobody knows who opened it: either orientation suffices. */
	{ "W web", "W api", tcp, 80, 40000, ALLOW(2) },
	{ "W api", "W web", tcp, 40000, 80, ALLOW(2) },
	{ "W api", "W web", tcp, 40000, 81, BH_DENY, 0, "api", BH_EGRESS, "" },
	{ "M", "W api", tcp, 40000, 80, BH_DENY, 0, "api", BH_INGRESS, "" },
	{ "A 203.0.113.7", "W api+enforce", tcp, 40000, 443, ALLOW(3) },
};

static struct bh_policy *load(const char *text)
{
	struct bh_error err = { 0 };
	struct bh_policy *policy = bh_policy_parse(text, strlen(text), "t", &err);

	if (policy == NULL)
		fail_msg("%s", err.text);
	return policy;
}

static void ask(const struct bh_policy *policy, const struct row *row, struct end ends[2],
		struct bh_answer *answer)
{
	read_end(&ends[0], row->src);
	read_end(&ends[1], row->dst);
	struct bh_question question = { .src = ends[0].subject,
					.dst = ends[1].subject,
					.proto = row->proto,
					.port = row->port,
					.direction_unknown = row->source_port != 0,
					.source_port = row->source_port };

	bh_policy_evaluate(policy, &question, answer);
}

static bool is_right(const struct row *row, const struct bh_answer *a)
{
	bool same_who = row->who == NULL || a->workload == NULL
				? a->workload == row->who
				: strcmp(a->workload, row->who) == 0;

	return a->verdict == row->verdict && a->rule == row->rule - 1 && same_who &&
	       (row->who == NULL || a->side == row->side) &&
	       a->blocked == (strchr(row->flags, 'b') != NULL) &&
	       a->audited == (strchr(row->flags, 'a') != NULL) && a->reason[0] != '\0';
}

static void check_table(const char *text, const struct row *table, size_t count)
{
	struct bh_policy *policy = load(text);
	int wrong = 0;

	for (size_t i = 0; i < count; i++) {
		struct end ends[2];
		struct bh_answer a;

		ask(policy, &table[i], ends, &a);
		if (is_right(&table[i], &a))
			continue;
		wrong++;
		print_error("row %zu, %s → %s: verdict %d, rule %d, %s, side %d, blocked %d, "
			    "audited %d: %s\n",
			    i, table[i].src, table[i].dst, a.verdict, a.rule + 1,
			    a.workload != NULL ? a.workload : "nobody", a.side, a.blocked,
			    a.audited, a.reason);
	}
	assert_int_equal(wrong, 0);
	bh_policy_free(policy);
}

static void truth_table(void **state)
{
	(void)state;
	check_table(document, rows, sizeof(rows) / sizeof(rows[0]));
}

static const char strict[] =
	"bulkhead-policy: 1\n"
	"workloads: {web: {app: web}, api: {app: api}, db: {app: db}, job: {app: job}}\n"
	"groups: {back: [api, db]}\n"
	"defaults:\n"
	"  egress: allow\n"
	"  workloads: {web: {ingress: allow}, job: {egress: deny}}\n"
	"rules:\n"
	"  - {from: api, to: db, ports: [5432/tcp]}\n"					 /* 1 */
	"  - {from: api, to: back, ports: [5432/tcp, 22/tcp], action: deny}\n"		 /* 2 */
	"  - {from: api, to: db, ports: [22/tcp], tier: platform}\n"			 /* 3 */
	"  - {from: web, to: [db, world], ports: [any], action: deny, tier: platform}\n" /* 4 */
	"  - {from: web, to: db, ports: [80/tcp]}\n"					 /* 5 */
	"  - {from: job, to: api, ports: [80/tcp], side: egress}\n"			 /* 6 */
	"  - {from: job, to: db, ports: [80/tcp], side: ingress}\n"			 /* 7 */
	"  - {from: api, to: {cidr: 198.51.100.0/24, except: [198.51.100.128/25]},\n"	 /* 8 */
	"     ports: [82/tcp], action: deny}\n";

#define DEFAULT NOBODYS

static const struct row strict_rows[] = {
	/* Of one tier denials count, and the platform's before the application's. */
	{ "W api+enforce", "W db", tcp, 5432, 0, BH_DENY, 2, "api", BH_EGRESS, "b" },
	{ "W api+audit", "W db+enforce", tcp, 5432, 0, BH_DENY, 2, "db", BH_INGRESS, "ab" },
	{ "W api+enforce", "W db", tcp, 22, 0, ALLOW(3) },
	{ "W api+enforce", "W api", tcp, 22, 0, BH_DENY, 2, "api", BH_EGRESS, "b" },
	{ "W web", "W db+enforce", tcp, 80, 0, BH_DENY, 4, "db", BH_INGRESS, "b" },
	{ "W web+enforce", "W db", icmp, 8 << 8, 0, BH_DENY, 4, "web", BH_EGRESS, "b" },
	{ "W web+stage1", "W db", tcp, 80, 0, BH_DENY, 4, "web", BH_EGRESS, "a" },
	/* What is kept from the world is kept from the metadata service. */
	{ "W web+enforce", "A 203.0.113.7", tcp, 443, 0, BH_DENY, 4, "web", BH_EGRESS, "b" },
	{ "W web+enforce", "M", tcp, 80, 0, BH_DENY, 4, "web", BH_EGRESS, "b" },
	/* What no rule speaks of, at each end. */
	{ "W api+enforce", "A 203.0.113.7", tcp, 443, 0, DEFAULT },
	{ "W api+enforce", "W web+enforce", tcp, 81, 0, DEFAULT },
	{ "W db+enforce", "W api+enforce", tcp, 81, 0, BH_DENY, 0, "api", BH_INGRESS, "b" },
	{ "W db+enforce", "W api", tcp, 81, 0, BH_DENY, 0, "api", BH_INGRESS, "" },
	{ "W job+enforce", "A 203.0.113.7", tcp, 1, 0, BH_DENY, 0, "job", BH_EGRESS, "b" },
	{ "A 203.0.113.7", "W web+enforce", tcp, 80, 0, DEFAULT },
	{ "A 203.0.113.7", "W db+enforce", tcp, 80, 0, BH_DENY, 0, "db", BH_INGRESS, "b" },
	/* Rules of one end say nothing at the other. */
	{ "W job+enforce", "W api+audit", tcp, 80, 0, BH_DENY, 0, "api", BH_INGRESS, "a" },
	{ "W job+audit", "W db+enforce", tcp, 80, 0, BH_DENY, 0, "job", BH_EGRESS, "a" },
	{ "A 203.0.113.7", "W job", tcp, 80, 0, BH_DENY, 0, "job", BH_INGRESS, "" },
	/* Exceptions are left out of denials too. */
	{ "W api", "A 198.51.100.1", tcp, 82, 0, BH_DENY, 8, "api", BH_EGRESS, "" },
	{ "W api", "A 198.51.100.200", tcp, 82, 0, DEFAULT },
	/* Either orientation suffices, each judged whole. */
	{ "W db+enforce", "W api+enforce", tcp, 40000, 22, ALLOW(3) },
	{ "W db+enforce", "W api+enforce", tcp, 40000, 5432, BH_DENY, 0, "api", BH_INGRESS, "b" },
	{ "W db+enforce", "W web+enforce", tcp, 40000, 80, DEFAULT },
	/* Who is not known may be one of those that a rule denies. */
	{ "W api+enforce", "? 10.0.0.9", tcp, 9, 0, BH_UNCERTAIN, 0, NULL, BH_EGRESS, "" },
	{ "W api+enforce", "D dns:a.example", tcp, 82, 0, BH_UNCERTAIN, 0, NULL, BH_EGRESS, "" },
	{ "W api+enforce", "D dns:a.example", tcp, 83, 0, DEFAULT },
	{ "W db+enforce", "D dns:a.example", tcp, 82, 0, DEFAULT },
};

static void ranks_defaults_and_ends(void **state)
{
	(void)state;
	check_table(strict, strict_rows, sizeof(strict_rows) / sizeof(strict_rows[0]));
}

/* Every workload here holds 10.0.0.1. */
static const char held[] = "bulkhead-policy: 1\n"
			   "workloads: {web: {app: web}, api: {app: api}, db: {app: db}}\n"
			   "defaults: {egress: allow}\n"
			   "rules:\n"
			   "  - {from: web, to: [api, db], ports: [http/tcp]}\n"	/* 1 */
			   "  - {from: {cidr: 10.0.0.0/8, containers: true}, to: db,\n" /* 2 */
			   "     ports: [5432/tcp]}\n"
			   "  - {from: web, to: {cidr: 10.0.0.0/8, containers: true},\n" /* 3 */
			   "     ports: [9/tcp], action: deny}\n"
			   "  - {from: web, to: db, ports: [9/tcp]}\n"			   /* 4 */
			   "  - {from: 11.0.0.0/8, to: api, ports: [http/tcp, 22/tcp]}\n"; /* 5 */

static const struct row held_rows[] = {
	/* A name is what the destination calls so. */
	{ "W web", "W api+enforce", tcp, 8080, 0, ALLOW(1) },
	{ "W web", "W api+enforce", tcp, 80, 0, BH_DENY, 0, "api", BH_INGRESS, "b" },
	{ "W web", "W api+enforce", udp, 8080, 0, BH_DENY, 0, "api", BH_INGRESS, "b" },
	{ "W web", "W db+enforce", tcp, 8080, 0, BH_DENY, 0, "db", BH_INGRESS, "b" },
	{ "A 11.0.0.1", "W api+enforce", tcp, 8080, 0, ALLOW(5) },
	/* Containers by their addresses, at the other end alone. */
	{ "W api", "W db+enforce", tcp, 5432, 0, ALLOW(2) },
	{ "A 10.9.9.9", "W db+enforce", tcp, 5432, 0, ALLOW(2) },
	{ "A 11.0.0.1", "W db+enforce", tcp, 5432, 0, BH_DENY, 0, "db", BH_INGRESS, "b" },
	{ "H", "W db+enforce", tcp, 5432, 0, BH_DENY, 0, "db", BH_INGRESS, "b" },
	{ "? 10.0.0.9", "W db+enforce", tcp, 5432, 0, BH_UNCERTAIN, 0, "db", BH_INGRESS, "b" },
	{ "W web+enforce", "W db+enforce", tcp, 9, 0, BH_DENY, 3, "web", BH_EGRESS, "b" },
	{ "W web", "W db+enforce", tcp, 9, 0, BH_DENY, 3, "web", BH_EGRESS, "" },
};

static void named_ports_and_containers_by_address(void **state)
{
	(void)state;
	check_table(held, held_rows, sizeof(held_rows) / sizeof(held_rows[0]));
}

static void rules_that_are_over_say_nothing(void **state)
{
	static const char text[] =
		"bulkhead-policy: 1\nworkloads: {web: {app: web}, db: {app: db}}\nrules:\n"
		"  - {from: web, to: db, ports: [1/tcp], action: deny, expires: 2026-12-30}\n"
		"  - {from: web, to: db, ports: [1/tcp], expires: 2026-12-31}\n";
	static const struct row row = { "W web", "W db", tcp, 1, 0, ALLOW(0) };
	struct bh_policy *policy = load(text);
	int64_t end = policy->rules[1].expires;
	struct end ends[2];
	struct bh_answer a;

	(void)state;
	bh_policy_set_time(policy, end - BH_DAY - 1);
	ask(policy, &row, ends, &a);
	assert_true(a.verdict == BH_DENY && a.rule == 0);
	bh_policy_set_time(policy, end - 1);
	ask(policy, &row, ends, &a);
	assert_true(a.verdict == BH_ALLOW && a.rule == 1);
	struct bh_question q = {
		.src = ends[0].subject, .dst = ends[1].subject, .proto = tcp, .port = 1
	};
	assert_true(bh_policy_rule_allows(policy, 1, &q));
	bh_policy_set_time(policy, end);
	ask(policy, &row, ends, &a);
	assert_true(a.verdict == BH_DENY && a.rule == -1);
	assert_false(bh_policy_rule_allows(policy, 1, &q));
	bh_policy_free(policy);
}

static void denials_and_defaults_have_reasons(void **state)
{
	static const struct {
		struct row row;
		const char *reason;
	} said[] = {
		{ { "W api+stage1", "W db", tcp, 5432, 0 },
		  "rule 2: deny api → db 5432/tcp; stage 1: refused, as the port is sensitive" },
		{ { "W web", "M", tcp, 80, 0 }, "rule 4: platform deny web → world any" },
		{ { "W job", "W web", tcp, 1, 0 }, "no rule lets job open 1/tcp to web" },
		{ { "W api", "W web", tcp, 1, 0 },
		  "no rule speaks of it, and what no rule speaks of passes there" },
	};
	struct bh_policy *policy = load(strict);

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		struct end ends[2];
		struct bh_answer a;

		ask(policy, &said[i].row, ends, &a);
		assert_string_equal(a.reason, said[i].reason);
	}
	bh_policy_free(policy);
}

static const struct {
	struct row row;
	const char *reason;
} reasons[] = {
	{ { "W web", "W api", tcp, 8042, 0 }, "rule 2: web → api 8000-8100/tcp" },
	{ { "W api", "A 203.0.113.7", icmp, 8 << 8, 0 }, "rule 3: api → 203.0.113.0/24 icmp/8" },
	{ { "W db", "W api", tcp, 71, 0 }, "rule 12: db → api 71/tcp" },
	{ { "W web", "W db", tcp, 5432, 0 }, "no rule lets web open 5432/tcp to db" },
	{ { "W web", "W db", icmp, 8 << 8, 0 }, "no rule lets web open icmp/8:0 to db" },
	{ { "W web", "W db", tcp, 5432, 9 },
	  "no rule lets web open 5432/tcp to db, nor the other way round" },
	{ { "W web", "? 10.0.0.9", tcp, 9, 0 },
	  "10.0.0.9 belongs to nobody that is known, and matches no rule" },
	{ { "- 10.0.0.8", "W web", tcp, 443, 0 },
	  "10.0.0.8 is gone: nobody knows who holds its address" },
	{ { "W web+stage1", "W db", tcp, 5432, 0 },
	  "no rule lets web open 5432/tcp to db; stage 1: refused, as the port is sensitive" },
	{ { "W web+stage1", "*", tcp, 80, 0 },
	  "no rule lets web open 80/tcp to world; stage 1: refused, as the other end is outside" },
	{ { "W web", "W db+stage1", tcp, 80, 0 },
	  "no rule lets web open 80/tcp to db; stage 1: passes, as it is not urgent" },
	{ { "W web+stage1", "W db+enforce", tcp, 80, 0 }, "no rule lets web open 80/tcp to db" },
	{ { "H", "*", tcp, 443, 0 }, "neither end is a workload: not this policy's business" },
};

static void reasons_are_in_words(void **state)
{
	struct bh_policy *policy = load(document);

	(void)state;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		struct end ends[2];
		struct bh_answer answer;

		ask(policy, &reasons[i].row, ends, &answer);
		assert_string_equal(answer.reason, reasons[i].reason);
	}
	bh_policy_free(policy);
}

/* The longest names there are fit, cut where a character ends. */
static void long_names_leave_the_reason_whole(void **state)
{
	struct bh_policy *policy = load(document);
	struct end ends[2];
	struct bh_answer answer;
	char name[BH_PEER_NAME + 8];

	(void)state;
	static const char tail[] =
		", nor the other way round; stage 1: refused, as the other end is "
		"outside";
	strcpy(name, "W ");
	for (size_t at = 2; at + 3 < BH_PEER_NAME; at += 3)
		strcpy(name + at, "日");
	strcat(name, "+stage1");
	char outside[BH_PEER_NAME];
	snprintf(outside, sizeof(outside), "D %.250s", name + 2);
	struct row row = { name, outside, icmp, UINT16_MAX, 1 };
	ask(policy, &row, ends, &answer);
	const char *end = strstr(answer.reason, ", nor the other way round");
	assert_non_null(end);
	assert_string_equal(end, tail);
	assert_memory_equal(end - 3, "日", 3);
	bh_policy_free(policy);
}

static const char by_name[] = "bulkhead-policy: 1\n"
			      "workloads: {web: {app: web}}\n"
			      "rules:\n"
			      "  - {from: web, to: dns:pay.example, ports: [443/tcp]}\n"
			      "  - {from: web, to: \"dns:*.cdn.example\", ports: [443/tcp]}\n"
			      "  - {from: web, to: 203.0.113.0/24, ports: [80/tcp]}\n"
			      "  - {from: web, to: world, ports: [53/udp]}\n";

/* What web may open to this destination, of which it knows the name. */
static struct bh_answer ask_by_name(const char *to, const char *dns, uint8_t proto, uint16_t port)
{
	struct bh_policy *policy = load(by_name);
	struct bh_question q = { .proto = proto, .port = port };
	struct bh_answer answer;
	struct end src, dst;

	read_end(&src, "W web+enforce");
	read_end(&dst, to);
	dst.subject.dns = dns;
	q.src = src.subject;
	q.src.peer = &src.peer;
	q.dst = dst.subject;
	q.dst.peer = &dst.peer;
	bh_policy_evaluate(policy, &q, &answer);
	bh_policy_free(policy);
	return answer;
}

static void names_are_what_was_asked_for(void **state)
{
	static const struct {
		const char *to, *dns;
		uint8_t proto;
		uint16_t port;
		int rule; /* counted from 1; 0: none */
		uint8_t verdict;
	} cases[] = {
		{ "A 203.0.113.7", "pay.example", IPPROTO_TCP, 443, 1, BH_ALLOW },
		{ "A 203.0.113.7", "www.pay.example", IPPROTO_TCP, 443, 0, BH_DENY },
		{ "A 203.0.113.7", NULL, IPPROTO_TCP, 443, 0, BH_DENY },
		{ "A 203.0.113.7", "a.b.cdn.example", IPPROTO_TCP, 443, 2, BH_ALLOW },
		{ "A 203.0.113.7", "cdn.example", IPPROTO_TCP, 443, 0, BH_DENY },
		{ "A 203.0.113.7", "notcdn.example", IPPROTO_TCP, 443, 0, BH_DENY },
		{ "A 203.0.113.7", "other.example", IPPROTO_TCP, 80, 3, BH_ALLOW },
		{ "A 203.0.113.7", "other.example", IPPROTO_UDP, 53, 4, BH_ALLOW },
		/* A name gives no right over whoever is known otherwise. */
		{ "M", "pay.example", IPPROTO_TCP, 443, 0, BH_DENY },
		{ "H", "pay.example", IPPROTO_TCP, 443, 0, BH_DENY },
		{ "W web", "pay.example", IPPROTO_TCP, 443, 0, BH_DENY },
		{ "? 10.0.0.9", "pay.example", IPPROTO_TCP, 443, 0, BH_UNCERTAIN },
		/* One of which the name is all that is known. */
		{ "D dns:pay.example", NULL, IPPROTO_TCP, 443, 1, BH_ALLOW },
		{ "D dns:other.example", NULL, IPPROTO_TCP, 443, 0, BH_DENY },
		{ "D dns:other.example", NULL, IPPROTO_TCP, 80, 0, BH_UNCERTAIN },
		{ "D dns:other.example", NULL, IPPROTO_UDP, 53, 4, BH_ALLOW },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_answer answer =
			ask_by_name(cases[i].to, cases[i].dns, cases[i].proto, cases[i].port);

		if (answer.rule + 1 != cases[i].rule || answer.verdict != cases[i].verdict)
			fail_msg("%zu: rule %d: %s", i, answer.rule + 1, answer.reason);
		assert_int_equal(answer.blocked, answer.verdict != BH_ALLOW);
	}
}

/* A list of one's own replaces the default. */
static void stage_1_goes_by_the_ports_that_it_is_given(void **state)
{
	const struct bh_sensitive ports = { .count = 1, .ports = { 8080 } };
	struct bh_policy *policy = load(document);
	struct end src, dst;
	struct bh_answer answer;

	(void)state;
	read_end(&src, "W web+stage1");
	read_end(&dst, "W db");
	struct bh_question question = { .src = src.subject,
					.dst = dst.subject,
					.proto = tcp,
					.port = 5432,
					.sensitive = &ports };
	bh_policy_evaluate(policy, &question, &answer);
	assert_true(answer.audited && !answer.blocked);
	question.port = 8080;
	bh_policy_evaluate(policy, &question, &answer);
	assert_true(answer.blocked && !answer.audited);
	bh_policy_free(policy);
}

static void a_workload_without_labels_is_nobody(void **state)
{
	struct bh_policy *policy = bh_policy_new();
	struct bh_policy_peer peer = { .kind = BH_POLICY_WORKLOAD };
	struct end end;

	(void)state;
	bh_policy_add_workload(policy, "all");
	read_end(&end, "W web");
	assert_false(bh_policy_peer_matches(policy, &peer, &end.subject));
	bh_policy_add_label(policy, 0, "app", "web");
	assert_true(bh_policy_peer_matches(policy, &peer, &end.subject));
	/* A subject whose labels are not known has none. */
	end.subject.label = NULL;
	assert_false(bh_policy_peer_matches(policy, &peer, &end.subject));
	bh_policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truth_table),
		cmocka_unit_test(ranks_defaults_and_ends),
		cmocka_unit_test(denials_and_defaults_have_reasons),
		cmocka_unit_test(named_ports_and_containers_by_address),
		cmocka_unit_test(rules_that_are_over_say_nothing),
		cmocka_unit_test(reasons_are_in_words),
		cmocka_unit_test(long_names_leave_the_reason_whole),
		cmocka_unit_test(names_are_what_was_asked_for),
		cmocka_unit_test(stage_1_goes_by_the_ports_that_it_is_given),
		cmocka_unit_test(a_workload_without_labels_is_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
