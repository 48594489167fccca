/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "grow.h"
#include "timefmt.h"

#define BUFFER 65536
#define MOST_TRIES 10

/* --- sockets ---------------------------------------------------------------------------------- */

static int set_option(int fd, int option, int value)
{
	return setsockopt(fd, SOL_NETLINK, option, &value, sizeof(value));
}

int bh_rtnl_open(struct bh_error *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return bh_error_set(err, -errno, "rtnetlink: %s", strerror(errno));
	/* Without strict checking the kernel answers for the host, whatever namespace was asked
	 * for. */
	if (set_option(fd, NETLINK_GET_STRICT_CHK, 1) != 0) {
		close(fd);
		return bh_error_set(
			err, -EOPNOTSUPP,
			"rtnetlink: the kernel is older than 4.20 (no strict checking)");
	}
	return fd;
}

int bh_rtnl_subscribe(int receive_buffer, struct bh_error *err)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
				      RTNLGRP_NSID };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return bh_error_set(err, -errno, "rtnetlink: %s", strerror(errno));
	if (receive_buffer > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof(receive_buffer));
	bool ok = set_option(fd, NETLINK_LISTEN_ALL_NSID, 1) == 0;
	for (size_t i = 0; ok && i < sizeof(groups) / sizeof(groups[0]); i++)
		ok = set_option(fd, NETLINK_ADD_MEMBERSHIP, groups[i]) == 0;
	if (ok)
		return fd;
	int code = bh_error_set(err, -errno,
				"rtnetlink: cannot follow links (needs CAP_NET_BROADCAST "
				"and CAP_NET_ADMIN): %s",
				strerror(errno));
	close(fd);
	return code;
}

/* --- messages --------------------------------------------------------------------------------- */

/* Attributes by type, up to a greatest one; later kernels' are skipped. */
struct table {
	const struct nlattr **slots;
	uint16_t most;
};

static int fill(const struct nlattr *attribute, void *data)
{
	const struct table *table = data;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type <= table->most)
		table->slots[type] = attribute;
	return MNL_CB_OK;
}

static uint32_t get_u32(const struct nlattr *a, uint32_t otherwise)
{
	return a != NULL && mnl_attr_get_payload_len(a) >= 4 ? mnl_attr_get_u32(a) : otherwise;
}

static bool get_flag(const struct nlattr *a)
{
	return a != NULL && mnl_attr_get_payload_len(a) >= 1 && mnl_attr_get_u8(a) != 0;
}

static bool is_text(const struct nlattr *a, const char *text)
{
	return a != NULL && mnl_attr_get_payload_len(a) > strlen(text) &&
	       strcmp(mnl_attr_get_payload(a), text) == 0;
}

static void copy_text(const struct nlattr *a, char *out, size_t size)
{
	if (a != NULL && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
		bh_copy_text(out, size, mnl_attr_get_str(a));
}

static bool is_stacked(const struct nlattr *kind)
{
	static const char *const kinds[] = { "macvlan", "macvtap", "ipvlan", "ipvtap", "vlan" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (is_text(kind, kinds[i]))
			return true;
	return false;
}

static void read_kind(const struct nlattr *info, struct bh_rtnl_link *link)
{
	const struct nlattr *slots[IFLA_INFO_MAX + 1] = { 0 };
	const struct nlattr *bridge[IFLA_BR_MAX + 1] = { 0 };
	struct table table = { slots, IFLA_INFO_MAX }, bridge_table = { bridge, IFLA_BR_MAX };

	if (info == NULL)
		return;
	mnl_attr_parse_nested(info, fill, &table);
	link->veth = is_text(slots[IFLA_INFO_KIND], "veth");
	link->bridge = is_text(slots[IFLA_INFO_KIND], "bridge");
	copy_text(slots[IFLA_INFO_SLAVE_KIND], link->master_kind, sizeof(link->master_kind));
	link->outward = link->outward && is_stacked(slots[IFLA_INFO_KIND]);
	if (!link->bridge || slots[IFLA_INFO_DATA] == NULL)
		return;
	mnl_attr_parse_nested(slots[IFLA_INFO_DATA], fill, &bridge_table);
	link->nf_call_iptables = get_flag(bridge[IFLA_BR_NF_CALL_IPTABLES]);
	link->nf_call_ip6tables = get_flag(bridge[IFLA_BR_NF_CALL_IP6TABLES]);
}

static bool read_link(const struct nlmsghdr *message, struct bh_rtnl_link *link)
{
	const struct nlattr *slots[IFLA_MAX + 1] = { 0 };
	struct table table = { slots, IFLA_MAX };

	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct ifinfomsg))
		return false;
	const struct ifinfomsg *head = mnl_nlmsg_get_payload(message);
	/* Bridges speak of their ports in messages of their own family, which look like links. */
	if (head->ifi_family != AF_UNSPEC)
		return false;
	mnl_attr_parse(message, sizeof(*head), fill, &table);
	*link = (struct bh_rtnl_link) { .ifindex = (uint32_t)head->ifi_index,
					.flags = head->ifi_flags,
					.master = get_u32(slots[IFLA_MASTER], 0),
					.peer = get_u32(slots[IFLA_LINK], 0) };
	link->peer_nsid = (int32_t)get_u32(slots[IFLA_LINK_NETNSID], (uint32_t)BH_NO_NSID);
	copy_text(slots[IFLA_IFNAME], link->ifname, sizeof(link->ifname));
	if (slots[IFLA_ADDRESS] != NULL &&
	    mnl_attr_get_payload_len(slots[IFLA_ADDRESS]) == sizeof(link->mac))
		memcpy(&link->mac, mnl_attr_get_payload(slots[IFLA_ADDRESS]), sizeof(link->mac));
	/* Hardware is of no kind. What is stacked upon another link has that in its own namespace,
	 * if no other is named. */
	link->outward = head->ifi_type == ARPHRD_ETHER &&
			(slots[IFLA_LINKINFO] == NULL || slots[IFLA_LINK_NETNSID] != NULL);
	read_kind(slots[IFLA_LINKINFO], link);
	return true;
}

