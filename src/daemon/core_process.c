/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The core process: an ordinary user that thinks. Facts, flows and denials come in over two
 * channels, raw replies of runtimes over one of them; rulesets go out; people ask over the API. Its
 * state directory is all it owns.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "core_existing.h"
#include "core_metrics.h"
#include "core_export.h"
#include "core_promotion.h"
#include "core_share.h"
#include "core_traffic.h"
#include "core_trial.h"
#include "core_uses.h"
#include "grow.h"
#include "log.h"
#include "privileges.h"
#include "process.h"
#include "ruleset.h"
#include "sandbox.h"
#include "timefmt.h"

#define QUEUE_LIMIT (64u << 20)
#define LAST_WORDS_MS 1000
#define NAMES_OF_ONE 1000 /* addresses of an interface's peers */
#define NAMES_OF_ALL 50000
#define SWEEP_INTERVAL (60 * BH_SECOND)
#define REPORT_SLACK (5 * BH_SECOND)

void bh_core_stop(struct bh_core *core, int status)
{
	core->exit_status = status;
	core->stopping = true;
	uv_stop(&core->loop);
}

/* --- the once-a-second work ------------------------------------------------------------------- */

static void on_tick(uv_timer_t *timer)
{
	struct bh_core *core = timer->data;
	int64_t now = bh_time_now();

	if (core->kernel != NULL) /* in its last second nobody asks for it any more */
		bh_core_runtimes_tick(core, now);
	bh_core_tracking_tick(core, bh_time_monotonic());
	bh_core_counts_tick(core, bh_time_monotonic());
	bh_core_proxy_tick(core, bh_time_monotonic());
	bh_core_listeners_tick(core, bh_time_monotonic());
	bh_core_flows_tick(core);
	bh_core_late_tick(core);
	bh_core_denials_tick(core, now);
	bh_core_reported_tick(core, now);
	bh_core_spoofs_tick(core, bh_time_monotonic());
	bh_core_neighbours_tick(core, bh_time_monotonic());
	bh_core_senders_tick(core, now);
	bh_core_capture_tick(core);
	bh_core_loss_tick(core, now);
	bh_force_tick(core->force, now);
	bh_windows_tick(core->windows, now);
	bh_core_hooks_tick(core);
	bh_core_leaks_tick(core, bh_time_monotonic());
	bh_core_undelivered_tick(core, bh_time_monotonic());
	bh_core_proofs_tick(core);
	if (bh_time_monotonic() >= core->sweep_due) {
		core->sweep_due = bh_time_monotonic() + SWEEP_INTERVAL;
		bh_core_flows_sweep(core, now);
	}
	bh_core_kept_tick(core, now);
	bh_core_answers_tick(core, now);
	bh_core_trial_tick(core, bh_time_monotonic());
	bh_core_expiry_tick(core, now);
	bh_core_existing_tick(core);
	bh_core_tampering_tick(core, bh_time_monotonic());
	bh_core_learning_tick(core, now, bh_time_monotonic());
	bh_core_uses_tick(core, now, bh_time_monotonic());
	bh_core_api_tick(core, bh_time_monotonic());
	if (core->scanned)
		bh_core_promotion_tick(core, now, bh_time_monotonic());
	if (core->rules_dirty)
		bh_core_rules_touch(core);
	bh_core_exports_tick(core, bh_time_monotonic());
	bh_core_store_save(core);
}

/* --- messages --------------------------------------------------------------------------------- */

static void report_endpoint(struct bh_core *core, uint32_t ifindex, bool up)
{
	const struct bh_instance *instance = bh_model_at(core->model, ifindex, bh_time_now());

	if (instance != NULL)
		bh_core_event(core, up ? "endpoint-up" : "endpoint-down", "%s (interface %s) %s",
			      instance->name, instance->fact.ifname, up ? "appeared" : "went");
}

static void take_endpoint(struct bh_core *core, const struct bh_endpoint_fact *fact)
{
	bool known = bh_model_at(core->model, fact->ifindex, bh_time_now()) != NULL;

	bh_core_names_keep_to(core, fact);
	bh_model_endpoint(core->model, fact, bh_time_now());
	bh_core_window_fact(core, fact, !known);
	if (!known)
		report_endpoint(core, fact->ifindex, true);
}

static void lose_endpoint(struct bh_core *core, const struct bh_msg_gone *gone)
{
	report_endpoint(core, gone->ifindex, false);
	bh_core_names_gone(core, gone->ifindex);
	bh_core_window_gone(core, gone->ifindex, gone->time);
	bh_core_learning_gone(core, gone->ifindex, gone->time);
	bh_model_endpoint_gone(core->model, gone->ifindex, gone->time);
	bh_core_listeners_gone(core, gone->ifindex);
}

