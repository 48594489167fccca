/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "called.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "buffer.h"
#include "grow.h"
#include "map.h"
#include "timefmt.h"

#define HOUR (3600 * BH_SECOND)

struct met {
	char *name;
	int64_t last;
};

/* The names of one kind, in order. */
struct names {
	struct met met[BH_EDGE_NAMES];
	size_t count;
};

struct pair {
	char *src, *dst;
	struct names names[BH_CALLINGS];
	bool dirty;
	STAILQ_ENTRY(pair) next_dirty;
};

struct bh_called {
	size_t most;
	struct bh_map *pairs;
	STAILQ_HEAD(, pair) dirty;
};

static const char *const words[BH_CALLINGS] = {
	[BH_CALLED_BY_DNS] = "dns", [BH_CALLED_BY_CLAIM] = "sni"
};

static void free_pair(void *value)
{
	struct pair *pair = value;

	for (size_t how = 0; how < BH_CALLINGS; how++)
		for (size_t i = 0; i < pair->names[how].count; i++)
			free(pair->names[how].met[i].name);
	free(pair->src);
	free(pair->dst);
	free(pair);
}

struct bh_called *bh_called_new(size_t most)
{
	struct bh_called *called = bh_calloc(1, sizeof(*called));

	called->most = most;
	called->pairs = bh_map_new(free_pair);
	STAILQ_INIT(&called->dirty);
	return called;
}

void bh_called_free(struct bh_called *called)
{
	if (called == NULL)
		return;
	bh_map_free(called->pairs);
	free(called);
}

/* Both names, the first one with its end. */
struct key {
	char bytes[2 * BH_PEER_NAME];
	size_t length;
};

static struct key make_key(const char *src, const char *dst)
{
	struct key key;
	int length = snprintf(key.bytes, sizeof(key.bytes), "%.*s%c%.*s", BH_PEER_NAME - 1, src,
			      '\0', BH_PEER_NAME - 1, dst);

	key.length = (size_t)length;
	return key;
}

static struct pair *find_pair(const struct bh_called *called, const char *src, const char *dst)
{
	struct key key = make_key(src, dst);

	return bh_map_get(called->pairs, key.bytes, key.length);
}

static struct pair *add_pair(struct bh_called *called, const char *src, const char *dst)
{
	struct key key = make_key(src, dst);
	struct pair *pair = bh_calloc(1, sizeof(*pair));

	pair->src = bh_strdup(src);
	pair->dst = bh_strdup(dst);
	bh_map_put(called->pairs, key.bytes, key.length, pair);
	return pair;
}

static struct pair *make_pair(struct bh_called *called, const char *src, const char *dst)
{
	struct pair *pair = find_pair(called, src, dst);

	if (pair != NULL || bh_map_count(called->pairs) >= called->most)
		return pair;
	return add_pair(called, src, dst);
}

static void mark_dirty(struct bh_called *called, struct pair *pair)
{
	if (!pair->dirty)
		STAILQ_INSERT_TAIL(&called->dirty, pair, next_dirty);
	pair->dirty = true;
}

static void drop_oldest(struct names *names)
{
	size_t oldest = 0;

	for (size_t i = 1; i < names->count; i++)
		if (names->met[i].last < names->met[oldest].last)
			oldest = i;
	free(names->met[oldest].name);
	names->count--;
	memmove(&names->met[oldest], &names->met[oldest + 1],
		(names->count - oldest) * sizeof(names->met[0]));
}

static void insert(struct names *names, const char *name, int64_t time)
{
	size_t at = 0;

	if (names->count == BH_EDGE_NAMES)
		drop_oldest(names);
	while (at < names->count && strcmp(names->met[at].name, name) < 0)
		at++;
	memmove(&names->met[at + 1], &names->met[at], (names->count - at) * sizeof(names->met[0]));
	names->met[at] = (struct met) { bh_strdup(name), time };
	names->count++;
}

/* Whether that is worth being saved. */
static bool meet(struct names *names, const char *name, int64_t time)
{
	for (size_t i = 0; i < names->count; i++) {
		struct met *met = &names->met[i];

		if (strcmp(met->name, name) != 0)
			continue;
		bool later = time / HOUR > met->last / HOUR;
		met->last = time > met->last ? time : met->last;
		return later;
	}
	insert(names, name, time);
	return true;
}

void bh_called_note(struct bh_called *called, const char *src, const char *dst, enum bh_calling how,
		    const char *name, int64_t time)
{
	struct pair *pair = make_pair(called, src, dst);

	if (pair != NULL && meet(&pair->names[how], name, time))
		mark_dirty(called, pair);
}

void bh_called_get(const struct bh_called *called, const char *src, const char *dst,
		   struct bh_edge_names *out)
{
	const struct pair *pair = find_pair(called, src, dst);

	*out = (struct bh_edge_names) { 0 };
	for (size_t how = 0; pair != NULL && how < BH_CALLINGS; how++) {
		const struct names *names = &pair->names[how];

		out->counts[how] = names->count;
		for (size_t i = 0; i < names->count; i++)
			out->names[how][i] = names->met[i].name;
	}
}

/* --- as text ---------------------------------------------------------------------------------- */

/* A name a line: how, name, when. */
static void put_names(struct bh_buffer *out, const struct pair *pair)
{
	bh_buffer_clear(out);
	for (size_t how = 0; how < BH_CALLINGS; how++)
		for (size_t i = 0; i < pair->names[how].count; i++)
			bh_buffer_printf(out, "%s %s %" PRId64 "\n", words[how],
					 pair->names[how].met[i].name,
					 pair->names[how].met[i].last);
}

void bh_called_each_dirty(struct bh_called *called,
			  void (*write)(void *user, const char *src, const char *dst,
					const char *names),
			  void *user)
{
	struct bh_buffer text = { 0 };
	struct pair *pair;

	while ((pair = STAILQ_FIRST(&called->dirty)) != NULL) {
		STAILQ_REMOVE_HEAD(&called->dirty, next_dirty);
		pair->dirty = false;
		put_names(&text, pair);
		write(user, pair->src, pair->dst, text.data);
	}
	bh_buffer_free(&text);
}

static void restore_line(struct pair *pair, const char *line)
{
	char word[8], name[BH_PEER_NAME];
	int64_t time;

	if (sscanf(line, "%7s %255s %" SCNd64, word, name, &time) != 3)
		return;
	for (size_t how = 0; how < BH_CALLINGS; how++)
		if (strcmp(word, words[how]) == 0)
			meet(&pair->names[how], name, time);
}

void bh_called_restore(struct bh_called *called, const char *src, const char *dst,
		       const char *names)
{
	struct pair *pair = make_pair(called, src, dst);

	for (const char *line = names; pair != NULL && line != NULL && *line != '\0';) {
		restore_line(pair, line);
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
}

void bh_called_mark_dirty(struct bh_called *called)
{
	struct pair *pair;

	for (size_t position = 0; (pair = bh_map_next(called->pairs, &position)) != NULL;)
		mark_dirty(called, pair);
}
