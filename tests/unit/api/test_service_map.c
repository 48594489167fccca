/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is drawn of hundreds of workloads, and that nothing denied is hidden by how it is drawn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "grow.h"
#include "service_map.h"

#define MOST 4096

struct world {
	struct bh_peer peers[MOST];
	size_t peer_count;
	struct bh_map_edge edges[MOST];
	struct bh_map_workload workloads[MOST];
	struct bh_map_input input;
	struct bh_map_query query;
	cJSON *out;
};

static int setup(void **state)
{
	struct world *w = bh_calloc(1, sizeof(*w));

	w->input.edges = w->edges;
	w->input.workloads = w->workloads;
	w->query.hops = 1;
	w->query.scale = 1;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	cJSON_Delete(w->out);
	free(w);
	return 0;
}

static const struct bh_peer *peer(struct world *w, uint8_t kind, const char *name)
{
	struct bh_peer *p = &w->peers[w->peer_count++];

	assert_true(w->peer_count <= MOST);
	p->kind = kind;
	bh_copy_text(p->name, sizeof(p->name), name);
	return p;
}

static const struct bh_peer *workload(struct world *w, const char *name)
{
	const struct bh_peer *p = peer(w, BH_PEER_WORKLOAD, name);

	w->workloads[w->input.workload_count++] =
		(struct bh_map_workload) { .name = p->name, .mode = "learn", .instances = 2 };
	return p;
}

static struct bh_map_edge *edge(struct world *w, const struct bh_peer *src,
				const struct bh_peer *dst, uint16_t port)
{
	struct bh_map_edge *e = &w->edges[w->input.edge_count++];

	assert_true(w->input.edge_count <= MOST);
	*e = (struct bh_map_edge) { .src = src,
				    .dst = dst,
				    .proto = IPPROTO_TCP,
				    .port = port,
				    .state = BH_MAP_LEARNED,
				    .first = 1000000,
				    .last = 2000000,
				    .now = { .connections = 10, .answered = 10, .bytes = 1000 } };
	return e;
}

static void ask(struct world *w)
{
	cJSON_Delete(w->out);
	w->out = cJSON_CreateObject();
	assert_true(bh_service_map(&w->input, &w->query, w->out));
}

static cJSON *find(const struct world *w, const char *list, const char *id)
{
	cJSON *item;

	cJSON_ArrayForEach (item, cJSON_GetObjectItem(w->out, list))
		if (strcmp(cJSON_GetObjectItem(item, "id")->valuestring, id) == 0)
			return item;
	return NULL;
}

static double number(const cJSON *json, const char *key)
{
	const cJSON *item = cJSON_GetObjectItem(json, key);

	assert_true(cJSON_IsNumber(item));
	return item->valuedouble;
}

static const char *text(const cJSON *json, const char *key)
{
	const char *value = cJSON_GetStringValue(cJSON_GetObjectItem(json, key));

	assert_non_null(value);
	return value;
}

static int count(const struct world *w, const char *list)
{
	return cJSON_GetArraySize(cJSON_GetObjectItem(w->out, list));
}

/* The sum over all that is drawn, badges of what was folded included. */
static double drawn(const struct world *w, const char *key)
{
	const cJSON *item;
	double sum = 0;

	cJSON_ArrayForEach (item, cJSON_GetObjectItem(w->out, "edges"))
		sum += number(item, key);
	cJSON_ArrayForEach (item, cJSON_GetObjectItem(w->out, "folded"))
		sum += number(item, key);
	return sum;
}

/* 25 projects of 20 workloads, each of which calls its neighbours, DNS, and is scraped. */
static void make_many(struct world *w)
{
	const struct bh_peer *all[500], *dns = workload(w, "compose:infra/dns"),
					*scraper = workload(w, "compose:infra/prometheus");
	char name[64];

	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "compose:project%d/service%d", i / 20, i % 20);
		all[i] = workload(w, name);
	}
	for (int i = 0; i < 500; i++) {
		edge(w, all[i], all[i / 20 * 20 + (i + 1) % 20], 80);
		edge(w, all[i], dns, 53)->proto = IPPROTO_UDP;
		edge(w, scraper, all[i], (uint16_t)(9100 + i % 7));
	}
	edge(w, all[0], all[250], 5432)->state = BH_MAP_DENIED;
	w->edges[w->input.edge_count - 1].now.denied = 3;
	edge(w, all[7], dns, 22)->state = BH_MAP_WOULD_DENY;
	w->edges[w->input.edge_count - 1].now.would_deny = 2;
}

