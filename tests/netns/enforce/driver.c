/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lets a test call enforce/ from a process of its own: commands on standard input, one answer a
 * line on standard output. It keeps its netlink socket, and with it the tables, until its input
 * ends. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "buffer.h"
#include "conntrack.h"
#include "nflog.h"
#include "nft.h"
#include "ruleset.h"
#include "ruleset_file.h"
#include "timefmt.h"

static const struct bh_nft_config *config(bool owner)
{
	static struct bh_nft_config c = { .log_group = 5070 };

	c.owner = owner;
	return &c;
}

static void answer(int code, const char *text)
{
	printf("%d %s\n", code, text);
	fflush(stdout);
}

/* *applied: what the kernel has, which lives until it has something else. */
static void apply(struct bh_nft *nft, const char *path, struct bh_ruleset **applied)
{
	struct bh_ruleset *rules = read_ruleset(path);
	struct bh_nft_change change = { 0 };
	struct bh_error err = { 0 };
	char text[256];
	int result = bh_nft_apply(nft, rules, &change, &err);

	snprintf(text, sizeof(text), "chains=%zu sets=%zu elements=%zu adopted=%d", change.chains,
		 change.sets, change.elements, change.adopted);
	answer(result, result == 0 ? text : err.text);
	bh_ruleset_free(result == 0 ? *applied : rules);
	if (result == 0)
		*applied = rules;
}

/* What was counted, by one reading, and how long that took. */
static void tell_uses(struct bh_nft *nft)
{
	struct bh_uses uses = { 0 };
	struct bh_error err = { 0 };
	int64_t begun = bh_time_monotonic();
	int result = bh_nft_uses(nft, &uses, &err);
	int64_t took = bh_time_monotonic() - begun;
	uint64_t packets = 0;
	char text[256];

	for (size_t i = 0; i < uses.count; i++)
		packets += uses.items[i].packets;
	snprintf(text, sizeof(text), "elements=%zu packets=%llu us=%lld", uses.count,
		 (unsigned long long)packets, (long long)took);
	answer(result, result == 0 ? text : err.text);
	free(uses.items);
}

static const char *workload_of(const struct bh_ruleset *rules, const struct bh_use *use)
{
	for (size_t i = 0; i < rules->chain_count; i++)
		if (strcmp(rules->chains[i].hash, use->hash) == 0)
			return rules->chains[i].workload;
	return "?";
}

/* Elements that counted something, each as ";WORKLOAD SIDE RANK KIND PROTOCOL FIRST LAST FROM TO
 * PACKETS": numbers, and - where no address is said. */
static void tell_counted(struct bh_nft *nft, const struct bh_ruleset *applied)
{
	struct bh_uses uses = { 0 };
	struct bh_error err = { 0 };
	struct bh_buffer text = { 0 };
	int result = bh_nft_uses(nft, &uses, &err);
	char from[BH_ADDR_TEXT], to[BH_ADDR_TEXT];

	bh_buffer_puts(&text, "");
	for (size_t i = 0; i < uses.count; i++) {
		const struct bh_use *use = &uses.items[i];
		bool any = use->first.family == BH_NO_FAMILY;

		if (use->packets == 0)
			continue;
		bh_buffer_printf(&text, ";%s %s %u %u %u %u %u %s %s %llu",
				 workload_of(applied, use), bh_side_name(use->side), use->rank,
				 use->kind, use->proto, use->port_first, use->port_last,
				 any ? "-" : bh_addr_format(&use->first, from),
				 any ? "-" : bh_addr_format(&use->last, to),
				 (unsigned long long)use->packets);
	}
	answer(result, result == 0 ? text.data : err.text);
	bh_buffer_free(&text);
	free(uses.items);
}

static void verify(const struct bh_ruleset *applied, bool owner)
{
	struct bh_nft_finding finding;
	struct bh_error err = { 0 };
	int result = bh_nft_verify(applied, config(owner), &finding, &err);

	answer(result, result < 0 ? err.text : finding.text);
}

/* As if somebody had told of a change in tables, chains or rules, and of no element. */
static void repair(struct bh_nft *nft)
{
	const struct bh_nft_touched touched = { 0 };
	struct bh_nft_finding finding;
	struct bh_error err = { 0 };
	int result = bh_nft_repair(nft, &touched, &finding, &err);

	answer(result, result < 0 ? err.text : finding.text);
}

