/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Podman's two ways: its service, with pods, and its state on disk; and what is said when one of
 * them fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "address.h"
#include "bolt_pages.h"
#include "podman_sqlite.h"
#include "podman_state.h"
#include "runtime_fixture.h"

#define IMAGE "4444444444444444444444444444444444444444444444444444444444444444"
#define DB "/storage/libpod/bolt_state.db"

/* --- the service ------------------------------------------------------------------------------ */

static void test_service(void **state)
{
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_podman_ops);
	runtime_tell(&h, BH_FILES_LISTED, "", NULL, 0);
	assert_int_equal(h.states, 0); /* the service may still answer */
	bh_podman_ops.data(h.back_end, h.asked[BH_QUERY_EVENTS], RUNTIME_REPLY_HEAD,
			   strlen(RUNTIME_REPLY_HEAD), 1);
	runtime_reply(&h, BH_QUERY_CONTAINERS,
		      "[{\"Id\":\"" INFRA
		      "\",\"Names\":[\"/3333-infra\"],\"Image\":\"localhost/pause:1\","
		      "\"State\":\"running\",\"Labels\":{\"team\":\"of the image\"}},"
		      "{\"Id\":\"" MEMBER "\",\"Names\":[\"/one\"],\"Image\":\"localhost/shop:1\","
		      "\"State\":\"running\",\"HostConfig\":{\"NetworkMode\":\"container:" INFRA
		      "\"}}]");
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_string_equal(runtime_stated(&h, INFRA)->pod, "");
	/* Pods come by a question of their own, and late. */
	runtime_reply(&h, BH_QUERY_PODS,
		      "[{\"Id\":\"" POD "\",\"InfraId\":\"" INFRA
		      "\",\"Name\":\"front\",\"Labels\":{\"team\":\"pay\"}},"
		      "{\"Id\":7,\"InfraId\":null},{\"InfraId\":\"short\"}]");
	assert_string_equal(runtime_stated(&h, INFRA)->pod, "front");
	assert_string_equal(bh_container_label(runtime_stated(&h, INFRA), "team"), "pay");
	assert_string_equal(runtime_stated(&h, MEMBER)->network_mode, "container:" INFRA);
	assert_string_equal(runtime_stated(&h, MEMBER)->pod, "");
	runtime_stop(&h);
}

/* Labels of its image name nobody; the pod's are not the image's, whatever that says. */
static void test_image(void **state)
{
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_podman_ops);
	runtime_tell(&h, BH_FILES_LISTED, "", NULL, 0);
	bh_podman_ops.data(h.back_end, h.asked[BH_QUERY_EVENTS], RUNTIME_REPLY_HEAD,
			   strlen(RUNTIME_REPLY_HEAD), 1);
	runtime_reply(&h, BH_QUERY_CONTAINERS,
		      "[{\"Id\":\"" INFRA "\",\"Image\":\"localhost/pause:1\",\"ImageID\":\"" IMAGE
		      "\",\"State\":\"running\",\"Labels\":{\"bulkhead.workload\":\"pay\"}},"
		      "{\"Id\":\"" MEMBER
		      "\",\"Image\":\"\",\"ImageID\":\"\",\"State\":\"running\","
		      "\"Labels\":{\"bulkhead.workload\":\"of a folder\"}}]");
	runtime_reply(&h, BH_QUERY_PODS,
		      "[{\"Id\":\"" POD "\",\"InfraId\":\"" INFRA "\",\"Name\":\"front\","
		      "\"Labels\":{\"bulkhead.workload\":\"pay\"}}]");
	assert_null(runtime_stated(&h, INFRA));
	assert_string_equal(h.argument[BH_QUERY_IMAGE], IMAGE);
	runtime_reply(&h, BH_QUERY_IMAGE,
		      "{\"Config\":{\"Labels\":{\"bulkhead.workload\":\"pay\"}}}");
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_string_equal(bh_container_label(runtime_stated(&h, INFRA), "bulkhead.workload"),
			    "pay");
	assert_string_equal(bh_container_label(runtime_stated(&h, MEMBER), "bulkhead.workload"),
			    "of a folder");
	runtime_reply(&h, BH_QUERY_PODS, "[]");
	runtime_stop(&h);
}

