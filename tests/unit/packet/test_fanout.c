/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel itself shares frames among three packet sockets of one group: frames put on one end of
 * a veth go out of it and come in at the other, and both copies have to come to the same member.
 * In a network namespace of its own; needs root; skips (77) without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "build.h"
#include "fanout.h"

#define MEMBERS 3
#define GROUP 77
#define A4 "10.9.0.1"
#define B4 "10.9.0.2"
#define A6 "fd00::1"
#define B6 "fd00::2"

static int members[MEMBERS];
static int sender;

static void run(const char *command)
{
	if (system(command) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		exit(1);
	}
}

static int open_all(void **state)
{
	struct bh_error err = { 0 };

	(void)state;
	run("ip link add share0 type veth peer name share1");
	run("ip link set share0 addrgenmode none && ip link set share1 addrgenmode none");
	run("ip link set share0 up && ip link set share1 up");
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)if_nametoindex("share0") };
	/* Protocol 0: it sends, and is shown nothing. */
	sender = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (bind(sender, (struct sockaddr *)&to, sizeof(to)) != 0)
		return -1;
	for (int i = 0; i < MEMBERS; i++) {
		members[i] = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));
		if (bh_fanout_join(members[i], GROUP, &err) != 0) {
			fprintf(stderr, "%s\n", err.text);
			return -1;
		}
	}
	return 0;
}

/* Takes what comes, until nothing more does for a moment; the frame's copies per member. */
static int collect(unsigned copies[MEMBERS])
{
	struct pollfd ready[MEMBERS];
	char room[128];
	int total = 0;

	for (int i = 0; i < MEMBERS; i++)
		ready[i] = (struct pollfd) { .fd = members[i], .events = POLLIN };
	while (poll(ready, MEMBERS, total < 2 ? 2000 : 3) > 0) {
		for (int i = 0; i < MEMBERS; i++) {
			if ((ready[i].revents & POLLIN) == 0)
				continue;
			assert_true(recv(members[i], room, sizeof(room), 0) > 0);
			copies[i]++;
			total++;
		}
	}
	return total;
}

/* The one member that a frame goes to, from both sides. */
static int member_of(const struct bytes *frame)
{
	unsigned copies[MEMBERS] = { 0 };

	assert_int_equal(send(sender, frame->data, frame->length, 0), frame->length);
	assert_int_equal(collect(copies), 2);
	for (int i = 0; i < MEMBERS; i++)
		if (copies[i] == 2)
			return i;
	fail_msg("the two sides of a packet went to two members");
	return -1;
}

static int member_of_udp4(const char *src, const char *dst, unsigned port)
{
	struct bytes b = { 0 };

	put_ethernet(&b, ETH_P_IP);
	put_ipv4(&b, src, dst, IPPROTO_UDP, 8 + 20);
	put_udp(&b, port, 2000, 20);
	return member_of(&b);
}

static int member_of_udp6(const char *src, const char *dst)
{
	struct bytes b = { 0 };

	put_ethernet(&b, ETH_P_IPV6);
	put_ipv6(&b, src, dst, IPPROTO_UDP, 8 + 20);
	put_udp(&b, 1000, 2000, 20);
	return member_of(&b);
}

static void both_ways_meet(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 40; i++) {
		char a[32], b[32];

		snprintf(a, sizeof(a), "10.9.0.%u", i);
		int there = member_of_udp4(a, "10.9.1.1", 1000);
		assert_int_equal(there, member_of_udp4("10.9.1.1", a, 1000));
		assert_int_equal(there, member_of_udp4(a, "10.9.1.1", 5000 + i));
		snprintf(b, sizeof(b), "fd00::%x", i);
		assert_int_equal(member_of_udp6(b, "fd00::1:1"), member_of_udp6("fd00::1:1", b));
	}
}

static void every_member_has_a_share(void **state)
{
	unsigned share4[MEMBERS] = { 0 }, share6[MEMBERS] = { 0 };

	(void)state;
	for (unsigned i = 1; i <= 90; i++) {
		char a[32], b[32];

		snprintf(a, sizeof(a), "172.17.0.%u", i);
		share4[member_of_udp4(a, "172.17.0.200", 1000)]++;
		snprintf(b, sizeof(b), "fd00:17::%x", i);
		share6[member_of_udp6(b, "fd00:17::ffff")]++;
	}
	for (int i = 0; i < MEMBERS; i++) {
		assert_in_range(share4[i], 10, 60);
		assert_in_range(share6[i], 10, 60);
	}
}

