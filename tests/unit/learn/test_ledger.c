/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "contact.h"
#include "ledger_keep.h"

#define WINDOW 1000

static const struct bh_ledger_config config = { .window = WINDOW,
						.max_edges = 1000,
						.max_attempts = 1000,
						.max_opposed = 1000,
						.max_contacts = 1000,
						.saved = true };

static const struct bh_peer web = { BH_PEER_WORKLOAD, "web" }, api = { BH_PEER_WORKLOAD, "api" },
			    world = { BH_PEER_WORLD, "world" }, host = { BH_PEER_HOST, "host" },
			    unresolved = { BH_PEER_UNRESOLVED, "10.0.0.9" },
			    departed = { BH_PEER_DEPARTED, "10.0.0.8" };

/* A whole connection in one report, answered, from web to api. */
static struct bh_contact contact(void)
{
	struct bh_contact c = contact_of(&web, &api, 80, 500);

	c.bytes = 100;
	return c;
}

struct list {
	struct bh_edge items[64];
	size_t count;
};

static void take(void *user, const struct bh_edge *edge)
{
	struct list *list = user;

	assert_true(list->count < 64);
	list->items[list->count++] = *edge;
}

static struct list all(const struct bh_ledger *ledger)
{
	struct list list = { .count = 0 };

	bh_ledger_each(ledger, BH_EDGES, take, &list);
	assert_int_equal(list.count, bh_ledger_count(ledger, BH_EDGES));
	return list;
}

static struct bh_edge only(const struct bh_ledger *ledger)
{
	struct list list = all(ledger);

	assert_int_equal(list.count, 1);
	return list.items[0];
}

static void take_news(void *user, enum bh_ledger_list which, const struct bh_edge *edge)
{
	if (which == BH_EDGES)
		take(user, edge);
}

static void ignore_gone(void *user, enum bh_ledger_list list, const struct bh_edge *edge)
{
	(void)user;
	(void)list;
	(void)edge;
}

static void ignore_owner(void *user, const struct bh_owner_state *owner)
{
	(void)user;
	(void)owner;
}

static void ignore_walk(void *user, const struct bh_walk *walk)
{
	(void)user;
	(void)walk;
}

static void ignore_contact(void *user, uint64_t replica, uint64_t contact)
{
	(void)user;
	(void)replica;
	(void)contact;
}

static void ignore_replica(void *user, uint64_t replica)
{
	(void)user;
	(void)replica;
}

static void ignore_whole(void *user, const struct bh_ledger_state *state)
{
	(void)user;
	(void)state;
}

/* The edges among the news. */
static struct list dirty(struct bh_ledger *ledger)
{
	struct list list = { .count = 0 };
	const struct bh_ledger_news news = {
		take_news,    ignore_gone,
		ignore_owner, { ignore_replica, ignore_walk, ignore_contact, NULL },
		ignore_whole, &list
	};

	bh_ledger_each_news(ledger, &news);
	return list;
}

static void assert_learned(struct bh_ledger *ledger, const struct bh_contact *c)
{
	assert_int_equal(bh_ledger_observe(ledger, c), BH_LEARNED);
}

/* Field by field: nobody sets what is between the fields. */
static void assert_same_evidence(const struct bh_edge *a, const struct bh_edge *b)
{
	assert_int_equal(a->proto, b->proto);
	assert_int_equal(a->port, b->port);
	assert_true(a->first == b->first && a->last == b->last);
	assert_true(a->connections == b->connections && a->answered == b->answered);
	assert_true(a->bytes == b->bytes && a->replicas == b->replicas);
	assert_true(a->windows == b->windows && a->last_window == b->last_window);
	assert_true(a->hours == b->hours && a->last_hour == b->last_hour);
	assert_int_equal(a->shared_hours, b->shared_hours);
	assert_true(a->gap == b->gap && a->longest_gap == b->longest_gap &&
		    a->even_gaps == b->even_gaps);
	assert_true(a->held == b->held && a->lossy == b->lossy && a->heard == b->heard);
}

/* --- what is learned ------------------------------------------------------------------------- */

