/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sharing the host's packets among several capture handles: PACKET_FANOUT gives each packet to one
 * member of a group, and a program says to which (PACKET_FANOUT_CBPF, linux/if_packet.h).
 *
 * Ours looks at the two addresses alone, whichever way round: so both sides of a packet, both ways
 * of a connection, every fragment and the carrier of a tunnel meet in one member. An ICMP error
 * goes where the flow is that it quotes, as long as neither its IPv4 header has options nor its
 * IPv6 header extensions; else where its own addresses belong. What is not IP, and neighbour
 * discovery, goes to the first member.
 */
#ifndef BH_FANOUT_H
#define BH_FANOUT_H

#include <stdint.h>

#include "bulkhead/error.h"

/* Makes the packet socket a member of the group; the first one founds it. group: not 0, one's own
 * within the network namespace. Until then it got everything; from now on what has its share is
 * another's. 0, or negative errno with *err. */
int bh_fanout_join(int packet_fd, uint16_t group, struct bh_error *err);

#endif
