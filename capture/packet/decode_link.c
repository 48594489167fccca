/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands before IP. Whatever is not IP is counted by what it is: a network that spends itself
 * on spanning trees, or hides its traffic in MACsec, looks idle otherwise. IP behind MPLS labels
 * and in PPPoE sessions is read as if it stood alone: both say how a packet travels, not who talks.
 */
#include <pcap/dlt.h>

#include "decode_parts.h"

#define MOST_TAGS 8
#define MOST_LABELS 16

/* Raw IP as file headers and other systems number it (DLT_RAW is 12 on Linux). */
#define LINKTYPE_RAW_IP 101
#define DLT_RAW_OPENBSD 14
#define PACKET_WENT_OUT 4 /* PACKET_OUTGOING, linux/if_packet.h */

enum {
	TYPE_LEAST = 0x0600, /* what is below is a length, and LLC follows (IEEE 802.3) */
	TYPE_ARP = 0x0806,
	TYPE_RARP = 0x8035,
	TYPE_VLAN = 0x8100,
	TYPE_IPX = 0x8137,
	TYPE_MPLS = 0x8847,
	TYPE_MPLS_UPSTREAM = 0x8848,
	TYPE_PPPOE_DISCOVERY = 0x8863,
	TYPE_PPPOE_SESSION = 0x8864,
	TYPE_SLOW = 0x8809,
	TYPE_EAPOL = 0x888e,
	TYPE_QINQ = 0x88a8,
	TYPE_LLDP = 0x88cc,
	TYPE_MACSEC = 0x88e5,
	TYPE_PTP = 0x88f7,
	TYPE_CFM = 0x8902,
	TYPE_LOOPBACK = 0x9000,
	TYPE_QINQ_OLD = 0x9100,
};

/* What SLL has for frames that have no EtherType: linux/if_ether.h. */
enum { SLL_NOVELL = 0x0001, SLL_LLC = 0x0004 };

/* --- LLC (IEEE 802.2), MPLS, PPPoE -------------------------------------------------------------
 */

static enum bh_undecoded decode_ethertype(struct bh_cursor *c, uint16_t type, size_t wire,
					  struct bh_packet *out);

static size_t less(size_t wire, size_t header)
{
	return wire >= header ? wire - header : 0;
}

/* RFC 1042: an EtherType behind an organisation's number. */
static enum bh_undecoded decode_snap(struct bh_cursor *c, size_t wire, struct bh_packet *out)
{
	enum { ENCAPSULATED_ETHERNET = 0x000000, CISCO = 0x00000c };
	enum { PER_VLAN_SPANNING_TREE = 0x010b };
	uint16_t high, type;
	uint8_t low;

	if (!bh_cursor_u16(c, &high) || !bh_cursor_u8(c, &low) || !bh_cursor_u16(c, &type))
		return BH_TRUNCATED;
	uint32_t organisation = (uint32_t)high << 8 | low;
	if (organisation == ENCAPSULATED_ETHERNET)
		return decode_ethertype(c, type, less(wire, 8), out);
	if (organisation == CISCO)
		return type == PER_VLAN_SPANNING_TREE ? BH_STP : BH_CDP;
	return BH_LLC;
}

static enum bh_undecoded decode_llc(struct bh_cursor *c, size_t wire, struct bh_packet *out)
{
	enum { SPANNING_TREE = 0x42, SNAP = 0xaa, NOVELL = 0xe0, NOVELL_RAW = 0xff };
	uint8_t destination;

	if (!bh_cursor_u8(c, &destination) || !bh_cursor_skip(c, 2))
		return BH_TRUNCATED;
	switch (destination) {
	case SPANNING_TREE:
		return BH_STP;
	case NOVELL:
	case NOVELL_RAW:
		return BH_IPX;
	case SNAP:
		return decode_snap(c, wire, out);
	}
	return BH_LLC;
}

/* RFC 3032. Labels do not say what they lead to; IP says it by its version. */
static enum bh_undecoded decode_mpls(struct bh_cursor *c, size_t wire, struct bh_packet *out)
{
	uint32_t label = 0;

