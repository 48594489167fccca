/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "frame.h"

#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "checksum.h"

static void put(struct bh_lab_frame *frame, const void *data, size_t length)
{
	if (length > sizeof(frame->bytes) - frame->length)
		abort(); /* all texts and headers are this program's own */
	memcpy(frame->bytes + frame->length, data, length);
	frame->length += length;
}

static void put16(struct bh_lab_frame *frame, uint16_t value)
{
	put(frame, &(uint16_t) { htons(value) }, sizeof(value));
}

static void put_ethernet(struct bh_lab_frame *frame, const struct bh_lab_ends *ends, uint16_t type)
{
	frame->length = 0;
	put(frame, ends->dst_mac.bytes, sizeof(ends->dst_mac.bytes));
	put(frame, ends->src_mac.bytes, sizeof(ends->src_mac.bytes));
	if (ends->tagged) {
		put16(frame, ETHERTYPE_VLAN);
		put16(frame, 0);
	}
	put16(frame, type);
}

static void put_ipv4(struct bh_lab_frame *frame, const struct bh_lab_ends *ends, uint8_t protocol,
		     size_t length)
{
	struct iphdr ip = { .version = 4,
			    .ihl = sizeof(ip) / 4,
			    .tot_len = htons((uint16_t)(sizeof(ip) + length)),
			    .ttl = 64,
			    .protocol = protocol };

	memcpy(&ip.saddr, ends->src.bytes, sizeof(ip.saddr));
	memcpy(&ip.daddr, ends->dst.bytes, sizeof(ip.daddr));
	ip.check = htons(bh_lab_checksum(0, &ip, sizeof(ip)));
	put_ethernet(frame, ends, ETHERTYPE_IP);
	put(frame, &ip, sizeof(ip));
}

static void put_ipv6(struct bh_lab_frame *frame, const struct bh_lab_ends *ends, uint8_t protocol,
		     size_t length)
{
	struct ip6_hdr ip = { 0 };

	ip.ip6_flow = htonl(6U << 28);
	ip.ip6_plen = htons((uint16_t)length);
	ip.ip6_nxt = protocol;
	ip.ip6_hlim = 255; /* neighbour discovery insists on it */
	memcpy(&ip.ip6_src, ends->src.bytes, sizeof(ip.ip6_src));
	memcpy(&ip.ip6_dst, ends->dst.bytes, sizeof(ip.ip6_dst));
	put_ethernet(frame, ends, ETHERTYPE_IPV6);
	put(frame, &ip, sizeof(ip));
}

/* A packet around the payload, whose checksum (16 bits at this offset, zero so far) is filled in.
 */
static void put_packet(struct bh_lab_frame *frame, const struct bh_lab_ends *ends, uint8_t protocol,
		       uint8_t *payload, size_t length, size_t checksum_at)
{
	size_t size = bh_addr_size(ends->src.family);
	uint32_t sum = bh_lab_sum(0, ends->src.bytes, size);
	uint16_t checksum;

	sum = bh_lab_sum(sum, ends->dst.bytes, size) + protocol + (uint32_t)length;
	checksum = htons(bh_lab_checksum(sum, payload, length));
	memcpy(payload + checksum_at, &checksum, sizeof(checksum));
	if (ends->src.family == BH_IPV4)
		put_ipv4(frame, ends, protocol, length);
	else
		put_ipv6(frame, ends, protocol, length);
	put(frame, payload, length);
}

void bh_lab_frame_udp(struct bh_lab_frame *frame, const struct bh_lab_ends *ends, uint16_t src_port,
		      uint16_t dst_port, const char *text)
{
	uint8_t payload[sizeof(struct udphdr) + 64];
	size_t length = sizeof(struct udphdr) + strnlen(text, 64);
	struct udphdr udp = { .source = htons(src_port),
			      .dest = htons(dst_port),
			      .len = htons((uint16_t)length) };

	memcpy(payload, &udp, sizeof(udp));
	memcpy(payload + sizeof(udp), text, length - sizeof(udp));
	put_packet(frame, ends, IPPROTO_UDP, payload, length, offsetof(struct udphdr, check));
}

