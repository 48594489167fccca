/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From learning to enforcement, and back. What bulkhead proposed is asked for its evidence before a
 * workload is treated more strictly; a policy that a person wrote is that person's word. After a
 * deploy an enforced workload is treated as in stage 1 for two windows, and as long as something
 * that it was first denied in them waits for a person.
 */
#include "core_promotion.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core_share.h"
#include "filters.h"
#include "grow.h"
#include "ledger_keep.h"
#include "peer.h"
#include "promotion.h"
#include "protocol.h"
#include "core_existing.h"
#include "core_guard.h"
#include "ruleset.h"
#include "timefmt.h"

#define DEPLOY_AUDIT 2 /* windows */
#define LOOKS 20       /* in a window: who is ready, what expired */
#define LONGEST (10 * 60 * BH_SECOND)
#define APPROVALS 3	   /* of what was denied, within … */
#define APPROVALS_WITHIN 7 /* windows: then it is audited again */

struct treatment {
	int64_t since;	/* µs: when the mode was set */
	int64_t deploy; /* that it is relaxed for; 0: it is not */
	int64_t over;	/* the deploy that it is relaxed for no more */
	uint8_t ready;	/* the mode that it was last said to be ready for */
	bool waits;	/* it was said that what it was denied since the deploy waits */
};

static struct treatment *treatment_of(struct bh_core *core, const char *workload)
{
	struct treatment *t = bh_map_get_text(core->treatments, workload);

	if (t == NULL) {
		t = bh_calloc(1, sizeof(*t));
		bh_map_put_text(core->treatments, workload, t);
	}
	return t;
}

void bh_core_treated(struct bh_core *core, const char *workload, int64_t since)
{
	struct treatment *t = treatment_of(core, workload);

	*t = (struct treatment) { .since = since };
}

bool bh_core_is_relaxed(const struct bh_core *core, const char *workload)
{
	const struct treatment *t = bh_map_get_text(core->treatments, workload);

	return t != NULL && t->deploy != 0;
}

size_t bh_core_relaxed_for_review(const struct bh_core *core)
{
	const struct treatment *t;
	size_t count = 0;

	for (size_t position = 0; (t = bh_map_next(core->treatments, &position)) != NULL;)
		count += t->deploy != 0 && t->waits;
	return count;
}

static struct bh_question question_of(const struct bh_core *core, const struct bh_edge *edge)
{
	struct bh_question question = { .proto = edge->proto,
					.port = edge->port,
					.sensitive = &core->config.sensitive };

	bh_core_peer_subject(core, edge->src, &question.src);
	bh_core_peer_subject(core, edge->dst, &question.dst);
	return question;
}

static bool has_own_rules(const struct bh_policy *policy)
{
	for (size_t i = 0; policy != NULL && i < policy->rule_count; i++)
		if (policy->rules[i].edge_count == 0)
			return true;
	return false;
}

/* By a rule of a person's own: one that names no edges. */
static bool is_ruled(void *user, const struct bh_edge *edge)
{
	const struct bh_core *core = user;
	const struct bh_policy *policy = core->policy;
	struct bh_question question = question_of(core, edge);
	struct bh_answer answer;

	bh_policy_evaluate(policy, &question, &answer);
	for (size_t i = 0; answer.verdict == BH_ALLOW && i < policy->rule_count; i++)
		if (policy->rules[i].edge_count == 0 && bh_policy_rule_allows(policy, i, &question))
			return true;
	return false;
}

static bool is_allowed(const struct bh_core *core, const struct bh_edge *edge)
{
	struct bh_question question = question_of(core, edge);
	struct bh_answer answer;

	bh_policy_evaluate(core->policy, &question, &answer);
	return answer.verdict == BH_ALLOW;
}

/* That it was denied is forgotten, not when: its audit begins anew with that. */
static void audit_from(struct bh_core *core, const struct bh_peer *who, int64_t time)
{
	int64_t audited = who->kind == BH_PEER_WORKLOAD ? bh_ledger_audited(core->ledger, who) : 0;

	if (audited != 0 && time > audited)
		bh_ledger_set_audited(core->ledger, who, time);
}

