/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "grow.h"
#include "namespace.h"

#define AUTO_PUT(type)                                                                             \
	static void put_##type(struct type **object)                                               \
	{                                                                                          \
		if (*object != NULL)                                                               \
			type##_put(*object);                                                       \
	}
AUTO_PUT(rtnl_link)
AUTO_PUT(rtnl_addr)
AUTO_PUT(rtnl_neigh)
AUTO_PUT(rtnl_route)
AUTO_PUT(nl_addr)
#define AUTO(type) __attribute__((cleanup(put_##type))) struct type

static void free_socket(struct nl_sock **socket)
{
	nl_socket_free(*socket);
}

static void free_cache(struct nl_cache **cache)
{
	nl_cache_free(*cache);
}

#define AUTO_SOCKET __attribute__((cleanup(free_socket)))
#define AUTO_CACHE __attribute__((cleanup(free_cache)))

/* libnl has error numbers of its own; the ones that callers tell apart become errno's. */
static int failed(struct bh_error *err, int code, const char *netns, const char *what)
{
	int plain = -code == NLE_EXIST				      ? -EEXIST
		    : -code == NLE_PERM				      ? -EPERM
		    : -code == NLE_NODEV || -code == NLE_OBJ_NOTFOUND ? -ENODEV
								      : -EIO;

	return bh_error_set(err, plain, "namespace %s: %s: %s", netns, what, nl_geterror(code));
}

/* A socket keeps the namespace it was made in. */
static struct nl_sock *open_socket(const char *netns, struct bh_error *err)
{
	BH_LAB_VISIT int home = bh_lab_namespace_enter(netns, err);

	if (home < 0)
		return NULL;
	struct nl_sock *socket = nl_socket_alloc();
	int code = socket != NULL ? nl_connect(socket, NETLINK_ROUTE) : -NLE_NOMEM;

	if (code == 0)
		return socket;
	failed(err, code, netns, "rtnetlink");
	nl_socket_free(socket);
	return NULL;
}

static struct nl_addr *nl_addr_of(const struct bh_addr *addr)
{
	return nl_addr_build(addr->family == BH_IPV4 ? AF_INET : AF_INET6, addr->bytes,
			     bh_addr_size(addr->family));
}

static struct rtnl_link *find_link(struct nl_sock *socket, const char *netns, const char *ifname,
				   struct bh_error *err)
{
	struct rtnl_link *link = NULL;
	int code = rtnl_link_get_kernel(socket, 0, ifname, &link);

	if (code < 0)
		failed(err, code, netns, ifname);
	return code < 0 ? NULL : link;
}

/* 0 where there is none, with *err. */
static int find_ifindex(struct nl_sock *socket, const char *netns, const char *ifname,
			struct bh_error *err)
{
	AUTO(rtnl_link) *link = find_link(socket, netns, ifname, err);

	return link != NULL ? rtnl_link_get_ifindex(link) : 0;
}

int bh_lab_bridge_add(const char *netns, const char *ifname, struct bh_error *err)
{
	AUTO_SOCKET struct nl_sock *socket = open_socket(netns, err);

	if (socket == NULL)
		return -EIO;
	int code = rtnl_link_bridge_add(socket, ifname);

	return code < 0 ? failed(err, code, netns, ifname) : 0;
}

int bh_lab_veth_add(const char *netns, const char *ifname, const char *master,
		    const char *peer_netns, const char *peer_ifname, struct bh_error *err)
{
	AUTO_SOCKET struct nl_sock *socket = open_socket(netns, err);
	BH_AUTO_CLOSE int there = bh_lab_namespace_open(peer_netns, err);
	AUTO(rtnl_link) *link = rtnl_link_veth_alloc();
	int bridge = 0;

	if (socket == NULL || there < 0)
		return -EIO;
	if (link == NULL)
		return failed(err, -NLE_NOMEM, netns, ifname);
	if (master != NULL && (bridge = find_ifindex(socket, netns, master, err)) == 0)
		return -ENODEV;
	AUTO(rtnl_link) *peer = rtnl_link_veth_get_peer(link);

	rtnl_link_set_name(link, ifname);
	if (bridge != 0)
		rtnl_link_set_master(link, bridge);
	rtnl_link_set_name(peer, peer_ifname);
	rtnl_link_set_ns_fd(peer, there);
	int code = rtnl_link_add(socket, link, NLM_F_CREATE | NLM_F_EXCL);

	return code < 0 ? failed(err, code, netns, ifname) : 0;
}

int bh_lab_link_raise(const char *netns, const char *ifname, struct bh_error *err)
{
	AUTO_SOCKET struct nl_sock *socket = open_socket(netns, err);

	if (socket == NULL)
		return -EIO;
	AUTO(rtnl_link) *link = find_link(socket, netns, ifname, err);
	AUTO(rtnl_link) *change = rtnl_link_alloc();

	if (link == NULL || change == NULL)
		return -ENODEV;
	rtnl_link_set_flags(change, IFF_UP);
	int code = rtnl_link_change(socket, link, change, 0);

	return code < 0 ? failed(err, code, netns, ifname) : 0;
}

