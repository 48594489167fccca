/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A container that starts or goes changes its own bindings and one permission of each of its peers.
 * Those peers' chains stay as they are, and of their permissions only what is not the same on both
 * sides counts, where it goes into the sets that every workload has.
 *
 * What is left out must have no say in what is kept: who is first with a key keeps its element, and
 * a chain stands as long as anybody needs it. So besides what differs, both sides get everything
 * that shares an address, an interface or a workload with it. What is there on both sides although
 * it is the same costs time and changes nothing.
 *
 * Things are compared byte by byte: bytes between fields that happen to differ cost time, too.
 */
#include "reduce.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "map.h"
#include "ruleset.h"

#define NONE SIZE_MAX
#define WINDOW 64	       /* so many that were put in or taken out in one place are seen */
#define COMPARISONS (1u << 18) /* of the permissions of one chain: beyond, it is taken whole */

enum level { OUT, ELEMENTS, PORTS, WHOLE }; /* as bh_desired_scope counts them */

/* One of the two rulesets, and what of it is taken. */
struct half {
	const struct bh_ruleset *rules;
	size_t *chain_pairs; /* index in the other half, or NONE */
	size_t *binding_pairs;
	size_t *port_pairs;
	uint8_t *levels; /* enum level, of each chain */
	bool *bindings;
	bool *ports;
};

struct reduction {
	struct half halves[2];
	struct bh_map *addrs; /* of what differs; the values say nothing */
	struct bh_map *ifnames;
	struct bh_map *workloads;  /* whose chains differ in more than elements */
	struct bh_map *with_ports; /* whose ports differ */
};

/* --- pairs ------------------------------------------------------------------------------------ */

struct list {
	const char *items;
	size_t count;
	size_t stride;
};

typedef bool same_fn(const void *a, const void *b);

static const void *item(const struct list *list, size_t i)
{
	return list->items + i * list->stride;
}

/* Steps over what only one of the lists has at this place; where the next lines are strangers to
 * each other, over one of each. */
static void find_again(const struct list *a, const struct list *b, same_fn *same, size_t *i,
		       size_t *j)
{
	for (size_t k = 1; k <= WINDOW; k++) {
		if (*i + k < a->count && same(item(a, *i + k), item(b, *j))) {
			*i += k;
			return;
		}
		if (*j + k < b->count && same(item(a, *i), item(b, *j + k))) {
			*j += k;
			return;
		}
	}
	++*i;
	++*j;
}

static void pair_up(const struct list *a, const struct list *b, same_fn *same, size_t **of_a,
		    size_t **of_b)
{
	*of_a = bh_calloc(a->count, sizeof(size_t));
	*of_b = bh_calloc(b->count, sizeof(size_t));
	memset(*of_a, 0xff, a->count * sizeof(size_t));
	memset(*of_b, 0xff, b->count * sizeof(size_t));
	for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
		if (!same(item(a, i), item(b, j))) {
			find_again(a, b, same, &i, &j);
			continue;
		}
		(*of_a)[i] = j;
		(*of_b)[j] = i;
		i++;
		j++;
	}
}

static bool same_chain(const void *a, const void *b)
{
	const struct bh_chain *x = a, *y = b;

	return x->side == y->side && memcmp(x->hash, y->hash, sizeof(x->hash)) == 0;
}

static bool same_place(const void *a, const void *b)
{
	const struct bh_binding *x = a, *y = b;

	return memcmp(&x->addr, &y->addr, sizeof(x->addr)) == 0 &&
	       strncmp(x->l3_ifname, y->l3_ifname, BH_IFNAME) == 0;
}

static bool same_ifname(const void *a, const void *b)
{
	const struct bh_port *x = a, *y = b;

	return strncmp(x->ifname, y->ifname, BH_IFNAME) == 0;
}

#define LIST(rules, what, number)                                                                  \
	{                                                                                          \
		(const char *)(rules)->what, (rules)->number, sizeof(*(rules)->what)               \
	}

