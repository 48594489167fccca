/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between processes: what is well-formed, and that channels carry it, in order, with its
 * descriptor, and refuse the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "config.h"
#include "rules_wire.h"
#include "ruleset.h"

static void lengths_are_checked(void **state)
{
	struct bh_flow flows[2];
	struct bh_msg_gone gone = { .ifindex = 3 };

	(void)state;
	memset(flows, 0, sizeof(flows));
	assert_true(bh_message_check(BH_MSG_FLOWS, flows, sizeof(flows)));
	assert_false(bh_message_check(BH_MSG_FLOWS, flows, sizeof(flows) - 1));
	assert_true(bh_message_check(BH_MSG_ENDPOINT_GONE, &gone, sizeof(gone)));
	assert_false(bh_message_check(BH_MSG_ENDPOINT_GONE, &gone, sizeof(gone) - 1));
	assert_true(bh_message_check(BH_MSG_SCAN_BEGIN, NULL, 0));
	assert_false(bh_message_check(BH_MSG_SCAN_BEGIN, &gone, 4));
	assert_false(bh_message_check(0, NULL, 0));
	assert_false(bh_message_check(BH_MSG_TYPES, NULL, 0));
	assert_false(bh_message_check(65535, NULL, 0));
}

static void fields_are_checked(void **state)
{
	struct bh_flow flow;
	struct bh_denial denial;
	struct bh_endpoint_fact fact;
	struct bh_binding binding = { .l3_ifname = "br0" };

	(void)state;
	memset(&flow, 0, sizeof(flow));
	flow.state = BH_FLOW_CLOSED + 1;
	assert_false(bh_message_check(BH_MSG_FLOWS, &flow, sizeof(flow)));
	flow.state = BH_FLOW_CLOSED;
	flow.key.src.family = 5;
	assert_false(bh_message_check(BH_MSG_FLOWS, &flow, sizeof(flow)));
	flow.key.src.family = BH_IPV6;
	assert_true(bh_message_check(BH_MSG_FLOWS, &flow, sizeof(flow)));
	/* A flag that is neither true nor false. */
	memset(&flow.final, 2, 1);
	assert_false(bh_message_check(BH_MSG_FLOWS, &flow, sizeof(flow)));

	flow.final = false;
	flow.first = INT64_MAX; /* nothing can be added to it */
	assert_false(bh_message_check(BH_MSG_FLOWS, &flow, sizeof(flow)));
	flow.first = -1;
	assert_false(bh_message_check(BH_MSG_FLOWS, &flow, sizeof(flow)));
	memset(&denial, 0, sizeof(denial));
	assert_true(bh_message_check(BH_MSG_DENIAL, &denial, sizeof(denial)));
	denial.time = INT64_MIN;
	assert_false(bh_message_check(BH_MSG_DENIAL, &denial, sizeof(denial)));

	memset(&fact, 0, sizeof(fact));
	assert_true(bh_message_check(BH_MSG_ENDPOINT, &fact, sizeof(fact)));
	fact.addr_count = BH_ENDPOINT_ADDRS + 1;
	assert_false(bh_message_check(BH_MSG_ENDPOINT, &fact, sizeof(fact)));
	fact.addr_count = 0;
	memset(fact.netns_name, 'x', sizeof(fact.netns_name)); /* no end */
	assert_false(bh_message_check(BH_MSG_ENDPOINT, &fact, sizeof(fact)));

	memset(binding.l3_ifname, 'b', sizeof(binding.l3_ifname));
	assert_false(bh_message_check(BH_MSG_RULES_BINDINGS, &binding, sizeof(binding)));
}

static bool tracked_passes(const struct bh_msg_tracked *tracked)
{
	return bh_message_check(BH_MSG_TRACKED, tracked, sizeof(*tracked));
}

