/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which endpoint holds which address, written down in the run directory, so that a daemon that
 * comes back knows what changed hands while there was none. */
#ifndef BH_HELD_NOTE_H
#define BH_HELD_NOTE_H

#include "bulkhead/endpoint.h"
#include "bulkhead/error.h"
#include "map.h"

/* That an endpoint holds an address, or did. */
struct bh_held {
	uint32_t ifindex; /* the host's */
	int64_t made;	  /* as in struct bh_endpoint_fact */
	struct bh_addr addr;
};

/* facts: ifindex → struct bh_endpoint_fact, everybody who is there. gone: what those who went held,
 * as long as it is not dealt with. Replaces the note as a whole. */
int bh_held_note_write(const char *directory, const struct bh_map *facts,
		       const struct bh_held *gone, size_t gone_count, struct bh_error *err);

/* The noted addresses that their holders do not hold any more, or hold anew. The caller frees them;
 * NULL where there are none, and where nothing was noted. */
struct bh_addr *bh_held_note_gone(const char *directory, const struct bh_map *facts, size_t *count);

#endif
