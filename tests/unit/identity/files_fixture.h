/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A host of back ends that read files: keeps what they state, and tells them of files. */
#ifndef BH_TEST_FILES_FIXTURE_H
#define BH_TEST_FILES_FIXTURE_H

#include <stdint.h>
#include <string.h>

#include "file_stream.h"
#include "grow.h"
#include "map.h"
#include "runtime.h"

struct files_host {
	const struct bh_runtime_ops *ops;
	void *back_end;
	uint32_t asked; /* the latest request of the stream */
	uint32_t count;
	struct bh_map *containers; /* as stated */
	int stated;
	enum bh_runtime_state state;
	int states;
};

static inline uint32_t files_on_query(void *user, uint8_t runtime, enum bh_runtime_query query,
				      const char *argument)
{
	struct files_host *h = user;

	(void)runtime;
	(void)argument;
	h->count++;
	if (query == BH_QUERY_FILES)
		h->asked = h->count;
	return h->count;
}

static inline void files_on_container(void *user, const struct bh_container *c)
{
	struct files_host *h = user;

	h->stated++;
	bh_map_put_text(h->containers, c->id, bh_container_copy(c));
}

static inline void files_on_gone(void *user, uint8_t runtime, const char *id)
{
	struct files_host *h = user;

	assert_int_equal(runtime, h->ops->runtime);
	assert_true(bh_map_remove_text(h->containers, id));
}

static inline void files_on_state(void *user, uint8_t runtime, enum bh_runtime_state state,
				  const char *why)
{
	struct files_host *h = user;

	(void)runtime;
	(void)why;
	h->state = state;
	h->states++;
}

static inline void files_free_container(void *value)
{
	bh_container_free(value);
}

static inline void files_start(struct files_host *h, const struct bh_runtime_ops *ops)
{
	struct bh_runtime_host host = { h, files_on_query, files_on_container, files_on_gone,
					files_on_state };

	*h = (struct files_host) { .ops = ops };
	h->containers = bh_map_new(files_free_container);
	h->back_end = ops->start(&host, 0);
}

static inline void files_stop(struct files_host *h)
{
	h->ops->stop(h->back_end);
	bh_map_free(h->containers);
}

static inline void files_tell(struct files_host *h, enum bh_file_news news, const char *path,
			      const char *text, uint32_t number)
{
	size_t length = news == BH_FILE_IS ? strlen(text) : number;
	struct bh_file_head head = { news, (uint32_t)strlen(path), (uint32_t)length };

	h->ops->data(h->back_end, h->asked, &head, sizeof(head), 1);
	h->ops->data(h->back_end, h->asked, path, strlen(path), 1);
	if (news == BH_FILE_IS)
		h->ops->data(h->back_end, h->asked, text, length, 1);
}

static inline const struct bh_container *files_stated(const struct files_host *h, const char *id)
{
	return bh_map_get_text(h->containers, id);
}

#endif
