/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kubernetes' API server: pods and what they belong to, a watch that goes on where it was, and what
 * a server says that does not answer. Answers as kubernetes.io/docs/reference has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "runtime_fixture.h"
#include "timefmt.h"

#define META "\"apiVersion\":\"meta.k8s.io/v1\""
#define LIST(version, items)                                                                       \
	"{\"kind\":\"PartialObjectMetadataList\"," META ",\"metadata\":{\"resourceVersion\":"      \
	"\"" version "\"},\"items\":[" items "]}"
#define OBJECT(metadata) "{\"kind\":\"PartialObjectMetadata\"," META ",\"metadata\":{" metadata "}}"
#define CONTROLLER(version, kind, name)                                                            \
	"\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Other\",\"name\":\"x\"},"          \
	"{\"apiVersion\":\"" version "\",\"kind\":\"" kind "\",\"name\":\"" name                   \
	"\",\"uid\":\"u\",\"controller\":true}]"
#define POD(name, uid, version, rest)                                                              \
	OBJECT("\"name\":\"" name "\",\"namespace\":\"prod\",\"uid\":\"" uid                       \
	       "\",\"resourceVersion\":\"" version "\"," rest)
#define WEB(version, tier)                                                                         \
	POD("web-7d9f-abcde", "uid-web", version,                                                  \
	    "\"labels\":{\"app\":\"web\",\"tier\":\"" tier                                         \
	    "\",\"pod-template-hash\":\"7d9f\"}," CONTROLLER("apps/v1", "ReplicaSet", "web-7d9f"))
#define DB POD("db-0", "uid-db", "9", CONTROLLER("apps/v1", "StatefulSet", "db"))
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"

static void tell_watch(struct runtime_host *h, const char *events)
{
	uint32_t watch = h->asked[BH_QUERY_EVENTS];

	h->ops->data(h->back_end, watch, events, strlen(events), 1);
}

/* The head of its answer. */
static void open_watch(struct runtime_host *h, const char *status)
{
	char head[64];

	snprintf(head, sizeof(head), "HTTP/1.0 %s\r\n\r\n", status);
	tell_watch(h, head);
}

static void end(struct runtime_host *h, enum bh_runtime_query query, int error, int64_t now)
{
	h->ops->end(h->back_end, h->asked[query], error, now);
}

static const char *owner_of(const struct runtime_host *h, const char *uid)
{
	return runtime_stated(h, uid)->owner;
}

/* A replica set's pod waits for what the set belongs to; a second one of it does not ask again. */
static void pods_have_labels_and_owners(void **state)
{
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_kubernetes_ops);
	assert_string_equal(h.argument[BH_QUERY_CONTAINERS],
			    "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&resourceVersion=0");
	runtime_reply(
		&h, BH_QUERY_CONTAINERS,
		LIST("100", WEB("7", "front") "," DB "," POD(
				    "kube-proxy-node-1", "uid-static", "1",
				    CONTROLLER("v1", "Node",
					       "node-1")) ",7,{}," POD("bare", "uid-bare", "1",
								       "\"labels\":{}")));
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_int_equal(h.stated, 3);
	assert_null(runtime_stated(&h, "uid-web"));
	assert_string_equal(owner_of(&h, "uid-db"), "statefulset/db");
	assert_string_equal(owner_of(&h, "uid-static"), "static/kube-proxy");
	assert_string_equal(owner_of(&h, "uid-bare"), "");
	assert_string_equal(runtime_stated(&h, "uid-bare")->name, "prod/bare");
	assert_string_equal(h.argument[BH_QUERY_INSPECT],
			    "/apis/apps/v1/namespaces/prod/replicasets/web-7d9f");
	uint32_t questions = h.count;
	runtime_reply(&h, BH_QUERY_INSPECT, OBJECT(CONTROLLER("apps/v1", "Deployment", "web")));
	assert_string_equal(owner_of(&h, "uid-web"), "deploy/web");
	assert_string_equal(bh_container_label(runtime_stated(&h, "uid-web"), "tier"), "front");
	open_watch(&h, "200 OK");
	tell_watch(&h, EVENT("ADDED", POD("web-7d9f-fghij", "uid-web-2", "101",
					  CONTROLLER("apps/v1", "ReplicaSet", "web-7d9f"))));
	assert_string_equal(owner_of(&h, "uid-web-2"), "deploy/web");
	assert_int_equal(h.count, questions);
	runtime_stop(&h);
}

