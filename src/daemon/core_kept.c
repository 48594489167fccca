/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the last instances of each governed workload were like: the labels, by which the policy
 * selects it, and the bridges that they were on. When all of its containers are gone – one that
 * restarts, a job between two runs – the workload keeps its chains, empty of addresses, and its
 * bridges their posture; after a restart of the daemon, too. A bridge goes by its name, since one
 * that is made anew has another number; and it is forgotten when the workload has been there
 * without it for a while, since a container with several comes to them one after the other.
 */
#include <stdlib.h>
#include <string.h>

#include "container_json.h"
#include "core.h"
#include "grow.h"
#include "timefmt.h"

#define BRIDGES 16 /* of one workload */
#define GRACE (60 * BH_SECOND)

struct bridge {
	char ifname[BH_IFNAME];
	bool there;   /* an instance is on it */
	int64_t left; /* µs: since when all that are there are on others; 0: not so */
};

struct kept {
	struct bh_instance last; /* its container, if any, is a copy */
	bool present;		 /* by the last bh_core_keep() */
	bool unsaved;
	struct bridge bridges[BRIDGES];
	size_t bridge_count;
};

void bh_core_kept_free(void *value)
{
	struct kept *kept = value;

	bh_container_free((struct bh_container *)(uintptr_t)kept->last.container);
	free(kept);
}

static struct kept *kept_of(struct bh_core *core, const char *workload)
{
	struct kept *kept = bh_map_get_text(core->kept, workload);

	if (kept != NULL)
		return kept;
	kept = bh_calloc(1, sizeof(*kept));
	bh_map_put_text(core->kept, workload, kept);
	return kept;
}

/* --- keeping ---------------------------------------------------------------------------------- */

static bool is_same_container(const struct bh_container *a, const struct bh_container *b)
{
	return a == NULL || b == NULL ? a == b : bh_container_equal(a, b);
}

static bool is_same(const struct bh_instance *a, const struct bh_instance *b)
{
	return strcmp(a->workload, b->workload) == 0 && strcmp(a->name, b->name) == 0 &&
	       a->fact.runtime == b->fact.runtime &&
	       strcmp(a->fact.container_id, b->fact.container_id) == 0 &&
	       strcmp(a->fact.netns_name, b->fact.netns_name) == 0 &&
	       is_same_container(a->container, b->container);
}

static void describe(struct kept *kept, const struct bh_instance *instance)
{
	if (is_same(&kept->last, instance))
		return;
	bh_container_free((struct bh_container *)(uintptr_t)kept->last.container);
	kept->last = *instance;
	if (instance->container != NULL)
		kept->last.container = bh_container_copy(instance->container);
	kept->unsaved = true;
}

static void add_bridge(struct kept *kept, const char *ifname)
{
	for (size_t i = 0; i < kept->bridge_count; i++)
		if (strcmp(kept->bridges[i].ifname, ifname) == 0) {
			kept->bridges[i].there = true;
			return;
		}
	if (kept->bridge_count == BRIDGES)
		return;
	struct bridge *fresh = &kept->bridges[kept->bridge_count++];
	*fresh = (struct bridge) { .there = true };
	bh_copy_text(fresh->ifname, sizeof(fresh->ifname), ifname);
	kept->unsaved = true;
}

/* Of several the first one describes the workload, so that it does not change with each call. */
static void keep(struct bh_core *core, const struct bh_instance *instance)
{
	struct kept *kept = kept_of(core, instance->workload);

	if (!kept->present)
		describe(kept, instance);
	kept->present = true;
	if (instance->fact.master_ifindex != 0)
		add_bridge(kept, instance->fact.l3_ifname);
}

static bool is_over(const struct bridge *bridge, int64_t now)
{
	return bridge->left != 0 && now - bridge->left > GRACE;
}

static void age_bridges(struct kept *kept, int64_t now)
{
	size_t count = 0;

	for (size_t i = 0; i < kept->bridge_count; i++) {
		struct bridge bridge = kept->bridges[i];

		if (bridge.there || !kept->present)
			bridge.left = 0;
		else if (bridge.left == 0)
			bridge.left = now;
		if (!is_over(&bridge, now))
			kept->bridges[count++] = bridge;
	}
	kept->unsaved = kept->unsaved || count < kept->bridge_count;
	kept->bridge_count = count;
}

static void begin(struct kept *kept)
{
	kept->present = false;
	for (size_t i = 0; i < kept->bridge_count; i++)
		kept->bridges[i].there = false;
}

void bh_core_keep(struct bh_core *core, int64_t now)
{
	const struct bh_instance *instance;
	struct kept *kept;

	for (size_t position = 0; (kept = bh_map_next(core->kept, &position)) != NULL;)
		begin(kept);
	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		if (instance->workload[0] != '\0' &&
		    bh_core_mode(core, instance->workload) != BH_LEARN)
			keep(core, instance);
	for (size_t position = 0; (kept = bh_map_next(core->kept, &position)) != NULL;)
		age_bridges(kept, now);
}

