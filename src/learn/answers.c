/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pair of name and address hangs on its name's group and on its address's place. Flows hold
 * places, since they know no names; who goes first is decided by when a place was used last.
 */
#include "answers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "address.h"
#include "grow.h"
#include "map.h"
#include "timefmt.h"

#define WORTH_SAVING (600 * BH_SECOND)

struct pair {
	struct group *group;
	struct bh_answer_use *place;
	int64_t since; /* it was told first */
	int64_t until;
	int64_t saved_until;
	bool dirty;
	TAILQ_ENTRY(pair) of_group, of_place;
	STAILQ_ENTRY(pair) next_dirty;
};
TAILQ_HEAD(pairs, pair);

struct owner {
	char *workload;
	size_t count;				  /* pairs */
	TAILQ_HEAD(places, bh_answer_use) places; /* the one to go first at the head */
};

/* What one name stands for. */
struct group {
	struct owner *owner;
	char *name;
	size_t count;
	struct pairs pairs;
};

/* One address, by whatever names. */
struct bh_answer_use {
	struct owner *owner;
	struct bh_addr addr;
	unsigned living; /* flows */
	int64_t used;
	struct pairs pairs; /* that were told last at the end */
	TAILQ_ENTRY(bh_answer_use) of_owner, of_all;
};

/* Was saved, and is dropped. */
struct gone {
	char *workload, *name;
	struct bh_addr addr;
	STAILQ_ENTRY(gone) next;
};

struct bh_answers {
	struct bh_answers_limits limits;
	struct bh_map *owners; /* workload → struct owner */
	struct bh_map *groups; /* owner, name → struct group */
	struct bh_map *places; /* owner, address → struct bh_answer_use */
	struct bh_map *pairs;  /* group, address → struct pair */
	struct places all;     /* the one to go first at the head */
	STAILQ_HEAD(, pair) dirty;
	STAILQ_HEAD(, gone) gone;
	uint64_t refused;
};

/* --- keys ------------------------------------------------------------------------------------- */

/* Of a pointer and an address: no padding, nothing but its fields. */
struct address_key {
	uint8_t bytes[sizeof(void *) + sizeof(struct bh_addr)];
};

static struct address_key address_key(const void *of, const struct bh_addr *addr)
{
	struct address_key key;

	memcpy(key.bytes, &of, sizeof(of));
	memcpy(key.bytes + sizeof(of), addr, sizeof(*addr));
	return key;
}

/* Of an owner and a name. */
struct name_key {
	char bytes[sizeof(void *) + 256];
	size_t length;
};

static struct name_key name_key(const struct owner *owner, const char *name)
{
	size_t length = strnlen(name, 255);
	struct name_key key = { .length = sizeof(owner) + length };

	memcpy(key.bytes, &owner, sizeof(owner));
	memcpy(key.bytes + sizeof(owner), name, length);
	return key;
}

static struct bh_answer_use *find_place(const struct bh_answers *a, const char *workload,
					const struct bh_addr *addr)
{
	const struct owner *owner = bh_map_get_text(a->owners, workload);

	if (owner == NULL)
		return NULL;
	struct address_key key = address_key(owner, addr);
	return bh_map_get(a->places, &key, sizeof(key));
}

/* --- dropping --------------------------------------------------------------------------------- */

static void drop_owner(struct bh_answers *a, struct owner *owner)
{
	char *workload = owner->workload;

	bh_map_remove_text(a->owners, workload);
	free(workload);
	free(owner);
}

static void drop_group(struct bh_answers *a, struct group *group)
{
	struct name_key key = name_key(group->owner, group->name);

	bh_map_remove(a->groups, key.bytes, key.length);
	free(group->name);
	free(group);
}

static void drop_place(struct bh_answers *a, struct bh_answer_use *place)
{
	struct address_key key = address_key(place->owner, &place->addr);

	bh_map_remove(a->places, &key, sizeof(key));
	TAILQ_REMOVE(&place->owner->places, place, of_owner);
	TAILQ_REMOVE(&a->all, place, of_all);
	free(place);
}

static void note_gone(struct bh_answers *a, const struct pair *pair)
{
	struct gone *gone = bh_calloc(1, sizeof(*gone));

	gone->workload = bh_strdup(pair->group->owner->workload);
	gone->name = bh_strdup(pair->group->name);
	gone->addr = pair->place->addr;
	STAILQ_INSERT_TAIL(&a->gone, gone, next);
}

