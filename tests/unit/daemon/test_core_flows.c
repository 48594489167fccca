/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core makes of flow reports that are late, lost or false. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "address.h"
#include "core_fixture.h"
#include "grow.h"
#include "timefmt.h"

#define NOW (INT64_C(1700000000) * BH_SECOND)

static int make_core(void **state)
{
	*state = core_fixture_new(BH_SECOND);
	return 0;
}

static int free_core(void **state)
{
	core_fixture_free(*state);
	return 0;
}

static struct bh_flow make_flow(uint64_t id, uint8_t proto, uint16_t sport)
{
	struct bh_flow flow;

	memset(&flow, 0, sizeof(flow));
	flow.id = id;
	flow.key.proto = proto;
	flow.key.sport = sport;
	flow.key.dport = 80;
	bh_addr_parse("10.0.0.1", &flow.key.src);
	bh_addr_parse("10.0.0.2", &flow.key.dst);
	flow.first = flow.last = NOW;
	return flow;
}

static const struct bh_live_flow *find(const struct bh_core *core, const struct bh_flow_key *key)
{
	return bh_live_flows_newest(core->flows, key).there;
}

/* A capture process that lies must not leave a tuple that points at a flow which is gone. */
static void a_flow_keeps_its_tuple(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = make_flow(1, IPPROTO_TCP, 1000),
		       other = make_flow(1, IPPROTO_TCP, 2000);

	bh_core_flows(core, &flow, 1);
	other.final = true;
	bh_core_flows(core, &other, 1);
	assert_null(find(core, &other.key));
	assert_non_null(find(core, &flow.key));
	assert_false(find(core, &flow.key)->flow.final);

	/* As many finished flows as it takes for the oldest to go. */
	flow.final = true;
	bh_core_flows(core, &flow, 1);
	for (uint64_t id = 2; id < 20100; id++) {
		struct bh_flow filler = make_flow(id, IPPROTO_UDP, (uint16_t)id);

		filler.final = true;
		bh_core_flows(core, &filler, 1);
	}
	assert_null(find(core, &flow.key));
	assert_null(find(core, &other.key));
}

/* The last report of a flow may have found no room; memory must not grow by it for ever. */
static void flows_that_are_heard_of_no_more_end(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow udp = make_flow(1, IPPROTO_UDP, 1000), tcp = make_flow(2, IPPROTO_TCP, 1000);
	int64_t later = NOW + core->config.idle_timeout + 120 * BH_SECOND;

	bh_core_flows(core, &udp, 1);
	bh_core_flows(core, &tcp, 1);
	bh_core_flows_sweep(core, NOW + core->config.idle_timeout);
	assert_int_equal(bh_live_flows_open(core->flows), 2);
	bh_core_flows_sweep(core, later);
	assert_int_equal(bh_live_flows_open(core->flows), 1);
	assert_true(find(core, &udp.key)->flow.final);
	assert_true(find(core, &udp.key)->flow.lossy);
	assert_false(find(core, &tcp.key)->flow.final);
	bh_core_flows_sweep(core, later + core->config.tcp_idle_timeout);
	assert_int_equal(bh_live_flows_open(core->flows), 0);
	assert_int_equal(core->finished_count, 2);
}

/* The same tuple inside a tunnel is another network's. */
static void what_a_tunnel_carries_is_shown_and_nothing_else(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow plain = make_flow(1, IPPROTO_TCP, 1000),
		       carried = make_flow(2, IPPROTO_TCP, 1000);

	strcpy(carried.tunnel, "vxlan:42");
	carried.direction = BH_DIRECTION_SYN;
	carried.answered = true;
	carried.state = BH_FLOW_ESTABLISHED;
	bh_core_flows(core, &plain, 1);
	bh_core_flows(core, &carried, 1);
	const struct bh_live_flow *shown = core->newest;
	assert_string_equal(shown->flow.tunnel, "vxlan:42");
	assert_null(bh_core_peer_workload(shown->src));
	assert_false(bh_core_flow_is_judged(shown));
	assert_true(bh_core_flow_is_judged(core->oldest));
	assert_ptr_equal(find(core, &plain.key), core->oldest);
	assert_int_equal(bh_ledger_count(core->ledger, BH_EDGES), 0);
}

