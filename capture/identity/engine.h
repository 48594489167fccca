/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Engine API (docs.docker.com/engine/api), which Docker speaks, and Podman in its own way.
 * Internal to this folder: docker.c and podman.c are the back ends. */
#ifndef BH_ENGINE_H
#define BH_ENGINE_H

#include "runtime.h"

struct bh_engine;

/* runtime: whose socket is asked, and whose containers are stated. The rest is as in struct
 * bh_runtime_ops. */
struct bh_engine *bh_engine_start(const struct bh_runtime_host *host, uint8_t runtime, int64_t now);
void bh_engine_data(struct bh_engine *engine, uint32_t request, const void *bytes, size_t length,
		    int64_t now);
void bh_engine_end(struct bh_engine *engine, uint32_t request, int error, int64_t now);
void bh_engine_tick(struct bh_engine *engine, int64_t now);
/* States once more all that is known. */
void bh_engine_repeat(struct bh_engine *engine);
void bh_engine_stop(struct bh_engine *engine);

#endif
