/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live capture, in a network namespace of its own that ends with the program: frames put on one end
 * of a veth go out of it and come in at the other. Needs root; skips (77) without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "build.h"
#include "source.h"
#include "timefmt.h"

#define FRAMES 50

struct fixture {
	struct bh_live_source *source;
	struct bh_flow_table *table;
	struct bh_flow last;
	unsigned whole;	      /* packets of DNS that came with all of their payload … */
	unsigned cut;	      /* … and without */
	uint32_t left, right; /* ifindexes */
	int fd;
};

static void keep(void *user, const struct bh_flow *flow)
{
	((struct fixture *)user)->last = *flow;
}

static void run(const char *command)
{
	if (system(command) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		exit(1);
	}
}

static void make_links(struct fixture *f)
{
	run("ip link add packet0 type veth peer name packet1");
	run("ip link set packet0 addrgenmode none && ip link set packet1 addrgenmode none");
	run("ip link set packet0 up && ip link set packet1 up");
	f->left = if_nametoindex("packet0");
	f->right = if_nametoindex("packet1");
	f->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)f->left };
	if (f->fd < 0 || bind(f->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		exit(1);
}

static void send_frames(const struct fixture *f, int count)
{
	struct bytes b = { 0 };

	put_ethernet(&b, 0x0800);
	put_ipv4(&b, "10.9.0.1", "10.9.0.2", IPPROTO_UDP, 8 + 400);
	put_udp(&b, 1000, 2000, 400);
	for (int i = 0; i < count; i++)
		assert_int_equal(send(f->fd, b.data, b.length, 0), b.length);
}

/* Until nothing more comes for a while. */
static int read_all(struct fixture *f)
{
	struct pollfd ready = { .fd = bh_live_source_fd(f->source), .events = POLLIN };
	int total = 0;

	while (poll(&ready, 1, 500) > 0) {
		int got = bh_live_source_read(f->source, f->table, NULL);

		assert_true(got >= 0);
		total += got;
	}
	return total;
}

static int open_fixture(void **state)
{
	static struct fixture f;
	struct bh_live_config live = { .ring_bytes = 4 << 20, .snaplen = 128 };
	struct bh_flow_table_config config = { .max_flows = 100,
					       .idle_timeout = 60 * BH_SECOND,
					       .tcp_idle_timeout = 60 * BH_SECOND,
					       .closed_linger = 5 * BH_SECOND,
					       .live = true };
	struct bh_error err = { 0 };
	struct bh_addr dst = { BH_IPV4, { 10, 9, 0, 2 } };

	if (f.left == 0)
		make_links(&f);
	f.source = bh_live_source_open(&live, &err);
	if (f.source == NULL) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	f.table = bh_flow_table_new(&config, keep, &f);
	bh_flow_table_bind(f.table, f.left, &dst);
	f.last = (struct bh_flow) { 0 };
	read_all(&f); /* whatever the links said when they came up */
	*state = &f;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;

	bh_live_source_close(f->source);
	bh_flow_table_free(f->table);
	return 0;
}

static void frames_are_seen_on_both_interfaces(void **state)
{
	struct fixture *f = *state;
	uint64_t received, dropped;

	bh_live_source_loss(f->source, &received, &dropped);
	send_frames(f, FRAMES);
	assert_int_equal(read_all(f), 2 * FRAMES);
	bh_flow_table_flush(f->table);
	/* What is bound to the left end went out there; to the right one it came in. */
	assert_int_equal(f->last.tx.sent.packets, FRAMES);
	assert_int_equal(f->last.tx.delivered.packets, FRAMES);
	assert_int_equal(f->last.tx.sent.bytes, FRAMES * 428); /* beyond the snaplen too */
	assert_int_equal(f->last.src_ifindex, f->right);
	assert_int_equal(f->last.dst_ifindex, f->left);
	bh_live_source_loss(f->source, &received, &dropped);
	assert_int_equal(received, 2 * FRAMES);
	assert_int_equal(dropped, 0);
	bh_live_source_loss(f->source, &received, &dropped);
	assert_int_equal(received, 0); /* since the last call */
}

/* Not even counted as received: the kernel's filter did it. */
static void excluded_interfaces_never_leave_the_kernel(void **state)
{
	struct fixture *f = *state;
	uint32_t one[] = { 1, f->left }, both[] = { 1, f->left, f->right };
	uint64_t received, dropped;

	assert_int_equal(bh_live_source_exclude(f->source, one, 2, NULL), 0);
	bh_live_source_loss(f->source, &received, &dropped);
	send_frames(f, FRAMES);
	assert_int_equal(read_all(f), FRAMES);
	bh_live_source_loss(f->source, &received, &dropped);
	assert_int_equal(received, FRAMES);

	assert_int_equal(bh_live_source_exclude(f->source, both, 3, NULL), 0);
	send_frames(f, FRAMES);
	assert_int_equal(read_all(f), 0);
	bh_live_source_loss(f->source, &received, &dropped);
	assert_int_equal(received, 0);

	assert_int_equal(bh_live_source_exclude(f->source, NULL, 0, NULL), 0);
	send_frames(f, FRAMES);
	assert_int_equal(read_all(f), 2 * FRAMES);
}

static void long_lists_are_filtered_too(void **state)
{
	struct fixture *f = *state;
	uint32_t many[1000];
	struct bh_error err = { 0 };
	uint64_t received, dropped;

	for (uint32_t i = 0; i < 1000; i++)
		many[i] = 5000 + i;
	many[500] = f->left;
	many[999] = f->right;
	assert_int_equal(bh_live_source_exclude(f->source, many, 1000, &err), 0);
	bh_live_source_loss(f->source, &received, &dropped);
	send_frames(f, FRAMES);
	assert_int_equal(read_all(f), 0);
	bh_live_source_loss(f->source, &received, &dropped);
	assert_int_equal(received, 0);
}

static void lists_beyond_the_kernels_measure_are_refused(void **state)
{
	struct fixture *f = *state;
	uint32_t many[5000];
	struct bh_error err = { 0 };

	for (uint32_t i = 0; i < 5000; i++)
		many[i] = 5000 + i;
	assert_int_equal(bh_live_source_exclude(f->source, many, 5000, &err), -E2BIG);
	assert_non_null(strstr(err.text, "5000"));
	send_frames(f, 1); /* and the filter before it stands */
	assert_int_equal(read_all(f), 2);
}

static void note_payload(void *user, const struct bh_packet *packet)
{
	struct fixture *f = user;

	*(packet->dns_captured == 400 ? &f->whole : &f->cut) += 1;
}

/* A header that puts the ports behind the 128th byte. */
static void send_extended(const struct fixture *f, unsigned port)
{
	struct bytes b = { 0 };

	put_ethernet(&b, 0x86dd);
	put_ipv6(&b, "fd00::1", "fd00::2", IPPROTO_DSTOPTS, 256 + 8 + 400);
	put8(&b, IPPROTO_UDP);
	put8(&b, 31);
	put_zeros(&b, 254);
	put_udp(&b, 1000, port, 400);
	assert_int_equal(send(f->fd, b.data, b.length, 0), b.length);
}

static void send_dns(const struct fixture *f, unsigned proto)
{
	struct bytes b = { 0 };

	put_ethernet(&b, 0x0800);
	put_ipv4(&b, "10.9.0.1", "10.9.0.2", proto, (proto == IPPROTO_TCP ? 20 : 8) + 400);
	if (proto == IPPROTO_TCP) {
		put_tcp(&b, 1000, 53, 0x18, 1, 1);
		put_zeros(&b, 400);
	} else {
		put_udp(&b, 53, 1000, 400);
	}
	assert_int_equal(send(f->fd, b.data, b.length, 0), b.length);
}

static void dns_alone_is_captured_whole(void **state)
{
	struct fixture *f = *state;
	uint32_t left[] = { 1, f->left };

	f->whole = f->cut = 0;
	bh_flow_table_show_dns(f->table, note_payload, f);
	send_dns(f, IPPROTO_UDP);
	send_dns(f, IPPROTO_TCP);
	assert_int_equal(read_all(f), 4);
	assert_int_equal(f->whole, 4); /* on both interfaces */
	send_extended(f, 80);
	assert_int_equal(read_all(f), 2);
	assert_int_equal(bh_flow_table_stats(f->table).undecoded[BH_TRUNCATED], 2);

	assert_int_equal(bh_live_source_exclude(f->source, left, 2, NULL), 0);
	send_dns(f, IPPROTO_UDP);
	send_extended(f, 80);
	assert_int_equal(read_all(f), 2);
	assert_int_equal(f->whole, 5);
	assert_int_equal(f->cut, 0);
	assert_int_equal(bh_flow_table_stats(f->table).undecoded[BH_TRUNCATED], 3);
}

/* The name stands behind what is kept of other packets. */
/* A filter that reads beyond the end of a packet drops it, and nobody hears of it. */
static void packets_too_short_for_ports_are_counted(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		struct bytes b = { 0 };

		put_ethernet(&b, 0x0800);
		put_ipv4(&b, "10.9.0.1", "10.9.0.2", i == 0 ? IPPROTO_UDP : IPPROTO_TCP, 2);
		put_zeros(&b, 2);
		assert_int_equal(send(f->fd, b.data, b.length, 0), b.length);
	}
	assert_int_equal(read_all(f), 4); /* on both interfaces */
	assert_int_equal(bh_flow_table_stats(f->table).undecoded[BH_MALFORMED], 4);
}

