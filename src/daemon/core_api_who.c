/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who held an address, and when. */
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "core_api.h"
#include "core_history.h"
#include "timefmt.h"

#define MOST_HOLDERS 1000

struct search {
	struct bh_addr addr;
	int64_t at; /* 0: ever */
	cJSON *rows;
};

/* A stretch of time in which the instance held the address and was called the same. */
struct stretch {
	int64_t from, until;
	const char *name, *workload, *why;
};

static void add_row(const struct search *s, const struct bh_past_read *read,
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
	cJSON_AddItemToArray(s->rows, row);
}

/* A hold, cut where the name changed. */
static void add_hold(const struct search *s, const struct bh_past_read *read,
		     const struct bh_hold *hold)
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

static void add_holder(void *user, const struct bh_stored_instance *stored)
{
	const struct search *s = user;
	struct bh_past_read read;

	if (!bh_history_read(stored, &read))
		return;
	for (size_t i = 0; i < read.past.hold_count; i++)
		if (bh_addr_equal(&read.holds[i].addr, &s->addr))
			add_hold(s, &read, &read.holds[i]);
}

int bh_core_who(struct bh_core *core, const struct bh_addr *addr, int64_t at, cJSON *rows,
		struct bh_error *err)
{
	struct search search = { *addr, at, rows };
	char text[BH_ADDR_TEXT];
	int result = bh_core_history_save(core, err);

	if (result != 0)
		return result;
	return bh_store_holders(core->store, bh_addr_format(addr, text), at, MOST_HOLDERS,
				add_holder, &search, err);
}

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

/* Whether it is known who was there at that time: nothing where no time was named. */
static int add_watched(struct bh_core *core, int64_t at, cJSON *json, struct bh_error *err)
{
	int64_t since, until, now = bh_time_now();

	if (at == 0) {
		cJSON_AddNullToObject(json, "watched");
		return 0;
	}
	int result = bh_store_watched(core->store, at, &since, &until, err);
	bool watching = core->watching_since != 0 && at >= core->watching_since && at <= now;
	cJSON_AddBoolToObject(json, "watched", until != 0 || watching);
	return result;
}

void bh_core_handle_who(void *user, const struct bh_api_request *request,
			struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	struct bh_error err = { 0 };
	struct bh_addr addr;
	char text[BH_ADDR_TEXT];
	int64_t at = 0;

	if (!read_question(request, &addr, &at, reply))
		return;
	cJSON *json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "address", bh_addr_format(&addr, text));
	bh_core_add_time(json, "at", at);
	int result = bh_core_who(core, &addr, at, cJSON_AddArrayToObject(json, "rows"), &err);
	if (result == 0)
		result = add_watched(core, at, json, &err);
	cJSON_AddBoolToObject(json, "host", bh_model_host_holds(core->model, &addr, 0));
	if (result == 0) {
		reply->json = json;
		return;
	}
	cJSON_Delete(json);
	bh_api_fail(reply, 500, "store", NULL, "%s", err.text);
}
