/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The filter is put together from parts that libpcap compiles, one behind the other: what a part
 * answers yes or no to goes on to another one, or is the filter's own answer. libpcap has no word
 * for chance; the kernel has.
 */
#include "live_filter.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "buffer.h"
#include "grow.h"
#include "whole_filter.h"

#define BPF_MAXINSNS 4096 /* linux/bpf_common.h, which does not go with pcap's */
#define WHOLE 65536	  /* more bytes than IP counts in a packet */
#define RANDOM_NUMBER ((uint32_t)-0x1000 + 56) /* SKF_AD_OFF + SKF_AD_RANDOM, linux/filter.h */

/* Of TCP what opens and ends connections: SYN, FIN and RST are the low three of its flags. */
#define CONTROL                                                                                    \
	"not (ip[9] = 6 or ip6[6] = 6) or tcp[13] & 7 != 0 or (ip6[6] = 6 and ip6[53] & 7 != 0)"
#define DNS "udp port 53 or tcp port 53"

const char *bh_copy_name(uint8_t copy)
{
	static const char *const names[BH_COPY_KINDS] = { "all", "control", "sample",
							  "sample-all" };

	return copy < BH_COPY_KINDS ? names[copy] : "?";
}

static int compile(pcap_t *pcap, const char *text, struct bpf_program *program,
		   struct bh_error *err)
{
	if (pcap_compile(pcap, program, text, 1, PCAP_NETMASK_UNKNOWN) != 0)
		return bh_error_set(err, -EINVAL, "%s", pcap_geterr(pcap));
	return 0;
}

/* Which packets are copied at all. */
static int compile_choice(pcap_t *pcap, const struct bh_live_filter *f, struct bpf_program *program,
			  struct bh_error *err)
{
	struct bh_buffer text = { 0 };

	for (size_t i = 0; i < f->excluded_count; i++)
		bh_buffer_printf(&text, "%s ifindex %u", i == 0 ? "not (" : " or", f->excluded[i]);
	bh_buffer_puts(&text, f->excluded_count > 0 ? ")" : "");
	if (f->copy >= BH_COPY_CONTROL)
		bh_buffer_printf(&text, "%s(" CONTROL " or " DNS ")",
				 f->excluded_count > 0 ? " and " : "");
	bh_buffer_puts(&text, "");
	int result = compile(pcap, text.data, program, err);
	bh_buffer_free(&text);
	return result;
}

/* What becomes of a packet that a part has answered: it is another part's, which begins at this
 * step, or so many bytes of it are kept. */
struct outcome {
	bool is_answer;
	uint32_t value;
};

static bool is_return(const struct bpf_insn *step)
{
	return BPF_CLASS(step->code) == BPF_RET && BPF_RVAL(step->code) == BPF_K;
}

static void append_step(struct bpf_program *all, struct bpf_insn step)
{
	all->bf_insns[all->bf_len++] = step;
}

static void append(struct bpf_program *all, const struct bpf_program *part, struct outcome yes,
		   struct outcome no)
{
	for (u_int i = 0; i < part->bf_len; i++) {
		struct bpf_insn step = part->bf_insns[i];
		struct outcome then = step.k != 0 ? yes : no;

		/* A jump counts from the step behind it. */
		if (is_return(&step) && then.is_answer)
			step.k = then.value;
		else if (is_return(&step))
			step = (struct bpf_insn)BPF_STMT(BPF_JMP | BPF_JA,
							 then.value - all->bf_len - 1);
		append_step(all, step);
	}
}

/* One packet in BH_COPY_SHARE goes on to the step behind it. */
static const struct bpf_insn chance[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, RANDOM_NUMBER),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, BH_COPY_SHARE - 1),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, 0),
};
#define CHANCE_STEPS (sizeof(chance) / sizeof(chance[0]))

struct parts {
	struct bpf_program choice;
	struct bpf_program spared; /* from chance; without steps: nothing is left to it */
	struct bpf_program whole;
};

/* What is no longer than the headers' share is kept as it is, and not asked what it holds: a load
 * beyond a packet's end, which a short one would meet, drops it unseen and uncounted. */
#define BREVITY_STEPS 3

static void append_brevity(struct bpf_program *all, struct outcome headers)
{
	append_step(all, (struct bpf_insn)BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0));
	append_step(all, (struct bpf_insn)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, headers.value, 1, 0));
	append_step(all, (struct bpf_insn)BPF_STMT(BPF_RET | BPF_K, headers.value));
}

static struct bpf_program join(const struct parts *parts, int snaplen)
{
	const struct outcome nothing = { true, 0 }, whole = { true, WHOLE },
			     headers = { true, (uint32_t)snaplen };
	bool samples = parts->spared.bf_len > 0;
	uint32_t spared_at = parts->choice.bf_len;
	uint32_t chance_at = spared_at + parts->spared.bf_len;
	uint32_t whole_at = samples ? chance_at + (uint32_t)CHANCE_STEPS : spared_at;
	struct bpf_program all = { 0 };

	all.bf_insns =
		bh_calloc(whole_at + BREVITY_STEPS + parts->whole.bf_len, sizeof(all.bf_insns[0]));
	append(&all, &parts->choice, (struct outcome) { false, spared_at }, nothing);
	append(&all, &parts->spared, (struct outcome) { false, whole_at },
	       (struct outcome) { false, chance_at });
	for (size_t i = 0; samples && i < CHANCE_STEPS; i++)
		append_step(&all, chance[i]);
	append_brevity(&all, headers);
	append(&all, &parts->whole, whole, headers);
	return all;
}

static int compile_parts(pcap_t *pcap, const struct bh_live_filter *f, struct parts *parts,
			 struct bh_error *err)
{
	int result = compile_choice(pcap, f, &parts->choice, err);

	if (result == 0 && f->copy >= BH_COPY_SAMPLE)
		result = compile(
			pcap, f->copy == BH_COPY_SAMPLE ? "ip[9] = 6 or ip6[6] = 6 or " DNS : DNS,
			&parts->spared, err);
	return result != 0 ? result : compile(pcap, BH_WHOLE_FILTER, &parts->whole, err);
}

static int install(pcap_t *pcap, struct bpf_program *program, size_t excluded, struct bh_error *err)
{
	if (program->bf_len > BPF_MAXINSNS)
		return bh_error_set(err, -E2BIG,
				    "leaving out %zu interfaces takes %u steps, and the kernel's "
				    "filters have %d at most; leave out fewer",
				    excluded, program->bf_len, BPF_MAXINSNS);
	if (pcap_setfilter(pcap, program) != 0)
		return bh_error_set(err, -EIO, "%s", pcap_geterr(pcap));
	return 0;
}

int bh_live_filter_install(pcap_t *pcap, const struct bh_live_filter *f, struct bh_error *err)
{
	struct parts parts = { 0 };
	int result = compile_parts(pcap, f, &parts, err);

	if (result == 0) {
		struct bpf_program all = join(&parts, f->snaplen);

		result = install(pcap, &all, f->excluded_count, err);
		free(all.bf_insns);
	}
	pcap_freecode(&parts.choice);
	pcap_freecode(&parts.spared);
	pcap_freecode(&parts.whole);
	return result;
}
