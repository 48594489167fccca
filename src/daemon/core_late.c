/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows with an end that has no name yet. Names come after packets, and often after the flow is
 * over: whenever something became known of who is who, these are looked at again, as long as they
 * are kept. Of a flood of false senders, who never get a name, only so many at a time.
 */
#include "core.h"

#define MOST_AT_ONCE 5000

static bool is_unnamed(const struct bh_live_flow *live)
{
	return live->src->kind == BH_PEER_UNRESOLVED || live->dst->kind == BH_PEER_UNRESOLVED;
}

void bh_core_late_note(struct bh_core *core, struct bh_live_flow *live)
{
	bool unnamed = is_unnamed(live);

	if (unnamed == live->unnamed)
		return;
	live->unnamed = unnamed;
	if (unnamed) {
		TAILQ_INSERT_TAIL(&core->unnamed, live, next_unnamed);
		core->unnamed_count++;
	} else {
		TAILQ_REMOVE(&core->unnamed, live, next_unnamed);
		core->unnamed_count--;
	}
}

void bh_core_late_leave(struct bh_core *core, struct bh_live_flow *live)
{
	if (!live->unnamed)
		return;
	live->unnamed = false;
	TAILQ_REMOVE(&core->unnamed, live, next_unnamed);
	core->unnamed_count--;
}

void bh_core_late_tick(struct bh_core *core)
{
	uint64_t generation = bh_model_generation(core->model);
	bool named = false;

	if (generation != core->named_generation) {
		core->named_generation = generation;
		core->unnamed_due = core->unnamed_count;
	}
	for (size_t i = 0; core->unnamed_due > 0 && i < MOST_AT_ONCE; i++, core->unnamed_due--) {
		struct bh_live_flow *live = TAILQ_FIRST(&core->unnamed);

		if (live == NULL)
			break;
		/* Whoever is not named now comes last: the others are looked at before it again. */
		TAILQ_REMOVE(&core->unnamed, live, next_unnamed);
		TAILQ_INSERT_TAIL(&core->unnamed, live, next_unnamed);
		named = bh_core_flow_name_late(core, live) || named;
	}
	if (core->unnamed_count == 0)
		core->unnamed_due = 0;
	if (named && core->api != NULL)
		bh_api_wake(core->api);
}
