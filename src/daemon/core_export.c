/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_export.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "core_export_ipfix.h"
#include "core_export_log.h"
#include "core_export_otlp.h"
#include "grow.h"
#include "record.h"
#include "timefmt.h"

#define SETTLE (5 * BH_SECOND) /* after its end, for what comes late */
#define MOST_TRIES 4	       /* so often that long, where it is still being asked about */
#define MOST_AT_ONCE 20000     /* flows in a second; beyond the rest waits for the next */
#define END_MS 1000	       /* for what is on its way when core ends */

/* A flow of which a record is to be made. */
struct bh_exporting {
	struct bh_live_flow *live;
	TAILQ_ENTRY(bh_exporting) next;
	int64_t due;	  /* monotonic */
	int64_t ended_at; /* µs; 0: it goes on */
	unsigned tries;
	bool begun; /* it had a record; what that told: */
	int64_t last;
	struct bh_flow_key key;
	struct bh_export_half tx, rx; /* in sum */
};

TAILQ_HEAD(exporting, bh_exporting);

struct bh_exports {
	/* Within each all wait equally long: the first is due first. */
	struct exporting going;
	struct exporting ended;
	struct bh_ipfix_exporter *ipfix;
	struct bh_log_exporter *logs;	 /* NULL: there are none */
	struct bh_otlp_metrics *metrics; /* likewise */
	struct bh_curl_loop *loop;	 /* NULL: nothing is sent over HTTP */
	uv_timer_t end;
};

/* --- records ---------------------------------------------------------------------------------- */

static const char *or_nothing(const char *text)
{
	return text != NULL ? text : "";
}

static const char *container_at(const struct bh_core *core, uint32_t ifindex, int64_t time)
{
	const struct bh_instance *instance =
		ifindex != 0 ? bh_model_at(core->model, ifindex, time) : NULL;

	return instance != NULL ? instance->fact.container_id : "";
}

static bool has_close(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_SCTP || proto == IPPROTO_DCCP;
}

/* Capture does not say why it ended a flow; how long that had been silent tells most of it. */
static enum bh_export_reason reason_of(const struct bh_core *core, const struct bh_exporting *e)
{
	const struct bh_flow *flow = &e->live->flow;
	bool over = flow->state == BH_FLOW_CLOSED || flow->state == BH_FLOW_REFUSED;
	int64_t silence = e->ended_at - flow->last;

	if (e->ended_at == 0)
		return core->stopping ? BH_EXPORT_FORCED : BH_EXPORT_GOES_ON;
	if (over && has_close(flow->key.proto))
		return silence >= core->config.tcp_idle_timeout ? BH_EXPORT_IDLE : BH_EXPORT_CLOSED;
	if (silence >= core->config.idle_timeout)
		return BH_EXPORT_IDLE;
	if (core->kernel == NULL || core->stopping || flow->lossy)
		return BH_EXPORT_FORCED;
	/* Else a new connection took its ports. */
	return core->losses.totals[BH_LOSS_EVICTIONS] > 0 ? BH_EXPORT_NO_ROOM : BH_EXPORT_CLOSED;
}

static struct bh_tally grown(const struct bh_tally *now, const struct bh_tally *before)
{
	return (struct bh_tally) {
		.packets = now->packets > before->packets ? now->packets - before->packets : 0,
		.bytes = now->bytes > before->bytes ? now->bytes - before->bytes : 0
	};
}

static struct bh_export_half half_grown(const struct bh_export_half *now,
					const struct bh_export_half *before)
{
	return (struct bh_export_half) { .counted = grown(&now->counted, &before->counted),
					 .delivered = grown(&now->delivered, &before->delivered),
					 .delivered_known = now->delivered_known };
}

static struct bh_export_half half_told(const struct bh_flow_told *told)
{
	return (struct bh_export_half) { .counted = told->counted,
					 .delivered = told->delivered,
					 .delivered_known = told->delivered_known };
}

/* What is known of it by now, in sum. False: nobody counted it. */
static bool sums_of(const struct bh_flow_view *view, struct bh_export_half *tx,
		    struct bh_export_half *rx)
{
	struct bh_flow_told told[2];

	*tx = *rx = (struct bh_export_half) { 0 };
	if (!view->names.uncounted) {
		bh_flow_tell(&view->flow, view->names.verdict, told);
		*tx = half_told(&told[0]);
		*rx = half_told(&told[1]);
		return true;
	}
	if (view->names.tracked != NULL) {
		tx->counted = view->names.tracked[0];
		rx->counted = view->names.tracked[1];
	}
	return view->names.tracked != NULL;
}

/* Who opened it may have become known since the record before. */
static void turn_told(struct bh_exporting *e, const struct bh_flow_key *key)
{
	struct bh_flow_key turned = bh_flow_key_turned(key);
	struct bh_export_half half = e->tx;

	if (!e->begun || !bh_flow_key_equal(&e->key, &turned) || bh_flow_key_equal(&e->key, key))
		return;
	e->tx = e->rx;
	e->rx = half;
}

#define VIA_TEXT (BH_ADDR_TEXT + 16)

