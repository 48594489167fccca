/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A host of back ends: keeps what they state, answers them, and tells them of files. */
#ifndef BH_TEST_RUNTIME_FIXTURE_H
#define BH_TEST_RUNTIME_FIXTURE_H

#include <stdint.h>
#include <string.h>

#include "file_stream.h"
#include "grow.h"
#include "map.h"
#include "runtime.h"

struct runtime_host {
	const struct bh_runtime_ops *ops;
	void *back_end;
	uint32_t asked[BH_QUERIES];	/* the latest of each kind */
	char argument[BH_QUERIES][512]; /* of that question */
	uint32_t count;
	struct bh_map *containers; /* as stated */
	int stated;
	enum bh_runtime_state state;
	char why[256];
	int states;
};

static inline uint32_t runtime_on_query(void *user, uint8_t runtime, enum bh_runtime_query query,
					const char *argument)
{
	struct runtime_host *h = user;

	assert_int_equal(runtime, h->ops->runtime);
	bh_copy_text(h->argument[query], sizeof(h->argument[query]), argument);
	return h->asked[query] = ++h->count;
}

static inline void runtime_on_container(void *user, const struct bh_container *c)
{
	struct runtime_host *h = user;

	h->stated++;
	bh_map_put_text(h->containers, c->id, bh_container_copy(c));
}

static inline void runtime_on_gone(void *user, uint8_t runtime, const char *id)
{
	struct runtime_host *h = user;

	assert_int_equal(runtime, h->ops->runtime);
	assert_true(bh_map_remove_text(h->containers, id));
}

static inline void runtime_on_state(void *user, uint8_t runtime, enum bh_runtime_state state,
				    const char *why)
{
	struct runtime_host *h = user;

	(void)runtime;
	bh_copy_text(h->why, sizeof(h->why), why != NULL ? why : "");
	h->state = state;
	h->states++;
}

static inline void runtime_free_container(void *value)
{
	bh_container_free(value);
}

static inline void runtime_start(struct runtime_host *h, const struct bh_runtime_ops *ops)
{
	struct bh_runtime_host host = { h,
					"node-1",
					runtime_on_query,
					runtime_on_container,
					runtime_on_gone,
					runtime_on_state };

	*h = (struct runtime_host) { .ops = ops };
	h->containers = bh_map_new(runtime_free_container);
	h->back_end = ops->start(&host, 0);
}

static inline void runtime_stop(struct runtime_host *h)
{
	h->ops->stop(h->back_end);
	bh_map_free(h->containers);
}

static inline void runtime_tell_bytes(struct runtime_host *h, enum bh_file_news news,
				      const char *path, const void *bytes, size_t length)
{
	struct bh_file_head head = { news, (uint32_t)strlen(path), (uint32_t)length };
	uint32_t request = h->asked[BH_QUERY_FILES];

	h->ops->data(h->back_end, request, &head, sizeof(head), 1);
	h->ops->data(h->back_end, request, path, strlen(path), 1);
	if (news == BH_FILE_IS)
		h->ops->data(h->back_end, request, bytes, length, 1);
}

/* number: of what is no file's content. */
static inline void runtime_tell(struct runtime_host *h, enum bh_file_news news, const char *path,
				const char *text, uint32_t number)
{
	runtime_tell_bytes(h, news, path, text, news == BH_FILE_IS ? strlen(text) : number);
}

#define RUNTIME_REPLY_HEAD "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"

/* The whole reply to the latest question of this kind. */
static inline void runtime_reply(struct runtime_host *h, enum bh_runtime_query query,
				 const char *body)
{
	uint32_t request = h->asked[query];

	h->ops->data(h->back_end, request, RUNTIME_REPLY_HEAD, strlen(RUNTIME_REPLY_HEAD), 1);
	h->ops->data(h->back_end, request, body, strlen(body), 1);
	h->ops->end(h->back_end, request, 0, 1);
}

static inline const struct bh_container *runtime_stated(const struct runtime_host *h,
							const char *id)
{
	return bh_map_get_text(h->containers, id);
}

#endif
