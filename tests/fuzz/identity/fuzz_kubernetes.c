/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char head[] = "HTTP/1.0 200 OK\r\n\r\n";

static void answer(void *k, uint32_t request, const void *bytes, size_t size)
{
	bh_kubernetes_ops.data(k, request, head, sizeof(head) - 1, 0);
	bh_kubernetes_ops.data(k, request, bytes, size, 0);
	bh_kubernetes_ops.end(k, request, 0, 0);
}

/* The input is the list, a NUL, what the watch tells, a NUL, and what is said of each owner that is
 * asked for. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_host h;
	void *k = fuzz_start(&h, &bh_kubernetes_ops);
	const uint8_t *end = data + size;
	const uint8_t *watch = memchr(data, '\0', size);
	const uint8_t *owner =
		watch != NULL ? memchr(watch + 1, '\0', (size_t)(end - watch) - 1) : NULL;

	answer(k, h.asked, data, watch != NULL ? (size_t)(watch - data) : size);
	uint32_t watching = h.asked;
	if (watch != NULL) {
		bh_kubernetes_ops.data(k, watching, head, sizeof(head) - 1, 0);
		bh_kubernetes_ops.data(k, watching, watch + 1,
				       (size_t)((owner != NULL ? owner : end) - watch) - 1, 0);
	}
	for (uint32_t request = 1; owner != NULL && request <= h.asked; request++)
		if (request != watching)
			answer(k, request, owner + 1, (size_t)(end - owner) - 1);
	bh_kubernetes_ops.end(k, watching, 0, 10000000);
	bh_kubernetes_ops.tick(k, 100000000);
	fuzz_stop(&h, &bh_kubernetes_ops, k);
	return 0;
}
