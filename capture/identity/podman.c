/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Podman. Where its API service answers, that is asked (engine.h). It need not run: then what
 * Podman keeps on disk is read. Before 5.0 that is a bolt database (libpod/boltdb_state.go): of
 * each container its configuration and its state as JSON, of each pod its configuration.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "bolt.h"
#include "container_json.h"
#include "engine.h"
#include "file_set.h"
#include "grow.h"
#include "map.h"

#define RUNNING 3 /* libpod/define/containerstate.go: ContainerStateRunning … */
#define PAUSED 5

struct podman {
	struct bh_runtime_host host;
	struct bh_engine *engine;
	uint8_t engine_state; /* enum bh_runtime_state */
	char engine_why[256];
	bool engine_known;
	struct bh_file_set *files;
	struct bh_buffer database; /* as it came last, if … */
	bool unread;		   /* … nobody needed it yet */
	bool listed;		   /* what is on disk is known, … */
	bool on_disk;		   /* … and there is something */
	char disk_why[128];	   /* it cannot be read */
	struct bh_map *stored;	   /* id → struct bh_container: as on disk */
	struct bh_map *stated;	   /* id → struct stated */
};

/* What the host was told of, by whichever way. */
struct stated {
	char id[BH_CONTAINER_ID];
	bool by_engine;
};

static void free_container(void *value)
{
	bh_container_free(value);
}

/* --- what core is told ------------------------------------------------------------------------ */

static void state_container(struct podman *p, const struct bh_container *c, bool by_engine)
{
	struct stated *s = bh_calloc(1, sizeof(*s));

	memcpy(s->id, c->id, sizeof(s->id));
	s->by_engine = by_engine;
	bh_map_put_text(p->stated, c->id, s);
	p->host.container(p->host.user, c);
}

static void lose_container(struct podman *p, const char *id)
{
	char copy[BH_CONTAINER_ID];

	bh_copy_text(copy, sizeof(copy), id);
	if (bh_map_remove_text(p->stated, copy))
		p->host.container_gone(p->host.user, BH_RUNTIME_PODMAN, copy);
}

static bool engine_answers(const struct podman *p)
{
	return p->engine_known && p->engine_state == BH_RUNTIME_CONNECTED;
}

/* The disk's word holds while the engine does not answer. before: what it said before that, and
 * does not have to be stated again; NULL: nothing. */
static void state_stored(struct podman *p, const struct bh_map *before)
{
	const struct bh_container *c, *known;
	const struct stated *s;

	if (engine_answers(p) || !p->on_disk)
		return;
	for (size_t position = 0; (c = bh_map_next(p->stored, &position)) != NULL;) {
		known = before != NULL ? bh_map_get_text(before, c->id) : NULL;
		if (known == NULL || !bh_container_equal(known, c))
			state_container(p, c, false);
	}
	for (size_t position = 0; (s = bh_map_next(p->stated, &position)) != NULL;)
		if (bh_map_get_text(p->stored, s->id) == NULL)
			lose_container(p, s->id);
}

static void tell_state(struct podman *p)
{
	/* Nothing is said before both have been looked at: the one may know what the other does
	 * not. */
	if (!p->engine_known || !p->listed)
		return;
	if (engine_answers(p))
		p->host.state(p->host.user, BH_RUNTIME_PODMAN, BH_RUNTIME_CONNECTED, NULL);
	else if (p->on_disk && p->disk_why[0] == '\0')
		p->host.state(p->host.user, BH_RUNTIME_PODMAN, BH_RUNTIME_CONNECTED,
			      "read from its state on disk, since its service does not answer");
	else if (p->on_disk)
		p->host.state(p->host.user, BH_RUNTIME_PODMAN, BH_RUNTIME_UNREACHABLE, p->disk_why);
	else
		p->host.state(p->host.user, BH_RUNTIME_PODMAN,
			      (enum bh_runtime_state)p->engine_state, p->engine_why);
}

/* --- the disk's way --------------------------------------------------------------------------- */

static cJSON *json_of(struct bh_bolt_bytes value)
{
	return value.size > 0 ? cJSON_ParseWithLength(value.bytes, value.size) : NULL;
}

/* {"eth0":{"subnets":[{"ipnet":"10.88.0.5/16","gateway":"10.88.0.1"}],"mac_address":"…"}} */
static void read_interfaces(struct bh_container *c, const char *network, const cJSON *interfaces)
{
	const cJSON *interface, *subnet;

	cJSON_ArrayForEach (interface, interfaces) {
		struct bh_container_net *net = bh_container_add_net(c);

		bh_copy_text(net->name, sizeof(net->name), network);
		bh_mac_parse(bh_json_text(interface, "mac_address"), &net->mac);
		cJSON_ArrayForEach (subnet, bh_json_member(interface, "subnets"))
			bh_container_net_read(net, bh_json_text(subnet, "ipnet"));
	}
}

