/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Veths that lead into a container or namespace, and are taken for ways off this host by their name
 * (interfaces.uplinks). Somebody may have named containers' veths like that: AWS's CNI calls them
 * eni…, and whose that is would otherwise be said not to have any. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "core.h"
#include "grow.h"
#include "probe.h"

void bh_core_uplink(struct bh_core *core, const struct bh_endpoint_fact *fact)
{
	struct bh_endpoint_fact *copy = bh_calloc(1, sizeof(*copy));

	*copy = *fact;
	bh_map_put(core->uplinks, &copy->ifindex, sizeof(copy->ifindex), copy);
}

void bh_core_uplink_gone(struct bh_core *core, uint32_t ifindex)
{
	bh_map_remove(core->uplinks, &ifindex, sizeof(ifindex));
}

void bh_core_uplinks_forget(struct bh_core *core)
{
	bh_map_free(core->uplinks);
	core->uplinks = bh_map_new(free);
}

static bool leads_to(const struct bh_endpoint_fact *fact, const struct bh_coverage_row *row)
{
	const char *slash = strrchr(fact->netns_name, '/');

	if (row->container_id[0] != '\0')
		return strcmp(fact->container_id, row->container_id) == 0;
	return fact->container_id[0] == '\0' && slash != NULL &&
	       strcmp(row->runtime, "netns") == 0 && strcmp(slash + 1, row->name) == 0;
}

static const char *pattern_of(const struct bh_core *core, const char *ifname)
{
	const struct bh_config_list *uplinks = &core->config.uplinks;

	for (uint32_t i = 0; i < uplinks->count; i++)
		if (fnmatch(uplinks->items[i], ifname, 0) == 0)
			return uplinks->items[i];
	return NULL;
}

bool bh_core_is_uplink(const struct bh_core *core, const struct bh_host_link *link)
{
	return !bh_probe_is_port(link->ifname) &&
	       (!link->veth || pattern_of(core, link->ifname) != NULL);
}

/* To a stateful bridge's rules it does not: there they cannot tell. */
bool bh_core_leads_out(const void *user, const struct bh_host_link *link)
{
	const struct bh_core *core = user;

	return bh_core_is_stateless(core) && bh_core_is_uplink(core, link);
}

bool bh_core_name_beyond(const struct bh_core *core, const struct bh_addr *addr,
			 const struct bh_instance *other, struct bh_peer *peer)
{
	const struct bh_host_link *network;
	char text[BH_ADDR_TEXT];

	if (peer->kind != BH_PEER_UNRESOLVED || other == NULL ||
	    !bh_model_leads_out(core->model, other->fact.master_ifindex) ||
	    strcmp(peer->name, bh_addr_format(addr, text)) != 0)
		return false;
	network = bh_model_link_to(core->model, addr);
	if (network == NULL || network->ifindex != other->fact.master_ifindex ||
	    bh_core_all_handed_over())
		return false;
	peer->kind = BH_PEER_ADDRESS;
	return true;
}

bool bh_core_uplink_why(const struct bh_core *core, const struct bh_coverage_row *row, char *out,
			size_t size)
{
	const struct bh_endpoint_fact *fact;

	if (row->coverage != BH_NEITHER || row->on_host)
		return false;
	for (size_t position = 0; (fact = bh_map_next(core->uplinks, &position)) != NULL;) {
		const char *pattern = pattern_of(core, fact->ifname);

		if (pattern == NULL || !leads_to(fact, row))
			continue;
		snprintf(out, size,
			 "%s leads into it, and is taken for a way off this host: its name matches "
			 "%.60s in interfaces.uplinks; change that key and restart bulkhead",
			 fact->ifname, pattern);
		return true;
	}
	return false;
}
