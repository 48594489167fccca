/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One look at every network namespace that a name or a process leads to. Internal to this folder.
 */
#ifndef BH_NETNS_SCAN_H
#define BH_NETNS_SCAN_H

#include "links.h"

/* Calls found() once for each namespace but our own, whole. rtnl: a socket for requests. processes:
 * look through /proc as well, which costs milliseconds. */
void bh_netns_scan(const char *const *directories, const char *proc, int rtnl, bool processes,
		   void (*found)(void *user, const struct bh_netns_fact *fact), void *user);

#endif
