/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * generate PROFILE PACKETS FLOWS SEED FILE: a capture of known truth, the same bytes for the same
 * arguments. Ethernet, headers only (as a monitor with a short snaplen keeps them).
 *
 *   typical   FLOWS connections, each opened, used and closed, 20,000 at once; one in eight is
 *             IPv6, one in eight UDP
 *   many      the same, all of them at once: none ends before the last was opened
 *   flood     FLOWS half-open TCP connections, a SYN each, from addresses of their own
 *
 * The truth goes to standard output as JSON: packets, flows, IP bytes.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SNAPLEN 128
#define START_SECONDS 1700000000
#define STEP_USEC 5 /* between two packets: no flow is silent for so long that it times out */
#define ALIVE 20000 /* connections at once */

enum { FIN = 0x01, SYN = 0x02, ACK = 0x10 };

struct generator {
	pcap_dumper_t *out;
	uint64_t random;
	uint64_t packets, ip_bytes;
};

/* splitmix64: small, and the same everywhere. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* What a flow's number says about it: the same flow is made again for each of its packets. */
struct flow {
	uint64_t number;
	uint16_t sport, dport;
	bool ipv6, udp;
};

static struct flow flow_of(uint64_t number)
{
	uint64_t state = number;
	uint64_t r = next_random(&state);
	static const uint16_t ports[] = { 80, 443, 5432, 6379, 8080, 3306, 9092, 53 };

	return (struct flow) { .number = number,
			       .sport = (uint16_t)(1024 + (r & 0x7fff)),
			       .dport = ports[r >> 20 & 7],
			       .ipv6 = (r >> 24 & 7) == 0,
			       .udp = (r >> 27 & 7) == 0 };
}

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, (uint16_t)(value >> 16));
	put16(at + 2, (uint16_t)value);
}

/* Clients are told apart by number, servers are few. */
static void put_addresses(uint8_t *src, uint8_t *dst, const struct flow *f, bool back)
{
	uint8_t client[16] = { 0xfd }, server[16] = { 0xfd, 1 };
	size_t size = f->ipv6 ? 16 : 4;

	put32(client + size - 4, 0x0a000000u | (uint32_t)(f->number & 0xffffff));
	client[size - 4] = (uint8_t)(10 + (f->number >> 24));
	put32(server + size - 4, 0xac100000u | (uint32_t)(f->number % 509));
	memcpy(back ? dst : src, client, size);
	memcpy(back ? src : dst, server, size);
}

/* Of an IPv4 header whose checksum is still 0. RFC 1071. */
static uint16_t checksum(const uint8_t *at)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(at[i] << 8 | at[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static size_t put_ip(uint8_t *at, const struct flow *f, bool back, uint16_t payload)
{
	uint8_t proto = f->udp ? 17 : 6;

	if (f->ipv6) {
		put32(at, 0x60000000u);
		put16(at + 4, payload);
		at[6] = proto;
		at[7] = 64;
		put_addresses(at + 8, at + 24, f, back);
		return 40;
	}
	at[0] = 0x45;
	put16(at + 2, (uint16_t)(payload + 20));
	at[8] = 64;
	at[9] = proto;
	put_addresses(at + 12, at + 16, f, back);
	put16(at + 10, checksum(at));
	return 20;
}

static void put_transport(uint8_t *at, const struct flow *f, bool back, uint8_t flags,
			  uint16_t data)
{
	uint32_t seq = (uint32_t)f->number;

	put16(at, back ? f->dport : f->sport);
	put16(at + 2, back ? f->sport : f->dport);
	if (f->udp) {
		put16(at + 4, (uint16_t)(8 + data));
		return;
	}
	put32(at + 4, seq);
	put32(at + 8, seq);
	at[12] = 0x50;
	at[13] = flags;
}

static void emit(struct generator *g, const struct flow *f, bool back, uint8_t flags, uint16_t data)
{
	uint8_t frame[SNAPLEN] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
	uint16_t header = f->udp ? 8 : 20;
	struct pcap_pkthdr head = { 0 };
	uint64_t usec = g->packets * STEP_USEC;

	put16(frame + 12, f->ipv6 ? 0x86dd : 0x0800);
	size_t ip = put_ip(frame + 14, f, back, (uint16_t)(header + data));
	put_transport(frame + 14 + ip, f, back, flags, data);
	head.len = (bpf_u_int32)(14 + ip + header + data);
	head.caplen = head.len < SNAPLEN ? head.len : SNAPLEN;
	head.ts.tv_sec = (time_t)(START_SECONDS + usec / 1000000);
	head.ts.tv_usec = (suseconds_t)(usec % 1000000);
	pcap_dump((u_char *)g->out, &head, frame);
	g->packets++;
	g->ip_bytes += ip + header + data;
}

/* Every flow gets the same number of packets. The first alive flows open one after the other; from
 * then on it is drawn which of those alive is next. */
static void connections(struct generator *g, uint64_t packets, uint64_t flows, uint64_t alive)
{
	uint64_t each = packets / flows < 5 ? 5 : packets / flows, next = 0, opened = 0;
	struct {
		uint64_t number, sent;
	} *slots = calloc(alive, sizeof(*slots));

	if (slots == NULL) {
		perror("generate");
		exit(1);
	}
	for (uint64_t i = 0; i < alive; i++)
		slots[i].number = next++;
	while (alive > 0) {
		uint64_t r = next_random(&g->random);
		uint64_t i = opened < alive ? opened++ : r % alive, sent = slots[i].sent++;
		struct flow f = flow_of(slots[i].number);
		bool back = sent % 2 == 1;
		uint8_t flags = sent == 0	   ? SYN
				: sent == 1	   ? SYN | ACK
				: sent + 2 >= each ? FIN | ACK
						   : ACK;

		emit(g, &f, back, flags, sent < 3 ? 0 : (uint16_t)(r >> 40 & 1023));
		if (slots[i].sent < each)
			continue;
		slots[i].sent = 0;
		if (next < flows)
			slots[i].number = next++;
		else
			slots[i] = slots[--alive];
	}
	free(slots);
}

static void flood(struct generator *g, uint64_t packets, uint64_t flows)
{
	for (uint64_t i = 0; i < packets; i++) {
		struct flow f = flow_of(i % flows);

		f.ipv6 = f.udp = false;
		emit(g, &f, false, SYN, 0);
	}
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fputs("usage: generate typical|many|flood PACKETS FLOWS SEED FILE\n", stderr);
		return 2;
	}
	uint64_t packets = strtoull(argv[2], NULL, 10), flows = strtoull(argv[3], NULL, 10);
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	struct generator g = { .out = pcap_dump_open(pcap, argv[5]),
			       .random = strtoull(argv[4], NULL, 10) };

	if (g.out == NULL || flows == 0) {
		fprintf(stderr, "generate: %s\n", flows == 0 ? "no flows" : pcap_geterr(pcap));
		return 1;
	}
	if (strcmp(argv[1], "flood") == 0)
		flood(&g, packets, flows);
	else if (strcmp(argv[1], "many") == 0)
		connections(&g, packets, flows, flows);
	else
		connections(&g, packets, flows, flows < ALIVE ? flows : ALIVE);
	if (pcap_dump_flush(g.out) != 0) {
		perror("generate");
		return 1;
	}
	pcap_dump_close(g.out);
	pcap_close(pcap);
	printf("{\"packets\":%" PRIu64 ",\"flows\":%" PRIu64 ",\"ip_bytes\":%" PRIu64 "}\n",
	       g.packets, flows, g.ip_bytes);
	return 0;
}
