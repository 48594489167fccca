/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_existing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_api.h"
#include "core_exceptions.h"
#include "core_posture.h"
#include "core_share.h"
#include "grow.h"
#include "protocol.h"
#include "ruleset.h"

#define FRESH BH_SECOND /* of what was read for a preview */
#define MOST_SAID 50	/* groups of cuts of one change that are told one by one */

void bh_core_existing_start(struct bh_core *core)
{
	struct bh_core_existing *e = bh_calloc(1, sizeof(*e));

	e->settled.modes = bh_map_new(free);
	e->exceptions = bh_core_exceptions_new();
	core->existing = e;
}

void bh_core_existing_free(struct bh_core *core)
{
	struct bh_core_existing *e = core->existing;

	for (size_t i = 0; i < e->step_count; i++)
		bh_past_force_clear(&e->steps[i].before);
	bh_past_force_clear(&e->settled);
	bh_past_force_clear(&e->now);
	bh_map_free(e->groups);
	bh_core_exceptions_free(e->exceptions);
	free(e->steps);
	free(e->entries);
	free(e->cutting);
	free(e);
	core->existing = NULL;
}

/* Changes that follow each other closely are looked at together: who was to be kept by one of them
 * is not cut by the other. */
void bh_core_existing_want(struct bh_core *core, const struct bh_existing *existing)
{
	struct bh_core_existing *e = core->existing;
	const struct bh_existing *next = existing != NULL ? existing : &core->config.existing;

	if (e->made != e->looked) {
		e->wanted = bh_existing_milder(e->says ? &e->wanted : &core->config.existing, next);
		e->says = true;
		return;
	}
	e->says = existing != NULL;
	e->wanted = *next;
}

void bh_core_existing_touch(struct bh_core *core)
{
	core->existing->made++;
}

void bh_core_existing_sent(struct bh_core *core)
{
	core->existing->sent = core->existing->made;
}

struct bh_policy *bh_core_policy_of(const struct bh_core *core, int64_t number, int64_t time,
				    struct bh_error *err)
{
	struct bh_revision revision;

	int result = number == 0 ? -ENOENT : bh_store_revision(core->store, number, &revision, err);
	if (result == -ENOENT)
		bh_error_set(err, -ENOENT, "there is no revision %lld", (long long)number);
	if (result != 0)
		return NULL;
	struct bh_policy *policy =
		bh_policy_parse(revision.text, strlen(revision.text), "the stored policy", err);
	free((void *)(uintptr_t)revision.text);
	if (policy != NULL)
		bh_policy_set_time(policy, time);
	return policy;
}

/* --- asking ----------------------------------------------------------------------------------- */

static void ask(struct bh_core *core)
{
	struct bh_core_existing *e = core->existing;

	if (core->kernel == NULL || e->asked)
		return;
	e->asked = bh_channel_send(core->kernel, BH_MSG_ENTRIES_GET, NULL, 0, NULL, 0, -1) == 0;
	e->asked_confirmed = e->confirmed;
	e->entry_count = 0;
	e->heard = 0;
}

bool bh_core_existing_waits(struct bh_core *core, struct bh_api_reply *reply)
{
	const struct bh_core_existing *e = core->existing;

	if (e->heard != 0 && bh_time_monotonic() - e->heard < FRESH)
		return false;
	ask(core);
	reply->wait = e->asked;
	return e->asked;
}

void bh_core_entries(struct bh_core *core, const struct bh_tracked *entries, size_t count)
{
	struct bh_core_existing *e = core->existing;

	if (count == 0)
		return;
	e->entries = bh_grow(e->entries, &e->entry_capacity, e->entry_count + count,
			     sizeof(*e->entries));
	memcpy(e->entries + e->entry_count, entries, count * sizeof(*entries));
	e->entry_count += count;
}

/* Nothing that was changed since is on its way. */
static bool rules_stand(const struct bh_core_existing *e)
{
	return e->confirmed != 0 && e->made == e->confirmed;
}

