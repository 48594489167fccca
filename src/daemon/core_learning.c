/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger's watcher: for how long capture watched, who ran meanwhile, and in which version. What
 * nobody watched counts for nothing: a window in which capture or the kernel process was away half
 * of the time is none that a baseline may rest on.
 */
#include <stdlib.h>

#include "core.h"
#include "core_promotion.h"
#include "grow.h"
#include "timefmt.h"
#include "version.h"

#define LATE_WORD (60 * BH_SECOND) /* after its interface a runtime may tell of a container */
#define REFRESHES 10		   /* in a window */

static bool is_watching(const struct bh_core *core)
{
	const struct bh_msg_capture_state *capture = &core->capture_state;

	return core->scanned && capture->running > 0 && capture->running == capture->workers;
}

static struct bh_peer peer_of(const char *workload)
{
	struct bh_peer peer = { .kind = BH_PEER_WORKLOAD };

	bh_copy_text(peer.name, sizeof(peer.name), workload);
	return peer;
}

static void note_version(struct bh_core *core, const struct bh_instance *i, int64_t now)
{
	struct bh_peer who = peer_of(i->workload);

	if (i->container == NULL ||
	    !bh_ledger_version(core->ledger, &who, bh_container_version(i->container), now))
		return;
	bh_core_event(core, "deploy", "%s runs another version (%s, image %s)", i->workload,
		      i->name, i->container->image);
	bh_core_promotion_deployed(core, i->workload, now);
}

/* Of those who came just now, and, from time to time, of all. */
static void look_at_versions(struct bh_core *core, int64_t now)
{
	bool all = now >= core->versions_due;
	const struct bh_instance *i;

	if (all)
		core->versions_due = now + core->config.window / REFRESHES;
	for (size_t position = 0; (i = bh_model_next(core->model, &position)) != NULL;)
		if (i->workload[0] != '\0' && (all || now - i->fact.since < LATE_WORD))
			note_version(core, i, now);
}

static struct bh_map *collect_present(const struct bh_core *core)
{
	struct bh_map *present = bh_map_new(free);
	const struct bh_instance *i;

	for (size_t position = 0; (i = bh_model_next(core->model, &position)) != NULL;)
		if (i->workload[0] != '\0' && bh_map_get_text(present, i->workload) == NULL)
			bh_map_put_text(present, i->workload, bh_strdup(i->workload));
	return present;
}

/* Tells of those that are in `these` and not in `others`. */
static void tell(struct bh_core *core, const struct bh_map *these, const struct bh_map *others,
		 bool present)
{
	const char *workload;

	for (size_t position = 0; (workload = bh_map_next(these, &position)) != NULL;) {
		struct bh_peer who = peer_of(workload);

		if (bh_map_get_text(others, workload) == NULL)
			bh_ledger_present(core->ledger, &who, present);
	}
}

static void look_at_presence(struct bh_core *core)
{
	struct bh_map *present = collect_present(core);

	tell(core, core->present, present, false);
	tell(core, present, core->present, true);
	bh_map_free(core->present);
	core->present = present;
}

void bh_core_learning_start(struct bh_core *core)
{
	core->present = bh_map_new(free);
}

void bh_core_learning_gone(struct bh_core *core, uint32_t ifindex, int64_t time)
{
	const struct bh_instance *i = bh_model_at(core->model, ifindex, time);
	size_t position = 0;

	/* One that has other interfaces has not ended yet. */
	if (i == NULL || i->workload[0] == '\0' ||
	    bh_model_next_beside(core->model, i, &position) != NULL)
		return;
	struct bh_peer who = peer_of(i->workload);
	bh_ledger_ran(core->ledger, &who, time - i->fact.since);
}

void bh_core_learning_tick(struct bh_core *core, int64_t now, int64_t monotonic)
{
	int64_t elapsed = core->watched_at != 0 ? monotonic - core->watched_at : 0;

	core->watched_at = is_watching(core) ? monotonic : 0;
	if (core->watched_at == 0)
		elapsed = 0;
	bh_ledger_watch(core->ledger, now, elapsed);
	if (!core->scanned)
		return;
	uint64_t generation = bh_model_generation(core->model);
	if (generation != core->present_generation)
		look_at_presence(core);
	if (generation != core->present_generation || now >= core->versions_due)
		look_at_versions(core, now);
	core->present_generation = generation;
}
