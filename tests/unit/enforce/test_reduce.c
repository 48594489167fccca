/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The difference of two reduced rulesets is that of the whole ones, whatever they hold: the same
 * steps with the same elements. Small worlds, in which addresses, interfaces and names meet. */
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
#include "address.h"
#include "buffer.h"
#include "diff.h"
#include "digest.h"
#include "reduce.h"
#include "rulesets.h"

#define WORKLOADS 4
#define PERMITS 6
#define CONTAINERS 8
#define POSTURES 3
#define MEMBERS 4
#define EXCEPTIONS 4
#define TRIALS RANDOM_TRIALS(2000)

static const struct bh_nft_config config = { .owner = true, .log_group = 7 };

struct container {
	bool present, bridged, vrf;
	uint8_t mode;
	unsigned port, addr, workload; /* names: v0…, 10.0.0.N; WORKLOADS: nobody's */
	unsigned behind;	       /* the port that the address is bound to */
};

struct member {
	bool present, uplink;
	unsigned port, bridge;
};

/* What a ruleset is made of; a change of it changes one thing. */
struct world {
	bool stateless;
	uint8_t posture;
	uint16_t sensitive;
	struct {
		bool present, open;
		uint8_t mode;
		struct bh_permit permits[2][PERMITS];
		bool granted[2][PERMITS];
	} workloads[WORKLOADS];
	struct container containers[CONTAINERS];
	struct bh_address_posture postures[POSTURES];
	bool posed[POSTURES];
	struct member members[MEMBERS];
	struct bh_exception exceptions[EXCEPTIONS];
	bool excepted[EXCEPTIONS];
};

static const char *const names[] = { "web", "db", "cache", "job", "" };

static struct bh_permit any_permit(void)
{
	static const uint8_t protocols[] = { IPPROTO_TCP,  IPPROTO_TCP, IPPROTO_UDP,
					     IPPROTO_ICMP, IPPROTO_GRE, BH_ANY_PROTOCOL };
	static const char *const prefixes[] = { "10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1" };
	struct bh_permit p = { .proto = protocols[random_below(6)] };

	p.kind = random_below(2) ? BH_PERMIT_PEER : (uint8_t)random_below(BH_PERMIT_PLACE + 1);
	p.rank = random_below(3) ? BH_RANK_ALLOW : (uint8_t)random_below(BH_RANKS);
	if (p.proto != BH_ANY_PROTOCOL && p.proto != IPPROTO_GRE)
		p.port_first = p.port_last = (uint16_t)(1 + random_below(3));
	if (p.proto == IPPROTO_TCP && random_below(4) == 0)
		p.port_last = 9;
	if (p.kind <= BH_PERMIT_OUTSIDE)
		assert_true(bh_prefix_parse(prefixes[random_below(4)], &p.peer));
	return p;
}

static struct container any_container(void)
{
	unsigned port = random_below(6);

	return (struct container) { .present = random_below(4) != 0,
				    .bridged = random_below(4) != 0,
				    .vrf = random_below(16) == 0,
				    .mode = (uint8_t)random_below(BH_ENFORCE + 1),
				    .port = port,
				    .behind = port,
				    .addr = 1 + random_below(6),
				    .workload = random_below(WORKLOADS + 1) };
}

static struct bh_address_posture any_posture(void)
{
	struct bh_address_posture p = { .posture = (uint8_t)random_below(3) };

	snprintf(p.l3_ifname, sizeof(p.l3_ifname), "br%u", random_below(2));
	if (random_below(2))
		p.addr = (struct bh_addr) { BH_IPV4, { 10, 0, 0, (uint8_t)(1 + random_below(6)) } };
	return p;
}

static struct member any_member(void)
{
	return (struct member) { .present = random_below(4) != 0,
				 .uplink = random_below(8) == 0,
				 .port = random_below(6),
				 .bridge = random_below(2) };
}

static struct bh_exception any_exception(void)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
	struct bh_exception e = { .key = { .proto = protocols[random_below(3)] } };
	bool six = random_below(3) == 0;

	for (unsigned i = 0; i < 2; i++) {
		struct bh_addr *addr = i == 0 ? &e.key.src : &e.key.dst;

		addr->family = six ? BH_IPV6 : BH_IPV4;
		addr->bytes[six ? 15 : 3] = (uint8_t)(1 + random_below(2));
	}
	e.key.sport = (uint16_t)(1 + random_below(2));
	e.key.dport = (uint16_t)(1 + random_below(2));
	snprintf(e.src_ifname, sizeof(e.src_ifname), "v%u", random_below(2));
	snprintf(e.dst_ifname, sizeof(e.dst_ifname), "v%u", random_below(2));
	return e;
}

