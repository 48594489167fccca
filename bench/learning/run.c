/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A run: the services' habits go into the ledger as they happen, and once a day it is asked what
 * the daemon would ask: what is expected, and which workloads are ready. */
#include "run.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "promotion.h"
#include "timefmt.h"

#define HOUR (3600 * BH_SECOND)
#define DAY (24 * HOUR)
#define AUDIT (2 * DAY) /* after a deploy, in which new edges are let pass, and learned */
#define RUNS 2		/* of each job whose schedule is known */
#define MOST 1000000	/* of everything the ledger bounds */

static const struct bh_filter_config all_filters;

int service_of_peer(const struct bh_peer *peer)
{
	return peer->kind == BH_PEER_WORKLOAD ? (int)strtol(peer->name + 1, NULL, 10) : -1;
}

static struct bh_peer end_of(const struct habit *habit)
{
	static const uint8_t kinds[] = { [TO_SERVICE] = BH_PEER_WORKLOAD,
					 [TO_NAME] = BH_PEER_DNS,
					 [TO_ADDRESS] = BH_PEER_ADDRESS };
	static const char *const formats[] = {
		[TO_SERVICE] = "s%d", [TO_NAME] = "dns:n%d.example", [TO_ADDRESS] = "203.0.113.%d"
	};
	struct bh_peer peer = { .kind = kinds[habit->to] };

	snprintf(peer.name, sizeof(peer.name), formats[habit->to], habit->dst);
	return peer;
}

/* Some habits come later. */
static void know(struct run *r)
{
	size_t count = habits_count(r->habits);

	if (count == r->known_count)
		return;
	r->known = bh_grow(r->known, &r->known_capacity, count, sizeof(*r->known));
	for (; r->known_count < count; r->known_count++)
		r->known[r->known_count] =
			(struct known) { .end = end_of(habits_at(r->habits, r->known_count)) };
}

/* --- learning --------------------------------------------------------------------------------- */

static void note_new(struct run *r, const struct happening *e)
{
	struct account *a = r->account;
	int64_t since = r->enforced[R1][e->service], deployed = r->deployed[e->service];

	r->known[e->habit].seen = true;
	r->fresh++;
	if (since != 0 && (deployed == 0 || e->time - deployed >= AUDIT))
		a->changes++;
}

static void observe(struct run *r, const struct happening *e)
{
	const struct habit *habit = habits_at(r->habits, e->habit);
	const struct bh_contact contact = { .src = &r->services[e->service],
					    .dst = &r->known[e->habit].end,
					    .proto = IPPROTO_TCP,
					    .port = habit->port,
					    .replica = 1 + e->service * UINT64_C(1000) + e->replica,
					    .time = e->time,
					    .count = e->count,
					    .direction = BH_DIRECTION_SYN,
					    .answered = habit->answers,
					    .teaches = habit->answers,
					    .ends = true };

	bh_ledger_observe(r->ledger, &contact);
	r->known[e->habit].runs++;
	r->opened[e->service] = true;
	if (habit->answers && !r->known[e->habit].seen)
		note_new(r, e);
}

/* --- enforcement ------------------------------------------------------------------------------ */

static bool is_audited(const struct run *r, int service, int64_t time)
{
	return r->deployed[service] != 0 && time - r->deployed[service] < AUDIT;
}

static bool is_refused(const struct run *r, const struct happening *e, enum rule rule)
{
	const struct habit *habit = habits_at(r->habits, e->habit);
	const struct bh_edge like = { .src = &r->services[e->service],
				      .dst = &r->known[e->habit].end,
				      .proto = IPPROTO_TCP,
				      .port = habit->port };

	return !r->known[e->habit].allowed[rule] &&
	       (rule != STAGE1 || bh_is_urgent(&all_filters, &like));
}

/* Before a workload is enforced everything is learned, and whoever reviews it judges rightly. Its
 * stage 1 outlasts deploys; enforcement gives way to audit. */
static void meet_policy(struct run *r, const struct happening *e, enum rule rule)
{
	const struct habit *habit = habits_at(r->habits, e->habit);
	struct known *known = &r->known[e->habit];
	struct account *a = r->account;
	int64_t since = r->enforced[rule][e->service];

	if (habit->attack != NO_ATTACK)
		return;
	if (since == 0 || (rule != STAGE1 && is_audited(r, e->service, e->time)))
		known->allowed[rule] = true;
	if (since == 0 || e->time >= since + AFTER * DAY || !is_refused(r, e, rule))
		return;
	a->broken[rule] += (double)e->count;
	if (known->blocked[rule])
		return;
	known->blocked[rule] = true;
	a->blocked[rule]++;
	if (rule == R1)
		a->blocked_by_kind[habit->kind]++;
}

/* --- once a day ------------------------------------------------------------------------------- */

/* Whoever reviews is quick: what waits for him holds nothing up. */
static bool may_be(const struct bh_standing *standing, uint8_t mode)
{
	const uint32_t reviews = UINT32_C(1) << BH_LACK_URGENT | UINT32_C(1) << BH_LACK_REVIEW;

	return (bh_promotion_lacks(standing, mode) & ~reviews) == 0;
}

static bool is_ready_for_r2(const struct bh_standing *s)
{
	const struct bh_baseline *b = &s->readiness->baseline;

	return b->windows >= 21 && s->now - b->newest >= 14 * DAY && s->readiness->risk <= 0.01 &&
	       !s->readiness->open_ended;
}

static bool is_awaited(const struct run *r, size_t number, int service)
{
	const struct habit *habit = habits_at(r->habits, number);
	bool over = habit->end < (bh_ledger_now(r->ledger) - habits_start(r->habits)) / HOUR;

	return habit->src == service && habit->attack == NO_ATTACK && habit->kind >= HOURLY &&
	       habit->kind <= MONTHLY && !over && r->known[number].runs < RUNS;
}