static void entries_are_checked(void **state)
{
	struct bh_msg_tracked good, t;

	(void)state;
	memset(&good, 0, sizeof(good));
	assert_true(tracked_passes(&good));
	assert_true(bh_message_check(BH_MSG_TRACKED_GET, &good.asked, sizeof(good.asked)));
	t = good;
	t.entry.original.src.family = t.entry.original.dst.family = BH_IPV4;
	assert_false(tracked_passes(&t)); /* of two families */
	t = good;
	t.entry.start = BH_TRACKED_START_MISSED + 1;
	assert_false(tracked_passes(&t));
	t = good;
	memset(&t.found, 2, 1);
	assert_false(tracked_passes(&t));
	t = good;
	memset(&t.entry.dst_nat, 2, 1);
	assert_false(tracked_passes(&t));
}

static void cuts_are_checked(void **state)
{
	struct bh_tracked entries[2];
	struct bh_cut cut;
	struct bh_msg_entries_end end = { .code = -ETIMEDOUT };

	(void)state;
	memset(entries, 0, sizeof(entries));
	memset(&cut, 0, sizeof(cut));
	assert_true(bh_message_check(BH_MSG_ENTRIES_GET, NULL, 0));
	assert_true(bh_message_check(BH_MSG_ENTRIES, entries, sizeof(entries)));
	assert_false(bh_message_check(BH_MSG_ENTRIES, entries, sizeof(entries) - 1));
	memset(&entries[1].over, 2, 1);
	assert_false(bh_message_check(BH_MSG_ENTRIES, entries, sizeof(entries)));
	assert_true(bh_message_check(BH_MSG_ENTRIES_END, &end, sizeof(end)));
	end.code = 1;
	assert_false(bh_message_check(BH_MSG_ENTRIES_END, &end, sizeof(end)));
	assert_true(bh_message_check(BH_MSG_CUT, &cut, sizeof(cut)));
	assert_true(bh_message_check(BH_MSG_CUT_END, NULL, 0));
	cut.original.src.family = BH_IPV4; /* of two families */
	assert_false(bh_message_check(BH_MSG_CUT, &cut, sizeof(cut)));
	cut.original.dst.family = BH_IPV4;
	cut.code = -ENOENT;
	assert_true(bh_message_check(BH_MSG_CUT_OF, &cut, sizeof(cut)));
	cut.code = 1;
	assert_false(bh_message_check(BH_MSG_CUT_OF, &cut, sizeof(cut)));
}

static void rules_about_workloads_are_checked(void **state)
{
	static struct bh_config config;

	(void)state;
	bh_config_defaults(&config);
	assert_true(bh_message_check(BH_MSG_CONFIG, &config, sizeof(config)));
	assert_true(bh_grouping_add_rule(&config.grouping, "web"));
	assert_true(bh_message_check(BH_MSG_CONFIG, &config, sizeof(config)));
	config.grouping.rules[0].name = BH_GROUPING_TEXT;
	assert_false(bh_message_check(BH_MSG_CONFIG, &config, sizeof(config)));
	bh_config_defaults(&config);
	config.existing.how = BH_EXISTING_HOWS;
	assert_false(bh_message_check(BH_MSG_CONFIG, &config, sizeof(config)));
	config.existing = (struct bh_existing) { BH_EXISTING_DRAIN, BH_DRAIN_LONGEST + 1 };
	assert_false(bh_message_check(BH_MSG_CONFIG, &config, sizeof(config)));
}

static void exceptions_are_checked(void **state)
{
	struct bh_exception e = { .src_ifname = "va", .dst_ifname = "vb" };

	(void)state;
	assert_true(bh_message_check(BH_MSG_RULES_EXCEPTIONS, &e, sizeof(e)));
	assert_false(bh_message_check(BH_MSG_RULES_EXCEPTIONS, &e, sizeof(e) - 1));
	e.key.src.family = BH_IPV6; /* and the other end's is another */
	assert_false(bh_message_check(BH_MSG_RULES_EXCEPTIONS, &e, sizeof(e)));
	e.key.dst.family = BH_IPV6;
	assert_true(bh_message_check(BH_MSG_RULES_EXCEPTIONS, &e, sizeof(e)));
	memset(e.dst_ifname, 'x', sizeof(e.dst_ifname));
	assert_false(bh_message_check(BH_MSG_RULES_EXCEPTIONS, &e, sizeof(e)));
}

