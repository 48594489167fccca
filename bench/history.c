/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What it costs to remember who held which address when.
 *
 *   history churn FOLDER        containers that come and go, ten a second, each for two seconds:
 *                               followed without a store, with one, and their rows as plain INSERTs
 *   history questions FOLDER    who held an address, and what starting and trimming take, by how
 *                               many intervals the store has
 *
 * The clock is simulated; each simulated second ends with a transaction, as the daemon's does.
 * FOLDER: where the stores are made, and removed again.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "address.h"
#include "core_fixture.h"
#include "core_history.h"
#include "grow.h"

#define RATE 10 /* a second */
#define LIFE 2	/* seconds */
#define NETWORK 250

struct bench {
	char path[512];
	struct bh_core *core;
	uint64_t come;	    /* so many have */
	uint32_t addresses; /* that are given out in turn */
	int64_t begin;	    /* of the simulated time */
};

static void stop_on(int result, const struct bh_error *err)
{
	if (result == 0)
		return;
	fprintf(stderr, "%s\n", err->text);
	exit(1);
}

static void remove_store(const struct bench *b)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char path[600];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", b->path, suffixes[i]);
		unlink(path);
	}
}

static double megabytes(const char *path)
{
	struct stat info = { 0 };

	stat(path, &info);
	return (double)info.st_size / 1e6;
}

static void open_store(struct bench *b)
{
	struct bh_error err = { 0 };

	bh_store_close(b->core->store);
	b->core->store = bh_store_open(b->path, &err);
	stop_on(b->core->store == NULL, &err);
}

/* A core that remembers, or (store false) one that only follows. */
static void begin(struct bench *b, bool store, uint64_t intervals, uint32_t addresses)
{
	struct bh_error err = { 0 };

	remove_store(b);
	b->core = core_fixture_new(600 * BH_SECOND);
	b->core->config.max_history = 10000000;
	b->core->started = bh_time_now();
	b->come = 0;
	b->addresses = addresses;
	b->begin = bh_time_now() - (int64_t)(intervals / RATE + LIFE) * BH_SECOND;
	if (!store)
		return;
	open_store(b);
	stop_on(bh_core_history_load(b->core, &err), &err); /* what there is: the boot's name */
}

static void finish(struct bench *b)
{
	core_fixture_free(b->core);
	remove_store(b);
}

static struct bh_addr address_of(const struct bench *b, uint64_t number)
{
	uint64_t at = number % b->addresses;

	return (struct bh_addr) { .family = BH_IPV4,
				  .bytes = { 10, 90, (uint8_t)(at / NETWORK),
					     (uint8_t)(at % NETWORK + 1) } };
}

static void container_id(uint64_t number, char id[BH_CONTAINER_ID])
{
	snprintf(id, BH_CONTAINER_ID, "%064llx", (unsigned long long)number);
}

static void come(struct bench *b, int64_t now)
{
	struct bh_container *c = bh_container_new();
	uint64_t number = b->come++;
	struct bh_endpoint_fact fact;

	memset(&fact, 0, sizeof(fact));
	fact.ifindex = (uint32_t)number + 1000;
	fact.master_ifindex = 100;
	fact.netns_inode = number + 4026531840;
	fact.since = now;
	fact.runtime = c->runtime = BH_RUNTIME_DOCKER;
	container_id(number, fact.container_id);
	container_id(number, c->id);
	snprintf(fact.ifname, sizeof(fact.ifname), "veth%07llx", (unsigned long long)number);
	strcpy(fact.l3_ifname, "br-0123456789ab");
	fact.addrs[fact.addr_count++] = address_of(b, number);
	snprintf(c->name, sizeof(c->name), "shop-job-%llu", (unsigned long long)number);
	bh_container_add_label(c, "com.docker.compose.project", "shop");
	bh_container_add_label(c, "com.docker.compose.service", "job");
	bh_model_container(b->core->model, c, now);
	bh_model_endpoint(b->core->model, &fact, now);
	bh_container_free(c);
}

static void go(struct bench *b, uint64_t number, int64_t now)
{
	char id[BH_CONTAINER_ID];

	container_id(number, id);
	bh_model_endpoint_gone(b->core->model, (uint32_t)number + 1000, now);
	bh_model_container_gone(b->core->model, BH_RUNTIME_DOCKER, id, now);
}

static void ignore(void *user, const struct bh_instance *instance)
{
	(void)user;
	(void)instance;
}

