/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "propose.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "buffer.h"
#include "grow.h"
#include "timefmt.h"

struct proposal {
	struct bh_policy *policy;
	const struct bh_propose_input *input;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct label_target {
	struct bh_policy *policy;
	size_t workload;
};

static void add_label(void *to, const char *key, const char *value)
{
	const struct label_target *target = to;

	bh_policy_add_label(target->policy, target->workload, key, value);
}

static bool is_proposed(const struct bh_edge *e)
{
	const uint8_t kinds[] = { e->src.kind, e->dst.kind };

	for (size_t i = 0; i < 2; i++)
		if (kinds[i] == BH_PEER_UNRESOLVED || kinds[i] == BH_PEER_DEPARTED)
			return false;
	return e->answered > 0 &&
	       (e->src.kind == BH_PEER_WORKLOAD || e->dst.kind == BH_PEER_WORKLOAD);
}

/* Every workload once, by name: those that are there and those that edges speak of. */
static void add_workloads(struct proposal *p)
{
	const struct bh_propose_input *in = p->input;
	const char **names = bh_calloc(in->workload_count + 2 * in->edge_count, sizeof(*names));
	size_t count = 0;

	for (size_t i = 0; i < in->workload_count; i++)
		names[count++] = in->workloads[i];
	for (size_t i = 0; i < in->edge_count; i++) {
		const struct bh_edge *e = &in->edges[i];

		if (is_proposed(e) && e->src.kind == BH_PEER_WORKLOAD)
			names[count++] = e->src.name;
		if (is_proposed(e) && e->dst.kind == BH_PEER_WORKLOAD)
			names[count++] = e->dst.name;
	}
	qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && strcmp(names[i - 1], names[i]) == 0)
			continue;
		struct label_target target = { p->policy,
					       bh_policy_add_workload(p->policy, names[i]) };
		in->labels(in->user, names[i], add_label, &target);
	}
	free(names);
}

static int compare_name_to_workload(const void *name, const void *workload)
{
	return strcmp(name, ((const struct bh_policy_workload *)workload)->name);
}

static struct bh_policy_peer peer_of(const struct proposal *p, const struct bh_peer *peer,
				     bool source)
{
	struct bh_policy_peer out = { 0 };
	struct bh_addr addr;

	switch (peer->kind) {
	case BH_PEER_WORKLOAD: {
		const struct bh_policy_workload *found =
			bsearch(peer->name, p->policy->workloads, p->policy->workload_count,
				sizeof(*p->policy->workloads), compare_name_to_workload);

		out.kind = BH_POLICY_WORKLOAD;
		out.workload = (size_t)(found - p->policy->workloads);
		return out;
	}
	case BH_PEER_HOST:
		out.kind = BH_POLICY_HOST;
		return out;
	case BH_PEER_METADATA:
		out.kind = BH_POLICY_METADATA;
		return out;
	case BH_PEER_MULTICAST:
		out.kind = BH_POLICY_MULTICAST;
		return out;
	case BH_PEER_ADDRESS:
		/* A client from outside is the world; a server there is itself alone. */
		if (!source && bh_addr_parse(peer->name, &addr)) {
			out.kind = BH_POLICY_PREFIX;
			out.prefix = bh_prefix_of(&addr, 128);
			return out;
		}
	}
	out.kind = BH_POLICY_WORLD;
	return out;
}

/* The evidence of all edges behind one rule. */
struct evidence {
	uint64_t connections, answered, bytes, replicas;
	uint32_t windows;
	int64_t first, last;
	bool lossy;
};

static void add_evidence(struct evidence *v, const struct bh_edge *e)
{
	v->connections += e->connections;
	v->answered += e->answered;
	v->bytes += e->bytes;
	v->replicas |= e->replicas;
	v->windows = e->windows > v->windows ? e->windows : v->windows;
	v->first = v->first == 0 || e->first < v->first ? e->first : v->first;
	v->last = e->last > v->last ? e->last : v->last;
	v->lossy = v->lossy || e->lossy;
}

