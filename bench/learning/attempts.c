/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy that follows from what was learned, proposed and evaluated as the daemon does it, and
 * everything that could be tried against it. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "evaluate.h"
#include "grow.h"
#include "propose.h"
#include "run.h"

#define LABEL "service"

struct trial {
	struct run *run;
	struct bh_edge *edges; /* that were learned */
	size_t count;
	struct bh_policy *policy;
};

/* --- the policy ------------------------------------------------------------------------------- */

static void take_edge(void *user, const struct bh_edge *edge)
{
	struct trial *t = user;

	t->edges[t->count++] = *edge;
}

static void select_by_name(void *user, const char *workload,
			   void (*add)(void *to, const char *key, const char *value), void *to)
{
	(void)user;
	add(to, LABEL, workload);
}

static void begin_trial(struct trial *t, struct run *r)
{
	const char *names[SERVICES];

	*t = (struct trial) { .run = r,
			      .edges = bh_calloc(bh_ledger_count(r->ledger, BH_EDGES),
						 sizeof(*t->edges)) };
	for (int s = 0; s < SERVICES; s++)
		names[s] = r->services[s].name;
	bh_ledger_each(r->ledger, BH_EDGES, take_edge, t);
	const struct bh_propose_input input = { .edges = t->edges,
						.edge_count = t->count,
						.workloads = names,
						.workload_count = SERVICES,
						.labels = select_by_name };
	t->policy = bh_propose(&input);
}

static void end_trial(struct trial *t)
{
	bh_policy_free(t->policy);
	free(t->edges);
}

char *print_policy(struct run *r)
{
	struct trial t;

	begin_trial(&t, r);
	char *text = bh_policy_print(t.policy);
	end_trial(&t);
	return text;
}

/* --- questions -------------------------------------------------------------------------------- */

static const char *label_of(const void *labels, const char *key)
{
	return strcmp(key, LABEL) == 0 ? labels : NULL;
}

static struct bh_subject subject_of(const struct bh_peer *peer)
{
	struct bh_subject subject = { .peer = peer, .label = label_of };

	if (peer->kind == BH_PEER_WORKLOAD) {
		subject.labels = peer->name;
		subject.mode = BH_ENFORCE;
	}
	if (peer->kind == BH_PEER_ADDRESS)
		bh_addr_parse(peer->name, &subject.addr);
	return subject;
}

static bool is_stopped(const struct trial *t, int src, const struct bh_peer *dst, uint16_t port)
{
	const struct bh_question question = { .src = subject_of(&t->run->services[src]),
					      .dst = subject_of(dst),
					      .proto = IPPROTO_TCP,
					      .port = port };
	struct bh_answer answer = { 0 };

	bh_policy_evaluate(t->policy, &question, &answer);
	return answer.blocked;
}

static bool was_learned(const struct trial *t, int src, const struct bh_peer *dst, uint16_t port)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->edges[i].port == port && service_of_peer(t->edges[i].src) == src &&
		    strcmp(t->edges[i].dst->name, dst->name) == 0)
			return true;
	return false;
}

static void attempt(const struct trial *t, enum attempt kind, int src, const struct bh_peer *dst,
		    uint16_t port)
{
	struct account *a = t->run->account;

	if (was_learned(t, src, dst, port))
		return;
	a->tried[kind]++;
	a->stopped[kind] += is_stopped(t, src, dst, port);
}

/* --- what is tried ---------------------------------------------------------------------------- */

static void try_listener(const struct trial *t, int src, int dst, uint16_t port)
{
	const struct bh_peer *peer = &t->run->services[dst];
	struct account *a = t->run->account;
	bool allowed = !is_stopped(t, src, peer, port);

	a->surface++;
	a->within += allowed;
	a->allowed += allowed;
	attempt(t, OPEN_PORTS, src, peer, port);
	if (tier_of(src) == 0 && tier_of(dst) == TIERS - 1)
		attempt(t, WEB_TO_DATA, src, peer, port);
}

static void try_service(const struct trial *t, int src, int dst)
{
	static const uint16_t worms[] = { 22, 135, 139, 445, 3389, 5985 };

	for (int i = 0; i < PORTS; i++)
		if (habits_port(t->run->habits, dst, i) != 0)
			try_listener(t, src, dst, habits_port(t->run->habits, dst, i));
	for (size_t i = 0; i < sizeof(worms) / sizeof(worms[0]); i++)
		attempt(t, WORM, src, &t->run->services[dst], worms[i]);
}

/* To every server outside that any service knows, and to some that none does. */
static void try_outside(const struct trial *t, int src)
{
	static const struct bh_peer strangers[] = { { BH_PEER_DNS, "dns:stranger.example" },
						    { BH_PEER_ADDRESS, "198.18.0.1" } };

	for (size_t i = 0; i < t->count; i++)
		if (t->edges[i].dst->kind != BH_PEER_WORKLOAD)
			t->run->account->allowed +=
				!is_stopped(t, src, t->edges[i].dst, t->edges[i].port);
	for (int i = 0; i < 2; i++)
		attempt(t, NEW_HOST, src, &strangers[i], 443);
}

void try_policy(struct run *r)
{
	struct trial t;

	begin_trial(&t, r);
	for (int src = 0; src < SERVICES; src++) {
		for (int dst = 0; dst < SERVICES; dst++)
			if (dst != src)
				try_service(&t, src, dst);
		try_outside(&t, src);
	}
	r->account->used += (double)t.count;
	r->account->edges += (double)t.count;
	r->account->rules += (double)t.policy->rule_count;
	end_trial(&t);
}
