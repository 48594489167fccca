/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Podman. Where its API service answers, that is asked (engine.h). It need not run: then what
 * Podman keeps on disk is read (podman_disk.h), and the configurations of its images, which say
 * what labels came with them (images.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "container_json.h"
#include "engine.h"
#include "file_set.h"
#include "grow.h"
#include "images.h"
#include "map.h"
#include "podman_disk.h"
#include "timefmt.h"

#define PATIENCE (5 * BH_SECOND) /* with an image that a container has, and the disk does not */

struct podman {
	struct bh_runtime_host host;
	struct bh_engine *engine;
	uint8_t engine_state; /* enum bh_runtime_state */
	char engine_why[256];
	bool engine_known;
	struct bh_file_set *files;
	struct bh_podman_disk *disk;
	struct bh_images *images; /* on disk */
	int64_t now;		  /* of the call under way */
	bool listed;		  /* what is on disk is known */
	struct bh_map *stated;	  /* id → struct stated */
};

/* What the host was told of, by whichever way. */
struct stated {
	struct bh_container *container;
	bool by_engine;
};

static void free_stated(void *value)
{
	struct stated *s = value;

	bh_container_free(s->container);
	free(s);
}

/* --- what core is told ------------------------------------------------------------------------ */

static void state_container(struct podman *p, const struct bh_container *c, bool by_engine)
{
	struct stated *s = bh_calloc(1, sizeof(*s));

	s->container = bh_container_copy(c);
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

/* Whether all is known of the labels of its image that ever will be. */
static bool image_is_in(struct podman *p, const struct bh_container *c)
{
	enum bh_image_state state = bh_images_state(p->images, c->image_id);

	if (c->image_id[0] == '\0')
		return true;
	if (state == BH_IMAGE_NEW)
		bh_images_asked(p->images, c->image_id, p->now);
	return state == BH_IMAGE_KNOWN || state == BH_IMAGE_LOST;
}

/* What is as it was stated before need not be stated again. */
static void state_one(struct podman *p, const struct bh_container *c)
{
	bool matters = bh_images_matter(c);

	if (matters && !image_is_in(p, c))
		return;
	struct bh_container *own = bh_container_copy(c);
	if (matters)
		bh_images_strip(own, bh_images_labels(p->images, c->image_id));
	struct stated *s = bh_map_get_text(p->stated, c->id);
	if (s != NULL && bh_container_equal(s->container, own))
		s->by_engine = false;
	else
		state_container(p, own, false);
	bh_container_free(own);
}

static void state_stored(struct podman *p, const struct bh_map *stored)
{
	const struct bh_container *c;
	const struct stated *s;

	for (size_t position = 0; (c = bh_map_next(stored, &position)) != NULL;)
		state_one(p, c);
	for (size_t position = 0; (s = bh_map_next(p->stated, &position)) != NULL;)
		if (bh_map_get_text(stored, s->container->id) == NULL)
			lose_container(p, s->container->id);
}

static void tell_disk(struct podman *p)
{
	const char *why = bh_podman_disk_why(p->disk), *chosen = bh_podman_disk_chosen(p->disk);
	char how[160];

	if (*why != '\0') {
		p->host.state(p->host.user, BH_RUNTIME_PODMAN, BH_RUNTIME_UNREACHABLE, why);
		return;
	}
	snprintf(how, sizeof(how),
		 "read from its state on disk%s%s%s, since its service does not answer",
		 chosen != NULL ? " (" : "", chosen != NULL ? chosen : "",
		 chosen != NULL ? ", of two databases)" : "");
	p->host.state(p->host.user, BH_RUNTIME_PODMAN, BH_RUNTIME_CONNECTED, how);
}

static void tell_state(struct podman *p)
{
	/* Nothing is said before both have been looked at: the one may know what the other does
	 * not. */
	if (!p->engine_known || !p->listed)
		return;
	if (engine_answers(p))
		p->host.state(p->host.user, BH_RUNTIME_PODMAN, BH_RUNTIME_CONNECTED, NULL);
	else if (bh_podman_disk_there(p->disk))
		tell_disk(p);
	else
		p->host.state(p->host.user, BH_RUNTIME_PODMAN,
			      (enum bh_runtime_state)p->engine_state, p->engine_why);
}

/* The disk's word holds while the engine does not answer. Until then nobody asks for it, and it
 * changes several times with each container that starts. */
static void follow_disk(struct podman *p)
{
	const struct bh_map *stored;

	if (!engine_answers(p)) {
		bh_podman_disk_read(p->disk);
		stored = bh_podman_disk_containers(p->disk);
		if (stored != NULL)
			state_stored(p, stored);
	}
	tell_state(p);
}

/* --- the disk's way --------------------------------------------------------------------------- */

/* "…/overlay-images/<id>/=c2hh…". False: it is no image's. */
static bool read_image_path(const char *path, char id[BH_CONTAINER_ID])
{
	static const char folder[] = "-images/";
	const char *at = strstr(path, folder), *end;

	if (at == NULL)
		return false;
	at += sizeof(folder) - 1;
	end = strchr(at, '/');
	id[0] = '\0';
	if (end != NULL && end[1] == '=' && end - at < BH_CONTAINER_ID)
		snprintf(id, BH_CONTAINER_ID, "%.*s", (int)(end - at), at);
	return bh_runtime_is_id(id);
}

static void read_image(struct podman *p, const char *id, const char *data, size_t length)
{
	struct bh_container *labels = bh_container_new();
	cJSON *json = cJSON_ParseWithLength(data, length);

	if (cJSON_IsObject(json)) {
		bh_container_read_labels(labels,
					 bh_json_member(bh_json_member(json, "config"), "Labels"));
		bh_images_know(p->images, id, labels);
	}
	bh_container_free(labels);
	cJSON_Delete(json);
}

static void on_file(void *user, const char *path, const char *data, size_t length)
{
	struct podman *p = user;
	char id[BH_CONTAINER_ID];

	if (read_image_path(path, id))
		read_image(p, id, data, length);
	else
		bh_podman_disk_file(p->disk, path, data, length);
	follow_disk(p);
}

static bool is_used(const void *user, const char *id)
{
	const struct podman *p = user;
	const struct stated *s;

	for (size_t position = 0; (s = bh_map_next(p->stated, &position)) != NULL;)
		if (strcmp(s->container->image_id, id) == 0)
			return true;
	return false;
}

static void on_file_gone(void *user, const char *path)
{
	struct podman *p = user;
	char id[BH_CONTAINER_ID];

	if (read_image_path(path, id))
		bh_images_sweep(p->images, is_used, p);
	else
		bh_podman_disk_gone(p->disk, path);
	follow_disk(p);
}

static void on_file_large(void *user, const char *path)
{
	struct podman *p = user;
	char id[BH_CONTAINER_ID];

	if (!read_image_path(path, id))
		bh_podman_disk_large(p->disk, path);
	follow_disk(p);
}

/* Images that others keep, and those that went before their containers, never come. */
static void lose_images(struct podman *p, int64_t patience)
{
	const char *id;
	int64_t since;
	bool lost = false;

	for (size_t position = 0;
	     (id = bh_images_next_asked(p->images, &position, &since)) != NULL;) {
		char copy[BH_CONTAINER_ID];

		if (p->now - since < patience)
			continue;
		bh_copy_text(copy, sizeof(copy), id);
		bh_images_lost(p->images, copy);
		lost = true;
	}
	if (lost)
		follow_disk(p);
}

static void on_files_listed(void *user, uint32_t places)
{
	struct podman *p = user;

	(void)places;
	p->listed = true;
	lose_images(p, 0);
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
			lose_container(p, s->container->id);
}

static void engine_state(void *user, uint8_t runtime, enum bh_runtime_state state, const char *why)
{
	struct podman *p = user;

	(void)runtime;
	p->engine_known = true;
	p->engine_state = (uint8_t)state;
	bh_copy_text(p->engine_why, sizeof(p->engine_why), why != NULL ? why : "");
	if (engine_answers(p)) {
		/* What it said before may have been overruled by the disk meanwhile. */
		bh_engine_repeat(p->engine);
		lose_unlisted(p);
	}
	follow_disk(p);
}

/* --- operations ------------------------------------------------------------------------------- */

static void *podman_start(const struct bh_runtime_host *host, int64_t now)
{
	struct podman *p = bh_calloc(1, sizeof(*p));
	struct bh_runtime_host own = { p,	    host->node,	 engine_query, engine_container,
				       engine_gone, engine_state };
	struct bh_file_set_events files = { p, on_file, on_file_gone, on_files_listed,
					    on_file_large };

	p->host = *host;
	p->now = now;
	p->images = bh_images_new();
	p->disk = bh_podman_disk_new();
	p->stated = bh_map_new(free_stated);
	p->files = bh_file_set_start(host, BH_RUNTIME_PODMAN, &files);
	p->engine = bh_engine_start(&own, BH_RUNTIME_PODMAN, now);
	return p;
}

static void podman_data(void *state, uint32_t request, const void *bytes, size_t length,
			int64_t now)
{
	struct podman *p = state;

	p->now = now;
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

	p->now = now;
	lose_images(p, PATIENCE);
	bh_engine_tick(p->engine, now);
	bh_file_set_tick(p->files, now);
	if (bh_podman_disk_tick(p->disk, now))
		tell_state(p);
}

static void podman_stop(void *state)
{
	struct podman *p = state;

	bh_engine_stop(p->engine);
	bh_file_set_stop(p->files);
	bh_podman_disk_free(p->disk);
	bh_images_free(p->images);
	bh_map_free(p->stated);
	free(p);
}

const struct bh_runtime_ops bh_podman_ops = { .runtime = BH_RUNTIME_PODMAN,
					      .start = podman_start,
					      .data = podman_data,
					      .end = podman_end,
					      .tick = podman_tick,
					      .stop = podman_stop };
