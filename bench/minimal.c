/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * minimal FILE, minimal --live SNAPLEN: the least that a flow monitor has to do. It reads Ethernet
 * from a file, or what passes any interface until SIGTERM, through libpcap, finds the tuple of TCP
 * and UDP over IPv4 and IPv6, and counts packets and bytes each way in a hash table (XXH3, linear
 * probing, doubled when two thirds full). No state, no time, no fragments, no options between IPv6
 * and the ports, no record of the single flow.
 */
#include <inttypes.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define FIRST_SLOTS 65536
#define RING (32 << 20)

/* The lower end first. Compared and hashed as bytes: no padding. */
struct key {
	uint8_t low[16], high[16];
	uint16_t low_port, high_port;
	uint32_t proto;
};

struct slot {
	struct key key;
	uint64_t packets[2], bytes[2]; /* low to high, high to low; none: the slot is free */
};

struct table {
	struct slot *slots;
	size_t mask, flows;
	size_t link_header; /* before IP, bytes */
	size_t ethertype;   /* where in it */
};

static bool is_free(const struct slot *s)
{
	return s->packets[0] + s->packets[1] == 0;
}

static void allocate(struct table *t, size_t slots)
{
	t->slots = calloc(slots, sizeof(*t->slots));
	if (t->slots == NULL) {
		perror("minimal");
		exit(1);
	}
	t->mask = slots - 1;
}

static struct slot *slot_of(const struct table *t, const struct key *key)
{
	size_t at = XXH3_64bits(key, sizeof(*key)) & t->mask;

	while (!is_free(&t->slots[at]) && memcmp(&t->slots[at].key, key, sizeof(*key)) != 0)
		at = (at + 1) & t->mask;
	return &t->slots[at];
}

static void grow(struct table *t)
{
	struct table old = *t;

	allocate(t, (old.mask + 1) * 2);
	for (size_t i = 0; i <= old.mask; i++)
		if (!is_free(&old.slots[i]))
			*slot_of(t, &old.slots[i].key) = old.slots[i];
	free(old.slots);
}

static void count(struct table *t, const struct key *key, bool backward, uint32_t bytes)
{
	struct slot *s = slot_of(t, key);

	if (is_free(s)) {
		if (t->flows + 1 > (t->mask + 1) / 3 * 2) {
			grow(t);
			s = slot_of(t, key);
		}
		s->key = *key;
		t->flows++;
	}
	s->packets[backward]++;
	s->bytes[backward] += bytes;
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* ports: NULL where they were not captured. */
static void take(struct table *t, const uint8_t *addresses, size_t size, uint8_t proto,
		 const uint8_t *ports, uint32_t bytes)
{
	struct key key = { .proto = proto };

	if (ports == NULL || (proto != 6 && proto != 17))
		return;
	uint16_t sport = get16(ports), dport = get16(ports + 2);
	int order = memcmp(addresses, addresses + size, size);
	bool backward = order > 0 || (order == 0 && sport > dport);
	memcpy(key.low, addresses + (backward ? size : 0), size);
	memcpy(key.high, addresses + (backward ? 0 : size), size);
	key.low_port = backward ? dport : sport;
	key.high_port = backward ? sport : dport;
	count(t, &key, backward, bytes);
}

static void on_packet(u_char *user, const struct pcap_pkthdr *head, const u_char *frame)
{
	struct table *t = (struct table *)user;
	const uint8_t *ip = frame + t->link_header;
	size_t left = head->caplen > t->link_header ? head->caplen - t->link_header : 0;

	if (left >= 20 && get16(frame + t->ethertype) == 0x0800) {
		size_t header = (size_t)(ip[0] & 15) * 4;

		take(t, ip + 12, 4, ip[9], left >= header + 4 ? ip + header : NULL, get16(ip + 2));
	} else if (left >= 40 && get16(frame + t->ethertype) == 0x86dd) {
		take(t, ip + 8, 16, ip[6], left >= 44 ? ip + 40 : NULL, 40u + get16(ip + 4));
	}
}

static void print_sums(const struct table *t)
{
	uint64_t packets = 0, bytes = 0;

	for (size_t i = 0; i <= t->mask; i++) {
		packets += t->slots[i].packets[0] + t->slots[i].packets[1];
		bytes += t->slots[i].bytes[0] + t->slots[i].bytes[1];
	}
	printf("{\"packets\":%" PRIu64 ",\"flows\":%zu,\"ip_bytes\":%" PRIu64 "}\n", packets,
	       t->flows, bytes);
}

/* Files lose nothing, and have no such counts. */
static void print_losses(pcap_t *pcap)
{
	struct pcap_stat stats;

	if (pcap_stats(pcap, &stats) == 0)
		printf("{\"dropped\":%u}\n", stats.ps_drop);
}

static pcap_t *source;

static void end(int signal)
{
	(void)signal;
	pcap_breakloop(source);
}

static pcap_t *open_live(int snaplen, char *problem)
{
	pcap_t *pcap = pcap_create("any", problem);

	if (pcap == NULL)
		return NULL;
	pcap_set_snaplen(pcap, snaplen);
	pcap_set_buffer_size(pcap, RING);
	pcap_set_timeout(pcap, 100);
	if (pcap_activate(pcap) < 0 || pcap_set_datalink(pcap, DLT_LINUX_SLL2) != 0) {
		snprintf(problem, PCAP_ERRBUF_SIZE, "%s", pcap_geterr(pcap));
		pcap_close(pcap);
		return NULL;
	}
	return pcap;
}

int main(int argc, char **argv)
{
	char problem[PCAP_ERRBUF_SIZE] = "usage: minimal FILE | minimal --live SNAPLEN";
	struct table t = { .link_header = 14, .ethertype = 12 };

	if (argc == 3 && strcmp(argv[1], "--live") == 0) {
		source = open_live(atoi(argv[2]), problem);
		t.link_header = 20;
		t.ethertype = 0;
		signal(SIGTERM, end);
	} else if (argc == 2) {
		source = pcap_open_offline(argv[1], problem);
	}
	allocate(&t, FIRST_SLOTS);
	if (source == NULL || pcap_loop(source, -1, on_packet, (u_char *)&t) == PCAP_ERROR) {
		fprintf(stderr, "minimal: %s\n", source != NULL ? pcap_geterr(source) : problem);
		return 1;
	}
	print_sums(&t);
	print_losses(source);
	pcap_close(source);
	free(t.slots);
	return 0;
}
