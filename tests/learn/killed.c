/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Learning, killed at random moments: killed [ROUNDS [SEED]].
 *
 * A process learns what happens second by second, and saves after each; another one kills it
 * (SIGKILL), looks at what the store holds, and lets the next one go on from there. What it holds
 * has to be, to the last bit, what a ledger holds that was never disturbed, at the second that was
 * saved last.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>

#include "buffer.h"
#include "grow.h"
#include "store.h"

#define SECOND INT64_C(1000000)
#define WINDOW (40 * SECOND)
#define WORKLOADS 12
#define NEWS_A_SECOND 30

static const struct bh_ledger_config config = { .window = WINDOW,
						.max_edges = 2000,
						.max_attempts = 300,
						.max_opposed = 100,
						.max_contacts = 400,
						.watched = true,
						.saved = true };

/* --- what happens ----------------------------------------------------------------------------- */

/* Of each second the same, whenever it is asked for. */
struct dice {
	uint64_t state;
};

static unsigned throw(struct dice * d, unsigned below)
{
	d->state = d->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)((d->state >> 33) % below);
}

static struct bh_peer workload(unsigned number)
{
	struct bh_peer peer = { .kind = BH_PEER_WORKLOAD };

	snprintf(peer.name, sizeof(peer.name), "w%u", number);
	return peer;
}

static struct bh_peer some_peer(struct dice *d)
{
	struct bh_peer peer = workload(throw(d, WORKLOADS));

	if (throw(d, 4) == 0) {
		peer.kind = BH_PEER_DNS;
		snprintf(peer.name, sizeof(peer.name), "dns:n%u.example", throw(d, 20));
	}
	return peer;
}

static void connect_some(struct bh_ledger *l, struct dice *d, int64_t now)
{
	struct bh_peer src = workload(throw(d, WORKLOADS)), dst = some_peer(d);
	bool answered = throw(d, 3) > 0;
	const struct bh_contact c = { .src = &src,
				      .dst = &dst,
				      .proto = throw(d, 2) == 0 ? IPPROTO_TCP : IPPROTO_UDP,
				      .port = (uint16_t)(1 + throw(d, 20)),
				      .replica = 1 + throw(d, 100),
				      .time = now - (int64_t) throw(d, 2000000),
				      .direction = throw(d, 2) == 0 ? BH_DIRECTION_SYN
								    : BH_DIRECTION_LISTENER,
				      .answered = answered,
				      .teaches = answered,
				      .ends = true,
				      .bytes = throw(d, 5000),
				      .denied = throw(d, 20) == 0,
				      .lossy = throw(d, 50) == 0 };

	bh_ledger_observe(l, &c);
}

/* Whether it is there in that second: for ten or so on end. */
static bool is_present(unsigned number, int64_t second)
{
	struct dice d = { (uint64_t)(second / 10) * WORKLOADS + number };

	throw(&d, 2);
	return throw(&d, 3) > 0;
}

static void tell_presence(struct bh_ledger *l, int64_t second, bool anew)
{
	for (unsigned i = 0; i < WORKLOADS; i++) {
		struct bh_peer who = workload(i);

		if (anew ? is_present(i, second)
			 : is_present(i, second) != is_present(i, second - 1))
			bh_ledger_present(l, &who, is_present(i, second) ? 1 + i % 3 : 0);
	}
}

/* As a policy does that allows it. */
static void forget(void *ledger, const struct bh_edge *edge)
{
	if (edge->port % 3 == 0)
		bh_ledger_forget(ledger, BH_OPPOSED, edge);
}

static void happen(struct bh_ledger *l, uint64_t seed, int64_t second)
{
	struct dice d = { seed ^ (uint64_t)second };

	bh_ledger_watch(l, second * SECOND, SECOND);
	tell_presence(l, second, second == 1);
	bh_ledger_packets(l, throw(&d, 10000), throw(&d, 40) == 0);
	for (int i = 0; i < NEWS_A_SECOND; i++)
		connect_some(l, &d, second * SECOND);
	if (throw(&d, 50) == 0)
		bh_ledger_each(l, BH_OPPOSED, forget, l);
	struct bh_peer who = workload(throw(&d, WORKLOADS));
	if (throw(&d, 5) == 0)
		bh_ledger_version(l, &who, 1 + throw(&d, 3), second * SECOND);
	if (throw(&d, 5) == 0)
		bh_ledger_set_audited(l, &who, throw(&d, 2) * second);
	if (throw(&d, 5) == 0)
		bh_ledger_ran(l, &who, throw(&d, 60) * SECOND);
}

/* --- what a ledger holds, as text ------------------------------------------------------------- */

struct lines {
	struct bh_buffer *items;
	size_t count, capacity;
};

