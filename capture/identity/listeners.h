/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who listens inside a namespace, from /proc/PID/net of one of its processes: no setns. */
#ifndef BH_LISTENERS_H
#define BH_LISTENERS_H

#include <stdio.h>

#include "bulkhead/endpoint.h"
#include "map.h"

/* sockets: as below. Fills count, complete and ports from the process's tcp, tcp6, udp and udp6.
 * Not complete where the process has gone, is in another namespace than `inode` by now, or there is
 * more than fits. */
void bh_listeners_read(const char *proc, int32_t pid, uint64_t inode, struct bh_listeners *out,
		       struct bh_map *sockets);

/* Says of what listens in that namespace which container it is of: by the cgroup of the processes
 * that have the socket open. For namespaces that several containers share; looks at every process.
 * Not known are the sockets of processes that do not run as root, and of those in no container. */
void bh_listeners_find_owners(const char *proc, uint64_t inode, struct bh_listeners *out,
			      const struct bh_map *sockets);

/* One such file (proc_pid_net(5)), of protocol proto; adds what listens. False: there was more than
 * fits or than is read. sockets: gets socket's inode (uint64_t) → struct bh_listener of *out; NULL:
 * not wanted. */
bool bh_listeners_parse(FILE *file, uint8_t proto, struct bh_listeners *out,
			struct bh_map *sockets);

#endif
