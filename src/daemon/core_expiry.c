/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that end. What a connection was allowed by when it opened must still say so when it is
 * judged a moment later, so the policy is not changed when a rule's time is over: a copy of it
 * takes its place, as another revision would.
 */
#include <stdlib.h>
#include <string.h>

#include "core_api.h"
#include "core_existing.h"
#include "core_force.h"

#define SOON (7 * BH_DAY)
#define MOST_LISTED 100
#define RULE_TEXT 512

void bh_core_expiry_begin(struct bh_core *core)
{
	core->expiry_due =
		core->policy != NULL ? bh_policy_set_time(core->policy, bh_time_now()) : INT64_MAX;
	core->expiry_warned = 0;
}

static void tell(struct bh_core *core, size_t rule, const char *what)
{
	const struct bh_policy_rule *r = &core->policy->rules[rule];
	char text[RULE_TEXT];

	bh_policy_rule_text(core->policy, rule, text, sizeof(text));
	bh_core_event(core, "policy", "rule %zu %s: %s%s%s%s", rule + 1, what, text,
		      r->note != NULL ? " (" : "", r->note != NULL ? r->note : "",
		      r->note != NULL ? ")" : "");
}

static bool ends_by(const struct bh_policy_rule *rule, int64_t time)
{
	return rule->expires != 0 && !rule->over && rule->expires <= time;
}

static void warn(struct bh_core *core, int64_t now)
{
	int64_t warned = core->expiry_warned;

	if (core->expiry_due > now + BH_DAY)
		return;
	for (size_t i = 0; i < core->policy->rule_count; i++) {
		const struct bh_policy_rule *rule = &core->policy->rules[i];

		if (!ends_by(rule, now + BH_DAY) || ends_by(rule, now) || rule->expires <= warned)
			continue;
		tell(core, i, "is over in less than a day");
		if (rule->expires > core->expiry_warned)
			core->expiry_warned = rule->expires;
	}
}

/* NULL: printed it is too large to be read; then the policy itself has to do. */
static struct bh_policy *copy_of(const struct bh_policy *policy)
{
	char *text = bh_policy_print(policy);
	struct bh_policy *copy = bh_policy_parse(text, strlen(text), "the policy", NULL);

	free(text);
	return copy;
}

static void end_rules(struct bh_core *core, int64_t now)
{
	struct bh_policy *copy = copy_of(core->policy);

	for (size_t i = 0; i < core->policy->rule_count; i++)
		if (ends_by(&core->policy->rules[i], now))
			tell(core, i, "is over");
	if (copy != NULL) {
		bh_force_retire(core->force, core->policy);
		core->policy = copy;
	}
	core->expiry_due = bh_policy_set_time(core->policy, now);
	bh_core_existing_touch(core);
	bh_core_rules_touch(core);
}

void bh_core_expiry_tick(struct bh_core *core, int64_t now)
{
	if (core->policy == NULL)
		return;
	warn(core, now);
	if (now >= core->expiry_due)
		end_rules(core, now);
}

cJSON *bh_core_expiry_json(const struct bh_core *core, int64_t now)
{
	cJSON *list = cJSON_CreateArray();
	char text[RULE_TEXT];
	int count = 0;

	for (size_t i = 0; core->policy != NULL && i < core->policy->rule_count; i++) {
		const struct bh_policy_rule *rule = &core->policy->rules[i];

		if ((!rule->over && !ends_by(rule, now + SOON)) || count++ >= MOST_LISTED)
			continue;
		cJSON *row = cJSON_CreateObject();
		bh_policy_rule_text(core->policy, i, text, sizeof(text));
		cJSON_AddNumberToObject(row, "rule", (double)i + 1);
		bh_core_add_text(row, "text", text);
		bh_core_add_time(row, "expires", rule->expires);
		cJSON_AddBoolToObject(row, "over", rule->over);
		bh_core_add_text(row, "comment", rule->note);
		cJSON_AddItemToArray(list, row);
	}
	return list;
}