static const char *via_text(const struct bh_flow_key *via, char out[VIA_TEXT])
{
	char address[BH_ADDR_TEXT];

	out[0] = '\0';
	if (via != NULL)
		snprintf(out, VIA_TEXT, via->dst.family == BH_IPV6 ? "[%s]:%u" : "%s:%u",
			 bh_addr_format(&via->dst, address), via->dport);
	return out;
}

/* One record of it: what it grew since the one before. */
static void export(struct bh_core *core, struct bh_exporting *e)
{
	struct bh_export_half tx, rx;
	struct bh_flow_view view;
	char via[VIA_TEXT];

	if (core->config.exports.ipfix.collector_count == 0)
		return;
	bh_core_flow_view(core, e->live, &view);
	const struct bh_flow *flow = &view.flow;
	const struct bh_flow_names *names = &view.names;
	bool counted = sums_of(&view, &tx, &rx);
	turn_told(e, &flow->key);
	struct bh_export_flow record = {
		.id = flow->id,
		.key = flow->key,
		.first = e->begun ? e->last : flow->first,
		.last = flow->last,
		.src_ifindex = flow->src_ifindex,
		.dst_ifindex = bh_core_proxied_end(e->live)->flow.dst_ifindex,
		.counted = counted,
		.tx = half_grown(&tx, &e->tx),
		.rx = half_grown(&rx, &e->rx),
		.begins = !e->begun,
		.reason = (uint8_t)reason_of(core, e),
		.verdict = names->verdict,
		.verdict_back = names->verdict_back,
		.initiator_known = flow->direction != BH_DIRECTION_UNKNOWN,
		.lossy = flow->lossy || names->lossy,
		.src_workload = or_nothing(names->src_workload),
		.dst_workload = or_nothing(names->dst_workload),
		.src_container = container_at(core, flow->src_ifindex, flow->first),
		.verdict_word = bh_flow_verdict_name(names->verdict),
		.verdict_back_word = bh_flow_verdict_name(names->verdict_back),
		.direction = bh_direction_name(flow->direction),
		.state = bh_flow_state_name(flow->state),
		.dns = or_nothing(names->dns),
		.sni = or_nothing(names->sni),
		.tunnel = flow->tunnel,
		.via = via_text(names->via, via),
	};
	record.dst_container = container_at(core, record.dst_ifindex, flow->first);
	bh_ipfix_exporter_add(core->exports->ipfix, &record);
	e->begun = true;
	e->key = flow->key;
	e->last = flow->last;
	if (counted) {
		e->tx = tx;
		e->rx = rx;
	}
}

/* --- whose turn it is ------------------------------------------------------------------------- */

static void wait(struct exporting *queue, struct bh_exporting *e, int64_t how_long)
{
	e->due = bh_time_monotonic() + how_long;
	TAILQ_INSERT_TAIL(queue, e, next);
}

static struct exporting *queue_of(struct bh_exports *exports, const struct bh_exporting *e)
{
	return e->ended_at != 0 ? &exports->ended : &exports->going;
}

static struct bh_exporting *begin(struct bh_core *core, struct bh_live_flow *live)
{
	struct bh_exporting *e = bh_calloc(1, sizeof(*e));

	e->live = live;
	live->exporting = e;
	wait(&core->exports->going, e, core->config.exports.active_timeout);
	return e;
}

static void finish(struct bh_exports *exports, struct bh_exporting *e)
{
	TAILQ_REMOVE(queue_of(exports, e), e, next);
	e->live->exporting = NULL;
	e->live->exported = true;
	free(e);
}

void bh_core_export_note(struct bh_core *core, struct bh_live_flow *live)
{
	struct bh_exports *exports = core->exports;

	if (exports == NULL)
		return;
	if (bh_core_flow_is_hidden(live))
		live = bh_core_joined_shown(live);
	if (live == NULL || live->exported)
		return;
	struct bh_exporting *e = live->exporting != NULL ? live->exporting : begin(core, live);
	if (!live->flow.final || e->ended_at != 0)
		return;
	TAILQ_REMOVE(&exports->going, e, next);
	e->ended_at = bh_time_now();
	wait(&exports->ended, e, SETTLE);
}

/* What another flow shows has nothing of its own. */
static void export_last(struct bh_core *core, struct bh_exporting *e)
{
	if (bh_core_flow_is_shown(e->live)) {
		export(core, e);
		bh_log_exporter_flow(core->exports->logs, e->live);
	}
	finish(core->exports, e);
}

void bh_core_export_leave(struct bh_core *core, struct bh_live_flow *live)
{
	if (live->exporting != NULL)
		export_last(core, live->exporting);
}

static bool has_grown(const struct bh_exporting *e)
{
	return !e->begun || e->live->flow.last != e->last;
}

static void take_going(struct bh_core *core, struct bh_exporting *e)
{
	TAILQ_REMOVE(&core->exports->going, e, next);
	if (has_grown(e) && bh_core_flow_is_shown(e->live))
		export(core, e);
	wait(&core->exports->going, e, core->config.exports.active_timeout);
}

