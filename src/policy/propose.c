/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A proposal says what was seen and no more. Edges become accesses – (from, to, port) in the
 * policy's own terms – and those are put together without a loss: the sources of each (to, port)
 * are a set; ports of a destination with the same set become one list, and destinations with the
 * same set and the same ports another. What comes of it allows each access and nothing else. The
 * evidence is told for each port or destination, and whose is the thinnest, so that what was seen
 * once does not hide behind what is seen daily. What nobody can vouch for – an end that no one owns
 * up to, an address that does not parse – is left out rather than widened.
 */
#include "propose.h"

#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "dns_name.h"
#include "draft.h"
#include "edge_id.h"
#include "evidence.h"
#include "generalise.h"
#include "grow.h"
#include "peer.h"
#include "port.h"
#include "protocol.h"

struct proposal {
	struct bh_policy *policy;
	const struct bh_propose_input *input;
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

static bool is_name(const char *text)
{
	char name[BH_DNS_NAME_ROOM];

	return text != NULL && bh_dns_name_read(text, name);
}

static bool is_vouched_for(const struct bh_peer *peer)
{
	struct bh_addr addr;

	return peer->kind != BH_PEER_UNRESOLVED && peer->kind != BH_PEER_DEPARTED &&
	       peer->kind != BH_PEER_MASKED &&
	       (peer->kind != BH_PEER_ADDRESS || bh_addr_parse(peer->name, &addr)) &&
	       (peer->kind != BH_PEER_DNS || is_name(bh_peer_dns(peer)));
}

static bool is_proposed(const struct bh_edge *e)
{
	return has_port(e) && is_vouched_for(e->src) && is_vouched_for(e->dst) &&
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

static struct bh_policy_peer peer_of(struct bh_policy *policy, const struct bh_peer *peer,
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
	case BH_PEER_DNS:
		out.kind = BH_POLICY_DNS;
		out.name = bh_policy_name(policy, bh_peer_dns(peer));
		break;
	}
	return out;
}

static struct bh_item item_of(struct bh_policy *policy, const struct bh_edge *e)
{
	uint16_t number = bh_policy_port_number(e->proto, e->port);

	return (struct bh_item) { .from = peer_of(policy, e->src, true),
				  .to = peer_of(policy, e->dst, false),
				  .port = { e->proto, number, number },
				  .edge = e };
}

static struct bh_item *make_items(const struct proposal *p, size_t *count)
{
	const struct bh_propose_input *in = p->input;
	struct bh_item *items = bh_calloc(in->edge_count, sizeof(*items));

	*count = 0;
	for (size_t i = 0; i < in->edge_count; i++)
		if (is_proposed(&in->edges[i]))
			items[(*count)++] = item_of(p->policy, &in->edges[i]);
	return items;
}

/* --- rules ------------------------------------------------------------------------------------ */

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct ids {
	uint64_t *items;
	size_t count, capacity;
};

static void collect_ids(struct ids *ids, const struct bh_set *s)
{
	const struct bh_access *last = &s->accesses[s->count - 1];

	for (const struct bh_item *i = s->accesses->items; i < last->items + last->count; i++) {
		ids->items =
			bh_grow(ids->items, &ids->capacity, ids->count + 1, sizeof(*ids->items));
		ids->items[ids->count++] = bh_edge_id(i->edge);
	}
}

static void add_edges(struct bh_policy *policy, size_t rule, const struct bh_draft *d)
{
	struct ids ids = { 0 };

	for (size_t i = 0; i < d->count; i++)
		for (size_t j = 0; j < d->columns[i].count; j++)
			collect_ids(&ids, &d->columns[i].sets[j]);
	qsort(ids.items, ids.count, sizeof(*ids.items), compare_ids);
	for (size_t i = 0; i < ids.count; i++)
		if (i == 0 || ids.items[i] != ids.items[i - 1])
			bh_policy_add_edge(policy, rule, ids.items[i]);
	free(ids.items);
}

static void add_rule(struct bh_policy *policy, const struct bh_draft *d)
{
	const struct bh_column *first = d->columns;
	const struct bh_set *sources = first->sets;
	size_t rule = bh_policy_add_rule(policy, bh_source_of(sources->accesses),
					 bh_destination_of(sources), d->comment.data);

	for (size_t i = 1; i < sources->count; i++)
		bh_policy_add_from(policy, rule, bh_source_of(&sources->accesses[i]));
	for (size_t i = 1; i < d->count; i++)
		bh_policy_add_to(policy, rule, bh_destination_of(d->columns[i].sets));
	for (size_t i = 0; i < first->count; i++) {
		const struct bh_policy_port *port = bh_port_of(&first->sets[i]);

		bh_policy_add_port(policy, rule, port->proto, port->first, port->last);
	}
	add_edges(policy, rule, d);
}

static void add_rules(struct proposal *p)
{
	struct bh_drafts drafts;
	size_t count;
	struct bh_item *items = make_items(p, &count);

	bh_drafts_make(&drafts, items, count);
	for (size_t i = 0; i < drafts.count; i++) {
		struct bh_draft *d = &drafts.drafts[i];

		bh_evidence_put(&d->comment, p->policy, p->input, d);
	}
	bh_generalise(&drafts, p->policy, p->input);
	for (size_t i = 0; i < drafts.count; i++)
		add_rule(p->policy, &drafts.drafts[i]);
	bh_drafts_free(&drafts);
}

struct bh_policy *bh_propose(const struct bh_propose_input *input)
{
	struct proposal p = { .policy = bh_policy_new(), .input = input };

	if (input->header != NULL)
		p.policy->header = bh_strdup(input->header);
	add_workloads(&p);
	add_rules(&p);
	return p.policy;
}
