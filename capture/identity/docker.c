/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Docker: its Engine API is all there is to it. */
#include "engine.h"

static void *docker_start(const struct bh_runtime_host *host, int64_t now)
{
	return bh_engine_start(host, BH_RUNTIME_DOCKER, now);
}

static void docker_data(void *state, uint32_t request, const void *bytes, size_t length,
			int64_t now)
{
	bh_engine_data(state, request, bytes, length, now);
}

static void docker_end(void *state, uint32_t request, int error, int64_t now)
{
	bh_engine_end(state, request, error, now);
}

static void docker_tick(void *state, int64_t now)
{
	bh_engine_tick(state, now);
}

static void docker_stop(void *state)
{
	bh_engine_stop(state);
}

const struct bh_runtime_ops bh_docker_ops = { .runtime = BH_RUNTIME_DOCKER,
					      .start = docker_start,
					      .data = docker_data,
					      .end = docker_end,
					      .tick = docker_tick,
					      .stop = docker_stop };
