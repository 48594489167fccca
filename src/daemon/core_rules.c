/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Policy, modes and endpoints become a ruleset, and the ruleset goes to the kernel process. Nothing
 * is sent before it is known who is who: until then whatever an earlier run left in the kernel
 * stands.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "compile.h"
#include "core.h"
#include "core_exceptions.h"
#include "core_existing.h"
#include "core_posture.h"
#include "core_promotion.h"
#include "core_share.h"
#include "core_trial.h"
#include "core_uses.h"
#include "grow.h"
#include "log.h"
#include "peer.h"
#include "propose.h"
#include "proposed_edges.h"
#include "protocol.h"
#include "rules_wire.h"
#include "ruleset.h"
#include "timefmt.h"
#include "wider.h"

/* How long changes are gathered at most, in ms: half as long as the ruleset before took to compile
 * and to be confirmed, so that a burst of containers costs two thirds of the time at worst, and one
 * alone does not wait for others that do not come. */
#define SETTLE_MOST 50

/* --- subjects: names for the evaluator -------------------------------------------------------- */

static const char *instance_label(const void *labels, const char *key)
{
	return bh_instance_label(labels, key);
}

/* A workload of which no instance is present: its name is all that is left of it. */
static const char *name_label(const void *labels, const char *key)
{
	return strcmp(key, "bulkhead.workload") == 0 ? labels : NULL;
}

static const struct bh_instance *instance_of(const struct bh_core *core, const char *workload)
{
	const struct bh_instance *instance = bh_core_present_instance(core, workload);

	if (instance != NULL)
		return instance;
	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		if (strcmp(instance->workload, workload) == 0)
			return instance;
	return NULL;
}

uint8_t bh_core_mode_set(const struct bh_core *core, const char *workload)
{
	const uint8_t *mode = bh_map_get_text(core->modes, workload);

	return mode != NULL ? *mode : BH_LEARN;
}

uint8_t bh_core_mode(const struct bh_core *core, const char *workload)
{
	uint8_t mode = bh_core_mode_set(core, workload);

	return mode == BH_ENFORCE && bh_core_is_relaxed(core, workload) ? BH_STAGE1 : mode;
}

void bh_core_peer_subject(const struct bh_core *core, const struct bh_peer *peer,
			  struct bh_subject *subject)
{
	*subject = (struct bh_subject) { .peer = peer };
	if (peer->kind == BH_PEER_ADDRESS)
		bh_addr_parse(peer->name, &subject->addr);
	if (peer->kind != BH_PEER_WORKLOAD)
		return;
	const struct bh_instance *instance = instance_of(core, peer->name);
	if (instance == NULL)
		instance = bh_core_kept(core, peer->name);
	if (instance != NULL) {
		bh_core_instance_subject(instance, subject);
	} else {
		subject->labels = peer->name;
		subject->label = name_label;
	}
	subject->mode = bh_core_mode(core, peer->name);
}

void bh_core_address_subject(const struct bh_core *core, const struct bh_peer *peer,
			     const struct bh_addr *addr, int64_t time, struct bh_subject *subject)
{
	const struct bh_instance *instance = bh_model_holder(core->model, addr, time);

	bh_core_peer_subject(core, peer, subject);
	subject->addr = *addr;
	if (peer->kind != BH_PEER_WORKLOAD || instance == NULL ||
	    strcmp(instance->workload, peer->name) != 0)
		return;
	bh_core_instance_subject(instance, subject);
	subject->mode = bh_core_instance_mode(core, instance);
}

void bh_core_instance_subject(const struct bh_instance *instance, struct bh_subject *subject)
{
	subject->labels = instance;
	subject->label = instance_label;
}

bool bh_core_workload_exists(const struct bh_core *core, const char *workload)
{
	return instance_of(core, workload) != NULL ||
	       bh_map_get_text(core->modes, workload) != NULL;
}

bool bh_core_subject(const struct bh_core *core, const char *name, struct bh_peer *peer,
		     struct bh_subject *subject)
{
	struct bh_addr addr;
	bool spoofed;

