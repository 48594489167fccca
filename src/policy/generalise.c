/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A list of nine out of ten front ends may mean all of them, or just those nine: the ledger cannot
 * tell. So a rule is never widened; who reads it is told that it could be, and at what price.
 */
#include "generalise.h"

#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "map.h"

#define LEAST_SOURCES 5
#define MOST_SHOWN 8 /* of whom else it would let in */

struct member {
	size_t workload;
	bool whole; /* all its instances have the label */
};

/* The workloads that have a label, in order. */
struct group {
	char *key, *value;
	struct member *members;
	size_t count, capacity;
};

/* A workload's groups. */
struct groups {
	struct group **items;
	size_t count, capacity;
};

struct offer {
	struct bh_draft *draft;
	const struct group *group;
	size_t extra; /* combinations that are not allowed now */
};

struct generalising {
	const struct bh_policy *policy;
	const struct bh_propose_input *input;
	struct bh_map *by_label; /* → struct group */
	struct groups *of;	 /* by the policy's workloads */
	size_t workload;	 /* whose labels are being told */
};

/* --- groups ----------------------------------------------------------------------------------- */

static void free_group(void *value)
{
	struct group *g = value;

	free(g->key);
	free(g->value);
	free(g->members);
	free(g);
}

static struct group *make_group(struct bh_map *by_label, const char *key, const char *value)
{
	struct bh_buffer text = { 0 };

	bh_buffer_append(&text, key, strlen(key) + 1);
	bh_buffer_puts(&text, value);
	struct group *g = bh_map_get(by_label, text.data, text.length);
	if (g == NULL) {
		g = bh_calloc(1, sizeof(*g));
		g->key = bh_strdup(key);
		g->value = bh_strdup(value);
		bh_map_put(by_label, text.data, text.length, g);
	}
	bh_buffer_free(&text);
	return g;
}

static void add_member(void *to, const char *key, const char *value, bool whole)
{
	struct generalising *all = to;
	struct group *g = make_group(all->by_label, key, value);
	struct groups *own = &all->of[all->workload];

	g->members = bh_grow(g->members, &g->capacity, g->count + 1, sizeof(*g->members));
	g->members[g->count++] = (struct member) { all->workload, whole };
	own->items = bh_grow(own->items, &own->capacity, own->count + 1, sizeof(struct group *));
	own->items[own->count++] = g;
}

static void make_groups(struct generalising *all)
{
	all->of = bh_calloc(all->policy->workload_count, sizeof(*all->of));
	for (all->workload = 0; all->workload < all->policy->workload_count; all->workload++)
		all->input->groups(all->input->user, all->policy->workloads[all->workload].name,
				   add_member, all);
}

static void free_groups(struct generalising *all)
{
	for (size_t i = 0; i < all->policy->workload_count; i++)
		free(all->of[i].items);
	free(all->of);
	bh_map_free(all->by_label);
}

/* --- what fits -------------------------------------------------------------------------------- */

/* Whether all of them are members, as wholes. Both are in order. */
static bool has_all(const struct group *g, const struct bh_set *sources)
{
	size_t at = 0;

	for (size_t i = 0; i < sources->count; i++) {
		size_t workload = bh_source_of(&sources->accesses[i])->workload;

		while (at < g->count && g->members[at].workload < workload)
			at++;
		if (at == g->count || g->members[at].workload != workload || !g->members[at].whole)
			return false;
	}
	return true;
}

/* The method asks for |S| − 1 ≥ 3 (|G| − |S|), too; that follows for five and more. */
static bool is_near(const struct group *g, const struct bh_set *sources)
{
	return 5 * sources->count >= 4 * g->count && has_all(g, sources);
}

static bool is_better(const struct group *a, const struct group *b)
{
	if (a->count != b->count)
		return a->count < b->count;
	int order = strcmp(a->key, b->key);
	return order != 0 ? order < 0 : strcmp(a->value, b->value) < 0;
}

