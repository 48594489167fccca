/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IP protocols by the names people use. */
#ifndef BH_PROTOCOL_H
#define BH_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#define BH_PROTOCOL_TEXT 16

/* "tcp", "udp", "icmp", "icmpv6", "sctp", "gre" …; the number where there is no name. */
const char *bh_protocol_format(uint8_t proto, char out[BH_PROTOCOL_TEXT]);
bool bh_protocol_parse(const char *text, uint8_t *proto);
bool bh_protocol_has_ports(uint8_t proto); /* TCP, UDP, UDP-Lite, SCTP, DCCP */

/* "port unreachable", "fragmentation needed", "packet too big" …: what an error of this type and
 * code says; NULL where it has no name. proto: IPPROTO_ICMP or IPPROTO_ICMPV6. */
const char *bh_icmp_error_name(uint8_t proto, uint8_t type, uint8_t code);

/* "22/tcp", "icmp/8:0" (type:code), "gre": a destination port as people read it. */
#define BH_PORT_TEXT 32
char *bh_port_format(uint8_t proto, uint16_t port, char out[BH_PORT_TEXT]);

#endif
