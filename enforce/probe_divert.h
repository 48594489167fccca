/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is written into an interface of the self-test is received by another (traffic control, an
 * ingress redirection). Of the other nothing changes, and all of it goes with the first. Each
 * answers 0 or a negative errno. */
#ifndef BH_PROBE_DIVERT_H
#define BH_PROBE_DIVERT_H

#include <libmnl/libmnl.h>
#include <stdint.h>

/* Once for each interface. */
int bh_probe_divert_prepare(struct mnl_socket *socket, uint32_t from);
/* From here on, to that one alone. */
int bh_probe_divert(struct mnl_socket *socket, uint32_t from, uint32_t to);

#endif
