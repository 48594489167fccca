/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policies, modes, and why something is allowed or not. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_api.h"
#include "core_existing.h"
#include "core_guard.h"
#include "core_promotion.h"
#include "core_share.h"
#include "core_trial.h"
#include "core_uses.h"
#include "nft.h"
#include "protocol.h"
#include "query.h"
#include "ruleset.h"
#include "timefmt.h"

#define MOST_REPLICAS 1000000

/* --- policy ----------------------------------------------------------------------------------- */

void bh_core_handle_proposal(void *user, const struct bh_api_request *request,
			     struct bh_api_reply *reply)
{
	struct bh_policy *policy = bh_core_propose(user);

	(void)request;
	reply->text = bh_policy_print(policy);
	bh_policy_free(policy);
}

void bh_core_handle_active(void *user, const struct bh_api_request *request,
			   struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	struct bh_revision revision;
	struct bh_error err = { 0 };
	int64_t number;

	if (!bh_core_number_query(request, "number", 0, &number, reply))
		return;
	if (bh_store_revision(core->store, number, &revision, &err) == 0)
		reply->text = (char *)(uintptr_t)revision.text;
	else
		bh_api_fail(
			reply, 404, "policy",
			"bulkhead policy propose > policy.yaml; bulkhead policy apply policy.yaml",
			number > 0 ? "there is no such revision" : "no policy is active yet");
}

void bh_core_handle_nft(void *user, const struct bh_api_request *request,
			struct bh_api_reply *reply)
{
	const struct bh_core *core = user;
	struct bh_nft_config config = { .owner = core->config.table_protection == BH_TABLE_OWNER,
					.log_group = (uint16_t)core->config.log_group };

	(void)request;
	if (core->rules == NULL || core->rules->chain_count == 0)
		bh_api_fail(reply, 404, "policy", "bulkhead mode all audit",
			    "every workload learns: no rules are in the kernel");
	else
		reply->text = bh_nft_text(core->rules, &config);
}

static void add_revision(void *user, const struct bh_revision *revision)
{
	cJSON *row = cJSON_CreateObject();

	cJSON_AddNumberToObject(row, "number", (double)revision->number);
	cJSON_AddStringToObject(row, "revision", revision->revision);
	bh_core_add_time(row, "time", revision->time);
	cJSON_AddStringToObject(row, "author", revision->author);
	bh_core_add_text(row, "why", revision->why);
	cJSON_AddBoolToObject(row, "active", cJSON_GetArraySize(user) == 0);
	cJSON_AddBoolToObject(row, "confirmed", revision->confirmed);
	cJSON_AddItemToArray(user, row);
}

void bh_core_handle_history(void *user, const struct bh_api_request *request,
			    struct bh_api_reply *reply)
{
	const struct bh_core *core = user;
	struct bh_error err = { 0 };

	(void)request;
	reply->json = cJSON_CreateObject();
	if (bh_store_revisions(core->store, 1000, add_revision,
			       cJSON_AddArrayToObject(reply->json, "revisions"), &err) != 0)
		bh_api_fail(reply, 500, "store", NULL, "%s", err.text);
}

/* The document's fault, or the store's. */
static void refuse_policy(struct bh_api_reply *reply, const struct bh_error *err)
{
	if (err->code == -EINVAL)
		bh_api_fail(reply, 422, "policy",
			    "nothing was changed; correct the file and try again", "%s", err->text);
	else
		bh_api_fail(reply, 500, "store", "nothing was changed", "%s", err->text);
}

const char *bh_core_file_of(const struct bh_api_request *request)
{
	const char *name = bh_api_query(request, "file");

	return name != NULL ? name : "policy";
}

struct bh_policy *bh_core_parse_body(const struct bh_api_request *request,
				     struct bh_api_reply *reply)
{
	struct bh_error err = { 0 };
	struct bh_policy *policy = bh_policy_parse(request->body, request->body_length,
						   bh_core_file_of(request), &err);