/* A simulated second. */
static void second(struct bench *b, bool store)
{
	int64_t now = b->begin + (int64_t)(b->come / RATE) * BH_SECOND;
	struct bh_error err = { 0 };

	for (int i = 0; i < RATE; i++) {
		if (b->come >= RATE * LIFE)
			go(b, b->come - RATE * LIFE, now);
		come(b, now);
	}
	if (!store) {
		bh_model_each_dirty(b->core->model, ignore, NULL);
		return;
	}
	stop_on(bh_core_history_save(b->core, &err), &err);
	stop_on(bh_core_store_flush(b->core, &err), &err);
}

static void run_seconds(struct bench *b, bool store, uint64_t count)
{
	while (count-- > 0)
		second(b, store);
}

/* --- churn ------------------------------------------------------------------------------------ */

static void execute(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK)
		return;
	fprintf(stderr, "%s\n", sqlite3_errmsg(db));
	exit(1);
}

/* The least that SQLite takes for as many rows of that length, in as many transactions. */
static int64_t insert_plainly(const struct bench *b, uint64_t rows, int length, double *size)
{
	sqlite3_stmt *insert = NULL;
	char *text = bh_calloc(1, (size_t)length + 1);
	sqlite3 *db = NULL;

	memset(text, 'x', (size_t)length);
	remove_store(b);
	if (sqlite3_open(b->path, &db) != SQLITE_OK)
		exit(1);
	execute(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
		    "CREATE TABLE rows (number INTEGER PRIMARY KEY, text TEXT NOT NULL)");
	sqlite3_prepare_v2(db, "INSERT INTO rows (text) VALUES (?)", -1, &insert, NULL);
	int64_t before = bh_time_spent();
	for (uint64_t row = 0; row < rows; row++) {
		if (row % RATE == 0)
			execute(db, "BEGIN IMMEDIATE");
		sqlite3_bind_text(insert, 1, text, length, SQLITE_STATIC);
		if (sqlite3_step(insert) != SQLITE_DONE)
			exit(1);
		sqlite3_reset(insert);
		if (row % RATE == RATE - 1)
			execute(db, "COMMIT");
	}
	int64_t spent = bh_time_spent() - before;
	sqlite3_finalize(insert);
	sqlite3_close(db);
	*size = megabytes(b->path);
	remove_store(b);
	free(text);
	return spent;
}

static int average_length(const struct bench *b)
{
	sqlite3_stmt *query = NULL;
	sqlite3 *db = NULL;
	int length = 0;

	if (sqlite3_open(b->path, &db) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, "SELECT avg(length(text)) FROM instances", -1, &query, NULL) ==
		    SQLITE_OK &&
	    sqlite3_step(query) == SQLITE_ROW)
		length = sqlite3_column_int(query, 0);
	sqlite3_finalize(query);
	sqlite3_close(db);
	return length;
}

static int64_t follow(struct bench *b, bool store, uint64_t count)
{
	begin(b, store, count, NETWORK);
	int64_t before = bh_time_spent();
	run_seconds(b, store, count / RATE);
	return bh_time_spent() - before;
}

static void print_cost(const char *what, int64_t spent, double size, double plain_spent,
		       double plain_size, uint64_t count)
{
	printf("| %s | %.1f | %.1f | %.0f | %.1f |\n", what, (double)spent / (double)count,
	       (double)spent / plain_spent, size * 1e6 / (double)count, size / plain_size);
}

static void churn(struct bench *b)
{
	const uint64_t count = 20000;
	double size, plain_size;

	int64_t without = follow(b, false, count);
	finish(b);
	int64_t with = follow(b, true, count);
	bh_store_close(b->core->store);
	b->core->store = NULL;
	size = megabytes(b->path);
	int length = average_length(b);
	finish(b);
	int64_t plain = insert_plainly(b, count, length, &plain_size);
	printf("%llu containers, %d a second, for %d s each; rows of %d bytes\n\n",
	       (unsigned long long)count, RATE, LIFE, length);
	printf("| for each | processor time, µs | × plain | bytes | × plain |\n"
	       "|---|---|---|---|---|\n");
	print_cost("a plain INSERT of its row", plain, plain_size, (double)plain, plain_size,
		   count);
	print_cost("following it, and no history", without, 0, (double)plain, plain_size, count);
	print_cost("what history adds", with - without, size, (double)plain, plain_size, count);
}