static void an_answered_connection_makes_an_edge(void **state)
{
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_contact c = contact();

	(void)state;
	assert_int_equal(bh_ledger_count(ledger, BH_EDGES), 0);
	assert_learned(ledger, &c);
	struct bh_edge e = only(ledger);
	assert_memory_equal(e.src, &web, sizeof(web));
	assert_memory_equal(e.dst, &api, sizeof(api));
	assert_int_equal(e.proto, IPPROTO_TCP);
	assert_int_equal(e.port, 80);
	assert_int_equal(e.first, 500);
	assert_int_equal(e.last, 500);
	assert_int_equal(e.connections, 1);
	assert_int_equal(e.answered, 1);
	assert_int_equal(e.bytes, 100);
	assert_int_equal(e.windows, 1);
	assert_int_equal(bh_edge_replicas(&e), 1);
	assert_false(e.lossy);
	for (int i = 0; i < BH_UNLEARNED_KINDS; i++)
		assert_int_equal(bh_ledger_unlearned(ledger, i), 0);
	bh_ledger_free(ledger);
	bh_ledger_free(NULL);
}

/* One connection that nobody counted, and what the edge carried in all is not known. */
static void what_was_not_counted_leaves_bytes_unknown(void **state)
{
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_contact c = contact(), uncounted = contact();

	(void)state;
	assert_learned(ledger, &c);
	uncounted.uncounted = true;
	assert_learned(ledger, &uncounted);
	assert_true(only(ledger).bytes == BH_BYTES_UNKNOWN);
	assert_learned(ledger, &c);
	assert_true(only(ledger).bytes == BH_BYTES_UNKNOWN);
	bh_ledger_free(ledger);
}

static void every_known_direction_teaches(void **state)
{
	static const uint8_t known[] = { BH_DIRECTION_SYN, BH_DIRECTION_CONNTRACK,
					 BH_DIRECTION_LISTENER };

	(void)state;
	for (size_t i = 0; i < sizeof(known); i++) {
		struct bh_ledger *ledger = bh_ledger_new(&config);
		struct bh_contact c = contact();

		c.direction = known[i];
		assert_learned(ledger, &c);
		bh_ledger_free(ledger);
	}
}

/* One edge a (source, destination, protocol, port): each of them tells edges apart, and so do
 * kinds of one name, and the border between two names. */
static void each_part_of_the_key_makes_another_edge(void **state)
{
	static const struct bh_peer host_web = { BH_PEER_HOST, "web" }, ab = { 1, "ab" },
				    a = { 1, "a" }, c_ = { 1, "c" }, bc = { 1, "bc" };
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_contact variants[10];

	(void)state;
	for (size_t i = 0; i < 10; i++)
		variants[i] = contact();
	variants[1].src = &api;
	variants[2].dst = &world;
	variants[3].proto = IPPROTO_UDP;
	variants[4].port = 81;
	variants[5].port = 80 << 8;
	variants[6].src = &host_web;
	variants[7].dst = &host_web;
	variants[8].src = &ab, variants[8].dst = &c_;
	variants[9].src = &a, variants[9].dst = &bc;
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < 10; i++)
			assert_learned(ledger, &variants[i]);
	struct list list = all(ledger);
	assert_int_equal(list.count, 10);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(list.items[i].connections, 2);
	bh_ledger_free(ledger);
}

/* A long connection, told in pieces, is one connection; its bytes add up. */
static void a_connection_counts_once(void **state)
{
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_contact c = contact();

	(void)state;
	c.answered = c.teaches = c.ends = false;
	assert_int_equal(bh_ledger_observe(ledger, &c), BH_UNLEARNED_UNANSWERED);
	assert_int_equal(bh_ledger_count(ledger, BH_EDGES), 0);
	c.answered = c.teaches = true;
	c.time = 600;
	assert_learned(ledger, &c);
	c.teaches = false;
	c.time = 700;
	assert_learned(ledger, &c);
	c.ends = true;
	c.time = 800;
	assert_learned(ledger, &c);
	struct bh_edge e = only(ledger);
	assert_int_equal(e.connections, 1);
	assert_int_equal(e.answered, 1);
	assert_int_equal(e.bytes, 300);
	assert_int_equal(e.first, 600);
	assert_int_equal(e.last, 800);
	/* It was answered in the end: it counts nowhere as unanswered. */
	assert_int_equal(bh_ledger_unlearned(ledger, BH_UNLEARNED_UNANSWERED), 0);
	bh_ledger_free(ledger);
}

