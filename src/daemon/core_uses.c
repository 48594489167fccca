/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_uses.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "address.h"
#include "core_api.h"
#include "grow.h"
#include "peer.h"
#include "timefmt.h"

#define KEEP_RECORDS (365 * BH_DAY)   /* of rules that are in no policy */
#define SAVE_ALL (300 * BH_SECOND)    /* what a kill may cost of the time that was watched */
#define FIRST_READING (5 * BH_SECOND) /* how soon rules that come are read */
#define MOST_JUDGED 65536
#define RULE_TEXT 512

enum told_by { BY_NOBODY, BY_FLOW, BY_COUNTER };

struct record {
	struct bh_stored_use stored;
	bool active;
	bool loaded; /* of an earlier run, and its counters were not read since */
	bool unsaved;
	uint64_t packets; /* as far as the reading has come; … */
	bool shares;	  /* … some of them of elements that other rules have, too */
};

/* What an element had counted, by a hash of what it stands for. */
struct count {
	uint64_t element;
	uint64_t packets;
};

struct counts {
	struct count *items;
	size_t count, capacity;
};

struct bh_rule_uses {
	struct bh_map *records; /* by the rule's id */
	struct record **rules;	/* of the active policy */
	size_t rule_count;
	bool *source_is_here; /* by rule, as of the model's generation */
	uint64_t generation;
	struct bh_map *judged; /* question → rule_of */
	uint32_t epoch;	       /* of these; grows */
	struct counts before;  /* the last reading, sorted */
	struct counts now;     /* the one that comes in */
	bool has_before;
	bool asked, spoiled; /* a reading is under way; it is not to be used */
	int64_t read;	     /* µs: the last one; 0: none yet */
	int64_t due, ticked, save_due, forget_due; /* monotonic */
};

/* A question's answer: a rule's index. */
struct rule_of {
	int rule; /* −1: none */
};

struct bh_rule_uses *bh_rule_uses_new(void)
{
	struct bh_rule_uses *u = bh_calloc(1, sizeof(*u));

	u->records = bh_map_new(free);
	u->judged = bh_map_new(free);
	u->epoch = 1;
	return u;
}

void bh_rule_uses_free(struct bh_rule_uses *u)
{
	if (u == NULL)
		return;
	bh_map_free(u->records);
	bh_map_free(u->judged);
	free(u->rules);
	free(u->source_is_here);
	free(u->before.items);
	free(u->now.items);
	free(u);
}

/* --- records ---------------------------------------------------------------------------------- */

static void forget_answers(struct bh_rule_uses *u)
{
	bh_map_free(u->judged);
	u->judged = bh_map_new(free);
	u->epoch++;
}

static struct record *add_record(struct bh_rule_uses *u, const char *id)
{
	struct record *record = bh_calloc(1, sizeof(*record));

	bh_copy_text(record->stored.rule, sizeof(record->stored.rule), id);
	bh_map_put_text(u->records, id, record);
	return record;
}

static void load(void *user, const struct bh_stored_use *use)
{
	struct record *record = add_record(user, use->rule);

	record->stored = *use;
	record->loaded = true;
}

/* A rule that comes, or comes back, is watched from now on; when it was used before is known still.
 */
static void begin(struct record *record, int64_t now)
{
	record->stored.since = now;
	record->stored.seen = 0;
	record->stored.watched = 0;
	record->loaded = false;
	record->unsaved = true;
}

/* goes_on: the policy is the one of the run before. */
static void set_rules(struct bh_core *core, bool goes_on)
{
	struct bh_rule_uses *u = core->uses;
	size_t count = core->policy->rule_count;
	struct record **rules = bh_calloc(count, sizeof(struct record *)), *record;
	int64_t now = bh_time_now();
	char id[33];

	for (size_t i = 0; i < count; i++) {
		bh_policy_rule_id(core->policy, i, id);
		record = bh_map_get_text(u->records, id);
		if (record == NULL)
			record = add_record(u, id);
		rules[i] = record;
		if (!record->active && !(goes_on && record->stored.since != 0))
			begin(record, now);
		record->stored.kept = now;
	}
	for (size_t position = 0; (record = bh_map_next(u->records, &position)) != NULL;)
		record->active = false;
	for (size_t i = 0; i < count; i++)
		rules[i]->active = true;
	free(u->rules);
	free(u->source_is_here);
	u->rules = rules;
	u->rule_count = count;
	u->source_is_here = NULL;
	u->spoiled = u->asked;
	forget_answers(u);
}