	*peer = (struct bh_peer) { 0 };
	if (bh_addr_parse(name, &addr)) {
		bh_model_peer(core->model, 0, &addr, bh_time_now(), peer, NULL, &spoofed);
		bh_core_address_subject(core, peer, &addr, bh_time_now(), subject);
		return true;
	}
	bh_copy_text(peer->name, sizeof(peer->name), name);
	if (strcmp(name, "host") == 0)
		peer->kind = BH_PEER_HOST;
	else if (strcmp(name, "world") == 0)
		peer->kind = BH_PEER_WORLD;
	else if (bh_core_workload_exists(core, name))
		peer->kind = BH_PEER_WORKLOAD;
	else if (strncmp(name, "dns:", 4) != 0 || !bh_peer_by_dns(name + 4, peer))
		return false;
	bh_core_peer_subject(core, peer, subject);
	return true;
}

/* --- compiling -------------------------------------------------------------------------------- */

/* filtered: somebody who is governed lived there last, or somebody is about to. Who comes to that
 * bridge first is not known for a moment, and is to meet its posture then. */
static struct bh_bridge *collect_bridges(const struct bh_core *core,
					 const struct bh_announced *announced, size_t *count)
{
	struct bh_bridge *bridges = NULL;
	struct bh_map *kept = bh_core_kept_bridges(core);
	const struct bh_host_link *link;
	size_t capacity = 0;

	*count = 0;
	for (size_t position = 0; (link = bh_model_next_link(core->model, &position)) != NULL;) {
		if (!link->bridge)
			continue;
		bridges = bh_grow(bridges, &capacity, *count + 1, sizeof(*bridges));
		bridges[*count] = (struct bh_bridge) {
			.ifindex = link->ifindex,
			.filtered = bh_map_get_text(kept, link->ifname) != NULL ||
				    bh_core_is_announced(core, announced, link->ifindex)
		};
		memcpy(bridges[(*count)++].ifname, link->ifname, BH_IFNAME);
	}
	bh_map_free(kept);
	return bridges;
}

static struct bh_compile_member *collect_members(const struct bh_core *core, size_t *count)
{
	struct bh_compile_member *members = NULL;
	const struct bh_host_link *link;
	size_t capacity = 0;

	*count = 0;
	for (size_t position = 0; (link = bh_model_next_link(core->model, &position)) != NULL;) {
		if (link->master_ifindex == 0)
			continue;
		members = bh_grow(members, &capacity, *count + 1, sizeof(*members));
		members[(*count)++] =
			(struct bh_compile_member) { .ifname = link->ifname,
						     .bridge = link->master_ifindex,
						     .uplink = bh_core_is_uplink(core, link) };
	}
	return members;
}

/* fact: NULL where the workload has no instance just now. */
static struct bh_compile_endpoint compile_endpoint(const struct bh_core *core,
						   const struct bh_instance *instance,
						   const struct bh_endpoint_fact *fact)
{
	uint16_t granted = 0;

	for (uint8_t i = 0; fact != NULL && i < fact->addr_count; i++)
		granted |= (uint16_t)(bh_instance_is_granted(instance, &fact->addrs[i]) << i);
	return (struct bh_compile_endpoint) { .fact = fact,
					      .granted = granted,
					      .workload = instance->workload,
					      .mode = bh_core_instance_mode(core, instance),
					      .apart = bh_shares_include(core->shares, core->model,
									 instance),
					      .labels = instance,
					      .label = instance_label };
}

/* Workloads of containers that are not there yet have their chains before them, so that what is
 * left to do when they come is to add their addresses. */
static bool is_to_come(const struct bh_core *core, const struct bh_instance *announced)
{
	return bh_core_mode(core, announced->workload) != BH_LEARN &&
	       instance_of(core, announced->workload) == NULL &&
	       bh_core_kept(core, announced->workload) == NULL;
}

