/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who listens inside a namespace, from /proc/PID/net of one of its processes: no setns. */
#ifndef BH_LISTENERS_H
#define BH_LISTENERS_H

#include <stdio.h>

#include "bulkhead/endpoint.h"

/* Fills count, complete and ports from the process's tcp, tcp6, udp and udp6. Not complete where
 * the process has gone, is in another namespace than `inode` by now, or there is more than fits. */
void bh_listeners_read(const char *proc, int32_t pid, uint64_t inode, struct bh_listeners *out);

/* One such file (proc_pid_net(5)), of protocol proto; adds what listens. False: there was more than
 * fits or than is read. */
bool bh_listeners_parse(FILE *file, uint8_t proto, struct bh_listeners *out);

#endif
