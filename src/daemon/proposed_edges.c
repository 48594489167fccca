/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proposed_edges.h"

#include "grow.h"
#include "protocol.h"
#include "timefmt.h"

struct collection {
	struct bh_proposed_edges *proposed;
	const struct bh_ledger *ledger;
	const struct bh_filter_config *filters;
	enum bh_ledger_list from;
};

/* An edge that was learned may have been denied, or tried in vain, as well. */
static bool is_elsewhere(const struct collection *c, const struct bh_edge *edge)
{
	struct bh_edge learned;

	return c->from != BH_EDGES && bh_ledger_find(c->ledger, BH_EDGES, edge, &learned);
}

static void collect(void *user, const struct bh_edge *edge)
{
	struct collection *c = user;
	struct bh_proposed_edges *p = c->proposed;
	struct bh_judgement judged = bh_judge(c->ledger, c->filters, c->from, edge);

	/* No rule can name its client. */
	if (edge->src->kind == BH_PEER_MASKED)
		return;
	p->provisional += judged.provisional;
	p->waiting += judged.state == BH_EDGE_REVIEW && !judged.provisional;
	if (!bh_is_allowed(&judged) || is_elsewhere(c, edge))
		return;
	p->edges = bh_grow(p->edges, &p->capacity, p->count + 1, sizeof(*p->edges));
	p->edges[p->count++] = *edge;
}

void bh_proposed_edges_collect(struct bh_proposed_edges *proposed, const struct bh_ledger *ledger,
			       const struct bh_filter_config *filters)
{
	struct collection c = { .proposed = proposed, .ledger = ledger, .filters = filters };

	for (c.from = BH_EDGES; c.from < BH_LEDGER_LISTS; c.from++)
		bh_ledger_each(ledger, c.from, collect, &c);
}

void bh_proposed_edges_describe(const struct bh_proposed_edges *p, const char *command,
				struct bh_buffer *out)
{
	char when[BH_TIME_TEXT];
	int64_t last = 0;

	for (size_t i = 0; i < p->count; i++)
		if (p->edges[i].last > last)
			last = p->edges[i].last;
	bh_buffer_printf(out, "Proposed by bulkhead %s from %zu learned edge%s", BULKHEAD_VERSION,
			 p->count, p->count == 1 ? "" : "s");
	if (p->count > 0)
		bh_buffer_printf(out, ", the latest seen %s", bh_time_format(last, when));
	bh_buffer_puts(out, ".\nWhat has not been seen yet is not in it: read it before you apply "
			    "it.");
	if (p->waiting > 0)
		bh_buffer_printf(out, "\nNot in it, for a person to decide: %zu (%s)", p->waiting,
				 command);
	if (p->provisional > 0)
		bh_buffer_printf(
			out,
			"\nSeen in one window only, and in it for the time being: %zu; that is for "
			"a person to decide once 35 windows are over",
			p->provisional);
}

/* --- masked clients --------------------------------------------------------------------------- */

struct description {
	const struct bh_edge_clients *(*clients)(const void *user, const struct bh_edge *edge);
	const void *user;
	struct bh_buffer *out;
};

static void describe_clients(struct bh_buffer *out, const struct bh_edge_clients *clients)
{
	for (size_t i = 0; clients != NULL && i < clients->count; i++)
		bh_buffer_printf(out, "%s%s",
				 i > 0 ? ", " : "\n  Just before, the proxy was called by ",
				 clients->names[i]);
	if (clients != NULL && clients->count > 0)
		bh_buffer_puts(out, ": evidence, and no proof.");
}

static void describe_masked(void *user, const struct bh_edge *edge)
{
	const struct description *d = user;
	char port[BH_PORT_TEXT], when[BH_TIME_TEXT];

	if (edge->src->kind != BH_PEER_MASKED)
		return;
	bh_buffer_printf(
		d->out,
		"\nTo be decided: somebody opened %s of %s, who is not known (%s);"
		"\n  %llu connections, the last on %s. To the rules it comes from the host:"
		"\n  'from: host, to: %s, ports: [%s]' lets it in, with whoever else comes that "
		"way."
		"\n  Without it %s cannot be enforced.",
		bh_port_format(edge->proto, edge->port, port), edge->dst->name, edge->src->name,
		(unsigned long long)edge->connections, bh_time_format(edge->last, when),
		edge->dst->name, port, edge->dst->name);
	if (d->clients != NULL)
		describe_clients(d->out, d->clients(d->user, edge));
}

void bh_proposed_edges_undecided(
	const struct bh_ledger *ledger,
	const struct bh_edge_clients *(*clients)(const void *user, const struct bh_edge *edge),
	const void *user, struct bh_buffer *out)
{
	struct description d = { clients, user, out };

	bh_ledger_each(ledger, BH_EDGES, describe_masked, &d);
}