static void hooks_are_checked(void **state)
{
	struct bh_msg_hook hook;
	struct bh_msg_hooked hooked;

	(void)state;
	memset(&hook, 0, sizeof(hook));
	memset(&hooked, 0, sizeof(hooked));
	assert_false(bh_message_check(BH_MSG_HOOK, &hook, sizeof(hook)));
	hook.pid = 1;
	assert_true(bh_message_check(BH_MSG_HOOK, &hook, sizeof(hook)));
	memset(hook.container_id, 'x', sizeof(hook.container_id));
	assert_false(bh_message_check(BH_MSG_HOOK, &hook, sizeof(hook)));
	assert_true(bh_message_check(BH_MSG_HOOKED, &hooked, sizeof(hooked)));
	assert_false(bh_message_check(BH_MSG_HOOKED, &hooked, sizeof(hooked) - 1));
	memset(&hooked.found, 2, 1);
	assert_false(bh_message_check(BH_MSG_HOOKED, &hooked, sizeof(hooked)));
	struct bh_proof proof = { .time = 1, .ifname = "br0", .state = BH_PROOF_GONE };
	assert_true(bh_message_check(BH_MSG_PROOF, &proof, sizeof(proof)));
	proof.state = BH_PROOF_STATES;
	assert_false(bh_message_check(BH_MSG_PROOF, &proof, sizeof(proof)));
	proof.state = BH_PROOF_PROVED;
	memset(&proof.seen[BH_PROOF_RECEIVED][1].deny_arrived, 2, 1);
	assert_false(bh_message_check(BH_MSG_PROOF, &proof, sizeof(proof)));
	struct bh_msg_probing probing = { .since = 2 };
	assert_true(bh_message_check(BH_MSG_PROBING, &probing, sizeof(probing)));
	probing.until = 1;
	assert_false(bh_message_check(BH_MSG_PROBING, &probing, sizeof(probing)));
	struct bh_msg_given_up given_up = { .time = 1, .container_id = "a", .why = "b" };
	assert_true(bh_message_check(BH_MSG_GIVEN_UP, &given_up, sizeof(given_up)));
	memset(given_up.why, 'x', sizeof(given_up.why));
	assert_false(bh_message_check(BH_MSG_GIVEN_UP, &given_up, sizeof(given_up)));
}

static void accounting_is_checked(void **state)
{
	struct bh_msg_accounting accounting;

	(void)state;
	memset(&accounting, 0, sizeof(accounting));
	assert_true(bh_message_check(BH_MSG_ACCOUNTING, &accounting, sizeof(accounting)));
	assert_false(bh_message_check(BH_MSG_ACCOUNTING, &accounting, sizeof(accounting) - 1));
	memset(accounting.why, 'x', sizeof(accounting.why));
	assert_false(bh_message_check(BH_MSG_ACCOUNTING, &accounting, sizeof(accounting)));
	memset(&accounting, 2, 1);
	accounting.why[0] = '\0';
	assert_false(bh_message_check(BH_MSG_ACCOUNTING, &accounting, sizeof(accounting)));
}

static bool names_pass(const struct bh_named *named)
{
	return bh_message_check(BH_MSG_NAMES, named, sizeof(*named));
}

static void names_are_checked(void **state)
{
	static const char *const bad[] = { "",		 "a b",		"a\nb", "\x1b[2J",
					   "Db.example", "caf\xc3\xa9", "\x7f" };
	struct bh_named good, named;

	(void)state;
	memset(&good, 0, sizeof(good));
	good.addr.family = BH_IPV4;
	good.time = 5;
	good.until = 6;
	strcpy(good.name, "db\\032.example");
	assert_true(names_pass(&good));
	assert_false(bh_message_check(BH_MSG_NAMES, &good, sizeof(good) - 1));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		named = good;
		strcpy(named.name, bad[i]);
		assert_false(names_pass(&named));
	}
	named = good;
	memset(named.name, 'x', sizeof(named.name)); /* no end */
	assert_false(names_pass(&named));
	named = good;
	named.addr.family = BH_NO_FAMILY;
	assert_false(names_pass(&named));
	named = good;
	named.until = 4;
	assert_false(names_pass(&named));
	named = good;
	named.until = INT64_MAX;
	assert_false(names_pass(&named));
	named = good;
	named.time = -1;
	assert_false(names_pass(&named));
}

