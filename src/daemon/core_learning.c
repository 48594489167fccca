/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger's watcher: for how long capture watched, who ran meanwhile, and in which version. What
 * nobody watched counts for nothing: a window in which capture or the kernel process was away half
 * of the time is none that a baseline may rest on.
 */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "core_promotion.h"
#include "grow.h"
#include "live_filter.h"
#include "peer.h"
#include "timefmt.h"
#include "version.h"

#define LATE_WORD (60 * BH_SECOND) /* after its interface a runtime may tell of a container */
#define REFRESHES 10		   /* in a window */

/* Of a sample nobody can tell what else there was. */
static bool is_watching(const struct bh_core *core)
{
	const struct bh_msg_capture_state *capture = &core->capture_state;

	return core->scanned && capture->running > 0 && capture->running == capture->workers &&
	       core->capture_stats.copy < BH_COPY_SAMPLE;
}

/* The event is a line that `learn` reads among recorded flows. */
static void tell_deploy(struct bh_core *core, const struct bh_instance *i)
{
	cJSON *json = cJSON_CreateObject();
	char text[1024];

	snprintf(text, sizeof(text), "%s runs another version (%s, image %s)", i->workload, i->name,
		 i->container->image);
	cJSON_AddStringToObject(json, "deploy", i->workload);
	bh_core_event_json(core, "deploy", text, json);
}

static void note_version(struct bh_core *core, const struct bh_instance *i, int64_t now)
{
	struct bh_peer who = bh_peer_workload(i->workload);

	if (i->container == NULL ||
	    !bh_ledger_version(core->ledger, &who, bh_container_version(i->container), now))
		return;
	tell_deploy(core, i);
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

/* A workload that runs. */
struct presence {
	char workload[BH_PEER_NAME];
	uint32_t instances;
	uint32_t ifindex; /* of one of them */
};

/* Of those with several interfaces the first one stands for all. */
static bool is_first(const struct bh_core *core, const struct bh_instance *who)
{
	const struct bh_instance *beside;

	for (size_t at = 0; (beside = bh_model_next_beside(core->model, who, &at)) != NULL;)
		if (beside->fact.ifindex < who->fact.ifindex)
			return false;
	return true;
}

static struct bh_map *collect_present(const struct bh_core *core)
{
	struct bh_map *present = bh_map_new(free);
	const struct bh_instance *i;

	for (size_t position = 0; (i = bh_model_next(core->model, &position)) != NULL;) {
		if (i->workload[0] == '\0' || !is_first(core, i))
			continue;
		struct presence *p = bh_map_get_text(present, i->workload);
		if (p == NULL) {
			p = bh_calloc(1, sizeof(*p));
			bh_copy_text(p->workload, sizeof(p->workload), i->workload);
			p->ifindex = i->fact.ifindex;
			bh_map_put_text(present, i->workload, p);
		}
		p->instances++;
	}
	return present;
}

/* Those who went, then those of whom there are other numbers than before. */
static void look_at_presence(struct bh_core *core)
{
	struct bh_map *before = core->present;
	const struct presence *p;

	core->present = collect_present(core);
	for (size_t at = 0; (p = bh_map_next(before, &at)) != NULL;) {
		struct bh_peer who = bh_peer_workload(p->workload);

		if (bh_map_get_text(core->present, p->workload) == NULL)
			bh_ledger_present(core->ledger, &who, 0);
	}
	for (size_t at = 0; (p = bh_map_next(core->present, &at)) != NULL;) {
		const struct presence *was = bh_map_get_text(before, p->workload);
		struct bh_peer who = bh_peer_workload(p->workload);

		if (was == NULL || was->instances != p->instances)
			bh_ledger_present(core->ledger, &who, p->instances);
	}
	bh_map_free(before);
}

const struct bh_instance *bh_core_present_instance(const struct bh_core *core, const char *workload)
{
	const struct presence *p = bh_map_get_text(core->present, workload);
	const struct bh_instance *who =
		p != NULL ? bh_model_at(core->model, p->ifindex, bh_time_now()) : NULL;

	return who != NULL && who->until == 0 && strcmp(who->workload, workload) == 0 ? who : NULL;
}

const char *bh_core_present_next(const struct bh_core *core, size_t *position)
{
	const struct presence *p = bh_map_next(core->present, position);

	return p != NULL ? p->workload : NULL;
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
	struct bh_peer who = bh_peer_workload(i->workload);
	bh_ledger_ran(core->ledger, &who, time - i->fact.since);
}

void bh_core_learning_look(struct bh_core *core, int64_t now)
{
	if (core->scanned && bh_model_generation(core->model) != core->present_generation)
		look_at_versions(core, now);
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
