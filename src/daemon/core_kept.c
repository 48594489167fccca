/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the last instance of each governed workload was like: its labels, by which the policy
 * selects it. When all of its containers are gone – one that restarts, a job between two runs – the
 * workload keeps its chains, empty of addresses.
 */
#include <stdlib.h>

#include "core.h"
#include "grow.h"

void bh_core_kept_free(void *instance)
{
	struct bh_instance *kept = instance;

	bh_container_free((struct bh_container *)(uintptr_t)kept->container);
	free(kept);
}

void bh_core_keep(struct bh_core *core, const struct bh_instance *instance)
{
	if (instance->workload[0] == '\0' || bh_core_mode(core, instance->workload) == BH_LEARN)
		return;
	struct bh_instance *kept = bh_calloc(1, sizeof(*kept));

	*kept = *instance;
	if (instance->container != NULL)
		kept->container = bh_container_copy(instance->container);
	bh_map_put_text(core->kept, kept->workload, kept);
}

const struct bh_instance *bh_core_kept(const struct bh_core *core, const char *workload)
{
	return bh_core_mode(core, workload) != BH_LEARN ? bh_map_get_text(core->kept, workload)
							: NULL;
}

const struct bh_instance *bh_core_kept_next(const struct bh_core *core, size_t *position)
{
	const struct bh_instance *kept;

	while ((kept = bh_map_next(core->kept, position)) != NULL)
		if (bh_core_mode(core, kept->workload) != BH_LEARN)
			break;
	return kept;
}
