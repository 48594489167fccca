/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must stay true here: whatever up makes, it records before or as it makes it, and down
 * removes what the records name and nothing else. So down works after an up that failed half way
 * or was killed, twice in a row, and beside namespaces and processes of other people.
 *
 * The folder of records is the lock as well: who makes it builds the lab, and it goes last.
 */
#include "lab.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "namespace.h"
#include "network.h"
#include "process.h"
#include "topology.h"

/* --- up --------------------------------------------------------------------------------------- */

static int claim(struct bh_error *err)
{
	if (geteuid() != 0)
		return bh_error_set(err, -EPERM, "the lab needs root: it makes network namespaces");
	if (mkdir(BH_LAB_DIRECTORY, 0755) == 0)
		return 0;
	if (errno == EEXIST)
		return bh_error_set(err, -EALREADY,
				    "the lab is up already (or was left half built); "
				    "`bulkhead lab down` removes it");
	return bh_error_set(err, -errno, BH_LAB_DIRECTORY ": %s", strerror(errno));
}

/* Bridged frames stay out of the host's rules unless the bridge itself asks, as on a machine
 * without br_netfilter. Where the kernel has no such switch there is nothing to turn off. */
static int keep_bridge_plain(struct bh_error *err)
{
	static const char *const files[] = { "net/bridge/bridge-nf-call-iptables",
					     "net/bridge/bridge-nf-call-ip6tables" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int result = bh_lab_namespace_sysctl(BH_LAB_HOST, files[i], "0", err);

		if (result < 0 && result != -ENOENT)
			return result;
	}
	return 0;
}

/* Link-local addresses are usable at once, so that nobody waits for duplicate detection. */
static int trust_addresses(const char *netns, struct bh_error *err)
{
	int result = bh_lab_namespace_sysctl(netns, "net/ipv6/conf/all/accept_dad", "0", err);

	if (result == 0)
		result = bh_lab_namespace_sysctl(netns, "net/ipv6/conf/default/accept_dad", "0",
						 err);
	return result;
}

static int forward_packets(struct bh_error *err)
{
	int result = bh_lab_namespace_sysctl(BH_LAB_HOST, "net/ipv4/ip_forward", "1", err);

	if (result == 0)
		result = bh_lab_namespace_sysctl(BH_LAB_HOST, "net/ipv6/conf/all/forwarding", "1",
						 err);
	return result;
}

static int make_namespace(const char *name, struct bh_error *err)
{
	int result = bh_lab_namespace_create(name, err);

	if (result == 0)
		result = trust_addresses(name, err);
	if (result == 0)
		result = bh_lab_link_raise(name, "lo", err);
	return result;
}

static int add_address(const char *netns, const char *ifname, struct bh_addr addr,
		       struct bh_error *err)
{
	struct bh_prefix prefix = { .addr = addr,
				    .length = addr.family == BH_IPV4 ? BH_LAB_PREFIX4
								     : BH_LAB_PREFIX6 };

	return bh_lab_address_add(netns, ifname, &prefix, err);
}

/* The gateway's addresses of the link that a host is on. */
static int add_gateway(const char *ifname, const struct bh_lab_host *host, struct bh_error *err)
{
	int result = add_address(BH_LAB_HOST, ifname, bh_lab_gateway_addr(host, BH_IPV4), err);

	if (result == 0)
		result = add_address(BH_LAB_HOST, ifname, bh_lab_gateway_addr(host, BH_IPV6), err);
	return result;
}

static int make_host(struct bh_error *err)
{
	int result = make_namespace(BH_LAB_HOST, err);

	if (result == 0)
		result = keep_bridge_plain(err);
	if (result == 0)
		result = forward_packets(err);
	if (result == 0)
		result = bh_lab_bridge_add(BH_LAB_HOST, BH_LAB_BRIDGE, err);
	if (result == 0)
		result = bh_lab_link_raise(BH_LAB_HOST, BH_LAB_BRIDGE, err);
	if (result == 0)
		result = add_gateway(BH_LAB_BRIDGE, bh_lab_host_named(BH_LAB_INTRUDER), err);
	return result;
}

