/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was in force, and what drains, as it is written down: one JSON text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_exceptions.h"
#include "core_posture.h"
#include "grow.h"
#include "ruleset.h"

void bh_past_force_clear(struct bh_past_force *past)
{
	bh_map_free(past->modes);
	*past = (struct bh_past_force) { .modes = NULL };
}

#define MODE_KEY (2 * BH_PEER_NAME)

static char *mode_key(const char *workload, const char *instance, char out[MODE_KEY])
{
	snprintf(out, MODE_KEY, "%s\n%s", workload, instance);
	return out;
}

void bh_past_force_set_mode(struct bh_past_force *past, const char *workload, const char *instance,
			    uint8_t mode)
{
	struct bh_past_mode *m = bh_calloc(1, sizeof(*m));
	char key[MODE_KEY];

	bh_copy_text(m->workload, sizeof(m->workload), workload);
	bh_copy_text(m->instance, sizeof(m->instance), instance);
	m->mode = mode;
	bh_map_put_text(past->modes, mode_key(m->workload, m->instance, key), m);
}

uint8_t bh_past_force_mode(const struct bh_past_force *past, const char *workload,
			   const char *instance)
{
	char key[MODE_KEY];
	const struct bh_past_mode *m =
		bh_map_get_text(past->modes, mode_key(workload, instance, key));

	if (m == NULL)
		m = bh_map_get_text(past->modes, mode_key(workload, "", key));
	return m != NULL ? m->mode : (uint8_t)BH_LEARN;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void add_apart(cJSON *list, const struct bh_past_mode *m)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "workload", m->workload);
	cJSON_AddStringToObject(json, "instance", m->instance);
	cJSON_AddStringToObject(json, "mode", bh_mode_name(m->mode));
	cJSON_AddItemToArray(list, json);
}

static cJSON *past_json(const struct bh_past_force *past)
{
	cJSON *json = cJSON_CreateObject(), *modes, *apart;
	const struct bh_past_mode *m;

	cJSON_AddNumberToObject(json, "number", (double)past->number);
	cJSON_AddNumberToObject(json, "time", (double)past->time);
	cJSON_AddNumberToObject(json, "posture", past->posture);
	modes = cJSON_AddObjectToObject(json, "modes");
	apart = cJSON_AddArrayToObject(json, "apart");
	for (size_t position = 0; (m = bh_map_next(past->modes, &position)) != NULL;)
		if (m->instance[0] != '\0')
			add_apart(apart, m);
		else if (m->mode != BH_LEARN)
			cJSON_AddStringToObject(modes, m->workload, bh_mode_name(m->mode));
	return json;
}

static cJSON *step_json(const struct bh_step *step)
{
	cJSON *json = cJSON_CreateObject();
	char text[BH_EXISTING_TEXT];

	cJSON_AddItemToObject(json, "before", past_json(&step->before));
	cJSON_AddStringToObject(json, "existing", bh_existing_format(&step->existing, text));
	cJSON_AddNumberToObject(json, "until", (double)step->until);
	cJSON_AddNumberToObject(json, "count", (double)step->count);
	cJSON_AddNumberToObject(json, "unsure", (double)step->unsure);
	return json;
}

int bh_core_existing_save(struct bh_core *core, struct bh_error *err)
{
	const struct bh_core_existing *e = core->existing;
	cJSON *json = cJSON_CreateObject(), *steps;
	char text[BH_EXISTING_TEXT];

	/* While cuts are under way, their step has what was before them. */
	cJSON_AddItemToObject(json, "settled",
			      past_json(e->now.modes != NULL ? &e->now : &e->settled));
	steps = cJSON_AddArrayToObject(json, "steps");
	for (size_t i = 0; i < e->step_count; i++)
		cJSON_AddItemToArray(steps, step_json(&e->steps[i]));
	if (e->says)
		cJSON_AddStringToObject(json, "wanted", bh_existing_format(&e->wanted, text));
	cJSON_AddItemToObject(json, "exceptions", bh_core_exceptions_json(core));
	char *printed = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	int result = bh_store_set_existing(core->store, printed, err);
	free(printed);
	return result;
}

/* --- reading ---------------------------------------------------------------------------------- */

int64_t bh_past_number(const cJSON *json, const char *key)
{
	const cJSON *item = cJSON_GetObjectItem(json, key);
	bool sound = cJSON_IsNumber(item) && item->valuedouble >= 0 &&
		     item->valuedouble < (double)(INT64_MAX / 4);

	return sound ? (int64_t)item->valuedouble : 0;
}