	for (int labels = 0; (label & 0x100) == 0; labels++) {
		if (labels == MOST_LABELS)
			return BH_MALFORMED;
		if (!bh_cursor_u32(c, &label))
			return BH_TRUNCATED;
		wire = less(wire, 4);
	}
	if (c->left == 0)
		return BH_TRUNCATED;
	if (c->at[0] >> 4 != 4 && c->at[0] >> 4 != 6)
		return BH_MPLS;
	return bh_decode_ip(c, wire, out, false);
}

/* RFC 2516, 1661. */
static enum bh_undecoded decode_pppoe(struct bh_cursor *c, size_t wire, struct bh_packet *out)
{
	enum { VERSION_TYPE = 0x11, SESSION_DATA = 0, PPP_IPV4 = 0x0021, PPP_IPV6 = 0x0057 };
	uint8_t version_type, code;
	uint16_t protocol;

	if (!bh_cursor_u8(c, &version_type) || !bh_cursor_u8(c, &code) || !bh_cursor_skip(c, 4) ||
	    !bh_cursor_u16(c, &protocol))
		return BH_TRUNCATED;
	if (version_type != VERSION_TYPE || code != SESSION_DATA)
		return BH_MALFORMED;
	if (protocol != PPP_IPV4 && protocol != PPP_IPV6)
		return BH_PPPOE;
	return bh_decode_ip(c, less(wire, 8), out, false);
}

/* --- by EtherType ----------------------------------------------------------------------------- */

static enum bh_undecoded kind_of(uint16_t type, struct bh_packet *out)
{
	switch (type) {
	case TYPE_RARP:
		return BH_ARP;
	case TYPE_IPX:
		return BH_IPX;
	case TYPE_PPPOE_DISCOVERY:
		return BH_PPPOE;
	case TYPE_SLOW:
		return BH_LACP;
	case TYPE_EAPOL:
		return BH_EAPOL;
	case TYPE_LLDP:
		return BH_LLDP;
	case TYPE_MACSEC:
		return BH_MACSEC;
	case TYPE_PTP:
		return BH_PTP;
	case TYPE_CFM:
		return BH_CFM;
	case TYPE_LOOPBACK:
		return BH_LOOPBACK;
	}
	out->ethertype = type;
	return BH_UNKNOWN_ETHERTYPE;
}

static enum bh_undecoded decode_ethertype(struct bh_cursor *c, uint16_t type, size_t wire,
					  struct bh_packet *out)
{
	switch (type) {
	case BH_TYPE_IPV4:
	case BH_TYPE_IPV6:
		if (c->left > 0 && c->at[0] >> 4 != (type == BH_TYPE_IPV4 ? 4 : 6))
			return BH_MALFORMED;
		return bh_decode_ip(c, wire, out, false);
	case TYPE_MPLS:
	case TYPE_MPLS_UPSTREAM:
		return decode_mpls(c, wire, out);
	case TYPE_PPPOE_SESSION:
		return decode_pppoe(c, wire, out);
	case TYPE_ARP:
		out->neighbour = c->at;
		out->neighbour_captured = c->left;
		return BH_ARP;
	}
	return kind_of(type, out);
}

static bool is_tag(uint16_t type)
{
	return type == TYPE_VLAN || type == TYPE_QINQ || type == TYPE_QINQ_OLD;
}

/* Any number of VLAN tags come off first. */
static enum bh_undecoded decode_type(struct bh_cursor *c, uint16_t type, size_t wire,
				     struct bh_packet *out)
{
	for (int tags = 0; is_tag(type); tags++) {
		if (tags == MOST_TAGS)
			return BH_MALFORMED;
		if (!bh_cursor_skip(c, 2) || !bh_cursor_u16(c, &type))
			return BH_TRUNCATED;
		wire = less(wire, 4);
	}
	return type < TYPE_LEAST ? decode_llc(c, wire, out) : decode_ethertype(c, type, wire, out);
}

static enum bh_undecoded decode_ethernet(struct bh_cursor *c, size_t wire, struct bh_packet *out)
{
	const uint8_t *header = bh_cursor_take(c, 14);

