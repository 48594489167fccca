/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layer by layer, each through the cursor that the layer above it carved: what a header claims
 * about lengths bounds what is read behind it, and never widens it. Two lengths go along: what was
 * captured, which limits reading, and what the IP header says, which is counted. The two differ
 * wherever a capture keeps headers only.
 */
#include <netinet/in.h>
#include <string.h>

#include "decode_parts.h"
#include "tls.h"

#define MOST_EXTENSIONS 16

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif

const char *bh_undecoded_name(enum bh_undecoded kind)
{
	static const char *const names[] = { [BH_DECODED] = "decoded",
					     [BH_ARP] = "arp",
					     [BH_LLDP] = "lldp",
					     [BH_STP] = "stp",
					     [BH_LACP] = "lacp",
					     [BH_EAPOL] = "eapol",
					     [BH_MACSEC] = "macsec",
					     [BH_MPLS] = "mpls",
					     [BH_PPPOE] = "pppoe",
					     [BH_IPX] = "ipx",
					     [BH_CDP] = "cdp",
					     [BH_PTP] = "ptp",
					     [BH_CFM] = "cfm",
					     [BH_LOOPBACK] = "loopback",
					     [BH_LLC] = "llc",
					     [BH_UNKNOWN_ETHERTYPE] = "unknown-ethertype",
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

static bool is_discovery(uint8_t proto, uint8_t type)
{
	return proto == IPPROTO_ICMPV6 &&
	       (type == BH_ND_SOLICITATION || type == BH_ND_ADVERTISEMENT);
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
	if (quoted)
		return BH_DECODED;
	if (out->icmp_error && bh_cursor_skip(c, 6)) {
		out->quoted = c->at;
		out->quoted_captured = c->left;
	} else if (is_discovery(out->proto, type) && bh_cursor_skip(c, 2)) {
		out->neighbour = c->at;
		out->neighbour_captured = c->left;
	}
	return BH_DECODED;
}

enum bh_undecoded bh_decode_quoted(const struct bh_packet *error, struct bh_packet *out)
{
	struct bh_cursor c = bh_cursor_over(error->quoted, error->quoted_captured);

	*out = (struct bh_packet) { .time = error->time,
				    .ifindex = error->ifindex,
				    .outgoing = error->outgoing };
	return bh_decode_ip(&c, c.left, out, true);
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

/* Fragments are not put together: what the first one of a carrier begins with says all that is
 * counted of the packet within. */
static void decode_carried(struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	switch (out->proto) {
	case IPPROTO_UDP:
		bh_decode_udp_tunnel(c, length, out);
		break;
	case IPPROTO_GRE:
		bh_decode_gre(c, length, out);
		break;
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		bh_decode_ip_in_ip(c, length, out);
	}
}

/* --- transport -------------------------------------------------------------------------------- */

#define TCP_HEADER 20

/* Options as far as they were captured; RFC 9293, 3.2. c stands behind TCP's flags. */
static void find_segment_size(struct bh_cursor c, struct bh_packet *out)
{
	enum { END = 0, PADDING = 1, SEGMENT_SIZE = 2 };
	uint8_t kind, length;

	if (!bh_cursor_skip(&c, 6))
		return;
	struct bh_cursor options =
		bh_cursor_over(c.at, c.left < out->tcp_options ? c.left : out->tcp_options);

	while (bh_cursor_u8(&options, &kind) && kind != END) {
		if (kind == PADDING)
			continue;
		if (!bh_cursor_u8(&options, &length) || length < 2)
			return;
		if (kind == SEGMENT_SIZE && length == 4) {
			bh_cursor_u16(&options, &out->tcp_mss);
			return;
		}
		if (!bh_cursor_skip(&options, length - 2u))
			return;
	}
}

/* length: of the segment by the IP header, which may be more than was captured. */
static void decode_tcp_rest(struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	const uint8_t *fields = bh_cursor_take(c, 10);

	if (fields == NULL) { /* errors quote less, but the sequence number as a rule */
		bh_cursor_u32(c, &out->tcp_seq);
		return;
	}
	out->tcp_seq = bh_read_u32(fields);
	out->tcp_ack = bh_read_u32(fields + 4);
	out->tcp_flags = fields[9];
	size_t header = (size_t)(fields[8] >> 4) * 4;
	if (length < header || header < TCP_HEADER)
		return;
	out->tcp_payload = (uint32_t)(length - header);
	out->tcp_options = (uint8_t)(header - TCP_HEADER);
	if ((out->tcp_flags & BH_TCP_SYN) != 0 && out->tcp_options > 0)
		find_segment_size(*c, out);
}

/* What a whole packet that is no quotation holds. */
static void decode_content(struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	if (out->sport == BH_DNS_PORT || out->dport == BH_DNS_PORT)
		find_dns(c, length, out);
	else if (out->tcp_payload >= BH_TLS_HELLO)
		find_hello(*c, length, out);
	decode_carried(c, length, out);
}

static enum bh_undecoded decode_transport(struct bh_cursor *c, size_t length, struct bh_packet *out,
					  bool quoted)
{
	const uint8_t *ports;

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
		ports = bh_cursor_take(c, 4);
		if (ports == NULL)
			return BH_TRUNCATED;
		out->sport = bh_read_u16(ports);
		out->dport = bh_read_u16(ports + 2);
		if (out->proto == IPPROTO_TCP)
			decode_tcp_rest(c, length, out);
	}
	/* What an error quotes is nobody's answer, and opens nothing; a message in fragments is not
	 * read. */
	if (quoted || out->fragment)
		decode_carried(c, length, out);
	else
		decode_content(c, length, out);
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
	const uint8_t *fields = bh_cursor_take(c, 20);

	if (fields == NULL)
		return BH_TRUNCATED;
	size_t header = (size_t)(fields[0] & 0x0f) * 4;
	uint16_t total = bh_read_u16(fields + 2), fragment = bh_read_u16(fields + 6);
	out->proto = fields[9];
	memcpy(out->src.bytes, fields + 12, 4);
	memcpy(out->dst.bytes, fields + 16, 4);
	/* A length of 0 is left for the network card to fill in (segmentation offload). */
	out->ip_bytes = total != 0 ? total : (uint32_t)wire;
	if (header < 20 || out->ip_bytes < header)
		return BH_MALFORMED;
	out->src.family = out->dst.family = BH_IPV4;
	note_fragment(out, fragment & 0x1fff, (fragment & 0x2000) != 0, bh_read_u16(fields + 4));
	out->fragment_proto = out->proto;
	if (!bh_cursor_skip(c, header - 20))
		return BH_TRUNCATED;
	return decode_payload(c, out->ip_bytes - header, BH_IPV4, out, quoted);
}

/* RFC 2675: the length of a packet that is longer than its header can say stands in a hop-by-hop
 * option. c stands at those options. False: there is none, or none that such a packet needs. */
static bool find_jumbo_length(struct bh_cursor c, size_t *length)
{
	enum { PAD_1 = 0x00, JUMBO = 0xc2 };
	uint8_t words, kind, size;
	uint32_t jumbo;
	struct bh_cursor options;

	if (!bh_cursor_skip(&c, 1) || !bh_cursor_u8(&c, &words) ||
	    !bh_cursor_carve(&c, (words + 1u) * 8 - 2, &options))
		return false;
	while (bh_cursor_u8(&options, &kind)) {
		if (kind == PAD_1)
			continue;
		if (!bh_cursor_u8(&options, &size))
			return false;
		if (kind == JUMBO && size == 4 && bh_cursor_u32(&options, &jumbo)) {
			if (jumbo > UINT16_MAX)
				*length = jumbo;
			return jumbo > UINT16_MAX;
		}
		if (!bh_cursor_skip(&options, size))
			return false;
	}
	return false;
}

static enum bh_undecoded decode_ipv6(struct bh_cursor *c, size_t wire, struct bh_packet *out,
				     bool quoted)
{
	const uint8_t *fields = bh_cursor_take(c, 40);

	if (fields == NULL)
		return BH_TRUNCATED;
	out->proto = fields[6];
	memcpy(out->src.bytes, fields + 8, 16);
	memcpy(out->dst.bytes, fields + 24, 16);
	out->src.family = out->dst.family = BH_IPV6;
	size_t length = bh_read_u16(fields + 4);
	size_t rest = wire > 40 ? wire - 40 : 0;
	/* 0 is a jumbogram's length, or left for the network card; unless nothing is to follow. */
	if (length == 0 && out->proto == IPPROTO_HOPOPTS && find_jumbo_length(*c, &length)) {
		if (length > rest)
			return BH_MALFORMED;
	} else if (length == 0 && out->proto != IPPROTO_NONE)
		length = rest;
	out->ip_bytes = (uint32_t)(40 + length);
	return decode_payload(c, length, BH_IPV6, out, quoted);
}

enum bh_undecoded bh_decode_ip(struct bh_cursor *c, size_t wire, struct bh_packet *out, bool quoted)
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
