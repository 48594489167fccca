/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a rule can look at in a packet: each field's words in nft's language, where the kernel finds
 * it, and what must be known of the packet before it may be read. */
#ifndef BH_FIELD_H
#define BH_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

enum bh_field {
	BH_FIELD_IIFNAME,
	BH_FIELD_OIFNAME,
	BH_FIELD_SDIFNAME, /* in a VRF: the interface that it came by, where iifname is the VRF's;
			    * in hooks forward and input alone */
	BH_FIELD_OIFKIND,
	BH_FIELD_L4PROTO,
	BH_FIELD_FIB_DADDR_TYPE,
	BH_FIELD_PKTTYPE, /* by the link-layer address */
	BH_FIELD_ETHER_SADDR,
	BH_FIELD_ETHER_TYPE,
	BH_FIELD_ARP_SADDR_ETHER,
	BH_FIELD_ARP_SADDR_IP,
	BH_FIELD_IP_SADDR,
	BH_FIELD_IP_DADDR,
	BH_FIELD_IP_FRAGMENT, /* flags and offset */
	BH_FIELD_IP_TTL,
	BH_FIELD_IP6_SADDR,
	BH_FIELD_IP6_DADDR,
	BH_FIELD_IP6_LENGTH,
	BH_FIELD_IP6_HOPLIMIT,
	BH_FIELD_TH_SPORT,
	BH_FIELD_TH_DPORT,
	BH_FIELD_UDP_SPORT,
	BH_FIELD_UDP_DPORT,
	BH_FIELD_TCP_FLAGS,
	BH_FIELD_SCTP_CHUNK, /* the first one's type; after l4proto was looked at */
	BH_FIELD_ICMP_TYPE,
	BH_FIELD_ICMPV6_TYPE,
	/* Neighbour discovery, which nft 1.0.6 has no words for: the target address, the head (type
	 * and length) of the first option, and the link-layer address in it. They say nothing about
	 * the packet: the ICMPv6 type must have been looked at before. */
	BH_FIELD_ND_TARGET,
	BH_FIELD_ND_OPTION,
	BH_FIELD_ND_LLADDR,
	BH_FIELDS,
};

enum bh_field_source {
	BH_SOURCE_META,
	BH_SOURCE_FIB,
	BH_SOURCE_PAYLOAD,
};

/* What the packet must be for the field to exist: a network protocol, and one above it. */
struct bh_field_needs {
	uint16_t ethertype; /* 0: any */
	uint8_t l4proto;    /* 0: any */
};

struct bh_field_info {
	const char *text;	 /* "ip saddr" */
	const char *type;	 /* "ipv4_addr"; NULL: raw, a set of it is declared by typeof */
	uint8_t datatype;	 /* nft's number of that type */
	uint8_t length;		 /* bytes */
	uint8_t source;		 /* enum bh_field_source */
	uint8_t key;		 /* meta: enum nft_meta_keys; payload: enum nft_payload_bases */
	uint8_t offset;		 /* payload */
	uint8_t typeof_protocol; /* payload: how nft numbers the header and the field in it */
	uint8_t typeof_field;
	struct bh_field_needs needs;
};

const struct bh_field_info *bh_field_info(enum bh_field field);

/* Bytes that the field takes in a concatenated key or in registers: length, rounded up to four. */
size_t bh_field_room(enum bh_field field);

/* Appends the value as nft reads and prints it. */
void bh_field_print(struct bh_buffer *out, enum bh_field field, const uint8_t *value);

#endif