	if (policy == NULL)
		refuse_policy(reply, &err);
	else
		bh_policy_set_time(policy, bh_time_now());
	return policy;
}

/* What a change does: to open connections, and to what has to go on; and what refusals look like
 * from then on, where that is news (bh_core_silence(); NULL: it is not). */
struct meaning {
	cJSON *existing, *guard;
	const char *silence;
};

static void meaning_free(struct meaning *meaning)
{
	cJSON_Delete(meaning->existing);
	cJSON_Delete(meaning->guard);
}

/* meaning: taken over; NULL: it changes nothing of what passes. */
static void add_meaning(const struct meaning *meaning, cJSON *json)
{
	cJSON_AddItemToObject(json, "existing",
			      meaning != NULL ? meaning->existing : cJSON_CreateNull());
	cJSON_AddItemToObject(json, "guard", meaning != NULL ? meaning->guard : cJSON_CreateNull());
	bh_core_add_text(json, "silence", meaning != NULL ? meaning->silence : NULL);
}

/* The same. */
static void reply_applied(const struct bh_core *core, size_t changes, const struct meaning *meaning,
			  struct bh_api_reply *reply)
{
	reply->json = cJSON_CreateObject();
	cJSON_AddNumberToObject(reply->json, "number", (double)core->revision_number);
	cJSON_AddStringToObject(reply->json, "revision", core->revision);
	cJSON_AddNumberToObject(reply->json, "changes", (double)changes);
	cJSON_AddItemToObject(reply->json, "trial", bh_core_trial_json(core));
	add_meaning(meaning, reply->json);
}

bool bh_core_has_policy(const struct bh_core *core, struct bh_api_reply *reply)
{
	if (core->policy == NULL)
		bh_api_fail(
			reply, 404, "policy",
			"bulkhead policy propose > policy.yaml; bulkhead policy apply policy.yaml",
			"no policy is active yet: everything passes");
	return core->policy != NULL;
}

void bh_core_handle_uses(void *user, const struct bh_api_request *request,
			 struct bh_api_reply *reply)
{
	const char *since = bh_api_query(request, "since");
	int64_t time = 0;

	if (since != NULL && (!bh_time_parse(since, &time) || time <= 0))
		bh_api_fail(reply, 400, "since",
			    "RFC 3339 (2026-11-24T12:30:00Z), a day, or seconds since the epoch",
			    "%.60s is no time", since);
	else if (bh_core_has_policy(user, reply))
		reply->json = bh_core_uses_json(user, time);
}

static const char *why_of(const struct bh_api_request *request)
{
	const char *why = bh_api_query(request, "why");

	return why != NULL ? why : "";
}

/* *within 0: it is not to be confirmed. */
static bool trial_of(const struct bh_api_request *request, int64_t *within, int64_t *most,
		     struct bh_api_reply *reply)
{
	const char *text = bh_api_query(request, "confirm_within");

	*within = 0;
	if (text != NULL && (!bh_duration_parse(text, within) || *within < BH_SECOND ||
			     *within > BH_TRIAL_LONGEST)) {
		bh_api_fail(reply, 400, "confirm_within", NULL,
			    "a time from 1s to 7d is expected, such as 5m, not \"%.60s\"", text);
		return false;
	}
	return bh_core_number_query(request, "max_denials", BH_TRIAL_MOST, most, reply);
}

/* Before anything is changed. False with the reply filled. policy: NULL: none. */
static bool preview(const struct bh_core *core, const struct bh_api_request *request,
		    const struct bh_policy *policy, const struct bh_treatment *then,
		    const struct bh_existing *existing, struct meaning *meaning,
		    struct bh_api_reply *reply)
{
	meaning->existing = NULL;
	meaning->silence = bh_core_silence_news(core, policy);
	meaning->guard = bh_core_guard(core, request, policy, then, reply);
	if (meaning->guard != NULL)
		meaning->existing = bh_core_existing_preview(core, policy, then, existing);
	return meaning->guard != NULL;
}

