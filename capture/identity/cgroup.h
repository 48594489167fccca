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

/*
 * text: the contents of /proc/PID/cgroup, any version (v1, hybrid, v2), not necessarily terminated.
 * own: the same of this process; what stands before its own container's parts of a path is left
 * out, since all of it runs in a container itself. False: no container.
 *
 * Where version 1 has controllers they tell, and nothing else: a root in a container may mount
 * hierarchies without any, whose paths it makes up. Where it has none all that tell must agree.
 */
bool bh_cgroup_container(const char *text, size_t length, const char *own, size_t own_length,
			 struct bh_cgroup *out);

/* The same of a process. proc: "/proc". */
bool bh_cgroup_of_process(const char *proc, const char *pid, struct bh_cgroup *out);

#endif
