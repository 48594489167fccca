/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who held which interface and which addresses, from when to when, outlives the daemon: what
 * changed is written every second, what departed is kept for a while. A daemon that comes back
 * takes up what it left; what is not there any more went, as far as anybody knows, when it was last
 * seen. When somebody watched is kept as well: at other times nobody knows who was there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "address.h"
#include "container_json.h"
#include "core_history.h"
#include "grow.h"
#include "log.h"
#include "timefmt.h"

#define INTERVAL (60 * BH_SECOND)
#define MOST_TRIMMED 1000 /* a second: nobody waits for days' worth of them */

/* --- as text ---------------------------------------------------------------------------------- */

static cJSON *hold_json(const struct bh_hold *hold)
{
	cJSON *json = cJSON_CreateObject();
	char text[BH_ADDR_TEXT];

	cJSON_AddStringToObject(json, "addr", bh_addr_format(&hold->addr, text));
	cJSON_AddNumberToObject(json, "from", (double)hold->from);
	cJSON_AddNumberToObject(json, "until", hold->until == BH_GOES_ON ? 0 : (double)hold->until);
	cJSON_AddNumberToObject(json, "made", (double)hold->made);
	return json;
}

static cJSON *former_json(const struct bh_designation *former)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddNumberToObject(json, "until", (double)former->until);
	cJSON_AddStringToObject(json, "name", former->name);
	cJSON_AddStringToObject(json, "workload", former->workload);
	cJSON_AddStringToObject(json, "why", former->why);
	return json;
}

static char *encode(const struct bh_instance *i)
{
	const struct bh_endpoint_fact *fact = &i->fact;
	cJSON *json = cJSON_CreateObject(), *list;
	const struct bh_designation *former;
	const struct bh_hold *hold;
	char mac[BH_MAC_TEXT];

	cJSON_AddStringToObject(json, "name", i->name);
	cJSON_AddStringToObject(json, "workload", i->workload);
	cJSON_AddStringToObject(json, "why", i->why);
	cJSON_AddStringToObject(json, "named_by", i->named_by);
	cJSON_AddStringToObject(json, "runtime", bh_instance_label(i, "bulkhead.runtime"));
	cJSON_AddNumberToObject(json, "runtime_number", fact->runtime);
	cJSON_AddStringToObject(json, "container", fact->container_id);
	cJSON_AddStringToObject(json, "ifname", fact->ifname);
	cJSON_AddStringToObject(json, "l3_ifname", fact->l3_ifname);
	cJSON_AddNumberToObject(json, "master", fact->master_ifindex);
	cJSON_AddStringToObject(json, "netns", fact->netns_name);
	cJSON_AddNumberToObject(json, "inode", (double)fact->netns_inode);
	cJSON_AddStringToObject(json, "mac", bh_mac_format(&fact->mac, mac));
	list = cJSON_AddArrayToObject(json, "holds");
	for (size_t at = 0; (hold = bh_instance_hold(i, at)) != NULL; at++)
		cJSON_AddItemToArray(list, hold_json(hold));
	list = cJSON_AddArrayToObject(json, "formers");
	for (size_t at = 0; (former = bh_instance_former(i, at)) != NULL; at++)
		cJSON_AddItemToArray(list, former_json(former));
	char *text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	return text;
}

/* What JSON's numbers can say; in µs that is the year 2255. */
#define MOST_NUMBER INT64_C(9007199254740992)

/* Whatever the file says: times can be added to one another. */
static int64_t time_within(int64_t time, int64_t earliest)
{
	return time < earliest ? earliest : time < MOST_NUMBER ? time : MOST_NUMBER;
}

/* Times and inodes are whole numbers below 2^53; whatever is not counts as 0. */
static int64_t number_of(const cJSON *json, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
	double number = cJSON_IsNumber(item) ? item->valuedouble : 0;

	return number > 0 && number < (double)MOST_NUMBER ? (int64_t)number : 0;
}