static void many_are_shown_as_their_groups(void **state)
{
	struct world *w = *state;

	make_many(w);
	ask(w);
	assert_int_equal(count(w, "nodes"), 26);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(w->out, "collapsed")));
	const cJSON *group = find(w, "nodes", "group:compose:project3");
	assert_string_equal(text(group, "kind"), "group");
	assert_string_equal(text(group, "label"), "compose:project3");
	assert_int_equal(number(group, "members"), 20);
	assert_int_equal(number(group, "instances"), 40);
	assert_int_equal(number(cJSON_GetObjectItem(group, "modes"), "learn"), 20);
	const cJSON *totals = cJSON_GetObjectItem(w->out, "totals");
	assert_int_equal(number(totals, "workloads"), 502);
	assert_int_equal(number(totals, "edges"), 1502);
	assert_int_equal(drawn(w, "connections"), number(totals, "connections"));
	assert_int_equal(drawn(w, "denied"), 3);
	w->query.collapse = BH_COLLAPSE_NONE;
	ask(w);
	assert_int_equal(count(w, "nodes"), 502);
	assert_int_equal(count(w, "edges"), 1502 - 1); /* dns 53 and 22 of one pair are one line */
	assert_int_equal(drawn(w, "connections"),
			 number(cJSON_GetObjectItem(w->out, "totals"), "connections"));
}

static void a_group_is_opened(void **state)
{
	struct world *w = *state;

	make_many(w);
	w->query.open = "group:compose:project30,group:compose:project3";
	ask(w);
	assert_int_equal(count(w, "nodes"), 25 + 20);
	assert_null(find(w, "nodes", "group:compose:project3"));
	const cJSON *node = find(w, "nodes", "compose:project3/service4");
	assert_string_equal(text(node, "group"), "group:compose:project3");
	assert_string_equal(text(node, "label"), "service4");
	assert_non_null(find(w, "edges", "compose:project3/service4 → compose:project3/service5"));
}

static void what_everybody_talks_to_is_folded_but_for_what_was_denied(void **state)
{
	struct world *w = *state;
	const cJSON *item;
	bool scraped = false, asks = false;

	make_many(w);
	w->query.collapse = BH_COLLAPSE_NONE;
	w->query.fold = true;
	ask(w);
	/* Neighbours, the two that were, or were to be, denied. */
	assert_int_equal(count(w, "edges"), 500 + 2);
	const cJSON *denied = find(w, "edges", "compose:project0/service7 → compose:infra/dns");
	assert_string_equal(text(denied, "state"), "would-deny");
	assert_int_equal(number(denied, "would_deny"), 2);
	cJSON_ArrayForEach (item, cJSON_GetObjectItem(find(w, "nodes", "compose:project1/service1"),
						      "badges")) {
		scraped |= strcmp(text(item, "service"), "compose:infra/prometheus") == 0 &&
			   strcmp(text(item, "direction"), "in") == 0;
		asks |= strcmp(text(item, "service"), "dns") == 0 &&
			strcmp(text(item, "port"), "53/udp") == 0 &&
			strcmp(text(item, "peer"), "compose:infra/dns") == 0 &&
			strcmp(text(item, "direction"), "out") == 0;
	}
	assert_true(scraped && asks);
	double clients = 0;
	cJSON_ArrayForEach (item, cJSON_GetObjectItem(w->out, "folded"))
		if (strcmp(text(item, "service"), "dns") == 0)
			clients = number(item, "clients");
	assert_int_equal(clients, 500);
	assert_int_equal(drawn(w, "connections"),
			 number(cJSON_GetObjectItem(w->out, "totals"), "connections"));
}

static void few_are_shown_one_by_one(void **state)
{
	struct world *w = *state;
	const struct bh_peer *web = workload(w, "netns:web"), *db = workload(w, "plain");

	edge(w, web, db, 5432);
	edge(w, web, db, 5433)->now.connections = 20;
	edge(w, web, db, 5434)->state = BH_MAP_DENIED;
	workload(w, "netns:idle");
	ask(w);
	assert_int_equal(count(w, "nodes"), 3);
	assert_int_equal(count(w, "edges"), 1);
	const cJSON *line = find(w, "edges", "netns:web → plain");
	assert_string_equal(text(line, "state"), "denied");
	assert_int_equal(number(line, "stands_for"), 3);
	assert_int_equal(number(line, "connections"), 40);
	const cJSON *ports = cJSON_GetObjectItem(line, "ports");
	assert_string_equal(text(cJSON_GetArrayItem(ports, 0), "port"), "5434/tcp");
	assert_string_equal(text(cJSON_GetArrayItem(ports, 1), "port"), "5433/tcp");
	assert_string_equal(text(find(w, "nodes", "plain"), "group"), "group:other");
	assert_string_equal(text(find(w, "nodes", "netns:web"), "label"), "web");
}

static void peers_outside_are_gathered_where_there_are_many(void **state)
{
	struct world *w = *state;
	const struct bh_peer *web = workload(w, "compose:shop/web");
	char name[64];

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "dns:api%d.example", i);
		edge(w, web, peer(w, BH_PEER_DNS, name), 443);
	}
	w->edges[4].now.denied = 1;
	w->edges[4].state = BH_MAP_DENIED;
	ask(w);
	assert_int_equal(count(w, "nodes"), 2);
	const cJSON *line = find(w, "edges", "compose:shop/web → outside");
	assert_string_equal(text(line, "state"), "denied");
	assert_int_equal(number(line, "denied"), 1);
	assert_int_equal(number(find(w, "nodes", "outside"), "members"), 20);
	w->query.open = "outside";
	ask(w);
	assert_int_equal(count(w, "nodes"), 21);
	assert_non_null(find(w, "nodes", "dns:api4.example"));
}

