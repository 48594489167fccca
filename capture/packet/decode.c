/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layer by layer, each through the cursor that the layer above it carved: what a header claims
 * about lengths bounds what is read behind it, and never widens it. Two lengths go along: what was
 * captured, which limits reading, and what the IP header says, which is counted. The two differ
 * wherever a capture keeps headers only.
 */
#include "decode.h"

#include <netinet/in.h>
#include <pcap/dlt.h>
#include <string.h>

#include "cursor.h"
#include "tls.h"

#define MOST_TAGS 8
#define MOST_EXTENSIONS 16

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif
/* Raw IP as file headers and other systems number it (DLT_RAW is 12 on Linux). */
#define LINKTYPE_RAW_IP 101
#define DLT_RAW_OPENBSD 14
#define PACKET_WENT_OUT 4 /* PACKET_OUTGOING, linux/if_packet.h */

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	TYPE_QINQ = 0x88a8,
	TYPE_QINQ_OLD = 0x9100,
	TYPE_ETHERNET = 0x6558 /* Ethernet within a tunnel */
};

const char *bh_undecoded_name(enum bh_undecoded kind)
{
	static const char *const names[] = { [BH_DECODED] = "decoded",
					     [BH_NOT_IP] = "not-ip",
					     [BH_TRUNCATED] = "truncated",
					     [BH_MALFORMED] = "malformed",
					     [BH_UNKNOWN_LINKTYPE] = "unknown-linktype",
					     [BH_TOO_NESTED] = "too-nested" };

	return kind < BH_UNDECODED_KINDS ? names[kind] : "?";
}

/* --- ICMP ------------------------------------------------------------------------------------- */

/* The request that a reply answers, by type; 0: it is no reply. RFC 792, 950, 4443. */
static uint8_t request_of(uint8_t proto, uint8_t type)
{
	if (proto == IPPROTO_ICMPV6)
		return type == 129 ? 128 : 0;
	switch (type) {
	case 0:
		return 8;
	case 14:
		return 13;
	case 16:
		return 15;
	case 18:
		return 17;
	}
	return 0;
}

