/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who held an address, and when. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "core_api.h"
#include "core_history.h"
#include "grow.h"
#include "timefmt.h"

#define MOST_HOLDERS 1000

struct row {
	int64_t from;
	size_t number; /* in order of being found */
	cJSON *json;
};

struct search {
	const struct bh_core *core;
	struct bh_addr addr;
	int64_t at;	      /* 0: ever */
	struct bh_map *known; /* whom the model answered for: struct key */
	struct row *rows;
	size_t count, capacity;
};

/* A stretch of time in which the instance held the address and was called the same. */
struct stretch {
	int64_t from, until;
	const char *name, *workload, *why;
};

static void add_row(struct search *s, const struct bh_past_read *read,
		    const struct stretch *stretch)
{
	const struct bh_endpoint_fact *fact = &read->past.shown.fact;

	if (stretch->from >= stretch->until ||
	    (s->at != 0 && (s->at < stretch->from || s->at >= stretch->until)))
		return;
	cJSON *row = cJSON_CreateObject();
	bh_core_add_text(row, "name", stretch->name);
	bh_core_add_text(row, "workload", stretch->workload);
	bh_core_add_text(row, "why", stretch->why);
	bh_core_add_text(row, "runtime", read->runtime);
	bh_core_add_text(row, "container_id",
			 read->past.shown.named_by[0] != '\0' ? read->past.shown.named_by
							      : fact->container_id);
	cJSON_AddStringToObject(row, "ifname", fact->ifname);
	bh_core_add_text(row, "netns", fact->netns_name);
	bh_core_add_time(row, "from", stretch->from);
	bh_core_add_time(row, "until", stretch->until == BH_GOES_ON ? 0 : stretch->until);
	s->rows = bh_grow(s->rows, &s->capacity, s->count + 1, sizeof(*s->rows));
	s->rows[s->count] = (struct row) { stretch->from, s->count, row };
	s->count++;
}

/* A hold, cut where the name changed. */
static void add_hold(struct search *s, const struct bh_past_read *read, const struct bh_hold *hold)
{
	const struct bh_instance *last = &read->past.shown;
	int64_t from = hold->from;

	for (size_t i = 0; i < read->past.former_count; i++) {
		const struct bh_designation *former = &read->formers[i];
		struct stretch stretch = { from, former->until, former->name, former->workload,
					   former->why };

		if (former->until <= from)
			continue;
		if (hold->until < stretch.until)
			stretch.until = hold->until;
		add_row(s, read, &stretch);
		from = stretch.until;
	}
	add_row(s, read,
		&(struct stretch) { from, hold->until, last->name, last->workload, last->why });
}

static void add_holds(struct search *s, const struct bh_past_read *read)
{
	for (size_t i = 0; i < read->past.hold_count; i++)
		if (bh_addr_equal(&read->holds[i].addr, &s->addr))
			add_hold(s, read, &read->holds[i]);
}

/* --- what the model knows --------------------------------------------------------------------- */

/* Of an attachment, within this boot. */
struct key {
	int64_t since;
	int64_t ifindex;
};

static void add_known(struct search *s, const struct bh_instance *i)
{
	struct key key = { i->fact.since, i->fact.ifindex };
	struct bh_past_read read = { .past = { .shown = *i } };
	const struct bh_designation *former;
	struct bh_past *past = &read.past;
	const struct bh_hold *hold;

	bh_map_put(s->known, &key, sizeof(key), s->known);
	bh_copy_text(read.runtime, sizeof(read.runtime), bh_instance_label(i, "bulkhead.runtime"));
	for (; past->hold_count < BH_PAST_HOLDS &&
	       (hold = bh_instance_hold(i, past->hold_count)) != NULL;)
		read.holds[past->hold_count++] = *hold;
	for (; past->former_count < BH_PAST_FORMERS &&
	       (former = bh_instance_former(i, past->former_count)) != NULL;)
		read.formers[past->former_count++] = *former;
	add_holds(s, &read);
}

static void ask_model(struct search *s)
{
	const struct bh_instance *i;

	for (size_t position = 0; (i = bh_model_next(s->core->model, &position)) != NULL;)
		add_known(s, i);
	for (i = bh_model_next_departed(s->core->model, NULL); i != NULL;
	     i = bh_model_next_departed(s->core->model, i))
		add_known(s, i);
}

/* --- what is stored --------------------------------------------------------------------------- */

