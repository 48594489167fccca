/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One socket bound to one group takes what the rules of all families log to it. The kernel collects
 * messages for a moment: few at a time, and never for long, because events are read by people. */
#include "nflog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_log/libnetfilter_log.h>
#include <netinet/in.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "grow.h"

#define COPY_BYTES 256 /* of each packet: its headers */
#define QUEUE_MESSAGES 16
#define QUEUE_CENTISECONDS 5
#define RECEIVE_BUFFER (4 << 20)
#define READ_ROOM (64u << 10)
#define READS 64 /* per call, so that one flood does not hold up the caller's loop */

struct bh_nflog {
	struct mnl_socket *socket;
	uint64_t lost;
	char *buffer;
};

/* What mnl_cb_run() hands through. */
struct reading {
	void (*message)(void *user, const void *bytes, size_t length);
	void *user;
	int count;
};

static int configure(struct bh_nflog *log, struct nlmsghdr *nlh)
{
	char reply[MNL_NLMSG_HDRLEN + 1024] __attribute__((aligned(8)));

	nlh->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(log->socket, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	ssize_t got = mnl_socket_recvfrom(log->socket, reply, sizeof(reply));
	if (got < 0)
		return -errno;
	return mnl_cb_run(reply, (size_t)got, 0, mnl_socket_get_portid(log->socket), NULL, NULL) < 0
		       ? -errno
		       : 0;
}

static int bind_group(struct bh_nflog *log, uint16_t group)
{
	char buffer[512] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = nflog_nlmsg_put_header(buffer, NFULNL_MSG_CONFIG, AF_UNSPEC, group);

	nflog_attr_put_cfg_cmd(nlh, NFULNL_CFG_CMD_BIND);
	int result = configure(log, nlh);
	if (result != 0)
		return result;
	nlh = nflog_nlmsg_put_header(buffer, NFULNL_MSG_CONFIG, AF_UNSPEC, group);
	nflog_attr_put_cfg_mode(nlh, NFULNL_COPY_PACKET, COPY_BYTES);
	mnl_attr_put_u32(nlh, NFULA_CFG_QTHRESH, htonl(QUEUE_MESSAGES));
	mnl_attr_put_u32(nlh, NFULA_CFG_TIMEOUT, htonl(QUEUE_CENTISECONDS));
	return configure(log, nlh);
}

struct bh_nflog *bh_nflog_open(uint16_t group, struct bh_error *err)
{
	struct bh_nflog *log = bh_calloc(1, sizeof(*log));
	int bytes = RECEIVE_BUFFER;

	log->buffer = bh_calloc(1, READ_ROOM);
	log->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	int result = log->socket == NULL || mnl_socket_bind(log->socket, 0, MNL_SOCKET_AUTOPID) != 0
			     ? -errno
			     : bind_group(log, group);
	if (result != 0) {
		bh_error_set(err, result, "NFLOG group %u: %s%s", group, strerror(-result),
			     result == -EBUSY ? "; another process reads it: is another bulkhead "
						"running? (enforcement.log_group)"
					      : "");
		bh_nflog_close(log);
		return NULL;
	}
	int fd = mnl_socket_get_fd(log->socket);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return log;
}

void bh_nflog_close(struct bh_nflog *log)
{
	if (log == NULL)
		return;
	if (log->socket != NULL)
		mnl_socket_close(log->socket);
	free(log->buffer);
	free(log);
}

int bh_nflog_fd(const struct bh_nflog *log)
{
	return mnl_socket_get_fd(log->socket);
}

/* The messages of one datagram, each checked for its length. */
static void hand_on(struct reading *reading, const void *buffer, size_t length)
{
	const struct nlmsghdr *nlh = buffer;

	for (int left = (int)length; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
			continue;
		reading->message(reading->user, nlh, nlh->nlmsg_len);
		reading->count++;
	}
}

int bh_nflog_read(struct bh_nflog *log,
		  void (*message)(void *user, const void *bytes, size_t length), void *user,
		  uint64_t *lost, struct bh_error *err)
{
	struct reading reading = { message, user, 0 };
	int fd = mnl_socket_get_fd(log->socket);

	for (int i = 0; i < READS; i++) {
		ssize_t got = recv(fd, log->buffer, READ_ROOM, MSG_DONTWAIT);

		if (got > 0) {
			hand_on(&reading, log->buffer, (size_t)got);
			continue;
		}
		if (got == 0 || errno == EAGAIN)
			break;
		if (errno == EINTR)
			continue;
		if (errno != ENOBUFS)
			return bh_error_set(err, -errno, "NFLOG: %s", strerror(errno));
		/* How many the kernel does not say here. */
		(*lost)++;
		return bh_error_set(err, -ENOBUFS, "NFLOG: the kernel dropped messages");
	}
	return reading.count;
}
