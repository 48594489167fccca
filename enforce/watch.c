/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "watch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "grow.h"

#define RECEIVE_BUFFER (4 << 20)
#define READ_ROOM (64u << 10)
#define READS 64 /* datagrams at a time */

struct bh_nft_watch {
	struct mnl_socket *socket;
	char *buffer;
	struct bh_nft_news news; /* of the transaction that has not ended yet */
};

struct bh_nft_watch *bh_nft_watch_open(struct bh_error *err)
{
	struct bh_nft_watch *watch = bh_calloc(1, sizeof(*watch));
	int bytes = RECEIVE_BUFFER;

	watch->buffer = bh_calloc(1, READ_ROOM);
	watch->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (watch->socket == NULL || mnl_socket_bind(watch->socket, 0, MNL_SOCKET_AUTOPID) != 0) {
		bh_error_set(err, -errno, "netlink socket for others' changes: %s",
			     strerror(errno));
		bh_nft_watch_close(watch);
		return NULL;
	}
	int fd = mnl_socket_get_fd(watch->socket);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return watch;
}

void bh_nft_watch_close(struct bh_nft_watch *watch)
{
	if (watch == NULL)
		return;
	if (watch->socket != NULL)
		mnl_socket_close(watch->socket);
	free(watch->buffer);
	free(watch);
}

int bh_nft_watch_fd(const struct bh_nft_watch *watch)
{
	return mnl_socket_get_fd(watch->socket);
}

int bh_nft_watch_listen(struct bh_nft_watch *watch, bool on)
{
	int group = NFNLGRP_NFTABLES;

	return mnl_socket_setsockopt(watch->socket,
				     on ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &group,
				     sizeof(group)) == 0
		       ? 0
		       : -errno;
}

/* How many transactions ended in it. */
static int take_datagram(struct bh_nft_watch *watch, int left,
			 void (*ended)(void *user, const struct bh_nft_news *news), void *user)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)watch->buffer;
	int count = 0;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (!bh_news_take(&watch->news, nlh))
			continue;
		ended(user, &watch->news);
		watch->news = (struct bh_nft_news) { 0 };
		count++;
	}
	return count;
}

int bh_nft_watch_read(struct bh_nft_watch *watch,
		      void (*ended)(void *user, const struct bh_nft_news *news), void *user,
		      struct bh_error *err)
{
	int fd = mnl_socket_get_fd(watch->socket), count = 0;

	for (int i = 0; i < READS; i++) {
		ssize_t got = recv(fd, watch->buffer, READ_ROOM, MSG_DONTWAIT);

		if (got > 0) {
			count += take_datagram(watch, (int)got, ended, user);
			continue;
		}
		if (got == 0 || errno == EAGAIN)
			break;
		if (errno == EINTR)
			continue;
		watch->news = (struct bh_nft_news) { 0 };
		return bh_error_set(err, -errno, "others' changes of nftables: %s",
				    strerror(errno));
	}
	return count;
}
