/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups to be confirmed by a person; and that the configuration which is proposed confirms them.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_fixture.h"
#include "grow.h"

#define NOW CORE_FIXTURE_NOW
#define MOST 16

/* Containers, the first one behind veth 20, with 10.0.9.1. */
static struct {
	const char *name, *image, *compose;
	uint32_t of; /* whose interface it is: mostly its own */
} containers[MOST];
static uint32_t count;

static struct bh_core *core;
static uint64_t last_id;

static int setup(void **state)
{
	(void)state;
	core = core_fixture_new(BH_SECOND);
	core_fixture_world(core);
	count = 0;
	last_id = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_fixture_free(core);
	return 0;
}

/* Into this model or that. */
static void state_container(struct bh_model *model, uint32_t number)
{
	struct bh_container *c = bh_container_new();
	struct bh_endpoint_fact fact;

	c->runtime = BH_RUNTIME_DOCKER;
	snprintf(c->id, sizeof(c->id), "%064x", containers[number].of + 1);
	bh_copy_text(c->name, sizeof(c->name), containers[number].name);
	bh_copy_text(c->image, sizeof(c->image), containers[number].image);
	if (containers[number].compose != NULL) {
		bh_container_add_label(c, "com.docker.compose.project", "shop");
		bh_container_add_label(c, "com.docker.compose.service", containers[number].compose);
	}
	bh_model_container(model, c, NOW);
	memset(&fact, 0, sizeof(fact));
	fact.ifindex = 20 + number;
	fact.netns_inode = 20 + containers[number].of;
	fact.master_ifindex = 100;
	fact.runtime = BH_RUNTIME_DOCKER;
	fact.since = NOW - BH_SECOND;
	fact.addr_count = 1;
	fact.addrs[0] = core_fixture_addr("10.0.9.1");
	fact.addrs[0].bytes[3] = (uint8_t)(number + 1);
	bh_copy_text(fact.container_id, sizeof(fact.container_id), c->id);
	snprintf(fact.ifname, sizeof(fact.ifname), "veth%u", 20 + number);
	bh_model_endpoint(model, &fact, NOW - BH_SECOND);
	bh_container_free(c);
}

static struct bh_flow flow_to_db(uint32_t number, uint16_t port)
{
	struct bh_flow flow;

	memset(&flow, 0, sizeof(flow));
	flow.id = ++last_id;
	flow.key = core_fixture_tuple("10.0.9.1", (uint16_t)(1000 + last_id), "10.0.2.3", port);
	flow.key.src.bytes[3] = (uint8_t)(number + 1);
	flow.first = flow.last = NOW;
	flow.src_ifindex = 20 + number;
	flow.dst_ifindex = 8;
	flow.direction = BH_DIRECTION_SYN;
	flow.answered = flow.established = true;
	return flow;
}

/* It opens these ports of db's (0 ends them), and listens on one. */
static void add_of(uint32_t of, const char *name, const char *image, uint16_t listens,
		   const uint16_t ports[4])
{
	struct bh_listeners listeners = { .ifindex = 20 + count,
					  .count = (uint16_t)(2 + count % 2),
					  .complete = true };

	containers[count].name = name;
	containers[count].image = image;
	containers[count].compose = NULL;
	containers[count].of = of;
	state_container(core->model, count);
	for (size_t i = 0; i < 4 && ports[i] != 0; i++) {
		struct bh_flow flow = flow_to_db(count, ports[i]);

		bh_core_flows(core, &flow, 1);
	}
	/* It is asked for, and answered: a client's UDP port, and over IPv4, or IPv6 as well. */
	struct bh_flow unknown = flow_to_db(count, 9);
	bh_core_responder(core, &unknown);
	listeners.ports[0] =
		(struct bh_listener) { .port = (uint16_t)(40000 + count), .proto = IPPROTO_UDP };
	listeners.ports[1] = (struct bh_listener) { .port = listens, .proto = IPPROTO_TCP };
	listeners.ports[2] = listeners.ports[1];
	bh_core_listeners(core, &listeners);
	count++;
}

static void add(const char *name, const char *image, uint16_t listens, const uint16_t ports[4])
{
	add_of(count, name, image, listens, ports);
}

static const uint16_t some[4] = { 1, 2, 3 }, others[4] = { 4, 5, 6 };

