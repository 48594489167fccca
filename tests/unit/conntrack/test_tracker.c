/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connection tracking, followed in a namespace of its own that ends with the program; entries are
 * made and deleted through libnetfilter_conntrack. Needs root; skips (77) without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "tracker.h"

#define MANY 3000
#define SMALL_BUFFER 4096

struct seen {
	int entries, made, ended, dumps, code;
	uint64_t overruns;
	struct bh_tracked last;
};

static void on_entry(void *user, const struct bh_tracked *entry)
{
	struct seen *seen = user;

	seen->entries++;
	seen->made += entry->news == BH_TRACKED_MADE;
	seen->ended += entry->news == BH_TRACKED_ENDED;
	seen->last = *entry;
}

static void on_dumped(void *user, int code)
{
	struct seen *seen = user;

	seen->dumps++;
	seen->code = code;
}

static void on_overrun(void *user, uint64_t count)
{
	((struct seen *)user)->overruns = count;
}

static struct bh_tracker *open_tracker(const struct bh_tracker_config *config, struct seen *seen)
{
	struct bh_tracker_events events = { seen, on_entry, on_dumped, on_overrun };
	struct bh_error err = { 0 };
	struct bh_tracker *t = bh_tracker_open(config, &events, &err);

	if (t == NULL)
		fail_msg("%s", err.text);
	return t;
}

/* Reads until nothing has come for a moment. */
static void settle(struct bh_tracker *t)
{
	int fds[BH_TRACKER_FDS];
	struct pollfd polls[BH_TRACKER_FDS];
	size_t count = bh_tracker_fds(t, fds);

	for (size_t i = 0; i < count; i++)
		polls[i] = (struct pollfd) { .fd = fds[i], .events = POLLIN };
	while (poll(polls, count, 200) > 0)
		assert_int_equal(bh_tracker_read(t), 0);
}

static void set_addr(struct nf_conntrack *ct, enum nf_conntrack_attr four,
		     enum nf_conntrack_attr six, const struct bh_addr *addr)
{
	nfct_set_attr(ct, addr->family == BH_IPV4 ? four : six, addr->bytes);
}

/* An entry of TCP: client:40000 → named:80, which is in fact served by server:8080, as seen from
 * `gateway`. */
struct sketch {
	const char *client, *named, *server, *gateway;
	uint8_t tcp_flags;
	uint32_t status;
};

static struct bh_addr parse(const char *text)
{
	struct bh_addr addr;

	assert_true(bh_addr_parse(text, &addr));
	return addr;
}

static struct nf_conntrack *draw(const struct sketch *s, uint16_t sport)
{
	struct nf_conntrack *ct = nfct_new();
	struct bh_addr client = parse(s->client), named = parse(s->named),
		       server = parse(s->server), gateway = parse(s->gateway);

	nfct_set_attr_u8(ct, ATTR_L3PROTO, client.family == BH_IPV4 ? AF_INET : AF_INET6);
	set_addr(ct, ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC, &client);
	set_addr(ct, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST, &named);
	set_addr(ct, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC, &server);
	set_addr(ct, ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_DST, &gateway);
	nfct_set_attr_u8(ct, ATTR_REPL_L3PROTO, client.family == BH_IPV4 ? AF_INET : AF_INET6);
	nfct_set_attr_u8(ct, ATTR_L4PROTO, IPPROTO_TCP);
	nfct_set_attr_u8(ct, ATTR_REPL_L4PROTO, IPPROTO_TCP);
	nfct_set_attr_u16(ct, ATTR_ORIG_PORT_SRC, htons(sport));
	nfct_set_attr_u16(ct, ATTR_ORIG_PORT_DST, htons(80));
	nfct_set_attr_u16(ct, ATTR_REPL_PORT_SRC, htons(8080));
	nfct_set_attr_u16(ct, ATTR_REPL_PORT_DST, htons(sport));
	nfct_set_attr_u32(ct, ATTR_STATUS, IPS_CONFIRMED | s->status);
	nfct_set_attr_u32(ct, ATTR_TIMEOUT, 600);
	nfct_set_attr_u8(ct, ATTR_TCP_STATE, TCP_CONNTRACK_ESTABLISHED);
	nfct_set_attr_u8(ct, ATTR_TCP_FLAGS_ORIG, s->tcp_flags);
	nfct_set_attr_u8(ct, ATTR_TCP_MASK_ORIG, 0xff);
	nfct_set_attr_u8(ct, ATTR_TCP_FLAGS_REPL, s->tcp_flags);
	nfct_set_attr_u8(ct, ATTR_TCP_MASK_REPL, 0xff);
	return ct;
}

