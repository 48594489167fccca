/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../random.h"
#include "edge_id.h"
#include "grow.h"
#include "policy.h"
#include "propose.h"

#define MOST 2000

/* A made-up ledger; edges point into peers. */
struct ledger {
	struct bh_peer peers[2 * MOST];
	struct bh_edge edges[MOST];
	size_t count;
};

static void read_peer(struct bh_peer *peer, const char *text)
{
	static const struct {
		const char *word;
		uint8_t kind;
	} words[] = { { "host", BH_PEER_HOST },
		      { "world", BH_PEER_WORLD },
		      { "metadata", BH_PEER_METADATA },
		      { "multicast", BH_PEER_MULTICAST },
		      { "unresolved", BH_PEER_UNRESOLVED },
		      { "departed", BH_PEER_DEPARTED },
		      { "masked", BH_PEER_MASKED } };

	*peer = (struct bh_peer) { .kind = strchr("0123456789", text[0]) != NULL
						   ? BH_PEER_ADDRESS
						   : BH_PEER_WORKLOAD };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i].word) == 0)
			peer->kind = words[i].kind;
	bh_copy_text(peer->name, sizeof(peer->name), text);
}

/* Seen in so many windows, with ten connections in each. */
static void add(struct ledger *l, const char *src, const char *dst, uint16_t port, uint32_t windows)
{
	struct bh_peer *peers = &l->peers[2 * l->count];

	read_peer(&peers[0], src);
	read_peer(&peers[1], dst);
	l->edges[l->count++] = (struct bh_edge) { .src = &peers[0],
						  .dst = &peers[1],
						  .proto = IPPROTO_TCP,
						  .port = port,
						  .first = INT64_C(1700000000000000),
						  .last = INT64_C(1700000000000000) +
							  INT64_C(86400000000) * windows,
						  .connections = 10 * (uint64_t)windows,
						  .answered = 10 * (uint64_t)windows,
						  .bytes = 1000,
						  .replicas = 1,
						  .windows = windows };
}

static void name_label(void *user, const char *workload,
		       void (*put)(void *to, const char *key, const char *value), void *to)
{
	(void)user;
	put(to, "bulkhead.workload", workload);
}

static struct bh_propose_input input_of(const struct ledger *l)
{
	return (struct bh_propose_input) { .edges = l->edges,
					   .edge_count = l->count,
					   .labels = name_label };
}

/* Without header and workloads; the caller frees it. */
static char *rules_of(const struct bh_propose_input *input)
{
	struct bh_policy *policy = bh_propose(input);
	char *text = bh_policy_print(policy);
	char *rules = bh_strdup(strstr(text, "rules:"));

	bh_policy_free(policy);
	free(text);
	return rules;
}

/* --- what it looks like ----------------------------------------------------------------------- */

static void one_rule_an_edge_alone(void **state)
{
	struct ledger *l = bh_calloc(1, sizeof(*l));

	(void)state;
	add(l, "web", "api", 8080, 3);
	struct bh_propose_input input = input_of(l);
	char *rules = rules_of(&input);
	assert_string_equal(rules,
			    "rules:\n"
			    "  # 30 connections, all answered, 1 replica, 3 windows, first "
			    "2023-11-14T22:13:20.000Z, last 2023-11-17T22:13:20.000Z, 1.0 kB\n"
			    "  - from: web\n"
			    "    to: api\n"
			    "    ports: [8080/tcp]\n"
			    "    edges: [61cb66e6a13d]\n");
	free(rules);
	free(l);
}