/* What it says of the group: names, and what confirms it. */
static const char *text_of(const cJSON *group)
{
	static char text[2048];
	const cJSON *item;

	snprintf(text, sizeof(text),
		 "%s:", cJSON_GetStringValue(cJSON_GetObjectItem(group, "name")));
	cJSON_ArrayForEach (item, cJSON_GetObjectItem(group, "instances"))
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s",
			 cJSON_GetStringValue(cJSON_GetObjectItem(item, "name")));
	cJSON_ArrayForEach (item, cJSON_GetObjectItem(group, "configuration"))
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "\n%s",
			 cJSON_GetStringValue(item));
	return text;
}

/* With the group's configuration, its members are one workload of its name and no guess any more,
 * and nobody else is of it. */
static void assert_confirms(const cJSON *group)
{
	static struct bh_config config;
	const char *text = strchr(text_of(group), '\n') + 1;
	const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(group, "name"));
	struct bh_error err = { 0 };
	char expected[300];

	bh_config_defaults(&config);
	if (bh_config_parse(&config, text, strlen(text), "proposed", &err) != 0)
		fail_msg("%s\n%s", err.text, text);
	struct bh_model_config how = { .grouping = &config.grouping };
	struct bh_model *model = bh_model_new(&how);
	snprintf(expected, sizeof(expected), strchr(name, ':') != NULL ? "%s" : "group:%s", name);
	for (uint32_t i = 0; i < count; i++) {
		bool member = false;
		const cJSON *item;

		cJSON_ArrayForEach (item, cJSON_GetObjectItem(group, "instances"))
			member = member ||
				 strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(item, "name")),
					containers[i].name) == 0;
		state_container(model, i);
		const struct bh_instance *instance = bh_model_at(model, 20 + i, NOW);
		assert_int_equal(strcmp(instance->workload, expected) == 0, member);
		assert_false(member && instance->guessed);
	}
	bh_model_free(model);
}

static cJSON *groups(int expected)
{
	cJSON *list = bh_core_alike_json(core);
	const cJSON *group;

	assert_int_equal(cJSON_GetArraySize(list), expected);
	cJSON_ArrayForEach (group, list)
		if (!cJSON_IsNull(cJSON_GetObjectItem(group, "configuration")))
			assert_confirms(group);
	return list;
}

static void all_of_an_image_keep_their_name(void **state)
{
	(void)state;
	add("web-1", "registry.example/web:1", 80, some);
	add("web-2", "registry.example/web:2", 80, some);
	cJSON *list = groups(1);
	assert_string_equal(text_of(cJSON_GetArrayItem(list, 0)),
			    "image:registry.example/web: web-1 web-2\n"
			    "workloads:\n"
			    "  - match: {bulkhead.image: \"registry.example/web\"}\n"
			    "    name: \"image:registry.example/web\"");
	cJSON_Delete(list);
}

static void of_one_image_there_are_two_things(void **state)
{
	(void)state;
	add("shop-web-1", "base", 80, some);
	add("shop-web-2", "base", 80, some);
	add("shop-log-1", "base", 80, others);
	add("shop-log-2", "base", 80, others);
	add("shop-log-3", "base", 81, others);
	cJSON *list = groups(2);
	/* The third log is another thing, by its port, and has a name like theirs. */
	assert_string_equal(text_of(cJSON_GetArrayItem(list, 0)),
			    "shop-log: shop-log-1 shop-log-2\n"
			    "workloads:\n"
			    "  - match: {bulkhead.image: \"base\", bulkhead.name: \"shop-log-1\"}\n"
			    "    name: \"shop-log\"\n"
			    "  - match: {bulkhead.image: \"base\", bulkhead.name: \"shop-log-2\"}\n"
			    "    name: \"shop-log\"");
	assert_string_equal(text_of(cJSON_GetArrayItem(list, 1)),
			    "shop-web: shop-web-1 shop-web-2\n"
			    "workloads:\n"
			    "  - match: {bulkhead.image: \"base\", bulkhead.name: \"shop-web-*\"}\n"
			    "    name: \"shop-web\"");
	cJSON_Delete(list);
}

/* Docker calls an image by its number when its tag has gone to a newer one. */
static void images_without_a_name(void **state)
{
	static const char number[] =
		"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

	(void)state;
	add("[x]*1", number, 80, some);
	add("[x]*2", number, 80, some);
	add("x1", number, 80, others);
	cJSON *list = groups(1);
	assert_string_equal(text_of(cJSON_GetArrayItem(list, 0)),
			    "[x]*: [x]*1 [x]*2\n"
			    "workloads:\n"
			    "  - match: {bulkhead.name: \"\\\\[x\\\\]\\\\**\"}\n"
			    "    name: \"[x]*\"");
	cJSON_Delete(list);
}

