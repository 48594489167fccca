/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows to look at, of each edge: the one by which it was discovered, and one that ended lately. */
#include "core.h"
#include "edge_id.h"

static void keep(struct bh_core *core, bool newest, const struct bh_live_flow *live)
{
	struct bh_buffer json = { 0 };
	struct bh_error err = { 0 };

	bh_core_flow_json(core, live, &json);
	bh_core_store_write(core);
	if (bh_store_save_sample(core->store, live->edge, newest, live->flow.last, json.data,
				 &err) != 0)
		bh_core_store_failed(core, &err);
	bh_buffer_free(&json);
}

void bh_core_sample(struct bh_core *core, struct bh_live_flow *live,
		    const struct bh_contact *contact, bool discovered)
{
	const struct bh_edge edge = { .src = contact->src,
				      .dst = contact->dst,
				      .proto = contact->proto,
				      .port = contact->port };

	if (!discovered && !contact->teaches && !contact->ends)
		return;
	live->edge = bh_edge_id(&edge);
	if (core->store_why[0] != '\0')
		return;
	/* Once more when it ends: then all is known of it. */
	if (discovered || (contact->ends && live->discovered))
		keep(core, false, live);
	else if (contact->ends && bh_sample_clock_due(core->samples, live->edge, contact->time))
		keep(core, true, live);
	live->discovered = live->discovered || discovered;
}

static void restore(void *user, uint64_t edge, int64_t time)
{
	bh_sample_clock_set(((struct bh_core *)user)->samples, edge, time);
}

int bh_core_samples_load(struct bh_core *core, struct bh_error *err)
{
	return bh_store_load_sampled(core->store, restore, core, err);
}