/* Who has the thinnest evidence is named; the world is not hidden among workloads. */
static void those_alike_are_put_together(void **state)
{
	static const char *const sources[] = { "web", "cron", "api" };
	struct ledger *l = bh_calloc(1, sizeof(*l));

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		add(l, sources[i], "db", 5432, 10 - 3 * i);
		add(l, sources[i], "db", 5433, 2);
		add(l, sources[i], "log", 514, 2);
	}
	add(l, "world", "log", 514, 2);
	add(l, "web", "cache", 11211, 1);
	struct bh_propose_input input = input_of(l);
	char *rules = rules_of(&input);
	const char *text =
		"rules:\n"
		"  # 5432/tcp: 3 sources, 210 connections, all answered, 3 replicas, 4 to 10 "
		"windows (fewest: api), first 2023-11-14T22:13:20.000Z, last "
		"2023-11-24T22:13:20.000Z, 3.0 kB\n"
		"  # 5433/tcp: 3 sources, 60 connections, all answered, 3 replicas, 2 windows, "
		"first 2023-11-14T22:13:20.000Z, last 2023-11-16T22:13:20.000Z, 3.0 kB\n"
		"  - from: [api, cron, web]\n"
		"    to: db\n"
		"    ports: [5432/tcp, 5433/tcp]\n"
		"    edges: [";
	assert_memory_equal(rules, text, strlen(text));
	assert_non_null(strstr(rules, "  - from: [api, cron, web]\n    to: log\n"));
	assert_non_null(strstr(rules, "  - from: world\n    to: log\n"));
	assert_non_null(strstr(rules, "  - from: web\n    to: cache\n"));
	free(rules);
	free(l);
}

static void destinations_alike_are_put_together(void **state)
{
	struct ledger *l = bh_calloc(1, sizeof(*l));
	char port[16];

	(void)state;
	for (uint16_t i = 0; i < 2; i++) {
		add(l, i == 0 ? "web" : "api", "cache-a", 6379, 4);
		add(l, i == 0 ? "web" : "api", "cache-b", 6379, 4 - i);
		add(l, i == 0 ? "web" : "api", "203.0.113.7", 6379, 4);
		add(l, i == 0 ? "web" : "api", "metadata", 6379, 4);
	}
	struct bh_propose_input input = input_of(l);
	char *rules = rules_of(&input);
	assert_non_null(strstr(rules, "# cache-a: 2 sources, 80 connections, "));
	assert_non_null(strstr(rules, "# cache-b: 2 sources, 70 connections, all answered, 2 "
				      "replicas, 3 to 4 windows (fewest: api), "));
	assert_non_null(strstr(rules, "  - from: [api, web]\n    to: [cache-a, cache-b]\n"
				      "    ports: [6379/tcp]\n"));
	assert_non_null(strstr(rules, "  - from: [api, web]\n    to: metadata\n"));
	assert_non_null(strstr(rules, "  - from: [api, web]\n    to: 203.0.113.7/32\n"));
	free(rules);
	/* Of many ports there are not as many lines. */
	l->count = 0;
	for (uint16_t i = 0; i < 100; i++)
		add(l, "web", "ftp", (uint16_t)(2000 + i), i == 42 ? 1 : 9);
	input = input_of(l);
	rules = rules_of(&input);
	assert_non_null(strstr(rules, "\n  # 100 ports, 8920 connections, all answered, 100 "
				      "replicas, 1 to 9 windows (fewest: web → ftp 2042/tcp), "));
	assert_null(strchr(strchr(rules, '#') + 1, '#'));
	for (uint16_t i = 0; i < 100; i++) {
		snprintf(port, sizeof(port), " %u/tcp", 2000 + i);
		assert_non_null(strstr(rules, i == 0 ? "[2000/tcp" : port));
	}
	free(rules);
	free(l);
}

/* Nor of many destinations. */
static void many_destinations_are_one_line(void **state)
{
	struct ledger *l = bh_calloc(1, sizeof(*l));
	char name[16];

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "d%02u", i);
		add(l, "a", name, 80, 4);
		add(l, "b", name, 80, i == 7 ? 2 : 4);
	}
	struct bh_propose_input input = input_of(l);
	char *rules = rules_of(&input);
	assert_non_null(strstr(rules, "\n  # 2 sources, 20 destinations, 1580 connections, all "
				      "answered, 40 replicas, 2 to 4 windows (fewest: b → d07 "
				      "80/tcp), "));
	assert_null(strchr(strchr(rules, '#') + 1, '#'));
	free(rules);
	/* Of several destinations with several ports, a line for each destination. */
	l->count = 0;
	for (uint32_t i = 0; i < 18; i++)
		add(l, "a", i % 2 == 0 ? "d0" : "d1", (uint16_t)(80 + i / 2), i == 3 ? 1 : 2);
	input = input_of(l);
	rules = rules_of(&input);
	assert_non_null(strstr(rules, "\n  # d0: 9 ports, 180 connections, all answered, 9 "
				      "replicas, 2 windows, "));
	assert_non_null(strstr(rules, "\n  # d1: 9 ports, 170 connections, all answered, 9 "
				      "replicas, 1 to 2 windows (fewest: a → d1 81/tcp), "));
	free(rules);
	free(l);
}

