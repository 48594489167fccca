/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Docker back end against scripted replies: listing, events, early binding, reconnects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "buffer.h"
#include "grow.h"
#include "map.h"
#include "runtime.h"
#include "timefmt.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define NET "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define IMAGE "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
#define HEAD "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"

struct asked {
	uint32_t id;
	enum bh_runtime_query query;
	char argument[BH_CONTAINER_ID];
};

struct host {
	struct asked *asked;
	size_t capacity;
	uint32_t count;
	struct bh_map *containers; /* as stated */
	int gone;
	int ok, not_ok;
	char why[256];
};

static uint32_t on_query(void *user, uint8_t runtime, enum bh_runtime_query query,
			 const char *argument)
{
	struct host *h = user;

	assert_int_equal(runtime, BH_RUNTIME_DOCKER);
	h->asked = bh_grow(h->asked, &h->capacity, h->count + 1, sizeof(*h->asked));
	struct asked *a = &h->asked[h->count++];
	a->id = h->count;
	a->query = query;
	bh_copy_text(a->argument, sizeof(a->argument), argument);
	return a->id;
}

static void on_container(void *user, const struct bh_container *c)
{
	struct host *h = user;

	bh_map_put_text(h->containers, c->id, bh_container_copy(c));
}

static void on_gone(void *user, uint8_t runtime, const char *id)
{
	struct host *h = user;

	(void)runtime;
	h->gone++;
	bh_map_remove_text(h->containers, id);
}

static void on_state(void *user, uint8_t runtime, enum bh_runtime_state state, const char *why)
{
	struct host *h = user;

	(void)runtime;
	h->ok += state == BH_RUNTIME_CONNECTED;
	h->not_ok += state != BH_RUNTIME_CONNECTED;
	bh_copy_text(h->why, sizeof(h->why), why != NULL ? why : "");
}

static void free_container(void *value)
{
	bh_container_free(value);
}

static void *start(struct host *h)
{
	struct bh_runtime_host host = { h, "node-1", on_query, on_container, on_gone, on_state };

	memset(h, 0, sizeof(*h));
	h->containers = bh_map_new(free_container);
	return bh_docker_ops.start(&host, 0);
}

static void stop(struct host *h, void *docker)
{
	bh_docker_ops.stop(docker);
	bh_map_free(h->containers);
	free(h->asked);
}

/* The latest question of this kind, about this; fails where there is none. */
static uint32_t find(const struct host *h, enum bh_runtime_query query, const char *argument)
{
	for (uint32_t i = h->count; i > 0; i--)
		if (h->asked[i - 1].query == query &&
		    strcmp(h->asked[i - 1].argument, argument) == 0)
			return h->asked[i - 1].id;
	fail_msg("nobody asked %d %s", query, argument);
	return 0;
}

/* A whole reply, a few bytes at a time. */
static void reply(void *docker, uint32_t id, const char *head, const char *body)
{
	size_t step = 7;

	bh_docker_ops.data(docker, id, head, strlen(head), 0);
	for (size_t at = 0, length = strlen(body); at < length; at += step)
		bh_docker_ops.data(docker, id, body + at, length - at < step ? length - at : step,
				   0);
	bh_docker_ops.end(docker, id, 0, 0);
}

static void event(void *docker, uint32_t stream, const char *line)
{
	bh_docker_ops.data(docker, stream, line, strlen(line), 0);
	bh_docker_ops.data(docker, stream, "\n", 1, 0);
}

#define LIST_A                                                                                     \
	"[{\"Id\":\"" ID_A                                                                         \
	"\",\"Names\":[\"/shop_web_1\"],\"Image\":\"web:1\",\"ImageID\":\"sha256:" IMAGE           \
	"\",\"State\":\"running\","                                                                \
	"\"Labels\":{\"com.docker.compose.project\":\"shop\",\"com.docker.compose.service\":"      \
	"\"web\"},"                                                                                \
	"\"HostConfig\":{\"NetworkMode\":\"shop\"},\"NetworkSettings\":{\"Networks\":{\"shop\":{"  \
	"\"IPAddress\":\"10.0.0.2\",\"MacAddress\":\"02:42:0a:00:00:02\"}}}}]"

/* What an image of labels {…} is answered with. */
static void tell_image(const struct host *h, void *docker, const char *id, const char *labels)
{
	char body[512];

	snprintf(body, sizeof(body), "{\"Id\":\"sha256:%s\",\"Config\":{\"Labels\":%s}}", id,
		 labels);
	reply(docker, find(h, BH_QUERY_IMAGE, id), HEAD, body);
}

static void list_a(const struct host *h, void *docker)
{
	reply(docker, find(h, BH_QUERY_CONTAINERS, ""), HEAD, LIST_A);
	tell_image(h, docker, IMAGE, "null");
}

