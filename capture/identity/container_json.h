/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON of others, in which any member may be missing, null or of another type; and what containers
 * have in common in it, whoever describes them. */
#ifndef BH_CONTAINER_JSON_H
#define BH_CONTAINER_JSON_H

#include <cjson/cJSON.h>

#include "buffer.h"
#include "runtime.h"

const cJSON *bh_json_member(const cJSON *json, const char *key); /* or NULL; json may be NULL */
const char *bh_json_text(const cJSON *json, const char *key);	 /* "" where it is no text */
void bh_json_copy(const cJSON *json, const char *key, char *out, size_t size); /* cut, or "" */

/* One object a line, as event streams have it: takes the whole lines off the buffer, and calls
 * each() for those that are JSON. The last line may not be complete yet. */
void bh_json_lines(struct bh_buffer *lines, void (*each)(void *user, const cJSON *json),
		   void *user);

/* {"key":"value"}: sets those that are texts. */
void bh_container_read_labels(struct bh_container *container, const cJSON *labels);

/* "10.0.0.2", or "10.0.0.2/16" as networks write it: the net's address of its family, if it has
 * none yet. */
void bh_container_net_read(struct bh_container_net *net, const char *address);

#endif
