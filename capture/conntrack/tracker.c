/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Three sockets: one for news, where anybody wants them; one for dumps, which the kernel fills as
 * fast as it is read; one for lookups, which it answers before the request's system call returns.
 */
#include "tracker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "entry.h"
#include "grow.h"

#define BUFFER 65536
#define READS 16	 /* per call, so that one dump does not hold up the caller's loop */
#define REQUEST_ROOM 256 /* one lookup */
#define BATCH 32	 /* lookups in one system call: their answers fit into any receive buffer */

struct bh_tracker {
	struct bh_tracker_events events;
	struct mnl_socket *news; /* NULL: nobody wants them */
	struct mnl_socket *dumps;
	struct mnl_socket *lookups;
	bool dumping;
	bool dump_again; /* news were lost while it ran */
	uint64_t overruns;
	char *buffer;
};

/* --- sockets ---------------------------------------------------------------------------------- */

static struct mnl_socket *open_socket(unsigned groups)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (s != NULL && mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID) != 0) {
		int code = errno;

		mnl_socket_close(s);
		errno = code;
		return NULL;
	}
	return s;
}

/* The old interface names groups by bits, which is all that these two need. */
static unsigned groups_of(const struct bh_tracker_config *config)
{
	return (config->made ? 1u << (NFNLGRP_CONNTRACK_NEW - 1) : 0) |
	       (config->ended ? 1u << (NFNLGRP_CONNTRACK_DESTROY - 1) : 0);
}

