/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is in the lab, and where: the plan that up, the roles and the intruder share. */
#ifndef BH_LAB_TOPOLOGY_H
#define BH_LAB_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkhead/address.h"

#define BH_LAB_BRIDGE "shop0"
#define BH_LAB_INNER "eth0" /* a container's end of its veth */
#define BH_LAB_INTRUDER "lab-web-1"

/* The prefixes around every address of the lab. */
#define BH_LAB_PREFIX4 24
#define BH_LAB_PREFIX6 64

struct bh_lab_host {
	const char *name;    /* of the namespace */
	const char *service; /* what it is a replica of */
	const char *ifname;  /* the lab host's end of its veth */
	bool bridged;	     /* false: routed, as an uplink is */
	const char *addr4;
	const char *addr6;
	const char *gateway4; /* the lab host's address on that link */
	const char *gateway6;
};

/* In the order of starting: who is asked comes before who asks. */
const struct bh_lab_host *bh_lab_hosts(size_t *count);
const struct bh_lab_host *bh_lab_host_named(const char *name);

/* The nth replica of a service (counted round); the service must exist. */
const struct bh_lab_host *bh_lab_replica(const char *service, size_t nth);
size_t bh_lab_replica_count(const char *service);

/* Its address of this family. */
struct bh_addr bh_lab_host_addr(const struct bh_lab_host *host, enum bh_family family);
struct bh_addr bh_lab_gateway_addr(const struct bh_lab_host *host, enum bh_family family);

#endif
