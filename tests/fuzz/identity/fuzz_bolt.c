/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bolt.h"
#include "file_stream.h"
#include "map.h"
#include "runtime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define META 16
#define SUMMED 56

/* The input is Podman's database, as the kernel process passes it on. Its meta pages are given the
 * checksum that is right, for the rest to be reached. Whatever it holds, containers that are stated
 * have an id, and none is lost that was not stated. */
struct host {
	uint32_t asked, files;
	struct bh_map *known;
};

static uint32_t on_query(void *user, uint8_t runtime, enum bh_runtime_query query,
			 const char *argument)
{
	struct host *h = user;

	(void)runtime;
	(void)argument;
	h->asked++;
	if (query == BH_QUERY_FILES)
		h->files = h->asked;
	return h->asked;
}

static void on_container(void *user, const struct bh_container *c)
{
	if (strlen(c->id) != 64)
		abort();
	bh_map_put_text(((struct host *)user)->known, c->id, user);
}

static void on_gone(void *user, uint8_t runtime, const char *id)
{
	(void)runtime;
	if (!bh_map_remove_text(((struct host *)user)->known, id))
		abort();
}

static void on_state(void *user, uint8_t runtime, enum bh_runtime_state state, const char *why)
{
	(void)user;
	(void)runtime;
	if (state != BH_RUNTIME_CONNECTED && why == NULL)
		abort();
}

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

static void tell(void *podman, const struct host *h, const void *bytes, size_t size)
{
	struct bh_file_head head = { BH_FILE_IS, 1, (uint32_t)size };

	bh_podman_ops.data(podman, h->files, &head, sizeof(head), 0);
	bh_podman_ops.data(podman, h->files, "/", 1, 0);
	bh_podman_ops.data(podman, h->files, bytes, size, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host h = { .known = bh_map_new(NULL) };
	struct bh_runtime_host host = { &h, on_query, on_container, on_gone, on_state };
	void *podman = bh_podman_ops.start(&host, 0);
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
	bh_podman_ops.stop(podman);
	free(copy);
	bh_map_free(h.known);
	return 0;
}