/* The socket comes some time after bulkhead: it is looked for twice a second. */
static void test_absent(void **state)
{
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_podman_ops);
	runtime_tell(&h, BH_FILES_LISTED, "", NULL, 0);
	for (int i = 1; i < 20; i++) {
		uint32_t before = h.asked[BH_QUERY_EVENTS];

		bh_podman_ops.end(h.back_end, before, -ENOENT, i * 1000000);
		bh_podman_ops.tick(h.back_end, i * 1000000 + 500000);
		assert_int_not_equal(h.asked[BH_QUERY_EVENTS], before);
	}
	assert_int_equal(h.state, BH_RUNTIME_ABSENT);
	runtime_stop(&h);
}

/* --- the disk --------------------------------------------------------------------------------- */

/* A database with one pod, its infra container and another of its containers, or without that. */
static void build(struct pages *p, bool with_member)
{
	uint8_t ctr[16], pods[16], infra[600], member[600], pod[400];
	const struct item infra_fields[] = {
		{ "config", 6,
		  "{\"id\":\"" INFRA "\",\"name\":\"3333-infra\",\"pause\":true,\"pod\":\"" POD
		  "\",\"createNetNS\":true}",
		  0, 0 },
		{ "state", 5,
		  "{\"state\":3,\"pid\":7,\"netns\":\"/run/netns/"
		  "netns-x\",\"networkStatus\":{\"shop\":"
		  "{\"interfaces\":{\"eth0\":{\"mac_address\":\"0a:00:00:00:00:01\",\"subnets\":"
		  "[{\"ipnet\":\"10.90.0.3/24\"},{\"ipnet\":\"fd90::3/64\"}]}}}}}",
		  0, 0 },
	};
	const struct item member_fields[] = {
		{ "config", 6,
		  "{\"id\":\"" MEMBER
		  "\",\"name\":\"one\",\"rootfsImageName\":\"localhost/shop:1\","
		  "\"netNsCtr\":\"" INFRA "\",\"labels\":{\"tier\":\"web\"}}",
		  0, 0 },
		{ "state", 5, "{\"state\":3,\"pid\":8}", 0, 0 },
	};
	const struct item pod_fields[] = {
		{ "config", 6, "{\"name\":\"front\",\"labels\":{\"team\":\"pay\"}}", 0, 0 }
	};
	struct item leaf[2];

	memset(p, 0, sizeof(*p));
	memset(infra, 0, sizeof(infra));
	memset(member, 0, sizeof(member));
	memset(pod, 0, sizeof(pod));
	struct item sized[2];
	for (int i = 0; i < 2; i++) {
		sized[i] = infra_fields[i];
		sized[i].value_size = (uint32_t)strlen(sized[i].value);
	}
	leaf[0] = (struct item) { INFRA, 64, infra,
				  16 + (uint32_t)put_leaf(infra + 16, 0, sized, 2, 0), 1 };
	for (int i = 0; i < 2; i++) {
		sized[i] = member_fields[i];
		sized[i].value_size = (uint32_t)strlen(sized[i].value);
	}
	leaf[1] = (struct item) { MEMBER, 64, member,
				  16 + (uint32_t)put_leaf(member + 16, 0, sized, 2, 0), 1 };
	put_leaf(p->bytes + 4 * (size_t)PAGE, 4, leaf, with_member ? 2 : 1, 1);
	sized[0] = pod_fields[0];
	sized[0].value_size = (uint32_t)strlen(sized[0].value);
	leaf[0] = (struct item) { POD, 64, pod, 16 + (uint32_t)put_leaf(pod + 16, 0, sized, 1, 0),
				  1 };
	put_leaf(p->bytes + 6 * (size_t)PAGE, 6, leaf, 1, 0);
	put64(ctr, 4);
	put64(ctr + 8, 0);
	put64(pods, 6);
	put64(pods + 8, 0);
	const struct item root[] = { { "ctr", 3, ctr, sizeof(ctr), 1 },
				     { "pod", 3, pods, sizeof(pods), 1 } };
	put_leaf(p->bytes + 3 * (size_t)PAGE, 3, root, 2, 0);
	put_meta(p, 0, 3, 7);
}