/* The kernel's stamps wrap after 497 days; ours do not. A stamp may lie a little ahead of this
 * clock.
 */
static int64_t read_made(const struct nlattr *attr)
{
	const uint32_t ahead = 0xf0000000u;
	struct ifa_cacheinfo info;
	int64_t now = bh_time_monotonic() / 10000;

	if (attr == NULL || mnl_attr_get_payload_len(attr) < sizeof(info))
		return 0;
	memcpy(&info, mnl_attr_get_payload(attr), sizeof(info));
	uint32_t age = (uint32_t)now - info.cstamp;
	return now - (int64_t)age + (age < ahead ? 0 : INT64_C(1) << 32);
}

static bool read_address(const struct nlmsghdr *message, struct bh_rtnl_address *address)
{
	const struct nlattr *slots[IFA_MAX + 1] = { 0 };
	struct table table = { slots, IFA_MAX };

	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct ifaddrmsg))
		return false;
	const struct ifaddrmsg *head = mnl_nlmsg_get_payload(message);
	enum bh_family family = head->ifa_family == AF_INET    ? BH_IPV4
				: head->ifa_family == AF_INET6 ? BH_IPV6
							       : BH_NO_FAMILY;
	mnl_attr_parse(message, sizeof(*head), fill, &table);
	/* On a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL is ours where there is
	 * one. */
	const struct nlattr *value =
		slots[IFA_LOCAL] != NULL ? slots[IFA_LOCAL] : slots[IFA_ADDRESS];
	if (family == BH_NO_FAMILY || value == NULL ||
	    mnl_attr_get_payload_len(value) != bh_addr_size((uint8_t)family))
		return false;
	*address = (struct bh_rtnl_address) {
		.ifindex = head->ifa_index,
		.addr = bh_addr_from_bytes(family, mnl_attr_get_payload(value)),
		.prefix_length = head->ifa_prefixlen,
		.made = read_made(slots[IFA_CACHEINFO]),
	};
	return true;
}

static bool read_nsid(const struct nlmsghdr *message, int32_t *nsid)
{
	const struct nlattr *slots[NETNSA_MAX + 1] = { 0 };
	struct table table = { slots, NETNSA_MAX };

	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct rtgenmsg))
		return false;
	mnl_attr_parse(message, sizeof(struct rtgenmsg), fill, &table);
	*nsid = (int32_t)get_u32(slots[NETNSA_NSID], (uint32_t)BH_NO_NSID);
	return *nsid != BH_NO_NSID;
}

static void dispatch(const struct nlmsghdr *message, int32_t nsid, const struct bh_rtnl_handlers *h)
{
	struct bh_rtnl_link link;
	struct bh_rtnl_address address;
	uint16_t type = message->nlmsg_type;

	if ((type == RTM_NEWLINK || type == RTM_DELLINK) && read_link(message, &link))
		h->link(h->user, nsid, &link, type == RTM_DELLINK);
	else if ((type == RTM_NEWADDR || type == RTM_DELADDR) && read_address(message, &address))
		h->address(h->user, nsid, &address, type == RTM_DELADDR);
	else if ((type == RTM_NEWNSID || type == RTM_DELNSID) && nsid == BH_NO_NSID &&
		 read_nsid(message, &nsid))
		h->nsid(h->user, nsid, type == RTM_DELNSID);
}

/* --- reading ---------------------------------------------------------------------------------- */

static int32_t message_nsid(struct msghdr *message)
{
	int32_t nsid = BH_NO_NSID;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c))
		if (c->cmsg_level == SOL_NETLINK && c->cmsg_type == NETLINK_LISTEN_ALL_NSID &&
		    c->cmsg_len == CMSG_LEN(sizeof(nsid)))
			memcpy(&nsid, CMSG_DATA(c), sizeof(nsid));
	return nsid;
}

