/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ipfix_elements.h"

#define TEXT(id, name, description)                                                                \
	{                                                                                          \
		id, BH_IPFIX_STRING, BH_IPFIX_DEFAULT, BH_IPFIX_NO_UNIT, name, description         \
	}
#define COUNT(id, units, name, description)                                                        \
	{                                                                                          \
		id, BH_IPFIX_UNSIGNED64, BH_IPFIX_DELTA_COUNTER, units, name, description          \
	}

const struct bh_ipfix_own bh_ipfix_own[BH_IPFIX_OWN_COUNT] = {
	TEXT(BH_IPFIX_SOURCE_WORKLOAD, "sourceWorkload", "workload of the source"),
	TEXT(BH_IPFIX_DESTINATION_WORKLOAD, "destinationWorkload", "workload of the destination"),
	TEXT(BH_IPFIX_SOURCE_CONTAINER, "sourceContainerId", "container of the source"),
	TEXT(BH_IPFIX_DESTINATION_CONTAINER, "destinationContainerId",
	     "container of the destination"),
	TEXT(BH_IPFIX_VERDICT, "verdict", "what became of the way there"),
	TEXT(BH_IPFIX_REVERSE_VERDICT, "reverseVerdict", "what became of the way back"),
	TEXT(BH_IPFIX_INITIATOR_KNOWN_BY, "initiatorKnownBy", "how it is known who opened it"),
	TEXT(BH_IPFIX_STATE, "flowState", "how far it came"),
	TEXT(BH_IPFIX_DNS_NAME, "destinationDnsName", "the name that the source asked for"),
	TEXT(BH_IPFIX_TLS_NAME, "tlsServerName", "the name that the source claims to speak to"),
	TEXT(BH_IPFIX_TUNNEL, "tunnel", "what carried it"),
	TEXT(BH_IPFIX_NAMED_DESTINATION, "namedDestination", "address and port before translation"),
	{ BH_IPFIX_COUNTS_ARE_FLOOR, BH_IPFIX_BOOLEAN, BH_IPFIX_DEFAULT, BH_IPFIX_NO_UNIT,
	  "countsAreFloor", "something was lost while it was alive" },
	COUNT(BH_IPFIX_DELIVERED_PACKETS, BH_IPFIX_PACKETS, "deliveredPacketDeltaCount",
	      "packets that arrived"),
	COUNT(BH_IPFIX_DELIVERED_OCTETS, BH_IPFIX_OCTETS, "deliveredOctetDeltaCount",
	      "octets that arrived"),
	COUNT(BH_IPFIX_REVERSE_DELIVERED_PACKETS, BH_IPFIX_PACKETS,
	      "reverseDeliveredPacketDeltaCount", "packets that arrived on the way back"),
	COUNT(BH_IPFIX_REVERSE_DELIVERED_OCTETS, BH_IPFIX_OCTETS, "reverseDeliveredOctetDeltaCount",
	      "octets that arrived on the way back"),
};
