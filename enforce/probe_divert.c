/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe_divert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <string.h>
#include <sys/socket.h>

#include "probe_link.h"

#define ROOM 512
#define HANDLE TC_H_MAKE(TC_H_INGRESS, 0)
#define PRIORITY 1u

static struct nlmsghdr *begin(void *buffer, uint16_t type, uint32_t ifindex, uint32_t parent)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST;
	struct tcmsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	head->tcm_family = AF_UNSPEC;
	head->tcm_ifindex = (int)ifindex;
	head->tcm_parent = parent;
	return request;
}

int bh_probe_divert_prepare(struct mnl_socket *socket, uint32_t from)
{
	char buffer[ROOM] __attribute__((aligned(8)));
	struct nlmsghdr *request = begin(buffer, RTM_NEWQDISC, from, TC_H_INGRESS);
	struct tcmsg *head = mnl_nlmsg_get_payload(request);

	request->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
	head->tcm_handle = HANDLE;
	mnl_attr_put_strz(request, TCA_KIND, "ingress");
	return bh_probe_link_ask(socket, request, NULL, NULL);
}

/* Whatever it is: u32 is the classifier that every kernel has. */
static struct nlmsghdr *begin_filter(void *buffer, uint16_t type, uint32_t from)
{
	struct nlmsghdr *request = begin(buffer, type, from, HANDLE);
	struct tcmsg *head = mnl_nlmsg_get_payload(request);

	head->tcm_info = TC_H_MAKE(PRIORITY << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(request, TCA_KIND, "u32");
	return request;
}

static void put_match_all(struct nlmsghdr *request)
{
	/* With one key, all zero: nothing is asked. */
	uint8_t bytes[sizeof(struct tc_u32_sel) + sizeof(struct tc_u32_key)] = { 0 };
	const struct tc_u32_sel all = { .flags = TC_U32_TERMINAL, .nkeys = 1 };

	memcpy(bytes, &all, sizeof(all));
	mnl_attr_put(request, TCA_U32_SEL, sizeof(bytes), bytes);
}

static void put_redirection(struct nlmsghdr *request, uint32_t to)
{
	const struct tc_mirred mirred = { .action = TC_ACT_STOLEN,
					  .eaction = TCA_INGRESS_REDIR,
					  .ifindex = to };
	struct nlattr *actions = mnl_attr_nest_start(request, TCA_U32_ACT),
		      *first = mnl_attr_nest_start(request, 1);

	mnl_attr_put_strz(request, TCA_ACT_KIND, "mirred");
	struct nlattr *options = mnl_attr_nest_start(request, TCA_ACT_OPTIONS | NLA_F_NESTED);
	mnl_attr_put(request, TCA_MIRRED_PARMS, sizeof(mirred), &mirred);
	mnl_attr_nest_end(request, options);
	mnl_attr_nest_end(request, first);
	mnl_attr_nest_end(request, actions);
}

int bh_probe_divert(struct mnl_socket *socket, uint32_t from, uint32_t to)
{
	char buffer[ROOM] __attribute__((aligned(8)));
	int result =
		bh_probe_link_ask(socket, begin_filter(buffer, RTM_DELTFILTER, from), NULL, NULL);

	if (result != 0 && result != -ENOENT && result != -EINVAL) /* there is none yet */
		return result;
	struct nlmsghdr *request = begin_filter(buffer, RTM_NEWTFILTER, from);
	request->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
	struct nlattr *options = mnl_attr_nest_start(request, TCA_OPTIONS);
	put_match_all(request);
	put_redirection(request, to);
	mnl_attr_nest_end(request, options);
	return bh_probe_link_ask(socket, request, NULL, NULL);
}
