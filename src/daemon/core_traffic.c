/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traffic in time, for the map and for whoever looks back: sums by edge, of all that passed or
 * tried to, learned or not, and flows that are over. What is learned from is the ledger's affair.
 *
 * Sums gather in memory and go to the store some at a time: thousands of edges must not hold up
 * everything else once a minute. Whoever asks meanwhile is told of both.
 */
#include "core_traffic.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_metrics.h"
#include "grow.h"
#include "peer.h"
#include "timefmt.h"

#define BUCKET (300 * BH_SECOND)
#define GATHER (60 * BH_SECOND)
#define AT_ONCE 500 /* sums to the store in a second */
#define MOST_SUMS 50000
#define MOST_FLOWS 500		      /* to the store in a second */
#define MOST_FLOWS_ASKED 4000	      /* … when somebody asks */
#define OPENER_COMES (30 * BH_SECOND) /* by then */
#define NAMES_COME (30 * BH_SECOND)   /* by then */
#define REFUSAL_COMES (5 * BH_SECOND) /* by then */
#define TRIM_EVERY (600 * BH_SECOND)

/* Found by addresses: of core's peers, each is there once as long as somebody has it. */
struct key {
	int64_t bucket;
	const struct bh_peer *src, *dst;
	uint16_t port;
	uint8_t proto, zero[5]; /* no padding: it is a map's key */
};
_Static_assert(sizeof(struct key) == 16 + 2 * sizeof(void *), "a sum's key has no padding");

/* In one bucket. It has its peers, until it is dropped. */
struct sum {
	struct key key;
	int64_t first, last;
	struct bh_traffic_counts counts;
};

struct bh_traffic {
	struct bh_map *sums;		/* key → struct sum */
	uint64_t left_out;		/* connections for which there was no room */
	int64_t save_due;		/* monotonic */
	bool saving;			/* some are still to go to the store */
	int64_t trim_due;		/* monotonic */
	struct bh_live_flow *next_over; /* the first that is not kept yet; NULL: all are */
	uint64_t flows_left_out;
	bool flows_added;
};

struct bh_traffic *bh_traffic_new(void)
{
	struct bh_traffic *t = bh_calloc(1, sizeof(*t));

	t->sums = bh_map_new(free);
	return t;
}

void bh_traffic_free(struct bh_traffic *t)
{
	if (t == NULL)
		return;
	bh_map_free(t->sums);
	free(t);
}

/* --- gathering -------------------------------------------------------------------------------- */

static struct sum *sum_of(struct bh_core *core, const struct bh_live_flow *live,
			  const struct bh_peer *dst, int64_t now)
{
	struct bh_traffic *t = core->traffic;
	const struct bh_peer *kept = bh_peers_get(core->peers, dst);
	const struct key key = { .bucket = now / BUCKET,
				 .src = live->src,
				 .dst = kept,
				 .port = live->flow.key.dport,
				 .proto = live->flow.key.proto };
	struct sum *sum = bh_map_get(t->sums, &key, sizeof(key));

	if (sum != NULL || bh_map_count(t->sums) >= MOST_SUMS) {
		bh_peers_release(core->peers, kept);
		return sum;
	}
	sum = bh_calloc(1, sizeof(*sum));
	sum->key = key;
	bh_peers_get(core->peers, live->src);
	sum->first = live->flow.first;
	bh_map_put(t->sums, &sum->key, sizeof(sum->key), sum);
	return sum;
}

static void drop(struct bh_core *core, struct sum *sum)
{
	struct key key = sum->key;

	bh_map_remove(core->traffic->sums, &key, sizeof(key));
	bh_peers_release(core->peers, key.src);
	bh_peers_release(core->peers, key.dst);
}

static bool became(bool now, uint8_t *told, uint8_t bit)
{
	bool news = now && (*told & bit) == 0;

	if (news)
		*told |= bit;
	return news;
}

/* Which edge it is of is not known while an end has no name, or nobody knows who opened it: that
 * may be found out. What was denied is shown at once, and of what is over no more will be known. */
static bool may_wait(const struct bh_live_flow *live, int64_t now)
{
	bool fresh = live->flow.direction == BH_DIRECTION_UNKNOWN &&
		     now - live->flow.first < OPENER_COMES;

	return (live->unnamed || fresh) && !live->flow.final && !live->denied && !live->denied_back;
}

/* That the rules refused its packets is told by another road, and may be still on its way. */
static bool has_passed(const struct bh_live_flow *live, int64_t now)
{
	return live->flow.answered || live->flow.final || now - live->flow.first >= REFUSAL_COMES;
}