static struct bh_ruleset *compile(struct bh_core *core)
{
	struct bh_compile_endpoint *endpoints = NULL;
	struct bh_compile_input input = { .policy = core->policy,
					  .posture = bh_core_posture(core),
					  .stateless = bh_core_is_stateless(core),
					  .sensitive = &core->config.sensitive };
	const struct bh_instance *instance;
	struct bh_postures postures;
	struct bh_announced announced;
	size_t capacity = 0;

	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;) {
		endpoints =
			bh_grow(endpoints, &capacity, input.endpoint_count + 1, sizeof(*endpoints));
		endpoints[input.endpoint_count++] =
			compile_endpoint(core, instance, &instance->fact);
	}
	bh_core_keep(core, bh_time_now());
	for (size_t position = 0; (instance = bh_core_kept_next(core, &position)) != NULL;) {
		endpoints =
			bh_grow(endpoints, &capacity, input.endpoint_count + 1, sizeof(*endpoints));
		endpoints[input.endpoint_count++] = compile_endpoint(core, instance, NULL);
	}
	bh_core_announced(core, &announced);
	for (size_t i = 0; i < announced.count; i++) {
		if (!is_to_come(core, &announced.items[i]))
			continue;
		endpoints =
			bh_grow(endpoints, &capacity, input.endpoint_count + 1, sizeof(*endpoints));
		endpoints[input.endpoint_count++] =
			compile_endpoint(core, &announced.items[i], NULL);
	}
	bh_core_postures(core, &announced, &postures);
	input.postures = postures.items;
	input.posture_count = postures.count;
	struct bh_bridge *bridges = collect_bridges(core, &announced, &input.bridge_count);
	struct bh_compile_member *members =
		input.stateless ? collect_members(core, &input.member_count) : NULL;
	struct bh_compile_name *names = bh_core_answers_compile(core, &input.name_count);
	input.names = names;
	input.endpoints = endpoints;
	input.bridges = bridges;
	input.members = members;
	struct bh_ruleset *rules = bh_compile(&input);
	bh_copy_text(rules->revision, sizeof(rules->revision), core->revision);
	free(names);
	free(endpoints);
	free(bridges);
	free(members);
	free(postures.items);
	free(announced.items);
	return rules;
}

static bool identity_is_known(const struct bh_core *core)
{
	return core->scanned && bh_core_runtimes_known(core);
}

static bool governs(const struct bh_core *core)
{
	const uint8_t *mode;

	for (size_t position = 0; (mode = bh_map_next(core->modes, &position)) != NULL;)
		if (*mode != BH_LEARN)
			return true;
	return false;
}

/* Nothing to enforce, and nothing that has to be taken back. */
static bool is_idle(const struct bh_core *core, const struct bh_ruleset *rules)
{
	return core->rules_sent_once && rules->chain_count == 0 && core->rules->chain_count == 0 &&
	       core->enforcement != BH_ENFORCEMENT_FAILED;
}

static void send_rules(struct bh_core *core)
{
	int64_t begun = bh_time_monotonic();

	/* A new version's first connection is to meet the rules of its deploy. */
	bh_core_learning_look(core, bh_time_now());
	bh_core_promotion_look(core, bh_time_now());
	bh_core_shares_look(core);
	struct bh_ruleset *rules = compile(core);

	rules->blank = !core->has_governed && !governs(core);
	bh_core_exceptions_compile(core, rules);
	core->rules_dirty = false;
	core->compiled_generation = bh_model_generation(core->model);
	if (is_idle(core, rules)) {
		bh_ruleset_free(rules);
		return;
	}
	if (core->keep_due)
		bh_core_flows_keep(core);
	core->keep_due = false;
	int sent = bh_rules_send(core->kernel, rules, core->serial_sent + 1);
	if (sent != 0) {
		bh_log(BH_LOG_ERROR, "rules cannot be sent: %s", strerror(-sent));
		bh_ruleset_free(rules);
		core->rules_dirty = true;
		return;
	}
	core->rules_sent_at = begun;
	bh_force_sent(core->force, rules,
		      &(struct bh_stance) { core->policy, core->revision, core->revision_number });
	core->serial_sent++;
	bh_core_existing_sent(core);
	core->rules_sent_once = true;
	if (core->enforcement == BH_ENFORCEMENT_OFF && rules->chain_count > 0)
		core->enforcement = BH_ENFORCEMENT_STARTING;
	bh_ruleset_free(core->rules);
	core->rules = rules;
}

static void on_settled(uv_timer_t *timer)
{
	struct bh_core *core = timer->data;

	/* One ruleset under way at a time; what changed meanwhile goes out with the next. None goes
	 * out any more where the kernel process has gone, and only last flows are heard. */
	if (core->kernel != NULL && core->rules_dirty && identity_is_known(core) &&
	    core->serial_sent == core->serial_done)
		send_rules(core);
}