/* Whoever sends under a thousand names is reported, and does not bury the other events. */
static void a_flood_of_false_senders_is_summed_up(void **state)
{
	struct bh_core *core = *state;
	struct bh_endpoint_fact fact;

	memset(&fact, 0, sizeof(fact));
	fact.ifindex = 5;
	bh_copy_text(fact.ifname, sizeof(fact.ifname), "veth5");
	bh_copy_text(fact.netns_name, sizeof(fact.netns_name), "intruder");
	fact.netns_inode = 77;
	fact.addr_count = 1;
	bh_addr_parse("10.0.0.1", &fact.addrs[0]);
	fact.since = NOW - BH_SECOND;
	bh_model_endpoint(core->model, &fact, NOW - BH_SECOND);
	for (uint64_t id = 1; id <= 1000; id++) {
		struct bh_flow flow = make_flow(id, IPPROTO_UDP, (uint16_t)id);

		flow.src_ifindex = 5;
		bh_addr_parse("10.0.0.9", &flow.key.src);
		bh_core_flows(core, &flow, 1);
	}
	size_t said = core_fixture_events(core, "spoof");
	assert_in_range(said, 1, 50);
	bh_core_spoofs_tick(core, bh_time_monotonic() + 60 * BH_SECOND);
	assert_int_equal(core_fixture_events(core, "spoof"), said + 1);
	bh_core_spoofs_tick(core, bh_time_monotonic() + 120 * BH_SECOND);
	assert_int_equal(core_fixture_events(core, "spoof"), said + 1);
}

static struct bh_listeners listening(uint32_t ifindex, uint16_t port)
{
	struct bh_listeners l = { .ifindex = ifindex, .complete = true };

	if (port != 0)
		l.ports[l.count++] = (struct bh_listener) { port, IPPROTO_TCP };
	return l;
}

/* An open connection in which the server speaks first: its first packet seen is the server's. */
static struct bh_flow overheard(void)
{
	struct bh_flow flow = make_flow(1, IPPROTO_TCP, 6380);

	flow.key.dport = 40000;
	flow.src_ifindex = 7;
	flow.dst_ifindex = 8;
	flow.answered = flow.established = true;
	flow.state = BH_FLOW_ESTABLISHED;
	flow.tx.sent = (struct bh_tally) { 3, 300 };
	flow.rx.sent = (struct bh_tally) { 1, 40 };
	return flow;
}

static void who_listens_did_not_open(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = overheard();
	struct bh_listeners server = listening(7, 6380), client = listening(8, 0);

	bh_core_flows(core, &flow, 1);
	const struct bh_live_flow *live = core->newest;
	assert_int_equal(live->flow.direction, BH_DIRECTION_UNKNOWN);
	bh_core_listeners(core, &server);
	bh_core_flows_tick(core);
	assert_int_equal(live->flow.direction, BH_DIRECTION_UNKNOWN); /* the other is not known */
	bh_core_listeners(core, &client);
	bh_core_flows_tick(core);
	assert_int_equal(live->flow.direction, BH_DIRECTION_LISTENER);
	assert_int_equal(live->flow.key.dport, 6380);
	assert_int_equal(live->flow.src_ifindex, 8);
	assert_int_equal(live->flow.rx.sent.packets, 3);
	assert_ptr_equal(find(core, &live->flow.key), live);
	assert_null(find(core, &flow.key));
	/* It is the same connection that goes on, and ends. */
	flow.tx.sent.packets = 4;
	flow.final = true;
	bh_core_flows(core, &flow, 1);
	assert_ptr_equal(core->newest, live);
	assert_int_equal(live->flow.rx.sent.packets, 4);
	assert_int_equal(live->flow.direction, BH_DIRECTION_LISTENER);
	assert_true(live->flow.final);
}

