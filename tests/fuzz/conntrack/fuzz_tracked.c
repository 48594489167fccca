/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_family(const struct bh_addr *addr, uint8_t family)
{
	return addr->family == family;
}

/* The input is one netlink message. What is read of it can be told from every other entry, and
 * repeats itself. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_tracked t, again;
	/* On the heap, exactly as long, and aligned: a read beyond it is a finding. */
	void *message = malloc(size > 0 ? size : 1);

	if (message == NULL)
		return 0;
	memcpy(message, data, size);
	if (bh_entry_read(message, size, &t)) {
		uint8_t family = t.original.src.family;

		if ((family != BH_IPV4 && family != BH_IPV6) ||
		    !is_family(&t.original.dst, family) || !is_family(&t.reply.src, family) ||
		    !is_family(&t.reply.dst, family) || t.original.proto != t.reply.proto ||
		    t.news > BH_TRACKED_ENDED || t.start > BH_TRACKED_START_MISSED)
			abort();
		if (!bh_entry_read(message, size, &again) || again.id != t.id)
			abort();
	}
	free(message);
	return 0;
}