static void claims_are_checked(void **state)
{
	struct bh_claim claims[2];

	(void)state;
	memset(claims, 0, sizeof(claims));
	strcpy(claims[0].name, "shop.example");
	strcpy(claims[1].name, "xn--bcher-kva.example");
	assert_true(bh_message_check(BH_MSG_CLAIMS, claims, sizeof(claims)));
	assert_false(bh_message_check(BH_MSG_CLAIMS, claims, sizeof(claims) - 1));
	strcpy(claims[1].name, "a\x1b[2J");
	assert_false(bh_message_check(BH_MSG_CLAIMS, claims, sizeof(claims)));
	memset(claims[1].name, 'x', sizeof(claims[1].name));
	assert_false(bh_message_check(BH_MSG_CLAIMS, claims, sizeof(claims)));
}

static bool neighbour_passes(const struct bh_msg_neighbour *neighbour)
{
	return bh_message_check(BH_MSG_NEIGHBOURS, neighbour, sizeof(*neighbour));
}

static void neighbours_are_checked(void **state)
{
	struct bh_msg_neighbour good, neighbour;

	(void)state;
	memset(&good, 0, sizeof(good));
	good.said.is_arp = true;
	good.said.addr.family = BH_IPV4;
	assert_true(neighbour_passes(&good));
	assert_false(bh_message_check(BH_MSG_NEIGHBOURS, &good, sizeof(good) - 1));
	neighbour = good;
	neighbour.said.is_arp = false;
	assert_false(neighbour_passes(&neighbour)); /* IPv4 by neighbour discovery */
	neighbour.said.addr.family = BH_IPV6;
	assert_true(neighbour_passes(&neighbour));
	neighbour.said.addr.family = BH_NO_FAMILY;
	assert_false(neighbour_passes(&neighbour));
	neighbour.sends = true; /* a frame's sender claims no address */
	assert_true(neighbour_passes(&neighbour));
	neighbour = good;
	neighbour.sends = true;
	assert_false(neighbour_passes(&neighbour));
	neighbour = good;
	*(uint8_t *)&neighbour.sends = 2;
	assert_false(neighbour_passes(&neighbour));
	neighbour = good;
	neighbour.said.kind = BH_NEIGHBOUR_KINDS;
	assert_false(neighbour_passes(&neighbour));
	neighbour = good;
	neighbour.time = INT64_MIN;
	assert_false(neighbour_passes(&neighbour));
	neighbour = good;
	memset(&neighbour.said.is_arp, 2, 1); /* neither true nor false */
	assert_false(neighbour_passes(&neighbour));
}

/* One end of a channel under test: what it received. */
struct receiver {
	uv_loop_t *loop;
	size_t count;
	size_t expected;
	uint16_t types[4096];
	uint32_t numbers[4096];
	int fd;
	const char *closed;
};

static void on_message(void *user, struct bh_channel *channel, const struct bh_message *m)
{
	struct receiver *r = user;

	(void)channel;
	r->types[r->count] = m->type;
	if (m->length >= sizeof(uint32_t))
		memcpy(&r->numbers[r->count], m->data, sizeof(uint32_t));
	if (m->fd >= 0)
		r->fd = m->fd;
	if (++r->count == r->expected)
		uv_stop(r->loop);
}

static void on_closed(void *user, struct bh_channel *channel, const char *why)
{
	struct receiver *r = user;

	r->closed = why;
	bh_channel_free(channel);
	uv_stop(r->loop);
}

struct pair {
	uv_loop_t loop;
	struct receiver a, b;
	struct bh_channel *left, *right;
	int fds[2];
};

static void open_pair(struct pair *p, size_t limit)
{
	memset(p, 0, sizeof(*p));
	uv_loop_init(&p->loop);
	assert_int_equal(bh_channel_pair(p->fds), 0);
	p->a.loop = p->b.loop = &p->loop;
	p->a.fd = p->b.fd = -1;
	struct bh_channel_handlers left = { &p->a, on_message, on_closed };
	struct bh_channel_handlers right = { &p->b, on_message, on_closed };
	p->left = bh_channel_new(&p->loop, p->fds[0], &left, limit);
	p->right = bh_channel_new(&p->loop, p->fds[1], &right, limit);
}

