/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One trace at a time (tracer.h), for so long, and then no more of it: what it says goes to core,
 * the bytes of packets unread. */
#ifndef BH_KERNEL_TRACE_H
#define BH_KERNEL_TRACE_H

#include <uv.h>

#include "message.h"

struct bh_tracing;

struct bh_tracing_handlers {
	void *user;
	void (*say)(void *user, uint16_t type, const void *data, size_t length); /* to core */
};

struct bh_tracing *bh_tracing_new(uv_loop_t *loop, const struct bh_tracing_handlers *handlers);

/* Ends the one that runs, if any, without a word. BH_MSG_TRACE_END says how it went. */
void bh_tracing_start(struct bh_tracing *tracing, const struct bh_msg_trace_get *get);
/* Nobody is there any more who asked. */
void bh_tracing_stop(struct bh_tracing *tracing);

#endif
