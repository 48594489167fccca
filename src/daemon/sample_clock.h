/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of which edges a flow was kept within the present hour: 8 to 32 bytes an edge, since there may be
 * millions. */
#ifndef BH_SAMPLE_CLOCK_H
#define BH_SAMPLE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bh_sample_clock;

/* most: edges; of further ones nothing is ever due. */
struct bh_sample_clock *bh_sample_clock_new(size_t most);
void bh_sample_clock_free(struct bh_sample_clock *clock);

/* A flow of this edge (edge_id.h) was kept at that time (µs). */
void bh_sample_clock_set(struct bh_sample_clock *clock, uint64_t edge, int64_t time);
/* Whether none was within the hour, by the clock, that the time is in. If so, one is from now on.
 */
bool bh_sample_clock_due(struct bh_sample_clock *clock, uint64_t edge, int64_t time);
/* What was kept may be lost: all are due again. */
void bh_sample_clock_forget(struct bh_sample_clock *clock);

#endif
