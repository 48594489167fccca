/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../learn/contact.h"
#include "buffer.h"
#include "grow.h"
#include "store.h"
#include "timefmt.h"

/* --- a folder of its own for each test ------------------------------------------------------- */

static char folder[64], path[128];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/bulkhead-store-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/store.db", folder);
	return 0;
}

static void remove_stores(void)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	char name[160];

	for (size_t i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
}

static int remove_folder(void **state)
{
	(void)state;
	remove_stores();
	return rmdir(folder);
}

static struct bh_store *open_store(void)
{
	struct bh_error err = { 0 };
	struct bh_store *store = bh_store_open(path, &err);

	if (store == NULL)
		fail_msg("%s", err.text);
	return store;
}

static void assert_refused(int code, const char *words)
{
	struct bh_error err = { 0 };
	struct bh_store *store = bh_store_open(path, &err);

	if (store != NULL || err.code != code || strstr(err.text, words) == NULL ||
	    strncmp(err.text, path, strlen(path)) != 0)
		fail_msg("%s: %d %s; expected %d %s", store != NULL ? "opened" : "refused",
			 err.code, err.text, code, words);
	assert_null(bh_store_open(path, NULL));
}

static struct bh_buffer read_bytes(void)
{
	struct bh_buffer bytes = { 0 };
	char block[4096];
	size_t count;
	FILE *file = fopen(path, "rbe");

	assert_non_null(file);
	while ((count = fread(block, 1, sizeof(block), file)) > 0)
		bh_buffer_append(&bytes, block, count);
	fclose(file);
	return bytes;
}

