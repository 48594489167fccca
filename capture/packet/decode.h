/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packet decoder: hostile bytes in, one bh_packet out. It reads through a checked cursor only,
 * keeps no state, and never looks past the captured bytes. Whatever it cannot read it names
 * (enum bh_undecoded), so that nothing is silently gone.
 */
#ifndef BH_DECODE_H
#define BH_DECODE_H

#include "bulkhead/address.h"
#include "bulkhead/flow.h"

/* Why a packet became no flow; counted by kind. */
enum bh_undecoded {
	BH_DECODED, /* it did become one */
	BH_ARP,
	BH_LLDP,
	BH_STP,
	BH_LACP, /* and other slow protocols, IEEE 802.3 annex 57A */
	BH_EAPOL,
	BH_MACSEC, /* encrypted: what it holds cannot be read */
	BH_MPLS,   /* with something else than IP behind the labels */
	BH_PPPOE,  /* its discovery, and what is no IP in a session */
	BH_IPX,
	BH_CDP, /* and Cisco's other discoveries */
	BH_PTP,
	BH_CFM,
	BH_LOOPBACK,	      /* a switch's test frames */
	BH_LLC,		      /* any other frame without an EtherType */
	BH_UNKNOWN_ETHERTYPE, /* bh_packet.ethertype says which */
	BH_NOT_IP,	      /* another protocol family of DLT_NULL */
	BH_TRUNCATED,	      /* the capture ends before the ports do */
	BH_MALFORMED,	      /* lengths or versions contradict each other */
	BH_UNKNOWN_LINKTYPE,
	BH_TOO_NESTED, /* a tunnel within too many others */
	BH_UNDECODED_KINDS,
};
const char *bh_undecoded_name(enum bh_undecoded kind);

/* TCP flag bits as in the header (RFC 9293). */
enum { BH_TCP_FIN = 0x01, BH_TCP_SYN = 0x02, BH_TCP_RST = 0x04, BH_TCP_ACK = 0x10 };

#define BH_DNS_PORT 53

/* ICMPv6 types, RFC 4861. */
enum { BH_ND_SOLICITATION = 135, BH_ND_ADVERTISEMENT = 136 };

enum bh_tunnel {
	BH_TUNNEL_NONE,
	BH_TUNNEL_VXLAN,     /* RFC 7348; also on Linux' old port */
	BH_TUNNEL_GENEVE,    /* RFC 8926 */
	BH_TUNNEL_GRE,	     /* RFC 2784, 2890 */
	BH_TUNNEL_IPIP,	     /* IPv4 in IPv4, RFC 2003 */
	BH_TUNNEL_SIT,	     /* IPv6 in IPv4, RFC 4213 */
	BH_TUNNEL_IPIP6,     /* IPv4 in IPv6, RFC 2473 */
	BH_TUNNEL_IP6IP6,    /* IPv6 in IPv6 */
	BH_TUNNEL_VXLAN_GPE, /* draft-ietf-nvo3-vxlan-gpe */
	BH_TUNNEL_ERSPAN,    /* types I to III, draft-foschiano-erspan-03 */
	BH_TUNNEL_GTP,	     /* GTPv1's user plane, 3GPP TS 29.281 */
	BH_TUNNEL_TEREDO,    /* RFC 4380 */
};

/* A packet within a packet. */
struct bh_inner {
	const uint8_t *at; /* good as long as the carrier's bytes; NULL: nothing is carried */
	size_t captured;
	size_t wire;
	uint8_t tunnel; /* enum bh_tunnel */
	bool ethernet;	/* at is an Ethernet header, else an IP header */
	bool has_id;
	uint32_t id; /* VNI, GRE's key, ERSPAN's session, GTP's tunnel endpoint */
};

struct bh_packet {
	int64_t time;	  /* µs */
	uint32_t ifindex; /* SLL2 only; 0 elsewhere */
	bool outgoing;	  /* SLL2, SLL: the host sent it out of that interface */
	struct bh_addr src;
	struct bh_addr dst;
	uint8_t proto;	/* upper-layer protocol, behind extension headers */
	uint16_t sport; /* 0 where the protocol has none; ICMP: see bh_flow_key */
	uint16_t dport;
	uint32_t ip_bytes; /* from the IP header(s), not from the captured length */
	uint8_t tcp_flags;
	uint32_t tcp_seq;
	uint32_t tcp_ack;
	uint32_t tcp_payload; /* bytes */
	uint16_t tcp_mss;     /* of a SYN that says what its sender takes at most; else 0 */
	uint8_t tcp_options;  /* bytes */
	bool fragment;	      /* part of a fragmented datagram */
	bool first_fragment;  /* carries the ports */
	uint32_t fragment_id;
	uint8_t fragment_proto; /* part of the fragment's name in IPv4; 0 in IPv6, where it is none
				 */
	bool icmp_reply;  /* echo reply and its like: dport holds the request's type and code */
	bool icmp_error;  /* says that a packet did not get through */
	bool unreachable; /* … and never will: no such host, port or permission */
	/* The packet that an error quotes, as far as it does; good as long as the packet's bytes.
	 * NULL: none. */
	const uint8_t *quoted;
	size_t quoted_captured;
	struct bh_inner inner;
	/* The payload, from or to port 53, of a whole UDP datagram (TCP: segment), as far as it was
	 * captured; good as long as the packet's bytes. NULL: none. A segment that opens or ends
	 * its connection has one of no bytes at least. */
	const uint8_t *dns;
	size_t dns_captured;
	/* The payload of a TCP segment that begins like a ClientHello (tls.h); likewise. */
	const uint8_t *hello;
	size_t hello_captured;
	uint16_t ethertype; /* BH_UNKNOWN_ETHERTYPE only */
	/* What ARP (BH_ARP; no addresses above then) or neighbour discovery says (neighbours.h);
	 * likewise. */
	const uint8_t *neighbour;
	size_t neighbour_captured;
	/* SLL2: the MAC that the frame came from, six bytes; likewise. */
	const uint8_t *sender;
	/* Not the decoder's: */
	uint16_t tunnel; /* label of what carried it (tunnels.h); 0: nothing did */
	bool astray;	 /* seen on its way to somebody whom it is not for */
};

/*
 * Decodes one captured packet. linktype: a DLT_ value; Ethernet (with 802.1Q, 802.1ad and stacks of
 * them, with MPLS labels, PPPoE sessions, LLC), raw IP (DLT_RAW, DLT_IPV4, DLT_IPV6), NULL and
 * LOOP, LINUX_SLL and LINUX_SLL2. captured: bytes at hand; wire: bytes that were on the wire, for
 * packets whose IP length is 0 because a network card was to cut them. time: µs, copied. On
 * anything but BH_DECODED *out holds what was read so far.
 */
enum bh_undecoded bh_decode(int linktype, const uint8_t *data, size_t captured, size_t wire,
			    int64_t time, struct bh_packet *out);

/* Decodes what error->quoted points at: the first packet of a datagram, cut short as a rule. Its
 * inner may point at the packet within a tunnel's that is quoted along. Time and interface are the
 * error's. */
enum bh_undecoded bh_decode_quoted(const struct bh_packet *error, struct bh_packet *out);

/* Decodes what carrier->inner points at; time and interface are the carrier's. */
enum bh_undecoded bh_decode_inner(const struct bh_packet *carrier, struct bh_packet *out);

#endif
