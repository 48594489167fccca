/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Receives what log rules report (NFLOG, linux/netfilter/nfnetlink_log.h) and hands the messages
 * on, unread: the packet inside is hostile, and capture's to decode. */
#ifndef BH_NFLOG_H
#define BH_NFLOG_H

#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"

struct bh_nflog;

struct bh_nflog *bh_nflog_open(uint16_t group, struct bh_error *err);
void bh_nflog_close(struct bh_nflog *log);
int bh_nflog_fd(const struct bh_nflog *log);

/* Calls message() with each whole netlink message of type NFULNL_MSG_PACKET. Returns messages read,
 * or negative errno; -ENOBUFS: the kernel dropped some (*lost grows). */
int bh_nflog_read(struct bh_nflog *log,
		  void (*message)(void *user, const void *bytes, size_t length), void *user,
		  uint64_t *lost, struct bh_error *err);

#endif