/* The database is there; the service fails so. */
static void start_on_disk(struct runtime_host *h, struct pages *p, int error)
{
	runtime_start(h, &bh_podman_ops);
	build(p, true);
	runtime_tell_bytes(h, BH_FILE_IS, DB, p, sizeof(*p));
	runtime_tell(h, BH_FILES_LISTED, "", NULL, 1);
	bh_podman_ops.end(h->back_end, h->asked[BH_QUERY_EVENTS], error, 1);
}

static void test_disk(void **state)
{
	static struct pages p;
	struct runtime_host h;
	struct bh_addr addr;

	(void)state;
	start_on_disk(&h, &p, -ENOENT);
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_non_null(strstr(h.why, "on disk"));
	const struct bh_container *infra = runtime_stated(&h, INFRA),
				  *member = runtime_stated(&h, MEMBER);
	assert_string_equal(infra->pod, "front");
	assert_string_equal(bh_container_label(infra, "team"), "pay");
	assert_string_equal(infra->netns_path, "/run/netns/netns-x");
	assert_true(infra->running);
	assert_int_equal(infra->net_count, 1);
	assert_true(bh_addr_parse("10.90.0.3", &addr) &&
		    bh_addr_equal(&infra->nets[0].addr4, &addr));
	assert_true(bh_addr_parse("fd90::3", &addr) && bh_addr_equal(&infra->nets[0].addr6, &addr));
	assert_string_equal(member->network_mode, "container:" INFRA);
	assert_string_equal(member->image, "localhost/shop:1");
	assert_string_equal(bh_container_label(member, "tier"), "web");
	/* The same once more says nothing new; without the second, that one is gone. */
	int before = h.stated;
	runtime_tell_bytes(&h, BH_FILE_IS, DB, &p, sizeof(p));
	assert_int_equal(h.stated, before);
	build(&p, false);
	runtime_tell_bytes(&h, BH_FILE_IS, DB, &p, sizeof(p));
	assert_null(runtime_stated(&h, MEMBER));
	assert_non_null(runtime_stated(&h, INFRA));
	runtime_stop(&h);
}

/* Half written: what was known stays known, and it is said that it cannot be read. */
static void test_unreadable(void **state)
{
	static struct pages p;
	struct runtime_host h;

	(void)state;
	start_on_disk(&h, &p, -ECONNREFUSED);
	runtime_tell_bytes(&h, BH_FILE_IS, DB, "garbage", 7);
	assert_int_equal(h.state, BH_RUNTIME_UNREACHABLE);
	assert_non_null(strstr(h.why, "no bolt database"));
	assert_non_null(runtime_stated(&h, MEMBER));
	/* Bytes that are no stream end it; it is asked for again. */
	uint32_t files = h.asked[BH_QUERY_FILES];
	bh_podman_ops.data(h.back_end, files, "\377\377\377\377\377\377\377\377\377\377\377\377",
			   12, 2);
	bh_podman_ops.tick(h.back_end, 3);
	bh_podman_ops.tick(h.back_end, 5000000);
	assert_int_not_equal(h.asked[BH_QUERY_FILES], files);
	runtime_stop(&h);
}