int bh_lab_link_remove(const char *netns, const char *ifname, struct bh_error *err)
{
	AUTO_SOCKET struct nl_sock *socket = open_socket(netns, err);
	struct bh_error missing;

	if (socket == NULL)
		return -EIO;
	AUTO(rtnl_link) *link = find_link(socket, netns, ifname, &missing);

	if (link == NULL)
		return 0;
	int code = rtnl_link_delete(socket, link);

	return code < 0 ? failed(err, code, netns, ifname) : 0;
}

int bh_lab_address_add(const char *netns, const char *ifname, const struct bh_prefix *prefix,
		       struct bh_error *err)
{
	AUTO_SOCKET struct nl_sock *socket = open_socket(netns, err);
	AUTO(nl_addr) *local = nl_addr_of(&prefix->addr);
	AUTO(rtnl_addr) *addr = rtnl_addr_alloc();
	char text[BH_PREFIX_TEXT];

	if (socket == NULL || local == NULL || addr == NULL)
		return -EIO;
	int ifindex = find_ifindex(socket, netns, ifname, err);

	if (ifindex == 0)
		return -ENODEV;
	rtnl_addr_set_ifindex(addr, ifindex);
	rtnl_addr_set_local(addr, local);
	rtnl_addr_set_prefixlen(addr, prefix->length);
	if (prefix->addr.family == BH_IPV6)
		rtnl_addr_set_flags(addr, IFA_F_NODAD);
	int code = rtnl_addr_add(socket, addr, NLM_F_CREATE | NLM_F_EXCL);

	return code < 0 ? failed(err, code, netns, bh_prefix_format(prefix, text)) : 0;
}

static struct rtnl_route *default_route(int ifindex, const struct bh_addr *gateway)
{
	static const uint8_t zero[16];
	struct rtnl_route *route = rtnl_route_alloc();
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	struct bh_addr any = bh_addr_from_bytes((enum bh_family)gateway->family, zero);
	AUTO(nl_addr) *via = nl_addr_of(gateway), *everything = nl_addr_of(&any);

	if (route == NULL || hop == NULL || via == NULL || everything == NULL)
		abort(); /* no memory */
	nl_addr_set_prefixlen(everything, 0);
	rtnl_route_set_family(route, gateway->family == BH_IPV4 ? AF_INET : AF_INET6);
	rtnl_route_set_dst(route, everything);
	rtnl_route_nh_set_ifindex(hop, ifindex);
	rtnl_route_nh_set_gateway(hop, via);
	rtnl_route_add_nexthop(route, hop);
	return route;
}

int bh_lab_default_route_add(const char *netns, const char *ifname, const struct bh_addr *gateway,
			     struct bh_error *err)
{
	AUTO_SOCKET struct nl_sock *socket = open_socket(netns, err);

	if (socket == NULL)
		return -EIO;
	int ifindex = find_ifindex(socket, netns, ifname, err);

	if (ifindex == 0)
		return -ENODEV;
	AUTO(rtnl_route) *route = default_route(ifindex, gateway);
	int code = rtnl_route_add(socket, route, NLM_F_CREATE | NLM_F_EXCL);

	return code < 0 ? failed(err, code, netns, "default route") : 0;
}

static void read_link_local(struct nl_cache *addresses, struct bh_lab_link *link)
{
	for (struct nl_object *o = nl_cache_get_first(addresses); o != NULL;
	     o = nl_cache_get_next(o)) {
		struct rtnl_addr *addr = (struct rtnl_addr *)o;
		struct nl_addr *local = rtnl_addr_get_local(addr);

		if (rtnl_addr_get_ifindex(addr) == link->ifindex && local != NULL &&
		    nl_addr_get_family(local) == AF_INET6 &&
		    rtnl_addr_get_scope(addr) == RT_SCOPE_LINK)
			link->link_local =
				bh_addr_from_bytes(BH_IPV6, nl_addr_get_binary_addr(local));
	}
}

int bh_lab_link_read(const char *netns, const char *ifname, struct bh_lab_link *link,
		     struct bh_error *err)
{
	AUTO_SOCKET struct nl_sock *socket = open_socket(netns, err);
	AUTO_CACHE struct nl_cache *addresses = NULL;

	if (socket == NULL)
		return -EIO;
	AUTO(rtnl_link) *found = find_link(socket, netns, ifname, err);
	struct nl_addr *mac = found != NULL ? rtnl_link_get_addr(found) : NULL;