static void two_listeners_tell_nothing(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = overheard();
	struct bh_listeners server = listening(7, 6380), client = listening(8, 40000),
			    partial = listening(8, 0);

	bh_core_flows(core, &flow, 1);
	bh_core_listeners(core, &server);
	bh_core_listeners(core, &client);
	bh_core_flows_tick(core);
	assert_int_equal(core->newest->flow.direction, BH_DIRECTION_UNKNOWN);
	/* Nor does one about whom not everything is known. */
	partial.complete = false;
	bh_core_listeners(core, &partial);
	bh_core_flows_tick(core);
	assert_int_equal(core->newest->flow.direction, BH_DIRECTION_UNKNOWN);
}

static void told(struct bh_core *core, uint32_t ifindex, const char *name, int64_t time)
{
	struct bh_named named = { .ifindex = ifindex, .time = time, .until = time + BH_SECOND };

	bh_addr_parse("203.0.113.9", &named.addr);
	strcpy(named.name, name);
	bh_core_names(core, &named, 1);
}

static struct bh_flow outward(uint64_t id, uint32_t ifindex, int64_t first)
{
	struct bh_flow flow = make_flow(id, IPPROTO_TCP, (uint16_t)id);

	bh_addr_parse("203.0.113.9", &flow.key.dst);
	flow.src_ifindex = ifindex;
	flow.first = flow.last = first;
	return flow;
}

static bool has_json(struct bh_core *core, const struct bh_flow *flow, const char *text)
{
	struct bh_buffer json = { 0 };

	bh_core_flow_json(core, find(core, &flow->key), &json);
	bool result = strstr(json.data, text) != NULL;
	bh_buffer_free(&json);
	return result;
}

static bool is_called(struct bh_core *core, const struct bh_flow *flow, const char *name)
{
	char wanted[300];

	snprintf(wanted, sizeof(wanted), name != NULL ? "\"dns\":\"%s\"" : "\"dns\":null", name);
	return has_json(core, flow, wanted);
}

static void peers_outside_are_called_what_the_source_was_told(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow before = outward(1, 7, NOW - 1), flow = outward(2, 7, NOW + 1),
		       other = outward(3, 8, NOW + 1), unseen = outward(4, 0, NOW + 1),
		       late = outward(5, 7, NOW + 9 * BH_SECOND), carried = outward(6, 7, NOW + 1),
		       renamed = outward(8, 7, NOW + 10 * BH_SECOND),
		       after = outward(7, 7, NOW + 19 * BH_SECOND);

	told(core, 7, "pay.example", NOW);
	bh_core_flows(core, &before, 1);
	bh_core_flows(core, &flow, 1);
	bh_core_flows(core, &other, 1);
	bh_core_flows(core, &unseen, 1);
	assert_true(is_called(core, &before, NULL));
	assert_true(is_called(core, &flow, "pay.example"));
	assert_true(is_called(core, &other, NULL));
	assert_true(is_called(core, &unseen, NULL));
	strcpy(carried.tunnel, "gre");
	bh_core_flows(core, &carried, 1);
	assert_null(bh_live_flows_find(core->flows, carried.id)->dns);
	/* The answer has run out, but a flow that it named lives on, and so does the name. */
	bh_core_flows(core, &late, 1);
	assert_true(is_called(core, &late, "pay.example"));
	told(core, 7, "cdn.example", NOW + 10 * BH_SECOND);
	bh_core_flows(core, &renamed, 1);
	assert_true(is_called(core, &renamed, "cdn.example"));
	flow.final = late.final = renamed.final = true;
	bh_core_flows(core, &flow, 1);
	bh_core_flows(core, &late, 1);
	bh_core_flows(core, &renamed, 1);
	assert_true(is_called(core, &flow, "pay.example"));
	bh_core_flows(core, &after, 1);
	assert_true(is_called(core, &after, NULL));
}