/* As soon as the service answers its word holds, and what it does not list is gone. */
static void test_takes_over(void **state)
{
	static struct pages p;
	struct runtime_host h;

	(void)state;
	start_on_disk(&h, &p, -ENOENT);
	bh_podman_ops.tick(h.back_end, 2000000);
	bh_podman_ops.data(h.back_end, h.asked[BH_QUERY_EVENTS], RUNTIME_REPLY_HEAD,
			   strlen(RUNTIME_REPLY_HEAD), 1);
	runtime_reply(&h, BH_QUERY_CONTAINERS,
		      "[{\"Id\":\"" INFRA "\",\"Names\":[\"/renamed\"],\"State\":\"running\"}]");
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_string_equal(h.why, "");
	assert_string_equal(runtime_stated(&h, INFRA)->name, "renamed");
	assert_null(runtime_stated(&h, MEMBER));
	/* While it does, the disk changes nothing. */
	runtime_tell_bytes(&h, BH_FILE_IS, DB, &p, sizeof(p));
	assert_string_equal(runtime_stated(&h, INFRA)->name, "renamed");
	bh_podman_ops.end(h.back_end, h.asked[BH_QUERY_EVENTS], 0, 3000000);
	assert_string_equal(runtime_stated(&h, INFRA)->name, "3333-infra");
	assert_non_null(strstr(h.why, "on disk"));
	runtime_stop(&h);
}

/* Which of two databases Podman uses depends on its version; it is the one that it writes to. */
static void test_both(void **state)
{
	static struct pages p;
	struct bh_buffer sqlite = { 0 };
	struct runtime_host h;

	(void)state;
	start_on_disk(&h, &p, -ENOENT);
	make_state(PODMAN_TABLES PODMAN_ROWS PODMAN_REMOVE_MEMBER
		   "UPDATE PodConfig SET JSON = '{\"name\":\"moved\"}'",
		   &sqlite);
	runtime_tell_bytes(&h, BH_FILE_IS, "/storage/db.sql", sqlite.data, sqlite.length);
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_non_null(strstr(h.why, "on disk (db.sql, of two databases)"));
	assert_string_equal(runtime_stated(&h, INFRA)->pod, "moved");
	assert_null(runtime_stated(&h, MEMBER));
	runtime_tell_bytes(&h, BH_FILE_IS, DB, &p, sizeof(p));
	assert_non_null(strstr(h.why, "on disk (libpod/bolt_state.db, of two databases)"));
	assert_string_equal(runtime_stated(&h, INFRA)->pod, "front");
	assert_non_null(runtime_stated(&h, MEMBER));
	/* Migrated: the other takes over, though nobody has written to it since. */
	runtime_tell(&h, BH_FILE_GONE, DB, NULL, 0);
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_null(strstr(h.why, "two databases"));
	assert_string_equal(runtime_stated(&h, INFRA)->pod, "moved");
	assert_null(runtime_stated(&h, MEMBER));
	runtime_tell_bytes(&h, BH_FILE_IS, DB, &p, sizeof(p));
	assert_non_null(runtime_stated(&h, MEMBER));
	runtime_tell(&h, BH_FILE_GONE, "/storage/db.sql", NULL, 0);
	assert_null(strstr(h.why, "two databases"));
	assert_non_null(runtime_stated(&h, MEMBER));
	runtime_tell(&h, BH_FILE_GONE, "/storage", NULL, 0);
	assert_int_equal(h.state, BH_RUNTIME_ABSENT);
	runtime_stop(&h);
	bh_buffer_free(&sqlite);
}

#define NAMESPACES(list) ",\"spec\":{\"linux\":{\"namespaces\":[{\"type\":\"pid\"}" list "]}}"