/* What of it is told now, and not again. */
static struct bh_traffic_counts news_of(const struct bh_core *core, struct bh_live_flow *live,
					int64_t now)
{
	bool denied = live->denied || live->denied_back;
	uint64_t bytes = bh_core_flow_bytes(core, live), told = live->told_bytes;

	live->told_bytes = bytes > told ? bytes : told;
	return (struct bh_traffic_counts) {
		.connections = became(true, &live->told, 1),
		.answered = became(live->flow.answered, &live->told, 2),
		.denied = became(denied, &live->told, 4),
		.would_deny =
			became(live->against && !denied && has_passed(live, now), &live->told, 8),
		.uncounted = became(bh_core_count_is_missing(core, live), &live->told, 16),
		.bytes = bytes > told ? bytes - told : 0,
	};
}

void bh_core_traffic_note(struct bh_core *core, struct bh_live_flow *live)
{
	struct bh_traffic *t = core->traffic;
	int64_t now = bh_time_now();
	struct bh_peer room;

	if (!bh_core_flow_is_judged(live) || may_wait(live, now))
		return;
	const struct bh_peer *dst = bh_core_destination(core, live, &room);
	struct bh_traffic_counts news = news_of(core, live, now);
	bh_core_metrics_traffic(core, live->src, dst, &news);
	struct sum *sum = sum_of(core, live, dst, now);
	if (sum == NULL) {
		t->left_out += news.connections;
		return;
	}
	bh_traffic_add(&sum->counts, &news);
	if (live->flow.first < sum->first)
		sum->first = live->flow.first;
	if (live->flow.last > sum->last)
		sum->last = live->flow.last;
}

/* --- flows that are over ---------------------------------------------------------------------- */

static void keep_flow(struct bh_core *core, const struct bh_live_flow *live)
{
	struct bh_buffer json = { 0 };
	struct bh_error err = { 0 };

	bh_core_flow_json(core, live, &json);
	bh_core_store_write(core);
	if (bh_store_add_flow(core->store, live->flow.last, json.data, &err) != 0)
		bh_core_store_failed(core, &err);
	core->traffic->flows_added = true;
	bh_buffer_free(&json);
}

void bh_core_traffic_forget(struct bh_core *core, struct bh_live_flow *live)
{
	if (core->traffic->next_over == live)
		core->traffic->next_over = STAILQ_NEXT(live, next_finished);
	if (!live->kept && live->flow.final && bh_core_flow_is_shown(live) &&
	    core->config.keep_flows > 0)
		core->traffic->flows_left_out++;
}

void bh_core_traffic_ended(struct bh_core *core, struct bh_live_flow *live)
{
	if (core->traffic->next_over == NULL)
		core->traffic->next_over = live;
}

/* Those that are over for that long, so that a name that comes late is not missing. */
static void keep_flows(struct bh_core *core, int64_t wait, unsigned most)
{
	struct bh_traffic *t = core->traffic;
	int64_t until = bh_time_now() - wait;

	if (core->config.keep_flows == 0 || core->store_why[0] != '\0')
		return;
	while (t->next_over != NULL && t->next_over->flow.last <= until && most > 0) {
		struct bh_live_flow *live = t->next_over;

		t->next_over = STAILQ_NEXT(live, next_finished);
		live->kept = true;
		if (!bh_core_flow_is_shown(live))
			continue;
		keep_flow(core, live);
		most--;
	}
}

void bh_core_traffic_keep_now(struct bh_core *core)
{
	keep_flows(core, 0, MOST_FLOWS_ASKED);
}

uint64_t bh_core_flows_left_out(const struct bh_core *core)
{
	return core->traffic->flows_left_out;
}

/* --- saving ----------------------------------------------------------------------------------- */

static int64_t bucket_of(const struct sum *sum)
{
	return sum->key.bucket * BUCKET;
}

static struct bh_stored_traffic stored(const struct sum *sum)
{
	return (struct bh_stored_traffic) { .src = sum->key.src,
					    .dst = sum->key.dst,
					    .proto = sum->key.proto,
					    .port = sum->key.port,
					    .first = sum->first,
					    .last = sum->last,
					    .counts = sum->counts };
}