/* The document that is about to be applied. */
static bool preview_body(const struct bh_core *core, const struct bh_api_request *request,
			 const struct bh_existing *existing, size_t *changes,
			 struct meaning *meaning, struct bh_api_reply *reply)
{
	struct bh_policy *policy = bh_core_parse_body(request, reply);
	bool done =
		policy != NULL && preview(core, request, policy, NULL, existing, meaning, reply);

	if (done)
		*changes = bh_policy_diff(core->policy, policy, NULL, NULL);
	bh_policy_free(policy);
	return done;
}

static bool is_dry(const struct bh_api_request *request)
{
	return bh_api_query(request, "dry_run") != NULL;
}

/* What apply would say. meaning: taken over. */
static void reply_dry(size_t changes, const struct meaning *meaning, struct bh_api_reply *reply)
{
	reply->json = cJSON_CreateObject();
	cJSON_AddBoolToObject(reply->json, "dry_run", true);
	cJSON_AddNumberToObject(reply->json, "changes", (double)changes);
	add_meaning(meaning, reply->json);
}

static int apply_body(struct bh_core *core, const struct bh_api_request *request, const char *why,
		      int64_t within, int64_t most, size_t *changes, struct bh_error *err)
{
	if (within == 0)
		return bh_core_policy_apply(core, request->body, bh_core_file_of(request),
					    request->author, why, changes, err);
	return bh_core_policy_try(core, request->body, bh_core_file_of(request), request->author,
				  why, within, (uint32_t)(most < UINT32_MAX ? most : UINT32_MAX),
				  changes, err);
}

void bh_core_handle_apply(void *user, const struct bh_api_request *request,
			  struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	struct bh_error err = { 0 };
	struct bh_existing existing;
	struct meaning meaning;
	char why[BH_GUARD_WHY];
	size_t changes = 0;
	int64_t within, most;
	bool given;

	if (!trial_of(request, &within, &most, reply) ||
	    !bh_core_existing_query(core, request, &existing, &given, reply) ||
	    bh_core_existing_waits(core, reply) ||
	    !preview_body(core, request, &existing, &changes, &meaning, reply))
		return;
	if (is_dry(request)) {
		reply_dry(changes, &meaning, reply);
		return;
	}
	if (!bh_core_guard_lets(meaning.guard, reply)) {
		meaning_free(&meaning);
		return;
	}
	bh_core_existing_want(core, given ? &existing : NULL);
	int result =
		apply_body(core, request, bh_core_guard_why(meaning.guard, why_of(request), why),
			   within, most, &changes, &err);
	if (result == 0) {
		bh_core_guard_overridden(core, meaning.guard, request);
		reply_applied(core, changes, &meaning, reply);
		return;
	}
	meaning_free(&meaning);
	bh_core_existing_want(core, NULL);
	if (result == -ENOENT)
		bh_api_fail(reply, 409, "policy", "bulkhead policy apply FILE", "%s", err.text);
	else
		refuse_policy(reply, &err);
}

void bh_core_handle_confirm(void *user, const struct bh_api_request *request,
			    struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	struct bh_error err = { 0 };
	int result = bh_core_trial_confirm(core, request->author, why_of(request), &err);

	if (result == -ENOENT)
		bh_api_fail(reply, 409, "policy", "bulkhead policy history", "%s", err.text);
	else if (result != 0)
		refuse_policy(reply, &err);
	else
		reply_applied(core, 0, NULL, reply);
}

static void refuse_rollback(struct bh_api_reply *reply, const struct bh_error *err)
{
	if (err->code == -ENOENT)
		bh_api_fail(reply, 409, "policy", "bulkhead policy history", "%s", err->text);
	else
		refuse_policy(reply, err);
}

static bool preview_rollback(const struct bh_core *core, const struct bh_api_request *request,
			     int64_t number, const struct bh_existing *existing, size_t *changes,
			     struct meaning *meaning, struct bh_api_reply *reply)
{
	struct bh_error err = { 0 };
	struct bh_policy *policy = bh_core_policy_of(core, number, bh_time_now(), &err);