static void set_receive_buffer(struct mnl_socket *s, int bytes)
{
	int fd = mnl_socket_get_fd(s);

	if (bytes > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static bool open_sockets(struct bh_tracker *t, const struct bh_tracker_config *config)
{
	unsigned groups = groups_of(config);

	t->dumps = open_socket(0);
	t->lookups = t->dumps != NULL ? open_socket(0) : NULL;
	if (t->lookups == NULL || groups == 0)
		return t->lookups != NULL;
	t->news = open_socket(groups);
	if (t->news != NULL)
		set_receive_buffer(t->news, config->receive_buffer);
	return t->news != NULL;
}

struct bh_tracker *bh_tracker_open(const struct bh_tracker_config *config,
				   const struct bh_tracker_events *events, struct bh_error *err)
{
	struct bh_tracker *t = bh_calloc(1, sizeof(*t));

	t->events = *events;
	t->buffer = bh_calloc(1, BUFFER);
	if (open_sockets(t, config))
		return t;
	bh_error_set(err, -errno, "connection tracking: %s", strerror(errno));
	bh_tracker_close(t);
	return NULL;
}

void bh_tracker_close(struct bh_tracker *t)
{
	if (t == NULL)
		return;
	struct mnl_socket *sockets[] = { t->news, t->dumps, t->lookups };

	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++)
		if (sockets[i] != NULL)
			mnl_socket_close(sockets[i]);
	free(t->buffer);
	free(t);
}

size_t bh_tracker_fds(const struct bh_tracker *t, int fds[BH_TRACKER_FDS])
{
	size_t count = 0;

	fds[count++] = mnl_socket_get_fd(t->dumps);
	if (t->news != NULL)
		fds[count++] = mnl_socket_get_fd(t->news);
	return count;
}

/* --- messages --------------------------------------------------------------------------------- */

static int error_of(const struct nlmsghdr *m)
{
	return mnl_nlmsg_get_payload_len(m) >= sizeof(int) ? *(const int *)mnl_nlmsg_get_payload(m)
							   : 0;
}

static bool take_entry(struct bh_tracker *t, const struct nlmsghdr *m)
{
	struct bh_tracked entry;

	if (!bh_entry_read(m, m->nlmsg_len, &entry))
		return false;
	t->events.entry(t->events.user, &entry);
	return true;
}

/* One datagram. 1: a dump's end is in it; negative errno: it failed. */
static int take_messages(struct bh_tracker *t, int left)
{
	for (const struct nlmsghdr *m = (const struct nlmsghdr *)t->buffer; mnl_nlmsg_ok(m, left);
	     m = mnl_nlmsg_next(m, &left)) {
		if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
			return error_of(m) < 0 ? error_of(m) : 1;
		take_entry(t, m);
	}
	return 0;
}

/* Bytes that came; 0: nothing waits; negative errno. */
static int receive(struct bh_tracker *t, struct mnl_socket *s)
{
	for (;;) {
		ssize_t got = mnl_socket_recvfrom(s, t->buffer, BUFFER);

		if (got >= 0)
			return (int)got;
		if (errno != EINTR)
			return errno == EAGAIN ? 0 : -errno;
	}
}

/* --- dumps ------------------------------------------------------------------------------------ */

static int send_dump(struct bh_tracker *t)
{
	_Alignas(struct nlmsghdr) char buffer[64];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	struct nfgenmsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	head->nfgen_family = AF_UNSPEC; /* all of them */
	head->version = NFNETLINK_V0;
	return mnl_socket_sendto(t->dumps, request, request->nlmsg_len) < 0 ? -errno : 0;
}

int bh_tracker_dump(struct bh_tracker *t)
{
	int result = t->dumping ? 0 : send_dump(t);

	t->dumping = t->dumping || result == 0;
	return result;
}

static void end_dump(struct bh_tracker *t, int code)
{
	bool again = t->dump_again;

	t->dumping = t->dump_again = false;
	t->events.dumped(t->events.user, code);
	if (again)
		bh_tracker_dump(t);
}

static int read_dump(struct bh_tracker *t)
{
	for (int i = 0; i < READS; i++) {
		int got = receive(t, t->dumps);
		int state = got > 0 ? take_messages(t, got) : got;

		if (got == 0)
			break;
		if (state != 0)
			end_dump(t, state < 0 ? state : 0);
		if (got < 0)
			return got;
	}
	return 0;
}

/* --- news ------------------------------------------------------------------------------------- */

/* What was lost is in the table still, or was counted in a dump before. */
static void recover(struct bh_tracker *t)
{
	t->overruns++;
	t->dump_again = t->dumping;
	bh_tracker_dump(t);
	t->events.overrun(t->events.user, t->overruns);
}

static int read_news(struct bh_tracker *t)
{
	for (int i = 0; t->news != NULL && i < READS; i++) {
		int got = receive(t, t->news);

		if (got == 0)
			break;
		if (got > 0)
			take_messages(t, got);
		else if (got == -ENOBUFS)
			recover(t);
		else
			return got;
	}
	return 0;
}

int bh_tracker_read(struct bh_tracker *t)
{
	int dumped = read_dump(t), heard = read_news(t);

	return dumped != 0 ? dumped : heard;
}

/* --- lookups ---------------------------------------------------------------------------------- */

static void put_tuple(struct nlmsghdr *request, const struct bh_flow_key *key)
{
	bool ipv4 = key->src.family == BH_IPV4;
	size_t size = bh_addr_size(key->src.family);
	struct nlattr *tuple = mnl_attr_nest_start(request, CTA_TUPLE_ORIG);
	struct nlattr *ip = mnl_attr_nest_start(request, CTA_TUPLE_IP);

	mnl_attr_put(request, ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, size, key->src.bytes);
	mnl_attr_put(request, ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, size, key->dst.bytes);
	mnl_attr_nest_end(request, ip);
	struct nlattr *proto = mnl_attr_nest_start(request, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(request, CTA_PROTO_NUM, key->proto);
	mnl_attr_put_u16(request, CTA_PROTO_SRC_PORT, htons(key->sport));
	mnl_attr_put_u16(request, CTA_PROTO_DST_PORT, htons(key->dport));
	mnl_attr_nest_end(request, proto);
	mnl_attr_nest_end(request, tuple);
}

static size_t put_lookup(char *buffer, const struct bh_flow_key *key)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	request->nlmsg_flags = NLM_F_REQUEST;
	struct nfgenmsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	head->nfgen_family = key->src.family == BH_IPV4 ? AF_INET : AF_INET6;
	head->version = NFNETLINK_V0;
	put_tuple(request, key);
	return NLMSG_ALIGN(request->nlmsg_len);
}

/* Takes the answers that wait: entries, and errors for tuples that nobody tracks. */
static int read_found(struct bh_tracker *t)
{
	int found = 0, got;

	while ((got = receive(t, t->lookups)) > 0) {
		int left = got;

		for (const struct nlmsghdr *m = (const struct nlmsghdr *)t->buffer;
		     mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left))
			found += take_entry(t, m);
	}
	return got < 0 ? got : found;
}

static int find_batch(struct bh_tracker *t, const struct bh_flow_key *keys, size_t count)
{
	_Alignas(struct nlmsghdr) char requests[BATCH * REQUEST_ROOM];
	size_t length = 0;

	for (size_t i = 0; i < count; i++)
		length += put_lookup(requests + length, &keys[i]);
	if (mnl_socket_sendto(t->lookups, requests, length) < 0)
		return -errno;
	return read_found(t);
}

int bh_tracker_find(struct bh_tracker *t, const struct bh_flow_key *keys, size_t count)
{
	int found = 0;

	for (size_t at = 0; at < count; at += BATCH) {
		int got = find_batch(t, keys + at, count - at < BATCH ? count - at : BATCH);

		if (got < 0)
			return got;
		found += got;
	}
	return found;
}
