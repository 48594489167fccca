/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel is to enforce, in the terms of policy and not yet of nftables: the compiler's
 * output (src/policy/compile.h), and enforce/'s input. It names every chain, permission and binding
 * explicitly, so that it can land in any table.
 */
#ifndef BULKHEAD_RULESET_H
#define BULKHEAD_RULESET_H

#include "bulkhead/address.h"
#include "bulkhead/flow.h"
#include "bulkhead/sensitive.h"
#include "bulkhead/verdict.h"

enum bh_permit_kind {
	BH_PERMIT_PEER,	   /* one address: an endpoint's, or one that a name stands for */
	BH_PERMIT_PREFIX,  /* addresses outside, or a CIDR the operator wrote */
	BH_PERMIT_OUTSIDE, /* the same, and only behind an unmanaged interface, or an uplink of a
			      bridge: whoever takes such an address within changes nothing of it */
	BH_PERMIT_HOST,	   /* this host itself: by hook (input, output), not by address */
	BH_PERMIT_WORLD,   /* whatever is behind such an interface: not by address */
	BH_PERMIT_PLACE,   /* says nothing, and keeps the place where such addresses will be: for a
			      range of ports, or a protocol without */
};

/* Of what speaks of a packet the highest rank decides: a refusal before a permission, the
 * platform's before the application's. Odd ranks refuse. */
enum bh_rank {
	BH_RANK_ALLOW,
	BH_RANK_DENY,
	BH_RANK_PLATFORM_ALLOW,
	BH_RANK_PLATFORM_DENY,
	BH_RANKS,
};

static inline bool bh_rank_denies(uint8_t rank)
{
	return rank % 2 != 0;
}

#define BH_ANY_PROTOCOL 255 /* reserved by IANA: no packet has it */

#define BH_CHAIN_HASH 17 /* 16 hexadecimal digits of the workload's name, hashed */

/* One permission of a workload's side, or refusal. proto is IPPROTO_… or BH_ANY_PROTOCOL; ports
 * apply to TCP, UDP and SCTP; for ICMP and ICMPv6 both ports hold the type; else they are 0. */
struct bh_permit {
	uint8_t kind; /* enum bh_permit_kind */
	uint8_t rank; /* enum bh_rank */
	uint8_t proto;
	uint16_t port_first; /* host order; first == last: one port */
	uint16_t port_last;
	struct bh_prefix peer; /* PEER: full length; PREFIX: any; else zero */
	uint32_t rule;	       /* of the policy, that says so; the same may be there by several */
};

/* What the kernel counted of one element of a workload's sets: new connections (by their packets)
 * that it let through, or refused. */
struct bh_use {
	uint64_t packets;
	char hash[BH_CHAIN_HASH]; /* the chain's, and its side */
	uint8_t side;		  /* enum bh_side */
	uint8_t rank;		  /* enum bh_rank */
	uint8_t kind;		  /* enum bh_permit_kind; PREFIX for all that go by address alone */
	uint8_t proto;		  /* or BH_ANY_PROTOCOL */
	struct bh_addr first; /* PREFIX, OUTSIDE: from this address to that; else of no family */
	struct bh_addr last;
	uint16_t port_first; /* as a permit's */
	uint16_t port_last;
};

/* One workload, in one direction. */
struct bh_chain {
	char hash[BH_CHAIN_HASH];
	char workload[256];
	uint8_t side; /* enum bh_side */
	uint8_t mode; /* enum bh_mode */
	uint8_t deny; /* enum bh_deny_action */
	bool open[2]; /* the workload, by side: what nothing here speaks of passes */
	struct bh_permit *permits;
	size_t permit_count;
	size_t permit_capacity;
};

/* One address of an endpoint, and the chains it is judged by (indices into chains). */
struct bh_binding {
	char l3_ifname[BH_IFNAME];
	char ifname[BH_IFNAME]; /* its own port where l3_ifname is a bridge, else the same; "": it
				   has none */
	struct bh_addr addr;
	uint32_t egress;
	uint32_t ingress;
};

/* One managed host interface: a bridge's port or a routed veth, and who may speak there. */
struct bh_port {
	char ifname[BH_IFNAME];
	bool bridged;
	bool vrf;     /* routed within a VRF: what it sends comes in by the VRF's device */
	uint8_t mode; /* audit: contradictions are logged; stage 1, enforce: logged and dropped */
	char workload[256];
	struct bh_mac mac;
	struct bh_addr *addrs;
	size_t addr_count;
};

struct bh_bridge {
	char ifname[BH_IFNAME];
	uint32_t ifindex;
	bool filtered; /* its frames are judged: not every workload there learns */
};

/* Any port of a managed bridge, a container's or not. */
struct bh_bridge_member {
	char ifname[BH_IFNAME];
	char bridge[BH_IFNAME];
	bool uplink; /* behind it the world begins */
};

/* A connection that goes on although rules refuse it, both ways: TCP, UDP or SCTP between two ports
 * of one bridge. What opens one is judged all the same. */
struct bh_exception {
	struct bh_flow_key key;
	char src_ifname[BH_IFNAME]; /* the port that key.src is behind */
	char dst_ifname[BH_IFNAME];
};

/* What meets whoever sends from there, or is sent to there, and has no binding: instead of the
 * ruleset's posture. */
struct bh_address_posture {
	char l3_ifname[BH_IFNAME];
	struct bh_addr addr; /* of no family: the interface as a whole */
	uint8_t posture;     /* enum bh_posture */
};

/* Owned by whoever made it; bh_ruleset_free() (lib/ruleset.h) frees everything it points to. */
struct bh_ruleset {
	char revision[65]; /* the policy revision it was compiled from */
	uint8_t posture;   /* enum bh_posture */
	bool blank; /* by who governs nobody, and never did: it replaces nothing that stands */
	/* What stays on one bridge is judged without connection tracking, in the bridge's own hook;
	 * false: filtered bridges hand their frames to the inet hooks. */
	bool stateless;
	struct bh_sensitive sensitive; /* the ports that stage 1 refuses */
	struct bh_chain *chains;
	size_t chain_count;
	size_t chain_capacity;
	struct bh_binding *bindings;
	size_t binding_count;
	size_t binding_capacity;
	struct bh_port *ports;
	size_t port_count;
	size_t port_capacity;
	struct bh_bridge *bridges;
	size_t bridge_count;
	size_t bridge_capacity;
	struct bh_bridge_member *members; /* where stateless */
	size_t member_count;
	size_t member_capacity;
	struct bh_exception *exceptions; /* where stateless */
	size_t exception_count;
	size_t exception_capacity;
	struct bh_address_posture *postures; /* none, or every managed interface's and some more */
	size_t posture_count;
	size_t posture_capacity;
};

/*
 * What NFLOG prefixes say: "bh:KIND:SIDE:HASH". KIND: DENY or AUDIT (a workload's chain refused the
 * packet, or would have), SPOOF or SPOOFAUDIT (a contradicted binding; the port's workload),
 * POSTURE or POSTUREAUDIT (an endpoint that no workload claims). SIDE: e for egress, i for ingress.
 * HASH: the workload's, 16 hexadecimal digits, or "-".
 */
#define BH_NFLOG_PREFIX "bh:"

#endif