static void a_listing_names_containers(void **state)
{
	struct host h;
	void *docker = start(&h);

	(void)state;
	assert_int_equal(h.asked[0].query,
			 BH_QUERY_EVENTS); /* before the list, so nothing is missed */
	list_a(&h, docker);
	assert_int_equal(h.ok, 1);
	const struct bh_container *c = bh_map_get_text(h.containers, ID_A);
	assert_non_null(c);
	assert_string_equal(c->name, "shop_web_1");
	assert_string_equal(c->image, "web:1");
	assert_true(c->running);
	assert_string_equal(bh_container_label(c, "com.docker.compose.service"), "web");
	assert_int_equal(c->net_count, 1);
	assert_int_equal(c->nets[0].addr4.bytes[3], 2);
	/* The inspection adds what the list does not have. */
	reply(docker, find(&h, BH_QUERY_INSPECT, ID_A), HEAD,
	      "{\"Id\":\"" ID_A
	      "\",\"Name\":\"/shop_web_1\",\"State\":{\"Status\":\"running\",\"Pid\":41},"
	      "\"Config\":{\"Image\":\"web:1\",\"Labels\":null},\"HostConfig\":null,"
	      "\"NetworkSettings\":{\"SandboxKey\":\"/var/run/docker/netns/"
	      "abc\",\"Networks\":{},"
	      "\"Ports\":{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"8080\"},"
	      "{\"HostIp\":\"::\",\"HostPort\":\"8080\"},"
	      "{\"HostIp\":\"192.0.2.1\",\"HostPort\":\"8081\"}],\"81/tcp\":null,"
	      "\"53/udp\":[{\"HostPort\":\"5353\"}],\"82\":[{\"HostPort\":\"1\"}],"
	      "\"83/tcp\":[{\"HostPort\":\"65536\"},{\"HostPort\":7},{}]}}}");
	c = bh_map_get_text(h.containers, ID_A);
	assert_string_equal(c->netns_path, "/var/run/docker/netns/abc");
	assert_int_equal(c->pid, 41);
	assert_int_equal(c->published_count, 4);
	assert_int_equal(c->published[0].port, 80);
	assert_int_equal(c->published[0].host_port, 8080);
	assert_int_equal(c->published[3].proto, IPPROTO_UDP);
	assert_int_equal(c->published[3].host_port, 5353);
	struct bh_addr one, other;
	assert_true(bh_addr_parse("192.0.2.1", &one) && bh_addr_parse("192.0.2.2", &other));
	assert_true(bh_published_covers(&c->published[0], &other));
	assert_false(bh_published_covers(&c->published[1], &other));
	assert_true(bh_published_covers(&c->published[2], &one));
	assert_false(bh_published_covers(&c->published[2], &other));
	assert_true(bh_published_covers(&c->published[3], &other));
	/* The next list does not say it, which does not mean that it is so no more. */
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD, LIST_A);
	c = bh_map_get_text(h.containers, ID_A);
	assert_int_equal(c->published_count, 4);
	stop(&h, docker);
}

static void events_lead_to_another_look(void **state)
{
	struct host h;
	void *docker = start(&h);
	uint32_t stream = find(&h, BH_QUERY_EVENTS, "");

	(void)state;
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD, "[]");
	bh_docker_ops.data(docker, stream, HEAD, strlen(HEAD), 0);
	event(docker, stream,
	      "{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":\"" ID_B "\"},"
	      "\"timeNano\":1795488442736517633}");
	reply(docker, find(&h, BH_QUERY_INSPECT, ID_B), HEAD,
	      "{\"Id\":\"" ID_B "\",\"Name\":\"/b\",\"State\":{\"Status\":\"running\"}}");
	assert_non_null(bh_map_get_text(h.containers, ID_B));
	/* Chatter changes nothing, and asks nothing. */
	uint32_t before = h.count;
	event(docker, stream,
	      "{\"Type\":\"container\",\"Action\":\"exec_start: sh\",\"Actor\":{\"ID\":\"" ID_B
	      "\"}}");
	event(docker, stream, "not even JSON");
	event(docker, stream, "{\"Type\":null,\"Action\":[],\"Actor\":7}");
	assert_int_equal(h.count, before);
	event(docker, stream,
	      "{\"Type\":\"container\",\"Action\":\"destroy\",\"Actor\":{\"ID\":\"" ID_B "\"}}");
	assert_null(bh_map_get_text(h.containers, ID_B));
	assert_int_equal(h.gone, 1);
	stop(&h, docker);
}

