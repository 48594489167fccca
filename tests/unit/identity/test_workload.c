/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How instances group, and by what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "workload.h"

#define LABELS 8

struct container {
	const char *labels[LABELS][2];
	const char *image;
	const char *workload;
	const char *why; /* begins so; NULL: not looked at */
};

static void group(const struct container *c, const struct bh_grouping *grouping,
		  struct bh_instance *out)
{
	struct bh_container *container = bh_container_new();

	container->runtime = BH_RUNTIME_DOCKER;
	strcpy(container->name, "shop_web_1");
	bh_copy_text(container->image, sizeof(container->image), c->image != NULL ? c->image : "");
	for (size_t i = 0; i < LABELS && c->labels[i][0] != NULL; i++)
		bh_container_add_label(container, c->labels[i][0], c->labels[i][1]);
	memset(out, 0, sizeof(*out));
	out->container = container;
	bh_workload_name(out, grouping, true);
	out->container = NULL;
	bh_container_free(container);
}

#define POD(name)                                                                                  \
	{ "io.kubernetes.pod.namespace", "prod" },                                                 \
	{                                                                                          \
		"io.kubernetes.pod.name", name                                                     \
	}
#define PROJECT                                                                                    \
	{                                                                                          \
		"com.docker.compose.project", "shop"                                               \
	}
#define SERVICE                                                                                    \
	{                                                                                          \
		"com.docker.compose.service", "web"                                                \
	}

static const struct container containers[] = {
	{ { { NULL } }, NULL, "container:shop_web_1", "name" },
	{ { { NULL } },
	  "registry:5000/shop/web:1.2@sha256:ab",
	  "image:registry:5000/shop/web",
	  "image without its tag" },
	{ { { NULL } }, "sha256:abcd", "container:shop_web_1", NULL },
	{ { PROJECT, SERVICE }, "web:1", "compose:shop/web", "Compose project and service" },
	/* docker-compose run: the service's, whatever it is called. */
	{ { PROJECT, SERVICE, { "com.docker.compose.oneoff", "True" } },
	  "web:1",
	  "compose:shop/web",
	  "Compose project and service, whose single run it is" },
	{ { PROJECT }, "web:1", "image:web", NULL },
	{ { { "com.docker.swarm.service.name", "shop_api" },
	    { "com.docker.swarm.task.name", "shop_api.3.x8" } },
	  "api:1",
	  "swarm:shop_api",
	  "Swarm service" },
	{ { PROJECT, SERVICE, { "bulkhead.workload", "front" } },
	  NULL,
	  "label:front",
	  "label bulkhead.workload" },
	{ { PROJECT, SERVICE, { "bulkhead.workload", "" } }, NULL, "compose:shop/web", NULL },
	/* Kubernetes goes before Compose, and a label of ours before it. */
	{ { POD("lone"), PROJECT, SERVICE }, NULL, "k8s:prod/pod/lone", "Kubernetes pod's name" },
	{ { POD("lone"), { "bulkhead.workload", "x" } }, NULL, "label:x", NULL },
	{ { { "io.kubernetes.pod.name", "lone" } }, "web:1", "image:web", NULL },
	{ { POD("api-gw-7d4b9c6f5-x2k9z"), { "pod-template-hash", "7d4b9c6f5" } },
	  NULL,
	  "k8s:prod/deploy/api-gw",
	  NULL },
	/* What a replica, its rollout or its place has to itself makes no name. */
	{ { POD("api-gw-7d4b9c6f5-x2k9z"),
	    { "pod-template-hash", "7d4b9c6f5" },
	    { "controller-uid", "0b6c" },
	    { "topology.kubernetes.io/zone", "b" } },
	  NULL,
	  "k8s:prod/deploy/api-gw",
	  NULL },
	/* A name that only looks like one. */
	{ { POD("api-gw-7d4b9c6f5-x2k9z") }, NULL, "k8s:prod/pod/api-gw-7d4b9c6f5-x2k9z", NULL },
	{ { POD("api-other-x2k9z"), { "pod-template-hash", "7d4b9c6f5" } },
	  NULL,
	  "k8s:prod/pod/api-other-x2k9z",
	  NULL },
	{ { POD("db-0"),
	    { "statefulset.kubernetes.io/pod-name", "db-0" },
	    { "controller-revision-hash", "db-5f" } },
	  NULL,
	  "k8s:prod/statefulset/db",
	  NULL },
	{ { POD("logs-8fz2x"),
	    { "controller-revision-hash", "6b7" },
	    { "pod-template-generation", "1" } },
	  NULL,
	  "k8s:prod/daemonset/logs",
	  NULL },
	/* Cron job → job → pod; each run is another job. */
	{ { POD("report-28412345-abcde"), { "job-name", "report-28412345" } },
	  NULL,
	  "k8s:prod/cronjob/report",
	  "Kubernetes job's label, without the time" },
	{ { POD("report-1699999200-abcde"),
	    { "batch.kubernetes.io/job-name", "report-1699999200" } },
	  NULL,
	  "k8s:prod/cronjob/report",
	  NULL },
	{ { POD("import-2-abcde"), { "job-name", "import-2" } },
	  NULL,
	  "k8s:prod/job/import-2",
	  "Kubernetes job's label" },
	{ { POD("28412345-abcde"), { "job-name", "-28412345" } },
	  NULL,
	  "k8s:prod/job/-28412345",
	  NULL },
	{ { POD("-7d-x"), { "pod-template-hash", "7d" } }, NULL, "k8s:prod/pod/-7d-x", NULL },
};

