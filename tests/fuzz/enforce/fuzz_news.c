/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notifications of nftables as the kernel sends them: messages one after the other, each behind its
 * length (two bytes, big-endian) and its type (one byte). */
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "news.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			abort();
}

static void take(struct bh_nft_news *news, uint8_t type, const uint8_t *body, size_t size)
{
	/* Receive buffers end at a multiple of four, and libmnl reads up to it. */
	struct nlmsghdr *nlh = calloc(1, MNL_ALIGN(NLMSG_HDRLEN + size));
	char text[100];

	if (nlh == NULL)
		abort();
	nlh->nlmsg_len = (uint32_t)(NLMSG_HDRLEN + size);
	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	if (size > 0)
		memcpy((char *)nlh + NLMSG_HDRLEN, body, size);
	if (bh_news_take(news, nlh)) {
		check_text(bh_news_text(news, text, sizeof(text)));
		check_text(news->process);
		if (news->touched.count > BH_NFT_TOUCHED)
			abort();
		*news = (struct bh_nft_news) { 0 };
	}
	free(nlh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_nft_news news = { 0 };

	while (size >= 3) {
		size_t length = (size_t)data[0] << 8 | data[1];

		if (length > size - 3)
			length = size - 3;
		take(&news, data[2], data + 3, length);
		data += 3 + length;
		size -= 3 + length;
	}
	return 0;
}
