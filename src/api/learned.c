/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "learned.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge_id.h"
#include "json.h"
#include "protocol.h"
#include "ruleset.h"
#include "timefmt.h"

/* --- edges ------------------------------------------------------------------------------------ */

static const char *list_name(enum bh_ledger_list list)
{
	static const char *const names[] = {
		[BH_EDGES] = "edge", [BH_ATTEMPTS] = "attempt", [BH_OPPOSED] = "denied"
	};

	return names[list];
}

/* "F3: seen in one window only" */
static void put_reasons(struct bh_buffer *out, const struct bh_ledger *ledger,
			const struct bh_edge *edge, uint32_t reasons)
{
	struct bh_buffer text = { 0 };
	const char *before = "";

	for (enum bh_filter f = 0; f < BH_FILTERS; f++) {
		if ((reasons >> f & 1) == 0)
			continue;
		text.length = 0;
		bh_buffer_printf(&text, "%s: ", bh_filter_code(f));
		bh_filter_explain(ledger, edge, f, &text);
		bh_buffer_puts(out, before);
		bh_json_string(out, text.data);
		before = ",";
	}
	bh_buffer_free(&text);
}

static void put_decision(struct bh_buffer *out, const struct bh_decision *decision)
{
	char time[BH_TIME_TEXT], expires[BH_TIME_TEXT];

	if (decision == NULL) {
		bh_buffer_puts(out, "null");
		return;
	}
	bh_buffer_printf(out,
			 "{\"accepted\":%s,\"author\":", decision->accepted ? "true" : "false");
	bh_json_string(out, decision->author);
	bh_buffer_puts(out, ",\"why\":");
	bh_json_string(out, decision->why);
	bh_buffer_printf(out, ",\"time\":%s,\"expires\":%s}", bh_time_seconds(decision->time, time),
			 decision->expires != 0 ? bh_time_seconds(decision->expires, expires)
						: "null");
}

void bh_json_learned(struct bh_buffer *out, const struct bh_ledger *ledger,
		     const struct bh_filter_config *filters, enum bh_ledger_list list,
		     const struct bh_edge *e)
{
	char proto[BH_PROTOCOL_TEXT], first[BH_TIME_TEXT], last[BH_TIME_TEXT], id[BH_EDGE_ID_TEXT];
	struct bh_judgement judged = bh_judge(ledger, filters, list, e);

	bh_buffer_puts(out, "{\"src\":");
	bh_json_string(out, e->src->name);
	bh_buffer_puts(out, ",\"dst\":");
	bh_json_string(out, e->dst->name);
	bh_buffer_printf(out, ",\"proto\":\"%s\",\"port\":%u,\"state\":\"%s\",\"reasons\":[",
			 bh_protocol_format(e->proto, proto), e->port,
			 bh_edge_state_name(judged.state));
	put_reasons(out, ledger, e, judged.reasons);
	bh_buffer_printf(out,
			 "],\"windows\":%" PRIu32 ",\"hours\":%" PRIu32 ",\"replicas\":%u"
			 ",\"connections\":%" PRIu64 ",\"answered\":%" PRIu64
			 ",\"first\":%s,\"last\":%s,\"id\":\"%s\",\"list\":\"%s\",\"urgent\":%s,"
			 "\"provisional\":%s,\"ruled\":%s,\"lossy\":%s,\"decision\":",
			 e->windows, e->hours, bh_edge_replicas(e), e->connections, e->answered,
			 bh_time_seconds(e->first, first), bh_time_seconds(e->last, last),
			 bh_edge_id_format(bh_edge_id(e), id), list_name(list),
			 bh_is_urgent(filters, e) ? "true" : "false",
			 judged.provisional ? "true" : "false", judged.ruled ? "true" : "false",
			 e->lossy ? "true" : "false");
	put_decision(out, judged.decision);
	bh_buffer_puts(out, "}");
}

cJSON *bh_json_unlearned(const struct bh_ledger *ledger)
{
	cJSON *reasons = cJSON_CreateObject();

	for (enum bh_unlearned why = BH_LEARNED + 1; why < BH_UNLEARNED_KINDS; why++)
		cJSON_AddNumberToObject(reasons, bh_unlearned_name(why),
					(double)bh_ledger_unlearned(ledger, why));
	return reasons;
}

/* --- readiness -------------------------------------------------------------------------------- */

/* NaN is null; six digits are more than any estimate has. */
static void add_number(cJSON *json, const char *key, double number)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6g", number);
	if (isnan(number))
		cJSON_AddNullToObject(json, key);
	else
		cJSON_AddRawToObject(json, key, text);
}