void bh_core_existing_confirmed(struct bh_core *core)
{
	struct bh_core_existing *e = core->existing;

	e->confirmed = e->sent;
	if (e->looked == e->confirmed || !rules_stand(e))
		return;
	e->due = true;
	ask(core);
}

static bool is_over(const struct bh_step *step)
{
	return step->existing.how == BH_EXISTING_CUT ||
	       (step->existing.how == BH_EXISTING_DRAIN && bh_time_monotonic() >= step->due);
}

/* Whether one is. */
static bool mark_over(struct bh_core_existing *e)
{
	bool any = false;

	for (size_t i = 0; i < e->step_count; i++) {
		e->steps[i].over = is_over(&e->steps[i]);
		any = any || e->steps[i].over;
	}
	return any;
}

/* --- looking ---------------------------------------------------------------------------------- */

/* A change, while connections are looked at: one of the steps, or the latest. */
struct look_step {
	struct bh_step *step;
	struct bh_policy *policy; /* before it */
	bool cuts;
	size_t count, either, uncertain;
	size_t not_kept; /* on stateless bridges: cut, though it cuts nothing */
	char why[512];	 /* of one that is uncertain */
};

struct look {
	struct bh_core *core;
	struct look_step *steps; /* the latest one last */
	size_t count;
	bool changed; /* the last of them is new */
	struct bh_map *passing;
};

/* Who comes is treated as those that are in no share, also where there are none just now. */
static void take_chain(const struct bh_core *core, struct bh_past_force *past,
		       const struct bh_chain *chain)
{
	bh_past_force_set_mode(past, chain->workload, "",
			       bh_shares_mildest(core->shares, chain->workload, chain->mode));
}

/* As it stands in the kernel. */
static void take_instance(const struct bh_core *core, struct bh_past_force *past,
			  const struct bh_instance *instance)
{
	struct bh_bound bound;

	if (bh_core_share(core, instance->workload) != NULL &&
	    bh_force_port(core->force, instance->fact.ifname, &bound) &&
	    strcmp(bound.workload, instance->workload) == 0 &&
	    bound.mode > bh_past_force_mode(past, instance->workload, ""))
		bh_past_force_set_mode(past, instance->workload, instance->name, bound.mode);
}

static void take_force(const struct bh_core *core, struct bh_past_force *past)
{
	const struct bh_instance *instance;

	bh_past_force_clear(past);
	past->number = core->revision_number;
	past->time = bh_time_now();
	past->posture = bh_core_posture(core);
	past->modes = bh_map_new(free);
	for (size_t i = 0; core->rules != NULL && i < core->rules->chain_count; i++)
		take_chain(core, past, &core->rules->chains[i]);
	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		take_instance(core, past, instance);
}

/* What was settled becomes what was before the change. */
static void add_step(struct bh_core *core)
{
	struct bh_core_existing *e = core->existing;
	struct bh_step step = { .before = e->settled,
				.existing = e->says ? e->wanted : core->config.existing };

	e->settled = (struct bh_past_force) { .modes = bh_map_new(free) };
	step.until = bh_time_now() + step.existing.drain;
	step.due = bh_time_monotonic() + step.existing.drain;
	e->steps = bh_grow(e->steps, &e->step_capacity, e->step_count + 1, sizeof(*e->steps));
	e->steps[e->step_count++] = step;
}

static void begin_look(struct look *look)
{
	struct bh_core_existing *e = look->core->existing;

	look->changed = e->looked != e->confirmed;
	if (look->changed)
		add_step(look->core);
	mark_over(e);
	look->count = e->step_count;
	look->steps = bh_calloc(look->count + 1, sizeof(*look->steps));
	for (size_t i = 0; i < look->count; i++) {
		struct bh_step *step = &e->steps[i];

		look->steps[i] = (struct look_step) { .step = step,
						      .policy = bh_core_policy_of(
							      look->core, step->before.number,
							      step->before.time, NULL),
						      .cuts = step->over };
	}
}

