/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a role does and how it went, counted by its threads, told through its .stat file. */
#ifndef BH_LAB_COUNTERS_H
#define BH_LAB_COUNTERS_H

#include <pthread.h>
#include <stddef.h>

#include "lab.h"

#define BH_LAB_ACTIVITIES 8

struct bh_lab_counter {
	struct bh_lab_activity seen;
	int64_t last_ok; /* monotonic */
};

struct bh_lab_counters {
	const char *host;
	pthread_mutex_t lock;
	struct bh_lab_counter items[BH_LAB_ACTIVITIES];
	size_t count;
};

void bh_lab_counters_open(struct bh_lab_counters *counters, const char *host);

/* The counter of that name, a new one where there is none yet. */
struct bh_lab_counter *bh_lab_counter(struct bh_lab_counters *counters, const char *name);

/* result: 0, or the negative errno it failed with. */
void bh_lab_count(struct bh_lab_counters *counters, struct bh_lab_counter *counter, int result);
void bh_lab_count_cut(struct bh_lab_counters *counters, struct bh_lab_counter *counter);

int bh_lab_counters_write(struct bh_lab_counters *counters, struct bh_error *err);

#endif
