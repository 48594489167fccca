/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink (linux/rtnetlink.h), as far as links, addresses and namespace ids go: sockets,
 * requests, and messages as plain structs. Internal to this folder. */
#ifndef BH_RTNL_H
#define BH_RTNL_H

#include <stdbool.h>
#include <stdint.h>

#include "bulkhead/address.h"
#include "bulkhead/error.h"

#define BH_NO_NSID (-1)

/* A link as its message describes it. */
struct bh_rtnl_link {
	uint32_t ifindex;
	char ifname[BH_IFNAME];
	uint32_t flags;			/* IFF_… */
	uint32_t master;		/* 0: none */
	char master_kind[BH_LINK_KIND]; /* as the kernel calls it: "bridge", "bond", …; "": none */
	uint32_t peer;			/* IFLA_LINK: for a veth its other end's ifindex */
	int32_t peer_nsid;
	struct bh_mac mac;
	bool veth;
	bool bridge;
	bool outward; /* hardware, or stacked upon a link in another namespace (macvlan, vlan) */
	bool nf_call_iptables;
	bool nf_call_ip6tables;
};

struct bh_rtnl_address {
	uint32_t ifindex;
	struct bh_addr addr;
	uint8_t prefix_length;
	int64_t made; /* hundredths of a second after boot; 0: the kernel did not say */
};

/* What messages are handed to. nsid: of the namespace they speak of; BH_NO_NSID: the host's own. */
struct bh_rtnl_handlers {
	void *user;
	void (*link)(void *user, int32_t nsid, const struct bh_rtnl_link *link, bool gone);
	void (*address)(void *user, int32_t nsid, const struct bh_rtnl_address *address, bool gone);
	void (*nsid)(void *user, int32_t nsid, bool gone);
};

/* Both return a descriptor or a negative errno with *err. The first follows links, addresses and
 * namespace ids, in every namespace that has an id here. The second is for requests. */
int bh_rtnl_subscribe(int receive_buffer, struct bh_error *err);
int bh_rtnl_open(struct bh_error *err);

/* Reads what waits on a subscribed socket. 0; −ENOBUFS: messages were lost; another negative errno.
 */
int bh_rtnl_read(int fd, const struct bh_rtnl_handlers *handlers);

/* Dumps of a namespace's links and addresses. 0 or negative errno. */
int bh_rtnl_dump_links(int fd, int32_t nsid, const struct bh_rtnl_handlers *handlers);
int bh_rtnl_dump_addresses(int fd, int32_t nsid, const struct bh_rtnl_handlers *handlers);

/* One of the host's links, as it is now. 0 or negative errno (−ENODEV: there is none). */
int bh_rtnl_get_link(int fd, uint32_t ifindex, const struct bh_rtnl_handlers *handlers);

/* The id of the namespace that an open file stands for; BH_NO_NSID: it has none here. */
int32_t bh_rtnl_nsid_of(int fd, int netns_fd);

int bh_rtnl_set_bridge_filter(int fd, uint32_t ifindex, bool on);

#endif
