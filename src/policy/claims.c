/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whoever may configure his own interface can give himself a neighbour's address, and with it the
 * neighbour's rights. So an address is the one's to whom a runtime gave it; else the one's who has
 * had it longest, by the kernel's own stamp; the others hold it when he is gone. Replicas of one
 * workload may share an address: they have the same rights anyway. On another network the same
 * address is another one.
 */
#include "claims.h"

#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "grow.h"

_Static_assert(BH_ENDPOINT_ADDRS <= 16, "an endpoint's addresses have a bit each");

struct claim {
	const struct bh_compile_endpoint *endpoint;
	struct bh_endpoint_fact *fact;
	struct bh_addr addr;
	int64_t made; /* INT64_MIN: given out */
};

static struct claim claim_of(const struct bh_compile_endpoint *e, struct bh_endpoint_fact *fact,
			     uint8_t which)
{
	bool granted = (e->granted >> which & 1) != 0;

	return (struct claim) { e, fact, fact->addrs[which],
				granted ? INT64_MIN : fact->addr_made[which] };
}

static int compare_places(const struct claim *x, const struct claim *y)
{
	int order = strcmp(x->fact->l3_ifname, y->fact->l3_ifname);

	return order != 0 ? order : bh_addr_compare(&x->addr, &y->addr);
}

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = compare_places(x, y);

	if (order == 0)
		order = (x->made > y->made) - (x->made < y->made);
	return order != 0 ? order
			  : (x->fact->ifindex > y->fact->ifindex) -
				    (x->fact->ifindex < y->fact->ifindex);
}

static void give_up(struct bh_endpoint_fact *fact, const struct bh_addr *addr)
{
	uint8_t kept = 0;

	for (uint8_t i = 0; i < fact->addr_count; i++) {
		if (bh_addr_equal(&fact->addrs[i], addr))
			continue;
		fact->addrs[kept] = fact->addrs[i];
		fact->addr_made[kept++] = fact->addr_made[i];
	}
	fact->addr_count = kept;
}

void bh_claims_settle(const struct bh_compile_endpoint *endpoints, struct bh_endpoint_fact *facts,
		      size_t count)
{
	struct claim *claims = bh_calloc(count * BH_ENDPOINT_ADDRS, sizeof(*claims));
	size_t made = 0, first = 0;

	for (size_t i = 0; i < count; i++)
		for (uint8_t j = 0; j < facts[i].addr_count; j++)
			claims[made++] = claim_of(&endpoints[i], &facts[i], j);
	if (made > 0)
		qsort(claims, made, sizeof(*claims), compare_claims);
	for (size_t i = 1; i < made; i++) {
		if (compare_places(&claims[first], &claims[i]) != 0)
			first = i;
		else if (strcmp(claims[first].endpoint->workload, claims[i].endpoint->workload) !=
			 0)
			give_up(claims[i].fact, &claims[i].addr);
	}
	free(claims);
}
