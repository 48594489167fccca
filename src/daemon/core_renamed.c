/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Workloads that go by another name now, since somebody renamed or relabelled a container, or
 * changed the rules of grouping. Modes and policies go by names: what they say of the old one holds
 * for nobody any more. That is told, until it is put right.
 */
#include <stdio.h>
#include <string.h>

#include "core.h"
#include "core_share.h"
#include "grow.h"
#include "ruleset.h"

struct renamed {
	char was[BH_PEER_NAME];
	char now[BH_PEER_NAME];
};

/* Entries of the active policy that name the workload itself, not labels of its containers. */
static size_t entries_of(const struct bh_core *core, const char *workload)
{
	size_t count = 0;

	for (size_t i = 0; core->policy != NULL && i < core->policy->workload_count; i++) {
		const struct bh_policy_workload *entry = &core->policy->workloads[i];

		for (size_t l = 0; l < entry->label_count; l++)
			count += strcmp(entry->labels[l].key, "bulkhead.workload") == 0 &&
				 entry->labels[l].test == BH_LABEL_IN &&
				 bh_policy_label_holds(&entry->labels[l], workload);
	}
	return count;
}

static bool is_present(const struct bh_core *core, const char *workload)
{
	const struct bh_instance *instance;

	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		if (strcmp(instance->workload, workload) == 0)
			return true;
	return false;
}

/* Somebody decided something about it. */
static bool matters(const struct bh_core *core, const char *was)
{
	return bh_core_mode(core, was) != BH_LEARN || entries_of(core, was) > 0;
}

static void note(struct bh_core *core, const char *was, const char *now)
{
	struct renamed *renamed = bh_calloc(1, sizeof(*renamed));

	bh_copy_text(renamed->was, sizeof(renamed->was), was);
	bh_copy_text(renamed->now, sizeof(renamed->now), now);
	bh_map_put_text(core->renamed, renamed->was, renamed);
}

static void remember(struct bh_core *core, const char *was, const char *now)
{
	struct bh_error err = { 0 };

	note(core, was, now);
	bh_core_store_write(core);
	if (bh_store_save_renamed(core->store, was, now, &err) != 0)
		bh_core_store_failed(core, &err);
}

static void tell(struct bh_core *core, const struct bh_instance *is,
		 const struct bh_designation *was)
{
	cJSON *json = cJSON_CreateObject(), *before = cJSON_CreateObject();
	char text[1200];

	if (strcmp(is->workload, was->workload) != 0)
		snprintf(text, sizeof(text), "%s is of workload %s from now on (%s); it was of %s",
			 is->name, is->workload, is->why, was->workload);
	else
		snprintf(text, sizeof(text), "%s is called %s from now on", was->name, is->name);
	cJSON_AddStringToObject(json, "name", is->name);
	cJSON_AddStringToObject(json, "workload", is->workload);
	cJSON_AddStringToObject(json, "why", is->why);
	cJSON_AddStringToObject(before, "name", was->name);
	cJSON_AddStringToObject(before, "workload", was->workload);
	cJSON_AddItemToObject(json, "was", before);
	bh_core_event_json(core, "renamed", text, json);
}

void bh_core_renamed(void *user, const struct bh_instance *is, const struct bh_designation *was)
{
	struct bh_core *core = user;

	tell(core, is, was);
	if (strcmp(is->workload, was->workload) != 0)
		bh_answers_copy(core->answers, was->workload, is->workload);
	if (strcmp(is->workload, was->workload) != 0 && matters(core, was->workload))
		remember(core, was->workload, is->workload);
}

static void load(void *user, const char *was, const char *now)
{
	note(user, was, now);
}

static int drop_settled(struct bh_core *core, struct bh_error *err)
{
	struct renamed *renamed;
	int result = 0;

	for (size_t position = 0;
	     result == 0 && (renamed = bh_map_next(core->renamed, &position)) != NULL;) {
		struct renamed copy = *renamed;

		if (matters(core, copy.was))
			continue;
		bh_map_remove_text(core->renamed, copy.was);
		result = bh_store_drop_renamed(core->store, copy.was, err);
	}
	return result;
}

int bh_core_renamed_load(struct bh_core *core, struct bh_error *err)
{
	int result = bh_store_load_renamed(core->store, load, core, err);

	return result == 0 ? drop_settled(core, err) : result;
}

static void say(const struct bh_core *core, const struct renamed *renamed, cJSON *list)
{
	const char *was = renamed->was, *now = renamed->now;
	struct bh_buffer text = { 0 };
	uint8_t mode = bh_core_mode(core, was);
	size_t entries = entries_of(core, was);
	char share[BH_SHARE_TEXT];

	bh_buffer_printf(&text, "nothing is called %s any more (it is %s now): ", was, now);
	if (mode != BH_LEARN)
		bh_buffer_printf(&text, "its mode, %s, holds for nobody", bh_mode_name(mode));
	if (entries > 0)
		bh_buffer_printf(&text, "%s the active policy says of it holds for nobody",
				 mode != BH_LEARN ? ", and what" : "what");
	bh_buffer_puts(&text, "; ");
	if (entries > 0)
		bh_buffer_printf(&text, "apply a policy that names %s, ", now);
	if (mode != BH_LEARN)
		bh_buffer_printf(&text, "bulkhead mode %s %s%s, bulkhead mode %s learn, ", now,
				 bh_mode_name(mode), bh_core_share_option(core, was, share), was);
	text.data[text.length - 2] = '\0';
	cJSON_AddItemToArray(list, cJSON_CreateString(text.data));
	bh_buffer_free(&text);
}

void bh_core_renamed_say(const struct bh_core *core, cJSON *list)
{
	const struct renamed *renamed;

	for (size_t position = 0; (renamed = bh_map_next(core->renamed, &position)) != NULL;)
		if (matters(core, renamed->was) && !is_present(core, renamed->was))
			say(core, renamed, list);
}