static void a_job_is_its_cron_jobs_or_its_own(void **state)
{
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_kubernetes_ops);
	runtime_reply(&h, BH_QUERY_CONTAINERS,
		      LIST("5", POD("report-28-x", "uid-cron", "1",
				    CONTROLLER("batch/v1", "Job", "report-28"))));
	assert_string_equal(h.argument[BH_QUERY_INSPECT],
			    "/apis/batch/v1/namespaces/prod/jobs/report-28");
	runtime_reply(&h, BH_QUERY_INSPECT, OBJECT(CONTROLLER("batch/v1", "CronJob", "report")));
	assert_string_equal(owner_of(&h, "uid-cron"), "cronjob/report");
	open_watch(&h, "200 OK");
	tell_watch(&h, EVENT("ADDED", POD("once-x", "uid-once", "6",
					  CONTROLLER("batch/v1", "Job", "once"))));
	runtime_reply(&h, BH_QUERY_INSPECT, OBJECT("\"name\":\"once\""));
	assert_string_equal(owner_of(&h, "uid-once"), "job/once");
	runtime_stop(&h);
}

/* The token may not read replica sets: the labels are left to say it, and the next news of the pod
 * asks again. */
static void an_owner_that_is_not_told_is_left_to_the_labels(void **state)
{
	static const char forbidden[] = "HTTP/1.0 403 \r\n\r\n{\"kind\":\"Status\"}";
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_kubernetes_ops);
	runtime_reply(&h, BH_QUERY_CONTAINERS, LIST("5", WEB("1", "front")));
	h.ops->data(h.back_end, h.asked[BH_QUERY_INSPECT], forbidden, strlen(forbidden), 1);
	end(&h, BH_QUERY_INSPECT, 0, 1);
	assert_string_equal(owner_of(&h, "uid-web"), "");
	assert_non_null(bh_container_label(runtime_stated(&h, "uid-web"), "pod-template-hash"));
	uint32_t before = h.asked[BH_QUERY_INSPECT];
	open_watch(&h, "200 OK");
	tell_watch(&h, EVENT("MODIFIED", WEB("6", "front")));
	assert_true(h.asked[BH_QUERY_INSPECT] > before);
	end(&h, BH_QUERY_INSPECT, -ETIMEDOUT, 1);
	assert_string_equal(owner_of(&h, "uid-web"), "");
	runtime_stop(&h);
}

/* Bookmarks move the version on; an event that is cut anywhere is put together; what says the same
 * is no news. */
static void the_watch_tells_changes_and_goes_on_where_it_was(void **state)
{
	struct runtime_host h;
	const char *news = EVENT("MODIFIED", WEB("102", "back"));

	(void)state;
	runtime_start(&h, &bh_kubernetes_ops);
	runtime_reply(&h, BH_QUERY_CONTAINERS, LIST("100", WEB("7", "front") "," DB));
	runtime_reply(&h, BH_QUERY_INSPECT, OBJECT(CONTROLLER("apps/v1", "Deployment", "web")));
	assert_non_null(strstr(h.argument[BH_QUERY_EVENTS], "&resourceVersion=100"));
	assert_non_null(strstr(h.argument[BH_QUERY_EVENTS], "spec.nodeName%3Dnode-1&watch=1"));
	open_watch(&h, "200 OK");
	int stated = h.stated;
	tell_watch(&h, EVENT("MODIFIED", WEB("101", "front")) "not JSON\n");
	assert_int_equal(h.stated, stated);
	for (size_t i = 0; news[i] != '\0'; i++)
		h.ops->data(h.back_end, h.asked[BH_QUERY_EVENTS], news + i, 1, 1);
	assert_int_equal(h.stated, stated + 1);
	assert_string_equal(bh_container_label(runtime_stated(&h, "uid-web"), "tier"), "back");
	assert_string_equal(owner_of(&h, "uid-web"), "deploy/web");
	tell_watch(&h, EVENT("DELETED", WEB("103", "back"))
			       EVENT("BOOKMARK", OBJECT("\"resourceVersion\":\"200\"")));
	assert_null(runtime_stated(&h, "uid-web"));
	end(&h, BH_QUERY_EVENTS, 0, 240 * BH_SECOND);
	assert_non_null(strstr(h.argument[BH_QUERY_EVENTS], "&resourceVersion=200"));
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_int_equal(h.states, 1);
	runtime_stop(&h);
}

/* Its version is too old, told either way: everything is listed again, and who is not listed is
 * gone. */
static void a_watch_that_expired_begins_with_a_list(void **state)
{
	static const char *const heads[] = { "200 OK", "410 Gone" };
	static const char *const bodies[] = { EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410}"),
					      "" };
	struct runtime_host h;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		runtime_start(&h, &bh_kubernetes_ops);
		runtime_reply(&h, BH_QUERY_CONTAINERS,
			      LIST("100", DB "," POD("bare", "uid-bare", "1", "\"labels\":{}")));
		open_watch(&h, heads[i]);
		tell_watch(&h, bodies[i]);
		uint32_t first = h.asked[BH_QUERY_CONTAINERS];
		end(&h, BH_QUERY_EVENTS, 0, BH_SECOND);
		h.ops->tick(h.back_end, 60 * BH_SECOND);
		assert_true(h.asked[BH_QUERY_CONTAINERS] > first);
		runtime_reply(&h, BH_QUERY_CONTAINERS, LIST("300", DB));
		assert_null(runtime_stated(&h, "uid-bare"));
		assert_non_null(runtime_stated(&h, "uid-db"));
		assert_int_equal(h.stated, 2);
		assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
		runtime_stop(&h);
	}
}

