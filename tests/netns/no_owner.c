/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Preloaded, makes the kernel be one that does not know owned tables that persist, as before Linux
 * 6.9: in place of their flags it gets one that no kernel knows. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>

#define OWNER_AND_PERSIST 0x6u
#define UNKNOWN 0x80u

static void spoil(struct nlmsghdr *message)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg))
	{
		uint32_t *flags = mnl_attr_get_payload(attr);

		if (mnl_attr_get_type(attr) == NFTA_TABLE_FLAGS &&
		    (ntohl(*flags) & OWNER_AND_PERSIST) != 0)
			*flags = htonl(UNKNOWN);
	}
}

ssize_t mnl_socket_sendto(const struct mnl_socket *socket, const void *bytes, size_t length)
{
	ssize_t (*real)(const struct mnl_socket *, const void *, size_t);
	struct nlmsghdr *message = (struct nlmsghdr *)(uintptr_t)bytes;
	int left = (int)length;

	*(void **)&real = dlsym(RTLD_NEXT, "mnl_socket_sendto");
	if (real == NULL)
		abort();
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		if (message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE))
			spoil(message);
	return real(socket, bytes, length);
}
