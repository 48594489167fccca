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
#include "map.h"
#include "peer.h"
#include "port.h"
#include "protocol.h"

struct proposal {
	struct bh_policy *policy;
	const struct bh_propose_input *input;
	struct bh_map *numbers; /* of the policy's workloads, by name → index + 1 */
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

/* Names, each once. */
struct names {
	struct bh_map *known; /* → anything */
	const char **items;
	size_t count, capacity;
};

static void add_name(struct names *n, const char *name)
{
	if (bh_map_get_text(n->known, name) != NULL)
		return;
	bh_map_put_text(n->known, name, n);
	n->items = bh_grow(n->items, &n->capacity, n->count + 1, sizeof(*n->items));
	n->items[n->count++] = name;
}

static void collect_names(struct names *n, const struct bh_propose_input *in)
{
	for (size_t i = 0; i < in->workload_count; i++)
		add_name(n, in->workloads[i]);
	for (size_t i = 0; i < in->edge_count; i++) {
		const struct bh_edge *e = &in->edges[i];

		if (is_proposed(e) && e->src->kind == BH_PEER_WORKLOAD)
			add_name(n, e->src->name);
		if (is_proposed(e) && e->dst->kind == BH_PEER_WORKLOAD)
			add_name(n, e->dst->name);
	}
}

/* Every workload once, by name: those that are there and those that edges speak of. */
static void add_workloads(struct proposal *p)
{
	const struct bh_propose_input *in = p->input;
	struct names names = { .known = bh_map_new(NULL) };

	collect_names(&names, in);
	if (names.count > 0)
		qsort(names.items, names.count, sizeof(*names.items), compare_names);
	for (size_t i = 0; i < names.count; i++) {
		struct label_target target = { p->policy,
					       bh_policy_add_workload(p->policy, names.items[i]) };

		bh_map_put_text(p->numbers, names.items[i],
				(void *)(uintptr_t)(target.workload + 1));
		in->labels(in->user, names.items[i], add_label, &target);
	}
	bh_map_free(names.known);
	free(names.items);
}

/* --- items ------------------------------------------------------------------------------------ */

static size_t find_workload(const struct proposal *p, const char *name)
{
	return (uintptr_t)bh_map_get_text(p->numbers, name) - 1;
}

struct bh_policy_peer bh_propose_peer(struct bh_policy *policy, const struct bh_peer *peer,
				      size_t workload, bool source)
{
	struct bh_policy_peer out = { .kind = BH_POLICY_WORLD };
	struct bh_addr addr;

	switch (peer->kind) {
	case BH_PEER_WORKLOAD:
		out.kind = BH_POLICY_WORKLOAD;
		out.workload = workload;
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

static struct bh_policy_peer peer_of(const struct proposal *p, const struct bh_peer *peer,
				     bool source)
{
	return bh_propose_peer(p->policy, peer, find_workload(p, peer->name), source);
}

static struct bh_item item_of(const struct proposal *p, const struct bh_edge *e)
{
	uint16_t number = bh_policy_port_number(e->proto, e->port);

	return (struct bh_item) { .from = peer_of(p, e->src, true),
				  .to = peer_of(p, e->dst, false),
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
			items[(*count)++] = item_of(p, &in->edges[i]);
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
	struct proposal p = { .policy = bh_policy_new(),
			      .input = input,
			      .numbers = bh_map_new(NULL) };

	if (input->header != NULL)
		p.policy->header = bh_strdup(input->header);
	add_workloads(&p);
	add_rules(&p);
	bh_map_free(p.numbers);
	return p.policy;
}