static void send_hello(const struct fixture *f, bool ip6)
{
	struct bytes hello = { 0 }, b = { 0 };

	put(&hello, "\x16\x03\x01\x01\x2c\x01\x00\x01\x28\x03\x03", 11);
	put_zeros(&hello, 32 + 1);
	put(&hello, "\x00\x02\x13\x01\x01\x00\x00\xfd\x00\x33\x00\xe8", 12);
	put_zeros(&hello, 232);
	put(&hello, "\x00\x00\x00\x0d\x00\x0b\x00\x00\x08pay.test", 17);
	put_ethernet(&b, ip6 ? 0x86dd : 0x0800);
	if (ip6)
		put_ipv6(&b, "fd00::1", "fd00::2", IPPROTO_TCP, 20 + hello.length);
	else
		put_ipv4(&b, "10.9.0.1", "10.9.0.2", IPPROTO_TCP, 20 + hello.length);
	put_tcp(&b, 1000, 8443, 0x18, 1, 1);
	put(&b, hello.data, hello.length);
	assert_int_equal(send(f->fd, b.data, b.length, 0), b.length);
}

static void note_claim(void *user, uint64_t flow_id, const char *name)
{
	struct fixture *f = user;

	assert_true(flow_id > 0);
	assert_string_equal(name, "pay.test");
	f->whole++;
}

