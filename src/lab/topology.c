/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The addresses are private ones and those kept for documentation; the lab's host has no route by
 * which they could leave it. */
#include "topology.h"

#include <stdlib.h>
#include <string.h>

#include "address.h"

#define GATEWAY4 "10.77.0.1"
#define GATEWAY6 "fd77::1"

#define CONTAINER(host, of, last4, last6)                                                          \
	{                                                                                          \
		.name = host, .service = of, .ifname = host, .bridged = true,                      \
		.addr4 = "10.77.0." last4, .addr6 = "fd77::" last6, .gateway4 = GATEWAY4,          \
		.gateway6 = GATEWAY6,                                                              \
	}

static const struct bh_lab_host hosts[] = {
	CONTAINER("lab-db", "db", "41", "41"),
	CONTAINER("lab-cache", "cache", "31", "31"),
	CONTAINER("lab-api-1", "api", "21", "21"),
	CONTAINER("lab-api-2", "api", "22", "22"),
	CONTAINER("lab-web-1", "web", "11", "11"),
	CONTAINER("lab-web-2", "web", "12", "12"),
	CONTAINER("lab-job", "job", "51", "51"),
	{
		.name = "lab-internet",
		.service = "internet",
		.ifname = "uplink0", /* a name that the daemon takes for the way out */
		.addr4 = "203.0.113.10",
		.addr6 = "2001:db8:77::10",
		.gateway4 = "203.0.113.1",
		.gateway6 = "2001:db8:77::1",
	},
};

#define HOSTS (sizeof(hosts) / sizeof(hosts[0]))

const struct bh_lab_host *bh_lab_hosts(size_t *count)
{
	*count = HOSTS;
	return hosts;
}

const struct bh_lab_host *bh_lab_host_named(const char *name)
{
	for (size_t i = 0; i < HOSTS; i++)
		if (strcmp(hosts[i].name, name) == 0)
			return &hosts[i];
	return NULL;
}

size_t bh_lab_replica_count(const char *service)
{
	size_t count = 0;

	for (size_t i = 0; i < HOSTS; i++)
		count += strcmp(hosts[i].service, service) == 0;
	return count;
}

const struct bh_lab_host *bh_lab_replica(const char *service, size_t nth)
{
	size_t count = bh_lab_replica_count(service);

	if (count == 0)
		abort(); /* a name that the plan does not know: a slip in this program */
	nth %= count;
	for (size_t i = 0;; i++)
		if (strcmp(hosts[i].service, service) == 0 && nth-- == 0)
			return &hosts[i];
}

static struct bh_addr parsed(const char *text)
{
	struct bh_addr addr;

	if (!bh_addr_parse(text, &addr))
		abort(); /* the plan's own text */
	return addr;
}

struct bh_addr bh_lab_host_addr(const struct bh_lab_host *host, enum bh_family family)
{
	return parsed(family == BH_IPV4 ? host->addr4 : host->addr6);
}

struct bh_addr bh_lab_gateway_addr(const struct bh_lab_host *host, enum bh_family family)
{
	return parsed(family == BH_IPV4 ? host->gateway4 : host->gateway6);
}