/* It may have come and gone before an inspection of it is answered. */
static void a_container_is_known_from_its_creation_on(void **state)
{
	struct host h;
	void *docker = start(&h);
	uint32_t stream = find(&h, BH_QUERY_EVENTS, "");

	(void)state;
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD, "[]");
	bh_docker_ops.data(docker, stream, HEAD, strlen(HEAD), 0);
	event(docker, stream,
	      "{\"Type\":\"container\",\"Action\":\"create\",\"Actor\":{\"ID\":\"" ID_B
	      "\",\"Attributes\":{\"image\":\"job:1\",\"name\":\"job_7\",\"tier\":\"batch\","
	      "\"odd\":7}}}");
	const struct bh_container *c = bh_map_get_text(h.containers, ID_B);
	assert_non_null(c);
	assert_string_equal(c->name, "job_7");
	assert_string_equal(c->image, "job:1");
	assert_string_equal(bh_container_label(c, "tier"), "batch");
	assert_int_equal(c->label_count, 1);
	/* And with its addresses as soon as its network has them. */
	event(docker, stream,
	      "{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"" NET
	      "\",\"Attributes\":{\"container\":\"" ID_B "\"}}}");
	reply(docker, find(&h, BH_QUERY_NETWORK, NET), HEAD,
	      "{\"Name\":\"back\",\"Containers\":{\"" ID_B
	      "\":{\"MacAddress\":\"02:42:0a:01:00:09\",\"IPv4Address\":\"10.1.0.9/16\"}}}");
	c = bh_map_get_text(h.containers, ID_B);
	assert_int_equal(c->net_count, 1);
	/* A listing of that moment has no addresses yet: they stay. */
	bh_docker_ops.tick(docker, 61 * BH_SECOND);
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD,
	      "[{\"Id\":\"" ID_B "\",\"Names\":[\"/job_7\"],\"State\":\"created\","
	      "\"NetworkSettings\":{\"Networks\":{\"back\":{\"MacAddress\":\"\"}}}}]");
	c = bh_map_get_text(h.containers, ID_B);
	assert_int_equal(c->net_count, 1);
	assert_int_equal(c->nets[0].mac.bytes[5], 9);
	assert_int_equal(c->nets[0].addr4.bytes[3], 9);
	stop(&h, docker);
}

/* An answer on its way may be older than the event that comes before it. */
static void an_event_during_a_look_is_another_look(void **state)
{
	struct host h;
	void *docker = start(&h);
	uint32_t stream = find(&h, BH_QUERY_EVENTS, "");
	const char *rename =
		"{\"Type\":\"container\",\"Action\":\"rename\",\"Actor\":{\"ID\":\"" ID_B "\"}}";

	(void)state;
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD, "[]");
	bh_docker_ops.data(docker, stream, HEAD, strlen(HEAD), 0);
	event(docker, stream, rename);
	uint32_t first = find(&h, BH_QUERY_INSPECT, ID_B);
	event(docker, stream, rename);
	event(docker, stream, rename);
	assert_int_equal(find(&h, BH_QUERY_INSPECT, ID_B), first);
	reply(docker, first, HEAD, "{\"Id\":\"" ID_B "\",\"Name\":\"/old\"}");
	uint32_t second = find(&h, BH_QUERY_INSPECT, ID_B);
	assert_int_not_equal(second, first);
	reply(docker, second, HEAD, "{\"Id\":\"" ID_B "\",\"Name\":\"/new\"}");
	assert_int_equal(find(&h, BH_QUERY_INSPECT, ID_B), second);
	const struct bh_container *c = bh_map_get_text(h.containers, ID_B);
	assert_string_equal(c->name, "new");
	stop(&h, docker);
}

/* Stopped or deadlocked, it takes connections all the same. */
static void an_engine_that_hangs_is_unreachable(void **state)
{
	struct host h;
	void *docker = start(&h);

	(void)state;
	bh_docker_ops.tick(docker, 9 * BH_SECOND);
	assert_int_equal(h.not_ok, 0);
	bh_docker_ops.tick(docker, 10 * BH_SECOND);
	assert_int_equal(h.not_ok, 1);
	uint32_t before = h.count;
	bh_docker_ops.tick(docker, 70 * BH_SECOND);
	assert_int_equal(h.count, before); /* questions do not pile up */
	list_a(&h, docker);
	assert_int_equal(h.ok, 1);
	stop(&h, docker);
}

static void a_linked_container_goes_by_its_own_name(void **state)
{
	struct host h;
	void *docker = start(&h);

	(void)state;
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD,
	      "[{\"Id\":\"" ID_A "\",\"Names\":[\"/web/db\",7,\"/db_1\"]}]");
	const struct bh_container *c = bh_map_get_text(h.containers, ID_A);
	assert_string_equal(c->name, "db_1");
	stop(&h, docker);
}

