/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "habits.h"

#include <math.h>
#include <stdlib.h>

#include "chance.h"
#include "grow.h"
#include "timefmt.h"

#define HOUR (3600 * BH_SECOND)
#define DAY_HOURS 24
#define WEEK_HOURS (7 * DAY_HOURS)
#define MONTH_HOURS (30 * DAY_HOURS)
#define EPOCH (INT64_C(1767571200) * BH_SECOND) /* 2026-01-05, a Monday */
#define FOREVER INT64_MAX
#define EDGES 235
#define MOST_REPLICAS 6
#define STEPS 3		   /* tiers down */
#define SECOND_PORT 0.25   /* of the services have one */
#define OUTSIDE (1.0 / 15) /* of the edges go there */
#define LEADERS (1.0 / 7)  /* of the jobs are done by whoever leads */
#define BUSINESS 0.25	   /* of the three unplanned kinds keep business hours */
#define DEPLOYS_BRING 0.25 /* an edge, and as many end one */
#define WANDERINGS 3.0	   /* new names a day */
#define INTRUSIONS 10	   /* days in which intruders begin */
#define INTRUDERS 3	   /* of each sort, but for the scanner and the supplier */
#define SCANNED 200	   /* tuples */
#define SCAN_ANSWERED 0.06 /* of them */
#define MANY_TRIES 1000	   /* until an edge is given up that would be a new one */

const char *const scenario_names[SCENARIOS] = { "base", "heavy", "drift", "open-ended" };
const char *const attack_names[ATTACKS] = { "none",
					    "scan",
					    "one-off lateral",
					    "daily lateral, n >= 2",
					    "daily lateral, n = 1",
					    "one-off, plain port",
					    "daily, plain port, n >= 2",
					    "daily, plain port, n = 1",
					    "C2 to an address",
					    "C2 to a name",
					    "supply chain" };

struct habits {
	struct habit_config config;
	struct chance life, malice;
	unsigned replicas[SERVICES];
	unsigned revision[SERVICES]; /* a deploy brings new replicas */
	uint16_t ports[SERVICES][PORTS];
	struct habit *habits;
	size_t count, capacity;
	int64_t start; /* hours since EPOCH, within a week */
	int64_t hour;  /* since the start */
	int names, addresses;
	struct happening *hours; /* of the current hour, in order */
	size_t made, room, taken;
};

/* --- services --------------------------------------------------------------------------------- */

int tier_of(int service)
{
	return service * TIERS / SERVICES;
}

uint16_t habits_port(const struct habits *h, int service, int number)
{
	return h->ports[service][number];
}

static uint16_t choose_port(struct habits *h, int service, int number)
{
	static const uint16_t data[] = { 3306, 5432, 6379, 9092, 9200, 11211, 27017 };
	static const uint16_t plain[][4] = { { 80, 443, 8080, 50051 }, { 8081, 8443, 9000, 9102 } };

	if (number == 0 && tier_of(service) == TIERS - 1)
		return data[chance_below(&h->life, 7)];
	return plain[number][chance_below(&h->life, 4)];
}

static void make_service(struct habits *h, int service)
{
	h->replicas[service] = 1 + (unsigned)chance_below(&h->life, MOST_REPLICAS);
	h->ports[service][0] = choose_port(h, service, 0);
	if (chance_happens(&h->life, SECOND_PORT))
		h->ports[service][1] = choose_port(h, service, 1);
}

static int first_of(int tier)
{
	return (tier * SERVICES + TIERS - 1) / TIERS;
}

static int choose_service(struct chance *chance, int tier)
{
	return first_of(tier) + chance_below(chance, first_of(tier + 1) - first_of(tier));
}

/* --- habits ----------------------------------------------------------------------------------- */

/* What is heavy leaves less for the rest, in the same proportions. */
static double share_of(enum scenario scenario, enum kind kind)
{
	static const double base[KINDS] = { .45, .12, .12, .08, .10, .06, .02, .05 };
	const double rare = .18, monthly = .04, rest = 1 - base[RARE] - base[MONTHLY];

	if (scenario != HEAVY)
		return base[kind];
	if (kind == RARE)
		return rare;
	return kind == MONTHLY ? monthly : base[kind] * (1 - rare - monthly) / rest;
}

