/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chance.h"

#include <math.h>

#define MANY 64 /* from here on the normal distribution is near enough */

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

/* xoshiro256**, Blackman and Vigna (2018). */
static uint64_t next(struct chance *c)
{
	uint64_t *s = c->state, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

/* splitmix64, by which such generators are seeded. */
void chance_seed(struct chance *c, uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		c->state[i] = z ^ z >> 31;
	}
}

double chance_uniform(struct chance *c)
{
	return (double)(next(c) >> 11) * 0x1p-53;
}

bool chance_happens(struct chance *c, double probability)
{
	return chance_uniform(c) < probability;
}

int chance_below(struct chance *c, int limit)
{
	return (int)(chance_uniform(c) * limit);
}

/* Box and Muller. */
double chance_normal(struct chance *c)
{
	double length = sqrt(-2 * log(1 - chance_uniform(c)));

	return length * cos(2 * M_PI * chance_uniform(c));
}

double chance_log_uniform(struct chance *c, double low, double high)
{
	return low * pow(high / low, chance_uniform(c));
}

static uint64_t near_normal(struct chance *c, double mean, double variance)
{
	return (uint64_t)fmax(0, round(mean + sqrt(variance) * chance_normal(c)));
}

uint64_t chance_poisson(struct chance *c, double mean)
{
	double limit = exp(-mean), product;
	uint64_t n = 0;

	if (mean > MANY)
		return near_normal(c, mean, mean);
	for (product = chance_uniform(c); product > limit; product *= chance_uniform(c))
		n++;
	return n;
}

uint64_t chance_geometric(struct chance *c, double mean)
{
	return 1 + (uint64_t)(log(1 - chance_uniform(c)) / log(1 - 1 / mean));
}

uint64_t chance_binomial(struct chance *c, uint64_t trials, double probability)
{
	uint64_t n = 0;

	if (probability >= 1)
		return trials;
	if (trials > MANY) {
		double mean = (double)trials * probability;

		n = near_normal(c, mean, mean * (1 - probability));
		return n < trials ? n : trials;
	}
	while (trials-- > 0)
		n += chance_happens(c, probability);
	return n;
}