/* Before a container starts, its network knows its addresses. */
static void a_network_names_early(void **state)
{
	struct host h;
	void *docker = start(&h);
	uint32_t stream = find(&h, BH_QUERY_EVENTS, "");

	(void)state;
	list_a(&h, docker);
	bh_docker_ops.data(docker, stream, HEAD, strlen(HEAD), 0);
	event(docker, stream,
	      "{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"" NET
	      "\",\"Attributes\":{\"container\":\"" ID_A "\"}}}");
	reply(docker, find(&h, BH_QUERY_NETWORK, NET), HEAD,
	      "{\"Name\":\"back\",\"Containers\":{\"" ID_A
	      "\":{\"MacAddress\":\"02:42:0a:01:00:09\","
	      "\"IPv4Address\":\"10.1.0.9/16\",\"IPv6Address\":\"fd01::9/64\"}}}");
	const struct bh_container *c = bh_map_get_text(h.containers, ID_A);
	assert_int_equal(c->net_count, 2);
	assert_string_equal(c->nets[1].name, "back");
	assert_int_equal(c->nets[1].addr4.bytes[3], 9);
	assert_int_equal(c->nets[1].addr6.family, BH_IPV6);
	assert_int_equal(c->nets[1].mac.bytes[5], 9);
	stop(&h, docker);
}

static void a_lost_stream_starts_over_and_keeps_what_is_known(void **state)
{
	struct host h;
	void *docker = start(&h);

	(void)state;
	list_a(&h, docker);
	bh_docker_ops.end(docker, find(&h, BH_QUERY_EVENTS, ""), -ECONNRESET, 0);
	assert_int_equal(h.not_ok, 1);
	assert_string_equal(h.why, "docker's socket: Connection reset by peer");
	assert_non_null(bh_map_get_text(h.containers, ID_A));
	uint32_t before = h.count;
	bh_docker_ops.tick(docker, 1); /* not yet */
	assert_int_equal(h.count, before);
	bh_docker_ops.tick(docker, 20 * BH_SECOND);
	assert_int_equal(h.count, before + 2);
	/* What the new list does not hold is gone. */
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD, "[]");
	assert_int_equal(h.ok, 2);
	assert_int_equal(h.gone, 1);
	stop(&h, docker);
}

/* It has its addresses and sockets still. */
static void what_is_paused_is_looked_at_as_well(void **state)
{
	struct host h;
	void *docker = start(&h);

	(void)state;
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD,
	      "[{\"Id\":\"" ID_A "\",\"Names\":[\"/web\"],\"State\":\"paused\"},"
	      "{\"Id\":\"" ID_B "\",\"Names\":[\"/db\"],\"State\":\"exited\"}]");
	const struct bh_container *c = bh_map_get_text(h.containers, ID_A);
	assert_true(c->running);
	c = bh_map_get_text(h.containers, ID_B);
	assert_false(c->running);
	assert_int_equal(h.count, 3); /* the stream, the list, and nobody looks at what ended */
	reply(docker, find(&h, BH_QUERY_INSPECT, ID_A), HEAD,
	      "{\"Id\":\"" ID_A "\",\"Name\":\"/web\",\"State\":{\"Status\":\"paused\","
	      "\"Pid\":7},\"HostConfig\":{\"NetworkMode\":\"host\"}}");
	c = bh_map_get_text(h.containers, ID_A);
	assert_true(c->running);
	assert_int_equal(c->pid, 7);
	/* Podman's listing does not say how its network is; it is as before. */
	bh_docker_ops.tick(docker, 61 * BH_SECOND);
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD,
	      "[{\"Id\":\"" ID_A "\",\"Names\":[\"/web\"],\"State\":\"running\"}]");
	c = bh_map_get_text(h.containers, ID_A);
	assert_string_equal(c->network_mode, "host");
	stop(&h, docker);
}

#define MANY 3000
#define AT_A_TIME 32

static const char *id_of(int number, char id[65])
{
	snprintf(id, 65, "%064x", number);
	return id;
}

static char *list_many(void)
{
	struct bh_buffer list = { 0 };
	char id[65];

	for (int i = 0; i < MANY; i++)
		bh_buffer_printf(&list,
				 "%s{\"Id\":\"%s\",\"Names\":[\"/c%d\"],\"State\":\"running\"}",
				 i > 0 ? "," : "[", id_of(i, id), i);
	bh_buffer_puts(&list, "]");
	return list.data;
}

static void reply_inspection(void *docker, const struct asked *asked)
{
	char body[256];

	snprintf(body, sizeof(body),
		 "{\"Id\":\"%s\",\"Name\":\"/c\",\"State\":{\"Status\":\"running\",\"Pid\":9}}",
		 asked->argument);
	bh_docker_ops.data(docker, asked->id, HEAD, strlen(HEAD), 0);
	bh_docker_ops.data(docker, asked->id, body, strlen(body), 0);
	bh_docker_ops.end(docker, asked->id, 0, 0);
}

