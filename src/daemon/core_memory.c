/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Containers as their runtime last described them, kept across restarts. A daemon that comes back
 * while Docker is away still knows the containers that run on: their ids, which never come again,
 * say who they are. Without this every one of them would be a stranger, and lose its rules.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "container_json.h"
#include "core.h"
#include "grow.h"
#include "log.h"

/* Recalled from the store, and not mentioned by its runtime yet. */
struct remembered {
	char id[BH_CONTAINER_ID];
	uint8_t runtime;
};

static void add_labels(cJSON *json, const struct bh_container *c)
{
	cJSON *labels = cJSON_AddObjectToObject(json, "labels");

	for (size_t i = 0; i < c->label_count; i++)
		cJSON_AddStringToObject(labels, c->labels[i].key, c->labels[i].value);
}

cJSON *bh_core_container_json(const struct bh_container *c)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddNumberToObject(json, "runtime", c->runtime);
	cJSON_AddStringToObject(json, "id", c->id);
	cJSON_AddStringToObject(json, "name", c->name);
	cJSON_AddStringToObject(json, "image", c->image);
	cJSON_AddStringToObject(json, "pod", c->pod);
	cJSON_AddStringToObject(json, "owner", c->owner);
	cJSON_AddStringToObject(json, "network_mode", c->network_mode);
	cJSON_AddBoolToObject(json, "running", c->running);
	add_labels(json, c);
	return json;
}

struct bh_container *bh_core_container_read(const cJSON *json)
{
	struct bh_container *c = bh_container_new();
	const cJSON *runtime = cJSON_GetObjectItemCaseSensitive(json, "runtime");
	c->runtime =
		cJSON_IsNumber(runtime) && runtime->valueint > 0 && runtime->valueint < BH_RUNTIMES
			? (uint8_t)runtime->valueint
			: BH_RUNTIME_NONE;
	bh_json_copy(json, "id", c->id, sizeof(c->id));
	bh_json_copy(json, "name", c->name, sizeof(c->name));
	bh_json_copy(json, "image", c->image, sizeof(c->image));
	bh_json_copy(json, "pod", c->pod, sizeof(c->pod));
	bh_json_copy(json, "owner", c->owner, sizeof(c->owner));
	bh_json_copy(json, "network_mode", c->network_mode, sizeof(c->network_mode));
	c->running = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "running"));
	bh_container_read_labels(c, bh_json_member(json, "labels"));
	return c;
}

static char *encode(const struct bh_container *c)
{
	cJSON *json = bh_core_container_json(c);
	char *text = cJSON_PrintUnformatted(json);

	cJSON_Delete(json);
	return text;
}

/* NULL where the text is none of ours. */
static struct bh_container *decode(const char *text)
{
	cJSON *json = cJSON_Parse(text);
	struct bh_container *c = json != NULL ? bh_core_container_read(json) : NULL;

	cJSON_Delete(json);
	return c;
}

void bh_core_remember(struct bh_core *core, const struct bh_container *container)
{
	struct bh_error err = { 0 };
	char *text = encode(container);

	bh_map_remove_text(core->remembered, container->id);
	bh_core_store_write(core);
	if (text == NULL || bh_store_save_container(core->store, container->id, text, &err) != 0)
		bh_core_store_failed(core, &err);
	free(text);
}

void bh_core_forget(struct bh_core *core, const char *id)
{
	struct bh_error err = { 0 };

	bh_core_store_write(core);
	if (bh_store_drop_container(core->store, id, &err) != 0)
		bh_core_store_failed(core, &err);
}

static void recall(void *user, const char *id, const char *text)
{
	struct bh_core *core = user;
	struct bh_container *c = decode(text);

	if (c != NULL && strcmp(c->id, id) == 0) {
		if (c->runtime == BH_RUNTIME_KUBERNETES)
			bh_core_pods_put(core, c);
		else
			bh_model_container(core->model, c, core->started);
		struct remembered *it = bh_calloc(1, sizeof(*it));
		memcpy(it->id, c->id, sizeof(it->id));
		it->runtime = c->runtime;
		bh_map_put_text(core->remembered, id, it);
	}
	bh_container_free(c);
}

int bh_core_recall(struct bh_core *core, struct bh_error *err)
{
	return bh_store_load_containers(core->store, recall, core, err);
}

/* The runtime listed everything there is: what it did not mention is gone. */
void bh_core_forget_unmentioned(struct bh_core *core, uint8_t runtime, int64_t now)
{
	const struct remembered *it;
	char id[BH_CONTAINER_ID];

	for (size_t position = 0; (it = bh_map_next(core->remembered, &position)) != NULL;) {
		if (it->runtime != runtime)
			continue;
		memcpy(id, it->id, sizeof(id));
		if (runtime == BH_RUNTIME_KUBERNETES) {
			bh_core_pods_lose(core, id);
		} else {
			bh_model_container_gone(core->model, runtime, id, now);
			bh_core_forget(core, id);
		}
		bh_map_remove_text(core->remembered, id);
	}
}
