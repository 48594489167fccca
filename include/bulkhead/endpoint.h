/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Facts about endpoints, as the kernel process states them. They come from rtnetlink and /proc
 * alone; no runtime is asked. Runtimes add names later (capture/identity/model.h joins them).
 */
#ifndef BULKHEAD_ENDPOINT_H
#define BULKHEAD_ENDPOINT_H

#include "bulkhead/address.h"

#define BH_CONTAINER_ID 65 /* 64 hexadecimal digits, or the name of LXC's or nspawn's */
#define BH_NETNS_NAME 256  /* NAME_MAX */

enum bh_runtime {
	BH_RUNTIME_NONE, /* a named namespace, or not known */
	BH_RUNTIME_DOCKER,
	BH_RUNTIME_PODMAN,
	BH_RUNTIME_CRI,
	BH_RUNTIME_LXC, /* LXD's and Incus' too, where a cgroup is all that is known */
	BH_RUNTIME_LXD,
	BH_RUNTIME_INCUS,
	BH_RUNTIME_NSPAWN,
	BH_RUNTIME_KUBERNETES, /* says what pods are; their containers are a CRI's, or Docker's */
	BH_RUNTIMES,
};

#define BH_ENDPOINT_ADDRS 16

/* What else than a bridge the host end of a veth is in. */
enum bh_upper {
	BH_UPPER_NONE, /* nothing: it is a bridge's port, or a routed veth */
	BH_UPPER_VRF,
	BH_UPPER_OTHER, /* a bond, a team, Open vSwitch … */
	BH_UPPERS,
};

/* One container's attachment to one of the host's veths. The key is the host ifindex, which the
 * kernel does not reuse before it wraps; names, addresses, MACs and inodes are reused at once. */
struct bh_endpoint_fact {
	uint32_t ifindex;	 /* host end of the veth */
	char ifname[BH_IFNAME];	 /* host end's name: what a bridge-family rule matches */
	uint32_t master_ifindex; /* bridge that the host end is a port of; 0: none */
	uint8_t upper;		 /* enum bh_upper */
	uint32_t upper_ifindex;	 /* that device, as long as there is one */
	char upper_ifname[BH_IFNAME];
	char upper_kind[BH_LINK_KIND];
	char l3_ifname[BH_IFNAME];	/* what an inet rule sees: the bridge's name, else ifname */
	int32_t nsid;			/* peer's namespace as the host numbers it */
	uint64_t netns_inode;		/* 0: no process or name leads there (yet) */
	char netns_name[BH_NETNS_NAME]; /* "/run/netns/web", "/run/docker/netns/…"; "" where unnamed
					 */
	uint8_t runtime;		/* enum bh_runtime, by cgroup path */
	char container_id[BH_CONTAINER_ID]; /* by cgroup path; "" where none is known yet */
	struct bh_mac mac;		    /* of the end inside */
	uint8_t addr_count;
	struct bh_addr addrs[BH_ENDPOINT_ADDRS]; /* of the end inside, link-local too */
	/* Of each address, hundredths of a second after boot: when the kernel says it was set. */
	int64_t addr_made[BH_ENDPOINT_ADDRS];
	int64_t since; /* µs: when the attachment was first seen */
	/* An interface in the same namespace that leads outside past every veth of this host, and
	 * has an address; "": there is none. */
	char outward[BH_IFNAME];
};

/* Whether no rule meets what it sends and is sent: its host end is in another device, whose packets
 * its own are by the time that anybody could judge them. */
static inline bool bh_endpoint_is_diverted(const struct bh_endpoint_fact *fact)
{
	return fact->upper == BH_UPPER_OTHER;
}

#define BH_LISTENERS 2048
#define BH_LISTENER_OWNERS 16

struct bh_listener {
	uint16_t port; /* host order */
	uint8_t proto; /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t owner; /* 1 + its index among the owners; 0: not known, none, or several */
	bool local;    /* at loopback addresses only: nothing from outside gets there directly */
};

/* Where an endpoint's namespace waits for whoever comes: TCP sockets that listen, UDP sockets that
 * are connected to nobody. */
struct bh_listeners {
	uint32_t ifindex; /* 0: the host's own namespace */
	uint16_t count;
	bool complete;	     /* these are all: what is not among them does not listen */
	uint8_t owner_count; /* containers, where it was asked whose each of them is */
	char owners[BH_LISTENER_OWNERS][BH_CONTAINER_ID];
	struct bh_listener ports[BH_LISTENERS];
};

/* One of the host's own addresses; on a managed bridge it is the containers' gateway. */
struct bh_host_addr {
	uint32_t ifindex;
	char ifname[BH_IFNAME];
	struct bh_addr addr;
	uint8_t prefix_length;
};

#endif
