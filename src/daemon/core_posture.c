/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which posture meets whom, as long as nobody has said whose an endpoint is (docs/rules.md). What
 * is known by then is matched against the patterns of enforcement.postures, and the first one that
 * matches anything of it decides: what a runtime announced for an address, before or while its
 * container starts; what an endpoint is called for the time being; the bridge or interface. An
 * announcement speaks for its address alone: somebody else on the bridge does not profit from it.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "compile.h"
#include "core.h"
#include "core_posture.h"
#include "grow.h"
#include "ruleset.h"

#define MOST_NAMES 4

/* What an endpoint may go by, as far as anybody knows. */
struct names {
	char items[MOST_NAMES][256 + 16];
	size_t count;
};

static void add_name(struct names *names, const char *kind, const char *name)
{
	if (name[0] == '\0' || names->count == MOST_NAMES)
		return;
	snprintf(names->items[names->count++], sizeof(names->items[0]), "%s%.255s", kind, name);
}

uint8_t bh_core_posture(const struct bh_core *core)
{
	return core->policy != NULL && core->policy->says_posture ? core->policy->posture
								  : (uint8_t)core->config.posture;
}

static uint8_t decide_beside(const struct bh_core *core, const struct names *names, uint8_t for_all)
{
	const struct bh_config *config = &core->config;

	for (uint32_t i = 0; i < config->postures.count; i++)
		for (size_t n = 0; n < names->count; n++)
			if (fnmatch(config->postures.items[i].match, names->items[n], 0) == 0)
				return config->postures.items[i].posture;
	return for_all;
}

static uint8_t decide(const struct bh_core *core, const struct names *names)
{
	return decide_beside(core, names, bh_core_posture(core));
}

static void add_link_name(struct names *names, bool bridge, const char *ifname)
{
	add_name(names, bridge ? "bridge:" : "interface:", ifname);
}

static struct names stranger_names(const struct bh_endpoint_fact *fact, const char *name)
{
	struct names names = { 0 };

	if (fact->container_id[0] != '\0')
		add_name(&names, "", name); /* "docker:2b1c…" */
	add_name(&names, "interface:", fact->ifname);
	if (fact->master_ifindex != 0)
		add_link_name(&names, true, fact->l3_ifname);
	return names;
}

uint8_t bh_core_posture_beside(const struct bh_core *core, const struct bh_instance *stranger,
			       uint8_t for_all)
{
	struct names names = stranger_names(&stranger->fact, stranger->name);

	return decide_beside(core, &names, for_all);
}

uint8_t bh_core_posture_of(const struct bh_core *core, const struct bh_instance *stranger)
{
	return bh_core_posture_beside(core, stranger, bh_core_posture(core));
}

uint8_t bh_core_posture_of_link(const struct bh_core *core, bool bridge, const char *ifname)
{
	struct names names = { 0 };

	add_link_name(&names, bridge, ifname);
	return decide(core, &names);
}

/* --- for the compiler ------------------------------------------------------------------------- */

/* Of several for one address the strictest. */
static void add_stance(struct bh_postures *p, const char *l3_ifname, const struct bh_addr *addr,
		       uint8_t posture)
{
	for (size_t i = 0; i < p->count; i++) {
		struct bh_address_posture *known = &p->items[i];

		if (strcmp(known->l3_ifname, l3_ifname) != 0 || !bh_addr_equal(&known->addr, addr))
			continue;
		known->posture = known->posture > posture ? known->posture : posture;
		return;
	}
	p->items = bh_grow(p->items, &p->capacity, p->count + 1, sizeof(*p->items));
	struct bh_address_posture *fresh = &p->items[p->count++];
	*fresh = (struct bh_address_posture) { .addr = *addr, .posture = posture };
	bh_copy_text(fresh->l3_ifname, sizeof(fresh->l3_ifname), l3_ifname);
}

static const struct bh_addr whole_link; /* of no family */

static void add_links(const struct bh_core *core, struct bh_postures *p)
{
	const struct bh_instance *instance;
	const struct bh_host_link *link;

	for (size_t position = 0; (link = bh_model_next_link(core->model, &position)) != NULL;)
		if (link->bridge)
			add_stance(p, link->ifname, &whole_link,
				   bh_core_posture_of_link(core, true, link->ifname));
	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		if (instance->fact.master_ifindex == 0)
			add_stance(p, instance->fact.l3_ifname, &whole_link,
				   bh_core_posture_of_link(core, false, instance->fact.ifname));
}

static void add_strangers(const struct bh_core *core, struct bh_postures *p)
{
	const struct bh_instance *instance;

	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;) {
		if (instance->workload[0] != '\0')
			continue;
		for (uint8_t i = 0; i < instance->fact.addr_count; i++)
			add_stance(p, instance->fact.l3_ifname, &instance->fact.addrs[i],
				   bh_core_posture_of(core, instance));
	}
}

/* The bridge that an address of a container will be on; NULL: none of this host's. */
static const struct bh_host_link *bridge_of(const struct bh_core *core, const struct bh_addr *addr)
{
	const struct bh_host_link *link =
		addr->family != BH_NO_FAMILY ? bh_model_link_to(core->model, addr) : NULL;

	return link != NULL && link->bridge ? link : NULL;
}

static void add_announced_address(const struct bh_core *core, struct bh_postures *p,
				  const struct bh_instance *who, const struct bh_addr *addr)
{
	const struct bh_host_link *link = bridge_of(core, addr);
	struct names names = { 0 };

	if (link == NULL)
		return;
	add_name(&names, "", who->workload);
	add_link_name(&names, true, link->ifname);
	add_stance(p, link->ifname, addr, decide(core, &names));
}

static void add_announced(const struct bh_core *core, const struct bh_announced *announced,
			  struct bh_postures *p)
{
	for (size_t i = 0; i < announced->count; i++) {
		const struct bh_container *c = announced->items[i].container;

		for (size_t n = 0; n < c->net_count; n++) {
			add_announced_address(core, p, &announced->items[i], &c->nets[n].addr4);
			add_announced_address(core, p, &announced->items[i], &c->nets[n].addr6);
		}
	}
}

static void collect(void *user, const struct bh_instance *who)
{
	struct bh_announced *a = user;

	a->items = bh_grow(a->items, &a->capacity, a->count + 1, sizeof(*a->items));
	a->items[a->count++] = *who;
}

void bh_core_announced(const struct bh_core *core, struct bh_announced *announced)
{
	*announced = (struct bh_announced) { 0 };
	bh_model_announced(core->model, collect, announced);
}

bool bh_core_is_announced(const struct bh_core *core, const struct bh_announced *announced,
			  uint32_t bridge)
{
	for (size_t i = 0; i < announced->count; i++) {
		const struct bh_container *c = announced->items[i].container;

		for (size_t n = 0; n < c->net_count; n++) {
			const struct bh_host_link *four = bridge_of(core, &c->nets[n].addr4),
						  *six = bridge_of(core, &c->nets[n].addr6);

			if ((four != NULL && four->ifindex == bridge) ||
			    (six != NULL && six->ifindex == bridge))
				return true;
		}
	}
	return false;
}

void bh_core_postures(const struct bh_core *core, const struct bh_announced *announced,
		      struct bh_postures *p)
{
	*p = (struct bh_postures) { 0 };
	if (core->config.postures.count == 0)
		return;
	add_links(core, p);
	add_strangers(core, p);
	add_announced(core, announced, p);
}
