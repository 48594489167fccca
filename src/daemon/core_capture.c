/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the capture processes report, each on a channel of its own; one may end and come back while
 * the others go on. */
#include <unistd.h>

#include "core.h"
#include "log.h"
#include "timefmt.h"

#define QUEUE_LIMIT (1u << 20) /* core says nothing to capture */
#define MISSING_MS 5000	       /* from the end of a channel until core asks for another */
#define QUIET_MOST 5	       /* ticks of core's: capture sends statistics each second */

/* One of several, or the only one. */
static const char *one_of(const struct bh_msg_capture_state *state)
{
	return state->workers > 1 ? "a part of capture" : "capture";
}

static void say_ended(struct bh_core *core, const struct bh_msg_capture_state *state)
{
	bh_core_lost(core, BH_LOSS_CAPTURE, 1);
	bh_core_event(core, "capture", "%s ended; %s is seen until it is back", one_of(state),
		      state->workers > 1 ? "less" : "nothing");
}

void bh_core_capture_state(struct bh_core *core, const struct bh_msg_capture_state *state)
{
	const struct bh_msg_capture_state *before = &core->capture_state;

	if (!core->capture_state_known) {
		bh_core_lost(core, BH_LOSS_CORE, state->core_restarts > 0);
	} else if (state->running < before->running) {
		say_ended(core, state);
	} else if (state->running > before->running && state->restarts > 0) {
		core->sight_lost = bh_time_now();
		bh_core_event(core, "capture", "%s is back", one_of(state));
	}
	core->capture_state = *state;
	core->capture_state_known = true;
}

static void add_ethertype(struct bh_ethertype_count sums[BH_ETHERTYPES],
			  const struct bh_ethertype_count *counted)
{
	for (size_t i = 0; i < BH_ETHERTYPES && counted->count > 0; i++) {
		if (sums[i].count > 0 && sums[i].type != counted->type)
			continue;
		sums[i].type = counted->type;
		sums[i].count += counted->count;
		return;
	}
}

static void add(struct bh_msg_capture_stats *sum, const struct bh_msg_capture_stats *s)
{
	sum->received += s->received;
	sum->dropped += s->dropped;
	sum->unsent_flows += s->unsent_flows;
	sum->unsent_denials += s->unsent_denials;
	sum->unsent_names += s->unsent_names;
	sum->unsent_claims += s->unsent_claims;
	sum->unsent_neighbours += s->unsent_neighbours;
	sum->neighbours.arp += s->neighbours.arp;
	sum->neighbours.discovery += s->neighbours.discovery;
	sum->table.packets += s->table.packets;
	sum->table.flows += s->table.flows;
	sum->table.evicted += s->table.evicted;
	sum->table.orphan_fragments += s->table.orphan_fragments;
	sum->table.undelivered_copies += s->table.undelivered_copies;
	sum->table.stray_errors += s->table.stray_errors;
	sum->table.unnoted += s->table.unnoted;
	sum->table.active += s->table.active;
	sum->dns.streams += s->dns.streams;
	sum->dns.fragments += s->dns.fragments;
	sum->dns.refused += s->dns.refused;
	for (int i = 0; i < BH_UNDECODED_KINDS; i++)
		sum->table.undecoded[i] += s->table.undecoded[i];
	for (int i = 0; i < BH_ETHERTYPES; i++)
		add_ethertype(sum->table.ethertypes, &s->table.ethertypes[i]);
}

/* What one of several gave up is given up of the whole. */
static void add_copy(struct bh_msg_capture_stats *sum, const struct bh_msg_capture_stats *s)
{
	if (s->copy > sum->copy)
		sum->copy = s->copy;
	sum->throttled |= s->throttled;
}

static const char *copied(uint8_t copy)
{
	static const char *const texts[BH_COPY_KINDS] = {
		"every packet",
		"of TCP only what opens and ends connections, everything else",
		"of TCP only what opens and ends connections, and one packet in 16 of what is "
		"neither TCP nor DNS",
		"one packet in 16 of what opens and ends TCP connections and of everything else "
		"but DNS",
	};

	return texts[copy];
}

const char *bh_core_copied(const struct bh_core *core)
{
	return copied(core->capture_stats.copy);
}

static void report_copy(struct bh_core *core, const struct bh_msg_capture_stats *before,
			const struct bh_msg_capture_stats *now)
{
	if (now->throttled || before->throttled)
		core->sight_lost = bh_time_now();
	if (now->copy > before->copy && now->throttled)
		bh_core_event(core, "capture",
			      "to stay within capture.cpu capture sees less: %s; what is counted "
			      "is a part",
			      copied(now->copy));
	else if (now->copy < before->copy)
		bh_core_event(core, "capture", "capture sees more again: %s", copied(now->copy));
}

static void take_stats(struct bh_core_worker *worker, const struct bh_msg_capture_stats *stats)
{
	struct bh_core *core = worker->core;

	bh_core_loss_stats(core, &worker->stats, stats);
	report_copy(core, &worker->stats, stats);
	worker->stats = *stats;
	core->capture_stats = (struct bh_msg_capture_stats) { 0 };
	for (size_t i = 0; i < BH_MOST_WORKERS; i++) {
		add(&core->capture_stats, &core->workers[i].stats);
		add_copy(&core->capture_stats, &core->workers[i].stats);
	}
}