/* An engine that has thousands is asked about a few at a time, about each once. */
static void many_containers_are_looked_at_in_turn(void **state)
{
	struct host h;
	void *docker = start(&h);
	char *list = list_many(), id[65];

	(void)state;
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD, list);
	assert_int_equal(h.count, 2 + AT_A_TIME);
	for (uint32_t answered = 2; answered < 2 + MANY; answered++) {
		reply_inspection(docker, &h.asked[answered]);
		assert_true(h.count - answered - 1 <= AT_A_TIME);
	}
	assert_int_equal(h.count, 2 + MANY);
	for (int i = 0; i < MANY; i++) {
		const struct bh_container *c = bh_map_get_text(h.containers, id_of(i, id));
		assert_non_null(c);
		assert_int_equal(c->pid, 9);
	}
	/* And that is all, until it is time for the next listing. */
	bh_docker_ops.tick(docker, 59 * BH_SECOND);
	assert_int_equal(h.count, 2 + MANY);
	stop(&h, docker);
	free(list);
}

/* A container that starts is not kept waiting by those that are looked at to be sure. */
static void what_happens_is_looked_at_before_what_waits(void **state)
{
	struct host h;
	void *docker = start(&h);
	uint32_t stream = find(&h, BH_QUERY_EVENTS, "");
	char *list = list_many();

	(void)state;
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD, list);
	bh_docker_ops.data(docker, stream, HEAD, strlen(HEAD), 0);
	event(docker, stream,
	      "{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":\"" ID_B "\"}}");
	assert_int_equal(h.count, 2 + AT_A_TIME);
	reply_inspection(docker, &h.asked[2]);
	assert_int_equal(h.count, 2 + AT_A_TIME + 1);
	find(&h, BH_QUERY_INSPECT, ID_B);
	stop(&h, docker);
	free(list);
}

/* What gets no answer is asked again, by itself: not everything is. */
static void a_lost_inspection_is_repeated_alone(void **state)
{
	struct host h;
	void *docker = start(&h);

	(void)state;
	list_a(&h, docker);
	uint32_t before = h.count;
	bh_docker_ops.end(docker, find(&h, BH_QUERY_INSPECT, ID_A), -EBUSY, 0);
	bh_docker_ops.tick(docker, 9 * BH_SECOND);
	assert_int_equal(h.count, before);
	bh_docker_ops.tick(docker, 11 * BH_SECOND);
	assert_int_equal(h.count, before + 1);
	reply(docker, find(&h, BH_QUERY_INSPECT, ID_A), HEAD,
	      "{\"Id\":\"" ID_A "\",\"State\":{\"Status\":\"running\",\"Pid\":41}}");
	const struct bh_container *c = bh_map_get_text(h.containers, ID_A);
	assert_int_equal(c->pid, 41);
	bh_docker_ops.tick(docker, 59 * BH_SECOND);
	assert_int_equal(h.count, before + 1);
	stop(&h, docker);
}

/* An inspection lasts as long as its container is held in its start: others go on, as long as the
 * engine says anything at all. */
static void looks_that_hang_hold_up_no_others(void **state)
{
	struct host h;
	void *docker = start(&h);
	uint32_t stream = find(&h, BH_QUERY_EVENTS, "");
	char *list = list_many();

	(void)state;
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD, list);
	bh_docker_ops.tick(docker, 20 * BH_SECOND);
	assert_int_equal(h.count, 2 + AT_A_TIME); /* it answers nothing: it is not asked more */
	bh_docker_ops.data(docker, stream, HEAD, strlen(HEAD), 20 * BH_SECOND);
	bh_docker_ops.tick(docker, 21 * BH_SECOND);
	assert_int_equal(h.count, 2 + 2 * AT_A_TIME);
	reply_inspection(docker, &h.asked[2]); /* late, and room was made for another already */
	assert_int_equal(h.count, 2 + 2 * AT_A_TIME);
	reply_inspection(docker, &h.asked[2 + AT_A_TIME]);
	assert_int_equal(h.count, 2 + 2 * AT_A_TIME + 1);
	stop(&h, docker);
	free(list);
}

static void nonsense_is_an_unreachable_engine(void **state)
{
	struct host h;
	void *docker = start(&h);

	(void)state;
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD, "{\"message\":\"no\"}");
	assert_int_equal(h.not_ok, 1);
	bh_docker_ops.data(docker, find(&h, BH_QUERY_EVENTS, ""), "SSH-2.0\r\n\r\n", 11, 0);
	assert_int_equal(h.ok, 0);
	stop(&h, docker);
}

/* A listing's row of a running container of this image. */
#define ROW(id, image, labels)                                                                     \
	"{\"Id\":\"" id "\",\"Names\":[\"/x\"],\"Image\":\"x:1\",\"ImageID\":\"sha256:" image      \
	"\",\"State\":\"running\",\"Labels\":" labels "}"
#define COMPOSE(more)                                                                              \
	"{\"com.docker.compose.project\":\"shop\",\"com.docker.compose.service\":\"web\"" more "}"

static const char *label_of(const struct host *h, const char *id, const char *key)
{
	const struct bh_container *c = bh_map_get_text(h->containers, id);

	assert_non_null(c);
	return bh_container_label(c, key);
}