struct bh_cut_group *bh_cut_group_like(struct bh_map *groups, const struct bh_cut_group *like)
{
	char key[2 * BH_PEER_NAME + 32];

	snprintf(key, sizeof(key), "%s\n%s\n%u\n%u\n%d", like->src.name, like->dst.name,
		 like->proto, like->port, like->drained);
	struct bh_cut_group *group = bh_map_get_text(groups, key);
	if (group != NULL)
		return group;
	group = bh_calloc(1, sizeof(*group));
	*group = *like;
	group->count = 0;
	bh_map_put_text(groups, key, group);
	return group;
}

struct bh_cut_group *bh_cut_group_of(struct bh_map *groups, const struct bh_open *open,
				     const struct bh_answer *answer, bool drained)
{
	const struct bh_cut_group like = { .src = open->src,
					   .dst = open->dst,
					   .proto = open->key.proto,
					   .port = open->key.dport,
					   .drained = drained,
					   .answer = *answer };

	return bh_cut_group_like(groups, &like);
}

/* told: it is counted already. */
static void cut_later(struct bh_core_existing *e, const struct bh_open *open,
		      const struct bh_answer *answer, bool drained, bool told)
{
	struct bh_cut_group *group = bh_cut_group_of(e->groups, open, answer, drained);

	e->cutting = bh_grow(e->cutting, &e->cutting_capacity, e->cutting_count + 1,
			     sizeof(struct bh_cut_group *));
	e->cutting[e->cutting_count++] = group;
	group->count += !told;
}

/* The last change before which it was allowed; NULL: none, it goes on for another reason. */
static struct look_step *step_for(const struct look *look, struct bh_open *open, enum bh_fate now)
{
	for (size_t i = look->count; i-- > 0;) {
		struct look_step *s = &look->steps[i];
		const struct bh_view_of before = { .policy = s->policy, .past = &s->step->before };
		struct bh_answer ignored;

		if (bh_existing_is_worse(bh_open_fate(look->core, open, &before, &ignored), now))
			return s;
	}
	return NULL;
}

/* Whether it is to be cut. */
static bool look_at(struct look *look, const struct bh_tracked *entry)
{
	const struct bh_view_of now = { .policy = look->core->policy };
	struct bh_answer answer;
	struct bh_open open;

	enum bh_fate fate = bh_open_judge(look->core, entry, &now, look->passing, &open, &answer);
	struct look_step *s = fate != BH_FATE_PASSES ? step_for(look, &open, fate) : NULL;
	if (s == NULL)
		return false;
	bool told = bh_core_exceptions_meet(look->core, &entry->original);
	s->either += fate == BH_FATE_EITHER && !told;
	if (fate == BH_FATE_UNCERTAIN && !told && s->uncertain++ == 0)
		bh_copy_text(s->why, sizeof(s->why), answer.reason);
	if (fate != BH_FATE_ENDS)
		return false;
	s->count += !told;
	if (s->cuts)
		cut_later(look->core->existing, &open, &answer,
			  s->step->existing.how == BH_EXISTING_DRAIN, told);
	return s->cuts;
}