static void start(struct bh_core *core, const struct bh_config *config);

static void end_scan(struct bh_core *core)
{
	bh_model_end_scan(core->model, bh_time_now());
	core->scanned = true;
	if (core->watching_since == 0)
		core->watching_since = bh_time_now();
	bh_core_runtimes_start(core);
}

static void start_api(struct bh_core *core, int fd)
{
	struct bh_error err = { 0 };

	if (fd < 0 || core->api != NULL)
		return;
	if (bh_core_api_start(core, fd, &err) != 0) {
		bh_log(BH_LOG_ERROR, "API: %s", err.text);
		bh_core_stop(core, 2);
		return;
	}
	bh_channel_send(core->kernel, BH_MSG_READY, NULL, 0, NULL, 0, -1);
}

/* Facts for the model. False: not one of them. */
static bool take_fact(struct bh_core *core, const struct bh_message *m)
{
	switch (m->type) {
	case BH_MSG_ENDPOINT:
		bh_core_uplink_gone(core, ((const struct bh_endpoint_fact *)m->data)->ifindex);
		take_endpoint(core, m->data);
		return true;
	case BH_MSG_ENDPOINT_GONE:
		lose_endpoint(core, m->data);
		return true;
	case BH_MSG_HOST_ADDR:
		bh_model_host_addr(core->model, m->data);
		return true;
	case BH_MSG_HOST_ADDR_GONE:
		bh_model_host_addr_gone(core->model, m->data);
		return true;
	case BH_MSG_LINK:
		bh_model_link(core->model, m->data);
		return true;
	case BH_MSG_LINK_GONE:
		bh_model_link_gone(core->model, *(const uint32_t *)m->data);
		return true;
	case BH_MSG_NETNS:
		bh_model_netns(core->model, m->data);
		return true;
	case BH_MSG_NETNS_GONE:
		bh_model_netns_gone(core->model, *(const uint64_t *)m->data);
		return true;
	case BH_MSG_UPLINK:
		bh_core_uplink(core, m->data);
		return true;
	case BH_MSG_UPLINK_GONE:
		bh_core_uplink_gone(core, *(const uint32_t *)m->data);
		return true;
	case BH_MSG_SCAN_BEGIN:
		bh_core_uplinks_forget(core);
		bh_model_begin_scan(core->model);
		return true;
	case BH_MSG_SCAN_END:
		end_scan(core);
		return true;
	}
	return false;
}

static void take_report(struct bh_core *core, const struct bh_message *m)
{
	switch (m->type) {
	case BH_MSG_PEER:
		bh_core_meet_capture(core, *(const uint32_t *)m->data, m->fd);
		break;
	case BH_MSG_WEB_SOCKET:
		bh_core_api_take(core, *(const uint32_t *)m->data, m->fd);
		break;
	case BH_MSG_API_SOCKET:
		start_api(core, m->fd);
		break;
	case BH_MSG_LOSS:
		bh_core_loss_take(core, m->data);
		break;
	case BH_MSG_CAPTURE_STATE:
		bh_core_capture_state(core, m->data);
		break;
	case BH_MSG_LISTENERS:
		bh_core_listeners(core, m->data);
		break;
	case BH_MSG_TRACKED:
		bh_core_tracked(core, m->data, m->length / sizeof(struct bh_msg_tracked));
		break;
	case BH_MSG_ACCOUNTING:
		core->accounting = *(const struct bh_msg_accounting *)m->data;
		core->accounting_known = true;
		break;
	case BH_MSG_RUNTIME_DATA:
		bh_core_runtime_data(core, m);
		break;
	case BH_MSG_RUNTIME_END:
		bh_core_runtime_end(core, m->data);
		break;
	case BH_MSG_FOREIGN:
		bh_core_foreign(core, m->data);
		break;
	case BH_MSG_PROOF:
		bh_core_proof(core, m->data);
		break;
	case BH_MSG_PROBING:
		bh_core_probing(core, m->data);
		break;
	case BH_MSG_ENTRIES:
		bh_core_entries(core, m->data, m->length / sizeof(struct bh_tracked));
		break;
	case BH_MSG_ENTRIES_END:
		bh_core_entries_end(core, m->data);
		break;
	case BH_MSG_CUT_OF:
		bh_core_cut_of(core, m->data, m->length / sizeof(struct bh_cut));
		break;
	case BH_MSG_HOOKED:
		bh_core_hooked(core, m->data);
		break;
	case BH_MSG_GIVEN_UP:
		bh_core_hook_gave_up(core, m->data);
		break;
	case BH_MSG_USES:
		bh_core_uses_take(core, m->data, m->length / sizeof(struct bh_use));
		break;
	case BH_MSG_USES_END:
		bh_core_uses_end(core, *(const int32_t *)m->data);
		break;
	case BH_MSG_RULES_RESULT:
		bh_core_rules_result(core, m->data);
		break;
	case BH_MSG_TAMPERING:
		bh_core_tampering(core, m->data);
		break;
	case BH_MSG_TRACE:
		bh_core_trace_step(core, m->data);
		break;
	case BH_MSG_TRACE_RULE:
		bh_core_trace_rule(core, m->data);
		break;
	case BH_MSG_TRACE_END:
		bh_core_trace_end(core, m->data);
		break;
	case BH_MSG_TABLES_STATE:
		bh_core_tables_state(core, m->data);
		break;
	default:
		bh_log(BH_LOG_WARNING, "kernel sent %s; ignored", bh_message_name(m->type));
	}
}

