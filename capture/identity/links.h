/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Endpoints from the kernel alone: one rtnetlink socket follows links, namespace ids and addresses
 * (inside the containers' namespaces too), /proc and the directories of named namespaces tell whose
 * they are. No setns, no runtime. After a netlink overrun everything is scanned again at once, and
 * the overrun counted.
 */
#ifndef BH_LINKS_H
#define BH_LINKS_H

#include "bulkhead/endpoint.h"
#include "bulkhead/error.h"

/* An interface of the host, of whatever kind. */
struct bh_host_link {
	uint32_t ifindex;
	char ifname[BH_IFNAME];
	struct bh_mac mac;
	bool veth; /* its peer may be a container's */
	bool bridge;
	bool up;
	uint32_t master_ifindex;
	bool nf_call_iptables; /* bridges: whether their frames reach the inet hooks … */
	bool nf_call_ip6tables;
};

/* A namespace that processes or names lead to, with or without an interface here. */
struct bh_netns_fact {
	uint64_t inode;
	int32_t nsid; /* −1: no link crosses to the host */
	char name[BH_NETNS_NAME];
	uint8_t runtime;
	char container_id[BH_CONTAINER_ID];
	uint8_t inner_runtime;	     /* of the one that was made in that container, … */
	char inner[BH_CONTAINER_ID]; /* … and is called so there; "": none */
	int32_t pid;		     /* one of its processes, 0: none */
	bool of_user; /* that process has a user namespace of its own, and the namespace a way out:
			 a container that a user made, or one whose users are mapped */
};

/* Whether a runtime made the name of a namespace up for a container of its own: Docker's folder,
 * Podman's "netns-<uuid>", CNI's "cni-<uuid>". It says nothing about who that is. */
bool bh_netns_name_is_made_up(const char *path);

struct bh_links_events {
	void *user;
	/* Appeared or changed; the whole fact each time. */
	void (*endpoint)(void *user, const struct bh_endpoint_fact *fact);
	void (*endpoint_gone)(void *user, uint32_t ifindex);
	void (*host_addr)(void *user, const struct bh_host_addr *addr);
	void (*host_addr_gone)(void *user, const struct bh_host_addr *addr);
	void (*link)(void *user, const struct bh_host_link *link);
	void (*link_gone)(void *user, uint32_t ifindex);
	void (*netns)(void *user, const struct bh_netns_fact *fact);
	void (*netns_gone)(void *user, uint64_t inode);
	/* Netlink lost messages; a scan has already put things right. count: overruns so far. */
	void (*overrun)(void *user, uint64_t count);
};

struct bh_links;

struct bh_links_config {
	const char *const *netns_dirs; /* NULL-terminated; named namespaces are looked for here */
	const char *proc;	       /* "/proc" */
	int receive_buffer;	       /* bytes asked for with SO_RCVBUFFORCE */
};

/* Opens the sockets and subscribes, then scans: the first events come from bh_links_start(). */
struct bh_links *bh_links_open(const struct bh_links_config *config,
			       const struct bh_links_events *events, struct bh_error *err);
void bh_links_close(struct bh_links *links);
int bh_links_start(struct bh_links *links, struct bh_error *err);

/* Descriptors to wait on for reading: netlink, inotify. Writes up to `room`, returns how many. */
size_t bh_links_fds(const struct bh_links *links, int *fds, size_t room);
void bh_links_read(struct bh_links *links);

/* Finds processes for namespaces that have none yet. Call after `bh_links_wait()` µs; that answers
 * −1 where nothing waits. Scans of /proc are spaced out (they cost milliseconds). */
int64_t bh_links_wait(const struct bh_links *links);
void bh_links_tick(struct bh_links *links);

/* Containers have started or ended somewhere, as a runtime says: whose the namespaces are is looked
 * for soon. No link tells of it where one of several in a namespace comes or goes. */
void bh_links_stir(struct bh_links *links);

/* Somebody who is to be believed says whose the namespace of a process is. A container's id counts
 * (one that is no runtime's form of one does not) where no process of another container was found
 * there, and as long as the namespace exists. False: the process is not in the namespace of that
 * inode. *nsid: its number, −1: no link of the host leads there. What follows from it was stated by
 * the time this returns. */
bool bh_links_tell(struct bh_links *links, int32_t pid, uint64_t inode, const char *container_id,
		   int32_t *nsid);

/* States everything known once more, through the same events (a new listener joined). */
void bh_links_repeat(struct bh_links *links);

/* Sets whether a bridge hands its frames to the inet hooks (IFLA_BR_NF_CALL_IPTABLES and
 * …IP6TABLES over rtnetlink; sysfs would show another namespace's). 0 or negative errno. */
int bh_links_set_bridge_filter(struct bh_links *links, uint32_t ifindex, bool on,
			       struct bh_error *err);

#endif
