/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is proposed of what is known: selectors, groups, the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_fixture.h"
#include "grow.h"
#include "policy.h"

#define NOW CORE_FIXTURE_NOW

static struct bh_core *core;

static int setup(void **state)
{
	(void)state;
	core = core_fixture_new(BH_SECOND);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_fixture_free(core);
	return 0;
}

static void attach(uint32_t ifindex)
{
	struct bh_endpoint_fact fact;

	memset(&fact, 0, sizeof(fact));
	fact.ifindex = ifindex;
	fact.master_ifindex = 100;
	fact.netns_inode = ifindex;
	fact.runtime = BH_RUNTIME_CRI;
	fact.since = NOW;
	snprintf(fact.container_id, sizeof(fact.container_id), "%064x", ifindex);
	snprintf(fact.ifname, sizeof(fact.ifname), "veth%u", ifindex);
	bh_model_endpoint(core->model, &fact, NOW);
}

/* A replica of a pod's deployment, with every label that a replica can have to itself. */
static void add_pod(uint32_t ifindex, const char *deployment)
{
	static const char *const own[] = { "controller-revision-hash",
					   "controller-uid",
					   "batch.kubernetes.io/controller-uid",
					   "topology.kubernetes.io/zone",
					   "kubernetes.io/hostname",
					   "io.kubernetes.pod.uid" };
	struct bh_container *c = bh_container_new();
	char name[64];

	c->runtime = BH_RUNTIME_CRI;
	snprintf(c->id, sizeof(c->id), "%064x", ifindex);
	snprintf(name, sizeof(name), "%s-perinstance-%05u", deployment, ifindex);
	bh_copy_text(c->name, sizeof(c->name), name);
	bh_container_add_label(c, "io.kubernetes.pod.name", name);
	bh_container_add_label(c, "io.kubernetes.pod.namespace", "prod");
	bh_container_add_label(c, "pod-template-hash", "perinstance");
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		bh_container_add_label(c, own[i], "perinstance");
	bh_container_add_label(c, "app", deployment);
	bh_container_add_label(c, "tier", "front");
	bh_model_container(core->model, c, NOW);
	bh_container_free(c);
	attach(ifindex);
}

static void learn(const char *src, const char *dst, uint16_t port, int64_t time)
{
	struct bh_peer from = { .kind = BH_PEER_WORKLOAD }, to = { .kind = BH_PEER_WORKLOAD };
	struct bh_contact contact = { .src = &from,
				      .dst = &to,
				      .proto = IPPROTO_TCP,
				      .port = port,
				      .time = time,
				      .direction = BH_DIRECTION_SYN,
				      .answered = true,
				      .teaches = true,
				      .ends = true };

	bh_copy_text(from.name, sizeof(from.name), src);
	bh_copy_text(to.name, sizeof(to.name), dst);
	assert_int_equal(bh_ledger_observe(core->ledger, &contact), BH_LEARNED);
}

static char *proposal(void)
{
	struct bh_policy *policy = bh_core_propose(core);
	char *text = bh_policy_print(policy);

	bh_policy_free(policy);
	return text;
}

/* Six deployments of two replicas each, of which five speak to the sixth. */
static void make_pods(void)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "server" };
	char name[32];

	for (uint32_t i = 0; i < 6; i++) {
		add_pod(10 + 2 * i, names[i]);
		add_pod(11 + 2 * i, names[i]);
	}
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "k8s:prod/deploy/%s", names[i]);
		learn(name, "k8s:prod/deploy/server", 80, NOW + i);
	}
	for (uint16_t i = 0; i < 50; i++)
		learn("k8s:prod/deploy/server", "k8s:prod/deploy/a", (uint16_t)(1000 + i), NOW);
}

static void labels_of_one_instance_never_select(void **state)
{
	(void)state;
	make_pods();
	char *text = proposal();
	assert_null(strstr(text, "perinstance"));
	assert_null(strstr(text, "topology"));
	assert_non_null(strstr(text, "  k8s:prod/deploy/a:\n    bulkhead.workload: "
				     "k8s:prod/deploy/a\n"));
	free(text);
}

/* Of "tier" and the pods' namespace, which are as good, the one that comes first. */
static void what_workloads_have_in_common_is_a_group(void **state)
{
	(void)state;
	make_pods();
	char *text = proposal();
	assert_non_null(strstr(text, "a workload entry {io.kubernetes.pod.namespace: prod} in "
				     "place of these 5. It would also let in "
				     "k8s:prod/deploy/server, 1 combination more, "));
	free(text);
	/* One more that has it makes it too many. */
	add_pod(40, "f");
	text = proposal();
	assert_null(strstr(text, "Proposed, not applied"));
	free(text);
}

static void sensitive_ports_are_never_to_be_widened(void **state)
{
	static const uint16_t sensitive[] = { 22, 445, 2375, 5432, 27017 };

	(void)state;
	for (size_t i = 0; i < sizeof(sensitive) / sizeof(sensitive[0]); i++) {
		assert_true(bh_core_port_is_sensitive(core, IPPROTO_TCP, sensitive[i]));
		assert_false(bh_core_port_is_sensitive(core, IPPROTO_ICMP, sensitive[i]));
	}
	assert_false(bh_core_port_is_sensitive(core, IPPROTO_TCP, 80));
}

static void the_same_edges_are_the_same_document(void **state)
{
	(void)state;
	make_pods();
	char *before = proposal();
	assert_non_null(strstr(before, " from 55 learned edges, the latest seen "
				       "2023-11-14T22:13:20.000Z.\n"));
	teardown(state);
	setup(state);
	/* In another order. */
	for (uint32_t i = 0; i < 6; i++) {
		static const char *const names[] = { "server", "e", "d", "c", "b", "a" };

		add_pod(21 - 2 * i, names[i]);
		add_pod(20 - 2 * i, names[i]);
	}
	for (uint16_t i = 50; i-- > 0;)
		learn("k8s:prod/deploy/server", "k8s:prod/deploy/a", (uint16_t)(1000 + i), NOW);
	for (int i = 5; i-- > 0;) {
		char name[32];

		snprintf(name, sizeof(name), "k8s:prod/deploy/%c", 'a' + i);
		learn(name, "k8s:prod/deploy/server", 80, NOW + i);
	}
	char *after = proposal();
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* They are nobody's to lose without a word. */
static void what_a_person_wrote_is_not_lost_in_silence(void **state)
{
	static const char text[] =
		"bulkhead-policy: 1\n"
		"workloads:\n"
		"  a: {app: a}\n"
		"rules:\n"
		"  - {from: a, to: world, ports: [443/tcp]}\n"
		"  - {from: a, to: world, ports: [80/tcp], edges: [00ab00000001]}\n";
	struct bh_error err = { 0 };

	(void)state;
	add_pod(10, "a");
	char *before = proposal();
	assert_null(strstr(before, "a person wrote"));
	core->policy = bh_policy_parse(text, strlen(text), "policy.yaml", &err);
	assert_non_null(core->policy);
	char *after = proposal();
	assert_non_null(strstr(after, "Rules of the active policy that a person wrote, and that "));
	assert_non_null(strstr(after, "as they stand there: 1; copy those that are to stay"));
	free(before);
	free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(labels_of_one_instance_never_select, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_workloads_have_in_common_is_a_group, setup,
						teardown),
		cmocka_unit_test_setup_teardown(sensitive_ports_are_never_to_be_widened, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_a_person_wrote_is_not_lost_in_silence, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_same_edges_are_the_same_document, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
