/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which container a process belongs to, by the path of its cgroup. */
#ifndef BH_CGROUP_H
#define BH_CGROUP_H

#include "bulkhead/endpoint.h"

struct bh_cgroup {
	uint8_t runtime;	  /* enum bh_runtime */
	char id[BH_CONTAINER_ID]; /* of the container that this host's engine made; "" where a
				     machine has no name there */
	/* Of the innermost one below it, where there is another: what a container makes below its
	 * own cgroup it may call as it likes. "": none. */
	uint8_t inner_runtime;
	char inner[BH_CONTAINER_ID];
};

#define BH_CGROUP_TEXT 8192

/* What this process knows of its own host. */
struct bh_cgroup_home {
	char own[BH_CGROUP_TEXT]; /* its /proc/self/cgroup */
	size_t own_length;
	bool mounts_known;
	bool unified;	    /* version 2 is mounted */
	char mounted[1024]; /* version 1: ",cpu,cpuacct,name=systemd,": the options of its mounts */
};

/* proc: "/proc", with mountinfo (proc_pid_mountinfo(5)) below self. */
void bh_cgroup_home_read(const char *proc, struct bh_cgroup_home *home);

/*
 * text: the contents of /proc/PID/cgroup, any version (v1, hybrid, v2), not necessarily terminated.
 * False: no container. What stands in a path before the container that this process is in itself is
 * left out, since all of it runs in there.
 *
 * Root in a container may mount hierarchies, and makes up the paths in them. So only those count
 * that are mounted where this process is. Of version 1's with controllers the oldest tells (the
 * kernel numbers them), and nothing else; where none of them does, all that tell must agree.
 */
bool bh_cgroup_container(const char *text, size_t length, const struct bh_cgroup_home *home,
			 struct bh_cgroup *out);

/* The same of a process. proc: "/proc". */
bool bh_cgroup_of_process(const char *proc, const char *pid, const struct bh_cgroup_home *home,
			  struct bh_cgroup *out);

#endif