static int connect_family(const struct bh_lab_host *host, enum bh_family family,
			  struct bh_error *err)
{
	struct bh_addr gateway = bh_lab_gateway_addr(host, family);
	int result = add_address(host->name, BH_LAB_INNER, bh_lab_host_addr(host, family), err);

	if (result == 0)
		result = bh_lab_default_route_add(host->name, BH_LAB_INNER, &gateway, err);
	return result;
}

static int make_container(const struct bh_lab_host *host, struct bh_error *err)
{
	int result = make_namespace(host->name, err);

	if (result == 0)
		result = bh_lab_veth_add(BH_LAB_HOST, host->ifname,
					 host->bridged ? BH_LAB_BRIDGE : NULL, host->name,
					 BH_LAB_INNER, err);
	if (result == 0)
		result = bh_lab_link_raise(BH_LAB_HOST, host->ifname, err);
	if (result == 0)
		result = bh_lab_link_raise(host->name, BH_LAB_INNER, err);
	if (result == 0 && !host->bridged)
		result = add_gateway(host->ifname, host, err);
	if (result == 0)
		result = connect_family(host, BH_IPV4, err);
	if (result == 0)
		result = connect_family(host, BH_IPV6, err);
	return result;
}

static int build(struct bh_error *err)
{
	size_t count;
	const struct bh_lab_host *hosts = bh_lab_hosts(&count);
	int result = make_host(err);

	for (size_t i = 0; i < count && result == 0; i++)
		result = make_container(&hosts[i], err);
	for (size_t i = 0; i < count && result == 0; i++)
		result = bh_lab_process_start(hosts[i].name, err);
	return result;
}

int bh_lab_up(struct bh_error *err)
{
	int result = claim(err);

	if (result < 0)
		return result;
	result = build(err);
	if (result < 0)
		bh_lab_down(NULL); /* what went wrong first is the news */
	return result;
}

/* --- down ------------------------------------------------------------------------------------- */

static int end_process(void *user, const char *name, struct bh_error *err)
{
	(void)user;
	return bh_lab_process_end(name, err);
}

static int remove_namespace(void *user, const char *name, struct bh_error *err)
{
	(void)user;
	return bh_lab_namespace_remove(name, err);
}

/* False as well for a name that was taken and never got its namespace. */
static bool host_was_made(void)
{
	BH_LAB_VISIT int home = -1;

	if (bh_lab_exists(BH_LAB_HOST, "netns"))
		home = bh_lab_namespace_enter(BH_LAB_HOST, NULL);
	return home >= 0;
}

/* A namespace lives on while anybody is in it; its links are to go all the same. */
static int remove_links(struct bh_error *err)
{
	size_t count;
	const struct bh_lab_host *hosts = bh_lab_hosts(&count);
	int result = 0;

	if (!host_was_made())
		return 0;
	for (size_t i = 0; i < count && result == 0; i++)
		result = bh_lab_link_remove(BH_LAB_HOST, hosts[i].ifname, err);
	if (result == 0)
		result = bh_lab_link_remove(BH_LAB_HOST, BH_LAB_BRIDGE, err);
	return result;
}

/* Each step is tried whatever became of the one before; the first error is told. */
int bh_lab_down(struct bh_error *err)
{
	struct bh_error first = { 0 }, later;

	if (!bh_lab_is_up())
		return 0;
	bh_lab_each("process", end_process, NULL, &first);
	remove_links(first.code == 0 ? &first : &later);
	bh_lab_each("netns", remove_namespace, NULL, first.code == 0 ? &first : &later);
	if (first.code == 0) {
		bh_lab_namespace_tidy();
		bh_lab_forget_all(&first);
	}
	return first.code == 0 ? 0 : bh_error_set(err, first.code, "%s", first.text);
}

bool bh_lab_is_up(void)
{
	return access(BH_LAB_DIRECTORY, F_OK) == 0;
}