static void on_kernel_message(void *user, struct bh_channel *channel, const struct bh_message *m)
{
	struct bh_core *core = user;

	(void)channel;
	if (core->stopping) {
		if (m->fd >= 0)
			close(m->fd);
		return;
	}
	if (m->type == BH_MSG_CONFIG) {
		start(core, m->data);
		return;
	}
	if (core->model == NULL) {
		bh_log(BH_LOG_ERROR, "kernel sent %s before the configuration",
		       bh_message_name(m->type));
		return;
	}
	if (!take_fact(core, m))
		take_report(core, m);
	if (bh_model_generation(core->model) != core->compiled_generation) {
		bh_core_answers_look(core);
		bh_core_window_look(core);
		bh_core_rules_touch(core);
	}
}

static void on_last_words_over(uv_timer_t *timer)
{
	bh_core_stop(timer->data, 0);
}

/* The parent is gone or wants us gone. capture was told the same and still sends what it has. */
static void on_kernel_closed(void *user, struct bh_channel *channel, const char *why)
{
	struct bh_core *core = user;

	(void)why;
	bh_channel_free(channel);
	core->kernel = NULL;
	bh_core_counts_end(core);
	if (!bh_core_hears_capture(core) || core->model == NULL)
		bh_core_stop(core, 0);
	else
		uv_timer_start(&core->stop_timer, on_last_words_over, LAST_WORDS_MS, 0);
}

/* --- start ------------------------------------------------------------------------------------ */

static void restore_called(void *user, const char *src, const char *dst, const char *names)
{
	bh_called_restore(((struct bh_core *)user)->called, src, dst, names);
}

static void note_last_event(void *user, int64_t number, const char *json)
{
	(void)json;
	((struct bh_core *)user)->last_event = number;
}

static int open_state(struct bh_core *core, struct bh_error *err)
{
	char path[BH_CONFIG_TEXT + 16];

	snprintf(path, sizeof(path), "%s/bulkhead.db", core->config.state_directory);
	core->store = bh_store_open(path, err);
	if (core->store == NULL)
		return err->code;
	int result = bh_store_load_ledger(core->store, core->ledger, err);
	bh_core_promotion_load(core);
	if (result == 0)
		result = bh_store_load_called(core->store, restore_called, core, err);
	if (result == 0)
		result = bh_core_samples_load(core, err);
	if (result == 0)
		result = bh_store_events(core->store, -1, 1, note_last_event, core, err);
	if (result == 0)
		result = bh_core_rules_load(core, err);
	if (result == 0)
		result = bh_core_uses_load(core, err);
	if (result == 0)
		result = bh_core_trial_load(core, err);
	if (result == 0)
		result = bh_core_existing_load(core, err);
	if (result == 0)
		result = bh_core_renamed_load(core, err);
	if (result == 0)
		result = bh_core_kept_load(core, err);
	if (result == 0)
		result = bh_core_answers_load(core, err);
	if (result == 0)
		result = bh_core_history_load(core, err);
	if (result == 0)
		result = bh_core_recall(core, err);
	if (result == 0)
		result = bh_core_tokens_load(core, err);
	return result;
}

