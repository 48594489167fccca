/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Groups to be confirmed by a person: instances of which nothing but an image or a name says what
 * they belong to, and that look like replicas of one thing (alike.h). What an instance has to do
 * with others is seen in the flows that are remembered; where it is alone in its workload, the
 * ledger knows more.
 */
#include <stdlib.h>
#include <string.h>

#include "alike.h"
#include "core.h"
#include "edge_id.h"
#include "grow.h"

#define EPHEMERAL 32768 /* a UDP port from here on is a client's */
#define MOST_RULES 8	/* that name their instances one by one */

struct guess {
	const struct bh_instance *instance;
	char image[BH_PEER_NAME]; /* without its tag, or its number; "": not known */
	bool image_named;
	char *listens; /* NULL: not known */
	uint64_t *features;
	size_t feature_count, feature_capacity;
};

struct guesses {
	const struct bh_core *core;
	struct guess *items;
	size_t count, capacity;
	struct bh_map *by_ifindex;  /* → struct guess */
	struct bh_map *by_workload; /* → the one that is alone in it, or one without instance */
};

/* --- features --------------------------------------------------------------------------------- */

static int compare_features(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* An edge of its own, in which it is nobody in particular. */
static void add_feature(struct guess *g, const struct bh_peer *src, const struct bh_peer *dst,
			uint8_t proto, uint16_t port)
{
	static const struct bh_peer self = { .kind = BH_PEER_WORKLOAD };
	const struct bh_edge edge = { .src = src != NULL ? src : &self,
				      .dst = dst != NULL ? dst : &self,
				      .proto = proto,
				      .port = port };

	g->features = bh_grow(g->features, &g->feature_capacity, g->feature_count + 1,
			      sizeof(*g->features));
	g->features[g->feature_count++] = bh_edge_id(&edge);
}

static void add_flow(const struct guesses *all, const struct bh_live_flow *f)
{
	const struct bh_flow *flow = &f->flow;
	struct guess *src = bh_map_get(all->by_ifindex, &flow->src_ifindex,
				       sizeof(flow->src_ifindex)),
		     *dst = bh_map_get(all->by_ifindex, &flow->dst_ifindex,
				       sizeof(flow->dst_ifindex));
	struct bh_peer room;

	if (src != NULL)
		add_feature(src, NULL, bh_core_destination(all->core, f, &room), flow->key.proto,
			    flow->key.dport);
	if (dst != NULL)
		add_feature(dst, f->src, NULL, flow->key.proto, flow->key.dport);
}

static struct guess *alone_as(const struct guesses *all, const struct bh_peer *peer)
{
	struct guess *g = peer->kind == BH_PEER_WORKLOAD
				  ? bh_map_get_text(all->by_workload, peer->name)
				  : NULL;

	return g != NULL && g->instance != NULL ? g : NULL;
}

static void add_edge(void *user, const struct bh_edge *edge)
{
	const struct guesses *all = user;
	struct guess *src = alone_as(all, edge->src), *dst = alone_as(all, edge->dst);

	if (src != NULL)
		add_feature(src, NULL, edge->dst, edge->proto, edge->port);
	if (dst != NULL)
		add_feature(dst, edge->src, NULL, edge->proto, edge->port);
}

static void settle_features(struct guess *g)
{
	size_t kept = 0;

	if (g->feature_count == 0)
		return;
	qsort(g->features, g->feature_count, sizeof(*g->features), compare_features);
	for (size_t i = 0; i < g->feature_count; i++)
		if (i == 0 || g->features[i] != g->features[kept - 1])
			g->features[kept++] = g->features[i];
	g->feature_count = kept;
}

/* An interface's number is not used again, so whatever came over it is the instance's. */
static void add_features(struct guesses *all)
{
	for (const struct bh_live_flow *f = all->core->oldest; f != NULL; f = f->newer)
		if (f->learned)
			add_flow(all, f);
	bh_ledger_each(all->core->ledger, BH_EDGES, add_edge, all);
	for (size_t i = 0; i < all->count; i++)
		settle_features(&all->items[i]);
}

/* --- who may be alike ------------------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_a_clients(const char *port)
{
	return strstr(port, "/udp") != NULL && strtoul(port, NULL, 10) >= EPHEMERAL;
}

/* "53/udp 80/tcp", in order, each once. */
static char *listens_of(const struct bh_core *core, const struct bh_instance *instance)
{
	cJSON *ports = bh_core_listeners_json(core, instance->fact.ifindex);
	size_t count = (size_t)cJSON_GetArraySize(ports), kept = 0;
	const char **texts = bh_calloc(count, sizeof(*texts));
	struct bh_buffer out = { 0 };
	const cJSON *port;

	cJSON_ArrayForEach (port, ports)
		if (!is_a_clients(port->valuestring))
			texts[kept++] = port->valuestring;
	if (kept > 0)
		qsort(texts, kept, sizeof(*texts), compare_texts);
	for (size_t i = 0; i < kept; i++)
		if (i == 0 || strcmp(texts[i - 1], texts[i]) != 0)
			bh_buffer_printf(&out, "%s%s", i > 0 ? " " : "", texts[i]);
	bool known = cJSON_IsArray(ports);
	cJSON_Delete(ports);
	free(texts);
	return known ? bh_buffer_steal(&out) : NULL;
}

static void add_guess(struct guesses *all, const struct bh_instance *instance)
{
	all->items = bh_grow(all->items, &all->capacity, all->count + 1, sizeof(*all->items));
	struct guess *g = &all->items[all->count++];
	*g = (struct guess) { .instance = instance };
	g->image_named = bh_instance_image(instance, g->image, sizeof(g->image));
	const struct bh_container *c = instance->container;
	if (!g->image_named)
		bh_copy_text(g->image, sizeof(g->image),
			     c->image_id[0] != '\0' ? c->image_id : c->image);
	g->listens = listens_of(all->core, instance);
}

static int compare_guesses(const void *a, const void *b)
{
	const struct bh_instance *x = ((const struct guess *)a)->instance,
				 *y = ((const struct guess *)b)->instance;
	int order = strcmp(x->name, y->name);

	return order != 0
		       ? order
		       : (x->fact.ifindex > y->fact.ifindex) - (x->fact.ifindex < y->fact.ifindex);
}

static const char *id_of(const struct bh_instance *instance)
{
	return instance->container != NULL ? instance->container->id : "";
}

/* A container may have several interfaces, and is one all the same: what it does by any of them is
 * the last one's, and the others, of which nothing is known then, are like nobody. Where to find
 * them by their containers' interfaces and, of those that are alone in it, by their workload;
 * `several` stands where there are more, or somebody else. */
static void index_guesses(struct guesses *all)
{
	static struct guess several;
	struct bh_map *by_container = bh_map_new(NULL);
	const struct bh_instance *instance;

	for (size_t i = 0; i < all->count; i++)
		bh_map_put_text(by_container, id_of(all->items[i].instance), &all->items[i]);
	for (size_t position = 0;
	     (instance = bh_model_next(all->core->model, &position)) != NULL;) {
		struct guess *g = bh_map_get_text(by_container, id_of(instance));
		struct guess *other = bh_map_get_text(all->by_workload, instance->workload);

		if (g != NULL)
			bh_map_put(all->by_ifindex, &instance->fact.ifindex,
				   sizeof(instance->fact.ifindex), g);
		bh_map_put_text(all->by_workload, instance->workload,
				g != NULL && (other == NULL || other == g) ? g : &several);
	}
	bh_map_free(by_container);
}

static void find_guesses(struct guesses *all)
{
	const struct bh_instance *instance;

	for (size_t position = 0; (instance = bh_model_next(all->core->model, &position)) != NULL;)
		if (instance->guessed)
			add_guess(all, instance);
	if (all->count < 2)
		return;
	qsort(all->items, all->count, sizeof(*all->items), compare_guesses);
	index_guesses(all);
}

/* --- how it is confirmed ---------------------------------------------------------------------- */

struct group {
	const struct guesses *all;
	const struct guess **members; /* in order of name */
	size_t count;
	char name[BH_GROUPING_NAME];
};

static bool is_member(const struct group *g, const struct bh_instance *instance)
{
	for (size_t i = 0; i < g->count; i++)
		if (strcmp(id_of(g->members[i]->instance), id_of(instance)) == 0)
			return true;
	return false;
}

/* Whether a rule for this image, and names that begin so, would meet nobody else. */
static bool is_apart(const struct group *g, size_t prefix)
{
	const struct guess *first = g->members[0];
	const struct bh_instance *other;
	char image[BH_PEER_NAME];

	for (size_t position = 0;
	     (other = bh_model_next(g->all->core->model, &position)) != NULL;) {
		bool has_image = bh_instance_image(other, image, sizeof(image));

		if (is_member(g, other) || strncmp(other->name, first->instance->name, prefix) != 0)
			continue;
		if (!first->image_named || (has_image && strcmp(image, first->image) == 0))
			return false;
	}
	return true;
}

static size_t common_prefix(const struct group *g)
{
	const char *first = g->members[0]->instance->name;
	size_t length = strlen(first);

	for (size_t i = 1; i < g->count; i++) {
		const char *name = g->members[i]->instance->name;
		size_t same = 0;

		while (same < length && name[same] == first[same])
			same++;
		length = same;
	}
	/* Half a character is no pattern. */
	while (length > 0 && ((unsigned char)first[length] & 0xc0) == 0x80)
		length--;
	return length;
}

/* As a pattern that stands for just this text. */
static void put_literal(struct bh_buffer *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		bh_buffer_printf(out, strchr("*?[]\\", text[i]) != NULL ? "\\%c" : "%c", text[i]);
}

/* pattern: of its name; NULL: the image alone. */
static void put_rule(struct bh_buffer *out, const struct group *g, const char *pattern)
{
	const struct guess *first = g->members[0];
	struct bh_buffer image = { 0 };

	bh_buffer_puts(out, "  - match: {");
	if (first->image_named) {
		put_literal(&image, first->image, strlen(first->image));
		bh_buffer_puts(out, "bulkhead.image: ");
		bh_json_string(out, image.data);
	}
	if (pattern != NULL) {
		bh_buffer_puts(out, first->image_named ? ", bulkhead.name: " : "bulkhead.name: ");
		bh_json_string(out, pattern);
	}
	bh_buffer_puts(out, "}\n    name: ");
	bh_json_string(out, g->name);
	bh_buffer_puts(out, "\n");
	bh_buffer_free(&image);
}

/* The rules that confirm it; false: there would be too many of them. */
static bool put_rules(struct bh_buffer *out, const struct group *g)
{
	size_t prefix = common_prefix(g);
	struct bh_buffer pattern = { 0 };
	bool possible = true;

	bh_buffer_puts(out, "workloads:\n");
	if (g->members[0]->image_named && is_apart(g, 0)) {
		put_rule(out, g, NULL);
	} else if (prefix > 0 && is_apart(g, prefix)) {
		put_literal(&pattern, g->members[0]->instance->name, prefix);
		bh_buffer_puts(&pattern, "*");
		put_rule(out, g, pattern.data);
	} else {
		possible = g->count <= MOST_RULES;
		for (size_t i = 0; possible && i < g->count; i++) {
			const char *name = g->members[i]->instance->name;

			bh_buffer_clear(&pattern);
			put_literal(&pattern, name, strlen(name));
			put_rule(out, g, pattern.data);
		}
	}
	bh_buffer_free(&pattern);
	return possible;
}

/* What begins all their names, without what parts it from a number; else the image's last word. */
static void base_name(const struct group *g, char out[BH_GROUPING_NAME])
{
	const struct guess *first = g->members[0];
	const char *slash = strrchr(first->image, '/');

	bh_copy_text(out, BH_GROUPING_NAME - 8, first->instance->name);
	out[common_prefix(g)] = '\0';
	for (size_t end = strlen(out); end > 0 && strchr("-_.0123456789", out[end - 1]) != NULL;)
		out[--end] = '\0';
	if (out[0] == '\0')
		bh_copy_text(out, BH_GROUPING_NAME - 8, slash != NULL ? slash + 1 : first->image);
	for (char *at = out; *at != '\0'; at++)
		if (strchr("{}:", *at) != NULL)
			*at = '-';
}

/* All that there is of a workload keeps its name, and with it what was learned and decided. */
static bool is_whole_workload(const struct group *g)
{
	const char *workload = g->members[0]->instance->workload;
	const struct bh_instance *other;

	for (size_t i = 1; i < g->count; i++)
		if (strcmp(g->members[i]->instance->workload, workload) != 0)
			return false;
	for (size_t position = 0; (other = bh_model_next(g->all->core->model, &position)) != NULL;)
		if (strcmp(other->workload, workload) == 0 && !is_member(g, other))
			return false;
	return bh_grouping_name_fault(workload) == NULL;
}

static void name_group(struct group *g, struct bh_map *taken)
{
	char base[BH_GROUPING_NAME];
	unsigned number = 1;

	if (is_whole_workload(g)) {
		bh_copy_text(g->name, sizeof(g->name), g->members[0]->instance->workload);
		return;
	}
	base_name(g, base);
	bh_copy_text(g->name, sizeof(g->name), base);
	while (bh_map_get_text(taken, g->name) != NULL)
		snprintf(g->name, sizeof(g->name), "%.248s-%u", base, ++number);
	bh_map_put_text(taken, g->name, taken);
}

/* --- the answer ------------------------------------------------------------------------------- */

/* A line a text; cuts them apart. */
static cJSON *lines_of(char *text)
{
	cJSON *lines = cJSON_CreateArray();
	char *rest;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		cJSON_AddItemToArray(lines, cJSON_CreateString(line));
	return lines;
}

static void add_group(const struct group *g, cJSON *list)
{
	cJSON *json = cJSON_CreateObject(), *members;
	struct bh_buffer rules = { 0 };

	cJSON_AddStringToObject(json, "name", g->name);
	cJSON_AddStringToObject(json, "image", g->members[0]->image);
	cJSON_AddStringToObject(json, "listens", g->members[0]->listens);
	members = cJSON_AddArrayToObject(json, "instances");
	for (size_t i = 0; i < g->count; i++) {
		cJSON *member = cJSON_CreateObject();

		cJSON_AddStringToObject(member, "name", g->members[i]->instance->name);
		cJSON_AddStringToObject(member, "workload", g->members[i]->instance->workload);
		cJSON_AddItemToArray(members, member);
	}
	cJSON_AddItemToObject(json, "configuration",
			      put_rules(&rules, g) ? lines_of(rules.data) : cJSON_CreateNull());
	bh_buffer_free(&rules);
	cJSON_AddItemToArray(list, json);
}

static void add_groups(const struct guesses *all, const struct bh_candidate *candidates,
		       size_t count, cJSON *list)
{
	struct bh_map *taken = bh_map_new(NULL);
	struct group g = { .all = all, .members = bh_calloc(all->count, sizeof(struct guess *)) };

	for (size_t group = 1; group <= count; group++) {
		g.count = 0;
		for (size_t i = 0; i < all->count; i++)
			if (candidates[i].group == group)
				g.members[g.count++] = &all->items[i];
		name_group(&g, taken);
		add_group(&g, list);
	}
	free(g.members);
	bh_map_free(taken);
}

static struct bh_candidate *make_candidates(const struct guesses *all)
{
	struct bh_candidate *candidates = bh_calloc(all->count, sizeof(*candidates));

	for (size_t i = 0; i < all->count; i++) {
		const struct guess *g = &all->items[i];

		candidates[i] = (struct bh_candidate) { .name = g->instance->name,
							.image = g->image,
							.listens = g->listens,
							.features = g->features,
							.feature_count = g->feature_count };
	}
	return candidates;
}

static void free_guesses(struct guesses *all)
{
	for (size_t i = 0; i < all->count; i++) {
		free(all->items[i].listens);
		free(all->items[i].features);
	}
	free(all->items);
	bh_map_free(all->by_ifindex);
	bh_map_free(all->by_workload);
}

cJSON *bh_core_alike_json(const struct bh_core *core)
{
	struct guesses all = { .core = core,
			       .by_ifindex = bh_map_new(NULL),
			       .by_workload = bh_map_new(NULL) };
	cJSON *list = cJSON_CreateArray();

	find_guesses(&all);
	if (all.count > 1) {
		add_features(&all);
		struct bh_candidate *candidates = make_candidates(&all);
		add_groups(&all, candidates, bh_alike(candidates, all.count), list);
		free(candidates);
	}
	free_guesses(&all);
	return list;
}