static void write_evidence(const struct evidence *v, bool replicas, char *out, size_t size)
{
	char first[BH_TIME_TEXT], last[BH_TIME_TEXT], count[48] = "";

	if (replicas)
		snprintf(count, sizeof(count), ", from %d replica%s",
			 __builtin_popcountll(v->replicas),
			 __builtin_popcountll(v->replicas) == 1 ? "" : "s");
	snprintf(out, size,
		 "%" PRIu64 " connections, %" PRIu64 " answered%s, in %" PRIu32
		 " window%s, %" PRIu64 " bytes;\nfirst %s, last %s%s",
		 v->connections, v->answered, count, v->windows, v->windows == 1 ? "" : "s",
		 v->bytes, bh_time_format(v->first, first), bh_time_format(v->last, last),
		 v->lossy ? "; seen while packets were lost" : "");
}

static bool same_pair(const struct bh_edge *a, const struct bh_edge *b)
{
	return a->src.kind == b->src.kind && a->dst.kind == b->dst.kind &&
	       strcmp(a->src.name, b->src.name) == 0 && strcmp(a->dst.name, b->dst.name) == 0;
}

static void add_edge_port(struct bh_policy *policy, size_t rule, const struct bh_edge *e)
{
	uint16_t port = e->port;
	const struct bh_policy_rule *r = &policy->rules[rule];

	if (e->proto == IPPROTO_ICMP || e->proto == IPPROTO_ICMPV6)
		port = port >> 8; /* rules speak of types */
	for (size_t i = 0; i < r->port_count; i++)
		if (r->ports[i].proto == e->proto && r->ports[i].first == port)
			return;
	bh_policy_add_port(policy, rule, e->proto, port, port);
}

/* One rule for the edges from `at` on that share both ends; returns where the next ones begin. */
static size_t add_pair(struct proposal *p, const struct bh_edge *const *edges, size_t at,
		       size_t count)
{
	struct bh_policy_peer from = peer_of(p, &edges[at]->src, true);
	struct bh_policy_peer to = peer_of(p, &edges[at]->dst, false);
	struct evidence evidence = { 0 };
	char comment[512];
	size_t end = at;

	for (; end < count && same_pair(edges[at], edges[end]); end++)
		add_evidence(&evidence, edges[end]);
	write_evidence(&evidence, edges[at]->src.kind == BH_PEER_WORKLOAD, comment,
		       sizeof(comment));
	size_t rule = bh_policy_add_rule(p->policy, &from, &to, comment);
	for (size_t i = at; i < end; i++)
		add_edge_port(p->policy, rule, edges[i]);
	return end;
}

static int compare_edges(const void *a, const void *b)
{
	const struct bh_edge *x = *(const struct bh_edge *const *)a;
	const struct bh_edge *y = *(const struct bh_edge *const *)b;
	int order = strcmp(x->src.name, y->src.name);

	if (order == 0)
		order = x->src.kind - y->src.kind;
	if (order == 0)
		order = strcmp(x->dst.name, y->dst.name);
	if (order == 0)
		order = x->dst.kind - y->dst.kind;
	if (order == 0)
		order = x->proto - y->proto;
	return order != 0 ? order : x->port - y->port;
}

struct bh_policy *bh_propose(const struct bh_propose_input *input)
{
	struct proposal p = { bh_policy_new(), input };
	const struct bh_edge **edges = bh_calloc(input->edge_count, sizeof(*edges));
	size_t count = 0;

	if (input->header != NULL)
		p.policy->header = bh_strdup(input->header);
	add_workloads(&p);
	for (size_t i = 0; i < input->edge_count; i++)
		if (is_proposed(&input->edges[i]))
			edges[count++] = &input->edges[i];
	qsort(edges, count, sizeof(*edges), compare_edges);
	for (size_t at = 0; at < count;)
		at = add_pair(&p, edges, at, count);
	free(edges);
	return p.policy;
}
