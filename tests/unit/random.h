/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The same numbers for the same seed, wherever a test runs (xorshift). */
#ifndef BH_TEST_RANDOM_H
#define BH_TEST_RANDOM_H

#include <stdint.h>

/* So many trials of n: sanitizers take many times as long, and come by the same code with few. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RANDOM_TRIALS(n) ((n) / 10)
#endif
#endif
#ifndef RANDOM_TRIALS
#define RANDOM_TRIALS(n) (n)
#endif

static uint64_t random_state;

/* Of a seed above 0. */
static inline void random_seed(uint64_t seed)
{
	random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
}

static inline unsigned random_below(unsigned bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)((random_state >> 11) % bound);
}

#endif
