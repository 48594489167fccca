/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links, addresses, routes and neighbours inside named namespaces, over rtnetlink. */
#ifndef BH_LAB_NETWORK_H
#define BH_LAB_NETWORK_H

#include <stdbool.h>

#include "bulkhead/address.h"
#include "bulkhead/error.h"

int bh_lab_bridge_add(const char *netns, const char *ifname, struct bh_error *err);

/* A veth between netns (ifname; a port of the bridge master, unless that is NULL) and peer_netns
 * (peer_ifname). Both ends are down. */
int bh_lab_veth_add(const char *netns, const char *ifname, const char *master,
		    const char *peer_netns, const char *peer_ifname, struct bh_error *err);

int bh_lab_link_raise(const char *netns, const char *ifname, struct bh_error *err);
/* 0 as well where there is no such link. */
int bh_lab_link_remove(const char *netns, const char *ifname, struct bh_error *err);

/* Usable at once: no duplicate address detection. */
int bh_lab_address_add(const char *netns, const char *ifname, const struct bh_prefix *prefix,
		       struct bh_error *err);
int bh_lab_default_route_add(const char *netns, const char *ifname, const struct bh_addr *gateway,
			     struct bh_error *err);

/* What a link is, as its own namespace sees it. */
struct bh_lab_link {
	int ifindex;
	struct bh_mac mac;
	struct bh_addr link_local; /* no family: it has none */
};

int bh_lab_link_read(const char *netns, const char *ifname, struct bh_lab_link *link,
		     struct bh_error *err);

/* The neighbour table. Reading fails with -ENOENT where it holds no hardware address for addr. */
int bh_lab_neighbour_read(const char *netns, int ifindex, const struct bh_addr *addr,
			  struct bh_mac *mac, struct bh_error *err);
int bh_lab_neighbour_write(const char *netns, int ifindex, const struct bh_addr *addr,
			   const struct bh_mac *mac, struct bh_error *err);

/* 1 where a default route over this gateway is there, 0 where none is. */
int bh_lab_default_route_exists(const char *netns, const struct bh_addr *gateway,
				struct bh_error *err);
int bh_lab_default_route_remove(const char *netns, int ifindex, const struct bh_addr *gateway,
				struct bh_error *err);

#endif