/* What its sources called it, together. */
static void call(void *user, const struct bh_edge *edge, struct bh_edge_names *out)
{
	(void)user;
	*out = (struct bh_edge_names) { 0 };
	if (strcmp(edge->dst->name, "203.0.113.7") != 0)
		return;
	out->names[BH_CALLED_BY_DNS][0] = edge->src->name[0] == 'w' ? "b.example" : "a.example";
	out->names[BH_CALLED_BY_DNS][1] = "c.example";
	out->counts[BH_CALLED_BY_DNS] = 2;
	out->names[BH_CALLED_BY_CLAIM][0] = "front.example";
	out->counts[BH_CALLED_BY_CLAIM] = 1;
}

static void servers_outside_have_their_names(void **state)
{
	struct ledger *l = bh_calloc(1, sizeof(*l));

	(void)state;
	add(l, "web", "203.0.113.7", 443, 2);
	add(l, "api", "203.0.113.7", 443, 2);
	struct bh_propose_input input = input_of(l);
	input.names = call;
	char *rules = rules_of(&input);
	assert_non_null(strstr(rules,
			       "  # DNS called it: a.example, b.example, c.example\n"
			       "  # TLS clients claimed, and nobody checked: \"front.example\"\n"
			       "  - from: [api, web]\n"));
	free(rules);
	add(l, "web", "203.0.113.8", 443, 2);
	add(l, "api", "203.0.113.8", 443, 2);
	input.edge_count = l->count;
	rules = rules_of(&input);
	assert_non_null(strstr(rules, "\n  # 203.0.113.7/32: DNS called it: a.example, b.example, "
				      "c.example\n  # 203.0.113.7/32: TLS clients claimed, and "
				      "nobody checked: \"front.example\"\n  # 203.0.113.8/32: 2 "
				      "sources, "));
	free(rules);
	free(l);
}

/* --- what could be widened -------------------------------------------------------------------- */

/* So many workloads "m00" … have the label tier=front, of which the last `half` only in part; all
 * have one of their own. */
struct fleet {
	unsigned members;
	unsigned half;
};

static void fleet_groups(void *user, const char *workload,
			 void (*put)(void *to, const char *key, const char *value, bool whole),
			 void *to)
{
	const struct fleet *fleet = user;
	unsigned number;

	put(to, "own", workload, true);
	if (sscanf(workload, "m%u", &number) != 1)
		return;
	put(to, "all", "yes", true);
	if (number < fleet->members)
		put(to, "tier", "front", number < fleet->members - fleet->half);
}

static bool is_sensitive_port(void *user, uint8_t proto, uint16_t port)
{
	(void)user;
	return proto == IPPROTO_TCP && port == 22;
}

/* The first `sources` of a fleet reach "db"; `others` is how many further accesses there are. */
static char *proposal_of(struct fleet *fleet, unsigned sources, uint16_t port, unsigned others)
{
	struct ledger *l = bh_calloc(1, sizeof(*l));
	char name[16], names[40][16];
	const char *present[40];

	for (unsigned i = 0; i < sources; i++) {
		snprintf(name, sizeof(name), "m%02u", i);
		add(l, name, "db", port, 3);
	}
	for (unsigned i = 0; i < others; i++)
		add(l, "other", "another", (uint16_t)(1000 + i), 3);
	struct bh_propose_input input = input_of(l);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(names[i], sizeof(names[i]), "m%02u", i);
		present[i] = names[i];
	}
	input.workloads = present;
	input.workload_count = 40;
	input.groups = fleet_groups;
	input.sensitive = is_sensitive_port;
	input.user = fleet;
	char *rules = rules_of(&input);
	free(l);
	return rules;
}