int bh_rtnl_read(int fd, const struct bh_rtnl_handlers *handlers)
{
	_Alignas(struct nlmsghdr) char buffer[BUFFER];
	union {
		char room[CMSG_SPACE(sizeof(int32_t))];
		struct cmsghdr align;
	} control;

	for (;;) {
		struct iovec part = { buffer, sizeof(buffer) };
		struct msghdr raw = { .msg_iov = &part,
				      .msg_iovlen = 1,
				      .msg_control = &control,
				      .msg_controllen = sizeof(control) };
		ssize_t got = recvmsg(fd, &raw, MSG_DONTWAIT);

		if (got < 0)
			return errno == EAGAIN ? 0 : errno == EINTR ? 0 : -errno;
		int left = (int)got;
		int32_t nsid = message_nsid(&raw);
		for (struct nlmsghdr *m = (struct nlmsghdr *)buffer; mnl_nlmsg_ok(m, left);
		     m = mnl_nlmsg_next(m, &left))
			dispatch(m, nsid, handlers);
	}
}

/* --- requests --------------------------------------------------------------------------------- */

/* Reads replies up to the end of a dump, or to the one acknowledgement. */
/* Both kinds carry an error first; a failed dump tells it in NLMSG_DONE. */
static int result_of(const struct nlmsghdr *m, bool interrupted)
{
	int error = mnl_nlmsg_get_payload_len(m) >= sizeof(int)
			    ? *(const int *)mnl_nlmsg_get_payload(m)
			    : 0;

	return error == 0 && interrupted ? -EINTR : error;
}

/* −EINTR: what was dumped changed meanwhile, and something may be missing. */
static int read_replies(int fd, int32_t nsid, const struct bh_rtnl_handlers *handlers)
{
	_Alignas(struct nlmsghdr) char buffer[BUFFER];
	bool interrupted = false;

	for (;;) {
		ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		for (struct nlmsghdr *m = (struct nlmsghdr *)buffer; mnl_nlmsg_ok(m, left);
		     m = mnl_nlmsg_next(m, &left)) {
			interrupted = interrupted || (m->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
				return result_of(m, interrupted);
			if (handlers != NULL)
				dispatch(m, nsid, handlers);
		}
	}
}

/* A dump that churn interrupted is asked for again: its messages may be heard twice. */
static int transact(int fd, struct nlmsghdr *request, int32_t nsid,
		    const struct bh_rtnl_handlers *handlers)
{
	int result = -EINTR;

	for (int tries = 0; result == -EINTR && tries < MOST_TRIES; tries++) {
		if (send(fd, request, request->nlmsg_len, 0) < 0)
			return -errno;
		result = read_replies(fd, nsid, handlers);
	}
	/* Never at rest: what changes is notified, too. */
	return result == -EINTR ? 0 : result;
}

int bh_rtnl_dump_links(int fd, int32_t nsid, const struct bh_rtnl_handlers *handlers)
{
	_Alignas(struct nlmsghdr) char buffer[128];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	if (nsid != BH_NO_NSID)
		mnl_attr_put_u32(request, IFLA_TARGET_NETNSID, (uint32_t)nsid);
	return transact(fd, request, nsid, handlers);
}

int bh_rtnl_dump_addresses(int fd, int32_t nsid, const struct bh_rtnl_handlers *handlers)
{
	_Alignas(struct nlmsghdr) char buffer[128];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_GETADDR;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
	if (nsid != BH_NO_NSID)
		mnl_attr_put_u32(request, IFA_TARGET_NETNSID, (uint32_t)nsid);
	return transact(fd, request, nsid, handlers);
}

int bh_rtnl_get_link(int fd, uint32_t ifindex, const struct bh_rtnl_handlers *handlers)
{
	_Alignas(struct nlmsghdr) char buffer[128];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	struct ifinfomsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	head->ifi_index = (int)ifindex;
	return transact(fd, request, BH_NO_NSID, handlers);
}

static void take_nsid(void *user, int32_t nsid, bool gone)
{
	(void)gone;
	*(int32_t *)user = nsid;
}

int32_t bh_rtnl_nsid_of(int fd, int netns_fd)
{
	_Alignas(struct nlmsghdr) char buffer[128];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	int32_t nsid = BH_NO_NSID;
	struct bh_rtnl_handlers handlers = { .user = &nsid, .nsid = take_nsid };

	request->nlmsg_type = RTM_GETNSID;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(request, NETNSA_FD, (uint32_t)netns_fd);
	transact(fd, request, BH_NO_NSID, &handlers);
	return nsid;
}

int bh_rtnl_set_bridge_filter(int fd, uint32_t ifindex, bool on)
{
	_Alignas(struct nlmsghdr) char buffer[256];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_NEWLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	struct ifinfomsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	head->ifi_index = (int)ifindex;
	struct nlattr *info = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_strz(request, IFLA_INFO_KIND, "bridge");
	struct nlattr *data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	mnl_attr_put_u8(request, IFLA_BR_NF_CALL_IPTABLES, on);
	mnl_attr_put_u8(request, IFLA_BR_NF_CALL_IP6TABLES, on);
	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, info);
	return transact(fd, request, BH_NO_NSID, NULL);
}