static void read_apart(const cJSON *json, struct bh_past_force *past)
{
	const cJSON *workload = cJSON_GetObjectItem(json, "workload"),
		    *instance = cJSON_GetObjectItem(json, "instance"),
		    *mode = cJSON_GetObjectItem(json, "mode");
	uint8_t value;

	if (cJSON_IsString(workload) && cJSON_IsString(instance) && cJSON_IsString(mode) &&
	    bh_mode_parse(mode->valuestring, &value))
		bh_past_force_set_mode(past, workload->valuestring, instance->valuestring, value);
}

static void read_past(const cJSON *json, struct bh_past_force *past)
{
	const cJSON *mode, *apart;

	past->modes = bh_map_new(free);
	past->number = bh_past_number(json, "number");
	past->time = bh_past_number(json, "time");
	past->posture = (uint8_t)(bh_past_number(json, "posture") % (BH_POSTURE_CLOSED + 1));
	cJSON_ArrayForEach (mode, cJSON_GetObjectItem(json, "modes")) {
		uint8_t value;

		if (cJSON_IsString(mode) && bh_mode_parse(mode->valuestring, &value))
			bh_past_force_set_mode(past, mode->string, "", value);
	}
	cJSON_ArrayForEach (apart, cJSON_GetObjectItem(json, "apart"))
		read_apart(apart, past);
}

static bool read_existing(const cJSON *json, const char *key, struct bh_existing *out)
{
	const cJSON *text = cJSON_GetObjectItem(json, key);

	return cJSON_IsString(text) && bh_existing_parse(text->valuestring, out);
}

/* The wall clock knows how long it was killed for. Where that was set back meanwhile nothing drains
 * longer than it was to. */
static void set_due(struct bh_step *step)
{
	int64_t left = step->until - bh_time_now();

	if (left > step->existing.drain)
		left = step->existing.drain;
	step->due = bh_time_monotonic() + (left > 0 ? left : 0);
}

static void read_step(struct bh_core_existing *e, const cJSON *json)
{
	struct bh_step step = { .until = bh_past_number(json, "until"),
				.count = (size_t)bh_past_number(json, "count"),
				.unsure = (size_t)bh_past_number(json, "unsure") };

	if (!read_existing(json, "existing", &step.existing))
		return;
	read_past(cJSON_GetObjectItem(json, "before"), &step.before);
	set_due(&step);
	e->steps = bh_grow(e->steps, &e->step_capacity, e->step_count + 1, sizeof(*e->steps));
	e->steps[e->step_count++] = step;
}

static void add_mode(void *user, const char *workload, uint8_t mode, int64_t time)
{
	(void)time;
	bh_past_force_set_mode(&((struct bh_core *)user)->existing->settled, workload, "", mode);
}

/* An earlier version let everything go on, and wrote nothing down. */
static int settle_as_it_is(struct bh_core *core, struct bh_error *err)
{
	struct bh_core_existing *e = core->existing;

	e->settled.number = core->revision_number;
	e->settled.time = bh_time_now();
	e->settled.posture = bh_core_posture(core);
	int result = bh_store_load_modes(core->store, add_mode, core, err);
	return result == 0 ? bh_core_existing_save(core, err) : result;
}

int bh_core_existing_load(struct bh_core *core, struct bh_error *err)
{
	struct bh_core_existing *e = core->existing;
	char *text = NULL;
	int result = bh_store_existing(core->store, &text, err);

	e->made++; /* what changed while nobody was there is looked at */
	if (result == -ENOENT)
		return settle_as_it_is(core, err);
	cJSON *json = result == 0 ? cJSON_Parse(text) : NULL;
	const cJSON *step;
	free(text);
	if (json == NULL)
		return result != 0 ? result : settle_as_it_is(core, err);
	bh_past_force_clear(&e->settled);
	read_past(cJSON_GetObjectItem(json, "settled"), &e->settled);
	cJSON_ArrayForEach (step, cJSON_GetObjectItem(json, "steps"))
		read_step(e, step);
	e->says = read_existing(json, "wanted", &e->wanted);
	bh_core_exceptions_read(core, cJSON_GetObjectItem(json, "exceptions"));
	cJSON_Delete(json);
	return 0;
}
