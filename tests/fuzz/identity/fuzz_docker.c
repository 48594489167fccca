/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is what Docker says: a run of (which question, length, bytes). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_host h;
	void *docker = fuzz_start(&h, &bh_docker_ops);
	int64_t now = 0;

	while (size >= 3) {
		uint32_t request = 1 + data[0] % 32;
		size_t length = (size_t)(data[1] | data[2] << 8);

		data += 3;
		size -= 3;
		length = length < size ? length : size;
		bh_docker_ops.data(docker, request, data, length, now);
		data += length;
		size -= length;
		/* The first two questions are the stream and the list. */
		if (length % 2 == 0 && request != 1)
			bh_docker_ops.end(docker, request, 0, now);
		now += 700000;
		bh_docker_ops.tick(docker, now);
	}
	fuzz_stop(&h, &bh_docker_ops, docker);
	return 0;
}