/* Whose direction or end becomes known when others have made the edge already. */
static void a_connection_that_may_teach_late_counts_too(void **state)
{
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_contact first = contact(), late = contact();

	(void)state;
	assert_learned(ledger, &first);
	late.direction = BH_DIRECTION_UNKNOWN;
	late.ends = false;
	assert_int_equal(bh_ledger_observe(ledger, &late), BH_UNLEARNED_DIRECTION);
	late.direction = BH_DIRECTION_CONNTRACK;
	assert_learned(ledger, &late);
	late.teaches = false;
	late.ends = true;
	assert_learned(ledger, &late);
	struct bh_edge e = only(ledger);
	assert_int_equal(e.connections, 2);
	assert_int_equal(e.answered, 2);
	assert_int_equal(bh_ledger_unlearned(ledger, BH_UNLEARNED_DIRECTION), 0);
	bh_ledger_free(ledger);
}

/* --- what is not ----------------------------------------------------------------------------- */

static void refuse(struct bh_ledger *ledger, struct bh_contact c, enum bh_unlearned reason)
{
	uint64_t before = bh_ledger_unlearned(ledger, reason);
	size_t edges = bh_ledger_count(ledger, BH_EDGES);

	/* Any number of reports, and once it is over: one connection. */
	c.ends = false;
	for (int i = 0; i < 3; i++)
		assert_int_equal(bh_ledger_observe(ledger, &c), reason);
	assert_int_equal(bh_ledger_unlearned(ledger, reason), before);
	c.ends = true;
	assert_int_equal(bh_ledger_observe(ledger, &c), reason);
	assert_int_equal(bh_ledger_unlearned(ledger, reason), before + 1);
	assert_int_equal(bh_ledger_count(ledger, BH_EDGES), edges);
}

static void what_may_not_teach_makes_no_edge(void **state)
{
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_contact c;

	(void)state;
	c = contact();
	c.answered = c.teaches = false;
	refuse(ledger, c, BH_UNLEARNED_UNANSWERED);
	c = contact();
	c.direction = BH_DIRECTION_UNKNOWN;
	refuse(ledger, c, BH_UNLEARNED_DIRECTION);
	c = contact();
	c.denied = true;
	refuse(ledger, c, BH_UNLEARNED_BLOCKED);
	c = contact();
	c.src = &unresolved;
	refuse(ledger, c, BH_UNLEARNED_UNRESOLVED);
	c = contact();
	c.dst = &unresolved;
	refuse(ledger, c, BH_UNLEARNED_UNRESOLVED);
	c = contact();
	c.src = &departed;
	refuse(ledger, c, BH_UNLEARNED_UNRESOLVED);
	c = contact();
	c.dst = &departed;
	refuse(ledger, c, BH_UNLEARNED_UNRESOLVED);
	assert_int_equal(bh_ledger_unlearned(ledger, BH_UNLEARNED_UNRESOLVED), 4);
	assert_int_equal(dirty(ledger).count, 0);
	/* The other kinds of peer are somebody. */
	c = contact();
	c.src = &world;
	c.dst = &host;
	assert_learned(ledger, &c);
	bh_ledger_free(ledger);
}

/* Blocked traffic never trains the baseline, not even an edge that is there. */
static void what_may_not_teach_changes_no_edge(void **state)
{
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_contact c = contact();

	(void)state;
	assert_learned(ledger, &c);
	struct bh_edge before = only(ledger);
	c.time = 5 * WINDOW;
	c.replica = 2;
	c.lossy = true;
	c.denied = true;
	refuse(ledger, c, BH_UNLEARNED_BLOCKED);
	c.denied = false;
	c.direction = BH_DIRECTION_UNKNOWN;
	refuse(ledger, c, BH_UNLEARNED_DIRECTION);
	struct bh_edge after = only(ledger);
	assert_same_evidence(&after, &before);
	bh_ledger_free(ledger);
}

