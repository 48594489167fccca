/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Edges: what was learned, one a (source, destination, protocol, port), never one a replica. */
#ifndef BULKHEAD_EDGE_H
#define BULKHEAD_EDGE_H

#include "bulkhead/address.h"

/* What stands at an end of an edge or a flow. */
enum bh_peer_kind {
	BH_PEER_UNRESOLVED, /* a local address that no one owns up to */
	BH_PEER_WORKLOAD,
	BH_PEER_HOST,	   /* this host itself, by whatever address */
	BH_PEER_WORLD,	   /* any external address (ingress through a published port) */
	BH_PEER_ADDRESS,   /* one external address */
	BH_PEER_METADATA,  /* 169.254.169.254 */
	BH_PEER_MULTICAST, /* and broadcast */
	BH_PEER_DEPARTED,  /* belonged to an endpoint that is gone */
	BH_PEER_MASKED,	   /* somebody whose connections reach us as the host's */
	BH_PEER_DNS,	   /* outside, by the name that it was asked for: "dns:pay.example" */
	BH_PEER_KINDS,
};

#define BH_PEER_NAME 256

/* name: the workload's, "host", "world", "metadata", "multicast", the address as text; of one who
 * is masked, by what. */
struct bh_peer {
	uint8_t kind; /* enum bh_peer_kind */
	char name[BH_PEER_NAME];
};

#define BH_BYTES_UNKNOWN UINT64_MAX

struct bh_edge {
	const struct bh_peer *src; /* whoever states the edge says how long they are good */
	const struct bh_peer *dst;
	uint8_t proto;
	uint16_t port; /* destination port; for ICMP type * 256 + code */
	int64_t first; /* µs */
	int64_t last;
	uint64_t connections; /* answered and not */
	uint64_t answered;
	uint64_t bytes;	     /* both directions, as sent; BH_BYTES_UNKNOWN: not all were counted */
	uint64_t replicas;   /* bitmap over hashes of the source's replicas */
	uint32_t windows;    /* distinct time windows with an answered connection */
	int64_t last_window; /* index of the newest of them */
	uint32_t hours;	     /* the same of the 24th parts of windows */
	int64_t last_hour;
	uint32_t shared_hours; /* of these hours: those in which its source had several replicas */
	uint32_t gap; /* windows between the newest of them and the one before; 0: none was */
	uint32_t longest_gap; /* … and the most there were between two of them */
	uint32_t even_gaps;   /* as many in a row, up to the newest, were like the one before */
	bool held;	      /* found while its source tried others in vain: a scanner's */
	bool lossy;	      /* something was lost while it was learned */
	bool heard;	      /* UDP: the destination is known to listen there */
};

/* Of gaps all of these are alike: months are not of one length, and the first of each is after 28
 * to 31 days. */
static inline bool bh_is_month(uint32_t windows)
{
	return windows >= 28 && windows <= 31;
}

#define BH_EDGE_CLIENTS 8

/* Whom the masked source of an edge seems to have stood for: the first few workloads. */
struct bh_edge_clients {
	char names[BH_EDGE_CLIENTS][BH_PEER_NAME];
	size_t count;
};

/* How a name for a peer outside came about. */
enum bh_calling {
	BH_CALLED_BY_DNS,   /* an answer that the source received */
	BH_CALLED_BY_CLAIM, /* its TLS client's word */
	BH_CALLINGS,
};

#define BH_EDGE_NAMES 4 /* of each kind */

/* What an edge's destination was called by its source. */
struct bh_edge_names {
	const char *names[BH_CALLINGS][BH_EDGE_NAMES];
	size_t counts[BH_CALLINGS];
};

#endif