void bh_core_uses_policy(struct bh_core *core)
{
	set_rules(core, false);
}

int bh_core_uses_load(struct bh_core *core, struct bh_error *err)
{
	int result = bh_store_load_uses(core->store, bh_time_now() - KEEP_RECORDS, load, core->uses,
					err);

	if (result == 0 && core->policy != NULL)
		set_rules(core, true);
	return result;
}

int bh_core_uses_save(struct bh_core *core, struct bh_error *err)
{
	struct record *record;
	int result = 0;

	for (size_t position = 0;
	     result == 0 && (record = bh_map_next(core->uses->records, &position)) != NULL;) {
		if (!record->unsaved)
			continue;
		bh_core_store_write(core);
		result = bh_store_save_use(core->store, &record->stored, err);
		record->unsaved = false;
	}
	return result;
}

void bh_core_uses_mark_unsaved(struct bh_core *core)
{
	struct record *record;

	for (size_t position = 0; (record = bh_map_next(core->uses->records, &position)) != NULL;)
		record->unsaved = true;
}

/* time: of the use, at the latest. */
static void note_use(struct record *record, int64_t time, enum told_by told_by, bool shared)
{
	struct bh_stored_use *s = &record->stored;

	if (time <= s->used)
		return;
	s->used = time;
	s->told_by = (uint8_t)told_by;
	s->shared = shared;
	record->unsaved = true;
}

/* --- flows ------------------------------------------------------------------------------------ */

static int ask(const struct bh_core *core, const struct bh_live_flow *live)
{
	struct bh_answer answer;
	struct bh_peer room;
	struct bh_question question = bh_core_flow_question(core, live, &room);

	bh_policy_evaluate(core->policy, &question, &answer);
	return answer.verdict != BH_UNCERTAIN ? answer.rule : -1;
}

/* An address says no more than its peer where that is a workload, unless rules speak of containers
 * by their addresses. */
static void put_end(struct bh_buffer *key, const struct bh_core *core, const struct bh_peer *peer,
		    const struct bh_addr *addr)
{
	bh_buffer_append(key, &peer->kind, sizeof(peer->kind));
	bh_buffer_append(key, peer->name, strlen(peer->name) + 1);
	if (peer->kind != BH_PEER_WORKLOAD || core->policy->has_containers)
		bh_buffer_append(key, addr, sizeof(*addr));
}

/* What the answer rests on, but for names that others of the workload asked for: those show where
 * answers are forgotten. */
static XXH128_hash_t key_of(const struct bh_core *core, const struct bh_live_flow *live)
{
	const struct bh_flow_key *key = &live->flow.key;
	bool unknown = live->flow.direction == BH_DIRECTION_UNKNOWN;
	const char *dns = live->dns != NULL ? bh_name_text(live->dns) : "";
	struct bh_buffer text = { 0 };

	put_end(&text, core, live->src, &key->src);
	put_end(&text, core, live->dst, &key->dst);
	bh_buffer_printf(&text, "%s %u %u %u", dns, key->proto, key->dport,
			 unknown ? 1u + key->sport : 0);
	XXH128_hash_t hash = XXH3_128bits(text.data, text.length);
	bh_buffer_free(&text);
	return hash;
}

static int rule_of(struct bh_core *core, const struct bh_live_flow *live)
{
	struct bh_rule_uses *u = core->uses;
	XXH128_hash_t key = key_of(core, live);
	struct rule_of *known = bh_map_get(u->judged, &key, sizeof(key));

	if (known != NULL)
		return known->rule;
	if (bh_map_count(u->judged) >= MOST_JUDGED)
		forget_answers(u);
	known = bh_calloc(1, sizeof(*known));
	known->rule = ask(core, live);
	bh_map_put(u->judged, &key, sizeof(key), known);
	return known->rule;
}