/* Whoever builds an image does not choose the workload that it runs as. */
static void labels_of_the_image_name_nobody(void **state)
{
	static const char *const names[] = { "bulkhead.workload",
					     "com.docker.compose.project",
					     "com.docker.compose.service",
					     "com.docker.compose.config-hash",
					     "com.docker.swarm.service.name",
					     "com.docker.swarm.task.id",
					     "io.kubernetes.pod.name",
					     "io.kubernetes.pod.uid",
					     "job-name",
					     "pod-template-hash" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct host h;
		void *docker = start(&h);
		char labels[256], list[1024];

		snprintf(labels, sizeof(labels), "{\"%s\":\"visitor\",\"tier\":\"front\"}",
			 names[i]);
		snprintf(list, sizeof(list),
			 "[" ROW(ID_A, IMAGE, "%s") "," ROW(ID_B, IMAGE, "null") "]", labels);
		reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD, list);
		/* It waits for its image, the other does not; all of the list is there later. */
		assert_null(bh_map_get_text(h.containers, ID_A));
		assert_non_null(bh_map_get_text(h.containers, ID_B));
		assert_int_equal(h.ok, 0);
		tell_image(&h, docker, IMAGE, labels);
		assert_int_equal(h.ok, 1);
		assert_null(label_of(&h, ID_A, names[i]));
		assert_string_equal(label_of(&h, ID_A, "tier"), "front");
		const struct bh_container *c = bh_map_get_text(h.containers, ID_A);
		assert_true(c->stripped);
		stop(&h, docker);
	}
}

/* What stands on the container alone was given to it, and so was what differs from the image's. */
static void labels_of_the_container_name_it(void **state)
{
	struct host h;
	void *docker = start(&h);

	(void)state;
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD,
	      "[" ROW(ID_A, IMAGE, COMPOSE(",\"bulkhead.workload\":\"pay\"")) "]");
	tell_image(&h, docker, IMAGE, "{\"bulkhead.workload\":\"visitor\"}");
	assert_string_equal(label_of(&h, ID_A, "bulkhead.workload"), "pay");
	assert_string_equal(label_of(&h, ID_A, "com.docker.compose.service"), "web");
	stop(&h, docker);
}

/* Compose writes project and service into what it builds, and not which container that is. */
static void compose_names_containers_of_images_that_it_built(void **state)
{
	static const struct {
		const char *container, *image;
		bool named;
	} cases[] = {
		{ COMPOSE(",\"com.docker.compose.config-hash\":\"c0ffee\""), COMPOSE(""), true },
		{ COMPOSE(",\"com.docker.compose.container-number\":\"1\""), COMPOSE(""), true },
		{ COMPOSE(",\"com.docker.compose.config-hash\":\"c0ffee\""),
		  COMPOSE(",\"com.docker.compose.config-hash\":\"dead\""), true },
		{ COMPOSE(""), COMPOSE(""), false },
		{ COMPOSE(",\"com.docker.compose.config-hash\":\"c0ffee\""),
		  COMPOSE(",\"com.docker.compose.config-hash\":\"c0ffee\""), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct host h;
		void *docker = start(&h);
		char list[1024];

		snprintf(list, sizeof(list), "[" ROW(ID_A, IMAGE, "%s") "]", cases[i].container);
		reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD, list);
		tell_image(&h, docker, IMAGE, cases[i].image);
		assert_int_equal(label_of(&h, ID_A, "com.docker.compose.project") != NULL,
				 cases[i].named);
		assert_int_equal(label_of(&h, ID_A, "com.docker.compose.service") != NULL,
				 cases[i].named);
		stop(&h, docker);
	}
}

