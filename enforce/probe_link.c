/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe_link.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "grow.h"

#define ROOM 512
#define REPLY_ROOM 16384

static struct nlmsghdr *begin(void *buffer, uint16_t type, uint8_t family, uint32_t ifindex)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST;
	struct ifinfomsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	head->ifi_family = family;
	head->ifi_index = (int)ifindex;
	return request;
}

/* The kernel answers before sendto() returns: nothing here waits. */
int bh_probe_link_ask(struct mnl_socket *socket, struct nlmsghdr *request, mnl_cb_t take,
		      void *user)
{
	static uint32_t sequence;
	char reply[REPLY_ROOM] __attribute__((aligned(8)));
	int more = 1;

	request->nlmsg_flags |= NLM_F_ACK;
	request->nlmsg_seq = ++sequence;
	if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	while (more > 0) {
		ssize_t got = mnl_socket_recvfrom(socket, reply, sizeof(reply));

		if (got < 0)
			return -errno;
		more = mnl_cb_run(reply, (size_t)got, request->nlmsg_seq,
				  mnl_socket_get_portid(socket), take, user);
	}
	return more < 0 ? -errno : 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

static const struct nlattr *inside(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	return NULL;
}

/* The attribute of that type in the data of a link's kind, or in those of a port. */
static const struct nlattr *in_data(const struct nlattr *info, uint16_t data, uint16_t type)
{
	const struct nlattr *nest = inside(info, data);

	return nest != NULL ? inside(nest, type) : NULL;
}

static bool gives_no_vlan(const struct nlattr *info)
{
	const struct nlattr *filters = in_data(info, IFLA_INFO_DATA, IFLA_BR_VLAN_FILTERING),
			    *pvid = in_data(info, IFLA_INFO_DATA, IFLA_BR_VLAN_DEFAULT_PVID);

	return filters != NULL && mnl_attr_validate(filters, MNL_TYPE_U8) == 0 &&
	       mnl_attr_get_u8(filters) != 0 && pvid != NULL &&
	       mnl_attr_validate(pvid, MNL_TYPE_U16) == 0 && mnl_attr_get_u16(pvid) == 0;
}

static void take_info(const struct nlattr *info, struct bh_probe_link *out)
{
	const struct nlattr *kind = inside(info, IFLA_INFO_KIND),
			    *stp = in_data(info, IFLA_INFO_DATA, IFLA_BR_STP_STATE);

	out->bridge = kind != NULL && mnl_attr_validate(kind, MNL_TYPE_NUL_STRING) == 0 &&
		      strcmp(mnl_attr_get_str(kind), "bridge") == 0;
	out->stp = out->bridge && stp != NULL && mnl_attr_validate(stp, MNL_TYPE_U32) == 0 &&
		   mnl_attr_get_u32(stp) != 0;
	out->no_vlan = out->bridge && gives_no_vlan(info);
}

static int take_bridge(const struct nlmsghdr *reply, void *user)
{
	const struct ifinfomsg *head = mnl_nlmsg_get_payload(reply);
	struct bh_probe_link *out = user;
	const struct nlattr *attr;

	out->up = (head->ifi_flags & IFF_UP) != 0;
	mnl_attr_for_each(attr, reply, sizeof(*head))
	{
		uint16_t type = mnl_attr_get_type(attr);

		if (type == IFLA_MTU && mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			out->mtu = mnl_attr_get_u32(attr);
		else if (type == IFLA_IFNAME && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			bh_copy_text(out->ifname, sizeof(out->ifname), mnl_attr_get_str(attr));
		else if (type == IFLA_LINKINFO)
			take_info(attr, out);
	}
	return MNL_CB_OK;
}

int bh_probe_link_get(struct mnl_socket *socket, uint32_t ifindex, struct bh_probe_link *out)
{
	char buffer[ROOM] __attribute__((aligned(8)));

	*out = (struct bh_probe_link) { 0 };
	return bh_probe_link_ask(socket, begin(buffer, RTM_GETLINK, AF_UNSPEC, ifindex),
				 take_bridge, out);
}

static int take_port(const struct nlmsghdr *reply, void *user)
{
	const struct nlattr *attr, *state;

	mnl_attr_for_each(attr, reply, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) != IFLA_LINKINFO)
			continue;
		state = in_data(attr, IFLA_INFO_SLAVE_DATA, IFLA_BRPORT_STATE);
		*(bool *)user = state != NULL && mnl_attr_validate(state, MNL_TYPE_U8) == 0 &&
				mnl_attr_get_u8(state) == BR_STATE_FORWARDING;
	}
	return MNL_CB_OK;
}

int bh_probe_link_forwards(struct mnl_socket *socket, uint32_t ifindex, bool *forwards)
{
	char buffer[ROOM] __attribute__((aligned(8)));

	*forwards = false;
	return bh_probe_link_ask(socket, begin(buffer, RTM_GETLINK, AF_UNSPEC, ifindex), take_port,
				 forwards);
}

/* --- changing --------------------------------------------------------------------------------- */

int bh_probe_link_prepare(struct mnl_socket *socket, uint32_t ifindex, const struct bh_mac *mac,
			  uint32_t mtu)
{
	char buffer[ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *request = begin(buffer, RTM_NEWLINK, AF_UNSPEC, ifindex);

	mnl_attr_put(request, IFLA_ADDRESS, sizeof(mac->bytes), mac->bytes);
	mnl_attr_put_u32(request, IFLA_MTU, mtu);
	int result = bh_probe_link_ask(socket, request, NULL, NULL);
	if (result != 0)
		return result;
	request = begin(buffer, RTM_NEWLINK, AF_UNSPEC, ifindex);
	struct nlattr *families = mnl_attr_nest_start(request, IFLA_AF_SPEC);
	struct nlattr *six = mnl_attr_nest_start(request, AF_INET6);
	mnl_attr_put_u8(request, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(request, six);
	mnl_attr_nest_end(request, families);
	result = bh_probe_link_ask(socket, request, NULL, NULL);
	return result == -EAFNOSUPPORT || result == -EOPNOTSUPP ? 0 : result; /* a host without */
}

int bh_probe_link_enslave(struct mnl_socket *socket, uint32_t ifindex, uint32_t bridge)
{
	char buffer[ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *request = begin(buffer, RTM_NEWLINK, AF_UNSPEC, ifindex);

	mnl_attr_put_u32(request, IFLA_MASTER, bridge);
	return bh_probe_link_ask(socket, request, NULL, NULL);
}

int bh_probe_link_silence(struct mnl_socket *socket, uint32_t ifindex)
{
	static const uint16_t off[] = { IFLA_BRPORT_LEARNING, IFLA_BRPORT_UNICAST_FLOOD,
					IFLA_BRPORT_MCAST_FLOOD, IFLA_BRPORT_BCAST_FLOOD };
	char buffer[ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *request = begin(buffer, RTM_SETLINK, AF_BRIDGE, ifindex);
	struct nlattr *port = mnl_attr_nest_start(request, IFLA_PROTINFO | NLA_F_NESTED);

	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		mnl_attr_put_u8(request, off[i], 0);
	mnl_attr_nest_end(request, port);
	return bh_probe_link_ask(socket, request, NULL, NULL);
}

static int raise_flags(struct mnl_socket *socket, uint32_t ifindex, uint32_t flags)
{
	char buffer[ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *request = begin(buffer, RTM_NEWLINK, AF_UNSPEC, ifindex);
	struct ifinfomsg *head = mnl_nlmsg_get_payload(request);

	head->ifi_flags = head->ifi_change = flags;
	return bh_probe_link_ask(socket, request, NULL, NULL);
}

int bh_probe_link_up(struct mnl_socket *socket, uint32_t ifindex)
{
	return raise_flags(socket, ifindex, IFF_UP);
}

int bh_probe_link_up_routed(struct mnl_socket *socket, uint32_t ifindex)
{
	char buffer[ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *request = begin(buffer, RTM_NEWLINK, AF_UNSPEC, ifindex);
	struct nlattr *families = mnl_attr_nest_start(request, IFLA_AF_SPEC),
		      *four = mnl_attr_nest_start(request, AF_INET),
		      *conf = mnl_attr_nest_start(request, IFLA_INET_CONF);

	mnl_attr_put_u32(request, IPV4_DEVCONF_FORWARDING, 1);
	mnl_attr_nest_end(request, conf);
	mnl_attr_nest_end(request, four);
	mnl_attr_nest_end(request, families);
	int result = bh_probe_link_ask(socket, request, NULL, NULL);
	return result == 0 ? raise_flags(socket, ifindex, IFF_UP | IFF_NOARP) : result;
}

int bh_probe_link_add_mac(struct mnl_socket *socket, uint32_t ifindex, const struct bh_mac *mac)
{
	char buffer[ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_NEWNEIGH;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE;
	struct ndmsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	head->ndm_family = AF_BRIDGE;
	head->ndm_ifindex = (int)ifindex;
	head->ndm_state = NUD_NOARP; /* static; a permanent one would be the bridge's own */
	head->ndm_flags = NTF_MASTER;
	mnl_attr_put(request, NDA_LLADDR, sizeof(mac->bytes), mac->bytes);
	return bh_probe_link_ask(socket, request, NULL, NULL);
}