/* Of a place that no flow holds. Whatever it was the last one of goes with it. */
static void drop_pair(struct bh_answers *a, struct pair *pair)
{
	struct group *group = pair->group;
	struct bh_answer_use *place = pair->place;
	struct owner *owner = group->owner;
	struct address_key key = address_key(group, &place->addr);

	note_gone(a, pair);
	if (pair->dirty)
		STAILQ_REMOVE(&a->dirty, pair, pair, next_dirty);
	bh_map_remove(a->pairs, &key, sizeof(key));
	TAILQ_REMOVE(&group->pairs, pair, of_group);
	TAILQ_REMOVE(&place->pairs, pair, of_place);
	free(pair);
	owner->count--;
	if (--group->count == 0)
		drop_group(a, group);
	if (TAILQ_EMPTY(&place->pairs))
		drop_place(a, place);
	if (TAILQ_EMPTY(&owner->places))
		drop_owner(a, owner);
}

/* --- making room ------------------------------------------------------------------------------ */

/* The one to go first of those that no flow holds; NULL: there is none. */
static struct pair *idle_of_group(const struct group *group)
{
	struct pair *pair, *found = NULL;

	TAILQ_FOREACH (pair, &group->pairs, of_group)
		if (pair->place->living == 0 &&
		    (found == NULL || pair->place->used < found->place->used))
			found = pair;
	return found;
}

static struct pair *idle_of_owner(const struct owner *owner)
{
	struct bh_answer_use *place;

	TAILQ_FOREACH (place, &owner->places, of_owner)
		if (place->living == 0)
			return TAILQ_FIRST(&place->pairs);
	return NULL;
}

static struct pair *idle_of_all(const struct bh_answers *a)
{
	struct bh_answer_use *place;

	TAILQ_FOREACH (place, &a->all, of_all)
		if (place->living == 0)
			return TAILQ_FIRST(&place->pairs);
	return NULL;
}

static bool make_room(struct bh_answers *a, const char *workload, const char *name)
{
	struct owner *owner = bh_map_get_text(a->owners, workload);
	struct pair *idle = NULL;
	struct group *group = NULL;

	if (owner != NULL) {
		struct name_key key = name_key(owner, name);

		group = bh_map_get(a->groups, key.bytes, key.length);
	}
	if (group != NULL && group->count >= a->limits.per_name)
		idle = idle_of_group(group);
	else if (owner != NULL && owner->count >= a->limits.per_workload)
		idle = idle_of_owner(owner);
	else if (bh_map_count(a->pairs) >= a->limits.most)
		idle = idle_of_all(a);
	else
		return true;
	if (idle != NULL)
		drop_pair(a, idle);
	return idle != NULL;
}

/* --- noting ----------------------------------------------------------------------------------- */

static struct owner *owner_of(struct bh_answers *a, const char *workload)
{
	struct owner *owner = bh_map_get_text(a->owners, workload);

	if (owner != NULL)
		return owner;
	owner = bh_calloc(1, sizeof(*owner));
	owner->workload = bh_strdup(workload);
	TAILQ_INIT(&owner->places);
	bh_map_put_text(a->owners, workload, owner);
	return owner;
}

static struct group *group_of(struct bh_answers *a, struct owner *owner, const char *name)
{
	struct name_key key = name_key(owner, name);
	struct group *group = bh_map_get(a->groups, key.bytes, key.length);

	if (group != NULL)
		return group;
	group = bh_calloc(1, sizeof(*group));
	group->owner = owner;
	group->name = bh_strdup(name);
	TAILQ_INIT(&group->pairs);
	bh_map_put(a->groups, key.bytes, key.length, group);
	return group;
}

static struct bh_answer_use *place_of(struct bh_answers *a, struct owner *owner,
				      const struct bh_addr *addr)
{
	struct address_key key = address_key(owner, addr);
	struct bh_answer_use *place = bh_map_get(a->places, &key, sizeof(key));

	if (place != NULL)
		return place;
	place = bh_calloc(1, sizeof(*place));
	place->owner = owner;
	place->addr = *addr;
	TAILQ_INIT(&place->pairs);
	TAILQ_INSERT_TAIL(&owner->places, place, of_owner);
	TAILQ_INSERT_TAIL(&a->all, place, of_all);
	bh_map_put(a->places, &key, sizeof(key), place);
	return place;
}

static struct pair *find_pair(const struct bh_answers *a, const struct bh_answer_row *row)
{
	const struct owner *owner = bh_map_get_text(a->owners, row->workload);

	if (owner == NULL)
		return NULL;
	struct name_key name = name_key(owner, row->name);
	const struct group *group = bh_map_get(a->groups, name.bytes, name.length);
	if (group == NULL)
		return NULL;
	struct address_key key = address_key(group, &row->addr);
	return bh_map_get(a->pairs, &key, sizeof(key));
}

static struct pair *add_pair(struct bh_answers *a, const struct bh_answer_row *row)
{
	struct owner *owner = owner_of(a, row->workload);
	struct pair *pair = bh_calloc(1, sizeof(*pair));

