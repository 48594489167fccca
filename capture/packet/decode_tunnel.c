/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tunnels, each by its own header. A header that says something else than the tunnel's document is
 * none: what merely goes to the same port carries nothing. */
#include <netinet/in.h>

#include "decode_parts.h"

#define GTP_PORT 2152
#define TEREDO_PORT 3544
#define VXLAN_PORT 4789
#define VXLAN_GPE_PORT 4790
#define VXLAN_PORT_LINUX 8472 /* what Linux used before there was a number, and Flannel does */
#define GENEVE_PORT 6081

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

static void name_tunnel(struct bh_packet *out, uint32_t id)
{
	out->inner.has_id = true;
	out->inner.id = id;
}

/* Where the header does not say what follows, IP itself does; 0: neither version. */
static int ip_version(const struct bh_cursor *c)
{
	int version = c->left > 0 ? c->at[0] >> 4 : 0;

	return version == 4 || version == 6 ? version : 0;
}

/* --- VXLAN, Geneve ---------------------------------------------------------------------------- */

#define VXLAN_HAS_VNI 0x08
#define VXLAN_HAS_PROTOCOL 0x04

static void decode_vxlan(struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	uint8_t flags;
	uint32_t vni;

	if (length < 8 || !bh_cursor_u8(c, &flags) || !bh_cursor_skip(c, 3) ||
	    !bh_cursor_u32(c, &vni) || (flags & VXLAN_HAS_VNI) == 0)
		return;
	name_tunnel(out, vni >> 8);
	carry(c, length - 8, BH_TUNNEL_VXLAN, true, out);
}

/* draft-ietf-nvo3-vxlan-gpe: the byte before the VNI says what follows. */
static void decode_vxlan_gpe(struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	enum { IPV4 = 1, IPV6 = 2, ETHERNET = 3 };
	uint8_t flags, protocol;
	uint32_t vni;

	if (length < 8 || !bh_cursor_u8(c, &flags) || !bh_cursor_skip(c, 2) ||
	    !bh_cursor_u8(c, &protocol) || !bh_cursor_u32(c, &vni) ||
	    (flags & VXLAN_HAS_PROTOCOL) == 0 || protocol < IPV4 || protocol > ETHERNET)
		return;
	if ((flags & VXLAN_HAS_VNI) != 0)
		name_tunnel(out, vni >> 8);
	carry(c, length - 8, BH_TUNNEL_VXLAN_GPE, protocol == ETHERNET, out);
}

/* Whether the tunnel's header says that Ethernet or IP follows. */
static bool is_carried(uint16_t type)
{
	return type == BH_TYPE_ETHERNET || type == BH_TYPE_IPV4 || type == BH_TYPE_IPV6;
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
	name_tunnel(out, vni >> 8);
	carry(c, length - 8 - options, BH_TUNNEL_GENEVE, type == BH_TYPE_ETHERNET, out);
}

/* --- GRE, ERSPAN ------------------------------------------------------------------------------ */

#define GRE_CHECKSUM 0x8000
#define GRE_KEY 0x2000
#define GRE_SEQUENCE 0x1000
/* Routing (withdrawn by RFC 2784) and the version, of which 0 is read. */
#define GRE_UNREAD 0x4007
#define TYPE_ERSPAN 0x88be   /* types I and II */
#define TYPE_ERSPAN_3 0x22eb /* draft-foschiano-erspan-03 */
#define ERSPAN_SESSION 0x3ff
#define ERSPAN_SUBHEADER 0x01

/* Behind GRE's header, which is `header` long of `length`. */
static void decode_erspan(struct bh_cursor *c, size_t length, bool third, struct bh_packet *out)
{
	size_t rest = third ? 8 : 4, header = 4 + rest;
	uint32_t session;
	uint8_t last = 0;

	if (!bh_cursor_u32(c, &session) || !bh_cursor_skip(c, rest - 1) || !bh_cursor_u8(c, &last))
		return;
	if (third && (last & ERSPAN_SUBHEADER) != 0) {
		header += 8;
		if (!bh_cursor_skip(c, 8))
			return;
	}
	if (length < header)
		return;
	name_tunnel(out, session & ERSPAN_SESSION);
	carry(c, length - header, BH_TUNNEL_ERSPAN, true, out);
}

/* What GRE's type says that follows. */
static void decode_gre_payload(struct bh_cursor *c, size_t length, uint16_t type, bool numbered,
			       struct bh_packet *out)
{
	if (is_carried(type))
		carry(c, length, BH_TUNNEL_GRE, type == BH_TYPE_ETHERNET, out);
	else if (type == TYPE_ERSPAN && !numbered) /* type I: no header of its own */
		carry(c, length, BH_TUNNEL_ERSPAN, true, out);
	else if (type == TYPE_ERSPAN || type == TYPE_ERSPAN_3)
		decode_erspan(c, length, type == TYPE_ERSPAN_3, out);
}