static void change(struct world *w)
{
	unsigned workload = random_below(WORKLOADS), side = random_below(2),
		 permit = random_below(PERMITS), posture = random_below(POSTURES),
		 exception = random_below(EXCEPTIONS);
	struct bh_permit *permits;

	switch (random_below(w->stateless ? 18 : 14)) {
	case 0:
		w->workloads[workload].present = !w->workloads[workload].present;
		break;
	case 1:
		w->workloads[workload].mode = (uint8_t)random_below(BH_ENFORCE + 1);
		break;
	case 2:
		w->workloads[workload].open = !w->workloads[workload].open;
		break;
	case 3:
		w->postures[posture] = any_posture();
		w->posed[posture] = random_below(2);
		break;
	case 4:
		w->posture = (uint8_t)random_below(3);
		break;
	case 5:
		w->sensitive = (uint16_t)(3306 + random_below(2));
		break;
	case 6:
	case 7:
	case 8:
		w->containers[random_below(CONTAINERS)] = any_container();
		break;
	case 14:
		w->members[random_below(MEMBERS)] = any_member();
		break;
	case 15:
		w->containers[random_below(CONTAINERS)].behind = random_below(6);
		break;
	case 16:
	case 17:
		w->exceptions[exception] = any_exception();
		w->excepted[exception] = random_below(2);
		break;
	default:
		permits = w->workloads[workload].permits[side];
		/* Another rule may say the same. */
		permits[permit] =
			random_below(3) == 0 && permits[0].proto != 0 ? permits[0] : any_permit();
		permits[permit].rule = random_below(3);
		w->workloads[workload].granted[side][permit] = random_below(2);
	}
}

static struct world any_world(bool stateless)
{
	struct world w = { .stateless = stateless };

	for (unsigned i = 0; i < 200; i++)
		change(&w);
	w.workloads[0].present = true;
	return w;
}

static void build_workload(const struct world *w, unsigned i, struct bh_ruleset *rules)
{
	for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++) {
		struct bh_chain *chain = add_chain(rules, names[i], side, w->workloads[i].mode);

		chain->open[BH_EGRESS] = w->workloads[i].open;
		for (unsigned j = 0; j < PERMITS; j++)
			if (w->workloads[i].granted[side][j])
				*bh_chain_add_permit(chain) = w->workloads[i].permits[side][j];
	}
}

static void build_container(const struct container *c, uint32_t chain, struct bh_ruleset *rules)
{
	char port[BH_IFNAME], mac[18], addr[16];

	snprintf(port, sizeof(port), "v%u", c->port);
	snprintf(mac, sizeof(mac), "02:00:00:00:00:%02x", c->addr);
	snprintf(addr, sizeof(addr), "10.0.0.%u", c->addr);
	add_port(rules, port, c->bridged && !c->vrf, c->workload < WORKLOADS ? c->mode : BH_LEARN,
		 names[c->workload], mac, addr);
	rules->ports[rules->port_count - 1].vrf = c->vrf;
	if (chain == UINT32_MAX)
		return;
	add_binding(rules, c->addr % 2 ? "br0" : "br1", addr, chain, chain + 1);
	snprintf(rules->bindings[rules->binding_count - 1].ifname, BH_IFNAME, "v%u", c->behind);
}

static void build_bridges(const struct world *w, struct bh_ruleset *rules)
{
	for (unsigned i = 0; i < MEMBERS; i++) {
		if (!w->members[i].present)
			continue;
		struct bh_bridge_member *member = bh_ruleset_add_member(rules);
		snprintf(member->ifname, sizeof(member->ifname), "v%u", w->members[i].port);
		snprintf(member->bridge, sizeof(member->bridge), "br%u", w->members[i].bridge);
		member->uplink = w->members[i].uplink;
	}
	for (unsigned i = 0; i < EXCEPTIONS; i++)
		if (w->excepted[i])
			*bh_ruleset_add_exception(rules) = w->exceptions[i];
}

static struct bh_ruleset *build(const struct world *w)
{
	struct bh_ruleset *rules = bh_ruleset_new();
	uint32_t chains[WORKLOADS + 1];

