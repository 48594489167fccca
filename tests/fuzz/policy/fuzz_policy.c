/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "compile.h"
#include "evaluate.h"
#include "grow.h"
#include "policy.h"
#include "ruleset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any bytes are a policy or an error with a text. A policy prints to what parses to the same, as
 * YAML and as JSON; every question has an answer; and it compiles to a ruleset whose indices lead
 * somewhere. */

#define ENDPOINTS 3

static void fail(const char *what, const char *text)
{
	fprintf(stderr, "%s:\n%s\n", what, text);
	abort();
}

/* --- printing --------------------------------------------------------------------------------- */

static struct bh_policy *parse_again(const char *text)
{
	struct bh_error err = { 0 };
	struct bh_policy *policy = bh_policy_parse(text, strlen(text), "printed", &err);

	if (policy == NULL) {
		fprintf(stderr, "%s\n", err.text);
		fail("what was printed does not parse", text);
	}
	return policy;
}

static void ignore_line(void *user, char sign, const char *text)
{
	(void)user;
	(void)sign;
	(void)text;
}

/* The revision is a hash of everything but the comments; the difference compares another way. */
static void check_same(const struct bh_policy *a, const struct bh_policy *b, const char *text)
{
	char left[65], right[65];

	bh_policy_revision(a, left);
	bh_policy_revision(b, right);
	if (strcmp(left, right) != 0 || bh_policy_diff(a, b, ignore_line, NULL) != 0)
		fail("what was printed is another policy", text);
}

static void check_yaml(const struct bh_policy *policy)
{
	char *text = bh_policy_print(policy);
	struct bh_policy *again = parse_again(text);

	check_same(policy, again, text);
	char *second = bh_policy_print(again);
	if (strcmp(text, second) != 0)
		fail("printed twice, and not the same", text);
	free(second);
	bh_policy_free(again);
	free(text);
}

static void check_json(const struct bh_policy *policy)
{
	char *text = bh_policy_print_json(policy);
	struct bh_policy *again = parse_again(text);

	check_same(policy, again, text);
	bh_policy_free(again);
	free(text);
}

/* --- questions -------------------------------------------------------------------------------- */

/* Labels of an endpoint that the policy's workload selects, unless what it asks contradicts itself
 * or asks for more than this. */
static const char *label_of(const void *labels, const char *key)
{
	const struct bh_policy_workload *w = labels;

	for (size_t i = 0; i < w->label_count; i++) {
		const struct bh_policy_label *l = &w->labels[i];

		if (strcmp(l->key, key) == 0 && l->test == BH_LABEL_IN)
			return l->values[0];
		if (strcmp(l->key, key) == 0 && l->test == BH_LABEL_EXISTS)
			return "set";
	}
	return NULL;
}

/* Whether it stands for what meet() makes of it without fail. */
static bool is_plain(const struct bh_policy *policy, const struct bh_policy_peer *end)
{
	if (end->kind != BH_POLICY_WORKLOAD)
		return end->except == NULL;
	const struct bh_policy_workload *w = &policy->workloads[end->workload];
	for (size_t i = 0; i < w->label_count; i++)
		if (w->labels[i].test != BH_LABEL_IN ||
		    (i > 0 && strcmp(w->labels[i].key, w->labels[i - 1].key) == 0))
			return false;
	return true;
}

static void fill_peer(struct bh_peer *peer, uint8_t kind, const char *name)
{
	*peer = (struct bh_peer) { .kind = kind };
	bh_copy_text(peer->name, sizeof(peer->name), name);
}

/* "*.example" → "x.example" */
static const char *one_below(const char *pattern)
{
	static char name[BH_PEER_NAME];

	snprintf(name, sizeof(name), "x%s", pattern + 1);
	return name;
}