static void pair_all(struct half *a, struct half *b)
{
	const struct list chains[] = { LIST(a->rules, chains, chain_count),
				       LIST(b->rules, chains, chain_count) };
	const struct list bindings[] = { LIST(a->rules, bindings, binding_count),
					 LIST(b->rules, bindings, binding_count) };
	const struct list ports[] = { LIST(a->rules, ports, port_count),
				      LIST(b->rules, ports, port_count) };

	pair_up(&chains[0], &chains[1], same_chain, &a->chain_pairs, &b->chain_pairs);
	pair_up(&bindings[0], &bindings[1], same_place, &a->binding_pairs, &b->binding_pairs);
	pair_up(&ports[0], &ports[1], same_ifname, &a->port_pairs, &b->port_pairs);
}

/* --- what differs ----------------------------------------------------------------------------- */

static bool same_items(const struct bh_permit *a, const struct bh_permit *b, size_t count)
{
	return count == 0 || memcmp(a, b, count * sizeof(*a)) == 0;
}

static bool same_permits(const struct bh_chain *a, const struct bh_chain *b)
{
	return a->permit_count == b->permit_count &&
	       same_items(a->permits, b->permits, a->permit_count);
}

static bool same_head(const struct bh_chain *a, const struct bh_chain *b)
{
	return strcmp(a->workload, b->workload) == 0 && a->mode == b->mode && a->deny == b->deny &&
	       memcmp(a->open, b->open, sizeof(a->open)) == 0;
}

/* By whichever rule: an element of the kernel's knows none, and goes with the last of them. */
static bool has_permit(const struct bh_chain *chain, const struct bh_permit *permit)
{
	for (size_t i = 0; i < chain->permit_count; i++)
		if (memcmp(&chain->permits[i], permit, offsetof(struct bh_permit, rule)) == 0)
			return true;
	return false;
}

/* How many both begin with, of `least`. By halves: whole blocks are compared faster. */
static size_t common_head(const struct bh_permit *a, const struct bh_permit *b, size_t least)
{
	size_t sure = 0;

	while (sure < least) {
		size_t half = (least - sure + 1) / 2;

		if (same_items(a + sure, b + sure, half))
			sure += half;
		else
			least = sure + half - 1;
	}
	return sure;
}

static size_t common_tail(const struct bh_permit *a_end, const struct bh_permit *b_end,
			  size_t least)
{
	size_t sure = 0;

	while (sure < least) {
		size_t half = (least - sure + 1) / 2, both = sure + half;

		if (same_items(a_end - both, b_end - both, half))
			sure = both;
		else
			least = both - 1;
	}
	return sure;
}

/* The first and the last of a's permissions, from `first` up to `end`, that may be others than b's:
 * what both begin and end with is left out. */
static void trim(const struct bh_chain *a, const struct bh_chain *b, size_t *first, size_t *end)
{
	size_t least = a->permit_count < b->permit_count ? a->permit_count : b->permit_count;

	*first = 0;
	*end = a->permit_count;
	if (least == 0)
		return;
	*first = common_head(a->permits, b->permits, least);
	*end = a->permit_count - common_tail(a->permits + a->permit_count,
					     b->permits + b->permit_count, least - *first);
}

/* Whether all that a has and b has not goes into sets that every workload has. */
static bool adds_elements_only(const struct bh_chain *a, const struct bh_chain *b)
{
	size_t first, end;

	trim(a, b, &first, &end);
	if ((end - first) * b->permit_count > COMPARISONS)
		return false;
	for (; first < end; first++)
		if (!bh_permit_is_common(&a->permits[first]) && !has_permit(b, &a->permits[first]))
			return false;
	return true;
}

static void raise_level(struct reduction *r, size_t half, size_t chain, uint8_t level)
{
	struct half *one = &r->halves[half], *other = &r->halves[!half];
	size_t pair = one->chain_pairs[chain];

	if (one->levels[chain] < level)
		one->levels[chain] = level;
	if (pair != NONE && other->levels[pair] < level)
		other->levels[pair] = level;
}