/* What is stored of those whom the model knows may be older than what it knows. */
static void add_stored(void *user, const struct bh_stored_instance *stored)
{
	struct search *s = user;
	struct key key = { stored->since, stored->ifindex };
	struct bh_past_read read;

	if (strcmp(stored->boot, s->core->boot) == 0 &&
	    bh_map_get(s->known, &key, sizeof(key)) != NULL)
		return;
	if (bh_history_read(stored, &read))
		add_holds(s, &read);
}

static int by_time(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* cJSON 1.7.15 does not always insert what it is to insert into an array. */
static void give_rows(struct search *s, cJSON *rows)
{
	if (s->count > 0)
		qsort(s->rows, s->count, sizeof(*s->rows), by_time);
	for (size_t i = 0; i < s->count; i++)
		cJSON_AddItemToArray(rows, s->rows[i].json);
	free(s->rows);
}

int bh_core_who(const struct bh_core *core, const struct bh_addr *addr, int64_t at, cJSON *rows,
		struct bh_error *err)
{
	struct search search = { .core = core, .addr = *addr, .at = at, .known = bh_map_new(NULL) };
	char text[BH_ADDR_TEXT];

	ask_model(&search);
	int result = bh_store_holders(core->store, bh_addr_format(addr, text), at, MOST_HOLDERS,
				      add_stored, &search, err);
	bh_map_free(search.known);
	give_rows(&search, rows);
	return result;
}

/* --- the request ------------------------------------------------------------------------------ */

static bool read_question(const struct bh_api_request *request, struct bh_addr *addr, int64_t *when,
			  struct bh_api_reply *reply)
{
	const char *address = bh_api_query(request, "address"), *at = bh_api_query(request, "at");

	if (address == NULL || !bh_addr_parse(address, addr)) {
		bh_api_fail(reply, 400, "address", "for example 10.0.0.2, or fd00::2",
			    "%s is no address", address != NULL ? address : "nothing");
		return false;
	}
	if (at != NULL && (!bh_time_parse(at, when) || *when <= 0)) {
		bh_api_fail(reply, 400, "at",
			    "RFC 3339 (2026-11-24T12:30:00Z), or seconds since the epoch",
			    "%s is no time", at);
		return false;
	}
	return true;
}

/* Whether it is known who was there at that time: nothing where no time was named, or the store
 * cannot say. */
static int add_watched(const struct bh_core *core, int64_t at, cJSON *json, struct bh_error *err)
{
	int64_t since = 0, until = 0, now = bh_time_now();
	bool watching = core->watching_since != 0 && at >= core->watching_since && at <= now;
	int result = at != 0 ? bh_store_watched(core->store, at, &since, &until, err) : 0;

	if (at == 0 || (result != 0 && !watching))
		cJSON_AddNullToObject(json, "watched");
	else
		cJSON_AddBoolToObject(json, "watched", until != 0 || watching);
	return result;
}

/* What the answer may lack; null: nothing. */
static void add_incomplete(const struct bh_core *core, const struct bh_error *unread, cJSON *json)
{
	char text[768] = "";

	if (unread->code != 0)
		snprintf(text, sizeof(text),
			 "the store cannot be read (%.500s): whoever went longer ago than "
			 "identity.keep_departed is missing here",
			 unread->text);
	else if (core->store_why[0] != '\0')
		snprintf(text, sizeof(text),
			 "nothing is stored (%.500s): whoever came and went since it is so, and "
			 "longer ago than identity.keep_departed, is missing here",
			 core->store_why);
	bh_core_add_text(json, "incomplete", text);
}

void bh_core_handle_who(void *user, const struct bh_api_request *request,
			struct bh_api_reply *reply)
{
	const struct bh_core *core = user;
	struct bh_error err = { 0 };
	struct bh_addr addr;
	char text[BH_ADDR_TEXT];
	int64_t at = 0;

	if (!read_question(request, &addr, &at, reply))
		return;
	cJSON *json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "address", bh_addr_format(&addr, text));
	bh_core_add_time(json, "at", at);
	if (bh_core_who(core, &addr, at, cJSON_AddArrayToObject(json, "rows"), &err) == 0)
		add_watched(core, at, json, &err);
	else
		add_watched(core, at, json, NULL);
	cJSON_AddBoolToObject(json, "host", bh_model_host_holds(core->model, &addr, 0));
	add_incomplete(core, &err, json);
	reply->json = json;
}