void bh_core_use_flow(struct bh_core *core, struct bh_live_flow *live)
{
	struct bh_rule_uses *u = core->uses;

	if (core->policy == NULL || live->spoofed)
		return;
	/* Who has no rule may get a name, and by that one. */
	if (live->use_epoch != u->epoch || live->used_rule < 0) {
		live->used_rule = rule_of(core, live);
		live->use_epoch = u->epoch;
	}
	if (live->used_rule < 0 || (size_t)live->used_rule >= u->rule_count)
		return;
	struct record *record = u->rules[live->used_rule];
	if (live->flow.last >= record->stored.since)
		note_use(record, live->flow.last, BY_FLOW, false);
}

/* --- counters --------------------------------------------------------------------------------- */

static uint64_t element_of(const struct bh_use *use)
{
	const uint16_t ports[] = { use->port_first, use->port_last };
	const uint8_t kinds[] = { use->side, use->rank, use->kind, use->proto };
	XXH3_state_t *state = XXH3_createState();

	if (state == NULL)
		abort();
	XXH3_64bits_reset(state);
	XXH3_64bits_update(state, use->hash, sizeof(use->hash));
	XXH3_64bits_update(state, kinds, sizeof(kinds));
	XXH3_64bits_update(state, &use->first, sizeof(use->first));
	XXH3_64bits_update(state, &use->last, sizeof(use->last));
	XXH3_64bits_update(state, ports, sizeof(ports));
	uint64_t element = XXH3_64bits_digest(state);
	XXH3_freeState(state);
	return element;
}

static int compare_counts(const void *a, const void *b)
{
	const struct count *x = a, *y = b;

	return (x->element > y->element) - (x->element < y->element);
}

/* An element that was made anew has counted from 0. */
static bool has_counted(const struct bh_rule_uses *u, const struct count *now)
{
	const struct count *before = u->before.count > 0
					     ? bsearch(now, u->before.items, u->before.count,
						       sizeof(*now), compare_counts)
					     : NULL;

	return before == NULL || before->packets != now->packets;
}

static bool covers_port(const struct bh_permit *p, const struct bh_use *use)
{
	if (p->proto == BH_ANY_PROTOCOL || use->proto == BH_ANY_PROTOCOL)
		return p->proto == BH_ANY_PROTOCOL;
	return p->proto == use->proto && p->port_first <= use->port_last &&
	       use->port_first <= p->port_last;
}

static bool covers_address(const struct bh_permit *p, const struct bh_use *use)
{
	if (use->first.family == BH_NO_FAMILY)
		return true;
	return bh_prefix_contains(&p->peer, &use->first) ||
	       (p->peer.addr.family == use->first.family &&
		bh_addr_compare(&p->peer.addr, &use->first) >= 0 &&
		bh_addr_compare(&p->peer.addr, &use->last) <= 0);
}