static enum kind choose_kind(struct habits *h)
{
	double at = chance_uniform(&h->life);
	enum kind kind = FREQUENT;

	while (kind < RARE && at >= share_of(h->config.scenario, kind))
		at -= share_of(h->config.scenario, kind++);
	return kind;
}

static int period_of(enum kind kind)
{
	static const int periods[KINDS] = {
		[HOURLY] = 1, [DAILY] = DAY_HOURS, [WEEKLY] = WEEK_HOURS, [MONTHLY] = MONTH_HOURS
	};

	return periods[kind];
}

static double choose_rate(struct chance *c, enum kind kind)
{
	switch (kind) {
	case FREQUENT:
		return 40 * exp(1.5 * chance_normal(c));
	case OCCASIONAL:
		return chance_log_uniform(c, 0.5, 24);
	case BURSTY:
		return chance_log_uniform(c, 0.1, 6);
	case RARE:
		return chance_log_uniform(c, 1.0 / 60, 1.0 / 2);
	default:
		return period_of(kind);
	}
}

static void set_rhythm(struct chance *c, struct habit *habit, enum kind kind)
{
	habit->kind = (uint8_t)kind;
	habit->rate = choose_rate(c, kind);
	habit->phase = (int64_t)(chance_uniform(c) * period_of(kind) * 3600);
}

static bool is_same_edge(const struct habit *a, const struct habit *b)
{
	return a->src == b->src && a->to == b->to && a->dst == b->dst && a->port == b->port;
}

/* An intruder's edges are none that there are; those of services do not depend on intruders. */
static bool exists(const struct habits *h, const struct habit *like)
{
	for (size_t i = 0; i < h->count; i++)
		if (is_same_edge(&h->habits[i], like) &&
		    (like->attack != NO_ATTACK || h->habits[i].attack == NO_ATTACK))
			return true;
	return false;
}

static void keep(struct habits *h, const struct habit *habit)
{
	h->habits = bh_grow(h->habits, &h->capacity, h->count + 1, sizeof(*h->habits));
	h->habits[h->count++] = *habit;
}

static struct habit begin_habit(int src, int64_t begin)
{
	return (struct habit) {
		.src = (uint16_t)src, .begin = begin, .end = FOREVER, .leader = -1, .answers = true
	};
}

static void go_outside(struct habit *habit, enum end to, int number)
{
	habit->to = (uint8_t)to;
	habit->dst = number;
	habit->port = 443;
}

/* Data is kept for others; what its services call is one tier up. */
static int choose_tier(struct habits *h, int from)
{
	int steps = TIERS - 1 - from;

	if (steps == 0)
		return from - 1;
	return from + 1 + chance_below(&h->life, steps < STEPS ? steps : STEPS);
}

static void choose_listener(struct habits *h, struct habit *habit)
{
	habit->to = TO_SERVICE;
	habit->dst = choose_service(&h->life, choose_tier(h, tier_of(habit->src)));
	habit->port = h->ports[habit->dst][chance_below(&h->life, PORTS)];
	if (habit->port == 0)
		habit->port = h->ports[habit->dst][0];
}

/* One that there is not yet; false: it seems that there are all. */
static bool find_listener(struct habits *h, struct habit *habit, int src)
{
	for (int tries = 0; tries < MANY_TRIES; tries++) {
		habit->src = (uint16_t)(src >= 0 ? src : chance_below(&h->life, SERVICES));
		choose_listener(h, habit);
		if (!exists(h, habit))
			return true;
	}
	return false;
}

/* src −1: of any service. */
static void add_habit(struct habits *h, int src, int64_t begin)
{
	struct habit habit = begin_habit(src >= 0 ? src : chance_below(&h->life, SERVICES), begin);

	if (chance_happens(&h->life, OUTSIDE))
		go_outside(&habit, TO_NAME, h->names++);
	else if (!find_listener(h, &habit, src))
		return;
	set_rhythm(&h->life, &habit, choose_kind(h));
	habit.office_hours = habit.kind <= BURSTY && chance_happens(&h->life, BUSINESS);
	if (period_of(habit.kind) > 0 && chance_happens(&h->life, LEADERS))
		habit.leader = chance_below(&h->life, (int)h->replicas[habit.src]);
	keep(h, &habit);
}