	if (header == NULL)
		return BH_TRUNCATED;
	return decode_type(c, bh_read_u16(header + 12), less(wire, 14), out);
}

/* --- Linux' cooked headers -------------------------------------------------------------------- */

static enum bh_undecoded decode_cooked(struct bh_cursor *c, uint16_t type, size_t wire,
				       struct bh_packet *out)
{
	if (type == SLL_LLC)
		return decode_llc(c, wire, out);
	if (type == SLL_NOVELL)
		return BH_IPX;
	return type < TYPE_LEAST ? kind_of(type, out) : decode_type(c, type, wire, out);
}

/* www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html */
static enum bh_undecoded decode_sll(struct bh_cursor *c, size_t wire, struct bh_packet *out)
{
	uint16_t packet_type, type;

	if (!bh_cursor_u16(c, &packet_type) || !bh_cursor_skip(c, 12) || !bh_cursor_u16(c, &type))
		return BH_TRUNCATED;
	out->outgoing = packet_type == PACKET_WENT_OUT;
	return decode_cooked(c, type, less(wire, 16), out);
}

/* www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html */
static enum bh_undecoded decode_sll2(struct bh_cursor *c, size_t wire, struct bh_packet *out)
{
	enum { ETHERNET = 1, MAC_BYTES = 6 }; /* ARPHRD_ETHER, linux/if_arp.h */
	const uint8_t *header = bh_cursor_take(c, 20);

	if (header == NULL)
		return BH_TRUNCATED;
	out->ifindex = bh_read_u32(header + 4);
	out->outgoing = header[10] == PACKET_WENT_OUT;
	if (bh_read_u16(header + 8) == ETHERNET && header[11] == MAC_BYTES)
		out->sender = header + 12;
	return decode_cooked(c, bh_read_u16(header), less(wire, 20), out);
}

/* --- the rest --------------------------------------------------------------------------------- */

/* A word of the capturing machine's byte order (DLT_LOOP: network order): its number for the
 * protocol family. www.tcpdump.org/linktypes.html */
static enum bh_undecoded decode_null(struct bh_cursor *c, size_t wire, struct bh_packet *out)
{
	uint32_t family;

	if (!bh_cursor_u32(c, &family))
		return BH_TRUNCATED;
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	switch (family) {
	case 2:	 /* AF_INET everywhere */
	case 10: /* AF_INET6 of Linux; of NetBSD and OpenBSD, FreeBSD, Darwin */
	case 24:
	case 28:
	case 30:
		return bh_decode_ip(c, less(wire, 4), out, false);
	}
	return BH_NOT_IP;
}

enum bh_undecoded bh_decode_inner(const struct bh_packet *carrier, struct bh_packet *out)
{
	const struct bh_inner *inner = &carrier->inner;
	struct bh_cursor c = bh_cursor_over(inner->at, inner->captured);

	*out = (struct bh_packet) { .time = carrier->time,
				    .ifindex = carrier->ifindex,
				    .outgoing = carrier->outgoing };
	return inner->ethernet ? decode_ethernet(&c, inner->wire, out)
			       : bh_decode_ip(&c, inner->wire, out, false);
}

enum bh_undecoded bh_decode(int linktype, const uint8_t *data, size_t captured, size_t wire,
			    int64_t time, struct bh_packet *out)
{
	struct bh_cursor c = bh_cursor_over(data, captured);

	*out = (struct bh_packet) { .time = time };
	switch (linktype) {
	case DLT_EN10MB:
		return decode_ethernet(&c, wire, out);
	case DLT_NULL:
	case DLT_LOOP:
		return decode_null(&c, wire, out);
	case DLT_LINUX_SLL:
		return decode_sll(&c, wire, out);
	case DLT_LINUX_SLL2:
		return decode_sll2(&c, wire, out);
	case DLT_RAW:
	case DLT_RAW_OPENBSD:
	case LINKTYPE_RAW_IP:
	case DLT_IPV4:
	case DLT_IPV6:
		return bh_decode_ip(&c, wire, out, false);
	}
	return BH_UNKNOWN_LINKTYPE;
}
