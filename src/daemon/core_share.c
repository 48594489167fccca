/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_share.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "core_existing.h"
#include "grow.h"
#include "ruleset.h"

#define MOST_NAMED 20 /* replicas, in an event */

/* A replica that is present; it may have several interfaces, and is one all the same. */
struct replica {
	uint64_t order;
	char name[sizeof(((struct bh_instance *)NULL)->name)];
};

/* Of one workload. */
struct part {
	char workload[sizeof(((struct bh_instance *)NULL)->workload)];
	struct bh_share share;
	struct replica *replicas; /* in order; the first `on` of them are in the share */
	size_t count, capacity, on;
	struct bh_map *known;  /* the replicas, by their names */
	struct bh_map *before; /* names that were in the share; NULL: nobody looked yet */
};

struct bh_shares {
	struct bh_map *parts; /* by workload */
	uint64_t generation;  /* of the model, when the replicas were found; … */
	bool found;	      /* … if they were */
};

static void free_part(void *value)
{
	struct part *part = value;

	bh_map_free(part->known);
	bh_map_free(part->before);
	free(part->replicas);
	free(part);
}

struct bh_shares *bh_shares_new(void)
{
	struct bh_shares *shares = bh_calloc(1, sizeof(*shares));

	shares->parts = bh_map_new(free_part);
	return shares;
}

struct bh_shares *bh_shares_copy(const struct bh_shares *shares)
{
	struct bh_shares *copy = bh_shares_new();
	const struct part *part;

	for (size_t position = 0; (part = bh_map_next(shares->parts, &position)) != NULL;)
		bh_shares_set(copy, part->workload, &part->share);
	return copy;
}

void bh_shares_free(struct bh_shares *shares)
{
	if (shares == NULL)
		return;
	bh_map_free(shares->parts);
	free(shares);
}

const struct bh_share *bh_shares_get(const struct bh_shares *shares, const char *workload)
{
	const struct part *part = bh_map_get_text(shares->parts, workload);

	return part != NULL ? &part->share : NULL;
}

void bh_shares_set(struct bh_shares *shares, const char *workload, const struct bh_share *share)
{
	shares->found = false;
	if (share == NULL) {
		bh_map_remove_text(shares->parts, workload);
		return;
	}
	struct part *part = bh_calloc(1, sizeof(*part));
	part->share = *share;
	bh_copy_text(part->workload, sizeof(part->workload), workload);
	bh_map_put_text(shares->parts, workload, part);
}

/* --- who is in it ----------------------------------------------------------------------------- */

