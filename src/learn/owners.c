/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Workloads, as the ledger knows them: their replicas, versions, and the windows in which they ran.
 */
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "ledger_parts.h"

#define AT_ONCE 4	/* of a window: versions that were seen within it run side by side */
#define VERSION_LASTS 2 /* windows: who comes back within them is no deploy */

const struct bh_peer *bh_ledger_owner_peer(const struct bh_edge *edge)
{
	return edge->src->kind != BH_PEER_WORKLOAD && edge->dst->kind == BH_PEER_WORKLOAD
		       ? edge->dst
		       : edge->src;
}

void bh_ledger_owner_dirty(struct bh_ledger *l, struct bh_ledger_owner *o)
{
	if (!o->dirty && l->config.saved) {
		STAILQ_INSERT_TAIL(&l->dirty_owners, o, next_dirty);
		o->dirty = true;
	}
}

struct bh_ledger_owner *bh_ledger_owner_of(struct bh_ledger *l, const struct bh_peer *like,
					   int64_t time)
{
	const struct bh_peer *who = bh_peers_get(l->peers, like);
	struct bh_ledger_owner *o = bh_map_get(l->owners, &who, sizeof(who));

	if (o == NULL) {
		o = bh_calloc(1, sizeof(*o));
		o->state.who = who;
		o->state.first = time;
		o->state.window = bh_ledger_window_of(l, time);
		bh_map_put(l->owners, &who, sizeof(who), o);
		bh_ledger_owner_dirty(l, o);
	}
	if (time < o->state.first) {
		o->state.first = time;
		bh_ledger_owner_dirty(l, o);
	}
	return o;
}

/* --- replicas --------------------------------------------------------------------------------- */

/* Each has a bit of its own, as long as there is one for each; then some share. */
uint64_t bh_ledger_replica_bit(struct bh_ledger *l, struct bh_ledger_owner *o, uint64_t replica)
{
	unsigned home = replica % BH_REPLICA_BITS, at = home;

	if (replica == 0)
		return 0;
	do {
		uint64_t *slot = &o->state.slots[at];

		if (*slot == 0) {
			*slot = replica;
			bh_ledger_owner_dirty(l, o);
		}
		if (*slot == replica)
			return UINT64_C(1) << at;
		at = (at + 1) % BH_REPLICA_BITS;
	} while (at != home);
	return UINT64_C(1) << home;
}

/* A report that comes late changes nothing; a window that has not begun is one that a clock made up
 * which was set back since. */
void bh_ledger_note_replica(struct bh_ledger *l, struct bh_ledger_owner *o, uint64_t replica,
			    int64_t time)
{
	struct bh_owner_state *s = &o->state;
	int64_t window = bh_ledger_window_of(l, time);
	uint64_t bit = bh_ledger_replica_bit(l, o, replica);

	if (window > s->window || s->window > bh_ledger_window_of(l, l->state.now)) {
		s->replicas_before = window == s->window + 1 ? s->replicas : 0;
		s->replicas = 0;
		s->window = window;
		bh_ledger_owner_dirty(l, o);
	}
	if ((s->replicas & bit) == bit)
		return;
	s->replicas |= bit;
	bh_ledger_owner_dirty(l, o);
}

/* Of those without a watcher nobody knows how long they ran. */
static bool is_job(const struct bh_owner_state *s)
{
	return s->runs > 0 && s->idle > s->windows;
}

/* --- strangers -------------------------------------------------------------------------------- */

int64_t bh_strangers_latest(const struct bh_strangers *s)
{
	return s->count > 0 ? s->window : s->before;
}

void bh_ledger_note_stranger(struct bh_ledger *l, const struct bh_peer *workload, int64_t time)
{
	struct bh_ledger_owner *o = bh_ledger_owner_of(l, workload, time);
	struct bh_strangers *s = &o->state.strangers;
	int64_t window = bh_ledger_window_of(l, time);

	if (window < s->window)
		return;
	if (window > s->window)
		*s = (struct bh_strangers) { .window = window, .before = bh_strangers_latest(s) };
	s->count++;
	bh_ledger_owner_dirty(l, o);
}

