/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_exceptions.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "core_api.h"
#include "grow.h"
#include "ruleset.h"

struct exception {
	struct bh_flow_key key;
	uint32_t ports[2]; /* ifindexes of the veths that src and dst are behind */
	bool opener_known; /* src opened it */
	bool tracked;	   /* connection tracking knows it, too, and tells of its end */
	bool pending;	   /* of the change that was not looked at yet */
	int64_t made;	   /* µs */
	int64_t until;	   /* µs; 0: until it ends */
	int64_t due;	   /* the same, monotonic */
	int64_t seen;	   /* monotonic: when capture last knew it */
};

struct bh_core_exceptions {
	struct bh_map *all;	/* tuple → struct exception */
	struct bh_map *decided; /* tuples of this change, that are none or not any more */
	struct bh_map *cuts;	/* struct bh_cut_group of this change */
	struct bh_exceptions_told told;
	bool unsaved;
	bool loaded;	   /* what an earlier run wrote, and the kernel took no rules since */
	char boot[96];	   /* that it was written in */
	bool was_stateful; /* it says that connections were tracked */
};

struct bh_core_exceptions *bh_core_exceptions_new(void)
{
	struct bh_core_exceptions *x = bh_calloc(1, sizeof(*x));

	x->all = bh_map_new(free);
	x->decided = bh_map_new(NULL);
	x->cuts = bh_map_new(free);
	return x;
}

void bh_core_exceptions_free(struct bh_core_exceptions *x)
{
	if (x == NULL)
		return;
	bh_map_free(x->all);
	bh_map_free(x->decided);
	bh_map_free(x->cuts);
	free(x);
}

static void forget_all(struct bh_core_exceptions *x)
{
	bh_map_free(x->all);
	x->all = bh_map_new(free);
	x->unsaved = true;
}

static void *get_either_way(const struct bh_map *map, const struct bh_flow_key *key)
{
	struct bh_flow_key back = bh_flow_key_turned(key);
	struct bh_tuple tuple = bh_tuple_of(key), turned = bh_tuple_of(&back);
	void *value = NULL;

	if (bh_map_count(map) > 0)
		value = bh_map_get(map, &tuple, sizeof(tuple));
	if (bh_map_count(map) > 0 && value == NULL)
		value = bh_map_get(map, &turned, sizeof(turned));
	return value;
}

bool bh_core_exceptions_know(const struct bh_core *core, const struct bh_flow_key *key)
{
	const struct bh_core_exceptions *x = core->existing->exceptions;

	return get_either_way(x->all, key) != NULL || get_either_way(x->decided, key) != NULL;
}

bool bh_core_exceptions_meet(struct bh_core *core, const struct bh_flow_key *key)
{
	struct exception *x = get_either_way(core->existing->exceptions->all, key);

	if (x != NULL)
		x->tracked = true;
	return bh_core_exceptions_know(core, key);
}

/* --- which can be one ------------------------------------------------------------------------- */

/* Whoever holds src and dst now, if both are on one bridge. */
static bool find_ends(const struct bh_core *core, const struct bh_flow_key *key,
		      const struct bh_instance *ends[2])
{
	int64_t now = bh_time_now();

	ends[0] = bh_model_holder(core->model, &key->src, now);
	ends[1] = bh_model_holder(core->model, &key->dst, now);
	return ends[0] != NULL && ends[1] != NULL && ends[0] != ends[1] &&
	       ends[0]->fact.master_ifindex != 0 &&
	       ends[0]->fact.master_ifindex == ends[1]->fact.master_ifindex;
}

/* others: that become exceptions, too. */
static const char *prevented(const struct bh_core *core, uint8_t proto, size_t others)
{
	if (!bh_exception_is_possible(proto))
		return "nothing in its packets tells one exchange from another";
	if (others + bh_map_count(core->existing->exceptions->all) >= BH_EXCEPTIONS_MOST)
		return "there are too many of them";
	return NULL;
}

