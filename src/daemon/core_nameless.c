/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose DNS answers are not seen – they are asked for from the host, over TLS, or not at all – and
 * what that means: without answers no rule by name lets anything through. */
#include <stdlib.h>
#include <string.h>

#include "core_promotion.h"
#include "grow.h"

#define MOST_LISTED 5 /* workloads or names in one sentence */

/* Whether any answer for its workload was seen, or for it on whichever of its interfaces. */
static bool was_told_anything(const struct bh_core *core, const struct bh_instance *who)
{
	struct bh_names_client client = { .ifindex = who->fact.ifindex };
	const struct bh_instance *beside;
	size_t at = 0;

	if (bh_answers_knows(core->answers, who->workload) || bh_names_knows(core->names, &client))
		return true;
	while ((beside = bh_model_next_beside(core->model, who, &at)) != NULL) {
		client.ifindex = beside->fact.ifindex;
		if (bh_names_knows(core->names, &client))
			return true;
	}
	return false;
}

static bool is_unnamed_server(const struct bh_live_flow *live)
{
	const struct bh_flow *f = &live->flow;

	return live->dst->kind == BH_PEER_ADDRESS && live->src->kind == BH_PEER_WORKLOAD &&
	       live->dns == NULL && f->answered && f->key.dport != BH_DNS_PORT;
}

/* Names once each, and the first few of them as a list. */
struct listing {
	struct bh_map *seen;
	struct bh_buffer *out;
};

static void list(void *user, const char *name)
{
	struct listing *l = user;
	size_t count = bh_map_count(l->seen);

	if (bh_map_get_text(l->seen, name) != NULL)
		return;
	bh_map_put_text(l->seen, name, l);
	if (count < MOST_LISTED)
		bh_buffer_printf(l->out, "%s%s", count > 0 ? ", " : "", name);
	else if (count == MOST_LISTED)
		bh_buffer_puts(l->out, ", …");
}

/* Calls each() with the source of every flow that tells of it, and user. */
static void each_nameless(const struct bh_core *core,
			  void (*each)(void *user, const char *workload), void *user)
{
	for (const struct bh_live_flow *live = core->oldest; live != NULL; live = live->newer) {
		if (!is_unnamed_server(live))
			continue;
		const struct bh_instance *source =
			bh_model_at(core->model, live->flow.src_ifindex, live->flow.first);
		if (source != NULL && source->until == 0 && !was_told_anything(core, source))
			each(user, live->src->name);
	}
}

size_t bh_core_names_missing(const struct bh_core *core, struct bh_buffer *who)
{
	struct listing listing = { .seen = bh_map_new(NULL), .out = who };

	each_nameless(core, list, &listing);
	size_t count = bh_map_count(listing.seen);
	bh_map_free(listing.seen);
	return count;
}

static void mark(void *user, const char *workload)
{
	struct bh_workload_readiness *w = bh_readiness_find(user, workload);

	if (w != NULL)
		w->nameless = true;
}

void bh_core_nameless_mark(const struct bh_core *core, struct bh_readiness *readiness)
{
	each_nameless(core, mark, readiness);
}

/* --- rules by name ---------------------------------------------------------------------------- */

static void list_dns(const struct bh_policy *policy, const struct bh_policy_peers *to,
		     struct listing *listing)
{
	char text[BH_PEER_NAME];

	for (size_t i = 0; i < to->count; i++) {
		if (to->items[i].kind != BH_POLICY_DNS)
			continue;
		bh_policy_peer_text(policy, &to->items[i], text, sizeof(text));
		list(listing, text);
	}
}

/* The names that the active policy's rules have for the workload; whether there are any. */
static bool list_names(const struct bh_core *core, const char *workload, struct bh_buffer *out)
{
	struct listing listing = { .seen = bh_map_new(NULL), .out = out };
	struct bh_peer peer = { .kind = BH_PEER_WORKLOAD };
	struct bh_subject subject;

	bh_copy_text(peer.name, sizeof(peer.name), workload);
	bh_core_peer_subject(core, &peer, &subject);
	for (size_t i = 0; core->policy != NULL && i < core->policy->rule_count; i++) {
		const struct bh_policy_rule *rule = &core->policy->rules[i];

		if (!rule->over && bh_policy_peers_match(core->policy, &rule->from, &subject))
			list_dns(core->policy, &rule->to, &listing);
	}
	bool any = bh_map_count(listing.seen) > 0;
	bh_map_free(listing.seen);
	return any;
}

struct search {
	const char *workload;
	bool found;
};

static void compare(void *user, const char *workload)
{
	struct search *s = user;

	s->found = s->found || strcmp(s->workload, workload) == 0;
}

bool bh_core_rules_unseen(const struct bh_core *core, const char *workload, struct bh_buffer *names)
{
	struct search search = { .workload = workload };

	each_nameless(core, compare, &search);
	return search.found && list_names(core, workload, names);
}

bool bh_core_has_names(const struct bh_core *core, const char *workload)
{
	struct bh_buffer names = { 0 };
	bool any = list_names(core, workload, &names);

	bh_buffer_free(&names);
	return any;
}

static void say(const struct bh_core *core, const char *workload, bool goes_out, cJSON *sentences)
{
	struct bh_buffer names = { 0 }, text = { 0 };
	bool rules = list_names(core, workload, &names);

	if (goes_out)
		bh_buffer_printf(&text,
				 "%s goes to servers outside, and no DNS answer for it was seen",
				 workload);
	else if (rules)
		bh_buffer_printf(&text, "no DNS answer for %s was seen yet", workload);
	if (rules)
		bh_buffer_printf(&text,
				 "; without one its rules by name (%s) cannot be enforced: they "
				 "let nothing through",
				 names.data);
	if (text.length > 0)
		cJSON_AddItemToArray(sentences, cJSON_CreateString(text.data));
	bh_buffer_free(&names);
	bh_buffer_free(&text);
}

static void remember(void *user, const char *workload)
{
	bh_map_put_text(user, workload, user);
}

cJSON *bh_core_nameless_json(const struct bh_core *core)
{
	cJSON *sentences = cJSON_CreateArray();
	struct bh_map *going_out = bh_map_new(NULL), *seen = bh_map_new(NULL);
	const struct bh_instance *instance;

	each_nameless(core, remember, going_out);
	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;) {
		if (instance->workload[0] == '\0' || was_told_anything(core, instance) ||
		    bh_map_get_text(seen, instance->workload) != NULL)
			continue;
		bh_map_put_text(seen, instance->workload, seen);
		say(core, instance->workload,
		    bh_map_get_text(going_out, instance->workload) != NULL, sentences);
	}
	bh_map_free(going_out);
	bh_map_free(seen);
	return sentences;
}