/* The event of its creation does not say which image that is, the row of the listing does. */
static void an_image_is_asked_for_at_creation_and_once(void **state)
{
	static const char create[] =
		"{\"Type\":\"container\",\"Action\":\"create\",\"Actor\":{\"ID\":\"%s\","
		"\"Attributes\":{\"image\":\"x:1\",\"name\":\"x\","
		"\"bulkhead.workload\":\"pay\"}}}";
	struct host h;
	void *docker = start(&h);
	uint32_t stream = find(&h, BH_QUERY_EVENTS, "");
	char line[512];

	(void)state;
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD, "[]");
	bh_docker_ops.data(docker, stream, HEAD, strlen(HEAD), 0);
	snprintf(line, sizeof(line), create, ID_A);
	event(docker, stream, line);
	/* Its network is known before that, and names nobody. */
	event(docker, stream,
	      "{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"" NET
	      "\",\"Attributes\":{\"container\":\"" ID_A "\"}}}");
	reply(docker, find(&h, BH_QUERY_NETWORK, NET), HEAD,
	      "{\"Name\":\"back\",\"Containers\":{\"" ID_A
	      "\":{\"MacAddress\":\"02:42:0a:01:00:09\",\"IPv4Address\":\"10.1.0.9/16\"}}}");
	assert_null(bh_map_get_text(h.containers, ID_A));
	reply(docker, find(&h, BH_QUERY_ROW, ID_A), HEAD,
	      "[{\"Id\":\"" ID_A
	      "\",\"Names\":[\"/x\"],\"Image\":\"x:1\",\"ImageID\":\"sha256:" IMAGE
	      "\",\"State\":\"created\",\"Labels\":{\"bulkhead.workload\":\"pay\"}}]");
	assert_null(bh_map_get_text(h.containers, ID_A));
	tell_image(&h, docker, IMAGE, "{}");
	assert_string_equal(label_of(&h, ID_A, "bulkhead.workload"), "pay");
	assert_int_equal(
		((const struct bh_container *)bh_map_get_text(h.containers, ID_A))->net_count, 1);
	/* The next one of it waits for its row alone. */
	snprintf(line, sizeof(line), create, ID_B);
	event(docker, stream, line);
	uint32_t before = h.count;
	reply(docker, find(&h, BH_QUERY_ROW, ID_B), HEAD,
	      "[" ROW(ID_B, IMAGE, "{\"bulkhead.workload\":\"pay\"}") "]");
	assert_string_equal(label_of(&h, ID_B, "bulkhead.workload"), "pay");
	assert_int_equal(h.count, before);
	/* One that went before anybody told of it is not taken back. */
	snprintf(line, sizeof(line), create, NET);
	event(docker, stream, line);
	reply(docker, find(&h, BH_QUERY_ROW, NET), HEAD, "[]");
	event(docker, stream,
	      "{\"Type\":\"container\",\"Action\":\"destroy\",\"Actor\":{\"ID\":\"" NET "\"}}");
	assert_int_equal(h.gone, 0);
	stop(&h, docker);
}

/* An engine that has no ear for a moment is asked again, and nobody is named by guess meanwhile. */
static void an_image_is_asked_for_again(void **state)
{
	struct host h;
	void *docker = start(&h);

	(void)state;
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD,
	      "[" ROW(ID_A, IMAGE, "{\"bulkhead.workload\":\"pay\"}") "]");
	uint32_t first = find(&h, BH_QUERY_IMAGE, IMAGE);
	bh_docker_ops.end(docker, first, -EAGAIN, 0);
	assert_null(bh_map_get_text(h.containers, ID_A));
	bh_docker_ops.tick(docker, BH_SECOND);
	assert_int_not_equal(find(&h, BH_QUERY_IMAGE, IMAGE), first);
	assert_null(bh_map_get_text(h.containers, ID_A));
	/* Nor by one that is away: it is asked when it is back. */
	bh_docker_ops.end(docker, find(&h, BH_QUERY_EVENTS, ""), -ECONNRESET, 2 * BH_SECOND);
	bh_docker_ops.tick(docker, 2 * BH_SECOND + BH_SECOND / 4);
	assert_null(bh_map_get_text(h.containers, ID_A));
	bh_docker_ops.tick(docker, 15 * BH_SECOND);
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD,
	      "[" ROW(ID_A, IMAGE, "{\"bulkhead.workload\":\"pay\"}") "]");
	tell_image(&h, docker, IMAGE, "null");
	assert_string_equal(label_of(&h, ID_A, "bulkhead.workload"), "pay");
	stop(&h, docker);
}

/* Nobody can tell whose its labels are: it is there, and they do not count. */
static void without_its_image_no_label_names_a_container(void **state)
{
	static const char *const answers[] = { "HTTP/1.0 404 Not Found\r\n\r\n",
					       "HTTP/1.0 200 OK\r\n\r\n", NULL };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct host h;
		void *docker = start(&h);

		reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD,
		      "[" ROW(ID_A, IMAGE, "{\"bulkhead.workload\":\"pay\"}") "]");
		uint32_t first = find(&h, BH_QUERY_IMAGE, IMAGE);
		if (answers[i] != NULL)
			reply(docker, first, answers[i], "[]");
		else
			bh_docker_ops.tick(docker, 10 * BH_SECOND); /* it never answers */
		assert_null(label_of(&h, ID_A, "bulkhead.workload"));
		assert_int_equal(h.ok, 1);
		/* With the next listing it is asked for again. */
		bh_docker_ops.tick(docker, 61 * BH_SECOND);
		reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD,
		      "[" ROW(ID_A, IMAGE, "{\"bulkhead.workload\":\"pay\"}") "]");
		assert_int_not_equal(find(&h, BH_QUERY_IMAGE, IMAGE), first);
		tell_image(&h, docker, IMAGE, "{}");
		assert_string_equal(label_of(&h, ID_A, "bulkhead.workload"), "pay");
		stop(&h, docker);
	}
}

/* A hook holds containers until it is known who they are: their inspections are answered when that
 * is over, and what tells who they are must not wait for those. */