static void change(enum nf_conntrack_query query, const struct sketch *s, uint16_t sport)
{
	struct nfct_handle *handle = nfct_open(CONNTRACK, 0);
	struct nf_conntrack *ct = draw(s, sport);

	assert_non_null(handle);
	if (nfct_query(handle, query, ct) != 0)
		fail_msg("entry: %s", strerror(errno));
	nfct_destroy(ct);
	nfct_close(handle);
}

static const struct sketch direct = { "10.0.0.2", "10.0.0.3", "10.0.0.3",
				      "10.0.0.2", 0,	      IPS_SEEN_REPLY | IPS_ASSURED };
static const struct sketch direct6 = { "fd00::2", "fd00::3", "fd00::3", "fd00::2", 0, 0 };
static const struct sketch adopted = {
	"10.0.0.2", "10.0.0.4", "10.0.0.4", "10.0.0.2", IP_CT_TCP_FLAG_BE_LIBERAL, 0
};

static void assert_key(const struct bh_flow_key *key, const char *src, uint16_t sport,
		       const char *dst, uint16_t dport)
{
	struct bh_addr a = parse(src), b = parse(dst);

	assert_true(bh_addr_equal(&key->src, &a));
	assert_true(bh_addr_equal(&key->dst, &b));
	assert_int_equal(key->sport, sport);
	assert_int_equal(key->dport, dport);
	assert_int_equal(key->proto, IPPROTO_TCP);
}

static void test_dump(void **state)
{
	struct seen seen = { 0 };
	struct bh_tracker *t = open_tracker(&(struct bh_tracker_config) { 0 }, &seen);

	(void)state;
	change(NFCT_Q_CREATE, &direct, 40000);
	change(NFCT_Q_CREATE, &direct6, 40000);
	assert_int_equal(bh_tracker_dump(t), 0);
	assert_int_equal(bh_tracker_dump(t), 0); /* it runs already */
	settle(t);
	assert_int_equal(seen.dumps, 1);
	assert_int_equal(seen.code, 0);
	assert_int_equal(seen.entries, 2);
	change(NFCT_Q_DESTROY, &direct6, 40000);
	bh_tracker_dump(t);
	settle(t);
	assert_int_equal(seen.entries, 3);
	assert_int_equal(seen.last.news, BH_TRACKED_FOUND);
	assert_int_equal(seen.last.start, BH_TRACKED_START_SEEN);
	assert_true(seen.last.seen_reply && seen.last.assured);
	assert_false(seen.last.src_nat || seen.last.dst_nat || seen.last.counted);
	assert_key(&seen.last.original, "10.0.0.2", 40000, "10.0.0.3", 80);
	change(NFCT_Q_DESTROY, &direct, 40000);
	bh_tracker_close(t);
}

static struct bh_flow_key key_of(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	return (struct bh_flow_key) { parse(src), parse(dst), sport, dport, IPPROTO_TCP };
}

