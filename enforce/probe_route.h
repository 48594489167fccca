/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The self-test of routed veths asks rtnetlink for routes to its addresses, which lead there for as
 * long as the test lasts, and no longer. Each answers 0 or a negative errno. */
#ifndef BH_PROBE_ROUTE_H
#define BH_PROBE_ROUTE_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

/* Of IPv4, and of IPv6: whether what comes from there is forwarded. */
int bh_probe_forwards(struct mnl_socket *socket, uint32_t ifindex, bool forwards[2]);
/* Whether a network of somebody's has that family's addresses: a route to them that is more than
 * one to everywhere. */
bool bh_probe_route_is_taken(struct mnl_socket *socket, bool six);

/* This host's own address for the time, which goes with the interface, and takes the IPv4 routes
 * from it along. */
int bh_probe_route_add_local(struct mnl_socket *socket, uint32_t ifindex);
/* To the addresses outside; it goes with the interface. */
int bh_probe_route_outside(struct mnl_socket *socket, bool six, uint32_t ifindex);
/* To the addresses inside, in place of where they led before. Over IPv4 it goes with
 * bh_probe_route_add_local()'s interface, over IPv6 it expires in seconds. −EACCES: that interface
 * has no IPv6. */
int bh_probe_route_inside(struct mnl_socket *socket, bool six, uint32_t ifindex);
void bh_probe_route_remove_inside(struct mnl_socket *socket);

#endif
