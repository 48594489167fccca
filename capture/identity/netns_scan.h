/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One look at every network namespace that a name or a process leads to. Internal to this folder.
 */
#ifndef BH_NETNS_SCAN_H
#define BH_NETNS_SCAN_H

#include "links.h"
#include "map.h"
#include "processes.h"

struct bh_netns_look {
	const char *const *directories; /* of named namespaces; NULL-terminated */
	const char *proc;		/* "/proc" */
	int rtnl;			/* a socket for requests */
	/* inode → int32_t, of namespaces whose number is known, and has been theirs since the look
	 * before; asking the kernel for one costs the more, the more of them there are. */
	const struct bh_map *numbers;
	/* What the look before found (inode → struct bh_netns_fact), or NULL: where the process
	 * that it was known by is still there, none of the others in that namespace is read. */
	const struct bh_map *known;
	struct bh_processes *processes; /* what the looks before saw */
	int64_t now;			/* monotonic, µs */
	bool whole;			/* see processes.h */
};

/* Calls found() once for each namespace but our own, whole. */
void bh_netns_scan(const struct bh_netns_look *look,
		   void (*found)(void *user, const struct bh_netns_fact *fact), void *user);

/* The same for named namespaces alone, and of those the ones that skip() does not answer yes to by
 * their paths: a look that takes microseconds. */
void bh_netns_scan_names(const char *const *directories, const char *proc, int rtnl,
			 bool (*skip)(void *user, const char *path),
			 void (*found)(void *user, const struct bh_netns_fact *fact), void *user);

/* Whether the process is there, in the namespace of this inode. */
bool bh_netns_holds(const char *proc, int32_t pid, uint64_t inode);

/* The inode of a process' namespace and its number here (−1: none); false: it is gone. */
bool bh_netns_of(const char *proc, int32_t pid, int rtnl, uint64_t *inode, int32_t *nsid);

#endif