static const struct {
	unsigned sources, members, half;
	uint16_t port;
	unsigned others;
	const char *says; /* NULL: nothing */
} widenings[] = {
	/* Five at least. */
	{ 4, 4, 0, 80, 1000, NULL },
	{ 5, 5, 0, 80, 0,
	  "\n  # Proposed, not applied: a workload entry {tier: front} in place of these 5. It "
	  "would "
	  "let in nobody else today, and whoever gets that label.\n  - from: [m00, " },
	/* 80 % of them. */
	{ 5, 6, 0, 80, 1000, "It would also let in m05, 1 combination more, and whoever gets" },
	{ 5, 7, 0, 80, 1000, NULL },
	{ 8, 10, 0, 80, 1000, "It would also let in m08, m09, 2 combinations more, and" },
	{ 7, 9, 0, 80, 1000, NULL },
	{ 36, 40, 0, 80, 1000, "let in m36, m37, m38, m39, 4 combinations more" },
	{ 32, 40, 0, 80, 1000, "m37, m38, m39, 8 combinations more" },
	{ 31, 40, 0, 80, 1000, NULL },
	/* 2 % more at most: one for fifty. */
	{ 5, 6, 0, 80, 45, "1 combination more" },
	{ 5, 6, 0, 80, 44, NULL },
	{ 8, 10, 0, 80, 92, "2 combinations more" },
	{ 8, 10, 0, 80, 91, NULL },
	/* Of two groups the smaller one. */
	{ 32, 32, 0, 80, 1000, "{tier: front} in place of these 32. It would let in nobody" },
	/* No sensitive port. */
	{ 5, 5, 0, 22, 1000, NULL },
	/* Who has the label in part only would be let in in part, and is no reason for it. */
	{ 5, 5, 1, 80, 1000, NULL },
	{ 5, 6, 1, 80, 1000, "let in m05, 1 combination more" },
};

static void what_could_be_widened_is_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(widenings) / sizeof(widenings[0]); i++) {
		struct fleet fleet = { widenings[i].members, widenings[i].half };
		char *rules = proposal_of(&fleet, widenings[i].sources, widenings[i].port,
					  widenings[i].others);
		const char *said = strstr(rules, "Proposed, not applied");

		if (widenings[i].says == NULL ? said != NULL
					      : strstr(rules, widenings[i].says) == NULL)
			fail_msg("%u of %u: %.*s", widenings[i].sources, widenings[i].members, 600,
				 rules);
		/* Said, and no more. */
		char *list = strstr(rules, "  - from: [m00, ");
		assert_non_null(list);
		assert_null(strstr(list, "tier"));
		free(rules);
	}
}

/* All that is said stays within 2 %, the cheapest first: there is room for one of the two. */
static void together_little_more_is_let_in(void **state)
{
	struct fleet fleet = { 6, 0 };
	struct ledger *l = bh_calloc(1, sizeof(*l));
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "m%02u", i);
		if (i != 5)
			add(l, name, "wide", 80, 3);
		if (i != 5)
			add(l, name, "wide", 81, 3);
		if (i != 4)
			add(l, name, "narrow", 80, 3);
	}
	add(l, "m05", "home", 1, 1);
	for (unsigned i = 0; i < 90; i++)
		add(l, "other", "another", (uint16_t)(1000 + i), 3);
	struct bh_propose_input input = input_of(l);
	input.groups = fleet_groups;
	input.user = &fleet;
	char *rules = rules_of(&input);
	const char *said = strstr(rules, "Proposed, not applied");
	assert_non_null(said);
	static const char cheapest[] = "\n  - from: [m00, m01, m02, m03, m05]\n";
	assert_memory_equal(strchr(said, '\n'), cheapest, sizeof(cheapest) - 1);
	assert_null(strstr(said + 1, "Proposed, not applied"));
	free(rules);
	free(l);
}