static bool is_icmp_error(uint8_t proto, uint8_t type)
{
	if (proto == IPPROTO_ICMPV6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* "Fragmentation needed" is of IPv4's unreachable type, but only asks for smaller packets. */
static bool is_unreachable(uint8_t proto, uint8_t type, uint8_t code)
{
	return proto == IPPROTO_ICMPV6 ? type == 1 : type == 3 && code != 4;
}

static enum bh_undecoded decode_ip(struct bh_cursor *c, size_t wire, struct bh_packet *out,
				   bool quoted);

/* The head of the packet that an error quotes; it is cut short as a rule. */
static void decode_quoted(struct bh_cursor *c, struct bh_packet *out)
{
	struct bh_packet inner = { 0 };
	size_t wire = c->left;

	if (!bh_cursor_skip(c, 4) || decode_ip(c, wire, &inner, true) != BH_DECODED)
		return;
	/* A reply or a later fragment does not name the flow it belongs to. */
	if (inner.icmp_reply || (inner.fragment && !inner.first_fragment))
		return;
	out->quoted = (struct bh_flow_key) { .src = inner.src,
					     .dst = inner.dst,
					     .sport = inner.sport,
					     .dport = inner.dport,
					     .proto = inner.proto };
}

static enum bh_undecoded decode_icmp(struct bh_cursor *c, struct bh_packet *out, bool quoted)
{
	uint8_t type, code;

	if (!bh_cursor_u8(c, &type) || !bh_cursor_u8(c, &code))
		return BH_TRUNCATED;
	uint8_t request = request_of(out->proto, type);
	out->icmp_reply = request != 0;
	out->dport = (uint16_t)((request != 0 ? request : type) << 8 | (request != 0 ? 0 : code));
	out->icmp_error = is_icmp_error(out->proto, type);
	out->unreachable = is_unreachable(out->proto, type, code);
	if (out->icmp_error && !quoted && bh_cursor_skip(c, 2))
		decode_quoted(c, out);
	return BH_DECODED;
}

/* --- tunnels ---------------------------------------------------------------------------------- */

#define VXLAN_PORT 4789
#define VXLAN_PORT_LINUX 8472 /* what Linux used before there was a number, and Flannel does */
#define GENEVE_PORT 6081
#define VXLAN_HAS_VNI 0x08
#define GRE_CHECKSUM 0x8000
#define GRE_KEY 0x2000
#define GRE_SEQUENCE 0x1000
#define GRE_UNREAD                                                                                 \
	0x4007 /* routing (withdrawn by RFC 2784) and the version, of which 0 is read              \
		*/

/* c stands at the inner header; wire: bytes from there on, by the carrier's IP header. */
static void carry(const struct bh_cursor *c, size_t wire, enum bh_tunnel tunnel, bool ethernet,
		  struct bh_packet *out)
{
	out->inner.at = c->at;
	out->inner.captured = c->left < wire ? c->left : wire;
	out->inner.wire = wire;
	out->inner.tunnel = (uint8_t)tunnel;
	out->inner.ethernet = ethernet;
}

/* Whether the tunnel's header says that Ethernet or IP follows. */
static bool is_carried(uint16_t type)
{
	return type == TYPE_ETHERNET || type == TYPE_IPV4 || type == TYPE_IPV6;
}

static void decode_vxlan(struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	uint8_t flags;
	uint32_t vni;

	if (length < 8 || !bh_cursor_u8(c, &flags) || !bh_cursor_skip(c, 3) ||
	    !bh_cursor_u32(c, &vni) || (flags & VXLAN_HAS_VNI) == 0)
		return;
	out->inner.has_id = true;
	out->inner.id = vni >> 8;
	carry(c, length - 8, BH_TUNNEL_VXLAN, true, out);
}

static void decode_geneve(struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	uint8_t version_options;
	uint16_t type;
	uint32_t vni;

	if (!bh_cursor_u8(c, &version_options) || !bh_cursor_skip(c, 1) ||
	    !bh_cursor_u16(c, &type) || !bh_cursor_u32(c, &vni) || version_options >> 6 != 0)
		return;
	size_t options = (size_t)(version_options & 0x3f) * 4;
	if (length < 8 + options || !is_carried(type) || !bh_cursor_skip(c, options))
		return;
	out->inner.has_id = true;
	out->inner.id = vni >> 8;
	carry(c, length - 8 - options, BH_TUNNEL_GENEVE, type == TYPE_ETHERNET, out);
}

static void decode_gre(struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	uint16_t flags, type;
	size_t before = c->left;

	if (!bh_cursor_u16(c, &flags) || !bh_cursor_u16(c, &type) || (flags & GRE_UNREAD) != 0 ||
	    !is_carried(type))
		return;
	if ((flags & GRE_CHECKSUM) != 0 && !bh_cursor_skip(c, 4))
		return;
	if ((flags & GRE_KEY) != 0) {
		if (!bh_cursor_u32(c, &out->inner.id))
			return;
		out->inner.has_id = true;
	}
	if ((flags & GRE_SEQUENCE) != 0 && !bh_cursor_skip(c, 4))
		return;
	size_t header = before - c->left;
	if (length >= header)
		carry(c, length - header, BH_TUNNEL_GRE, type == TYPE_ETHERNET, out);
}

static void decode_ip_in_ip(const struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	bool outer6 = out->src.family == BH_IPV6, inner6 = out->proto == IPPROTO_IPV6;
	enum bh_tunnel tunnel = outer6	 ? inner6 ? BH_TUNNEL_IP6IP6 : BH_TUNNEL_IPIP6
				: inner6 ? BH_TUNNEL_SIT
					 : BH_TUNNEL_IPIP;

	carry(c, length, tunnel, false, out);
}

/* Behind UDP's ports. length: of the datagram. */
static void decode_udp_rest(struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	if (out->dport != VXLAN_PORT && out->dport != VXLAN_PORT_LINUX && out->dport != GENEVE_PORT)
		return;
	if (length < 8 || !bh_cursor_skip(c, 4))
		return;
	if (out->dport == GENEVE_PORT)
		decode_geneve(c, length - 8, out);
	else
		decode_vxlan(c, length - 8, out);
}

/* --- domain names ----------------------------------------------------------------------------- */

/* c stands behind UDP's ports. */
static void find_dns_datagram(struct bh_cursor c, struct bh_packet *out)
{
	uint16_t length;

	if (!bh_cursor_u16(&c, &length) || !bh_cursor_skip(&c, 2) || length <= 8 || c.left == 0)
		return;
	out->dns = c.at;
	out->dns_captured = c.left < length - 8u ? c.left : length - 8u;
}

/* From behind TCP's flags. length: of the segment. */
static bool skip_to_payload(struct bh_cursor *c, size_t length, const struct bh_packet *out)
{
	size_t header = length - out->tcp_payload;

	return header >= 20 && bh_cursor_skip(c, header - 14);
}

static void find_dns_segment(struct bh_cursor c, size_t length, struct bh_packet *out)
{
	bool marks = (out->tcp_flags & (BH_TCP_SYN | BH_TCP_FIN | BH_TCP_RST)) != 0;

	if ((out->tcp_payload == 0 && !marks) || !skip_to_payload(&c, length, out))
		return;
	out->dns = c.at;
	out->dns_captured = c.left;
}

static void find_dns(const struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	if (out->proto == IPPROTO_UDP)
		find_dns_datagram(*c, out);
	else if (out->proto == IPPROTO_TCP)
		find_dns_segment(*c, length, out);
}

/* c stands behind TCP's flags. */
static void find_hello(struct bh_cursor c, size_t length, struct bh_packet *out)
{
	if (!skip_to_payload(&c, length, out) || !bh_tls_is_hello(c.at, c.left))
		return;
	out->hello = c.at;
	out->hello_captured = c.left;
}

/* --- what is carried -------------------------------------------------------------------------- */

/* What a whole packet carries; a fragment's is not put together. */
static void decode_carried(struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	switch (out->proto) {
	case IPPROTO_UDP:
		decode_udp_rest(c, length, out);
		break;
	case IPPROTO_GRE:
		decode_gre(c, length, out);
		break;
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		decode_ip_in_ip(c, length, out);
	}
}

/* --- transport -------------------------------------------------------------------------------- */

/* length: of the segment by the IP header, which may be more than was captured. */
static void decode_tcp_rest(struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	uint8_t offset;

	if (!bh_cursor_u32(c, &out->tcp_seq) || !bh_cursor_u32(c, &out->tcp_ack) ||
	    !bh_cursor_u8(c, &offset) || !bh_cursor_u8(c, &out->tcp_flags))
		return;
	size_t header = (size_t)(offset >> 4) * 4;
	if (length >= header)
		out->tcp_payload = (uint32_t)(length - header);
}

static enum bh_undecoded decode_transport(struct bh_cursor *c, size_t length, struct bh_packet *out,
					  bool quoted)
{
	if (out->fragment && !out->first_fragment)
		return BH_DECODED;
	switch (out->proto) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return decode_icmp(c, out, quoted);
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		if (!bh_cursor_u16(c, &out->sport) || !bh_cursor_u16(c, &out->dport))
			return BH_TRUNCATED;
		if (out->proto == IPPROTO_TCP)
			decode_tcp_rest(c, length, out);
	}
	if (out->fragment || quoted)
		return BH_DECODED;
	if (out->sport == BH_DNS_PORT || out->dport == BH_DNS_PORT)
		find_dns(c, length, out);
	else if (out->tcp_payload >= BH_TLS_HELLO)
		find_hello(*c, length, out);
	decode_carried(c, length, out);
	return BH_DECODED;
}

/* --- IP --------------------------------------------------------------------------------------- */

static void note_fragment(struct bh_packet *out, uint16_t offset, bool more, uint32_t id)
{
	out->fragment = offset != 0 || more;
	out->first_fragment = out->fragment && offset == 0;
	out->fragment_id = id;
}

static bool is_extension(uint8_t proto, enum bh_family family)
{
	switch (proto) {
	case IPPROTO_AH:
		return true;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_FRAGMENT:
	case IPPROTO_MH:
		return family == BH_IPV6;
	}
	return false;
}

static bool skip_fragment_header(struct bh_cursor *c, struct bh_packet *out)
{
	uint16_t offset;
	uint32_t id;

	if (!bh_cursor_skip(c, 1) || !bh_cursor_u16(c, &offset) || !bh_cursor_u32(c, &id))
		return false;
	note_fragment(out, offset & 0xfff8, (offset & 1) != 0, id);
	return true;
}

/* Steps over the header that out->proto names, to the one behind it. RFC 8200, 4302 (AH). */
static bool skip_extension(struct bh_cursor *c, struct bh_packet *out)
{
	uint8_t kind = out->proto, length;

	if (!bh_cursor_u8(c, &out->proto))
		return false;
	if (kind == IPPROTO_FRAGMENT)
		return skip_fragment_header(c, out);
	if (!bh_cursor_u8(c, &length))
		return false;
	size_t bytes = kind == IPPROTO_AH ? (size_t)(length + 2) * 4 : (size_t)(length + 1) * 8;
	return bh_cursor_skip(c, bytes - 2);
}

/* The headers between IP and the transport. Behind a later fragment's there is none. */
static enum bh_undecoded skip_extensions(struct bh_cursor *c, enum bh_family family,
					 struct bh_packet *out)
{
	for (int steps = 0; is_extension(out->proto, family); steps++) {
		if (out->fragment && !out->first_fragment)
			break;
		if (steps == MOST_EXTENSIONS)
			return BH_MALFORMED;
		if (!skip_extension(c, out))
			return BH_TRUNCATED;
	}
	return BH_DECODED;
}

/* length: of everything behind the IP header, as that header says. Link layers pad beyond it. */
static enum bh_undecoded decode_payload(const struct bh_cursor *c, size_t length,
					enum bh_family family, struct bh_packet *out, bool quoted)
{
	struct bh_cursor payload = bh_cursor_over(c->at, c->left < length ? c->left : length);
	size_t captured = payload.left;
	enum bh_undecoded result = skip_extensions(&payload, family, out);

	if (result == BH_DECODED)
		result =
			decode_transport(&payload, length - (captured - payload.left), out, quoted);
	/* It is all here, and yet too short for what it says it holds. */
	if (result == BH_TRUNCATED && captured == length)
		result = BH_MALFORMED;
	return result;
}

static enum bh_undecoded decode_ipv4(struct bh_cursor *c, size_t wire, struct bh_packet *out,
				     bool quoted)
{
	uint8_t first;
	uint16_t total, id, fragment;

	if (!bh_cursor_u8(c, &first) || !bh_cursor_skip(c, 1) || !bh_cursor_u16(c, &total) ||
	    !bh_cursor_u16(c, &id) || !bh_cursor_u16(c, &fragment) || !bh_cursor_skip(c, 1) ||
	    !bh_cursor_u8(c, &out->proto) || !bh_cursor_skip(c, 2) ||
	    !bh_cursor_bytes(c, out->src.bytes, 4) || !bh_cursor_bytes(c, out->dst.bytes, 4))
		return BH_TRUNCATED;
	size_t header = (size_t)(first & 0x0f) * 4;
	/* A length of 0 is left for the network card to fill in (segmentation offload). */
	out->ip_bytes = total != 0 ? total : (uint32_t)wire;
	if (header < 20 || out->ip_bytes < header)
		return BH_MALFORMED;
	out->src.family = out->dst.family = BH_IPV4;
	note_fragment(out, fragment & 0x1fff, (fragment & 0x2000) != 0, id);
	out->fragment_proto = out->proto;
	if (!bh_cursor_skip(c, header - 20))
		return BH_TRUNCATED;
	return decode_payload(c, out->ip_bytes - header, BH_IPV4, out, quoted);
}

static enum bh_undecoded decode_ipv6(struct bh_cursor *c, size_t wire, struct bh_packet *out,
				     bool quoted)
{
	uint16_t payload_length;

	if (!bh_cursor_skip(c, 4) || !bh_cursor_u16(c, &payload_length) ||
	    !bh_cursor_u8(c, &out->proto) || !bh_cursor_skip(c, 1) ||
	    !bh_cursor_bytes(c, out->src.bytes, 16) || !bh_cursor_bytes(c, out->dst.bytes, 16))
		return BH_TRUNCATED;
	out->src.family = out->dst.family = BH_IPV6;
	size_t length = payload_length;
	/* 0 is a jumbogram's length, or left for the network card; unless nothing is to follow. */
	if (length == 0 && out->proto != IPPROTO_NONE && wire > 40)
		length = wire - 40;
	out->ip_bytes = (uint32_t)(40 + length);
	return decode_payload(c, length, BH_IPV6, out, quoted);
}

static enum bh_undecoded decode_ip(struct bh_cursor *c, size_t wire, struct bh_packet *out,
				   bool quoted)
{
	if (c->left == 0)
		return BH_TRUNCATED;
	switch (c->at[0] >> 4) {
	case 4:
		return decode_ipv4(c, wire, out, quoted);
	case 6:
		return decode_ipv6(c, wire, out, quoted);
	}
	return BH_MALFORMED;
}

/* --- link ------------------------------------------------------------------------------------- */

/* Ethernet's payload by its type; any number of VLAN tags come off first. */
static enum bh_undecoded decode_type(struct bh_cursor *c, uint16_t type, size_t wire,
				     struct bh_packet *out)
{
	for (int tags = 0; type == TYPE_VLAN || type == TYPE_QINQ || type == TYPE_QINQ_OLD;
	     tags++) {
		if (tags == MOST_TAGS)
			return BH_MALFORMED;
		if (!bh_cursor_skip(c, 2) || !bh_cursor_u16(c, &type))
			return BH_TRUNCATED;
		wire = wire >= 4 ? wire - 4 : 0;
	}
	if (type != TYPE_IPV4 && type != TYPE_IPV6)
		return BH_NOT_IP;
	if (c->left > 0 && c->at[0] >> 4 != (type == TYPE_IPV4 ? 4 : 6))
		return BH_MALFORMED;
	return decode_ip(c, wire, out, false);
}

static enum bh_undecoded decode_ethernet(struct bh_cursor *c, size_t wire, struct bh_packet *out)
{
	uint16_t type;

	if (!bh_cursor_skip(c, 12) || !bh_cursor_u16(c, &type))
		return BH_TRUNCATED;
	return decode_type(c, type, wire >= 14 ? wire - 14 : 0, out);
}

/* www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html */
static enum bh_undecoded decode_sll(struct bh_cursor *c, size_t wire, struct bh_packet *out)
{
	uint16_t packet_type, type;

	if (!bh_cursor_u16(c, &packet_type) || !bh_cursor_skip(c, 12) || !bh_cursor_u16(c, &type))
		return BH_TRUNCATED;
	out->outgoing = packet_type == PACKET_WENT_OUT;
	return decode_type(c, type, wire >= 16 ? wire - 16 : 0, out);
}

/* www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html */
static enum bh_undecoded decode_sll2(struct bh_cursor *c, size_t wire, struct bh_packet *out)
{
	uint16_t type;
	uint8_t packet_type;

	if (!bh_cursor_u16(c, &type) || !bh_cursor_skip(c, 2) || !bh_cursor_u32(c, &out->ifindex) ||
	    !bh_cursor_skip(c, 2) || !bh_cursor_u8(c, &packet_type) || !bh_cursor_skip(c, 9))
		return BH_TRUNCATED;
	out->outgoing = packet_type == PACKET_WENT_OUT;
	return decode_type(c, type, wire >= 20 ? wire - 20 : 0, out);
}

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
		return decode_ip(c, wire >= 4 ? wire - 4 : 0, out, false);
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
			       : decode_ip(&c, inner->wire, out, false);
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
		return decode_ip(&c, wire, out, false);
	}
	return BH_UNKNOWN_LINKTYPE;
}
