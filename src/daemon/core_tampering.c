/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Somebody else changed our tables: told with who it was, and with what became of it. Whoever does
 * it again and again is told of once, and then in sums. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core_api.h"
#include "timefmt.h"

#define SUM_EVERY (10 * BH_SECOND)

/* --- words ------------------------------------------------------------------------------------ */

/* NULL: nobody has told. */
static const char *container_name(const struct bh_core *core, const char *id)
{
	const struct bh_container *container =
		id[0] != '\0' ? bh_model_container_by_id(core->model, id) : NULL;

	return container != NULL ? container->name : NULL;
}

/* "nft (process 1234, of container web: nft flush ruleset)" */
static void describe_who(const struct bh_core *core, const struct bh_tampering *t,
			 struct bh_buffer *out)
{
	const char *name = container_name(core, t->container_id);

	if (t->process[0] == '\0') {
		bh_buffer_puts(out, "somebody");
		return;
	}
	bh_buffer_printf(out, "%s (process %u", t->process, t->pid);
	if (t->container_id[0] != '\0')
		bh_buffer_printf(out, ", of container %s", name != NULL ? name : t->container_id);
	if (t->ended)
		bh_buffer_puts(out, ", which has ended");
	else if (t->command[0] != '\0')
		bh_buffer_printf(out, ": %s", t->command);
	bh_buffer_puts(out, ")");
}

static void describe_deed(const struct bh_tampering *t, struct bh_buffer *out)
{
	if (t->found == BH_TAMPERING_LEFT)
		bh_buffer_puts(out, " changed the rules while no daemon ran");
	else if (t->done[0] != '\0')
		bh_buffer_printf(out, " %s", t->done);
	else
		bh_buffer_puts(out, " changed the rules, which was not told as it happened");
	if (t->transactions > 1)
		bh_buffer_printf(out, ", and %u more transactions followed", t->transactions - 1);
}

static void describe_outcome(const struct bh_tampering *t, struct bh_buffer *out)
{
	if (t->repaired == 0)
		bh_buffer_printf(out, "; they are NOT repaired: %s", t->why);
	else if (t->differed[0] == '\0')
		bh_buffer_puts(out, "; when they were read they were what they should be");
	else
		bh_buffer_printf(out, "; repaired %.1f ms after it was known: %s",
				 (double)(t->repaired - t->time) / 1000, t->differed);
}

static cJSON *tampering_json(const struct bh_core *core, const struct bh_tampering *t)
{
	static const char *const found[] = { "told", "seen", "left" };
	cJSON *json = cJSON_CreateObject();

	bh_core_add_text(json, "process", t->process);
	if (t->pid != 0)
		cJSON_AddNumberToObject(json, "pid", t->pid);
	else
		cJSON_AddNullToObject(json, "pid");
	cJSON_AddBoolToObject(json, "ended", t->ended);
	bh_core_add_text(json, "command", t->command);
	bh_core_add_text(json, "container_id", t->container_id);
	bh_core_add_text(json, "container", container_name(core, t->container_id));
	cJSON_AddStringToObject(json, "found", found[t->found]);
	cJSON_AddNumberToObject(json, "transactions", t->transactions);
	bh_core_add_text(json, "done", t->done);
	bh_core_add_text(json, "differed", t->differed);
	cJSON_AddBoolToObject(json, "repaired", t->repaired != 0);
	if (t->repaired != 0)
		cJSON_AddNumberToObject(json, "repaired_after",
					(double)(t->repaired - t->time) / BH_SECOND);
	else
		cJSON_AddNullToObject(json, "repaired_after");
	bh_core_add_text(json, "why", t->why);
	return json;
}

/* --- events ----------------------------------------------------------------------------------- */

static void say(struct bh_core *core, const struct bh_tampering *t)
{
	struct bh_buffer text = { 0 };

	describe_who(core, t, &text);
	describe_deed(t, &text);
	describe_outcome(t, &text);
	bh_core_event_json(core, "tampering", text.data, tampering_json(core, t));
	bh_buffer_free(&text);
}