static void compare_chains(struct reduction *r, size_t half)
{
	const struct half *one = &r->halves[half], *other = &r->halves[!half];

	for (size_t i = 0; i < one->rules->chain_count; i++) {
		const struct bh_chain *chain = &one->rules->chains[i], *pair;

		pair = one->chain_pairs[i] == NONE ? NULL
						   : &other->rules->chains[one->chain_pairs[i]];
		if (pair != NULL && same_head(chain, pair) && same_permits(chain, pair))
			continue;
		if (pair != NULL && same_head(chain, pair) && adds_elements_only(chain, pair))
			raise_level(r, half, i, ELEMENTS);
		else
			bh_map_put_text(r->workloads, chain->workload, r);
	}
}

static void note_addr(struct reduction *r, const struct bh_addr *addr)
{
	bh_map_put(r->addrs, addr, sizeof(*addr), r);
}

static void compare_bindings(struct reduction *r, size_t half)
{
	const struct half *one = &r->halves[half], *other = &r->halves[!half];

	for (size_t i = 0; i < one->rules->binding_count; i++) {
		const struct bh_binding *b = &one->rules->bindings[i], *pair;

		pair = one->binding_pairs[i] == NONE
			       ? NULL
			       : &other->rules->bindings[one->binding_pairs[i]];
		if (pair == NULL || one->chain_pairs[b->egress] != pair->egress ||
		    one->chain_pairs[b->ingress] != pair->ingress)
			note_addr(r, &b->addr);
	}
}

static bool same_port(const struct bh_port *a, const struct bh_port *b)
{
	return a->bridged == b->bridged && a->mode == b->mode &&
	       strcmp(a->workload, b->workload) == 0 &&
	       memcmp(&a->mac, &b->mac, sizeof(a->mac)) == 0 && a->addr_count == b->addr_count &&
	       (a->addr_count == 0 ||
		memcmp(a->addrs, b->addrs, a->addr_count * sizeof(*a->addrs)) == 0);
}

static void compare_ports(struct reduction *r, size_t half)
{
	const struct half *one = &r->halves[half], *other = &r->halves[!half];

	for (size_t i = 0; i < one->rules->port_count; i++) {
		const struct bh_port *port = &one->rules->ports[i];

		if (one->port_pairs[i] != NONE &&
		    same_port(port, &other->rules->ports[one->port_pairs[i]]))
			continue;
		bh_map_put_text(r->ifnames, port->ifname, r);
		bh_map_put_text(r->with_ports, port->workload, r);
		for (size_t j = 0; j < port->addr_count; j++)
			note_addr(r, &port->addrs[j]);
	}
}

/* Postures are the fewest: all of them, or none. */
static void compare_postures(struct reduction *r)
{
	const struct bh_ruleset *a = r->halves[0].rules, *b = r->halves[1].rules;

	if (a->posture_count == b->posture_count &&
	    (a->posture_count == 0 ||
	     memcmp(a->postures, b->postures, a->posture_count * sizeof(*a->postures)) == 0))
		return;
	for (size_t half = 0; half < 2; half++)
		for (size_t i = 0; i < r->halves[half].rules->posture_count; i++)
			note_addr(r, &r->halves[half].rules->postures[i].addr);
}

/* --- what goes with it ------------------------------------------------------------------------ */

static bool has_noted_addr(const struct reduction *r, const struct bh_port *port)
{
	for (size_t i = 0; i < port->addr_count; i++)
		if (bh_map_get(r->addrs, &port->addrs[i], sizeof(port->addrs[i])) != NULL)
			return true;
	return false;
}

static uint8_t level_of_workload(const struct reduction *r, const char *workload)
{
	if (bh_map_get_text(r->workloads, workload) != NULL)
		return WHOLE;
	return bh_map_get_text(r->with_ports, workload) != NULL ? PORTS : OUT;
}