static struct bh_buffer *add_line(struct lines *lines)
{
	lines->items =
		bh_grow(lines->items, &lines->capacity, lines->count + 1, sizeof(*lines->items));
	lines->items[lines->count] = (struct bh_buffer) { 0 };
	return &lines->items[lines->count++];
}

static void put_edge(void *user, enum bh_ledger_list list, const struct bh_edge *e)
{
	bh_buffer_printf(
		add_line(user),
		"edge %d %d:%s %d:%s %u/%u %ld-%ld n=%lu a=%lu b=%lu r=%lx w=%u h=%u,%u@%ld "
		"g=%u,%u,%u %d%d%d",
		(int)list, e->src->kind, e->src->name, e->dst->kind, e->dst->name, e->port,
		e->proto, e->first, e->last, e->connections, e->answered, e->bytes, e->replicas,
		e->windows, e->hours, e->shared_hours, e->last_hour, e->gap, e->longest_gap,
		e->even_gaps, e->held, e->lossy, e->heard);
}

static void put_owner(void *user, const struct bh_owner_state *o)
{
	struct bh_buffer *out = add_line(user);

	bh_buffer_printf(
		out,
		"owner %s %ld f=%ld a=%ld w=%ld r=%lx,%lx T=%u,%u,%u p=%x ran=%ld %u s=%u,%ld,%ld",
		o->who->name, o->first, o->flagged, o->audited, o->window, o->replicas,
		o->replicas_before, o->windows, o->idle, o->runs, o->phases, o->ran, o->instances,
		o->strangers.count, o->strangers.window, o->strangers.before);
	for (size_t i = 0; i < BH_DEPLOYS; i++)
		bh_buffer_printf(out, " %ld", o->deploys[i]);
	for (size_t i = 0; i < BH_VERSIONS; i++)
		bh_buffer_printf(out, " %lx@%ld", o->versions[i].hash, o->versions[i].seen);
	for (size_t i = 0; i < BH_REPLICA_BITS; i++)
		bh_buffer_printf(out, " %lu", o->slots[i]);
}

static void put_walk(void *user, const struct bh_walk *w)
{
	bh_buffer_printf(add_line(user), "walk %lx %a %ld", w->replica, w->likelihood, w->last);
}

static void put_contact(void *user, uint64_t replica, uint64_t contact)
{
	bh_buffer_printf(add_line(user), "contact %lx %lx", replica, contact);
}

static void put_whole(void *user, const struct bh_ledger_state *s)
{
	struct bh_buffer *out = add_line(user);

	bh_buffer_printf(out, "whole %ld-%ld w=%ld,%ld c=%ld,%ld p=%lu,%lu T=%u,%u,%u %x", s->first,
			 s->now, s->window, s->counted, s->watched, s->watched_before, s->captured,
			 s->lost, s->windows, s->unwatched, s->lossy, s->phases);
	for (size_t i = 0; i < BH_UNLEARNED_KINDS; i++)
		bh_buffer_printf(out, " %lu", s->unlearned[i]);
}

static void ignore_gone(void *user, enum bh_ledger_list list, const struct bh_edge *edge)
{
	(void)user;
	(void)list;
	(void)edge;
}

static void ignore_replica(void *user, uint64_t replica)
{
	(void)user;
	(void)replica;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(((const struct bh_buffer *)a)->data, ((const struct bh_buffer *)b)->data);
}

static struct lines describe(struct bh_ledger *l)
{
	struct lines lines = { 0 };
	const struct bh_ledger_news news = {
		put_edge,  ignore_gone,
		put_owner, { ignore_replica, put_walk, put_contact, &lines },
		put_whole, &lines
	};

	bh_ledger_mark_dirty(l);
	bh_ledger_each_news(l, &news);
	qsort(lines.items, lines.count, sizeof(*lines.items), compare_lines);
	return lines;
}

/* --- putting back without a store ------------------------------------------------------------- */

static void restore_edge(void *user, enum bh_ledger_list list, const struct bh_edge *e)
{
	bh_ledger_restore_edge(user, list, e);
}

static void restore_owner(void *user, const struct bh_owner_state *o)
{
	bh_ledger_restore_owner(user, o);
}

static void restore_walk(void *user, const struct bh_walk *w)
{
	bh_scanners_restore_walk(bh_ledger_scanners(user), w);
}

static void restore_contact(void *user, uint64_t replica, uint64_t contact)
{
	bh_scanners_restore_contact(bh_ledger_scanners(user), replica, contact);
}

static void restore_whole(void *user, const struct bh_ledger_state *s)
{
	bh_ledger_restore_whole(user, s);
}

/* As it would be after a restart: nobody is present. Time comes before what is reckoned from it. */
static struct bh_ledger *copy(struct bh_ledger *l)
{
	struct bh_ledger *out = bh_ledger_new(&config);
	struct bh_ledger_news news = {
		restore_edge,  ignore_gone,
		restore_owner, { ignore_replica, restore_walk, restore_contact, out },
		restore_whole, out
	};