/* --- intruders -------------------------------------------------------------------------------- */

static int64_t some_hour(struct habits *h)
{
	return chance_below(&h->malice, INTRUSIONS * DAY_HOURS);
}

static int any_service(struct habits *h)
{
	return chance_below(&h->malice, SERVICES);
}

static int service_of(struct habits *h, bool several)
{
	int service;

	do
		service = any_service(h);
	while ((h->replicas[service] > 1) != several);
	return service;
}

/* In one replica of the service, from this hour on. */
static struct habit break_in(struct habits *h, enum attack attack, int src, int64_t begin)
{
	struct habit habit = begin_habit(src, begin);

	habit.attack = (uint8_t)attack;
	habit.leader = chance_below(&h->malice, (int)h->replicas[src]);
	return habit;
}

static bool is_to_itself(const struct habit *habit)
{
	return habit->to == TO_SERVICE && habit->dst == habit->src;
}

static void keep_new(struct habits *h, const struct habit *habit)
{
	if (!is_to_itself(habit) && !exists(h, habit))
		keep(h, habit);
}

/* Of an hour's length, an hourly habit is a single connection. */
static void do_once(struct habits *h, struct habit *habit)
{
	habit->end = habit->begin + 1;
	set_rhythm(&h->malice, habit, HOURLY);
	keep_new(h, habit);
}

/* By which one gets from machine to machine, or at data. Those that are never accepted by
 * themselves are left out: they are too easy. */
static uint16_t lateral_port(struct habits *h, bool plain)
{
	static const uint16_t sensitive[] = { 22,   23,	  135,	139,  445,  2049, 3306,	 3389,
					      5432, 5900, 5985, 6379, 9092, 9200, 11211, 27017 };
	static const uint16_t others[] = { 8000, 8088, 8888, 9090 };

	return plain ? others[chance_below(&h->malice, 4)]
		     : sensitive[chance_below(&h->malice, 16)];
}

static void aim(struct habits *h, struct habit *habit, bool plain)
{
	habit->dst = any_service(h);
	habit->port = lateral_port(h, plain);
}

static void scan(struct habits *h)
{
	int src = any_service(h);
	int64_t at = some_hour(h);
	struct habit like = break_in(h, SCAN, src, at);

	for (int i = 0; i < SCANNED; i++) {
		struct habit habit = like;

		habit.dst = any_service(h);
		habit.answers = chance_happens(&h->malice, SCAN_ANSWERED);
		habit.port = habit.answers ? h->ports[habit.dst][0]
					   : (uint16_t)(1 + chance_below(&h->malice, 10000));
		do_once(h, &habit);
	}
}

static void move_once(struct habits *h, enum attack attack, bool plain)
{
	struct habit habit = break_in(h, attack, any_service(h), some_hour(h));

	aim(h, &habit, plain);
	do_once(h, &habit);
}

static void move_daily(struct habits *h, enum attack attack, bool several, bool plain)
{
	struct habit habit = break_in(h, attack, service_of(h, several), some_hour(h));

	aim(h, &habit, plain);
	set_rhythm(&h->malice, &habit, DAILY);
	keep_new(h, &habit);
}

/* Every half an hour, more or less. */
static void call_home(struct habits *h, enum attack attack, enum end to, int number)
{
	struct habit habit = break_in(h, attack, any_service(h), some_hour(h));

	go_outside(&habit, to, number);
	habit.kind = OCCASIONAL;
	habit.rate = 48;
	keep(h, &habit);
}

/* A library that a service was built with. */
static void supply(struct habits *h)
{
	struct habit habit = break_in(h, SUPPLY_CHAIN, service_of(h, true), 0);

	go_outside(&habit, TO_NAME, h->names++);
	habit.leader = -1;
	habit.kind = OCCASIONAL;
	habit.rate = 240;
	keep(h, &habit);
}

