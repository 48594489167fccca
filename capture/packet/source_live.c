/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One handle on `any` sees every interface, those to come as well, and says of each packet where it
 * was. libpcap hands out pointers into the ring that the kernel writes to: nothing is copied. */
#include "source.h"

#include <errno.h>
#include <limits.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "fanout.h"
#include "grow.h"
#include "timefmt.h"

/* One turn of reading takes at most this many packets: timers are due as well. */
#define TURN 4096
#define WHOLE 65536 /* more bytes than IP counts in a packet: the filter says how much is kept */

struct bh_live_source {
	pcap_t *pcap;
	int linktype;
	int snaplen;
	int64_t begin;	    /* older packets are not read */
	uint32_t *excluded; /* ifindexes, as the filter in force has them */
	size_t excluded_count;
	enum bh_copy copy;
	struct pcap_stat last; /* libpcap's counts at the previous look; they wrap at 32 bits */
};

static int activate(struct bh_live_source *s, const struct bh_live_config *config,
		    struct bh_error *err)
{
	char text[PCAP_ERRBUF_SIZE] = "";

	pcap_set_snaplen(s->pcap, WHOLE);
	pcap_set_buffer_size(s->pcap,
			     config->ring_bytes < INT_MAX ? (int)config->ring_bytes : INT_MAX);
	pcap_set_timeout(s->pcap, 100); /* ms until a block that is not full is handed over */
	int result = pcap_activate(s->pcap);
	if (result < 0)
		return bh_error_set(err, result == PCAP_ERROR_PERM_DENIED ? -EPERM : -EIO, "%s: %s",
				    pcap_statustostr(result), pcap_geterr(s->pcap));
	if (pcap_set_datalink(s->pcap, DLT_LINUX_SLL2) != 0)
		return bh_error_set(err, -EOPNOTSUPP, "SLL2 (needs libpcap 1.10): %s",
				    pcap_geterr(s->pcap));
	if (pcap_setnonblock(s->pcap, 1, text) != 0)
		return bh_error_set(err, -EIO, "%s", text);
	s->linktype = pcap_datalink(s->pcap);
	s->begin = config->fanout_group != 0 ? INT64_MAX : 0;
	return config->fanout_group != 0
		       ? bh_fanout_join(pcap_fileno(s->pcap), config->fanout_group, err)
		       : 0;
}

struct bh_live_source *bh_live_source_open(const struct bh_live_config *config,
					   struct bh_error *err)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	struct bh_live_source *s = bh_calloc(1, sizeof(*s));

	s->snaplen = config->snaplen;
	s->copy = config->copy;
	s->pcap = pcap_create("any", text);
	if (s->pcap == NULL)
		bh_error_set(err, -EIO, "%s", text);
	else if (activate(s, config, err) == 0 && bh_live_source_exclude(s, NULL, 0, err) == 0)
		return s;
	bh_live_source_close(s);
	return NULL;
}

void bh_live_source_close(struct bh_live_source *s)
{
	if (s == NULL)
		return;
	if (s->pcap != NULL)
		pcap_close(s->pcap);
	free(s->excluded);
	free(s);
}

int bh_live_source_fd(const struct bh_live_source *s)
{
	return pcap_get_selectable_fd(s->pcap);
}

static int install_filter(struct bh_live_source *s, const uint32_t *excluded, size_t count,
			  enum bh_copy copy, struct bh_error *err)
{
	struct bh_live_filter filter = {
		.excluded = excluded, .excluded_count = count, .snaplen = s->snaplen, .copy = copy
	};

	return bh_live_filter_install(s->pcap, &filter, err);
}

int bh_live_source_exclude(struct bh_live_source *s, const uint32_t *ifindexes, size_t count,
			   struct bh_error *err)
{
	int result = install_filter(s, ifindexes, count, s->copy, err);

	if (result != 0)
		return result;
	free(s->excluded);
	s->excluded = bh_calloc(count + 1, sizeof(s->excluded[0]));
	s->excluded_count = count;
	for (size_t i = 0; i < count; i++)
		s->excluded[i] = ifindexes[i];
	return 0;
}

int bh_live_source_copy(struct bh_live_source *s, enum bh_copy copy, struct bh_error *err)
{
	int result = install_filter(s, s->excluded, s->excluded_count, copy, err);

	if (result == 0)
		s->copy = copy;
	return result;
}

void bh_live_source_begin(struct bh_live_source *s, int64_t time)
{
	s->begin = time;
}

struct turn {
	struct bh_flow_table *table;
	int linktype;
	int64_t begin;
};

static void on_packet(u_char *user, const struct pcap_pkthdr *head, const u_char *bytes)
{
	struct turn *turn = (struct turn *)(void *)user;
	int64_t time = (int64_t)head->ts.tv_sec * BH_SECOND + head->ts.tv_usec;

	if (time >= turn->begin)
		bh_flow_table_frame(turn->table, turn->linktype, bytes, head->caplen, head->len,
				    time);
}

int bh_live_source_read(struct bh_live_source *s, struct bh_flow_table *table, struct bh_error *err)
{
	struct turn turn = { table, s->linktype, s->begin };
	int got = pcap_dispatch(s->pcap, TURN, on_packet, (u_char *)&turn);

	if (got == PCAP_ERROR)
		return bh_error_set(err, -EIO, "%s", pcap_geterr(s->pcap));
	return got < 0 ? 0 : got;
}

void bh_live_source_loss(struct bh_live_source *s, uint64_t *received, uint64_t *dropped)
{
	struct pcap_stat now;

	*received = *dropped = 0;
	if (pcap_stats(s->pcap, &now) != 0)
		return;
	*received = now.ps_recv - s->last.ps_recv;
	*dropped = now.ps_drop - s->last.ps_drop;
	s->last = now;
}
