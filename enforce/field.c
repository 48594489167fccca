/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "field.h"

#include <net/ethernet.h>
#include <netinet/in.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "address.h"

/* nft's own numbers for data types and for the headers that typeof names; they stand in no kernel
 * header, because the kernel only stores them. */
enum {
	TYPE_INTEGER = 4,
	TYPE_IPADDR = 7,
	TYPE_IP6ADDR = 8,
	TYPE_ETHERADDR = 9,
	TYPE_ETHERTYPE = 10,
	TYPE_INET_PROTOCOL = 12,
	TYPE_INET_SERVICE = 13,
	TYPE_ICMP_TYPE = 14,
	TYPE_TCP_FLAG = 15,
	TYPE_ICMP6_TYPE = 29,
	TYPE_PKTTYPE = 31,
	TYPE_FIB_ADDR = 38,
	TYPE_IFNAME = 41,
};
enum { PROTOCOL_RAW = 0, PROTOCOL_ETHERNET = 17, ETHERNET_SADDR = 2 };

#define LINK NFT_PAYLOAD_LL_HEADER
#define NETWORK NFT_PAYLOAD_NETWORK_HEADER
#define TRANSPORT NFT_PAYLOAD_TRANSPORT_HEADER

static const struct bh_field_info fields[BH_FIELDS] = {
	[BH_FIELD_IIFNAME] = { "iifname", "ifname", TYPE_IFNAME, 16, BH_SOURCE_META,
			       NFT_META_IIFNAME },
	[BH_FIELD_OIFNAME] = { "oifname", "ifname", TYPE_IFNAME, 16, BH_SOURCE_META,
			       NFT_META_OIFNAME },
	[BH_FIELD_SDIFNAME] = { "meta sdifname", "ifname", TYPE_IFNAME, 16, BH_SOURCE_META,
				NFT_META_SDIFNAME },
	[BH_FIELD_OIFKIND] = { "meta oifkind", "ifname", TYPE_IFNAME, 16, BH_SOURCE_META,
			       NFT_META_OIFKIND },
	[BH_FIELD_L4PROTO] = { "meta l4proto", "inet_proto", TYPE_INET_PROTOCOL, 1, BH_SOURCE_META,
			       NFT_META_L4PROTO },
	[BH_FIELD_FIB_DADDR_TYPE] = { "fib daddr type", "fib_addrtype", TYPE_FIB_ADDR, 4,
				      BH_SOURCE_FIB },
	[BH_FIELD_PKTTYPE] = { "meta pkttype", "pkt_type", TYPE_PKTTYPE, 1, BH_SOURCE_META,
			       NFT_META_PKTTYPE },
	[BH_FIELD_ETHER_SADDR] = { "ether saddr", "ether_addr", TYPE_ETHERADDR, 6,
				   BH_SOURCE_PAYLOAD, LINK, 6, PROTOCOL_ETHERNET, ETHERNET_SADDR },
	[BH_FIELD_ETHER_TYPE] = { "ether type", "ether_type", TYPE_ETHERTYPE, 2, BH_SOURCE_PAYLOAD,
				  LINK, 12 },
	[BH_FIELD_ARP_SADDR_ETHER] = { "arp saddr ether",
				       "ether_addr",
				       TYPE_ETHERADDR,
				       6,
				       BH_SOURCE_PAYLOAD,
				       NETWORK,
				       8,
				       0,
				       0,
				       { ETHERTYPE_ARP, 0 } },
	[BH_FIELD_ARP_SADDR_IP] = { "arp saddr ip",
				    "ipv4_addr",
				    TYPE_IPADDR,
				    4,
				    BH_SOURCE_PAYLOAD,
				    NETWORK,
				    14,
				    0,
				    0,
				    { ETHERTYPE_ARP, 0 } },
	[BH_FIELD_IP_SADDR] = { "ip saddr",
				"ipv4_addr",
				TYPE_IPADDR,
				4,
				BH_SOURCE_PAYLOAD,
				NETWORK,
				12,
				0,
				0,
				{ ETHERTYPE_IP, 0 } },
	[BH_FIELD_IP_DADDR] = { "ip daddr",
				"ipv4_addr",
				TYPE_IPADDR,
				4,
				BH_SOURCE_PAYLOAD,
				NETWORK,
				16,
				0,
				0,
				{ ETHERTYPE_IP, 0 } },
	[BH_FIELD_IP_FRAGMENT] = { "ip frag-off",
				   NULL,
				   TYPE_INTEGER,
				   2,
				   BH_SOURCE_PAYLOAD,
				   NETWORK,
				   6,
				   0,
				   0,
				   { ETHERTYPE_IP, 0 } },
	[BH_FIELD_IP_TTL] = { "ip ttl",
			      NULL,
			      TYPE_INTEGER,
			      1,
			      BH_SOURCE_PAYLOAD,
			      NETWORK,
			      8,
			      0,
			      0,
			      { ETHERTYPE_IP, 0 } },
	[BH_FIELD_IP6_SADDR] = { "ip6 saddr",
				 "ipv6_addr",
				 TYPE_IP6ADDR,
				 16,
				 BH_SOURCE_PAYLOAD,
				 NETWORK,
				 8,
				 0,
				 0,
				 { ETHERTYPE_IPV6, 0 } },
	[BH_FIELD_IP6_DADDR] = { "ip6 daddr",
				 "ipv6_addr",
				 TYPE_IP6ADDR,
				 16,
				 BH_SOURCE_PAYLOAD,
				 NETWORK,
				 24,
				 0,
				 0,
				 { ETHERTYPE_IPV6, 0 } },
	[BH_FIELD_IP6_LENGTH] = { "ip6 length",
				  NULL,
				  TYPE_INTEGER,
				  2,
				  BH_SOURCE_PAYLOAD,
				  NETWORK,
				  4,
				  0,
				  0,
				  { ETHERTYPE_IPV6, 0 } },
	[BH_FIELD_IP6_HOPLIMIT] = { "ip6 hoplimit",
				    NULL,
				    TYPE_INTEGER,
				    1,
				    BH_SOURCE_PAYLOAD,
				    NETWORK,
				    7,
				    0,
				    0,
				    { ETHERTYPE_IPV6, 0 } },
	[BH_FIELD_TH_SPORT] = { "th sport", "inet_service", TYPE_INET_SERVICE, 2, BH_SOURCE_PAYLOAD,
				TRANSPORT, 0 },
	[BH_FIELD_TH_DPORT] = { "th dport", "inet_service", TYPE_INET_SERVICE, 2, BH_SOURCE_PAYLOAD,
				TRANSPORT, 2 },
	[BH_FIELD_UDP_SPORT] = { "udp sport",
				 "inet_service",
				 TYPE_INET_SERVICE,
				 2,
				 BH_SOURCE_PAYLOAD,
				 TRANSPORT,
				 0,
				 0,
				 0,
				 { 0, IPPROTO_UDP } },
	[BH_FIELD_UDP_DPORT] = { "udp dport",
				 "inet_service",
				 TYPE_INET_SERVICE,
				 2,
				 BH_SOURCE_PAYLOAD,
				 TRANSPORT,
				 2,
				 0,
				 0,
				 { 0, IPPROTO_UDP } },
	[BH_FIELD_TCP_FLAGS] = { "tcp flags",
				 "tcp_flag",
				 TYPE_TCP_FLAG,
				 1,
				 BH_SOURCE_PAYLOAD,
				 TRANSPORT,
				 13,
				 0,
				 0,
				 { 0, IPPROTO_TCP } },
	[BH_FIELD_SCTP_CHUNK] = { "@th,96,8", NULL, TYPE_INTEGER, 1, BH_SOURCE_PAYLOAD, TRANSPORT,
				  12, PROTOCOL_RAW },
	[BH_FIELD_ICMP_TYPE] = { "icmp type",
				 "icmp_type",
				 TYPE_ICMP_TYPE,
				 1,
				 BH_SOURCE_PAYLOAD,
				 TRANSPORT,
				 0,
				 0,
				 0,
				 { ETHERTYPE_IP, IPPROTO_ICMP } },
	[BH_FIELD_ICMPV6_TYPE] = { "icmpv6 type",
				   "icmpv6_type",
				   TYPE_ICMP6_TYPE,
				   1,
				   BH_SOURCE_PAYLOAD,
				   TRANSPORT,
				   0,
				   0,
				   0,
				   { ETHERTYPE_IPV6, IPPROTO_ICMPV6 } },
	[BH_FIELD_ND_TARGET] = { "@th,64,128", NULL, TYPE_INTEGER, 16, BH_SOURCE_PAYLOAD, TRANSPORT,
				 8, PROTOCOL_RAW },
	[BH_FIELD_ND_OPTION] = { "@th,192,16", NULL, TYPE_INTEGER, 2, BH_SOURCE_PAYLOAD, TRANSPORT,
				 24, PROTOCOL_RAW },
	[BH_FIELD_ND_LLADDR] = { "@th,208,48", NULL, TYPE_INTEGER, 6, BH_SOURCE_PAYLOAD, TRANSPORT,
				 26, PROTOCOL_RAW },
};

