/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"

struct bh_core *core_fixture_new(int64_t keep_departed)
{
	struct bh_core *core = bh_calloc(1, sizeof(*core));
	struct bh_model_config model = { .keep_departed = keep_departed };
	struct bh_ledger_config ledger = { .window = 86400 * BH_SECOND, .max_edges = 100 };
	struct bh_error err = { 0 };

	bh_config_defaults(&core->config);
	core->model = bh_model_new(&model);
	core->ledger = bh_ledger_new(&ledger);
	core->called = bh_called_new(ledger.max_edges);
	core->store = bh_store_open(":memory:", &err);
	if (core->store == NULL)
		abort();
	STAILQ_INIT(&core->finished);
	core->names = bh_names_new(10, 100);
	core->flows = bh_map_new(NULL);
	core->flows_by_key = bh_map_new(NULL);
	core->denials = bh_map_new(free);
	core->listeners = bh_map_new(free);
	bh_core_tracking_start(core);
	core->spoofs = bh_map_new(free);
	core->modes = bh_map_new(free);
	core->kept = bh_map_new(bh_core_kept_free);
	core->force = bh_force_new();
	core->leaks = bh_edge_notes_new();
	core->attempts = bh_map_new(NULL);
	core->undelivered = bh_edge_notes_new();
	return core;
}

void core_fixture_free(struct bh_core *core)
{
	struct bh_map *maps[] = { core->flows,	     core->flows_by_key, core->denials,
				  core->listeners,   core->spoofs,	 core->modes,
				  core->kept,	     core->leaks,	 core->attempts,
				  core->undelivered, core->joins };
	struct bh_live_flow *next;

	for (struct bh_live_flow *live = core->oldest; live != NULL; live = next) {
		next = live->newer;
		bh_core_tracking_drop(core, live);
		bh_name_release(live->dns);
		free(live->sni);
		free(live);
	}
	bh_force_retire(core->force, core->policy);
	bh_force_free(core->force);
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		bh_map_free(maps[i]);
	bh_store_close(core->store);
	bh_names_free(core->names);
	bh_ledger_free(core->ledger);
	bh_called_free(core->called);
	bh_model_free(core->model);
	free(core);
}

struct counter {
	char member[64];
	size_t count;
};

static void count_event(void *user, int64_t number, const char *json)
{
	struct counter *counter = user;

	(void)number;
	counter->count += strstr(json, counter->member) != NULL;
}

size_t core_fixture_events(const struct bh_core *core, const char *kind)
{
	struct counter counter = { 0 };
	struct bh_error err = { 0 };

	snprintf(counter.member, sizeof(counter.member), "\"kind\":\"%s\"", kind);
	if (bh_store_events(core->store, -1, 100000, count_event, &counter, &err) != 0)
		abort();
	return counter.count;
}
