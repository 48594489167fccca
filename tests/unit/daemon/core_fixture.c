/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_fixture.h"

#include "core_existing.h"
#include "core_metrics.h"
#include "core_promotion.h"
#include "core_share.h"
#include "core_traffic.h"
#include "core_trial.h"
#include "core_uses.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "grow.h"

struct bh_core *core_fixture_new(int64_t keep_departed)
{
	struct bh_core *core = bh_calloc(1, sizeof(*core));
	struct bh_model_config model = { .keep_departed = keep_departed,
					 .renamed = bh_core_renamed,
					 .user = core };
	struct bh_ledger_config ledger = { .window = 86400 * BH_SECOND, .max_edges = 100 };
	struct bh_error err = { 0 };

	bh_config_defaults(&core->config);
	core->model = bh_model_new(&model);
	core->ledger = bh_ledger_new(&ledger);
	core->called = bh_called_new(ledger.max_edges);
	core->samples = bh_sample_clock_new(ledger.max_edges);
	bh_core_learning_start(core);
	bh_core_promotion_start(core);
	core->store = bh_store_open(":memory:", &err);
	if (core->store == NULL)
		abort();
	STAILQ_INIT(&core->finished);
	TAILQ_INIT(&core->unnamed);
	core->names = bh_names_new(10, 100);
	bh_core_answers_start(core);
	core->flows = bh_live_flows_new();
	core->traffic = bh_traffic_new();
	core->metrics = bh_core_metrics_new();
	core->peers = bh_peers_new();
	core->denials = bh_map_new(free);
	core->reported = bh_map_new(free);
	core->listeners = bh_map_new(free);
	bh_core_tracking_start(core);
	core->proxies = bh_proxies_new();
	core->spoofs = bh_map_new(free);
	core->senders = bh_map_new(free);
	core->neighbourhood = bh_neighbourhood_new();
	core->modes = bh_map_new(free);
	core->renamed = bh_map_new(free);
	core->remembered = bh_map_new(free);
	core->kept = bh_map_new(bh_core_kept_free);
	core->uses = bh_rule_uses_new();
	core->shares = bh_shares_new();
	core->force = bh_force_new();
	bh_core_existing_start(core);
	core->held = bh_map_new(free);
	core->windows = bh_windows_new(BH_SECOND);
	core->leaks = bh_edge_notes_new();
	core->attempts = bh_map_new(NULL);
	core->proofs = bh_map_new(free);
	core->undelivered = bh_edge_notes_new();
	return core;
}

void core_fixture_free(struct bh_core *core)
{
	struct bh_map *maps[] = { core->denials, core->reported,    core->listeners,
				  core->spoofs,	 core->senders,	    core->modes,
				  core->kept,	 core->leaks,	    core->attempts,
				  core->proofs,	 core->undelivered, core->joins,
				  core->renamed, core->remembered,  core->held,
				  core->present, core->treatments };
	struct bh_live_flow *next;

	for (struct bh_live_flow *live = core->oldest; live != NULL; live = next) {
		next = live->newer;
		bh_core_count_leave(core, live);
		bh_core_tracking_drop(core, live);
		bh_core_proxy_leave(core, live);
		bh_name_release(live->dns);
		bh_core_answer_leave(live);
		free(live->sni);
	}
	bh_traffic_free(core->traffic);
	bh_core_metrics_free(core->metrics);
	bh_live_flows_free(core->flows);
	bh_rule_uses_free(core->uses);
	bh_shares_free(core->shares);
	bh_peers_free(core->peers);
	bh_force_retire(core->force, core->policy);
	bh_core_trial_free(core);
	bh_force_free(core->force);
	bh_core_existing_free(core);
	bh_windows_free(core->windows);
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		bh_map_free(maps[i]);
	bh_counts_free(core->counts);
	bh_proxies_free(core->proxies);
	bh_store_close(core->store);
	bh_names_free(core->names);
	bh_core_answers_free(core);
	bh_neighbourhood_free(core->neighbourhood);
	bh_ledger_free(core->ledger);
	bh_called_free(core->called);
	bh_sample_clock_free(core->samples);
	bh_model_free(core->model);
	free(core);
}

