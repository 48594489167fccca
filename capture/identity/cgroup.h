/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which container a process belongs to, by the path of its cgroup. */
#ifndef BH_CGROUP_H
#define BH_CGROUP_H

#include "bulkhead/endpoint.h"

/* text: the contents of /proc/PID/cgroup, any version (v1, hybrid, v2), not necessarily terminated.
 * Path components are matched anywhere: nested engines put prefixes in front. False: no container.
 */
bool bh_cgroup_container(const char *text, size_t length, uint8_t *runtime,
			 char container_id[BH_CONTAINER_ID], char outer[BH_CONTAINER_ID]);

/* The same of a process. proc: "/proc". outer: the container of this host's engine in which that
 * one was made by an engine of its own; "": it is this host's itself. */
bool bh_cgroup_of_process(const char *proc, const char *pid, uint8_t *runtime,
			  char container_id[BH_CONTAINER_ID], char outer[BH_CONTAINER_ID]);

#endif