static void close_pair(struct pair *p)
{
	if (p->a.closed == NULL)
		bh_channel_free(p->left);
	if (p->b.closed == NULL)
		bh_channel_free(p->right);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&p->loop), 0);
}

static void tampering_is_checked(void **state)
{
	struct bh_tampering t = { .time = 1, .found = BH_TAMPERING_LEFT };
	struct bh_tables_state s = { .verified = 1 };

	(void)state;
	assert_true(bh_message_check(BH_MSG_TAMPERING, &t, sizeof(t)));
	memset(t.done, 'x', sizeof(t.done)); /* no end */
	assert_false(bh_message_check(BH_MSG_TAMPERING, &t, sizeof(t)));
	t.done[0] = '\0';
	t.found = BH_TAMPERING_FOUND;
	assert_false(bh_message_check(BH_MSG_TAMPERING, &t, sizeof(t)));
	assert_true(bh_message_check(BH_MSG_TABLES_STATE, &s, sizeof(s)));
	memset(&s.contested, 2, 1);
	assert_false(bh_message_check(BH_MSG_TABLES_STATE, &s, sizeof(s)));
}

/* More than a socket buffer holds, so that most of it waits in the queue. */
static void foreign_chains_are_checked(void **state)
{
	struct bh_foreign foreign;

	(void)state;
	memset(&foreign, 0, sizeof(foreign));
	foreign.count = BH_FOREIGN_CHAINS;
	assert_true(bh_message_check(BH_MSG_FOREIGN, &foreign, sizeof(foreign)));
	assert_false(bh_message_check(BH_MSG_FOREIGN, &foreign, sizeof(foreign) - 1));
	assert_true(bh_message_check(BH_MSG_FOREIGN_GET, NULL, 0));
	memset(foreign.chains[3].name, 'x', sizeof(foreign.chains[3].name)); /* no end */
	assert_false(bh_message_check(BH_MSG_FOREIGN, &foreign, sizeof(foreign)));
	foreign.chains[3].name[0] = '\0';
	memset(&foreign.chains[5].rules_drop, 2, 1);
	assert_false(bh_message_check(BH_MSG_FOREIGN, &foreign, sizeof(foreign)));
	foreign.chains[5].rules_drop = false;
	foreign.count++;
	assert_false(bh_message_check(BH_MSG_FOREIGN, &foreign, sizeof(foreign)));
}

static void order_survives_a_full_socket(void **state)
{
	static struct pair p;
	static char bulk[40000];

	(void)state;
	open_pair(&p, 64 << 20);
	p.b.expected = 300;
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(bh_channel_send(p.left, BH_MSG_RUNTIME_DATA, &i, sizeof(i), bulk,
						 sizeof(bulk), -1),
				 0);
	assert_true(bh_channel_queued(p.left) > 0);
	uv_run(&p.loop, UV_RUN_DEFAULT);
	assert_int_equal(p.b.count, 300);
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(p.b.numbers[i], i);
	assert_int_equal(bh_channel_queued(p.left), 0);
	close_pair(&p);
}

static void a_full_queue_refuses(void **state)
{
	static struct pair p;
	static char bulk[40000];
	int sent = 0, result = 0;

	(void)state;
	open_pair(&p, 100000);
	for (uint32_t i = 0; i < 1000 && result == 0; i++, sent++)
		result = bh_channel_send(p.left, BH_MSG_RUNTIME_DATA, &i, sizeof(i), bulk,
					 sizeof(bulk), -1);
	assert_int_equal(result, -ENOBUFS);
	p.b.expected = (size_t)sent - 1;
	uv_run(&p.loop, UV_RUN_DEFAULT);
	assert_int_equal(p.b.count, sent - 1);
	assert_int_equal(bh_channel_send(p.left, BH_MSG_NFLOG, bulk, BH_MESSAGE_MAX, NULL, 0, -1),
			 -EMSGSIZE);
	close_pair(&p);
}