static void attach(struct bh_core *core, uint32_t ifindex, uint64_t inode, const char *id)
{
	struct bh_endpoint_fact fact;

	memset(&fact, 0, sizeof(fact));
	fact.ifindex = ifindex;
	fact.nsid = (int32_t)inode;
	snprintf(fact.netns_name, sizeof(fact.netns_name), "/run/netns/n%d", (int)inode);
	fact.netns_inode = inode;
	fact.addr_count = 1;
	bh_addr_parse("10.0.0.1", &fact.addrs[0]);
	strcpy(fact.container_id, id);
	fact.runtime = BH_RUNTIME_DOCKER;
	bh_core_names_keep_to(core, &fact);
	bh_model_endpoint(core->model, &fact, NOW);
}

/* Asked on one interface, met on another. */
static void a_container_knows_its_names_on_every_interface(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = outward(1, 8, NOW + 1), stranger = outward(2, 9, NOW + 1),
		       later = outward(3, 8, NOW + 2), after = outward(4, 8, NOW + 3);

	attach(core, 7, 5, "one");
	attach(core, 8, 5, "");
	attach(core, 9, 6, "");
	told(core, 7, "pay.example", NOW);
	bh_core_flows(core, &flow, 1);
	bh_core_flows(core, &stranger, 1);
	assert_true(is_called(core, &flow, "pay.example"));
	assert_true(is_called(core, &stranger, NULL));
	told(core, 8, "own.example", NOW + 1);
	bh_core_flows(core, &later, 1);
	assert_true(is_called(core, &later, "own.example"));
	told(core, 7, "newer.example", NOW + 2);
	bh_core_flows(core, &after, 1);
	assert_true(is_called(core, &after, "newer.example"));
}

static void the_next_container_inherits_no_names(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow same = outward(1, 7, NOW + 1), number = outward(2, 8, NOW + 1),
		       late = outward(3, 9, NOW + 1);

	attach(core, 7, 5, "one");
	told(core, 7, "pay.example", NOW);
	attach(core, 7, 5, "two"); /* in the same namespace, behind the same interface */
	bh_core_flows(core, &same, 1);
	assert_true(is_called(core, &same, NULL));
	/* The namespace's number and inode went to the next one. */
	told(core, 7, "pay.example", NOW);
	bh_core_names_gone(core, 7);
	bh_model_endpoint_gone(core->model, 7, NOW);
	attach(core, 8, 5, "three");
	bh_core_flows(core, &number, 1);
	assert_true(is_called(core, &number, NULL));
	/* Likewise, before the news that the last one went. */
	told(core, 8, "pay.example", NOW);
	attach(core, 9, 5, "four");
	bh_core_flows(core, &late, 1);
	assert_true(is_called(core, &late, NULL));
}

static void claims_are_shown_as_such(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = outward(1, 7, NOW), other = outward(2, 7, NOW);
	struct bh_claim claims[] = { { 1, "shop.example" }, { 99, "nobody.example" } };

	bh_core_flows(core, &flow, 1);
	bh_core_flows(core, &other, 1);
	bh_core_claims(core, claims, 2);
	assert_true(has_json(core, &flow, "\"dns\":null,\"sni\":\"shop.example\""));
	assert_true(has_json(core, &other, "\"dns\":null,\"sni\":null"));
	assert_string_equal(find(core, &flow.key)->dst->name, "203.0.113.9");
	strcpy(claims[0].name, "other.example"); /* the first one stays */
	bh_core_claims(core, claims, 1);
	assert_true(has_json(core, &flow, "\"sni\":\"shop.example\""));
	flow.final = true;
	bh_core_flows(core, &flow, 1);
	assert_true(has_json(core, &flow, "\"sni\":\"shop.example\""));
}

struct edge_search {
	const char *dst;
	struct bh_edge found;
};