	if (policy == NULL) {
		refuse_rollback(reply, &err);
		return false;
	}
	bool done = preview(core, request, policy, NULL, existing, meaning, reply);

	if (done)
		*changes = bh_policy_diff(core->policy, policy, NULL, NULL);
	bh_policy_free(policy);
	return done;
}

void bh_core_handle_rollback(void *user, const struct bh_api_request *request,
			     struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	struct bh_error err = { 0 };
	struct bh_existing existing;
	struct meaning meaning;
	char why[BH_GUARD_WHY];
	size_t changes = 0;
	int64_t number;
	bool given;

	if (!bh_core_number_query(request, "number", 0, &number, reply) ||
	    !bh_core_existing_query(core, request, &existing, &given, reply) ||
	    bh_core_existing_waits(core, reply))
		return;
	if (number == 0 && bh_core_policy_earlier(core, &number, &err) != 0) {
		refuse_rollback(reply, &err);
		return;
	}
	if (!preview_rollback(core, request, number, &existing, &changes, &meaning, reply))
		return;
	if (is_dry(request)) {
		reply_dry(changes, &meaning, reply);
		cJSON_AddNumberToObject(reply->json, "back_to", (double)number);
		return;
	}
	if (!bh_core_guard_lets(meaning.guard, reply)) {
		meaning_free(&meaning);
		return;
	}
	bh_core_existing_want(core, given ? &existing : NULL);
	if (bh_core_policy_rollback(core, number, request->author,
				    bh_core_guard_why(meaning.guard, why_of(request), why),
				    &changes, &err) == 0) {
		bh_core_guard_overridden(core, meaning.guard, request);
		reply_applied(core, changes, &meaning, reply);
		return;
	}
	meaning_free(&meaning);
	bh_core_existing_want(core, NULL);
	refuse_rollback(reply, &err);
}

/* --- modes and explanations ------------------------------------------------------------------- */

static void refuse_mode(struct bh_api_reply *reply, const struct bh_error *err)
{
	if (err->code == -EAGAIN)
		bh_api_fail(reply, 409, "mode",
			    "bulkhead readiness WORKLOAD; --anyway --why TEXT does it all the same",
			    "%s", err->text);
	else if (err->code == -EPERM)
		bh_api_fail(reply, 409, "mode", NULL, "%s", err->text);
	else
		bh_api_fail(reply, 500, "store", NULL, "%s", err->text);
}

/* A change of modes: of all these workloads, to one mode, with what their shares are then. */
struct change {
	const char *const *names;
	size_t count;
	uint8_t mode;
	struct bh_shares *shares;
};

/* What a person has to decide first, and what evidence is missing: all at once. */
static void check_mode(const struct bh_core *core, const struct bh_readiness *readiness,
		       const struct change *change, const char *workload, bool anyway,
		       struct bh_error *err)
{
	struct bh_error decision = { 0 }, evidence = { 0 };

	bh_core_mode_allowed(core, workload, change->mode, &decision);
	if (!anyway)
		bh_core_promotion_check(core, readiness, workload, change->mode,
					bh_shares_get(change->shares, workload), &evidence);
	if (decision.code != 0 && evidence.code != 0)
		bh_error_set(err, decision.code, "%s. Besides, %s", decision.text, evidence.text);
	else
		*err = decision.code != 0 ? decision : evidence;
}

/* All or none. */
static bool may_set_modes(const struct bh_core *core, const struct bh_readiness *readiness,
			  const struct change *change, bool anyway, struct bh_api_reply *reply)
{
	struct bh_error err = { 0 };

	for (size_t i = 0; err.code == 0 && i < change->count; i++)
		check_mode(core, readiness, change, change->names[i], anyway, &err);
	if (err.code != 0)
		refuse_mode(reply, &err);
	return err.code == 0;
}

