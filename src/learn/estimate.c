/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "estimate.h"

#include <math.h>

#define LOOKBACK 7	/* windows */
#define FLEET_WEIGHT 60 /* κ, windows of one workload */
#define MOST_EXPECTED 1000000

double bh_estimate_new(uint32_t once, uint32_t windows)
{
	return windows > 0 ? (double)once / windows : NAN;
}

/* The negative binomial's terms, one from the other: P(n + 1) / P(n) = (r + n) / (n + 1) · (1 − p).
 */
uint32_t bh_estimate_bound(uint32_t once, uint32_t windows, double probability)
{
	double r = once + 0.5, p = (double)windows / ((double)windows + 1);
	double term = pow(p, r), sum = term;
	uint32_t n = 0;

	if (windows == 0)
		return UINT32_MAX;
	for (; sum < probability && n < MOST_EXPECTED; n++) {
		term *= (r + n) / (n + 1.0) * (1 - p);
		sum += term;
	}
	return n < MOST_EXPECTED ? n : UINT32_MAX;
}

double bh_estimate_quiet(uint32_t once, uint32_t windows, double ahead)
{
	return pow(windows / (windows + ahead), once + 0.5);
}

double bh_estimate_windows_for_quiet(uint32_t once, double probability)
{
	return 1 / (pow(probability, -1 / (once + 0.5)) - 1);
}

uint32_t bh_estimate_lookback(uint32_t windows)
{
	return windows / 2 < LOOKBACK ? windows / 2 : LOOKBACK;
}

static uint64_t recent(uint32_t windows, const uint32_t *discovered)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < bh_estimate_lookback(windows); i++)
		sum += discovered[i];
	return sum;
}

double bh_estimate_recent(uint32_t windows, const uint32_t *discovered)
{
	uint32_t lookback = bh_estimate_lookback(windows);

	return lookback > 0 ? (double)recent(windows, discovered) / lookback : NAN;
}

void bh_fleet_add(struct bh_fleet *fleet, uint32_t once, uint32_t windows,
		  const uint32_t *discovered)
{
	fleet->once += once;
	fleet->windows += windows;
	fleet->fresh += recent(windows, discovered);
	fleet->fresh_windows += bh_estimate_lookback(windows);
}

static double ratio(uint64_t of, uint64_t to)
{
	return to > 0 ? (double)of / (double)to : 0;
}

/* Half an edge more, as in bh_estimate_quiet(): that none was seen once in a few windows is no
 * evidence that none ever comes. */
double bh_fleet_rate(const struct bh_fleet *fleet)
{
	double once = fleet->windows > 0 ? (fleet->once + 0.5) / (double)fleet->windows : 0;

	return fmax(once, ratio(fleet->fresh, fleet->fresh_windows));
}

double bh_estimate_risk(uint32_t once, uint32_t windows, double fleet_rate, double ahead)
{
	double weight = FLEET_WEIGHT + (double)windows;

	return 1 - pow(weight / (weight + ahead), FLEET_WEIGHT * fleet_rate + once);
}