static void drop_if_allowed(void *user, const struct bh_edge *edge)
{
	struct bh_core *core = user;

	if (!is_allowed(core, edge))
		return;
	audit_from(core, edge->src, edge->last);
	audit_from(core, edge->dst, edge->last);
	bh_ledger_forget(core->ledger, BH_OPPOSED, edge);
}

struct provisional {
	const struct bh_core *core;
	const struct bh_filter_config filters;
	size_t count;
};

static void count_provisional(void *user, const struct bh_edge *edge)
{
	struct provisional *p = user;
	struct bh_judgement judged = bh_judge(p->core->ledger, &p->filters, BH_EDGES, edge);

	p->count += judged.provisional && is_allowed(p->core, edge);
}

void bh_core_promotion_policy(struct bh_core *core)
{
	struct provisional p = { core, bh_core_filters(core), 0 };

	bh_ledger_each(core->ledger, BH_OPPOSED, drop_if_allowed, core);
	bh_ledger_each(core->ledger, BH_EDGES, count_provisional, &p);
	if (p.count > 0)
		bh_core_event(core, "review",
			      "%zu edge%s that the policy allows %s seen in one window only: in it "
			      "for the time being, and a person's to decide (bulkhead review)",
			      p.count, p.count == 1 ? "" : "s", p.count == 1 ? "was" : "were");
}

struct bh_filter_config bh_core_filters(const struct bh_core *core)
{
	/* Nobody is asked for each edge where the answer is known. */
	return (struct bh_filter_config) { .sensitive = &core->config.sensitive,
					   .off = (uint32_t)core->config.filters_off,
					   .ruled = has_own_rules(core->policy) ? is_ruled : NULL,
					   .user = (void *)(uintptr_t)core };
}

struct bh_readiness *bh_core_readiness(const struct bh_core *core)
{
	const struct bh_filter_config filters = bh_core_filters(core);

	struct bh_readiness *r = bh_readiness_new(core->ledger, &filters);

	bh_core_nameless_mark(core, r);
	return r;
}

/* --- whose word the policy is ----------------------------------------------------------------- */

static bool speaks_of(const struct bh_policy *policy, const struct bh_policy_rule *rule,
		      const struct bh_subject *subject)
{
	return bh_policy_peers_match(policy, &rule->from, subject) ||
	       bh_policy_peers_match(policy, &rule->to, subject);
}

/* Rules that were proposed name the edges that they came from. Of whom no rule speaks, a proposal
 * found nothing to say: that is its word as well, and no person's. */
static bool rests_on_learning(const struct bh_core *core, const char *workload)
{
	const struct bh_policy *policy = core->policy;
	struct bh_subject subject;
	struct bh_peer peer;
	bool proposed = false, written = false;

	if (policy == NULL || !bh_core_subject(core, workload, &peer, &subject))
		return false;
	for (size_t i = 0; i < policy->rule_count; i++) {
		bool spoken_of = speaks_of(policy, &policy->rules[i], &subject);

		if (spoken_of && policy->rules[i].edge_count > 0)
			return true;
		proposed = proposed || policy->rules[i].edge_count > 0;
		written = written || spoken_of;
	}
	return proposed && !written;
}

/* --- what is missing -------------------------------------------------------------------------- */

/* Of whom nobody knows who he is, in which modes. */
static uint8_t masked_in(const struct bh_core *core, const char *workload)
{
	struct bh_edge edge;
	uint8_t modes = 0;

	for (uint8_t mode = BH_STAGE1; mode <= BH_ENFORCE; mode++)
		if (core->policy == NULL || bh_core_undecided(core, workload, mode, &edge))
			modes |= (uint8_t)(1u << mode);
	return modes;
}

static void add_policy(const struct bh_core *core, const char *workload,
		       struct bh_standing *standing)
{
	const struct bh_workload_readiness *w = standing->readiness;

	standing->unselected = core->policy != NULL && !bh_core_is_selected(core, workload);
	standing->masked = w != NULL && w->masked > 0 ? masked_in(core, workload) : 0;
	standing->unnamed = w != NULL && w->nameless && bh_core_has_names(core, workload);
}

