/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which packets are kept as a whole, because their payload says names: what comes from or goes to
 * port 53, and TCP segments on any port that begin like a ClientHello (tls.h). In libpcap's
 * language, for packets that begin with their IP header; a load beyond a packet's end would drop
 * it, so lengths are looked at first.
 *
 * IPv6 extension headers before TCP are not skipped: such a ClientHello is cut like everything
 * else. Tags and tunnels are not looked into.
 */
#ifndef BH_WHOLE_FILTER_H
#define BH_WHOLE_FILTER_H

#define BH_WHOLE_IP4_HEADER "((ip[0] & 0xf) << 2)"
#define BH_WHOLE_TCP4_HEADER "((tcp[12] & 0xf0) >> 2)"
#define BH_WHOLE_TCP6_HEADER "((ip6[52] & 0xf0) >> 2)"

/* A handshake record, 22, of version 3.x, and in it message 1; six bytes. */
#define BH_WHOLE_HELLO4                                                                            \
	"(ip and tcp and len >= 46 and len >= " BH_WHOLE_IP4_HEADER " + 26 and "                   \
	"len >= " BH_WHOLE_IP4_HEADER " + " BH_WHOLE_TCP4_HEADER " + 6 and "                       \
	"tcp[" BH_WHOLE_TCP4_HEADER ":2] = 0x1603 and tcp[" BH_WHOLE_TCP4_HEADER " + 5] = 1)"
#define BH_WHOLE_HELLO6                                                                            \
	"(ip6 and ip6[6] = 6 and len >= 66 and len >= 46 + " BH_WHOLE_TCP6_HEADER " and "          \
	"ip6[40 + " BH_WHOLE_TCP6_HEADER ":2] = 0x1603 and "                                       \
	"ip6[45 + " BH_WHOLE_TCP6_HEADER "] = 1)"

#define BH_WHOLE_FILTER "udp port 53 or tcp port 53 or " BH_WHOLE_HELLO4 " or " BH_WHOLE_HELLO6

#endif