static void descriptors_travel(void **state)
{
	static struct pair p;
	int pipe_fds[2];
	uint32_t worker = 1;
	char byte = 0;

	(void)state;
	open_pair(&p, 1 << 20);
	assert_int_equal(pipe(pipe_fds), 0);
	p.b.expected = 1;
	assert_int_equal(
		bh_channel_send(p.left, BH_MSG_PEER, &worker, sizeof(worker), NULL, 0, pipe_fds[1]),
		0);
	uv_run(&p.loop, UV_RUN_DEFAULT);
	assert_true(p.b.fd >= 0);
	assert_int_equal(write(p.b.fd, "x", 1), 1);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(p.b.fd);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	close_pair(&p);
}

static void broken_messages_close_the_channel(void **state)
{
	static struct pair p;
	uint32_t wrong[3] = { 0xffffffff, 7, 8 };

	(void)state;
	open_pair(&p, 1 << 20);
	assert_int_equal(write(p.fds[0], wrong, sizeof(wrong)), sizeof(wrong));
	uv_run(&p.loop, UV_RUN_DEFAULT);
	assert_string_equal(p.b.closed, "a message that is not well-formed");
	assert_int_equal(p.b.count, 0);
	close_pair(&p);
}

static void the_other_end_is_missed(void **state)
{
	static struct pair p;

	(void)state;
	open_pair(&p, 1 << 20);
	bh_channel_free(p.left);
	p.a.closed = "freed";
	uv_run(&p.loop, UV_RUN_DEFAULT);
	assert_string_equal(p.b.closed, "the other process is gone");
	close_pair(&p);
}

/* --- rules ------------------------------------------------------------------------------------ */

struct rules_receiver {
	uv_loop_t *loop;
	struct bh_rules_builder builder;
	struct bh_ruleset *rules;
};

static void on_rules(void *user, struct bh_channel *channel, const struct bh_message *m)
{
	struct rules_receiver *r = user;
	bool broken;

	(void)channel;
	r->rules = bh_rules_take(&r->builder, m, &broken);
	assert_false(broken);
	if (r->rules != NULL)
		uv_stop(r->loop);
}

static void no_close(void *user, struct bh_channel *channel, const char *why)
{
	(void)user;
	(void)channel;
	fail_msg("channel closed: %s", why);
}

static struct bh_ruleset *sample_rules(size_t permits)
{
	struct bh_ruleset *rules = bh_ruleset_new();

	strcpy(rules->revision, "abc");
	rules->posture = BH_POSTURE_CLOSED;
	rules->blank = true;
	rules->sensitive = (struct bh_sensitive) { .count = 2, .ports = { 22, 5432 } };
	for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++) {
		struct bh_chain *chain = bh_ruleset_add_chain(rules);

		strcpy(chain->workload, "compose:shop/web");
		bh_chain_hash(chain->workload, chain->hash);
		chain->side = side;
		chain->mode = BH_ENFORCE;
		for (size_t i = 0; i < permits; i++) {
			struct bh_permit *permit = bh_chain_add_permit(chain);

			permit->proto = 6;
			permit->port_first = permit->port_last = (uint16_t)i;
		}
	}
	*bh_ruleset_add_binding(rules) =
		(struct bh_binding) { .l3_ifname = "br0", .egress = 0, .ingress = 1 };
	struct bh_port *port = bh_ruleset_add_port(rules, 2);
	strcpy(port->ifname, "veth1");
	port->addrs[1].family = BH_IPV6;
	port->addrs[1].bytes[15] = 9;
	*bh_ruleset_add_bridge(rules) =
		(struct bh_bridge) { .ifname = "br0", .ifindex = 4, .filtered = true };
	return rules;
}

