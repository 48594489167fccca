/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LXD and Incus, by their API (documentation.ubuntu.com/lxd/latest/rest-api, linuxcontainers.org/
 * incus/docs/main/rest-api). Their events come over a WebSocket only, so the instances are asked
 * for every two seconds; the cgroup says at once whose process it is. In other projects than the
 * first its name is "project_instance". Labels are what people keep in an instance's "user."
 * settings.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "container_json.h"
#include "grow.h"
#include "http_reply.h"
#include "map.h"
#include "runtime.h"
#include "timefmt.h"

#define LIMIT (16u << 20) /* of a listing */
#define EVERY (2 * BH_SECOND)
#define PATIENCE (10 * BH_SECOND)
#define USER "user."
#define HWADDR ".hwaddr"
#define VOLATILE "volatile."

struct lxd {
	struct bh_runtime_host host;
	uint8_t runtime;
	uint32_t request; /* 0: none under way */
	int64_t asked;
	struct bh_http_reply reply;
	bool failed;
	struct bh_map *stated; /* id → struct bh_container: as core was told */
	uint8_t state;	       /* enum bh_runtime_state */
	bool known;
};

static void free_container(void *value)
{
	bh_container_free(value);
}

static void set_state(struct lxd *l, enum bh_runtime_state state, const char *why)
{
	if (l->known && l->state == state)
		return;
	l->known = true;
	l->state = (uint8_t)state;
	l->host.state(l->host.user, l->runtime, state, why);
}

static void ask(struct lxd *l, int64_t now)
{
	bh_http_reply_free(&l->reply);
	l->reply = (struct bh_http_reply) { .limit = LIMIT };
	l->failed = false;
	l->asked = now;
	l->request = l->host.query(l->host.user, l->runtime, BH_QUERY_CONTAINERS, "");
}

/* "volatile.eth0.hwaddr": the MAC of the device eth0. */
static void read_mac(struct bh_container *c, const char *key, const char *value)
{
	size_t length = strlen(key);
	const size_t around = sizeof(VOLATILE) - 1 + sizeof(HWADDR) - 1;

	if (length <= around || strncmp(key, VOLATILE, sizeof(VOLATILE) - 1) != 0 ||
	    strcmp(key + length - (sizeof(HWADDR) - 1), HWADDR) != 0)
		return;
	struct bh_container_net *net = bh_container_add_net(c);
	snprintf(net->name, sizeof(net->name), "%.*s", (int)(length - around),
		 key + sizeof(VOLATILE) - 1);
	bh_mac_parse(value, &net->mac);
}

static void read_settings(struct bh_container *c, const cJSON *config)
{
	const cJSON *setting;

	cJSON_ArrayForEach (setting, config) {
		if (!cJSON_IsString(setting) || setting->string == NULL)
			continue;
		if (strncmp(setting->string, USER, sizeof(USER) - 1) == 0)
			bh_container_set_label(c, setting->string + sizeof(USER) - 1,
					       setting->valuestring);
		read_mac(c, setting->string, setting->valuestring);
	}
}

/* What is frozen (paused) has its interfaces and addresses still. */
static bool is_alive(const char *status)
{
	return strcmp(status, "Running") == 0 || strcmp(status, "Frozen") == 0;
}

/* NULL: it has no name, or is a virtual machine. */
static struct bh_container *read_instance(const struct lxd *l, const cJSON *json)
{
	const char *name = bh_json_text(json, "name"), *project = bh_json_text(json, "project");
	bool first = *project == '\0' || strcmp(project, "default") == 0;
	struct bh_container *c = bh_container_new();
	int length = snprintf(c->id, sizeof(c->id), "%s%s%s", first ? "" : project,
			      first ? "" : "_", name);

	if (*name == '\0' || length >= (int)sizeof(c->id) ||
	    strcmp(bh_json_text(json, "type"), "virtual-machine") == 0) {
		bh_container_free(c);
		return NULL;
	}
	c->runtime = l->runtime;
	memcpy(c->name, c->id, sizeof(c->id));
	c->running = is_alive(bh_json_text(json, "status"));
	bh_copy_text(c->network_mode, sizeof(c->network_mode), "own");
	/* What profiles set holds, too. */
	read_settings(c, cJSON_IsObject(bh_json_member(json, "expanded_config"))
				 ? bh_json_member(json, "expanded_config")
				 : bh_json_member(json, "config"));
	return c;
}

