/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Schedules that containers declare in their labels, and whether they can have been seen. */
#include <stdio.h>
#include <string.h>

#include "core_promotion.h"
#include "cron.h"
#include "timefmt.h"

int64_t bh_core_watched(const struct bh_core *core)
{
	return bh_ledger_windows(core->ledger) * core->config.window;
}

/* Ofelia, Chadburn and such keep their schedules in labels that end so. */
static bool is_schedule(const char *label)
{
	static const char *const ends[] = { ".schedule", ".cron" };
	size_t length = strlen(label);

	for (size_t i = 0; i < 2; i++)
		if (length > strlen(ends[i]) &&
		    strcmp(label + length - strlen(ends[i]), ends[i]) == 0)
			return true;
	return false;
}

static void add_declaration(const struct bh_core *core, const struct bh_instance *who,
			    const struct bh_label *label, cJSON *list)
{
	double watched = (double)bh_core_watched(core) / (double)BH_DAY;
	double days = 0;
	bool read = bh_cron_days(label->value, &days);
	char why[160];

	if (read && watched >= 2 * days)
		return;
	if (read)
		snprintf(why, sizeof(why),
			 "up to %g days from one time to the next, and %.1f days were watched: it "
			 "cannot have been seen twice",
			 days, watched);
	cJSON *row = cJSON_CreateObject();
	cJSON_AddStringToObject(row, "workload", who->workload);
	cJSON_AddStringToObject(row, "label", label->key);
	cJSON_AddStringToObject(row, "text", label->value);
	cJSON_AddStringToObject(row, "why",
				read ? why : "nobody knows how often that is, nor if it was seen");
	cJSON_AddItemToArray(list, row);
}

/* Of each workload the first instance speaks for all. */
void bh_core_schedules_json(void *user, cJSON *list)
{
	const struct bh_core *core = user;
	struct bh_map *seen = bh_map_new(NULL);
	const struct bh_instance *who;

	for (size_t at = 0; (who = bh_model_next(core->model, &at)) != NULL;) {
		if (who->container == NULL || bh_map_get_text(seen, who->workload) != NULL)
			continue;
		bh_map_put_text(seen, who->workload, seen);
		for (size_t i = 0; i < who->container->label_count; i++)
			if (is_schedule(who->container->labels[i].key))
				add_declaration(core, who, &who->container->labels[i], list);
	}
	bh_map_free(seen);
}

int64_t bh_core_schedule(const struct bh_core *core, const char *workload)
{
	const struct bh_instance *who;
	double days, most = 0;

	for (size_t at = 0; (who = bh_model_next(core->model, &at)) != NULL;) {
		if (who->container == NULL || strcmp(who->workload, workload) != 0)
			continue;
		for (size_t i = 0; i < who->container->label_count; i++) {
			const struct bh_label *label = &who->container->labels[i];

			if (is_schedule(label->key) && bh_cron_days(label->value, &days) &&
			    days > most)
				most = days;
		}
	}
	return (int64_t)(most * BH_DAY);
}
