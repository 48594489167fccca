/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Others' chains and rules as a dump brings them: messages one after the other, each behind its
 * length (two bytes, big-endian) and its type (one byte). */
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(struct bh_foreign_scan *scan, uint8_t type, const uint8_t *body, size_t size)
{
	/* Receive buffers end at a multiple of four, and libmnl reads up to it. */
	struct nlmsghdr *nlh = calloc(1, MNL_ALIGN(NLMSG_HDRLEN + size));

	if (nlh == NULL)
		abort();
	nlh->nlmsg_len = (uint32_t)(NLMSG_HDRLEN + size);
	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	if (size > 0)
		memcpy((char *)nlh + NLMSG_HDRLEN, body, size);
	bh_foreign_scan_message(scan, nlh);
	free(nlh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_foreign_scan *scan = bh_foreign_scan_new();
	struct bh_foreign result;
	char text[BH_FOREIGN_TEXT];

	while (size >= 3) {
		size_t length = (size_t)data[0] << 8 | data[1];

		if (length > size - 3)
			length = size - 3;
		take(scan, data[2], data + 3, length);
		data += 3 + length;
		size -= 3 + length;
	}
	bh_foreign_scan_result(scan, &result);
	if (result.count > BH_FOREIGN_CHAINS)
		abort();
	for (uint32_t i = 0; i < result.count; i++)
		bh_foreign_text(&result.chains[i], text);
	bh_foreign_scan_free(scan);
	return 0;
}