static void add_intruders(struct habits *h)
{
	scan(h);
	supply(h);
	for (int i = 0; i < INTRUDERS; i++) {
		move_once(h, ONE_OFF, false);
		move_once(h, PLAIN_ONCE, true);
		move_daily(h, DAILY_SEVERAL, true, false);
		move_daily(h, DAILY_ONE, false, false);
		move_daily(h, PLAIN_SEVERAL, true, true);
		move_daily(h, PLAIN_ONE, false, true);
		call_home(h, BEACON_ADDRESS, TO_ADDRESS, h->addresses++);
		call_home(h, BEACON_NAME, TO_NAME, h->names++);
	}
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool has_single_replicas(const struct habits *h)
{
	for (int i = 0; i < SERVICES; i++)
		if (h->replicas[i] == 1)
			return true;
	return false;
}

struct habits *habits_new(const struct habit_config *config)
{
	struct habits *h = bh_calloc(1, sizeof(*h));

	h->config = *config;
	chance_seed(&h->life, config->seed * SCENARIOS + config->scenario);
	chance_seed(&h->malice, ~config->seed * SCENARIOS + config->scenario);
	h->start = chance_below(&h->life, WEEK_HOURS);
	for (int i = 0; i < SERVICES; i++)
		make_service(h, i);
	if (!has_single_replicas(h))
		h->replicas[0] = 1;
	for (int i = 0; i < EDGES; i++)
		add_habit(h, -1, 0);
	if (config->attacked)
		add_intruders(h);
	return h;
}

void habits_free(struct habits *h)
{
	if (h == NULL)
		return;
	free(h->habits);
	free(h->hours);
	free(h);
}

size_t habits_count(const struct habits *h)
{
	return h->count;
}

const struct habit *habits_at(const struct habits *h, size_t number)
{
	return &h->habits[number];
}

int64_t habits_start(const struct habits *h)
{
	return EPOCH + h->start * HOUR;
}

/* --- what happens ----------------------------------------------------------------------------- */

/* More by day than by night, and half of it at weekends. */
static double diurnal(int64_t hour)
{
	double day = 1 + 0.7 * sin(2 * M_PI * ((double)(hour % DAY_HOURS) - 9) / DAY_HOURS);

	return hour % WEEK_HOURS >= 5 * DAY_HOURS ? day / 2 : day;
}

static bool is_office_hour(int64_t hour)
{
	return hour % WEEK_HOURS < 5 * DAY_HOURS && hour % DAY_HOURS >= 8 && hour % DAY_HOURS < 18;
}

static uint64_t burst(struct habits *h, struct chance *c, struct habit *habit)
{
	if (chance_happens(c, 1 - exp(-habit->rate / DAY_HOURS))) {
		int hours = 1 + chance_below(c, 3);

		habit->burst_end = h->hour + hours;
		habit->burst_rate = (double)chance_geometric(c, 60) / hours;
	}
	return h->hour < habit->burst_end ? chance_poisson(c, habit->burst_rate) : 0;
}

static bool is_due(const struct habits *h, const struct habit *habit)
{
	return h->hour % period_of(habit->kind) == habit->phase / 3600;
}

/* In the current hour. */
static uint64_t connections(struct habits *h, struct chance *c, struct habit *habit)
{
	int64_t hour = h->start + h->hour;

	if (h->hour < habit->begin || h->hour >= habit->end ||
	    (habit->office_hours && !is_office_hour(hour)))
		return 0;
	switch (habit->kind) {
	case FREQUENT:
		return chance_poisson(c, habit->rate * diurnal(hour));
	case OCCASIONAL:
	case RARE:
		return chance_poisson(c, habit->rate / DAY_HOURS);
	case BURSTY:
		return burst(h, c, habit);
	}
	return is_due(h, habit);
}

static void put(struct habits *h, const struct happening *happening)
{
	h->hours = bh_grow(h->hours, &h->room, h->made + 1, sizeof(*h->hours));
	h->hours[h->made++] = *happening;
}

static int64_t time_within_hour(const struct habits *h, struct chance *c, const struct habit *habit)
{
	int64_t within = period_of(habit->kind) > 0 ? habit->phase % 3600 * BH_SECOND
						    : (int64_t)(chance_uniform(c) * (double)HOUR);

	return habits_start(h) + h->hour * HOUR + within;
}

static void put_share(struct habits *h, struct chance *c, size_t number, unsigned replica,
		      uint64_t count)
{
	const struct habit *habit = &h->habits[number];

	if (count == 0)
		return;
	put(h, &(struct happening) { .service = habit->src,
				     .habit = number,
				     .replica = h->revision[habit->src] * MOST_REPLICAS + replica,
				     .count = count,
				     .time = time_within_hour(h, c, habit) });
}

/* Each connection is made by whichever replica. */
static void spread(struct habits *h, struct chance *c, size_t number, uint64_t count)
{
	const struct habit *habit = &h->habits[number];
	unsigned replicas = h->replicas[habit->src];

	if (habit->leader >= 0) {
		put_share(h, c, number, (unsigned)habit->leader, count);
		return;
	}
	for (unsigned r = 0; r < replicas && count > 0; r++) {
		uint64_t share = chance_binomial(c, count, 1.0 / (replicas - r));

		put_share(h, c, number, r, share);
		count -= share;
	}
}

/* --- deploys ---------------------------------------------------------------------------------- */

static bool is_alive(const struct habits *h, const struct habit *habit, int service)
{
	return habit->src == service && habit->begin <= h->hour && habit->end > h->hour;
}

/* A new version does without one of its edges. */
static void end_one(struct habits *h, int service)
{
	int count = 0, chosen;

	for (size_t i = 0; i < h->count; i++)
		count += is_alive(h, &h->habits[i], service) && h->habits[i].attack == NO_ATTACK;
	chosen = chance_below(&h->life, count > 0 ? count : 1);
	for (size_t i = 0; i < h->count; i++)
		if (is_alive(h, &h->habits[i], service) && h->habits[i].attack == NO_ATTACK &&
		    chosen-- == 0)
			h->habits[i].end = h->hour;
}

/* Whoever sat in one of the replicas goes with it. */
static void throw_out(struct habits *h, int service)
{
	for (size_t i = 0; i < h->count; i++)
		if (is_alive(h, &h->habits[i], service) && h->habits[i].attack != NO_ATTACK &&
		    h->habits[i].leader >= 0)
			h->habits[i].end = h->hour;
}

static void deploy(struct habits *h, int service)
{
	h->revision[service]++;
	put(h, &(struct happening) { .deploy = true,
				     .service = (uint16_t)service,
				     .time = habits_start(h) + h->hour * HOUR });
	throw_out(h, service);
	if (chance_happens(&h->life, DEPLOYS_BRING))
		end_one(h, service);
	if (chance_happens(&h->life, DEPLOYS_BRING))
		add_habit(h, service, h->hour);
}

/* A service in the open-ended scenario asks for names that nobody asked for before. */
static void wander(struct habits *h)
{
	for (uint64_t n = chance_poisson(&h->life, WANDERINGS / DAY_HOURS); n > 0; n--) {
		struct habit habit = begin_habit(0, h->hour);

		go_outside(&habit, TO_NAME, h->names++);
		habit.end = h->hour + 1;
		set_rhythm(&h->life, &habit, HOURLY);
		keep(h, &habit);
	}
}

/* --- hour by hour ----------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
	const struct happening *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->deploy != y->deploy)
		return y->deploy - x->deploy;
	if (x->habit != y->habit)
		return x->habit < y->habit ? -1 : 1;
	return (x->replica > y->replica) - (x->replica < y->replica);
}

static void make_hour(struct habits *h)
{
	h->made = h->taken = 0;
	for (int s = 0; h->config.scenario == DRIFT && s < SERVICES; s++)
		if (chance_happens(&h->life, 1.0 / MONTH_HOURS))
			deploy(h, s);
	if (h->config.scenario == OPEN_ENDED)
		wander(h);
	for (size_t i = 0; i < h->count; i++) {
		struct habit *habit = &h->habits[i];
		struct chance *c = habit->attack == NO_ATTACK ? &h->life : &h->malice;

		spread(h, c, i, connections(h, c, habit));
	}
	if (h->made > 0)
		qsort(h->hours, h->made, sizeof(*h->hours), by_time);
	h->hour++;
}

bool habits_next(struct habits *h, struct happening *out)
{
	while (h->taken == h->made) {
		if (h->hour >= (int64_t)h->config.days * DAY_HOURS)
			return false;
		make_hour(h);
	}
	*out = h->hours[h->taken++];
	return true;
}