void bh_core_standing(void *user, const char *workload, uint8_t *mode, struct bh_standing *standing)
{
	const struct bh_core *core = user;
	struct bh_peer who = bh_peer_workload(workload);
	const struct treatment *t = bh_map_get_text(core->treatments, workload);

	*mode = bh_core_mode_floor(core, workload);
	standing->audited = bh_ledger_audited(core->ledger, &who);
	/* Who was audited before that was kept, or when it could not be, is at least since then. */
	if (standing->audited == 0 && *mode != BH_LEARN && t != NULL)
		standing->audited = t->since;
	standing->must_audit = true;
	standing->schedule = bh_core_schedule(core, workload);
	standing->watched = bh_core_watched(core);
	add_policy(core, workload, standing);
}

/* What bh_core_mode_allowed() says with more words. */
#define LACKS_OF_POLICY                                                                            \
	(UINT32_C(1) << BH_LACK_POLICY | UINT32_C(1) << BH_LACK_MASKED |                           \
	 UINT32_C(1) << BH_LACK_NAMES)

/* Of one that opened no connection, and was not there, everything is missing. */
static uint32_t lacks(const struct bh_core *core, const struct bh_readiness *r,
		      const char *workload, uint8_t mode, struct bh_buffer *words)
{
	static const struct bh_workload_readiness nothing;
	struct bh_standing standing = { .now = bh_ledger_now(core->ledger),
					.window = core->config.window,
					.offset = core->config.window_offset };
	uint8_t now;

	standing.readiness = bh_readiness_find(r, workload);
	if (standing.readiness == NULL)
		standing.readiness = &nothing;
	bh_core_standing((void *)(uintptr_t)core, workload, &now, &standing);
	uint32_t bits = bh_promotion_lacks(&standing, mode);
	if (words != NULL)
		bits &= ~LACKS_OF_POLICY;
	for (enum bh_lack lack = 0; words != NULL && lack < BH_LACKS; lack++) {
		if ((bits >> lack & 1) == 0)
			continue;
		bh_buffer_puts(words, words->length > 0 ? "; " : "");
		bh_promotion_explain(&standing, mode, lack, words);
	}
	return bits;
}

int bh_core_promotion_check(const struct bh_core *core, const struct bh_readiness *readiness,
			    const char *workload, uint8_t mode, const struct bh_share *share,
			    struct bh_error *err)
{
	struct bh_buffer words = { 0 };
	int result = 0;

	if (!bh_core_share_is_stricter(core, workload, mode, share) ||
	    !rests_on_learning(core, workload))
		return 0;
	if (lacks(core, readiness, workload, mode, &words) != 0)
		result = bh_error_set(err, -EAGAIN, "%s is not ready for %s: %s", workload,
				      bh_mode_name(mode), words.data);
	bh_buffer_free(&words);
	return result;
}

/* --- after a deploy --------------------------------------------------------------------------- */

struct waiting {
	const struct bh_core *core;
	const char *workload;
	int64_t from, until;
	size_t count;
};

static void count_waiting(void *user, const struct bh_edge *edge)
{
	struct waiting *w = user;
	const struct bh_filter_config filters = bh_core_filters(w->core);

	if (edge->first < w->from || edge->first >= w->until ||
	    (strcmp(edge->src->name, w->workload) != 0 &&
	     strcmp(edge->dst->name, w->workload) != 0))
		return;
	struct bh_judgement judged = bh_judge(w->core->ledger, &filters, BH_OPPOSED, edge);
	w->count += judged.state == BH_EDGE_REVIEW;
}

/* What was denied before the deploy is none of its doing; nor is what comes later, or else whoever
 * tries something new each day would keep it as it is. */
static size_t denied_by(const struct bh_core *core, const char *workload, int64_t deploy)
{
	struct waiting w = { .core = core,
			     .workload = workload,
			     .from = deploy,
			     .until = deploy + DEPLOY_AUDIT * core->config.window };

	bh_ledger_each(core->ledger, BH_OPPOSED, count_waiting, &w);
	return w.count;
}

