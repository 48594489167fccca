/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which endpoint holds which address, written down in the run directory, so that a daemon that
 * comes back knows what changed hands while there was none. */
#ifndef BH_HELD_NOTE_H
#define BH_HELD_NOTE_H

#include "bulkhead/endpoint.h"
#include "bulkhead/error.h"
#include "map.h"

/* facts: ifindex → struct bh_endpoint_fact, everybody who is there. Replaces the note as a whole.
 */
int bh_held_note_write(const char *directory, const struct bh_map *facts, struct bh_error *err);

/* The noted addresses that their holders do not hold any more, or hold anew. The caller frees them;
 * NULL where there are none, and where nothing was noted. */
struct bh_addr *bh_held_note_gone(const char *directory, const struct bh_map *facts, size_t *count);

#endif
