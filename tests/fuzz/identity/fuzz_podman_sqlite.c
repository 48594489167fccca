/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "file_stream.h"
#include "runtime_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LOG_HEAD 32
#define FRAME_HEAD 24

static uint32_t word(const uint8_t *at, int big)
{
	return big ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
		   : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static void add(uint32_t sum[2], const uint8_t *at, size_t size, int big)
{
	for (size_t i = 0; i + 8 <= size; i += 8) {
		sum[0] += word(at + i, big) + sum[1];
		sum[1] += word(at + i + 4, big) + sum[0];
	}
}

static void put(uint8_t *at, const uint32_t sum[2])
{
	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t)(sum[i / 4] >> (24 - 8 * (i % 4)));
}

/* Gives the log and each of its frames the sums that are right, for the rest to be reached. */
static void mend_sums(uint8_t *log, size_t size)
{
	uint32_t sum[2] = { 0, 0 };

	if (size < LOG_HEAD)
		return;
	int big = log[3] & 1;
	size_t page = word(log + 8, 1);
	add(sum, log, 24, big);
	put(log + 24, sum);
	for (size_t at = LOG_HEAD; page <= 65536 && size - at >= FRAME_HEAD + page;
	     at += FRAME_HEAD + page) {
		memcpy(log + at + 8, log + 16, 8);
		add(sum, log + at, 8, big);
		add(sum, log + at + FRAME_HEAD, page, big);
		put(log + at + 16, sum);
	}
}

static void tell(void *podman, const struct fuzz_host *h, enum bh_file_news news, const char *path,
		 const void *bytes, size_t size)
{
	struct bh_file_head head = { news, (uint32_t)strlen(path), (uint32_t)size };

	bh_podman_ops.data(podman, h->files, &head, sizeof(head), 0);
	bh_podman_ops.data(podman, h->files, path, strlen(path), 0);
	if (news == BH_FILE_IS)
		bh_podman_ops.data(podman, h->files, bytes, size, 0);
}

/* The input is Podman's database and the log beside it, as the kernel process passes them on.
 * Before both stands how long the database is, as 32 bits. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_host h;
	uint32_t first;

	if (size < sizeof(first))
		return 0;
	memcpy(&first, data, sizeof(first));
	data += sizeof(first);
	size -= sizeof(first);
	first = first < size ? first : (uint32_t)size;
	uint8_t *copy = malloc(size + 1);
	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	mend_sums(copy + first, size - first);
	void *podman = fuzz_start(&h, &bh_podman_ops);
	tell(podman, &h, BH_FILE_IS, "/db.sql-wal", copy + first, size - first);
	tell(podman, &h, BH_FILE_GONE, "/db.sql-journal", NULL, 0);
	tell(podman, &h, BH_FILE_IS, "/db.sql", copy, first);
	/* Both requests of the service fail: the disk's word holds. */
	for (uint32_t request = 1; request <= h.asked; request++)
		if (request != h.files)
			bh_podman_ops.end(podman, request, -2, 0);
	tell(podman, &h, BH_FILE_GONE, "/db.sql-wal", NULL, 0);
	tell(podman, &h, BH_FILE_IS, "/db.sql-journal", copy, size);
	tell(podman, &h, BH_FILE_IS, "/db.sql", copy, first);
	tell(podman, &h, BH_FILE_GONE, "/db.sql-journal", NULL, 0);
	tell(podman, &h, BH_FILE_IS, "/db.sql", copy, first);
	fuzz_stop(&h, &bh_podman_ops, podman);
	free(copy);
	return 0;
}