/* --- telling ---------------------------------------------------------------------------------- */

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static void tell_change(struct bh_core *core, const struct look_step *s)
{
	char until[BH_TIME_TEXT];

	if (s->count > 0 && s->step->existing.how == BH_EXISTING_DRAIN && !s->cuts)
		bh_core_event(core, "cut",
			      "%zu open connection%s that the rules deny now will be cut at %s",
			      s->count, plural(s->count), bh_time_format(s->step->until, until));
	if (s->count > 0 && s->step->existing.how == BH_EXISTING_KEEP)
		bh_core_event(
			core, "cut",
			"%zu open connection%s that the rules deny now go%s on until %s end%s",
			s->count, plural(s->count), s->count == 1 ? "es" : "",
			s->count == 1 ? "it" : "they", s->count == 1 ? "s" : "");
	if (s->either > 0)
		bh_core_event(core, "cut",
			      "%zu open connection%s go%s on, though no rule allows to open %s: a "
			      "rule lets the other end do so, and of an open one nobody can tell",
			      s->either, plural(s->either), s->either == 1 ? "es" : "",
			      s->either == 1 ? "it" : "them");
	if (s->uncertain > 0)
		bh_core_event(
			core, "cut",
			"%zu open connection%s cannot be judged and %s not cut%s, such as: %s",
			s->uncertain, plural(s->uncertain), s->uncertain == 1 ? "is" : "are",
			bh_core_is_stateless(core)
				? " (a stateless bridge refuses what its rules do not let pass)"
				: "",
			s->why);
	if (s->not_kept > 0)
		bh_core_event(
			core, "cut",
			"%zu open connection%s on a stateless bridge %s cut all the same: there "
			"TCP, UDP and SCTP can go on, and no more than %d at a time",
			s->not_kept, plural(s->not_kept), s->not_kept == 1 ? "is" : "are",
			BH_EXCEPTIONS_MOST);
}

static void tell_unread(struct bh_core *core)
{
	const struct bh_core_existing *e = core->existing;

	if (e->end.left_out > 0)
		bh_core_event(core, "cut",
			      "%u open connections were not looked at, for there are too many; "
			      "those that the rules deny now go on",
			      e->end.left_out);
}

static cJSON *group_json(const struct bh_cut_group *g)
{
	cJSON *json = cJSON_CreateObject();
	char proto[BH_PROTOCOL_TEXT];

	cJSON_AddStringToObject(json, "proto", bh_protocol_format(g->proto, proto));
	cJSON_AddNumberToObject(json, "port", g->port);
	bh_core_add_text(json, "src", g->src.name);
	bh_core_add_text(json, "dst", g->dst.name);
	cJSON_AddNumberToObject(json, "connections", (double)g->count);
	cJSON_AddNumberToObject(json, "failed", (double)g->failed);
	cJSON_AddStringToObject(json, "how", g->drained ? "drained" : "cut");
	bh_core_add_text(json, "side",
			 g->answer.workload != NULL ? bh_side_name(g->answer.side) : NULL);
	cJSON_AddStringToObject(json, "reason", g->answer.reason);
	return json;
}

static void tell_group(struct bh_core *core, const struct bh_cut_group *g)
{
	char port[BH_PORT_TEXT], text[1600], more[160] = "";

	if (g->failed > 0)
		snprintf(more, sizeof(more), "; %zu of them could not be, and go%s on: %s",
			 g->failed, g->failed == 1 ? "es" : "", strerror(-g->code));
	snprintf(text, sizeof(text), "%s → %s %s: %zu open connection%s cut%s%s: %s", g->src.name,
		 g->dst.name, bh_port_format(g->proto, g->port, port), g->count, plural(g->count),
		 g->drained ? ", the time to drain is over" : "", more, g->answer.reason);
	bh_core_event_json(core, "cut", text, group_json(g));
}

void bh_cut_groups_tell(struct bh_core *core, const struct bh_map *cuts)
{
	const struct bh_cut_group *g;
	size_t said = 0, connections = 0, failed = 0, groups = 0;

	for (size_t position = 0; (g = bh_map_next(cuts, &position)) != NULL;) {
		if (said++ < MOST_SAID) {
			tell_group(core, g);
			continue;
		}
		groups++;
		connections += g->count;
		failed += g->failed;
	}
	if (groups > 0)
		bh_core_event(core, "cut",
			      "%zu more open connections over %zu edges were cut; %zu of them "
			      "could not be",
			      connections, groups, failed);
}

/* --- being done ------------------------------------------------------------------------------- */