	pair->group = group_of(a, owner, row->name);
	pair->place = place_of(a, owner, &row->addr);
	pair->since = row->used;
	pair->saved_until = INT64_MIN / 2;
	TAILQ_INSERT_TAIL(&pair->group->pairs, pair, of_group);
	TAILQ_INSERT_TAIL(&pair->place->pairs, pair, of_place);
	pair->group->count++;
	owner->count++;
	struct address_key key = address_key(pair->group, &row->addr);
	bh_map_put(a->pairs, &key, sizeof(key), pair);
	return pair;
}

void bh_answers_touch(struct bh_answers *a, struct bh_answer_use *place, int64_t time)
{
	if (time <= place->used)
		return;
	place->used = time;
	TAILQ_REMOVE(&place->owner->places, place, of_owner);
	TAILQ_INSERT_TAIL(&place->owner->places, place, of_owner);
	TAILQ_REMOVE(&a->all, place, of_all);
	TAILQ_INSERT_TAIL(&a->all, place, of_all);
}

static void tell(struct bh_answers *a, struct pair *pair, const struct bh_answer_row *row)
{
	if (row->until > pair->until)
		pair->until = row->until;
	TAILQ_REMOVE(&pair->place->pairs, pair, of_place);
	TAILQ_INSERT_TAIL(&pair->place->pairs, pair, of_place);
	bh_answers_touch(a, pair->place, row->used);
}

static void mark_dirty(struct bh_answers *a, struct pair *pair)
{
	if (!pair->dirty)
		STAILQ_INSERT_TAIL(&a->dirty, pair, next_dirty);
	pair->dirty = true;
}

bool bh_answers_note(struct bh_answers *a, const struct bh_answer_row *row)
{
	struct pair *pair = find_pair(a, row);
	bool fresh = pair == NULL;

	if (fresh && !make_room(a, row->workload, row->name)) {
		a->refused++;
		return false;
	}
	if (fresh)
		pair = add_pair(a, row);
	tell(a, pair, row);
	if (pair->until - pair->saved_until >= WORTH_SAVING)
		mark_dirty(a, pair);
	return fresh;
}

void bh_answers_restore(struct bh_answers *a, const struct bh_answer_row *row)
{
	if (find_pair(a, row) != NULL || !make_room(a, row->workload, row->name))
		return;
	struct pair *pair = add_pair(a, row);
	tell(a, pair, row);
	pair->since = INT64_MIN;
	pair->saved_until = pair->until;
}

/* Noting may drop what is being copied. */
void bh_answers_copy(struct bh_answers *a, const char *from, const char *to)
{
	const struct owner *owner = bh_map_get_text(a->owners, from);
	struct bh_answer_row *rows = bh_calloc(owner != NULL ? owner->count + 1 : 1, sizeof(*rows));
	const struct bh_answer_use *place;
	const struct pair *pair;
	size_t count = 0;

	if (owner != NULL)
		TAILQ_FOREACH (place, &owner->places, of_owner)
			TAILQ_FOREACH (pair, &place->pairs, of_place)
				rows[count++] = (struct bh_answer_row) { .workload = to,
									 .name = bh_strdup(
										 pair->group->name),
									 .addr = place->addr,
									 .until = pair->until,
									 .used = place->used };
	for (size_t i = 0; i < count; i++) {
		bh_answers_note(a, &rows[i]);
		free((void *)(uintptr_t)rows[i].name);
	}
	free(rows);
}

/* --- flows ------------------------------------------------------------------------------------ */

struct bh_answer_use *bh_answers_use(struct bh_answers *a, const char *workload,
				     const struct bh_addr *addr)
{
	struct bh_answer_use *place = find_place(a, workload, addr);

	if (place != NULL)
		place->living++;
	return place;
}

void bh_answers_end(struct bh_answer_use *place)
{
	if (place != NULL)
		place->living--;
}

bool bh_answers_expire(struct bh_answers *a, int64_t now)
{
	size_t before = bh_map_count(a->pairs);
	struct pair *pair;

	for (size_t position = 0; (pair = bh_map_next(a->pairs, &position)) != NULL;)
		if (pair->until <= now && pair->place->living == 0)
			drop_pair(a, pair);
	return bh_map_count(a->pairs) < before;
}

/* --- what there is ---------------------------------------------------------------------------- */

struct bh_answers *bh_answers_new(const struct bh_answers_limits *limits)
{
	struct bh_answers *a = bh_calloc(1, sizeof(*a));