/* It is asked about, or an end has no name; or the other leg of its connection goes on. */
static void take_ended(struct bh_core *core, struct bh_exporting *e)
{
	const struct bh_live_flow *live = e->live;
	bool waits = bh_core_count_waits(core, live) || bh_core_tracking_waits(live) ||
		     live->unnamed || !live->flow.final;

	if (!waits || ++e->tries == MOST_TRIES) {
		export_last(core, e);
		return;
	}
	TAILQ_REMOVE(&core->exports->ended, e, next);
	wait(&core->exports->ended, e, SETTLE);
}

static void take_due(struct bh_core *core, struct exporting *queue, int64_t now,
		     void (*take)(struct bh_core *core, struct bh_exporting *e))
{
	struct bh_exporting *e;

	for (size_t i = 0; i < MOST_AT_ONCE; i++) {
		e = TAILQ_FIRST(queue);
		if (e == NULL || e->due > now)
			return;
		take(core, e);
	}
}

void bh_core_exports_tick(struct bh_core *core, int64_t now)
{
	if (core->exports == NULL)
		return;
	take_due(core, &core->exports->ended, now, take_ended);
	take_due(core, &core->exports->going, now, take_going);
	bh_ipfix_exporter_tick(core->exports->ipfix, now);
	bh_log_exporter_tick(core->exports->logs, now);
	bh_otlp_metrics_tick(core->exports->metrics, now);
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool is_configured(const struct bh_config_exports *c)
{
	return c->ipfix.collector_count > 0 || c->file.path[0] != '\0' ||
	       c->syslog.to.host[0] != '\0' || c->journal.socket[0] != '\0' ||
	       c->webhooks.count > 0 || c->otlp.url[0] != '\0';
}

void bh_core_exports_start(struct bh_core *core)
{
	const struct bh_config_exports *config = &core->config.exports;
	struct bh_exports *exports;

	if (!is_configured(config))
		return;
	exports = core->exports = bh_calloc(1, sizeof(*exports));
	TAILQ_INIT(&exports->going);
	TAILQ_INIT(&exports->ended);
	exports->ipfix = bh_ipfix_exporter_new(core);
	if (config->webhooks.count > 0 || config->otlp.url[0] != '\0')
		exports->loop = bh_curl_loop_new(&core->loop);
	exports->logs = bh_log_exporter_new(core, exports->loop);
	exports->metrics = bh_otlp_metrics_new(core, exports->loop);
}

void bh_core_export_event(struct bh_core *core, const char *kind, int64_t time, const char *line)
{
	if (core->exports != NULL)
		bh_log_exporter_event(core->exports->logs, kind, time, line);
}

static void on_end(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* The loop is run for what is on its way, and not for longer than that takes. */
static void send_rest(struct bh_core *core)
{
	struct bh_exports *exports = core->exports;
	bool over = false;

	uv_timer_init(&core->loop, &exports->end);
	exports->end.data = &over;
	uv_timer_start(&exports->end, on_end, END_MS, 0);
	bh_ipfix_exporter_tick(exports->ipfix, bh_time_monotonic());
	bh_log_exporter_tick(exports->logs, bh_time_monotonic());
	while (!over && !(bh_ipfix_exporter_is_done(exports->ipfix) &&
			  bh_log_exporter_is_done(exports->logs)))
		uv_run(&core->loop, UV_RUN_ONCE);
	bh_ipfix_exporter_last_words(exports->ipfix);
	uv_close((uv_handle_t *)&exports->end, NULL);
	uv_run(&core->loop, UV_RUN_NOWAIT);
}

void bh_core_exports_end(struct bh_core *core)
{
	struct bh_exports *exports = core->exports;
	struct exporting *queues[2];
	struct bh_exporting *e;

	if (exports == NULL)
		return;
	core->stopping = true;
	queues[0] = &exports->ended;
	queues[1] = &exports->going;
	for (size_t i = 0; i < 2; i++)
		while ((e = TAILQ_FIRST(queues[i])) != NULL)
			export_last(core, e);
	send_rest(core);
	bh_ipfix_exporter_free(exports->ipfix);
	bh_log_exporter_free(exports->logs);
	bh_otlp_metrics_free(exports->metrics);
	bh_curl_loop_free(exports->loop);
	uv_run(&core->loop, UV_RUN_NOWAIT);
	free(exports);
	core->exports = NULL;
}

cJSON *bh_core_exports_json(const struct bh_core *core)
{
	cJSON *list = cJSON_CreateArray();

	if (core->exports != NULL) {
		bh_ipfix_exporter_json(core->exports->ipfix, list);
		bh_log_exporter_json(core->exports->logs, list);
		bh_otlp_metrics_json(core->exports->metrics, list);
	}
	return list;
}

void bh_core_exports_say(const struct bh_core *core, cJSON *list)
{
	if (core->exports == NULL)
		return;
	bh_ipfix_exporter_say(core->exports->ipfix, list);
	bh_log_exporter_say(core->exports->logs, list);
	bh_otlp_metrics_say(core->exports->metrics, list);
}