/* On an edge that exists it is a connection, when it ends, and no evidence of anything else. */
static void an_unanswered_connection_counts_on_an_edge_that_exists(void **state)
{
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_contact c = contact();

	(void)state;
	assert_learned(ledger, &c);
	c.answered = c.teaches = false;
	c.time = 5 * WINDOW;
	c.replica = 2;
	refuse(ledger, c, BH_UNLEARNED_UNANSWERED);
	struct bh_edge e = only(ledger);
	assert_int_equal(e.connections, 2);
	assert_int_equal(e.answered, 1);
	assert_int_equal(e.windows, 1);
	assert_int_equal(bh_edge_replicas(&e), 1);
	bh_ledger_free(ledger);
}

static void the_reasons_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < BH_UNLEARNED_KINDS; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(bh_unlearned_name(i), bh_unlearned_name(j));
	assert_string_equal(bh_unlearned_name(BH_UNLEARNED_BLOCKED), "blocked");
	assert_string_equal(bh_unlearned_name(BH_UNLEARNED_KINDS), "?");
}

/* --- evidence -------------------------------------------------------------------------------- */

static void observe_at(struct bh_ledger *ledger, int64_t time)
{
	struct bh_contact c = contact();

	c.time = time;
	assert_learned(ledger, &c);
}

static void windows_are_counted(void **state)
{
	struct bh_ledger_config shifted = { .window = WINDOW, .offset = 300, .max_edges = 10 };
	/* Borders lie at 300, 1300, …, and below zero at -700, -1700. */
	static const struct {
		int64_t time;
		uint32_t windows;
		int64_t last;
	} steps[] = { { -1701, 1, -3 }, { -1700, 2, -2 }, { -701, 2, -2 }, { -700, 3, -1 },
		      { 299, 3, -1 },	{ 300, 4, 0 },	  { 1299, 4, 0 },  { 1300, 5, 1 },
		      { 9300, 6, 9 },	{ 9301, 6, 9 } };
	struct bh_ledger *ledger = bh_ledger_new(&shifted);

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		observe_at(ledger, steps[i].time);
		struct bh_edge e = only(ledger);
		assert_int_equal(e.windows, steps[i].windows);
		assert_int_equal(e.last_window, steps[i].last);
	}
	/* A late report never makes the number too high. */
	observe_at(ledger, 5300);
	struct bh_edge e = only(ledger);
	assert_int_equal(e.windows, 6);
	assert_int_equal(e.last_window, 9);
	bh_ledger_free(ledger);
}

static void first_and_last_know_late_reports(void **state)
{
	struct bh_ledger *ledger = bh_ledger_new(&config);

	(void)state;
	observe_at(ledger, 5000);
	observe_at(ledger, 4000);
	observe_at(ledger, 6000);
	observe_at(ledger, 5500);
	struct bh_edge e = only(ledger);
	assert_int_equal(e.first, 4000);
	assert_int_equal(e.last, 6000);
	bh_ledger_free(ledger);
}

static void replicas_are_told_apart(void **state)
{
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_contact c = contact();

	(void)state;
	/* No workload, no replica. */
	c.replica = 0;
	assert_learned(ledger, &c);
	struct bh_edge e = only(ledger);
	assert_int_equal(bh_edge_replicas(&e), 0);
	for (uint64_t hash = 1; hash <= 64; hash++) {
		for (int twice = 0; twice < 2; twice++) {
			c.replica = hash * 64 + hash;
			assert_learned(ledger, &c);
		}
		e = only(ledger);
		assert_int_equal(bh_edge_replicas(&e), hash);
	}
	/* 64 bits tell no more apart; one edge it is all the same. */
	for (uint64_t hash = 1000; hash < 2000; hash++) {
		c.replica = hash;
		assert_learned(ledger, &c);
	}
	e = only(ledger);
	assert_int_equal(bh_edge_replicas(&e), 64);
	bh_ledger_free(ledger);
}

static void loss_is_remembered(void **state)
{
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_contact c = contact();

	(void)state;
	assert_learned(ledger, &c);
	assert_false(only(ledger).lossy);
	c.lossy = true;
	assert_learned(ledger, &c);
	c.lossy = false;
	assert_learned(ledger, &c);
	assert_true(only(ledger).lossy);
	bh_ledger_free(ledger);
}