	a->limits = *limits;
	a->owners = bh_map_new(NULL);
	a->groups = bh_map_new(NULL);
	a->places = bh_map_new(NULL);
	a->pairs = bh_map_new(NULL);
	TAILQ_INIT(&a->all);
	STAILQ_INIT(&a->dirty);
	STAILQ_INIT(&a->gone);
	return a;
}

static struct gone *take_gone(struct bh_answers *a)
{
	struct gone *gone = STAILQ_FIRST(&a->gone);

	if (gone != NULL)
		STAILQ_REMOVE_HEAD(&a->gone, next);
	return gone;
}

static void free_gone(struct gone *gone)
{
	free(gone->workload);
	free(gone->name);
	free(gone);
}

void bh_answers_free(struct bh_answers *a)
{
	struct pair *pair;
	struct gone *gone;

	if (a == NULL)
		return;
	for (size_t position = 0; (pair = bh_map_next(a->pairs, &position)) != NULL;)
		drop_pair(a, pair);
	while ((gone = take_gone(a)) != NULL)
		free_gone(gone);
	bh_map_free(a->owners);
	bh_map_free(a->groups);
	bh_map_free(a->places);
	bh_map_free(a->pairs);
	free(a);
}

size_t bh_answers_count(const struct bh_answers *a)
{
	return bh_map_count(a->pairs);
}

uint64_t bh_answers_refused(const struct bh_answers *a)
{
	return a->refused;
}

const char *bh_answers_name(const struct bh_answers *a, const char *workload,
			    const struct bh_addr *addr, int64_t time)
{
	const struct bh_answer_use *place = find_place(a, workload, addr);
	const struct pair *pair;

	if (place == NULL)
		return NULL;
	TAILQ_FOREACH_REVERSE(pair, &place->pairs, pairs, of_place)
	if (pair->since <= time)
		return pair->group->name;
	return NULL;
}

const char *bh_answers_other_name(const struct bh_answers *a, const char *workload,
				  const struct bh_addr *addr, size_t later)
{
	const struct bh_answer_use *place = find_place(a, workload, addr);
	const struct pair *pair;

	if (place == NULL)
		return NULL;
	TAILQ_FOREACH_REVERSE(pair, &place->pairs, pairs, of_place)
	if (later-- == 0)
		return pair->group->name;
	return NULL;
}

bool bh_answers_knows(const struct bh_answers *a, const char *workload)
{
	return bh_map_get_text(a->owners, workload) != NULL;
}

static struct bh_answer_row row_of(const struct pair *pair)
{
	return (struct bh_answer_row) { .workload = pair->group->owner->workload,
					.name = pair->group->name,
					.addr = pair->place->addr,
					.until = pair->until,
					.used = pair->place->used };
}

static int compare_rows(const void *one, const void *other)
{
	const struct bh_answer_row *x = one, *y = other;
	int order = strcmp(x->workload, y->workload);

	if (order == 0)
		order = strcmp(x->name, y->name);
	return order != 0 ? order : bh_addr_compare(&x->addr, &y->addr);
}

void bh_answers_each(const struct bh_answers *a, bool (*wanted)(void *user, const char *name),
		     void (*row)(void *user, const struct bh_answer_row *), void *user)
{
	struct bh_answer_row *rows = bh_calloc(bh_map_count(a->pairs) + 1, sizeof(*rows));
	const struct pair *pair;
	size_t count = 0;

	for (size_t position = 0; (pair = bh_map_next(a->pairs, &position)) != NULL;)
		if (wanted == NULL || wanted(user, pair->group->name))
			rows[count++] = row_of(pair);
	qsort(rows, count, sizeof(*rows), compare_rows);
	for (size_t i = 0; i < count; i++)
		row(user, &rows[i]);
	free(rows);
}

/* --- saving ----------------------------------------------------------------------------------- */

void bh_answers_each_dirty(struct bh_answers *a,
			   void (*save)(void *user, const struct bh_answer_row *),
			   void (*drop)(void *user, const struct bh_answer_row *), void *user)
{
	struct gone *gone;
	struct pair *pair;

	/* What was dropped and told again since is saved after that. */
	while ((gone = take_gone(a)) != NULL) {
		struct bh_answer_row row = { gone->workload, gone->name, gone->addr, 0, 0 };

		drop(user, &row);
		free_gone(gone);
	}
	while ((pair = STAILQ_FIRST(&a->dirty)) != NULL) {
		struct bh_answer_row row = row_of(pair);

		STAILQ_REMOVE_HEAD(&a->dirty, next_dirty);
		pair->dirty = false;
		pair->saved_until = pair->until;
		save(user, &row);
	}
}

void bh_answers_mark_dirty(struct bh_answers *a)
{
	struct pair *pair;

	for (size_t position = 0; (pair = bh_map_next(a->pairs, &position)) != NULL;)
		mark_dirty(a, pair);
}
