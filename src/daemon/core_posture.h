/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which posture meets an endpoint that nobody has claimed yet (enforcement.postures). */
#ifndef BH_CORE_POSTURE_H
#define BH_CORE_POSTURE_H

#include "bulkhead/ruleset.h"
#include "core.h"

struct bh_postures {
	struct bh_address_posture *items; /* freed by the caller */
	size_t count, capacity;
};

/* Containers that a runtime announced and that have no interface yet. */
struct bh_announced {
	struct bh_instance *items; /* freed by the caller; as long as the model does not change */
	size_t count, capacity;
};
void bh_core_announced(const struct bh_core *core, struct bh_announced *announced);
/* Whether one of them is to come to this bridge. */
bool bh_core_is_announced(const struct bh_core *core, const struct bh_announced *announced,
			  uint32_t bridge);

/* The one for all: the active policy's, else the configuration's. */
uint8_t bh_core_posture(const struct bh_core *core);

/* What the compiler is told: every bridge and routed interface as a whole, and addresses of
 * endpoints that nobody claims and of containers that a runtime announced. Nothing where no
 * pattern is configured: then the global posture meets everybody. */
void bh_core_postures(const struct bh_core *core, const struct bh_announced *announced,
		      struct bh_postures *postures);

/* Of a present endpoint without a workload; of whatever comes from a bridge, or from a routed
 * interface, and has no address that is known. */
uint8_t bh_core_posture_of(const struct bh_core *core, const struct bh_instance *stranger);
/* The same where the one for all were another. */
uint8_t bh_core_posture_beside(const struct bh_core *core, const struct bh_instance *stranger,
			       uint8_t for_all);
uint8_t bh_core_posture_of_link(const struct bh_core *core, bool bridge, const char *ifname);

#endif