/* The first permission of this kind and rank from this address on; they are in that order. */
static size_t first_permit(const struct bh_chain *chain, uint8_t kind, uint8_t rank,
			   const struct bh_addr *addr)
{
	size_t low = 0, high = chain->permit_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct bh_permit *p = &chain->permits[middle];
		int order = p->kind != kind   ? p->kind - kind
			    : p->rank != rank ? p->rank - rank
					      : bh_addr_compare(&p->peer.addr, addr);

		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Calls found() with each of the chain's rules that ask for the element. An element may stand for
 * more than one of them asks for, where the kernel keeps neighbours as one. */
static void each_rule(const struct bh_chain *chain, const struct bh_use *use, uint8_t kind,
		      void (*found)(void *user, uint32_t rule), void *user)
{
	static const struct bh_addr lowest;
	bool exact = kind == BH_PERMIT_PEER;

	for (size_t i = first_permit(chain, kind, use->rank, exact ? &use->first : &lowest);
	     i < chain->permit_count && chain->permits[i].kind == kind &&
	     chain->permits[i].rank == use->rank;
	     i++) {
		const struct bh_permit *p = &chain->permits[i];

		if (exact && bh_addr_compare(&p->peer.addr, &use->last) > 0)
			break;
		if (covers_port(p, use) && covers_address(p, use))
			found(user, p->rule);
	}
}

struct takers {
	struct record **records;
	size_t count, capacity;
	const struct bh_rule_uses *uses;
};

static void add_taker(void *user, uint32_t rule)
{
	struct takers *t = user;
	struct record *record = rule < t->uses->rule_count ? t->uses->rules[rule] : NULL;

	for (size_t i = 0; record != NULL && i < t->count; i++)
		if (t->records[i] == record)
			return;
	if (record == NULL)
		return;
	t->records = bh_grow(t->records, &t->capacity, t->count + 1, sizeof(struct record *));
	t->records[t->count++] = record;
}

static struct bh_map *index_chains(const struct bh_ruleset *rules)
{
	struct bh_map *chains = bh_map_new(NULL);
	char key[BH_CHAIN_HASH + 1];

	for (size_t i = 0; i < rules->chain_count; i++) {
		memcpy(key, rules->chains[i].hash, BH_CHAIN_HASH);
		key[BH_CHAIN_HASH] = (char)rules->chains[i].side;
		bh_map_put(chains, key, sizeof(key), &rules->chains[i]);
	}
	return chains;
}

static void take_use(struct bh_core *core, const struct bh_map *chains, const struct bh_use *use,
		     struct takers *takers)
{
	struct bh_rule_uses *u = core->uses;
	struct count count = { element_of(use), use->packets };
	char key[BH_CHAIN_HASH + 1];

	u->now.items = bh_grow(u->now.items, &u->now.capacity, u->now.count + 1, sizeof(count));
	u->now.items[u->now.count++] = count;
	memcpy(key, use->hash, BH_CHAIN_HASH);
	key[BH_CHAIN_HASH] = (char)use->side;
	const struct bh_chain *chain = bh_map_get(chains, key, sizeof(key));
	if (chain == NULL)
		return;
	takers->count = 0;
	each_rule(chain, use, use->kind, add_taker, takers);
	if (use->kind == BH_PERMIT_PREFIX)
		each_rule(chain, use, BH_PERMIT_PEER, add_taker, takers);
	for (size_t i = 0; i < takers->count; i++) {
		takers->records[i]->packets += use->packets;
		takers->records[i]->shares = takers->records[i]->shares || takers->count > 1;
		/* What was counted before there was the rule was another one's. */
		if (u->has_before && has_counted(u, &count) &&
		    takers->records[i]->stored.since <= u->read)
			note_use(takers->records[i], bh_time_now(), BY_COUNTER, takers->count > 1);
	}
}

/* Rules are known by their numbers, which are those of the policy that the ruleset is of. */
static bool is_of_policy(const struct bh_core *core)
{
	return core->policy != NULL && core->rules != NULL &&
	       strcmp(core->rules->revision, core->revision) == 0;
}

void bh_core_uses_take(struct bh_core *core, const struct bh_use *uses, size_t count)
{
	struct bh_rule_uses *u = core->uses;
	struct takers takers = { .uses = u };

	u->spoiled = u->spoiled || !is_of_policy(core);
	if (!u->asked || u->spoiled)
		return;
	struct bh_map *chains = index_chains(core->rules);
	for (size_t i = 0; i < count; i++)
		take_use(core, chains, &uses[i], &takers);
	bh_map_free(chains);
	free(takers.records);
}

/* Between two runs nobody compared: what had counted more than it had when the one before read it
 * last was used meanwhile; by which element is not known. */
static void settle(struct bh_rule_uses *u, int64_t now)
{
	for (size_t i = 0; i < u->rule_count; i++) {
		struct record *record = u->rules[i];

		if (!u->has_before && record->loaded && record->packets > record->stored.packets)
			note_use(record, now, BY_COUNTER, record->shares);
		record->unsaved = record->unsaved || record->stored.packets != record->packets;
		record->stored.packets = record->packets;
		record->loaded = false;
	}
}

void bh_core_uses_end(struct bh_core *core, int32_t result)
{
	struct bh_rule_uses *u = core->uses;

	if (!u->asked)
		return;
	u->asked = false;
	if (u->spoiled || result != 0) {
		u->now.count = 0;
		return;
	}
	u->read = bh_time_now();
	settle(u, u->read);
	if (u->now.count > 0)
		qsort(u->now.items, u->now.count, sizeof(*u->now.items), compare_counts);
	struct counts old = u->before;
	u->before = u->now;
	u->now = (struct counts) { .items = old.items, .capacity = old.capacity };
	u->has_before = true;
}

/* False: there is nothing to be read. */
static bool read_counters(struct bh_core *core)
{
	struct bh_rule_uses *u = core->uses;

	if (core->kernel == NULL || core->enforcement != BH_ENFORCEMENT_ACTIVE ||
	    !is_of_policy(core))
		return false;
	for (size_t i = 0; i < u->rule_count; i++) {
		u->rules[i]->packets = 0;
		u->rules[i]->shares = false;
	}
	u->now.count = 0;
	u->spoiled = false;
	u->asked = bh_channel_send(core->kernel, BH_MSG_USES_GET, NULL, 0, NULL, 0, -1) == 0;
	return u->asked;
}

/* --- who is there ----------------------------------------------------------------------------- */

static bool *entries_here(const struct bh_core *core)
{
	const struct bh_policy *policy = core->policy;
	bool *here = bh_calloc(policy->workload_count, sizeof(*here));
	const struct bh_instance *instance;

	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;) {
		struct bh_peer peer = bh_peer_workload(instance->workload);
		struct bh_subject subject = { .peer = &peer };

		bh_core_instance_subject(instance, &subject);
		for (size_t i = 0; instance->workload[0] != '\0' && i < policy->workload_count;
		     i++) {
			struct bh_policy_peer entry = { .kind = BH_POLICY_WORKLOAD, .workload = i };

			here[i] = here[i] || bh_policy_peer_matches(policy, &entry, &subject);
		}
	}
	return here;
}

