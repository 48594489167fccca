/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A proposal says what was seen and no more. Edges become (from, to, port) in the policy's own
 * terms first; then those that say the same are put together, and each port brings the evidence for
 * it, so that one port seen once does not hide behind another seen daily. What nobody can vouch for
 * – an end that no one owns up to, an address that does not parse – is left out rather than
 * widened.
 */
#include "propose.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "buffer.h"
#include "grow.h"
#include "port.h"
#include "protocol.h"
#include "timefmt.h"

/* An edge in the policy's terms. */
struct item {
	struct bh_policy_peer from;
	struct bh_policy_peer to;
	struct bh_policy_port port;
	const struct bh_edge *edge;
};

struct proposal {
	struct bh_policy *policy;
	const struct bh_propose_input *input;
	struct item *items;
	size_t count;
};

/* --- workloads -------------------------------------------------------------------------------- */

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

/* A port that is none stands for something that was not seen whole. */
static bool has_port(const struct bh_edge *e)
{
	return e->port != 0 || !bh_protocol_has_ports(e->proto);
}

static bool is_vouched_for(const struct bh_peer *peer)
{
	struct bh_addr addr;

	return peer->kind != BH_PEER_UNRESOLVED && peer->kind != BH_PEER_DEPARTED &&
	       peer->kind != BH_PEER_MASKED &&
	       (peer->kind != BH_PEER_ADDRESS || bh_addr_parse(peer->name, &addr));
}

static bool is_proposed(const struct bh_edge *e)
{
	return e->answered > 0 && has_port(e) && is_vouched_for(e->src) && is_vouched_for(e->dst) &&
	       (e->src->kind == BH_PEER_WORKLOAD || e->dst->kind == BH_PEER_WORKLOAD);
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

		if (is_proposed(e) && e->src->kind == BH_PEER_WORKLOAD)
			names[count++] = e->src->name;
		if (is_proposed(e) && e->dst->kind == BH_PEER_WORKLOAD)
			names[count++] = e->dst->name;
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

/* --- items ------------------------------------------------------------------------------------ */

static int compare_name_to_workload(const void *name, const void *workload)
{
	return strcmp(name, ((const struct bh_policy_workload *)workload)->name);
}

static size_t find_workload(const struct bh_policy *policy, const char *name)
{
	const struct bh_policy_workload *found =
		bsearch(name, policy->workloads, policy->workload_count, sizeof(*policy->workloads),
			compare_name_to_workload);

	return (size_t)(found - policy->workloads);
}

static struct bh_policy_peer peer_of(const struct bh_policy *policy, const struct bh_peer *peer,
				     bool source)
{
	struct bh_policy_peer out = { .kind = BH_POLICY_WORLD };
	struct bh_addr addr;

	switch (peer->kind) {
	case BH_PEER_WORKLOAD:
		out.kind = BH_POLICY_WORKLOAD;
		out.workload = find_workload(policy, peer->name);
		break;
	case BH_PEER_HOST:
		out.kind = BH_POLICY_HOST;
		break;
	case BH_PEER_METADATA:
		out.kind = BH_POLICY_METADATA;
		break;
	case BH_PEER_MULTICAST:
		out.kind = BH_POLICY_MULTICAST;
		break;
	case BH_PEER_ADDRESS:
		/* A client from outside is the world; a server there is itself alone. */
		if (source || !bh_addr_parse(peer->name, &addr))
			break;
		out.kind = BH_POLICY_PREFIX;
		out.prefix = bh_prefix_of(&addr, 128);
		break;
	}
	return out;
}

static struct item item_of(const struct bh_policy *policy, const struct bh_edge *e)
{
	uint16_t number = bh_policy_port_number(e->proto, e->port);

	return (struct item) { .from = peer_of(policy, e->src, true),
			       .to = peer_of(policy, e->dst, false),
			       .port = { e->proto, number, number },
			       .edge = e };
}

static int compare_peers(const struct bh_policy_peer *a, const struct bh_policy_peer *b)
{
	if (a->kind != b->kind)
		return a->kind - b->kind;
	if (a->kind == BH_POLICY_WORKLOAD)
		return (a->workload > b->workload) - (a->workload < b->workload);
	return bh_addr_compare(&a->prefix.addr, &b->prefix.addr);
}

static int compare_pairs(const struct item *a, const struct item *b)
{
	int order = compare_peers(&a->from, &b->from);

	return order != 0 ? order : compare_peers(&a->to, &b->to);
}

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = compare_pairs(x, y);

	if (order == 0)
		order = x->port.proto - y->port.proto;
	return order != 0 ? order : x->port.first - y->port.first;
}

static void make_items(struct proposal *p)
{
	const struct bh_propose_input *in = p->input;

	p->items = bh_calloc(in->edge_count, sizeof(*p->items));
	for (size_t i = 0; i < in->edge_count; i++)
		if (is_proposed(&in->edges[i]))
			p->items[p->count++] = item_of(p->policy, &in->edges[i]);
	qsort(p->items, p->count, sizeof(*p->items), compare_items);
}

/* --- evidence --------------------------------------------------------------------------------- */

/* Of all edges behind one port of one rule. */
struct evidence {
	uint64_t connections, answered, bytes, replicas;
	uint32_t windows;
	int64_t first, last;
	bool lossy;
};

