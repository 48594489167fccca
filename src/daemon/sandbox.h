/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the children give up besides their privileges (privileges.h). capture reads what strangers
 * wrote: once its packet socket is open it can do a few dozen system calls, sees an empty directory
 * for a file system, has the memory that its configuration asks for, and cannot send on its packet
 * socket. A call that is not on its list ends it with SIGSYS; the parent says so and starts
 * another.
 *
 * In capture, in this order: _child before the event loop is made; _limit and _enclose while it is
 * privileged; bh_privileges_drop_all(); _capture. docs/security.md says what for.
 */
#ifndef BH_SANDBOX_H
#define BH_SANDBOX_H

#include <stddef.h>

#include "bulkhead/error.h"

/* For both children, from their first lines on: no programs, no namespaces, no mounts, no tracing,
 * no modules, no BPF. io_uring answers "not there", because it would go round every filter; the
 * event loop does without. Descriptors above last_fd are of whoever started the daemon, and closed.
 * Sets no_new_privs. */
int bh_sandbox_child(int last_fd, struct bh_error *err);

/* No other processes; threads it may have, since names are resolved in one (libcurl). */
int bh_sandbox_alone(struct bh_error *err);

/* Address space: what is mapped now and `growth` bytes more. No processes, no core dumps, few
 * descriptors. Standard error, where it is a regular file, grows to `log_bytes` at most (0: without
 * a limit); a line beyond that is lost, the process goes on. */
int bh_sandbox_limit(size_t growth, size_t log_bytes, struct bh_error *err);

/* Where in the run directory the empty one is. */
void bh_sandbox_empty_path(const char *run_directory, char *out, size_t size);

/* Root's empty directory for those who shall see nothing: makes it, or checks that it is one. */
int bh_sandbox_make_empty(const char *path, struct bh_error *err);

/* That directory becomes this process's file system. Needs CAP_SYS_CHROOT. */
int bh_sandbox_enclose(const char *path, struct bh_error *err);

/* The list of calls that capture needs with its handles open; everything else ends it. Nothing is
 * ever sent on packet_fd. Nobody may trace it, and it leaves no core. */
int bh_sandbox_capture(int packet_fd, struct bh_error *err);

#endif
