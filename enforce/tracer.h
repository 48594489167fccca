/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Has nftables tell what it does to the packets of a filter. For that a rule has to mark them
 * before all others: in two tables of our own, which have to do with nothing else, and belong to a
 * socket: they go with it, however the process ends.
 */
#ifndef BH_TRACER_H
#define BH_TRACER_H

#include <stddef.h>

#include "bulkhead/error.h"
#include "bulkhead/trace.h"

#define BH_TRACE_TABLE "bulkhead_trace"
#define BH_TRACE_PACKETS 50 /* a second that are marked at most, in each of the tables */

struct nlmsghdr;
struct bh_tracer;

/* Packets are marked from now on. NULL and *err. */
struct bh_tracer *bh_tracer_open(const struct bh_trace_filter *filter, struct bh_error *err);
void bh_tracer_close(struct bh_tracer *tracer);
int bh_tracer_fd(const struct bh_tracer *tracer);

/* Reads what is there, so much at a time. 0; -ENOBUFS: the kernel dropped some; another negative
 * errno. */
int bh_tracer_read(struct bh_tracer *tracer,
		   void (*step)(void *user, const struct bh_trace_step *step), void *user);

/* The rule of a step. 0; -ENOENT: it is gone, or the step has none; another negative errno. */
int bh_tracer_rule(struct bh_tracer *tracer, const struct bh_trace_step *step,
		   struct bh_trace_rule *rule);

/* A step from the kernel's message (NFT_MSG_TRACE); false: it is none. What is not printable ASCII
 * in names becomes '?'. */
bool bh_trace_read(const struct nlmsghdr *message, struct bh_trace_step *step);

#endif