static void a_hello_is_captured_whole(void **state)
{
	struct fixture *f = *state;

	f->whole = 0;
	bh_flow_table_show_claims(f->table, note_claim, f);
	send_hello(f, false);
	send_hello(f, false); /* one claim a flow */
	send_hello(f, true);
	assert_int_equal(read_all(f), 6);
	assert_int_equal(f->whole, 2);
}

static void send_tcp(const struct fixture *f, bool ipv6, unsigned flags, int count)
{
	struct bytes b = { 0 };

	put_ethernet(&b, ipv6 ? 0x86dd : 0x0800);
	if (ipv6)
		put_ipv6(&b, "fd00::1", "fd00::2", IPPROTO_TCP, 20);
	else
		put_ipv4(&b, "10.9.0.1", "10.9.0.2", IPPROTO_TCP, 20);
	put_tcp(&b, 1000, 80, flags, 1, 1);
	for (int i = 0; i < count; i++)
		assert_int_equal(send(f->fd, b.data, b.length, 0), b.length);
}

static void of_tcp_only_control_is_copied(void **state)
{
	struct fixture *f = *state;
	uint32_t left[] = { 1, f->left };

	assert_int_equal(bh_live_source_copy(f->source, BH_COPY_CONTROL, NULL), 0);
	for (unsigned flags = 0; flags < 64; flags++) {
		send_tcp(f, false, flags, 1);
		send_tcp(f, true, flags, 1);
	}
	/* Of eight combinations of FIN, SYN and RST one has none; two families, two interfaces. */
	assert_int_equal(read_all(f), 64 / 8 * 7 * 2 * 2);
	send_dns(f, IPPROTO_TCP);
	send_frames(f, 3);
	send_extended(f, 80);
	assert_int_equal(read_all(f), 2 * 5);

	/* The list of interfaces stands whatever is copied, and the other way round. */
	assert_int_equal(bh_live_source_exclude(f->source, left, 2, NULL), 0);
	send_tcp(f, false, 0x10, 10);
	send_frames(f, 3);
	assert_int_equal(read_all(f), 3);
	assert_int_equal(bh_live_source_copy(f->source, BH_COPY_ALL, NULL), 0);
	send_tcp(f, false, 0x10, 10);
	assert_int_equal(read_all(f), 10);
}

/* 1,000 packets on two interfaces, one in sixteen: 125, and hardly ever outside of this. */
static void assert_sampled(int copies)
{
	assert_in_range(copies, 50, 250);
}

/* Until the blocks are through that libpcap filters itself, without chance. */
static void await_kernel(struct fixture *f)
{
	for (int i = 0; i < 20; i++) {
		send_frames(f, 300);
		if (read_all(f) > 0)
			return;
	}
	fail_msg("the filter keeps nothing");
}

static void chance_takes_what_is_left_to_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(bh_live_source_copy(f->source, BH_COPY_SAMPLE, NULL), 0);
	await_kernel(f);
	send_frames(f, 1000);
	assert_sampled(read_all(f));
	send_tcp(f, false, 0x02, 20);
	send_tcp(f, true, 0x02, 20);
	send_dns(f, IPPROTO_UDP);
	assert_int_equal(read_all(f), 2 * 41);
	send_tcp(f, false, 0x10, 20);
	assert_int_equal(read_all(f), 0);

	assert_int_equal(bh_live_source_copy(f->source, BH_COPY_SAMPLE_ALL, NULL), 0);
	await_kernel(f);
	send_tcp(f, false, 0x02, 1000);
	assert_sampled(read_all(f));
	send_dns(f, IPPROTO_UDP);
	send_dns(f, IPPROTO_TCP);
	assert_int_equal(read_all(f), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames_are_seen_on_both_interfaces, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(excluded_interfaces_never_leave_the_kernel,
						open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(long_lists_are_filtered_too, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(dns_alone_is_captured_whole, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(packets_too_short_for_ports_are_counted,
						open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(a_hello_is_captured_whole, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(of_tcp_only_control_is_copied, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(chance_takes_what_is_left_to_it, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(lists_beyond_the_kernels_measure_are_refused,
						open_fixture, close_fixture),
	};

	if (unshare(CLONE_NEWNET) != 0) {
		fprintf(stderr, "SKIPPED: a network namespace of one's own needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