static void take(struct reduction *r, size_t half)
{
	struct half *one = &r->halves[half];
	const struct bh_ruleset *rules = one->rules;

	for (size_t i = 0; i < rules->port_count; i++)
		one->ports[i] = bh_map_get_text(r->ifnames, rules->ports[i].ifname) != NULL ||
				level_of_workload(r, rules->ports[i].workload) >= PORTS ||
				has_noted_addr(r, &rules->ports[i]);
	for (size_t i = 0; i < rules->chain_count; i++)
		raise_level(r, half, i, level_of_workload(r, rules->chains[i].workload));
	for (size_t i = 0; i < rules->binding_count; i++) {
		const struct bh_binding *b = &rules->bindings[i];

		one->bindings[i] = bh_map_get(r->addrs, &b->addr, sizeof(b->addr)) != NULL;
		if (!one->bindings[i])
			continue;
		raise_level(r, half, b->egress, ELEMENTS);
		raise_level(r, half, b->ingress, ELEMENTS);
	}
}

/* --- the smaller ruleset ---------------------------------------------------------------------- */

static void copy_permits(struct bh_chain *to, const struct bh_permit *permits, size_t count)
{
	to->permits = bh_grow(to->permits, &to->permit_capacity, count, sizeof(*permits));
	if (count > 0)
		memcpy(to->permits, permits, count * sizeof(*permits));
	to->permit_count = count;
}

static void copy_other_permits(struct bh_chain *to, const struct bh_chain *chain,
			       const struct bh_chain *pair)
{
	size_t first, end;

	trim(chain, pair, &first, &end);
	for (; first < end; first++)
		if (!has_permit(pair, &chain->permits[first]))
			*bh_chain_add_permit(to) = chain->permits[first];
}

static void copy_chain(struct bh_ruleset *to, const struct reduction *r, size_t half, size_t i)
{
	const struct half *one = &r->halves[half];
	const struct bh_chain *from = &one->rules->chains[i];
	struct bh_chain *chain = bh_ruleset_add_chain(to);

	*chain = *from;
	chain->permits = NULL;
	chain->permit_count = chain->permit_capacity = 0;
	if (one->levels[i] == WHOLE)
		copy_permits(chain, from->permits, from->permit_count);
	else
		copy_other_permits(chain, from,
				   &r->halves[!half].rules->chains[one->chain_pairs[i]]);
}

static void copy_port(struct bh_ruleset *to, const struct bh_port *from)
{
	struct bh_port *port = bh_ruleset_add_port(to, from->addr_count);
	struct bh_addr *addrs = port->addrs;

	*port = *from;
	port->addrs = addrs;
	if (from->addr_count > 0)
		memcpy(addrs, from->addrs, from->addr_count * sizeof(*addrs));
}

static void copy_shared(struct bh_ruleset *to, const struct bh_ruleset *from,
			const struct reduction *r)
{
	memcpy(to->revision, from->revision, sizeof(to->revision));
	to->posture = from->posture;
	to->sensitive = from->sensitive;
	for (size_t i = 0; i < from->bridge_count; i++)
		*bh_ruleset_add_bridge(to) = from->bridges[i];
	for (size_t i = 0; i < from->posture_count; i++)
		if (bh_map_get(r->addrs, &from->postures[i].addr, sizeof(struct bh_addr)) != NULL)
			*bh_ruleset_add_posture(to) = from->postures[i];
}

static struct bh_ruleset *build(const struct reduction *r, size_t half,
				struct bh_desired_scope *scope)
{
	const struct half *one = &r->halves[half];
	const struct bh_ruleset *from = one->rules;
	struct bh_ruleset *to = bh_ruleset_new();
	uint32_t *place = bh_calloc(from->chain_count, sizeof(*place));