const char *bh_core_exceptions_prevent(const struct bh_core *core, const struct bh_flow_key *key,
				       bool tracked, size_t others)
{
	const struct bh_instance *ends[2];

	if (!bh_core_is_stateless(core))
		return NULL;
	if (find_ends(core, key, ends))
		return prevented(core, key->proto, others);
	return tracked ? NULL : "it is not known which port of the bridge its other end is behind";
}

void bh_core_exceptions_limits(const struct bh_core *core, char *out, size_t size)
{
	char since[BH_TIME_TEXT];
	uint64_t shed = core->capture_stats.table.evicted;
	int used = snprintf(out, size,
			    "on a stateless bridge a connection that has been silent since "
			    "bulkhead started, at %s, is not known to be open, and is cut",
			    bh_time_format(core->started, since));

	if (shed > 0 && used > 0 && (size_t)used < size)
		snprintf(out + used, size - (size_t)used,
			 "; so are those of %llu flows that capture shed for want of room which "
			 "have been silent since",
			 (unsigned long long)shed);
}

/* --- deciding --------------------------------------------------------------------------------- */

/* That it was answered may be reported with the next interval; and where capture copies no more
 * than what opens and ends connections, nobody sees what they say. */
static bool may_be_open(const struct bh_core *core, const struct bh_flow *f)
{
	bool fresh = bh_time_now() - f->first < core->config.report_interval + BH_SECOND;

	return f->direction == BH_DIRECTION_SYN && f->tx.delivered.packets > 0 &&
	       (f->state == BH_FLOW_ANSWERED || (f->state == BH_FLOW_ATTEMPTED && fresh)) &&
	       (fresh || bh_core_count_is_needed(core, f));
}

bool bh_core_exceptions_open(const struct bh_core *core, const struct bh_live_flow *live)
{
	if (!bh_core_is_stateless(core) || live->spoofed)
		return false;
	return bh_core_flow_is_open(live) ||
	       (!live->flow.final && !live->denied && !live->denied_back && live->joined == NULL &&
		bh_core_flow_is_judged(live) && may_be_open(core, &live->flow));
}

/* As if it were tracked. */
static struct bh_tracked entry_of(const struct bh_flow_key *key, bool opener_known)
{
	return (struct bh_tracked) { .original = *key,
				     .reply = bh_flow_key_turned(key),
				     .start = opener_known ? BH_TRACKED_START_SEEN
							   : BH_TRACKED_START_UNSURE,
				     .seen_reply = true };
}

static struct bh_existing wanted(const struct bh_core *core)
{
	return core->existing->says ? core->existing->wanted : core->config.existing;
}

static void put(struct bh_core *core, const struct exception *from)
{
	struct exception *x = bh_calloc(1, sizeof(*x));
	struct bh_tuple tuple = bh_tuple_of(&from->key);

	*x = *from;
	bh_map_put(core->existing->exceptions->all, &tuple, sizeof(tuple), x);
	core->existing->exceptions->unsaved = true;
}

static void let_go_on(struct bh_core *core, const struct bh_live_flow *live,
		      const struct bh_instance *const ends[2])
{
	struct bh_existing how = wanted(core);
	int64_t now = bh_time_now(), monotonic = bh_time_monotonic();
	bool drains = how.how == BH_EXISTING_DRAIN;
	const struct exception x = { .key = live->flow.key,
				     .ports = { ends[0]->fact.ifindex, ends[1]->fact.ifindex },
				     .opener_known = live->flow.direction != BH_DIRECTION_UNKNOWN,
				     .pending = true,
				     .made = now,
				     .until = drains ? now + how.drain : 0,
				     .due = drains ? monotonic + how.drain : 0,
				     .seen = monotonic };

	put(core, &x);
}

/* What cannot be judged for certain the rules refuse like the rest. */
static void decide_fate(struct bh_core *core, const struct bh_live_flow *live,
			const struct bh_instance *const ends[2], const struct bh_open *open,
			enum bh_fate fate, const struct bh_answer *answer)
{
	struct bh_core_exceptions *x = core->existing->exceptions;
	struct bh_tuple tuple = bh_tuple_of(&live->flow.key);
	bool cuts = wanted(core).how == BH_EXISTING_CUT;