/* A server that ends each watch at once is not asked in a loop; pods stay known while it is away,
 * and the watch goes on where it was. */
static void a_server_that_is_away_is_asked_again_later(void **state)
{
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_kubernetes_ops);
	runtime_reply(&h, BH_QUERY_CONTAINERS, LIST("100", DB));
	open_watch(&h, "200 OK");
	end(&h, BH_QUERY_EVENTS, 0, BH_SECOND / 2);
	uint32_t questions = h.count;
	h.ops->tick(h.back_end, BH_SECOND);
	assert_int_equal(h.count, questions);
	h.ops->tick(h.back_end, 2 * BH_SECOND);
	assert_int_equal(h.count, questions + 1);
	end(&h, BH_QUERY_EVENTS, -ECONNREFUSED, 2 * BH_SECOND);
	assert_int_equal(h.state, BH_RUNTIME_UNREACHABLE);
	assert_string_equal(h.why, "Connection refused");
	assert_non_null(runtime_stated(&h, "uid-db"));
	h.ops->tick(h.back_end, 60 * BH_SECOND);
	assert_non_null(strstr(h.argument[BH_QUERY_EVENTS], "&resourceVersion=100"));
	open_watch(&h, "200 OK");
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	runtime_stop(&h);
}

static void refusals_say_what_to_do(void **state)
{
	static const struct {
		const char *answer;
		int error;
		const char *why;
	} cases[] = {
		{ "HTTP/1.0 401 \r\n\r\n{}", 0, "runtimes.kubernetes_token" },
		{ "HTTP/1.0 403 \r\n\r\n{}", 0, "config/kubernetes.yaml" },
		{ "HTTP/1.0 500 \r\n\r\n", 0,
		  "answers 500 when asked for the pods of node node-1" },
		{ "HTTP/1.0 200 \r\n\r\n{\"items\":7}", 0, "no list of pods" },
		{ "HTTP/1.0 200 \r\n\r\n[", 0, "no list of pods" },
		{ "HTTP/1.0 200 \r\n\r\n{\"items\":[]}", 0, NULL }, /* without a version */
		{ "what", 0, "ends the connection" },
		{ "", -EKEYREJECTED, "runtimes.kubernetes_ca" },
		{ "", -ENOENT, "runtimes.kubernetes_ca" },
		{ "", -ENOKEY, "runtimes.kubernetes_token" },
		{ "", -EADDRNOTAVAIL, "no address" },
		{ "", -ETIMEDOUT, "timed out" },
	};
	struct runtime_host h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		runtime_start(&h, &bh_kubernetes_ops);
		h.ops->data(h.back_end, h.count, cases[i].answer, strlen(cases[i].answer), 1);
		end(&h, BH_QUERY_CONTAINERS, cases[i].error, 1);
		assert_int_equal(h.state, BH_RUNTIME_UNREACHABLE);
		if (cases[i].why != NULL)
			assert_non_null(strstr(h.why, cases[i].why));
		uint32_t questions = h.count;
		h.ops->tick(h.back_end, 60 * BH_SECOND);
		assert_int_equal(h.count, questions + 1);
		runtime_stop(&h);
	}
}

/* What the server says goes into no path but as a name. */
static void names_that_are_none_are_not_asked_for(void **state)
{
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_kubernetes_ops);
	runtime_reply(&h, BH_QUERY_CONTAINERS,
		      LIST("5", POD("a", "uid-a", "1",
				    CONTROLLER("apps/v1", "ReplicaSet", "x/../../secrets"))));
	assert_int_equal(h.asked[BH_QUERY_INSPECT], 0);
	assert_string_equal(owner_of(&h, "uid-a"), "replicaset/x/../../secrets");
	runtime_stop(&h);
	assert_true(bh_kubernetes_is_path("/apis/apps/v1/namespaces/prod/replicasets/web-7d9f"));
	assert_false(bh_kubernetes_is_path("/api/v1/secrets"));
	assert_false(bh_kubernetes_is_path("/apis/apps/v1/namespaces/../../../api/v1/secrets"));
	assert_false(bh_kubernetes_is_path("/api/v1/pods?x=\r\nHost: other"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_have_labels_and_owners),
		cmocka_unit_test(a_job_is_its_cron_jobs_or_its_own),
		cmocka_unit_test(an_owner_that_is_not_told_is_left_to_the_labels),
		cmocka_unit_test(the_watch_tells_changes_and_goes_on_where_it_was),
		cmocka_unit_test(a_watch_that_expired_begins_with_a_list),
		cmocka_unit_test(a_server_that_is_away_is_asked_again_later),
		cmocka_unit_test(refusals_say_what_to_do),
		cmocka_unit_test(names_that_are_none_are_not_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