	bh_ledger_mark_dirty(l);
	bh_ledger_each_news(l, &news);
	bh_ledger_mark_dirty(l);
	bh_ledger_each_news(l, &news);
	return out;
}

/* --- rounds ----------------------------------------------------------------------------------- */

static void die(const struct bh_error *err)
{
	fprintf(stderr, "killed: %s\n", err->text);
	exit(1);
}

static struct bh_ledger *load(struct bh_store *store)
{
	struct bh_ledger *l = bh_ledger_new(&config);
	struct bh_error err = { 0 };

	if (bh_store_load_ledger(store, l, &err) != 0)
		die(&err);
	return l;
}

static struct bh_store *open_store(const char *path)
{
	struct bh_error err = { 0 };
	struct bh_store *store = bh_store_open(path, &err);

	if (store == NULL)
		die(&err);
	return store;
}

static void save(struct bh_store *store, struct bh_ledger *l)
{
	struct bh_error err = { 0 };

	if (bh_store_begin(store, &err) != 0 || bh_store_save_ledger(store, l, &err) != 0 ||
	    bh_store_commit(store, &err) != 0)
		die(&err);
}

/* Goes on where the one before was killed, until it is; tells `saved` once a second is saved. */
static void learn_on(const char *path, uint64_t seed, int saved)
{
	struct bh_store *store = open_store(path);
	struct bh_ledger *l = load(store);
	int64_t second = bh_ledger_now(l) / SECOND;

	if (second > 0)
		tell_presence(l, second, true);
	for (bool first = true;; first = false) {
		happen(l, seed, ++second);
		save(store, l);
		if (first && write(saved, "", 1) != 1)
			exit(1);
	}
}

/* however_early: not only when it has saved something. */
static void kill_one(const char *path, uint64_t seed, bool however_early, struct dice *d)
{
	const struct timespec pause = { .tv_nsec = 1000000 + throw(d, 60000) * 1000 };
	int saved[2];
	char byte;

	if (pipe(saved) != 0)
		exit(1);
	pid_t child = fork();

	if (child == 0)
		learn_on(path, seed, saved[1]);
	close(saved[1]);
	if (!however_early && read(saved[0], &byte, 1) != 1)
		exit(1);
	nanosleep(&pause, NULL);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(saved[0]);
}

static void compare(int round, struct bh_ledger *undisturbed, struct bh_ledger *found)
{
	struct bh_ledger *restarted = copy(undisturbed);
	struct lines a = describe(restarted), b = describe(found);

	for (size_t i = 0; i < a.count || i < b.count; i++)
		if (i >= a.count || i >= b.count || strcmp(a.items[i].data, b.items[i].data) != 0) {
			fprintf(stderr,
				"killed: round %d, line %zu:\nundisturbed %s\nfound       %s\n",
				round, i, i < a.count ? a.items[i].data : "nothing",
				i < b.count ? b.items[i].data : "nothing");
			exit(1);
		}
	for (size_t i = 0; i < a.count; i++) {
		bh_buffer_free(&a.items[i]);
		bh_buffer_free(&b.items[i]);
	}
	free(a.items);
	free(b.items);
	bh_ledger_free(restarted);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 100;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
	char folder[] = "/tmp/bulkhead-killed-XXXXXX", path[64];
	struct bh_ledger *undisturbed = bh_ledger_new(&config);
	struct dice d = { seed };
	int64_t second = 0;

	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/bulkhead.db", folder);
	bh_store_close(open_store(path));
	for (int round = 1; round <= rounds; round++) {
		bool however_early = round % 4 == 0;

		kill_one(path, seed, however_early, &d);
		struct bh_store *store = open_store(path);
		struct bh_ledger *found = load(store);
		int64_t until = bh_ledger_now(found) / SECOND;
		if (!however_early && until <= second) {
			fprintf(stderr, "killed: round %d: what was saved is not there\n", round);
			exit(1);
		}
		while (second < until)
			happen(undisturbed, seed, ++second);
		compare(round, undisturbed, found);
		bh_ledger_free(found);
		bh_store_close(store);
	}
	printf("seed %lu: killed %d times in %ld seconds of learning; %zu edges, %zu attempts, %zu "
	       "opposed, each as it would be without\n",
	       seed, rounds, second, bh_ledger_count(undisturbed, BH_EDGES),
	       bh_ledger_count(undisturbed, BH_ATTEMPTS), bh_ledger_count(undisturbed, BH_OPPOSED));
	bh_ledger_free(undisturbed);
	unlink(path);
	snprintf(path, sizeof(path), "%s/bulkhead.db-wal", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/bulkhead.db-shm", folder);
	unlink(path);
	rmdir(folder);
	return 0;
}
