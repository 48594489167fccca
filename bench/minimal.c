/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * minimal FILE: the least that a flow monitor has to do. It reads Ethernet through libpcap, finds
 * the tuple of TCP and UDP over IPv4 and IPv6, and counts packets and bytes each way in a hash
 * table (XXH3, linear probing, doubled when two thirds full). No state, no time, no fragments, no
 * options between IPv6 and the ports, no record of the single flow.
 */
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define FIRST_SLOTS 65536

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
	const uint8_t *ip = frame + 14;
	size_t left = head->caplen > 14 ? head->caplen - 14 : 0;

	if (left >= 20 && get16(frame + 12) == 0x0800) {
		size_t header = (size_t)(ip[0] & 15) * 4;

		take(t, ip + 12, 4, ip[9], left >= header + 4 ? ip + header : NULL, get16(ip + 2));
	} else if (left >= 40 && get16(frame + 12) == 0x86dd) {
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

int main(int argc, char **argv)
{
	char problem[PCAP_ERRBUF_SIZE] = "usage: minimal FILE";
	struct table t = { 0 };
	pcap_t *pcap = argc == 2 ? pcap_open_offline(argv[1], problem) : NULL;

	allocate(&t, FIRST_SLOTS);
	if (pcap == NULL || pcap_loop(pcap, -1, on_packet, (u_char *)&t) != 0) {
		fprintf(stderr, "minimal: %s\n", pcap != NULL ? pcap_geterr(pcap) : problem);
		return 1;
	}
	pcap_close(pcap);
	print_sums(&t);
	free(t.slots);
	return 0;
}
