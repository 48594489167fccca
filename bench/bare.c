/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bare FILE: what reading a capture through libpcap costs when nothing is done with the packets. */
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>

static void count(u_char *user, const struct pcap_pkthdr *head, const u_char *data)
{
	(void)head, (void)data;
	++*(uint64_t *)user;
}

int main(int argc, char **argv)
{
	char problem[PCAP_ERRBUF_SIZE] = "usage: bare FILE";
	uint64_t packets = 0;
	pcap_t *pcap = argc == 2 ? pcap_open_offline(argv[1], problem) : NULL;

	if (pcap == NULL || pcap_loop(pcap, -1, count, (u_char *)&packets) != 0) {
		fprintf(stderr, "bare: %s\n", pcap != NULL ? pcap_geterr(pcap) : problem);
		return 1;
	}
	pcap_close(pcap);
	printf("{\"packets\":%" PRIu64 "}\n", packets);
	return 0;
}