static void look_at_edge(void *user, const struct bh_edge *edge)
{
	struct edge_search *s = user;

	if (strcmp(edge->dst->name, s->dst) == 0)
		s->found = *edge;
}

/* connections 0: there is no such edge. */
static struct bh_edge edge_to(const struct bh_core *core, const char *dst)
{
	struct edge_search search = { .dst = dst };

	bh_ledger_each(core->ledger, BH_EDGES, look_at_edge, &search);
	return search.found;
}

/* A connection to the address outside that was taken up. */
static struct bh_flow taken_up(uint64_t id, int64_t first)
{
	struct bh_flow flow = outward(id, 7, first);

	flow.direction = BH_DIRECTION_SYN;
	flow.answered = flow.established = true;
	return flow;
}

static void outside_edges_go_by_the_name_that_was_asked_for(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow unanswered = outward(1, 7, NOW + 1), first = taken_up(2, NOW + 1),
		       second = taken_up(3, NOW + 2), nameless = taken_up(4, NOW - 1);
	struct bh_claim claim = { 2, "shop.example" };
	struct bh_edge_names names;

	attach(core, 7, 5, "");
	told(core, 7, "pay.example", NOW);
	bh_core_flows(core, &unanswered, 1);
	assert_int_equal(edge_to(core, "dns:pay.example").connections, 0);
	bh_core_flows(core, &first, 1);
	bh_core_flows(core, &second, 1);
	bh_core_flows(core, &nameless, 1);
	assert_int_equal(edge_to(core, "dns:pay.example").connections, 2);
	assert_int_equal(edge_to(core, "dns:pay.example").dst->kind, BH_PEER_DNS);
	assert_int_equal(edge_to(core, "203.0.113.9").connections, 1);
	bh_core_claims(core, &claim, 1);
	first.final = true;
	bh_core_flows(core, &first, 1);
	bh_called_get(core->called, edge_to(core, "dns:pay.example").src->name, "dns:pay.example",
		      &names);
	assert_string_equal(names.names[BH_CALLED_BY_CLAIM][0], "shop.example");
	assert_int_equal(names.counts[BH_CALLED_BY_DNS], 0);
}

/* With several capture processes an answer may be heard after the flow that it was given for; but
 * what was learned stays what it is. */
static void a_name_that_comes_late_counts_until_the_flow_is_learned(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = taken_up(2, NOW + 1), learned = taken_up(3, NOW + 1);
	struct bh_edge_names names;

	attach(core, 7, 5, "");
	flow.answered = flow.established = false;
	bh_core_flows(core, &flow, 1);
	bh_core_flows(core, &learned, 1);
	told(core, 7, "pay.example", NOW);
	flow.answered = flow.established = true;
	bh_core_flows(core, &flow, 1);
	bh_core_flows(core, &learned, 1);
	assert_int_equal(edge_to(core, "dns:pay.example").connections, 1);
	assert_int_equal(edge_to(core, "203.0.113.9").connections, 1);
	assert_true(is_called(core, &learned, NULL));
	/* Whoever reads of the address is told what it was called since. */
	bh_called_get(core->called, edge_to(core, "203.0.113.9").src->name, "203.0.113.9", &names);
	assert_int_equal(names.counts[BH_CALLED_BY_DNS], 1);
	assert_string_equal(names.names[BH_CALLED_BY_DNS][0], "pay.example");
}

static void a_name_that_no_policy_could_say_stands_beside_the_address(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = taken_up(2, NOW + 1), again = taken_up(3, NOW + 1);
	struct bh_edge_names names;

	attach(core, 7, 5, "");
	told(core, 7, "*.example", NOW);
	bh_core_flows(core, &flow, 1);
	bh_core_flows(core, &again, 1);
	assert_int_equal(edge_to(core, "203.0.113.9").connections, 2);
	bh_called_get(core->called, edge_to(core, "203.0.113.9").src->name, "203.0.113.9", &names);
	assert_string_equal(names.names[BH_CALLED_BY_DNS][0], "*.example");
}