/* The deploy that it is to be relaxed for; 0: none. */
static int64_t deploy_of(struct bh_core *core, const char *workload, struct treatment *t,
			 int64_t now)
{
	struct bh_peer who = bh_peer_workload(workload);
	int64_t deploy = bh_ledger_last_deploy(core->ledger, &who);

	if (!core->config.deploy_audit || bh_core_mode_set(core, workload) != BH_ENFORCE ||
	    deploy <= t->since || deploy == t->over || !rests_on_learning(core, workload))
		return 0;
	if (now - deploy < DEPLOY_AUDIT * core->config.window)
		return deploy;
	size_t waiting = denied_by(core, workload, deploy);
	if (waiting > 0 && !t->waits)
		bh_core_event(core, "mode",
			      "%s stays in stage 1: %zu edge%s that it was denied after its "
			      "deploy wait%s for a person (bulkhead review)",
			      workload, waiting, waiting == 1 ? "" : "s", waiting == 1 ? "s" : "");
	t->waits = waiting > 0;
	t->over = waiting > 0 ? 0 : deploy;
	return waiting > 0 ? deploy : 0;
}

static void look_at_deploy(struct bh_core *core, const char *workload, int64_t now)
{
	struct treatment *t = treatment_of(core, workload);
	int64_t deploy = deploy_of(core, workload, t, now);

	if ((deploy != 0) != (t->deploy != 0)) {
		bh_core_event(
			core, "mode",
			deploy != 0 ? "%s: enforce → stage1 for %d windows, since it runs another "
				      "version; what it is denied meanwhile waits for a person"
				    : "%s: stage1 → enforce: the %d windows after its deploy are "
				      "over",
			workload, DEPLOY_AUDIT);
		bh_core_existing_touch(core);
		bh_core_rules_touch(core);
	}
	t->deploy = deploy;
}

/* --- who is ready ----------------------------------------------------------------------------- */

/* Tried again as long as it is refused; that is said once. */
static void promote(struct bh_core *core, const struct treatment *t, const char *workload,
		    uint8_t mode)
{
	struct bh_error err = { 0 };
	bool said = t->ready >= mode;

	int result = bh_core_guard_mode(core, workload, mode, &err);

	if (result == 0)
		result = bh_core_set_mode(core, workload, mode, NULL, "bulkhead (automatically)",
					  &err);
	if (result != 0 && !said)
		bh_core_event(core, "mode", "%s cannot be put into %s: %s", workload,
			      bh_mode_name(mode), err.text);
}

static void look_at_readiness(struct bh_core *core, const struct bh_readiness *r,
			      const char *workload)
{
	struct treatment *t = treatment_of(core, workload);
	uint8_t mode = bh_core_mode_set(core, workload), next = (uint8_t)(mode + 1);
	/* Who is taken step by step by a person goes no further by itself. */
	bool alone =
		core->config.promotion == BH_PROMOTE_ALONE && bh_core_share(core, workload) == NULL;

	if (mode >= BH_ENFORCE || (t->ready >= next && !alone) ||
	    !rests_on_learning(core, workload) || lacks(core, r, workload, next, NULL) != 0)
		return;
	if (alone)
		promote(core, t, workload, next);
	else
		bh_core_event(core, "ready", "%s is ready for %s: bulkhead mode %s %s", workload,
			      bh_mode_name(next), workload, bh_mode_name(next));
	t->ready = next;
}

struct expiry {
	struct bh_core *core;
	int64_t from, until;
	const struct bh_filter_config filters;
};

static void tell_expired(void *user, const struct bh_edge *like, const struct bh_decision *d)
{
	const struct expiry *e = user;
	char port[BH_PORT_TEXT];

	if (d->expires > e->from && d->expires <= e->until)
		bh_core_event(
			e->core, "review",
			"%s → %s %s: that %s %s it has expired; it is a person's to decide again",
			like->src->name, like->dst->name,
			bh_port_format(like->proto, like->port, port), d->author,
			d->accepted ? "accepted" : "rejected");
}

/* Nothing takes it out of the policy but a person, or the next proposal. */
static void tell_passed(void *user, const struct bh_edge *edge)
{
	const struct expiry *e = user;
	int64_t until = bh_provisional_until(e->core->ledger, edge);
	char port[BH_PORT_TEXT];

	if (until <= e->from || until > e->until || bh_is_urgent(&e->filters, edge))
		return;
	struct bh_judgement judged = bh_judge(e->core->ledger, &e->filters, BH_EDGES, edge);
	if (judged.state == BH_EDGE_REVIEW &&
	    judged.reasons == UINT32_C(1) << BH_FILTER_ONE_WINDOW && is_allowed(e->core, edge))
		bh_core_event(e->core, "review",
			      "%s → %s %s was seen in one window only, and has passed for the time "
			      "being, which is over: the policy allows it until a person decides, "
			      "or a new proposal leaves it out",
			      edge->src->name, edge->dst->name,
			      bh_port_format(edge->proto, edge->port, port));
}

