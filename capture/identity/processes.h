/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In which network namespace each process of the host is, remembered from one look to the next.
 * Internal to this folder. */
#ifndef BH_PROCESSES_H
#define BH_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bh_processes;

struct bh_process {
	int32_t pid;
	char text[12];	/* the same */
	uint64_t netns; /* inode */
	bool read;	/* by this look; otherwise it is the same process as in the looks before */
	bool contained; /* a container's by its cgroup, when that was read last: the caller's to set
			 */
};

struct bh_processes *bh_processes_new(void);
void bh_processes_free(struct bh_processes *processes);

/*
 * Looks who is there. proc: "/proc". own: the inode of the host's namespace. now: monotonic, µs.
 * The links of those are read that are new, or came lately: a process enters its namespace
 * soon after its start, if it does. A process that does so later is found by a whole look, which
 * reads every link; the first one is.
 */
void bh_processes_look(struct bh_processes *processes, const char *proc, uint64_t own, int64_t now,
		       bool whole);

/* Iterates over those in other namespaces, in the order of the look: start with *position = 0; NULL
 * ends. */
struct bh_process *bh_processes_next(const struct bh_processes *processes, size_t *position);
/* Any that the look saw; NULL: it is gone. */
struct bh_process *bh_processes_get(const struct bh_processes *processes, int32_t pid);

/* The inode of a process's namespace; false: it is gone. */
bool bh_process_netns(const char *proc, const char *pid, uint64_t *inode);

#endif