static void names_with_nothing_in_common(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j" };

	(void)state;
	for (size_t i = 0; i < 8; i++)
		add(names[i], "base", 80, some);
	add("other", "base", 81, some);
	cJSON *list = groups(1);
	assert_int_equal(cJSON_GetArraySize(
				 cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "configuration")),
			 17);
	assert_string_equal(
		cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "name")),
		"base");
	cJSON_Delete(list);
	/* A rule for each of nine is too much. */
	add(names[8], "base", 80, some);
	list = groups(1);
	assert_true(
		cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "configuration")));
	cJSON_Delete(list);
}

static void whoever_is_known_is_not_guessed(void **state)
{
	(void)state;
	add("web-1", "base", 80, some);
	add("web-2", "base", 80, some);
	containers[1].compose = "web";
	state_container(core->model, 1);
	cJSON *list = groups(0);
	cJSON_Delete(list);
	/* What was learned of both as one workload says nothing of either. */
	add("fourth-1", "fourth", 80, some);
	add("fourth-2", "fourth", 80, others);
	cJSON_Delete(groups(0));
	/* Without evidence, nor without their ports. */
	add("idle-1", "other", 80, (const uint16_t[4]) { 0 });
	add("idle-2", "other", 80, (const uint16_t[4]) { 0 });
	add("late-1", "third", 80, some);
	add("late-2", "third", 80, some);
	bh_core_listeners_gone(core, 20 + count - 1);
	bh_core_listeners_gone(core, 20 + count - 2);
	list = groups(0);
	cJSON_Delete(list);
}

/* What is asked for by one name is one thing, at whichever address it is met. */
static void servers_outside_go_by_their_names(void **state)
{
	static const struct bh_peer pay = { BH_PEER_DNS, "dns:pay.example" };

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		add(i == 0 ? "web-1" : "web-2", "base", 80, (const uint16_t[4]) { 0 });
		struct bh_flow flow = flow_to_db(i, 443);
		flow.dst_ifindex = 0;
		flow.key.dst = core_fixture_addr(i == 0 ? "203.0.113.1" : "203.0.113.2");
		bh_core_flows(core, &flow, 1);
	}
	cJSON_Delete(groups(0));
	for (struct bh_live_flow *f = core->oldest; f != NULL; f = f->newer)
		f->learned_as = bh_peers_get(core->peers, &pay);
	cJSON_Delete(groups(1));
}

/* A container with two interfaces is not two replicas. */
static void a_container_is_not_like_itself(void **state)
{
	(void)state;
	add("web-1", "base", 80, some);
	add_of(0, "web-1", "base", 80, some);
	cJSON_Delete(groups(0));
	/* What it does by the one and by the other is what it does. */
	add_of(0, "web-1", "base", 80, others);
	add("web-2", "base", 80, (const uint16_t[4]) { 1, 2, 3, 4 });
	cJSON_Delete(groups(1));
	add("web-3", "base", 80, (const uint16_t[4]) { 1, 2 });
	cJSON_Delete(groups(1));
}

/* Of one that is alone in its workload the ledger remembers more than the flows do. */
static void what_was_learned_counts(void **state)
{
	static const char number[] =
		"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	const struct bh_peer from = { BH_PEER_WORKLOAD, "container:w2" },
			     to = { BH_PEER_WORKLOAD, "netns:db" };
	struct bh_contact contact = { .src = &from,
				      .dst = &to,
				      .proto = IPPROTO_TCP,
				      .time = NOW,
				      .direction = BH_DIRECTION_SYN,
				      .answered = true,
				      .teaches = true };

	(void)state;
	add("w1", number, 80, some);
	add("w2", number, 80, (const uint16_t[4]) { 1 });
	cJSON_Delete(groups(0));
	contact.port = 2;
	assert_int_equal(bh_ledger_observe(core->ledger, &contact), BH_LEARNED);
	cJSON_Delete(groups(1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_of_an_image_keep_their_name), TEST(of_one_image_there_are_two_things),
		TEST(images_without_a_name),	       TEST(names_with_nothing_in_common),
		TEST(whoever_is_known_is_not_guessed), TEST(servers_outside_go_by_their_names),
		TEST(a_container_is_not_like_itself),  TEST(what_was_learned_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
