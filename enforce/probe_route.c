/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe_route.h"

#include <errno.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "address.h"
#include "probe_frame.h"
#include "probe_link.h"

#define ROOM 512
#define PROTOCOL 249 /* of our routes: nobody's in rt_protos */
#define EXPIRES 5    /* seconds */
#define NETWORK4 24  /* bits: 192.0.2.0/24, … */
#define NETWORK6 32  /* … 2001:db8::/32; routes to less lead everywhere */

static const uint8_t families[2] = { AF_INET, AF_INET6 };

/* --- forwarding ------------------------------------------------------------------------------- */

static int take_forwarding(const struct nlmsghdr *reply, void *user)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, reply, sizeof(struct netconfmsg))
	{
		if (mnl_attr_get_type(attr) == NETCONFA_FORWARDING &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			*(bool *)user = mnl_attr_get_u32(attr) != 0;
	}
	return MNL_CB_OK;
}

static int ask_forwarding(struct mnl_socket *socket, uint8_t family, int32_t ifindex,
			  bool *forwards)
{
	char buffer[ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_GETNETCONF;
	request->nlmsg_flags = NLM_F_REQUEST;
	struct netconfmsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	head->ncm_family = family;
	mnl_attr_put_u32(request, NETCONFA_IFINDEX, (uint32_t)ifindex);
	*forwards = false;
	return bh_probe_link_ask(socket, request, take_forwarding, forwards);
}

int bh_probe_forwards(struct mnl_socket *socket, uint32_t ifindex, bool forwards[2])
{
	int result = ask_forwarding(socket, AF_INET, (int32_t)ifindex, &forwards[0]);

	/* Over IPv6 this host is a router or none; an interface's own switch says what it takes
	 * from other routers. */
	if (result == 0)
		result = ask_forwarding(socket, AF_INET6, NETCONFA_IFINDEX_ALL, &forwards[1]);
	return result == -EAFNOSUPPORT || result == -EOPNOTSUPP ? 0 : result; /* without IPv6 */
}

/* --- routes ----------------------------------------------------------------------------------- */

static struct nlmsghdr *begin(void *buffer, uint16_t type, bool six)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST;
	struct rtmsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	head->rtm_family = families[six];
	return request;
}

static void put_address(struct nlmsghdr *request, uint16_t type, const struct bh_addr *addr)
{
	mnl_attr_put(request, type, bh_addr_size(addr->family), addr->bytes);
}

static int take_route(const struct nlmsghdr *reply, void *user)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(reply);
	const uint8_t network = head->rtm_family == AF_INET6 ? NETWORK6 : NETWORK4;

	*(bool *)user = head->rtm_dst_len >= network && head->rtm_protocol != PROTOCOL;
	return MNL_CB_OK;
}

bool bh_probe_route_is_taken(struct mnl_socket *socket, bool six)
{
	char buffer[ROOM] __attribute__((aligned(8)));
	const struct bh_addr *const asked[] = { &bh_probe_inside[BH_PROBE_PASSES][six],
						&bh_probe_outside[BH_PROBE_PASSES][six] };
	bool taken = false;

	for (size_t i = 0; i < 2 && !taken; i++) {
		struct nlmsghdr *request = begin(buffer, RTM_GETROUTE, six);
		struct rtmsg *head = mnl_nlmsg_get_payload(request);

		head->rtm_dst_len = six ? 128 : 32;
		head->rtm_flags = RTM_F_FIB_MATCH;
		put_address(request, RTA_DST, asked[i]);
		/* An error says that there is no route, or one that leads nowhere. */
		bh_probe_link_ask(socket, request, take_route, &taken);
	}
	return taken;
}

static struct nlmsghdr *begin_route(void *buffer, uint16_t type, bool six,
				    const struct bh_addr *first)
{
	struct nlmsghdr *request = begin(buffer, type, six);
	struct rtmsg *head = mnl_nlmsg_get_payload(request);

	head->rtm_dst_len = six ? BH_PROBE_PREFIX6 : BH_PROBE_PREFIX4;
	head->rtm_table = RT_TABLE_MAIN;
	head->rtm_protocol = PROTOCOL;
	head->rtm_scope = six ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	head->rtm_type = RTN_UNICAST;
	put_address(request, RTA_DST, first);
	return request;
}

static struct nlmsghdr *begin_route_to(void *buffer, bool six, const struct bh_addr *first,
				       uint32_t ifindex)
{
	struct nlmsghdr *request = begin_route(buffer, RTM_NEWROUTE, six, first);

	request->nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
	mnl_attr_put_u32(request, RTA_OIF, ifindex);
	return request;
}

int bh_probe_route_add_local(struct mnl_socket *socket, uint32_t ifindex)
{
	char buffer[ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_NEWADDR;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE;
	struct ifaddrmsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	head->ifa_family = AF_INET;
	head->ifa_prefixlen = 32;
	head->ifa_scope = RT_SCOPE_LINK; /* nobody's source by itself */
	head->ifa_index = ifindex;
	put_address(request, IFA_LOCAL, &bh_probe_local);
	put_address(request, IFA_ADDRESS, &bh_probe_local);
	return bh_probe_link_ask(socket, request, NULL, NULL);
}

int bh_probe_route_outside(struct mnl_socket *socket, bool six, uint32_t ifindex)
{
	char buffer[ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *request =
		begin_route_to(buffer, six, &bh_probe_outside[BH_PROBE_PASSES][six], ifindex);

	return bh_probe_link_ask(socket, request, NULL, NULL);
}

int bh_probe_route_inside(struct mnl_socket *socket, bool six, uint32_t ifindex)
{
	char buffer[ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *request =
		begin_route_to(buffer, six, &bh_probe_inside[BH_PROBE_PASSES][six], ifindex);

	if (six)
		mnl_attr_put_u32(request, RTA_EXPIRES, EXPIRES);
	else
		put_address(request, RTA_PREFSRC, &bh_probe_local);
	return bh_probe_link_ask(socket, request, NULL, NULL);
}

void bh_probe_route_remove_inside(struct mnl_socket *socket)
{
	char buffer[ROOM] __attribute__((aligned(8)));

	for (int six = 0; six < 2; six++)
		bh_probe_link_ask(socket,
				  begin_route(buffer, RTM_DELROUTE, six,
					      &bh_probe_inside[BH_PROBE_PASSES][six]),
				  NULL, NULL);
}
