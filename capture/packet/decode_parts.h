/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the decoder's files are to each other: link layers (decode_link.c) on top of IP and what it
 * carries (decode.c), tunnels (decode_tunnel.c) beside it. Nobody else's business. */
#ifndef BH_DECODE_PARTS_H
#define BH_DECODE_PARTS_H

#include "cursor.h"
#include "decode.h"

enum {
	BH_TYPE_IPV4 = 0x0800,
	BH_TYPE_IPV6 = 0x86dd,
	BH_TYPE_ETHERNET = 0x6558, /* Ethernet within a tunnel */
};

/* wire: bytes from here on that were on the wire. quoted: within an ICMP error, and cut short as a
 * rule. */
enum bh_undecoded bh_decode_ip(struct bh_cursor *c, size_t wire, struct bh_packet *out,
			       bool quoted);

/* What is carried, if anything is, to out->inner. length: of the carrier's payload, by its IP
 * header; c stands at its beginning (UDP: behind the ports). */
void bh_decode_udp_tunnel(struct bh_cursor *c, size_t length, struct bh_packet *out);
void bh_decode_gre(struct bh_cursor *c, size_t length, struct bh_packet *out);
void bh_decode_ip_in_ip(const struct bh_cursor *c, size_t length, struct bh_packet *out);

#endif