/* What was missing is part of the record. */
static void note_anyway(struct bh_core *core, const struct bh_readiness *readiness,
			const struct change *change, const char *workload,
			const struct bh_api_request *request)
{
	struct bh_error err = { 0 };

	if (bh_core_promotion_check(core, readiness, workload, change->mode,
				    bh_shares_get(change->shares, workload), &err) != 0)
		bh_core_event(core, "mode", "%s; %s does it anyway%s%s", err.text, request->author,
			      *why_of(request) != '\0' ? ": " : "", why_of(request));
}

/* What it is now, and what it becomes. */
static void say_one_mode(const struct bh_core *core, const struct change *change,
			 const char *workload, cJSON *rows)
{
	cJSON *row = cJSON_CreateObject();

	cJSON_AddStringToObject(row, "workload", workload);
	cJSON_AddStringToObject(row, "mode", bh_mode_name(change->mode));
	cJSON_AddItemToObject(row, "share",
			      bh_shares_json(change->shares, core->model, workload, change->mode));
	cJSON_AddStringToObject(row, "was", bh_mode_name(bh_core_mode_set(core, workload)));
	cJSON_AddItemToObject(row, "share_was", bh_core_share_json(core, workload));
	cJSON_AddItemToArray(rows, row);
}

/* Whether somebody refuses nothing now, and will. */
static bool begins_to_refuse(const struct bh_core *core, const struct change *change)
{
	bool any = false;

	for (size_t i = 0; i < change->count; i++)
		any = any || !bh_mode_refuses(bh_core_mode_set(core, change->names[i]));
	return any && bh_mode_refuses(change->mode);
}

static bool preview_modes(const struct bh_core *core, const struct bh_api_request *request,
			  const struct change *change, const struct bh_existing *existing,
			  struct meaning *meaning, struct bh_api_reply *reply)
{
	struct bh_map *modes = bh_map_new(NULL);
	const struct bh_treatment then = { modes, change->shares };
	uint8_t mode = change->mode;

	for (size_t i = 0; i < change->count; i++)
		bh_map_put_text(modes, change->names[i], &mode);
	bool done = preview(core, request, core->policy, &then, existing, meaning, reply);
	if (begins_to_refuse(core, change))
		meaning->silence = bh_core_silence(core, core->policy);
	bh_map_free(modes);
	return done;
}

static bool set_one_mode(struct bh_core *core, const struct bh_readiness *readiness,
			 const struct change *change, const char *workload,
			 const struct bh_api_request *request, struct bh_api_reply *reply)
{
	const struct bh_share *share = bh_shares_get(change->shares, workload);
	struct bh_error err = { 0 };

	if (bh_api_query(request, "anyway") != NULL)
		note_anyway(core, readiness, change, workload, request);
	if (bh_core_set_mode(core, workload, change->mode, share, request->author, &err) == 0)
		return true;
	bh_core_existing_want(core, NULL);
	refuse_mode(reply, &err);
	return false;
}

/* What stands against it is told all at once. False: meaning is freed. */
static bool lets_modes(const struct bh_core *core, const struct bh_readiness *readiness,
		       const struct change *change, const struct bh_api_request *request,
		       struct meaning *meaning, struct bh_api_reply *reply)
{
	bool anyway = bh_api_query(request, "anyway") != NULL,
	     ready = may_set_modes(core, readiness, change, anyway, reply);

	if (!ready)
		bh_core_guard_add_to(meaning->guard, reply);
	else if (is_dry(request) || bh_core_guard_lets(meaning->guard, reply))
		return true;
	meaning_free(meaning);
	return false;
}

static bool is_within(const char *text, int64_t most, uint32_t *value)
{
	int64_t number;

	if (!bh_query_number(text, &number) || number < 1 || number > most)
		return false;
	*value = (uint32_t)number;
	return true;
}

/* How many of the instances: "replicas", or "share" in percent. value 0: all of them. */
static bool share_of(const struct bh_api_request *request, uint8_t mode, struct bh_share *share,
		     struct bh_api_reply *reply)
{
	static const char fix[] = "bulkhead mode WORKLOAD enforce --replicas 1, or --share 25%";
	const char *replicas = bh_api_query(request, "replicas"),
		   *percent = bh_api_query(request, "share");
	const char *why = NULL;