static void the_specification_says_which_network(void **state)
{
	static const struct {
		const char *config, *mode;
	} cases[] = {
		{ ",\"createNetNS\":true" NAMESPACES(",{\"type\":\"network\"}"), "bridge" },
		{ ",\"createNetNS\":true,\"networkMode\":\"slirp4netns\"", "slirp4netns" },
		{ ",\"netNsCtr\":\"" INFRA "\"" NAMESPACES(",{\"type\":\"network\"}"),
		  "container:" INFRA },
		{ NAMESPACES(",{\"type\":\"network\",\"path\":\"/run/netns/x\"}"),
		  "ns:/run/netns/x" },
		{ NAMESPACES(",{\"type\":\"network\"}"), "none" },
		{ NAMESPACES(""), "host" },
		{ "", "host" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bh_map *containers = bh_podman_containers_new();
		char text[600];

		snprintf(text, sizeof(text), "{\"id\":\"%s\"%s}", MEMBER, cases[i].config);
		cJSON *config = cJSON_Parse(text), *nothing = cJSON_CreateObject();
		assert_non_null(config);
		bh_podman_add(containers, config, nothing, NULL);
		const struct bh_container *c = bh_map_get_text(containers, MEMBER);
		assert_non_null(c);
		assert_string_equal(c->network_mode, cases[i].mode);
		cJSON_Delete(config);
		cJSON_Delete(nothing);
		bh_map_free(containers);
	}
}

#define LISTED                                                                                     \
	"[{\"Id\":\"" INFRA "\",\"Names\":[\"/infra\"],\"Image\":\"x:1\",\"ImageID\":\"" IMAGE     \
	"\",\"State\":\"running\",\"Labels\":{\"bulkhead.workload\":\"pay\"},"                     \
	"\"HostConfig\":{\"NetworkMode\":\"bridge\"}},"                                            \
	"{\"Id\":\"" MEMBER "\",\"Names\":[\"/listed\"],\"State\":\"paused\","                     \
	"\"HostConfig\":{\"NetworkMode\":\"host\"}}]"

/* What the service told of is there when it answers whole, whatever the disk said in between, and
 * also when it says the same as before it was away. */
static void the_disk_does_not_take_away_what_the_service_told(void **state)
{
	static struct pages p;
	struct runtime_host h;

	(void)state;
	runtime_start(&h, &bh_podman_ops);
	bh_podman_ops.data(h.back_end, h.asked[BH_QUERY_EVENTS], RUNTIME_REPLY_HEAD,
			   strlen(RUNTIME_REPLY_HEAD), 1);
	runtime_reply(&h, BH_QUERY_CONTAINERS, LISTED); /* it waits for an image */
	build(&p, true);
	runtime_tell_bytes(&h, BH_FILE_IS, DB, &p, sizeof(p));
	runtime_tell(&h, BH_FILES_LISTED, "", NULL, 1);
	runtime_reply(&h, BH_QUERY_IMAGE, "{\"Config\":{\"Labels\":{}}}");
	assert_int_equal(h.state, BH_RUNTIME_CONNECTED);
	assert_string_equal(h.why, "");
	assert_non_null(runtime_stated(&h, MEMBER));
	assert_string_equal(runtime_stated(&h, MEMBER)->name, "listed");
	bh_podman_ops.end(h.back_end, h.asked[BH_QUERY_EVENTS], 0, 2);
	assert_non_null(strstr(h.why, "on disk"));
	assert_string_equal(runtime_stated(&h, MEMBER)->name, "one");
	bh_podman_ops.tick(h.back_end, 2000000);
	bh_podman_ops.data(h.back_end, h.asked[BH_QUERY_EVENTS], RUNTIME_REPLY_HEAD,
			   strlen(RUNTIME_REPLY_HEAD), 1);
	runtime_reply(&h, BH_QUERY_CONTAINERS, LISTED);
	assert_string_equal(h.why, "");
	assert_non_null(runtime_stated(&h, MEMBER));
	assert_string_equal(runtime_stated(&h, MEMBER)->name, "listed");
	assert_non_null(runtime_stated(&h, INFRA));
	runtime_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_specification_says_which_network),
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_image),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_disk),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_takes_over),
		cmocka_unit_test(test_both),
		cmocka_unit_test(the_disk_does_not_take_away_what_the_service_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