void bh_decode_gre(struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	uint16_t flags, type;
	uint32_t key;
	size_t before = c->left;

	if (!bh_cursor_u16(c, &flags) || !bh_cursor_u16(c, &type) || (flags & GRE_UNREAD) != 0)
		return;
	if ((flags & GRE_CHECKSUM) != 0 && !bh_cursor_skip(c, 4))
		return;
	if ((flags & GRE_KEY) != 0) {
		if (!bh_cursor_u32(c, &key))
			return;
		name_tunnel(out, key);
	}
	if ((flags & GRE_SEQUENCE) != 0 && !bh_cursor_skip(c, 4))
		return;
	size_t header = before - c->left;
	if (length >= header)
		decode_gre_payload(c, length - header, type, (flags & GRE_SEQUENCE) != 0, out);
}

/* --- GTP-U (3GPP TS 29.281) --------------------------------------------------------------------
 */

#define GTP_VERSION_TYPE 0xf0 /* version and protocol type … */
#define GTP_1_U 0x30	      /* … of GTPv1's user plane */
#define GTP_OPTIONAL 0x07     /* any of three flags brings all three optional fields */
#define GTP_EXTENSION 0x04
#define GTP_USER_PACKET 255

/* Each says its length in words of four bytes, its last byte what follows. */
static bool skip_gtp_extensions(struct bh_cursor *c)
{
	uint8_t next, words;

	if (!bh_cursor_skip(c, 3) || !bh_cursor_u8(c, &next))
		return false;
	while (next != 0)
		if (!bh_cursor_u8(c, &words) || words == 0 || !bh_cursor_skip(c, words * 4u - 2) ||
		    !bh_cursor_u8(c, &next))
			return false;
	return true;
}

static void decode_gtp(struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	uint8_t flags, type;
	uint32_t endpoint;
	size_t before = c->left;

	if (!bh_cursor_u8(c, &flags) || !bh_cursor_u8(c, &type) || !bh_cursor_skip(c, 2) ||
	    !bh_cursor_u32(c, &endpoint) || (flags & GTP_VERSION_TYPE) != GTP_1_U ||
	    type != GTP_USER_PACKET)
		return;
	if ((flags & GTP_EXTENSION) != 0 ? !skip_gtp_extensions(c)
					 : (flags & GTP_OPTIONAL) != 0 && !bh_cursor_skip(c, 4))
		return;
	size_t header = before - c->left;
	if (length < header || ip_version(c) == 0)
		return;
	name_tunnel(out, endpoint);
	carry(c, length - header, BH_TUNNEL_GTP, false, out);
}

/* --- Teredo (RFC 4380) -------------------------------------------------------------------------
 */

#define TEREDO_ORIGIN 0x0000
#define TEREDO_AUTHENTICATION 0x0001

static bool skip_teredo_authentication(struct bh_cursor *c)
{
	uint8_t id, value;

	return bh_cursor_skip(c, 2) && bh_cursor_u8(c, &id) && bh_cursor_u8(c, &value) &&
	       bh_cursor_skip(c, (size_t)id + value + 9);
}

static uint16_t peek_u16(struct bh_cursor c)
{
	uint16_t value;

	return bh_cursor_u16(&c, &value) ? value : UINT16_MAX;
}

static void decode_teredo(struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	size_t before = c->left;

	if (peek_u16(*c) == TEREDO_AUTHENTICATION && !skip_teredo_authentication(c))
		return;
	if (peek_u16(*c) == TEREDO_ORIGIN && !bh_cursor_skip(c, 8))
		return;
	size_t header = before - c->left;
	if (length >= header && ip_version(c) == 6)
		carry(c, length - header, BH_TUNNEL_TEREDO, false, out);
}

/* --- by what stands before it ------------------------------------------------------------------
 */

static void (*udp_tunnel(const struct bh_packet *p))(struct bh_cursor *c, size_t length,
						     struct bh_packet *out)
{
	switch (p->dport) {
	case VXLAN_PORT:
	case VXLAN_PORT_LINUX:
		return decode_vxlan;
	case VXLAN_GPE_PORT:
		return decode_vxlan_gpe;
	case GENEVE_PORT:
		return decode_geneve;
	case GTP_PORT:
		return decode_gtp;
	case TEREDO_PORT:
		return decode_teredo;
	}
	/* A relay's answers go to whatever port the client has. */
	return p->sport == TEREDO_PORT ? decode_teredo : NULL;
}

void bh_decode_udp_tunnel(struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	void (*decode)(struct bh_cursor *, size_t, struct bh_packet *) = udp_tunnel(out);

	if (decode != NULL && length >= 8 && bh_cursor_skip(c, 4))
		decode(c, length - 8, out);
}

void bh_decode_ip_in_ip(const struct bh_cursor *c, size_t length, struct bh_packet *out)
{
	bool outer6 = out->src.family == BH_IPV6, inner6 = out->proto == IPPROTO_IPV6;
	enum bh_tunnel tunnel = outer6	 ? inner6 ? BH_TUNNEL_IP6IP6 : BH_TUNNEL_IPIP6
				: inner6 ? BH_TUNNEL_SIT
					 : BH_TUNNEL_IPIP;

	carry(c, length, tunnel, false, out);
}
