/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table.h"

#include <math.h>
#include <stdio.h>

#define ALL(x)                                                                                     \
	{                                                                                          \
		x, x, x, x                                                                         \
	}
#define NONE ALL(NAN)

struct metric {
	const char *what;
	double (*measure)(const struct account *account, int which);
	int which;     /* rule, attack, kind, window …: as `measure` has it */
	bool attacked; /* in the runs with intruders */
	unsigned firm; /* scenarios, as bits, in which it holds however few the seeds are */
	const char *target;
	double least[SCENARIOS], most[SCENARIOS]; /* NaN: none */
};

static double ratio(double of, double to)
{
	return to > 0 ? of / to : NAN;
}

/* --- measures --------------------------------------------------------------------------------- */

static double sum(const double *by_windows, int until)
{
	double total = 0;

	for (int windows = LEARNED; windows < until; windows++)
		total += by_windows[windows];
	return total;
}

static double calibration(const struct account *a, int until)
{
	return ratio(sum(a->predicted, until), sum(a->actual, until));
}

static double bounds_held(const struct account *a, int until)
{
	return ratio(100 * sum(a->held, until), sum(a->days, until));
}

static double actual(const struct account *a, int until)
{
	return ratio(sum(a->actual, until), sum(a->days, until));
}

static double blocked(const struct account *a, int rule)
{
	return ratio(100 * a->blocked[rule], a->watched[rule]);
}

static double blocked_kind(const struct account *a, int kind)
{
	return ratio(100 * a->blocked_by_kind[kind], a->watched[R1]);
}

/* Seldom by habit, but new with a deploy. */
static double blocked_others(const struct account *a, int which)
{
	double rest = blocked(a, R1) - blocked_kind(a, BURSTY) - blocked_kind(a, MONTHLY) -
		      blocked_kind(a, RARE);

	(void)which;
	return round(rest * 1e9) / 1e9 + 0.0; /* what is left of a difference of equals is 0 */
}

static double broken(const struct account *a, int rule)
{
	return ratio(a->broken[rule], a->watched[rule]);
}

/* More than there are: half of them never were. */
static double median_ready(const struct account *a, int rule)
{
	double ready = 0;
	int windows = 0;

	for (; windows <= DAYS; windows++) {
		ready += a->ready[rule][windows];
		if (2 * ready >= a->workloads)
			break;
	}
	return windows;
}

static double ready_in_time(const struct account *a, int rule)
{
	double ready = 0;

	for (int windows = 0; windows < READY_BY; windows++)
		ready += a->ready[rule][windows];
	return ratio(100 * ready, a->workloads);
}

static double open_ended_ready(const struct account *a, int which)
{
	(void)which;
	return ratio(100 * a->open_ended_ready, a->open_ended);
}

static double poison_at(const struct account *a, enum level level, int attack)
{
	return ratio(100 * a->poisoned[level][attack], a->tuples[attack]);
}

static double poison(const struct account *a, int attack)
{
	return poison_at(a, F6, attack);
}

static double poison_f2(const struct account *a, int attack)
{
	return poison_at(a, F2, attack);
}

static double poison_f7(const struct account *a, int attack)
{
	return poison_at(a, F7, attack);
}

static double stopped(const struct account *a, int attempt)
{
	return ratio(100 * a->stopped[attempt], a->tried[attempt]);
}

static double over_grant(const struct account *a, int which)
{
	(void)which;
	return ratio(a->allowed, a->used);
}

static double surface(const struct account *a, int which)
{
	(void)which;
	return 100 - ratio(100 * a->within, a->surface);
}

static double review(const struct account *a, int level)
{
	return ratio(a->waiting[level], a->services);
}

static double provisional(const struct account *a, int level)
{
	return ratio(a->provisional[level], a->services);
}

static double wandering(const struct account *a, int level)
{
	return ratio(a->wandering[level], a->open_ended);
}

static double edges(const struct account *a, int which)
{
	(void)which;
	return ratio(a->edges, a->runs);
}

static double rules(const struct account *a, int which)
{
	(void)which;
	return ratio(a->rules, a->edges);
}

static double churn(const struct account *a, int which)
{
	(void)which;
	return ratio(100 * a->changes, a->stable_days);
}

static double differing(const struct account *a, int which)
{
	(void)which;
	return ratio(100 * a->differing, a->repeated);
}

/* --- targets ---------------------------------------------------------------------------------- */

#define FREE "", NONE, NONE
#define AT_MOST(x) "≤ " #x, NONE, ALL(x)
#define AT_LEAST(x) "≥ " #x, ALL(x), NONE
#define ALWAYS "100", ALL(100), NONE
#define NEVER "0", NONE, ALL(0)

#define R1_BLOCKED                                                                                 \
	"≤ 0.5, heavy 0.9", NONE,                                                                  \
	{                                                                                          \
		0.5, 0.9, 0.5, 0.5                                                                 \
	}
#define R2_BLOCKED                                                                                 \
	"≤ 0.25, heavy 0.45, drift 0.5", NONE,                                                     \
	{                                                                                          \
		0.25, 0.45, 0.5, 0.25                                                              \
	}