static void sum_up(struct bh_core *core)
{
	struct bh_core_tampering *tampering = &core->tampering;
	struct bh_buffer text = { 0 };

	if (tampering->unsaid == 0)
		return;
	describe_who(core, &tampering->last, &text);
	bh_core_event(core, "tampering",
		      "the rules were changed again, %" PRIu64
		      " times within seconds, the last time by %s; %s",
		      tampering->unsaid, text.data,
		      tampering->last.repaired != 0 ? "each time they were repaired"
						    : "they are NOT repaired");
	bh_buffer_free(&text);
	tampering->unsaid = 0;
}

/* What the kernel refuses to repair is tried again as rules are that it did not take. */
static void fail(struct bh_core *core, const struct bh_tampering *t)
{
	core->enforcement = BH_ENFORCEMENT_FAILED;
	snprintf(core->enforcement_why, sizeof(core->enforcement_why),
		 "somebody changed the rules in the kernel, and they cannot be repaired: %s",
		 t->why);
	bh_core_rules_touch(core);
}

void bh_core_tampering(struct bh_core *core, const struct bh_tampering *what)
{
	struct bh_core_tampering *tampering = &core->tampering;

	tampering->last = *what;
	if (what->repaired == 0)
		fail(core, what);
	if (tampering->tables.contested)
		tampering->unsaid++;
	else
		say(core, what);
}

static void say_contested(struct bh_core *core)
{
	struct bh_buffer who = { 0 };

	describe_who(core, &core->tampering.last, &who);
	bh_core_event(core, "tampering",
		      "enforcement is contested: the rules are changed again and again, the last "
		      "time by %s; they are repaired at intervals, and do not hold in between",
		      who.data);
	bh_buffer_free(&who);
}

void bh_core_tables_state(struct bh_core *core, const struct bh_tables_state *state)
{
	struct bh_core_tampering *tampering = &core->tampering;
	const struct bh_tables_state before = tampering->tables;

	tampering->tables = *state;
	if (state->contested && !before.contested) {
		tampering->sum_due = bh_time_monotonic() + SUM_EVERY;
		say_contested(core);
	} else if (before.contested && !state->contested) {
		sum_up(core);
		bh_core_event(core, "tampering", "nobody changes the rules any more");
	}
}

void bh_core_tampering_tick(struct bh_core *core, int64_t now)
{
	if (now < core->tampering.sum_due)
		return;
	core->tampering.sum_due = now + SUM_EVERY;
	sum_up(core);
}

/* --- status ----------------------------------------------------------------------------------- */

bool bh_core_is_contested(const struct bh_core *core)
{
	return core->enforcement == BH_ENFORCEMENT_ACTIVE && core->tampering.tables.contested;
}

char *bh_core_contested_why(const struct bh_core *core, char *out, size_t size)
{
	struct bh_buffer who = { 0 };

	describe_who(core, &core->tampering.last, &who);
	snprintf(
		out, size,
		"others change the rules in the kernel again and again, the last time %s; they are "
		"repaired at intervals, and do not hold in between: bulkhead events",
		who.data);
	bh_buffer_free(&who);
	return out;
}

void bh_core_add_tables(const struct bh_core *core, cJSON *json)
{
	const struct bh_tables_state *tables = &core->tampering.tables;
	bool fallen_back = core->config.table_protection == BH_TABLE_OWNER && !tables->owner;

	cJSON_AddStringToObject(json, "tables", tables->owner ? "owner" : "watch");
	bh_core_add_text(json, "tables_why",
			 fallen_back
				 ? "this kernel knows no owned tables that persist (Linux 6.9): "
				   "others can change them, and they are watched instead"
				 : NULL);
	bh_core_add_time(json, "verified", tables->verified);
	if (tables->took != 0)
		cJSON_AddNumberToObject(json, "verified_in", (double)tables->took / BH_SECOND);
	else
		cJSON_AddNullToObject(json, "verified_in");
	bh_core_add_text(json, "unverified_why", tables->why);
	cJSON_AddNumberToObject(json, "tampered", (double)tables->tampered);
	bh_core_add_time(json, "last_tampered", tables->last);
}

bool bh_core_is_unverified(const struct bh_core *core)
{
	const struct bh_tables_state *tables = &core->tampering.tables;
	int64_t patience = 2 * core->config.verify_every + 40 * tables->took;
	int64_t since = tables->verified != 0 ? tables->verified : core->applied;

	return core->enforcement == BH_ENFORCEMENT_ACTIVE && since != 0 &&
	       bh_time_now() - since > patience;
}
