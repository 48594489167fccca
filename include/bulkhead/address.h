/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses as every part of bulkhead speaks of them: by value, in network byte order. */
#ifndef BULKHEAD_ADDRESS_H
#define BULKHEAD_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bh_family {
	BH_NO_FAMILY = 0,
	BH_IPV4 = 4,
	BH_IPV6 = 6,
};

/* bytes: network order; an IPv4 address fills the first four, the rest is zero, so that two
 * addresses are equal exactly when their structs are (memcmp and hashing are safe). */
struct bh_addr {
	uint8_t family; /* enum bh_family */
	uint8_t bytes[16];
};

struct bh_prefix {
	struct bh_addr addr; /* host bits zero */
	uint8_t length;	     /* bits: 0–32 or 0–128 */
};

struct bh_mac {
	uint8_t bytes[6];
};

#define BH_ADDR_TEXT 46	  /* INET6_ADDRSTRLEN */
#define BH_PREFIX_TEXT 50 /* "…/128" */
#define BH_LINK_KIND 32	  /* of a device, as rtnetlink names it: "bridge", "vrf" */
#define BH_IFNAME 16	  /* IFNAMSIZ, as netlink and nftables count it */

#endif
