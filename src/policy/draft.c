/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "draft.h"

#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "grow.h"

static int compare_peers(const struct bh_policy_peer *a, const struct bh_policy_peer *b)
{
	if (a->kind != b->kind)
		return a->kind - b->kind;
	if (a->kind == BH_POLICY_WORKLOAD)
		return (a->workload > b->workload) - (a->workload < b->workload);
	if (a->kind == BH_POLICY_DNS)
		return strcmp(a->name, b->name);
	return bh_addr_compare(&a->prefix.addr, &b->prefix.addr);
}

static int compare_ports(const struct bh_policy_port *a, const struct bh_policy_port *b)
{
	return a->proto != b->proto ? a->proto - b->proto : a->first - b->first;
}

static int compare_items(const void *a, const void *b)
{
	const struct bh_item *x = a, *y = b;
	int order = compare_peers(&x->to, &y->to);

	if (order == 0)
		order = compare_ports(&x->port, &y->port);
	return order != 0 ? order : compare_peers(&x->from, &y->from);
}

static void make_accesses(struct bh_drafts *d)
{
	d->accesses = bh_calloc(d->item_count, sizeof(*d->accesses));
	for (size_t at = 0, end; at < d->item_count; at = end) {
		for (end = at + 1; end < d->item_count; end++)
			if (compare_items(&d->items[at], &d->items[end]) != 0)
				break;
		d->accesses[d->access_count++] = (struct bh_access) { &d->items[at], end - at };
	}
}

static bool same_set(const struct bh_item *a, const struct bh_item *b)
{
	return a->from.kind == b->from.kind && compare_peers(&a->to, &b->to) == 0 &&
	       compare_ports(&a->port, &b->port) == 0;
}

static int compare_sources(const struct bh_set *a, const struct bh_set *b)
{
	int order = 0;

	for (size_t i = 0; order == 0 && i < a->count && i < b->count; i++)
		order = compare_peers(bh_source_of(&a->accesses[i]), bh_source_of(&b->accesses[i]));
	return order != 0 ? order : (a->count > b->count) - (a->count < b->count);
}

/* Those of a column side by side, its ports in order. */
static int compare_sets(const void *a, const void *b)
{
	const struct bh_set *x = a, *y = b;
	int order = compare_sources(x, y);

	if (order == 0)
		order = compare_peers(bh_destination_of(x), bh_destination_of(y));
	return order != 0 ? order : compare_ports(bh_port_of(x), bh_port_of(y));
}

static void make_sets(struct bh_drafts *d)
{
	const struct bh_access *accesses = d->accesses;

	d->sets = bh_calloc(d->access_count, sizeof(*d->sets));
	for (size_t at = 0, end; at < d->access_count; at = end) {
		for (end = at + 1; end < d->access_count; end++)
			if (!same_set(accesses[at].items, accesses[end].items))
				break;
		d->sets[d->set_count++] = (struct bh_set) { &accesses[at], end - at };
	}
	if (d->set_count > 0)
		qsort(d->sets, d->set_count, sizeof(*d->sets), compare_sets);
}

static int compare_port_lists(const struct bh_column *a, const struct bh_column *b)
{
	int order = 0;

	for (size_t i = 0; order == 0 && i < a->count && i < b->count; i++)
		order = compare_ports(bh_port_of(&a->sets[i]), bh_port_of(&b->sets[i]));
	return order != 0 ? order : (a->count > b->count) - (a->count < b->count);
}

/* Whether they may share a rule. */
static int compare_rules(const struct bh_column *a, const struct bh_column *b)
{
	int order = bh_destination_of(a->sets)->kind - bh_destination_of(b->sets)->kind;

	if (order == 0)
		order = compare_sources(a->sets, b->sets);
	return order != 0 ? order : compare_port_lists(a, b);
}

/* Those of a rule side by side, its destinations in order. */
static int compare_columns(const void *a, const void *b)
{
	const struct bh_column *x = a, *y = b;
	int order = compare_rules(x, y);

	return order != 0 ? order
			  : compare_peers(bh_destination_of(x->sets), bh_destination_of(y->sets));
}

static void make_columns(struct bh_drafts *d)
{
	const struct bh_set *sets = d->sets;

	d->columns = bh_calloc(d->set_count, sizeof(*d->columns));
	for (size_t at = 0, end; at < d->set_count; at = end) {
		for (end = at + 1; end < d->set_count; end++)
			if (compare_sources(&sets[at], &sets[end]) != 0 ||
			    compare_peers(bh_destination_of(&sets[at]),
					  bh_destination_of(&sets[end])) != 0)
				break;
		d->columns[d->column_count++] = (struct bh_column) { &sets[at], end - at };
	}
	if (d->column_count > 0)
		qsort(d->columns, d->column_count, sizeof(*d->columns), compare_columns);
}

/* By sources, as one reads it, then by destinations. */
static int compare_drafts(const void *a, const void *b)
{
	const struct bh_column *x = ((const struct bh_draft *)a)->columns,
			       *y = ((const struct bh_draft *)b)->columns;
	int order = compare_sources(x->sets, y->sets);

	if (order == 0)
		order = compare_peers(bh_destination_of(x->sets), bh_destination_of(y->sets));
	return order != 0 ? order : compare_port_lists(x, y);
}

static void make_drafts(struct bh_drafts *d)
{
	const struct bh_column *columns = d->columns;

	d->drafts = bh_calloc(d->column_count, sizeof(*d->drafts));
	for (size_t at = 0, end; at < d->column_count; at = end) {
		for (end = at + 1; end < d->column_count; end++)
			if (compare_rules(&columns[at], &columns[end]) != 0)
				break;
		d->drafts[d->count++] =
			(struct bh_draft) { .columns = &columns[at], .count = end - at };
	}
	if (d->count > 0)
		qsort(d->drafts, d->count, sizeof(*d->drafts), compare_drafts);
}

void bh_drafts_make(struct bh_drafts *d, struct bh_item *items, size_t count)
{
	*d = (struct bh_drafts) { .items = items, .item_count = count };
	if (count > 0)
		qsort(items, count, sizeof(*items), compare_items);
	make_accesses(d);
	make_sets(d);
	make_columns(d);
	make_drafts(d);
}

void bh_drafts_free(struct bh_drafts *d)
{
	for (size_t i = 0; i < d->count; i++)
		bh_buffer_free(&d->drafts[i].comment);
	free(d->items);
	free(d->accesses);
	free(d->sets);
	free(d->columns);
	free(d->drafts);
}
