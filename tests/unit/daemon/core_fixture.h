/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A core without processes around it, for tests of what it makes of their reports. */
#ifndef BH_TEST_CORE_FIXTURE_H
#define BH_TEST_CORE_FIXTURE_H

#include "core.h"

/* Its store lies in memory. keep_departed: see struct bh_model_config. */
struct bh_core *core_fixture_new(int64_t keep_departed);
void core_fixture_free(struct bh_core *core);

/* How many events of that kind were told. */
size_t core_fixture_events(const struct bh_core *core, const char *kind);

#endif