/* Whatever the service does at fixed times, if somebody says what that is. */
static bool has_run_all(const struct run *r, int service)
{
	for (size_t i = 0; i < r->known_count; i++)
		if (is_awaited(r, i, service))
			return false;
	return true;
}

static bool is_ready(const struct run *r, const struct bh_workload_readiness *w, int service,
		     enum rule rule)
{
	const struct bh_standing standing = { .readiness = w,
					      .now = bh_ledger_now(r->ledger),
					      .window = DAY,
					      .audited = r->enforced[STAGE1][service],
					      .must_audit = true };

	bool held_up = is_audited(r, service, standing.now);

	switch (rule) {
	case R1:
		return !held_up && may_be(&standing, BH_ENFORCE);
	case R1_JOBS:
		return !held_up && may_be(&standing, BH_ENFORCE) && has_run_all(r, service);
	case R2:
		return !held_up && is_ready_for_r2(&standing);
	case R2_JOBS:
		return !held_up && is_ready_for_r2(&standing) && has_run_all(r, service);
	case CLOCK:
		return w->baseline.windows >= LEARNED;
	default:
		return may_be(&standing, BH_STAGE1);
	}
}

static void promote(struct run *r, const struct bh_readiness *readiness)
{
	for (size_t i = 0; i < readiness->workload_count; i++) {
		const struct bh_workload_readiness *w = &readiness->workloads[i];
		int service = service_of_peer(w->baseline.owner.who);

		for (enum rule rule = R1; rule < RULES; rule++) {
			if (r->enforced[rule][service] != 0 || !is_ready(r, w, service, rule))
				continue;
			r->enforced[rule][service] = bh_ledger_now(r->ledger);
			r->account->ready[rule][readiness->windows]++;
		}
	}
}

/* The day that is over against what was predicted for it. */
static void calibrate(struct run *r, const struct bh_readiness *readiness)
{
	struct account *a = r->account;

	if (readiness->windows > 1) {
		uint32_t then = readiness->windows - 1;

		a->days[then]++;
		a->predicted[then] += r->predicted;
		a->actual[then] += r->fresh;
		a->held[then] += r->fresh <= r->bound;
	}
	r->fresh = 0;
	r->predicted = readiness->expected;
	r->bound = readiness->bound;
}

static void end_day(struct run *r)
{
	struct bh_readiness *readiness = bh_readiness_new(r->ledger, &all_filters);

	r->day++;
	calibrate(r, readiness);
	promote(r, readiness);
	if (readiness->windows == LEARNED)
		r->output = hash_output(r);
	bh_readiness_free(readiness);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void close_books(struct run *r, enum scenario scenario, int64_t end)
{
	struct account *a = r->account;

	a->runs++;
	for (int s = 0; s < SERVICES; s++) {
		bool open_ended = scenario == OPEN_ENDED && s == 0;

		a->workloads += r->opened[s] && !open_ended;
		a->open_ended += open_ended;
		a->open_ended_ready += open_ended && r->enforced[R1][s] != 0;
		for (enum rule rule = R1; rule < RULES; rule++) {
			int64_t days =
				r->enforced[rule][s] != 0 ? (end - r->enforced[rule][s]) / DAY : 0;

			a->watched[rule] += (double)(days < AFTER ? days : AFTER);
			a->stable_days += rule == R1 ? (double)days : 0;
		}
	}
}

static void begin(struct run *r, const struct habit_config *config, struct account *account)
{
	const struct bh_ledger_config ledger = { .window = DAY,
						 .max_edges = MOST,
						 .max_attempts = MOST,
						 .max_opposed = MOST,
						 .max_contacts = MOST };

	r->habits = habits_new(config);
	r->ledger = bh_ledger_new(&ledger);
	r->account = account;
	for (int s = 0; s < SERVICES; s++) {
		r->services[s].kind = BH_PEER_WORKLOAD;
		snprintf(r->services[s].name, sizeof(r->services[s].name), "s%d", s);
	}
}

static void take(struct run *r, const struct happening *e)
{
	know(r);
	if (e->deploy) {
		bh_ledger_deployed(r->ledger, &r->services[e->service], e->time);
		r->deployed[e->service] = e->time;
		return;
	}
	for (enum rule rule = R1; rule < RULES; rule++)
		meet_policy(r, e, rule);
	observe(r, e);
}

static void follow(struct run *r, const struct habit_config *config)
{
	int64_t boundary = (habits_start(r->habits) / DAY + 1) * DAY;
	struct happening e;

	while (habits_next(r->habits, &e)) {
		for (; e.time >= boundary; boundary += DAY) {
			bh_ledger_advance(r->ledger, boundary);
			end_day(r);
			if (r->day != LEARNED + 1)
				continue;
			if (config->attacked)
				judge_edges(r, config->scenario);
			else
				try_policy(r);
		}
		take(r, &e);
	}
}

static uint64_t run_once(const struct habit_config *config, struct account *account)
{
	struct run *r = bh_calloc(1, sizeof(*r));

	begin(r, config, account);
	follow(r, config);
	close_books(r, config->scenario, habits_start(r->habits) + config->days * DAY);
	uint64_t output = r->output;
	bh_ledger_free(r->ledger);
	habits_free(r->habits);
	free(r->known);
	free(r);
	return output;
}

void run_habits(const struct habit_config *config, struct account *account)
{
	struct habit_config again = *config;
	struct account ignored = { 0 };
	uint64_t output = run_once(config, account);

	again.days = LEARNED + 2;
	account->repeated++;
	account->differing += output == 0 || run_once(&again, &ignored) != output;
}