	bh_map_put(x->decided, &tuple, sizeof(tuple), x);
	if (fate == BH_FATE_EITHER) {
		x->told.either++;
	} else if (cuts || prevented(core, live->flow.key.proto, 0) != NULL) {
		bh_cut_group_of(x->cuts, open, answer, false)->count++;
		x->told.not_kept += !cuts;
	} else {
		let_go_on(core, live, ends);
	}
}

static void decide_about(struct bh_core *core, const struct bh_live_flow *live,
			 const struct bh_view_of *before, struct bh_map *passing)
{
	const struct bh_view_of now = { .policy = core->policy };
	const struct bh_flow_key *key = &live->flow.key;
	const struct bh_instance *ends[2];
	struct bh_answer answer, ignored;
	struct bh_open open;

	if (!bh_core_exceptions_open(core, live) || bh_core_exceptions_know(core, key) ||
	    !find_ends(core, key, ends))
		return;
	const struct bh_tracked entry = entry_of(key, live->flow.direction != BH_DIRECTION_UNKNOWN);
	enum bh_fate fate = bh_open_judge(core, &entry, &now, passing, &open, &answer);
	if (fate != BH_FATE_PASSES &&
	    bh_existing_is_worse(bh_open_fate(core, &open, before, &ignored), fate))
		decide_fate(core, live, ends, &open, fate, &answer);
}

bool bh_core_exceptions_decide(struct bh_core *core, const struct bh_past_force *past)
{
	const struct bh_core_existing *e = core->existing;
	size_t had = bh_map_count(e->exceptions->all);

	if (!bh_core_is_stateless(core) || e->made == e->looked)
		return false;
	struct bh_policy *policy = bh_core_policy_of(core, past->number, past->time, NULL);
	const struct bh_view_of before = { .policy = policy, .past = past };
	struct bh_map *passing = bh_map_new(NULL);
	for (const struct bh_live_flow *live = core->oldest; live != NULL; live = live->newer)
		decide_about(core, live, &before, passing);
	bh_map_free(passing);
	bh_policy_free(policy);
	return bh_map_count(e->exceptions->all) > had;
}

/* --- into the rules --------------------------------------------------------------------------- */

static bool is_over(const struct exception *x)
{
	return x->until != 0 && bh_time_monotonic() >= x->due;
}

static bool is_refused(const struct bh_core *core, const struct exception *x, struct bh_open *open,
		       struct bh_tracked *entry, struct bh_answer *answer)
{
	const struct bh_view_of now = { .policy = core->policy };
	struct bh_map *passing = bh_map_new(NULL);

	*entry = entry_of(&x->key, x->opener_known);
	enum bh_fate fate = bh_open_judge(core, entry, &now, passing, open, answer);
	bh_map_free(passing);
	return fate >= BH_FATE_UNCERTAIN;
}

/* Its ends are who they were, and the rules still refuse it. */
static bool is_needed(const struct bh_core *core, const struct exception *x,
		      const struct bh_instance *ends[2])
{
	struct bh_tracked entry;
	struct bh_answer answer;
	struct bh_open open;

	return find_ends(core, &x->key, ends) && ends[0]->fact.ifindex == x->ports[0] &&
	       ends[1]->fact.ifindex == x->ports[1] && is_refused(core, x, &open, &entry, &answer);
}

static void remove_one(struct bh_core_exceptions *all, const struct exception *x)
{
	struct bh_tuple tuple = bh_tuple_of(&x->key);

	bh_map_remove(all->all, &tuple, sizeof(tuple));
	all->unsaved = true;
}

static void add_to_rules(struct bh_core *core, struct bh_ruleset *rules)
{
	struct bh_core_exceptions *all = core->existing->exceptions;
	const struct bh_instance *ends[2];
	const struct exception *x;

	for (size_t position = 0; (x = bh_map_next(all->all, &position)) != NULL;) {
		if (is_over(x))
			continue; /* the next tick tells of it */
		if (!is_needed(core, x, ends)) {
			remove_one(all, x);
			continue;
		}
		struct bh_exception *out = bh_ruleset_add_exception(rules);
		out->key = x->key;
		memcpy(out->src_ifname, ends[0]->fact.ifname, BH_IFNAME);
		memcpy(out->dst_ifname, ends[1]->fact.ifname, BH_IFNAME);
	}
}

