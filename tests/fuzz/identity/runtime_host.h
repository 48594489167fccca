/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host of a back end, for harnesses: whatever it is fed, containers that it states have an id,
 * it takes back none that it did not state, it asks nothing that may not be asked, and it says why
 * where it is not connected. */
#ifndef BH_FUZZ_RUNTIME_HOST_H
#define BH_FUZZ_RUNTIME_HOST_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "runtime.h"

struct fuzz_host {
	uint32_t asked; /* so many questions, which are their numbers */
	uint32_t files; /* the latest that was for files */
	struct bh_map *known;
};

static inline uint32_t fuzz_on_query(void *user, uint8_t runtime, enum bh_runtime_query query,
				     const char *argument)
{
	struct fuzz_host *h = user;
	char text[512];

	h->asked++;
	if (query == BH_QUERY_FILES)
		h->files = h->asked;
	else if (runtime == BH_RUNTIME_KUBERNETES
			 ? !bh_kubernetes_is_path(argument)
			 : !bh_runtime_request_text(runtime, (uint8_t)query, argument, text,
						    sizeof(text)))
		abort();
	return h->asked;
}

static inline void fuzz_on_container(void *user, const struct bh_container *c)
{
	bool has_id = c->runtime == BH_RUNTIME_DOCKER || c->runtime == BH_RUNTIME_PODMAN;

	if (memchr(c->id, '\0', sizeof(c->id)) == NULL || c->id[0] == '\0' ||
	    (has_id && !bh_runtime_is_id(c->id)))
		abort();
	bh_map_put_text(((struct fuzz_host *)user)->known, c->id, user);
}

static inline void fuzz_on_gone(void *user, uint8_t runtime, const char *id)
{
	(void)runtime;
	if (!bh_map_remove_text(((struct fuzz_host *)user)->known, id))
		abort();
}

static inline void fuzz_on_state(void *user, uint8_t runtime, enum bh_runtime_state state,
				 const char *why)
{
	(void)user;
	(void)runtime;
	if (state != BH_RUNTIME_CONNECTED && why == NULL)
		abort();
}

/* Starts the back end, whose state it returns. */
static inline void *fuzz_start(struct fuzz_host *h, const struct bh_runtime_ops *ops)
{
	struct bh_runtime_host host = {
		h, "node-1", fuzz_on_query, fuzz_on_container, fuzz_on_gone, fuzz_on_state
	};

	*h = (struct fuzz_host) { .known = bh_map_new(NULL) };
	return ops->start(&host, 0);
}

static inline void fuzz_stop(struct fuzz_host *h, const struct bh_runtime_ops *ops, void *back_end)
{
	ops->stop(back_end);
	bh_map_free(h->known);
}

#endif