static void read_state(struct bh_container *c, const cJSON *state)
{
	const cJSON *pid = bh_json_member(state, "pid"), *number = bh_json_member(state, "state"),
		    *network;

	c->pid = cJSON_IsNumber(pid) ? pid->valueint : 0;
	c->running = cJSON_IsNumber(number) &&
		     (number->valueint == RUNNING || number->valueint == PAUSED);
	bh_copy_text(c->netns_path, sizeof(c->netns_path), bh_json_text(state, "netns"));
	cJSON_ArrayForEach (network, bh_json_member(state, "networkStatus"))
		if (network->string != NULL)
			read_interfaces(c, network->string, bh_json_member(network, "interfaces"));
}

/* As Docker's API would call it. */
static void read_network_mode(struct bh_container *c, const cJSON *config)
{
	const char *other = bh_json_text(config, "netNsCtr");

	if (*other != '\0')
		snprintf(c->network_mode, sizeof(c->network_mode), "container:%s", other);
	else if (cJSON_IsTrue(bh_json_member(config, "createNetNS")))
		bh_copy_text(c->network_mode, sizeof(c->network_mode), "bridge");
	else
		bh_copy_text(c->network_mode, sizeof(c->network_mode), "host");
}

struct reading {
	const struct bh_bolt *db;
	struct bh_bolt_bucket pods;
	bool has_pods;
	struct bh_map *found; /* id → struct bh_container */
};

/* A pod's network is the infra container's, and is named like the pod. */
static void read_pod(const struct reading *r, struct bh_container *c, const char *pod)
{
	struct bh_bolt_bucket bucket;

	if (*pod == '\0' || !r->has_pods || !bh_bolt_find(r->db, &r->pods, pod, &bucket))
		return;
	cJSON *config = json_of(bh_bolt_value(r->db, &bucket, "config"));
	bh_copy_text(c->pod, sizeof(c->pod), bh_json_text(config, "name"));
	bh_container_read_labels(c, bh_json_member(config, "labels"));
	cJSON_Delete(config);
}

static bool is_infra(const cJSON *config)
{
	return cJSON_IsTrue(bh_json_member(config, "pause")) ||
	       cJSON_IsTrue(bh_json_member(config, "isInfra"));
}

static void read_container(void *user, struct bh_bolt_bytes name,
			   const struct bh_bolt_bucket *bucket)
{
	struct reading *r = user;
	cJSON *config = json_of(bh_bolt_value(r->db, bucket, "config"));
	cJSON *state = json_of(bh_bolt_value(r->db, bucket, "state"));

	(void)name; /* the id, which is in the configuration as well */
	if (bh_runtime_is_id(bh_json_text(config, "id")) && state != NULL) {
		struct bh_container *c = bh_container_new();

		c->runtime = BH_RUNTIME_PODMAN;
		bh_copy_text(c->id, sizeof(c->id), bh_json_text(config, "id"));
		bh_copy_text(c->name, sizeof(c->name), bh_json_text(config, "name"));
		bh_copy_text(c->image, sizeof(c->image), bh_json_text(config, "rootfsImageName"));
		bh_container_read_labels(c, bh_json_member(config, "labels"));
		read_network_mode(c, config);
		read_state(c, state);
		if (is_infra(config))
			read_pod(r, c, bh_json_text(config, "pod"));
		bh_map_put_text(r->found, c->id, c);
	}
	cJSON_Delete(config);
	cJSON_Delete(state);
}

/* Copied while Podman may have been writing: what does not hold together is left, and read again
 * when it changes next. */
static int parse(struct podman *p, const void *bytes, size_t size, struct bh_error *err)
{
	struct bh_bolt db;
	struct bh_bolt_bucket containers;
	struct reading r = { .db = &db };

	if (bh_bolt_open(&db, bytes, size, err) != 0)
		return err->code;
	if (!bh_bolt_find(&db, NULL, "ctr", &containers))
		return bh_error_set(err, -EINVAL, "it names no containers");
	r.has_pods = bh_bolt_find(&db, NULL, "pod", &r.pods);
	r.found = bh_map_new(free_container);
	if (!bh_bolt_each_bucket(&db, &containers, read_container, &r)) {
		bh_map_free(r.found);
		return bh_error_set(err, -EINVAL, "it was being written");
	}
	struct bh_map *before = p->stored;
	p->stored = r.found;
	state_stored(p, before);
	bh_map_free(before);
	return 0;
}