static void new_edges_beyond_the_bound_are_counted_and_not_kept(void **state)
{
	struct bh_ledger_config small = { .window = WINDOW, .max_edges = 3 };
	struct bh_ledger *ledger = bh_ledger_new(&small);
	struct bh_contact c = contact();

	(void)state;
	for (uint16_t port = 1; port <= 3; port++) {
		c.port = port;
		assert_learned(ledger, &c);
	}
	for (uint16_t port = 4; port <= 10; port++) {
		c.port = port;
		refuse(ledger, c, BH_UNLEARNED_OVERFLOW);
	}
	assert_int_equal(bh_ledger_unlearned(ledger, BH_UNLEARNED_OVERFLOW), 7);
	/* Those that are there go on learning, and none of them made room. */
	c.port = 2;
	assert_learned(ledger, &c);
	struct list list = all(ledger);
	assert_int_equal(list.count, 3);
	assert_int_equal(list.items[1].connections, 2);
	bh_ledger_free(ledger);
}

/* --- in and out ------------------------------------------------------------------------------ */

static int compare_peers(const struct bh_peer *a, const struct bh_peer *b)
{
	int order = strcmp(a->name, b->name);

	return order != 0 ? order : a->kind - b->kind;
}

static void assert_in_order(const struct list *list)
{
	for (size_t i = 1; i < list->count; i++) {
		const struct bh_edge *last = &list->items[i - 1], *e = &list->items[i];
		int order = compare_peers(last->src, e->src);

		order = order != 0 ? order : compare_peers(last->dst, e->dst);
		order = order != 0 ? order : last->proto - e->proto;
		order = order != 0 ? order : last->port - e->port;
		assert_true(order < 0);
	}
}

static void edges_come_in_order(void **state)
{
	static const struct bh_peer named_alike = { BH_PEER_WORKLOAD, "world" };
	static const struct bh_peer *const ends[] = { &world, &api, &named_alike, &host };
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_contact c = contact();

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		c.src = ends[i % 4];
		c.dst = ends[i / 4];
		c.port = 9;
		assert_learned(ledger, &c);
		c.proto = IPPROTO_UDP;
		assert_learned(ledger, &c);
		c.proto = IPPROTO_TCP;
		c.port = 1000;
		assert_learned(ledger, &c);
	}
	struct list list = all(ledger), news = dirty(ledger);
	assert_int_equal(list.count, 48);
	assert_int_equal(news.count, 48);
	assert_in_order(&list);
	assert_in_order(&news);
	bh_ledger_free(ledger);
}

/* However few they are for so many ends. */
static void edges_with_ends_of_their_own_come_in_order(void **state)
{
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_peer src = { .kind = BH_PEER_WORKLOAD }, dst = src;
	struct bh_contact c = contact();

	(void)state;
	c.src = &src;
	c.dst = &dst;
	for (int i = 0; i < 40; i++) {
		snprintf(src.name, sizeof(src.name), "s%d", i * 7 % 20);
		snprintf(dst.name, sizeof(dst.name), "d%d", i * 13 % 40);
		assert_learned(ledger, &c);
	}
	struct list list = all(ledger), news = dirty(ledger);
	assert_int_equal(list.count, 40);
	assert_int_equal(news.count, 40);
	assert_in_order(&list);
	assert_in_order(&news);
	bh_ledger_free(ledger);
}

/* What goes out and comes back is the same ledger, and goes on as if nothing had been. */
static void a_restored_ledger_goes_on(void **state)
{
	struct bh_ledger *before = bh_ledger_new(&config), *after = bh_ledger_new(&config);
	struct bh_contact c = contact();

	(void)state;
	for (uint16_t port = 1; port <= 20; port++) {
		c.port = port;
		c.replica = port;
		c.lossy = port % 2 == 0;
		for (int i = 0; i < port; i++) {
			c.time = i * WINDOW;
			assert_learned(before, &c);
		}
	}
	struct list saved = dirty(before);
	assert_int_equal(saved.count, 20);
	for (size_t i = 0; i < saved.count; i++)
		bh_ledger_restore_edge(after, BH_EDGES, &saved.items[i]);
	/* What comes from the store need not go back. */
	assert_int_equal(dirty(after).count, 0);
	c = contact();
	c.port = 7;
	c.replica = 40;
	c.time = 6 * WINDOW + 5;
	assert_learned(before, &c);
	assert_learned(after, &c);
	c.time = 7 * WINDOW;
	assert_learned(before, &c);
	assert_learned(after, &c);
	struct list a = all(before), b = all(after);
	assert_int_equal(a.count, b.count);
	for (size_t i = 0; i < a.count; i++) {
		assert_memory_equal(a.items[i].src, b.items[i].src, sizeof(struct bh_peer));
		assert_memory_equal(a.items[i].dst, b.items[i].dst, sizeof(struct bh_peer));
		assert_same_evidence(&a.items[i], &b.items[i]);
	}
	assert_int_equal(a.items[6].windows, 8);
	assert_int_equal(bh_edge_replicas(&a.items[6]), 2);
	bh_ledger_free(before);
	bh_ledger_free(after);
}