void bh_ledger_forget_stranger(struct bh_ledger *l, const struct bh_peer *workload, int64_t time)
{
	struct bh_ledger_owner *o = bh_ledger_owner_of(l, workload, time);
	struct bh_strangers *s = &o->state.strangers;

	if (s->count == 0 || s->window != bh_ledger_window_of(l, time))
		return;
	s->count--;
	bh_ledger_owner_dirty(l, o);
}

/* --- presence --------------------------------------------------------------------------------- */

/* Counts what it ran since it was last looked at. */
static void account(const struct bh_ledger *l, struct bh_owner_state *s)
{
	if (s->instances > 0)
		s->ran += l->state.watched - s->mark;
	s->mark = l->state.watched;
}

void bh_ledger_present(struct bh_ledger *l, const struct bh_peer *workload, uint32_t instances)
{
	struct bh_ledger_owner *o = bh_ledger_owner_of(l, workload, l->state.now);

	account(l, &o->state);
	o->state.instances = instances;
	bh_ledger_owner_dirty(l, o);
}

void bh_ledger_ran(struct bh_ledger *l, const struct bh_peer *workload, int64_t lived)
{
	struct bh_ledger_owner *o = bh_ledger_owner_of(l, workload, l->state.now);

	if (lived >= l->config.window / 2)
		return;
	o->state.runs++;
	bh_ledger_owner_dirty(l, o);
}

/* Whether it was watched in it: a job hardly runs in any, and would have been seen. */
static bool count_window(const struct bh_ledger *l, struct bh_owner_state *s)
{
	bool ran = s->ran >= l->config.window / 2;

	s->windows += ran;
	s->idle += !ran;
	if (ran)
		s->phases |= bh_ledger_phase(l->state.window);
	return ran || is_job(s);
}

#define LATELY 64 /* windows */

/* So many windows later; those that a clock made up which was set back are none. */
static uint64_t shift(uint64_t lately, int64_t by)
{
	if (by >= LATELY || by <= -LATELY)
		return 0;
	return by >= 0 ? lately << by : lately >> -by;
}

static void settle(struct bh_ledger *l, struct bh_ledger_owner *o, bool counts, int64_t by)
{
	struct bh_owner_state *s = &o->state;

	account(l, s);
	s->first = l->state.now < s->first ? l->state.now : s->first;
	bool counted =
		counts && l->state.window > bh_ledger_window_of(l, s->first) && count_window(l, s);
	s->lately = shift(s->lately, by);
	if (counted && by > 0)
		s->lately |= shift(1, by - 1);
	s->ran = 0;
	bh_ledger_owner_dirty(l, o);
}

void bh_ledger_settle_owners(struct bh_ledger *l, bool counts, int64_t next)
{
	struct bh_ledger_owner *o;

	for (size_t position = 0; (o = bh_map_next(l->owners, &position)) != NULL;)
		settle(l, o, counts, next - l->state.window);
}

/* --- versions --------------------------------------------------------------------------------- */

void bh_ledger_deployed(struct bh_ledger *l, const struct bh_peer *workload, int64_t time)
{
	struct bh_ledger_owner *o = bh_ledger_owner_of(l, workload, time);
	int64_t *deploys = o->state.deploys;

	memmove(deploys + 1, deploys, (BH_DEPLOYS - 1) * sizeof(*deploys));
	deploys[0] = time;
	bh_ledger_owner_dirty(l, o);
}

static struct bh_version *find_version(struct bh_owner_state *s, uint64_t hash)
{
	for (size_t i = 0; i < BH_VERSIONS; i++)
		if (s->versions[i].hash == hash)
			return &s->versions[i];
	return NULL;
}