/* As it came last. While the engine answers nobody asks for it, and it changes several times with
 * each container that starts. */
static void read_database(struct podman *p)
{
	struct bh_error err = { 0 };

	if (!p->unread || engine_answers(p))
		return;
	p->unread = false;
	p->disk_why[0] = '\0';
	if (parse(p, p->database.data, p->database.length, &err) != 0)
		snprintf(p->disk_why, sizeof(p->disk_why), "its state on disk: %.90s", err.text);
	bh_buffer_free(&p->database);
}

static void on_file(void *user, const char *path, const char *data, size_t length)
{
	struct podman *p = user;

	(void)path; /* there is but one */
	p->on_disk = p->unread = true;
	bh_buffer_clear(&p->database);
	bh_buffer_append(&p->database, data, length);
	read_database(p);
	tell_state(p);
}

static void on_file_gone(void *user, const char *path)
{
	struct podman *p = user;

	(void)path; /* there is but one */
	p->on_disk = false;
	tell_state(p);
}

static void on_files_listed(void *user, uint32_t places)
{
	struct podman *p = user;

	(void)places;
	p->listed = true;
	tell_state(p);
}

/* --- the engine's way ------------------------------------------------------------------------- */

static uint32_t engine_query(void *user, uint8_t runtime, enum bh_runtime_query query,
			     const char *argument)
{
	struct podman *p = user;

	return p->host.query(p->host.user, runtime, query, argument);
}

static void engine_container(void *user, const struct bh_container *c)
{
	state_container(user, c, true);
}

static void engine_gone(void *user, uint8_t runtime, const char *id)
{
	(void)runtime;
	lose_container(user, id);
}

/* What the disk told of, and the engine did not list, is gone. */
static void lose_unlisted(struct podman *p)
{
	const struct stated *s;

	for (size_t position = 0; (s = bh_map_next(p->stated, &position)) != NULL;)
		if (!s->by_engine)
			lose_container(p, s->id);
}

static void engine_state(void *user, uint8_t runtime, enum bh_runtime_state state, const char *why)
{
	struct podman *p = user;

	(void)runtime;
	p->engine_known = true;
	p->engine_state = (uint8_t)state;
	bh_copy_text(p->engine_why, sizeof(p->engine_why), why != NULL ? why : "");
	if (engine_answers(p))
		lose_unlisted(p);
	read_database(p);
	state_stored(p, NULL);
	tell_state(p);
}

/* --- operations ------------------------------------------------------------------------------- */

static void *podman_start(const struct bh_runtime_host *host, int64_t now)
{
	struct podman *p = bh_calloc(1, sizeof(*p));
	struct bh_runtime_host own = { p,	    host->node,	 engine_query, engine_container,
				       engine_gone, engine_state };
	struct bh_file_set_events files = { p, on_file, on_file_gone, on_files_listed };

	p->host = *host;
	p->stored = bh_map_new(free_container);
	p->stated = bh_map_new(free);
	p->files = bh_file_set_start(host, BH_RUNTIME_PODMAN, &files);
	p->engine = bh_engine_start(&own, BH_RUNTIME_PODMAN, now);
	return p;
}

static void podman_data(void *state, uint32_t request, const void *bytes, size_t length,
			int64_t now)
{
	struct podman *p = state;

	if (!bh_file_set_data(p->files, request, bytes, length))
		bh_engine_data(p->engine, request, bytes, length, now);
}

static void podman_end(void *state, uint32_t request, int error, int64_t now)
{
	struct podman *p = state;

	if (!bh_file_set_end(p->files, request))
		bh_engine_end(p->engine, request, error, now);
}

static void podman_tick(void *state, int64_t now)
{
	struct podman *p = state;

	bh_engine_tick(p->engine, now);
	bh_file_set_tick(p->files, now);
}

static void podman_stop(void *state)
{
	struct podman *p = state;

	bh_engine_stop(p->engine);
	bh_file_set_stop(p->files);
	bh_buffer_free(&p->database);
	bh_map_free(p->stored);
	bh_map_free(p->stated);
	free(p);
}

const struct bh_runtime_ops bh_podman_ops = { .runtime = BH_RUNTIME_PODMAN,
					      .start = podman_start,
					      .data = podman_data,
					      .end = podman_end,
					      .tick = podman_tick,
					      .stop = podman_stop };
