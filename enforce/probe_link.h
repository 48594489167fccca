/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the self-test asks of rtnetlink: a bridge's state, and ports. Each answers 0 or a negative
 * errno. */
#ifndef BH_PROBE_LINK_H
#define BH_PROBE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "bulkhead/address.h"

struct mnl_socket;

struct bh_probe_bridge {
	char ifname[BH_IFNAME];
	bool bridge;
	bool up;
	bool stp; /* some spanning tree protocol decides which ports forward */
	uint32_t mtu;
};

int bh_probe_link_bridge(struct mnl_socket *socket, uint32_t ifindex, struct bh_probe_bridge *out);
/* No IPv6 address of its own. */
int bh_probe_link_prepare(struct mnl_socket *socket, uint32_t ifindex, const struct bh_mac *mac,
			  uint32_t mtu);
int bh_probe_link_enslave(struct mnl_socket *socket, uint32_t ifindex, uint32_t bridge);
/* As a port it gets nothing that is flooded, and nothing is learned from it. */
int bh_probe_link_silence(struct mnl_socket *socket, uint32_t ifindex);
int bh_probe_link_up(struct mnl_socket *socket, uint32_t ifindex);
/* The MAC is behind this port; the entry goes with the port. */
int bh_probe_link_add_mac(struct mnl_socket *socket, uint32_t ifindex, const struct bh_mac *mac);
int bh_probe_link_forwards(struct mnl_socket *socket, uint32_t ifindex, bool *forwards);

#endif