/* --- random ledgers --------------------------------------------------------------------------- */

static const char *random_end(char out[32], unsigned workloads)
{
	static const char *const others[] = { "host",	     "world",	    "metadata",
					      "203.0.113.7", "2001:db8::1", "203.0.113.8",
					      "unresolved",  "departed",    "masked",
					      "multicast" };

	if (random_below(4) > 0)
		snprintf(out, 32, "w%u", random_below(workloads));
	else
		snprintf(out, 32, "%s", others[random_below(10)]);
	return out;
}

/* Of services and their clients, so that sets are often alike. */
static void random_ledger(struct ledger *l, uint64_t seed)
{
	char src[32], dst[32];

	random_seed(seed);
	l->count = 0;
	unsigned workloads = 2 + random_below(12);
	for (unsigned i = 0, count = random_below(300); i < count; i++) {
		add(l, random_end(src, workloads), random_end(dst, workloads),
		    (uint16_t)(1 + random_below(4)), 1 + random_below(14));
		struct bh_edge *e = &l->edges[l->count - 1];
		e->proto = random_below(5) == 0 ? IPPROTO_ICMP : IPPROTO_TCP;
		if (e->proto == IPPROTO_ICMP)
			e->port = (uint16_t)(random_below(3) << 8 | random_below(2));
		e->answered = random_below(10) == 0 ? 0 : e->connections;
		e->bytes = random_below(9) == 0 ? BH_BYTES_UNKNOWN : random_below(100000);
		e->replicas = random_below(16);
		e->lossy = random_below(9) == 0;
	}
}

struct lines {
	char *items[MOST];
	size_t count;
};

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_lines(struct lines *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->items[i]);
	free(l);
}

static bool is_known(const struct bh_peer *peer)
{
	return peer->kind != BH_PEER_UNRESOLVED && peer->kind != BH_PEER_DEPARTED &&
	       peer->kind != BH_PEER_MASKED;
}

/* What an edge asks for, told without the code under test. */
static void expected_line(const struct bh_edge *e, char out[160])
{
	char port[32];

	snprintf(port, sizeof(port), e->proto == IPPROTO_ICMP ? "icmp/%u" : "%u/tcp",
		 e->proto == IPPROTO_ICMP ? e->port >> 8 : e->port);
	snprintf(out, 160, "%s → %s%s  %s",
		 e->src->kind == BH_PEER_ADDRESS ? "world" : e->src->name, e->dst->name,
		 e->dst->kind != BH_PEER_ADDRESS     ? ""
		 : strchr(e->dst->name, ':') != NULL ? "/128"
						     : "/32",
		 port);
}

static struct lines *expected_lines(const struct ledger *l)
{
	struct lines *lines = bh_calloc(1, sizeof(*lines));
	size_t kept = 0;
	char text[160];

	for (size_t i = 0; i < l->count; i++) {
		const struct bh_edge *e = &l->edges[i];

		if (!is_known(e->src) || !is_known(e->dst) ||
		    (e->src->kind != BH_PEER_WORKLOAD && e->dst->kind != BH_PEER_WORKLOAD))
			continue;
		expected_line(e, text);
		lines->items[lines->count++] = bh_strdup(text);
	}
	qsort(lines->items, lines->count, sizeof(lines->items[0]), compare_lines);
	for (size_t i = 0; i < lines->count; i++) {
		if (kept > 0 && strcmp(lines->items[kept - 1], lines->items[i]) == 0)
			free(lines->items[i]);
		else
			lines->items[kept++] = lines->items[i];
	}
	lines->count = kept;
	return lines;
}

static void keep_line(void *user, char sign, const char *text)
{
	struct lines *l = user;

	assert_int_equal(sign, '+');
	if (strncmp(text, "workload ", 9) != 0)
		l->items[l->count++] = bh_strdup(text);
}

static bool same_peers(const struct bh_policy_peers *a, const struct bh_policy_peers *b)
{
	return a->count == b->count &&
	       memcmp(a->items, b->items, a->count * sizeof(*a->items)) == 0;
}