void bh_lab_frame_syn(struct bh_lab_frame *frame, const struct bh_lab_ends *ends, uint16_t src_port,
		      uint16_t dst_port, uint32_t sequence)
{
	struct tcphdr tcp = { .source = htons(src_port),
			      .dest = htons(dst_port),
			      .seq = htonl(sequence),
			      .doff = sizeof(tcp) / 4,
			      .syn = 1,
			      .window = htons(8192) };

	put_packet(frame, ends, IPPROTO_TCP, (uint8_t *)&tcp, sizeof(tcp),
		   offsetof(struct tcphdr, check));
}

void bh_lab_frame_arp(struct bh_lab_frame *frame, const struct bh_lab_ends *ends, bool gratuitous)
{
	static const struct bh_mac nobody;
	const struct bh_addr *target = gratuitous ? &ends->src : &ends->dst;

	put_ethernet(frame, ends, ETHERTYPE_ARP);
	put16(frame, ARPHRD_ETHER);
	put16(frame, ETHERTYPE_IP);
	put(frame, "\6\4", 2); /* lengths of the addresses */
	put16(frame, gratuitous ? ARPOP_REPLY : ARPOP_REQUEST);
	put(frame, ends->src_mac.bytes, sizeof(ends->src_mac.bytes));
	put(frame, ends->src.bytes, 4);
	/* A gratuitous reply names its sender twice, or an entry younger than a second outlives it.
	 */
	put(frame, gratuitous ? ends->src_mac.bytes : nobody.bytes, sizeof(nobody.bytes));
	put(frame, target->bytes, 4);
}

/* An option that names a hardware address. */
struct mac_option {
	uint8_t type;
	uint8_t length; /* in eights of bytes */
	struct bh_mac mac;
};

static struct mac_option mac_option(uint8_t type, const struct bh_mac *mac)
{
	return (struct mac_option) { .type = type, .length = 1, .mac = *mac };
}

void bh_lab_frame_advertisement(struct bh_lab_frame *frame, const struct bh_lab_ends *ends,
				const struct bh_addr *target)
{
	struct {
		struct nd_neighbor_advert head;
		struct mac_option option;
	} body = { .option = mac_option(ND_OPT_TARGET_LINKADDR, &ends->src_mac) };

	body.head.nd_na_type = ND_NEIGHBOR_ADVERT;
	body.head.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
	memcpy(&body.head.nd_na_target, target->bytes, sizeof(target->bytes));
	put_packet(frame, ends, IPPROTO_ICMPV6, (uint8_t *)&body, sizeof(body),
		   offsetof(struct icmp6_hdr, icmp6_cksum));
}

void bh_lab_frame_solicitation(struct bh_lab_frame *frame, const struct bh_lab_ends *ends)
{
	struct {
		struct nd_neighbor_solicit head;
		struct mac_option option;
	} body = { .option = mac_option(ND_OPT_SOURCE_LINKADDR, &ends->src_mac) };

	body.head.nd_ns_type = ND_NEIGHBOR_SOLICIT;
	memcpy(&body.head.nd_ns_target, ends->dst.bytes, sizeof(ends->dst.bytes));
	put_packet(frame, ends, IPPROTO_ICMPV6, (uint8_t *)&body, sizeof(body),
		   offsetof(struct icmp6_hdr, icmp6_cksum));
}

void bh_lab_frame_router(struct bh_lab_frame *frame, const struct bh_lab_ends *ends,
			 uint16_t lifetime)
{
	struct {
		struct nd_router_advert head;
		struct mac_option option;
	} body = { .option = mac_option(ND_OPT_SOURCE_LINKADDR, &ends->src_mac) };

	body.head.nd_ra_type = ND_ROUTER_ADVERT;
	body.head.nd_ra_router_lifetime = htons(lifetime);
	put_packet(frame, ends, IPPROTO_ICMPV6, (uint8_t *)&body, sizeof(body),
		   offsetof(struct icmp6_hdr, icmp6_cksum));
}
