/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * curve ROUNDS SIZE...: what it takes the kernel to add one element, by how many there are, in
 * several layouts. With an element that goes to a chain the kernel walks through all that can be
 * reached from the table's hooks, every element of every such map, to rule out loops. To be run in
 * a network namespace of its own; needs nft. Prints a line a layout: its name, what it is, and the
 * medians of microseconds by size.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "grow.h"

#define RULES 8 /* of a chain that elements lead to */
#define FIRST_KEY 0x0a000000u

struct layout {
	const char *name;
	const char *what;
	unsigned per_chain; /* elements that share a chain; 0: they go to none */
	unsigned hooks;	    /* that ask the map */
	unsigned tables;    /* that share the elements; one gets the new one */
	bool map;
	bool jump;
};

static const struct layout layouts[] = {
	{ "set", "a set, no verdicts", 0, 1, 1, false, false },
	{ "accept", "verdicts that go to no chain", 0, 1, 1, true, false },
	{ "goto", "a chain for each", 1, 1, 1, true, false },
	{ "jump", "the same, by jump", 1, 1, 1, true, true },
	{ "replicas", "a chain for every four", 4, 1, 1, true, false },
	{ "hooks", "the same, asked by three hooks", 4, 3, 1, true, false },
	{ "tables", "the same, in 16 tables", 4, 3, 16, true, false },
};
#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

static void die(const char *what)
{
	fprintf(stderr, "curve: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- the tables ------------------------------------------------------------------------------- */

static void print_chain(FILE *out, unsigned number)
{
	fprintf(out, "chain c%u {\n", number);
	for (unsigned i = 0; i < RULES; i++)
		fprintf(out, "tcp dport %u counter\n", i + 1);
	fputs("}\n", out);
}

static void print_elements(FILE *out, const struct layout *l, unsigned count)
{
	fputs(l->map ? "map m { type ipv4_addr : verdict\n" : "set m { type ipv4_addr\n", out);
	for (unsigned i = 0; i < count; i++) {
		fprintf(out, i == 0 ? "elements = { %u" : ", %u", FIRST_KEY + i);
		if (l->map && l->per_chain == 0)
			fputs(" : accept", out);
		else if (l->map)
			fprintf(out, " : %s c%u", l->jump ? "jump" : "goto", i / l->per_chain);
	}
	fputs("}\n}\n", out);
}

static void print_table(FILE *out, const struct layout *l, unsigned number, unsigned count)
{
	static const char *const hooks[] = { "forward", "input", "output" };

	fprintf(out, "table ip t%u {\n", number);
	for (unsigned i = 0; l->per_chain > 0 && i * l->per_chain < count; i++)
		print_chain(out, i);
	print_elements(out, l, count);
	for (unsigned i = 0; i < l->hooks; i++)
		fprintf(out, "chain %s { type filter hook %s priority 0\nip saddr %s @m\n}\n",
			hooks[i], hooks[i], l->map ? "vmap" : "");
	fputs("}\n", out);
}

static void load(const struct layout *l, unsigned size)
{
	FILE *nft = popen("nft -f -", "we");

	if (nft == NULL)
		die("nft");
	fputs("flush ruleset\n", nft);
	for (unsigned i = 0; i < l->tables; i++)
		print_table(nft, l, i, size / l->tables);
	if (pclose(nft) != 0)
		die("nft -f");
}

/* --- one element ------------------------------------------------------------------------------ */

static struct nlmsghdr *start(void *buffer, uint16_t type, uint16_t flags, uint8_t family,
			      uint16_t resource)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->res_id = htons(resource);
	return nlh;
}

static void put_verdict(struct nlmsghdr *nlh, const struct layout *l)
{
	struct nlattr *data = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_DATA);
	struct nlattr *verdict = mnl_attr_nest_start(nlh, NFTA_DATA_VERDICT);
	int code = l->per_chain == 0 ? NF_ACCEPT : l->jump ? NFT_JUMP : NFT_GOTO;

	mnl_attr_put_u32(nlh, NFTA_VERDICT_CODE, htonl((uint32_t)code));
	if (l->per_chain > 0)
		mnl_attr_put_strz(nlh, NFTA_VERDICT_CHAIN, "c0");
	mnl_attr_nest_end(nlh, verdict);
	mnl_attr_nest_end(nlh, data);
}

static void put_element(struct nlmsghdr *nlh, const struct layout *l, unsigned key, bool adding)
{
	struct nlattr *list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	struct nlattr *element = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	struct nlattr *nest = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);

	mnl_attr_put_u32(nlh, NFTA_DATA_VALUE, htonl(key));
	mnl_attr_nest_end(nlh, nest);
	if (l->map && adding)
		put_verdict(nlh, l);
	mnl_attr_nest_end(nlh, element);
	mnl_attr_nest_end(nlh, list);
}

/* The whole transaction; its length. */
static size_t write_change(char *buffer, const struct layout *l, unsigned key, bool adding)
{
	struct nlmsghdr *nlh =
		start(buffer, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	size_t length = nlh->nlmsg_len;
	uint16_t type =
		NFNL_SUBSYS_NFTABLES << 8 | (adding ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM);

	nlh = start(buffer + length, type, (uint16_t)(NLM_F_ACK | (adding ? NLM_F_CREATE : 0)),
		    NFPROTO_IPV4, 0);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, "t0");
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, "m");
	put_element(nlh, l, key, adding);
	length += MNL_ALIGN(nlh->nlmsg_len);
	nlh = start(buffer + length, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	return length + nlh->nlmsg_len;
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds that the kernel took. */
static double send_change(struct mnl_socket *nl, const struct layout *l, unsigned key, bool adding)
{
	char buffer[1024] __attribute__((aligned(8))) = { 0 }, answer[8192];
	size_t length = write_change(buffer, l, key, adding);
	double before = cpu_seconds();

	if (mnl_socket_sendto(nl, buffer, length) < 0)
		die("sendto");
	double took = cpu_seconds() - before;
	ssize_t got = mnl_socket_recvfrom(nl, answer, sizeof(answer));
	if (got < 0 || mnl_cb_run(answer, (size_t)got, 0, 0, NULL, NULL) < 0)
		die(adding ? "adding an element" : "deleting an element");
	return took;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double measure(struct mnl_socket *nl, const struct layout *l, unsigned size, unsigned rounds)
{
	double *times = bh_calloc(rounds, sizeof(double));

	load(l, size);
	for (unsigned i = 0; i < rounds; i++) {
		times[i] = send_change(nl, l, FIRST_KEY + size, true);
		send_change(nl, l, FIRST_KEY + size, false);
	}
	qsort(times, rounds, sizeof(double), by_size);
	double median = times[rounds / 2];
	free(times);
	return median * 1e6;
}

int main(int argc, char **argv)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;

	if (rounds < 1) {
		fputs("usage: curve ROUNDS SIZE...\n", stderr);
		return 2;
	}
	if (nl == NULL || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) != 0)
		die("netlink");
	for (size_t i = 0; i < LAYOUTS; i++) {
		printf("| %s | %s |", layouts[i].name, layouts[i].what);
		for (int j = 2; j < argc; j++)
			printf(" %.1f |", measure(nl, &layouts[i],
						  (unsigned)strtoul(argv[j], NULL, 10), rounds));
		putchar('\n');
		fflush(stdout);
	}
	mnl_socket_close(nl);
	return 0;
}