void bh_core_kept_tick(struct bh_core *core, int64_t now)
{
	const struct kept *kept;

	for (size_t position = 0; (kept = bh_map_next(core->kept, &position)) != NULL;)
		for (size_t i = 0; i < kept->bridge_count; i++)
			if (is_over(&kept->bridges[i], now))
				core->rules_dirty = true;
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool is_governed(const struct bh_core *core, const struct kept *kept)
{
	return bh_core_mode(core, kept->last.workload) != BH_LEARN;
}

const struct bh_instance *bh_core_kept(const struct bh_core *core, const char *workload)
{
	const struct kept *kept = bh_map_get_text(core->kept, workload);

	return kept != NULL && is_governed(core, kept) ? &kept->last : NULL;
}

const struct bh_instance *bh_core_kept_next(const struct bh_core *core, size_t *position)
{
	const struct kept *kept;

	while ((kept = bh_map_next(core->kept, position)) != NULL)
		if (!kept->present && is_governed(core, kept))
			return &kept->last;
	return NULL;
}

struct bh_map *bh_core_kept_bridges(const struct bh_core *core)
{
	struct bh_map *names = bh_map_new(NULL);
	struct kept *kept;

	for (size_t position = 0; (kept = bh_map_next(core->kept, &position)) != NULL;)
		for (size_t i = 0; i < kept->bridge_count && is_governed(core, kept); i++)
			bh_map_put_text(names, kept->bridges[i].ifname, kept);
	return names;
}

/* --- across restarts -------------------------------------------------------------------------- */

static char *encode(const struct kept *kept)
{
	const struct bh_instance *last = &kept->last;
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "name", last->name);
	cJSON_AddStringToObject(json, "netns", last->fact.netns_name);
	cJSON_AddNumberToObject(json, "runtime", last->fact.runtime);
	cJSON_AddStringToObject(json, "container_id", last->fact.container_id);
	cJSON_AddItemToObject(json, "container",
			      last->container != NULL ? bh_core_container_json(last->container)
						      : cJSON_CreateNull());
	cJSON *bridges = cJSON_AddArrayToObject(json, "bridges");
	for (size_t i = 0; i < kept->bridge_count; i++)
		cJSON_AddItemToArray(bridges, cJSON_CreateString(kept->bridges[i].ifname));
	char *text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	return text;
}

static void decode(struct kept *kept, const cJSON *json)
{
	const cJSON *runtime = bh_json_member(json, "runtime"),
		    *container = bh_json_member(json, "container"), *bridge;
	struct bh_endpoint_fact *fact = &kept->last.fact;

	bh_json_copy(json, "name", kept->last.name, sizeof(kept->last.name));
	bh_json_copy(json, "netns", fact->netns_name, sizeof(fact->netns_name));
	bh_json_copy(json, "container_id", fact->container_id, sizeof(fact->container_id));
	if (cJSON_IsNumber(runtime) && runtime->valueint > 0 && runtime->valueint < BH_RUNTIMES)
		fact->runtime = (uint8_t)runtime->valueint;
	if (cJSON_IsObject(container))
		kept->last.container = bh_core_container_read(container);
	cJSON_ArrayForEach (bridge, bh_json_member(json, "bridges"))
		if (cJSON_IsString(bridge))
			add_bridge(kept, bridge->valuestring);
	begin(kept);
	kept->unsaved = false;
}

static void load(void *user, const char *workload, const char *text)
{
	cJSON *json = cJSON_Parse(text);

	if (json == NULL)
		return;
	struct kept *kept = kept_of(user, workload);
	bh_copy_text(kept->last.workload, sizeof(kept->last.workload), workload);
	decode(kept, json);
	cJSON_Delete(json);
}

int bh_core_kept_load(struct bh_core *core, struct bh_error *err)
{
	return bh_store_load_kept(core->store, load, core, err);
}

int bh_core_kept_save(struct bh_core *core, struct bh_error *err)
{
	struct kept *kept;
	int result = 0;

	for (size_t position = 0;
	     result == 0 && (kept = bh_map_next(core->kept, &position)) != NULL;) {
		if (!kept->unsaved)
			continue;
		char *text = encode(kept);
		bh_core_store_write(core);
		result = bh_store_save_kept(core->store, kept->last.workload,
					    text != NULL ? text : "", err);
		free(text);
		kept->unsaved = false;
	}
	return result;
}

void bh_core_kept_mark_unsaved(struct bh_core *core)
{
	struct kept *kept;

	for (size_t position = 0; (kept = bh_map_next(core->kept, &position)) != NULL;)
		kept->unsaved = true;
}