static void lose_unlisted(struct lxd *l, const struct bh_map *listed)
{
	const struct bh_container *c;
	char id[BH_CONTAINER_ID];

	for (size_t position = 0; (c = bh_map_next(l->stated, &position)) != NULL;) {
		if (bh_map_get_text(listed, c->id) != NULL)
			continue;
		memcpy(id, c->id, sizeof(id));
		bh_map_remove_text(l->stated, id);
		l->host.container_gone(l->host.user, l->runtime, id);
	}
}

static void read_list(struct lxd *l, const cJSON *list)
{
	struct bh_map *listed = bh_map_new(NULL);
	const cJSON *json;

	cJSON_ArrayForEach (json, list) {
		struct bh_container *c = read_instance(l, json);

		if (c == NULL)
			continue;
		bh_map_put_text(listed, c->id, l);
		const struct bh_container *before = bh_map_get_text(l->stated, c->id);
		if (before != NULL && bh_container_equal(before, c)) {
			bh_container_free(c);
			continue;
		}
		bh_map_put_text(l->stated, c->id, c);
		l->host.container(l->host.user, c);
	}
	lose_unlisted(l, listed);
	bh_map_free(listed);
	set_state(l, BH_RUNTIME_CONNECTED, NULL);
}

static void read_reply(struct lxd *l)
{
	cJSON *json = cJSON_ParseWithLength(l->reply.body.data != NULL ? l->reply.body.data : "",
					    l->reply.body.length);
	const cJSON *list = bh_json_member(json, "metadata");

	if (l->reply.status == 200 && cJSON_IsArray(list))
		read_list(l, list);
	else
		set_state(l, BH_RUNTIME_UNREACHABLE, "it does not list its instances");
	cJSON_Delete(json);
}

/* --- operations ------------------------------------------------------------------------------- */

static void lxd_data(void *state, uint32_t request, const void *bytes, size_t length, int64_t now)
{
	struct lxd *l = state;
	struct bh_error err = { 0 };

	(void)now;
	if (request == l->request && !l->failed)
		l->failed = bh_http_reply_feed(&l->reply, bytes, length, &err) != 0;
}

static void lxd_end(void *state, uint32_t request, int error, int64_t now)
{
	struct lxd *l = state;

	(void)now;
	if (request != l->request)
		return;
	l->request = 0;
	if (error == -ENOENT)
		set_state(l, BH_RUNTIME_ABSENT, "its socket is not there");
	else if (error != 0)
		set_state(l, BH_RUNTIME_UNREACHABLE, strerror(-error));
	else if (l->failed)
		set_state(l, BH_RUNTIME_UNREACHABLE, "what it answers is not HTTP");
	else
		read_reply(l);
}

static void lxd_tick(void *state, int64_t now)
{
	struct lxd *l = state;

	if (l->request != 0 && now - l->asked >= PATIENCE)
		set_state(l, BH_RUNTIME_UNREACHABLE, "it takes connections, and does not answer");
	else if (l->request == 0 && now - l->asked >= EVERY)
		ask(l, now);
}

static void *start(const struct bh_runtime_host *host, uint8_t runtime, int64_t now)
{
	struct lxd *l = bh_calloc(1, sizeof(*l));

	l->host = *host;
	l->runtime = runtime;
	l->stated = bh_map_new(free_container);
	ask(l, now);
	return l;
}

static void *lxd_start(const struct bh_runtime_host *host, int64_t now)
{
	return start(host, BH_RUNTIME_LXD, now);
}

static void *incus_start(const struct bh_runtime_host *host, int64_t now)
{
	return start(host, BH_RUNTIME_INCUS, now);
}

static void lxd_stop(void *state)
{
	struct lxd *l = state;

	bh_http_reply_free(&l->reply);
	bh_map_free(l->stated);
	free(l);
}

const struct bh_runtime_ops bh_lxd_ops = { .runtime = BH_RUNTIME_LXD,
					   .start = lxd_start,
					   .data = lxd_data,
					   .end = lxd_end,
					   .tick = lxd_tick,
					   .stop = lxd_stop };

const struct bh_runtime_ops bh_incus_ops = { .runtime = BH_RUNTIME_INCUS,
					     .start = incus_start,
					     .data = lxd_data,
					     .end = lxd_end,
					     .tick = lxd_tick,
					     .stop = lxd_stop };