static void who_is_created_waits_for_no_inspection(void **state)
{
	struct host h;
	void *docker = start(&h);
	uint32_t stream = find(&h, BH_QUERY_EVENTS, "");
	char *list = list_many();

	(void)state;
	reply(docker, find(&h, BH_QUERY_CONTAINERS, ""), HEAD, list);
	bh_docker_ops.data(docker, stream, HEAD, strlen(HEAD), 0);
	event(docker, stream,
	      "{\"Type\":\"container\",\"Action\":\"create\",\"Actor\":{\"ID\":\"" ID_B
	      "\",\"Attributes\":{\"image\":\"x:1\",\"name\":\"x\",\"bulkhead.workload\":\"pay\"}}"
	      "}");
	reply(docker, find(&h, BH_QUERY_ROW, ID_B), HEAD,
	      "[" ROW(ID_B, IMAGE, "{\"bulkhead.workload\":\"pay\"}") "]");
	tell_image(&h, docker, IMAGE, "{}");
	assert_string_equal(label_of(&h, ID_B, "bulkhead.workload"), "pay");
	event(docker, stream,
	      "{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"" NET
	      "\",\"Attributes\":{\"container\":\"" ID_B "\"}}}");
	find(&h, BH_QUERY_NETWORK, NET);
	stop(&h, docker);
	free(list);
}

static void only_known_requests_are_written(void **state)
{
	char text[512];

	(void)state;
	assert_true(bh_runtime_request_text(BH_RUNTIME_DOCKER, BH_QUERY_INSPECT, ID_A, text,
					    sizeof(text)));
	assert_string_equal(text,
			    "GET /containers/" ID_A "/json HTTP/1.0\r\nHost: localhost\r\n\r\n");
	assert_true(bh_runtime_request_text(BH_RUNTIME_DOCKER, BH_QUERY_IMAGE, IMAGE, text,
					    sizeof(text)));
	assert_string_equal(text, "GET /images/" IMAGE "/json HTTP/1.0\r\nHost: localhost\r\n\r\n");
	assert_true(
		bh_runtime_request_text(BH_RUNTIME_DOCKER, BH_QUERY_ROW, ID_A, text, sizeof(text)));
	assert_string_equal(text, "GET /containers/json?all=1&filters=%7B%22id%22%3A%5B%22" ID_A
				  "%22%5D%7D HTTP/1.0\r\nHost: localhost\r\n\r\n");
	assert_false(bh_runtime_request_text(BH_RUNTIME_DOCKER, BH_QUERY_IMAGE, "web:1", text,
					     sizeof(text)));
	assert_false(bh_runtime_request_text(BH_RUNTIME_DOCKER, BH_QUERY_INSPECT,
					     "x HTTP/1.0\r\n\r\nPOST", text, sizeof(text)));
	assert_false(bh_runtime_request_text(BH_RUNTIME_DOCKER, BH_QUERY_INSPECT, "", text,
					     sizeof(text)));
	assert_false(bh_runtime_request_text(BH_RUNTIME_DOCKER, BH_QUERY_EVENTS, ID_A, text,
					     sizeof(text)));
	assert_false(
		bh_runtime_request_text(BH_RUNTIME_DOCKER, BH_QUERIES, "", text, sizeof(text)));
	assert_false(
		bh_runtime_request_text(BH_RUNTIME_LXC, BH_QUERY_EVENTS, "", text, sizeof(text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listing_names_containers),
		cmocka_unit_test(events_lead_to_another_look),
		cmocka_unit_test(a_container_is_known_from_its_creation_on),
		cmocka_unit_test(an_event_during_a_look_is_another_look),
		cmocka_unit_test(an_engine_that_hangs_is_unreachable),
		cmocka_unit_test(a_linked_container_goes_by_its_own_name),
		cmocka_unit_test(a_network_names_early),
		cmocka_unit_test(a_lost_stream_starts_over_and_keeps_what_is_known),
		cmocka_unit_test(what_is_paused_is_looked_at_as_well),
		cmocka_unit_test(many_containers_are_looked_at_in_turn),
		cmocka_unit_test(what_happens_is_looked_at_before_what_waits),
		cmocka_unit_test(a_lost_inspection_is_repeated_alone),
		cmocka_unit_test(who_is_created_waits_for_no_inspection),
		cmocka_unit_test(looks_that_hang_hold_up_no_others),
		cmocka_unit_test(nonsense_is_an_unreachable_engine),
		cmocka_unit_test(labels_of_the_image_name_nobody),
		cmocka_unit_test(labels_of_the_container_name_it),
		cmocka_unit_test(compose_names_containers_of_images_that_it_built),
		cmocka_unit_test(an_image_is_asked_for_at_creation_and_once),
		cmocka_unit_test(an_image_is_asked_for_again),
		cmocka_unit_test(without_its_image_no_label_names_a_container),
		cmocka_unit_test(only_known_requests_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
