/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One handle on `any` sees every interface, those to come as well, and says of each packet where it
 * was. What is no container's is left out in the kernel: a filter that libpcap cannot hand over it
 * would apply itself, after copying every packet of the uplink. Such a filter is refused instead.
 *
 * What a filter returns is the number of bytes that are kept of a packet: of one whose payload says
 * names all of them (whole_filter.h); of every other one its headers.
 */
#include "source.h"

#include <errno.h>
#include <limits.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "fanout.h"
#include "grow.h"
#include "timefmt.h"
#include "whole_filter.h"

/* One turn of reading takes at most this many packets: timers are due as well. */
#define TURN 4096
#define BPF_MAXINSNS 4096 /* linux/bpf_common.h, which does not go with pcap's */
#define WHOLE 65536	  /* more bytes than IP counts in a packet */

struct bh_live_source {
	pcap_t *pcap;
	int linktype;
	int snaplen;
	int64_t begin;	       /* older packets are not read */
	struct pcap_stat last; /* libpcap's counts at the previous look; they wrap at 32 bits */
};

static int activate(struct bh_live_source *s, const struct bh_live_config *config,
		    struct bh_error *err)
{
	char text[PCAP_ERRBUF_SIZE] = "";

	pcap_set_snaplen(s->pcap, WHOLE); /* the kernel's filter says how much of it is kept */
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
	free(s);
}

int bh_live_source_fd(const struct bh_live_source *s)
{
	return pcap_get_selectable_fd(s->pcap);
}

static int compile_exclusion(struct bh_live_source *s, const uint32_t *ifindexes, size_t count,
			     struct bpf_program *program, struct bh_error *err)
{
	struct bh_buffer text = { 0 };

	for (size_t i = 0; i < count; i++)
		bh_buffer_printf(&text, "%s ifindex %u", i == 0 ? "not (" : " or", ifindexes[i]);
	bh_buffer_puts(&text, count > 0 ? ")" : "");
	int result = pcap_compile(s->pcap, program, text.data, 1, PCAP_NETMASK_UNKNOWN);
	bh_buffer_free(&text);
	return result != 0 ? bh_error_set(err, -EINVAL, "%s", pcap_geterr(s->pcap)) : 0;
}

static bool is_return(const struct bpf_insn *step)
{
	return BPF_CLASS(step->code) == BPF_RET && BPF_RVAL(step->code) == BPF_K;
}

/* One filter of two: what the first one keeps goes on to the second, which keeps the whole of what
 * it matches and the headers of the rest. */
static void join(struct bpf_program *both, const struct bpf_program *first,
		 const struct bpf_program *second, int snaplen)
{
	both->bf_len = first->bf_len + second->bf_len;
	both->bf_insns = bh_calloc(both->bf_len, sizeof(both->bf_insns[0]));
	for (u_int i = 0; i < first->bf_len; i++) {
		struct bpf_insn step = first->bf_insns[i];

		if (is_return(&step) && step.k != 0) /* a jump counts from the step behind it */
			step = (struct bpf_insn)BPF_STMT(BPF_JMP | BPF_JA, first->bf_len - i - 1);
		both->bf_insns[i] = step;
	}
	for (u_int i = 0; i < second->bf_len; i++) {
		struct bpf_insn step = second->bf_insns[i];

		if (is_return(&step))
			step.k = step.k != 0 ? WHOLE : (bpf_u_int32)snaplen;
		both->bf_insns[first->bf_len + i] = step;
	}
}

static int install(struct bh_live_source *s, struct bpf_program *program, size_t count,
		   struct bh_error *err)
{
	if (program->bf_len > BPF_MAXINSNS)
		return bh_error_set(err, -E2BIG,
				    "leaving out %zu interfaces takes %u steps, and the kernel's "
				    "filters have %d at most; leave out fewer",
				    count, program->bf_len, BPF_MAXINSNS);
	if (pcap_setfilter(s->pcap, program) != 0)
		return bh_error_set(err, -EIO, "%s", pcap_geterr(s->pcap));
	return 0;
}

int bh_live_source_exclude(struct bh_live_source *s, const uint32_t *ifindexes, size_t count,
			   struct bh_error *err)
{
	struct bpf_program exclusion, names, both;
	int result = compile_exclusion(s, ifindexes, count, &exclusion, err);

	if (result != 0)
		return result;
	if (pcap_compile(s->pcap, &names, BH_WHOLE_FILTER, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		pcap_freecode(&exclusion);
		return bh_error_set(err, -EINVAL, "%s", pcap_geterr(s->pcap));
	}
	join(&both, &exclusion, &names, s->snaplen);
	pcap_freecode(&exclusion);
	pcap_freecode(&names);
	result = install(s, &both, count, err);
	free(both.bf_insns);
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