/* Those who were told nothing, as far as was seen, and go somewhere outside all the same. */
static void who_has_no_names_is_listed(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = outward(1, 7, NOW + 1), resolver = outward(2, 8, NOW + 1);
	struct bh_buffer who = { 0 };

	attach(core, 7, 5, "");
	attach(core, 8, 6, "");
	flow.answered = resolver.answered = true;
	resolver.key.dport = 53; /* whom one asks needs no name */
	bh_core_flows(core, &flow, 1);
	bh_core_flows(core, &resolver, 1);
	assert_int_equal(bh_core_names_missing(core, &who), 1);
	assert_string_equal(who.data, find(core, &flow.key)->src->name);
	told(core, 7, "pay.example", NOW + 2);
	assert_int_equal(bh_core_names_missing(core, &who), 0);
	bh_buffer_free(&who);
}

static void of_many_who_have_no_names_few_are_listed(void **state)
{
	struct bh_core *core = *state;
	struct bh_buffer who = { 0 };

	for (uint32_t i = 0; i < 7; i++) {
		struct bh_flow flow = outward(1 + i, 7 + i, NOW + 1);

		attach(core, 7 + i, 5 + i, "");
		flow.answered = true;
		bh_core_flows(core, &flow, 1);
	}
	assert_int_equal(bh_core_names_missing(core, &who), 7);
	assert_non_null(strstr(who.data, ", …"));
	bh_buffer_free(&who);
}

static void state_name(struct bh_core *core, const char *id, const char *service)
{
	struct bh_container *c = bh_container_new();

	c->runtime = BH_RUNTIME_DOCKER;
	bh_copy_text(c->id, sizeof(c->id), id);
	bh_copy_text(c->name, sizeof(c->name), service);
	bh_container_add_label(c, "com.docker.compose.project", "shop");
	bh_container_add_label(c, "com.docker.compose.service", service);
	bh_model_container(core->model, c, NOW + 5 * BH_SECOND);
	bh_container_free(c);
}

/* From the container "one" to the world; over, and answered. */
static struct bh_flow over(uint64_t id)
{
	struct bh_flow flow = outward(id, 7, NOW + 1);

	flow.direction = BH_DIRECTION_SYN;
	flow.answered = flow.established = flow.final = true;
	flow.state = BH_FLOW_CLOSED;
	flow.tx.sent = (struct bh_tally) { 3, 300 };
	return flow;
}

static uint64_t unresolved_count(const struct bh_core *core)
{
	return bh_ledger_unlearned(core->ledger, BH_UNLEARNED_UNRESOLVED);
}

static void count_connections(void *user, const struct bh_edge *edge)
{
	assert_string_equal(edge->src->name, "compose:shop/web");
	*(uint64_t *)user += edge->answered;
	assert_int_equal(edge->bytes, 300 * edge->answered);
}

static uint64_t learned_connections(const struct bh_core *core)
{
	uint64_t count = 0;

	bh_ledger_each(core->ledger, BH_EDGES, count_connections, &count);
	return count;
}

/* The runtime speaks after the connection is over, and the container gone. */
static void a_name_that_comes_late_teaches_once(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = over(1), second = over(2), unanswered = over(3);

	attach(core, 7, 5, "one");
	unanswered.answered = unanswered.established = false;
	bh_core_flows(core, &flow, 1);
	bh_core_flows(core, &unanswered, 1);
	assert_true(has_json(core, &flow, "\"workload\":null"));
	assert_int_equal(unresolved_count(core), 2);
	assert_int_equal(learned_connections(core), 0);
	bh_core_late_tick(core);
	assert_int_equal(unresolved_count(core), 2);
	bh_model_endpoint_gone(core->model, 7, NOW + 2);
	uint64_t before = core->flow_sequence;
	state_name(core, "one", "web");
	bh_core_late_tick(core);
	assert_true(has_json(core, &flow, "\"workload\":\"compose:shop/web\""));
	assert_int_equal(core->flow_sequence, before + 2); /* streams show them anew */
	assert_int_equal(unresolved_count(core), 0);
	assert_int_equal(bh_ledger_unlearned(core->ledger, BH_UNLEARNED_UNANSWERED), 1);
	assert_int_equal(learned_connections(core), 1);
	/* Whatever comes then: it was learned. */
	state_name(core, "one", "web");
	attach(core, 8, 6, "two");
	bh_core_late_tick(core);
	assert_int_equal(learned_connections(core), 1);
	assert_int_equal(core->flow_sequence, before + 2);
	bh_core_flows(core, &second, 1); /* reported last of all */
	assert_int_equal(learned_connections(core), 2);
	assert_int_equal(unresolved_count(core), 0);
}

