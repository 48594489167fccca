/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "grow.h"

struct header {
	uint16_t version;
	uint16_t type;
	uint32_t length; /* of the body */
};

struct outgoing {
	STAILQ_ENTRY(outgoing) next;
	struct header header;
	int fd;
	char body[];
};

struct bh_channel {
	uv_poll_t poll;
	int fd;
	bool closing;
	struct bh_channel_handlers handlers;
	size_t queue_limit;
	size_t queued;
	STAILQ_HEAD(, outgoing) queue;
};

int bh_channel_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
		return -errno;
	int size = 1 << 20;
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct bh_channel *c)
{
	int events = UV_READABLE | (STAILQ_EMPTY(&c->queue) ? 0 : UV_WRITABLE);

	uv_poll_start(&c->poll, events, on_poll);
}

struct bh_channel *bh_channel_new(uv_loop_t *loop, int fd,
				  const struct bh_channel_handlers *handlers, size_t queue_limit)
{
	struct bh_channel *c = bh_calloc(1, sizeof(*c));

	c->fd = fd;
	c->handlers = *handlers;
	c->queue_limit = queue_limit;
	STAILQ_INIT(&c->queue);
	uv_poll_init(loop, &c->poll, fd);
	c->poll.data = c;
	watch(c);
	return c;
}

static void drop_first(struct bh_channel *c)
{
	struct outgoing *o = STAILQ_FIRST(&c->queue);

	STAILQ_REMOVE_HEAD(&c->queue, next);
	c->queued -= o->header.length;
	bh_close_fd(&o->fd);
	free(o);
}

static void on_closed(uv_handle_t *handle)
{
	struct bh_channel *c = handle->data;

	close(c->fd);
	free(c);
}

void bh_channel_free(struct bh_channel *c)
{
	if (c == NULL || c->closing)
		return;
	c->closing = true;
	while (!STAILQ_EMPTY(&c->queue))
		drop_first(c);
	uv_close((uv_handle_t *)&c->poll, on_closed);
}

static void fail(struct bh_channel *c, const char *why)
{
	if (c->closing)
		return;
	uv_poll_stop(&c->poll);
	c->handlers.closed(c->handlers.user, c, why);
}

/* One datagram out: 0, −EAGAIN, or another negative errno. */
static int transmit(struct bh_channel *c, const struct header *header, struct iovec parts[3],
		    int fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 3 };

	parts[0] = (struct iovec) { (void *)(uintptr_t)header, sizeof(*header) };
	if (fd >= 0) {
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
		*cmsg = (struct cmsghdr) { .cmsg_level = SOL_SOCKET,
					   .cmsg_type = SCM_RIGHTS,
					   .cmsg_len = CMSG_LEN(sizeof(int)) };
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	return sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void enqueue(struct bh_channel *c, const struct header *header, const struct iovec parts[3],
		    int fd)
{
	struct outgoing *o = bh_calloc(1, sizeof(*o) + header->length);

	o->header = *header;
	o->fd = fd >= 0 ? dup(fd) : -1;
	for (size_t at = 0, i = 1; i < 3; at += parts[i].iov_len, i++)
		if (parts[i].iov_len > 0)
			memcpy(o->body + at, parts[i].iov_base, parts[i].iov_len);
	STAILQ_INSERT_TAIL(&c->queue, o, next);
	c->queued += header->length;
	watch(c);
}

int bh_channel_send(struct bh_channel *c, uint16_t type, const void *head, size_t head_length,
		    const void *tail, size_t tail_length, int fd)
{
	struct header header = { BH_MESSAGE_VERSION, type, (uint32_t)(head_length + tail_length) };
	struct iovec parts[3] = { { 0 },
				  { (void *)(uintptr_t)head, head_length },
				  { (void *)(uintptr_t)tail, tail_length } };

	if (sizeof(header) + head_length + tail_length > BH_MESSAGE_MAX)
		return -EMSGSIZE;
	if (STAILQ_EMPTY(&c->queue)) {
		int sent = transmit(c, &header, parts, fd);

		if (sent != -EAGAIN && sent != -ENOBUFS)
			return sent;
	}
	if (c->queued + header.length > c->queue_limit)
		return -ENOBUFS;
	enqueue(c, &header, parts, fd);
	return 0;
}

size_t bh_channel_queued(const struct bh_channel *c)
{
	return c->queued;
}

/* Sends what waits, as far as the socket takes it. False: the channel failed. */
static bool flush_queue(struct bh_channel *c)
{
	while (!STAILQ_EMPTY(&c->queue)) {
		struct outgoing *o = STAILQ_FIRST(&c->queue);
		struct iovec parts[3] = { { 0 }, { o->body, o->header.length }, { 0 } };
		int sent = transmit(c, &o->header, parts, o->fd);

		if (sent == -EAGAIN || sent == -ENOBUFS)
			return true;
		if (sent != 0) {
			fail(c, strerror(-sent));
			return false;
		}
		drop_first(c);
	}
	watch(c);
	return true;
}

static int passed_descriptor(struct msghdr *message)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    c->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* Reads one datagram and hands it on. False: nothing more to read, or the channel is no more. */
static bool receive(struct bh_channel *c)
{
	struct {
		struct header header;
		_Alignas(max_align_t) char body[BH_MESSAGE_MAX];
	} in;
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec parts[2] = { { &in.header, sizeof(in.header) }, { in.body, sizeof(in.body) } };
	struct msghdr raw = { .msg_iov = parts,
			      .msg_iovlen = 2,
			      .msg_control = control.room,
			      .msg_controllen = sizeof(control.room) };
	ssize_t got = recvmsg(c->fd, &raw, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got <= 0) {
		fail(c, got == 0 ? "the other process is gone" : strerror(errno));
		return false;
	}
	struct bh_message message = { .type = in.header.type,
				      .data = in.body,
				      .fd = passed_descriptor(&raw) };
	message.length = (size_t)got - sizeof(in.header);
	if ((size_t)got < sizeof(in.header) || in.header.version != BH_MESSAGE_VERSION ||
	    in.header.length != message.length ||
	    !bh_message_check(message.type, message.data, message.length)) {
		bh_close_fd(&message.fd);
		fail(c, "a message that is not well-formed");
		return false;
	}
	c->handlers.message(c->handlers.user, c, &message);
	return !c->closing;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct bh_channel *c = poll->data;

	if (status < 0) {
		fail(c, uv_strerror(status));
		return;
	}
	if ((events & UV_WRITABLE) && !flush_queue(c))
		return;
	/* A bounded turn: timers and the other channels are due as well. */
	for (int i = 0; (events & UV_READABLE) && i < 256 && receive(c); i++)
		;
}
