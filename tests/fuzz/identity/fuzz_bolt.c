/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bolt.h"
#include "file_stream.h"
#include "runtime_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define META 16
#define SUMMED 56

static void mend_sum(uint8_t *bytes, size_t size, size_t offset)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	if (size < offset + META + SUMMED + sizeof(sum))
		return;
	uint8_t *meta = bytes + offset + META;
	for (int i = 0; i < SUMMED; i++)
		sum = (sum ^ meta[i]) * UINT64_C(0x100000001b3);
	memcpy(meta + SUMMED, &sum, sizeof(sum));
}

static void tell(void *podman, const struct fuzz_host *h, const void *bytes, size_t size)
{
	static const char path[] = "/bolt_state.db";
	struct bh_file_head head = { BH_FILE_IS, sizeof(path) - 1, (uint32_t)size };

	bh_podman_ops.data(podman, h->files, &head, sizeof(head), 0);
	bh_podman_ops.data(podman, h->files, path, sizeof(path) - 1, 0);
	bh_podman_ops.data(podman, h->files, bytes, size, 0);
}

/* The input is Podman's database, as the kernel process passes it on. Its meta pages are given the
 * checksum that is right, for the rest to be reached. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_host h;
	void *podman = fuzz_start(&h, &bh_podman_ops);
	uint8_t *copy = malloc(size + 1);

	if (copy == NULL)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	mend_sum(copy, size, 0);
	mend_sum(copy, size, 1024);
	tell(podman, &h, copy, size);
	/* Both requests of the service fail: the disk's word holds. */
	for (uint32_t request = 1; request <= h.asked; request++)
		if (request != h.files)
			bh_podman_ops.end(podman, request, -2, 0);
	tell(podman, &h, copy, size / 2);
	fuzz_stop(&h, &bh_podman_ops, podman);
	free(copy);
	return 0;
}
