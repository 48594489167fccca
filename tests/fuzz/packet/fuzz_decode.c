/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One packet: the first byte chooses the link type, the second how much more was on the wire. */
#include <netinet/in.h>
#include <pcap/dlt.h>
#include <stdint.h>
#include <stdlib.h>

#include "address.h"
#include "decode.h"
#include "neighbours.h"

static const int linktypes[] = { DLT_EN10MB, DLT_RAW,  DLT_LINUX_SLL, DLT_LINUX_SLL2,
				 DLT_IPV4,   DLT_IPV6, DLT_NULL };

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check(const struct bh_packet *p)
{
	require(p->src.family == BH_IPV4 || p->src.family == BH_IPV6);
	require(p->src.family == p->dst.family);
	require(p->ip_bytes >= (p->src.family == BH_IPV4 ? 20 : 40));
	require(p->tcp_payload <= p->ip_bytes);
	require(p->fragment || !p->first_fragment);
	require(p->proto == IPPROTO_TCP || p->tcp_flags == 0);
	if (p->fragment && !p->first_fragment)
		require(p->sport == 0 && p->dport == 0 && !p->icmp_error);
	if (p->unreachable)
		require(p->icmp_error && !p->icmp_reply);
	require(p->quoted == NULL || p->icmp_error);
}

/* What a tunnel carries, as far down as it goes; each level is shorter than the one around it. */
static void check_inner(const struct bh_packet *carrier)
{
	struct bh_packet packet = *carrier, inner;

	while (packet.inner.at != NULL) {
		require(packet.inner.tunnel != BH_TUNNEL_NONE);
		require(packet.inner.captured <= packet.inner.wire);
		require(packet.inner.wire < packet.ip_bytes);
		if (bh_decode_inner(&packet, &inner) != BH_DECODED)
			return;
		check(&inner);
		packet = inner;
	}
}

static void check_neighbour(const struct bh_packet *p, enum bh_undecoded kind)
{
	struct bh_neighbour n;

	if (p->neighbour == NULL)
		return;
	require(kind == BH_ARP || kind == BH_DECODED);
	if (!bh_neighbour_decode(p, &n))
		return;
	require(n.kind < BH_NEIGHBOUR_KINDS && n.is_arp == (kind == BH_ARP));
	require(n.addr.family == BH_NO_FAMILY || n.addr.family == (n.is_arp ? BH_IPV4 : BH_IPV6));
}

static void check_quoted(const struct bh_packet *error)
{
	struct bh_packet quoted;

	if (error->quoted == NULL || bh_decode_quoted(error, &quoted) != BH_DECODED)
		return;
	require(quoted.quoted == NULL && quoted.dns == NULL && quoted.hello == NULL);
	check(&quoted);
	check_inner(&quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_packet packet;

	if (size < 2)
		return 0;
	int linktype = linktypes[data[0] % (sizeof(linktypes) / sizeof(linktypes[0]))];
	size_t wire = size - 2 + data[1] * 16u;

	enum bh_undecoded kind = bh_decode(linktype, data + 2, size - 2, wire, 1, &packet);
	require(kind < BH_UNDECODED_KINDS);
	check_neighbour(&packet, kind);
	require(packet.sender == NULL ||
		(packet.sender > data && packet.sender + 6 <= data + size));
	if (kind != BH_DECODED)
		return 0;
	check(&packet);
	check_inner(&packet);
	check_quoted(&packet);
	return 0;
}