static void who_knows_best_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(containers) / sizeof(containers[0]); i++) {
		struct bh_instance out;

		group(&containers[i], NULL, &out);
		assert_string_equal(out.workload, containers[i].workload);
		if (containers[i].why != NULL)
			assert_memory_equal(out.why, containers[i].why, strlen(containers[i].why));
		assert_string_equal(out.name, "shop_web_1");
	}
}

static void add(struct bh_grouping *g, const char *name, const char *key, const char *pattern)
{
	assert_null(bh_grouping_name_fault(name));
	assert_true(bh_grouping_add_rule(g, name));
	if (key != NULL)
		assert_true(bh_grouping_add_match(g, key, pattern));
}

static void the_operators_rules_go_first(void **state)
{
	static struct bh_grouping g;
	struct bh_instance out;

	(void)state;
	add(&g, "{app}-{role}", "app", "shop*");
	assert_true(bh_grouping_add_match(&g, "role", "*"));
	add(&g, "compose:old/{bulkhead.image}", "bulkhead.image", "legacy/*");
	add(&g, "{missing}", "app", "*");
	add(&g, "all {bulkhead.runtime}: {bulkhead.name}", "bulkhead.name", "shop_*");
	assert_true(bh_grouping_is_sound(&g));

	group(&(struct container) { .labels = { { "app", "shop2" },
						{ "role", "web" },
						{ "bulkhead.workload", "x" } } },
	      &g, &out);
	assert_string_equal(out.workload, "group:shop2-web");
	assert_string_equal(out.why, "rule 1 of the configuration's workloads");
	/* What a label says, it cannot be of another kind, nor anybody. */
	group(&(struct container) { .labels = { { "app", "shop:" }, { "role", "compose:a/b" } } },
	      &g, &out);
	assert_string_equal(out.workload, "group:shop:-compose:a/b");
	/* A label that is missing, or empty: the next rule. */
	group(&(struct container) { .labels = { { "app", "shop" }, { "role", "" } },
				    .image = "legacy/db:1" },
	      &g, &out);
	assert_string_equal(out.workload, "compose:old/legacy/db");
	group(&(struct container) { .labels = { { "app", "other" } } }, &g, &out);
	assert_string_equal(out.workload, "group:all docker: shop_web_1");
	assert_string_equal(out.why, "rule 4 of the configuration's workloads");
}

/* Too long a name would be cut, and might be another's. */
static void a_name_that_is_too_long_is_none(void **state)
{
	static struct bh_grouping g;
	struct bh_instance out;
	char value[300];

	(void)state;
	memset(value, 'x', sizeof(value));
	value[249] = '\0';
	add(&g, "{app}", "app", "*");
	group(&(struct container) { .labels = { { "app", value } } }, &g, &out);
	assert_int_equal(strlen(out.workload), 255);
	value[249] = 'x';
	value[250] = '\0';
	group(&(struct container) { .labels = { { "app", value } } }, &g, &out);
	assert_string_equal(out.workload, "container:shop_web_1");
}

