/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The three processes. kernel is the parent: it alone talks to the kernel and to the runtimes'
 * sockets, and understands nothing of what strangers wrote. capture decodes packets and holds no
 * privilege. core thinks: identity, learning, policy, store and API, as an ordinary user.
 */
#ifndef BH_PROCESS_H
#define BH_PROCESS_H

#include "bulkhead/error.h"
#include "config.h"

/* The descriptor on which a child finds its channel to the parent. */
#define BH_CHILD_FD 3

/* Runs until told to stop. notify_fd: −1, or a pipe that gets one line ("ready\n" or an error) once
 * the API answers or start-up failed; closed then. Returns an exit status. */
int bh_kernel_main(const struct bh_config *config, int notify_fd);
int bh_capture_main(void);
int bh_core_main(void);

#endif