void bh_core_rules_touch(struct bh_core *core)
{
	core->rules_dirty = true;
	if (uv_is_active((uv_handle_t *)&core->rules_timer))
		return;
	uv_update_time(&core->loop);
	uv_timer_start(&core->rules_timer, on_settled, core->settle_ms, 0);
}

/* The store that knew of them is gone, or is another one. */
static void describe_left(const struct bh_core *core, char *out, size_t size)
{
	snprintf(out, size,
		 "rules of an earlier run stand in the kernel, and %s/bulkhead.db knows of nobody "
		 "who audits or enforces: they are left as they are, and who comes now is not in "
		 "them. Put the file back and restart; or apply the policy and set the modes "
		 "(bulkhead policy apply, bulkhead mode), which replaces them; or bulkhead panic "
		 "takes them away",
		 core->config.state_directory);
}

static void note_failure(struct bh_core *core, const struct bh_msg_rules_result *result)
{
	char why[sizeof(core->enforcement_why)];

	bh_copy_text(why, sizeof(why), result->text);
	if (result->left)
		describe_left(core, why, sizeof(why));
	/* Said once, not with every retry. */
	if (core->enforcement != BH_ENFORCEMENT_FAILED || strcmp(core->enforcement_why, why) != 0)
		bh_core_event(core, "enforcement",
			      result->left    ? "%s"
			      : result->taken ? "the rules are in the kernel, and not every bridge "
						"is set to meet them: %s"
					      : "the kernel did not take the rules: %s; what stood "
						"before still stands",
			      why);
	core->enforcement = BH_ENFORCEMENT_FAILED;
	memcpy(core->enforcement_why, why, sizeof(core->enforcement_why));
}

static void note_success(struct bh_core *core, const struct bh_msg_rules_result *result)
{
	bool active = core->rules->chain_count > 0,
	     was = core->enforcement == BH_ENFORCEMENT_ACTIVE;

	core->has_governed = core->has_governed || active;
	core->enforcement = active ? BH_ENFORCEMENT_ACTIVE : BH_ENFORCEMENT_OFF;
	core->enforcement_why[0] = '\0';
	core->applied = bh_time_now();
	if (active && result->adopted)
		bh_core_event(core, "enforcement",
			      "the rules of an earlier run stand and were taken over");
	else if (active != was)
		bh_core_event(core, "enforcement",
			      active ? "rules are in the kernel"
				     : "no rules are in the kernel any more");
}

void bh_core_rules_result(struct bh_core *core, const struct bh_msg_rules_result *result)
{
	if (result->serial != core->serial_sent || core->rules == NULL)
		return;
	core->serial_done = result->serial;
	int64_t half = (bh_time_monotonic() - core->rules_sent_at) / 2000;
	core->settle_ms = half < SETTLE_MOST ? (uint64_t)half : SETTLE_MOST;
	if (result->taken)
		bh_core_exceptions_stand(core, result->adopted);
	if (result->code != 0) {
		note_failure(core, result);
		core->rules_dirty = true; /* again with the next second */
		return;
	}
	bh_force_confirmed(core->force, core->rules, bh_time_now());
	bh_core_window_confirmed(core, bh_time_now());
	note_success(core, result);
	bh_core_existing_confirmed(core);
	if (core->rules_dirty)
		bh_core_rules_touch(core);
}

/* --- policy and modes ------------------------------------------------------------------------- */

static void load_mode(void *user, const char *workload, uint8_t mode, int64_t time)
{
	struct bh_core *core = user;
	uint8_t *value = bh_calloc(1, 1);

	*value = mode;
	bh_map_put_text(core->modes, workload, value);
	bh_core_treated(core, workload, time);
	/* The rules of the run before may stand; until it is known who is who this run says so. */
	if (mode != BH_LEARN)
		core->enforcement = BH_ENFORCEMENT_STARTING;
}

