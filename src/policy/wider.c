/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wider.h"

#include <libpsl.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "grow.h"
#include "peer.h"
#include "port.h"

#define LEAST_NAMES 5
#define LEAST_ADDRESSES 3
#define MOST_PER_SEEN 4
#define WIDEST 24
#define WIDEST6 56
#define NETWORK6 64 /* whose host bits anybody chooses for himself */
#define MOST_SAID 50

/* A server outside, as one workload opens a port to it. */
struct server {
	const char *workload;
	struct bh_policy_port port;
	const char *domain; /* NULL: by address */
	const char *name;
	struct bh_addr addr;
};

struct servers {
	struct server *items;
	size_t count, capacity;
};

struct telling {
	struct bh_buffer *out;
	size_t said;
};

/* --- collecting ------------------------------------------------------------------------------- */

/* Its registrable domain, where it is a name below that; else NULL. */
static const char *domain_of(const char *name)
{
	const char *domain = psl_registrable_domain(psl_builtin(), name);

	return domain != name ? domain : NULL;
}

static void add(struct servers *all, const struct bh_edge *edge)
{
	uint16_t number = bh_policy_port_number(edge->proto, edge->port);
	struct server s = { .workload = edge->src->name,
			    .port = { edge->proto, number, number },
			    .name = bh_peer_dns(edge->dst) };
	bool public = edge->dst->kind == BH_PEER_ADDRESS &&
		      bh_addr_parse(edge->dst->name, &s.addr) && !bh_addr_is_private(&s.addr);

	if (edge->answered == 0 || edge->src->kind != BH_PEER_WORKLOAD)
		return;
	if (s.name != NULL)
		s.domain = domain_of(s.name);
	if (s.domain == NULL && !public)
		return;
	all->items = bh_grow(all->items, &all->capacity, all->count + 1, sizeof(*all->items));
	all->items[all->count++] = s;
}

static int compare_texts(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

/* Who opens which port, and below which domain. */
static int compare_kinds(const struct server *x, const struct server *y)
{
	int order = strcmp(x->workload, y->workload);

	if (order == 0)
		order = compare_texts(x->domain, y->domain);
	if (order == 0)
		order = x->addr.family - y->addr.family;
	if (order == 0)
		order = x->port.proto - y->port.proto;
	return order != 0 ? order : x->port.first - y->port.first;
}

static int compare_servers(const void *a, const void *b)
{
	const struct server *x = a, *y = b;
	int order = compare_kinds(x, y);

	if (order == 0)
		order = compare_texts(x->name, y->name);
	return order != 0 ? order : bh_addr_compare(&x->addr, &y->addr);
}

/* --- telling ---------------------------------------------------------------------------------- */

/* Whether there is room for one more. */
static bool may_say(struct telling *t)
{
	return t->said++ < MOST_SAID;
}

/* Each name once: ICMP's codes are one port. */
static void look_at_names(struct telling *t, const struct server *first, size_t count)
{
	char port[BH_POLICY_PORT_TEXT];
	size_t names = 1;

	for (size_t i = 1; i < count; i++)
		names += strcmp(first[i].name, first[i - 1].name) != 0;
	if (names < LEAST_NAMES || !may_say(t))
		return;
	bh_policy_port_format(&first->port, port);
	bh_buffer_printf(t->out,
			 "\nCould be wider: %s opens %s to %zu names below %s, each by a rule."
			 "\n  'to: dns:*.%s' would stand for them, and let it open that to every "
			 "other name below %s.",
			 first->workload, port, names, first->domain, first->domain, first->domain);
}

/* How many of the servers from the first on lie in the prefix; *units: the addresses, or of IPv6
 * the networks, that these are of. */
static size_t within(const struct server *first, size_t count, const struct bh_prefix *prefix,
		     size_t *units)
{
	uint8_t unit = prefix->addr.family == BH_IPV4 ? 32 : NETWORK6;
	struct bh_prefix last = bh_prefix_of(&first->addr, unit);
	size_t found = 1;

	*units = 1;
	for (; found < count && bh_prefix_contains(prefix, &first[found].addr); found++) {
		if (bh_prefix_contains(&last, &first[found].addr))
			continue;
		last = bh_prefix_of(&first[found].addr, unit);
		(*units)++;
	}
	return found;
}

static void say_prefix(struct telling *t, const struct server *first, size_t found,
		       const struct bh_prefix *prefix)
{
	char port[BH_POLICY_PORT_TEXT], text[BH_PREFIX_TEXT];

	if (!may_say(t))
		return;
	bh_policy_port_format(&first->port, port);
	bh_prefix_format(prefix, text);
	bh_buffer_printf(t->out,
			 "\nCould be wider: %s opens %s to %zu addresses of %s, each by a rule."
			 "\n  'to: %s' would stand for them, and let it open that to ",
			 first->workload, port, found, text, text);
	if (prefix->addr.family == BH_IPV4)
		bh_buffer_printf(t->out, "%zu others.",
				 ((size_t)1 << (32 - prefix->length)) - found);
	else
		bh_buffer_puts(t->out, "every other address there.");
}

/* The widest prefix around the first that is full enough; how many servers it takes. */
static size_t look_at_address(struct telling *t, const struct server *first, size_t count)
{
	bool four = first->addr.family == BH_IPV4;
	uint8_t unit = four ? 32 : NETWORK6;

	for (uint8_t length = four ? WIDEST : WIDEST6; length <= unit; length++) {
		struct bh_prefix prefix = bh_prefix_of(&first->addr, length);
		size_t units, found = within(first, count, &prefix, &units);

		/* Of many hosts of one network that network is enough. */
		if ((length < unit ? units : found) < LEAST_ADDRESSES ||
		    (size_t)1 << (unit - length) > MOST_PER_SEEN * units)
			continue;
		say_prefix(t, first, found, &prefix);
		return found;
	}
	return 1;
}

static size_t without_repeats(struct server *all, size_t count)
{
	size_t kept = 0;

	for (size_t i = 1; i < count; i++)
		if (compare_servers(&all[kept], &all[i]) != 0)
			all[++kept] = all[i];
	return count > 0 ? kept + 1 : 0;
}

void bh_propose_wider(const struct bh_edge *edges, size_t count, struct bh_buffer *out)
{
	struct servers all = { 0 };
	struct telling t = { .out = out };

	for (size_t i = 0; i < count; i++)
		add(&all, &edges[i]);
	if (all.count > 0)
		qsort(all.items, all.count, sizeof(*all.items), compare_servers);
	all.count = without_repeats(all.items, all.count);
	for (size_t at = 0, end; at < all.count; at = end) {
		const struct server *first = &all.items[at];

		for (end = at; end < all.count && compare_kinds(first, &all.items[end]) == 0;)
			end++;
		if (first->domain != NULL)
			look_at_names(&t, first, end - at);
		else
			for (size_t i = at; i < end;)
				i += look_at_address(&t, &all.items[i], end - i);
	}
	if (t.said > MOST_SAID)
		bh_buffer_printf(out, "\nCould be wider: %zu more like these.", t.said - MOST_SAID);
	free(all.items);
}
