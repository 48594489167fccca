/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a destination of exports does, and telling of it. */
#ifndef BH_CORE_EXPORT_HEALTH_H
#define BH_CORE_EXPORT_HEALTH_H

#include "core.h"

struct bh_export_health {
	char why[256];		 /* it takes nothing; "": nothing is known against it */
	bool told;		 /* so, by an event */
	int64_t otherwise_since; /* monotonic: than was told; 0: it is not */
	uint64_t lost_before;	 /* records, when it was told */
};

/* Tells, by an event, that what (flows …) does not get there any more, or does again: once it has
 * been so for a moment. lost: records, since core started. now: monotonic. */
void bh_export_tell(struct bh_core *core, struct bh_export_health *health, const char *what,
		    const char *where, uint64_t lost, int64_t now);

/* The destination, for status. */
cJSON *bh_export_json(const char *kind, const char *where, const char *state,
		      const struct bh_export_health *health, uint64_t sent, uint64_t lost,
		      size_t waiting);

/* Appends a sentence if it takes nothing. */
void bh_export_say(const struct bh_export_health *health, const char *what, const char *where,
		   uint64_t lost, size_t waiting, cJSON *list);

#endif