int bh_core_rules_load(struct bh_core *core, struct bh_error *err)
{
	struct bh_revision revision;
	int result = bh_store_load_modes(core->store, load_mode, core, err);

	if (result == 0)
		result = bh_core_shares_load(core, err);
	if (result != 0)
		return result;
	result = bh_store_revision(core->store, 0, &revision, err);
	if (result == -ENOENT)
		return 0;
	if (result != 0)
		return result;
	core->policy =
		bh_policy_parse(revision.text, strlen(revision.text), "the stored policy", err);
	bh_copy_text(core->revision, sizeof(core->revision), revision.revision);
	core->revision_number = revision.number;
	free((void *)(uintptr_t)revision.text);
	bh_core_expiry_begin(core);
	return core->policy != NULL ? 0 : -EINVAL;
}

/* With it that it is on trial, or that none is any more. */
static int store_revision(struct bh_core *core, const char *text, const char *author,
			  const char *why, const struct bh_trial *trial, struct bh_error *err)
{
	struct bh_revision revision = { .number = core->revision_number + 1,
					.time = bh_time_now(),
					.confirmed = trial == NULL,
					.text = text };

	bh_copy_text(revision.revision, sizeof(revision.revision), core->revision);
	bh_copy_text(revision.author, sizeof(revision.author), author);
	bh_copy_text(revision.why, sizeof(revision.why), why);
	int result = bh_core_store_begin(core, err);
	if (result == 0)
		result = bh_store_add_revision(core->store, &revision, err);
	if (result == 0)
		result = bh_store_set_trial(core->store, trial, err);
	if (result == 0)
		result = bh_core_existing_save(core, err);
	return bh_core_store_end(core, result, err);
}

static int apply(struct bh_core *core, const char *text, const char *file, const char *author,
		 const char *why, const struct bh_trial *trial, size_t *changes,
		 struct bh_error *err)
{
	struct bh_policy *policy = bh_policy_parse(text, strlen(text), file, err);
	char before[sizeof(core->revision)];

	if (policy == NULL)
		return -EINVAL;
	*changes = bh_policy_diff(core->policy, policy, NULL, NULL);
	memcpy(before, core->revision, sizeof(before));
	bh_policy_revision(policy, core->revision);
	int result = store_revision(core, text, author, why, trial, err);
	if (result != 0) {
		memcpy(core->revision, before, sizeof(before));
		bh_policy_free(policy);
		return result;
	}
	core->revision_number++;
	bh_force_retire(core->force, core->policy);
	core->policy = policy;
	bh_core_expiry_begin(core);
	bh_core_trial_begin(core, trial);
	bh_core_existing_touch(core);
	bh_core_promotion_policy(core);
	bh_core_uses_policy(core);
	bh_core_event(core, "policy", "revision %lld (%.12s) applied by %s%s: %zu change%s%s%s",
		      (long long)core->revision_number, core->revision, author,
		      trial != NULL ? ", on trial" : "", *changes, *changes == 1 ? "" : "s",
		      *why != '\0' ? "; " : "", why);
	bh_core_rules_touch(core);
	return 0;
}

int bh_core_policy_apply(struct bh_core *core, const char *text, const char *file,
			 const char *author, const char *why, size_t *changes, struct bh_error *err)
{
	return apply(core, text, file, author, why, NULL, changes, err);
}

int bh_core_policy_try(struct bh_core *core, const char *text, const char *file, const char *author,
		       const char *why, int64_t within, uint32_t most, size_t *changes,
		       struct bh_error *err)
{
	/* Of two trials in a row the second goes back to where the first would have. */
	int64_t back =
		core->trial.stored.number != 0 ? core->trial.stored.back : core->revision_number;
	const struct bh_trial trial = { .number = core->revision_number + 1,
					.back = back,
					.deadline = bh_time_now() + within,
					.within = within,
					.most = most };

	if (back == 0)
		return bh_error_set(err, -ENOENT,
				    "there is no revision to go back to: the first one is not "
				    "tried, it is applied while every workload learns");
	return apply(core, text, file, author, why, &trial, changes, err);
}

int bh_core_policy_earlier(struct bh_core *core, int64_t *number, struct bh_error *err)
{
	*number = core->trial.stored.back;
	if (*number != 0)
		return 0;
	int result = bh_store_earlier_revision(core->store, core->revision_number, core->revision,
					       number, err);
	if (result == -ENOENT)
		result = bh_store_earlier_revision(core->store, core->revision_number, "", number,
						   err);
	if (result == -ENOENT)
		return bh_error_set(err, -ENOENT, "there is no earlier revision to go back to");
	return result;
}

