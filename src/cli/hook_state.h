/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state of a container, as an OCI runtime writes it to its hooks' standard input, and prints it
 * for `state` (runtime-spec, runtime.md, "State"): a JSON object. */
#ifndef BH_HOOK_STATE_H
#define BH_HOOK_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "bulkhead/endpoint.h"
#include "bulkhead/error.h"

#define BH_HOOK_STATE_MOST (1u << 20) /* bytes that are read of it; annotations may be long */

struct bh_hook_state {
	char id[BH_CONTAINER_ID]; /* printable ASCII without spaces */
	int32_t pid;		  /* in the caller's namespace; above 0 */
};

/* 0, or −EINVAL and what is wrong with it. */
int bh_hook_state_read(const char *text, size_t length, struct bh_hook_state *state,
		       struct bh_error *err);

/* Where in a runtime's words (without its own name) the command stands, behind its global options;
 * count where there is none. */
size_t bh_hook_command(size_t count, char *const *words);

#endif