/* --- one that hangs --------------------------------------------------------------------------- */

/* Core's own ticks are counted, and no clock is asked: a core that was stopped, or a host that
 * slept, has not ticked, and reads what came meanwhile before it ticks again. */
static bool hangs(const struct bh_core_worker *worker)
{
	return worker->channel != NULL && worker->quiet >= QUIET_MOST;
}

static void hear(struct bh_core_worker *worker)
{
	if (hangs(worker)) {
		worker->core->sight_lost = bh_time_now();
		bh_core_event(worker->core, "capture", "%s speaks again",
			      one_of(&worker->core->capture_state));
	}
	worker->heard = bh_time_now();
	worker->quiet = 0;
}

void bh_core_capture_tick(struct bh_core *core)
{
	for (size_t i = 0; i < BH_MOST_WORKERS; i++) {
		struct bh_core_worker *worker = &core->workers[i];
		char since[BH_TIME_TEXT];

		if (worker->channel == NULL || hangs(worker) || ++worker->quiet < QUIET_MOST)
			continue;
		bh_core_lost(core, BH_LOSS_CAPTURE, 1);
		bh_core_event(core, "capture",
			      "%s has said nothing since %s: what passes is not seen until it does",
			      one_of(&core->capture_state), bh_time_format(worker->heard, since));
	}
}

size_t bh_core_capture_hangs(const struct bh_core *core, int64_t *since)
{
	size_t count = 0;

	*since = 0;
	for (size_t i = 0; i < BH_MOST_WORKERS; i++) {
		const struct bh_core_worker *worker = &core->workers[i];

		if (!hangs(worker))
			continue;
		count++;
		if (*since == 0 || worker->heard < *since)
			*since = worker->heard;
	}
	return count;
}

/* --- messages --------------------------------------------------------------------------------- */

static void on_message(void *user, struct bh_channel *channel, const struct bh_message *m)
{
	struct bh_core_worker *worker = user;
	struct bh_core *core = worker->core;

	(void)channel;
	if (m->fd >= 0)
		close(m->fd);
	hear(worker);
	if (m->type == BH_MSG_FLOWS)
		bh_core_flows(core, m->data, m->length / sizeof(struct bh_flow));
	else if (m->type == BH_MSG_NAMES)
		bh_core_names(core, m->data, m->length / sizeof(struct bh_named));
	else if (m->type == BH_MSG_CLAIMS)
		bh_core_claims(core, m->data, m->length / sizeof(struct bh_claim));
	else if (m->type == BH_MSG_NEIGHBOURS)
		bh_core_neighbours(core, m->data, m->length / sizeof(struct bh_msg_neighbour));
	else if (m->type == BH_MSG_DENIAL)
		bh_core_denial(core, m->data);
	else if (m->type == BH_MSG_CAPTURE_STATS)
		take_stats(worker, m->data);
	else
		bh_log(BH_LOG_WARNING, "capture sent %s; ignored", bh_message_name(m->type));
}

static uint32_t number_of(const struct bh_core_worker *worker)
{
	return (uint32_t)(worker - worker->core->workers);
}

/* A capture process that died is followed by another within a second. If none comes, one that broke
 * the protocol still runs, and nobody hears it. */
static void on_missing(uv_timer_t *timer)
{
	struct bh_core_worker *worker = timer->data;
	uint32_t number = number_of(worker);

	if (worker->core->kernel != NULL)
		bh_channel_send(worker->core->kernel, BH_MSG_CAPTURE_LOST, &number, sizeof(number),
				NULL, 0, -1);
}

static void on_closed(void *user, struct bh_channel *channel, const char *why)
{
	struct bh_core_worker *worker = user;
	struct bh_core *core = worker->core;

	bh_log(BH_LOG_INFO, "channel to capture: %s", why);
	bh_channel_free(channel);
	if (worker->channel != channel)
		return;
	worker->channel = NULL;
	uv_timer_start(&worker->missing, on_missing, MISSING_MS, MISSING_MS);
	bh_core_flows_orphaned(core, number_of(worker));
	/* Their last words are heard: this process may end too. */
	if (core->kernel == NULL && !bh_core_hears_capture(core))
		bh_core_stop(core, 0);
}

void bh_core_capture_init(struct bh_core *core)
{
	for (size_t i = 0; i < BH_MOST_WORKERS; i++) {
		core->workers[i].core = core;
		uv_timer_init(&core->loop, &core->workers[i].missing);
		core->workers[i].missing.data = &core->workers[i];
	}
}

bool bh_core_hears_capture(const struct bh_core *core)
{
	for (size_t i = 0; i < BH_MOST_WORKERS; i++)
		if (core->workers[i].channel != NULL)
			return true;
	return false;
}

void bh_core_meet_capture(struct bh_core *core, uint32_t number, int fd)
{
	struct bh_core_worker *worker = &core->workers[number];
	struct bh_channel_handlers handlers = { worker, on_message, on_closed };

	if (fd < 0)
		return;
	if (worker->channel != NULL) {
		bh_channel_free(worker->channel);
		bh_core_flows_orphaned(core, number);
	}
	uv_timer_stop(&worker->missing);
	worker->channel = bh_channel_new(&core->loop, fd, &handlers, QUEUE_LIMIT);
	worker->heard = bh_time_now();
	worker->quiet = 0;
}