static int compare_replicas(const void *a, const void *b)
{
	const struct replica *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void add_replica(struct part *part, const struct bh_instance *instance)
{
	uint64_t seed = XXH3_64bits(part->workload, strlen(part->workload));
	const char *name = instance->name;

	if (bh_map_get_text(part->known, name) != NULL)
		return;
	bh_map_put_text(part->known, name, part); /* its place is not known yet */
	part->replicas =
		bh_grow(part->replicas, &part->capacity, part->count + 1, sizeof(*part->replicas));
	struct replica *replica = &part->replicas[part->count++];
	replica->order = XXH3_64bits_withSeed(name, strlen(name), seed);
	bh_copy_text(replica->name, sizeof(replica->name), name);
}

static void choose(struct part *part)
{
	size_t wanted = part->share.value;

	if (part->share.percent)
		wanted = (part->count * wanted + 99) / 100;
	part->on = wanted < part->count ? wanted : part->count;
	if (part->count > 0)
		qsort(part->replicas, part->count, sizeof(*part->replicas), compare_replicas);
	for (size_t i = 0; i < part->count; i++)
		bh_map_put_text(part->known, part->replicas[i].name, &part->replicas[i]);
}

static void forget_replicas(struct part *part)
{
	bh_map_free(part->known);
	part->known = bh_map_new(NULL);
	part->count = 0;
}

/* Anew, where instances came, went or got names since. */
static void find_replicas(struct bh_shares *shares, const struct bh_model *model)
{
	const struct bh_instance *instance;
	struct part *part;

	if (bh_map_count(shares->parts) == 0 ||
	    (shares->found && shares->generation == bh_model_generation(model)))
		return;
	for (size_t position = 0; (part = bh_map_next(shares->parts, &position)) != NULL;)
		forget_replicas(part);
	for (size_t position = 0; (instance = bh_model_next(model, &position)) != NULL;) {
		part = bh_map_get_text(shares->parts, instance->workload);
		if (part != NULL)
			add_replica(part, instance);
	}
	for (size_t position = 0; (part = bh_map_next(shares->parts, &position)) != NULL;)
		choose(part);
	shares->generation = bh_model_generation(model);
	shares->found = true;
}

static const struct part *part_of(struct bh_shares *shares, const struct bh_model *model,
				  const char *workload)
{
	find_replicas(shares, model);
	return bh_map_get_text(shares->parts, workload);
}

static bool is_chosen(const struct part *part, const char *name)
{
	const struct replica *replica = bh_map_get_text(part->known, name);

	return replica != NULL && replica < part->replicas + part->on;
}

bool bh_shares_include(struct bh_shares *shares, const struct bh_model *model,
		       const struct bh_instance *instance)
{
	const struct part *part = part_of(shares, model, instance->workload);

	return part != NULL && (part->count == 0 || is_chosen(part, instance->name));
}

uint8_t bh_shares_mildest(const struct bh_shares *shares, const char *workload, uint8_t mode)
{
	const struct bh_share *share = bh_shares_get(shares, workload);

	return share != NULL && share->rest < mode ? share->rest : mode;
}

uint8_t bh_shares_mode(struct bh_shares *shares, const struct bh_model *model,
		       const struct bh_instance *instance, uint8_t mode)
{
	return bh_shares_include(shares, model, instance)
		       ? mode
		       : bh_shares_mildest(shares, instance->workload, mode);
}

static void add_number_or_null(cJSON *json, const char *key, bool there, uint32_t number)
{
	if (there)
		cJSON_AddNumberToObject(json, key, number);
	else
		cJSON_AddNullToObject(json, key);
}

static cJSON *part_json(const struct part *part, uint8_t mode)
{
	cJSON *json = cJSON_CreateObject(), *names;

	cJSON_AddStringToObject(json, "workload", part->workload);
	cJSON_AddStringToObject(json, "mode", bh_mode_name(mode));
	add_number_or_null(json, "replicas", !part->share.percent, part->share.value);
	add_number_or_null(json, "percent", part->share.percent, part->share.value);
	cJSON_AddStringToObject(json, "rest", bh_mode_name(part->share.rest));
	cJSON_AddNumberToObject(json, "on", (double)part->on);
	cJSON_AddNumberToObject(json, "of", (double)part->count);
	names = cJSON_AddArrayToObject(json, "instances");
	for (size_t i = 0; i < part->on; i++)
		cJSON_AddItemToArray(names, cJSON_CreateString(part->replicas[i].name));
	return json;
}

cJSON *bh_shares_json(struct bh_shares *shares, const struct bh_model *model, const char *workload,
		      uint8_t mode)
{
	const struct part *part = part_of(shares, model, workload);

	return part != NULL ? part_json(part, mode) : cJSON_CreateNull();
}

/* --- those of core ---------------------------------------------------------------------------- */

static void load(void *user, const char *workload, const struct bh_share *share)
{
	struct bh_core *core = user;

	bh_shares_set(core->shares, workload, share);
}

int bh_core_shares_load(struct bh_core *core, struct bh_error *err)
{
	return bh_store_load_shares(core->store, load, core, err);
}

const struct bh_share *bh_core_share(const struct bh_core *core, const char *workload)
{
	return bh_shares_get(core->shares, workload);
}

uint8_t bh_core_instance_mode(const struct bh_core *core, const struct bh_instance *instance)
{
	return bh_shares_mode(core->shares, core->model, instance,
			      bh_core_mode(core, instance->workload));
}

uint8_t bh_core_mode_floor(const struct bh_core *core, const char *workload)
{
	return bh_shares_mildest(core->shares, workload, bh_core_mode_set(core, workload));
}

/* Shares that are measured alike hold one another; of others it depends on how many there are. */
static bool is_within(const struct bh_share *share, const struct bh_share *other)
{
	return share != NULL && other != NULL && share->percent == other->percent &&
	       share->value <= other->value;
}

bool bh_core_share_is_stricter(const struct bh_core *core, const char *workload, uint8_t mode,
			       const struct bh_share *share)
{
	return mode > bh_core_mode_floor(core, workload) &&
	       !(mode <= bh_core_mode_set(core, workload) &&
		 is_within(share, bh_core_share(core, workload)));
}

/* --- who moved -------------------------------------------------------------------------------- */

static void remember(struct part *part)
{
	bh_map_free(part->before);
	part->before = bh_map_new(free);
	for (size_t i = 0; i < part->on; i++)
		bh_map_put_text(part->before, part->replicas[i].name,
				bh_strdup(part->replicas[i].name));
}

/* Who entered, and who left; a few of them by name. */
struct moves {
	struct bh_buffer in, out;
	size_t in_count, out_count;
};

static void add_name(struct bh_buffer *names, size_t *count, const char *name)
{
	if (++*count <= MOST_NAMED)
		bh_buffer_printf(names, "%s%s", names->length > 0 ? ", " : "", name);
	else if (*count == MOST_NAMED + 1)
		bh_buffer_puts(names, ", …");
}

static void find_moves(const struct part *part, struct moves *moves)
{
	const char *name;

	for (size_t i = 0; i < part->on; i++)
		if (bh_map_get_text(part->before, part->replicas[i].name) == NULL)
			add_name(&moves->in, &moves->in_count, part->replicas[i].name);
	for (size_t position = 0; (name = bh_map_next(part->before, &position)) != NULL;)
		if (!is_chosen(part, name))
			add_name(&moves->out, &moves->out_count, name);
}

static void tell_moves(struct bh_core *core, const struct part *part, const struct moves *moves)
{
	bool in = moves->in_count > 0, out = moves->out_count > 0;
	char share[BH_SHARE_TEXT];

	bh_core_event(core, "mode", "%s: %s: %s%s%s%s%s", part->workload,
		      bh_core_share_text(core, part->workload, share), in ? "in it now: " : "",
		      in ? moves->in.data : "", in && out ? "; " : "", out ? "no longer: " : "",
		      out ? moves->out.data : "");
}

/* Whether anybody moved. */
static bool look_at(struct bh_core *core, struct part *part)
{
	struct moves moves = { 0 };

	if (part->before != NULL)
		find_moves(part, &moves);
	bool moved = moves.in_count + moves.out_count > 0;
	if (moved)
		tell_moves(core, part, &moves);
	if (moved || part->before == NULL)
		remember(part);
	bh_buffer_free(&moves.in);
	bh_buffer_free(&moves.out);
	return moved;
}

void bh_core_shares_look(struct bh_core *core)
{
	struct part *part;
	bool moved = false;

	find_replicas(core->shares, core->model);
	for (size_t position = 0; (part = bh_map_next(core->shares->parts, &position)) != NULL;)
		moved = look_at(core, part) || moved;
	if (!moved)
		return;
	bh_core_existing_want(core, NULL);
	bh_core_existing_touch(core);
}

/* --- telling ---------------------------------------------------------------------------------- */

cJSON *bh_core_share_json(const struct bh_core *core, const char *workload)
{
	return bh_shares_json(core->shares, core->model, workload, bh_core_mode(core, workload));
}

cJSON *bh_core_shares_json(const struct bh_core *core)
{
	cJSON *list = cJSON_CreateArray();
	const struct part *part;

	find_replicas(core->shares, core->model);
	for (size_t position = 0; (part = bh_map_next(core->shares->parts, &position)) != NULL;)
		cJSON_AddItemToArray(list, part_json(part, bh_core_mode(core, part->workload)));
	return list;
}

char *bh_core_share_text(const struct bh_core *core, const char *workload, char out[BH_SHARE_TEXT])
{
	const struct part *part = part_of(core->shares, core->model, workload);
	const char *mode = bh_mode_name(bh_core_mode_set(core, workload));

	char asked[24] = "";

	if (part == NULL) {
		bh_copy_text(out, BH_SHARE_TEXT, mode);
		return out;
	}
	if (part->share.percent || part->share.value != part->on)
		snprintf(asked, sizeof(asked), "%" PRIu32 "%s, ", part->share.value,
			 part->share.percent ? "%" : "");
	snprintf(out, BH_SHARE_TEXT, "%s on %s%zu of %zu", mode, asked, part->on, part->count);
	return out;
}

char *bh_core_share_option(const struct bh_core *core, const char *workload,
			   char out[BH_SHARE_TEXT])
{
	const struct bh_share *share = bh_core_share(core, workload);

	*out = '\0';
	if (share != NULL)
		snprintf(out, BH_SHARE_TEXT,
			 share->percent ? " --share %" PRIu32 "%%" : " --replicas %" PRIu32,
			 share->value);
	return out;
}
