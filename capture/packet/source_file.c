/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "source.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "grow.h"
#include "timefmt.h"

#define PROGRESS_EVERY 65536	 /* packets */
#define TICK (BH_SECOND / 10)	 /* of packet time */
#define READ_AT_ONCE (32 * 1024) /* what is read next lies in the first cache still */

static int64_t packet_time(const struct pcap_pkthdr *head)
{
	/* A hostile file may hold any second; what does not fit into µs is cut to the ends. */
	const int64_t most = INT64_MAX / 2 / BH_SECOND;
	int64_t seconds = head->ts.tv_sec;

	if (seconds > most)
		seconds = most;
	if (seconds < -most)
		seconds = -most;
	return seconds * BH_SECOND + head->ts.tv_usec % BH_SECOND;
}

int bh_file_source_read_stream(FILE *stream, struct bh_flow_table *table,
			       struct bh_file_stats *stats,
			       void (*progress)(void *user, uint64_t done, uint64_t total),
			       void *user, struct bh_error *err)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	struct stat info = { 0 };
	struct pcap_pkthdr *head;
	const u_char *bytes;
	int64_t ticked = INT64_MIN / 2;
	int got;

	*stats = (struct bh_file_stats) { 0 };
	fstat(fileno(stream), &info);
	/* A call to the kernel for every 4 KiB would be a third of the run. */
	char *buffer = bh_calloc(1, READ_AT_ONCE);
	setvbuf(stream, buffer, _IOFBF, READ_AT_ONCE);
	/* Nobody else has it: libpcap's two reads a packet need no lock each. */
	__fsetlocking(stream, FSETLOCKING_BYCALLER);
	pcap_t *pcap = pcap_fopen_offline(stream, text);
	if (pcap == NULL) {
		fclose(stream);
		free(buffer);
		return bh_error_set(err, -EINVAL, "%s; pcap and pcapng files are read", text);
	}
	int linktype = pcap_datalink(pcap);
	while ((got = pcap_next_ex(pcap, &head, &bytes)) == 1) {
		int64_t time = packet_time(head);

		if (time >= ticked + TICK || time < ticked) {
			bh_flow_table_tick(table, time);
			ticked = time;
		}
		bh_flow_table_frame(table, linktype, bytes, head->caplen, head->len, time);
		stats->bytes_read += head->caplen;
		if (++stats->packets % PROGRESS_EVERY == 0 && progress != NULL)
			progress(user, (uint64_t)ftell(stream), (uint64_t)info.st_size);
	}
	if (got == PCAP_ERROR) {
		stats->truncated = true;
		bh_copy_text(stats->problem, sizeof(stats->problem), pcap_geterr(pcap));
	}
	pcap_close(pcap); /* and the stream */
	free(buffer);
	bh_flow_table_flush(table);
	return 0;
}

int bh_file_source_read(const char *path, struct bh_flow_table *table, struct bh_file_stats *stats,
			void (*progress)(void *user, uint64_t done, uint64_t total), void *user,
			struct bh_error *err)
{
	FILE *stream = fopen(path, "rbe");

	if (stream == NULL)
		return bh_error_set(err, -errno, "%s: %s", path, strerror(errno));
	int result = bh_file_source_read_stream(stream, table, stats, progress, user, err);
	return result != 0 ? bh_error_wrap(err, "%s", path) : 0;
}