/* As far as is known it has the address. */
static void restate_address(struct bh_endpoint_fact *fact, const struct bh_hold *hold)
{
	if (fact->addr_count == BH_ENDPOINT_ADDRS)
		return;
	fact->addrs[fact->addr_count] = hold->addr;
	fact->addr_made[fact->addr_count++] = hold->made;
}

static void read_hold(struct bh_past_read *out, const cJSON *json)
{
	char text[BH_ADDR_TEXT];

	if (out->past.hold_count == BH_PAST_HOLDS)
		return;
	struct bh_hold *hold = &out->holds[out->past.hold_count];
	bh_json_copy(json, "addr", text, sizeof(text));
	if (!bh_addr_parse(text, &hold->addr))
		return;
	hold->from = number_of(json, "from");
	hold->until = number_of(json, "until");
	hold->made = number_of(json, "made");
	/* That one holds it still ends, at the latest, when its holder goes. */
	if (hold->until == 0)
		hold->until = out->past.shown.until != 0 ? out->past.shown.until : BH_GOES_ON;
	if (hold->until < hold->from)
		hold->until = hold->from;
	if (hold->until == BH_GOES_ON)
		restate_address(&out->past.shown.fact, hold);
	out->past.hold_count++;
}

static void read_former(struct bh_past_read *out, const cJSON *json)
{
	if (out->past.former_count == BH_PAST_FORMERS)
		return;
	struct bh_designation *former = &out->formers[out->past.former_count];
	former->until = number_of(json, "until");
	bh_json_copy(json, "name", former->name, sizeof(former->name));
	bh_json_copy(json, "workload", former->workload, sizeof(former->workload));
	bh_json_copy(json, "why", former->why, sizeof(former->why));
	out->past.former_count++;
}

static void read_fact(struct bh_endpoint_fact *fact, const cJSON *json)
{
	char mac[BH_MAC_TEXT];
	int64_t runtime = number_of(json, "runtime_number");

	fact->runtime = runtime < BH_RUNTIMES ? (uint8_t)runtime : BH_RUNTIME_NONE;
	bh_json_copy(json, "container", fact->container_id, sizeof(fact->container_id));
	bh_json_copy(json, "ifname", fact->ifname, sizeof(fact->ifname));
	bh_json_copy(json, "l3_ifname", fact->l3_ifname, sizeof(fact->l3_ifname));
	bh_json_copy(json, "netns", fact->netns_name, sizeof(fact->netns_name));
	bh_json_copy(json, "mac", mac, sizeof(mac));
	bh_mac_parse(mac, &fact->mac);
	fact->master_ifindex = (uint32_t)number_of(json, "master");
	fact->netns_inode = (uint64_t)number_of(json, "inode");
	fact->nsid = -1; /* numbers of namespaces are given anew */
}

bool bh_history_read(const struct bh_stored_instance *stored, struct bh_past_read *out)
{
	cJSON *json = cJSON_Parse(stored->text);
	const cJSON *item;

	if (json == NULL)
		return false;
	memset(out, 0, sizeof(*out));
	struct bh_instance *shown = &out->past.shown;
	read_fact(&shown->fact, json);
	shown->fact.ifindex = stored->ifindex;
	shown->fact.since = time_within(stored->since, 0);
	if (stored->until != 0) {
		int64_t since = shown->fact.since;
		shown->until = time_within(stored->until, since > 0 ? since : 1);
	}
	bh_json_copy(json, "name", shown->name, sizeof(shown->name));
	bh_json_copy(json, "workload", shown->workload, sizeof(shown->workload));
	bh_json_copy(json, "why", shown->why, sizeof(shown->why));
	bh_json_copy(json, "named_by", shown->named_by, sizeof(shown->named_by));
	bh_json_copy(json, "runtime", out->runtime, sizeof(out->runtime));
	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(json, "holds"))
		read_hold(out, item);
	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(json, "formers"))
		read_former(out, item);
	out->past.holds = out->holds;
	out->past.formers = out->formers;
	cJSON_Delete(json);
	return true;
}