struct bh_core *core_fixture_with_rules(int64_t keep_departed)
{
	struct bh_core *core = core_fixture_new(keep_departed);

	uv_loop_init(&core->loop);
	uv_timer_init(&core->loop, &core->rules_timer);
	core->rules_timer.data = core;
	return core;
}

void core_fixture_free_with_rules(struct bh_core *core)
{
	uv_close((uv_handle_t *)&core->rules_timer, NULL);
	uv_run(&core->loop, UV_RUN_DEFAULT);
	uv_loop_close(&core->loop);
	core_fixture_free(core);
}

struct bh_addr core_fixture_addr(const char *text)
{
	struct bh_addr a;

	if (!bh_addr_parse(text, &a))
		abort();
	return a;
}

struct bh_flow_key core_fixture_tuple(const char *src, uint16_t sport, const char *dst,
				      uint16_t dport)
{
	return (struct bh_flow_key) { core_fixture_addr(src), core_fixture_addr(dst), sport, dport,
				      IPPROTO_TCP };
}

void core_fixture_endpoint(struct bh_core *core, uint32_t ifindex, const char *name,
			   const char *address)
{
	struct bh_endpoint_fact fact;

	memset(&fact, 0, sizeof(fact));
	fact.ifindex = ifindex;
	fact.netns_inode = ifindex;
	fact.master_ifindex = 100;
	fact.addr_count = 1;
	fact.addrs[0] = core_fixture_addr(address);
	fact.since = CORE_FIXTURE_NOW - BH_SECOND;
	bh_copy_text(fact.ifname, sizeof(fact.ifname), name);
	snprintf(fact.netns_name, sizeof(fact.netns_name), "/run/netns/%s", name);
	bh_model_endpoint(core->model, &fact, CORE_FIXTURE_NOW - BH_SECOND);
}

void core_fixture_host_addr(struct bh_core *core, uint32_t ifindex, const char *address)
{
	struct bh_host_addr fact = { .ifindex = ifindex,
				     .addr = core_fixture_addr(address),
				     .prefix_length = 24 };

	bh_model_host_addr(core->model, &fact);
}

void core_fixture_world(struct bh_core *core)
{
	core_fixture_endpoint(core, 7, "web", "10.0.1.2");
	core_fixture_endpoint(core, 8, "db", "10.0.2.3");
	core_fixture_host_addr(core, 100, "10.0.2.1");
	core_fixture_host_addr(core, 1, "192.0.2.1");
}

void core_fixture_publish(struct bh_core *core, const char *netns, uint16_t port,
			  uint16_t host_port)
{
	struct bh_published published = { .proto = IPPROTO_TCP,
					  .port = port,
					  .host_port = host_port };
	struct bh_container *c = bh_container_new();

	memset(c->id, 'a', 64);
	bh_copy_text(c->name, sizeof(c->name), "db");
	bh_copy_text(c->netns_path, sizeof(c->netns_path), netns);
	bh_container_publish(c, &published);
	bh_model_container(core->model, c, CORE_FIXTURE_NOW);
	bh_container_free(c);
}

struct counter {
	const char *text;
	size_t count;
};

static void count_event(void *user, int64_t number, const char *json)
{
	struct counter *counter = user;

	(void)number;
	counter->count += strstr(json, counter->text) != NULL;
}

size_t core_fixture_events(const struct bh_core *core, const char *kind)
{
	char member[64];

	snprintf(member, sizeof(member), "\"kind\":\"%s\"", kind);
	return core_fixture_told(core, member);
}

size_t core_fixture_told(const struct bh_core *core, const char *text)
{
	struct counter counter = { .text = text };
	struct bh_error err = { 0 };

	if (bh_store_events(core->store, -1, 100000, count_event, &counter, &err) != 0)
		abort();
	return counter.count;
}