static void restoring_replaces_an_edge_of_the_same_key(void **state)
{
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_contact c = contact();

	(void)state;
	assert_learned(ledger, &c);
	struct bh_edge e = only(ledger);
	e.connections = e.answered = 50;
	bh_ledger_restore_edge(ledger, BH_EDGES, &e);
	struct bh_edge found = only(ledger);
	assert_same_evidence(&found, &e);
	bh_ledger_free(ledger);
}

static void only_what_changed_is_stored(void **state)
{
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_contact c = contact();

	(void)state;
	for (uint16_t port = 1; port <= 5; port++) {
		c.port = port;
		assert_learned(ledger, &c);
		assert_learned(ledger, &c);
	}
	assert_int_equal(dirty(ledger).count, 5);
	assert_int_equal(dirty(ledger).count, 0);
	c.port = 3;
	assert_learned(ledger, &c);
	/* An unanswered one changes its number of connections. */
	c.port = 4;
	c.answered = c.teaches = false;
	bh_ledger_observe(ledger, &c);
	struct list list = dirty(ledger);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.items[0].port, 3);
	assert_int_equal(list.items[0].connections, 3);
	assert_int_equal(list.items[1].port, 4);
	assert_int_equal(list.items[1].connections, 3);
	assert_int_equal(dirty(ledger).count, 0);
	bh_ledger_free(ledger);
}

