/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Podman keeps on disk has two forms: a bolt database, up to Podman 5 (podman_bolt.c), and an
 * SQLite one, from Podman 4.8 on (podman_sqlite.c). Both hold the same JSON: each container's
 * configuration and state, each pod's configuration. Internal to this folder.
 */
#ifndef BH_PODMAN_STATE_H
#define BH_PODMAN_STATE_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "buffer.h"
#include "bulkhead/error.h"
#include "map.h"

/* All the containers of a database, id → struct bh_container, which the caller frees; NULL with
 * *err: it does not hold together. */
struct bh_map *bh_podman_read_bolt(const void *bytes, size_t size, struct bh_error *err);

/* wal: what is in the log beside it. The database's bytes are written to. */
struct bh_map *bh_podman_read_sqlite(struct bh_buffer *database, const struct bh_buffer *wal,
				     struct bh_error *err);

/* For the two above. */
struct bh_map *bh_podman_containers_new(void);
cJSON *bh_podman_json(const void *bytes, size_t size); /* to be freed; NULL: it is none */
const char *bh_podman_pod_of(const cJSON *config);     /* whose network it holds; "": none's */
/* pod: the configuration of that one, or NULL. What is no container is left. */
void bh_podman_add(struct bh_map *containers, const cJSON *config, const cJSON *state,
		   const cJSON *pod);

#endif