	memset(chains, 0xff, sizeof(chains));
	rules->posture = w->posture;
	rules->stateless = w->stateless;
	rules->sensitive = (struct bh_sensitive) { .ports = { 22, w->sensitive }, .count = 2 };
	add_bridge(rules, "br0");
	for (unsigned i = 0; i < WORKLOADS; i++) {
		if (!w->workloads[i].present)
			continue;
		chains[i] = (uint32_t)rules->chain_count;
		build_workload(w, i, rules);
	}
	for (unsigned i = 0; i < CONTAINERS; i++)
		if (w->containers[i].present)
			build_container(&w->containers[i], chains[w->containers[i].workload],
					rules);
	for (unsigned i = 0; i < POSTURES; i++)
		if (w->posed[i])
			*bh_ruleset_add_posture(rules) = w->postures[i];
	if (w->stateless)
		build_bridges(w, rules);
	return rules;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A line for a step, and one for each of its elements. */
static char *spell(const struct bh_diff *diff)
{
	char *lines[4096], where[256];
	struct bh_buffer text = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < diff->count; i++) {
		const struct bh_step *step = &diff->steps[i];

		bh_step_text(step, where, sizeof(where));
		for (size_t j = 0; j < (step->count > 0 ? step->count : 1); j++) {
			struct bh_buffer line = { 0 };

			bh_buffer_printf(&line, "%s ", where);
			for (size_t k = 0; step->count > 0 && k < step->set->stride; k++)
				bh_buffer_printf(&line, "%02x", bh_step_record(step, j)[k]);
			if (step->kind == BH_STEP_ADD_RULES)
				bh_buffer_printf(&line, "%zu", step->chain->rule_count);
			assert_true(count < sizeof(lines) / sizeof(lines[0]));
			lines[count++] = bh_buffer_steal(&line);
		}
	}
	qsort(lines, count, sizeof(lines[0]), by_text);
	for (size_t i = 0; i < count; i++) {
		bh_buffer_printf(&text, "%s\n", lines[i]);
		free(lines[i]);
	}
	return bh_buffer_steal(&text);
}

static char *difference(struct bh_nft_state *have, struct bh_nft_state *want)
{
	struct bh_diff diff;

	assert_non_null(have);
	assert_non_null(want);
	bh_nft_diff(have, want, &diff);
	char *text = spell(&diff);
	bh_diff_free(&diff);
	bh_nft_state_free(have);
	bh_nft_state_free(want);
	return text;
}

/* By the difference of the parts the digest of the old tables becomes that of the new ones. */
static void check_digest(const struct bh_ruleset *old, const struct bh_ruleset *new,
			 const struct bh_reduced *part)
{
	struct bh_nft_state *states[] = {
		bh_nft_desire(old, &config, NULL),
		bh_nft_desire(new, &config, NULL),
		bh_nft_desire_part(part->old, &part->old_scope, &config, NULL),
		bh_nft_desire_part(part->new, &part->new_scope, &config, NULL),
	};
	uint64_t before = bh_digest_state(states[0]), after = bh_digest_state(states[1]);
	struct bh_diff diff;

	bh_nft_diff(states[2], states[3], &diff);
	assert_true(bh_digest_after(before, states[2], states[3], &diff) == after);
	assert_true((diff.count == 0) == (before == after));
	bh_diff_free(&diff);
	for (size_t i = 0; i < 4; i++)
		bh_nft_state_free(states[i]);
}

static void check_random_changes(bool stateless)
{
	unsigned reduced = 0, smaller = 0;

	random_seed(7);
	for (unsigned i = 0; i < TRIALS; i++) {
		struct world world = any_world(stateless);
		struct bh_ruleset *old = build(&world);
		struct bh_reduced part;

		for (unsigned j = 0; j <= random_below(4); j++)
			change(&world);
		world.workloads[0].present = true;
		struct bh_ruleset *new = build(&world);
		if (bh_reduce(old, new, &part)) {
			char *want = difference(bh_nft_desire(old, &config, NULL),
						bh_nft_desire(new, &config, NULL));
			char *got = difference(
				bh_nft_desire_part(part.old, &part.old_scope, &config, NULL),
				bh_nft_desire_part(part.new, &part.new_scope, &config, NULL));
			assert_string_equal(got, want);
			check_digest(old, new, &part);
			reduced++;
			smaller += part.new->chain_count < new->chain_count;
			free(want);
			free(got);
			bh_reduced_free(&part);
		}
		bh_ruleset_free(old);
		bh_ruleset_free(new);
	}
	assert_true(reduced > TRIALS / 2);
	assert_true(smaller > TRIALS / 4);
}