static void fragments_meet(void **state)
{
	(void)state;
	int whole = member_of_udp4(A4, B4, 1000), whole6 = member_of_udp6(A6, B6);

	for (unsigned offset = 0; offset < 3; offset++) {
		struct bytes b = { 0 }, c = { 0 };

		/* What a later one carries looks like an ICMP error; it is none. */
		put_ethernet(&b, ETH_P_IP);
		put_ipv4_fragment(&b, A4, B4, offset == 0 ? IPPROTO_UDP : IPPROTO_ICMP, 64, 9,
				  0x2000 | offset * 8);
		put8(&b, 3);
		put_zeros(&b, 63);
		assert_int_equal(member_of(&b), whole);
		put_ethernet(&c, ETH_P_IPV6);
		put_ipv6(&c, A6, B6, IPPROTO_FRAGMENT, 64);
		put8(&c, IPPROTO_UDP);
		put8(&c, 0);
		put16(&c, offset * 64 | 1);
		put_zeros(&c, 60);
		assert_int_equal(member_of(&c), whole6);
	}
}

static int member_of_error4(unsigned type, const char *router, const char *src, const char *dst)
{
	struct bytes b = { 0 };

	put_ethernet(&b, ETH_P_IP);
	put_ipv4(&b, router, src, IPPROTO_ICMP, 8 + 28);
	put8(&b, type);
	put_zeros(&b, 7);
	put_ipv4(&b, src, dst, IPPROTO_UDP, 8);
	put_udp(&b, 1000, 2000, 0);
	return member_of(&b);
}

static int member_of_error6(unsigned type, const char *router, const char *src, const char *dst)
{
	struct bytes b = { 0 };

	put_ethernet(&b, ETH_P_IPV6);
	put_ipv6(&b, router, src, IPPROTO_ICMPV6, 8 + 48);
	put8(&b, type);
	put_zeros(&b, 7);
	put_ipv6(&b, src, dst, IPPROTO_UDP, 8);
	put_udp(&b, 1000, 2000, 0);
	return member_of(&b);
}

/* Whoever sends it. */
static void errors_go_where_the_flow_is(void **state)
{
	static const unsigned errors[] = { 3, 5, 11, 12 };

	(void)state;
	for (unsigned i = 1; i < 20; i++) {
		char router[32], router6[32];

		snprintf(router, sizeof(router), "192.0.2.%u", i);
		snprintf(router6, sizeof(router6), "fd00:99::%x", i);
		assert_int_equal(member_of_error4(errors[i % 4], router, A4, B4),
				 member_of_udp4(A4, B4, 1000));
		assert_int_equal(member_of_error6(1 + i % 4, router6, A6, B6),
				 member_of_udp6(A6, B6));
	}
}

static void the_rest_goes_to_the_first(void **state)
{
	struct bytes arp = { 0 }, tagged = { 0 }, solicitation = { 0 };

	(void)state;
	put_ethernet(&arp, ETH_P_ARP);
	put_zeros(&arp, 28);
	assert_int_equal(member_of(&arp), 0);
	put_ethernet(&tagged, 0x88cc);
	put_zeros(&tagged, 40);
	assert_int_equal(member_of(&tagged), 0);
	put_ethernet(&solicitation, ETH_P_IPV6);
	put_ipv6(&solicitation, A6, "ff02::1:ff00:2", IPPROTO_ICMPV6, 24);
	put8(&solicitation, 135);
	put_zeros(&solicitation, 23);
	assert_int_equal(member_of(&solicitation), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways_meet),
		cmocka_unit_test(every_member_has_a_share),
		cmocka_unit_test(fragments_meet),
		cmocka_unit_test(errors_go_where_the_flow_is),
		cmocka_unit_test(the_rest_goes_to_the_first),
	};

	if (unshare(CLONE_NEWNET) != 0) {
		fprintf(stderr, "SKIPPED: a network namespace of one's own needs root\n");
		return 77;
	}
	return cmocka_run_group_tests_name("fanout", tests, open_all, NULL);
}
