/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A channel between two of the processes: a SOCK_SEQPACKET pair in the event loop. Sends queue
 * where the socket is full, up to a bound; a message that does not fit is the sender's to count. A
 * message that does not pass bh_message_check() closes the channel: its sender is not what it was.
 */
#ifndef BH_CHANNEL_H
#define BH_CHANNEL_H

#include <uv.h>

#include "message.h"

struct bh_channel;

struct bh_channel_handlers {
	void *user;
	void (*message)(void *user, struct bh_channel *channel, const struct bh_message *message);
	/* The other end is gone, or broke the protocol (why says which). The channel may be freed
	 * in here; nothing is called afterwards. */
	void (*closed)(void *user, struct bh_channel *channel, const char *why);
};

/* Makes a pair of connected descriptors, close-on-exec. 0 or negative errno. */
int bh_channel_pair(int fds[2]);

/* Takes the descriptor over. */
struct bh_channel *bh_channel_new(uv_loop_t *loop, int fd,
				  const struct bh_channel_handlers *handlers, size_t queue_limit);
void bh_channel_free(struct bh_channel *channel);

/* The body is head followed by tail (either may be empty). 0; −ENOBUFS: the queue is full, nothing
 * was sent; −EMSGSIZE. fd: −1, or a descriptor to send along (the caller keeps its own). */
int bh_channel_send(struct bh_channel *channel, uint16_t type, const void *head, size_t head_length,
		    const void *tail, size_t tail_length, int fd);

/* Bytes that wait to be sent. */
size_t bh_channel_queued(const struct bh_channel *channel);

/* Room for an item in an array message: as many as fit into one. */
#define BH_CHANNEL_ROOM(size) ((BH_MESSAGE_MAX - 64) / (size))

#endif