/* What is kept matters as long as something of an older change drains: it is none of that. */
static bool is_done(const struct bh_step *step, bool first)
{
	return step->over || step->count + step->unsure == 0 ||
	       (step->existing.how == BH_EXISTING_KEEP && first);
}

static void drop_done(struct bh_core_existing *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->step_count; i++) {
		if (is_done(&e->steps[i], kept == 0))
			bh_past_force_clear(&e->steps[i].before);
		else
			e->steps[kept++] = e->steps[i];
	}
	e->step_count = kept;
}

static void write_down(struct bh_core *core)
{
	struct bh_error err = { 0 };

	drop_done(core->existing);
	bh_core_store_write(core);
	if (bh_core_existing_save(core, &err) != 0)
		bh_core_store_failed(core, &err);
}

/* Everything that follows from the change is done; it is not done again. */
static void settle(struct bh_core *core)
{
	struct bh_core_existing *e = core->existing;

	bh_past_force_clear(&e->settled);
	e->settled = e->now;
	e->now = (struct bh_past_force) { .modes = NULL };
	e->says = e->says && e->made != e->looked;
	write_down(core);
}

void bh_core_existing_tick(struct bh_core *core)
{
	struct bh_core_existing *e = core->existing;

	bh_core_exceptions_tick(core);
	if (e->groups != NULL)
		return;
	bool over = mark_over(e), off = core->enforcement == BH_ENFORCEMENT_OFF;
	e->due = e->due || (over && !off);
	/* While everybody learns nothing is refused any more. */
	if (over && off)
		write_down(core);
	else if (e->due && rules_stand(e))
		ask(core);
}

static void end_cut(struct bh_core *core)
{
	struct bh_core_existing *e = core->existing;

	bh_cut_groups_tell(core, e->groups);
	bh_map_free(e->groups);
	e->groups = NULL;
	e->cutting_count = e->cut_done = 0;
	settle(core);
}

void bh_core_cut_of(struct bh_core *core, const struct bh_cut *cuts, size_t count)
{
	struct bh_core_existing *e = core->existing;

	for (size_t i = 0; i < count && e->cut_done < e->cutting_count; i++) {
		struct bh_cut_group *g = e->cutting[e->cut_done++];

		if (cuts[i].code == 0 || cuts[i].code == -ENOENT)
			continue;
		g->failed++;
		g->code = cuts[i].code;
	}
	if (e->groups != NULL && e->cut_done == e->cutting_count)
		end_cut(core);
}

static bool send_cuts(struct bh_core *core, const struct bh_cut *cuts, size_t count)
{
	const size_t most = BH_CHANNEL_ROOM(sizeof(*cuts));
	int result = core->kernel != NULL ? 0 : -EPIPE;

	for (size_t at = 0; result == 0 && at < count; at += most) {
		size_t some = count - at < most ? count - at : most;

		result = bh_channel_send(core->kernel, BH_MSG_CUT, cuts + at, some * sizeof(*cuts),
					 NULL, 0, -1);
	}
	if (result == 0)
		result = bh_channel_send(core->kernel, BH_MSG_CUT_END, NULL, 0, NULL, 0, -1);
	return result == 0;
}

/* The kernel process is not there, or does not take it. */
static void fail_cuts(struct bh_core_existing *e)
{
	for (; e->cut_done < e->cutting_count; e->cut_done++) {
		e->cutting[e->cut_done]->failed++;
		e->cutting[e->cut_done]->code = -EPIPE;
	}
}

static struct bh_cut *collect_cuts(struct look *look, size_t *count)
{
	const struct bh_core_existing *e = look->core->existing;
	struct bh_cut *cuts = NULL;
	size_t capacity = 0;

	*count = 0;
	for (size_t i = 0; i < e->entry_count; i++) {
		if (!look_at(look, &e->entries[i]))
			continue;
		cuts = bh_grow(cuts, &capacity, *count + 1, sizeof(*cuts));
		memset(&cuts[*count], 0, sizeof(*cuts));
		cuts[*count].original = e->entries[i].original;
		cuts[(*count)++].id = e->entries[i].id;
	}
	return cuts;
}