static void test_the_difference_is_the_same(void **state)
{
	(void)state;
	check_random_changes(false);
}

static void test_the_difference_is_the_same_on_a_stateless_bridge(void **state)
{
	(void)state;
	check_random_changes(true);
}

static void check_start(bool stateless)
{
	struct bh_ruleset *old = two_workloads(BH_ENFORCE), *new = two_workloads(BH_ENFORCE);
	struct bh_reduced part;

	old->stateless = new->stateless = stateless;
	add_permit(&new->chains[0], BH_PERMIT_PEER, IPPROTO_TCP, 5432, 5432, "10.0.0.3");
	add_binding(new, "br0", "10.0.0.3", 2, 3);
	add_port(new, "vc", true, BH_ENFORCE, "db", "02:00:00:00:00:03", "10.0.0.3");
	assert_true(bh_reduce(old, new, &part));
	assert_false(part.new_scope.frame);
	assert_int_equal(part.new_scope.whole, 0);
	assert_int_equal(part.new->binding_count, 1);
	assert_int_equal(part.old->binding_count, 0);
	assert_int_equal(part.new->chains[2].permit_count, 1);
	bh_reduced_free(&part);
	bh_ruleset_free(old);
	bh_ruleset_free(new);
}

/* The peers of a container that starts get an element each, and keep their chains. */
static void test_a_start_leaves_other_chains_alone(void **state)
{
	(void)state;
	check_start(false);
	check_start(true);
}

static void except(struct bh_ruleset *rules, uint8_t proto, uint16_t port)
{
	struct bh_exception *e = bh_ruleset_add_exception(rules);

	e->key = (struct bh_flow_key) { .proto = proto, .sport = port, .dport = 5432 };
	assert_true(bh_addr_parse("10.0.0.1", &e->key.src));
	assert_true(bh_addr_parse("10.0.0.2", &e->key.dst));
	strcpy(e->src_ifname, "va");
	strcpy(e->dst_ifname, "vb");
}

/* No chain of a workload goes with a connection that goes on; with the first one of its kind the
 * rules for it. */
static void test_exceptions_leave_workloads_alone(void **state)
{
	struct bh_ruleset *old = two_workloads(BH_ENFORCE), *new = two_workloads(BH_ENFORCE);
	struct bh_reduced part;

	(void)state;
	old->stateless = new->stateless = true;
	except(old, IPPROTO_TCP, 1);
	except(new, IPPROTO_TCP, 1);
	except(new, IPPROTO_TCP, 2);
	assert_true(bh_reduce(old, new, &part));
	assert_false(part.new_scope.frame);
	assert_int_equal(part.new->chain_count, 0);
	/* That of the same ends, which shares elements with it, is there on both sides. */
	assert_int_equal(part.old->exception_count, 1);
	assert_int_equal(part.new->exception_count, 2);
	bh_reduced_free(&part);
	except(new, IPPROTO_UDP, 2);
	assert_true(bh_reduce(old, new, &part));
	assert_true(part.old_scope.frame && part.new_scope.frame);
	assert_int_equal(part.new->chain_count, 0);
	bh_reduced_free(&part);
	bh_ruleset_free(old);
	bh_ruleset_free(new);
}

static void test_what_cannot_be_reduced(void **state)
{
	struct bh_ruleset *old = two_workloads(BH_ENFORCE), *new = two_workloads(BH_ENFORCE);
	struct bh_reduced part;

	(void)state;
	new->posture = BH_POSTURE_CLOSED;
	assert_false(bh_reduce(old, new, &part));
	new->posture = old->posture;
	new->stateless = true;
	assert_false(bh_reduce(old, new, &part));
	new->stateless = false;
	new->bindings[0].egress = 17;
	assert_false(bh_reduce(old, new, &part));
	new->bindings[0].egress = 0;
	memset(new->ports[0].ifname, 'x', sizeof(new->ports[0].ifname));
	assert_false(bh_reduce(old, new, &part));
	bh_ruleset_free(old);
	bh_ruleset_free(new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_difference_is_the_same),
		cmocka_unit_test(test_the_difference_is_the_same_on_a_stateless_bridge),
		cmocka_unit_test(test_a_start_leaves_other_chains_alone),
		cmocka_unit_test(test_exceptions_leave_workloads_alone),
		cmocka_unit_test(test_what_cannot_be_reduced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