static void rules_arrive_whole(void **state)
{
	static uv_loop_t loop;
	int fds[2];
	struct rules_receiver receiver = { .loop = &loop };
	struct bh_channel_handlers right = { &receiver, on_rules, no_close };
	struct bh_channel_handlers left = { NULL, NULL, NULL };
	struct bh_ruleset *sent = sample_rules(5000);

	(void)state;
	for (uint16_t i = 0; i < 2000; i++)
		bh_ruleset_add_exception(sent)->key.sport = i;
	uv_loop_init(&loop);
	assert_int_equal(bh_channel_pair(fds), 0);
	struct bh_channel *out = bh_channel_new(&loop, fds[0], &left, 64 << 20);
	struct bh_channel *in = bh_channel_new(&loop, fds[1], &right, 1 << 20);
	assert_int_equal(bh_rules_send(out, sent, 7), 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	const struct bh_ruleset *got = receiver.rules;
	assert_non_null(got);
	assert_string_equal(got->revision, "abc");
	assert_int_equal(got->posture, BH_POSTURE_CLOSED);
	assert_true(got->blank);
	assert_memory_equal(&got->sensitive, &sent->sensitive, sizeof(sent->sensitive));
	assert_int_equal(got->chain_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(got->chains[i].permit_count, 5000);
		assert_memory_equal(got->chains[i].permits, sent->chains[i].permits,
				    5000 * sizeof(struct bh_permit));
		assert_string_equal(got->chains[i].workload, "compose:shop/web");
		assert_int_equal(got->chains[i].side, i);
	}
	assert_int_equal(got->binding_count, 1);
	assert_int_equal(got->bindings[0].ingress, 1);
	assert_int_equal(got->port_count, 1);
	assert_int_equal(got->ports[0].addr_count, 2);
	assert_int_equal(got->ports[0].addrs[1].bytes[15], 9);
	assert_true(got->bridges[0].filtered);
	assert_int_equal(got->exception_count, 2000);
	assert_int_equal(got->exceptions[1999].key.sport, 1999);
	bh_ruleset_free(sent);
	bh_ruleset_free(receiver.rules);
	bh_channel_free(out);
	bh_channel_free(in);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static bool is_broken(struct bh_rules_builder *builder, uint16_t type, const void *data,
		      size_t length)
{
	struct bh_message m = { .type = type, .data = data, .length = length, .fd = -1 };
	bool broken;

	assert_null(bh_rules_take(builder, &m, &broken));
	return broken;
}

static void rules_out_of_order_are_refused(void **state)
{
	struct bh_rules_builder builder = { 0 };
	struct bh_msg_rules_begin begin = { 0 };
	struct bh_permit permit = { 0 };
	struct bh_binding beyond = { .egress = 0, .ingress = 0 };

	(void)state;
	assert_true(is_broken(&builder, BH_MSG_RULES_PERMITS, &permit, sizeof(permit)));
	assert_false(is_broken(&builder, BH_MSG_RULES_BEGIN, &begin, sizeof(begin)));
	assert_true(is_broken(&builder, BH_MSG_RULES_PERMITS, &permit, sizeof(permit)));
	assert_false(is_broken(&builder, BH_MSG_RULES_BEGIN, &begin, sizeof(begin)));
	/* A binding to a chain that is not there. */
	assert_true(is_broken(&builder, BH_MSG_RULES_BINDINGS, &beyond, sizeof(beyond)));
	assert_null(builder.rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_are_checked),
		cmocka_unit_test(fields_are_checked),
		cmocka_unit_test(entries_are_checked),
		cmocka_unit_test(cuts_are_checked),
		cmocka_unit_test(rules_about_workloads_are_checked),
		cmocka_unit_test(exceptions_are_checked),
		cmocka_unit_test(hooks_are_checked),
		cmocka_unit_test(accounting_is_checked),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(claims_are_checked),
		cmocka_unit_test(neighbours_are_checked),
		cmocka_unit_test(foreign_chains_are_checked),
		cmocka_unit_test(tampering_is_checked),
		cmocka_unit_test(order_survives_a_full_socket),
		cmocka_unit_test(a_full_queue_refuses),
		cmocka_unit_test(descriptors_travel),
		cmocka_unit_test(broken_messages_close_the_channel),
		cmocka_unit_test(the_other_end_is_missed),
		cmocka_unit_test(rules_arrive_whole),
		cmocka_unit_test(rules_out_of_order_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
