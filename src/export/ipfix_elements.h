/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The information elements that bulkhead sends by IPFIX: IANA's, the reverse ones of RFC 5103, and
 * bulkhead's own, of whichever enterprise number is configured. docs/exports.md lists them.
 */
#ifndef BH_IPFIX_ELEMENTS_H
#define BH_IPFIX_ELEMENTS_H

#include <stddef.h>
#include <stdint.h>

#define BH_IPFIX_VARIABLE 65535	    /* a length that each record states (RFC 7011, 7) */
#define BH_IPFIX_REVERSE_PEN 29305u /* RFC 5103 */

/* Whose number it is. */
enum bh_ipfix_owner {
	BH_IPFIX_IANA,
	BH_IPFIX_REVERSE,
	BH_IPFIX_OWN,
};

struct bh_ipfix_element {
	uint8_t owner; /* enum bh_ipfix_owner */
	uint16_t id;
	uint16_t length; /* bytes, or BH_IPFIX_VARIABLE */
};

/* As RFC 5610 numbers them. */
enum { BH_IPFIX_UNSIGNED64 = 4, BH_IPFIX_BOOLEAN = 11, BH_IPFIX_STRING = 13 };
enum { BH_IPFIX_DEFAULT = 0, BH_IPFIX_DELTA_COUNTER = 3 };
enum { BH_IPFIX_NO_UNIT = 0, BH_IPFIX_OCTETS = 2, BH_IPFIX_PACKETS = 3 };

/* What nobody can look up in a registry. */
struct bh_ipfix_own {
	uint16_t id;
	uint8_t type;
	uint8_t semantics;
	uint8_t units;
	const char *name;
	const char *description;
};

/* bulkhead's own elements. The numbers are a contract: they are added to, and never change. They
 * are none of the reverse elements', because pmacct takes equal numbers in a template for the same
 * element, whosever they are. */
enum bh_ipfix_own_id {
	BH_IPFIX_SOURCE_WORKLOAD = 101,
	BH_IPFIX_DESTINATION_WORKLOAD,
	BH_IPFIX_SOURCE_CONTAINER,
	BH_IPFIX_DESTINATION_CONTAINER,
	BH_IPFIX_VERDICT,
	BH_IPFIX_REVERSE_VERDICT,
	BH_IPFIX_INITIATOR_KNOWN_BY,
	BH_IPFIX_STATE,
	BH_IPFIX_DNS_NAME,
	BH_IPFIX_TLS_NAME,
	BH_IPFIX_TUNNEL,
	BH_IPFIX_NAMED_DESTINATION,
	BH_IPFIX_COUNTS_ARE_FLOOR,
	BH_IPFIX_DELIVERED_PACKETS,
	BH_IPFIX_DELIVERED_OCTETS,
	BH_IPFIX_REVERSE_DELIVERED_PACKETS,
	BH_IPFIX_REVERSE_DELIVERED_OCTETS,
	BH_IPFIX_OWN_END,
};
#define BH_IPFIX_OWN_COUNT (BH_IPFIX_OWN_END - BH_IPFIX_SOURCE_WORKLOAD)

extern const struct bh_ipfix_own bh_ipfix_own[BH_IPFIX_OWN_COUNT];

#endif
