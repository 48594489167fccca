/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking the kernel's nfnetlink, and sending it transactions. */
#ifndef BH_NETLINK_H
#define BH_NETLINK_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "bulkhead/error.h"

struct nlmsghdr;
struct bh_netlink;

/* Room for one message of ours, whatever it says. */
#define BH_NETLINK_MESSAGE (128u << 10)

struct bh_netlink *bh_netlink_open(struct bh_error *err);
void bh_netlink_close(struct bh_netlink *nl);
/* The socket's address: what the kernel calls the owner of a table. */
uint32_t bh_netlink_port(const struct bh_netlink *nl);

/* Starts a message of nf_tables in buffer; type: NFT_MSG_…, flags: NLM_F_… */
struct nlmsghdr *bh_netlink_request(void *buffer, uint16_t type, uint16_t family, uint16_t flags);

/* Sends a request and calls message() on each reply; message() answers 0 or a negative errno.
 * -EINTR: what was read changed meanwhile; ask again. -ENOENT: there is no such object. */
int bh_netlink_ask(struct bh_netlink *nl, struct nlmsghdr *request,
		   int (*message)(const struct nlmsghdr *reply, void *user), void *user);

/* Messages that take effect together. */
struct bh_batch {
	struct bh_buffer bytes;
	uint32_t count;
	size_t last; /* where the last message begins */
};

/* generation: what the ruleset's must still be when the transaction arrives; 0: any. */
void bh_batch_begin(struct bh_batch *batch, uint32_t generation);
/* The message is copied; it gets the next number, from 1 on. */
void bh_batch_add(struct bh_batch *batch, const struct nlmsghdr *message);
void bh_batch_free(struct bh_batch *batch);

/* Sends it whole. 0; or negative errno, nothing changed, and *failed is the number of the first
 * message that the kernel refused (0: the batch as such). -ERESTART: the generation was another. */
int bh_batch_send(struct bh_netlink *nl, struct bh_batch *batch, uint32_t *failed);

#endif
