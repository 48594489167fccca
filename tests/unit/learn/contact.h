/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BH_TEST_CONTACT_H
#define BH_TEST_CONTACT_H

#include <netinet/in.h>

#include "ledger.h"

/* A whole TCP connection in one report, answered, from the source's replica 1. */
static inline struct bh_contact contact_of(const struct bh_peer *src, const struct bh_peer *dst,
					   uint16_t port, int64_t time)
{
	return (struct bh_contact) { .src = src,
				     .dst = dst,
				     .proto = IPPROTO_TCP,
				     .port = port,
				     .replica = 1,
				     .time = time,
				     .direction = BH_DIRECTION_SYN,
				     .answered = true,
				     .teaches = true,
				     .ends = true };
}

#endif