static void look_at_expiries(struct bh_core *core, int64_t now)
{
	struct expiry e = { core, core->expiries_seen, now, bh_core_filters(core) };

	if (core->expiries_seen != 0)
		bh_decisions_each(bh_ledger_decisions(core->ledger), tell_expired, &e);
	if (core->expiries_seen != 0 && core->policy != NULL)
		bh_ledger_each(core->ledger, BH_EDGES, tell_passed, &e);
	core->expiries_seen = now;
}

static void look_at_all(struct bh_core *core)
{
	struct bh_readiness *r = bh_core_readiness(core);

	for (size_t i = 0; i < r->workload_count; i++)
		look_at_readiness(core, r, r->workloads[i].baseline.owner.who->name);
	bh_readiness_free(r);
}

void bh_core_promotion_start(struct bh_core *core)
{
	core->treatments = bh_map_new(free);
}

void bh_core_promotion_load(struct bh_core *core)
{
	core->expiries_seen = bh_ledger_now(core->ledger);
	if (bh_ledger_counts_anew(core->ledger))
		bh_core_event(core, "learning",
			      "learning.window is another one than it was: windows are counted "
			      "anew, of edges and workloads alike");
}

void bh_core_promotion_tick(struct bh_core *core, int64_t now, int64_t monotonic)
{
	const char *workload;
	int64_t pause = core->config.window / LOOKS;

	if (monotonic < core->promotion_due)
		return;
	core->promotion_due = monotonic + (pause < LONGEST ? pause : LONGEST);
	look_at_expiries(core, now);
	for (size_t position = 0; (workload = bh_core_present_next(core, &position)) != NULL;)
		look_at_deploy(core, workload, now);
	if (core->policy != NULL)
		look_at_all(core);
}

void bh_core_promotion_look(struct bh_core *core, int64_t now)
{
	const struct bh_instance *i;

	if (core->promotion_due != 0)
		return;
	for (size_t at = 0; (i = bh_model_next(core->model, &at)) != NULL;)
		if (i->workload[0] != '\0')
			look_at_deploy(core, i->workload, now);
}

void bh_core_promotion_deployed(struct bh_core *core, const char *workload, int64_t now)
{
	look_at_deploy(core, workload, now);
}

/* --- back ------------------------------------------------------------------------------------- */

struct approvals {
	const struct bh_core *core;
	const char *workload;
	int64_t since;
	unsigned count;
};

const char *bh_core_refuser(const struct bh_core *core, const struct bh_edge *edge)
{
	const struct bh_peer *ends[] = { edge->src, edge->dst };

	for (size_t i = 0; i < 2; i++)
		if (ends[i]->kind == BH_PEER_WORKLOAD &&
		    bh_core_mode_set(core, ends[i]->name) >= BH_STAGE1)
			return ends[i]->name;
	return NULL;
}

static void count_approval(void *user, const struct bh_edge *like, const struct bh_decision *d)
{
	struct approvals *a = user;
	const char *refuser = bh_core_refuser(a->core, like);

	a->count += d->accepted && d->opposed && d->time >= a->since && refuser != NULL &&
		    strcmp(refuser, a->workload) == 0;
}

bool bh_core_demote(struct bh_core *core, const char *workload, int64_t now)
{
	struct approvals a = { .core = core,
			       .workload = workload,
			       .since = now - APPROVALS_WITHIN * core->config.window };
	struct bh_error err = { 0 };

	if (bh_core_mode_set(core, workload) < BH_STAGE1)
		return false;
	bh_decisions_each(bh_ledger_decisions(core->ledger), count_approval, &a);
	if (a.count < APPROVALS)
		return false;
	bh_core_event(core, "mode",
		      "%s was denied %u edges within %d windows that a person found legitimate: it "
		      "is audited again",
		      workload, a.count, APPROVALS_WITHIN);
	return bh_core_set_mode(core, workload, BH_AUDIT, NULL, "bulkhead", &err) == 0;
}