const struct bh_field_info *bh_field_info(enum bh_field field)
{
	return &fields[field];
}

size_t bh_field_room(enum bh_field field)
{
	return (fields[field].length + 3u) & ~3u;
}

static void print_hex(struct bh_buffer *out, const uint8_t *value, size_t length)
{
	bh_buffer_puts(out, "0x");
	for (size_t i = 0; i < length; i++)
		bh_buffer_printf(out, "%02x", value[i]);
}

static void print_decimal(struct bh_buffer *out, const uint8_t *value, size_t length)
{
	bh_buffer_printf(out, "%u", length == 1 ? value[0] : (unsigned)(value[0] << 8 | value[1]));
}

static void print_addr(struct bh_buffer *out, enum bh_family family, const uint8_t *value)
{
	struct bh_addr addr = bh_addr_from_bytes(family, value);
	char text[BH_ADDR_TEXT];

	bh_buffer_puts(out, bh_addr_format(&addr, text));
}

static void print_mac(struct bh_buffer *out, const uint8_t *value)
{
	struct bh_mac mac;
	char text[BH_MAC_TEXT];

	memcpy(mac.bytes, value, sizeof(mac.bytes));
	bh_buffer_puts(out, bh_mac_format(&mac, text));
}

static const char *fib_type(const uint8_t *value)
{
	uint32_t type;

	memcpy(&type, value, sizeof(type));
	return type == 3 ? "broadcast" : "multicast"; /* RTN_BROADCAST, RTN_MULTICAST */
}

