/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The runtimes' sockets and files: writes one of the fixed requests, or opens files in fixed
 * places, and passes on unread what comes. */
#ifndef BH_KERNEL_RELAY_H
#define BH_KERNEL_RELAY_H

#include "channel.h"
#include "config.h"

struct bh_relay;

/* news: called when a runtime has said, or written, that something changed. */
struct bh_relay *bh_relay_new(uv_loop_t *loop, const struct bh_config *config,
			      void (*news)(void *user), void *user);

/* Every request's replies go to this channel from now on; requests under way are given up. NULL:
 * nobody listens. */
void bh_relay_attach(struct bh_relay *relay, struct bh_channel *core);

/* Starts one request; its outcome, failure included, comes as RUNTIME_DATA and RUNTIME_END. */
void bh_relay_get(struct bh_relay *relay, const struct bh_msg_runtime_get *get);

#endif
