/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "grow.h"

void bh_instance_free(struct instance *i)
{
	bh_container_free((struct bh_container *)(uintptr_t)i->shown.container);
	free(i->holds);
	free(i->formers);
	free(i);
}

void bh_instance_say_diverted(const struct bh_instance *instance, char *out, size_t size)
{
	const struct bh_endpoint_fact *fact = &instance->fact;

	snprintf(
		out, size,
		"its interface %s is in %s (%s), which takes its packets for its own before a "
		"rule could tell whose they are: seen, and not filtered; give it a bridge network, "
		"or a veth that is in nothing",
		fact->ifname, fact->upper_ifname,
		fact->upper_kind[0] != '\0' ? fact->upper_kind : "a device of a kind unknown");
}

/* --- addresses -------------------------------------------------------------------------------- */

bool bh_instance_is_granted(const struct bh_instance *instance, const struct bh_addr *addr)
{
	const struct bh_container *c = instance->container;

	for (size_t i = 0; c != NULL && i < c->net_count; i++)
		if (bh_addr_equal(&c->nets[i].addr4, addr) ||
		    bh_addr_equal(&c->nets[i].addr6, addr))
			return true;
	return false;
}

struct bh_hold *bh_instance_open_hold(struct instance *i, const struct bh_addr *addr)
{
	for (size_t at = 0; at < i->hold_count; at++)
		if (i->holds[at].until == BH_GOES_ON && bh_addr_equal(&i->holds[at].addr, addr))
			return &i->holds[at];
	return NULL;
}

bool bh_instance_held(const struct instance *i, const struct bh_addr *addr, int64_t first,
		      int64_t last)
{
	for (size_t at = 0; at < i->hold_count; at++)
		if (bh_addr_equal(&i->holds[at].addr, addr) && last >= i->holds[at].from &&
		    first < i->holds[at].until)
			return true;
	return false;
}

void bh_instance_add_hold(struct instance *i, const struct bh_hold *hold)
{
	i->holds = bh_grow(i->holds, &i->hold_capacity, i->hold_count + 1, sizeof(*i->holds));
	i->holds[i->hold_count++] = *hold;
}

bool bh_instance_shed_hold(struct instance *i, struct bh_addr *addr)
{
	for (size_t at = 0; i->hold_count >= BH_MOST_HOLDS && at < i->hold_count; at++) {
		if (i->holds[at].until == BH_GOES_ON)
			continue;
		*addr = i->holds[at].addr;
		i->hold_count--;
		memmove(&i->holds[at], &i->holds[at + 1],
			(i->hold_count - at) * sizeof(i->holds[0]));
		return true;
	}
	return false;
}

bool bh_instance_has_hold_of(const struct instance *i, const struct bh_addr *addr)
{
	for (size_t at = 0; at < i->hold_count; at++)
		if (bh_addr_equal(&i->holds[at].addr, addr))
			return true;
	return false;
}

void bh_instance_end_holds(struct instance *i, int64_t now)
{
	for (size_t at = 0; at < i->hold_count; at++)
		if (i->holds[at].until == BH_GOES_ON)
			i->holds[at].until = now > i->holds[at].from ? now : i->holds[at].from;
}

const struct bh_hold *bh_instance_hold(const struct bh_instance *instance, size_t at)
{
	const struct instance *i = (const struct instance *)(const void *)instance;

	return at < i->hold_count ? &i->holds[at] : NULL;
}

/* --- names ------------------------------------------------------------------------------------ */

void bh_instance_add_former(struct instance *i, const struct bh_designation *former)
{
	if (i->former_count == BH_MOST_FORMERS)
		memmove(&i->formers[0], &i->formers[1], --i->former_count * sizeof(i->formers[0]));
	i->formers =
		bh_grow(i->formers, &i->former_capacity, i->former_count + 1, sizeof(*i->formers));
	i->formers[i->former_count++] = *former;
}

const struct bh_designation *bh_instance_former(const struct bh_instance *instance, size_t at)
{
	const struct instance *i = (const struct instance *)(const void *)instance;

	return at < i->former_count ? &i->formers[at] : NULL;
}

void bh_instance_called(const struct bh_instance *instance, int64_t time, const char **name,
			const char **workload)
{
	const struct bh_designation *former;

	for (size_t at = 0; (former = bh_instance_former(instance, at)) != NULL; at++) {
		if (time >= former->until)
			continue;
		*name = former->name;
		*workload = former->workload;
		return;
	}
	*name = instance->name;
	*workload = instance->workload;
}
