/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loss is data: whatever any of the processes could not keep is counted by interval, told once an
 * interval, and carried by the flows that lived through it. The other processes send totals; what
 * is new in them is what was lost since they last spoke. A process's first word is where it
 * begins.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core_api.h"
#include "timefmt.h"

#define MINUTE (60 * BH_SECOND)
#define HOUR (60 * MINUTE)

/* Losses after which flows may have passed unseen, or under a wrong name. */
static bool blinds(enum bh_loss_kind kind)
{
	return kind == BH_LOSS_PACKETS || kind == BH_LOSS_FLOWS || kind == BH_LOSS_NETLINK ||
	       kind == BH_LOSS_CAPTURE || kind == BH_LOSS_CORE;
}

void bh_core_lost(struct bh_core *core, enum bh_loss_kind kind, uint64_t count)
{
	int64_t now = bh_time_now();

	bh_loss_add(&core->losses, kind, count, now);
	if (count == 0 || !blinds(kind))
		return;
	core->sight_lost = now;
	/* Capture itself marks the flows that packets may be missing from. */
	if (kind != BH_LOSS_PACKETS)
		core->reports_lost = now;
}

static uint64_t grown(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

void bh_core_loss_take(struct bh_core *core, const struct bh_msg_loss *loss)
{
	const struct bh_msg_loss *before = core->loss_known ? &core->loss : loss;

	bh_core_lost(core, BH_LOSS_NETLINK,
		     grown(before->netlink_overruns, loss->netlink_overruns));
	bh_core_lost(core, BH_LOSS_DENIALS, grown(before->denials_lost, loss->denials_lost));
	core->loss = *loss;
	core->loss_known = true;
}

void bh_core_loss_stats(struct bh_core *core, const struct bh_msg_capture_stats *before,
			const struct bh_msg_capture_stats *stats)
{
	if (stats->started != before->started)
		before = stats;
	bh_core_lost(core, BH_LOSS_PACKETS, grown(before->dropped, stats->dropped));
	/* A report that was lost stands for a packet at least. */
	bh_ledger_packets(core->ledger, grown(before->received, stats->received),
			  grown(before->dropped, stats->dropped) +
				  grown(before->unsent_flows, stats->unsent_flows));
	bh_core_lost(core, BH_LOSS_EVICTIONS, grown(before->table.evicted, stats->table.evicted));
	bh_core_lost(core, BH_LOSS_FLOWS, grown(before->unsent_flows, stats->unsent_flows));
	bh_core_lost(core, BH_LOSS_NAMES, grown(before->unsent_names, stats->unsent_names));
	bh_core_lost(core, BH_LOSS_CLAIMS, grown(before->unsent_claims, stats->unsent_claims));
	bh_core_lost(core, BH_LOSS_NEIGHBOURS,
		     grown(before->unsent_neighbours, stats->unsent_neighbours));
	bh_core_lost(core, BH_LOSS_DENIALS, grown(before->unsent_denials, stats->unsent_denials));
}

static bool is_over(const struct bh_flow *flow)
{
	return flow->state == BH_FLOW_CLOSED || flow->state == BH_FLOW_REFUSED;
}

/* Capture's mark comes with the flow's next report; until then it is as lossy as the time that it
 * was open in. */
bool bh_core_flow_is_lossy(const struct bh_core *core, const struct bh_live_flow *live)
{
	const struct bh_flow *f = &live->flow;

	return f->lossy || (!f->final && (f->first <= core->reports_lost ||
					  (f->first <= core->sight_lost && !is_over(f))));
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static void add_counts(cJSON *json, const uint64_t counts[BH_LOSS_KINDS])
{
	for (int kind = 0; kind < BH_LOSS_KINDS; kind++)
		cJSON_AddNumberToObject(json, bh_loss_name(kind), (double)counts[kind]);
}

static void add_sum(cJSON *json, const char *key, const struct bh_core *core, int64_t since)
{
	uint64_t sums[BH_LOSS_KINDS];

	bh_loss_sum(&core->losses, since, sums);
	add_counts(cJSON_AddObjectToObject(json, key), sums);
}

static cJSON *interval_json(const struct bh_loss_interval *interval)
{
	cJSON *json = cJSON_CreateObject();

	bh_core_add_time(json, "from", interval->start);
	bh_core_add_time(json, "until", interval->start + BH_LOSS_INTERVAL);
	add_counts(json, interval->counts);
	return json;
}

cJSON *bh_core_loss_json(const struct bh_core *core)
{
	int64_t now = bh_time_now();
	cJSON *json = cJSON_CreateObject(), *intervals;
	const struct bh_loss_interval *interval;

	bh_core_add_time(json, "since", core->started);
	cJSON_AddNumberToObject(json, "interval_seconds", (double)BH_LOSS_INTERVAL / BH_SECOND);
	add_sum(json, "minute", core, now - MINUTE);
	add_sum(json, "hour", core, now - HOUR);
	add_counts(cJSON_AddObjectToObject(json, "total"), core->losses.totals);
	intervals = cJSON_AddArrayToObject(json, "intervals");
	for (size_t back = 0; (interval = bh_loss_kept(&core->losses, back)) != NULL; back++)
		cJSON_AddItemToArray(intervals, interval_json(interval));
	return json;
}

/* --- in words --------------------------------------------------------------------------------- */

/* An interval that is over is told once, whole. */
static void tell(struct bh_core *core, const struct bh_loss_interval *interval)
{
	char lost[BH_LOSS_TEXT], text[BH_LOSS_TEXT + 64];
	cJSON *json = interval_json(interval);

	snprintf(text, sizeof(text), "within %d s: %s", (int)(BH_LOSS_INTERVAL / BH_SECOND),
		 bh_loss_text(interval->counts, lost));
	bh_core_event_json(core, "loss", text, json);
}

void bh_core_loss_tick(struct bh_core *core, int64_t now)
{
	uint64_t made = core->losses.made;

	/* The newest may still grow. */
	if (made > 0 && now < bh_loss_kept(&core->losses, 0)->start + BH_LOSS_INTERVAL)
		made--;
	for (; core->losses_told < made; core->losses_told++) {
		const struct bh_loss_interval *interval = bh_loss_kept(
			&core->losses, (size_t)(core->losses.made - 1 - core->losses_told));

		if (interval != NULL)
			tell(core, interval);
	}
}

static int64_t last_of(const struct bh_core *core, enum bh_loss_kind kind)
{
	const struct bh_loss_interval *interval;

	for (size_t back = 0; (interval = bh_loss_kept(&core->losses, back)) != NULL; back++)
		if (interval->counts[kind] > 0)
			return interval->start + BH_LOSS_INTERVAL;
	return 0;
}

/* Now, rather than the end of an interval that still runs. */
static int64_t no_later_than(int64_t time, int64_t now)
{
	return time < now ? time : now;
}

void bh_core_loss_say(const struct bh_core *core, cJSON *list)
{
	int64_t now = bh_time_now();
	uint64_t hour[BH_LOSS_KINDS];

	bh_loss_sum(&core->losses, now - HOUR, hour);
	for (int kind = 0; kind < BH_LOSS_KINDS; kind++) {
		uint64_t total = core->losses.totals[kind];
		char text[BH_LOSS_TEXT], when[BH_TIME_TEXT], line[BH_LOSS_TEXT + 128];

		if (total == 0)
			continue;
		bh_time_format(no_later_than(last_of(core, kind), now), when);
		snprintf(line, sizeof(line), "%s (in the last hour %" PRIu64 ", last before %s)",
			 bh_loss_kind_text(kind, total, text), hour[kind], when);
		cJSON_AddItemToArray(list, cJSON_CreateString(line));
	}
}