static void add_lacks(cJSON *stage, const struct bh_standing *standing, uint8_t mode)
{
	uint32_t lacks = bh_promotion_lacks(standing, mode);
	cJSON *missing = cJSON_AddArrayToObject(stage, "missing");

	cJSON_AddBoolToObject(stage, "ready", lacks == 0);
	for (enum bh_lack lack = 0; lack < BH_LACKS; lack++) {
		struct bh_buffer text = { 0 };

		if ((lacks >> lack & 1) == 0)
			continue;
		bh_promotion_explain(standing, mode, lack, &text);
		cJSON *item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "lack", bh_lack_name(lack));
		cJSON_AddStringToObject(item, "text", text.data);
		cJSON_AddItemToArray(missing, item);
		bh_buffer_free(&text);
	}
}

static void add_standing(cJSON *json, const struct bh_readiness_view *v,
			 const struct bh_workload_readiness *w)
{
	struct bh_standing standing = { .readiness = w,
					.now = bh_ledger_now(v->ledger),
					.window = bh_ledger_config(v->ledger)->window,
					.offset = bh_ledger_config(v->ledger)->offset };
	uint8_t mode = BH_LEARN;

	if (v->standing != NULL)
		v->standing(v->user, w->baseline.owner.who->name, &mode, &standing);
	else if (w->masked > 0)
		standing.masked = UINT8_MAX;
	if (v->standing != NULL)
		cJSON_AddStringToObject(json, "mode", bh_mode_name(mode));
	else
		cJSON_AddNullToObject(json, "mode");
	cJSON *stages = cJSON_AddArrayToObject(json, "stages");
	for (uint8_t next = BH_AUDIT; next <= BH_ENFORCE; next++) {
		cJSON *stage = cJSON_CreateObject();

		cJSON_AddStringToObject(stage, "mode", bh_mode_name(next));
		cJSON_AddBoolToObject(stage, "reached", v->standing != NULL && mode >= next);
		add_lacks(stage, &standing, next);
		cJSON_AddItemToArray(stages, stage);
	}
}

static cJSON *workload_json(const struct bh_readiness_view *v,
			    const struct bh_workload_readiness *w)
{
	const struct bh_baseline *b = &w->baseline;
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "workload", b->owner.who->name);
	cJSON_AddNumberToObject(json, "windows", b->windows);
	cJSON_AddNumberToObject(json, "edges", b->edges);
	cJSON_AddNumberToObject(json, "seen_once", b->q1);
	cJSON_AddNumberToObject(json, "seen_twice", b->q2);
	cJSON_AddNumberToObject(json, "accepted", w->states[BH_EDGE_ACCEPTED]);
	cJSON_AddNumberToObject(json, "review", w->states[BH_EDGE_REVIEW]);
	cJSON_AddNumberToObject(json, "provisional", w->provisional);
	cJSON_AddNumberToObject(json, "waiting", w->waiting);
	cJSON_AddNumberToObject(json, "urgent", w->urgent);
	add_number(json, "recent", w->recent);
	cJSON_AddBoolToObject(json, "open_ended", w->open_ended);
	cJSON_AddBoolToObject(json, "job", b->owner.job);
	cJSON_AddBoolToObject(json, "lossy", b->lossy);
	add_number(json, "risk", b->windows > 0 ? w->risk : NAN);
	add_standing(json, v, w);
	return json;
}

static double start_of(const struct bh_ledger *ledger, int64_t window)
{
	const struct bh_ledger_config *config = bh_ledger_config(ledger);

	return (double)(window * config->window + config->offset) / BH_SECOND;
}

/* "current" is none that it should have come back in by now. */
static cJSON *schedule_json(const struct bh_ledger *ledger, const struct bh_schedule *s)
{
	char proto[BH_PROTOCOL_TEXT];
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "src", s->edge.src->name);
	cJSON_AddStringToObject(json, "dst", s->edge.dst->name);
	cJSON_AddStringToObject(json, "proto", bh_protocol_format(s->edge.proto, proto));
	cJSON_AddNumberToObject(json, "port", s->edge.port);
	cJSON_AddNumberToObject(json, "every", s->edge.gap);
	cJSON_AddNumberToObject(json, "seen", s->edge.windows);
	cJSON_AddNumberToObject(json, "next", start_of(ledger, s->next));
	cJSON_AddBoolToObject(json, "overdue",
			      s->next < bh_ledger_window_of(ledger, bh_ledger_now(ledger)));
	return json;
}

static void add_phases(cJSON *json, const struct bh_ledger *ledger)
{
	cJSON *missing = cJSON_AddArrayToObject(json, "weekdays_missing");

	for (int i = 0; i < 7; i++)
		if ((bh_ledger_phases(ledger) >> i & 1) == 0)
			cJSON_AddItemToArray(missing, cJSON_CreateNumber(i));
}

/* What the last windows brought counts until they are windows without a deploy. */
static bool is_outlived(const struct bh_readiness *r, double more)
{
	return !r->by_recent || more > r->recent_windows;
}

static cJSON *answer_probability(const struct bh_readiness *r, double probability)
{
	double windows = ceil(bh_estimate_windows_for_quiet(r->once, probability));
	cJSON *answer = cJSON_CreateObject();

	if (r->quiet < probability && !is_outlived(r, windows - r->windows))
		windows = (double)r->windows + r->recent_windows + 1;
	add_number(answer, "probability", probability);
	add_number(answer, "windows", r->windows > 0 ? windows : NAN);
	return answer;
}

