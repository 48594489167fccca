/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file_set.h"

#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "map.h"
#include "timefmt.h"

#define RETRY BH_SECOND

struct known {
	char path[BH_FILE_PATH];
	uint32_t round; /* in which it was told last */
};

struct bh_file_set {
	struct bh_runtime_host host;
	uint8_t runtime;
	struct bh_file_set_events events;
	uint32_t request; /* 0: none, the stream broke */
	int64_t retry_at;
	struct bh_file_stream stream;
	struct bh_map *known; /* path → struct known */
	uint32_t round;	      /* grows when everything is told anew */
};

static void ask(struct bh_file_set *set)
{
	bh_file_stream_free(&set->stream);
	set->retry_at = 0;
	set->round++;
	set->request = set->host.query(set->host.user, set->runtime, BH_QUERY_FILES, "");
}

static void note_file(struct bh_file_set *set, const char *path)
{
	struct known *known = bh_map_get_text(set->known, path);

	if (known == NULL) {
		known = bh_calloc(1, sizeof(*known));
		bh_copy_text(known->path, sizeof(known->path), path);
		bh_map_put_text(set->known, path, known);
	}
	known->round = set->round;
}

static void on_file(void *user, const char *path, const char *data, size_t length)
{
	struct bh_file_set *set = user;

	note_file(set, path);
	set->events.file(set->events.user, path, data, length);
}

static void on_large(void *user, const char *path)
{
	struct bh_file_set *set = user;

	note_file(set, path);
	if (set->events.large != NULL)
		set->events.large(set->events.user, path);
}

static void lose(struct bh_file_set *set, const struct known *known)
{
	char path[BH_FILE_PATH];

	memcpy(path, known->path, sizeof(path));
	bh_map_remove_text(set->known, path);
	set->events.gone(set->events.user, path);
}

/* A file, or a folder and what was in it. */
static void on_gone(void *user, const char *path)
{
	struct bh_file_set *set = user;
	const struct known *known;
	size_t length = strlen(path);

	for (size_t position = 0; (known = bh_map_next(set->known, &position)) != NULL;)
		if (strncmp(known->path, path, length) == 0 &&
		    (known->path[length] == '\0' || known->path[length] == '/'))
			lose(set, known);
}

/* What was not told this time went while nobody looked. */
static void on_listed(void *user, uint32_t places)
{
	struct bh_file_set *set = user;
	const struct known *known;

	for (size_t position = 0; (known = bh_map_next(set->known, &position)) != NULL;)
		if (known->round != set->round)
			lose(set, known);
	set->events.listed(set->events.user, places);
}

static void on_again(void *user)
{
	((struct bh_file_set *)user)->round++;
}

struct bh_file_set *bh_file_set_start(const struct bh_runtime_host *host, uint8_t runtime,
				      const struct bh_file_set_events *events)
{
	struct bh_file_set *set = bh_calloc(1, sizeof(*set));

	set->host = *host;
	set->runtime = runtime;
	set->events = *events;
	set->known = bh_map_new(free);
	ask(set);
	return set;
}

void bh_file_set_stop(struct bh_file_set *set)
{
	bh_file_stream_free(&set->stream);
	bh_map_free(set->known);
	free(set);
}

bool bh_file_set_data(struct bh_file_set *set, uint32_t request, const void *bytes, size_t length)
{
	struct bh_file_events events = { set, on_file, on_gone, on_listed, on_again, on_large };
	struct bh_error err = { 0 };

	if (request != set->request)
		return false;
	if (bh_file_stream_feed(&set->stream, bytes, length, &events, &err) != 0)
		set->request = 0;
	return true;
}

bool bh_file_set_end(struct bh_file_set *set, uint32_t request)
{
	if (request != set->request)
		return false;
	set->request = 0;
	return true;
}

void bh_file_set_tick(struct bh_file_set *set, int64_t now)
{
	if (set->request == 0 && set->retry_at == 0)
		set->retry_at = now + RETRY;
	else if (set->request == 0 && now >= set->retry_at)
		ask(set);
}