static int64_t stranger_window(const struct bh_core *core)
{
	const struct bh_peer db = { .kind = BH_PEER_WORKLOAD, .name = "netns:db" };
	struct bh_baseline b = { 0 };

	bh_ledger_baseline(core->ledger, &db, &b);
	return b.stranger;
}

/* Who has a name in the end was none; who was never answered is not missed, and takes nobody else's
 * place. */
static void a_stranger_is_one_until_he_has_a_name(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow real = over(1), tried = over(2), named = over(3);

	attach(core, 7, 5, "one");
	attach(core, 9, 6, "never");
	core_fixture_endpoint(core, 8, "db", "10.0.2.3");
	real.key.dst = tried.key.dst = named.key.dst = core_fixture_addr("10.0.2.3");
	real.dst_ifindex = tried.dst_ifindex = named.dst_ifindex = 8;
	tried.answered = tried.established = false;
	assert_int_equal(stranger_window(core), 0);
	bh_core_flows(core, &named, 1);
	assert_int_not_equal(stranger_window(core), 0);
	state_name(core, "one", "web");
	bh_core_late_tick(core);
	assert_int_equal(stranger_window(core), 0);
	/* Another, of whom nobody ever speaks, and one who tried in vain, and has a name. */
	real.src_ifindex = 9;
	bh_core_flows(core, &real, 1);
	tried.src_ifindex = 10;
	attach(core, 10, 7, "two");
	bh_core_flows(core, &tried, 1);
	assert_int_equal(unresolved_count(core), 2);
	state_name(core, "two", "job");
	bh_core_late_tick(core);
	assert_int_equal(unresolved_count(core), 1);
	assert_int_not_equal(stranger_window(core), 0);
}

/* One that goes on is learned when its name comes, and not again when it ends. */
static void a_name_that_comes_while_it_goes_on_teaches_once(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = over(1);

	attach(core, 7, 5, "one");
	flow.final = false;
	bh_core_flows(core, &flow, 1);
	assert_int_equal(learned_connections(core), 0);
	state_name(core, "one", "web");
	bh_core_late_tick(core);
	assert_int_equal(learned_connections(core), 1);
	flow.final = true;
	bh_core_flows(core, &flow, 1);
	assert_int_equal(learned_connections(core), 1);
	assert_int_equal(unresolved_count(core), 0);
}

/* Who never gets a name keeps nobody else from his, and is given up with his flow. */
static void of_many_without_a_name_each_has_its_turn(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = over(20000);

	attach(core, 7, 5, "one");
	attach(core, 9, 6, "two");
	for (uint64_t id = 1; id <= 12000; id++) {
		struct bh_flow false_one = over(id);

		false_one.src_ifindex = 9;
		bh_addr_parse("10.0.0.77", &false_one.key.src);
		bh_core_flows(core, &false_one, 1);
	}
	bh_core_flows(core, &flow, 1);
	assert_int_equal(core->unnamed_count, 12001);
	state_name(core, "one", "web");
	for (int i = 0; i < 3; i++)
		bh_core_late_tick(core);
	assert_true(has_json(core, &flow, "compose:shop/web"));
	assert_int_equal(learned_connections(core), 1);
	assert_int_equal(core->unnamed_count, 12000);
	assert_int_equal(core->unnamed_due, 0);
	for (uint64_t id = 30000; id < 50001; id++) {
		struct bh_flow filler = over(id);

		bh_core_flows(core, &filler, 1);
	}
	assert_int_equal(core->unnamed_count, 0);
	bh_core_late_tick(core);
}

