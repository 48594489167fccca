/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel works a message off while it is being sent: when sendto() returns, every answer is in
 * the receive queue already. So nothing here waits.
 */
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <netinet/in.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "grow.h"

#define RECEIVE_BUFFER (4 << 20)
#define REPLY_ROOM (256u << 10)
#define SEND_SLACK 4096
#define TRIES 5

struct bh_netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
	int send_room; /* SO_SNDBUF as last set */
	char *reply;
};

static void set_room(struct bh_netlink *nl, int option, int forced, int bytes)
{
	int fd = mnl_socket_get_fd(nl->socket);

	if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof(bytes)) != 0)
		setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof(bytes));
}

struct bh_netlink *bh_netlink_open(struct bh_error *err)
{
	struct bh_netlink *nl = bh_calloc(1, sizeof(*nl));
	int on = 1;

	nl->sequence = (uint32_t)time(NULL);
	nl->reply = bh_calloc(1, REPLY_ROOM);
	nl->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (nl->socket == NULL || mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) != 0) {
		bh_error_set(err, -errno, "netlink socket for nftables: %s", strerror(errno));
		bh_netlink_close(nl);
		return NULL;
	}
	/* Error messages name the place; they need not bring the refused message back. */
	mnl_socket_setsockopt(nl->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	set_room(nl, SO_RCVBUF, SO_RCVBUFFORCE, RECEIVE_BUFFER);
	return nl;
}

void bh_netlink_close(struct bh_netlink *nl)
{
	if (nl == NULL)
		return;
	if (nl->socket != NULL)
		mnl_socket_close(nl->socket);
	free(nl->reply);
	free(nl);
}

uint32_t bh_netlink_port(const struct bh_netlink *nl)
{
	return mnl_socket_get_portid(nl->socket);
}

static struct nlmsghdr *start(void *buffer, uint16_t type, uint16_t family, uint16_t flags,
			      uint16_t resource)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = (uint8_t)family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(resource);
	return nlh;
}

struct nlmsghdr *bh_netlink_request(void *buffer, uint16_t type, uint16_t family, uint16_t flags)
{
	return start(buffer, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), family, flags, 0);
}

/* --- questions -------------------------------------------------------------------------------- */

struct asking {
	int (*message)(const struct nlmsghdr *reply, void *user);
	void *user;
	int result;
	bool interrupted;
};

static int take_reply(const struct nlmsghdr *nlh, void *data)
{
	struct asking *asking = data;

	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		asking->interrupted = true;
	if (asking->result == 0)
		asking->result = asking->message(nlh, asking->user);
	return MNL_CB_OK;
}

/* One reading: 1: more may follow, 0: complete, negative errno. */
static int read_replies(struct bh_netlink *nl, struct asking *asking)
{
	ssize_t got = mnl_socket_recvfrom(nl->socket, nl->reply, REPLY_ROOM);

	if (got < 0)
		return errno == EINTR ? 1 : -errno;
	int done = mnl_cb_run(nl->reply, (size_t)got, nl->sequence, bh_netlink_port(nl), take_reply,
			      asking);
	/* mnl_cb_run() reports an interrupted dump as an error, and stops there. */
	return done >= 0 ? done : -errno;
}

/* Forgets what an earlier question left unread. */
static void drain(struct bh_netlink *nl)
{
	int fd = mnl_socket_get_fd(nl->socket);

	while (recv(fd, nl->reply, REPLY_ROOM, MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		;
}

int bh_netlink_ask(struct bh_netlink *nl, struct nlmsghdr *request,
		   int (*message)(const struct nlmsghdr *reply, void *user), void *user)
{
	struct asking asking = { .message = message, .user = user };
	int result;

	request->nlmsg_seq = ++nl->sequence;
	if (!(request->nlmsg_flags & NLM_F_DUMP))
		request->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl->socket, request, request->nlmsg_len) < 0)
		return -errno;
	while ((result = read_replies(nl, &asking)) > 0)
		;
	if (result < 0)
		drain(nl);
	if (result == 0 && asking.interrupted)
		result = -EINTR;
	return result != 0 ? result : asking.result;
}