	*share = (struct bh_share) { .percent = percent != NULL };
	if (replicas == NULL && percent == NULL)
		return true;
	if (replicas != NULL && percent != NULL)
		why = "a number of replicas or a share is expected, not both";
	else if (!bh_mode_refuses(mode))
		why = "a part of a workload can be in stage1 or enforce: in the milder modes "
		      "nothing is refused";
	else if (replicas != NULL && !is_within(replicas, MOST_REPLICAS, &share->value))
		why = "replicas takes a number from 1 on";
	else if (percent != NULL && !is_within(percent, 100, &share->value))
		why = "a share is a whole number of percent from 1 to 100";
	if (why != NULL)
		bh_api_fail(reply, 400, percent != NULL ? "share" : "replicas", fix, "%s", why);
	if (share->percent && share->value == 100)
		share->value = 0;
	return why == NULL;
}

/* The others stay as they are; who learns is audited, and who is treated as strictly is audited
 * again. */
static uint8_t rest_of(const struct bh_core *core, const char *workload, uint8_t mode)
{
	uint8_t floor = bh_core_mode_floor(core, workload);

	return floor > BH_AUDIT && floor < mode ? floor : (uint8_t)BH_AUDIT;
}

static struct bh_shares *shares_then(const struct bh_core *core, const struct change *change,
				     const struct bh_share *wanted)
{
	struct bh_shares *shares = bh_shares_copy(core->shares);

	for (size_t i = 0; i < change->count; i++) {
		struct bh_share share = *wanted;

		share.rest = rest_of(core, change->names[i], change->mode);
		bh_shares_set(shares, change->names[i], share.value > 0 ? &share : NULL);
	}
	return shares;
}

static void change_modes(struct bh_core *core, const struct change *change,
			 const struct bh_existing *existing, bool given,
			 const struct bh_api_request *request, struct bh_api_reply *reply)
{
	cJSON *json = cJSON_CreateObject(), *rows = cJSON_AddArrayToObject(json, "rows");
	struct bh_readiness *readiness = bh_core_readiness(core);
	struct meaning meaning;

	bool done = preview_modes(core, request, change, existing, &meaning, reply) &&
		    lets_modes(core, readiness, change, request, &meaning, reply);
	for (size_t i = 0; done && i < change->count; i++)
		say_one_mode(core, change, change->names[i], rows);
	if (done)
		add_meaning(&meaning, json);
	if (done)
		cJSON_AddItemToObject(
			json, "exposed",
			bh_core_exposed_json(core, change->names,
					     change->mode != BH_LEARN ? change->count : 0));
	if (done && !is_dry(request))
		bh_core_existing_want(core, given ? existing : NULL);
	for (size_t i = 0; done && !is_dry(request) && i < change->count; i++)
		done = set_one_mode(core, readiness, change, change->names[i], request, reply);
	if (done && !is_dry(request))
		bh_core_guard_overridden(core, meaning.guard, request);
	bh_readiness_free(readiness);
	if (done)
		reply->json = json;
	else
		cJSON_Delete(json);
}

void bh_core_handle_mode(void *user, const struct bh_api_request *request,
			 struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	const char *workload = bh_api_query(request, "workload"),
		   *word = bh_api_query(request, "mode");
	struct change change = { .names = &workload, .count = 1 };
	struct bh_existing existing;
	struct bh_share share;
	bool given;

	if (workload == NULL || word == NULL || !bh_mode_parse(word, &change.mode)) {
		bh_api_fail(reply, 400, "mode", "bulkhead mode WORKLOAD learn|audit|stage1|enforce",
			    "a workload and one of learn, audit, stage1, enforce are needed");
		return;
	}
	if (!share_of(request, change.mode, &share, reply))
		return;
	bool all = strcmp(workload, "all") == 0;
	if (!all && !bh_core_workload_exists(core, workload)) {
		bh_core_unknown_workload(core, workload, "workload", reply);
		return;
	}
	if (!bh_core_existing_query(core, request, &existing, &given, reply) ||
	    bh_core_existing_waits(core, reply))
		return;
	const char **present = all ? bh_core_present_workloads(core, &change.count) : NULL;
	change.names = all ? present : change.names;
	change.shares = shares_then(core, &change, &share);
	change_modes(core, &change, &existing, given, request, reply);
	bh_shares_free(change.shares);
	free(present);
}