static bool any_here(const struct bh_policy_peers *peers, const bool *here, bool others)
{
	for (size_t i = 0; i < peers->count; i++)
		if (peers->items[i].kind == BH_POLICY_WORKLOAD ? here[peers->items[i].workload]
							       : others)
			return true;
	return false;
}

/* Who could open something by the rule: one of its sources, or whoever is no container, where there
 * is one to be reached. */
static bool has_source(const struct bh_policy_rule *rule, const bool *here)
{
	return any_here(&rule->from, here, false) ||
	       (any_here(&rule->from, here, true) && any_here(&rule->to, here, false));
}

static void look_who_is_here(struct bh_core *core)
{
	struct bh_rule_uses *u = core->uses;

	if (u->source_is_here != NULL && u->generation == bh_model_generation(core->model))
		return;
	bool *here = entries_here(core);
	free(u->source_is_here);
	u->source_is_here = bh_calloc(u->rule_count, sizeof(bool));
	for (size_t i = 0; i < u->rule_count; i++)
		u->source_is_here[i] = has_source(&core->policy->rules[i], here);
	u->generation = bh_model_generation(core->model);
	free(here);
}

static void note_watch(struct bh_core *core, int64_t now, int64_t elapsed)
{
	struct bh_rule_uses *u = core->uses;

	look_who_is_here(core);
	for (size_t i = 0; i < u->rule_count; i++) {
		/* Rules that say the same share a record. */
		if (!u->source_is_here[i] || u->rules[i]->stored.seen == now)
			continue;
		u->rules[i]->stored.seen = now;
		u->rules[i]->stored.watched += elapsed;
	}
}

static void mark_rules_unsaved(struct bh_rule_uses *u, int64_t now)
{
	for (size_t i = 0; i < u->rule_count; i++) {
		u->rules[i]->stored.kept = now;
		u->rules[i]->unsaved = true;
	}
}

void bh_core_uses_tick(struct bh_core *core, int64_t now, int64_t monotonic)
{
	struct bh_rule_uses *u = core->uses;
	bool watching = core->policy != NULL && core->scanned && core->watched_at != 0;

	if (watching && u->ticked != 0)
		note_watch(core, now, monotonic - u->ticked);
	u->ticked = watching ? monotonic : 0;
	if (monotonic >= u->save_due) {
		u->save_due = monotonic + SAVE_ALL;
		mark_rules_unsaved(u, now);
	}
	if (monotonic >= u->forget_due) {
		u->forget_due = monotonic + BH_USES_INTERVAL;
		forget_answers(u);
	}
	if (monotonic < u->due)
		return;
	/* What is there first is what all that follows is compared with. */
	u->due = monotonic + (read_counters(core) ? BH_USES_INTERVAL : FIRST_READING);
}