static void rules_group_namespaces_and_nobody_unknown(void **state)
{
	static struct bh_grouping g;
	struct bh_instance i;

	(void)state;
	add(&g, "all", "bulkhead.runtime", "*");
	memset(&i, 0, sizeof(i));
	strcpy(i.fact.netns_name, "/run/netns/web-1");
	bh_workload_name(&i, &g, true);
	assert_string_equal(i.workload, "group:all");
	assert_string_equal(i.name, "web-1");
	/* A container of which nothing is known but its id may be anybody's. */
	strcpy(i.fact.container_id, "aaaa");
	i.fact.runtime = BH_RUNTIME_DOCKER;
	bh_workload_name(&i, &g, true);
	assert_string_equal(i.workload, "");
}

/* A name that an engine made up says nothing; its load balancer's is the same everywhere. */
static void swarms_load_balancer_is_named(void **state)
{
	struct bh_instance i;

	(void)state;
	memset(&i, 0, sizeof(i));
	strcpy(i.fact.netns_name, "/run/docker/netns/lb_8dw7");
	bh_workload_name(&i, NULL, true);
	assert_string_equal(i.workload, "");
	strcpy(i.fact.netns_name, "/run/docker/netns/ingress_sbox");
	bh_workload_name(&i, NULL, true);
	assert_string_equal(i.workload, "netns:ingress_sbox");
	assert_true(bh_netns_name_is_made_up("/run/docker/netns/ingress_sbox2"));
}

static void what_does_not_fit_is_refused(void **state)
{
	static struct bh_grouping g, full;
	char text[4000];

	(void)state;
	assert_non_null(bh_grouping_name_fault(""));
	assert_non_null(bh_grouping_name_fault(":x"));
	assert_non_null(bh_grouping_name_fault("a{b"));
	assert_non_null(bh_grouping_name_fault("a}b"));
	assert_non_null(bh_grouping_name_fault("{}"));
	assert_non_null(bh_grouping_name_fault("{a{b}}"));
	assert_null(bh_grouping_name_fault("{a}{b}c"));
	for (int i = 0; i < BH_GROUPING_RULES; i++)
		assert_true(bh_grouping_add_rule(&g, "a"));
	assert_false(bh_grouping_add_rule(&g, "a"));
	for (int i = 0; i < BH_GROUPING_MATCHES; i++)
		assert_true(bh_grouping_add_match(&g, "a", "b"));
	assert_false(bh_grouping_add_match(&g, "a", "b"));
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_true(bh_grouping_add_rule(&full, "a"));
	assert_true(bh_grouping_add_match(&full, "a", text));
	uint32_t used = full.used;
	assert_true(bh_grouping_add_match(&full, "a", text));
	assert_false(bh_grouping_add_match(&full, "a", text));
	assert_in_range(full.used, used, BH_GROUPING_TEXT);
	assert_int_equal(full.rules[0].match_count, 2);
	assert_true(bh_grouping_is_sound(&full));
	full.rules[0].matches[1].pattern = (uint16_t)full.used;
	assert_false(bh_grouping_is_sound(&full));
	g.rule_count++;
	assert_false(bh_grouping_is_sound(&g));
	g.rule_count--;
	g.rules[3].match_count = BH_GROUPING_MATCHES + 1;
	assert_false(bh_grouping_is_sound(&g));
	g.rules[3].match_count = 0;
	assert_true(bh_grouping_is_sound(&g));
	g.text[g.used - 1] = 'x'; /* no end */
	assert_false(bh_grouping_is_sound(&g));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_knows_best_names),
		cmocka_unit_test(the_operators_rules_go_first),
		cmocka_unit_test(a_name_that_is_too_long_is_none),
		cmocka_unit_test(rules_group_namespaces_and_nobody_unknown),
		cmocka_unit_test(swarms_load_balancer_is_named),
		cmocka_unit_test(what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