static void test_find(void **state)
{
	struct seen seen = { 0 };
	struct bh_tracker *t = open_tracker(&(struct bh_tracker_config) { 0 }, &seen);
	const struct bh_flow_key keys[] = {
		key_of("10.0.0.2", 40000, "10.0.0.3", 80),   /* as an original tuple */
		key_of("10.0.0.3", 8080, "10.0.0.2", 40000), /* as a reply */
		key_of("10.0.0.2", 40001, "10.0.0.3", 80),   /* nobody's */
		key_of("fd00::2", 40000, "fd00::3", 80),
	};

	(void)state;
	change(NFCT_Q_CREATE, &direct, 40000);
	change(NFCT_Q_CREATE, &direct6, 40000);
	assert_int_equal(bh_tracker_find(t, keys, 4), 3);
	assert_int_equal(seen.entries, 3);
	assert_key(&seen.last.original, "fd00::2", 40000, "fd00::3", 80);
	assert_key(&seen.last.reply, "fd00::3", 8080, "fd00::2", 40000);
	assert_int_equal(bh_tracker_find(t, &keys[2], 1), 0);
	change(NFCT_Q_DESTROY, &direct, 40000);
	change(NFCT_Q_DESTROY, &direct6, 40000);
	bh_tracker_close(t);
}

static void test_find_many(void **state)
{
	struct seen seen = { 0 };
	struct bh_tracker *t = open_tracker(&(struct bh_tracker_config) { 0 }, &seen);
	struct bh_flow_key keys[300];

	(void)state;
	for (uint16_t i = 0; i < 300; i++) {
		keys[i] = key_of("10.0.0.2", (uint16_t)(40000 + i), "10.0.0.3", 80);
		change(NFCT_Q_CREATE, &direct, (uint16_t)(40000 + i));
	}
	assert_int_equal(bh_tracker_find(t, keys, 300), 300);
	for (uint16_t i = 0; i < 300; i++)
		change(NFCT_Q_DESTROY, &direct, (uint16_t)(40000 + i));
	assert_int_equal(bh_tracker_find(t, keys, 300), 0);
	bh_tracker_close(t);
}

/* Its src is whoever spoke first then. */
static void test_midstream(void **state)
{
	struct seen seen = { 0 };
	struct bh_tracker *t = open_tracker(&(struct bh_tracker_config) { 0 }, &seen);
	struct bh_flow_key key = key_of("10.0.0.2", 40000, "10.0.0.4", 80);

	(void)state;
	change(NFCT_Q_CREATE, &adopted, 40000);
	assert_int_equal(bh_tracker_find(t, &key, 1), 1);
	assert_int_equal(seen.last.start, BH_TRACKED_START_MISSED);
	change(NFCT_Q_DESTROY, &adopted, 40000);
	bh_tracker_close(t);
}

static void test_news(void **state)
{
	struct seen seen = { 0 };
	struct bh_tracker_config config = { .made = true, .ended = true };
	struct bh_tracker *t = open_tracker(&config, &seen);

	(void)state;
	change(NFCT_Q_CREATE, &direct, 40000);
	settle(t);
	assert_int_equal(seen.made, 1);
	change(NFCT_Q_DESTROY, &direct, 40000);
	settle(t);
	assert_int_equal(seen.ended, 1);
	assert_int_equal(seen.entries, 2);
	/* The kernel does not repeat how it began. */
	assert_int_equal(seen.last.start, BH_TRACKED_START_UNSURE);
	assert_key(&seen.last.original, "10.0.0.2", 40000, "10.0.0.3", 80);
	bh_tracker_close(t);
}

/* What news did not tell, the dump that follows at once does. */
static void test_overrun(void **state)
{
	struct seen seen = { 0 };
	struct bh_tracker_config config = { .made = true, .receive_buffer = SMALL_BUFFER };
	struct bh_tracker *t = open_tracker(&config, &seen);

	(void)state;
	for (uint16_t i = 0; i < MANY; i++)
		change(NFCT_Q_CREATE, &direct, (uint16_t)(40000 + i));
	settle(t);
	assert_true(seen.overruns > 0);
	assert_true(seen.made < MANY);
	assert_true(seen.dumps > 0);
	assert_true(seen.entries - seen.made >= MANY);
	for (uint16_t i = 0; i < MANY; i++)
		change(NFCT_Q_DESTROY, &direct, (uint16_t)(40000 + i));
	bh_tracker_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dump),	  cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_many), cmocka_unit_test(test_midstream),
		cmocka_unit_test(test_news),	  cmocka_unit_test(test_overrun),
	};

	if (unshare(CLONE_NEWNET) != 0) {
		printf("SKIPPED: namespaces cannot be made: %s\n", strerror(errno));
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