/* The end of a flow that this end of a rule speaks of. */
static void meet(const struct bh_policy *policy, const struct bh_policy_peer *end,
		 struct bh_peer *peer, struct bh_subject *subject)
{
	static const uint8_t kinds[] = {
		[BH_POLICY_WORKLOAD] = BH_PEER_WORKLOAD, [BH_POLICY_HOST] = BH_PEER_HOST,
		[BH_POLICY_WORLD] = BH_PEER_WORLD,	 [BH_POLICY_PREFIX] = BH_PEER_ADDRESS,
		[BH_POLICY_METADATA] = BH_PEER_METADATA, [BH_POLICY_MULTICAST] = BH_PEER_MULTICAST,
		[BH_POLICY_DNS] = BH_PEER_ADDRESS
	};
	char name[BH_PEER_NAME];

	bh_policy_peer_text(policy, end, name, sizeof(name));
	fill_peer(peer, kinds[end->kind], name);
	*subject = (struct bh_subject) { .peer = peer, .mode = BH_ENFORCE };
	bh_addr_parse("192.0.2.1", &subject->addr);
	if (end->kind == BH_POLICY_PREFIX)
		subject->addr = end->prefix.addr;
	if (end->kind == BH_POLICY_DNS)
		subject->dns = end->name[0] == '*' ? one_below(end->name) : end->name;
	if (end->kind == BH_POLICY_WORKLOAD) {
		subject->labels = &policy->workloads[end->workload];
		subject->label = label_of;
	}
}

/* A packet that this port of a rule speaks of. */
static uint16_t number_of(const struct bh_policy_port *port)
{
	bool icmp = port->proto == IPPROTO_ICMP || port->proto == IPPROTO_ICMPV6;

	return icmp ? (uint16_t)(port->first << 8) : port->first;
}

/* What a rule says of a pair is decided so, or by a rule of a higher rank. */
static void check_decided(const struct bh_policy *policy, const struct bh_policy_rule *rule,
			  const struct bh_question *q)
{
	struct bh_answer answer;

	bh_policy_evaluate(policy, q, &answer);
	if (rule->ends != BH_AT_BOTH)
		return;
	if (answer.rule < 0 || (size_t)answer.rule >= policy->rule_count)
		fail("a rule does not decide what it says", answer.reason);
	uint8_t rank = policy->rules[answer.rule].rank;
	uint8_t verdict = bh_rank_denies(rank) ? BH_DENY : BH_ALLOW;
	if (rank < rule->rank || answer.verdict != verdict)
		fail("a rule decides otherwise than it says", answer.reason);
}

/* Nobody has a right by who he may be; what passes by default passes. */
static void check_unknown(const struct bh_policy *policy, const struct bh_question *q)
{
	struct bh_answer answer;

	bh_policy_evaluate(policy, q, &answer);
	if (answer.verdict == BH_ALLOW
		    ? !policy->has_open || policy->denies || answer.rule >= 0
		    : answer.verdict != BH_UNCERTAIN || (!answer.blocked && !policy->has_open))
		fail("nobody was given a right", answer.reason);
}

static void ask(const struct bh_policy *policy, const struct bh_policy_rule *rule,
		const struct bh_policy_peer *source, const struct bh_policy_peer *destination)
{
	struct bh_peer from, to, unknown;
	struct bh_question q = { .proto = rule->ports[0].proto,
				 .port = number_of(&rule->ports[0]) };

	meet(policy, source, &from, &q.src);
	meet(policy, destination, &to, &q.dst);
	bool met = bh_policy_peer_matches(policy, source, &q.src) &&
		   bh_policy_peer_matches(policy, destination, &q.dst);
	/* What a port's name stands for nobody here says. */
	bool named = rule->ports[0].name != NULL;
	if (!met && is_plain(policy, source) && is_plain(policy, destination))
		fail("a peer is not whom it says", from.name);
	if (met && !named)
		check_decided(policy, rule, &q);
	fill_peer(&unknown, BH_PEER_UNRESOLVED, "10.0.0.1");
	if (source->kind == BH_POLICY_WORKLOAD)
		q.dst.peer = &unknown;
	else
		q.src.peer = &unknown;
	check_unknown(policy, &q);
}

static void ask_pairs(const struct bh_policy *policy, const struct bh_policy_rule *rule)
{
	for (size_t i = 0; i < rule->from.count && i < 16; i++)
		for (size_t j = 0; j < rule->to.count && j < 16; j++)
			ask(policy, rule, &rule->from.items[i], &rule->to.items[j]);
}

