/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One step of a trace, as the kernel sends it: the message's body. */
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "tracer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t room)
{
	for (size_t i = 0; i < room; i++) {
		if (text[i] == '\0')
			return;
		if (text[i] < ' ' || text[i] > '~')
			abort();
	}
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Receive buffers end at a multiple of four, and libmnl reads up to it. */
	struct nlmsghdr *nlh = calloc(1, MNL_ALIGN(NLMSG_HDRLEN + size));
	struct bh_trace_step step;

	if (nlh == NULL)
		abort();
	nlh->nlmsg_len = (uint32_t)(NLMSG_HDRLEN + size);
	nlh->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_TRACE;
	if (size > 0)
		memcpy((char *)nlh + NLMSG_HDRLEN, data, size);
	if (bh_trace_read(nlh, &step)) {
		check_text(step.table, sizeof(step.table));
		check_text(step.chain, sizeof(step.chain));
		check_text(step.target, sizeof(step.target));
		if (step.network_length > sizeof(step.network) ||
		    step.transport_length > sizeof(step.transport))
			abort();
	}
	free(nlh);
	return 0;
}
