/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core_api.h"
#include "core_existing.h"
#include "timefmt.h"

static bool is_on_trial(const struct bh_core *core)
{
	return core->trial.stored.number != 0;
}

void bh_core_trial_free(struct bh_core *core)
{
	bh_policy_free(core->trial.before);
	core->trial = (struct bh_core_trial) { 0 };
}

/* The wall clock knows how long it was killed for. Where that was set back meanwhile the trial
 * takes no longer than it was to. */
static int64_t time_left(const struct bh_trial *trial)
{
	int64_t left = trial->deadline - bh_time_now();

	return left < 0 ? 0 : left > trial->within ? trial->within : left;
}

void bh_core_trial_begin(struct bh_core *core, const struct bh_trial *trial)
{
	bh_core_trial_free(core);
	if (trial == NULL)
		return;
	core->trial = (struct bh_core_trial) { .stored = *trial,
					       .due = bh_time_monotonic() + time_left(trial),
					       .before = bh_core_policy_of(core, trial->back,
									   bh_time_now(), NULL) };
}

int bh_core_trial_load(struct bh_core *core, struct bh_error *err)
{
	struct bh_trial trial;
	int result = bh_store_trial(core->store, &trial, err);

	if (result == -ENOENT)
		return 0;
	if (result == 0 && trial.number == core->revision_number)
		bh_core_trial_begin(core, &trial);
	return result;
}

int bh_core_trial_confirm(struct bh_core *core, const char *author, const char *why,
			  struct bh_error *err)
{
	int64_t number = core->trial.stored.number;

	if (!is_on_trial(core))
		return bh_error_set(err, -ENOENT, "no revision waits to be confirmed");
	int result = bh_core_store_begin(core, err);
	if (result != 0)
		return result;
	result = bh_store_set_trial(core->store, NULL, err);
	if (result == 0)
		result = bh_store_confirm_revision(core->store, number, err);
	result = bh_core_store_end(core, result, err);
	if (result != 0)
		return result;
	bh_core_trial_free(core);
	bh_core_event(core, "policy", "revision %lld confirmed by %s%s%s", (long long)number,
		      author, *why != '\0' ? ": " : "", why);
	return 0;
}

/* Tried again each second as long as it fails; that is said once. */
static void go_back(struct bh_core *core, const char *why)
{
	struct bh_error err = { 0 };
	size_t changes;

	if (bh_core_policy_rollback(core, core->trial.stored.back, "bulkhead (automatically)", why,
				    &changes, &err) == 0 ||
	    core->trial.failed)
		return;
	core->trial.failed = true;
	bh_core_event(core, "policy", "revision %lld was not confirmed, and stays all the same: %s",
		      (long long)core->trial.stored.number, err.text);
}

/* Whoever is killed is to go on counting. */
static void save_count(struct bh_core *core)
{
	struct bh_error ignored = { 0 };

	core->trial.unsaved = false;
	bh_core_store_write(core);
	bh_store_set_trial(core->store, &core->trial.stored, &ignored);
}

void bh_core_trial_tick(struct bh_core *core, int64_t monotonic)
{
	if (is_on_trial(core) && core->trial.unsaved)
		save_count(core);
	if (is_on_trial(core) && monotonic >= core->trial.due)
		go_back(core, "nobody confirmed it in time");
}

void bh_core_trial_denied(struct bh_core *core, const struct bh_question *question)
{
	struct bh_answer answer;

	if (!is_on_trial(core) || core->trial.before == NULL)
		return;
	bh_policy_evaluate(core->trial.before, question, &answer);
	if (answer.verdict != BH_ALLOW)
		return;
	core->trial.unsaved = true;
	if (++core->trial.stored.denied > core->trial.stored.most)
		go_back(core, "it refuses too much that was allowed");
}

cJSON *bh_core_trial_json(const struct bh_core *core)
{
	const struct bh_core_trial *t = &core->trial;

	if (!is_on_trial(core))
		return cJSON_CreateNull();
	cJSON *json = cJSON_CreateObject();
	cJSON_AddNumberToObject(json, "number", (double)t->stored.number);
	cJSON_AddNumberToObject(json, "back", (double)t->stored.back);
	cJSON_AddNumberToObject(json, "until",
				(double)(bh_time_now() + t->due - bh_time_monotonic()) / BH_SECOND);
	cJSON_AddNumberToObject(json, "denied", t->stored.denied);
	cJSON_AddNumberToObject(json, "most", t->stored.most);
	return json;
}