/* A flow is of the workload that its end was of when it began. */
static void flows_from_before_a_renaming_keep_the_name(void **state)
{
	struct bh_core *core = *state;
	struct bh_flow flow = over(1), late = over(2), after = over(3);

	attach(core, 7, 5, "one");
	state_name(core, "one", "web");
	flow.final = false;
	bh_core_flows(core, &flow, 1);
	told(core, 7, "pay.example", NOW);
	state_name(core, "one", "api"); /* five seconds later */
	flow.final = true;
	bh_core_flows(core, &flow, 1);
	bh_core_flows(core, &late, 1);
	after.first = after.last = NOW + 5 * BH_SECOND;
	bh_core_flows(core, &after, 1);
	assert_true(has_json(core, &flow, "compose:shop/web"));
	assert_true(has_json(core, &late, "compose:shop/web"));
	assert_true(has_json(core, &after, "compose:shop/api"));
	assert_int_equal(core_fixture_events(core, "renamed"), 1);
	/* What it was told goes along. */
	struct bh_addr outside = core_fixture_addr("203.0.113.9");
	assert_string_equal(bh_answers_name(core->answers, "compose:shop/api", &outside, INT64_MAX),
			    "pay.example");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_flow_keeps_its_tuple, make_core, free_core),
		cmocka_unit_test_setup_teardown(what_a_tunnel_carries_is_shown_and_nothing_else,
						make_core, free_core),
		cmocka_unit_test_setup_teardown(who_listens_did_not_open, make_core, free_core),
		cmocka_unit_test_setup_teardown(two_listeners_tell_nothing, make_core, free_core),
		cmocka_unit_test_setup_teardown(peers_outside_are_called_what_the_source_was_told,
						make_core, free_core),
		cmocka_unit_test_setup_teardown(a_container_knows_its_names_on_every_interface,
						make_core, free_core),
		cmocka_unit_test_setup_teardown(the_next_container_inherits_no_names, make_core,
						free_core),
		cmocka_unit_test_setup_teardown(outside_edges_go_by_the_name_that_was_asked_for,
						make_core, free_core),
		cmocka_unit_test_setup_teardown(
			a_name_that_comes_late_counts_until_the_flow_is_learned, make_core,
			free_core),
		cmocka_unit_test_setup_teardown(
			a_name_that_no_policy_could_say_stands_beside_the_address, make_core,
			free_core),
		cmocka_unit_test_setup_teardown(who_has_no_names_is_listed, make_core, free_core),
		cmocka_unit_test_setup_teardown(of_many_who_have_no_names_few_are_listed, make_core,
						free_core),
		cmocka_unit_test_setup_teardown(claims_are_shown_as_such, make_core, free_core),
		cmocka_unit_test_setup_teardown(flows_that_are_heard_of_no_more_end, make_core,
						free_core),
		cmocka_unit_test_setup_teardown(a_flood_of_false_senders_is_summed_up, make_core,
						free_core),
		cmocka_unit_test_setup_teardown(a_name_that_comes_late_teaches_once, make_core,
						free_core),
		cmocka_unit_test_setup_teardown(a_stranger_is_one_until_he_has_a_name, make_core,
						free_core),
		cmocka_unit_test_setup_teardown(a_name_that_comes_while_it_goes_on_teaches_once,
						make_core, free_core),
		cmocka_unit_test_setup_teardown(of_many_without_a_name_each_has_its_turn, make_core,
						free_core),
		cmocka_unit_test_setup_teardown(flows_from_before_a_renaming_keep_the_name,
						make_core, free_core),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
