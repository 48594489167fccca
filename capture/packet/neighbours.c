/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "neighbours.h"

#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "cursor.h"
#include "grow.h"
#include "map.h"

#define MAC_BYTES 6

struct bh_neighbour_watch {
	struct bh_map *claims; /* address → struct bh_neighbour_claim */
	size_t most;
	struct bh_neighbour_counts counts;
};

const char *bh_neighbour_kind_name(enum bh_neighbour_kind kind)
{
	static const char *const names[] = { "requests", "answers", "announcements" };

	return kind < BH_NEIGHBOUR_KINDS ? names[kind] : "?";
}

/* --- ARP -------------------------------------------------------------------------------------- */

static bool decode_arp(struct bh_cursor *c, struct bh_neighbour *out)
{
	enum { HARDWARE_ETHERNET = 1, PROTOCOL_IPV4 = 0x0800, REQUEST = 1, REPLY = 2 };
	uint16_t hardware, protocol, operation;
	uint8_t hardware_length, protocol_length;
	struct bh_addr target = { .family = BH_IPV4 };

	out->is_arp = true;
	out->addr.family = BH_IPV4;
	if (!bh_cursor_u16(c, &hardware) || !bh_cursor_u16(c, &protocol) ||
	    !bh_cursor_u8(c, &hardware_length) || !bh_cursor_u8(c, &protocol_length) ||
	    !bh_cursor_u16(c, &operation) || hardware != HARDWARE_ETHERNET ||
	    protocol != PROTOCOL_IPV4 || hardware_length != MAC_BYTES || protocol_length != 4 ||
	    (operation != REQUEST && operation != REPLY) ||
	    !bh_cursor_bytes(c, out->mac.bytes, MAC_BYTES) ||
	    !bh_cursor_bytes(c, out->addr.bytes, 4) || !bh_cursor_skip(c, MAC_BYTES) ||
	    !bh_cursor_bytes(c, target.bytes, 4))
		return false;
	out->kind = bh_addr_equal(&out->addr, &target) ? BH_NEIGHBOUR_ANNOUNCES
		    : operation == REQUEST	       ? BH_NEIGHBOUR_ASKS
						       : BH_NEIGHBOUR_ANSWERS;
	return true;
}

/* --- neighbour discovery ---------------------------------------------------------------------- */

/* The link-layer address that the option of this kind has; false: there is none. */
static bool find_link_address(struct bh_cursor *c, uint8_t wanted, struct bh_mac *out)
{
	uint8_t kind, words;
	struct bh_cursor option;

	while (bh_cursor_u8(c, &kind) && bh_cursor_u8(c, &words) && words > 0 &&
	       bh_cursor_carve(c, words * 8u - 2, &option))
		if (kind == wanted)
			return bh_cursor_bytes(&option, out->bytes, MAC_BYTES);
	return false;
}

/* Behind type, code and checksum. A solicitation claims its own source address, an advertisement
 * the one that it advertises; neither claims anything without a link-layer address. */
static bool decode_discovery(struct bh_cursor *c, const struct bh_packet *p,
			     struct bh_neighbour *out)
{
	enum { SOURCE_LINK = 1, TARGET_LINK = 2, SOLICITED = 0x40 };
	bool solicitation = p->dport >> 8 == BH_ND_SOLICITATION;
	struct bh_addr target = { .family = BH_IPV6 };
	uint8_t flags;

	if (!bh_cursor_u8(c, &flags) || !bh_cursor_skip(c, 3) ||
	    !bh_cursor_bytes(c, target.bytes, sizeof(target.bytes)))
		return false;
	out->kind = solicitation	       ? BH_NEIGHBOUR_ASKS
		    : (flags & SOLICITED) != 0 ? BH_NEIGHBOUR_ANSWERS
					       : BH_NEIGHBOUR_ANNOUNCES;
	if (find_link_address(c, solicitation ? SOURCE_LINK : TARGET_LINK, &out->mac))
		out->addr = solicitation ? p->src : target;
	return true;
}

/* The unspecified address is a probe's: whoever sends it has none yet. */
static bool is_unspecified(const struct bh_addr *addr)
{
	static const uint8_t zeros[sizeof(addr->bytes)];

	return memcmp(addr->bytes, zeros, sizeof(zeros)) == 0;
}

bool bh_neighbour_decode(const struct bh_packet *p, struct bh_neighbour *out)
{
	struct bh_cursor c = bh_cursor_over(p->neighbour, p->neighbour_captured);

	*out = (struct bh_neighbour) { 0 };
	bool read =
		p->src.family == BH_NO_FAMILY ? decode_arp(&c, out) : decode_discovery(&c, p, out);
	if (is_unspecified(&out->addr))
		out->addr.family = BH_NO_FAMILY;
	return read;
}

/* --- the watch -------------------------------------------------------------------------------- */

struct bh_neighbour_watch *bh_neighbour_watch_new(size_t most)
{
	struct bh_neighbour_watch *w = bh_calloc(1, sizeof(*w));

	w->claims = bh_map_new(free);
	w->most = most;
	return w;
}

void bh_neighbour_watch_free(struct bh_neighbour_watch *w)
{
	if (w == NULL)
		return;
	bh_map_free(w->claims);
	free(w);
}

static void remember(struct bh_neighbour_watch *w, const struct bh_neighbour *n)
{
	if (bh_map_count(w->claims) == w->most) {
		w->counts.unremembered++;
		return;
	}
	struct bh_neighbour_claim *claim = bh_calloc(1, sizeof(*claim));
	*claim = (struct bh_neighbour_claim) { .addr = n->addr, .mac = n->mac };
	bh_map_put(w->claims, &claim->addr, sizeof(claim->addr), claim);
}

static void take_claim(struct bh_neighbour_watch *w, const struct bh_neighbour *n)
{
	struct bh_neighbour_claim *claim = bh_map_get(w->claims, &n->addr, sizeof(n->addr));

	if (claim == NULL) {
		remember(w, n);
		return;
	}
	if (memcmp(&claim->mac, &n->mac, sizeof(n->mac)) == 0)
		return;
	claim->before = claim->mac;
	claim->mac = n->mac;
	claim->turns++;
}

void bh_neighbour_watch_packet(struct bh_neighbour_watch *w, const struct bh_packet *p)
{
	struct bh_neighbour n;

	if (!bh_neighbour_decode(p, &n)) {
		w->counts.unread++;
		return;
	}
	(n.is_arp ? w->counts.arp : w->counts.discovery)[n.kind]++;
	if (n.addr.family != BH_NO_FAMILY)
		take_claim(w, &n);
}

struct bh_neighbour_counts bh_neighbour_watch_counts(const struct bh_neighbour_watch *w)
{
	return w->counts;
}

const struct bh_neighbour_claim *bh_neighbour_watch_next(const struct bh_neighbour_watch *w,
							 size_t *position)
{
	const struct bh_neighbour_claim *claim;

	while ((claim = bh_map_next(w->claims, position)) != NULL)
		if (claim->turns > 0)
			break;
	return claim;
}