static void start(struct bh_core *core, const struct bh_config *config)
{
	struct bh_error err = { 0 };

	if (core->model != NULL)
		return;
	core->config = *config;
	bh_log_open("core", (enum bh_log_level)config->log_level);
	struct bh_model_config model = { .netns_ordinals = config->netns_ordinals,
					 .keep_departed = config->keep_departed,
					 .grouping = &core->config.grouping,
					 .renamed = bh_core_renamed,
					 .leads_out = bh_core_leads_out,
					 .user = core };
	struct bh_ledger_config ledger = { .window = config->window,
					   .offset = config->window_offset,
					   .max_edges = (size_t)config->max_edges,
					   .max_attempts = (size_t)config->max_edges / 10,
					   .max_opposed = (size_t)config->max_edges / 10,
					   .max_contacts = (size_t)config->max_edges,
					   .watched = true,
					   .saved = true };
	core->model = bh_model_new(&model);
	core->ledger = bh_ledger_new(&ledger);
	core->called = bh_called_new(ledger.max_edges);
	core->samples = bh_sample_clock_new(ledger.max_edges);
	bh_core_learning_start(core);
	bh_core_promotion_start(core);
	STAILQ_INIT(&core->finished);
	TAILQ_INIT(&core->unnamed);
	core->names = bh_names_new(NAMES_OF_ONE, NAMES_OF_ALL);
	bh_core_answers_start(core);
	core->flows = bh_live_flows_new();
	core->traffic = bh_traffic_new();
	core->metrics = bh_core_metrics_new();
	core->peers = bh_peers_new();
	core->denials = bh_map_new(free);
	core->reported = bh_map_new(free);
	core->listeners = bh_map_new(free);
	bh_core_pods_start(core);
	bh_core_tracking_start(core);
	if (config->mode == BH_CAPTURE_CONTROL)
		core->counts = bh_counts_new();
	core->proxies = bh_proxies_new();
	core->spoofs = bh_map_new(free);
	core->senders = bh_map_new(free);
	core->neighbourhood = bh_neighbourhood_new();
	core->modes = bh_map_new(free);
	core->kept = bh_map_new(bh_core_kept_free);
	core->uses = bh_rule_uses_new();
	core->shares = bh_shares_new();
	core->remembered = bh_map_new(free);
	core->uplinks = bh_map_new(free);
	core->renamed = bh_map_new(free);
	core->force = bh_force_new();
	bh_core_existing_start(core);
	core->held = bh_map_new(free);
	core->windows = bh_windows_new(config->report_interval + REPORT_SLACK);
	core->leaks = bh_edge_notes_new();
	core->attempts = bh_map_new(NULL);
	core->undelivered = bh_edge_notes_new();
	core->proofs = bh_map_new(free);
	bh_core_exports_start(core);
	if (open_state(core, &err) != 0) {
		bh_log(BH_LOG_ERROR, "%s", err.text);
		bh_core_stop(core, 2);
		return;
	}
	uv_timer_start(&core->tick, on_tick, 1000, 1000);
}

int bh_core_main(void)
{
	struct bh_core *core = bh_calloc(1, sizeof(*core));
	struct bh_channel_handlers handlers = { core, on_kernel_message, on_kernel_closed };
	uv_timer_t *timers[] = { &core->rules_timer, &core->tick, &core->stop_timer };
	struct bh_error err = { 0 };

	signal(SIGINT, SIG_IGN); /* the terminal's Ctrl-C is the parent's to handle */
	signal(SIGPIPE, SIG_IGN);
	bh_log_open("core", BH_LOG_INFO);
	umask(0077); /* the store is nobody else's, whatever its folder allows */
	if (bh_privileges_check_none(&err) != 0 || bh_sandbox_child(BH_CHILD_FD, &err) != 0 ||
	    bh_sandbox_alone(&err) != 0) {
		bh_log(BH_LOG_ERROR, "%s", err.text);
		return 2;
	}
	core->started = bh_time_now();
	uv_loop_init(&core->loop);
	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		uv_timer_init(&core->loop, timers[i]);
		timers[i]->data = core;
	}
	bh_core_capture_init(core);
	core->kernel = bh_channel_new(&core->loop, BH_CHILD_FD, &handlers, QUEUE_LIMIT);
	uv_run(&core->loop, UV_RUN_DEFAULT);
	if (core->store != NULL) {
		bh_core_loss_tick(core, INT64_MAX);
		bh_core_traffic_save_all(core);
		bh_core_exports_end(core);
		core->history_due = 0; /* that it watched until now is to be known */
		bh_core_store_save(core);
	}
	bh_store_close(core->store);
	return core->exit_status;
}