/* What goes on on stateless bridges, or ended there, by the steps that say so. */
static void add_exceptions(struct look *look)
{
	struct look_step *last = look->changed ? &look->steps[look->count - 1] : NULL;
	struct bh_exceptions_told told = { 0 };

	if (last != NULL) {
		/* What was opened while the rules were on their way. */
		if (bh_core_exceptions_decide(look->core, &last->step->before))
			bh_core_rules_touch(look->core);
		bh_core_exceptions_settle(look->core, last->step, look->core->existing->groups,
					  &told);
	}
	for (size_t i = 0; i < look->count; i++)
		if (look->steps[i].step->existing.how == BH_EXISTING_DRAIN)
			look->steps[i].count +=
				bh_core_exceptions_draining(look->core, look->steps[i].step->until);
	if (last == NULL)
		return;
	if (last->step->existing.how == BH_EXISTING_KEEP)
		last->count += told.goes_on;
	last->either += told.either;
	last->not_kept = told.not_kept;
}

static void end_look(struct look *look)
{
	struct bh_core_existing *e = look->core->existing;
	bool any = false;

	add_exceptions(look);
	for (size_t i = 0; i < look->count; i++) {
		struct look_step *s = &look->steps[i];
		bool news = s->cuts || (look->changed && i == look->count - 1);

		s->step->count = s->count;
		s->step->unsure = s->either + s->uncertain + e->end.left_out;
		if (news)
			tell_change(look->core, s);
		any = any || news;
		bh_policy_free(s->policy);
	}
	if (any)
		tell_unread(look->core);
	e->looked = e->confirmed;
	free(look->steps);
	bh_map_free(look->passing);
}

static void look(struct bh_core *core)
{
	struct bh_core_existing *e = core->existing;
	struct look look = { .core = core, .passing = bh_map_new(NULL) };
	size_t count;

	e->due = false;
	e->groups = bh_map_new(free);
	begin_look(&look);
	struct bh_cut *cuts = collect_cuts(&look, &count);
	end_look(&look);
	take_force(core, &e->now);
	if (count > 0 && !send_cuts(core, cuts, count))
		fail_cuts(e);
	if (e->cut_done == e->cutting_count)
		end_cut(core);
	free(cuts);
}

static bool was_read(struct bh_core *core)
{
	struct bh_core_existing *e = core->existing;

	if (e->end.code != 0 && !e->failing)
		bh_core_event(core, "cut",
			      "open connections cannot be looked at: %s; those that the rules deny "
			      "now go on until that succeeds",
			      strerror(-e->end.code));
	e->failing = e->end.code != 0;
	return !e->failing;
}

void bh_core_entries_end(struct bh_core *core, const struct bh_msg_entries_end *end)
{
	struct bh_core_existing *e = core->existing;

	e->asked = false;
	e->end = *end;
	e->heard = bh_time_monotonic();
	/* What was read before the rules stood does not have what came since. */
	if (e->due && rules_stand(e) && e->groups == NULL && e->asked_confirmed == e->confirmed &&
	    was_read(core))
		look(core);
	else if (e->due && rules_stand(e) && e->asked_confirmed != e->confirmed)
		ask(core);
	if (core->api != NULL)
		bh_api_retry(core->api);
}

cJSON *bh_core_existing_json(const struct bh_core *core)
{
	const struct bh_core_existing *e = core->existing;
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < e->step_count; i++) {
		const struct bh_step *step = &e->steps[i];

		if (step->existing.how != BH_EXISTING_DRAIN)
			continue;
		cJSON *row = cJSON_CreateObject();
		bh_core_add_time(row, "until", bh_time_now() + step->due - bh_time_monotonic());
		cJSON_AddNumberToObject(row, "connections", (double)step->count);
		cJSON_AddItemToArray(list, row);
	}
	return list;
}