/* Tables are kept, changed and checked from here on. */
static int serve(bool owner)
{
	struct bh_error err = { 0 };
	struct bh_nft *nft = bh_nft_open(config(owner), &err);
	struct bh_ruleset *applied = NULL;
	char line[512];

	if (nft == NULL) {
		answer(err.code, err.text);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "apply ", 6) == 0) {
			apply(nft, line + 6, &applied);
		} else if (strcmp(line, "uses") == 0) {
			tell_uses(nft);
		} else if (strcmp(line, "counted") == 0) {
			tell_counted(nft, applied);
		} else if (strcmp(line, "verify") == 0) {
			verify(applied, owner);
		} else if (strcmp(line, "repair") == 0) {
			repair(nft);
		}
	}
	bh_nft_close(nft);
	bh_ruleset_free(applied);
	return 0;
}

static void print_text(const char *path)
{
	struct bh_ruleset *rules = read_ruleset(path);
	char *text = bh_nft_text(rules, config(true));

	fputs(text, stdout);
	free(text);
	bh_ruleset_free(rules);
}

/* The source port of an IP packet without extension headers, of ICMP's questions their identifier;
 * 0: it is none, or has none. */
static unsigned source_port(const uint8_t *packet, size_t length)
{
	bool four = length >= 20 && packet[0] >> 4 == 4, six = length >= 40 && packet[0] >> 4 == 6;
	size_t at = four ? (size_t)(packet[0] & 15) * 4 : 40;
	uint8_t proto = four ? packet[9] : six ? packet[6] : 0;

	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		at += 4;
	return proto != 0 && at + 2 <= length ? (unsigned)packet[at] << 8 | packet[at + 1] : 0;
}

/* One line a message: prefix, protocol family of the rule, logical and physical interface, how much
 * of the packet there is, and its source port. */
static void print_log(void *user, const void *bytes, size_t length)
{
	const struct nlmsghdr *nlh = bytes;
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	const char *prefix = "";
	unsigned in = 0, physical = 0, payload = 0, port = 0;

	(void)user;
	(void)length;
	mnl_attr_for_each(attr, nlh, sizeof(*nfg))
	{
		if (mnl_attr_get_type(attr) == NFULA_PREFIX)
			prefix = mnl_attr_get_str(attr);
		else if (mnl_attr_get_type(attr) == NFULA_IFINDEX_INDEV)
			in = ntohl(mnl_attr_get_u32(attr));
		else if (mnl_attr_get_type(attr) == NFULA_IFINDEX_PHYSINDEV)
			physical = ntohl(mnl_attr_get_u32(attr));
		else if (mnl_attr_get_type(attr) == NFULA_PAYLOAD)
			payload = mnl_attr_get_payload_len(attr);
		if (mnl_attr_get_type(attr) == NFULA_PAYLOAD)
			port = source_port(mnl_attr_get_payload(attr), payload);
	}
	printf("%s family=%u in=%u physical=%u bytes=%u sport=%u\n", prefix, nfg->nfgen_family, in,
	       physical, payload, port);
	fflush(stdout);
}

/* For each byte of the input it says when it has read what the kernel had. */
static int follow_log(void)
{
	struct bh_error err = { 0 };
	struct bh_nflog *log = bh_nflog_open(5070, &err);
	uint64_t lost = 0;
	char byte;

	if (log == NULL) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct pollfd fds[] = { { .fd = bh_nflog_fd(log), .events = POLLIN },
					{ .fd = 0, .events = POLLIN } };

		poll(fds, 2, -1);
		bool asked = fds[1].revents != 0;
		if (asked && read(0, &byte, 1) != 1)
			break;
		if (bh_nflog_read(log, print_log, NULL, &lost, &err) < 0)
			break;
		if (asked) {
			puts("read");
			fflush(stdout);
		}
	}
	bh_nflog_close(log);
	return 0;
}

static void forget(char **words, int count)
{
	struct bh_addr addrs[16];
	struct bh_error err = { 0 };
	size_t deleted = 0;
	char text[32];

	for (int i = 0; i < count && i < 16; i++)
		bh_addr_parse(words[i], &addrs[i]);
	int result = bh_conntrack_forget(addrs, (size_t)count, &deleted, &err);
	snprintf(text, sizeof(text), "%zu", deleted);
	answer(result, result == 0 ? text : err.text);
}

int main(int argc, char **argv)
{
	struct bh_error err = { 0 };
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "serve") == 0 || strcmp(what, "serve-plain") == 0)
		return serve(strcmp(what, "serve") == 0);
	if (strcmp(what, "log") == 0)
		return follow_log();
	if (strcmp(what, "text") == 0 && argc == 3)
		print_text(argv[2]);
	else if (strcmp(what, "forget") == 0)
		forget(argv + 2, argc - 2);
	else if (strcmp(what, "present") == 0)
		answer(bh_nft_present(), "");
	else if (strcmp(what, "remove") == 0)
		answer(bh_nft_remove(&err), err.text);
	else
		return 2;
	return 0;
}