/* --- transactions ----------------------------------------------------------------------------- */

static void append(struct bh_batch *batch, const struct nlmsghdr *nlh)
{
	batch->last = batch->bytes.length;
	bh_buffer_append(&batch->bytes, nlh, MNL_ALIGN(nlh->nlmsg_len));
}

void bh_batch_begin(struct bh_batch *batch, uint32_t generation)
{
	char buffer[MNL_ALIGN(sizeof(struct nlmsghdr)) + 64] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *nlh =
		start(buffer, NFNL_MSG_BATCH_BEGIN, AF_UNSPEC, 0, NFNL_SUBSYS_NFTABLES);

	if (generation != 0)
		mnl_attr_put_u32(nlh, NFNL_BATCH_GENID, htonl(generation));
	append(batch, nlh);
}

void bh_batch_add(struct bh_batch *batch, const struct nlmsghdr *message)
{
	append(batch, message);
	/* Written in place: the buffer's own copy is aligned like any allocation. */
	((struct nlmsghdr *)(void *)(batch->bytes.data + batch->last))->nlmsg_seq = ++batch->count;
}

void bh_batch_free(struct bh_batch *batch)
{
	bh_buffer_free(&batch->bytes);
}

/* Sequence numbers of this batch follow the socket's: begin is the first. The last message before
 * the end asks for an acknowledgement, without which silence would have to mean success. */
static void number(struct bh_netlink *nl, struct bh_batch *batch, size_t last_real)
{
	uint32_t first = ++nl->sequence;

	for (size_t at = 0; at < batch->bytes.length;) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)(void *)(batch->bytes.data + at);

		nlh->nlmsg_seq += first;
		if (at == last_real)
			nlh->nlmsg_flags |= NLM_F_ACK;
		at += MNL_ALIGN(nlh->nlmsg_len);
	}
	nl->sequence = first + batch->count + 1;
}

static int send_bytes(struct bh_netlink *nl, const struct bh_buffer *bytes)
{
	int needed = (int)bytes->length + SEND_SLACK;

	if (bytes->length > INT32_MAX / 2)
		return -EMSGSIZE;
	if (needed > nl->send_room) {
		set_room(nl, SO_SNDBUF, SO_SNDBUFFORCE, needed);
		nl->send_room = needed;
	}
	for (int tries = 0; tries < TRIES; tries++) {
		if (mnl_socket_sendto(nl->socket, bytes->data, bytes->length) >= 0)
			return 0;
		if (errno != EINTR && errno != EAGAIN && errno != ENOBUFS)
			break;
	}
	return -errno;
}

/* Reads the answers that are there. */
static int read_answers(struct bh_netlink *nl, uint32_t first, uint32_t *failed)
{
	int result = -EIO, fd = mnl_socket_get_fd(nl->socket);
	ssize_t got;

	while ((got = recv(fd, nl->reply, REPLY_ROOM, MSG_DONTWAIT)) > 0 || errno == EINTR) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)nl->reply;

		for (int left = (int)got; got > 0 && mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_type != NLMSG_ERROR ||
			    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nlmsgerr))
				continue;
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(nlh);
			if (result == -EIO || result == 0)
				result = answer->error;
			if (answer->error != 0 && *failed == 0)
				*failed = answer->msg.nlmsg_seq - first;
		}
	}
	return result;
}

int bh_batch_send(struct bh_netlink *nl, struct bh_batch *batch, uint32_t *failed)
{
	char buffer[64] __attribute__((aligned(8))) = { 0 };
	size_t last_real = batch->last;

	append(batch, start(buffer, NFNL_MSG_BATCH_END, AF_UNSPEC, 0, NFNL_SUBSYS_NFTABLES));
	number(nl, batch, last_real);
	uint32_t first = nl->sequence - batch->count - 1;
	*failed = 0;
	drain(nl);
	int result = send_bytes(nl, &batch->bytes);
	return result == 0 ? read_answers(nl, first, failed) : result;
}