static void ask_questions(const struct bh_policy *policy)
{
	char text[64];

	for (size_t i = 0; i < policy->rule_count && i < 64; i++) {
		bh_policy_rule_text(policy, i, text, sizeof(text));
		ask_pairs(policy, &policy->rules[i]);
	}
}

/* --- compiling -------------------------------------------------------------------------------- */

static void fill_fact(struct bh_endpoint_fact *fact, uint32_t number)
{
	char text[BH_ADDR_TEXT];

	*fact = (struct bh_endpoint_fact) {
		.ifindex = number + 10, .master_ifindex = 5, .addr_count = 2, .l3_ifname = "br0"
	};
	snprintf(fact->ifname, sizeof(fact->ifname), "veth%u", number);
	snprintf(text, sizeof(text), "10.1.0.%u", number + 1);
	bh_addr_parse(text, &fact->addrs[0]);
	snprintf(text, sizeof(text), "fd00::%u", number + 1);
	bh_addr_parse(text, &fact->addrs[1]);
}

static void check_ruleset(const struct bh_ruleset *rules)
{
	for (size_t i = 0; i < rules->binding_count; i++)
		if (rules->bindings[i].egress >= rules->chain_count ||
		    rules->bindings[i].ingress >= rules->chain_count)
			fail("a binding leads to no chain", rules->bindings[i].l3_ifname);
	for (size_t i = 0; i < rules->chain_count; i++)
		for (size_t j = 0; j < rules->chains[i].permit_count; j++)
			if (rules->chains[i].permits[j].port_first >
			    rules->chains[i].permits[j].port_last)
				fail("a permit's ports run backwards", rules->chains[i].workload);
}

/* What the first workload was told of every name in the policy; some of the addresses are held. */
static size_t collect_names(const struct bh_policy *policy, struct bh_compile_name *names)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct bh_policy_peer *from = policy->rules[i].from.items,
					    *to = policy->rules[i].to.items;
		uint8_t bytes[4] = { 10, 1, 0, (uint8_t)i };

		if (from->kind != BH_POLICY_WORKLOAD || to->kind != BH_POLICY_DNS ||
		    from->workload != 0)
			continue;
		names[count++] =
			(struct bh_compile_name) { .workload = policy->workloads[0].name,
						   .name = to->name,
						   .addr = bh_addr_from_bytes(BH_IPV4, bytes) };
	}
	return count;
}

/* An endpoint for each of the first workloads. */
static void compile(const struct bh_policy *policy)
{
	static const struct bh_bridge bridge = { .ifname = "br0", .ifindex = 5 };
	struct bh_endpoint_fact facts[ENDPOINTS];
	struct bh_compile_endpoint endpoints[ENDPOINTS];
	struct bh_compile_input input = { .policy = policy,
					  .endpoints = endpoints,
					  .bridges = &bridge,
					  .bridge_count = 1,
					  .posture = BH_POSTURE_CLOSED };

	for (size_t i = 0; i < ENDPOINTS && i < policy->workload_count; i++) {
		fill_fact(&facts[i], (uint32_t)i);
		endpoints[i] = (struct bh_compile_endpoint) { .fact = &facts[i],
							      .workload = policy->workloads[i].name,
							      .mode = BH_ENFORCE,
							      .labels = &policy->workloads[i],
							      .label = label_of };
		input.endpoint_count++;
	}
	struct bh_compile_name *names = bh_calloc(policy->rule_count, sizeof(*names));
	input.names = names;
	input.name_count = collect_names(policy, names);
	struct bh_ruleset *rules = bh_compile(&input);
	free(names);
	check_ruleset(rules);
	bh_ruleset_free(rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_error err = { 0 };
	struct bh_policy *policy = bh_policy_parse((const char *)data, size, "fuzz", &err);

	if (policy == NULL) {
		if (err.text[0] == '\0')
			fail("refused without a word", "");
		return 0;
	}
	check_yaml(policy);
	check_json(policy);
	ask_questions(policy);
	compile(policy);
	bh_policy_free(policy);
	return 0;
}
