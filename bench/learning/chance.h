/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chance that is the same for every seed: a generator, and the distributions that habits need. */
#ifndef BH_CHANCE_H
#define BH_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
	uint64_t state[4];
};

void chance_seed(struct chance *c, uint64_t seed);

double chance_uniform(struct chance *c); /* 0 ≤ x < 1 */
bool chance_happens(struct chance *c, double probability);
int chance_below(struct chance *c, int limit); /* 0 ≤ n < limit */
double chance_normal(struct chance *c);
double chance_log_uniform(struct chance *c, double low, double high);
uint64_t chance_poisson(struct chance *c, double mean);
uint64_t chance_geometric(struct chance *c, double mean); /* 1, 2, … */
uint64_t chance_binomial(struct chance *c, uint64_t trials, double probability);

#endif