/* --- telling ---------------------------------------------------------------------------------- */

/* By rule: whether an element of it is in the kernel, in the chain of somebody who is audited at
 * least. */
static bool *counted_rules(const struct bh_core *core)
{
	bool *counted = bh_calloc(core->policy->rule_count, sizeof(*counted));
	const struct bh_ruleset *rules = core->rules;

	if (core->enforcement != BH_ENFORCEMENT_ACTIVE || !is_of_policy(core))
		return counted;
	for (size_t i = 0; i < rules->chain_count; i++) {
		const struct bh_chain *chain = &rules->chains[i];

		for (size_t j = 0; chain->mode != BH_LEARN && j < chain->permit_count; j++)
			if (chain->permits[j].kind != BH_PERMIT_PLACE &&
			    chain->permits[j].rule < core->policy->rule_count)
				counted[chain->permits[j].rule] = true;
	}
	return counted;
}

static const char *state_of(const struct bh_policy_rule *rule, const struct bh_stored_use *s,
			    int64_t since)
{
	if (s->used > 0 && s->used >= (since > 0 ? since : s->since))
		return "used";
	if (rule->over)
		return "over";
	return s->seen > 0 && s->seen >= since ? "unused" : "unknown";
}

/* What there is to be said besides; NULL: nothing. */
static const char *remark(const char *state, const struct bh_stored_use *s, bool counted,
			  int64_t since)
{
	if (strcmp(state, "unknown") == 0)
		return "none of its sources was there: nothing could be seen";
	if (strcmp(state, "used") == 0)
		return s->shared ? "by an address and port that other rules have, too" : NULL;
	if (strcmp(state, "unused") == 0 && since > 0 && since < s->since)
		return "watched for a part of that time only";
	if (strcmp(state, "unused") == 0 && !counted)
		return "nothing of it is in the kernel of anybody who is audited or enforced: "
		       "flows alone would tell";
	return NULL;
}

static cJSON *rule_json(const struct bh_core *core, size_t rule, bool counted, int64_t since)
{
	static const char *const told_by[] = { NULL, "flow", "counter" };
	const struct bh_stored_use *s = &core->uses->rules[rule]->stored;
	const char *state = state_of(&core->policy->rules[rule], s, since);
	cJSON *json = cJSON_CreateObject();
	char text[RULE_TEXT];

	bh_policy_rule_text(core->policy, rule, text, sizeof(text));
	cJSON_AddNumberToObject(json, "rule", (double)rule + 1);
	bh_core_add_text(json, "text", text);
	cJSON_AddStringToObject(json, "id", s->rule);
	cJSON_AddStringToObject(json, "state", state);
	bh_core_add_time(json, "last_used", s->used);
	bh_core_add_text(json, "told_by", s->told_by <= BY_COUNTER ? told_by[s->told_by] : NULL);
	cJSON_AddBoolToObject(json, "shared", s->shared);
	bh_core_add_time(json, "watched_since", s->since);
	cJSON_AddNumberToObject(json, "watched_for", (double)s->watched / BH_SECOND);
	bh_core_add_time(json, "source_seen", s->seen);
	cJSON_AddBoolToObject(json, "counted", counted);
	bh_core_add_text(json, "remark", remark(state, s, counted, since));
	return json;
}

cJSON *bh_core_uses_json(const struct bh_core *core, int64_t since)
{
	cJSON *json = cJSON_CreateObject(), *list;
	bool *counted = counted_rules(core);

	cJSON_AddNumberToObject(json, "number", (double)core->revision_number);
	cJSON_AddStringToObject(json, "revision", core->revision);
	bh_core_add_time(json, "since", since);
	bh_core_add_time(json, "counters_read", core->uses->read);
	list = cJSON_AddArrayToObject(json, "rules");
	for (size_t i = 0; i < core->uses->rule_count; i++)
		cJSON_AddItemToArray(list, rule_json(core, i, counted[i], since));
	free(counted);
	return json;
}