/* PACKET_…; one that is neither for this host nor for many is another's. */
static const char *packet_type(uint8_t type)
{
	static const char *const names[] = { "host", "broadcast", "multicast", "other" };

	return names[type % (sizeof(names) / sizeof(names[0]))];
}

void bh_field_print(struct bh_buffer *out, enum bh_field field, const uint8_t *value)
{
	const struct bh_field_info *info = &fields[field];

	switch (info->datatype) {
	case TYPE_IFNAME:
		bh_buffer_printf(out, "\"%.16s\"", (const char *)value);
		break;
	case TYPE_IPADDR:
		print_addr(out, BH_IPV4, value);
		break;
	case TYPE_IP6ADDR:
		print_addr(out, BH_IPV6, value);
		break;
	case TYPE_ETHERADDR:
		print_mac(out, value);
		break;
	case TYPE_FIB_ADDR:
		bh_buffer_puts(out, fib_type(value));
		break;
	case TYPE_PKTTYPE:
		bh_buffer_puts(out, packet_type(*value));
		break;
	case TYPE_ETHERTYPE:
		print_hex(out, value, info->length);
		break;
	case TYPE_INTEGER:
		if (info->text[0] == '@')
			print_hex(out, value, info->length);
		else
			print_decimal(out, value, info->length);
		break;
	default:
		print_decimal(out, value, info->length);
	}
}