	if (found == NULL)
		return -ENODEV;
	*link = (struct bh_lab_link) { .ifindex = rtnl_link_get_ifindex(found) };
	if (mac != NULL && nl_addr_get_len(mac) == sizeof(link->mac.bytes))
		memcpy(link->mac.bytes, nl_addr_get_binary_addr(mac), sizeof(link->mac.bytes));
	int code = rtnl_addr_alloc_cache(socket, &addresses);

	if (code < 0)
		return failed(err, code, netns, "addresses");
	read_link_local(addresses, link);
	return 0;
}

int bh_lab_neighbour_read(const char *netns, int ifindex, const struct bh_addr *addr,
			  struct bh_mac *mac, struct bh_error *err)
{
	AUTO_SOCKET struct nl_sock *socket = open_socket(netns, err);
	AUTO(nl_addr) *wanted = nl_addr_of(addr);
	AUTO_CACHE struct nl_cache *cache = NULL;

	if (socket == NULL || wanted == NULL)
		return -EIO;
	int code = rtnl_neigh_alloc_cache(socket, &cache);

	if (code < 0)
		return failed(err, code, netns, "neighbours");
	AUTO(rtnl_neigh) *neighbour = rtnl_neigh_get(cache, ifindex, wanted);
	struct nl_addr *found = neighbour != NULL ? rtnl_neigh_get_lladdr(neighbour) : NULL;

	if (found == NULL || nl_addr_get_len(found) != sizeof(mac->bytes))
		return bh_error_set(err, -ENOENT, "namespace %s: no such neighbour", netns);
	memcpy(mac->bytes, nl_addr_get_binary_addr(found), sizeof(mac->bytes));
	return 0;
}

int bh_lab_neighbour_write(const char *netns, int ifindex, const struct bh_addr *addr,
			   const struct bh_mac *mac, struct bh_error *err)
{
	AUTO_SOCKET struct nl_sock *socket = open_socket(netns, err);
	AUTO(nl_addr) *dst = nl_addr_of(addr);
	AUTO(nl_addr) *lladdr = nl_addr_build(AF_LLC, mac->bytes, sizeof(mac->bytes));
	AUTO(rtnl_neigh) *neighbour = rtnl_neigh_alloc();

	if (socket == NULL || dst == NULL || lladdr == NULL || neighbour == NULL)
		return -EIO;
	rtnl_neigh_set_ifindex(neighbour, ifindex);
	rtnl_neigh_set_dst(neighbour, dst);
	rtnl_neigh_set_lladdr(neighbour, lladdr);
	rtnl_neigh_set_state(neighbour, NUD_REACHABLE);
	int code = rtnl_neigh_add(socket, neighbour, NLM_F_CREATE | NLM_F_REPLACE);

	return code < 0 ? failed(err, code, netns, "neighbour") : 0;
}

struct route_search {
	const struct nl_addr *gateway;
	bool found;
};

static bool leads_over(struct rtnl_route *route, const struct nl_addr *gateway)
{
	struct nl_addr *dst = rtnl_route_get_dst(route);

	if (dst == NULL || nl_addr_get_prefixlen(dst) != 0)
		return false;
	for (int i = 0; i < rtnl_route_get_nnexthops(route); i++) {
		struct nl_addr *via = rtnl_route_nh_get_gateway(rtnl_route_nexthop_n(route, i));

		if (via != NULL && nl_addr_cmp(via, gateway) == 0)
			return true;
	}
	return false;
}

static int look_at_route(struct nl_msg *message, void *user)
{
	struct route_search *search = user;
	AUTO(rtnl_route) *route = NULL;

	if (rtnl_route_parse(nlmsg_hdr(message), &route) == 0)
		search->found = search->found || leads_over(route, search->gateway);
	return NL_OK;
}

/* Not through libnl's cache, which takes two default routes of one metric for the same. */
int bh_lab_default_route_exists(const char *netns, const struct bh_addr *gateway,
				struct bh_error *err)
{
	AUTO_SOCKET struct nl_sock *socket = open_socket(netns, err);
	AUTO(nl_addr) *via = nl_addr_of(gateway);
	struct route_search search = { .gateway = via };

	if (socket == NULL || via == NULL)
		return -EIO;
	nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, look_at_route, &search);
	int code = nl_rtgen_request(socket, RTM_GETROUTE, nl_addr_get_family(via), NLM_F_DUMP);

	if (code >= 0)
		code = nl_recvmsgs_default(socket);
	return code < 0 ? failed(err, code, netns, "routes") : search.found;
}

int bh_lab_default_route_remove(const char *netns, int ifindex, const struct bh_addr *gateway,
				struct bh_error *err)
{
	AUTO_SOCKET struct nl_sock *socket = open_socket(netns, err);
	AUTO(rtnl_route) *route = default_route(ifindex, gateway);

	if (socket == NULL)
		return -EIO;
	rtnl_route_set_protocol(route, RTPROT_UNSPEC); /* whoever told of it */
	int code = rtnl_route_delete(socket, route, 0);

	return code < 0 ? failed(err, code, netns, "default route") : 0;
}
