/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a process's link costs the kernel microseconds, and a host has thousands of processes;
 * that a process is the same one as before, the listing of /proc says by itself. A directory there
 * has its inode number for as long as the kernel keeps it in mind, at most until the process ends,
 * and the next one gets another: /proc numbers them all through (get_next_ino()). So a PID that
 * comes again is not taken for the process that had it.
 */
#include "processes.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grow.h"
#include "map.h"
#include "timefmt.h"

/* How long after a process was first seen its link is read in every look. Runtimes start one that
 * enters its namespace by and by, within milliseconds unless the machine is very busy. */
#define YOUNG (10 * BH_SECOND)
#define NO_TOKEN 1 /* what the kernel puts where it has no number (proc_fill_cache()) */

struct process {
	struct bh_process shown;
	uint64_t token; /* the directory's inode */
	int64_t first;	/* monotonic: when it was first seen */
	uint32_t look;
};

struct bh_processes {
	struct bh_map *known;	  /* pid → struct process */
	struct process **outside; /* of this look, in its order */
	size_t count, capacity;
	uint32_t look;
};

struct bh_processes *bh_processes_new(void)
{
	struct bh_processes *p = bh_calloc(1, sizeof(*p));

	p->known = bh_map_new(free);
	return p;
}

void bh_processes_free(struct bh_processes *p)
{
	if (p == NULL)
		return;
	bh_map_free(p->known);
	free(p->outside);
	free(p);
}

bool bh_process_netns(const char *proc, const char *pid, uint64_t *inode)
{
	char path[300], text[64];

	snprintf(path, sizeof(path), "%s/%s/ns/net", proc, pid);
	/* Cheaper than opening what it leads to. */
	ssize_t length = readlink(path, text, sizeof(text) - 1);
	if (length <= 0)
		return false;
	text[length] = '\0';
	return sscanf(text, "net:[%" SCNu64 "]", inode) == 1;
}

/* The process behind an entry of /proc, new where it is not the one that had the PID before. */
static struct process *meet(struct bh_processes *p, const struct dirent *entry, int64_t now)
{
	int32_t pid = atoi(entry->d_name);
	struct process *known = bh_map_get(p->known, &pid, sizeof(pid));

	if (known != NULL && known->token == entry->d_ino && known->token > NO_TOKEN)
		return known;
	known = bh_calloc(1, sizeof(*known));
	known->shown.pid = pid;
	bh_copy_text(known->shown.text, sizeof(known->shown.text), entry->d_name);
	known->token = entry->d_ino;
	known->first = now;
	bh_map_put(p->known, &pid, sizeof(pid), known);
	return known;
}

static void take(struct bh_processes *p, const char *proc, uint64_t own, struct process *process)
{
	if (process->shown.read &&
	    !bh_process_netns(proc, process->shown.text, &process->shown.netns))
		process->shown.netns = own; /* it is about to end: nobody's */
	if (process->shown.netns == own)
		return;
	p->outside = bh_grow(p->outside, &p->capacity, p->count + 1, sizeof(struct process *));
	p->outside[p->count++] = process;
}

static void forget_unseen(struct bh_processes *p)
{
	const struct process *process;

	for (size_t position = 0; (process = bh_map_next(p->known, &position)) != NULL;) {
		int32_t pid = process->shown.pid;

		if (process->look != p->look)
			bh_map_remove(p->known, &pid, sizeof(pid));
	}
}

void bh_processes_look(struct bh_processes *p, const char *proc, uint64_t own, int64_t now,
		       bool whole)
{
	DIR *dir = opendir(proc);
	const struct dirent *entry;

	p->count = 0;
	p->look++;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name))
			continue;
		struct process *process = meet(p, entry, now);

		process->look = p->look;
		process->shown.read = whole || now - process->first < YOUNG;
		take(p, proc, own, process);
	}
	if (dir != NULL)
		closedir(dir);
	forget_unseen(p);
}

struct bh_process *bh_processes_next(const struct bh_processes *p, size_t *position)
{
	return *position < p->count ? &p->outside[(*position)++]->shown : NULL;
}

struct bh_process *bh_processes_get(const struct bh_processes *p, int32_t pid)
{
	struct process *process = bh_map_get(p->known, &pid, sizeof(pid));

	return process != NULL ? &process->shown : NULL;
}