static void send_keys(struct bh_core *core, const struct bh_flow_key *keys, size_t count)
{
	if (count > 0 && core->kernel != NULL)
		bh_channel_send(core->kernel, BH_MSG_KEEP, keys, count * sizeof(*keys), NULL, 0,
				-1);
}

/* The bridges are to be filtered by connection tracking: it gets to know of them. */
static void hand_over(struct bh_core *core)
{
	struct bh_core_exceptions *all = core->existing->exceptions;
	struct bh_flow_key keys[BH_CHANNEL_ROOM(sizeof(struct bh_flow_key))];
	size_t count = 0, most = sizeof(keys) / sizeof(keys[0]);
	const struct exception *x;

	if (bh_map_count(all->all) == 0)
		return;
	for (size_t position = 0; (x = bh_map_next(all->all, &position)) != NULL;) {
		if (is_over(x))
			continue;
		keys[count++] = x->key;
		if (count < most)
			continue;
		send_keys(core, keys, count);
		count = 0;
	}
	send_keys(core, keys, count);
	forget_all(all);
}

/* What an earlier run wrote may be of another world. */
static void check_loaded(struct bh_core *core, const struct bh_ruleset *rules)
{
	struct bh_core_exceptions *x = core->existing->exceptions;

	if (!x->loaded)
		return;
	if (strcmp(x->boot, core->boot) != 0)
		forget_all(x);
	if (x->was_stateful && bh_core_is_stateless(core) && rules->chain_count > 0)
		bh_core_event(core, "cut",
			      "bridges are stateless from now on (enforcement.bridge): what is "
			      "refused there is dropped silently, and what connection tracking let "
			      "go on though the rules deny it, kept or draining, is cut");
	x->was_stateful = false;
}

/* Before the kernel has them: whoever is killed in between knows of them. */
static void save_now(struct bh_core *core)
{
	struct bh_core_exceptions *x = core->existing->exceptions;
	struct bh_error err = { 0 };

	bh_core_store_write(core);
	if (bh_core_existing_save(core, &err) != 0)
		bh_core_store_failed(core, &err);
	else if (bh_core_store_flush(core, &err) == 0)
		x->unsaved = false;
}

void bh_core_exceptions_compile(struct bh_core *core, struct bh_ruleset *rules)
{
	const struct bh_core_existing *e = core->existing;
	/* While cuts are under way, what they follow from is in force. */
	const struct bh_past_force *past = e->now.modes != NULL ? &e->now : &e->settled;

	check_loaded(core, rules);
	if (!bh_core_is_stateless(core)) {
		hand_over(core);
		return;
	}
	bh_core_exceptions_decide(core, past);
	add_to_rules(core, rules);
	if (e->exceptions->unsaved)
		save_now(core);
}

void bh_core_exceptions_stand(struct bh_core *core, bool adopted)
{
	struct bh_core_exceptions *x = core->existing->exceptions;
	/* Else the kernel process is the one that installed them. */
	bool fresh = x->loaded && !adopted && core->capture_state.core_restarts == 0;

	x->loaded = false;
	if (!fresh || bh_map_count(x->all) == 0)
		return;
	bh_core_event(core, "cut",
		      "%zu connections that were kept or draining are judged like others: no "
		      "rules of an earlier run stood any more",
		      bh_map_count(x->all));
	forget_all(x);
	bh_core_rules_touch(core);
}

/* --- being done with a change ----------------------------------------------------------------- */

static void add_cuts(struct bh_core_exceptions *x, struct bh_map *groups)
{
	const struct bh_cut_group *g;

	for (size_t position = 0; (g = bh_map_next(x->cuts, &position)) != NULL;)
		bh_cut_group_like(groups, g)->count += g->count;
	bh_map_free(x->cuts);
	x->cuts = bh_map_new(free);
}