/* --- back ends that read nothing else --------------------------------------------------------- */

static void on_back_end_listed(void *user, uint32_t places)
{
	struct bh_file_back_end *b = user;

	b->host.state(b->host.user, b->runtime,
		      places > 0 ? BH_RUNTIME_CONNECTED : BH_RUNTIME_ABSENT,
		      places > 0 ? "read from its files" : "it has no files here");
}

void bh_file_back_end_start(struct bh_file_back_end *b, const struct bh_runtime_host *host,
			    uint8_t runtime,
			    void (*file)(void *state, const char *path, const char *data,
					 size_t length),
			    void (*gone)(void *state, const char *path))
{
	struct bh_file_set_events events = { b, file, gone, on_back_end_listed, NULL };

	b->host = *host;
	b->runtime = runtime;
	b->files = bh_file_set_start(host, runtime, &events);
}

void bh_file_back_end_data(void *state, uint32_t request, const void *bytes, size_t length,
			   int64_t now)
{
	(void)now;
	bh_file_set_data(((struct bh_file_back_end *)state)->files, request, bytes, length);
}

void bh_file_back_end_end(void *state, uint32_t request, int error, int64_t now)
{
	(void)error;
	(void)now;
	bh_file_set_end(((struct bh_file_back_end *)state)->files, request);
}

void bh_file_back_end_tick(void *state, int64_t now)
{
	bh_file_set_tick(((struct bh_file_back_end *)state)->files, now);
}

void bh_file_back_end_stop(void *state)
{
	bh_file_set_stop(((struct bh_file_back_end *)state)->files);
	free(state);
}

/* --- a file, a container ---------------------------------------------------------------------- */

struct one_file_each {
	struct bh_file_back_end base;
	bool (*read)(const char *path, const char *data, size_t length, struct bh_container *out);
	struct bh_map *stated; /* path → char *: the container's id */
};

/* Several files may speak of the same one: machined's have links beside them. */
static bool is_stated(const struct one_file_each *o, const char *id)
{
	const char *stated;

	for (size_t position = 0; (stated = bh_map_next(o->stated, &position)) != NULL;)
		if (strcmp(stated, id) == 0)
			return true;
	return false;
}

static void lose_container(struct one_file_each *o, const char *path)
{
	const char *known = bh_map_get_text(o->stated, path);
	char id[BH_CONTAINER_ID];

	if (known == NULL)
		return;
	bh_copy_text(id, sizeof(id), known);
	bh_map_remove_text(o->stated, path);
	if (!is_stated(o, id))
		o->base.host.container_gone(o->base.host.user, o->base.runtime, id);
}

static void on_container_file(void *state, const char *path, const char *data, size_t length)
{
	struct one_file_each *o = state;
	struct bh_container *c = bh_container_new();
	const char *known = bh_map_get_text(o->stated, path);

	c->runtime = o->base.runtime;
	if (o->read(path, data, length, c)) {
		if (known != NULL && strcmp(known, c->id) != 0)
			lose_container(o, path);
		bh_map_put_text(o->stated, path, bh_strdup(c->id));
		o->base.host.container(o->base.host.user, c);
	} else {
		lose_container(o, path);
	}
	bh_container_free(c);
}

static void on_container_file_gone(void *state, const char *path)
{
	lose_container(state, path);
}

void *bh_one_file_each_start(const struct bh_runtime_host *host, uint8_t runtime,
			     bool (*read)(const char *path, const char *data, size_t length,
					  struct bh_container *out))
{
	struct one_file_each *o = bh_calloc(1, sizeof(*o));

	o->read = read;
	o->stated = bh_map_new(free);
	bh_file_back_end_start(&o->base, host, runtime, on_container_file, on_container_file_gone);
	return o;
}

void bh_one_file_each_stop(void *state)
{
	bh_map_free(((struct one_file_each *)state)->stated);
	bh_file_back_end_stop(state);
}