static const struct group *find_group(const struct generalising *all, const struct bh_set *sources)
{
	const struct groups *candidates = &all->of[bh_source_of(sources->accesses)->workload];
	const struct group *best = NULL;

	for (size_t i = 0; i < candidates->count; i++)
		if (is_near(candidates->items[i], sources) &&
		    (best == NULL || is_better(candidates->items[i], best)))
			best = candidates->items[i];
	return best;
}

static bool is_sensitive(const struct generalising *all, const struct bh_column *c)
{
	for (size_t i = 0; all->input->sensitive != NULL && i < c->count; i++) {
		const struct bh_policy_port *port = bh_port_of(&c->sets[i]);

		if (all->input->sensitive(all->input->user, port->proto, port->first))
			return true;
	}
	return false;
}

static bool may_be_widened(const struct generalising *all, const struct bh_draft *d)
{
	const struct bh_set *sources = d->columns->sets;

	return bh_source_of(sources->accesses)->kind == BH_POLICY_WORKLOAD &&
	       sources->count >= LEAST_SOURCES && !is_sensitive(all, d->columns);
}

/* --- offers ----------------------------------------------------------------------------------- */

/* Of whom else it would let in. */
static void put_others(struct bh_buffer *out, const struct generalising *all, const struct offer *o)
{
	const struct bh_set *sources = o->draft->columns->sets;
	size_t others = 0, at = 0;

	for (size_t i = 0; i < o->group->count; i++) {
		size_t workload = o->group->members[i].workload;

		if (at < sources->count &&
		    bh_source_of(&sources->accesses[at])->workload == workload) {
			at++;
			continue;
		}
		if (others++ < MOST_SHOWN)
			bh_buffer_printf(out, "%s%s", others > 1 ? ", " : "",
					 all->policy->workloads[workload].name);
	}
	if (others > MOST_SHOWN)
		bh_buffer_printf(out, " and %zu more", others - MOST_SHOWN);
}

static void put_offer(const struct generalising *all, const struct offer *o)
{
	struct bh_buffer *out = &o->draft->comment;

	bh_buffer_printf(out,
			 "\nProposed, not applied: a workload entry {%s: %s} in place of these "
			 "%zu. ",
			 o->group->key, o->group->value, o->draft->columns->sets->count);
	if (o->extra == 0) {
		bh_buffer_puts(out, "It would let in nobody else today, and whoever gets that "
				    "label.");
		return;
	}
	bh_buffer_puts(out, "It would also let in ");
	put_others(out, all, o);
	bh_buffer_printf(out, ", %zu combination%s more, and whoever gets that label.", o->extra,
			 o->extra == 1 ? "" : "s");
}

/* Those of the same price in order of their rules. */
static int compare_offers(const void *a, const void *b)
{
	const struct offer *x = a, *y = b;

	if (x->extra != y->extra)
		return x->extra < y->extra ? -1 : 1;
	return (x->draft > y->draft) - (x->draft < y->draft);
}

static struct offer *make_offers(const struct generalising *all, struct bh_drafts *drafts,
				 size_t *count)
{
	struct offer *offers = bh_calloc(drafts->count, sizeof(*offers));

	*count = 0;
	for (size_t i = 0; i < drafts->count; i++) {
		struct bh_draft *d = &drafts->drafts[i];
		const struct bh_set *sources = d->columns->sets;
		const struct group *g = may_be_widened(all, d) ? find_group(all, sources) : NULL;

		if (g != NULL)
			offers[(*count)++] = (struct offer) {
				d, g, (g->count - sources->count) * d->count * d->columns->count
			};
	}
	if (*count > 0)
		qsort(offers, *count, sizeof(*offers), compare_offers);
	return offers;
}

void bh_generalise(struct bh_drafts *drafts, const struct bh_policy *policy,
		   const struct bh_propose_input *input)
{
	struct generalising all = { .policy = policy, .input = input };
	size_t count, extra = 0;

	if (input->groups == NULL)
		return;
	all.by_label = bh_map_new(free_group);
	make_groups(&all);
	struct offer *offers = make_offers(&all, drafts, &count);
	for (size_t i = 0; i < count; i++) {
		extra += offers[i].extra;
		if (extra * 50 > drafts->access_count)
			break;
		put_offer(&all, &offers[i]);
	}
	free(offers);
	free_groups(&all);
}