#define BROKEN                                                                                     \
	"≤ 0.2, drift 2", NONE,                                                                    \
	{                                                                                          \
		0.2, 0.2, 2, 0.2                                                                   \
	}

#define CLEAN false
#define ATTACKED true
#define SOME 0
#define FIRM ((1u << SCENARIOS) - 1)
#define FIRM_IN_DRIFT (1u << DRIFT)
#define FIRM_BUT_DRIFT (FIRM & ~FIRM_IN_DRIFT)

static const struct metric metrics[] = {
	{ "New edges, expected / seen", calibration, DAYS, CLEAN, FIRM_IN_DRIFT, "0.7–1.5",
	  ALL(0.7), ALL(1.5) },
	{ "· the same, until 28 windows", calibration, EARLY, CLEAN, SOME, FREE },
	{ "95 % bound holds, %", bounds_held, DAYS, CLEAN, SOME, AT_LEAST(93) },
	{ "· new edges a day, in truth", actual, DAYS, CLEAN, SOME, FREE },
	{ "R1: edges blocked / 100 workload-days", blocked, R1, CLEAN, SOME, R1_BLOCKED },
	{ "· of these bursty", blocked_kind, BURSTY, CLEAN, SOME, FREE },
	{ "· of these monthly", blocked_kind, MONTHLY, CLEAN, SOME, FREE },
	{ "· of these rare", blocked_kind, RARE, CLEAN, SOME, FREE },
	{ "· of these others", blocked_others, 0, CLEAN, SOME, FREE },
	{ "R1, schedules known: the same", blocked, R1_JOBS, CLEAN, SOME, R1_BLOCKED },
	{ "R2: the same", blocked, R2, CLEAN, SOME, R2_BLOCKED },
	{ "R2, schedules known: the same", blocked, R2_JOBS, CLEAN, SOME, R2_BLOCKED },
	{ "· 14 windows, nothing else: the same", blocked, CLOCK, CLEAN, SOME, FREE },
	{ "· stage 1: the same", blocked, STAGE1, CLEAN, SOME, FREE },
	{ "R1: connections broken / workload-day", broken, R1, CLEAN, SOME, BROKEN },
	{ "R1, schedules known: the same", broken, R1_JOBS, CLEAN, SOME, BROKEN },
	{ "R2: the same", broken, R2, CLEAN, SOME, BROKEN },
	{ "R2, schedules known: the same", broken, R2_JOBS, CLEAN, SOME, BROKEN },
	{ "· 14 windows, nothing else: the same", broken, CLOCK, CLEAN, SOME, FREE },
	{ "· stage 1: the same", broken, STAGE1, CLEAN, SOME, FREE },
	{ "Ready for stage 1, median, windows", median_ready, STAGE1, CLEAN, FIRM, AT_MOST(7) },
	{ "R1: ready, median, windows", median_ready, R1, CLEAN, SOME, AT_MOST(15) },
	{ "R1, schedules known: the same", median_ready, R1_JOBS, CLEAN, SOME, AT_MOST(15) },
	{ "· R2: the same", median_ready, R2, CLEAN, SOME, FREE },
	{ "R1: ready by day 49, %", ready_in_time, R1, CLEAN, SOME, AT_LEAST(91) },
	{ "R1, schedules known: the same", ready_in_time, R1_JOBS, CLEAN, SOME, AT_LEAST(91) },
	{ "· R2: the same", ready_in_time, R2, CLEAN, SOME, FREE },
	{ "Open-ended workload ready, %", open_ended_ready, 0, CLEAN, FIRM, NEVER },
	{ "Poison, F2, %: scan", poison_f2, SCAN, ATTACKED, FIRM, NEVER },
	{ "Poison, F6, %: scan", poison, SCAN, ATTACKED, FIRM, NEVER },
	{ "Poison: lateral, once", poison, ONE_OFF, ATTACKED, FIRM_BUT_DRIFT, AT_MOST(1) },
	{ "Poison: lateral, daily, n ≥ 2", poison, DAILY_SEVERAL, ATTACKED, FIRM_BUT_DRIFT, NEVER },
	{ "Poison: lateral, daily, n = 1", poison, DAILY_ONE, ATTACKED, SOME, AT_MOST(35) },
	{ "· to a plain port, once", poison, PLAIN_ONCE, ATTACKED, SOME, FREE },
	{ "· to a plain port, n ≥ 2", poison, PLAIN_SEVERAL, ATTACKED, SOME, FREE },
	{ "· to a plain port, n = 1", poison, PLAIN_ONE, ATTACKED, SOME, FREE },
	{ "Poison: C2 to an address", poison, BEACON_ADDRESS, ATTACKED, FIRM, NEVER },
	{ "· C2 to a name", poison, BEACON_NAME, ATTACKED, SOME, FREE },
	{ "· supply chain", poison, SUPPLY_CHAIN, ATTACKED, SOME, FREE },
	{ "Poison, F7: C2 to a name", poison_f7, BEACON_NAME, ATTACKED, FIRM, NEVER },
	{ "Poison, F7: supply chain", poison_f7, SUPPLY_CHAIN, ATTACKED, FIRM, NEVER },
	{ "Stopped, %: worm", stopped, WORM, CLEAN, FIRM, ALWAYS },
	{ "Stopped: web to data", stopped, WEB_TO_DATA, CLEAN, FIRM, ALWAYS },
	{ "Stopped: a new host outside", stopped, NEW_HOST, CLEAN, FIRM, ALWAYS },
	{ "Stopped: scan of open ports", stopped, OPEN_PORTS, CLEAN, FIRM, ALWAYS },
	{ "Allowed / used", over_grant, 0, CLEAN, FIRM, AT_MOST(1.05) },
	{ "Surface reduction, %", surface, 0, CLEAN, FIRM, AT_LEAST(85) },
	{ "Review, F6, edges / workload", review, F6, ATTACKED, SOME, AT_MOST(0.4) },
	{ "Review, F7, edges / workload", review, F7, ATTACKED, SOME, AT_MOST(0.7) },
	{ "· that may pass until then", provisional, F6, ATTACKED, SOME, FREE },
	{ "· of an open-ended one, F6", wandering, F6, ATTACKED, SOME, FREE },
	{ "· edges", edges, 0, CLEAN, SOME, FREE },
	{ "Rules / edges", rules, 0, CLEAN, FIRM, AT_MOST(0.3) },
	{ "Changes without a deploy / 100 workload-days", churn, 0, CLEAN, SOME, AT_MOST(1) },
	{ "Other output for the same input, %", differing, 0, CLEAN, FIRM, NEVER },
	{ "The same, attacked", differing, 0, ATTACKED, FIRM, NEVER },
};
#define METRICS (sizeof(metrics) / sizeof(metrics[0]))