void bh_core_exceptions_settle(struct bh_core *core, const struct bh_step *step,
			       struct bh_map *groups, struct bh_exceptions_told *told)
{
	struct bh_core_exceptions *all = core->existing->exceptions;
	bool drains = step->existing.how == BH_EXISTING_DRAIN;
	struct exception *x;

	for (size_t position = 0; (x = bh_map_next(all->all, &position)) != NULL;) {
		if (!x->pending)
			continue;
		x->pending = false;
		x->until = drains ? step->until : 0;
		x->due = drains ? step->due : 0;
		all->told.goes_on++;
	}
	add_cuts(all, groups);
	*told = all->told;
	all->told = (struct bh_exceptions_told) { 0 };
	bh_map_free(all->decided);
	all->decided = bh_map_new(NULL);
}

size_t bh_core_exceptions_draining(const struct bh_core *core, int64_t until)
{
	const struct exception *x;
	size_t count = 0;

	for (size_t position = 0;
	     (x = bh_map_next(core->existing->exceptions->all, &position)) != NULL;)
		count += x->until == until;
	return count;
}

/* --- ends ------------------------------------------------------------------------------------- */

static const struct bh_live_flow *newest_of(const struct bh_core *core,
					    const struct bh_flow_key *key)
{
	struct bh_newest newest = bh_live_flows_newest(core->flows, key);

	if (newest.there == NULL || newest.back == NULL)
		return newest.there != NULL ? newest.there : newest.back;
	return newest.there->flow.last >= newest.back->flow.last ? newest.there : newest.back;
}

/* A flow that capture lost sight of is not over. */
static bool has_ended(const struct exception *x, const struct bh_flow *flow)
{
	if (flow->final)
		return flow->state == BH_FLOW_CLOSED || flow->state == BH_FLOW_REFUSED ||
		       !flow->lossy;
	/* A SYN that came later opens another connection. */
	return flow->key.proto == IPPROTO_TCP && flow->direction == BH_DIRECTION_SYN &&
	       flow->first > x->made;
}

static bool is_gone(const struct bh_core *core, struct exception *x)
{
	const struct bh_live_flow *live = newest_of(core, &x->key);

	if (live != NULL && has_ended(x, &live->flow))
		return true;
	if (live != NULL && !live->flow.final) {
		x->seen = bh_time_monotonic();
		return false;
	}
	return bh_time_monotonic() - x->seen > bh_core_longest_silence(core, x->key.proto);
}

static void tell_drained(const struct bh_core *core, const struct exception *x,
			 struct bh_map *groups)
{
	struct bh_tracked entry;
	struct bh_answer answer;
	struct bh_open open;

	if (is_refused(core, x, &open, &entry, &answer))
		bh_cut_group_of(groups, &open, &answer, true)->count++;
}

static bool end_some(struct bh_core *core, struct bh_map *drained)
{
	struct bh_core_exceptions *all = core->existing->exceptions;
	struct exception *x;
	bool any = false;

	for (size_t position = 0; (x = bh_map_next(all->all, &position)) != NULL;) {
		bool gone = is_gone(core, x);

		if (!gone && !is_over(x))
			continue;
		if (!gone && !x->tracked)
			tell_drained(core, x, drained);
		remove_one(all, x);
		any = true;
	}
	return any;
}

void bh_core_exceptions_tick(struct bh_core *core)
{
	struct bh_core_exceptions *x = core->existing->exceptions;
	struct bh_map *drained = bh_map_new(free);

	if (bh_core_is_stateless(core) && end_some(core, drained))
		bh_core_rules_touch(core);
	bh_cut_groups_tell(core, drained);
	bh_map_free(drained);
	if (x->unsaved)
		save_now(core);
}

/* --- written down ----------------------------------------------------------------------------- */