static void write_bytes(const void *bytes, size_t length)
{
	FILE *file = fopen(path, "wbe");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

/* By SQLite itself, as another program would. */
static void execute(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* Runs in a process of its own; answers what it returned, or minus the signal that ended it. */
static int in_child(int (*run)(void))
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(run());
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* --- what outlives a restart ----------------------------------------------------------------- */

/* Good for as many more as a test makes. */
static struct bh_peer *make_peer(uint8_t kind, const char *name)
{
	static struct bh_peer peers[8192];
	static size_t count;
	struct bh_peer *peer = &peers[count++ % 8192];

	memset(peer, 0, sizeof(*peer));
	peer->kind = kind;
	snprintf(peer->name, sizeof(peer->name), "%s", name);
	return peer;
}

static struct bh_edge make_edge(unsigned number)
{
	struct bh_edge edge;
	char name[16];

	snprintf(name, sizeof(name), "web-%u", number);
	memset(&edge, 0, sizeof(edge));
	edge = (struct bh_edge) { .src = make_peer(BH_PEER_WORKLOAD, name),
				  .dst = make_peer(BH_PEER_ADDRESS, "192.0.2.1"),
				  .proto = IPPROTO_TCP,
				  .port = 443,
				  .first = 100,
				  .last = 200,
				  .connections = 3,
				  .answered = 2,
				  .bytes = 1000,
				  .replicas = 5,
				  .windows = 1,
				  .last_window = -4,
				  .hours = 2,
				  .last_hour = -90 };
	return edge;
}

struct edges {
	struct bh_edge items[600];
	size_t count;
};

static void take_edge(void *user, const struct bh_edge *edge)
{
	struct edges *edges = user;

	assert_true(edges->count < 600);
	edges->items[edges->count] = *edge;
	edges->items[edges->count].src = make_peer(edge->src->kind, edge->src->name);
	edges->items[edges->count++].dst = make_peer(edge->dst->kind, edge->dst->name);
}

static struct bh_ledger *new_ledger(void)
{
	static const struct bh_ledger_config config = { .window = 86400 * INT64_C(1000000),
							.max_edges = 1000,
							.max_attempts = 1000,
							.max_opposed = 1000,
							.max_contacts = 1000,
							.watched = true,
							.saved = true };

	return bh_ledger_new(&config);
}

/* As the only one of its ledger. */
static int save_edge(struct bh_store *store, const struct bh_edge *edge, struct bh_error *err)
{
	struct bh_ledger *ledger = new_ledger();

	bh_ledger_restore_edge(ledger, BH_EDGES, edge);
	bh_ledger_mark_dirty(ledger);
	int result = bh_store_save_ledger(store, ledger, err);
	bh_ledger_free(ledger);
	return result;
}

static int load_edges(struct bh_store *store, struct edges *edges, struct bh_error *err)
{
	struct bh_ledger *ledger = new_ledger();
	int result = bh_store_load_ledger(store, ledger, err);

	edges->count = 0;
	bh_ledger_each(ledger, BH_EDGES, take_edge, edges);
	bh_ledger_free(ledger);
	return result;
}

static void assert_same_edge(const struct bh_edge *a, const struct bh_edge *b)
{
	assert_int_equal(a->src->kind, b->src->kind);
	assert_string_equal(a->src->name, b->src->name);
	assert_int_equal(a->dst->kind, b->dst->kind);
	assert_string_equal(a->dst->name, b->dst->name);
	assert_int_equal(a->proto, b->proto);
	assert_int_equal(a->port, b->port);
	assert_true(a->first == b->first && a->last == b->last);
	assert_true(a->connections == b->connections && a->answered == b->answered);
	assert_true(a->bytes == b->bytes && a->replicas == b->replicas);
	assert_true(a->windows == b->windows && a->last_window == b->last_window);
	assert_true(a->gap == b->gap && a->longest_gap == b->longest_gap &&
		    a->even_gaps == b->even_gaps);
	assert_true(a->hours == b->hours && a->last_hour == b->last_hour);
	assert_int_equal(a->held, b->held);
	assert_int_equal(a->lossy, b->lossy);
	assert_int_equal(a->heard, b->heard);
	assert_int_equal(a->shared_hours, b->shared_hours);
}

static void edges_survive_to_the_last_bit(void **state)
{
	struct bh_store *store = open_store();
	struct bh_edge plain = make_edge(1), extreme = make_edge(2), ends = make_edge(1);
	static struct edges edges;

	(void)state;
	extreme.proto = 255;
	extreme.port = 65535;
	extreme.first = INT64_MIN;
	extreme.last = INT64_MAX;
	extreme.connections = extreme.answered = extreme.bytes = extreme.replicas = UINT64_MAX;
	extreme.windows = extreme.hours = extreme.gap = extreme.longest_gap = extreme.shared_hours =
		UINT16_MAX;
	extreme.even_gaps = UINT8_MAX;
	extreme.last_hour = INT64_MIN;
	extreme.last_window = INT64_MIN / 24 - 1; /* rounded down */
	extreme.held = extreme.lossy = extreme.heard = true;
	struct bh_peer *longest = make_peer(BH_PEER_WORKLOAD, "");
	memset(longest->name, 'n', sizeof(longest->name) - 1);
	extreme.src = longest;
	/* Of the same names, but another kind of peer: another edge. */
	ends.dst = make_peer(BH_PEER_DEPARTED, ends.dst->name);
	assert_int_equal(save_edge(store, &plain, NULL), 0);
	assert_int_equal(save_edge(store, &extreme, NULL), 0);
	assert_int_equal(save_edge(store, &ends, NULL), 0);
	/* Saved again, it is replaced. */
	plain.connections = 4;
	assert_int_equal(save_edge(store, &plain, NULL), 0);
	bh_store_close(store);

	store = open_store();
	assert_int_equal(load_edges(store, &edges, NULL), 0);
	assert_int_equal(edges.count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct bh_edge *e = &edges.items[i];

		assert_same_edge(e, e->proto == 255		       ? &extreme
				    : e->dst->kind == BH_PEER_DEPARTED ? &ends
								       : &plain);
	}
	bh_store_close(store);
	bh_store_close(NULL);
}

static struct bh_ledger *ledger_of(int64_t window)
{
	const struct bh_ledger_config config = { .window = window,
						 .max_edges = 1000,
						 .max_contacts = 1000,
						 .watched = true,
						 .saved = true };

	return bh_ledger_new(&config);
}

/* In a ledger whose windows are that long. */
static struct bh_ledger *reload(int64_t window)
{
	struct bh_store *store = open_store();
	struct bh_ledger *ledger = ledger_of(window);

	assert_int_equal(bh_store_load_ledger(store, ledger, NULL), 0);
	bh_store_close(store);
	return ledger;
}

static struct bh_baseline baseline_of(const struct bh_ledger *ledger, const struct bh_peer *who)
{
	struct bh_baseline b;

	assert_true(bh_ledger_baseline(ledger, who, &b));
	return b;
}

/* Five windows: but for the first and the current one they were watched. */
static void fill(struct bh_ledger *ledger, const struct bh_peer *web, const struct bh_peer *db)
{
	bh_ledger_watch(ledger, 0, 0);
	bh_ledger_present(ledger, web, 1);
	for (int64_t now = 0; now <= 4000; now += 500) {
		const struct bh_contact c = contact_of(web, db, 80, now);

		bh_ledger_observe(ledger, &c);
		bh_ledger_watch(ledger, now, now > 0 ? 500 : 0);
	}
}

static void windows_of_another_length_are_counted_anew(void **state)
{
	struct bh_store *store = open_store();
	struct bh_ledger *ledger = ledger_of(1000);
	struct bh_edge like = { .src = make_peer(BH_PEER_WORKLOAD, "web"),
				.dst = make_peer(BH_PEER_WORKLOAD, "db"),
				.proto = IPPROTO_TCP,
				.port = 80 },
		       e;

	(void)state;
	fill(ledger, like.src, like.dst);
	bh_ledger_packets(ledger, 10, 10);
	bh_ledger_watch(ledger, 5000, 500);
	bh_ledger_watch(ledger, 7000, 0);
	struct bh_uncounted uncounted = bh_ledger_uncounted(ledger);
	assert_int_equal(uncounted.unwatched, 2);
	assert_int_equal(uncounted.lossy, 1);
	assert_int_equal(bh_store_save_ledger(store, ledger, NULL), 0);
	bh_store_close(store);
	bh_ledger_free(ledger);

	ledger = reload(1000);
	assert_memory_equal(&(struct bh_uncounted[]) { bh_ledger_uncounted(ledger) }, &uncounted,
			    sizeof(uncounted));
	assert_false(bh_ledger_counts_anew(ledger));
	assert_int_equal(bh_ledger_windows(ledger), 3);
	assert_int_equal(baseline_of(ledger, like.src).windows, 3);
	assert_int_equal(baseline_of(ledger, like.src).lately, 7 << 3);
	assert_true(bh_ledger_find(ledger, BH_EDGES, &like, &e));
	assert_int_equal(e.windows, 5);
	bh_ledger_free(ledger);

	ledger = reload(24000);
	assert_true(bh_ledger_counts_anew(ledger));
	assert_int_equal(bh_ledger_windows(ledger), 0);
	assert_int_equal(bh_ledger_phases(ledger), 0);
	struct bh_baseline b = baseline_of(ledger, like.src);
	assert_int_equal(b.windows, 0);
	assert_int_equal(b.phases, 0);
	assert_int_equal(b.lately, 0);
	assert_true(bh_ledger_find(ledger, BH_EDGES, &like, &e));
	assert_int_equal(e.windows, 1);
	assert_int_equal(e.last_hour, 4);
	/* And they are, from the next one on; saved, it is known. */
	bh_ledger_present(ledger, like.src, 1);
	bh_ledger_watch(ledger, 24000, 20000);
	bh_ledger_watch(ledger, 48000, 24000);
	assert_int_equal(bh_ledger_windows(ledger), 1);
	assert_int_equal(baseline_of(ledger, like.src).windows, 1);
	store = open_store();
	bh_ledger_mark_dirty(ledger);
	assert_int_equal(bh_store_save_ledger(store, ledger, NULL), 0);
	bh_store_close(store);
	bh_ledger_free(ledger);
	ledger = reload(24000);
	assert_false(bh_ledger_counts_anew(ledger));
	assert_int_equal(bh_ledger_windows(ledger), 1);
	bh_ledger_free(ledger);
}

/* Kinds are indices into tables: one that a later version wrote must not get so far. */
static void edges_of_unknown_kind_are_left_out(void **state)
{
	struct bh_store *store = open_store();
	struct bh_edge edge = make_edge(1);
	static struct edges edges;

	(void)state;
	assert_int_equal(save_edge(store, &edge, NULL), 0);
	bh_store_close(store);
	execute("INSERT INTO ledger SELECT list, 99, 'x', dst_kind, dst, proto, port, first, last,"
		" connections, answered, bytes, replicas, windows, hours, last_hour, gap,"
		" longest_gap, even_gaps, held, lossy, heard, shared_hours FROM ledger");
	execute("INSERT INTO ledger SELECT list, src_kind, 'y', 355, dst, proto, port, first, last,"
		" connections, answered, bytes, replicas, windows, hours, last_hour, gap,"
		" longest_gap, even_gaps, held, lossy, heard, shared_hours FROM ledger WHERE src = "
		"'web-1'");
	execute("INSERT INTO ledger SELECT 7, src_kind, src, dst_kind, dst, proto, port, first, "
		"last,"
		" connections, answered, bytes, replicas, windows, hours, last_hour, gap,"
		" longest_gap, even_gaps, held, lossy, heard, shared_hours FROM ledger WHERE src = "
		"'web-1'");
	store = open_store();
	assert_int_equal(load_edges(store, &edges, NULL), 0);
	assert_int_equal(edges.count, 1);
	assert_same_edge(&edges.items[0], &edge);
	bh_store_close(store);
}

struct numbers {
	int64_t items[2000];
	size_t count;
};

static void take_revision(void *user, const struct bh_revision *revision)
{
	struct numbers *numbers = user;

	assert_non_null(revision->text);
	numbers->items[numbers->count++] = revision->number;
}

static void add_revision(struct bh_store *store, int64_t number, const char *text)
{
	struct bh_revision revision = { .number = number,
					.time = 1000 * number,
					.author = "uid 1000",
					.why = "because \xe2\x82\xac",
					.text = text };
	struct bh_error err = { 0 };

	memset(revision.revision, 'a', 64);
	if (bh_store_add_revision(store, &revision, &err) != 0)
		fail_msg("%s", err.text);
}

static void revisions_survive_and_the_newest_is_active(void **state)
{
	struct bh_store *store = open_store();
	struct bh_revision found = { 0 };
	struct bh_error err = { 0 };
	struct numbers numbers = { 0 };
	char *large = bh_calloc(1, 300001);

	(void)state;
	assert_int_equal(bh_store_revision(store, 0, &found, &err), -ENOENT);
	memset(large, 'x', 300000);
	add_revision(store, 1, "# a comment\nbulkhead-policy: 1\n");
	add_revision(store, 2, "");
	add_revision(store, 3, large);
	bh_store_close(store);

	store = open_store();
	assert_int_equal(bh_store_revision(store, 0, &found, &err), 0);
	assert_int_equal(found.number, 3);
	assert_string_equal(found.text, large);
	free((char *)found.text);
	assert_int_equal(bh_store_revision(store, 1, &found, &err), 0);
	assert_string_equal(found.text, "# a comment\nbulkhead-policy: 1\n");
	assert_string_equal(found.author, "uid 1000");
	assert_string_equal(found.why, "because \xe2\x82\xac");
	assert_int_equal(found.time, 1000);
	assert_int_equal(strlen(found.revision), 64);
	free((char *)found.text);
	assert_int_equal(bh_store_revision(store, 4, &found, &err), -ENOENT);
	assert_int_equal(bh_store_revision(store, -1, &found, &err), -ENOENT);
	/* Newest first, no more than asked for. */
	assert_int_equal(bh_store_revisions(store, 2, take_revision, &numbers, &err), 0);
	assert_int_equal(numbers.count, 2);
	assert_int_equal(numbers.items[0], 3);
	assert_int_equal(numbers.items[1], 2);
	/* What was applied is not rewritten. */
	struct bh_revision again = { .number = 1, .text = "other" };
	assert_true(bh_store_add_revision(store, &again, &err) < 0);
	assert_int_equal(bh_store_revision(store, 1, &found, &err), 0);
	assert_string_equal(found.text, "# a comment\nbulkhead-policy: 1\n");
	free((char *)found.text);
	bh_store_close(store);
	free(large);
}

static void take_mode(void *user, const char *workload, uint8_t mode, int64_t time)
{
	(void)time;
	bh_buffer_printf(user, "%s=%u ", workload, mode);
}

static void take_container(void *user, const char *id, const char *text)
{
	bh_buffer_printf(user, "%s=%s ", id, text);
}

static void modes_and_containers_survive(void **state)
{
	struct bh_store *store = open_store();
	struct bh_buffer modes = { 0 }, containers = { 0 };

	(void)state;
	assert_int_equal(bh_store_set_mode(store, "web", BH_AUDIT, 1, "root", NULL), 0);
	assert_int_equal(bh_store_set_mode(store, "api", BH_LEARN, 2, "root", NULL), 0);
	assert_int_equal(bh_store_set_mode(store, "web", BH_ENFORCE, 3, "root", NULL), 0);
	assert_int_equal(bh_store_save_container(store, "c1", "one", NULL), 0);
	assert_int_equal(bh_store_save_container(store, "c2", "two", NULL), 0);
	assert_int_equal(bh_store_save_container(store, "c2", "deux", NULL), 0);
	assert_int_equal(bh_store_drop_container(store, "c1", NULL), 0);
	assert_int_equal(bh_store_drop_container(store, "c3", NULL), 0);
	bh_store_close(store);
	/* A mode that this version does not know is none. */
	execute("INSERT INTO modes VALUES ('strange', 9, 0, ''), ('stranger', 258, 0, '')");
	store = open_store();
	assert_int_equal(bh_store_load_modes(store, take_mode, &modes, NULL), 0);
	assert_string_equal(modes.data, "api=0 web=3 ");
	assert_int_equal(bh_store_load_containers(store, take_container, &containers, NULL), 0);
	assert_string_equal(containers.data, "c2=deux ");
	bh_buffer_free(&modes);
	bh_buffer_free(&containers);
	bh_store_close(store);
}

/* --- instances -------------------------------------------------------------------------------- */

static void take_instance(void *user, const struct bh_stored_instance *i)
{
	bh_buffer_printf(user, "%s/%u %d-%d %s;", i->boot, i->ifindex, (int)i->since, (int)i->until,
			 i->text);
}

static void save_instance(struct bh_store *store, uint32_t ifindex, int64_t since, int64_t until,
			  const char *text, const char *addr)
{
	const struct bh_stored_instance instance = { "boot", ifindex, since, until, text };
	struct bh_error err = { 0 };

	if (bh_store_save_instance(store, &instance, &addr, 1, &err) != 0)
		fail_msg("%s", err.text);
}

static void assert_holders(struct bh_store *store, const char *addr, int64_t at, size_t most,
			   const char *expected)
{
	struct bh_buffer found = { 0 };

	bh_buffer_puts(&found, "");
	assert_int_equal(bh_store_holders(store, addr, at, most, take_instance, &found, NULL), 0);
	assert_string_equal(found.data, expected);
	bh_buffer_free(&found);
}

static void assert_loaded(struct bh_store *store, int64_t oldest, const char *expected)
{
	struct bh_buffer found = { 0 };

	bh_buffer_puts(&found, "");
	assert_int_equal(
		bh_store_load_instances(store, "boot", oldest, take_instance, &found, NULL), 0);
	assert_string_equal(found.data, expected);
	bh_buffer_free(&found);
}

static void who_held_an_address_survives(void **state)
{
	struct bh_store *store = open_store();
	const char *const both[] = { "10.0.0.2", "10.0.0.3" };
	const struct bh_stored_instance other = { "other", 7, 400, 0, "d" };

	(void)state;
	save_instance(store, 7, 100, 0, "a", "10.0.0.2");
	save_instance(store, 8, 200, 0, "b", "10.0.0.2");
	save_instance(store, 7, 100, 200, "a2", "10.0.0.2"); /* the same one, as it is now */
	save_instance(store, 9, 300, 350, "c", "10.0.0.9");
	assert_int_equal(bh_store_save_instance(store, &other, both, 2, NULL), 0);
	assert_int_equal(bh_store_save_instance(store, &other, both, 2, NULL), 0);
	bh_store_close(store);
	store = open_store();
	assert_holders(store, "10.0.0.2", 0, 9,
		       "boot/7 100-200 a2;boot/8 200-0 b;other/7 400-0 d;");
	assert_holders(store, "10.0.0.2", 0, 1, "other/7 400-0 d;");
	assert_holders(store, "10.0.0.2", 199, 9, "boot/7 100-200 a2;");
	assert_holders(store, "10.0.0.2", 200, 9, "boot/8 200-0 b;");
	assert_holders(store, "10.0.0.2", 99, 9, "");
	assert_holders(store, "10.0.0.7", 0, 9, "");
	assert_loaded(store, 300, "boot/8 200-0 b;boot/9 300-350 c;");
	assert_loaded(store, 351, "boot/8 200-0 b;");
	assert_int_equal(bh_store_close_instances(store, "boot", 390, NULL), 0);
	assert_holders(store, "10.0.0.3", 0, 9, "other/7 400-400 d;");
	assert_loaded(store, 351, "boot/8 200-0 b;");
	bh_store_close(store);
}

/* By age and by number; those that are there stay. */
static void instances_are_bounded(void **state)
{
	struct bh_store *store = open_store();
	char addr[16];
	size_t count;

	(void)state;
	save_instance(store, 1, 1, 0, "old", "10.0.0.1");
	for (int i = 2; i <= 6; i++) {
		snprintf(addr, sizeof(addr), "10.0.0.%d", i);
		save_instance(store, (uint32_t)i, i, i + 10, "x", addr);
	}
	assert_int_equal(bh_store_save_watched(store, 1, 5, NULL), 0);
	assert_int_equal(bh_store_save_watched(store, 8, 20, NULL), 0);
	assert_int_equal(bh_store_trim_instances(store, 13, 100, 9, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_loaded(store, 0,
		      "boot/1 1-0 old;boot/3 3-13 x;boot/4 4-14 x;boot/5 5-15 x;boot/6 6-16 x;");
	assert_holders(store, "10.0.0.2", 0, 9, "");
	/* So many at a time. */
	assert_int_equal(bh_store_trim_instances(store, 0, 2, 1, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_loaded(store, 0, "boot/1 1-0 old;boot/4 4-14 x;boot/5 5-15 x;boot/6 6-16 x;");
	assert_int_equal(bh_store_trim_instances(store, 0, 2, 2, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_loaded(store, 0, "boot/1 1-0 old;boot/5 5-15 x;boot/6 6-16 x;");
	assert_holders(store, "10.0.0.5", 0, 9, "boot/5 5-15 x;");
	int64_t since, until;
	assert_int_equal(bh_store_watched(store, 3, &since, &until, NULL), 0);
	assert_int_equal(until, 0); /* its watch is forgotten, too */
	bh_store_close(store);
	execute("CREATE TABLE count AS SELECT count(*) AS n FROM holders");
	execute("UPDATE count SET n = 1 / (n = 3)"); /* NULL where it is not */
	execute("CREATE TABLE is_three (n NOT NULL); INSERT INTO is_three SELECT n FROM count");
}

static void watches_and_renamings_survive(void **state)
{
	struct bh_store *store = open_store();
	struct bh_buffer names = { 0 };
	int64_t since = 1, until = 1;

	(void)state;
	assert_int_equal(bh_store_watched(store, 0, &since, &until, NULL), 0);
	assert_true(since == 0 && until == 0);
	assert_int_equal(bh_store_save_watched(store, 100, 150, NULL), 0);
	assert_int_equal(bh_store_save_watched(store, 100, 200, NULL), 0);
	assert_int_equal(bh_store_save_watched(store, 300, 400, NULL), 0);
	assert_int_equal(bh_store_save_renamed(store, "web", "app", NULL), 0);
	assert_int_equal(bh_store_save_renamed(store, "web", "front", NULL), 0);
	assert_int_equal(bh_store_save_renamed(store, "db", "store", NULL), 0);
	assert_int_equal(bh_store_drop_renamed(store, "db", NULL), 0);
	assert_int_equal(bh_store_save_kept(store, "web", "{}", NULL), 0);
	assert_int_equal(bh_store_save_kept(store, "web", "{1}", NULL), 0);
	bh_store_close(store);
	store = open_store();
	assert_int_equal(bh_store_watched(store, 0, &since, &until, NULL), 0);
	assert_true(since == 300 && until == 400);
	assert_int_equal(bh_store_watched(store, 200, &since, &until, NULL), 0);
	assert_true(since == 100 && until == 200);
	assert_int_equal(bh_store_watched(store, 250, &since, &until, NULL), 0);
	assert_true(since == 0 && until == 0);
	assert_int_equal(bh_store_load_renamed(store, take_container, &names, NULL), 0);
	assert_int_equal(bh_store_load_kept(store, take_container, &names, NULL), 0);
	assert_string_equal(names.data, "web=front web={1} ");
	bh_buffer_free(&names);
	bh_store_close(store);
}

/* --- events ---------------------------------------------------------------------------------- */

static void take_event(void *user, int64_t number, const char *json)
{
	struct numbers *numbers = user;

	assert_true(numbers->count < 2000);
	assert_int_equal(strtoll(json, NULL, 10), number);
	numbers->items[numbers->count++] = number;
}

/* The numbers from…to, and nothing else, in order; after and most as in bh_store_events(). */
static void assert_events(struct bh_store *store, int64_t after, size_t most, int64_t from,
			  int64_t to)
{
	static struct numbers numbers;
	struct bh_error err = { 0 };

	numbers.count = 0;
	if (bh_store_events(store, after, most, take_event, &numbers, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(numbers.count, to - from + 1);
	for (size_t i = 0; i < numbers.count; i++)
		assert_int_equal(numbers.items[i], from + (int64_t)i);
}

static void add_events(struct bh_store *store, int64_t from, int64_t to)
{
	for (int64_t expected = from; expected <= to; expected++) {
		char json[32];
		int64_t number = 0;

		snprintf(json, sizeof(json), "%d", (int)expected);
		assert_int_equal(bh_store_add_event(store, 5, "kind", json, &number, NULL), 0);
		assert_int_equal(number, expected);
	}
}

static void events_are_numbered_and_bounded(void **state)
{
	struct bh_store *store = open_store();

	(void)state;
	assert_events(store, -1, 10, 1, 0);
	assert_int_equal(bh_store_trim_events(store, 10, NULL), 0);
	add_events(store, 1, 30);
	assert_events(store, 0, 100, 1, 30);
	assert_events(store, 0, 7, 1, 7);
	assert_events(store, 20, 7, 21, 27);
	assert_events(store, 30, 7, 1, 0);
	assert_events(store, -1, 7, 24, 30);
	assert_events(store, -1, 100, 1, 30);
	assert_int_equal(bh_store_trim_events(store, 10, NULL), 0);
	assert_events(store, 0, 100, 21, 30);
	assert_int_equal(bh_store_trim_events(store, 100, NULL), 0);
	assert_events(store, 0, 100, 21, 30);
	bh_store_close(store);

	/* A number never comes again, not even when none is left. */
	store = open_store();
	add_events(store, 31, 31);
	assert_int_equal(bh_store_trim_events(store, 0, NULL), 0);
	assert_events(store, 0, 100, 1, 0);
	bh_store_close(store);
	store = open_store();
	add_events(store, 32, 33);
	assert_events(store, 0, 100, 32, 33);
	bh_store_close(store);
}

/* A transaction that is never committed leaves nothing, and no gap in the numbers. */
static void what_was_not_committed_is_not_kept(void **state)
{
	struct bh_store *store = open_store();

	(void)state;
	assert_int_equal(bh_store_begin(store, NULL), 0);
	add_events(store, 1, 5);
	assert_int_equal(bh_store_commit(store, NULL), 0);
	assert_int_equal(bh_store_begin(store, NULL), 0);
	add_events(store, 6, 9);
	bh_store_close(store);
	store = open_store();
	assert_events(store, 0, 100, 1, 5);
	add_events(store, 6, 7);
	assert_int_equal(bh_store_begin(store, NULL), 0);
	assert_int_equal(bh_store_commit(store, NULL), 0);
	assert_true(bh_store_commit(store, NULL) < 0);
	add_events(store, 8, 8);
	bh_store_close(store);
}

/* --- killed ---------------------------------------------------------------------------------- */

static int round_number;

/* Commits a revision and ten events, leaves a transaction half-way and is killed there. */
static int commit_and_die(void)
{
	struct bh_store *store = bh_store_open(path, NULL);
	char json[32];
	int64_t number;

	if (store == NULL || bh_store_begin(store, NULL) != 0)
		return 1;
	struct bh_revision revision = { .number = round_number, .text = "text" };
	if (bh_store_add_revision(store, &revision, NULL) != 0)
		return 2;
	for (int i = 1; i <= 10; i++) {
		snprintf(json, sizeof(json), "%d", (round_number - 1) * 10 + i);
		if (bh_store_add_event(store, 1, "k", json, &number, NULL) != 0)
			return 3;
	}
	if (bh_store_commit(store, NULL) != 0 || bh_store_begin(store, NULL) != 0)
		return 4;
	revision.number = 1000;
	if (bh_store_add_revision(store, &revision, NULL) != 0)
		return 5;
	return kill(getpid(), SIGKILL);
}

static void what_was_committed_survives_being_killed(void **state)
{
	(void)state;
	for (round_number = 1; round_number <= 10; round_number++) {
		struct bh_revision newest = { 0 };

		assert_int_equal(in_child(commit_and_die), -SIGKILL);
		struct bh_store *store = open_store();
		assert_int_equal(bh_store_revision(store, 0, &newest, NULL), 0);
		assert_int_equal(newest.number, round_number);
		free((char *)newest.text);
		assert_events(store, 0, 1000, 1, round_number * 10);
		bh_store_close(store);
	}
}

/* --- several processes ----------------------------------------------------------------------- */

static int open_and_write(struct bh_error *err)
{
	struct bh_store *store = bh_store_open(path, err);
	int64_t number;

	int result =
		store == NULL ? err->code : bh_store_add_event(store, 1, "k", "{}", &number, err);
	bh_store_close(store);
	return result;
}

/* On a slow disk those before it may take longer than the two seconds that each waits. */
static int open_and_write_in_turn(void)
{
	struct bh_error err = { 0 };
	int result = -EBUSY;

	for (int tries = 0; result == -EBUSY && tries < 20; tries++)
		result = open_and_write(&err);
	if (result != 0)
		fprintf(stderr, "%s\n", err.text);
	return result != 0;
}

/* All of them find no file and make it; all of them find it made in the end. */
static void processes_that_make_it_together_agree(void **state)
{
	enum { PROCESSES = 6, ROUNDS = 8 };

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		pid_t children[PROCESSES];
		int64_t number = 0;

		remove_stores();
		for (int i = 0; i < PROCESSES; i++) {
			children[i] = fork();
			if (children[i] == 0)
				_exit(open_and_write_in_turn());
		}
		for (int i = 0; i < PROCESSES; i++) {
			int status;

			assert_int_equal(waitpid(children[i], &status, 0), children[i]);
			assert_int_equal(status, 0);
		}
		struct bh_store *store = open_store();
		assert_int_equal(bh_store_add_event(store, 1, "k", "{}", &number, NULL), 0);
		assert_int_equal(number, PROCESSES + 1);
		bh_store_close(store);
	}
}

static void a_second_writer_waits_two_seconds_and_says_why(void **state)
{
	struct bh_store *one = open_store(), *two = open_store();
	struct bh_error err = { 0 };
	int64_t start = bh_time_monotonic();

	(void)state;
	assert_int_equal(bh_store_begin(one, NULL), 0);
	assert_int_equal(bh_store_begin(two, &err), -EBUSY);
	assert_in_range((bh_time_monotonic() - start) / 100000, 15, 100);
	assert_non_null(strstr(err.text, "in use by another process"));
	/* Reading needs no turn; and afterwards it is the other's. */
	assert_events(two, 0, 10, 1, 0);
	add_events(one, 1, 1);
	assert_int_equal(bh_store_commit(one, NULL), 0);
	assert_int_equal(bh_store_begin(two, NULL), 0);
	add_events(two, 2, 2);
	assert_int_equal(bh_store_commit(two, NULL), 0);
	bh_store_close(one);
	bh_store_close(two);
}

/* --- files that are refused ------------------------------------------------------------------ */

static void assert_untouched(const struct bh_buffer *before)
{
	struct bh_buffer after = read_bytes();

	assert_int_equal(after.length, before->length);
	assert_memory_equal(after.data, before->data, before->length);
	bh_buffer_free(&after);
}

static void assert_refused_untouched(int code, const char *words)
{
	struct bh_buffer before = read_bytes();

	assert_refused(code, words);
	assert_untouched(&before);
	bh_buffer_free(&before);
}

static void anothers_database_is_refused_and_left_alone(void **state)
{
	static const char *const foreign[] = {
		"CREATE TABLE songs (title)",
		/* The commonest of versions, and ours. */
		"CREATE TABLE songs (title); PRAGMA user_version = 1",
		"CREATE TABLE songs (title); PRAGMA user_version = 99",
		"PRAGMA user_version = 1",
		"CREATE TABLE edges (a); PRAGMA user_version = 1",
		"CREATE TABLE songs (title); PRAGMA application_id = 7; PRAGMA user_version = -1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		remove_stores();
		execute(foreign[i]);
		assert_refused_untouched(-EINVAL, "not bulkhead's");
		remove_stores();
		execute("PRAGMA journal_mode = WAL");
		execute(foreign[i]);
		assert_refused_untouched(-EINVAL, "not bulkhead's");
	}
}

static void note_called(void *user, const char *src, const char *dst, const char *names)
{
	assert_string_equal(src, "web");
	assert_string_equal(dst, "192.0.2.1");
	assert_string_equal(names, "dns b.example 2\n");
	++*(int *)user;
}

static void what_peers_were_called_comes_back(void **state)
{
	struct bh_store *store = open_store();
	int rows = 0;

	(void)state;
	assert_int_equal(bh_store_save_called(store, "web", "192.0.2.1", "dns a.example 1\n", NULL),
			 0);
	assert_int_equal(bh_store_save_called(store, "web", "192.0.2.1", "dns b.example 2\n", NULL),
			 0);
	bh_store_close(store);
	store = open_store();
	assert_int_equal(bh_store_load_called(store, note_called, &rows, NULL), 0);
	assert_int_equal(rows, 1);
	bh_store_close(store);
}

static void take_answer(void *user, const struct bh_stored_answer *answer)
{
	bh_buffer_printf(user, "%s %s %s %lld %lld\n", answer->workload, answer->name, answer->addr,
			 (long long)answer->until, (long long)answer->used);
}

static void answers_come_back_in_order_of_use(void **state)
{
	static const struct bh_stored_answer answers[] = {
		{ "web", "pay.example", "203.0.113.1", 10, 7 },
		{ "web", "pay.example", "203.0.113.2", 20, 6 },
		{ "web", "cdn.example", "203.0.113.1", 30, 5 },
		{ "web", "pay.example", "203.0.113.1", 40, 8 },
		{ "job", "pay.example", "203.0.113.1", 50, 9 },
	};
	struct bh_store *store = open_store();
	struct bh_buffer rows = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		assert_int_equal(bh_store_save_answer(store, &answers[i], NULL), 0);
	assert_int_equal(bh_store_drop_answer(store, &answers[1], NULL), 0);
	bh_store_close(store);
	store = open_store();
	assert_int_equal(bh_store_load_answers(store, take_answer, &rows, NULL), 0);
	assert_string_equal(rows.data, "web cdn.example 203.0.113.1 30 5\n"
				       "web pay.example 203.0.113.1 40 8\n"
				       "job pay.example 203.0.113.1 50 9\n");
	bh_buffer_free(&rows);
	bh_store_close(store);
}

static void take_use(void *user, const struct bh_stored_use *use)
{
	bh_buffer_printf(user, "%s %lld %lld %lld %lld %u %d %llu %lld\n", use->rule,
			 (long long)use->since, (long long)use->seen, (long long)use->watched,
			 (long long)use->used, use->told_by, use->shared,
			 (unsigned long long)use->packets, (long long)use->kept);
}

static void uses_of_rules_survive_until_they_are_old(void **state)
{
	static const struct bh_stored_use uses[] = {
		{ "aa", 1, 2, 3, 4, 2, true, 5, 600 },
		{ "bb", 7, 0, 0, 0, 0, false, 0, 499 },
		{ "aa", 1, 3, 4, 5, 1, false, 6, 700 },
	};
	struct bh_store *store = open_store();
	struct bh_buffer rows = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		assert_int_equal(bh_store_save_use(store, &uses[i], NULL), 0);
	bh_store_close(store);
	store = open_store();
	assert_int_equal(bh_store_load_uses(store, 500, take_use, &rows, NULL), 0);
	assert_string_equal(rows.data, "aa 1 3 4 5 1 0 6 700\n");
	bh_buffer_free(&rows);
	bh_store_close(store);
}

static void as_the_first_version_left_it(void)
{
	execute("DROP TABLE called; DROP TABLE instances; DROP TABLE holders; DROP TABLE watched;"
		"DROP TABLE renamed; DROP TABLE kept; DROP TABLE ledger; DROP TABLE owners;"
		"DROP TABLE walks; DROP TABLE contacts; DROP TABLE learning; DROP TABLE decisions;"
		"DROP TABLE answers; DROP TABLE samples; DROP TABLE trial;"
		"DROP TABLE existing; DROP TABLE uses; DROP TABLE shares;"
		"DROP TABLE tokens; DROP TABLE audit; DROP TABLE traffic_edges;"
		"DROP TABLE traffic; DROP TABLE past_flows;"
		"ALTER TABLE revisions DROP COLUMN confirmed;"
		"CREATE TABLE edges (src_kind INTEGER NOT NULL, src TEXT NOT NULL,"
		" dst_kind INTEGER NOT NULL, dst TEXT NOT NULL, proto INTEGER NOT NULL,"
		" port INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,"
		" connections INTEGER NOT NULL, answered INTEGER NOT NULL, bytes INTEGER NOT NULL,"
		" replicas INTEGER NOT NULL, windows INTEGER NOT NULL, last_window INTEGER NOT "
		"NULL,"
		" lossy INTEGER NOT NULL, PRIMARY KEY (src_kind, src, dst_kind, dst, proto, port))"
		" WITHOUT ROWID;"
		"INSERT INTO edges VALUES (1, 'web', 1, 'db', 6, 80, 100, 200, 3, 2, 1000, 5, 2, "
		"-3, 1);"
		"PRAGMA user_version = 1");
}

static void note_token(void *user, const struct bh_stored_token *t)
{
	bh_buffer_printf(user, "%s %s %d %lld-%lld used %lld by %s\n", t->name, t->hash, t->role,
			 (long long)t->created, (long long)t->expires, (long long)t->used,
			 t->author);
}

static void tokens_are_kept_by_name(void **state)
{
	struct bh_store *store = open_store();
	struct bh_stored_token grafana = {
		.name = "grafana", .hash = "5ca1ab1e", .role = 1, .created = 10, .author = "root"
	};
	struct bh_stored_token deploy = { .name = "deploy",
					  .hash = "c0ffee",
					  .role = 2,
					  .created = 11,
					  .expires = 99,
					  .author = "ada" };
	struct bh_buffer text = { 0 };

	(void)state;
	assert_int_equal(bh_store_save_token(store, &grafana, NULL), 0);
	assert_int_equal(bh_store_save_token(store, &deploy, NULL), 0);
	grafana.used = 12;
	assert_int_equal(bh_store_save_token(store, &grafana, NULL), 0);
	bh_store_close(store);
	store = open_store();
	assert_int_equal(bh_store_load_tokens(store, note_token, &text, NULL), 0);
	assert_string_equal(text.data, "deploy c0ffee 2 11-99 used 0 by ada\n"
				       "grafana 5ca1ab1e 1 10-0 used 12 by root\n");
	assert_int_equal(bh_store_drop_token(store, "deploy", NULL), 0);
	bh_buffer_clear(&text);
	assert_int_equal(bh_store_load_tokens(store, note_token, &text, NULL), 0);
	assert_string_equal(text.data, "grafana 5ca1ab1e 1 10-0 used 12 by root\n");
	bh_buffer_free(&text);
	bh_store_close(store);
}

#define HOUR (3600 * BH_SECOND)

struct summed {
	struct bh_traffic_counts all;
	size_t rows;
	int64_t first;
};

static void sum_traffic(void *user, const struct bh_stored_traffic *t)
{
	struct summed *s = user;

	assert_string_equal(t->src->name, "web");
	assert_int_equal(t->dst->kind, BH_PEER_DNS);
	assert_int_equal(t->port, 443);
	bh_traffic_add(&s->all, &t->counts);
	s->first = t->first;
	s->rows++;
}

static struct summed traffic_between(struct bh_store *store, int64_t since, int64_t until)
{
	struct summed s = { 0 };
	int64_t from = since, to = until;

	assert_int_equal(bh_store_traffic(store, &from, &to, sum_traffic, &s, NULL), 0);
	assert_true(from <= since && to >= until);
	return s;
}

static struct summed refused_between(struct bh_store *store, int64_t since, int64_t until)
{
	struct summed s = { 0 };

	assert_int_equal(bh_store_refused(store, &since, &until, sum_traffic, &s, NULL), 0);
	return s;
}

/* Something every ten minutes for forty days, a connection each. */
static void traffic_is_summed_over_any_time(void **state)
{
	struct bh_store *store = open_store();
	const struct bh_peer web = { BH_PEER_WORKLOAD, "web" }, pay = { BH_PEER_DNS, "dns:pay" };
	int64_t now = bh_time_now() / BH_DAY * BH_DAY + 7 * HOUR + 31 * 60 * BH_SECOND;
	int64_t begin = now - 40 * BH_DAY, since;
	bool more = true;

	(void)state;
	assert_int_equal(bh_store_begin(store, NULL), 0);
	for (int64_t t = begin; t < now; t += 600 * BH_SECOND) {
		const struct bh_stored_traffic one = { .src = &web,
						       .dst = &pay,
						       .proto = 6,
						       .port = 443,
						       .first = t,
						       .last = t + 1,
						       .counts = { .connections = 1,
								   .answered = 1,
								   .bytes = 100,
								   .denied = t == begin,
								   .would_deny = t > now - HOUR } };
		assert_int_equal(bh_store_add_traffic(store, t, &one, NULL), 0);
	}
	assert_int_equal(bh_store_commit(store, NULL), 0);
	assert_int_equal(bh_store_traffic_since(store, &since, NULL), 0);
	assert_int_equal(since, begin);
	struct summed s = traffic_between(store, begin, now);
	assert_int_equal(s.all.connections, 40 * 144);
	assert_int_equal(s.all.bytes, 40 * 14400);
	assert_int_equal(s.first, begin);
	assert_int_equal(s.rows, 1); /* of days, and of what is at their ends */
	s = refused_between(store, begin, now);
	assert_int_equal(s.all.denied, 1);
	assert_int_equal(s.all.would_deny, 5);
	assert_int_equal(s.all.connections + s.all.answered + s.all.bytes, 0);
	assert_int_equal(s.rows, 1);
	assert_int_equal(refused_between(store, now - BH_DAY, now - 2 * HOUR).rows, 0);
	assert_in_range(traffic_between(store, now - HOUR, now).all.connections, 6, 7);
	/* Rounded to five minutes at either end. */
	assert_in_range(traffic_between(store, now - 25 * HOUR, now - HOUR).all.connections, 144,
			145);
	assert_int_equal(traffic_between(store, now + HOUR, now + 2 * HOUR).rows, 0);
	while (more)
		assert_int_equal(bh_store_trim_traffic(store, now, 30 * BH_DAY, &more, NULL), 0);
	/* The short spans went, and the days that are too old; what is kept says the same. */
	s = traffic_between(store, begin, now);
	assert_in_range(s.all.connections, 30 * 144, 32 * 144);
	assert_in_range(traffic_between(store, now - HOUR, now).all.connections, 6, 7);
	assert_in_range(traffic_between(store, now - 10 * BH_DAY, now).all.connections, 10 * 144,
			10 * 144 + 6);
	bh_store_close(store);
}

/* What is in one of them is not in the other, however far back they meet. */
static void ranges_that_meet_do_not_overlap(void **state)
{
	static const int64_t ago[] = { 900,	   3600,      2 * 86400 - 1800,
				       2 * 86400,  7 * 86400, 14 * 86400 - 7200,
				       14 * 86400, 30 * 86400 };
	struct bh_store *store = open_store();
	int64_t now = bh_time_now();

	(void)state;
	for (size_t i = 0; i < sizeof(ago) / sizeof(ago[0]); i++) {
		int64_t since = now - ago[i] * BH_SECOND, until = now;
		int64_t before_since = now - 60 * BH_DAY;

		assert_int_equal(bh_store_traffic(store, &since, &until, sum_traffic, NULL, NULL),
				 0);
		int64_t before_until = since;
		assert_int_equal(bh_store_traffic(store, &before_since, &before_until, sum_traffic,
						  NULL, NULL),
				 0);
		assert_int_equal(before_until, since);
		assert_in_range(until, now, now + 300 * BH_SECOND);
	}
	bh_store_close(store);
}

struct flow_list {
	struct bh_buffer text;
	int enough;
};

static bool note_flow(void *user, int64_t number, const char *flow)
{
	struct flow_list *l = user;

	bh_buffer_printf(&l->text, "%lld:%s ", (long long)number, flow);
	return --l->enough > 0;
}

static void flows_that_are_over_are_told_newest_first(void **state)
{
	struct bh_store *store = open_store();
	struct flow_list list = { .enough = 100 };
	int64_t since;

	(void)state;
	for (int i = 1; i <= 6; i++) {
		char flow[8];

		snprintf(flow, sizeof(flow), "f%d", i);
		assert_int_equal(bh_store_add_flow(store, i * 10, flow, NULL), 0);
	}
	assert_int_equal(bh_store_trim_flows(store, 5, NULL), 0);
	assert_int_equal(bh_store_flows(store, 0, 0, INT64_MAX, 2, note_flow, &list, NULL), 0);
	assert_int_equal(bh_store_flows(store, 5, 20, 41, 100, note_flow, &list, NULL), 0);
	assert_string_equal(list.text.data, "6:f6 5:f5 4:f4 3:f3 2:f2 ");
	bh_buffer_clear(&list.text);
	list.enough = 1;
	assert_int_equal(bh_store_flows(store, 0, 0, INT64_MAX, 100, note_flow, &list, NULL), 0);
	assert_string_equal(list.text.data, "6:f6 ");
	assert_int_equal(bh_store_flows_since(store, &since, NULL), 0);
	assert_int_equal(since, 20);
	bh_buffer_free(&list.text);
	bh_store_close(store);
}

static void note_change(void *user, const struct bh_stored_change *c)
{
	bh_buffer_printf(user, "%lld: %s %s %s %s?%s %u at %lld\n", (long long)c->number, c->who,
			 c->via, c->method, c->path, c->query, c->status, (long long)c->time);
}

static void changes_are_told_newest_first_and_trimmed(void **state)
{
	struct bh_store *store = open_store();
	struct bh_buffer text = { 0 };

	(void)state;
	for (int i = 1; i <= 5; i++) {
		struct bh_stored_change change = { .time = i * 100,
						   .who = "root",
						   .via = "socket",
						   .method = "POST",
						   .path = "/v1/mode",
						   .query = "mode=learn",
						   .status = 200 };
		assert_int_equal(bh_store_add_change(store, &change, 3, NULL), 0);
	}
	assert_int_equal(bh_store_changes(store, 0, 2, note_change, &text, NULL), 0);
	assert_string_equal(text.data, "5: root socket POST /v1/mode?mode=learn 200 at 500\n"
				       "4: root socket POST /v1/mode?mode=learn 200 at 400\n");
	bh_buffer_clear(&text);
	assert_int_equal(bh_store_changes(store, 4, 10, note_change, &text, NULL), 0);
	assert_string_equal(text.data, "3: root socket POST /v1/mode?mode=learn 200 at 300\n");
	bh_buffer_free(&text);
	bh_store_close(store);
}

/* One line a sample: newest, flow. */
static void note_sample(void *user, bool newest, const char *flow)
{
	bh_buffer_printf(user, "%d %s\n", newest, flow);
}

static void note_sampled(void *user, uint64_t edge, int64_t time)
{
	bh_buffer_printf(user, "%llx at %lld\n", (unsigned long long)edge, (long long)time);
}

static void of_an_edge_two_flows_are_kept(void **state)
{
	struct bh_store *store = open_store();
	const uint64_t edge = UINT64_C(0xffffffffffff);
	struct bh_buffer text = { 0 };

	(void)state;
	assert_int_equal(bh_store_save_sample(store, edge, true, 7, "seventh", NULL), 0);
	assert_int_equal(bh_store_save_sample(store, edge, false, 1, "first", NULL), 0);
	assert_int_equal(bh_store_save_sample(store, edge, true, 8, "eighth", NULL), 0);
	assert_int_equal(bh_store_save_sample(store, 0, false, 2, "another's", NULL), 0);
	bh_store_close(store);
	store = open_store();
	assert_int_equal(bh_store_samples(store, edge, note_sample, &text, NULL), 0);
	assert_int_equal(bh_store_load_sampled(store, note_sampled, &text, NULL), 0);
	assert_string_equal(text.data, "0 first\n1 eighth\nffffffffffff at 8\n");
	bh_buffer_clear(&text);
	assert_int_equal(bh_store_samples(store, 0, note_sample, &text, NULL), 0);
	assert_string_equal(text.data, "0 another's\n");
	bh_buffer_free(&text);
	bh_store_close(store);
}

static void an_older_schema_is_brought_up_to_date(void **state)
{
	struct bh_store *store = open_store();
	/* Of its hours nobody knows more than that there was one in each window. */
	struct bh_edge edge = { .src = make_peer(BH_PEER_WORKLOAD, "web"),
				.dst = make_peer(BH_PEER_WORKLOAD, "db"),
				.proto = IPPROTO_TCP,
				.port = 80,
				.first = 100,
				.last = 200,
				.connections = 3,
				.answered = 2,
				.bytes = 1000,
				.replicas = 5,
				.windows = 2,
				.last_window = -3,
				.hours = 2,
				.last_hour = -72,
				.lossy = true };
	static struct edges edges;

	(void)state;
	bh_store_close(store);
	as_the_first_version_left_it();
	bh_store_close(open_store());
	store = open_store();
	assert_int_equal(bh_store_save_watched(store, 1, 2, NULL), 0);
	assert_int_equal(load_edges(store, &edges, NULL), 0);
	assert_int_equal(edges.count, 1);
	assert_same_edge(&edges.items[0], &edge);
	assert_int_equal(bh_store_save_called(store, "web", "192.0.2.1", "dns b.example 2\n", NULL),
			 0);
	bh_store_close(store);
}

static void assert_modes(const char *expected)
{
	struct bh_store *store = open_store();
	struct bh_buffer modes = { 0 };

	assert_int_equal(bh_store_load_modes(store, take_mode, &modes, NULL), 0);
	assert_string_equal(modes.data, expected);
	bh_buffer_free(&modes);
	bh_store_close(store);
}

/* Before stage 1 came between, enforce had its number. */
static void modes_keep_their_meaning_in_a_newer_schema(void **state)
{
	struct bh_store *store;

	(void)state;
	bh_store_close(open_store());
	as_the_first_version_left_it();
	execute("INSERT INTO modes VALUES ('api', 0, 0, ''), ('db', 2, 0, ''), ('web', 1, 0, '')");
	assert_modes("api=0 db=3 web=1 ");
	/* And that is done once. */
	store = open_store();
	assert_int_equal(bh_store_set_mode(store, "web", BH_STAGE1, 1, "root", NULL), 0);
	bh_store_close(store);
	assert_modes("api=0 db=3 web=2 ");
}

static void a_newer_schema_is_refused_and_left_alone(void **state)
{
	(void)state;
	bh_store_close(open_store());
	execute("PRAGMA user_version = 14");
	assert_refused_untouched(-EPROTO, "newer bulkhead (schema 14, this one knows 13)");
	execute("CREATE TABLE later (a); DROP TABLE ledger; PRAGMA user_version = 14");
	assert_refused_untouched(-EPROTO, "newer bulkhead (schema 14, this one knows 13)");
}

static void what_is_no_database_is_refused_and_left_alone(void **state)
{
	char noise[20000];

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(i * 31 + i / 256);
	write_bytes("hello\n", 6);
	assert_refused_untouched(-EUCLEAN, "damaged");
	write_bytes(noise, sizeof(noise));
	assert_refused_untouched(-EUCLEAN, "damaged");
	/* An empty file is a new one: nothing is lost by it. */
	write_bytes("", 0);
	struct bh_store *store = open_store();
	add_events(store, 1, 1);
	bh_store_close(store);
}

static void fill_store(void)
{
	struct bh_store *store = open_store();

	assert_int_equal(bh_store_begin(store, NULL), 0);
	for (unsigned i = 0; i < 300; i++) {
		struct bh_edge edge = make_edge(i);

		assert_int_equal(save_edge(store, &edge, NULL), 0);
	}
	add_events(store, 1, 300);
	assert_int_equal(bh_store_commit(store, NULL), 0);
	add_revision(store, 1, "text");
	bh_store_close(store);
}

#define PAGE 4096

static void damage_is_refused_and_left_alone(void **state)
{
	(void)state;
	fill_store();
	struct bh_buffer good = read_bytes();
	assert_true(good.length >= 10 * PAGE && good.length % PAGE == 0);
	/* Each page in turn made noise. */
	for (size_t at = 0; at < good.length; at += PAGE) {
		char *bad = malloc(good.length);

		memcpy(bad, good.data, good.length);
		memset(bad + at, 0xa5, PAGE);
		write_bytes(bad, good.length);
		assert_refused_untouched(-EUCLEAN, "damaged");
		free(bad);
	}
	/* Cut short, on a page's border and within one. */
	for (size_t length = PAGE; length < good.length; length += PAGE) {
		write_bytes(good.data, length);
		assert_refused_untouched(-EUCLEAN, "damaged");
		write_bytes(good.data, length - 1000);
		assert_refused_untouched(-EUCLEAN, "damaged");
	}
	write_bytes(good.data, 50);
	assert_refused_untouched(-EUCLEAN, "damaged");
	/* And moved away and back, it is whole. */
	write_bytes(good.data, good.length);
	struct bh_store *store = open_store();
	assert_events(store, 0, 1000, 1, 300);
	bh_store_close(store);
	bh_buffer_free(&good);
}

static void ignore_event(void *user, int64_t number, const char *json)
{
	(void)user;
	(void)number;
	assert_non_null(json);
}

/* A byte turned here and there may go unnoticed, but is never more than a wrong value or an
 * error. */
static void a_turned_byte_does_no_harm(void **state)
{
	uint32_t random = 7;
	static struct edges edges;
	int refused = 0;

	(void)state;
	fill_store();
	struct bh_buffer good = read_bytes();
	for (int i = 0; i < 150; i++) {
		struct bh_error err = { 0 };

		random = random * 1664525 + 1013904223;
		size_t at = (random >> 4) % good.length;
		good.data[at] ^= (char)0x41;
		remove_stores();
		write_bytes(good.data, good.length);
		struct bh_store *store = bh_store_open(path, &err);
		refused += store == NULL;
		if (store != NULL) {
			int result = load_edges(store, &edges, &err);

			if (result == 0)
				result = bh_store_events(store, 0, 1000, ignore_event, NULL, &err);
			assert_true(result == 0 || result == -EUCLEAN);
		} else {
			assert_true(err.code < 0 && err.text[0] != '\0');
		}
		bh_store_close(store);
		good.data[at] ^= (char)0x41;
	}
	assert_in_range(refused, 1, 149);
	bh_buffer_free(&good);
}

/* What the log of a killed process holds is not poured into a file that is refused. */
static void a_refused_file_keeps_its_log(void **state)
{
	(void)state;
	fill_store();
	round_number = 31;
	assert_int_equal(in_child(commit_and_die), -SIGKILL);
	/* A page of edges: the log holds none of those. */
	struct bh_buffer bytes = read_bytes();
	char *edge = memmem(bytes.data, bytes.length, "web-150", 7);
	assert_non_null(edge);
	memset(bytes.data + (size_t)(edge - bytes.data) / PAGE * PAGE, 0xa5, PAGE);
	write_bytes(bytes.data, bytes.length);
	assert_refused_untouched(-EUCLEAN, "damaged");
	bh_buffer_free(&bytes);
}

static void a_missing_table_is_damage(void **state)
{
	(void)state;
	bh_store_close(open_store());
	execute("DROP TABLE modes");
	assert_refused(-EUCLEAN, "no such table: modes");
}

/* --- files that cannot be opened ------------------------------------------------------------- */

static void a_path_that_leads_nowhere_says_so(void **state)
{
	struct bh_error err = { 0 };
	char missing[200];

	(void)state;
	snprintf(missing, sizeof(missing), "%s/missing/store.db", folder);
	assert_null(bh_store_open(missing, &err));
	assert_int_equal(err.code, -ENOENT);
	assert_non_null(strstr(err.text, "its folder must exist"));
	assert_null(bh_store_open(folder, &err));
	assert_int_equal(err.code, -EISDIR);
}

static int open_as_nobody(void)
{
	struct bh_error err = { 0 };

	if (setgid(65534) != 0 || setuid(65534) != 0)
		return 1;
	struct bh_store *store = bh_store_open(path, &err);
	return store != NULL ? 2 : err.code == -EACCES ? 0 : 3;
}

static void a_file_that_may_not_be_written_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	bh_store_close(open_store());
	/* Whether the folder may be written or not. */
	chmod(path, 0444);
	chmod(folder, 0755);
	assert_int_equal(in_child(open_as_nobody), 0);
	chmod(folder, 0777);
	assert_int_equal(in_child(open_as_nobody), 0);
}

/* --- a full disk ----------------------------------------------------------------------------- */

enum { NO_NAMESPACE = 77 };

/* A small file system that only this process sees. */
static bool mount_small(const char *options)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", folder, "tmpfs", 0, options) == 0;
}

static int count_events(struct bh_store *store)
{
	struct numbers numbers = { 0 };

	return bh_store_events(store, 0, 2000, take_event, &numbers, NULL) == 0 ? (int)numbers.count
										: -1;
}

/* The number, padded: enough of them fill any disk of this test. */
static int add_large_event(struct bh_store *store, int64_t number, struct bh_error *err)
{
	char json[20000];

	memset(json, ' ', sizeof(json) - 1);
	json[sizeof(json) - 1] = '\0';
	json[sprintf(json, "%d", (int)number)] = ' ';
	return bh_store_add_event(store, 1, "k", json, &number, err);
}

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: %s; %s\n", __LINE__, #condition, err.text);      \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

/* One transaction that is larger than the disk, the failure half-way. */
static int overfill_in_a_transaction(void)
{
	struct bh_error err = { 0 };
	int failed = 0;

	if (!mount_small("size=4m"))
		return NO_NAMESPACE;
	struct bh_store *store = bh_store_open(path, &err);
	CHECK(store != NULL && add_large_event(store, 1, &err) == 0);
	CHECK(bh_store_begin(store, &err) == 0);
	for (int i = 2; i < 500; i++) {
		int result = add_large_event(store, i, &err);

		/* Once the transaction is broken, nothing of it is kept by itself. */
		CHECK(result == (failed > 0 ? -ENOSPC : result));
		CHECK(result == 0 || result == -ENOSPC);
		failed += result != 0;
	}
	CHECK(failed > 0);
	err = (struct bh_error) { 0 };
	CHECK(bh_store_commit(store, &err) == -ENOSPC);
	CHECK(strstr(err.text, "no space left") != NULL);
	CHECK(count_events(store) == 1);
	/* And then it works again. */
	CHECK(bh_store_begin(store, &err) == 0 && add_large_event(store, 2, &err) == 0);
	CHECK(bh_store_commit(store, &err) == 0 && count_events(store) == 2);
	bh_store_close(store);
	store = bh_store_open(path, &err);
	CHECK(store != NULL && count_events(store) == 2);
	bh_store_close(store);
	return 0;
}

/* Small commits until there is no more room: what was answered with success is there. */
static int fill_bit_by_bit(void)
{
	struct bh_error err = { 0 };
	int kept = 0, result = 0;

	if (!mount_small("size=1m"))
		return NO_NAMESPACE;
	struct bh_store *store = bh_store_open(path, &err);
	CHECK(store != NULL);
	while (result == 0 && kept < 500) {
		CHECK(bh_store_begin(store, &err) == 0);
		result = add_large_event(store, kept + 1, &err);
		int committed = bh_store_commit(store, &err);
		result = result != 0 ? result : committed;
		kept += result == 0;
	}
	CHECK(result == -ENOSPC && kept > 3);
	CHECK(count_events(store) == kept);
	bh_store_close(store);
	/* A full disk is no damage. */
	store = bh_store_open(path, &err);
	CHECK(store != NULL && count_events(store) == kept);
	bh_store_close(store);
	return 0;
}

static int open_without_room(void)
{
	static const char *const sizes[] = { "size=4k", "size=16k", "size=32k", "size=64k" };
	struct bh_error err = { 0 };

	for (size_t i = 0; i < 4; i++) {
		if (!mount_small(sizes[i]))
			return NO_NAMESPACE;
		struct bh_store *store = bh_store_open(path, &err);
		CHECK(store == NULL && err.code == -ENOSPC);
	}
	return 0;
}

static void expect_success(int (*run)(void))
{
	int result = in_child(run);

	if (result == NO_NAMESPACE)
		skip();
	assert_int_equal(result, 0);
}

static void a_full_disk_breaks_a_transaction_as_a_whole(void **state)
{
	(void)state;
	expect_success(overfill_in_a_transaction);
}

static void a_full_disk_keeps_what_was_committed(void **state)
{
	(void)state;
	expect_success(fill_bit_by_bit);
}

static void a_full_disk_is_named_when_opening(void **state)
{
	(void)state;
	expect_success(open_without_room);
}

/* SQLite goes on writing to what has no name any more. */
static void a_file_that_is_moved_is_missed(void **state)
{
	struct bh_store *store = open_store();
	struct bh_error err = { 0 };
	char elsewhere[160];

	(void)state;
	assert_int_equal(bh_store_in_place(store, &err), 0);
	snprintf(elsewhere, sizeof(elsewhere), "%s.old", path);
	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(bh_store_in_place(store, &err), -ESTALE);
	assert_non_null(strstr(err.text, path));
	/* Another one in its place is not it. */
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(bh_store_in_place(store, &err), -ESTALE);
	assert_int_equal(rename(elsewhere, path), 0);
	assert_int_equal(bh_store_in_place(store, &err), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bh_store_in_place(store, &err), -ESTALE);
	bh_store_close(store);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_that_is_moved_is_missed),
		TEST(edges_survive_to_the_last_bit),
		TEST(windows_of_another_length_are_counted_anew),
		TEST(edges_of_unknown_kind_are_left_out),
		TEST(revisions_survive_and_the_newest_is_active),
		TEST(modes_and_containers_survive),
		TEST(who_held_an_address_survives),
		TEST(instances_are_bounded),
		TEST(watches_and_renamings_survive),
		TEST(events_are_numbered_and_bounded),
		TEST(what_was_not_committed_is_not_kept),
		TEST(what_was_committed_survives_being_killed),
		TEST(processes_that_make_it_together_agree),
		TEST(a_second_writer_waits_two_seconds_and_says_why),
		TEST(anothers_database_is_refused_and_left_alone),
		TEST(what_peers_were_called_comes_back),
		TEST(answers_come_back_in_order_of_use),
		TEST(of_an_edge_two_flows_are_kept),
		TEST(uses_of_rules_survive_until_they_are_old),
		TEST(tokens_are_kept_by_name),
		TEST(changes_are_told_newest_first_and_trimmed),
		TEST(traffic_is_summed_over_any_time),
		TEST(ranges_that_meet_do_not_overlap),
		TEST(flows_that_are_over_are_told_newest_first),
		TEST(an_older_schema_is_brought_up_to_date),
		TEST(modes_keep_their_meaning_in_a_newer_schema),
		TEST(a_newer_schema_is_refused_and_left_alone),
		TEST(what_is_no_database_is_refused_and_left_alone),
		TEST(damage_is_refused_and_left_alone),
		TEST(a_turned_byte_does_no_harm),
		TEST(a_refused_file_keeps_its_log),
		TEST(a_missing_table_is_damage),
		TEST(a_path_that_leads_nowhere_says_so),
		TEST(a_file_that_may_not_be_written_is_refused),
		TEST(a_full_disk_breaks_a_transaction_as_a_whole),
		TEST(a_full_disk_keeps_what_was_committed),
		TEST(a_full_disk_is_named_when_opening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