static struct bh_version *oldest_version(struct bh_owner_state *s)
{
	struct bh_version *oldest = s->versions;

	for (size_t i = 1; i < BH_VERSIONS; i++)
		if (s->versions[i].seen < oldest->seen)
			oldest = &s->versions[i];
	return oldest;
}

/* The one that ran last; its hash is 0 where none did. */
static const struct bh_version *newest_version(const struct bh_owner_state *s)
{
	const struct bh_version *newest = s->versions;

	for (size_t i = 1; i < BH_VERSIONS; i++)
		if (s->versions[i].hash != 0 &&
		    (newest->hash == 0 || s->versions[i].seen > newest->seen))
			newest = &s->versions[i];
	return newest;
}

/* What ran last and comes back, after whatever time, is the same still: a weekly job's version is
 * no deploy each week, nor is everybody's after a host's holidays. */
static bool is_fresh(const struct bh_ledger *l, const struct bh_owner_state *s,
		     const struct bh_version *known, int64_t time)
{
	return newest_version(s)->hash != 0 && known != newest_version(s) &&
	       (known == NULL || time - known->seen > VERSION_LASTS * l->config.window);
}

/* Where more versions run side by side than are told apart, nobody can say which one is new. */
static bool has_place(const struct bh_ledger *l, struct bh_owner_state *s, int64_t time)
{
	const struct bh_version *oldest = oldest_version(s);

	return oldest->hash == 0 || time - oldest->seen > l->config.window / AT_ONCE;
}

bool bh_ledger_version(struct bh_ledger *l, const struct bh_peer *workload, uint64_t hash,
		       int64_t time)
{
	struct bh_ledger_owner *o = bh_ledger_owner_of(l, workload, time);
	struct bh_version *known = find_version(&o->state, hash);
	bool fresh = is_fresh(l, &o->state, known, time);

	if (known == NULL && !has_place(l, &o->state, time))
		return false;

	if (known == NULL)
		known = oldest_version(&o->state);
	*known = (struct bh_version) { hash, time };
	bh_ledger_owner_dirty(l, o);
	if (!fresh)
		return false;
	bh_ledger_deployed(l, workload, time);
	return true;
}

/* --- what there is ---------------------------------------------------------------------------- */

static unsigned replicas(const struct bh_owner_state *s)
{
	unsigned seen = (unsigned)__builtin_popcountll(s->replicas | s->replicas_before);

	return s->instances > seen ? s->instances : seen;
}

static struct bh_owner describe(const struct bh_owner_state *s)
{
	struct bh_owner out = {
		.who = s->who, .first = s->first, .replicas = replicas(s), .job = is_job(s)
	};

	memcpy(out.deploys, s->deploys, sizeof(out.deploys));
	return out;
}

static uint32_t whole_windows(const struct bh_ledger *l, const struct bh_owner_state *s)
{
	if (is_job(s))
		return s->runs;
	if (l->config.watched)
		return s->who->kind == BH_PEER_WORKLOAD ? s->windows : l->state.windows;
	int64_t between =
		bh_ledger_window_of(l, l->state.now) - bh_ledger_window_of(l, s->first) - 1;
	return between > 0 ? (uint32_t)between : 0;
}

/* Without a watcher all of them count that are over. */
static uint8_t phases(const struct bh_ledger *l, const struct bh_owner_state *s)
{
	if (!l->config.watched)
		return bh_ledger_phases_since(l, s->first);
	return s->who->kind == BH_PEER_WORKLOAD ? s->phases : l->state.phases;
}

static uint32_t seen(const struct bh_entry *e, bool job)
{
	return job ? (uint32_t)__builtin_popcountll(e->replicas) : e->windows;
}