static void add_evidence(struct evidence *v, const struct bh_edge *e)
{
	bool fresh = v->connections == 0;

	v->connections += e->connections;
	v->answered += e->answered;
	if (e->bytes == BH_BYTES_UNKNOWN || v->bytes == BH_BYTES_UNKNOWN)
		v->bytes = BH_BYTES_UNKNOWN;
	else
		v->bytes += e->bytes;
	v->replicas |= e->replicas;
	v->windows = e->windows > v->windows ? e->windows : v->windows;
	v->first = fresh || e->first < v->first ? e->first : v->first;
	v->last = fresh || e->last > v->last ? e->last : v->last;
	v->lossy = v->lossy || e->lossy;
}

static void put_count(struct bh_buffer *out, uint64_t count, const char *noun)
{
	bh_buffer_printf(out, "%" PRIu64 " %s%s, ", count, noun, count == 1 ? "" : "s");
}

static void put_bytes(struct bh_buffer *out, uint64_t bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	size_t unit = 0;

	if (bytes == BH_BYTES_UNKNOWN) {
		bh_buffer_puts(out, "bytes not counted");
		return;
	}
	if (bytes < 1000) {
		bh_buffer_printf(out, "%" PRIu64 " B", bytes);
		return;
	}
	for (value /= 1000; value >= 999.95; value /= 1000)
		unit++;
	bh_buffer_printf(out, "%.1f %s", value, units[unit]);
}

static void put_evidence(struct bh_buffer *out, const struct evidence *v)
{
	char first[BH_TIME_TEXT], last[BH_TIME_TEXT];

	put_count(out, v->connections, "connection");
	if (v->answered == v->connections)
		bh_buffer_puts(out, "all answered, ");
	else
		bh_buffer_printf(out, "%" PRIu64 " answered, ", v->answered);
	if (v->replicas != 0)
		put_count(out, (uint64_t)__builtin_popcountll(v->replicas), "replica");
	put_count(out, v->windows, "window");
	bh_buffer_printf(out, "first %s, last %s, ", bh_time_format(v->first, first),
			 bh_time_format(v->last, last));
	put_bytes(out, v->bytes);
	if (v->lossy)
		bh_buffer_puts(out, "; packets were lost meanwhile: there was more");
}

/* --- rules ------------------------------------------------------------------------------------ */

/* The end of the items from `at` on that compare alike. */
static size_t end_of(const struct proposal *p, size_t at,
		     int (*compare)(const struct item *a, const struct item *b))
{
	size_t end = at;

	while (end < p->count && compare(&p->items[at], &p->items[end]) == 0)
		end++;
	return end;
}

static int compare_whole(const struct item *a, const struct item *b)
{
	return compare_items(a, b);
}

/* The evidence for one port, which is one line; several: the ports in front. */
static void put_port(struct bh_buffer *comment, const struct proposal *p, size_t at, size_t end,
		     bool several)
{
	struct evidence evidence = { 0 };
	char port[BH_POLICY_PORT_TEXT];

	for (size_t i = at; i < end; i++)
		add_evidence(&evidence, p->items[i].edge);
	if (comment->length > 0)
		bh_buffer_puts(comment, "\n");
	if (several)
		bh_buffer_printf(comment, "%s: ", bh_policy_port_format(&p->items[at].port, port));
	put_evidence(comment, &evidence);
}

static void put_list(struct bh_buffer *out, const char *before, const char *quote,
		     const struct bh_edge_names *names, enum bh_calling how)
{
	for (size_t i = 0; i < names->counts[how]; i++)
		bh_buffer_printf(out, "%s%s%s%s", i == 0 ? before : ", ", quote,
				 names->names[how][i], quote);
}

/* What the server outside was called, on a line of its own. */
static void put_names(struct bh_buffer *comment, const struct proposal *p, const struct item *item)
{
	struct bh_edge_names names = { 0 };

	if (p->input->names == NULL || item->to.kind != BH_POLICY_PREFIX)
		return;
	p->input->names(p->input->user, item->edge, &names);
	put_list(comment, "\nDNS called it: ", "", &names, BH_CALLED_BY_DNS);
	put_list(comment, "\nTLS clients claimed, and nobody checked: ", "\"", &names,
		 BH_CALLED_BY_CLAIM);
}

/* One rule for the items from `at` to `end`, which share both ends. */
static void add_rule(struct proposal *p, size_t at, size_t end)
{
	struct bh_buffer comment = { 0 };
	const struct item *items = p->items;
	bool several = end_of(p, at, compare_whole) < end;

	for (size_t i = at, next; i < end; i = next) {
		next = end_of(p, i, compare_whole);
		put_port(&comment, p, i, next, several);
	}
	put_names(&comment, p, &items[at]);
	size_t rule = bh_policy_add_rule(p->policy, &items[at].from, &items[at].to, comment.data);
	for (size_t i = at; i < end; i = end_of(p, i, compare_whole))
		bh_policy_add_port(p->policy, rule, items[i].port.proto, items[i].port.first,
				   items[i].port.last);
	bh_buffer_free(&comment);
}

struct bh_policy *bh_propose(const struct bh_propose_input *input)
{
	struct proposal p = { .policy = bh_policy_new(), .input = input };

	if (input->header != NULL)
		p.policy->header = bh_strdup(input->header);
	add_workloads(&p);
	make_items(&p);
	for (size_t at = 0, end; at < p.count; at = end) {
		end = end_of(&p, at, compare_pairs);
		add_rule(&p, at, end);
	}
	free(p.items);
	return p.policy;
}