const char *bh_core_verdict_name(uint8_t verdict)
{
	static const char *const verdicts[] = { "allow", "deny", "uncertain" };

	return verdicts[verdict];
}

static void answer_json(const struct bh_core *core, const struct bh_answer *answer, cJSON *json)
{
	char rule[512] = "";

	if (answer->rule >= 0)
		bh_policy_rule_text(core->policy, (size_t)answer->rule, rule, sizeof(rule));
	cJSON_AddStringToObject(json, "verdict", bh_core_verdict_name(answer->verdict));
	cJSON_AddBoolToObject(json, "blocked", answer->blocked);
	cJSON_AddBoolToObject(json, "audited", answer->audited);
	bh_core_add_text(json, "side",
			 answer->workload != NULL ? bh_side_name(answer->side) : NULL);
	bh_core_add_text(json, "workload", answer->workload);
	bh_core_add_text(json, "rule", rule);
	cJSON_AddStringToObject(json, "reason", answer->reason);
}

/* Of which of its replicas the mode holds, where it is not of all. */
static cJSON *end_share(const struct bh_core *core, const struct bh_subject *subject)
{
	return subject->peer->kind == BH_PEER_WORKLOAD
		       ? bh_core_share_json(core, subject->peer->name)
		       : cJSON_CreateNull();
}

static void explain_access(const struct bh_core *core, const struct bh_api_request *request,
			   struct bh_api_reply *reply)
{
	const char *src = bh_api_query(request, "src"), *dst = bh_api_query(request, "dst");
	const char *port = bh_api_query(request, "port");
	struct bh_question question = { .sensitive = &core->config.sensitive };
	struct bh_peer from, to;
	struct bh_answer answer;

	if (src == NULL || dst == NULL || port == NULL ||
	    !bh_query_port(port, &question.proto, &question.port)) {
		bh_api_fail(
			reply, 400, "explain", "bulkhead explain SRC DST PORT[/PROTO]",
			"a source, a destination and a port such as 5432/tcp or icmp/8 are needed");
		return;
	}
	if (!bh_core_subject(core, src, &from, &question.src)) {
		bh_core_unknown_workload(core, src, "src", reply);
		return;
	}
	if (!bh_core_subject(core, dst, &to, &question.dst)) {
		bh_core_unknown_workload(core, dst, "dst", reply);
		return;
	}
	if (!bh_core_has_policy(core, reply))
		return;
	bh_core_name_question(core, &question);
	bh_policy_evaluate(core->policy, &question, &answer);
	reply->json = cJSON_CreateObject();
	cJSON_AddStringToObject(reply->json, "src", from.name);
	cJSON_AddStringToObject(reply->json, "dst", to.name);
	cJSON_AddStringToObject(reply->json, "port", port);
	answer_json(core, &answer, reply->json);
	bh_core_add_text(reply->json, "refusal",
			 answer.blocked ? bh_core_refusal(core, &question.src, &question.dst)
					: NULL);
	cJSON_AddItemToObject(reply->json, "unknown",
			      bh_core_unsure_json(core, &question.src, &question.dst));
	cJSON_AddItemToObject(reply->json, "src_share", end_share(core, &question.src));
	cJSON_AddItemToObject(reply->json, "dst_share", end_share(core, &question.dst));
}

void bh_core_handle_explain(void *user, const struct bh_api_request *request,
			    struct bh_api_reply *reply)
{
	struct bh_core *core = user;

	if (bh_api_query(request, "rule") == NULL)
		explain_access(core, request, reply);
	else
		bh_core_explain_a_rule(core, request, reply);
}
