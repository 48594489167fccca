/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the self-test asks of rtnetlink: the state of what is tested, and interfaces of its own.
 * Each answers 0 or a negative errno. */
#ifndef BH_PROBE_LINK_H
#define BH_PROBE_LINK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

#include "bulkhead/address.h"

struct bh_probe_link {
	char ifname[BH_IFNAME];
	bool bridge;
	bool up;
	bool stp;     /* some spanning tree protocol decides which ports forward */
	bool no_vlan; /* it filters VLANs, and a port that comes is in none */
	uint32_t mtu;
};

/* Sends a request and has the callback take each reply; it may be NULL. The kernel answers before
 * it returns. */
int bh_probe_link_ask(struct mnl_socket *socket, struct nlmsghdr *request, mnl_cb_t take,
		      void *user);

int bh_probe_link_get(struct mnl_socket *socket, uint32_t ifindex, struct bh_probe_link *out);
/* No IPv6 address of its own. */
int bh_probe_link_prepare(struct mnl_socket *socket, uint32_t ifindex, const struct bh_mac *mac,
			  uint32_t mtu);
int bh_probe_link_enslave(struct mnl_socket *socket, uint32_t ifindex, uint32_t bridge);
/* As a port it gets nothing that is flooded, and nothing is learned from it. */
int bh_probe_link_silence(struct mnl_socket *socket, uint32_t ifindex);
int bh_probe_link_up(struct mnl_socket *socket, uint32_t ifindex);
/* Up, and whoever is behind it needs not be asked for his MAC; IPv4 that comes from there is
 * forwarded wherever this host forwards any. */
int bh_probe_link_up_routed(struct mnl_socket *socket, uint32_t ifindex);
/* The MAC is behind this port; the entry goes with the port. */
int bh_probe_link_add_mac(struct mnl_socket *socket, uint32_t ifindex, const struct bh_mac *mac);
int bh_probe_link_forwards(struct mnl_socket *socket, uint32_t ifindex, bool *forwards);

#endif