static cJSON *exception_json(const struct exception *x)
{
	cJSON *json = cJSON_CreateObject();
	char text[BH_ADDR_TEXT];

	cJSON_AddNumberToObject(json, "proto", x->key.proto);
	cJSON_AddStringToObject(json, "src", bh_addr_format(&x->key.src, text));
	cJSON_AddNumberToObject(json, "sport", x->key.sport);
	cJSON_AddNumberToObject(json, "src_ifindex", x->ports[0]);
	cJSON_AddStringToObject(json, "dst", bh_addr_format(&x->key.dst, text));
	cJSON_AddNumberToObject(json, "dport", x->key.dport);
	cJSON_AddNumberToObject(json, "dst_ifindex", x->ports[1]);
	cJSON_AddBoolToObject(json, "opener_known", x->opener_known);
	cJSON_AddBoolToObject(json, "pending", x->pending);
	cJSON_AddNumberToObject(json, "made", (double)x->made);
	cJSON_AddNumberToObject(json, "until", (double)x->until);
	return json;
}

cJSON *bh_core_exceptions_json(const struct bh_core *core)
{
	const struct bh_core_exceptions *all = core->existing->exceptions;
	cJSON *json = cJSON_CreateObject();
	const struct exception *x;

	cJSON_AddBoolToObject(json, "stateless", bh_core_is_stateless(core));
	/* Not known yet where an earlier run's are still to be looked at. */
	cJSON_AddStringToObject(json, "boot", core->boot[0] != '\0' ? core->boot : all->boot);
	cJSON *list = cJSON_AddArrayToObject(json, "connections");
	for (size_t position = 0; (x = bh_map_next(all->all, &position)) != NULL;)
		cJSON_AddItemToArray(list, exception_json(x));
	return json;
}

static bool read_end(const cJSON *json, const char *addr, const char *port, const char *ifindex,
		     struct bh_addr *out, uint16_t *number, uint32_t *behind)
{
	const cJSON *text = cJSON_GetObjectItem(json, addr);
	int64_t p = bh_past_number(json, port), i = bh_past_number(json, ifindex);

	*number = (uint16_t)p;
	*behind = (uint32_t)i;
	return cJSON_IsString(text) && bh_addr_parse(text->valuestring, out) && p <= UINT16_MAX &&
	       i > 0 && i <= UINT32_MAX;
}

/* Where the wall clock was set back meanwhile nothing drains longer than it was to. */
static void set_due(struct exception *x)
{
	int64_t left = x->until - bh_time_now();

	if (left > x->until - x->made)
		left = x->until - x->made;
	x->due = bh_time_monotonic() + (left > 0 ? left : 0);
}

static void read_one(struct bh_core *core, const cJSON *json)
{
	struct exception x = { .made = bh_past_number(json, "made"),
			       .until = bh_past_number(json, "until"),
			       .seen = bh_time_monotonic() };
	int64_t proto = bh_past_number(json, "proto");

	if (!read_end(json, "src", "sport", "src_ifindex", &x.key.src, &x.key.sport, &x.ports[0]) ||
	    !read_end(json, "dst", "dport", "dst_ifindex", &x.key.dst, &x.key.dport, &x.ports[1]) ||
	    x.key.src.family != x.key.dst.family || proto > UINT8_MAX ||
	    prevented(core, (uint8_t)proto, 0) != NULL)
		return;
	x.key.proto = (uint8_t)proto;
	x.opener_known = cJSON_IsTrue(cJSON_GetObjectItem(json, "opener_known"));
	x.pending = cJSON_IsTrue(cJSON_GetObjectItem(json, "pending"));
	set_due(&x);
	put(core, &x);
}

void bh_core_exceptions_read(struct bh_core *core, const cJSON *json)
{
	struct bh_core_exceptions *x = core->existing->exceptions;
	const cJSON *boot = cJSON_GetObjectItem(json, "boot"), *one;

	x->loaded = true;
	x->was_stateful = cJSON_IsFalse(cJSON_GetObjectItem(json, "stateless"));
	if (cJSON_IsString(boot))
		bh_copy_text(x->boot, sizeof(x->boot), boot->valuestring);
	cJSON_ArrayForEach (one, cJSON_GetObjectItem(json, "connections"))
		read_one(core, one);
	x->unsaved = false;
}
