/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "runtime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is what Docker says: a run of (which question, length, bytes). Whatever it says,
 * containers that are stated have an id, and none is lost that was not stated. */
struct host {
	uint32_t asked;
	struct bh_map *known;
};

static uint32_t on_query(void *user, uint8_t runtime, enum bh_runtime_query query,
			 const char *argument)
{
	char text[512];

	if (!bh_runtime_request_text(runtime, (uint8_t)query, argument, text, sizeof(text)))
		abort();
	return ++((struct host *)user)->asked;
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host h = { .known = bh_map_new(NULL) };
	struct bh_runtime_host host = { &h, on_query, on_container, on_gone, on_state };
	void *docker = bh_docker_ops.start(&host, 0);
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
	bh_docker_ops.stop(docker);
	bh_map_free(h.known);
	return 0;
}
