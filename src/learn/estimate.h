/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was not seen yet, from what was seen only once. Incidence-based: `windows` (T) are the whole
 * windows that were watched, `once` (Q1) the edges that were seen in exactly one of them, whatever
 * the number of their connections. Where versions change, the new edges of the last windows, and
 * these windows, stand in their place.
 *
 * Good, I. J.: The population frequencies of species and the estimation of population parameters,
 * Biometrika 40 (1953); for incidences Chao, A., Colwell, R. K.: Thirty years of progeny from
 * Chao's inequality, SORT 41 (2017). The predictive distribution is that of a Poisson rate under
 * Jeffreys' prior: negative binomial with r = Q1 + 1/2 and p = T / (T + 1).
 */
#ifndef BH_ESTIMATE_H
#define BH_ESTIMATE_H

#include <stdint.h>

/* New edges in the next window: Q1 / T. NaN: no window is over. */
double bh_estimate_new(uint32_t once, uint32_t windows);

/* At most so many in the next window, with this probability. UINT32_MAX: nobody can say. */
uint32_t bh_estimate_bound(uint32_t once, uint32_t windows, double probability);

/* That the next `ahead` windows bring no new edge. */
double bh_estimate_quiet(uint32_t once, uint32_t windows, double ahead);

/* Windows in all, the past ones among them, after which a quiet one has this probability (above 0
 * and below 1), as an upper bound: it is as if none of those seen once were seen again. */
double bh_estimate_windows_for_quiet(uint32_t once, double probability);

/* The rates of new edges among the workloads of a host. */
struct bh_fleet {
	uint64_t once;		/* Q1 of all … */
	uint64_t windows;	/* … and their T */
	uint64_t fresh;		/* new edges in each one's last windows … */
	uint64_t fresh_windows; /* … of so many */
};

/* Adds a workload's part; not those that are open-ended. */
void bh_fleet_add(struct bh_fleet *fleet, uint32_t once, uint32_t windows,
		  const uint32_t *discovered);

/* New edges a workload and window: the higher one of what those seen once say, and what the last
 * windows brought. 0 where nothing is known. */
double bh_fleet_rate(const struct bh_fleet *fleet);

/* A workload's new edges a window of late: over its last min(7, T / 2) windows, the newest first.
 * NaN: there are none. */
double bh_estimate_recent(uint32_t windows, const uint32_t *discovered);
/* How many windows that looks back at. */
uint32_t bh_estimate_lookback(uint32_t windows);

/* That the next `ahead` windows bring a workload a new edge: its own evidence, and as much of the
 * fleet's as 60 windows hold. */
double bh_estimate_risk(uint32_t once, uint32_t windows, double fleet_rate, double ahead);

#endif
