/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fanout.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define MOST_STEPS 128

/* From the outer IP header on; a load beyond the packet's end ends the program with 0. */
#define NET(offset) ((uint32_t)SKF_NET_OFF + (uint32_t)(offset))
#define PROTOCOL ((uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL))

enum {
	PLAIN = 0,	  /* the packet's own IP header */
	QUOTED4 = 20 + 8, /* the one behind an IPv4 and an ICMP header */
	QUOTED6 = 40 + 8,
};

enum { SRC, DST, SUM }; /* cells of the program's memory */

/* ICMPv6 below it is an error (RFC 4443); from the second to the third it is neighbour discovery
 * (RFC 4861). */
enum { FIRST_QUESTION6 = 128, FIRST_ND = 133, BEHIND_ND = 138 };

struct program {
	struct sock_filter steps[MOST_STEPS];
	unsigned short length;
};

static unsigned add(struct program *p, struct sock_filter step)
{
	p->steps[p->length] = step;
	return p->length++;
}

#define ADD(p, ...) add(p, (struct sock_filter)BPF_STMT(__VA_ARGS__))

/* A comparison whose outcome decides where it goes on: with the next step, until one of the two
 * below says otherwise. */
static unsigned compare(struct program *p, uint16_t how, uint32_t value)
{
	return add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | how | BPF_K, value, 0, 0));
}

static void come_here_if(struct program *p, unsigned comparison)
{
	p->steps[comparison].jt = (uint8_t)(p->length - comparison - 1);
}

static void come_here_unless(struct program *p, unsigned comparison)
{
	p->steps[comparison].jf = (uint8_t)(p->length - comparison - 1);
}

/* An address, folded into a word of the memory. */
static void add_address(struct program *p, int offset, int size, uint32_t cell)
{
	ADD(p, BPF_LD | BPF_W | BPF_ABS, NET(offset));
	for (int i = 4; i < size; i += 4) {
		ADD(p, BPF_MISC | BPF_TAX, 0);
		ADD(p, BPF_LD | BPF_W | BPF_ABS, NET(offset + i));
		ADD(p, BPF_ALU | BPF_XOR | BPF_X, 0);
	}
	ADD(p, BPF_ST, cell);
}

/* The answer: a number that is the same whichever of the two addresses comes first. */
static void add_answer(struct program *p)
{
	ADD(p, BPF_LDX | BPF_MEM, DST);
	ADD(p, BPF_LD | BPF_MEM, SRC);
	ADD(p, BPF_ALU | BPF_ADD | BPF_X, 0);
	ADD(p, BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1);
	ADD(p, BPF_ST, SUM);
	ADD(p, BPF_LD | BPF_MEM, SRC);
	ADD(p, BPF_ALU | BPF_XOR | BPF_X, 0);
	ADD(p, BPF_ALU | BPF_MUL | BPF_K, 0x85ebca6b);
	ADD(p, BPF_MISC | BPF_TAX, 0);
	ADD(p, BPF_LD | BPF_MEM, SUM);
	ADD(p, BPF_ALU | BPF_XOR | BPF_X, 0);
	ADD(p, BPF_ALU | BPF_RSH | BPF_K, 16);
	ADD(p, BPF_RET | BPF_A, 0);
}

static void answer_ipv4(struct program *p, int header)
{
	add_address(p, header + 12, 4, SRC);
	add_address(p, header + 16, 4, DST);
	add_answer(p);
}

static void answer_ipv6(struct program *p, int header)
{
	add_address(p, header + 8, 16, SRC);
	add_address(p, header + 24, 16, DST);
	add_answer(p);
}

static void add_ipv4(struct program *p)
{
	/* unreachable, source quench, redirect, time exceeded, parameter problem: RFC 792 */
	static const uint8_t errors[] = { 3, 4, 5, 11, 12 };
	unsigned is_error[sizeof(errors)];

	ADD(p, BPF_LD | BPF_B | BPF_ABS, NET(0));
	unsigned is_short = compare(p, BPF_JEQ, 0x45);
	ADD(p, BPF_LD | BPF_B | BPF_ABS, NET(9));
	unsigned is_icmp = compare(p, BPF_JEQ, IPPROTO_ICMP);
	ADD(p, BPF_LD | BPF_H | BPF_ABS, NET(6));
	unsigned is_fragment = compare(p, BPF_JSET, 0x3fff);
	ADD(p, BPF_LD | BPF_B | BPF_ABS, NET(20));
	for (size_t i = 0; i < sizeof(errors); i++)
		is_error[i] = compare(p, BPF_JEQ, errors[i]);
	come_here_unless(p, is_short);
	come_here_unless(p, is_icmp);
	come_here_if(p, is_fragment);
	answer_ipv4(p, PLAIN);
	for (size_t i = 0; i < sizeof(errors); i++)
		come_here_if(p, is_error[i]);
	answer_ipv4(p, QUOTED4);
}

static void add_ipv6(struct program *p)
{
	ADD(p, BPF_LD | BPF_B | BPF_ABS, NET(6));
	unsigned is_icmp = compare(p, BPF_JEQ, IPPROTO_ICMPV6);
	ADD(p, BPF_LD | BPF_B | BPF_ABS, NET(40));
	unsigned is_no_error = compare(p, BPF_JGE, FIRST_QUESTION6);
	answer_ipv6(p, QUOTED6);
	come_here_if(p, is_no_error);
	unsigned may_be_nd = compare(p, BPF_JGE, FIRST_ND);
	unsigned is_behind_nd = compare(p, BPF_JGE, BEHIND_ND);
	ADD(p, BPF_RET | BPF_K, 0);
	come_here_unless(p, is_icmp);
	come_here_unless(p, may_be_nd);
	come_here_if(p, is_behind_nd);
	answer_ipv6(p, PLAIN);
}

static void write_program(struct program *p)
{
	ADD(p, BPF_LD | BPF_W | BPF_ABS, PROTOCOL);
	unsigned is_ipv4 = compare(p, BPF_JEQ, ETH_P_IP);
	add_ipv4(p);
	come_here_unless(p, is_ipv4);
	unsigned is_ipv6 = compare(p, BPF_JEQ, ETH_P_IPV6);
	add_ipv6(p);
	come_here_unless(p, is_ipv6);
	ADD(p, BPF_RET | BPF_K, 0);
}

int bh_fanout_join(int packet_fd, uint16_t group, struct bh_error *err)
{
	int how = PACKET_FANOUT_CBPF << 16 | group;
	struct program p = { .length = 0 };

	write_program(&p);
	struct sock_fprog by_addresses = { p.length, p.steps };
	if (setsockopt(packet_fd, SOL_PACKET, PACKET_FANOUT, &how, sizeof(how)) != 0 ||
	    setsockopt(packet_fd, SOL_PACKET, PACKET_FANOUT_DATA, &by_addresses,
		       sizeof(by_addresses)) != 0)
		return bh_error_set(err, -errno, "packets cannot be shared (PACKET_FANOUT): %s",
				    strerror(errno));
	return 0;
}
