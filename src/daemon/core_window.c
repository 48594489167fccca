/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When endpoints appear, become known and get their rules (window.h), as status shows it. */
#include <inttypes.h>
#include <string.h>

#include "address.h"
#include "core_api.h"
#include "core_share.h"
#include "ruleset.h"
#include "timefmt.h"

/* Its kernel gives each interface a link-local one; others make it a member of its network. */
static bool has_address(const struct bh_endpoint_fact *fact)
{
	for (uint8_t i = 0; i < fact->addr_count; i++)
		if (!bh_addr_is_link_local(&fact->addrs[i]))
			return true;
	return false;
}

/* What was there when the daemon came has no beginning that it saw. */
void bh_core_window_fact(struct bh_core *core, const struct bh_endpoint_fact *fact, bool fresh)
{
	if (fresh && core->scanned)
		bh_windows_open(core->windows, fact->ifindex, fact->since);
	if (has_address(fact))
		bh_windows_addressed(core->windows, fact->ifindex, bh_time_now());
}

void bh_core_window_gone(struct bh_core *core, uint32_t ifindex, int64_t time)
{
	bh_windows_gone(core->windows, ifindex, time);
}

/* Whoever learns waits for rules, too: those of the others, which name it. */
void bh_core_window_look(struct bh_core *core)
{
	bool governed = core->rules != NULL && core->rules->chain_count > 0;
	int64_t now = bh_time_now();
	uint32_t ifindex;

	for (size_t at = 0; (ifindex = bh_windows_next(core->windows, false, &at)) != 0;) {
		const struct bh_instance *who = bh_model_at(core->model, ifindex, now);

		if (who != NULL && who->until == 0 && who->workload[0] != '\0')
			bh_windows_known(core->windows, ifindex, governed, now);
	}
}

static bool is_its_own(const struct bh_core *core, const struct bh_instance *who,
		       const struct bh_bound *bound)
{
	return bound->mode == bh_core_instance_mode(core, who) &&
	       strcmp(bound->workload, who->workload) == 0;
}

bool bh_core_stands(const struct bh_core *core, const struct bh_instance *who)
{
	const struct bh_endpoint_fact *fact = &who->fact;
	struct bh_bound bound;

	if (!bh_force_port(core->force, fact->ifname, &bound) || !is_its_own(core, who, &bound))
		return false;
	for (uint8_t i = 0; i < fact->addr_count; i++)
		if (!bh_force_bound(core->force, fact->l3_ifname, &fact->addrs[i], &bound) ||
		    !is_its_own(core, who, &bound))
			return false;
	return true;
}

void bh_core_window_confirmed(struct bh_core *core, int64_t now)
{
	uint32_t ifindex;

	for (size_t at = 0; (ifindex = bh_windows_next(core->windows, true, &at)) != 0;) {
		const struct bh_instance *who = bh_model_at(core->model, ifindex, now);

		/* Its first addresses may be on their way. */
		if (who != NULL && has_address(&who->fact) && bh_core_stands(core, who))
			bh_windows_stood(core->windows, ifindex, now);
	}
}

void bh_core_window_flow(struct bh_core *core, const struct bh_flow *flow)
{
	if (flow->src_ifindex != 0)
		bh_windows_sent(core->windows, flow->src_ifindex, flow->first);
}

static void add_figure(cJSON *json, const char *key, const struct bh_window_figures *f,
		       int64_t value)
{
	if (f->count > 0)
		cJSON_AddNumberToObject(json, key, (double)value / BH_SECOND);
	else
		cJSON_AddNullToObject(json, key);
}

static void add_figures(cJSON *json, const char *key, const struct bh_window_figures *f)
{
	cJSON *object = cJSON_AddObjectToObject(json, key);

	cJSON_AddNumberToObject(object, "count", (double)f->count);
	add_figure(object, "p50", f, f->p50);
	add_figure(object, "p99", f, f->p99);
	add_figure(object, "most", f, f->most);
}

cJSON *bh_core_window_json(const struct bh_core *core)
{
	cJSON *json = cJSON_CreateObject();
	struct bh_window_report report;

	bh_windows_report(core->windows, &report);
	cJSON_AddNumberToObject(json, "of_last", BH_WINDOW_SAMPLES);
	add_figures(json, "identified", &report.known);
	add_figures(json, "enforced", &report.stood);
	add_figures(json, "exposed", &report.bare);
	cJSON_AddNumberToObject(json, "unidentified", (double)report.waiting);
	cJSON_AddNumberToObject(json, "unenforced", (double)report.unstood);
	cJSON_AddNumberToObject(json, "left_unidentified", (double)report.left_unknown);
	cJSON_AddNumberToObject(json, "left_unenforced", (double)report.left_unstood);
	cJSON_AddNumberToObject(json, "early", (double)report.early);
	cJSON_AddItemToObject(json, "hooks", bh_core_hooks_json(core));
	return json;
}