int bh_core_policy_rollback(struct bh_core *core, int64_t number, const char *author,
			    const char *why, size_t *changes, struct bh_error *err)
{
	struct bh_revision revision;
	char reason[sizeof(revision.why)];
	struct bh_buffer whole = { 0 };

	int result = number == 0 ? bh_core_policy_earlier(core, &number, err) : 0;
	if (result != 0)
		return result;
	result = bh_store_revision(core->store, number, &revision, err);
	if (result == -ENOENT)
		return bh_error_set(err, -ENOENT, "there is no revision %lld", (long long)number);
	if (result != 0)
		return result;
	bh_buffer_printf(&whole, "rollback to %lld%s%s", (long long)number,
			 *why != '\0' ? ": " : "", why);
	bh_copy_text(reason, sizeof(reason), whole.data);
	bh_buffer_free(&whole);
	result = bh_core_policy_apply(core, revision.text, "the stored policy", author, reason,
				      changes, err);
	free((void *)(uintptr_t)revision.text);
	return result;
}

/* Whether any entry of the policy selects this workload. */
bool bh_core_is_selected(const struct bh_core *core, const char *workload)
{
	struct bh_peer peer;
	struct bh_subject subject;

	if (!bh_core_subject(core, workload, &peer, &subject))
		return false;
	for (size_t i = 0; i < core->policy->workload_count; i++) {
		struct bh_policy_peer entry = { .kind = BH_POLICY_WORKLOAD, .workload = i };

		if (bh_policy_peer_matches(core->policy, &entry, &subject))
			return true;
	}
	return false;
}

/* To refuse what no rule allows is to refuse clients whom nobody knows, too; a person has to say
 * that this is meant. */
static int check_masked(const struct bh_core *core, const char *workload, uint8_t mode,
			struct bh_error *err)
{
	struct bh_edge edge;
	char port[BH_PORT_TEXT];

	if (!bh_core_undecided(core, workload, mode, &edge))
		return 0;
	return bh_error_set(err, -EPERM,
			    "%s is reached on %s by somebody who is not known (%s), and the active "
			    "policy does not decide it; 'from: host, to: %s, ports: [%s]' lets in "
			    "whoever comes that way",
			    workload, bh_port_format(edge.proto, edge.port, port), edge.src->name,
			    workload, port);
}

/* What nobody sees answered, no rule by name lets through. */
static int check_names(const struct bh_core *core, const char *workload, struct bh_error *err)
{
	struct bh_buffer names = { 0 };
	int result = 0;

	if (bh_core_rules_unseen(core, workload, &names))
		result = bh_error_set(
			err, -EPERM,
			"%s goes to servers outside, and no DNS answer for it was seen: its rules "
			"by name (%s) would let nothing through. Have its names asked for from "
			"inside the container (dockerd --dns ADDRESS), or name addresses; bulkhead "
			"coverage says more",
			workload, names.data);
	bh_buffer_free(&names);
	return result;
}

int bh_core_mode_allowed(const struct bh_core *core, const char *workload, uint8_t mode,
			 struct bh_error *err)
{
	if (mode != BH_LEARN && core->policy == NULL)
		return bh_error_set(
			err, -EPERM,
			"there is no policy yet; first: bulkhead policy propose > policy.yaml, "
			"read it, bulkhead policy apply policy.yaml");
	if (mode != BH_LEARN && !bh_core_is_selected(core, workload))
		return bh_error_set(
			err, -EPERM,
			"the active policy does not name %s: %s would refuse everything it "
			"does; add it to the policy's workloads first",
			workload, bh_mode_name(mode));
	if (!bh_mode_refuses(mode))
		return 0;
	int result = check_masked(core, workload, mode, err);
	return result == 0 ? check_names(core, workload, err) : result;
}

/* Since when somebody would have seen what the policy denies it. */
static void note_audit(struct bh_core *core, const char *workload, uint8_t was, uint8_t mode,
		       int64_t now)
{
	struct bh_peer who = bh_peer_workload(workload);

	if (mode == BH_LEARN)
		bh_ledger_set_audited(core->ledger, &who, 0);
	else if (was == BH_LEARN)
		bh_ledger_set_audited(core->ledger, &who, now);
}