/* --- questions -------------------------------------------------------------------------------- */

/* µs of processor time for one, on average. ever: no time is named. */
static double ask(struct bench *b, bool ever)
{
	const uint64_t questions = ever ? 20 : 200;
	struct bh_error err = { 0 };
	size_t rows = 0;

	srandom(1);
	int64_t before = bh_time_spent();
	for (uint64_t i = 0; i < questions; i++) {
		uint64_t number = (uint64_t)random() % b->come;
		struct bh_addr addr = address_of(b, number);
		int64_t at = b->begin + (int64_t)(number / RATE) * BH_SECOND + BH_SECOND / 2;
		cJSON *answer = cJSON_CreateArray();

		stop_on(bh_core_who(b->core, &addr, ever ? 0 : at, answer, &err), &err);
		rows += (size_t)cJSON_GetArraySize(answer);
		cJSON_Delete(answer);
	}
	int64_t spent = bh_time_spent() - before;
	if (rows < questions) {
		fprintf(stderr, "%zu answers to %llu questions\n", rows,
			(unsigned long long)questions);
		exit(1);
	}
	return (double)spent / (double)questions;
}

/* Forgets so many; ms of wall clock, as the loop stands still for it. */
static double trim(struct bench *b, uint64_t intervals, size_t most)
{
	struct bh_error err = { 0 };
	size_t count;
	int64_t before = bh_time_monotonic();

	stop_on(bh_store_begin(b->core->store, &err), &err);
	stop_on(bh_store_trim_instances(b->core->store, 1, most == 0 ? (int64_t)intervals : 0, most,
					&count, &err),
		&err);
	stop_on(bh_store_commit(b->core->store, &err), &err);
	return (double)(bh_time_monotonic() - before) / 1000;
}

struct figures {
	double ask_at, ask_ever, open, load, trim_none, trim_most;
};

static void measure(struct bench *b, uint64_t intervals, uint32_t addresses, struct figures *f)
{
	struct bh_error err = { 0 };

	begin(b, true, intervals, addresses);
	run_seconds(b, true, intervals / RATE);
	f->ask_at = ask(b, false);
	f->ask_ever = ask(b, true);
	stop_on(bh_core_store_flush(b->core, &err), &err);
	core_fixture_free(b->core);

	b->core = core_fixture_new(600 * BH_SECOND);
	b->core->started = bh_time_now();
	int64_t before = bh_time_monotonic();
	open_store(b);
	f->open = (double)(bh_time_monotonic() - before) / 1000;
	before = bh_time_monotonic();
	stop_on(bh_core_history_load(b->core, &err), &err);
	f->load = (double)(bh_time_monotonic() - before) / 1000;

	f->trim_none = trim(b, intervals, 0);
	f->trim_most = trim(b, intervals, 1000);
	finish(b);
}

static void print_figures(uint64_t intervals, const struct figures *f, const struct figures *first)
{
	printf("| %llu | %.0f (%.1f) | %.0f (%.1f) | %.1f | %.1f | %.1f | %.1f |\n",
	       (unsigned long long)intervals, f->ask_at, f->ask_at / first->ask_at, f->ask_ever,
	       f->ask_ever / first->ask_ever, f->open, f->load, f->trim_none, f->trim_most);
	fflush(stdout);
}

static void questions(struct bench *b, uint32_t addresses)
{
	static const uint64_t sizes[] = { 100, 10000, 100000 };
	struct figures first, f;

	printf("\n%u address%s in turn\n\n", addresses, addresses > 1 ? "es" : "");
	printf("| intervals | who at a time, µs (×) | who ever, µs (×) | open, ms | load, ms |"
	       " trim nothing, ms | trim 1,000, ms |\n"
	       "|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		measure(b, sizes[i], addresses, &f);
		first = i == 0 ? f : first;
		print_figures(sizes[i], &f, &first);
	}
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };

	if (argc != 3 || (strcmp(argv[1], "churn") != 0 && strcmp(argv[1], "questions") != 0)) {
		fputs("usage: history churn|questions FOLDER\n", stderr);
		return 2;
	}
	snprintf(b.path, sizeof(b.path), "%s/history-%d.db", argv[2], (int)getpid());
	if (strcmp(argv[1], "churn") == 0) {
		churn(&b);
		return 0;
	}
	questions(&b, NETWORK);
	questions(&b, 1);
	return 0;
}
