/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A container that starts or goes changes its own bindings and one permission of each of its peers.
 * Those peers' chains stay as they are, and of their permissions only what is not the same on both
 * sides counts, where it goes into the sets that every workload has.
 *
 * What is left out must have no say in what is kept: who is first with a key keeps its element, and
 * a chain stands as long as anybody needs it. So besides what differs, both sides get everything
 * that shares an address, an interface or a workload with it: of a chain's permissions those of the
 * same peer, which the bridge's sets of pairs know by its address alone; with a port of a bridge
 * that bridge's posture. What is there on both sides although it is the same costs time and changes
 * nothing.
 *
 * What stands whoever the workloads are is built where it is not the same on both sides.
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
#define PEER_BITS_LOG 12
#define PEER_BITS (1u << PEER_BITS_LOG)

enum level { OUT, ELEMENTS, PORTS, WHOLE }; /* as bh_desired_scope counts them */
enum kind { CHAINS, BINDINGS, RULED_PORTS, POSTURES, MEMBERS, EXCEPTIONS, KINDS };

/* One of the two rulesets, and what of it is taken. */
struct half {
	const struct bh_ruleset *rules;
	size_t *pairs[KINDS];  /* index in the other half, or NONE */
	uint8_t *taken[KINDS]; /* of chains: enum level; of others: whether */
};

struct reduction {
	struct half halves[2];
	struct bh_map *addrs; /* of what differs; the values say nothing */
	struct bh_map *ifnames;
	struct bh_map *workloads;  /* whose chains differ in more than elements */
	struct bh_map *with_ports; /* whose ports differ */
	struct bh_map *members;	   /* ports of bridges */
	struct bh_map *posed;	   /* bridges and interfaces whose postures are taken */
	struct bh_map *excepted;   /* ends of connections that go on */
};

/* --- pairs ------------------------------------------------------------------------------------ */

typedef bool same_fn(const void *a, const void *b);

struct list {
	const char *items;
	size_t count;
	size_t stride;
	same_fn *same; /* whether two of them are a pair */
};

static const void *item(const struct list *list, size_t i)
{
	return list->items + i * list->stride;
}

/* Steps over what only one of the lists has at this place; where the next lines are strangers to
 * each other, over one of each. */
static void find_again(const struct list *a, const struct list *b, size_t *i, size_t *j)
{
	for (size_t k = 1; k <= WINDOW; k++) {
		if (*i + k < a->count && a->same(item(a, *i + k), item(b, *j))) {
			*i += k;
			return;
		}
		if (*j + k < b->count && a->same(item(a, *i), item(b, *j + k))) {
			*j += k;
			return;
		}
	}
	++*i;
	++*j;
}

static void pair_up(const struct list *a, const struct list *b, size_t **of_a, size_t **of_b)
{
	*of_a = bh_calloc(a->count, sizeof(size_t));
	*of_b = bh_calloc(b->count, sizeof(size_t));
	memset(*of_a, 0xff, a->count * sizeof(size_t));
	memset(*of_b, 0xff, b->count * sizeof(size_t));
	for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
		if (!a->same(item(a, i), item(b, j))) {
			find_again(a, b, &i, &j);
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

static bool same_subject(const void *a, const void *b)
{
	const struct bh_address_posture *x = a, *y = b;

	return memcmp(&x->addr, &y->addr, sizeof(x->addr)) == 0 &&
	       strcmp(x->l3_ifname, y->l3_ifname) == 0;
}

static bool same_member(const void *a, const void *b)
{
	const struct bh_bridge_member *x = a, *y = b;

	return strcmp(x->ifname, y->ifname) == 0;
}

static bool same_exception(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct bh_exception)) == 0;
}

#define LIST(what, number, same)                                                                   \
	(struct list)                                                                              \
	{                                                                                          \
		(const char *)rules->what, rules->number, sizeof(*rules->what), same               \
	}

static struct list list_of(const struct bh_ruleset *rules, enum kind kind)
{
	const struct list lists[KINDS] = {
		[CHAINS] = LIST(chains, chain_count, same_chain),
		[BINDINGS] = LIST(bindings, binding_count, same_place),
		[RULED_PORTS] = LIST(ports, port_count, same_ifname),
		[POSTURES] = LIST(postures, posture_count, same_subject),
		[MEMBERS] = LIST(members, member_count, same_member),
		[EXCEPTIONS] = LIST(exceptions, exception_count, same_exception),
	};