int bh_core_set_mode(struct bh_core *core, const char *workload, uint8_t mode,
		     const struct bh_share *share, const char *author, struct bh_error *err)
{
	uint8_t was = bh_core_mode_set(core, workload);
	char before[BH_SHARE_TEXT], after[BH_SHARE_TEXT];
	int64_t now = bh_time_now();

	if (bh_core_mode_allowed(core, workload, mode, err) != 0)
		return err->code;
	int result = bh_core_store_begin(core, err);
	if (result == 0)
		result = bh_store_set_mode(core->store, workload, mode, now, author, err);
	if (result == 0)
		result = bh_store_set_share(core->store, workload, share, err);
	if (result == 0)
		result = bh_core_existing_save(core, err);
	result = bh_core_store_end(core, result, err);
	if (result != 0)
		return result;
	core->keep_due = core->keep_due || (was == BH_LEARN && mode != BH_LEARN);
	bh_core_share_text(core, workload, before);
	load_mode(core, workload, mode, now);
	bh_shares_set(core->shares, workload, share);
	bh_core_existing_touch(core);
	note_audit(core, workload, was, mode, now);
	bh_core_share_text(core, workload, after);
	if (strcmp(before, after) != 0)
		bh_core_event(core, "mode", "%s: %s → %s by %s", workload, before, after, author);
	bh_core_rules_touch(core);
	return 0;
}

/* --- proposal --------------------------------------------------------------------------------- */

/* Compose's own labels where it has them, so that the file reads as its author thinks. */
static void propose_labels(void *user, const char *workload,
			   void (*add)(void *to, const char *key, const char *value), void *to)
{
	static const char *const compose[] = { "com.docker.compose.project",
					       "com.docker.compose.service" };
	const struct bh_instance *instance = instance_of(user, workload);

	if (strncmp(workload, "compose:", 8) != 0 || instance == NULL) {
		add(to, "bulkhead.workload", workload);
		return;
	}
	for (size_t i = 0; i < 2; i++)
		add(to, compose[i], bh_instance_label(instance, compose[i]));
}

static void propose_names(void *user, const struct bh_edge *edge, struct bh_edge_names *out)
{
	const struct bh_core *core = user;

	bh_called_get(core->called, edge->src->name, edge->dst->name, out);
}

/* Whoever applies what is proposed puts it in place of them. */
static void describe_own_rules(const struct bh_core *core, struct bh_buffer *out)
{
	size_t count = 0;

	for (size_t i = 0; core->policy != NULL && i < core->policy->rule_count; i++)
		count += core->policy->rules[i].edge_count == 0;
	if (count > 0)
		bh_buffer_printf(
			out,
			"\nRules of the active policy that a person wrote, and that are not "
			"in it as they stand there: %zu; copy those that are to stay "
			"(bulkhead policy show)",
			count);
}

struct bh_policy *bh_core_propose(struct bh_core *core)
{
	struct bh_filter_config filters = bh_core_filters(core);
	struct bh_proposed_edges proposed = { 0 };
	const char **workloads = NULL;
	size_t capacity = 0, count = 0;
	const struct bh_instance *instance;
	struct bh_buffer header = { 0 };

	bh_proposed_edges_collect(&proposed, core->ledger, &filters);
	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;) {
		if (instance->workload[0] == '\0')
			continue;
		workloads = bh_grow(workloads, &capacity, count + 1, sizeof(*workloads));
		workloads[count++] = instance->workload;
	}
	bh_proposed_edges_describe(&proposed, "bulkhead review", &header);
	bh_core_describe_masked(core, &header);
	describe_own_rules(core, &header);
	bh_propose_wider(proposed.edges, proposed.count, &header);
	struct bh_propose_input input = { .edges = proposed.edges,
					  .edge_count = proposed.count,
					  .workloads = workloads,
					  .workload_count = count,
					  .labels = propose_labels,
					  .names = propose_names,
					  .groups = bh_core_groups,
					  .sensitive = bh_core_port_is_sensitive,
					  .user = core,
					  .header = header.data };
	struct bh_policy *policy = bh_propose(&input);
	bh_buffer_free(&header);
	free(proposed.edges);
	free(workloads);
	return policy;
}
