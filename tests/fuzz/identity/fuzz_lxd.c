/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(void *lxd, const struct fuzz_host *h, const void *bytes, size_t size)
{
	static const char head[] = "HTTP/1.0 200 OK\r\n\r\n";

	bh_lxd_ops.data(lxd, h->asked, head, sizeof(head) - 1, 0);
	bh_lxd_ops.data(lxd, h->asked, bytes, size, 0);
	bh_lxd_ops.end(lxd, h->asked, 0, 0);
}

/* The input is what LXD answers, twice: the whole, and then its second half alone. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_host h;
	void *lxd = fuzz_start(&h, &bh_lxd_ops);

	answer(lxd, &h, data, size);
	bh_lxd_ops.tick(lxd, 10000000);
	answer(lxd, &h, data + size / 2, size - size / 2);
	fuzz_stop(&h, &bh_lxd_ops, lxd);
	return 0;
}