static bool same_ports(const struct bh_policy_rule *a, const struct bh_policy_rule *b)
{
	return a->port_count == b->port_count &&
	       memcmp(a->ports, b->ports, a->port_count * sizeof(*a->ports)) == 0;
}

/* No two rules that a list more would make one. */
static void assert_nothing_left_to_merge(const struct bh_policy *p)
{
	for (size_t i = 0; i < p->rule_count; i++)
		for (size_t j = 0; j < i; j++) {
			const struct bh_policy_rule *a = &p->rules[i], *b = &p->rules[j];

			assert_false(same_peers(&a->from, &b->from) && same_peers(&a->to, &b->to));
			assert_false(same_peers(&a->from, &b->from) && same_ports(a, b) &&
				     a->to.items[0].kind == b->to.items[0].kind);
		}
}

/* A rule's edges are those that it allows, and every edge that counts is some rule's. */
static void assert_edges_are_kept(const struct bh_policy *p, const struct ledger *l,
				  const struct lines *allowed)
{
	size_t linked = 0, counted = 0;

	for (size_t i = 0; i < l->count; i++) {
		uint64_t id = bh_edge_id(&l->edges[i]);
		bool found = false;
		char text[160], *key = text;

		expected_line(&l->edges[i], text);
		bool counts = bsearch(&key, allowed->items, allowed->count, sizeof(char *),
				      compare_lines) != NULL;
		for (size_t j = 0; j < p->rule_count; j++)
			for (size_t k = 0; k < p->rules[j].edge_count; k++)
				found = found || p->rules[j].edges[k] == id;
		assert_int_equal(found, counts);
		linked += found;
		counted += counts;
	}
	assert_true(linked <= counted);
}

/* The rules, spelt out, are the edges: none is missing, and none is too many. */
static void nothing_is_lost_and_nothing_added(void **state)
{
	struct ledger *l = bh_calloc(1, sizeof(*l));
	size_t rules = 0, accesses = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 500; seed++) {
		random_ledger(l, seed);
		struct bh_propose_input input = input_of(l);
		struct bh_policy *policy = bh_propose(&input);
		struct lines *expected = expected_lines(l), *found = bh_calloc(1, sizeof(*found));

		bh_policy_diff(NULL, policy, keep_line, found);
		assert_int_equal(found->count, expected->count);
		for (size_t i = 0; i < found->count; i++)
			assert_string_equal(found->items[i], expected->items[i]);
		assert_nothing_left_to_merge(policy);
		assert_edges_are_kept(policy, l, expected);
		rules += policy->rule_count;
		accesses += expected->count;
		free_lines(expected);
		free_lines(found);
		bh_policy_free(policy);
	}
	print_message("%zu accesses in %zu rules\n", accesses, rules);
	assert_true(accesses > 10000 && rules < accesses);
	free(l);
}

static void shuffle(struct ledger *l)
{
	for (size_t i = l->count; i > 1; i--) {
		size_t j = random_below((unsigned)i);
		struct bh_edge swap = l->edges[i - 1];

		l->edges[i - 1] = l->edges[j];
		l->edges[j] = swap;
	}
}

static void the_order_of_arrival_makes_no_difference(void **state)
{
	struct ledger *l = bh_calloc(1, sizeof(*l));

	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		random_ledger(l, seed);
		struct bh_propose_input input = input_of(l);
		input.names = call;
		char *before = rules_of(&input);
		shuffle(l);
		char *after = rules_of(&input);

		assert_string_equal(before, after);
		free(before);
		free(after);
	}
	free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_rule_an_edge_alone),
		cmocka_unit_test(those_alike_are_put_together),
		cmocka_unit_test(destinations_alike_are_put_together),
		cmocka_unit_test(many_destinations_are_one_line),
		cmocka_unit_test(servers_outside_have_their_names),
		cmocka_unit_test(what_could_be_widened_is_said),
		cmocka_unit_test(together_little_more_is_let_in),
		cmocka_unit_test(nothing_is_lost_and_nothing_added),
		cmocka_unit_test(the_order_of_arrival_makes_no_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