static int save(struct bh_core *core, size_t most, struct bh_error *err)
{
	struct bh_traffic *t = core->traffic;
	struct sum *sum;
	int result = 0;

	for (size_t position = 0;
	     result == 0 && most > 0 && (sum = bh_map_next(t->sums, &position)) != NULL; most--) {
		struct bh_stored_traffic traffic = stored(sum);

		bh_core_store_write(core);
		result = bh_store_add_traffic(core->store, bucket_of(sum), &traffic, err);
		drop(core, sum);
	}
	return result;
}

static int trim(struct bh_core *core, int64_t now, struct bh_error *err)
{
	struct bh_traffic *t = core->traffic;
	bool more;

	bh_core_store_write(core);
	int result = bh_store_trim_traffic(core->store, bh_time_now(), core->config.keep_traffic,
					   &more, err);
	t->trim_due = more ? now : now + TRIM_EVERY;
	return result;
}

int bh_core_traffic_save(struct bh_core *core, struct bh_error *err)
{
	struct bh_traffic *t = core->traffic;
	int64_t now = bh_time_monotonic();
	int result = 0;

	if (now >= t->save_due) {
		t->save_due = now + GATHER;
		t->saving = true;
	}
	if (t->saving)
		result = save(core, core->stopping ? SIZE_MAX : AT_ONCE, err);
	t->saving = t->saving && bh_map_count(t->sums) > 0;
	if (result == 0)
		keep_flows(core, core->stopping ? 0 : NAMES_COME,
			   core->stopping ? UINT_MAX : MOST_FLOWS);
	if (result == 0 && t->flows_added)
		result = bh_store_trim_flows(core->store, core->config.keep_flows, err);
	t->flows_added = false;
	if (result == 0 && now >= t->trim_due)
		result = trim(core, now, err);
	return result;
}

void bh_core_traffic_save_all(struct bh_core *core)
{
	core->traffic->save_due = 0;
}

/* --- asking ----------------------------------------------------------------------------------- */

static int64_t overlap(int64_t since, int64_t until, int64_t from, int64_t to)
{
	int64_t begin = since > from ? since : from, end = until < to ? until : to;

	return end > begin ? end - begin : 0;
}

/* The watch that goes on is stored now and then only. */
int bh_core_traffic_count_unwatched(const struct bh_core *core, struct bh_traffic_range *range,
				    struct bh_error *err)
{
	int64_t now = bh_time_now(), until = range->until < now ? range->until : now, watched;
	int result = bh_store_watched_for(core->store, range->since, until, core->watching_since,
					  &watched, err);

	if (core->watching_since != 0)
		watched += overlap(range->since, until, core->watching_since, now);
	range->unwatched = until - range->since - watched;
	return result;
}

static int describe(const struct bh_core *core, struct bh_traffic_range *range,
		    struct bh_error *err)
{
	int result = bh_store_traffic_since(core->store, &range->known_since, err);

	if (range->known_since == 0)
		range->known_since = core->started;
	if (result == 0)
		result = bh_core_traffic_count_unwatched(core, range, err);
	range->left_out = core->traffic->left_out;
	return result;
}

static bool is_within(const struct sum *sum, const struct bh_traffic_range *range)
{
	return bucket_of(sum) >= range->since && bucket_of(sum) < range->until;
}

int bh_core_traffic_sums(const struct bh_core *core, struct bh_traffic_range *range,
			 void (*row)(void *user, const struct bh_stored_traffic *traffic),
			 void *user, struct bh_error *err)
{
	const struct sum *sum;
	int result = bh_store_traffic(core->store, &range->since, &range->until, row, user, err);

	for (size_t position = 0; (sum = bh_map_next(core->traffic->sums, &position)) != NULL;) {
		struct bh_stored_traffic traffic = stored(sum);

		if (is_within(sum, range))
			row(user, &traffic);
	}
	return result == 0 ? describe(core, range, err) : result;
}

int bh_core_refused_sums(const struct bh_core *core, struct bh_traffic_range *range,
			 void (*row)(void *user, const struct bh_stored_traffic *traffic),
			 void *user, struct bh_error *err)
{
	const struct sum *sum;
	int result = bh_store_refused(core->store, &range->since, &range->until, row, user, err);

	for (size_t position = 0; (sum = bh_map_next(core->traffic->sums, &position)) != NULL;) {
		struct bh_stored_traffic traffic = stored(sum);

		traffic.counts =
			(struct bh_traffic_counts) { .denied = sum->counts.denied,
						     .would_deny = sum->counts.would_deny };
		if (is_within(sum, range) && traffic.counts.denied + traffic.counts.would_deny > 0)
			row(user, &traffic);
	}
	return result == 0 ? describe(core, range, err) : result;
}
