/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Made-up services that talk to each other out of habit, and intruders among them: for every seed
 * the same. Intruders change nothing of what the services of that seed do.
 *
 * Services stand in six tiers and call one to three tiers further down; the last one keeps data, on
 * sensitive ports, and calls the one above it. A habit is one of eight kinds of edge, from many
 * connections an hour to one in two months. Connections of one edge and replica within one hour
 * come together, with their count. A month has 30 days, business hours are 8 to 18, Monday to
 * Friday.
 */
#ifndef BH_HABITS_H
#define BH_HABITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum scenario { BASE, HEAVY, DRIFT, OPEN_ENDED, SCENARIOS };
extern const char *const scenario_names[SCENARIOS];

enum kind { FREQUENT, OCCASIONAL, BURSTY, HOURLY, DAILY, WEEKLY, MONTHLY, RARE, KINDS };

/* Lateral moves go to sensitive ports, but for those that say otherwise. */
enum attack {
	NO_ATTACK,
	SCAN,
	ONE_OFF,	/* lateral, each once */
	DAILY_SEVERAL,	/* lateral, once a day, from one replica of several */
	DAILY_ONE,	/* the same of a service that has one replica */
	PLAIN_ONCE,	/* as ONE_OFF, to ports that are not sensitive */
	PLAIN_SEVERAL,	/* as DAILY_SEVERAL, to ports that are not sensitive */
	PLAIN_ONE,	/* as DAILY_ONE, the same */
	BEACON_ADDRESS, /* to a raw address outside */
	BEACON_NAME,
	SUPPLY_CHAIN, /* a name outside, from all replicas, from the first hour */
	ATTACKS,
};
extern const char *const attack_names[ATTACKS];

struct habit_config {
	uint64_t seed;
	enum scenario scenario;
	bool attacked;
	unsigned days;
};

#define SERVICES 40
#define TIERS 6
#define PORTS 2 /* at most, on which a service listens */

/* Where a habit goes. */
enum end { TO_SERVICE, TO_NAME, TO_ADDRESS };

/* An edge as it is in truth. */
struct habit {
	uint16_t src;	/* service */
	uint8_t to;	/* enum end */
	uint8_t kind;	/* enum kind */
	uint8_t attack; /* enum attack */
	bool answers;
	bool office_hours; /* and never else */
	uint16_t port;
	int dst;	    /* service, or number of the name or address */
	int leader;	    /* the only replica that does it; −1: all of them */
	int64_t begin, end; /* hours since the start in which it exists */
	double rate;	    /* FREQUENT: an hour; others: a day, or the period in hours */
	int64_t phase;	    /* seconds into the period */
	int64_t burst_end;  /* hour since the start */
	double burst_rate;  /* an hour */
};

/* Connections of an edge, or a deploy. */
struct happening {
	bool deploy; /* of `service`; then there is nothing else */
	uint16_t service;
	size_t habit; /* number */
	unsigned replica;
	uint64_t count;
	int64_t time; /* µs since the epoch */
};

struct habits;
struct habits *habits_new(const struct habit_config *config);
void habits_free(struct habits *habits);

/* The next one, in order of time; false: the days are over. */
bool habits_next(struct habits *habits, struct happening *out);

/* Those that there have been so far; more may come. What they point at is good until the next. */
size_t habits_count(const struct habits *habits);
const struct habit *habits_at(const struct habits *habits, size_t number);

int64_t habits_start(const struct habits *habits); /* µs since the epoch: a full hour */
int tier_of(int service);			   /* 0 … TIERS − 1 */
/* 0: it has fewer ports. */
uint16_t habits_port(const struct habits *habits, int service, int number);

#endif