	copy_shared(to, from, r);
	for (uint8_t level = WHOLE; level > OUT; level--) {
		for (size_t i = 0; i < from->chain_count; i++) {
			if (one->levels[i] != level)
				continue;
			place[i] = (uint32_t)to->chain_count;
			copy_chain(to, r, half, i);
		}
		if (level == WHOLE)
			scope->whole = to->chain_count;
		if (level == PORTS)
			scope->ports = to->chain_count;
	}
	for (size_t i = 0; i < from->binding_count; i++) {
		if (!one->bindings[i])
			continue;
		struct bh_binding *binding = bh_ruleset_add_binding(to);
		*binding = from->bindings[i];
		binding->egress = place[binding->egress];
		binding->ingress = place[binding->ingress];
	}
	for (size_t i = 0; i < from->port_count; i++)
		if (one->ports[i])
			copy_port(to, &from->ports[i]);
	free(place);
	return to;
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* As far as it is relied on here, before anything has been checked: rules come from another
 * process. */
static bool makes_sense(const struct bh_ruleset *rules)
{
	for (size_t i = 0; i < rules->chain_count; i++)
		if (!ends(rules->chains[i].workload, sizeof(rules->chains[i].workload)))
			return false;
	for (size_t i = 0; i < rules->port_count; i++)
		if (!ends(rules->ports[i].workload, sizeof(rules->ports[i].workload)) ||
		    !ends(rules->ports[i].ifname, sizeof(rules->ports[i].ifname)))
			return false;
	for (size_t i = 0; i < rules->binding_count; i++)
		if (rules->bindings[i].egress >= rules->chain_count ||
		    rules->bindings[i].ingress >= rules->chain_count)
			return false;
	return rules->chain_count > 0;
}

/* What is judged on bridges, by who else is a member there, is not taken apart. */
static bool is_comparable(const struct bh_ruleset *a, const struct bh_ruleset *b)
{
	return makes_sense(a) && makes_sense(b) && !a->stateless && !b->stateless &&
	       a->posture == b->posture && a->sensitive.count == b->sensitive.count &&
	       memcmp(a->sensitive.ports, b->sensitive.ports, sizeof(a->sensitive.ports)) == 0 &&
	       (a->posture_count > 0) == (b->posture_count > 0) &&
	       bh_desired_is_routed(a) == bh_desired_is_routed(b) &&
	       bh_desired_is_urgent(a) == bh_desired_is_urgent(b);
}

static void start_half(struct half *half, const struct bh_ruleset *rules)
{
	half->rules = rules;
	half->levels = bh_calloc(rules->chain_count, 1);
	half->bindings = bh_calloc(rules->binding_count, sizeof(bool));
	half->ports = bh_calloc(rules->port_count, sizeof(bool));
}

static void free_half(struct half *half)
{
	free(half->chain_pairs);
	free(half->binding_pairs);
	free(half->port_pairs);
	free(half->levels);
	free(half->bindings);
	free(half->ports);
}

bool bh_reduce(const struct bh_ruleset *old, const struct bh_ruleset *new,
	       struct bh_reduced *reduced)
{
	struct reduction r = { 0 };

	if (!is_comparable(old, new))
		return false;
	r.addrs = bh_map_new(NULL);
	r.ifnames = bh_map_new(NULL);
	r.workloads = bh_map_new(NULL);
	r.with_ports = bh_map_new(NULL);
	start_half(&r.halves[0], old);
	start_half(&r.halves[1], new);
	pair_all(&r.halves[0], &r.halves[1]);
	for (size_t half = 0; half < 2; half++) {
		compare_chains(&r, half);
		compare_bindings(&r, half);
		compare_ports(&r, half);
	}
	compare_postures(&r);
	for (size_t half = 0; half < 2; half++)
		take(&r, half);
	*reduced = (struct bh_reduced) { 0 };
	reduced->old_scope.routed = reduced->new_scope.routed = bh_desired_is_routed(old);
	reduced->old = build(&r, 0, &reduced->old_scope);
	reduced->new = build(&r, 1, &reduced->new_scope);
	for (size_t half = 0; half < 2; half++)
		free_half(&r.halves[half]);
	bh_map_free(r.addrs);
	bh_map_free(r.ifnames);
	bh_map_free(r.workloads);
	bh_map_free(r.with_ports);
	return true;
}

void bh_reduced_free(struct bh_reduced *reduced)
{
	bh_ruleset_free(reduced->old);
	bh_ruleset_free(reduced->new);
	*reduced = (struct bh_reduced) { 0 };
}