/* A full disk today must not cost what was learned: it goes out again, as it is by then. */
static void what_could_not_be_stored_goes_out_again(void **state)
{
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_contact c = contact();

	(void)state;
	for (uint16_t port = 1; port <= 3; port++) {
		c.port = port;
		assert_learned(ledger, &c);
	}
	for (int failures = 0; failures < 3; failures++) {
		assert_int_equal(dirty(ledger).count, 3);
		/* One changes while the others are under way. */
		c.port = 2;
		assert_learned(ledger, &c);
		bh_ledger_mark_dirty(ledger);
	}
	struct list list = dirty(ledger);
	assert_int_equal(list.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(list.items[i].connections, list.items[i].port == 2 ? 4 : 1);
	assert_int_equal(dirty(ledger).count, 0);
	bh_ledger_free(ledger);
}

static void count_gone(void *user, enum bh_ledger_list list, const struct bh_edge *edge)
{
	(void)edge;
	*(size_t *)user += list == BH_OPPOSED;
}

static void ignore_edge(void *user, enum bh_ledger_list list, const struct bh_edge *edge)
{
	(void)user;
	(void)list;
	(void)edge;
}

static size_t gone(struct bh_ledger *ledger)
{
	size_t count = 0;
	const struct bh_ledger_news news = {
		ignore_edge,  count_gone,
		ignore_owner, { ignore_replica, ignore_walk, ignore_contact, NULL },
		ignore_whole, &count
	};

	bh_ledger_each_news(ledger, &news);
	return count;
}

/* Or else it is there again after the next restart: denied, and waiting. */
static void what_could_not_be_removed_goes_out_again(void **state)
{
	struct bh_ledger *ledger = bh_ledger_new(&config);
	struct bh_contact c = contact();
	struct bh_edge like = { .src = &web, .dst = &api, .proto = IPPROTO_TCP };

	(void)state;
	c.denied = true;
	for (c.port = 1; c.port <= 3; c.port++)
		bh_ledger_observe(ledger, &c);
	like.port = 1;
	bh_ledger_forget(ledger, BH_OPPOSED, &like);
	assert_int_equal(gone(ledger), 1);
	bh_ledger_mark_dirty(ledger);
	like.port = 2;
	bh_ledger_forget(ledger, BH_OPPOSED, &like);
	assert_true(bh_ledger_has_news(ledger));
	assert_int_equal(gone(ledger), 2);
	assert_false(bh_ledger_has_news(ledger));
	like.port = 3;
	bh_ledger_forget(ledger, BH_OPPOSED, &like);
	assert_int_equal(gone(ledger), 1);
	assert_int_equal(gone(ledger), 0);
	bh_ledger_free(ledger);
}

/* So that nobody hides what others are denied behind his own. */
static void nobody_fills_more_than_his_part(void **state)
{
	const struct bh_ledger_config narrow = { .window = WINDOW,
						 .max_edges = 2000,
						 .max_attempts = 1000,
						 .max_opposed = 1000,
						 .max_contacts = 10 };
	struct bh_ledger *ledger = bh_ledger_new(&narrow);
	struct bh_baseline b;

	(void)state;
	for (uint16_t port = 1; port <= 1000; port++) {
		struct bh_contact c = contact();

		c.port = port;
		c.denied = true;
		bh_ledger_observe(ledger, &c);
		c.denied = c.answered = c.teaches = false;
		bh_ledger_observe(ledger, &c);
	}
	assert_int_equal(bh_ledger_count(ledger, BH_OPPOSED), 125);
	assert_int_equal(bh_ledger_count(ledger, BH_ATTEMPTS), 125);
	assert_true(bh_ledger_baseline(ledger, &web, &b));
	assert_true(b.crowded);
	struct bh_contact other = contact();
	other.src = &api;
	other.dst = &web;
	other.denied = true;
	bh_ledger_observe(ledger, &other);
	assert_int_equal(bh_ledger_count(ledger, BH_OPPOSED), 126);
	assert_true(bh_ledger_baseline(ledger, &api, &b));
	assert_false(b.crowded);
	/* What is rejected makes room, as long as there is little. */
	for (uint16_t port = 1; port <= 100; port++) {
		struct bh_edge like = {
			.src = &web, .dst = &api, .proto = IPPROTO_TCP, .port = port
		};

		bh_ledger_decide(ledger, &like, &(struct bh_decision) { .accepted = false });
	}
	assert_int_equal(bh_ledger_count(ledger, BH_OPPOSED), 63);
	assert_true(bh_ledger_baseline(ledger, &web, &b));
	assert_false(b.crowded);
	bh_ledger_free(ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answered_connection_makes_an_edge),
		cmocka_unit_test(what_was_not_counted_leaves_bytes_unknown),
		cmocka_unit_test(every_known_direction_teaches),
		cmocka_unit_test(each_part_of_the_key_makes_another_edge),
		cmocka_unit_test(a_connection_counts_once),
		cmocka_unit_test(a_connection_that_may_teach_late_counts_too),
		cmocka_unit_test(what_may_not_teach_makes_no_edge),
		cmocka_unit_test(what_may_not_teach_changes_no_edge),
		cmocka_unit_test(an_unanswered_connection_counts_on_an_edge_that_exists),
		cmocka_unit_test(the_reasons_have_names),
		cmocka_unit_test(windows_are_counted),
		cmocka_unit_test(first_and_last_know_late_reports),
		cmocka_unit_test(replicas_are_told_apart),
		cmocka_unit_test(loss_is_remembered),
		cmocka_unit_test(new_edges_beyond_the_bound_are_counted_and_not_kept),
		cmocka_unit_test(edges_come_in_order),
		cmocka_unit_test(edges_with_ends_of_their_own_come_in_order),
		cmocka_unit_test(a_restored_ledger_goes_on),
		cmocka_unit_test(restoring_replaces_an_edge_of_the_same_key),
		cmocka_unit_test(only_what_changed_is_stored),
		cmocka_unit_test(what_could_not_be_stored_goes_out_again),
		cmocka_unit_test(what_could_not_be_removed_goes_out_again),
		cmocka_unit_test(nobody_fills_more_than_his_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