static void a_neighbourhood_is_looked_at(void **state)
{
	struct world *w = *state;

	make_many(w);
	w->query.focus = "compose:project3/service4";
	w->query.fold = true;
	ask(w);
	/* Itself, the two beside it, DNS, and who scrapes it; and whoever else these know of them.
	 */
	assert_non_null(find(w, "nodes", "compose:project3/service4"));
	assert_non_null(find(w, "edges", "compose:project3/service4 → compose:infra/dns"));
	assert_null(find(w, "nodes", "compose:project3/service9"));
	assert_int_equal(count(w, "nodes"), 5);
	w->query.hops = 2;
	ask(w);
	assert_true(count(w, "nodes") > 20); /* all that DNS serves are two steps away */
	w->query.focus = "group:compose:project3";
	w->query.hops = 0;
	ask(w);
	assert_int_equal(count(w, "nodes"), 20);
	w->query.focus = "nobody";
	cJSON_Delete(w->out);
	w->out = cJSON_CreateObject();
	assert_false(bh_service_map(&w->input, &w->query, w->out));
}

static void a_search_finds_names_and_their_neighbours(void **state)
{
	struct world *w = *state;

	make_many(w);
	w->query.match = "PROJECT3/service4";
	ask(w);
	assert_non_null(find(w, "nodes", "compose:project3/service4"));
	assert_non_null(find(w, "nodes", "compose:project3/service3"));
	assert_null(find(w, "nodes", "compose:project3/service9"));
	w->query.match = "compose:project3";
	ask(w);
	assert_non_null(find(w, "nodes", "compose:project3/service9"));
	w->query.match = "no such thing";
	ask(w);
	assert_int_equal(count(w, "nodes"), 0);
	/* What a group's ID begins with is no part of its name. */
	w->query.match = "oup";
	ask(w);
	assert_int_equal(count(w, "nodes"), 0);
}

static void two_times_are_compared(void **state)
{
	struct world *w = *state;
	const struct bh_peer *a = workload(w, "a"), *b = workload(w, "b"), *c = workload(w, "c");

	edge(w, a, b, 1)->before.connections = 11;
	edge(w, b, a, 1);
	edge(w, a, c, 1)->before.connections = 100;
	struct bh_map_edge *gone = edge(w, b, c, 1);
	gone->before = gone->now;
	gone->now = (struct bh_traffic_counts) { 0 };
	w->query.compare = true;
	ask(w);
	assert_string_equal(text(find(w, "edges", "a → b"), "change"), "same");
	assert_string_equal(text(find(w, "edges", "b → a"), "change"), "added");
	assert_string_equal(text(find(w, "edges", "a → c"), "change"), "less");
	assert_string_equal(text(find(w, "edges", "b → c"), "change"), "gone");
	assert_string_equal(text(find(w, "nodes", "c"), "change"), "same");
	/* The earlier time was ten times as long. */
	w->query.scale = 0.1;
	ask(w);
	assert_string_equal(text(find(w, "edges", "a → c"), "change"), "same");
	assert_string_equal(text(find(w, "edges", "a → b"), "change"), "more");
}

static void what_nobody_counted_is_null(void **state)
{
	struct world *w = *state;
	const struct bh_peer *a = workload(w, "a"), *b = workload(w, "b");

	edge(w, a, b, 1)->now.uncounted = 1;
	ask(w);
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(find(w, "edges", "a → b"), "bytes")));
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(find(w, "nodes", "a"), "bytes")));
}

static void groups_are_projects_and_namespaces(void **state)
{
	static const char *const cases[][2] = {
		{ "compose:shop/web", "compose:shop" },
		{ "k8s:prod/deploy/api", "k8s:prod" },
		{ "netns:lab-db", "netns" },
		{ "group:shop-web", "group" },
		{ "nginx", "other" },
		{ "a/b", "other" },
		{ "image:registry.example/x", "image" },
		{ "swarm:shop_api", "swarm:shop" },
	};
	char group[BH_GROUP_NAME];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bh_workload_group(cases[i][0], group);
		assert_string_equal(group, cases[i][1]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many_are_shown_as_their_groups),
		TEST(a_group_is_opened),
		TEST(what_everybody_talks_to_is_folded_but_for_what_was_denied),
		TEST(few_are_shown_one_by_one),
		TEST(peers_outside_are_gathered_where_there_are_many),
		TEST(a_neighbourhood_is_looked_at),
		TEST(a_search_finds_names_and_their_neighbours),
		TEST(two_times_are_compared),
		TEST(what_nobody_counted_is_null),
		cmocka_unit_test(groups_are_projects_and_namespaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