static struct bh_baseline sum_up(const struct bh_ledger *l, const struct bh_ledger_owner *o)
{
	struct bh_baseline out = { .owner = describe(&o->state),
				   .windows = whole_windows(l, &o->state),
				   .phases = phases(l, &o->state),
				   .lately = l->config.watched ? o->state.lately : UINT64_MAX,
				   .edges = o->edge_count,
				   .stranger = bh_strangers_latest(&o->state.strangers),
				   .crowded = bh_ledger_is_full(l, BH_EDGES, o) ||
					      (l->config.max_opposed > 0 &&
					       bh_ledger_is_full(l, BH_OPPOSED, o)) };
	int64_t current = bh_ledger_window_of(l, l->state.now);

	for (const struct bh_entry *e = o->first_edge; e != NULL; e = e->next_of_owner) {
		int64_t age = current - bh_ledger_window_of(l, e->first);

		out.q1 += seen(e, out.owner.job) == 1;
		out.q2 += seen(e, out.owner.job) == 2;
		out.newest = e->first > out.newest ? e->first : out.newest;
		out.lossy = out.lossy || e->lossy;
		if (age >= 1 && age <= BH_DISCOVERIES)
			out.discovered[age - 1]++;
	}
	return out;
}

void bh_ledger_each_baseline(const struct bh_ledger *l,
			     void (*baseline)(void *user, const struct bh_baseline *), void *user)
{
	const struct bh_ledger_owner *o;

	for (size_t position = 0; (o = bh_map_next(l->owners, &position)) != NULL;) {
		struct bh_baseline sum = sum_up(l, o);

		baseline(user, &sum);
	}
}

static const struct bh_ledger_owner *find(const struct bh_ledger *l, const struct bh_peer *like)
{
	const struct bh_peer *who = bh_peers_find(l->peers, like);

	return who != NULL ? bh_map_get(l->owners, &who, sizeof(who)) : NULL;
}

bool bh_ledger_baseline(const struct bh_ledger *l, const struct bh_peer *workload,
			struct bh_baseline *out)
{
	const struct bh_ledger_owner *o = find(l, workload);

	if (o != NULL)
		*out = sum_up(l, o);
	return o != NULL;
}

int64_t bh_ledger_last_deploy(const struct bh_ledger *l, const struct bh_peer *workload)
{
	const struct bh_ledger_owner *o = find(l, workload);

	return o != NULL ? o->state.deploys[0] : 0;
}

void bh_ledger_set_audited(struct bh_ledger *l, const struct bh_peer *workload, int64_t since)
{
	struct bh_ledger_owner *o = bh_ledger_owner_of(l, workload, l->state.now);

	o->state.audited = since;
	bh_ledger_owner_dirty(l, o);
}

int64_t bh_ledger_audited(const struct bh_ledger *l, const struct bh_peer *workload)
{
	const struct bh_ledger_owner *o = find(l, workload);

	return o != NULL ? o->state.audited : 0;
}

unsigned bh_ledger_replicas(const struct bh_ledger *l, const struct bh_peer *who)
{
	const struct bh_ledger_owner *o = bh_map_get(l->owners, &who, sizeof(who));

	return o != NULL ? replicas(&o->state) : 0;
}

struct bh_owner bh_ledger_owner(const struct bh_ledger *l, const struct bh_edge *edge)
{
	const struct bh_ledger_owner *o = find(l, bh_ledger_owner_peer(edge));

	return o != NULL ? describe(&o->state)
			 : (struct bh_owner) { .who = bh_ledger_owner_peer(edge),
					       .first = edge->first };
}

bool bh_ledger_is_job(const struct bh_ledger *l, const struct bh_peer *workload)
{
	const struct bh_ledger_owner *o = find(l, workload);

	return o != NULL && is_job(&o->state);
}

uint32_t bh_ledger_seen(const struct bh_ledger *l, const struct bh_edge *edge)
{
	const struct bh_ledger_owner *o = find(l, bh_ledger_owner_peer(edge));

	return o != NULL && is_job(&o->state) ? bh_edge_replicas(edge) : edge->windows;
}