	return lists[kind];
}

static void pair_all(struct half *a, struct half *b)
{
	for (enum kind kind = CHAINS; kind < KINDS; kind++) {
		struct list of_a = list_of(a->rules, kind), of_b = list_of(b->rules, kind);

		pair_up(&of_a, &of_b, &a->pairs[kind], &b->pairs[kind]);
	}
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
	size_t first, end, compared = 0;

	trim(a, b, &first, &end);
	for (; first < end; first++) {
		if (bh_permit_is_common(&a->permits[first]))
			continue;
		compared += b->permit_count;
		if (compared > COMPARISONS || !has_permit(b, &a->permits[first]))
			return false;
	}
	return true;
}

static void raise_level(struct reduction *r, size_t half, size_t chain, uint8_t level)
{
	struct half *one = &r->halves[half], *other = &r->halves[!half];
	size_t pair = one->pairs[CHAINS][chain];

	if (one->taken[CHAINS][chain] < level)
		one->taken[CHAINS][chain] = level;
	if (pair != NONE && other->taken[CHAINS][pair] < level)
		other->taken[CHAINS][pair] = level;
}

static void compare_chains(struct reduction *r, size_t half)
{
	const struct half *one = &r->halves[half], *other = &r->halves[!half];
	const size_t *pairs = one->pairs[CHAINS];

	for (size_t i = 0; i < one->rules->chain_count; i++) {
		const struct bh_chain *chain = &one->rules->chains[i], *pair;

		pair = pairs[i] == NONE ? NULL : &other->rules->chains[pairs[i]];
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
	const size_t *pairs = one->pairs[BINDINGS], *chains = one->pairs[CHAINS];

	for (size_t i = 0; i < one->rules->binding_count; i++) {
		const struct bh_binding *b = &one->rules->bindings[i], *pair;

		pair = pairs[i] == NONE ? NULL : &other->rules->bindings[pairs[i]];
		if (pair == NULL || chains[b->egress] != pair->egress ||
		    chains[b->ingress] != pair->ingress ||
		    strncmp(b->ifname, pair->ifname, BH_IFNAME) != 0)
			note_addr(r, &b->addr);
	}
}

static bool same_port(const struct bh_port *a, const struct bh_port *b)
{
	return a->bridged == b->bridged && a->vrf == b->vrf && a->mode == b->mode &&
	       strcmp(a->workload, b->workload) == 0 &&
	       memcmp(&a->mac, &b->mac, sizeof(a->mac)) == 0 && a->addr_count == b->addr_count &&
	       (a->addr_count == 0 ||
		memcmp(a->addrs, b->addrs, a->addr_count * sizeof(*a->addrs)) == 0);
}

static void compare_ports(struct reduction *r, size_t half)
{
	const struct half *one = &r->halves[half], *other = &r->halves[!half];
	const size_t *pairs = one->pairs[RULED_PORTS];

	for (size_t i = 0; i < one->rules->port_count; i++) {
		const struct bh_port *port = &one->rules->ports[i];

		if (pairs[i] != NONE && same_port(port, &other->rules->ports[pairs[i]]))
			continue;
		bh_map_put_text(r->ifnames, port->ifname, r);
		bh_map_put_text(r->with_ports, port->workload, r);
		for (size_t j = 0; j < port->addr_count; j++)
			note_addr(r, &port->addrs[j]);
	}
}

/* A bridge's posture is that of all its ports. */
static void note_bridge(struct reduction *r, const char *bridge)
{
	bh_map_put_text(r->posed, bridge, r);
	for (size_t half = 0; half < 2; half++) {
		const struct bh_ruleset *rules = r->halves[half].rules;

		for (size_t i = 0; i < rules->member_count; i++)
			if (strcmp(rules->members[i].bridge, bridge) == 0)
				bh_map_put_text(r->members, rules->members[i].ifname, r);
	}
}

static void compare_postures(struct reduction *r, size_t half)
{
	const struct half *one = &r->halves[half], *other = &r->halves[!half];
	const size_t *pairs = one->pairs[POSTURES];

	for (size_t i = 0; i < one->rules->posture_count; i++) {
		const struct bh_address_posture *p = &one->rules->postures[i];

		if (pairs[i] != NONE && other->rules->postures[pairs[i]].posture == p->posture)
			continue;
		if (p->addr.family == BH_NO_FAMILY)
			note_bridge(r, p->l3_ifname);
		else
			note_addr(r, &p->addr);
	}
}

static void compare_members(struct reduction *r, size_t half)
{
	const struct half *one = &r->halves[half], *other = &r->halves[!half];
	const size_t *pairs = one->pairs[MEMBERS];

	for (size_t i = 0; i < one->rules->member_count; i++) {
		const struct bh_bridge_member *m = &one->rules->members[i];

		if (pairs[i] == NONE ||
		    strcmp(other->rules->members[pairs[i]].bridge, m->bridge) != 0 ||
		    other->rules->members[pairs[i]].uplink != m->uplink)
			bh_map_put_text(r->members, m->ifname, r);
	}
}

static void compare_exceptions(struct reduction *r, size_t half)
{
	const struct half *one = &r->halves[half];

	for (size_t i = 0; i < one->rules->exception_count; i++) {
		const struct bh_flow_key *key = &one->rules->exceptions[i].key;

		if (one->pairs[EXCEPTIONS][i] != NONE)
			continue;
		bh_map_put(r->excepted, &key->src, sizeof(key->src), r);
		bh_map_put(r->excepted, &key->dst, sizeof(key->dst), r);
	}
}

/* --- what goes with it ------------------------------------------------------------------------ */

static bool is_noted(const struct bh_map *addrs, const struct bh_addr *addr)
{
	return bh_map_get(addrs, addr, sizeof(*addr)) != NULL;
}

static bool has_noted_addr(const struct reduction *r, const struct bh_port *port)
{
	for (size_t i = 0; i < port->addr_count; i++)
		if (is_noted(r->addrs, &port->addrs[i]))
			return true;
	return false;
}

static uint8_t level_of_workload(const struct reduction *r, const char *workload)
{
	if (bh_map_get_text(r->workloads, workload) != NULL)
		return WHOLE;
	return bh_map_get_text(r->with_ports, workload) != NULL ? PORTS : OUT;
}

static void take_members(struct reduction *r, const struct half *one)
{
	const struct bh_ruleset *rules = one->rules;

	for (size_t i = 0; i < rules->member_count; i++) {
		if (bh_map_get_text(r->members, rules->members[i].ifname) == NULL)
			continue;
		one->taken[MEMBERS][i] = true;
		bh_map_put_text(r->posed, rules->members[i].bridge, r);
	}
}

static void take_exceptions(const struct reduction *r, const struct half *one)
{
	for (size_t i = 0; i < one->rules->exception_count; i++) {
		const struct bh_flow_key *key = &one->rules->exceptions[i].key;

		one->taken[EXCEPTIONS][i] =
			is_noted(r->excepted, &key->src) && is_noted(r->excepted, &key->dst);
	}
}

static void take(struct reduction *r, size_t half)
{
	struct half *one = &r->halves[half];
	const struct bh_ruleset *rules = one->rules;

	take_members(r, one);
	take_exceptions(r, one);
	for (size_t i = 0; i < rules->port_count; i++)
		one->taken[RULED_PORTS][i] =
			bh_map_get_text(r->ifnames, rules->ports[i].ifname) != NULL ||
			level_of_workload(r, rules->ports[i].workload) >= PORTS ||
			has_noted_addr(r, &rules->ports[i]);
	for (size_t i = 0; i < rules->chain_count; i++)
		raise_level(r, half, i, level_of_workload(r, rules->chains[i].workload));
	for (size_t i = 0; i < rules->binding_count; i++) {
		const struct bh_binding *b = &rules->bindings[i];

		if (!is_noted(r->addrs, &b->addr))
			continue;
		one->taken[BINDINGS][i] = true;
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

/* Peers, and some more: a bit stands for several. */
struct peers {
	bool any;
	uint64_t bits[PEER_BITS / 64];
};

static size_t peer_bit(const struct bh_permit *permit)
{
	uint64_t halves[2];

	memcpy(halves, permit->peer.addr.bytes, sizeof(halves));
	return (halves[0] * 0x9e3779b97f4a7c15u ^ halves[1] * 0xc2b2ae3d27d4eb4fu) >>
	       (64 - PEER_BITS_LOG);
}

static void note_unpaired(struct peers *peers, const struct list *permits, const size_t *pairs)
{
	for (size_t i = 0; i < permits->count; i++) {
		size_t bit = peer_bit(item(permits, i));

		if (pairs[i] != NONE)
			continue;
		peers->any = true;
		peers->bits[bit / 64] |= (uint64_t)1 << bit % 64;
	}
}

static bool same_permit(const void *a, const void *b)
{
	return same_items(a, b, 1);
}

/* Those permissions of a that may be others than b's. */
static struct list other_permits(const struct bh_chain *a, const struct bh_chain *b)
{
	size_t first, end;

	trim(a, b, &first, &end);
	return (struct list) { first < end ? (const char *)&a->permits[first] : NULL, end - first,
			       sizeof(*a->permits), same_permit };
}

/* Of whom the two say something else. */
static void find_peers(struct peers *peers, const struct bh_chain *a, const struct bh_chain *b)
{
	struct list of_a = other_permits(a, b), of_b = other_permits(b, a);
	size_t *pairs_a, *pairs_b;

	memset(peers, 0, sizeof(*peers));
	pair_up(&of_a, &of_b, &pairs_a, &pairs_b);
	note_unpaired(peers, &of_a, pairs_a);
	note_unpaired(peers, &of_b, pairs_b);
	free(pairs_a);
	free(pairs_b);
}

static void copy_peers_permits(struct bh_chain *to, const struct bh_chain *from,
			       const struct peers *peers)
{
	for (size_t i = 0; peers->any && i < from->permit_count; i++) {
		size_t bit = peer_bit(&from->permits[i]);

		if (peers->bits[bit / 64] >> bit % 64 & 1)
			*bh_chain_add_permit(to) = from->permits[i];
	}
}

static void copy_chain(struct bh_ruleset *to, const struct reduction *r, size_t half, size_t i)
{
	const struct half *one = &r->halves[half], *other = &r->halves[!half];
	const struct bh_chain *from = &one->rules->chains[i];
	struct bh_chain *chain = bh_ruleset_add_chain(to);
	struct peers peers;

	*chain = *from;
	chain->permits = NULL;
	chain->permit_count = chain->permit_capacity = 0;
	if (one->taken[CHAINS][i] == WHOLE) {
		copy_permits(chain, from->permits, from->permit_count);
		return;
	}
	const struct bh_chain *pair = &other->rules->chains[one->pairs[CHAINS][i]];
	/* In one order, so that both halves take the same of what is the same. */
	find_peers(&peers, half == 0 ? from : pair, half == 0 ? pair : from);
	copy_peers_permits(chain, from, &peers);
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

static bool is_taken(const struct reduction *r, const struct bh_address_posture *p)
{
	return p->addr.family == BH_NO_FAMILY ? bh_map_get_text(r->posed, p->l3_ifname) != NULL
					      : is_noted(r->addrs, &p->addr);
}

static void copy_shared(struct bh_ruleset *to, const struct bh_ruleset *from,
			const struct reduction *r)
{
	memcpy(to->revision, from->revision, sizeof(to->revision));
	to->posture = from->posture;
	to->stateless = from->stateless;
	to->sensitive = from->sensitive;
	for (size_t i = 0; i < from->bridge_count; i++)
		*bh_ruleset_add_bridge(to) = from->bridges[i];
	for (size_t i = 0; i < from->posture_count; i++)
		if (is_taken(r, &from->postures[i]))
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
			if (one->taken[CHAINS][i] != level)
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
		if (!one->taken[BINDINGS][i])
			continue;
		struct bh_binding *binding = bh_ruleset_add_binding(to);
		*binding = from->bindings[i];
		binding->egress = place[binding->egress];
		binding->ingress = place[binding->ingress];
	}
	for (size_t i = 0; i < from->port_count; i++)
		if (one->taken[RULED_PORTS][i])
			copy_port(to, &from->ports[i]);
	for (size_t i = 0; i < from->member_count; i++)
		if (one->taken[MEMBERS][i])
			*bh_ruleset_add_member(to) = from->members[i];
	for (size_t i = 0; i < from->exception_count; i++)
		if (one->taken[EXCEPTIONS][i])
			*bh_ruleset_add_exception(to) = from->exceptions[i];
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
	for (size_t i = 0; i < rules->posture_count; i++)
		if (!ends(rules->postures[i].l3_ifname, BH_IFNAME))
			return false;
	for (size_t i = 0; i < rules->member_count; i++)
		if (!ends(rules->members[i].ifname, BH_IFNAME) ||
		    !ends(rules->members[i].bridge, BH_IFNAME))
			return false;
	return rules->chain_count > 0;
}

/* Another posture, or that there are several, is of every port of a bridge; the first uplink is of
 * every chain that speaks of the world, and that somebody is in a VRF, of every chain. */
static bool is_comparable(const struct bh_ruleset *a, const struct bh_ruleset *b)
{
	return makes_sense(a) && makes_sense(b) && a->stateless == b->stateless &&
	       a->posture == b->posture && (a->posture_count > 0) == (b->posture_count > 0) &&
	       bh_desired_scope(a).uplinks == bh_desired_scope(b).uplinks &&
	       bh_desired_scope(a).vrf == bh_desired_scope(b).vrf;
}

static bool same_frame(const struct bh_reduced *reduced)
{
	const struct bh_ruleset *a = reduced->old, *b = reduced->new;

	return reduced->old_scope.urgent == reduced->new_scope.urgent &&
	       reduced->old_scope.exceptions == reduced->new_scope.exceptions &&
	       a->sensitive.count == b->sensitive.count &&
	       memcmp(a->sensitive.ports, b->sensitive.ports, sizeof(a->sensitive.ports)) == 0;
}

static void start_half(struct half *half, const struct bh_ruleset *rules)
{
	half->rules = rules;
	for (enum kind kind = CHAINS; kind < KINDS; kind++)
		half->taken[kind] = bh_calloc(list_of(rules, kind).count, 1);
}

static void free_half(struct half *half)
{
	for (enum kind kind = CHAINS; kind < KINDS; kind++) {
		free(half->pairs[kind]);
		free(half->taken[kind]);
	}
}

static void start_maps(struct reduction *r)
{
	r->addrs = bh_map_new(NULL);
	r->ifnames = bh_map_new(NULL);
	r->workloads = bh_map_new(NULL);
	r->with_ports = bh_map_new(NULL);
	r->members = bh_map_new(NULL);
	r->posed = bh_map_new(NULL);
	r->excepted = bh_map_new(NULL);
}

static void free_maps(struct reduction *r)
{
	bh_map_free(r->addrs);
	bh_map_free(r->ifnames);
	bh_map_free(r->workloads);
	bh_map_free(r->with_ports);
	bh_map_free(r->members);
	bh_map_free(r->posed);
	bh_map_free(r->excepted);
}

static void compare(struct reduction *r)
{
	for (size_t half = 0; half < 2; half++) {
		compare_chains(r, half);
		compare_bindings(r, half);
		compare_ports(r, half);
		compare_postures(r, half);
		compare_members(r, half);
		compare_exceptions(r, half);
	}
}

bool bh_reduce(const struct bh_ruleset *old, const struct bh_ruleset *new,
	       struct bh_reduced *reduced)
{
	struct reduction r = { 0 };

	if (!is_comparable(old, new))
		return false;
	start_maps(&r);
	start_half(&r.halves[0], old);
	start_half(&r.halves[1], new);
	pair_all(&r.halves[0], &r.halves[1]);
	compare(&r);
	for (size_t half = 0; half < 2; half++)
		take(&r, half);
	reduced->old_scope = bh_desired_scope(old);
	reduced->new_scope = bh_desired_scope(new);
	reduced->old = build(&r, 0, &reduced->old_scope);
	reduced->new = build(&r, 1, &reduced->new_scope);
	reduced->old_scope.frame = reduced->new_scope.frame = !same_frame(reduced);
	for (size_t half = 0; half < 2; half++)
		free_half(&r.halves[half]);
	free_maps(&r);
	return true;
}

void bh_reduced_free(struct bh_reduced *reduced)
{
	bh_ruleset_free(reduced->old);
	bh_ruleset_free(reduced->new);
	*reduced = (struct bh_reduced) { 0 };
}