static cJSON *answer_time(const struct bh_readiness_view *v, int64_t time)
{
	double more = (double)(time - bh_ledger_now(v->ledger)) /
		      (double)bh_ledger_config(v->ledger)->window;
	uint32_t windows = v->readiness->windows + (uint32_t)fmin(more, UINT32_MAX / 2);
	double quiet =
		v->readiness->windows > 0 ? bh_estimate_quiet(v->readiness->once, windows, 1) : NAN;
	cJSON *answer = cJSON_CreateObject();

	cJSON_AddNumberToObject(answer, "windows", windows);
	if (!is_outlived(v->readiness, more) && quiet > v->readiness->quiet)
		quiet = v->readiness->quiet;
	add_number(answer, "quiet", quiet);
	return answer;
}

/* A probability, and then how long it takes; or a time, and then how probable. */
static cJSON *answer_for(const struct bh_readiness_view *v, struct bh_error *err)
{
	char *end = NULL;
	double probability = strtod(v->asked, &end);
	int64_t time;

	if (*end == '\0' && probability > 0 && probability < 1)
		return answer_probability(v->readiness, probability);
	if (bh_time_parse(v->asked, &time) && time >= bh_ledger_now(v->ledger))
		return answer_time(v, time);
	bh_error_set(err, -EINVAL,
		     "%s: a probability such as 0.98, or a day or time after what was recorded, "
		     "expected",
		     v->asked);
	return NULL;
}

static void add_uncounted(cJSON *json, struct bh_uncounted uncounted)
{
	cJSON *windows = cJSON_AddObjectToObject(json, "uncounted");

	cJSON_AddNumberToObject(windows, "unwatched", uncounted.unwatched);
	cJSON_AddNumberToObject(windows, "lossy", uncounted.lossy);
}

static void add_headline(cJSON *json, const struct bh_readiness_view *v)
{
	const struct bh_readiness *r = v->readiness;

	cJSON_AddNumberToObject(json, "windows", r->windows);
	cJSON_AddNumberToObject(json, "window_seconds",
				(double)bh_ledger_config(v->ledger)->window / BH_SECOND);
	cJSON_AddNumberToObject(json, "edges", r->edges);
	cJSON_AddNumberToObject(json, "seen_once", r->once);
	add_number(json, "expected", r->expected);
	add_number(json, "bound", r->bound == UINT32_MAX ? NAN : r->bound);
	add_number(json, "quiet", r->quiet);
	add_number(json, "rate", r->rate);
	add_number(json, "recent", bh_estimate_new(r->recent, r->recent_windows));
	cJSON_AddNumberToObject(json, "recent_windows", r->recent_windows);
	cJSON_AddBoolToObject(json, "deployed", r->deployed);
	cJSON_AddStringToObject(json, "basis", r->by_recent ? "recent" : "seen_once");
	cJSON_AddNumberToObject(json, "longest_schedule", r->windows);
	cJSON_AddNumberToObject(json, "longest_schedule_twice", r->windows / 2);
	cJSON_AddNumberToObject(json, "lost_contacts", (double)bh_ledger_lost_contacts(v->ledger));
	cJSON_AddNumberToObject(json, "overflow",
				(double)bh_ledger_unlearned(v->ledger, BH_UNLEARNED_OVERFLOW));
	cJSON_AddItemToObject(json, "unlearned", bh_json_unlearned(v->ledger));
	add_uncounted(json, bh_ledger_uncounted(v->ledger));
	add_phases(json, v->ledger);
}

cJSON *bh_json_readiness(const struct bh_readiness_view *v, struct bh_error *err)
{
	const struct bh_readiness *r = v->readiness;
	cJSON *answer = v->asked != NULL ? answer_for(v, err) : NULL;

	if (v->asked != NULL && answer == NULL)
		return NULL;
	cJSON *json = cJSON_CreateObject();
	add_headline(json, v);
	if (answer != NULL)
		cJSON_AddItemToObject(json, "for", answer);
	cJSON *schedules = cJSON_AddArrayToObject(json, "schedules");
	for (size_t i = 0; i < r->schedule_count; i++)
		cJSON_AddItemToArray(schedules, schedule_json(v->ledger, &r->schedules[i]));
	if (v->declared != NULL)
		v->declared(v->user, cJSON_AddArrayToObject(json, "declared"));
	cJSON *workloads = cJSON_AddArrayToObject(json, "workloads");
	for (size_t i = 0; i < r->workload_count; i++) {
		const char *name = r->workloads[i].baseline.owner.who->name;

		if (v->workload == NULL || strcmp(v->workload, name) == 0)
			cJSON_AddItemToArray(workloads, workload_json(v, &r->workloads[i]));
	}
	return json;
}
