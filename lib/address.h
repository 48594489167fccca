/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses and prefixes: text, comparison, what kind they are. */
#ifndef BH_ADDRESS_H
#define BH_ADDRESS_H

#include "bulkhead/address.h"

/* Bytes in an address of this family (4, 16; 0 for none). */
size_t bh_addr_size(uint8_t family);

/* bytes: 4 or 16 of them, network order. */
struct bh_addr bh_addr_from_bytes(enum bh_family family, const void *bytes);
bool bh_addr_parse(const char *text, struct bh_addr *out);
/* Of an IPv4 address that is written as an IPv6 one (::ffff:192.0.2.1) that; any other as it is. */
struct bh_addr bh_addr_unmapped(const struct bh_addr *addr);
/* RFC 5952 for IPv6; "-" where there is no address; returns out. */
char *bh_addr_format(const struct bh_addr *addr, char out[BH_ADDR_TEXT]);
/* The same, but returns where the text ends. */
char *bh_addr_put(const struct bh_addr *addr, char out[BH_ADDR_TEXT]);
bool bh_addr_equal(const struct bh_addr *a, const struct bh_addr *b);
/* Total order: family, then bytes. */
int bh_addr_compare(const struct bh_addr *a, const struct bh_addr *b);

bool bh_addr_is_link_local(const struct bh_addr *addr); /* 169.254/16, fe80::/10 */
bool bh_addr_is_multicast(const struct bh_addr *addr);	/* and 255.255.255.255 */
bool bh_addr_is_loopback(const struct bh_addr *addr);
bool bh_addr_is_unspecified(const struct bh_addr *addr);
/* RFC 1918, RFC 4193 fc00::/7, link-local, 100.64/10: never routed on the internet. */
bool bh_addr_is_private(const struct bh_addr *addr);

/* The cloud's metadata service: 169.254.169.254, fd00:ec2::254. */
bool bh_addr_is_metadata(const struct bh_addr *addr);

/* "10.0.0.0/8", or a bare address for its full length; host bits must be zero. */
bool bh_prefix_parse(const char *text, struct bh_prefix *out);
/* The same with host bits: the prefix around the address. */
bool bh_prefix_around(const char *text, struct bh_prefix *out);
char *bh_prefix_format(const struct bh_prefix *prefix, char out[BH_PREFIX_TEXT]);
bool bh_prefix_contains(const struct bh_prefix *prefix, const struct bh_addr *addr);
/* The prefix of this length around addr; length is capped at the family's. */
struct bh_prefix bh_prefix_of(const struct bh_addr *addr, uint8_t length);

#define BH_MAC_TEXT 18
char *bh_mac_format(const struct bh_mac *mac, char out[BH_MAC_TEXT]);
/* Six octets of one or two hexadecimal digits, and nothing else. */
bool bh_mac_parse(const char *text, struct bh_mac *out);

#endif