/* --- saving ----------------------------------------------------------------------------------- */

struct saver {
	struct bh_core *core;
	struct bh_error *err;
	int result;
};

static void save_instance(void *user, const struct bh_instance *i)
{
	struct saver *s = user;
	char texts[BH_PAST_HOLDS][BH_ADDR_TEXT];
	const char *addrs[BH_PAST_HOLDS];
	const struct bh_hold *hold;
	size_t count = 0;

	if (s->result != 0)
		return;
	for (; count < BH_PAST_HOLDS && (hold = bh_instance_hold(i, count)) != NULL; count++)
		addrs[count] = bh_addr_format(&hold->addr, texts[count]);
	char *text = encode(i);
	struct bh_stored_instance stored = { .boot = s->core->boot,
					     .ifindex = i->fact.ifindex,
					     .since = i->fact.since,
					     .until = i->until,
					     .text = text != NULL ? text : "" };
	bh_core_store_write(s->core);
	s->result = bh_store_save_instance(s->core->store, &stored, addrs, count, s->err);
	free(text);
}

/* Where there is more to be forgotten it goes on with the next call. */
static int trim(struct bh_core *core, int64_t now, struct bh_error *err)
{
	size_t count = 0;

	bh_core_store_write(core);
	int result = bh_store_trim_instances(core->store, now - core->config.keep_history,
					     core->config.max_history, MOST_TRIMMED, &count, err);
	core->history_due = bh_time_monotonic() + (count < MOST_TRIMMED ? INTERVAL : 0);
	return result;
}

int bh_core_history_save(struct bh_core *core, struct bh_error *err)
{
	struct saver saver = { core, err, 0 };
	int64_t now = bh_time_now();

	bh_model_each_dirty(core->model, save_instance, &saver);
	if (saver.result == 0 && bh_time_monotonic() >= core->history_due)
		saver.result = trim(core, now, err);
	if (saver.result == 0 && core->store_dirty && core->watching_since != 0)
		saver.result = bh_store_save_watched(core->store, core->watching_since, now, err);
	return saver.result;
}

/* --- starting --------------------------------------------------------------------------------- */

/* What interfaces' numbers are good within: this boot, this network namespace. */
static void name_boot(char *out, size_t size)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	char id[64] = "";
	struct stat netns = { 0 };

	if (file != NULL) {
		if (fgets(id, sizeof(id), file) == NULL)
			id[0] = '\0';
		fclose(file);
	}
	id[strcspn(id, "\n")] = '\0';
	if (stat("/proc/self/ns/net", &netns) != 0)
		bh_log(BH_LOG_WARNING, "the network namespace has no number: %s", strerror(errno));
	snprintf(out, size, "%s/%" PRIu64, id, (uint64_t)netns.st_ino);
}

struct loader {
	struct bh_core *core;
	int64_t seen;
};

static void restore(void *user, const struct bh_stored_instance *stored)
{
	const struct loader *l = user;
	struct bh_past_read read;

	if (!bh_history_read(stored, &read))
		return;
	read.past.seen = time_within(l->seen, read.past.shown.fact.since);
	bh_model_restore(l->core->model, &read.past);
}

int bh_core_history_load(struct bh_core *core, struct bh_error *err)
{
	struct loader loader = { .core = core };
	int64_t since, oldest = core->started - core->config.keep_departed;

	name_boot(core->boot, sizeof(core->boot));
	int result = bh_store_watched(core->store, 0, &since, &loader.seen, err);
	if (result == 0)
		result = bh_store_close_instances(core->store, core->boot, loader.seen, err);
	return result == 0 ? bh_store_load_instances(core->store, core->boot, oldest, restore,
						     &loader, err)
			   : result;
}