static double measure(const struct metric *m, const struct books *books, int scenario)
{
	const struct account *accounts = m->attacked ? books->attacked : books->clean;

	return m->measure(&accounts[scenario], m->which);
}

/* What cannot be measured misses nothing, nor does it meet anything. */
static bool is_missed(const struct metric *m, int scenario, double value)
{
	return value < m->least[scenario] || value > m->most[scenario];
}

static bool has_target(const struct metric *m, int scenario, double value)
{
	return !isnan(value) && !(isnan(m->least[scenario]) && isnan(m->most[scenario]));
}

/* --- printing --------------------------------------------------------------------------------- */

static void print_cell(const struct metric *m, int scenario, double value)
{
	char text[32] = "–";

	if (!isnan(value))
		snprintf(text, sizeof(text), "%.4g", value);
	printf(" %8s%s |", text, is_missed(m, scenario, value) ? " ✗" : "");
}

void print_table(const struct books *books)
{
	unsigned targets = 0, missed = 0;

	printf("| | base | heavy | drift | open-ended | target |\n|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < METRICS; i++) {
		const struct metric *m = &metrics[i];

		printf("| %s |", m->what);
		for (int s = 0; s < SCENARIOS; s++) {
			double value = measure(m, books, s);

			print_cell(m, s, value);
			targets += has_target(m, s, value);
			missed += is_missed(m, s, value);
		}
		printf(" %s |\n", m->target);
	}
	printf("\n%u of %u targets are met; ✗ marks those that are missed.\n", targets - missed,
	       targets);
}

void print_filters(const struct account *account)
{
	printf("| filters up to |");
	for (enum attack attack = SCAN; attack < ATTACKS; attack++)
		printf(" %s |", attack_names[attack]);
	printf(" legitimate edges to review |\n|---|");
	for (enum attack attack = SCAN; attack < ATTACKS; attack++)
		printf("---|");
	printf("---|\n");
	for (enum level level = F1; level < LEVELS; level++) {
		printf("| F%d |", 1 + (int)level);
		for (enum attack attack = SCAN; attack < ATTACKS; attack++)
			printf(" %.3g |", poison_at(account, level, attack));
		printf(" %.1f |\n", ratio(account->waiting[level], account->runs));
	}
}

void print_days(const struct books *books)
{
	static const int shown[] = { 1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 56 };

	printf("| windows |");
	for (int s = 0; s < SCENARIOS; s++)
		printf(" %s | bound holds, %% |", scenario_names[s]);
	printf("\n|---|---|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		printf("| %d |", shown[i]);
		for (int s = 0; s < SCENARIOS; s++) {
			const struct account *a = &books->clean[s];
			double runs = a->days[shown[i]];

			printf(" %.2f / %.2f | %.0f |", a->actual[shown[i]] / runs,
			       a->predicted[shown[i]] / runs, 100 * a->held[shown[i]] / runs);
		}
		puts("");
	}
}

bool check_firm_targets(const struct books *books)
{
	bool met = true;

	for (size_t i = 0; i < METRICS; i++)
		for (int s = 0; s < SCENARIOS; s++) {
			double value = measure(&metrics[i], books, s);

			if ((metrics[i].firm >> s & 1) == 0 || !is_missed(&metrics[i], s, value))
				continue;
			met = false;
			fprintf(stderr, "%s, %s: %g, and the target is %s\n", metrics[i].what,
				scenario_names[s], value, metrics[i].target);
		}
	return met;
}
