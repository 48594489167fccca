/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One look at every network namespace that a name or a process leads to. Internal to this folder.
 */
#ifndef BH_NETNS_SCAN_H
#define BH_NETNS_SCAN_H

#include "links.h"
#include "map.h"

/* Calls found() once for each namespace but our own, whole. rtnl: a socket for requests. processes:
 * look through /proc as well, which costs milliseconds. numbers: inode → int32_t, of namespaces
 * whose number is known; asking the kernel for one costs the more, the more of them there are. */
void bh_netns_scan(const char *const *directories, const char *proc, int rtnl, bool processes,
		   const struct bh_map *numbers,
		   void (*found)(void *user, const struct bh_netns_fact *fact), void *user);

#endif
