/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "runtime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is what LXD answers, twice: the whole, and then its second half alone. Whatever it
 * says, containers that are stated have an id, and none is lost that was not stated. */
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
	if (c->id[0] == '\0' || strlen(c->id) >= sizeof(c->id))
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

static void answer(void *lxd, const struct host *h, const void *bytes, size_t size)
{
	static const char head[] = "HTTP/1.0 200 OK\r\n\r\n";

	bh_lxd_ops.data(lxd, h->asked, head, sizeof(head) - 1, 0);
	bh_lxd_ops.data(lxd, h->asked, bytes, size, 0);
	bh_lxd_ops.end(lxd, h->asked, 0, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host h = { .known = bh_map_new(NULL) };
	struct bh_runtime_host host = { &h, on_query, on_container, on_gone, on_state };
	void *lxd = bh_lxd_ops.start(&host, 0);

	answer(lxd, &h, data, size);
	bh_lxd_ops.tick(lxd, 10000000);
	answer(lxd, &h, data + size / 2, size - size / 2);
	bh_lxd_ops.stop(lxd);
	bh_map_free(h.known);
	return 0;
}
